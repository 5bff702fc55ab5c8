/* Declarations: which may begin an execution, and which execution gives way to it. One runs at a
 * time; a drill, or a component's failover, never stands in the way of a move. */
#include "coordinator/core/declare.h"

uint8_t plan_of_kind(const struct topology *topology, enum plan_kind kind) {
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        if (topology->plans[p].kind == kind) {
            return p;
        }
    }
    return NONE;
}

bool execution_stands(const struct execution *execution) {
    if (execution->stage != STAGE_RUN || !plan_kind_moves((enum plan_kind)execution->kind)) {
        return false; /* nothing has moved: abandoning it is enough */
    }
    unsigned asking_n = 0, at_work_n = 0;
    for (unsigned s = 0; s < execution->steps_n; s++) {
        asking_n += execution->steps[s].phase == STEP_APPROVAL;
        at_work_n += execution->steps[s].phase == STEP_RUNNING;
    }
    return execution->paused != PAUSE_NO || (asking_n > 0 && at_work_n == 0);
}

bool execution_yields(const struct execution *execution) {
    return plan_kind_yields((enum plan_kind)execution->kind);
}

bool execution_gives_way(const struct execution *execution) {
    return execution->stage == STAGE_UNDO || execution_yields(execution);
}

/* Else a drill that waits, for people or for a suspicion to pass, would keep the very topology out
 * that lets its region be replaced: without a stolen key, or with an agent more. */
bool execution_bars_topology(const struct execution *execution) {
    bool at_work = false;
    for (unsigned s = 0; s < execution->steps_n; s++) {
        at_work = at_work || execution->steps[s].phase == STEP_RUNNING;
    }
    return !execution_finished(execution) && (at_work || !execution_yields(execution));
}

/* A drill is for good days: the active region is well, and nothing is suspected. A component's
 * failover is what mends one that is not. */
static bool exercise_may_begin(const struct core *core, const struct topology *topology,
                               enum plan_kind kind) {
    return kind != PLAN_DRILL || (core->phase == PHASE_SERVING &&
                                  verdict_of(core, topology, core->owner).class == CLASS_WELL);
}

static bool asks_to_declare(const struct context *c) {
    return c->event->request.kind == REQUEST_DECLARE;
}

uint8_t declared_plan(const struct context *c) {
    const struct event_request *request = &c->event->request;
    if (request->plan != NONE) {
        bool fits = request->plan < c->topology->plans_n &&
                    c->topology->plans[request->plan].kind == request->plan_kind;
        return fits ? request->plan : NONE;
    }
    return plan_of_kind(c->topology, (enum plan_kind)request->plan_kind);
}

/* Two drills of one region are two, when their plans are. */
bool declares_again(const struct context *c) {
    const struct execution *execution = execution_running_const(c->core);
    return asks_to_declare(c) && execution != NULL &&
           execution->kind == c->event->request.plan_kind &&
           (execution->target == c->event->request.region || execution->kind == PLAN_REPROTECT) &&
           (!execution_yields(execution) || execution->plan == declared_plan(c));
}

/* Any move interrupts what yields. Of the others, only a failover supersedes: whoever has time for
 * another move has time to end this one. And a second disaster is for people: an execution that
 * stands already waits for them. */
static bool may_supersede(const struct context *c, const struct execution *running) {
    bool person = c->event->request.role != ROLE_AUTOMATION;
    if (execution_yields(running)) {
        return plan_kind_moves((enum plan_kind)c->event->request.plan_kind);
    }
    return c->event->request.plan_kind == PLAN_FAILOVER &&
           (execution_gives_way(running) || (person && execution_stands(running)));
}

bool declares_while_running(const struct context *c) {
    const struct execution *running = execution_running_const(c->core);
    return asks_to_declare(c) && running != NULL && !may_supersede(c, running);
}

bool declares_stale(const struct context *c) {
    return asks_to_declare(c) && c->event->request.epoch != 0 &&
           c->event->request.epoch != c->core->epoch;
}

/* Automation declares only what the policy would let the members decide by themselves (SEED-61). */
static bool may_declare(const struct context *c) {
    const struct event_request *request = &c->event->request;
    return role_may_declare((enum role)request->role, (enum plan_kind)request->plan_kind) &&
           (request->role != ROLE_AUTOMATION || c->topology->policy.automatic);
}

/* A move goes where the lease is not; what stays inside one region may do so in any. */
static bool region_fits(const struct context *c) {
    const struct event_request *request = &c->event->request;
    return plan_kind_yields((enum plan_kind)request->plan_kind)
               ? other_data_region(c->topology, request->region) != NONE
               : request->region != c->core->owner;
}

static bool declaration_fits(const struct context *c) {
    const struct event_request *request = &c->event->request;
    return asks_to_declare(c) && may_declare(c) && request->region < c->topology->regions_n &&
           c->topology->regions[request->region].kind == REGION_DATA && region_fits(c) &&
           declared_plan(c) != NONE;
}

/* Whoever bound a declaration to what the preview showed means that, and nothing else. */
static bool declaration_was_seen(const struct context *c) {
    return request_was_seen(c, declared_plan(c), c->event->request.region);
}

bool declares_well(const struct context *c) {
    enum plan_kind kind = (enum plan_kind)c->event->request.plan_kind;
    return declaration_fits(c) && declaration_was_seen(c) &&
           execution_running_const(c->core) == NULL &&
           exercise_may_begin(c->core, c->topology, kind);
}

/* Row 303 has refused what may not supersede. */
bool declares_over_another(const struct context *c) {
    return declaration_fits(c) && declaration_was_seen(c) &&
           execution_running_const(c->core) != NULL;
}

bool declares_what_moved(const struct context *c) {
    return declaration_fits(c) && !declaration_was_seen(c);
}

bool declares_drill_amiss(const struct context *c) {
    return declaration_fits(c);
}
