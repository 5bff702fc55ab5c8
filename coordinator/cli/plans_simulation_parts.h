/* The parts of plans_simulation. Not for others. */
#ifndef DROVER_CLI_PLANS_SIMULATION_PARTS_H
#define DROVER_CLI_PLANS_SIMULATION_PARTS_H

#include "coordinator/cli/plans_simulation.h"

struct simulated_agent {
    bool lost;
    uint64_t heard_ms;  /* by the members; of a lost one the last time */
    uint64_t ask_ms;    /* its guard asks for the lease then; NEVER */
    uint64_t proves_ms; /* NEVER */
    uint64_t lease_epoch, lease_until_ms;
    uint64_t report_ms; /* NEVER */
    uint64_t seq;
};

struct simulated_command {
    bool wanted, acting;
    struct want_command want;
    uint64_t try_ms; /* to certify it; NEVER */
    uint64_t begun_ms, deadline_ms, ends_ms;
};

struct simulated_ask {
    bool asked;
    uint64_t answer_ms; /* NEVER */
    uint32_t asked_of;  /* operators that answered already, a bit each */
};

struct simulation {
    const struct simulation_input *input;
    struct simulation_result *result;
    const struct topology *topology;
    const struct plan *plan;
    struct rng rng;
    uint64_t now_ms, zero_ms, tick_ms, changed_ms;
    uint64_t index, requests_n;
    uint64_t lease_fact_ms; /* OPEN or CLOSE is in the log then; NEVER */
    uint64_t declare_ms;    /* NEVER */
    uint64_t judge_ms;      /* an automatic decision is not waited for any longer; NEVER */
    uint64_t execution;     /* that is followed; 0: none yet */
    bool begun, ended;
    struct wants wants;
    struct decide members[MEMBERS_MAX];
    uint64_t yes_ms[MEMBERS_MAX], yes_epoch[MEMBERS_MAX];
    uint64_t told_heard;
    bool told_attesting[MEMBERS_MAX];
    struct simulated_agent agents[AGENTS_MAX];
    uint64_t flips_ms[CHECKS_MAX][AGENTS_MAX]; /* the check is failed from then on; NEVER */
    struct simulated_command commands[STEPS_MAX];
    struct simulated_ask asks[STEPS_MAX];
    bool agent_died[STEPS_MAX];
    struct decision decision;
    struct decide_lines lines;
};

/* plans_simulation.c */
const struct core *simulation_core(const struct simulation *simulation);
const struct execution *simulation_execution(const struct simulation *simulation);
/* To every member at this instant. */
struct verdict simulation_feed(struct simulation *simulation, struct event *event);
struct stamp simulation_stamp(const struct simulation *simulation);
uint64_t simulation_since(const struct simulation *simulation);

/* plans_simulation_say.c */
void moment_add(struct simulation *simulation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What an event has changed, in words. */
void say_changes(struct simulation *simulation, const struct core *before,
                 const struct verdict *verdict);
void say_gates(struct simulation *simulation);

/* plans_simulation_fleet.c: each does what is due, and says when it is due next. */
void fleet_start(struct simulation *simulation);
void fleet_lose(struct simulation *simulation, uint8_t agent);
void fleet_begin(struct simulation *simulation);
void fleet_turn(struct simulation *simulation);
uint64_t fleet_due_ms(const struct simulation *simulation);
bool fleet_holds_lease(const struct simulation *simulation, uint8_t agent, uint64_t epoch);
/* The lease moved: who asks, who proves. */
void fleet_lease_moved(struct simulation *simulation);
/* Of the members, to this question now. */
unsigned fleet_yes_n(struct simulation *simulation, uint8_t agent, struct attest_ask *ask);
uint64_t fleet_wait_left_ms(const struct simulation *simulation);

/* plans_simulation_work.c: commands and people. */
void work_sync(struct simulation *simulation);
void work_turn(struct simulation *simulation);
uint64_t work_due_ms(const struct simulation *simulation);
bool work_asks_nobody(const struct simulation *simulation);
void work_lease_came(struct simulation *simulation, uint8_t agent);

#endif
