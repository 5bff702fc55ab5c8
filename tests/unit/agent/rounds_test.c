/* When an agent asks the members anew because one of them has learned better. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "agent/agent.h"

static struct round round_of_three(void) {
    struct round round;
    memset(&round, 0, sizeof round);
    round.active = true;
    votes_begin(&round.votes, 3);
    return round;
}

static void a_no_that_is_taken_back_hastens_once(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_no(&round.votes, 1, false, 0));
    assert_true(round_hastens(&round, 1, &hastened));
    assert_false(round_hastens(&round, 1, &hastened));
    round = round_of_three(); /* asked anew, and the same no again: it had its turn */
    assert_true(votes_no(&round.votes, 1, false, 0));
    assert_false(round_hastens(&round, 1, &hastened));
    assert_true(votes_no(&round.votes, 2, false, 0));
    assert_true(round_hastens(&round, 2, &hastened));
}

static void who_said_yes_or_nothing_yet_hastens_nothing(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_yes(&round.votes, 0));
    assert_false(round_hastens(&round, 0, &hastened));
    assert_false(round_hastens(&round, 2, &hastened));
    assert_int_equal(hastened, 0);
}

static void a_round_that_is_over_is_not_hastened(void **state) {
    struct round round = round_of_three();
    uint64_t hastened = 0;
    (void)state;
    assert_true(votes_no(&round.votes, 1, false, 0));
    round.handed_over = true;
    assert_false(round_hastens(&round, 1, &hastened));
    round.handed_over = false;
    round.active = false;
    assert_false(round_hastens(&round, 1, &hastened));
}

static void a_short_lease_asks_again_sooner(void **state) {
    const uint32_t rows[][2] = {{5000, 1000}, {2000, 1000}, {1000, 500}, {500, 300}, {1, 300}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lease_numbers lease = {.renew_ms = rows[i][0]};
        assert_int_equal(round_patience_ms(&lease), rows[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_no_that_is_taken_back_hastens_once),
        cmocka_unit_test(who_said_yes_or_nothing_yet_hastens_nothing),
        cmocka_unit_test(a_round_that_is_over_is_not_hastened),
        cmocka_unit_test(a_short_lease_asks_again_sooner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
