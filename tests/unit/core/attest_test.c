/* attest: every refusal, the wait in all its starts, the durable notes, the proof of a fence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/ensure.h"
#include "coordinator/core/attest.h"

#define WAIT_MS 6200

static struct stamp at(uint64_t ms) {
    return (struct stamp){.boot_ms = ms, .raw_ms = ms};
}

static struct lease_view open_for(uint64_t epoch, uint8_t owner) {
    return (struct lease_view){.epoch = epoch, .open = true, .owner = owner};
}

static struct attest_ask lease_ask(uint64_t epoch, uint8_t region, uint64_t now_ms) {
    return (struct attest_ask){.purpose = ATTEST_LEASE,
                               .epoch = epoch,
                               .region = region,
                               .numbers_agree = true,
                               .now = at(now_ms),
                               .wait_ms = WAIT_MS};
}

static struct attest started(uint64_t closed, uint64_t waited, uint64_t now_ms) {
    struct attest attest;
    struct attest_durable durable = {.closed_epoch = closed, .waited_epoch = waited};
    attest_init(&attest, &durable, at(now_ms));
    return attest;
}

static struct attest speaking(uint64_t closed, uint64_t waited, uint64_t now_ms) {
    struct attest attest = started(closed, waited, now_ms);
    attest_caught_up(&attest);
    return attest;
}

/* As the shell does it: the note first, then the close. */
static void close_noted(struct attest *attest, uint64_t epoch) {
    struct attest_durable durable = attest_close_durable(attest, epoch);
    assert_true(durable.closed_epoch >= epoch);
    attest_close(attest, epoch);
}

static enum attest_no say(struct attest *attest, uint64_t epoch, uint8_t region, uint64_t now_ms) {
    struct lease_view view = open_for(epoch, region);
    struct attest_ask ask = lease_ask(epoch, region, now_ms);
    return attest_ask(attest, &view, &ask);
}

static void a_lease_is_attested_to_the_owner_of_the_newest_open_epoch(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 100);
    assert_int_equal(say(&attest, 1, 0, 200), ATTEST_YES);
    assert_true(attest.yes_known);
    assert_int_equal(attest.yes_epoch, 1);
    assert_int_equal(attest.last_yes.boot_ms, 200);
}

/* It may have closed anything, and the log may be gone with the notes. */
static void without_notes_nobody_gets_a_yes_for_a_whole_wait(void **state) {
    (void)state;
    struct attest attest;
    struct attest_durable none = {.first_wait = true};
    attest_init(&attest, &none, at(1000));
    attest_caught_up(&attest);
    assert_int_equal(attest_first_left_ms(&attest, at(1000), WAIT_MS), WAIT_MS);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_WAITING);
    /* Nor after a close of the new log's epoch with its proof, which speaks of that one only. */
    close_noted(&attest, 1);
    attest_fence_proved(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(1500), WAIT_MS), 0);
    assert_int_equal(say(&attest, 2, 1, 1500), ATTEST_WAITING);
    struct stamp raw_ahead = {.boot_ms = 999 + WAIT_MS, .raw_ms = 9000 + WAIT_MS};
    assert_false(attest_first_due(&attest, raw_ahead, WAIT_MS));
    assert_int_equal(attest_first_left_ms(&attest, at(999 + WAIT_MS), WAIT_MS), 1);
    assert_true(attest_first_due(&attest, at(1000 + WAIT_MS), WAIT_MS));
    /* Over is it only when it is noted. */
    assert_int_equal(say(&attest, 2, 1, 1000 + WAIT_MS), ATTEST_WAITING);
    attest_first_waited(&attest);
    assert_false(attest_first_due(&attest, at(1000 + WAIT_MS), WAIT_MS));
    assert_int_equal(attest_first_left_ms(&attest, at(1000), WAIT_MS), 0);
    assert_int_equal(say(&attest, 2, 1, 1000 + WAIT_MS), ATTEST_YES);
}

static void every_refusal_has_its_reason(void **state) {
    (void)state;
    struct lease_view open3 = open_for(3, 0);
    struct lease_view closed3 = {.epoch = 3, .open = false, .owner = 0};
    struct lease_view none = {.owner = NONE};
    const struct {
        struct lease_view view;
        uint64_t epoch;
        uint8_t region;
        bool numbers_agree, caught_up;
        uint64_t closed_here;
        enum attest_no expected;
    } rows[] = {
        {open3, 3, 0, true, true, 2, ATTEST_YES},
        {open3, 3, NONE, true, true, 2, ATTEST_UNKNOWN_AGENT},
        {open3, 3, 0, true, false, 2, ATTEST_NOT_CAUGHT_UP},
        {open3, 3, 0, false, true, 2, ATTEST_NUMBERS_DIFFER},
        {open3, 2, 0, true, true, 2, ATTEST_NOT_NEWEST},
        {open3, 4, 0, true, true, 2, ATTEST_NOT_NEWEST},
        {none, 0, 0, true, true, 0, ATTEST_NOT_NEWEST},
        {closed3, 3, 0, true, true, 2, ATTEST_NOT_OPEN},
        {open3, 3, 1, true, true, 2, ATTEST_NOT_OWNER},
        /* Durably closed here though the applied state still says open: the note wins. */
        {open3, 3, 0, true, true, 3, ATTEST_CLOSED_HERE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct attest attest = started(rows[i].closed_here, rows[i].closed_here, 0);
        if (rows[i].caught_up) {
            attest_caught_up(&attest);
        }
        struct attest_ask ask = lease_ask(rows[i].epoch, rows[i].region, 50000);
        ask.numbers_agree = rows[i].numbers_agree;
        assert_int_equal(attest_ask(&attest, &rows[i].view, &ask), rows[i].expected);
        assert_int_equal(attest.yes_known, rows[i].expected == ATTEST_YES);
    }
}

static void a_command_is_attested_when_it_is_wanted_and_leaves_no_trace_of_a_lease(void **state) {
    (void)state;
    struct attest attest = speaking(1, 1, 0);
    struct lease_view view = open_for(2, 1);
    struct attest_ask ask = lease_ask(2, 2, 50);
    ask.purpose = ATTEST_COMMAND;
    assert_int_equal(attest_ask(&attest, &view, &ask), ATTEST_NOT_WANTED);
    ask.command_wanted = true;
    assert_int_equal(attest_ask(&attest, &view, &ask), ATTEST_YES);
    assert_false(attest.yes_known);
    ask.epoch = 1;
    assert_int_equal(attest_ask(&attest, &view, &ask), ATTEST_NOT_NEWEST);
}

static void a_step_that_opens_a_store_is_attested_as_a_lease_is(void **state) {
    (void)state;
    struct lease_view open3 = open_for(3, 1), closed3 = open_for(3, 1);
    closed3.open = false;
    const struct {
        struct lease_view view;
        uint8_t region;
        uint64_t closed_here, now_ms;
        enum attest_no leased, other; /* a step that needs the lease; one that does not */
    } rows[] = {
        {open3, 1, 2, WAIT_MS, ATTEST_YES, ATTEST_YES},
        {open3, 1, 2, WAIT_MS - 1, ATTEST_WAITING, ATTEST_YES},
        {open3, 0, 2, WAIT_MS, ATTEST_NOT_OWNER, ATTEST_YES},
        {closed3, 1, 2, WAIT_MS, ATTEST_NOT_OPEN, ATTEST_YES},
        {open3, 1, 3, 2 * WAIT_MS, ATTEST_CLOSED_HERE, ATTEST_YES},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attest attest = speaking(rows[i].closed_here, 0, 0);
        struct attest_ask ask = lease_ask(3, rows[i].region, rows[i].now_ms);
        ask.purpose = ATTEST_COMMAND;
        ask.needs_lease = true;
        assert_int_equal(attest_ask(&attest, &rows[i].view, &ask), ATTEST_NOT_WANTED);
        ask.command_wanted = true;
        assert_int_equal(attest_ask(&attest, &rows[i].view, &ask), rows[i].leased);
        ask.needs_lease = false;
        assert_int_equal(attest_ask(&attest, &rows[i].view, &ask), rows[i].other);
        assert_false(attest.yes_known); /* no lease rests on it */
    }
}

static void the_wait_runs_from_the_last_yes_and_not_from_the_close(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    close_noted(&attest, 1); /* whenever it comes: silence before it counts */
    assert_int_equal(attest_wait_left_ms(&attest, at(1000), WAIT_MS), WAIT_MS);
    assert_int_equal(attest_wait_left_ms(&attest, at(5000), WAIT_MS), 2200);
    assert_int_equal(say(&attest, 2, 1, 1000 + WAIT_MS - 1), ATTEST_WAITING);
    assert_int_equal(say(&attest, 2, 1, 1000 + WAIT_MS), ATTEST_YES);
}

static void the_wait_may_run_from_the_close(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    attest_close_from(&attest, 1, at(2500)); /* a lost question made our last yes an early one */
    assert_int_equal(attest_wait_left_ms(&attest, at(2500), WAIT_MS), WAIT_MS);
    assert_int_equal(say(&attest, 2, 1, 2500 + WAIT_MS - 1), ATTEST_WAITING);
    attest_close_from(&attest, 1, at(9000)); /* the same again: its wait is running */
    assert_int_equal(say(&attest, 2, 1, 2500 + WAIT_MS), ATTEST_YES);
}

static void a_refusal_does_not_move_the_wait(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    close_noted(&attest, 1);
    assert_int_equal(say(&attest, 2, 1, 6000), ATTEST_WAITING);
    assert_int_equal(say(&attest, 2, 1, 1000 + WAIT_MS), ATTEST_YES);
}

static void without_a_yes_since_the_start_the_start_stands_for_it(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 4000);
    close_noted(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(4000), WAIT_MS), WAIT_MS);
    assert_int_equal(attest_wait_left_ms(&attest, at(4000 + WAIT_MS), WAIT_MS), 0);
}

static void two_closes_in_a_row_wait_for_the_older_region_too(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 10000), ATTEST_YES);
    close_noted(&attest, 1);
    close_noted(&attest, 2); /* before the wait of 1 was over; epoch 2 never had a yes here */
    assert_int_equal(say(&attest, 3, 1, 10000 + WAIT_MS - 1), ATTEST_WAITING);
    assert_int_equal(say(&attest, 3, 1, 10000 + WAIT_MS), ATTEST_YES);
}

static void an_older_close_replayed_changes_nothing(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    close_noted(&attest, 3);
    struct attest before = attest;
    attest_close(&attest, 2);
    attest_close(&attest, 3);
    assert_memory_equal(&before, &attest, sizeof attest);
    assert_int_equal(attest_close_durable(&attest, 1).closed_epoch, 3);
}

static void a_restart_waits_again_from_its_start_unless_the_note_says_it_is_over(void **state) {
    (void)state;
    struct attest attest = speaking(1, 0, 90000);
    assert_int_equal(say(&attest, 2, 1, 90000 + WAIT_MS - 1), ATTEST_WAITING);
    assert_int_equal(say(&attest, 2, 1, 90000 + WAIT_MS), ATTEST_YES);
    attest = speaking(1, 1, 90000);
    assert_int_equal(say(&attest, 2, 1, 90000), ATTEST_YES);
    /* Replaying the CLOSE after the restart must not start a wait anew. */
    attest = speaking(1, 1, 90000);
    attest_close(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(90000), WAIT_MS), 0);
}

static void the_note_that_the_wait_is_over_is_due_once(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_false(attest_waited_due(&attest, at(100000), WAIT_MS));
    close_noted(&attest, 1);
    assert_false(attest_waited_due(&attest, at(WAIT_MS - 1), WAIT_MS));
    assert_true(attest_waited_due(&attest, at(WAIT_MS), WAIT_MS));
    struct attest_durable durable = attest_waited_durable(&attest);
    assert_int_equal(durable.waited_epoch, 1);
    assert_int_equal(durable.closed_epoch, 1);
    attest_waited(&attest);
    assert_false(attest_waited_due(&attest, at(WAIT_MS), WAIT_MS));
    assert_int_equal(attest_wait_left_ms(&attest, at(0), WAIT_MS), 0);
}

static void a_proof_of_the_fence_ends_the_wait_of_that_epoch_only(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    attest_fence_proved(&attest, 0);
    attest_fence_proved(&attest, 1); /* nothing closed yet: not remembered */
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    close_noted(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(1000), WAIT_MS), WAIT_MS);
    attest_fence_proved(&attest, 2);
    assert_int_equal(attest_wait_left_ms(&attest, at(1000), WAIT_MS), WAIT_MS);
    attest_fence_proved(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(1000), WAIT_MS), 0);
    close_noted(&attest, 2); /* a new close: the old proof says nothing of it */
    assert_false(attest.fence_proved);
}

static void a_proof_does_not_end_the_wait_of_an_older_epoch(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    close_noted(&attest, 1);
    close_noted(&attest, 2);
    attest_fence_proved(&attest, 2); /* region of 2 is fenced; that of 1 may hold its lease */
    assert_int_equal(attest_wait_left_ms(&attest, at(1000), WAIT_MS), WAIT_MS);
    /* With a yes to 2 the wait of 1 was over before it. */
    attest = speaking(1, 1, 0);
    assert_int_equal(say(&attest, 2, 1, 5000), ATTEST_YES);
    close_noted(&attest, 2);
    attest_fence_proved(&attest, 2);
    assert_int_equal(attest_wait_left_ms(&attest, at(5000), WAIT_MS), 0);
    /* And so it was when the note says so, even without a yes. */
    attest = speaking(2, 1, 0);
    attest_fence_proved(&attest, 2);
    assert_int_equal(attest_wait_left_ms(&attest, at(0), WAIT_MS), 0);
    /* A restart that knows of neither: no. */
    attest = speaking(2, 0, 0);
    attest_fence_proved(&attest, 2);
    assert_int_equal(attest_wait_left_ms(&attest, at(0), WAIT_MS), WAIT_MS);
}

static void the_wait_believes_the_clock_that_says_less(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 1000), ATTEST_YES);
    close_noted(&attest, 1);
    struct stamp boot_ahead = {.boot_ms = 50000, .raw_ms = 3000};
    struct stamp raw_ahead = {.boot_ms = 3000, .raw_ms = 50000};
    assert_int_equal(attest_wait_left_ms(&attest, boot_ahead, WAIT_MS), WAIT_MS - 2000);
    assert_int_equal(attest_wait_left_ms(&attest, raw_ahead, WAIT_MS), WAIT_MS - 2000);
}

static void a_clock_that_went_back_has_passed_nothing(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 60000), ATTEST_YES);
    close_noted(&attest, 1);
    struct stamp back = {.boot_ms = 59000, .raw_ms = 90000};
    assert_int_equal(attest_wait_left_ms(&attest, back, WAIT_MS), WAIT_MS);
}

static void only_a_proof_ends_a_wait_without_end(void **state) {
    (void)state;
    struct attest attest = speaking(0, 0, 0);
    assert_int_equal(say(&attest, 1, 0, 0), ATTEST_YES);
    close_noted(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(4000000000u), UINT32_MAX), 294967295u);
    attest_fence_proved(&attest, 1);
    assert_int_equal(attest_wait_left_ms(&attest, at(1), UINT32_MAX), 0);
    assert_true(attest_waited_due(&attest, at(1), UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_is_attested_to_the_owner_of_the_newest_open_epoch),
        cmocka_unit_test(without_notes_nobody_gets_a_yes_for_a_whole_wait),
        cmocka_unit_test(every_refusal_has_its_reason),
        cmocka_unit_test(a_command_is_attested_when_it_is_wanted_and_leaves_no_trace_of_a_lease),
        cmocka_unit_test(a_step_that_opens_a_store_is_attested_as_a_lease_is),
        cmocka_unit_test(the_wait_runs_from_the_last_yes_and_not_from_the_close),
        cmocka_unit_test(the_wait_may_run_from_the_close),
        cmocka_unit_test(a_refusal_does_not_move_the_wait),
        cmocka_unit_test(without_a_yes_since_the_start_the_start_stands_for_it),
        cmocka_unit_test(two_closes_in_a_row_wait_for_the_older_region_too),
        cmocka_unit_test(an_older_close_replayed_changes_nothing),
        cmocka_unit_test(a_restart_waits_again_from_its_start_unless_the_note_says_it_is_over),
        cmocka_unit_test(the_note_that_the_wait_is_over_is_due_once),
        cmocka_unit_test(a_proof_of_the_fence_ends_the_wait_of_that_epoch_only),
        cmocka_unit_test(a_proof_does_not_end_the_wait_of_an_older_epoch),
        cmocka_unit_test(the_wait_believes_the_clock_that_says_less),
        cmocka_unit_test(a_clock_that_went_back_has_passed_nothing),
        cmocka_unit_test(only_a_proof_ends_a_wait_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
