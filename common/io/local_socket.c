#include "common/io/local_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int local_socket_listen(const char *path, mode_t mode, int backlog, struct text256 *reterr) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof address.sun_path, path)) {
        text_say(reterr, "%s: expected at most %zu characters", path, sizeof address.sun_path - 1);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path);
    mode_t mask = umask(~mode & 0777);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)umask(mask);
    if (!bound || listen(fd, backlog) != 0) {
        text_say(reterr, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

int local_socket_accept(int listener, const uid_t *uids, size_t uids_n) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    bool ours = known && (peer.uid == 0 || peer.uid == geteuid());
    for (size_t i = 0; known && i < uids_n; i++) {
        ours = ours || peer.uid == uids[i];
    }
    if (!ours) {
        (void)close(fd);
        return -1;
    }
    return fd;
}
