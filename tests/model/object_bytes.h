/* object_bytes: the bounds of a run, and the way from bytes to the shipped structs and back.
 * Included by object.c alone. */
#ifndef DROVER_MODEL_OBJECT_BYTES_H
#define DROVER_MODEL_OBJECT_BYTES_H

#include <string.h>

#include "agent/core/holder.h"
#include "coordinator/core/attest.h"
#include "object.h"

#ifndef T
#define T 1
#endif
#ifndef EPS
#define EPS 1
#endif
#ifndef MEPS
#define MEPS EPS /* the same credit for the members' clocks alone */
#endif
#ifndef MAXLOG
#define MAXLOG 3
#endif
#ifndef MAXRESTART
#define MAXRESTART 1
#endif
#ifndef MAXGREST
#define MAXGREST 0
#endif
#ifndef MAXFAIL
#define MAXFAIL 0
#endif
#ifdef NO_DRIFT_MARGIN
#define W T
#else
#define W (T + 2 * EPS)
#endif
#ifdef PROMISE_SHORT
#define V T
#else
#define V (T + 2 * EPS)
#endif
/* A change of the topology: what guards are pinned to and members wait, before it and after it. */
#ifndef MAXWIPE
#define MAXWIPE 0
#endif
#define AFTER(pins, then, now) ((pins) ? (now) : (then))
#if defined(LOWERED)
#define T_OF(pins) AFTER(pins, T, T - 1)
#define W_OF(pins) AFTER(pins, W, W - 1)
#elif defined(T_LOWERED)
#define T_OF(pins) AFTER(pins, T, T - 1)
#define W_OF(pins) W
#elif defined(RAISED)
#define T_OF(pins) AFTER(pins, T - 1, T)
#define W_OF(pins) AFTER(pins, W - 1, W)
#elif defined(HOLD_LEFT)
#define T_OF(pins) T
#define W_OF(pins) AFTER(pins, 255, W)
#define HOLDS_AT(pins) (!(pins))
#elif defined(HOLD_TAKEN)
#define T_OF(pins) T
#define W_OF(pins) AFTER(pins, W, 255)
#define HOLDS_AT(pins) ((pins) != 0)
#else
#define T_OF(pins) T
#define W_OF(pins) W
#endif
#ifndef HOLDS_AT
#define HOLDS_AT(pins) false
#define NUMBERS_AGREE(pins, config) ((pins) == (config))
#elif defined(POLICY_UNASKED)
#define NUMBERS_AGREE(pins, config) true
#else
#define NUMBERS_AGREE(pins, config) (HOLDS_AT(pins) == HOLDS_AT(config)) /* the wait says so */
#endif
#ifdef MINORITY_LEFT
#define HEALTHY_N 1 /* members that are well again, for world_heals() */
#else
#define HEALTHY_N MEMBERS
#endif
#define TICK_MS 10
#define NOW_TICKS 1000
#define EPOCH_OF(index) (((index) + 1) / 2)
#ifdef REOPEN
#define OWNER(epoch) ((epoch) > 1)
#else
#define OWNER(epoch) (((epoch) + 1) % 2)
#endif
#define LOWER(value, limit) ((uint8_t)((value) < (limit) ? (value) : (limit)))
#define BIT_OF(guard, slot) ((uint8_t)(1U << ((guard)*ROUNDS + (slot))))

static struct stamp stamp_of(unsigned age) {
    uint64_t at_ms = (uint64_t)(NOW_TICKS - age) * TICK_MS;
    return (struct stamp){.boot_ms = at_ms, .raw_ms = at_ms};
}

static uint8_t age_of(struct stamp stamp, unsigned cap) {
    unsigned age = NOW_TICKS - (unsigned)(stamp.raw_ms / TICK_MS);
    return LOWER(age, cap);
}

/* ---- a member: bytes to object and back ---- */
static struct attest member_load(const struct model_member *m) {
    struct attest a = {.durable = {.closed_epoch = m->closed, .waited_epoch = m->waited}};
    a.durable.first_wait = m->first;
    a.started = stamp_of(m->start_age);
    a.caught_up = m->caught_up;
    a.yes_known = m->yes_known;
    a.yes_epoch = m->yes_epoch;
    a.last_yes = stamp_of(m->yes_age);
    a.closing_epoch = m->closing;
    a.wait_from = stamp_of(m->from_age);
    a.fence_proved = m->proved;
    return a;
}

static void member_store(struct model_member *m, const struct attest *a) {
    m->first = a->durable.first_wait;
    m->closed = (uint8_t)a->durable.closed_epoch;
    m->waited = (uint8_t)a->durable.waited_epoch;
    m->caught_up = a->caught_up;
    m->yes_known = a->yes_known;
    m->yes_epoch = (uint8_t)a->yes_epoch;
    m->closing = (uint8_t)a->closing_epoch;
    m->proved = a->fence_proved;
    /* attest_close() reads the start only while no YES is known, and nobody reads wait_from when
     * the wait is noted or proved over. */
    m->yes_age = a->yes_known ? age_of(a->last_yes, W) : 0;
    m->start_age = a->yes_known ? 0 : age_of(a->started, W);
    bool waits = a->closing_epoch > a->durable.waited_epoch && !a->fence_proved;
    m->from_age = waits ? age_of(a->wait_from, W) : 0;
}

/* ---- a guard: bytes to object and back ---- */
static struct holder_conf conf_of(const struct model_guard *g) {
    return (struct holder_conf){.lease_ms = T_OF(g->pins) * TICK_MS,
                                .fence_ms = 2,
                                .gate_early_ms = 1,
                                .promise_ms = V * TICK_MS,
                                .policy = HOLDS_AT(g->pins) ? HOLDER_HOLD : HOLDER_FAILSAFE,
                                .members_n = MEMBERS,
                                .promisers_n = 1};
}

static struct holder guard_load(const struct model_guard *g) {
    struct holder h;
    memset(&h, 0, sizeof h);
    h.conf = conf_of(g);
#ifdef NO_MAJORITY
    h.conf.members_n = 1;
#endif
    h.durable = (struct holder_durable){g->accepted, g->fenced, g->promised};
    h.wished = (struct holder_durable){g->wished_accepted, g->wished_fenced, g->wished_promised};
    h.pending = g->pending;
    h.leased = g->leased;
    h.by_promise = g->by_promise;
    h.lease_epoch = g->lease_epoch;
    h.lease_sent = stamp_of(g->lease_age);
    h.promise_made = stamp_of(g->promise_age);
    h.pending_sent = stamp_of(g->pending_age);
    h.rounds_next = g->next;
    for (unsigned i = 0; i < ROUNDS; i++) {
        h.rounds[i].purpose = g->round[i].purpose;
        h.rounds[i].nonce[0] = (uint8_t)(i + 1);
        h.rounds[i].epoch = g->round[i].epoch;
        h.rounds[i].sent = stamp_of(g->round[i].age);
    }
    return h;
}

static void guard_store(struct model_guard *g, const struct holder *h) {
    g->accepted = (uint8_t)h->durable.accepted_epoch;
    g->fenced = (uint8_t)h->durable.fenced_epoch;
    g->promised = (uint8_t)h->durable.promised_epoch;
    g->wished_accepted = (uint8_t)h->wished.accepted_epoch;
    g->wished_fenced = (uint8_t)h->wished.fenced_epoch;
    g->wished_promised = (uint8_t)h->wished.promised_epoch;
    g->pending = h->pending;
    g->leased = h->leased;
    g->by_promise = h->leased && h->by_promise;
    g->lease_epoch = h->leased ? (uint8_t)h->lease_epoch : 0;
    g->lease_age = h->leased ? age_of(h->lease_sent, T) : 0;
    g->lease_slow = h->leased ? g->lease_slow : 0;
    g->promise_age = g->promised || g->wished_promised ? age_of(h->promise_made, V) : 0;
    g->promise_fast = g->promise_age == V || !g->promised ? 0 : g->promise_fast;
    g->pending_age = g->pending == PENDING_LEASE ? age_of(h->pending_sent, T) : 0;
    g->pending_slow = g->pending == PENDING_LEASE ? g->pending_slow : 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool gone = h->rounds[i].purpose == ROUND_NONE;
        g->round[i].purpose = h->rounds[i].purpose;
        g->round[i].epoch = gone ? 0 : (uint8_t)h->rounds[i].epoch;
        g->round[i].age = gone ? 0 : age_of(h->rounds[i].sent, T);
    }
    g->next = (uint8_t)(h->rounds_next % ROUNDS);
}

#endif
