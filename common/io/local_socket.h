/* local_socket: packets between processes of one host (AF_UNIX, SOCK_SEQPACKET). */
#ifndef DROVER_LOCAL_SOCKET_H
#define DROVER_LOCAL_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/text.h"

/* A listening descriptor, not blocking; an older socket of that path is replaced. -1: reterr. */
int local_socket_listen(const char *path, mode_t mode, int backlog, struct text256 *reterr);

/* A new client, not blocking, that runs as root, as ourselves or as one of `uids`; the kernel says
 * which. -1: nobody there, gone again, or somebody else, who is sent away. */
int local_socket_accept(int listener, const uid_t *uids, size_t uids_n);

#endif
