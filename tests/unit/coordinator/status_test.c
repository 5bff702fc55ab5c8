/* What people see, from states made by hand. */
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

/* -------------------------------------------------------------------------- status */

static void status_is_truthful_about_the_writer(void **state) {
    (void)state;
    make_serving();
    uint8_t east = agent("east-db1"), west = agent("west-db1");
    json_t *json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "owner"), "east");
    assert_string_equal(text_of(json, "writer"), ""); /* owning is not writing */
    json_decref(json);

    member.agents[east].reported = true;
    member.agents[east].report.config_version = 3;
    member.agents[east].report.guard.present = true;
    member.agents[east].report.guard.gate = GATE_OPEN;
    member.agents[east].report.guard.lease_left_ms = 4000;
    json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "writer"), "east");
    assert_int_equal(json_array_size(json_object_get(json, "unexpected_open_gates")), 0);
    json_decref(json);

    member.agents[west] = member.agents[east];
    json = ask_from("status", "", 0);
    const json_t *gates = json_object_get(json, "unexpected_open_gates");
    assert_int_equal(json_array_size(gates), 1);
    assert_string_equal(json_string_value(json_array_get(gates, 0)), "west-db1");
    json_decref(json);

    member.agents[east].heard_boot_ms = 1; /* an old report proves nothing now */
    json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "writer"), "");
    json_decref(json);
}

static struct execution *make_running(void) {
    make_serving();
    struct execution *execution = &member.core.executions[0];
    uint8_t plan = topology_plan(&topology, "switchover");
    execution->id = 1;
    execution->kind = PLAN_SWITCHOVER;
    execution->plan = plan;
    execution->source = topology_region(&topology, "east");
    execution->target = topology_region(&topology, "west");
    execution->stage = STAGE_RUN;
    execution->declared_by = topology_operator(&topology, "c1");
    execution->steps_n = topology.plans[plan].steps_n;
    execution->outage_ms = execution->created_ms = member.core.now_ms - 12000;
    execution->closed_ms = execution->opened_ms = member.core.now_ms - 6000;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        execution->steps[s].agent = NONE;
        execution->steps[s].approved_by = NONE;
    }
    member.core.executions_made = 1;
    return execution;
}

static void status_says_whose_turn_it_is(void **state) {
    (void)state;
    struct execution *execution = make_running();
    execution->steps[0].phase = execution->steps[1].phase = STEP_DONE;
    execution->steps[2].phase = STEP_APPROVAL;
    json_t *json = ask_from("status", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    const json_t *dns = named(json_object_get(shown, "steps"), "dns");
    char act[96];
    assert_int_equal(strlen(text_of(dns, "digest")), 64);
    (void)text_format(act, sizeof act, "network-admin: drover approve 1 dns --digest %.8s",
                      text_of(dns, "digest"));
    assert_string_equal(text_of(json, "next_human_act"), act);
    assert_false(json_is_true(json_object_get(dns, "approval_void")));
    assert_int_equal(number_of(shown, "elapsed_ms"), 12000);
    assert_string_equal(text_of(named(json_object_get(shown, "steps"), "dns"), "state"),
                        "needs-approval");
    json_decref(json);

    execution->steps[1].phase = STEP_FAILED;
    execution->steps[1].err = ERR_TIMEOUT;
    execution->paused = PAUSE_STEP_FAILED;
    execution->paused_step = 1;
    json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "next_human_act"),
                        "drover step retry 1 promote (or skip, done) --comment ...");
    json_decref(json);
}

static void status_says_whose_lock_is_in_the_way(void **state) {
    (void)state;
    struct execution *execution = make_running();
    struct plan *plan = &topology.plans[execution->plan], before = *plan;
    plan->steps[1].locks = plan->steps[2].locks = 1;
    plan->steps[2].needs_n = 0;
    execution->steps[0].phase = STEP_DONE;
    execution->steps[1].phase = STEP_RUNNING;
    json_t *json = ask_from("status", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    const json_t *dns = named(json_object_get(shown, "steps"), "dns");
    assert_string_equal(text_of(dns, "locked_by"), "promote");
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "waits_for"), 1)),
                        "step dns until promote, with which it shares a lock, is over");
    json_decref(json);
    *plan = before;
}

static json_t *tier_one(void) {
    json_t *json = ask_from("executions", "", 0);
    const json_t *execution = json_array_get(json_object_get(json, "executions"), 0);
    json_t *tier = json_incref(json_array_get(json_object_get(execution, "rto"), 0));
    json_decref(json);
    assert_non_null(tier);
    assert_int_equal(number_of(tier, "tier"), 1);
    return tier;
}

/* Requirement N25: from the outage's start, with what is left at its longest. */
static void the_recovery_time_burns_down_from_the_outage(void **state) {
    (void)state;
    struct execution *execution = make_running();
    const struct plan *plan = &topology.plans[execution->plan];
    uint64_t rto_ms = topology.objectives[0].rto_ms;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        execution->steps[s].phase = plan->steps[s].before_fence ? STEP_DONE : STEP_WAITING;
    }
    json_t *tier = tier_one();
    int64_t left_ms = number_of(tier, "ends_in_ms");
    assert_int_equal(number_of(tier, "rto_ms"), rto_ms);
    assert_int_equal(number_of(tier, "used_ms"), 12000);
    assert_int_equal(number_of(tier, "remaining_ms"), (int64_t)rto_ms - 12000);
    assert_true(left_ms > 0);
    assert_string_equal(text_of(tier, "course"), "on-course");
    json_decref(tier);
    /* The members' wait is in front of everything, as long as the lease has not moved. */
    execution->opened_ms = 0;
    tier = tier_one();
    assert_int_equal(number_of(tier, "ends_in_ms"), left_ms + topology.lease.wait_ms);
    json_decref(tier);
    execution->opened_ms = execution->closed_ms;
    member.core.now_ms += rto_ms; /* room for long outages */
    static const struct {
        int64_t used_over_rto_ms;
        const char *course;
    } rows[] = {{-1, "may-breach"}, {0, "may-breach"}, {1, "breached"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        execution->outage_ms =
            (uint64_t)((int64_t)member.core.now_ms - (int64_t)rto_ms - rows[i].used_over_rto_ms);
        tier = tier_one();
        assert_string_equal(text_of(tier, "course"), rows[i].course);
        assert_int_equal(number_of(tier, "remaining_ms"), -rows[i].used_over_rto_ms);
        json_decref(tier);
    }
    /* Ended, it is what it took; time goes on without it. */
    for (int64_t over_ms = 0; over_ms < 2; over_ms++) {
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            execution->steps[s].phase = STEP_DONE;
            execution->steps[s].finished_ms = execution->outage_ms + rto_ms + (uint64_t)over_ms;
        }
        tier = tier_one();
        assert_string_equal(text_of(tier, "course"), over_ms == 0 ? "met" : "missed");
        assert_int_equal(number_of(tier, "used_ms"), (int64_t)rto_ms + over_ms);
        assert_int_equal(number_of(tier, "ends_in_ms"), 0);
        json_decref(tier);
    }
    execution->stage = STAGE_ABORTED;
    json_t *json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    assert_int_equal(json_array_size(json_object_get(shown, "rto")), 0);
    json_decref(json);
}

/* Requirements N25 and SEED-70: explained beside the gates, with what is left in its order. */
static void explain_tells_an_executions_burn_down_and_forecast(void **state) {
    (void)state;
    struct execution *execution = make_running();
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        execution->steps[s].phase = STEP_WAITING;
    }
    execution->steps[0].phase = STEP_DONE;
    execution->steps[2].phase = STEP_APPROVAL;
    json_t *json = ask_from("explain", "1", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    const json_t *tier = json_array_get(json_object_get(shown, "rto"), 0);
    const json_t *forecast = json_object_get(json, "forecast");
    size_t n = json_array_size(forecast);
    assert_int_equal(number_of(shown, "id"), 1);
    assert_int_equal(number_of(tier, "used_ms"), 12000);
    assert_true(json_array_size(json_object_get(json, "gates")) > 0);
    assert_int_equal(n, execution->steps_n - 1u);
    int64_t before_ms = 0, latest_ms = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *left = json_array_get(forecast, i);
        assert_true(number_of(left, "ends_in_ms") >= before_ms);
        assert_true(number_of(left, "ends_in_ms") >= number_of(left, "left_ms"));
        before_ms = number_of(left, "ends_in_ms");
        latest_ms = number_of(left, "tier") == 1 ? before_ms : latest_ms;
        assert_int_equal(json_is_true(json_object_get(left, "waits_for_people")),
                         text_equal(text_of(left, "state"), "needs-approval"));
    }
    assert_int_equal(number_of(tier, "ends_in_ms"), latest_ms);
    json_decref(json);

    execution->stage = STAGE_ABORTED; /* nothing is ahead of it */
    json = ask_from("explain", "1", 0);
    assert_int_equal(json_array_size(json_object_get(json, "forecast")), 0);
    json_decref(json);
    json_decref(ask_from("explain", "2", 2));
}

/* Requirement SEED-1. */
static void an_approval_stands_under_its_policy_and_topology(void **state) {
    (void)state;
    struct execution *execution = make_running();
    struct document *document = &topology.document;
    (void)text_copy(document->version, sizeof document->version, "2.4");
    (void)text_copy(document->status, sizeof document->status, "active");
    execution->config_version = member.core.config_version;
    json_t *json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    const json_t *steps = json_object_get(shown, "steps");
    const json_t *under = json_object_get(named(steps, "dns"), "approval_under");
    assert_int_equal(number_of(under, "config_version"), 3);
    assert_string_equal(text_of(json_object_get(under, "document"), "version"), "2.4");
    assert_string_equal(text_of(json_object_get(under, "document"), "status"), "active");
    assert_null(json_object_get(named(steps, "promote"), "approval_under"));
    assert_int_equal(number_of(json_object_get(shown, "policy"), "config_version"), 3);
    json_decref(json);

    json = ask_from("preview", "switchover west", 0);
    under = json_object_get(json_object_get(json, "policy"), "document");
    assert_string_equal(text_of(under, "version"), "2.4");
    json_decref(json);

    /* Ended, and another topology came into force: its words are not that one's. */
    execution->stage = STAGE_DONE;
    member.core.config_version = topology.version = 4;
    json = ask_from("executions", "", 0);
    shown = json_array_get(json_object_get(json, "executions"), 0);
    under = json_object_get(shown, "policy");
    assert_int_equal(number_of(under, "config_version"), 3);
    assert_true(json_is_null(json_object_get(under, "document")));
    json_decref(json);
}

static void an_undoing_names_the_agent_that_is_missing(void **state) {
    (void)state;
    struct execution *execution = make_running();
    uint8_t agent = topology_agent(&topology, "east-db1");
    execution->stage = STAGE_UNDO;
    execution->steps[0].phase = STEP_FAILED;
    execution->steps[0].agent = agent;
    execution->steps[0].undo = 1;
    member.core.agents[agent].heard_by = 0;
    char undone[200];
    const char *step = topology.plans[execution->plan].steps[0].name;
    (void)text_format(undone, sizeof undone,
                      "bring agent east-db1 back: only its region can undo step %s", step);
    json_t *json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "next_human_act"), undone);
    json_decref(json);
    member.core.agents[agent].heard_by = 7;
    json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "next_human_act"), "");
    const json_t *waits = json_object_get(json, "waits_for");
    (void)text_format(undone, sizeof undone, "step %s to be undone at east-db1", step);
    assert_string_equal(json_string_value(json_array_get(waits, 0)), undone);
    json_decref(json);
}

static void a_second_disaster_is_put_to_people_with_one_command(void **state) {
    (void)state;
    struct execution *execution = make_running();
    execution->steps[0].phase = STEP_FAILED;
    execution->paused = PAUSE_STEP_FAILED;
    member.core.owner = execution->target;
    json_t *json = ask_from("status", "", 0);
    assert_true(text_starts(text_of(json, "next_human_act"), "drover step retry 1 "));
    json_decref(json);
    member.core.phase = PHASE_SUSPECT;
    json = ask_from("status", "", 0);
    assert_string_equal(text_of(json, "next_human_act"),
                        "drover declare --to east --reason ... (it supersedes execution 1)");
    json_decref(json);
    json = ask_from("explain", "", 0);
    const json_t *act = json_object_get(json, "next_automatic_act");
    assert_string_equal(text_of(act, "text"),
                        "none: execution 1 waits, paused-by-failed-step; west looks lost, and "
                        "leaving it is for people");
    const json_t *gate = json_array_get(json_object_get(json, "gates"), GATE_IDLE_);
    assert_string_equal(text_of(gate, "would_need"),
                        "execution 1 to end; people may leave it now: drover declare --to east");
    json_decref(json);
    execution->stage = STAGE_SUPERSEDED;
    execution->paused = PAUSE_NO;
    json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    assert_string_equal(text_of(shown, "stage"), "superseded");
    assert_int_equal(number_of(shown, "superseded_by"), 2);
    json_decref(json);
}

static void report_tells_a_missed_objective_by_its_exit_code(void **state) {
    (void)state;
    struct execution *execution = make_running();
    execution->stage = STAGE_DONE;
    execution->finished_ms = member.core.now_ms;
    json_t *json = ask_from("report", "1", 0);
    const json_t *spans = json_object_get(json, "spans");
    assert_int_equal(number_of(spans, "run_ms"), 6000);
    assert_int_equal(number_of(json_object_get(json, "rto"), "actual_ms"), 12000);
    json_decref(json);

    topology.objectives[0].rto_ms = 11000;
    json = ask_from("report", "1", 9);
    assert_true(json_is_false(json_object_get(json_object_get(json, "rto"), "met")));
    json_decref(json);

    execution->stage = STAGE_RUN;
    execution->paused = PAUSE_OPERATOR;
    json_decref(ask_from("report", "", 8));
    json_decref(ask_from("report", "7", 2));
}

/* Its positions are the numbers of the canary's writes; the documents' alert is at 5 minutes. */
static void the_link_of_a_bucket_has_a_kind_an_origin_and_a_lag(void **state) {
    static const struct {
        uint32_t behind_ms;
        const char *state;
    } rows[] = {{0, "ok"}, {45000, "ok"}, {200000, "above-target"}, {330000, "alert"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_serving();
        uint64_t now_ms = clock_wall_ms();
        topology.links[0].kind = LINK_BUCKET;
        topology.links[0].target_lag_ms = 60000;
        topology.links[0].alert_lag_ms = 300000;
        positions_init(&member.positions);
        for (uint64_t n = 1; n <= 400; n++) {
            positions_written(&member.positions, 0, n, now_ms - (400 - n) * 1000);
        }
        positions_received(&member.positions, 0, 400 - rows[i].behind_ms / 1000, now_ms);
        json_t *json = ask_from("links", "", 0);
        const json_t *link = json_array_get(json_object_get(json, "links"), 0);
        assert_string_equal(text_of(link, "kind"), "bucket");
        assert_string_equal(text_of(link, "from"), "east");
        assert_string_equal(text_of(link, "state"), rows[i].state);
        int64_t lag_ms = json_integer_value(json_object_get(link, "lag_ms"));
        assert_int_equal(lag_ms, rows[i].behind_ms);
        assert_int_equal(json_integer_value(json_object_get(link, "lag_writes")),
                         rows[i].behind_ms / 1000);
        assert_null(json_object_get(link, "lag_bytes"));
        json_decref(json);
    }
}

static void unknown_names_are_usage_errors(void **state) {
    static const struct {
        const char *what, *argument;
        uint8_t code;
    } cases[] = {
        {"status", "", 0},
        {"regions", "", 0},
        {"components", "", 0},
        {"components", "pg", 0},
        {"components", "east", 0},
        {"components", "nix", 2},
        {"links", "", 0},
        {"agents", "", 0},
        {"members", "", 0},
        {"rules", "", 0},
        {"executions", "", 0},
        {"timeline", "", 0},
        {"timeline", "x", 2},
        {"explain", "pg", 0},
        {"explain", "nix", 2},
        {"config", "", 0},
        {"whoami", "", 0},
        {"preview", "failover west", 0},
        {"preview", "failover nix", 2},
        {"preview", "nonsense west", 2},
        {"preview", "failover west nix", 2},
        {"report", "", 2},
        {"nonsense", "", 2},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_serving();
        json_t *json = ask_from(cases[i].what, cases[i].argument, cases[i].code);
        assert_string_equal(text_of(json, "what"), cases[i].what);
        assert_int_equal(cases[i].code == 2, json_object_get(json, "error") != NULL);
        json_decref(json);
    }
    member.topology_known = false;
    json_decref(ask_from("status", "", 6));
}

static void whoami_says_what_the_role_may(void **state) {
    (void)state;
    make_serving();
    json_t *json = ask_from("whoami", "", 0);
    assert_string_equal(text_of(json, "operator"), "n1");
    assert_string_equal(text_of(json, "role"), "network-admin");
    const json_t *may = json_object_get(json, "may");
    assert_int_equal(json_array_size(may), 4); /* read, approve, reject, step done */
    assert_int_equal(json_array_size(json_object_get(json, "may_declare")), 0);
    json_decref(json);
}

/* ------------------------------------------------------------------ refusals' reasons */

static void a_refusal_says_what_is_in_the_way(void **state) {
    static const struct {
        struct request request;
        uint16_t rule;
        const char *why;
    } cases[] = {
        {{.kind = REQUEST_DECLARE, .region = "east"}, 399, "east owns epoch 1 already"},
        {{.kind = REQUEST_DECLARE, .region = "mon"}, 399, "mon is not a data region"},
        {{.kind = REQUEST_DECLARE, .region = "west", .plan = "reprotect"},
         399,
         "plan reprotect is not a failover"},
        {{.kind = REQUEST_DECLARE, .region = "west", .epoch = 7},
         304,
         "made for epoch 7, it is 1 now"},
        {{.kind = REQUEST_DECLARE, .region = "west"},
         303,
         "execution 1, switchover to west, is running"},
        {{.kind = REQUEST_ABORT, .execution = 1},
         399,
         "the lease has moved: execution 1 is running"},
        {{.kind = REQUEST_RESUME, .execution = 1}, 399, "execution 1 is running, not paused"},
        {{.kind = REQUEST_STEP_RETRY, .execution = 1, .step = "dns"}, 399, "step dns is waiting"},
        {{.kind = REQUEST_PAUSE, .execution = 9}, 399, "there is no execution 9"},
    };
    char why[256];
    (void)state;
    make_running();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(operators_why(&member, &cases[i].request, cases[i].rule, why, sizeof why));
        assert_string_equal(why, cases[i].why);
    }
    assert_false(operators_why(&member, &cases[0].request, 301, why, sizeof why));
    struct request other = {.kind = REQUEST_PAUSE, .execution = 1, .operator_name = "n1"};
    assert_false(operators_why(&member, &other, 309, why, sizeof why)); /* nobody has command */
    member.core.executions[0].commander = 1;
    member.core.executions[0].command_ms = member.core.now_ms;
    assert_true(operators_why(&member, &other, 309, why, sizeof why));
    assert_string_equal(why, "c1 has command of execution 1 for 0ms. c1: drover command handover 1 "
                             "n1; you: drover command take 1 --reason ...");
    member.core.executions[0].asked_ms = member.core.now_ms;
    assert_true(operators_why(&member, &other, 334, why, sizeof why));
    assert_non_null(strstr(why, "c1 has command for 0ms and may answer for 1m"));
    /* Behind a move, whoever declares the same learns who made it. */
    struct core *core = &member.core;
    core->epoch = 2;
    core->owner = core->executions[0].target;
    core->executions[0].from_epoch = 1;
    core->executions[0].opened_ms = 5;
    struct request late = {.kind = REQUEST_DECLARE, .region = "west"};
    assert_true(operators_why(&member, &late, 399, why, sizeof why));
    assert_string_equal(why, "west owns epoch 2 already: execution 1 moved the lease there");
    /* Abandoned already: the lease has not moved, and what is left ends by itself. */
    member.core.executions[0].stage = STAGE_UNDO;
    struct request abort = {.kind = REQUEST_ABORT, .execution = 1};
    assert_true(operators_why(&member, &abort, 399, why, sizeof why));
    assert_string_equal(why, "execution 1 is being abandoned already: what it stopped in east is "
                             "opened again until that is done");
}

/* One declared backup, and the check that may look at it. */
static struct check *make_backup(void) {
    struct check *check = &topology.checks[0];
    make_serving();
    check->kind = CHECK_BACKUP;
    check->agent = agent("east-db1");
    check->outside = false;
    topology.backups_n = 1;
    topology.backups[0] = (struct backup){.component = check->component, .type = "full"};
    return check;
}

/* A declared backup is as its worst check; without a check, or without word, it is not met. */
static void a_backup_is_as_its_worst_check(void **state) {
    (void)state;
    const struct {
        bool checked, heard;
        uint8_t status;
        const char *state;
    } table[] = {{false, true, CHECK_OK, "unchecked"}, {true, false, CHECK_OK, "unknown"},
                 {true, true, CHECK_OK, "met"},        {true, true, CHECK_WARN, "warn"},
                 {true, true, CHECK_FAILED, "failed"}, {true, true, CHECK_SUSPECT, "failed"},
                 {true, true, CHECK_STALE, "unknown"}, {true, true, CHECK_UNKNOWN, "unknown"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct check *check = make_backup();
        struct agent_live *live = &member.agents[check->agent];
        if (table[i].checked) {
            assert_int_equal(arguments_set(&check->arguments, "backup", "full"), ERR_OK);
        }
        live->reported = table[i].heard;
        live->report.config_version = member.core.config_version;
        live->report.checks_n = 1;
        live->report.checks[0] = (struct check_report){
            .check = 0, .status = table[i].status, .value = 77, .detail = "none of 2026-01-17"};
        bool met = text_equal(table[i].state, "met");
        json_t *json = ask_from("backups", "", met ? 0 : 9);
        const json_t *backup = json_array_get(json_object_get(json, "backups"), 0);
        assert_string_equal(text_of(backup, "state"), table[i].state);
        assert_int_equal(json_is_true(json_object_get(json, "met")), met);
        const json_t *seen = json_array_get(json_object_get(backup, "checks"), 0);
        if (met) {
            assert_int_equal(number_of(seen, "age_s"), 77);
            assert_string_equal(text_of(seen, "detail"), "none of 2026-01-17");
        } else if (table[i].checked && !table[i].heard) {
            assert_true(json_is_null(json_object_get(seen, "age_s")));
        }
        json_decref(json);
    }
}

/* What shows that a backup can be restored: a restore of late, or its like at the second place. */
static void a_backup_is_restorable_by_what_its_checks_ask(void **state) {
    (void)state;
    static const struct {
        uint8_t status;
        const char *name, *value, *restorable;
    } table[] = {{CHECK_OK, NULL, NULL, "not shown"},
                 {CHECK_OK, "peer_url", "https://minio.region2:9000", "compared"},
                 {CHECK_OK, "restored_within", "86400", "restored"},
                 {CHECK_WARN, "restored_within", "86400", "unknown"},
                 {CHECK_FAILED, "peer_url", "https://minio.region2:9000", "unknown"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct check *check = make_backup();
        struct agent_live *live = &member.agents[check->agent];
        assert_int_equal(arguments_set(&check->arguments, "backup", "full"), ERR_OK);
        if (table[i].name != NULL) {
            assert_int_equal(arguments_set(&check->arguments, table[i].name, table[i].value),
                             ERR_OK);
        }
        live->reported = true;
        live->report.config_version = member.core.config_version;
        live->report.checks_n = 1;
        live->report.checks[0] = (struct check_report){.check = 0, .status = table[i].status};
        json_t *json = ask_from("backups", "", table[i].status == CHECK_OK ? 0 : 9);
        const json_t *backup = json_array_get(json_object_get(json, "backups"), 0);
        assert_string_equal(text_of(backup, "restorable"), table[i].restorable);
        json_decref(json);
    }
}

/* A check of a backup that nobody declared is said, not dropped. */
static void a_check_of_an_undeclared_backup_is_said(void **state) {
    (void)state;
    make_serving();
    topology.backups_n = 0;
    assert_int_equal(arguments_set(&topology.checks[0].arguments, "backup", "full"), ERR_OK);
    json_t *json = ask_from("backups", "", 0);
    const json_t *said = json_array_get(json_object_get(json, "undeclared"), 0);
    assert_string_equal(json_string_value(said), topology.checks[0].name);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_is_truthful_about_the_writer),
        cmocka_unit_test(status_says_whose_turn_it_is),
        cmocka_unit_test(status_says_whose_lock_is_in_the_way),
        cmocka_unit_test(the_link_of_a_bucket_has_a_kind_an_origin_and_a_lag),
        cmocka_unit_test(the_recovery_time_burns_down_from_the_outage),
        cmocka_unit_test(explain_tells_an_executions_burn_down_and_forecast),
        cmocka_unit_test(an_approval_stands_under_its_policy_and_topology),
        cmocka_unit_test(an_undoing_names_the_agent_that_is_missing),
        cmocka_unit_test(a_second_disaster_is_put_to_people_with_one_command),
        cmocka_unit_test(report_tells_a_missed_objective_by_its_exit_code),
        cmocka_unit_test(unknown_names_are_usage_errors),
        cmocka_unit_test(whoami_says_what_the_role_may),
        cmocka_unit_test(a_refusal_says_what_is_in_the_way),
        cmocka_unit_test(a_backup_is_as_its_worst_check),
        cmocka_unit_test(a_backup_is_restorable_by_what_its_checks_ask),
        cmocka_unit_test(a_check_of_an_undeclared_backup_is_said),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
