/* status_past: what the history knows of a plan's steps: when each was run last, how long it took,
 * whether it was ever run as it is now. Computed from the audit when asked; kept nowhere. Only
 * status*.c include this. */
#ifndef DROVER_STATUS_PAST_H
#define DROVER_STATUS_PAST_H

#include "coordinator/status_parts.h"

#define PAST_RUNS_MAX 200   /* of one step, the newest: the others are not looked at */
#define PAST_LIKELY_RUNS 3  /* so many durations make a forecast */
#define PAST_SAMPLES_MAX 64 /* the newest durations */

struct step_past {
    bool counts;       /* false: a person's word or work, or its arguments do not fit */
    uint32_t runs_n;   /* of this step in this plan, done or failed */
    uint32_t done_n;   /* of these; with PAST_RUNS_MAX looked at together with the others' */
    uint32_t others_n; /* the same work, done in other steps or plans */
    uint64_t last_wall_ms, last_execution; /* done last; 0: never */
    uint64_t last_automatic_wall_ms, last_declared_wall_ms, last_drill_wall_ms;
    uint64_t failed_wall_ms;             /* failed last; 0: never */
    bool failing;                        /* its newest run failed */
    uint32_t samples_n;                  /* durations of this work, wherever it was done */
    uint64_t p50_ms, p95_ms, slowest_ms; /* 0 without samples; nearest rank */
};

struct step_past step_past_of(const struct answering *answering, uint8_t plan, uint8_t step,
                              uint8_t source, uint8_t target);

/* What a whole plan would need to be trusted, towards a target. */
struct plan_past {
    uint8_t steps_n; /* that count */
    uint8_t never_n, failing_n;
    uint8_t never[STEPS_MAX];
    uint64_t oldest_wall_ms; /* of the steps that were run: the one run longest ago; 0: none was */
    uint8_t oldest;          /* that step, or NONE */
};
struct plan_past plan_past_of(const struct answering *answering, uint8_t plan, uint8_t source,
                              uint8_t target);

/* When a drill of the topology ended well last, by an execution that held it; 0: never. */
uint64_t drill_held_wall_ms(const struct answering *answering, uint8_t drill);

#endif
