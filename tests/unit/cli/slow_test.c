/* SEED-98: an unplanned failover of the example whose scale-up takes all that its timeouts and
 * retries allow. What simulate, lint and the burn-down of a member say of it is one thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/io/topology_read.h"
#include "common/plan/lint.h"
#include "common/plan/order.h"
#include "common/topology/duration.h"
#include "coordinator/cli/plans_simulate_parts.h"
#include "tests/unit/coordinator/status_world.h"

#define UNPLANNED_MS (4 * HOUR_MS)
#define LOOKS 25          /* at one execution */
#define PACE_MS MINUTE_MS /* of the simulated world over a whole plan: ticks, agents' silence */
#define TIERS_OF_STEPS 3  /* tier 4 waits for a person's word, for as long as that may take */

static struct topology example;
static struct simulation_input input;
static struct simulation_result result;

static int example_read(void **state) {
    (void)state;
    struct text256 why = {.at = ""};
    return topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &example,
                              &why) == ERR_OK
               ? 0
               : -1;
}

static struct step *step_of(const char *name) {
    struct plan *plan = &example.plans[topology_plan(&example, "failover")];
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return &plan->steps[s];
        }
    }
    fail_msg("no step is called %s", name);
    return NULL;
}

/* Every attempt takes all of its timeout, and only the last one succeeds. */
static void slow_world(bool automatic, uint8_t to) {
    uint8_t index = topology_plan(&example, "failover");
    const struct plan *plan = &example.plans[index];
    unsigned scaled_n = 0;
    example.policy.automatic = automatic;
    simulation_input_of(&example, index, (uint8_t)(1 - to), to, &input);
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (plan->steps[s].retries > 0 && !step_is_a_persons(&plan->steps[s])) {
            input.steps[s].fault = STEP_FAULT_FAIL;
            input.steps[s].fails_n = plan->steps[s].retries;
            scaled_n += plan->steps[s].action == ACTION_KUBERNETES_SCALE;
        }
    }
    assert_true(scaled_n >= 2);
}

static void the_slowest_scale_up_ends_within_four_hours(void **state) {
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        bool automatic = round % 2 == 0;
        slow_world(automatic, (uint8_t)(round / 2));
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_DONE);
        assert_int_equal(result.automatic, automatic);
        for (uint8_t s = 0; s < result.execution.steps_n; s++) {
            const struct step *step = &example.plans[input.plan].steps[s];
            if (!step_is_a_persons(step)) {
                assert_int_equal(result.execution.steps[s].phase, STEP_DONE);
                assert_int_equal(result.execution.steps[s].attempt, step->retries + 1);
                assert_true(result.steps[s].ended_ms - result.steps[s].begun_ms + PACE_MS >=
                            step_longest_ms(step));
            }
        }
        for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
            struct tier_forecast forecast = tier_forecast_of(&input, &result, tier);
            assert_non_null(forecast.last);
            assert_in_range(forecast.served_ms, 1, UNPLANNED_MS);
        }
        assert_true(result.ended_ms <= UNPLANNED_MS);
        /* Automatic it is promised in five minutes, which not every attempt may use up. */
        assert_int_equal(simulated_misses(&input, &result), automatic);
    }
}

/* When the tier's last step ends, without the time in which clients follow its names. */
static uint64_t steps_end_ms(unsigned tier) {
    const struct plan *plan = &example.plans[input.plan];
    uint64_t end_ms = 0;
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        bool last =
            step_serves_tier(plan, &plan->steps[s]) == tier && result.steps[s].ended_ms > end_ms;
        end_ms = last ? result.steps[s].ended_ms : end_ms;
    }
    return end_ms;
}

/* What a member says of the execution as it is in `now`. To be decref'd. */
static json_t *burn_down(const struct simulation_result *now) {
    make_serving();
    topology = example;
    member.core.config_version = topology.version;
    member.core.executions[0] = now->execution;
    member.core.executions_made = 1;
    member.core.owner = now->execution.source;
    member.core.now_ms = now->execution.created_ms + (now->ended_ms - now->begun_ms);
    json_t *json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    json_t *tiers = json_incref(json_object_get(shown, "rto"));
    json_decref(json);
    return tiers;
}

/* At every look the same end as the run has, but for the members' wait: a region that is lost
 * without a word has no lease left when its epoch is closed. */
static void looks_agree(const uint64_t ends_ms[], const struct simulation_result *now) {
    json_t *tiers = burn_down(now);
    assert_int_equal(json_array_size(tiers), OBJECTIVES_MAX);
    for (unsigned tier = 1; tier <= TIERS_OF_STEPS; tier++) {
        const json_t *shown = json_array_get(tiers, tier - 1);
        const char *course = text_of(shown, "course");
        uint64_t end_ms = (uint64_t)(number_of(shown, "used_ms") + number_of(shown, "ends_in_ms"));
        uint64_t late_ms = topology_wait_ms(&example.lease) + PACE_MS;
        if (end_ms + PACE_MS < ends_ms[tier] || end_ms > ends_ms[tier] + late_ms) {
            fail_msg("tier %u ends at %llu ms; at %llu ms the burn-down said %llu ms", tier,
                     (unsigned long long)ends_ms[tier], (unsigned long long)now->ended_ms,
                     (unsigned long long)end_ms);
        }
        assert_true(text_equal(course, "on-course") || text_equal(course, "met"));
    }
    json_decref(tiers);
}

static void the_burn_down_of_a_slow_scale_up_is_its_forecast(void **state) {
    (void)state;
    static struct simulation_result now;
    uint64_t ends_ms[OBJECTIVES_MAX + 1] = {0};
    unsigned looks_n = 0, turns = 0;
    slow_world(true, 1);
    simulation_run(&input, &result);
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        ends_ms[tier] = steps_end_ms(tier);
    }
    for (uint64_t at_ms = result.begun_ms; at_ms < result.ended_ms;) {
        input.turns_max = ++turns;
        simulation_run(&input, &now);
        if (now.execution.id != 0 && now.ended_ms >= at_ms && now.end == SIMULATION_UNENDED) {
            looks_agree(ends_ms, &now);
            at_ms = now.ended_ms + (result.ended_ms - result.begun_ms) / LOOKS;
            looks_n++;
        }
        turns += turns / 16;
        if (now.end != SIMULATION_UNENDED) {
            break;
        }
    }
    assert_true(looks_n > LOOKS / 4);
}

static bool lint_finds(const char *where) {
    static struct findings findings;
    plan_lint(&example, &findings);
    for (uint16_t i = 0; i < findings.n; i++) {
        if (findings.at[i].code == LINT_RTO && text_equal(findings.at[i].where, where)) {
            return true;
        }
    }
    return false;
}

/* By lint, by the simulation, and by the burn-down from its first moment on. */
static void a_scale_up_that_would_breach_is_told_beforehand(void **state) {
    (void)state;
    struct step *slow = step_of("scale-budapp");
    uint32_t timeout_ms = slow->timeout_ms;
    for (unsigned round = 0; round < 2; round++) {
        bool breaches = round == 1;
        slow->timeout_ms = breaches ? (uint32_t)(4 * HOUR_MS) : timeout_ms;
        assert_int_equal(lint_finds("plans.failover.steps.dns-api") ||
                             lint_finds("plans.failover.steps.verify-outside"),
                         breaches);
        slow_world(false, 1);
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_DONE);
        assert_int_equal(simulated_misses(&input, &result), breaches);
        assert_int_equal(tier_forecast_of(&input, &result, 1).served_ms > UNPLANNED_MS, breaches);
        result.execution.stage = STAGE_FENCE;
        result.execution.opened_ms = 0;
        for (uint8_t s = 0; s < result.execution.steps_n; s++) {
            result.execution.steps[s] =
                (struct step_state){.phase = STEP_WAITING, .agent = NONE, .approved_by = NONE};
        }
        result.ended_ms = result.begun_ms;
        json_t *tiers = burn_down(&result);
        assert_string_equal(text_of(json_array_get(tiers, 0), "course"),
                            breaches ? "may-breach" : "on-course");
        json_decref(tiers);
    }
    slow->timeout_ms = timeout_ms;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_slowest_scale_up_ends_within_four_hours, example_read),
        cmocka_unit_test_setup(the_burn_down_of_a_slow_scale_up_is_its_forecast, example_read),
        cmocka_unit_test_setup(a_scale_up_that_would_breach_is_told_beforehand, example_read),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
