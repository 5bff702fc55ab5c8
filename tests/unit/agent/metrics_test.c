/* What Prometheus sees of an agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/metrics.h"
#include "tests/unit/topology/sample.h"

static struct agent_program agent;
static char text[METRICS_TEXT_SIZE];

static int make(void **state) {
    (void)state;
    memset(&agent, 0, sizeof agent);
    agent.pins = agent.topology = sample_topology(NULL, NULL);
    agent.topology->version = 4;
    (void)text_copy(agent.keys.name, NAME_SIZE, "east-db1");
    agent.guard = (struct guard_link *)&agent; /* never looked into here */
    agent.guard_heard_ms = agent_now_ms();
    agent.guard_status.gate = GATE_OPEN;
    agent.guard_status.lease_left_ms = 4000000;
    agent.guard_status.lease_epoch = agent.guard_status.accepted_epoch = 6;
    agent.checks[0].mine = agent.checks[0].ran = true;
    agent.checks[0].ran_boot_ms = agent_now_ms();
    agent.checks[0].debounce.status = DEBOUNCE_OK;
    agent.checks[0].latency_ms = 7;
    for (unsigned m = 0; m < 3; m++) {
        agent.members[m].says = (struct member_says){
            .heard_boot_ms = agent_now_ms(), .epoch = 6, .open = true, .ours = true, .known = true};
    }
    agent.commands[0].state = COMMAND_RUNNING;
    return 0;
}

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
    return "absent";
}

#define PG "{check=\"pg-east\",kind=\"postgresql\",component=\"pg\",region=\"east\"}"

static void a_healthy_agent_is_told(void **state) {
    static const struct {
        const char *series, *value;
    } rows[] = {
        {"drover_topology_version", "4"},
        {"drover_agent_guard_up", "1"},
        {"drover_agent_gate_open", "1"},
        {"drover_agent_lease_held", "1"},
        {"drover_agent_guard_epoch", "6"},
        {"drover_agent_newest_epoch", "6"},
        {"drover_agent_newest_epoch_ours", "1"},
        {"drover_agent_commands{state=\"running\"}", "1"},
        {"drover_agent_commands{state=\"finished\"}", "0"},
        {"drover_agent_check_ok" PG, "1"},
        {"drover_agent_check_state" PG, "1"},
        {"drover_agent_check_latency_seconds" PG, "0.007"},
        {"drover_exposition_dropped_samples", "0"},
    };
    (void)state;
    (void)metrics_write(&agent, text, sizeof text);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(value_of(rows[i].series), rows[i].value);
    }
    assert_string_not_equal(value_of("drover_agent_member_age_seconds{member=\"m2\"}"), "absent");
    assert_string_equal(value_of("drover_agent_member_answer_age_seconds{member=\"m2\"}"),
                        "absent");
}

static void what_is_old_is_not_told_as_good(void **state) {
    (void)state;
    agent.guard_heard_ms = 1;
    agent.checks[0].ran_boot_ms = 1;
    for (unsigned m = 0; m < 3; m++) {
        agent.members[m].says.heard_boot_ms = 1;
    }
    (void)metrics_write(&agent, text, sizeof text);
    assert_string_equal(value_of("drover_agent_guard_up"), "0");
    assert_string_equal(value_of("drover_agent_gate_open"), "0");
    assert_string_equal(value_of("drover_agent_lease_held"), "0");
    assert_string_equal(value_of("drover_agent_lease_left_seconds"), "absent");
    assert_string_equal(value_of("drover_agent_newest_epoch"), "absent");
    assert_string_equal(value_of("drover_agent_newest_epoch_ours"), "0");
    assert_string_equal(value_of("drover_agent_check_ok" PG), "0");
    assert_string_equal(value_of("drover_agent_check_state" PG), "5");
    assert_string_equal(value_of("drover_agent_check_latency_seconds" PG), "absent");
    assert_string_not_equal(value_of("drover_agent_check_age_seconds" PG), "absent");
    agent.checks[0].ran = false;
    (void)metrics_write(&agent, text, sizeof text);
    assert_string_equal(value_of("drover_agent_check_state" PG), "0");
    assert_string_equal(value_of("drover_agent_check_age_seconds" PG), "absent");
}

static void an_agent_without_a_guard_tells_of_none(void **state) {
    (void)state;
    agent.guard = NULL;
    (void)metrics_write(&agent, text, sizeof text);
    assert_string_equal(value_of("drover_agent_guard_up"), "absent");
    assert_string_equal(value_of("drover_agent_lease_held"), "absent");
    assert_string_equal(value_of("drover_agent_check_ok" PG), "1");
}

static void the_page_names_exactly_the_series(void **state) {
    static char page[256 * 1024];
    char row[128];
    unsigned named_n = 0, rows_n = 0;
    (void)state;
    FILE *file = fopen(DROVER_SOURCE_DIR "/docs/metrics.md", "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    (void)fclose(file);
    const char *own = strstr(page, "\n## Agents");
    assert_non_null(own);
    const char *end = strstr(own + 1, "\n## ");
    assert_non_null(end);
    for (; metrics_name(named_n) != NULL; named_n++) {
        (void)snprintf(row, sizeof row, "\n| `%s` |", metrics_name(named_n));
        const char *found = strstr(own, row);
        if (found == NULL || found > end) {
            fail_msg("docs/metrics.md, Agents: no row for %s", metrics_name(named_n));
        }
    }
    for (const char *at = own; (at = strstr(at, "\n| `drover_")) != NULL && at < end; at++) {
        rows_n++;
    }
    assert_int_equal(rows_n, named_n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_healthy_agent_is_told, make),
        cmocka_unit_test_setup(what_is_old_is_not_told_as_good, make),
        cmocka_unit_test_setup(an_agent_without_a_guard_tells_of_none, make),
        cmocka_unit_test(the_page_names_exactly_the_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
