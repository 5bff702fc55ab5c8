/* Two persons: who declared an execution does not approve its steps, nor pass by an approval; and a
 * role says of no step that it was done which it may not run, or not approve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "world.h"

static struct world world;

enum { DECLARER = 3, SECOND_KEY = 4, ANOTHER = 5 };

/* PLAN_AWAY's DNS waits for the network's administrator; DECLARER has two keys. */
static void waits_for_an_approval(enum action_kind action) {
    world_serving(&world);
    struct step *step = &world.topology.plans[PLAN_AWAY].steps[STEP_DNS];
    step->action = (uint8_t)action;
    step->approval = ROLE_NETWORK_ADMIN;
    world.topology.operators_n = 6;
    for (uint8_t i = 0; i < 6; i++) {
        (void)text_format(world.topology.operators[i].person, NAME_SIZE, "person %u", (unsigned)i);
    }
    (void)text_copy(world.topology.operators[SECOND_KEY].person, NAME_SIZE, "person 3");
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(world_execution(&world)->steps[STEP_DNS].phase, STEP_APPROVAL);
}

static struct verdict ask(uint8_t who, enum role role, enum request_kind kind) {
    struct event event = world_request(&world, kind);
    event.request.operator_index = who;
    event.request.role = (uint8_t)role;
    event.request.step = STEP_DNS;
    return world_step(&world, &event);
}

static enum step_phase phase(void) {
    return (enum step_phase)world_execution(&world)->steps[STEP_DNS].phase;
}

static void who_declared_it_does_not_approve_it_with_either_key(void **state) {
    (void)state;
    waits_for_an_approval(ACTION_DNS_UPDATE);
    assert_int_equal(ask(DECLARER, ROLE_SRE, REQUEST_APPROVE).rule, 325);
    assert_int_equal(ask(SECOND_KEY, ROLE_COMMANDER, REQUEST_APPROVE).rule, 325);
    assert_int_equal(ask(SECOND_KEY, ROLE_COMMANDER, REQUEST_APPROVE).result, RESULT_REFUSED);
    assert_int_equal(phase(), STEP_APPROVAL);
    assert_int_equal(ask(ANOTHER, ROLE_COMMANDER, REQUEST_APPROVE).rule, 311);
    assert_int_equal(world_execution(&world)->steps[STEP_DNS].approved_by, ANOTHER);
}

static void nor_does_a_skip_or_a_word_of_work_by_hand_pass_it_by(void **state) {
    static const enum request_kind by[] = {REQUEST_STEP_SKIP, REQUEST_STEP_DONE};
    static const enum action_kind actions[] = {ACTION_DNS_UPDATE, ACTION_APPROVAL};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        waits_for_an_approval(actions[i / 2]);
        assert_int_equal(ask(DECLARER, ROLE_SRE, by[i % 2]).rule, 325);
        assert_int_equal(phase(), STEP_APPROVAL);
        world_execution(&world)->commander = ANOTHER + 1;
        assert_int_equal(ask(ANOTHER, ROLE_SRE, by[i % 2]).rule, i % 2 == 0 ? 316 : 317);
    }
}

static void declining_it_needs_no_second_person(void **state) {
    (void)state;
    waits_for_an_approval(ACTION_DNS_UPDATE);
    assert_int_equal(ask(DECLARER, ROLE_SRE, REQUEST_REJECT).rule, 312);
}

static void what_was_approved_is_its_declarers_to_command(void **state) {
    (void)state;
    waits_for_an_approval(ACTION_DNS_UPDATE);
    (void)ask(ANOTHER, ROLE_NETWORK_ADMIN, REQUEST_APPROVE);
    assert_int_equal(phase(), STEP_RUNNING);
    world_execution(&world)->steps[STEP_DNS].phase = STEP_FAILED;
    assert_int_equal(ask(DECLARER, ROLE_SRE, REQUEST_STEP_SKIP).rule, 316);
}

static void what_asks_for_no_approval_is_nobodys_to_refuse(void **state) {
    (void)state;
    waits_for_an_approval(ACTION_DNS_UPDATE);
    world.topology.plans[PLAN_AWAY].steps[STEP_DNS].approval = NONE;
    assert_int_equal(ask(DECLARER, ROLE_SRE, REQUEST_STEP_SKIP).rule, 316);
}

static void of_what_automation_began_any_one_person_approves(void **state) {
    (void)state;
    waits_for_an_approval(ACTION_DNS_UPDATE);
    world_execution(&world)->declared_by = NONE;
    assert_int_equal(ask(DECLARER, ROLE_SRE, REQUEST_APPROVE).rule, 311);
}

/* An approval that waits for nobody's role in particular waits for the commander's. */
static void a_role_says_done_of_what_it_may_run_and_approve(void **state) {
    static const struct {
        enum action_kind action;
        enum role role, asked; /* asked ROLES_N: no approval */
        uint16_t rule;
    } rows[] = {
        {ACTION_DNS_UPDATE, ROLE_NETWORK_ADMIN, ROLE_NETWORK_ADMIN, 317},
        {ACTION_DNS_UPDATE, ROLE_NETWORK_ADMIN, ROLES_N, 317},
        {ACTION_DNS_UPDATE, ROLE_NETWORK_ADMIN, ROLE_COMMANDER, 399},
        {ACTION_DNS_UPDATE, ROLE_DATABASE_ADMIN, ROLES_N, 399},
        {ACTION_PG_PROMOTE, ROLE_DATABASE_ADMIN, ROLES_N, 317},
        {ACTION_PG_PROMOTE, ROLE_NETWORK_ADMIN, ROLES_N, 399},
        {ACTION_APPROVAL, ROLE_DATABASE_ADMIN, ROLES_N, 399},
        {ACTION_APPROVAL, ROLE_DATABASE_ADMIN, ROLE_DATABASE_ADMIN, 317},
        {ACTION_DNS_UPDATE, ROLE_TECHNICAL_LEAD, ROLE_COMMANDER, 317},
        {ACTION_DNS_UPDATE, ROLE_DEVELOPER, ROLES_N, 399},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        waits_for_an_approval(rows[i].action);
        world.topology.plans[PLAN_AWAY].steps[STEP_DNS].approval =
            rows[i].asked == ROLES_N ? NONE : (uint8_t)rows[i].asked;
        world_execution(&world)->commander = 0;
        uint16_t rule = ask(ANOTHER, rows[i].role, REQUEST_STEP_DONE).rule;
        if (rule != rows[i].rule) {
            fail_msg("row %u: rule %u, not %u", i, rule, rows[i].rule);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_declared_it_does_not_approve_it_with_either_key),
        cmocka_unit_test(nor_does_a_skip_or_a_word_of_work_by_hand_pass_it_by),
        cmocka_unit_test(declining_it_needs_no_second_person),
        cmocka_unit_test(what_was_approved_is_its_declarers_to_command),
        cmocka_unit_test(what_asks_for_no_approval_is_nobodys_to_refuse),
        cmocka_unit_test(of_what_automation_began_any_one_person_approves),
        cmocka_unit_test(a_role_says_done_of_what_it_may_run_and_approve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
