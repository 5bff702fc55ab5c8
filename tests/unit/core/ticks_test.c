/* ticks: a TICK that was applied late is as old as it is, not as new as it looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/ticks.h"

static struct stamp at(uint64_t ms) {
    return (struct stamp){.boot_ms = 100000 + ms, .raw_ms = 100000 + ms};
}

/* One TICK a second for so long. */
static struct ticks ticking(uint64_t until_ms) {
    struct ticks ticks = {0};
    for (uint64_t ms = 0; ms <= until_ms; ms += 1000) {
        ticks_applied(&ticks, 1000, at(ms));
    }
    return ticks;
}

static void nobody_knows_before_a_tick_was_seen(void **state) {
    struct ticks ticks = {0};
    (void)state;
    assert_int_equal(ticks_silent_ms(&ticks, at(0)), UINT32_MAX);
}

static void what_was_read_back_is_as_old_as_the_wall_clocks_say(void **state) {
    struct ticks ticks = {0};
    (void)state;
    ticks_read_back(&ticks, 60000, at(0));
    assert_int_equal(ticks_silent_ms(&ticks, at(100)), 60100);
    ticks_read_back(&ticks, 300, at(200));
    assert_int_equal(ticks_silent_ms(&ticks, at(200)), 300);
    ticks_applied(&ticks, 1000, at(500));
    assert_int_equal(ticks_silent_ms(&ticks, at(700)), 200);
}

/* A simulated story: the head that a member read up to was an old one; what it read behind it was
 * as old as the rest. */
static void what_is_read_behind_the_first_head_is_old_too(void **state) {
    struct ticks ticks = {0};
    (void)state;
    ticks_read_back(&ticks, 19000, at(0));
    ticks_applied(&ticks, 100, at(50));
    assert_in_range(ticks_silent_ms(&ticks, at(50)), 18500, 19000);
}

static void a_wall_clock_that_lies_is_made_good_within_a_minute(void **state) {
    struct ticks ticks = {0};
    (void)state;
    ticks_read_back(&ticks, 3600000, at(0));
    for (uint64_t ms = 500; ms <= 55000; ms += 500) {
        ticks_applied(&ticks, 500, at(ms));
    }
    assert_in_range(ticks_silent_ms(&ticks, at(55000)), 0, 5000);
    ticks_read_back(&ticks, UINT64_MAX, at(0));
    assert_int_equal(ticks_silent_ms(&ticks, at(0)), UINT32_MAX);
    for (uint64_t ms = 500; ms <= 120000; ms += 500) {
        ticks_applied(&ticks, 500, at(ms));
    }
    assert_in_range(ticks_silent_ms(&ticks, at(120000)), 0, 5000);
}

static void silence_counts_from_the_newest_tick(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    assert_int_equal(ticks_silent_ms(&ticks, at(10300)), 300);
    assert_int_equal(ticks_silent_ms(&ticks, at(16000)), 6000);
}

/* The simulator's story: the deciding TICK stood in the log for 11 s before this member could read
 * it, and the automatic CLOSE of that old decision was the first thing it wrote. */
static void a_tick_applied_late_is_old(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 1000, at(22000));
    assert_in_range(ticks_silent_ms(&ticks, at(22050)), 10000, 11100);
}

/* A simulated story: six seconds of TICKs stood in the log for fourteen, and were read at once. */
static void what_is_read_in_a_row_makes_nothing_good(void **state) {
    (void)state;
    struct ticks ticks = ticking(4000);
    for (unsigned n = 0; n < 60; n++) {
        ticks_applied(&ticks, 100, at(24000));
    }
    assert_in_range(ticks_silent_ms(&ticks, at(24000)), 13000, 14000);
}

static void a_long_delay_is_made_good_within_half_a_minute(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 1000, at(71000)); /* a minute late */
    assert_in_range(ticks_silent_ms(&ticks, at(71000)), 59000, 60000);
    for (uint64_t ms = 71500; ms <= 101000; ms += 500) {
        ticks_applied(&ticks, 500, at(ms));
    }
    assert_in_range(ticks_silent_ms(&ticks, at(101000)), 0, 5000);
}

static void the_tick_that_counts_the_pause_makes_it_new_again(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 1000, at(22000));
    ticks_applied(&ticks, 11000, at(22100));
    assert_in_range(ticks_silent_ms(&ticks, at(22200)), 100, 200);
}

static void clocks_that_run_apart_are_forgiven(void **state) {
    (void)state;
    struct ticks ticks = {0};
    for (uint64_t n = 0; n < 1000; n++) {
        ticks_applied(&ticks, 1000, at(n * 1100)); /* 10 % */
    }
    assert_int_equal(ticks_silent_ms(&ticks, at(999 * 1100)), 0);
}

static void a_new_timekeeper_tells_no_time(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 0, at(17000));
    assert_in_range(ticks_silent_ms(&ticks, at(17000)), 6900, 7000);
}

static void a_small_delay_is_made_good(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 1000, at(12000)); /* a second late */
    for (uint64_t ms = 13000; ms <= 20000; ms += 1000) {
        ticks_applied(&ticks, 1000, at(ms));
    }
    assert_int_equal(ticks_silent_ms(&ticks, at(20000)), 0);
}

static void a_clock_that_went_backwards_makes_nothing_good(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    ticks_applied(&ticks, 1000, at(22000));
    ticks_applied(&ticks, 100, at(15000));
    assert_in_range(ticks_silent_ms(&ticks, at(15000)), 10000, 11000);
}

/* Simulated: BOOTTIME was set back while the log stood still, and an old decision looked new. */
static void of_two_clocks_the_one_that_was_not_set_back_tells(void **state) {
    (void)state;
    for (unsigned boot = 0; boot < 2; boot++) {
        struct ticks ticks = ticking(10000);
        struct stamp now = at(20000);
        *(boot ? &now.boot_ms : &now.raw_ms) -= 15000;
        ticks_applied(&ticks, 1000, now);
        assert_in_range(ticks_silent_ms(&ticks, now), 8000, 9000);
    }
}

static void a_clock_that_went_backwards_makes_old_until_the_next_tick(void **state) {
    (void)state;
    struct ticks ticks = ticking(10000);
    assert_int_equal(ticks_silent_ms(&ticks, at(5000)), UINT32_MAX);
    ticks_applied(&ticks, 1000, at(5100));
    assert_int_equal(ticks_silent_ms(&ticks, at(5200)), 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_knows_before_a_tick_was_seen),
        cmocka_unit_test(what_was_read_back_is_as_old_as_the_wall_clocks_say),
        cmocka_unit_test(what_is_read_behind_the_first_head_is_old_too),
        cmocka_unit_test(a_wall_clock_that_lies_is_made_good_within_a_minute),
        cmocka_unit_test(silence_counts_from_the_newest_tick),
        cmocka_unit_test(a_tick_applied_late_is_old),
        cmocka_unit_test(what_is_read_in_a_row_makes_nothing_good),
        cmocka_unit_test(a_long_delay_is_made_good_within_half_a_minute),
        cmocka_unit_test(the_tick_that_counts_the_pause_makes_it_new_again),
        cmocka_unit_test(clocks_that_run_apart_are_forgiven),
        cmocka_unit_test(a_new_timekeeper_tells_no_time),
        cmocka_unit_test(a_small_delay_is_made_good),
        cmocka_unit_test(a_clock_that_went_backwards_makes_nothing_good),
        cmocka_unit_test(of_two_clocks_the_one_that_was_not_set_back_tells),
        cmocka_unit_test(a_clock_that_went_backwards_makes_old_until_the_next_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
