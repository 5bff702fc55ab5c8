/* What people read: spans, bytes, and a screen that fits 80 columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/cli/show_parts.h"

static void spans_read_well(void **state) {
    static const struct {
        long long ms;
        const char *text;
    } cases[] = {{0, "0 ms"},           {999, "999 ms"},       {1000, "1.0 s"},
                 {59999, "59.9 s"},     {60000, "1 m 00 s"},   {3599000, "59 m 59 s"},
                 {3600000, "1 h 00 m"}, {86400000, "1 d 0 h"}, {-1, "-"}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(span_text(cases[i].ms).at, cases[i].text);
    }
}

static void bytes_read_well(void **state) {
    static const struct {
        long long bytes;
        const char *text;
    } cases[] = {{0, "0 B"},           {1023, "1023 B"},           {1024, "1.0 KiB"},
                 {3250586, "3.1 MiB"}, {1099511627776, "1.0 TiB"}, {-1, "-"}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(bytes_text(cases[i].bytes).at, cases[i].text);
    }
}

/* The figure is the worst of the stores that move, never less than what was read; of what is not
 * known stands the name. */
static void a_confirmation_names_target_and_cost(void **state) {
    static const struct {
        const char *kind, *links, *steps;
        bool ungraceful;
        const char *typed;
    } cases[] = {
        {"failover", "{\"known\":true,\"lag_ms\":40001},{\"known\":true,\"lag_ms\":900}", "", false,
         "lose 41s to west"},
        {"failover", "{\"known\":true,\"lag_ms\":0}", "", false, "lose 0s to west"},
        {"failover", "{\"known\":true,\"lag_ms\":7200000}", "", false, "lose 2h to west"},
        {"failover",
         "{\"known\":true,\"lag_ms\":1},{\"name\":\"redis\",\"known\":false},"
         "{\"name\":\"s3\",\"known\":false,\"moved\":true}",
         "", false, "lose 1s and unknown of redis, s3 to west"},
        {"failover",
         "{\"known\":true,\"lag_ms\":1,\"moved\":true},{\"known\":false,\"moved\":false},"
         "{\"known\":true,\"lag_ms\":90000,\"moved\":false}",
         "", false, "lose 1s to west"},
        {"failover", "{\"name\":\"pg\",\"known\":false,\"moved\":true}", "", false,
         "lose unknown to west"},
        {"failover", "", "", false, "lose unknown to west"},
        {"switchover", "{\"known\":false}", "{\"before_fence\":false},{\"before_fence\":true}",
         false, "switch to west with zero loss"},
        {"switchover", "{\"known\":false}", "{\"before_fence\":false}", false,
         "lose unknown to west"},
        {"switchover", "{\"known\":true,\"lag_ms\":2000}", "{\"before_fence\":true}", true,
         "lose 2s to west"},
        {"reprotect", "", "", false, "make west the standby"},
        {"component", "{\"known\":true,\"lag_ms\":9000}", "", false, "fail over inside west"},
        {"drill", "{\"known\":true,\"lag_ms\":9000}", "", false, "drill"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512], typed[SENTENCE_TYPED_SIZE];
        (void)snprintf(json, sizeof json, "{\"kind\":\"%s\",\"links\":[%s],\"steps\":[%s]}",
                       cases[i].kind, cases[i].links, cases[i].steps);
        json_t *preview = json_loads(json, 0, NULL);
        assert_non_null(preview);
        confirm_sentence(preview, "west", cases[i].ungraceful, typed, sizeof typed);
        assert_string_equal(typed, cases[i].typed);
        json_decref(preview);
    }
}

static const char status_text[] =
    "{\"what\":\"status\",\"cluster\":\"bud\",\"member\":\"m1\",\"now\":\"2026-11-21T02:31:30."
    "000Z\","
    "\"now_ms\":1795228290000,\"data_as_of\":\"2026-11-21T02:31:29.900Z\",\"data_as_of_ms\":"
    "1795228289900,\"config_version\":3,\"caught_up\":true,\"document\":{\"name\":\"Bud DR\","
    "\"version\":\"1.0\",\"date\":\"2026-01-25\",\"status\":\"active\"},\"phase\":\"serving\","
    "\"epoch\":2,\"open\":true,\"owner\":\"west\",\"writer\":\"west\",\"writer_guards_n\":2,"
    "\"writer_leased_n\":2,\"unexpected_open_gates\":[],\"log_reachable\":true,\"history_trouble\":"
    "\"\",\"next_human_act\":\"network-admin: drover approve 1 dns-api\",\"waits_for\":[\"step "
    "dns-api needs the approval of network-admin\"],\"next_automatic_act\":{\"text\":\"execution 1 "
    "goes on: "
    "running\",\"in_ms\":0},\"regions\":[{\"name\":\"east\",\"role\":\"standby\",\"class\":"
    "\"region-dark\",\"agents_n\":2,\"heard_n\":0,\"outside_n\":4,\"outside_bad_n\":4,"
    "\"outside_ok_n\":0,\"heard_ever\":true,\"last_heard_ago_ms\":83000},{\"name\":\"west\","
    "\"role\":"
    "\"active\",\"class\":\"well\",\"agents_n\":2,\"heard_n\":2,\"outside_n\":2,\"outside_bad_n\":"
    "0,"
    "\"outside_ok_n\":2,\"heard_ever\":true,\"last_heard_ago_ms\":400}],\"members\":[{\"name\":"
    "\"m1\",\"attesting\":true,\"timekeeper\":true,\"hears_agents_n\":3}],"
    "\"troubles\":[{\"name\":\"keycloak\",\"region\":\"west\",\"standing\":\"down\",\"roots\":[],"
    "\"why\":\"west-keycloak: 10.2.0.7:443: connection refused\",\"for_ms\":40000},"
    "{\"name\":\"budapp\",\"region\":\"west\",\"standing\":\"depending\",\"roots\":[\"keycloak\"],"
    "\"why\":\"depends on keycloak, which is down\",\"for_ms\":39000},"
    "{\"name\":\"gateway\",\"region\":\"west\",\"standing\":\"at-risk\",\"roots\":[\"keycloak\"],"
    "\"why\":\"needs keycloak, which is down, through budapp; its own checks pass\","
    "\"for_ms\":null}],\"rpo_alarms\":[{"
    "\"link\":\"pg-stream\",\"level\":\"near\",\"used_percent\":85,"
    "\"rpo_ms\":3600000,\"for_ms\":180000},{\"link\":\"redis\",\"level\":\"breached\","
    "\"used_percent\":140,\"rpo_ms\":60000,\"for_ms\":9000},{\"link\":\"s3\",\"level\":\"unknown\","
    "\"used_percent\":null,\"rpo_ms\":60000,\"for_ms\":9000}],"
    "\"election_alarms\":[{\"component\":\"postgresql\",\"region\":\"west\",\"within_ms\":30000,"
    "\"leaderless\":{\"at_least_ms\":10000,\"at_most_ms\":12000},\"last\":{\"began\":"
    "\"2026-11-21T02:11:29.000Z\",\"end\":\"failover\",\"leader_from\":\"pg1\",\"leader_to\":"
    "\"pg2\",\"at_least_ms\":31000,\"at_most_ms\":32000,\"within_ms\":30000,\"too_long\":"
    "true}}],\"links\":[{\"name\":"
    "\"pg-stream\",\"from\":\"west\",\"state\":\"unknown\",\"lag_ms\":null,\"lag_bytes\":null,"
    "\"target_lag_ms\":60000}],\"automation\":{\"automatic\":true,\"held\":false,\"latched\":true,"
    "\"blocked_for_ms\":3500000},\"executions\":[{\"id\":1,\"kind\":\"failover\",\"source\":"
    "\"east\","
    "\"target\":\"west\",\"plan\":\"regional-failover\",\"automatic\":true,\"stage\":\"running\","
    "\"running\":true,\"paused\":\"\",\"outage\":\"2026-11-21T02:30:07.000Z\",\"elapsed_ms\":83000,"
    "\"command\":{\"holder\":\"sre-1\",\"since\":\"2026-11-21T02:31:02.000Z\",\"asked_by\":"
    "\"sre-2\",\"takeable_in_ms\":41000},"
    "\"exceptions_n\":0,\"policy\":{\"config_version\":3,\"document\":{\"version\":\"1.0\","
    "\"date\":"
    "\"2026-01-25\",\"status\":\"active\"}},\"rto\":[{\"tier\":1,\"rto_ms\":14400000,\"used_ms\":"
    "83000,"
    "\"remaining_ms\":14317000,\"ends_in_ms\":65000,\"course\":\"on-course\"},{\"tier\":2,"
    "\"rto_ms\":60000,\"used_ms\":61000,\"remaining_ms\":-1000,\"ends_in_ms\":0,"
    "\"course\":\"missed\"}],\"steps\":[{\"number\":1,\"name\":\"promote-postgresql\",\"state\":"
    "\"done\","
    "\"agent\":\"west-db1\",\"took_ms\":310,\"observed\":false},{\"number\":2,\"name\":\"dns-api\","
    "\"state\":\"needs-approval\",\"region\":\"west\",\"agent\":\"\",\"took_ms\":0,\"approval\":"
    "\"network-admin\"}]}]}";

/* Everything that shown(json) prints. */
static char *printed(void (*show)(const json_t *json), const json_t *json) {
    static char text[16384];
    char path[] = "/tmp/drover-show-XXXXXX";
    int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    (void)fflush(stdout);
    (void)dup2(file, STDOUT_FILENO);
    show(json);
    (void)fflush(stdout);
    (void)dup2(kept, STDOUT_FILENO);
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    assert_true(size > 0);
    text[size] = '\0';
    (void)close(file);
    (void)close(kept);
    (void)unlink(path);
    return text;
}

static void the_status_screen_is_as_drawn(void **state) {
    static const char golden[] =
        "bud  epoch 2  west writes (2 of 2 guards hold the lease)\n"
        "Bud DR 1.0 (2026-01-25, active), topology version 3\n"
        "member m1 at 02:31:30Z, data as of 02:31:29Z (100 ms old)\n"
        "ALARM  pg-stream is at 85 % of its RPO of 1 h 00 m, for 3 m 00 s\n"
        "ALARM  redis is at 140 % of its RPO of 1 m 00 s: BREACHED, for 9.0 s\n"
        "ALARM  what s3 would lose is not known, its RPO is 1 m 00 s, for 9.0 s\n"
        "ALARM  postgresql in west has no leader for 10.0 s to 12.0 s; 30.0 s is declared\n"
        "ALARM  failover of postgresql in west at 02:11:29Z from pg1 to pg2 took 31.0 s\n"
        "       to 32.0 s; 30.0 s is declared\n"
        "\n"
        "NEXT HUMAN ACT  network-admin: drover approve 1 dns-api\n"
        "NEXT AUTOMATIC  execution 1 goes on: running\n"
        "WAITS FOR       step dns-api needs the approval of network-admin\n"
        "\n"
        "REGION  ROLE     CLASS        AGENTS  OUTSIDE VIEW    SILENT FOR\n"
        "east    standby  region-dark  0 of 2  0 ok, 4 failed  1 m 23 s\n"
        "west    active   well         2 of 2  2 ok, 0 failed  400 ms\n"
        "\n"
        "keycloak in west is down for 40.0 s: west-keycloak: 10.2.0.7:443: connection\n"
        "refused\n"
        "  - budapp in west depends on keycloak, which is down\n"
        "  - gateway in west is at-risk: needs keycloak, which is down, through budapp;\n"
        "    its own checks pass\n"
        "\n"
        "MEMBER  STATE                    HEARS\n"
        "m1      attests, keeps the time  3 agents\n"
        "\n"
        "LINK       FROM  STATE    LAG  BEHIND  TARGET\n"
        "pg-stream  west  unknown  -    -       1 m 00 s\n"
        "\n"
        "AUTOMATION  on, LATCHED until released, blocked for 58 m 20 s (anti-flap)\n"
        "\n"
        "EXECUTION 1  failover east -> west  plan regional-failover  automatic\n"
        "  running  outage since 02:30:07Z, for 1 m 23 s\n"
        "  COMMAND  sre-1 (since 02:31:02Z); sre-2 asks for it, and may take it in 41.0 s\n"
        "  under policy 1.0 of 2026-01-25 (active), topology version 3\n"
        "  RTO tier 1  1 m 23 s of 4 h 00 m, at most 1 m 05 s more  on-course\n"
        "  RTO tier 2  1 m 01 s of 1 m 00 s  missed\n"
        "  STEP  STATE           NAME                WHERE     TIME    \n"
        "  1     done            promote-postgresql  west-db1  310 ms  \n"
        "  2     needs-approval  dns-api             west      -       by network-admin\n";
    (void)state;
    json_error_t error;
    json_t *json = json_loads(status_text, 0, &error);
    assert_non_null(json);
    char *text = printed(show_status, json);
    assert_string_equal(text, golden);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") <= 80);
    }
    json_decref(json);
}

static const char elections_text[] =
    "{\"components\":[{\"name\":\"postgresql\",\"region\":\"east\",\"checks\":[],\"elections\":{"
    "\"within_ms\":30000,\"measured\":true,\"leaderless\":null,\"failovers_n\":2,\"p50_ms\":9800,"
    "\"worst_ms\":12900,\"last\":[{\"began\":\"2026-11-21T02:31:29.123Z\",\"end\":\"failover\","
    "\"leader_from\":\"pg1\",\"leader_to\":\"pg2\",\"timeline_from\":7,\"timeline_to\":8,"
    "\"at_least_ms\":11000,\"at_most_ms\":12900},{\"began\":\"2026-11-20T12:00:01.000Z\",\"end\":"
    "\"unseen\",\"leader_from\":\"\",\"leader_to\":\"pg1\",\"timeline_to\":0,\"at_least_ms\":null,"
    "\"at_most_ms\":null},{\"began\":\"2026-11-19T12:00:01.000Z\",\"end\":\"failover\","
    "\"leader_from\":\"pg2\",\"leader_to\":\"pg1\",\"timeline_to\":0,\"at_least_ms\":0,"
    "\"at_most_ms\":900}]}},{\"name\":\"web\",\"region\":\"east\",\"checks\":[],"
    "\"elections\":null}]}";

static void elections_inside_a_region_are_listed_with_their_bounds(void **state) {
    static const char golden[] =
        "ELECTION    REGION  BEGAN                 END       FROM  TO   WITHOUT WRITES    "
        "TIMELINE\n"
        "postgresql  east    2026-11-21T02:31:29Z  failover  pg1   pg2  11.0 s to 12.9 s  7 -> 8\n"
        "postgresql  east    2026-11-20T12:00:01Z  unseen    ?     pg1  not known         -\n"
        "postgresql  east    2026-11-19T12:00:01Z  failover  pg2   pg1  at most 900 ms    -\n"
        "postgresql in east: its last 2 failovers took 9.8 s (p50) and 12.9 s (worst) at most; "
        "30.0 "
        "s is declared\n";
    (void)state;
    json_t *json = json_loads(elections_text, 0, NULL);
    assert_non_null(json);
    const char *at = strstr(printed(show_components, json), "ELECTION");
    assert_non_null(at);
    assert_string_equal(at, golden);
    json_decref(json);
}

static const char trees_text[] =
    "[{\"component\":\"postgresql\",\"region\":\"east\",\"address\":\"10.1.0.1:5432\",\"depth\":0,"
    "\"role\":\"primary\",\"told\":\"now\",\"writable\":true,\"follows\":\"\",\"looks\":["
    "{\"check\":\"pg-sends\",\"from\":\"east-db1\",\"end\":\"sends\",\"standby\":\"dr1\","
    "\"status\":\"ok\",\"stale\":false,\"age_ms\":400,\"lag_ms\":7,\"detail\":"
    "\"streaming async, 12 bytes behind, TLSv1.3 TLS_AES_256_GCM_SHA384\"}]},"
    "{\"component\":\"postgresql\",\"region\":\"west\",\"address\":\"10.2.0.1:5432\",\"depth\":1,"
    "\"role\":\"standby\",\"told\":\"stale\",\"follows\":\"10.1.0.1:5432\",\"follows_stale\":true,"
    "\"follows_watched\":true,\"looks\":[{\"check\":\"pg-dr\",\"from\":\"west-db1\",\"end\":"
    "\"receives\",\"standby\":\"\",\"status\":\"ok\",\"stale\":true,\"age_ms\":40000,\"lag_ms\":"
    "null,"
    "\"detail\":\"streaming from 10.1.0.1:5432, to replay 0 ms, heard 9 ms ago\"}]},"
    "{\"component\":\"postgresql\",\"region\":\"west\",\"address\":\"10.2.0.2:5432\",\"depth\":2,"
    "\"role\":\"unknown\",\"told\":\"never\",\"follows\":\"\",\"looks\":[{\"check\":\"pg-third\","
    "\"from\":\"west-db1\",\"end\":\"unknown\",\"standby\":\"\",\"status\":\"unknown\","
    "\"stale\":false,\"age_ms\":null,\"lag_ms\":null,\"detail\":\"\"}]}]";

/* Within 80 columns; what is stale or unknown is never drawn as well. */
static void the_replication_tree_is_as_drawn(void **state) {
    static const char golden[] =
        "\n"
        "postgresql's replication, as its servers tell it\n"
        "east 10.1.0.1:5432  primary, writable\n"
        "  - sends to dr1: ok (400 ms ago by east-db1, check pg-sends), lag 7 ms;\n"
        "    streaming async, 12 bytes behind, TLSv1.3 TLS_AES_256_GCM_SHA384\n"
        "   `- west 10.2.0.1:5432  STALE, was standby; followed 10.1.0.1:5432\n"
        "        - STALE, receives: was ok (40.0 s ago by west-db1, check pg-dr), lag\n"
        "          unknown; streaming from 10.1.0.1:5432, to replay 0 ms, heard 9 ms ago\n"
        "      `- west 10.2.0.2:5432  unknown: no server's word\n"
        "           - UNKNOWN: west-db1 never told of it (check pg-third)\n";
    (void)state;
    json_t *json = json_loads(trees_text, 0, NULL);
    assert_non_null(json);
    char *text = printed(show_trees, json);
    assert_string_equal(text, golden);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") <= 80);
    }
    /* Names at their longest, and words without a space. */
    char address[192];
    (void)memset(address, 'x', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_t *server = json_array_get(json, i);
        json_object_set_new(server, "address", json_string(address));
        json_object_set_new(server, "depth", json_integer((json_int_t)i * 100));
    }
    text = printed(show_trees, json);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") <= 80);
    }
    json_decref(json);
}

/* Requirement D16. */
static void an_agent_with_another_topology_is_marked(void **state) {
    (void)state;
    json_t *json =
        json_loads("{\"config_version\":3,\"agents\":["
                   "{\"name\":\"east-db1\",\"region\":\"east\",\"heard\":true,\"heard_ago_ms\":210,"
                   "\"config_version\":3,\"guarded\":false},"
                   "{\"name\":\"west-db1\",\"region\":\"west\",\"heard\":true,\"heard_ago_ms\":180,"
                   "\"config_version\":2,\"guarded\":false}]}",
                   0, NULL);
    assert_non_null(json);
    const char *text = printed(show_agents, json);
    assert_non_null(strstr(text, "east-db1  east    210 ms ago  3  "));
    assert_null(strstr(text, "3 (old)"));
    assert_non_null(strstr(text, "west-db1  west    180 ms ago  2 (old)  "));
    json_decref(json);
}

/* The steps of a long plan scroll: what it costs stands right above the question. */
static void a_preview_ends_with_what_is_at_stake(void **state) {
    static const char stake[] = "AT STAKE  east -> west, lost at most: pg-stream 300 ms, redis not "
                                "known; how many sessions drop is not known; redundancy "
                                "afterwards: NONE until east follows\n";
    static const char told[] = "AT STAKE  east -> west, lost at most: pg-stream 300 ms; 12431 "
                               "sessions drop; redundancy afterwards: pg 1, redis NONE, no other "
                               "region until step rejoin\n";
    (void)state;
    json_t *json =
        json_loads("{\"kind\":\"failover\",\"source\":\"east\",\"target\":\"west\","
                   "\"plan\":\"failover\",\"epoch\":1,\"links\":[{\"name\":\"pg-stream\","
                   "\"known\":true,\"lag_ms\":300},{\"name\":\"redis\",\"known\":false}],"
                   "\"steps\":[{\"name\":\"promote\",\"intent\":\"west writes\"}]}",
                   0, NULL);
    assert_non_null(json);
    const char *text = printed(show_preview, json), *found = strstr(text, "AT STAKE");
    assert_non_null(found);
    assert_string_equal(found, stake);
    json_object_set_new(json_array_get(json_object_get(json, "links"), 1), "moved", json_false());
    json_object_set_new(
        json, "stakes",
        json_loads("{\"sessions\":{\"known\":true,\"sessions_n\":12431},\"copies\":["
                   "{\"component\":\"pg\",\"known\":true,\"beside_writer_n\":1,"
                   "\"until_step\":\"rejoin\"},{\"component\":\"redis\",\"known\":true,"
                   "\"beside_writer_n\":0,\"until_plan\":\"reprotect\"}]}",
                   0, NULL));
    assert_string_equal(strstr(printed(show_preview, json), "AT STAKE  "), told);
    json_object_set_new(json, "kind", json_string("reprotect"));
    assert_null(strstr(printed(show_preview, json), "AT STAKE  "));
    json_decref(json);
}

/* Each figure with whose word it is and how old; what nobody tells is said to be that. */
static void what_else_is_at_stake_is_as_drawn(void **state) {
    static const char golden[] =
        "\nBESIDES THE LOSS, as of now\n"
        "  services  tier 1: pg, api.bud.ai; tier 2: app*\n"
        "            * no step acts on it; it stands on one that moves\n"
        "  sessions  12431 drop: haproxy 12431 (east-lb says, at most 1.7 s old)\n"
        "  name      api.bud.ai -> 10.2.0.1; clients follow within 5m: TTL served now 5m\n"
        "            (mon1 says, at most 3.0 s old)\n"
        "  capacity  GAP parity nodes: west has 5, east has 10, 50 %; declared are 60 %\n"
        "            (at most 2.0 s old)\n"
        "  copies    pg: 1 beside the writer in west (west-db1 says, at most 1.7 s old);\n"
        "            elsewhere NONE until step rejoin\n"
        "  copies    redis: how many servers west has is not known; elsewhere NONE until\n"
        "            plan reprotect\n"
        "  for good  promote (pg): a new history begins\n"
        "  perhaps   notify: only who wrote it\n"
        "  people    network-admin (Ida, Jan): approval dns (mandated: an automatic one\n"
        "            passes it), by hand call\n"
        "  people    communications (NOBODY has this role): by hand page\n";
    (void)state;
    json_t *json = json_loads(
        "{\"stakes\":{\"services\":[{\"name\":\"pg\",\"tier\":1,\"by_a_step\":true},"
        "{\"name\":\"api.bud.ai\",\"tier\":1,\"by_a_step\":true},"
        "{\"name\":\"app\",\"tier\":2,\"by_a_step\":false}],"
        "\"sessions\":{\"known\":true,\"sessions_n\":12431,\"told\":[{\"known\":true,"
        "\"component\":\"haproxy\",\"sessions_n\":12431,\"says\":\"east-lb\",\"age_ms\":1700}]},"
        "\"names\":[{\"name\":\"api.bud.ai\",\"value\":\"10.2.0.1\",\"tail_ms\":300000,"
        "\"served_ttl_ms\":300000,\"says\":\"mon1\",\"age_ms\":3000}],"
        "\"capacity\":[{\"name\":\"parity nodes\",\"state\":\"wrong\",\"age_ms\":2000,"
        "\"text\":\"west has 5, east has 10, 50 %; declared are 60 %\"}],"
        "\"copies\":[{\"component\":\"pg\",\"region\":\"west\",\"known\":true,"
        "\"beside_writer_n\":1,\"says\":\"west-db1\",\"age_ms\":1700,\"until_step\":\"rejoin\"},"
        "{\"component\":\"redis\",\"region\":\"west\",\"known\":false,"
        "\"until_plan\":\"reprotect\"}],"
        "\"no_return\":[{\"step\":\"promote\",\"component\":\"pg\",\"known\":true,"
        "\"why\":\"a new history begins\"},{\"step\":\"notify\",\"known\":false,"
        "\"why\":\"only who wrote it\"}],"
        "\"people\":[{\"role\":\"network-admin\",\"persons\":[\"Ida\",\"Jan\"],\"acts\":["
        "{\"step\":\"dns\",\"act\":\"approval\",\"mandated\":true},{\"step\":\"call\","
        "\"act\":\"by hand\"}]},{\"role\":\"communications\",\"acts\":[{\"step\":\"page\","
        "\"act\":\"by hand\"}]}]}}",
        0, NULL);
    assert_non_null(json);
    assert_string_equal(printed(show_stakes, json), golden);
    json_decref(json);
    json = json_pack("{s:s}", "member", "m1");
    assert_non_null(strstr(printed(show_stakes, json), "m1 is of an older version"));
    json_decref(json);
    json = json_pack("{s:{s:[]}}", "stakes", "services");
    const char *text = printed(show_stakes, json);
    assert_non_null(strstr(text, "sessions  not known: no haproxy check"));
    assert_non_null(strstr(text, "capacity  not known: no parity is declared"));
    assert_non_null(strstr(text, "people    the plan asks nobody"));
    json_decref(json);
}

/* A member of another version may leave fields out: nothing may break over that. */
static void screens_survive_answers_without_fields(void **state) {
    static void (*const shows[])(const json_t *json) = {
        show_status, show_explain,  show_components, show_agents,     show_members, show_rules,
        show_report, show_timeline, show_whoami,     show_executions, show_preview};
    (void)state;
    json_t *json =
        json_pack("{s:[{}],s:[{}],s:[{}],s:[{}],s:[{}],s:[{}],s:{},s:[n]}", "regions", "members",
                  "links", "executions", "agents", "components", "execution", "waits_for");
    assert_non_null(json);
    for (unsigned i = 0; i < sizeof shows / sizeof shows[0]; i++) {
        json_object_set_new(json, "x", json_integer(i));
        char path[] = "/dev/null";
        FILE *null = fopen(path, "w");
        assert_non_null(null);
        int kept = dup(STDOUT_FILENO);
        (void)fflush(stdout);
        (void)dup2(fileno(null), STDOUT_FILENO);
        shows[i](json);
        (void)fflush(stdout);
        (void)dup2(kept, STDOUT_FILENO);
        (void)close(kept);
        (void)fclose(null);
    }
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_read_well),
        cmocka_unit_test(bytes_read_well),
        cmocka_unit_test(a_confirmation_names_target_and_cost),
        cmocka_unit_test(the_status_screen_is_as_drawn),
        cmocka_unit_test(elections_inside_a_region_are_listed_with_their_bounds),
        cmocka_unit_test(the_replication_tree_is_as_drawn),
        cmocka_unit_test(an_agent_with_another_topology_is_marked),
        cmocka_unit_test(a_preview_ends_with_what_is_at_stake),
        cmocka_unit_test(what_else_is_at_stake_is_as_drawn),
        cmocka_unit_test(screens_survive_answers_without_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
