/* locks: two steps that share one are never at work at the same time, and none waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define STEPS_N 4

static struct world world;

static struct step *step_of(uint8_t step) {
    return &world.topology.plans[PLAN_BACK].steps[step];
}

static unsigned phase_of(uint8_t step) {
    return world_execution(&world)->steps[step].phase;
}

static bool at_work(uint8_t step) {
    return world_wanted(&world, step) != NULL;
}

/* Four steps that need nothing of each other: 0 and 1 share a lock, 2 has another, 3 wants both. */
static void four_steps(void) {
    static const uint16_t locks[STEPS_N] = {1, 1, 2, 3};
    world_serving(&world);
    struct plan *plan = &world.topology.plans[PLAN_BACK];
    plan->steps_n = STEPS_N;
    plan->locks_n = 2;
    for (uint8_t s = 0; s < STEPS_N; s++) {
        plan->steps[s] = plan->steps[0];
        plan->steps[s].locks = locks[s];
    }
}

static void begin(void) {
    (void)world_declare(&world, PLAN_REPROTECT, D);
    assert_int_equal(world_execution(&world)->stage, STAGE_RUN);
}

static void steps_that_share_a_lock_follow_each_other_in_the_plans_order(void **state) {
    (void)state;
    four_steps();
    begin();
    assert_true(at_work(0) && at_work(2) && !at_work(1) && !at_work(3));
    assert_int_equal(execution_lock_holder(world_execution(&world), &world.topology.plans[2], 1),
                     0);
    assert_int_equal(execution_lock_holder(world_execution(&world), &world.topology.plans[2], 2),
                     NONE);
    (void)world_outcome(&world, 2, SAID_DONE);
    assert_false(at_work(3)); /* one of its two locks is free: it takes none */
    (void)world_outcome(&world, 0, SAID_DONE);
    assert_true(at_work(1) && !at_work(3));
    (void)world_outcome(&world, 1, SAID_DONE);
    assert_true(at_work(3));
    (void)world_outcome(&world, 3, SAID_DONE);
    assert_int_equal(world_execution(&world)->stage, STAGE_DONE);
}

/* Waiting for a lock is no attempt: nothing of its own time is used up by it. */
static void a_lock_is_waited_for_as_long_as_it_takes(void **state) {
    (void)state;
    four_steps();
    step_of(0)->timeout_ms = step_of(2)->timeout_ms = 600000;
    begin();
    (void)world_pass(&world, 300000);
    assert_int_equal(phase_of(1), STEP_WAITING);
    (void)world_outcome(&world, 0, SAID_DONE);
    assert_true(at_work(1));
    assert_int_equal(world_wanted(&world, 1)->attempt, 1);
}

static void between_its_attempts_a_step_holds_nothing(void **state) {
    (void)state;
    four_steps();
    step_of(0)->retries = 1;
    begin();
    (void)world_outcome(&world, 0, SAID_FAILED);
    assert_true(at_work(1));
    (void)world_pass(&world, RETRY_AGAIN_MS + 1000);
    assert_false(at_work(0));
    (void)world_outcome(&world, 1, SAID_DONE);
    assert_true(at_work(0));
    assert_int_equal(world_wanted(&world, 0)->attempt, 2);
}

/* Who is asked holds nothing: the next one that may begin does so meanwhile. */
static void an_approval_is_asked_for_while_the_lock_is_taken(void **state) {
    (void)state;
    four_steps();
    step_of(0)->approval = ROLE_COMMANDER;
    begin();
    assert_int_equal(phase_of(0), STEP_APPROVAL);
    assert_true(at_work(1));
    struct event event = world_request(&world, REQUEST_APPROVE);
    event.request.step = 0;
    event.request.role = ROLE_COMMANDER;
    event.request.operator_index = 1;
    (void)world_step(&world, &event);
    assert_int_equal(phase_of(0), STEP_WAITING); /* for nobody any more */
    (void)world_outcome(&world, 1, SAID_DONE);
    assert_true(at_work(0));
}

static void a_person_at_work_holds_the_lock_too(void **state) {
    (void)state;
    four_steps();
    step_of(1)->action = ACTION_MANUAL;
    step_of(1)->approval = ROLE_COMMANDER;
    begin();
    assert_int_equal(phase_of(1), STEP_WAITING); /* nobody is sent into what step 0 does */
    (void)world_outcome(&world, 0, SAID_DONE);
    assert_int_equal(phase_of(1), STEP_APPROVAL);
    (void)world_outcome(&world, 2, SAID_DONE);
    assert_false(at_work(3));
    (void)world_ask_step(&world, REQUEST_STEP_DONE, 1, ROLE_COMMANDER);
    assert_true(at_work(3));
}

static void what_failed_or_was_skipped_holds_nothing(void **state) {
    (void)state;
    four_steps();
    step_of(0)->may_fail = true;
    begin();
    (void)world_outcome(&world, 0, SAID_FAILED);
    assert_int_equal(phase_of(0), STEP_FAILED);
    assert_true(at_work(1));
    (void)world_outcome(&world, 1, SAID_FAILED);
    assert_int_equal(world_execution(&world)->paused, PAUSE_STEP_FAILED);
    (void)world_outcome(&world, 2, SAID_DONE);
    assert_false(at_work(3)); /* paused: nothing begins */
    (void)world_ask_step(&world, REQUEST_STEP_SKIP, 1, ROLE_SRE);
    assert_true(at_work(3));
}

/* Whatever is done in whatever order, every step gets its turn. */
static void all_steps_end_whichever_ends_first(void **state) {
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        four_steps();
        for (uint8_t s = 0; s < STEPS_N; s++) {
            step_of(s)->locks = (uint16_t)(1u << (round + s) % 3 | 1u << (round / 3 + 2 * s) % 3);
        }
        begin();
        for (unsigned ended_n = 0; ended_n < STEPS_N; ended_n++) {
            uint8_t one = NONE;
            uint16_t held = 0;
            for (uint8_t s = 0; s < STEPS_N; s++) {
                uint8_t last_first = round % 2 == 0 ? s : (uint8_t)(STEPS_N - 1 - s);
                if (at_work(last_first)) {
                    assert_int_equal(held & step_of(last_first)->locks, 0);
                    held |= step_of(last_first)->locks;
                    one = last_first;
                }
            }
            assert_int_not_equal(one, NONE);
            (void)world_outcome(&world, one, SAID_DONE);
        }
        assert_int_equal(world_execution(&world)->stage, STAGE_DONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_that_share_a_lock_follow_each_other_in_the_plans_order),
        cmocka_unit_test(a_lock_is_waited_for_as_long_as_it_takes),
        cmocka_unit_test(between_its_attempts_a_step_holds_nothing),
        cmocka_unit_test(an_approval_is_asked_for_while_the_lock_is_taken),
        cmocka_unit_test(a_person_at_work_holds_the_lock_too),
        cmocka_unit_test(what_failed_or_was_skipped_holds_nothing),
        cmocka_unit_test(all_steps_end_whichever_ends_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
