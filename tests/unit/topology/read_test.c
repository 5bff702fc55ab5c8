/* Reading topology.conf: every message a person can get, by one wrong text each; the defaults; what
 * only partial files may leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/bits.h"
#include "common/io/topology_read.h"
#include "tests/unit/topology/sample.h"

static struct topology topology;

#define NO_LINE 999

struct wrong_row {
    const char *from, *to; /* in sample.conf */
    const char *message;   /* after FILE:LINE: */
    enum err err;          /* 0: CONFIG */
    unsigned line;         /* named, counted from the one that is changed; or NO_LINE */
};

static const struct wrong_row wrong_rows[] = {
    /* grammar */
    {"cluster = \"bud\";", "cluster \"bud\";",
     "expected \"=\" or \":\" after the name of a field, found \"\"bud\";\"", ERR_FORMAT, 0},
    {"date = \"2026-01-25\"; };", "date = \"2026-01-25; };",
     "expected a closing \" for the text on this line, found the end of the line", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = bud;",
     "expected a value: a text in quotes, a number, true or false, { }, ( ) or [ ], found \"bud;\"",
     ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = \"b\\ud\";",
     "expected one of \\n \\r \\t \\f \\x \\\\ \\\" after a backslash, found \"ud\";\"", ERR_FORMAT,
     0},
    {"cluster = \"bud\";", "cluster = \"b\\x00\";",
     "expected two hex digits after \\x, not 00, found \"x00\";\"", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = 1.5;",
     "expected a whole number of at most 18 digits, found \"1.5;\"", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = 1234567890123456789;",
     "expected a whole number of at most 18 digits, found \"1234567890123456789;\"", ERR_FORMAT, 0},
    {"needs = [\"pg\"];", "needs = [\"pg\", 5];",
     "expected [ ] to hold texts only or numbers only; use ( ) for others, found \"5];\"",
     ERR_FORMAT, 0},
    {"needs = [\"pg\"];", "needs = [\"pg\" x];", "expected \",\" or \"]\", found \"x];\"",
     ERR_FORMAT, 0},
    {"needs = [\"pg\"];", "needs = (((((((((((1)))))))))));",
     "expected no more than 12 levels of { ( [, found \"(1)))))))))));\"", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "@include \"other.conf\"",
     "@include is not supported: one file says it all", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = \"bud\"; /* never closed",
     "expected a closing */ for this comment, found \"/*\"", ERR_FORMAT, 0},
    {"cluster = \"bud\";", "cluster = \"bud\"; cluster = \"bud\";", "duplicate setting name",
     ERR_FORMAT, 0},
    /* the top */
    {"cluster = \"bud\";", "clustre = \"bud\";",
     "clustre: unknown field; did you mean \"cluster\"?", 0, 0},
    {"cluster = \"bud\";", "zzzzzzzzzz = 1;",
     "zzzzzzzzzz: unknown field; known here: cluster, regions, members, initial_region, "
     "initial_epoch, await_initial_epoch, document, lease, policy, objectives, age",
     0, 0},
    {"cluster = \"bud\";", "", "the field \"cluster\" is missing", 0, NO_LINE},
    {"initial_region = \"east\";", "", "the field \"initial_region\" is missing", 0, 999},
    {"cluster = \"bud\";", "cluster = 5;", "cluster: expected a name in quotes, found 5", 0, 0},
    {"cluster = \"bud\";", "cluster = \"Bud\";",
     "cluster: expected a name: a-z, 0-9, - _ . and a letter first, found \"Bud\"", 0, 0},
    {"cluster = \"bud\";", "cluster = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";",
     "cluster: expected at most 31 characters, found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", 0, 0},
    {"initial_region = \"east\";", "initial_region = \"eats\";",
     "initial_region: no region is called \"eats\"; did you mean \"east\"?", 0, 0},
    {"initial_region = \"east\";", "initial_region = \"east\"; initial_epoch = 0;",
     "initial_epoch: expected a whole number of 1 to 1000000000, found 0", 0, 0},
    {"initial_region = \"east\";", "initial_region = \"east\"; initial_epoch = 1000000001;",
     "initial_epoch: expected a whole number of 1 to 1000000000, found 1000000001", 0, 0},
    {"initial_region = \"east\";", "initial_region = 1;",
     "initial_region: expected the name of a declared region, found 1", 0, 0},
    {"name = \"Plan\"; ", "", "document: the field \"name\" is missing", 0, 0},
    {"name = \"Plan\"; ", "name = \"\"; ",
     "document.name: expected at least 1 characters, found \"\"", 0, 0},
    {"name = \"Plan\"; ", "name = \"Pl\\tan\"; ",
     "document.name: expected a text, found control characters or no UTF-8", 0, 0},
    {"name = \"Plan\"; ", "name = \"Pl\xc0\x80n\"; ",
     "document.name: expected a text, found control characters or no UTF-8", 0, 0},
    {"document: {", "document: 5; drills2: {", "document: expected a group { }, found 5", 0, 0},
    /* lease and policy */
    {"lease = \"30s\";", "lease = \"30 s\";",
     "lease.lease: expected a duration: \"500ms\", \"30s\", \"5m\", \"1h\", \"14d\", or whole "
     "milliseconds, found \"30 s\"",
     0, 0},
    {"lease = \"30s\";", "lease = -5;",
     "lease.lease: expected a duration: \"500ms\", \"30s\", \"5m\", \"1h\", \"14d\", or whole "
     "milliseconds, found -5",
     0, 0},
    {"lease = \"30s\";", "lease = \"60d\";",
     "lease.lease: expected a duration of 1ms to 4294967295ms, found \"60d\"", 0, 0},
    {"lease = \"30s\";", "renew = true;",
     "lease.renew: expected a duration: \"500ms\", \"30s\", \"5m\", \"1h\", \"14d\", or whole "
     "milliseconds, found true",
     0, 0},
    {"lease = \"30s\";", "renwe = \"5s\";", "lease.renwe: unknown field; did you mean \"renew\"?",
     0, 0},
    {"lease = \"30s\";", "drift_ppm = 1000000;",
     "lease.drift_ppm: expected a whole number of 0 to 999999, found 1000000", 0, 0},
    {"lease = \"30s\";", "on_quorum_loss = \"fail-safe\";",
     "lease.on_quorum_loss: unknown \"fail-safe\"; did you mean \"failsafe\"?", 0, 0},
    {"lease = \"30s\";", "on_quorum_loss = \"promote\";",
     "lease.on_quorum_loss: expected one of failsafe, fence, hold, found \"promote\"", 0, 0},
    {"lease = \"30s\";", "wait_from = \"open\";",
     "lease.wait_from: expected one of last-yes, close, found \"open\"", 0, 0},
    {"lease = \"30s\";", "on_quorum_loss = 1;",
     "lease.on_quorum_loss: expected one of failsafe, fence, hold, found 1", 0, 0},
    {"automatic = true;", "automatic = \"yes\";",
     "policy.automatic: expected true or false, found \"yes\"", 0, 0},
    {"automatic = true;", "automatic = 1;", "policy.automatic: expected true or false, found 1", 0,
     0},
    /* objectives, regions, members, agents */
    {"{ tier = 1; rto", "{ tier = 5; rto",
     "objectives[0].tier: expected a whole number of 1 to 4, found 5", 0, 0},
    {"{ tier = 2; rto", "{ tier = 1; rto", "objectives[1]: tier 1 has an objective already", 0, 0},
    {"{ tier = 1; rto = \"4h\"; rpo = \"1h\"; }", "{ tier = 1; rto = \"4h\"; }",
     "objectives[0]: the field \"rpo\" is missing", 0, 0},
    {"regions: (", "regions: (5, ", "regions[0]: expected a group { }, found 5", 0, 0},
    {"regions: (", "regions: \"east\"; x: (", "regions: expected a list of regions, found \"east\"",
     0, 0},
    {"regions: (",
     "regions: ({ name = \"a\"; kind = \"data\"; }, { name = \"b\"; kind = \"data\"; }, ",
     "regions: expected at most 4 regions, found a list of 5", 0, 0},
    {"{ name = \"west\"; kind = \"data\"; }", "{ name = \"east\"; kind = \"data\"; }",
     "regions[1].name: \"east\" is the name of an entry before this one", 0, 0},
    {"{ name = \"west\"; kind = \"data\"; }", "{ kind = \"data\"; }",
     "regions[1]: the field \"name\" is missing", 0, 0},
    {"{ name = \"west\"; kind = \"data\"; }", "{ name = \"west\"; kind = \"date\"; }",
     "regions[1].kind: unknown \"date\"; did you mean \"data\"?", 0, 0},
    {"\"tcp://10.0.0.1:7401\"", "\"tcp://m1.bud.internal:7401\"",
     "members[0].agents_address: expected tcp://IP:PORT with a numeric address, found "
     "\"tcp://m1.bud.internal:7401\"",
     0, 0},
    {"\"tcp://10.0.0.1:7401\"", "\"10.0.0.1:7401\"",
     "members[0].agents_address: expected tcp://IP:PORT with a numeric address, found "
     "\"10.0.0.1:7401\"",
     0, 0},
    {"\"tcp://10.0.0.1:7401\"", "\"tcp://10.0.0.1:0\"",
     "members[0].agents_address: expected tcp://IP:PORT with a numeric address, found "
     "\"tcp://10.0.0.1:0\"",
     0, 0},
    {"\"tcp://10.0.0.1:7401\"", "\"tcp://10.0.0.1:65536\"",
     "members[0].agents_address: expected tcp://IP:PORT with a numeric address, found "
     "\"tcp://10.0.0.1:65536\"",
     0, 0},
    {"\"@11\"", "\"abc\"",
     "members[0].curve_key: expected a key of 64 hex digits, found 3 characters", 0, 0},
    {"\"@11\"", "\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"",
     "members[0].curve_key: expected a key of 64 hex digits, found 64 characters that are not all "
     "hex",
     0, 0},
    {"\"@11\"", "11", "members[0].curve_key: expected a key of 64 hex digits in quotes, found 11",
     0, 0},
    {"region = \"mon\"; curve_key", "region = \"moon\"; curve_key",
     "agents[2].region: no region is called \"moon\"; did you mean \"mon\"?", 0, 0},
    {"gate = true;", "gates = true;", "agents[0].gates: unknown field; did you mean \"gate\"?", 0,
     0},
    /* components */
    {"kind = \"postgresql\"; tier", "kind = \"postgres\"; tier",
     "components[0].kind: unknown \"postgres\"; did you mean \"postgresql\"?", 0, 0},
    {"needs = [\"pg\"];", "needs = [\"pq\"];",
     "components[1].needs[0]: no component is called \"pq\"; did you mean \"pg\"?", 0, 0},
    {"needs = [\"pg\"];", "needs = \"pg\";",
     "components[1].needs: expected a list of components' names, found \"pg\"", 0, 0},
    {"{ region = \"west\"; agents = [\"west-db1\"]; }", "{ region = \"east\"; }",
     "components[1].endpoints[1]: \"app\" has an endpoint in \"east\" already", 0, 0},
    {"agents = [\"east-db1\"];\n", "agents = [\"east-db2\"];\n",
     "components[0].endpoints[0].agents[0]: no agent is called \"east-db2\"; did you mean "
     "\"east-db1\"?",
     0, 0},
    {"front_port = 5000;", "front_port = (5000);",
     "components[0].endpoints[0].args.front_port: expected a text, a whole number or true/false, "
     "found a list of 1",
     0, 0},
    {"front_port = 5000;", "Front = 5000;",
     "components[0].endpoints[0].args.Front: expected an argument name of a-z, 0-9, - and _, at "
     "most "
     "26 characters",
     0, 0},
    {"front_port = 5000;", "a234567890123456789012345678 = 1;",
     "components[0].endpoints[0].args.a234567890123456789012345678: expected an argument name of "
     "a-z, 0-9, - and _, at most 26 characters",
     0, 0},
    {"args: { patroni_urls = \"http://10.1.0.1:8008\"; front_port = 5000; };", "args: [];",
     "components[0].endpoints[0].args: expected a group of arguments { name = value; }, found an "
     "array of 0",
     0, 0},
    {"tier = 2; needs", "tier = 9; needs",
     "components[1].tier: expected a whole number of 0 to 4, found 9", 0, 0},
    {"needs = [\"pg\"];", "needs = [\"pg\"]; failover_within = \"999ms\";",
     "components[1].failover_within: expected a duration of 1s to 1h, found \"999ms\"", 0, 0},
    /* links and checks */
    {"kind = \"stream\";", "kind = \"streem\";",
     "links[0].kind: unknown \"streem\"; did you mean \"stream\"?", 0, 0},
    {"component = \"pg\"; target_lag", "target_lag", "links[0]: the field \"component\" is missing",
     0, 0},
    {"agent = \"east-db1\"; vital", "vital",
     "checks[0]: expected either outside = true (the other regions' agents run it) or agent = "
     "\"...\" (that one runs it), found neither",
     0, 0},
    {"agent = \"east-db1\"; vital", "agent = \"east-db1\"; outside = true; vital",
     "checks[0]: expected either outside = true (the other regions' agents run it) or agent = "
     "\"...\" (that one runs it), found both",
     0, 0},
    {"component = \"pg\"; region = \"east\"; outside", "component = \"pg\"; outside",
     "checks[2]: the field \"region\" is missing: which region is looked at from outside?", 0, 0},
    {"interval = \"1s\";", "interval = \"50ms\";",
     "checks[1].interval: expected a duration of 100ms to 4294967295ms, found \"50ms\"", 0, 0},
    {"interval = \"1s\";", "failures = 0;",
     "checks[1].failures: expected a whole number of 1 to 100, found 0", 0, 0},
    {"interval = \"1s\";", "link2 = \"pg\";",
     "checks[1].link2: unknown field; did you mean \"link\"?", 0, 0},
    {"kind = \"pg_replication\"", "kind = \"pg-replication\"",
     "checks[1].kind: unknown \"pg-replication\"; did you mean \"pg_replication\"?", 0, 0},
    /* plans */
    {"kind = \"failover\"; steps", "kind = \"parade\"; steps",
     "plans[0].kind: expected one of failover, switchover, reprotect, "
     "component, drill, found \"parade\"",
     0, 0},
    {"action = \"verify\";", "action = \"verifi\";",
     "plans[0].steps[1].action: unknown \"verifi\"; did you mean \"verify\"?", 0, 0},
    {"action = \"verify\";", "action = \"explode_everything\";",
     "plans[0].steps[1].action: expected one of patroni_demote, patroni_promote, patroni_handoff, "
     "pg_promote, pg_await_position, redis_demote, redis_promote, redis_handoff, dns_updat",
     0, 0},
    {"needs = [\"promote\"];\n", "needs = [\"promote\"]; locks = \"dns\";\n",
     "plans[0].steps[1].locks: expected a list of locks' names, found \"dns\"", 0, 0},
    {"needs = [\"promote\"];\n", "needs = [\"promote\"]; locks = [\"DNS\"];\n",
     "plans[0].steps[1].locks[0]: expected a name: a-z, 0-9, - _ . and a letter first, found "
     "\"DNS\"",
     0, 0},
    {"needs = [\"promote\"];\n", "needs = [\"promote\"]; locks = [\"dns\", \"dns\"];\n",
     "plans[0].steps[1].locks[1]: expected each lock once, found \"dns\"", 0, 0},
    {"needs = [\"promote\"];\n",
     "locks = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", "
     "\"l\", \"m\", \"n\", \"o\", \"p\", \"q\"];\n",
     "plans[0].steps[1].locks: expected at most 16 locks' names, found an array of 17", 0, 0},
    {"timeout = \"30s\"; },",
     "timeout = \"30s\"; locks = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", "
     "\"j\", \"k\", \"l\", \"m\", \"n\", \"o\", \"p\"]; }, { name = \"x\"; action = \"verify\"; "
     "component = \"app\"; locks = [\"p\", \"q\"]; },",
     "plans[0].steps[1].locks[1]: expected at most 16 different locks in a plan, found \"q\"", 0,
     0},
    {"needs = [\"promote\"];\n", "needs = [\"promotion\"];\n",
     "plans[0].steps[1].needs[0]: no step of this plan is called \"promotion\"; did you mean "
     "\"promote\"?",
     0, 0},
    {"at = \"source\";", "at = \"here\";",
     "plans[1].steps[0].at: expected one of target, source, found \"here\"", 0, 0},
    {"approval = \"network-admin\";", "approval = \"networkadmin\";",
     "plans[1].steps[2].approval: unknown \"networkadmin\"; did you mean \"network-admin\"?", 0, 0},
    {"{ name = \"check\"; action", "{ name = \"promote\"; action",
     "plans[0].steps[1].name: \"promote\" is the name of an entry before this one", 0, 0},
    /* people, backups, drills */
    {"role = \"technical-lead\";", "role = \"lead\";",
     "operators[2].role: expected one of on-call-sre, dr-commander, technical-lead, "
     "communications, "
     "database-admin, network-admin, developer, automation, auditor, found \"lead\"",
     0, 0},
    {"person = \"Ann\";", "person = \"\";",
     "operators[0].person: expected at least 1 characters, found \"\"", 0, 0},
    {"every = \"continuous\";", "every = \"always\";",
     "backups[1].every: expected a duration: \"500ms\", \"30s\", \"5m\", \"1h\", \"14d\", or whole "
     "milliseconds, found \"always\"",
     0, 0},
    {"component = \"pg\"; type = \"full\";", "component = \"pgs\"; type = \"full\";",
     "backups[0].component: no component is called \"pgs\"; did you mean \"pg\"?", 0, 0},
    {"every = \"365d\";", "every = \"10m\";", "drills[0].every: expected a duration of 1h to", 0,
     0},
    {"drills: (",
     "parity: ({ name = \"a\"; checks = [\"pg-eats\"]; standby = 50; fix = \"x\"; }); drills: (",
     "parity[0].checks[0]: no check is called \"pg-eats\"; did you mean \"pg-east\"?", 0, 0},
    {"drills: (",
     "parity: ({ name = \"a\"; checks = [\"pg-east\"]; standby = 0; fix = \"x\"; }); drills: (",
     "parity[0].standby: expected a whole number of 1 to 1000, found 0", 0, 0},
    {"drills: (", "parity: ({ name = \"a\"; checks = [\"pg-east\"]; standby = 50; }); drills: (",
     "parity[0]: the field \"fix\" is missing", 0, 0},
    {"drills: (",
     "parity: ({ name = \"a\"; checks = [\"pg-east\"]; standby = 50; fix = \"\"; }); drills: (",
     "parity[0]: the field \"fix\" is missing: which command mends it?", 0, 0},
};

/* The line where the change begins. */
static unsigned line_changed(const char *original, const char *text) {
    unsigned line = 1;
    for (size_t i = 0; text[i] != 0 && text[i] == original[i]; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static bool wrong_row_holds(const struct wrong_row *row) {
    static char original[SAMPLE_SIZE];
    (void)snprintf(original, sizeof original, "%s", sample_text(NULL, NULL));
    const char *text = sample_text(row->from, row->to);
    struct text256 why = {.at = ""};
    enum err err = topology_read(text, strlen(text), "sample.conf", &topology, &why);
    char expected[400];
    if (row->line == NO_LINE) {
        (void)snprintf(expected, sizeof expected, "sample.conf: %s", row->message);
    } else {
        (void)snprintf(expected, sizeof expected, "sample.conf:%u: %s",
                       line_changed(original, text) + row->line, row->message);
    }
    bool holds =
        err == (row->err == ERR_OK ? ERR_CONFIG : row->err) && text_starts(why.at, expected);
    if (!holds) {
        print_error("expected %s\nfound    %s: %s\n", expected, err_name(err), why.at);
    }
    return holds;
}

static void each_wrong_text_is_named_by_place_and_cause(void **state) {
    (void)state;
    const size_t rows_n = sizeof wrong_rows / sizeof wrong_rows[0];
    size_t wrong_n = 0;
    assert_true(rows_n >= 60);
    for (size_t i = 0; i < rows_n; i++) {
        wrong_n += !wrong_row_holds(&wrong_rows[i]);
    }
    assert_int_equal(wrong_n, 0);
}

static void defaults_are_those_of_the_design_and_the_documents(void **state) {
    (void)state;
    const struct topology *read = sample_topology("lease: { lease = \"30s\"; };\n", "");
    const struct lease_numbers *lease = &read->lease;
    assert_int_equal(lease->lease_ms, 30000);
    assert_int_equal(lease->renew_ms, 5000);
    assert_int_equal(lease->fence_ms, 8000);
    assert_int_equal(lease->gate_early_ms, 2000);
    assert_int_equal(lease->wait_ms, 32000);
    assert_int_equal(lease->promise_ms, 32000);
    assert_int_equal(lease->drift_ppm, 10000);
    assert_int_equal(lease->tick_ms, 1000);
    assert_int_equal(lease->on_quorum_loss, QUORUM_LOSS_FAILSAFE);
    assert_int_equal(lease->wait_from, WAIT_FROM_LAST_YES);
    const struct policy_numbers *policy = &read->policy;
    assert_true(policy->automatic); /* the sample says so */
    assert_false(policy->automatic_sick);
    assert_false(policy->accept_soft_fence);
    assert_true(policy->rearm_needed);
    assert_int_equal(policy->hold_down_ms, 60000);
    assert_int_equal(policy->settle_ms, 30000);
    assert_int_equal(policy->silent_ms, 5000);
    assert_int_equal(policy->block_ms, 3600000);
    assert_int_equal(policy->agent_step_ms, 60000);
    assert_int_equal(policy->automatic_within_ms, 300000);
    assert_int_equal(policy->planned_within_ms, 1800000);
    assert_int_equal(policy->exercise_within_ms, 0);
    assert_int_equal(read->version, 0);
    read = sample_topology("policy: { automatic = true; };\n", "");
    assert_false(read->policy.automatic);
}

static void a_short_lease_has_a_gate_and_promise_that_follow(void **state) {
    (void)state;
    const struct topology *read = sample_topology(
        "lease: { lease = \"30s\"; };",
        "lease: { lease = \"5s\"; renew = 700; fence = \"1500ms\"; wait = \"6s\"; tick = 100; };");
    assert_int_equal(read->lease.lease_ms, 5000);
    assert_int_equal(read->lease.renew_ms, 700);
    assert_int_equal(read->lease.gate_early_ms, 500);
    assert_int_equal(read->lease.promise_ms, 6000);
}

static void checks_have_their_kinds_times(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        uint32_t interval_ms, timeout_ms;
        uint8_t failures_n;
    } rows[] = {
        {"http", 10000, 5000, 3}, /* API health, SEED-50 */
        {"tcp", 10000, 5000, 3},
        {"haproxy", 10000, 5000, 3},
        {"exec", 10000, 5000, 3},
        {"postgresql", 30000, 10000, 2}, /* SEED-51 */
        {"patroni", 30000, 10000, 2},
        {"redis", 30000, 10000, 2},
        {"sentinel", 30000, 10000, 2},
        {"pg_replication", 60000, 10000, 2}, /* SEED-52 */
        {"redis_replication", 60000, 10000, 2},
        {"certificate", 3600000, 10000, 1}, /* SEED-53 */
        {"dns", 60000, 5000, 2},
        {"vault", 10000, 5000, 3},
        {"oidc", 10000, 5000, 3},
        {"prometheus", 10000, 5000, 3},
        {"clickhouse", 30000, 10000, 2},
        {"kubernetes", 10000, 5000, 3},
        {"pg_canary", 1000, 900, 5},
        {"redis_canary", 1000, 900, 5},
        {"clickhouse_canary", 1000, 900, 5},
        {"s3", 10000, 5000, 3},
        {"backup", 300000, 30000, 1},
        {"git", 300000, 30000, 1},
        {"storage", 10000, 5000, 3},
        {"parity", 10000, 5000, 3},
        {"path", 10000, 5000, 3},
        {"smtp", 60000, 5000, 2},
        {"fence_agent", 300000, 30000, 1},
        {"secret_age", 3600000, 10000, 1}, /* SEED-58 */
    };
    assert_int_equal(sizeof rows / sizeof rows[0], CHECK_KINDS_N);
    for (size_t i = 0; i < CHECK_KINDS_N; i++) {
        char to[64];
        (void)snprintf(to, sizeof to, "\"app-east\"; kind = \"%s\"", rows[i].kind);
        const struct topology *read = sample_topology("\"app-east\"; kind = \"http\"", to);
        const struct check *check = &read->checks[4];
        assert_string_equal(check_kind_text((enum check_kind)check->kind), rows[i].kind);
        assert_int_equal(check->interval_ms, rows[i].interval_ms);
        assert_int_equal(check->timeout_ms, rows[i].timeout_ms);
        assert_int_equal(check->failures_n, rows[i].failures_n);
        assert_int_equal(check->passes_n, 2);
        assert_int_equal(check->link, NONE);
        assert_false(check->vital);
    }
}

static void what_is_left_out_follows_from_what_is_written(void **state) {
    (void)state;
    const struct topology *read = sample_topology(NULL, NULL);
    assert_int_equal(read->checks[0].region, 0); /* its agent's */
    assert_int_equal(read->checks[6].region, 2);
    assert_true(read->agents[0].guarded); /* it has a guard's key */
    assert_false(read->agents[2].guarded);
    const struct step *promote = &read->plans[1].steps[1];
    assert_int_equal(promote->timeout_ms, 60000); /* policy.step_timeout */
    assert_int_equal(promote->tier, 1);           /* its component's */
    assert_int_equal(promote->approval, NONE);
    assert_int_equal(promote->agent, NONE);
    assert_false(promote->at_source);
    assert_int_equal(read->plans[0].steps[1].needs[0], 0);
    assert_int_equal(read->components[1].needs, bit(0));
    assert_int_equal(read->endpoints_n, 8);
    assert_int_equal(read->backups[1].every_ms, 0);
    read = sample_topology("alert_lag = \"1m\"; ", "");
    assert_int_equal(read->links[0].alert_lag_ms, 300000); /* SEED-52 */
}

static void values_are_kept_as_text(void **state) {
    (void)state;
    const struct topology *read = sample_topology(
        "front_port = 5000;", "front_port = 5000; a = -5; b = false; c = \"x \\\"y\\\" \\\\\"; d = "
                              "\"one \" \"text\"; e = 0x1F;");
    const struct arguments *arguments = &read->endpoints[0].arguments;
    assert_string_equal(arguments_get(arguments, "front_port"), "5000");
    assert_string_equal(arguments_get(arguments, "a"), "-5");
    assert_string_equal(arguments_get(arguments, "b"), "false");
    assert_string_equal(arguments_get(arguments, "c"), "x \"y\" \\");
    assert_string_equal(arguments_get(arguments, "d"), "one text");
    assert_string_equal(arguments_get(arguments, "e"), "31");
}

static void a_second_reading_leaves_nothing_of_the_first(void **state) {
    (void)state;
    const char *text = sample_text("vital = true; },", "vital = true; args: { old = 1; }; },");
    struct text256 why;
    assert_int_equal(topology_read(text, strlen(text), "a", &topology, &why), ERR_OK);
    assert_int_equal(topology.checks[0].arguments.n, 1);
    text = sample_text(NULL, NULL);
    assert_int_equal(topology_read(text, strlen(text), "b", &topology, &why), ERR_OK);
    assert_int_equal(topology.checks[0].arguments.n, 0);
    text = sample_text("agents = [\"east-db1\"];\n", "agents = [];\n");
    assert_int_equal(topology_read(text, strlen(text), "c", &topology, &why), ERR_OK);
    assert_int_equal(topology.endpoints[0].agents_n, 0);
    assert_int_equal(topology.endpoints_n, 8);
}

static const char pins[] =
    "cluster = \"bud\"; regions: ({ name = \"east\"; kind = \"data\"; });\n"
    "members: ({ name = \"m1\"; agents_address = \"tcp://[fd00::1]:7401\"; operators_address = "
    "\"tcp://10.0.0.1:7402\"; curve_key = \"@1\"; sign_key = \"@2\"; });\n";

static void pins_need_only_what_they_pin(void **state) {
    (void)state;
    const char *text = sample_keys(pins);
    struct text256 why = {.at = ""};
    assert_int_equal(topology_read_partial(text, strlen(text), "pins", &topology, &why), ERR_OK);
    assert_int_equal(topology.members_n, 1);
    assert_int_equal(topology.members[0].curve_key[KEY_SIZE - 1], 1);
    assert_int_equal(topology.agents_n, 0);
    assert_int_equal(topology.initial_region, NONE);
    assert_int_equal(topology.lease.lease_ms, 30000);
    assert_int_equal(topology_read(text, strlen(text), "pins", &topology, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "the field \"initial_region\" is missing"));
}

static void texts_beyond_the_limit_are_refused(void **state) {
    (void)state;
    static char text[TOPOLOGY_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    struct text256 why;
    assert_int_equal(topology_read(text, sizeof text, "big", &topology, &why), ERR_TOO_BIG);
    assert_string_equal(why.at, "big: 196609 bytes, the limit is 196608");
    text[5] = 0;
    assert_int_equal(topology_read(text, 10, "zero", &topology, &why), ERR_FORMAT);
    assert_string_equal(why.at, "zero:1: a zero byte: not a text file");
    assert_int_equal(topology_read_file("/nonexistent/topology.conf", false, &topology, &why),
                     ERR_NOT_FOUND);
    assert_int_equal(topology_read_file("/", false, &topology, &why), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_text_is_named_by_place_and_cause),
        cmocka_unit_test(defaults_are_those_of_the_design_and_the_documents),
        cmocka_unit_test(a_short_lease_has_a_gate_and_promise_that_follow),
        cmocka_unit_test(checks_have_their_kinds_times),
        cmocka_unit_test(what_is_left_out_follows_from_what_is_written),
        cmocka_unit_test(values_are_kept_as_text),
        cmocka_unit_test(a_second_reading_leaves_nothing_of_the_first),
        cmocka_unit_test(pins_need_only_what_they_pin),
        cmocka_unit_test(texts_beyond_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
