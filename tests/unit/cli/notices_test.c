/* SEED-110: what the example sends to others runs beside everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/io/topology_read.h"
#include "common/topology/fill.h"
#include "coordinator/cli/plans_simulate_parts.h"

static struct topology example;
static struct simulation_input input;
static struct simulation_result well, hung;

static bool is_notice(const struct step *step) {
    return fill_argument((enum action_kind)step->action, 0) != NULL;
}

/* Whoever is told hangs, and nothing but that is later, or not done at all. */
static void no_notice_of_the_example_holds_anything_up(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        unsigned notices_n;
    } plans[] = {{"failover", 3}, {"seed-order", 2}};
    struct text256 why = {.at = ""};
    assert_int_equal(
        topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &example, &why),
        ERR_OK);
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t p = topology_plan(&example, plans[i / 2].plan);
        const struct plan *plan = &example.plans[p];
        unsigned notices_n = 0;
        simulation_input_of(&example, p, (uint8_t)(1 - i % 2), i % 2, &input);
        simulation_run(&input, &well);
        assert_int_equal(well.end, SIMULATION_DONE);
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            if (is_notice(&plan->steps[s])) {
                input.steps[s].fault = STEP_FAULT_HANG;
                notices_n++;
            }
        }
        assert_int_equal(notices_n, plans[i / 2].notices_n);
        simulation_run(&input, &hung);
        assert_int_equal(hung.end, SIMULATION_DONE);
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            assert_true(is_notice(&plan->steps[s]) ||
                        (hung.steps[s].begun_ms == well.steps[s].begun_ms &&
                         hung.steps[s].ended_ms == well.steps[s].ended_ms));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_notice_of_the_example_holds_anything_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
