/* base: bounded bytes and strings, numbers that depend on a seed only, stamps on two clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/bits.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/jumps.h"
#include "common/base/rng.h"
#include "common/base/stamp.h"
#include "common/base/text.h"

/* -------------------------------------------------------------------- bytes */

static void values_come_back_little_endian(void **state) {
    uint8_t buffer[64], raw[3];
    char text[8];
    (void)state;
    struct bytes_out out = bytes_writer(buffer, sizeof buffer);
    bytes_put_u8(&out, 0x11);
    bytes_put_u16(&out, 0x2233);
    bytes_put_u32(&out, 0x44556677);
    bytes_put_u64(&out, UINT64_C(0x8899AABBCCDDEEFF));
    bytes_put_raw(&out, "abc", 3);
    bytes_put_raw(&out, NULL, 0);
    bytes_put_text(&out, "hello");
    assert_false(out.failed);
    assert_int_equal(out.used, 1 + 2 + 4 + 8 + 3 + 2 + 5);
    assert_int_equal(buffer[1], 0x33);
    assert_int_equal(buffer[3], 0x77);
    struct bytes_in in = bytes_reader(buffer, out.used);
    assert_int_equal(bytes_get_u8(&in), 0x11);
    assert_int_equal(bytes_get_u16(&in), 0x2233);
    assert_int_equal(bytes_get_u32(&in), 0x44556677);
    assert_true(bytes_get_u64(&in) == UINT64_C(0x8899AABBCCDDEEFF));
    bytes_get_raw(&in, raw, sizeof raw);
    assert_memory_equal(raw, "abc", 3);
    assert_false(bytes_all_read(&in));
    bytes_get_text(&in, text, sizeof text);
    assert_string_equal(text, "hello");
    assert_true(bytes_all_read(&in));
}

static void who_ran_out_stays_failed(void **state) {
    uint8_t buffer[4] = {1, 2, 3, 4};
    (void)state;
    struct bytes_out out = bytes_writer(buffer, sizeof buffer);
    bytes_put_u64(&out, 1);
    assert_true(out.failed);
    bytes_put_u8(&out, 1);
    assert_true(out.failed);
    struct bytes_in in = bytes_reader(buffer, sizeof buffer);
    assert_int_equal(bytes_get_u64(&in), 0);
    assert_int_equal(bytes_get_u8(&in), 0); /* zeros, never what lies there */
    assert_false(bytes_all_read(&in));
    static char long_text[UINT16_MAX + 2];
    static uint8_t room[UINT16_MAX + 64];
    memset(long_text, 'x', sizeof long_text - 1);
    out = bytes_writer(room, sizeof room);
    bytes_put_text(&out, long_text);
    assert_true(out.failed);
}

static void a_text_that_is_too_long_or_holds_a_zero_is_refused(void **state) {
    uint8_t buffer[16];
    char text[4];
    (void)state;
    struct bytes_out out = bytes_writer(buffer, sizeof buffer);
    bytes_put_text(&out, "four");
    struct bytes_in in = bytes_reader(buffer, out.used);
    bytes_get_text(&in, text, sizeof text);
    assert_true(in.failed);
    assert_string_equal(text, "");
    memcpy(buffer,
           "\x02\x00"
           "a\x00",
           4);
    in = bytes_reader(buffer, 4);
    bytes_get_text(&in, text, sizeof text);
    assert_true(in.failed);
}

static void the_checksum_is_that_of_zlib(void **state) {
    (void)state;
    assert_int_equal(crc32_of("123456789", 9), 0xCBF43926);
    assert_int_equal(crc32_of("", 0), 0);
}

/* --------------------------------------------------------------------- text */

static void texts_are_cut_and_always_end(void **state) {
    char out[5];
    struct text256 why;
    (void)state;
    assert_true(text_format(out, sizeof out, "%d", 1234));
    assert_false(text_format(out, sizeof out, "%d", 12345));
    assert_string_equal(out, "1234");
    assert_true(text_copy(out, sizeof out, "abcd"));
    assert_false(text_copy(out, sizeof out, "abcde"));
    assert_string_equal(out, "abcd");
    assert_true(text_copy(out, sizeof out, "ab"));
    assert_true(text_append(out, sizeof out, "cd"));
    assert_false(text_append(out, sizeof out, "e"));
    assert_string_equal(out, "abcd");
    text_say(NULL, "nobody hears");
    text_say(&why, "%s", "why");
    assert_string_equal(why.at, "why");
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "b"));
    assert_true(text_starts("tcp://x", "tcp://"));
    assert_false(text_starts("tc", "tcp://"));
    assert_true(text_is_of("eu-west_1.a", "-_."));
    assert_false(text_is_of("eu west", "-_."));
    assert_false(text_is_of("", "-_."));
}

static void a_number_is_all_digits_and_within_its_bound(void **state) {
    static const char *const wrong[] = {"",    "-1",  "+1",  " 1",     "1 ",
                                        "0x1", "1.0", "101", "999999", "18446744073709551616"};
    uint64_t value = 7;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(text_to_u64(wrong[i], 100, &value));
        assert_int_equal(value, 7);
    }
    assert_true(text_to_u64("100", 100, &value));
    assert_int_equal(value, 100);
    /* A limit of one digit is a limit too. */
    for (uint64_t max = 0; max < 120; max++) {
        for (uint64_t number = 0; number < 130; number++) {
            char text[8];
            assert_true(text_format(text, sizeof text, "%u", (unsigned)number));
            assert_int_equal(text_to_u64(text, max, &value), number <= max);
        }
    }
    assert_true(text_to_u64("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(text_to_u64("18446744073709551616", UINT64_MAX, &value));
}

static void bytes_as_hex_come_back(void **state) {
    uint8_t back[3] = {9, 9, 9};
    char hex[7];
    (void)state;
    text_from_bytes((const uint8_t *)"\x00\xAB\xFF", 3, hex, sizeof hex);
    assert_string_equal(hex, "00abff");
    assert_false(text_to_bytes("00abf", back, 3));
    assert_false(text_to_bytes("00abff0", back, 3));
    assert_false(text_to_bytes("00abfg", back, 3));
    assert_int_equal(back[0], 9); /* untouched */
    assert_true(text_to_bytes("00ABff", back, 3));
    assert_memory_equal(back, "\x00\xAB\xFF", 3);
}

static void a_name_is_what_may_stand_in_a_name(void **state) {
    (void)state;
    assert_true(text_is_name("eu-west.1_a", 32));
    assert_true(text_is_name("9", 32));
    assert_false(text_is_name("", 32));
    assert_false(text_is_name("-a", 32));
    assert_false(text_is_name("A", 32));
    assert_false(text_is_name("a b", 32));
    assert_false(text_is_name("abcd", 4)); /* no room for its end */
    assert_true(text_is_name("abc", 4));
}

/* ---------------------------------------------------------------------- rng */

static void the_same_seed_gives_the_same_numbers_for_ever(void **state) {
    struct rng a, b;
    (void)state;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    assert_true(rng_next(&a) == UINT64_C(0x15780B2E0C2EC716)); /* of this very generator */
    (void)rng_next(&b);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(rng_next(&a) == rng_next(&b));
    }
    rng_seed(&b, 43);
    assert_true(rng_next(&a) != rng_next(&b));
}

static void numbers_below_a_limit_are_even(void **state) {
    struct rng rng;
    unsigned seen_n[7] = {0}, hits_n = 0;
    (void)state;
    rng_seed(&rng, 0);
    for (unsigned i = 0; i < 70000; i++) {
        uint64_t value = rng_below(&rng, 7);
        assert_true(value < 7);
        seen_n[value]++;
        hits_n += rng_chance(&rng, 1, 4);
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_in_range(seen_n[i], 9500, 10500);
    }
    assert_in_range(hits_n, 16800, 18200);
    assert_int_equal(rng_below(&rng, 1), 0);
    assert_false(rng_chance(&rng, 0, 5));
    assert_true(rng_chance(&rng, 5, 5));
    assert_true(rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(3) << 62);
}

/* ------------------------------------------------------------- bits, stamps */

static void sets_of_bits_count(void **state) {
    static const unsigned majorities[] = {1, 1, 2, 2, 3, 3, 4};
    (void)state;
    assert_true(bit(63) == UINT64_C(1) << 63);
    assert_true(bits_has(5, 2));
    assert_false(bits_has(5, 1));
    assert_int_equal(bits_count(UINT64_MAX), 64);
    for (unsigned n = 0; n < sizeof(majorities) / sizeof(majorities[0]); n++) {
        assert_int_equal(majority_of(n), majorities[n]);
    }
}

static void who_stops_believes_the_larger_and_who_waits_the_smaller(void **state) {
    struct stamp since = {.boot_ms = 100, .raw_ms = 1000};
    const struct {
        struct stamp now;
        uint64_t most_ms, least_ms;
    } rows[] = {
        {{100, 1000}, 0, 0},         {{150, 1070}, 70, 50},       {{170, 1050}, 70, 50},
        {{99, 1050}, UINT64_MAX, 0}, {{150, 999}, UINT64_MAX, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(stamp_most_passed_ms(since, rows[i].now) == rows[i].most_ms);
        assert_true(stamp_least_passed_ms(since, rows[i].now) == rows[i].least_ms);
    }
}

static void a_pause_and_a_set_wall_clock_are_told_apart(void **state) {
    const struct {
        uint64_t boot_ms, wall_ms, paused_ms;
        int64_t stepped_ms;
    } rows[] = {
        {1000, 500000, 0, 0},         /* the first look knows nothing */
        {1020, 500020, 0, 0},         /* as expected */
        {2039, 501039, 0, 0},         /* late, as a busy machine is */
        {5039, 504039, 3000, 0},      /* stood still for 3 s */
        {5059, 4104059, 0, 3600000},  /* set forward by an hour */
        {5079, 504079, 0, -3600000},  /* and back */
        {9079, 498079, 4000, -10000}, /* both, as behind a snapshot */
        {9099, 499098, 0, 0},         /* less than a second is a step of nobody's */
        {40, 490000, 0, 0},           /* a boot clock that went back says nothing */
        {60, 490020, 0, 0},
    };
    struct jumps jumps = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct jump jump = jumps_look(&jumps, rows[i].boot_ms, rows[i].wall_ms, 20);
        assert_true(jump.paused_ms == rows[i].paused_ms);
        assert_true(jump.stepped_ms == rows[i].stepped_ms);
    }
}

static void every_failure_has_a_name_and_a_sentence(void **state) {
    (void)state;
    for (int err = ERR_OK; err <= ERR_CONFIG; err++) {
        assert_string_not_equal(err_text((enum err)err), "unknown error");
        assert_string_not_equal(err_name((enum err)err), "UNKNOWN");
    }
    assert_string_equal(err_text((enum err)200), "unknown error");
    assert_string_equal(err_name((enum err)200), "UNKNOWN");
    assert_string_equal(err_name(ERR_NO_QUORUM), "NO_QUORUM");
}

/* --------------------------------------------------------------------- ensure */

static int told_fd;

static void tell(const char *expression, const char *file, int line) {
    (void)file;
    ssize_t n = line > 0 ? write(told_fd, expression, strlen(expression)) : -1;
    if (n < 0) {
        _exit(3);
    }
}

static void a_broken_reasoning_is_told_and_ends_the_program(void **state) {
    int fds[2], status = 0;
    char told[32] = "";
    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        told_fd = fds[1];
        ensure_hook = tell;
        ensure(1 + 1 == 3);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(read(fds[0], told, sizeof told - 1) > 0);
    assert_string_equal(told, "1 + 1 == 3");
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_little_endian),
        cmocka_unit_test(who_ran_out_stays_failed),
        cmocka_unit_test(a_text_that_is_too_long_or_holds_a_zero_is_refused),
        cmocka_unit_test(the_checksum_is_that_of_zlib),
        cmocka_unit_test(texts_are_cut_and_always_end),
        cmocka_unit_test(a_number_is_all_digits_and_within_its_bound),
        cmocka_unit_test(bytes_as_hex_come_back),
        cmocka_unit_test(a_name_is_what_may_stand_in_a_name),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers_for_ever),
        cmocka_unit_test(numbers_below_a_limit_are_even),
        cmocka_unit_test(sets_of_bits_count),
        cmocka_unit_test(who_stops_believes_the_larger_and_who_waits_the_smaller),
        cmocka_unit_test(a_pause_and_a_set_wall_clock_are_told_apart),
        cmocka_unit_test(every_failure_has_a_name_and_a_sentence),
        cmocka_unit_test(a_broken_reasoning_is_told_and_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
