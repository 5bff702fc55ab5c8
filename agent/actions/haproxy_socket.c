/* haproxy_socket: see haproxy_socket.h. */
#include "agent/actions/haproxy_socket.h"

#include <string.h>
#include <unistd.h>

#include "common/io/net.h"

enum err haproxy_exchange(const char *socket, const char *command, uint64_t deadline_boot_ms,
                          char *ret_reply, size_t reply_size, size_t *ret_reply_n,
                          struct text256 *reterr) {
    struct net_address address;
    size_t n = 0;
    int fd = -1;
    enum err err = ERR_OK;
    if (socket[0] == '/') {
        err = net_connect_path(socket, deadline_boot_ms, &fd, reterr);
    } else {
        err = net_address_parse(socket, &address, reterr);
        if (err == ERR_OK) {
            err = net_connect(&address, deadline_boot_ms, &fd, reterr);
        }
    }
    if (err == ERR_OK) {
        err = net_send(fd, command, strlen(command), deadline_boot_ms);
        if (err == ERR_OK) {
            err = net_receive_all(fd, ret_reply, reply_size - 1, deadline_boot_ms, &n);
        }
        (void)close(fd);
    }
    ret_reply[n] = '\0';
    *ret_reply_n = n;
    return err;
}
