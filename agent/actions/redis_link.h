/* redis_link: one connection to one Redis or Sentinel, every wait bounded by a deadline. The only
 * includer of hiredis here. */
#ifndef DROVER_ACTIONS_REDIS_LINK_H
#define DROVER_ACTIONS_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/actions/act.h"

struct redis_context; /* hiredis's */

struct redis_link {
    struct place place;
    struct redis_context *context; /* NULL: not connected */
};

struct redis_login {
    const char *user; /* "" : the default user */
    const char *password;
};

/* Connects and signs in. REFUSED, TIMEOUT, UNREACHABLE, AUTH, BUSY (it loads its data). */
enum err redis_link_open(const struct place *place, const struct redis_login *login,
                         uint64_t deadline_boot_ms, struct redis_link *ret_link,
                         struct text256 *reterr) ERR_CHECKED;
void redis_link_close(struct redis_link *link);

/* One command. The reply as text: strings and status as they are, numbers in decimal, lists as
 * their elements one a line, nil as "". FAILED with Redis's own error line in ret_text and
 * reterr; TOO_BIG when it does not fit; TIMEOUT or CLOSED end the connection. */
enum err redis_link_ask(struct redis_link *link, int words_n, const char *const *words,
                        uint64_t deadline_boot_ms, char *ret_text, size_t text_size,
                        struct text256 *reterr) ERR_CHECKED;

#endif
