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

/* What one member's own TICKs have told of the time, so that none tells any of it twice. All
 * instants are of its boot clock, modulo 2^64: what it read of the log may lie before the boot, and
 * a clock that was set back counts nothing until it has come up again. Of a TICK that was written
 * anew, with another elapsed time under the same key, it is known which text landed only when it is
 * applied. Zero it at the start: then nothing was told since the boot. */
struct tick_count {
    uint64_t told_ms;           /* up to here TICKs have told */
    uint64_t own_index, own_ms; /* its newest TICK that was applied, and what that one counted */
    uint64_t awaited_index;     /* acknowledged, written anew, not applied yet; 0: none */
};

/* ms that no TICK has told yet. */
uint64_t tick_count_untold_ms(const struct tick_count *count, uint64_t now_ms);
/* True while a TICK that was acknowledged has to be applied before the next one may be measured. */
bool tick_count_awaits(const struct tick_count *count, uint64_t applied_index);
/* The log acknowledged this member's TICK at `index`, measured at measured_ms. */
void tick_count_landed(struct tick_count *count, bool rewritten, uint64_t measured_ms,
                       uint64_t index, uint64_t now_ms);
/* This member's TICK was applied. */
void tick_count_applied(struct tick_count *count, uint64_t index, uint32_t elapsed_ms,
                        uint64_t now_ms);
/* Somebody told the time up to ago_ms before now, whatever this member told. */
void tick_count_told(struct tick_count *count, uint64_t ago_ms, uint64_t now_ms);
/* A snapshot that told the time up to ago_ms before now: what others counted must not be counted
 * again; what this member told itself, and the snapshot does not know, stays told. */
void tick_count_snapshot(struct tick_count *count, uint64_t ago_ms, uint64_t now_ms);

#endif
