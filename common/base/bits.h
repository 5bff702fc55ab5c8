/* bits: sets of up to 64 small numbers (members, agents, regions) in one word. */
#ifndef DROVER_BITS_H
#define DROVER_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/ensure.h"

static inline uint64_t bit(unsigned index) {
    ensure(index < 64);
    return UINT64_C(1) << index;
}

static inline bool bits_has(uint64_t set, unsigned index) {
    return (set & bit(index)) != 0;
}

static inline unsigned bits_count(uint64_t set) {
    return (unsigned)__builtin_popcountll(set);
}

/* More than half of `all_n`, as a count: 1 of 1, 2 of 3, 3 of 4, 3 of 5. */
static inline unsigned majority_of(unsigned all_n) {
    return all_n / 2 + 1;
}

#endif
