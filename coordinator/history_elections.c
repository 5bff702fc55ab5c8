/* Elections inside a region, in a table beside the chain's: bounded, each member's own. */
#include <sqlite3.h>
#include <stdlib.h>

#include "coordinator/history_parts.h"

struct history_elections {
    sqlite3 *writer;
    sqlite3_stmt *insert, *forget, *each;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS elections (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " wall_ms INTEGER NOT NULL, at_least_ms INTEGER NOT NULL, at_most_ms INTEGER NOT NULL,"
    " within_ms INTEGER NOT NULL, nth INTEGER NOT NULL, timeline_from INTEGER NOT NULL,"
    " timeline_to INTEGER NOT NULL, end INTEGER NOT NULL, component TEXT NOT NULL,"
    " region TEXT NOT NULL, leader_from TEXT NOT NULL, leader_to TEXT NOT NULL) STRICT;";

#define COLUMNS                                                                                    \
    "wall_ms, at_least_ms, at_most_ms, within_ms, nth, timeline_from, timeline_to, end,"           \
    " component, region, leader_from, leader_to"
#define NUMBERS_N 8

enum err history_elections_open(sqlite3 *writer, sqlite3 *reader,
                                struct history_elections **ret_elections, struct text256 *reterr) {
    struct history_elections *elections = calloc(1, sizeof *elections);
    if (elections == NULL) {
        text_say(reterr, "history.db: no memory");
        return ERR_NO_MEMORY;
    }
    elections->writer = writer;
    enum err err = ERR_OK;
    if (sqlite3_exec(writer, schema, NULL, NULL, NULL) != SQLITE_OK) {
        err = history_sql_failed(writer, reterr);
    }
    err = err != ERR_OK ? err
                        : history_sql_prepare(writer,
                                              "INSERT INTO elections (" COLUMNS ") VALUES"
                                              " (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
                                              &elections->insert, reterr);
    err = err != ERR_OK ? err
                        : history_sql_prepare(writer,
                                              "DELETE FROM elections WHERE number <="
                                              " (SELECT max(number) FROM elections) - ?1",
                                              &elections->forget, reterr);
    err = err != ERR_OK ? err
                        : history_sql_prepare(reader,
                                              "SELECT " COLUMNS
                                              " FROM elections ORDER BY number DESC LIMIT ?1",
                                              &elections->each, reterr);
    if (err != ERR_OK) {
        history_elections_close(elections);
        return err;
    }
    *ret_elections = elections;
    return ERR_OK;
}

void history_elections_close(struct history_elections *elections) {
    if (elections != NULL) {
        (void)sqlite3_finalize(elections->insert);
        (void)sqlite3_finalize(elections->forget);
        (void)sqlite3_finalize(elections->each);
        free(elections);
    }
}

static int row_bind(sqlite3_stmt *insert, const struct history_election *row) {
    const uint64_t numbers[NUMBERS_N] = {row->wall_ms,     row->at_least_ms, row->at_most_ms,
                                         row->within_ms,   row->nth,         row->timeline_from,
                                         row->timeline_to, row->end};
    const char *const texts[] = {row->component, row->region, row->from, row->to};
    int rc = SQLITE_OK;
    for (int i = 0; i < NUMBERS_N && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_int64(insert, i + 1, (sqlite3_int64)numbers[i]);
    }
    for (int i = 0; i < 4 && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_text(insert, NUMBERS_N + 1 + i, texts[i], -1, SQLITE_STATIC);
    }
    return rc;
}

static enum err step_once(struct history_elections *elections, sqlite3_stmt *statement, int rc,
                          struct text256 *reterr) {
    rc = rc != SQLITE_OK ? rc : sqlite3_step(statement);
    enum err err = rc == SQLITE_DONE ? ERR_OK : history_sql_failed(elections->writer, reterr);
    (void)sqlite3_reset(statement);
    return err;
}

enum err history_elections_write(struct history_elections *elections,
                                 const struct history_election *rows, size_t rows_n,
                                 struct text256 *reterr) {
    if (rows_n == 0) {
        return ERR_OK;
    }
    if (sqlite3_exec(elections->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return history_sql_failed(elections->writer, reterr);
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < rows_n && err == ERR_OK; i++) {
        err =
            step_once(elections, elections->insert, row_bind(elections->insert, &rows[i]), reterr);
    }
    if (err == ERR_OK) {
        int rc = sqlite3_bind_int(elections->forget, 1, HISTORY_ELECTIONS_MAX);
        err = step_once(elections, elections->forget, rc, reterr);
    }
    if (err == ERR_OK && sqlite3_exec(elections->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        err = history_sql_failed(elections->writer, reterr);
    }
    if (err != ERR_OK) {
        (void)sqlite3_exec(elections->writer, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

static void column_copy(sqlite3_stmt *at, int column, char *out, size_t out_size) {
    const char *text = (const char *)sqlite3_column_text(at, column);
    (void)text_copy(out, out_size, text == NULL ? "" : text);
}

enum err history_elections_each(struct history_elections *elections, void *owner,
                                void (*each)(void *owner, const struct history_election *election),
                                struct text256 *reterr) {
    sqlite3_stmt *at = elections->each;
    int rc = sqlite3_bind_int(at, 1, HISTORY_ELECTIONS_MAX);
    while (rc == SQLITE_OK && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        struct history_election row = {
            .wall_ms = (uint64_t)sqlite3_column_int64(at, 0),
            .at_least_ms = (uint64_t)sqlite3_column_int64(at, 1),
            .at_most_ms = (uint64_t)sqlite3_column_int64(at, 2),
            .within_ms = (uint64_t)sqlite3_column_int64(at, 3),
            .nth = (uint64_t)sqlite3_column_int64(at, 4),
            .timeline_from = (uint32_t)sqlite3_column_int64(at, 5),
            .timeline_to = (uint32_t)sqlite3_column_int64(at, 6),
            .end = (uint8_t)sqlite3_column_int(at, 7),
        };
        column_copy(at, 8, row.component, sizeof row.component);
        column_copy(at, 9, row.region, sizeof row.region);
        column_copy(at, 10, row.from, sizeof row.from);
        column_copy(at, 11, row.to, sizeof row.to);
        each(owner, &row);
        rc = SQLITE_OK;
    }
    enum err err = rc == SQLITE_DONE ? ERR_OK : history_sql_failed(sqlite3_db_handle(at), reterr);
    (void)sqlite3_reset(at);
    return err;
}
