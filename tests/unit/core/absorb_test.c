/* absorb and core: facts as they are, time that never jumps, what is stale, and equal bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static void a_new_core_wants_nothing_but_time_until_a_topology_is_there(void **state) {
    (void)state;
    world_init(&world);
    struct wants wants = world_wants(&world);
    assert_false(wants.open || wants.close);
    (void)world_config(&world, 1);
    wants = world_wants(&world);
    assert_true(wants.open);
    assert_int_equal(wants.open_epoch, 1);
    assert_int_equal(wants.open_region, P);
    world_init(&world);
    assert_int_equal(world_open(&world, 1, P).rule, 103); /* nobody named a region yet */
}

static void an_older_topology_and_one_during_an_execution_are_stale(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_config(&world, 1).result, RESULT_STALE);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    assert_int_equal(world_config(&world, 2).result, RESULT_STALE);
    (void)world_ask(&world, REQUEST_ABORT);
    assert_int_equal(world_config(&world, 2).result, RESULT_APPLIED);
    assert_int_equal(world.core.config_version, 2);
    assert_int_equal(world.core.agents[AGENT_P1].boot, 0); /* views are learnt anew */
    assert_int_equal(world.core.settle_from_ms, world.core.now_ms);
    assert_int_equal(world.core.phase, PHASE_SERVING);
}

static void the_timekeeper_changes_one_term_at_a_time(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_keeper(&world, 1, 1, 0).result, RESULT_STALE);
    assert_int_equal(world_keeper(&world, 1, 3, 0).result, RESULT_STALE);
    assert_int_equal(world_keeper(&world, 7, 2, 0).result, RESULT_STALE);
    assert_int_equal(world.core.keepers_refused, 3);
    uint64_t settled_ms = world.core.settle_from_ms;
    assert_int_equal(world_keeper(&world, 1, 2, 500).result, RESULT_APPLIED);
    assert_int_equal(world.core.timekeeper, 1);
    assert_int_equal(world.core.settle_from_ms, settled_ms);
    assert_int_equal(world_keeper(&world, 2, 3, 2 * TICK_ELAPSED_MAX_MS + 1).result,
                     RESULT_APPLIED);
    assert_int_equal(world.core.settle_from_ms, world.core.now_ms);
}

/* A simulated story: a member learnt by a snapshot that it keeps the time, and counted from the
 * last TICK on, although its own TIMEKEEPER had told that gap. The state says up to when all was
 * told. */
static void a_timekeeper_tells_the_wall_clocks_time_and_never_takes_it_back(void **state) {
    static const struct {
        int64_t said_ms; /* since the newest TICK; INT64_MIN: not told */
        uint64_t moves_ms;
    } table[] = {{INT64_MIN, 0}, {-700, 0}, {0, 0}, {4100, 4100}};
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        world_serving(&world);
        uint64_t told_ms = world.core.wall_ms, now_ms = world.core.now_ms;
        struct event event = {.kind = EVENT_TIMEKEEPER};
        event.timekeeper.member = 1;
        event.timekeeper.term = world.core.keeper_term + 1;
        event.timekeeper.gap_ms = 4100;
        event.wall_ms =
            table[i].said_ms == INT64_MIN ? 0 : (uint64_t)((int64_t)told_ms + table[i].said_ms);
        assert_int_equal(world_step(&world, &event).result, RESULT_APPLIED);
        assert_int_equal(world.core.wall_ms, told_ms + table[i].moves_ms);
        assert_int_equal(world.core.now_ms, now_ms); /* the gap counts nothing */
        event.timekeeper.term += 5;
        event.wall_ms = told_ms + 9000;
        assert_int_equal(world_step(&world, &event).result, RESULT_STALE);
        assert_int_equal(world.core.wall_ms, told_ms + table[i].moves_ms);
    }
}

static void only_the_timekeeper_tells_the_time_and_it_never_jumps(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = {.kind = EVENT_TICK};
    event.tick.member = 1;
    event.tick.elapsed_ms = 100;
    assert_int_equal(world_step(&world, &event).result, RESULT_STALE);
    uint64_t now_ms = world.core.now_ms;
    (void)world_tick(&world, TICK_ELAPSED_MAX_MS);
    assert_int_equal(world.core.now_ms, now_ms + TICK_ELAPSED_MAX_MS);
    (void)world_tick(&world, 600000);
    assert_int_equal(world.core.now_ms, now_ms + 2 * TICK_ELAPSED_MAX_MS);
    assert_int_equal(world.core.settle_from_ms, world.core.now_ms);
}

static void a_pause_of_the_log_drops_what_was_decided_by_itself_and_not_begun(void **state) {
    (void)state;
    world_suspect_ripe(&world);
    assert_int_equal(world_tick(&world, 1000).rule, 203);
    assert_true(world_wants(&world).close);
    (void)world_tick(&world, 600000);
    assert_false(world_wants(&world).close);
    assert_int_equal(world_execution(&world)->stage, STAGE_ABORTED);
    assert_int_equal(world_close(&world, world.core.epoch).result, RESULT_REFUSED);
    assert_int_equal(world.core.open, 1);
}

static void a_pause_of_the_log_drops_the_suspicion_and_settles_again(void **state) {
    (void)state;
    world_suspect_ripe(&world);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    (void)world_tick(&world, 600000); /* ten minutes without the log */
    assert_int_equal(world.core.executions_made, 0);
    assert_int_equal(world.core.settle_from_ms, world.core.now_ms);
    (void)world_pass(&world, 3000);
    assert_int_equal(world.core.executions_made, 0);
    assert_true(world.core.suspect_ms >= world.core.settle_from_ms);
}

static void a_view_tells_who_is_heard_and_since_when_not(void **state) {
    (void)state;
    world_serving(&world);
    assert_int_equal(world_view(&world, 9, ALL_AGENTS, true, 0).result, RESULT_STALE);
    (void)world_view(&world, 0, ALL_BUT_P, false, 2500);
    assert_int_equal(world.core.agents[AGENT_P1].heard_by, 6);
    assert_int_equal(world.core.agents[AGENT_P1].last_heard_ms, world.core.now_ms - 2500);
    assert_int_equal(world.core.members[0].attesting, 0);
    (void)world_view(&world, 1, ALL_BUT_P, true, UINT32_MAX); /* never heard it: no news */
    assert_int_equal(world.core.agents[AGENT_P1].last_heard_ms, world.core.now_ms - 2500);
    (void)world_view(&world, 0, ALL_AGENTS, true, 0);
    assert_int_equal(world.core.agents[AGENT_P1].heard_by, 5);
}

static struct event_report report_of(uint8_t agent, uint64_t boot, uint64_t seq) {
    struct event_report report;
    memset(&report, 0, sizeof report);
    report.agent = agent;
    report.boot = boot;
    report.seq = seq;
    report.config_version = 1;
    return report;
}

static enum result step_report(const struct event_report *report) {
    struct event event = {.kind = EVENT_REPORT};
    event.report = *report;
    return (enum result)world_step(&world, &event).result;
}

static void reports_count_once_in_order_and_for_their_topology(void **state) {
    (void)state;
    world_serving(&world);
    struct event_report report = report_of(AGENT_D1, 9, 5);
    report.guard_epoch = 3;
    report.checks_n = 2;
    report.checks[0].check = CHECK_D_IN;
    report.checks[0].status = SEEN_WARN;
    report.checks[0].role = 4;
    report.checks[0].writable = 1;
    report.checks[1].check = CHECKS_MAX + 5; /* of another topology's size: passed over */
    assert_int_equal(step_report(&report), RESULT_APPLIED);
    assert_int_equal(world.core.agents[AGENT_D1].guard_epoch, 3);
    assert_int_equal(world.core.checks[CHECK_D_IN].role, 4);
    assert_int_equal(world.core.checks[CHECK_D_IN].writable, 1);
    assert_int_equal(step_report(&report), RESULT_STALE);
    report.seq = 4;
    assert_int_equal(step_report(&report), RESULT_STALE);
    report.seq = 6;
    report.config_version = 2;
    assert_int_equal(step_report(&report), RESULT_STALE);
    report.agent = WORLD_AGENTS_N;
    assert_int_equal(step_report(&report), RESULT_STALE);
    report = report_of(AGENT_D1, 10, 1); /* the agent has started anew */
    assert_int_equal(step_report(&report), RESULT_APPLIED);
    report = report_of(AGENT_D1, 9, 7); /* of the start before, long on its way */
    report.leased = 1;
    assert_false(core_report_is_news(&world.core, &world.topology, &report));
    assert_int_equal(step_report(&report), RESULT_STALE);
    assert_int_equal(world.core.agents[AGENT_D1].leased, 0);
    assert_int_equal(world.core.agents[AGENT_D1].boot, 10);
}

static void an_outside_check_leaves_role_and_writable_alone(void **state) {
    (void)state;
    world_serving(&world);
    struct event_report report = report_of(AGENT_D1, 9, 5);
    report.checks_n = 1;
    report.checks[0].check = CHECK_P_OUT;
    report.checks[0].status = SEEN_FAILED;
    report.checks[0].role = 4;
    assert_int_equal(step_report(&report), RESULT_APPLIED);
    assert_int_equal(world.core.checks[CHECK_P_OUT].status[AGENT_D1], SEEN_FAILED);
    assert_int_equal(world.core.checks[CHECK_P_OUT].role, 0);
}

static void only_a_report_that_changes_something_is_news(void **state) {
    (void)state;
    world_serving(&world);
    struct event_report first = report_of(AGENT_D1, 9, 5);
    first.checks_n = 1;
    first.checks[0].check = CHECK_D_IN;
    first.checks[0].status = SEEN_OK;
    assert_true(core_report_is_news(&world.core, &world.topology, &first)); /* another boot */
    assert_int_equal(step_report(&first), RESULT_APPLIED);
    assert_false(core_report_is_news(&world.core, &world.topology, &first)); /* the same again */
    struct event_report next = first;
    next.seq = 6;
    assert_false(core_report_is_news(&world.core, &world.topology, &next));
    next.checks[0].check = CHECKS_MAX;
    assert_false(core_report_is_news(&world.core, &world.topology, &next));
    next.checks[0].check = CHECK_D_IN;
    next.checks[0].status = SEEN_FAILED;
    assert_true(core_report_is_news(&world.core, &world.topology, &next));
    next.config_version = 9;
    assert_false(core_report_is_news(&world.core, &world.topology, &next));
    struct event_report changed[6];
    for (unsigned i = 0; i < 6; i++) {
        changed[i] = first;
        changed[i].seq = 7;
    }
    changed[0].guard_epoch = 1;
    changed[1].fenced_epoch = 1;
    changed[2].promised_epoch = 1;
    changed[3].gate = 1;
    changed[4].leased = 1;
    changed[5].guard_present = 1;
    for (unsigned i = 0; i < 6; i++) {
        assert_true(core_report_is_news(&world.core, &world.topology, &changed[i]));
    }
}

static void a_lag_of_no_link_is_stale(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = {.kind = EVENT_LAG};
    event.lag.link = 1;
    assert_int_equal(world_step(&world, &event).result, RESULT_STALE);
}

static void the_lease_is_what_attest_is_told(void **state) {
    (void)state;
    world_serving(&world);
    struct lease_view view = core_lease(&world.core);
    assert_int_equal(view.epoch, 1);
    assert_true(view.open);
    assert_int_equal(view.owner, P);
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    view = core_lease(&world.core);
    assert_int_equal(view.epoch, 1);
    assert_false(view.open);
}

static void the_same_facts_give_the_same_bytes(void **state) {
    static struct world other;
    (void)state;
    memset(&world, 0xA5, sizeof world);
    memset(&other, 0x5A, sizeof other);
    world_suspect_ripe(&world);
    world_suspect_ripe(&other);
    (void)world_tick(&world, 1000);
    (void)world_tick(&other, 1000);
    assert_memory_equal(&world.core, &other.core, sizeof world.core);
}

static void a_fact_without_an_index_leaves_the_index_alone(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = {.kind = EVENT_TICK};
    uint64_t index = world.core.applied_index;
    event.tick.member = 0;
    event.tick.elapsed_ms = 10;
    (void)core_step(&world.core, &world.topology, &event);
    assert_int_equal(world.core.applied_index, index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_core_wants_nothing_but_time_until_a_topology_is_there),
        cmocka_unit_test(an_older_topology_and_one_during_an_execution_are_stale),
        cmocka_unit_test(the_timekeeper_changes_one_term_at_a_time),
        cmocka_unit_test(a_timekeeper_tells_the_wall_clocks_time_and_never_takes_it_back),
        cmocka_unit_test(only_the_timekeeper_tells_the_time_and_it_never_jumps),
        cmocka_unit_test(a_pause_of_the_log_drops_what_was_decided_by_itself_and_not_begun),
        cmocka_unit_test(a_pause_of_the_log_drops_the_suspicion_and_settles_again),
        cmocka_unit_test(a_view_tells_who_is_heard_and_since_when_not),
        cmocka_unit_test(reports_count_once_in_order_and_for_their_topology),
        cmocka_unit_test(an_outside_check_leaves_role_and_writable_alone),
        cmocka_unit_test(only_a_report_that_changes_something_is_news),
        cmocka_unit_test(a_lag_of_no_link_is_stale),
        cmocka_unit_test(the_lease_is_what_attest_is_told),
        cmocka_unit_test(the_same_facts_give_the_same_bytes),
        cmocka_unit_test(a_fact_without_an_index_leaves_the_index_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
