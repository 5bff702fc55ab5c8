/* object_steps: what one member or one guard does, each by the shipped functions, with the switches
 * that remove a rule. Included by object.c alone. */
#ifndef DROVER_MODEL_OBJECT_STEPS_H
#define DROVER_MODEL_OBJECT_STEPS_H

#include "object_bytes.h"

static void answers_forget(unsigned guard, unsigned slot) {
    for (unsigned i = 0; i < MEMBERS; i++) {
        world.member[i].yes &= (uint8_t)~BIT_OF(guard, slot);
    }
}

static void round_drop(unsigned guard, unsigned slot) {
    memset(&world.guard[guard].round[slot], 0, sizeof world.guard[guard].round[slot]);
    answers_forget(guard, slot);
}

/* The lease became newer: the kernel's gate is armed with what holder_gate_ms() says. */
static void gate_arm(struct model_guard *g, const struct holder *h, uint8_t slow) {
    unsigned left = (holder_gate_ms(h, stamp_of(0)) + TICK_MS - 1) / TICK_MS;
#ifdef FROM_RECV
    left = T_OF(g->pins);
#endif
    if (left > g->gate) {
        g->gate = (uint8_t)left;
        g->gate_slow = g->lease_slow = slow;
    }
}

/* ---- members' steps ---- */
static bool log_is_open(unsigned index) {
    return index % 2 == 1;
}

static void member_apply(struct model_member *m) {
    m->applied++;
    if (!log_is_open(m->applied)) {
        struct attest a = member_load(m);
#ifdef WAIT_FROM_CLOSE
        attest_close_from(&a, EPOCH_OF(m->applied), stamp_of(0));
#else
        attest_close(&a, EPOCH_OF(m->applied));
#endif
        member_store(m, &a);
    }
}

/* ahead: it died between the durable note of a CLOSE and applying it. */
static void member_restart(struct model_member *m, bool ahead) {
    struct attest a = member_load(m);
    struct attest_durable disk = a.durable;
    if (ahead) {
        disk = attest_close_durable(&a, EPOCH_OF(m->applied + 1));
    }
#ifdef NO_DURABLE
    disk = (struct attest_durable){0};
#endif
    attest_init(&a, &disk, stamp_of(0));
#ifdef NO_RESTART_GRACE
    a.started = a.wait_from = stamp_of(W);
#endif
#ifdef NO_CATCHUP
    attest_caught_up(&a);
#endif
#ifdef SNAPSHOT
    m->applied = 1;
#endif
    m->fast = 0;
    member_store(m, &a);
    world.member_restarts++;
}

static void member_note(struct model_member *m) {
    struct attest a = member_load(m);
    attest_waited(&a);
    member_store(m, &a);
}

static void member_proof(struct model_member *m) {
    struct attest a = member_load(m);
#ifdef PROOF_SKIPS_OLDER
    a.fence_proved = true;
#else
    attest_fence_proved(&a, m->closing);
#endif
    member_store(m, &a);
}

static void member_answer(struct model_member *m, unsigned guard, unsigned slot) {
    struct attest a = member_load(m);
    struct lease_view view = {.epoch = EPOCH_OF(m->applied),
                              .open = log_is_open(m->applied),
                              .owner = OWNER(EPOCH_OF(m->applied))};
    struct attest_ask ask = {.purpose = ATTEST_LEASE,
                             .epoch = world.guard[guard].round[slot].epoch,
                             .region = (uint8_t)guard,
                             .numbers_agree = NUMBERS_AGREE(world.guard[guard].pins, m->config),
                             .now = stamp_of(0),
                             .wait_ms = (uint32_t)W_OF(m->config) * TICK_MS};
#ifdef NO_WAIT
    ask.wait_ms = 0;
#endif
#ifdef NO_OWNER
    ask.region = view.owner;
#endif
#ifdef NO_EPOCH
    ask.epoch = view.epoch;
    ask.region = view.owner;
#endif
    struct attest before = a;
    if (attest_ask(&a, &view, &ask) == ATTEST_YES) {
        m->yes |= BIT_OF(guard, slot);
        world.zero_wait |=
            before.fence_proved && before.durable.waited_epoch < before.closing_epoch;
#ifdef YES_NOT_NOTED
        a = before;
#else
        m->fast = 0;
#endif
    }
    member_store(m, &a);
}

/* ---- guards' steps ---- */
/* The mutant: a promise shuts out newer epochs, and no others. */
static uint64_t promise_set_aside(struct holder *h, uint64_t epoch) {
    uint64_t promised = h->wished.promised_epoch;
#ifdef PROMISE_NEWER_ONLY
    h->wished.promised_epoch = epoch <= promised ? 0 : promised;
#else
    (void)epoch;
#endif
    return promised;
}

static void guard_begin(unsigned guard, enum holder_round_purpose purpose, unsigned epoch) {
    struct model_guard *g = &world.guard[guard];
    unsigned slot = g->next;
    uint8_t nonce[NONCE_SIZE] = {(uint8_t)(slot + 1)};
    struct holder h = guard_load(g);
    uint64_t promised = promise_set_aside(&h, epoch);
    if (holder_begin(&h, purpose, epoch, nonce, stamp_of(0)) != HOLDER_ACCEPTED) {
        return;
    }
    h.wished.promised_epoch = promised;
#ifdef NO_NONCE
    if (purpose == ROUND_PROMISE || g->round[slot].purpose == ROUND_PROMISE) {
        round_drop(guard, slot);
    }
    g->round[slot].slow = 0;
#else
    round_drop(guard, slot);
#endif
    guard_store(g, &h);
}

static void guard_certificate(unsigned guard, unsigned slot) {
    struct model_guard *g = &world.guard[guard];
    uint8_t nonce[NONCE_SIZE] = {(uint8_t)(slot + 1)};
    uint64_t yes = 0;
    for (unsigned i = 0; i < MEMBERS; i++) {
        yes |= (world.member[i].yes & BIT_OF(guard, slot)) ? UINT64_C(1) << i : 0;
    }
    struct holder h = guard_load(g);
#ifdef NO_MAJORITY
    yes = yes ? 1 : 0;
#endif
#ifdef FROM_RECV
    h.rounds[slot].sent = stamp_of(0);
#endif
    uint64_t promised = promise_set_aside(&h, g->round[slot].epoch);
    enum holder_verdict verdict =
        holder_certificate(&h, nonce, g->round[slot].epoch, yes, stamp_of(0));
    h.wished.promised_epoch = verdict == HOLDER_PERSIST ? 0 : promised;
    if (verdict == HOLDER_ACCEPTED) {
        gate_arm(g, &h, g->round[slot].slow);
    }
    if (verdict == HOLDER_PERSIST) {
        g->pending_slow = g->round[slot].slow;
    }
    guard_store(g, &h);
    if (verdict == HOLDER_ACCEPTED || verdict == HOLDER_PERSIST) {
        round_drop(guard, slot);
    }
}

static void guard_persisted(struct model_guard *g) {
    struct holder h = guard_load(g);
    uint8_t was = g->pending;
    enum holder_verdict verdict = holder_persisted(&h, stamp_of(0));
    if (was == PENDING_LEASE && verdict == HOLDER_ACCEPTED) {
        gate_arm(g, &h, g->pending_slow);
    }
    if (was == PENDING_FENCE) {
#ifndef PROOF_GATE_OPEN
        g->gate = g->gate_slow = 0; /* read back shut before the proof is signed */
#endif
        g->proof = (uint8_t)h.durable.fenced_epoch;
    }
    if (was == PENDING_PROMISE) {
        g->promise_fast = 0;
    }
    guard_store(g, &h);
}

static void guard_fail(struct model_guard *g) {
    struct holder h = guard_load(g);
    holder_persist_failed(&h);
    guard_store(g, &h);
    world.disk_failures++;
}

static void guard_fence(struct model_guard *g, unsigned epoch) {
    struct holder h = guard_load(g);
    (void)holder_fence(&h, epoch);
#ifdef PROOF_EARLY
    g->proof = (uint8_t)epoch;
    g->gate = 0;
#endif
    guard_store(g, &h);
}

static void guard_denial(unsigned guard) {
    struct model_guard *g = &world.guard[guard];
    uint64_t no = 0;
    for (unsigned i = 0; i < MEMBERS; i++) {
        no |= world.member[i].closed >= g->lease_epoch ? UINT64_C(1) << i : 0;
    }
    struct holder h = guard_load(g);
    if (holder_denial(&h, g->lease_epoch, no) == HOLDER_ACCEPTED) {
        for (unsigned slot = 0; slot < ROUNDS; slot++) {
            round_drop(guard, slot);
        }
        g->gate = g->gate_slow = 0;
    }
    guard_store(g, &h);
}

/* ahead: the write under way had reached the disk. The kernel's gate runs on. */
static void guard_restart(unsigned guard, bool ahead) {
    struct model_guard *g = &world.guard[guard];
    struct holder h = guard_load(g);
    struct holder_durable disk = ahead ? h.wished : h.durable;
#ifdef FENCE_VOLATILE
    disk.fenced_epoch = 0;
#endif
#ifdef PROMISE_VOLATILE
    disk.promised_epoch = 0;
#endif
    g->pins = world.config_at != 0;
    struct holder_conf conf = conf_of(g);
    holder_init(&h, &conf, &disk, stamp_of(0));
    for (unsigned slot = 0; slot < ROUNDS; slot++) {
        round_drop(guard, slot);
    }
    g->promise_fast = 0;
    guard_store(g, &h);
    world.guard_restarts++;
}

/* The guard of the other region answers the promise question. A promise waiting for the disk is
 * told by asking again: the repetition is ACCEPTED. */
static void guard_promise(unsigned asker, unsigned slot) {
    struct model_guard *giver = &world.guard[1 - asker];
    struct model_round *round = &world.guard[asker].round[slot];
    struct holder h = guard_load(giver);
    enum holder_verdict verdict = holder_promise(&h, round->epoch, stamp_of(0));
    if (verdict == HOLDER_ACCEPTED) {
        round->promised = 1;
        giver->promise_fast = 0;
    }
#ifdef NO_PROMISE
    if (verdict == HOLDER_PERSIST) { /* told, and forgotten at once */
        h.pending = PENDING_NOTHING;
        h.wished.promised_epoch = h.durable.promised_epoch;
        round->promised = 1;
    }
#endif
#ifdef PROMISE_UNWRITTEN
    round->promised |= verdict == HOLDER_PERSIST;
#endif
    guard_store(giver, &h);
}

static void guard_promises(unsigned guard, unsigned slot) {
    struct model_guard *g = &world.guard[guard];
    uint8_t nonce[NONCE_SIZE] = {(uint8_t)(slot + 1)};
    struct holder h = guard_load(g);
    if (holder_promises(&h, nonce, g->round[slot].epoch, g->round[slot].promised, stamp_of(0)) ==
        HOLDER_ACCEPTED) {
        world.extended = 1;
        gate_arm(g, &h, g->round[slot].slow);
    }
    guard_store(g, &h);
    round_drop(guard, slot);
}

#endif
