/* The check: one change of the clean sample each, and exactly the findings it must give; the
 * lease's inequalities at their edges. Every code in findings.h is given by some row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/topology/findings.h"
#include "tests/unit/topology/sample.h"

static struct findings found;
static bool seen[1000]; /* codes given so far */

/* "E121 W234 W234": each code in the order found. */
static const char *codes_of(const struct findings *findings) {
    static char codes[1024];
    codes[0] = 0;
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *one = &findings->at[i];
        size_t used = strlen(codes);
        (void)snprintf(codes + used, sizeof codes - used, "%s%c%u", used == 0 ? "" : " ",
                       one->is_error ? 'E' : 'W', one->code);
        assert_true(one->where[0] != 0);
        assert_true(one->text[0] != 0);
        assert_true(one->is_error == (one->code < 200));
        seen[one->code] = true;
    }
    return codes;
}

static void the_sample_is_clean(void **state) {
    (void)state;
    topology_check(sample_topology(NULL, NULL), &found);
    for (unsigned i = 0; i < found.n; i++) {
        print_error("%u %s: %s\n", found.at[i].code, found.at[i].where, found.at[i].text);
    }
    assert_int_equal(found.n, 0);
}

struct row {
    const char *from, *to; /* in sample.conf */
    const char *codes;
    const char *said; /* in the text of the first finding */
};

#define LEASE "lease: { lease = \"30s\"; };"
#define AUTOMATIC "policy: { automatic = true; };"
#define BY_HAND "policy: { automatic = false; };"
#define M3                                                                                         \
    " sign_key = \"@14\"; },\n"                                                                    \
    "  { name = \"m3\"; agents_address = \"tcp://10.0.0.3:7401\";\n"                               \
    "    operators_address = \"tcp://10.0.0.3:7402\"; curve_key = \"@15\"; sign_key = \"@16\"; "   \
    "});"

/* Two more checks, and a rule that compares those it names. */
#define PAGE "component = \"status.bud.ai\"; agent = \"mon1\"; });\n"
#define PARITY(east, west, names)                                                                  \
    "component = \"status.bud.ai\"; agent = \"mon1\"; },\n"                                        \
    "  { name = \"e\"; component = \"pg\"; " east " },\n"                                          \
    "  { name = \"w\"; component = \"pg\"; " west " });\n"                                         \
    "parity: ({ name = \"both\"; checks = [" names "]; standby = 50; fix = \"add\"; });\n"
#define OF(where, kind, args) "agent = \"" where "-db1\"; kind = \"" kind "\"; args: { " args " };"

static const struct row rows[] = {
    /* who is who */
    {M3, " sign_key = \"@14\"; });", "E102", "found 2"},
    {"kind = \"data\"; }, { name = \"west\"; kind = \"data\"; }",
     "kind = \"data\"; }, { name = \"west\"; kind = \"monitoring\"; }", "E103 E112 E144 E160 W231",
     "found 1"},
    {"initial_region = \"east\";", "initial_region = \"mon\";", "E104", "found mon"},
    {"sign_key = \"@12\"", "sign_key = \"@11\"", "E107", "the same key as members.m1.curve_key"},
    {"curve_key = \"@27\"", "curve_key = \"@24\"", "E107", "the same key as agents.west-db1.curve"},
    {"guard_key = \"@23\"", "guard_key = \"@22\"", "E107", "the same key as agents.east-db1.sign"},
    {"curve_key = \"@31\"", "curve_key = \"@0\"", "E108", "only zeros"},
    {"guard_key = \"@23\"", "guard_key = \"@23\"; guard_key_next = \"@91\"", "", NULL},
    {"sign_key = \"@12\"", "sign_key = \"@12\"; curve_key_next = \"@91\"", "E114", "found only"},
    {"sign_key = \"@12\"", "sign_key = \"@12\"; curve_key_next = \"@91\"; sign_key_next = \"@22\"",
     "E107", "the same key as members.m1.sign_key_next"},
    {"tcp://10.0.0.3:7402", "tcp://10.0.0.1:7401", "E109", "tcp://10.0.0.1:7401"},
    {"tcp://10.2.0.1:7411", "tcp://10.1.0.1:7411", "E109", "east-db1's too"},
    {"guard_key = \"@23\"", "guarded = true", "E110", "needs the guard's public signing key"},
    {"guard_key = \"@23\"", "guarded = false; guard_key = \"@23\"", "E110 E112 E142",
     "guarded = false"},
    {"guard_key = \"@23\"", "guarded = false", "E112 E142", "needs a guard"},
    {"region = \"mon\"; curve_key", "region = \"mon\"; gate = true; curve_key", "E112 W238",
     "holds no data"},
    {"gate = true; peer_address = \"tcp://10.1", "peer_address = \"tcp://10.1",
     "E113 E129 E183 E183", "may hold the lease and gives no promise"},
    {"person = \"Ann\"", "person = \"[Name]\"", "E190", "\"[Name]\" is nobody's name"},
    {"person = \"Ann\"", "person = \"TBD\"", "E190", "holds the role dr-commander"},
    {"person = \"Ben\"", "person = \"Ann\"", "W232 W233", "1 person(s) hold the role dr-commander"},
    {"person = \"Jan\"", "person = \"Ida\"", "W232", "1 person(s) hold the role network-admin"},
    {"peer_address = \"tcp://10.2.0.1:7411\";", "", "W238", "cannot ask"},
    /* lease and policy */
    {LEASE, "lease: { lease = \"500ms\"; };", "E120", "expected 1s to 10m, found 500ms"},
    {LEASE, "lease: { tick = \"5ms\"; };", "E120", "expected 10ms to 10s, found 5ms"},
    {LEASE, "lease: { fence = \"30s\"; };", "E121", "fence 30s must be less than lease 30s"},
    {LEASE, "lease: { gate_early = \"8s\"; };", "E122", "must be less than fence 8s"},
    {LEASE, "lease: { promise = \"31s\"; };", "E124", "promise 31s must be at least wait 32s"},
    {LEASE, "lease: { drift_ppm = 999; };", "E125", "found 999"},
    {LEASE, "lease: { drift_ppm = 200001; };", "E125", "found 200001"},
    {LEASE, "lease: { on_quorum_loss = \"hold\"; };", "W244 E128", "never fenced"},
    {LEASE, "lease: { on_quorum_loss = \"fence\"; };", "", NULL},
    {AUTOMATIC, "policy: { automatic = true; hold_down = \"61m\"; };", "E126 W223", "found 61m"},
    {AUTOMATIC, "policy: { automatic = true; silent = \"1999ms\"; };", "E127",
     "silent 1999ms must be at least 2s"},
    {AUTOMATIC, "policy: { automatic = true; hold_down = \"29s\"; };", "W234", "29s is less than"},
    {AUTOMATIC, "policy: { automatic = true; settle = \"4s\"; };", "W235", "less than silent 5s"},
    {AUTOMATIC, "policy: { automatic = true; automatic_sick = true; automatic_within = \"2m\"; };",
     "W223", "the checks of a sick region "},
    {AUTOMATIC, "policy: { automatic = true; automatic_within = \"2m\"; };", "W223",
     "hold_down 1m + wait 32s"},
    {"region = \"west\"; outside = true;\n    vital = true;", "region = \"west\"; outside = true;",
     "E130", "two are needed"},
    /* components */
    {"needs = [\"pg\"];", "needs = [\"pg\"]; failover_within = \"30s\";", "E147",
     "expected at a component of kind postgresql or redis, found at one of kind http"},
    {"tier = 1; guarded = true;", "tier = 1; guarded = true; needs = [\"app\"];", "E140 E140",
     "through others it needs itself"},
    {"{ region = \"west\"; address = \"10.2.0.1:5432\"; agents = [\"west-db1\"];",
     "{ region = \"west\"; address = \"10.2.0.1:5432\"; agents = [\"east-db1\"];", "E143",
     "of region east"},
    {"{ region = \"west\"; address = \"10.2.0.1:5432\"; agents = [\"west-db1\"];",
     "{ region = \"west\"; address = \"10.2.0.1:5432\";", "E142 E178 E178 E178 E178",
     "only its own API"},
    {"kind = \"external\"; excluded", "kind = \"external\"; guarded = true; excluded",
     "E145 W226 W226", "either ours or not"},
    {"name = \"app\"; kind = \"http\"; tier = 2;", "name = \"app\"; kind = \"http\"; tier = 3;",
     "W206", "tier 3 has no rto and rpo"},
    {"name = \"app\"; kind = \"http\"; tier = 2;", "name = \"app\"; kind = \"http\";", "W205",
     "no objective covers it"},
    {"name = \"pg\"; kind = \"postgresql\"; tier = 1;", "name = \"pg\"; kind = \"postgresql\";",
     "W205", "but app of tier 2 needs it"},
    {"{ region = \"west\"; agents = [\"west-db1\"]; }); },", "{ region = \"mon\"; }); },",
     "W228 E178 W231", "none in west"},
    {"  { name = \"app-east\"; kind = \"http\"; component = \"app\"; agent = \"east-db1\"; },\n",
     "", "W240", "goes unnoticed"},
    {"{ tier = 2; rto = \"8h\";", "{ tier = 2; rto = \"3h\";", "W242", "stricter than tier 1"},
    /* links and checks */
    {"alert_lag = \"1m\";", "alert_lag = \"5m\";", "W202", "5m comes after the target of 1m"},
    {"alert_lag = \"1m\";", "alert_lag = \"30s\";", "W203", "30s comes while the target of 1m"},
    {"target_lag = \"1m\";", "", "W208", "no target lag for pg"},
    {"rpo = \"1h\"; });", "rpo = \"2h\"; });", "E161", "rpo 2h is larger than tier 1's 1h"},
    {"rpo = \"1h\"; });", "rpo = \"30s\"; });", "E162", "target lag 1m is larger than the rpo 30s"},
    {"component = \"pg\"; target_lag", "component = \"status.bud.ai\"; target_lag",
     "E160 E153 W209", "0 data region(s)"},
    {"interval = \"1s\"; timeout = \"1s\";", "", "W230", "every 1m at best"},
    {"link = \"pg\"; interval", "interval", "W230 E153", "no check measures this link"},
    {"timeout = \"1s\";", "timeout = \"1001ms\";", "E150",
     "timeout 1001ms is longer than interval"},
    {"component = \"api.bud.ai\"; region = \"east\";",
     "component = \"api.bud.ai\"; region = \"mon\";", "E151", "no endpoint in region mon"},
    {"component = \"app\"; agent = \"east-db1\";",
     "component = \"elsewhere\"; agent = \"east-db1\"; vital = true;", "W240 E154",
     "goes unnoticed"},
    {"front_port = 5000;",
     "a1=1; a2=1; a3=1; a4=1; a5=1; a6=1; a7=1; a8=1; a9=1; b1=1; b2=1; b3=1; b4=1; b5=1; b6=1; "
     "b7=1; b8=1; b9=1; c1=1; c2=1; c3=1; c4=1; c5=1;",
     "E156 E156 E156 E156", "more than 24"},
    /* plans */
    {"{ name = \"promote\"; action = \"patroni_promote\"; component = \"pg\"; timeout",
     "{ name = \"promote\"; needs = [\"check\"]; action = \"patroni_promote\"; component = \"pg\"; "
     "timeout",
     "E170 E170", "through others it needs itself"},
    {"{ name = \"promote\"; action = \"patroni_promote\"; component = \"pg\"; timeout",
     "{ name = \"promote\"; needs = [\"promote\"]; action = \"patroni_promote\"; component = "
     "\"pg\"; "
     "timeout",
     "E171", "itself, or not there"},
    {"before_fence = true;", "before_fence = true; needs = [\"promote\"];", "E172",
     "which runs after it"},
    {"action = \"verify\";", "action = \"verify\"; before_fence = true;", "E173 E172",
     "cannot ask the region it leaves"},
    {"action = \"verify\";", "action = \"verify\"; at = \"source\";", "E174", "does not answer"},
    {"action = \"verify\";", "action = \"verify\"; mode = \"graceful\";", "E185",
     "belongs to a switchover"},
    {"{ name = \"dns\"; action = \"dns_update\"; component = \"api.bud.ai\";",
     "{ name = \"word\"; action = \"approval\"; approval = \"network-admin\"; locks = "
     "[\"dns\"]; }, { name = \"dns\"; action = \"dns_update\"; component = \"api.bud.ai\";",
     "E186", "an approval holds no lock"},
    {"before_fence = true;", "before_fence = true; mode = \"ungraceful\";", "E185",
     "nothing is handed over then"},
    {"action = \"verify\";", "action = \"verify\"; at = \"source\"; may_fail = true;", "", NULL},
    {"approval = \"network-admin\";", "", "E175", "moves by hand"},
    {"action = \"dns_update\"; component = \"api.bud.ai\"; needs = [\"promote\"];\n"
     "        approval = \"network-admin\";",
     "action = \"dns_route53\"; component = \"api.bud.ai\"; needs = [\"promote\"];", "E175",
     "moves by hand"},
    {"action = \"dns_update\"; component = \"api.bud.ai\"; needs = [\"promote\"];",
     "action = \"dns_powerdns\"; component = \"api.bud.ai\";", "W220", "before promotion"},
    {"approval = \"network-admin\";", "mandated = true;", "", NULL},
    {"approval = \"network-admin\";",
     "approval = \"network-admin\"; args: { name = \"Status.Bud.AI.\"; };", "E176",
     "status.bud.ai is protected"},
    {"args: { ttl = 60; }; },", "args: { ttl = 60; name = \"status.bud.ai\"; }; },", "E176",
     "status.bud.ai is protected"},
    {"args: { ttl = 60; }; },", "args: { ttl = 60; protected = \"status.bud.ai\"; }; },", "", NULL},
    {"action = \"pg_rejoin\"; component = \"pg\";", "action = \"exec\"; component = \"elsewhere\";",
     "E178 E178 E177", "no agent acts on elsewhere in region east"},
    {"action = \"verify\"; component = \"app\";", "action = \"verify\";", "E178",
     "who should run it"},
    {"action = \"patroni_promote\"; component = \"pg\"; timeout",
     "action = \"patroni_promote\"; at = \"source\"; may_fail = true; component = \"pg\"; timeout",
     "E179", "only there is a lease"},
    {"action = \"pg_rejoin\"; component = \"pg\"; at = \"source\";",
     "action = \"pg_rejoin\"; component = \"pg\";", "E184", "takes writes"},
    {"action = \"patroni_handoff\"; component = \"pg\"; at = \"source\";",
     "action = \"patroni_handoff\"; component = \"pg\";", "E184", "takes writes"},
    {"action = \"verify\"; component = \"app\";", "action = \"redis_demote\"; component = \"app\";",
     "E184 W221", "takes writes"},
    {"kind = \"reprotect\"; steps", "kind = \"drill\"; drill = \"full\"; steps", "E187 E187 W243",
     "has no place in a plan of kind drill"},
    {"kind = \"reprotect\"; steps", "kind = \"reprotect\"; drill = \"full\"; steps", "E187",
     "belongs to a plan of kind drill"},
    {"timeout = \"20s\";", "timeout = \"25h\";", "E180", "found 25h"},
    {"action = \"verify\"; component = \"app\";", "action = \"approval\";", "E181",
     "needs the role of whoever does it"},
    {"action = \"verify\"; component = \"app\";",
     "action = \"manual\"; approval = \"dr-commander\"; mandated = true; args: { instructions = "
     "\"Call the provider\"; };",
     "E181", "mandated = true cannot let it pass"},
    {"approval = \"network-admin\";", "approval = \"automation\";", "", NULL},
    {"action = \"pg_rejoin\"; component = \"pg\"; at",
     "action = \"pg_rejoin\"; component = \"pg\"; at", "", NULL},
    {"steps: (\n      { name = \"rejoin\"; action = \"pg_rejoin\"; component = \"pg\"; at = "
     "\"source\"; });",
     "steps: ();", "E182", "then do nothing"},
    {"needs = [\"promote\"];\n        approval", "approval", "W220", "does not wait for promote"},
    {"component = \"app\"; needs = [\"promote\"];", "component = \"app\";", "W225",
     "app needs pg, but this step does not wait for promote"},
    {"component = \"pg\"; timeout = \"30s\";",
     "component = \"pg\"; timeout = \"30s\"; approval = \"dr-commander\";", "W221",
     "waits here for dr-commander, and is promised within 5m"},
    {"action = \"verify\"; component = \"app\";", "action = \"exec\"; component = \"app\";", "W221",
     "a person's mandate, and is promised within 5m; mandated = true would let it pass"},
    {"action = \"verify\"; component = \"app\";",
     "action = \"manual\"; approval = \"dr-commander\"; component = \"app\"; "
     "args: { instructions = \"Call the provider\"; };",
     "W221", "within 5m; no mandate does a person's work"},
    {"action = \"verify\"; component = \"app\";",
     "action = \"exec\"; mandated = true; component = \"app\";", "W224", "1 mandated step(s)"},
    {"action = \"patroni_promote\"; component = \"pg\"; timeout",
     "action = \"pg_await_position\"; component = \"pg\"; timeout", "W226", "no step promotes pg"},
    {"action = \"verify\"; component = \"app\";",
     "action = \"verify\"; agent = \"west-db1\"; component = \"app\";", "W227",
     "one direction only"},
    {"kind = \"reprotect\"; steps", "kind = \"switchover\"; steps", "W226 W243",
     "no step promotes pg"},
    /* promises */
    {"version = \"1\";", "version = \"1\"; status = \"x\";", "", NULL},
    {"document: { name = \"Plan\"; version = \"1\"; date = \"2026-01-25\"; };\n", "", "W201",
     "SEED-1"},
    {"keep = \"7d\"; location = \"S3\"; },", "keep = \"30d\"; location = \"S3\"; },", "W211",
     "WAL is kept 7d, full backups 30d"},
    {"  { component = \"pg\"; type = \"wal\";",
     "  { component = \"pg\"; type = \"full\"; every = \"1d\"; keep = \"7d\"; location = \"tape\"; "
     "},\n"
     "  { component = \"pg\"; type = \"wal\";",
     "W210", "in S3; "},
    {"drills: (",
     "drills: ({ name = \"f2\"; type = \"full\"; every = \"91d\"; source = \"B L86\"; }, ", "W213",
     "every 91d (B L86) and every 365d (B L159)"},
    {"  { component = \"pg\"; type = \"wal\";",
     "  { component = \"app\"; type = \"image\"; every = \"1d\"; },\n  { component = \"pg\"; type "
     "= "
     "\"wal\";",
     "W204", "every 1d, but app of tier 2, which stands on it, may lose 4h"},
    /* parity */
    {PAGE, PARITY(OF("east", "storage", ""), OF("west", "storage", ""), "\"e\", \"w\""), "", NULL},
    {PAGE,
     PARITY(OF("east", "kubernetes", "what = \"nodes\";"),
            OF("west", "kubernetes", "what = \"nodes\"; selector = \"x\";"), "\"e\", \"w\""),
     "", NULL},
    {PAGE, PARITY(OF("east", "storage", ""), OF("west", "storage", ""), "\"e\""), "E157",
     "expected a check of each of two data regions"},
    {PAGE, PARITY(OF("east", "storage", ""), OF("east", "storage", ""), "\"e\", \"w\""), "E157",
     "e and w: expected one check a region"},
    {PAGE, PARITY(OF("east", "storage", ""), OF("west", "exec", ""), "\"e\", \"w\""), "E157",
     "e and w: expected one kind, with the same what, resource and figure"},
    {PAGE,
     PARITY(OF("east", "storage", "figure = \"size\";"), OF("west", "storage", ""), "\"e\", \"w\""),
     "E157", "the same what, resource and figure"},
    {PAGE,
     PARITY(OF("east", "kubernetes", "what = \"allocatable\"; resource = \"cpu\";"),
            OF("west", "kubernetes", "what = \"allocatable\"; resource = \"memory\";"),
            "\"e\", \"w\""),
     "E157", "the same what, resource and figure"},
    {PAGE, PARITY(OF("east", "storage", ""), OF("west", "storage", ""), "\"e\", \"out-west\""),
     "E157", "out-west: expected a check of a data region, by one agent, that measures no link"},
    {PAGE, PARITY(OF("east", "storage", ""), OF("west", "storage", ""), "\"e\", \"pg-lag\""),
     "E157", "pg-lag: expected a check of a data region"},
    {PAGE, PARITY(OF("east", "certificate", ""), OF("west", "storage", ""), "\"w\", \"e\""), "E157",
     "e: expected a kubernetes check of nodes, allocatable or workloads, s3 of capacity"},
    {PAGE,
     PARITY(OF("east", "kubernetes", "what = \"velero\";"), OF("west", "storage", ""),
            "\"w\", \"e\""),
     "E157", "its figure counts what is there"},
};

static void each_change_gives_exactly_its_findings(void **state) {
    (void)state;
    unsigned wrong_n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        topology_check(sample_topology(row->from, row->to), &found);
        const char *codes = codes_of(&found);
        bool said =
            row->said == NULL || (found.n > 0 && strstr(found.at[0].text, row->said) != NULL);
        if (strcmp(codes, row->codes) != 0 || !said) {
            print_error("%s\n  -> %s\n  expected %s (%s)\n  found    %s (%s)\n", row->from, row->to,
                        row->codes, row->said == NULL ? "" : row->said, codes,
                        found.n > 0 ? found.at[0].text : "");
            wrong_n++;
        }
    }
    assert_int_equal(wrong_n, 0);
}

/* ---- the lease at its edges ---- */

static void lease_rows_hold_at_their_edges(void **state) {
    (void)state;
    static const struct {
        struct lease_numbers lease;
        const char *codes;
    } edges[] = {
        /* T, R, F, gate, W, V, ppm, tick, quorum loss, wait from: design.md's own */
        {{30000, 5000, 8000, 2000, 32000, 32000, 10000, 1000, 0, 0}, ""},
        /* 4R + 1 s <= T - F */
        {{30000, 5250, 8000, 2000, 32000, 32000, 10000, 1000, 0, 0}, ""},
        {{30000, 5251, 8000, 2000, 32000, 32000, 10000, 1000, 0, 0}, "E121"},
        {{10000, 1000, 5000, 1000, 12000, 12000, 10000, 1000, 0, 0}, ""},
        {{10000, 1001, 5000, 1000, 12000, 12000, 10000, 1000, 0, 0}, "E121"},
        /* below 10 s: 4R <= T - F */
        {{9999, 1249, 5000, 1000, 12000, 12000, 10000, 1000, 0, 0}, ""},
        {{9999, 1250, 5000, 1000, 12000, 12000, 10000, 1000, 0, 0}, "E121"},
        {{5000, 700, 1500, 500, 6000, 6000, 10000, 100, 0, 0}, ""},
        {{5000, 875, 1500, 500, 6000, 6000, 10000, 100, 0, 0}, ""},
        {{5000, 876, 1500, 500, 6000, 6000, 10000, 100, 0, 0}, "E121"},
        {{3000, 400, 1000, 300, 3200, 3200, 10000, 100, 0, 0}, ""},
        /* F < T */
        {{5000, 700, 4999, 500, 6000, 6000, 10000, 100, 0, 0}, "E121"},
        {{5000, 700, 5000, 500, 6000, 6000, 10000, 100, 0, 0}, "E121"},
        /* T/20 <= gate_early < F */
        {{30000, 5000, 8000, 1500, 32000, 32000, 10000, 1000, 0, 0}, ""},
        {{30000, 5000, 8000, 1499, 32000, 32000, 10000, 1000, 0, 0}, "E122"},
        {{30000, 5000, 8000, 7999, 32000, 32000, 10000, 1000, 0, 0}, ""},
        {{30000, 5000, 8000, 8000, 32000, 32000, 10000, 1000, 0, 0}, "E122"},
        /* W >= ceil(30000 * 1.01 / 0.99) + 1000 = 30607 + 1000 */
        {{30000, 5000, 8000, 2000, 31607, 31607, 10000, 1000, 0, 0}, ""},
        {{30000, 5000, 8000, 2000, 31606, 31607, 10000, 1000, 0, 0}, "E123"},
        /* ceil(5000 * 1.05 / 0.95) + 100 = 5527 + 100 */
        {{5000, 700, 1500, 500, 5627, 5627, 50000, 100, 0, 0}, ""},
        {{5000, 700, 1500, 500, 5626, 5627, 50000, 100, 0, 0}, "E123"},
        /* an exact quotient is not rounded up: 1980 * 1.01 / 0.99 = 2020 */
        {{1980, 200, 1000, 300, 2120, 2120, 10000, 100, 0, 0}, ""},
        {{1980, 200, 1000, 300, 2119, 2120, 10000, 100, 0, 0}, "E123"},
        /* V >= W */
        {{30000, 5000, 8000, 2000, 32000, 31999, 10000, 1000, 0, 0}, "E124"},
        /* ranges */
        {{1000, 100, 400, 100, 1200, 1200, 10000, 100, 0, 0}, ""},
        {{999, 100, 400, 100, 1200, 1200, 10000, 100, 0, 0}, "E120"},
        {{600000, 5000, 8000, 30000, 700000, 700000, 10000, 1000, 0, 0}, "E122"},
        {{600001, 5000, 8000, 2000, 700000, 700000, 10000, 1000, 0, 0}, "E120"},
        {{30000, 49, 8000, 2000, 32000, 32000, 10000, 1000, 0, 0}, "E120"},
        {{30000, 5000, 8000, 2000, 32000, 32000, 999, 1000, 0, 0}, "E125"},
        {{30000, 5000, 8000, 2000, 32000, 32000, 1000, 1000, 0, 0}, ""},
        {{30000, 5000, 8000, 2000, 60000, 60000, 200000, 1000, 0, 0}, ""},
        {{30000, 5000, 8000, 2000, 60000, 60000, 200001, 1000, 0, 0}, "E125"},
        {{30000, 5000, 8000, 2000, 60000, 60000, 1000000, 1000, 0, 0}, "E125"},
        {{4294967295, 4294967295, 4294967295, 4294967295, 4294967295, 4294967295, 4294967295,
          4294967295, 0, 0},
         "E120 E120 E120 E120 E120 E120 E125 W223"},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "E120 E120 E120 E120 E120 E120 E125"},
    };
    struct topology *topology = sample_topology(NULL, NULL);
    topology->policy.automatic_within_ms = UINT32_MAX;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        topology->lease = edges[i].lease;
        topology_check(topology, &found);
        const char *codes = codes_of(&found);
        if (strcmp(codes, edges[i].codes) != 0) {
            fail_msg("row %zu: expected \"%s\", found \"%s\" (%s)", i, edges[i].codes, codes,
                     found.n > 0 ? found.at[0].text : "");
        }
    }
}

/* ---- what no text can say, but a program could ---- */

static void expect_codes(const struct topology *topology, const char *codes) {
    topology_check(topology, &found);
    assert_string_equal(codes_of(&found), codes);
}

static void indexes_outside_their_arrays_stop_the_check(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->agents[1].region = 3;
    topology->checks[2].component = COMPONENTS_MAX;
    topology->checks[2].link = 1;
    topology->plans[0].steps[0].action = ACTION_KINDS_N;
    topology->plans[0].steps[1].approval = ROLES_N;
    topology->plans[0].steps[1].through = COMPONENTS_MAX;
    topology->endpoints[0].agents[0] = NONE;
    topology->components[0].needs = UINT64_C(1) << 63;
    topology->operators[0].role = 200;
    topology->links[0].component = NONE;
    expect_codes(topology, "E111 E111 E111 E111 E111 E111 E111 E111 E111 E111");
}

static void counts_beyond_the_limits_stop_the_check(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->plans[0].steps_n = STEPS_MAX + 1;
    expect_codes(topology, "E111");
    topology = sample_topology(NULL, NULL);
    topology->checks_n = CHECKS_MAX + 1;
    topology->members_n = MEMBERS_MAX + 1;
    expect_codes(topology, "E111 E111");
}

static void names_that_are_none_are_errors(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->cluster[0] = 0;
    topology->components[1].name[0] = 'A';
    expect_codes(topology, "E101 E105");
    topology = sample_topology(NULL, NULL);
    (void)text_copy(topology->members[1].name, NAME_SIZE, "m1");
    (void)text_copy(topology->plans[1].steps[2].name, NAME_SIZE, "promote");
    expect_codes(topology, "E106 E106");
}

static void checks_need_one_runner(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->checks[0].agent = NONE;
    expect_codes(topology, "E152");
    topology = sample_topology(NULL, NULL);
    topology->checks[2].agent = 0;
    expect_codes(topology, "E152");
    topology = sample_topology(NULL, NULL);
    topology->agents[0].region = 1;
    topology->agents[2].region = 1;
    topology_check(topology, &found);
    assert_non_null(strstr(codes_of(&found), "E155"));
}

static void one_member_is_allowed_and_told(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->members_n = 1;
    expect_codes(topology, "W236");
    for (uint8_t n = 0; n <= MEMBERS_MAX; n++) {
        topology = sample_topology(NULL, NULL);
        topology->members_n = n;
        topology_check(topology, &found);
        bool odd = n == 1 || n == 3 || n == 5;
        assert_int_equal(strstr(codes_of(&found), "E102") == NULL, odd);
    }
}

static void soft_fences_are_errors_until_accepted(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->agents[0].guarded = false;
    memset(topology->agents[0].guard_key, 0, KEY_SIZE);
    expect_codes(topology, "E112 E142");
    topology->policy.accept_soft_fence = true;
    expect_codes(topology, "W237 W237");
}

static void an_agent_without_a_guard_beside_guarded_ones_is_told(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->agents[3] = (struct agent){.name = "east-db2", .region = 0, .gate = false};
    memset(topology->agents[3].curve_key, 77, KEY_SIZE);
    memset(topology->agents[3].sign_key, 78, KEY_SIZE);
    topology->agents_n = 4;
    topology->endpoints[0].agents[1] = 3;
    topology->endpoints[0].agents_n = 2;
    expect_codes(topology, "W241 E183 E183");
}

static void more_gate_agents_than_a_certificate_holds_are_refused(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    for (uint8_t i = 0; i < GATE_AGENTS_MAX; i++) {
        struct agent *agent = &topology->agents[topology->agents_n++];
        *agent = (struct agent){.region = 1, .gate = true, .guarded = true};
        (void)text_format(agent->name, NAME_SIZE, "west-x%u", i);
        (void)text_format(agent->peer_address, ADDRESS_SIZE, "tcp://10.9.0.%u:7411", i + 1);
        memset(agent->curve_key, 100 + i, KEY_SIZE);
        memset(agent->sign_key, 120 + i, KEY_SIZE);
        memset(agent->guard_key, 140 + i, KEY_SIZE);
        topology_check(topology, &found);
        assert_string_equal(codes_of(&found), i + 2 > GATE_AGENTS_MAX ? "E132" : "");
    }
}

static void tiers_and_endpoints_are_bounded(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->components[1].tier = 5;
    topology->plans[0].steps[1].tier = 5;
    expect_codes(topology, "E141 E141");
    topology = sample_topology(NULL, NULL);
    topology->endpoints[topology->endpoints_n] = topology->endpoints[0];
    topology->endpoints_n++;
    expect_codes(topology, "E146");
}

static void automatic_needs_a_failover_plan(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->plans[0].kind = PLAN_REPROTECT;
    expect_codes(topology, "E131 W243");
    topology->policy.automatic = false;
    expect_codes(topology, "W243");
    topology->plans_n = 0;
    expect_codes(topology, "");
}

static void a_store_without_copies_is_told(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    topology->backups_n = 0;
    expect_codes(topology, "W207");
    topology->links_n = 0;
    topology->checks[1].kind = CHECK_EXEC;
    topology->checks[1].link = NONE;
    expect_codes(topology, "W207 W209");
}

/* All of them, each at its place in a file: steps_test.c. */
static void steps_are_told_what_their_actions_take(void **state) {
    (void)state;
    struct topology *topology =
        sample_topology("needs = [\"promote\"];\n        timeout = \"20s\";",
                        "args: { url = \"http://x/\"; ulr = 1; };");
    topology->plans_n = 1;
    topology->plans[0].steps[0] = topology->plans[0].steps[1];
    topology->plans[0].steps_n = 1;
    expect_codes(topology, "W226 W243 W243");
    topology_check_steps(topology, &found);
    assert_string_equal(codes_of(&found), "W226 W243 W243 E191");
    assert_int_equal(arguments_set(&topology->plans[0].steps[0].arguments, "url", "x"), ERR_OK);
    topology->plans[0].steps[0].arguments.n = 1;
    topology_check(topology, &found);
    topology_check_steps(topology, &found);
    assert_string_equal(codes_of(&found), "W226 W243 W243 E193");
    topology->plans[0].steps[0].action = ACTION_EXEC;
    topology->plans[0].steps[0].arguments.n = 0;
    topology_check(topology, &found);
    topology_check_steps(topology, &found);
    assert_string_equal(codes_of(&found), "W226 W243 W243 W221 E192");
}

/* Runs last: a code that no row above gives is a check that nobody has seen working. */
static void every_code_was_given(void **state) {
    (void)state;
    size_t n = 0;
    const struct finding_title *titles = finding_titles(&n);
    unsigned unseen_n = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || titles[i].code > titles[i - 1].code);
        if (!seen[titles[i].code]) {
            print_error("never given: %u %s\n", titles[i].code, titles[i].title);
            unseen_n++;
        }
    }
    assert_int_equal(unseen_n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_clean),
        cmocka_unit_test(each_change_gives_exactly_its_findings),
        cmocka_unit_test(lease_rows_hold_at_their_edges),
        cmocka_unit_test(indexes_outside_their_arrays_stop_the_check),
        cmocka_unit_test(counts_beyond_the_limits_stop_the_check),
        cmocka_unit_test(names_that_are_none_are_errors),
        cmocka_unit_test(checks_need_one_runner),
        cmocka_unit_test(one_member_is_allowed_and_told),
        cmocka_unit_test(soft_fences_are_errors_until_accepted),
        cmocka_unit_test(an_agent_without_a_guard_beside_guarded_ones_is_told),
        cmocka_unit_test(more_gate_agents_than_a_certificate_holds_are_refused),
        cmocka_unit_test(tiers_and_endpoints_are_bounded),
        cmocka_unit_test(automatic_needs_a_failover_plan),
        cmocka_unit_test(a_store_without_copies_is_told),
        cmocka_unit_test(steps_are_told_what_their_actions_take),
        cmocka_unit_test(every_code_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
