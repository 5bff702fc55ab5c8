/* embedded_db: the SQLite file behind the embedded engine. Blocking; called by one thread at a time
 * (a worker of the loop, never the loop itself after db_open). Knows no loop and no callbacks. */
#ifndef DROVER_EMBEDDED_DB_H
#define DROVER_EMBEDDED_DB_H

#include <sqlite3.h>

#include "coordinator/log/log.h"

#define DB_KEYS_KEPT_N 262144    /* keys of compacted facts that stay refused, the newest ones */
#define DB_COMPACT_ROWS_MAX 2000 /* of one step, so that appends do not wait behind a compaction */

enum db_statement {
    DB_BEGIN,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_INSERT,
    DB_FIND_KEY,
    DB_FIND_INDEX,
    DB_READ,
    DB_SNAPSHOT_INDEX,
    DB_SNAPSHOT_PUT,
    DB_SNAPSHOT_GET,
    DB_MARK,
    DB_KEEP_KEYS,
    DB_DELETE,
    DB_FORGET,
    DB_PROBE,
    DB_STATEMENTS_N
};

struct db {
    sqlite3 *sqlite;
    sqlite3_stmt *statement[DB_STATEMENTS_N];
    uint64_t cluster_id; /* random, made with the file */
    uint64_t newest;     /* index of the newest fact that was ever committed; 0: none yet */
    uint64_t mark;       /* facts up to and with this one are compacted */
    struct text256 why;  /* the last failure, for people */
};

struct db_fact {
    uint64_t index;
    char key[FACT_KEY_SIZE];
    uint8_t *bytes; /* owned by whoever holds the struct; NULL when size is 0 */
    size_t size;
};

/* Creates or opens the file, takes the only lock on it, checks all of it. BUSY: another process has
 * it; FORMAT: not a log of drover, or damaged. reterr tells a human what to do. */
enum err db_open(struct db *db, const char *path, struct text256 *reterr) ERR_CHECKED;
void db_close(struct db *db);

enum err db_begin(struct db *db) ERR_CHECKED;
/* Durable when OK. */
enum err db_commit(struct db *db) ERR_CHECKED;
void db_rollback(struct db *db);

/* The key of the fact at index, compacted or not; NOT_FOUND. */
enum err db_key_at(struct db *db, uint64_t index, char ret_key[FACT_KEY_SIZE]) ERR_CHECKED;

/* Inside begin and commit; db->newest is the caller's to set after the commit. */
enum err db_append(struct db *db, const char *key, const uint8_t *bytes, size_t size,
                   uint64_t *ret_index, bool *ret_existed) ERR_CHECKED;

/* Reads up to facts_max facts with index >= from into ret_facts, and stops after bytes_max bytes
 * (at least one fact). FORMAT: a fact does not match its checksum. */
enum err db_read(struct db *db, uint64_t from, struct db_fact *ret_facts, size_t facts_max,
                 size_t bytes_max, size_t *ret_facts_n) ERR_CHECKED;

/* STALE when a higher index is stored; OK without writing when this one is. */
enum err db_snapshot_store(struct db *db, uint64_t index, const uint8_t *bytes,
                           size_t size) ERR_CHECKED;
/* *ret_bytes is the caller's to free. NOT_FOUND, FORMAT. */
enum err db_snapshot_load(struct db *db, uint64_t *ret_index, uint8_t **ret_bytes,
                          size_t *ret_size) ERR_CHECKED;

/* One step of forgetting facts up to index; *ret_done tells that nothing is left to forget.
 * PRECONDITION when no stored snapshot covers them. */
enum err db_compact_step(struct db *db, uint64_t index, bool *ret_done) ERR_CHECKED;

/* Writes `size` bytes durably, to see whether the disk takes them again. */
enum err db_probe(struct db *db, size_t size) ERR_CHECKED;

#endif
