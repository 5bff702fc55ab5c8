/* What each tier was promised and what it got, and whether what was moved serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "coordinator/status_parts.h"
#include "tests/unit/coordinator/status_world.h"

#define MINUTE 60000u

/* The failover of the sample: "promote" of tier 1, "check" of tier 2 behind it; 4 h and 8 h. */
static struct execution *make_done(uint64_t first_ms, uint64_t second_ms) {
    make_serving();
    struct execution *execution = &member.core.executions[0];
    member.core.now_ms += (uint64_t)24 * 60 * MINUTE; /* room for long outages */
    execution->id = 1;
    execution->kind = PLAN_FAILOVER;
    execution->plan = topology_plan(&topology, "failover");
    execution->source = topology_region(&topology, "east");
    execution->target = member.core.owner = topology_region(&topology, "west");
    execution->stage = STAGE_DONE;
    execution->declared_by = NONE;
    execution->steps_n = topology.plans[execution->plan].steps_n;
    execution->outage_ms = execution->created_ms = 200000;
    execution->closed_ms = execution->opened_ms = 201000;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        execution->steps[s].agent = execution->steps[s].approved_by = NONE;
        execution->steps[s].phase = STEP_DONE;
    }
    execution->steps[0].finished_ms = execution->outage_ms + first_ms;
    execution->steps[1].finished_ms = execution->outage_ms + second_ms;
    execution->finished_ms = execution->outage_ms + second_ms;
    member.core.executions_made = 1;
    return execution;
}

static void the_report_has_one_row_for_each_tier(void **state) {
    (void)state;
    uint64_t rto_ms = (uint64_t)4 * 60 * MINUTE;
    /* Tier 2 took longer than tier 1 may: each is judged by its own. */
    (void)make_done(rto_ms, rto_ms + MINUTE);
    json_t *json = ask_from("report", "1", 0);
    const json_t *tiers = json_object_get(json, "tiers");
    assert_int_equal(json_array_size(tiers), 2);
    const json_t *one = json_array_get(tiers, 0), *two = json_array_get(tiers, 1);
    assert_int_equal(number_of(one, "tier"), 1);
    assert_int_equal(number_of(one, "rto_ms"), rto_ms);
    assert_int_equal(number_of(one, "rto_actual_ms"), rto_ms);
    assert_string_equal(text_of(one, "rto"), "met");
    assert_true(json_is_true(json_object_get(one, "met")));
    assert_int_equal(number_of(two, "rto_actual_ms"), rto_ms + MINUTE);
    assert_string_equal(text_of(two, "rto"), "met");
    assert_true(json_is_true(json_object_get(json_object_get(json, "rto"), "met")));
    json_decref(json);

    (void)make_done(rto_ms + 1, rto_ms + MINUTE);
    json = ask_from("report", "1", 9);
    one = json_array_get(json_object_get(json, "tiers"), 0);
    assert_string_equal(text_of(one, "rto"), "missed");
    assert_true(json_is_false(json_object_get(one, "met")));
    assert_true(
        json_is_true(json_object_get(json_array_get(json_object_get(json, "tiers"), 1), "met")));
    json_decref(json);

    /* A tier that the plan brings nothing of is not judged by its time. */
    (void)make_done(MINUTE, MINUTE);
    topology.objectives[2].rto_ms = 1;
    json = ask_from("report", "1", 0);
    const json_t *three = json_array_get(json_object_get(json, "tiers"), 2);
    assert_string_equal(text_of(three, "rto"), "not-in-the-plan");
    assert_true(json_is_null(json_object_get(three, "rto_actual_ms")));
    json_decref(json);
}

static void a_tier_fails_by_the_loss_of_its_own_stores(void **state) {
    static const struct {
        const char *component;
        bool known, met, first_met;
    } rows[] = {{"pg", true, true, true},
                {"pg", true, false, false},
                {"pg", false, false, false},
                {"app", true, false, true}, /* of tier 2 */
                {"", true, false, true}};   /* of no component any more */
    (void)state;
    struct execution *execution = make_done(MINUTE, MINUTE);
    struct answering answering = {.member = &member, .core = &member.core, .topology = &topology};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool all_met;
        json_t *losses = json_pack("[{s:s,s:s,s:b,s:i,s:i,s:b}]", "link", "pg", "component",
                                   rows[i].component, "known", rows[i].known, "lag_ms", 5000,
                                   "rpo_ms", 3600000, "met", rows[i].met);
        json_t *tiers = tiers_list(&answering, execution, losses, &all_met);
        const json_t *one = json_array_get(tiers, 0), *two = json_array_get(tiers, 1);
        bool mine = rows[i].component[0] == 'p', of_two = rows[i].component[0] == 'a';
        assert_int_equal(json_array_size(json_object_get(one, "losses")), mine);
        assert_int_equal(json_array_size(json_object_get(two, "losses")), of_two);
        assert_int_equal(json_is_true(json_object_get(one, "met")), rows[i].first_met);
        assert_int_equal(json_is_true(json_object_get(two, "met")), !of_two);
        assert_int_equal(all_met, rows[i].first_met && !of_two);
        json_decref(tiers);
        json_decref(losses);
    }
}

static void reports_of(const char *name, uint8_t check, uint8_t status, uint32_t since_ms) {
    struct agent_live *live = &member.agents[agent(name)];
    live->reported = true;
    live->report.config_version = topology.version;
    live->report.checks_n = 1;
    live->report.checks[0] =
        (struct check_report){.check = check, .status = status, .since_ms = since_ms};
}

static json_t *services(void) {
    json_t *json = ask_from("executions", "", 0);
    json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    json_t *found = json_incref(json_object_get(shown, "services"));
    json_decref(json);
    return found;
}

static uint8_t check_of(const char *name) {
    for (uint8_t c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, name)) {
            return c;
        }
    }
    return NONE;
}

/* Requirement D17. Only "out-west" looks at the target's service, from east and mon. */
static void an_execution_that_is_done_says_whether_its_services_are_green(void **state) {
    (void)state;
    struct execution *execution = make_done(MINUTE, MINUTE);
    uint8_t check = check_of("out-west");
    json_t *found = services();
    assert_string_equal(text_of(found, "region"), "west");
    assert_true(json_is_false(json_object_get(found, "green")));
    const json_t *bad = json_array_get(json_object_get(found, "not_green"), 0);
    assert_string_equal(text_of(bad, "check"), "out-west");
    json_decref(found);

    reports_of("mon1", check, CHECK_OK, 9000);
    reports_of("east-db1", check, CHECK_FAILED, 9000);
    found = services(); /* one of two is no majority */
    assert_true(json_is_false(json_object_get(found, "green")));
    json_decref(found);

    reports_of("east-db1", check, CHECK_WARN, 4000);
    found = services();
    assert_true(json_is_true(json_object_get(found, "green")));
    assert_in_range(number_of(found, "green_for_ms"), 4000, 8999);
    assert_int_equal(number_of(found, "checks_n"), 1);
    json_decref(found);

    execution->stage = STAGE_RUN;
    found = services();
    assert_true(json_is_null(found));
    json_decref(found);
    execution->stage = STAGE_DONE;
    member.core.owner = execution->source; /* moved on since */
    found = services();
    assert_true(json_is_null(found));
    json_decref(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_report_has_one_row_for_each_tier),
        cmocka_unit_test(a_tier_fails_by_the_loss_of_its_own_stores),
        cmocka_unit_test(an_execution_that_is_done_says_whether_its_services_are_green),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
