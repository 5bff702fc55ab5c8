/* What the example hands to probes is what they take: every check's arguments, endpoint's
 * included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/action.h"
#include "agent/probe.h"
#include "common/io/topology_read.h"

static struct topology topology;

static int example_read(void **state) {
    (void)state;
    struct text256 why = {.at = ""};
    return topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &topology,
                              &why) == ERR_OK
               ? 0
               : -1;
}

static void every_check_of_the_example_is_accepted_by_its_probe(void **state) {
    (void)state;
    unsigned wrong_n = 0;
    for (uint8_t i = 0; i < topology.checks_n; i++) {
        const struct check *check = &topology.checks[i];
        struct arguments arguments = {0};
        struct text256 why = {.at = ""};
        assert_int_equal(topology_check_arguments(&topology, check, &arguments), ERR_OK);
        const struct probe_kind *kind = probe_kind_of((enum check_kind)check->kind);
        assert_non_null(kind);
        if (kind->accepts(&arguments, &why) != ERR_OK) {
            print_error("checks.%s: %s\n", check->name, why.at);
            wrong_n++;
        }
    }
    assert_int_equal(wrong_n, 0);
}

/* Both ways between the two data regions. */
static void every_step_of_the_example_is_accepted_by_its_action(void **state) {
    (void)state;
    unsigned wrong_n = 0;
    for (uint8_t i = 0; i < topology.plans_n; i++) {
        const struct plan *plan = &topology.plans[i];
        for (uint8_t j = 0; j < plan->steps_n * 2; j++) {
            const struct step *step = &plan->steps[j / 2];
            uint8_t region = j % 2;
            struct arguments arguments = {0};
            struct text256 why = {.at = ""};
            assert_int_equal(
                topology_step_arguments(&topology, step, region, (uint8_t)(1 - region), &arguments),
                ERR_OK);
            const struct action_kind_row *row = action_kind_of((enum action_kind)step->action);
            assert_non_null(row);
            if (row->accepts(&arguments, &why) != ERR_OK) {
                print_error("plans.%s.steps.%s: %s\n", plan->name, step->name, why.at);
                wrong_n++;
            }
        }
    }
    assert_int_equal(wrong_n, 0);
}

static bool keeps_levels(uint8_t agent, uint8_t of_region, const struct arguments *scale) {
    for (uint8_t i = 0; i < topology.checks_n; i++) {
        const struct check *check = &topology.checks[i];
        struct arguments arguments = {0};
        assert_int_equal(topology_check_arguments(&topology, check, &arguments), ERR_OK);
        const char *what = arguments_get(&arguments, "what");
        if (check->kind == CHECK_KUBERNETES && check->agent == agent &&
            check->region == of_region && what != NULL && text_equal(what, "levels") &&
            text_equal(arguments_get(&arguments, "record"), arguments_get(scale, "levels")) &&
            text_equal(arguments_get(&arguments, "namespace"), arguments_get(scale, "namespace"))) {
            return true;
        }
    }
    return false;
}

/* A L285-293: ten nodes, four GPUs more, and as many replicas as production had: kept beforehand by
 * the very agent that will scale, from the region that may be lost. */
static void the_example_scales_as_the_documents_say(void **state) {
    (void)state;
    unsigned scaled_n = 0, pools_n = 0;
    for (uint8_t i = 0; i < topology.plans_n; i++) {
        for (uint8_t j = 0; j < topology.plans[i].steps_n * 2; j++) {
            const struct step *step = &topology.plans[i].steps[j / 2];
            uint8_t region = j % 2, other = (uint8_t)(1 - region);
            struct arguments arguments = {0};
            assert_true(step->action != ACTION_EXEC || topology.plans[i].kind == PLAN_DRILL);
            if (step->action != ACTION_KUBERNETES_SCALE) {
                continue;
            }
            assert_int_equal(topology_step_arguments(&topology, step, region, other, &arguments),
                             ERR_OK);
            assert_string_equal(arguments_get(&arguments, "url"), region == 0
                                                                      ? "https://10.71.0.50:6443"
                                                                      : "https://10.72.0.50:6443");
            const char *add = arguments_get(&arguments, "add");
            const char *replicas = arguments_get(&arguments, "replicas");
            if (add != NULL || replicas != NULL) {
                assert_string_equal(add != NULL ? add : replicas, add != NULL ? "4" : "10");
                pools_n++;
                continue;
            }
            uint8_t agent = topology_step_agent(&topology, step, region, UINT64_MAX);
            assert_int_not_equal(agent, NONE);
            assert_true(keeps_levels(agent, other, &arguments));
            scaled_n++;
        }
    }
    assert_int_equal(pools_n, 2 * 2);   /* of the failover, both ways */
    assert_int_equal(scaled_n, 2 * 16); /* ten of the failover, three of the other plans each */
}

/* B L85, B L69, N18: in each data region somebody looks at the restore test, at how old and how far
 * behind the configurations are, and at the login of a power switch. */
static void the_example_watches_restores_configurations_and_power(void **state) {
    (void)state;
    static const struct {
        uint8_t kind;
        const char *argument, *value; /* NULL: any */
    } wanted[] = {
        {CHECK_EXEC, "program", "drover-pg-restore-test"},
        {CHECK_EXEC, "restored_within", "691200"},
        {CHECK_GIT, "max_age", NULL},
        {CHECK_GIT, "deployed_file", NULL},
        {CHECK_GIT, "max_undeployed", NULL},
        {CHECK_FENCE_AGENT, "device", NULL},
        {CHECK_KUBERNETES, "s3_url", NULL},
    };
    for (size_t i = 0; i < 2 * sizeof wanted / sizeof wanted[0]; i++) {
        uint8_t region = i % 2;
        bool found = false;
        for (uint8_t c = 0; c < topology.checks_n; c++) {
            const struct check *check = &topology.checks[c];
            const char *value = arguments_get(&check->arguments, wanted[i / 2].argument);
            found =
                found ||
                (check->kind == wanted[i / 2].kind && check->region == region && value != NULL &&
                 (wanted[i / 2].value == NULL || text_equal(value, wanted[i / 2].value)));
        }
        if (!found) {
            fail_msg("no check with %s in %s", wanted[i / 2].argument,
                     topology.regions[region].name);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_check_of_the_example_is_accepted_by_its_probe),
        cmocka_unit_test(every_step_of_the_example_is_accepted_by_its_action),
        cmocka_unit_test(the_example_scales_as_the_documents_say),
        cmocka_unit_test(the_example_watches_restores_configurations_and_power),
    };
    return cmocka_run_group_tests(tests, example_read, NULL);
}
