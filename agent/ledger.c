#include "agent/ledger.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"

struct ledger {
    sqlite3 *db;
    pthread_mutex_t lock;
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "CREATE TABLE IF NOT EXISTS commands(execution INTEGER, step INTEGER, attempt INTEGER,"
    " epoch INTEGER NOT NULL, digest BLOB NOT NULL, outcome BLOB,"
    " PRIMARY KEY(execution, step, attempt));"
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL);";

static enum err err_of(int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW: return ERR_OK;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_FORMAT;
    default: return ERR_IO;
    }
}

enum err ledger_open(const char *directory, struct ledger **ret_ledger, struct text256 *reterr) {
    char path[512];
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL || !text_format(path, sizeof path, "%s/ledger.db", directory)) {
        free(ledger);
        text_say(reterr, "ledger: no memory, or the state directory's name is too long");
        return ERR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&ledger->lock, NULL);
    int rc =
        sqlite3_open_v2(path, &ledger->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(ledger->db, 2000);
        rc = sqlite3_exec(ledger->db, schema, NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        text_say(reterr, "%s: %s", path, sqlite3_errmsg(ledger->db));
        ledger_close(ledger);
        return err_of(rc);
    }
    *ret_ledger = ledger;
    return ERR_OK;
}

void ledger_close(struct ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    (void)sqlite3_close(ledger->db);
    (void)pthread_mutex_destroy(&ledger->lock);
    free(ledger);
}

static int prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **ret_statement) {
    return sqlite3_prepare_v2(ledger->db, sql, -1, ret_statement, NULL);
}

static enum err fact_get(struct ledger *ledger, const char *name, uint64_t *ret_value) {
    sqlite3_stmt *statement = NULL;
    int rc = prepare(ledger, "SELECT value FROM facts WHERE name=?1", &statement);
    *ret_value = 0;
    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            *ret_value = (uint64_t)sqlite3_column_int64(statement, 0);
        }
    }
    (void)sqlite3_finalize(statement);
    return err_of(rc);
}

static enum err fact_put(struct ledger *ledger, const char *name, uint64_t value) {
    sqlite3_stmt *statement = NULL;
    int rc =
        prepare(ledger, "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value=?2",
                &statement);
    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)value);
        rc = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return err_of(rc);
}

static int bind_attempt(sqlite3_stmt *statement, uint64_t execution, uint8_t step,
                        uint16_t attempt) {
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)execution);
    (void)sqlite3_bind_int(statement, 2, step);
    return sqlite3_bind_int(statement, 3, attempt);
}

static enum err find(struct ledger *ledger, const struct command *command,
                     const uint8_t digest[DIGEST_SIZE], enum ledger_found *ret_found) {
    sqlite3_stmt *statement = NULL;
    int rc = prepare(ledger,
                     "SELECT digest=?4, outcome IS NOT NULL FROM commands WHERE execution=?1 AND "
                     "step=?2 AND attempt=?3",
                     &statement);
    if (rc == SQLITE_OK) {
        (void)bind_attempt(statement, command->execution, command->step, command->attempt);
        (void)sqlite3_bind_blob(statement, 4, digest, DIGEST_SIZE, SQLITE_STATIC);
        rc = sqlite3_step(statement);
        *ret_found = rc != SQLITE_ROW                        ? LEDGER_NEW
                     : sqlite3_column_int(statement, 0) == 0 ? LEDGER_OTHER
                     : sqlite3_column_int(statement, 1) != 0 ? LEDGER_ENDED
                                                             : LEDGER_BEGUN;
    }
    (void)sqlite3_finalize(statement);
    return err_of(rc);
}

static enum err insert(struct ledger *ledger, const struct command *command,
                       const uint8_t digest[DIGEST_SIZE]) {
    sqlite3_stmt *statement = NULL;
    int rc = prepare(ledger, "INSERT INTO commands VALUES(?1, ?2, ?3, ?4, ?5, NULL)", &statement);
    if (rc == SQLITE_OK) {
        (void)bind_attempt(statement, command->execution, command->step, command->attempt);
        (void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)command->epoch);
        (void)sqlite3_bind_blob(statement, 5, digest, DIGEST_SIZE, SQLITE_STATIC);
        rc = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return err_of(rc);
}

static enum err begin_locked(struct ledger *ledger, const struct command *command,
                             const uint8_t digest[DIGEST_SIZE], enum ledger_found *ret_found) {
    uint64_t epoch = 0;
    enum err err = fact_get(ledger, "epoch", &epoch);
    if (err == ERR_OK && command->epoch < epoch) {
        return ERR_STALE;
    }
    err = err != ERR_OK ? err : find(ledger, command, digest, ret_found);
    if (err != ERR_OK || *ret_found != LEDGER_NEW) {
        return err;
    }
    err = insert(ledger, command, digest);
    return err != ERR_OK ? err : fact_put(ledger, "epoch", command->epoch);
}

enum err ledger_begin(struct ledger *ledger, const struct command *command,
                      const uint8_t digest[DIGEST_SIZE], enum ledger_found *ret_found) {
    *ret_found = LEDGER_NEW;
    (void)pthread_mutex_lock(&ledger->lock);
    enum err err = err_of(sqlite3_exec(ledger->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    if (err == ERR_OK) {
        err = begin_locked(ledger, command, digest, ret_found);
        int rc = sqlite3_exec(ledger->db, err == ERR_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
        if (err == ERR_OK && rc != SQLITE_OK) {
            err = err_of(rc);
            (void)sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
        }
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}

enum err ledger_end(struct ledger *ledger, const struct outcome *outcome) {
    sqlite3_stmt *statement = NULL;
    (void)pthread_mutex_lock(&ledger->lock);
    int rc = prepare(ledger,
                     "UPDATE commands SET outcome=?4 WHERE execution=?1 AND step=?2 AND "
                     "attempt=?3 AND outcome IS NULL",
                     &statement);
    if (rc == SQLITE_OK) {
        (void)bind_attempt(statement, outcome->execution, outcome->step, outcome->attempt);
        (void)sqlite3_bind_blob(statement, 4, outcome, sizeof *outcome, SQLITE_STATIC);
        rc = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    (void)pthread_mutex_unlock(&ledger->lock);
    return err_of(rc);
}

enum err ledger_outcome(struct ledger *ledger, uint64_t execution, uint8_t step, uint16_t attempt,
                        struct outcome *ret_outcome) {
    sqlite3_stmt *statement = NULL;
    (void)pthread_mutex_lock(&ledger->lock);
    int rc = prepare(ledger,
                     "SELECT outcome FROM commands WHERE execution=?1 AND step=?2 AND attempt=?3",
                     &statement);
    enum err err = ERR_NOT_FOUND;
    if (rc == SQLITE_OK) {
        (void)bind_attempt(statement, execution, step, attempt);
        rc = sqlite3_step(statement);
        /* Another size: written by another version of this program; as good as unknown. */
        if (rc == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == (int)sizeof *ret_outcome) {
            memcpy(ret_outcome, sqlite3_column_blob(statement, 0), sizeof *ret_outcome);
            err = ERR_OK;
        }
    }
    (void)sqlite3_finalize(statement);
    (void)pthread_mutex_unlock(&ledger->lock);
    return err_of(rc) != ERR_OK ? err_of(rc) : err;
}

enum err ledger_epoch(struct ledger *ledger, uint64_t *ret_epoch) {
    (void)pthread_mutex_lock(&ledger->lock);
    enum err err = fact_get(ledger, "epoch", ret_epoch);
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}

enum err ledger_boot(struct ledger *ledger, uint64_t at_least, uint64_t *ret_boot) {
    uint64_t last = 0;
    (void)pthread_mutex_lock(&ledger->lock);
    enum err err = fact_get(ledger, "boot", &last);
    if (err == ERR_OK) {
        *ret_boot = last >= at_least ? last + 1 : at_least;
        err = fact_put(ledger, "boot", *ret_boot);
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}

enum err ledger_note(struct ledger *ledger, struct ladder_note *ret_note) {
    (void)pthread_mutex_lock(&ledger->lock);
    enum err err = fact_get(ledger, "ladder.fenced", &ret_note->fenced_epoch);
    err = err != ERR_OK ? err : fact_get(ledger, "ladder.lapsed", &ret_note->lapsed_epoch);
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}

enum err ledger_note_keep(struct ledger *ledger, const struct ladder_note *note) {
    (void)pthread_mutex_lock(&ledger->lock);
    enum err err = err_of(sqlite3_exec(ledger->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    if (err == ERR_OK) {
        err = fact_put(ledger, "ladder.fenced", note->fenced_epoch);
        err = err != ERR_OK ? err : fact_put(ledger, "ladder.lapsed", note->lapsed_epoch);
        int rc = sqlite3_exec(ledger->db, err == ERR_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
        err = err != ERR_OK ? err : err_of(rc);
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}
