/* drill: what stays inside one region, beside the lease, and is never in the way of a move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

/* The plans behind those of the world, and their two steps: of the second drill only the first. */
enum { PLAN_REPAIR = PLAN_BACK + 1, PLAN_EXERCISE, PLAN_EXERCISE_TOO };
enum { STEP_FIRST = 0, STEP_SECOND };

static struct world world;

static void add_exercise(enum plan_kind kind) {
    struct plan *plan = &world.topology.plans[world.topology.plans_n++];
    plan->kind = (uint8_t)kind;
    plan->steps_n = 2;
    for (unsigned s = 0; s < 2; s++) {
        plan->steps[s] = (struct step){.action = ACTION_EXEC,
                                       .component = COMPONENT_STORE,
                                       .through = NONE,
                                       .agent = NONE,
                                       .approval = NONE,
                                       .timeout_ms = 10000,
                                       .needs_n = (uint8_t)s};
    }
}

static void add_exercises(void) {
    add_exercise(PLAN_COMPONENT);
    add_exercise(PLAN_DRILL);
    add_exercise(PLAN_DRILL);
}

static void serving(void) {
    world_serving(&world);
    add_exercises();
}

static struct verdict declare_plan(enum plan_kind kind, uint8_t plan, uint8_t region) {
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.plan_kind = (uint8_t)kind;
    event.request.plan = plan;
    event.request.region = region;
    return world_step(&world, &event);
}

static struct event outcome_of(uint64_t id, uint8_t step, uint8_t said) {
    const struct execution *execution = core_execution(&world.core, id);
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = id;
    event.outcome.step = step;
    event.outcome.attempt = execution->steps[step].attempt;
    event.outcome.agent = execution->steps[step].agent;
    event.outcome.state = said;
    event.outcome.err = said == SAID_DONE ? ERR_OK : ERR_FAILED;
    return event;
}

static const enum plan_kind both[] = {PLAN_COMPONENT, PLAN_DRILL};

static void it_runs_in_its_region_and_no_lease_moves(void **state) {
    static const uint8_t regions[] = {P, D};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        serving();
        assert_int_equal(world_declare(&world, both[i & 1], regions[i / 2]).rule, 305);
        const struct execution *execution = world_execution(&world);
        assert_true(execution_yields(execution));
        assert_int_equal(execution->stage, STAGE_RUN);
        assert_int_equal(execution->target, regions[i / 2]);
        assert_int_equal(execution->source, regions[1 - i / 2]);
        assert_false(world_wants(&world).close);
        assert_int_equal(world_wanted(&world, STEP_FIRST)->region, regions[i / 2]);
        assert_false(world_wanted(&world, STEP_FIRST)->needs_lease);
        assert_int_equal(world_close(&world, 1).rule, 112);
        assert_int_equal(world_ask(&world, REQUEST_MODE_UNGRACEFUL).rule, 324);
        assert_int_equal(world_outcome(&world, STEP_FIRST, SAID_DONE).rule, 401);
        assert_int_equal(world_outcome(&world, STEP_SECOND, SAID_DONE).rule, 401);
        assert_int_equal(execution->stage, STAGE_DONE);
        assert_int_equal(world.core.epoch, 1);
        assert_int_equal(world.core.owner, P);
    }
}

static void only_a_data_region_beside_another_holds_one(void **state) {
    (void)state;
    serving();
    assert_int_equal(world_declare(&world, PLAN_DRILL, M).rule, 399);
    world.topology.regions[D].kind = REGION_MONITORING;
    assert_int_equal(world_declare(&world, PLAN_COMPONENT, P).rule, 399);
}

static void a_drill_is_refused_while_anything_runs(void **state) {
    (void)state;
    serving();
    (void)world_declare(&world, PLAN_REPROTECT, D);
    assert_int_equal(world_declare(&world, PLAN_DRILL, P).rule, 303);
    assert_int_equal(world_declare(&world, PLAN_COMPONENT, P).rule, 303);
    serving();
    (void)world_declare(&world, PLAN_COMPONENT, P);
    assert_int_equal(world_declare(&world, PLAN_DRILL, P).rule, 303);
    assert_int_equal(world_declare(&world, PLAN_REPROTECT, D).rule, 303);
    assert_int_equal(world_declare(&world, PLAN_COMPONENT, D).rule, 303);
    assert_int_equal(world_declare(&world, PLAN_COMPONENT, P).rule, 302);
    serving();
    (void)world_declare(&world, PLAN_DRILL, P);
    assert_int_equal(declare_plan(PLAN_DRILL, PLAN_EXERCISE_TOO, P).rule, 303);
    assert_int_equal(declare_plan(PLAN_DRILL, PLAN_EXERCISE, P).rule, 302);
    assert_int_equal(world_execution(&world)->id, 1);
}

static void a_drill_waits_until_the_active_region_is_well(void **state) {
    (void)state;
    serving();
    (void)world_check(&world, AGENT_P1, CHECK_P_IN1, SEEN_FAILED);
    struct verdict refused = world_declare(&world, PLAN_DRILL, D);
    assert_int_equal(refused.rule, 308);
    assert_int_equal(refused.result, RESULT_REFUSED);
    assert_int_equal(world_declare(&world, PLAN_COMPONENT, P).rule, 305); /* it is what mends it */
    world_dark(&world);
    add_exercises();
    (void)world_tick(&world, 1);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    assert_int_equal(world_declare(&world, PLAN_DRILL, D).rule, 308);
    assert_int_equal(world.core.executions_made, 0);
}

static void what_was_seen_and_moved_is_stale_for_a_drill_too(void **state) {
    (void)state;
    serving();
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.plan_kind = PLAN_DRILL;
    event.request.region = D;
    struct seen_plan seen = seen_plan_now(&world.core, &world.topology, PLAN_EXERCISE, D);
    seen.epoch++;
    seen_plan_write(&seen, event.request.seen);
    assert_int_equal(world_step(&world, &event).rule, 307);
}

static void a_declared_move_interrupts_it(void **state) {
    static const enum plan_kind moves[] = {PLAN_FAILOVER, PLAN_SWITCHOVER};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        serving();
        (void)world_declare(&world, both[i & 1], P);
        (void)world_tick(&world, 1000);
        struct verdict verdict = world_declare(&world, moves[i / 2], D);
        assert_int_equal(verdict.rule, 306);
        assert_int_equal(verdict.result, RESULT_APPLIED);
        assert_int_equal(verdict.execution, 2);
        const struct execution *drill = core_execution(&world.core, 1);
        assert_int_equal(drill->stage, STAGE_INTERRUPTED);
        assert_true(execution_finished(drill));
        assert_int_equal(drill->finished_ms, world.core.now_ms);
        struct wants wants = world_wants(&world);
        for (unsigned n = 0; n < wants.commands_n; n++) {
            assert_int_equal(wants.commands[n].execution, 2); /* nothing of it is wanted any more */
        }
        assert_int_equal(wants.close, moves[i / 2] == PLAN_FAILOVER);
    }
}

static void automations_failover_interrupts_it_as_well(void **state) {
    (void)state;
    serving();
    (void)world_declare(&world, PLAN_DRILL, P);
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.role = ROLE_AUTOMATION;
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.region = D;
    assert_int_equal(world_step(&world, &event).rule, 306);
}

static void an_automatic_failover_does_not_wait_for_it(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        world_suspect_ripe(&world);
        add_exercises();
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_OK);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_OK);
        world_heard(&world, ALL_AGENTS, true);
        (void)world_tick(&world, 1);
        assert_int_equal(world.core.phase, PHASE_SERVING);
        assert_int_equal(world_declare(&world, both[i], P).rule, 305);
        (void)world_ask(&world, REQUEST_PAUSE); /* not even one that people stopped */
        world_heard(&world, ALL_BUT_P, false);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_pass(&world, 13000);
        const struct execution *failover = core_execution(&world.core, 2);
        assert_non_null(failover);
        assert_true(failover->automatic);
        assert_int_equal(core_execution(&world.core, 1)->stage, STAGE_INTERRUPTED);
        assert_true(world_wants(&world).close);
    }
}

static void while_the_region_looks_lost_a_drill_begins_nothing_more(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        serving();
        (void)world_declare(&world, both[i], D);
        world_heard(&world, ALL_BUT_P, false);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_pass(&world, 3000);
        assert_int_equal(world.core.phase, PHASE_SUSPECT);
        (void)world_outcome(&world, STEP_FIRST, SAID_DONE);
        assert_int_equal(world_wanted(&world, STEP_SECOND) == NULL, both[i] == PLAN_DRILL);
        world_heard(&world, ALL_AGENTS, true);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_OK);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_OK);
        (void)world_tick(&world, 1000);
        assert_int_equal(world.core.phase, PHASE_SERVING);
        assert_non_null(world_wanted(&world, STEP_SECOND));
    }
}

static void the_end_of_what_was_at_work_is_still_told(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        serving();
        (void)world_declare(&world, PLAN_DRILL, P);
        (void)world_declare(&world, PLAN_FAILOVER, D);
        const struct step_state *at_work = &core_execution(&world.core, 1)->steps[STEP_FIRST];
        assert_int_equal(at_work->phase, STEP_RUNNING);
        struct event told = outcome_of(1, STEP_FIRST, i == 0 ? SAID_DONE : SAID_FAILED);
        assert_true(core_awaits_outcome(&world.core, &told));
        struct verdict verdict = world_step(&world, &told);
        assert_int_equal(verdict.rule, 401);
        assert_int_equal(verdict.execution, 1);
        assert_int_equal(at_work->phase, i == 0 ? STEP_DONE : STEP_FAILED);
        assert_int_equal(at_work->err, i == 0 ? ERR_OK : ERR_FAILED);
        assert_int_equal(core_execution(&world.core, 1)->stage, STAGE_INTERRUPTED);
        assert_int_equal(core_execution(&world.core, 1)->paused, PAUSE_NO);
        assert_int_equal(world_step(&world, &told).rule, 402);
        told = outcome_of(1, STEP_SECOND, SAID_DONE); /* it was never begun */
        assert_int_equal(world_step(&world, &told).rule, 402);
        assert_int_equal(world_execution(&world)->id, 2);
    }
}

static void it_is_abandoned_at_any_time(void **state) {
    (void)state;
    serving();
    (void)world_declare(&world, PLAN_DRILL, P);
    (void)world_outcome(&world, STEP_FIRST, SAID_FAILED);
    assert_int_equal(world_execution(&world)->paused, PAUSE_STEP_FAILED);
    assert_false(execution_stands(world_execution(&world)));
    assert_int_equal(world_ask(&world, REQUEST_ABORT).rule, 318);
    assert_int_equal(world_execution(&world)->stage, STAGE_ABORTED);
}

/* ------------------------------------------------------------------------ locks */

/* A simulated story: a drill waited for a suspicion to pass, a key of the standby was stolen, and
 * the topology without it, with which the standby would have been ready, was refused for ever. */
static void a_new_topology_ends_one_that_waits(void **state) {
    (void)state;
    for (unsigned at_work = 0; at_work < 2; at_work++) {
        serving();
        (void)world_declare(&world, PLAN_DRILL, P);
        (void)world_tick(&world, 1000);
        struct execution *drill = &world.core.executions[0];
        assert_int_equal(drill->steps[STEP_FIRST].phase, STEP_RUNNING);
        drill->steps[STEP_FIRST].phase = at_work == 1 ? STEP_RUNNING : STEP_DONE;
        drill->paused = PAUSE_OPERATOR;
        assert_int_equal(execution_bars_topology(drill), at_work == 1);
        uint32_t version = world.core.config_version;
        world.topology.version = version + 1;
        struct event config = {.kind = EVENT_CONFIG, .config.version = version + 1};
        struct verdict verdict = world_step(&world, &config);
        assert_int_equal(verdict.result == RESULT_STALE, at_work == 1);
        assert_int_equal(world.core.config_version, version + 1 - at_work);
        assert_int_equal(drill->stage, at_work == 1 ? STAGE_RUN : STAGE_ABORTED);
        assert_int_equal(execution_finished(drill), at_work == 0);
        assert_int_equal(execution_bars_topology(drill),
                         at_work == 1); /* what is over bars nothing */
        assert_false(at_work == 0 && drill->finished_ms != world.core.now_ms);
    }
}

static void a_move_keeps_a_new_topology_out_also_when_it_waits(void **state) {
    (void)state;
    serving();
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_true(execution_bars_topology(&world.core.executions[0]));
}

static void name_lock(uint8_t plan, uint8_t step, const char *name) {
    struct plan *of = &world.topology.plans[plan];
    (void)text_copy(of->locks[of->locks_n], NAME_SIZE, name);
    of->steps[step].locks |= (uint16_t)(1u << of->locks_n++);
}

/* A drill in D has a step at work that shares a lock with the promotion there; then P is left. */
static void interrupted_in_d(void) {
    serving();
    name_lock(PLAN_AWAY, STEP_DNS, "names");
    name_lock(PLAN_AWAY, STEP_PROMOTE, "store");
    name_lock(PLAN_EXERCISE, STEP_SECOND, "other");
    name_lock(PLAN_EXERCISE, STEP_FIRST, "disk");
    name_lock(PLAN_EXERCISE, STEP_FIRST, "store");
    (void)world_declare(&world, PLAN_DRILL, D);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
}

static void a_move_waits_for_the_lock_that_the_drill_left_held(void **state) {
    (void)state;
    interrupted_in_d();
    (void)world_tick(&world, 1000);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    struct event told = outcome_of(1, STEP_FIRST, SAID_FAILED);
    (void)world_step(&world, &told);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

static void it_waits_no_longer_than_that_step_may_take(void **state) {
    (void)state;
    interrupted_in_d();
    (void)world_pass(&world, 11000);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    (void)world_pass(&world, 2000);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

static void nor_for_an_agent_that_is_silent_or_another_lock(void **state) {
    (void)state;
    interrupted_in_d();
    const struct execution *drill = core_execution(&world.core, 1);
    world_heard(&world, ALL_AGENTS & ~(UINT64_C(1) << drill->steps[STEP_FIRST].agent), true);
    (void)world_tick(&world, 1000);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
    interrupted_in_d();
    (void)text_copy(world.topology.plans[PLAN_AWAY].locks[1], NAME_SIZE, "quite another");
    (void)world_tick(&world, 1000);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

static void a_later_topology_knows_no_lock_of_before(void **state) {
    (void)state;
    interrupted_in_d();
    world.core.executions[0].config_version = 0;
    (void)world_tick(&world, 1000);
    assert_non_null(world_wanted(&world, STEP_PROMOTE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_in_its_region_and_no_lease_moves),
        cmocka_unit_test(only_a_data_region_beside_another_holds_one),
        cmocka_unit_test(a_drill_is_refused_while_anything_runs),
        cmocka_unit_test(a_drill_waits_until_the_active_region_is_well),
        cmocka_unit_test(what_was_seen_and_moved_is_stale_for_a_drill_too),
        cmocka_unit_test(a_declared_move_interrupts_it),
        cmocka_unit_test(a_new_topology_ends_one_that_waits),
        cmocka_unit_test(a_move_keeps_a_new_topology_out_also_when_it_waits),
        cmocka_unit_test(automations_failover_interrupts_it_as_well),
        cmocka_unit_test(an_automatic_failover_does_not_wait_for_it),
        cmocka_unit_test(while_the_region_looks_lost_a_drill_begins_nothing_more),
        cmocka_unit_test(the_end_of_what_was_at_work_is_still_told),
        cmocka_unit_test(it_is_abandoned_at_any_time),
        cmocka_unit_test(a_move_waits_for_the_lock_that_the_drill_left_held),
        cmocka_unit_test(it_waits_no_longer_than_that_step_may_take),
        cmocka_unit_test(nor_for_an_agent_that_is_silent_or_another_lock),
        cmocka_unit_test(a_later_topology_knows_no_lock_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
