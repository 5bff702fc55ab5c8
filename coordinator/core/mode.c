/* The mode of an execution: graceful, it hands over before the fence and loses nothing; ungraceful,
 * it takes what is there. A planned move may turn ungraceful until its lease has moved, and back
 * while nothing was undone. The mode says which steps are wanted, and nothing else: how an epoch
 * is closed, waited out and opened is the same in both. */
#include "coordinator/core/internal.h"

bool execution_is_graceful(const struct execution *execution) {
    return execution->kind == PLAN_SWITCHOVER && execution->ungraceful == 0;
}

bool step_in_mode(const struct execution *execution, const struct step *step) {
    bool graceful = execution_is_graceful(execution);
    if (step->before_fence || step->mode == STEP_MODE_GRACEFUL) {
        return graceful;
    }
    return step->mode != STEP_MODE_UNGRACEFUL || !graceful;
}

static bool mode_is_open(const struct execution *execution) {
    return execution->kind == PLAN_SWITCHOVER &&
           (execution->stage == STAGE_PREPARE || execution->stage == STAGE_FENCE ||
            execution->stage == STAGE_UNDO);
}

/* What was undone, or is being undone, may write again: it cannot count as handed over. */
static bool may_turn_graceful(const struct execution *execution) {
    for (unsigned s = 0; s < execution->steps_n; s++) {
        if (execution->steps[s].undo != 0) {
            return false;
        }
    }
    return execution->stage == STAGE_FENCE && execution->ungraceful != 0;
}

void mode_steps_turn(struct execution *execution, const struct plan *plan) {
    for (unsigned s = 0; s < execution->steps_n; s++) {
        struct step_state *state = &execution->steps[s];
        bool wanted = step_in_mode(execution, &plan->steps[s]);
        bool open = state->phase == STEP_WAITING || state->phase == STEP_APPROVAL ||
                    state->phase == STEP_FAILED;
        if (!wanted && open) {
            state->phase = STEP_LEFT_OUT;
        } else if (wanted && state->phase == STEP_LEFT_OUT) {
            state->phase = STEP_WAITING;
            state->tries_n = 0;
            state->started_ms = 0;
        }
    }
}

static void mode_turn(struct execution *execution, const struct plan *plan, bool graceful) {
    execution->ungraceful = graceful ? 0 : 1;
    execution->stage = graceful ? STAGE_PREPARE : STAGE_FENCE;
    /* What people paused stays paused: they may want to look before the fence. */
    if (execution->paused != PAUSE_OPERATOR) {
        execution->paused = PAUSE_NO;
    }
    mode_steps_turn(execution, plan);
}

void mode_settle(struct execution *execution, const struct plan *plan) {
    for (unsigned s = 0; s < execution->steps_n; s++) {
        struct step_state *state = &execution->steps[s];
        if (plan->steps[s].before_fence && !step_finished(state, &plan->steps[s])) {
            state->phase = STEP_LEFT_OUT;
        }
    }
}

/* -------------------------------------------------------------- guards and effects */

/* The running execution that the request names, when the request is of this kind; NULL. */
static const struct execution *turned(const struct context *c, enum request_kind kind) {
    const struct execution *execution = execution_running_const(c->core);
    bool named = execution != NULL && execution->id == c->event->request.execution;
    return named && c->event->request.kind == kind ? execution : NULL;
}

/* Giving up to hand over costs what a declared failover costs: whoever bound it to what a preview
 * of the plan showed means that loss, and no other. */
static bool turn_was_seen(const struct context *c, const struct execution *execution) {
    return request_was_seen(c, execution->plan, execution->target);
}

bool turns_ungraceful(const struct context *c) {
    const struct execution *execution = turned(c, REQUEST_MODE_UNGRACEFUL);
    return execution != NULL && mode_is_open(execution) && execution->ungraceful == 0;
}

bool turns_what_moved(const struct context *c) {
    return turns_ungraceful(c) && !turn_was_seen(c, execution_running_const(c->core));
}

bool turns_graceful(const struct context *c) {
    const struct execution *execution = turned(c, REQUEST_MODE_GRACEFUL);
    return execution != NULL && may_turn_graceful(execution);
}

bool turns_too_late(const struct context *c) {
    const struct execution *down = turned(c, REQUEST_MODE_UNGRACEFUL);
    const struct execution *up = turned(c, REQUEST_MODE_GRACEFUL);
    return (down != NULL && !mode_is_open(down)) || (up != NULL && !mode_is_open(up));
}

void mode_turn_asked(struct context *c, bool graceful) {
    struct execution *execution = execution_running(c->core);
    mode_turn(execution, &c->topology->plans[execution->plan], graceful);
    c->verdict->execution = execution->id;
}
