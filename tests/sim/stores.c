/* The stores: a client's acknowledged writes have numbers, the standby has them later, and a
 * promotion loses exactly the tail that it did not have. One store a region, one link between the
 * two data regions (none where there are three). Positions go with the reports; what members make
 * of them is coordinator/positions.c, and coordinator/propose.c: propose_lags(), mirrored.
 *
 * The judge: a planned switchover loses nothing; an automatic failover keeps to the objective as
 * the log knew the lag; and the loss that was told at the close covers what was really lost of the
 * writes up to the last sample of the active side, but for the step below which no lag is told. */
#include "sim.h"

#include <string.h>

#include "coordinator/positions.h"

#define LAG_STEP_MS 1000
#define LAG_MEMORY_MS 60000
#define HEARD_N 32

static struct positions seen_by[SIM_MEMBERS]; /* of link 0 alone */

/* The active side's samples as a member heard them, the newest last: a sample takes its time to
 * become a fact. */
static struct sample_heard { uint64_t heard_us, sampled_ms; } heard_by[SIM_MEMBERS][HEARD_N];

void stores_forget(struct sim *sim, uint8_t m) {
    (void)sim;
    seen_by[m].links[0].n = 0;
    seen_by[m].links[0].first = 0;
    seen_by[m].links[0].received_known = false;
    memset(heard_by[m], 0, sizeof(heard_by[m]));
}

void stores_start(struct sim *sim) {
    struct sim_stores *stores = &sim->stores;
    struct topology *topology = sim->topology;
    struct rng rng;
    rng_seed(&rng, sim->seed ^ UINT64_C(0x73746F7265732121));
    stores->active = REGION_P;
    stores->lag_us = (uint32_t)rng_below(&rng, rng_chance(&rng, 1, 4) ? 2500000 : 300000);
    topology->links_n = topology->regions_n > REGION_E ? 0 : 1;
    topology->links[0] = (struct link){.kind = LINK_ASYNC, .component = 0};
    topology->links[0].rpo_ms = rng_chance(&rng, 1, 3) ? 800 : 0;
    stores->stalls_permille = rng_chance(&rng, 1, 3) ? 8 : 0;
    if (mutant_is(sim,
                  MUTANT_HANDOFF_WRITES)) { /* it ends all the same, and then the link stalls */
        stores->lag_us = 0;
        stores->stalls_permille = 30;
    }
    for (uint8_t m = 0; m < sim->members_n; m++) {
        stores_forget(sim, m);
    }
}

/* --------------------------------------------------------------- replication */

static bool is_up(const struct sim *sim, uint8_t host) {
    return sim->processes[AGENT_FIRST + host].alive || sim->processes[GUARD_FIRST + host].alive;
}

static bool link_is_up(const struct sim *sim, uint8_t from, uint8_t to) {
    for (uint8_t a = 0; a < sim->hosts_n; a++) {
        for (uint8_t b = 0; b < sim->hosts_n; b++) {
            if (host_region(sim, a) == from && host_region(sim, b) == to && is_up(sim, a) &&
                is_up(sim, b) &&
                net_reaches(sim, (uint8_t)(HOST_FIRST + a), (uint8_t)(HOST_FIRST + b)) &&
                net_reaches(sim, (uint8_t)(HOST_FIRST + b), (uint8_t)(HOST_FIRST + a))) {
                return true;
            }
        }
    }
    return false;
}

/* What it has of a history that is no longer true is rewound first. */
static void follow(struct sim_stores *stores, uint8_t region, uint64_t now_us) {
    struct sim_store *store = &stores->at[region];
    const struct sim_store *active = &stores->at[stores->active];
    for (; store->branch < stores->branch; store->branch++) {
        uint64_t forked_at = stores->forks[(store->branch + 1) % FORKS_N];
        store->position = store->position > forked_at ? forked_at : store->position;
    }
    while (store->position < active->position &&
           stores->acked_us[store->position + 1] + stores->lag_us <= now_us) {
        store->position++;
    }
}

static bool takes_writes(const struct sim *sim, uint8_t region) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == region && gate_is_open(sim, h)) {
            return !sim->stores.at[region].paused;
        }
    }
    return false;
}

void stores_tick(struct sim *sim) {
    struct sim_stores *stores = &sim->stores;
    struct sim_store *active = &stores->at[stores->active];
    if (takes_writes(sim, stores->active) && active->position + 1 < WRITES_N) {
        stores->acked_us[++active->position] = sim->now_us;
    }
    if (sim->now_us < sim->weather.stormy_until_us && !sim->weather.calm && sim->now_us > 3000000 &&
        chance(sim, stores->stalls_permille)) {
        stores->stalled_until_us = for_ms(sim, 200, 6000);
        fault_drawn(sim, FAULT_LINK, hosts_of(sim, stores->active));
    }
    for (uint8_t r = 0; r < SIM_REGIONS; r++) {
        if (r != stores->active && r != REGION_M && stores->stalled_until_us <= sim->now_us &&
            link_is_up(sim, stores->active, r)) {
            follow(stores, r, sim->now_us);
        }
    }
}

/* ------------------------------------------------------------------- actions */

static const struct execution *execution_of(const struct sim *sim, uint64_t id) {
    for (uint8_t m = 0; m < sim->members_n; m++) {
        const struct execution *execution = execution_in(&sim->members[m].core, id);
        if (execution != NULL) {
            return execution;
        }
    }
    return NULL;
}

static bool anybody_lies(const struct sim *sim) {
    return sim->weather.liars != 0 || sim->weather.rogues != 0 || sim->weather.thieves != 0;
}

/* So long may a sample that was heard take to become a fact. */
static uint64_t late_ms(const struct sim *sim) {
    return 1500 + (sim->weather.tail_permille > 0 ? sim->weather.tail_ms : 0);
}

/* What was acknowledged and is lost now, in ms: from the oldest of it to the newest. */
static void judge_loss(struct sim *sim, const struct sim_store *old, const struct sim_store *next,
                       const struct command_name *name) {
    const struct sim_stores *stores = &sim->stores;
    const struct execution *execution = execution_of(sim, name->execution);
    uint64_t lost_n = old->position > next->position ? old->position - next->position : 0;
    sim->judge.lost_n += lost_n;
    sim->judge.promotions_n++;
    bool planned = execution != NULL && execution_is_graceful(execution) &&
                   execution->steps[0].phase == STEP_DONE;
    sim->judge.planned_n += planned;
    if (planned && lost_n > 0 && !anybody_lies(sim)) {
        judge_fail(sim, "loss", "a planned switchover lost %llu acknowledged writes",
                   (unsigned long long)lost_n);
    }
    if (lost_n == 0 || !stores->told_known || stores->told_epoch + 1 != name->epoch ||
        anybody_lies(sim)) {
        return;
    }
    /* What came after the last sample nobody at the members can know. */
    uint64_t last_us = stores->acked_us[old->position];
    uint64_t first_us = stores->acked_us[next->position + 1];
    uint64_t sampled_us = stores->told_sampled_ms * 1000;
    uint64_t told_us = 1000 * (stores->told_lag_ms + LAG_STEP_MS + late_ms(sim));
    sim->judge.losses_told_n++;
    if (sampled_us > first_us && sampled_us <= last_us + 1000000 &&
        sampled_us - first_us > told_us) {
        judge_fail(sim, "rpo", "%llu ms of writes were lost, and %u ms were told",
                   (unsigned long long)((sampled_us - first_us) / 1000), stores->told_lag_ms);
    }
}

void store_begins(struct sim *sim, uint8_t host, const struct sim_command *command) {
    uint8_t region = host_region(sim, host);
    if (command->name.action == ACTION_REDIS_HANDOFF && !command->outcome.observed &&
        region == sim->stores.active && !mutant_is(sim, MUTANT_HANDOFF_WRITES)) {
        sim->stores.at[region].paused = true;
    }
}

static bool hand_off(struct sim *sim, uint8_t region, struct sim_command *command, bool fails) {
    struct sim_store *store = &sim->stores.at[region], *peer = &sim->stores.at[command->peer];
    bool has_all = peer->branch == sim->stores.branch && peer->position >= store->position;
    bool done = !fails && store->paused && (has_all || mutant_is(sim, MUTANT_HANDOFF_UNAWAITED));
    if (mutant_is(sim, MUTANT_HANDOFF_WRITES)) {
        done = !fails && has_all;
    }
    if (!done && !command->outcome.observed) {
        store->paused = false; /* taken back */
    }
    command->outcome.position = done ? store->position : 0;
    return done;
}

static void promote(struct sim *sim, uint8_t region, const struct sim_command *command) {
    struct sim_stores *stores = &sim->stores;
    struct sim_store *store = &stores->at[region];
    /* Begun under a lease that is over, ended behind a shut gate after a later promotion: nobody
     * writes there, and what it calls itself is rewound when it follows. */
    if (command->name.epoch < stores->promoted_epoch) {
        return;
    }
    stores->promoted_epoch = command->name.epoch;
    if (region != stores->active) {
        for (; store->branch < stores->branch; store->branch++) {
            uint64_t forked_at = stores->forks[(store->branch + 1) % FORKS_N];
            store->position = store->position > forked_at ? forked_at : store->position;
        }
        judge_loss(sim, &stores->at[stores->active], store, &command->name);
        stores->active = region;
        store->branch = ++stores->branch;
        stores->forks[stores->branch % FORKS_N] = store->position;
    }
    store->paused = false;
}

bool store_ends(struct sim *sim, uint8_t host, struct sim_command *command, bool fails) {
    uint8_t region = host_region(sim, host);
    if (region == REGION_M) {
        return !fails;
    }
    if (command->name.action == ACTION_REDIS_HANDOFF) {
        return hand_off(sim, region, command, fails);
    }
    if (command->name.action == ACTION_REDIS_PROMOTE && !fails && !command->outcome.observed) {
        promote(sim, region, command);
    }
    return !fails;
}

/* ----------------------------------------------------------------- positions */

void stores_report(const struct sim *sim, uint8_t region, struct sim_report *said) {
    const struct sim_store *store = &sim->stores.at[region];
    bool primary = region == sim->stores.active || store->branch != sim->stores.branch;
    said->position = region == REGION_M ? 0 : store->position + 1;
    said->written = primary;
    said->position_ms = sim->now_us / 1000;
}

void stores_heard(const struct sim *sim, uint8_t m, const struct sim_report *report) {
    const struct sim_member *member = &sim->members[m];
    uint8_t region = host_region(sim, report->agent);
    bool active = member->core.open && member->core.owner == region;
    if (report->position == 0 || member_topology(sim, m)->links_n == 0 ||
        report->config_version != member->core.config_version) {
        return;
    }
    if (report->written && active) {
        positions_written(&seen_by[m], 0, report->position, report->position_ms);
        memmove(&heard_by[m][0], &heard_by[m][1], sizeof(heard_by[m]) - sizeof(heard_by[m][0]));
        heard_by[m][HEARD_N - 1] = (struct sample_heard){sim->now_us, report->position_ms};
    } else if (!report->written && !active) {
        positions_received(&seen_by[m], 0, report->position, report->position_ms);
    }
}

static bool lag_is_news(const struct link_view *view, const struct lag *lag) {
    uint64_t lag_ms = lag->ms > UINT32_MAX ? UINT32_MAX : lag->ms;
    uint64_t moved_ms = view->lag_ms > lag_ms ? view->lag_ms - lag_ms : lag_ms - view->lag_ms;
    return view->known != lag->known || (lag->known && moved_ms >= LAG_STEP_MS) ||
           (lag->known && (view->lag_bytes == 0) != (lag->bytes == 0) && moved_ms > 0);
}

void propose_lags(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    if (member_topology(sim, m)->links_n == 0) {
        return;
    }
    struct lag lag = positions_lag(&seen_by[m], 0);
    if (mutant_is(sim, MUTANT_LAG_ALWAYS_NOTHING)) {
        lag = (struct lag){.known = true, .sampled_ms = lag.sampled_ms};
    }
    bool young = sim_boot_ms(sim, m) - member->started_ms < LAG_MEMORY_MS;
    if (young && member->core.links[0].known) {
        lag_at_least(&lag, member->core.links[0].lag_ms + 2 * LAG_STEP_MS);
    }
    if (!lag_is_news(&member->core.links[0], &lag) || (!lag.known && young)) {
        return;
    }
    struct event event = {.kind = EVENT_LAG};
    event.lag.known = lag.known;
    event.lag.lag_ms = lag.ms > UINT32_MAX ? UINT32_MAX : (uint32_t)lag.ms;
    event.lag.lag_bytes = lag.bytes;
    event.lag.epoch = member->core.epoch;
    struct fact_key key = {EVENT_LAG, 0, member->boot_id, member->lag_n++};
    propose_event(sim, m, &key, &event);
}

/* What the timekeeper has had of the active side for long enough when a close is put into the log;
 * 0: nothing that the told lag is measured against. */
uint64_t stores_sampled_ms(const struct sim *sim, uint8_t m) {
    uint8_t keeper = sim->members[m].core.timekeeper;
    if (keeper >= sim->members_n) {
        return 0;
    }
    /* It told nothing yet, and whoever kept the time before may have been too young to know. */
    uint64_t keeps_us = sim->members[keeper].keeps_time_us;
    if (keeps_us == 0 || keeps_us + late_ms(sim) * 1000 > sim->now_us) {
        return 0;
    }
    const struct link_positions *link = &seen_by[keeper].links[0];
    if (link->n == 0 || link->samples[link->first].position > link->received) {
        return 0;
    }
    for (unsigned i = HEARD_N; i > 0; i--) {
        const struct sample_heard *sample = &heard_by[keeper][i - 1];
        if (sample->heard_us + late_ms(sim) * 1000 <= sim->now_us) {
            return sample->sampled_ms;
        }
    }
    return 0;
}

/* A close was applied, first by this member: what it tells people of the loss to expect. */
void stores_closed(struct sim *sim, uint8_t m, uint64_t sampled_ms) {
    struct sim_stores *stores = &sim->stores;
    const struct core *core = &sim->members[m].core;
    uint8_t keeper = core->timekeeper < sim->members_n ? core->timekeeper : m;
    bool well = sim->judge.log_away_us + 5000000 < sim->now_us &&
                sim->judge.log_cut_us + 5000000 < sim->now_us && sim->processes[keeper].alive;
    stores->told_known = core->links[0].known && well && member_topology(sim, m)->links_n > 0;
    stores->told_lag_ms = core->links[0].lag_ms;
    stores->told_epoch = core->epoch;
    stores->told_sampled_ms = sampled_ms;
}
