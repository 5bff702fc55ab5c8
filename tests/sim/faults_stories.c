/* Faults in an order that rarely comes by chance: each story is a known way to lose a rule, told
 * with random times, so that around it the seeds find the neighbours. */
#include "sim.h"

#include <string.h>

#define EVERYWHERE (bit(PLACES_N) - 1)

uint8_t world_owner(const struct sim *sim) {
    uint8_t owner = NONE;
    uint64_t epoch = 0;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (sim->members[m].core.epoch > epoch) {
            epoch = sim->members[m].core.epoch;
            owner = sim->members[m].core.owner;
        }
    }
    return owner;
}

void story_later(struct sim *sim, enum story story, uint64_t after_us) {
    queue_add(sim, sim->now_us + after_us, SIM_STORY, PROCESSES_N)->arg = story;
}

static void process_later(struct sim *sim, enum sim_event_kind kind, uint8_t process,
                          uint64_t within_us) {
    queue_add(sim, sim->now_us + pick(sim, within_us), kind, PROCESSES_N)->arg = process;
}

/* ------------------------------------------------------------------- people */

/* Every third one is bound to what its operator saw at one of the members, which may lag. */
static void bind_to_what_is_seen(const struct sim *sim, uint8_t m, struct event_request *request) {
    const struct core *core = &sim->members[m].core;
    const struct topology *topology = member_topology(sim, m);
    uint8_t plan = plan_of_kind(topology, (enum plan_kind)request->plan_kind);
    const struct execution *execution = core_execution(core, request->execution);
    if (request->kind == REQUEST_MODE_UNGRACEFUL && execution != NULL &&
        execution->plan < topology->plans_n && core->owner != NONE) {
        struct seen_plan seen = seen_plan_now(core, topology, execution->plan, execution->target);
        seen_plan_write(&seen, request->seen);
    }
    if (sim->requests_n % 3 != 0 || topology->regions_n == 0) {
        return;
    }
    if (request->kind == REQUEST_DECLARE && plan != NONE && core->owner != NONE) {
        struct seen_plan seen = seen_plan_now(core, topology, plan, request->region);
        seen_plan_write(&seen, request->seen);
    } else if (request->kind == REQUEST_APPROVE && execution != NULL &&
               request->step < execution->steps_n) {
        struct seen_step seen = {.execution = execution->id, .step = request->step};
        seen.moves = seen_moves_now(core, topology, execution, request->step);
        seen_step_write(&seen, request->seen);
    }
}

static struct event_request some_request(struct sim *sim) {
    static const uint8_t kinds[] = {
        REQUEST_DECLARE, REQUEST_DECLARE, REQUEST_DECLARE,    REQUEST_APPROVE,   REQUEST_ABORT,
        REQUEST_PAUSE,   REQUEST_RESUME,  REQUEST_STEP_RETRY, REQUEST_STEP_SKIP, REQUEST_STEP_DONE,
        REQUEST_HOLD,    REQUEST_RELEASE, REQUEST_REJECT};
    struct event_request request;
    memset(&request, 0, sizeof request);
    uint8_t m = (uint8_t)pick(sim, sim->members_n);
    const struct core *core = &sim->members[m].core;
    request.kind = kinds[pick(sim, sizeof kinds)];
    request.role = ROLE_SRE;
    /* One person declares and commands, a second one approves, and as often the first tries to. */
    request.operator_index = request.kind == REQUEST_APPROVE && sim->requests_n % 2 == 0;
    uint64_t identity = ++sim->requests_n << 8 | 1;
    memcpy(request.identity, &identity, sizeof identity);
    request.plan = NONE;
    request.plan_kind = (uint8_t)pick(sim, 3);
    request.region = core->owner == REGION_P ? REGION_D : REGION_P;
    if (sim->topology->regions_n > REGION_E && chance(sim, 300)) {
        request.region = REGION_E;
    }
    request.execution = core->executions_made;
    request.step = (uint8_t)pick(sim, 4);
    request.for_ms = request.kind == REQUEST_HOLD ? 1000 + (uint32_t)pick(sim, 8000) : 0;
    bind_to_what_is_seen(sim, m, &request);
    return request;
}

/* The same request at one or more members, by a way of its own. */
static void ask(struct sim *sim, const struct event_request *request, unsigned members_n) {
    struct sim_message message = {.kind = MSG_REQUEST, .request = *request};
    uint8_t first = (uint8_t)pick(sim, sim->members_n);
    SAY(sim, PROCESSES_N, "an operator asks: %s %u",
        request_kind_text((enum request_kind)request->kind), request->region);
    for (unsigned i = 0; i < members_n; i++) {
        message.to = (uint8_t)((first + i) % sim->members_n);
        message.from = message.to;
        net_send(sim, &message);
    }
}

static void declare_to(struct sim *sim, uint8_t region) {
    struct event_request request = some_request(sim);
    request.kind = REQUEST_DECLARE;
    request.plan_kind = PLAN_FAILOVER;
    request.region = region;
    request.for_ms = 0;
    memset(request.seen, 0, sizeof request.seen); /* it was seen of another request */
    ask(sim, &request, sim->members_n);
}

static void declare(struct sim *sim) {
    declare_to(sim, world_owner(sim) == REGION_P ? REGION_D : REGION_P);
}

/* In either region; a component's failover as often as a drill. */
void story_drill(struct sim *sim) {
    struct event_request request;
    if (!sim->drills) {
        return;
    }
    request = some_request(sim);
    request.kind = REQUEST_DECLARE;
    request.plan_kind = chance(sim, 500) ? PLAN_DRILL : PLAN_COMPONENT;
    request.region = chance(sim, 500) ? REGION_P : REGION_D;
    request.for_ms = 0;
    memset(request.seen, 0, sizeof request.seen);
    ask(sim, &request, sim->members_n);
}

static void silence(struct sim *sim, uint8_t region, uint64_t back_us);

/* A planned move, in peace: what goes wrong comes behind it, or in the middle of it. */
static void hand_over(struct sim *sim) {
    struct event_request request = some_request(sim);
    request.kind = REQUEST_DECLARE;
    request.plan_kind = PLAN_SWITCHOVER;
    request.region = world_owner(sim) == REGION_P ? REGION_D : REGION_P;
    request.for_ms = 0;
    memset(request.seen, 0, sizeof request.seen);
    ask(sim, &request, sim->members_n);
    if (chance(sim, 600)) {
        story_later(sim, STORY_MODE, 20000 + pick(sim, chance(sim, 500) ? 300000 : 4000000));
    }
}

/* Somebody gives up the hand-off, or takes that back, at whatever moment this is; perhaps with the
 * fence put off by a pause, perhaps because the source has just died. */
static void change_mode(struct sim *sim) {
    static const uint8_t around[] = {REQUEST_PAUSE, REQUEST_RESUME, REQUEST_ABORT,
                                     REQUEST_STEP_RETRY};
    struct event_request request = some_request(sim);
    uint8_t source = world_owner(sim);
    memset(request.seen, 0, sizeof request.seen);
    request.for_ms = 0;
    if (chance(sim, 300) && source != NONE) {
        silence(sim, source, for_ms(sim, 300, 6000));
    }
    if (chance(sim, 400)) {
        request.kind = around[pick(sim, sizeof around)];
        ask(sim, &request, sim->members_n);
        request = some_request(sim);
        memset(request.seen, 0, sizeof request.seen);
        request.for_ms = 0;
    }
    request.kind = chance(sim, 700) ? REQUEST_MODE_UNGRACEFUL : REQUEST_MODE_GRACEFUL;
    uint8_t m = (uint8_t)pick(sim, sim->members_n);
    if (chance(sim, 200)) {
        bind_to_what_is_seen(sim, m, &request);
    }
    ask(sim, &request, 1 + (unsigned)pick(sim, sim->members_n));
    if (chance(sim, 500)) {
        story_later(sim, STORY_MODE, 10000 + pick(sim, 1500000));
    }
}

static void skip_steps(struct sim *sim) {
    for (uint8_t step = 1; step < 4; step++) {
        struct event_request request = some_request(sim);
        request.kind = REQUEST_STEP_SKIP;
        request.step = step;
        request.for_ms = 0;
        ask(sim, &request, sim->members_n);
    }
}

/* Agents order their guards to fence for no reason: they may, and nothing but the service may
 * suffer. Then the guards restart, and the region is lost. */
static void erratic(struct sim *sim) {
    uint8_t region = world_owner(sim);
    for (uint8_t host = 0; host < sim->hosts_n; host++) {
        struct sim_message message = {.kind = MSG_CALL,
                                      .from = (uint8_t)(AGENT_FIRST + host),
                                      .to = (uint8_t)(GUARD_FIRST + host)};
        message.call.kind = CALL_FENCE;
        message.call.epoch = sim->guards[host].holder.durable.accepted_epoch;
        if (host_region(sim, host) != region || message.call.epoch == 0 ||
            !sim->processes[AGENT_FIRST + host].alive) {
            continue;
        }
        SAY(sim, message.from, "orders a fence of %llu for no reason",
            (unsigned long long)message.call.epoch);
        net_local(sim, &message);
        if (chance(sim, 500)) {
            process_later(sim, SIM_KILL, message.to, 1500000);
        }
    }
    if (chance(sim, 600)) {
        story_later(sim, STORY_DECLARED, 500000 + pick(sim, 2500000));
    }
}

void story_people(struct sim *sim) {
    if (sim->weather.erratic_agents) {
        erratic(sim);
    } else if (sim->weather.people_meddle) {
        struct event_request request = some_request(sim);
        ask(sim, &request, 1 + (unsigned)pick(sim, 2));
    }
}

/* --------------------------------------------------------------- the stories */

static void silence(struct sim *sim, uint8_t region, uint64_t back_us) {
    bool links = chance(sim, 500);
    uint64_t places = hosts_of(sim, region);
    SAY(sim, PROCESSES_N, "region %u falls silent until %llu", region,
        (unsigned long long)(back_us / 1000));
    if (links) {
        net_cut(sim, places, EVERYWHERE & ~places, back_us, false);
    }
    for (uint8_t h = 0; !links && h < sim->hosts_n; h++) {
        if (host_region(sim, h) == region) {
            process_stop(sim, (uint8_t)(AGENT_FIRST + h), back_us);
            process_stop(sim, (uint8_t)(GUARD_FIRST + h), chance(sim, 700) ? back_us : 0);
        }
    }
}

/* Disks of these places refuse, or are slow, just when something must be written. */
static void disks_trouble(struct sim *sim, uint64_t places) {
    for (uint8_t place = 0; place < PLACES_N; place++) {
        if (bits_has(places, place) && chance(sim, 700)) {
            strike_disk(sim, place);
        }
    }
}

/* The active region falls silent, with its gate still open, while people declare; and then the
 * members restart, or the log is slow, or the region comes back in the middle of it. */
void story_declared(struct sim *sim) {
    uint8_t region = world_owner(sim);
    if (region == NONE) {
        return;
    }
    silence(sim, region, for_ms(sim, 300, 6000));
    declare(sim);
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (chance(sim, 400)) {
            process_later(sim, SIM_KILL, m, 2500000);
        }
    }
    if (chance(sim, 250)) {
        sim->engine.down_until_us = for_ms(sim, 500, 5000);
    }
    if (chance(sim, 150)) {
        disks_trouble(sim, chance(sim, 500) ? bit(sim->members_n) - 1 : EVERYWHERE);
    }
    if (chance(sim, 150)) {
        story_later(sim, STORY_CLOCKS, 200000 + pick(sim, 2000000));
    }
}

/* The members' machines were suspended together, as far as BOOTTIME knows. */
static void clocks_step(struct sim *sim) {
    int64_t step_ms = 1000 + (int64_t)pick(sim, 9000);
    SAY(sim, PROCESSES_N, "BOOTTIME of all members steps by %lld ms", (long long)step_ms);
    for (uint8_t m = 0; m < sim->members_n; m++) {
        sim->machines[m].boot_step_ms += step_ms;
    }
}

/* Promises carry the active region; then the cut moves, and the standby reaches the members. */
void story_promises(struct sim *sim) {
    uint8_t active = world_owner(sim);
    uint64_t data = hosts_of(sim, REGION_P) | hosts_of(sim, REGION_D) | hosts_of(sim, REGION_E);
    uint64_t half_us = for_ms(sim, 1500, 5500);
    if (active == NONE) {
        return;
    }
    SAY(sim, PROCESSES_N, "all regions lose the members until %llu",
        (unsigned long long)(half_us / 1000));
    net_cut(sim, data, EVERYWHERE & ~data, half_us, false);
    net_cut(sim, hosts_of(sim, active), EVERYWHERE & ~data,
            half_us + 1000 * (1500 + pick(sim, 5000)), false);
    story_later(sim, STORY_PART, half_us - sim->now_us - pick(sim, 1200000));
    if (chance(sim, 250)) {
        disks_trouble(sim, data & ~hosts_of(sim, active));
    }
}

/* The regions lose each other too, and the standby's guards may restart. */
static void part(struct sim *sim) {
    uint8_t active = world_owner(sim);
    uint64_t there = hosts_of(sim, active);
    net_cut(sim, there, EVERYWHERE & ~there, for_ms(sim, 1500, 6000), false);
    if (chance(sim, 600)) {
        declare(sim);
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        uint8_t region = host_region(sim, h);
        if (region != active && region != REGION_M && chance(sim, 500)) {
            process_later(sim, SIM_KILL, (uint8_t)(GUARD_FIRST + h), 1200000);
        }
    }
}

/* The region that would take over is long dead when the active one falls silent; a third lives. */
void story_standby_dies(struct sim *sim, uint8_t active) {
    uint8_t standby = active == REGION_P ? REGION_D : REGION_P;
    uint64_t back_us = for_ms(sim, 14000, 18000);
    SAY(sim, PROCESSES_N, "region %u is lost until %llu", standby,
        (unsigned long long)(back_us / 1000));
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == standby) {
            host_kill(sim, h, back_us);
        }
    }
    story_later(sim, STORY_ACTIVE_SILENT, 6000000 + pick(sim, 1000000));
}

/* Two closes soon after each other: the region in the middle never had its lease. */
void story_two_moves(struct sim *sim) {
    uint64_t back_us = for_ms(sim, 1800, 4000);
    if (sim->topology->regions_n <= REGION_E || world_owner(sim) != REGION_P) {
        story_declared(sim);
        return;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == REGION_D) {
            host_kill(sim, h, back_us);
        }
    }
    story_later(sim, STORY_SILENCE, 1400000 + pick(sim, 300000));
}

/* The region left comes back while members read the log anew, and the log stops in the middle of
 * it: what they know then is long past. */
void story_stale(struct sim *sim) {
    uint8_t region = world_owner(sim);
    if (region == NONE) {
        return;
    }
    uint64_t places = hosts_of(sim, region);
    net_cut(sim, places, EVERYWHERE & ~places, for_ms(sim, 4500, 6500), false);
    SAY(sim, PROCESSES_N, "region %u is cut off for long", region);
    declare(sim);
    story_later(sim, STORY_RESTARTS, 4200000 + pick(sim, 2000000));
}

static void restarts(struct sim *sim) {
    uint8_t spared = chance(sim, 500) ? (uint8_t)pick(sim, sim->members_n) : NONE;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (m != spared) {
            process_kill(sim, m, sim->now_us + pick(sim, 50000));
        }
    }
    story_later(sim, STORY_LOG_STOPS, 50000 + pick(sim, 400000));
}

void story_go_on(struct sim *sim, enum story story) {
    switch (story) {
    case STORY_PART: part(sim); break;
    case STORY_FIRST_MOVE: declare(sim); break;
    case STORY_OLD_REGION_DIES:
        for (uint8_t h = 0; h < sim->hosts_n; h++) {
            if (host_region(sim, h) == REGION_P) {
                host_kill(sim, h, UINT64_MAX);
            }
        }
        break;
    case STORY_SILENCE:
        silence(sim, REGION_P, for_ms(sim, 2500, 6000));
        declare_to(sim, REGION_D);
        story_later(sim, STORY_SKIP, 150000 + pick(sim, 200000));
        break;
    case STORY_SKIP:
        skip_steps(sim);
        story_later(sim, STORY_MOVE_ON, 100000 + pick(sim, 200000));
        break;
    case STORY_MOVE_ON: declare_to(sim, REGION_E); break;
    case STORY_RESTARTS: restarts(sim); break;
    case STORY_LOG_STOPS: sim->engine.down_until_us = for_ms(sim, 500, 3000); break;
    case STORY_DECLARED: story_declared(sim); break;
    case STORY_MODE: change_mode(sim); break;
    case STORY_PLANNED: hand_over(sim); break;
    case STORY_CLOCKS: clocks_step(sim); break;
    case STORY_ACTIVE_SILENT:
        if (world_owner(sim) != NONE) {
            silence(sim, world_owner(sim), for_ms(sim, 5000, 8000));
        }
        break;
    }
}

/* It was just decided to move by itself, and the CLOSE is on its way. */
void faults_decided(struct sim *sim) {
    if (sim->now_us < sim->weather.stormy_until_us && !sim->weather.calm && chance(sim, 150)) {
        sim->engine.down_until_us = for_ms(sim, 5200, 9000);
        fault_drawn(sim, FAULT_LOG_AWAY, 0);
    }
}

/* Just after something delicate: the process that did it, or its way out. */
void faults_moment(struct sim *sim, uint8_t process) {
    uint8_t place = place_of(process);
    if (sim->now_us > sim->weather.stormy_until_us || !chance(sim, sim->weather.moment_permille)) {
        return;
    }
    fault_drawn(sim, FAULT_MOMENT, bit(place));
    switch (pick(sim, 4)) {
    case 0:
    case 1: process_later(sim, SIM_KILL, process, chance(sim, 500) ? 3000 : 1500000); break;
    case 2: process_later(sim, SIM_STOP, process, chance(sim, 500) ? 3000 : 500000); break;
    default:
        net_cut(sim, bit(place), EVERYWHERE & ~bit(place), for_ms(sim, 500, 6000),
                chance(sim, 300));
        break;
    }
}
