#include "coordinator/ticks.h"

#define FORGIVEN_MS 20
#define FORGIVEN_PART 4    /* one part in four of the time that is followed */
#define MADE_GOOD_MS 8000u /* a long delay becomes an e-th of itself in so long */

static uint64_t passed_ms(struct stamp since, struct stamp now) {
    uint64_t most_ms = stamp_most_passed_ms(since, now);
    return most_ms > UINT32_MAX ? UINT32_MAX : most_ms; /* a clock that went backwards, too */
}

void ticks_read_back(struct ticks *ticks, uint64_t ago_ms, struct stamp now) {
    ticks->seen = true;
    ticks->applied = now;
    ticks->behind_ms = ago_ms < UINT32_MAX ? ago_ms : UINT32_MAX;
}

/* A TICK that was waited for makes good, one that is read in a row with others does not: of a
 * TICK's time only what passed here, too, was followed as it came. */
static uint64_t forgiven_ms(uint64_t behind_ms, uint64_t passed, uint64_t counted) {
    uint64_t followed = passed < counted ? passed : counted;
    uint64_t part = followed / FORGIVEN_PART, long_part = followed * behind_ms / MADE_GOOD_MS;
    uint64_t jitter = followed < FORGIVEN_MS ? followed : FORGIVEN_MS;
    return (part > long_part ? part : long_part) + jitter;
}

/* By a clock that was set back nothing can be told, by the other one it can; by neither, what was
 * behind before still is. */
static uint64_t forward_ms(struct stamp since, struct stamp now) {
    uint64_t boot_ms = now.boot_ms > since.boot_ms ? now.boot_ms - since.boot_ms : 0;
    uint64_t raw_ms = now.raw_ms > since.raw_ms ? now.raw_ms - since.raw_ms : 0;
    return boot_ms > raw_ms ? boot_ms : raw_ms;
}

void ticks_applied(struct ticks *ticks, uint32_t counted_ms, struct stamp now) {
    uint64_t passed = ticks->seen ? forward_ms(ticks->applied, now) : 0;
    uint64_t counted = counted_ms + forgiven_ms(ticks->behind_ms, passed, counted_ms);
    uint64_t late_ms = ticks->behind_ms + passed;
    uint64_t behind_ms = late_ms > counted ? late_ms - counted : 0;
    ticks->seen = true;
    ticks->behind_ms = behind_ms < UINT32_MAX ? behind_ms : UINT32_MAX;
    ticks->applied = now;
}

uint32_t ticks_silent_ms(const struct ticks *ticks, struct stamp now) {
    uint64_t silent_ms =
        ticks->seen ? ticks->behind_ms + passed_ms(ticks->applied, now) : UINT32_MAX;
    return silent_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)silent_ms;
}

uint64_t tick_count_untold_ms(const struct tick_count *count, uint64_t now_ms) {
    uint64_t untold_ms = now_ms - count->told_ms;
    return untold_ms > INT64_MAX ? 0 : untold_ms;
}

bool tick_count_awaits(const struct tick_count *count, uint64_t applied_index) {
    return applied_index < count->awaited_index;
}

static void own_told(struct tick_count *count, uint64_t now_ms) {
    uint64_t left_ms = tick_count_untold_ms(count, now_ms);
    count->told_ms += count->own_ms < left_ms ? count->own_ms : left_ms;
}

void tick_count_landed(struct tick_count *count, bool rewritten, uint64_t measured_ms,
                       uint64_t index, uint64_t now_ms) {
    if (!rewritten) {
        count->told_ms = measured_ms;
    } else if (count->own_index == index) {
        own_told(count, now_ms);
    } else {
        count->awaited_index = index;
    }
}

void tick_count_applied(struct tick_count *count, uint64_t index, uint32_t elapsed_ms,
                        uint64_t now_ms) {
    count->own_index = index;
    count->own_ms = elapsed_ms;
    if (index == count->awaited_index) {
        own_told(count, now_ms);
    }
}

void tick_count_told(struct tick_count *count, uint64_t ago_ms, uint64_t now_ms) {
    count->told_ms = now_ms - ago_ms;
}

void tick_count_snapshot(struct tick_count *count, uint64_t ago_ms, uint64_t now_ms) {
    if (now_ms - count->told_ms > ago_ms) {
        count->told_ms = now_ms - ago_ms;
    }
}
