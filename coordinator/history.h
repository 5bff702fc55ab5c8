/* history: the audit of one member, derived from the log: every fact that changed or tried to change
 * something, as a record in SQLite, each with the digest of the one before (I11). A replaced member
 * brings it along by applying the log or by a snapshot, which carries the chain's head. */
#ifndef DROVER_HISTORY_H
#define DROVER_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

struct history;
struct coordinator;
struct fact;
struct message;
struct verdict;

enum err history_open(const char *directory, struct history **ret_history,
                      struct text256 *reterr) ERR_CHECKED;
void history_close(struct history *history); /* NULL is fine */

/* Records one applied or refused fact. Routine facts that changed nothing (ticks, unchanged views) are
 * left out. Writing happens on a worker thread; a full disk is told by history_trouble. The record's
 * text depends on the fact and the applied state only, so that all members make the same chain. */
void history_fact(struct history *history, const struct coordinator *member, const struct fact *fact,
                  const struct message *message, const struct verdict *verdict,
                  const char *comment);

/* A snapshot was taken over: the chain goes on from its head; what lies before is elsewhere. */
void history_snapshot(struct history *history, uint64_t index, uint64_t height,
                      const uint8_t head[DIGEST_SIZE]);
void history_head(const struct history *history, uint64_t *ret_height,
                  uint8_t ret_head[DIGEST_SIZE]);

struct history_record {
    uint64_t height;    /* position in the chain, from 1 */
    uint64_t index;     /* in the log */
    uint64_t wall_ms;
    uint64_t execution; /* concerned, or 0 */
    uint16_t rule;
    uint8_t result;     /* enum result */
    const char *kind;   /* borrowed for the call, as the others */
    const char *text;   /* a sentence for people */
    const char *digest; /* hex */
};

/* Calls `each` for records with height >= from, oldest first, of one execution or of all (0), at most
 * `most`. False from `each` stops. */
void history_each(struct history *history, uint64_t from, uint64_t execution, uint32_t most,
                  void *owner, bool (*each)(void *owner, const struct history_record *record));

/* Recomputes the chain: 0 when it holds, else the height of the first record that does not fit. */
uint64_t history_verify(struct history *history);

/* "" or what keeps the history from being written. */
const char *history_trouble(const struct history *history);

#endif
