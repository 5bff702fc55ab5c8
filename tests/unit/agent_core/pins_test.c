/* pins and durable: whom a guard believes, and what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/durable.h"
#include "agent/core/pins.h"

static struct topology topology;

static void add(const char *name, uint8_t region, bool guarded, bool gate, uint8_t key) {
    struct agent *agent = &topology.agents[topology.agents_n++];
    (void)text_copy(agent->name, NAME_SIZE, name);
    agent->region = region;
    agent->guarded = guarded;
    agent->gate = gate;
    memset(agent->sign_key, key, KEY_SIZE);
    memset(agent->guard_key, key + 100, KEY_SIZE);
}

static void make(void) {
    static const char *const regions[] = {"p", "d", "m"};
    memset(&topology, 0, sizeof topology);
    (void)text_copy(topology.cluster, NAME_SIZE, "test");
    topology.lease = (struct lease_numbers){.lease_ms = 6000,
                                            .fence_ms = 2000,
                                            .gate_early_ms = 600,
                                            .wait_ms = 6200,
                                            .promise_ms = 6200,
                                            .on_quorum_loss = QUORUM_LOSS_FAILSAFE};
    topology.regions_n = 3;
    for (unsigned r = 0; r < 3; r++) {
        (void)text_copy(topology.regions[r].name, NAME_SIZE, regions[r]);
    }
    topology.regions[2].kind = REGION_MONITORING;
    topology.members_n = 3;
    for (unsigned m = 0; m < 3; m++) {
        (void)text_format(topology.members[m].name, NAME_SIZE, "c%u", m + 1);
        memset(topology.members[m].sign_key, (int)(50 + m), KEY_SIZE);
    }
    add("p1", 0, true, true, 1);
    add("p2", 0, true, true, 2);
    add("d1", 1, true, true, 3);
    add("d2", 1, true, false, 4);
    add("d3", 1, false, true, 5);
    add("m1", 2, true, true, 6);
}

static void a_guard_believes_the_members_and_the_other_data_regions_gate_guards(void **state) {
    static struct pins pins;
    (void)state;
    make();
    assert_int_equal(pins_of(&topology, "p1", &pins, NULL), ERR_OK);
    assert_string_equal(pins.cluster, "test");
    assert_string_equal(pins.agent, "p1");
    assert_string_equal(pins.region, "p");
    assert_int_equal(pins.guard_key[0], 101);
    assert_int_equal(pins.members_n, 3);
    assert_string_equal(pins.members[2].name, "c3");
    assert_int_equal(pins.members[2].key[0], 52);
    assert_int_equal(pins.promisers_n, 1);
    assert_string_equal(pins.promisers[0].name, "d1");
    assert_int_equal(pins.promisers[0].key[0], 103); /* the guard's key, not the agent's */
    assert_int_equal(pins.askers_n, 3);
    assert_string_equal(pins.askers[1].name, "d2");
    assert_string_equal(pins.askers[1].region, "d");
    assert_int_equal(pins.askers[1].key[0], 4);
    struct holder_conf conf = pins_holder_conf(&pins);
    assert_int_equal(conf.lease_ms, 6000);
    assert_int_equal(conf.fence_ms, 2000);
    assert_int_equal(conf.gate_early_ms, 600);
    assert_int_equal(conf.promise_ms, 6200);
    assert_int_equal(conf.members_n, 3);
    assert_int_equal(conf.promisers_n, 1);
}

static void the_policy_is_the_holders_own(void **state) {
    static struct pins pins;
    static const uint8_t policies[][2] = {{QUORUM_LOSS_FAILSAFE, HOLDER_FAILSAFE},
                                          {QUORUM_LOSS_FENCE, HOLDER_FENCE},
                                          {QUORUM_LOSS_HOLD, HOLDER_HOLD}};
    (void)state;
    make();
    for (unsigned i = 0; i < 3; i++) {
        topology.lease.on_quorum_loss = policies[i][0];
        assert_int_equal(pins_of(&topology, "d1", &pins, NULL), ERR_OK);
        assert_int_equal(pins_holder_conf(&pins).policy, policies[i][1]);
        /* And questions say so. */
        assert_int_equal(pins.lease.wait_ms,
                         policies[i][1] == HOLDER_HOLD ? UINT32_MAX : topology.lease.wait_ms);
    }
}

static void who_has_no_guard_or_unusable_numbers_gets_no_pins(void **state) {
    static struct pins pins;
    static const struct lease_numbers wrong[] = {
        {.lease_ms = 6000, .fence_ms = 2000, .gate_early_ms = 0, .promise_ms = 6200},
        {.lease_ms = 6000, .fence_ms = 2000, .gate_early_ms = 2000, .promise_ms = 6200},
        {.lease_ms = 2000, .fence_ms = 2000, .gate_early_ms = 600, .promise_ms = 6200},
        {.lease_ms = 6000, .fence_ms = 2000, .gate_early_ms = 600, .promise_ms = 5999}};
    struct text256 why;
    (void)state;
    make();
    assert_int_equal(pins_of(&topology, "nobody", &pins, &why), ERR_CONFIG);
    assert_int_equal(pins_of(&topology, "d3", &pins, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "d3"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        make();
        topology.lease = wrong[i];
        assert_int_equal(pins_of(&topology, "p1", &pins, &why), ERR_CONFIG);
    }
    make();
    topology.members_n = 0;
    assert_int_equal(pins_of(&topology, "p1", &pins, &why), ERR_CONFIG);
}

static void what_a_guard_keeps_comes_back_and_any_damage_is_noticed(void **state) {
    struct holder_durable durable = {7, 6, UINT64_C(0xFFFFFFFFFFFFFFFF)}, back;
    uint8_t bytes[DURABLE_SIZE + 1] = {0};
    (void)state;
    durable_write(&durable, bytes);
    assert_true(durable_read(bytes, DURABLE_SIZE, &back));
    assert_memory_equal(&back, &durable, sizeof back);
    for (size_t cut = 0; cut < DURABLE_SIZE; cut++) {
        assert_false(durable_read(bytes, cut, &back));
    }
    assert_false(durable_read(bytes, DURABLE_SIZE + 1, &back));
    for (size_t i = 0; i < DURABLE_SIZE; i++) {
        bytes[i] ^= 0x20;
        assert_false(durable_read(bytes, DURABLE_SIZE, &back));
        bytes[i] ^= 0x20;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_believes_the_members_and_the_other_data_regions_gate_guards),
        cmocka_unit_test(the_policy_is_the_holders_own),
        cmocka_unit_test(who_has_no_guard_or_unusable_numbers_gets_no_pins),
        cmocka_unit_test(what_a_guard_keeps_comes_back_and_any_damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
