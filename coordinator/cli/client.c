/* Asking the members. A question goes to all at once and the first good answer counts; a request
 * goes to one and, unanswered for 3 s, to the next, as the very same bytes: its identity makes
 * it be done once. Connections stay open while the program runs, so that --watch does not knock
 * each second. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire.h"
#include "coordinator/cli/cli.h"
#include "proto/canon.h"

#define TURN_MS 3000           /* before the next member gets the same request */
#define REQUEST_ALL_MS 15000   /* of a request, when --timeout says nothing else */
#define REQUEST_LIFE_MS 300000 /* not_after */
#define LAGGARD_MS 400 /* the answer of a member that lags waits this long for a better one */
#define SCRATCH_SIZE (4 * 1024 * 1024)
#define TIMER_MS 5

struct asked_member {
    struct client *client;
    struct wire_client *wire;
    uint64_t sent_ms; /* 0: not sent */
    bool answered;
    struct client_reply reply;
};

struct client {
    uv_loop_t loop;
    uv_timer_t timer;
    struct wire *wire;
    struct session *session;
    struct asked_member members[MEMBERS_MAX];
    uint8_t *scratch;

    enum { ASK_FIRST, ASK_EVERYBODY, ASK_MAJORITY, ASK_IN_TURN } way;
    const char *what;                  /* questions: replies to others are not ours */
    char identity[2 * NONCE_SIZE + 1]; /* requests: the same */
    uint8_t *frame;
    size_t frame_size;
    uint64_t deadline_ms, fallback_ms, turn_ms;
    uint64_t connect_by_ms; /* requests: nobody could be reached at all by then */
    bool over;
};

static bool asked(const struct client *client, uint8_t member) {
    const char *at = client->session->line->at;
    return client->members[member].wire != NULL &&
           (at == NULL || text_equal(client->session->pins->members[member].name, at));
}

/* An answer that nothing better than it can follow. */
static bool is_good(const struct client *client, const struct client_reply *reply) {
    if (client->way == ASK_IN_TURN) {
        return reply->exit_code != EXIT_NO_QUORUM;
    }
    return json_is_true(json_object_get(reply->json, "caught_up"));
}

static bool finished(const struct client *client) {
    bool all = true, good = false;
    unsigned good_n = 0;
    for (uint8_t m = 0; m < client->session->pins->members_n; m++) {
        const struct asked_member *member = &client->members[m];
        all = all && (!asked(client, m) || member->answered);
        good = good || (member->answered && is_good(client, &member->reply));
        good_n += member->answered && is_good(client, &member->reply);
    }
    if (client->way == ASK_EVERYBODY) {
        return all;
    }
    if (client->way == ASK_MAJORITY) {
        return all || good_n >= majority_of(client->session->pins->members_n);
    }
    bool waited = client->way == ASK_FIRST && client->fallback_ms != 0 &&
                  clock_boot_ms() >= client->fallback_ms;
    return all || good || waited;
}

static bool is_ours(const struct client *client, const json_t *json) {
    if (client->way == ASK_IN_TURN) {
        const char *identity = json_string_value(json_object_get(json, "request"));
        return identity != NULL && text_equal(identity, client->identity);
    }
    const char *what = json_string_value(json_object_get(json, "what"));
    return what != NULL && client->what != NULL && text_equal(what, client->what);
}

static void on_reply(void *owner, const struct wire_identity *from, const uint8_t *frame,
                     size_t frame_size) {
    static struct message message;
    struct asked_member *member = owner;
    struct client *client = member->client;
    (void)from;
    if (client->over || member->answered || member->sent_ms == 0 ||
        message_decode(frame, frame_size, client->scratch, SCRATCH_SIZE, &message, NULL) !=
            ERR_OK ||
        message.kind != MESSAGE_REPLY) {
        return;
    }
    json_t *json = json_loadb(message.reply.json, message.reply.json_size, 0, NULL);
    if (json == NULL || !is_ours(client, json)) {
        json_decref(json);
        return;
    }
    member->answered = true;
    member->reply.exit_code = message.reply.exit_code;
    member->reply.json = json;
    (void)text_copy(member->reply.member, NAME_SIZE, message.reply.member);
    if (client->fallback_ms == 0) {
        client->fallback_ms = clock_boot_ms() + LAGGARD_MS;
    }
    if (client->way == ASK_IN_TURN) {
        client->turn_ms = 0; /* a member that can decide nothing: the next one at once */
    }
}

static void send_to(struct asked_member *member) {
    const struct client *client = member->client;
    if (wire_client_send(member->wire, client->frame, client->frame_size) == ERR_OK) {
        member->sent_ms = clock_boot_ms();
    }
}

static void send_in_turn(struct client *client, uint64_t now_ms) {
    if (client->turn_ms != 0 && now_ms - client->turn_ms < TURN_MS) {
        return;
    }
    for (uint8_t m = 0; m < client->session->pins->members_n; m++) {
        struct asked_member *member = &client->members[m];
        if (asked(client, m) && member->sent_ms == 0) {
            send_to(member);
            if (member->sent_ms != 0) {
                client->turn_ms = now_ms;
                return;
            }
        }
    }
}

static void on_timer(uv_timer_t *timer) {
    struct client *client = timer->data;
    uint64_t now_ms = clock_boot_ms();
    if (!client->over && client->way == ASK_IN_TURN) {
        send_in_turn(client, now_ms);
    }
    for (uint8_t m = 0;
         !client->over && client->way != ASK_IN_TURN && m < client->session->pins->members_n; m++) {
        if (asked(client, m) && client->members[m].sent_ms == 0) {
            send_to(&client->members[m]);
        }
    }
    bool nobody = !client->over && client->way == ASK_IN_TURN && client->turn_ms == 0 &&
                  client->fallback_ms == 0 && now_ms >= client->connect_by_ms;
    if (nobody || now_ms >= client->deadline_ms || (!client->over && finished(client))) {
        uv_stop(&client->loop);
    }
}

/* -------------------------------------------------------------------- open, close */

static struct client *client_open(struct session *session) {
    struct text256 why = {{0}};
    struct client *client = calloc(1, sizeof *client);
    ensure(client != NULL);
    client->session = session;
    client->scratch = malloc(SCRATCH_SIZE);
    client->frame = malloc(FRAME_CONFIG_MAX);
    ensure(client->scratch != NULL && client->frame != NULL);
    int rc = uv_loop_init(&client->loop);
    ensure(rc == 0);
    client->timer.data = client;
    (void)uv_timer_init(&client->loop, &client->timer);
    if (wire_open(&client->loop, &client->wire, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover: %s\n", why.at);
        client->wire = NULL;
    }
    for (uint8_t m = 0; client->wire != NULL && m < session->pins->members_n; m++) {
        const struct member *entry = &session->pins->members[m];
        client->members[m].client = client;
        if (wire_connect(client->wire, entry->operators_address, entry->curve_key,
                         session->keys.curve_secret, session->keys.curve_public, FRAME_ANSWER_MAX,
                         on_reply, &client->members[m], &client->members[m].wire, &why) != ERR_OK) {
            (void)fprintf(stderr, "drover: member %s: %s\n", entry->name, why.at);
            continue;
        }
        wire_client_next_key(client->members[m].wire, entry->curve_key_next);
    }
    return client;
}

static void on_closed(uv_handle_t *handle) {
    (void)handle;
}

void client_close(struct session *session) {
    struct client *client = session->client;
    if (client == NULL) {
        return;
    }
    session->client = NULL;
    client->over = true;
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        wire_client_close(client->members[m].wire);
    }
    wire_close(client->wire);
    uv_close((uv_handle_t *)&client->timer, on_closed);
    (void)uv_run(&client->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&client->loop);
    free(client->scratch);
    free(client->frame);
    free(client);
}

/* --------------------------------------------------------------------------- asking */

static uint32_t question_ms(const struct session *session) {
    return session->line->timeout_ms != 0 ? session->line->timeout_ms : session->conf.timeout_ms;
}

static void run_until(struct client *client, uint32_t ms) {
    client->deadline_ms = clock_boot_ms() + ms;
    (void)uv_timer_start(&client->timer, on_timer, 0, TIMER_MS);
    (void)uv_run(&client->loop, UV_RUN_DEFAULT);
    (void)uv_timer_stop(&client->timer);
}

static bool ask_members(struct session *session, const struct message *message, uint32_t ms) {
    struct client *client = session->client;
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        client->members[m].sent_ms = 0;
        client->members[m].answered = false;
        client->members[m].reply = (struct client_reply){.exit_code = EXIT_NO_QUORUM};
    }
    client->fallback_ms = 0;
    client->turn_ms = 0;
    client->over = false;
    if (client->wire == NULL) {
        return false;
    }
    if (message_encode(message, client->frame, FRAME_CONFIG_MAX, &client->frame_size) != ERR_OK) {
        (void)fprintf(stderr, "drover: this does not fit a frame of %d bytes\n", FRAME_CONFIG_MAX);
        return false;
    }
    client->connect_by_ms = clock_boot_ms() + question_ms(session);
    run_until(client, ms);
    client->over = true;
    return true;
}

/* The good one, else any; the others are given back. */
static struct client_reply best_reply(struct client *client) {
    struct client_reply best = {.exit_code = EXIT_NO_QUORUM};
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        struct asked_member *member = &client->members[m];
        if (!member->answered) {
            continue;
        }
        bool better =
            best.json == NULL || (!is_good(client, &best) && is_good(client, &member->reply));
        struct client_reply other = better ? best : member->reply;
        best = better ? member->reply : best;
        json_decref(other.json);
        member->reply.json = NULL;
    }
    return best;
}

static void question_prepare(struct session *session, const struct query *query,
                             struct message *ret_message) {
    if (session->client == NULL) {
        session->client = client_open(session);
    }
    session->client->what = query->what;
    memset(ret_message, 0, sizeof *ret_message);
    ret_message->kind = MESSAGE_QUERY;
    ret_message->query = *query;
}

struct client_reply client_ask(struct session *session, const struct query *query) {
    static struct message message;
    question_prepare(session, query, &message);
    session->client->way = ASK_FIRST;
    (void)ask_members(session, &message, question_ms(session));
    return best_reply(session->client);
}

void client_ask_all(struct session *session, const struct query *query,
                    struct client_reply ret_replies[MEMBERS_MAX]) {
    static struct message message;
    question_prepare(session, query, &message);
    session->client->way = ASK_EVERYBODY;
    (void)ask_members(session, &message, question_ms(session));
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        ret_replies[m] = session->client->members[m].reply;
    }
}

unsigned client_count_ready(struct session *session) {
    static struct message message;
    struct query query = {.what = "members"};
    unsigned ready_n = 0;
    question_prepare(session, &query, &message);
    struct client *client = session->client;
    client->way = ASK_MAJORITY;
    (void)ask_members(session, &message, question_ms(session));
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        struct asked_member *member = &client->members[m];
        ready_n += member->answered && is_good(client, &member->reply);
        json_decref(member->reply.json);
        member->reply.json = NULL;
    }
    return ready_n;
}

struct client_reply client_request(struct session *session, struct request *request) {
    static struct message message;
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    if (session->client == NULL) {
        session->client = client_open(session);
    }
    session->client->way = ASK_IN_TURN;
    (void)text_copy(request->cluster, NAME_SIZE, session->pins->cluster);
    (void)text_copy(request->operator_name, NAME_SIZE, session->keys.name);
    random_bytes(request->nonce, NONCE_SIZE);
    text_from_bytes(request->nonce, NONCE_SIZE, session->client->identity,
                    sizeof session->client->identity);
    request->not_after_wall_ms = clock_wall_ms() + REQUEST_LIFE_MS;
    digest_sha256((const uint8_t *)(request->text == NULL ? "" : request->text), request->text_size,
                  digest);
    size_t size = canon_request(request, digest, canon);
    if (sign_bytes(session->keys.sign_secret, canon, size, request->signature) != ERR_OK) {
        return (struct client_reply){.exit_code = EXIT_NOT_AUTHORISED};
    }
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REQUEST;
    message.request = *request;
    (void)ask_members(session, &message,
                      session->line->timeout_ms != 0 ? session->line->timeout_ms : REQUEST_ALL_MS);
    return best_reply(session->client);
}

void client_pause(struct session *session, uint32_t ms) {
    if (session->client != NULL) {
        session->client->over = true;
        run_until(session->client, ms);
    }
}
