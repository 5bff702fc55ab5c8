/* The command line's words: what is taken, what is a mistake, and that the help tells the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/cli/cli.h"

#define ARGS_MAX 24

/* Splits as a shell would, as far as the examples need it: blanks and double quotes. */
static int split(const char *text, char *room, char **ret_words) {
    int n = 0;
    while (*text != '\0' && n < ARGS_MAX) {
        bool quoted = false;
        text += strspn(text, " ");
        if (*text == '\0' || *text == '>') {
            break;
        }
        ret_words[n++] = room;
        for (; *text != '\0' && (quoted || *text != ' '); text++) {
            if (*text == '"') {
                quoted = !quoted;
            } else {
                *room++ = *text;
            }
        }
        *room++ = '\0';
    }
    ret_words[n] = NULL;
    return n;
}

static int parse(const char *text, struct command_line *ret_line, char *ret_said,
                 size_t said_size) {
    static char room[1024];
    char *words[ARGS_MAX + 1];
    char *said = NULL;
    size_t size = 0;
    int words_n = split(text, room, words);
    FILE *errors = open_memstream(&said, &size);
    assert_non_null(errors);
    int code = args_read(words_n, words, ret_line, errors);
    assert_int_equal(fclose(errors), 0);
    (void)text_copy(ret_said, said_size, said);
    free(said);
    return code;
}

static void words_and_options_are_read(void **state) {
    static const struct {
        const char *line;
        int code;         /* -1: goes on */
        const char *verb; /* or what is said */
    } cases[] = {
        {"drover status", -1, "status"},
        {"drover status --watch", -1, "status"},
        {"drover --json status", -1, "status"},
        {"drover explain east --at m2", -1, "explain"},
        {"drover step skip 1 dns --comment x", -1, "step skip"},
        {"drover step retry 1 dns", -1, "step retry"},
        {"drover config check f", -1, "config check"},
        {"drover keygen --kind agent a1 --out /tmp", -1, "keygen"},
        {"drover hold --for 2h --reason r", -1, "hold"},
        {"drover help declare", -1, "help"},
        {"drover plan diff p a b", -1, "plan diff"},
        {"drover plan diff p", 2, "usage: drover plan diff PLAN FILE [FILE]"},
        {"drover plan graph p f --format svg", -1, "plan graph"},
        {"drover plan simulate p f --fault a=fail --fault b=hang --people 0s --seed 4", -1,
         "plan simulate"},
        {"drover plan simulate p --people soon", 2, "\"soon\" is not a value"},
        {"drover plan simulate p --seed -1", 2, "\"-1\" is not a value"},
        {"drover plan show p --fault a=fail", 2, "takes no --fault"},
        {"drover timeline 3 --from 9", -1, "timeline"},
        {"drover --help", -1, "help"},
        {"drover", 2, "a verb is needed"},
        {"drover nonsense", 2, "no verb is called \"nonsense\""},
        {"drover step", 2, "drover step retry EXECUTION STEP"},
        {"drover config", 2, "drover config check FILE"},
        {"drover step jump 1 dns", 2, "drover step retry"},
        {"drover status now", 2, "usage: drover status"},
        {"drover approve 1", 2, "usage: drover approve EXECUTION STEP"},
        {"drover approve 1 a b", 2, "usage: drover approve"},
        {"drover status --reason x", 2, "takes no --reason"},
        {"drover status --yes", 2, "takes no --yes"},
        {"drover declare --to west --comment x", 2, "takes no --comment"},
        {"drover status --color", 2, "--color is no option"},
        {"drover status --force", 2, "--force is no option"},
        {"drover declare --to", 2, "--to needs a value"},
        {"drover status --timeout 5", 2, "--timeout 5s: \"5\" is not a value for it"},
        {"drover status --timeout 10ms", 2, "is not a value for it"},
        {"drover status --timeout 3h", 2, "is not a value for it"},
        {"drover hold --for soon --reason x", 2, "--for 2h: \"soon\" is not a value for it"},
        {"drover declare --epoch -1", 2, "--epoch N: \"-1\" is not a value for it"},
        {"drover timeline --from x", 2, "--from N: \"x\" is not a value for it"},
        {"drover --version", 0, ""},
        {"drover status --help", 0, ""},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command_line line;
        char said[2048];
        int code = parse(cases[i].line, &line, said, sizeof said);
        if (code != cases[i].code) {
            fail_msg("%s: code %d, said: %s", cases[i].line, code, said);
        }
        if (code < 0) {
            assert_string_equal(line.verb->name, cases[i].verb);
        } else if (strstr(said, cases[i].verb) == NULL) {
            fail_msg("%s: said \"%s\" without \"%s\"", cases[i].line, said, cases[i].verb);
        }
    }
}

static void values_arrive(void **state) {
    struct command_line line;
    char said[512];
    (void)state;
    assert_int_equal(parse("drover declare --to west --kind switchover --plan p --reason \"a b\" "
                           "--epoch 4 --yes --timeout 7s --config /c --at m1 --json",
                           &line, said, sizeof said),
                     -1);
    assert_string_equal(line.to, "west");
    assert_string_equal(line.kind, "switchover");
    assert_string_equal(line.plan, "p");
    assert_string_equal(line.reason, "a b");
    assert_int_equal(line.epoch, 4);
    assert_int_equal(line.timeout_ms, 7000);
    assert_string_equal(line.config, "/c");
    assert_string_equal(line.at, "m1");
    assert_true(line.yes && line.json && !line.watch);
    assert_int_equal(parse("drover step done 12 dns-api --comment x", &line, said, sizeof said),
                     -1);
    assert_int_equal(line.words_n, 2);
    assert_string_equal(line.words[0], "12");
    assert_string_equal(line.words[1], "dns-api");
    assert_int_equal(parse("drover hold --for 90m --reason x", &line, said, sizeof said), -1);
    assert_int_equal(line.for_ms, 5400000);
}

/* Help that teaches a line which does not work would be worse than none. */
static void every_example_is_a_line_that_works(void **state) {
    (void)state;
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        struct command_line line;
        char said[512];
        int code = parse(verb->example, &line, said, sizeof said);
        if (code != -1 || line.verb != verb) {
            fail_msg("%s: its example \"%s\" gives %d: %s", verb->name, verb->example, code, said);
        }
    }
}

/* --for is not in "--format". */
static bool usage_tells(const char *usage, const char *name) {
    for (const char *at = usage; (at = strstr(at, name)) != NULL; at++) {
        char next = at[strlen(name)];
        if (next != '-' && (next < 'a' || next > 'z')) {
            return true;
        }
    }
    return false;
}

/* Every option that a verb takes is in its usage, and the other way round. */
static void usage_and_options_agree(void **state) {
    (void)state;
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        const char *text;
        uint32_t takes = 0;
        for (unsigned o = 0; (text = args_option(o, &takes)) != NULL; o++) {
            char name[32];
            (void)text_format(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
            bool told = usage_tells(verb->usage, name);
            bool taken = takes != 0 && (verb->takes & takes) != 0;
            if (told != taken) {
                fail_msg("drover %s: %s is %s", verb->name, name,
                         told ? "told but not taken" : "taken but not told");
            }
        }
    }
}

static void every_verb_is_explained_in_a_line(void **state) {
    (void)state;
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        assert_true(strlen(verb->help) > 3 && strlen(verb->help) <= 64);
        assert_int_equal(verb->help[strlen(verb->help) - 1], '.');
        assert_true(verb->words_min <= verb->words_max && verb->words_max <= WORDS_MAX);
        assert_non_null(verb->run);
    }
}

/* docs/cli.md knows every verb and every option. */
static void every_verb_and_option_is_documented(void **state) {
    static char doc[64 * 1024];
    char word[32];
    const char *text;
    uint32_t takes;
    (void)state;
    FILE *file = fopen(DROVER_SOURCE_DIR "/docs/cli.md", "rb");
    assert_non_null(file);
    doc[fread(doc, 1, sizeof doc - 1, file)] = '\0';
    (void)fclose(file);
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        for (const char *at = verb_at(i)->name; *at != '\0'; at += *at == ' ') {
            size_t size = strcspn(at, " ");
            (void)text_format(word, sizeof word, "%.*s", (int)size, at);
            if (strstr(doc, word) == NULL) {
                fail_msg("docs/cli.md does not know %s", verb_at(i)->name);
            }
            at += size;
        }
    }
    for (unsigned o = 0; (text = args_option(o, &takes)) != NULL; o++) {
        (void)text_format(word, sizeof word, "%.*s", (int)strcspn(text, " "), text);
        if (strstr(doc, word) == NULL && strcmp(word, "--help") != 0) {
            fail_msg("docs/cli.md does not know %s", word);
        }
    }
}

/* Requirement D9: who leaves a step out, or says that it was done by hand, says why; else nobody is
 * asked. */
static void a_skip_without_a_comment_asks_nobody(void **state) {
    static char long_comment[SENTENCE_SIZE + 1];
    static const struct {
        const char *line;
        int (*run)(struct session *session);
    } verbs[] = {{"drover step skip 1 dns", request_step_skip},
                 {"drover step done 1 dns", request_step_done}};
    (void)state;
    memset(long_comment, 'x', sizeof long_comment - 1);
    const char *const comments[] = {NULL, "", long_comment};
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        for (unsigned c = 0; c < sizeof comments / sizeof comments[0]; c++) {
            struct command_line line;
            char said[2048];
            assert_int_equal(parse(verbs[i].line, &line, said, sizeof said), -1);
            assert_ptr_equal(line.verb->run, verbs[i].run);
            line.comment = comments[c];
            line.reason = "a reason is no comment";
            struct session session = {.line = &line};
            assert_int_equal(line.verb->run(&session), EXIT_USAGE);
            assert_null(session.client); /* opened by the first question */
        }
    }
}

/* What is not one of the two modes, or has no reason, is told before anybody is asked. */
static void a_mode_without_a_reason_or_of_another_name_asks_nobody(void **state) {
    static const struct {
        const char *line, *reason;
    } rows[] = {{"drover mode 1 ungraceful", NULL},
                {"drover mode 1 graceful", ""},
                {"drover mode 1 rough", "the source is dead"},
                {"drover mode none ungraceful", "the source is dead"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct command_line line;
        char said[2048];
        assert_int_equal(parse(rows[i].line, &line, said, sizeof said), -1);
        assert_ptr_equal(line.verb->run, request_mode);
        line.reason = rows[i].reason;
        struct session session = {.line = &line};
        assert_int_equal(line.verb->run(&session), EXIT_USAGE);
        assert_null(session.client);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mode_without_a_reason_or_of_another_name_asks_nobody),
        cmocka_unit_test(words_and_options_are_read),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(every_example_is_a_line_that_works),
        cmocka_unit_test(usage_and_options_agree),
        cmocka_unit_test(every_verb_is_explained_in_a_line),
        cmocka_unit_test(every_verb_and_option_is_documented),
        cmocka_unit_test(a_skip_without_a_comment_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
