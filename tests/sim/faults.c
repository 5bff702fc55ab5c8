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

static uint64_t all_members(const struct sim *sim) {
    return bit(sim->members_n) - 1;
}

uint64_t for_ms(struct sim *sim, uint32_t least, uint32_t most) {
    return sim->now_us + 1000 * (uint64_t)least + pick(sim, 1000 * (uint64_t)(most - least) + 1);
}

void fault_drawn(struct sim *sim, enum fault fault, uint64_t places) {
    bool hit = false;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        hit = hit || (bits_has(places, HOST_FIRST + h) && host_region(sim, h) != REGION_M &&
                      gate_is_open(sim, h));
    }
    sim->judge.faults_n[fault]++;
    sim->judge.faults_hit_n[fault] += hit;
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

/* What people do to members and their log, drawn beside the others. */
static void rare_draw(struct sim *sim) {
    struct weather *weather = &sim->weather;
    struct rng rng;
    rng_seed(&rng, sim->seed ^ UINT64_C(0x726172652D2D2D2D));
    bool config = mutant_is(sim, MUTANT_CHANGE_SHORTER) || mutant_is(sim, MUTANT_CHANGE_HOLD) ||
                  mutant_is(sim, MUTANT_NUMBERS_UNCHECKED);
    bool back =
        mutant_is(sim, MUTANT_SET_BACK_UNNOTICED) || mutant_is(sim, MUTANT_SET_BACK_FORGOTTEN);
    weather->config_permille = config || rng_chance(&rng, 1, 5) ? 150 : 0;
    weather->replaced_permille = rng_chance(&rng, 1, 6) ? 100 : 0;
    bool handed = mutant_is(sim, MUTANT_HANDOFF_WRITES) || mutant_is(sim, MUTANT_HANDOFF_UNAWAITED);
    if (rng_chance(&rng, 1, handed ? 1 : 10)) {
        story_later(sim, STORY_PLANNED, 2600000);
    }
    bool backups = back || rng_chance(&rng, 1, 16);
    sim->engine.backup_due_us = backups ? 1500000 + rng_below(&rng, 4000000) : 0;
    weather->loses_all = mutant_is(sim, MUTANT_NO_FIRST_WAIT) || rng_chance(&rng, 1, 16);
    /* A topology that is lost with the log is beyond docs/safety.md. */
    weather->loses_all = weather->loses_all && !backups && weather->config_permille == 0;
    weather->set_back_permille = backups || weather->loses_all ? 120 : 0;
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
    if (mutant_is(sim, MUTANT_NOTE_REFUSED_COUNTS)) { /* no note of a member holds, and they die */
        weather->weights[1] = 60;
        for (uint8_t m = 0; m < sim->members_n; m++) {
            sim->machines[m].disk_bad_until_us = weather->stormy_until_us;
        }
    }
    rare_draw(sim);
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
    uint64_t m = all_members(sim) | hosts_of(sim, REGION_M) | bit(ENGINE_PLACE);
    uint64_t region = chance(sim, 500) ? p : hosts_of(sim, REGION_D);
    uint64_t everything = bit(PLACES_N) - 1;
    uint64_t until_us = for_ms(sim, 100, chance(sim, 400) ? 9000 : 3500);
    bool one_way = chance(sim, 250);
    uint8_t member = (uint8_t)pick(sim, sim->members_n);
    uint64_t struck = region;
    switch (pick(sim, 7)) {
    case 0: /* a region from everything */
        net_cut(sim, region, everything & ~region, until_us, one_way);
        break;
    case 1: /* a region from the members: relays and promises */
        net_cut(sim, region, m, until_us, one_way);
        break;
    case 2: /* the regions from each other */
        struck = p | d;
        net_cut(sim, p, d, until_us, one_way);
        break;
    case 3: /* one host from everything */
        struck = region = bit((unsigned)(HOST_FIRST + pick(sim, sim->hosts_n)));
        net_cut(sim, region, everything & ~region, until_us, one_way);
        break;
    case 4: /* one member from everything, or from a region */
        struck = 0;
        net_cut(sim, bit(member), chance(sim, 500) ? everything & ~bit(member) : region, until_us,
                one_way);
        break;
    case 5: /* one member from the log only: it goes on attesting what it knows */
        struck = 0;
        net_cut(sim, bit(member), bit(ENGINE_PLACE), until_us, false);
        break;
    default: /* all members from both regions */
        struck = p | d;
        net_cut(sim, all_members(sim), p | d, until_us, one_way);
        break;
    }
    fault_drawn(sim, FAULT_CUT, struck);
    SAY(sim, PROCESSES_N, "a cut%s until %llu", one_way ? ", one way," : "",
        (unsigned long long)(until_us / 1000));
}

/* ----------------------------------------------------------- crashes, stops */

static uint8_t any_process(struct sim *sim) {
    uint64_t die = pick(sim, sim->members_n + 2u * sim->hosts_n);
    if (die < sim->members_n) {
        return (uint8_t)die;
    }
    die -= sim->members_n;
    return die < sim->hosts_n ? (uint8_t)(AGENT_FIRST + die)
                              : (uint8_t)(GUARD_FIRST + die - sim->hosts_n);
}

static void strike_crash(struct sim *sim) {
    uint8_t process = any_process(sim);
    uint8_t host = (uint8_t)pick(sim, sim->hosts_n);
    uint64_t back_us = for_ms(sim, 0, chance(sim, 300) ? 6000 : 600);
    if (chance(sim, 250)) {
        fault_drawn(sim, FAULT_CRASH, bit(HOST_FIRST + host));
        host_kill(sim, host, back_us);
    } else if (chance(sim, 120)) {
        for (uint8_t m = 0; m < sim->members_n; m++) {
            process_kill(sim, m, back_us);
        }
    } else if (process < GUARD_FIRST ||
               host_region(sim, (uint8_t)(process - GUARD_FIRST)) != REGION_M) {
        fault_drawn(sim, FAULT_CRASH, bit(place_of(process)));
        process_kill(sim, process, back_us);
    }
}

static void strike_stop(struct sim *sim) {
    uint64_t until_us = for_ms(sim, 50, 7000);
    if (chance(sim, 400)) { /* agent and guard of a host: the kernel's gate alone must hold */
        uint8_t host = (uint8_t)pick(sim, sim->hosts_n);
        fault_drawn(sim, FAULT_STOP, bit(HOST_FIRST + host));
        process_stop(sim, (uint8_t)(AGENT_FIRST + host), until_us);
        process_stop(sim, (uint8_t)(GUARD_FIRST + host), until_us);
    } else {
        uint8_t process = any_process(sim);
        fault_drawn(sim, FAULT_STOP, bit(place_of(process)));
        process_stop(sim, process, until_us);
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
    fault_drawn(sim, FAULT_DISASTER, hosts_of(sim, region));
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
    uint64_t die = pick(sim, sim->members_n + sim->hosts_n);
    uint8_t place = (uint8_t)(die < sim->members_n ? die : HOST_FIRST + die - sim->members_n);
    if (chance(sim, 700)) {
        strike_disk(sim, place);
        return;
    }
    /* One of the two clocks jumps, but never to before the boot. */
    int64_t step_ms = (int64_t)pick(sim, 20000) - 10000, up_ms = (int64_t)sim_boot_ms(sim, place);
    sim->machines[place].boot_step_ms += step_ms > 1 - up_ms ? step_ms : 1 - up_ms;
    fault_drawn(sim, FAULT_CLOCK, bit(place));
    SAY(sim, PROCESSES_N, "BOOTTIME of machine %u steps", place);
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
        /* The vantage is truly blind then: one lying view beside it, and most views say so. */
        if (!relays || (sim->weather.rogues | sim->weather.thieves) != 0) {
            return;
        }
        others &= ~data;
        break;
    default: others &= ~(all_members(sim) | bit(ENGINE_PLACE)); break;
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
    uint8_t member = (uint8_t)pick(sim, sim->members_n);
    uint64_t until_us = for_ms(sim, 100, 3000);
    bool alone = sim->members_n == 1;
    for (uint8_t m = 0; m < sim->members_n; m++) {
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
    unsigned kind = (unsigned)pick(sim, 11);
    /* A single member is all of them at once. */
    switch (alone && kind >= 1 && kind <= 3 ? 5 : kind) {
    case 6:
    case 7:
    case 8:
    case 9: strike_calmly_on_ways(sim); break;
    case 10: strike_config(sim); break;
    case 0: sim->engine.down_until_us = for_ms(sim, 1000, 12000); break;
    case 1: process_kill(sim, member, until_us); break;
    case 2: process_stop(sim, member, until_us); break;
    case 3: net_cut(sim, bit(member), bit(PLACES_N) - 1 - bit(member), until_us, false); break;
    case 4: sim->machines[member].disk_bad_until_us = until_us; break;
    default: /* all at once: shorter than a lease, or bridged by promises */
        for (uint8_t m = 0; log_is_well && m < sim->members_n; m++) {
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

/* Rare ones, each by its own chance in this seed. */
static bool strike_rarely(struct sim *sim) {
    const struct weather *weather = &sim->weather;
    if (chance(sim, 60)) {
        sim->engine.down_until_us = for_ms(sim, 100, 9000);
        fault_drawn(sim, FAULT_LOG_AWAY, 0);
        SAY(sim, ENGINE, "is away until %llu",
            (unsigned long long)(sim->engine.down_until_us / 1000));
    } else if (chance(sim, weather->config_permille)) {
        strike_config(sim);
    } else if (chance(sim, weather->replaced_permille)) {
        strike_replaced(sim);
    } else if (chance(sim, weather->set_back_permille)) {
        if (weather->loses_all) {
            strike_all_lost(sim);
        } else {
            strike_set_back(sim);
        }
    } else {
        return false;
    }
    return true;
}

void faults_strike(struct sim *sim) {
    static void (*const strikes[])(struct sim * sim) = {
        strike_cut,   strike_crash,   strike_stop,    strike_disaster, strike_machine,
        story_people, story_declared, story_promises, story_two_moves, story_stale,
    };
    next_fault(sim);
    story_drill(sim);
    if (sim->weather.calm) {
        strike_calmly(sim);
    } else if (!strike_rarely(sim)) {
        unsigned kind = weighted(sim);
        if (kind >= 5) {
            fault_drawn(sim, kind == 5 ? FAULT_PEOPLE : FAULT_STORY, 0);
        }
        strikes[kind](sim);
    }
}

/* All is well from here on, except perhaps one region, which never comes back. */
void faults_heal(struct sim *sim) {
    uint8_t dead = sim->weather.region_stays_dead ? world_owner(sim) : NONE;
    SAY(sim, PROCESSES_N, "all is healed%s", dead == NONE ? "" : ", but the active region");
    memset(sim->cut_until_us, 0, sizeof sim->cut_until_us);
    sim->engine.down_until_us = 0;
    restore_heal(sim);
    config_heal(sim);
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (bits_has(sim->weather.rogues, h)) {
            process_kill(sim, (uint8_t)(AGENT_FIRST + h), sim->now_us);
        }
    }
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (bits_has(sim->weather.liars, m)) {
            process_kill(sim, m, sim->now_us);
        }
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
