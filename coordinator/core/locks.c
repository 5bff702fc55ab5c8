/* Locks: what two steps name is never in both hands. A step holds its locks while it is at work,
 * all of them or none, and nothing between its attempts: so no two can wait for each other. */
#include "coordinator/core/internal.h"

/* A person may be at it from the moment on that they were asked. */
static bool holds_its_locks(const struct step_state *state, const struct step *step) {
    return state->phase == STEP_RUNNING ||
           (state->phase == STEP_APPROVAL && step->action == ACTION_MANUAL);
}

uint8_t execution_lock_holder(const struct execution *execution, const struct plan *plan,
                              uint8_t step) {
    ensure(step < execution->steps_n && plan->steps_n == execution->steps_n);
    uint16_t locks = plan->steps[step].locks;
    for (uint8_t s = 0; locks != 0 && s < execution->steps_n; s++) {
        if (s != step && (plan->steps[s].locks & locks) != 0 &&
            holds_its_locks(&execution->steps[s], &plan->steps[s])) {
            return s;
        }
    }
    return NONE;
}
