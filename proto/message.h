/* message: everything that crosses drover's wire, as plain checked values.
 *
 * convert.c is the only reader and writer of the generated protobuf code: what it returns is
 * bounded, terminated and of known enumerators. Regions, agents and members are carried by name:
 * indexes hold within one topology version only, and two ends may have different versions. */
#ifndef DROVER_MESSAGE_H
#define DROVER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/roles.h"
#include "common/topology/topology.h"

#define WIRE_VERSION 1
#define FRAME_AGENT_MAX 65536              /* agent -> member, agent <-> agent */
#define FRAME_CONFIG_MAX (256 * 1024)      /* member -> agent, operator -> member */
#define FRAME_ANSWER_MAX (2 * 1024 * 1024) /* member -> operator */

enum purpose {
    PURPOSE_LEASE = 1,   /* renewal, or the promotion: gives T from the send */
    PURPOSE_COMMAND = 2, /* confirmation of the step with this digest; gives no lease */
    PURPOSE_PROMISE = 3  /* asked of the standby's guards when the members are out of reach */
};

/* ATTEST: design.md section 2. The nonce and the send stamp of a lease question come from the
 * guard; of a command question from the agent. */
struct question {
    char cluster[NAME_SIZE];
    uint8_t purpose; /* enum purpose */
    char region[NAME_SIZE];
    char agent[NAME_SIZE];
    uint64_t epoch;
    uint8_t nonce[NONCE_SIZE];
    uint8_t digest[DIGEST_SIZE]; /* of the command; zeros for the other purposes */
    uint32_t lease_ms; /* the asker's T, W and V: refused when they differ from the members' */
    uint32_t wait_ms;
    uint32_t promise_ms;
    uint32_t config_version;
    uint8_t
        signature[SIGNATURE_SIZE]; /* by the agent, over canon_question: a relay cannot alter it */
};

/* Why a member or a promising guard says no. Stable on the wire. */
#define REFUSAL_LIST(X)                                                                            \
    X(NONE, 0, "yes")                                                                              \
    X(NOT_NEWEST, 1, "that epoch is not the newest")                                               \
    X(NOT_OPEN, 2, "that epoch is closed")                                                         \
    X(NOT_OWNER, 3, "that epoch belongs to another region")                                        \
    X(WAITING, 4, "the member's own wait after the close is not over")                             \
    X(CLOSED_HERE, 5, "this member durably closed that epoch")                                     \
    X(NOT_CAUGHT_UP, 6, "this member has not caught up with the log since its start")              \
    X(NOT_WANTED, 7, "no such step is wanted now")                                                 \
    X(NUMBERS_DIFFER, 8, "lease, wait or promise length differ from the members'")                 \
    X(UNKNOWN_AGENT, 9, "unknown agent, or not of that region")                                    \
    X(BAD_SIGNATURE, 10, "the question's signature does not verify")                               \
    X(HOLDS_LEASE, 11, "the asked guard holds a lease itself")                                     \
    X(KNOWS_NEWER, 12, "the asked guard accepted a newer epoch")                                   \
    X(CANNOT_PERSIST, 13, "the promise could not be made durable")                                 \
    X(NOT_ALLOWED, 14, "the topology does not allow it")

enum refusal {
#define REFUSAL_ENUM(name, value, text) REFUSAL_##name = (value),
    REFUSAL_LIST(REFUSAL_ENUM)
#undef REFUSAL_ENUM
};

const char *refusal_text(enum refusal refusal);
bool refusal_is_known(unsigned number);

/* The answer to a question. YES is refusal NONE. The signature covers the question and this. */
struct answer {
    char from[NAME_SIZE]; /* member, or for promises the giving agent */
    char agent[NAME_SIZE];
    uint8_t purpose;
    uint64_t epoch; /* asked */
    uint8_t nonce[NONCE_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint8_t refusal;       /* enum refusal */
    uint64_t newest_epoch; /* in the answerer's applied state */
    bool newest_open;
    uint32_t left_ms; /* WAITING: how long still; for people */
    uint32_t config_version;
    uint8_t signature[SIGNATURE_SIZE];
};

/* A majority of YES to one nonce, or all gate guards' promises to one nonce. */
#define CERTIFICATE_ANSWERS_MAX 8 /* members, or gate agents of the standby */

struct certificate {
    struct question question;
    uint8_t answers_n;
    struct answer answers[CERTIFICATE_ANSWERS_MAX];
};

enum check_status {
    CHECK_UNKNOWN = 0, /* not yet run, or the answer says nothing */
    CHECK_OK = 1,
    CHECK_SUSPECT = 2, /* bad, but fewer times in a row than the threshold */
    CHECK_FAILED = 3,
    CHECK_WARN = 4, /* reachable, but a declared limit is passed (lag, certificate days) */
    CHECK_STALE = 5 /* not run in time by the agent */
};

/* What a store's probe saw of its role. */
enum store_role { STORE_UNKNOWN = 0, STORE_PRIMARY = 1, STORE_STANDBY = 2 };

/* In a patroni check's detail: a replica of a primary cluster that runs and does not stream. */
#define PATRONI_NO_STREAM ", no stream "
/* Behind all else: the cluster's members, a blank between. */
#define PATRONI_NAMES ", names "
#define PATRONI_DIGESTS ", names# "  /* each by text_digest: the names themselves did not fit */
#define PATRONI_NAMELESS ", names ?" /* nor did those */
/* In a haproxy check's detail, behind ", " and how many the backend has now. */
#define HAPROXY_SESSIONS " sessions"

#define LEADER_SIZE 80 /* a Patroni member's name, or host:port of a Redis; with the end */

struct check_report {
    uint16_t check;    /* index in the topology version of the report */
    uint8_t status;    /* enum check_status */
    uint8_t role;      /* enum store_role */
    bool writable;     /* a write probe was accepted */
    uint32_t since_ms; /* how long in this status */
    uint32_t latency_ms;
    int64_t value;   /* kind's figure: lag ms, days left, backends up, ... */
    char detail[96]; /* for people */
    /* The reading that this is, from 1 in one run of the agent; 0: an agent of before they were
     * counted. When its probe began and ended, before the report: ended_ago_ms <= began_ago_ms. */
    uint32_t run, began_ago_ms, ended_ago_ms;
    uint32_t timeline; /* PostgreSQL's, as Patroni tells it; 0: not told */
    char
        leader[LEADER_SIZE]; /* who leads, by a patroni or sentinel check's word; "": nobody told */
};

enum position_kind {
    POSITION_WRITTEN = 1,  /* active side: last position written (LSN, offset) */
    POSITION_RECEIVED = 2, /* standby side: last position received */
    POSITION_APPLIED = 3
};

struct position_report {
    uint8_t link;
    uint8_t kind;      /* enum position_kind */
    uint64_t position; /* bytes */
    uint64_t wall_ms;  /* sampled at, the agent's CLOCK_REALTIME: for display and RPO seconds */
};

/* What a guard says of itself; signed when it proves a fence. */
struct fence_proof {
    bool present;
    uint64_t epoch; /* the guard durably refuses this epoch and every older one; its gate is shut */
    char agent[NAME_SIZE];
    char region[NAME_SIZE];
    uint8_t signature[SIGNATURE_SIZE]; /* by the guard's key over canon_fence */
};

enum gate_state { GATE_UNKNOWN = 0, GATE_SHUT = 1, GATE_OPEN = 2, GATE_ABSENT = 3 };

struct guard_report {
    bool present;            /* the guard answers the agent */
    uint8_t gate;            /* enum gate_state */
    uint64_t epoch;          /* highest accepted */
    uint32_t lease_left_ms;  /* 0: no lease */
    bool by_promise;         /* the running lease was last extended by promises */
    bool soft_fenced;        /* the agent's own soft fence stands */
    uint64_t promised_epoch; /* promise given to the active region: accepts none above, 0: none */
    uint32_t promise_left_ms;
    uint8_t key; /* 1 it holds its pinned key, 2 the next one, 0 not known */
};

/* The keys of others that an agent pins, beside those of the topology in force. */
enum pins_state {
    PINS_UNKNOWN = 0,
    PINS_AGREE = 1,
    PINS_LACK = 2, /* a key is in force that it does not know: it must be started with a new file */
    PINS_OLD = 3   /* it still takes a key that is not in force any more */
};

#define REPORT_POSITIONS_MAX 16

struct report {
    char agent[NAME_SIZE];
    uint64_t boot; /* of this start of the agent; a later start has a greater one */
    uint64_t seq;  /* grows by one a report */
    uint64_t wall_ms;
    uint32_t config_version;
    struct guard_report guard;
    struct fence_proof fence;
    uint8_t positions_n;
    struct position_report positions[REPORT_POSITIONS_MAX];
    uint16_t checks_n;
    uint8_t pins; /* enum pins_state */
    struct check_report checks[CHECKS_MAX];
};

struct report_ack {
    char member[NAME_SIZE];
    uint64_t seq;
    uint64_t epoch; /* newest */
    bool open;
    char owner[NAME_SIZE]; /* region of the newest epoch */
    uint32_t config_version;
    bool caught_up;
    uint64_t wall_ms; /* the member's CLOCK_REALTIME; 0: a member of before it told it */
};

struct command {
    char cluster[NAME_SIZE];
    uint64_t epoch; /* the newest when it was wanted */
    uint64_t execution;
    uint8_t step;
    uint16_t attempt; /* from 1 */
    uint8_t action;   /* enum action_kind */
    char agent[NAME_SIZE];
    char region[NAME_SIZE];    /* where it acts */
    char component[NAME_SIZE]; /* or "" */
    bool needs_lease;          /* only while this agent's guard holds the lease of `epoch` */
    bool graceful;
    uint32_t timeout_ms;
    uint64_t not_after_wall_ms; /* 120 s tolerance */
    struct arguments arguments; /* complete: nothing is looked up elsewhere but secrets */
    char plan[NAME_SIZE], step_name[NAME_SIZE];
};

enum outcome_state {
    OUTCOME_RUNNING = 1,
    OUTCOME_DONE = 2,
    OUTCOME_FAILED = 3,
    OUTCOME_REFUSED = 4 /* never started: allow-list, precondition, epoch */
};

struct outcome {
    char agent[NAME_SIZE];
    uint64_t execution;
    uint8_t step;
    uint16_t attempt;
    uint8_t digest[DIGEST_SIZE];
    uint8_t state; /* enum outcome_state */
    uint8_t err;   /* enum err */
    bool observed; /* the wished state was found, nothing had to be done */
    uint32_t took_ms;
    uint64_t wall_ms;
    char detail[SENTENCE_SIZE];
    uint8_t signature[SIGNATURE_SIZE]; /* by the agent over canon_outcome */
};

struct config_push {
    uint32_t version;
    const char *text; /* the topology's text, borrowed: valid until the next decode */
    uint32_t text_size;
};

struct relay {
    char member[NAME_SIZE]; /* to (request) or from (answer) */
    const uint8_t *frame;   /* a whole inner frame, borrowed; <= 4096 bytes */
    uint32_t frame_size;
};

/* A second person's word for one topology. Nothing without a name. */
struct second {
    char name[NAME_SIZE]; /* of an operator */
    uint64_t not_after_wall_ms;
    uint8_t signature[SIGNATURE_SIZE]; /* over canon_second */
};

/* An operator's signed wish. Unused fields are empty. */
struct request {
    char cluster[NAME_SIZE];
    char operator_name[NAME_SIZE];
    uint8_t kind;              /* enum request_kind */
    uint8_t nonce[NONCE_SIZE]; /* the request's identity: the same at every member */
    uint64_t not_after_wall_ms;
    uint8_t plan_kind;      /* enum plan_kind, for DECLARE */
    char region[NAME_SIZE]; /* DECLARE: target */
    char plan[NAME_SIZE];   /* "" : the default of the kind */
    uint64_t execution;
    char step[NAME_SIZE];
    uint32_t for_ms; /* HOLD */
    char reason[SENTENCE_SIZE];
    char rule[NAME_SIZE]; /* OVERRIDE */
    uint64_t epoch;       /* DECLARE: the epoch the operator saw; 0: any */
    /* DECLARE, APPROVE: what the operator saw, as the core wrote it (seen.h); zeros: not bound. */
    uint8_t seen[DIGEST_SIZE];
    char to[NAME_SIZE];           /* COMMAND_HANDOVER: who shall have command */
    char evidence[EVIDENCE_SIZE]; /* STEP_DONE: what shows it; or "" */
    const char *text;             /* CONFIG_APPLY: borrowed */
    uint32_t text_size;
    uint8_t signature[SIGNATURE_SIZE]; /* by the operator over canon_request */
    struct second second;              /* CONFIG_APPLY that begins a lost log anew */
};

/* It carries what its operator saw. */
bool request_is_bound(const struct request *request);

struct query {
    char what[NAME_SIZE]; /* "status", "explain", ... : coordinator/status.h lists them */
    char argument[SENTENCE_SIZE];
    uint64_t from; /* timeline: first record */
};

struct reply {
    uint8_t exit_code; /* requirements.md section 5.3 */
    uint8_t err;       /* enum err */
    char member[NAME_SIZE];
    const char *json; /* borrowed */
    uint32_t json_size;
};

#define MESSAGE_KIND_LIST(X)                                                                       \
    X(QUESTION, question)                                                                          \
    X(ANSWER, answer)                                                                              \
    X(REPORT, report)                                                                              \
    X(REPORT_ACK, report_ack)                                                                      \
    X(COMMAND, command)                                                                            \
    X(OUTCOME, outcome)                                                                            \
    X(CONFIG, config)                                                                              \
    X(RELAY, relay)                                                                                \
    X(REQUEST, request)                                                                            \
    X(QUERY, query)                                                                                \
    X(REPLY, reply)

enum message_kind {
    MESSAGE_NONE = 0,
#define MESSAGE_ENUM(name, field) MESSAGE_##name,
    MESSAGE_KIND_LIST(MESSAGE_ENUM)
#undef MESSAGE_ENUM
};

struct message {
    uint8_t kind; /* enum message_kind */
    /* MESSAGE_REPORT only: the signed bytes and their signature, as they travelled. */
    const uint8_t *signed_at;
    uint32_t signed_size;
    uint8_t report_signature[SIGNATURE_SIZE];
    union {
        struct question question;
        struct answer answer;
        struct report report;
        struct report_ack report_ack;
        struct command command;
        struct outcome outcome;
        struct config_push config;
        struct relay relay;
        struct request request;
        struct query query;
        struct reply reply;
    };
};

/* convert.c. The generated code allocates only from `scratch`; borrowed fields of what a decode
 * returns point into it (or into the frame) and are valid until its next use. */
#define DECODE_SCRATCH_SIZE (1024 * 1024) /* agents and members; operators' clients: 4 MiB */

/* Decodes one frame. FORMAT, RANGE, TOO_BIG with the field named in reterr; UNSUPPORTED for another
 * WIRE_VERSION. *ret_message is untouched then. Never allocates from the heap: `scratch` is used up
 * and reused by the next call; running out of it is TOO_BIG. */
enum err message_decode(const uint8_t *frame, size_t frame_size, uint8_t *scratch,
                        size_t scratch_size, struct message *ret_message,
                        struct text256 *reterr) ERR_CHECKED;

/* Encodes into out. TOO_BIG when it does not fit. For MESSAGE_REPORT, report_signature and the
 * signed bytes must be set (see report_body_encode). Borrowed texts must be terminated at their
 * size. Free text (details, reasons) is cleaned by printable_clean, as canon does before it is
 * signed; names and numbers go as they are, and the other side's decode names what is out of
 * bounds. */
enum err message_encode(const struct message *message, uint8_t *out, size_t out_size,
                        size_t *ret_used) ERR_CHECKED;

/* The bytes of a report that its agent signs; put into message.signed_at before encoding. */
enum err report_body_encode(const struct report *report, uint8_t *out, size_t out_size,
                            size_t *ret_used) ERR_CHECKED;
enum err report_body_decode(const uint8_t *body, size_t body_size, uint8_t *scratch,
                            size_t scratch_size, struct report *ret_report,
                            struct text256 *reterr) ERR_CHECKED;

#endif
