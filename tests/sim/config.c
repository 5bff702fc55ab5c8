/* Topologies and their changes: what an operator applies in the middle of a run, mirrored from
 * coordinator/decide (config_take, decide_topology_follows). Members take the version that they
 * applied; agents and guards keep the numbers of their start until people install the new ones and
 * restart them, before the change or after it. */
#include "sim.h"

#include <stddef.h>
#include <string.h>

static struct topology slots[CONFIG_SLOTS];

struct topology *world_make(void) {
    return &slots[0];
}

struct topology *config_slot(uint8_t slot) {
    ensure(slot < CONFIG_SLOTS);
    return &slots[slot];
}

const struct topology *config_at(uint8_t slot) {
    return config_slot(slot);
}

const struct topology *member_topology(const struct sim *sim, uint8_t m) {
    return &slots[sim->members[m].slot];
}

/* Whole, but only as far as its counts reach: the struct is large. */
static void copy_of(struct topology *to, const struct topology *from) {
    size_t fixed = offsetof(struct plan, steps);
    to->version = from->version;
    to->initial_region = from->initial_region;
    to->initial_epoch = from->initial_epoch;
    to->await_initial_epoch = from->await_initial_epoch;
    to->lease = from->lease;
    to->policy = from->policy;
    to->members_n = from->members_n;
    to->regions_n = from->regions_n;
    memcpy(to->regions, from->regions, sizeof from->regions);
    to->agents_n = from->agents_n;
    memcpy(to->agents, from->agents, sizeof from->agents[0] * from->agents_n);
    to->components_n = from->components_n;
    memcpy(to->components, from->components, sizeof from->components[0] * from->components_n);
    to->endpoints_n = from->endpoints_n;
    memcpy(to->endpoints, from->endpoints, sizeof from->endpoints[0] * from->endpoints_n);
    to->checks_n = from->checks_n;
    memcpy(to->checks, from->checks, sizeof from->checks[0] * from->checks_n);
    to->links_n = from->links_n;
    memcpy(to->links, from->links, sizeof from->links[0] * from->links_n);
    to->plans_n = from->plans_n;
    for (uint8_t p = 0; p < from->plans_n; p++) {
        const struct plan *plan = &from->plans[p];
        memcpy(&to->plans[p], plan, fixed + sizeof plan->steps[0] * plan->steps_n);
    }
}

static bool follows(const struct sim *sim, const struct topology *now,
                    const struct topology *next) {
    const struct lease_numbers *had = &now->lease, *has = &next->lease;
    bool shorter = has->wait_ms < had->wait_ms || has->promise_ms < had->promise_ms;
    bool hold =
        (had->on_quorum_loss == QUORUM_LOSS_HOLD) != (has->on_quorum_loss == QUORUM_LOSS_HOLD);
    return (!shorter || mutant_is(sim, MUTANT_CHANGE_SHORTER)) &&
           (!hold || mutant_is(sim, MUTANT_CHANGE_HOLD));
}

/* True when this CONFIG is taken by a member: then its topology is in force for the step. */
bool config_take(struct sim *sim, uint8_t m, const struct sim_fact *fact) {
    struct sim_member *member = &sim->members[m];
    uint8_t slot = (uint8_t)fact->key.b;
    if (fact->event.config.version != core_next_version(&member->core, &slots[slot])) {
        return false;
    }
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (execution_bars_topology(&member->core.executions[i])) {
            return false;
        }
    }
    if (member->core.config_version > 0 && !follows(sim, &slots[member->slot], &slots[slot])) {
        return false;
    }
    slots[slot].version = fact->event.config.version;
    member->slot = slot;
    memset(member->agents, 0, sizeof member->agents);
    stores_forget(sim, m);
    return true;
}

bool numbers_equal(const struct sim *sim, uint8_t slot_a, uint8_t slot_b) {
    const struct lease_numbers *a = &slots[slot_a].lease, *b = &slots[slot_b].lease;
    bool hold_a = a->on_quorum_loss == QUORUM_LOSS_HOLD;
    bool hold_b = b->on_quorum_loss == QUORUM_LOSS_HOLD;
    return (a->lease_ms == b->lease_ms && a->wait_ms == b->wait_ms &&
            a->promise_ms == b->promise_ms && hold_a == hold_b) ||
           mutant_is(sim, MUTANT_NUMBERS_UNCHECKED);
}

/* ------------------------------------------------------------- the operators */

const struct sim_member *config_speaker(const struct sim *sim) {
    const struct sim_member *newest = NULL;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        const struct sim_member *member = &sim->members[m];
        bool speaks = sim->processes[m].alive && member->caught_up && !member->stopped &&
                      member->core.config_version > 0;
        if (speaks &&
            (newest == NULL || member->core.config_version > newest->core.config_version)) {
            newest = member;
        }
    }
    return newest;
}

/* W >= T (1 + rho) / (1 - rho) + tick. */
static void longer(struct lease_numbers *lease) {
    lease->lease_ms += 400;
    lease->wait_ms += 417;
    lease->promise_ms = lease->wait_ms;
}

static void change(struct sim *sim, struct topology *next) {
    struct policy_numbers *policy = &next->policy;
    uint64_t kinds_n = sim->weather.calm ? 3 : 7;
    if (mutant_is(sim, MUTANT_CHANGE_SHORTER)) {
        next->lease.wait_ms = 1200;
        return;
    }
    if (mutant_is(sim, MUTANT_CHANGE_HOLD)) {
        next->lease.on_quorum_loss = QUORUM_LOSS_FAILSAFE;
        return;
    }
    switch (pick(sim, kinds_n)) {
    case 0: break; /* the same under another version: a key was replaced */
    case 1: policy->block_ms = chance(sim, 500) ? 8000 : 1500; break;
    case 2: next->lease.wait_from = WAIT_FROM_CLOSE; break;
    case 3:
        policy->automatic = !policy->automatic && next->lease.on_quorum_loss != QUORUM_LOSS_HOLD;
        break;
    case 4: policy->hold_down_ms = chance(sim, 500) ? 3000 : 1000; break;
    case 5: next->lease.wait_ms -= 400; break; /* refused by the rules */
    default: longer(&next->lease); break;
    }
}

/* The operator's request, at every member that is heard; asked again until it is in force. */
static void config_ask(struct sim *sim) {
    struct event event = {.kind = EVENT_CONFIG};
    uint64_t request = ++sim->requests_n; /* what was refused uses up no later try */
    for (uint8_t m = 0; m < sim->members_n; m++) {
        const struct sim_member *member = &sim->members[m];
        if (sim->processes[m].alive && member->caught_up && member->core.config_version > 0 &&
            member->slot != sim->config_wanted) {
            event.config.version = core_next_version(&member->core, &slots[sim->config_wanted]);
            struct fact_key key = {EVENT_CONFIG, event.config.version, sim->config_wanted, request};
            propose_event(sim, m, &key, &event);
        }
    }
}

uint8_t config_copy(struct sim *sim, uint8_t of) {
    if (sim->config_n + 1 >= CONFIG_SLOTS) {
        return 0;
    }
    copy_of(&slots[++sim->config_n], &slots[of]);
    return sim->config_n;
}

/* A new topology: its text is another one, whatever it says. None while people are asked to name
 * the first epoch of a log that was begun anew. */
bool config_make(struct sim *sim, bool same) {
    const struct sim_member *member = config_speaker(sim);
    bool awaits = member == NULL || slots[member->slot].await_initial_epoch;
    uint8_t slot = awaits ? 0 : config_copy(sim, member->slot);
    if (slot == 0) {
        return false;
    }
    if (!same) {
        change(sim, &slots[slot]);
    }
    sim->config_wanted = slot;
    return true;
}

/* People install the numbers on a host and restart agent and guard there. */
static void install(struct sim *sim, uint8_t host) {
    sim->pins[host] = sim->config_wanted;
    process_kill(sim, (uint8_t)(AGENT_FIRST + host), sim->now_us + 20000);
    if (host_region(sim, host) != REGION_M) {
        process_kill(sim, (uint8_t)(GUARD_FIRST + host), sim->now_us + 20000);
    }
}

/* An older request came first, and what was asked behind it is refused: people see that at last. */
static void take_what_is_in_force(struct sim *sim, bool healed) {
    const struct sim_member *member = config_speaker(sim);
    if (healed && member != NULL && member->slot != sim->config_wanted &&
        !follows(sim, &slots[member->slot], &slots[sim->config_wanted])) {
        sim->config_wanted = member->slot;
    }
}

void config_go_on(struct sim *sim) {
    bool healed = sim->now_us >= sim->weather.stormy_until_us;
    if (healed && !sim->config_healed) {
        sim->config_healed = config_make(sim, true);
    }
    take_what_is_in_force(sim, healed);
    config_ask(sim);
    const struct topology *wanted = &slots[sim->config_wanted];
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        const struct topology *here = &slots[sim->pins[h]];
        bool other = here->lease.lease_ms != wanted->lease.lease_ms ||
                     here->lease.wait_ms != wanted->lease.wait_ms ||
                     here->lease.on_quorum_loss != wanted->lease.on_quorum_loss;
        if (other && (healed ? sim->config_healed : chance(sim, sim->config_eager ? 700 : 250))) {
            install(sim, h);
        }
    }
    (void)queue_add(sim, sim->now_us + 300000 + pick(sim, 700000), SIM_CONFIG, PROCESSES_N);
}

/* All is healed: what is in force counts, under a new version, for keys may be new ones. */
void config_heal(struct sim *sim) {
    if (sim->config_wanted == 0 && (sim->weather.thieves != 0 || sim->weather.rogues != 0)) {
        (void)queue_add(sim, sim->now_us + 100000, SIM_CONFIG, PROCESSES_N);
    }
}

void strike_config(struct sim *sim) {
    if (sim->config_wanted != 0 || !config_make(sim, false)) {
        return;
    }
    fault_drawn(sim, FAULT_CONFIG, 0);
    SAY(sim, PROCESSES_N, "an operator applies a topology");
    /* Some install the new numbers on the hosts first, some too early, some late. */
    sim->config_eager = chance(sim, 500);
    bool at_once = sim->config_eager && !sim->weather.calm;
    if (!at_once) {
        config_ask(sim);
    }
    uint64_t later_us = at_once ? 0 : 500000 + pick(sim, 1500000);
    (void)queue_add(sim, sim->now_us + later_us, SIM_CONFIG, PROCESSES_N);
}
