/* The judge. It looks at what the stores acknowledged, by true time, and at what was run and
 * written: never at what drover says of itself. Only after the healing does it ask whether the
 * members know why nobody serves. */
#include "sim.h"

#include <stdarg.h>
#include <string.h>

#define TICKS_SILENT_MS 4000 /* after the healing: a new timekeeper needs less */

void judge_fail(struct sim *sim, const char *rule, const char *format, ...) {
    struct judge *judge = &sim->judge;
    if (judge->failed) {
        return;
    }
    va_list args;
    va_start(args, format);
    judge->failed = true;
    (void)text_copy(judge->rule, sizeof judge->rule, rule);
    (void)text_format_list(judge->what, sizeof judge->what, format, args);
    va_end(args);
    SAY(sim, PROCESSES_N, "BROKEN %s: %s", judge->rule, judge->what);
}

void judge_asked(struct sim *sim, uint64_t nonce) {
    struct judge *judge = &sim->judge;
    judge->sent[judge->sent_at] = (struct sent_record){nonce, sim->now_us};
    judge->sent_at = (judge->sent_at + 1) % (sizeof judge->sent / sizeof judge->sent[0]);
}

/* I5: whatever happens now, the kernel shuts this gate before the lease ends by true time. Not used
 * against mutants: those must be found by what the stores do. */
static void check_deadline(struct sim *sim, uint8_t host, uint64_t nonce) {
    struct judge *judge = &sim->judge;
    const struct lease_numbers *lease = &config_at(sim->guards[host].pins)->lease;
    uint64_t slow = 1000000 - (uint64_t)lease->drift_ppm;
    uint64_t longest_us = (uint64_t)lease->lease_ms * UINT64_C(1000000000) / slow + 2000;
    if (sim->mutant != MUTANT_NONE_ || nonce == 0 || lease->on_quorum_loss == QUORUM_LOSS_HOLD) {
        return;
    }
    for (size_t i = 0; i < sizeof judge->sent / sizeof judge->sent[0]; i++) {
        /* An older round answered late changes nothing: the newest one counts. */
        bool newer = judge->sent[i].sent_us > judge->lease_sent_us[host];
        if (judge->sent[i].nonce == nonce && newer) {
            judge->lease_sent_us[host] = judge->sent[i].sent_us;
        }
    }
    if (sim->guards[host].gate_shut_us > judge->lease_sent_us[host] + longest_us) {
        judge_fail(sim, "I5", "the gate of host %u is armed beyond the end of its lease", host);
    }
}

void judge_gate_open(struct sim *sim, uint8_t host, uint64_t nonce, uint64_t epoch) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) != host_region(sim, host) && gate_is_open(sim, h)) {
            judge_fail(sim, "I1",
                       "host %u takes writes in epoch %llu while host %u of another region does",
                       host, (unsigned long long)epoch, h);
        }
    }
    check_deadline(sim, host, nonce);
}

void judge_accepted(struct sim *sim, uint8_t host, uint64_t epoch) {
    struct judge *judge = &sim->judge;
    uint8_t region = host_region(sim, host);
    for (uint8_t other = 0; other < SIM_REGIONS; other++) {
        if (other != region && judge->accepted_max[other] >= epoch && !judge->all_lost) {
            judge_fail(sim, "I2", "host %u gets a lease of epoch %llu, region %u already had %llu",
                       host, (unsigned long long)epoch, other,
                       (unsigned long long)judge->accepted_max[other]);
        }
    }
    judge_lease_alone(sim, host, epoch);
    if (judge->accepted_here[host] > epoch) {
        judge_fail(sim, "I2", "host %u goes back from epoch %llu to %llu", host,
                   (unsigned long long)judge->accepted_here[host], (unsigned long long)epoch);
    }
    judge->moves_n += epoch > judge->accepted_max[region] &&
                      epoch > topology_initial_epoch(config_at(sim->config_wanted));
    if (epoch > judge->accepted_max[region]) {
        judge->accepted_max[region] = epoch;
    }
    judge->accepted_here[host] = epoch;
}

bool judge_has_run(const struct sim *sim, const struct command_name *name) {
    for (uint32_t i = 0; i < sim->judge.runs_n; i++) {
        const struct run_record *run = &sim->judge.runs[i];
        /* With the log lost, executions are counted from 1 again; only its ledger knows. */
        bool counted = !sim->judge.all_lost || run->agent == name->agent;
        if (run->execution == name->execution && run->step == name->step &&
            run->attempt == name->attempt && counted) {
            return true;
        }
    }
    return false;
}

void judge_ran(struct sim *sim, const struct command_name *name) {
    struct judge *judge = &sim->judge;
    SAY(sim, (uint8_t)(AGENT_FIRST + name->agent), "runs execution %llu step %u attempt %u",
        (unsigned long long)name->execution, name->step, name->attempt);
    if (judge_has_run(sim, name)) {
        judge_fail(sim, "I4", "execution %llu step %u attempt %u was run twice",
                   (unsigned long long)name->execution, name->step, name->attempt);
    }
    if (judge->runs_n < RUNS_N) {
        judge->runs[judge->runs_n++] = (struct run_record){
            .execution = name->execution,
            .attempt = name->attempt,
            .step = name->step,
            .agent = name->agent,
        };
    }
}

/* I10: the active region was never out of reach, and nobody asked it to move. Of the mutants only
 * the one that breaks nothing else is judged by it. */
static void check_calm(struct sim *sim) {
    const struct weather *weather = &sim->weather;
    bool asked = sim->mutant == MUTANT_NONE_ || mutant_is(sim, MUTANT_NO_NOTE);
    bool excused = sim->now_us < weather->calm_excused_until_us;
    if (!weather->calm || sim->now_us < weather->calm_from_us || !asked || excused) {
        return;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == weather->calm_region && !gate_is_open(sim, h)) {
            judge_fail(sim, "I10", "host %u was fenced though nothing justified it", h);
        }
    }
}

/* Steps that share a lock, as the judge knows them: the second and the fourth of a moving plan. */
static void check_locks(struct sim *sim) {
    for (uint8_t m = 0; sim->locked && m < sim->members_n; m++) {
        for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
            const struct execution *execution = &sim->members[m].core.executions[i];
            if (execution->stage == STAGE_RUN && plan_kind_moves((enum plan_kind)execution->kind) &&
                execution->steps[1].phase == STEP_RUNNING &&
                execution->steps[3].phase == STEP_RUNNING) {
                judge_fail(sim, "locks", "steps 1 and 3 of execution %llu run at the same time",
                           (unsigned long long)execution->id);
            }
        }
    }
}

/* A client at every store: a write is acknowledged when the gate lets it in. */
void judge_clients(struct sim *sim) {
    struct judge *judge = &sim->judge;
    uint8_t regions = 0;
    judge->log_away_us = sim->engine.down_until_us > sim->now_us ? sim->now_us : judge->log_away_us;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        bool cut =
            !net_reaches(sim, m, ENGINE_PLACE) || sim->processes[m].busy_until_us > sim->now_us;
        judge->log_cut_us = cut ? sim->now_us : judge->log_cut_us;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        judge_host(sim, h);
        if (!gate_is_open(sim, h) || host_region(sim, h) == REGION_M) {
            continue;
        }
        judge->writes_n[h]++;
        judge->last_write_us[h] = sim->now_us;
        regions |= (uint8_t)(1u << host_region(sim, h));
    }
    if ((regions & (regions - 1)) != 0) {
        judge_fail(sim, "I1", "writes were acknowledged in two regions at one instant");
    }
    check_calm(sim);
    check_locks(sim);
}

/* ------------------------------------------------------------------ liveness */

static bool serves(const struct sim *sim, const struct core *core) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (core->open && host_region(sim, h) == core->owner && gate_is_open(sim, h)) {
            return true;
        }
    }
    return false;
}

/* People are asked, and the state says for what. */
static bool waits_for_people(const struct core *core, const struct topology *topology) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        bool running = !execution_finished(execution) && !execution_yields(execution);
        for (unsigned s = 0; running && s < execution->steps_n; s++) {
            if (execution->steps[s].phase == STEP_APPROVAL) {
                return true;
            }
        }
        if (running && execution->paused != PAUSE_NO) {
            return true;
        }
        /* Under `hold` nothing but the proof of its guards lets a lost region go. */
        if (running && topology->lease.on_quorum_loss == QUORUM_LOSS_HOLD) {
            return true;
        }
    }
    struct gate_reading gates[GATES_N];
    uint8_t target = NONE;
    (void)gates_read(core, topology, gates, &target);
    return core->open && (!gates[GATE_AUTOMATIC_].passes || !gates[GATE_NOT_HELD_].passes ||
                          !gates[GATE_LATCH_].passes || !gates[GATE_RPO_].passes);
}

/* A lying agent had its guard refuse this very epoch for ever, or the guard knows more than a log
 * that was begun anew (log.lost_epoch): its status says so, and people must move the service on. */
static bool fenced_itself(const struct sim *sim, const struct core *core) {
    bool any = false;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        const struct holder_durable *known = holder_durable_wished(&sim->guards[h].holder);
        bool of_owner = core->open && host_region(sim, h) == core->owner;
        bool liar = sim->weather.erratic_agents || bits_has(sim->weather.rogues, h);
        bool lost = sim->judge.all_lost && known->accepted_epoch > core->epoch;
        bool fenced = (liar || sim->judge.all_lost) && known->fenced_epoch >= core->epoch;
        any = any || (of_owner && (lost || fenced));
    }
    return any;
}

/* A topology was applied to a log that was exchanged afterwards: agents hold it, the log does
 * not. */
static bool topology_was_lost(const struct sim *sim, const struct core *core) {
    bool any = false;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        any = any || sim->agents[h].config_version > core->config_version;
    }
    return any && sim->judge.decisions.blind;
}

/* No topology is taken while a hand-off is undone, so a stolen key is not replaced, and what its
 * thief said still counts; nor is one applied again that was lost, and the reports of those who
 * hold it do not count: people declare, or bring the region back. */
static bool topology_is_not_taken(const struct sim *sim, const struct core *core) {
    bool any = false;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        any = any || core->executions[i].stage == STAGE_UNDO;
    }
    return any &&
           ((sim->weather.thieves | sim->weather.rogues) != 0 || topology_was_lost(sim, core));
}

/* Or stopped by the log's going back, which it names. */
static bool all_caught_up(const struct sim *sim) {
    for (uint8_t m = 0; m < sim->members_n; m++) {
        const struct sim_member *member = &sim->members[m];
        if (!sim->processes[m].alive || (!member->caught_up && !member->stopped)) {
            return false;
        }
    }
    return true;
}

/* The newest word of those that speak. */
static uint8_t speaker(const struct sim *sim) {
    uint8_t best = 0;
    for (uint8_t m = 1; m < sim->members_n; m++) {
        bool better = sim->members[best].stopped ||
                      sim->members[m].applied_index > sim->members[best].applied_index;
        best = !sim->members[m].stopped && better ? m : best;
    }
    return best;
}

/* Without TICKs nothing is decided any more, however well the one that has the lease serves. */
static bool time_is_told(const struct sim *sim) {
    uint8_t m = speaker(sim);
    const struct sim_member *member = &sim->members[m];
    return member->stopped || ticks_silent_ms(&member->ticks, sim_stamp(sim, m)) < TICKS_SILENT_MS;
}

bool judge_settled(struct sim *sim) {
    struct judge *judge = &sim->judge;
    bool well = all_caught_up(sim) && time_is_told(sim) &&
                (restore_waits(sim) || serves(sim, &sim->members[speaker(sim)].core));
    if (!well) {
        judge->served_since_us = 0;
    } else if (judge->served_since_us == 0) {
        judge->served_since_us = sim->now_us;
    }
    return well && sim->now_us - judge->served_since_us > 4000000;
}

/* Two members that applied the same facts hold the same bytes. */
static void check_equal(struct sim *sim) {
    for (uint8_t m = 1; m < sim->members_n; m++) {
        const struct sim_member *a = &sim->members[m - 1], *b = &sim->members[m];
        if (a->applied_index == b->applied_index && !a->stopped && !b->stopped &&
            memcmp(&a->core, &b->core, sizeof a->core) != 0) {
            judge_fail(sim, "state", "members %u and %u differ after the same facts", m, m + 1u);
        }
    }
}

void judge_end(struct sim *sim) {
    struct judge *judge = &sim->judge;
    if (sim->mutant != MUTANT_NONE_) {
        return; /* a mutant is found by what the stores do, not by what it hinders */
    }
    check_equal(sim);
    if (!all_caught_up(sim)) {
        judge_fail(sim, "live", "a member has not caught up after the healing");
    }
    if (!time_is_told(sim)) {
        judge_fail(sim, "live", "nobody tells the time after the healing");
    }
    uint8_t m = speaker(sim);
    const struct core *core = &sim->members[m].core;
    if (serves(sim, core)) {
        return;
    }
    judge->waits_for_people = restore_waits(sim) || fenced_itself(sim, core) ||
                              topology_is_not_taken(sim, core) ||
                              waits_for_people(core, member_topology(sim, m));
    if (!judge->waits_for_people) {
        judge_fail(sim, "live", "nobody serves, and nobody is waited for: phase %s, epoch %llu %s",
                   phase_text((enum phase)core->phase), (unsigned long long)core->epoch,
                   core->open ? "open" : "closed");
    }
}
