/* What the doctor judges by text alone: units, HAProxy's configuration, the gate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "coordinator/cli/doctor_parts.h"

static void properties_are_found(void **state) {
    static const char text[] = "Id=patroni.service\nAfter=basic.target drover-guard.service "
                               "network.target\nAfterX=no\nLoadState=loaded";
    char out[64], small[6];
    (void)state;
    unit_property(text, "Id", out, sizeof out);
    assert_string_equal(out, "patroni.service");
    unit_property(text, "After", out, sizeof out);
    assert_string_equal(out, "basic.target drover-guard.service network.target");
    unit_property(text, "LoadState", out, sizeof out);
    assert_string_equal(out, "loaded");
    unit_property(text, "State", out, sizeof out);
    assert_string_equal(out, "");
    unit_property(text, "Id", small, sizeof small);
    assert_string_equal(small, "patro");
    assert_true(unit_listed("basic.target drover-guard.service", "drover-guard.service"));
    assert_true(unit_listed(" drover-guard.service x", "drover-guard.service"));
    assert_false(unit_listed("x-drover-guard.service", "drover-guard.service"));
    assert_false(unit_listed("drover-guard.service.d", "drover-guard.service"));
    assert_false(unit_listed("", "drover-guard.service"));
}

/* systemd 252's own words: `systemctl list-units --all --full --plain --no-legend`, then the same
 * of list-unit-files. */
static void every_instance_of_a_store_is_found(void **state) {
    static const char text[] =
        "haproxy.service            loaded    active   running HAProxy Load Balancer\n"
        "patroni@bud.service        loaded    active   running Runners of patroni.service\n"
        "postgresql.service         loaded    active   exited  PostgreSQL RDBMS\n"
        "postgresql@15-main.service loaded    inactive dead    PostgreSQL Cluster 15-main\n"
        "postgresql@16-bud.service  loaded    active   running PostgreSQL Cluster 16-bud\n"
        "redis.service              not-found inactive dead    redis.service\n"
        "  \n\n"
        "patroni@.service        disabled enabled\n"
        "postgresql@.service     disabled enabled\n"
        "redis.service           alias    -\n"
        "system-postgresql.slice loaded active active\n"
        "redis-server@a-name-that-is-too-long-for-a-unit.service enabled enabled\n"
        "redis-server.service    enabled  enabled";
    static const char *const expected[] = {"haproxy.service",
                                           "patroni@bud.service",
                                           "postgresql.service",
                                           "postgresql@15-main.service",
                                           "postgresql@16-bud.service",
                                           "redis.service",
                                           "redis.service",
                                           "redis-server.service"};
    const char *at = text;
    char unit[48];
    (void)state;
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        at = unit_next(at, unit, sizeof unit);
        assert_non_null(at);
        assert_string_equal(unit, expected[i]);
    }
    assert_null(unit_next(at, unit, sizeof unit));
    assert_null(unit_next("", unit, sizeof unit));
    assert_null(unit_next("\n \n", unit, sizeof unit));
}

#define GATE                                                                                       \
    "backend agent_writable\n    option httpchk\n    http-check send meth GET uri /writable\n"     \
    "    http-check expect status 200\n    server agent1 10.0.0.1:7421 check\n\n"
#define FRONT "frontend postgres\n    bind :5000\n"
#define REJECT "    tcp-request connection reject if { nbsrv(agent_writable) lt 1 }\n"

static void haproxy_must_fail_closed(void **state) {
    static const struct {
        const char *text, *why; /* "": it does */
    } rows[] = {
        {GATE FRONT REJECT, ""},
        {FRONT REJECT GATE, ""},
        {"backend agent_writable\n  option httpchk GET /writable\n  server a 10.0.0.1:7421 "
         "check\n" FRONT REJECT,
         ""},
        {GATE FRONT, "no rule rejects connections while nbsrv(agent_writable) is 0"},
        {GATE FRONT "#" REJECT, "no rule rejects connections while nbsrv(agent_writable) is 0"},
        {FRONT REJECT, "no health check asks /writable"},
        {"backend agent_writable\n    http-check send meth GET uri /writable\n    server x "
         "10.0.0.2:7421 check\n" FRONT REJECT,
         "backend agent_writable has no server 10.0.0.1:7421"},
        {"", "no health check asks /writable"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text256 why = {{0}};
        bool closed = haproxy_fails_closed(rows[i].text, "10.0.0.1:7421", &why);
        assert_string_equal(why.at, rows[i].why);
        assert_int_equal(closed, rows[i].why[0] == '\0');
    }
}

static void the_gate_must_be_whole(void **state) {
    static const char whole[] =
        "table inet drover {\n\tset open {\n\t\ttype inet_service\n\t}\n\tchain inward {\n\t\ttype "
        "filter hook input priority -150; policy accept;\n\t\tiifname \"lo\" return\n\t\ttcp dport "
        "{ 5432, 6379 } jump arriving\n\t}\n\tchain outward {\n\t\ttype filter hook output "
        "priority -50; policy accept;\n\t}\n}\n";
    struct gate_conf gate = {.ports_n = 2, .ports = {5432, 6379}};
    struct text256 why = {{0}};
    (void)state;
    assert_true(gate_is_whole(whole, &gate, &why));
    gate.ports[1] = 637;
    assert_false(gate_is_whole(whole, &gate, &why));
    assert_string_equal(why.at, "port 637 of guard.conf does not pass through the gate");
    gate.ports[1] = 6379;
    assert_false(gate_is_whole("table inet drover {\n chain a {\n type filter hook output\n }}",
                               &gate, &why));
    assert_string_equal(why.at, "table inet drover has no chain at the kernel's input hook");
    assert_false(gate_is_whole("", &gate, &why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_are_found),
        cmocka_unit_test(every_instance_of_a_store_is_found),
        cmocka_unit_test(haproxy_must_fail_closed),
        cmocka_unit_test(the_gate_must_be_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
