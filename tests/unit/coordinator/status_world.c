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
#include "coordinator/history.h"
#include "coordinator/member.h"
#include "coordinator/status.h"
#include "tests/unit/coordinator/status_world.h"
#include "tests/unit/topology/sample.h"

struct coordinator member;
struct topology topology;
static char directory[64];

uint8_t agent(const char *name) {
    return topology_agent(&topology, name);
}

/* East serves since 100 s; everybody hears everybody; the link is 300 ms behind. */
void make_serving(void) {
    struct text256 why;
    uint8_t head[DIGEST_SIZE] = {0};
    struct core *core = &member.core;
    struct history *history = member.history;
    memset(&member, 0, sizeof member);
    member.history = history;
    core_init(core);
    topology = *sample_topology(NULL, NULL);
    topology.version = 3;
    member.topology = &topology;
    member.topology_known = true;
    member.caught_up = true;
    member.log_reachable = true;
    member.started_boot_ms = member_now_ms();
    (void)text_copy(member.keys.name, NAME_SIZE, "m1");
    core->config_version = 3;
    core->now_ms = 200000;
    core->wall_ms = 1795242000000;
    core->epoch = 1;
    core->open = 1;
    core->phase = PHASE_SERVING;
    core->owner = topology_region(&topology, "east");
    core->opened_ms = 100000;
    core->keeper_term = 1;
    core->timekeeper = 0;
    for (unsigned a = 0; a < topology.agents_n; a++) {
        core->agents[a].heard_by = 7;
        core->agents[a].last_heard_ms = core->now_ms - 500;
        core->agents[a].guard_present = topology.agents[a].guarded;
        member.agents[a].heard_boot_ms = member_now_ms();
    }
    for (unsigned m = 0; m < topology.members_n; m++) {
        core->members[m].present = 1;
        core->members[m].attesting = 1;
    }
    core->links[0].known = 1;
    core->links[0].lag_ms = 300;
    (void)why;
    history_snapshot(history, core, 0, head);
}

void see(const char *check, const char *from, uint8_t status) {
    for (unsigned c = 0; c < topology.checks_n; c++) {
        if (text_equal(topology.checks[c].name, check)) {
            member.core.checks[c].status[agent(from)] = status;
        }
    }
}

/* East fell silent 20 s ago; the others see it dead from outside; nobody attests any more. */
void make_suspect(void) {
    make_serving();
    struct core *core = &member.core;
    core->phase = PHASE_SUSPECT;
    core->suspect_ms = core->now_ms - 20000;
    core->agents[agent("east-db1")].heard_by = 0;
    core->agents[agent("east-db1")].last_heard_ms = core->now_ms - 20000;
    for (unsigned m = 0; m < topology.members_n; m++) {
        core->members[m].attesting = 0;
    }
    see("out-east", "west-db1", CHECK_FAILED);
    see("out-east", "mon1", CHECK_FAILED);
    see("out-west", "mon1", CHECK_OK);
}

json_t *ask_from(const char *what, const char *argument, uint8_t expected_code) {
    uint8_t code = 99;
    char *text = status_json(&member, topology_operator(&topology, "n1"), what, argument, 0, &code);
    assert_non_null(text);
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    assert_non_null(json);
    assert_int_equal(code, expected_code);
    free(text);
    return json;
}

const char *text_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

int64_t number_of(const json_t *json, const char *key) {
    assert_true(json_is_integer(json_object_get(json, key)));
    return json_integer_value(json_object_get(json, key));
}

const json_t *named(const json_t *list, const char *name) {
    size_t i;
    json_t *object;
    json_array_foreach(list, i, object) {
        if (text_equal(text_of(object, "name"), name)) {
            return object;
        }
    }
    fail_msg("nothing is called %s", name);
    return NULL;
}

int status_world_open(void **state) {
    struct text256 why = {{0}};
    (void)state;
    (void)text_copy(directory, sizeof directory, "/tmp/drover-status-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(history_open(directory, &member.history, &why), ERR_OK);
    return 0;
}

const char *status_world_directory(void) {
    return directory;
}

int status_world_close(void **state) {
    static const char *const names[] = {"history.db", "history.db-wal", "history.db-shm"};
    char path[128];
    (void)state;
    history_close(member.history);
    for (unsigned i = 0; i < 3; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}
