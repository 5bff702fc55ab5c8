/* A region that is ready, to be made otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/coordinator/readiness_world.h"
#include "tests/unit/topology/sample.h"

struct core core;
struct topology topology;
struct readiness_input input;
struct readiness result;
struct report reports[AGENTS_MAX];

uint8_t agent(const char *name) {
    uint8_t a = topology_agent(&topology, name);
    assert_int_not_equal(a, NONE);
    return a;
}

struct check *check(const char *name) {
    for (uint8_t c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, name)) {
            return &topology.checks[c];
        }
    }
    fail();
    return NULL;
}

struct check_report *seen(const char *agent_name, const char *check_name) {
    struct report *report = &reports[agent(agent_name)];
    uint16_t index = (uint16_t)(check(check_name) - topology.checks);
    for (unsigned i = 0; i < report->checks_n; i++) {
        if (report->checks[i].check == index) {
            return &report->checks[i];
        }
    }
    fail();
    return NULL;
}

void fill_reports(void) {
    for (uint8_t a = 0; a < topology.agents_n; a++) {
        struct report *report = &reports[a];
        memset(report, 0, sizeof *report);
        report->config_version = 3;
        report->guard.present = true;
        report->guard.gate = topology.agents[a].region == core.owner ? GATE_OPEN : GATE_SHUT;
        for (uint8_t c = 0; c < topology.checks_n; c++) {
            const struct check *one = &topology.checks[c];
            if (one->outside ? one->region != topology.agents[a].region : one->agent == a) {
                report->checks[report->checks_n++] =
                    (struct check_report){.check = c, .status = CHECK_OK, .detail = "as it was"};
            }
        }
        input.agents[a] =
            (struct readiness_agent){.heard = true, .heard_ago_ms = 1000, .report = report};
    }
}

void make_well(void) {
    core_init(&core);
    topology = *sample_topology(NULL, NULL);
    topology.version = 3;
    core.config_version = 3;
    core.now_ms = 200000;
    core.epoch = 1;
    core.open = 1;
    core.phase = PHASE_SERVING;
    core.owner = topology_region(&topology, "east");
    memset(&input, 0, sizeof input);
    input.core = &core;
    input.topology = &topology;
    input.target = topology_region(&topology, "west");
    input.wall_ms = NOW_MS;
    input.links[0] = (struct readiness_link){.known = true, .lag_ms = 300, .sampled_ago_ms = 1000};
    topology.drills[0].last_wall_ms = NOW_MS - 10 * DAY_MS;
    topology.backups_n = 0; /* told of apart, below */
    struct check *lag = check("pg-lag");
    lag->ready = READY_BLOCKER;
    (void)text_copy(lag->fix, sizeof lag->fix, "mend the lag");
    fill_reports();
}

const char *failing(void) {
    static char names[1024];
    readiness_read(&input, &result);
    names[0] = '\0';
    for (unsigned i = 0; i < result.n; i++) {
        const struct readiness_line *line = &result.lines[i];
        if (line->state == READINESS_GOOD) {
            assert_string_equal(line->fix, "");
            continue;
        }
        assert_string_not_equal(line->fix, "");
        assert_string_not_equal(line->text, "");
        size_t used = strlen(names);
        (void)text_format(names + used, sizeof names - used, "%s%s%s%s", used > 0 ? ", " : "",
                          line->weight == READY_BLOCKER ? "!" : "",
                          line->state == READINESS_UNKNOWN ? "?" : "", line->name);
    }
    return names;
}

const struct readiness_line *line_of(const char *name) {
    for (unsigned i = 0; i < result.n; i++) {
        if (text_equal(result.lines[i].name, name)) {
            return &result.lines[i];
        }
    }
    fail_msg("no line is called %s", name);
    return NULL;
}
