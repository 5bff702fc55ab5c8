/* Commands and the agents that carry them out; people and what they are asked. */
#include <string.h>

#include "common/base/bits.h"
#include "common/topology/roles.h"
#include "coordinator/cli/plans_simulation_parts.h"

#define CERTIFY_AGAIN_MS 300
#define SIMULATED_POSITION 83886408 /* any: who waits for it only looks whether it is there */

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static const struct simulated_step *told(const struct simulation *simulation, uint8_t s) {
    return &simulation->input->steps[s];
}

/* --------------------------------------------------------------------- commands */

static bool same_command(const struct simulated_command *command, const struct want_command *want) {
    return command->wanted && command->want.attempt == want->attempt &&
           command->want.undo == want->undo && command->want.agent == want->agent;
}

void work_sync(struct simulation *simulation) {
    const struct wants *wants = &simulation->wants;
    bool wanted[STEPS_MAX] = {false};
    for (unsigned i = 0; i < wants->commands_n; i++) {
        const struct want_command *want = &wants->commands[i];
        struct simulated_command *command = &simulation->commands[want->step];
        wanted[want->step] = true;
        if (!same_command(command, want)) {
            uint64_t at_ms = simulation->now_ms + SIMULATED_HOP_MS;
            *command = (struct simulated_command){
                .wanted = true,
                .want = *want,
                .try_ms = at_ms,
                .deadline_ms = at_ms + simulation->plan->steps[want->step].timeout_ms,
                .ends_ms = SIMULATED_NEVER};
        }
    }
    for (uint8_t s = 0; s < STEPS_MAX; s++) {
        simulation->commands[s].wanted = wanted[s];
    }
}

static void outcome(struct simulation *simulation, struct simulated_command *command, uint8_t state,
                    enum err err) {
    const struct want_command *want = &command->want;
    uint8_t action = simulation->plan->steps[want->step].action;
    bool hands = action == ACTION_PATRONI_HANDOFF || action == ACTION_REDIS_HANDOFF;
    uint64_t took_ms = command->acting ? simulation->now_ms - command->begun_ms : 0;
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.agent = want->agent;
    event.outcome.step = want->step;
    event.outcome.state = state;
    event.outcome.err = (uint8_t)err;
    event.outcome.undo = want->undo;
    event.outcome.attempt = want->attempt;
    event.outcome.took_ms = took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ms;
    event.outcome.execution = want->execution;
    event.outcome.position = hands && !want->undo && state == OUTCOME_DONE ? SIMULATED_POSITION : 0;
    command->ends_ms = command->try_ms = SIMULATED_NEVER;
    (void)simulation_feed(simulation, &event);
}

static bool attempt_fails(const struct simulation *simulation,
                          const struct simulated_command *command) {
    const struct simulated_step *step = told(simulation, command->want.step);
    const struct execution *execution = simulation_execution(simulation);
    unsigned attempt = execution->steps[command->want.step].attempt;
    return step->fault == STEP_FAULT_FAIL && !command->want.undo &&
           (step->fails_n == 0 || attempt <= step->fails_n);
}

/* When it ends by its own; behind its deadline the agent ends it. */
static void act(struct simulation *simulation, struct simulated_command *command) {
    const struct simulated_step *step = told(simulation, command->want.step);
    bool slow = step->fault == STEP_FAULT_SLOW && !command->want.undo;
    bool hangs = step->fault == STEP_FAULT_HANG && !command->want.undo;
    command->acting = true;
    command->begun_ms = simulation->now_ms;
    command->try_ms = SIMULATED_NEVER;
    uint64_t takes_ms =
        (step->takes_from == TAKES_DECLARED ? 0 : step->takes_ms) + (slow ? step->slow_ms : 0);
    bool whole = step->takes_from == TAKES_DECLARED && !slow;
    command->ends_ms = whole ? command->deadline_ms : simulation->now_ms + takes_ms;
    if (hangs) {
        command->ends_ms = SIMULATED_NEVER;
        moment_add(simulation, "FAULT  %s hangs at %s",
                   simulation->plan->steps[command->want.step].name,
                   simulation->topology->agents[command->want.agent].name);
    }
}

static void try_to_begin(struct simulation *simulation, struct simulated_command *command) {
    struct want_command *want = &command->want;
    const struct topology *topology = simulation->topology;
    bool *died = &simulation->agent_died[want->step];
    command->try_ms = SIMULATED_NEVER;
    if (told(simulation, want->step)->fault == STEP_FAULT_AGENT_LOST && !*died) {
        *died = true;
        moment_add(simulation, "FAULT  agent %s dies of %s", topology->agents[want->agent].name,
                   simulation->plan->steps[want->step].name);
        fleet_lose(simulation, want->agent);
    }
    if (simulation->agents[want->agent].lost) {
        return;
    }
    struct attest_ask ask = {.purpose = ATTEST_COMMAND,
                             .epoch = want->epoch,
                             .command_wanted = true,
                             .needs_lease = want->needs_lease != 0};
    bool certified = fleet_yes_n(simulation, want->agent, &ask) >= majority_of(topology->members_n);
    bool leased = !want->needs_lease || fleet_holds_lease(simulation, want->agent, want->epoch);
    if (certified && want->needs_lease && !topology->agents[want->agent].guarded) {
        outcome(simulation, command, OUTCOME_REFUSED, ERR_PRECONDITION);
    } else if (simulation->now_ms >= command->deadline_ms) {
        if (certified) {
            outcome(simulation, command, OUTCOME_REFUSED, ERR_PRECONDITION);
        }
    } else if (certified && leased) {
        act(simulation, command);
    } else {
        command->try_ms = least(simulation->now_ms + CERTIFY_AGAIN_MS, command->deadline_ms);
    }
}

/* The first certificate is there: what waited for it begins at once. */
void work_lease_came(struct simulation *simulation, uint8_t agent) {
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        struct simulated_command *command = &simulation->commands[s];
        if (command->wanted && command->want.agent == agent && command->want.needs_lease &&
            command->try_ms != SIMULATED_NEVER && command->try_ms > simulation->now_ms) {
            command->try_ms = simulation->now_ms;
        }
    }
}

static void command_turn(struct simulation *simulation, struct simulated_command *command) {
    if (simulation->now_ms >= command->try_ms) {
        try_to_begin(simulation, command);
    }
    if (!command->acting || simulation->agents[command->want.agent].lost) {
        return;
    }
    bool late = command->ends_ms > command->deadline_ms && command->ends_ms != SIMULATED_NEVER;
    if (late && simulation->now_ms >= command->deadline_ms) {
        outcome(simulation, command, OUTCOME_FAILED, ERR_TIMEOUT);
    } else if (simulation->now_ms >= command->ends_ms) {
        bool fails = attempt_fails(simulation, command);
        outcome(simulation, command, fails ? OUTCOME_FAILED : OUTCOME_DONE,
                fails ? ERR_FAILED : ERR_OK);
    }
}

/* ------------------------------------------------------------------------ people */

static void request_name(struct simulation *simulation, struct event *event) {
    uint64_t n = ++simulation->requests_n + 1;
    memcpy(event->request.identity, &n, sizeof n);
}

/* Two persons: who declared it does not approve it. */
static bool approves_own(const struct simulation *simulation, const struct event *event,
                         uint8_t who) {
    const struct execution *execution =
        core_execution(simulation_core(simulation), event->request.execution);
    return event->request.kind == REQUEST_APPROVE && execution != NULL &&
           topology_same_person(simulation->topology, execution->declared_by, who);
}

/* The first who may: their role's own people before those who may stand in. */
static uint8_t who_may(const struct simulation *simulation, const struct event *event,
                       uint8_t needed, uint32_t not_of) {
    const struct topology *topology = simulation->topology;
    for (unsigned round = 0; round < 2; round++) {
        for (uint8_t i = 0; i < topology->operators_n; i++) {
            enum role role = (enum role)topology->operators[i].role;
            bool may = event->request.kind == REQUEST_DECLARE
                           ? role != ROLE_AUTOMATION &&
                                 role_may_declare(role, (enum plan_kind)simulation->plan->kind)
                           : role_may_approve(role, (enum role)needed);
            bool own = round > 0 || needed == NONE || role == needed;
            if (may && own && (not_of & (UINT32_C(1) << i)) == 0 &&
                !approves_own(simulation, event, i)) {
                return i;
            }
        }
    }
    return NONE;
}

static void declare(struct simulation *simulation) {
    const struct simulation_input *input = simulation->input;
    struct event event = {.kind = EVENT_REQUEST,
                          .request = {.kind = REQUEST_DECLARE,
                                      .plan_kind = simulation->plan->kind,
                                      .plan = input->plan}};
    simulation->declare_ms = SIMULATED_NEVER;
    bool back = simulation->plan->kind == PLAN_REPROTECT;
    event.request.region = back ? input->source : input->target;
    event.request.operator_index = who_may(simulation, &event, NONE, 0);
    if (event.request.operator_index == NONE) {
        moment_add(simulation, "REFUSED  no operator's role may declare a %s",
                   plan_kind_text((enum plan_kind)simulation->plan->kind));
        simulation->result->end = SIMULATION_REFUSED;
        return;
    }
    const struct operator_entry *by =
        &simulation->topology->operators[event.request.operator_index];
    event.request.role = by->role;
    request_name(simulation, &event);
    moment_add(simulation, "%s (%s) declares: drover declare --to %s --kind %s --plan %s",
               by->person, role_text((enum role)by->role),
               simulation->topology->regions[event.request.region].name,
               plan_kind_text((enum plan_kind)simulation->plan->kind), simulation->plan->name);
    struct verdict verdict = simulation_feed(simulation, &event);
    if (verdict.result != RESULT_APPLIED) {
        simulation->result->end = SIMULATION_REFUSED;
        simulation->result->rule = verdict.rule;
    } else if (simulation_since(simulation) > 0) {
        simulation->result->people_ms += input->people_ms;
    }
}

static uint8_t needed_role(const struct step *step) {
    return step->approval == NONE ? (uint8_t)ROLE_COMMANDER : step->approval;
}

static void ask_person(struct simulation *simulation, uint8_t s) {
    const struct step *step = &simulation->plan->steps[s];
    const struct topology *topology = simulation->topology;
    struct simulated_ask *ask = &simulation->asks[s];
    uint8_t role = needed_role(step);
    char people[160] = "";
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        if (topology->operators[i].role == role) {
            (void)text_append(people, sizeof people, people[0] == '\0' ? ": " : ", ");
            (void)text_append(people, sizeof people, topology->operators[i].person);
        }
    }
    bool first = !ask->asked;
    ask->asked = true;
    bool silent = told(simulation, s)->fault == STEP_FAULT_UNANSWERED;
    ask->answer_ms = silent ? SIMULATED_NEVER : simulation->now_ms + simulation->input->people_ms;
    if (first) {
        simulation->result->steps[s].asked_ms = simulation_since(simulation);
        simulation->result->steps[s].role = role;
    }
    moment_add(simulation, "%s waits for %s%s%s", step->name, role_text((enum role)role),
               people[0] == '\0' ? " (nobody has this role)" : people,
               silent ? "; FAULT  nobody answers" : "");
}

static void answer(struct simulation *simulation, uint8_t s) {
    struct simulated_ask *ask = &simulation->asks[s];
    bool declines = told(simulation, s)->fault == STEP_FAULT_DECLINED;
    bool by_hand = simulation->plan->steps[s].action == ACTION_MANUAL;
    struct event event = {.kind = EVENT_REQUEST,
                          .request = {.kind = declines  ? REQUEST_REJECT
                                              : by_hand ? REQUEST_STEP_DONE
                                                        : REQUEST_APPROVE,
                                      .execution = simulation->execution,
                                      .step = s}};
    ask->answer_ms = SIMULATED_NEVER;
    event.request.operator_index =
        who_may(simulation, &event, needed_role(&simulation->plan->steps[s]), ask->asked_of);
    if (event.request.operator_index == NONE) {
        moment_add(simulation, "nobody is left who may approve %s",
                   simulation->plan->steps[s].name);
        return;
    }
    const struct operator_entry *by =
        &simulation->topology->operators[event.request.operator_index];
    ask->asked_of |= UINT32_C(1) << event.request.operator_index;
    event.request.role = by->role;
    request_name(simulation, &event);
    simulation->result->answers_n++;
    simulation->result->people_ms += simulation->input->people_ms;
    simulation->result->steps[s].answered_ms = simulation_since(simulation);
    moment_add(simulation, "%s (%s) %s %s", by->person, role_text((enum role)by->role),
               declines  ? "declines"
               : by_hand ? "has done"
                         : "approves",
               simulation->plan->steps[s].name);
    (void)simulation_feed(simulation, &event);
}

static void people_turn(struct simulation *simulation) {
    if (simulation->now_ms >= simulation->declare_ms) {
        declare(simulation);
    }
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        const struct execution *execution = simulation_execution(simulation);
        struct simulated_ask *ask = &simulation->asks[s];
        if (execution == NULL || execution_finished(execution) ||
            execution->steps[s].phase != STEP_APPROVAL) {
            continue;
        }
        bool more = ask->asked && ask->answer_ms == SIMULATED_NEVER &&
                    execution->steps[s].approved_by == NONE && ask->asked_of != 0 &&
                    execution->paused == PAUSE_NO &&
                    told(simulation, s)->fault != STEP_FAULT_DECLINED;
        if (simulation->now_ms >= ask->answer_ms) {
            answer(simulation, s);
        } else if (!ask->asked || more) {
            ask_person(simulation, s);
        }
    }
}

bool work_asks_nobody(const struct simulation *simulation) {
    const struct execution *execution = simulation_execution(simulation);
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        bool asks = execution != NULL && execution->steps[s].phase == STEP_APPROVAL;
        if (asks &&
            (!simulation->asks[s].asked || simulation->asks[s].answer_ms != SIMULATED_NEVER)) {
            return false;
        }
    }
    return simulation->declare_ms == SIMULATED_NEVER;
}

void work_turn(struct simulation *simulation) {
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        if (simulation->commands[s].wanted) {
            command_turn(simulation, &simulation->commands[s]);
        }
    }
    people_turn(simulation);
}

uint64_t work_due_ms(const struct simulation *simulation) {
    uint64_t at_ms = simulation->declare_ms;
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        const struct simulated_command *command = &simulation->commands[s];
        at_ms = least(at_ms, simulation->asks[s].answer_ms);
        if (!command->wanted || simulation->agents[command->want.agent].lost) {
            continue;
        }
        at_ms = least(at_ms, command->try_ms);
        if (command->acting && command->ends_ms != SIMULATED_NEVER) {
            at_ms = least(at_ms, least(command->ends_ms, command->deadline_ms));
        }
    }
    return at_ms;
}
