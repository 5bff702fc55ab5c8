/* Which checks are this agent's, when they run and what they said. One run of a check at a time; a
 * target that hangs holds one worker until its timeout and no other check's schedule. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/log.h"

/* Probes end at their deadline. One that ended so much behind it was held up with its whole host
 * or process, and so may its target's answer have been. */
#define LATE_MS 500

struct check_job {
    struct job job;
    uint16_t check;
    uint32_t version; /* of the topology that the check's index belongs to */
    struct arguments arguments;
    struct agent_conf *conf;
    const struct probe_kind *kind;
    uint32_t timeout_ms;
    bool active;
    bool members_time_known;
    int64_t members_ahead_ms;
    bool late;
    uint64_t began_boot_ms, ended_boot_ms;
    struct reading reading;
};

static bool is_mine(const struct agent_program *agent, const struct check *check) {
    uint8_t region = agent->topology->agents[agent->me_there].region;
    return check->outside ? check->region != region : check->agent == agent->me_there;
}

/* Checks keep their state over a new topology when their name and kind stay. */
void checks_adopt(struct agent_program *agent) {
    static struct check_state next[CHECKS_MAX];
    const struct topology *old = agent->topology_next, *now = agent->topology;
    uint64_t now_ms = agent_now_ms();
    memset(next, 0, sizeof next);
    for (unsigned c = 0; c < now->checks_n; c++) {
        for (unsigned o = 0; o < old->checks_n; o++) {
            bool same = text_equal(old->checks[o].name, now->checks[c].name) &&
                        old->checks[o].kind == now->checks[c].kind &&
                        old->checks[o].region == now->checks[c].region;
            if (same) {
                next[c] = agent->checks[o];
                next[c].running = false;
            }
        }
        next[c].mine = agent->me_there != NONE && is_mine(agent, &now->checks[c]);
        /* The first runs are spread, so that a restart is no burst. */
        uint32_t spread_ms = now->checks[c].interval_ms < 2000 ? now->checks[c].interval_ms : 2000;
        next[c].due_boot_ms = now_ms + rng_below(&agent->rng, spread_ms + 1);
    }
    memcpy(agent->checks, next, sizeof next);
}

static void check_run(struct job *base) {
    struct check_job *job = base->data;
    job->began_boot_ms = clock_boot_ms();
    struct probe_input input = {
        .arguments = &job->arguments,
        .secrets = &job->conf->secrets,
        .timeout_ms = job->timeout_ms,
        .deadline_boot_ms = job->began_boot_ms + job->timeout_ms,
        .active = job->active,
        .members_time_known = job->members_time_known,
        .members_ahead_ms = job->members_ahead_ms,
        .exec_directory = job->conf->exec_directory,
        .fence_devices = job->conf->fence_devices,
        .fence_devices_n = job->conf->fence_devices_n,
        .key = job->conf->key,
        .state_directory = job->conf->state,
    };
    job->reading = probe_look(job->kind, &input);
    job->ended_boot_ms = clock_boot_ms();
    job->late = job->ended_boot_ms > input.deadline_boot_ms + LATE_MS;
}

static void reading_take(struct check_state *state, const struct check_job *job) {
    const struct reading *reading = &job->reading;
    state->running = false;
    state->ran = true;
    state->ran_boot_ms = agent_now_ms();
    state->run++;
    state->began_boot_ms = job->began_boot_ms;
    state->ended_boot_ms = job->ended_boot_ms;
    state->latency_ms = reading->latency_ms;
    state->role = reading->role;
    state->writable = reading->writable;
    state->value = reading->value;
    state->timeline = reading->timeline;
    (void)text_copy(state->leader, sizeof state->leader, reading->leader);
    state->positions_n = reading->positions_n;
    memcpy(state->positions, reading->positions, sizeof state->positions);
    (void)text_copy(state->detail, sizeof state->detail,
                    reading->detail[0] != '\0' ? reading->detail : err_text(reading->err));
}

static void check_done(struct job *base) {
    struct check_job *job = base->data;
    struct agent_program *agent = base->agent;
    const struct reading *reading = &job->reading;
    struct check_state *state = &agent->checks[job->check];
    if (job->version != agent->topology->version) {
        free(job);
        return;
    }
    const struct check *check = &agent->topology->checks[job->check];
    bool good = reading->err == ERR_OK && reading->good;
    if (!good && job->late) {
        /* Our lateness is not the target's failure: no reading; in time the check is stale. */
        log_event(LOG_WARNING, "check.late", "check=%s \"%s\"", check->name, reading->detail);
        state->running = false;
        free(job);
        return;
    }
    bool moved = state->role != reading->role || state->writable != reading->writable ||
                 state->timeline != reading->timeline ||
                 !text_equal(state->leader, reading->leader);
    bool changed = debounce_reading(&state->debounce, good, reading->warn, check->failures_n,
                                    check->passes_n, agent_now_ms());
    reading_take(state, job);
    if (changed || moved) {
        agent->report_now = true;
        log_event(LOG_INFO, "check.changed", "check=%s status=%u \"%s\"", check->name,
                  state->debounce.status, state->detail);
    }
    free(job);
}

/* A probe relies on arguments that it accepted; the topology's check cannot know every kind's.
 * Told once. */
static bool check_arguments(const struct agent_program *agent, const struct check *check,
                            const struct probe_kind *kind, struct check_state *state,
                            struct arguments *ret_arguments) {
    struct text256 why = {{0}};
    char detail[sizeof state->detail];
    if (kind == NULL) {
        text_say(&why, "no such probe is built in");
    } else if (topology_check_arguments(agent->topology, check, ret_arguments) != ERR_OK) {
        text_say(&why, "too many arguments");
    } else if (kind->accepts(ret_arguments, &why) == ERR_OK) {
        return true;
    }
    (void)text_format(detail, sizeof detail, "cannot be run: %s", why.at);
    if (!text_equal(state->detail, detail)) {
        (void)text_copy(state->detail, sizeof state->detail, detail);
        log_event(LOG_ERR, "check.unusable", "check=%s \"%s\"", check->name, why.at);
    }
    return false;
}

static void check_start(struct agent_program *agent, uint16_t c) {
    const struct check *check = &agent->topology->checks[c];
    struct check_state *state = &agent->checks[c];
    const struct probe_kind *kind = probe_kind_of((enum check_kind)check->kind);
    struct check_job *job = calloc(1, sizeof *job);
    ensure(job != NULL);
    if (!check_arguments(agent, check, kind, state, &job->arguments)) {
        free(job);
        return;
    }
    job->job = (struct job){.agent = agent, .data = job, .run = check_run, .done = check_done};
    job->check = c;
    job->version = agent->topology->version;
    job->conf = agent->conf;
    job->kind = kind;
    job->timeout_ms = check->timeout_ms;
    job->active = agent_promised_land(agent) != 0;
    job->members_time_known =
        members_time_ahead(&agent->members_time, agent->pins->members_n, &job->members_ahead_ms);
    state->running = true;
    worker_run(&job->job);
}

void checks_tick(struct agent_program *agent) {
    uint64_t now_ms = agent_now_ms();
    for (uint16_t c = 0; c < agent->topology->checks_n; c++) {
        struct check_state *state = &agent->checks[c];
        if (!state->mine || state->running || now_ms < state->due_boot_ms) {
            continue;
        }
        uint32_t interval_ms = agent->topology->checks[c].interval_ms;
        state->due_boot_ms += interval_ms;
        if (state->due_boot_ms < now_ms) {
            state->due_boot_ms = now_ms + interval_ms;
        }
        check_start(agent, c);
    }
}
