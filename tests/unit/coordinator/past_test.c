/* What the audit knows of the steps: how fresh, how long, and that a changed one was never run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "coordinator/history.h"
#include "coordinator/status_past.h"
#include "tests/unit/coordinator/status_world.h"

#define WALL_MS UINT64_C(1795242000000)

static uv_loop_t loop;
static uint64_t facts_n;

static struct execution *make_moving(const char *plan, bool automatic) {
    make_serving();
    member.loop = &loop;
    struct execution *execution = &member.core.executions[0];
    execution->id = 1;
    execution->plan = topology_plan(&topology, plan);
    execution->kind = topology.plans[execution->plan].kind;
    execution->source = topology_region(&topology, "east");
    execution->target = topology_region(&topology, "west");
    execution->stage = STAGE_RUN;
    execution->automatic = automatic;
    execution->declared_by = NONE;
    execution->steps_n = topology.plans[execution->plan].steps_n;
    execution->outage_ms = execution->created_ms = execution->closed_ms = execution->opened_ms =
        member.core.now_ms;
    member.core.executions_made = 1;
    return execution;
}

/* The history goes on where it stands: make_serving() begins a chain anew. */
static void end_step_saying(uint8_t step, uint8_t state, uint32_t took_ms, bool observed, bool undo,
                            uint8_t result, const char *words) {
    static const struct message none = {.kind = MESSAGE_NONE};
    struct verdict verdict = {.result = result, .rule = 401, .execution = 1};
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_OUTCOME;
    fact.event.index = ++facts_n;
    fact.wall_ms = WALL_MS + 1000 * facts_n;
    fact.event.outcome.execution = 1;
    fact.event.outcome.step = step;
    fact.event.outcome.state = state;
    fact.event.outcome.took_ms = took_ms;
    fact.event.outcome.observed = observed;
    fact.event.outcome.undo = undo;
    history_fact(member.history, &member, &fact, &none, &verdict, words);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void end_step(uint8_t step, uint8_t state, uint32_t took_ms, bool observed, bool undo,
                     uint8_t result) {
    end_step_saying(step, state, took_ms, observed, undo, result, "");
}

static void done(uint8_t step, uint32_t took_ms) {
    end_step(step, OUTCOME_DONE, took_ms, false, false, RESULT_APPLIED);
}

static json_t *past_of(const char *argument) {
    return ask_from("plan-history", argument, 0);
}

static const json_t *step_in(const json_t *json, const char *name) {
    return named(json_object_get(json, "steps"), name);
}

/* Each test has a history of its own. */
static int setup(void **state) {
    facts_n = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    return status_world_open(state);
}

static int teardown(void **state) {
    int rc = status_world_close(state);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return rc;
}

/* Requirement N17. */
static void a_step_is_never_run_until_its_work_ended_well(void **state) {
    (void)state;
    (void)make_moving("failover", true);
    json_t *json = past_of("failover");
    assert_string_equal(text_of(json, "target"), "west");
    assert_true(json_is_true(json_object_get(step_in(json, "promote"), "never")));
    json_decref(json);

    end_step(0, OUTCOME_FAILED, 30000, false, false, RESULT_APPLIED);
    end_step(0, OUTCOME_DONE, 5, true, false, RESULT_APPLIED);  /* it was there already */
    end_step(0, OUTCOME_DONE, 5, false, true, RESULT_APPLIED);  /* an undoing */
    end_step(0, OUTCOME_DONE, 5, false, false, RESULT_NOTHING); /* nobody waited for it */
    end_step(0, OUTCOME_RUNNING, 5, false, false, RESULT_APPLIED);
    end_step(1, OUTCOME_DONE, 7, true, false, RESULT_APPLIED); /* to look is its work */
    json = past_of("failover");
    const json_t *promote = step_in(json, "promote"), *check = step_in(json, "check");
    assert_true(json_is_true(json_object_get(promote, "never")));
    assert_true(json_is_true(json_object_get(promote, "failing")));
    assert_int_equal(number_of(promote, "runs_n"), 1);
    assert_int_equal(number_of(promote, "samples_n"), 0);
    assert_int_equal(number_of(promote, "last_failed_ms"), WALL_MS + 1000);
    assert_false(json_is_true(json_object_get(check, "never")));
    assert_int_equal(number_of(check, "p50_ms"), 7);
    json_decref(json);

    done(0, 400);
    json = past_of("failover west");
    promote = step_in(json, "promote");
    assert_false(json_is_true(json_object_get(promote, "never")));
    assert_false(json_is_true(json_object_get(promote, "failing")));
    assert_int_equal(number_of(promote, "runs_n"), 2);
    assert_int_equal(number_of(promote, "done_n"), 1);
    assert_int_equal(number_of(promote, "last_ms"), WALL_MS + 7000);
    assert_int_equal(number_of(promote, "last_automatic_ms"), WALL_MS + 7000);
    assert_true(json_is_null(json_object_get(promote, "last_declared_ms")));
    json_decref(json);
    /* The way back goes to other servers: none of it was shown. */
    json = past_of("failover east");
    assert_true(json_is_true(json_object_get(step_in(json, "promote"), "never")));
    json_decref(json);
    json_decref(ask_from("plan-history", "nothing", 2));
    json_decref(ask_from("plan-history", "failover mon", 2));
}

static bool text_is_marked(void *owner, const struct history_record *record) {
    unsigned *marked_n = owner;
    *marked_n += record->execution == 1 && strncmp(record->text, "DRILL  ", 7) == 0;
    return true;
}

/* The drill's own record: it ended, well or with exceptions. */
static void end_drill(struct execution *drill, uint8_t exceptions) {
    static const struct message none = {.kind = MESSAGE_NONE};
    struct verdict verdict = {.result = RESULT_APPLIED, .rule = 901};
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_TICK;
    fact.event.index = ++facts_n;
    fact.wall_ms = WALL_MS + 1000 * facts_n;
    drill->stage = STAGE_RUN;
    history_fact(member.history, &member, &fact, &none, &verdict, "");
    drill->stage = STAGE_DONE;
    drill->exceptions = exceptions;
    drill->finished_ms = member.core.now_ms;
    fact.event.index = ++facts_n;
    fact.wall_ms = WALL_MS + 1000 * facts_n;
    history_fact(member.history, &member, &fact, &none, &verdict, "");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

/* Requirement N17: drills are told apart from moves; SEED-121: what drover held counts as held. */
static void a_drill_is_marked_and_kept_apart(void **state) {
    (void)state;
    struct execution *drill = make_moving("failover", false);
    struct answering answering = {.member = &member, .core = &member.core, .topology = &topology};
    topology.plans[drill->plan].kind = drill->kind = PLAN_DRILL;
    topology.plans[drill->plan].drill = 0;
    done(0, 400);
    json_t *json = past_of("failover west");
    const json_t *promote = step_in(json, "promote");
    assert_int_equal(number_of(promote, "last_drill_ms"), WALL_MS + 1000);
    assert_true(json_is_null(json_object_get(promote, "last_declared_ms")));
    assert_false(json_is_true(json_object_get(promote, "never")));
    json_decref(json);
    assert_int_equal(drill_held_wall_ms(&answering, 0), 0);
    end_drill(drill, 1); /* something of it was left out */
    assert_int_equal(drill_held_wall_ms(&answering, 0), 0);
    end_drill(drill, 0);
    assert_int_equal(drill_held_wall_ms(&answering, 0), WALL_MS + 1000 * facts_n);
    unsigned marked_n = 0;
    history_each(member.history, 1, 1, 100, &marked_n, text_is_marked);
    assert_true(marked_n >= 5);
    assert_int_equal(history_verify(member.history), 0);
}

static void a_changed_step_was_never_run(void **state) {
    static const struct {
        const char *what;
        bool never;
    } rows[] = {{"argument", true}, {"place", true}, {"action", true}, {"timeout", false}};
    (void)state;
    (void)make_moving("failover", false);
    done(0, 400);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct topology before = topology;
        struct step *step = &topology.plans[topology_plan(&topology, "failover")].steps[0];
        switch (i) {
        case 0: assert_int_equal(arguments_set(&step->arguments, "x", "y"), ERR_OK); break;
        case 1: step->at_source = true; break;
        case 2: step->action = ACTION_PG_PROMOTE; break;
        default: step->timeout_ms++; break;
        }
        json_t *json = past_of("failover west");
        assert_int_equal(json_is_true(json_object_get(step_in(json, "promote"), "never")),
                         rows[i].never);
        json_decref(json);
        topology = before;
    }
}

static void durations_are_those_of_the_work_in_any_plan(void **state) {
    (void)state;
    (void)make_moving("failover", true);
    for (uint32_t n = 1; n <= 20; n++) {
        done(0, n * 100);
    }
    json_t *json = past_of("failover west");
    const json_t *promote = step_in(json, "promote");
    assert_int_equal(number_of(promote, "p50_ms"), 1000);
    assert_int_equal(number_of(promote, "p95_ms"), 1900);
    assert_int_equal(number_of(promote, "slowest_ms"), 2000);
    json_decref(json);
    /* The switchover promotes the same servers in the same way, but was never run itself. */
    json = past_of("switchover west");
    promote = step_in(json, "promote");
    assert_true(json_is_true(json_object_get(promote, "never")));
    assert_int_equal(number_of(promote, "others_n"), 20);
    assert_int_equal(number_of(promote, "p95_ms"), 1900);
    json_decref(json);
}

static void the_past_outlives_its_member_and_is_part_of_the_chain(void **state) {
    (void)state;
    (void)make_moving("failover", true);
    done(0, 400);
    assert_int_equal(history_verify(member.history), 0);
    struct history *first = member.history;
    struct text256 why;
    sqlite3 *db = NULL;
    char path[160];
    (void)text_format(path, sizeof path, "%s/history.db", status_world_directory());
    assert_int_equal(history_open(status_world_directory(), &member.history, &why), ERR_OK);
    json_t *json = past_of("failover west");
    assert_false(json_is_true(json_object_get(step_in(json, "promote"), "never")));
    json_decref(json);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE records SET work = 'x' WHERE work <> ''", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    (void)sqlite3_close(db);
    assert_int_equal(history_verify(member.history), 1);
    history_close(member.history);
    member.history = first;
}

/* A file of before the columns were there goes on being read and written. */
static void an_older_file_is_taken_over(void **state) {
    static const char older[] =
        "ALTER TABLE records DROP COLUMN plan; DROP INDEX records_work;"
        "ALTER TABLE records DROP COLUMN work; ALTER TABLE records DROP COLUMN end;"
        "ALTER TABLE records DROP COLUMN automatic;";
    (void)state;
    (void)make_moving("failover", true);
    struct history *first = member.history;
    struct text256 why;
    sqlite3 *db = NULL;
    char path[160];
    (void)text_format(path, sizeof path, "%s/history.db", status_world_directory());
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, older, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    assert_int_equal(history_open(status_world_directory(), &member.history, &why), ERR_OK);
    struct history *second = member.history;
    (void)make_moving("failover", true);
    assert_ptr_equal(member.history, second);
    done(0, 400);
    json_t *json = past_of("failover west");
    assert_int_equal(number_of(step_in(json, "promote"), "done_n"), 1);
    json_decref(json);
    assert_string_equal(history_trouble(member.history), "");
    history_close(member.history);
    member.history = first;
}

static void expect_waits_for(const char *text) {
    json_t *json = ask_from("status", "", 0);
    const json_t *waits = json_object_get(json, "waits_for");
    assert_string_equal(json_string_value(json_array_get(waits, 0)), text);
    json_decref(json);
}

static void becomes(struct step_state *step, uint8_t phase) {
    static const struct message none = {.kind = MESSAGE_NONE};
    struct verdict verdict = {.result = RESULT_APPLIED, .rule = 401};
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_TICK;
    fact.event.index = ++facts_n;
    fact.wall_ms = WALL_MS + 1000 * facts_n;
    step->phase = phase;
    history_fact(member.history, &member, &fact, &none, &verdict, "");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

/* Requirement N26: whoever is asked to accept a share reads how much it is. */
static void status_tells_what_a_failed_step_said_until_it_is_tried_again(void **state) {
    (void)state;
    struct execution *execution = make_moving("failover", false);
    struct step_state *promote = &execution->steps[0];
    becomes(promote, STEP_RUNNING);
    promote->phase = STEP_FAILED;
    promote->err = ERR_TIMEOUT;
    execution->paused = PAUSE_STEP_FAILED;
    execution->paused_step = 0;
    end_step_saying(0, OUTCOME_FAILED, 400, false, false, RESULT_APPLIED,
                    "2 of 6 ready, 100 ms: ill");
    end_step_saying(0, OUTCOME_FAILED, 400, false, true, RESULT_STALE, "of an older attempt");
    expect_waits_for("step promote failed: did not answer in time: 2 of 6 ready, 100 ms: ill");
    becomes(promote, STEP_RUNNING);
    becomes(promote, STEP_FAILED);
    expect_waits_for("step promote failed: did not answer in time");
}

static void readiness_tells_what_was_never_run(void **state) {
    (void)state;
    (void)make_moving("failover", true);
    member.core.executions_made = 0;
    member.core.executions[0].stage = STAGE_DONE;
    json_t *json = ask_from("readiness", "west", 9);
    const json_t *line = named(json_object_get(json, "lines"), "plan failover");
    assert_string_equal(text_of(line, "weight"), "warning");
    assert_string_equal(text_of(line, "text"),
                        "2 of 2 steps never ran as they are now: promote, check");
    assert_non_null(strstr(text_of(line, "fix"), "drover plan history failover"));
    assert_non_null(strstr(text_of(line, "fix"), "drover declare --to west --kind failover"));
    json_decref(json);
    done(0, 400);
    done(1, 10);
    json = ask_from("readiness", "west", 9);
    line = named(json_object_get(json, "lines"), "plan failover");
    assert_string_equal(text_of(line, "state"), "good");
    json_decref(json);
}

/* What people say and do by hand has no outcome: counted, it was never run for ever. */
static void what_people_do_is_not_counted(void **state) {
    static const uint8_t actions[] = {ACTION_APPROVAL, ACTION_MANUAL};
    (void)state;
    for (size_t i = 0; i < sizeof actions; i++) {
        (void)make_moving("failover", true);
        member.core.executions_made = 0;
        member.core.executions[0].stage = STAGE_DONE;
        topology.plans[topology_plan(&topology, "failover")].steps[1].action = actions[i];
        json_t *json = past_of("failover");
        const json_t *check = step_in(json, "check");
        assert_true(json_is_false(json_object_get(check, "counts")));
        assert_true(json_is_false(json_object_get(check, "never")));
        json_decref(json);
        json = ask_from("readiness", "west", 9);
        const json_t *line = named(json_object_get(json, "lines"), "plan failover");
        assert_string_equal(text_of(line, "text"),
                            "1 of 1 steps never ran as they are now: promote");
        json_decref(json);
    }
}

static json_t *tier_one(void) {
    json_t *json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    json_t *tier = json_incref(json_array_get(json_object_get(shown, "rto"), 0));
    json_decref(json);
    return tier;
}

/* Requirement N6: what is left by the declared times, and by what was seen three times. */
static void the_burn_down_says_what_is_likely(void **state) {
    (void)state;
    (void)make_moving("failover", true);
    for (unsigned n = 0; n < 3; n++) {
        json_t *tier = tier_one();
        assert_true(json_is_null(json_object_get(tier, "likely_in_ms")));
        json_decref(tier);
        done(0, 400 + n);
    }
    json_t *tier = tier_one();
    assert_int_equal(number_of(tier, "likely_in_ms"), 402);
    assert_int_equal(number_of(tier, "ends_in_ms"), 30000);
    json_decref(tier);
    struct step_state *promote = &member.core.executions[0].steps[0];
    promote->phase = STEP_RUNNING;
    promote->started_ms = member.core.now_ms - 300;
    tier = tier_one();
    assert_int_equal(number_of(tier, "likely_in_ms"), 102);
    json_decref(tier);
    promote->started_ms = member.core.now_ms - 403; /* it is no usual one any more */
    tier = tier_one();
    assert_true(json_is_null(json_object_get(tier, "likely_in_ms")));
    json_decref(tier);
    /* The next step waits for it: the members' wait and the first one's p95 are in front of it. */
    *promote = (struct step_state){.phase = STEP_WAITING, .agent = NONE, .approved_by = NONE};
    member.core.executions[0].opened_ms = 0;
    json_t *json = ask_from("explain", "1", 0);
    const json_t *last = json_array_get(json_object_get(json, "forecast"), 1);
    assert_string_equal(text_of(last, "step"), "check");
    assert_int_equal(number_of(last, "likely_in_ms"), topology.lease.wait_ms + 402 + 20000);
    json_decref(json);
}

static void status_tells_the_newest_record(void **state) {
    (void)state;
    make_moving("failover", false);
    json_t *json = ask_from("status", "", 0);
    assert_true(json_is_null(json_object_get(json, "last_record")));
    json_decref(json);
    for (unsigned n = 1; n <= 40; n++) { /* more than are read for it */
        done(0, n);
    }
    json = ask_from("status", "", 0);
    const json_t *last = json_object_get(json, "last_record");
    json_t *timeline = ask_from("timeline", "", 0), *records = json_object_get(timeline, "records");
    assert_true(json_equal(last, json_array_get(records, json_array_size(records) - 1)));
    assert_int_equal(number_of(last, "ms"), 40);
    json_decref(timeline);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_is_never_run_until_its_work_ended_well, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_drill_is_marked_and_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_step_was_never_run, setup, teardown),
        cmocka_unit_test_setup_teardown(durations_are_those_of_the_work_in_any_plan, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_past_outlives_its_member_and_is_part_of_the_chain,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_file_is_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(the_burn_down_says_what_is_likely, setup, teardown),
        cmocka_unit_test_setup_teardown(status_tells_the_newest_record, setup, teardown),
        cmocka_unit_test_setup_teardown(
            status_tells_what_a_failed_step_said_until_it_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(readiness_tells_what_was_never_run, setup, teardown),
        cmocka_unit_test_setup_teardown(what_people_do_is_not_counted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
