/* votes, debounce: answers counted once, readings in a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/debounce.h"
#include "agent/core/votes.h"
#include "common/base/ensure.h"

static struct votes votes;

static void a_majority_is_more_than_half_and_everybody_counts_once(void **state) {
    (void)state;
    votes_begin(&votes, 3);
    assert_true(votes_yes(&votes, 0));
    assert_false(votes_yes(&votes, 0));
    assert_false(votes_majority(&votes));
    assert_false(votes_yes(&votes, 3)); /* nobody of ours */
    assert_true(votes_yes(&votes, 2));
    assert_true(votes_majority(&votes));
    assert_false(votes_all(&votes));
    assert_true(votes_yes(&votes, 1));
    assert_true(votes_all(&votes));
}

static void the_first_answer_counts(void **state) {
    (void)state;
    votes_begin(&votes, 3);
    assert_true(votes_no(&votes, 1, true, 0));
    assert_false(votes_yes(&votes, 1));
    assert_true(votes_yes(&votes, 0));
    assert_false(votes_no(&votes, 0, true, 0));
    assert_false(votes_no(&votes, 9, true, 0));
    assert_false(votes_majority_closed(&votes));
    assert_true(votes_no(&votes, 2, false, 0)); /* a no that does not say closed */
    assert_false(votes_majority_closed(&votes));
    votes_begin(&votes, 3);
    assert_true(votes_no(&votes, 1, true, 0));
    assert_true(votes_no(&votes, 2, true, 0));
    assert_true(votes_majority_closed(&votes));
}

static void nobody_is_not_all(void **state) {
    (void)state;
    votes_begin(&votes, 0);
    assert_false(votes_all(&votes));
    votes_begin(&votes, 64);
    for (uint8_t v = 0; v < 64; v++) {
        assert_true(votes_yes(&votes, v));
    }
    assert_true(votes_all(&votes));
}

static void patience_is_until_a_majority_may_say_yes(void **state) {
    (void)state;
    votes_begin(&votes, 5);
    assert_int_equal(votes_patience_ms(&votes), 0);
    (void)votes_no(&votes, 0, false, 900);
    (void)votes_no(&votes, 1, false, 300);
    assert_int_equal(votes_patience_ms(&votes), 0); /* two waiting are no majority of five */
    (void)votes_no(&votes, 2, false, 500);
    assert_int_equal(votes_patience_ms(&votes), 900);
    (void)votes_yes(&votes, 3);
    assert_int_equal(votes_patience_ms(&votes), 500);
    (void)votes_yes(&votes, 4);
    assert_int_equal(votes_patience_ms(&votes), 300);
    votes_begin(&votes, 3);
    (void)votes_yes(&votes, 0);
    (void)votes_yes(&votes, 1);
    (void)votes_no(&votes, 2, false, 700);
    assert_int_equal(votes_patience_ms(&votes), 0); /* a majority is there already */
    votes_begin(&votes, 9);
    assert_true(votes_no(&votes, 8, false, 700)); /* no member: its wait is not kept */
    assert_int_equal(votes_patience_ms(&votes), 0);
}

/* ----------------------------------------------------------------- debounce */

static struct debounce debounce;

static bool read(bool good, bool warn, uint64_t now_ms) {
    return debounce_reading(&debounce, good, warn, 3, 2, now_ms);
}

static void so_many_bad_ones_in_a_row_make_it_failed(void **state) {
    (void)state;
    debounce = (struct debounce){0};
    assert_true(read(true, false, 10));
    assert_int_equal(debounce.status, DEBOUNCE_OK);
    assert_true(read(false, false, 20));
    assert_int_equal(debounce.status, DEBOUNCE_SUSPECT);
    assert_int_equal(debounce.since_ms, 20);
    assert_false(read(false, false, 30));
    assert_true(read(true, false, 40)); /* the row is broken */
    assert_true(read(false, false, 50));
    assert_false(read(false, false, 60));
    assert_true(read(false, false, 70));
    assert_int_equal(debounce.status, DEBOUNCE_FAILED);
    assert_int_equal(debounce.since_ms, 70);
    assert_false(read(false, false, 80));
}

static void so_many_good_ones_in_a_row_make_it_well_again(void **state) {
    (void)state;
    debounce = (struct debounce){.status = DEBOUNCE_FAILED};
    assert_false(read(true, false, 10));
    assert_false(read(false, false, 20));
    assert_false(read(true, true, 30));
    assert_true(read(true, true, 40));
    assert_int_equal(debounce.status, DEBOUNCE_WARN);
    assert_true(read(true, false, 50));
    assert_int_equal(debounce.status, DEBOUNCE_OK);
}

static void one_bad_reading_is_enough_where_one_is_asked_for(void **state) {
    (void)state;
    debounce = (struct debounce){0};
    assert_true(debounce_reading(&debounce, false, false, 1, 1, 5));
    assert_int_equal(debounce.status, DEBOUNCE_FAILED);
    assert_true(debounce_reading(&debounce, true, false, 1, 1, 6));
    assert_int_equal(debounce.status, DEBOUNCE_OK);
}

static void a_very_long_row_stays_what_it_is(void **state) {
    (void)state;
    debounce = (struct debounce){0};
    for (unsigned i = 0; i < 600; i++) {
        (void)debounce_reading(&debounce, false, false, UINT8_MAX, UINT8_MAX, i);
    }
    assert_int_equal(debounce.status, DEBOUNCE_FAILED);
    for (unsigned i = 0; i < UINT8_MAX - 1; i++) {
        assert_false(debounce_reading(&debounce, true, false, UINT8_MAX, UINT8_MAX, i));
    }
    for (unsigned i = 0; i < 600; i++) {
        (void)debounce_reading(&debounce, true, false, UINT8_MAX, UINT8_MAX, i);
    }
    assert_int_equal(debounce.status, DEBOUNCE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_majority_is_more_than_half_and_everybody_counts_once),
        cmocka_unit_test(the_first_answer_counts),
        cmocka_unit_test(nobody_is_not_all),
        cmocka_unit_test(patience_is_until_a_majority_may_say_yes),
        cmocka_unit_test(so_many_bad_ones_in_a_row_make_it_failed),
        cmocka_unit_test(so_many_good_ones_in_a_row_make_it_well_again),
        cmocka_unit_test(one_bad_reading_is_enough_where_one_is_asked_for),
        cmocka_unit_test(a_very_long_row_stays_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
