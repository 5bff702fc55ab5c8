/* What the judge remembers of commands and of decisions, beside what the stores do. */
#ifndef DROVER_SIM_JUDGE_DECISIONS_H
#define DROVER_SIM_JUDGE_DECISIONS_H

#include <stdbool.h>
#include <stdint.h>

#define WANTED_N 64

/* What makes a command that command: stands for its digest. */
struct command_name {
    uint64_t execution, epoch;
    uint16_t attempt;
    uint8_t step, agent, action, undo;
};

struct wanted_record {
    struct command_name name;
    uint8_t members; /* that said yes while they truly wanted it: a set */
};

struct judge_decisions {
    uint64_t last_index; /* of the newest fact looked at: each counts once, whoever applied it */
    uint64_t held_until_ms, block_until_ms, settle_from_ms; /* core time */
    uint64_t tick_us; /* true time of the newest TICK in the log */
    uint32_t lag_ms;
    bool lag_known; /* as the newest LAG said */
    bool latched;
    bool drill_keeps; /* at the TICK before, a drill alone was in an automatic failover's way */
    bool blind;       /* the log was set back: what these remember no longer fits it */
    /* N16: of the execution that runs, by step: whether the target was heard when it was approved,
     * and which were begun. */
    uint64_t seen_execution, seen_voices, seen_approved, seen_begun;
    uint32_t wanted_at;
    struct wanted_record wanted[WANTED_N];
};

#endif
