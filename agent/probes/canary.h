/* canary: numbered, timestamped writes, one a run, into one row (key, sorting key) that is
 * there once for each name: nothing fills up. What of them the other side has is a loss that
 * can be counted, whether anybody else writes or not. */
#ifndef DROVER_PROBES_CANARY_H
#define DROVER_PROBES_CANARY_H

#include <stdint.h>

#include "agent/probe.h"

/* What was written or found: the number, and when, by canary_now_ms of the writer. */
struct canary {
    int64_t number;
    int64_t wall_ms;
};

/* The time of day for stamps that another region's agent reads: the members', which all agents
 * have in common; where that is not known yet, this machine's own wall clock. */
int64_t canary_now_ms(const struct probe_input *input);

/* How old a stamp is. False: it is of the future by more than CANARY_AHEAD_MS, so the clocks are
 * apart, *ret_age_ms is negative and says nothing of the age. */
#define CANARY_AHEAD_MS 2000
bool canary_age(const struct probe_input *input, int64_t wall_ms, int64_t *ret_age_ms);

/* The reading of the side that wrote it: good; value 0; position WRITTEN. */
struct reading canary_written(const struct canary *canary, uint8_t role);

/* The reading of the side that found it: good; value its age in ms; warn above max_age_ms
 * (default otherwise_ms); positions RECEIVED and APPLIED. An age that cannot be believed is -1, and
 * warned of. The loss is told by what the writer's own side remembers of its numbers. */
struct reading canary_found(const struct probe_input *input, const struct canary *canary,
                            uint8_t role, uint64_t otherwise_ms);

/* Nothing there: good is false, value -1. */
struct reading canary_missing(uint8_t role);

#endif
