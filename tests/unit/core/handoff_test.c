/* handoff: what runs before the fence, and how it is undone when the move is abandoned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static uint8_t stage(void) {
    return world_execution(&world)->stage;
}

static uint8_t paused(void) {
    return world_execution(&world)->paused;
}

static struct step *step_of(uint8_t plan, uint8_t step) {
    return &world.topology.plans[plan].steps[step];
}

static void an_aborted_switchover_takes_up_writing_at_the_source_again(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    assert_int_equal(stage(), STAGE_FENCE);
    (void)world_ask(&world, REQUEST_ABORT);
    assert_int_equal(stage(), STAGE_UNDO);
    const struct want_command *want = world_wanted(&world, STEP_HANDOFF);
    assert_non_null(want);
    assert_int_equal(want->undo, 1);
    assert_int_equal(want->action, ACTION_PATRONI_PROMOTE);
    assert_int_equal(want->attempt, 2);
    assert_int_equal(want->region, P);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
    assert_int_equal(world.core.open, 1);
}

static void a_handoff_that_fails_is_undone_by_itself(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_HANDOFF)->action = ACTION_REDIS_HANDOFF;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(paused(), PAUSE_NO);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->action, ACTION_REDIS_PROMOTE);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 399); /* it is being abandoned */
}

static void a_handoff_still_at_work_is_undone_only_when_it_has_ended(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_non_null(world_wanted(&world, STEP_HANDOFF));
    (void)world_ask(&world, REQUEST_ABORT);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 0);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 1);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 1);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 2);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

static void an_aborted_handoff_that_fails_is_undone_and_not_tried_again(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_HANDOFF)->retries = 3; /* aborted: not tried again */
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_ask(&world, REQUEST_ABORT);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 0);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->action, ACTION_PATRONI_HANDOFF);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 1);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 2);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

static void a_second_handoff_that_fails_while_the_first_is_undone_pauses_nothing(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_PROMOTE)->before_fence = true;
    step_of(PLAN_OVER, STEP_PROMOTE)->action = ACTION_REDIS_HANDOFF;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(paused(), PAUSE_NO);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_UNDO);
    (void)world_outcome_of(&world, STEP_PROMOTE, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

static void an_undoing_that_fails_is_tried_again_but_not_in_a_rush(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    for (unsigned i = 0; i < 20; i++) {
        (void)world_outcome_of(&world, STEP_HANDOFF, SAID_FAILED, 0, true);
    }
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 2);
    (void)world_pass(&world, 1000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 3);
    (void)world_pass(&world, 12000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 3);
    (void)world_pass(&world, 1000); /* silence: after its time, the next one */
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 4);
    assert_int_equal(stage(), STAGE_UNDO);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

/* Half a minute that nobody ends: how often is it begun? */
static unsigned begun_in(uint32_t ms) {
    const struct step_state *state = &world_execution(&world)->steps[STEP_HANDOFF];
    uint16_t from = state->attempt;
    for (uint32_t passed_ms = 0; passed_ms < ms; passed_ms += 500) {
        (void)world_outcome_of(&world, STEP_HANDOFF, SAID_FAILED, 0, true);
        (void)world_tick(&world, 500);
    }
    return (unsigned)(state->attempt - from);
}

static void undoing(void) {
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(stage(), STAGE_UNDO);
}

static void an_undoing_that_fails_again_and_again_becomes_rarer(void **state) {
    (void)state;
    undoing();
    assert_in_range(begun_in(30000), 28, 31);
    world_execution(&world)->steps[STEP_HANDOFF].attempt = 600;
    assert_in_range(begun_in(33000), 2, 4);
}

/* An agent that ended an attempt tells its outcome for ever: a number that came round again would
 * be answered by what was before it. */
static void an_attempts_number_never_comes_round(void **state) {
    (void)state;
    undoing();
    struct execution *execution = world_execution(&world);
    struct step_state *step = &execution->steps[STEP_HANDOFF];
    step->attempt = UINT16_MAX;
    assert_int_equal(begun_in(3600000), 0);
    assert_int_equal(step->attempt, UINT16_MAX);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_int_equal(paused(), PAUSE_STEP_FAILED); /* it says that it waits for people */
    assert_int_equal(execution->paused_step, STEP_HANDOFF);
    /* The last one may still end well. */
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

static void a_step_out_of_numbers_fails(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    struct step_state *step = &world_execution(&world)->steps[STEP_PROMOTE];
    step->attempt = UINT16_MAX;
    (void)world_open(&world, 2, D);
    (void)world_pass(&world, 2000);
    assert_int_equal(step->attempt, UINT16_MAX);
    assert_int_equal(step->phase, STEP_FAILED);
    assert_int_equal(step->err, ERR_TOO_BIG);
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
}

static void an_undoing_is_taken_over_when_its_agent_is_silent(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P1);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P1);
    world_heard(&world, ALL_AGENTS & ~UINT64_C(1), true);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P1); /* it may have begun */
    (void)world_pass(&world, 13000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P2);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 3);
    world_heard(&world, ALL_AGENTS, true); /* and keeps it */
    (void)world_pass(&world, 13000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P2);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(stage(), STAGE_ABORTED);
}

/* Found by the simulator, seed 130: the undoing never ended, and nothing else could begin. */
static void a_region_that_dies_while_its_handoff_is_undone_can_still_be_left(void **state) {
    (void)state;
    for (unsigned automatic = 0; automatic < 2; automatic++) {
        world_serving(&world);
        (void)world_declare(&world, PLAN_SWITCHOVER, D);
        (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
        assert_int_equal(stage(), STAGE_UNDO);
        assert_int_equal(world_declare(&world, PLAN_SWITCHOVER, D).rule, 302);
        assert_int_equal(world_declare(&world, PLAN_REPROTECT, D).rule, 303);
        world_heard(&world, ALL_BUT_P, false);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
        if (automatic) {
            (void)world_pass(&world, 15000);
        } else {
            assert_int_equal(world_declare(&world, PLAN_FAILOVER, D).rule, 306);
        }
        assert_int_equal(world_execution(&world)->id, 2);
        assert_int_equal(world_execution(&world)->automatic, automatic);
        assert_int_equal(stage(), STAGE_FENCE);
        assert_int_equal(core_execution(&world.core, 1)->stage, STAGE_SUPERSEDED);
        assert_null(world_wanted(&world, STEP_HANDOFF));
    }
}

static void a_failed_step_before_the_fence_that_hands_nothing_over_needs_no_undoing(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_HANDOFF)->action = ACTION_HTTP_CALL;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(stage(), STAGE_ABORTED);
}

/* Patroni's leader stands on one of the region's hosts, and nobody knows on which. */
static void said_elsewhere(void) {
    const struct execution *execution = world_execution(&world);
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = execution->id;
    event.outcome.step = STEP_HANDOFF;
    event.outcome.attempt = execution->steps[STEP_HANDOFF].attempt;
    event.outcome.agent = execution->steps[STEP_HANDOFF].agent;
    event.outcome.state = SAID_FAILED;
    event.outcome.err = ERR_ELSEWHERE;
    (void)world_step(&world, &event);
}

static void what_stands_on_another_host_is_asked_of_its_agent(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P1);
    said_elsewhere();
    assert_int_equal(stage(), STAGE_PREPARE);
    (void)world_pass(&world, 1000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P2);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 2);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    assert_int_equal(stage(), STAGE_FENCE);
}

static void what_stands_on_no_host_that_is_heard_fails(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    said_elsewhere();
    (void)world_pass(&world, 1000);
    said_elsewhere();
    assert_int_equal(stage(), STAGE_UNDO);
}

static void the_other_hosts_are_asked_again_with_each_try(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_HANDOFF)->retries = 1;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    for (unsigned i = 0; i < 3; i++) {
        said_elsewhere();
        (void)world_pass(&world, 10000);
        assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, i == 1 ? AGENT_P1 : AGENT_P2);
    }
    said_elsewhere();
    assert_int_equal(stage(), STAGE_UNDO);
}

static void a_step_that_is_left_out_is_not_asked_of_another_host(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    world_execution(&world)->ungraceful = true;
    said_elsewhere();
    assert_int_equal(world_execution(&world)->steps[STEP_HANDOFF].phase, STEP_LEFT_OUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aborted_switchover_takes_up_writing_at_the_source_again),
        cmocka_unit_test(a_handoff_that_fails_is_undone_by_itself),
        cmocka_unit_test(a_handoff_still_at_work_is_undone_only_when_it_has_ended),
        cmocka_unit_test(an_aborted_handoff_that_fails_is_undone_and_not_tried_again),
        cmocka_unit_test(a_second_handoff_that_fails_while_the_first_is_undone_pauses_nothing),
        cmocka_unit_test(an_undoing_that_fails_is_tried_again_but_not_in_a_rush),
        cmocka_unit_test(an_undoing_that_fails_again_and_again_becomes_rarer),
        cmocka_unit_test(an_attempts_number_never_comes_round),
        cmocka_unit_test(a_step_out_of_numbers_fails),
        cmocka_unit_test(an_undoing_is_taken_over_when_its_agent_is_silent),
        cmocka_unit_test(a_region_that_dies_while_its_handoff_is_undone_can_still_be_left),
        cmocka_unit_test(a_failed_step_before_the_fence_that_hands_nothing_over_needs_no_undoing),
        cmocka_unit_test(what_stands_on_another_host_is_asked_of_its_agent),
        cmocka_unit_test(what_stands_on_no_host_that_is_heard_fails),
        cmocka_unit_test(the_other_hosts_are_asked_again_with_each_try),
        cmocka_unit_test(a_step_that_is_left_out_is_not_asked_of_another_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
