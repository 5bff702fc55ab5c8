/* Commands, mirrored from agent/{commands,ledger}.c: a majority's yes for exactly this command, the
 * intent on disk before the action and the result after it, once per (execution, step, attempt). */
#include "sim.h"

#include <string.h>

#define CERTIFY_AGAIN_MS 300
#define CERTIFY_PATIENCE_MS 6000

static uint64_t now_ms_of(const struct sim *sim, uint8_t host) {
    return sim_boot_ms(sim, (uint8_t)(HOST_FIRST + host));
}

static bool same_name(const struct command_name *a, const struct command_name *b) {
    return a->execution == b->execution && a->epoch == b->epoch && a->attempt == b->attempt &&
           a->step == b->step && a->agent == b->agent && a->action == b->action &&
           a->undo == b->undo;
}

static struct ledger_entry *ledger_find(struct sim_agent *agent, const struct command_name *name) {
    for (uint32_t i = 0; i < agent->ledger_n; i++) {
        struct ledger_entry *entry = &agent->ledger[i];
        if (entry->name.execution == name->execution && entry->name.step == name->step &&
            entry->name.attempt == name->attempt) {
            return entry;
        }
    }
    return NULL;
}

static void tell(struct sim *sim, uint8_t host, const struct sim_outcome *outcome) {
    for (uint8_t m = 0; m < SIM_MEMBERS; m++) {
        struct sim_message message = {
            .kind = MSG_OUTCOME, .from = (uint8_t)(AGENT_FIRST + host), .to = m};
        message.outcome = *outcome;
        net_send(sim, &message);
    }
}

static void finish(struct sim *sim, uint8_t host, struct sim_command *command, uint8_t state,
                   uint8_t err) {
    command->state = CMD_FINISHED;
    command->outcome.command = command->name;
    command->outcome.state = state;
    command->outcome.err = err;
    SAY(sim, (uint8_t)(AGENT_FIRST + host), "finished execution %llu step %u attempt %u: %u",
        (unsigned long long)command->name.execution, command->name.step, command->name.attempt,
        state);
    tell(sim, host, &command->outcome);
}

static void ask(struct sim *sim, uint8_t host, struct sim_command *command) {
    votes_begin(&command->votes, SIM_MEMBERS);
    command->nonce = rng_next(&sim->rng);
    struct sim_question question = {.agent = host,
                                    .purpose = ATTEST_COMMAND,
                                    .nonce = command->nonce,
                                    .epoch = command->name.epoch,
                                    .command = command->name};
    agent_ask(sim, host, &question, false);
}

/* The action takes its time on a worker; slot and the agent's life are told back. */
static void run(struct sim *sim, uint8_t host, struct sim_command *command) {
    struct sim_agent *agent = &sim->agents[host];
    struct ledger_entry *entry = ledger_find(agent, &command->name);
    bool observe_only = entry != NULL && !mutant_is(sim, MUTANT_RERUN_INTENT);
    if (entry != NULL && entry->ended) {
        command->outcome = entry->outcome;
        finish(sim, host, command, entry->outcome.state, entry->outcome.err);
        return;
    }
    if (command->name.epoch < agent->ledger_epoch) {
        finish(sim, host, command, 4, ERR_STALE);
        return;
    }
    if (entry == NULL && agent->ledger_n == LEDGER_N) {
        finish(sim, host, command, 4, ERR_IO);
        return;
    }
    agent->ledger_epoch = command->name.epoch;
    if (entry == NULL && !mutant_is(sim, MUTANT_INTENT_LATE)) {
        agent->ledger[agent->ledger_n++] = (struct ledger_entry){.name = command->name};
        entry = &agent->ledger[agent->ledger_n - 1];
    }
    /* Asked of the guard itself, behind the intent: what the agent heard of it is older. */
    if (command->needs_lease && !guard_lease_runs(sim, host, command->name.epoch)) {
        finish(sim, host, command, 4, ERR_PRECONDITION);
        if (entry != NULL) {
            entry->ended = true;
            entry->outcome = command->outcome;
        }
        return;
    }
    command->outcome.observed = observe_only;
    command->state = CMD_RUNNING;
    if (!observe_only) {
        judge_command(sim, host, &command->name);
        judge_ran(sim, &command->name);
    }
    struct sim_event *event = queue_add(sim, sim->now_us + 2000 + pick(sim, 1500000), SIM_ACTION,
                                        (uint8_t)(AGENT_FIRST + host));
    event->arg = (uint32_t)(command - agent->commands);
}

void commands_action(struct sim *sim, uint8_t host, uint32_t slot) {
    struct sim_agent *agent = &sim->agents[host];
    struct sim_command *command = &agent->commands[slot];
    struct ledger_entry *entry = ledger_find(agent, &command->name);
    bool fails = sim->now_us < sim->weather.stormy_until_us &&
                 chance(sim, sim->weather.action_fail_permille);
    finish(sim, host, command, fails ? 3 : 2, fails ? ERR_FAILED : ERR_OK);
    if (entry == NULL && agent->ledger_n < LEDGER_N) {
        entry = &agent->ledger[agent->ledger_n++];
        entry->name = command->name;
    }
    if (entry != NULL) {
        entry->ended = true;
        entry->outcome = command->outcome;
    }
}

static bool holds_lease(const struct sim *sim, uint8_t host, uint64_t epoch) {
    const struct sim_reply *status = &sim->agents[host].status;
    return agent_left_ms(sim, host) > sim->topology->lease.gate_early_ms &&
           status->lease_epoch == epoch && status->gate_open;
}

void commands_answer(struct sim *sim, uint8_t host, const struct sim_answer *answer) {
    struct sim_agent *agent = &sim->agents[host];
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        struct sim_command *command = &agent->commands[i];
        if (command->state != CMD_CERTIFYING || command->nonce != answer->question.nonce) {
            continue;
        }
        uint8_t m = answer->question.member;
        bool taken = answer->no == ATTEST_YES ? votes_yes(&command->votes, m)
                                              : votes_no(&command->votes, m, false, 0);
        bool enough = votes_majority(&command->votes) ||
                      (mutant_is(sim, MUTANT_COMMAND_MINORITY) && command->votes.yes != 0);
        if (taken && enough) {
            command->state = CMD_WAITING;
            if (!command->needs_lease || holds_lease(sim, host, command->name.epoch)) {
                run(sim, host, command);
            }
        }
        return;
    }
}

static struct sim_command *free_command(struct sim_agent *agent) {
    struct sim_command *oldest = NULL;
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        struct sim_command *command = &agent->commands[i];
        if (command->state == CMD_FREE) {
            return command;
        }
        if (command->state == CMD_FINISHED &&
            (oldest == NULL || command->arrived_ms < oldest->arrived_ms)) {
            oldest = command;
        }
    }
    return oldest;
}

void commands_receive(struct sim *sim, uint8_t host, const struct want_command *want) {
    struct sim_agent *agent = &sim->agents[host];
    struct command_name name = {.execution = want->execution,
                                .epoch = want->epoch,
                                .attempt = want->attempt,
                                .step = want->step,
                                .agent = want->agent,
                                .action = want->action,
                                .undo = want->undo};
    if (want->agent != host && !mutant_is(sim, MUTANT_COMMAND_ANY_AGENT)) {
        return;
    }
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        struct sim_command *command = &agent->commands[i];
        if (command->state != CMD_FREE && same_name(&command->name, &name)) {
            if (command->state == CMD_FINISHED) {
                tell(sim, host, &command->outcome);
            }
            return;
        }
    }
    struct sim_command *command = free_command(agent);
    if (command == NULL) {
        return;
    }
    memset(command, 0, sizeof *command);
    command->name = name;
    command->needs_lease =
        want->action == ACTION_PATRONI_PROMOTE || want->action == ACTION_REDIS_PROMOTE;
    command->arrived_ms = now_ms_of(sim, host);
    struct ledger_entry *entry = ledger_find(agent, &name);
    if (entry != NULL && entry->ended) {
        finish(sim, host, command, entry->outcome.state, entry->outcome.err);
        return;
    }
    if (name.action == ACTION_EXEC && !mutant_is(sim, MUTANT_NO_ALLOW_LIST)) {
        finish(sim, host, command, 4, ERR_DENIED);
        return;
    }
    if (name.epoch < agent->ledger_epoch) {
        finish(sim, host, command, 4, ERR_STALE);
        return;
    }
    command->state = CMD_CERTIFYING;
    command->next_round_ms = command->arrived_ms + CERTIFY_AGAIN_MS;
    ask(sim, host, command);
}

void commands_tick(struct sim *sim, uint8_t host) {
    uint64_t now_ms = now_ms_of(sim, host);
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        struct sim_command *command = &sim->agents[host].commands[i];
        uint64_t age_ms = now_ms > command->arrived_ms ? now_ms - command->arrived_ms : 0;
        if (command->state == CMD_CERTIFYING && age_ms > CERTIFY_PATIENCE_MS) {
            command->state = CMD_FREE;
        } else if (command->state == CMD_CERTIFYING && now_ms >= command->next_round_ms) {
            command->next_round_ms = now_ms + CERTIFY_AGAIN_MS;
            ask(sim, host, command);
        } else if (command->state == CMD_WAITING) {
            if (holds_lease(sim, host, command->name.epoch)) {
                run(sim, host, command);
            } else if (age_ms > CERTIFY_PATIENCE_MS) {
                finish(sim, host, command, 4, ERR_PRECONDITION);
            }
        }
    }
}
