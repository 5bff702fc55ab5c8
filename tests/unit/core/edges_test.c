/* edges: the sides of conditions that no story of the other tests takes. Some states are made by
 * hand, because the core itself does not come into them: it must then ask for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/core/codec.h"
#include "world.h"

static struct world world;
static struct gate_reading gates[GATES_N];

static bool read_gates(void) {
    uint8_t target;
    return gates_read(&world.core, &world.topology, gates, &target);
}

static struct step *step_of(uint8_t plan, uint8_t step) {
    return &world.topology.plans[plan].steps[step];
}

static struct verdict declare(enum plan_kind kind, uint8_t region) {
    return world_declare(&world, kind, region);
}

static void take(void) {
    world_serving(&world);
    (void)declare(PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
}

static void run(void) {
    take();
    (void)world_open(&world, 2, D);
}

/* -------------------------------------------------------------------- rules */

static void an_open_before_the_topology_or_of_another_number_is_refused(void **state) {
    (void)state;
    world_init(&world);
    assert_int_equal(world_open(&world, 1, P).rule, 103);
    assert_int_equal(world_open(&world, 2, P).rule, 103);
    take();
    assert_int_equal(world_open(&world, 3, D).rule, 103);
    assert_int_equal(world_open(&world, 2, D).rule, 102);
    take();
    world_execution(&world)->stage = STAGE_FENCE;
    assert_int_equal(world_open(&world, 2, D).rule, 103);
    world_execution(&world)->stage = STAGE_ABORTED;
    assert_int_equal(world_open(&world, 2, D).rule, 103);
    assert_false(world_wants(&world).open);
}

/* Requirement N12: the members and their log were lost. */
static void a_log_begun_anew_opens_far_above_the_lost_one_and_held(void **state) {
    (void)state;
    world_init(&world);
    world.topology.initial_epoch = 1002;
    world.topology.await_initial_epoch = true;
    (void)world_config(&world, 1);
    (void)world_keeper(&world, 0, 1, 0);
    assert_false(world_wants(&world).open);
    (void)read_gates(); /* asked by whoever scrapes or explains meanwhile */
    assert_false(gates[GATE_AUTOMATIC_].passes);
    assert_int_equal(world_open(&world, 1002, P).rule, 103);
    assert_int_equal(world_declare(&world, PLAN_FAILOVER, D).rule, 399);
    world.topology.await_initial_epoch = false;
    (void)world_config(&world, 1002);
    assert_true(world_wants(&world).open);
    assert_int_equal(world_wants(&world).open_epoch, 1002);
    assert_int_equal(world_wants(&world).open_region, P);
    assert_int_equal(world_open(&world, 1, P).rule, 103);
    assert_int_equal(world_open(&world, 1002, D).rule, 103);
    assert_int_equal(world_open(&world, 1002, P).rule, 101);
    assert_int_equal(world.core.held_until_ms, UINT64_MAX);
    (void)read_gates();
    assert_false(gates[GATE_NOT_HELD_].passes);
    (void)declare(PLAN_FAILOVER, D);
    assert_int_equal(world_execution(&world)->id, 1003);
    (void)world_ask(&world, REQUEST_RELEASE);
    (void)read_gates();
    assert_true(gates[GATE_NOT_HELD_].passes);
}

/* Agents keep the newest version they know: one of the lost log. */
static void the_version_of_a_topology_leaps_with_the_first_epoch_of_a_log_begun_anew(void **state) {
    (void)state;
    world_init(&world);
    assert_int_equal(core_next_version(&world.core, &world.topology), 1);
    world.topology.initial_epoch = 1002;
    world.topology.await_initial_epoch = true;
    assert_int_equal(core_next_version(&world.core, &world.topology), 1);
    (void)world_config(&world, 1);
    world.topology.await_initial_epoch = false;
    assert_int_equal(core_next_version(&world.core, &world.topology), 1002);
    (void)world_config(&world, 1002);
    assert_int_equal(core_next_version(&world.core, &world.topology), 1003);
    (void)world_keeper(&world, 0, 1, 0);
    (void)world_open(&world, 1002, P);
    world.topology.initial_epoch = 9000; /* of a log that has its first epoch */
    assert_int_equal(core_next_version(&world.core, &world.topology), 1003);
}

static void a_close_of_another_epoch_or_of_a_paused_move_is_refused(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_close(&world, 1).rule, 112);
    (void)declare(PLAN_FAILOVER, D);
    assert_int_equal(world_close(&world, 2).rule, 112);
    (void)world_ask(&world, REQUEST_PAUSE);
    assert_int_equal(world_close(&world, 1).rule, 112);
    (void)world_ask(&world, REQUEST_RESUME);
    assert_int_equal(world_close(&world, 1).rule, 111);
    assert_false(core_accepts_close(&world.core, &world.topology, 1));
}

static void a_lease_that_does_not_fit_the_stage_is_not_wished_for(void **state) {
    (void)state;
    world_serving(&world);
    (void)declare(PLAN_FAILOVER, D);
    world.core.open = 0;
    assert_false(world_wants(&world).close);
    take();
    world.core.open = 1;
    assert_false(world_wants(&world).open);
}

static void declarations_beside_a_running_one_are_told_apart(void **state) {
    (void)state;
    const struct {
        enum plan_kind running, asked;
        uint8_t target, region;
        uint16_t rule;
    } rows[] = {
        {PLAN_FAILOVER, PLAN_FAILOVER, D, D, 302},   {PLAN_FAILOVER, PLAN_FAILOVER, D, P, 303},
        {PLAN_FAILOVER, PLAN_SWITCHOVER, D, D, 303}, {PLAN_REPROTECT, PLAN_REPROTECT, D, D, 302},
        {PLAN_REPROTECT, PLAN_REPROTECT, D, P, 302}, {PLAN_REPROTECT, PLAN_FAILOVER, D, D, 303},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_serving(&world);
        (void)declare(rows[i].running, rows[i].target);
        assert_int_equal(declare(rows[i].asked, rows[i].region).rule, rows[i].rule);
    }
}

/* Every request of people against a step in every phase; no execution; a step that is not there. */
static void requests_fit_the_phase_of_their_step(void **state) {
    (void)state;
    static const enum request_kind kinds[] = {REQUEST_APPROVE, REQUEST_REJECT, REQUEST_STEP_RETRY,
                                              REQUEST_STEP_SKIP, REQUEST_STEP_DONE};
    static const uint16_t rules[] = {311, 312, 315, 316, 317};
    /* by phase: waiting, approval, running, done, failed, skipped, by hand, left out */
    static const char *const fits[] = {"yy------", "-y------", "----y---", "yy--y---", "yy--y---"};
    for (unsigned k = 0; k < 5; k++) {
        for (uint8_t phase = 0; phase < STEP_PHASES_N; phase++) {
            run();
            step_of(PLAN_AWAY, STEP_DNS)->approval = ROLE_SRE;
            world_execution(&world)->declared_by = 7; /* somebody else, also than who approves */
            world_execution(&world)->steps[STEP_DNS].phase = phase;
            struct verdict verdict = world_ask_step(&world, kinds[k], STEP_DNS, ROLE_SRE);
            uint16_t wanted = fits[k][phase] == 'y' ? rules[k] : 399;
            if (verdict.rule != wanted) {
                fail_msg("request %u, phase %u: row %u, not %u", k, phase, verdict.rule, wanted);
            }
        }
        run();
        assert_int_equal(world_ask_step(&world, kinds[k], 77, ROLE_SRE).rule, 399);
        world_serving(&world);
        assert_int_equal(world_ask_step(&world, kinds[k], STEP_DNS, ROLE_SRE).rule, 399);
    }
}

static void a_resume_needs_a_pause_that_is_not_a_failed_step(void **state) {
    (void)state;
    static const struct {
        uint8_t paused;
        uint16_t rule;
    } rows[] = {{PAUSE_NO, 399},
                {PAUSE_OPERATOR, 314},
                {PAUSE_STEP_FAILED, 399},
                {PAUSE_REJECTED, 314},
                {PAUSE_NO_AGENT, 399}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run();
        world_execution(&world)->paused = rows[i].paused;
        assert_int_equal(world_ask(&world, REQUEST_RESUME).rule, rows[i].rule);
    }
    world_serving(&world);
    assert_int_equal(world_ask(&world, REQUEST_RESUME).rule, 399);
}

static void what_people_do_to_a_step_ends_its_own_pause_only(void **state) {
    (void)state;
    static const struct {
        uint8_t paused, step, after;
    } rows[] = {{PAUSE_STEP_FAILED, STEP_PROMOTE, PAUSE_NO},
                {PAUSE_OPERATOR, STEP_PROMOTE, PAUSE_OPERATOR},
                {PAUSE_REJECTED, STEP_CHECK, PAUSE_REJECTED}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run();
        (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
        world_execution(&world)->paused = rows[i].paused;
        world_execution(&world)->paused_step = rows[i].step;
        (void)world_ask_step(&world, REQUEST_STEP_SKIP, STEP_PROMOTE, ROLE_SRE);
        assert_int_equal(world_execution(&world)->paused, rows[i].after);
    }
}

/* -------------------------------------------------------------------- plans */

static void a_pause_of_the_log_leaves_what_people_declared_or_what_has_begun(void **state) {
    (void)state;
    world_serving(&world);
    (void)declare(PLAN_FAILOVER, D);
    (void)world_tick(&world, 60000);
    assert_int_equal(world_execution(&world)->stage, STAGE_FENCE);
    world_suspect_ripe(&world);
    (void)world_tick(&world, 1000);
    (void)world_close(&world, 1);
    assert_int_equal(world_execution(&world)->automatic, 1);
    (void)world_tick(&world, 60000);
    assert_int_equal(world_execution(&world)->stage, STAGE_TAKE);
}

static void an_undoing_with_nobody_there_keeps_its_agent_and_goes_on(void **state) {
    (void)state;
    world_serving(&world);
    (void)declare(PLAN_SWITCHOVER, D);
    world_heard(&world, ALL_BUT_P, true);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_FAILED);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->agent, AGENT_P1);
    assert_int_equal(world_wanted(&world, STEP_HANDOFF)->undo, 1);
}

static void an_outcome_of_an_undoing_that_nobody_asked_for_is_not_waited_for(void **state) {
    (void)state;
    run();
    assert_int_equal(world_outcome_of(&world, STEP_PROMOTE, SAID_DONE, 0, true).rule, 402);
    assert_int_equal(world_outcome_of(&world, STEP_PROMOTE, SAID_DONE, 0, false).rule, 401);
}

static void every_action_that_opens_a_store_needs_the_lease(void **state) {
    (void)state;
    static const struct {
        enum action_kind action;
        bool needs;
    } rows[] = {{ACTION_PATRONI_PROMOTE, true}, {ACTION_PG_PROMOTE, true},
                {ACTION_REDIS_PROMOTE, true},   {ACTION_PG_REJOIN, false},
                {ACTION_DNS_UPDATE, false},     {ACTION_VERIFY, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        take();
        step_of(PLAN_AWAY, STEP_PROMOTE)->action = (uint8_t)rows[i].action;
        (void)world_open(&world, 2, D);
        assert_int_equal(world_wanted(&world, STEP_PROMOTE)->needs_lease, rows[i].needs);
    }
}

/* ----------------------------------------------------- gates and verdicts */

static void gates_are_read_before_anything_is_suspected(void **state) {
    (void)state;
    world_init(&world);
    (void)world_config(&world, 1);
    (void)world_keeper(&world, 0, 1, UINT32_MAX);
    (void)world_open(&world, 1, P);
    assert_false(read_gates());
    assert_int_equal(gates[GATE_SETTLED_].value, 0);
    assert_int_equal(gates[GATE_HOLD_DOWN_].value, 0);
    assert_int_equal(gates[GATE_ATTEST_].value, 0); /* who never spoke is not silent */
    world_serving(&world);
    world.topology.policy.hold_down_ms = 0;
    world.topology.policy.automatic_sick = true;
    assert_false(read_gates());
    assert_false(gates[GATE_HOLD_DOWN_].passes);
    assert_false(gates[GATE_OUTSIDE_].passes);
}

static void checks_of_links_and_of_nobody_say_nothing_of_a_region(void **state) {
    (void)state;
    const struct {
        uint8_t agent, link;
        bool vital, ready;
    } rows[] = {{AGENT_D1, NONE, true, false},
                {AGENT_D1, NONE, false, true},
                {AGENT_D1, 0, true, true},
                {NONE, NONE, true, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_suspect_ripe(&world);
        (void)world_check(&world, AGENT_D1, CHECK_D_IN, SEEN_FAILED);
        struct check *check = &world.topology.checks[CHECK_D_IN];
        check->agent = rows[i].agent;
        check->link = rows[i].link;
        check->vital = rows[i].vital;
        (void)read_gates();
        assert_int_equal(gates[GATE_STANDBY_].passes, rows[i].ready);
        assert_int_equal(verdict_of(&world.core, &world.topology, D).vital_n,
                         rows[i].vital && rows[i].agent != NONE);
    }
}

static void a_failed_link_counts_where_its_check_runs_and_is_heard(void **state) {
    (void)state;
    const struct {
        uint8_t agent, region;
        bool outside;
        uint8_t class;
    } rows[] = {{AGENT_P1, P, false, CLASS_LINK_ONLY},
                {AGENT_P1, D, false, CLASS_WELL},
                {NONE, P, false, CLASS_WELL},
                {AGENT_M1, P, false, CLASS_WELL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_serving(&world);
        (void)world_check(&world, AGENT_P1, CHECK_P_LINK, SEEN_FAILED);
        (void)world_check(&world, AGENT_M1, CHECK_P_LINK, SEEN_FAILED);
        world_heard(&world, ALL_AGENTS & ~UINT64_C(0x10), true);
        world.topology.checks[CHECK_P_LINK].agent = rows[i].agent;
        world.topology.checks[CHECK_P_LINK].region = rows[i].region;
        assert_int_equal(verdict_of(&world.core, &world.topology, P).class, rows[i].class);
    }
}

static void a_link_of_no_tier_has_no_limit(void **state) {
    (void)state;
    static const uint8_t tiers[] = {0, OBJECTIVES_MAX + 1};
    for (unsigned i = 0; i < 2; i++) {
        world_suspect_ripe(&world);
        (void)world_lag(&world, false, 0);
        world.topology.components[COMPONENT_STORE].tier = tiers[i];
        (void)read_gates();
        assert_true(gates[GATE_RPO_].passes);
        assert_int_equal(gates[GATE_RPO_].subject, NONE);
    }
}

static void a_link_that_is_less_behind_or_after_a_worse_one_is_not_told(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.links_n = 3;
    world.topology.links[1] = world.topology.links[2] = world.topology.links[0];
    world.core.links[0] = (struct link_view){.known = 1, .lag_ms = 3000};
    world.core.links[1] = (struct link_view){.known = 1, .lag_ms = 1000};
    world.core.links[2] = (struct link_view){.known = 1, .lag_ms = 4000};
    (void)read_gates();
    assert_int_equal(gates[GATE_RPO_].subject, 2);
    world.core.links[0].lag_ms = 9000; /* beyond the objective */
    (void)read_gates();
    assert_int_equal(gates[GATE_RPO_].subject, 0);
    assert_false(gates[GATE_RPO_].passes);
}

static void why_an_epoch_was_closed_is_not_its_writers_word(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    struct event event = {.kind = EVENT_CLOSE, .close = {.epoch = 1, .why = CLOSE_AUTOMATIC}};
    assert_int_equal(world_step(&world, &event).result, RESULT_APPLIED);
    assert_int_equal(world.core.close_why, CLOSE_DECLARED);
}

static void what_was_known_of_a_link_is_not_known_of_the_way_back(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_lag(&world, true, 0);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    assert_int_equal(world.core.links[0].known, 1); /* what is lost is told at the close */
    (void)world_open(&world, 2, D);
    for (unsigned l = 0; l < LINKS_MAX; l++) {
        assert_int_equal(world.core.links[l].known, 0);
    }
    (void)read_gates();
    assert_false(gates[GATE_RPO_].passes);
    /* Measured before the OPEN was read, and late in the log. */
    struct event late = {.kind = EVENT_LAG, .lag = {.known = 1, .epoch = 1}};
    assert_int_equal(world_step(&world, &late).result, RESULT_STALE);
    assert_int_equal(world.core.links[0].known, 0);
    late.lag.epoch = 2;
    assert_int_equal(world_step(&world, &late).result, RESULT_APPLIED);
    (void)read_gates();
    assert_true(gates[GATE_RPO_].passes);
}

static void a_number_beyond_the_gates_has_no_words(void **state) {
    (void)state;
    assert_string_equal(gate_text((enum gate)(GATES_N + 7)), "unknown gate");
}

/* ------------------------------------------------------------ attest, codec */

static void a_proof_ends_the_wait_only_where_the_older_waits_are_over(void **state) {
    (void)state;
    const struct {
        uint64_t waited, yes;
        bool ends;
    } rows[] = {{1, 0, true}, {0, 0, false}, {0, 1, false}, {0, 2, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct attest attest;
        struct attest_durable durable = {.closed_epoch = 1, .waited_epoch = rows[i].waited};
        struct stamp now = {.boot_ms = 1000, .raw_ms = 1000};
        attest_init(&attest, &durable, now);
        attest.yes_known = rows[i].yes != 0;
        attest.yes_epoch = rows[i].yes;
        attest.last_yes = now;
        attest_close(&attest, 2);
        attest_fence_proved(&attest, 2);
        assert_int_equal(attest_wait_left_ms(&attest, now, 6200) == 0, rows[i].ends);
    }
}

static void a_snapshot_without_room_is_not_written_at_any_size(void **state) {
    static struct snapshot snapshot;
    static uint8_t room[sizeof(struct core) + 256];
    (void)state;
    memset(&snapshot, 0, sizeof snapshot);
    core_init(&snapshot.core);
    snapshot.text = (const uint8_t *)"x";
    snapshot.text_size = 1;
    size_t size = snapshot_write(&snapshot, room, sizeof room);
    assert_true(size > sizeof snapshot.core);
    for (size_t less = 0; less < size; less += less < 64 ? 1 : 997) {
        assert_int_equal(snapshot_write(&snapshot, room, less), 0);
    }
    assert_int_equal(snapshot_write(&snapshot, room, size - 1), 0);
    assert_int_equal(snapshot_write(&snapshot, room, size - 5), 0);
}

/* What a look at the standby finds, each by itself and all of it together. */
static void make_unready(uint8_t what) {
    if (what & 1u) {
        (void)world_check(&world, AGENT_D1, CHECK_D_IN, SEEN_FAILED);
    }
    if (what & 2u) {
        (void)world_lag(&world, false, 0);
    }
    if (what & 4u) {
        world_heard(&world, ALL_AGENTS & ~(UINT64_C(1) << AGENT_D1 | UINT64_C(1) << AGENT_D2),
                    true);
    }
}

/* Requirement D15: the same with a ready standby and with one that is not, for ten minutes. */
static void readiness_alone_closes_no_lease_and_moves_no_execution(void **state) {
    static struct world ready;
    (void)state;
    for (uint8_t what = 1; what < 8; what++) {
        for (unsigned under_way = 0; under_way < 2; under_way++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                world_serving(&world);
                if (under_way) {
                    step_of(PLAN_OVER, STEP_HANDOFF)->approval = ROLE_COMMANDER;
                    (void)declare(PLAN_SWITCHOVER, D);
                }
                make_unready(turn == 0 ? 0 : what);
                for (unsigned s = 0; s < 600; s++) {
                    (void)world_tick(&world, 1000);
                    struct wants wants = world_wants(&world);
                    assert_false(wants.close || wants.open);
                }
                if (turn == 0) {
                    ready = world;
                }
            }
            assert_false(read_gates());
            assert_false(gates[GATE_STANDBY_].passes && gates[GATE_RPO_].passes);
            assert_int_equal(world.core.phase, PHASE_SERVING);
            assert_true(world.core.open);
            assert_int_equal(world.core.epoch, 1);
            assert_int_equal(world.core.executions_made, under_way);
            assert_memory_equal(world.core.executions, ready.core.executions,
                                sizeof ready.core.executions);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_before_the_topology_or_of_another_number_is_refused),
        cmocka_unit_test(a_log_begun_anew_opens_far_above_the_lost_one_and_held),
        cmocka_unit_test(the_version_of_a_topology_leaps_with_the_first_epoch_of_a_log_begun_anew),
        cmocka_unit_test(a_close_of_another_epoch_or_of_a_paused_move_is_refused),
        cmocka_unit_test(a_lease_that_does_not_fit_the_stage_is_not_wished_for),
        cmocka_unit_test(declarations_beside_a_running_one_are_told_apart),
        cmocka_unit_test(requests_fit_the_phase_of_their_step),
        cmocka_unit_test(a_resume_needs_a_pause_that_is_not_a_failed_step),
        cmocka_unit_test(what_people_do_to_a_step_ends_its_own_pause_only),
        cmocka_unit_test(a_pause_of_the_log_leaves_what_people_declared_or_what_has_begun),
        cmocka_unit_test(an_undoing_with_nobody_there_keeps_its_agent_and_goes_on),
        cmocka_unit_test(an_outcome_of_an_undoing_that_nobody_asked_for_is_not_waited_for),
        cmocka_unit_test(every_action_that_opens_a_store_needs_the_lease),
        cmocka_unit_test(gates_are_read_before_anything_is_suspected),
        cmocka_unit_test(checks_of_links_and_of_nobody_say_nothing_of_a_region),
        cmocka_unit_test(a_failed_link_counts_where_its_check_runs_and_is_heard),
        cmocka_unit_test(a_link_of_no_tier_has_no_limit),
        cmocka_unit_test(a_link_that_is_less_behind_or_after_a_worse_one_is_not_told),
        cmocka_unit_test(why_an_epoch_was_closed_is_not_its_writers_word),
        cmocka_unit_test(what_was_known_of_a_link_is_not_known_of_the_way_back),
        cmocka_unit_test(a_number_beyond_the_gates_has_no_words),
        cmocka_unit_test(a_proof_ends_the_wait_only_where_the_older_waits_are_over),
        cmocka_unit_test(a_snapshot_without_room_is_not_written_at_any_size),
        cmocka_unit_test(readiness_alone_closes_no_lease_and_moves_no_execution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
