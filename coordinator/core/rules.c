/* The whole behaviour as one table. A row: in these phases, on this event, if this one guard
 * holds, do this and go there; rows are read in order and at most one fires. The number stands
 * in every log line, notice and audit record. Facts themselves (who is heard, what a probe saw,
 * what time it is) are absorbed before the table is read: see absorb.c. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/core/commander.h"
#include "coordinator/core/declare.h"
#include "coordinator/core/internal.h"
#include "coordinator/core/rules.h"

#define ANY 0xFFu
#define NEW (1u << PHASE_NEW)
#define SERVING (1u << PHASE_SERVING)
#define SUSPECT (1u << PHASE_SUSPECT)
#define CLOSED (1u << PHASE_CLOSED)
#define OPENED (SERVING | SUSPECT)
#define STAY PHASES_N

#define ANY_WORDS "any"
#define NEW_WORDS "new"
#define SERVING_WORDS "serving"
#define SUSPECT_WORDS "suspect"
#define CLOSED_WORDS "closed"
#define OPENED_WORDS "serving, suspect"

/* ------------------------------------------------------------ guards: lease */

static bool open_is_first(const struct context *c) {
    return c->event->open.epoch == topology_initial_epoch(c->topology) &&
           c->event->open.region == c->topology->initial_region && c->core->config_version > 0 &&
           !c->topology->await_initial_epoch;
}

static bool open_is_wanted(const struct context *c) {
    const struct execution *execution = execution_running_const(c->core);
    return execution != NULL && execution->stage == STAGE_TAKE &&
           c->event->open.epoch == c->core->epoch + 1 &&
           c->event->open.region == c->core->next_owner;
}

bool core_accepts_close(const struct core *core, const struct topology *topology, uint64_t epoch) {
    const struct execution *execution = execution_running_const(core);
    (void)topology;
    return core->open && execution != NULL && execution->stage == STAGE_FENCE &&
           execution->paused == PAUSE_NO && epoch == core->epoch;
}

static bool close_is_wanted(const struct context *c) {
    return core_accepts_close(c->core, c->topology, c->event->close.epoch);
}

static bool always(const struct context *c) {
    (void)c;
    return true;
}

/* --------------------------------------------------------- guards: suspicion */

static bool owner_looks_lost(const struct context *c) {
    struct region_verdict verdict = verdict_of(c->core, c->topology, c->core->owner);
    bool sick = verdict.class == CLASS_SICK && c->topology->policy.automatic_sick;
    return verdict.class == CLASS_DARK || sick;
}

static bool owner_shows_life(const struct context *c) {
    return !owner_looks_lost(c);
}

static bool all_gates_pass(const struct context *c) {
    struct gate_reading gates[GATES_N];
    uint8_t target;
    return gates_read(c->core, c->topology, gates, &target) &&
           plan_of_kind(c->topology, PLAN_FAILOVER) != NONE;
}

/* ---------------------------------------------------------- guards: requests */

static bool asks(const struct context *c, enum request_kind kind) {
    return c->event->request.kind == kind;
}

static bool request_is_repeated(const struct context *c) {
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        if (memcmp(c->core->requests[i], c->event->request.identity, NONCE_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static struct execution *asked_execution(const struct context *c) {
    struct execution *execution = execution_running(c->core);
    return execution != NULL && execution->id == c->event->request.execution ? execution : NULL;
}

static struct step_state *asked_step(const struct context *c) {
    struct execution *execution = asked_execution(c);
    if (execution == NULL || c->event->request.step >= execution->steps_n) {
        return NULL;
    }
    return &execution->steps[c->event->request.step];
}

static bool approves_step(const struct context *c) {
    struct step_state *state = asked_step(c);
    if (!asks(c, REQUEST_APPROVE) || state == NULL || asks_of_manual_step(c) ||
        passes_own_approval(c) || state->approved_by != NONE ||
        (state->phase != STEP_APPROVAL && state->phase != STEP_WAITING)) {
        return false;
    }
    const struct step *step =
        &c->topology->plans[asked_execution(c)->plan].steps[c->event->request.step];
    uint8_t needed = step->approval == NONE ? (uint8_t)ROLE_COMMANDER : step->approval;
    return role_may_approve((enum role)c->event->request.role, (enum role)needed);
}

static bool approves_what_moved(const struct context *c) {
    uint8_t now[SEEN_SIZE];
    if (!approves_step(c) || seen_is_nothing(c->event->request.seen)) {
        return false;
    }
    struct seen_step seen = {
        .execution = c->event->request.execution,
        .step = c->event->request.step,
        .moves = seen_moves_now(c->core, c->topology, asked_execution(c), c->event->request.step)};
    seen_step_write(&seen, now);
    return memcmp(now, c->event->request.seen, SEEN_SIZE) != 0;
}

static bool rejects_step(const struct context *c) {
    struct step_state *state = asked_step(c);
    return asks(c, REQUEST_REJECT) && state != NULL && state->phase == STEP_APPROVAL;
}

static bool pauses(const struct context *c) {
    return asks(c, REQUEST_PAUSE) && asked_execution(c) != NULL &&
           asked_execution(c)->paused == PAUSE_NO;
}

static bool resumes(const struct context *c) {
    struct execution *execution = asked_execution(c);
    bool failed_step = execution != NULL && (execution->paused == PAUSE_STEP_FAILED ||
                                             execution->paused == PAUSE_NO_AGENT);
    return asks(c, REQUEST_RESUME) && execution != NULL && execution->paused != PAUSE_NO &&
           !failed_step;
}

static bool step_is_stuck(const struct context *c) {
    struct step_state *state = asked_step(c);
    return state != NULL && (state->phase == STEP_FAILED || state->phase == STEP_WAITING ||
                             state->phase == STEP_APPROVAL);
}

static bool retries_step(const struct context *c) {
    return asks(c, REQUEST_STEP_RETRY) && step_is_stuck(c) && asked_step(c)->phase == STEP_FAILED;
}

static bool skips_step(const struct context *c) {
    return asks(c, REQUEST_STEP_SKIP) && step_is_stuck(c) && !passes_own_approval(c);
}

static bool finishes_step_by_hand(const struct context *c) {
    return asks(c, REQUEST_STEP_DONE) && step_is_stuck(c) && may_say_done(c) &&
           !passes_own_approval(c);
}

static bool aborts_in_time(const struct context *c) {
    struct execution *execution = asked_execution(c);
    bool open =
        execution != NULL && (execution->stage == STAGE_PREPARE || execution->stage == STAGE_FENCE);
    bool stays = execution != NULL && !plan_kind_moves((enum plan_kind)execution->kind);
    return asks(c, REQUEST_ABORT) && (open || stays);
}

static bool asks_hold(const struct context *c) {
    return asks(c, REQUEST_HOLD);
}

static bool asks_release(const struct context *c) {
    return asks(c, REQUEST_RELEASE);
}

static bool outcome_expected(const struct context *c) {
    return core_awaits_outcome(c->core, c->event);
}

/* ------------------------------------------------------------------ effects */

static void do_nothing(struct context *c) {
    (void)c;
}

static void refuse(struct context *c) {
    c->verdict->result = RESULT_REFUSED;
}

static void ignore(struct context *c) {
    c->verdict->result = RESULT_NOTHING;
}

static void do_open_first(struct context *c) {
    c->core->epoch = c->event->open.epoch;
    if (c->core->epoch > 1) { /* begun anew: agents' ledgers remember executions of the lost log */
        c->core->executions_made = c->core->epoch;
        c->core->held_until_ms = UINT64_MAX;
    }
    c->core->open = 1;
    c->core->owner = c->event->open.region;
    c->core->opened_ms = c->core->now_ms;
}

/* What was known of a link was known of the other direction. */
static void forget_lags(struct core *core) {
    for (unsigned l = 0; l < LINKS_MAX; l++) {
        core->links[l].known = 0;
    }
}

static void do_open(struct context *c) {
    struct execution *execution = execution_running(c->core);
    forget_lags(c->core);
    c->core->epoch = c->event->open.epoch;
    c->core->open = 1;
    c->core->owner = c->event->open.region;
    c->core->opened_ms = c->core->now_ms;
    c->core->cleared_ms = c->core->now_ms;
    plan_begin_run(c->core, execution);
    c->verdict->execution = execution->id;
}

static void do_close(struct context *c) {
    struct execution *execution = execution_running(c->core);
    c->core->open = 0;
    c->core->closed_ms = c->core->now_ms;
    c->core->close_why = (uint8_t)execution_close_why(execution);
    c->core->next_owner = execution->target;
    c->core->block_until_ms = c->core->now_ms + c->topology->policy.block_ms;
    if (execution->automatic) { /* again: a release since the decision was of an earlier one */
        c->core->latched = c->topology->policy.rearm_needed;
    }
    execution->closed_ms = c->core->now_ms;
    execution->lost = (uint8_t)seen_worst_loss(c->core, c->topology);
    execution->stage = STAGE_TAKE;
    mode_settle(execution, &c->topology->plans[execution->plan]);
    c->verdict->execution = execution->id;
}

static void do_refuse_close(struct context *c) {
    c->core->closes_refused++;
    refuse(c);
}

static void do_refuse_open(struct context *c) {
    c->core->opens_refused++;
    refuse(c);
}

static void do_suspect(struct context *c) {
    uint64_t heard_ms = verdict_of(c->core, c->topology, c->core->owner).last_heard_ms;
    c->core->suspect_ms = heard_ms > c->core->cleared_ms ? heard_ms : c->core->cleared_ms;
}

static void do_clear(struct context *c) {
    c->core->cleared_ms = c->core->now_ms;
}

static void do_decide(struct context *c) {
    struct gate_reading gates[GATES_N];
    uint8_t target;
    bool passes = gates_read(c->core, c->topology, gates, &target);
    ensure(passes);
    ensure(c->topology->lease.on_quorum_loss != QUORUM_LOSS_HOLD); /* I8 */
    uint8_t plan = plan_of_kind(c->topology, PLAN_FAILOVER);
    struct execution *execution = execution_create(c, PLAN_FAILOVER, plan, target, true);
    c->core->latched = c->topology->policy.rearm_needed;
    c->verdict->execution = execution->id;
}

void request_remember(struct context *c) {
    commander_heard(c);
    memcpy(c->core->requests[c->core->requests_next], c->event->request.identity, NONCE_SIZE);
    c->core->requests_next = (uint8_t)((c->core->requests_next + 1) % REQUESTS_MAX);
}

static void do_declare(struct context *c) {
    const struct event_request *request = &c->event->request;
    struct execution *execution = execution_create(c, (enum plan_kind)request->plan_kind,
                                                   declared_plan(c), request->region, false);
    execution->declared_by = request->operator_index;
    memcpy(execution->request, request->identity, NONCE_SIZE);
    commander_declared(c, execution);
    struct region_verdict verdict = verdict_of(c->core, c->topology, c->core->owner);
    if (verdict.heard_n == 0 && verdict.last_heard_ms < execution->outage_ms) {
        execution->outage_ms = verdict.last_heard_ms;
    }
    request_remember(c);
    c->verdict->execution = execution->id;
}

static void do_same_execution(struct context *c) {
    const struct execution *execution = execution_running_const(c->core);
    c->verdict->execution = execution == NULL ? 0 : execution->id;
    ignore(c);
}

static void do_approve(struct context *c) {
    struct execution *execution = asked_execution(c);
    uint8_t step = c->event->request.step;
    asked_step(c)->approved_by = c->event->request.operator_index;
    asked_step(c)->seen = seen_moves_now(c->core, c->topology, execution, step);
    if (execution->paused == PAUSE_REJECTED && execution->paused_step == step) {
        execution->paused = PAUSE_NO;
    }
    request_remember(c);
}

static void do_reject(struct context *c) {
    struct execution *execution = asked_execution(c);
    execution->paused = PAUSE_REJECTED;
    execution->paused_step = c->event->request.step;
    request_remember(c);
}

static void do_pause(struct context *c) {
    asked_execution(c)->paused = PAUSE_OPERATOR;
    request_remember(c);
}

static void do_resume(struct context *c) {
    asked_execution(c)->paused = PAUSE_NO;
    request_remember(c);
}

static void unpause_for(struct context *c) {
    struct execution *execution = asked_execution(c);
    if (execution->paused_step == c->event->request.step && execution->paused != PAUSE_OPERATOR) {
        execution->paused = PAUSE_NO;
    }
    request_remember(c);
}

static void do_retry(struct context *c) {
    struct step_state *state = asked_step(c);
    state->phase = STEP_WAITING;
    state->tries_n = 0;
    state->started_ms = 0;
    unpause_for(c);
}

static void do_skip(struct context *c) {
    asked_step(c)->phase = STEP_SKIPPED;
    asked_step(c)->finished_ms = c->core->now_ms;
    asked_execution(c)->exceptions++;
    unpause_for(c);
}

static void do_by_hand(struct context *c) {
    bool planned = asks_of_manual_step(c);
    asked_step(c)->phase = planned ? STEP_DONE : STEP_BY_HAND;
    asked_step(c)->finished_ms = c->core->now_ms;
    if (planned) {
        asked_step(c)->approved_by = c->event->request.operator_index;
    } else {
        asked_execution(c)->exceptions++;
    }
    unpause_for(c);
}

static void do_abort(struct context *c) {
    struct execution *execution = asked_execution(c);
    execution->paused = PAUSE_NO;
    if (execution->stage == STAGE_RUN) {
        execution->stage = STAGE_ABORTED;
        execution->finished_ms = c->core->now_ms;
    } else {
        execution->stage = STAGE_UNDO;
    }
    request_remember(c);
}

static void do_turn_ungraceful(struct context *c) {
    mode_turn_asked(c, false);
    request_remember(c);
}

static void do_turn_graceful(struct context *c) {
    mode_turn_asked(c, true);
    request_remember(c);
}

static void do_hold(struct context *c) {
    uint32_t for_ms = c->event->request.for_ms;
    c->core->held_until_ms = for_ms == 0 ? UINT64_MAX : c->core->now_ms + for_ms;
    request_remember(c);
}

static void do_release(struct context *c) {
    c->core->held_until_ms = 0;
    c->core->latched = 0;
    c->core->block_until_ms = 0;
    request_remember(c);
}

static void do_outcome(struct context *c) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (c->core->executions[i].id == c->event->outcome.execution) {
            plan_outcome(c, &c->core->executions[i]);
        }
    }
    c->verdict->execution = c->event->outcome.execution;
}

static void stale(struct context *c) {
    c->verdict->result = RESULT_STALE;
}

/* ---------------------------------------------------------------- the table */

#define ROW(number, phases, event, guard, effect, next, sentence)                                  \
    { number, phases, phases##_WORDS, EVENT_##event, guard, #guard, effect, next, sentence }

static const struct rule rules[] = {
    ROW(101, NEW, OPEN, open_is_first, do_open_first, PHASE_SERVING,
        "The first epoch opens for the region that the topology names."),
    ROW(102, CLOSED, OPEN, open_is_wanted, do_open, PHASE_SERVING,
        "The next epoch opens for the target; its first certificate is the promotion."),
    ROW(103, ANY, OPEN, always, do_refuse_open, STAY, "An OPEN that nothing asks for is refused."),
    ROW(111, OPENED, CLOSE, close_is_wanted, do_close, PHASE_CLOSED,
        "The epoch is closed; each member now waits out its last yes to it."),
    ROW(112, ANY, CLOSE, always, do_refuse_close, STAY,
        "A CLOSE that nothing asks for is refused."),
    ROW(201, SERVING, TICK, owner_looks_lost, do_suspect, PHASE_SUSPECT,
        "The region's own voice and the outside view agree that it is lost; the hold-down runs."),
    ROW(202, SUSPECT, TICK, owner_shows_life, do_clear, PHASE_SERVING,
        "The region shows life again; the suspicion is dropped."),
    ROW(203, SUSPECT, TICK, all_gates_pass, do_decide, STAY,
        "Every gate passed: an automatic failover begins."),
    ROW(301, ANY, REQUEST, request_is_repeated, do_same_execution, STAY,
        "The same request came before; nothing is done twice."),
    ROW(302, ANY, REQUEST, declares_again, do_same_execution, STAY,
        "That move is already under way; its execution is named."),
    ROW(303, ANY, REQUEST, declares_while_running, refuse, STAY,
        "Another execution is running; one at a time."),
    ROW(304, ANY, REQUEST, declares_stale, stale, STAY,
        "The declaration was made for an older epoch."),
    ROW(305, OPENED, REQUEST, declares_well, do_declare, STAY,
        "An operator's declaration begins an execution."),
    ROW(306, OPENED, REQUEST, declares_over_another, do_declare, STAY,
        "A declared failover supersedes one that is undone, or that waits for people; any move "
        "interrupts a drill and a component's failover."),
    ROW(307, OPENED, REQUEST, declares_what_moved, stale, STAY,
        "The declaration is bound to what was seen, and that has moved."),
    ROW(308, OPENED, REQUEST, declares_drill_amiss, refuse, STAY,
        "A drill waits until the active region is well and nothing is suspected."),
    ROW(309, ANY, REQUEST, commands_without_command, refuse, STAY,
        "Somebody else has command of the execution."),
    ROW(310, ANY, REQUEST, approves_what_moved, stale, STAY,
        "The approval is bound to what was seen, and that has moved."),
    ROW(311, ANY, REQUEST, approves_step, do_approve, STAY, "A step is approved."),
    ROW(312, ANY, REQUEST, rejects_step, do_reject, STAY,
        "An approval is declined: the execution pauses, nothing is cancelled."),
    ROW(313, ANY, REQUEST, pauses, do_pause, STAY, "The execution is paused by an operator."),
    ROW(314, ANY, REQUEST, resumes, do_resume, STAY, "The execution goes on."),
    ROW(315, ANY, REQUEST, retries_step, do_retry, STAY, "A failed step is tried again."),
    ROW(316, ANY, REQUEST, skips_step, do_skip, STAY, "A step is skipped, with a comment."),
    ROW(317, ANY, REQUEST, finishes_step_by_hand, do_by_hand, STAY, "A step was done by hand."),
    ROW(318, ANY, REQUEST, aborts_in_time, do_abort, STAY,
        "The execution is abandoned before its point of no return."),
    ROW(319, ANY, REQUEST, turns_what_moved, stale, STAY,
        "Turning ungraceful is bound to what was seen, and that has moved."),
    ROW(320, ANY, REQUEST, turns_ungraceful, do_turn_ungraceful, STAY,
        "A planned move turns ungraceful: nothing more is handed over, and it goes on to the "
        "fence."),
    ROW(321, ANY, REQUEST, asks_hold, do_hold, STAY, "Automation is held."),
    ROW(322, ANY, REQUEST, asks_release, do_release, STAY,
        "Automation is released: hold, latch and block are cleared."),
    ROW(323, ANY, REQUEST, turns_graceful, do_turn_graceful, STAY,
        "A move that turned ungraceful hands over again, as its lease has not moved."),
    ROW(324, ANY, REQUEST, turns_too_late, refuse, STAY,
        "The mode is settled: the lease has moved, or the plan is ungraceful by its kind."),
    ROW(325, ANY, REQUEST, passes_own_approval, refuse, STAY,
        "Two persons: who declared it neither approves its steps nor passes an approval by."),
    ROW(331, ANY, REQUEST, takes_command, do_take_command, STAY,
        "Command of the execution is taken; whoever has it keeps it."),
    ROW(332, ANY, REQUEST, asks_for_command, do_ask_for_command, STAY,
        "Whoever has command is asked for it; unanswered for a minute, it may be taken."),
    ROW(333, ANY, REQUEST, relieves_of_command, do_take_command, STAY,
        "Command is taken from somebody who did not answer."),
    ROW(334, ANY, REQUEST, asks_too_soon, refuse, STAY,
        "Whoever has command still has time to answer."),
    ROW(335, ANY, REQUEST, hands_over_command, do_hand_over_command, STAY,
        "Command of the execution is handed over."),
    ROW(399, ANY, REQUEST, always, refuse, STAY, "The request does not fit the state."),
    ROW(401, ANY, OUTCOME, outcome_expected, do_outcome, STAY,
        "An agent tells what came of its step."),
    ROW(402, ANY, OUTCOME, always, ignore, STAY, "An outcome that nobody waits for any more."),
    ROW(901, ANY, TICK, always, do_nothing, STAY, "Time passes."),
};

#define RULES_N (sizeof rules / sizeof rules[0])

const struct rule *rule_for(struct context *context) {
    for (unsigned i = 0; i < RULES_N; i++) {
        const struct rule *rule = &rules[i];
        if (rule->event == context->event->kind &&
            (rule->phases & (1u << context->core->phase)) != 0 && rule->guard(context)) {
            return rule;
        }
    }
    return NULL;
}

unsigned rules_count(void) {
    return RULES_N;
}

struct rule_row rules_row(unsigned index) {
    ensure(index < RULES_N);
    const struct rule *rule = &rules[index];
    return (struct rule_row){
        .number = rule->number,
        .phases = rule->phases_words,
        .event = event_text((enum event_kind)rule->event),
        .guard = rule->guard_name,
        .next = rule->next == STAY ? "" : phase_text((enum phase)rule->next),
        .sentence = rule->sentence,
    };
}

const char *rule_sentence(uint16_t number) {
    for (unsigned i = 0; i < RULES_N; i++) {
        if (rules[i].number == number) {
            return rules[i].sentence;
        }
    }
    return "";
}
