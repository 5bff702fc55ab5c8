/* stand_in: the log and the wire of one member, replaced: what it appends and sends is kept
 * here, and frames are handed to it as from any key's owner. And a member put together by hand
 * around the sample topology. */
#ifndef DROVER_TESTS_STAND_IN_H
#define DROVER_TESTS_STAND_IN_H

#include "coordinator/member.h"

#define APPENDED_MAX 256
#define SENT_MAX 64

struct appended {
    char key[FACT_KEY_SIZE];
    uint8_t *bytes;
    size_t size;
    void *owner;
    void (*done)(void *owner, enum err err, uint64_t index, bool existed);
    bool answered;
    uint64_t index; /* where the answer says that it stands; 0: at 1 */
};

struct sent {
    uint8_t agent;
    size_t size;
    uint8_t bytes[FRAME_AGENT_MAX];
};

extern struct appended appended[APPENDED_MAX];
extern unsigned appended_n;
extern struct sent sent[SENT_MAX]; /* those beyond are only counted */
extern unsigned sent_n;

/* The last question for the log's head, for the test to answer. */
extern struct head_ask {
    unsigned n; /* asked so far */
    void *owner;
    void (*done)(void *owner, enum err err, uint64_t index);
} head_ask;

/* A member of that name with the sample topology (version 1), caught up; nothing applied to its
 * core but that version. Secret keys are made up: sign_secret of the member, `agent_secret` of
 * each agent, whose public halves are in the topology. */
struct coordinator *stand_in_member(const char *name);
extern uint8_t agent_secret[AGENTS_MAX][KEY_SIZE];

/* Takes one event into the member's core, as the log would. */
struct verdict stand_in_step(struct coordinator *member, struct event *event);
/* Epoch 1 of east is open, m1 keeps time, everybody is heard. */
void stand_in_serving(struct coordinator *member);
/* A failover to west, declared, closed, opened: its first step is wanted. */
void stand_in_failing_over(struct coordinator *member);

/* The newest append of that kind that was not answered; NULL. */
struct appended *stand_in_appended(enum event_kind kind);
unsigned stand_in_appended_n(enum event_kind kind);
void stand_in_answer(struct appended *append, enum err err);

/* As if that agent's session had sent it. listen_start() must have been called. */
void stand_in_frame(uint8_t agent, const struct message *message);

extern uint64_t report_seq; /* of the newest report that was begun */
/* The next report of that agent, of topology version 1; in the function's memory. */
struct message *stand_in_report(const char *name);
/* Signs it with that agent's key and has it come by the session of `from`. */
void stand_in_send_report(uint8_t from, uint8_t signer, struct message *message);

#endif
