/* The wire on loopback, with friends, strangers and hostile peers. The hostile ones speak libzmq
 * directly: what a peer may do is not limited to what wire_connect does. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire.h"

#define FRAME_MAX 4096
#define ANY_PORT "tcp://127.0.0.1:*"

struct pair {
    uint8_t secret[KEY_SIZE], public_key[KEY_SIZE];
};

struct inbox {
    unsigned n;
    char from[NAME_SIZE];
    char text[FRAME_MAX + 1];
};

struct bench {
    uv_loop_t loop;
    uv_timer_t tick;
    struct wire *wire;
    struct pair server, a, b;
    struct wire_identity identities[2];
    struct wire_server *serving;
    struct inbox at_server;
    char address[ADDRESS_SIZE];
    char notices[4096];
    unsigned notices_n;
};

static void take_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                       size_t frame_size) {
    struct inbox *inbox = owner;
    inbox->n++;
    assert_true(frame_size <= FRAME_MAX);
    memcpy(inbox->text, frame, frame_size);
    inbox->text[frame_size] = '\0';
    (void)text_copy(inbox->from, sizeof inbox->from, from == NULL ? "" : from->name);
}

static void take_notice(void *owner, const char *text) {
    struct bench *bench = owner;
    bench->notices_n++;
    (void)text_append(bench->notices, sizeof bench->notices, text);
    (void)text_append(bench->notices, sizeof bench->notices, "\n");
}

static void tick_run(uv_timer_t *timer) {
    (void)timer;
}

/* Turns the loop until the condition holds or so many ms are over. */
#define TURN(bench, condition, limit_ms)                                                           \
    do {                                                                                           \
        uint64_t turn_end = clock_boot_ms() + (limit_ms);                                          \
        while (!(condition) && clock_boot_ms() < turn_end) {                                       \
            (void)uv_run(&(bench)->loop, UV_RUN_ONCE);                                             \
        }                                                                                          \
    } while (0)

static void serve(struct bench *bench, const char *address) {
    struct text256 why = {""};
    enum err err = wire_serve(bench->wire, address, bench->server.secret,
                              bench->server.public_key, FRAME_MAX, take_frame, &bench->at_server,
                              &bench->serving, &why);
    assert_string_equal(why.at, "");
    assert_int_equal(err, ERR_OK);
    assert_true(text_copy(bench->address, sizeof bench->address,
                          wire_server_address(bench->serving)));
}

static struct wire_identity identity_of(uint8_t index, const char *name, const struct pair *pair) {
    struct wire_identity identity = {.kind = WIRE_AGENT, .index = index};
    (void)text_copy(identity.name, sizeof identity.name, name);
    memcpy(identity.curve_key, pair->public_key, KEY_SIZE);
    return identity;
}

static int bench_open(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    struct text256 why = {""};
    assert_non_null(bench);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(uv_timer_init(&bench->loop, &bench->tick), 0);
    assert_int_equal(uv_timer_start(&bench->tick, tick_run, 5, 5), 0);
    enum err err = wire_open(&bench->loop, &bench->wire, &why);
    assert_string_equal(why.at, "");
    assert_int_equal(err, ERR_OK);
    wire_on_notice(bench->wire, take_notice, bench);
    assert_int_equal(curve_keypair(bench->server.secret, bench->server.public_key), ERR_OK);
    assert_int_equal(curve_keypair(bench->a.secret, bench->a.public_key), ERR_OK);
    assert_int_equal(curve_keypair(bench->b.secret, bench->b.public_key), ERR_OK);
    bench->identities[0] = identity_of(7, "east-a", &bench->a);
    bench->identities[1] = identity_of(8, "east-b", &bench->b);
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    serve(bench, ANY_PORT);
    *state = bench;
    return 0;
}

static int bench_close(void **state) {
    struct bench *bench = *state;
    wire_close(bench->wire);
    uv_close((uv_handle_t *)&bench->tick, NULL);
    assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    free(bench);
    return 0;
}

static struct wire_client *join_at(struct bench *bench, const char *address,
                                   const struct pair *pair, struct inbox *inbox) {
    struct wire_client *client = NULL;
    assert_int_equal(wire_connect(bench->wire, address, bench->server.public_key, pair->secret,
                                  pair->public_key, FRAME_MAX, take_frame, inbox, &client, NULL),
                     ERR_OK);
    return client;
}

static struct wire_client *join(struct bench *bench, const struct pair *pair,
                                struct inbox *inbox) {
    return join_at(bench, bench->address, pair, inbox);
}

static enum err say(struct wire_client *client, const char *text) {
    return wire_client_send(client, (const uint8_t *)text, strlen(text));
}

static enum err answer(struct bench *bench, uint8_t index, const char *text) {
    return wire_server_send(bench->serving, WIRE_AGENT, index, (const uint8_t *)text,
                            strlen(text));
}

static void heard(struct bench *bench, struct wire_client *client, const char *text) {
    unsigned before = bench->at_server.n;
    TURN(bench, wire_client_connected(client), 2500);
    assert_true(wire_client_connected(client));
    assert_int_equal(say(client, text), ERR_OK);
    TURN(bench, bench->at_server.n > before, 1000);
    assert_string_equal(bench->at_server.text, text);
}

static void the_right_key_passes_both_ways(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "hello");
    assert_string_equal(bench->at_server.from, "east-a");
    assert_true(wire_server_heard(bench->serving, WIRE_AGENT, 7, 1000));
    assert_false(wire_server_heard(bench->serving, WIRE_AGENT, 8, 1000));
    assert_false(wire_server_heard(bench->serving, WIRE_MEMBER, 7, 1000));
    assert_int_equal(answer(bench, 7, "welcome"), ERR_OK);
    TURN(bench, inbox.n > 0, 1000);
    assert_string_equal(inbox.text, "welcome");
    assert_string_equal(inbox.from, "");
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 0);
}

static void every_frame_of_a_burst_arrives_in_order(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "first");
    unsigned before = bench->at_server.n;
    char text[16];
    for (unsigned i = 0; i < 1000; i++) {
        (void)text_format(text, sizeof text, "%u", i);
        enum err err = say(client, text);
        for (unsigned turns = 0; err == ERR_BUSY && turns < 1000; turns++) {
            (void)uv_run(&bench->loop, UV_RUN_ONCE);
            err = say(client, text);
        }
        assert_int_equal(err, ERR_OK);
    }
    TURN(bench, bench->at_server.n == before + 1000, 3000);
    assert_int_equal(bench->at_server.n, before + 1000);
    assert_string_equal(bench->at_server.text, "999");
}

static void an_absent_peer_is_unreachable_and_nothing_is_kept_for_it(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    assert_int_equal(answer(bench, 7, "anybody?"), ERR_UNREACHABLE);
    char address[ADDRESS_SIZE];
    assert_true(text_copy(address, sizeof address, bench->address));
    wire_server_close(bench->serving);
    TURN(bench, false, 50);
    struct wire_client *client = join_at(bench, address, &bench->a, &inbox);
    assert_int_equal(say(client, "into the void"), ERR_UNREACHABLE);
    serve(bench, address);
    TURN(bench, wire_client_connected(client), 3000);
    assert_true(wire_client_connected(client));
    TURN(bench, false, 200);
    assert_int_equal(bench->at_server.n, 0);
    assert_true(wire_counters(bench->wire)->dropped_send_n >= 2);
}

/* A raw DEALER; server_key NULL: no CURVE. */
static void *raw_dealer(void *context, const char *address, const uint8_t *server_key,
                        const struct pair *pair) {
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    assert_non_null(dealer);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero), 0);
    if (server_key != NULL) {
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, server_key, KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, pair->secret, KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, pair->public_key, KEY_SIZE),
                         0);
    }
    assert_int_equal(zmq_connect(dealer, address), 0);
    return dealer;
}

/* A connection of its own to a bench's server. */
static int raw_connect(const struct bench *bench) {
    unsigned port = 0;
    assert_int_equal(sscanf(bench->address, "tcp://127.0.0.1:%u", &port), 1);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0);
    assert_int_equal(connect(file, (struct sockaddr *)&to, sizeof to), 0);
    return file;
}

static void a_peer_without_curve_gets_nothing(void **state) {
    struct bench *bench = *state;
    const struct wire_counters *counters = wire_counters(bench->wire);
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, NULL, NULL);
    assert_int_equal(zmq_send(dealer, "let me in", 9, ZMQ_DONTWAIT), 9);
    /* libzmq's own client may leave before the server has looked at its greeting. */
    TURN(bench, counters->wrong_mechanism_n + counters->handshake_failed_n > 0, 2000);
    TURN(bench, false, 300);
    assert_true(counters->wrong_mechanism_n + counters->handshake_failed_n > 0);
    assert_int_equal(bench->at_server.n, 0);
    assert_non_null(strstr(bench->notices, "CURVE"));
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

static void a_greeting_without_curve_is_refused_and_counted(void **state) {
    struct bench *bench = *state;
    const struct wire_counters *counters = wire_counters(bench->wire);
    /* ZMTP 3.0: signature, version, mechanism NULL, not a server. */
    uint8_t greeting[64] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    uint8_t answered[256];
    int file = raw_connect(bench);
    assert_int_equal(write(file, greeting, sizeof greeting), sizeof greeting);
    TURN(bench, counters->wrong_mechanism_n > 0, 2000);
    assert_int_equal(counters->wrong_mechanism_n, 1);
    assert_non_null(strstr(bench->notices, "connection without CURVE refused"));
    /* The server's greeting, and then the end: never anything else. */
    size_t got = 0;
    ssize_t n = 0;
    while ((n = read(file, answered + got, sizeof answered - got)) > 0) {
        got += (size_t)n;
    }
    assert_true(got <= 64);
    (void)close(file);
}

static void a_peer_with_another_server_key_gets_nothing(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = NULL;
    assert_int_equal(wire_connect(bench->wire, bench->address, bench->b.public_key,
                                  bench->a.secret, bench->a.public_key, FRAME_MAX, take_frame,
                                  &inbox, &client, NULL),
                     ERR_OK);
    TURN(bench, wire_counters(bench->wire)->handshake_failed_n > 0, 2000);
    TURN(bench, wire_client_connected(client), 500);
    assert_false(wire_client_connected(client));
    assert_true(wire_counters(bench->wire)->handshake_failed_n > 0);
    assert_int_equal(bench->at_server.n, 0);
    assert_non_null(strstr(bench->notices, "expects another server key"));
}

static void a_stranger_gets_nothing_and_is_told_of(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    assert_int_equal(wire_allow(bench->wire, bench->identities, 1), ERR_OK);
    struct wire_client *client = join(bench, &bench->b, &inbox);
    TURN(bench, wire_client_connected(client), 1500);
    assert_false(wire_client_connected(client));
    assert_int_equal(say(client, "x"), ERR_UNREACHABLE);
    assert_int_equal(bench->at_server.n, 0);
    assert_true(wire_counters(bench->wire)->unknown_key_n >= 1);
    assert_non_null(strstr(bench->notices, "unknown key from 127.0.0.1"));
}

static void a_stranger_that_is_allowed_later_connects_by_itself(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    assert_int_equal(wire_allow(bench->wire, bench->identities, 1), ERR_OK);
    struct wire_client *client = join(bench, &bench->b, &inbox);
    TURN(bench, wire_counters(bench->wire)->unknown_key_n > 0, 1000);
    TURN(bench, false, 100);
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    TURN(bench, wire_client_connected(client), 2000);
    assert_true(wire_client_connected(client));
    heard(bench, client, "at last");
    assert_string_equal(bench->at_server.from, "east-b");
}

static void a_revoked_key_gets_nothing_until_it_is_allowed_again(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    bench->identities[0].revoked = true;
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    struct wire_client *client = join(bench, &bench->a, &inbox);
    TURN(bench, wire_client_connected(client), 700);
    assert_false(wire_client_connected(client));
    assert_int_equal(bench->at_server.n, 0);
    assert_true(wire_counters(bench->wire)->revoked_key_n >= 1);
    assert_non_null(strstr(bench->notices, "revoked key of east-a from 127.0.0.1"));
    assert_non_null(strstr(bench->notices, "our key is not allowed there"));
    /* libzmq never tries again after a final refusal: the client's own supervision does. */
    bench->identities[0].revoked = false;
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    TURN(bench, wire_client_connected(client), 4000);
    assert_true(wire_client_connected(client));
}

static void a_key_revoked_during_a_session_is_cut_from_the_next_frame(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "one");
    unsigned before = bench->at_server.n;
    bench->identities[0].revoked = true;
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    assert_int_equal(answer(bench, 7, "secret"), ERR_UNREACHABLE);
    assert_true(wire_client_connected(client)); /* the session itself lives on */
    assert_int_equal(say(client, "two"), ERR_OK);
    TURN(bench, wire_counters(bench->wire)->revoked_key_n > 0, 1000);
    assert_true(wire_counters(bench->wire)->revoked_key_n > 0);
    assert_int_equal(bench->at_server.n, before);
    assert_int_equal(answer(bench, 7, "secret"), ERR_UNREACHABLE);
    assert_non_null(strstr(bench->notices, "no longer allowed, of east-a dropped"));
    /* The same for a key that is taken out of the list altogether. */
    assert_int_equal(wire_allow(bench->wire, &bench->identities[1], 1), ERR_OK);
    assert_int_equal(say(client, "three"), ERR_OK);
    TURN(bench, wire_counters(bench->wire)->revoked_key_n > 1, 1000);
    assert_int_equal(wire_counters(bench->wire)->revoked_key_n, 2);
    assert_int_equal(bench->at_server.n, before);
    assert_int_equal(inbox.n, 0);
}

static void a_key_given_to_another_identity_speaks_for_that_one(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "as a");
    bench->identities[0].index = 9;
    (void)text_copy(bench->identities[0].name, NAME_SIZE, "east-c");
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    assert_int_equal(answer(bench, 7, "for a"), ERR_UNREACHABLE);
    heard(bench, client, "as c");
    assert_string_equal(bench->at_server.from, "east-c");
    assert_int_equal(answer(bench, 9, "for c"), ERR_OK);
}

static void the_allow_list_is_bounded_and_unambiguous(void **state) {
    struct bench *bench = *state;
    static struct wire_identity many[WIRE_PEERS_MAX + 1];
    for (size_t i = 0; i <= WIRE_PEERS_MAX; i++) {
        many[i].kind = WIRE_AGENT;
        many[i].index = (uint8_t)i;
        many[i].curve_key[0] = (uint8_t)(i + 1);
        many[i].curve_key[1] = 1;
    }
    assert_int_equal(wire_allow(bench->wire, many, WIRE_PEERS_MAX + 1), ERR_TOO_BIG);
    assert_int_equal(wire_allow(bench->wire, many, WIRE_PEERS_MAX), ERR_OK);
    struct wire_identity twice[2] = {many[0], many[0]};
    assert_int_equal(wire_allow(bench->wire, twice, 2), ERR_EXISTS);
    memset(twice[1].curve_key, 0, KEY_SIZE);
    assert_int_equal(wire_allow(bench->wire, twice, 2), ERR_OK);
}

static void a_client_is_back_soon_after_its_server_restarts(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "before");
    char address[ADDRESS_SIZE];
    assert_true(text_copy(address, sizeof address, bench->address));
    wire_server_close(bench->serving);
    TURN(bench, !wire_client_connected(client), 1000);
    assert_false(wire_client_connected(client));
    assert_int_equal(say(client, "lost"), ERR_UNREACHABLE);
    TURN(bench, false, 1500);
    serve(bench, address);
    uint64_t start_ms = clock_boot_ms();
    TURN(bench, wire_client_connected(client), 3000);
    assert_true(wire_client_connected(client));
    print_message("back after %d ms\n", (int)(clock_boot_ms() - start_ms));
    heard(bench, client, "after");
}

static void an_oversize_frame_disconnects_and_its_sender_recovers(void **state) {
    struct bench *bench = *state;
    static char big[4 * FRAME_MAX];
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, bench->server.public_key, &bench->a);
    assert_int_equal(zmq_send(dealer, "fine", 4, ZMQ_DONTWAIT), 4);
    TURN(bench, bench->at_server.n == 1, 2000);
    assert_int_equal(bench->at_server.n, 1);
    assert_int_equal(zmq_send(dealer, big, sizeof big, ZMQ_DONTWAIT), (int)sizeof big);
    TURN(bench, wire_counters(bench->wire)->disconnected_n > 0, 2000);
    assert_int_equal(wire_counters(bench->wire)->disconnected_n, 1);
    /* A little above the limit, inside what sealing may add: seen, counted, dropped. */
    assert_int_equal(zmq_send(dealer, big, FRAME_MAX + 8, ZMQ_DONTWAIT), FRAME_MAX + 8);
    TURN(bench, wire_counters(bench->wire)->oversize_n > 0, 2000);
    assert_int_equal(wire_counters(bench->wire)->oversize_n, 1);
    memset(big, 'f', FRAME_MAX);
    assert_int_equal(zmq_send(dealer, big, FRAME_MAX, ZMQ_DONTWAIT), FRAME_MAX);
    TURN(bench, bench->at_server.n == 2, 2000);
    assert_int_equal(bench->at_server.n, 2);
    assert_int_equal(strlen(bench->at_server.text), FRAME_MAX);
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->b, &inbox);
    TURN(bench, wire_client_connected(client), 2000);
    assert_int_equal(wire_client_send(client, (uint8_t *)big, FRAME_MAX + 1), ERR_TOO_BIG);
}

static void several_frames_and_self_chosen_ids_are_not_listened_to(void **state) {
    struct bench *bench = *state;
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, bench->server.public_key, &bench->a);
    assert_int_equal(zmq_send(dealer, "half", 4, ZMQ_DONTWAIT | ZMQ_SNDMORE), 4);
    assert_int_equal(zmq_send(dealer, "whole", 5, ZMQ_DONTWAIT), 5);
    TURN(bench, wire_counters(bench->wire)->no_identity_n > 0, 2000);
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 1);
    void *chosen = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_LINGER, &zero, sizeof zero), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_ROUTING_ID, "agent", 5), 0);
    assert_int_equal(
        zmq_setsockopt(chosen, ZMQ_CURVE_SERVERKEY, bench->server.public_key, KEY_SIZE), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_CURVE_SECRETKEY, bench->b.secret, KEY_SIZE), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_CURVE_PUBLICKEY, bench->b.public_key, KEY_SIZE),
                     0);
    assert_int_equal(zmq_connect(chosen, bench->address), 0);
    assert_int_equal(zmq_send(chosen, "x", 1, ZMQ_DONTWAIT), 1);
    TURN(bench, wire_counters(bench->wire)->no_identity_n > 1, 2000);
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 2);
    assert_int_equal(bench->at_server.n, 0);
    assert_int_equal(answer(bench, 8, "x"), ERR_UNREACHABLE);
    assert_int_equal(zmq_close(chosen), 0);
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

static void of_two_sessions_with_one_key_the_newest_gets_the_answers(void **state) {
    struct bench *bench = *state;
    struct inbox old_box = {0};
    struct inbox new_box = {0};
    struct wire_client *old_client = join(bench, &bench->a, &old_box);
    heard(bench, old_client, "old");
    struct wire_client *new_client = join(bench, &bench->a, &new_box);
    TURN(bench, wire_client_connected(new_client), 2000);
    /* Connected alone is nothing: only an authenticated frame moves the answers. */
    assert_int_equal(answer(bench, 7, "to the old"), ERR_OK);
    TURN(bench, old_box.n == 1, 1000);
    assert_int_equal(old_box.n, 1);
    heard(bench, new_client, "new");
    heard(bench, old_client, "a late frame of the old session");
    assert_int_equal(answer(bench, 7, "to the new"), ERR_OK);
    TURN(bench, new_box.n == 1, 1000);
    assert_string_equal(new_box.text, "to the new");
    assert_int_equal(old_box.n, 1);
    /* When the newest ends, the other is heard again. */
    wire_client_close(new_client);
    TURN(bench, answer(bench, 7, "x") == ERR_UNREACHABLE, 1000);
    heard(bench, old_client, "still here");
    assert_int_equal(answer(bench, 7, "to the old again"), ERR_OK);
    TURN(bench, old_box.n == 2, 1000);
    assert_string_equal(old_box.text, "to the old again");
}

static void one_agent_cannot_take_another_agents_answers(void **state) {
    struct bench *bench = *state;
    struct inbox a_box = {0};
    struct inbox b_box = {0};
    struct wire_client *a = join(bench, &bench->a, &a_box);
    struct wire_client *b = join(bench, &bench->b, &b_box);
    heard(bench, a, "I am east-b");
    assert_string_equal(bench->at_server.from, "east-a");
    assert_int_equal(answer(bench, 8, "for b"), ERR_UNREACHABLE);
    heard(bench, b, "I am east-b");
    assert_string_equal(bench->at_server.from, "east-b");
    assert_int_equal(answer(bench, 8, "for b"), ERR_OK);
    TURN(bench, b_box.n == 1, 1000);
    assert_int_equal(b_box.n, 1);
    assert_int_equal(a_box.n, 0);
}

static int open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        n++;
    }
    (void)closedir(directory);
    return n;
}

static void idle_connections_neither_starve_nor_stay(void **state) {
    enum { IDLE_N = 200 };
    struct bench *bench = *state;
    struct inbox inbox = {0};
    static int idle[IDLE_N];
    int before = open_files();
    for (size_t i = 0; i < IDLE_N; i++) {
        idle[i] = raw_connect(bench);
    }
    uint64_t start_ms = clock_boot_ms();
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "through the crowd");
    print_message("served after %d ms\n", (int)(clock_boot_ms() - start_ms));
    assert_true(clock_boot_ms() - start_ms < 500);
    assert_true(open_files() >= before + 2 * IDLE_N - 10); /* both ends are ours here */
    TURN(bench, wire_counters(bench->wire)->handshake_failed_n >= IDLE_N, 4000);
    assert_true(wire_counters(bench->wire)->handshake_failed_n >= IDLE_N);
    TURN(bench, open_files() <= before + IDLE_N + 4, 1000);
    assert_true(open_files() <= before + IDLE_N + 4); /* only our own ends are left */
    TURN(bench, strstr(bench->notices, "times since") != NULL, 1500);
    assert_true(bench->notices_n <= 4); /* counted, not shouted */
    assert_non_null(strstr(bench->notices, "times since the last notice"));
    for (size_t i = 0; i < IDLE_N; i++) {
        (void)close(idle[i]);
    }
}

/* A server in a process of its own, so that it can be stopped. */
static pid_t serve_apart(struct bench *bench, const struct pair *server, int ret_port[2]) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) {
        return child;
    }
    uv_loop_t loop;
    struct wire *wire = NULL;
    struct wire_server *serving = NULL;
    struct inbox inbox = {0};
    char address[ADDRESS_SIZE] = "";
    if (uv_loop_init(&loop) == 0 && wire_open(&loop, &wire, NULL) == ERR_OK &&
        wire_allow(wire, bench->identities, 2) == ERR_OK &&
        wire_serve(wire, ANY_PORT, server->secret, server->public_key, FRAME_MAX, take_frame,
                   &inbox, &serving, NULL) == ERR_OK) {
        (void)text_copy(address, sizeof address, wire_server_address(serving));
    }
    ssize_t written = write(ret_port[1], address, sizeof address);
    if (written == (ssize_t)sizeof address) {
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    _exit(0);
}

static void a_stopped_server_is_noticed_by_its_silence(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    char address[ADDRESS_SIZE] = "";
    int port[2];
    assert_int_equal(pipe(port), 0);
    pid_t child = serve_apart(bench, &bench->server, port);
    assert_int_equal(read(port[0], address, sizeof address), (ssize_t)sizeof address);
    assert_true(text_starts(address, "tcp://"));
    struct wire_client *client = join_at(bench, address, &bench->a, &inbox);
    TURN(bench, wire_client_connected(client), 2000);
    assert_true(wire_client_connected(client));
    assert_int_equal(kill(child, SIGSTOP), 0);
    uint64_t start_ms = clock_boot_ms();
    bool busy = false;
    static char filler[FRAME_MAX - 1];
    memset(filler, 'x', sizeof filler - 1);
    for (size_t i = 0; i < 20000 && !busy; i++) {
        busy = say(client, filler) == ERR_BUSY; /* bounded: it is refused, not kept */
    }
    assert_true(busy);
    TURN(bench, !wire_client_connected(client), 6000);
    assert_false(wire_client_connected(client));
    print_message("silence noticed after %d ms\n", (int)(clock_boot_ms() - start_ms));
    assert_true(clock_boot_ms() - start_ms < 5000);
    assert_int_equal(say(client, "x"), ERR_UNREACHABLE);
    assert_int_equal(kill(child, SIGCONT), 0);
    start_ms = clock_boot_ms();
    TURN(bench, wire_client_connected(client), 5000);
    assert_true(wire_client_connected(client));
    print_message("back after %d ms\n", (int)(clock_boot_ms() - start_ms));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(port[0]);
    (void)close(port[1]);
}

struct closer {
    struct bench *bench;
    struct wire_client *client;
    unsigned n;
};

static void close_self(void *owner, const struct wire_identity *from, const uint8_t *frame,
                       size_t frame_size) {
    struct closer *closer = owner;
    (void)from;
    (void)frame;
    (void)frame_size;
    closer->n++;
    wire_client_close(closer->client);
    wire_server_close(closer->bench->serving);
    closer->bench->serving = NULL;
}

static void closing_inside_a_callback_is_safe(void **state) {
    struct bench *bench = *state;
    struct closer closer = {.bench = bench};
    assert_int_equal(wire_connect(bench->wire, bench->address, bench->server.public_key,
                                  bench->a.secret, bench->a.public_key, FRAME_MAX, close_self,
                                  &closer, &closer.client, NULL),
                     ERR_OK);
    heard(bench, closer.client, "hello");
    assert_int_equal(answer(bench, 7, "one"), ERR_OK);
    assert_int_equal(answer(bench, 7, "two"), ERR_OK);
    TURN(bench, closer.n > 0, 1000);
    TURN(bench, false, 50);
    assert_int_equal(closer.n, 1);
}

static void a_port_in_use_is_a_clear_error(void **state) {
    struct bench *bench = *state;
    struct wire_server *second = NULL;
    struct text256 why = {""};
    assert_int_equal(wire_serve(bench->wire, bench->address, bench->server.secret,
                                bench->server.public_key, FRAME_MAX, take_frame,
                                &bench->at_server, &second, &why),
                     ERR_IO);
    assert_null(second);
    assert_non_null(strstr(why.at, "Address already in use"));
    assert_int_equal(wire_serve(bench->wire, "nonsense", bench->server.secret,
                                bench->server.public_key, FRAME_MAX, take_frame,
                                &bench->at_server, &second, &why),
                     ERR_IO);
}

static void a_quiet_wire_does_not_spin(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = join(bench, &bench->a, &inbox);
    heard(bench, client, "hello");
    (void)uv_timer_stop(&bench->tick);
    unsigned turns = 0;
    uint64_t end_ms = clock_boot_ms() + 1000;
    while (clock_boot_ms() < end_ms) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
        turns++;
    }
    print_message("%u turns in a quiet second\n", turns);
    assert_true(turns < 40);
}

int main(void) {
#define WIRE_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        WIRE_TEST(the_right_key_passes_both_ways),
        WIRE_TEST(every_frame_of_a_burst_arrives_in_order),
        WIRE_TEST(an_absent_peer_is_unreachable_and_nothing_is_kept_for_it),
        WIRE_TEST(a_peer_without_curve_gets_nothing),
        WIRE_TEST(a_greeting_without_curve_is_refused_and_counted),
        WIRE_TEST(a_peer_with_another_server_key_gets_nothing),
        WIRE_TEST(a_stranger_gets_nothing_and_is_told_of),
        WIRE_TEST(a_stranger_that_is_allowed_later_connects_by_itself),
        WIRE_TEST(a_revoked_key_gets_nothing_until_it_is_allowed_again),
        WIRE_TEST(a_key_revoked_during_a_session_is_cut_from_the_next_frame),
        WIRE_TEST(a_key_given_to_another_identity_speaks_for_that_one),
        WIRE_TEST(the_allow_list_is_bounded_and_unambiguous),
        WIRE_TEST(a_client_is_back_soon_after_its_server_restarts),
        WIRE_TEST(an_oversize_frame_disconnects_and_its_sender_recovers),
        WIRE_TEST(several_frames_and_self_chosen_ids_are_not_listened_to),
        WIRE_TEST(of_two_sessions_with_one_key_the_newest_gets_the_answers),
        WIRE_TEST(one_agent_cannot_take_another_agents_answers),
        WIRE_TEST(idle_connections_neither_starve_nor_stay),
        WIRE_TEST(a_stopped_server_is_noticed_by_its_silence),
        WIRE_TEST(closing_inside_a_callback_is_safe),
        WIRE_TEST(a_port_in_use_is_a_clear_error),
        WIRE_TEST(a_quiet_wire_does_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
