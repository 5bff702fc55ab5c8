/* SQLite under the history: write-ahead log, so that reading never waits for writing. The writer
 * belongs to whoever writes at the moment (one worker at a time); the reader to the loop. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/history_parts.h"

#define BUSY_WAIT_MS 2000

struct history_store {
    sqlite3 *writer, *reader;
    sqlite3_stmt *insert, *same, *anchor;           /* writer's */
    sqlite3_stmt *each_all, *each_execution, *runs; /* reader's */
    struct history_elections *elections;
};

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"
    "CREATE TABLE IF NOT EXISTS records (height INTEGER PRIMARY KEY, log_index INTEGER NOT NULL,"
    " wall_ms INTEGER NOT NULL, core_ms INTEGER NOT NULL, execution INTEGER NOT NULL,"
    " ms INTEGER NOT NULL, bytes INTEGER NOT NULL, rule INTEGER NOT NULL,"
    " result INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,"
    " digest BLOB NOT NULL, plan TEXT NOT NULL DEFAULT '', work TEXT NOT NULL DEFAULT '',"
    " end INTEGER NOT NULL DEFAULT 0, automatic INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX IF NOT EXISTS records_execution ON records (execution, height)"
    " WHERE execution > 0;"
    /* Where the chain goes on although the records before were never here. */
    "CREATE TABLE IF NOT EXISTS anchors (height INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT;";

/* A file of before these were kept. */
static const char columns_new[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE records ADD COLUMN plan TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE records ADD COLUMN work TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE records ADD COLUMN end INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE records ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;"
    "COMMIT;";

static const char runs_index[] =
    "CREATE INDEX IF NOT EXISTS records_work ON records (work, height) WHERE work <> '';";

#define COLUMNS                                                                                    \
    "height, log_index, wall_ms, core_ms, execution, ms, bytes, rule, result, kind, subject, "     \
    "text, digest, plan, work, end, automatic"

enum err history_sql_failed(sqlite3 *db, struct text256 *reterr) {
    int code = sqlite3_errcode(db);
    text_say(reterr, "history.db: %s", sqlite3_errmsg(db));
    return code == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO;
}

enum err history_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement,
                             struct text256 *reterr) {
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);
    return rc == SQLITE_OK ? ERR_OK : history_sql_failed(db, reterr);
}

static enum err columns_add(sqlite3 *db, struct text256 *reterr) {
    sqlite3_stmt *info = NULL;
    enum err err = history_sql_prepare(
        db, "SELECT 1 FROM pragma_table_info('records') WHERE name = 'work'", &info, reterr);
    int rc = err == ERR_OK ? sqlite3_step(info) : SQLITE_ERROR;
    (void)sqlite3_finalize(info);
    if (err == ERR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return history_sql_failed(db, reterr);
    }
    if (err == ERR_OK && rc == SQLITE_DONE &&
        sqlite3_exec(db, columns_new, NULL, NULL, NULL) != SQLITE_OK) {
        err = history_sql_failed(db, reterr);
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (err == ERR_OK && sqlite3_exec(db, runs_index, NULL, NULL, NULL) != SQLITE_OK) {
        err = history_sql_failed(db, reterr);
    }
    return err;
}

static enum err open_both(struct history_store *store, const char *path, struct text256 *reterr) {
    int writer =
        sqlite3_open_v2(path, &store->writer,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (writer != SQLITE_OK || sqlite3_busy_timeout(store->writer, BUSY_WAIT_MS) != SQLITE_OK ||
        sqlite3_exec(store->writer, schema, NULL, NULL, NULL) != SQLITE_OK) {
        return history_sql_failed(store->writer, reterr);
    }
    enum err err = columns_add(store->writer, reterr);
    if (err != ERR_OK) {
        return err;
    }
    int reader =
        sqlite3_open_v2(path, &store->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL);
    return reader == SQLITE_OK ? ERR_OK : history_sql_failed(store->reader, reterr);
}

enum err history_store_open(const char *directory, struct history_store **ret_store,
                            struct text256 *reterr) {
    char path[512];
    if (!text_format(path, sizeof path, "%s/history.db", directory)) {
        text_say(reterr, "%s: the path is too long", directory);
        return ERR_CONFIG;
    }
    struct history_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        text_say(reterr, "%s: no memory", path);
        return ERR_NO_MEMORY;
    }
    enum err err = open_both(store, path, reterr);
    err = err != ERR_OK ? err
                        : history_sql_prepare(store->writer,
                                              "INSERT OR IGNORE INTO records (" COLUMNS ") VALUES "
                                              "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
                                              "?16,?17)",
                                              &store->insert, reterr);
    err = err != ERR_OK
              ? err
              : history_sql_prepare(store->writer, "SELECT digest FROM records WHERE height = ?1",
                                    &store->same, reterr);
    err = err != ERR_OK
              ? err
              : history_sql_prepare(
                    store->writer, "INSERT OR REPLACE INTO anchors (height, digest) VALUES (?1,?2)",
                    &store->anchor, reterr);
    err = err != ERR_OK ? err
                        : history_sql_prepare(store->reader,
                                              "SELECT " COLUMNS " FROM records WHERE height >= ?1"
                                              " ORDER BY height LIMIT ?2",
                                              &store->each_all, reterr);
    err = err != ERR_OK
              ? err
              : history_sql_prepare(store->reader,
                                    "SELECT " COLUMNS " FROM records WHERE height >= ?1 AND"
                                    " execution = ?3 AND execution > 0 ORDER BY height LIMIT ?2",
                                    &store->each_execution, reterr);
    err = err != ERR_OK
              ? err
              : history_sql_prepare(store->reader,
                                    "SELECT wall_ms, execution, ms, end, automatic, plan, subject"
                                    " FROM records WHERE work = ?1 AND work <> ''"
                                    " ORDER BY height DESC LIMIT ?2",
                                    &store->runs, reterr);
    err = err != ERR_OK
              ? err
              : history_elections_open(store->writer, store->reader, &store->elections, reterr);
    if (err != ERR_OK) {
        history_store_close(store);
        return err;
    }
    *ret_store = store;
    return ERR_OK;
}

void history_store_close(struct history_store *store) {
    if (store == NULL) {
        return;
    }
    history_elections_close(store->elections);
    (void)sqlite3_finalize(store->insert);
    (void)sqlite3_finalize(store->same);
    (void)sqlite3_finalize(store->anchor);
    (void)sqlite3_finalize(store->each_all);
    (void)sqlite3_finalize(store->each_execution);
    (void)sqlite3_finalize(store->runs);
    (void)sqlite3_close(store->reader);
    (void)sqlite3_close(store->writer);
    free(store);
}

struct history_elections *history_store_elections(struct history_store *store) {
    return store->elections;
}

/* ----------------------------------------------------------------------- writing */

static int bind_row(sqlite3_stmt *insert, const struct history_row *row) {
    const uint64_t numbers[9] = {row->height,          row->index,     row->wall_ms,
                                 row->core_ms,         row->execution, (uint64_t)row->ms,
                                 (uint64_t)row->bytes, row->rule,      row->result};
    int rc = SQLITE_OK;
    for (int i = 0; i < 9 && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_int64(insert, i + 1, (sqlite3_int64)numbers[i]);
    }
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(insert, 10, row->kind, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(insert, 11, row->subject, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(insert, 12, row->text, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(insert, 14, row->plan, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_text(insert, 15, row->work, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int(insert, 16, row->end);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int(insert, 17, row->how);
    return rc != SQLITE_OK ? rc
                           : sqlite3_bind_blob(insert, 13, row->digest, DIGEST_SIZE, SQLITE_STATIC);
}

/* The record that stands there already must be this one: the same log makes the same chain. */
static enum err row_compare(struct history_store *store, const struct history_row *row,
                            struct text256 *reterr) {
    enum err err = ERR_OK;
    (void)sqlite3_bind_int64(store->same, 1, (sqlite3_int64)row->height);
    if (sqlite3_step(store->same) != SQLITE_ROW) {
        err = history_sql_failed(store->writer, reterr);
    } else if (sqlite3_column_bytes(store->same, 0) != DIGEST_SIZE ||
               memcmp(sqlite3_column_blob(store->same, 0), row->digest, DIGEST_SIZE) != 0) {
        text_say(reterr,
                 "record %" PRIu64 " of the history is not what the log says now: the file was "
                 "altered, or belongs to another log",
                 row->height);
        err = ERR_EXISTS;
    }
    (void)sqlite3_reset(store->same);
    return err;
}

static enum err row_write(struct history_store *store, const struct history_row *row,
                          struct text256 *reterr) {
    int rc = bind_row(store->insert, row);
    rc = rc != SQLITE_OK ? rc : sqlite3_step(store->insert);
    bool put = rc == SQLITE_DONE && sqlite3_changes(store->writer) == 1;
    enum err err = rc == SQLITE_DONE ? ERR_OK : history_sql_failed(store->writer, reterr);
    (void)sqlite3_reset(store->insert);
    return err != ERR_OK || put ? err : row_compare(store, row, reterr);
}

enum err history_store_write(struct history_store *store, const struct history_row *rows,
                             size_t rows_n, struct text256 *reterr) {
    if (sqlite3_exec(store->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return history_sql_failed(store->writer, reterr);
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < rows_n && err == ERR_OK; i++) {
        err = row_write(store, &rows[i], reterr);
    }
    if (err == ERR_OK && sqlite3_exec(store->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        err = history_sql_failed(store->writer, reterr);
    }
    if (err != ERR_OK) {
        (void)sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

enum err history_store_anchor(struct history_store *store, uint64_t height,
                              const uint8_t digest[DIGEST_SIZE], struct text256 *reterr) {
    (void)sqlite3_bind_int64(store->anchor, 1, (sqlite3_int64)height);
    (void)sqlite3_bind_blob(store->anchor, 2, digest, DIGEST_SIZE, SQLITE_STATIC);
    int rc = sqlite3_step(store->anchor);
    enum err err = rc == SQLITE_DONE ? ERR_OK : history_sql_failed(store->writer, reterr);
    (void)sqlite3_reset(store->anchor);
    return err;
}

/* ----------------------------------------------------------------------- reading */

static const char *column_text(sqlite3_stmt *at, int column) {
    const char *text = (const char *)sqlite3_column_text(at, column);
    return text == NULL ? "" : text;
}

static struct history_record record_at(sqlite3_stmt *at) {
    return (struct history_record){.height = (uint64_t)sqlite3_column_int64(at, 0),
                                   .index = (uint64_t)sqlite3_column_int64(at, 1),
                                   .wall_ms = (uint64_t)sqlite3_column_int64(at, 2),
                                   .core_ms = (uint64_t)sqlite3_column_int64(at, 3),
                                   .execution = (uint64_t)sqlite3_column_int64(at, 4),
                                   .ms = sqlite3_column_int64(at, 5),
                                   .bytes = sqlite3_column_int64(at, 6),
                                   .rule = (uint16_t)sqlite3_column_int(at, 7),
                                   .result = (uint8_t)sqlite3_column_int(at, 8),
                                   .kind = column_text(at, 9),
                                   .subject = column_text(at, 10),
                                   .text = column_text(at, 11)};
}

/* A column that could not be fetched for want of memory reads as an empty one. */
static bool memory_lacked(sqlite3 *db) {
    return (sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM;
}

enum err history_store_each(struct history_store *store, uint64_t from, uint64_t execution,
                            uint32_t most, void *owner,
                            bool (*each)(void *owner, const struct history_record *record),
                            struct text256 *reterr) {
    sqlite3_stmt *at = execution == 0 ? store->each_all : store->each_execution;
    char hex[2 * DIGEST_SIZE + 1];
    (void)sqlite3_bind_int64(at, 1, (sqlite3_int64)from);
    (void)sqlite3_bind_int64(at, 2, most);
    if (execution != 0) {
        (void)sqlite3_bind_int64(at, 3, (sqlite3_int64)execution);
    }
    bool more = true;
    enum err err = ERR_OK;
    int rc = SQLITE_DONE;
    while (more && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        struct history_record record = record_at(at);
        hex[0] = '\0';
        if (sqlite3_column_bytes(at, 12) == DIGEST_SIZE) {
            text_from_bytes(sqlite3_column_blob(at, 12), DIGEST_SIZE, hex, sizeof hex);
        }
        if (memory_lacked(store->reader)) {
            rc = SQLITE_NOMEM;
            break;
        }
        record.digest = hex;
        more = each(owner, &record);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        err = history_sql_failed(store->reader, reterr);
    }
    (void)sqlite3_reset(at);
    return err;
}

enum err history_store_runs(struct history_store *store, const char *work, uint32_t most,
                            void *owner, void (*each)(void *owner, const struct history_run *run),
                            struct text256 *reterr) {
    sqlite3_stmt *at = store->runs;
    enum err err = ERR_OK;
    int rc = sqlite3_bind_text(at, 1, work, -1, SQLITE_STATIC);
    rc = rc != SQLITE_OK ? rc : sqlite3_bind_int64(at, 2, most);
    while (rc == SQLITE_OK && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        struct history_run run = {.wall_ms = (uint64_t)sqlite3_column_int64(at, 0),
                                  .execution = (uint64_t)sqlite3_column_int64(at, 1),
                                  .ms = sqlite3_column_int64(at, 2),
                                  .end = (uint8_t)sqlite3_column_int(at, 3),
                                  .how = (uint8_t)sqlite3_column_int(at, 4),
                                  .plan = column_text(at, 5),
                                  .step = column_text(at, 6)};
        if (memory_lacked(store->reader)) {
            rc = SQLITE_NOMEM;
            break;
        }
        each(owner, &run);
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE) {
        err = history_sql_failed(store->reader, reterr);
    }
    (void)sqlite3_reset(at);
    return err;
}

/* False when the texts do not fit a row: nothing of ours writes such a record. */
static bool row_of(sqlite3_stmt *at, struct history_row *ret_row) {
    struct history_record record = record_at(at);
    memset(ret_row, 0, sizeof *ret_row);
    ret_row->height = record.height;
    ret_row->index = record.index;
    ret_row->wall_ms = record.wall_ms;
    ret_row->core_ms = record.core_ms;
    ret_row->execution = record.execution;
    ret_row->ms = record.ms;
    ret_row->bytes = record.bytes;
    ret_row->rule = record.rule;
    ret_row->result = record.result;
    ret_row->end = (uint8_t)sqlite3_column_int(at, 15);
    ret_row->how = (uint8_t)sqlite3_column_int(at, 16);
    return text_copy(ret_row->kind, sizeof ret_row->kind, record.kind) &&
           text_copy(ret_row->subject, sizeof ret_row->subject, record.subject) &&
           text_copy(ret_row->text, sizeof ret_row->text, record.text) &&
           text_copy(ret_row->plan, sizeof ret_row->plan, column_text(at, 13)) &&
           text_copy(ret_row->work, sizeof ret_row->work, column_text(at, 14)) &&
           sqlite3_column_bytes(at, 12) == DIGEST_SIZE;
}

/* The digest that the record after `height` builds on: an anchor's. Not found: none is known. */
static enum err anchor_find(struct history_store *store, uint64_t height, bool *ret_found,
                            uint8_t ret_digest[DIGEST_SIZE], struct text256 *reterr) {
    sqlite3_stmt *find = NULL;
    *ret_found = height == 0;
    if (height == 0) {
        memset(ret_digest, 0, DIGEST_SIZE);
        return ERR_OK;
    }
    enum err err = history_sql_prepare(
        store->writer, "SELECT digest FROM anchors WHERE height = ?1", &find, reterr);
    if (err != ERR_OK) {
        return err;
    }
    (void)sqlite3_bind_int64(find, 1, (sqlite3_int64)height);
    int rc = sqlite3_step(find);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(find, 0) == DIGEST_SIZE) {
        memcpy(ret_digest, sqlite3_column_blob(find, 0), DIGEST_SIZE);
        *ret_found = true;
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        err = history_sql_failed(store->writer, reterr);
    }
    (void)sqlite3_finalize(find);
    return err;
}

enum err history_store_verify(struct history_store *store, uint64_t *ret_wrong,
                              struct text256 *reterr) {
    sqlite3_stmt *at = NULL;
    uint8_t head[DIGEST_SIZE] = {0}, digest[DIGEST_SIZE];
    uint64_t expected = 0, wrong = 0;
    enum err err = history_sql_prepare(
        store->reader, "SELECT " COLUMNS " FROM records ORDER BY height", &at, reterr);
    if (err != ERR_OK) {
        return err;
    }
    int rc = SQLITE_DONE;
    while (wrong == 0 && err == ERR_OK && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        static struct history_row row;
        bool whole = row_of(at, &row);
        bool follows = row.height == expected;
        if (memory_lacked(store->reader)) {
            err = history_sql_failed(store->reader, reterr);
            break;
        }
        if (!follows) {
            err = anchor_find(store, row.height - 1, &follows, head, reterr);
        }
        if (whole && follows) {
            history_row_digest(head, &row, digest);
        }
        if (!whole || !follows || memcmp(digest, sqlite3_column_blob(at, 12), DIGEST_SIZE) != 0) {
            wrong = row.height;
        }
        memcpy(head, digest, DIGEST_SIZE);
        expected = row.height + 1;
    }
    if (wrong == 0 && (rc & 0xff) == SQLITE_CORRUPT) {
        wrong = expected == 0 ? 1 : expected; /* damaged from here on */
    } else if (err == ERR_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
        err = history_sql_failed(store->reader, reterr);
    }
    (void)sqlite3_finalize(at);
    *ret_wrong = err == ERR_OK ? wrong : 0;
    return err;
}
