/* Elections inside a region, from agents' reports to what people and the history are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/leaders.h"
#include "tests/unit/coordinator/status_world.h"
#include "tests/unit/topology/sample.h"

#define SLACK_MS 400 /* the member's clock goes on while the test runs */

static uv_loop_t loop;
static char directory[64];
static struct report report;
static uint32_t run;

static uint8_t check(const char *name) {
    for (uint8_t c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, name)) {
            return c;
        }
    }
    fail_msg("no check is called %s", name);
    return NONE;
}

static void history_begin(void) {
    struct text256 why = {{0}};
    assert_int_equal(history_open(directory, &member.history, &why), ERR_OK);
    member.leaders = leaders_open(member.history);
    assert_non_null(member.leaders);
}

static void history_end(void) {
    history_close(member.history);
    leaders_close(member.leaders);
    member.leaders = NULL;
    member.history = NULL;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

/* East writes to a server each second and asks its Patroni each second. */
static int begin(void **state) {
    static const char row[] = "{ name = \"pg-east\";";
    static const char more[] =
        "{ name = \"write\"; kind = \"postgresql\"; component = \"pg\"; agent = \"east-db1\";"
        " interval = \"1s\"; timeout = \"900ms\"; args: { address = \"10.1.0.1:5432\"; table = "
        "\"drover_probe\"; }; },"
        "{ name = \"patroni\"; kind = \"patroni\"; component = \"pg\"; agent = \"east-db1\";"
        " interval = \"1s\"; timeout = \"900ms\"; args: { url = \"http://10.1.0.1:8008\"; }; },"
        "{ name = \"pg-east\";";
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    (void)text_copy(directory, sizeof directory, "/tmp/drover-leaders-XXXXXX");
    assert_non_null(mkdtemp(directory));
    history_begin();
    struct leaders *leaders = member.leaders;
    make_serving();
    member.leaders = leaders;
    topology = *sample_topology(row, more);
    topology.version = 3;
    topology.components[0].failover_within_ms = 4000;
    member.loop = &loop;
    memset(&report, 0, sizeof report);
    report.boot = 9;
    run = 0;
    return 0;
}

static int end(void **state) {
    static const char *const names[] = {"history.db", "history.db-wal", "history.db-shm"};
    char path[128];
    (void)state;
    history_end();
    for (unsigned i = 0; i < 3; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
    return uv_loop_close(&loop);
}

static void tell(const struct check_report *told, const char *from) {
    report.checks[0] = *told;
    report.checks_n = 1;
    leaders_hear(&member, &report, agent(from));
}

static void write_told(uint32_t ago_ms, bool took) {
    const struct check_report told = {.check = check("write"),
                                      .role = took ? STORE_PRIMARY : STORE_UNKNOWN,
                                      .writable = took,
                                      .run = ++run,
                                      .began_ago_ms = ago_ms,
                                      .ended_ago_ms = ago_ms - 10};
    tell(&told, "east-db1");
}

static void leader_told(uint32_t ago_ms, const char *name, uint32_t timeline) {
    struct check_report told = {.check = check("patroni"),
                                .run = ++run,
                                .began_ago_ms = ago_ms,
                                .ended_ago_ms = ago_ms - 10,
                                .timeline = timeline};
    (void)text_copy(told.leader, sizeof told.leader, name);
    tell(&told, "east-db1");
}

/* Writes were last taken 5 s ago, not 4, 3, 2 and 1 s ago. */
static void lose(void) {
    for (uint32_t ago_ms = 8000; ago_ms >= 5000; ago_ms -= 1000) {
        write_told(ago_ms, true);
        leader_told(ago_ms - 100, "pg1", 7);
    }
    for (uint32_t ago_ms = 4000; ago_ms >= 1000; ago_ms -= 1000) {
        write_told(ago_ms, false);
    }
}

static void elect(void) {
    lose();
    write_told(500, true);
    leader_told(400, "pg2", 8);
}

static void around(int64_t found, int64_t expected) {
    if (found < expected - SLACK_MS || found > expected + SLACK_MS) {
        fail_msg("expected about %lld, found %lld", (long long)expected, (long long)found);
    }
}

static const json_t *component_of(const json_t *json) {
    const json_t *component = json_array_get(json_object_get(json, "components"), 0);
    assert_string_equal(text_of(component, "region"), "east");
    return json_object_get(component, "elections");
}

static void while_it_runs_people_are_told_for_how_long(void **state) {
    (void)state;
    lose();
    json_t *json = ask_from("status", "", 0);
    const json_t *alarm = json_array_get(json_object_get(json, "election_alarms"), 0);
    assert_string_equal(text_of(alarm, "component"), "pg");
    assert_string_equal(text_of(alarm, "region"), "east");
    const json_t *missing = json_object_get(alarm, "leaderless");
    around(number_of(missing, "at_most_ms"), 5000);
    around(number_of(missing, "at_least_ms"), 3000);
    json_decref(json);
    json = ask_from("explain", "pg", 0);
    around(number_of(json_object_get(component_of(json), "leaderless"), "at_most_ms"), 5000);
    json_decref(json);
    json = ask_from("explain", "east", 0);
    assert_int_equal(json_array_size(json_object_get(json, "election_alarms")), 1);
    json_decref(json);
}

static void an_election_is_told_kept_and_there_after_a_start(void **state) {
    (void)state;
    elect();
    for (unsigned starts = 0; starts < 2; starts++) {
        json_t *json = ask_from("components", "pg", 0);
        const json_t *elections = component_of(json);
        assert_true(json_is_null(json_object_get(elections, "leaderless")));
        assert_int_equal(number_of(elections, "within_ms"), 4000);
        assert_int_equal(number_of(elections, "failovers_n"), 1);
        around(number_of(elections, "worst_ms"), 4510);
        const json_t *last = json_array_get(json_object_get(elections, "last"), 0);
        assert_string_equal(text_of(last, "end"), "failover");
        assert_string_equal(text_of(last, "leader_from"), "pg1");
        assert_string_equal(text_of(last, "leader_to"), "pg2");
        assert_int_equal(number_of(last, "timeline_from"), 7);
        assert_int_equal(number_of(last, "timeline_to"), 8);
        around(number_of(last, "at_least_ms"), 2990);
        around(number_of(last, "at_most_ms"), 4510);
        assert_true(json_is_true(json_object_get(last, "too_long")));
        json_decref(json);
        json = ask_from("status", "", 0); /* longer than declared: told for a day */
        const json_t *alarm = json_array_get(json_object_get(json, "election_alarms"), 0);
        assert_string_equal(text_of(json_object_get(alarm, "last"), "leader_to"), "pg2");
        json_decref(json);
        assert_int_equal(leaders_count(&member, 0, 0, ELECTION_CHANGED), 1);
        assert_int_equal(leaders_count(&member, 0, 0, ELECTION_SAME), 0);
        history_end();
        history_begin();
    }
}

static void one_within_what_is_declared_is_no_alarm(void **state) {
    (void)state;
    topology.components[0].failover_within_ms = 6000;
    elect();
    json_t *json = ask_from("status", "", 0);
    assert_int_equal(json_array_size(json_object_get(json, "election_alarms")), 0);
    json_decref(json);
}

static void a_lease_that_moves_meanwhile_makes_it_no_election(void **state) {
    (void)state;
    struct leaderless missing;
    lose();
    assert_true(leaders_missing(&member, 0, 0, &missing));
    member.core.epoch = 2; /* the same region again, even */
    assert_false(leaders_missing(&member, 0, 0, &missing));
    write_told(500, true);
    leader_told(400, "pg2", 8);
    assert_null(leaders_past(&member, 0, 0, 0));
    assert_false(leaders_missing(&member, 0, 0, &missing));
}

static void a_region_that_does_not_own_the_epoch_is_not_measured(void **state) {
    (void)state;
    member.core.owner = 1;
    elect();
    assert_null(leaders_past(&member, 0, 0, 0));
    assert_false(leaders_measured(&member, 0, 0));
    member.core.owner = 0;
    elect();
    assert_non_null(leaders_past(&member, 0, 0, 0));
    assert_true(leaders_measured(&member, 0, 0));
}

static void a_reading_that_is_told_again_is_one_reading(void **state) {
    (void)state;
    struct leaderless missing;
    write_told(4000, true);
    write_told(3000, false);
    run--; /* the same, in each report until there is a newer one */
    for (uint32_t ago_ms = 2500; ago_ms >= 1000; ago_ms -= 500) {
        write_told(ago_ms, false);
        run--;
    }
    assert_true(leaders_missing(&member, 0, 0, &missing));
    assert_int_equal(missing.at_least_ms, 0);
}

static void another_agents_word_and_one_of_another_time_do_not_count(void **state) {
    (void)state;
    const struct check_report told = {
        .check = check("write"), .writable = true, .run = 1, .began_ago_ms = 10};
    struct check_report old = told;
    old.began_ago_ms = UINT32_MAX;
    struct check_report uncounted = told;
    uncounted.run = 0; /* of an agent of before readings were counted */
    tell(&told, "mon1");
    tell(&old, "east-db1");
    tell(&uncounted, "east-db1");
    run = 1;
    write_told(9, false);
    struct leaderless missing;
    assert_false(leaders_missing(&member, 0, 0, &missing)); /* nobody saw it take writes */
}

static void the_last_ones_give_the_median_and_the_worst(void **state) {
    struct leaders_figures figures;
    (void)state;
    assert_false(leaders_figures_of(&member, 0, 0, &figures));
    for (uint32_t i = 1; i <= HISTORY_ELECTIONS_MAX + 10; i++) {
        struct history_election election = {
            .at_most_ms = 1000 * i, .nth = i, .end = i % 2 == 0 ? ELECTION_CHANGED : ELECTION_SAME};
        (void)text_copy(election.component, NAME_SIZE, "pg");
        (void)text_copy(election.region, NAME_SIZE, "east");
        history_election(member.history, &member, &election);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    history_end();
    history_begin();
    assert_true(leaders_figures_of(&member, 0, 0, &figures));
    assert_int_equal(figures.n, LEADERS_LAST_MAX);
    assert_int_equal(figures.worst_ms, 266000);
    assert_int_equal(figures.p50_ms, 246000); /* of 228, 230, .. 266: the tenth */
    assert_int_equal(leaders_count(&member, 0, 0, ELECTION_CHANGED), 266);
    assert_non_null(leaders_past(&member, 0, 0, HISTORY_ELECTIONS_MAX - 1));
    assert_null(leaders_past(&member, 0, 0, HISTORY_ELECTIONS_MAX)); /* the oldest are gone */
    assert_int_equal(history_verify(member.history), 0);             /* the chain is another */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(while_it_runs_people_are_told_for_how_long),
        TEST(an_election_is_told_kept_and_there_after_a_start),
        TEST(one_within_what_is_declared_is_no_alarm),
        TEST(a_lease_that_moves_meanwhile_makes_it_no_election),
        TEST(a_region_that_does_not_own_the_epoch_is_not_measured),
        TEST(a_reading_that_is_told_again_is_one_reading),
        TEST(another_agents_word_and_one_of_another_time_do_not_count),
        TEST(the_last_ones_give_the_median_and_the_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
