#include "common/base/rng.h"

#include "common/base/ensure.h"

static uint64_t rotate_left(uint64_t value, int by) {
    return (value << by) | (value >> (64 - by));
}

/* splitmix64 spreads the seed over the state, as the generator's authors advise. */
void rng_seed(struct rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t rng_next(struct rng *rng) {
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t limit) {
    ensure(limit >= 1);
    uint64_t unbiased = UINT64_MAX - UINT64_MAX % limit;
    uint64_t value;
    do {
        value = rng_next(rng);
    } while (value >= unbiased);
    return value % limit;
}

bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator) {
    ensure(denominator >= 1);
    return rng_below(rng, denominator) < numerator;
}
