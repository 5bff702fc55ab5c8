/* Whose agent runs a step: the first of the component's endpoint that is heard; behind one who says
 * that its host is not the one, the next. */
#include "common/base/bits.h"
#include "coordinator/core/internal.h"

uint8_t step_region(const struct execution *execution, const struct step *step) {
    return step->at_source ? execution->source : execution->target;
}

/* Behind one who said that its host is not the one: nothing was done there. */
static uint8_t next_agent(const struct core *core, const struct topology *topology,
                          const struct execution *execution, const struct step *step,
                          const struct step_state *state) {
    return topology_step_agent_after(topology, step, step_region(execution, step),
                                     verdict_alive(core, topology), state->agent);
}

uint8_t attempt_agent(const struct core *core, const struct topology *topology,
                      const struct execution *execution, const struct step *step,
                      const struct step_state *state) {
    uint8_t next =
        state->err == ERR_ELSEWHERE ? next_agent(core, topology, execution, step, state) : NONE;
    return next != NONE ? next
                        : topology_step_agent(topology, step, step_region(execution, step),
                                              verdict_alive(core, topology));
}

/* The leader of a store stands on one host, and Patroni decides on which. Asking there uses up no
 * try, and each is asked once a try. */
bool attempt_goes_elsewhere(const struct context *context, struct execution *execution,
                            const struct plan *plan, uint8_t s) {
    struct step_state *state = &execution->steps[s];
    const struct step *step = &plan->steps[s];
    if (context->event->outcome.err != ERR_ELSEWHERE || !step_in_mode(execution, step) ||
        next_agent(context->core, context->topology, execution, step, state) == NONE) {
        return false;
    }
    state->err = ERR_ELSEWHERE;
    state->phase = STEP_WAITING;
    state->started_ms = context->core->now_ms;
    ensure(state->tries_n > 0);
    state->tries_n--;
    return true;
}
