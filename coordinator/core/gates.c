/* The gates before an automatic CLOSE: each one a figure, a limit and a yes or no, so that
 * `explain` can print what would have to change. Gates are read in order and all of them
 * always. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/core/internal.h"

const char *gate_text(enum gate gate) {
    switch (gate) {
#define GATE_TEXT(name, text)                                                                      \
    case GATE_##name##_: return text;
        GATE_LIST(GATE_TEXT)
#undef GATE_TEXT
    case GATES_N: break;
    }
    return "unknown gate";
}

static struct gate_reading yes_no(bool passes) {
    return (struct gate_reading){.passes = passes, .value = passes, .limit = 1, .subject = NONE};
}

/* Passes when `value_ms` reached `limit_ms`. */
static struct gate_reading at_least(uint64_t value_ms, uint64_t limit_ms) {
    return (struct gate_reading){.passes = value_ms >= limit_ms,
                                 .value = (int64_t)value_ms,
                                 .limit = (int64_t)limit_ms,
                                 .subject = NONE,
                                 .unit_ms = true};
}

static uint64_t since(const struct core *core, uint64_t from_ms) {
    return core->now_ms > from_ms ? core->now_ms - from_ms : 0;
}

uint8_t other_data_region(const struct topology *topology, uint8_t owner) {
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (r != owner && topology->regions[r].kind == REGION_DATA) {
            return r;
        }
    }
    return NONE;
}

/* The standby is ready when most of its gate agents are heard, each with a guard that answers,
 * and no vital check that its own agents run there has failed. */
static struct gate_reading read_standby(const struct core *core, const struct topology *topology,
                                        uint8_t target) {
    struct gate_reading reading = yes_no(false);
    if (target == NONE) {
        return reading;
    }
    uint64_t alive = verdict_alive(core, topology);
    unsigned gates_n = 0, ready_n = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct agent *agent = &topology->agents[a];
        if (agent->region != target || !agent->gate) {
            continue;
        }
        gates_n++;
        bool guard_ready = !agent->guarded || core->agents[a].guard_present;
        ready_n += bits_has(alive, a) && guard_ready;
    }
    reading.value = ready_n;
    reading.limit = majority_of(gates_n);
    reading.passes = gates_n > 0 && ready_n >= majority_of(gates_n);
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        bool counts = check->region == target && !check->outside && check->vital &&
                      check->agent != NONE && check->link == NONE;
        if (counts && core->checks[c].status[check->agent] == SEEN_FAILED) {
            reading.passes = false;
            reading.subject = c;
        }
    }
    return reading;
}

uint64_t link_limit_ms(const struct topology *topology, const struct link *link) {
    if (link->rpo_ms > 0) {
        return link->rpo_ms;
    }
    uint8_t tier = topology->components[link->component].tier;
    return tier >= 1 && tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rpo_ms : 0;
}

static struct gate_reading read_rpo(const struct core *core, const struct topology *topology) {
    struct gate_reading worst = {.passes = true, .subject = NONE, .unit_ms = true};
    for (uint8_t l = 0; l < topology->links_n; l++) {
        uint64_t limit_ms = link_limit_ms(topology, &topology->links[l]);
        if (limit_ms == 0 || !topology->components[topology->links[l].component].guarded) {
            continue;
        }
        const struct link_view *link = &core->links[l];
        bool passes = link->known && link->lag_ms <= limit_ms;
        if (worst.passes && (!passes || link->lag_ms >= worst.value)) {
            worst.passes = passes;
            worst.value = link->known ? (int64_t)link->lag_ms : -1;
            worst.limit = (int64_t)limit_ms;
            worst.subject = l;
        }
    }
    return worst;
}

/* Silence of the lease itself: a majority of members gave no YES for three renewals. A region whose
 * renewals still come through by a relay is not lost, whatever its probes say. */
static struct gate_reading read_attest(const struct core *core, const struct topology *topology) {
    unsigned silent_n = 0;
    for (unsigned m = 0; m < topology->members_n; m++) {
        silent_n += core->members[m].present && !core->members[m].attesting;
    }
    return (struct gate_reading){.passes = silent_n >= majority_of(topology->members_n),
                                 .value = silent_n,
                                 .limit = majority_of(topology->members_n),
                                 .subject = NONE};
}

static struct gate_reading read_guarded(const struct topology *topology, uint8_t region) {
    struct gate_reading reading = yes_no(true);
    for (uint8_t e = 0; e < topology->endpoints_n; e++) {
        const struct endpoint *endpoint = &topology->endpoints[e];
        if (endpoint->region != region || !topology->components[endpoint->component].guarded) {
            continue;
        }
        bool guarded = false;
        for (unsigned i = 0; i < endpoint->agents_n; i++) {
            guarded = guarded || topology->agents[endpoint->agents[i]].guarded;
        }
        if (!guarded && !topology->policy.accept_soft_fence) {
            reading.passes = false;
            reading.value = 0;
            reading.subject = endpoint->component;
        }
    }
    return reading;
}

static void read_signals(const struct core *core, const struct topology *topology,
                         struct gate_reading gates[GATES_N]) {
    struct region_verdict verdict = verdict_of(core, topology, core->owner);
    bool sick = topology->policy.automatic_sick && verdict.class == CLASS_SICK;
    gates[GATE_OWN_VOICE_] = yes_no(verdict.heard_n == 0 || sick);
    gates[GATE_OWN_VOICE_].value = verdict.heard_n;
    gates[GATE_OWN_VOICE_].limit = 0;
    gates[GATE_OUTSIDE_] = yes_no(verdict.class == CLASS_DARK || sick);
    gates[GATE_OUTSIDE_].value = verdict.vantages_bad_n;
    gates[GATE_OUTSIDE_].limit = verdict.vantages_ok_n;
    gates[GATE_ATTEST_] = sick ? yes_no(true) : read_attest(core, topology);
    uint64_t suspected_ms = core->phase == PHASE_SUSPECT ? since(core, core->suspect_ms) : 0;
    gates[GATE_HOLD_DOWN_] = at_least(suspected_ms, topology->policy.hold_down_ms);
    gates[GATE_HOLD_DOWN_].passes = gates[GATE_HOLD_DOWN_].passes && core->phase == PHASE_SUSPECT;
}

bool gates_read(const struct core *core, const struct topology *topology,
                struct gate_reading ret_gates[GATES_N], uint8_t *ret_target) {
    memset(ret_gates, 0, sizeof(struct gate_reading) * GATES_N);
    *ret_target = NONE;
    if (core->owner == NONE) {
        return false; /* no epoch yet: nothing to fail over */
    }
    uint8_t target = other_data_region(topology, core->owner);
    const struct policy_numbers *policy = &topology->policy;
    ret_gates[GATE_AUTOMATIC_] =
        yes_no(policy->automatic && topology->lease.on_quorum_loss != QUORUM_LOSS_HOLD);
    ret_gates[GATE_NOT_HELD_] = yes_no(core->held_until_ms <= core->now_ms);
    ret_gates[GATE_LATCH_] = yes_no(!core->latched);
    ret_gates[GATE_BLOCK_] = at_least(core->now_ms, core->block_until_ms);
    const struct execution *running = execution_running_const(core);
    ret_gates[GATE_IDLE_] = yes_no(running == NULL || execution_gives_way(running));
    ret_gates[GATE_SETTLED_] = at_least(since(core, core->settle_from_ms), policy->settle_ms);
    read_signals(core, topology, ret_gates);
    ret_gates[GATE_STANDBY_] = read_standby(core, topology, target);
    ret_gates[GATE_RPO_] = read_rpo(core, topology);
    ret_gates[GATE_GUARDED_] = read_guarded(topology, core->owner);
    bool all = core->open != 0;
    for (unsigned g = 0; g < GATES_N; g++) {
        all = all && ret_gates[g].passes;
    }
    *ret_target = target;
    ensure(!all || target != NONE); /* the gate of the standby */
    return all;
}
