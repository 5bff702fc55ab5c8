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
    for (uint8_t m = 0; m < sim->members_n; m++) {
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
    votes_begin(&command->votes, sim->members_n);
    command->nonce = rng_next(&sim->rng);
    struct sim_question question = {.agent = host,
                                    .numbers = sim->agents[host].pins,
                                    .purpose = ATTEST_COMMAND,
                                    .nonce = command->nonce,
                                    .epoch = command->name.epoch,
                                    .command = command->name};
    agent_ask(sim, host, &question, false);
}

enum { STAGE_INTENT, STAGE_ACTION, STAGE_RESULT };

static void later(struct sim *sim, uint8_t host, const struct sim_command *command, uint32_t stage,
                  uint64_t after_us) {
    uint32_t slot = (uint32_t)(command - sim->agents[host].commands);
    queue_add(sim, sim->now_us + after_us, SIM_ACTION, (uint8_t)(AGENT_FIRST + host))->arg =
        slot | stage << 8;
}

static struct ledger_entry *ledger_add(struct sim_agent *agent, const struct command_name *name) {
    struct ledger_entry *entry = ledger_find(agent, name);
    if (entry == NULL && agent->ledger_n < LEDGER_N) {
        entry = &agent->ledger[agent->ledger_n++];
        *entry = (struct ledger_entry){.name = *name};
    }
    if (entry != NULL && name->epoch > agent->ledger_epoch) {
        agent->ledger_epoch = name->epoch;
    }
    return entry;
}

static void refuse_begun(struct sim *sim, uint8_t host, struct sim_command *command, enum err err) {
    struct ledger_entry *entry = ledger_find(&sim->agents[host], &command->name);
    finish(sim, host, command, 4, err);
    if (entry != NULL) {
        entry->ended = true;
        entry->outcome = command->outcome;
    }
}

/* On a worker: it takes its time, and then the result is written. */
static void act(struct sim *sim, uint8_t host, struct sim_command *command) {
    command->stage = STAGE_ACTION;
    /* Asked of the guard itself, behind the intent: what the agent heard of it is older. */
    if (command->needs_lease && !mutant_is(sim, MUTANT_LEASE_ASKED_EARLY) &&
        !guard_lease_runs(sim, host, command->name.epoch)) {
        refuse_begun(sim, host, command, ERR_PRECONDITION);
        return;
    }
    if (!command->outcome.observed && !rogue_is(sim, host)) {
        judge_command(sim, host, &command->name);
        judge_ran(sim, &command->name);
        judge_opens(sim, host, &command->name);
    }
    store_begins(sim, host, command);
    later(sim, host, command, STAGE_ACTION, 2000 + pick(sim, 1500000));
}

static void begin(struct sim *sim, uint8_t host, struct sim_command *command) {
    struct sim_agent *agent = &sim->agents[host];
    struct ledger_entry *entry = ledger_find(agent, &command->name);
    command->outcome.observed = entry != NULL && !mutant_is(sim, MUTANT_RERUN_INTENT);
    command->state = CMD_RUNNING;
    if (entry != NULL && !same_name(&entry->name, &command->name)) {
        finish(sim, host, command, 4, ERR_WENT_BACK);
    } else if (entry != NULL && entry->ended) {
        command->outcome = entry->outcome;
        finish(sim, host, command, entry->outcome.state, entry->outcome.err);
    } else if (command->name.epoch < agent->ledger_epoch) {
        finish(sim, host, command, 4, ERR_STALE);
    } else if (entry == NULL && agent->ledger_n == LEDGER_N) {
        finish(sim, host, command, 4, ERR_IO);
    } else if (entry != NULL || mutant_is(sim, MUTANT_INTENT_LATE)) {
        act(sim, host, command);
    } else if (mutant_is(sim, MUTANT_LEDGER_EARLY)) {
        later(sim, host, command, STAGE_INTENT, disk_takes_us(sim, (uint8_t)(HOST_FIRST + host)));
        act(sim, host, command);
    } else {
        command->stage = STAGE_INTENT;
        later(sim, host, command, STAGE_INTENT, disk_takes_us(sim, (uint8_t)(HOST_FIRST + host)));
    }
}

/* The intent is on disk, or refused: then nothing is run. */
static void intent_written(struct sim *sim, uint8_t host, struct sim_command *command) {
    struct sim_agent *agent = &sim->agents[host];
    uint8_t machine = (uint8_t)(HOST_FIRST + host);
    bool refused = disk_refuses(sim, machine);
    faults_moment(sim, (uint8_t)(AGENT_FIRST + host));
    if (command->name.epoch < agent->ledger_epoch) {
        finish(sim, host, command, 4, ERR_STALE);
        return;
    }
    if (!refused || disk_holds_it_all_the_same(sim, machine)) {
        (void)ledger_add(agent, &command->name);
    }
    if (refused && sim->now_us < sim->weather.stormy_until_us && chance(sim, 400)) {
        /* What complains of its disk is restarted by people. */
        queue_add(sim, sim->now_us + pick(sim, 1500000), SIM_KILL, PROCESSES_N)->arg =
            (uint32_t)(AGENT_FIRST + host);
    }
    if (command->stage != STAGE_INTENT) {
        return; /* the mutant has begun already */
    }
    if (refused && !mutant_is(sim, MUTANT_LEDGER_REFUSED_RUNS)) {
        SAY(sim, (uint8_t)(AGENT_FIRST + host), "the ledger refuses an intent");
        finish(sim, host, command, 4, ERR_IO);
    } else {
        act(sim, host, command);
    }
}

static void acted(struct sim *sim, uint8_t host, struct sim_command *command) {
    bool fails = sim->now_us < sim->weather.stormy_until_us &&
                 chance(sim, sim->weather.action_fail_permille);
    /* Who only looks sees what is there: nothing, when the intent alone came to the disk. */
    fails = fails || (command->outcome.observed && !judge_has_run(sim, &command->name));
    bool done = store_ends(sim, host, command, fails);
    command->outcome.command = command->name;
    command->outcome.state = done ? 2 : 3;
    command->outcome.err = done ? ERR_OK : ERR_FAILED;
    command->stage = STAGE_RESULT;
    later(sim, host, command, STAGE_RESULT, disk_takes_us(sim, (uint8_t)(HOST_FIRST + host)));
}

/* Without it a restart only looks what is there; the outcome is told all the same. */
static void result_written(struct sim *sim, uint8_t host, struct sim_command *command) {
    struct sim_agent *agent = &sim->agents[host];
    uint8_t machine = (uint8_t)(HOST_FIRST + host);
    bool lands = !disk_refuses(sim, machine) || disk_holds_it_all_the_same(sim, machine);
    struct ledger_entry *entry = lands ? ledger_add(agent, &command->name) : NULL;
    if (entry != NULL) {
        entry->ended = true;
        entry->outcome = command->outcome;
    }
    finish(sim, host, command, command->outcome.state, command->outcome.err);
}

void commands_action(struct sim *sim, uint8_t host, uint32_t arg) {
    struct sim_command *command = &sim->agents[host].commands[arg & 0xFFu];
    switch (arg >> 8) {
    case STAGE_INTENT: intent_written(sim, host, command); break;
    case STAGE_ACTION: acted(sim, host, command); break;
    default: result_written(sim, host, command); break;
    }
}

/* What was on its way to the disk is there or not. */
void commands_crash(struct sim *sim, uint8_t host) {
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        struct sim_command *command = &sim->agents[host].commands[i];
        bool writes = command->state == CMD_RUNNING && command->stage != STAGE_ACTION;
        struct ledger_entry *entry =
            writes && chance(sim, 500) ? ledger_add(&sim->agents[host], &command->name) : NULL;
        if (entry != NULL && command->stage == STAGE_RESULT) {
            entry->ended = true;
            entry->outcome = command->outcome;
        }
    }
}

static bool holds_lease(const struct sim *sim, uint8_t host, uint64_t epoch) {
    const struct sim_reply *status = &sim->agents[host].status;
    return agent_left_ms(sim, host) > config_at(sim->agents[host].pins)->lease.gate_early_ms &&
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
                begin(sim, host, command);
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

struct command_name command_name_of(const struct want_command *want) {
    return (struct command_name){.execution = want->execution,
                                 .epoch = want->epoch,
                                 .attempt = want->attempt,
                                 .step = want->step,
                                 .agent = want->agent,
                                 .action = want->action,
                                 .undo = want->undo};
}

void commands_receive(struct sim *sim, uint8_t host, const struct want_command *want) {
    struct sim_agent *agent = &sim->agents[host];
    struct command_name name = command_name_of(want);
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
    command->peer = want->peer_region;
    command->needs_lease = (want->needs_lease || opens_a_store(want->action)) &&
                           !mutant_is(sim, MUTANT_NO_NEEDS_LEASE);
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
                begin(sim, host, command);
            } else if (age_ms > CERTIFY_PATIENCE_MS) {
                finish(sim, host, command, 4, ERR_PRECONDITION);
            }
        }
    }
}
