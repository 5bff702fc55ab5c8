/* rules: exactly the expected row for every phase and event, and the table as people read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

/* ---------------------------------------------------------------- the phases */

static void reach_new(void) {
    world_init(&world);
    (void)world_config(&world, 1);
    (void)world_keeper(&world, 0, 1, UINT32_MAX);
}

static void reach_suspect(void) {
    world_dark(&world);
    (void)world_tick(&world, 1);
}

static void reach_closed(void) {
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
}

static void reach_serving(void) {
    world_serving(&world);
}

static void reach_running(void) {
    reach_closed();
    (void)world_open(&world, 2, D);
}

/* The world's reprotect plan, as a drill and as a component's failover too. */
static void add_exercises(void) {
    struct topology *topology = &world.topology;
    for (unsigned kind = PLAN_COMPONENT; kind <= PLAN_DRILL; kind++) {
        struct plan *plan = &topology->plans[topology->plans_n++];
        *plan = topology->plans[PLAN_BACK];
        plan->kind = (uint8_t)kind;
        plan->steps[0].at_source = false;
    }
}

/* ---------------------------------------------------------------- the events */

static struct verdict view_event(void) {
    return world_view(&world, 1, ALL_AGENTS, true, 0);
}

static struct verdict report_event(void) {
    return world_check(&world, AGENT_M1, CHECK_D_OUT, SEEN_WARN);
}

static struct verdict lag_event(void) {
    return world_lag(&world, true, 3000);
}

static struct verdict keeper_event(void) {
    return world_keeper(&world, 1, 2, 10);
}

static struct verdict config_event(void) {
    return world_config(&world, 2);
}

static struct verdict tick_event(void) {
    return world_tick(&world, 1000);
}

static struct verdict open_first_event(void) {
    return world_open(&world, 1, P);
}

static struct verdict open_first_elsewhere(void) {
    return world_open(&world, 1, D);
}

static struct verdict open_next_event(void) {
    return world_open(&world, world.core.epoch + 1, D);
}

static struct verdict open_next_for_the_source(void) {
    return world_open(&world, world.core.epoch + 1, P);
}

static struct verdict close_event(void) {
    return world_close(&world, world.core.epoch == 0 ? 1 : world.core.epoch);
}

static struct verdict declare_event(void) {
    return world_declare(&world, PLAN_FAILOVER, D);
}

static struct verdict switch_event(void) {
    return world_declare(&world, PLAN_SWITCHOVER, D);
}

static struct verdict drill_event(void) {
    return world_declare(&world, PLAN_DRILL, P);
}

static struct verdict component_event(void) {
    return world_declare(&world, PLAN_COMPONENT, P);
}

static struct verdict hold_event(void) {
    return world_ask(&world, REQUEST_HOLD);
}

static struct verdict release_event(void) {
    return world_ask(&world, REQUEST_RELEASE);
}

static struct verdict pause_event(void) {
    return world_ask(&world, REQUEST_PAUSE);
}

static struct verdict abort_event(void) {
    return world_ask(&world, REQUEST_ABORT);
}

static struct verdict ungraceful_event(void) {
    return world_ask(&world, REQUEST_MODE_UNGRACEFUL);
}

static struct verdict graceful_event(void) {
    return world_ask(&world, REQUEST_MODE_GRACEFUL);
}

static struct verdict query_event(void) {
    return world_ask(&world, REQUEST_QUERY);
}

static struct verdict outcome_event(void) {
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = world.core.executions_made;
    event.outcome.step = STEP_PROMOTE;
    event.outcome.attempt = 1;
    event.outcome.agent = AGENT_D1;
    event.outcome.state = SAID_DONE;
    return world_step(&world, &event);
}

/* Facts that no row reads: applied, without a number. */
#define NO_ROW 0

static const struct {
    const char *name;
    struct verdict (*happen)(void);
    /* new, serving, suspect, closed with its execution, running in the new epoch */
    uint16_t rows[5];
} walk[] = {
    {"view", view_event, {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW}},
    {"report", report_event, {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW}},
    {"lag", lag_event, {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW}},
    {"keeper", keeper_event, {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW}},
    {"config", config_event, {NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW}},
    {"tick", tick_event, {901, 901, 901, 901, 901}},
    {"open first", open_first_event, {101, 103, 103, 103, 103}},
    {"open first, another region", open_first_elsewhere, {103, 103, 103, 103, 103}},
    {"open next", open_next_event, {103, 103, 103, 102, 103}},
    {"open next, another region", open_next_for_the_source, {101, 103, 103, 103, 103}},
    {"close", close_event, {112, 112, 112, 112, 112}},
    {"declare", declare_event, {399, 305, 305, 302, 302}},
    {"declare another", switch_event, {399, 305, 305, 303, 303}},
    {"declare a drill", drill_event, {399, 305, 308, 303, 303}},
    {"declare a component", component_event, {399, 305, 305, 303, 303}},
    {"hold", hold_event, {321, 321, 321, 321, 321}},
    {"release", release_event, {322, 322, 322, 322, 322}},
    {"pause", pause_event, {399, 399, 399, 313, 313}},
    {"abort", abort_event, {399, 399, 399, 399, 399}},
    {"mode ungraceful", ungraceful_event, {399, 399, 399, 324, 324}},
    {"mode graceful", graceful_event, {399, 399, 399, 324, 324}},
    {"query", query_event, {399, 399, 399, 399, 399}},
    {"outcome", outcome_event, {402, 402, 402, 402, 401}},
};

/* And beside a drill that runs: only what differs from the serving column. */
static const struct {
    const char *name;
    struct verdict (*happen)(void);
    uint16_t row;
} beside_a_drill[] = {
    {"declare", declare_event, 306},
    {"declare another", switch_event, 306},
    {"declare a drill", drill_event, 302},
    {"declare a component", component_event, 303},
    {"pause", pause_event, 313},
    {"abort", abort_event, 318},
    {"mode ungraceful", ungraceful_event, 324},
    {"close", close_event, 112},
};

static void every_event_in_every_phase_fires_exactly_its_row(void **state) {
    static void (*const reach[5])(void) = {reach_new, reach_serving, reach_suspect, reach_closed,
                                           reach_running};
    static const uint8_t phases[5] = {PHASE_NEW, PHASE_SERVING, PHASE_SUSPECT, PHASE_CLOSED,
                                      PHASE_SERVING};
    (void)state;
    for (size_t e = 0; e < sizeof(walk) / sizeof(walk[0]); e++) {
        for (unsigned p = 0; p < 5; p++) {
            reach[p]();
            add_exercises();
            assert_int_equal(world.core.phase, phases[p]);
            struct verdict verdict = walk[e].happen();
            if (verdict.rule != walk[e].rows[p]) {
                fail_msg("%s, column %u: row %u instead of %u", walk[e].name, p, verdict.rule,
                         walk[e].rows[p]);
            }
        }
    }
    for (size_t e = 0; e < sizeof(beside_a_drill) / sizeof(beside_a_drill[0]); e++) {
        reach_serving();
        add_exercises();
        assert_int_equal(drill_event().rule, 305);
        struct verdict verdict = beside_a_drill[e].happen();
        if (verdict.rule != beside_a_drill[e].row) {
            fail_msg("%s, beside a drill: row %u instead of %u", beside_a_drill[e].name,
                     verdict.rule, beside_a_drill[e].row);
        }
    }
}

static void the_rows_that_need_a_story_fire_in_it(void **state) {
    (void)state;
    reach_suspect(); /* 201 brought it here */
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_OK);
    (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_OK);
    assert_int_equal(tick_event().rule, 202);
    world_suspect_ripe(&world);
    assert_int_equal(tick_event().rule, 203);
    assert_int_equal(world_close(&world, 1).rule, 111);
    assert_int_equal(world_open(&world, 2, D).rule, 102);
    world_dark(&world);
    assert_int_equal(tick_event().rule, 201);
}

static void a_declaration_of_an_older_epoch_is_stale(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.region = D;
    event.request.epoch = 7;
    struct verdict verdict = world_step(&world, &event);
    assert_int_equal(verdict.rule, 304);
    assert_int_equal(verdict.result, RESULT_STALE);
    event = world_request(&world, REQUEST_DECLARE);
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.region = D;
    event.request.epoch = 1;
    assert_int_equal(world_step(&world, &event).rule, 305);
}

static void the_same_request_twice_is_one(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = world_request(&world, REQUEST_DECLARE);
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.region = D;
    struct verdict first = world_step(&world, &event);
    struct verdict second = world_step(&world, &event);
    assert_int_equal(second.rule, 301);
    assert_int_equal(second.result, RESULT_NOTHING);
    assert_int_equal(second.execution, first.execution);
    /* Remembered also when nothing runs any more. */
    (void)world_ask(&world, REQUEST_ABORT);
    assert_true(execution_finished(world_execution(&world)));
    assert_int_equal(world_step(&world, &event).rule, 301);
    assert_int_equal(world.core.executions_made, 1);
}

static void declarations_that_fit_nothing_are_refused(void **state) {
    (void)state;
    const struct {
        uint8_t kind, plan, region;
        uint16_t rule;
    } rows[] = {
        {PLAN_FAILOVER, NONE, D, 305},      {PLAN_FAILOVER, PLAN_AWAY, D, 305},
        {PLAN_FAILOVER, PLAN_OVER, D, 399}, /* that plan is of another kind */
        {PLAN_FAILOVER, 99, D, 399},        {PLAN_FAILOVER, NONE, P, 399}, /* owns it already */
        {PLAN_FAILOVER, NONE, M, 399},                                     /* holds no data */
        {PLAN_FAILOVER, NONE, NONE, 399},   {PLAN_KINDS_N, NONE, D, 399},
        {PLAN_REPROTECT, NONE, D, 305},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_serving(&world);
        struct event event = world_request(&world, REQUEST_DECLARE);
        event.request.plan_kind = rows[i].kind;
        event.request.plan = rows[i].plan;
        event.request.region = rows[i].region;
        assert_int_equal(world_step(&world, &event).rule, rows[i].rule);
    }
}

static void
automation_declares_a_failover_only_and_only_where_the_policy_is_automatic(void **state) {
    (void)state;
    const struct {
        bool automatic;
        uint8_t kind;
        uint16_t rule;
    } rows[] = {{true, PLAN_FAILOVER, 305},
                {false, PLAN_FAILOVER, 399},
                {true, PLAN_SWITCHOVER, 399},
                {true, PLAN_REPROTECT, 399}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_serving(&world);
        world.topology.policy.automatic = rows[i].automatic;
        struct event event = world_request(&world, REQUEST_DECLARE);
        event.request.role = ROLE_AUTOMATION;
        event.request.plan_kind = rows[i].kind;
        event.request.region = D;
        assert_int_equal(world_step(&world, &event).rule, rows[i].rule);
    }
}

static void reprotect_twice_is_one(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_declare(&world, PLAN_REPROTECT, D).rule, 305);
    assert_int_equal(world_declare(&world, PLAN_REPROTECT, P).rule, 302);
}

static void every_row_has_a_number_of_its_own_and_a_sentence(void **state) {
    (void)state;
    for (unsigned i = 0; i < rules_count(); i++) {
        struct rule_row row = rules_row(i);
        assert_true(row.number > 0);
        assert_true(i == 0 || row.number > rules_row(i - 1).number);
        assert_string_equal(rule_sentence(row.number), row.sentence);
        assert_true(strlen(row.sentence) > 10);
        assert_string_not_equal(row.phases, "?");
    }
    assert_string_equal(rule_sentence(0), "");
}

/* A change of the table is a change of the product: it is made here too, with open eyes. */
static void the_table_is_the_golden_one(void **state) {
    static const char *const golden[] = {
        "101 new open open_is_first -> serving",
        "102 closed open open_is_wanted -> serving",
        "103 any open always",
        "111 serving, suspect close close_is_wanted -> closed",
        "112 any close always",
        "201 serving tick owner_looks_lost -> suspect",
        "202 suspect tick owner_shows_life -> serving",
        "203 suspect tick all_gates_pass",
        "301 any request request_is_repeated",
        "302 any request declares_again",
        "303 any request declares_while_running",
        "304 any request declares_stale",
        "305 serving, suspect request declares_well",
        "306 serving, suspect request declares_over_another",
        "307 serving, suspect request declares_what_moved",
        "308 serving, suspect request declares_drill_amiss",
        "309 any request commands_without_command",
        "310 any request approves_what_moved",
        "311 any request approves_step",
        "312 any request rejects_step",
        "313 any request pauses",
        "314 any request resumes",
        "315 any request retries_step",
        "316 any request skips_step",
        "317 any request finishes_step_by_hand",
        "318 any request aborts_in_time",
        "319 any request turns_what_moved",
        "320 any request turns_ungraceful",
        "321 any request asks_hold",
        "322 any request asks_release",
        "323 any request turns_graceful",
        "324 any request turns_too_late",
        "325 any request passes_own_approval",
        "331 any request takes_command",
        "332 any request asks_for_command",
        "333 any request relieves_of_command",
        "334 any request asks_too_soon",
        "335 any request hands_over_command",
        "399 any request always",
        "401 any outcome outcome_expected",
        "402 any outcome always",
        "901 any tick always",
    };
    (void)state;
    assert_int_equal(rules_count(), sizeof(golden) / sizeof(golden[0]));
    for (unsigned i = 0; i < rules_count(); i++) {
        struct rule_row row = rules_row(i);
        char line[160];
        assert_true(text_format(line, sizeof line, "%u %s %s %s%s%s", row.number, row.phases,
                                row.event, row.guard, row.next[0] == '\0' ? "" : " -> ", row.next));
        assert_string_equal(line, golden[i]);
    }
}

static void every_word_of_the_core_is_there(void **state) {
    (void)state;
    for (int i = 0; i < PHASES_N; i++) {
        assert_string_not_equal(phase_text((enum phase)i), "?");
    }
    for (int i = 0; i < EVENT_KINDS_N; i++) {
        assert_string_not_equal(event_text((enum event_kind)i), "?");
    }
    for (int i = 0; i < STAGES_N; i++) {
        assert_string_not_equal(stage_text((enum execution_stage)i), "?");
    }
    for (int i = 0; i < STEP_PHASES_N; i++) {
        assert_string_not_equal(step_phase_text((enum step_phase)i), "?");
    }
    for (int i = 0; i < CLASSES_N; i++) {
        assert_string_not_equal(class_text((enum region_class)i), "?");
    }
    for (int i = 0; i < GATES_N; i++) {
        assert_string_not_equal(gate_text((enum gate)i), "unknown gate");
    }
    for (int i = PAUSE_NO; i <= PAUSE_NO_AGENT; i++) {
        assert_string_not_equal(pause_text((enum pause_why)i), "?");
    }
    for (int i = CLOSE_NONE; i <= CLOSE_PLANNED; i++) {
        assert_string_not_equal(close_why_text((enum close_why)i), "?");
    }
    assert_string_equal(phase_text(PHASES_N), "?");
    assert_string_equal(event_text(EVENT_KINDS_N), "?");
    assert_string_equal(stage_text(STAGES_N), "?");
    assert_string_equal(step_phase_text(STEP_PHASES_N), "?");
    assert_string_equal(class_text(CLASSES_N), "?");
    assert_string_equal(gate_text(GATES_N), "unknown gate");
    assert_string_equal(pause_text((enum pause_why)9), "?");
    assert_string_equal(close_why_text((enum close_why)9), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_phase_fires_exactly_its_row),
        cmocka_unit_test(the_rows_that_need_a_story_fire_in_it),
        cmocka_unit_test(a_declaration_of_an_older_epoch_is_stale),
        cmocka_unit_test(the_same_request_twice_is_one),
        cmocka_unit_test(declarations_that_fit_nothing_are_refused),
        cmocka_unit_test(
            automation_declares_a_failover_only_and_only_where_the_policy_is_automatic),
        cmocka_unit_test(reprotect_twice_is_one),
        cmocka_unit_test(every_row_has_a_number_of_its_own_and_a_sentence),
        cmocka_unit_test(the_table_is_the_golden_one),
        cmocka_unit_test(every_word_of_the_core_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
