/* Log bytes and frames -> events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "coordinator/member.h"
#include "tests/unit/topology/sample.h"

static void a_position_is_read_out_of_a_detail(void **state) {
    static const struct {
        const char *detail;
        uint64_t position;
    } table[] = {
        {"lsn=0/3000148 PostgreSQL is shut down", 0x3000148},
        {"stopped, lsn=16/B374D848", 0x16B374D848},
        {"lsn=16/b374d848,", 0x16B374D848},
        {"lsn=FFFFFFFF/FFFFFFFF", UINT64_MAX},
        {"lsn=0/0", 0},
        {"lsn=1FFFFFFFF/0", 0}, /* more than 32 bits in a half */
        {"lsn=0/100000000", 0},
        {"lsn=3000148", 0}, /* no slash */
        {"lsn=0/1/2", 0},   /* two slashes */
        {"lsn=0/XY", 0},
        {"lsn=", 0},
        {"lsn=/", 0},
        {"offset=1234 acknowledged", 1234},
        {"offset=18446744073709551599", 18446744073709551599u},
        {"offset=18446744073709551615", 0}, /* the last digit may be any: refused from there on */
        {"offset=18446744073709551616", 0},
        {"offset=99999999999999999999999", 0},
        {"offset=12x", 12},
        {"offset=", 0},
        {"nothing of the kind", 0},
        {"", 0},
        {"lsn=0/10 offset=99", 0x10}, /* the LSN first */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        print_message("\"%s\"\n", table[i].detail);
        assert_int_equal(facts_position_in(table[i].detail), table[i].position);
    }
}

static void an_agent_is_believed_about_its_own_checks(void **state) {
    static struct report report;
    static struct event_report event;
    const struct topology *topology = sample_topology(NULL, NULL);
    (void)state;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        memset(&report, 0, sizeof report);
        (void)text_copy(report.agent, NAME_SIZE, topology->agents[a].name);
        for (uint16_t c = 0; c < CHECKS_MAX; c++) {
            report.checks[c].check = c;
            report.checks[c].status = CHECK_FAILED;
        }
        report.checks_n = CHECKS_MAX;
        assert_true(facts_report_event(topology, &report, &event));
        unsigned own_n = 0;
        for (uint16_t c = 0; c < topology->checks_n; c++) {
            const struct check *check = &topology->checks[c];
            own_n +=
                check->outside ? check->region != topology->agents[a].region : check->agent == a;
        }
        assert_int_equal(event.checks_n, own_n);
        for (unsigned i = 0; i < event.checks_n; i++) {
            const struct check *check = &topology->checks[event.checks[i].check];
            assert_true(check->outside ? check->region != topology->agents[a].region
                                       : check->agent == a);
        }
    }
}

static void a_report_of_nobody_is_no_event(void **state) {
    static struct report report;
    static struct event_report event;
    (void)state;
    memset(&report, 0, sizeof report);
    (void)text_copy(report.agent, NAME_SIZE, "nobody");
    assert_false(facts_report_event(sample_topology(NULL, NULL), &report, &event));
}

static void a_link_is_its_measurers_business(void **state) {
    const struct topology *topology = sample_topology(NULL, NULL);
    (void)state;
    assert_true(facts_link_is_of(topology, 0, topology_agent(topology, "west-db1")));
    assert_false(facts_link_is_of(topology, 0, topology_agent(topology, "mon1")));
    assert_false(facts_link_is_of(topology, 0, topology_agent(topology, "east-db1")));
    assert_false(facts_link_is_of(topology, NONE, topology_agent(topology, "west-db1")));
    assert_false(facts_link_is_of(topology, 1, topology_agent(topology, "west-db1")));
}

/* tests/model, lines change-...: what a guard was started with may outlive the topology. */
static void a_topology_follows_only_where_running_leases_stay_covered(void **state) {
    static const struct {
        uint32_t wait_less_ms, wait_more_ms, promise_less_ms;
        uint8_t had, has; /* enum quorum_loss */
        bool shorter_lease, renamed, follows;
        const char *says;
    } table[] = {
        {0, 0, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FAILSAFE, false, false, true, ""},
        {0, 5, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FENCE, false, false, true, ""},
        {0, 0, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FENCE, true, false, true, ""},
        {0, 0, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_HOLD, false, false, false, "become hold"},
        {1, 0, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FAILSAFE, false, false, false, "lease.wait"},
        {1, 0, 0, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FAILSAFE, true, false, false, "lease.wait"},
        {0, 0, 1, QUORUM_LOSS_FAILSAFE, QUORUM_LOSS_FAILSAFE, false, false, false, "lease.promise"},
        {0, 0, 0, QUORUM_LOSS_HOLD, QUORUM_LOSS_FAILSAFE, false, false, false, "nor leave it"},
        {0, 0, 0, QUORUM_LOSS_HOLD, QUORUM_LOSS_FENCE, false, false, false, "nor leave it"},
        {0, 0, 0, QUORUM_LOSS_HOLD, QUORUM_LOSS_HOLD, false, false, true, ""},
        {0, 0, 0, QUORUM_LOSS_FENCE, QUORUM_LOSS_FENCE, false, true, false, "renamed"},
    };
    static struct topology now, next;
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text256 why = {{0}};
        now = *sample_topology(NULL, NULL);
        now.lease.on_quorum_loss = table[i].had;
        next = now;
        next.lease.on_quorum_loss = table[i].has;
        next.lease.wait_ms = now.lease.wait_ms - table[i].wait_less_ms + table[i].wait_more_ms;
        next.lease.promise_ms = now.lease.promise_ms - table[i].promise_less_ms;
        next.lease.lease_ms = now.lease.lease_ms - (table[i].shorter_lease ? 1000 : 0);
        if (table[i].renamed) {
            assert_true(text_copy(next.members[0].name, NAME_SIZE, "m7"));
        }
        print_message("row %u\n", i);
        assert_int_equal(decide_topology_follows(&now, &next, &why), table[i].follows);
        assert_non_null(strstr(why.at, table[i].says));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_out_of_a_detail),
        cmocka_unit_test(an_agent_is_believed_about_its_own_checks),
        cmocka_unit_test(a_report_of_nobody_is_no_event),
        cmocka_unit_test(a_link_is_its_measurers_business),
        cmocka_unit_test(a_topology_follows_only_where_running_leases_stay_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
