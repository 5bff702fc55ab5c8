/* net: byte streams and datagrams to a deadline, for who speaks a protocol without a library.
 * Sockets are non-blocking; every wait is a poll that ends at the deadline, so a peer that sends
 * one byte a second gains nothing by it. */
#ifndef DROVER_NET_H
#define DROVER_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

struct net_address {
    char host[ADDRESS_SIZE]; /* without brackets */
    uint16_t port;
    bool numeric; /* IPv4 or IPv6: nothing has to be looked up */
};

/* "host:port" or "[v6]:port". CONFIG. */
enum err net_address_parse(const char *text, struct net_address *ret_address,
                           struct text256 *reterr) ERR_CHECKED;

/* A name's first address, as numeric text; a numeric host is copied. Names are looked up by
 * libcurl, whose lookup ends at the deadline, and only addresses that accept a connection count.
 * Write numeric addresses where the failover depends on the probe. */
enum err net_numeric(const struct net_address *address, uint64_t deadline_boot_ms,
                     char ret_numeric[ADDRESS_SIZE], struct text256 *reterr) ERR_CHECKED;

/* TCP. TIMEOUT, REFUSED, UNREACHABLE. The caller closes *ret_fd. */
enum err net_connect(const struct net_address *address, uint64_t deadline_boot_ms, int *ret_fd,
                     struct text256 *reterr) ERR_CHECKED;
/* A connected UDP socket: only datagrams of that peer arrive. */
enum err net_connect_udp(const struct net_address *address, int *ret_fd,
                         struct text256 *reterr) ERR_CHECKED;
/* A Unix stream socket. */
enum err net_connect_path(const char *path, uint64_t deadline_boot_ms, int *ret_fd,
                          struct text256 *reterr) ERR_CHECKED;

/* Waits until fd is readable (or writable). TIMEOUT at the deadline. */
enum err net_wait(int fd, bool for_writing, uint64_t deadline_boot_ms) ERR_CHECKED;

/* All of it. TIMEOUT, CLOSED. */
enum err net_send(int fd, const void *data, size_t size, uint64_t deadline_boot_ms) ERR_CHECKED;

/* At least one byte, at most `size`; *ret_n 0 at the peer's end of the stream. TIMEOUT, CLOSED. */
enum err net_receive(int fd, void *buffer, size_t size, uint64_t deadline_boot_ms,
                     size_t *ret_n) ERR_CHECKED;

/* Until the peer's end of the stream. TOO_BIG when more than `size` comes. */
enum err net_receive_all(int fd, void *buffer, size_t size, uint64_t deadline_boot_ms,
                         size_t *ret_n) ERR_CHECKED;

#endif
