/* The past of each step, out of the history's runs, and the question "plan-history". */
#include "coordinator/status_past.h"

#include <string.h>

#include "coordinator/history.h"

struct gathering {
    struct step_past past;
    const char *plan, *step;
    bool looks_only; /* it brings nothing about: finding it is its work */
    uint64_t samples[PAST_SAMPLES_MAX];
};

static void sample_add(struct gathering *gathering, uint64_t ms) {
    uint32_t at = gathering->past.samples_n;
    if (at == PAST_SAMPLES_MAX) {
        return;
    }
    for (; at > 0 && gathering->samples[at - 1] > ms; at--) {
        gathering->samples[at] = gathering->samples[at - 1];
    }
    gathering->samples[at] = ms;
    gathering->past.samples_n++;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* The newest comes first. */
static void take_mine(struct step_past *past, const struct history_run *run, bool done) {
    bool newest = past->runs_n == 0;
    past->runs_n++;
    past->done_n += done;
    past->failing = newest ? !done : past->failing;
    if (!done) {
        past->failed_wall_ms = later(past->failed_wall_ms, run->wall_ms);
        return;
    }
    past->last_execution = past->last_wall_ms == 0 ? run->execution : past->last_execution;
    past->last_wall_ms = later(past->last_wall_ms, run->wall_ms);
    uint64_t *how = run->how == RUN_AUTOMATIC ? &past->last_automatic_wall_ms
                    : run->how == RUN_DRILL   ? &past->last_drill_wall_ms
                                              : &past->last_declared_wall_ms;
    *how = later(*how, run->wall_ms);
}

static void take_run(void *owner, const struct history_run *run) {
    struct gathering *gathering = owner;
    bool done = run->end == RUN_DONE || (run->end == RUN_FOUND && gathering->looks_only);
    bool failed = run->end == RUN_FAILED;
    bool mine = text_equal(run->plan, gathering->plan) && text_equal(run->step, gathering->step);
    if (!done && !failed) {
        return; /* what was there already says nothing of the work */
    }
    if (mine) {
        take_mine(&gathering->past, run, done);
    } else {
        gathering->past.others_n += done;
    }
    if (done && run->ms >= 0) {
        sample_add(gathering, (uint64_t)run->ms);
    }
}

/* Nearest rank: of fewer than 20 the 95th of a hundred is the longest. */
static uint64_t rank_of(const struct gathering *gathering, unsigned percent) {
    uint32_t n = gathering->past.samples_n;
    return n == 0 ? 0 : gathering->samples[(n * percent + 99) / 100 - 1];
}

struct step_past step_past_of(const struct answering *answering, uint8_t plan, uint8_t step,
                              uint8_t source, uint8_t target) {
    const struct plan *is = &answering->topology->plans[plan];
    uint8_t action = is->steps[step].action;
    static struct gathering gathering;
    char work[HISTORY_WORK_SIZE];
    memset(&gathering, 0, sizeof gathering);
    gathering.plan = is->name;
    gathering.step = is->steps[step].name;
    gathering.looks_only = action == ACTION_VERIFY || action == ACTION_PG_AWAIT_POSITION;
    history_work(answering->topology, plan, step, source, target, work);
    gathering.past.counts = action != ACTION_APPROVAL && action != ACTION_MANUAL && work[0] != '\0';
    if (gathering.past.counts && answering->member->history != NULL) {
        history_runs(answering->member->history, work, PAST_RUNS_MAX, &gathering, take_run);
    }
    gathering.past.p50_ms = rank_of(&gathering, 50);
    gathering.past.p95_ms = rank_of(&gathering, 95);
    gathering.past.slowest_ms = rank_of(&gathering, 100);
    return gathering.past;
}

struct plan_past plan_past_of(const struct answering *answering, uint8_t plan, uint8_t source,
                              uint8_t target) {
    struct plan_past all = {.oldest = NONE};
    const struct plan *is = &answering->topology->plans[plan];
    for (uint8_t s = 0; s < is->steps_n; s++) {
        /* What stands before the fence is done in a switchover only. */
        bool skipped = is->steps[s].before_fence && is->kind == PLAN_FAILOVER;
        struct step_past past = step_past_of(answering, plan, s, source, target);
        if (!past.counts || skipped) {
            continue;
        }
        all.steps_n++;
        all.failing_n = (uint8_t)(all.failing_n + past.failing);
        if (past.last_wall_ms == 0) {
            all.never[all.never_n++] = s;
        } else if (all.oldest == NONE || past.last_wall_ms < all.oldest_wall_ms) {
            all.oldest = s;
            all.oldest_wall_ms = past.last_wall_ms;
        }
    }
    return all;
}

static void take_held(void *owner, const struct history_run *run) {
    uint64_t *held_ms = owner;
    *held_ms = later(*held_ms, run->wall_ms);
}

uint64_t drill_held_wall_ms(const struct answering *answering, uint8_t drill) {
    uint64_t held_ms = 0;
    char work[HISTORY_WORK_SIZE];
    history_drill_work(answering->topology, drill, work);
    if (answering->member->history != NULL) {
        history_runs(answering->member->history, work, PAST_RUNS_MAX, &held_ms, take_held);
    }
    return held_ms;
}

/* ------------------------------------------------------------------- the question */

static void add_step(const struct answering *answering, json_t *list, uint8_t plan, uint8_t s,
                     uint8_t source, uint8_t target) {
    const struct step *step = &answering->topology->plans[plan].steps[s];
    struct step_past past = step_past_of(answering, plan, s, source, target);
    json_t *object = list_add(list);
    put_text(object, "name", step->name);
    put_text(object, "action", action_kind_text((enum action_kind)step->action));
    put_text(object, "component", name_component(answering->topology, step->component));
    put_text(object, "region", name_region(answering->topology, step->at_source ? source : target));
    put_yes(object, "counts", past.counts);
    put_yes(object, "never", past.counts && past.last_wall_ms == 0);
    put_yes(object, "failing", past.failing);
    put_count(object, "runs_n", past.runs_n);
    put_count(object, "done_n", past.done_n);
    put_count(object, "others_n", past.others_n);
    put_wall(object, "last", past.last_wall_ms);
    put_count(object, "last_execution", past.last_execution);
    put_wall(object, "last_automatic", past.last_automatic_wall_ms);
    put_wall(object, "last_declared", past.last_declared_wall_ms);
    put_wall(object, "last_drill", past.last_drill_wall_ms);
    put_wall(object, "last_failed", past.failed_wall_ms);
    put_count(object, "samples_n", past.samples_n);
    put_count(object, "p50_ms", past.p50_ms);
    put_count(object, "p95_ms", past.p95_ms);
    put_count(object, "slowest_ms", past.slowest_ms);
    put_count(object, "timeout_ms", step->timeout_ms);
}

static uint8_t other_data_region(const struct topology *topology, uint8_t region) {
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (r != region && topology->regions[r].kind == REGION_DATA) {
            return r;
        }
    }
    return NONE;
}

/* "PLAN [REGION]": where the service goes to, of a reprotect the standby to be; without it the
 * region that does not own the lease. */
static bool way_read(const struct answering *answering, uint8_t *ret_plan, uint8_t *ret_source,
                     uint8_t *ret_target) {
    const struct topology *topology = answering->topology;
    const char *argument = answering->argument, *space = strchr(argument, ' ');
    size_t size = space == NULL ? strlen(argument) : (size_t)(space - argument);
    char name[NAME_SIZE];
    (void)text_format(name, sizeof name, "%.*s", size < NAME_SIZE ? (int)size : 0, argument);
    uint8_t region = topology_region(topology, space == NULL ? standby_name(answering) : space + 1);
    uint8_t other = other_data_region(topology, region);
    *ret_plan = topology_plan(topology, name);
    if (*ret_plan == NONE || region == NONE || other == NONE ||
        topology->regions[region].kind != REGION_DATA) {
        return false;
    }
    bool back = topology->plans[*ret_plan].kind == PLAN_REPROTECT;
    *ret_source = back ? region : other;
    *ret_target = back ? other : region;
    return true;
}

void plan_history_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    uint8_t plan, source, target;
    json_t *steps = json_array();
    if (!way_read(answering, &plan, &source, &target)) {
        json_decref(steps);
        answer_wrong(answering,
                     "\"%s\" is no plan, or names no data region behind it: PLAN [REGION]",
                     answering->argument);
        return;
    }
    for (uint8_t s = 0; s < topology->plans[plan].steps_n; s++) {
        add_step(answering, steps, plan, s, source, target);
    }
    put_text(answering->json, "plan", topology->plans[plan].name);
    put_text(answering->json, "kind", plan_kind_text((enum plan_kind)topology->plans[plan].kind));
    put_text(answering->json, "source", name_region(topology, source));
    put_text(answering->json, "target", name_region(topology, target));
    put_object(answering->json, "steps", steps);
    put_text(answering->json, "trouble",
             answering->member->history == NULL ? "" : history_trouble(answering->member->history));
}
