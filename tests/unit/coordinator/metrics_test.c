/* What Prometheus sees of a member, from states made by hand. What is old is never good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "coordinator/member.h"
#include "coordinator/metrics.h"
#include "tests/unit/coordinator/status_world.h"

static char text[METRICS_TEXT_SIZE];

static void scrape(void) {
    size_t used = metrics_write(&member, text, sizeof text);
    assert_int_equal(strlen(text), used);
}

/* The rest of the line that begins so, or NULL. */
static const char *value_of(const char *series) {
    static char value[64];
    size_t size = strlen(series);
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, series, size) == 0 && line[size] == ' ') {
            (void)snprintf(value, sizeof value, "%.*s", (int)(strcspn(line, "\n") - size - 1),
                           line + size + 1);
            return value;
        }
    }
    return NULL;
}

static void expect(const char *series, const char *value) {
    const char *found = value_of(series);
    if (found == NULL || strcmp(found, value) != 0) {
        fail_msg("%s is %s, expected %s", series, found == NULL ? "absent" : found, value);
    }
}

static void expect_none(const char *series) {
    if (value_of(series) != NULL) {
        fail_msg("%s is %s, expected none", series, value_of(series));
    }
}

static void add_seen(const char *check, const char *by, uint8_t status, int64_t value) {
    struct agent_live *live = &member.agents[agent(by)];
    live->reported = true;
    live->reported_boot_ms = member_now_ms();
    live->report.config_version = 3;
    for (uint16_t c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, check)) {
            live->report.checks[live->report.checks_n++] = (struct check_report){
                .check = c, .status = status, .since_ms = 5000, .latency_ms = 12, .value = value};
        }
    }
}

static void make_told(void) {
    make_serving();
    struct agent_live *east = &member.agents[agent("east-db1")];
    ticks_applied(&member.ticks, 1000, clock_stamp());
    add_seen("pg-east", "east-db1", CHECK_OK, 0);
    add_seen("pg-lag", "west-db1", CHECK_WARN, 700);
    add_seen("out-east", "west-db1", CHECK_FAILED, 3);
    east->report.guard = (struct guard_report){
        .present = true, .gate = GATE_OPEN, .epoch = 1, .lease_left_ms = 4000000};
    member.last_yes_boot_ms = member_now_ms();
    member.last_yes_epoch = 1;
    member.attests_yes_n = 5;
}

#define PG_EAST                                                                                    \
    "{check=\"pg-east\",kind=\"postgresql\",component=\"pg\",region=\"east\",agent=\"east-db1\"}"
#define OUT_EAST                                                                                   \
    "{check=\"out-east\",kind=\"tcp\",component=\"pg\",region=\"east\",agent=\"west-db1\"}"
#define PG_LAG                                                                                     \
    "{check=\"pg-lag\",kind=\"pg_replication\",component=\"pg\",region=\"west\","                  \
    "agent=\"west-db1\"}"

static void a_serving_region_is_told(void **state) {
    static const struct {
        const char *series, *value;
    } rows[] = {
        {"drover_topology_version", "3"},
        {"drover_member_caught_up", "1"},
        {"drover_member_current", "1"},
        {"drover_member_timekeeper", "1"},
        {"drover_member_attests_total{answer=\"yes\"}", "5"},
        {"drover_lease_epoch", "1"},
        {"drover_lease_open", "1"},
        {"drover_lease_owner{region=\"east\"}", "1"},
        {"drover_lease_owner{region=\"west\"}", "0"},
        {"drover_lease_phase{phase=\"serving\"}", "1"},
        {"drover_lease_phase{phase=\"suspect\"}", "0"},
        {"drover_lease_seconds", "30.000"},
        {"drover_lease_guards{region=\"east\"}", "1"},
        {"drover_lease_guards_leased{region=\"east\"}", "1"},
        {"drover_lease_guards_leased{region=\"west\"}", "0"},
        {"drover_lease_unexpected_open_gates", "0"},
        {"drover_group_members", "3"},
        {"drover_group_member_attesting{member=\"m2\"}", "1"},
        {"drover_group_member_timekeeper{member=\"m1\"}", "1"},
        {"drover_region_agents_heard{region=\"east\"}", "1"},
        {"drover_gate_passes{gate=\"own-voice\"}", "0"},
        {"drover_automation_allowed", "1"},
        {"drover_execution_id", "0"},
        {"drover_execution_stage{stage=\"none\"}", "1"},
        {"drover_execution_waits_for_people", "0"},
        {"drover_execution_rto_seconds", "14400.000"},
        {"drover_link_known{link=\"pg\",component=\"pg\"}", "0"},
        {"drover_link_target_seconds{link=\"pg\",component=\"pg\"}", "60.000"},
        {"drover_link_rpo_seconds{link=\"pg\",component=\"pg\"}", "3600.000"},
        {"drover_backup_state{component=\"pg\",type=\"full\",state=\"unchecked\"}", "1"},
        {"drover_backup_state{component=\"pg\",type=\"full\",state=\"met\"}", "0"},
        {"drover_backup_every_seconds{component=\"pg\",type=\"full\"}", "86400.000"},
        {"drover_agent_heard{agent=\"east-db1\",region=\"east\"}", "1"},
        {"drover_agent_heard_by_members{agent=\"mon1\",region=\"mon\"}", "3"},
        {"drover_guard_present{agent=\"east-db1\",region=\"east\"}", "1"},
        {"drover_guard_gate{agent=\"east-db1\",region=\"east\",gate=\"open\"}", "1"},
        {"drover_guard_gate{agent=\"west-db1\",region=\"west\",gate=\"unknown\"}", "1"},
        {"drover_check_ok" PG_EAST, "1"},
        {"drover_check_state" PG_EAST, "1"},
        {"drover_check_latency_seconds" PG_EAST, "0.012"},
        {"drover_check_ok" OUT_EAST, "0"},
        {"drover_check_state" OUT_EAST, "3"},
        {"drover_check_value" OUT_EAST, "3"},
        {"drover_check_ok" PG_LAG, "0"},
        {"drover_check_state" PG_LAG, "4"},
        {"drover_check_value" PG_LAG, "700"},
        {"drover_exposition_dropped_samples", "0"},
    };
    (void)state;
    make_told();
    scrape();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(rows[i].series, rows[i].value);
    }
    expect_none("drover_link_lag_seconds{link=\"pg\",component=\"pg\"}"); /* not known, not 0 */
    expect_none("drover_guard_lease_left_seconds{agent=\"west-db1\",region=\"west\"}");
    assert_null(strstr(text, "monitoring-isolated\"} 1"));
}

#define OF_EAST "{agent=\"east-db1\",region=\"east\"}"
#define OF_WEST "{agent=\"west-db1\",region=\"west\"}"

static void a_wall_clock_that_is_off_is_told_while_it_is_heard(void **state) {
    (void)state;
    make_told();
    struct agent_live *east = &member.agents[agent("east-db1")];
    clock_look(&east->clock, 1000000, 1003250);
    clock_look(&member.agents[agent("west-db1")].clock, 1090007, 1000000);
    scrape();
    expect("drover_clock_offset_seconds" OF_EAST, "-3.250");
    expect("drover_clock_offset_seconds" OF_WEST, "90.007");
    expect_none("drover_clock_offset_seconds{agent=\"mon1\",region=\"mon\"}");
    east->heard_boot_ms = east->reported_boot_ms = 1;
    scrape();
    expect_none("drover_clock_offset_seconds" OF_EAST);
    memset(&east->clock, 0, sizeof east->clock);
}

/* SEED-58: names of holders, ages, and nothing else of keys and secrets. */
static void the_age_of_keys_and_secrets_is_told(void **state) {
    (void)state;
    make_told();
    uint8_t kind = topology.checks[0].kind;
    assert_string_equal(topology.checks[0].name, "pg-east");
    topology.checks[0].kind = CHECK_SECRET_AGE;
    member.agents[agent("east-db1")].report.checks[0].value = 2592001;
    scrape();
    expect("drover_secret_age_seconds{holder=\"east-db1\",name=\"oldest\"}", "2592001");
    expect_none("drover_secret_age_seconds{holder=\"m1\",name=\"key\"}");
    member.key_age_known = true;
    member.key_age_s = 86400;
    member.started_boot_ms = member_now_ms() - 5500;
    (void)text_copy(member.keys.name, sizeof member.keys.name, "m1");
    scrape();
    expect("drover_secret_age_seconds{holder=\"m1\",name=\"key\"}", "86405");
    member.agents[agent("east-db1")].report.checks[0].value = -1; /* not known */
    scrape();
    expect_none("drover_secret_age_seconds{holder=\"east-db1\",name=\"oldest\"}");
    member.agents[agent("east-db1")].report.checks[0].value = 5;
    member.agents[agent("east-db1")].report.checks[0].status = CHECK_UNKNOWN;
    scrape();
    expect_none("drover_secret_age_seconds{holder=\"east-db1\",name=\"oldest\"}");
    topology.checks[0].kind = kind;
    member.key_age_known = false;
}

static void a_silent_agent_leaves_nothing_that_looks_well(void **state) {
    (void)state;
    make_told();
    struct agent_live *east = &member.agents[agent("east-db1")];
    east->heard_boot_ms = east->reported_boot_ms = 1;
    scrape();
    expect("drover_agent_heard{agent=\"east-db1\",region=\"east\"}", "0");
    expect("drover_check_ok" PG_EAST, "0");
    expect("drover_check_state" PG_EAST, "5");
    expect_none("drover_check_value" PG_EAST);
    expect_none("drover_check_latency_seconds" PG_EAST);
    assert_non_null(value_of("drover_check_age_seconds" PG_EAST));
    expect("drover_lease_guards_leased{region=\"east\"}", "0");
    expect("drover_guard_present{agent=\"east-db1\",region=\"east\"}", "0");
    expect("drover_guard_gate{agent=\"east-db1\",region=\"east\",gate=\"open\"}", "0");
    expect("drover_guard_gate{agent=\"east-db1\",region=\"east\",gate=\"unknown\"}", "1");
    expect_none("drover_guard_lease_left_seconds{agent=\"east-db1\",region=\"east\"}");
    /* Frames come, reports do not. */
    east->heard_boot_ms = member_now_ms();
    scrape();
    expect("drover_agent_heard{agent=\"east-db1\",region=\"east\"}", "1");
    expect("drover_check_state" PG_EAST, "5");
    /* A report of another topology says nothing of this one's checks. */
    east->reported_boot_ms = member_now_ms();
    east->report.config_version = 2;
    scrape();
    expect("drover_check_ok" PG_EAST, "0");
    expect("drover_check_state" PG_EAST, "0");
    expect_none("drover_check_age_seconds" PG_EAST);
}

/* Nobody tells the time, or this member stands still: what the log said last is not of now. */
static void a_member_that_stands_still_says_so(void **state) {
    static const char *const reasons[] = {"no ticks", "behind", "stopped"};
    (void)state;
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        make_told();
        if (i == 0) {
            ticks_read_back(&member.ticks, 60000, clock_stamp());
        }
        member.caught_up = i != 1;
        member.stopped_for_human = i == 2;
        scrape();
        expect("drover_member_current", "0");
        expect("drover_lease_open", "0");
        expect("drover_member_caught_up", i == 0 ? "1" : "0");
        expect("drover_region_class{region=\"east\",class=\"stale\"}", "1");
        expect("drover_region_class{region=\"east\",class=\"well\"}", "0");
        expect("drover_region_agents_heard{region=\"east\"}", "0");
        expect("drover_group_member_attesting{member=\"m1\"}", "0");
        expect("drover_gate_passes{gate=\"automatic\"}", "0");
        expect_none("drover_gate_value{gate=\"automatic\"}");
    }
    make_told();
    member.topology_known = false;
    scrape();
    expect("drover_topology_version", "0");
    expect("drover_member_current", "0");
    assert_null(strstr(text, "drover_region_class"));
}

/* Requirement N24: who has command, and who asks for it. */
static void who_has_command_is_told(void **state) {
    (void)state;
    make_told();
    struct execution *execution = &member.core.executions[0];
    *execution = (struct execution){.id = 7, .stage = STAGE_RUN, .target = 1};
    member.core.executions_made = 7;
    scrape();
    assert_null(strstr(text, "drover_execution_commander{"));
    assert_null(strstr(text, "drover_execution_command_asked{"));
    execution->commander = (uint8_t)(topology_operator(&topology, "c1") + 1);
    execution->asked_by = (uint8_t)(topology_operator(&topology, "c2") + 1);
    scrape();
    expect("drover_execution_commander{operator=\"c1\"}", "1");
    expect("drover_execution_command_asked{operator=\"c2\"}", "1");
    execution->stage = STAGE_DONE;
    scrape();
    assert_null(strstr(text, "drover_execution_commander{"));
    assert_null(strstr(text, "drover_execution_command_asked{"));
    *execution = (struct execution){0};
    member.core.executions_made = 0;
}

static void an_execution_that_waits_is_told(void **state) {
    (void)state;
    make_told();
    struct execution *execution = &member.core.executions[0];
    uint8_t plan = topology_plan(&topology, "switchover");
    *execution = (struct execution){.id = 7,
                                    .kind = PLAN_SWITCHOVER,
                                    .plan = plan,
                                    .target = 1,
                                    .stage = STAGE_RUN,
                                    .steps_n = topology.plans[plan].steps_n,
                                    .outage_ms = member.core.now_ms - 12000};
    execution->steps[0].phase = STEP_DONE;
    execution->steps[2].phase = STEP_APPROVAL;
    member.core.executions_made = 7;
    scrape();
    expect("drover_execution_id", "7");
    expect("drover_execution_running{kind=\"switchover\",plan=\"switchover\",source=\"east\","
           "target=\"west\"}",
           "1");
    expect("drover_execution_stage{stage=\"running\"}", "1");
    expect("drover_execution_waits_for_people", "1");
    expect("drover_execution_elapsed_seconds", "12.000");
    expect("drover_execution_steps{state=\"done\"}", "1");
    expect("drover_execution_steps{state=\"needs-approval\"}", "1");
    execution->steps[2].phase = STEP_FAILED;
    execution->paused = PAUSE_STEP_FAILED;
    scrape();
    expect("drover_execution_paused{why=\"paused-by-failed-step\"}", "1");
    expect("drover_execution_waits_for_people", "1");
    execution->stage = STAGE_DONE;
    execution->finished_ms = member.core.now_ms - 2000;
    scrape();
    expect("drover_execution_waits_for_people", "0");
    expect("drover_execution_paused{why=\"no\"}", "1");
    expect("drover_execution_elapsed_seconds", "10.000");
}

static void an_unexpected_open_gate_is_counted(void **state) {
    (void)state;
    make_told();
    member.agents[agent("west-db1")].report.guard =
        (struct guard_report){.present = true, .gate = GATE_OPEN};
    scrape();
    expect("drover_lease_unexpected_open_gates", "1");
}

static void a_lag_is_told_with_its_age(void **state) {
    (void)state;
    make_told();
    uint64_t now_ms = clock_wall_ms();
    for (unsigned i = 0; i < 5; i++) {
        positions_written(&member.positions, 0, 1000 + 10 * i, now_ms - 5000 + 1000 * i);
    }
    positions_received(&member.positions, 0, 1020, now_ms);
    struct lag lag = lags_of(&member, 0);
    char expected[64];
    scrape();
    assert_true(lag.known);
    (void)snprintf(expected, sizeof expected, "%llu.%03u", (unsigned long long)lag.ms / 1000,
                   (unsigned)(lag.ms % 1000));
    expect("drover_link_known{link=\"pg\",component=\"pg\"}", "1");
    expect("drover_link_lag_seconds{link=\"pg\",component=\"pg\"}", expected);
    expect("drover_link_lag_bytes{link=\"pg\",component=\"pg\"}", "20");
    expect_none("drover_link_lag_writes{link=\"pg\",component=\"pg\"}");
    assert_non_null(value_of("drover_link_age_seconds{link=\"pg\",component=\"pg\"}"));
    /* A canary's positions are counted writes, and so are a bucket's. */
    static const uint8_t kinds[] = {LINK_CANARY, LINK_BUCKET};
    for (size_t i = 0; i < sizeof kinds; i++) {
        topology.links[0].kind = kinds[i];
        scrape();
        expect("drover_link_lag_writes{link=\"pg\",component=\"pg\"}", "20");
        expect_none("drover_link_lag_bytes{link=\"pg\",component=\"pg\"}");
    }
}

/* Every series once, or Prometheus refuses the whole answer. */
static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void no_series_is_told_twice(void **state) {
    static char *lines[20000];
    size_t n = 0;
    (void)state;
    make_told();
    topology.backups[topology.backups_n++] = topology.backups[0]; /* two documents, one backup */
    scrape();
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n'), *value = NULL;
        *end = '\0';
        value = strrchr(line, ' ');
        if (*line != '#') {
            *value = '\0';
            lines[n++] = line;
        }
        line = end + 1;
    }
    assert_true(n > 150);
    qsort(lines, n, sizeof lines[0], by_text);
    for (size_t i = 1; i < n; i++) {
        assert_string_not_equal(lines[i - 1], lines[i]);
    }
}

static void a_text_too_small_keeps_what_matters_most(void **state) {
    (void)state;
    make_told();
    size_t used = metrics_write(&member, text, 12000);
    assert_true(used < 12000);
    expect("drover_lease_epoch", "1");
    assert_string_not_equal(value_of("drover_exposition_dropped_samples"), "0");
    expect_none("drover_check_value" PG_LAG);
}

static void nothing_secret_is_told(void **state) {
    (void)state;
    make_told();
    memset(member.keys.sign_secret, 'S', sizeof member.keys.sign_secret);
    memset(member.keys.curve_secret, 'S', sizeof member.keys.curve_secret);
    (void)text_copy(member.agents[agent("east-db1")].report.checks[0].detail, 96,
                    "password=SSSS refused");
    scrape();
    assert_null(strstr(text, "SSSS"));
    assert_null(strstr(text, "10.1.0.1")); /* no address either */
}

/* docs/metrics.md has a row `| `NAME` |` for each family, and for no other. */
static void the_page_names_exactly_the_series(void **state) {
    static char page[256 * 1024];
    char row[128];
    unsigned named_n = 0, rows_n = 0;
    (void)state;
    FILE *file = fopen(DROVER_SOURCE_DIR "/docs/metrics.md", "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    (void)fclose(file);
    const char *own = strstr(page, "\n## Members"), *end = strstr(page, "\n## Agents");
    assert_non_null(own);
    assert_non_null(end);
    for (; metrics_name(named_n) != NULL; named_n++) {
        (void)snprintf(row, sizeof row, "\n| `%s` |", metrics_name(named_n));
        const char *found = strstr(own, row);
        if (found == NULL || found > end) {
            fail_msg("docs/metrics.md, Members: no row for %s", metrics_name(named_n));
        }
    }
    for (const char *at = own; (at = strstr(at, "\n| `drover_")) != NULL && at < end; at++) {
        rows_n++;
    }
    assert_int_equal(rows_n, named_n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serving_region_is_told),
        cmocka_unit_test(a_wall_clock_that_is_off_is_told_while_it_is_heard),
        cmocka_unit_test(the_age_of_keys_and_secrets_is_told),
        cmocka_unit_test(a_silent_agent_leaves_nothing_that_looks_well),
        cmocka_unit_test(a_member_that_stands_still_says_so),
        cmocka_unit_test(who_has_command_is_told),
        cmocka_unit_test(an_execution_that_waits_is_told),
        cmocka_unit_test(an_unexpected_open_gate_is_counted),
        cmocka_unit_test(a_lag_is_told_with_its_age),
        cmocka_unit_test(no_series_is_told_twice),
        cmocka_unit_test(a_text_too_small_keeps_what_matters_most),
        cmocka_unit_test(nothing_secret_is_told),
        cmocka_unit_test(the_page_names_exactly_the_series),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
