/* The service, its machines and clocks, and one run from the first event to the last. */
#include "sim.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "trace.h"

#define CLIENT_EVERY_US 25000
#define BOOT_TAKES_MS 1500
#define MACHINE_OFF_US 1000000 /* who stays away longer was not only its process */

uint64_t pick(struct sim *sim, uint64_t below) {
    return rng_below(&sim->rng, below);
}

bool chance(struct sim *sim, uint32_t permille) {
    return permille > 0 && rng_chance(&sim->rng, permille, 1000);
}

void sim_mix(struct sim *sim, uint64_t value) {
    sim->hash = (sim->hash ^ value) * UINT64_C(0x100000001B3);
    sim->hash ^= sim->hash >> 29;
}

void sim_say(struct sim *sim, uint8_t process, const char *format, ...) {
    char who[16], text[256];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (process < AGENT_FIRST) {
        (void)text_format(who, sizeof who, "member c%u", process + 1u);
    } else if (process < ENGINE) {
        uint8_t host = (uint8_t)((process - AGENT_FIRST) % SIM_HOSTS_MAX);
        uint8_t region = host_region(sim, host);
        unsigned nth = 0;
        for (uint8_t h = 0; h <= host; h++) {
            nth += host_region(sim, h) == region;
        }
        (void)text_format(who, sizeof who, "%s %c%u", process < GUARD_FIRST ? "agent" : "guard",
                          "pdme"[region], nth);
    } else {
        (void)text_copy(who, sizeof who, process == ENGINE ? "log" : "world");
    }
    trace_note(sim, process, who, text);
}

/* -------------------------------------------------------------------- clocks */

static uint64_t local_ms(uint64_t true_us, int32_t ppm) {
    return true_us * (uint64_t)(1000000 + ppm) / UINT64_C(1000000000);
}

struct stamp sim_stamp(const struct sim *sim, uint8_t machine) {
    const struct machine *clock = &sim->machines[machine];
    uint64_t up_us = sim->now_us - clock->booted_us;
    uint64_t boot_ms = clock->base_ms + local_ms(up_us, clock->boot_ppm);
    struct stamp stamp = {.boot_ms = (uint64_t)((int64_t)boot_ms + clock->boot_step_ms),
                          .raw_ms = clock->base_ms + local_ms(up_us, clock->raw_ppm)};
    bool one =
        mutant_is(sim, machine < HOST_FIRST ? MUTANT_WAIT_ONE_CLOCK : MUTANT_FENCE_ONE_CLOCK);
    return one ? (struct stamp){stamp.boot_ms, stamp.boot_ms} : stamp;
}

uint64_t raw_to_true_us(const struct sim *sim, uint8_t machine, uint64_t ms) {
    return ms * UINT64_C(1000000000) / (uint64_t)(1000000 + sim->machines[machine].raw_ppm);
}

/* A boot sets both clocks back to nothing, so that they are younger than what is remembered. */
static void machine_boot(struct sim *sim, uint8_t place) {
    struct machine *machine = &sim->machines[place];
    if (machine->off) {
        machine->off = false;
        machine->base_ms = BOOT_TAKES_MS;
        machine->booted_us = sim->now_us;
        machine->boot_step_ms = 0;
    }
}

static void clocks_draw(struct sim *sim) {
    int32_t rho = (int32_t)sim->topology->lease.drift_ppm;
    if (mutant_is(sim, MUTANT_DRIFT)) {
        rho = 200000;
    }
    bool extreme = chance(sim, 300);
    for (uint8_t i = 0; i < PLACES_N; i++) {
        struct machine *machine = &sim->machines[i];
        int32_t ppm = (int32_t)pick(sim, (uint64_t)(2 * rho + 1)) - rho;
        machine->raw_ppm = extreme ? (ppm < 0 ? -rho : rho) : ppm;
        /* BOOTTIME may be slewed a great deal further, by 10 %: RAW is what is bounded. */
        bool slewed = chance(sim, 200) && !mutant_is(sim, MUTANT_DRIFT);
        int32_t slew_ppm = (int32_t)pick(sim, 200001) - 100000;
        if (chance(sim, 500)) {
            slew_ppm = slew_ppm < 0 ? -100000 : 100000;
        }
        machine->boot_ppm = slewed ? slew_ppm : machine->raw_ppm;
        machine->base_ms = 1000000 + pick(sim, 100000000);
    }
}

/* ------------------------------------------------------------------ topology */

static struct step *add_step(struct plan *plan, enum action_kind action, uint8_t agent) {
    struct step *step = &plan->steps[plan->steps_n++];
    memset(step, 0, offsetof(struct step, arguments));
    step->action = (uint8_t)action;
    step->component = agent == NONE ? 0 : NONE;
    step->agent = agent;
    step->through = NONE;
    step->approval = NONE;
    step->timeout_ms = 2500;
    step->retries = 2;
    return step;
}

/* Six looks at the store, one behind the other; in some worlds alone, as those of before. */
static void make_drills(struct sim *sim) {
    struct topology *topology = sim->topology;
    uint64_t die = (sim->seed * UINT64_C(0x9FB21C651E98DF25)) >> 60;
    sim->drills = die == 2 || die == 5;
    for (uint8_t kind = PLAN_COMPONENT; sim->drills && kind <= PLAN_DRILL; kind++) {
        struct plan *plan = &topology->plans[topology->plans_n++];
        plan->kind = kind;
        plan->drill = NONE;
        plan->steps_n = 0;
        for (uint8_t s = 0; s < 6; s++) {
            struct step *step = add_step(plan, ACTION_VERIFY, NONE);
            step->may_fail = true; /* a paused one would keep the topology as it is */
            step->needs_n = s > 0;
            step->needs[0] = (uint8_t)(s - (s > 0));
        }
    }
}

static void make_plans(struct sim *sim) {
    struct topology *topology = sim->topology;
    uint8_t vantage = (uint8_t)(sim->hosts_n - 1);
    topology->plans_n = 3;
    for (uint8_t kind = 0; kind < 3; kind++) {
        struct plan *plan = &topology->plans[kind];
        plan->kind = kind;
        plan->steps_n = 0;
        if (kind == PLAN_REPROTECT) {
            add_step(plan, ACTION_PG_REJOIN, NONE)->at_source = true;
            continue;
        }
        struct step *handoff = add_step(plan, ACTION_REDIS_HANDOFF, NONE);
        handoff->at_source = true;
        handoff->before_fence = true;
        handoff->retries = 0;
        (void)add_step(plan, ACTION_REDIS_PROMOTE, NONE);
        struct step *dns = add_step(plan, ACTION_DNS_UPDATE, vantage);
        dns->needs_n = 1;
        dns->needs[0] = 1;
        dns->may_fail = chance(sim, 500);
        dns->mandated = true; /* else an automatic failover asks for it (W221) */
        struct step *verify = add_step(plan, ACTION_VERIFY, NONE);
        verify->approval = chance(sim, 200) ? ROLE_SRE : NONE;
        verify->mandated = chance(sim, 500);
        /* A step that no agent's own list allows. */
        if (chance(sim, 40)) {
            verify->action = ACTION_EXEC;
        }
        /* Drawn beside the others: the seeds of before stay what they were. */
        uint64_t die = (sim->seed * UINT64_C(0x9E3779B97F4A7C15)) >> 61;
        if (kind == PLAN_SWITCHOVER && die < 2) {
            verify->mode = die == 0 ? STEP_MODE_GRACEFUL : STEP_MODE_UNGRACEFUL;
        }
        sim->locked = die >= 6; /* the promotion and the look at it are never at work together */
        plan->locks_n = sim->locked ? 1 : 0;
        plan->steps[1].locks = verify->locks = sim->locked && !mutant_is(sim, MUTANT_NO_LOCKS);
    }
    make_drills(sim);
}

static void make_numbers(struct sim *sim) {
    struct topology *topology = sim->topology;
    uint64_t die = pick(sim, 100);
    uint8_t policy = die < 70   ? QUORUM_LOSS_FAILSAFE
                     : die < 90 ? QUORUM_LOSS_FENCE
                                : QUORUM_LOSS_HOLD;
    /* rho 2 %: W = T (1 + rho) / (1 - rho) + tick; the gate as late as the check lets. */
    topology->lease = (struct lease_numbers){.lease_ms = 3000,
                                             .renew_ms = 450,
                                             .fence_ms = 1000,
                                             .gate_early_ms = 150,
                                             .wait_ms = 3123 + 20,
                                             .promise_ms = 3123 + 20,
                                             .drift_ppm = 20000,
                                             .tick_ms = 20,
                                             .on_quorum_loss = policy};
    topology->policy = (struct policy_numbers){.automatic = policy != QUORUM_LOSS_HOLD,
                                               .rearm_needed = chance(sim, 150),
                                               .hold_down_ms = chance(sim, 300) ? 3000 : 1000,
                                               .settle_ms = 1300,
                                               .silent_ms = 1200,
                                               .block_ms = chance(sim, 300) ? 8000 : 1500,
                                               .agent_step_ms = 2500};
}

static void add_hosts(struct sim *sim, uint8_t region, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        sim->host_regions[sim->hosts_n++] = region;
    }
}

static void add_endpoint(struct sim *sim, uint8_t region) {
    struct topology *topology = sim->topology;
    struct endpoint *endpoint = &topology->endpoints[topology->endpoints_n++];
    endpoint->component = 0;
    endpoint->region = region;
    endpoint->agents_n = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == region) {
            endpoint->agents[endpoint->agents_n++] = h;
        }
    }
    topology->checks[topology->checks_n++] = (struct check){.component = 0,
                                                            .region = region,
                                                            .outside = true,
                                                            .vital = true,
                                                            .agent = NONE,
                                                            .link = NONE};
}

static void make_topology(struct sim *sim) {
    struct topology *topology = sim->topology;
    bool third = chance(sim, 250);
    add_hosts(sim, REGION_P, third ? 1 : 1 + (unsigned)pick(sim, 2));
    add_hosts(sim, REGION_D, 1 + (unsigned)pick(sim, 2));
    add_hosts(sim, REGION_E, third ? 1 : 0);
    add_hosts(sim, REGION_M, 1);
    topology->version = 1;
    sim->engine.history = 1;
    topology->initial_region = REGION_P;
    topology->members_n = sim->members_n;
    topology->regions_n = third ? 4 : 3;
    topology->regions[REGION_M].kind = REGION_MONITORING;
    topology->agents_n = sim->hosts_n;
    topology->components_n = 1;
    topology->components[0].guarded = true;
    topology->endpoints_n = 0;
    topology->checks_n = 0;
    add_endpoint(sim, REGION_P);
    add_endpoint(sim, REGION_D);
    if (third) {
        add_endpoint(sim, REGION_E);
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        bool gate = host_region(sim, h) != REGION_M;
        topology->agents[h].region = host_region(sim, h);
        topology->agents[h].guarded = gate;
        topology->agents[h].gate = gate;
    }
    make_numbers(sim);
    make_plans(sim);
}

/* ----------------------------------------------------------------- processes */

uint8_t place_of(uint8_t process) {
    if (process < AGENT_FIRST) {
        return process;
    }
    unsigned host = HOST_FIRST + (unsigned)(process - AGENT_FIRST) % SIM_HOSTS_MAX;
    return (uint8_t)(process >= ENGINE ? ENGINE_PLACE : host);
}

void process_start(struct sim *sim, uint8_t process) {
    struct process *self = &sim->processes[process];
    self->alive = true;
    self->incarnation++;
    self->busy_until_us = 0;
    self->wants_disk = false;
    self->restart_us = 0;
    if (process < AGENT_FIRST) {
        machine_boot(sim, process);
        member_start(sim, process);
    } else if (process < GUARD_FIRST) {
        agent_start(sim, (uint8_t)(process - AGENT_FIRST));
    } else {
        guard_start(sim, (uint8_t)(process - GUARD_FIRST));
    }
    (void)queue_add(sim, sim->now_us + 1 + pick(sim, TICK_US), SIM_TICK, process);
}

void process_kill(struct sim *sim, uint8_t process, uint64_t back_us) {
    struct process *self = &sim->processes[process];
    if (!self->alive) {
        return;
    }
    SAY(sim, process, "is killed");
    if (process < AGENT_FIRST) {
        member_crash(sim, process);
        sim->machines[process].off = back_us > sim->now_us + MACHINE_OFF_US;
    } else if (process < GUARD_FIRST) {
        commands_crash(sim, (uint8_t)(process - AGENT_FIRST));
    } else {
        guard_crash(sim, (uint8_t)(process - GUARD_FIRST));
    }
    self->alive = false;
    self->incarnation++;
    self->restart_us = back_us;
}

void process_stop(struct sim *sim, uint8_t process, uint64_t until_us) {
    bool real =
        process < GUARD_FIRST || host_region(sim, (uint8_t)(process - GUARD_FIRST)) != REGION_M;
    if (real && sim->processes[process].alive) {
        sim->processes[process].busy_until_us = until_us;
        SAY(sim, process, "is stopped until %llu", (unsigned long long)(until_us / 1000));
    }
}

void host_kill(struct sim *sim, uint8_t host, uint64_t back_us) {
    process_kill(sim, (uint8_t)(AGENT_FIRST + host), back_us);
    process_kill(sim, (uint8_t)(GUARD_FIRST + host), back_us);
    sim->processes[AGENT_FIRST + host].restart_us = back_us;
    sim->processes[GUARD_FIRST + host].restart_us = back_us;
    sim->guards[host].gate_shut_us = sim->now_us; /* no kernel, no writes */
    sim->machines[HOST_FIRST + host].off = true;
}

void host_boot(struct sim *sim, uint8_t host) {
    machine_boot(sim, (uint8_t)(HOST_FIRST + host));
    if (mutant_is(sim, MUTANT_BOOT_OPEN) && host_region(sim, host) != REGION_M) {
        sim->guards[host].gate_shut_us = sim->now_us + 60000000;
        judge_gate_open(sim, host, 0, 0);
    }
    if (host_region(sim, host) != REGION_M) {
        process_start(sim, (uint8_t)(GUARD_FIRST + host));
    } else {
        sim->processes[GUARD_FIRST + host].alive = true; /* the front that checks look at */
    }
    process_start(sim, (uint8_t)(AGENT_FIRST + host));
}

static void restart_due(struct sim *sim) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        struct process *agent = &sim->processes[AGENT_FIRST + h];
        struct process *guard = &sim->processes[GUARD_FIRST + h];
        if (!agent->alive && !guard->alive && guard->restart_us <= sim->now_us &&
            agent->restart_us <= sim->now_us) {
            host_boot(sim, h);
        } else if (!guard->alive && agent->alive && guard->restart_us <= sim->now_us) {
            process_start(sim, (uint8_t)(GUARD_FIRST + h));
        } else if (!agent->alive && guard->alive && agent->restart_us <= sim->now_us) {
            process_start(sim, (uint8_t)(AGENT_FIRST + h));
        }
    }
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (!sim->processes[m].alive && sim->processes[m].restart_us <= sim->now_us) {
            process_start(sim, m);
        }
    }
}

/* ------------------------------------------------------------------- the run */

static void tick(struct sim *sim, uint8_t process) {
    if (process < AGENT_FIRST) {
        member_tick(sim, process);
    } else if (process < GUARD_FIRST) {
        agent_tick(sim, (uint8_t)(process - AGENT_FIRST));
    } else {
        guard_tick(sim, (uint8_t)(process - GUARD_FIRST));
    }
    (void)queue_add(sim, sim->now_us + TICK_US, SIM_TICK, process);
}

static void deliver(struct sim *sim, const struct sim_message *message) {
    uint8_t process = message->to;
    bool local = message->kind == MSG_CALL || message->kind == MSG_REPLY;
    if (local && message->incarnation != sim->processes[process].incarnation) {
        return;
    }
    if (process < AGENT_FIRST) {
        member_message(sim, process, message);
    } else if (process < GUARD_FIRST) {
        agent_message(sim, (uint8_t)(process - AGENT_FIRST), message);
    } else {
        guard_call(sim, (uint8_t)(process - GUARD_FIRST), &message->call);
    }
}

/* What a process that is stopped, or waits for its disk, gets later. */
static bool put_off(struct sim *sim, const struct sim_event *event) {
    struct process *self = &sim->processes[event->to];
    uint64_t later_us = 0;
    if (self->busy_until_us > sim->now_us) {
        later_us = self->busy_until_us;
    } else if (self->wants_disk && event->kind != SIM_DISK) {
        later_us = self->disk_done_us;
    }
    if (later_us == 0) {
        return false;
    }
    if (event->kind == SIM_DISK) {
        self->disk_done_us = later_us;
    }
    struct sim_event *again = queue_add(sim, later_us, (enum sim_event_kind)event->kind, event->to);
    again->incarnation = event->incarnation;
    again->arg = event->arg;
    again->message = event->message;
    return true;
}

static void to_process(struct sim *sim, const struct sim_event *event) {
    struct process *self = &sim->processes[event->to];
    bool of_this_life = event->kind == SIM_MESSAGE || event->incarnation == self->incarnation;
    if (event->to == ENGINE) {
        engine_message(sim, &event->message);
        return;
    }
    if (!self->alive || !of_this_life || put_off(sim, event)) {
        return;
    }
    sim_mix(sim, sim->now_us << 12 | (uint64_t)event->to << 6 |
                     (event->kind == SIM_MESSAGE ? event->message.kind : 32u + event->kind));
    if (event->kind == SIM_MESSAGE) {
        deliver(sim, &event->message);
    } else if (event->kind == SIM_TICK) {
        tick(sim, event->to);
    } else if (event->kind == SIM_ACTION) {
        commands_action(sim, (uint8_t)(event->to - AGENT_FIRST), event->arg);
    } else if (event->to < AGENT_FIRST) {
        member_disk(sim, event->to);
    } else {
        guard_disk(sim, (uint8_t)(event->to - GUARD_FIRST));
    }
}

static void to_world(struct sim *sim, const struct sim_event *event) {
    switch ((enum sim_event_kind)event->kind) {
    case SIM_FAULT:
        if (sim->now_us < sim->weather.stormy_until_us) {
            faults_strike(sim);
        }
        break;
    case SIM_STORY:
        if (sim->now_us < sim->weather.stormy_until_us) {
            story_go_on(sim, (enum story)event->arg);
        }
        break;
    case SIM_CLIENT:
        restart_due(sim);
        restore_back_up(sim);
        rogue_world(sim);
        stores_tick(sim);
        judge_clients(sim);
        (void)queue_add(sim, sim->now_us + CLIENT_EVERY_US, SIM_CLIENT, PROCESSES_N);
        break;
    case SIM_HEAL:
        if (!sim->weather.cuts_are_tight) {
            faults_heal(sim);
        }
        break;
    case SIM_CONFIG: config_go_on(sim); break;
    case SIM_ANEW: anew_go_on(sim); break;
    case SIM_KILL: process_kill(sim, (uint8_t)event->arg, sim->now_us + pick(sim, 400000)); break;
    case SIM_STOP: process_stop(sim, (uint8_t)event->arg, sim->now_us + pick(sim, 5000000)); break;
    case SIM_MESSAGE:
    case SIM_TICK:
    case SIM_DISK:
    case SIM_ACTION: break;
    }
}

/* Drawn beside the others. */
static void members_draw(struct sim *sim) {
    struct rng rng;
    rng_seed(&rng, sim->seed ^ UINT64_C(0x6D656D6265727321));
    uint64_t die = rng_below(&rng, 100);
    bool lies =
        mutant_is(sim, MUTANT_LIAR_AND_LAGGARD) || mutant_is(sim, MUTANT_LIAR_FROM_LAST_YES);
    sim->members_n = die < 12 && !lies ? 1 : die < 24 ? 5 : 3;
}

static void begin(struct sim *sim) {
    members_draw(sim);
    make_topology(sim);
    clocks_draw(sim);
    faults_draw(sim);
    liar_draw(sim);
    rogue_draw(sim);
    stores_start(sim);
    for (uint8_t m = 0; m < sim->members_n; m++) {
        process_start(sim, m);
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        host_boot(sim, h);
    }
    sim->processes[ENGINE].alive = true;
    (void)queue_add(sim, CLIENT_EVERY_US, SIM_CLIENT, PROCESSES_N);
    (void)queue_add(sim, sim->weather.stormy_until_us, SIM_HEAL, PROCESSES_N);
}

void world_start(struct sim *sim, struct topology *topology, uint64_t seed, enum mutant mutant,
                 bool trace) {
    memset(sim, 0, offsetof(struct sim, heap));
    sim->seed = seed;
    sim->topology = topology;
    sim->mutant = (uint8_t)mutant;
    sim->trace = trace;
    sim->hash = UINT64_C(0xCBF29CE484222325);
    rng_seed(&sim->rng, seed);
    queue_clear(sim);
    trace_begin();
    begin(sim);
}

bool world_next(struct sim *sim, uint64_t until_us) {
    struct sim_event event;
    if (sim->judge.failed || sim->heap_n == 0 || sim->events[sim->heap[0]].at_us > until_us ||
        !queue_take(sim, &event)) {
        return false;
    }
    sim->now_us = event.at_us;
    sim->events_n++;
    if (event.to < PROCESSES_N) {
        to_process(sim, &event);
    } else {
        to_world(sim, &event);
    }
    if (sim->trace) {
        trace_look(sim);
    }
    return true;
}

void world_run(struct sim *sim, struct topology *topology, uint64_t seed, enum mutant mutant,
               bool trace) {
    world_start(sim, topology, seed, mutant, trace);
    while (world_next(sim, sim->weather.end_us)) {
        if (sim->now_us > sim->weather.stormy_until_us && judge_settled(sim)) {
            break;
        }
    }
    if (!sim->judge.failed) {
        judge_end(sim);
    }
}
