#include "coordinator/log/embedded_db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"

#define DB_APPLICATION_ID 0x44526c67 /* "DRlg": what file(1) and we recognise */
#define DB_VERSION 1

static const char *const db_schema =
    "CREATE TABLE facts(\"index\" INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,"
    " bytes BLOB NOT NULL, crc INTEGER NOT NULL);"
    /* Keys of compacted facts: they stay refused. */
    "CREATE TABLE used(\"index\" INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);"
    "CREATE TABLE snapshot(one INTEGER PRIMARY KEY CHECK(one = 1), \"index\" INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, crc INTEGER NOT NULL);"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

static const char *const db_sql[DB_STATEMENTS_N] = {
    [DB_BEGIN] = "BEGIN IMMEDIATE",
    [DB_COMMIT] = "COMMIT",
    [DB_ROLLBACK] = "ROLLBACK",
    [DB_INSERT] = "INSERT INTO facts(key, bytes, crc) VALUES(?1, ?2, ?3)",
    [DB_FIND_KEY] = "SELECT \"index\" FROM facts WHERE key = ?1"
                    " UNION ALL SELECT \"index\" FROM used WHERE key = ?1 LIMIT 1",
    [DB_FIND_INDEX] = "SELECT key FROM facts WHERE \"index\" = ?1"
                      " UNION ALL SELECT key FROM used WHERE \"index\" = ?1 LIMIT 1",
    [DB_READ] = "SELECT \"index\", key, bytes, crc FROM facts"
                " WHERE \"index\" >= ?1 ORDER BY \"index\" LIMIT ?2",
    [DB_SNAPSHOT_INDEX] = "SELECT \"index\" FROM snapshot",
    [DB_SNAPSHOT_PUT] = "INSERT OR REPLACE INTO snapshot VALUES(1, ?1, ?2, ?3)",
    [DB_SNAPSHOT_GET] = "SELECT \"index\", bytes, crc FROM snapshot",
    [DB_MARK] = "INSERT OR REPLACE INTO meta VALUES('compacted', ?1)",
    [DB_KEEP_KEYS] = "INSERT INTO used SELECT \"index\", key FROM facts"
                     " WHERE \"index\" <= ?1 ORDER BY \"index\" LIMIT ?2",
    [DB_DELETE] =
        "DELETE FROM facts WHERE \"index\" IN"
        " (SELECT \"index\" FROM facts WHERE \"index\" <= ?1 ORDER BY \"index\" LIMIT ?2)",
    [DB_FORGET] = "DELETE FROM used WHERE \"index\" IN"
                  " (SELECT \"index\" FROM used WHERE \"index\" <= ?1 ORDER BY \"index\" LIMIT ?2)",
    [DB_PROBE] = "INSERT OR REPLACE INTO meta VALUES('probe', zeroblob(?1))",
};

/* Which failure it was, and its words in db->why. */
static enum err db_failed(struct db *db, int rc) {
    int system = sqlite3_system_errno(db->sqlite);
    text_say(&db->why, "%s", sqlite3_errmsg(db->sqlite));
    switch (rc & 0xff) {
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        text_say(&db->why, "%s: %s", sqlite3_errmsg(db->sqlite), strerror(system));
        return system == ENOSPC || system == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    case SQLITE_READONLY:
    case SQLITE_PERM: return ERR_IO;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_FORMAT;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_TOOBIG: return ERR_TOO_BIG;
    default: return ERR_FAILED;
    }
}

static enum err db_run(struct db *db, enum db_statement which) {
    int rc = sqlite3_step(db->statement[which]);
    enum err err = rc == SQLITE_DONE || rc == SQLITE_ROW ? ERR_OK : db_failed(db, rc);
    (void)sqlite3_reset(db->statement[which]);
    (void)sqlite3_clear_bindings(db->statement[which]);
    return err;
}

static void db_bind_u64(struct db *db, enum db_statement which, int at, uint64_t value) {
    ensure(value <= INT64_MAX);
    int rc = sqlite3_bind_int64(db->statement[which], at, (sqlite3_int64)value);
    ensure(rc == SQLITE_OK);
}

static void db_bind_bytes(struct db *db, enum db_statement which, int at, const uint8_t *bytes,
                          size_t size) {
    /* A NULL pointer would bind NULL instead of an empty blob. */
    int rc = sqlite3_bind_blob64(db->statement[which], at, size == 0 ? "" : (const void *)bytes,
                                 size, SQLITE_STATIC);
    ensure(rc == SQLITE_OK);
}

static enum err db_exec(struct db *db, const char *sql) {
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : db_failed(db, rc);
}

/* The first column of the first row as a number; *ret_found false when there is no row. */
static enum err db_number(struct db *db, const char *sql, uint64_t *ret_value, bool *ret_found) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return db_failed(db, rc);
    }
    rc = sqlite3_step(statement);
    enum err err = rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : db_failed(db, rc);
    if (err == ERR_OK) {
        *ret_found = rc == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_INTEGER;
        *ret_value = *ret_found ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    }
    (void)sqlite3_finalize(statement);
    return err;
}

/* SQLite's own check sees a damaged tree, not a flipped bit inside a fact: hence checksums. */
static enum err db_check(struct db *db) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    enum err err = ERR_OK;
    if (rc != SQLITE_ROW) {
        err = db_failed(db, rc);
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        text_say(&db->why, "%s", (const char *)sqlite3_column_text(statement, 0));
        err = ERR_FORMAT;
    }
    (void)sqlite3_finalize(statement);
    if (err != ERR_OK) {
        return err;
    }
    const char *sql = "SELECT \"index\", bytes, crc FROM facts"
                      " UNION ALL SELECT \"index\", bytes, crc FROM snapshot";
    rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW && crc32_of(sqlite3_column_blob(statement, 1),
                                         (size_t)sqlite3_column_bytes(statement, 1)) !=
                                    (uint32_t)sqlite3_column_int64(statement, 2)) {
            text_say(&db->why, "the fact or snapshot of index %lld does not match its checksum",
                     (long long)sqlite3_column_int64(statement, 0));
            (void)sqlite3_finalize(statement);
            return ERR_FORMAT;
        }
    }
    err = rc == SQLITE_DONE ? ERR_OK : db_failed(db, rc);
    (void)sqlite3_finalize(statement);
    return err;
}

static enum err db_create(struct db *db) {
    uint64_t id = 0;
    while (id == 0 || id > INT64_MAX) {
        ssize_t got = getrandom(&id, sizeof(id), 0);
        ensure(got == (ssize_t)sizeof(id));
        id &= INT64_MAX; /* an SQLite integer is signed */
    }
    char sql[1024];
    bool whole = text_format(sql, sizeof(sql),
                             "BEGIN IMMEDIATE; %s INSERT INTO meta VALUES('cluster_id', %llu);"
                             "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                             db_schema, (unsigned long long)id, DB_APPLICATION_ID, DB_VERSION);
    ensure(whole);
    return db_exec(db, sql);
}

/* Whose file it is; makes the tables of an empty one. */
static enum err db_recognise(struct db *db) {
    uint64_t application = 0, version = 0, tables_n = 0;
    bool found = false;
    enum err err = db_number(db, "PRAGMA application_id", &application, &found);
    if (err == ERR_OK) {
        err = db_number(db, "PRAGMA user_version", &version, &found);
    }
    if (err == ERR_OK) {
        err = db_number(db, "SELECT count(*) FROM sqlite_schema", &tables_n, &found);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (application == 0 && version == 0 && tables_n == 0) {
        return db_create(db);
    }
    if (application != DB_APPLICATION_ID || version != DB_VERSION) {
        text_say(&db->why,
                 "it is no log of this version of drover (application %llu, version"
                 " %llu; expected %d, %d)",
                 (unsigned long long)application, (unsigned long long)version, DB_APPLICATION_ID,
                 DB_VERSION);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

static enum err db_read_state(struct db *db) {
    bool found = false;
    enum err err =
        db_number(db, "SELECT value FROM meta WHERE name = 'cluster_id'", &db->cluster_id, &found);
    if (err == ERR_OK && (!found || db->cluster_id == 0)) {
        text_say(&db->why, "it has no cluster id");
        return ERR_FORMAT;
    }
    if (err == ERR_OK) {
        err = db_number(db, "SELECT value FROM meta WHERE name = 'compacted'", &db->mark, &found);
    }
    if (err == ERR_OK) { /* the sequence remembers facts that are gone */
        err = db_number(db, "SELECT seq FROM sqlite_sequence WHERE name = 'facts'", &db->newest,
                        &found);
    }
    return err;
}

/* SQLite would create the file readable by all; the directory entry must survive a power cut. */
static enum err db_make_file(const char *path, struct text256 *reterr) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        text_say(reterr, "%s: cannot be opened: %s", path, strerror(errno));
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    }
    (void)close(fd);
    char copy[4096];
    if (!text_copy(copy, sizeof(copy), path)) {
        text_say(reterr, "the path of the log is longer than %zu", sizeof(copy) - 1);
        return ERR_CONFIG;
    }
    int directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = directory < 0 ? -1 : fsync(directory);
    int why = errno;
    if (directory >= 0) {
        (void)close(directory);
    }
    if (failed != 0) {
        text_say(reterr, "%s: its directory cannot be synced: %s", path, strerror(why));
        return ERR_IO;
    }
    return ERR_OK;
}

/* Exclusive locking keeps a second process out and needs no shared-memory file, which a full disk
 * would turn into a signal. */
static enum err db_prepare(struct db *db) {
    enum err err = db_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;"
                               "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                               "BEGIN IMMEDIATE; COMMIT");
    if (err == ERR_OK) {
        err = db_recognise(db);
    }
    if (err == ERR_OK) {
        err = db_check(db);
    }
    if (err == ERR_OK) {
        err = db_read_state(db);
    }
    for (int i = 0; err == ERR_OK && i < DB_STATEMENTS_N; i++) {
        int rc = sqlite3_prepare_v3(db->sqlite, db_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->statement[i], NULL);
        err = rc == SQLITE_OK ? ERR_OK : db_failed(db, rc);
    }
    return err;
}

enum err db_open(struct db *db, const char *path, struct text256 *reterr) {
    ensure(db != NULL && path != NULL);
    memset(db, 0, sizeof(*db));
    enum err err = db_make_file(path, reterr);
    if (err != ERR_OK) {
        return err;
    }
    int rc = sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE, NULL);
    err = rc == SQLITE_OK ? db_prepare(db) : db_failed(db, rc);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    if (err == ERR_BUSY) {
        text_say(reterr, "%s: another process has this log open", path);
    } else if (err == ERR_FORMAT) {
        text_say(reterr, "%s: damaged or foreign: %s. Keep a copy, then restore a backup", path,
                 db->why.at);
    } else {
        text_say(reterr, "%s: %s", path, db->why.at);
    }
    db_close(db);
    return err;
}

void db_close(struct db *db) {
    for (int i = 0; i < DB_STATEMENTS_N; i++) {
        (void)sqlite3_finalize(db->statement[i]);
        db->statement[i] = NULL;
    }
    (void)sqlite3_close(db->sqlite);
    db->sqlite = NULL;
}

enum err db_begin(struct db *db) {
    return db_run(db, DB_BEGIN);
}

enum err db_commit(struct db *db) {
    return db_run(db, DB_COMMIT);
}

void db_rollback(struct db *db) {
    /* Some failures roll back by themselves. */
    if (sqlite3_get_autocommit(db->sqlite) == 0) {
        enum err ignored = db_run(db, DB_ROLLBACK);
        (void)ignored;
    }
}

enum err db_append(struct db *db, const char *key, const uint8_t *bytes, size_t size,
                   uint64_t *ret_index, bool *ret_existed) {
    sqlite3_stmt *find = db->statement[DB_FIND_KEY];
    int rc = sqlite3_bind_text(find, 1, key, -1, SQLITE_STATIC);
    ensure(rc == SQLITE_OK);
    rc = sqlite3_step(find);
    uint64_t index = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(find, 0) : 0;
    enum err err = rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : db_failed(db, rc);
    (void)sqlite3_reset(find);
    (void)sqlite3_clear_bindings(find);
    if (err != ERR_OK || index != 0) {
        if (err == ERR_OK) {
            *ret_index = index;
            *ret_existed = true;
        }
        return err;
    }
    sqlite3_stmt *insert = db->statement[DB_INSERT];
    rc = sqlite3_bind_text(insert, 1, key, -1, SQLITE_STATIC);
    ensure(rc == SQLITE_OK);
    db_bind_bytes(db, DB_INSERT, 2, bytes, size);
    db_bind_u64(db, DB_INSERT, 3, crc32_of(bytes, size));
    err = db_run(db, DB_INSERT);
    if (err == ERR_OK) {
        *ret_index = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
        *ret_existed = false;
    }
    return err;
}

enum err db_key_at(struct db *db, uint64_t index, char ret_key[FACT_KEY_SIZE]) {
    sqlite3_stmt *statement = db->statement[DB_FIND_INDEX];
    db_bind_u64(db, DB_FIND_INDEX, 1, index);
    int rc = sqlite3_step(statement);
    enum err err = rc == SQLITE_DONE ? ERR_NOT_FOUND : ERR_OK;
    if (rc == SQLITE_ROW) {
        bool whole =
            text_copy(ret_key, FACT_KEY_SIZE, (const char *)sqlite3_column_text(statement, 0));
        err = whole ? ERR_OK : ERR_FORMAT;
    } else if (rc != SQLITE_DONE) {
        err = db_failed(db, rc);
    }
    (void)sqlite3_reset(statement);
    return err;
}

/* Copies the blob of a column, checked against the checksum in the next one. */
static enum err db_copy_blob(struct db *db, sqlite3_stmt *statement, int column,
                             uint8_t **ret_bytes, size_t *ret_size) {
    const void *blob = sqlite3_column_blob(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);
    if (crc32_of(blob, size) != (uint32_t)sqlite3_column_int64(statement, column + 1)) {
        text_say(&db->why, "index %lld does not match its checksum",
                 (long long)sqlite3_column_int64(statement, 0));
        return ERR_FORMAT;
    }
    uint8_t *copy = size == 0 ? NULL : malloc(size);
    if (copy == NULL && size > 0) {
        return ERR_NO_MEMORY;
    }
    if (size > 0) {
        memcpy(copy, blob, size);
    }
    *ret_bytes = copy;
    *ret_size = size;
    return ERR_OK;
}

enum err db_read(struct db *db, uint64_t from, struct db_fact *ret_facts, size_t facts_max,
                 size_t bytes_max, size_t *ret_facts_n) {
    sqlite3_stmt *read = db->statement[DB_READ];
    db_bind_u64(db, DB_READ, 1, from);
    db_bind_u64(db, DB_READ, 2, facts_max);
    size_t n = 0, bytes_n = 0;
    enum err err = ERR_OK;
    int rc = SQLITE_ROW;
    while (err == ERR_OK && n < facts_max && bytes_n < bytes_max) {
        rc = sqlite3_step(read);
        if (rc != SQLITE_ROW) {
            err = rc == SQLITE_DONE ? ERR_OK : db_failed(db, rc);
            break;
        }
        struct db_fact *fact = &ret_facts[n];
        fact->index = (uint64_t)sqlite3_column_int64(read, 0);
        if (!text_copy(fact->key, sizeof(fact->key), (const char *)sqlite3_column_text(read, 1))) {
            text_say(&db->why, "the key of index %llu is too long",
                     (unsigned long long)fact->index);
            err = ERR_FORMAT;
            break;
        }
        err = db_copy_blob(db, read, 2, &fact->bytes, &fact->size);
        if (err == ERR_OK) {
            bytes_n += fact->size;
            n++;
        }
    }
    (void)sqlite3_reset(read);
    /* What was read before a damaged fact is good and goes out first. */
    *ret_facts_n = n;
    return n > 0 ? ERR_OK : err;
}

static enum err db_snapshot_index(struct db *db, uint64_t *ret_index) {
    sqlite3_stmt *statement = db->statement[DB_SNAPSHOT_INDEX];
    int rc = sqlite3_step(statement);
    enum err err = ERR_OK;
    if (rc == SQLITE_ROW) {
        *ret_index = (uint64_t)sqlite3_column_int64(statement, 0);
    } else {
        err = rc == SQLITE_DONE ? ERR_NOT_FOUND : db_failed(db, rc);
    }
    (void)sqlite3_reset(statement);
    return err;
}

enum err db_snapshot_store(struct db *db, uint64_t index, const uint8_t *bytes, size_t size) {
    uint64_t stored = 0;
    enum err err = db_snapshot_index(db, &stored);
    if (err == ERR_OK && stored >= index) {
        return stored == index ? ERR_OK : ERR_STALE;
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    db_bind_u64(db, DB_SNAPSHOT_PUT, 1, index);
    db_bind_bytes(db, DB_SNAPSHOT_PUT, 2, bytes, size);
    db_bind_u64(db, DB_SNAPSHOT_PUT, 3, crc32_of(bytes, size));
    return db_run(db, DB_SNAPSHOT_PUT);
}

enum err db_snapshot_load(struct db *db, uint64_t *ret_index, uint8_t **ret_bytes,
                          size_t *ret_size) {
    sqlite3_stmt *statement = db->statement[DB_SNAPSHOT_GET];
    int rc = sqlite3_step(statement);
    enum err err = rc == SQLITE_DONE ? ERR_NOT_FOUND : ERR_OK;
    if (rc == SQLITE_ROW) {
        err = db_copy_blob(db, statement, 1, ret_bytes, ret_size);
        if (err == ERR_OK) {
            *ret_index = (uint64_t)sqlite3_column_int64(statement, 0);
        }
    } else if (rc != SQLITE_DONE) {
        err = db_failed(db, rc);
    }
    (void)sqlite3_reset(statement);
    return err;
}

/* Runs a statement that takes a limit index and a count of rows; *ret_rows_n is what it changed. */
static enum err db_sweep(struct db *db, enum db_statement which, uint64_t index, int *ret_rows_n) {
    db_bind_u64(db, which, 1, index);
    db_bind_u64(db, which, 2, DB_COMPACT_ROWS_MAX);
    enum err err = db_run(db, which);
    if (err == ERR_OK) {
        *ret_rows_n = sqlite3_changes(db->sqlite);
    }
    return err;
}

static enum err db_compact_rows(struct db *db, uint64_t index, bool *ret_done) {
    int kept_n = 0, deleted_n = 0, forgotten_n = 0;
    enum err err = db_sweep(db, DB_KEEP_KEYS, index, &kept_n);
    if (err == ERR_OK) {
        err = db_sweep(db, DB_DELETE, index, &deleted_n);
    }
    if (err == ERR_OK && index > DB_KEYS_KEPT_N) {
        err = db_sweep(db, DB_FORGET, index - DB_KEYS_KEPT_N, &forgotten_n);
    }
    if (err == ERR_OK) {
        ensure(kept_n == deleted_n);
        *ret_done = deleted_n < DB_COMPACT_ROWS_MAX && forgotten_n < DB_COMPACT_ROWS_MAX;
    }
    return err;
}

enum err db_compact_step(struct db *db, uint64_t index, bool *ret_done) {
    uint64_t covered = 0;
    enum err err = db_snapshot_index(db, &covered);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && covered < index)) {
        return ERR_PRECONDITION;
    }
    if (err == ERR_OK) {
        err = db_begin(db);
    }
    if (err != ERR_OK) {
        return err;
    }
    uint64_t mark = index > db->mark ? index : db->mark;
    bool done = false;
    db_bind_u64(db, DB_MARK, 1, mark);
    err = db_run(db, DB_MARK);
    if (err == ERR_OK) {
        err = db_compact_rows(db, mark, &done);
    }
    if (err == ERR_OK) {
        err = db_commit(db);
    }
    if (err != ERR_OK) {
        db_rollback(db);
        return err;
    }
    db->mark = mark;
    *ret_done = done;
    return ERR_OK;
}

enum err db_probe(struct db *db, size_t size) {
    db_bind_u64(db, DB_PROBE, 1, size);
    return db_run(db, DB_PROBE);
}
