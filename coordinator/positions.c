#include "coordinator/positions.h"

#include <string.h>

#include "common/base/ensure.h"

void positions_init(struct positions *positions) {
    memset(positions, 0, sizeof *positions);
}

static struct position_sample *sample_at(struct link_positions *link, uint32_t nth) {
    return &link->samples[(link->first + nth) % POSITION_SAMPLES_MAX];
}

static const struct position_sample *sample_seen(const struct link_positions *link, uint32_t nth) {
    return &link->samples[(link->first + nth) % POSITION_SAMPLES_MAX];
}

void positions_written(struct positions *positions, uint8_t link_index, uint64_t position,
                       uint64_t at_ms) {
    ensure(link_index < LINKS_MAX);
    struct link_positions *link = &positions->links[link_index];
    if (link->n > 0) {
        const struct position_sample *newest = sample_seen(link, link->n - 1);
        if (position < newest->position || at_ms + 60000 < newest->at_ms) {
            link->n = 0;
        } else if (at_ms <= newest->at_ms) {
            return; /* the same sample by another way */
        }
    }
    if (link->n == POSITION_SAMPLES_MAX) {
        link->first = (link->first + 1) % POSITION_SAMPLES_MAX;
        link->n--;
    }
    *sample_at(link, link->n) = (struct position_sample){at_ms, position};
    link->n++;
}

void positions_received(struct positions *positions, uint8_t link_index, uint64_t position,
                        uint64_t at_ms) {
    ensure(link_index < LINKS_MAX);
    struct link_positions *link = &positions->links[link_index];
    if (link->received_known && at_ms < link->received_ms) {
        return;
    }
    link->received = position;
    link->received_ms = at_ms;
    link->received_known = true;
}

void positions_applied(struct positions *positions, uint8_t link_index, uint64_t position) {
    ensure(link_index < LINKS_MAX);
    positions->links[link_index].applied = position;
}

/* Lost is what was written after the last sample that the standby is known to have: its time is the
 * last moment up to which nothing is missing. */
struct lag positions_lag(const struct positions *positions, uint8_t link_index) {
    ensure(link_index < LINKS_MAX);
    const struct link_positions *link = &positions->links[link_index];
    struct lag lag = {0};
    if (link->n == 0 || !link->received_known) {
        return lag;
    }
    const struct position_sample *newest = sample_seen(link, link->n - 1);
    lag.sampled_ms = newest->at_ms;
    lag.known = true; /* unless no sample is old enough, below */
    if (link->received >= newest->position) {
        return lag;
    }
    lag.bytes = newest->position - link->received;
    for (uint32_t i = link->n; i > 0; i--) {
        const struct position_sample *sample = sample_seen(link, i - 1);
        if (sample->position <= link->received) {
            lag.ms = newest->at_ms - sample->at_ms;
            return lag;
        }
    }
    /* Further back than we remember, after a member's start perhaps by seconds of memory: nobody
     * here knows how late that is, and "at least so much" would pass for good. */
    lag.known = false;
    lag.least_ms = newest->at_ms - sample_seen(link, 0)->at_ms;
    return lag;
}

void lag_at_least(struct lag *lag, uint64_t told_ms) {
    if (!lag->known && lag->least_ms > told_ms) {
        lag->known = true;
        lag->ms = lag->least_ms;
    }
}
