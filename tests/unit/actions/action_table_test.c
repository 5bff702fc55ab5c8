/* The table of actions: complete, and each says what it takes and how a person does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/action.h"
#include "common/io/clock.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_complete_row),
        cmocka_unit_test(only_promotions_need_the_lease),
        cmocka_unit_test(without_arguments_every_action_fails_at_once),
        cmocka_unit_test(holes_are_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
