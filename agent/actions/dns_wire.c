/* dns_wire: see dns_wire.h. */
#include "agent/actions/dns_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/ensure.h"

static enum err fd_wait(int fd, short events, uint64_t deadline_boot_ms) {
    for (;;) {
        uint32_t left_ms = act_left_ms(deadline_boot_ms);
        struct pollfd one = {.fd = fd, .events = events};
        if (left_ms == 0) {
            return ERR_TIMEOUT;
        }
        int n = poll(&one, 1, (int)(left_ms < 1000 ? left_ms : 1000));
        if (n > 0) {
            return ERR_OK;
        }
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
    }
}

static socklen_t address_of(const struct place *server, struct sockaddr_storage *address) {
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, server->host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(server->port);
        return sizeof *four;
    }
    int parsed = inet_pton(AF_INET6, server->host, &six->sin6_addr);
    ensure(parsed == 1); /* places are numeric */
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(server->port);
    return sizeof *six;
}

static enum err code_err(int code) {
    return code == ECONNREFUSED ? ERR_REFUSED : ERR_UNREACHABLE;
}

static enum err server_connect(int fd, const struct place *server, uint64_t deadline_boot_ms) {
    struct sockaddr_storage address;
    socklen_t size = address_of(server, &address);
    int code = 0;
    socklen_t code_size = sizeof code;
    if (connect(fd, (struct sockaddr *)&address, size) == 0) {
        return ERR_OK;
    }
    if (errno != EINPROGRESS) {
        return code_err(errno);
    }
    enum err err = fd_wait(fd, POLLOUT, deadline_boot_ms);
    if (err == ERR_OK && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_size) == 0 &&
        code != 0) {
        return code_err(code);
    }
    return err;
}

static enum err bytes_send(int fd, const uint8_t *bytes, size_t size, uint64_t deadline_boot_ms) {
    for (size_t sent = 0; sent < size;) {
        enum err err = fd_wait(fd, POLLOUT, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        ssize_t n = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return ERR_CLOSED;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

static enum err bytes_receive(int fd, uint8_t *bytes, size_t size, uint64_t deadline_boot_ms) {
    for (size_t got = 0; got < size;) {
        enum err err = fd_wait(fd, POLLIN, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        ssize_t n = recv(fd, bytes + got, size - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return ERR_CLOSED;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

static enum err fd_exchange(int fd, const struct place *server, const uint8_t *message, size_t size,
                            uint64_t deadline_boot_ms, uint8_t *reply, size_t reply_size,
                            size_t *ret_size) {
    uint8_t length[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    enum err err = server_connect(fd, server, deadline_boot_ms);
    if (err == ERR_OK) {
        err = bytes_send(fd, length, sizeof length, deadline_boot_ms);
    }
    if (err == ERR_OK) {
        err = bytes_send(fd, message, size, deadline_boot_ms);
    }
    if (err == ERR_OK) {
        err = bytes_receive(fd, length, sizeof length, deadline_boot_ms);
    }
    size_t n = (size_t)length[0] << 8 | length[1];
    if (err == ERR_OK && n > reply_size) {
        return ERR_TOO_BIG;
    }
    if (err == ERR_OK) {
        err = bytes_receive(fd, reply, n, deadline_boot_ms);
        *ret_size = n;
    }
    return err;
}

enum err dns_exchange(const struct place *server, const uint8_t *message, size_t size,
                      uint64_t deadline_boot_ms, uint8_t *ret_reply, size_t reply_size,
                      size_t *ret_size) {
    ensure(size <= UINT16_MAX);
    int family = strchr(server->host, ':') != NULL ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    enum err err =
        fd_exchange(fd, server, message, size, deadline_boot_ms, ret_reply, reply_size, ret_size);
    (void)close(fd);
    return err;
}
