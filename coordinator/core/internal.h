/* internal: what the files of the core share among themselves. Not for the shells. */
#ifndef DROVER_CORE_INTERNAL_H
#define DROVER_CORE_INTERNAL_H

#include "common/base/ensure.h"
#include "common/topology/roles.h"
#include "coordinator/core/core.h"

/* Wire values the core reads from reports (proto/message.h): kept equal by a test of the shell. */
enum { SEEN_UNKNOWN = 0, SEEN_OK = 1, SEEN_SUSPECT = 2, SEEN_FAILED = 3, SEEN_WARN = 4 };
enum { SAID_RUNNING = 1, SAID_DONE = 2, SAID_FAILED = 3, SAID_REFUSED = 4 };
enum { ROLE_SEEN_UNKNOWN = 0, ROLE_SEEN_PRIMARY = 1 };
enum { GATE_SEEN_SHUT = 1, GATE_SEEN_OPEN = 2 };

/* One rule's view of the world. */
struct context {
    struct core *core;
    const struct topology *topology;
    const struct event *event;
    struct verdict *verdict;
};

/* The slot of the unfinished execution that moves or will move the lease or acts on regions;
 * NULL. */
struct execution *execution_running(struct core *core);
const struct execution *execution_running_const(const struct core *core);
/* Being undone, it gives way to a failover: a region that died meanwhile can never undo it. And one
 * that yields gives way to every move. */
bool execution_gives_way(const struct execution *execution);

/* Why its CLOSE is written; whoever wrote it may have said something else. */
enum close_why execution_close_why(const struct execution *execution);

/* Creates one in the oldest free slot. The running one, if any, is superseded. */
struct execution *execution_create(struct context *context, enum plan_kind kind, uint8_t plan,
                                   uint8_t target, bool automatic);

/* After every event: starts what may start, times out what took too long, finishes what is done. */
void plan_advance(struct core *core, const struct topology *topology, const struct event *event);
void plan_outcome(struct context *context, struct execution *execution);
/* Begins the stage behind the lease: the steps in the new epoch. */
void plan_begin_run(struct core *core, struct execution *execution);

/* A request that is bound to what a preview showed means that, and nothing else: is it so still,
 * of this plan to this region? True also of one that is bound to nothing. */
bool request_was_seen(const struct context *context, uint8_t plan, uint8_t region);

uint8_t other_data_region(const struct topology *topology, uint8_t owner);

/* Whose agent (agents.c): the region in which a step acts, and the agent there that its next
 * attempt is for; NONE when nobody who could is heard. */
uint8_t step_region(const struct execution *execution, const struct step *step);
uint8_t attempt_agent(const struct core *core, const struct topology *topology,
                      const struct execution *execution, const struct step *step,
                      const struct step_state *state);
/* An outcome ELSEWHERE, and another agent of the endpoint behind that one is heard: the step waits
 * to be begun there. False: the attempt has failed. */
bool attempt_goes_elsewhere(const struct context *context, struct execution *execution,
                            const struct plan *plan, uint8_t s);

/* Locks (locks.c), across executions: what an interrupted one left at work goes on at its agent,
 * as nobody can call it back. It holds its locks, by their names, until its end is told, its time
 * is over or its agent is silent. */
bool interrupted_holds_lock(const struct core *core, const struct topology *topology,
                            const struct plan *plan, uint8_t step);
/* Is this attempt at work so long that it must have ended? */
bool attempt_is_over(const struct core *core, const struct step_state *state,
                     const struct step *step);

/* The request is applied: a repeat of it will be told apart. */
void request_remember(struct context *context);

/* The mode (mode.c): does a step run in that of its execution? */
bool step_in_mode(const struct execution *execution, const struct step *step);
/* Steps of the other mode fall out and those of this one come back; what was done stays done, and
 * what is at work goes on until it ends by itself. */
void mode_steps_turn(struct execution *execution, const struct plan *plan);
/* At the close: what was not handed over by now is left out. */
void mode_settle(struct execution *execution, const struct plan *plan);
/* Guards of the rules about turning, and what those do. */
bool turns_what_moved(const struct context *c);
bool turns_ungraceful(const struct context *c);
bool turns_graceful(const struct context *c);
bool turns_too_late(const struct context *c);
void mode_turn_asked(struct context *c, bool graceful);

bool member_majority_says(const struct core *core, const struct topology *topology,
                          uint8_t members_bits);

#endif
