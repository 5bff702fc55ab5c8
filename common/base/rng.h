/* rng: a small seeded generator (xoshiro256**, Blackman and Vigna 2018) for jitter and simulation.
 * Never for keys or nonces: those come from the kernel (common/io/sign.h). */
#ifndef DROVER_RNG_H
#define DROVER_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Any seed, zero included. The same seed gives the same numbers for ever: traces depend on it. */
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* 0 .. limit - 1, without bias; limit >= 1. */
uint64_t rng_below(struct rng *rng, uint64_t limit);
/* True with probability numerator / denominator. */
bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator);

#endif
