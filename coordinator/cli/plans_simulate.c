/* drover plan simulate: asks at most, and changes nothing; plans_simulation.c simulates. */
#include <string.h>

#include "common/plan/order.h"
#include "coordinator/cli/plans_simulate_parts.h"
#include "coordinator/cli/show_parts.h"

struct tier_forecast tier_forecast_of(const struct simulation_input *input,
                                      const struct simulation_result *result, unsigned tier) {
    const struct plan *plan = &input->topology->plans[input->plan];
    struct tier_forecast forecast = {.objective_ms = input->topology->objectives[tier - 1].rto_ms};
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        const struct step *step = &plan->steps[s];
        bool counts = step_serves_tier(plan, step) == tier && !step->before_fence &&
                      !(step->at_source && step->may_fail);
        if (!counts) {
            continue;
        }
        uint64_t ended_ms = result->steps[s].ended_ms;
        bool good = ended_ms != SIMULATED_NEVER &&
                    (result->execution.steps[s].phase == STEP_DONE || step->may_fail);
        uint64_t at_ms = good ? ended_ms + step_ttl_ms(input->topology, step) : SIMULATED_NEVER;
        if (forecast.last == NULL || at_ms > forecast.served_ms) {
            forecast.served_ms = at_ms;
            forecast.last = step->name;
        }
    }
    return forecast;
}

uint64_t promise_of(const struct simulation_input *input, const struct simulation_result *result) {
    const struct policy_numbers *policy = &input->topology->policy;
    if (result->automatic) {
        return policy->automatic_within_ms;
    }
    bool planned = input->topology->plans[input->plan].kind == PLAN_SWITCHOVER;
    return planned ? policy->planned_within_ms : 0;
}

bool simulated_misses(const struct simulation_input *input,
                      const struct simulation_result *result) {
    bool fences = plan_fences(&input->topology->plans[input->plan]);
    for (unsigned tier = 1; fences && tier <= OBJECTIVES_MAX; tier++) {
        struct tier_forecast forecast = tier_forecast_of(input, result, tier);
        uint64_t promise_ms = tier == 1 ? promise_of(input, result) : 0;
        if (forecast.last != NULL &&
            ((forecast.objective_ms != 0 && forecast.served_ms > forecast.objective_ms) ||
             (promise_ms != 0 && forecast.served_ms > promise_ms))) {
            return true;
        }
    }
    return false;
}

static bool faults_read(const struct session *session, struct simulation_input *input) {
    struct text256 why = {{0}};
    for (unsigned i = 0; i < session->line->faults_n; i++) {
        if (!simulation_fault_read(input, session->line->faults[i], &why)) {
            (void)fprintf(stderr, "drover plan simulate: --fault %s: %s\n",
                          session->line->faults[i], why.at);
            return false;
        }
    }
    return true;
}

/* The same world again, with every measured step at its p95. */
static void slowest_run(struct simulated *simulated) {
    static struct simulation_input input;
    input = simulated->input;
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        struct simulated_step *step = &input.steps[s];
        bool slower = step->takes_from == TAKES_MEASURED && step->slowest_ms > step->takes_ms;
        simulated->has_slowest = simulated->has_slowest || slower;
        step->takes_ms = slower ? step->slowest_ms : step->takes_ms;
    }
    if (simulated->has_slowest) {
        simulation_run(&input, &simulated->slowest);
    }
}

static int exit_code_of(const struct simulated *simulated) {
    switch ((enum simulation_end)simulated->result.end) {
    case SIMULATION_REFUSED: return EXIT_REFUSED;
    case SIMULATION_ABORTED:
    case SIMULATION_WAITS:
    case SIMULATION_UNENDED: return EXIT_STEP_FAILED;
    case SIMULATION_DONE:
    default: break;
    }
    if (simulated->result.blocked) {
        return EXIT_STEP_FAILED;
    }
    return simulated_misses(&simulated->input, &simulated->result) ? EXIT_OBJECTIVE_MISSED
                                                                   : EXIT_OK;
}

/* Whatever a file says, the members would refuse a topology with errors. */
static int topology_is_sound(const struct plans_source *source) {
    static struct findings findings;
    if (source->file == NULL) {
        return EXIT_OK;
    }
    topology_check(source->topology, &findings);
    if (findings.errors_n == 0) {
        return EXIT_OK;
    }
    (void)fprintf(stderr, "drover plan simulate: %s has %u errors; see drover config check\n",
                  source->file, findings.errors_n);
    return EXIT_REFUSED;
}

int plan_simulate_run(struct session *session) {
    static struct simulated simulated;
    static struct plans_source source;
    uint8_t from, to;
    int code = plans_read(session, 1, &source);
    const struct plan *plan = code == EXIT_OK ? plans_find(session, &source) : NULL;
    if (plan == NULL) {
        return code == EXIT_OK ? EXIT_USAGE : code;
    }
    if (!plans_way(session, &source, plan, &from, &to)) {
        return EXIT_USAGE;
    }
    code = topology_is_sound(&source);
    if (code != EXIT_OK) {
        return code;
    }
    simulated.source = &source;
    simulated.live = source.file == NULL;
    simulation_input_of(source.topology, (uint8_t)(plan - source.topology->plans), from, to,
                        &simulated.input);
    code = simulated.live ? simulated_ask(session, &simulated) : EXIT_OK;
    if (code != EXIT_OK) {
        return code;
    }
    if (session->line->history != NULL) {
        code = simulated_take_file(&simulated.input, session->line->history);
        if (code != EXIT_OK) {
            return code;
        }
    }
    simulated.input.seed = session->line->seed;
    if (session->line->people_given) {
        simulated.input.people_ms = session->line->people_ms;
    }
    if (!faults_read(session, &simulated.input)) {
        return EXIT_USAGE;
    }
    simulation_run(&simulated.input, &simulated.result);
    slowest_run(&simulated);
    if (session->line->json) {
        json_t *json = simulated_json(&simulated);
        show_json(json);
        json_decref(json);
    } else {
        simulated_say(&simulated);
    }
    return exit_code_of(&simulated);
}
