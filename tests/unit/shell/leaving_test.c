/* A guard that leaves the topology while its lease may still run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/decide/decide.h"
#include "tests/unit/topology/sample.h"

#define WEST "  { name = \"west-db1\"; region"
#define SECOND(key)                                                                                \
    "  { name = \"east-db2\"; region = \"east\"; gate = true; peer_address = "                     \
    "\"tcp://10.1.0.2:7411\";\n    curve_key = \"@31\"; sign_key = \"@32\"; guard_key = \"" key    \
    "\"; },\n" WEST

static struct topology topologies[2];
static struct decide decide;
static struct decide_lines lines;
static uint64_t now_ms, index_last;

static struct stamp stamp_now(void) {
    return (struct stamp){.boot_ms = now_ms, .raw_ms = now_ms};
}

/* A snapshot of epoch 1 of the east, under that topology. */
static void take(uint32_t version, const char *text, bool open) {
    static uint8_t bytes[sizeof(struct core) + TOPOLOGY_BYTES_MAX];
    static struct snapshot snapshot, read;
    struct text256 why = {{0}};
    core_init(&snapshot.core);
    snapshot.core.config_version = version;
    snapshot.core.epoch = 1;
    snapshot.core.open = open;
    snapshot.core.owner = 0;
    snapshot.core.phase = open ? PHASE_SERVING : PHASE_CLOSED;
    snapshot.core.next_owner = open ? NONE : 1;
    snapshot.core.timekeeper = 0;
    snapshot.core.applied_index = ++index_last;
    snapshot.text = (const uint8_t *)text;
    snapshot.text_size = strlen(text);
    size_t size = snapshot_write(&snapshot, bytes, sizeof bytes);
    assert_true(size > 0);
    decide.step_at = stamp_now();
    enum err err = decide_snapshot(&decide, bytes, size, index_last, &read, &lines, &why);
    assert_string_equal(why.at, "");
    assert_int_equal(err, ERR_OK);
}

static void begin(void) {
    struct attest_durable nothing = {0};
    memset(&decide, 0, sizeof decide);
    decide.topology = &topologies[0];
    decide.topology_next = &topologies[1];
    now_ms = 50000;
    index_last = 0;
    decide_start(&decide, &nothing, stamp_now(), &lines);
}

static void tick(uint32_t ms) {
    static struct decision decision;
    memset(&decision, 0, sizeof decision);
    now_ms += ms;
    decide.step_at = stamp_now();
    decision.fact.event.kind = EVENT_TICK;
    decision.fact.event.index = ++index_last;
    decision.fact.event.tick.elapsed_ms = ms;
    decide_step(&decide, &decision, &lines);
}

static void prove(const char *name) {
    uint8_t agent = topology_agent(decide.topology, name);
    assert_int_not_equal(agent, NONE);
    decide_fence_proof(&decide, agent, 1, &lines);
}

static bool waits(void) {
    return attest_wait_left_ms(&decide.attest, stamp_now(), decide_wait_ms(decide.topology)) > 0;
}

static void the_proofs_of_the_others_end_no_wait_while_its_lease_may_run(void **state) {
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        begin();
        take(1, sample_text(WEST, SECOND("@33")), true);
        uint32_t wait_ms = decide.topology->lease.wait_ms;
        assert_int_equal(decide.topology->agents_n, 4);
        /* Away, or another machine under its name. */
        now_ms += 100000;
        take(2, how == 0 ? sample_text(NULL, NULL) : sample_text(WEST, SECOND("@34")), true);
        now_ms += 10;
        /* A YES just given: the plain wait is as long as it can be. */
        decide.attest.yes_known = true;
        decide.attest.yes_epoch = 1;
        decide.attest.last_yes = stamp_now();
        take(2, how == 0 ? sample_text(NULL, NULL) : sample_text(WEST, SECOND("@34")), false);
        prove("east-db1");
        if (how == 1) {
            prove("east-db2");
        }
        assert_true(waits());
        tick(wait_ms - 11);
        assert_true(waits());
        tick(1);
        assert_false(waits()); /* ten ms before the plain wait would be over */
        assert_true(decide.attest.fence_proved);
    }
}

static void where_no_guard_left_proofs_end_the_wait_at_once(void **state) {
    (void)state;
    begin();
    take(1, sample_text(NULL, NULL), true);
    now_ms += 100000;
    take(2, sample_text(WEST, SECOND("@33")), true); /* one more is no one less */
    decide.attest.yes_known = true;
    decide.attest.yes_epoch = 1;
    decide.attest.last_yes = stamp_now();
    take(2, sample_text(WEST, SECOND("@33")), false);
    prove("east-db1");
    assert_true(waits());
    prove("east-db2");
    assert_false(waits());
}

/* The same guard, whose key is exchanged: its own proof is awaited, and no more. */
static void a_guard_whose_key_is_exchanged_has_not_left(void **state) {
    (void)state;
    begin();
    take(1, sample_text(WEST, SECOND("@33")), true);
    take(2, sample_text(WEST, SECOND("@33\"; guard_key_next = \"@34")), true);
    take(3, sample_text(WEST, SECOND("@34")), true);
    assert_false(decide.guard_left);
    take(4, sample_text(WEST, SECOND("@35\"; guard_key_next = \"@36")), true);
    assert_true(decide.guard_left);
}

static void a_member_started_from_a_snapshot_knows_of_no_guard_that_left(void **state) {
    (void)state;
    begin();
    take(2, sample_text(NULL, NULL), true);
    uint32_t wait_ms = decide.topology->lease.wait_ms;
    now_ms += 10;
    take(2, sample_text(NULL, NULL), false);
    prove("east-db1");
    assert_true(waits());
    tick(wait_ms);
    assert_false(waits());
    /* The first topology of all: nobody can have left. */
    begin();
    take(1, sample_text(NULL, NULL), true);
    take(1, sample_text(NULL, NULL), false);
    prove("east-db1");
    assert_false(waits());
}

static void it_is_kept_with_the_state(void **state) {
    static uint8_t bytes[DECIDE_STATE_MAX];
    struct decide other = {.topology = &topologies[1]};
    struct text256 why;
    (void)state;
    begin();
    take(2, sample_text(NULL, NULL), true);
    assert_true(decide.guard_left);
    size_t size = decide_state_write(&decide, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_int_equal(decide_state_read(&other, bytes, size, &why), ERR_OK);
    assert_true(other.guard_left);
    assert_int_equal(other.guard_left_at.boot_ms, decide.guard_left_at.boot_ms);
    assert_int_equal(other.guard_left_at.raw_ms, decide.guard_left_at.raw_ms);
}

static void under_hold_it_must_have_proved_its_fence(void **state) {
    static struct topology now, next;
    static const struct {
        bool open;
        uint8_t owner;
        uint64_t epoch, fenced;
        bool follows;
    } table[] = {
        {true, 0, 1, 0, false}, {true, 0, 3, 2, false},  {true, 1, 2, 0, false},
        {true, 1, 2, 1, true},  {false, 0, 1, 0, false}, {false, 0, 1, 1, true},
    };
    (void)state;
    now = *sample_topology(WEST, SECOND("@33"));
    next = *sample_topology(NULL, NULL);
    now.lease.on_quorum_loss = next.lease.on_quorum_loss = QUORUM_LOSS_HOLD;
    memset(&decide, 0, sizeof decide);
    decide.topology = &now;
    decide.topology_next = &next;
    uint8_t second = topology_agent(&now, "east-db2");
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text256 why = {{0}};
        core_init(&decide.core);
        decide.core.open = table[i].open;
        decide.core.owner = table[i].owner;
        decide.core.epoch = table[i].epoch;
        decide.core.agents[second].fenced_epoch = table[i].fenced;
        assert_int_equal(decide_leases_follow(&decide, &why), table[i].follows);
        assert_true(table[i].follows || strstr(why.at, "east-db2") != NULL);
    }
    now.lease.on_quorum_loss = next.lease.on_quorum_loss = QUORUM_LOSS_FENCE;
    decide.core.agents[second].fenced_epoch = 0;
    assert_true(decide_leases_follow(&decide, NULL));
}

static void a_gate_guard_joins_only_while_the_active_region_is_heard(void **state) {
    static struct topology now, next;
    static const struct {
        uint8_t policy;
        uint64_t epoch;
        uint8_t owner, heard_by;
        bool follows;
    } table[] = {
        {QUORUM_LOSS_FAILSAFE, 1, 1, 7, true},
        {QUORUM_LOSS_FAILSAFE, 1, 1, 3, true},
        {QUORUM_LOSS_FAILSAFE, 1, 1, 1, false}, /* by one of three members */
        {QUORUM_LOSS_FAILSAFE, 1, 1, 0, false},
        {QUORUM_LOSS_FAILSAFE, 1, 0, 0, true}, /* it joins the active region itself */
        {QUORUM_LOSS_FAILSAFE, 0, NONE, 0, true},
        {QUORUM_LOSS_FENCE, 1, 1, 0, true}, /* nobody asks for promises */
    };
    (void)state;
    next = *sample_topology(WEST, SECOND("@33"));
    now = *sample_topology(NULL, NULL);
    memset(&decide, 0, sizeof decide);
    decide.topology = &now;
    decide.topology_next = &next;
    assert_int_equal(now.regions_n, 3);
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text256 why = {{0}};
        now.lease.on_quorum_loss = next.lease.on_quorum_loss = table[i].policy;
        core_init(&decide.core);
        decide.core.epoch = table[i].epoch;
        decide.core.owner = table[i].owner;
        decide.core.agents[topology_agent(&now, "west-db1")].heard_by = table[i].heard_by;
        assert_int_equal(decide_leases_follow(&decide, &why), table[i].follows);
        assert_true(table[i].follows || strstr(why.at, "east-db2") != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_proofs_of_the_others_end_no_wait_while_its_lease_may_run),
        cmocka_unit_test(where_no_guard_left_proofs_end_the_wait_at_once),
        cmocka_unit_test(a_guard_whose_key_is_exchanged_has_not_left),
        cmocka_unit_test(a_member_started_from_a_snapshot_knows_of_no_guard_that_left),
        cmocka_unit_test(it_is_kept_with_the_state),
        cmocka_unit_test(under_hold_it_must_have_proved_its_fence),
        cmocka_unit_test(a_gate_guard_joins_only_while_the_active_region_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
