/* state: what every member derives from the log, as one value: fixed size, integers only, no
 * pointers, no padding, no names. Two members that applied the same facts hold equal bytes.
 * Names and texts lie beside it, in the topology of `config_version`. */
#ifndef DROVER_STATE_H
#define DROVER_STATE_H

#include <stdint.h>

#include "common/topology/topology.h"

#define EXECUTIONS_MAX 4 /* kept: the running ones and the latest finished */
#define REQUESTS_MAX 64  /* remembered request identities, so that a repeat is told apart */

enum phase {
    PHASE_NEW = 0,     /* no epoch was ever opened */
    PHASE_SERVING = 1, /* an epoch is open and its region is not suspected */
    PHASE_SUSPECT = 2, /* open, but the region looks lost: the hold-down runs */
    PHASE_CLOSED = 3,  /* the newest epoch is closed; the next one is not open yet */
    PHASES_N
};

enum close_why { CLOSE_NONE = 0, CLOSE_AUTOMATIC = 1, CLOSE_DECLARED = 2, CLOSE_PLANNED = 3 };

/* The state of an execution names why it stands where it stands. A superseded one gave way to the
 * next, and so did an interrupted one, a drill or a component's failover: as only one runs at a
 * time, that one's number is its own and one. */
#define EXECUTION_STATE_LIST(X)                                                                    \
    X(NONE, "none")                                                                                \
    X(PREPARE, "handing-over")                                                                     \
    X(FENCE, "fencing")                                                                            \
    X(TAKE, "taking-the-lease")                                                                    \
    X(RUN, "running")                                                                              \
    X(UNDO, "undoing")                                                                             \
    X(DONE, "done")                                                                                \
    X(ABORTED, "aborted")                                                                          \
    X(SUPERSEDED, "superseded")                                                                    \
    X(INTERRUPTED, "interrupted")

enum execution_stage {
#define STAGE_ENUM(name, text) STAGE_##name,
    EXECUTION_STATE_LIST(STAGE_ENUM)
#undef STAGE_ENUM
        STAGES_N
};

enum pause_why {
    PAUSE_NO = 0,
    PAUSE_OPERATOR = 1,
    PAUSE_STEP_FAILED = 2,
    PAUSE_REJECTED = 3, /* an approval was declined: a choice for people, not a cancellation */
    PAUSE_NO_AGENT = 4
};

#define STEP_STATE_LIST(X)                                                                         \
    X(WAITING, "waiting")                                                                          \
    X(APPROVAL, "needs-approval")                                                                  \
    X(RUNNING, "running")                                                                          \
    X(DONE, "done")                                                                                \
    X(FAILED, "failed")                                                                            \
    X(SKIPPED, "skipped")                                                                          \
    X(BY_HAND, "done-by-hand")                                                                     \
    X(LEFT_OUT, "not-needed")

enum step_phase {
#define STEP_ENUM(name, text) STEP_##name,
    STEP_STATE_LIST(STEP_ENUM)
#undef STEP_ENUM
        STEP_PHASES_N
};

struct step_state {
    uint64_t started_ms; /* core time of this attempt */
    uint64_t finished_ms;
    uint64_t position;          /* handed on by a hand-off step; 0: none */
    uint64_t not_after_wall_ms; /* of this attempt's command; the log's wall time */
    uint32_t took_ms;           /* as the agent measured it */
    uint16_t attempt;           /* from 1; 0: never wanted */
    uint16_t tries_n;           /* attempts since the last retry by hand */
    uint8_t phase;              /* enum step_phase */
    uint8_t agent;              /* of the current attempt */
    uint8_t approved_by;        /* operator index, or NONE */
    uint8_t err;                /* enum err of the last failure */
    uint8_t observed;           /* the wished state was there already */
    uint8_t undo;               /* 0 none, 1 wanted, 2 done */
    uint16_t seen;              /* what the approval is bound to: the SEEN_ bits of seen.h */
};

struct execution {
    uint64_t id;         /* from 1, never reused; 0: empty slot */
    uint64_t from_epoch; /* the epoch being left */
    uint64_t created_ms, outage_ms, closed_ms, opened_ms, finished_ms; /* core time */
    uint64_t created_index;      /* log index of the creating fact */
    uint8_t request[NONCE_SIZE]; /* the declaration's identity; zeros: automatic */
    uint8_t stage;               /* enum execution_stage */
    uint8_t paused;              /* enum pause_why */
    uint8_t paused_step;
    uint8_t kind; /* enum plan_kind */
    uint8_t plan;
    uint8_t source, target; /* of one that yields, target is where it acts, source the other */
    uint8_t automatic;
    uint8_t declared_by; /* operator index, or NONE */
    uint8_t exceptions;  /* steps skipped, by hand, or failed where they may */
    uint8_t steps_n;
    uint8_t lost; /* enum loss of seen.h: the worst of the guarded links at the close */
    /* The topology that it began under, and with it the policy; it stays in force until the
     * execution has ended. 0: of before this was kept. */
    uint32_t config_version;
    uint64_t command_ms; /* core time since when `commander` has command */
    uint64_t asked_ms;   /* somebody else asked for command then, and its holder was not heard */
    uint8_t commander;   /* who has command: operator index + 1; 0: nobody */
    uint8_t asked_by;    /* operator index + 1; 0: nobody */
    uint8_t ungraceful;  /* a planned move that gave up handing over: mode.c */
    uint8_t spare[5];
    struct step_state steps[STEPS_MAX];
};

/* What the reports say of one agent, as applied. */
struct agent_view {
    uint64_t boot, seq;    /* of the newest applied report */
    uint64_t guard_epoch;  /* highest accepted by its guard */
    uint64_t fenced_epoch; /* proved */
    uint64_t promised_epoch;
    uint64_t last_heard_ms; /* core time of the last sign of life, as the members last told */
    uint32_t config_version;
    uint8_t heard_by; /* bit set of members that hear it now */
    uint8_t gate;     /* enum gate_state of the wire */
    uint8_t leased;   /* its guard holds a lease */
    uint8_t guard_present;
};

struct check_view {
    uint8_t status[AGENTS_MAX]; /* by vantage; enum check_status of the wire, 0 unknown */
    uint8_t role;               /* as the newest vantage saw it */
    uint8_t writable;
    uint8_t spare[2];
};

struct link_view {
    uint64_t lag_bytes;
    uint32_t lag_ms;
    uint8_t known; /* positions of both ends are remembered */
    uint8_t spare[3];
};

/* What one member said of what it hears (VIEW facts). */
struct member_view {
    uint8_t present;   /* it spoke at least once */
    uint8_t attesting; /* it gave a YES to the newest epoch within three renewals */
    uint8_t spare[6];
};

struct core {
    uint64_t now_ms;  /* core time: sum of the elapsed times of TICKs */
    uint64_t wall_ms; /* of the last TICK or TIMEKEEPER: up to here time is told */
    uint64_t applied_index;
    uint64_t epoch;
    uint64_t opened_ms, closed_ms; /* core time */
    uint64_t suspect_ms;           /* the suspicion counts from here: the last sign of life */
    uint64_t cleared_ms;     /* the last suspicion ended here; a new one is not dated before it */
    uint64_t settle_from_ms; /* no automatic decision before this + settle_ms */
    uint64_t held_until_ms;  /* automation held till then; UINT64_MAX: until released */
    uint64_t block_until_ms; /* anti-flap */
    uint64_t keeper_term;
    uint64_t executions_made;
    uint64_t closes_refused, opens_refused, keepers_refused; /* parts of such facts' keys */
    uint32_t config_version;
    uint8_t phase; /* enum phase */
    uint8_t open;
    uint8_t owner;      /* region of the newest epoch */
    uint8_t next_owner; /* CLOSED: who shall get the next epoch */
    uint8_t close_why;  /* enum close_why */
    uint8_t timekeeper; /* member index, or NONE */
    uint8_t latched;    /* one automatic failover was made and not released */
    uint8_t requests_next;
    uint8_t last_class[REGIONS_MAX]; /* enum region_class as of the last TICK */
    struct member_view members[MEMBERS_MAX];
    struct agent_view agents[AGENTS_MAX];
    struct check_view checks[CHECKS_MAX];
    struct link_view links[LINKS_MAX];
    struct execution executions[EXECUTIONS_MAX];
    uint8_t requests[REQUESTS_MAX][NONCE_SIZE];
};

#endif
