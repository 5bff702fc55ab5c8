/* What a preview says is at stake, and whose word each figure is. Requirement N8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/coordinator/status_world.h"

static uint8_t declare(const char *name, uint8_t kind, const char *component, const char *region,
                       const char *from) {
    uint8_t at = topology.checks_n++;
    struct check *check = &topology.checks[at];
    *check = (struct check){.kind = kind,
                            .component = topology_component(&topology, component),
                            .region = topology_region(&topology, region),
                            .agent = agent(from),
                            .link = NONE,
                            .interval_ms = 1000,
                            .timeout_ms = 500};
    (void)text_copy(check->name, sizeof check->name, name);
    return at;
}

static void with(uint8_t check, const char *name, const char *value) {
    assert_int_equal(arguments_set(&topology.checks[check].arguments, name, value), ERR_OK);
}

static void tell(uint8_t at, uint8_t status, uint8_t role, int64_t value, const char *detail) {
    struct agent_live *live = &member.agents[topology.checks[at].agent];
    live->reported = true;
    live->report.config_version = member.core.config_version;
    struct check_report *seen = &live->report.checks[live->report.checks_n++];
    *seen = (struct check_report){.check = at, .status = status, .role = role, .value = value};
    (void)text_copy(seen->detail, sizeof seen->detail, detail);
}

static json_t *preview(const char *argument) {
    json_t *json = ask_from("preview", argument, 0);
    json_t *stakes = json_incref(json_object_get(json, "stakes"));
    json_decref(json);
    assert_non_null(stakes);
    return stakes;
}

static const json_t *first_of(const json_t *stakes, const char *key) {
    const json_t *one = json_array_get(json_object_get(stakes, key), 0);
    assert_non_null(one);
    return one;
}

static bool yes_of(const json_t *json, const char *key) {
    return json_is_true(json_object_get(json, key));
}

static void services_are_what_steps_act_on_and_what_stands_on_it(void **state) {
    (void)state;
    make_serving();
    topology.plans[topology_plan(&topology, "failover")].steps_n = 1; /* promote alone */
    json_t *stakes = preview("failover west");
    const json_t *services = json_object_get(stakes, "services");
    assert_int_equal(json_array_size(services), 2); /* neither the page nor what is excluded */
    assert_string_equal(text_of(json_array_get(services, 0), "name"), "pg");
    assert_true(yes_of(named(services, "pg"), "by_a_step"));
    assert_int_equal(number_of(named(services, "app"), "tier"), 2);
    assert_false(yes_of(named(services, "app"), "by_a_step"));
    json_decref(stakes);
}

static void sessions_of_the_region_left_are_added_up_by_backend(void **state) {
    (void)state;
    make_serving();
    uint8_t one = declare("lb", CHECK_HAPROXY, "app", "east", "east-db1");
    uint8_t again = declare("lb-again", CHECK_HAPROXY, "app", "east", "east-db1");
    uint8_t other = declare("lb-api", CHECK_HAPROXY, "app", "east", "east-db1");
    uint8_t west = declare("lb-west", CHECK_HAPROXY, "app", "west", "west-db1");
    with(one, "backend", "app");
    with(again, "backend", "app");
    with(other, "backend", "api");
    with(west, "backend", "app");
    tell(one, CHECK_OK, 0, 2, "2/2 servers up: a b, UP, 12000 sessions");
    tell(again, CHECK_OK, 0, 2, "2/2 servers up: a b, UP, 12000 sessions");
    tell(other, CHECK_FAILED, 0, 0, "0/2 servers up, DOWN, 431 sessions, credential accepted");
    tell(west, CHECK_OK, 0, 2, "2/2 servers up: a b, UP, 7 sessions");
    json_t *stakes = preview("failover west");
    const json_t *sessions = json_object_get(stakes, "sessions");
    assert_true(yes_of(sessions, "known"));
    assert_int_equal(number_of(sessions, "sessions_n"), 12431);
    const json_t *told = json_array_get(json_object_get(sessions, "told"), 0);
    assert_string_equal(text_of(told, "check"), "lb");
    assert_string_equal(text_of(told, "says"), "east-db1");
    assert_in_range(number_of(told, "age_ms"), 1500, 60000);
    json_decref(stakes);
}

static void sessions_that_nobody_tells_are_not_known(void **state) {
    (void)state;
    make_serving();
    json_t *stakes = preview("failover west");
    const json_t *sessions = json_object_get(stakes, "sessions");
    assert_false(yes_of(sessions, "known"));
    assert_int_equal(number_of(sessions, "untold_n"), 0);
    json_decref(stakes);

    uint8_t lb = declare("lb", CHECK_HAPROXY, "app", "east", "east-db1");
    static const char *const details[] = {"Permission denied", ", sessions", "x sessions", ""};
    tell(lb, CHECK_FAILED, 0, 0, "");
    for (unsigned i = 0; i < sizeof details / sizeof details[0]; i++) {
        struct check_report *seen = &member.agents[agent("east-db1")].report.checks[0];
        (void)text_copy(seen->detail, sizeof seen->detail, details[i]);
        stakes = preview("failover west");
        sessions = json_object_get(stakes, "sessions");
        assert_false(yes_of(sessions, "known"));
        assert_int_equal(number_of(sessions, "untold_n"), 1);
        json_decref(stakes);
    }

    /* What its agent said before it fell silent is no figure of now. */
    struct agent_live *live = &member.agents[agent("east-db1")];
    (void)text_copy(live->report.checks[0].detail, 96, "1/1 servers up: a, UP, 5 sessions");
    live->heard_boot_ms = 0;
    member.core.agents[agent("east-db1")].heard_by = 0;
    stakes = preview("failover west");
    assert_false(yes_of(json_object_get(stakes, "sessions"), "known"));
    assert_true(json_is_null(json_object_get(
        json_array_get(json_object_get(json_object_get(stakes, "sessions"), "told"), 0),
        "age_ms")));
    json_decref(stakes);
}

static void a_name_is_cached_as_long_as_it_is_served_or_declared(void **state) {
    (void)state;
    make_serving();
    uint8_t ttl = topology.checks_n;
    json_t *stakes = preview("switchover west");
    const json_t *name = first_of(stakes, "names");
    assert_true(json_is_null(json_object_get(name, "served_ttl_ms")));
    assert_int_equal(number_of(name, "tail_ms"), 60000);
    json_decref(stakes);

    struct plan *plan = &topology.plans[topology_plan(&topology, "switchover")];
    assert_int_equal(arguments_set(&plan->steps[2].arguments, "name", "api.bud.ai"), ERR_OK);
    (void)declare("ttl", CHECK_DNS, "api.bud.ai", "east", "mon1");
    with(ttl, "name", "api.bud.ai");
    tell(ttl, CHECK_OK, 0, 300, "A 10.1.0.1, TTL 300 s");
    stakes = preview("switchover west");
    name = first_of(stakes, "names");
    assert_string_equal(text_of(name, "check"), "ttl");
    assert_string_equal(text_of(name, "says"), "mon1");
    assert_int_equal(number_of(name, "served_ttl_ms"), 300000);
    assert_int_equal(number_of(name, "tail_ms"), 300000);
    json_decref(stakes);
}

static void copies_are_the_servers_of_the_target_but_for_the_writer(void **state) {
    (void)state;
    make_serving();
    json_t *stakes = preview("failover west");
    const json_t *copies = first_of(stakes, "copies");
    assert_false(yes_of(copies, "known"));
    assert_int_equal(number_of(copies, "beside_writer_n"), 0);
    assert_string_equal(text_of(copies, "until_plan"), "reprotect");
    json_decref(stakes);

    uint8_t one = declare("a", CHECK_PG_REPLICATION, "pg", "west", "west-db1");
    uint8_t same = declare("b", CHECK_POSTGRESQL, "pg", "west", "west-db1");
    uint8_t other = declare("c", CHECK_POSTGRESQL, "pg", "west", "west-db1");
    uint8_t down = declare("d", CHECK_POSTGRESQL, "pg", "west", "west-db1");
    with(one, "address", "10.2.0.1:5432");
    with(same, "address", "10.2.0.1:5432");
    with(other, "address", "10.2.0.2:5432");
    with(down, "address", "10.2.0.3:5432");
    tell(one, CHECK_OK, STORE_STANDBY, 0, "");
    tell(same, CHECK_OK, STORE_STANDBY, 0, "");
    tell(other, CHECK_WARN, STORE_STANDBY, 0, "");
    tell(down, CHECK_FAILED, STORE_STANDBY, 0, "");
    stakes = preview("failover west");
    copies = first_of(stakes, "copies");
    assert_true(yes_of(copies, "known"));
    assert_int_equal(number_of(copies, "servers_n"), 2);
    assert_int_equal(number_of(copies, "beside_writer_n"), 1);
    json_decref(stakes);

    uint8_t cluster = declare("e", CHECK_PATRONI, "pg", "west", "west-db1");
    tell(cluster, CHECK_OK, 0, 3, "3/3 running");
    struct plan *plan = &topology.plans[topology_plan(&topology, "failover")];
    plan->steps[1] = topology.plans[topology_plan(&topology, "reprotect")].steps[0];
    stakes = preview("failover west");
    copies = first_of(stakes, "copies");
    assert_int_equal(number_of(copies, "beside_writer_n"), 2);
    assert_string_equal(text_of(copies, "until_step"), "rejoin");
    json_decref(stakes);
}

static void what_cannot_be_taken_back_is_named_with_its_reason(void **state) {
    (void)state;
    make_serving();
    json_t *stakes = preview("switchover west");
    const json_t *list = json_object_get(stakes, "no_return");
    assert_int_equal(json_array_size(list), 1); /* hand-offs are undone, names are moved back */
    assert_string_equal(text_of(json_array_get(list, 0), "step"), "promote");
    assert_true(yes_of(json_array_get(list, 0), "known"));
    json_decref(stakes);

    struct plan *plan = &topology.plans[topology_plan(&topology, "switchover")];
    plan->steps[2].action = ACTION_EXEC;
    stakes = preview("switchover west");
    list = json_object_get(stakes, "no_return");
    assert_int_equal(json_array_size(list), 2);
    assert_false(yes_of(json_array_get(list, 1), "known"));
    plan->steps[2].action = ACTION_SMTP_SEND;
    json_decref(stakes);
    stakes = preview("switchover west");
    list = json_object_get(stakes, "no_return");
    assert_true(yes_of(json_array_get(list, 1), "known"));
    plan->steps[2].mode = STEP_MODE_UNGRACEFUL;
    json_decref(stakes);
    stakes = preview("switchover west");
    assert_int_equal(json_array_size(json_object_get(stakes, "no_return")), 1);
    json_decref(stakes);

    stakes = preview("reprotect east");
    assert_string_equal(text_of(first_of(stakes, "no_return"), "step"), "rejoin");
    assert_null(json_object_get(stakes, "sessions"));
    json_decref(stakes);
}

static void people_who_are_asked_stand_with_their_role(void **state) {
    (void)state;
    make_serving();
    struct plan *plan = &topology.plans[topology_plan(&topology, "switchover")];
    plan->steps[1].action = ACTION_MANUAL;
    plan->steps[1].approval = ROLE_DATABASE_ADMIN;
    json_t *stakes = preview("switchover west");
    const json_t *list = json_object_get(stakes, "people");
    assert_int_equal(json_array_size(list), 2);
    const json_t *by_hand = json_array_get(list, 0), *approves = json_array_get(list, 1);
    assert_string_equal(text_of(by_hand, "role"), "database-admin");
    assert_string_equal(text_of(first_of(by_hand, "acts"), "act"), "by hand");
    assert_string_equal(text_of(approves, "role"), "network-admin");
    assert_string_equal(text_of(first_of(approves, "acts"), "step"), "dns");
    assert_string_equal(json_string_value(first_of(approves, "persons")), "Ida");
    json_decref(stakes);
}

static void capacity_is_what_parity_finds(void **state) {
    (void)state;
    make_serving();
    uint8_t here = declare("nodes-east", CHECK_KUBERNETES, "app", "east", "east-db1");
    uint8_t there = declare("nodes-west", CHECK_KUBERNETES, "app", "west", "west-db1");
    topology.parity_n = 1;
    topology.parity[0] = (struct parity){
        .checks_n = 2, .checks = {here, there}, .standby_percent = 60, .ready = READY_BLOCKER};
    (void)text_copy(topology.parity[0].name, NAME_SIZE, "nodes");
    tell(here, CHECK_OK, 0, 10, "10 nodes");
    tell(there, CHECK_OK, 0, 5, "5 nodes");
    json_t *stakes = preview("failover west");
    const json_t *line = first_of(stakes, "capacity");
    assert_string_equal(text_of(line, "state"), "wrong");
    assert_string_equal(text_of(line, "text"), "west has 5, east has 10, 50 %; declared are 60 %");
    json_decref(stakes);
}

static void a_link_of_a_store_that_the_plan_leaves_alone_is_told_as_that(void **state) {
    (void)state;
    make_serving();
    json_t *json = ask_from("preview", "failover west", 0);
    assert_true(yes_of(first_of(json, "links"), "moved"));
    assert_int_equal(number_of(first_of(json, "links"), "limit_ms"), 3600000);
    json_decref(json);
    topology.links[0].component = topology_component(&topology, "status.bud.ai");
    json = ask_from("preview", "failover west", 0);
    assert_false(yes_of(first_of(json, "links"), "moved"));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_what_steps_act_on_and_what_stands_on_it),
        cmocka_unit_test(sessions_of_the_region_left_are_added_up_by_backend),
        cmocka_unit_test(sessions_that_nobody_tells_are_not_known),
        cmocka_unit_test(a_name_is_cached_as_long_as_it_is_served_or_declared),
        cmocka_unit_test(copies_are_the_servers_of_the_target_but_for_the_writer),
        cmocka_unit_test(what_cannot_be_taken_back_is_named_with_its_reason),
        cmocka_unit_test(people_who_are_asked_stand_with_their_role),
        cmocka_unit_test(capacity_is_what_parity_finds),
        cmocka_unit_test(a_link_of_a_store_that_the_plan_leaves_alone_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
