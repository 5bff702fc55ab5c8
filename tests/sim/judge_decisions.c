/* The judge of decisions: what an automatic failover needs is kept here a second time, from the
 * facts, the numbers of the topology and the state of the world, without the cores' gates. And a
 * command is looked up among what a majority of members wanted when it said yes. */
#include "sim.h"

#define STANDBY_DEAD_US 7000000 /* a report may be four seconds on its way */

static bool same_name(const struct command_name *a, const struct command_name *b) {
    return a->execution == b->execution && a->epoch == b->epoch && a->attempt == b->attempt &&
           a->step == b->step && a->agent == b->agent && a->action == b->action &&
           a->undo == b->undo;
}

void judge_wanted(struct sim *sim, uint8_t m, const struct command_name *name) {
    struct judge_decisions *decisions = &sim->judge.decisions;
    for (unsigned i = 0; i < WANTED_N; i++) {
        if (same_name(&decisions->wanted[i].name, name)) {
            decisions->wanted[i].members |= (uint8_t)(1u << m);
            return;
        }
    }
    decisions->wanted[decisions->wanted_at++ % WANTED_N] =
        (struct wanted_record){*name, (uint8_t)(1u << m)};
}

/* I4: a majority of members said yes to exactly this command, at exactly this agent. */
void judge_command(struct sim *sim, uint8_t host, const struct command_name *name) {
    unsigned yes_n = bits_count(sim->weather.liars); /* the thieves' */
    for (unsigned i = 0; i < WANTED_N; i++) {
        const struct wanted_record *record = &sim->judge.decisions.wanted[i];
        yes_n += same_name(&record->name, name) ? bits_count(record->members) : 0;
    }
    if (yes_n < majority_of(sim->members_n)) {
        judge_fail(sim, "I4", "execution %llu step %u attempt %u runs, and %u members wanted it",
                   (unsigned long long)name->execution, name->step, name->attempt, yes_n);
    }
    if (name->agent != host) {
        judge_fail(sim, "I4", "host %u runs a command of host %u", host, name->agent);
    }
    if (name->action == ACTION_EXEC) {
        judge_fail(sim, "I4", "host %u runs what its own list does not allow", host);
    }
    uint64_t *newest = &sim->judge.ran_epoch[host];
    if (name->epoch < *newest) {
        judge_fail(sim, "I4", "host %u runs a command of epoch %llu after one of %llu", host,
                   (unsigned long long)name->epoch, (unsigned long long)*newest);
    }
    *newest = name->epoch;
}

/* A store is opened only while its own gate is open: never under a lease that is over. */
void judge_opens(struct sim *sim, uint8_t host, const struct command_name *name) {
    if (opens_a_store(name->action) && !gate_is_open(sim, host)) {
        judge_fail(sim, "opens", "host %u opens its store in epoch %llu behind a shut gate", host,
                   (unsigned long long)name->epoch);
    }
}

/* I2, by true time: nobody holds a lease of an older epoch, gate or no gate. */
void judge_lease_alone(struct sim *sim, uint8_t host, uint64_t epoch) {
    bool asked = sim->mutant == MUTANT_NONE_ || mutant_is(sim, MUTANT_DRIFT_MARGIN) ||
                 mutant_is(sim, MUTANT_FENCE_ONE_CLOCK) || mutant_is(sim, MUTANT_NO_FIRST_WAIT);
    for (uint8_t h = 0; asked && h < sim->hosts_n; h++) {
        const struct holder *holder = &sim->guards[h].holder;
        bool other = host_region(sim, h) != host_region(sim, host) && holder->leased;
        if (other && (holder->lease_epoch < epoch || sim->judge.all_lost) &&
            holder_left_ms(holder, sim_stamp(sim, (uint8_t)(HOST_FIRST + h))) > 0) {
            judge_fail(sim, "I2",
                       "host %u gets a lease of epoch %llu, host %u still has one of %llu", host,
                       (unsigned long long)epoch, h, (unsigned long long)holder->lease_epoch);
        }
    }
}

/* ---------------------------------------------------------------- decisions */

/* Since when a host is dead, and nothing that it said may still be kept by a cut on its way, or by
 * a member that was stopped. */
void judge_host(struct sim *sim, uint8_t host) {
    bool dead =
        !sim->processes[AGENT_FIRST + host].alive && !sim->processes[GUARD_FIRST + host].alive;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        dead = dead && net_reaches(sim, (uint8_t)(HOST_FIRST + host), m) &&
               sim->processes[m].busy_until_us <= sim->now_us;
    }
    uint64_t *since_us = &sim->judge.dead_since_us[host];
    if (!dead) {
        *since_us = 0;
    } else if (*since_us == 0) {
        *since_us = sim->now_us;
    }
}

/* At the moment of that fact, whenever it was applied. */
static bool standby_is_dead(const struct sim *sim, uint8_t region, uint64_t index) {
    uint64_t at_us = sim->facts[index - 1].visible_us[0];
    for (uint8_t m = 1; m < sim->members_n; m++) {
        uint64_t visible_us = sim->facts[index - 1].visible_us[m];
        at_us = visible_us < at_us ? visible_us : at_us;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        bool dead = sim->judge.dead_since_us[h] != 0 &&
                    sim->judge.dead_since_us[h] + STANDBY_DEAD_US < at_us &&
                    sim->judge.log_away_us + STANDBY_DEAD_US < at_us;
        /* A thief of its key, or what a liar said, may keep it alive in the members' eyes. */
        if (host_region(sim, h) == region && (!dead || rogue_or_stolen(sim, h))) {
            return false;
        }
    }
    return true;
}

static void look_at_decision(struct sim *sim, uint8_t m, uint64_t execution_id) {
    const struct core *core = &sim->members[m].core;
    const struct judge_decisions *decisions = &sim->judge.decisions;
    const struct topology *topology = member_topology(sim, m);
    const struct policy_numbers *policy = &topology->policy;
    const struct execution *execution = execution_in(core, execution_id);
    uint8_t target = execution == NULL ? NONE : execution->target;
    if (!policy->automatic || topology->lease.on_quorum_loss == QUORUM_LOSS_HOLD) {
        judge_fail(sim, "I8", "an automatic failover where the policy forbids it");
    }
    if (core->now_ms < decisions->held_until_ms) {
        judge_fail(sim, "held", "an automatic failover while automation is held");
    }
    if (policy->rearm_needed && decisions->latched) {
        judge_fail(sim, "latch", "a second automatic failover that nobody released");
    }
    if (core->now_ms < decisions->block_until_ms) {
        judge_fail(sim, "flap", "an automatic failover within the block of the last move");
    }
    if (core->now_ms < decisions->settle_from_ms + policy->settle_ms) {
        judge_fail(sim, "settle", "an automatic failover before the members have settled");
    }
    if (target != NONE && standby_is_dead(sim, target, decisions->last_index)) {
        judge_fail(sim, "ready", "an automatic failover to a region that is long dead");
    }
    uint32_t rpo_ms = topology->links_n > 0 ? topology->links[0].rpo_ms : 0;
    if (rpo_ms > 0 && (!decisions->lag_known || decisions->lag_ms > rpo_ms)) {
        judge_fail(sim, "rpo", "an automatic failover with a lag %s of %u ms",
                   decisions->lag_known ? "known" : "unknown, once", decisions->lag_ms);
    }
    if (sim->weather.calm && sim->now_us > sim->weather.calm_from_us) {
        judge_fail(sim, "I10", "an automatic failover that nothing justified");
    }
}

static void look_at_request(struct judge_decisions *decisions, const struct core *core,
                            const struct event_request *request) {
    if (request->kind == REQUEST_HOLD) {
        decisions->held_until_ms =
            request->for_ms == 0 ? UINT64_MAX : core->now_ms + request->for_ms;
    } else if (request->kind == REQUEST_RELEASE) {
        decisions->held_until_ms = 0;
        decisions->block_until_ms = 0;
        decisions->latched = false;
    }
}

/* Decided before the log went away, an automatic CLOSE is never the first fact after it came back:
 * the region may be well again. What was sent before may still be on its way. */
static void look_at_close(struct sim *sim, const struct event *event, uint64_t silent_us) {
    const struct weather *weather = &sim->weather;
    uint64_t longest_us = 1000u * (TICK_ELAPSED_MAX_MS + 7 * TICK_ELAPSED_MAX_MS / 8) + 10000 +
                          (weather->tail_permille > 0 ? 1000u * (uint64_t)weather->tail_ms : 0) +
                          (weather->dup_permille > 0 ? 2000000 : 0);
    bool ways_were_well = sim->judge.log_cut_us + 13000000 < sim->now_us || sim->members_n == 1;
    bool asked = sim->mutant == MUTANT_NONE_ || mutant_is(sim, MUTANT_CLOSE_KEPT) ||
                 mutant_is(sim, MUTANT_TICK_LATE_IS_NEW);
    if (asked && event->close.why == CLOSE_AUTOMATIC && silent_us > longest_us && ways_were_well &&
        weather->liars == 0) {
        judge_fail(sim, "stale", "an automatic close, %llu ms after the last tick",
                   (unsigned long long)(silent_us / 1000));
    }
}

/* I4: what counts as done was run once, by the agent that it was for, or that agent lies. */
static void look_at_outcome(struct sim *sim, const struct event *event) {
    struct command_name name = {.execution = event->outcome.execution,
                                .step = event->outcome.step,
                                .attempt = event->outcome.attempt};
    bool ran = sim->judge.runs_n == RUNS_N || rogue_or_stolen(sim, event->outcome.agent) ||
               judge_has_run(sim, &name);
    if (!ran && event->outcome.state == 2 && sim->weather.liars == 0) {
        judge_fail(sim, "I4", "execution %llu step %u attempt %u counts as done and never ran",
                   (unsigned long long)event->outcome.execution, event->outcome.step,
                   event->outcome.attempt);
    }
}

static bool region_is_heard(const struct sim *sim, const struct core *core, uint8_t region) {
    unsigned heard_n = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        bool majority = bits_count(core->agents[h].heard_by) >= majority_of(sim->members_n);
        heard_n += host_region(sim, h) == region && majority;
    }
    return heard_n > 0;
}

/* A step that asks for an approval begins for the first time only while the region that takes over
 * is heard, or silent, as it was when it was approved. */
static void look_at_approvals(struct sim *sim, const struct core *core,
                              const struct topology *topology) {
    struct judge_decisions *decisions = &sim->judge.decisions;
    const struct execution *execution = execution_in(core, core->executions_made);
    if (execution == NULL || execution->plan >= topology->plans_n) {
        return;
    }
    if (execution->id != decisions->seen_execution) {
        decisions->seen_execution = execution->id;
        decisions->seen_voices = decisions->seen_approved = decisions->seen_begun = 0;
    }
    bool heard = region_is_heard(sim, core, execution->target);
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        const struct step *step = &topology->plans[execution->plan].steps[s];
        const struct step_state *state = &execution->steps[s];
        bool approved = state->approved_by != NONE && step->approval != NONE;
        bool mandate = execution->automatic && step->mandated;
        bool first = state->attempt > 0 && !bits_has(decisions->seen_begun, s);
        bool before = bits_has(decisions->seen_approved, s);
        if (first && approved && before && !mandate &&
            heard != bits_has(decisions->seen_voices, s)) {
            judge_fail(sim, "N16", "step %u begins with an approval of what has moved", s);
        }
        if (approved && !before && state->approved_by == execution->declared_by) {
            judge_fail(sim, "N16", "step %u is approved by who declared it", s);
        }
        if (approved && !before) {
            decisions->seen_voices =
                heard ? decisions->seen_voices | bit(s) : decisions->seen_voices & ~bit(s);
        }
        decisions->seen_approved =
            approved ? decisions->seen_approved | bit(s) : decisions->seen_approved & ~bit(s);
        decisions->seen_begun |= state->attempt > 0 ? bit(s) : 0;
    }
}

/* D8: a drill never keeps a lost region from being replaced. By the plan, whatever the core calls
 * the execution: it is neither what an automatic failover waits for, nor what refuses a move. */
static void look_at_drill(struct sim *sim, uint8_t m, const struct event *event,
                          const struct verdict *verdict) {
    const struct core *core = &sim->members[m].core;
    const struct topology *topology = member_topology(sim, m);
    const struct execution *running = execution_in(core, core->executions_made);
    bool drill = running != NULL && !execution_finished(running) &&
                 plan_kind_yields((enum plan_kind)topology->plans[running->plan].kind);
    bool moves = event->kind == EVENT_REQUEST && event->request.kind == REQUEST_DECLARE &&
                 plan_kind_moves((enum plan_kind)event->request.plan_kind);
    if (drill && moves && verdict->rule == 303) {
        judge_fail(sim, "drill", "a declared move is refused for execution %llu, a drill",
                   (unsigned long long)running->id);
    }
    if (event->kind != EVENT_TICK || verdict->result != RESULT_APPLIED) {
        return;
    }
    struct gate_reading gates[GATES_N];
    uint8_t target;
    bool ripe = drill && core->phase == PHASE_SUSPECT;
    (void)gates_read(core, topology, gates, &target);
    for (unsigned g = 0; g < GATES_N; g++) {
        ripe = ripe && (g == GATE_IDLE_ || gates[g].passes);
    }
    if (ripe && sim->judge.decisions.drill_keeps) {
        judge_fail(sim, "drill", "an automatic failover waits for execution %llu, a drill",
                   (unsigned long long)running->id);
    }
    sim->judge.decisions.drill_keeps = ripe;
}

/* A member applied this fact; core is its state after it. */
void judge_applied(struct sim *sim, uint8_t m, const struct event *event,
                   const struct verdict *verdict) {
    const struct core *core = &sim->members[m].core;
    struct judge_decisions *decisions = &sim->judge.decisions;
    if (event->index <= decisions->last_index || decisions->blind) {
        return;
    }
    /* A member took a snapshot before anybody had applied all of it: what it covers is unknown. */
    ensure(event->index == decisions->last_index + 1);
    decisions->last_index = event->index;
    look_at_approvals(sim, core, member_topology(sim, m));
    look_at_drill(sim, m, event, verdict);
    if (verdict->result != RESULT_APPLIED) {
        return;
    }
    bool paused = event->kind == EVENT_TICK && event->tick.elapsed_ms > TICK_ELAPSED_MAX_MS;
    bool long_gap =
        event->kind == EVENT_TIMEKEEPER && event->timekeeper.gap_ms > 2 * TICK_ELAPSED_MAX_MS;
    if (paused || long_gap || event->kind == EVENT_CONFIG) {
        decisions->settle_from_ms = core->now_ms;
    }
    uint64_t at_us = sim->facts[event->index - 1].appended_us;
    if (event->kind == EVENT_TICK || event->kind == EVENT_TIMEKEEPER) {
        decisions->tick_us = at_us;
    }
    if (event->kind == EVENT_CLOSE) {
        look_at_close(sim, event, at_us - decisions->tick_us);
        stores_closed(sim, m, sim->facts[event->index - 1].sampled_ms);
        sim->judge.closes_n[event->close.why & 3u]++;
        decisions->block_until_ms = core->now_ms + member_topology(sim, m)->policy.block_ms;
        /* By the execution, not by the words of who wrote the CLOSE, and may lie. */
        const struct execution *closes = execution_in(core, verdict->execution);
        decisions->latched = decisions->latched || (closes != NULL && closes->automatic);
    }
    if (event->kind == EVENT_OPEN) {
        decisions->lag_known = false;
    }
    if (event->kind == EVENT_LAG) {
        decisions->lag_known = event->lag.known;
        decisions->lag_ms = event->lag.lag_ms;
    }
    if (event->kind == EVENT_CONFIG) {
        decisions->lag_known = false;
    }
    if (event->kind == EVENT_OUTCOME) {
        look_at_outcome(sim, event);
    }
    if (event->kind == EVENT_REQUEST) {
        look_at_request(decisions, core, &event->request);
    }
    if (event->kind == EVENT_TICK && verdict->execution != 0) {
        look_at_decision(sim, m, verdict->execution);
    }
}
