/* Frames of agents: questions, reports, outcomes, relayed questions; and the topology pushed to
 * agents that do not have it. Identity is the key's owner; what a frame says of its sender must
 * agree. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "coordinator/leaders.h"
#include "coordinator/member.h"

#define CONFIG_AGAIN_MS 5000
#define REFUSED_SAY_MS 5000  /* one line of an agent's refused frames this often */
#define NEWS_PATIENCE_MS 500 /* for the timekeeper to put a report into the log */

static void send_message(struct coordinator *member, uint8_t agent, const struct message *message) {
    size_t size = 0;
    if (message_encode(message, member->frame, MEMBER_FRAME_SIZE, &size) == ERR_OK) {
        (void)wire_server_send(member->agents_server, WIRE_AGENT, agent, member->frame, size);
    }
}

bool listen_agent_heard(const struct coordinator *member, uint8_t agent) {
    uint64_t heard_ms = member->agents[agent].heard_boot_ms;
    return heard_ms != 0 && member_now_ms() - heard_ms < member->topology->policy.silent_ms;
}

/* Counted, and told to people: a key that says what is not its own is stolen or broken. */
static void frame_refused(struct coordinator *member, uint8_t agent, const char *why) {
    struct agent_live *live = &member->agents[agent];
    uint64_t now_ms = member_now_ms();
    member->frames_refused_n++;
    live->refused_n++;
    if (live->refused_said_ms == 0 || now_ms - live->refused_said_ms >= REFUSED_SAY_MS) {
        log_event(LOG_WARNING, "frame.refused", "agent=%s frames=%" PRIu64 " \"%s\"",
                  member->topology->agents[agent].name, live->refused_n, why);
        live->refused_said_ms = now_ms;
        live->refused_n = 0;
    }
}

static void on_question(struct coordinator *member, uint8_t agent,
                        const struct question *question) {
    static struct message reply;
    if (!text_equal(question->agent, member->topology->agents[agent].name)) {
        frame_refused(member, agent, "a question in another agent's name");
        return;
    }
    reply.kind = MESSAGE_ANSWER;
    attesting_answer(member, question, &reply.answer);
    send_message(member, agent, &reply);
}

/* A question of another region's agent, carried by this one: end-to-end signed, so the carrier can
 * only lose it. The answer goes back the same way. */
static void on_relay(struct coordinator *member, uint8_t agent, const struct relay *relay) {
    static struct message inner, reply;
    static uint8_t frame[FRAME_AGENT_MAX];
    size_t size = 0;
    if (message_decode(relay->frame, relay->frame_size, member->inner_scratch, MEMBER_SCRATCH_SIZE,
                       &inner, NULL) != ERR_OK ||
        inner.kind != MESSAGE_QUESTION || inner.question.purpose != PURPOSE_LEASE) {
        frame_refused(member, agent, "carried something that is no lease question");
        return;
    }
    reply.kind = MESSAGE_ANSWER;
    attesting_answer(member, &inner.question, &reply.answer);
    if (message_encode(&reply, frame, sizeof frame, &size) != ERR_OK) {
        return;
    }
    memset(&reply, 0, sizeof reply);
    reply.kind = MESSAGE_RELAY;
    (void)text_copy(reply.relay.member, sizeof reply.relay.member, member->keys.name);
    reply.relay.frame = frame;
    reply.relay.frame_size = (uint32_t)size;
    send_message(member, agent, &reply);
}

static void acknowledge(struct coordinator *member, uint8_t agent, uint64_t seq) {
    static struct message reply;
    struct lease_view view = core_lease(&member->core);
    memset(&reply, 0, sizeof reply);
    reply.kind = MESSAGE_REPORT_ACK;
    (void)text_copy(reply.report_ack.member, sizeof reply.report_ack.member, member->keys.name);
    reply.report_ack.seq = seq;
    reply.report_ack.epoch = view.epoch;
    reply.report_ack.open = view.open;
    if (view.owner != NONE) {
        (void)text_copy(reply.report_ack.owner, sizeof reply.report_ack.owner,
                        member->topology->regions[view.owner].name);
    }
    reply.report_ack.config_version = member->core.config_version;
    reply.report_ack.caught_up = member->caught_up;
    reply.report_ack.wall_ms = clock_wall_ms();
    send_message(member, agent, &reply);
}

/* The last acknowledgement again, with the epoch as it is now: an agent need not wait for its next
 * report to learn that it may ask for the lease, or that its own is over. */
void listen_tell_lease(struct coordinator *member) {
    if (!member->caught_up || member->agents_server == NULL) {
        return;
    }
    for (uint8_t a = 0; a < member->topology->agents_n; a++) {
        if (listen_agent_heard(member, a) && member->agents[a].reported) {
            acknowledge(member, a, member->agents[a].report.seq);
        }
    }
}

static void push_config(struct coordinator *member, uint8_t agent, uint32_t has_version) {
    static struct message message;
    uint64_t now_ms = member_now_ms();
    struct agent_live *live = &member->agents[agent];
    if (has_version >= member->core.config_version ||
        (live->config_sent_ms != 0 && now_ms - live->config_sent_ms < CONFIG_AGAIN_MS)) {
        return;
    }
    live->config_sent_ms = now_ms;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_CONFIG;
    message.config.version = member->core.config_version;
    message.config.text = member->topology_text;
    message.config.text_size = (uint32_t)member->topology_text_size;
    send_message(member, agent, &message);
}

/* The timekeeper puts a report that says something new into the log at once, the others only
 * when it has not become a fact a little later. */
static void consider_news(struct coordinator *member, uint8_t agent, const struct message *message,
                          const uint8_t *frame, size_t frame_size) {
    static struct event_report event;
    struct agent_live *live = &member->agents[agent];
    if (!facts_report_event(member->topology, &message->report, &event) ||
        !core_report_is_news(&member->core, member->topology, &event)) {
        live->news_since_ms = 0;
        return;
    }
    uint64_t now_ms = member_now_ms();
    if (live->news_since_ms == 0) {
        live->news_since_ms = now_ms;
    }
    if (member_keeps_time(member) || now_ms - live->news_since_ms > NEWS_PATIENCE_MS) {
        char key[FACT_KEY_SIZE];
        (void)text_format(key, sizeof key, "report/%s/%" PRIx64 "/%" PRIu64, message->report.agent,
                          message->report.boot, message->report.seq);
        propose_frame(member, EVENT_REPORT, key, frame, frame_size);
    }
}

static void on_report(struct coordinator *member, uint8_t agent, const struct message *message,
                      const uint8_t *frame, size_t frame_size) {
    const struct report *report = &message->report;
    struct agent_live *live = &member->agents[agent];
    if (!text_equal(report->agent, member->topology->agents[agent].name) ||
        !facts_verify_report(member->topology, agent, message)) {
        frame_refused(member, agent, "a report in another agent's name, or signed by another key");
        return;
    }
    acknowledge(member, agent, report->seq);
    push_config(member, agent, report->config_version);
    /* Signed by the guard, and true for ever: it counts in whatever report it comes. Whoever has
     * the agent's key can make all of its reports look old. */
    attesting_fence_proof(member, agent, &report->fence);
    if (report->guard.present) {
        epochs_named(member, agent, report->guard.epoch);
    }
    /* A report of an older version, long on its way, holds back none of the version in force. */
    bool in_force = report->config_version == member->core.config_version;
    bool compared =
        live->reported && (!in_force || live->report.config_version == member->core.config_version);
    bool same = compared && report->boot == live->report.boot;
    bool earlier = compared && report->boot < live->report.boot;
    if (earlier || (same && report->seq <= live->report.seq) ||
        report->boot < member->core.agents[agent].boot) {
        return;
    }
    live->report = *report;
    live->reported = true;
    live->reported_boot_ms = member_now_ms();
    clock_look(&live->clock, report->wall_ms, clock_wall_ms());
    if (in_force) {
        lags_remember(member, report, agent);
        leaders_hear(member, report, agent);
        consider_news(member, agent, message, frame, frame_size);
    }
}

static void on_outcome(struct coordinator *member, uint8_t agent, const struct outcome *outcome,
                       const uint8_t *frame, size_t frame_size) {
    char key[FACT_KEY_SIZE];
    struct event told = {.kind = EVENT_OUTCOME};
    if (!text_equal(outcome->agent, member->topology->agents[agent].name)) {
        frame_refused(member, agent, "an outcome in another agent's name");
        return;
    }
    bool wanted = false;
    for (unsigned i = 0; i < member->wanted_n; i++) {
        const struct want_command *want = &member->wanted[i].want;
        wanted = wanted || (want->execution == outcome->execution && want->step == outcome->step &&
                            want->attempt == outcome->attempt && want->agent == agent);
    }
    /* What an interrupted drill left at work is wanted no more, and its end is news. */
    told.outcome.execution = outcome->execution;
    told.outcome.step = outcome->step;
    told.outcome.attempt = outcome->attempt;
    told.outcome.agent = agent;
    told.outcome.state = outcome->state;
    wanted = wanted || core_awaits_outcome(&member->core, &told);
    if (!wanted || outcome->state == OUTCOME_RUNNING) {
        return;
    }
    (void)text_format(key, sizeof key, "outcome/%" PRIu64 "/%u/%u/%u", outcome->execution,
                      outcome->step, outcome->attempt, agent);
    propose_frame(member, EVENT_OUTCOME, key, frame, frame_size);
}

static void on_agent_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                           size_t frame_size) {
    static struct message message;
    struct coordinator *member = owner;
    struct text256 why;
    if (!member->topology_known || from->kind != WIRE_AGENT ||
        from->index >= member->topology->agents_n) {
        return;
    }
    if (message_decode(frame, frame_size, member->scratch, MEMBER_SCRATCH_SIZE, &message, &why) !=
        ERR_OK) {
        frame_refused(member, from->index, why.at);
        return;
    }
    member->agents[from->index].heard_boot_ms = member_now_ms();
    member->agents[from->index].next_key = from->next;
    switch (message.kind) {
    case MESSAGE_QUESTION: on_question(member, from->index, &message.question); break;
    case MESSAGE_RELAY: on_relay(member, from->index, &message.relay); break;
    case MESSAGE_REPORT: on_report(member, from->index, &message, frame, frame_size); break;
    case MESSAGE_OUTCOME:
        on_outcome(member, from->index, &message.outcome, frame, frame_size);
        break;
    default: frame_refused(member, from->index, "a kind of frame that no agent sends"); break;
    }
}

static void on_notice(void *owner, const char *text) {
    (void)owner;
    log_event(LOG_WARNING, "wire.refused", "%s", text);
}

_Static_assert(2 * (AGENTS_MAX + OPERATORS_MAX) <= WIRE_KEYS_MAX, "each may have two keys");

/* One identity's key, and its next one if it has one. How many that are. */
static size_t allow(struct wire_identity *at, enum wire_identity_kind kind, uint8_t index,
                    const char *name, const uint8_t *key, const uint8_t *next) {
    size_t n = key_is_set(next) ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        at[i].kind = (uint8_t)kind;
        at[i].index = index;
        at[i].next = i > 0;
        (void)text_copy(at[i].name, NAME_SIZE, name);
        memcpy(at[i].curve_key, i > 0 ? next : key, KEY_SIZE);
    }
    return n;
}

enum err listen_allow(struct coordinator *member, struct text256 *reterr) {
    static struct wire_identity identities[WIRE_KEYS_MAX];
    const struct topology *topology = member->topology;
    size_t n = 0;
    memset(identities, 0, sizeof identities);
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct agent *agent = &topology->agents[a];
        n += allow(&identities[n], WIRE_AGENT, a, agent->name, agent->curve_key,
                   agent->curve_key_next);
    }
    for (uint8_t o = 0; o < topology->operators_n; o++) {
        const struct operator_entry *one = &topology->operators[o];
        n +=
            allow(&identities[n], WIRE_OPERATOR, o, one->name, one->curve_key, one->curve_key_next);
    }
    enum err err = wire_allow(member->wire, identities, n);
    if (err != ERR_OK) {
        text_say(reterr, "allow-list of %zu keys: %s", n, err_text(err));
    }
    return err;
}

enum err listen_start(struct coordinator *member, struct text256 *reterr) {
    wire_on_notice(member->wire, on_notice, member);
    const char *agents_address = member->conf->agents_listen;
    const char *operators_address = member->conf->operators_listen;
    enum err err = wire_serve(member->wire, agents_address, member->keys.curve_secret,
                              member->keys.curve_public, FRAME_AGENT_MAX, on_agent_frame, member,
                              &member->agents_server, reterr);
    if (err != ERR_OK) {
        return err;
    }
    return wire_serve(member->wire, operators_address, member->keys.curve_secret,
                      member->keys.curve_public, FRAME_CONFIG_MAX, operators_on_frame, member,
                      &member->operators_server, reterr);
}

void listen_stop(struct coordinator *member) {
    wire_server_close(member->agents_server);
    wire_server_close(member->operators_server);
    member->agents_server = NULL;
    member->operators_server = NULL;
}
