/* Commands. What a member sends is only a hint: the agent asks the members itself whether that
 * digest is wanted now, and acts on a majority's signed yes, once per (execution, step,
 * attempt), as its own allow-list permits. A finished command answers each repetition with its
 * outcome. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define CERTIFY_AGAIN_MS 300
#define CERTIFY_PATIENCE_MS 10000
#define NOT_AFTER_SKEW_MS 120000
#define LEASE_ASKED_WITHIN_MS 1500

struct command_job {
    struct job job;
    struct command_entry *entry;
    struct command command;
    uint8_t digest[DIGEST_SIZE];
    struct agent_conf *conf;
    struct ledger *ledger;
    uint64_t deadline_boot_ms;
    uint32_t gate_early_ms;
    char protected_names[COMPONENTS_MAX][NAME_SIZE];
    uint8_t protected_names_n;
    struct outcome outcome;
};

static void sign_outcome(const struct agent_program *agent, struct outcome *outcome) {
    uint8_t canon[CANON_MAX];
    size_t size = canon_outcome(agent->pins->cluster, outcome, canon);
    enum err err = sign_bytes(agent->keys.sign_secret, canon, size, outcome->signature);
    ensure(err == ERR_OK);
}

static void tell(struct agent_program *agent, struct command_entry *entry) {
    static struct message message;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_OUTCOME;
    message.outcome = entry->outcome;
    agent_tell_members(agent, &message);
}

static struct outcome outcome_of(const struct command *command, const char *agent_name,
                                 const uint8_t digest[DIGEST_SIZE]) {
    struct outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    (void)text_copy(outcome.agent, NAME_SIZE, agent_name);
    outcome.execution = command->execution;
    outcome.step = command->step;
    outcome.attempt = command->attempt;
    memcpy(outcome.digest, digest, DIGEST_SIZE);
    outcome.wall_ms = clock_wall_ms();
    return outcome;
}

static void finish(struct agent_program *agent, struct command_entry *entry) {
    entry->state = COMMAND_FINISHED;
    sign_outcome(agent, &entry->outcome);
    log_event(entry->outcome.state == OUTCOME_DONE ? LOG_NOTICE : LOG_ERR, "command.finished",
              "execution=%llu step=%s attempt=%u state=%u err=%s took_ms=%u \"%s\"",
              (unsigned long long)entry->command.execution, entry->command.step_name,
              entry->command.attempt, entry->outcome.state, err_name(entry->outcome.err),
              entry->outcome.took_ms, entry->outcome.detail);
    tell(agent, entry);
}

static void refuse(struct agent_program *agent, struct command_entry *entry, enum err err,
                   const char *why) {
    entry->outcome = outcome_of(&entry->command, agent->keys.name, entry->digest);
    entry->outcome.state = OUTCOME_REFUSED;
    entry->outcome.err = (uint8_t)err;
    (void)text_copy(entry->outcome.detail, SENTENCE_SIZE, why);
    finish(agent, entry);
}

/* ------------------------------------------------------------------- running */

/* What was true when the command was certified may be over: between the intent and now a command of
 * a newer epoch may have been begun here (model: command-check-once), and this process may have
 * been stopped for any time. Asked of the ledger and of the guard itself, right before the action
 * and after all that may take long (model: command-lease-early). */
static enum err may_still_act(const struct command_job *job, const char **ret_why) {
    const struct command *command = &job->command;
    uint64_t epoch = 0;
    struct guard_answer guard;
    *ret_why = "";
    if (ledger_epoch(job->ledger, &epoch) != ERR_OK || epoch > command->epoch) {
        *ret_why = "a newer epoch was accepted here";
        return ERR_STALE;
    }
    if (command->needs_lease) {
        if (guard_ask(job->conf->guard_socket, LEASE_ASKED_WITHIN_MS, &guard) != ERR_OK) {
            *ret_why = "the guard does not say whether its lease still runs";
            return ERR_PRECONDITION;
        }
        if (guard.lease_epoch != command->epoch || guard.gate != GATE_OPEN ||
            guard.lease_left_ms <= job->gate_early_ms) {
            *ret_why = "the lease was over when the action was about to begin";
            return ERR_PRECONDITION;
        }
    }
    if (clock_boot_ms() >= job->deadline_boot_ms) {
        *ret_why = "its time was over before it could begin";
        return ERR_TIMEOUT;
    }
    return ERR_OK;
}

static void job_refuse(struct command_job *job, enum err err, const char *why) {
    job->outcome.state = OUTCOME_REFUSED;
    job->outcome.err = (uint8_t)err;
    (void)text_copy(job->outcome.detail, SENTENCE_SIZE, why);
}

static void job_act(struct command_job *job, const struct action_kind_row *row, bool observe_only) {
    const struct command *command = &job->command;
    uint64_t start_us = clock_boot_us();
    struct action_input input = {
        .arguments = &command->arguments,
        .secrets = &job->conf->secrets,
        .region = command->region,
        .cluster = command->cluster,
        .plan = command->plan,
        .step_name = command->step_name,
        .epoch = command->epoch,
        .execution = command->execution,
        .step = command->step,
        .attempt = command->attempt,
        .timeout_ms = (uint32_t)(job->deadline_boot_ms - start_us / 1000),
        .deadline_boot_ms = job->deadline_boot_ms,
        .graceful = command->graceful,
        .observe_only = observe_only,
        .exec_directory = job->conf->exec_directory,
        .fence_devices = job->conf->fence_devices,
        .fence_devices_n = job->conf->fence_devices_n,
        .protected_names = job->protected_names,
        .protected_names_n = job->protected_names_n,
        .state_directory = job->conf->state,
    };
    struct action_result result = action_do(row, &input);
    job->outcome.state = result.err == ERR_OK ? OUTCOME_DONE : OUTCOME_FAILED;
    job->outcome.err = (uint8_t)result.err;
    job->outcome.observed = result.observed;
    job->outcome.took_ms = (uint32_t)((clock_boot_us() - start_us) / 1000);
    job->outcome.wall_ms = clock_wall_ms();
    (void)text_copy(job->outcome.detail, SENTENCE_SIZE, result.detail);
}

/* On a worker. The intent is on disk before the action, the result before it is told. */
static void job_run(struct job *base) {
    struct command_job *job = base->data;
    struct command *command = &job->command;
    const struct action_kind_row *row = action_kind_of((enum action_kind)command->action);
    enum ledger_found found = LEDGER_NEW;
    const char *why = NULL;
    enum err err =
        row == NULL ? ERR_UNSUPPORTED : ledger_begin(job->ledger, command, job->digest, &found);
    if (err == ERR_OK && found == LEDGER_OTHER) {
        job_refuse(job, ERR_WENT_BACK,
                   "this agent's ledger has another command under these numbers: the log was begun "
                   "anew, or set back");
        return;
    }
    if (err != ERR_OK || found == LEDGER_ENDED) {
        if (err == ERR_OK && ledger_outcome(job->ledger, command->execution, command->step,
                                            command->attempt, &job->outcome) == ERR_OK) {
            return;
        }
        job->outcome.state = OUTCOME_REFUSED;
        job->outcome.err = (uint8_t)(err == ERR_OK ? ERR_IO : err);
        (void)text_format(job->outcome.detail, SENTENCE_SIZE, "not begun: %s",
                          err_text((enum err)job->outcome.err));
        return;
    }
    err = may_still_act(job, &why);
    if (err != ERR_OK) {
        job_refuse(job, err, why);
    } else {
        /* Begun before a crash, and nobody knows how far it came: look, do not act blindly. */
        job_act(job, row, found == LEDGER_BEGUN);
    }
    if (ledger_end(job->ledger, &job->outcome) != ERR_OK && job->outcome.state == OUTCOME_DONE) {
        (void)text_append(job->outcome.detail, SENTENCE_SIZE, " (result not written)");
    }
}

static void job_done(struct job *base) {
    struct command_job *job = base->data;
    job->entry->outcome = job->outcome;
    finish(base->agent, job->entry);
    free(job);
}

/* A copy: the topology may be another one before the worker is at it. */
static void protected_take(const struct topology *topology, struct command_job *job) {
    for (uint8_t i = 0; i < topology->components_n; i++) {
        if (topology->components[i].protected) {
            (void)text_copy(job->protected_names[job->protected_names_n++], NAME_SIZE,
                            topology->components[i].name);
        }
    }
}

static void start_running(struct agent_program *agent, struct command_entry *entry) {
    uint64_t now_ms = agent_now_ms();
    if (now_ms >= entry->deadline_boot_ms) {
        refuse(agent, entry, ERR_TIMEOUT, "its time was over before it could begin");
        return;
    }
    struct command_job *job = calloc(1, sizeof *job);
    ensure(job != NULL);
    job->job = (struct job){.agent = agent, .data = job, .run = job_run, .done = job_done};
    job->entry = entry;
    job->command = entry->command;
    memcpy(job->digest, entry->digest, DIGEST_SIZE);
    job->conf = agent->conf;
    job->ledger = agent->ledger;
    job->deadline_boot_ms = entry->deadline_boot_ms;
    job->gate_early_ms = agent->pins->lease.gate_early_ms;
    job->outcome = outcome_of(&entry->command, agent->keys.name, entry->digest);
    protected_take(agent->topology, job);
    entry->state = COMMAND_RUNNING;
    entry->started_boot_ms = now_ms;
    log_event(LOG_NOTICE, "command.running", "execution=%llu step=%s attempt=%u action=%s",
              (unsigned long long)entry->command.execution, entry->command.step_name,
              entry->command.attempt, action_kind_text((enum action_kind)entry->command.action));
    worker_run_now(&job->job);
}

/* ----------------------------------------------------------------- certifying */

/* The conditions of this agent alone. Judged after the certificate: a refusal is signed and told
 * to all members, and one of them must not be able to get one for a step that the others want. */
static bool acceptable(struct agent_program *agent, struct command_entry *entry) {
    const struct command *command = &entry->command;
    uint64_t epoch = 0;
    const struct action_kind_row *row = action_kind_of((enum action_kind)command->action);
    struct text256 why = {{0}};
    if ((agent->conf->allow & (1u << command->action)) == 0) {
        refuse(agent, entry, ERR_DENIED, "this agent's own allow-list does not have the action");
    } else if (clock_wall_ms() > command->not_after_wall_ms + NOT_AFTER_SKEW_MS) {
        refuse(agent, entry, ERR_STALE, "the command's time is over");
    } else if (ledger_epoch(agent->ledger, &epoch) != ERR_OK || command->epoch < epoch) {
        refuse(agent, entry, ERR_STALE, "made in an older epoch than this agent accepted");
    } else if (row == NULL || row->accepts(&command->arguments, &why) != ERR_OK) {
        refuse(agent, entry, ERR_CONFIG, why.at);
    } else if (row->needs_lease && (!command->needs_lease || agent->guard == NULL)) {
        refuse(agent, entry, ERR_PRECONDITION,
               "the action opens a store and this agent has no lease to open it under");
    } else {
        return true;
    }
    return false;
}

static void on_certified(struct agent_program *agent, struct command_entry *entry) {
    entry->round.active = false;
    if (!acceptable(agent, entry)) {
        return;
    }
    if (entry->command.needs_lease && !agent_holds_lease(agent, entry->command.epoch)) {
        entry->state = COMMAND_WAITING;
        return;
    }
    start_running(agent, entry);
}

/* A step that needs the lease is refused until the members' own waits are over: asked again just
 * then, beside the lease's question, and kept until then. */
static void heed_waits(struct command_entry *entry) {
    uint32_t wait_ms = votes_patience_ms(&entry->round.votes);
    uint64_t now_ms = agent_now_ms();
    if (wait_ms == 0) {
        return;
    }
    if (now_ms < entry->deadline_boot_ms) {
        entry->told_wait_ms = now_ms;
    }
    if (now_ms + wait_ms + 2 < entry->next_round_ms) {
        entry->next_round_ms = now_ms + wait_ms + 2;
    }
}

void commands_answer(struct agent_program *agent, uint8_t member, const struct answer *answer) {
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        struct command_entry *entry = &agent->commands[i];
        struct round *round = &entry->round;
        if (entry->state != COMMAND_CERTIFYING || !round->active ||
            memcmp(round->question.nonce, answer->nonce, NONCE_SIZE) != 0) {
            continue;
        }
        if (!text_equal(answer->from, agent->pins->members[member].name) ||
            !round_verify_member(agent, &round->question, member, answer) ||
            !round_take(agent, round, member, answer)) {
            return;
        }
        if (votes_majority(&round->votes)) {
            on_certified(agent, entry);
        } else {
            heed_waits(entry);
        }
        return;
    }
}

/* -------------------------------------------------------------------- receiving */

static struct command_entry *entry_of(struct agent_program *agent,
                                      const uint8_t digest[DIGEST_SIZE]) {
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        if (agent->commands[i].state != COMMAND_FREE &&
            memcmp(agent->commands[i].digest, digest, DIGEST_SIZE) == 0) {
            return &agent->commands[i];
        }
    }
    return NULL;
}

static struct command_entry *entry_new(struct agent_program *agent) {
    struct command_entry *oldest = NULL;
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        struct command_entry *entry = &agent->commands[i];
        if (entry->state == COMMAND_FREE) {
            return entry;
        }
        if (entry->state == COMMAND_FINISHED &&
            (oldest == NULL || entry->arrived_boot_ms < oldest->arrived_boot_ms)) {
            oldest = entry;
        }
    }
    return oldest;
}

/* Of the places for commands one member fills no more than its share with what nobody else
 * wants. */
static bool has_share(const struct agent_program *agent, uint8_t member) {
    unsigned certifying_n = 0;
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        const struct command_entry *entry = &agent->commands[i];
        certifying_n += entry->state == COMMAND_CERTIFYING && entry->from == member;
    }
    return certifying_n < COMMANDS_MAX / agent->pins->members_n;
}

/* Ended in an earlier life of this agent: its outcome is told again. The same attempt under another
 * digest gets no answer: it is certified like any other, or not. */
static bool ended_before(struct agent_program *agent, struct command_entry *entry) {
    const struct command *command = &entry->command;
    struct outcome before;
    if (ledger_outcome(agent->ledger, command->execution, command->step, command->attempt,
                       &before) != ERR_OK ||
        memcmp(before.digest, entry->digest, DIGEST_SIZE) != 0) {
        return false;
    }
    entry->outcome = before;
    finish(agent, entry);
    return true;
}

void commands_receive(struct agent_program *agent, uint8_t member, const struct command *command) {
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    if (!text_equal(command->cluster, agent->pins->cluster) ||
        !text_equal(command->agent, agent->keys.name)) {
        agent->frames_refused_n++;
        return;
    }
    size_t size = canon_command(command, canon);
    digest_sha256(canon, size, digest);
    struct command_entry *entry = entry_of(agent, digest);
    if (entry != NULL) {
        if (entry->state == COMMAND_FINISHED) {
            tell(agent, entry);
        } else if (entry->state == COMMAND_CERTIFYING &&
                   round_hastens(&entry->round, member, &entry->hastened)) {
            entry->next_round_ms = agent_now_ms() + CERTIFY_AGAIN_MS;
            round_begin_command(agent, &entry->round, command->epoch, digest);
        }
        return;
    }
    entry = has_share(agent, member) ? entry_new(agent) : NULL;
    if (entry == NULL) {
        return; /* the members send again */
    }
    memset(entry, 0, sizeof *entry);
    entry->agent = agent;
    entry->from = member;
    entry->command = *command;
    memcpy(entry->digest, digest, DIGEST_SIZE);
    entry->arrived_boot_ms = agent_now_ms();
    entry->deadline_boot_ms = entry->arrived_boot_ms + command->timeout_ms;
    entry->state = COMMAND_CERTIFYING;
    if (!ended_before(agent, entry)) {
        entry->next_round_ms = entry->arrived_boot_ms + CERTIFY_AGAIN_MS;
        round_begin_command(agent, &entry->round, command->epoch, digest);
    }
}

/* The lease is there, so a majority's waits are over: a no from before is asked about at once. */
static bool lease_hastens(const struct agent_program *agent, struct command_entry *entry) {
    const struct votes *votes = &entry->round.votes;
    if (!entry->command.needs_lease || entry->lease_hastened || votes->answered == votes->yes ||
        !agent_holds_lease(agent, entry->command.epoch)) {
        return false;
    }
    entry->lease_hastened = true;
    return true;
}

static void certify_tick(struct agent_program *agent, struct command_entry *entry,
                         uint64_t now_ms) {
    uint64_t from_ms = entry->told_wait_ms != 0 ? entry->told_wait_ms : entry->arrived_boot_ms;
    if (now_ms - from_ms > CERTIFY_PATIENCE_MS) {
        /* Stale, altered, or of a minority: no majority wants it. Nobody waits for an outcome; the
         * place is freed and the attempt leaves a line. */
        log_event(LOG_WARNING, "command.refused",
                  "execution=%llu step=%s attempt=%u no majority certified it (%u yes)",
                  (unsigned long long)entry->command.execution, entry->command.step_name,
                  entry->command.attempt, entry->round.yes_n);
        entry->state = COMMAND_FREE;
    } else if (now_ms >= entry->next_round_ms || lease_hastens(agent, entry)) {
        entry->next_round_ms = now_ms + CERTIFY_AGAIN_MS;
        round_begin_command(agent, &entry->round, entry->command.epoch, entry->digest);
    }
}

void commands_tick(struct agent_program *agent) {
    uint64_t now_ms = agent_now_ms();
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        struct command_entry *entry = &agent->commands[i];
        if (entry->state == COMMAND_CERTIFYING) {
            certify_tick(agent, entry, now_ms);
        } else if (entry->state == COMMAND_WAITING) {
            if (agent_holds_lease(agent, entry->command.epoch)) {
                start_running(agent, entry);
            } else if (now_ms >= entry->deadline_boot_ms) {
                refuse(agent, entry, ERR_PRECONDITION, "the lease did not come in time");
            }
        }
    }
}
