/* The wire among its own: friends, strangers, keys that come and go, servers that restart. */
#include "tests/unit/io/wire_bench.h"

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

static void the_right_key_passes_both_ways(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "hello");
    assert_string_equal(bench->at_server.from, "east-a");
    assert_true(wire_server_heard(bench->serving, WIRE_AGENT, 7, 1000));
    assert_false(wire_server_heard(bench->serving, WIRE_AGENT, 8, 1000));
    assert_false(wire_server_heard(bench->serving, WIRE_MEMBER, 7, 1000));
    assert_int_equal(bench_answer(bench, 7, "welcome"), ERR_OK);
    TURN(bench, inbox.n > 0, 1000);
    assert_string_equal(inbox.text, "welcome");
    assert_string_equal(inbox.from, "");
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 0);
}

static void every_frame_of_a_burst_arrives_in_order(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "first");
    unsigned before = bench->at_server.n;
    char text[16];
    for (unsigned i = 0; i < 1000; i++) {
        (void)text_format(text, sizeof text, "%u", i);
        enum err err = bench_say(client, text);
        for (unsigned turns = 0; err == ERR_BUSY && turns < 1000; turns++) {
            (void)uv_run(&bench->loop, UV_RUN_ONCE);
            err = bench_say(client, text);
        }
        assert_int_equal(err, ERR_OK);
    }
    TURN(bench, bench->at_server.n == before + 1000, 3000);
    assert_int_equal(bench->at_server.n, before + 1000);
    assert_string_equal(bench->at_server.text, "999");
}

static void many_frames_at_once_do_not_wait_for_the_next_event(void **state) {
    enum { CLIENTS_N = 12, FRAMES_N = 60 };
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *clients[CLIENTS_N];
    for (size_t i = 0; i < CLIENTS_N; i++) {
        clients[i] = bench_join(bench, &bench->a, &inbox);
        TURN(bench, wire_client_connected(clients[i]), 2000);
    }
    /* Nothing else wakes the loop now; and one turn takes only some of what is there. */
    (void)uv_timer_stop(&bench->tick);
    uint64_t start_ms = clock_boot_ms();
    for (size_t i = 0; i < CLIENTS_N * FRAMES_N; i++) {
        assert_int_equal(bench_say(clients[i % CLIENTS_N], "x"), ERR_OK);
    }
    TURN(bench, bench->at_server.n == CLIENTS_N * FRAMES_N, 5000);
    assert_int_equal(bench->at_server.n, CLIENTS_N * FRAMES_N);
    print_message("%d frames in %d ms\n", CLIENTS_N * FRAMES_N, (int)(clock_boot_ms() - start_ms));
    assert_true(clock_boot_ms() - start_ms < 2500);
}

static void an_absent_peer_is_unreachable_and_nothing_is_kept_for_it(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    assert_int_equal(bench_answer(bench, 7, "anybody?"), ERR_UNREACHABLE);
    char address[ADDRESS_SIZE];
    assert_true(text_copy(address, sizeof address, bench->address));
    wire_server_close(bench->serving);
    TURN(bench, false, 50);
    struct wire_client *client = bench_join_at(bench, address, &bench->a, &inbox);
    assert_int_equal(bench_say(client, "into the void"), ERR_UNREACHABLE);
    bench_serve(bench, address);
    TURN(bench, wire_client_connected(client), 3000);
    assert_true(wire_client_connected(client));
    TURN(bench, false, 200);
    assert_int_equal(bench->at_server.n, 0);
    assert_true(wire_counters(bench->wire)->dropped_send_n >= 2);
}

static void a_peer_with_another_server_key_gets_nothing(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = NULL;
    assert_int_equal(wire_connect(bench->wire, bench->address, bench->b.public_key, bench->a.secret,
                                  bench->a.public_key, FRAME_MAX, bench_take_frame, &inbox, &client,
                                  NULL),
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
    struct wire_client *client = bench_join(bench, &bench->b, &inbox);
    TURN(bench, wire_client_connected(client), 1500);
    assert_false(wire_client_connected(client));
    assert_int_equal(bench_say(client, "x"), ERR_UNREACHABLE);
    assert_int_equal(bench->at_server.n, 0);
    assert_true(wire_counters(bench->wire)->unknown_key_n >= 1);
    assert_non_null(strstr(bench->notices, "unknown key from 127.0.0.1"));
    /* Not refused for good: that would silence libzmq's client for ever. */
    assert_null(strstr(bench->notices, "our key is not allowed there"));
}

static void a_stranger_that_is_allowed_later_connects_by_itself(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    assert_int_equal(wire_allow(bench->wire, bench->identities, 1), ERR_OK);
    struct wire_client *client = bench_join(bench, &bench->b, &inbox);
    TURN(bench, wire_counters(bench->wire)->unknown_key_n > 0, 1000);
    TURN(bench, false, 100);
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    TURN(bench, wire_client_connected(client), 2000);
    assert_true(wire_client_connected(client));
    bench_heard(bench, client, "at last");
    assert_string_equal(bench->at_server.from, "east-b");
}

static void a_revoked_key_gets_nothing_until_it_is_allowed_again(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    bench->identities[0].revoked = true;
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
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
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "one");
    unsigned before = bench->at_server.n;
    bench->identities[0].revoked = true;
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    assert_int_equal(bench_answer(bench, 7, "secret"), ERR_UNREACHABLE);
    assert_true(wire_client_connected(client)); /* the session itself lives on */
    assert_int_equal(bench_say(client, "two"), ERR_OK);
    TURN(bench, wire_counters(bench->wire)->revoked_key_n > 0, 1000);
    assert_true(wire_counters(bench->wire)->revoked_key_n > 0);
    assert_int_equal(bench->at_server.n, before);
    assert_int_equal(bench_answer(bench, 7, "secret"), ERR_UNREACHABLE);
    assert_non_null(strstr(bench->notices, "no longer allowed, of east-a dropped"));
    /* The same for a key that is taken out of the list altogether. */
    assert_int_equal(wire_allow(bench->wire, &bench->identities[1], 1), ERR_OK);
    assert_int_equal(bench_say(client, "three"), ERR_OK);
    TURN(bench, wire_counters(bench->wire)->revoked_key_n > 1, 1000);
    assert_int_equal(wire_counters(bench->wire)->revoked_key_n, 2);
    assert_int_equal(bench->at_server.n, before);
    assert_int_equal(inbox.n, 0);
}

static void a_key_given_to_another_identity_speaks_for_that_one(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "as a");
    bench->identities[0].index = 9;
    (void)text_copy(bench->identities[0].name, NAME_SIZE, "east-c");
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    assert_int_equal(bench_answer(bench, 7, "for a"), ERR_UNREACHABLE);
    bench_heard(bench, client, "as c");
    assert_string_equal(bench->at_server.from, "east-c");
    assert_int_equal(bench_answer(bench, 9, "for c"), ERR_OK);
}

static void the_allow_list_is_bounded_and_unambiguous(void **state) {
    struct bench *bench = *state;
    static struct wire_identity many[WIRE_KEYS_MAX + 1];
    for (size_t i = 0; i <= WIRE_KEYS_MAX; i++) {
        many[i].kind = WIRE_AGENT;
        many[i].index = (uint8_t)i;
        many[i].curve_key[0] = (uint8_t)(i + 1);
        many[i].curve_key[1] = 1;
    }
    assert_int_equal(wire_allow(bench->wire, many, WIRE_KEYS_MAX + 1), ERR_TOO_BIG);
    assert_int_equal(wire_allow(bench->wire, many, WIRE_KEYS_MAX), ERR_OK);
    struct wire_identity twice[2] = {many[0], many[0]};
    assert_int_equal(wire_allow(bench->wire, twice, 2), ERR_EXISTS);
    memset(twice[1].curve_key, 0, KEY_SIZE);
    assert_int_equal(wire_allow(bench->wire, twice, 2), ERR_OK);
}

static void a_client_is_back_soon_after_its_server_restarts(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "before");
    char address[ADDRESS_SIZE];
    assert_true(text_copy(address, sizeof address, bench->address));
    wire_server_close(bench->serving);
    TURN(bench, !wire_client_connected(client), 1000);
    assert_false(wire_client_connected(client));
    assert_int_equal(bench_say(client, "lost"), ERR_UNREACHABLE);
    TURN(bench, false, 1500);
    bench_serve(bench, address);
    uint64_t start_ms = clock_boot_ms();
    TURN(bench, wire_client_connected(client), 3000);
    assert_true(wire_client_connected(client));
    print_message("back after %d ms\n", (int)(clock_boot_ms() - start_ms));
    bench_heard(bench, client, "after");
}

static void of_two_sessions_with_one_key_the_newest_gets_the_answers(void **state) {
    struct bench *bench = *state;
    struct inbox old_box = {0};
    struct inbox new_box = {0};
    struct wire_client *old_client = bench_join(bench, &bench->a, &old_box);
    bench_heard(bench, old_client, "old");
    struct wire_client *new_client = bench_join(bench, &bench->a, &new_box);
    TURN(bench, wire_client_connected(new_client), 2000);
    /* Connected alone is nothing: only an authenticated frame moves the answers. */
    assert_int_equal(bench_answer(bench, 7, "to the old"), ERR_OK);
    TURN(bench, old_box.n == 1, 1000);
    assert_int_equal(old_box.n, 1);
    bench_heard(bench, new_client, "new");
    bench_heard(bench, old_client, "a late frame of the old session");
    assert_int_equal(bench_answer(bench, 7, "to the new"), ERR_OK);
    TURN(bench, new_box.n == 1, 1000);
    assert_string_equal(new_box.text, "to the new");
    assert_int_equal(old_box.n, 1);
    /* When the newest ends, the other is heard again. */
    wire_client_close(new_client);
    TURN(bench, bench_answer(bench, 7, "x") == ERR_UNREACHABLE, 1000);
    bench_heard(bench, old_client, "still here");
    assert_int_equal(bench_answer(bench, 7, "to the old again"), ERR_OK);
    TURN(bench, old_box.n == 2, 1000);
    assert_string_equal(old_box.text, "to the old again");
}

static void both_keys_of_one_identity_are_one_peer(void **state) {
    struct bench *bench = *state;
    struct inbox old_box = {0};
    struct inbox new_box = {0};
    bench->identities[1].index = 7;
    bench->identities[1].next = true;
    (void)text_copy(bench->identities[1].name, NAME_SIZE, "east-a");
    assert_int_equal(wire_allow(bench->wire, bench->identities, 2), ERR_OK);
    struct wire_client *old_client = bench_join(bench, &bench->a, &old_box);
    bench_heard(bench, old_client, "by its key");
    struct wire_client *new_client = bench_join(bench, &bench->b, &new_box);
    bench_heard(bench, new_client, "by its next key");
    assert_string_equal(bench->at_server.from, "east-a");
    bench_heard(bench, old_client, "a late frame of the old session");
    assert_int_equal(bench_answer(bench, 7, "to the newest"), ERR_OK);
    TURN(bench, new_box.n == 1, 1000);
    assert_string_equal(new_box.text, "to the newest");
    assert_int_equal(old_box.n, 0);
    /* The exchange is over: the old key is nobody's, the session by the new one lives on. */
    assert_int_equal(wire_allow(bench->wire, &bench->identities[1], 1), ERR_OK);
    unsigned heard_n = bench->at_server.n;
    (void)bench_say(old_client, "by the old key");
    TURN(bench, wire_counters(bench->wire)->revoked_key_n > 0, 1000);
    assert_int_equal(bench->at_server.n, heard_n);
    assert_int_equal(bench_answer(bench, 7, "still there"), ERR_OK);
    TURN(bench, new_box.n == 2, 1000);
    assert_int_equal(new_box.n, 2);
}

/* Which of the two the server holds is found out by trying, soon, and again after each restart. */
static void a_client_finds_the_server_under_either_of_its_keys(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    char address[ADDRESS_SIZE];
    const struct pair first = bench->server, other = bench->b;
    assert_true(text_copy(address, sizeof address, bench->address));
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    wire_client_next_key(client, other.public_key);
    bench_heard(bench, client, "by its key");
    assert_false(wire_client_on_next(client));
    for (unsigned turn = 0; turn < 3; turn++) {
        bench->server = turn % 2 == 0 ? other : first;
        wire_server_close(bench->serving);
        TURN(bench, !wire_client_connected(client), 1000);
        TURN(bench, false, 100);
        bench_serve(bench, address);
        uint64_t start_ms = clock_boot_ms();
        TURN(bench, wire_client_connected(client), 5000);
        print_message("found after %d ms\n", (int)(clock_boot_ms() - start_ms));
        assert_true(clock_boot_ms() - start_ms < 2500);
        assert_int_equal(wire_client_on_next(client), turn % 2 == 0);
        bench_heard(bench, client, "again");
    }
}

static void one_agent_cannot_take_another_agents_answers(void **state) {
    struct bench *bench = *state;
    struct inbox a_box = {0};
    struct inbox b_box = {0};
    struct wire_client *a = bench_join(bench, &bench->a, &a_box);
    struct wire_client *b = bench_join(bench, &bench->b, &b_box);
    bench_heard(bench, a, "I am east-b");
    assert_string_equal(bench->at_server.from, "east-a");
    assert_int_equal(bench_answer(bench, 8, "for b"), ERR_UNREACHABLE);
    bench_heard(bench, b, "I am east-b");
    assert_string_equal(bench->at_server.from, "east-b");
    assert_int_equal(bench_answer(bench, 8, "for b"), ERR_OK);
    TURN(bench, b_box.n == 1, 1000);
    assert_int_equal(b_box.n, 1);
    assert_int_equal(a_box.n, 0);
}

static void closing_inside_a_callback_is_safe(void **state) {
    struct bench *bench = *state;
    struct closer closer = {.bench = bench};
    assert_int_equal(wire_connect(bench->wire, bench->address, bench->server.public_key,
                                  bench->a.secret, bench->a.public_key, FRAME_MAX, close_self,
                                  &closer, &closer.client, NULL),
                     ERR_OK);
    bench_heard(bench, closer.client, "hello");
    assert_int_equal(bench_answer(bench, 7, "one"), ERR_OK);
    assert_int_equal(bench_answer(bench, 7, "two"), ERR_OK);
    TURN(bench, closer.n > 0, 1000);
    TURN(bench, false, 50);
    assert_int_equal(closer.n, 1);
}

static void a_port_in_use_is_a_clear_error(void **state) {
    struct bench *bench = *state;
    struct wire_server *second = NULL;
    struct text256 why = {""};
    assert_int_equal(wire_serve(bench->wire, bench->address, bench->server.secret,
                                bench->server.public_key, FRAME_MAX, bench_take_frame,
                                &bench->at_server, &second, &why),
                     ERR_IO);
    assert_null(second);
    assert_non_null(strstr(why.at, "Address already in use"));
    assert_int_equal(wire_serve(bench->wire, "nonsense", bench->server.secret,
                                bench->server.public_key, FRAME_MAX, bench_take_frame,
                                &bench->at_server, &second, &why),
                     ERR_IO);
}

static void a_quiet_wire_does_not_spin(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "hello");
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
    const struct CMUnitTest tests[] = {
        WIRE_TEST(the_right_key_passes_both_ways),
        WIRE_TEST(every_frame_of_a_burst_arrives_in_order),
        WIRE_TEST(many_frames_at_once_do_not_wait_for_the_next_event),
        WIRE_TEST(an_absent_peer_is_unreachable_and_nothing_is_kept_for_it),
        WIRE_TEST(a_peer_with_another_server_key_gets_nothing),
        WIRE_TEST(a_stranger_gets_nothing_and_is_told_of),
        WIRE_TEST(a_stranger_that_is_allowed_later_connects_by_itself),
        WIRE_TEST(a_revoked_key_gets_nothing_until_it_is_allowed_again),
        WIRE_TEST(a_key_revoked_during_a_session_is_cut_from_the_next_frame),
        WIRE_TEST(a_key_given_to_another_identity_speaks_for_that_one),
        WIRE_TEST(the_allow_list_is_bounded_and_unambiguous),
        WIRE_TEST(a_client_is_back_soon_after_its_server_restarts),
        WIRE_TEST(of_two_sessions_with_one_key_the_newest_gets_the_answers),
        WIRE_TEST(both_keys_of_one_identity_are_one_peer),
        WIRE_TEST(a_client_finds_the_server_under_either_of_its_keys),
        WIRE_TEST(one_agent_cannot_take_another_agents_answers),
        WIRE_TEST(closing_inside_a_callback_is_safe),
        WIRE_TEST(a_port_in_use_is_a_clear_error),
        WIRE_TEST(a_quiet_wire_does_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
