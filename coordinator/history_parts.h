/* history_parts: inside of the history; only history*.c include this. */
#ifndef DROVER_HISTORY_PARTS_H
#define DROVER_HISTORY_PARTS_H

#include "coordinator/core/codec.h"
#include "coordinator/core/core.h"
#include "coordinator/history.h"
#include "proto/message.h"

/* One record on its way: what history_record shows, with its own texts. */
struct history_row {
    uint64_t height, index, wall_ms, core_ms, execution;
    int64_t ms, bytes;
    uint16_t rule;
    uint8_t result;
    uint8_t end; /* enum run_end; plan and work are "" unless it is one */
    uint8_t how; /* enum run_how */
    char plan[NAME_SIZE];
    char work[HISTORY_WORK_SIZE];
    char kind[HISTORY_KIND_SIZE];
    char subject[NAME_SIZE];
    char text[HISTORY_TEXT_SIZE];
    uint8_t digest[DIGEST_SIZE];
};

/* SHA-256 over the digest before and the record's bytes. */
void history_row_digest(const uint8_t before[DIGEST_SIZE], const struct history_row *row,
                        uint8_t ret_digest[DIGEST_SIZE]);

/* What a fact did: the state before and after, and the words' owner. */
struct telling {
    const struct core *before, *after;
    const struct topology *topology;
    const struct fact *fact;
    const struct message *message; /* decoded frame, or kind MESSAGE_NONE */
    const struct verdict *verdict;
    const char *comment;
    void *owner;
    void (*emit)(void *owner, struct history_row *row); /* fills in the rest and takes a copy */
};

/* A row of this telling with everything but kind, subject and text filled in. */
struct history_row telling_row(const struct telling *telling, const char *kind);
void telling_fact(const struct telling *telling);    /* history_text.c */
void telling_changes(const struct telling *telling); /* history_diff.c */

/* Names for people; "?" for an index that holds nothing. */
/* "policy 1.0 of 2026-01-25 (active), topology version 3": what is asked and given under. */
struct text256 telling_policy(const struct telling *telling);
const char *telling_region(const struct telling *telling, uint8_t region);
const char *telling_agent(const struct telling *telling, uint8_t agent);
const char *telling_member(const struct telling *telling, uint8_t member);
const char *telling_step(const struct telling *telling, const struct execution *execution,
                         uint8_t step);

/* ---- history_store.c: one writer connection (worker thread), one reader (loop). */
struct history_store;
enum err history_store_open(const char *directory, struct history_store **ret_store,
                            struct text256 *reterr) ERR_CHECKED;
void history_store_close(struct history_store *store);
/* One transaction. EXISTS: a record of that height is there and is another one; reterr names it. */
enum err history_store_write(struct history_store *store, const struct history_row *rows,
                             size_t rows_n, struct text256 *reterr) ERR_CHECKED;
/* The chain goes on from here although the records before may be elsewhere. */
enum err history_store_anchor(struct history_store *store, uint64_t height,
                              const uint8_t digest[DIGEST_SIZE],
                              struct text256 *reterr) ERR_CHECKED;
/* An error: the records end early because they could not be read, not because there are no more. */
enum err history_store_each(struct history_store *store, uint64_t from, uint64_t execution,
                            uint32_t most, void *owner,
                            bool (*each)(void *owner, const struct history_record *record),
                            struct text256 *reterr) ERR_CHECKED;
enum err history_store_runs(struct history_store *store, const char *work, uint32_t most,
                            void *owner, void (*each)(void *owner, const struct history_run *run),
                            struct text256 *reterr) ERR_CHECKED;
struct sqlite3;
struct sqlite3_stmt;

/* history_store.c, for every table of history.db. NO_SPACE or IO, with SQLite's own words. */
enum err history_sql_failed(struct sqlite3 *db, struct text256 *reterr);
enum err history_sql_prepare(struct sqlite3 *db, const char *sql,
                             struct sqlite3_stmt **ret_statement,
                             struct text256 *reterr) ERR_CHECKED;

/* ---- history_elections.c: a table of its own in the same file */
struct history_elections;
/* On the store's two connections, which it does not own. */
enum err history_elections_open(struct sqlite3 *writer, struct sqlite3 *reader,
                                struct history_elections **ret_elections,
                                struct text256 *reterr) ERR_CHECKED;
void history_elections_close(struct history_elections *elections); /* NULL is fine */
struct history_elections *history_store_elections(struct history_store *store);
/* One after the other, and what is too old goes. */
enum err history_elections_write(struct history_elections *elections,
                                 const struct history_election *rows, size_t rows_n,
                                 struct text256 *reterr) ERR_CHECKED;
enum err history_elections_each(struct history_elections *elections, void *owner,
                                void (*each)(void *owner, const struct history_election *election),
                                struct text256 *reterr) ERR_CHECKED;

/* *ret_wrong: 0, or the height of the first record that does not fit. An error: it could not be
 * read (no memory, a failing disk), which says nothing about the chain. */
enum err history_store_verify(struct history_store *store, uint64_t *ret_wrong,
                              struct text256 *reterr) ERR_CHECKED;

#endif
