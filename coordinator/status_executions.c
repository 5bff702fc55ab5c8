/* Executions and their steps; whose turn it is. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/plan/preview.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "coordinator/history.h"
#include "coordinator/seen_words.h"
#include "coordinator/status_parts.h"

static void put_step_needs(json_t *object, const struct plan *plan, const struct step *step) {
    json_t *needs = json_array();
    for (unsigned i = 0; i < step->needs_n; i++) {
        if (step->needs[i] < plan->steps_n) {
            (void)json_array_append_new(needs, json_string(plan->steps[step->needs[i]].name));
        }
    }
    put_object(object, "needs", needs);
}

/* Who is in the way of a step that could begin otherwise; NONE. */
static uint8_t step_locked_by(const struct execution *execution, const struct plan *plan,
                              uint8_t index) {
    const struct step *step = &plan->steps[index];
    bool ready = execution->steps[index].phase == STEP_WAITING && execution_runs(execution) &&
                 plan->steps_n == execution->steps_n;
    for (unsigned i = 0; ready && i < step->needs_n; i++) {
        uint8_t need = step->needs[i];
        ready = step_finished(&execution->steps[need], &plan->steps[need]);
    }
    return ready ? execution_lock_holder(execution, plan, index) : NONE;
}

static void put_step_locks(json_t *object, const struct execution *execution,
                           const struct plan *plan, uint8_t index) {
    json_t *locks = json_array();
    uint8_t holder = step_locked_by(execution, plan, index);
    for (uint8_t i = 0; i < plan->locks_n; i++) {
        if ((plan->steps[index].locks & bit(i)) != 0) {
            (void)json_array_append_new(locks, json_string(plan->locks[i]));
        }
    }
    put_object(object, "locks", locks);
    put_text(object, "locked_by", holder == NONE ? "" : plan->steps[holder].name);
}

static uint16_t step_digest(const struct answering *answering, const struct execution *execution,
                            uint8_t index, char ret_digest[2 * SEEN_SIZE + 1]) {
    uint8_t bytes[SEEN_SIZE];
    struct seen_step seen = {.execution = execution->id, .step = index};
    seen.moves = seen_moves_now(answering->core, answering->topology, execution, index);
    seen_step_write(&seen, bytes);
    text_from_bytes(bytes, sizeof bytes, ret_digest, 2 * SEEN_SIZE + 1);
    return seen.moves;
}

/* What an approval of this step would be bound to now, and why one that was given is void. */
static void put_seen(struct answering *answering, json_t *object, const struct execution *execution,
                     uint8_t index) {
    const struct topology *topology = answering->topology;
    const struct step *step = &topology->plans[execution->plan].steps[index];
    const struct step_state *state = &execution->steps[index];
    bool asked = state->phase == STEP_APPROVAL || state->phase == STEP_WAITING;
    bool needed = step->action != ACTION_MANUAL &&
                  (step->approval != NONE || step->action == ACTION_APPROVAL ||
                   state->phase == STEP_APPROVAL);
    char digest[2 * SEEN_SIZE + 1] = "", moved[200] = "";
    bool open = needed && asked && state->approved_by == NONE && execution_runs(execution);
    bool is_void = open && (state->seen & SEEN_VOID) != 0;
    uint16_t now = open ? step_digest(answering, execution, index, digest) : 0;
    if (is_void) {
        seen_step_words(topology, execution, index, state->seen & SEEN_MOVES, now, moved,
                        sizeof moved);
    }
    put_text(object, "digest", digest);
    put_yes(object, "approval_void", is_void);
    put_text(object, "approval_moved", moved);
}

static json_t *step_object(struct answering *answering, const struct execution *execution,
                           uint8_t index) {
    const struct topology *topology = answering->topology;
    const struct plan *plan = &topology->plans[execution->plan];
    const struct step *step = &plan->steps[index];
    const struct step_state *state = &execution->steps[index];
    json_t *object = json_object();
    put_count(object, "number", index + 1u);
    put_text(object, "name", step->name);
    put_text(object, "action", action_kind_text((enum action_kind)step->action));
    put_text(object, "component", name_component(topology, step->component));
    put_text(object, "region",
             name_region(topology, step->at_source ? execution->source : execution->target));
    bool by_hand = step->action == ACTION_MANUAL;
    bool asks_for_hand = by_hand && state->phase == STEP_APPROVAL;
    put_text(object, "state",
             asks_for_hand ? "needs-a-person" : step_phase_text((enum step_phase)state->phase));
    if (by_hand) {
        const char *instructions = arguments_get(&step->arguments, "instructions");
        put_text(object, "instructions", instructions == NULL ? "" : instructions);
    }
    bool known;
    bool for_good = preview_no_return(step->action, &known) != NULL && known;
    put_yes(object, "for_good", for_good && !step->before_fence);
    put_text(object, "mode", step_mode_text((enum step_mode)step->mode));
    put_text(object, "agent", name_agent(topology, state->agent));
    put_count(object, "attempt", state->attempt);
    uint8_t asked =
        step->approval == NONE && state->phase == STEP_APPROVAL ? ROLE_COMMANDER : step->approval;
    put_text(object, "approval", asked == NONE ? "" : role_text((enum role)asked));
    put_text(object, "approved_by", name_operator(topology, state->approved_by));
    put_seen(answering, object, execution, index);
    put_text(object, "error", state->err == ERR_OK ? "" : err_text((enum err)state->err));
    if (step->approval != NONE || step_is_a_persons(step)) {
        put_object(object, "approval_under", policy_object(answering, execution->config_version));
    }
    put_yes(object, "observed", state->observed != 0);
    put_count(object, "undo", state->undo);
    put_count(object, "took_ms", state->took_ms);
    put_count(object, "running_ms",
              state->phase == STEP_RUNNING ? core_since(answering->core, state->started_ms) : 0);
    put_wall(object, "started", wall_of(answering->core, state->started_ms));
    put_wall(object, "finished", wall_of(answering->core, state->finished_ms));
    put_count(object, "timeout_ms", step->timeout_ms);
    put_count(object, "tier", step->tier);
    put_text(object, "intent", step->intent);
    put_step_needs(object, plan, step);
    put_step_locks(object, execution, plan, index);
    return object;
}

static void put_times(json_t *object, const struct core *core, const struct execution *execution) {
    uint64_t end_ms = execution_runs(execution) ? core->now_ms : execution->finished_ms;
    put_wall(object, "outage", wall_of(core, execution->outage_ms));
    put_wall(object, "created", wall_of(core, execution->created_ms));
    put_wall(object, "closed", wall_of(core, execution->closed_ms));
    put_wall(object, "opened", wall_of(core, execution->opened_ms));
    put_wall(object, "finished", wall_of(core, execution->finished_ms));
    put_count(object, "elapsed_ms",
              end_ms > execution->outage_ms ? end_ms - execution->outage_ms : 0);
}

/* Who has command of it: one person, or nobody yet. */
static json_t *command_object(const struct answering *answering,
                              const struct execution *execution) {
    const struct core *core = answering->core;
    uint8_t who = execution_commander(execution);
    json_t *object = json_object();
    put_text(object, "holder", name_operator(answering->topology, who));
    if (who != NONE) {
        put_wall(object, "since", wall_of(core, execution->command_ms));
        put_count(object, "for_ms", core_since(core, execution->command_ms));
    }
    if (execution->asked_by != 0) {
        uint64_t asked_ms = core_since(core, execution->asked_ms);
        put_text(object, "asked_by",
                 name_operator(answering->topology, (uint8_t)(execution->asked_by - 1)));
        put_wall(object, "asked", wall_of(core, execution->asked_ms));
        put_count(object, "takeable_in_ms",
                  asked_ms < COMMAND_ANSWER_MS ? COMMAND_ANSWER_MS - asked_ms : 0);
    }
    return object;
}

json_t *execution_object(struct answering *answering, const struct execution *execution) {
    const struct topology *topology = answering->topology;
    json_t *object = json_object(), *steps = json_array();
    put_count(object, "id", execution->id);
    put_text(object, "kind", plan_kind_text((enum plan_kind)execution->kind));
    put_text(object, "source", name_region(topology, execution->source));
    put_text(object, "target", name_region(topology, execution->target));
    put_count(object, "from_epoch", execution->from_epoch);
    put_text(object, "stage", stage_text((enum execution_stage)execution->stage));
    put_yes(object, "drill", execution->kind == PLAN_DRILL);
    if (execution->stage == STAGE_SUPERSEDED || execution->stage == STAGE_INTERRUPTED) {
        put_count(object, "superseded_by", execution->id + 1);
    }
    put_yes(object, "running", execution_runs(execution));
    put_text(object, "paused", pause_text((enum pause_why)execution->paused));
    put_text(object, "mode", execution_is_graceful(execution) ? "graceful" : "ungraceful");
    put_yes(object, "automatic", execution->automatic != 0);
    put_object(object, "command", command_object(answering, execution));
    put_text(object, "declared_by", name_operator(topology, execution->declared_by));
    put_count(object, "exceptions_n", execution->exceptions);
    put_object(object, "policy", policy_object(answering, execution->config_version));
    put_times(object, answering->core, execution);
    if (execution->plan < topology->plans_n &&
        execution->steps_n <= topology->plans[execution->plan].steps_n) {
        put_text(object, "plan", topology->plans[execution->plan].name);
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            (void)json_array_append_new(steps, step_object(answering, execution, s));
        }
        put_object(object, "rto", rto_list(answering, execution));
    }
    put_object(object, "services", services_object(answering, execution));
    if (execution_runs(execution)) {
        put_object(object, "losses", losses_list(answering, execution));
    }
    put_object(object, "steps", steps);
    return object;
}

void executions_answer(struct answering *answering) {
    json_t *list = json_array();
    const struct core *core = answering->core;
    uint64_t newest = core->executions_made;
    for (uint64_t id = newest > EXECUTIONS_MAX ? newest - EXECUTIONS_MAX + 1 : 1; id <= newest;
         id++) {
        const struct execution *execution = core_execution(core, id);
        if (execution != NULL) {
            (void)json_array_append_new(list, execution_object(answering, execution));
        }
    }
    put_object(answering->json, "executions", list);
}

/* ------------------------------------------------------------------ whose turn it is */

/* The region stays read-only until it is undone: it is tried for ever, by an agent with a name. */
static void undo_waits(struct answering *answering, const struct execution *execution, uint8_t at,
                       json_t *waits, char *ret_act, size_t act_size) {
    const struct topology *topology = answering->topology;
    const struct step_state *state = &execution->steps[at];
    if (execution->stage != STAGE_UNDO || state->undo != 1) {
        return;
    }
    const char *step = topology->plans[execution->plan].steps[at].name;
    const char *agent = name_agent(topology, state->agent);
    bool heard = bits_has(verdict_alive(answering->core, topology), state->agent);
    list_say(waits, "step %s to be undone at %s%s", step, agent,
             heard ? "" : ", which is not heard");
    if (!heard && ret_act[0] == '\0') {
        (void)text_format(ret_act, act_size,
                          "bring agent %s back: only its region can undo step %s", agent, step);
    }
}

static void step_waits(struct answering *answering, const struct execution *execution, uint8_t at,
                       json_t *waits, char *ret_act, size_t act_size) {
    const struct topology *topology = answering->topology;
    const struct step *step = &topology->plans[execution->plan].steps[at];
    const struct step_state *state = &execution->steps[at];
    const struct plan *plan = &topology->plans[execution->plan];
    uint8_t holder = step_locked_by(execution, plan, at);
    if (holder != NONE) {
        list_say(waits, "step %s until %s, with which it shares a lock, is over", step->name,
                 plan->steps[holder].name);
    }
    if (state->phase == STEP_RUNNING) {
        list_say(waits, "step %s at %s, for %s", step->name, name_agent(topology, state->agent),
                 duration_text(core_since(answering->core, state->started_ms) / 1000 * 1000).at);
    } else if (state->phase == STEP_APPROVAL && step->action == ACTION_MANUAL) {
        const char *role = step->approval == NONE ? "?" : role_text((enum role)step->approval);
        const char *what = arguments_get(&step->arguments, "instructions");
        list_say(waits, "step %s, by hand by %s: %s", step->name, role, what == NULL ? "" : what);
        if (ret_act[0] == '\0') {
            (void)text_format(ret_act, act_size,
                              "%s: drover step done %" PRIu64 " %s --comment ...", role,
                              execution->id, step->name);
        }
    } else if (state->phase == STEP_APPROVAL) {
        const char *role = role_text(
            (enum role)(step->approval == NONE ? (uint8_t)ROLE_COMMANDER : step->approval));
        bool again = (state->seen & SEEN_VOID) != 0;
        char digest[2 * SEEN_SIZE + 1];
        step_digest(answering, execution, at, digest);
        list_say(waits, "step %s needs the approval of %s%s", step->name, role,
                 again ? " again: what was approved has moved" : "");
        if (ret_act[0] == '\0') {
            (void)text_format(ret_act, act_size, "%s: drover approve %" PRIu64 " %s --digest %.8s",
                              role, execution->id, step->name, digest);
        }
    }
}

static void pause_waits(struct answering *answering, const struct execution *execution,
                        json_t *waits, char *ret_act, size_t act_size) {
    char words[HISTORY_TEXT_SIZE];
    const struct plan *plan = &answering->topology->plans[execution->plan];
    const char *step =
        execution->paused_step < plan->steps_n ? plan->steps[execution->paused_step].name : "?";
    switch ((enum pause_why)execution->paused) {
    case PAUSE_NO: return;
    case PAUSE_OPERATOR:
        list_say(waits, "execution %" PRIu64 " was paused by an operator", execution->id);
        (void)text_format(ret_act, act_size, "drover resume %" PRIu64, execution->id);
        return;
    case PAUSE_STEP_FAILED:
        step_words(answering, execution->id, step, words, sizeof words);
        list_say(waits, "step %s failed: %s%s%s", step,
                 err_text((enum err)execution->steps[execution->paused_step].err),
                 words[0] == '\0' ? "" : ": ", words);
        (void)text_format(ret_act, act_size,
                          "drover step retry %" PRIu64 " %s (or skip, done) --comment ...",
                          execution->id, step);
        return;
    case PAUSE_REJECTED:
        list_say(waits, "the approval of step %s was declined", step);
        (void)text_format(ret_act, act_size, "drover approve %" PRIu64 " %s, or drover abort",
                          execution->id, step);
        return;
    case PAUSE_NO_AGENT:
        list_say(waits, "no agent that can run step %s is heard", step);
        (void)text_format(ret_act, act_size,
                          "bring an agent back, then drover step retry %" PRIu64
                          " %s (or skip, done) --comment ...",
                          execution->id, step);
        return;
    }
}

/* A second disaster: the region that it moved to looks lost while it waits for people. */
static void standing_waits(struct answering *answering, const struct execution *execution,
                           json_t *waits, char *ret_act, size_t act_size) {
    const struct core *core = answering->core;
    const char *other = standby_name(answering);
    if (core->phase != PHASE_SUSPECT || !execution_stands(execution) || other[0] == '\0') {
        return;
    }
    list_say(waits, "%s looks lost while execution %" PRIu64 " waits: leaving it is for people",
             name_region(answering->topology, core->owner), execution->id);
    (void)text_format(ret_act, act_size,
                      "drover declare --to %s --reason ... (it supersedes execution %" PRIu64 ")",
                      other, execution->id);
}

void waits_say(struct answering *answering, json_t *waits, char *ret_act, size_t act_size) {
    const struct core *core = answering->core;
    const struct execution *execution = execution_newest(core);
    if (answering->member->stopped_for_human) {
        list_say(waits, "this member stopped: %s", answering->member->stopped_why);
        (void)text_format(ret_act, act_size, "look at the log engine of %s before anything else",
                          answering->member->keys.name);
    }
    if (core->phase == PHASE_NEW && answering->topology->await_initial_epoch) {
        list_say(waits, "a topology that names the first epoch of this log");
        (void)text_format(ret_act, act_size, "drover recover-coordinators");
    }
    if (core->phase == PHASE_CLOSED) {
        list_say(waits, "%s to take the lease of epoch %" PRIu64,
                 name_region(answering->topology, core->next_owner), core->epoch + 1);
    }
    uint32_t wait_ms = attest_wait_left_ms(&answering->member->attest, clock_stamp(),
                                           attesting_wait_ms(answering->member));
    if (wait_ms > 0) {
        list_say(waits, "the lease of epoch %" PRIu64 " to have run out for certain: %u s more",
                 answering->member->attest.durable.closed_epoch, (wait_ms + 999) / 1000);
    }
    bool runs = execution != NULL && execution_runs(execution) &&
                execution->plan < answering->topology->plans_n;
    if (runs) {
        pause_waits(answering, execution, waits, ret_act, act_size);
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            step_waits(answering, execution, s, waits, ret_act, act_size);
            undo_waits(answering, execution, s, waits, ret_act, act_size);
        }
        standing_waits(answering, execution, waits, ret_act, act_size);
    }
    if (!runs && ret_act[0] == '\0' && core->latched) {
        list_say(waits, "a release after the automatic failover");
        (void)text_format(ret_act, act_size,
                          "look at what happened, then drover release --reason ...");
    }
}
