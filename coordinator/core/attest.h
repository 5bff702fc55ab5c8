/* attest: one member's answers to ATTEST. Pure; not replicated: each member has its own.
 *
 * The rules (a) to (e) of docs/safety.md. A member times its own wait: after applying CLOSE(e)
 * it answers for a later epoch only when wait_ms has passed, on the clock that says less, since
 * the last YES it gave (to e or an older epoch); since its own start when it cannot know; or, when
 * the topology says so, since it applied the CLOSE. A member without any notes waits as long from
 * its start before its first YES of all: it may have closed anything.
 * Durable notes are written by the shell: attest_close() and attest_wait_over() tell it what,
 * and nothing counts before it is on disk. */
#ifndef DROVER_ATTEST_H
#define DROVER_ATTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/stamp.h"
#include "common/topology/limits.h"

/* What survives a member's restart, outside the log. */
struct attest_durable {
    uint64_t closed_epoch; /* highest epoch durably closed by this member */
    uint64_t waited_epoch; /* this member's wait after closing this epoch is over */
    /* There were no notes: this member is new, or lost them, and its log perhaps with them. What it
     * said before nobody knows, and its first wait is not over. */
    bool first_wait;
};

/* The lease part of the member's applied state (core.h hands it out). */
struct lease_view {
    uint64_t epoch; /* newest; 0: none yet */
    bool open;
    uint8_t owner; /* region index, valid when open */
};

struct attest {
    struct attest_durable durable;
    struct stamp started;
    bool caught_up;     /* (d): applied up to the head read after the start */
    bool yes_known;     /* last_yes is real, not the start's stand-in */
    uint64_t yes_epoch; /* the epoch of the last YES */
    struct stamp last_yes;
    uint64_t closing_epoch; /* the close whose wait is running or over; 0: none */
    struct stamp wait_from; /* the wait runs wait_ms from here */
    bool fence_proved;      /* all guards of the closed region proved their fence: no wait */
};

enum attest_purpose { ATTEST_LEASE = 1, ATTEST_COMMAND = 2 };

struct attest_ask {
    uint8_t purpose;
    uint64_t epoch;
    uint8_t region;      /* of the asker, by its key; NONE: unknown agent */
    bool numbers_agree;  /* lease, wait (for ever: hold) and promise lengths equal ours */
    bool command_wanted; /* the digest belongs to a step wanted now of exactly this agent */
    bool needs_lease;    /* that step opens a store: rules (a) to (c) of a lease hold for it too */
    struct stamp now;
    uint32_t wait_ms; /* W */
};

/* Values of proto's enum refusal; kept apart because a core does not know the wire. */
enum attest_no {
    ATTEST_YES = 0,
    ATTEST_NOT_NEWEST = 1,
    ATTEST_NOT_OPEN = 2,
    ATTEST_NOT_OWNER = 3,
    ATTEST_WAITING = 4,
    ATTEST_CLOSED_HERE = 5,
    ATTEST_NOT_CAUGHT_UP = 6,
    ATTEST_NOT_WANTED = 7,
    ATTEST_NUMBERS_DIFFER = 8,
    ATTEST_UNKNOWN_AGENT = 9
};

/* At start; durable is what the disk holds (zeros and first_wait on a new member). */
void attest_init(struct attest *attest, const struct attest_durable *durable, struct stamp now);

/* The member has applied everything up to a head it read after its start. */
void attest_caught_up(struct attest *attest);

/* CLOSE(epoch) is about to be applied: the shell makes attest_close_durable() durable FIRST,
 * then calls this, then applies. Starts the wait. Epochs of replayed, older closes are
 * harmless. */
void attest_close(struct attest *attest, uint64_t epoch);
/* The same under `lease.wait_from = "close"`: a wait that starts here runs from now, which is later
 * than any YES. One stolen member key can then not make this wait end before a lease that the
 * thief certified with another honest member. */
void attest_close_from(struct attest *attest, uint64_t epoch, struct stamp now);
struct attest_durable attest_close_durable(const struct attest *attest, uint64_t epoch);

/* Every guard of the closed region proved its fence of `epoch` (signatures checked): the wait
 * is zero, unless the wait of an older epoch may still be running. */
void attest_fence_proved(struct attest *attest, uint64_t epoch);

/* ms until this member's own wait is over; 0: over or none running. */
uint32_t attest_wait_left_ms(const struct attest *attest, struct stamp now, uint32_t wait_ms);

/* The same for the wait of a start without notes, whatever the log says: no proof ends it. first_ms
 * is the topology's wait also under `hold`, where no lease ends by time: then it is the time in
 * which whoever holds a later epoch is heard. */
uint32_t attest_first_left_ms(const struct attest *attest, struct stamp now, uint32_t first_ms);
/* It is over: noted as above. */
bool attest_first_due(const struct attest *attest, struct stamp now, uint32_t first_ms);
void attest_first_waited(struct attest *attest);

/* True when the wait is over and the disk does not know it yet: the shell writes
 * attest_waited_durable(), then calls attest_waited(). Best effort: without the note a restart
 * waits again. */
bool attest_waited_due(const struct attest *attest, struct stamp now, uint32_t wait_ms);
struct attest_durable attest_waited_durable(const struct attest *attest);
void attest_waited(struct attest *attest);

/* The answer. On YES to a lease question the stamp is noted (in memory: attesting needs no
 * disk). */
enum attest_no attest_ask(struct attest *attest, const struct lease_view *view,
                          const struct attest_ask *ask);

#endif
