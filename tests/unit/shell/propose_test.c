/* Wishes become facts once, under one key, however often they are read off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "tests/unit/shell/stand_in.h"

static struct fact fact_in(const struct appended *append) {
    struct fact fact;
    struct text256 why;
    assert_int_equal(fact_read(append->bytes, append->size, 1, &fact, &why), ERR_OK);
    return fact;
}

static void the_same_wish_is_appended_once(void **state) {
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    appended_n = 0;
    for (unsigned i = 0; i < 10; i++) {
        propose_all(member); /* wants OPEN(1, east) */
    }
    assert_int_equal(stand_in_appended_n(EVENT_OPEN), 1);
    assert_string_equal(stand_in_appended(EVENT_OPEN)->key, "open/1/0");
}

static void a_lost_answer_means_the_same_key_and_bytes(void **state) {
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    appended_n = 0;
    propose_all(member);
    struct appended *first = stand_in_appended(EVENT_OPEN);
    stand_in_answer(first, ERR_TIMEOUT);
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_OPEN), 1); /* not at once */
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_OPEN), 2);
    const struct appended *second = stand_in_appended(EVENT_OPEN);
    assert_string_equal(second->key, first->key);
    assert_int_equal(second->size, first->size);
    assert_memory_equal(second->bytes, first->bytes, first->size);
}

static void nothing_is_proposed_before_it_is_caught_up(void **state) {
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    appended_n = 0;
    member->caught_up = false;
    propose_all(member);
    member->caught_up = true;
    member->stopped_for_human = true;
    propose_all(member);
    assert_int_equal(appended_n, 0);
}

static struct appended *one_tick(struct coordinator *member, uint64_t ago_ms) {
    appended_n = 0;
    member->count.told_ms = member_now_ms() - ago_ms;
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TICK), 1);
    return stand_in_appended(EVENT_TICK);
}

static void a_tick_told_late_says_all_the_time_that_passed(void **state) {
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    stand_in_serving(member);
    struct appended *first = one_tick(member, 1500);
    struct fact fact = fact_in(first);
    assert_in_range(fact.event.tick.elapsed_ms, 1500, 1600);
    char key[FACT_KEY_SIZE];
    (void)text_copy(key, sizeof key, first->key);
    stand_in_answer(first, ERR_TIMEOUT);
    /* The log was away for longer than a core may believe in one step. */
    member->count.told_ms -= TICK_ELAPSED_MAX_MS;
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
    const struct appended *second = stand_in_appended(EVENT_TICK);
    assert_non_null(second);
    assert_string_equal(second->key, key);
    fact = fact_in(second);
    assert_in_range(fact.event.tick.elapsed_ms, 1500 + TICK_ELAPSED_MAX_MS,
                    1700 + TICK_ELAPSED_MAX_MS);
}

static void due_now(struct coordinator *member) {
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
}

/* A simulated story: its first text had landed and the answer was lost, the second was refused as
 * there already, and the third told the pause of the second once more: a hold-down ran too fast. */
static void of_a_tick_with_two_texts_only_what_landed_is_told(void **state) {
    (void)state;
    for (unsigned landed = 0; landed < 2; landed++) {
        struct coordinator *member = stand_in_member("m1");
        stand_in_serving(member);
        struct appended *append = one_tick(member, 1500);
        struct fact texts[2] = {fact_in(append)};
        stand_in_answer(append, ERR_TIMEOUT);
        uint64_t measured_ms = member->count.told_ms -= TICK_ELAPSED_MAX_MS;
        due_now(member);
        append = stand_in_appended(EVENT_TICK);
        texts[1] = fact_in(append);
        append->index = member->applied_index + 1;
        texts[landed].event.index = append->index;
        stand_in_answer(append, ERR_OK);
        /* Acknowledged, and not read yet: which of the two it was is not known. */
        unsigned told_n = stand_in_appended_n(EVENT_TICK);
        due_now(member);
        assert_int_equal(stand_in_appended_n(EVENT_TICK), told_n);
        member->applied_index++;
        propose_time_told(member, &texts[landed]);
        assert_int_equal(member->count.told_ms - measured_ms, texts[landed].event.tick.elapsed_ms);
        due_now(member);
        append = stand_in_appended(EVENT_TICK);
        assert_int_equal(append == NULL, landed == 1);
        if (append != NULL) { /* the pause, that the first of them did not tell */
            assert_true(fact_in(append).event.tick.elapsed_ms >= TICK_ELAPSED_MAX_MS);
        }
    }
}

static void no_tick_tells_more_than_has_passed(void **state) {
    struct coordinator *member = stand_in_member("m1");
    struct fact fact = {.event.kind = EVENT_TICK};
    (void)state;
    stand_in_serving(member);
    member->count.told_ms = member_now_ms() - 300;
    fact.event.tick.elapsed_ms = 60000; /* of its life before the restart, and landed late */
    fact.event.index = 7;
    uint64_t measured_ms = member->count.told_ms;
    propose_time_told(member, &fact);
    assert_int_equal(member->count.told_ms, measured_ms); /* nobody awaits it */
    member->count.awaited_index = 7;
    propose_time_told(member, &fact);
    assert_in_range(member->count.told_ms, member_now_ms() - 100, member_now_ms());
    fact.event.tick.member = 1;
    measured_ms = member->count.told_ms -= 700;
    propose_time_told(member, &fact); /* another's: what this one would tell is its own to count */
    assert_int_equal(member->count.told_ms, measured_ms);
}

/* The log was away when the timekeeper died: whoever takes over found no pause yet, and the fact
 * that lands at the log's return must tell the whole of it, or nobody settles. */
static void a_timekeeper_told_late_says_the_whole_gap(void **state) {
    struct coordinator *member = stand_in_member("m2");
    (void)state;
    stand_in_serving(member);
    member->core.timekeeper = 0;
    member->core.keeper_term = 1;
    member->ticks.applied = clock_stamp();
    member->ticks.behind_ms = 0;
    member->ticks.seen = true;
    member->ticks.applied.boot_ms -= 2 * KEEPER_PATIENCE_MS;
    appended_n = 0;
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER), 1);
    struct appended *first = stand_in_appended(EVENT_TIMEKEEPER);
    struct fact fact = fact_in(first);
    assert_in_range(fact.event.timekeeper.gap_ms, 2 * KEEPER_PATIENCE_MS,
                    2 * KEEPER_PATIENCE_MS + 500);
    char key[FACT_KEY_SIZE];
    (void)text_copy(key, sizeof key, first->key);
    stand_in_answer(first, ERR_TIMEOUT);
    member->ticks.applied.boot_ms -= 2 * TICK_ELAPSED_MAX_MS;
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER), 2);
    const struct appended *second = stand_in_appended(EVENT_TIMEKEEPER);
    assert_string_equal(second->key, key);
    fact = fact_in(second);
    assert_true(fact.event.timekeeper.gap_ms > 2 * TICK_ELAPSED_MAX_MS);
    stand_in_answer(stand_in_appended(EVENT_TIMEKEEPER), ERR_TIMEOUT);
    member->core.keeper_term = 2; /* another's landed first: that place is taken */
    member->ticks.applied = clock_stamp();
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER), 2);
}

/* What the log says at a start: who keeps the time, and the last TICK, so long ago. */
static void read_back(struct coordinator *member, uint64_t ago_ms) {
    struct fact fact = {.event = {.kind = EVENT_TIMEKEEPER}};
    member->caught_up = false;
    fact.wall_ms = clock_wall_ms() - ago_ms - 3600000;
    propose_time_told(member, &fact);
    fact.event.kind = EVENT_TICK;
    fact.wall_ms = clock_wall_ms() - ago_ms;
    propose_time_told(member, &fact);
    member->caught_up = true;
}

static void the_first_tick_after_a_start_tells_the_pause_before_it(void **state) {
    /* The last one lies before the boot of this host: it was the host that went. */
    const uint64_t ago_ms[] = {1200, 60000, member_now_ms() + 300000};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct coordinator *member = stand_in_member("m1");
        stand_in_serving(member);
        appended_n = 0;
        read_back(member, ago_ms[i]);
        propose_all(member);
        assert_int_equal(stand_in_appended_n(EVENT_TICK), 1);
        struct fact fact = fact_in(stand_in_appended(EVENT_TICK));
        assert_in_range(fact.event.tick.elapsed_ms, ago_ms[i], ago_ms[i] + 3000);
    }
}

/* Its snapshot held them all: how old the first one is only the wall clocks tell. */
static void the_first_tick_of_a_member_that_read_none_back_is_not_new(void **state) {
    struct coordinator *member = stand_in_member("m1");
    struct fact fact = {.event = {.kind = EVENT_TICK, .tick = {.elapsed_ms = 100}}};
    (void)state;
    stand_in_serving(member);
    memset(&member->ticks, 0, sizeof member->ticks);
    fact.wall_ms = clock_wall_ms() - 60000;
    propose_time_told(member, &fact);
    assert_in_range(ticks_silent_ms(&member->ticks, clock_stamp()), 59000, 63000);
}

/* A simulated story: the snapshot covered the fact that made this member the timekeeper, its first
 * TICK told what others had told already, and the hold-down ran too fast. */
static void a_timekeeper_by_its_snapshot_counts_nothing_again(void **state) {
    static const uint64_t told_ago_ms[] = {300, 60000, 0}, counts_ms[] = {300, 2400, 0};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct coordinator *member = stand_in_member("m1");
        stand_in_serving(member);
        appended_n = 0;
        member->count.told_ms = member_now_ms() - 2400;
        member->core.wall_ms = told_ago_ms[i] == 0 ? 0 : clock_wall_ms() - told_ago_ms[i];
        propose_snapshot_taken(member);
        assert_in_range(member_now_ms() - member->count.told_ms, counts_ms[i], counts_ms[i] + 1500);
    }
}

static void who_takes_the_time_over_after_a_start_tells_the_pause_before_it(void **state) {
    struct coordinator *member = stand_in_member("m2");
    (void)state;
    stand_in_serving(member);
    appended_n = 0;
    read_back(member, 60000);
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER),
                     0); /* whose turn it is may be back as well */
    member->ticks.applied.boot_ms -= 2 * KEEPER_PATIENCE_MS;
    member->ticks.applied.raw_ms -= 2 * KEEPER_PATIENCE_MS;
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER), 1);
    struct fact fact = fact_in(stand_in_appended(EVENT_TIMEKEEPER));
    assert_in_range(fact.event.timekeeper.gap_ms, 60000 + 2 * KEEPER_PATIENCE_MS,
                    64000 + 2 * KEEPER_PATIENCE_MS);
}

/* A simulated story: everything was lost, and a TIMEKEEPER of the lost log's second term came first
 * into the new one. It was refused, its key stood there for ever, and when the first timekeeper of
 * the new log stopped nobody could take the time over. */
static void a_refused_timekeeper_does_not_use_its_terms_place_up(void **state) {
    struct coordinator *member = stand_in_member("m2");
    struct event lost = {.kind = EVENT_TIMEKEEPER, .timekeeper = {.member = 1, .term = 2}};
    struct event first = {.kind = EVENT_TIMEKEEPER, .timekeeper = {.member = 0, .term = 1}};
    (void)state;
    assert_int_equal(stand_in_step(member, &lost).result, RESULT_STALE);
    assert_int_equal(stand_in_step(member, &first).result, RESULT_APPLIED);
    member->ticks = (struct ticks){.seen = true, .applied = clock_stamp()};
    member->ticks.applied.boot_ms -= 2 * KEEPER_PATIENCE_MS;
    member->ticks.applied.raw_ms -= 2 * KEEPER_PATIENCE_MS;
    appended_n = 0;
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TIMEKEEPER), 1);
    assert_string_equal(stand_in_appended(EVENT_TIMEKEEPER)->key, "keeper/2/1");
}

static void a_tick_is_dropped_when_another_keeps_the_time(void **state) {
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    stand_in_serving(member);
    stand_in_answer(one_tick(member, 1500), ERR_TIMEOUT);
    struct event event = {.kind = EVENT_TIMEKEEPER};
    event.timekeeper.member = 1;
    event.timekeeper.term = 2;
    (void)stand_in_step(member, &event);
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        member->appends[i].next_try_ms = 0;
    }
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_TICK), 1);
}

static void every_place_taken_loses_no_wish(void **state) {
    static const uint8_t frame[8] = {1};
    struct coordinator *member = stand_in_member("m1");
    char key[FACT_KEY_SIZE];
    (void)state;
    appended_n = 0;
    for (unsigned i = 0; i < APPENDS_MAX + 10; i++) {
        (void)text_format(key, sizeof key, "report/x/%u", i);
        propose_frame(member, EVENT_REPORT, key, frame, sizeof frame);
    }
    assert_int_equal(appended_n, APPENDS_MAX);
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_OPEN), 0); /* no room */
    stand_in_answer(&appended[0], ERR_OK);
    propose_all(member);
    assert_int_equal(stand_in_appended_n(EVENT_OPEN), 1);
}

/* Simulated: a member alone, killed and back within seconds, had heard one agent and not yet the
 * other; its own pause counted as that one's silence, and nothing justified the failover. */
static void whom_a_member_heard_before_its_start_it_may_not_have_heard_yet(void **state) {
    struct coordinator *member = stand_in_member("m1");
    uint64_t silent_ms = member->topology->policy.silent_ms;
    (void)state;
    stand_in_serving(member);
    member->core.members[0].present = 1;
    member->agents[0].heard_boot_ms = member_now_ms();
    for (unsigned young = 0; young < 2; young++) {
        appended_n = 0;
        member->started_boot_ms = member_now_ms() - (young ? silent_ms / 2 : 2 * silent_ms);
        /* said already: whether it attests is no news */
        member->core.members[0].attesting = 0;
        propose_all(member);
        assert_int_equal(stand_in_appended_n(EVENT_VIEW), young ? 0 : 1);
        if (!young) {
            struct fact fact = fact_in(stand_in_appended(EVENT_VIEW));
            assert_int_equal(fact.event.view.heard, 1);
            stand_in_answer(stand_in_appended(EVENT_VIEW), ERR_OK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_wish_is_appended_once),
        cmocka_unit_test(a_lost_answer_means_the_same_key_and_bytes),
        cmocka_unit_test(nothing_is_proposed_before_it_is_caught_up),
        cmocka_unit_test(a_tick_told_late_says_all_the_time_that_passed),
        cmocka_unit_test(of_a_tick_with_two_texts_only_what_landed_is_told),
        cmocka_unit_test(no_tick_tells_more_than_has_passed),
        cmocka_unit_test(a_timekeeper_told_late_says_the_whole_gap),
        cmocka_unit_test(the_first_tick_after_a_start_tells_the_pause_before_it),
        cmocka_unit_test(the_first_tick_of_a_member_that_read_none_back_is_not_new),
        cmocka_unit_test(a_timekeeper_by_its_snapshot_counts_nothing_again),
        cmocka_unit_test(who_takes_the_time_over_after_a_start_tells_the_pause_before_it),
        cmocka_unit_test(a_refused_timekeeper_does_not_use_its_terms_place_up),
        cmocka_unit_test(a_tick_is_dropped_when_another_keeps_the_time),
        cmocka_unit_test(every_place_taken_loses_no_wish),
        cmocka_unit_test(whom_a_member_heard_before_its_start_it_may_not_have_heard_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
