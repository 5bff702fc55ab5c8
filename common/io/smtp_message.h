/* smtp_message: the bytes of one mail, plain text of UTF-8, in seven bits: nothing that a topology
 * or a fact says ends a header early, is no ASCII on the wire, or makes a line longer than mail
 * servers take. Lines end in CRLF; dots at their beginning are not doubled yet (smtp_sync does). No
 * clock, no I/O. */
#ifndef DROVER_SMTP_MESSAGE_H
#define DROVER_SMTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define SMTP_RECIPIENTS_MAX 8
#define SMTP_PARAGRAPHS_MAX 4
#define SMTP_MESSAGE_SIZE (48 * 1024) /* four texts of FILLED_SIZE, each byte written as three */

struct smtp_message {
    const char *sender; /* bare, as drover@bud.example: smtp_mailbox_fits */
    const char *to[SMTP_RECIPIENTS_MAX];
    uint8_t to_n;
    const char *subject;
    const char *paragraphs[SMTP_PARAGRAPHS_MAX];
    uint8_t paragraphs_n;
    uint64_t wall_ms;       /* of its Date */
    const char *message_id; /* without < and >, of printable ASCII without blanks */
};

/* Of printable ASCII without blanks and what mail gives a meaning: <>()[]\,;:" */
bool smtp_mailbox_fits(const char *mailbox);

/* CONFIG: a mailbox or the Message-ID is none; TOO_BIG. */
enum err smtp_message_write(const struct smtp_message *message, char *out, size_t out_size,
                            size_t *ret_size) ERR_CHECKED;

#endif
