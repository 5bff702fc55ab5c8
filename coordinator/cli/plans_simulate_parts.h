/* The parts of `plan simulate`. Not for others. */
#ifndef DROVER_CLI_PLANS_SIMULATE_PARTS_H
#define DROVER_CLI_PLANS_SIMULATE_PARTS_H

#include "coordinator/cli/plans.h"
#include "coordinator/cli/plans_simulation.h"

struct simulated {
    const struct plans_source *source;
    struct simulation_input input;
    struct simulation_result result;
    bool live;
    bool has_slowest;                 /* something was measured more than once: */
    struct simulation_result slowest; /* with the p95 of each step */
};

/* What one tier is promised, and when it would be served. */
struct tier_forecast {
    uint64_t objective_ms;
    uint64_t served_ms; /* with the names' TTL; NEVER */
    const char *last;   /* the step that it waits for last; NULL: the plan brings nothing of it */
};
struct tier_forecast tier_forecast_of(const struct simulation_input *input,
                                      const struct simulation_result *result, unsigned tier);
/* Of the whole downtime, by what the policy says of such a move; 0: nothing. */
uint64_t promise_of(const struct simulation_input *input, const struct simulation_result *result);
bool simulated_misses(const struct simulation_input *input, const struct simulation_result *result);

/* plans_simulate_live.c: what the fleet looks like now, over a world in which all is well. */
int simulated_ask(struct session *session, struct simulated *simulated);

/* One answer of a member (status, agents, links, components, executions) into the world. */
void simulated_take(struct simulation_input *input, const json_t *json);

/* plans_history.c: the answer to "plan-history" of the member that knows most, or NULL; region
 * NULL: the one that would take over. *ret_code: the exit code. */
json_t *plan_history_ask(struct session *session, const char *plan, const char *region,
                         int *ret_code);
/* How long its steps take, by that answer; steps that it does not tell of stay as they are. */
void simulated_take_past(struct simulation_input *input, const json_t *history);
/* The same out of a file. OK or the exit code; what is wrong was said. */
int simulated_take_file(struct simulation_input *input, const char *file);
void show_plan_history(const json_t *json);

/* plans_simulate_show.c */
void simulated_say(const struct simulated *simulated);
json_t *simulated_json(const struct simulated *simulated);

#endif
