/* Log bytes and frames -> events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/io/sign.h"
#include "coordinator/member.h"
#include "proto/canon.h"
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

/* What each row changes of a word that is good, and what the refusal says. */
enum second_case {
    SECOND_GOOD,
    SECOND_NONE,
    SECOND_OF_NOBODY,
    SECOND_SAME_PERSON,
    SECOND_WRONG_ROLE,
    SECOND_OTHER_TEXT,
    SECOND_OTHER_CLUSTER,
    SECOND_OTHER_TIME,
    SECOND_OLD,
    SECOND_CASES_N
};

static bool second_case(enum second_case which, struct text256 *reterr) {
    static const char text[] = "initial_epoch = 1002;", other[] = "initial_epoch = 2002;";
    static struct topology topology;
    struct request request = {.operator_name = "t1", .text = text, .text_size = sizeof text - 1};
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE], seed[KEY_SIZE];
    topology = *sample_topology(NULL, NULL);
    uint8_t first = topology_operator(&topology, "t1");
    uint8_t second = first == 0 ? 1 : 0;
    struct operator_entry *entry = &topology.operators[second];
    assert_int_equal(sign_keypair(seed, entry->sign_key), ERR_OK);
    (void)text_copy(entry->person, NAME_SIZE,
                    which == SECOND_SAME_PERSON ? topology.operators[first].person
                                                : "Somebody else");
    entry->role = which == SECOND_WRONG_ROLE ? ROLE_TECHNICAL_LEAD : ROLE_SRE;
    (void)text_copy(request.second.name, NAME_SIZE, entry->name);
    request.second.not_after_wall_ms = 1000000;
    digest_sha256((const uint8_t *)text, sizeof text - 1, digest);
    size_t size = canon_second(which == SECOND_OTHER_CLUSTER ? "elsewhere" : topology.cluster,
                               &request.second, digest, canon);
    assert_int_equal(sign_bytes(seed, canon, size, request.second.signature), ERR_OK);
    if (which == SECOND_NONE || which == SECOND_OF_NOBODY) {
        (void)text_copy(request.second.name, NAME_SIZE, which == SECOND_NONE ? "" : "nobody");
    }
    request.text = which == SECOND_OTHER_TEXT ? other : text;
    request.second.not_after_wall_ms += which == SECOND_OTHER_TIME ? 1 : 0;
    return facts_verify_second(&topology, &request,
                               1000000 + REQUEST_SKEW_MS + (which == SECOND_OLD ? 1 : 0), reterr);
}

/* Requirement N12: two persons, not two keys. */
static void a_log_is_begun_anew_by_two_persons(void **state) {
    static const char *const says[SECOND_CASES_N] = {
        [SECOND_GOOD] = "",
        [SECOND_NONE] = "a second person must sign",
        [SECOND_OF_NOBODY] = "no operator is called nobody",
        [SECOND_SAME_PERSON] = "keys of one person",
        [SECOND_WRONG_ROLE] = "may not begin a log",
        [SECOND_OTHER_TEXT] = "does not verify",
        [SECOND_OTHER_CLUSTER] = "does not verify",
        [SECOND_OTHER_TIME] = "does not verify",
        [SECOND_OLD] = "too old",
    };
    (void)state;
    for (unsigned i = 0; i < SECOND_CASES_N; i++) {
        struct text256 why = {{0}};
        assert_int_equal(second_case((enum second_case)i, &why), i == SECOND_GOOD);
        print_message("%u: %s\n", i, why.at);
        assert_non_null(strstr(why.at, says[i]));
    }
}

/* Whatever else comes, a topology needs one person, as it always did. */
static void only_what_ends_the_awaiting_begins_a_log_anew(void **state) {
    static const struct {
        uint32_t version;
        uint64_t epoch;
        bool awaits, goes_on_awaiting, begins;
    } table[] = {{0, 0, true, false, false},
                 {1, 0, true, false, true},
                 {1, 0, true, true, false},
                 {1, 0, false, false, false},
                 {1, 1, true, false, false}};
    static struct topology now, next;
    static struct core core;
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        core.config_version = table[i].version;
        core.epoch = table[i].epoch;
        now.await_initial_epoch = table[i].awaits;
        next.await_initial_epoch = table[i].goes_on_awaiting;
        assert_int_equal(facts_begins_anew(&core, &now, &next), table[i].begins);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_out_of_a_detail),
        cmocka_unit_test(an_agent_is_believed_about_its_own_checks),
        cmocka_unit_test(a_report_of_nobody_is_no_event),
        cmocka_unit_test(a_link_is_its_measurers_business),
        cmocka_unit_test(a_topology_follows_only_where_running_leases_stay_covered),
        cmocka_unit_test(a_log_is_begun_anew_by_two_persons),
        cmocka_unit_test(only_what_ends_the_awaiting_begins_a_log_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
