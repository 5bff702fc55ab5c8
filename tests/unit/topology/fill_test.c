/* Facts in the texts of steps: which there are, what is left alone, and that nothing overflows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/topology/fill.h"

static const struct fill_facts facts = {
    .at =
        {
            [FILL_CLUSTER] = "bud",
            [FILL_EXECUTION] = "18446744073709551615",
            [FILL_EPOCH] = "7",
            [FILL_PLAN] = "seed-order",
            [FILL_KIND] = "failover",
            [FILL_FROM] = "region1",
            [FILL_TO] = "region2",
            [FILL_STEP] = "announce",
            [FILL_TIME] = "2026-11-22T13:22:37.001Z",
        },
};

static const struct {
    const char *text, *filled; /* NULL: no text with facts */
} rows[] = {
    {"", ""},
    {"nothing", "nothing"},
    {"{cluster} {execution} {epoch} {plan} {kind} {from} {to} {step} {time}",
     "bud 18446744073709551615 7 seed-order failover region1 region2 announce "
     "2026-11-22T13:22:37.001Z"},
    {"{to}{to}", "region2region2"},
    /* JSON is written as it is */
    {"{\"to\":\"{to}\",\"more\":{\"n\":1}}", "{\"to\":\"region2\",\"more\":{\"n\":1}}"},
    {"{ }{}{", "{ }{}{"},
    {"{{to} {{{to}}", "{to} {region2}"},
    {"}} {1}", "}} {1}"},
    /* no fact: another name, another case, cut short, a blank */
    {"{password}", NULL},
    {"{to", NULL},
    {"{to }", NULL},
    {"{tO}", NULL},
    {"{tos}", NULL},
    {"{t}", NULL},
    {"x {to} {secret_ref}", NULL},
};

static void each_text_is_filled_or_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[FILLED_SIZE] = "before";
        assert_int_equal(fill_fits(rows[i].text), rows[i].filled != NULL);
        assert_int_equal(fill_text(rows[i].text, &facts, false, out, sizeof out),
                         rows[i].filled != NULL);
        assert_string_equal(out, rows[i].filled != NULL ? rows[i].filled : "");
    }
}

static void facts_end_no_line_and_no_string(void **state) {
    (void)state;
    struct fill_facts bad = facts;
    char out[FILLED_SIZE];
    memcpy(bad.at[FILL_PLAN], "a\"b\\c\r\nBcc: x", sizeof "a\"b\\c\r\nBcc: x");
    assert_true(fill_text("{plan}", &bad, false, out, sizeof out));
    assert_string_equal(out, "a\"b\\c??Bcc: x");
    assert_true(fill_text("\"{plan}\"", &bad, true, out, sizeof out));
    assert_string_equal(out, "\"a\\\"b\\\\c??Bcc: x\"");
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    char out[8];
    assert_true(fill_text("{to}", &facts, false, out, sizeof out));
    assert_string_equal(out, "region2");
    assert_false(fill_text("{to}!", &facts, false, out, sizeof out));
    assert_string_equal(out, "");
    assert_false(fill_text("12345678", &facts, false, out, sizeof out));
}

/* The longest that an argument can become fits, with every fact as long as it can be, escaped. */
static void the_longest_text_fits(void **state) {
    (void)state;
    struct fill_facts longest;
    char text[VALUE_SIZE] = "", out[FILLED_SIZE];
    for (int i = 0; i < (int)FILLS_N; i++) {
        memset(longest.at[i], 'x', NAME_SIZE - 1);
        longest.at[i][NAME_SIZE - 1] = '\0';
    }
    while (text_append(text, sizeof text, "{to}")) {
    }
    text[(VALUE_SIZE - 1) / 4 * 4] = '\0';
    assert_true(fill_text(text, &longest, true, out, sizeof out));
    assert_int_equal(strlen(out), strlen(text) / 4 * (NAME_SIZE - 1));
}

static void no_bytes_confuse_it(void **state) {
    (void)state;
    static const char *const parts[] = {"{", "}", "{{", "to", "{to}", "{epoch}", "\"", "x", "\n"};
    struct rng rng;
    rng_seed(&rng, 7);
    for (unsigned round = 0; round < 20000; round++) {
        char text[VALUE_SIZE] = "", out[64];
        unsigned n = (unsigned)rng_below(&rng, 12);
        for (unsigned i = 0; i < n; i++) {
            (void)text_append(text, sizeof text,
                              parts[rng_below(&rng, sizeof parts / sizeof parts[0])]);
        }
        bool filled = fill_text(text, &facts, (round & 1) != 0, out, sizeof out);
        assert_true(strlen(out) < sizeof out);
        assert_true(!filled || fill_fits(text));
    }
}

/* ---- the move ---- */

static void the_move_is_told_only_where_it_is_named(void **state) {
    (void)state;
    struct arguments arguments = {.n = 0};
    assert_int_equal(arguments_set(&arguments, "body", "{plan} {epoch}"), ERR_OK);
    assert_int_equal(arguments_set(&arguments, "url", "http://10.0.0.1/{to}"), ERR_OK);
    assert_false(fill_names_move(ACTION_HTTP_CALL, &arguments));
    assert_int_equal(arguments_set(&arguments, "header4", "X-To: {to}"), ERR_OK);
    assert_true(fill_names_move(ACTION_HTTP_CALL, &arguments));
    assert_false(fill_names_move(ACTION_EXEC, &arguments));
}

static void the_move_comes_as_it_went(void **state) {
    (void)state;
    struct arguments arguments = {.n = 0};
    struct fill_facts got;
    fill_move_get(&arguments, &got);
    assert_string_equal(got.at[FILL_FROM], "none");
    assert_int_equal(fill_move_set(&arguments, PLAN_SWITCHOVER, "region2", "region1"), ERR_OK);
    fill_move_get(&arguments, &got);
    assert_string_equal(got.at[FILL_KIND], "switchover");
    assert_string_equal(got.at[FILL_FROM], "region2");
    assert_string_equal(got.at[FILL_TO], "region1");
    assert_int_equal(arguments_set(&arguments, "move", "failover region1"), ERR_OK);
    fill_move_get(&arguments, &got);
    assert_string_equal(got.at[FILL_FROM], "region1");
    assert_string_equal(got.at[FILL_TO], "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_is_filled_or_refused),
        cmocka_unit_test(facts_end_no_line_and_no_string),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(no_bytes_confuse_it),
        cmocka_unit_test(the_move_is_told_only_where_it_is_named),
        cmocka_unit_test(the_move_comes_as_it_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
