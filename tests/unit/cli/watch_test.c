/* The one screen while an execution runs: as drawn, and within every terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/cli/show_parts.h"

static const char base_text[] =
    "{\"what\":\"status\",\"cluster\":\"bud\",\"member\":\"m1\",\"now\":\"2026-11-21T02:31:30."
    "000Z\","
    "\"now_ms\":1795228290000,\"data_as_of\":\"2026-11-21T02:31:29.900Z\","
    "\"data_as_of_ms\":1795228289900,\"caught_up\":true,\"epoch\":2,\"open\":true,"
    "\"owner\":\"west\",\"writer\":\"west\",\"writer_guards_n\":2,\"writer_leased_n\":2,"
    "\"unexpected_open_gates\":[],\"log_reachable\":true,\"history_trouble\":\"\","
    "\"next_human_act\":\"\",\"waits_for\":[\"step scale-tier1 at west-db1, for 9s\","
    "\"step promote-redis at west-db2, for 2s\"],"
    "\"next_automatic_act\":{\"text\":\"execution 1 goes on: running\",\"in_ms\":0},"
    "\"last_record\":{\"at\":\"2026-11-21T02:31:28.000Z\","
    "\"text\":\"step promote-postgresql done by west-db1 in 310 ms\"},"
    "\"regions\":[{\"name\":\"east\",\"class\":\"region-dark\",\"agents_n\":2,\"heard_n\":0,"
    "\"outside_n\":4,\"outside_ok_n\":0,\"heard_ever\":true,\"last_heard_ago_ms\":83000},"
    "{\"name\":\"west\",\"class\":\"well\",\"agents_n\":2,\"heard_n\":2,\"outside_n\":2,"
    "\"outside_ok_n\":2,\"heard_ever\":true,\"last_heard_ago_ms\":400}],"
    "\"members\":[{\"attesting\":true},{\"attesting\":true},{\"attesting\":false}],"
    "\"rpo_alarms\":[],\"links\":[{\"name\":\"pg-stream\",\"lag_ms\":800,\"lag_bytes\":3250586,"
    "\"limit_ms\":3600000},"
    "{\"name\":\"redis\",\"lag_ms\":null,\"lag_bytes\":null}],"
    "\"executions\":[{\"id\":1,\"kind\":\"failover\",\"source\":\"east\",\"target\":\"west\","
    "\"mode\":\"ungraceful\",\"automatic\":true,\"declared_by\":\"\",\"stage\":\"running\","
    "\"running\":true,\"paused\":\"\",\"outage\":\"2026-11-21T02:30:07.000Z\",\"elapsed_ms\":83000,"
    "\"created\":\"2026-11-21T02:30:12.000Z\",\"losses\":[],"
    "\"command\":{\"holder\":\"\"},\"exceptions_n\":0,\"rto\":[{\"tier\":1,\"rto_ms\":14400000,"
    "\"used_ms\":83000,\"ends_in_ms\":65000,\"likely_in_ms\":40000,\"course\":\"on-course\"},"
    "{\"tier\":2,\"rto_ms\":28800000,\"used_ms\":83000,\"ends_in_ms\":600000,"
    "\"likely_in_ms\":null,\"course\":\"on-course\"}],\"steps\":["
    "{\"number\":1,\"name\":\"handoff\",\"state\":\"not-needed\",\"attempt\":0},"
    "{\"number\":2,\"name\":\"promote-postgresql\",\"state\":\"done\",\"took_ms\":310,"
    "\"for_good\":true},"
    "{\"number\":3,\"name\":\"promote-redis\",\"state\":\"running\",\"running_ms\":2100,"
    "\"for_good\":true},"
    "{\"number\":4,\"name\":\"scale-tier1\",\"state\":\"running\",\"running_ms\":9000},"
    "{\"number\":5,\"name\":\"dns-api\",\"state\":\"waiting\",\"approval\":\"network-admin\"},"
    "{\"number\":6,\"name\":\"verify-outside\",\"state\":\"waiting\"}]}]}";

/* In place of the members: the second question is answered, no other. After the fourth stdout takes
 * nothing any more, which ends the watch. */
static unsigned asked_n, said_nobody_n;

int say_nobody(const struct session *session) {
    (void)session;
    said_nobody_n++;
    return EXIT_NO_QUORUM;
}

struct client_reply client_ask(struct session *session, const struct query *query) {
    struct client_reply reply = {.exit_code = EXIT_NO_QUORUM};
    (void)session;
    assert_string_equal(query->what, "status");
    if (++asked_n == 2) {
        reply.exit_code = EXIT_OK;
        reply.json = json_loads(base_text, 0, NULL);
    }
    return reply;
}

void client_pause(struct session *session, uint32_t ms) {
    (void)session;
    assert_int_equal(ms, 1000);
    if (asked_n == 4) {
        int full = open("/dev/full", O_WRONLY);
        assert_true(full >= 0);
        (void)dup2(full, STDOUT_FILENO);
        (void)close(full);
    }
}

static json_t *execution_of(json_t *json) {
    return json_array_get(json_object_get(json, "executions"), 0);
}

static json_t *base(void) {
    json_error_t error;
    json_t *json = json_loads(base_text, 0, &error);
    assert_non_null(json);
    return json;
}

static void set(json_t *object, const char *key, const char *text) {
    assert_int_equal(json_object_set_new(object, key, json_loads(text, JSON_DECODE_ANY, NULL)), 0);
}

/* A planned move whose hand-off stands behind a person. */
static json_t *waiting(void) {
    json_t *json = base(), *execution = execution_of(json);
    set(json, "epoch", "1");
    set(json, "writer", "\"east\"");
    set(json, "regions",
        "[{\"name\":\"east\",\"class\":\"well\",\"agents_n\":2,\"heard_n\":2,"
        "\"outside_n\":4,\"outside_ok_n\":4,\"heard_ever\":true},"
        "{\"name\":\"west\",\"class\":\"well\",\"agents_n\":2,\"heard_n\":2,"
        "\"outside_n\":2,\"outside_ok_n\":2,\"heard_ever\":true}]");
    set(json, "waits_for",
        "[\"step sign-off needs the approval of network-admin\","
        "\"step call-provider, by hand by on-call-sre: call the provider\"]");
    set(json, "next_human_act", "\"network-admin: drover approve 7 sign-off --digest 9f2c01ab\"");
    set(execution, "id", "7");
    set(execution, "kind", "\"switchover\"");
    set(execution, "mode", "\"graceful\"");
    set(execution, "automatic", "false");
    set(execution, "declared_by", "\"sre-1\"");
    set(execution, "stage", "\"handing-over\"");
    set(execution, "command",
        "{\"holder\":\"sre-1\",\"since\":\"2026-11-21T02:30:07.000Z\",\"asked_by\":\"sre-2\","
        "\"takeable_in_ms\":41000}");
    set(execution, "steps",
        "[{\"number\":1,\"name\":\"sign-off\",\"state\":\"needs-approval\","
        "\"approval\":\"network-admin\"},{\"number\":2,\"name\":\"call-provider\","
        "\"state\":\"needs-a-person\",\"approval\":\"on-call-sre\"},"
        "{\"number\":3,\"name\":\"handoff\",\"state\":\"waiting\"},"
        "{\"number\":4,\"name\":\"promote\",\"state\":\"waiting\",\"for_good\":true}]");
    return json;
}

/* Paused behind a failed step, with more steps than fit. */
static json_t *paused(void) {
    json_t *json = base(), *execution = execution_of(json), *steps = json_array();
    set(json, "waits_for", "[\"step dns-api failed: did not answer in time\"]");
    set(json, "next_human_act", "\"drover step retry 1 dns-api (or skip, done) --comment ...\"");
    set(execution, "paused", "\"paused-by-failed-step\"");
    set(execution, "exceptions_n", "1");
    set(execution, "command", "{\"holder\":\"cmd-1\",\"since\":\"2026-11-21T02:31:02.000Z\"}");
    set(json, "rpo_alarms",
        "[{\"link\":\"redis\",\"level\":\"breached\",\"used_percent\":140},"
        "{\"link\":\"s3\",\"level\":\"unknown\",\"used_percent\":null}]");
    json_object_set_new(json_array_get(json_object_get(execution, "rto"), 1), "course",
                        json_string("breached"));
    for (int i = 1; i <= 30; i++) {
        char name[NAME_SIZE];
        (void)text_format(name, sizeof name, i == 15 ? "dns-api" : "step-%d-of-thirty", i);
        json_array_append_new(
            steps, json_pack("{s:i,s:s,s:s,s:i,s:s}", "number", i, "name", name, "state",
                             i < 15    ? "done"
                             : i == 15 ? "failed"
                                       : "waiting",
                             "took_ms", i < 15 ? i * 100 : 0, "error", "did not answer in time"));
    }
    json_object_set_new(execution, "steps", steps);
    return json;
}

/* What fails of the target; of the region that is left, and of what only hangs on it, no word. */
static json_t *troubled(void) {
    json_t *json = base();
    set(json, "troubles",
        "[{\"name\":\"web\",\"region\":\"east\",\"standing\":\"down\",\"roots\":[],\"hurts\":[]},"
        "{\"name\":\"keycloak\",\"region\":\"west\",\"standing\":\"down\",\"roots\":[],"
        "\"hurts\":[\"budapp\",\"gateway\"]},{\"name\":\"budapp\",\"region\":\"west\","
        "\"standing\":\"depending\",\"roots\":[\"keycloak\"],\"hurts\":[]},{\"name\":\"redis\","
        "\"region\":\"west\",\"standing\":\"failing\",\"roots\":[],\"hurts\":[]}]");
    return json;
}

/* A member that cannot know: its log is away, and it had not read it to the end. */
static json_t *blind(void) {
    json_t *json = base();
    set(json, "log_reachable", "false");
    set(json, "caught_up", "false");
    set(json, "writer", "\"\"");
    set(json, "now_ms", "1795228330000");
    set(json, "unexpected_open_gates", "[\"east-db1\",\"east-db2\"]");
    set(json, "history_trouble", "\"could not be written: No space left on device\"");
    set(json, "unanswered_ms", "12000");
    return json;
}

static json_t *(*const states[])(void) = {base, waiting, paused, blind, troubled};

/* What drawing prints onto stdout: a screen, or what a terminal gets of it. */
static char *printed(json_t *json, struct watch_size size, bool drawn) {
    static char text[65536];
    char path[] = "/tmp/drover-watch-XXXXXX";
    int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    (void)fflush(stdout);
    (void)dup2(file, STDOUT_FILENO);
    if (drawn) {
        watch_draw(json, size);
    } else {
        show_watch(json, size.columns, size.rows);
    }
    (void)fflush(stdout);
    (void)dup2(kept, STDOUT_FILENO);
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    (void)close(file);
    (void)close(kept);
    (void)unlink(path);
    return text;
}

static void is_drawn(json_t *json, const char *golden) {
    struct watch_size size = {.columns = 80, .rows = 24};
    assert_string_equal(printed(json, size, false), golden);
    json_decref(json);
}

static void an_automatic_failover_is_as_drawn(void **state) {
    static const char golden[] =
        "EXECUTION 1  failover east -> west  ungraceful  automatic  epoch 2  bud\n"
        "STAGE    running  1 m 23 s since 02:30:07Z, begun 02:30:12Z\n"
        "NOW      2 at once: step scale-tier1 at west-db1, for 9s | step promote-redis at\n"
        "         west-db2, for 2s\n"
        "YOU      nothing to do for people\n"
        "COMMAND  nobody: drover command take 1 --reason TEXT\n"
        "BACK     none: past the point of no return; for good: step 2 promote-postgresql\n"
        "         | 3 promote-redis\n"
        "RTO      T1 on-course: 1 m 23 s of 4 h 00 m, 1 m 05 s left at most, likely 40.0\n"
        "         s | T2 on-course: 1 m 23 s of 8 h 00 m, 10 m 00 s left at most\n"
        "LAG      pg-stream 800 ms, 3.1 MiB of 1 h 00 m PASS | redis not known\n"
        "WRITER   west (2 of 2 guards hold the lease)  epoch 2 open  2/3 members attest\n"
        "AGENTS   east 0/2 silent 1 m 23 s, outside 0/4 ok, region-dark | west 2/2,\n"
        "         outside 2/2 ok, well\n"
        "+  2 promote-postgresql done 310 ms     >  3 promote-redis running 2.1 s\n"
        ">  4 scale-tier1 running 9.0 s          .  5 dns-api waiting\n"
        ".  6 verify-outside waiting\n"
        "LAST     02:31:28Z step promote-postgresql done by west-db1 in 310 ms\n"
        "m1 at 02:31:30Z, data 100 ms old; q or Ctrl-C ends this";
    (void)state;
    is_drawn(base(), golden);
}

static void what_is_down_is_told_by_its_root(void **state) {
    (void)state;
    json_t *json = troubled();
    struct watch_size size = {.columns = 80, .rows = 24};
    assert_non_null(strstr(printed(json, size, false),
                           "\nDOWN     keycloak down, 2 hang on it | redis failing\n"));
    json_decref(json);
    json = base();
    assert_null(strstr(printed(json, size, false), "\nDOWN"));
    json_decref(json);
}

/* Behind the close it is no lag any more: what was lost, against what, the worst first. */
static void what_was_lost_stands_against_what_might_be(void **state) {
    (void)state;
    json_t *json = base();
    struct watch_size size = {.columns = 80, .rows = 24};
    set(execution_of(json), "losses",
        "[{\"link\":\"pg-stream\",\"lag_ms\":800,\"lag_bytes\":3250586,\"rpo_ms\":3600000,"
        "\"met\":true},{\"link\":\"redis\",\"lag_ms\":-1,\"lag_bytes\":-1,\"rpo_ms\":60000,"
        "\"met\":false},{\"link\":\"pg-canary\",\"lag_ms\":900,\"lag_writes\":1,\"rpo_ms\":0,"
        "\"met\":true}]");
    const char *text = printed(json, size, false);
    assert_non_null(strstr(text, "\nLOST     redis not known of 1 m 00 s FAIL | pg-stream 800 ms, "
                                 "3.1 MiB of 1 h 00\n"));
    assert_non_null(strstr(text, "\n         m PASS | pg-canary 900 ms, 1 writes\n"));
    assert_null(strstr(text, "\nLAG "));
    json_decref(json);
}

static void a_switchover_that_waits_for_an_approval_is_as_drawn(void **state) {
    static const char golden[] =
        "EXECUTION 7  switchover east -> west  graceful  declared by sre-1  epoch 1  bud\n"
        "STAGE    handing-over  1 m 23 s since 02:30:07Z, begun 02:30:12Z\n"
        "NOW      2 at once: step sign-off needs the approval of network-admin | step\n"
        "         call-provider, by hand by on-call-sre: call the provider\n"
        "YOU      network-admin: drover approve 7 sign-off --digest 9f2c01ab\n"
        "COMMAND  sre-1 (since 02:30:07Z); sre-2 asks for it, may take it in 41.0 s\n"
        "BACK     drover abort 7, until the lease moves; for good from step 4 promote\n"
        "RTO      T1 on-course: 1 m 23 s of 4 h 00 m, 1 m 05 s left at most, likely 40.0\n"
        "         s | T2 on-course: 1 m 23 s of 8 h 00 m, 10 m 00 s left at most\n"
        "LAG      pg-stream 800 ms, 3.1 MiB of 1 h 00 m PASS | redis not known\n"
        "WRITER   east (2 of 2 guards hold the lease)  epoch 1 open  2/3 members attest\n"
        "AGENTS   east 2/2, outside 4/4 ok, well | west 2/2, outside 2/2 ok, well\n"
        "?  1 sign-off approval network-admin    ?  2 call-provider by hand on-call-sre\n"
        ".  3 handoff waiting                    .  4 promote waiting\n"
        "LAST     02:31:28Z step promote-postgresql done by west-db1 in 310 ms\n"
        "m1 at 02:31:30Z, data 100 ms old; q or Ctrl-C ends this";
    (void)state;
    is_drawn(waiting(), golden);
}

static void a_failed_step_among_more_than_fit_is_as_drawn(void **state) {
    static const char golden[] =
        "EXECUTION 1  failover east -> west  ungraceful  automatic  epoch 2  bud\n"
        "STAGE    paused-by-failed-step, running  1 m 23 s since 02:30:07Z, with excep...\n"
        "ALARM    3 alarms: tier 2 is over its RTO of 8 h 00 m | redis is at 140 % of its\n"
        "         RPO: BREACHED | what s3 would lose is not known\n"
        "NOW      step dns-api failed: did not answer in time\n"
        "YOU      drover step retry 1 dns-api (or skip, done) --comment ...\n"
        "COMMAND  cmd-1 (since 02:31:02Z)\n"
        "BACK     none: past the point of no return\n"
        "RTO      T2 breached: 1 m 23 s of 8 h 00 m, 10 m 00 s left at most | T1\n"
        "         on-course: 1 m 23 s of 4 h 00 m, 1 m 05 s left at most, likely 40.0 s\n"
        "LAG      pg-stream 800 ms, 3.1 MiB of 1 h 00 m PASS | redis not known\n"
        "WRITER   west (2 of 2 guards hold the lease)  epoch 2 open  2/3 members attest\n"
        "AGENTS   east 0/2 silent 1 m 23 s, outside 0/4 ok, region-dark | west 2/2,\n"
        "         outside 2/2 ok, well\n"
        "! 15 dns-api FAILED did not answer i... . 16 step-16-of-thirty waiting\n"
        ". 17 step-17-of-thirty waiting          . 18 step-18-of-thirty waiting\n"
        ". 19 step-19-of-thirty waiting          . 20 step-20-of-thirty waiting\n"
        ". 21 step-21-of-thirty waiting          . 22 step-22-of-thirty waiting\n"
        ". 23 step-23-of-thirty waiting          . 24 step-24-of-thirty waiting\n"
        ". 25 step-25-of-thirty waiting          . 26 step-26-of-thirty waiting\n"
        ". 27 step-27-of-thirty waiting          . 28 step-28-of-thirty waiting\n"
        ". 29 step-29-of-thirty waiting          ... 15 more: 1 open, 14 over\n"
        "LAST     02:31:28Z step promote-postgresql done by west-db1 in 310 ms\n"
        "m1 at 02:31:30Z, data 100 ms old; q or Ctrl-C ends this";
    (void)state;
    is_drawn(paused(), golden);
}

static void a_member_that_cannot_know_is_as_drawn(void **state) {
    static const char golden[] =
        "EXECUTION 1  failover east -> west  ungraceful  automatic  epoch 2  bud\n"
        "STAGE    running  1 m 23 s since 02:30:07Z, begun 02:30:12Z\n"
        "TROUBLE  open gates outside the lease's region: 2: east-db1 | east-db2\n"
        "TROUBLE  no member has answered for 12.0 s: all below is as old\n"
        "TROUBLE  the log engine does not answer: nothing can be decided\n"
        "TROUBLE  m1 has NOT CAUGHT UP with the log\n"
        "TROUBLE  the newest data is 40.1 s old: drover members\n"
        "TROUBLE  history: could not be written: No space left on device\n"
        "NOW      2 at once: step scale-tier1 at west-db1, for 9s | step promote-redis at\n"
        "         west-db2, for 2s\n"
        "YOU      nothing to do for people\n"
        "COMMAND  nobody: drover command take 1 --reason TEXT\n"
        "BACK     none: past the point of no return; for good: step 2 promote-postgresql\n"
        "         | 3 promote-redis\n"
        "RTO      T1 on-course: 1 m 23 s of 4 h 00 m, 1 m 05 s left at most, likely 40.0\n"
        "         s | T2 on-course: 1 m 23 s of 8 h 00 m, 10 m 00 s left at most\n"
        "LAG      pg-stream 800 ms, 3.1 MiB of 1 h 00 m PASS | redis not known\n"
        "WRITER   nobody is seen to write  epoch 2 open  2/3 members attest\n"
        "AGENTS   east 0/2 silent 1 m 23 s, outside 0/4 ok, region-dark | west 2/2,\n"
        "         outside 2/2 ok, well\n"
        ">  3 promote-redis running 2.1 s        >  4 scale-tier1 running 9.0 s\n"
        ".  5 dns-api waiting                    ... 2 more: 1 open, 1 over\n"
        "LAST     02:31:28Z step promote-postgresql done by west-db1 in 310 ms\n"
        "m1 at 02:31:30Z, data 40.1 s old; q or Ctrl-C ends this";
    (void)state;
    is_drawn(blind(), golden);
}

/* ------------------------------------------------------------------------ its edges */

/* No row is wider, there are no more rows, and all of it is printable ASCII. */
static void is_within(const char *text, unsigned columns, unsigned rows) {
    unsigned row = 1, column = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n') {
            row++;
            column = 0;
            continue;
        }
        assert_in_range(*at, 0x20, 0x7e);
        assert_true(++column <= columns);
    }
    assert_true(row <= rows);
}

/* Every text of it, at any depth: "text" once more, so often. */
static void lengthen(json_t *value, const char *text, unsigned times) {
    const char *key;
    void *next;
    size_t i;
    json_t *one;
    if (json_is_string(value)) {
        char more[4000] = "";
        (void)text_copy(more, sizeof more, json_string_value(value));
        for (unsigned n = 0; n < times; n++) {
            (void)text_append(more, sizeof more, text);
        }
        assert_int_equal(json_string_set_nocheck(value, more), 0);
    }
    json_object_foreach_safe(value, next, key, one) {
        bool word = strcmp(key, "state") == 0 || strcmp(key, "course") == 0;
        if (!word) {
            lengthen(one, text, times);
        }
    }
    json_array_foreach(value, i, one) {
        lengthen(one, text, times);
    }
}

static void each_size_holds(json_t *json) {
    static const unsigned columns[] = {0,  1,  2,  3,  4,   9,   17,  19,  38,  39,  40,
                                       41, 75, 76, 80, 113, 114, 152, 199, 200, 201, 5000};
    for (unsigned c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        for (unsigned rows = 0; rows <= 110; rows += rows < 30 ? 1 : 16) {
            struct watch_size size = {.columns = columns[c], .rows = rows};
            is_within(printed(json, size, false), columns[c] == 0 ? 1 : columns[c],
                      rows == 0 ? 1 : rows);
        }
    }
}

static void no_terminal_is_too_small_or_too_large(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        json_t *json = states[i]();
        each_size_holds(json);
        json_decref(json);
    }
    json_t *nothing = json_pack("{s:[{s:b}]}", "executions", "running", 1);
    each_size_holds(nothing);
    json_decref(nothing);
}

/* What is said is others' words: a reason, an error, a name of a member of another version. */
static void no_text_breaks_the_screen(void **state) {
    static const char *const hostile[] = {
        "\033[2J\033[H",    "\n",   "\t \r", "\xc3\xa4\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "xxxxxxxxxxxxxxxx", "%s%n", "\x7f "};
    static const struct watch_size sizes[] = {{80, 24, false}, {40, 10, false}, {200, 60, false}};
    (void)state;
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned h = 0; h < sizeof hostile / sizeof hostile[0]; h++) {
            json_t *json = states[i]();
            lengthen(json, hostile[h], h % 2 == 0 ? 3 : 120);
            for (unsigned s = 0; s < 3; s++) {
                is_within(printed(json, sizes[s], false), sizes[s].columns, sizes[s].rows);
            }
            json_decref(json);
        }
    }
    json_t *json = base();
    set(json, "cluster", "\"\\u00e4\\u20ac\\ud83d\\ude00\\u001b\"");
    assert_non_null(strstr(printed(json, sizes[0], false), "  epoch 2  ????\n"));
    json_decref(json);
}

static void trouble_is_never_what_falls_off(void **state) {
    static const char *const all[] = {"open gates",    "no member has answered", "log engine",
                                      "NOT CAUGHT UP", "is 40.1 s old",          "No space left"};
    (void)state;
    json_t *json = blind();
    for (unsigned rows = 1; rows <= 60; rows++) {
        struct watch_size size = {.columns = 80, .rows = rows};
        const char *text = printed(json, size, false);
        unsigned told = 0;
        for (unsigned t = 0; t < 6; t++) {
            told += strstr(text, all[t]) != NULL;
        }
        char counted[40];
        (void)text_format(counted, sizeof counted, "and %u more: drover status", 6 - told);
        assert_true(told == 6 || (told + 1 == rows && strstr(text, counted) != NULL));
        assert_true(rows < 8 || (strstr(text, "\nNOW ") != NULL && strstr(text, "\nYOU ") != NULL));
        assert_true(strstr(text, "RTO ") == NULL || strstr(text, "\nYOU ") < strstr(text, "RTO "));
    }
    json_decref(json);
    json = paused();
    for (unsigned rows = 9; rows <= 60; rows++) {
        struct watch_size size = {.columns = 80, .rows = rows};
        const char *text = printed(json, size, false);
        assert_non_null(strstr(text, "! 15 dns-api FAILED"));
        assert_non_null(strstr(text, "tier 2 is over its RTO"));
    }
    json_decref(json);
}

/* ---------------------------------------------------------------------- on a terminal */

/* Drawn over the old picture: every row of the terminal once, none of them scrolled. */
static void a_terminal_is_drawn_over_and_never_cleared(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned columns = 40; columns <= 200; columns += 40) {
            json_t *json = states[i]();
            struct watch_size size = {.columns = columns, .rows = 24, .terminal = true};
            unsigned rows = 1;
            char plain[65536], *drawn;
            (void)text_copy(plain, sizeof plain, printed(json, size, false));
            drawn = printed(json, size, true);
            assert_null(strstr(drawn, "\033[2J"));
            assert_int_equal(strncmp(drawn, "\033[?7l\033[H", 8), 0);
            for (const char *at = drawn; *at != '\0'; at++) {
                rows += *at == '\n';
            }
            assert_int_equal(rows, 24);
            const char *at = strstr(drawn, "\033[H") + 3, *row = plain;
            while (*row != '\0') {
                size_t n = strcspn(row, "\n");
                assert_int_equal(strncmp(at, row, n), 0);
                assert_int_equal(strncmp(at + n, "\033[K", 3) == 0, n < columns);
                at += strcspn(at, "\n") + 1;
                row += n + (row[n] == '\n');
            }
            json_decref(json);
        }
    }
}

/* Nothing runs: the whole status, as much of it as there are rows. */
static void without_an_execution_the_status_is_cut_and_counted(void **state) {
    (void)state;
    json_t *json = base();
    set(execution_of(json), "running", "false");
    struct watch_size size = {.columns = 80, .rows = 6, .terminal = true};
    const char *text = printed(json, size, true);
    assert_non_null(strstr(text, "bud  epoch 2  west writes"));
    assert_non_null(strstr(text, " more lines: drover status\033[K\033[?7h"));
    size.terminal = false;
    text = printed(json, size, true);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "EXECUTION 1"));
    assert_null(strstr(text, "TROUBLE"));
    set(json, "unanswered_ms", "12000");
    assert_non_null(strstr(printed(json, size, true), "no member has answered for 12.0 s"));
    json_decref(json);
}

static void the_size_is_the_terminals_as_it_is_now(void **state) {
    static const struct winsize sizes[] = {{.ws_row = 24, .ws_col = 80},
                                           {.ws_row = 60, .ws_col = 200}};
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), kept = dup(STDOUT_FILENO);
    assert_true(terminal >= 0 && kept >= 0);
    assert_int_equal(grantpt(terminal) | unlockpt(terminal), 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(end >= 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ioctl(terminal, TIOCSWINSZ, &sizes[i]), 0);
        (void)fflush(stdout);
        (void)dup2(end, STDOUT_FILENO);
        struct watch_size now = watch_size_now();
        (void)dup2(kept, STDOUT_FILENO);
        assert_true(now.terminal);
        assert_int_equal(now.columns, sizes[i].ws_col);
        assert_int_equal(now.rows, sizes[i].ws_row);
    }
    (void)close(end);
    (void)close(terminal);
    (void)close(kept);
}

static void the_old_picture_stays_and_says_that_nobody_answers(void **state) {
    static char text[65536];
    struct session session = {0};
    char path[] = "/tmp/drover-watch-XXXXXX";
    (void)state;
    int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    (void)fflush(stdout);
    (void)dup2(file, STDOUT_FILENO);
    int code = watch_run(&session);
    (void)dup2(kept, STDOUT_FILENO);
    clearerr(stdout);
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    (void)close(file);
    (void)close(kept);
    (void)unlink(path);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(code, EXIT_NO_QUORUM);
    assert_int_equal(said_nobody_n, 1); /* there was no picture yet */
    assert_int_equal(asked_n, 5);
    const char *second = strstr(text, "\n\nEXECUTION 1");
    assert_non_null(second);
    const char *third = strstr(second + 2, "\n\nEXECUTION 1");
    const char *trouble = strstr(text, "TROUBLE  no member has answered for ");
    assert_non_null(third);
    assert_true(trouble > second && trouble < third);
    assert_non_null(strstr(third, "TROUBLE  no member has answered for "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_automatic_failover_is_as_drawn),
        cmocka_unit_test(what_is_down_is_told_by_its_root),
        cmocka_unit_test(what_was_lost_stands_against_what_might_be),
        cmocka_unit_test(a_switchover_that_waits_for_an_approval_is_as_drawn),
        cmocka_unit_test(a_failed_step_among_more_than_fit_is_as_drawn),
        cmocka_unit_test(a_member_that_cannot_know_is_as_drawn),
        cmocka_unit_test(no_terminal_is_too_small_or_too_large),
        cmocka_unit_test(no_text_breaks_the_screen),
        cmocka_unit_test(trouble_is_never_what_falls_off),
        cmocka_unit_test(a_terminal_is_drawn_over_and_never_cleared),
        cmocka_unit_test(without_an_execution_the_status_is_cut_and_counted),
        cmocka_unit_test(the_size_is_the_terminals_as_it_is_now),
        cmocka_unit_test(the_old_picture_stays_and_says_that_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
