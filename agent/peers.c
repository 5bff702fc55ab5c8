/* Other regions' agents. Towards the active region this agent is a dumb pipe to the members
 * (questions are signed end to end) and the mouth of its own guard, which alone decides about
 * promises. */
#include <string.h>

#include "agent/agent.h"
#include "proto/canon.h"

#define CARRIED_A_SECOND_MAX 100

static bool is_promiser(const struct agent_program *agent, uint8_t a) {
    const struct agent *entry = &agent->pins->agents[a];
    return entry->gate && entry->guarded && entry->region != agent->region &&
           agent->pins->regions[entry->region].kind == REGION_DATA;
}

uint8_t peers_promisers_n(const struct agent_program *agent) {
    uint8_t n = 0;
    for (uint8_t a = 0; a < agent->pins->agents_n; a++) {
        n = (uint8_t)(n + is_promiser(agent, a));
    }
    return n;
}

uint8_t peers_promiser(const struct agent_program *agent, const char *name) {
    uint8_t place = 0;
    for (uint8_t a = 0; a < agent->pins->agents_n; a++) {
        if (!is_promiser(agent, a)) {
            continue;
        }
        if (text_equal(agent->pins->agents[a].name, name)) {
            return place;
        }
        place++;
    }
    return NONE;
}

/* A promise extends a lease only when every gate guard of the others gave it, and this guard asks
 * those of its pins: one that joined since might take the next lease without having promised. */
bool peers_all_asked(const struct agent_program *agent) {
    const struct topology *there = agent->topology;
    for (uint8_t a = 0; a < there->agents_n; a++) {
        const struct agent *entry = &there->agents[a];
        const struct region *region = &there->regions[entry->region];
        if (!entry->gate || !entry->guarded || region->kind != REGION_DATA ||
            text_equal(region->name, agent->pins->regions[agent->region].name)) {
            continue;
        }
        uint8_t pinned = topology_agent(agent->pins, entry->name);
        if (pinned == NONE || !is_promiser(agent, pinned) ||
            !agent_same_guard(&agent->pins->agents[pinned], entry)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------- asking others */

void peers_relay(struct agent_program *agent, uint8_t member, const uint8_t *frame,
                 size_t frame_size) {
    static struct message message;
    static uint8_t out[FRAME_AGENT_MAX];
    size_t size = 0;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_RELAY;
    (void)text_copy(message.relay.member, NAME_SIZE, agent->pins->members[member].name);
    message.relay.frame = frame;
    message.relay.frame_size = (uint32_t)frame_size;
    if (message_encode(&message, out, sizeof out, &size) != ERR_OK) {
        return;
    }
    for (unsigned p = 0; p < agent->peers_n; p++) {
        (void)wire_client_send(agent->peers[p].client, out, size);
    }
}

void peers_ask_promises(struct agent_program *agent, const uint8_t *frame, size_t frame_size) {
    for (unsigned p = 0; p < agent->peers_n; p++) {
        if (is_promiser(agent, agent->peers[p].agent_index)) {
            (void)wire_client_send(agent->peers[p].client, frame, frame_size);
        }
    }
}

/* What a peer sends back: a member's answer that it carried, or its guard's promise. */
static void on_peer_answer(void *owner, const struct wire_identity *from, const uint8_t *frame,
                           size_t frame_size) {
    static struct message message, inner;
    struct peer_link *link = owner;
    struct agent_program *agent = link->agent;
    (void)from;
    if (message_decode(frame, frame_size, agent->scratch, AGENT_SCRATCH_SIZE, &message, NULL) !=
        ERR_OK) {
        agent->frames_refused_n++;
        return;
    }
    if (message.kind == MESSAGE_ANSWER && message.answer.purpose == PURPOSE_PROMISE) {
        rounds_promise(agent, link->agent_index, &message.answer);
        return;
    }
    uint8_t member =
        message.kind == MESSAGE_RELAY ? topology_member(agent->pins, message.relay.member) : NONE;
    if (member == NONE ||
        message_decode(message.relay.frame, message.relay.frame_size, agent->inner_scratch,
                       AGENT_SCRATCH_SIZE, &inner, NULL) != ERR_OK ||
        inner.kind != MESSAGE_ANSWER) {
        agent->frames_refused_n++;
        return;
    }
    rounds_answer(agent, member, &inner.answer);
}

/* ---------------------------------------------------------- serving the others */

struct promise_wait {
    struct agent_program *agent;
    bool used;
    uint8_t asker; /* agent index in the pins */
    struct question question;
};

static struct promise_wait promise_waits[8];

static void on_promise(void *owner, const struct guard_answer *answer) {
    static struct message message;
    struct promise_wait *wait = owner;
    struct agent_program *agent = wait->agent;
    size_t size = 0;
    wait->used = false;
    if (answer == NULL || answer->err != ERR_OK || agent->peer_server == NULL) {
        return;
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_ANSWER;
    (void)text_copy(message.answer.from, NAME_SIZE, agent->keys.name);
    (void)text_copy(message.answer.agent, NAME_SIZE, wait->question.agent);
    message.answer.purpose = PURPOSE_PROMISE;
    message.answer.epoch = wait->question.epoch;
    memcpy(message.answer.nonce, wait->question.nonce, NONCE_SIZE);
    message.answer.refusal = answer->refusal;
    message.answer.newest_epoch = answer->accepted_epoch;
    memcpy(message.answer.signature, answer->signature, SIGNATURE_SIZE);
    if (answer->refusal == REFUSAL_NONE) {
        agent->report_now = true;
    }
    if (message_encode(&message, agent->frame, FRAME_AGENT_MAX, &size) == ERR_OK) {
        (void)wire_server_send(agent->peer_server, WIRE_AGENT, wait->asker, agent->frame, size);
    }
}

static void ask_own_guard(struct agent_program *agent, uint8_t asker,
                          const struct question *question) {
    static struct guard_request request;
    if (agent->guard == NULL || !text_equal(question->agent, agent->pins->agents[asker].name)) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        struct promise_wait *wait = &promise_waits[i];
        if (wait->used) {
            continue;
        }
        memset(&request, 0, sizeof request);
        request.call = GUARD_PROMISE;
        request.epoch = question->epoch;
        struct certificate carrier = {.question = *question};
        size_t size = certificate_write(&carrier, request.body, sizeof request.body);
        request.body_size = (uint16_t)size;
        wait->agent = agent;
        wait->asker = asker;
        wait->question = *question;
        wait->used =
            size > 0 && guard_link_call(agent->guard, &request, wait, on_promise) == ERR_OK;
        return;
    }
}

/* The members know this agent by its key: what it carries for others counts as its own. More
 * than an agent in need sends (ten rounds a second to each member) is not carried. */
static bool budget_left(struct peer_budget *budget) {
    uint64_t now_ms = agent_now_ms();
    if (now_ms - budget->since_ms >= 1000) {
        *budget = (struct peer_budget){.since_ms = now_ms};
    }
    return budget->spent_n++ < CARRIED_A_SECOND_MAX;
}

/* Only the asker's own question, whole: not whatever it once recorded. */
static bool worth_carrying(struct agent_program *agent, uint8_t asker, const struct relay *relay) {
    static struct message inner;
    return message_decode(relay->frame, relay->frame_size, agent->inner_scratch, AGENT_SCRATCH_SIZE,
                          &inner, NULL) == ERR_OK &&
           inner.kind == MESSAGE_QUESTION && inner.question.purpose == PURPOSE_LEASE &&
           text_equal(inner.question.agent, agent->pins->agents[asker].name);
}

static void carry_to_member(struct agent_program *agent, const struct relay *relay) {
    uint8_t member = topology_member(agent->pins, relay->member);
    static struct message message;
    static uint8_t out[FRAME_AGENT_MAX];
    size_t size = 0;
    if (member == NONE) {
        return;
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_RELAY;
    message.relay = *relay;
    if (message_encode(&message, out, sizeof out, &size) == ERR_OK) {
        (void)wire_client_send(agent->members[member].client, out, size);
    }
}

static void on_peer_asks(void *owner, const struct wire_identity *from, const uint8_t *frame,
                         size_t frame_size) {
    static struct message message;
    struct agent_program *agent = owner;
    if (from->kind != WIRE_AGENT || from->index >= agent->pins->agents_n ||
        message_decode(frame, frame_size, agent->scratch, AGENT_SCRATCH_SIZE, &message, NULL) !=
            ERR_OK) {
        agent->frames_refused_n++;
        return;
    }
    if (!budget_left(&agent->peer_budgets[from->index])) {
        agent->frames_refused_n++;
    } else if (message.kind == MESSAGE_RELAY &&
               worth_carrying(agent, from->index, &message.relay)) {
        carry_to_member(agent, &message.relay);
    } else if (message.kind == MESSAGE_QUESTION && message.question.purpose == PURPOSE_PROMISE) {
        ask_own_guard(agent, from->index, &message.question);
    } else {
        agent->frames_refused_n++;
    }
}

void peers_carry_back(struct agent_program *agent, const struct relay *relay) {
    static struct message inner, message;
    static uint8_t out[FRAME_AGENT_MAX];
    size_t size = 0;
    if (message_decode(relay->frame, relay->frame_size, agent->inner_scratch, AGENT_SCRATCH_SIZE,
                       &inner, NULL) != ERR_OK ||
        inner.kind != MESSAGE_ANSWER) {
        return;
    }
    uint8_t asker = topology_agent(agent->pins, inner.answer.agent);
    if (asker == NONE || agent->peer_server == NULL) {
        return;
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_RELAY;
    message.relay = *relay;
    if (message_encode(&message, out, sizeof out, &size) == ERR_OK) {
        (void)wire_server_send(agent->peer_server, WIRE_AGENT, asker, out, size);
    }
}

/* ----------------------------------------------------------------- start, stop */

static void allow_key(struct wire_identity *identity, uint8_t index, const struct agent *entry,
                      bool next) {
    identity->kind = WIRE_AGENT;
    identity->index = index;
    identity->next = next;
    (void)text_copy(identity->name, NAME_SIZE, entry->name);
    memcpy(identity->curve_key, next ? entry->curve_key_next : entry->curve_key, KEY_SIZE);
}

static enum err allow_peers(struct agent_program *agent) {
    static struct wire_identity identities[2 * AGENTS_MAX];
    size_t n = 0;
    memset(identities, 0, sizeof identities);
    for (uint8_t a = 0; a < agent->pins->agents_n; a++) {
        if (agent->pins->agents[a].region == agent->region) {
            continue;
        }
        allow_key(&identities[n++], a, &agent->pins->agents[a], false);
        allow_key(&identities[n++], a, &agent->pins->agents[a], true);
    }
    return wire_allow(agent->wire, identities, n);
}

enum err peers_start(struct agent_program *agent, struct text256 *reterr) {
    enum err err = allow_peers(agent);
    if (err != ERR_OK) {
        text_say(reterr, "peers: %s", err_text(err));
        return err;
    }
    if (agent->conf->peer_listen[0] != '\0') {
        err = wire_serve(agent->wire, agent->conf->peer_listen, agent->keys.curve_secret,
                         agent->keys.curve_public, FRAME_AGENT_MAX, on_peer_asks, agent,
                         &agent->peer_server, reterr);
        if (err != ERR_OK) {
            return err;
        }
    }
    for (uint8_t a = 0; a < agent->pins->agents_n && agent->peers_n < PEERS_MAX; a++) {
        const struct agent *entry = &agent->pins->agents[a];
        bool other = entry->region != agent->region && entry->peer_address[0] != '\0';
        if (!other || !agent->pins->agents[agent->me].guarded) {
            continue;
        }
        struct peer_link *link = &agent->peers[agent->peers_n];
        link->agent = agent;
        link->agent_index = a;
        err = wire_connect(agent->wire, entry->peer_address, entry->curve_key,
                           agent->keys.curve_secret, agent->keys.curve_public, FRAME_AGENT_MAX,
                           on_peer_answer, link, &link->client, reterr);
        if (err != ERR_OK) {
            return err;
        }
        wire_client_next_key(link->client, entry->curve_key_next);
        agent->peers_n++;
    }
    return ERR_OK;
}

void peers_stop(struct agent_program *agent) {
    for (unsigned p = 0; p < agent->peers_n; p++) {
        wire_client_close(agent->peers[p].client);
    }
    agent->peers_n = 0;
    wire_server_close(agent->peer_server);
    agent->peer_server = NULL;
}
