/* With which of its keys each identity was seen, as a member tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/coordinator/status_world.h"

static const json_t *identity(const json_t *json, const char *kind, const char *name) {
    size_t i;
    json_t *at;
    json_array_foreach(json_object_get(json, "identities"), i, at) {
        if (strcmp(text_of(at, "kind"), kind) == 0 && strcmp(text_of(at, "name"), name) == 0) {
            return at;
        }
    }
    fail_msg("no %s %s", kind, name);
    return NULL;
}

static void each_identity_is_told_with_the_key_it_was_seen_with(void **state) {
    (void)state;
    make_serving();
    struct agent *entry = &topology.agents[agent("east-db1")];
    struct agent_live *live = &member.agents[agent("east-db1")];
    struct member *self = &topology.members[member.index];
    memset(entry->curve_key_next, 1, KEY_SIZE);
    memset(entry->sign_key_next, 2, KEY_SIZE);
    memset(entry->guard_key_next, 3, KEY_SIZE);
    live->next_key = live->reported = true;
    live->reported_boot_ms = live->heard_boot_ms = member_now_ms();
    live->report.config_version = member.core.config_version;
    live->report.guard.key = 2;
    live->report.pins = PINS_LACK;
    memcpy(self->curve_key_next, member.keys.curve_public, KEY_SIZE);
    memset(member.keys.sign_public, 4, KEY_SIZE);
    memset(self->sign_key_next, 4, KEY_SIZE);
    member.operators[0] = (struct operator_live){member_now_ms(), true};
    json_t *json = ask_from("keys", "", 0);
    const json_t *east = identity(json, "agent", "east-db1");
    assert_int_equal(number_of(east, "keys_n"), 2);
    assert_string_equal(text_of(east, "in_use"), "next");
    assert_string_equal(text_of(east, "pins"), "lack");
    assert_string_equal(text_of(identity(json, "guard", "east-db1"), "in_use"), "next");
    const json_t *west = identity(json, "agent", "west-db1");
    assert_int_equal(number_of(west, "keys_n"), 1);
    assert_string_equal(text_of(west, "in_use"), "key");
    assert_string_equal(text_of(identity(json, "guard", "west-db1"), "in_use"), ""); /* not told */
    assert_string_equal(text_of(identity(json, "member", self->name), "in_use"), "next");
    const char *other = topology.members[(member.index + 1) % topology.members_n].name;
    assert_string_equal(text_of(identity(json, "member", other), "in_use"), "");
    assert_true(json_is_null(json_object_get(identity(json, "member", other), "ago_ms")));
    assert_string_equal(text_of(identity(json, "operator", topology.operators[0].name), "in_use"),
                        "next");
    assert_string_equal(text_of(identity(json, "operator", topology.operators[1].name), "in_use"),
                        "");
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_identity_is_told_with_the_key_it_was_seen_with),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
