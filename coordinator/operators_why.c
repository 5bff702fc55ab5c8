/* Why a request does not fit the state: the rule's sentence says which rule, this says what is
 * in the way, with names and figures, as of the state that refused it. */
#include <inttypes.h>

#include "common/topology/duration.h"
#include "coordinator/operators_why.h"
#include "coordinator/seen_words.h"
#include "coordinator/status_parts.h"

/* The execution that brought the lease where it is, as far as it is still kept. */
static const struct execution *mover_of(const struct core *core) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        if (execution->id != 0 && execution->opened_ms != 0 && execution->target == core->owner &&
            execution->from_epoch + 1 == core->epoch) {
            return execution;
        }
    }
    return NULL;
}

/* Who declares what has just been done wants to know by whom, to look on. */
static bool why_owner_already(const struct core *core, const char *region, char *out,
                              size_t out_size) {
    const struct execution *mover = mover_of(core);
    if (mover == NULL) {
        return text_format(out, out_size, "%s owns epoch %" PRIu64 " already", region, core->epoch);
    }
    return text_format(out, out_size,
                       "%s owns epoch %" PRIu64 " already: execution %" PRIu64
                       " moved the lease there",
                       region, core->epoch, mover->id);
}

static bool why_declare(const struct coordinator *member, const struct request *request, char *out,
                        size_t out_size) {
    const struct core *core = &member->core;
    const struct topology *topology = member->topology;
    uint8_t region = topology_region(topology, request->region);
    uint8_t plan = request->plan[0] == '\0' ? NONE : topology_plan(topology, request->plan);
    bool any = false;
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        any = any || topology->plans[p].kind == request->plan_kind;
    }
    const char *kind = plan_kind_text((enum plan_kind)request->plan_kind);
    if (region != NONE && topology->regions[region].kind != REGION_DATA) {
        return text_format(out, out_size, "%s is not a data region", request->region);
    }
    if (!core->open) {
        return text_format(out, out_size, "epoch %" PRIu64 " is closed and the next one not open",
                           core->epoch);
    }
    if (region == core->owner) {
        return why_owner_already(core, request->region, out, out_size);
    }
    if (!any) {
        return text_format(out, out_size, "the topology has no %s plan", kind);
    }
    if (plan != NONE && topology->plans[plan].kind != request->plan_kind) {
        return text_format(out, out_size, "plan %s is not a %s", request->plan, kind);
    }
    return false;
}

static uint8_t step_named(const struct coordinator *member, const struct execution *execution,
                          const char *name) {
    const struct plan *plan = &member->topology->plans[execution->plan];
    for (uint8_t s = 0; s < execution->steps_n && s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return s;
        }
    }
    return NONE;
}

static bool why_execution(const struct coordinator *member, const struct request *request,
                          char *out, size_t out_size) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    if (execution == NULL || execution->plan >= member->topology->plans_n) {
        return text_format(out, out_size, "there is no execution %" PRIu64, request->execution);
    }
    const char *stage = stage_text((enum execution_stage)execution->stage);
    if (!execution_runs(execution)) {
        return text_format(out, out_size, "execution %" PRIu64 " is %s", execution->id, stage);
    }
    uint8_t step = step_named(member, execution, request->step);
    const struct plan *its = &member->topology->plans[execution->plan];
    if (step != NONE && request->kind == REQUEST_APPROVE &&
        its->steps[step].action == ACTION_MANUAL) {
        return text_format(out, out_size,
                           "step %s is done by hand: drover step done %" PRIu64 " %s --comment ...",
                           request->step, execution->id, request->step);
    }
    if (step != NONE) {
        return text_format(out, out_size, "step %s is %s", request->step,
                           step_phase_text((enum step_phase)execution->steps[step].phase));
    }
    if (request->kind == REQUEST_ABORT && execution->stage == STAGE_UNDO) {
        return text_format(out, out_size,
                           "execution %" PRIu64 " is being abandoned already: what it stopped in "
                           "%s is opened again until that is done",
                           execution->id, name_region(member->topology, execution->source));
    }
    if (request->kind == REQUEST_ABORT) {
        return text_format(out, out_size, "the lease has moved: execution %" PRIu64 " is %s",
                           execution->id, stage);
    }
    if (request->kind == REQUEST_MODE_GRACEFUL || request->kind == REQUEST_MODE_UNGRACEFUL) {
        return text_format(out, out_size, "execution %" PRIu64 ", a %s, is %s and %s",
                           execution->id, plan_kind_text((enum plan_kind)execution->kind), stage,
                           execution_is_graceful(execution) ? "graceful" : "ungraceful");
    }
    if (request->kind == REQUEST_RESUME &&
        (execution->paused == PAUSE_STEP_FAILED || execution->paused == PAUSE_NO_AGENT)) {
        const struct plan *plan = &member->topology->plans[execution->plan];
        return text_format(out, out_size, "step %s failed: retry it, skip it or say it is done",
                           execution->paused_step < plan->steps_n
                               ? plan->steps[execution->paused_step].name
                               : "?");
    }
    return text_format(out, out_size, "execution %" PRIu64 " is %s%s%s", execution->id, stage,
                       execution->paused == PAUSE_NO ? ", not paused" : ", ",
                       pause_text((enum pause_why)execution->paused));
}

/* What the request was bound to, of this plan to this region, and what of it is otherwise. */
static bool why_seen_moved(const struct coordinator *member, const struct request *request,
                           uint8_t plan, uint8_t region, char *out, size_t out_size) {
    const struct topology *topology = member->topology;
    struct seen_plan was;
    if (!seen_plan_read(request->seen, &was)) {
        return text_format(out, out_size, "its digest is none that a preview of a plan printed");
    }
    if (plan == NONE || region == NONE) {
        return false;
    }
    struct seen_plan now = seen_plan_now(&member->core, topology, plan, region);
    seen_plan_words(topology, &was, &now, out, out_size);
    return out[0] != '\0';
}

static bool why_plan_moved(const struct coordinator *member, const struct request *request,
                           char *out, size_t out_size) {
    const struct topology *topology = member->topology;
    uint8_t region = topology_region(topology, request->region);
    uint8_t plan = request->plan[0] == '\0'
                       ? plan_of_kind(topology, (enum plan_kind)request->plan_kind)
                       : topology_plan(topology, request->plan);
    return why_seen_moved(member, request, plan, region, out, out_size);
}

static bool why_turn_moved(const struct coordinator *member, const struct request *request,
                           char *out, size_t out_size) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    return why_seen_moved(member, request, execution == NULL ? NONE : execution->plan,
                          execution == NULL ? NONE : execution->target, out, out_size);
}

static bool why_step_moved(const struct coordinator *member, const struct request *request,
                           char *out, size_t out_size) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    struct seen_step was;
    uint8_t step = execution == NULL ? NONE : step_named(member, execution, request->step);
    if (!seen_step_read(request->seen, &was)) {
        return text_format(out, out_size, "its digest is none that a step's approval is bound to");
    }
    if (step == NONE || was.execution != request->execution || was.step != step) {
        return text_format(out, out_size, "its digest is of another step");
    }
    uint16_t now = seen_moves_now(&member->core, member->topology, execution, step);
    seen_step_words(member->topology, execution, step, was.moves, now, out, out_size);
    return out[0] != '\0';
}

/* Who has command, since when, and how it goes to somebody else. */
static bool why_commander(const struct coordinator *member, const struct request *request,
                          uint16_t rule, char *out, size_t out_size) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    uint8_t who = execution == NULL ? NONE : execution_commander(execution);
    if (who == NONE) {
        return false; /* the execution has ended meanwhile */
    }
    const char *name = name_operator(member->topology, who);
    uint64_t now_ms = member->core.now_ms;
    struct duration for_ms = duration_text((now_ms - execution->command_ms) / 1000 * 1000);
    if (rule == 334) {
        uint64_t asked_ms = now_ms - execution->asked_ms;
        uint64_t left_ms = asked_ms < COMMAND_ANSWER_MS ? COMMAND_ANSWER_MS - asked_ms : 0;
        return text_format(out, out_size, "%s has command for %s and may answer for %s more", name,
                           for_ms.at, duration_text((left_ms + 999) / 1000 * 1000).at);
    }
    return text_format(out, out_size,
                       "%s has command of execution %" PRIu64 " for %s. %s: drover command "
                       "handover %" PRIu64 " %s; you: drover command take %" PRIu64 " --reason ...",
                       name, execution->id, for_ms.at, name, execution->id, request->operator_name,
                       execution->id);
}

/* Who else there is. */
static bool why_own_approval(const struct coordinator *member, const struct request *request,
                             char *out, size_t out_size) {
    const struct topology *topology = member->topology;
    const struct execution *execution = core_execution(&member->core, request->execution);
    uint8_t step = execution == NULL ? NONE : step_named(member, execution, request->step);
    if (step == NONE) {
        return false;
    }
    uint8_t asked = topology->plans[execution->plan].steps[step].approval;
    enum role needed = asked == NONE ? ROLE_COMMANDER : (enum role)asked;
    char others[120] = "";
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        if (!topology_same_person(topology, execution->declared_by, i) &&
            role_may_approve((enum role)topology->operators[i].role, needed)) {
            (void)text_append(others, sizeof others, others[0] == '\0' ? "" : ", ");
            (void)text_append(others, sizeof others, topology->operators[i].name);
        }
    }
    return text_format(out, out_size, "%s declared execution %" PRIu64 "; who may approve %s: %s",
                       name_operator(topology, execution->declared_by), execution->id,
                       request->step, others[0] == '\0' ? "nobody else" : others);
}

bool operators_why(const struct coordinator *member, const struct request *request, uint16_t rule,
                   char *out, size_t out_size) {
    const struct execution *running = execution_newest(&member->core);
    switch (rule) {
    case 303: /* another execution is running */
        return running != NULL &&
               text_format(out, out_size, "execution %" PRIu64 ", %s to %s, is %s", running->id,
                           plan_kind_text((enum plan_kind)running->kind),
                           name_region(member->topology, running->target),
                           stage_text((enum execution_stage)running->stage));
    case 304: /* made for an older epoch */
        return text_format(out, out_size, "made for epoch %" PRIu64 ", it is %" PRIu64 " now",
                           request->epoch, member->core.epoch);
    case 307: /* bound to what was seen */ return why_plan_moved(member, request, out, out_size);
    case 308: /* a drill on a bad day */
        return text_format(out, out_size, "%s, the active region, is %s%s",
                           name_region(member->topology, member->core.owner),
                           class_text((enum region_class)verdict_of(&member->core, member->topology,
                                                                    member->core.owner)
                                          .class),
                           member->core.phase == PHASE_SUSPECT ? " and suspected" : "");
    case 309: /* somebody else has command */
    case 334: return why_commander(member, request, rule, out, out_size);
    case 319: return why_turn_moved(member, request, out, out_size);
    case 324: /* the mode is settled */ return why_execution(member, request, out, out_size);
    case 325: return why_own_approval(member, request, out, out_size);
    case 310: return why_step_moved(member, request, out, out_size);
    case 399: /* does not fit the state */
        return request->kind == REQUEST_DECLARE ? why_declare(member, request, out, out_size)
                                                : why_execution(member, request, out, out_size);
    default: return false;
    }
}
