/* An agent's stolen key. Words:
 *   numbers LEASE WAIT PROMISE          what the next questions claim
 *   question REGION AGENT PURPOSE EPOCH to every member, signed by our key (purpose lease|command)
 *   relay REGION AGENT PURPOSE EPOCH    the same, as if carried for that agent
 *   report AGENT                        a report in that name
 *   checks STATUS FROM TO               our own report, about checks FROM..TO-1, whosever they are
 *   positions LINK KIND POSITION        our own report with a replication position
 *   outcome EXECUTION STEP ATTEMPT STATE
 *   replay FILE                         recorded frames of agents: as they are, and carried
 *   flood PER_SECOND SECONDS            questions to every member
 *   peer ADDRESS AGENT                  connects to another region's agent
 *   peer-flood PER_SECOND SECONDS       frames for it to carry to the members
 *   stats */
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/sign.h"
#include "proto/canon.h"
#include "tests/integration/adversary/rogue.h"

struct link_to {
    struct rogue *rogue;
    const char *name;
    struct wire_client *client;
};

static struct link_to members[MEMBERS_MAX];
static struct link_to peer;
static uint32_t lease_ms, wait_ms, promise_ms;
static uint64_t seq = 1;
static uint32_t config_version = 1;
static unsigned yes_n, answers_n, acks_n, commands_n, sent_n, unsent_n;

static struct {
    uv_timer_t timer;
    bool to_peer;
    unsigned left_n, each_n;
    uint8_t frame[FRAME_AGENT_MAX];
    size_t size;
} flood;

static void say_answer(const struct link_to *link, const struct answer *answer, bool carried) {
    answers_n++;
    yes_n += answer->refusal == REFUSAL_NONE;
    rogue_say("answer member=%s carried=%d epoch=%llu purpose=%u yes=%d why=%s", link->name,
              carried, (unsigned long long)answer->epoch, answer->purpose,
              answer->refusal == REFUSAL_NONE, refusal_text((enum refusal)answer->refusal));
}

static void on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                     size_t frame_size) {
    static struct message inner;
    struct link_to *link = owner;
    (void)from;
    const struct message *message = rogue_decode(link->rogue, frame, frame_size);
    if (message == NULL) {
        return;
    }
    if (message->kind == MESSAGE_ANSWER) {
        say_answer(link, &message->answer, false);
    } else if (message->kind == MESSAGE_REPORT_ACK) {
        acks_n++;
        rogue_say("ack member=%s seq=%llu epoch=%llu owner=%s", link->name,
                  (unsigned long long)message->report_ack.seq,
                  (unsigned long long)message->report_ack.epoch, message->report_ack.owner);
    } else if (message->kind == MESSAGE_COMMAND) {
        commands_n++;
    } else if (message->kind == MESSAGE_CONFIG) {
        config_version = message->config.version;
    } else if (message->kind == MESSAGE_RELAY &&
               message_decode(message->relay.frame, message->relay.frame_size,
                              link->rogue->inner_scratch, SCRATCH_SIZE, &inner, NULL) == ERR_OK &&
               inner.kind == MESSAGE_ANSWER) {
        say_answer(link, &inner.answer, true);
    }
}

static void to_members(const struct rogue *rogue, const uint8_t *frame, size_t size) {
    for (uint8_t m = 0; m < rogue->pins->members_n; m++) {
        if (wire_client_send(members[m].client, frame, size) == ERR_OK) {
            sent_n++;
        } else {
            unsent_n++;
        }
    }
}

static void tell(struct rogue *rogue, const struct message *message) {
    size_t size = 0;
    if (message_encode(message, rogue->frame, FRAME_AGENT_MAX, &size) == ERR_OK) {
        to_members(rogue, rogue->frame, size);
    } else {
        rogue_say("not encoded: kind %u", message->kind);
    }
}

static void carry(struct rogue *rogue, uint8_t member, const uint8_t *frame, size_t frame_size,
                  uint8_t *ret_frame, size_t *ret_size) {
    static struct message message;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_RELAY;
    (void)text_copy(message.relay.member, NAME_SIZE, rogue->pins->members[member].name);
    message.relay.frame = frame;
    message.relay.frame_size = (uint32_t)frame_size;
    if (message_encode(&message, ret_frame, FRAME_AGENT_MAX, ret_size) != ERR_OK) {
        *ret_size = 0;
    }
}

static void carry_to_all(struct rogue *rogue, const uint8_t *frame, size_t frame_size) {
    static uint8_t out[FRAME_AGENT_MAX];
    for (uint8_t m = 0; m < rogue->pins->members_n; m++) {
        size_t size = 0;
        carry(rogue, m, frame, frame_size, out, &size);
        if (size > 0 && wire_client_send(members[m].client, out, size) == ERR_OK) {
            sent_n++;
        }
    }
}

/* ------------------------------------------------------------------ questions */

static size_t question_frame(struct rogue *rogue, char *words[WORDS_MAX], uint8_t *out) {
    static struct message message;
    uint8_t canon[CANON_MAX];
    size_t size = 0;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_QUESTION;
    struct question *question = &message.question;
    (void)text_copy(question->cluster, NAME_SIZE, rogue->pins->cluster);
    (void)text_copy(question->region, NAME_SIZE, words[1]);
    (void)text_copy(question->agent, NAME_SIZE, words[2]);
    question->purpose = text_equal(words[3], "lease") ? PURPOSE_LEASE : PURPOSE_COMMAND;
    question->epoch = rogue_number(words[4]);
    question->lease_ms = lease_ms;
    question->wait_ms = wait_ms;
    question->promise_ms = promise_ms;
    question->config_version = config_version;
    random_bytes(question->nonce, NONCE_SIZE);
    if (question->purpose == PURPOSE_COMMAND) {
        random_bytes(question->digest, DIGEST_SIZE);
    }
    size_t canon_size = canon_question(question, canon);
    enum err err = sign_bytes(rogue->keys.sign_secret, canon, canon_size, question->signature);
    ensure(err == ERR_OK);
    err = message_encode(&message, out, FRAME_AGENT_MAX, &size);
    ensure(err == ERR_OK);
    return size;
}

static bool obey_question(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static uint8_t frame[FRAME_AGENT_MAX];
    if (words_n < 5) {
        return false;
    }
    size_t size = question_frame(rogue, words, frame);
    if (text_equal(words[0], "relay")) {
        carry_to_all(rogue, frame, size);
    } else {
        to_members(rogue, frame, size);
    }
    rogue_say("asked");
    return true;
}

/* ------------------------------------------------------------ reports, outcomes */

static bool report_send(struct rogue *rogue, struct message *message) {
    static uint8_t body[FRAME_AGENT_MAX];
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    size_t body_size = 0;
    message->kind = MESSAGE_REPORT;
    message->report.boot = UINT64_MAX / 2; /* above every honest start: the worst it can say */
    message->report.seq = seq++;
    message->report.wall_ms = clock_wall_ms();
    message->report.config_version = config_version;
    if (report_body_encode(&message->report, body, sizeof body - 256, &body_size) != ERR_OK) {
        return false;
    }
    message->signed_at = body;
    message->signed_size = (uint32_t)body_size;
    digest_sha256(body, body_size, digest);
    size_t size = canon_report(digest, canon);
    enum err err = sign_bytes(rogue->keys.sign_secret, canon, size, message->report_signature);
    ensure(err == ERR_OK);
    tell(rogue, message);
    rogue_say("reported as %s", message->report.agent);
    return true;
}

static bool obey_report(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static struct message message;
    struct report *report = &message.report;
    memset(&message, 0, sizeof message);
    (void)text_copy(report->agent, NAME_SIZE, rogue->keys.name);
    if (text_equal(words[0], "report") && words_n == 2) {
        (void)text_copy(report->agent, NAME_SIZE, words[1]);
    } else if (text_equal(words[0], "checks") && words_n == 4) {
        for (uint64_t c = rogue_number(words[2]); c < rogue_number(words[3]); c++) {
            report->checks[report->checks_n].check = (uint16_t)c;
            report->checks[report->checks_n].status = (uint8_t)rogue_number(words[1]);
            report->checks[report->checks_n].role = STORE_STANDBY;
            report->checks_n++;
        }
    } else if (text_equal(words[0], "positions") && words_n == 4) {
        report->positions_n = 1;
        report->positions[0].link = (uint8_t)rogue_number(words[1]);
        report->positions[0].kind = (uint8_t)rogue_number(words[2]);
        report->positions[0].position = rogue_number(words[3]);
        report->positions[0].wall_ms = clock_wall_ms();
    } else {
        return false;
    }
    return report_send(rogue, &message);
}

static bool obey_outcome(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static struct message message;
    uint8_t canon[CANON_MAX];
    if (words_n < 5) {
        return false;
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_OUTCOME;
    struct outcome *outcome = &message.outcome;
    (void)text_copy(outcome->agent, NAME_SIZE, rogue->keys.name);
    outcome->execution = rogue_number(words[1]);
    outcome->step = (uint8_t)rogue_number(words[2]);
    outcome->attempt = (uint16_t)rogue_number(words[3]);
    outcome->state = (uint8_t)rogue_number(words[4]);
    outcome->wall_ms = clock_wall_ms();
    size_t size = canon_outcome(rogue->pins->cluster, outcome, canon);
    enum err err = sign_bytes(rogue->keys.sign_secret, canon, size, outcome->signature);
    ensure(err == ERR_OK);
    tell(rogue, &message);
    rogue_say("told an outcome");
    return true;
}

/* ---------------------------------------------------------------- replay, floods */

static bool obey_replay(struct rogue *rogue, const char *path) {
    static struct records records;
    unsigned direct_n = 0, carried_n = 0;
    if (!records_load(&records, path)) {
        return false;
    }
    for (size_t i = 0; i < records.n; i++) {
        const struct record *record = &records.at[i];
        if (record->sent) {
            continue;
        }
        to_members(rogue, record->bytes, record->size);
        direct_n++;
        const struct message *message = rogue_decode(rogue, record->bytes, record->size);
        if (message != NULL && message->kind == MESSAGE_QUESTION) {
            carry_to_all(rogue, record->bytes, record->size);
            carried_n++;
        }
    }
    rogue_say("replayed direct=%u carried=%u", direct_n, carried_n);
    return true;
}

static void on_flood(uv_timer_t *timer) {
    struct rogue *rogue = timer->data;
    for (unsigned i = 0; i < flood.each_n; i++) {
        if (!flood.to_peer) {
            to_members(rogue, flood.frame, flood.size);
        } else if (wire_client_send(peer.client, flood.frame, flood.size) == ERR_OK) {
            sent_n++;
        } else {
            unsent_n++;
        }
    }
    if (--flood.left_n == 0) {
        (void)uv_timer_stop(timer);
        rogue_say("flooded sent=%u unsent=%u", sent_n, unsent_n);
    }
}

static bool obey_flood(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    static uint8_t inner[FRAME_AGENT_MAX];
    uint8_t me = topology_agent(rogue->pins, rogue->keys.name);
    char region[NAME_SIZE], purpose[] = "lease", epoch[] = "1", name[NAME_SIZE];
    if (words_n < 3 || me == NONE) {
        return false;
    }
    (void)text_copy(region, sizeof region,
                    rogue->pins->regions[rogue->pins->agents[me].region].name);
    (void)text_copy(name, sizeof name, rogue->keys.name);
    char *question[WORDS_MAX] = {words[0], region, name, purpose, epoch};
    size_t size = question_frame(rogue, question, inner);
    flood.to_peer = text_equal(words[0], "peer-flood");
    memcpy(flood.frame, inner, size);
    flood.size = size;
    if (flood.to_peer) {
        carry(rogue, 0, inner, size, flood.frame, &flood.size);
    }
    flood.each_n = (unsigned)rogue_number(words[1]) / 50;
    flood.left_n = (unsigned)rogue_number(words[2]) * 50;
    flood.timer.data = rogue;
    (void)uv_timer_start(&flood.timer, on_flood, 0, 20);
    rogue_say("flooding");
    return true;
}

static bool link_open(struct rogue *rogue, struct link_to *link, const char *name,
                      const char *address, const uint8_t key[KEY_SIZE]) {
    struct text256 why = {{0}};
    link->rogue = rogue;
    link->name = name;
    if (wire_connect(rogue->wire, address, key, rogue->keys.curve_secret, rogue->keys.curve_public,
                     FRAME_CONFIG_MAX, on_frame, link, &link->client, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return false;
    }
    return true;
}

static bool obey_peer(struct rogue *rogue, const char *address, const char *name) {
    uint8_t agent = topology_agent(rogue->pins, name);
    if (agent == NONE || !link_open(rogue, &peer, rogue->pins->agents[agent].name, address,
                                    rogue->pins->agents[agent].curve_key)) {
        return false;
    }
    rogue_say("peer");
    return true;
}

static void say_stats(const struct rogue *rogue) {
    unsigned connected_n = 0;
    for (uint8_t m = 0; m < rogue->pins->members_n; m++) {
        connected_n += wire_client_connected(members[m].client);
    }
    rogue_say("stats connected=%u peer=%d answers=%u yes=%u acks=%u commands=%u", connected_n,
              peer.client != NULL && wire_client_connected(peer.client), answers_n, yes_n, acks_n,
              commands_n);
}

static bool obey(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    if (text_equal(words[0], "numbers") && words_n == 4) {
        lease_ms = (uint32_t)rogue_number(words[1]);
        wait_ms = (uint32_t)rogue_number(words[2]);
        promise_ms = (uint32_t)rogue_number(words[3]);
        rogue_say("numbers");
        return true;
    }
    if (text_equal(words[0], "stats")) {
        say_stats(rogue);
        return true;
    }
    if (text_equal(words[0], "question") || text_equal(words[0], "relay")) {
        return obey_question(rogue, words_n, words);
    }
    if (text_equal(words[0], "flood") || text_equal(words[0], "peer-flood")) {
        return obey_flood(rogue, words_n, words);
    }
    if (text_equal(words[0], "outcome")) {
        return obey_outcome(rogue, words_n, words);
    }
    if (text_equal(words[0], "replay")) {
        return words_n == 2 && obey_replay(rogue, words[1]);
    }
    if (text_equal(words[0], "peer")) {
        return words_n == 3 && obey_peer(rogue, words[1], words[2]);
    }
    return obey_report(rogue, words_n, words);
}

bool rogue_agent_start(struct rogue *rogue) {
    lease_ms = rogue->pins->lease.lease_ms;
    wait_ms = topology_wait_ms(&rogue->pins->lease);
    promise_ms = rogue->pins->lease.promise_ms;
    rogue->obey = obey;
    (void)uv_timer_init(rogue->loop, &flood.timer);
    for (uint8_t m = 0; m < rogue->pins->members_n; m++) {
        const struct member *member = &rogue->pins->members[m];
        if (!link_open(rogue, &members[m], member->name, member->agents_address,
                       member->curve_key)) {
            return false;
        }
    }
    return true;
}
