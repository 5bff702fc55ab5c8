/* supersede: a second disaster. The region that an execution moved to dies before the execution has
 * ended: people leave it with one declaration, nothing does it by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define ALL_BUT_D UINT64_C(0x13)

static struct world world;

/* Moved to D, where the promotion fails: the execution stands behind its point of no return. */
static void stand_in(enum plan_kind kind) {
    world_serving(&world);
    (void)world_declare(&world, kind, D);
    if (kind == PLAN_SWITCHOVER) {
        (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    }
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    assert_int_equal(world_execution(&world)->paused, PAUSE_STEP_FAILED);
}

static void lose_d(void) {
    world_heard(&world, ALL_BUT_D, false);
    (void)world_check(&world, AGENT_M1, CHECK_D_OUT, SEEN_FAILED);
    (void)world_check(&world, AGENT_P1, CHECK_D_OUT, SEEN_FAILED);
    (void)world_pass(&world, 2000);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
}

static struct verdict declare_as(enum role role, enum plan_kind kind, uint8_t region) {
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.role = (uint8_t)role;
    event.request.plan_kind = (uint8_t)kind;
    event.request.region = region;
    return world_step(&world, &event);
}

static void a_declared_failover_supersedes_an_execution_that_stands(void **state) {
    static const enum plan_kind kinds[] = {PLAN_FAILOVER, PLAN_SWITCHOVER};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        stand_in(kinds[i]);
        lose_d();
        assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 399); /* the lease has moved */
        struct verdict verdict = world_declare(&world, PLAN_FAILOVER, P);
        assert_int_equal(verdict.rule, 306);
        assert_int_equal(verdict.result, RESULT_APPLIED);
        assert_int_equal(verdict.execution, 2);
        const struct execution *old = core_execution(&world.core, 1);
        assert_int_equal(old->stage, STAGE_SUPERSEDED);
        assert_int_equal(old->paused, PAUSE_NO);
        assert_int_equal(old->finished_ms, world.core.now_ms);
        assert_true(execution_finished(old));
        struct wants wants = world_wants(&world);
        assert_int_equal(wants.commands_n, 0); /* its wishes are gone */
        assert_true(wants.close);
        assert_int_equal(wants.close_epoch, 2);
        assert_int_equal(world_close(&world, 2).rule, 111);
        assert_int_equal(world_open(&world, 3, P).rule, 102);
        assert_int_equal(world.core.owner, P);
        assert_int_equal(world_wanted(&world, STEP_PROMOTE)->execution, 2);
    }
}

static void the_superseded_one_takes_no_request_and_no_outcome(void **state) {
    (void)state;
    stand_in(PLAN_FAILOVER);
    (void)world_ask_step(&world, REQUEST_STEP_RETRY, STEP_PROMOTE, ROLE_SRE);
    (void)world_ask(&world, REQUEST_PAUSE);
    lose_d();
    struct event late = {.kind = EVENT_OUTCOME};
    late.outcome.execution = 1;
    late.outcome.step = STEP_PROMOTE;
    late.outcome.attempt = 2;
    late.outcome.agent = world_execution(&world)->steps[STEP_PROMOTE].agent;
    late.outcome.state = SAID_DONE;
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, P).rule, 306);
    assert_int_equal(world_step(&world, &late).rule, 402);
    struct event event = world_request(&world, REQUEST_RESUME);
    event.request.execution = 1;
    assert_int_equal(world_step(&world, &event).rule, 399);
    event = world_request(&world, REQUEST_STEP_SKIP);
    event.request.execution = 1;
    event.request.step = STEP_PROMOTE;
    assert_int_equal(world_step(&world, &event).rule, 399);
}

static void nothing_leaves_it_by_itself(void **state) {
    (void)state;
    stand_in(PLAN_FAILOVER);
    lose_d();
    (void)world_ask(&world, REQUEST_RELEASE); /* neither latch nor block is what keeps it */
    (void)world_lag(&world, true, 100);
    (void)world_pass(&world, 120000);
    struct gate_reading gates[GATES_N];
    uint8_t target;
    assert_false(gates_read(&world.core, &world.topology, gates, &target));
    assert_false(gates[GATE_IDLE_].passes);
    assert_int_equal(target, P);
    assert_int_equal(world_execution(&world)->id, 1);
    assert_int_equal(world.core.epoch, 2);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
}

static void only_a_persons_failover_supersedes(void **state) {
    (void)state;
    stand_in(PLAN_FAILOVER);
    lose_d();
    assert_int_equal(declare_as(ROLE_AUTOMATION, PLAN_FAILOVER, P).rule, 303);
    assert_int_equal(declare_as(ROLE_COMMANDER, PLAN_SWITCHOVER, P).rule, 303);
    assert_int_equal(declare_as(ROLE_COMMANDER, PLAN_REPROTECT, P).rule, 303);
    assert_int_equal(declare_as(ROLE_COMMANDER, PLAN_FAILOVER, M).rule, 399);
    assert_int_equal(declare_as(ROLE_COMMANDER, PLAN_FAILOVER, D).rule, 302); /* it is that move */
    assert_int_equal(world_execution(&world)->id, 1);
    assert_int_equal(declare_as(ROLE_COMMANDER, PLAN_FAILOVER, P).rule, 306);
}

static void one_that_goes_on_or_has_not_moved_is_not_superseded(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, P).rule, 303); /* a step is at work */
    world_serving(&world);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, D).rule, 303); /* abandon it instead */
    world_serving(&world);
    (void)world_declare(&world, PLAN_REPROTECT, D);
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, D).rule, 303);
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 318);
}

static void one_that_waits_for_an_approval_stands_once_nothing_is_at_work(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.plans[PLAN_AWAY].steps[STEP_CHECK].needs_n = 0; /* runs beside the promotion */
    world.topology.plans[PLAN_AWAY].steps[STEP_PROMOTE].approval = ROLE_SRE;
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    assert_int_equal(world_execution(&world)->steps[STEP_PROMOTE].phase, STEP_APPROVAL);
    assert_false(execution_stands(world_execution(&world)));
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, P).rule, 303);
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE);
    assert_true(execution_stands(world_execution(&world)));
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, P).rule, 306);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_failover_supersedes_an_execution_that_stands),
        cmocka_unit_test(the_superseded_one_takes_no_request_and_no_outcome),
        cmocka_unit_test(nothing_leaves_it_by_itself),
        cmocka_unit_test(only_a_persons_failover_supersedes),
        cmocka_unit_test(one_that_goes_on_or_has_not_moved_is_not_superseded),
        cmocka_unit_test(one_that_waits_for_an_approval_stands_once_nothing_is_at_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
