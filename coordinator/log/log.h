/* log: one ordered, durable log of uniquely keyed facts, behind which stands an engine: `embedded`
 * (SQLite, one member) or `etcd` (three or five members; JSON gateway over TLS). Small on purpose:
 * a Raft library could stand here later.
 *
 * All calls return at once; results come by callback on the loop, never from inside the call
 * (log_close is the one exception). One thread: the loop's. An engine never loses or reorders a
 * fact it reported, and reports each fact once, in order of its index. After a lost answer the
 * outcome of an append is unknown: append again with the same key. */
#ifndef DROVER_LOG_H
#define DROVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define FACT_KEY_SIZE 96
#define FACT_BYTES_MAX (224 * 1024) /* a topology fits */
#define SNAPSHOT_BYTES_MAX (1024 * 1024)

struct log; /* an engine */

struct log_events {
    void *owner;
    /* One fact, in order. Borrowed until it returns. Index grows, with gaps. */
    void (*on_fact)(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size);
    /* The history before `first` is gone: load the snapshot, then subscribe from its index + 1. */
    void (*on_compacted)(void *owner, uint64_t first);
    /* The engine answers (true), or has not answered for its patience of 3 s (false). */
    void (*on_reachable)(void *owner, bool reachable);
    /* The log went backwards or is another one (restored from a backup, wrong cluster): this member
     * must stop for a human. Never called twice. */
    void (*on_went_back)(void *owner, const char *why);
};

/* What this member remembers of the log between starts; kept by the caller, durable. Zeros at
 * first. highest_index is the newest fact that was ever delivered to this member: a guard against a
 * log that lost facts, not the place to subscribe from. */
struct log_memory {
    uint64_t cluster_id;
    uint64_t highest_index;
    uint64_t highest_key; /* a hash of that fact's key: another key there is another history. 0: not
                           * known */
};

struct log_config {
    const char *engine;       /* "embedded" or "etcd" */
    const char *path;         /* embedded: the database file */
    const char *prefix;       /* etcd: key prefix, ends with '/'; the cluster's name is in it */
    const char *endpoints[8]; /* etcd: https://IP:PORT, all of them */
    uint8_t endpoints_n;
    const char *ca_file, *cert_file, *key_file; /* etcd: mutual TLS */
    uint32_t timeout_ms;                        /* of one call; 0: 2000 */
};

/* Opens; blocks only on the local file (embedded: all of it is checked). CONFIG, IO, NO_SPACE, BUSY
 * (another process has the file), FORMAT (the file is damaged): reterr is for a human. */
enum err log_open(uv_loop_t *loop, const struct log_config *config, const struct log_memory *memory,
                  const struct log_events *events, struct log **ret_log,
                  struct text256 *reterr) ERR_CHECKED;
/* Pending callbacks are called with CLOSED, before it returns; nothing is called afterwards. May be
 * called from any callback of this log; calls made from a CLOSED callback are dropped. The loop
 * must run until uv_loop_close succeeds. NULL is fine. */
void log_close(struct log *log);

/* Starts delivering facts with index >= from. Call once after open and again after on_compacted. */
void log_subscribe(struct log *log, uint64_t from);

/* Puts the fact if its key was never used. key: printable ASCII without spaces (ensured). err OK:
 * index is where it stands, `existed` tells that the key was there before (perhaps by our own
 * earlier try, perhaps by another member). TOO_BIG, NO_SPACE, BUSY (1024 calls are unanswered),
 * WENT_BACK: not appended. Others: not known to be appended. bytes are copied. */
void log_append(struct log *log, const char *key, const uint8_t *bytes, size_t size, void *owner,
                void (*done)(void *owner, enum err err, uint64_t index, bool existed));

/* The index of the newest fact, linearizable: a fact acknowledged to anybody before the call
 * counts. */
void log_head(struct log *log, void *owner,
              void (*done)(void *owner, enum err err, uint64_t index));

/* A snapshot covers all facts up to and with `index`. Only a higher index replaces a stored one: OK
 * when this very index is stored already, STALE when a higher one is. bytes are copied. */
void log_snapshot_store(struct log *log, uint64_t index, const uint8_t *bytes, size_t size,
                        void *owner, void (*done)(void *owner, enum err err));
/* NOT_FOUND when there is none. bytes borrowed in the callback. */
void log_snapshot_load(struct log *log, void *owner,
                       void (*done)(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                                    size_t size));

/* Forgets facts up to and with `index`; PRECONDITION when no stored snapshot covers them. Their
 * keys stay used for as long as the engine can tell, at least until the next compaction (after that
 * an append of such a key may succeed again: the core refuses by content). An index below an
 * earlier compaction's is OK and does nothing. */
void log_compact(struct log *log, uint64_t index, void *owner,
                 void (*done)(void *owner, enum err err));

/* For the caller to keep durable (log_memory). */
struct log_memory log_memory_now(const struct log *log);

/* Human-readable health, for `drover members`: engine, endpoint in use, leader, db size, alarms. */
void log_describe(const struct log *log, char *out, size_t out_size);

#endif
