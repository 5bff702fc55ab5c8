/* What a preview makes of a lag, and whom a step would ask. */
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
    return 0;
}

static void a_lag_counts_by_the_side_it_is_on(void **state) {
    (void)state;
    static const struct {
        bool known;
        uint64_t lag_ms;
        enum lag_side side;
    } cases[] = {
        {true, 1000, LAG_WITHIN},    {true, 60000, LAG_WITHIN},   {true, 60001, LAG_BEHIND},
        {true, 3600000, LAG_BEHIND}, {true, 3600001, LAG_BREACH}, {true, UINT32_MAX, LAG_BREACH},
        {false, 0, LAG_UNKNOWN},     {false, 99, LAG_UNKNOWN},    {true, 0, LAG_WITHIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        facts.links[0].known = cases[i].known;
        facts.links[0].lag_ms = cases[i].lag_ms;
        assert_int_equal(preview_lag(topology, &facts, 0), cases[i].side);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lag_counts_by_the_side_it_is_on, world_make),
        cmocka_unit_test_setup(agents_are_those_that_would_be_asked, world_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
