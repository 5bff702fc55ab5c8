/* commander: one person at a time has command of an execution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

enum { DECLARER = 3, OTHER = 1, THIRD = 2 }; /* operators; world_request asks as the first */

static struct world world;

static void operators_of_the_world(void) {
    world.topology.operators_n = 5;
    for (unsigned i = 0; i < 5; i++) {
        world.topology.operators[i].role = ROLE_SRE;
    }
    world.topology.operators[4].role = ROLE_DATABASE_ADMIN;
}

static void declared(void) {
    world_serving(&world);
    operators_of_the_world();
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(execution_commander(world_execution(&world)), DECLARER);
}

/* Nobody has declared it, so nobody has command yet. */
static void automatic(void) {
    world_suspect_ripe(&world);
    operators_of_the_world();
    assert_int_equal(world_tick(&world, 1000).rule, 203);
    assert_int_equal(execution_commander(world_execution(&world)), NONE);
}

static struct verdict ask_as(uint8_t who, enum request_kind kind) {
    struct event event = world_request(&world, kind);
    event.request.operator_index = who;
    event.request.role = world.topology.operators[who].role;
    return world_step(&world, &event);
}

static struct verdict hand_over_as(uint8_t who, uint8_t to) {
    struct event event = world_request(&world, REQUEST_COMMAND_HANDOVER);
    event.request.operator_index = who;
    event.request.to = to;
    return world_step(&world, &event);
}

static uint8_t commander(void) {
    return execution_commander(world_execution(&world));
}

static void a_second_persons_command_is_refused(void **state) {
    static const enum request_kind kinds[] = {
        REQUEST_PAUSE,     REQUEST_RESUME,    REQUEST_ABORT,           REQUEST_STEP_RETRY,
        REQUEST_STEP_SKIP, REQUEST_STEP_DONE, REQUEST_COMMAND_HANDOVER};
    (void)state;
    declared();
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct verdict verdict = ask_as(OTHER, kinds[i]);
        assert_int_equal(verdict.rule, 309);
        assert_int_equal(verdict.result, RESULT_REFUSED);
    }
    assert_int_equal(world_execution(&world)->paused, PAUSE_NO);
    assert_int_equal(ask_as(DECLARER, REQUEST_PAUSE).rule, 313);
    assert_int_equal(ask_as(DECLARER, REQUEST_RESUME).rule, 314);
    assert_int_equal(commander(), DECLARER);
}

static void what_is_no_command_stays_open_to_everybody_who_may(void **state) {
    (void)state;
    declared();
    assert_int_equal(ask_as(OTHER, REQUEST_HOLD).rule, 321);
    assert_int_equal(ask_as(OTHER, REQUEST_RELEASE).rule, 322);
    assert_int_equal(commander(), DECLARER);
    /* An approval belongs to its role. */
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    world_execution(&world)->steps[STEP_PROMOTE].phase = STEP_APPROVAL;
    struct event event = world_request(&world, REQUEST_APPROVE);
    event.request.operator_index = OTHER;
    event.request.step = STEP_PROMOTE;
    assert_int_equal(world_step(&world, &event).rule, 311);
    assert_int_equal(commander(), DECLARER);
}

/* It tells of the work of its own hands. */
static void a_role_that_never_has_command_is_not_refused_for_the_want_of_it(void **state) {
    (void)state;
    declared();
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
    struct event event = world_request(&world, REQUEST_STEP_DONE);
    event.request.operator_index = 4;
    event.request.role = ROLE_DATABASE_ADMIN;
    event.request.step = STEP_PROMOTE;
    assert_int_equal(world_step(&world, &event).rule, 317);
    assert_int_equal(commander(), DECLARER);
}

static void the_first_command_of_an_automatic_execution_takes_command(void **state) {
    (void)state;
    automatic();
    assert_int_equal(hand_over_as(OTHER, THIRD).rule, 399); /* nobody can give what nobody has */
    assert_int_equal(ask_as(OTHER, REQUEST_HOLD).rule, 321);
    assert_int_equal(commander(), NONE);
    assert_int_equal(ask_as(OTHER, REQUEST_PAUSE).rule, 313);
    assert_int_equal(commander(), OTHER);
    assert_int_equal(ask_as(THIRD, REQUEST_RESUME).rule, 309);
    automatic();
    (void)world_pass(&world, 3000);
    assert_int_equal(ask_as(THIRD, REQUEST_COMMAND_TAKE).rule, 331);
    assert_int_equal(commander(), THIRD);
    assert_int_equal(world_execution(&world)->command_ms, world.core.now_ms);
}

static void a_declaration_of_automation_leaves_command_to_people(void **state) {
    (void)state;
    world_serving(&world);
    operators_of_the_world();
    world.topology.policy.automatic = true;
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.role = ROLE_AUTOMATION;
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.region = D;
    assert_int_equal(world_step(&world, &event).rule, 305);
    assert_int_equal(commander(), NONE);
}

static void command_is_handed_over_by_its_holder_to_whom_may_have_it(void **state) {
    (void)state;
    declared();
    assert_int_equal(hand_over_as(OTHER, THIRD).rule, 309);
    assert_int_equal(hand_over_as(DECLARER, NONE).rule, 399);
    assert_int_equal(hand_over_as(DECLARER, 4).rule, 399); /* a role without command */
    (void)world_pass(&world, 2000);
    assert_int_equal(hand_over_as(DECLARER, OTHER).rule, 335);
    assert_int_equal(commander(), OTHER);
    assert_int_equal(world_execution(&world)->command_ms, world.core.now_ms);
    assert_int_equal(ask_as(DECLARER, REQUEST_PAUSE).rule, 309);
    assert_int_equal(ask_as(OTHER, REQUEST_PAUSE).rule, 313);
}

static void command_is_taken_only_from_a_holder_who_does_not_answer(void **state) {
    (void)state;
    declared();
    assert_int_equal(ask_as(OTHER, REQUEST_COMMAND_TAKE).rule, 332);
    assert_int_equal(commander(), DECLARER);
    (void)world_pass(&world, COMMAND_ANSWER_MS - 1);
    assert_int_equal(ask_as(OTHER, REQUEST_COMMAND_TAKE).rule, 334);
    assert_int_equal(commander(), DECLARER);
    (void)world_pass(&world, 1);
    assert_int_equal(ask_as(THIRD, REQUEST_COMMAND_TAKE).rule, 333); /* whoever is there by then */
    assert_int_equal(commander(), THIRD);
    assert_int_equal(world_execution(&world)->asked_by, 0);
    assert_int_equal(world_execution(&world)->asked_ms, 0);
}

static void a_holder_who_asks_for_anything_has_answered(void **state) {
    static const enum request_kind answers[] = {REQUEST_HOLD, REQUEST_PAUSE, REQUEST_COMMAND_TAKE};
    (void)state;
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        declared();
        uint64_t since_ms = world_execution(&world)->command_ms;
        (void)ask_as(OTHER, REQUEST_COMMAND_TAKE);
        (void)world_pass(&world, COMMAND_ANSWER_MS);
        assert_int_equal(ask_as(DECLARER, answers[i]).result, RESULT_APPLIED);
        assert_int_equal(world_execution(&world)->asked_by, 0);
        assert_int_equal(ask_as(OTHER, REQUEST_COMMAND_TAKE).rule, 332); /* asked anew */
        assert_int_equal(commander(), DECLARER);
        assert_int_equal(world_execution(&world)->command_ms, since_ms);
    }
}

static void command_of_another_execution_or_of_none_is_refused(void **state) {
    (void)state;
    world_serving(&world);
    operators_of_the_world();
    assert_int_equal(ask_as(OTHER, REQUEST_COMMAND_TAKE).rule, 399);
    assert_int_equal(hand_over_as(OTHER, THIRD).rule, 399);
    declared();
    struct event event = world_request(&world, REQUEST_COMMAND_TAKE);
    event.request.execution = 7;
    assert_int_equal(world_step(&world, &event).rule, 399);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_persons_command_is_refused),
        cmocka_unit_test(what_is_no_command_stays_open_to_everybody_who_may),
        cmocka_unit_test(a_role_that_never_has_command_is_not_refused_for_the_want_of_it),
        cmocka_unit_test(the_first_command_of_an_automatic_execution_takes_command),
        cmocka_unit_test(a_declaration_of_automation_leaves_command_to_people),
        cmocka_unit_test(command_is_handed_over_by_its_holder_to_whom_may_have_it),
        cmocka_unit_test(command_is_taken_only_from_a_holder_who_does_not_answer),
        cmocka_unit_test(a_holder_who_asks_for_anything_has_answered),
        cmocka_unit_test(command_of_another_execution_or_of_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
