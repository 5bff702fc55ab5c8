/* smtp_reply: one reply of a mail server, read from bytes. Pure. */
#ifndef DROVER_SMTP_REPLY_H
#define DROVER_SMTP_REPLY_H

#include <stddef.h>

#include "common/base/err.h"

#define SMTP_REPLY_SIZE 4096 /* what is kept of a reply; RFC 5321 has lines of at most 512 */

/* The reply at the beginning of `text`: lines of one code, all but the last with a '-' behind it.
 * *ret_size: its bytes, 0 as long as its end is not there; *ret_code 200..599 then, else 0. FORMAT
 * for what is no reply, however much is missing. */
enum err smtp_reply_read(const char *text, size_t size, unsigned *ret_code,
                         size_t *ret_size) ERR_CHECKED;

#endif
