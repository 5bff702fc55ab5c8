/* A topology may hold checks that a probe cannot run: they are unknown, and said so; nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "agent/agent.h"
#include "tests/unit/topology/sample.h"

/* The sample's PostgreSQL check names no address: its probe would stop the whole agent. */
static void a_check_without_what_its_probe_needs_is_not_run(void **state) {
    static struct agent_program agent;
    static struct topology none;
    struct topology *topology = sample_topology(NULL, NULL);
    (void)state;
    agent.loop = uv_default_loop();
    agent.pins = agent.topology = topology;
    agent.topology_next = &none;
    agent.me_there = topology_agent(topology, "east-db1");
    checks_adopt(&agent);
    for (unsigned c = 0; c < topology->checks_n; c++) {
        bool postgresql = text_equal(topology->checks[c].name, "pg-east");
        agent.checks[c].mine = postgresql;
        agent.checks[c].due_boot_ms = 0;
    }
    checks_tick(&agent);
    (void)uv_run(agent.loop, UV_RUN_DEFAULT);
    for (unsigned c = 0; c < topology->checks_n; c++) {
        if (agent.checks[c].mine) {
            assert_false(agent.checks[c].running);
            assert_false(agent.checks[c].ran);
            assert_non_null(strstr(agent.checks[c].detail, "cannot be run: "));
            assert_non_null(strstr(agent.checks[c].detail, "address"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_without_what_its_probe_needs_is_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
