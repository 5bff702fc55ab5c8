#include "tests/unit/io/wire_bench.h"

#include <stdlib.h>

void bench_take_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                      size_t frame_size) {
    struct inbox *inbox = owner;
    inbox->n++;
    assert_true(frame_size <= FRAME_MAX);
    memcpy(inbox->text, frame, frame_size);
    inbox->text[frame_size] = '\0';
    (void)text_copy(inbox->from, sizeof inbox->from, from == NULL ? "" : from->name);
    inbox->b_n += text_equal(inbox->from, "east-b") ? 1 : 0;
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

void bench_serve(struct bench *bench, const char *address) {
    struct text256 why = {""};
    enum err err =
        wire_serve(bench->wire, address, bench->server.secret, bench->server.public_key, FRAME_MAX,
                   bench_take_frame, &bench->at_server, &bench->serving, &why);
    assert_string_equal(why.at, "");
    assert_int_equal(err, ERR_OK);
    assert_true(
        text_copy(bench->address, sizeof bench->address, wire_server_address(bench->serving)));
}

static struct wire_identity identity_of(uint8_t index, const char *name, const struct pair *pair) {
    struct wire_identity identity = {.kind = WIRE_AGENT, .index = index};
    (void)text_copy(identity.name, sizeof identity.name, name);
    memcpy(identity.curve_key, pair->public_key, KEY_SIZE);
    return identity;
}

int bench_open(void **state) {
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
    bench_serve(bench, ANY_PORT);
    *state = bench;
    return 0;
}

int bench_close(void **state) {
    struct bench *bench = *state;
    wire_close(bench->wire);
    uv_close((uv_handle_t *)&bench->tick, NULL);
    assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    free(bench);
    return 0;
}

struct wire_client *bench_join_at(struct bench *bench, const char *address, const struct pair *pair,
                                  struct inbox *inbox) {
    struct wire_client *client = NULL;
    assert_int_equal(wire_connect(bench->wire, address, bench->server.public_key, pair->secret,
                                  pair->public_key, FRAME_MAX, bench_take_frame, inbox, &client,
                                  NULL),
                     ERR_OK);
    return client;
}

struct wire_client *bench_join(struct bench *bench, const struct pair *pair, struct inbox *inbox) {
    return bench_join_at(bench, bench->address, pair, inbox);
}

enum err bench_say(struct wire_client *client, const char *text) {
    return wire_client_send(client, (const uint8_t *)text, strlen(text));
}

enum err bench_answer(struct bench *bench, uint8_t index, const char *text) {
    return wire_server_send(bench->serving, WIRE_AGENT, index, (const uint8_t *)text, strlen(text));
}

void bench_heard(struct bench *bench, struct wire_client *client, const char *text) {
    unsigned before = bench->at_server.n;
    TURN(bench, wire_client_connected(client), 2500);
    assert_true(wire_client_connected(client));
    assert_int_equal(bench_say(client, text), ERR_OK);
    TURN(bench, bench->at_server.n > before, 1000);
    assert_string_equal(bench->at_server.text, text);
}
