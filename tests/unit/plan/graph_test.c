/* The order of recovery as text: every step under its tier, and the longest way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/plan/graph.h"
#include "tests/unit/topology/sample.h"

static char text[64 * 1024];

static const char *graph_of(struct topology *topology, const char *plan, enum err expected) {
    struct page page = page_open(text, sizeof text);
    assert_int_equal(graph_text(topology, &topology->plans[topology_plan(topology, plan)], &page),
                     expected);
    return text;
}

static void each_side_of_the_fence_has_its_tiers(void **state) {
    (void)state;
    const char *said = graph_of(sample_topology(NULL, NULL), "switchover", ERR_OK);
    const char *before = strstr(said, "---- before the fence");
    const char *handoff = strstr(said, "handoff "), *behind = strstr(said, "---- behind the fence");
    const char *promote = strstr(said, "promote  ");
    assert_non_null(strstr(said, "TIER 1  promised within 4h"));
    assert_non_null(strstr(said, "<- the beginning"));
    assert_non_null(strstr(said, "<- the fence"));
    assert_non_null(strstr(said, "<- promote; a person approves"));
    assert_non_null(strstr(said, "THE LONGEST WAY before the fence, 1m at most:\n  handoff\n"));
    assert_non_null(strstr(said, "behind the fence, 2m at most:\n  promote -> dns\n"));
    assert_true(before < handoff && handoff < behind && behind < promote);
}

static void a_person_approves_or_does_it(void **state) {
    (void)state;
    const char *said = graph_of(sample_topology("action = \"verify\"; component = \"app\";",
                                                "action = \"manual\"; approval = \"dr-commander\"; "
                                                "args: { instructions = \"Call\"; };"),
                                "failover", ERR_OK);
    assert_non_null(strstr(said, "; a person does it\n"));
    assert_null(strstr(said, "approves"));
}

static void what_fences_nothing_has_no_fence(void **state) {
    (void)state;
    const char *said = graph_of(sample_topology(NULL, NULL), "reprotect", ERR_OK);
    assert_null(strstr(said, "fence"));
    assert_non_null(strstr(said, "THE LONGEST WAY, 1m at most:\n  rejoin\n"));
}

static void the_longest_way_holds_retries_and_their_pauses(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    struct plan *plan = &topology->plans[topology_plan(topology, "failover")];
    plan->steps[0].retries = 2; /* 3 x 30 s, 1 s, 2 s; then 20 s */
    assert_non_null(strstr(graph_of(topology, "failover", ERR_OK),
                           "behind the fence, 113s at most:\n  promote -> check\n"));
    plan->steps[1].may_fail = true;
    plan->steps[1].tier = 0;
    assert_non_null(strstr(graph_of(topology, "failover", ERR_OK), "NO TIER\n  93s"));
    assert_non_null(strstr(text, "<- promote; may fail"));
}

static void who_shares_a_lock_is_told_and_counted(void **state) {
    (void)state;
    struct topology *topology = sample_topology("component = \"app\"; needs = [\"promote\"];",
                                                "component = \"app\"; locks = [\"api\"];");
    struct plan *plan = &topology->plans[topology_plan(topology, "failover")];
    plan->steps[0].locks = 1;
    (void)graph_of(topology, "failover", ERR_OK);
    assert_non_null(strstr(text, "promote                  <- the fence; never beside check\n"));
    assert_non_null(strstr(text, "behind the fence, 50s at most:\n  (locks) promote\n"));
}

static void a_circle_is_an_error(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    struct plan *plan = &topology->plans[topology_plan(topology, "failover")];
    plan->steps[0].needs_n = 1;
    plan->steps[0].needs[0] = 1;
    (void)graph_of(topology, "failover", ERR_CONFIG);
}

static void what_does_not_fit_is_an_error(void **state) {
    (void)state;
    struct topology *topology = sample_topology(NULL, NULL);
    struct page page = page_open(text, 64);
    assert_int_equal(graph_text(topology, &topology->plans[0], &page), ERR_TOO_BIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_of_the_fence_has_its_tiers),
        cmocka_unit_test(a_person_approves_or_does_it),
        cmocka_unit_test(what_fences_nothing_has_no_fence),
        cmocka_unit_test(the_longest_way_holds_retries_and_their_pauses),
        cmocka_unit_test(who_shares_a_lock_is_told_and_counted),
        cmocka_unit_test(a_circle_is_an_error),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
