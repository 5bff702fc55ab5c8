/* How much of each tier's recovery time is used, and when it ends at the latest: from the outage's
 * start, not from the declaration (N25). What people take to make up their minds is not in it. */
#include "common/base/bits.h"
#include "common/plan/order.h"
#include "coordinator/status_past.h"

/* What an execution still has in front of it, each step at its longest. */
struct course {
    struct order order;
    uint64_t end_ms[STEPS_MAX]; /* from now; 0: nothing is left of it */
    /* The same with the p95 of what was done often enough; of the others still the longest. */
    uint64_t likely_ms[STEPS_MAX];
    bool shown[STEPS_MAX]; /* it, or something that it waits for, was done often enough */
    bool over[STEPS_MAX];
};

/* What its attempts until now have used is not in front of it again. One that has failed is tried
 * anew by people. */
static uint64_t step_left_ms(const struct core *core, const struct step_state *state,
                             const struct step *step) {
    bool running = state->phase == STEP_RUNNING;
    bool begun = running || (state->phase == STEP_WAITING && state->tries_n > 0);
    uint64_t rest_ms = begun ? step_rest_ms(step, state->tries_n, running) : step_longest_ms(step);
    uint64_t gone_ms = begun ? core_since(core, state->started_ms) : 0;
    return gone_ms < rest_ms ? rest_ms - gone_ms : 0;
}

/* 0: it was not done often enough to tell. An attempt that takes longer than its kind did may take
 * all that is left. */
static uint64_t step_likely_ms(const struct answering *answering, const struct execution *execution,
                               uint8_t s, uint64_t left_ms, bool *ret_shown) {
    const struct step_state *state = &execution->steps[s];
    struct step_past past =
        step_past_of(answering, execution->plan, s, execution->source, execution->target);
    uint64_t gone_ms =
        state->phase == STEP_RUNNING ? core_since(answering->core, state->started_ms) : 0;
    *ret_shown = past.samples_n >= PAST_LIKELY_RUNS && gone_ms <= past.p95_ms;
    uint64_t likely_ms = *ret_shown ? past.p95_ms - gone_ms : left_ms;
    return likely_ms < left_ms ? likely_ms : left_ms;
}

/* Until the new lease is open there is the members' wait, behind all hand-offs. */
static uint64_t lease_left_ms(const struct answering *answering,
                              const struct execution *execution) {
    bool moves = plan_kind_moves((enum plan_kind)execution->kind) && execution->opened_ms == 0;
    return moves ? answering->topology->lease.wait_ms : 0;
}

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Until it is at work every rival that is not done may come first. */
static void course_locks(const struct answering *answering, const struct execution *execution,
                         uint8_t s, const struct course *course, uint64_t *start_ms,
                         uint64_t *likely_start_ms) {
    const struct plan *plan = &answering->topology->plans[execution->plan];
    bool at_work = execution->steps[s].phase == STEP_RUNNING;
    for (uint8_t i = 0; i < execution->steps_n && !at_work; i++) {
        const struct step *rival = &plan->steps[i];
        bool shown = false;
        if (bits_has(course->order.rivals[s], i) && !step_finished(&execution->steps[i], rival)) {
            uint64_t left_ms = step_left_ms(answering->core, &execution->steps[i], rival);
            *start_ms += left_ms;
            *likely_start_ms += step_likely_ms(answering, execution, i, left_ms, &shown);
        }
    }
}

/* One step's place; what it needs is placed already. */
static void course_place(const struct answering *answering, const struct execution *execution,
                         uint8_t s, uint64_t start_ms, uint64_t likely_start_ms,
                         struct course *course) {
    const struct step *step = &answering->topology->plans[execution->plan].steps[s];
    bool shown = false;
    for (uint8_t n = 0; n < step->needs_n; n++) {
        start_ms = most(start_ms, course->end_ms[step->needs[n]]);
        likely_start_ms = most(likely_start_ms, course->likely_ms[step->needs[n]]);
        course->shown[s] = course->shown[s] || course->shown[step->needs[n]];
    }
    course->over[s] = step_finished(&execution->steps[s], step);
    if (course->over[s]) {
        return;
    }
    uint64_t left_ms = step_left_ms(answering->core, &execution->steps[s], step);
    course_locks(answering, execution, s, course, &start_ms, &likely_start_ms);
    course->end_ms[s] = start_ms + left_ms;
    course->likely_ms[s] =
        likely_start_ms + step_likely_ms(answering, execution, s, left_ms, &shown);
    course->shown[s] = course->shown[s] || shown;
}

static bool course_make(const struct answering *answering, const struct execution *execution,
                        struct course *ret_course) {
    const struct plan *plan = &answering->topology->plans[execution->plan];
    uint64_t fenced_ms = 0, likely_ms = 0, lease_ms = lease_left_ms(answering, execution);
    if (!plan_order(plan, &ret_course->order)) {
        return false;
    }
    for (uint8_t i = 0; i < ret_course->order.n; i++) {
        uint8_t s = ret_course->order.at[i].step;
        bool behind = !ret_course->order.at[i].before_fence;
        course_place(answering, execution, s, behind ? fenced_ms + lease_ms : 0,
                     behind ? likely_ms + lease_ms : 0, ret_course);
        fenced_ms = behind ? fenced_ms : most(fenced_ms, ret_course->end_ms[s]);
        likely_ms = behind ? likely_ms : most(likely_ms, ret_course->likely_ms[s]);
    }
    return true;
}

static const char *course_text(bool over, uint64_t used_ms, uint64_t left_ms, uint64_t rto_ms) {
    if (over) {
        return used_ms <= rto_ms ? "met" : "missed";
    }
    return used_ms > rto_ms ? "breached" : used_ms + left_ms > rto_ms ? "may-breach" : "on-course";
}

static void put_likely(json_t *object, bool shown, uint64_t likely_ms) {
    if (shown) {
        put_count(object, "likely_in_ms", likely_ms);
    } else {
        put_null(object, "likely_in_ms");
    }
}

static void put_tier(const struct answering *answering, const struct execution *execution,
                     const struct course *course, uint8_t tier, json_t *list) {
    const struct plan *plan = &answering->topology->plans[execution->plan];
    uint64_t rto_ms = answering->topology->objectives[tier - 1].rto_ms;
    uint64_t left_ms = 0, likely_ms = 0, ended_ms = execution->outage_ms;
    unsigned steps_n = 0;
    bool over = true, shown = false;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        const struct step_state *state = &execution->steps[s];
        if (step_serves_tier(plan, &plan->steps[s]) != tier) {
            continue;
        }
        steps_n++;
        over = over && course->over[s];
        left_ms = most(left_ms, course->end_ms[s]);
        likely_ms = most(likely_ms, course->likely_ms[s]);
        shown = shown || (!course->over[s] && course->shown[s]);
        ended_ms = state->finished_ms > ended_ms ? state->finished_ms : ended_ms;
    }
    if (rto_ms == 0 || steps_n == 0) {
        return;
    }
    uint64_t used_ms =
        over ? ended_ms - execution->outage_ms : core_since(answering->core, execution->outage_ms);
    json_t *object = list_add(list);
    put_count(object, "tier", tier);
    put_count(object, "rto_ms", rto_ms);
    put_count(object, "used_ms", used_ms);
    put_number(object, "remaining_ms", (int64_t)rto_ms - (int64_t)used_ms);
    put_count(object, "ends_in_ms", left_ms);
    put_likely(object, shown, likely_ms);
    put_text(object, "course", course_text(over, used_ms, left_ms, rto_ms));
}

/* Nothing is ahead of one that was given up, and of a plan of another topology nothing is known. */
static bool course_of(const struct answering *answering, const struct execution *execution,
                      struct course *ret_course) {
    const struct topology *topology = answering->topology;
    bool gone = execution->stage == STAGE_UNDO || execution->stage == STAGE_ABORTED ||
                execution->stage == STAGE_SUPERSEDED || execution->stage == STAGE_INTERRUPTED;
    bool known = execution->plan < topology->plans_n &&
                 execution->steps_n <= topology->plans[execution->plan].steps_n;
    return !gone && known && course_make(answering, execution, ret_course);
}

/* Of the steps that are left, the first after `before`: by their ends, then by number. */
static uint8_t next_to_end(const struct execution *execution, const struct course *course,
                           uint8_t before) {
    uint8_t next = NONE;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        uint64_t end_ms = course->end_ms[s];
        bool later = before == NONE || end_ms > course->end_ms[before] ||
                     (end_ms == course->end_ms[before] && s > before);
        if (!course->over[s] && later && (next == NONE || end_ms < course->end_ms[next])) {
            next = s;
        }
    }
    return next;
}

json_t *forecast_list(const struct answering *answering, const struct execution *execution) {
    struct course course = {0};
    json_t *list = json_array();
    if (!execution_runs(execution) || !course_of(answering, execution, &course)) {
        return list;
    }
    const struct plan *plan = &answering->topology->plans[execution->plan];
    for (uint8_t s = next_to_end(execution, &course, NONE); s != NONE;
         s = next_to_end(execution, &course, s)) {
        const struct step *step = &plan->steps[s];
        json_t *object = list_add(list);
        put_text(object, "step", step->name);
        put_text(object, "state", step_phase_text((enum step_phase)execution->steps[s].phase));
        put_count(object, "tier", step_serves_tier(plan, step));
        put_count(object, "left_ms", step_left_ms(answering->core, &execution->steps[s], step));
        put_count(object, "ends_in_ms", course.end_ms[s]);
        put_likely(object, course.shown[s], course.likely_ms[s]);
        put_yes(object, "waits_for_people", execution->steps[s].phase == STEP_APPROVAL);
    }
    return list;
}

json_t *rto_list(const struct answering *answering, const struct execution *execution) {
    struct course course = {0};
    json_t *list = json_array();
    if (course_of(answering, execution, &course)) {
        for (uint8_t tier = 1; tier <= OBJECTIVES_MAX; tier++) {
            put_tier(answering, execution, &course, tier, list);
        }
    }
    return list;
}
