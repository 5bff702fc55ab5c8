/* Readiness of west, from states made by hand: every line that is not good, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/coordinator/readiness_world.h"
#include "tests/unit/topology/sample.h"

static void a_clock_that_is_off_is_a_warning_either_way(void **state) {
    uint8_t east = topology_agent(&topology, "east-db1"),
            west = topology_agent(&topology, "west-db1");
    (void)state;
    make_well();
    input.agents[east].clock_off_ms = 2000;
    input.agents[west].clock_off_ms = -2000;
    assert_string_equal(failing(), "");
    input.agents[east].clock_off_ms = 3600400;
    input.agents[west].clock_off_ms = -7200000;
    assert_string_equal(failing(), "clock east-db1, clock west-db1");
    assert_string_equal(line_of("clock east-db1")->text, "1h ahead of this member's");
    assert_string_equal(line_of("clock west-db1")->text, "2h behind this member's");
    input.agents[west].heard = false; /* what it said once is no news */
    readiness_read(&input, &result);
    assert_null(strstr(failing(), "clock west-db1"));
}

static void a_well_region_is_ready(void **state) {
    (void)state;
    make_well();
    assert_string_equal(failing(), "");
    assert_int_equal(result.blockers_n + result.warnings_n, 0);
    assert_int_equal(result.good_n, result.n);
    assert_int_equal(line_of("check pg-lag")->age_ms, 1000 + 1000 + 1000);
}

/* ------------------------------------------------------------------ drover's own */

static void the_lease_and_executions_count(void **state) {
    (void)state;
    make_well();
    core.open = 0;
    core.phase = PHASE_CLOSED;
    core.executions[1].id = 7;
    core.executions[1].stage = STAGE_RUN;
    reports[agent("east-db1")].guard.gate = GATE_SHUT;
    assert_string_equal(failing(), "!lease, !executions");
    make_well();
    core.executions[1].id = 7;
    core.executions[1].stage = STAGE_RUN;
    core.executions[1].paused = PAUSE_OPERATOR;
    assert_string_equal(failing(), "!executions");
    assert_string_equal(line_of("executions")->fix, "drover resume 7");
    core.executions[1].paused = PAUSE_STEP_FAILED;
    core.executions[1].paused_step = 1;
    assert_string_equal(failing(), "!executions");
    assert_string_equal(line_of("executions")->fix, "drover step retry 7 check");
    core.executions[1].stage = STAGE_DONE;
    assert_string_equal(failing(), "");
}

static void what_holds_automation_counts_where_it_is_promised(void **state) {
    (void)state;
    make_well();
    core.held_until_ms = UINT64_MAX;
    core.latched = 1;
    core.block_until_ms = core.now_ms + 1500;
    assert_string_equal(failing(), "!automation held, !automation latched, automation blocked");
    assert_non_null(strstr(line_of("automation blocked")->text, "still for 2s"));
    topology.policy.automatic = false;
    assert_string_equal(failing(), "");
}

/* One silent agent is one line, whatever else its silence hides; of the region that may be lost
 * it is a warning. */
static void a_silent_agent_is_one_line(void **state) {
    (void)state;
    make_well();
    input.agents[agent("west-db1")].heard = false;
    input.agents[agent("west-db1")].heard_ago_ms = 12900;
    assert_string_equal(failing(), "!?agent west-db1");
    assert_string_equal(line_of("agent west-db1")->text,
                        "silent for 12s; 1 declared observations are lost with it");
    assert_int_equal(line_of("agent west-db1")->age_ms, 12900);
    make_well();
    input.agents[agent("east-db1")] = (struct readiness_agent){.heard_ago_ms = UINT64_MAX};
    assert_string_equal(failing(), "?agent east-db1");
    assert_int_equal(line_of("agent east-db1")->age_ms, -1);
    assert_non_null(strstr(line_of("agent east-db1")->text, "never heard"));
}

static void an_agent_of_another_version_is_one_line(void **state) {
    (void)state;
    make_well();
    reports[agent("west-db1")].config_version = 2;
    assert_string_equal(failing(), "!topology west-db1");
    input.agents[agent("west-db1")].report = NULL;
    assert_string_equal(failing(), "!topology west-db1");
}

static void guards_and_gates_count(void **state) {
    static const struct {
        bool present;
        uint8_t gate;
        const char *failing;
    } rows[] = {{true, GATE_SHUT, ""},
                {false, GATE_SHUT, "!guard west-db1"},
                {true, GATE_ABSENT, "!guard west-db1"},
                {true, GATE_UNKNOWN, "!guard west-db1"},
                {true, GATE_OPEN, "!guard west-db1"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_well();
        reports[agent("west-db1")].guard.present = rows[i].present;
        reports[agent("west-db1")].guard.gate = rows[i].gate;
        assert_string_equal(failing(), rows[i].failing);
    }
}

/* ------------------------------------------------------------------- the declared */

static void a_check_counts_as_it_is_declared(void **state) {
    static const struct {
        uint8_t ready, status;
        const char *failing;
    } rows[] = {{READY_BLOCKER, CHECK_OK, ""},
                {READY_BLOCKER, CHECK_FAILED, "!check pg-lag"},
                {READY_BLOCKER, CHECK_WARN, "check pg-lag"},
                {READY_BLOCKER, CHECK_SUSPECT, "check pg-lag"},
                {READY_BLOCKER, CHECK_UNKNOWN, "!?check pg-lag"},
                {READY_BLOCKER, CHECK_STALE, "!?check pg-lag"},
                {READY_WARNING, CHECK_FAILED, "check pg-lag"},
                {READY_WARNING, CHECK_STALE, "?check pg-lag"},
                {READY_NOTHING, CHECK_FAILED, ""},
                {READY_BY_DEFAULT, CHECK_FAILED, ""}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_well();
        check("pg-lag")->ready = rows[i].ready;
        seen("west-db1", "pg-lag")->status = rows[i].status;
        assert_string_equal(failing(), rows[i].failing);
    }
    make_well();
    seen("west-db1", "pg-lag")->status = CHECK_FAILED;
    assert_string_equal(failing(), "!check pg-lag");
    assert_string_equal(line_of("check pg-lag")->fix, "mend the lag");
    assert_string_equal(line_of("check pg-lag")->text, "as it was");
    reports[agent("west-db1")].checks_n = 0;
    assert_string_equal(failing(), "!?check pg-lag");
}

/* Requirement D12. Two checks of the sample stand for the two clusters' ones. */
#define DB2 "4d2d70" /* of "db2", by text_digest */

static void a_member_name_in_both_patroni_clusters_is_a_warning(void **state) {
    static const struct {
        const char *east, *west, *failing;
    } cases[] = {
        {"leader a1, 2/2 members, names a1 a2", "standby leader b1, names b1 b2", ""},
        {"leader a1, 2/2 members, names a1 db2", "standby leader b1, names b1 db2", "names pg"},
        {"names a1, names db", "names, names db1", ""},
        {"2/2 members, names db", "2/2 members, names db", "names pg"},
        {"2/2 members", "2/2 members, names db", ""}, /* not told: no line */
        {"2/2, names# 111111 " DB2, "2/2, names# 222222 " DB2, "names pg"},
        {"2/2, names# 111111 " DB2, "2/2, names b1 db2", "names pg"},
        {"2/2, names a1 db2", "2/2, names# 222222 " DB2, "names pg"},
        {"2/2, names# 111111 333333", "2/2, names# 222222 " DB2, ""},
        {"2/2, names# 111111 " DB2, "2/2, names b1 db3", ""},
        {"2/2, names ?", "2/2, names b1 db2", "?names pg"},
        {"2/2, names a1", "2/2, names ?", "?names pg"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_well();
        struct check *east = NULL, *west = NULL;
        for (uint8_t c = 0; c < topology.checks_n; c++) {
            struct check *one = &topology.checks[c];
            bool inside =
                !one->outside && text_equal(topology.components[one->component].name, "pg");
            bool is_east = one->region == topology_region(&topology, "east");
            east = inside && is_east ? one : east;
            west = inside && !is_east ? one : west;
        }
        assert_non_null(east);
        assert_non_null(west);
        east->kind = west->kind = CHECK_PATRONI;
        (void)text_copy(seen("east-db1", east->name)->detail, 96, cases[i].east);
        (void)text_copy(seen("west-db1", west->name)->detail, 96, cases[i].west);
        assert_string_equal(failing(), cases[i].failing);
        if (i == 1 || i == 6 || i == 7) {
            assert_non_null(
                strstr(line_of("names pg")->text, "east and west both have a member db2"));
        }
        seen("west-db1", west->name)->status = CHECK_STALE;
        assert_null(strstr(failing(), "names pg")); /* an old word is none */
    }
}

static void a_replica_for_which_a_switchover_would_be_refused_is_a_warning(void **state) {
    (void)state;
    make_well();
    struct check *east = NULL;
    for (uint8_t c = 0; c < topology.checks_n; c++) {
        struct check *one = &topology.checks[c];
        bool inside = !one->outside && text_equal(topology.components[one->component].name, "pg");
        east = inside && one->region == core.owner ? one : east;
    }
    assert_non_null(east);
    east->kind = CHECK_PATRONI;
    struct check_report *report = seen(topology.agents[east->agent].name, east->name);
    (void)text_copy(report->detail, 96,
                    "leader a1, timeline 3, 2/2 members, no stream a2, names a1 a2");
    struct step *step = NULL;
    for (uint8_t p = 0; p < topology.plans_n; p++) {
        for (uint8_t i = 0; i < topology.plans[p].steps_n; i++) {
            struct step *one = &topology.plans[p].steps[i];
            step = one->action == ACTION_PATRONI_HANDOFF ? one : step;
        }
    }
    assert_non_null(step);
    step->action = ACTION_PATRONI_PROMOTE;
    assert_string_equal(failing(), ""); /* no plan hands it off */
    step->action = ACTION_PATRONI_HANDOFF;
    assert_string_equal(failing(), "hand-off pg");
    assert_string_equal(line_of("hand-off pg")->text,
                        "a switchover would be refused: replica a2 of east runs and does not "
                        "stream");
    assert_non_null(strstr(line_of("hand-off pg")->fix, "on the host of a2"));
    report->status = CHECK_STALE;
    assert_null(strstr(failing(), "hand-off"));
    report->status = CHECK_OK;
    (void)text_copy(report->detail, 96, "leader a1, timeline 3, 2/2 members, names a1 a2");
    assert_string_equal(failing(), "");
}

static void a_check_counts_on_its_side(void **state) {
    (void)state;
    make_well();
    struct check *east = check("pg-east");
    seen("east-db1", "pg-east")->status = CHECK_FAILED;
    assert_string_equal(failing(), ""); /* vital, of the region that is not asked about */
    east->ready = READY_BLOCKER;
    assert_string_equal(failing(), "");
    east->ready_at = READY_AT_ACTIVE;
    assert_string_equal(failing(), "!check pg-east");
    east->ready_at = READY_AT_BOTH;
    assert_string_equal(failing(), "!check pg-east");
    topology.components[east->component].excluded = true;
    assert_string_equal(failing(), "");
    make_well();
    check("page")->ready = READY_BLOCKER; /* seen in the monitoring region: counts for both */
    seen("mon1", "page")->status = CHECK_FAILED;
    assert_string_equal(failing(), "!check page");
    assert_string_equal(line_of("check page")->fix, "look: drover components status.bud.ai");
    make_well();
    east = check("pg-east"); /* vital of the region asked about: a blocker by itself */
    east->agent = agent("west-db1");
    east->region = input.target;
    fill_reports();
    seen("west-db1", "pg-east")->status = CHECK_FAILED;
    assert_string_equal(failing(), "!check pg-east");
}

/* The majority of those that are heard; nobody heard is not good. */
static void the_view_from_outside_counts(void **state) {
    (void)state;
    make_well();
    check("out-west")->ready = READY_BLOCKER;
    assert_string_equal(failing(), "");
    seen("mon1", "out-west")->status = CHECK_FAILED;
    assert_string_equal(failing(), "!check out-west"); /* one of two */
    seen("mon1", "out-west")->status = CHECK_UNKNOWN;
    assert_string_equal(failing(), "");
    seen("east-db1", "out-west")->status = CHECK_STALE;
    assert_string_equal(failing(), "!?check out-west");
}

static void links_count_against_their_objectives(void **state) {
    static const struct {
        struct readiness_link link;
        const char *failing;
    } rows[] = {{{true, 300, 1000}, ""},
                {{true, 60000, 1000}, ""},
                {{true, 60001, 1000}, "link pg"},
                {{true, HOUR_MS, 1000}, "link pg"},
                {{true, HOUR_MS + 1, 1000}, "!link pg"},
                {{true, 0, 13000}, ""},
                {{true, 0, 13001}, "!?link pg"},
                {{false, 0, 0}, "!?link pg"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_well();
        input.links[0] = rows[i].link;
        assert_string_equal(failing(), rows[i].failing);
    }
    make_well();
    input.links[0].known = false;
    topology.links[0].ready = READY_WARNING;
    (void)text_copy(topology.links[0].fix, sizeof topology.links[0].fix, "mend the link");
    assert_string_equal(failing(), "?link pg");
    assert_string_equal(line_of("link pg")->fix, "mend the link");
    topology.links[0].ready = READY_NOTHING;
    assert_string_equal(failing(), "");
    topology.links[0].ready = READY_BY_DEFAULT; /* its store is not guarded: no writer is lost */
    topology.components[topology.links[0].component].guarded = false;
    assert_string_equal(failing(), "?link pg");
    make_well(); /* without an objective of its own the tier's counts */
    topology.links[0].rpo_ms = 0;
    input.links[0].lag_ms = HOUR_MS + 1;
    assert_string_equal(failing(), "!link pg");
}

static void drills_must_be_held(void **state) {
    (void)state;
    make_well();
    topology.drills[0].last_wall_ms = 0;
    assert_string_equal(failing(), "drill full");
    topology.drills[0].last_wall_ms = NOW_MS - 366 * DAY_MS;
    assert_string_equal(failing(), "");
    topology.drills[0].last_wall_ms = NOW_MS - 366 * DAY_MS - 1;
    assert_string_equal(failing(), "drill full");
    assert_non_null(strstr(line_of("drill full")->fix, "drover config apply"));
    topology.drills[0].last_wall_ms = NOW_MS + DAY_MS; /* a clock that is behind */
    assert_string_equal(failing(), "");
}

/* Whichever is later: the day that people wrote down, or an execution of a plan that holds it. */
static void a_drill_that_drover_held_counts(void **state) {
    (void)state;
    make_well();
    topology.drills[0].last_wall_ms = 0;
    input.drills_held_ms[0] = NOW_MS - 2 * DAY_MS;
    assert_string_equal(failing(), "");
    assert_non_null(strstr(line_of("drill full")->text, "held 2 days ago"));
    input.drills_held_ms[0] = NOW_MS - 367 * DAY_MS;
    assert_string_equal(failing(), "drill full");
    assert_non_null(strstr(line_of("drill full")->fix, "drover config apply"));
    struct plan *plan = &topology.plans[topology_plan(&topology, "reprotect")];
    plan->kind = PLAN_DRILL;
    plan->drill = 0;
    assert_string_equal(failing(), "drill full");
    assert_string_equal(line_of("drill full")->fix,
                        "drover declare --kind drill --plan reprotect --to west --reason drill");
    topology.drills[0].last_wall_ms = NOW_MS;
    assert_string_equal(failing(), "");
    input.drills_held_ms[0] = 0;
}

/* Requirement N17: what was never run is a warning, and so is what was not run lately. */
static void plans_must_be_exercised(void **state) {
    (void)state;
    make_well();
    struct readiness_plan *past = &input.plans[topology_plan(&topology, "failover")];
    const struct plan *plan = &topology.plans[topology_plan(&topology, "failover")];
    *past = (struct readiness_plan){.looked = true, .oldest = NONE};
    assert_string_equal(failing(), ""); /* nothing in it could be run */
    *past = (struct readiness_plan){
        .looked = true, .steps_n = plan->steps_n, .oldest_wall_ms = NOW_MS - 90 * DAY_MS};
    assert_string_equal(failing(), "");
    assert_non_null(strstr(line_of("plan failover")->text, "ran as they are now, promote 90 days"));
    topology.policy.exercise_within_ms = 90 * DAY_MS;
    assert_string_equal(failing(), "");
    past->oldest_wall_ms--;
    assert_string_equal(failing(), "plan failover");
    assert_non_null(strstr(line_of("plan failover")->text, "due every 90d"));
    past->oldest_wall_ms = NOW_MS + 1; /* a clock that is behind */
    past->failing_n = 1;
    assert_string_equal(failing(), "plan failover");
    past->failing_n = 0;
    past->never_n = 1;
    past->never[0] = 1;
    assert_string_equal(failing(), "plan failover");
    assert_non_null(strstr(line_of("plan failover")->text, "never ran as they are now: "));
    assert_int_equal(result.blockers_n, 0);
    past->looked = false;
    assert_string_equal(failing(), "");
}

static void days_are_read(void **state) {
    static const struct {
        const char *text;
        uint64_t day; /* 0: refused */
    } rows[] = {{"1970-01-02", 1},
                {"2026-11-21", 20778},
                {"2024-02-29", 19782},
                {"2000-03-01", 11017},
                {"2026-02-29", 0},
                {"2100-02-29", 0},
                {"1969-12-31", 0},
                {"2026-13-01", 0},
                {"2026-00-01", 0},
                {"2026-01-00", 0},
                {"2026-04-31", 0},
                {"2026-1-01", 0},
                {"2026-01-01 ", 0},
                {"20260101", 0},
                {"2026/01/01", 0},
                {"2026-01-0x", 0},
                {"", 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t ms = 5;
        bool read = day_from_text(rows[i].text, &ms);
        assert_int_equal(read, rows[i].day != 0);
        assert_true(ms == (read ? rows[i].day * DAY_MS : 5));
    }
}

/* As many lines as a topology can ask for fit. */
static void the_largest_topology_fits(void **state) {
    (void)state;
    make_well();
    while (topology.checks_n < CHECKS_MAX) {
        topology.checks[topology.checks_n++] = *check("pg-lag");
    }
    while (topology.agents_n < AGENTS_MAX) {
        topology.agents[topology.agents_n++] = topology.agents[agent("west-db1")];
    }
    while (topology.links_n < LINKS_MAX) {
        topology.links[topology.links_n++] = topology.links[0];
    }
    while (topology.drills_n < DRILLS_MAX) {
        topology.drills[topology.drills_n++] = topology.drills[0];
    }
    fill_reports();
    readiness_read(&input, &result);
    assert_true(result.n > CHECKS_MAX && result.n <= READINESS_LINES_MAX);
}

/* ---------------------------------------------------------------------- backups */

static void a_backup_is_as_its_worst_check_in_either_region(void **state) {
    (void)state;
    static const struct {
        uint8_t status;
        const char *failing;
    } table[] = {{CHECK_OK, ""},
                 {CHECK_WARN, "backup full of pg"},
                 {CHECK_SUSPECT, "backup full of pg"},
                 {CHECK_FAILED, "backup full of pg"},
                 {CHECK_STALE, "?backup full of pg"},
                 {CHECK_UNKNOWN, "?backup full of pg"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        make_well();
        /* A check of the active region, which has no line of its own. */
        struct check *backup = NULL;
        for (uint8_t c = 0; c < topology.checks_n && backup == NULL; c++) {
            bool there = !topology.checks[c].outside && topology.checks[c].region == core.owner;
            backup = there ? &topology.checks[c] : NULL;
        }
        assert_non_null(backup);
        backup->ready = READY_NOTHING;
        backup->component = topology_component(&topology, "pg");
        assert_int_not_equal(backup->component, NONE);
        assert_int_equal(arguments_set(&backup->arguments, "backup", "full"), ERR_OK);
        topology.backups_n = 1;
        topology.backups[0] = (struct backup){.component = backup->component, .type = "full"};
        struct check_report *report = seen(topology.agents[backup->agent].name, backup->name);
        report->status = table[i].status;
        assert_string_equal(failing(), table[i].failing);
        input.agents[backup->agent].report = NULL; /* told with the agent, and only there */
        assert_null(strstr(failing(), "backup"));
    }
}

static void a_backup_that_no_check_looks_at_is_told(void **state) {
    (void)state;
    make_well();
    topology.backups_n = 1;
    topology.backups[0] = (struct backup){.component = topology.checks[0].component, .type = "wal"};
    assert_string_equal(failing()[0] == '\0' ? "" : "told", "told");
    const char *name = NULL;
    for (unsigned i = 0; i < result.n; i++) {
        name = result.lines[i].state != READINESS_GOOD ? result.lines[i].name : name;
    }
    assert_non_null(strstr(name, "backup wal of "));
    assert_non_null(strstr(line_of(name)->fix, "backup = \"wal\""));
    assert_int_equal(result.blockers_n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_as_its_worst_check_in_either_region),
        cmocka_unit_test(a_backup_that_no_check_looks_at_is_told),
        cmocka_unit_test(a_well_region_is_ready),
        cmocka_unit_test(a_clock_that_is_off_is_a_warning_either_way),
        cmocka_unit_test(the_lease_and_executions_count),
        cmocka_unit_test(what_holds_automation_counts_where_it_is_promised),
        cmocka_unit_test(a_silent_agent_is_one_line),
        cmocka_unit_test(an_agent_of_another_version_is_one_line),
        cmocka_unit_test(guards_and_gates_count),
        cmocka_unit_test(a_check_counts_as_it_is_declared),
        cmocka_unit_test(a_member_name_in_both_patroni_clusters_is_a_warning),
        cmocka_unit_test(a_replica_for_which_a_switchover_would_be_refused_is_a_warning),
        cmocka_unit_test(a_check_counts_on_its_side),
        cmocka_unit_test(the_view_from_outside_counts),
        cmocka_unit_test(links_count_against_their_objectives),
        cmocka_unit_test(drills_must_be_held),
        cmocka_unit_test(a_drill_that_drover_held_counts),
        cmocka_unit_test(plans_must_be_exercised),
        cmocka_unit_test(days_are_read),
        cmocka_unit_test(the_largest_topology_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
