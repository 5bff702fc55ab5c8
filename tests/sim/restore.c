/* What people do to members and their log: a backup of the log put in its place, which the members
 * must notice and then say nothing more; the true log put back again; a member's new machine, which
 * has no notes; and all of it lost at once.
 *
 * Mirrored is coordinator/log's guard: a member remembers which history it read, how far, and the
 * key that stood there (log_memory), in memory at once, on its disk with each close and now and
 * then; and in memory how far any answer said that the log goes. Assumed is what docs/safety.md
 * asks of people: a new machine is started after the old one has stopped for good, and not while a
 * log is put back; and no log is exchanged while a member key is stolen. */
#include "sim.h"

#include <string.h>

/* The true log, while another one stands in its place. */
static struct {
    struct sim_engine engine;
    uint64_t from;
    struct sim_fact facts[FACTS_MAX];
} kept;

static uint64_t key_hash(const struct fact_key *key) {
    uint64_t hash = key->kind ^ key->a * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ key->b) * UINT64_C(0x100000001B3);
    hash = (hash ^ key->c) * UINT64_C(0x100000001B3);
    return hash == 0 ? 1 : hash;
}

void memory_saw(const struct sim *sim, uint64_t index, struct log_memory_kept *memory) {
    memory->history = sim->engine.history;
    if (index > memory->index) {
        memory->index = index;
        memory->key = index > sim->engine.compacted ? key_hash(&sim->facts[index - 1].key) : 0;
    }
}

/* The member looks at the log: false, and it stops, when this is not the one it knows. */
bool memory_fits(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    const struct sim_engine *engine = &sim->engine;
    struct log_memory_kept *memory = &member->memory;
    bool other = memory->history != 0 && memory->history != engine->history;
    bool shorter = memory->index > engine->facts_n || member->seen > engine->facts_n;
    bool differs = !shorter && memory->index > engine->compacted && memory->key != 0 &&
                   memory->key != key_hash(&sim->facts[memory->index - 1].key);
    if (mutant_is(sim, MUTANT_SET_BACK_UNNOTICED)) {
        memory->index = member->applied_index; /* and is read on from where it is */
        memory->key = 0;
        member->seen = 0;
        return true;
    }
    if (other || shorter || differs) {
        if (!member->stopped) {
            SAY(sim, m, "the log went back; stops until a human has looked");
        }
        member->stopped = true;
    }
    memory->history = member->stopped ? memory->history : engine->history;
    return !member->stopped;
}

/* ------------------------------------------------------------------- backups */

void restore_back_up(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    if (engine->backup_due_us == 0 || sim->now_us < engine->backup_due_us || engine->put_back) {
        return;
    }
    engine->backup_due_us = sim->now_us + 500000 + pick(sim, 8000000);
    engine->backup_n = engine->facts_n;
    engine->backup_compacted = engine->compacted;
    engine->backup_snapshot_index = engine->snapshot_index;
    engine->backup_slot = engine->snapshot_slot;
    engine->backup_snapshot = engine->snapshot;
}

/* A backup takes the log's place, under a new identity as etcd's restore gives it, or under the
 * same one: files copied back. */
static void put_backup(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    kept.engine = *engine;
    kept.from = engine->backup_n;
    memcpy(kept.facts, &sim->facts[kept.from],
           sizeof kept.facts[0] * (engine->facts_n - kept.from));
    engine->facts_n = engine->backup_n;
    engine->compacted = engine->backup_compacted;
    engine->snapshot_index = engine->backup_snapshot_index;
    engine->snapshot_slot = engine->backup_slot;
    engine->snapshot = engine->backup_snapshot;
    engine->put_back = true;
    engine->history += chance(sim, 600);
    sim->judge.decisions.blind = true; /* what facts said is no longer what they say */
    SAY(sim, ENGINE, "is set back from %llu to %llu%s", (unsigned long long)kept.engine.facts_n,
        (unsigned long long)engine->facts_n,
        engine->history == kept.engine.history ? ", under the same identity" : "");
}

void strike_set_back(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    if (engine->put_back || engine->backup_n == 0 || engine->backup_n == engine->facts_n) {
        return;
    }
    /* Nobody else can notice for a single member, and its notes are up to five seconds old: a
     * younger backup is beyond docs/safety.md. */
    if (sim->members_n == 1 && engine->backup_n >= sim->members[0].disk_memory.index) {
        return;
    }
    fault_drawn(sim, FAULT_SET_BACK, bit(sim->members_n) - 1);
    /* A file can be put back only under a member that stands still; and others do it so, too. */
    bool stopped = sim->members_n == 1 || chance(sim, 500);
    for (uint8_t m = 0; stopped && m < sim->members_n; m++) {
        process_kill(sim, m, sim->now_us + 100000 + pick(sim, 3000000));
    }
    put_backup(sim);
}

/* At the healing the true log stands in its place again, or does not: then the members say so. */
void restore_heal(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    if (!engine->put_back || chance(sim, 350)) {
        return;
    }
    memcpy(&sim->facts[kept.from], kept.facts,
           sizeof kept.facts[0] * (kept.engine.facts_n - kept.from));
    kept.engine.down_until_us = engine->down_until_us;
    *engine = kept.engine;
    SAY(sim, ENGINE, "is the true one again");
    for (uint8_t m = 0; m < sim->members_n; m++) {
        process_kill(sim, m, sim->now_us + pick(sim, 200000));
    }
}

/* Every member that lives refuses to speak, for a reason that it names. */
bool restore_waits(const struct sim *sim) {
    unsigned stopped_n = 0;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        stopped_n += sim->members[m].stopped;
    }
    return stopped_n > sim->members_n - majority_of(sim->members_n);
}

/* ------------------------------------------------------------- a new machine */

static void notes_lose(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    memset(&member->disk, 0, sizeof member->disk);
    member->disk.first_wait = true;
    memset(&member->disk_memory, 0, sizeof member->disk_memory);
    member->writing = false;
}

/* One member's machine is lost with all that was on it; the new one comes later. */
void strike_replaced(struct sim *sim) {
    uint8_t m = (uint8_t)pick(sim, sim->members_n);
    if (sim->engine.backup_due_us != 0 || bits_has(sim->weather.liars, m)) {
        return;
    }
    fault_drawn(sim, FAULT_REPLACED, bit(m));
    process_kill(sim, m, for_ms(sim, 50, chance(sim, 500) ? 4000 : 600));
    SAY(sim, m, "is lost; a new machine comes");
    notes_lose(sim, m);
    /* The region that was left comes back in time to be told wrong things. */
    if (chance(sim, 300)) {
        story_stale(sim);
    }
}

/* ------------------------------------------------------------ everything is lost */

/* All members' machines, and the log with them: they begin at epoch 1 for the region that the file
 * names, or people begin the log anew (anew.c). What must hold still is that no two regions write
 * at once; that epochs only grow is true at each guard alone. Under `hold` no time ends a lease
 * (docs/safety.md). */
void strike_all_lost(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    struct judge *judge = &sim->judge;
    if (judge->all_lost || sim->topology->lease.on_quorum_loss == QUORUM_LOSS_HOLD) {
        return;
    }
    uint8_t newest = anew_newest(sim);
    fault_drawn(sim, FAULT_ALL_LOST, bit(sim->members_n) - 1);
    SAY(sim, ENGINE, "is lost at %llu, and all members with it",
        (unsigned long long)engine->facts_n);
    for (uint8_t m = 0; m < sim->members_n; m++) {
        process_kill(sim, m, for_ms(sim, 50, chance(sim, 300) ? 6000 : 1500));
        notes_lose(sim, m);
    }
    engine->facts_n = engine->compacted = engine->snapshot_index = 0;
    engine->history++;
    judge->all_lost = true;
    judge->decisions.blind = true;
    judge->runs_n = 0; /* executions are counted from 1 again */
    memset(judge->accepted_max, 0, sizeof judge->accepted_max);
    if ((sim->seed & 2) != 0) { /* no die: the other half's stories stay as they are */
        anew_begin(sim, newest);
    }
}

/* coordinator/epochs.c: the log was begun anew, and that is known. */
static bool begins_above(const struct sim *sim, uint8_t m, uint64_t epoch) {
    const struct topology *topology = member_topology(sim, m);
    return sim->members[m].core.epoch == 0 &&
           (topology->await_initial_epoch || topology_initial_epoch(topology) > epoch);
}

/* coordinator/epochs.c: a guard names a later epoch than a log that was read to its end, and this
 * member has no notes to say that it ever spoke. The question for the log's end is left out. */
void restore_epoch_named(struct sim *sim, uint8_t m, uint64_t epoch) {
    struct sim_member *member = &sim->members[m];
    bool read = member->caught_up && member->applied_index == sim->engine.facts_n &&
                sim->engine.down_until_us <= sim->now_us && net_reaches(sim, m, ENGINE_PLACE) &&
                net_reaches(sim, ENGINE_PLACE, m);
    if (!read || epoch <= member->core.epoch || !member->attest.durable.first_wait ||
        begins_above(sim, m, epoch)) {
        return;
    }
    if (!member->stopped) {
        SAY(sim, m, "hears of epoch %llu; stops until a human has looked",
            (unsigned long long)epoch);
    }
    member->stopped = true;
}
