/* Lags beside wall clocks that are off, or set: neither end's is believed, and both are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "tests/unit/shell/stand_in.h"

#define HOUR_MS INT64_C(3600000)

static struct coordinator *member;
static uint8_t east, west, mon;

static int setup(void **state) {
    struct text256 why;
    (void)state;
    member = stand_in_member("m1");
    stand_in_serving(member);
    if (listen_start(member, &why) != ERR_OK) {
        return 1;
    }
    east = topology_agent(member->topology, "east-db1");
    west = topology_agent(member->topology, "west-db1");
    mon = topology_agent(member->topology, "mon1");
    member->topology->checks[0].link = 0; /* east's own check of its store measures, too */
    return 0;
}

/* Sampled age_ms ago, by an agent whose wall clock is off by off_ms. */
static void say_sample(uint8_t from, enum position_kind kind, uint64_t at, uint64_t age_ms,
                       int64_t off_ms) {
    struct message *message = stand_in_report(member->topology->agents[from].name);
    message->report.wall_ms = clock_wall_ms() + (uint64_t)off_ms;
    message->report.positions_n = 1;
    message->report.positions[0] =
        (struct position_report){.link = 0,
                                 .kind = (uint8_t)kind,
                                 .position = at,
                                 .wall_ms = message->report.wall_ms - age_ms};
    stand_in_send_report(from, from, message);
}

/* An hour ahead or behind, at either end, and set while it runs: the lag is what it is. */
static void wall_clocks_that_are_off_make_no_lag_and_hide_none(void **state) {
    static const int64_t offs[][2] = {
        {0, 0}, {HOUR_MS, 0}, {-HOUR_MS, 0}, {0, HOUR_MS}, {0, -HOUR_MS}};
    (void)state;
    for (size_t i = 0; i < sizeof offs / sizeof offs[0]; i++) {
        lags_forget(member);
        say_sample(east, POSITION_WRITTEN, 1000, 900, offs[i][0]);
        say_sample(west, POSITION_RECEIVED, 1000, 500, offs[i][1]);
        say_sample(east, POSITION_WRITTEN, 2000, 100, offs[i][0]);
        struct lag lag = lags_of(member, 0);
        assert_true(lag.known);
        assert_int_equal(lag.bytes, 1000);
        assert_in_range(lag.ms, 600, 1000);
        assert_in_range(member_now_ms() - lag.sampled_ms, 100, 400);
    }
}

static void a_wall_clock_that_is_set_makes_no_lag_and_stops_none(void **state) {
    (void)state;
    for (int64_t step_ms = -HOUR_MS; step_ms <= HOUR_MS; step_ms += 2 * HOUR_MS) {
        lags_forget(member);
        say_sample(east, POSITION_WRITTEN, 1000, 900, 0);
        say_sample(west, POSITION_RECEIVED, 1000, 800, 0);
        say_sample(east, POSITION_WRITTEN, 2000, 600, 0);
        assert_in_range(lags_of(member, 0).ms, 200, 400);
        /* The sample is of before the step, the report of after it: it waits for the next. */
        say_sample(east, POSITION_WRITTEN, 3000, 300 + (uint64_t)step_ms, step_ms);
        say_sample(west, POSITION_RECEIVED, 3000, 300 + (uint64_t)step_ms, step_ms);
        assert_in_range(lags_of(member, 0).ms, 200, 400);
        say_sample(east, POSITION_WRITTEN, 4000, 0, step_ms);
        assert_in_range(lags_of(member, 0).ms, 700, 1100);
        say_sample(west, POSITION_RECEIVED, 4000, 0, step_ms);
        assert_int_equal(lags_of(member, 0).ms, 0);
    }
}

/* A report tells its last sample again each second: one sample, however long it was on its way. */
static void a_sample_that_is_told_again_is_the_same_sample(void **state) {
    (void)state;
    struct message *message = stand_in_report("east-db1");
    for (unsigned i = 0; i < 5; i++) {
        message->report.wall_ms = HOUR_MS + 10 * i;
        message->report.seq = ++report_seq;
        message->report.positions_n = 1;
        message->report.positions[0] = (struct position_report){
            .link = 0, .kind = POSITION_WRITTEN, .position = 5, .wall_ms = HOUR_MS};
        stand_in_send_report(east, east, message);
    }
    assert_int_equal(member->positions.links[0].n, 1);
}

static void a_clock_that_is_off_is_measured_by_its_reports(void **state) {
    (void)state;
    for (unsigned i = 0; i < CLOCK_LOOKS; i++) {
        say_sample(east, POSITION_WRITTEN, 1000 + i, 0, HOUR_MS);
        say_sample(west, POSITION_RECEIVED, 1000 + i, 0, -HOUR_MS);
        say_sample(mon, POSITION_RECEIVED, 1000 + i, 0,
                   i % 2 == 0 ? -5000 : 0); /* late, half of them */
    }
    assert_in_range(clock_off_ms(&member->agents[east].clock), HOUR_MS - 500, HOUR_MS);
    assert_in_range(-clock_off_ms(&member->agents[west].clock), HOUR_MS, HOUR_MS + 500);
    assert_true(clock_is_off(clock_off_ms(&member->agents[east].clock)));
    assert_true(clock_is_off(clock_off_ms(&member->agents[west].clock)));
    assert_false(clock_is_off(clock_off_ms(&member->agents[mon].clock)));
    say_sample(west, POSITION_RECEIVED, 9000, 0, 0); /* set right: told at once */
    assert_false(clock_is_off(clock_off_ms(&member->agents[west].clock)));
}

/* A check of that link by the agent of the monitoring region, which is moved there. */
static uint8_t another_server_in(uint8_t agent) {
    struct topology *topology = member->topology;
    topology->agents[mon].region = topology->agents[agent].region;
    topology->checks[topology->checks_n] = topology->checks[0];
    topology->checks[topology->checks_n].agent = mon;
    topology->checks[topology->checks_n++].region = topology->agents[mon].region;
    return mon;
}

/* Each server of a region has its canary: in the standby the one that has most speaks for it, as
 * long as it is heard. */
static void of_several_servers_the_one_that_has_most_tells_what_the_standby_has(void **state) {
    (void)state;
    lags_forget(member);
    uint8_t other = another_server_in(west);
    say_sample(east, POSITION_WRITTEN, 4, 500, 0);
    say_sample(east, POSITION_WRITTEN, 5, 400, 0);
    say_sample(west, POSITION_RECEIVED, 5, 300, 0);
    say_sample(other, POSITION_RECEIVED, 2, 200, 0); /* a replica that stands still */
    assert_int_equal(lags_of(member, 0).bytes, 0);
    say_sample(west, POSITION_RECEIVED, 4, 150, 0); /* its own word: it went back */
    assert_int_equal(lags_of(member, 0).bytes, 1);
    say_sample(other, POSITION_RECEIVED, 5, 100, 0);
    say_sample(west, POSITION_RECEIVED, 4, 90, 0);
    assert_int_equal(lags_of(member, 0).bytes, 0);
    for (uint16_t c = 0; c < member->topology->checks_n; c++) {
        member->topology->checks[c].interval_ms = 1000;
    }
    member->positions.links[0].received_ms = 0; /* not heard since the machine's boot */
    say_sample(west, POSITION_RECEIVED, 4, 80, 0);
    assert_int_equal(lags_of(member, 0).bytes, 1);
}

/* And in the active region whichever leads writes: a failover inside it stops no measuring. */
static void a_canary_goes_on_at_the_server_that_leads_now(void **state) {
    (void)state;
    lags_forget(member);
    uint8_t other = another_server_in(east);
    say_sample(east, POSITION_WRITTEN, 5, 500, 0);
    say_sample(other, POSITION_RECEIVED, 5, 450, 0);
    assert_false(lags_of(member, 0).known); /* its own region's replica is no standby */
    say_sample(west, POSITION_RECEIVED, 5, 400, 0);
    say_sample(other, POSITION_WRITTEN, 6, 300, 0);
    say_sample(east, POSITION_RECEIVED, 6, 200, 0);
    assert_true(lags_of(member, 0).known);
    assert_int_equal(lags_of(member, 0).bytes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wall_clocks_that_are_off_make_no_lag_and_hide_none, setup),
        cmocka_unit_test_setup(a_wall_clock_that_is_set_makes_no_lag_and_stops_none, setup),
        cmocka_unit_test_setup(a_sample_that_is_told_again_is_the_same_sample, setup),
        cmocka_unit_test_setup(of_several_servers_the_one_that_has_most_tells_what_the_standby_has,
                               setup),
        cmocka_unit_test_setup(a_canary_goes_on_at_the_server_that_leads_now, setup),
        cmocka_unit_test_setup(a_clock_that_is_off_is_measured_by_its_reports, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
