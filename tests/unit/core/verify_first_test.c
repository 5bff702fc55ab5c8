/* What stands in front of a name's move holds it back, says why, and lets it go when it is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "world.h"

static struct world world;

/* The check of the plan in front of its DNS step, not behind it. */
static void check_first(void) {
    struct plan *plan = &world.topology.plans[PLAN_AWAY];
    plan->steps[STEP_CHECK].needs[0] = STEP_PROMOTE;
    plan->steps[STEP_DNS].needs[0] = STEP_CHECK;
}

static void the_name_moves_when_the_retried_check_in_front_of_it_passes(void **state) {
    (void)state;
    world_serving(&world);
    check_first();
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    const struct execution *execution = world_execution(&world);
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        assert_int_equal(world_wanted(&world, STEP_CHECK)->attempt, attempt);
        (void)world_outcome(&world, STEP_CHECK, SAID_FAILED); /* the load balancer is down */
        assert_int_equal(execution->paused, PAUSE_STEP_FAILED);
        assert_int_equal(execution->paused_step, STEP_CHECK);
        (void)world_pass(&world, 600000);
        assert_null(world_wanted(&world, STEP_DNS));
        assert_int_equal(execution->steps[STEP_DNS].attempt, 0);
        (void)world_ask_step(&world, REQUEST_STEP_RETRY, STEP_CHECK, ROLE_SRE);
        assert_int_equal(execution->paused, PAUSE_NO);
        assert_null(world_wanted(&world, STEP_DNS));
    }
    (void)world_outcome(&world, STEP_CHECK, SAID_DONE); /* it is back */
    assert_non_null(world_wanted(&world, STEP_DNS));
    (void)world_outcome(&world, STEP_DNS, SAID_DONE);
    assert_int_equal(execution->stage, STAGE_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_moves_when_the_retried_check_in_front_of_it_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
