/* dns_wire: one DNS message to one server and its answer back, over TCP, to a deadline. */
#ifndef DROVER_ACTIONS_DNS_WIRE_H
#define DROVER_ACTIONS_DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/actions/act.h"

/* TIMEOUT, REFUSED, UNREACHABLE, CLOSED, TOO_BIG. */
enum err dns_exchange(const struct place *server, const uint8_t *message, size_t size,
                      uint64_t deadline_boot_ms, uint8_t *ret_reply, size_t reply_size,
                      size_t *ret_size) ERR_CHECKED;

#endif
