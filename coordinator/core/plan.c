/* Executions and their steps: what may start, what took too long, what is finished. A failed step
 * pauses the execution for people; a hand-off that fails before the fence is undone by itself,
 * because a planned move must not leave writes stopped while somebody thinks. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/core/internal.h"

#define OUTCOME_GRACE_MS 2000 /* an agent's outcome may come this much after the step's timeout */
#define UNDO_AGAIN_MS 1000    /* an undoing that failed is tried again this much later, */
#define UNDO_RARER_N 60       /* and behind each so many attempts by as much again */
/* At one instant a step passes through a few states, and the execution through its stages. */
#define ROUNDS_MAX (8 * STEPS_MAX + STAGES_N)

uint8_t execution_commander(const struct execution *execution) {
    return execution->commander == 0 ? NONE : (uint8_t)(execution->commander - 1);
}

bool execution_finished(const struct execution *execution) {
    return execution->stage == STAGE_NONE || execution->stage == STAGE_DONE ||
           execution->stage == STAGE_ABORTED || execution->stage == STAGE_SUPERSEDED ||
           execution->stage == STAGE_INTERRUPTED;
}

const struct execution *execution_running_const(const struct core *core) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (!execution_finished(&core->executions[i])) {
            return &core->executions[i];
        }
    }
    return NULL;
}

struct execution *execution_running(struct core *core) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (!execution_finished(&core->executions[i])) {
            return &core->executions[i];
        }
    }
    return NULL;
}

const struct execution *core_execution(const struct core *core, uint64_t id) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (id != 0 && core->executions[i].id == id) {
            return &core->executions[i];
        }
    }
    return NULL;
}

static struct execution *oldest_slot(struct core *core) {
    struct execution *oldest = &core->executions[0];
    for (unsigned i = 1; i < EXECUTIONS_MAX; i++) {
        if (core->executions[i].id < oldest->id) {
            oldest = &core->executions[i];
        }
    }
    ensure(execution_finished(oldest));
    return oldest;
}

struct execution *execution_create(struct context *context, enum plan_kind kind, uint8_t plan,
                                   uint8_t target, bool automatic) {
    struct core *core = context->core;
    struct execution *before = execution_running(core);
    if (before != NULL) {
        ensure(execution_gives_way(before) || execution_stands(before));
        before->stage = execution_yields(before) ? STAGE_INTERRUPTED : STAGE_SUPERSEDED;
        before->paused = PAUSE_NO;
        before->finished_ms = core->now_ms;
    }
    ensure(plan < context->topology->plans_n);
    struct execution *execution = oldest_slot(core);
    memset(execution, 0, sizeof *execution);
    execution->id = ++core->executions_made;
    execution->from_epoch = core->epoch;
    execution->created_ms = core->now_ms;
    execution->outage_ms = core->phase == PHASE_SUSPECT ? core->suspect_ms : core->now_ms;
    execution->created_index = context->event->index;
    execution->config_version = core->config_version;
    execution->kind = (uint8_t)kind;
    execution->plan = plan;
    execution->source = core->owner;
    execution->target = target;
    execution->automatic = automatic;
    execution->declared_by = NONE;
    execution->steps_n = context->topology->plans[plan].steps_n;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        execution->steps[s].agent = NONE;
        execution->steps[s].approved_by = NONE;
    }
    mode_steps_turn(execution, &context->topology->plans[plan]);
    if (kind == PLAN_REPROTECT) {
        execution->source = target; /* the region that becomes a standby */
        execution->target = core->owner;
        execution->stage = STAGE_RUN;
    } else if (plan_kind_yields(kind)) {
        execution->source = other_data_region(context->topology, target);
        execution->stage = STAGE_RUN;
    } else {
        execution->stage = kind == PLAN_SWITCHOVER ? STAGE_PREPARE : STAGE_FENCE;
    }
    return execution;
}

bool step_finished(const struct step_state *state, const struct step *step) {
    switch ((enum step_phase)state->phase) {
    case STEP_DONE:
    case STEP_SKIPPED:
    case STEP_BY_HAND:
    case STEP_LEFT_OUT: return true;
    case STEP_FAILED: return step->may_fail;
    case STEP_WAITING:
    case STEP_APPROVAL:
    case STEP_RUNNING:
    case STEP_PHASES_N:
    default: return false;
    }
}

static bool step_needs_met(const struct execution *execution, const struct plan *plan,
                           const struct step *step) {
    for (unsigned n = 0; n < step->needs_n; n++) {
        uint8_t need = step->needs[n];
        if (!step_finished(&execution->steps[need], &plan->steps[need])) {
            return false;
        }
    }
    return true;
}

static bool step_approved(const struct execution *execution, const struct step *step,
                          const struct step_state *state) {
    bool mandate = execution->automatic && step->mandated;
    /* What automation may not run on its own word, and nobody mandated, is for people (W221). */
    bool unmandated = execution->automatic &&
                      !role_may_run_action(ROLE_AUTOMATION, (enum action_kind)step->action);
    bool none_needed = step->approval == NONE && step->action != ACTION_APPROVAL && !unmandated;
    bool by_hand = step->action == ACTION_MANUAL; /* it waits until somebody says it is done */
    return !by_hand && (none_needed || state->approved_by != NONE || mandate);
}

static void execution_pause(struct execution *execution, enum pause_why why, uint8_t step) {
    if (execution->paused == PAUSE_NO) {
        execution->paused = (uint8_t)why;
        execution->paused_step = step;
    }
}

/* Why people are asked: nobody of the region was ever there to begin it, or it was tried. */
static enum pause_why failed_why(const struct step_state *state) {
    return state->agent == NONE ? PAUSE_NO_AGENT : PAUSE_STEP_FAILED;
}

/* From the failure of the last automatic attempt to the next one. */
static uint64_t retry_pause_ms(const struct step_state *state) {
    uint64_t pause_ms = state->tries_n > 0 ? RETRY_AGAIN_MS : 0;
    for (unsigned n = 1; n < state->tries_n && pause_ms < RETRY_AGAIN_MAX_MS; n++) {
        pause_ms *= 2;
    }
    return pause_ms < RETRY_AGAIN_MAX_MS ? pause_ms : RETRY_AGAIN_MAX_MS;
}

/* A command's last moment is dated from the newest TICK or TIMEKEEPER: there must be one, and it
 * must not be one of before a pause of the log. The next TICK is never far. */
static bool time_is_told(const struct core *core, const struct event *event) {
    uint64_t old_ms = event->wall_ms > core->wall_ms ? event->wall_ms - core->wall_ms : 0;
    return core->wall_ms != 0 && old_ms <= COMMAND_TIME_OLD_MS;
}

/* One attempt ended badly: again if it may, else the step has failed. */
static void attempt_failed(struct core *core, struct execution *execution, const struct plan *plan,
                           uint8_t s, uint8_t err) {
    struct step_state *state = &execution->steps[s];
    const struct step *step = &plan->steps[s];
    state->err = err;
    if (!step_in_mode(execution, step)) {
        state->phase = STEP_LEFT_OUT;
        return;
    }
    if (state->tries_n <= step->retries) {
        state->phase = STEP_WAITING;
        state->started_ms = core->now_ms; /* the pause before the next one counts from here */
        return;
    }
    state->phase = STEP_FAILED;
    state->finished_ms = core->now_ms;
    if (step->may_fail) {
        execution->exceptions++;
    } else if (execution->stage == STAGE_PREPARE) {
        execution->stage = STAGE_UNDO;
        execution->paused = PAUSE_NO;
    } else if (execution->stage != STAGE_UNDO) {
        execution_pause(execution, failed_why(state), s);
    }
}

/* A number is never used twice: who ended an attempt tells its outcome for ever, also to a later
 * one of the same number. So they may run out. */
static bool attempts_left(const struct step_state *state) {
    return state->attempt < UINT16_MAX;
}

/* A new command, with its own number and its own last moment. */
static void attempt_begin(const struct core *core, struct step_state *state,
                          const struct step *step) {
    ensure(attempts_left(state));
    state->attempt++;
    state->started_ms = core->now_ms;
    state->not_after_wall_ms = core->wall_ms + step->timeout_ms;
}

/* An approval is for what was seen. What moved before the step began is for people to look at
 * again; once it has begun, its retries are part of what was approved. */
static void approval_void(const struct core *core, const struct topology *topology,
                          const struct execution *execution, struct step_state *state, uint8_t s) {
    bool bound = (state->seen & SEEN_BOUND) != 0 && state->approved_by != NONE;
    if (bound && state->attempt == 0 &&
        seen_moves_now(core, topology, execution, s) != (state->seen & SEEN_MOVES)) {
        state->approved_by = NONE;
        state->seen |= SEEN_VOID;
    }
}

static void step_start(struct core *core, const struct topology *topology,
                       struct execution *execution, const struct plan *plan, uint8_t s,
                       bool timed) {
    struct step_state *state = &execution->steps[s];
    const struct step *step = &plan->steps[s];
    approval_void(core, topology, execution, state, s);
    bool locked = execution_lock_holder(execution, plan, s) != NONE ||
                  interrupted_holds_lock(core, topology, plan, s);
    if (!step_approved(execution, step, state)) {
        /* A word is asked for at once; to do it by hand, only when nobody is in the way. */
        state->phase = locked && step->action == ACTION_MANUAL ? state->phase : STEP_APPROVAL;
        return;
    }
    if (step->action == ACTION_APPROVAL) {
        state->phase = STEP_DONE;
        state->finished_ms = core->now_ms;
        return;
    }
    if (locked) {
        state->phase = STEP_WAITING;
        return;
    }
    uint64_t pause_ms = retry_pause_ms(state);
    if (!timed || (pause_ms > 0 && core->now_ms - state->started_ms < pause_ms)) {
        return;
    }
    if (state->started_ms == 0) {
        state->started_ms = core->now_ms;
    }
    uint8_t agent = attempt_agent(core, topology, execution, step, state);
    if (agent == NONE) {
        /* Nobody there to do it: wait for one as long as the step itself may take. */
        if (core->now_ms - state->started_ms > pause_ms + step->timeout_ms) {
            state->tries_n = (uint16_t)(step->retries + 1);
            attempt_failed(core, execution, plan, s, ERR_UNREACHABLE);
        }
        return;
    }
    state->agent = agent;
    if (!attempts_left(state)) {
        state->tries_n = (uint16_t)(step->retries + 1);
        attempt_failed(core, execution, plan, s, ERR_TOO_BIG);
        return;
    }
    state->tries_n++;
    attempt_begin(core, state, step);
    state->phase = STEP_RUNNING;
}

bool attempt_is_over(const struct core *core, const struct step_state *state,
                     const struct step *step) {
    return core->now_ms - state->started_ms > (uint64_t)step->timeout_ms + OUTCOME_GRACE_MS;
}

static void step_advance(struct core *core, const struct topology *topology,
                         struct execution *execution, const struct plan *plan, uint8_t s,
                         bool timed) {
    struct step_state *state = &execution->steps[s];
    const struct step *step = &plan->steps[s];
    if (state->phase == STEP_RUNNING && attempt_is_over(core, state, step)) {
        attempt_failed(core, execution, plan, s, ERR_TIMEOUT);
    }
    bool may_start = state->phase == STEP_WAITING || state->phase == STEP_APPROVAL;
    bool in_stage = step->before_fence == (execution->stage == STAGE_PREPARE);
    /* While the active region looks lost, no drill begins anything more. */
    bool drill_waits = execution->kind == PLAN_DRILL && core->phase != PHASE_SERVING;
    bool acting =
        (execution->stage == STAGE_PREPARE || execution->stage == STAGE_RUN) && !drill_waits;
    if (may_start && in_stage && acting && execution->paused == PAUSE_NO &&
        step_needs_met(execution, plan, step)) {
        step_start(core, topology, execution, plan, s, timed);
    }
}

static bool stage_finished(const struct execution *execution, const struct plan *plan) {
    for (unsigned s = 0; s < execution->steps_n; s++) {
        bool in_stage = plan->steps[s].before_fence == (execution->stage == STAGE_PREPARE);
        if (in_stage && !step_finished(&execution->steps[s], &plan->steps[s])) {
            return false;
        }
    }
    return true;
}

/* What undoes a hand-off: the source takes up writing again, under the lease it still holds. */
static bool undo_action(uint8_t action, uint8_t *ret_undo) {
    if (action != ACTION_PATRONI_HANDOFF && action != ACTION_REDIS_HANDOFF) {
        return false;
    }
    *ret_undo = action == ACTION_PATRONI_HANDOFF ? ACTION_PATRONI_PROMOTE : ACTION_REDIS_PROMOTE;
    return true;
}

/* The agent of the hand-off, while it is heard; else another of the same endpoint: an attempt that
 * was not begun belongs to nobody. */
static void undo_agent(const struct core *core, const struct topology *topology,
                       const struct execution *execution, const struct step *step,
                       struct step_state *state) {
    uint64_t alive = verdict_alive(core, topology);
    uint8_t other = topology_step_agent(topology, step, step_region(execution, step), alive);
    if (other != NONE && !bits_has(alive, state->agent)) {
        state->agent = other;
    }
}

/* Without it the region stays read-only: try for ever, but not in a rush, and ever more rarely.
 * That way the numbers last for a year; then people are asked. */
static bool undo_due(const struct core *core, const struct step_state *state,
                     const struct step *step) {
    uint64_t passed_ms = core->now_ms - state->started_ms;
    uint64_t again_ms = UNDO_AGAIN_MS * (1 + (uint64_t)state->attempt / UNDO_RARER_N);
    bool failed = state->err != ERR_OK && passed_ms >= again_ms;
    bool silent =
        passed_ms >= again_ms && passed_ms > (uint64_t)step->timeout_ms + OUTCOME_GRACE_MS;
    return state->undo == 0 || (state->undo == 1 && (failed || silent));
}

static void undo_advance(struct core *core, const struct topology *topology,
                         struct execution *execution, const struct plan *plan, bool timed) {
    bool all = true;
    for (unsigned s = 0; s < execution->steps_n; s++) {
        struct step_state *state = &execution->steps[s];
        uint8_t undo;
        if (!plan->steps[s].before_fence || state->attempt == 0 ||
            !undo_action(plan->steps[s].action, &undo)) {
            continue;
        }
        if (state->phase == STEP_RUNNING) {
            /* The hand-off itself is still at work: undone before it has ended, it would stop the
             * writes afterwards. Its own timeout ends it at the latest. */
            all = false;
            continue;
        }
        if (undo_due(core, state, &plan->steps[s]) && !attempts_left(state)) {
            execution_pause(execution, PAUSE_STEP_FAILED, (uint8_t)s);
        } else if (timed && undo_due(core, state, &plan->steps[s])) {
            state->undo = 1;
            state->err = ERR_OK;
            undo_agent(core, topology, execution, &plan->steps[s], state);
            attempt_begin(core, state, &plan->steps[s]);
        }
        all = all && state->undo == 2;
    }
    if (all) {
        execution->stage = STAGE_ABORTED;
        execution->paused = PAUSE_NO;
        execution->finished_ms = core->now_ms;
    }
}

void plan_begin_run(struct core *core, struct execution *execution) {
    ensure(execution->stage == STAGE_TAKE);
    execution->stage = STAGE_RUN;
    execution->opened_ms = core->now_ms;
}

static void stage_advance(struct core *core, struct execution *execution, const struct plan *plan) {
    if (execution->stage == STAGE_PREPARE && execution->paused == PAUSE_NO &&
        stage_finished(execution, plan)) {
        execution->stage = STAGE_FENCE;
    }
    /* Also one that failed while another failed step, or people, had paused the execution already:
     * who waits for people always says so. */
    for (uint8_t i = 0; execution->stage == STAGE_RUN && i < execution->steps_n; i++) {
        if (execution->steps[i].phase == STEP_FAILED && !plan->steps[i].may_fail) {
            execution_pause(execution, failed_why(&execution->steps[i]), i);
        }
    }
    if (execution->stage == STAGE_RUN && stage_finished(execution, plan)) {
        execution->stage = STAGE_DONE;
        execution->paused = PAUSE_NO;
        execution->finished_ms = core->now_ms;
    }
}

void plan_advance(struct core *core, const struct topology *topology, const struct event *event) {
    bool timed = time_is_told(core, event);
    struct execution *execution = execution_running(core);
    if (execution == NULL) {
        return;
    }
    ensure(execution->plan < topology->plans_n);
    const struct plan *plan = &topology->plans[execution->plan];
    ensure(plan->steps_n == execution->steps_n);
    /* Needs point at earlier or later steps alike: go round until nothing changes. */
    bool changed = true;
    for (unsigned round = 0; changed; round++) {
        ensure(round < ROUNDS_MAX);
        struct execution before = *execution;
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            step_advance(core, topology, execution, plan, s, timed);
        }
        if (execution->stage == STAGE_UNDO) {
            undo_advance(core, topology, execution, plan, timed);
        }
        stage_advance(core, execution, plan);
        changed = memcmp(&before, execution, sizeof before) != 0;
    }
}

bool core_awaits_outcome(const struct core *core, const struct event *event) {
    const struct execution *execution = core_execution(core, event->outcome.execution);
    bool goes_on = execution != NULL &&
                   (!execution_finished(execution) || execution->stage == STAGE_INTERRUPTED);
    if (!goes_on || event->outcome.step >= execution->steps_n) {
        return false;
    }
    const struct step_state *state = &execution->steps[event->outcome.step];
    bool wanted = event->outcome.undo ? state->undo == 1 : state->phase == STEP_RUNNING;
    return wanted && state->attempt == event->outcome.attempt &&
           state->agent == event->outcome.agent && event->outcome.state != SAID_RUNNING;
}

void plan_outcome(struct context *context, struct execution *execution) {
    const struct event *event = context->event;
    const struct plan *plan = &context->topology->plans[execution->plan];
    uint8_t s = event->outcome.step;
    struct step_state *state = &execution->steps[s];
    bool done = event->outcome.state == SAID_DONE;
    if (event->outcome.undo) {
        state->undo = done ? 2 : 1;
        state->err = done ? ERR_OK : event->outcome.err;
        return;
    }
    state->took_ms = event->outcome.took_ms;
    if (!done && execution->stage == STAGE_INTERRUPTED) {
        state->phase = STEP_FAILED;
        state->err = event->outcome.err;
        state->finished_ms = context->core->now_ms;
        return;
    }
    if (!done) {
        if (!attempt_goes_elsewhere(context, execution, plan, s)) {
            attempt_failed(context->core, execution, plan, s, event->outcome.err);
        }
        return;
    }
    state->phase = STEP_DONE;
    state->err = ERR_OK;
    state->observed = event->outcome.observed;
    state->position = event->outcome.position;
    state->finished_ms = context->core->now_ms;
}

/* ------------------------------------------------------------------ wishes */

static uint64_t handed_position(const struct execution *execution, const struct plan *plan,
                                uint8_t component) {
    for (unsigned s = 0; s < execution->steps_n; s++) {
        if (plan->steps[s].before_fence && plan->steps[s].component == component &&
            execution->steps[s].position != 0) {
            return execution->steps[s].position;
        }
    }
    return 0;
}

/* What makes a store writable belongs to its region's lease. All else may have to run without one:
 * demoting and preparing the closed side, moving names, checking. */
static bool action_needs_lease(uint8_t action) {
    return action == ACTION_PATRONI_PROMOTE || action == ACTION_PG_PROMOTE ||
           action == ACTION_REDIS_PROMOTE;
}

static void want_add(const struct core *core, const struct execution *execution,
                     const struct plan *plan, uint8_t s, struct wants *wants) {
    const struct step *step = &plan->steps[s];
    const struct step_state *state = &execution->steps[s];
    struct want_command *want = &wants->commands[wants->commands_n];
    ensure(wants->commands_n < WANT_COMMANDS_MAX);
    memset(want, 0, sizeof *want);
    want->execution_slot = (uint8_t)(execution - core->executions);
    want->step = s;
    want->agent = state->agent;
    want->region = step_region(execution, step);
    want->peer_region = step->at_source ? execution->target : execution->source;
    want->action = step->action;
    want->attempt = state->attempt;
    want->graceful = execution_is_graceful(execution);
    want->execution = execution->id;
    want->epoch = core->epoch;
    want->position =
        execution->ungraceful != 0 ? 0 : handed_position(execution, plan, step->component);
    if (execution->stage == STAGE_UNDO && state->undo == 1) {
        want->undo = 1;
        ensure(undo_action(step->action, &want->action));
    }
    want->needs_lease = action_needs_lease(want->action);
    wants->commands_n++;
}

static void want_commands(const struct core *core, const struct topology *topology,
                          struct wants *wants) {
    const struct execution *execution = execution_running_const(core);
    if (execution == NULL) {
        return;
    }
    const struct plan *plan = &topology->plans[execution->plan];
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        const struct step_state *state = &execution->steps[s];
        bool undoing = execution->stage == STAGE_UNDO && state->undo == 1;
        bool acting = execution->stage == STAGE_PREPARE || execution->stage == STAGE_RUN ||
                      execution->stage == STAGE_UNDO;
        if (undoing || (acting && state->phase == STEP_RUNNING)) {
            want_add(core, execution, plan, s, wants);
        }
    }
}

enum close_why execution_close_why(const struct execution *execution) {
    return execution->automatic               ? CLOSE_AUTOMATIC
           : execution_is_graceful(execution) ? CLOSE_PLANNED
                                              : CLOSE_DECLARED;
}

static void want_lease(const struct core *core, const struct topology *topology,
                       struct wants *wants) {
    const struct execution *execution = execution_running_const(core);
    bool opens = core->config_version > 0 && !topology->await_initial_epoch;
    if (core->phase == PHASE_NEW && opens) {
        wants->open = true;
        wants->open_epoch = topology_initial_epoch(topology);
        wants->open_region = topology->initial_region;
    }
    if (execution == NULL || execution->paused != PAUSE_NO) {
        return;
    }
    if (execution->stage == STAGE_FENCE && core->open) {
        wants->close = true;
        wants->close_epoch = core->epoch;
        wants->close_why = (uint8_t)execution_close_why(execution);
    }
    if (execution->stage == STAGE_TAKE && !core->open) {
        wants->open = true;
        wants->open_epoch = core->epoch + 1;
        wants->open_region = core->next_owner;
    }
}

void core_wants(const struct core *core, const struct topology *topology, struct wants *ret_wants) {
    memset(ret_wants, 0, sizeof *ret_wants);
    ret_wants->tick_in_ms = 1000;
    want_lease(core, topology, ret_wants);
    want_commands(core, topology, ret_wants);
    if (core->phase == PHASE_SUSPECT) {
        uint64_t due_ms = core->suspect_ms + topology->policy.hold_down_ms;
        uint64_t left_ms = due_ms > core->now_ms ? due_ms - core->now_ms : 1000;
        if (left_ms < ret_wants->tick_in_ms) {
            ret_wants->tick_in_ms = (uint32_t)left_ms;
        }
    }
}
