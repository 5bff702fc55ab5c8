/* execution: operators, agents and the log around the shipped core, for execution.pml.
 * objects: coordinator/core/core.c
 * objects: coordinator/core/absorb.c
 * objects: coordinator/core/rules.c
 * objects: coordinator/core/plan.c
 * objects: coordinator/core/declare.c
 * objects: coordinator/core/mode.c
 * objects: coordinator/core/locks.c
 * objects: coordinator/core/agents.c
 * objects: coordinator/core/commander.c
 * objects: coordinator/core/seen.c
 * objects: coordinator/core/gates.c
 * objects: coordinator/core/verdict.c
 * objects: common/topology/topology.c
 * objects: common/topology/roles.c
 * objects: common/base/text.c
 * objects: common/base/bytes.c
 * objects: common/base/crc.c
 */
#include "execution.h"

#include <stdlib.h>

/* Operators: who declares, and a second person. */
enum { DECLARER, ANOTHER };

#include "execution_bytes.h"

void (*ensure_hook)(const char *expression, const char *file, int line);

void ensure_failed(const char *expression, const char *file, int line) {
    (void)expression;
    (void)file;
    (void)line;
    abort();
}

/* ---- the judge ---- */
static void broke(uint8_t property) {
    if (plan_world.broken == 0) {
        plan_world.broken = property;
    }
}

static bool finished(const struct execution *e, unsigned s) {
    uint8_t phase = e->steps[s].phase;
    return phase == STEP_DONE || phase == STEP_SKIPPED || phase == STEP_BY_HAND ||
           phase == STEP_LEFT_OUT || (phase == STEP_FAILED && plan_of(e)->steps[s].may_fail);
}

static void judge_wanted(const struct core *core, const struct execution *e,
                         const struct want_command *want) {
    const struct step *step = &plan_of(e)->steps[want->step];
    for (unsigned n = 0; !want->undo && n < step->needs_n; n++) {
        if (!finished(e, step->needs[n])) {
            broke(2);
        }
    }
    bool closed = !core->open || core->epoch != e->from_epoch;
    if (closed && want->region == e->source && (!step->at_source || step->before_fence)) {
        broke(6);
    }
    bool opens = want->action == ACTION_PATRONI_PROMOTE;
    if (opens && (!want->needs_lease || !core->open || core->owner != want->region ||
                  want->epoch != core->epoch)) {
        broke(7);
    }
    if (step->approval != NONE && e->steps[want->step].approved_by == NONE) {
        broke(8);
    }
}

#ifdef WANTS_OF_BEFORE
static struct core wished_before;
#endif

static void judge_wants(const struct core *core) {
    static struct wants wants;
    const struct execution *e = execution_running_const(core);
    core_wants(core, &acted, &wants);
#ifdef WANTS_OF_BEFORE
    if (e == NULL) {
        core_wants(&wished_before, &acted, &wants);
    }
#endif
#ifdef LEASE_FORGOTTEN
    for (unsigned i = 0; i < wants.commands_n; i++) {
        wants.commands[i].needs_lease = 0;
    }
#endif
    for (unsigned i = 0; i < wants.commands_n; i++) {
        const struct want_command *want = &wants.commands[i];
        if (e == NULL || want->execution != e->id || want->agent >= AGENTS_N) {
            broke(3);
            return;
        }
        for (unsigned k = 0; k < i; k++) {
            if (wants.commands[k].step == want->step) {
                broke(1);
            }
        }
        if (want->attempt == 0 || want->attempt != e->steps[want->step].attempt) {
            broke(1);
        }
        judge_wanted(core, e, want);
    }
    if (e == NULL) {
        return;
    }
    bool waits = e->paused != PAUSE_NO && e->paused_step < e->steps_n;
    for (unsigned s = 0; s < e->steps_n; s++) {
        waits = waits || e->steps[s].phase == STEP_APPROVAL ||
                (e->steps[s].phase == STEP_WAITING && e->steps[s].started_ms != 0) ||
                (e->stage == STAGE_UNDO && e->steps[s].undo == 1);
    }
    if (!waits && wants.commands_n == 0 && !wants.open && !wants.close) {
        broke(11);
    }
}

/* Is anybody in the region heard that takes over? */
static bool voice_of(const struct execution *e) {
    return (plan_world.alive & (e->target == 0 ? 3 : 4)) != 0;
}

static void judge_step(const struct execution *was, const struct execution *is, unsigned s,
                       const struct event *event, uint64_t now_ms) {
    const struct step_state *old = &was->steps[s], *now = &is->steps[s];
    if (now->attempt < old->attempt || now->attempt > old->attempt + 1) {
        broke(1);
    }
    bool told = event->kind == EVENT_OUTCOME && event->outcome.state == SAID_DONE &&
                event->outcome.step == s && event->outcome.attempt == old->attempt &&
                event->outcome.agent == old->agent;
    if (now->phase == STEP_DONE && old->phase != STEP_DONE &&
        (!told || old->phase != STEP_RUNNING)) {
        broke(9);
    }
    if (now->undo == 2 && old->undo != 2 && !told) {
        broke(9);
    }
    bool begun = now->attempt > old->attempt && is->stage != STAGE_UNDO;
    if (begun && was->paused != PAUSE_NO && event->kind != EVENT_REQUEST) {
        broke(10);
    }
    /* What was approved was approved with the target's region heard, or silent (N16). */
    bool asked = acted.plans[is->plan].steps[s].approval != NONE && old->approved_by != NONE;
    if (begun && old->attempt == 0 && asked && plan_world.step[s].voice != voice_of(is)) {
        broke(15);
    }
    bool at_work = old->phase == STEP_RUNNING && event->kind != EVENT_OUTCOME &&
                   now_ms - old->started_ms <= TIMEOUT_MS;
    if (now->undo == 1 && old->undo == 0 && at_work) {
        broke(14);
    }
}

static void voices_note(const struct execution *was, const struct execution *is) {
    for (unsigned s = 0; s < is->steps_n; s++) {
        if (was->steps[s].approved_by == NONE && is->steps[s].approved_by != NONE) {
            plan_world.step[s].voice = voice_of(is);
        }
    }
}

static void judge(const struct core *before, const struct core *after, const struct event *event) {
    unsigned running_n = 0;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *is = &after->executions[i], *was = &before->executions[i];
        running_n += !execution_finished(is);
        if (is->id == 0 || is->id != was->id) {
            continue;
        }
        for (unsigned s = 0; s < is->steps_n; s++) {
            judge_step(was, is, s, event, after->now_ms);
            if (is->stage == STAGE_DONE && !finished(is, s)) {
                broke(13);
            }
        }
        if (execution_finished(was) && !execution_finished(is)) {
            broke(3);
        }
        voices_note(was, is);
    }
    if (running_n > 1) {
        broke(4);
    }
    const struct execution *drill = execution_running_const(before);
    const struct execution *next = execution_running_const(after);
    bool moves = event->kind == EVENT_REQUEST && event->request.kind == REQUEST_DECLARE &&
                 event->request.plan_kind == PLAN_FAILOVER;
    if (moves && drill != NULL && plan_of(drill)->kind == PLAN_DRILL &&
        (next == NULL || plan_of(next)->kind != PLAN_FAILOVER)) {
        broke(16);
    }
    bool opened = event->kind == EVENT_OPEN && !before->open && after->open &&
                  after->epoch == before->epoch + 1 && after->owner == before->next_owner;
    bool closed = event->kind == EVENT_CLOSE && before->open && !after->open &&
                  after->epoch == before->epoch && event->close.epoch == before->epoch;
    bool stands = after->open == before->open && after->epoch == before->epoch &&
                  after->owner == before->owner;
    if (!opened && !closed && !stands) {
        broke(5);
    }
}

/* ---- events ---- */
static struct core before_step;

static void happen(struct core *core, const struct event *event) {
    before_step = *core;
    (void)core_step(core, &acted, event);
}

static struct event event_request(enum request_kind kind, unsigned step) {
    struct event event = {.kind = EVENT_REQUEST};
    event.request.kind = (uint8_t)kind;
    event.request.role = ROLE_COMMANDER;
    event.request.identity[0] = 1;
    event.request.plan = NONE;
    event.request.step = (uint8_t)step;
    event.request.execution = plan_world.id;
    return event;
}

static struct event event_declare(enum plan_kind kind) {
    struct event event = event_request(REQUEST_DECLARE, 0);
    event.request.plan_kind = (uint8_t)kind;
    event.request.region = kind == PLAN_DRILL ? plan_world.owner : (uint8_t)(1 - plan_world.owner);
    return event;
}

static struct event event_tick(void) {
    struct event event = {.kind = EVENT_TICK};
    event.tick.elapsed_ms = TICK_MS;
    event.tick.wall_ms = NOW_MS;
    return event;
}

static struct event event_view(uint8_t alive) {
    struct event event = {.kind = EVENT_VIEW};
    event.view.heard = alive;
    return event;
}

/* As the shell reads it: an outcome is of an undoing when that is what is wanted now. */
static struct event event_outcome(const struct core *core, unsigned step, unsigned back, bool done,
                                  bool other_agent) {
    const struct execution *e = execution_running_const(core);
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = e->id;
    event.outcome.step = (uint8_t)step;
    event.outcome.attempt = (uint16_t)(e->steps[step].attempt - back);
    event.outcome.agent = (uint8_t)((e->steps[step].agent + other_agent) % AGENTS_N);
    event.outcome.state = done ? SAID_DONE : SAID_FAILED;
    event.outcome.err = done ? ERR_OK : ERR_TIMEOUT;
    event.outcome.undo = e->stage == STAGE_UNDO && e->steps[step].undo == 1;
    return event;
}

static struct event event_lease(bool open, unsigned epoch, unsigned region) {
    struct event event = {.kind = open ? EVENT_OPEN : EVENT_CLOSE};
    if (open) {
        event.open.epoch = epoch;
        event.open.region = (uint8_t)region;
    } else {
        event.close.epoch = epoch;
        event.close.why = CLOSE_DECLARED;
    }
    return event;
}

/* ---- S12: from here, with everybody well and every wish fulfilled, it comes to an end or to
 * people: paused, or a step that needs an approval. */
#ifdef SETTLES
static bool waits_for_people(const struct execution *e) {
    bool approval = false;
    for (unsigned s = 0; s < e->steps_n; s++) {
        approval = approval || e->steps[s].phase == STEP_APPROVAL;
    }
    return (e->paused != PAUSE_NO && e->stage != STAGE_UNDO) || approval;
}

static bool settles(struct core core) {
    static struct wants wants;
    struct event event = event_view(7);
    (void)core_step(&core, &acted, &event);
    for (unsigned round = 0; round < 60; round++) {
        const struct execution *e = execution_running_const(&core);
        core_wants(&core, &acted, &wants);
        if (e == NULL) {
            return true;
        }
        if (wants.close) {
            event = event_lease(false, (unsigned)wants.close_epoch, 0);
        } else if (wants.open) {
            event = event_lease(true, (unsigned)wants.open_epoch, wants.open_region);
        } else if (wants.commands_n > 0) {
#ifdef OUTCOMES_LOST
            event = event_tick();
#else
            event = event_outcome(&core, wants.commands[0].step, 0, true, false);
#endif
        } else if (waits_for_people(e)) {
            return true;
        } else {
            event = event_tick();
        }
        (void)core_step(&core, &acted, &event);
    }
    return false;
}
#endif

enum {
    TICK = 0,
    VIEW = 1,
    DECLARE = 4,
    CLOSE = 6,
    OPEN = 8,
    EXECUTION = 10,
    STEP = 13,
    OUTCOME = 28,
    STEPS_END = 43
};

#ifdef DRILLS
#define FIRST_DECLARED PLAN_DRILL
#else
#define FIRST_DECLARED PLAN_SWITCHOVER
#endif

static bool step_is_there(unsigned s) {
    const struct model_execution *w = &plan_world;
    return w->id != 0 && s < truth.plans[plan_index(w->kind)].steps_n;
}

int plan_step_may(int step) {
    const struct model_execution *w = &plan_world;
    for (unsigned s = 0; s < MODEL_STEPS; s++) {
        if (w->step[s].attempt > ATTEMPTS) {
            return 0;
        }
    }
    if (step == TICK)
        return w->id != 0;
#ifdef AGENT1_STAYS
    if (step == VIEW + 1)
        return 0;
#endif
    if (step < DECLARE)
        return 1;
    if (step < CLOSE)
        return w->made < EXECUTIONS;
    if (step < EXECUTION)
        return 1;
    if (step < STEP)
        return w->id != 0;
    if (step < OUTCOME)
        return step_is_there((unsigned)(step - STEP) / 5);
    unsigned s = (unsigned)(step - OUTCOME) / 5, which = (unsigned)(step - OUTCOME) % 5;
    return step_is_there(s) && w->step[s].attempt > (which == 1 || which == 3 ? 1 : 0);
}

static struct event event_of(const struct core *core, int step) {
    static const enum request_kind execution_kinds[] = {REQUEST_PAUSE, REQUEST_RESUME,
                                                        REQUEST_ABORT};
    static const enum request_kind step_kinds[] = {
        REQUEST_APPROVE, REQUEST_REJECT, REQUEST_STEP_RETRY, REQUEST_STEP_SKIP, REQUEST_STEP_DONE};
    const struct model_execution *w = &plan_world;
    if (step == TICK)
        return event_tick();
    if (step < DECLARE)
        return event_view((uint8_t)(w->alive ^ (1U << (step - VIEW))));
    if (step < CLOSE)
        return event_declare(step == DECLARE ? FIRST_DECLARED : PLAN_FAILOVER);
    if (step < OPEN)
        return event_lease(false, w->epoch - (unsigned)(step - CLOSE), 0);
    if (step < EXECUTION)
        return event_lease(true, w->epoch + 1U, step == OPEN ? w->owner : 1U - w->owner);
    if (step < STEP)
        return event_request(execution_kinds[step - EXECUTION], 0);
    if (step < OUTCOME) {
        struct event event =
            event_request(step_kinds[(step - STEP) % 5], (unsigned)(step - STEP) / 5);
        event.request.operator_index = ANOTHER;
        return event;
    }
    unsigned s = (unsigned)(step - OUTCOME) / 5, which = (unsigned)(step - OUTCOME) % 5;
    return event_outcome(core, s, which == 1 || which == 3, which < 2 || which == 4, which == 4);
}

/* Rules of the core's own, broken behind its back. */
static void tamper(const struct core *before, struct core *after) {
    struct execution *e = &after->executions[0];
    (void)before;
    (void)e;
#ifdef ATTEMPT_SKIPS
    for (unsigned s = 0; s < e->steps_n; s++) {
        e->steps[s].attempt += e->steps[s].attempt > before->executions[0].steps[s].attempt;
    }
#endif
#ifdef TWO_AT_ONCE
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (after->executions[i].stage == STAGE_SUPERSEDED) {
            after->executions[i].stage = STAGE_UNDO;
        }
    }
#endif
#ifdef PAUSE_UNNAMED
    e->paused_step = NONE;
#endif
#ifdef DONE_EARLY
    e->stage = e->stage == STAGE_RUN ? STAGE_DONE : e->stage;
#endif
#ifdef WANTS_OF_BEFORE
    wished_before = *before;
#endif
}

static void happen_to(struct core *core, const struct event *event) {
#ifdef DRILL_KEEPS /* it gives way to nothing */
    struct execution *e = &core->executions[0];
    uint64_t id = e->id;
    bool drills = e->kind == PLAN_DRILL;
    e->kind = drills ? PLAN_REPROTECT : e->kind;
    happen(core, event);
    e->kind = drills && e->id == id ? PLAN_DRILL : e->kind;
#else
    happen(core, event);
#endif
}

/* Who declared it approves it, or skips what waits for an approval: nothing may come of that. */
static void own_approval_tried(const struct core *core, const struct event *event) {
    struct event own = *event;
    if (event->kind != EVENT_REQUEST ||
        (event->request.kind != REQUEST_APPROVE && event->request.kind != REQUEST_STEP_SKIP)) {
        return;
    }
    own.request.operator_index = DECLARER;
    static struct core tried;
    tried = *core;
#ifdef OWN_APPROVAL
    tried.executions[0].declared_by = NONE;
#endif
    (void)core_step(&tried, &acted, &own);
    const struct execution *is = &tried.executions[0], *was = &core->executions[0];
    for (unsigned s = 0; s < was->steps_n; s++) {
        bool waits =
            acted.plans[was->plan].steps[s].approval != NONE && was->steps[s].approved_by == NONE;
        bool skipped = is->steps[s].phase == STEP_SKIPPED && was->steps[s].phase != STEP_SKIPPED;
        if (waits && (is->steps[s].approved_by != NONE || skipped)) {
            broke(17);
        }
    }
}

void plan_step_take(int step) {
    static struct core core;
    core_load(&core);
    struct event event = event_of(&core, step);
    struct event shown = event;
#ifdef ANY_ATTEMPT
    if (event.kind == EVENT_OUTCOME) {
        event.outcome.attempt = core.executions[0].steps[event.outcome.step].attempt;
    }
#endif
#ifdef ANY_AGENT
    if (event.kind == EVENT_OUTCOME) {
        event.outcome.agent = core.executions[0].steps[event.outcome.step].agent;
    }
#endif
#ifdef PAUSE_IGNORED
    core.executions[0].paused = PAUSE_NO;
#endif
#ifdef SEEN_FORGOTTEN
    for (unsigned s = 0; s < MODEL_STEPS; s++) {
        core.executions[0].steps[s].seen = 0;
    }
#endif
#ifdef CLOSE_UNASKED
    if (event.kind == EVENT_CLOSE && core.open && core.executions[0].id != 0) {
        core.executions[0].stage = STAGE_FENCE;
    }
#endif
#ifdef OPEN_TO_ANY
    if (event.kind == EVENT_OPEN) {
        core.next_owner = event.open.region;
    }
#endif
#ifdef UNDO_AT_ONCE
    if (core.executions[0].stage == STAGE_UNDO &&
        core.executions[0].steps[0].phase == STEP_RUNNING) {
        core.executions[0].steps[0].phase = STEP_FAILED;
    }
#endif
#ifdef ABORT_ANY_TIME
    if (event.kind == EVENT_REQUEST && event.request.kind == REQUEST_ABORT) {
        core.executions[0].stage = STAGE_PREPARE;
    }
#endif
    own_approval_tried(&core, &event);
    struct core told;
    core_load(&told);
    happen_to(&core, &event);
#ifdef CLOSE_UNASKED /* nor is what was not handed over left out, which alone would do (mode.c) */
    for (unsigned step = 0; event.kind == EVENT_CLOSE && step < core.executions[0].steps_n;
         step++) {
        core.executions[0].steps[step].phase = told.executions[0].steps[step].phase;
    }
#endif
    tamper(&told, &core);
    if (event.kind == EVENT_VIEW) {
        plan_world.alive = (uint8_t)event.view.heard;
    }
    judge(&told, &core, &shown);
    judge_wants(&core);
#ifdef SETTLES
    if (!settles(core)) {
        broke(12);
    }
#endif
    core_store(&core);
}

void plan_world_begin(void) {
    static struct core core;
    topology_begin();
    core_init(&core);
    core.config_version = 1;
    core.timekeeper = 0;
    core.now_ms = NOW_MS;
    struct event event = event_lease(true, 1, 0);
    (void)core_step(&core, &acted, &event);
    memset(&plan_world, 0, sizeof plan_world);
    plan_world.alive = 7;
    core_store(&core);
}

int plan_world_reached(int which) {
    const struct model_execution *w = &plan_world;
    bool ended = w->id == 0 && w->made > 0;
    return (which == 1 && ended && w->epoch == 2) || (which == 2 && ended && w->epoch == 1) ||
           (which == 3 && w->made == 2 && w->id == 2 && w->kind == PLAN_FAILOVER &&
            w->epoch == 1) ||
           (which == 4 && ended && w->made == 2 && w->epoch == 2);
}
