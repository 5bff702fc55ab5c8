/* object: the world around one group of members and two guards, for object.pml.
 * objects: coordinator/core/attest.c
 * objects: agent/core/holder.c
 */
#include "object.h"

#include <stdlib.h>

#include "object_bytes.h"

struct model_world world;
void (*ensure_hook)(const char *expression, const char *file, int line);

/* A broken ensure() of the shipped code ends the search as loudly as a broken invariant. */
void ensure_failed(const char *expression, const char *file, int line) {
    (void)expression;
    (void)file;
    (void)line;
    abort();
}

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
    left = T;
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
        attest_close(&a, EPOCH_OF(m->applied));
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
    disk = (struct attest_durable){0, 0};
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
                             .numbers_agree = true,
                             .now = stamp_of(0),
                             .wait_ms = W * TICK_MS};
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
static void guard_begin(unsigned guard, enum holder_round_purpose purpose, unsigned epoch) {
    struct model_guard *g = &world.guard[guard];
    unsigned slot = g->next;
    uint8_t nonce[NONCE_SIZE] = {(uint8_t)(slot + 1)};
    struct holder h = guard_load(g);
    if (holder_begin(&h, purpose, epoch, nonce, stamp_of(0)) != HOLDER_ACCEPTED) {
        return;
    }
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
    enum holder_verdict verdict =
        holder_certificate(&h, nonce, g->round[slot].epoch, yes, stamp_of(0));
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

/* ---- clocks ---- */
static bool guard_timed(const struct model_guard *g, bool *ret_may_slip) {
    bool timed = g->gate > 0 || g->leased || g->pending == PENDING_LEASE;
    bool may = g->gate_slow < EPS && g->lease_slow < EPS && g->pending_slow < EPS;
    for (unsigned i = 0; i < ROUNDS; i++) {
        timed = timed || g->round[i].purpose != ROUND_NONE;
        may = may && g->round[i].slow < EPS;
    }
    *ret_may_slip = may;
    return timed;
}

static bool tick_may(unsigned choice) {
    for (unsigned i = 0; i < GUARDS; i++) {
        bool may_slip;
        bool timed = guard_timed(&world.guard[i], &may_slip);
        if ((choice >> i & 1) && !(timed && may_slip)) {
            return false;
        }
        const struct model_guard *g = &world.guard[i];
        if ((choice >> (5 + i) & 1) &&
            !(g->promised && g->promise_age < V && g->promise_fast < EPS)) {
            return false;
        }
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct model_member *m = &world.member[i];
        unsigned age = m->yes_known ? m->yes_age : m->start_age;
        if ((choice >> (2 + i) & 1) && !(age < W && m->fast < MEPS)) {
            return false;
        }
    }
    return true;
}

static void guard_tick(unsigned guard, bool slow, unsigned promise_ticks) {
    struct model_guard *g = &world.guard[guard];
    unsigned on = slow ? 0 : 1;
    g->promise_age = LOWER(g->promise_age + promise_ticks, V);
    g->promise_fast = (uint8_t)(g->promise_fast + (promise_ticks > 1));
    g->gate_slow = g->gate ? (uint8_t)(g->gate_slow + slow) : 0;
    g->lease_slow = (uint8_t)(g->lease_slow + (g->leased && slow));
    g->pending_slow = (uint8_t)(g->pending_slow + (g->pending == PENDING_LEASE && slow));
    g->gate = (uint8_t)(g->gate > on ? g->gate - on : g->gate == 0 || on ? 0 : g->gate);
    g->gate_slow = g->gate ? g->gate_slow : 0;
    g->lease_age = (uint8_t)(g->lease_age + on);
    g->pending_age = LOWER(g->pending_age + on, T);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (g->round[i].purpose != ROUND_NONE) {
            g->round[i].age = (uint8_t)(g->round[i].age + on);
            g->round[i].slow = (uint8_t)(g->round[i].slow + slow);
            if (g->round[i].age >= T) {
                round_drop(guard, i); /* it could give no lease any more: TOO_LATE */
            }
        }
    }
    struct holder h = guard_load(g);
    holder_tick(&h, stamp_of(0));
    guard_store(g, &h);
}

static void world_tick(unsigned choice) {
    for (unsigned i = 0; i < GUARDS; i++) {
        guard_tick(i, choice >> i & 1, 1 + (choice >> (5 + i) & 1));
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct model_member *m = &world.member[i];
        unsigned on = 1 + (choice >> (2 + i) & 1);
        m->fast = (uint8_t)(m->fast + (on > 1));
        m->yes_age = LOWER(m->yes_age + on, W);
        m->from_age = LOWER(m->from_age + on, W);
        m->start_age = LOWER(m->start_age + on, W);
        struct attest a = member_load(m);
        member_store(m, &a);
        if ((m->yes_known ? m->yes_age : m->start_age) == W) {
            m->fast = 0;
        }
    }
}

/* ---- the world ---- */
static void member_sort(void) {
    for (unsigned pass = 0; pass < MEMBERS; pass++) {
        for (unsigned i = 0; i + 1 < MEMBERS; i++) {
            if (memcmp(&world.member[i], &world.member[i + 1], sizeof world.member[i]) > 0) {
                struct model_member held = world.member[i];
                world.member[i] = world.member[i + 1];
                world.member[i + 1] = held;
            }
        }
    }
}

void world_begin(void) {
    memset(&world, 0, sizeof world);
    world.log = 1;
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct attest a;
        struct attest_durable disk = {0, 0};
        attest_init(&a, &disk, stamp_of(0));
        attest_caught_up(&a);
        world.member[i].applied = 1;
        member_store(&world.member[i], &a);
    }
    for (unsigned i = 0; i < GUARDS; i++) {
        struct holder h;
        struct holder_durable disk = {0, 0, 0};
        holder_init(&h, &conf, &disk, stamp_of(0));
        guard_store(&world.guard[i], &h);
    }
}

enum {
    APPEND = 0,
    APPLY = 1,
    RESTART = 4,
    AHEAD = 7,
    CAUGHT = 10,
    NOTE = 13,
    PROOF = 16,
    BEGIN = 19,
    ANSWER = 25,
    CERTIFICATE = 37,
    PERSISTED = 41,
    FAIL = 43,
    FENCE = 45,
    DENIAL = 51,
    GUARD_RESTART = 53,
    ASK_PROMISE = 57,
    PROMISE = 59,
    PROMISES = 63,
    TICK = 67
};

static int member_may(int step) {
    const struct model_member *m = &world.member[(step - 1) % 3];
    struct attest a = member_load(m);
    if (step < RESTART)
        return m->applied < world.log;
    if (step < AHEAD)
        return world.member_restarts < MAXRESTART;
    if (step < CAUGHT) {
        return world.member_restarts < MAXRESTART && m->applied < world.log &&
               !log_is_open(m->applied + 1U) && EPOCH_OF(m->applied + 1) > m->closed;
    }
    if (step < NOTE)
        return !m->caught_up && m->applied == world.log;
#ifdef NOTE_EARLY
    if (step < PROOF)
        return m->closing > m->waited;
#else
    if (step < PROOF)
        return attest_waited_due(&a, stamp_of(0), W * TICK_MS);
#endif
    return m->closing > 0 && !m->proved && world.guard[OWNER(m->closing)].proof >= m->closing;
}

static bool slot_may(int at, enum holder_round_purpose purpose) {
    unsigned slot = (unsigned)at % 2;
    return slot < ROUNDS && world.guard[at / 2].round[slot < ROUNDS ? slot : 0].purpose == purpose;
}

int step_may(int step) {
    if (step == APPEND)
        return world.log < MAXLOG;
    if (step < BEGIN)
        return member_may(step);
    if (step < ANSWER) {
        unsigned guard = (unsigned)(step - BEGIN) / 3, epoch = (unsigned)(step - BEGIN) % 3 + 1;
#ifdef NO_OWNER
        return (int)epoch <= EPOCH_OF(world.log);
#else
        return (int)epoch <= EPOCH_OF(world.log) && (unsigned)OWNER(epoch) == guard;
#endif
    }
    if (step < CERTIFICATE) {
        int at = (step - ANSWER) / 3;
        return slot_may(at, ROUND_LEASE) && !(world.member[(step - ANSWER) % 3].yes &
                                              BIT_OF((unsigned)at / 2, (unsigned)at % 2));
    }
    if (step < PERSISTED)
        return slot_may(step - CERTIFICATE, ROUND_LEASE);
    if (step < FAIL)
        return world.guard[step - PERSISTED].pending != PENDING_NOTHING;
    if (step < FENCE) {
        return world.disk_failures < MAXFAIL && world.guard[step - FAIL].pending != PENDING_NOTHING;
    }
    if (step < DENIAL) {
        unsigned guard = (unsigned)(step - FENCE) / 3, epoch = (unsigned)(step - FENCE) % 3 + 1;
        return (int)epoch <= EPOCH_OF(world.log) && epoch < EPOCH_OF(MAXLOG) &&
               (unsigned)OWNER(epoch) == guard;
    }
    if (step < GUARD_RESTART)
        return world.guard[step - DENIAL].leased;
    if (step < ASK_PROMISE)
        return world.guard_restarts < MAXGREST;
#ifdef FAILSAFE
    if (step < PROMISE)
        return world.guard[step - ASK_PROMISE].leased;
    if (step < PROMISES)
        return slot_may(step - PROMISE, ROUND_PROMISE);
    if (step < TICK) {
        return slot_may(step - PROMISES, ROUND_PROMISE) &&
               world.guard[(step - PROMISES) / 2].round[(step - PROMISES) % 2].promised;
    }
#else
    if (step < TICK)
        return 0;
#endif
    return tick_may((unsigned)(step - TICK));
}

static void member_take(int step) {
    struct model_member *m = &world.member[(step - 1) % 3];
    if (step < RESTART)
        member_apply(m);
    else if (step < CAUGHT)
        member_restart(m, step >= AHEAD);
    else if (step < NOTE)
        m->caught_up = 1; /* attest_caught_up() sets this and nothing else */
    else if (step < PROOF)
        member_note(m);
    else
        member_proof(m);
}

static void guard_take(int step) {
    if (step < ANSWER)
        guard_begin((unsigned)(step - BEGIN) / 3, ROUND_LEASE, (unsigned)(step - BEGIN) % 3 + 1);
    else if (step < CERTIFICATE) {
        unsigned at = (unsigned)(step - ANSWER) / 3;
        member_answer(&world.member[(step - ANSWER) % 3], at / 2, at % 2);
    } else if (step < PERSISTED)
        guard_certificate((unsigned)(step - CERTIFICATE) / 2, (unsigned)(step - CERTIFICATE) % 2);
    else if (step < FAIL)
        guard_persisted(&world.guard[step - PERSISTED]);
    else if (step < FENCE)
        guard_fail(&world.guard[step - FAIL]);
    else if (step < DENIAL)
        guard_fence(&world.guard[(step - FENCE) / 3], (unsigned)(step - FENCE) % 3 + 1);
    else if (step < GUARD_RESTART)
        guard_denial((unsigned)(step - DENIAL));
    else if (step < ASK_PROMISE)
        guard_restart((unsigned)(step - GUARD_RESTART) / 2, (step - GUARD_RESTART) % 2);
    else if (step < PROMISE) {
        unsigned guard = (unsigned)(step - ASK_PROMISE);
        guard_begin(guard, ROUND_PROMISE, world.guard[guard].lease_epoch);
    } else if (step < PROMISES)
        guard_promise((unsigned)(step - PROMISE) / 2, (unsigned)(step - PROMISE) % 2);
    else
        guard_promises((unsigned)(step - PROMISES) / 2, (unsigned)(step - PROMISES) % 2);
}

void step_take(int step) {
    if (step == APPEND) {
        world.log++;
    } else if (step < BEGIN) {
        member_take(step);
    } else if (step < TICK) {
        guard_take(step);
    } else {
        world_tick((unsigned)(step - TICK));
    }
#ifndef REACH
    world.extended = world.zero_wait = 0;
#endif
    member_sort();
}

int world_two_writers(void) {
    return world.guard[0].gate > 0 && world.guard[1].gate > 0;
}

int world_old_epoch(void) {
    for (unsigned i = 0; i < GUARDS; i++) {
        const struct model_guard *g = &world.guard[i];
        if (g->leased && g->gate > 0 && g->lease_epoch < world.guard[1 - i].accepted) {
            return 1;
        }
    }
    return 0;
}

int world_reached(int which) {
    return (which == 1 && world.guard[1].leased) || (which == 2 && world.extended) ||
           (which == 3 && world.zero_wait);
}
