/* explain: each gate, each verdict, each view in words, from states made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/topology/roles.h"
#include "coordinator/history.h"
#include "coordinator/member.h"
#include "coordinator/operators_why.h"
#include "coordinator/status.h"
#include "tests/unit/coordinator/status_world.h"

/* ------------------------------------------------------------------------- explain */

static void gates_text(const json_t *gates, char *out, size_t out_size) {
    size_t i;
    json_t *gate;
    out[0] = '\0';
    json_array_foreach(gates, i, gate) {
        char line[300];
        (void)text_format(line, sizeof line, "%s %lld/%lld %s [%s] %s | %s\n",
                          json_is_true(json_object_get(gate, "passes")) ? "pass" : "STOP",
                          (long long)number_of(gate, "value"), (long long)number_of(gate, "limit"),
                          text_of(gate, "unit"), text_of(gate, "subject"), text_of(gate, "gate"),
                          text_of(gate, "would_need"));
        (void)text_append(out, out_size, line);
    }
}

static void explain_of_a_serving_region_says_what_would_be_needed(void **state) {
    static const char golden[] =
        "pass 1/1 yes/no [] automatic failover is allowed by policy | \n"
        "pass 1/1 yes/no [] automation is not held | \n"
        "pass 1/1 yes/no [] no earlier automatic failover waits for its release | \n"
        "pass 200000/0 ms [] the anti-flap block is over | \n"
        "pass 1/1 yes/no [] no execution is running | \n"
        "pass 200000/60000 ms [] the members have settled | \n"
        "STOP 1/0 agents [] the region's own voice is silent | none of its agents heard; 1 are\n"
        "STOP 0/0 regions [] the outside view says it does not serve | more regions that see it "
        "fail than serve; 0 fail, 0 serve\n"
        "STOP 0/2 members [] no member attested its lease lately | 2 members without a yes to its "
        "lease; 0 are\n"
        "STOP 0/60000 ms [] the suspicion lasted for the hold-down | a suspicion of 1m\n"
        "pass 1/1 agents [] the standby region is ready | \n"
        "pass 300/3600000 ms [pg] the loss is known and within the objective | \n"
        "pass 1/1 yes/no [] every writer of the region stands behind a guard | \n";
    static char found[8192];
    (void)state;
    make_serving();
    topology.policy.settle_ms = 60000;
    topology.policy.hold_down_ms = 60000;
    json_t *json = ask_from("explain", "", 0);
    gates_text(json_object_get(json, "gates"), found, sizeof found);
    assert_string_equal(found, golden);
    assert_true(json_is_false(json_object_get(json, "all_gates_pass")));
    assert_string_equal(text_of(json, "target"), "west");
    json_decref(json);
}

static void explain_counts_down_to_the_automatic_failover(void **state) {
    (void)state;
    make_suspect();
    topology.policy.settle_ms = 60000;
    topology.policy.hold_down_ms = 60000;
    json_t *json = ask_from("explain", "", 0);
    const json_t *next = json_object_get(json, "next_automatic_act");
    assert_string_equal(text_of(next, "text"), "automatic failover away from east");
    assert_int_equal(number_of(next, "in_ms"), 40000);
    json_decref(json);

    member.core.held_until_ms = UINT64_MAX; /* a gate that time does not open */
    json = ask_from("explain", "", 0);
    next = json_object_get(json, "next_automatic_act");
    assert_string_equal(text_of(next, "text"),
                        "none: east looks lost, but a gate stands in the way");
    assert_true(json_is_null(json_object_get(next, "in_ms")));
    json_decref(json);
}

/* Each verdict in words: what was seen, who agrees, what would change it, what happens next. */
static void expect_verdict(const char *region, const char *class, const char *const words[4]) {
    static const char *const keys[] = {"seen", "agree", "would_change", "next"};
    json_t *json = ask_from("explain", region, 0);
    const json_t *one = json_array_get(json_object_get(json, "regions"), 0);
    const json_t *verdict = json_object_get(one, "verdict");
    assert_string_equal(text_of(one, "class"), class);
    for (unsigned i = 0; i < 4; i++) {
        if (strstr(text_of(verdict, keys[i]), words[i]) == NULL) {
            fail_msg("%s is %s, %s: \"%s\" is not in \"%s\"", region, class, keys[i], words[i],
                     text_of(verdict, keys[i]));
        }
    }
    json_decref(json);
}

static void silence(const char *name) {
    member.core.agents[agent(name)].heard_by = 0;
}

/* All vital checks have run, all look at all, and each region's store has its role. */
static void make_well(void) {
    make_serving();
    for (unsigned c = 0; c < topology.checks_n; c++) {
        for (unsigned a = 0; a < topology.agents_n; a++) {
            member.core.checks[c].status[a] = CHECK_OK;
            member.core.agents[a].boot = 7;
        }
    }
}

static uint8_t vital_of_east(void) {
    for (uint8_t c = 0; c < topology.checks_n; c++) {
        if (topology.checks[c].vital && !topology.checks[c].outside &&
            topology.checks[c].region == topology_region(&topology, "east")) {
            return c;
        }
    }
    fail_msg("east has no vital check");
    return NONE;
}

static void explain_says_every_verdict_in_words(void **state) {
    (void)state;
    make_well();
    uint8_t vital = vital_of_east();
    const char *name = topology.checks[vital].name;
    uint8_t its_agent = topology.checks[vital].agent;
    expect_verdict("east", "well",
                   (const char *[]){"1 of 1 agents heard; 0 of 1 vital checks fail",
                                    "seen to serve from west, mon", "region-dark: silence of",
                                    "nothing by itself: only region-dark begins a suspicion"});
    expect_verdict("mon", "well",
                   (const char *[]){"1 of 1 agents heard", "nobody looks at it from outside",
                                    "monitoring-isolated: no data region heard",
                                    "it does not hold the open epoch"});
    member.core.checks[vital].status[its_agent] = CHECK_FAILED;
    expect_verdict("east", "component",
                   (const char *[]){name, "seen to serve from west", "its failing checks pass",
                                    "nothing by itself"});
    see("out-east", "west-db1", CHECK_FAILED);
    see("out-east", "mon1", CHECK_FAILED);
    topology.policy.automatic_sick = true;
    expect_verdict("east", "region-sick",
                   (const char *[]){"1 of 1 vital checks fail", "seen to fail from west, mon",
                                    "as many regions see it serve as fail (0 and 2 now)",
                                    "the next tick begins the suspicion"});
    member.core.checks[vital].status[its_agent] = CHECK_STALE;
    see("out-east", "west-db1", CHECK_OK);
    see("out-east", "mon1", CHECK_OK);
    expect_verdict("east", "stale",
                   (const char *[]){"of 1 vital checks nothing fresh is known", "seen to serve",
                                    "its vital checks run in time again",
                                    "only region-dark or region-sick begins"});
    silence("east-db1");
    expect_verdict("east", "stale",
                   (const char *[]){"0 of 1 agents heard; silent: east-db1",
                                    "0 of 3 members hear it", "its silent agents are heard again",
                                    "nothing by itself"});
    see("out-east", "mon1", CHECK_FAILED);
    expect_verdict("east", "region-isolated-but-serving",
                   (const char *[]){"silent: east-db1",
                                    "seen to serve from west; seen to fail from mon",
                                    "most who look see it fail (1 of 2 now)", "nothing by itself"});
    silence("west-db1");
    see("out-west", "mon1", CHECK_FAILED);
    expect_verdict("east", "monitoring-isolated",
                   (const char *[]){"silent: east-db1", "no word of it from west",
                                    "one agent of a data region is heard", "nothing by itself"});
}

static void explain_says_what_a_link_a_role_and_a_first_word_are(void **state) {
    (void)state;
    make_well();
    uint8_t vital = vital_of_east();
    see("out-east", "west-db1", CHECK_FAILED);
    expect_verdict("east", "link-only",
                   (const char *[]){"1 region(s) blind to it, which a link explains",
                                    "seen to serve from mon; seen to fail from west",
                                    "the link is mended", "nothing by itself"});
    see("out-east", "mon1", CHECK_FAILED);
    expect_verdict("east", "component",
                   (const char *[]){"0 of 1 vital checks fail", "seen to fail from west, mon",
                                    "who looks from outside sees it serve again", "nothing"});
    make_well();
    member.core.checks[vital].role = STORE_STANDBY;
    expect_verdict("east", "component",
                   (const char *[]){"1 store(s) without a primary, in the active region",
                                    "seen to serve", "its stores have the roles they should have",
                                    "nothing by itself"});
    member.core.checks[vital].role = STORE_PRIMARY;
    member.core.owner = topology_region(&topology, "west");
    expect_verdict("east", "component",
                   (const char *[]){"1 store(s) with a primary, outside the active region",
                                    "seen to serve", "its stores have the roles",
                                    "it does not hold the open epoch"});
    make_serving();
    silence("east-db1");
    expect_verdict("east", "unknown",
                   (const char *[]){"silent: east-db1", "no word of it from west, mon",
                                    "a first report of one of its agents", "nothing by itself"});
    make_suspect();
    expect_verdict("east", "region-dark",
                   (const char *[]){"silent: east-db1", "seen to fail from west, mon",
                                    "one of its agents heard; or as many regions",
                                    "the suspicion runs for 20s; then the gates decide"});
}

static void explain_says_whose_word_each_gate_rests_on(void **state) {
    static const char *const says[] = {
        "the topology, version 3",
        "the log, up to fact 0",
        "the log, up to fact 0",
        "the log, up to fact 0",
        "the log, up to fact 0",
        "the log, up to fact 0",
        "the members: 0 of 1 of its agents heard",
        "seen to fail from west, mon",
        "m1, m2, m3 gave no yes lately",
        "ticks of m1",
        "west-db1",
        "positions of link pg",
        "the topology, version 3",
    };
    (void)state;
    make_suspect();
    member.core.agents[agent("east-db1")].boot = 7;
    json_t *json = ask_from("explain", "", 0);
    const json_t *gates = json_object_get(json, "gates");
    assert_int_equal(json_array_size(gates), GATES_N);
    for (unsigned g = 0; g < GATES_N; g++) {
        assert_string_equal(text_of(json_array_get(gates, g), "says"), says[g]);
    }
    assert_int_equal(number_of(json_array_get(gates, GATE_OWN_VOICE_), "age_ms"), 20000);
    assert_true(number_of(json_array_get(gates, GATE_OUTSIDE_), "age_ms") < 5000);
    assert_true(number_of(json_array_get(gates, GATE_STANDBY_), "age_ms") < 5000);
    assert_true(json_is_null(json_object_get(json_array_get(gates, GATE_LATCH_), "age_ms")));
    assert_int_equal(number_of(json_array_get(gates, GATE_RPO_), "margin_ms"), 3600000 - 300);
    assert_true(json_is_null(json_object_get(json_array_get(gates, GATE_LATCH_), "margin_ms")));
    json_decref(json);
    make_serving();
    member.core.agents[agent("east-db1")].last_heard_ms = member.core.now_ms - 60000;
    json = ask_from("explain", "", 0);
    gates = json_object_get(json, "gates");
    assert_string_equal(text_of(json_array_get(gates, GATE_ATTEST_), "says"),
                        "every member says yes to it");
    /* A region that speaks: as fresh as this member heard it, whatever was agreed on last. */
    const json_t *east = named(json_object_get(json, "regions"), "east");
    assert_true(number_of(east, "last_heard_ago_ms") < 60000);
    json_decref(json);
}

static void explain_of_a_region_shows_each_view(void **state) {
    (void)state;
    make_suspect();
    json_t *json = ask_from("explain", "east", 0);
    const json_t *region = json_array_get(json_object_get(json, "regions"), 0);
    assert_int_equal(json_array_size(json_object_get(json, "regions")), 1);
    assert_string_equal(text_of(region, "class"), "region-dark");
    assert_int_equal(number_of(region, "last_heard_ago_ms"), 20000);
    const json_t *views = json_object_get(region, "views");
    unsigned failed_n = 0;
    size_t i;
    json_t *view;
    json_array_foreach(views, i, view) {
        failed_n += text_equal(text_of(view, "check"), "out-east") &&
                    text_equal(text_of(view, "status"), "failed") &&
                    json_is_true(json_object_get(view, "counts"));
    }
    assert_int_equal(failed_n, 2);
    json_decref(json);
}

/* That agent's newest report on that check. */
static void report_on(const char *name, const char *by, uint8_t status, const char *detail) {
    struct agent_live *live = &member.agents[agent(by)];
    live->reported = true;
    live->report.config_version = 3;
    for (uint16_t c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, name)) {
            struct check_report *seen = &live->report.checks[live->report.checks_n++];
            *seen = (struct check_report){.check = c, .status = status, .since_ms = 5000};
            (void)text_copy(seen->detail, sizeof seen->detail, detail);
        }
    }
}

/* How a component of east stands, in an answer's list, whose roots and whose dependents. */
static void expect_standing(const json_t *list, const char *name, const char *standing,
                            const char *why, size_t roots_n, size_t hurts_n) {
    const json_t *one = named(list, name);
    assert_string_equal(text_of(one, "region"), "east");
    assert_string_equal(text_of(one, "standing"), standing);
    assert_string_equal(text_of(one, "why"), why);
    assert_int_equal(json_array_size(json_object_get(one, "roots")), roots_n);
    assert_int_equal(json_array_size(json_object_get(one, "hurts")), hurts_n);
}

static void what_depends_is_told_behind_its_root_and_is_no_trouble_of_its_own(void **state) {
    (void)state;
    make_serving();
    uint8_t api = topology_component(&topology, "api.bud.ai");
    topology.components[api].needs = 1u << topology_component(&topology, "app");
    report_on("pg-east", "east-db1", CHECK_FAILED, "connection refused");
    report_on("app-east", "east-db1", CHECK_FAILED, "status 503");
    report_on("api-ttl", "mon1", CHECK_OK, "TTL 60");
    json_t *json = ask_from("status", "", 0);
    const json_t *troubles = json_object_get(json, "troubles");
    assert_int_equal(json_array_size(troubles), 3);
    assert_int_equal(number_of(json, "troubles_n"), 1);
    assert_string_equal(text_of(json_array_get(troubles, 0), "name"), "pg");
    expect_standing(troubles, "pg", "down", "pg-east: connection refused", 0, 2);
    expect_standing(troubles, "app", "depending", "depends on pg, which is down", 1, 0);
    expect_standing(troubles, "api.bud.ai", "at-risk",
                    "needs pg, which is down, through app; its own checks pass", 1, 0);
    assert_true(number_of(json_array_get(troubles, 0), "for_ms") >= 5000);
    json_decref(json);

    json = ask_from("explain", "app", 0);
    expect_standing(json_object_get(json, "components"), "app", "depending",
                    "depends on pg, which is down", 1, 0);
    json_decref(json);

    member.agents[agent("east-db1")].report.checks[0].status = CHECK_OK; /* its need is fine */
    json = ask_from("status", "", 0);
    troubles = json_object_get(json, "troubles");
    assert_int_equal(number_of(json, "troubles_n"), 1);
    expect_standing(troubles, "app", "down", "app-east: status 503", 0, 1);
    expect_standing(troubles, "api.bud.ai", "at-risk",
                    "needs app, which is down; its own checks pass", 1, 0);
    json_decref(json);

    member.agents[agent("east-db1")].report.checks[1].status = CHECK_OK;
    json = ask_from("status", "", 0);
    assert_int_equal(number_of(json, "troubles_n"), 0);
    assert_int_equal(json_array_size(json_object_get(json, "troubles")), 0);
    json_decref(json);
    json = ask_from("components", "app", 0);
    expect_standing(json_object_get(json, "components"), "app", "well", "its checks pass", 0, 0);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_of_a_serving_region_says_what_would_be_needed),
        cmocka_unit_test(explain_counts_down_to_the_automatic_failover),
        cmocka_unit_test(explain_says_every_verdict_in_words),
        cmocka_unit_test(explain_says_what_a_link_a_role_and_a_first_word_are),
        cmocka_unit_test(explain_says_whose_word_each_gate_rests_on),
        cmocka_unit_test(explain_of_a_region_shows_each_view),
        cmocka_unit_test(what_depends_is_told_behind_its_root_and_is_no_trouble_of_its_own),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
