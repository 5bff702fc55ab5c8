/* positions: where each replication link's two ends were, each second, as the agents reported.
 * After the active side's death this is the only basis of an RPO: everything the standby shows
 * by itself looks healthy then. Kept in memory at every member. Every moment is of one clock that
 * is never set, the caller's (lags.c: the member's own boot clock); what the agents' wall clocks
 * say plays no part. */
#ifndef DROVER_POSITIONS_H
#define DROVER_POSITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology/limits.h"

#define POSITION_SAMPLES_MAX 1024 /* about 17 minutes at one a second */

struct position_sample {
    uint64_t at_ms; /* when it was sampled */
    uint64_t position;
};

struct link_positions {
    uint32_t first, n;          /* ring of the active side's samples, oldest first */
    uint64_t received, applied; /* of the standby, newest */
    uint64_t received_ms;
    bool received_known;
    struct position_sample samples[POSITION_SAMPLES_MAX];
};

struct positions {
    struct link_positions links[LINKS_MAX];
};

struct lag {
    bool known;          /* false also when the standby is further back than the oldest sample */
    uint64_t least_ms;   /* then: the age of that sample when the active side was last sampled */
    uint64_t bytes;      /* written by the active side and not received */
    uint64_t ms;         /* age of the first missing byte when the active side was last sampled */
    uint64_t sampled_ms; /* of that last sample */
    uint64_t unheard_ms; /* the lease ran on for so long after the active side was last heard */
};

void positions_init(struct positions *positions);
/* A sample older than the newest, or a position that went back, starts the ring afresh (a new
 * timeline, a new active side). */
void positions_written(struct positions *positions, uint8_t link, uint64_t position,
                       uint64_t at_ms);
void positions_received(struct positions *positions, uint8_t link, uint64_t position,
                        uint64_t at_ms);
void positions_applied(struct positions *positions, uint8_t link, uint64_t position);
struct lag positions_lag(const struct positions *positions, uint8_t link);
/* For a member that was started too lately to know: where its memory shows that the standby lacks
 * more than `told_ms`, which was told before, the lag becomes that much, and known. */
void lag_at_least(struct lag *lag, uint64_t told_ms);

#endif
