/* stamp: one instant on two clocks of the same machine, in ms. Who must stop in time (a lease, a
 * fence) believes the clock that says more has passed; who must wait (a member after a close, a
 * promise) believes the one that says less. Facts: docs/safety.md, "Clocks". */
#ifndef DROVER_STAMP_H
#define DROVER_STAMP_H

#include <stdint.h>

struct stamp {
    uint64_t boot_ms; /* CLOCK_BOOTTIME: counts suspends */
    uint64_t raw_ms;  /* CLOCK_MONOTONIC_RAW: never slewed */
};

/* A clock that went backwards counts as "everything has passed" for stoppers ... */
static inline uint64_t stamp_most_passed_ms(struct stamp since, struct stamp now) {
    if (now.boot_ms < since.boot_ms || now.raw_ms < since.raw_ms) {
        return UINT64_MAX;
    }
    uint64_t boot_ms = now.boot_ms - since.boot_ms;
    uint64_t raw_ms = now.raw_ms - since.raw_ms;
    return boot_ms > raw_ms ? boot_ms : raw_ms;
}

/* ... and as "nothing has passed" for waiters. */
static inline uint64_t stamp_least_passed_ms(struct stamp since, struct stamp now) {
    if (now.boot_ms < since.boot_ms || now.raw_ms < since.raw_ms) {
        return 0;
    }
    uint64_t boot_ms = now.boot_ms - since.boot_ms;
    uint64_t raw_ms = now.raw_ms - since.raw_ms;
    return boot_ms < raw_ms ? boot_ms : raw_ms;
}

#endif
