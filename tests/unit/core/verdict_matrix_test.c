/* verdict: the whole table of cuts, agents and stores, as facts of the core; and what one flap, a
 * late probe, an old report and a wrong role make of it. Room: tests/integration/verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define SEEN_STALE 5 /* the wire's "not run in time" */

static struct world world;

static enum region_class class_of(uint8_t region) {
    return (enum region_class)verdict_of(&world.core, &world.topology, region).class;
}

/* ---------------------------------------------------------------- the table */

struct row {
    const char *cuts, *agents_p, *stores_p, *agents_d, *vantage;
    const char *expected[3]; /* P, D, M */
};

static const struct row rows[] = {
#define ROW(cuts, agents_p, stores_p, agents_d, vantage, p, d, m)                                  \
    {cuts, agents_p, stores_p, agents_d, vantage, {p, d, m}},
#define ROW_ALL(cuts, agents_p, stores_p, agents_d, vantage, all)                                  \
    {cuts, agents_p, stores_p, agents_d, vantage, {all, all, all}},
#include "verdict_table.inc"
#undef ROW_ALL
#undef ROW
};
#define ROWS_N (sizeof rows / sizeof rows[0])

static bool is_cut(const struct row *row, const char *link) {
    return strstr(row->cuts, link) != NULL;
}

static bool is_alive(const char *agents) {
    return strcmp(agents, "alive") == 0;
}

static bool stores_are(const struct row *row, const char *state) {
    return strcmp(row->stores_p, state) == 0;
}

static void say(uint8_t agent, uint16_t check, uint8_t status, uint8_t role) {
    struct event event = {.kind = EVENT_REPORT};
    event.report.agent = agent;
    event.report.boot = 7;
    event.report.seq = world.core.agents[agent].seq + 1;
    event.report.config_version = world.core.config_version;
    event.report.guard_present = world.topology.agents[agent].guarded;
    event.report.checks_n = 1;
    event.report.checks[0].check = check;
    event.report.checks[0].status = status;
    event.report.checks[0].role = role;
    (void)world_step(&world, &event);
}

static uint8_t seen(bool reached, bool serves) {
    return reached && serves ? SEEN_OK : SEEN_FAILED;
}

/* What each agent finds, whether it can tell the members or not; then who is heard. */
static void bring_about(const struct row *row) {
    bool front = stores_are(row, "healthy");
    bool fails = stores_are(row, "stopped") || stores_are(row, "hung");
    bool all_fail = stores_are(row, "all-hung");
    uint8_t store = fails || all_fail ? SEEN_FAILED : SEEN_OK;
    uint8_t role = stores_are(row, "wrong-role") ? 2 : store == SEEN_OK ? 1 : 0;
    bool p_heard = is_alive(row->agents_p) && !is_cut(row, "PM");
    bool d_heard = is_alive(row->agents_d) && !is_cut(row, "DM");
    world_serving(&world);
    say(AGENT_D1, CHECK_D_IN, SEEN_OK, 2);
    say(AGENT_P1, CHECK_P_IN1, SEEN_OK, 1);
    if (is_alive(row->agents_p)) {
        say(AGENT_P1, CHECK_P_IN1, store, role);
        say(AGENT_P2, CHECK_P_IN2, all_fail ? SEEN_FAILED : SEEN_OK, 0);
        say(AGENT_P1, CHECK_D_OUT, seen(!is_cut(row, "PD"), true), 0);
    }
    if (is_alive(row->agents_d)) {
        say(AGENT_D1, CHECK_P_OUT, seen(!is_cut(row, "PD"), front), 0);
    }
    if (is_alive(row->vantage)) {
        say(AGENT_M1, CHECK_P_OUT, seen(!is_cut(row, "PM"), front), 0);
        say(AGENT_M1, CHECK_D_OUT, seen(!is_cut(row, "DM"), true), 0);
    }
    world_heard(&world,
                (p_heard ? 0x3u : 0u) | (d_heard ? 0xCu : 0u) |
                    (is_alive(row->vantage) ? 0x10u : 0u),
                true);
}

static void every_cut_agent_and_store_gives_its_class(void **state) {
    (void)state;
    unsigned wrong_n = 0;
    assert_int_equal(ROWS_N, 8 * (3 * 5 + 4));
    for (size_t i = 0; i < ROWS_N; i++) {
        bring_about(&rows[i]);
        for (uint8_t r = 0; r < 3; r++) {
            if (strcmp(class_text(class_of(r)), rows[i].expected[r]) != 0) {
                wrong_n++;
                print_error("cut [%s] agents %s, stores %s, standby's agents %s, vantage %s: "
                            "region %u is %s instead of %s\n",
                            rows[i].cuts, rows[i].agents_p, rows[i].stores_p, rows[i].agents_d,
                            rows[i].vantage, r, class_text(class_of(r)), rows[i].expected[r]);
            }
        }
    }
    assert_int_equal(wrong_n, 0);
}

/* Whoever is silent, and whatever stands still with it: nothing of that is called well. */
static void a_silent_agent_is_never_healthy(void **state) {
    static const uint8_t regions[] = {P, P, D, D, M};
    (void)state;
    for (uint8_t a = 0; a < WORLD_AGENTS_N; a++) {
        world_serving(&world);
        world_heard(&world, ALL_AGENTS & ~(UINT64_C(1) << a), true);
        assert_int_equal(class_of(regions[a]), CLASS_STALE);
        world_heard(&world, ALL_AGENTS, true);
        assert_int_equal(class_of(regions[a]), CLASS_WELL);
    }
}

static void the_same_table_holds_however_many_agents_look(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS_N; i++) {
        bring_about(&rows[i]);
        if (is_alive(rows[i].agents_d)) { /* the second agent of the standby sees the same */
            say(AGENT_D2, CHECK_P_OUT, world.core.checks[CHECK_P_OUT].status[AGENT_D1], 0);
        }
        for (uint8_t r = 0; r < 3; r++) {
            assert_string_equal(class_text(class_of(r)), rows[i].expected[r]);
        }
    }
}

/* ------------------------------------------------------ flaps and late probes */

static void one_flap_changes_nothing(void **state) {
    (void)state;
    world_serving(&world);
    uint64_t made = world.core.executions_made;
    for (unsigned round = 0; round < 20; round++) {
        say(AGENT_P1, CHECK_P_IN1, SEEN_SUSPECT, 0);
        say(AGENT_D1, CHECK_P_OUT, SEEN_SUSPECT, 0);
        say(AGENT_M1, CHECK_P_OUT, SEEN_SUSPECT, 0);
        assert_int_equal(class_of(P), CLASS_WELL);
        say(AGENT_P1, CHECK_P_IN1, SEEN_OK, 1);
        say(AGENT_D1, CHECK_P_OUT, SEEN_OK, 0);
        say(AGENT_M1, CHECK_P_OUT, SEEN_OK, 0);
        (void)world_pass(&world, 1000);
        assert_int_equal(class_of(P), CLASS_WELL);
    }
    assert_int_equal(world.core.phase, PHASE_SERVING);
    assert_int_equal(world.core.executions_made, made);
}

/* Dark again and again, each time for less than the hold-down: the times do not add up. */
static void a_region_that_comes_and_goes_is_not_left(void **state) {
    (void)state;
    world_serving(&world);
    for (unsigned round = 0; round < 20; round++) {
        world_heard(&world, ALL_BUT_P, false);
        say(AGENT_D1, CHECK_P_OUT, SEEN_FAILED, 0);
        say(AGENT_M1, CHECK_P_OUT, SEEN_FAILED, 0);
        (void)world_pass(&world, world.topology.policy.hold_down_ms -
                                     world.topology.policy.silent_ms - 1000);
        assert_int_equal(world.core.last_class[P], CLASS_DARK);
        assert_int_equal(world.core.phase, PHASE_SUSPECT);
        world_heard(&world, ALL_AGENTS, true);
        say(AGENT_D1, CHECK_P_OUT, SEEN_OK, 0);
        say(AGENT_M1, CHECK_P_OUT, SEEN_OK, 0);
        (void)world_pass(&world, 1000);
        assert_int_equal(world.core.phase, PHASE_SERVING);
        assert_int_equal(class_of(P), CLASS_WELL);
    }
    assert_int_equal(world.core.executions_made, 0);
    assert_int_equal(world.core.epoch, 1);
}

static void a_late_probe_is_not_a_failed_target(void **state) {
    (void)state;
    world_serving(&world);
    say(AGENT_P1, CHECK_P_IN1, SEEN_STALE, 1);
    assert_int_equal(class_of(P), CLASS_STALE);
    assert_int_equal(verdict_of(&world.core, &world.topology, P).vital_bad_n, 0);
    say(AGENT_D1, CHECK_P_OUT, SEEN_STALE, 0);
    say(AGENT_M1, CHECK_P_OUT, SEEN_STALE, 0);
    assert_int_equal(class_of(P), CLASS_STALE);
    world_heard(&world, ALL_BUT_P, false); /* silent, and nobody has looked in time */
    assert_int_equal(class_of(P), CLASS_STALE);
    (void)world_pass(&world, 60000);
    assert_int_equal(world.core.phase, PHASE_SERVING);
}

static void a_region_that_never_spoke_is_unknown_and_not_stale(void **state) {
    (void)state;
    world_serving(&world);
    (void)world_config(&world, 2); /* all is learnt anew */
    world_heard(&world, ALL_BUT_P, true);
    assert_int_equal(class_of(P), CLASS_UNKNOWN);
    say(AGENT_M1, CHECK_P_OUT, SEEN_FAILED, 0); /* and yet it can be found dead */
    assert_int_equal(class_of(P), CLASS_DARK);
}

/* --------------------------------------------------------------------- roles */

static void a_wrong_role_is_the_components_trouble(void **state) {
    (void)state;
    world_serving(&world);
    say(AGENT_P1, CHECK_P_IN1, SEEN_OK, 2);
    assert_int_equal(class_of(P), CLASS_COMPONENT); /* the active region has no primary */
    say(AGENT_P2, CHECK_P_IN2, SEEN_OK, 1);
    assert_int_equal(class_of(P), CLASS_WELL); /* it has: the other host is the standby */
    say(AGENT_D1, CHECK_D_IN, SEEN_OK, 2);
    assert_int_equal(class_of(D), CLASS_WELL);
    say(AGENT_D1, CHECK_D_IN, SEEN_OK, 1);
    assert_int_equal(class_of(D), CLASS_COMPONENT); /* a primary where none may be */
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 1);
    world.topology.components[COMPONENT_STORE].guarded = false;
    assert_int_equal(class_of(D), CLASS_WELL);
}

/* A role that is old, of a check that fails, or told by nobody that is heard, is no role. */
static void only_a_fresh_role_is_held_against_a_region(void **state) {
    (void)state;
    world_serving(&world);
    say(AGENT_D1, CHECK_D_IN, SEEN_OK, 1);
    world_heard(&world, ALL_AGENTS & ~(UINT64_C(1) << AGENT_D1), true);
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 0);
    world_heard(&world, ALL_AGENTS, true);
    world.topology.checks[CHECK_D_IN].agent = NONE;
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 0);
    world.topology.checks[CHECK_D_IN].agent = AGENT_D1;
    say(AGENT_D1, CHECK_D_IN, SEEN_STALE, 1);
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 0);
    say(AGENT_D1, CHECK_D_IN, SEEN_OK, 1);
    world.topology.checks[CHECK_D_OUT].component = COMPONENT_STORE; /* from outside: no say */
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 1);
    world.topology.checks[CHECK_D_IN].kind = CHECK_PATRONI; /* books, no proof */
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 0);
    world.topology.checks[CHECK_D_IN].kind = CHECK_POSTGRESQL;
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 1);
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_outcome(&world, STEP_HANDOFF, SAID_DONE);
    (void)world_close(&world, 1); /* between two epochs the roles are on their way */
    assert_int_equal(world.core.phase, PHASE_CLOSED);
    assert_int_equal(verdict_of(&world.core, &world.topology, D).roles_wrong_n, 0);
}

static void a_role_that_moved_is_news(void **state) {
    (void)state;
    world_serving(&world);
    struct event_report report = {.agent = AGENT_P1, .boot = 7, .config_version = 1};
    report.seq = world.core.agents[AGENT_P1].seq + 1;
    report.guard_present = 1;
    report.checks_n = 1;
    report.checks[0].check = CHECK_P_IN1;
    report.checks[0].status = SEEN_OK;
    assert_false(core_report_is_news(&world.core, &world.topology, &report));
    report.checks[0].role = 2;
    assert_true(core_report_is_news(&world.core, &world.topology, &report));
    report.agent =
        AGENT_D1; /* who looks from outside has no say about roles: nothing would change */
    report.seq = world.core.agents[AGENT_D1].seq + 1;
    report.checks[0].check = CHECK_P_OUT;
    assert_false(core_report_is_news(&world.core, &world.topology, &report));
}

/* ------------------------------------------------------------------- the link */

static void a_link_is_blamed_only_by_who_sees_nothing_at_all(void **state) {
    (void)state;
    world_serving(&world);
    uint8_t second = world.topology.checks_n++; /* another public name of P */
    world.topology.checks[second] = world.topology.checks[CHECK_P_OUT];
    say(AGENT_D1, CHECK_P_OUT, SEEN_FAILED, 0);
    assert_int_equal(class_of(P), CLASS_LINK_ONLY);
    say(AGENT_D1, second, SEEN_OK, 0); /* reached, and yet one fails: the link is not to blame */
    assert_int_equal(class_of(P), CLASS_COMPONENT);
    say(AGENT_D1, second, SEEN_FAILED, 0);
    assert_int_equal(class_of(P), CLASS_LINK_ONLY);
    say(AGENT_M1, second, SEEN_FAILED, 0); /* the only witness sees a part of it fail, too */
    assert_int_equal(class_of(P), CLASS_COMPONENT);
    assert_int_equal(verdict_of(&world.core, &world.topology, P).vantages_hurt_n, 2);
    say(AGENT_P1, CHECK_D_OUT, SEEN_FAILED, 0); /* blind to each other, both heard */
    assert_int_equal(verdict_of(&world.core, &world.topology, P).links_bad_n, 1);
}

static void a_region_without_a_say_about_itself_is_not_asked(void **state) {
    (void)state;
    world_serving(&world);
    say(AGENT_M1, CHECK_P_OUT, SEEN_UNKNOWN, 0);
    say(AGENT_D1, CHECK_P_OUT, SEEN_UNKNOWN, 0);
    say(AGENT_M1, CHECK_D_OUT, SEEN_UNKNOWN, 0);
    uint8_t own = world.topology.checks_n++; /* the monitoring region's own front, seen by itself */
    world.topology.checks[own] = world.topology.checks[CHECK_P_OUT];
    world.topology.checks[own].region = M;
    say(AGENT_M1, own, SEEN_OK, 0);
    world_heard(&world, UINT64_C(1) << AGENT_M1, true);
    assert_int_equal(class_of(M), CLASS_MONITORING_ISOLATED);
    assert_int_equal(class_of(P), CLASS_MONITORING_ISOLATED);
    say(AGENT_M1, CHECK_D_OUT, SEEN_OK, 0); /* it sees somebody: it is not the one cut off */
    assert_int_equal(class_of(M), CLASS_WELL);
    assert_int_equal(class_of(P), CLASS_STALE);
}

static void two_of_three_failed_names_are_a_view_that_fails(void **state) {
    (void)state;
    world_serving(&world);
    for (unsigned n = 0; n < 2; n++) {
        uint8_t name = world.topology.checks_n++;
        world.topology.checks[name] = world.topology.checks[CHECK_P_OUT];
        say(AGENT_D1, name, SEEN_FAILED, 0);
        say(AGENT_M1, name, n == 0 ? SEEN_FAILED : SEEN_OK, 0);
    }
    struct region_verdict verdict = verdict_of(&world.core, &world.topology, P);
    assert_int_equal(verdict.vantages_bad_n, 1); /* D's; M sees two of three pass */
    assert_int_equal(verdict.vantages_ok_n, 1);
    assert_int_equal(verdict.outside_bad_n, 3);
    assert_int_equal(verdict.outside_ok_n, 3);
    assert_int_equal(verdict.class, CLASS_COMPONENT);
}

/* Two monitoring regions: it is isolated from neither while one of them sees it. */
static void one_monitoring_region_that_sees_it_is_enough(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.regions[D].kind = REGION_MONITORING;
    say(AGENT_D1, CHECK_P_OUT, SEEN_FAILED, 0);
    world_heard(&world, ALL_BUT_P, true);
    assert_int_equal(class_of(P), CLASS_STALE);
    say(AGENT_M1, CHECK_P_OUT, SEEN_FAILED, 0);
    say(AGENT_M1, CHECK_D_OUT, SEEN_UNKNOWN, 0);
    assert_int_equal(class_of(P), CLASS_MONITORING_ISOLATED);
}

/* ------------------------------------------------- an election inside a region */

#define ELECTION_MS 30000 /* what Patroni takes by its defaults */

/* P's leader dies; nobody takes a write until its other member is elected. `replica` is how the
 * check of that member stands meanwhile: well, as a replica, or failed where a primary is expected.
 */
static void election_begins(uint32_t hold_down_ms, uint8_t replica) {
    world_serving(&world);
    world.topology.policy.hold_down_ms = hold_down_ms;
    world.topology.policy.automatic_sick = true;
    say(AGENT_P1, CHECK_P_IN1, SEEN_OK, 1);
    say(AGENT_P2, CHECK_P_IN2, SEEN_OK, 2);
    (void)world_pass(&world, 1000);
    assert_int_equal(world.core.last_class[P], CLASS_WELL);
    say(AGENT_P1, CHECK_P_IN1, SEEN_FAILED, 0);
    say(AGENT_P2, CHECK_P_IN2, replica, replica == SEEN_OK ? 2 : 0);
    say(AGENT_D1, CHECK_P_OUT, SEEN_FAILED, 0);
    say(AGENT_M1, CHECK_P_OUT, SEEN_FAILED, 0);
    (void)world_pass(&world, ELECTION_MS);
}

static void election_ends(void) {
    say(AGENT_P2, CHECK_P_IN2, SEEN_OK, 1);
    say(AGENT_D1, CHECK_P_OUT, SEEN_OK, 0);
    say(AGENT_M1, CHECK_P_OUT, SEEN_OK, 0);
    (void)world_pass(&world, 1000);
    assert_int_equal(world.core.last_class[P], CLASS_COMPONENT); /* one member lacks */
    say(AGENT_P1, CHECK_P_IN1, SEEN_OK, 2);                      /* back, as a replica */
    (void)world_pass(&world, 120000);
    assert_int_equal(world.core.last_class[P], CLASS_WELL);
    assert_int_equal(world.core.phase, PHASE_SERVING);
    assert_int_equal(world.core.executions_made, 0);
    assert_int_equal(world.core.epoch, 1);
    assert_int_equal(world.core.owner, P);
}

static void an_election_is_a_components_trouble(void **state) {
    (void)state;
    election_begins(60000, SEEN_OK);
    assert_int_equal(world.core.last_class[P], CLASS_COMPONENT);
    assert_int_equal(world.core.phase, PHASE_SERVING);
    election_ends();
}

/* Were every vital check to expect a primary, the region would look sick for as long as nobody
 * leads: the hold-down, longer than the election, waits for its end. A shorter one does not. */
static void an_election_that_looks_like_a_sick_region_ends_within_the_hold_down(void **state) {
    (void)state;
    election_begins(60000, SEEN_FAILED);
    assert_int_equal(world.core.last_class[P], CLASS_SICK);
    assert_int_equal(world.core.phase, PHASE_SUSPECT);
    assert_int_equal(world.core.executions_made, 0);
    election_ends();
    election_begins(ELECTION_MS / 3, SEEN_FAILED);
    assert_int_equal(world.core.executions_made, 1);
}

static void each_class_has_its_sentence(void **state) {
    (void)state;
    for (unsigned c = 0; c < CLASSES_N; c++) {
        size_t size = strlen(class_sentence((enum region_class)c));
        assert_true(size > 20 && class_sentence((enum region_class)c)[size - 1] == '.');
    }
    assert_string_equal(class_sentence(CLASSES_N), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_agent_and_store_gives_its_class),
        cmocka_unit_test(a_silent_agent_is_never_healthy),
        cmocka_unit_test(the_same_table_holds_however_many_agents_look),
        cmocka_unit_test(one_flap_changes_nothing),
        cmocka_unit_test(a_region_that_comes_and_goes_is_not_left),
        cmocka_unit_test(a_late_probe_is_not_a_failed_target),
        cmocka_unit_test(a_region_that_never_spoke_is_unknown_and_not_stale),
        cmocka_unit_test(a_wrong_role_is_the_components_trouble),
        cmocka_unit_test(only_a_fresh_role_is_held_against_a_region),
        cmocka_unit_test(a_role_that_moved_is_news),
        cmocka_unit_test(a_link_is_blamed_only_by_who_sees_nothing_at_all),
        cmocka_unit_test(a_region_without_a_say_about_itself_is_not_asked),
        cmocka_unit_test(two_of_three_failed_names_are_a_view_that_fails),
        cmocka_unit_test(one_monitoring_region_that_sees_it_is_enough),
        cmocka_unit_test(an_election_is_a_components_trouble),
        cmocka_unit_test(an_election_that_looks_like_a_sick_region_ends_within_the_hold_down),
        cmocka_unit_test(each_class_has_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
