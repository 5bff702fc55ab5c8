/* What goes wrong, drawn from the seed: crashes, stops, cuts of every shape, disks, clocks, the log
 * away, people who meddle, a region lost for good. A calm seed has only what must never fence. */
#include "sim.h"

#include <string.h>

#define HEAL_BOUND_US 45000000

uint64_t hosts_of(const struct sim *sim, uint8_t region) {
    uint64_t places = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        places |= host_region(sim, h) == region ? bit(HOST_FIRST + h) : 0;
    }
    return places;
}

static uint64_t all_members(void) {
    return bit(SIM_MEMBERS) - 1;
}

uint64_t for_ms(struct sim *sim, uint32_t least, uint32_t most) {
    return sim->now_us + 1000 * (uint64_t)least + pick(sim, 1000 * (uint64_t)(most - least) + 1);
}

static void next_fault(struct sim *sim) {
    uint64_t after_us = 1000 + pick(sim, 2000 * (uint64_t)sim->weather.faults_mean_ms);
    (void)queue_add(sim, sim->now_us + after_us, SIM_FAULT, PROCESSES_N);
}

/* A calm seed: nothing is lost on the way, and the first move, if any, is made in peace. */
static void draw_calm(struct sim *sim) {
    struct weather *weather = &sim->weather;
    weather->calm_after_a_move = chance(sim, 500);
    weather->calm_region = weather->calm_after_a_move ? REGION_D : REGION_P;
    weather->calm_from_us = weather->calm_after_a_move ? 12000000 : 5000000;
    weather->stormy_until_us += weather->calm_from_us;
    if (weather->calm_after_a_move) {
        story_later(sim, STORY_FIRST_MOVE, 3500000);
        weather->calm_old_dies = chance(sim, 600);
        if (weather->calm_old_dies) {
            story_later(sim, STORY_OLD_REGION_DIES, 9500000);
        }
    }
    (void)queue_add(sim, weather->calm_from_us, SIM_FAULT, PROCESSES_N);
}

static void draw_storm(struct sim *sim) {
    struct weather *weather = &sim->weather;
    weather->loss_permille = chance(sim, 500) ? (uint32_t)pick(sim, 60) : 0;
    weather->dup_permille = chance(sim, 300) ? (uint32_t)pick(sim, 40) : 0;
    weather->tail_permille = chance(sim, 600) ? (uint32_t)pick(sim, 150) : 0;
    weather->tail_ms = (uint32_t)(100 + pick(sim, 4500));
    weather->action_fail_permille = chance(sim, 400) ? (uint32_t)pick(sim, 400) : 0;
    weather->people_meddle = chance(sim, 600);
    weather->region_stays_dead = chance(sim, 350);
    weather->erratic_agents = chance(sim, 60);
    weather->moment_permille = chance(sim, 500) ? (uint32_t)pick(sim, 120) : 0;
    for (unsigned i = 0; i < sizeof weather->weights; i++) {
        weather->weights[i] = (uint8_t)(chance(sim, 600) ? pick(sim, 30) : 0);
    }
    weather->weights[0] = (uint8_t)(weather->weights[0] + 1); /* never nothing at all */
    /* The service comes up first; what goes wrong before it did shows nothing. */
    (void)queue_add(sim, 2500000 + pick(sim, 2000000), SIM_FAULT, PROCESSES_N);
}

void faults_draw(struct sim *sim) {
    struct weather *weather = &sim->weather;
    weather->calm = chance(sim, 120);
    weather->stormy_until_us = 14000000 + pick(sim, 18000000);
    weather->faults_mean_ms = (uint32_t)(400 + pick(sim, 3000));
    weather->compact_permille = chance(sim, 400) ? (uint32_t)pick(sim, 60) : 0;
    if (weather->calm) {
        draw_calm(sim);
    } else {
        draw_storm(sim);
    }
    weather->end_us = weather->stormy_until_us + HEAL_BOUND_US;
}

/* -------------------------------------------------------------------- cuts */

static void strike_cut(struct sim *sim) {
    uint64_t p = hosts_of(sim, REGION_P), d = hosts_of(sim, REGION_D) | hosts_of(sim, REGION_E);
    uint64_t m = all_members() | hosts_of(sim, REGION_M) | bit(ENGINE_PLACE);
    uint64_t region = chance(sim, 500) ? p : hosts_of(sim, REGION_D);
    uint64_t everything = bit(PLACES_N) - 1;
    uint64_t until_us = for_ms(sim, 100, chance(sim, 400) ? 9000 : 3500);
    bool one_way = chance(sim, 250);
    uint8_t member = (uint8_t)pick(sim, SIM_MEMBERS);
    switch (pick(sim, 7)) {
    case 0: /* a region from everything */
        net_cut(sim, region, everything & ~region, until_us, one_way);
        break;
    case 1: /* a region from the members: relays and promises */
        net_cut(sim, region, m, until_us, one_way);
        break;
    case 2: /* the regions from each other */ net_cut(sim, p, d, until_us, one_way); break;
    case 3: /* one host from everything */
        region = bit((unsigned)(HOST_FIRST + pick(sim, sim->hosts_n)));
        net_cut(sim, region, everything & ~region, until_us, one_way);
        break;
    case 4: /* one member from everything, or from a region */
        net_cut(sim, bit(member), chance(sim, 500) ? everything & ~bit(member) : region, until_us,
                one_way);
        break;
    case 5: /* one member from the log only: it goes on attesting what it knows */
        net_cut(sim, bit(member), bit(ENGINE_PLACE), until_us, false);
        break;
    default: /* all members from both regions */
        net_cut(sim, all_members(), p | d, until_us, one_way);
        break;
    }
    SAY(sim, PROCESSES_N, "a cut%s until %llu", one_way ? ", one way," : "",
        (unsigned long long)(until_us / 1000));
}

/* ----------------------------------------------------------- crashes, stops */

static uint8_t any_process(struct sim *sim) {
    uint64_t die = pick(sim, SIM_MEMBERS + 2u * sim->hosts_n);
    if (die < SIM_MEMBERS) {
        return (uint8_t)die;
    }
    die -= SIM_MEMBERS;
    return die < sim->hosts_n ? (uint8_t)(AGENT_FIRST + die)
                              : (uint8_t)(GUARD_FIRST + die - sim->hosts_n);
}

static void strike_crash(struct sim *sim) {
    uint8_t process = any_process(sim);
    uint8_t host = (uint8_t)pick(sim, sim->hosts_n);
    uint64_t back_us = for_ms(sim, 0, chance(sim, 300) ? 6000 : 600);
    if (chance(sim, 250)) {
        host_kill(sim, host, back_us);
    } else if (chance(sim, 120)) {
        for (uint8_t m = 0; m < SIM_MEMBERS; m++) {
            process_kill(sim, m, back_us);
        }
    } else if (process < GUARD_FIRST ||
               host_region(sim, (uint8_t)(process - GUARD_FIRST)) != REGION_M) {
        process_kill(sim, process, back_us);
    }
}

static void strike_stop(struct sim *sim) {
    uint64_t until_us = for_ms(sim, 50, 7000);
    if (chance(sim, 400)) { /* agent and guard of a host: the kernel's gate alone must hold */
        uint8_t host = (uint8_t)pick(sim, sim->hosts_n);
        process_stop(sim, (uint8_t)(AGENT_FIRST + host), until_us);
        process_stop(sim, (uint8_t)(GUARD_FIRST + host), until_us);
    } else {
        process_stop(sim, any_process(sim), until_us);
    }
}

/* The active region: power, or links alone; back later, or never. */
static void strike_disaster(struct sim *sim) {
    uint8_t region = world_owner(sim);
    bool power = chance(sim, 500);
    uint64_t back_us = for_ms(sim, 2000, 14000);
    if (region == NONE) {
        return;
    }
    if (chance(sim, 150)) {
        story_standby_dies(sim, region);
        return;
    }
    SAY(sim, PROCESSES_N, "region %u is lost (%s) until %llu", region, power ? "power" : "links",
        (unsigned long long)(back_us / 1000));
    if (!power) {
        uint64_t places = hosts_of(sim, region);
        net_cut(sim, places, (bit(PLACES_N) - 1) & ~places, back_us, false);
        return;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == region) {
            host_kill(sim, h, back_us);
        }
    }
}

static void strike_machine(struct sim *sim) {
    uint8_t place = (uint8_t)pick(sim, HOST_FIRST + sim->hosts_n);
    struct machine *machine = &sim->machines[place];
    switch (pick(sim, 3)) {
    case 0: machine->disk_bad_until_us = for_ms(sim, 100, 4000); break;
    case 1: machine->disk_slow_until_us = for_ms(sim, 100, 6000); break;
    default: /* one of the two clocks jumps */
        machine->boot_step_ms += (int64_t)pick(sim, 20000) - 10000;
        SAY(sim, PROCESSES_N, "BOOTTIME of machine %u steps", place);
        break;
    }
}

/* -------------------------------------------------------------------- a calm */

/* Ways of the active region are cut, and automation must not be taken in: a blip shorter than the
 * hold-down; only a third region reaches it, and relays; its own voice is silent, but it is seen to
 * serve; it is not seen, but it speaks. */
static void strike_calmly_on_ways(struct sim *sim) {
    struct weather *weather = &sim->weather;
    const struct topology *topology = sim->topology;
    uint64_t here = hosts_of(sim, weather->calm_region), third = hosts_of(sim, REGION_E);
    uint64_t data = hosts_of(sim, REGION_P) | hosts_of(sim, REGION_D) | third;
    uint64_t others = bit(PLACES_N) - 1 - here, until_us = for_ms(sim, 2500, 5000);
    bool relays = topology->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE && !weather->calm_old_dies;
    switch (pick(sim, 4)) {
    case 0:
        if (topology->policy.hold_down_ms < 3000) {
            return;
        }
        until_us = for_ms(sim, 1400, 2000);
        weather->calm_excused_until_us = until_us + 3000000;
        break;
    case 1:
        /* With these short renewals relaying begins later than the lease looks silent: a long
         * hold-down covers that. */
        if (!relays || third == 0 || topology->policy.hold_down_ms < 3000) {
            return;
        }
        others &= ~third;
        break;
    case 2:
        if (!relays) {
            return;
        }
        others &= ~data;
        break;
    default: others &= ~(all_members() | bit(ENGINE_PLACE)); break;
    }
    net_cut(sim, here, others, until_us, false);
    weather->calm_rest_us = until_us + 1000 * (uint64_t)topology->lease.lease_ms;
    SAY(sim, PROCESSES_N, "ways of the active region are cut until %llu",
        (unsigned long long)(until_us / 1000));
}

/* One member at a time, or all of them where promises bridge it; the log; a single disk of a
 * member. The standby and the ways between the regions stay well. */
static void strike_calmly(struct sim *sim) {
    const struct lease_numbers *lease = &sim->topology->lease;
    bool promises = lease->on_quorum_loss == QUORUM_LOSS_FAILSAFE && !sim->weather.calm_old_dies;
    bool log_is_well = sim->engine.down_until_us <= sim->now_us;
    uint8_t member = (uint8_t)pick(sim, SIM_MEMBERS);
    uint64_t until_us = for_ms(sim, 100, 3000);
    for (uint8_t m = 0; m < SIM_MEMBERS; m++) {
        bool troubled = !sim->processes[m].alive || !sim->members[m].caught_up ||
                        sim->processes[m].busy_until_us > sim->now_us ||
                        !net_reaches(sim, m, HOST_FIRST);
        if (troubled) {
            /* The region has its members again for a whole lease before the next trouble. */
            sim->weather.calm_rest_us = sim->now_us + 1000 * (uint64_t)lease->lease_ms;
        }
    }
    if (sim->now_us < sim->weather.calm_rest_us) {
        return;
    }
    sim->weather.calm_rest_us = until_us + 1000 * (uint64_t)lease->lease_ms;
    switch (pick(sim, 10)) {
    case 6:
    case 7:
    case 8:
    case 9: strike_calmly_on_ways(sim); break;
    case 0: sim->engine.down_until_us = for_ms(sim, 1000, 12000); break;
    case 1: process_kill(sim, member, until_us); break;
    case 2: process_stop(sim, member, until_us); break;
    case 3: net_cut(sim, bit(member), bit(PLACES_N) - 1 - bit(member), until_us, false); break;
    case 4: sim->machines[member].disk_bad_until_us = until_us; break;
    default: /* all at once: shorter than a lease, or bridged by promises */
        for (uint8_t m = 0; log_is_well && m < SIM_MEMBERS; m++) {
            uint64_t long_us = promises ? pick(sim, 8000000) : 0;
            process_kill(sim, m, sim->now_us + pick(sim, 300000) + long_us);
            sim->weather.calm_rest_us += long_us;
        }
        break;
    }
}

static unsigned weighted(struct sim *sim) {
    const uint8_t *weights = sim->weather.weights;
    unsigned sum = 0, kind = 0;
    for (unsigned i = 0; i < sizeof sim->weather.weights; i++) {
        sum += weights[i];
    }
    uint64_t die = pick(sim, sum);
    while (die >= weights[kind]) {
        die -= weights[kind++];
    }
    return kind;
}

void faults_strike(struct sim *sim) {
    static void (*const strikes[])(struct sim * sim) = {
        strike_cut,   strike_crash,   strike_stop,    strike_disaster, strike_machine,
        story_people, story_declared, story_promises, story_two_moves, story_stale,
    };
    next_fault(sim);
    if (sim->weather.calm) {
        strike_calmly(sim);
    } else if (chance(sim, 60)) {
        sim->engine.down_until_us = for_ms(sim, 100, 9000);
        SAY(sim, ENGINE, "is away until %llu",
            (unsigned long long)(sim->engine.down_until_us / 1000));
    } else {
        strikes[weighted(sim)](sim);
    }
}

/* All is well from here on, except perhaps one region, which never comes back. */
void faults_heal(struct sim *sim) {
    uint8_t dead = sim->weather.region_stays_dead ? world_owner(sim) : NONE;
    SAY(sim, PROCESSES_N, "all is healed%s", dead == NONE ? "" : ", but the active region");
    memset(sim->cut_until_us, 0, sizeof sim->cut_until_us);
    sim->engine.down_until_us = 0;
    if (sim->weather.lies) {
        process_kill(sim, sim->weather.liar, sim->now_us);
    }
    for (uint8_t i = 0; i < PLACES_N; i++) {
        sim->machines[i].disk_bad_until_us = 0;
        sim->machines[i].disk_slow_until_us = 0;
    }
    for (uint8_t i = 0; i < PROCESSES_N; i++) {
        if (sim->processes[i].busy_until_us > sim->now_us) {
            sim->processes[i].busy_until_us = sim->now_us + 1000000;
        }
        sim->processes[i].restart_us = 0;
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == dead) {
            host_kill(sim, h, UINT64_MAX);
            sim->processes[AGENT_FIRST + h].restart_us = UINT64_MAX;
            sim->processes[GUARD_FIRST + h].restart_us = UINT64_MAX;
        }
    }
}
