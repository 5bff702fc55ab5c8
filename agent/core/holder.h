/* holder: the asking side of the lease, as it runs in the guard. Pure: stamps come in, verdicts
 * go out.
 *
 * The guard issues the nonce and stamps the send, so an agent that lies can shorten a lease but
 * never lengthen one. Signatures are checked by the caller, who passes only the set of distinct
 * pinned signers. What must be durable before it takes effect is asked for by HOLDER_PERSIST:
 * the caller writes holder_durable() and calls holder_persisted(); until then nothing is opened
 * or told.
 *
 * Protocol and proof: docs/safety.md; model: tests/model/lease.pml. */
#ifndef DROVER_HOLDER_H
#define DROVER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/stamp.h"
#include "common/topology/limits.h"

#define HOLDER_ROUNDS_MAX 8 /* questions in flight; the oldest is forgotten */

enum holder_policy { HOLDER_FAILSAFE = 0, HOLDER_FENCE = 1, HOLDER_HOLD = 2 };

struct holder_conf {
    uint32_t lease_ms;      /* T */
    uint32_t fence_ms;      /* F: the soft fence is due when this much is left */
    uint32_t gate_early_ms; /* the kernel gate is armed to shut this long before the lease's end */
    uint32_t promise_ms;    /* V */
    uint8_t policy;         /* enum holder_policy */
    uint8_t members_n;
    uint8_t promisers_n; /* gate guards of the standby regions; 0: promises can never extend */
};

/* What survives a restart of the guard, and of the machine. */
struct holder_durable {
    uint64_t accepted_epoch; /* highest epoch of an accepted certificate */
    uint64_t fenced_epoch;   /* certificates of this epoch and older are refused for ever */
    uint64_t promised_epoch; /* 0: no promise stands; else nothing above is accepted for V */
};

enum holder_round_purpose { ROUND_NONE = 0, ROUND_LEASE = 1, ROUND_PROMISE = 2 };

struct holder_round {
    uint8_t purpose;
    uint8_t nonce[NONCE_SIZE];
    uint64_t epoch;
    struct stamp sent;
};

struct holder {
    struct holder_conf conf;
    struct holder_durable durable; /* what the disk is known to hold */
    struct holder_durable wished;  /* what it must hold before `pending` takes effect */
    uint8_t pending;               /* enum holder_pending */
    bool leased;                   /* a lease was accepted and not yet ended */
    bool by_promise;               /* last extended by promises */
    bool fence_asked;              /* fenced by order: no new lease of an epoch <= fenced_epoch */
    uint64_t lease_epoch;
    struct stamp lease_sent;   /* the lease runs lease_ms from here */
    struct stamp promise_made; /* promised_epoch stands promise_ms from here */
    struct stamp pending_sent; /* send stamp of the certificate waiting for the disk */
    uint8_t rounds_next;
    struct holder_round rounds[HOLDER_ROUNDS_MAX];
};

enum holder_pending { PENDING_NOTHING = 0, PENDING_LEASE, PENDING_FENCE, PENDING_PROMISE };

/* They go to the agent as numbers: a new one stands last. */
enum holder_verdict {
    HOLDER_ACCEPTED = 0,   /* in force now */
    HOLDER_PERSIST,        /* write holder_durable_wished(), then call holder_persisted() */
    HOLDER_UNKNOWN_NONCE,  /* not asked by us, or too many rounds ago */
    HOLDER_TOO_LATE,       /* the lease it would give has already ended */
    HOLDER_NO_MAJORITY,    /* or not all promisers */
    HOLDER_WRONG_EPOCH,    /* the certificate names another epoch than the round */
    HOLDER_OLD_EPOCH,      /* below an accepted one */
    HOLDER_FENCED,         /* at or below the fenced epoch */
    HOLDER_PROMISED,       /* we promised the active region not to */
    HOLDER_NO_LEASE,       /* promises extend only a still live lease */
    HOLDER_HAS_LEASE,      /* asked for a promise while holding a lease */
    HOLDER_KNOWS_NEWER,    /* asked for a promise for an older epoch than accepted */
    HOLDER_NOT_CONFIGURED, /* the policy does not allow it */
    HOLDER_BUSY,           /* a durable write is still under way */
    HOLDER_NOT_FENCED      /* asked for a promise, and its own epoch is not known to be over */
};

const char *holder_verdict_text(enum holder_verdict verdict);

/* Starts without a lease. A promise found on disk stands for a whole V from now, for nobody
 * knows how much of it has passed. Ensures that the numbers are usable (lease > fence >
 * gate_early > 0). */
void holder_init(struct holder *holder, const struct holder_conf *conf,
                 const struct holder_durable *durable, struct stamp now);

/* A question is about to be sent. The nonce must be fresh from the kernel. For a lease: the
 * epoch to ask for; refused (OLD_EPOCH, FENCED) when its certificate could not be accepted
 * anyway. */
enum holder_verdict holder_begin(struct holder *holder, enum holder_round_purpose purpose,
                                 uint64_t epoch, const uint8_t nonce[NONCE_SIZE], struct stamp now);

/* A certificate whose signatures were verified: yes_members is the set of distinct pinned members
 * that said YES to exactly this nonce and epoch. */
enum holder_verdict holder_certificate(struct holder *holder, const uint8_t nonce[NONCE_SIZE],
                                       uint64_t epoch, uint64_t yes_members, struct stamp now);

/* Promises of the standby's gate guards, verified: promisers is the set of distinct pinned ones. */
enum holder_verdict holder_promises(struct holder *holder, const uint8_t nonce[NONCE_SIZE],
                                    uint64_t epoch, uint64_t promisers, struct stamp now);

/* Verified refusals saying that `epoch` is closed or superseded. A majority ends the lease at once.
 * Never more: one or two lying members cannot fence a region. */
enum holder_verdict holder_denial(struct holder *holder, uint64_t epoch, uint64_t no_members);

/* By order of our own agent: end the lease now and refuse `epoch` and older ones for ever. The
 * proof of the fence may be signed once this is ACCEPTED (durable) and the gate was seen shut.
 * The order may name the epoch held or one above: never below what is accepted. */
enum holder_verdict holder_fence(struct holder *holder, uint64_t epoch);

/* The active region's agent asks us, a standby's guard, to accept no epoch above `epoch` for V. */
enum holder_verdict holder_promise(struct holder *holder, uint64_t epoch, struct stamp now);

/* The disk holds what holder_durable_wished() said. `now` decides whether what waited still
 * counts. */
enum holder_verdict holder_persisted(struct holder *holder, struct stamp now);
/* The disk refused: what waited is dropped. */
void holder_persist_failed(struct holder *holder);
const struct holder_durable *holder_durable_wished(const struct holder *holder);

/* Time passes: ends what has run out. Call before reading the functions below. */
void holder_tick(struct holder *holder, struct stamp now);

/* ms until the lease ends by the clock that says least is left; 0 without a lease. Under `hold`
 * a lease does not run out: lease_ms then. */
uint32_t holder_left_ms(const struct holder *holder, struct stamp now);
/* ms for which the kernel gate may stay open: left minus gate_early, 0 when shut. */
uint32_t holder_gate_ms(const struct holder *holder, struct stamp now);
/* The agent's polite fence is due: less than fence_ms is left. */
bool holder_soft_fence_due(const struct holder *holder, struct stamp now);
/* ms for which a promise given still binds us; 0: none. */
uint32_t holder_promise_left_ms(const struct holder *holder, struct stamp now);

#endif
