#include "agent/core/holder.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"

const char *holder_verdict_text(enum holder_verdict verdict) {
    switch (verdict) {
    case HOLDER_ACCEPTED: return "accepted";
    case HOLDER_PERSIST: return "waits for the disk";
    case HOLDER_UNKNOWN_NONCE: return "answers a question this guard did not ask";
    case HOLDER_TOO_LATE: return "the lease it would give has already ended";
    case HOLDER_NO_MAJORITY: return "too few signers";
    case HOLDER_WRONG_EPOCH: return "names another epoch than the question";
    case HOLDER_OLD_EPOCH: return "below an epoch already accepted";
    case HOLDER_FENCED: return "at or below the fenced epoch";
    case HOLDER_PROMISED:
        return "this guard promised the active region to accept no newer epoch yet";
    case HOLDER_NO_LEASE: return "promises extend only a live lease";
    case HOLDER_HAS_LEASE: return "this guard holds a lease itself";
    case HOLDER_KNOWS_NEWER: return "this guard accepted a newer epoch";
    case HOLDER_NOT_FENCED: return "its own last epoch may go on: it is not fenced here";
    case HOLDER_NOT_CONFIGURED: return "the policy does not allow it";
    case HOLDER_BUSY: return "a durable write is still under way";
    }
    return "unknown verdict";
}

static void check_invariants(const struct holder *holder) {
    ensure(holder->durable.accepted_epoch <= holder->wished.accepted_epoch);
    ensure(holder->durable.fenced_epoch <= holder->wished.fenced_epoch);
    /* I2: a lease is only ever of the newest accepted epoch, and never of a fenced one. */
    ensure(!holder->leased || holder->lease_epoch == holder->durable.accepted_epoch);
    ensure(!holder->leased || holder->lease_epoch > holder->durable.fenced_epoch);
}

void holder_init(struct holder *holder, const struct holder_conf *conf,
                 const struct holder_durable *durable, struct stamp now) {
    ensure(conf->lease_ms > conf->fence_ms);
    ensure(conf->fence_ms > conf->gate_early_ms);
    ensure(conf->gate_early_ms > 0);
    ensure(conf->promise_ms >= conf->lease_ms);
    ensure(conf->members_n >= 1 && conf->members_n <= MEMBERS_MAX);
    ensure(conf->promisers_n <= 64);
    memset(holder, 0, sizeof *holder);
    holder->conf = *conf;
    holder->durable = *durable;
    holder->wished = *durable;
    holder->promise_made = now;
    check_invariants(holder);
}

static struct holder_round *round_find(struct holder *holder, const uint8_t nonce[NONCE_SIZE],
                                       enum holder_round_purpose purpose) {
    for (unsigned i = 0; i < HOLDER_ROUNDS_MAX; i++) {
        struct holder_round *round = &holder->rounds[i];
        if (round->purpose == purpose && memcmp(round->nonce, nonce, NONCE_SIZE) == 0) {
            return round;
        }
    }
    return NULL;
}

static uint32_t left_of(uint32_t length_ms, uint64_t passed_ms) {
    return passed_ms >= length_ms ? 0 : (uint32_t)(length_ms - passed_ms);
}

uint32_t holder_promise_left_ms(const struct holder *holder, struct stamp now) {
    if (holder->durable.promised_epoch == 0) {
        return 0;
    }
    return left_of(holder->conf.promise_ms, stamp_least_passed_ms(holder->promise_made, now));
}

/* The rules that hold for every certificate of an epoch, whenever it comes. */
static enum holder_verdict epoch_verdict(const struct holder *holder, uint64_t epoch,
                                         struct stamp now) {
    if (epoch == 0 || epoch <= holder->wished.fenced_epoch) {
        return HOLDER_FENCED;
    }
    if (epoch < holder->wished.accepted_epoch) {
        return HOLDER_OLD_EPOCH;
    }
    if (holder->wished.promised_epoch != 0 &&
        (holder->pending == PENDING_PROMISE || holder_promise_left_ms(holder, now) > 0)) {
        return HOLDER_PROMISED;
    }
    return HOLDER_ACCEPTED;
}

enum holder_verdict holder_begin(struct holder *holder, enum holder_round_purpose purpose,
                                 uint64_t epoch, const uint8_t nonce[NONCE_SIZE],
                                 struct stamp now) {
    ensure(purpose == ROUND_LEASE || purpose == ROUND_PROMISE);
    if (purpose == ROUND_PROMISE) {
        if (holder->conf.policy == HOLDER_FENCE || holder->conf.promisers_n == 0) {
            return HOLDER_NOT_CONFIGURED;
        }
        if (holder_left_ms(holder, now) == 0 || epoch != holder->lease_epoch) {
            return HOLDER_NO_LEASE;
        }
    } else {
        enum holder_verdict verdict = epoch_verdict(holder, epoch, now);
        if (verdict != HOLDER_ACCEPTED) {
            return verdict;
        }
    }
    struct holder_round *round = &holder->rounds[holder->rounds_next];
    holder->rounds_next = (uint8_t)((holder->rounds_next + 1) % HOLDER_ROUNDS_MAX);
    round->purpose = (uint8_t)purpose;
    memcpy(round->nonce, nonce, NONCE_SIZE);
    round->epoch = epoch;
    round->sent = now;
    return HOLDER_ACCEPTED;
}

/* A newer round's lease is never replaced by an older round's. */
static void lease_take(struct holder *holder, uint64_t epoch, struct stamp sent, bool by_promise) {
    ensure(!holder->leased || holder->lease_epoch == epoch);
    if (holder->leased && sent.boot_ms < holder->lease_sent.boot_ms) {
        return;
    }
    holder->leased = true;
    holder->lease_epoch = epoch;
    holder->lease_sent = sent;
    holder->by_promise = by_promise;
}

enum holder_verdict holder_certificate(struct holder *holder, const uint8_t nonce[NONCE_SIZE],
                                       uint64_t epoch, uint64_t yes_members, struct stamp now) {
    holder_tick(holder, now);
    struct holder_round *round = round_find(holder, nonce, ROUND_LEASE);
    if (round == NULL) {
        return HOLDER_UNKNOWN_NONCE;
    }
    if (round->epoch != epoch) {
        return HOLDER_WRONG_EPOCH;
    }
    uint64_t known = yes_members & (bit(holder->conf.members_n) - 1);
    if (bits_count(known) < majority_of(holder->conf.members_n)) {
        return HOLDER_NO_MAJORITY;
    }
    if (left_of(holder->conf.lease_ms, stamp_most_passed_ms(round->sent, now)) <=
        holder->conf.gate_early_ms) {
        return HOLDER_TOO_LATE;
    }
    enum holder_verdict verdict = epoch_verdict(holder, epoch, now);
    if (verdict != HOLDER_ACCEPTED) {
        return verdict;
    }
    if (epoch == holder->durable.accepted_epoch) {
        lease_take(holder, epoch, round->sent, false);
        check_invariants(holder);
        return HOLDER_ACCEPTED;
    }
    if (holder->pending != PENDING_NOTHING) {
        return HOLDER_BUSY;
    }
    /* I2, I7: the epoch is on disk before the gate opens for it. A promise that has run out is
     * forgotten with the same write. */
    holder->wished.accepted_epoch = epoch;
    holder->wished.promised_epoch = 0;
    holder->pending = PENDING_LEASE;
    holder->pending_sent = round->sent;
    return HOLDER_PERSIST;
}

enum holder_verdict holder_promises(struct holder *holder, const uint8_t nonce[NONCE_SIZE],
                                    uint64_t epoch, uint64_t promisers, struct stamp now) {
    holder_tick(holder, now);
    struct holder_round *round = round_find(holder, nonce, ROUND_PROMISE);
    if (round == NULL) {
        return HOLDER_UNKNOWN_NONCE;
    }
    if (round->epoch != epoch || epoch != holder->lease_epoch) {
        return HOLDER_WRONG_EPOCH;
    }
    uint64_t all = holder->conf.promisers_n == 64 ? UINT64_MAX : bit(holder->conf.promisers_n) - 1;
    if (holder->conf.promisers_n == 0 || (promisers & all) != all) {
        return HOLDER_NO_MAJORITY;
    }
    /* Never a revival: a lease that ended may already have been followed by another region's. */
    if (holder_left_ms(holder, now) == 0 || epoch <= holder->wished.fenced_epoch) {
        return HOLDER_NO_LEASE;
    }
    if (left_of(holder->conf.lease_ms, stamp_most_passed_ms(round->sent, now)) <=
        holder->conf.gate_early_ms) {
        return HOLDER_TOO_LATE;
    }
    lease_take(holder, epoch, round->sent, true);
    check_invariants(holder);
    return HOLDER_ACCEPTED;
}

static void lease_end(struct holder *holder) {
    holder->leased = false;
    holder->by_promise = false;
}

enum holder_verdict holder_denial(struct holder *holder, uint64_t epoch, uint64_t no_members) {
    uint64_t known = no_members & (bit(holder->conf.members_n) - 1);
    if (bits_count(known) < majority_of(holder->conf.members_n)) {
        return HOLDER_NO_MAJORITY;
    }
    if (!holder->leased || epoch != holder->lease_epoch) {
        return HOLDER_NO_LEASE;
    }
    lease_end(holder);
    /* Told that the epoch is over: answers still on their way must not open the gate again. */
    memset(holder->rounds, 0, sizeof holder->rounds);
    check_invariants(holder);
    return HOLDER_ACCEPTED;
}

enum holder_verdict holder_fence(struct holder *holder, uint64_t epoch) {
    ensure(epoch > 0);
    if (epoch < holder->wished.accepted_epoch) {
        return HOLDER_OLD_EPOCH;
    }
    lease_end(holder); /* of an accepted epoch, so of this one or an older one */
    if (epoch <= holder->durable.fenced_epoch) {
        return HOLDER_ACCEPTED;
    }
    if (holder->pending != PENDING_NOTHING) {
        return HOLDER_BUSY;
    }
    holder->wished.fenced_epoch = epoch;
    holder->pending = PENDING_FENCE;
    check_invariants(holder);
    return HOLDER_PERSIST;
}

enum holder_verdict holder_promise(struct holder *holder, uint64_t epoch, struct stamp now) {
    holder_tick(holder, now);
    if (holder->leased) {
        return HOLDER_HAS_LEASE;
    }
    if (epoch == 0 || holder->wished.accepted_epoch > epoch ||
        holder->wished.fenced_epoch > epoch) {
        return HOLDER_KNOWS_NEWER;
    }
    if (holder->wished.accepted_epoch > holder->wished.fenced_epoch) {
        return HOLDER_NOT_FENCED;
    }
    if (holder->pending != PENDING_NOTHING) {
        return HOLDER_BUSY;
    }
    bool standing = holder->durable.promised_epoch != 0 && holder_promise_left_ms(holder, now) > 0;
    if (standing && holder->durable.promised_epoch != epoch) {
        /* Two active regions cannot be; the older promise is kept until it has run out. */
        return HOLDER_PROMISED;
    }
    /* I7: every promise is written, also one that repeats the epoch: the disk does not hold the
     * time, and a restart counts a whole V. So only a first promise needs the disk. */
    if (standing) {
        holder->promise_made = now;
        return HOLDER_ACCEPTED;
    }
    holder->wished.promised_epoch = epoch;
    holder->pending = PENDING_PROMISE;
    return HOLDER_PERSIST;
}

enum holder_verdict holder_persisted(struct holder *holder, struct stamp now) {
    ensure(holder->pending != PENDING_NOTHING);
    uint8_t pending = holder->pending;
    holder->pending = PENDING_NOTHING;
    holder->durable = holder->wished;
    if (pending == PENDING_PROMISE) {
        holder->promise_made = now;
    }
    if (pending == PENDING_LEASE) {
        uint64_t epoch = holder->durable.accepted_epoch;
        lease_end(holder); /* I2: an older one is over, even if this one comes to nothing */
        bool alive =
            left_of(holder->conf.lease_ms, stamp_most_passed_ms(holder->pending_sent, now)) >
            holder->conf.gate_early_ms;
        if (!alive) {
            return HOLDER_TOO_LATE;
        }
        ensure(epoch > holder->durable.fenced_epoch); /* one write at a time */
        lease_take(holder, epoch, holder->pending_sent, false);
    }
    check_invariants(holder);
    return HOLDER_ACCEPTED;
}

/* What was wished may or may not be on the disk. A wished fence goes on refusing in memory, but
 * it is not durable and so never ACCEPTED: asking again writes again. */
void holder_persist_failed(struct holder *holder) {
    ensure(holder->pending != PENDING_NOTHING);
    uint8_t pending = holder->pending;
    holder->pending = PENDING_NOTHING;
    if (pending == PENDING_LEASE) {
        /* A later certificate of the same epoch must go to the disk again. */
        holder->wished.accepted_epoch = holder->durable.accepted_epoch;
        holder->wished.promised_epoch = holder->durable.promised_epoch;
    }
    if (pending == PENDING_PROMISE) {
        holder->wished.promised_epoch = holder->durable.promised_epoch;
    }
    check_invariants(holder);
}

const struct holder_durable *holder_durable_wished(const struct holder *holder) {
    return &holder->wished;
}

uint32_t holder_left_ms(const struct holder *holder, struct stamp now) {
    if (!holder->leased) {
        return 0;
    }
    if (holder->conf.policy == HOLDER_HOLD) {
        return holder->conf.lease_ms;
    }
    return left_of(holder->conf.lease_ms, stamp_most_passed_ms(holder->lease_sent, now));
}

uint32_t holder_gate_ms(const struct holder *holder, struct stamp now) {
    uint32_t left_ms = holder_left_ms(holder, now);
    return left_ms <= holder->conf.gate_early_ms ? 0 : left_ms - holder->conf.gate_early_ms;
}

bool holder_soft_fence_due(const struct holder *holder, struct stamp now) {
    return holder_left_ms(holder, now) <= holder->conf.fence_ms;
}

void holder_tick(struct holder *holder, struct stamp now) {
    if (holder->leased && holder_left_ms(holder, now) == 0) {
        lease_end(holder);
    }
    check_invariants(holder);
}
