/* positions: what would be lost, from what was remembered of both ends of a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/positions.h"

static struct positions positions;

static void assert_lag(bool known, uint64_t bytes, uint64_t ms) {
    struct lag lag = positions_lag(&positions, 0);
    assert_int_equal(lag.known, known);
    assert_int_equal(lag.bytes, bytes);
    assert_int_equal(lag.ms, ms);
}

static void nothing_is_known_before_both_ends_spoke(void **state) {
    (void)state;
    positions_init(&positions);
    assert_lag(false, 0, 0);
    positions_written(&positions, 0, 100, 1000);
    assert_lag(false, 0, 0);
    positions_init(&positions);
    positions_received(&positions, 0, 100, 1000);
    assert_lag(false, 0, 0);
    positions_written(&positions, 0, 100, 1000);
    assert_lag(true, 0, 0);
    assert_false(positions_lag(&positions, 1).known);
}

static void a_standby_that_has_all_lags_by_nothing(void **state) {
    (void)state;
    positions_init(&positions);
    positions_written(&positions, 0, 100, 1000);
    positions_written(&positions, 0, 200, 2000);
    positions_received(&positions, 0, 250, 2100); /* sampled a little later */
    assert_lag(true, 0, 0);
    assert_int_equal(positions_lag(&positions, 0).sampled_ms, 2000);
}

static void the_age_is_that_of_the_first_missing_byte(void **state) {
    (void)state;
    positions_init(&positions);
    for (uint64_t second = 1; second <= 10; second++) {
        positions_written(&positions, 0, 100 * second, 1000 * second);
    }
    positions_received(&positions, 0, 700, 10500);
    assert_lag(true, 300, 3000);
    positions_received(&positions, 0, 750, 10600); /* between two samples: the older counts */
    assert_lag(true, 250, 3000);
    positions_received(&positions, 0, 50, 10700); /* further back than remembered: not known */
    assert_lag(false, 950, 0);
    positions_received(&positions, 0, 900, 10400); /* an older word changes nothing */
    assert_lag(false, 950, 0);
    positions_applied(&positions, 0, 40);
    assert_int_equal(positions.links[0].applied, 40);
}

static void a_repeated_sample_is_one_and_a_step_back_starts_afresh(void **state) {
    (void)state;
    positions_init(&positions);
    positions_written(&positions, 0, 100, 1000);
    positions_written(&positions, 0, 110, 1000);
    positions_written(&positions, 0, 120, 900);
    assert_int_equal(positions.links[0].n, 1);
    positions_written(&positions, 0, 50, 2000); /* a new timeline */
    assert_int_equal(positions.links[0].n, 1);
    positions_received(&positions, 0, 50, 2000);
    assert_lag(true, 0, 0);
    positions_written(&positions, 0, 60, 100000);
    positions_written(&positions, 0, 70, 1000); /* a clock set back by more than a minute */
    assert_int_equal(positions.links[0].n, 1);
    assert_lag(false, 20, 0);
}

static void the_ring_forgets_the_oldest(void **state) {
    (void)state;
    positions_init(&positions);
    for (uint64_t i = 1; i <= POSITION_SAMPLES_MAX + 10; i++) {
        positions_written(&positions, 0, i, 1000 * i);
    }
    assert_int_equal(positions.links[0].n, POSITION_SAMPLES_MAX);
    positions_received(&positions, 0, 11, 1);
    assert_lag(true, POSITION_SAMPLES_MAX - 1, 1000 * (POSITION_SAMPLES_MAX - 1));
    positions_received(&positions, 0, 10, 2); /* just forgotten */
    assert_lag(false, POSITION_SAMPLES_MAX, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_both_ends_spoke),
        cmocka_unit_test(a_standby_that_has_all_lags_by_nothing),
        cmocka_unit_test(the_age_is_that_of_the_first_missing_byte),
        cmocka_unit_test(a_repeated_sample_is_one_and_a_step_back_starts_afresh),
        cmocka_unit_test(the_ring_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
