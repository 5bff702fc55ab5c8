/* ticks: how old the log's newest TICK may be, as one member can tell. Pure.
 *
 * A member that was cut off from the log applies a TICK long after it was put there. Whoever takes
 * the moment of applying for the TICK's own believes an old decision to be a new one. So the time
 * between two TICKs here is compared with the time that the second one counts: what is more was its
 * delay. Clocks run apart, a new timekeeper's gap counts nothing (it may tell the same time as
 * TICKs that it had not read yet), and wall clocks lie: so what was taken for a delay is made good,
 * the faster the longer it is, but only while TICKs come as fast as they count. What is read in a
 * row, after a time away, makes nothing good but what it counts. */
#ifndef DROVER_TICKS_H
#define DROVER_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/stamp.h"

struct ticks {
    bool seen;
    struct stamp applied;
    uint64_t behind_ms; /* so old the newest TICK may have been when it was applied */
};

/* One was read while catching up: only the wall clocks tell how long ago it was. */
void ticks_read_back(struct ticks *ticks, uint64_t ago_ms, struct stamp now);
/* A TICK (counted_ms: its elapsed time) or a TIMEKEEPER (0) was applied. */
void ticks_applied(struct ticks *ticks, uint32_t counted_ms, struct stamp now);

/* ms since the newest TICK was put into the log, at most; UINT32_MAX: nobody knows. */
uint32_t ticks_silent_ms(const struct ticks *ticks, struct stamp now);

#endif
