/* local_socket: packets between processes of one host (AF_UNIX, SOCK_SEQPACKET). */
#ifndef DROVER_LOCAL_SOCKET_H
#define DROVER_LOCAL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/text.h"

/* A listening descriptor, not blocking; an older socket of that path is replaced. -1: reterr. */
int local_socket_listen(const char *path, mode_t mode, int backlog, struct text256 *reterr);

/* A new client, not blocking, and the user it runs as. -1: nobody there, or gone again. */
int local_socket_accept(int listener, uid_t *ret_uid);

#endif
