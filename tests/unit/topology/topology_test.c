/* Lookups, durations, arguments and who runs a step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "tests/unit/topology/sample.h"

static void names_are_found_at_their_positions(void **state) {
    (void)state;
    const struct topology *topology = sample_topology(NULL, NULL);
    assert_int_equal(topology_region(topology, "west"), 1);
    assert_int_equal(topology_member(topology, "m3"), 2);
    assert_int_equal(topology_agent(topology, "mon1"), 2);
    assert_int_equal(topology_component(topology, "app"), 1);
    assert_int_equal(topology_link(topology, "pg"), 0);
    assert_int_equal(topology_operator(topology, "n2"), 9);
    assert_int_equal(topology_plan(topology, "reprotect"), 2);
    assert_int_equal(topology_region(topology, "north"), NONE);
    assert_int_equal(topology_plan(topology, ""), NONE);
    assert_int_equal(topology_endpoint(topology, 0, 1), 1);
    assert_int_equal(topology_endpoint(topology, 0, 2), NONE);
}

static void pins_must_know_every_key_that_is_in_force(void **state) {
    static struct topology pins, force;
    uint8_t *const exchanged[][2] = {
        {force.members[1].curve_key, pins.members[1].curve_key_next},
        {force.members[2].sign_key_next, pins.members[2].sign_key_next},
        {force.agents[0].guard_key, pins.agents[0].guard_key_next},
        {force.agents[1].sign_key_next, pins.agents[1].sign_key_next},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof exchanged / sizeof exchanged[0]; i++) {
        pins = force = *sample_topology(NULL, NULL);
        assert_true(topology_knows_keys(&pins, &force));
        memset(exchanged[i][0], 0xA5, KEY_SIZE);
        assert_false(topology_knows_keys(&pins, &force));
        memset(exchanged[i][1], 0xA5, KEY_SIZE);
        assert_true(topology_knows_keys(&pins, &force));
    }
    memset(force.agents[0].sign_key, 0x5A, KEY_SIZE);
    assert_false(topology_knows_keys(&pins, &force));
    (void)text_copy(pins.agents[0].name, NAME_SIZE, "north-db1"); /* it does not name that one */
    assert_true(topology_knows_keys(&pins, &force));
}

static void a_guard_is_the_same_while_one_key_is_shared(void **state) {
    static const struct {
        uint8_t key, next, key_then, next_then;
        bool same;
    } rows[] = {{1, 0, 1, 0, true},  {1, 0, 1, 2, true},  {1, 2, 2, 0, true},  {1, 2, 2, 3, true},
                {1, 0, 2, 0, false}, {1, 2, 3, 4, false}, {1, 0, 2, 3, false}, {0, 0, 0, 0, false}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct agent now, then;
        memset(&now, 0, sizeof now);
        memset(&then, 0, sizeof then);
        memset(now.guard_key, rows[i].key, KEY_SIZE);
        memset(now.guard_key_next, rows[i].next, KEY_SIZE);
        memset(then.guard_key, rows[i].key_then, KEY_SIZE);
        memset(then.guard_key_next, rows[i].next_then, KEY_SIZE);
        assert_int_equal(agent_same_guard(&now, &then), rows[i].same);
        assert_int_equal(agent_same_guard(&then, &now), rows[i].same);
    }
}

static void texts_cover_every_enumerator(void **state) {
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(strcmp(component_kind_text((enum component_kind)i), "unknown") != 0,
                         i < COMPONENT_KINDS_N);
        assert_int_equal(strcmp(check_kind_text((enum check_kind)i), "unknown") != 0,
                         i < CHECK_KINDS_N);
        assert_int_equal(strcmp(action_kind_text((enum action_kind)i), "unknown") != 0,
                         i < ACTION_KINDS_N);
        assert_int_equal(strcmp(role_text((enum role)i), "unknown") != 0, i < ROLES_N);
        assert_int_equal(strcmp(plan_kind_text((enum plan_kind)i), "unknown") != 0,
                         i < PLAN_KINDS_N);
        assert_int_equal(strcmp(link_kind_text((enum link_kind)i), "unknown") != 0, i < 4);
        assert_int_equal(strcmp(quorum_loss_text((enum quorum_loss)i), "unknown") != 0, i < 3);
    }
}

static void durations_read_and_write(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool known;
        uint64_t ms;
        const char *written;
    } rows[] = {
        {"500ms", true, 500, "500ms"},
        {"30s", true, 30000, "30s"},
        {"60s", true, 60000, "1m"},
        {"90s", true, 90000, "90s"},
        {"5m", true, 300000, "5m"},
        {"1h", true, 3600000, "1h"},
        {"24h", true, 86400000, "1d"},
        {"14d", true, 1209600000, "14d"},
        {"1w", true, 604800000, "7d"},
        {"0ms", true, 0, "0ms"},
        {"18446744073709551615ms", false, 0, NULL}, /* twenty digits: longer than any need */
        {"9999999999999999999ms", true, UINT64_C(9999999999999999999), "9999999999999999999ms"},
        {"9999999999999999999s", false, 0, NULL},
        {"30", false, 0, NULL},
        {"s", false, 0, NULL},
        {"", false, 0, NULL},
        {"-1s", false, 0, NULL},
        {"1.5s", false, 0, NULL},
        {"1 s", false, 0, NULL},
        {"1h30m", false, 0, NULL},
        {"5M", false, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t ms = 77;
        assert_int_equal(duration_from_text(rows[i].text, &ms), rows[i].known);
        assert_true(ms == (rows[i].known ? rows[i].ms : 77));
        if (rows[i].known) {
            assert_string_equal(duration_text(ms).at, rows[i].written);
        }
    }
}

static void an_argument_set_twice_keeps_the_later_value(void **state) {
    (void)state;
    struct arguments arguments = {0};
    assert_int_equal(arguments_set(&arguments, "a", "a long value"), ERR_OK);
    assert_int_equal(arguments_set(&arguments, "b", "2"), ERR_OK);
    assert_int_equal(arguments_set(&arguments, "a", "3"), ERR_OK);
    assert_int_equal(arguments.n, 2);
    assert_string_equal(arguments_get(&arguments, "a"), "3");
    assert_null(arguments_get(&arguments, "c"));
    /* Nothing of the longer value may lie behind the shorter one: it would reach a digest. */
    static const char zeros[VALUE_SIZE];
    assert_memory_equal(arguments.at[0].value + 1, zeros, VALUE_SIZE - 1);
}

static void arguments_beyond_the_limit_are_refused(void **state) {
    (void)state;
    struct arguments arguments = {0};
    char name[NAME_SIZE];
    for (unsigned i = 0; i < ACTION_ARGS_MAX; i++) {
        (void)snprintf(name, sizeof name, "a%u", i);
        assert_int_equal(arguments_set(&arguments, name, "x"), ERR_OK);
    }
    assert_int_equal(arguments_set(&arguments, "one-more", "x"), ERR_TOO_BIG);
    assert_int_equal(arguments_set(&arguments, "a3", "y"), ERR_OK);
    char value[VALUE_SIZE + 1];
    memset(value, 'v', VALUE_SIZE);
    value[VALUE_SIZE] = 0;
    assert_int_equal(arguments_set(&arguments, "a3", value), ERR_TOO_BIG);
    assert_string_equal(arguments_get(&arguments, "a3"), "y");
}

static void a_step_takes_both_endpoints_and_its_own_last(void **state) {
    (void)state;
    const struct topology *topology = sample_topology(
        "action = \"patroni_promote\"; component = \"pg\"; timeout = ",
        "action = \"patroni_promote\"; component = \"pg\"; args: { front_port = 6000; slow = true; "
        "}; timeout = ");
    const struct step *step = &topology->plans[0].steps[0];
    struct arguments west = {0};
    assert_int_equal(topology_step_arguments(topology, step, 1, 0, &west), ERR_OK);
    assert_int_equal(west.n, 4);
    assert_string_equal(arguments_get(&west, "patroni_urls"), "http://10.2.0.1:8008");
    assert_string_equal(arguments_get(&west, "front_port"), "6000");
    assert_null(arguments_get(&west, "peer_patroni_urls"));
    assert_string_equal(arguments_get(&west, "peer_front_port"), "5000");
    assert_string_equal(arguments_get(&west, "slow"), "true");
    struct arguments east = {0};
    assert_int_equal(topology_step_arguments(topology, step, 0, 1, &east), ERR_OK);
    assert_string_equal(arguments_get(&east, "patroni_urls"), "http://10.1.0.1:8008");
    assert_string_equal(arguments_get(&east, "peer_front_port"), "5001");
    struct arguments alone = {0};
    assert_int_equal(topology_step_arguments(topology, step, 0, NONE, &alone), ERR_OK);
    assert_null(arguments_get(&alone, "peer_front_port"));
}

static void a_step_acts_through_another_components_endpoint(void **state) {
    (void)state;
    struct topology *topology = sample_topology(
        "component = \"app\"; needs = [\"promote\"];",
        "component = \"app\"; needs = [\"promote\"]; through = \"pg\"; args: { front_port = 1; };");
    const struct step *step = &topology->plans[0].steps[1];
    struct arguments west = {0};
    assert_int_equal(step->through, topology_component(topology, "pg"));
    assert_int_equal(step->tier, 2); /* its component's */
    assert_int_equal(topology_step_arguments(topology, step, 1, 0, &west), ERR_OK);
    assert_int_equal(west.n, 2); /* nothing of the other region's pg: it is not the component */
    assert_string_equal(arguments_get(&west, "patroni_urls"), "http://10.2.0.1:8008");
    assert_string_equal(arguments_get(&west, "front_port"), "1");
    assert_int_equal(arguments_set(&topology->endpoints[3].arguments, "patroni_urls", "own"),
                     ERR_OK);
    assert_int_equal(topology_step_arguments(topology, step, 1, 0, &west), ERR_OK);
    assert_string_equal(arguments_get(&west, "patroni_urls"), "http://10.2.0.1:8008");
}

static void too_many_arguments_together_leave_the_result_untouched(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    struct step *step = &topology->plans[0].steps[0];
    for (unsigned i = 0; i < ACTION_ARGS_MAX - 2; i++) {
        char name[NAME_SIZE];
        (void)snprintf(name, sizeof name, "a%u", i);
        assert_int_equal(arguments_set(&step->arguments, name, "x"), ERR_OK);
    }
    struct arguments arguments = {.n = 1};
    assert_int_equal(topology_step_arguments(topology, step, 1, 0, &arguments), ERR_TOO_BIG);
    assert_int_equal(arguments.n, 1);
}

static void a_check_is_handed_only_what_every_probe_can_use(void **state) {
    (void)state;
    const struct topology *topology = sample_topology(
        "front_port = 5000;", "front_port = 5000; address = \"10.1.0.1:5432\"; user = \"u\";");
    struct arguments arguments = {0};
    assert_int_equal(topology_check_arguments(topology, &topology->checks[0], &arguments), ERR_OK);
    assert_int_equal(arguments.n, 2);
    assert_string_equal(arguments_get(&arguments, "address"), "10.1.0.1:5432");
    assert_string_equal(arguments_get(&arguments, "user"), "u");
}

static void a_step_goes_to_the_first_living_agent_of_its_endpoint(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    struct step *step = &topology->plans[0].steps[0];
    topology->endpoints[1].agents_n = 2;
    topology->endpoints[1].agents[0] = 2;
    topology->endpoints[1].agents[1] = 1;
    assert_int_equal(topology_step_agent(topology, step, 1, bit(1) | bit(2)), 2);
    assert_int_equal(topology_step_agent(topology, step, 1, bit(0) | bit(1)), 1);
    assert_int_equal(topology_step_agent(topology, step, 1, bit(0)), NONE);
    assert_int_equal(topology_step_agent(topology, step, 2, bit(2)), NONE);
    step->agent = 0;
    assert_int_equal(topology_step_agent(topology, step, 1, bit(0)), 0);
    assert_int_equal(topology_step_agent(topology, step, 1, bit(1)), NONE);
    step->agent = NONE;
    step->component = NONE;
    assert_int_equal(topology_step_agent(topology, step, 1, UINT64_MAX), NONE);
}

static void findings_beyond_the_limit_are_counted(void **state) {
    (void)state;
    static struct findings findings;
    for (unsigned i = 0; i < FINDINGS_MAX + 7; i++) {
        findings_add(&findings, i % 2 == 0, 111, "here", "number %u", i);
    }
    assert_int_equal(findings.n, FINDINGS_MAX);
    assert_int_equal(findings.lost_n, 7);
    assert_int_equal(findings.errors_n, FINDINGS_MAX / 2 + 4);
    assert_string_equal(findings.at[3].text, "number 3");
    assert_false(findings.at[3].is_error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_at_their_positions),
        cmocka_unit_test(pins_must_know_every_key_that_is_in_force),
        cmocka_unit_test(a_guard_is_the_same_while_one_key_is_shared),
        cmocka_unit_test(texts_cover_every_enumerator),
        cmocka_unit_test(durations_read_and_write),
        cmocka_unit_test(an_argument_set_twice_keeps_the_later_value),
        cmocka_unit_test(arguments_beyond_the_limit_are_refused),
        cmocka_unit_test(a_step_takes_both_endpoints_and_its_own_last),
        cmocka_unit_test(a_step_acts_through_another_components_endpoint),
        cmocka_unit_test(too_many_arguments_together_leave_the_result_untouched),
        cmocka_unit_test(a_check_is_handed_only_what_every_probe_can_use),
        cmocka_unit_test(a_step_goes_to_the_first_living_agent_of_its_endpoint),
        cmocka_unit_test(findings_beyond_the_limit_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
