#include "proto/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "common/base/ensure.h"

#define ALIGNMENT alignof(max_align_t)

/* Before each block: its size, in a cell as large as the alignment. */
static_assert(sizeof(size_t) <= ALIGNMENT, "a size fits the cell before a block");

struct arena arena_over(uint8_t *scratch, size_t scratch_size) {
    ensure(scratch != NULL || scratch_size == 0);
    size_t off = (ALIGNMENT - (uintptr_t)scratch % ALIGNMENT) % ALIGNMENT;
    if (off >= scratch_size) {
        return (struct arena){.at = scratch};
    }
    return (struct arena){.at = scratch + off, .size = scratch_size - off};
}

void *arena_take(struct arena *arena, size_t size) {
    size_t left = arena->size - arena->used;
    ensure(arena->used <= arena->size);
    if (arena->exhausted || left < 2 * ALIGNMENT || size > left - 2 * ALIGNMENT) {
        arena->exhausted = true;
        return NULL;
    }
    uint8_t *cell = arena->at + arena->used;
    memcpy(cell, &size, sizeof size);
    memset(cell + ALIGNMENT, 0, size);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    arena->used += ALIGNMENT + rounded;
    return cell + ALIGNMENT;
}

size_t arena_block_size(const struct arena *arena, const void *block) {
    uintptr_t start = (uintptr_t)arena->at;
    uintptr_t at = (uintptr_t)block;
    if (at < start + ALIGNMENT || at >= start + arena->used) {
        return 0;
    }
    size_t size = 0;
    memcpy(&size, (const uint8_t *)block - ALIGNMENT, sizeof size);
    return size;
}
