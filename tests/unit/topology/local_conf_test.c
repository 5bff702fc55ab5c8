/* The local files: the samples in deploy/examples read as they say; each wrong field is named by
 * place and cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/local_conf.h"

#define EXAMPLES DROVER_SOURCE_DIR "/deploy/examples/"

static struct text256 why;

static void the_agents_sample_reads(void **state) {
    (void)state;
    struct agent_conf conf;
    assert_int_equal(agent_conf_read(EXAMPLES "agent.conf", &conf, &why), ERR_OK);
    assert_string_equal(conf.name, "r1-db1");
    assert_string_equal(conf.guard_socket, "/run/drover-guard/guard.sock");
    assert_string_equal(conf.writable_listen, "127.0.0.1:7421");
    assert_string_equal(conf.http_listen, "10.71.0.11:7423");
    assert_int_equal(conf.workers, 8);
    assert_int_equal(
        conf.allow,
        (UINT32_C(1) << ACTION_PATRONI_PROMOTE) | (UINT32_C(1) << ACTION_PATRONI_DEMOTE) |
            (UINT32_C(1) << ACTION_PATRONI_HANDOFF) | (UINT32_C(1) << ACTION_PATRONI_SWITCHOVER) |
            (UINT32_C(1) << ACTION_PG_AWAIT_POSITION) | (UINT32_C(1) << ACTION_PG_REJOIN) |
            (UINT32_C(1) << ACTION_VERIFY) | (UINT32_C(1) << ACTION_FENCE_AGENT));
    assert_int_equal(conf.fence_devices_n, 1);
    assert_string_equal(conf.fence_devices[0].name, "r1-db2-power");
    assert_string_equal(conf.fence_devices[0].program, "/usr/sbin/fence_ipmilan");
    assert_string_equal(arguments_get(&conf.fence_devices[0].options, "lanplus"), "1");
    assert_int_equal(conf.soft_fences_n, 1);
    assert_int_equal(conf.soft_fences[0].action, ACTION_PATRONI_DEMOTE);
    assert_string_equal(arguments_get(&conf.soft_fences[0].arguments, "peer_front_port"), "5000");
    assert_int_equal(conf.secrets.n, 3);
    assert_string_equal(conf.secrets.at[1].name, "patroni_password");
    assert_string_equal(conf.secrets.at[1].path, "/etc/drover/secrets/patroni_password");
}

static void the_guards_sample_reads(void **state) {
    (void)state;
    struct guard_conf conf;
    assert_int_equal(guard_conf_read(EXAMPLES "guard.conf", &conf, &why), ERR_OK);
    assert_int_equal(conf.agent_uids_n, 1);
    assert_int_equal(conf.agent_uids[0], 997);
    assert_int_equal(conf.gate.ports_n, 2);
    assert_int_equal(conf.gate.ports[1], 6432);
    assert_string_equal(conf.gate.exempt_sources[0], "10.72.0.0/16");
    assert_int_equal(conf.gate.exempt_uids_n, 1);
    assert_string_equal(conf.gate.family, "inet");
    assert_int_equal(conf.writers_n, 2);
    assert_int_equal(conf.writers[0].kind, WRITER_CGROUP);
    assert_int_equal(conf.writers[1].kind, WRITER_PIDFILE);
    assert_string_equal(conf.knocks[0], "127.0.0.1:5432");
    assert_string_equal(conf.watchdog, "/dev/watchdog");
}

static void the_coordinators_sample_reads(void **state) {
    (void)state;
    struct coordinator_conf conf;
    assert_int_equal(coordinator_conf_read(EXAMPLES "coordinator.conf", &conf, &why), ERR_OK);
    assert_int_equal(conf.engine.kind, ENGINE_ETCD);
    assert_int_equal(conf.engine.endpoints_n, 3);
    assert_string_equal(conf.engine.endpoints[2], "https://10.73.0.13:2379");
    assert_string_equal(conf.engine.prefix, "/drover/bud/");
    assert_string_equal(conf.http_listen, "10.73.0.11:7403");
    assert_int_equal(conf.secrets.n, 0);
}

static void the_operators_sample_reads(void **state) {
    (void)state;
    struct cli_conf conf;
    assert_int_equal(cli_conf_read(EXAMPLES "drover.conf", &conf, &why), ERR_OK);
    assert_int_equal(conf.timeout_ms, 5000);
    assert_string_equal(conf.pins, "/etc/drover/pins.conf");
}

/* ---- wrong ones ---- */

static char path[64];

static const char *file_of(const char *text) {
    (void)snprintf(path, sizeof path, "/tmp/drover-conf-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(file);
    return path;
}

enum program { AGENT, GUARD, COORDINATOR, CLI };

static enum err any_read(enum program program, const char *from) {
    static struct agent_conf agent;
    static struct guard_conf guard;
    static struct coordinator_conf coordinator;
    static struct cli_conf cli;
    why.at[0] = 0;
    switch (program) {
    case AGENT: return agent_conf_read(from, &agent, &why);
    case GUARD: return guard_conf_read(from, &guard, &why);
    case COORDINATOR: return coordinator_conf_read(from, &coordinator, &why);
    case CLI: return cli_conf_read(from, &cli, &why);
    }
    return ERR_FAILED;
}

#define IDENTITY "name=\"a\"; key=\"/k\"; pins=\"/p\"; state=\"/s\";\n"
#define GUARD_ALL IDENTITY "socket=\"/g\"; gate:{ports=[1];};\n"
#define MEMBER "name=\"a\"; key=\"/k\"; state=\"/s\";\n"

static const struct {
    enum program program;
    const char *text, *message;
} wrong_rows[] = {
    {AGENT, "name=\"a\";", ": the field \"key\" is missing"},
    {AGENT, IDENTITY "gaurd_socket=\"/g\";",
     ":2: gaurd_socket: unknown field; did you mean \"guard_socket\"?"},
    {AGENT, IDENTITY "guard_socket=\"g\";",
     ":2: guard_socket: expected an absolute path, found \"g\""},
    {AGENT, IDENTITY "guard_socket=\"/a/../b\";",
     ":2: guard_socket: expected an absolute path, found \"/a/../b\""},
    {AGENT, IDENTITY "allow=[\"promote\"];",
     ":2: allow[0]: unknown \"promote\"; did you mean \"pg_promote\"?"},
    {AGENT, IDENTITY "allow=[\"patroni-promote\"];",
     ":2: allow[0]: unknown \"patroni-promote\"; did you mean \"patroni_promote\"?"},
    {AGENT, IDENTITY "allow=[\"exec\"];",
     ": \"exec\" is allowed, but the field \"exec_directory\" is missing"},
    {AGENT, IDENTITY "allow=[\"fence_agent\"];",
     ": \"fence_agent\" is allowed, but the field \"fence_devices\" is missing"},
    {AGENT, IDENTITY "fence_devices:({name=\"a\";});",
     ":2: fence_devices[0]: the field \"program\" is missing"},
    {AGENT, IDENTITY "fence_devices:({name=\"a\"; program=\"fence_x\";});",
     ":2: fence_devices[0].program: expected an absolute path, found \"fence_x\""},
    {AGENT, IDENTITY "fence_devices:({name=\"a\"; program=\"/f\"; options:{action=\"on\";};});",
     ":2: fence_devices[0].options: the option \"action\" is what drover tells it"},
    {AGENT, IDENTITY "workers=0;", ":2: workers: expected a whole number of 1 to 64, found 0"},
    {AGENT, IDENTITY "peer_listen=\"10.0.0.1:5\";",
     ":2: peer_listen: expected tcp://IP:PORT with a numeric address, found \"10.0.0.1:5\""},
    {AGENT, IDENTITY "writable_listen=\"localhost:5\";",
     ":2: writable_listen: expected IP:PORT with a numeric address, found \"localhost:5\""},
    {AGENT, IDENTITY "soft_fence:({action=\"patroni_promote\";});",
     ":2: soft_fence[0].action: expected an action that fences: patroni_demote, redis_demote, "
     "http_call or exec, found \"patroni_promote\""},
    {AGENT, IDENTITY "soft_fence:({action=\"redis_demote\";});",
     ":2: soft_fence[0]: argument \"redis_addresses\" is missing: expected numeric host:port, up "
     "to 8 with commas between"},
    {AGENT, IDENTITY "soft_fence:({action=\"http_call\"; args:{url=\"ftp://x\";};});",
     ":2: soft_fence[0].args.url: expected an http:// or https:// URL, found \"ftp://x\""},
    {AGENT, IDENTITY "soft_fence:({action=\"exec\"; args:{program=\"shut\"; a_ref=\"x\";};});",
     ":2: soft_fence[0].args.a_ref: expected a name of the field \"secrets\", found \"x\""},
    {AGENT,
     IDENTITY "fence_devices:({name=\"a\"; program=\"/f\"; options:{password_ref=\"b\";};});"
              "secrets:{a=\"/b\";};",
     ":2: fence_devices[0].options.password_ref: expected a name of the field \"secrets\", found "
     "\"b\""},
    {AGENT, IDENTITY "secrets:{a=\"b\";};",
     ":2: secrets.a: expected an absolute path, found \"b\""},
    {AGENT, IDENTITY "secrets:{a=5;};", ":2: secrets.a: expected a text in quotes, found 5"},
    {GUARD, IDENTITY "socket=\"/g\";", ": the field \"gate\" is missing"},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[];};",
     ":2: gate: expected at least one port: a gate without ports guards nothing"},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[70000];};",
     ":2: gate.ports[0]: expected a whole number of 1 to 65535, found 70000"},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[1]; family=\"bridge\";};",
     ":2: gate.family: expected inet, ip or ip6, found \"bridge\""},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[1]; family=\"arp\";};",
     ":2: gate.family: expected inet, ip or ip6, found \"arp\""},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[1]; exempt_sources=[\"db.bud\"];};",
     ":2: gate.exempt_sources[0]: expected a numeric address or ADDRESS/PREFIX, found \"db.bud\""},
    {GUARD, IDENTITY "socket=\"/g\"; gate:{ports=[1]; exempt_sources=[\"10.0.0.0/33\"];};",
     ":2: gate.exempt_sources[0]: expected a numeric address or ADDRESS/PREFIX, found "
     "\"10.0.0.0/33\""},
    {GUARD, GUARD_ALL "writers:({});", ":3: writers[0]: expected either pidfile or cgroup"},
    {GUARD, GUARD_ALL "writers:({pidfile=\"/a\"; cgroup=\"/b\";});",
     ":3: writers[0]: expected either pidfile or cgroup"},
    {GUARD, GUARD_ALL "agent_uid=\"postgres\";",
     ":3: agent_uid: expected a whole number of 0 to 4294967295, found \"postgres\""},
    {GUARD, GUARD_ALL "agent_uid=[1,2,3,4,5];",
     ":3: agent_uid: expected at most 4 user numbers, found an array of 5"},
    {GUARD, GUARD_ALL "knock=[\"127.0.0.1\"];",
     ":3: knock[0]: expected IP:PORT with a numeric address, found \"127.0.0.1\""},
    {COORDINATOR, MEMBER "engine:{kind=\"etcd\";};",
     ":2: engine: kind = \"etcd\" needs endpoints, and takes no path"},
    {COORDINATOR, MEMBER "engine:{kind=\"embedded\"; ca=\"/c\";};",
     ":2: engine: endpoints, ca, cert and key belong to kind = \"etcd\""},
    {COORDINATOR, MEMBER "engine:{kind=\"etcd\"; endpoints=[\"https://10.0.0.1:2379\"];};",
     ":2: engine: https:// endpoints need ca, cert and key, all three; http:// ones take none"},
    {COORDINATOR, MEMBER "engine:{kind=\"etcd\"; endpoints=[\"https://etcd1:2379\"];};",
     ":2: engine.endpoints[0]: expected https://IP:PORT with a numeric address, found "
     "\"https://etcd1:2379\""},
    {COORDINATOR, MEMBER "engine:{kind=\"raft\";};",
     ":2: engine.kind: expected one of embedded, etcd, found \"raft\""},
    {CLI, "key=\"/k\"; pins=\"/p\"; timeout=\"1h\";",
     ":1: timeout: expected a duration of 100ms to 10m, found \"1h\""},
    {CLI, "key=\"/k\"; pins=\"/p\"; @include \"x\"",
     ":1: @include is not supported: one file says it all"},
};

static void each_wrong_field_is_named_by_place_and_cause(void **state) {
    (void)state;
    unsigned wrong_n = 0;
    for (size_t i = 0; i < sizeof wrong_rows / sizeof wrong_rows[0]; i++) {
        const char *file = file_of(wrong_rows[i].text);
        enum err err = any_read(wrong_rows[i].program, file);
        (void)unlink(file);
        bool holds = (err == ERR_CONFIG || err == ERR_FORMAT) && text_starts(why.at, file) &&
                     text_starts(why.at + strlen(file), wrong_rows[i].message);
        if (!holds) {
            print_error("expected %s\nfound    %s: %s\n", wrong_rows[i].message, err_name(err),
                        why.at);
            wrong_n++;
        }
    }
    assert_int_equal(wrong_n, 0);
}

static void what_is_left_out_has_its_default(void **state) {
    (void)state;
    struct agent_conf agent;
    assert_int_equal(agent_conf_read(file_of(IDENTITY), &agent, &why), ERR_OK);
    (void)unlink(path);
    assert_int_equal(agent.workers, 8);
    assert_int_equal(agent.allow, 0); /* nothing is allowed that is not written */
    assert_string_equal(agent.guard_socket, "");
    struct guard_conf guard;
    assert_int_equal(guard_conf_read(file_of(GUARD_ALL), &guard, &why), ERR_OK);
    (void)unlink(path);
    assert_int_equal(guard.agent_uids_n, 0);
    assert_string_equal(guard.gate.family, "inet");
    struct coordinator_conf coordinator;
    assert_int_equal(coordinator_conf_read(file_of(MEMBER), &coordinator, &why), ERR_OK);
    (void)unlink(path);
    assert_int_equal(coordinator.engine.kind, ENGINE_EMBEDDED);
    assert_string_equal(coordinator.engine.path, "/s/log.db");
    struct cli_conf cli;
    assert_int_equal(cli_conf_read(file_of("key=\"/k\"; pins=\"/p\";"), &cli, &why), ERR_OK);
    (void)unlink(path);
    assert_int_equal(cli.timeout_ms, 5000);
    assert_int_equal(cli_conf_read("/nonexistent/drover.conf", &cli, &why), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_agents_sample_reads),
        cmocka_unit_test(the_guards_sample_reads),
        cmocka_unit_test(the_coordinators_sample_reads),
        cmocka_unit_test(the_operators_sample_reads),
        cmocka_unit_test(each_wrong_field_is_named_by_place_and_cause),
        cmocka_unit_test(what_is_left_out_has_its_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
