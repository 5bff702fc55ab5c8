#include "coordinator/ticks.h"

#define FORGIVEN_MS 20
#define BEHIND_MAX_MS 10000 /* made good within half a minute */

static uint64_t passed_ms(struct stamp since, struct stamp now) {
    uint64_t most_ms = stamp_most_passed_ms(since, now);
    return most_ms > UINT32_MAX ? UINT32_MAX : most_ms; /* a clock that went backwards, too */
}

void ticks_read_back(struct ticks *ticks, uint64_t ago_ms, struct stamp now) {
    ticks->seen = ticks->read_back = true;
    ticks->applied = now;
    ticks->behind_ms = ago_ms < UINT32_MAX ? ago_ms : UINT32_MAX;
}

void ticks_applied(struct ticks *ticks, uint32_t counted_ms, struct stamp now) {
    uint64_t counted = (uint64_t)counted_ms + counted_ms / 4 + FORGIVEN_MS;
    uint64_t passed = passed_ms(ticks->applied, now);
    /* The first one here, or the first by a clock that was set back: nothing to compare it with. */
    bool comparable = ticks->seen && !ticks->read_back && passed < UINT32_MAX;
    uint64_t late_ms = comparable ? ticks->behind_ms + passed : 0;
    uint64_t behind_ms = late_ms > counted ? late_ms - counted : 0;
    ticks->behind_ms = behind_ms > BEHIND_MAX_MS ? BEHIND_MAX_MS : behind_ms;
    ticks->seen = true;
    ticks->read_back = false;
    ticks->applied = now;
}

uint32_t ticks_silent_ms(const struct ticks *ticks, struct stamp now) {
    uint64_t silent_ms =
        ticks->seen ? ticks->behind_ms + passed_ms(ticks->applied, now) : UINT32_MAX;
    return silent_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)silent_ms;
}
