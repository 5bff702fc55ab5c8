/* canary: numbered, timestamped writes, one a run, into one row (key, sorting key) that is
 * there once for each name: nothing fills up. What of them the other side has is a loss that
 * can be counted, whether anybody else writes or not. */
#ifndef DROVER_PROBES_CANARY_H
#define DROVER_PROBES_CANARY_H

#include <stdint.h>

#include "agent/probe.h"

/* What was written or found: the number, and the writer's clock. */
struct canary {
    int64_t number;
    int64_t wall_ms;
};

/* The reading of the side that wrote it: good; value 0; position WRITTEN. */
struct reading canary_written(const struct canary *canary, uint8_t role);

/* The reading of the side that found it: good; value its age in ms; warn above max_age_ms
 * (default otherwise_ms); positions RECEIVED and APPLIED. Two machines' clocks are compared for
 * the age only: the loss is told by what the writer's own side remembers of its numbers. */
struct reading canary_found(const struct probe_input *input, const struct canary *canary,
                            uint8_t role, uint64_t otherwise_ms);

/* Nothing there: good is false, value -1. */
struct reading canary_missing(uint8_t role);

#endif
