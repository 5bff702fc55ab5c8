/* haproxy_socket: one command to HAProxy's runtime socket. */
#ifndef DROVER_ACTIONS_HAPROXY_SOCKET_H
#define DROVER_ACTIONS_HAPROXY_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

/* socket: an absolute path or numeric host:port. The command ends with a newline; the whole reply
 * is terminated. TIMEOUT, REFUSED, UNREACHABLE, TOO_BIG; reterr may stay empty. */
enum err haproxy_exchange(const char *socket, const char *command, uint64_t deadline_boot_ms,
                          char *ret_reply, size_t reply_size, size_t *ret_reply_n,
                          struct text256 *reterr) ERR_CHECKED;

#endif
