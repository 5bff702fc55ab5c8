/* member: one coordinator member, everything it holds, in one struct that main owns.
 *
 * Files of the shell, and what each does:
 *   member.c    start, catch-up, the log's events, timers
 *   apply.c     facts in the log's order -> the core, the notes, the audit
 *   propose.c   wishes and observations -> facts appended to the log
 *   attesting.c questions of agents -> signed answers; fence proofs
 *   epochs.c    a higher epoch than the log's, named by an agent
 *   listen.c    frames of agents; reports; pushing the topology
 *   dispatch.c  wanted commands -> agents
 *   operators.c frames of operators: requests into the log, queries to status.c
 *   status.c    what people see, as JSON (status_*.c)
 *   metrics.c   what Prometheus sees, as text (metrics_*.c)
 *   history.c   audit records, hash-chained, in SQLite
 *   notes.c     the few things a member must remember outside the log
 *   positions.c replication positions remembered each second
 *   lags.c      how far behind a standby is, from them
 *   leaders.c   elections inside the active region, measured from reports
 *   recording.c the member's inputs and decisions, written to files as they happen
 * What it decides, and from what, is in decide/: `drover replay` runs the same code.
 * Everything runs on one loop; what may block (fsync) runs on libuv's worker threads. */
#ifndef DROVER_MEMBER_H
#define DROVER_MEMBER_H

#include <uv.h>

#include "common/base/ensure.h"
#include "common/base/rng.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "common/io/wire.h"
#include "coordinator/core/codec.h"
#include "coordinator/core/core.h"
#include "coordinator/decide/clocks.h"
#include "coordinator/decide/decide.h"
#include "coordinator/log/log.h"
#include "coordinator/positions.h"
#include "coordinator/rpo_alarm.h"
#include "coordinator/ticks.h"
#include "proto/message.h"

#define APPENDS_MAX 64 /* facts on their way into the log at once */
#define FACT_QUEUE_BYTES_MAX (64 * 1024 * 1024)
#define DISPATCH_AGAIN_MS 400   /* a wanted command is sent again this often */
#define KEEPER_PATIENCE_MS 3000 /* without a TICK for this long, another member keeps time */

/* What a member remembers durably outside the log (notes.c). */
struct notes {
    struct attest_durable attest;
    struct log_memory log;
};

/* One fact being appended. The same key and bytes are tried again until the log says yes or no. */
struct append {
    bool used;
    bool in_flight;
    uint64_t next_try_ms; /* boot clock */
    uint16_t tries_n;
    uint8_t kind; /* enum event_kind */
    char key[FACT_KEY_SIZE];
    uint8_t *bytes; /* heap, freed when done */
    size_t size;
    uint64_t tick_boot_ms; /* TICK only: when its elapsed time was measured */
    bool rewritten;        /* TICK only: with another elapsed time than it had at first */
    struct coordinator *member;
};

/* A fact delivered by the log, waiting to be applied in order. */
struct queued_fact {
    struct queued_fact *next;
    uint64_t index;
    size_t size;
    char key[FACT_KEY_SIZE];
    uint8_t bytes[];
};

/* What this member saw of an agent itself, newest first hand; never replicated. */
struct agent_live {
    bool reported;             /* `report` is set */
    uint64_t heard_boot_ms;    /* last frame of any kind; 0: never */
    uint64_t reported_boot_ms; /* when `report` came */
    uint64_t news_since_ms;    /* a report worth a fact waits for the timekeeper since then; 0 */
    uint64_t attested_boot_ms; /* last YES to a lease question of this agent */
    uint64_t config_sent_ms;
    uint64_t refused_said_ms; /* last line about a frame of it that was refused */
    uint64_t refused_n;       /* refused since that line */
    struct clock_seen clock;  /* its wall clock beside this member's */
    bool next_key;            /* of the session of its last frame */
    struct report report;
};

/* When this member was asked by an operator last, and by which key. */
struct operator_live {
    uint64_t heard_boot_ms; /* 0: never */
    bool next_key;
};

/* The operator's request whose fact is awaited, so that its sender gets an answer. */
struct waiting_request {
    bool used;
    uint8_t operator_index;
    uint8_t nonce[NONCE_SIZE];
    uint64_t deadline_boot_ms;
    uint64_t session; /* of the wire: who gets the answer */
};
#define WAITING_REQUESTS_MAX 32

/* One command as it is wanted now, ready to be sent and to be recognised by its digest. */
struct wanted {
    struct want_command want;
    struct command command;
    uint8_t digest[DIGEST_SIZE];
    uint64_t sent_boot_ms;
    bool usable; /* arguments could be put together */
};

/* A higher epoch than the log's, as an agent's report names it (epochs.c). */
struct named_epoch {
    uint64_t epoch; /* 0: none */
    uint8_t agent;
    bool asking, head_known; /* the log's head, read since */
    uint64_t head_index;
    uint64_t said_boot_ms; /* the last line about one */
};

struct coordinator {
    uv_loop_t *loop;
    struct coordinator_conf *conf;
    struct keys keys;
    uint8_t index;    /* in the topology; NONE until it is known */
    uint64_t boot_id; /* random, part of keys of this run's facts */
    struct rng rng;   /* jitter */
    union {           /* what it decides from, as one value and by its fields' names */
        struct decide decide;
        struct {
            DECIDE_FIELDS
        };
    };
    struct notes notes;      /* as on disk */
    uint64_t notes_again_ms; /* boot; no write of them before that: the last one failed */
    struct log *log;
    bool log_reachable;
    bool stopped_for_human; /* the log went back: attests nothing, applies nothing */
    char stopped_why[256];

    uint64_t applied_index; /* every fact up to here was applied or refused */
    uint64_t head_index;    /* read after the start */
    bool head_known, caught_up;
    uint64_t subscribed_from;
    struct queued_fact *queue_first, *queue_last;
    size_t queue_bytes;
    bool applying_blocked; /* a note must reach the disk first */
    uint64_t facts_since_snapshot;
    bool snapshot_under_way;

    struct append appends[APPENDS_MAX];
    uint64_t tick_n, view_n, lag_n;
    struct ticks ticks;      /* how old the log's newest TICK may be */
    struct tick_count count; /* what its own TICKs have told of the time */
    uint64_t started_boot_ms;
    bool key_age_known; /* of the key in use: as its file was when this member started */
    int64_t key_age_s;
    uint64_t last_yes_boot_ms; /* any YES to a lease question of the newest epoch; 0: none */
    uint64_t last_yes_epoch;

    struct named_epoch named;
    uint64_t closed_at_start; /* the newest epoch that its notes knew as closed */

    struct wire *wire;
    struct wire_server *agents_server, *operators_server;
    struct agent_live agents[AGENTS_MAX];
    struct operator_live operators[OPERATORS_MAX];
    struct waiting_request waiting[WAITING_REQUESTS_MAX];
    struct wanted wanted[WANT_COMMANDS_MAX];
    uint8_t wanted_n;
    struct positions positions;
    struct rpo_alarm rpo_alarms[LINKS_MAX];
    uint64_t lags_watched_ms;       /* when they were last looked at */
    uint8_t written_by[LINKS_MAX];  /* who told the newest written position: its index and one */
    uint8_t received_by[LINKS_MAX]; /* who told the newest received one, likewise */
    uint64_t written_wall_ms[LINKS_MAX]; /* and that agent's stamp of it: tells it again by */
    struct history *history;
    struct leaders *leaders; /* leaders.h */

    uv_timer_t timer; /* 50 ms: looks what is due */
    uint64_t attests_yes_n, attests_no_n, facts_refused_n, frames_refused_n;
    uint8_t *scratch, *frame, *fact_bytes; /* fixed buffers, made at start */
    struct recording *recording;           /* NULL: this member records nothing */
    struct web *web;                       /* NULL: this member serves no metrics */
};

#define MEMBER_SCRATCH_SIZE FACTS_SCRATCH_SIZE
#define MEMBER_FRAME_SIZE (2 * 1024 * 1024)

/* member.c */
enum err member_start(struct coordinator *member, uv_loop_t *loop, struct coordinator_conf *conf,
                      struct text256 *reterr) ERR_CHECKED;
void member_stop(struct coordinator *member);
/* Called after anything changed: appends, sends and notes what the state now wishes. */
void member_stir(struct coordinator *member);
bool member_keeps_time(const struct coordinator *member);
uint64_t member_now_ms(void);

/* apply.c */
/* Behind a topology that came into force: who this member is in it, and whom it listens to. */
void apply_topology_taken(struct coordinator *member);
/* Applies what the log delivered, as far as it may now. */
void apply_queue(struct coordinator *member);
void apply_take_off(struct coordinator *member);
void apply_check_caught_up(struct coordinator *member);

/* propose.c */
void propose_all(struct coordinator *member);
void propose_frame(struct coordinator *member, enum event_kind kind, const char *key,
                   const uint8_t *frame, size_t frame_size);
void propose_config(struct coordinator *member, const char *text, size_t text_size,
                    const uint8_t *frame, size_t frame_size);
void propose_drop(struct coordinator *member);
/* A TICK or TIMEKEEPER was applied: what the next one tells is measured from here. One that is read
 * back at a start was told earlier, and only the wall clocks know when. They move no lease: it is
 * only about whether everybody must be heard again before an automatic decision. */
void propose_time_told(struct coordinator *member, const struct fact *fact);
void propose_snapshot_taken(struct coordinator *member); /* the same of what it covers */

/* attesting.c */
/* Answers one question; ret_answer is signed. */
void attesting_answer(struct coordinator *member, const struct question *question,
                      struct answer *ret_answer);
void attesting_fence_proof(struct coordinator *member, uint8_t agent,
                           const struct fence_proof *proof);
uint32_t attesting_wait_ms(const struct coordinator *member);
/* Until this member may say YES, as far as time goes: of its closes, and of its first wait. */
uint32_t attesting_wait_left_ms(const struct coordinator *member, struct stamp now);

/* epochs.c */
/* An agent's report names an epoch that is higher than the log's. When the log was read to its end
 * since, it has lost facts: a member in its first wait stops for a human, any other says so, for an
 * agent's key may be stolen. */
void epochs_named(struct coordinator *member, uint8_t agent, uint64_t epoch);
/* Called once, when the log was read to its end. What this member had closed before its start was
 * in the log by then: one that has not closed it lost facts, and this member stops for a human. */
void epochs_caught_up(struct coordinator *member);
/* Is a topology's first epoch above all that is heard of the log that was lost, as long as none is
 * open? Its version too, for the agents keep the newest. False with why. */
bool epochs_begin_above(const struct coordinator *member, const struct topology *next,
                        struct text256 *reterr);
/* Called when facts were applied. */
void epochs_check(struct coordinator *member);

/* listen.c */
enum err listen_start(struct coordinator *member, struct text256 *reterr) ERR_CHECKED;
enum err listen_allow(struct coordinator *member, struct text256 *reterr) ERR_CHECKED;
void listen_stop(struct coordinator *member);
bool listen_agent_heard(const struct coordinator *member, uint8_t agent);
/* Tells every agent that is heard which epoch is the newest, before its next report. */
void listen_tell_lease(struct coordinator *member);

/* lags.c */
/* An epoch opens, and what was heard of links was heard of the other direction; or the topology
 * changed. */
void lags_forget(struct coordinator *member);
/* A report of that agent, which is its newest. */
void lags_remember(struct coordinator *member, const struct report *report, uint8_t agent);
/* Not known, too, when the active side was attested by way of others for longer than a lease after
 * it was last heard: it may have written ever since. */
struct lag lags_of(const struct coordinator *member, uint8_t link);
/* Once a second at most: each lag against the loss that is bearable; what changes is logged. */
void lags_watch(struct coordinator *member);

/* dispatch.c */
void dispatch_refresh(struct coordinator *member);
void dispatch_send_due(struct coordinator *member);
const struct wanted *dispatch_find(const struct coordinator *member,
                                   const uint8_t digest[DIGEST_SIZE]);

/* notes.c */
enum err notes_read(const char *directory, struct notes *ret_notes,
                    struct text256 *reterr) ERR_CHECKED;
/* Writes on a worker thread; done is called on the loop. BUSY while one is under way, and for half
 * a second after one that failed, which is told in the log. */
enum err notes_write(struct coordinator *member, const struct notes *notes,
                     void (*done)(struct coordinator *member, enum err err)) ERR_CHECKED;
/* For a member that stopped for a human: what it knows of the log is noted at once, not up to five
 * seconds later, so that its restart stops for the same reason. Asked again while it fails. */
void notes_stopped(struct coordinator *member, const struct log_memory *log);

/* operators.c */
void operators_on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                        size_t frame_size);
/* A REQUEST fact, or a CONFIG fact that somebody asked for, was applied or refused: whoever
 * waits for it at this member is told. */
void operators_applied(struct coordinator *member, const struct request *request,
                       const struct verdict *verdict, const char *why);
void operators_expire(struct coordinator *member);

#endif
