#include "common/io/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/http_sync.h"

static bool host_fits(const char *host) {
    if (host[0] == '\0') {
        return false;
    }
    for (size_t i = 0; host[i] != '\0'; i++) {
        char c = host[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '-' && c != '_' && c != ':') {
            return false;
        }
    }
    return true;
}

enum err net_address_parse(const char *text, struct net_address *ret_address,
                           struct text256 *reterr) {
    struct net_address address = {.port = 0};
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    uint64_t port = 0;
    size_t host_n = colon != NULL ? (size_t)(colon - text) : 0;
    if (bracketed && host_n >= 2) {
        host_n -= 2;
    }
    if (colon == NULL || host_n == 0 || host_n >= sizeof address.host ||
        (bracketed && text[host_n + 1] != ']') || !text_to_u64(colon + 1, 65535, &port) ||
        port == 0) {
        text_say(reterr, "%.100s: expected host:port or [v6]:port", text);
        return ERR_CONFIG;
    }
    memcpy(address.host, text + (bracketed ? 1 : 0), host_n);
    address.host[host_n] = '\0';
    address.port = (uint16_t)port;
    struct in6_addr any;
    bool v6 = inet_pton(AF_INET6, address.host, &any) == 1;
    address.numeric = v6 || inet_pton(AF_INET, address.host, &any) == 1;
    if (!host_fits(address.host) || v6 != bracketed) {
        text_say(reterr, "%.100s: expected host:port or [v6]:port", text);
        return ERR_CONFIG;
    }
    *ret_address = address;
    return ERR_OK;
}

static socklen_t sockaddr_fill(const struct net_address *address,
                               struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    if (inet_pton(AF_INET, address->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, address->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        return sizeof *v6;
    }
    return 0;
}

static enum err connect_err(int reason) {
    switch (reason) {
    case ECONNREFUSED:
    case ECONNRESET: return ERR_REFUSED;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ENOENT: return ERR_NOT_FOUND;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case EMFILE:
    case ENFILE: return ERR_IO;
    default: return ERR_UNREACHABLE;
    }
}

enum err net_wait(int fd, bool for_writing, uint64_t deadline_boot_ms) {
    for (;;) {
        uint64_t now_ms = clock_boot_ms();
        if (now_ms >= deadline_boot_ms) {
            return ERR_TIMEOUT;
        }
        uint64_t left_ms = deadline_boot_ms - now_ms;
        struct pollfd watched = {.fd = fd, .events = for_writing ? POLLOUT : POLLIN};
        int ready = poll(&watched, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready > 0) {
            return ERR_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return ERR_IO;
        }
    }
}

static enum err connect_finish(int fd, const struct sockaddr *address, socklen_t size,
                               uint64_t deadline_boot_ms) {
    if (connect(fd, address, size) == 0) {
        return ERR_OK;
    }
    /* EAGAIN: a Unix socket whose queue is full, a server that does not accept. */
    if (errno == EAGAIN) {
        return ERR_TIMEOUT;
    }
    if (errno != EINPROGRESS) {
        return connect_err(errno);
    }
    enum err err = net_wait(fd, true, deadline_boot_ms);
    if (err != ERR_OK) {
        return err;
    }
    int reason = 0;
    socklen_t reason_size = sizeof reason;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &reason_size) != 0 || reason != 0) {
        return connect_err(reason != 0 ? reason : errno);
    }
    return ERR_OK;
}

static enum err socket_connect(const struct sockaddr *address, socklen_t size, int type,
                               uint64_t deadline_boot_ms, int *ret_fd) {
    int fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    enum err err = connect_finish(fd, address, size, deadline_boot_ms);
    if (err != ERR_OK) {
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err net_numeric(const struct net_address *address, uint64_t deadline_boot_ms,
                     char ret_numeric[ADDRESS_SIZE], struct text256 *reterr) {
    if (address->numeric) {
        (void)text_copy(ret_numeric, ADDRESS_SIZE, address->host);
        return ERR_OK;
    }
    return http_sync_numeric(address->host, address->port, deadline_boot_ms, ret_numeric,
                             ADDRESS_SIZE, reterr);
}

enum err net_connect(const struct net_address *address, uint64_t deadline_boot_ms, int *ret_fd,
                     struct text256 *reterr) {
    struct net_address numeric = *address;
    enum err err = net_numeric(address, deadline_boot_ms, numeric.host, reterr);
    if (err != ERR_OK) {
        return err;
    }
    struct sockaddr_storage storage;
    socklen_t size = sockaddr_fill(&numeric, &storage);
    ensure(size > 0);
    err = socket_connect((struct sockaddr *)&storage, size, SOCK_STREAM, deadline_boot_ms, ret_fd);
    if (err != ERR_OK) {
        text_say(reterr, "%s", err_text(err));
    }
    return err;
}

enum err net_connect_udp(const struct net_address *address, int *ret_fd, struct text256 *reterr) {
    struct sockaddr_storage storage;
    socklen_t size = sockaddr_fill(address, &storage);
    if (size == 0) {
        text_say(reterr, "%.100s: expected a numeric address", address->host);
        return ERR_CONFIG;
    }
    return socket_connect((struct sockaddr *)&storage, size, SOCK_DGRAM, UINT64_MAX, ret_fd);
}

enum err net_connect_path(const char *path, uint64_t deadline_boot_ms, int *ret_fd,
                          struct text256 *reterr) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof address.sun_path, path)) {
        text_say(reterr, "%.100s...: longer than a socket's path may be", path);
        return ERR_CONFIG;
    }
    enum err err = socket_connect((struct sockaddr *)&address, sizeof address, SOCK_STREAM,
                                  deadline_boot_ms, ret_fd);
    if (err != ERR_OK) {
        text_say(reterr, "%s", err_text(err));
    }
    return err;
}

enum err net_send(int fd, const void *data, size_t size, uint64_t deadline_boot_ms) {
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return errno == ECONNREFUSED ? ERR_REFUSED : ERR_CLOSED;
        }
        enum err err = net_wait(fd, true, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

enum err net_receive(int fd, void *buffer, size_t size, uint64_t deadline_boot_ms, size_t *ret_n) {
    ensure(size > 0);
    for (;;) {
        enum err err = net_wait(fd, false, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        ssize_t n = recv(fd, buffer, size, 0);
        if (n >= 0) {
            *ret_n = (size_t)n;
            return ERR_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return errno == ECONNREFUSED ? ERR_REFUSED : ERR_CLOSED;
        }
    }
}

enum err net_receive_all(int fd, void *buffer, size_t size, uint64_t deadline_boot_ms,
                         size_t *ret_n) {
    char *at = buffer;
    size_t used = 0;
    for (;;) {
        char one_more;
        size_t n = 0;
        bool full = used == size;
        enum err err = net_receive(fd, full ? &one_more : at + used, full ? 1 : size - used,
                                   deadline_boot_ms, &n);
        if (err != ERR_OK) {
            return err;
        }
        if (n == 0) {
            *ret_n = used;
            return ERR_OK;
        }
        if (full) {
            return ERR_TOO_BIG;
        }
        used += n;
    }
}
