/* A topology may hold checks that a probe cannot run: they are unknown, and said so; nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* A port whose kernel accepts and behind which nobody says a word. */
static int hung_port(uint16_t *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(door >= 0);
    assert_int_equal(bind(door, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(door, 8), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return door;
}

/* The whole process stands still for so long, as on a host that was paused. */
static pid_t pause_this_process(int pause_ms) {
    pid_t parent = getpid(), child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)kill(parent, SIGSTOP);
        (void)poll(NULL, 0, pause_ms);
        (void)kill(parent, SIGCONT);
        _exit(0);
    }
    return child;
}

#define HUNG_TIMEOUT_MS 1500

/* One run of one check against a target that hangs. Returns what the check became. */
static const struct check_state *run_hung(bool paused) {
    static struct agent_program agent;
    static struct agent_conf conf = {.workers = 1};
    static struct topology none;
    char address[32];
    uint16_t port = 0;
    int door = hung_port(&port);
    struct topology *topology = sample_topology(NULL, NULL);
    memset(&agent, 0, sizeof agent);
    agent.loop = uv_default_loop();
    agent.conf = &conf;
    agent.pins = agent.topology = topology;
    agent.topology_next = &none;
    agent.me_there = topology_agent(topology, "east-db1");
    checks_adopt(&agent);
    for (unsigned c = 0; c < topology->checks_n; c++) {
        agent.checks[c].mine = c == 0;
    }
    struct check *check = &topology->checks[0];
    (void)text_format(address, sizeof address, "127.0.0.1:%u", port);
    memset(&check->arguments, 0, sizeof check->arguments);
    assert_int_equal(arguments_set(&check->arguments, "address", address), ERR_OK);
    check->kind = CHECK_REDIS;
    check->failures_n = check->passes_n = 1;
    check->timeout_ms = HUNG_TIMEOUT_MS;
    agent.checks[0].due_boot_ms = 0;
    checks_tick(&agent);
    assert_true(agent.checks[0].running);
    /* It knocks: its time runs. A pause before that would hold up no probe. */
    assert_int_equal(poll(&(struct pollfd){.fd = door, .events = POLLIN}, 1, 30000), 1);
    pid_t child = paused ? pause_this_process(2 * HUNG_TIMEOUT_MS) : 0;
    (void)uv_run(agent.loop, UV_RUN_DEFAULT);
    assert_true(!paused || waitpid(child, NULL, 0) == child);
    assert_false(agent.checks[0].running);
    (void)close(door);
    return &agent.checks[0];
}

static void a_probe_that_its_own_host_held_up_is_no_failed_target(void **state) {
    (void)state;
    const struct check_state *check = run_hung(true);
    assert_int_equal(check->debounce.status, DEBOUNCE_UNKNOWN);
    assert_false(check->ran); /* no reading at all: in time it is told as stale */
    assert_int_equal(check->run, 0);
    check = run_hung(false);
    assert_int_equal(check->debounce.status, DEBOUNCE_FAILED);
    assert_true(check->ran);
    assert_int_equal(check->run, 1);
    assert_true(check->began_boot_ms > 0);
    assert_in_range(check->ended_boot_ms - check->began_boot_ms, HUNG_TIMEOUT_MS - 100, 30000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_without_what_its_probe_needs_is_not_run),
        cmocka_unit_test(a_probe_that_its_own_host_held_up_is_no_failed_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
