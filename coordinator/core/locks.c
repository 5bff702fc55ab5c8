/* Locks: what two steps name is never in both hands. A step holds its locks while it is at work,
 * all of them or none, and nothing between its attempts: so no two can wait for each other. */
#include "common/base/bits.h"
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

static bool locks_meet(const struct plan *a, uint16_t a_locks, const struct plan *b,
                       uint16_t b_locks) {
    for (uint8_t i = 0; i < a->locks_n; i++) {
        for (uint8_t j = 0; (a_locks & bit(i)) != 0 && j < b->locks_n; j++) {
            if ((b_locks & bit(j)) != 0 && text_equal(a->locks[i], b->locks[j])) {
                return true;
            }
        }
    }
    return false;
}

bool interrupted_holds_lock(const struct core *core, const struct topology *topology,
                            const struct plan *plan, uint8_t step) {
    uint16_t locks = plan->steps[step].locks;
    uint64_t alive = verdict_alive(core, topology);
    for (unsigned i = 0; locks != 0 && i < EXECUTIONS_MAX; i++) {
        const struct execution *left = &core->executions[i];
        if (left->stage != STAGE_INTERRUPTED || left->config_version != core->config_version) {
            continue;
        }
        const struct plan *other = &topology->plans[left->plan];
        for (uint8_t s = 0; s < left->steps_n; s++) {
            const struct step_state *state = &left->steps[s];
            if (state->phase == STEP_RUNNING && bits_has(alive, state->agent) &&
                !attempt_is_over(core, state, &other->steps[s]) &&
                locks_meet(plan, locks, other, other->steps[s].locks)) {
                return true;
            }
        }
    }
    return false;
}
