/* The whole matrix of SEED-59..61 and SEED-142..146, written out: nine roles by every request, plan
 * kind, approval and action. A change of a right is a change of this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/topology/roles.h"

static void line_append(char *line, size_t size, bool may, const char *word) {
    if (may) {
        size_t used = strlen(line);
        (void)snprintf(line + used, size - used, "%s%s", used == 0 ? "" : ", ", word);
    }
}

static void requests_are_exactly_those_of_the_table(void **state) {
    (void)state;
    static const char *const expected[ROLES_N] = {
        [ROLE_SRE] = "read, declare, approve, reject, pause, resume, step retry, step skip, step "
                     "done, hold, release, config apply, abort, override, command take, command "
                     "handover, mode graceful, mode ungraceful",
        [ROLE_COMMANDER] = "read, declare, approve, reject, pause, resume, hold, release, abort, "
                           "override, command take, command handover, mode graceful, mode "
                           "ungraceful",
        [ROLE_TECHNICAL_LEAD] = "read, approve, reject, pause, resume, step retry, step skip, step "
                                "done, command take, command handover",
        [ROLE_COMMUNICATIONS] = "read",
        [ROLE_DATABASE_ADMIN] = "read, approve, reject, step done",
        [ROLE_NETWORK_ADMIN] = "read, approve, reject, step done",
        [ROLE_DEVELOPER] = "read",
        [ROLE_AUTOMATION] = "read, declare",
        [ROLE_AUDITOR] = "read",
    };
    for (unsigned role = 0; role < ROLES_N; role++) {
        char line[256] = "";
        for (unsigned request = 0; request < REQUEST_KINDS_N; request++) {
            line_append(line, sizeof line, role_may((enum role)role, (enum request_kind)request),
                        request_kind_text((enum request_kind)request));
        }
        assert_string_equal(line, expected[role]);
    }
}

static void automation_declares_failovers_only(void **state) {
    (void)state;
    static const char *const expected[ROLES_N] = {
        [ROLE_SRE] = "failover, switchover, reprotect, component, drill",
        [ROLE_COMMANDER] = "failover, switchover, reprotect, component, drill",
        [ROLE_TECHNICAL_LEAD] = "",
        [ROLE_COMMUNICATIONS] = "",
        [ROLE_DATABASE_ADMIN] = "",
        [ROLE_NETWORK_ADMIN] = "",
        [ROLE_DEVELOPER] = "",
        [ROLE_AUTOMATION] = "failover",
        [ROLE_AUDITOR] = "",
    };
    for (unsigned role = 0; role < ROLES_N; role++) {
        char line[256] = "";
        for (unsigned kind = 0; kind < PLAN_KINDS_N; kind++) {
            line_append(line, sizeof line, role_may_declare((enum role)role, (enum plan_kind)kind),
                        plan_kind_text((enum plan_kind)kind));
        }
        assert_string_equal(line, expected[role]);
    }
}

static void approvals_are_given_by_the_role_the_commander_or_the_sre(void **state) {
    (void)state;
    static const char all[] = "on-call-sre, dr-commander, technical-lead, communications, "
                              "database-admin, network-admin, developer, automation, auditor";
    static const char *const expected[ROLES_N] = {
        [ROLE_SRE] = all,
        [ROLE_COMMANDER] = all,
        [ROLE_TECHNICAL_LEAD] = "technical-lead",
        [ROLE_COMMUNICATIONS] = "",
        [ROLE_DATABASE_ADMIN] = "database-admin",
        [ROLE_NETWORK_ADMIN] = "network-admin",
        [ROLE_DEVELOPER] = "",
        [ROLE_AUTOMATION] = "",
        [ROLE_AUDITOR] = "",
    };
    for (unsigned role = 0; role < ROLES_N; role++) {
        char line[256] = "";
        for (unsigned needed = 0; needed < ROLES_N; needed++) {
            line_append(line, sizeof line, role_may_approve((enum role)role, (enum role)needed),
                        role_text((enum role)needed));
        }
        assert_string_equal(line, expected[role]);
    }
}

static void automation_promotes_and_looks_and_nothing_else(void **state) {
    (void)state;
    static const char all[] =
        "patroni_demote, patroni_promote, patroni_handoff, pg_promote, pg_await_position, "
        "redis_demote, redis_promote, redis_handoff, dns_update, http_call, exec, approval, "
        "verify, pg_rejoin, kubernetes_scale, haproxy_server, dns_powerdns, fence_agent, "
        "dns_route53, dns_cloudflare, traffic_shift, "
        "s3_direction, clickhouse_recover, manual, smtp_send, patroni_switchover, "
        "sentinel_failover";
    static const char *const expected[ROLES_N] = {
        [ROLE_SRE] = all,
        [ROLE_COMMANDER] = all,
        [ROLE_TECHNICAL_LEAD] = all,
        [ROLE_COMMUNICATIONS] = "",
        [ROLE_DATABASE_ADMIN] = "patroni_demote, patroni_promote, patroni_handoff, pg_promote, "
                                "pg_await_position, redis_demote, redis_promote, redis_handoff, "
                                "approval, verify, pg_rejoin, traffic_shift, manual, "
                                "patroni_switchover, sentinel_failover",
        [ROLE_NETWORK_ADMIN] = "pg_await_position, dns_update, approval, verify, haproxy_server, "
                               "dns_powerdns, dns_route53, dns_cloudflare, traffic_shift, manual",
        [ROLE_DEVELOPER] = "",
        [ROLE_AUTOMATION] = "patroni_promote, pg_promote, pg_await_position, redis_promote, "
                            "approval, verify, traffic_shift, manual",
        [ROLE_AUDITOR] = "",
    };
    for (unsigned role = 0; role < ROLES_N; role++) {
        char line[512] = "";
        for (unsigned action = 0; action < ACTION_KINDS_N; action++) {
            line_append(line, sizeof line,
                        role_may_run_action((enum role)role, (enum action_kind)action),
                        action_kind_text((enum action_kind)action));
        }
        assert_string_equal(line, expected[role]);
    }
}

static void values_outside_the_tables_may_nothing(void **state) {
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        assert_false(role_may((enum role)(ROLES_N + value), REQUEST_QUERY));
        assert_false(role_may(ROLE_SRE, (enum request_kind)(REQUEST_KINDS_N + value)));
        assert_false(role_may_declare(ROLE_SRE, (enum plan_kind)(PLAN_KINDS_N + value)));
        assert_false(role_may_approve((enum role)(ROLES_N + value), ROLE_SRE));
        assert_false(role_may_approve(ROLE_SRE, (enum role)(ROLES_N + value)));
        assert_false(role_may_run_action((enum role)(ROLES_N + value), ACTION_VERIFY));
        assert_false(role_may_run_action(ROLE_SRE, (enum action_kind)(ACTION_KINDS_N + value)));
    }
    assert_string_equal(request_kind_text((enum request_kind)200), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_exactly_those_of_the_table),
        cmocka_unit_test(automation_declares_failovers_only),
        cmocka_unit_test(approvals_are_given_by_the_role_the_commander_or_the_sre),
        cmocka_unit_test(automation_promotes_and_looks_and_nothing_else),
        cmocka_unit_test(values_outside_the_tables_may_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
