/* smtp_sync: a login to a mail server, and one mail or none, blocking until its deadline at the
 * latest. Never on the loop. libcurl speaks the greeting, EHLO, STARTTLS and AUTH; behind them come
 * NOOP, and where a sender is given MAIL FROM and RSET; or a mail. Certificates are always
 * verified. */
#ifndef DROVER_SMTP_SYNC_H
#define DROVER_SMTP_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/smtp_message.h"

enum smtp_security {
    SMTP_STARTTLS = 0, /* insisted on: without it nothing is said */
    SMTP_TLS,          /* from the first byte, as on port 465 */
    SMTP_PLAIN         /* no TLS: with a user it is CONFIG */
};

struct smtp_sync_request {
    const char *address;     /* host:port, [v6]:port */
    const char *server_name; /* the certificate's; NULL: the address's host */
    const char *ehlo;        /* what we call ourselves; NULL: this host's name */
    enum smtp_security security;
    bool tls13_only;      /* else TLS 1.2 and 1.3 */
    const char *ca_file;  /* trusted roots, PEM; NULL: the system's */
    const char *user;     /* NULL: no login */
    const char *password; /* with user */
    const char *from;     /* a sender that must be accepted; NULL: not asked */
    /* A mail from `from` to these; 0 of them: none is sent. It goes to those that the server takes,
     * when it takes any. */
    const char *const *to;
    size_t to_n;         /* at most SMTP_RECIPIENTS_MAX */
    const char *message; /* as smtp_message_write makes it */
    size_t message_size;
    uint64_t deadline_boot_ms;
};

enum smtp_stage {
    SMTP_DONE = 0,
    SMTP_GREETING,
    SMTP_LOGIN,
    SMTP_NOOP,
    SMTP_SENDER,
    SMTP_RESET,
    SMTP_RECIPIENT, /* not one of them is taken */
    SMTP_DATA,
    SMTP_TAKEN /* the end of the mail: until it is answered nobody knows whether it was taken */
};

/* How far it went. DONE: everything was accepted; else the stage that was refused, with the code of
 * the reply; a LOGIN of code 0: the server offers none that we know. */
struct smtp_sync_answer {
    enum smtp_stage stage;
    unsigned code;
    unsigned refused[SMTP_RECIPIENTS_MAX]; /* the code by which a recipient was refused; 0: taken */
    bool handed_over;                      /* a mail was on its way out, whole or in part */
    uint32_t took_ms;
};

/* "login", "sender", ... */
const char *smtp_stage_text(enum smtp_stage stage);

/* OK: the server answered, by *ret_answer. TIMEOUT; REFUSED; UNREACHABLE; AUTH (a certificate does
 * not verify); UNSUPPORTED (no TLS version in common, or no STARTTLS); FORMAT (not SMTP); TOO_BIG;
 * CLOSED; CONFIG. Thread-safe. */
enum err smtp_sync(const struct smtp_sync_request *request, struct smtp_sync_answer *ret_answer,
                   struct text256 *reterr) ERR_CHECKED;

#endif
