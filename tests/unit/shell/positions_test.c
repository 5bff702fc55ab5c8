/* What would be lost, from what was seen before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "coordinator/positions.h"

static struct positions positions;

static int setup(void **state) {
    (void)state;
    positions_init(&positions);
    return 0;
}

static void nothing_is_known_until_both_ends_spoke(void **state) {
    (void)state;
    assert_false(positions_lag(&positions, 0).known);
    positions_written(&positions, 0, 100, 1000);
    assert_false(positions_lag(&positions, 0).known);
    positions_received(&positions, 1, 100, 1000);
    assert_false(positions_lag(&positions, 0).known);
    positions_received(&positions, 0, 100, 1000);
    assert_true(positions_lag(&positions, 0).known);
    assert_int_equal(positions_lag(&positions, 0).ms, 0);
}

static void the_lag_is_the_age_of_the_first_missing_byte(void **state) {
    (void)state;
    for (uint64_t s = 0; s <= 10; s++) {
        positions_written(&positions, 0, 1000 * s, 1000 * s);
    }
    positions_received(&positions, 0, 7500, 10000);
    struct lag lag = positions_lag(&positions, 0);
    assert_int_equal(lag.bytes, 2500);
    assert_int_equal(lag.ms, 3000); /* had everything of second 7 */
    assert_int_equal(lag.sampled_ms, 10000);
}

/* After a member's start its memory is seconds long: a standby an hour late is no second late. */
static void a_standby_further_back_than_memory_is_not_known_to_be_on_time(void **state) {
    (void)state;
    for (uint64_t s = 1; s <= POSITION_SAMPLES_MAX + 100; s++) {
        positions_written(&positions, 0, 1000 * s, 1000 * s);
    }
    positions_received(&positions, 0, 1, 1000);
    struct lag lag = positions_lag(&positions, 0);
    assert_false(lag.known);
    assert_int_equal(lag.bytes, 1000ull * (POSITION_SAMPLES_MAX + 100) - 1);
    positions_init(&positions);
    positions_written(&positions, 0, 5000, 1000);
    positions_received(&positions, 0, 4999, 1000);
    assert_false(positions_lag(&positions, 0).known);
    positions_received(&positions, 0, 5000, 2000);
    positions_written(&positions, 0, 6000, 3000);
    lag = positions_lag(&positions, 0);
    assert_true(lag.known);
    assert_int_equal(lag.ms, 2000);
}

/* Simulated: a timekeeper started again said nothing for a minute, and 400 ms stood for 6 s. */
static void a_short_memory_still_knows_at_least_how_much_is_lacking(void **state) {
    (void)state;
    for (uint64_t s = 0; s <= 6; s++) {
        positions_written(&positions, 0, 1000 + s, 1000 * s);
    }
    positions_received(&positions, 0, 999, 100);
    struct lag lag = positions_lag(&positions, 0), before = lag;
    assert_false(lag.known);
    assert_int_equal(lag.least_ms, 6000);
    lag_at_least(&lag, 6000); /* as much was told before, or more: that stays */
    assert_memory_equal(&lag, &before, sizeof lag);
    lag_at_least(&lag, 400);
    assert_true(lag.known);
    assert_int_equal(lag.ms, 6000);
    positions_received(&positions, 0, 1003, 7000);
    lag = positions_lag(&positions, 0);
    lag_at_least(&lag, 0); /* what is known is known exactly */
    assert_int_equal(lag.ms, 3000);
}

static void a_position_that_went_back_starts_anew(void **state) {
    (void)state;
    positions_written(&positions, 0, 9000, 1000);
    positions_written(&positions, 0, 500, 2000);
    positions_received(&positions, 0, 500, 2000);
    assert_int_equal(positions_lag(&positions, 0).bytes, 0);
    assert_int_equal(positions.links[0].n, 1);
}

static void an_older_word_of_the_standby_does_not_replace_a_newer(void **state) {
    (void)state;
    positions_written(&positions, 0, 100, 1000);
    positions_received(&positions, 0, 100, 5000);
    positions_received(&positions, 0, 1, 4000);
    assert_int_equal(positions_lag(&positions, 0).bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_known_until_both_ends_spoke, setup),
        cmocka_unit_test_setup(the_lag_is_the_age_of_the_first_missing_byte, setup),
        cmocka_unit_test_setup(a_standby_further_back_than_memory_is_not_known_to_be_on_time,
                               setup),
        cmocka_unit_test_setup(a_short_memory_still_knows_at_least_how_much_is_lacking, setup),
        cmocka_unit_test_setup(a_position_that_went_back_starts_anew, setup),
        cmocka_unit_test_setup(an_older_word_of_the_standby_does_not_replace_a_newer, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
