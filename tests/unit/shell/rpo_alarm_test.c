/* The alarm before the bearable loss is passed: one alarm, not many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "coordinator/rpo_alarm.h"

#define RPO_MS 100000

struct look {
    int64_t lag_ms; /* -1: not known */
    uint64_t after_ms;
    enum rpo_level level;
};

static void walk(const struct look *looks, size_t n) {
    struct rpo_alarm alarm;
    uint64_t now_ms = 5000, since_ms = 0;
    memset(&alarm, 0, sizeof alarm);
    for (size_t i = 0; i < n; i++) {
        uint8_t before = alarm.level;
        now_ms += looks[i].after_ms;
        bool known = looks[i].lag_ms >= 0;
        bool moved =
            rpo_alarm_look(&alarm, known, known ? (uint64_t)looks[i].lag_ms : 0, RPO_MS, now_ms);
        assert_int_equal(alarm.level, looks[i].level);
        assert_int_equal(moved, before != looks[i].level);
        since_ms = moved ? now_ms : since_ms;
        assert_int_equal(alarm.since_ms, since_ms);
        if (known) {
            assert_int_equal(alarm.used_percent, looks[i].lag_ms / 1000);
        }
    }
}

static void it_is_told_before_the_objective_is_passed(void **state) {
    static const struct look looks[] = {{0, 1000, RPO_QUIET},
                                        {79999, 1000, RPO_QUIET},
                                        {80000, 1000, RPO_NEAR},
                                        {100000, 1000, RPO_NEAR},
                                        {100001, 1000, RPO_BREACHED}};
    (void)state;
    walk(looks, sizeof looks / sizeof looks[0]);
}

static void a_lag_that_flickers_is_one_alarm(void **state) {
    static const struct look looks[] = {
        {80000, 1000, RPO_NEAR},      {75000, 1000, RPO_NEAR},      {80000, 1000, RPO_NEAR},
        {70000, 1000, RPO_NEAR},      {69999, 1000, RPO_QUIET},     {75000, 1000, RPO_QUIET},
        {120000, 1000, RPO_BREACHED}, {99000, 1000, RPO_BREACHED},  {101000, 1000, RPO_BREACHED},
        {95000, 1000, RPO_BREACHED},  {94999, 1000, RPO_NEAR},      {97000, 1000, RPO_NEAR},
        {10000, 1000, RPO_QUIET},     {120000, 1000, RPO_BREACHED}, {10000, 1000, RPO_QUIET}};
    (void)state;
    walk(looks, sizeof looks / sizeof looks[0]);
}

static void what_is_not_known_is_no_better_for_that(void **state) {
    static const struct look looks[] = {{-1, 1000, RPO_QUIET}, /* just started */
                                        {-1, RPO_UNKNOWN_MS - 1, RPO_QUIET},
                                        {-1, 1, RPO_UNKNOWN},
                                        {75000, 1000, RPO_QUIET},
                                        {85000, 1000, RPO_NEAR},
                                        {-1, RPO_UNKNOWN_MS - 1, RPO_NEAR}, /* it stays */
                                        {85000, 1000, RPO_NEAR},
                                        {-1, RPO_UNKNOWN_MS, RPO_UNKNOWN},
                                        {120000, 1000, RPO_BREACHED}};
    (void)state;
    walk(looks, sizeof looks / sizeof looks[0]);
}

static void without_an_objective_there_is_no_alarm(void **state) {
    struct rpo_alarm alarm;
    (void)state;
    memset(&alarm, 0, sizeof alarm);
    assert_false(rpo_alarm_look(&alarm, true, UINT64_MAX, 0, 1000));
    assert_true(rpo_alarm_look(&alarm, true, UINT64_MAX, UINT32_MAX, 2000));
    assert_int_equal(alarm.level, RPO_BREACHED);
    assert_int_equal(alarm.used_percent, RPO_PERCENT_MAX);
    assert_true(rpo_alarm_look(&alarm, true, UINT64_MAX, 0, 3000));
    assert_int_equal(alarm.level, RPO_QUIET);
}

static void a_clock_that_was_set_back_stops_no_member(void **state) {
    struct rpo_alarm alarm = {.level = RPO_QUIET};
    (void)state;
    assert_false(rpo_alarm_look(&alarm, true, 0, RPO_MS, 900000));
    assert_false(rpo_alarm_look(&alarm, false, 0, RPO_MS, 1000));
    assert_false(rpo_alarm_look(&alarm, false, 0, RPO_MS, 1000 + RPO_UNKNOWN_MS - 1));
    assert_true(rpo_alarm_look(&alarm, false, 0, RPO_MS, 1000 + RPO_UNKNOWN_MS));
    assert_int_equal(alarm.level, RPO_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_was_set_back_stops_no_member),
        cmocka_unit_test(it_is_told_before_the_objective_is_passed),
        cmocka_unit_test(a_lag_that_flickers_is_one_alarm),
        cmocka_unit_test(what_is_not_known_is_no_better_for_that),
        cmocka_unit_test(without_an_objective_there_is_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
