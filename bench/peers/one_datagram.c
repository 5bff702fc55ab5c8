// For LD_PRELOAD into Debian 12's boothd (1.0-283), on kernels since 6.9.
//
// At its start boothd asks the kernel for its addresses over netlink and looks for NLMSG_DONE in
// the first message of a datagram only. Newer kernels put it behind the answers in the same
// datagram, and boothd then waits for ever for a next one. Here such a datagram is handed out in
// two: first the answers, then the end. Nothing else is changed; every other socket is passed
// through.
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned char held[64 * 1024]; // what lies behind the answers
static size_t held_n;
static int held_fd = -1;

static int is_netlink(int fd) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 && name.ss_family == AF_NETLINK;
}

// Where NLMSG_DONE begins, or n when it is not among the messages.
static size_t find_done(const unsigned char *bytes, size_t n) {
    size_t at = 0;
    while (n - at >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr head;
        memcpy(&head, bytes + at, sizeof head);
        if (head.nlmsg_type == NLMSG_DONE) {
            return at;
        }
        size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);
        if (head.nlmsg_len < sizeof head || step > n - at) {
            return n;
        }
        at += step;
    }
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    if (fd == held_fd && held_n > 0 && message->msg_iovlen == 1 &&
        message->msg_iov[0].iov_len >= held_n) {
        size_t n = held_n;
        memcpy(message->msg_iov[0].iov_base, held, n);
        held_n = 0;
        held_fd = -1;
        return (ssize_t)n;
    }
    ssize_t got = syscall(SYS_recvmsg, fd, message, flags);
    if (got <= 0 || message->msg_iovlen != 1 || !is_netlink(fd)) {
        return got;
    }
    unsigned char *bytes = message->msg_iov[0].iov_base;
    size_t n = (size_t)got;
    size_t done = find_done(bytes, n);
    if (done == 0 || done == n || n - done > sizeof held) {
        return got;
    }
    held_n = n - done;
    held_fd = fd;
    memcpy(held, bytes + done, held_n);
    return (ssize_t)done;
}
