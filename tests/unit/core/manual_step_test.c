/* manual: a step that waits for a person's hands, and for the word of its role that it is done; and
 * one that automation may not run on its own word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

/* PLAN_AWAY's promotion is done by hand, by the network's administrator. */
static void begun(void) {
    world_serving(&world);
    struct step *step = &world.topology.plans[PLAN_AWAY].steps[STEP_PROMOTE];
    step->action = ACTION_MANUAL;
    step->approval = ROLE_NETWORK_ADMIN;
    step->mandated = true; /* the check refuses it, and it must not help */
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_pass(&world, 3000);
}

static struct verdict ask_as(enum role role, enum request_kind kind, uint8_t step) {
    struct event event = world_request(&world, kind);
    event.request.role = (uint8_t)role;
    event.request.operator_index = 1; /* another than who declared it */
    event.request.step = step;
    return world_step(&world, &event);
}

static const struct step_state *promotion(void) {
    return &world_execution(&world)->steps[STEP_PROMOTE];
}

static void a_manual_step_waits_for_a_person_and_never_reaches_an_agent(void **state) {
    (void)state;
    begun();
    assert_int_equal(promotion()->phase, STEP_APPROVAL);
    assert_null(world_wanted(&world, STEP_PROMOTE));
    assert_true(execution_stands(world_execution(&world)));
    world_execution(&world)->automatic = 1; /* a mandate does no work */
    (void)world_pass(&world, 60000);
    assert_int_equal(promotion()->phase, STEP_APPROVAL);
    assert_null(world_wanted(&world, STEP_PROMOTE));
}

static void an_approval_does_not_do_it(void **state) {
    (void)state;
    begun();
    assert_int_equal(ask_as(ROLE_NETWORK_ADMIN, REQUEST_APPROVE, STEP_PROMOTE).rule, 399);
    assert_int_equal(promotion()->phase, STEP_APPROVAL);
}

static void its_role_says_that_it_is_done_without_having_command(void **state) {
    static const enum role may[] = {ROLE_NETWORK_ADMIN, ROLE_COMMANDER, ROLE_SRE};
    (void)state;
    for (unsigned i = 0; i < sizeof may / sizeof may[0]; i++) {
        begun();
        assert_int_equal(ask_as(ROLE_DATABASE_ADMIN, REQUEST_STEP_DONE, STEP_PROMOTE).rule, 399);
        assert_int_equal(ask_as(may[i], REQUEST_STEP_DONE, STEP_PROMOTE).rule, 317);
        assert_int_equal(promotion()->phase, STEP_DONE);
        assert_int_equal(promotion()->approved_by, 1);
        assert_int_equal(world_execution(&world)->exceptions, 0); /* as planned */
        assert_int_equal(execution_commander(world_execution(&world)), 3);
        assert_int_not_equal(world_execution(&world)->steps[STEP_CHECK].phase, STEP_DONE);
    }
}

static void another_step_is_not_its_roles_to_pass(void **state) {
    (void)state;
    begun();
    (void)ask_as(ROLE_NETWORK_ADMIN, REQUEST_STEP_DONE, STEP_PROMOTE);
    world_execution(&world)->steps[STEP_DNS].phase = STEP_FAILED;
    assert_int_equal(ask_as(ROLE_DATABASE_ADMIN, REQUEST_STEP_DONE, STEP_DNS).rule, 399);
    assert_int_equal(ask_as(ROLE_SRE, REQUEST_STEP_DONE, STEP_DNS).rule, 309); /* a command */
}

/* Automation may only promote and look (SEED-61): what else nobody mandated is asked for, W221. */
static void automation_asks_before_what_nobody_mandated(void **state) {
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        world_suspect_ripe(&world);
        struct step *dns = &world.topology.plans[PLAN_AWAY].steps[STEP_DNS];
        dns->needs_n = 0;
        dns->mandated = round == 1;
        if (round < 2) {
            assert_int_equal(world_tick(&world, 1000).rule, 203);
        } else {
            (void)world_declare(&world, PLAN_FAILOVER, D);
        }
        (void)world_close(&world, 1);
        (void)world_open(&world, 2, D);
        assert_int_equal(promotion()->phase, STEP_RUNNING);
        assert_int_equal(world_execution(&world)->steps[STEP_DNS].phase,
                         round == 0 ? STEP_APPROVAL : STEP_RUNNING);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manual_step_waits_for_a_person_and_never_reaches_an_agent),
        cmocka_unit_test(an_approval_does_not_do_it),
        cmocka_unit_test(its_role_says_that_it_is_done_without_having_command),
        cmocka_unit_test(another_step_is_not_its_roles_to_pass),
        cmocka_unit_test(automation_asks_before_what_nobody_mandated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
