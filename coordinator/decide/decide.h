/* decide: what one member decides, and all that it decides from. The member and `drover replay` run
 * this very code over the same inputs, so that what is replayed is what was decided.
 *
 * Inputs are the calls below; each says what it decided in the words of the operators' own log. No
 * clock is read here, no file, no socket. The caller makes what goes out durable and records it. */
#ifndef DROVER_DECIDE_H
#define DROVER_DECIDE_H

#include "coordinator/decide/facts.h"

/* A macro, because a member has these fields by their own names too (member.h). */
#define DECIDE_FIELDS                                                                              \
    struct topology *topology;      /* applied; both are the owner's, and they change places */    \
    struct topology *topology_next; /* read into */                                                \
    char topology_text[TOPOLOGY_BYTES_MAX + 1];                                                    \
    size_t topology_text_size;                                                                     \
    bool topology_known;                                                                           \
    struct core core;                                                                              \
    struct attest attest;                                                                          \
    struct stamp step_at; /* when the fact or snapshot in hand came: the caller's to set */        \
    uint64_t proved_epoch[AGENTS_MAX]; /* by agent: its guard's verified fence proof */            \
    bool guard_left; /* a guard left the topology, and its lease may still run: no proof counts */ \
    struct stamp guard_left_at;         /* when this member saw it go */                           \
    uint8_t told_answer[AGENTS_MAX][2]; /* by agent and purpose: the last answer, plus one */      \
    uint8_t *inner_scratch;             /* FACTS_SCRATCH_SIZE, the owner's */

struct decide {
    DECIDE_FIELDS
};

#define DECIDE_COMMENT_SIZE (SENTENCE_SIZE + 96)
#define DECIDE_LINE_SIZE 900
#define DECIDE_LINES_MAX 2

/* One line of the decision log, as log_event() takes it; no control characters in it. */
struct decide_line {
    int level;
    const char *event;
    char text[DECIDE_LINE_SIZE];
};

struct decide_lines {
    unsigned n;
    struct decide_line at[DECIDE_LINES_MAX];
};

/* "notice fact.applied index=7 ...": a line as recordings and `drover replay` hold it. Size with
 * the newline, which is written; 0: does not fit. */
size_t decide_line_text(const struct decide_line *line, char *out, size_t out_size);

/* What is and what becomes of one fact. Large: static in its users. */
struct decision {
    struct fact fact;
    struct message message; /* kind MESSAGE_NONE for plain facts; borrows from inner_scratch */
    char comment[DECIDE_COMMENT_SIZE];
    struct text256 why;     /* of a refusal */
    bool topology_changed;  /* another one is in force now */
    struct verdict verdict; /* valid behind decide_step() */
};

/* With the notes of the disk. */
void decide_start(struct decide *decide, const struct attest_durable *durable, struct stamp now,
                  struct decide_lines *ret_lines);

/* Takes over a snapshot of the log. FORMAT, CONFIG: unusable, and nothing has changed.
 * *ret_snapshot borrows from bytes. */
enum err decide_snapshot(struct decide *decide, const uint8_t *bytes, size_t size, uint64_t index,
                         struct snapshot *ret_snapshot, struct decide_lines *ret_lines,
                         struct text256 *reterr) ERR_CHECKED;

/* Reads a fact, checks whose it is, and brings its topology into force. False: refused, with a
 * line; it is done with then. May be repeated before decide_step(). */
bool decide_read(struct decide *decide, const uint8_t *bytes, size_t size, uint64_t index,
                 struct decision *ret_decision, struct decide_lines *ret_lines);
/* May `next` come into force after `now`, while leases and promises given under `now` may still
 * run? False with why. */
bool decide_topology_follows(const struct topology *now, const struct topology *next,
                             struct text256 *reterr);
/* The same for the leases of guards that topology_next no longer lists. */
bool decide_leases_follow(const struct decide *decide, struct text256 *reterr);
/* The epoch that must be durably closed by this member before decide_step(); 0: none. */
uint64_t decide_closes(const struct decide *decide, const struct decision *decision);
void decide_step(struct decide *decide, struct decision *decision, struct decide_lines *ret_lines);

/* Is this fact of such a kind, and of such an effect, that it leaves no line? */
bool decide_is_routine(const struct event *event, const struct verdict *verdict);

void decide_caught_up(struct decide *decide, uint64_t index, struct decide_lines *ret_lines);
/* The answer to a question of an agent, whose signature was checked. */
enum attest_no decide_answer(struct decide *decide, uint8_t agent, const struct attest_ask *ask,
                             struct decide_lines *ret_lines);
/* A fence proof whose signature was checked. */
void decide_fence_proof(struct decide *decide, uint8_t agent, uint64_t epoch,
                        struct decide_lines *ret_lines);
/* The note of it is on the disk; epoch 0: of the wait of a start without notes. False: there is no
 * such wait. */
bool decide_waited(struct decide *decide, uint64_t epoch, struct decide_lines *ret_lines);

/* ms of this topology's wait; UINT32_MAX under `hold`: nobody fences itself then when it hears
 * nobody, time proves nothing, and only fence proofs end the wait. */
uint32_t decide_wait_ms(const struct topology *topology);
/* Of a start without notes: `lease.wait`, whatever the policy. */
uint32_t decide_first_wait_ms(const struct topology *topology);

/* Everything decided so far in one number of 32 bytes: equal states have equal digests. */
void decide_digest(const struct decide *decide, uint8_t ret_digest[DIGEST_SIZE]);

/* ---- a whole state as bytes, for the beginning of a recording's file (decide_state.c) ---- */

#define DECIDE_STATE_MAX (sizeof(struct core) + TOPOLOGY_BYTES_MAX + 8192)
size_t decide_state_write(const struct decide *decide, uint8_t *out, size_t out_size);
/* FORMAT, CONFIG with why: damaged, or it contradicts itself; *decide is of no use then. */
enum err decide_state_read(struct decide *decide, const uint8_t *bytes, size_t size,
                           struct text256 *reterr) ERR_CHECKED;
/* Could core_step() have come to this state under this topology? A file may say anything. */
bool decide_core_is_sane(const struct core *core, const struct topology *topology);

#endif
