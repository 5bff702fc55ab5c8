/* Asking the members: all at once for a question, one after the other for a request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire.h"
#include "coordinator/cli/cli.h"
#include "proto/canon.h"

#define REQUEST_TURN_MS 3000        /* before the next member gets the same request */
#define REQUEST_LIFE_MS 300000      /* not_after */
#define CLIENT_SCRATCH (4 * 1024 * 1024)

struct asking;

struct asked_member {
    struct asking *asking;
    uint8_t index;
    struct wire_client *client;
    bool sent, answered;
    uint64_t sent_ms;
    struct client_reply reply;
};

struct asking {
    uv_loop_t loop;
    uv_timer_t timer;
    struct wire *wire;
    struct session *session;
    struct asked_member members[MEMBERS_MAX];
    const uint8_t *frame;
    size_t frame_size;
    uint64_t deadline_ms, turn_ms;
    uint8_t turn;
    bool everybody; /* wait for each */
    bool in_turn;   /* one after the other */
    uint8_t *scratch;
};

static bool asked(const struct asking *asking, uint8_t member) {
    const char *at = asking->session->line->at;
    return at == NULL || text_equal(asking->session->pins->members[member].name, at);
}

static bool finished(const struct asking *asking) {
    bool all = true, any = false;
    for (uint8_t m = 0; m < asking->session->pins->members_n; m++) {
        all = all && (!asked(asking, m) || asking->members[m].answered);
        any = any || asking->members[m].answered;
    }
    return asking->everybody ? all : any;
}

static void on_reply(void *owner, const struct wire_identity *from, const uint8_t *frame,
                     size_t frame_size) {
    static struct message message;
    struct asked_member *member = owner;
    struct asking *asking = member->asking;
    (void)from;
    if (member->answered ||
        message_decode(frame, frame_size, asking->scratch, CLIENT_SCRATCH, &message, NULL) !=
            ERR_OK ||
        message.kind != MESSAGE_REPLY) {
        return;
    }
    member->answered = true;
    member->reply.exit_code = message.reply.exit_code;
    (void)text_copy(member->reply.member, NAME_SIZE, message.reply.member);
    member->reply.json = json_loadb(message.reply.json, message.reply.json_size, 0, NULL);
    if (finished(asking)) {
        uv_stop(&asking->loop);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct asking *asking = timer->data;
    uint64_t now_ms = clock_boot_ms();
    uint8_t members_n = asking->session->pins->members_n;
    if (now_ms >= asking->deadline_ms) {
        uv_stop(&asking->loop);
        return;
    }
    if (asking->in_turn && asking->turn_ms != 0 && now_ms - asking->turn_ms > REQUEST_TURN_MS) {
        asking->turn = (uint8_t)((asking->turn + 1) % members_n);
        asking->turn_ms = 0;
    }
    for (uint8_t m = 0; m < members_n; m++) {
        struct asked_member *member = &asking->members[m];
        bool mine = asked(asking, m) && member->client != NULL;
        bool turn = !asking->in_turn || asking->turn == m || asking->session->line->at != NULL;
        bool again = !member->sent || now_ms - member->sent_ms > REQUEST_TURN_MS;
        if (mine && turn && again && !member->answered &&
            wire_client_send(member->client, asking->frame, asking->frame_size) == ERR_OK) {
            member->sent = true;
            member->sent_ms = now_ms;
            asking->turn_ms = now_ms;
        }
    }
    /* Nobody connected whose turn it is: the turn moves on. */
    struct asked_member *turn = &asking->members[asking->turn];
    if (asking->in_turn && (turn->client == NULL || !wire_client_connected(turn->client)) &&
        now_ms + asking->session->conf.timeout_ms > asking->deadline_ms + 300) {
        asking->turn = (uint8_t)((asking->turn + 1) % members_n);
    }
}

static void on_closed(uv_handle_t *handle) {
    (void)handle;
}

static bool asking_open(struct asking *asking, struct session *session) {
    struct text256 why = {{0}};
    asking->session = session;
    asking->scratch = malloc(CLIENT_SCRATCH);
    ensure(asking->scratch != NULL);
    (void)uv_loop_init(&asking->loop);
    if (wire_open(&asking->loop, &asking->wire, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover: %s\n", why.at);
        return false;
    }
    for (uint8_t m = 0; m < session->pins->members_n; m++) {
        struct asked_member *member = &asking->members[m];
        const struct member *entry = &session->pins->members[m];
        member->asking = asking;
        member->index = m;
        member->reply.exit_code = EXIT_NO_QUORUM;
        if (asked(asking, m) &&
            wire_connect(asking->wire, entry->operators_address, entry->curve_key,
                         session->keys.curve_secret, session->keys.curve_public,
                         FRAME_ANSWER_MAX, on_reply, member, &member->client, &why) != ERR_OK) {
            (void)fprintf(stderr, "drover: member %s: %s\n", entry->name, why.at);
        }
    }
    return true;
}

static void asking_close(struct asking *asking) {
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        wire_client_close(asking->members[m].client);
    }
    wire_close(asking->wire);
    if (asking->timer.data != NULL) {
        uv_close((uv_handle_t *)&asking->timer, on_closed);
    }
    (void)uv_run(&asking->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&asking->loop);
    free(asking->scratch);
}

static void asking_run(struct asking *asking, struct session *session,
                       const struct message *message) {
    static uint8_t frame[FRAME_CONFIG_MAX];
    size_t size = 0;
    uint32_t timeout_ms =
        session->line->timeout_ms != 0 ? session->line->timeout_ms : session->conf.timeout_ms;
    if (message_encode(message, frame, sizeof frame, &size) != ERR_OK) {
        (void)fprintf(stderr, "drover: the request does not fit a frame\n");
        return;
    }
    if (asking_open(asking, session)) {
        asking->frame = frame;
        asking->frame_size = size;
        asking->deadline_ms = clock_boot_ms() + timeout_ms * (asking->in_turn ? 3u : 1u);
        asking->timer.data = asking;
        (void)uv_timer_init(&asking->loop, &asking->timer);
        (void)uv_timer_start(&asking->timer, on_timer, 0, 10);
        (void)uv_run(&asking->loop, UV_RUN_DEFAULT);
    }
    asking_close(asking);
}

static struct client_reply first_reply(struct asking *asking) {
    struct client_reply reply = {.exit_code = EXIT_NO_QUORUM};
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        struct asked_member *member = &asking->members[m];
        if (member->answered && reply.json == NULL) {
            reply = member->reply;
        } else if (member->answered) {
            json_decref(member->reply.json);
        }
    }
    return reply;
}

struct client_reply client_ask(struct session *session, const struct query *query) {
    static struct message message;
    static struct asking asking;
    memset(&asking, 0, sizeof asking);
    message.kind = MESSAGE_QUERY;
    message.query = *query;
    asking_run(&asking, session, &message);
    return first_reply(&asking);
}

void client_ask_all(struct session *session, const struct query *query,
                    struct client_reply ret_replies[MEMBERS_MAX]) {
    static struct message message;
    static struct asking asking;
    memset(&asking, 0, sizeof asking);
    asking.everybody = true;
    message.kind = MESSAGE_QUERY;
    message.query = *query;
    asking_run(&asking, session, &message);
    for (unsigned m = 0; m < MEMBERS_MAX; m++) {
        ret_replies[m] = asking.members[m].reply;
    }
}

struct client_reply client_request(struct session *session, struct request *request) {
    static struct message message;
    static struct asking asking;
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    memset(&asking, 0, sizeof asking);
    asking.in_turn = true;
    (void)text_copy(request->cluster, NAME_SIZE, session->pins->cluster);
    (void)text_copy(request->operator_name, NAME_SIZE, session->keys.name);
    random_bytes(request->nonce, NONCE_SIZE);
    request->not_after_wall_ms = clock_wall_ms() + REQUEST_LIFE_MS;
    digest_sha256((const uint8_t *)(request->text == NULL ? "" : request->text),
                  request->text_size, digest);
    size_t size = canon_request(request, digest, canon);
    if (sign_bytes(session->keys.sign_secret, canon, size, request->signature) != ERR_OK) {
        return (struct client_reply){.exit_code = EXIT_NOT_AUTHORISED};
    }
    message.kind = MESSAGE_REQUEST;
    message.request = *request;
    asking_run(&asking, session, &message);
    return first_reply(&asking);
}
