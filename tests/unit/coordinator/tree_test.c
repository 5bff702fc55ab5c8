/* Replication as people see it: PostgreSQL's tree, and the alarm of a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/coordinator/status_world.h"

#define PRIMARY "10.1.0.1:5432"
#define STANDBY "10.2.0.1:5432"
#define CASCADE "10.2.0.2:5432"

static void declare(uint8_t at, const char *name, const char *from, const char *address) {
    struct check *check = &topology.checks[at];
    *check = (struct check){.kind = CHECK_PG_REPLICATION,
                            .component = topology_component(&topology, "pg"),
                            .agent = agent(from),
                            .region = topology.agents[agent(from)].region,
                            .link = NONE};
    (void)text_copy(check->name, sizeof check->name, name);
    assert_int_equal(arguments_set(&check->arguments, "address", address), ERR_OK);
}

static struct check_report *tell(uint8_t at, uint8_t status, uint8_t role, int64_t lag_ms,
                                 const char *detail) {
    struct agent_live *live = &member.agents[topology.checks[at].agent];
    live->reported = true;
    live->report.config_version = member.core.config_version;
    struct check_report *seen = &live->report.checks[live->report.checks_n++];
    *seen = (struct check_report){.check = at, .status = status, .role = role, .value = lag_ms};
    (void)text_copy(seen->detail, sizeof seen->detail, detail);
    return seen;
}

/* East's primary, west's standby, and one that follows that; declared in no helpful order. */
static void make_tree(void) {
    make_serving();
    topology.checks_n = 4;
    declare(0, "pg-third", "west-db1", CASCADE);
    declare(1, "pg-dr", "west-db1", STANDBY);
    declare(2, "pg-sends", "east-db1", PRIMARY);
    declare(3, "pg-sends-on", "west-db1", STANDBY);
    assert_int_equal(arguments_set(&topology.checks[3].arguments, "end", "cascade"), ERR_OK);
    assert_int_equal(arguments_set(&topology.checks[3].arguments, "standby", "third"), ERR_OK);
    tell(0, CHECK_WARN, STORE_STANDBY, 900, "streaming from " STANDBY ", to replay 900 ms, paused");
    tell(1, CHECK_OK, STORE_STANDBY, 3,
         "streaming from " PRIMARY ", to replay 3 ms, heard 1 ms ago");
    tell(2, CHECK_OK, STORE_PRIMARY, 7, "streaming async, 12 bytes behind, TLSv1.3");
    tell(3, CHECK_OK, STORE_STANDBY, 5, "streaming sync, 0 bytes behind, TLSv1.3");
}

static json_t *trees(void) {
    json_t *json = ask_from("links", "", 0);
    json_t *list = json_incref(json_object_get(json, "trees"));
    json_decref(json);
    assert_non_null(list);
    return list;
}

static const json_t *server_at(const json_t *list, size_t at, const char *address, int depth) {
    const json_t *server = json_array_get(list, at);
    assert_non_null(server);
    assert_string_equal(text_of(server, "address"), address);
    assert_int_equal(number_of(server, "depth"), depth);
    return server;
}

static const json_t *look_of(const json_t *server, size_t at) {
    const json_t *look = json_array_get(json_object_get(server, "looks"), at);
    assert_non_null(look);
    return look;
}

static void a_cascade_is_drawn_under_whom_it_follows(void **state) {
    (void)state;
    make_tree();
    json_t *list = trees();
    assert_int_equal(json_array_size(list), 3);
    const json_t *primary = server_at(list, 0, PRIMARY, 0);
    const json_t *standby = server_at(list, 1, STANDBY, 1);
    const json_t *third = server_at(list, 2, CASCADE, 2);
    assert_string_equal(text_of(primary, "role"), "primary");
    assert_string_equal(text_of(primary, "region"), "east");
    assert_string_equal(text_of(primary, "follows"), "");
    assert_string_equal(text_of(look_of(primary, 0), "end"), "sends");
    assert_int_equal(number_of(look_of(primary, 0), "lag_ms"), 7);
    assert_string_equal(text_of(standby, "follows"), PRIMARY);
    assert_true(json_is_true(json_object_get(standby, "follows_watched")));
    assert_string_equal(text_of(look_of(standby, 0), "end"), "receives");
    assert_string_equal(text_of(look_of(standby, 1), "end"), "sends");
    assert_string_equal(text_of(look_of(standby, 1), "standby"), "third");
    assert_true(text_starts(text_of(look_of(standby, 1), "detail"), "streaming sync"));
    assert_string_equal(text_of(look_of(third, 0), "status"), "warn");
    json_decref(list);
}

/* A silent agent's servers stay where they were, and are told as stale: no lag, nobody writable. */
static void what_is_old_or_never_told_is_not_drawn_as_well(void **state) {
    (void)state;
    make_tree();
    member.agents[agent("east-db1")].report.checks[0].writable = true;
    json_t *list = trees();
    assert_true(json_is_true(json_object_get(server_at(list, 0, PRIMARY, 0), "writable")));
    json_decref(list);

    member.agents[agent("east-db1")].heard_boot_ms = 1;
    list = trees();
    const json_t *primary = server_at(list, 0, PRIMARY, 0);
    assert_string_equal(text_of(primary, "told"), "stale");
    assert_true(json_is_false(json_object_get(primary, "writable")));
    assert_true(json_is_true(json_object_get(look_of(primary, 0), "stale")));
    assert_true(json_is_null(json_object_get(look_of(primary, 0), "lag_ms")));
    json_decref(list);

    member.agents[agent("west-db1")].report.checks[1].status = CHECK_STALE;
    list = trees();
    assert_true(json_is_true(json_object_get(server_at(list, 1, STANDBY, 1), "follows_stale")));
    json_decref(list);

    member.agents[agent("east-db1")].report.checks_n = 0;
    list = trees();
    primary = server_at(list, 0, PRIMARY, 0);
    assert_string_equal(text_of(primary, "told"), "never");
    assert_string_equal(text_of(primary, "role"), "unknown");
    assert_string_equal(text_of(look_of(primary, 0), "status"), "unknown");
    assert_true(json_is_null(json_object_get(look_of(primary, 0), "age_ms")));
    json_decref(list);
}

/* A failed check's figure is none, and an answer that never came says nothing of the role. */
static void a_failed_look_has_no_lag_and_no_role(void **state) {
    static const struct {
        uint8_t status, role;
        int64_t value;
        bool lag;
        const char *role_word, *end;
    } rows[] = {{CHECK_OK, STORE_PRIMARY, 0, true, "primary", "sends"},
                {CHECK_WARN, STORE_PRIMARY, 70000, true, "primary", "sends"},
                {CHECK_OK, STORE_PRIMARY, -1, false, "primary", "sends"},
                {CHECK_FAILED, STORE_PRIMARY, 0, false, "primary", "sends"},
                {CHECK_SUSPECT, STORE_UNKNOWN, 0, false, "unknown", "unknown"},
                {CHECK_FAILED, STORE_UNKNOWN, 0, false, "unknown", "unknown"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_serving();
        topology.checks_n = 1;
        declare(0, "pg-sends", "east-db1", PRIMARY);
        tell(0, rows[i].status, rows[i].role, rows[i].value, "as it is");
        json_t *list = trees();
        const json_t *server = server_at(list, 0, PRIMARY, 0);
        assert_string_equal(text_of(server, "role"), rows[i].role_word);
        assert_string_equal(text_of(look_of(server, 0), "end"), rows[i].end);
        assert_int_equal(json_is_integer(json_object_get(look_of(server, 0), "lag_ms")),
                         rows[i].lag);
        json_decref(list);
    }
}

static void what_does_not_fit_together_is_told(void **state) {
    (void)state;
    make_tree(); /* the one it follows is none that a check looks at */
    (void)text_copy(member.agents[agent("west-db1")].report.checks[1].detail, 96,
                    "streaming from elsewhere:5432, to replay 3 ms");
    json_t *list = trees();
    const json_t *standby = server_at(list, 1, STANDBY, 0);
    assert_string_equal(text_of(standby, "follows"), "elsewhere:5432");
    assert_true(json_is_false(json_object_get(standby, "follows_watched")));
    server_at(list, 2, CASCADE, 1);
    json_decref(list);

    make_tree(); /* a ring of words: each is drawn, once */
    (void)text_copy(member.agents[agent("west-db1")].report.checks[1].detail, 96,
                    "streaming from " CASCADE ", to replay 3 ms");
    list = trees();
    assert_int_equal(json_array_size(list), 3);
    server_at(list, 1, CASCADE, 0);
    server_at(list, 2, STANDBY, 1);
    json_decref(list);

    make_tree(); /* two checks of one server, of one moment, name two roles */
    member.agents[agent("west-db1")].report.checks[2].role = STORE_PRIMARY;
    list = trees();
    assert_string_equal(text_of(server_at(list, 1, STANDBY, 1), "role"), "disagreed");
    json_decref(list);

    make_tree(); /* an address cut short by the detail's room names nobody */
    (void)text_copy(member.agents[agent("west-db1")].report.checks[1].detail, 96,
                    "streaming from 10.1.0.1:54");
    list = trees();
    assert_string_equal(text_of(server_at(list, 1, STANDBY, 0), "follows"), "");
    json_decref(list);
}

/* Requirement SEED-71: told before the objective is passed, and not again and again. */
static void a_loss_that_is_nearly_unbearable_is_told_in_status(void **state) {
    static const struct {
        uint64_t received; /* of 100 written at 10 a minute */
        const char *level; /* NULL: nothing is told */
        int64_t used_percent;
    } rows[] = {{60, NULL, 0}, {20, "near", 80}, {28, "near", 72}, {50, NULL, 0}, {28, NULL, 0}};
    const uint64_t wall_ms = 1795242000000;
    (void)state;
    make_serving();
    topology.links[0].rpo_ms = 600000;
    for (uint64_t at = 0; at <= 100; at++) {
        positions_written(&member.positions, 0, at, wall_ms + at * 6000);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        positions_received(&member.positions, 0, rows[i].received, wall_ms + i);
        member.lags_watched_ms = 0;
        lags_watch(&member);
        json_t *json = ask_from("status", "", 0);
        const json_t *alarm = json_array_get(json_object_get(json, "rpo_alarms"), 0);
        assert_int_equal(alarm != NULL, rows[i].level != NULL);
        if (alarm != NULL) {
            assert_string_equal(text_of(alarm, "link"), "pg");
            assert_string_equal(text_of(alarm, "level"), rows[i].level);
            assert_int_equal(number_of(alarm, "used_percent"), rows[i].used_percent);
            assert_int_equal(number_of(alarm, "rpo_ms"), 600000);
        }
        json_decref(json);
    }
}

/* Requirement D16: an agent that works by another topology is told, and what it says of checks is
 * of another numbering: it counts as nothing. */
static void an_agent_with_another_topology_is_told(void **state) {
    (void)state;
    make_tree();
    for (uint32_t version = 2; version <= 4; version++) {
        bool same = version == member.core.config_version;
        member.agents[agent("west-db1")].report.config_version = version;
        json_t *json = ask_from("agents", "", 0);
        const json_t *list = json_object_get(json, "agents");
        const json_t *west = named(list, "west-db1");
        assert_int_equal(number_of(json, "config_version"), 3);
        assert_int_equal(number_of(west, "config_version"), version);
        assert_int_equal(number_of(named(list, "east-db1"), "config_version"), 3);
        assert_int_equal(number_of(west, "checks_n"), same ? 3 : 0);
        assert_int_equal(json_is_object(json_object_get(west, "guard")), same);
        json_decref(json);
        json_t *servers = trees();
        size_t i;
        json_t *server;
        json_array_foreach(servers, i, server) {
            bool east = text_equal(text_of(server, "region"), "east");
            assert_string_equal(text_of(server, "told"), east || same ? "now" : "never");
        }
        json_decref(servers);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cascade_is_drawn_under_whom_it_follows),
        cmocka_unit_test(what_is_old_or_never_told_is_not_drawn_as_well),
        cmocka_unit_test(a_failed_look_has_no_lag_and_no_role),
        cmocka_unit_test(what_does_not_fit_together_is_told),
        cmocka_unit_test(an_agent_with_another_topology_is_told),
        cmocka_unit_test(a_loss_that_is_nearly_unbearable_is_told_in_status),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
