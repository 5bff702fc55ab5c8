/* verdict and gates: what the two signals make of a region, and what each gate alone holds up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static enum region_class class_of(uint8_t region) {
    return (enum region_class)verdict_of(&world.core, &world.topology, region).class;
}

/* ------------------------------------------------------------------ classes */

/* The outage of a provider, or of a page that nobody promised, is not the region's (SEED-82). */
static void what_is_not_vital_is_neither_its_own_voice_nor_a_view_from_outside(void **state) {
    (void)state;
    for (unsigned vital = 0; vital < 2; vital++) {
        world_serving(&world);
        world.topology.checks[CHECK_P_OUT].vital = vital == 1;
        world.topology.checks[CHECK_P_IN1].vital = vital == 1;
        world.topology.checks[CHECK_P_IN2].vital = vital == 1;
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_P1, CHECK_P_IN1, SEEN_FAILED);
        (void)world_check(&world, AGENT_P2, CHECK_P_IN2, SEEN_FAILED);
        assert_int_equal(class_of(P), vital == 1 ? CLASS_SICK : CLASS_WELL);
        assert_int_equal(verdict_of(&world.core, &world.topology, P).outside_n, 2 * vital);
    }
}

static void the_matrix_of_voice_and_outside_view_gives_the_classes(void **state) {
    static const uint64_t one_of_two = ALL_AGENTS & ~UINT64_C(0x2);
    const struct {
        uint64_t heard;
        uint8_t outside_d, outside_m; /* as D's agent and the vantage see P */
        uint8_t vital_1, vital_2, link;
        enum region_class expected;
    } rows[] = {
        /* heard, outside well */
        {ALL_AGENTS, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_WELL},
        {ALL_AGENTS, SEEN_WARN, SEEN_SUSPECT, SEEN_WARN, SEEN_OK, SEEN_OK, CLASS_WELL},
        {ALL_AGENTS, SEEN_OK, SEEN_OK, SEEN_FAILED, SEEN_OK, SEEN_OK, CLASS_COMPONENT},
        {ALL_AGENTS, SEEN_OK, SEEN_OK, SEEN_FAILED, SEEN_FAILED, SEEN_OK, CLASS_COMPONENT},
        {ALL_AGENTS, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_FAILED, CLASS_LINK_ONLY},
        {one_of_two, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        {ALL_AGENTS, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_LINK_ONLY},
        {one_of_two, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        {ALL_AGENTS, SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_COMPONENT},
        /* heard, most vital bad and the outside agrees */
        {ALL_AGENTS, SEEN_FAILED, SEEN_FAILED, SEEN_FAILED, SEEN_FAILED, SEEN_OK, CLASS_SICK},
        {ALL_AGENTS, SEEN_FAILED, SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, CLASS_COMPONENT},
        {one_of_two, SEEN_FAILED, SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, CLASS_SICK},
        /* silent */
        {ALL_BUT_P, SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_DARK},
        {ALL_BUT_P, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        {ALL_BUT_P, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        {ALL_BUT_P, SEEN_OK, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_ISOLATED},
        {ALL_BUT_P, SEEN_UNKNOWN, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_DARK},
        {ALL_BUT_P, SEEN_UNKNOWN, SEEN_UNKNOWN, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        /* An outside view counts only while its vantage is heard. */
        {UINT64_C(0x8), SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_STALE},
        /* The members' own region is not cut off while it sees the other one serve. */
        {UINT64_C(0x10), SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_DARK},
        {0, SEEN_FAILED, SEEN_FAILED, SEEN_OK, SEEN_OK, SEEN_OK, CLASS_MONITORING_ISOLATED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_serving(&world);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, rows[i].outside_d);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, rows[i].outside_m);
        (void)world_check(&world, AGENT_P1, CHECK_P_IN1, rows[i].vital_1);
        (void)world_check(&world, AGENT_P2, CHECK_P_IN2, rows[i].vital_2);
        (void)world_check(&world, AGENT_P1, CHECK_P_LINK, rows[i].link);
        world_heard(&world, rows[i].heard, true);
        if (class_of(P) != rows[i].expected) {
            fail_msg("row %zu: %s instead of %s", i, class_text(class_of(P)),
                     class_text(rows[i].expected));
        }
    }
}

static void
a_region_without_agents_is_unknown_and_one_opinion_from_inside_is_not_outside(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.agents[AGENT_M1].region = D;
    assert_int_equal(class_of(M), CLASS_UNKNOWN);
    world_serving(&world);
    (void)world_check(&world, AGENT_P1, CHECK_P_OUT, SEEN_FAILED); /* of its own front */
    assert_int_equal(class_of(P), CLASS_WELL);
}

static void a_minority_of_members_hears_nothing_for_the_group(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_view(&world, 0, ALL_BUT_P, true, 3000);
    assert_int_equal(class_of(P), CLASS_WELL);
    (void)world_view(&world, 1, ALL_BUT_P, true, 3000);
    assert_int_equal(class_of(P), CLASS_STALE);
    assert_int_equal(verdict_alive(&world.core, &world.topology), ALL_BUT_P);
}

static void the_classes_are_kept_with_each_tick(void **state) {
    (void)state;
    world_dark(&world);
    assert_int_equal(world.core.last_class[P], CLASS_WELL);
    (void)world_tick(&world, 100);
    assert_int_equal(world.core.last_class[P], CLASS_DARK);
    assert_int_equal(world.core.last_class[D], CLASS_WELL);
}

/* -------------------------------------------------------------------- gates */

static struct gate_reading gates[GATES_N];

static bool read_gates(void) {
    uint8_t target = NONE;
    bool passes = gates_read(&world.core, &world.topology, gates, &target);
    assert_true(target == D || target == NONE);
    return passes;
}

static void break_automatic(void) {
    world.topology.policy.automatic = false;
}

static void break_automatic_by_hold(void) {
    world.topology.lease.on_quorum_loss = QUORUM_LOSS_HOLD; /* I8 */
}

static void break_held(void) {
    (void)world_ask(&world, REQUEST_HOLD);
}

static void break_held_for_a_while(void) {
    struct event event = world_request(&world, REQUEST_HOLD);
    event.request.for_ms = 30000;
    (void)world_step(&world, &event);
}

static void break_latch(void) {
    world.core.latched = 1;
}

static void break_block(void) {
    world.core.block_until_ms = world.core.now_ms + 5000;
}

static void break_idle(void) {
    (void)world_declare(&world, PLAN_REPROTECT, D);
}

static void break_settled(void) {
    world.core.settle_from_ms = world.core.now_ms - 100;
}

static void break_outside(void) {
    (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_OK);
}

static void break_attest(void) {
    (void)world_view(&world, 0, ALL_BUT_P, true, 3000);
    (void)world_view(&world, 1, ALL_BUT_P, true, 3000);
}

static void break_hold_down(void) {
    world.core.suspect_ms = world.core.now_ms - 1;
}

static void break_standby_silent(void) {
    world_heard(&world, UINT64_C(0x14), false); /* one of D's two gate agents */
}

static void break_standby_guard(void) {
    world.core.agents[AGENT_D2].guard_present = 0;
}

static void break_standby_vital(void) {
    (void)world_check(&world, AGENT_D1, CHECK_D_IN, SEEN_FAILED);
}

static void break_rpo(void) {
    (void)world_lag(&world, true, 5001);
}

static void break_rpo_unknown(void) {
    (void)world_lag(&world, false, 0);
}

static void break_guarded(void) {
    world.topology.agents[AGENT_P1].guarded = false;
    world.topology.agents[AGENT_P2].guarded = false;
}

static const struct {
    const char *name;
    void (*damage)(void);
    enum gate gate;
    int64_t value, limit;
} damages[] = {
    {"automatic", break_automatic, GATE_AUTOMATIC_, 0, 1},
    {"hold policy", break_automatic_by_hold, GATE_AUTOMATIC_, 0, 1},
    {"held", break_held, GATE_NOT_HELD_, 0, 1},
    {"held for a while", break_held_for_a_while, GATE_NOT_HELD_, 0, 1},
    {"latch", break_latch, GATE_LATCH_, 0, 1},
    {"block", break_block, GATE_BLOCK_, -1, -1},
    {"idle", break_idle, GATE_IDLE_, 0, 1},
    {"settled", break_settled, GATE_SETTLED_, 100, 5000},
    {"outside", break_outside, GATE_OUTSIDE_, 1, 1},
    {"attest", break_attest, GATE_ATTEST_, 1, 2},
    {"hold-down", break_hold_down, GATE_HOLD_DOWN_, 1, 10000},
    {"standby silent", break_standby_silent, GATE_STANDBY_, 1, 2},
    {"standby guard", break_standby_guard, GATE_STANDBY_, 1, 2},
    {"standby vital", break_standby_vital, GATE_STANDBY_, 2, 2},
    {"rpo", break_rpo, GATE_RPO_, 5001, 5000},
    {"rpo unknown", break_rpo_unknown, GATE_RPO_, -1, 5000},
    {"guarded", break_guarded, GATE_GUARDED_, 0, 1},
};

/* Suspect and ripe, one step before the decision. */
static void ripe(void) {
    world_suspect_ripe(&world);
    world.core.now_ms += 500;
    assert_true(read_gates());
}

static void each_gate_alone_holds_up_the_decision_with_its_figures(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        ripe();
        damages[i].damage();
        bool passes = read_gates();
        if (passes || gates[damages[i].gate].passes) {
            fail_msg("%s does not hold up the decision", damages[i].name);
        }
        for (unsigned g = 0; g < GATES_N; g++) {
            if (g != damages[i].gate && !gates[g].passes) {
                fail_msg("%s also shuts gate %u", damages[i].name, g);
            }
        }
        if (damages[i].limit != -1) {
            assert_int_equal(gates[damages[i].gate].value, damages[i].value);
            assert_int_equal(gates[damages[i].gate].limit, damages[i].limit);
        }
        assert_int_not_equal(world_tick(&world, 1).rule, 203);
    }
}

static void the_voice_of_the_region_holds_up_the_decision(void **state) {
    (void)state;
    ripe();
    world_heard(&world, ALL_AGENTS, false);
    assert_false(read_gates());
    assert_false(gates[GATE_OWN_VOICE_].passes);
    assert_int_equal(gates[GATE_OWN_VOICE_].value, 2);
}

static void a_sick_region_is_left_only_when_the_policy_says_so(void **state) {
    (void)state;
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        world_serving(&world);
        world.topology.policy.automatic_sick = allowed != 0;
        (void)world_check(&world, AGENT_P1, CHECK_P_IN1, SEEN_FAILED);
        (void)world_check(&world, AGENT_P2, CHECK_P_IN2, SEEN_FAILED);
        (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
        assert_int_equal(class_of(P), CLASS_SICK);
        (void)world_tick(&world, 1);
        assert_int_equal(world.core.phase, allowed ? PHASE_SUSPECT : PHASE_SERVING);
        (void)world_pass(&world, 30000);
        assert_int_equal(world.core.executions_made, allowed);
    }
}

static void a_soft_fence_is_enough_only_where_it_is_accepted(void **state) {
    (void)state;
    ripe();
    break_guarded();
    assert_false(read_gates());
    world.topology.policy.accept_soft_fence = true;
    assert_true(read_gates());
}

static void a_link_has_a_limit_of_its_own_or_of_its_tier_or_none(void **state) {
    (void)state;
    ripe();
    world.topology.links[0].rpo_ms = 50;
    assert_false(read_gates());
    assert_int_equal(gates[GATE_RPO_].subject, 0);
    world.topology.links[0].rpo_ms = 0;
    world.topology.components[COMPONENT_STORE].tier = 0;
    assert_true(read_gates());
    world.topology.components[COMPONENT_STORE].tier = OBJECTIVES_MAX;
    assert_true(read_gates()); /* that tier declares none */
    world.topology.components[COMPONENT_STORE].tier = 1;
    world.topology.components[COMPONENT_STORE].guarded = false;
    assert_true(read_gates());
}

static void the_worst_link_is_the_one_that_is_told(void **state) {
    (void)state;
    ripe();
    world.topology.links_n = 3;
    world.topology.links[2] = world.topology.links[1] = world.topology.links[0];
    world.core.links[1] = (struct link_view){.known = 1, .lag_ms = 4000};
    world.core.links[2] = (struct link_view){.known = 1, .lag_ms = 200};
    assert_true(read_gates());
    assert_int_equal(gates[GATE_RPO_].value, 4000);
    assert_int_equal(gates[GATE_RPO_].subject, 1);
    world.core.links[2].known = 0;
    assert_false(read_gates());
    assert_int_equal(gates[GATE_RPO_].subject, 2);
}

static void without_another_data_region_nothing_is_decided(void **state) {
    (void)state;
    ripe();
    world.topology.regions[D].kind = REGION_MONITORING;
    assert_false(read_gates());
    assert_false(gates[GATE_STANDBY_].passes);
}

static void without_a_gate_agent_the_standby_is_not_ready(void **state) {
    (void)state;
    ripe();
    world.topology.agents[AGENT_D1].gate = false;
    world.topology.agents[AGENT_D2].gate = false;
    assert_false(read_gates());
    assert_int_equal(gates[GATE_STANDBY_].value, 0);
}

static void a_gate_agent_without_a_guard_is_ready_when_it_is_heard(void **state) {
    (void)state;
    ripe();
    world.topology.agents[AGENT_D1].guarded = false;
    world.core.agents[AGENT_D1].guard_present = 0;
    assert_true(read_gates());
}

static void the_suspicion_counts_from_the_last_sign_of_life(void **state) {
    (void)state;
    world_dark(&world);
    uint64_t last_ms = world.core.now_ms - 3000;
    (void)world_tick(&world, 500);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    assert_int_equal(world.core.suspect_ms, last_ms);
    struct wants wants = world_wants(&world);
    assert_int_equal(wants.tick_in_ms, 1000);
    (void)world_pass(&world, 6000);
    wants = world_wants(&world);
    assert_int_equal(wants.tick_in_ms, 500); /* the tick that decides comes in time */
    assert_int_equal(world_tick(&world, 500).rule, 203);
    assert_int_equal(world_wants(&world).tick_in_ms, 1000);
}

static void a_new_suspicion_is_not_dated_before_the_last_one_ended(void **state) {
    (void)state;
    world_dark(&world);
    (void)world_tick(&world, 100);
    (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_OK); /* still silent, but seen */
    (void)world_pass(&world, 5000);
    uint64_t cleared_ms = world.core.cleared_ms;
    assert_int_equal(world.core.phase, PHASE_SERVING);
    (void)world_check(&world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
    (void)world_pass(&world, 1000);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    assert_int_equal(world.core.suspect_ms, cleared_ms);
}

static void an_automatic_failover_latches_and_blocks_until_released(void **state) {
    (void)state;
    world_suspect_ripe(&world);
    assert_int_equal(world_tick(&world, 1000).rule, 203);
    assert_int_equal(world.core.latched, 1);
    (void)world_close(&world, 1);
    assert_int_equal(world.core.block_until_ms, world.core.now_ms + 60000);
    assert_int_equal(world_ask(&world, REQUEST_RELEASE).rule, 322);
    assert_int_equal(world.core.latched, 0);
    assert_int_equal(world.core.block_until_ms, 0);
    assert_int_equal(world.core.held_until_ms, 0);
}

/* A simulated story: released between the decision and its CLOSE, the latch was open for the next
 * one. What a person released was the failover before. */
static void a_release_before_the_close_leaves_the_failover_latched(void **state) {
    (void)state;
    for (unsigned rearm_needed = 0; rearm_needed < 2; rearm_needed++) {
        world_suspect_ripe(&world);
        world.topology.policy.rearm_needed = rearm_needed != 0;
        assert_int_equal(world_tick(&world, 1000).rule, 203);
        assert_int_equal(world_ask(&world, REQUEST_RELEASE).rule, 322);
        assert_int_equal(world.core.latched, 0);
        assert_int_equal(world_close(&world, 1).rule, 111);
        assert_int_equal(world.core.latched, rearm_needed);
    }
}

static void a_declared_failover_latches_nothing(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(world_close(&world, 1).rule, 111);
    assert_int_equal(world.core.latched, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix_of_voice_and_outside_view_gives_the_classes),
        cmocka_unit_test(what_is_not_vital_is_neither_its_own_voice_nor_a_view_from_outside),
        cmocka_unit_test(
            a_region_without_agents_is_unknown_and_one_opinion_from_inside_is_not_outside),
        cmocka_unit_test(a_minority_of_members_hears_nothing_for_the_group),
        cmocka_unit_test(the_classes_are_kept_with_each_tick),
        cmocka_unit_test(each_gate_alone_holds_up_the_decision_with_its_figures),
        cmocka_unit_test(the_voice_of_the_region_holds_up_the_decision),
        cmocka_unit_test(a_sick_region_is_left_only_when_the_policy_says_so),
        cmocka_unit_test(a_soft_fence_is_enough_only_where_it_is_accepted),
        cmocka_unit_test(a_link_has_a_limit_of_its_own_or_of_its_tier_or_none),
        cmocka_unit_test(the_worst_link_is_the_one_that_is_told),
        cmocka_unit_test(without_another_data_region_nothing_is_decided),
        cmocka_unit_test(without_a_gate_agent_the_standby_is_not_ready),
        cmocka_unit_test(a_gate_agent_without_a_guard_is_ready_when_it_is_heard),
        cmocka_unit_test(the_suspicion_counts_from_the_last_sign_of_life),
        cmocka_unit_test(a_new_suspicion_is_not_dated_before_the_last_one_ended),
        cmocka_unit_test(an_automatic_failover_latches_and_blocks_until_released),
        cmocka_unit_test(a_release_before_the_close_leaves_the_failover_latched),
        cmocka_unit_test(a_declared_failover_latches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
