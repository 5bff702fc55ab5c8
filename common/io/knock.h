/* knock: would the kernel of this host refuse a connection of an ordinary user to this address? */
#ifndef DROVER_KNOCK_H
#define DROVER_KNOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Connects to "IP:PORT" or "[IPv6]:PORT" with a socket that belongs to `uid` (the caller must be
 * root) and waits at most patience_ms. True only when the connection was refused or its address is
 * not there; silence, success and troubles of our own are false: they prove nothing. */
bool knock_refused(const char *address, uid_t uid, uint32_t patience_ms);

#endif
