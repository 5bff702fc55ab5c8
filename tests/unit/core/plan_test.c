/* plan: order, needs, approvals, retries, timeouts, the stages around the lease, and what people
 * do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static uint8_t step_phase(uint8_t step) {
    return world_execution(&world)->steps[step].phase;
}

static uint8_t stage(void) {
    return world_execution(&world)->stage;
}

static uint8_t paused(void) {
    return world_execution(&world)->paused;
}

static struct step *step_of(uint8_t plan, uint8_t step) {
    return &world.topology.plans[plan].steps[step];
}

/* Declared, closed, opened for D: the steps behind the lease run. */
static void run_failover(void) {
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
}

static void failover_running(void) {
    world_serving(&world);
    run_failover();
}

static void a_declared_failover_goes_fence_take_run_done(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, D).result, RESULT_APPLIED);
    assert_int_equal(stage(), STAGE_FENCE);
    struct wants wants = world_wants(&world);
    assert_true(wants.close && !wants.open);
    assert_int_equal(wants.close_epoch, 1);
    assert_int_equal(wants.close_why, CLOSE_DECLARED);
    assert_int_equal(wants.commands_n, 0); /* fencing first: nothing of the plan before it */
    assert_true(core_accepts_close(&world.core, &world.topology, 1));
    assert_false(core_accepts_close(&world.core, &world.topology, 2));
    (void)world_close(&world, 1);
    assert_int_equal(stage(), STAGE_TAKE);
    wants = world_wants(&world);
    assert_true(wants.open && !wants.close);
    assert_int_equal(wants.open_epoch, 2);
    assert_int_equal(wants.open_region, D);
    (void)world_open(&world, 2, D);
    assert_int_equal(stage(), STAGE_RUN);
    assert_int_equal(step_phase(STEP_HANDOFF), STEP_LEFT_OUT);
    const struct want_command *want = world_wanted(&world, STEP_PROMOTE);
    assert_non_null(want);
    assert_int_equal(want->agent, AGENT_D1);
    assert_int_equal(want->region, D);
    assert_int_equal(want->peer_region, P);
    assert_int_equal(want->epoch, 2);
    assert_int_equal(want->attempt, 1);
    assert_false(want->graceful);
    assert_null(world_wanted(&world, STEP_DNS)); /* needs the promotion */
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    assert_non_null(world_wanted(&world, STEP_DNS));
    (void)world_outcome(&world, STEP_DNS, SAID_DONE);
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE);
    assert_int_equal(stage(), STAGE_DONE);
    assert_int_equal(world_wants(&world).commands_n, 0);
    assert_int_equal(world_execution(&world)->steps[STEP_PROMOTE].took_ms, 42);
}

static void a_switchover_hands_over_before_the_fence_and_carries_the_position(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_int_equal(stage(), STAGE_PREPARE);
    assert_false(world_wants(&world).close);
    const struct want_command *want = world_wanted(&world, STEP_HANDOFF);
    assert_non_null(want);
    assert_int_equal(want->agent, AGENT_P1); /* at the source */
    assert_int_equal(want->region, P);
    assert_int_equal(want->peer_region, D);
    assert_int_equal(want->position, 0);
    assert_true(want->graceful);
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 0x3000148, false);
    assert_int_equal(stage(), STAGE_FENCE);
    assert_int_equal(world_wants(&world).close_why, CLOSE_PLANNED);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    assert_int_equal(world_wanted(&world, STEP_PROMOTE)->position, 0x3000148);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(world_wanted(&world, STEP_DNS)->position, 0); /* another component's */
}

static void an_execution_keeps_the_topology_that_it_began_under(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    uint32_t version = world.core.config_version;
    assert_true(version > 0);
    assert_int_equal(world_execution(&world)->config_version, version);
    assert_int_equal(world_config(&world, version + 1).result, RESULT_STALE); /* while it runs */
    assert_int_equal(world.core.config_version, version);
}

static void a_switchover_without_handoff_steps_goes_straight_to_the_fence(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_OVER, STEP_HANDOFF)->before_fence = false;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    assert_int_equal(stage(), STAGE_FENCE);
}

static void a_reprotect_runs_at_once_and_moves_no_lease(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_REPROTECT, D);
    assert_int_equal(stage(), STAGE_RUN);
    struct wants wants = world_wants(&world);
    assert_false(wants.close || wants.open);
    assert_int_equal(world_wanted(&world, 0)->region, D);
    assert_int_equal(world_wanted(&world, 0)->peer_region, P);
    (void)world_outcome(&world, 0, SAID_DONE);
    assert_int_equal(stage(), STAGE_DONE);
    assert_int_equal(world.core.epoch, 1);
    (void)world_declare(&world, PLAN_REPROTECT, D);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 318);
    assert_int_equal(stage(), STAGE_ABORTED);
}

static void a_failed_step_is_tried_again_as_often_as_it_may_and_then_pauses(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->retries = 2;
    run_failover();
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        assert_int_equal(world_wanted(&world, STEP_PROMOTE)->attempt, attempt);
        (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
        assert_int_equal(paused(), PAUSE_NO);
        (void)world_pass(&world, RETRY_AGAIN_MS * attempt);
    }
    assert_int_equal(world_wanted(&world, STEP_PROMOTE)->attempt, 3);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_REFUSED);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_FAILED);
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
    assert_int_equal(world_execution(&world)->paused_step, STEP_PROMOTE);
    assert_int_equal(world_ask(&world, REQUEST_RESUME).rule, 399); /* retry, skip or done */
    (void)world_ask_step(&world, REQUEST_STEP_RETRY, STEP_PROMOTE, ROLE_SRE);
    assert_int_equal(paused(), PAUSE_NO);
    assert_int_equal(world_wanted(&world, STEP_PROMOTE)->attempt, 4); /* never an old number */
}

/* What is wrong now is seldom well a millisecond later; and a hundred retries are not a flood. */
static void automatic_retries_come_ever_more_rarely(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->retries = 100;
    run_failover();
    uint64_t between_ms = RETRY_AGAIN_MS;
    for (uint16_t attempt = 1; attempt <= 12; attempt++) {
        assert_int_equal(world_wanted(&world, STEP_PROMOTE)->attempt, attempt);
        (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
        uint64_t failed_ms = world.core.now_ms;
        unsigned ticks_n = 0;
        while (world_wanted(&world, STEP_PROMOTE) == NULL && ticks_n < 200) {
            assert_int_equal(step_phase(STEP_PROMOTE), STEP_WAITING);
            (void)world_tick(&world, 500);
            ticks_n++;
        }
        assert_int_equal(world.core.now_ms - failed_ms, between_ms);
        between_ms = 2 * between_ms > RETRY_AGAIN_MAX_MS ? RETRY_AGAIN_MAX_MS : 2 * between_ms;
    }
    assert_int_equal(between_ms, RETRY_AGAIN_MAX_MS);
}

/* Behind the pause of a retry, whoever could do it is waited for as long as at the first time. */
static void a_retry_without_an_agent_waits_its_time_too(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->retries = 1;
    run_failover();
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    world_heard(&world, UINT64_C(0x10), true); /* the vantage only */
    (void)world_pass(&world, RETRY_AGAIN_MS + 10000);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_WAITING);
    (void)world_pass(&world, 1000);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_FAILED);
}

/* A command's last moment comes from the log's wall time, which here only TICKs tell. */
static void no_command_before_the_first_tick(void **state) {
    (void)state;
    world_init(&world);
    (void)world_config(&world, 1);
    (void)world_keeper(&world, 0, 1, UINT32_MAX);
    (void)world_open(&world, 1, P);
    world_heard(&world, UINT64_C(0x1f), true);
    run_failover();
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_WAITING);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    assert_int_equal(world_execution(&world)->steps[STEP_PROMOTE].started_ms, 0);
    (void)world_tick(&world, 1000);
    const struct step_state *step = &world_execution(&world)->steps[STEP_PROMOTE];
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
    assert_int_equal(step->not_after_wall_ms, world.core.wall_ms + 10000);
}

/* The log stood still: its newest TICK is old, and so would be the command's last moment. */
static void no_command_with_the_time_of_before_a_stall(void **state) {
    static const struct {
        int64_t since_tick_ms; /* by the wall clock of who appended the next fact */
        bool begins;
    } table[] = {
        {-5000, true}, {0, true}, {COMMAND_TIME_OLD_MS, true}, {COMMAND_TIME_OLD_MS + 1, false}};
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        world_serving(&world);
        run_failover();
        const struct want_command *want = world_wanted(&world, STEP_PROMOTE);
        struct event event = {.kind = EVENT_OUTCOME};
        event.wall_ms = (uint64_t)((int64_t)world.core.wall_ms + table[i].since_tick_ms);
        event.outcome.execution = want->execution;
        event.outcome.step = STEP_PROMOTE;
        event.outcome.attempt = want->attempt;
        event.outcome.agent = want->agent;
        event.outcome.state = SAID_DONE;
        assert_int_equal(world_step(&world, &event).rule, 401);
        assert_int_equal(world_wanted(&world, STEP_DNS) != NULL, table[i].begins);
        (void)world_tick(&world, 1000);
        assert_non_null(world_wanted(&world, STEP_DNS));
    }
}

static void no_undoing_begins_with_the_time_of_before_a_stall(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    const struct want_command *want = world_wanted(&world, STEP_HANDOFF);
    struct event event = {.kind = EVENT_OUTCOME};
    event.wall_ms = world.core.wall_ms + COMMAND_TIME_OLD_MS + 1;
    event.outcome.execution = want->execution;
    event.outcome.step = STEP_HANDOFF;
    event.outcome.attempt = want->attempt;
    event.outcome.agent = want->agent;
    event.outcome.state = SAID_FAILED;
    assert_int_equal(world_step(&world, &event).rule, 401);
    assert_int_equal(stage(), STAGE_UNDO);
    assert_null(world_wanted(&world, STEP_HANDOFF));
    (void)world_tick(&world, 1000);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 1);
}

static void the_outcome_of_an_older_attempt_or_another_agent_is_not_waited_for(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->retries = 1;
    run_failover();
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    (void)world_pass(&world, RETRY_AGAIN_MS);
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = 1;
    event.outcome.step = STEP_PROMOTE;
    event.outcome.agent = AGENT_D1;
    event.outcome.state = SAID_DONE;
    event.outcome.attempt = 1;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.attempt = 2;
    event.outcome.agent = AGENT_D2;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.agent = AGENT_D1;
    event.outcome.state = SAID_RUNNING;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.state = SAID_DONE;
    event.outcome.undo = 1;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.undo = 0;
    event.outcome.step = 77;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.step = STEP_PROMOTE;
    event.outcome.execution = 9;
    assert_int_equal(world_step(&world, &event).rule, 402);
    event.outcome.execution = 1;
    assert_int_equal(world_step(&world, &event).rule, 401);
}

static void a_step_without_an_outcome_times_out_a_little_after_its_time(void **state) {
    (void)state;
    failover_running();
    (void)world_pass(&world, 12000);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_RUNNING);
    (void)world_pass(&world, 1000);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_FAILED);
    assert_int_equal(world_execution(&world)->steps[STEP_PROMOTE].err, ERR_TIMEOUT);
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
}

static void a_step_without_an_agent_waits_its_time_and_takes_the_second_one(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    world_heard(&world, UINT64_C(0x10), true); /* the vantage only */
    (void)world_open(&world, 2, D);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_WAITING);
    (void)world_pass(&world, 5000);
    world_heard(&world, UINT64_C(0x18), true); /* the second agent of D */
    assert_int_equal(world_wanted(&world, STEP_PROMOTE)->agent, AGENT_D2);
    failover_running();
    world_heard(&world, UINT64_C(0x10), true);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    world_heard(&world, 0, true);
    (void)world_outcome(&world, STEP_DNS, SAID_DONE);
    (void)world_pass(&world, 11000);
    assert_int_equal(step_phase(STEP_CHECK), STEP_FAILED);
    assert_int_equal(world_execution(&world)->steps[STEP_CHECK].err, ERR_UNREACHABLE);
    assert_int_equal(world_execution(&world)->paused, PAUSE_NO_AGENT);
    assert_int_equal(world_execution(&world)->paused_step, STEP_CHECK);
}

static void a_step_that_may_fail_is_an_exception_and_no_pause(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_DNS)->may_fail = true;
    run_failover();
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    (void)world_outcome(&world, STEP_DNS, SAID_FAILED);
    assert_int_equal(paused(), PAUSE_NO);
    assert_int_equal(world_execution(&world)->exceptions, 1);
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE);
    assert_int_equal(stage(), STAGE_DONE);
}

static void two_failed_steps_pause_one_after_the_other(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_CHECK)->needs_n = 0; /* runs beside the promotion */
    run_failover();
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    (void)world_outcome(&world, STEP_CHECK, SAID_FAILED);
    assert_int_equal(world_execution(&world)->paused_step, STEP_PROMOTE);
    (void)world_ask_step(&world, REQUEST_STEP_SKIP, STEP_PROMOTE, ROLE_SRE);
    /* The other one still waits for people, and says so. */
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
    assert_int_equal(world_execution(&world)->paused_step, STEP_CHECK);
    (void)world_ask_step(&world, REQUEST_STEP_DONE, STEP_CHECK, ROLE_SRE);
    assert_int_equal(paused(), PAUSE_NO);
}

static void a_step_that_fails_while_people_paused_is_told_after_the_resume(void **state) {
    (void)state;
    failover_running();
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    assert_int_equal(paused(), PAUSE_OPERATOR);
    (void)world_ask(&world, REQUEST_RESUME);
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
}

/* --------------------------------------------------------------- approvals */

static void a_step_waits_for_an_approval_of_the_right_role(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->approval = ROLE_DATABASE_ADMIN;
    run_failover();
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_APPROVAL);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_NETWORK_ADMIN).rule,
                     399);
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, NONE, ROLE_SRE).rule, 399);
    assert_int_equal(
        world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_DATABASE_ADMIN).rule, 311);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
    assert_int_equal(world_execution(&world)->steps[STEP_PROMOTE].approved_by, 5);
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_SRE).rule, 399);
}

static void an_approval_may_come_before_the_step_is_due(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_DNS)->approval = ROLE_NETWORK_ADMIN;
    run_failover();
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_NETWORK_ADMIN).rule,
                     311);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_non_null(world_wanted(&world, STEP_DNS));
}

static void a_declined_approval_pauses_and_cancels_nothing(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->approval = ROLE_COMMANDER;
    run_failover();
    assert_int_equal(world_ask_step(&world, REQUEST_REJECT, STEP_DNS, ROLE_SRE).rule, 399);
    (void)world_ask_step(&world, REQUEST_REJECT, STEP_PROMOTE, ROLE_SRE);
    assert_int_equal(paused(), PAUSE_REJECTED);
    assert_int_equal(stage(), STAGE_RUN);
    /* Another step's approval is not this one's: what was declined still stands in the way. */
    step_of(PLAN_AWAY, STEP_CHECK)->approval = ROLE_COMMANDER;
    world.core.executions[0].steps[STEP_CHECK].phase = STEP_APPROVAL;
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_CHECK, ROLE_COMMANDER).result,
                     RESULT_APPLIED);
    assert_int_equal(paused(), PAUSE_REJECTED);
    assert_null(world_wanted(&world, STEP_CHECK));
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_COMMANDER);
    assert_int_equal(paused(), PAUSE_NO);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

static void an_approval_step_is_done_by_the_approval(void **state) {
    (void)state;
    world_serving(&world);
    step_of(PLAN_AWAY, STEP_PROMOTE)->action = ACTION_APPROVAL;
    run_failover();
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_APPROVAL);
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_DEVELOPER).rule,
                     399);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_PROMOTE, ROLE_COMMANDER);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_DONE);
}

static void a_mandate_spares_an_automatic_execution_the_approval_and_no_other(void **state) {
    (void)state;
    for (unsigned automatic = 0; automatic < 2; automatic++) {
        world_suspect_ripe(&world);
        step_of(PLAN_AWAY, STEP_PROMOTE)->approval = ROLE_COMMANDER;
        step_of(PLAN_AWAY, STEP_PROMOTE)->mandated = true;
        if (automatic) {
            assert_int_equal(world_tick(&world, 1000).rule, 203);
            assert_int_equal(world_wants(&world).close_why, CLOSE_AUTOMATIC);
        } else {
            (void)world_declare(&world, PLAN_FAILOVER, D);
        }
        (void)world_close(&world, 1);
        (void)world_open(&world, 2, D);
        assert_int_equal(step_phase(STEP_PROMOTE), automatic ? STEP_RUNNING : STEP_APPROVAL);
    }
}

/* ------------------------------------------------------- what people may do */

static void skipped_and_hand_made_steps_count_as_exceptions(void **state) {
    (void)state;
    failover_running();
    assert_int_equal(world_ask_step(&world, REQUEST_STEP_SKIP, STEP_PROMOTE, ROLE_SRE).rule, 399);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    assert_int_equal(world_ask_step(&world, REQUEST_STEP_RETRY, STEP_DNS, ROLE_SRE).rule, 399);
    (void)world_ask_step(&world, REQUEST_STEP_SKIP, STEP_DNS, ROLE_SRE); /* another than paused */
    assert_int_equal(paused(), PAUSE_STEP_FAILED);
    (void)world_ask_step(&world, REQUEST_STEP_DONE, STEP_PROMOTE, ROLE_SRE);
    assert_int_equal(step_phase(STEP_PROMOTE), STEP_BY_HAND);
    assert_int_equal(step_phase(STEP_DNS), STEP_SKIPPED);
    assert_int_equal(world_execution(&world)->exceptions, 2);
    assert_int_equal(paused(), PAUSE_NO);
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE);
    assert_int_equal(stage(), STAGE_DONE);
    assert_int_equal(world_ask_step(&world, REQUEST_STEP_SKIP, STEP_DNS, ROLE_SRE).rule, 399);
}

static void a_pause_stops_new_steps_and_the_lease_but_not_what_runs(void **state) {
    (void)state;
    failover_running();
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_null(world_wanted(&world, STEP_DNS));
    assert_int_equal(world_ask(&world, REQUEST_PAUSE).rule, 399);
    assert_int_equal(world_ask(&world, REQUEST_RESUME).rule, 314);
    assert_non_null(world_wanted(&world, STEP_DNS));
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_false(world_wants(&world).close);
    assert_int_equal(world_close(&world, 1).rule, 112);
    assert_int_equal(world.core.closes_refused, 1);
}

static void an_abort_is_taken_until_the_fence_and_not_after(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 318);
    assert_int_equal(stage(), STAGE_ABORTED);
    assert_false(world_wants(&world).close);
    assert_int_equal(world_close(&world, 1).rule, 112); /* a CLOSE that was on its way */
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 399);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 399);
    (void)world_open(&world, 2, D);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 399);
}

static void a_plan_is_found_by_its_kind_or_not_at_all(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.plans_n = PLAN_BACK;
    assert_int_equal(plan_of_kind(&world.topology, PLAN_SWITCHOVER), PLAN_OVER);
    assert_int_equal(plan_of_kind(&world.topology, PLAN_REPROTECT), NONE);
    assert_int_equal(world_declare(&world, PLAN_REPROTECT, D).rule, 399);
    /* Without a plan of its kind nothing is decided either. */
    world_suspect_ripe(&world);
    world.topology.plans[PLAN_AWAY].kind = PLAN_REPROTECT;
    assert_int_equal(world_tick(&world, 1000).rule, 901);
}

static void finished_executions_make_room_for_new_ones(void **state) {
    (void)state;
    world_serving(&world);
    for (unsigned i = 1; i <= EXECUTIONS_MAX + 2; i++) {
        (void)world_declare(&world, PLAN_FAILOVER, D);
        assert_int_equal(world_execution(&world)->id, i);
        (void)world_ask(&world, REQUEST_ABORT);
    }
    assert_null(core_execution(&world.core, 0));
    assert_null(core_execution(&world.core, 2));
    assert_non_null(core_execution(&world.core, EXECUTIONS_MAX + 2));
}

/* Found by the simulator, seed 25212: a close before the first tick looked like none, and the
 * proof of its fence was not believed. */
static void a_close_before_the_first_tick_has_a_time_too(void **state) {
    (void)state;
    world_init(&world);
    (void)world_config(&world, 1);
    (void)world_keeper(&world, 0, 1, UINT32_MAX);
    (void)world_open(&world, 1, P);
    run_failover();
    assert_int_not_equal(world_execution(&world)->created_ms, 0);
    assert_int_not_equal(world_execution(&world)->closed_ms, 0);
    assert_int_not_equal(world_execution(&world)->opened_ms, 0);
}

static void the_outage_of_a_declared_failover_begins_with_the_silence(void **state) {
    (void)state;
    world_serving(&world);
    uint64_t silent_ms = world.core.now_ms;
    world_heard(&world, ALL_BUT_P, true);
    (void)world_pass(&world, 3000);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(world_execution(&world)->outage_ms, silent_ms - 3000);
    world_dark(&world);
    (void)world_pass(&world, 3000);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(world_execution(&world)->outage_ms, world.core.suspect_ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_failover_goes_fence_take_run_done),
        cmocka_unit_test(a_switchover_hands_over_before_the_fence_and_carries_the_position),
        cmocka_unit_test(an_execution_keeps_the_topology_that_it_began_under),
        cmocka_unit_test(a_switchover_without_handoff_steps_goes_straight_to_the_fence),
        cmocka_unit_test(a_reprotect_runs_at_once_and_moves_no_lease),
        cmocka_unit_test(a_failed_step_is_tried_again_as_often_as_it_may_and_then_pauses),
        cmocka_unit_test(automatic_retries_come_ever_more_rarely),
        cmocka_unit_test(a_retry_without_an_agent_waits_its_time_too),
        cmocka_unit_test(no_command_before_the_first_tick),
        cmocka_unit_test(no_command_with_the_time_of_before_a_stall),
        cmocka_unit_test(no_undoing_begins_with_the_time_of_before_a_stall),
        cmocka_unit_test(the_outcome_of_an_older_attempt_or_another_agent_is_not_waited_for),
        cmocka_unit_test(a_step_without_an_outcome_times_out_a_little_after_its_time),
        cmocka_unit_test(a_step_without_an_agent_waits_its_time_and_takes_the_second_one),
        cmocka_unit_test(a_step_that_may_fail_is_an_exception_and_no_pause),
        cmocka_unit_test(two_failed_steps_pause_one_after_the_other),
        cmocka_unit_test(a_step_that_fails_while_people_paused_is_told_after_the_resume),
        cmocka_unit_test(a_step_waits_for_an_approval_of_the_right_role),
        cmocka_unit_test(an_approval_may_come_before_the_step_is_due),
        cmocka_unit_test(a_declined_approval_pauses_and_cancels_nothing),
        cmocka_unit_test(an_approval_step_is_done_by_the_approval),
        cmocka_unit_test(a_mandate_spares_an_automatic_execution_the_approval_and_no_other),
        cmocka_unit_test(skipped_and_hand_made_steps_count_as_exceptions),
        cmocka_unit_test(a_pause_stops_new_steps_and_the_lease_but_not_what_runs),
        cmocka_unit_test(an_abort_is_taken_until_the_fence_and_not_after),
        cmocka_unit_test(a_close_before_the_first_tick_has_a_time_too),
        cmocka_unit_test(a_plan_is_found_by_its_kind_or_not_at_all),
        cmocka_unit_test(finished_executions_make_room_for_new_ones),
        cmocka_unit_test(the_outage_of_a_declared_failover_begins_with_the_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
