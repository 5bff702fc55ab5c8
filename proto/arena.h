/* arena: the bounded memory that one decode may use, taken from the caller's scratch. Pure.
 *
 * protobuf-c 1.4 has two habits that this contains: it allocates up to twenty times a frame's
 * size, and after a failure it walks half-built messages, reading fields that it never wrote. So
 * the arena ends at the scratch, and every block it gives is zeroed. Blocks are never given back
 * one by one. */
#ifndef DROVER_ARENA_H
#define DROVER_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *at; /* the scratch, borrowed */
    size_t size;
    size_t used;
    bool exhausted; /* a block was refused */
};

struct arena arena_over(uint8_t *scratch, size_t scratch_size);

/* A zeroed block, aligned for everything, or NULL. */
void *arena_take(struct arena *arena, size_t size);

/* The size that was asked for when this block was taken; 0 for a pointer that is not a block of
 * this arena (protobuf-c's own empty string). */
size_t arena_block_size(const struct arena *arena, const void *block);

#endif
