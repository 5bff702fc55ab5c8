/* Facts as they are: what was heard, seen, measured, and how much time passed. No decisions. */
#include "coordinator/core/absorb.h"

#include <string.h>

#include "common/base/bits.h"

/* A pause of the log or of all members: what the core believes of the world is old, and everybody
 * must be heard again before a decision. */
static void settle_again(struct core *core) {
    core->settle_from_ms = core->now_ms;
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        core->agents[a].last_heard_ms = core->now_ms;
    }
    core->cleared_ms = core->now_ms;
    if (core->phase == PHASE_SUSPECT) {
        core->phase = PHASE_SERVING;
    }
    /* What was decided by itself before the pause, and not yet begun, was decided about a world
     * that may be another one now. */
    struct execution *execution = execution_running(core);
    if (execution != NULL && execution->automatic && execution->stage == STAGE_FENCE) {
        execution->stage = STAGE_ABORTED;
        execution->finished_ms = core->now_ms;
        core->latched = 0;
    }
}

/* Indexes of agents, checks and links mean something else in another version; their views are
 * learnt anew. Regions and members keep their places (the config check sees to it). */
static bool absorb_config(struct core *core, const struct topology *topology,
                          const struct event *event) {
    struct execution *waits = execution_running(core);
    if (event->config.version <= core->config_version ||
        (waits != NULL && execution_bars_topology(waits))) {
        return false;
    }
    ensure(topology->version == event->config.version);
    if (waits != NULL) {
        waits->stage = STAGE_ABORTED;
        waits->paused = PAUSE_NO;
        waits->finished_ms = core->now_ms;
    }
    core->config_version = event->config.version;
    memset(core->agents, 0, sizeof core->agents);
    memset(core->checks, 0, sizeof core->checks);
    memset(core->links, 0, sizeof core->links);
    settle_again(core);
    return true;
}

static bool absorb_timekeeper(struct core *core, const struct topology *topology,
                              const struct event *event) {
    if (event->timekeeper.term != core->keeper_term + 1 ||
        event->timekeeper.member >= topology->members_n) {
        core->keepers_refused++; /* its key is used up, and the next one of that term is another */
        return false;
    }
    core->keeper_term = event->timekeeper.term;
    core->timekeeper = event->timekeeper.member;
    /* Its gap is told herewith: who learns of this fact by a snapshot must not count it again. It
     * may have waited longer on its way than a TICK that came before it. */
    if (event->wall_ms > core->wall_ms) {
        core->wall_ms = event->wall_ms;
    }
    if (event->timekeeper.gap_ms > 2 * TICK_ELAPSED_MAX_MS) {
        settle_again(core);
    }
    return true;
}

static void note_classes(struct core *core, const struct topology *topology) {
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        core->last_class[r] = verdict_of(core, topology, r).class;
    }
}

static bool absorb_tick(struct core *core, const struct topology *topology,
                        const struct event *event) {
    if (event->tick.member != core->timekeeper) {
        return false;
    }
    uint32_t elapsed_ms = event->tick.elapsed_ms;
    bool paused = elapsed_ms > TICK_ELAPSED_MAX_MS;
    core->now_ms += paused ? TICK_ELAPSED_MAX_MS : elapsed_ms;
    core->wall_ms = event->tick.wall_ms;
    if (paused) {
        settle_again(core);
    }
    note_classes(core, topology);
    return true;
}

static bool absorb_view(struct core *core, const struct topology *topology,
                        const struct event *event) {
    uint8_t member = event->view.member;
    if (member >= topology->members_n) {
        return false;
    }
    core->members[member].present = 1;
    core->members[member].attesting = event->view.attesting != 0;
    for (unsigned a = 0; a < topology->agents_n; a++) {
        struct agent_view *agent = &core->agents[a];
        bool heard = bits_has(event->view.heard, a);
        uint8_t mine = (uint8_t)(1u << member);
        agent->heard_by = (uint8_t)(heard ? agent->heard_by | mine : agent->heard_by & ~mine);
        uint64_t ago_ms = event->view.ago_ms[a];
        uint64_t at_ms = ago_ms > core->now_ms ? 0 : core->now_ms - ago_ms;
        if (at_ms > agent->last_heard_ms) {
            agent->last_heard_ms = at_ms;
        }
    }
    return true;
}

static bool report_is_newer(const struct agent_view *agent, const struct event_report *report) {
    /* Of an earlier start: it was long on its way, and tells of a process that is no more. */
    return report->boot > agent->boot || (report->boot == agent->boot && report->seq > agent->seq);
}

static bool absorb_report(struct core *core, const struct topology *topology,
                          const struct event *event) {
    const struct event_report *report = &event->report;
    if (report->agent >= topology->agents_n || report->config_version != core->config_version ||
        !report_is_newer(&core->agents[report->agent], report)) {
        return false;
    }
    struct agent_view *agent = &core->agents[report->agent];
    agent->boot = report->boot;
    agent->seq = report->seq;
    agent->config_version = report->config_version;
    agent->guard_epoch = report->guard_epoch;
    agent->fenced_epoch = report->fenced_epoch;
    agent->promised_epoch = report->promised_epoch;
    agent->gate = report->gate;
    agent->leased = report->leased;
    agent->guard_present = report->guard_present;
    for (unsigned i = 0; i < report->checks_n; i++) {
        uint16_t check = report->checks[i].check;
        if (check >= topology->checks_n) {
            continue;
        }
        core->checks[check].status[report->agent] = report->checks[i].status;
        if (!topology->checks[check].outside) {
            core->checks[check].role = report->checks[i].role;
            core->checks[check].writable = report->checks[i].writable;
        }
    }
    return true;
}

static bool absorb_lag(struct core *core, const struct topology *topology,
                       const struct event *event) {
    if (event->lag.link >= topology->links_n || event->lag.epoch != core->epoch) {
        return false;
    }
    struct link_view *link = &core->links[event->lag.link];
    link->known = event->lag.known;
    link->lag_ms = event->lag.lag_ms;
    link->lag_bytes = event->lag.lag_bytes;
    return true;
}

/* Of the other kinds all is up to the rules. */
static bool (*const absorbers[EVENT_KINDS_N])(struct core *core, const struct topology *topology,
                                              const struct event *event) = {
    [EVENT_CONFIG] = absorb_config, [EVENT_TIMEKEEPER] = absorb_timekeeper,
    [EVENT_TICK] = absorb_tick,     [EVENT_VIEW] = absorb_view,
    [EVENT_REPORT] = absorb_report, [EVENT_LAG] = absorb_lag,
};

bool absorb(struct context *context) {
    const struct event *event = context->event;
    ensure(event->kind < EVENT_KINDS_N);
    return absorbers[event->kind] == NULL ||
           absorbers[event->kind](context->core, context->topology, event);
}

bool core_report_is_news(const struct core *core, const struct topology *topology,
                         const struct event_report *report) {
    ensure(report->agent < AGENTS_MAX);
    const struct agent_view *agent = &core->agents[report->agent];
    if (!report_is_newer(agent, report) || report->config_version != core->config_version) {
        return false;
    }
    if (agent->boot != report->boot || agent->guard_epoch != report->guard_epoch ||
        agent->fenced_epoch != report->fenced_epoch ||
        agent->promised_epoch != report->promised_epoch || agent->gate != report->gate ||
        agent->leased != report->leased || agent->guard_present != report->guard_present) {
        return true;
    }
    for (unsigned i = 0; i < report->checks_n; i++) {
        uint16_t check = report->checks[i].check;
        if (check >= topology->checks_n) {
            continue;
        }
        const struct check_view *view = &core->checks[check];
        bool role_moved = !topology->checks[check].outside && view->role != report->checks[i].role;
        if (role_moved || view->status[report->agent] != report->checks[i].status) {
            return true;
        }
    }
    return false;
}
