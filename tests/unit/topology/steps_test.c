/* The arguments of steps: one mistake in the example each, and the finding that must tell it with
 * the file's line, the path of the field, and what was expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/conf.h"
#include "common/io/topology_read.h"
#include "common/topology/action_args.h"
#include "common/topology/findings.h"

static struct topology topology;
static struct findings found;
static char text[2 * TOPOLOGY_BYTES_MAX];
static char *example;

static int example_open(void **state) {
    (void)state;
    size_t size = 0;
    struct text256 why;
    return conf_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", TOPOLOGY_BYTES_MAX, &example,
                     &size, &why) == ERR_OK
               ? 0
               : -1;
}

static int example_close(void **state) {
    (void)state;
    free(example);
    return 0;
}

/* The example with `to` in place of the first `from` behind `after`; the line in which `to` begins.
 */
static unsigned example_changed(const char *after, const char *from, const char *to) {
    const char *at = strstr(example, after);
    at = at == NULL ? NULL : strstr(at, from);
    if (at == NULL) {
        fail_msg("the example has no \"%s\" behind \"%s\"", from, after);
    }
    size_t before_n = (size_t)(at - example);
    assert_true(strlen(example) + strlen(to) < sizeof text);
    memcpy(text, example, before_n);
    memcpy(text + before_n, to, strlen(to));
    memcpy(text + before_n + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    unsigned line = 1;
    for (size_t i = 0; i < before_n; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static unsigned line_of(const char *at, size_t size, const char *path) {
    unsigned line = 99999;
    assert_int_equal(conf_lines_of(at, size, TOPOLOGY_BYTES_MAX, &path, 1, &line), ERR_OK);
    return line;
}

static void text_check(void) {
    struct text256 why = {.at = ""};
    if (topology_read(text, strlen(text), "bud.conf", &topology, &why) != ERR_OK) {
        fail_msg("%s", why.at);
    }
    topology_check(&topology, &found);
    uint16_t before_n = found.n;
    topology_check_steps(&topology, &found);
    /* Only the new ones. */
    memmove(found.at, found.at + before_n, (size_t)(found.n - before_n) * sizeof found.at[0]);
    found.n = (uint16_t)(found.n - before_n);
}

static void the_example_is_clean(void **state) {
    (void)state;
    (void)example_changed("", "cluster", "cluster");
    text_check();
    for (uint16_t i = 0; i < found.n; i++) {
        print_error("%s: %s\n", found.at[i].where, found.at[i].text);
    }
    assert_int_equal(found.n, 0);
}

static unsigned inside_n(const char *after, const char *from, const char *to) {
    struct text256 why = {.at = ""};
    unsigned n = 0;
    (void)example_changed(after, from, to);
    assert_int_equal(topology_read(text, strlen(text), "bud.conf", &topology, &why), ERR_OK);
    topology_check(&topology, &found);
    for (uint16_t i = 0; i < found.n; i++) {
        n += found.at[i].code == FINDING_PLAN_INSIDE;
    }
    return n;
}

static void who_leads_inside_a_region_is_for_no_plan_that_moves_the_lease(void **state) {
    (void)state;
    static const char of_plan[] = "name = \"component-postgresql\";", kind[] = "\"component\"";
    assert_int_equal(inside_n("", "cluster", "cluster"), 0);
    assert_int_equal(inside_n(of_plan, kind, "\"drill\""), 0);
    assert_int_equal(inside_n(of_plan, kind, "\"reprotect\""), 1);
    assert_int_equal(inside_n(of_plan, kind, "\"failover\""), 1);
    assert_int_equal(inside_n("name = \"component-redis\";", kind, "\"switchover\""), 1);
}

#define PLAN "name = \"failover\";\n        kind"
#define AWAIT "name = \"await-position\""
#define HANDOFF "name = \"handoff-postgresql\""

#define MAIL(to, subject, more)                                                                    \
    "action = \"smtp_send\"; component = \"postgresql\"; args: { address = \"10.0.0.9:25\"; "      \
    "sender = "                                                                                    \
    "\"d@b\"; to = \"" to "\"; subject = \"" subject "\"; text = \"t\"; " more "};"

static const struct row {
    const char *after, *from, *to; /* in the example */
    uint16_t code;
    const char *where, *said;
} rows[] = {
    /* a name its action does not know, with the one that was meant, or without */
    {HANDOFF, "pg_ctl", "pg_clt", FINDING_ARGUMENT_UNKNOWN,
     "plans.switchover.steps.handoff-postgresql.args.pg_clt",
     "patroni_handoff takes no such argument; did you mean \"pg_ctl\"?"},
    {PLAN, "timeout = \"30s\"; retries = 1;",
     "timeout = \"30s\"; retries = 1; args: { replicas = 3; };", FINDING_ARGUMENT_UNKNOWN,
     "plans.failover.steps.promote-postgresql.args.replicas",
     "patroni_promote takes no such argument"},
    /* missing: at the step, and who could have said it */
    {HANDOFF, "pg_ctl = \"/usr/lib/postgresql/15/bin/pg_ctl\"; ", "", FINDING_ARGUMENT_MISSING,
     "plans.switchover.steps.handoff-postgresql",
     "patroni_handoff needs \"pg_ctl\": expected an absolute path; neither its args nor the "
     "endpoints of postgresql"},
    {"name = \"postgresql\";", "front_host = \"10.71.0.10\";\n", "\n", FINDING_ARGUMENT_MISSING,
     "plans.switchover.steps.handoff-postgresql",
     "needs \"peer_front_host\": expected a host name or address; neither its args nor the "
     "endpoint "
     "of postgresql in region1"},
    /* out of range, a unit that is none, another type: where the value stands */
    {"name = \"redis\";", "quorum = 2;", "quorum = 9;", FINDING_ARGUMENT_WRONG,
     "components.redis.endpoints.region1.args.quorum",
     "expected a number, from 1 to 8, found \"9\""},
    {"name = \"api.bud.ai\";", "ttl = 60", "ttl = \"60s\"", FINDING_ARGUMENT_WRONG,
     "components.api.bud.ai.endpoints.region1.args.ttl",
     "expected a number of seconds, without a unit, from 1 to 86400, found \"60s\""},
    {"name = \"redis\";", "front_port = 6380;", "front_port = 638000;", FINDING_ARGUMENT_WRONG,
     "components.redis.endpoints.region1.args.front_port", "from 1 to 65535, found \"638000\""},
    {"name = \"api.bud.ai\";", "type = \"CNAME\"", "type = \"CNAM\"", FINDING_ARGUMENT_WRONG,
     "components.api.bud.ai.endpoints.region1.args.type",
     "expected A, AAAA or CNAME, found \"CNAM\""},
    {"name = \"postgresql\";", "10.71.0.12:5432", "db2:5432", FINDING_ARGUMENT_WRONG,
     "components.postgresql.endpoints.region1.args.pg_addresses",
     "expected numeric host:port, up to 8 with commas between, found"},
    /* what is sent to others names facts only */
    {AWAIT, "action = \"pg_await_position\"; component = \"postgresql\";",
     "action = \"http_call\"; component = \"postgresql\"; args: { url = \"http://10.0.0.1/\"; body "
     "= "
     "\"{password_ref}\"; };",
     FINDING_ARGUMENT_WRONG, "plans.switchover.steps.await-position.args.body",
     "expected of {...}: cluster, execution, epoch, plan, kind, from, to, step, time; a brace is "
     "{{, "
     "found \"{password_ref}\""},
    {AWAIT, "action = \"pg_await_position\"; component = \"postgresql\";", MAIL("a@b, c", "x", ""),
     FINDING_ARGUMENT_WRONG, "plans.switchover.steps.await-position.args.to",
     "expected addresses as ops@bud.example, up to 8 with commas between, found \"a@b, c\""},
    {AWAIT, "action = \"pg_await_position\"; component = \"postgresql\";",
     MAIL("a@b",
          "seventy-nine characters are one too many for a subject, "
          "ü12345678901234567890123",
          ""),
     FINDING_ARGUMENT_WRONG, "plans.switchover.steps.await-position.args.subject",
     "expected at most 78 characters, found"},
    {AWAIT, "action = \"pg_await_position\"; component = \"postgresql\";",
     MAIL("a@b", "x {names}", ""), FINDING_ARGUMENT_WRONG,
     "plans.switchover.steps.await-position.args.subject", "expected of {...}: cluster"},
    /* several together: at the step */
    {AWAIT, "timeout = \"30s\";", "timeout = \"30s\"; args: { position = \"0\"; };",
     FINDING_ARGUMENT_WRONG, "plans.switchover.steps.await-position.args.position",
     "expected a WAL position, X/Y in hexadecimal, found \"0\""},
};

static void each_mistake_is_told_with_line_path_and_what_was_expected(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        unsigned line = example_changed(row->after, row->from, row->to);
        bool told = false;
        text_check();
        for (uint16_t j = 0; j < found.n; j++) {
            const struct finding *one = &found.at[j];
            assert_true(one->is_error);
            for (uint16_t k = 0; k < j; k++) { /* one mistake is told once */
                assert_false(text_equal(found.at[k].where, one->where) &&
                             text_equal(found.at[k].text, one->text));
            }
            unsigned at = line_of(text, strlen(text), one->where);
            /* A missing one has no line of its own: its step's. */
            bool placed = row->code == FINDING_ARGUMENT_MISSING ? at > 0 : at == line;
            told = told || (one->code == row->code && text_equal(one->where, row->where) &&
                            strstr(one->text, row->said) != NULL && placed);
        }
        if (!told) {
            for (uint16_t j = 0; j < found.n; j++) {
                print_error("%u %s: %s\n", found.at[j].code, found.at[j].where, found.at[j].text);
            }
            fail_msg("row %zu, line %u: not told: %u %s: ...%s", i, line, row->code, row->where,
                     row->said);
        }
    }
}

static void lines_are_those_of_the_deepest_name_that_is_there(void **state) {
    static const char conf[] = "a = 1;\nlist: (\n  { name = \"x.y\"; b: {\n c = 2; }; },\n"
                               "  { region = \"x\"; } );\n";
    static const struct {
        const char *path;
        unsigned line;
    } at[] = {{"a", 1},          {"list.x.y.b.c", 4}, {"list.x.y.b.d", 3}, {"list.x.y", 3},
              {"list.x", 5},     {"list.z", 2},       {"nothing", 0},      {"", 0},
              {"list.x.y.b", 3}, {"a.b", 1},          {"lis", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        assert_int_equal(line_of(conf, sizeof conf - 1, at[i].path), at[i].line);
    }
    assert_int_equal(line_of("a = ", 4, "a"), 0);
}

/* Every action has its table, and no argument stands twice in one. */
static void tables_name_each_argument_once(void **state) {
    (void)state;
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        size_t n = 0;
        const struct arg_rule *rules = action_arg_rules((enum action_kind)kind, &n);
        assert_int_equal(n == 0, kind == ACTION_APPROVAL);
        for (size_t i = 0; i < n; i++) {
            assert_true(rules[i].kind != ARG_NUMBER || rules[i].max > rules[i].min);
            assert_int_equal(rules[i].kind == ARG_WORD, rules[i].words != NULL);
            for (size_t j = 0; j < i; j++) {
                assert_false(text_equal(rules[i].name, rules[j].name));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_clean),
        cmocka_unit_test(who_leads_inside_a_region_is_for_no_plan_that_moves_the_lease),
        cmocka_unit_test(each_mistake_is_told_with_line_path_and_what_was_expected),
        cmocka_unit_test(lines_are_those_of_the_deepest_name_that_is_there),
        cmocka_unit_test(tables_name_each_argument_once),
    };
    return cmocka_run_group_tests(tests, example_open, example_close);
}
