/* When an agent asks the members anew because one of them has learned better. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "agent/agent.h"

static struct round round_of_three(void) {
    struct round round;
    memset(&round, 0, sizeof round);
    round.active = true;
    votes_begin(&round.votes, 3);
    return round;
}

static void a_no_that_is_taken_back_hastens_once(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_no(&round.votes, 1, false, 0));
    assert_true(round_hastens(&round, 1, &hastened));
    assert_false(round_hastens(&round, 1, &hastened));
    round = round_of_three(); /* asked anew, and the same no again: it had its turn */
    assert_true(votes_no(&round.votes, 1, false, 0));
    assert_false(round_hastens(&round, 1, &hastened));
    assert_true(votes_no(&round.votes, 2, false, 0));
    assert_true(round_hastens(&round, 2, &hastened));
}

static void who_said_yes_or_nothing_yet_hastens_nothing(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_yes(&round.votes, 0));
    assert_false(round_hastens(&round, 0, &hastened));
    assert_false(round_hastens(&round, 2, &hastened));
    assert_int_equal(hastened, 0);
}

static void a_round_that_is_over_is_not_hastened(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_no(&round.votes, 1, false, 0));
    round.handed_over = true;
    assert_false(round_hastens(&round, 1, &hastened));
    round.handed_over = false;
    round.active = false;
    assert_false(round_hastens(&round, 1, &hastened));
}

static void a_short_lease_asks_again_sooner(void **state) {
    const uint32_t rows[][2] = {{5000, 1000}, {2000, 1000}, {1000, 500}, {500, 300}, {1, 300}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lease_numbers lease = {.renew_ms = rows[i][0]};
        assert_int_equal(round_patience_ms(&lease), rows[i][1]);
    }
}

static void agent_add(struct topology *topology, const char *name, uint8_t region, bool gate,
                      uint8_t key) {
    struct agent *entry = &topology->agents[topology->agents_n++];
    (void)text_copy(entry->name, NAME_SIZE, name);
    entry->region = region;
    entry->guarded = entry->gate = gate;
    memset(entry->guard_key, key, KEY_SIZE);
}

/* What joined the standby since the guard's start might take the next lease without having
 * promised anything. */
static void promises_are_asked_for_only_when_every_gate_guard_is_asked(void **state) {
    static struct agent_program agent;
    static struct topology pins, there;
    static const struct {
        const char *name;
        uint8_t region;
        bool gate;
        uint8_t key;
        bool asked;
        uint8_t next, pinned_next; /* 0: none */
    } joins[] = {
        {"d1", 1, true, 2, true, 0, 0},  {"d2", 1, true, 3, false, 0, 0},
        {"d2", 1, false, 3, true, 0, 0}, {"p2", 0, true, 3, true, 0, 0}, /* of our own region */
        {"m1", 2, true, 3, true, 0, 0},  /* monitoring: it holds no lease */
        {"d1", 1, true, 9, false, 0, 0}, /* another guard under the name */
        {"d1", 1, true, 2, true, 9, 0},  /* the same, which gets a new key */
        {"d1", 1, true, 9, true, 0, 9},  /* and has it */
        {"d1", 1, true, 9, false, 8, 0}};
    (void)state;
    (void)text_copy(pins.regions[0].name, NAME_SIZE, "p");
    (void)text_copy(pins.regions[1].name, NAME_SIZE, "d");
    (void)text_copy(pins.regions[2].name, NAME_SIZE, "m");
    pins.regions[2].kind = REGION_MONITORING;
    pins.regions_n = 3;
    agent_add(&pins, "p1", 0, true, 1);
    agent_add(&pins, "d1", 1, true, 2);
    agent.pins = &pins;
    agent.topology = &there;
    assert_true(peers_all_asked(&agent)); /* none was pushed yet */
    for (unsigned i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        there = pins;
        there.agents_n = 1;
        agent_add(&there, joins[i].name, joins[i].region, joins[i].gate, joins[i].key);
        memset(there.agents[there.agents_n - 1].guard_key_next, joins[i].next, KEY_SIZE);
        memset(pins.agents[1].guard_key_next, joins[i].pinned_next, KEY_SIZE);
        assert_int_equal(peers_all_asked(&agent), joins[i].asked);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_no_that_is_taken_back_hastens_once),
        cmocka_unit_test(who_said_yes_or_nothing_yet_hastens_nothing),
        cmocka_unit_test(a_round_that_is_over_is_not_hastened),
        cmocka_unit_test(a_short_lease_asks_again_sooner),
        cmocka_unit_test(promises_are_asked_for_only_when_every_gate_guard_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
