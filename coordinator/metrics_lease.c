/* The lease, the group, agents and guards, and the newest execution. */
#include "common/base/bits.h"
#include "coordinator/metrics_parts.h"

/* -------------------------------------------------------------------- the lease */

FILL(lease_epoch) {
    tell(scrape, scrape->core->epoch);
}

FILL(lease_open) {
    tell(scrape, scrape->current && scrape->core->open);
}

FILL(lease_owner) {
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        if (scrape->topology->regions[r].kind == REGION_DATA) {
            const struct label label = {"region", scrape->topology->regions[r].name};
            exposition_count(scrape->to, scrape->core->open && scrape->core->owner == r, 1, &label);
        }
    }
}

static const char *text_phase(unsigned index) {
    return phase_text((enum phase)index);
}

FILL(lease_phase) {
    tell_one_of(scrape, 0, NULL, "phase", PHASES_N, text_phase, scrape->core->phase);
}

FILL(lease_seconds) {
    tell_ms(scrape, scrape->topology->lease.lease_ms);
}

FILL(lease_wait_seconds) {
    tell_ms(scrape, scrape->topology->lease.wait_ms);
}

static bool gate_is_open(const struct scrape *scrape, uint8_t agent) {
    const struct report *report = report_of(scrape->member, agent);
    return scrape->fresh[agent] && report != NULL && report->guard.present &&
           report->guard.gate == GATE_OPEN;
}

/* Counted from the report on, as the lease runs while nothing is heard. */
static uint64_t left_ms(const struct scrape *scrape, uint8_t agent) {
    const struct report *report = report_of(scrape->member, agent);
    uint64_t age_ms = scrape->now_ms - scrape->member->agents[agent].reported_boot_ms;
    return report != NULL && report->guard.lease_left_ms > age_ms
               ? report->guard.lease_left_ms - age_ms
               : 0;
}

static void tell_guards(const struct scrape *scrape, bool leased_only) {
    const struct topology *topology = scrape->topology;
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        unsigned n = 0;
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            bool counts = !leased_only || (gate_is_open(scrape, a) && left_ms(scrape, a) > 0);
            n += topology->agents[a].guarded && topology->agents[a].region == r && counts;
        }
        const struct label label = {"region", topology->regions[r].name};
        if (topology->regions[r].kind == REGION_DATA) {
            exposition_count(scrape->to, n, 1, &label);
        }
    }
}

FILL(lease_guards) {
    tell_guards(scrape, false);
}

FILL(lease_guards_leased) {
    tell_guards(scrape, true);
}

FILL(lease_unexpected_gates) {
    unsigned n = 0;
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        bool owns = scrape->core->open && scrape->topology->agents[a].region == scrape->core->owner;
        n += scrape->topology->agents[a].guarded && !owns && gate_is_open(scrape, a);
    }
    tell(scrape, n);
}

/* -------------------------------------------------------------------- the group */

FILL(group_members) {
    tell(scrape, scrape->topology->members_n);
}

static void tell_members(const struct scrape *scrape,
                         bool (*holds)(const struct core *core, uint8_t member)) {
    for (uint8_t m = 0; m < scrape->topology->members_n; m++) {
        const struct label label = {"member", scrape->topology->members[m].name};
        exposition_count(scrape->to, scrape->current && holds(scrape->core, m), 1, &label);
    }
}

static bool spoke(const struct core *core, uint8_t member) {
    return core->members[member].present != 0;
}

static bool attesting(const struct core *core, uint8_t member) {
    return core->members[member].attesting != 0;
}

static bool keeps_time(const struct core *core, uint8_t member) {
    return core->keeper_term > 0 && core->timekeeper == member;
}

FILL(group_spoke) {
    tell_members(scrape, spoke);
}

FILL(group_attesting) {
    tell_members(scrape, attesting);
}

FILL(group_timekeeper) {
    tell_members(scrape, keeps_time);
}

/* ------------------------------------------------------------- agents and guards */

#define AGENT_LABELS(scrape, a)                                                                    \
    {                                                                                              \
        {"agent", (scrape)->topology->agents[a].name}, {                                           \
            "region", name_region((scrape)->topology, (scrape)->topology->agents[a].region)        \
        }                                                                                          \
    }

FILL(agent_heard) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        exposition_count(scrape->to, listen_agent_heard(scrape->member, a), 2, labels);
    }
}

FILL(agent_heard_age) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        uint64_t ago_ms = heard_ago_ms(scrape->member, a);
        if (ago_ms != UINT64_MAX) {
            exposition_ms(scrape->to, ago_ms, 2, labels);
        }
    }
}

FILL(agent_heard_by) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        unsigned n = scrape->current ? bits_count(scrape->core->agents[a].heard_by) : 0;
        exposition_count(scrape->to, n, 2, labels);
    }
}

FILL(agent_version) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        const struct agent_live *live = &scrape->member->agents[a];
        exposition_count(scrape->to,
                         live->reported ? live->report.config_version
                                        : scrape->core->agents[a].config_version,
                         2, labels);
    }
}

/* By the stamps of its reports: nothing is told of one that is not heard. */
FILL(agent_clock) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct clock_seen *seen = &scrape->member->agents[a].clock;
        const struct label labels[] = AGENT_LABELS(scrape, a);
        if (scrape->fresh[a] && seen->n > 0) {
            exposition_signed_ms(scrape->to, clock_off_ms(seen), 2, labels);
        }
    }
}

FILL(guard_present) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        const struct report *report = report_of(scrape->member, a);
        if (scrape->topology->agents[a].guarded) {
            exposition_count(
                scrape->to, scrape->fresh[a] && report != NULL && report->guard.present, 2, labels);
        }
    }
}

static const char *text_gate_at(unsigned index) {
    return text_gate((uint8_t)index);
}

FILL(guard_gate) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        const struct report *report = report_of(scrape->member, a);
        bool known = scrape->fresh[a] && report != NULL && report->guard.present;
        if (scrape->topology->agents[a].guarded) {
            tell_one_of(scrape, 2, labels, "gate", GATE_ABSENT + 1, text_gate_at,
                        known ? report->guard.gate : GATE_UNKNOWN);
        }
    }
}

FILL(guard_lease_left) {
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = AGENT_LABELS(scrape, a);
        const struct report *report = report_of(scrape->member, a);
        if (scrape->topology->agents[a].guarded && scrape->fresh[a] && report != NULL &&
            report->guard.present) {
            exposition_ms(scrape->to, left_ms(scrape, a), 2, labels);
        }
    }
}

/* --------------------------------------------------------------- the execution */

static const struct execution *newest(const struct scrape *scrape) {
    return execution_newest(scrape->core);
}

FILL(execution_id) {
    const struct execution *execution = newest(scrape);
    tell(scrape, execution == NULL ? 0 : execution->id);
}

FILL(execution_running) {
    const struct execution *execution = newest(scrape);
    if (execution == NULL) {
        return;
    }
    const struct label labels[] = {{"kind", plan_kind_text((enum plan_kind)execution->kind)},
                                   {"plan", execution->plan < scrape->topology->plans_n
                                                ? scrape->topology->plans[execution->plan].name
                                                : ""},
                                   {"source", name_region(scrape->topology, execution->source)},
                                   {"target", name_region(scrape->topology, execution->target)}};
    exposition_count(scrape->to, execution_runs(execution), 4, labels);
}

static const char *text_stage(unsigned index) {
    return stage_text((enum execution_stage)index);
}

FILL(execution_stage) {
    const struct execution *execution = newest(scrape);
    tell_one_of(scrape, 0, NULL, "stage", STAGES_N, text_stage,
                execution == NULL ? STAGE_NONE : execution->stage);
}

static const char *text_pause(unsigned index) {
    return index == PAUSE_NO ? "no" : pause_text((enum pause_why)index);
}

FILL(execution_paused) {
    const struct execution *execution = newest(scrape);
    tell_one_of(scrape, 0, NULL, "why", PAUSE_NO_AGENT + 1, text_pause,
                execution == NULL || !execution_runs(execution) ? PAUSE_NO : execution->paused);
}

FILL(execution_waits) {
    const struct execution *execution = newest(scrape);
    bool waits = false;
    if (execution != NULL && execution_runs(execution)) {
        waits = execution->paused != PAUSE_NO;
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            waits = waits || execution->steps[s].phase == STEP_APPROVAL;
        }
    }
    tell(scrape, waits);
}

FILL(execution_elapsed) {
    const struct execution *execution = newest(scrape);
    if (execution != NULL) {
        uint64_t end_ms = execution_runs(execution) ? scrape->core->now_ms : execution->finished_ms;
        tell_ms(scrape, end_ms > execution->outage_ms ? end_ms - execution->outage_ms : 0);
    }
}

FILL(execution_rto) {
    uint64_t rto_ms = objective_rto_ms(scrape->topology);
    if (rto_ms > 0) {
        tell_ms(scrape, rto_ms);
    }
}

FILL(execution_steps) {
    const struct execution *execution = newest(scrape);
    for (unsigned p = 0; execution != NULL && p < STEP_PHASES_N; p++) {
        unsigned n = 0;
        for (uint8_t s = 0; s < execution->steps_n; s++) {
            n += execution->steps[s].phase == p;
        }
        const struct label label = {"state", step_phase_text((enum step_phase)p)};
        exposition_count(scrape->to, n, 1, &label);
    }
}

/* Of one that runs: who had command of it in the end is in its report. */
FILL(execution_commander) {
    const struct execution *execution = newest(scrape);
    uint8_t who = execution == NULL ? NONE : execution_commander(execution);
    if (who != NONE && execution_runs(execution)) {
        const struct label label = {"operator", name_operator(scrape->topology, who)};
        exposition_count(scrape->to, 1, 1, &label);
    }
}

FILL(execution_command_asked) {
    const struct execution *execution = newest(scrape);
    if (execution != NULL && execution_runs(execution) && execution->asked_by != 0) {
        uint8_t who = (uint8_t)(execution->asked_by - 1);
        const struct label label = {"operator", name_operator(scrape->topology, who)};
        exposition_count(scrape->to, 1, 1, &label);
    }
}
