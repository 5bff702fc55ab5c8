/* The preview's bytes stand while nothing has happened, and fall with every fact that matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/plan/preview.h"
#include "tests/unit/topology/sample.h"

static struct topology *topology;
static struct plan *plan;
static struct preview_facts facts;
static struct order order;

static int world_make(void **state) {
    (void)state;
    topology = sample_topology(NULL, NULL);
    plan = &topology->plans[topology_plan(topology, "switchover")];
    memset(&facts, 0, sizeof facts);
    facts.version = 3;
    facts.epoch = 7;
    facts.source = topology_region(topology, "east");
    facts.target = topology_region(topology, "west");
    facts.heard = ~UINT64_C(0);
    facts.links[0].known = true;
    facts.links[0].lag_ms = 1000;
    (void)text_copy(facts.classes[facts.source], NAME_SIZE, "well");
    return plan_order(plan, &order) ? 0 : -1;
}

static size_t bytes_now(uint8_t *out) {
    assert_true(plan_order(plan, &order));
    size_t n = preview_bytes(topology, plan, &order, &facts, out, PREVIEW_BYTES_MAX);
    assert_true(n > 0);
    return n;
}

static uint8_t before[PREVIEW_BYTES_MAX], after[PREVIEW_BYTES_MAX];

static bool bytes_changed(void) {
    static size_t before_n;
    size_t n = bytes_now(after);
    bool changed = n != before_n || memcmp(before, after, n) != 0;
    memcpy(before, after, n);
    before_n = n;
    return changed;
}

static void a_lag_counts_by_the_side_it_is_on(void **state) {
    (void)state;
    static const struct {
        bool known;
        uint64_t lag_ms;
        enum lag_side side;
        bool changed;
    } cases[] = {
        {true, 1000, LAG_WITHIN, true}, /* the first look */
        {true, 1000, LAG_WITHIN, false},   {true, 60000, LAG_WITHIN, false},
        {true, 60001, LAG_BEHIND, true},   {true, 3600000, LAG_BEHIND, false},
        {true, 3600001, LAG_BREACH, true}, {true, UINT32_MAX, LAG_BREACH, false},
        {false, 0, LAG_UNKNOWN, true},     {false, 99, LAG_UNKNOWN, false},
        {true, 0, LAG_WITHIN, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        facts.links[0].known = cases[i].known;
        facts.links[0].lag_ms = cases[i].lag_ms;
        assert_int_equal(preview_lag(topology, &facts, 0), cases[i].side);
        assert_int_equal(bytes_changed(), cases[i].changed);
    }
    /* Without an RPO of its own the tier's counts. */
    topology->links[0].rpo_ms = 0;
    topology->objectives[0].rpo_ms = 120000;
    assert_int_equal(preview_rpo_ms(topology, 0), 120000);
    topology->components[topology->links[0].component].tier = 0;
    for (uint8_t i = 0; i < topology->components_n; i++) {
        topology->components[i].tier = 0;
    }
    assert_int_equal(preview_rpo_ms(topology, 0), 0);
}

/* Each change, in its turn, is another preview. */
static void every_fact_that_matters_changes_the_bytes(void **state) {
    (void)state;
    struct step *step = &plan->steps[0];
    (void)bytes_changed();
    assert_false(bytes_changed());
#define CHANGES(what)                                                                              \
    do {                                                                                           \
        what;                                                                                      \
        if (!bytes_changed()) {                                                                    \
            fail_msg("the same bytes after: %s", #what);                                           \
        }                                                                                          \
    } while (0)
    CHANGES(facts.version++);
    CHANGES(facts.epoch++);
    CHANGES((void)text_copy(facts.classes[facts.source], NAME_SIZE, "region-dark"));
    CHANGES(facts.heard = 0);
    CHANGES(step->timeout_ms++);
    CHANGES(step->retries++);
    CHANGES(step->may_fail = !step->may_fail);
    CHANGES(step->mandated = !step->mandated);
    CHANGES(step->approval = ROLE_COMMANDER);
    CHANGES(step->tier = 4);
    CHANGES(step->action = ACTION_VERIFY);
    CHANGES(step->before_fence = !step->before_fence);
    CHANGES(step->at_source = !step->at_source);
    CHANGES(step->component = NONE);
    CHANGES((void)text_copy(step->name, NAME_SIZE, "another"));
    CHANGES(assert_int_equal(arguments_set(&step->arguments, "a", "b"), ERR_OK));
    CHANGES(assert_int_equal(arguments_set(&step->arguments, "a", "c"), ERR_OK));
    CHANGES(plan->steps[2].needs_n = 0);
    CHANGES((void)text_copy(plan->name, NAME_SIZE, "other"));
    CHANGES(plan->kind = PLAN_FAILOVER);
    CHANGES((void)text_copy(topology->cluster, NAME_SIZE, "other"));
    uint8_t source = facts.source;
    CHANGES(facts.source = facts.target; facts.target = source);
#undef CHANGES
}

/* What the people of a role are called, and what is written for people, is not what runs. */
static void what_does_not_run_changes_nothing(void **state) {
    (void)state;
    (void)bytes_changed();
    (void)text_copy(plan->steps[0].intent, SENTENCE_SIZE, "other words");
    (void)text_copy(topology->operators[0].person, NAME_SIZE, "Somebody Else");
    topology->plans[topology_plan(topology, "failover")].steps[0].retries++;
    assert_false(bytes_changed());
}

static void agents_are_those_that_would_be_asked(void **state) {
    (void)state;
    uint8_t west = topology_agent(topology, "west-db1");
    struct step *promote = &plan->steps[1];
    assert_int_equal(preview_agent(topology, promote, &facts), west);
    facts.heard = ~(UINT64_C(1) << west);
    assert_int_equal(preview_agent(topology, promote, &facts), NONE);
    facts.heard = ~UINT64_C(0);
    promote->action = ACTION_APPROVAL;
    assert_int_equal(preview_agent(topology, promote, &facts), NONE);
}

/* The largest plan fits; a room that is too small is said, and nothing is written behind it. */
static void the_largest_plan_fits(void **state) {
    (void)state;
    struct step largest = plan->steps[1];
    largest.component = NONE;
    largest.needs_n = 0;
    for (unsigned a = 0; a < ACTION_ARGS_MAX; a++) {
        char name[NAME_SIZE], value[VALUE_SIZE];
        memset(value, 'v', sizeof value - 1);
        value[sizeof value - 1] = '\0';
        memset(name, 'n', sizeof name - 1);
        name[sizeof name - 1] = '\0';
        name[0] = (char)('a' + a);
        largest.arguments.at[a] = (struct argument){{0}, {0}};
        memcpy(largest.arguments.at[a].name, name, sizeof name);
        memcpy(largest.arguments.at[a].value, value, sizeof value);
    }
    largest.arguments.n = ACTION_ARGS_MAX;
    plan->steps_n = STEPS_MAX;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        plan->steps[s] = largest;
    }
    size_t n = bytes_now(after);
    assert_true(n < PREVIEW_BYTES_MAX);
    assert_int_equal(preview_bytes(topology, plan, &order, &facts, after, n), n);
    assert_int_equal(preview_bytes(topology, plan, &order, &facts, after, n - 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lag_counts_by_the_side_it_is_on, world_make),
        cmocka_unit_test_setup(every_fact_that_matters_changes_the_bytes, world_make),
        cmocka_unit_test_setup(what_does_not_run_changes_nothing, world_make),
        cmocka_unit_test_setup(agents_are_those_that_would_be_asked, world_make),
        cmocka_unit_test_setup(the_largest_plan_fits, world_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
