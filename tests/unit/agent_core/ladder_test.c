/* ladder: what is due for every combination of what an agent may know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/ladder.h"
#include "common/base/ensure.h"

/* The header's sentences, said once more and apart from the code. */
static enum ladder_want expected(const struct ladder_note *note, const struct ladder_input *in) {
    if (in->leased && !in->soft_fence_due) {
        if (note->lapsed_epoch == in->lease_epoch) {
            return LADDER_LIFT; /* the lease under which it was made is back */
        }
        return note->fenced_epoch != 0 ? LADDER_FORGET : LADDER_NOTHING;
    }
    if (in->newest_epoch != 0 && !in->newest_ours) {
        return note->fenced_epoch < in->newest_epoch ? LADDER_FENCE : LADDER_NOTHING;
    }
    bool held_once = in->lease_epoch != 0;
    if (in->soft_fence_due && held_once && note->lapsed_epoch != in->lease_epoch) {
        return LADDER_FENCE;
    }
    return LADDER_NOTHING;
}

static void every_combination_wants_what_the_sentences_say(void **state) {
    unsigned seen_n[4] = {0};
    (void)state;
    for (unsigned i = 0; i < 2 * 2 * 4 * 4 * 2 * 4 * 4; i++) {
        struct ladder_input in = {.leased = i & 1, .soft_fence_due = i >> 1 & 1};
        in.lease_epoch = i >> 2 & 3;
        in.newest_epoch = i >> 4 & 3;
        in.newest_ours = i >> 6 & 1;
        struct ladder_note note = {.fenced_epoch = i >> 7 & 3, .lapsed_epoch = i >> 9 & 3};
        if (in.leased && in.lease_epoch == 0) {
            continue; /* a lease has an epoch: the core ensures it */
        }
        struct ladder_note after;
        enum ladder_want want = ladder_judge(&note, &in, &after);
        if (want != expected(&note, &in)) {
            fail_msg("combination %u: %d instead of %d", i, want, expected(&note, &in));
        }
        seen_n[want]++;
        if (want == LADDER_NOTHING) {
            assert_memory_equal(&after, &note, sizeof note);
        } else if (want != LADDER_FENCE) {
            assert_int_equal(after.fenced_epoch, 0);
            assert_int_equal(after.lapsed_epoch, 0);
        } else {
            /* Once the fence stands, the same question wants nothing more. */
            assert_int_equal(ladder_judge(&after, &in, &after), LADDER_NOTHING);
        }
    }
    for (unsigned want = 0; want < 4; want++) {
        assert_true(seen_n[want] > 0);
    }
}

static void a_restarted_agent_does_not_fence_a_healthy_store(void **state) {
    (void)state;
    struct ladder_note none = {0}, after;
    struct ladder_input fresh = {.soft_fence_due = true};
    assert_int_equal(ladder_judge(&none, &fresh, &after), LADDER_NOTHING);
    fresh.newest_epoch = 3;
    fresh.newest_ours = true; /* ours, but no lease since the start yet */
    assert_int_equal(ladder_judge(&none, &fresh, &after), LADDER_NOTHING);
}

static void a_lease_lost_and_had_again_lifts_the_fence_and_a_newer_epoch_forgets_it(void **state) {
    (void)state;
    struct ladder_note note = {0};
    struct ladder_input lost = {.soft_fence_due = true, .lease_epoch = 3};
    assert_int_equal(ladder_judge(&note, &lost, &note), LADDER_FENCE);
    assert_int_equal(note.lapsed_epoch, 3);
    struct ladder_input back = {.leased = true, .lease_epoch = 3};
    struct ladder_note after;
    assert_int_equal(ladder_judge(&note, &back, &after), LADDER_LIFT);
    back.lease_epoch = 5;
    assert_int_equal(ladder_judge(&note, &back, &after), LADDER_FORGET);
}

static void another_regions_epoch_makes_the_fence_final(void **state) {
    (void)state;
    struct ladder_note note = {.fenced_epoch = 3, .lapsed_epoch = 3};
    struct ladder_input others = {
        .soft_fence_due = true, .lease_epoch = 3, .newest_epoch = 4, .newest_ours = false};
    assert_int_equal(ladder_judge(&note, &others, &note), LADDER_FENCE);
    assert_int_equal(note.fenced_epoch, 4);
    assert_int_equal(note.lapsed_epoch, 0); /* not to be lifted by the old lease any more */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_wants_what_the_sentences_say),
        cmocka_unit_test(a_restarted_agent_does_not_fence_a_healthy_store),
        cmocka_unit_test(a_lease_lost_and_had_again_lifts_the_fence_and_a_newer_epoch_forgets_it),
        cmocka_unit_test(another_regions_epoch_makes_the_fence_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
