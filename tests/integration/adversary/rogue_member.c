/* A member's stolen key. Words:
 *   mode yes|over|silent        how questions are answered: yes; "that epoch is over"; not at all
 *   ack EPOCH OWNER OPEN VERSION | ack off      what reports are acknowledged with
 *   command AGENT PLAN STEP EPOCH EXECUTION NUMBER ATTEMPT [ACTION]
 *   burst AGENT PLAN STEP EPOCH N               as many commands, all different
 *   config VERSION FILE         a topology of our own to every agent
 *   replay                      every frame that we sent or heard goes to every agent once more
 *   save FILE, stats */
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/sign.h"
#include "proto/canon.h"
#include "tests/integration/adversary/rogue.h"

enum mode { MODE_SILENT = 0, MODE_YES = 1, MODE_OVER = 2 };

static struct wire_server *server;
static enum mode mode;
static bool lying;
static struct report_ack lie;
static struct records records;
static unsigned questions_n, commands_asked_n, reports_n, outcomes_n;

static void send_to(struct rogue *rogue, uint8_t agent, const struct message *message) {
    size_t size = 0;
    if (message_encode(message, rogue->frame, FRAME_CONFIG_MAX, &size) == ERR_OK) {
        records_add(&records, true, agent, rogue->frame, size);
        (void)wire_server_send(server, WIRE_AGENT, agent, rogue->frame, size);
    } else {
        rogue_say("not encoded: kind %u", message->kind);
    }
}

static struct answer answer_to(const struct rogue *rogue, const struct question *question) {
    uint8_t canon[CANON_MAX];
    struct answer answer;
    memset(&answer, 0, sizeof answer);
    (void)text_copy(answer.from, NAME_SIZE, rogue->keys.name);
    (void)text_copy(answer.agent, NAME_SIZE, question->agent);
    answer.purpose = question->purpose;
    answer.epoch = question->epoch;
    memcpy(answer.nonce, question->nonce, NONCE_SIZE);
    memcpy(answer.digest, question->digest, DIGEST_SIZE);
    answer.refusal = mode == MODE_YES ? REFUSAL_NONE : REFUSAL_NOT_NEWEST;
    answer.newest_epoch = question->epoch + (mode == MODE_OVER);
    answer.newest_open = true;
    answer.config_version = question->config_version;
    size_t size = canon_answer(question, &answer, canon);
    enum err err = sign_bytes(rogue->keys.sign_secret, canon, size, answer.signature);
    ensure(err == ERR_OK);
    return answer;
}

static void on_question(struct rogue *rogue, uint8_t agent, const struct question *question) {
    static struct message reply;
    questions_n++;
    commands_asked_n += question->purpose == PURPOSE_COMMAND;
    if (mode == MODE_SILENT) {
        return;
    }
    memset(&reply, 0, sizeof reply);
    reply.kind = MESSAGE_ANSWER;
    reply.answer = answer_to(rogue, question);
    send_to(rogue, agent, &reply);
}

static void on_report(struct rogue *rogue, uint8_t agent, const struct report *report) {
    static struct message reply;
    reports_n++;
    if (!lying) {
        return;
    }
    memset(&reply, 0, sizeof reply);
    reply.kind = MESSAGE_REPORT_ACK;
    reply.report_ack = lie;
    (void)text_copy(reply.report_ack.member, NAME_SIZE, rogue->keys.name);
    reply.report_ack.seq = report->seq;
    send_to(rogue, agent, &reply);
}

static void on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                     size_t frame_size) {
    struct rogue *rogue = owner;
    const struct message *message = rogue_decode(rogue, frame, frame_size);
    if (message == NULL || from->kind != WIRE_AGENT) {
        return;
    }
    records_add(&records, false, from->index, frame, frame_size);
    if (message->kind == MESSAGE_QUESTION) {
        struct question question = message->question;
        on_question(rogue, from->index, &question);
    } else if (message->kind == MESSAGE_REPORT) {
        on_report(rogue, from->index, &message->report);
    } else if (message->kind == MESSAGE_OUTCOME) {
        const struct outcome *outcome = &message->outcome;
        outcomes_n++;
        rogue_say("outcome agent=%s execution=%llu step=%u attempt=%u state=%u err=%u \"%s\"",
                  outcome->agent, (unsigned long long)outcome->execution, outcome->step,
                  outcome->attempt, outcome->state, outcome->err, outcome->detail);
    }
}

/* --------------------------------------------------------------- what we send */

static bool command_fill(const struct rogue *rogue, char *words[WORDS_MAX],
                         struct command *ret_command) {
    const struct topology *topology = rogue->topology;
    uint8_t agent = topology_agent(topology, words[1]);
    uint8_t plan = topology_plan(topology, words[2]);
    const struct step *step = NULL;
    for (unsigned s = 0; plan != NONE && s < topology->plans[plan].steps_n; s++) {
        if (text_equal(topology->plans[plan].steps[s].name, words[3])) {
            step = &topology->plans[plan].steps[s];
        }
    }
    memset(ret_command, 0, sizeof *ret_command);
    if (agent == NONE || step == NULL) {
        return false;
    }
    uint8_t region = topology->agents[agent].region;
    uint8_t peer = region == 0 ? 1 : 0;
    if (topology_step_arguments(topology, step, region, peer, &ret_command->arguments) != ERR_OK) {
        return false;
    }
    (void)text_copy(ret_command->cluster, NAME_SIZE, topology->cluster);
    (void)text_copy(ret_command->agent, NAME_SIZE, topology->agents[agent].name);
    (void)text_copy(ret_command->region, NAME_SIZE, topology->regions[region].name);
    if (step->component != NONE) {
        (void)text_copy(ret_command->component, NAME_SIZE,
                        topology->components[step->component].name);
    }
    (void)text_copy(ret_command->plan, NAME_SIZE, topology->plans[plan].name);
    (void)text_copy(ret_command->step_name, NAME_SIZE, step->name);
    ret_command->epoch = rogue_number(words[4]);
    ret_command->action = step->action;
    ret_command->attempt = 1;
    ret_command->needs_lease = step->action == ACTION_PATRONI_PROMOTE ||
                               step->action == ACTION_PG_PROMOTE ||
                               step->action == ACTION_REDIS_PROMOTE;
    ret_command->timeout_ms = step->timeout_ms;
    ret_command->not_after_wall_ms = clock_wall_ms() + 600000;
    return true;
}

static bool obey_command(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static struct message message;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_COMMAND;
    if (words_n < 8 || !command_fill(rogue, words, &message.command)) {
        return false;
    }
    message.command.execution = rogue_number(words[5]);
    message.command.step = (uint8_t)rogue_number(words[6]);
    message.command.attempt = (uint16_t)rogue_number(words[7]);
    for (unsigned a = 0; words_n > 8 && a < ACTION_KINDS_N; a++) {
        if (text_equal(action_kind_text((enum action_kind)a), words[8])) {
            message.command.action = (uint8_t)a;
        }
    }
    send_to(rogue, topology_agent(rogue->pins, words[1]), &message);
    rogue_say("sent command");
    return true;
}

static bool obey_burst(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static struct message message;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_COMMAND;
    if (words_n < 6 || !command_fill(rogue, words, &message.command)) {
        return false;
    }
    uint64_t n = rogue_number(words[5]);
    for (uint64_t i = 0; i < n; i++) {
        message.command.execution = 1000000 + i;
        send_to(rogue, topology_agent(rogue->pins, words[1]), &message);
    }
    rogue_say("sent %llu commands", (unsigned long long)n);
    return true;
}

static bool obey_config(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    static struct message message;
    struct text256 why = {{0}};
    size_t size = 0;
    if (words_n < 3 || file_read(words[2], text, sizeof text, &size, &why) != ERR_OK) {
        return false;
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_CONFIG;
    message.config.version = (uint32_t)rogue_number(words[1]);
    message.config.text = text;
    message.config.text_size = (uint32_t)size;
    for (uint8_t a = 0; a < rogue->pins->agents_n; a++) {
        send_to(rogue, a, &message);
    }
    rogue_say("sent config");
    return true;
}

static bool obey_ack(unsigned words_n, char *words[WORDS_MAX]) {
    lying = words_n >= 5;
    memset(&lie, 0, sizeof lie);
    if (lying) {
        lie.epoch = rogue_number(words[1]);
        (void)text_copy(lie.owner, NAME_SIZE, words[2]);
        lie.open = rogue_number(words[3]) != 0;
        lie.config_version = (uint32_t)rogue_number(words[4]);
        lie.caught_up = true;
    }
    rogue_say("acks %s", lying ? "lie" : "off");
    return true;
}

/* To every agent, whoever it was meant for. */
static bool obey_replay(const struct rogue *rogue) {
    size_t n = records.n;
    for (size_t i = 0; i < n; i++) {
        for (uint8_t a = 0; a < rogue->pins->agents_n; a++) {
            (void)wire_server_send(server, WIRE_AGENT, a, records.at[i].bytes, records.at[i].size);
        }
    }
    rogue_say("replayed %zu frames", n);
    return true;
}

static bool obey(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    if (text_equal(words[0], "mode") && words_n == 2) {
        mode = text_equal(words[1], "yes")    ? MODE_YES
               : text_equal(words[1], "over") ? MODE_OVER
                                              : MODE_SILENT;
        rogue_say("mode %d", mode);
        return true;
    }
    if (text_equal(words[0], "stats")) {
        rogue_say("stats questions=%u commands_asked=%u reports=%u outcomes=%u recorded=%zu",
                  questions_n, commands_asked_n, reports_n, outcomes_n, records.n);
        return true;
    }
    if (text_equal(words[0], "save") && words_n == 2) {
        rogue_say("saved %d", records_save(&records, words[1]));
        return true;
    }
    return text_equal(words[0], "ack")       ? obey_ack(words_n, words)
           : text_equal(words[0], "command") ? obey_command(rogue, words_n, words)
           : text_equal(words[0], "burst")   ? obey_burst(rogue, words_n, words)
           : text_equal(words[0], "config")  ? obey_config(rogue, words_n, words)
           : text_equal(words[0], "replay")  ? obey_replay(rogue)
                                             : false;
}

bool rogue_member_start(struct rogue *rogue) {
    static struct wire_identity identities[AGENTS_MAX];
    struct text256 why = {{0}};
    for (uint8_t a = 0; a < rogue->pins->agents_n; a++) {
        identities[a].kind = WIRE_AGENT;
        identities[a].index = a;
        (void)text_copy(identities[a].name, NAME_SIZE, rogue->pins->agents[a].name);
        memcpy(identities[a].curve_key, rogue->pins->agents[a].curve_key, KEY_SIZE);
    }
    rogue->obey = obey;
    if (wire_allow(rogue->wire, identities, rogue->pins->agents_n) != ERR_OK ||
        wire_serve(rogue->wire, rogue->listen, rogue->keys.curve_secret, rogue->keys.curve_public,
                   FRAME_CONFIG_MAX, on_frame, rogue, &server, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return false;
    }
    return true;
}
