/* The table of actions: complete, and each says what it takes and how a person does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "agent/action.h"
#include "common/io/clock.h"
#include "common/io/file.h"

static void every_kind_has_a_complete_row(void **state) {
    (void)state;
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        const struct action_kind_row *row = action_kind_of((enum action_kind)kind);
        assert_non_null(row);
        assert_int_equal(row->kind, kind);
        assert_non_null(row->run);
        assert_non_null(row->accepts);
        assert_true(strlen(row->arguments_help) > 0);
        assert_true(strlen(row->by_hand) > 0);
    }
    assert_null(action_kind_of(ACTION_KINDS_N));
}

static void only_promotions_need_the_lease(void **state) {
    (void)state;
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        bool promotes = kind == ACTION_PATRONI_PROMOTE || kind == ACTION_PG_PROMOTE ||
                        kind == ACTION_REDIS_PROMOTE;
        assert_int_equal(action_kind_of((enum action_kind)kind)->needs_lease, promotes);
    }
}

/* An action never trusts that its arguments were checked before. */
static void without_arguments_every_action_fails_at_once(void **state) {
    (void)state;
    static const struct arguments none = {.n = 0};
    static const struct secrets secrets = {.n = 0};
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        struct action_input input = {.arguments = &none,
                                     .secrets = &secrets,
                                     .region = "here",
                                     .timeout_ms = 5000,
                                     .deadline_boot_ms = clock_boot_ms() + 5000};
        uint64_t start_ms = clock_boot_ms();
        struct action_result result = action_kind_of((enum action_kind)kind)->run(&input);
        assert_int_not_equal(result.err, ERR_OK);
        assert_true(strlen(result.detail) > 0);
        assert_true(clock_boot_ms() - start_ms < 1000);
    }
}

/* by_hand's holes are arguments that the action takes. */
static void holes_are_arguments(void **state) {
    (void)state;
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        const struct action_kind_row *row = action_kind_of((enum action_kind)kind);
        for (const char *at = strchr(row->by_hand, '{'); at != NULL; at = strchr(at + 1, '{')) {
            size_t n = strcspn(at + 1, "}\":");
            char name[64];
            if (at[1 + n] != '}' || n == 0 || n >= sizeof name) {
                continue; /* JSON's own brace */
            }
            memcpy(name, at + 1, n);
            name[n] = '\0';
            if (strstr(row->arguments_help, name) == NULL && strncmp(name, "arg", 3) != 0) {
                fail_msg("%s: {%s} is no argument", action_kind_text((enum action_kind)kind), name);
            }
        }
    }
}

/* A service that takes one word alone; how often it was asked. */
static const char *taken;
static const char *taken_next; /* from its second question on; NULL: as before */
static unsigned asked_n;
static enum err otherwise; /* what becomes of an action whose word was taken */

static struct action_result ask(const struct action_input *input) {
    char word[SECRET_SIZE];
    struct action_result result = {.err = otherwise, .detail = "done"};
    asked_n++;
    if (asked_n == 2 && taken_next != NULL) {
        taken = taken_next;
    }
    assert_int_equal(secret_get(input->secrets, "api", word), ERR_OK);
    if (strcmp(word, taken) != 0) {
        result.err = ERR_AUTH;
        (void)text_copy(result.detail, sizeof result.detail, "HTTP 401");
    }
    return result;
}

static void a_refused_action_is_tried_by_the_credential_before(void **state) {
    (void)state;
    static const struct {
        const char *file, *taken, *next;
        enum err otherwise, err;
        unsigned asked_n, timeout_ms;
    } rows[] = {{"new\nold\n", "new", NULL, ERR_OK, ERR_OK, 1, 5000},
                {"new\nold\n", "old", NULL, ERR_OK, ERR_OK, 2, 5000},
                {"new\nold\n", "old", NULL, ERR_STALE, ERR_STALE, 2, 5000},
                /* the service goes over to the new one after it has refused it */
                {"new\nold\n", "old", "new", ERR_OK, ERR_OK, 3, 5000},
                {"new\nold\n", "old", "new", ERR_STALE, ERR_STALE, 3, 5000},
                {"new\nold\n", "other", NULL, ERR_OK, ERR_AUTH, 3, 5000},
                {"new\nold\n", "old", NULL, ERR_OK, ERR_AUTH, 1, 0},
                {"new\n", "old", NULL, ERR_OK, ERR_AUTH, 1, 5000}};
    static const struct action_kind_row row = {.run = ask};
    static const struct arguments arguments = {.n = 1, .at = {{"token_ref", "api"}}};
    struct secrets secrets = {.n = 1, .at = {{.name = "api", .path = "action_table_test.secret"}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct action_input input = {.arguments = &arguments,
                                     .secrets = &secrets,
                                     .timeout_ms = rows[i].timeout_ms,
                                     .deadline_boot_ms = clock_boot_ms() + rows[i].timeout_ms};
        taken = rows[i].taken;
        taken_next = rows[i].next;
        otherwise = rows[i].otherwise;
        asked_n = 0;
        assert_int_equal(
            file_write_atomic(secrets.at[0].path, rows[i].file, strlen(rows[i].file), 0600, NULL),
            ERR_OK);
        struct action_result result = action_do(&row, &input);
        assert_int_equal(unlink(secrets.at[0].path), 0);
        assert_int_equal(result.err, rows[i].err);
        assert_int_equal(asked_n, rows[i].asked_n);
        assert_string_equal(result.detail, result.err == ERR_AUTH
                                               ? "HTTP 401; used action_table_test.secret"
                                               : "done");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_complete_row),
        cmocka_unit_test(only_promotions_need_the_lease),
        cmocka_unit_test(without_arguments_every_action_fails_at_once),
        cmocka_unit_test(holes_are_arguments),
        cmocka_unit_test(a_refused_action_is_tried_by_the_credential_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
