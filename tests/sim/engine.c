/* The ordered log: takes each key once, may be away, loses acknowledgements, shows facts late, and
 * forgets what a snapshot covers. A member that reads finds facts in their order, never a hole. */
#include "sim.h"

bool key_equal(const struct fact_key *a, const struct fact_key *b) {
    return a->kind == b->kind && a->a == b->a && a->b == b->b && a->c == b->c;
}

/* Where it stands; 0: nowhere. */
static uint64_t index_of(const struct sim *sim, const struct fact_key *key) {
    uint64_t i = sim->engine.facts_n;
    while (i > 0 && !key_equal(&sim->facts[i - 1].key, key)) {
        i--;
    }
    return i;
}

/* A member that keeps up stores a snapshot, and the history behind it goes. Its first question
 * shows it whether this is the log that it knows. */
static void compact(struct sim *sim) {
    struct sim_engine *engine = &sim->engine;
    uint8_t m = (uint8_t)pick(sim, sim->members_n);
    const struct sim_member *member = &sim->members[m];
    if (!sim->processes[m].alive || !member->caught_up || !memory_fits(sim, m) ||
        member->applied_index <= engine->snapshot_index) {
        return;
    }
    engine->snapshot = member->core;
    engine->snapshot_slot = member->slot;
    engine->snapshot_index = member->applied_index;
    engine->compacted = member->applied_index;
    SAY(sim, ENGINE, "compacted to %llu", (unsigned long long)engine->compacted);
}

static void append(struct sim *sim, struct sim_append *asked) {
    struct sim_engine *engine = &sim->engine;
    const struct pending_append *pending = &sim->members[asked->member].appends[asked->slot];
    asked->index = index_of(sim, &asked->key);
    if (asked->index > 0) {
        return;
    }
    /* The bytes travelled with the call; if the member has died or moved on, they are lost. */
    if (!pending->used || pending->token != asked->token || engine->facts_n == FACTS_MAX) {
        return;
    }
    struct sim_fact *fact = &sim->facts[engine->facts_n];
    fact->key = asked->key;
    fact->event = pending->event;
    fact->event.index = asked->index = ++engine->facts_n;
    fact->appended_us = sim->now_us;
    fact->sampled_ms = fact->event.kind == EVENT_CLOSE ? stores_sampled_ms(sim, asked->member) : 0;
    for (unsigned m = 0; m < sim->members_n; m++) {
        bool late =
            sim->members_n > 1 && sim->now_us < sim->weather.stormy_until_us && chance(sim, 100);
        fact->visible_us[m] = sim->now_us + 1000 + pick(sim, late ? 1500000 : 4000);
    }
    sim_mix(sim, engine->facts_n << 8 | fact->event.kind);
    if (chance(sim, sim->weather.compact_permille)) {
        compact(sim);
    }
}

void engine_message(struct sim *sim, const struct sim_message *message) {
    struct sim_message reply = {.from = ENGINE, .to = message->from};
    if (sim->engine.down_until_us > sim->now_us) {
        return;
    }
    if (message->kind == MSG_APPEND) {
        reply.kind = MSG_APPENDED;
        reply.append = message->append;
        append(sim, &reply.append);
        reply.append.history = sim->engine.history;
    } else {
        ensure(message->kind == MSG_HEAD_ASK);
        reply.kind = MSG_HEAD;
        reply.head.index = sim->engine.facts_n;
        reply.head.history = sim->engine.history;
        reply.incarnation = message->incarnation;
    }
    net_send(sim, &reply);
}
