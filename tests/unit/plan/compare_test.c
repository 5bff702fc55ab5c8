/* What became of a plan: each change gives its line and no other, none gives none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/plan/compare.h"
#include "tests/unit/topology/sample.h"

static struct topology was;
static struct topology *is;
static char text[64 * 1024];

/* Both are the sample. */
static void worlds_make(void) {
    is = sample_topology(NULL, NULL);
    was = *is;
}

static struct plan *plan_of(struct topology *topology, const char *name) {
    return &topology->plans[topology_plan(topology, name)];
}

static unsigned compare(const char *name, enum err expected) {
    struct page page = page_open(text, sizeof text);
    struct plan_side a = {.topology = &was, .plan = plan_of(&was, name), .name = "was"};
    struct plan_side b = {.topology = is, .plan = plan_of(is, name), .name = "is"};
    unsigned differences = 99;
    assert_int_equal(plan_compare(&a, &b, &page, &differences), expected);
    return differences;
}

static void the_same_plan_gives_no_line(void **state) {
    (void)state;
    static const char *const names[] = {"failover", "switchover", "reprotect"};
    for (unsigned i = 0; i < 3; i++) {
        worlds_make();
        assert_int_equal(compare(names[i], ERR_OK), 0);
        assert_string_equal(text, "");
    }
}

/* Each change alone, on the step `dns` of the switchover. */
static void each_change_gives_its_line(void **state) {
    (void)state;
#define CHANGES(what, said)                                                                        \
    do {                                                                                           \
        worlds_make();                                                                             \
        struct step *step = &plan_of(is, "switchover")->steps[2];                                  \
        what;                                                                                      \
        unsigned n = compare("switchover", ERR_OK);                                                \
        if (n != 1 || strstr(text, "changed  dns\n") == NULL || strstr(text, (said)) == NULL) {    \
            fail_msg("%s: %u differences, said: %s", #what, n, text);                              \
        }                                                                                          \
    } while (0)
    CHANGES(step->action = ACTION_VERIFY, "action: dns_update -> verify");
    CHANGES(step->component = NONE, "component: api.bud.ai -> none");
    CHANGES(step->through = 0, "through: none -> pg");
    CHANGES(step->agent = 0, "agent: none -> east-db1");
    CHANGES(step->at_source = true, "at: target -> source");
    CHANGES(step->tier = 3, "tier: ");
    CHANGES(step->approval = NONE, "approval: network-admin -> none");
    CHANGES(step->approval = ROLE_COMMANDER, "approval: network-admin -> dr-commander");
    CHANGES(step->mandated = true, "mandated: no -> yes");
    CHANGES(step->mode = STEP_MODE_GRACEFUL, "mode: both -> graceful");
    CHANGES(step->may_fail = true, "may_fail: no -> yes");
    CHANGES(step->timeout_ms = 90000, "timeout: 1m -> 90s");
    CHANGES(step->retries = 3, "retries: 0 -> 3");
    CHANGES(step->needs_n = 0, "needs: promote -> none");
    CHANGES((void)text_copy(step->intent, SENTENCE_SIZE, "so"), "intent: none -> so");
    CHANGES(assert_int_equal(arguments_set(&step->arguments, "ttl", "5"), ERR_OK),
            "args.ttl: none -> 5");
    CHANGES(step->needs[0] = 0, "needs: promote -> handoff");
#undef CHANGES
}

static void steps_come_and_go(void **state) {
    (void)state;
    worlds_make();
    struct plan *plan = plan_of(is, "failover");
    (void)text_copy(plan->steps[1].name, NAME_SIZE, "look");
    assert_int_equal(compare("failover", ERR_OK), 2);
    assert_non_null(strstr(text, "removed  check (verify of app)\n"));
    assert_non_null(strstr(text, "added    look (verify of app)\n"));
    assert_null(strstr(text, "changed"));
}

/* Its index is another one now; the step is not. */
static void an_index_that_moved_is_no_change(void **state) {
    (void)state;
    worlds_make();
    struct component first = is->components[0];
    is->components[0] = is->components[1];
    is->components[1] = first;
    struct plan *plan = plan_of(is, "failover");
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        plan->steps[s].component = (uint8_t)(1 - plan->steps[s].component);
    }
    assert_int_equal(compare("failover", ERR_OK), 0);
    assert_string_equal(text, "");
}

static void a_lock_is_known_by_its_name(void **state) {
    (void)state;
    worlds_make();
    struct plan *before = plan_of(&was, "failover"), *after = plan_of(is, "failover");
    before->locks_n = after->locks_n = 2;
    (void)text_copy(before->locks[0], NAME_SIZE, "dns");
    (void)text_copy(before->locks[1], NAME_SIZE, "api");
    (void)text_copy(after->locks[0], NAME_SIZE, "api");
    (void)text_copy(after->locks[1], NAME_SIZE, "dns");
    before->steps[0].locks = 1;
    after->steps[0].locks = 2;
    assert_int_equal(compare("failover", ERR_OK), 0);
    after->steps[0].locks = 3;
    assert_int_equal(compare("failover", ERR_OK), 1);
    assert_non_null(strstr(text, "locks: dns -> api, dns\n"));
    after->steps[0].locks = 0;
    assert_int_equal(compare("failover", ERR_OK), 1);
    assert_non_null(strstr(text, "locks: dns -> none\n"));
}

static void order_and_longest_time_are_told(void **state) {
    (void)state;
    worlds_make();
    struct plan *plan = plan_of(is, "failover");
    plan->steps[1].needs_n = 0;
    plan->steps[1].timeout_ms = 40000;
    assert_int_equal(compare("failover", ERR_OK), 2);
    assert_non_null(strstr(text, "order    check: wave 2 -> 1\n"));
    assert_non_null(strstr(text, "longest  behind the fence: 50s -> 40s\n"));
}

static void a_circle_is_an_error(void **state) {
    (void)state;
    worlds_make();
    struct step *step = &plan_of(is, "failover")->steps[0];
    step->needs_n = 1;
    step->needs[0] = 1;
    (void)compare("failover", ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_plan_gives_no_line),
        cmocka_unit_test(each_change_gives_its_line),
        cmocka_unit_test(steps_come_and_go),
        cmocka_unit_test(an_index_that_moved_is_no_change),
        cmocka_unit_test(a_lock_is_known_by_its_name),
        cmocka_unit_test(order_and_longest_time_are_told),
        cmocka_unit_test(a_circle_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
