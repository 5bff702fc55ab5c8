#include "coordinator/core/commander.h"

static uint8_t asker(const struct context *c) {
    return (uint8_t)(c->event->request.operator_index + 1);
}

static struct execution *named(const struct context *c) {
    struct execution *execution = execution_running(c->core);
    return execution != NULL && execution->id == c->event->request.execution ? execution : NULL;
}

static bool may_have_command(const struct context *c) {
    return role_may((enum role)c->event->request.role, REQUEST_COMMAND_TAKE);
}

bool asks_of_manual_step(const struct context *c) {
    const struct execution *execution = named(c);
    if (execution == NULL || c->event->request.step >= execution->steps_n) {
        return false;
    }
    const struct plan *plan = &c->topology->plans[execution->plan];
    return plan->steps[c->event->request.step].action == ACTION_MANUAL;
}

/* The role whose approval the step still waits for, or NONE. */
static uint8_t approval_wanted(const struct context *c, const struct execution *execution) {
    const struct step *step = &c->topology->plans[execution->plan].steps[c->event->request.step];
    if (execution->steps[c->event->request.step].approved_by != NONE ||
        (step->approval == NONE && step->action != ACTION_APPROVAL)) {
        return NONE;
    }
    return step->approval == NONE ? (uint8_t)ROLE_COMMANDER : step->approval;
}

bool may_say_done(const struct context *c) {
    enum role role = (enum role)c->event->request.role;
    const struct step *step = &c->topology->plans[named(c)->plan].steps[c->event->request.step];
    uint8_t wanted = approval_wanted(c, named(c));
    if (step->action == ACTION_MANUAL) {
        return role_may_approve(role, (enum role)step->approval);
    }
    return role_may(role, REQUEST_STEP_DONE) &&
           role_may_run_action(role, (enum action_kind)step->action) &&
           (wanted == NONE || role_may(role, REQUEST_STEP_SKIP) ||
            role_may_approve(role, (enum role)wanted));
}

bool passes_own_approval(const struct context *c) {
    const struct event_request *request = &c->event->request;
    const struct execution *execution = named(c);
    bool passes = request->kind == REQUEST_APPROVE || request->kind == REQUEST_STEP_SKIP ||
                  request->kind == REQUEST_STEP_DONE;
    return passes && execution != NULL && request->step < execution->steps_n &&
           execution->declared_by != NONE && !asks_of_manual_step(c) &&
           approval_wanted(c, execution) != NONE &&
           topology_same_person(c->topology, execution->declared_by, request->operator_index);
}

/* What a role that never has command may ask for, such as the database's administrator saying that
 * a step was done by hand, tells of its own work and is no command; nor is what the role of a
 * manual step says of it. */
static bool is_command(const struct context *c) {
    bool own_work = c->event->request.kind == REQUEST_STEP_DONE && asks_of_manual_step(c);
    return !own_work && request_is_command((enum request_kind)c->event->request.kind) &&
           may_have_command(c);
}

static void give(const struct context *c, struct execution *execution, uint8_t who) {
    if (execution->commander != who) {
        execution->commander = who;
        execution->command_ms = c->core->now_ms;
    }
    execution->asked_by = 0;
    execution->asked_ms = 0;
}

/* ------------------------------------------------------------------- guards */

bool commands_without_command(const struct context *c) {
    const struct execution *execution = named(c);
    return is_command(c) && execution != NULL && execution->commander != 0 &&
           execution->commander != asker(c);
}

static bool asks_to_take(const struct context *c) {
    return c->event->request.kind == REQUEST_COMMAND_TAKE && named(c) != NULL;
}

bool takes_command(const struct context *c) {
    return asks_to_take(c) && (named(c)->commander == 0 || named(c)->commander == asker(c));
}

bool asks_for_command(const struct context *c) {
    return asks_to_take(c) && named(c)->asked_by == 0;
}

bool relieves_of_command(const struct context *c) {
    return asks_to_take(c) && c->core->now_ms - named(c)->asked_ms >= COMMAND_ANSWER_MS;
}

bool asks_too_soon(const struct context *c) {
    return asks_to_take(c);
}

bool hands_over_command(const struct context *c) {
    const struct event_request *request = &c->event->request;
    const struct execution *execution = named(c);
    return request->kind == REQUEST_COMMAND_HANDOVER && execution != NULL &&
           execution->commander == asker(c) && request->to < c->topology->operators_n &&
           role_may((enum role)c->topology->operators[request->to].role, REQUEST_COMMAND_TAKE);
}

/* ------------------------------------------------------------------ effects */

void do_take_command(struct context *c) {
    give(c, named(c), asker(c));
    request_remember(c);
}

void do_ask_for_command(struct context *c) {
    struct execution *execution = named(c);
    execution->asked_by = asker(c);
    execution->asked_ms = c->core->now_ms;
    request_remember(c);
}

void do_hand_over_command(struct context *c) {
    give(c, named(c), (uint8_t)(c->event->request.to + 1));
    request_remember(c);
}

void commander_declared(const struct context *c, struct execution *execution) {
    if (may_have_command(c)) {
        give(c, execution, asker(c));
    }
}

void commander_heard(const struct context *c) {
    struct execution *execution = execution_running(c->core);
    bool first = execution != NULL && execution->commander == 0 && is_command(c);
    if (first || (execution != NULL && execution->commander == asker(c))) {
        give(c, execution, asker(c));
    }
}
