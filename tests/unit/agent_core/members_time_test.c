/* The time of day by a majority of the members, on a clock that nobody sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "agent/core/members_time.h"

#define NOON_MS UINT64_C(1795262400000)
#define HOUR_MS 3600000

static void nothing_is_known_without_a_majority(void **state) {
    struct members_time time = {0};
    int64_t ahead_ms = 7;
    (void)state;
    assert_false(members_time_ahead(&time, 3, &ahead_ms));
    members_time_hear(&time, 0, NOON_MS, 1000);
    assert_false(members_time_ahead(&time, 3, &ahead_ms));
    members_time_hear(&time, 1, 0, 1000); /* of an older version: tells none */
    assert_false(members_time_ahead(&time, 3, &ahead_ms));
    assert_int_equal(ahead_ms, 7);
    assert_true(members_time_ahead(&time, 1, &ahead_ms));
    assert_true(ahead_ms == (int64_t)NOON_MS - 1000);
}

static void one_member_of_three_with_a_wrong_clock_moves_nothing(void **state) {
    int64_t ahead_ms = 0;
    (void)state;
    for (int64_t off_ms = -HOUR_MS; off_ms <= HOUR_MS; off_ms += 2 * HOUR_MS) {
        struct members_time time = {0};
        members_time_hear(&time, 0, NOON_MS + 20, 1000);
        members_time_hear(&time, 1, NOON_MS + 1000 + (uint64_t)off_ms, 2000);
        assert_false(members_time_ahead(&time, 3, &ahead_ms)); /* which of the two is wrong? */
        members_time_hear(&time, 2, NOON_MS + 2000, 3000);
        assert_true(members_time_ahead(&time, 3, &ahead_ms));
        assert_in_range(ahead_ms, NOON_MS - 1000, NOON_MS - 1000 + 20);
    }
}

static void two_members_that_agree_are_enough_and_the_newest_word_counts(void **state) {
    struct members_time time = {0};
    int64_t ahead_ms = 0;
    (void)state;
    members_time_hear(&time, 0, NOON_MS, 1000);
    members_time_hear(&time, 2, NOON_MS + 10, 1000);
    assert_true(members_time_ahead(&time, 3, &ahead_ms));
    assert_true(ahead_ms == (int64_t)NOON_MS - 1000 + 5);
    members_time_hear(&time, 0, NOON_MS + HOUR_MS, 2000); /* both were set */
    members_time_hear(&time, 2, NOON_MS + HOUR_MS, 2000);
    assert_true(members_time_ahead(&time, 3, &ahead_ms));
    assert_true(ahead_ms == (int64_t)NOON_MS + HOUR_MS - 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_without_a_majority),
        cmocka_unit_test(one_member_of_three_with_a_wrong_clock_moves_nothing),
        cmocka_unit_test(two_members_that_agree_are_enough_and_the_newest_word_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
