#include "common/io/knock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/topology/limits.h"

/* The size of the address, 0 when it is none. */
static socklen_t parse(const char *text, struct sockaddr_storage *ret_address) {
    struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
    char host[ADDRESS_SIZE];
    uint64_t port = 0;
    char *colon = text_copy(host, sizeof host, text) ? strrchr(host, ':') : NULL;
    memset(ret_address, 0, sizeof *ret_address);
    if (colon == NULL || colon == host || !text_to_u64(colon + 1, 65535, &port)) {
        return 0;
    }
    bool is_six = host[0] == '[' && colon[-1] == ']';
    colon[is_six ? -1 : 0] = '\0';
    ret_address->ss_family = is_six ? AF_INET6 : AF_INET;
    if (is_six) {
        six->sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 ? sizeof *six : 0;
    }
    four->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? sizeof *four : 0;
}

/* The kernel asks a socket for the file-system user that made it (nftables' skuid). */
static int socket_of(uid_t uid, int family) {
    (void)setfsuid(uid);
    bool changed = (uid_t)setfsuid((uid_t)-1) == uid;
    int fd = changed ? socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    int error = changed ? errno : EPERM;
    (void)setfsuid(geteuid());
    errno = error;
    return fd;
}

bool knock_refused(const char *address, uid_t uid, uint32_t patience_ms) {
    struct sockaddr_storage to;
    socklen_t size = parse(address, &to);
    int fd = size == 0 ? -1 : socket_of(uid, to.ss_family);
    if (fd < 0) {
        return size != 0 && errno == EAFNOSUPPORT;
    }
    int error = connect(fd, (struct sockaddr *)&to, size) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t error_size = sizeof error;
        if (poll(&wait, 1, (int)patience_ms) != 1 ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) {
            error = ETIMEDOUT;
        }
    }
    (void)close(fd);
    return error == ECONNREFUSED || error == ECONNRESET || error == EADDRNOTAVAIL ||
           error == ENETUNREACH || error == EHOSTUNREACH;
}
