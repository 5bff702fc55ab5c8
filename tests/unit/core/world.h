/* world: a small service for the tests of the decisions, and facts about it in one line each. Two
 * data regions P and D with two guarded gate agents each, a monitoring region M with one vantage
 * agent, three members, one guarded store with a link, and a plan of each kind. */
#ifndef DROVER_TESTS_WORLD_H
#define DROVER_TESTS_WORLD_H

#include "coordinator/core/internal.h"

enum { P = 0, D = 1, M = 2 };
enum { AGENT_P1 = 0, AGENT_P2, AGENT_D1, AGENT_D2, AGENT_M1, WORLD_AGENTS_N };
enum { COMPONENT_STORE = 0, COMPONENT_FRONT };
enum {
    CHECK_P_OUT = 0,
    CHECK_P_IN1,
    CHECK_P_IN2,
    CHECK_D_OUT,
    CHECK_D_IN,
    CHECK_P_LINK,
    WORLD_CHECKS_N
};
enum { PLAN_AWAY = 0, PLAN_OVER, PLAN_BACK };
/* The steps of PLAN_AWAY and PLAN_OVER; PLAN_BACK has only the first. */
enum { STEP_HANDOFF = 0, STEP_PROMOTE, STEP_DNS, STEP_CHECK, WORLD_STEPS_N };

struct world {
    struct core core;
    struct topology topology;
    uint64_t index;
    uint8_t requests_n;
};

/* A world where nothing has happened. */
void world_init(struct world *world);
/* Version 1 applied, member 0 keeps time, P's epoch 1 open, all heard, checks well, settled. */
void world_serving(struct world *world);
/* The same, then P dark: no voice of its own, bad from outside, not attested. Not yet suspected. */
void world_dark(struct world *world);
/* The same, suspected for the hold-down: the next tick decides when all gates pass. */
void world_suspect_ripe(struct world *world);

struct verdict world_step(struct world *world, struct event *event);
struct verdict world_config(struct world *world, uint32_t version);
struct verdict world_keeper(struct world *world, uint8_t member, uint64_t term, uint32_t gap_ms);
struct verdict world_tick(struct world *world, uint32_t elapsed_ms);
/* In ticks of at most a second. Returns the last verdict. */
struct verdict world_pass(struct world *world, uint32_t ms);
/* All members say the same. */
void world_heard(struct world *world, uint64_t agents, bool attesting);
struct verdict world_view(struct world *world, uint8_t member, uint64_t agents, bool attesting,
                          uint32_t ago_ms);
struct verdict world_check(struct world *world, uint8_t agent, uint16_t check, uint8_t status);
struct verdict world_open(struct world *world, uint64_t epoch, uint8_t region);
struct verdict world_close(struct world *world, uint64_t epoch);
struct verdict world_lag(struct world *world, bool known, uint32_t lag_ms);

struct event world_request(struct world *world, enum request_kind kind);
struct verdict world_declare(struct world *world, enum plan_kind kind, uint8_t region);
struct verdict world_ask_step(struct world *world, enum request_kind kind, uint8_t step,
                              enum role role);
struct verdict world_ask(struct world *world, enum request_kind kind);
struct verdict world_outcome(struct world *world, uint8_t step, uint8_t said);
struct verdict world_outcome_of(struct world *world, uint8_t step, uint8_t said, uint64_t position,
                                bool undo);

struct execution *world_execution(struct world *world);
struct wants world_wants(const struct world *world);
/* The command wanted for that step now, or NULL. Valid until the next call. */
const struct want_command *world_wanted(const struct world *world, uint8_t step);

#define ALL_AGENTS UINT64_C(0x1F)
#define ALL_BUT_P UINT64_C(0x1C)

#endif
