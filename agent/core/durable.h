/* durable: what a guard keeps over restarts, as the bytes of its file. Pure. */
#ifndef DROVER_DURABLE_H
#define DROVER_DURABLE_H

#include <stddef.h>

#include "agent/core/holder.h"

#define DURABLE_SIZE 32

/* Writes exactly DURABLE_SIZE bytes: a magic number, the three epochs, a checksum. */
void durable_write(const struct holder_durable *durable, uint8_t out[DURABLE_SIZE]);
/* False when these are not bytes that durable_write made. */
bool durable_read(const uint8_t *in, size_t in_size, struct holder_durable *ret_durable);

#endif
