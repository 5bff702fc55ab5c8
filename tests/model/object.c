/* object: the world around one group of members and two guards, for object.pml.
 * objects: coordinator/core/attest.c
 * objects: agent/core/holder.c
 */
#include "object.h"

#include <stdlib.h>

#include "object_bytes.h"
#include "object_steps.h"

struct model_world world;
void (*ensure_hook)(const char *expression, const char *file, int line);

/* A broken ensure() of the shipped code ends the search as loudly as a broken invariant. */
void ensure_failed(const char *expression, const char *file, int line) {
    (void)expression;
    (void)file;
    (void)line;
    abort();
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
    bool held = HOLDS_AT(g->pins) && g->leased; /* its gate is armed anew while it is leased */
    g->promise_age = LOWER(g->promise_age + promise_ticks, V);
    g->promise_fast = (uint8_t)(g->promise_fast + (promise_ticks > 1));
    g->gate_slow = g->gate ? (uint8_t)(g->gate_slow + slow) : 0;
    g->lease_slow = (uint8_t)(g->lease_slow + (g->leased && slow));
    g->pending_slow = (uint8_t)(g->pending_slow + (g->pending == PENDING_LEASE && slow));
    g->gate = held ? g->gate
                   : (uint8_t)(g->gate > on         ? g->gate - on
                               : g->gate == 0 || on ? 0
                                                    : g->gate);
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
        struct attest_durable disk = {0};
        attest_init(&a, &disk, stamp_of(0));
        attest_caught_up(&a);
        world.member[i].applied = 1;
        member_store(&world.member[i], &a);
    }
    for (unsigned i = 0; i < GUARDS; i++) {
        struct holder h;
        struct holder_durable disk = {0, 0, 0};
        struct holder_conf conf = conf_of(&world.guard[i]);
        holder_init(&h, &conf, &disk, stamp_of(0));
        guard_store(&world.guard[i], &h);
    }
}

/* ---- a change of the topology, and members that are replaced ---- */
static bool config_due(const struct model_member *m) {
    return world.config_at != 0 && m->applied == world.config_at && !m->config;
}

/* A new machine under the member's name: no notes. EARLY: it had run beside the old one for long,
 * and all the while read the log. */
static void member_wipe(struct model_member *m) {
    struct attest a;
    struct attest_durable disk = {0};
#ifdef EARLY
    attest_init(&a, &disk, stamp_of(W));
#else
    attest_init(&a, &disk, stamp_of(0));
#endif
    m->applied = 1; /* and all of the log to be applied again */
    m->config = 0;
    m->fast = 0;
    member_store(m, &a);
    world.wipes++;
}

/* All members' machines and the log with them: epoch 1 is open once more, for P. */
static void all_lost(void) {
    world.log = 1;
    world.lost = 1;
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct attest a;
        struct model_member *m = &world.member[i];
        struct attest_durable none = {.first_wait = true};
#ifdef NO_FIRST_WAIT
        none.first_wait = false;
#endif
        attest_init(&a, &none, stamp_of(0));
        m->applied = 1;
        m->fast = 0;
        member_store(m, &a);
    }
}

static bool first_due(const struct model_member *m) {
    struct attest a = member_load(m);
    return attest_first_due(&a, stamp_of(0), (uint32_t)W_OF(m->config) * TICK_MS);
}

static void first_over(struct model_member *m) {
    struct attest a = member_load(m);
    attest_first_waited(&a);
    member_store(m, &a);
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
    TICK = 67,
    CHANGE_TOPOLOGY = 195,
    TAKE_TOPOLOGY = 196,
    WIPE = 199,
    LOSE = 202,
    FIRST = 203
};

static int change_may(int step) {
    if (step == CHANGE_TOPOLOGY)
        return world.config_at == 0;
    if (step >= LOSE)
        return step == LOSE ? !world.lost : first_due(&world.member[step - FIRST]);
    const struct model_member *m = &world.member[(step - TAKE_TOPOLOGY) % 3];
    return step < WIPE ? config_due(m) : world.wipes < MAXWIPE;
}

static void change_take(int step) {
    struct model_member *m = &world.member[step > CHANGE_TOPOLOGY ? (step - TAKE_TOPOLOGY) % 3 : 0];
    if (step == CHANGE_TOPOLOGY) {
        world.config_at = world.log;
    } else if (step == LOSE) {
        all_lost();
    } else if (step > LOSE) {
        first_over(&world.member[step - FIRST]);
    } else if (step < WIPE) {
        m->config = 1;
    } else {
        member_wipe(m);
    }
}

static int member_may(int step) {
    const struct model_member *m = &world.member[(step - 1) % 3];
    struct attest a = member_load(m);
    (void)a; /* a mutant asks no more of it */
    if (step < RESTART)
        return m->applied < world.log && !config_due(m);
    if (step < AHEAD)
        return world.member_restarts < MAXRESTART;
    if (step < CAUGHT) {
        return world.member_restarts < MAXRESTART && m->applied < world.log &&
               !log_is_open(m->applied + 1U) && EPOCH_OF(m->applied + 1) > m->closed;
    }
    if (step < NOTE)
        return !m->caught_up && m->applied == world.log && !config_due(m);
#ifdef NOTE_EARLY
    if (step < PROOF)
        return m->closing > m->waited;
#else
    if (step < PROOF)
        return attest_waited_due(&a, stamp_of(0), (uint32_t)W_OF(m->config) * TICK_MS);
#endif
    return m->closing > 0 && !m->proved && world.guard[OWNER(m->closing)].proof >= m->closing;
}

static bool slot_may(int at, enum holder_round_purpose purpose) {
    unsigned slot = (unsigned)at % 2;
    return slot < ROUNDS && world.guard[at / 2].round[slot < ROUNDS ? slot : 0].purpose == purpose;
}

int step_may(int step) {
    if (step >= CHANGE_TOPOLOGY)
        return change_may(step);
    if (step == APPEND)
        return world.log < MAXLOG;
    if (step < BEGIN)
        return member_may(step);
    if (step < ANSWER) {
        unsigned guard = (unsigned)(step - BEGIN) / 3, epoch = (unsigned)(step - BEGIN) % 3 + 1;
        (void)guard; /* nor a mutant of this */
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
#ifdef FENCELESS
    if (step < GUARD_RESTART)
        return 0;
#endif
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
    } else if (step >= CHANGE_TOPOLOGY) {
        change_take(step);
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

/* When the epochs themselves were lost they begin again, and only guards know: not asked. */
int world_old_epoch(void) {
    for (unsigned i = 0; i < GUARDS && !world.lost; i++) {
        const struct model_guard *g = &world.guard[i];
        if (g->leased && g->gate > 0 && g->lease_epoch < world.guard[1 - i].accepted) {
            return 1;
        }
    }
    return 0;
}

/* From here, with every message delivered, every write done and no clock adrift: does the region
 * that the log names open its gate? Or it stands in a state that has a name: fenced by order, which
 * only a newer epoch ends. No later state is needed: a fair run reaches a healed one, and stays. */
int world_heals(void) {
    struct model_world kept = world;
    bool ok = false;
    world.log = (uint8_t)(log_is_open(world.log) ? world.log : world.log + 1);
    unsigned owner = (unsigned)OWNER(EPOCH_OF(world.log)), epoch = EPOCH_OF(world.log);
    struct model_guard *g = &world.guard[owner];
    for (unsigned round = 0; round < 2 * (W + V) + 4 && !ok; round++) {
        if (g->pending != PENDING_NOTHING) {
            guard_persisted(g);
        }
        unsigned slot = g->next;
        guard_begin(owner, ROUND_LEASE, epoch);
        for (unsigned i = 0; i < HEALTHY_N; i++) {
            struct model_member *m = &world.member[i];
            while (m->applied < world.log) {
                member_apply(m);
            }
            m->caught_up = 1;
            if (g->round[slot].purpose == ROUND_LEASE) {
                member_answer(m, owner, slot);
            }
        }
        guard_certificate(owner, slot);
        if (g->pending != PENDING_NOTHING) {
            guard_persisted(g);
        }
        ok = g->gate > 0 || g->fenced >= epoch;
        world_tick(0);
    }
    world = kept;
    return ok;
}

int world_reached(int which) {
    return (which == 1 && world.guard[1].leased) || (which == 2 && world.extended) ||
           (which == 3 && world.zero_wait);
}
