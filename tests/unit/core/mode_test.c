/* mode: a planned move that turns ungraceful, which steps that leaves, and until when it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static struct execution *execution(void) {
    return world_execution(&world);
}

static struct step_state *step_of(uint8_t step) {
    return &execution()->steps[step];
}

static struct step *planned(uint8_t step) {
    return &world.topology.plans[PLAN_OVER].steps[step];
}

static uint16_t turn(bool graceful) {
    return world_ask(&world, graceful ? REQUEST_MODE_GRACEFUL : REQUEST_MODE_UNGRACEFUL).rule;
}

/* A switchover, its hand-off at work at the source. */
static void handing_over(void) {
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_int_equal(execution()->stage, STAGE_PREPARE);
    assert_non_null(world_wanted(&world, STEP_HANDOFF));
}

static void a_move_whose_source_dies_in_the_handoff_goes_on_as_a_failover(void **state) {
    (void)state;
    handing_over();
    (void)world_lag(&world, true, 9000); /* above the RPO of 5 s */
    world_heard(&world, ALL_BUT_P, false);
    assert_int_equal(turn(false), 320);
    assert_int_equal(execution()->id, 1); /* the same one */
    assert_int_equal(execution()->stage, STAGE_FENCE);
    assert_false(execution_is_graceful(execution()));
    assert_null(world_wanted(&world, STEP_HANDOFF));
    struct wants wants = world_wants(&world);
    assert_true(wants.close);
    assert_int_equal(wants.close_why, CLOSE_DECLARED);
    assert_int_equal(world_close(&world, 1).rule, 111);
    assert_int_equal(world.core.close_why, CLOSE_DECLARED);
    assert_int_equal(execution()->lost, LOSS_BREACH);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_LEFT_OUT);
    assert_int_equal(world_open(&world, 2, D).rule, 102);
    const struct want_command *want = world_wanted(&world, STEP_PROMOTE);
    assert_non_null(want);
    assert_int_equal(want->graceful, 0);
    assert_int_equal(want->position, 0);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    (void)world_outcome(&world, STEP_DNS, SAID_DONE);
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE);
    assert_int_equal(execution()->stage, STAGE_DONE);
}

static void the_mode_is_settled_once_the_lease_has_moved(void **state) {
    (void)state;
    handing_over();
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    (void)world_close(&world, 1);
    assert_int_equal(turn(false), 324);
    assert_int_equal(turn(true), 324);
    (void)world_open(&world, 2, D);
    assert_int_equal(turn(false), 324);
    assert_true(execution_is_graceful(execution()));
    /* Nor has a failover a graceful mode. */
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(turn(true), 324);
    assert_int_equal(turn(false), 324);
}

static void what_is_asked_of_no_running_execution_or_of_another_is_refused(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(turn(false), 399);
    assert_int_equal(turn(true), 399);
    handing_over();
    struct event event = world_request(&world, REQUEST_MODE_UNGRACEFUL);
    event.request.execution = 7;
    assert_int_equal(world_step(&world, &event).rule, 399);
    assert_int_equal(turn(true), 399); /* it is graceful */
    assert_int_equal(turn(false), 320);
    assert_int_equal(turn(false), 399); /* it is ungraceful */
}

static void turning_is_bound_to_the_loss_that_was_seen(void **state) {
    (void)state;
    handing_over();
    struct event event = world_request(&world, REQUEST_MODE_UNGRACEFUL);
    event.request.execution = 1;
    struct seen_plan seen = seen_plan_now(&world.core, &world.topology, PLAN_OVER, D);
    seen_plan_write(&seen, event.request.seen);
    (void)world_lag(&world, true, 9000); /* another loss than was seen */
    struct event stale = event;
    struct verdict verdict = world_step(&world, &stale);
    assert_int_equal(verdict.rule, 319);
    assert_int_equal(verdict.result, RESULT_STALE);
    assert_int_equal(execution()->stage, STAGE_PREPARE);
    seen = seen_plan_now(&world.core, &world.topology, PLAN_OVER, D);
    seen_plan_write(&seen, event.request.seen);
    assert_int_equal(world_step(&world, &event).rule, 320);
}

static void an_approval_of_the_graceful_move_is_void_in_the_ungraceful_one(void **state) {
    (void)state;
    world_serving(&world);
    planned(STEP_DNS)->approval = ROLE_NETWORK_ADMIN;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    assert_int_equal(turn(false), 320);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_APPROVAL);
    assert_true((step_of(STEP_DNS)->seen & SEEN_VOID) != 0);
    (void)world_lag(&world, false, 0); /* what the close has cost counts, not what is known now */
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
}

static void a_loss_of_the_close_is_what_an_ungraceful_approval_is_for(void **state) {
    (void)state;
    handing_over();
    (void)world_lag(&world, true, 9000);
    (void)turn(false);
    (void)world_close(&world, 1);
    (void)world_lag(&world, true, 0);
    uint16_t moves = seen_moves_now(&world.core, &world.topology, execution(), STEP_DNS);
    assert_int_equal((moves >> SEEN_LOSS_SHIFT) & 3u, LOSS_BREACH);
}

static void each_mode_has_its_own_steps(void **state) {
    (void)state;
    for (unsigned graceful = 0; graceful < 2; graceful++) {
        world_serving(&world);
        planned(STEP_DNS)->mode = STEP_MODE_GRACEFUL;
        planned(STEP_DNS)->may_fail = false;
        planned(STEP_CHECK)->mode = STEP_MODE_UNGRACEFUL;
        planned(STEP_CHECK)->needs_n = 0;
        (void)world_declare(&world, PLAN_SWITCHOVER, D);
        assert_int_equal(step_of(STEP_DNS)->phase, STEP_WAITING);
        assert_int_equal(step_of(STEP_CHECK)->phase, STEP_LEFT_OUT);
        if (graceful) {
            (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
        } else {
            assert_int_equal(turn(false), 320);
            assert_int_equal(step_of(STEP_DNS)->phase, STEP_LEFT_OUT);
            assert_int_equal(step_of(STEP_CHECK)->phase, STEP_WAITING);
        }
        (void)world_close(&world, 1);
        (void)world_open(&world, 2, D);
        (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
        (void)world_outcome(&world, graceful ? STEP_DNS : STEP_CHECK, SAID_DONE);
        assert_int_equal(execution()->stage, STAGE_DONE);
        assert_int_equal(step_of(graceful ? STEP_CHECK : STEP_DNS)->phase, STEP_LEFT_OUT);
    }
}

static void a_pause_by_people_stays_until_they_resume(void **state) {
    (void)state;
    handing_over();
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_int_equal(turn(false), 320);
    assert_int_equal(execution()->paused, PAUSE_OPERATOR);
    assert_false(world_wants(&world).close);
    assert_int_equal(world_close(&world, 1).rule, 112);
    (void)world_ask(&world, REQUEST_RESUME);
    assert_true(world_wants(&world).close);
}

static void a_declined_approval_of_the_handoff_is_no_pause_any_more(void **state) {
    (void)state;
    world_serving(&world);
    planned(STEP_HANDOFF)->approval = ROLE_SRE;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_ask_step(&world, REQUEST_REJECT, STEP_HANDOFF, ROLE_SRE);
    assert_int_equal(execution()->paused, PAUSE_REJECTED);
    assert_int_equal(turn(false), 320);
    assert_int_equal(execution()->paused, PAUSE_NO);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_LEFT_OUT);
}

static void before_the_fence_it_may_hand_over_again(void **state) {
    (void)state;
    handing_over();
    step_of(STEP_HANDOFF)->attempt = 1;
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)turn(false);
    assert_null(world_wanted(&world, STEP_HANDOFF));
    assert_int_equal(turn(true), 323);
    assert_true(execution_is_graceful(execution()));
    assert_int_equal(execution()->stage, STAGE_PREPARE);
    /* The attempt that was at work all the time is the one that is wanted. */
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 1);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    (void)world_ask(&world, REQUEST_RESUME);
    assert_int_equal(world_wants(&world).close_why, CLOSE_PLANNED);
}

static void a_handoff_that_ended_badly_meanwhile_begins_again(void **state) {
    (void)state;
    handing_over();
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)turn(false);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_LEFT_OUT);
    assert_int_equal(execution()->stage, STAGE_FENCE); /* undoes nothing, pauses nothing */
    assert_int_equal(turn(true), 323);
    (void)world_ask(&world, REQUEST_RESUME);
    (void)world_pass(&world, 2000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->attempt, 2);
}

static void a_handoff_that_never_ends_is_not_waited_for(void **state) {
    (void)state;
    handing_over();
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)turn(false);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_RUNNING);
    (void)world_pass(&world, 20000);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_LEFT_OUT);
    assert_int_equal(step_of(STEP_HANDOFF)->err, ERR_TIMEOUT);
}

static void an_undoing_that_never_ends_turns_into_a_failover(void **state) {
    (void)state;
    handing_over();
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(execution()->stage, STAGE_UNDO);
    assert_int_equal(step_of(STEP_HANDOFF)->undo, 1);
    world_heard(&world, ALL_BUT_P, false);
    assert_int_equal(turn(false), 320);
    assert_int_equal(execution()->stage, STAGE_FENCE);
    assert_null(world_wanted(&world, STEP_HANDOFF)); /* nobody opens the source any more */
    /* What is being undone may write again: it cannot count as handed over. */
    assert_int_equal(turn(true), 399);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

static void a_position_that_was_handed_over_and_undone_is_not_handed_on(void **state) {
    (void)state;
    for (unsigned graceful = 0; graceful < 2; graceful++) {
        handing_over();
        (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 4711, false);
        if (!graceful) {
            (void)world_ask(&world, REQUEST_ABORT);
            (void)turn(false);
        }
        (void)world_close(&world, 1);
        (void)world_open(&world, 2, D);
        assert_int_equal(world_wanted(&world, STEP_PROMOTE)->position, graceful ? 4711 : 0);
    }
}

static void an_ungraceful_move_can_still_be_abandoned_and_is_undone(void **state) {
    (void)state;
    handing_over();
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)turn(false);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 318);
    assert_int_equal(execution()->stage, STAGE_UNDO);
    assert_int_equal(step_of(STEP_HANDOFF)->undo, 0); /* still at work: undone when it has ended */
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 1);
    assert_int_equal(turn(false), 399); /* ungraceful already; a failover is declared instead */
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0, true);
    assert_int_equal(execution()->stage, STAGE_ABORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_whose_source_dies_in_the_handoff_goes_on_as_a_failover),
        cmocka_unit_test(the_mode_is_settled_once_the_lease_has_moved),
        cmocka_unit_test(what_is_asked_of_no_running_execution_or_of_another_is_refused),
        cmocka_unit_test(turning_is_bound_to_the_loss_that_was_seen),
        cmocka_unit_test(an_approval_of_the_graceful_move_is_void_in_the_ungraceful_one),
        cmocka_unit_test(a_loss_of_the_close_is_what_an_ungraceful_approval_is_for),
        cmocka_unit_test(each_mode_has_its_own_steps),
        cmocka_unit_test(a_pause_by_people_stays_until_they_resume),
        cmocka_unit_test(a_declined_approval_of_the_handoff_is_no_pause_any_more),
        cmocka_unit_test(before_the_fence_it_may_hand_over_again),
        cmocka_unit_test(a_handoff_that_ended_badly_meanwhile_begins_again),
        cmocka_unit_test(a_handoff_that_never_ends_is_not_waited_for),
        cmocka_unit_test(an_undoing_that_never_ends_turns_into_a_failover),
        cmocka_unit_test(a_position_that_was_handed_over_and_undone_is_not_handed_on),
        cmocka_unit_test(an_ungraceful_move_can_still_be_abandoned_and_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
