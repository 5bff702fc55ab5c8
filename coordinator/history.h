/* history: the audit of one member, derived from the log: every fact that changed or tried to
 * change something, and what came of it, as records in SQLite, each with the digest of the one
 * before (I11). A replaced member brings it along by applying the log or by a snapshot, which
 * carries the chain's head.
 *
 * history.c        the chain, on the loop; what waits to be written
 * history_store.c  SQLite: the writer on a worker thread, the reader on the loop
 * history_text.c   what a fact changed, in sentences
 * history_diff.c   what followed from it: regions, executions, steps
 * history_work.c   what a step does, as a digest: a step that was changed since was never run
 * history_elections.c  beside the chain: elections inside a region, as this member measured them */
#ifndef DROVER_HISTORY_H
#define DROVER_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

#define HISTORY_TEXT_SIZE 400
#define HISTORY_KIND_SIZE 16
#define HISTORY_WORK_SIZE 17 /* 16 hex digits and the end */
#define HISTORY_LEADER_SIZE 80

struct history;
struct coordinator;
struct core;
struct fact;
struct message;
struct topology;
struct verdict;

/* How one attempt of a step ended. */
enum run_end {
    RUN_NOT = 0, /* the record is of something else */
    RUN_DONE,
    RUN_FOUND, /* what it should bring about was there already: it did nothing */
    RUN_FAILED /* or was refused by its agent */
};

/* In which kind of execution; kept in the records. */
enum run_how {
    RUN_DECLARED = 0,
    RUN_AUTOMATIC = 1, /* the members began it by themselves */
    RUN_DRILL = 2
};

/* Opens DIRECTORY/history.db, makes it if needed, and recomputes its chain: what does not fit is
 * told by history_trouble, not by a failure: a damaged audit must not keep a member from
 * attesting. */
enum err history_open(const char *directory, struct history **ret_history,
                      struct text256 *reterr) ERR_CHECKED;
/* Writes what is pending, waits for the worker. NULL is fine. */
void history_close(struct history *history);

/* Records one applied or refused fact. Routine facts that changed nothing (ticks, unchanged
 * views) are left out. Writing happens on a worker thread; a full disk is told by
 * history_trouble. The record's text depends on the fact and the applied state only, so that all
 * members make the same chain. A record that is there already (the log is applied again after a
 * start) is compared, not doubled. */
void history_fact(struct history *history, const struct coordinator *member,
                  const struct fact *fact, const struct message *message,
                  const struct verdict *verdict, const char *comment);

/* A snapshot was taken over: the chain goes on from its head; what lies before is elsewhere.
 * `core` is the snapshot's state: the next fact is told as a change of it. */
void history_snapshot(struct history *history, const struct core *core, uint64_t height,
                      const uint8_t head[DIGEST_SIZE]);
void history_head(const struct history *history, uint64_t *ret_height,
                  uint8_t ret_head[DIGEST_SIZE]);

struct history_record {
    uint64_t height;  /* position in the chain, from 1 */
    uint64_t index;   /* in the log */
    uint64_t wall_ms; /* of the member that appended the fact */
    uint64_t core_ms; /* core time after the fact: durations between records are its differences */
    uint64_t execution; /* concerned, or 0 */
    int64_t ms;         /* a duration that the record is about (a step's, a lag), or -1 */
    int64_t bytes;      /* a loss, or -1 */
    uint16_t rule;
    uint8_t result;      /* enum result */
    const char *kind;    /* the fact's, or "step", "execution", "region", "lag"; borrowed for the
                            call, as the others */
    const char *subject; /* the step, link, region or agent it is about, or "" */
    const char *text;    /* a sentence for people */
    const char *digest;  /* hex */
};

/* One attempt of a step that was waited for; undoing is none. */
struct history_run {
    uint64_t wall_ms, execution;
    int64_t ms;              /* that its action took */
    uint8_t end;             /* enum run_end */
    uint8_t how;             /* enum run_how */
    const char *plan, *step; /* borrowed for the call */
};

/* What this step does, when it goes from source to target: its action, on which component, in which
 * region, with which arguments; hex. Names, needs, times and approvals are not in it. "" when its
 * arguments do not fit. */
void history_work(const struct topology *topology, uint8_t plan, uint8_t step, uint8_t source,
                  uint8_t target, char ret_work[HISTORY_WORK_SIZE]);

/* A drill of the topology, as work that a drill's execution does when it ends well. */
void history_drill_work(const struct topology *topology, uint8_t drill,
                        char ret_work[HISTORY_WORK_SIZE]);

/* Calls `each` for the attempts of that work, the newest first, at most `most`, in whichever plan
 * and step it was done. What cannot be read ends it early, and history_trouble says so. */
void history_runs(struct history *history, const char *work, uint32_t most, void *owner,
                  void (*each)(void *owner, const struct history_run *run));

/* Calls `each` for records with height >= from, oldest first, of one execution or of all (0), at
 * most `most`. False from `each` stops. Records of the last moments may not be written yet. Records
 * that cannot be read end it early, and history_trouble says so. */
void history_each(struct history *history, uint64_t from, uint64_t execution, uint32_t most,
                  void *owner, bool (*each)(void *owner, const struct history_record *record));

/* A failover of Patroni or Sentinel inside a region (decide/elections.h), as this member measured
 * it by itself: no part of the chain, which is the same at every member. The newest
 * HISTORY_ELECTIONS_MAX are kept. */
#define HISTORY_ELECTIONS_MAX 256
struct history_election {
    uint64_t wall_ms; /* writes were last taken; by this member's wall clock */
    uint64_t at_least_ms, at_most_ms;
    uint64_t within_ms; /* that was declared then; 0: nothing */
    uint64_t nth;       /* of its component, region and end, from 1 */
    uint32_t timeline_from, timeline_to;
    uint8_t end; /* enum election_end */
    char component[NAME_SIZE], region[NAME_SIZE];
    char from[HISTORY_LEADER_SIZE], to[HISTORY_LEADER_SIZE];
};
void history_election(struct history *history, const struct coordinator *member,
                      const struct history_election *election);
/* Those that are written, the newest first. */
void history_elections(struct history *history, void *owner,
                       void (*each)(void *owner, const struct history_election *election));

/* Recomputes the chain as written: 0 when it holds, else the height of the first record that does
 * not fit, or UINT64_MAX when it cannot be read (history_trouble). Reads everything: for a start, a
 * test, an audit; not for every moment. */
uint64_t history_verify(struct history *history);

/* "" or what keeps the history from being written or believed. */
const char *history_trouble(const struct history *history);

#endif
