/* The converter: what goes in comes out, whole or not at all. What is refused:
 * convert_refusal_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/message.h"
#include "proto/printable.h"
#include "tests/unit/proto/random_message.h"

static uint8_t scratch[4 * DECODE_SCRATCH_SIZE];
static uint8_t frame[FRAME_ANSWER_MAX];
static uint8_t frame_again[FRAME_ANSWER_MAX];

static size_t encoded(const struct message *message) {
    size_t used = 0;
    assert_int_equal(message_encode(message, frame, sizeof frame, &used), ERR_OK);
    return used;
}

static void text_equal_at(const char *a, uint32_t a_size, const char *b, uint32_t b_size) {
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    assert_int_equal(b[b_size], 0);
}

/* Compares what pointers point to, then takes them out, so that all the rest compares as bytes. */
static void level_pointers(struct message *sent, struct message *got) {
    if (sent->kind == MESSAGE_REPORT) {
        assert_int_equal(sent->signed_size, got->signed_size);
        assert_memory_equal(sent->signed_at, got->signed_at, sent->signed_size);
        sent->signed_at = NULL;
        got->signed_at = NULL;
    } else if (sent->kind == MESSAGE_CONFIG) {
        text_equal_at(sent->config.text, sent->config.text_size, got->config.text,
                      got->config.text_size);
        sent->config.text = NULL;
        got->config.text = NULL;
    } else if (sent->kind == MESSAGE_RELAY) {
        assert_int_equal(sent->relay.frame_size, got->relay.frame_size);
        assert_memory_equal(sent->relay.frame, got->relay.frame, got->relay.frame_size);
        sent->relay.frame = NULL;
        got->relay.frame = NULL;
    } else if (sent->kind == MESSAGE_REQUEST) {
        text_equal_at(sent->request.text, sent->request.text_size, got->request.text,
                      got->request.text_size);
        sent->request.text = NULL;
        got->request.text = NULL;
    } else if (sent->kind == MESSAGE_REPLY) {
        text_equal_at(sent->reply.json, sent->reply.json_size, got->reply.json,
                      got->reply.json_size);
        sent->reply.json = NULL;
        got->reply.json = NULL;
    }
}

static void every_kind_comes_out_as_it_went_in(void **state) {
    (void)state;
    static struct random_space space;
    static struct message sent;
    static struct message got;
    struct rng rng;
    rng_seed(&rng, 20261121);
    for (unsigned round = 0; round < 400; round++) {
        for (unsigned kind = MESSAGE_QUESTION; kind <= MESSAGE_REPLY; kind++) {
            struct text256 why = {""};
            random_message(&rng, (enum message_kind)kind, &space, &sent);
            size_t used = encoded(&sent);
            memset(&got, 0xa5, sizeof got);
            enum err err = message_decode(frame, used, scratch, sizeof scratch, &got, &why);
            assert_string_equal(why.at, "");
            assert_int_equal(err, ERR_OK);
            level_pointers(&sent, &got);
            assert_memory_equal(&sent, &got, sizeof sent);
        }
    }
}

static void every_kind_fits_its_frame(void **state) {
    (void)state;
    static struct report report;
    static uint8_t body[FRAME_AGENT_MAX];
    struct message message = {.kind = MESSAGE_REPORT};
    size_t used = 0;
    /* The largest report there can be. */
    struct rng rng;
    rng_seed(&rng, 1);
    random_report(&rng, &report);
    report.positions_n = REPORT_POSITIONS_MAX;
    for (size_t i = 0; i < REPORT_POSITIONS_MAX; i++) {
        report.positions[i] = (struct position_report){.link = LINKS_MAX - 1,
                                                       .kind = POSITION_APPLIED,
                                                       .position = UINT64_MAX,
                                                       .wall_ms = UINT64_MAX};
    }
    report.checks_n = CHECKS_MAX;
    for (size_t i = 0; i < CHECKS_MAX; i++) {
        struct check_report *check = &report.checks[i];
        *check = (struct check_report){.check = CHECKS_MAX - 1,
                                       .status = CHECK_STALE,
                                       .role = STORE_STANDBY,
                                       .writable = true,
                                       .since_ms = UINT32_MAX,
                                       .latency_ms = UINT32_MAX,
                                       .value = INT64_MIN};
        memset(check->detail, 'x', sizeof check->detail - 1);
        check->run = check->began_ago_ms = check->ended_ago_ms = check->timeline = UINT32_MAX;
        memset(check->leader, 'x', sizeof check->leader - 1);
    }
    assert_int_equal(report_body_encode(&report, body, sizeof body, &used), ERR_OK);
    message.signed_at = body;
    message.signed_size = (uint32_t)used;
    used = encoded(&message);
    assert_true(used < FRAME_AGENT_MAX);
    print_message("the largest report: %zu bytes\n", used);
    assert_int_equal(message_decode(frame, used, scratch, DECODE_SCRATCH_SIZE, &message, NULL),
                     ERR_OK);
    assert_int_equal(message_encode(&message, frame_again, used - 1, &used), ERR_TOO_BIG);
}

static void a_failed_decode_leaves_the_message_alone(void **state) {
    (void)state;
    static struct message got;
    static struct message before;
    memset(&got, 0x5a, sizeof got);
    before = got;
    assert_int_equal(
        message_decode((const uint8_t *)"\x08\x02", 2, scratch, sizeof scratch, &got, NULL),
        ERR_UNSUPPORTED);
    assert_memory_equal(&before, &got, sizeof got);
}

static void no_beginning_of_a_frame_is_taken_for_the_whole(void **state) {
    (void)state;
    static struct random_space space;
    static struct message message;
    static struct message got;
    struct rng rng;
    rng_seed(&rng, 7);
    for (unsigned kind = MESSAGE_QUESTION; kind <= MESSAGE_REPLY; kind++) {
        random_message(&rng, (enum message_kind)kind, &space, &message);
        size_t used = encoded(&message);
        size_t step = used > 2000 ? 37 : 1;
        for (size_t n = 0; n < used; n += step) {
            assert_int_not_equal(message_decode(frame, n, scratch, sizeof scratch, &got, NULL),
                                 ERR_OK);
        }
    }
}

static void altered_frames_never_break_the_bounds(void **state) {
    (void)state;
    static struct random_space space;
    static struct message message;
    static struct message got;
    struct rng rng;
    rng_seed(&rng, 99);
    unsigned good_n = 0;
    for (unsigned round = 0; round < 20000; round++) {
        enum message_kind kind = (enum message_kind)(1 + rng_below(&rng, MESSAGE_REPLY));
        if (kind == MESSAGE_REPORT && round % 16 != 0) {
            kind = MESSAGE_COMMAND;
        }
        random_message(&rng, kind, &space, &message);
        size_t used = encoded(&message);
        for (unsigned flips = 1 + (unsigned)rng_below(&rng, 4); flips > 0; flips--) {
            frame[rng_below(&rng, used)] ^= (uint8_t)(1 + rng_below(&rng, 255));
        }
        if (message_decode(frame, used, scratch, DECODE_SCRATCH_SIZE, &got, NULL) == ERR_OK) {
            good_n++;
            size_t again = 0;
            assert_int_equal(message_encode(&got, frame_again, sizeof frame_again, &again), ERR_OK);
        }
    }
    assert_true(good_n > 0);
}

static void free_text_is_cleaned_on_its_way_out(void **state) {
    (void)state;
    struct message message = {.kind = MESSAGE_OUTCOME};
    struct message got;
    (void)text_copy(message.outcome.agent, NAME_SIZE, "a");
    message.outcome.attempt = 1;
    message.outcome.state = OUTCOME_FAILED;
    (void)text_copy(message.outcome.detail, SENTENCE_SIZE, "FATAL:\n\xff\x1b[31m role \xc3\xa9");
    size_t used = encoded(&message);
    assert_int_equal(message_decode(frame, used, scratch, sizeof scratch, &got, NULL), ERR_OK);
    assert_string_equal(got.outcome.detail, "FATAL:???[31m role \xc3\xa9");
}

static void cleaning_twice_is_cleaning_once(void **state) {
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (unsigned round = 0; round < 20000; round++) {
        char raw[64];
        char once[40];
        char twice[40];
        for (size_t i = 0; i < sizeof raw; i++) {
            raw[i] = (char)(rng_chance(&rng, 1, 2) ? 0xc0 + rng_below(&rng, 0x40)
                                                   : rng_below(&rng, 256));
        }
        raw[rng_below(&rng, sizeof raw)] = '\0';
        raw[sizeof raw - 1] = '\0';
        size_t size = 1 + rng_below(&rng, sizeof once);
        printable_clean(raw, once, size);
        assert_true(printable_is(once, strlen(once), false));
        printable_clean(once, twice, size);
        assert_string_equal(once, twice);
    }
}

static void a_report_of_twenty_checks_is_decoded_quickly(void **state) {
    (void)state;
    static struct message message;
    static struct message got;
    static uint8_t body[FRAME_AGENT_MAX];
    enum { ROUNDS = 5000 };
    struct rng rng;
    size_t used = 0;
    rng_seed(&rng, 5);
    message.kind = MESSAGE_REPORT;
    random_report(&rng, &message.report);
    message.report.checks_n = 20;
    for (size_t i = 0; i < 20; i++) {
        struct check_report *check = &message.report.checks[i];
        *check = (struct check_report){.check = (uint16_t)i, .status = CHECK_OK, .latency_ms = 12};
        (void)text_copy(check->detail, sizeof check->detail, "200 OK in 12 ms, primary, writable");
    }
    assert_int_equal(report_body_encode(&message.report, body, sizeof body, &used), ERR_OK);
    message.signed_at = body;
    message.signed_size = (uint32_t)used;
    used = encoded(&message);
    struct timespec start;
    struct timespec end;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(message_decode(frame, used, scratch, DECODE_SCRATCH_SIZE, &got, NULL),
                         ERR_OK);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double us =
        (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
    print_message("%zu bytes, %.1f us a decode\n", used, us / ROUNDS);
    assert_true(us / ROUNDS < 120.0 * 10); /* ten times the aim: sanitizers and busy machines */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_out_as_it_went_in),
        cmocka_unit_test(every_kind_fits_its_frame),
        cmocka_unit_test(a_failed_decode_leaves_the_message_alone),
        cmocka_unit_test(no_beginning_of_a_frame_is_taken_for_the_whole),
        cmocka_unit_test(altered_frames_never_break_the_bounds),
        cmocka_unit_test(free_text_is_cleaned_on_its_way_out),
        cmocka_unit_test(cleaning_twice_is_cleaning_once),
        cmocka_unit_test(a_report_of_twenty_checks_is_decoded_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
