/* execution_bytes: the bounds of a run, its topology, and the way from bytes to the shipped struct
 * core and back. Included by execution.c alone. */
#ifndef DROVER_MODEL_EXECUTION_BYTES_H
#define DROVER_MODEL_EXECUTION_BYTES_H

#include <string.h>

#include "common/base/bits.h"
#include "coordinator/core/internal.h"
#include "execution.h"

#ifndef ATTEMPTS
#define ATTEMPTS 2 /* no event follows once a step was begun more often than this */
#endif
#ifndef EXECUTIONS
#define EXECUTIONS 2
#endif
#define TICK_MS 1500
#define TIMEOUT_MS 1000
#define AGE_MAX 3 /* 4.5 s: past every limit of a step (timeout, grace, undo again) */
#define NOW_MS 100000
#define AGENTS_N 3 /* 0 and 1 at the first region's store, 2 at the other one's */

struct model_execution plan_world;
static struct topology truth; /* what the judge reads */
static struct topology acted; /* what the core is given: the same, but for a mutant */

/* ---- the topology ---- */
static void step_is(struct step *step, uint8_t action, bool at_source, int need) {
    step->action = action;
    step->component = 0;
    step->at_source = at_source;
    step->agent = NONE;
    step->approval = NONE;
    step->timeout_ms = TIMEOUT_MS;
    if (need >= 0) {
        step->needs[step->needs_n++] = (uint8_t)need;
    }
}

static void topology_begin(void) {
    truth.version = 1;
    truth.regions_n = 2;
    truth.members_n = 1;
    truth.components_n = 1;
    truth.components[0].guarded = true;
    truth.agents_n = AGENTS_N;
    truth.agents[2].region = 1;
    truth.endpoints_n = 2;
    truth.endpoints[0].agents_n = 2;
    truth.endpoints[0].agents[1] = 1;
    truth.endpoints[1].region = 1;
    truth.endpoints[1].agents_n = 1;
    truth.endpoints[1].agents[0] = 2;
    truth.plans_n = 3;
    struct plan *planned = &truth.plans[0], *forced = &truth.plans[1], *drill = &truth.plans[2];
    planned->kind = PLAN_SWITCHOVER;
    planned->steps_n = 3;
    step_is(&planned->steps[0], ACTION_PATRONI_HANDOFF, true, -1);
    planned->steps[0].before_fence = true;
    step_is(&planned->steps[1], ACTION_PATRONI_PROMOTE, false, 0);
    planned->steps[1].approval = ROLE_COMMANDER;
    step_is(&planned->steps[2], ACTION_HTTP_CALL, true, 1);
    planned->steps[2].may_fail = true;
    forced->kind = PLAN_FAILOVER;
    forced->steps_n = 2;
    step_is(&forced->steps[0], ACTION_PATRONI_PROMOTE, false, -1);
    forced->steps[0].retries = 1;
    step_is(&forced->steps[1], ACTION_PATRONI_DEMOTE, true, 0);
    forced->steps[1].may_fail = true;
    forced->steps[1].approval = ROLE_COMMANDER;
    drill->kind = PLAN_DRILL;
    drill->steps_n = 2;
    step_is(&drill->steps[0], ACTION_HTTP_CALL, false, -1);
    step_is(&drill->steps[1], ACTION_HTTP_CALL, false, 0);
    drill->steps[1].approval = ROLE_COMMANDER;
    acted = truth;
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned s = 0; s < MODEL_STEPS; s++) {
#ifdef NO_NEEDS
            acted.plans[p].steps[s].needs_n = 0;
#endif
#ifdef NO_APPROVAL
            acted.plans[p].steps[s].approval = NONE;
#endif
#ifdef HANDOFF_LATE
            acted.plans[p].steps[s].before_fence = false;
#endif
#ifdef FORGIVEN
            acted.plans[p].steps[s].may_fail = true;
#endif
        }
    }
}

static uint8_t plan_index(uint8_t kind) {
    return kind == PLAN_SWITCHOVER ? 0 : kind == PLAN_DRILL ? 2 : 1;
}

static const struct plan *plan_of(const struct execution *execution) {
    return &truth.plans[execution->plan];
}

/* ---- bytes to the core and back ---- */
static void core_load(struct core *core) {
    const struct model_execution *w = &plan_world;
    core_init(core);
    core->now_ms = NOW_MS;
    core->wall_ms = NOW_MS; /* a TICK told the time long ago */
    core->config_version = 1;
    core->timekeeper = 0;
    core->epoch = w->epoch;
    core->phase = w->phase;
    core->open = w->open;
    core->owner = w->owner;
    core->next_owner = w->next_owner;
    core->executions_made = w->made;
    for (unsigned a = 0; a < AGENTS_N; a++) {
        core->agents[a].heard_by = w->alive >> a & 1;
    }
    if (w->id == 0) {
        return;
    }
    struct execution *e = &core->executions[0];
    e->id = w->id;
    e->stage = w->stage;
    e->paused = w->paused;
    e->paused_step = w->paused_step;
    e->kind = w->kind;
    e->plan = plan_index(w->kind);
    e->source = w->source;
    e->target = w->target;
    e->from_epoch = w->from_epoch;
    e->declared_by = DECLARER;
    e->steps_n = truth.plans[e->plan].steps_n;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        e->steps[s].agent = e->steps[s].approved_by = NONE;
    }
    for (unsigned s = 0; s < e->steps_n; s++) {
        const struct model_step *from = &w->step[s];
        struct step_state *to = &e->steps[s];
        to->phase = from->phase;
        to->attempt = from->attempt;
        to->tries_n = from->tries;
        to->agent = from->agent;
        to->approved_by = from->approved ? ANOTHER : NONE;
        to->seen = (uint16_t)(from->bound ? SEEN_BOUND |
                                                (e->kind == PLAN_SWITCHOVER ? 0 : SEEN_UNGRACEFUL) |
                                                (from->silent ? SEEN_SILENT : 0)
                                          : 0);
        to->err = from->failed ? ERR_TIMEOUT : ERR_OK;
        to->undo = from->undo;
        to->started_ms = from->begun ? NOW_MS - (uint64_t)from->age * TICK_MS : 0;
    }
}

/* What no rule reads any more is stored as nothing: equal futures are equal bytes. */
static void step_store(struct model_step *to, const struct step_state *from,
                       const struct execution *e, bool handoff, uint64_t now_ms) {
    bool undoable = handoff && e->stage != STAGE_TAKE && e->stage != STAGE_RUN;
    bool over = from->phase == STEP_DONE || from->phase >= STEP_SKIPPED;
    uint64_t age = (now_ms - from->started_ms) / TICK_MS;
    to->phase = over ? STEP_DONE : from->phase;
    to->attempt = over && !undoable ? from->attempt > 0 : (uint8_t)from->attempt;
    to->tries = over || e->stage == STAGE_UNDO ? 0 : (uint8_t)from->tries_n;
    to->agent = over && !undoable ? 0 : from->agent;
    to->approved = over ? 0 : from->approved_by != NONE;
    bool binds = to->approved && from->attempt == 0;
    to->bound = binds && (from->seen & SEEN_BOUND) != 0;
    to->silent = binds && (from->seen & SEEN_SILENT) != 0;
    to->voice = binds ? to->voice : 0;
    to->failed = e->stage == STAGE_UNDO && from->err != ERR_OK;
    to->undo = from->undo;
    bool timed = undoable || from->phase == STEP_RUNNING || from->phase == STEP_WAITING;
    to->begun = timed && from->started_ms != 0;
    to->age = !to->begun ? 0 : (uint8_t)(age > AGE_MAX ? AGE_MAX : age);
}

/* Of the finished executions nothing is kept: no rule but the slot's choice reads them. */
static void core_store(const struct core *core) {
    struct model_execution *w = &plan_world;
    const struct execution *e = execution_running_const(core);
    uint8_t alive = w->alive, broken = w->broken, voices[MODEL_STEPS];
    for (unsigned s = 0; s < MODEL_STEPS; s++) {
        voices[s] = w->step[s].voice;
    }
    memset(w, 0, sizeof *w);
    w->alive = alive;
    w->broken = broken;
    w->epoch = (uint8_t)core->epoch;
    w->phase = core->phase;
    w->open = core->open;
    w->owner = core->owner;
    w->next_owner = core->open ? NONE : core->next_owner;
    w->made = (uint8_t)core->executions_made;
    if (e == NULL) {
        return;
    }
    w->id = (uint8_t)e->id;
    w->stage = e->stage;
    w->paused = e->paused;
    w->paused_step = e->paused_step;
    w->kind = e->kind;
    w->source = e->source;
    w->target = e->target;
    w->from_epoch = (uint8_t)e->from_epoch;
    for (unsigned s = 0; s < e->steps_n; s++) {
        w->step[s].voice = voices[s];
        step_store(&w->step[s], &e->steps[s], e, plan_of(e)->steps[s].before_fence, core->now_ms);
    }
}

#endif
