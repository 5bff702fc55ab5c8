/* The fleet around the members: agents that are heard or not, what they see, guards that ask for
 * the lease and prove their fence. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/cli/plans_simulation_parts.h"

#define REPORT_EVERY_MS 1000

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool is_heard(const struct simulation *simulation, uint8_t a) {
    const struct simulated_agent *agent = &simulation->agents[a];
    return !agent->lost ||
           simulation->now_ms - agent->heard_ms < simulation->topology->policy.silent_ms;
}

static bool guard_there(const struct simulation *simulation, uint8_t a) {
    return simulation->topology->agents[a].guarded && !simulation->agents[a].lost &&
           !bits_has(simulation->input->absent_guards, a);
}

static bool owns(const struct simulation *simulation, uint8_t a) {
    const struct core *core = simulation_core(simulation);
    return core->open && simulation->topology->agents[a].region == core->owner;
}

bool fleet_holds_lease(const struct simulation *simulation, uint8_t a, uint64_t epoch) {
    const struct simulated_agent *agent = &simulation->agents[a];
    return agent->lease_epoch == epoch &&
           simulation->now_ms + simulation->topology->lease.gate_early_ms < agent->lease_until_ms;
}

/* -------------------------------------------------------------------- the members */

static bool attesting(const struct simulation *simulation, uint8_t m) {
    uint64_t limit_ms = 3 * (uint64_t)simulation->topology->lease.renew_ms;
    return simulation->yes_ms[m] != 0 &&
           simulation->yes_epoch[m] == simulation_core(simulation)->epoch &&
           simulation->now_ms - simulation->yes_ms[m] < limit_ms;
}

/* What the members hear, said when it changes. */
static void views_say(struct simulation *simulation) {
    struct event event = {.kind = EVENT_VIEW};
    const struct topology *topology = simulation->topology;
    uint64_t heard = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        heard |= is_heard(simulation, a) ? bit(a) : 0;
        uint64_t ago_ms =
            simulation->agents[a].lost ? simulation->now_ms - simulation->agents[a].heard_ms : 0;
        event.view.ago_ms[a] = ago_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ago_ms;
    }
    event.view.heard = heard;
    for (uint8_t m = 0; m < topology->members_n; m++) {
        bool attests = attesting(simulation, m);
        if (heard != simulation->told_heard || attests != simulation->told_attesting[m] ||
            !simulation_core(simulation)->members[m].present) {
            event.view.member = m;
            event.view.attesting = attests;
            simulation->told_attesting[m] = attests;
            (void)simulation_feed(simulation, &event);
        }
    }
    simulation->told_heard = heard;
}

unsigned fleet_yes_n(struct simulation *simulation, uint8_t a, struct attest_ask *ask) {
    unsigned yes_n = 0;
    ask->region = simulation->topology->agents[a].region;
    ask->numbers_agree = true;
    ask->now = simulation_stamp(simulation);
    ask->wait_ms = decide_wait_ms(simulation->topology);
    for (uint8_t m = 0; m < simulation->topology->members_n; m++) {
        enum attest_no answer = decide_answer(&simulation->members[m], a, ask, &simulation->lines);
        yes_n += answer == ATTEST_YES;
        if (answer == ATTEST_YES && ask->purpose == ATTEST_LEASE) {
            simulation->yes_ms[m] = simulation->now_ms;
            simulation->yes_epoch[m] = ask->epoch;
        }
    }
    return yes_n;
}

/* Until a majority of the members has waited. */
uint64_t fleet_wait_left_ms(const struct simulation *simulation) {
    uint64_t left_ms[MEMBERS_MAX] = {0};
    unsigned n = simulation->topology->members_n;
    for (unsigned m = 0; m < n; m++) {
        uint64_t ms =
            attest_wait_left_ms(&simulation->members[m].attest, simulation_stamp(simulation),
                                decide_wait_ms(simulation->topology));
        unsigned at = m;
        for (; at > 0 && left_ms[at - 1] > ms; at--) {
            left_ms[at] = left_ms[at - 1];
        }
        left_ms[at] = ms;
    }
    return left_ms[majority_of(n) - 1];
}

/* --------------------------------------------------------------------- the guards */

static void first_certificate(struct simulation *simulation, uint8_t a) {
    if (simulation->begun && simulation->result->certified_ms == SIMULATED_NEVER &&
        simulation->result->opened_ms != SIMULATED_NEVER) {
        simulation->result->certified_ms = simulation_since(simulation);
        moment_add(simulation, "%s has the first certificate: %s may write",
                   simulation->topology->agents[a].name,
                   simulation->topology->regions[simulation->topology->agents[a].region].name);
    }
}

static void guard_ask(struct simulation *simulation, uint8_t a) {
    struct simulated_agent *agent = &simulation->agents[a];
    const struct lease_numbers *lease = &simulation->topology->lease;
    struct attest_ask ask = {.purpose = ATTEST_LEASE, .epoch = simulation_core(simulation)->epoch};
    agent->ask_ms = SIMULATED_NEVER;
    if (!guard_there(simulation, a) || !owns(simulation, a)) {
        return;
    }
    unsigned yes_n = fleet_yes_n(simulation, a, &ask);
    agent->ask_ms = simulation->now_ms + lease->renew_ms;
    if (yes_n >= majority_of(simulation->topology->members_n)) {
        bool first = agent->lease_epoch != ask.epoch;
        agent->lease_epoch = ask.epoch;
        agent->lease_until_ms = simulation->now_ms + lease->lease_ms;
        first_certificate(simulation, a);
        if (first) {
            work_lease_came(simulation, a);
        }
    } else {
        uint64_t left_ms = fleet_wait_left_ms(simulation) + 2;
        agent->ask_ms = simulation->now_ms + least(left_ms, lease->renew_ms);
    }
}

static void guard_prove(struct simulation *simulation, uint8_t a) {
    struct simulated_agent *agent = &simulation->agents[a];
    const struct attest *attest = &simulation->members[0].attest;
    bool before = attest->fence_proved;
    agent->proves_ms = SIMULATED_NEVER;
    if (!guard_there(simulation, a)) {
        return;
    }
    agent->lease_until_ms = least(agent->lease_until_ms, simulation->now_ms);
    for (uint8_t m = 0; m < simulation->topology->members_n; m++) {
        decide_fence_proof(&simulation->members[m], a, attest->durable.closed_epoch,
                           &simulation->lines);
    }
    if (!before && attest->fence_proved) {
        simulation->result->proved_ms = simulation_since(simulation);
        moment_add(simulation, "every guard of %s has proved its fence: nobody waits any longer",
                   simulation->topology->regions[simulation->topology->agents[a].region].name);
        for (uint8_t i = 0; i < simulation->topology->agents_n; i++) {
            bool asks = guard_there(simulation, i) && owns(simulation, i);
            simulation->agents[i].ask_ms =
                asks ? simulation->now_ms + SIMULATED_HOP_MS : simulation->agents[i].ask_ms;
        }
    }
}

static void lease_ends(struct simulation *simulation) {
    uint64_t last_ms = 0;
    uint64_t closed = simulation->members[0].attest.durable.closed_epoch;
    for (uint8_t a = 0; a < simulation->topology->agents_n; a++) {
        const struct simulated_agent *agent = &simulation->agents[a];
        if (agent->lease_epoch == closed && agent->lease_until_ms > last_ms) {
            last_ms = agent->lease_until_ms;
        }
    }
    bool past = simulation->result->lease_ended_ms != SIMULATED_NEVER;
    if (closed != 0 && last_ms > simulation->zero_ms && last_ms <= simulation->now_ms && !past) {
        simulation->result->lease_ended_ms = last_ms - simulation->zero_ms;
    }
}

void fleet_lease_moved(struct simulation *simulation) {
    const struct core *core = simulation_core(simulation);
    for (uint8_t a = 0; a < simulation->topology->agents_n; a++) {
        struct simulated_agent *agent = &simulation->agents[a];
        bool there = guard_there(simulation, a);
        if (there && owns(simulation, a)) {
            agent->ask_ms =
                simulation->now_ms + SIMULATED_HOP_MS +
                (simulation->begun
                     ? 0
                     : rng_below(&simulation->rng, simulation->topology->lease.renew_ms + 1u));
        } else if (there && !core->open && simulation->topology->agents[a].region == core->owner) {
            agent->proves_ms = simulation->now_ms + SIMULATED_HOP_MS + SIMULATED_PROOF_MS;
        }
    }
}

/* --------------------------------------------------------------------- what is seen */

static uint8_t seen(const struct simulation *simulation, uint8_t c, uint8_t a) {
    return simulation->now_ms >= simulation->flips_ms[c][a] ? CHECK_FAILED
                                                            : simulation->input->checks[c][a];
}

static void report(struct simulation *simulation, uint8_t a) {
    static struct event event;
    struct simulated_agent *agent = &simulation->agents[a];
    uint64_t next = SIMULATED_NEVER;
    bool leased = simulation->now_ms < agent->lease_until_ms;
    memset(&event, 0, sizeof event);
    event.kind = EVENT_REPORT;
    event.report.agent = a;
    event.report.boot = 1;
    event.report.seq = ++agent->seq;
    event.report.config_version = simulation->topology->version;
    event.report.guard_epoch = agent->lease_epoch;
    event.report.guard_present = guard_there(simulation, a);
    event.report.leased = leased;
    event.report.gate = leased ? GATE_OPEN : GATE_SHUT;
    for (uint8_t c = 0; c < simulation->topology->checks_n; c++) {
        if (facts_check_is_of(simulation->topology, c, a)) {
            uint64_t flips_ms = simulation->flips_ms[c][a];
            event.report.checks[event.report.checks_n].check = c;
            event.report.checks[event.report.checks_n++].status = seen(simulation, c, a);
            next = flips_ms > simulation->now_ms ? least(next, flips_ms) : next;
        }
    }
    agent->report_ms = next;
    if (!agent->lost) {
        (void)simulation_feed(simulation, &event);
    }
}

void fleet_lose(struct simulation *simulation, uint8_t a) {
    struct simulated_agent *agent = &simulation->agents[a];
    if (!agent->lost) {
        uint64_t ago_ms = rng_below(&simulation->rng, REPORT_EVERY_MS);
        agent->lost = true;
        agent->heard_ms = simulation->now_ms > ago_ms ? simulation->now_ms - ago_ms : 0;
        agent->ask_ms = agent->proves_ms = agent->report_ms = SIMULATED_NEVER;
    }
}

/* The agents outside see a region fail when its checks have failed often enough in a row. */
static void region_lose(struct simulation *simulation, uint8_t region) {
    const struct topology *topology = simulation->topology;
    unsigned agents_n = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        if (topology->agents[a].region == region) {
            agents_n++;
            fleet_lose(simulation, a);
        }
    }
    moment_add(simulation, "%s is lost, and its %u agent%s with it", topology->regions[region].name,
               agents_n, agents_n == 1 ? "" : "s");
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        for (uint8_t a = 0; check->region == region && a < topology->agents_n; a++) {
            if (check->outside && facts_check_is_of(topology, c, a)) {
                uint64_t again_ms = (uint64_t)check->interval_ms *
                                    (check->failures_n > 1 ? check->failures_n - 1u : 0);
                simulation->flips_ms[c][a] = simulation->now_ms + again_ms + check->timeout_ms +
                                             rng_below(&simulation->rng, check->interval_ms + 1u);
                simulation->agents[a].report_ms =
                    least(simulation->agents[a].report_ms, simulation->flips_ms[c][a]);
            }
        }
    }
}

void fleet_start(struct simulation *simulation) {
    const struct topology *topology = simulation->topology;
    memset(simulation->flips_ms, 0xff, sizeof simulation->flips_ms);
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        struct simulated_agent *agent = &simulation->agents[a];
        agent->ask_ms = agent->proves_ms = SIMULATED_NEVER;
        agent->report_ms = simulation->now_ms;
        bool goes = bits_has(simulation->input->lost_regions, topology->agents[a].region);
        if (bits_has(simulation->input->lost_agents, a) && !goes) {
            agent->lost = true; /* nobody knows since when */
            agent->report_ms = SIMULATED_NEVER;
        }
    }
}

void fleet_begin(struct simulation *simulation) {
    const struct topology *topology = simulation->topology;
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (bits_has(simulation->input->lost_regions, r)) {
            region_lose(simulation, r);
        }
    }
}

void fleet_turn(struct simulation *simulation) {
    const struct topology *topology = simulation->topology;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        if (simulation->now_ms >= simulation->agents[a].report_ms) {
            report(simulation, a);
        }
        if (simulation->now_ms >= simulation->agents[a].proves_ms) {
            guard_prove(simulation, a);
        }
        if (simulation->now_ms >= simulation->agents[a].ask_ms) {
            guard_ask(simulation, a);
        }
    }
    lease_ends(simulation);
    views_say(simulation);
}

uint64_t fleet_due_ms(const struct simulation *simulation) {
    uint64_t at_ms = SIMULATED_NEVER;
    const struct topology *topology = simulation->topology;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct simulated_agent *agent = &simulation->agents[a];
        at_ms = least(at_ms, least(agent->report_ms, least(agent->proves_ms, agent->ask_ms)));
        if (agent->lost && is_heard(simulation, a)) {
            at_ms = least(at_ms, agent->heard_ms + topology->policy.silent_ms);
        }
        if (agent->lease_until_ms > simulation->now_ms) {
            at_ms = least(at_ms, agent->lease_until_ms);
        }
    }
    for (uint8_t m = 0; m < topology->members_n; m++) {
        if (attesting(simulation, m)) {
            at_ms = least(at_ms, simulation->yes_ms[m] + 3 * (uint64_t)topology->lease.renew_ms);
        }
    }
    return at_ms;
}
