/* holder: every verdict, and what a lease, a promise and a fence survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/holder.h"
#include "common/base/ensure.h"

#define T_MS 6000
#define EARLY_MS 600
#define V_MS 6200
#define TWO_OF_THREE UINT64_C(0x3)
#define BOTH_PROMISE UINT64_C(0x3)

static struct stamp at(uint64_t ms) {
    return (struct stamp){.boot_ms = ms, .raw_ms = ms};
}

static const uint8_t *nonce_of(uint8_t n) {
    static uint8_t nonce[NONCE_SIZE];
    memset(nonce, n, sizeof nonce);
    return nonce;
}

static struct holder_conf numbers(enum holder_policy policy) {
    return (struct holder_conf){.lease_ms = T_MS,
                                .fence_ms = 2000,
                                .gate_early_ms = EARLY_MS,
                                .promise_ms = V_MS,
                                .policy = (uint8_t)policy,
                                .members_n = 3,
                                .promisers_n = 2};
}

static struct holder started(uint64_t accepted, uint64_t fenced, uint64_t promised,
                             uint64_t now_ms) {
    struct holder holder;
    struct holder_conf conf = numbers(HOLDER_FAILSAFE);
    struct holder_durable durable = {accepted, fenced, promised};
    holder_init(&holder, &conf, &durable, at(now_ms));
    return holder;
}

static enum holder_verdict ask(struct holder *holder, uint8_t nonce, uint64_t epoch,
                               uint64_t now_ms) {
    return holder_begin(holder, ROUND_LEASE, epoch, nonce_of(nonce), at(now_ms));
}

static enum holder_verdict give(struct holder *holder, uint8_t nonce, uint64_t epoch,
                                uint64_t now_ms) {
    return holder_certificate(holder, nonce_of(nonce), epoch, TWO_OF_THREE, at(now_ms));
}

/* A lease of epoch, asked for and had at once. */
static struct holder leased(uint64_t epoch, uint64_t now_ms) {
    struct holder holder = started(0, 0, 0, now_ms);
    assert_int_equal(ask(&holder, 1, epoch, now_ms), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, epoch, now_ms), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(now_ms)), HOLDER_ACCEPTED);
    return holder;
}

static void it_starts_without_a_lease(void **state) {
    (void)state;
    struct holder holder = started(4, 3, 0, 1000);
    assert_int_equal(holder_left_ms(&holder, at(1000)), 0);
    assert_int_equal(holder_gate_ms(&holder, at(1000)), 0);
    assert_true(holder_soft_fence_due(&holder, at(1000)));
    assert_int_equal(holder_promise_left_ms(&holder, at(1000)), 0);
}

static void a_lease_counts_from_the_send_and_not_from_the_receipt(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(ask(&holder, 1, 1, 1000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, 1, 3000), HOLDER_PERSIST);
    assert_int_equal(holder_left_ms(&holder, at(3000)), 0); /* I7: not before the disk has it */
    assert_int_equal(holder_durable_wished(&holder)->accepted_epoch, 1);
    assert_int_equal(holder_persisted(&holder, at(3100)), HOLDER_ACCEPTED);
    assert_int_equal(holder_left_ms(&holder, at(3100)), T_MS - 2100);
    assert_int_equal(holder_gate_ms(&holder, at(3100)), T_MS - 2100 - EARLY_MS);
    assert_false(holder_soft_fence_due(&holder, at(3100)));
    assert_true(holder_soft_fence_due(&holder, at(5000)));
    assert_int_equal(holder_gate_ms(&holder, at(7000 - EARLY_MS)), 0);
    holder_tick(&holder, at(6999));
    assert_true(holder.leased);
    holder_tick(&holder, at(7000));
    assert_false(holder.leased);
}

static void a_known_epoch_is_renewed_without_the_disk(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    assert_int_equal(ask(&holder, 2, 1, 2000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 1, 2100), HOLDER_ACCEPTED);
    assert_int_equal(holder_left_ms(&holder, at(2100)), T_MS - 100);
}

static void an_older_round_never_replaces_a_newer_one(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    assert_int_equal(ask(&holder, 2, 1, 2000), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 3, 1, 3000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 3, 1, 3100), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 1, 3200), HOLDER_ACCEPTED);
    assert_int_equal(holder_left_ms(&holder, at(3200)), T_MS - 200);
}

static void the_questions_in_flight_are_bounded_and_the_oldest_is_forgotten(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    for (uint8_t n = 0; n < HOLDER_ROUNDS_MAX + 1; n++) {
        assert_int_equal(ask(&holder, (uint8_t)(10 + n), 1, 1100u + n), HOLDER_ACCEPTED);
    }
    assert_int_equal(give(&holder, 10, 1, 1200), HOLDER_UNKNOWN_NONCE);
    assert_int_equal(give(&holder, 11, 1, 1200), HOLDER_ACCEPTED);
}

static void every_certificate_that_gives_nothing_says_why(void **state) {
    (void)state;
    struct holder holder = leased(2, 1000);
    assert_int_equal(ask(&holder, 5, 2, 2000), HOLDER_ACCEPTED);
    struct holder fresh = holder;
    assert_int_equal(give(&holder, 9, 2, 2000), HOLDER_UNKNOWN_NONCE);
    assert_int_equal(give(&holder, 5, 3, 2000), HOLDER_WRONG_EPOCH);
    assert_int_equal(holder_certificate(&holder, nonce_of(5), 2, 1, at(2000)), HOLDER_NO_MAJORITY);
    /* Signers beyond the group do not make a majority. */
    assert_int_equal(holder_certificate(&holder, nonce_of(5), 2, 0x39, at(2000)),
                     HOLDER_NO_MAJORITY);
    assert_int_equal(give(&holder, 5, 2, 2000 + T_MS - EARLY_MS), HOLDER_TOO_LATE);
    holder = fresh;
    assert_int_equal(give(&holder, 5, 2, 2000 + T_MS - EARLY_MS - 1), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 6, 1, 2000), HOLDER_OLD_EPOCH);
    assert_int_equal(ask(&holder, 6, 0, 2000), HOLDER_FENCED);
}

static void a_certificate_too_late_for_the_disk_gives_nothing_but_keeps_the_epoch(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, 1, 100), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(T_MS - EARLY_MS)), HOLDER_TOO_LATE);
    assert_false(holder.leased);
    assert_int_equal(holder.durable.accepted_epoch, 1);
}

static void a_newer_epoch_too_late_for_the_disk_ends_the_older_lease(void **state) {
    (void)state;
    /* I2: no lease of e once e + 1 was accepted, also when e + 1 itself comes to nothing. */
    struct holder holder = leased(1, 1000);
    assert_int_equal(ask(&holder, 2, 2, 1000), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 3, 1, 3000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 3, 1, 3000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 2, 6000), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(6900)), HOLDER_TOO_LATE);
    holder_tick(&holder, at(6900));
    assert_int_equal(holder_left_ms(&holder, at(6900)), 0);
}

static void a_newer_epoch_replaces_the_lease_of_the_older(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    assert_int_equal(ask(&holder, 2, 3, 1500), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 3, 1600), HOLDER_PERSIST);
    assert_int_equal(ask(&holder, 3, 2, 1600), HOLDER_OLD_EPOCH); /* wished already counts */
    assert_int_equal(holder_persisted(&holder, at(1700)), HOLDER_ACCEPTED);
    assert_int_equal(holder.lease_epoch, 3);
}

static void one_durable_write_at_a_time(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 2, 2, 0), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, 1, 1), HOLDER_PERSIST);
    assert_int_equal(give(&holder, 2, 2, 1), HOLDER_BUSY);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_BUSY);
    holder = started(1, 0, 0, 0);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST);
    assert_int_equal(holder_promise(&holder, 2, at(1)), HOLDER_BUSY);
}

static void a_disk_that_refuses_gives_no_lease_and_may_be_tried_again(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, 1, 1), HOLDER_PERSIST);
    holder_persist_failed(&holder);
    assert_int_equal(holder_left_ms(&holder, at(1)), 0);
    assert_int_equal(holder_durable_wished(&holder)->accepted_epoch, 0);
    assert_int_equal(give(&holder, 1, 1, 2), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(3)), HOLDER_ACCEPTED);
}

static void a_fence_that_the_disk_refused_goes_on_refusing_but_is_never_proved(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    assert_int_equal(ask(&holder, 2, 1, 10), HOLDER_ACCEPTED);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST);
    assert_false(holder.leased);
    holder_persist_failed(&holder);
    assert_int_equal(give(&holder, 2, 1, 20), HOLDER_FENCED);
    assert_int_equal(holder.durable.fenced_epoch, 0);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST); /* asked again: written again */
    assert_int_equal(holder_persisted(&holder, at(30)), HOLDER_ACCEPTED);
    assert_int_equal(holder.durable.fenced_epoch, 1);
}

static void a_promise_that_the_disk_refused_is_none(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(holder_promise(&holder, 1, at(0)), HOLDER_PERSIST);
    holder_persist_failed(&holder);
    assert_int_equal(holder_promise_left_ms(&holder, at(0)), 0);
    assert_int_equal(holder_durable_wished(&holder)->promised_epoch, 0);
}

static void a_fence_ends_the_lease_and_refuses_the_epoch_for_ever(void **state) {
    (void)state;
    struct holder holder = leased(2, 0);
    assert_int_equal(ask(&holder, 2, 2, 10), HOLDER_ACCEPTED);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_OLD_EPOCH);
    assert_true(holder.leased);
    assert_int_equal(holder_fence(&holder, 2), HOLDER_PERSIST);
    assert_int_equal(holder_left_ms(&holder, at(10)), 0);
    /* The answers on their way to the question before the fence: late, and useless. */
    assert_int_equal(give(&holder, 2, 2, 20), HOLDER_FENCED);
    assert_int_equal(holder_persisted(&holder, at(30)), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 2, 40), HOLDER_FENCED);
    assert_int_equal(ask(&holder, 3, 2, 40), HOLDER_FENCED);
    assert_int_equal(holder_fence(&holder, 2), HOLDER_ACCEPTED); /* twice is once */
    assert_int_equal(ask(&holder, 4, 3, 50), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 4, 3, 60), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(60)), HOLDER_ACCEPTED);
    /* After a restart the disk refuses it too. */
    struct holder again = started(2, 2, 0, 100);
    assert_int_equal(ask(&again, 1, 2, 100), HOLDER_FENCED);
}

static void a_majority_of_denials_ends_the_lease_and_forgets_the_questions(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    assert_int_equal(ask(&holder, 2, 1, 10), HOLDER_ACCEPTED);
    assert_int_equal(holder_denial(&holder, 1, 1), HOLDER_NO_MAJORITY);
    assert_int_equal(holder_denial(&holder, 1, 0x39), HOLDER_NO_MAJORITY);
    assert_int_equal(holder_denial(&holder, 2, TWO_OF_THREE), HOLDER_NO_LEASE);
    assert_int_equal(holder_denial(&holder, 1, TWO_OF_THREE), HOLDER_ACCEPTED);
    assert_false(holder.leased);
    assert_int_equal(give(&holder, 2, 1, 20), HOLDER_UNKNOWN_NONCE);
    assert_int_equal(holder_denial(&holder, 1, TWO_OF_THREE), HOLDER_NO_LEASE);
}

static void a_lease_ends_by_the_clock_that_says_more(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    struct stamp boot_ahead = {.boot_ms = 6000, .raw_ms = 2000};
    struct stamp raw_ahead = {.boot_ms = 2000, .raw_ms = 6500};
    assert_int_equal(holder_left_ms(&holder, boot_ahead), 1000);
    assert_int_equal(holder_left_ms(&holder, raw_ahead), 500);
    struct stamp back = {.boot_ms = 999, .raw_ms = 1001};
    assert_int_equal(holder_left_ms(&holder, back), 0);
}

/* ---------------------------------------------------------------- promises */

static enum holder_verdict ask_promise(struct holder *holder, uint8_t nonce, uint64_t epoch,
                                       uint64_t now_ms) {
    return holder_begin(holder, ROUND_PROMISE, epoch, nonce_of(nonce), at(now_ms));
}

static void promises_of_all_extend_a_live_lease(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    assert_int_equal(ask_promise(&holder, 7, 1, 4000), HOLDER_ACCEPTED);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, 1, at(4100)), HOLDER_NO_MAJORITY);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(4100)),
                     HOLDER_ACCEPTED);
    assert_true(holder.by_promise);
    assert_int_equal(holder_left_ms(&holder, at(4100)), T_MS - 100);
}

static void promises_that_give_nothing_say_why(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    struct stamp then = at(4000);
    assert_int_equal(ask_promise(&holder, 7, 2, 100), HOLDER_NO_LEASE);
    assert_int_equal(ask_promise(&holder, 7, 1, 100), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 8, 1, 100), HOLDER_ACCEPTED);
    assert_int_equal(holder_promises(&holder, nonce_of(8), 1, BOTH_PROMISE, then),
                     HOLDER_UNKNOWN_NONCE); /* that was a question to the members */
    assert_int_equal(give(&holder, 7, 1, 4000), HOLDER_UNKNOWN_NONCE);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 2, BOTH_PROMISE, then),
                     HOLDER_WRONG_EPOCH);
    /* Renewed meanwhile, so still live, but this round is too old to give anything. */
    assert_int_equal(ask(&holder, 9, 1, 5000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 9, 1, 5000), HOLDER_ACCEPTED);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(5600)),
                     HOLDER_TOO_LATE);
}

static void promises_of_a_question_before_the_newest_epoch_extend_nothing(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    assert_int_equal(holder_begin(&holder, ROUND_PROMISE, 1, nonce_of(7), at(1500)),
                     HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 2, 2, 2000), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 2, 2, 2000), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(2000)), HOLDER_ACCEPTED);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(2100)),
                     HOLDER_WRONG_EPOCH);
    assert_int_equal(holder_left_ms(&holder, at(2100)), T_MS - 100);
}

/* By hand: the guard itself cannot come into this state. */
static void promises_extend_no_lease_of_a_fenced_epoch(void **state) {
    (void)state;
    struct holder holder = leased(1, 1000);
    assert_int_equal(holder_begin(&holder, ROUND_PROMISE, 1, nonce_of(7), at(1500)),
                     HOLDER_ACCEPTED);
    holder.wished.fenced_epoch = 1;
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(1600)),
                     HOLDER_NO_LEASE);
}

static void promises_never_revive_a_lease(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    assert_int_equal(ask_promise(&holder, 7, 1, T_MS - 1), HOLDER_ACCEPTED);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(T_MS)),
                     HOLDER_NO_LEASE);
    assert_int_equal(ask_promise(&holder, 8, 1, T_MS), HOLDER_NO_LEASE);
    holder = leased(1, 0);
    assert_int_equal(ask_promise(&holder, 7, 1, 100), HOLDER_ACCEPTED);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, BOTH_PROMISE, at(200)),
                     HOLDER_NO_LEASE);
}

static void promises_are_not_asked_where_the_policy_has_none(void **state) {
    (void)state;
    struct holder holder;
    struct holder_durable durable = {0};
    struct holder_conf conf = numbers(HOLDER_FENCE);
    holder_init(&holder, &conf, &durable, at(0));
    assert_int_equal(ask_promise(&holder, 1, 1, 0), HOLDER_NOT_CONFIGURED);
    conf = numbers(HOLDER_FAILSAFE);
    conf.promisers_n = 0;
    holder_init(&holder, &conf, &durable, at(0));
    assert_int_equal(ask_promise(&holder, 1, 1, 0), HOLDER_NOT_CONFIGURED);
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    /* A round begun when there were promisers, answered when there are none: nobody is not all. */
    holder = leased(1, 0);
    assert_int_equal(ask_promise(&holder, 7, 1, 10), HOLDER_ACCEPTED);
    holder.conf.promisers_n = 0;
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, UINT64_MAX, at(20)),
                     HOLDER_NO_MAJORITY);
    holder.conf.promisers_n = 64;
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, UINT64_MAX - 1, at(20)),
                     HOLDER_NO_MAJORITY);
    assert_int_equal(holder_promises(&holder, nonce_of(7), 1, UINT64_MAX, at(20)), HOLDER_ACCEPTED);
}

static void a_promise_is_durable_and_refuses_every_epoch_for_v(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 0, 0);
    assert_int_equal(ask(&holder, 1, 2, 0), HOLDER_ACCEPTED); /* a round in flight */
    assert_int_equal(holder_promise(&holder, 1, at(100)), HOLDER_PERSIST);
    assert_int_equal(give(&holder, 1, 2, 150), HOLDER_PROMISED); /* while the disk writes */
    assert_int_equal(holder_persisted(&holder, at(200)), HOLDER_ACCEPTED);
    assert_int_equal(holder_promise_left_ms(&holder, at(200)), V_MS);
    assert_int_equal(give(&holder, 1, 2, 300), HOLDER_PROMISED);
    assert_int_equal(ask(&holder, 2, 2, 300), HOLDER_PROMISED);
    /* Nor one that is not newer: a log that was lost counts from 1 again. */
    assert_int_equal(ask(&holder, 3, 1, 300), HOLDER_PROMISED);
    /* Repeated, it is counted afresh and needs no disk: a restart counts a whole V anyway. */
    assert_int_equal(holder_promise(&holder, 1, at(1000)), HOLDER_ACCEPTED);
    assert_int_equal(ask(&holder, 4, 2, 1000 + V_MS - 1), HOLDER_PROMISED);
    assert_int_equal(holder_promise(&holder, 3, at(1000 + V_MS - 1)), HOLDER_PROMISED);
    assert_int_equal(ask(&holder, 4, 2, 1000 + V_MS), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 4, 2, 1000 + V_MS), HOLDER_PERSIST);
    assert_int_equal(holder_durable_wished(&holder)->promised_epoch, 0);
    assert_int_equal(holder_persisted(&holder, at(1000 + V_MS)), HOLDER_ACCEPTED);
}

static void a_promise_that_ran_out_may_be_given_for_another_epoch(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 1, 0);
    assert_int_equal(holder_promise(&holder, 3, at(V_MS)), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(V_MS)), HOLDER_ACCEPTED);
    assert_int_equal(holder.durable.promised_epoch, 3);
}

static void a_restart_keeps_a_promise_for_a_whole_v(void **state) {
    (void)state;
    struct holder holder = started(0, 0, 1, 5000);
    assert_int_equal(holder_promise_left_ms(&holder, at(5000)), V_MS);
    assert_int_equal(ask(&holder, 1, 2, 5000 + V_MS - 1), HOLDER_PROMISED);
    assert_int_equal(ask(&holder, 1, 2, 5000 + V_MS), HOLDER_ACCEPTED);
}

static void a_promise_is_refused_by_who_holds_or_knows_more(void **state) {
    (void)state;
    struct holder holder = leased(1, 0);
    assert_int_equal(holder_promise(&holder, 1, at(100)), HOLDER_HAS_LEASE);
    assert_int_equal(holder_promise(&holder, 0, at(T_MS)), HOLDER_KNOWS_NEWER);
    holder = started(3, 0, 0, 0);
    assert_int_equal(holder_promise(&holder, 2, at(0)), HOLDER_KNOWS_NEWER);
    holder = started(1, 3, 0, 0);
    assert_int_equal(holder_promise(&holder, 2, at(0)), HOLDER_KNOWS_NEWER);
}

/* Whoever has the key of another region's agent may ask for any epoch, and a promise shuts out all:
 * a guard whose own epoch may go on must not be kept from its renewals. */
static void a_promise_is_given_by_who_is_fenced_in_its_own_epoch(void **state) {
    (void)state;
    struct holder holder = started(1, 0, 0, 0); /* it was leased before its restart */
    assert_int_equal(holder_promise(&holder, 2, at(0)), HOLDER_NOT_FENCED);
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(10)), HOLDER_ACCEPTED);
    assert_int_equal(holder_promise(&holder, 2, at(20)), HOLDER_PERSIST);
}

/* -------------------------------------------------------------------- hold */

static void under_hold_a_lease_does_not_run_out_but_can_be_ended(void **state) {
    (void)state;
    struct holder holder;
    struct holder_durable durable = {0};
    struct holder_conf conf = numbers(HOLDER_HOLD);
    holder_init(&holder, &conf, &durable, at(0));
    assert_int_equal(ask(&holder, 1, 1, 0), HOLDER_ACCEPTED);
    assert_int_equal(give(&holder, 1, 1, 0), HOLDER_PERSIST);
    assert_int_equal(holder_persisted(&holder, at(0)), HOLDER_ACCEPTED);
    holder_tick(&holder, at(100 * T_MS));
    assert_int_equal(holder_left_ms(&holder, at(100 * T_MS)), T_MS);
    assert_int_equal(holder_gate_ms(&holder, at(100 * T_MS)), T_MS - EARLY_MS);
    assert_false(holder_soft_fence_due(&holder, at(100 * T_MS)));
    assert_int_equal(holder_fence(&holder, 1), HOLDER_PERSIST);
    assert_int_equal(holder_left_ms(&holder, at(100 * T_MS)), 0);
}

static void every_verdict_has_its_words(void **state) {
    (void)state;
    for (int verdict = HOLDER_ACCEPTED; verdict <= HOLDER_NOT_FENCED; verdict++) {
        const char *text = holder_verdict_text((enum holder_verdict)verdict);
        assert_string_not_equal(text, "unknown verdict");
        for (int other = HOLDER_ACCEPTED; other < verdict; other++) {
            assert_string_not_equal(text, holder_verdict_text((enum holder_verdict)other));
        }
    }
    assert_string_equal(holder_verdict_text((enum holder_verdict)99), "unknown verdict");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_without_a_lease),
        cmocka_unit_test(a_lease_counts_from_the_send_and_not_from_the_receipt),
        cmocka_unit_test(a_known_epoch_is_renewed_without_the_disk),
        cmocka_unit_test(an_older_round_never_replaces_a_newer_one),
        cmocka_unit_test(the_questions_in_flight_are_bounded_and_the_oldest_is_forgotten),
        cmocka_unit_test(every_certificate_that_gives_nothing_says_why),
        cmocka_unit_test(a_certificate_too_late_for_the_disk_gives_nothing_but_keeps_the_epoch),
        cmocka_unit_test(a_newer_epoch_too_late_for_the_disk_ends_the_older_lease),
        cmocka_unit_test(a_newer_epoch_replaces_the_lease_of_the_older),
        cmocka_unit_test(one_durable_write_at_a_time),
        cmocka_unit_test(a_disk_that_refuses_gives_no_lease_and_may_be_tried_again),
        cmocka_unit_test(a_fence_that_the_disk_refused_goes_on_refusing_but_is_never_proved),
        cmocka_unit_test(a_promise_that_the_disk_refused_is_none),
        cmocka_unit_test(a_fence_ends_the_lease_and_refuses_the_epoch_for_ever),
        cmocka_unit_test(a_majority_of_denials_ends_the_lease_and_forgets_the_questions),
        cmocka_unit_test(a_lease_ends_by_the_clock_that_says_more),
        cmocka_unit_test(promises_of_all_extend_a_live_lease),
        cmocka_unit_test(promises_that_give_nothing_say_why),
        cmocka_unit_test(promises_of_a_question_before_the_newest_epoch_extend_nothing),
        cmocka_unit_test(promises_extend_no_lease_of_a_fenced_epoch),
        cmocka_unit_test(promises_never_revive_a_lease),
        cmocka_unit_test(promises_are_not_asked_where_the_policy_has_none),
        cmocka_unit_test(a_promise_is_durable_and_refuses_every_epoch_for_v),
        cmocka_unit_test(a_promise_is_given_by_who_is_fenced_in_its_own_epoch),
        cmocka_unit_test(a_promise_that_ran_out_may_be_given_for_another_epoch),
        cmocka_unit_test(a_restart_keeps_a_promise_for_a_whole_v),
        cmocka_unit_test(a_promise_is_refused_by_who_holds_or_knows_more),
        cmocka_unit_test(under_hold_a_lease_does_not_run_out_but_can_be_ended),
        cmocka_unit_test(every_verdict_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
