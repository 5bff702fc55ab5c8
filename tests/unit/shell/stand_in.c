#include "tests/unit/shell/stand_in.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/sign.h"
#include "proto/canon.h"
#include "tests/unit/topology/sample.h"

struct appended appended[APPENDED_MAX];
unsigned appended_n;
struct sent sent[SENT_MAX];
unsigned sent_n;
uint8_t agent_secret[AGENTS_MAX][KEY_SIZE];

/* ------------------------------------------------------------------- the log */

enum err log_open(uv_loop_t *loop, const struct log_config *config, const struct log_memory *memory,
                  const struct log_events *events, struct log **ret_log, struct text256 *reterr) {
    (void)loop;
    (void)config;
    (void)memory;
    (void)events;
    (void)ret_log;
    (void)reterr;
    return ERR_UNSUPPORTED;
}

void log_close(struct log *log) {
    (void)log;
}

void log_subscribe(struct log *log, uint64_t from) {
    (void)log;
    (void)from;
}

/* What a test made lives until the program ends: named here, it is no leak. */
static void *kept[4096];
static unsigned kept_n;

static void *keep(void *made) {
    ensure(made != NULL && kept_n < sizeof kept / sizeof kept[0]);
    kept[kept_n++] = made;
    return made;
}

void log_append(struct log *log, const char *key, const uint8_t *bytes, size_t size, void *owner,
                void (*done)(void *owner, enum err err, uint64_t index, bool existed)) {
    (void)log;
    ensure(appended_n < APPENDED_MAX);
    struct appended *at = &appended[appended_n++];
    (void)text_copy(at->key, sizeof at->key, key);
    at->bytes = keep(malloc(size));
    memcpy(at->bytes, bytes, size);
    at->size = size;
    at->owner = owner;
    at->done = done;
    at->answered = false;
    at->index = 0;
}

struct head_ask head_ask;

void log_head(struct log *log, void *owner,
              void (*done)(void *owner, enum err err, uint64_t index)) {
    (void)log;
    head_ask = (struct head_ask){head_ask.n + 1, owner, done};
}

void log_snapshot_store(struct log *log, uint64_t index, const uint8_t *bytes, size_t size,
                        void *owner, void (*done)(void *owner, enum err err)) {
    (void)log;
    (void)index;
    (void)bytes;
    (void)size;
    (void)owner;
    (void)done;
}

void log_snapshot_load(struct log *log, void *owner,
                       void (*done)(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                                    size_t size)) {
    (void)log;
    (void)owner;
    (void)done;
}

void log_compact(struct log *log, uint64_t index, void *owner,
                 void (*done)(void *owner, enum err err)) {
    (void)log;
    (void)index;
    (void)owner;
    (void)done;
}

struct log_memory log_memory_now(const struct log *log) {
    (void)log;
    return (struct log_memory){0};
}

void log_describe(const struct log *log, char *out, size_t out_size) {
    (void)log;
    (void)text_copy(out, out_size, "stand-in");
}

/* ------------------------------------------------------------------ the wire */

struct wire_server {
    WIRE_ON_FRAME(on_frame);
    void *owner;
};

static struct wire_server servers[2];
static unsigned servers_n;

enum err wire_open(uv_loop_t *loop, struct wire **ret_wire, struct text256 *reterr) {
    (void)loop;
    (void)ret_wire;
    (void)reterr;
    return ERR_UNSUPPORTED;
}

void wire_close(struct wire *wire) {
    (void)wire;
}

enum err wire_allow(struct wire *wire, const struct wire_identity *identities,
                    size_t identities_n) {
    (void)wire;
    (void)identities;
    (void)identities_n;
    return ERR_OK;
}

const struct wire_counters *wire_counters(const struct wire *wire) {
    static const struct wire_counters none;
    (void)wire;
    return &none;
}

void wire_on_notice(struct wire *wire, void (*notice)(void *owner, const char *text), void *owner) {
    (void)wire;
    (void)notice;
    (void)owner;
}

enum err wire_serve(struct wire *wire, const char *address, const uint8_t secret[KEY_SIZE],
                    const uint8_t public_key[KEY_SIZE], size_t frame_max, WIRE_ON_FRAME(on_frame),
                    void *owner, struct wire_server **ret_server, struct text256 *reterr) {
    (void)wire;
    (void)address;
    (void)secret;
    (void)public_key;
    (void)frame_max;
    (void)reterr;
    servers_n %= 2; /* a later member takes the places over */
    servers[servers_n] = (struct wire_server){.on_frame = on_frame, .owner = owner};
    *ret_server = &servers[servers_n++];
    return ERR_OK;
}

enum err wire_server_send(struct wire_server *server, enum wire_identity_kind kind, uint8_t index,
                          const uint8_t *frame, size_t frame_size) {
    (void)server;
    if (kind == WIRE_AGENT && sent_n < SENT_MAX && frame_size <= sizeof sent[0].bytes) {
        sent[sent_n].agent = index;
        sent[sent_n].size = frame_size;
        memcpy(sent[sent_n].bytes, frame, frame_size);
    }
    sent_n++;
    return ERR_OK;
}

enum err wire_server_answer(struct wire_server *server, uint64_t session, const uint8_t *frame,
                            size_t frame_size) {
    (void)server;
    (void)session;
    (void)frame;
    (void)frame_size;
    return ERR_OK;
}

bool wire_server_heard(const struct wire_server *server, enum wire_identity_kind kind,
                       uint8_t index, uint64_t within_ms) {
    (void)server;
    (void)kind;
    (void)index;
    (void)within_ms;
    return true;
}

const char *wire_server_address(const struct wire_server *server) {
    (void)server;
    return "";
}

void wire_server_close(struct wire_server *server) {
    (void)server;
}

void stand_in_frame(uint8_t agent, const struct message *message) {
    static uint8_t frame[FRAME_AGENT_MAX];
    struct wire_identity from = {.kind = WIRE_AGENT, .index = agent};
    size_t size = 0;
    enum err err = message_encode(message, frame, sizeof frame, &size);
    ensure(err == ERR_OK && servers[0].on_frame != NULL);
    servers[0].on_frame(servers[0].owner, &from, frame, size);
}

/* ---------------------------------------------------------------- the member */

struct coordinator *stand_in_member(const char *name) {
    struct coordinator *member = keep(calloc(1, sizeof *member));
    static struct coordinator_conf conf;
    uint8_t unused[KEY_SIZE];
    member->conf = &conf;
    member->topology = malloc(sizeof *member->topology);
    member->topology_next = malloc(sizeof *member->topology_next);
    member->scratch = malloc(MEMBER_SCRATCH_SIZE);
    member->inner_scratch = malloc(MEMBER_SCRATCH_SIZE);
    member->frame = malloc(MEMBER_FRAME_SIZE);
    member->fact_bytes = malloc(FACT_BYTES_MAX);
    ensure(member->topology != NULL && member->topology_next != NULL && member->scratch != NULL &&
           member->inner_scratch != NULL && member->frame != NULL && member->fact_bytes != NULL);
    const char *text = sample_text(NULL, NULL);
    (void)text_copy(member->topology_text, sizeof member->topology_text, text);
    member->topology_text_size = strlen(text);
    *member->topology = *sample_topology(NULL, NULL);
    member->topology->version = 1;
    for (uint8_t a = 0; a < member->topology->agents_n; a++) {
        if (agent_secret[a][0] == 0 && agent_secret[a][1] == 0) {
            enum err err = sign_keypair(agent_secret[a], unused);
            ensure(err == ERR_OK);
        }
        enum err err = sign_public_of(agent_secret[a], member->topology->agents[a].sign_key);
        ensure(err == ERR_OK);
    }
    enum err err = sign_keypair(member->keys.sign_secret, member->keys.sign_public);
    ensure(err == ERR_OK);
    (void)text_copy(member->keys.name, NAME_SIZE, name);
    member->index = topology_member(member->topology, name);
    ensure(member->index != NONE);
    core_init(&member->core);
    struct attest_durable nothing = {0};
    struct stamp now = {0};
    attest_init(&member->attest, &nothing, now);
    positions_init(&member->positions);
    member->log = (struct log *)(void *)member; /* only ever handed to the stand-in */
    member->topology_known = member->caught_up = member->log_reachable = true;
    member->started_boot_ms = member_now_ms();
    member->count.told_ms = member_now_ms();
    member->boot_id = 0xB001;
    struct event event = {.kind = EVENT_CONFIG};
    event.config.version = 1;
    (void)stand_in_step(member, &event);
    return member;
}

struct verdict stand_in_step(struct coordinator *member, struct event *event) {
    event->index = ++member->applied_index;
    return core_step(&member->core, member->topology, event);
}

void stand_in_serving(struct coordinator *member) {
    struct event event = {.kind = EVENT_TIMEKEEPER};
    event.timekeeper.member = 0;
    event.timekeeper.term = 1;
    (void)stand_in_step(member, &event);
    event = (struct event){.kind = EVENT_OPEN};
    event.open.epoch = 1;
    event.open.region = member->topology->initial_region;
    (void)stand_in_step(member, &event);
    for (uint8_t m = 0; m < member->topology->members_n; m++) {
        event = (struct event){.kind = EVENT_VIEW};
        event.view.member = m;
        event.view.attesting = 1;
        event.view.heard = (1u << member->topology->agents_n) - 1;
        (void)stand_in_step(member, &event);
    }
    ensure(member->core.open && member->core.epoch == 1);
}

void stand_in_failing_over(struct coordinator *member) {
    struct event event = {.kind = EVENT_REQUEST};
    event.request.kind = REQUEST_DECLARE;
    event.request.role = ROLE_COMMANDER;
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.plan = NONE;
    event.request.step = NONE;
    event.request.region = topology_region(member->topology, "west");
    event.request.identity[0] = 7;
    (void)stand_in_step(member, &event);
    event = (struct event){.kind = EVENT_CLOSE};
    event.close.epoch = 1;
    event.close.why = CLOSE_DECLARED;
    (void)stand_in_step(member, &event);
    event = (struct event){.kind = EVENT_OPEN};
    event.open.epoch = 2;
    event.open.region = topology_region(member->topology, "west");
    (void)stand_in_step(member, &event);
    ensure(member->core.open && member->core.epoch == 2);
    for (unsigned i = 0; i < 4; i++) {
        event = (struct event){.kind = EVENT_TICK};
        event.tick.elapsed_ms = 200;
        event.tick.wall_ms = 1795242000000 + i;
        (void)stand_in_step(member, &event);
    }
}

/* ----------------------------------------------------------- what was appended */

static enum event_kind kind_of(const struct appended *append) {
    static struct fact fact;
    struct text256 why;
    enum err err = fact_read(append->bytes, append->size, 1, &fact, &why);
    ensure(err == ERR_OK);
    return (enum event_kind)fact.event.kind;
}

struct appended *stand_in_appended(enum event_kind kind) {
    for (unsigned i = appended_n; i > 0; i--) {
        if (!appended[i - 1].answered && kind_of(&appended[i - 1]) == kind) {
            return &appended[i - 1];
        }
    }
    return NULL;
}

unsigned stand_in_appended_n(enum event_kind kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < appended_n; i++) {
        n += kind_of(&appended[i]) == kind;
    }
    return n;
}

void stand_in_answer(struct appended *append, enum err err) {
    append->answered = true;
    append->done(append->owner, err, append->index == 0 ? 1 : append->index, false);
}

uint64_t report_seq;

struct message *stand_in_report(const char *name) {
    static struct message message;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REPORT;
    (void)text_copy(message.report.agent, NAME_SIZE, name);
    message.report.boot = 1;
    message.report.seq = ++report_seq;
    message.report.config_version = 1;
    return &message;
}

void stand_in_send_report(uint8_t from, uint8_t signer, struct message *message) {
    static uint8_t body[FRAME_AGENT_MAX];
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    size_t body_size = 0;
    enum err err = report_body_encode(&message->report, body, sizeof body - 256, &body_size);
    ensure(err == ERR_OK);
    message->signed_at = body;
    message->signed_size = (uint32_t)body_size;
    digest_sha256(body, body_size, digest);
    size_t size = canon_report(digest, canon);
    err = sign_bytes(agent_secret[signer], canon, size, message->report_signature);
    ensure(err == ERR_OK);
    stand_in_frame(from, message);
}
