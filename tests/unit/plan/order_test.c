/* The order of a plan's steps: what is needed before what needs it, hand-offs before the fence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/plan/order.h"

static struct plan plan;

static void step_add(uint8_t tier, uint32_t timeout_ms, uint8_t retries, uint8_t needs_n,
                     uint8_t first, uint8_t second) {
    struct step *step = &plan.steps[plan.steps_n++];
    step->tier = tier;
    step->timeout_ms = timeout_ms;
    step->retries = retries;
    step->needs_n = needs_n;
    step->needs[0] = first;
    step->needs[1] = second;
}

static int plan_empty(void **state) {
    (void)state;
    memset(&plan, 0, sizeof plan);
    return 0;
}

static void waves_follow_needs_and_tiers_order_a_wave(void **state) {
    (void)state;
    struct order order;
    step_add(3, 1000, 0, 1, 3, 0); /* 0: needs 3 */
    step_add(0, 1000, 0, 0, 0, 0); /* 1: no tier */
    step_add(2, 1000, 0, 0, 0, 0); /* 2 */
    step_add(1, 5000, 2, 0, 0, 0); /* 3: 15 s, and pauses of 1 and 2 s */
    step_add(1, 2000, 0, 2, 0, 2); /* 4: needs 0 and 2 */
    assert_true(plan_order(&plan, &order));
    static const uint8_t expected[] = {3, 2, 1, 0, 4};
    static const uint8_t waves[] = {1, 1, 1, 2, 3};
    static const uint64_t starts[] = {0, 0, 0, 18000, 19000};
    assert_int_equal(order.n, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(order.at[i].step, expected[i]);
        assert_int_equal(order.at[i].wave, waves[i]);
        assert_int_equal(order.at[i].start_ms, starts[i]);
    }
    assert_int_equal(order.at[4].end_ms, 21000);
}

static void the_longest_time_holds_the_pauses_between_attempts(void **state) {
    (void)state;
    static const struct {
        uint8_t retries;
        uint64_t longest_ms;
    } cases[] = {
        {0, 10000},
        {1, 10000 * 2 + 1000},
        {2, 10000 * 3 + 1000 + 2000},
        {6, 10000 * 7 + 63000},
        {7, 10000 * 8 + 63000 + 60000}, /* never more than a minute */
        {255, 10000 * 256 + 63000 + 249 * 60000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct step step = {.timeout_ms = 10000, .retries = cases[i].retries};
        assert_int_equal(step_longest_ms(&step), cases[i].longest_ms);
    }
}

static void hand_offs_come_first_and_the_fence_begins_a_new_count(void **state) {
    (void)state;
    struct order order;
    plan.kind = PLAN_SWITCHOVER;
    step_add(1, 1000, 0, 0, 0, 0);
    step_add(4, 9000, 0, 0, 0, 0);
    plan.steps[1].before_fence = true;
    step_add(1, 1000, 0, 1, 1, 0); /* behind the fence, needs the hand-off */
    assert_true(plan_order(&plan, &order));
    assert_int_equal(order.at[0].step, 1);
    assert_true(order.at[0].before_fence);
    assert_int_equal(order.at[1].step, 0);
    assert_int_equal(order.at[2].step, 2);
    assert_int_equal(order.at[2].start_ms, 0);
    /* A reprotect has no fence: nothing is before it. */
    plan.kind = PLAN_REPROTECT;
    assert_true(plan_order(&plan, &order));
    assert_false(order.at[0].before_fence);
    assert_false(plan_fences(&plan));
}

/* Whichever comes first: each may have to wait for all the others of its lock. */
static void who_shares_a_lock_is_waited_for_at_the_longest(void **state) {
    (void)state;
    struct order order;
    step_add(1, 1000, 0, 0, 0, 0);
    step_add(1, 2000, 1, 0, 0, 0); /* 2 x 2 s and a pause of 1 s */
    step_add(1, 4000, 0, 0, 0, 0);
    step_add(1, 8000, 0, 1, 0, 0); /* behind step 0 */
    for (unsigned i = 0; i < 4; i++) {
        plan.steps[i].locks = i == 2 ? 2 : 1;
    }
    plan.locks_n = 2;
    assert_true(plan_order(&plan, &order));
    static const uint64_t ends[] = {6000, 14000, 4000, 19000};
    static const uint64_t rivals[] = {2, 9, 0, 2};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(order.at[i].step, i);
        assert_int_equal(order.rivals[i], rivals[i]);
        assert_int_equal(order.at[i].end_ms, ends[i]);
    }
    /* Both sides of the fence, and the two modes, never meet. */
    plan.kind = PLAN_SWITCHOVER;
    plan.steps[0].before_fence = true;
    plan.steps[1].mode = STEP_MODE_GRACEFUL;
    plan.steps[3].mode = STEP_MODE_UNGRACEFUL;
    assert_true(plan_order(&plan, &order));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(order.rivals[i], 0);
    }
}

static void a_circle_has_no_order(void **state) {
    (void)state;
    struct order order = {.n = 77};
    step_add(1, 1, 0, 1, 1, 0);
    step_add(1, 1, 0, 1, 0, 0);
    assert_false(plan_order(&plan, &order));
    assert_int_equal(order.n, 77);
    plan.steps_n = 1;
    plan.steps[0].needs[0] = 9; /* not there */
    assert_false(plan_order(&plan, &order));
    plan.steps[0].needs[0] = 0; /* itself */
    assert_false(plan_order(&plan, &order));
}

static void the_largest_plan_has_an_order(void **state) {
    (void)state;
    struct order order;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        step_add((uint8_t)(i % 6), 1000, 0, i > 0, (uint8_t)(i - 1), 0);
    }
    plan.steps[0].needs_n = 0;
    assert_true(plan_order(&plan, &order));
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        assert_int_equal(order.at[i].step, i);
        assert_int_equal(order.at[i].wave, i + 1);
    }
}

/* What is left of a step: its attempts until now and the pauses behind them are over. */
static void attempts_that_are_over_are_not_counted_again(void **state) {
    (void)state;
    const struct step step = {.timeout_ms = 10000, .retries = 2};
    static const struct {
        unsigned tries_n;
        uint64_t running_ms, failed_ms;
    } cases[] = {
        {0, 33000, 33000}, {1, 33000, 20000 + 3000}, {2, 20000 + 2000, 10000 + 2000}, {3, 10000, 0},
        {4, 0, 0}, /* a person made it try again */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(step_rest_ms(&step, cases[i].tries_n, true), cases[i].running_ms);
        assert_int_equal(step_rest_ms(&step, cases[i].tries_n, false), cases[i].failed_ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waves_follow_needs_and_tiers_order_a_wave, plan_empty),
        cmocka_unit_test(the_longest_time_holds_the_pauses_between_attempts),
        cmocka_unit_test(attempts_that_are_over_are_not_counted_again),
        cmocka_unit_test_setup(hand_offs_come_first_and_the_fence_begins_a_new_count, plan_empty),
        cmocka_unit_test_setup(who_shares_a_lock_is_waited_for_at_the_longest, plan_empty),
        cmocka_unit_test_setup(a_circle_has_no_order, plan_empty),
        cmocka_unit_test_setup(the_largest_plan_has_an_order, plan_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
