/* Who takes a component's writes: what readings tell of an election, and how long it took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "coordinator/decide/elections.h"

#define A "pg1"
#define B "pg2"

static struct election_watch watch;
static struct election got;
static bool over;
static uint8_t front, first, second, cluster; /* through the load balancer; each server; Patroni */

/* A front that is looked at each second, each server every five, Patroni each second. */
static void watch_all(void) {
    election_watch_init(&watch);
    front = election_source_add(&watch, true, TELLS_NOBODY, 1000, 900);
    first = election_source_add(&watch, true, TELLS_SERVER, 5000, 900);
    second = election_source_add(&watch, true, TELLS_SERVER, 5000, 900);
    cluster = election_source_add(&watch, false, TELLS_CLUSTER, 1000, 900);
    over = false;
}

/* Each reading takes 10 ms. */
static void hear(uint8_t source, uint64_t began_ms, bool takes, const char *leader,
                 uint32_t timeline) {
    struct election_reading reading = {source, takes, began_ms, began_ms + 10, timeline, leader};
    over = election_hear(&watch, &reading, &got) || over;
}

static void writes(uint8_t source, uint64_t began_ms) {
    hear(source, began_ms, true, source == first ? "a:5432" : source == second ? "b:5432" : "", 0);
}

static void none(uint8_t source, uint64_t began_ms) {
    hear(source, began_ms, false, "", 0);
}

static void leads(const char *name, uint64_t began_ms, uint32_t timeline) {
    hear(cluster, began_ms, false, name, timeline);
}

/* The front finds writes taken each second up to there, and Patroni names pg1. */
static void well_until(uint64_t until_ms) {
    for (uint64_t at_ms = 1000; at_ms <= until_ms; at_ms += 1000) {
        writes(front, at_ms);
        leads(A, at_ms + 100, 7);
    }
}

static void none_between(uint64_t from_ms, uint64_t to_ms) {
    for (uint64_t at_ms = from_ms; at_ms <= to_ms; at_ms += 1000) {
        none(front, at_ms);
    }
}

static void an_election_is_told_with_its_bounds_leaders_and_timelines(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    none_between(11000, 14000);
    leads("", 13100, 0);
    writes(front, 15000);
    assert_false(over); /* nobody has told yet who leads */
    leads(B, 15100, 7); /* PostgreSQL there still begins its timeline */
    assert_false(over);
    leads(B, 16100, 8);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_string_equal(got.from, A);
    assert_string_equal(got.to, B);
    assert_int_equal(got.timeline_from, 7);
    assert_int_equal(got.timeline_to, 8);
    assert_int_equal(got.began_ms, 10000);
    assert_int_equal(got.at_most_ms, 15010 - 10000);
    assert_int_equal(got.at_least_ms, 14000 - 11010);
}

static void while_it_runs_the_time_without_writes_is_told(void **state) {
    (void)state;
    uint64_t began_ms = 0, at_least_ms = 0;
    watch_all();
    well_until(10000);
    assert_false(election_runs(&watch, 10500, &began_ms, &at_least_ms));
    none_between(11000, 14000);
    assert_true(election_runs(&watch, 14500, &began_ms, &at_least_ms));
    assert_int_equal(began_ms, 10000);
    assert_int_equal(at_least_ms, 14010 - 11010);
    writes(front, 15000);
    assert_false(election_runs(&watch, 15500, &began_ms, &at_least_ms));
}

static void a_check_that_falls_silent_meanwhile_leaves_it_not_known(void **state) {
    (void)state;
    uint64_t began_ms = 0, at_least_ms = 0;
    watch_all();
    well_until(10000);
    none(front, 11000);
    assert_true(election_runs(&watch, 11010 + watch.hole_ms, &began_ms, &at_least_ms));
    assert_false(election_runs(&watch, 11011 + watch.hole_ms, &began_ms, &at_least_ms));
}

static void the_same_leader_again_is_a_restart(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    none_between(11000, 13000);
    writes(front, 14000);
    leads(A, 14100, 8);
    assert_false(over); /* another may yet be told */
    assert_false(election_look(&watch, 14010 + watch.settle_ms - 1, &got));
    leads(A, 14000 + watch.settle_ms - 100, 8);
    assert_true(election_look(&watch, 14010 + watch.settle_ms, &got));
    assert_int_equal(got.end, ELECTION_SAME);
    assert_string_equal(got.from, A);
    assert_string_equal(got.to, A);
    assert_int_equal(got.timeline_from, 7);
    assert_int_equal(got.timeline_to, 8);
    assert_int_equal(got.at_most_ms, 4010);
    assert_int_equal(got.at_least_ms, 13000 - 11010);
}

static void one_lost_reading_is_nothing(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    none(front, 11000);
    writes(front, 12000);
    leads(A, 12100, 7);
    assert_false(election_look(&watch, 12010 + watch.settle_ms, &got));
    assert_false(over);
}

static void without_anybody_who_tells_the_leader_it_is_an_interruption(void **state) {
    (void)state;
    election_watch_init(&watch);
    front = election_source_add(&watch, true, TELLS_NOBODY, 1000, 900);
    over = false;
    writes(front, 1000);
    none_between(2000, 4000);
    writes(front, 5000);
    assert_true(election_look(&watch, 5010 + watch.settle_ms, &got));
    assert_int_equal(got.end, ELECTION_UNTOLD);
    assert_string_equal(got.to, "");
}

static void an_agent_that_was_silent_meanwhile_has_not_seen_a_failover(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    uint64_t back_ms = 10011 + watch.hole_ms;
    writes(front, back_ms);
    leads(B, back_ms + 100, 8);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_UNSEEN); /* another leads, and nobody knows since when */
    assert_string_equal(got.from, A);
    assert_string_equal(got.to, B);
    assert_int_equal(got.at_most_ms, 0);

    watch_all();
    well_until(10000);
    writes(front, back_ms);
    leads(A, back_ms + 100, 7);
    assert_false(election_look(&watch, back_ms + 2ull * watch.settle_ms, &got));
    assert_false(over);

    watch_all(); /* one ms less, and it was looked at all the time */
    well_until(10000);
    writes(front, back_ms - 1);
    leads(B, back_ms + 100, 8);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_int_equal(got.at_most_ms, back_ms - 1 + 10 - 10000);
}

static void a_leader_that_moves_between_two_readings_is_a_failover_without_a_loss(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    writes(front, 11300);
    leads(B, 11400, 8);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_int_equal(got.at_least_ms, 0);
    assert_int_equal(got.began_ms, 10000);
    assert_int_equal(got.at_most_ms, 11310 - 10000);
}

static void servers_themselves_tell_it_where_the_cluster_does_not(void **state) {
    (void)state;
    election_watch_init(&watch);
    first = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    second = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    cluster = NONE;
    over = false;
    for (uint64_t at_ms = 1000; at_ms <= 5000; at_ms += 1000) {
        writes(first, at_ms);
        none(second, at_ms + 500);
    }
    none(first, 6000);
    none(second, 6500);
    none(first, 7000);
    none(second, 7500);
    writes(second, 8500);
    assert_true(over);
    assert_string_equal(got.from, "a:5432");
    assert_string_equal(got.to, "b:5432");
    assert_int_equal(got.at_most_ms, 8510 - 5000);
    assert_int_equal(got.at_least_ms, 7500 - 6010); /* the new one's last no, the old one's first */
}

static void two_that_both_claim_to_lead_are_no_failover_until_one_gives_up(void **state) {
    (void)state;
    election_watch_init(&watch);
    first = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    second = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    over = false;
    writes(first, 1000);
    for (uint64_t at_ms = 2000; at_ms <= 9000; at_ms += 1000) {
        writes(first, at_ms);
        writes(second, at_ms + 500);
        assert_false(over);
    }
    none(first, 10000);
    writes(second, 10500);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_string_equal(got.from, "a:5432");
    assert_string_equal(got.to, "b:5432");
    assert_int_equal(got.at_least_ms, 0); /* somebody always took them */
    assert_true(got.at_most_ms <= 1010);
}

static void the_killed_leaders_own_agent_dies_with_it(void **state) {
    (void)state;
    election_watch_init(&watch);
    first = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    second = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    over = false;
    for (uint64_t at_ms = 1000; at_ms <= 5000; at_ms += 1000) {
        writes(first, at_ms);
        none(second, at_ms + 500);
    }
    for (uint64_t at_ms = 6500; at_ms <= 11500; at_ms += 1000) {
        none(second, at_ms);
    }
    writes(second, 12500);
    assert_true(over || election_look(&watch, 12510 + watch.settle_ms, &got));
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_int_equal(got.at_most_ms, 12510 - 5000);
    assert_int_equal(got.at_least_ms, 0); /* nobody saw it end */
}

static void a_reading_of_before_the_loss_that_comes_late_is_no_end_of_it(void **state) {
    (void)state;
    uint64_t began_ms = 0, at_least_ms = 0;
    watch_all();
    well_until(10000);
    writes(first, 10200);
    none(front, 11000);
    writes(first, 10900);
    assert_true(election_runs(&watch, 11500, &began_ms, &at_least_ms));
    assert_int_equal(began_ms, 10900);
}

static void a_load_balancer_that_fails_alone_is_no_restart(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    writes(first, 10200);
    none_between(11000, 15000);
    writes(first, 15200); /* the server took them, as before */
    leads(A, 15300, 7);
    none_between(16000, 20000);
    writes(first, 20200);
    leads(A, 20300, 7);
    assert_false(election_look(&watch, 20400 + watch.settle_ms, &got));
    assert_false(over);
}

static void the_next_loss_tells_the_one_before_first(void **state) {
    (void)state;
    watch_all();
    well_until(10000);
    none_between(11000, 13000);
    writes(front, 14000);
    leads(A, 14100, 7);
    assert_false(over);
    none(front, 15000);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_SAME);
    over = false;
    none_between(16000, 18000);
    writes(front, 19000);
    leads(B, 19100, 8);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_int_equal(got.began_ms, 14000);
}

/* As seen of two Redis whose Sentinels named another master: the old one took writes beside the new
 * one for a while, and of its two checks one found its end before the other. */
static void an_old_leader_whose_checks_give_up_one_after_the_other_is_one_failover(void **state) {
    (void)state;
    election_watch_init(&watch);
    over = false;
    front = election_source_add(&watch, true, TELLS_NOBODY, 1000, 900); /* the old one's canary */
    uint8_t other = election_source_add(&watch, true, TELLS_NOBODY, 1000, 900);
    first = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    second = election_source_add(&watch, true, TELLS_SERVER, 1000, 900);
    for (uint64_t at_ms = 1000; at_ms <= 5000; at_ms += 1000) {
        writes(front, at_ms + 150);
        none(second, at_ms + 160);
        none(other, at_ms + 260);
        writes(first, at_ms + 790);
    }
    writes(second, 6160);
    writes(other, 6260);
    writes(first, 6790);
    none(front, 7150);
    writes(second, 7155);
    writes(other, 7260);
    none(first, 7790);
    assert_false(over);
    writes(second, 8160);
    assert_true(over);
    assert_int_equal(got.end, ELECTION_CHANGED);
    assert_string_equal(got.from, "a:5432");
    assert_string_equal(got.to, "b:5432");
    assert_in_range(got.at_most_ms, 300, 2000);
    over = false;
    for (uint64_t at_ms = 8200; at_ms <= 60000; at_ms += 1000) {
        writes(other, at_ms + 60);
        none(front, at_ms + 100);
        writes(second, at_ms + 160);
        none(first, at_ms + 790);
    }
    assert_false(over); /* once */
}

static void before_anybody_saw_it_take_writes_nothing_is_lost(void **state) {
    (void)state;
    uint64_t began_ms = 0, at_least_ms = 0;
    watch_all();
    none_between(1000, 9000);
    assert_false(election_runs(&watch, 9500, &began_ms, &at_least_ms));
    writes(front, 10000);
    leads(A, 10100, 7);
    assert_false(election_look(&watch, 10500 + watch.settle_ms, &got));
    assert_false(over);
}

static void there_are_only_so_many_sources(void **state) {
    (void)state;
    election_watch_init(&watch);
    for (unsigned i = 0; i < ELECTION_SOURCES_MAX; i++) {
        assert_int_equal(election_source_add(&watch, true, TELLS_NOBODY, 1000, 900), i);
    }
    assert_int_equal(election_source_add(&watch, true, TELLS_NOBODY, 1000, 900), NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_election_is_told_with_its_bounds_leaders_and_timelines),
        cmocka_unit_test(while_it_runs_the_time_without_writes_is_told),
        cmocka_unit_test(a_check_that_falls_silent_meanwhile_leaves_it_not_known),
        cmocka_unit_test(the_same_leader_again_is_a_restart),
        cmocka_unit_test(one_lost_reading_is_nothing),
        cmocka_unit_test(without_anybody_who_tells_the_leader_it_is_an_interruption),
        cmocka_unit_test(an_agent_that_was_silent_meanwhile_has_not_seen_a_failover),
        cmocka_unit_test(a_leader_that_moves_between_two_readings_is_a_failover_without_a_loss),
        cmocka_unit_test(servers_themselves_tell_it_where_the_cluster_does_not),
        cmocka_unit_test(two_that_both_claim_to_lead_are_no_failover_until_one_gives_up),
        cmocka_unit_test(the_killed_leaders_own_agent_dies_with_it),
        cmocka_unit_test(a_reading_of_before_the_loss_that_comes_late_is_no_end_of_it),
        cmocka_unit_test(a_load_balancer_that_fails_alone_is_no_restart),
        cmocka_unit_test(the_next_loss_tells_the_one_before_first),
        cmocka_unit_test(an_old_leader_whose_checks_give_up_one_after_the_other_is_one_failover),
        cmocka_unit_test(before_anybody_saw_it_take_writes_nothing_is_lost),
        cmocka_unit_test(there_are_only_so_many_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
