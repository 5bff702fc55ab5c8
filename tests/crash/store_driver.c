/* store_driver: the product's own stores, one operation after the other, for the loops of `run`.
 *
 *   store_driver guard|notes|ledger|history|log DIRECTORY OPERATIONS
 *
 * The state of each store is a function of one number, the operations done; `state N` is said after
 * all of it was read and compared. Then `try K` before each operation, `told K` once the store said
 * that it is durable, `failed K` when it said otherwise: then the same one comes once more. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "agent/ledger.h"
#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "coordinator/history_parts.h"
#include "coordinator/log/embedded_db.h"
#include "coordinator/member.h"

#define COMPACT_EVERY 16

extern void fault_shim_start(void) __attribute__((weak)); /* the shim's, when it is there */

struct store {
    const char *name;
    /* Opens, reads everything, compares; how many operations stand there. */
    enum err (*open)(const char *directory, uint64_t *ret_done_n, struct text256 *reterr);
    enum err (*step)(uint64_t k, struct text256 *reterr);
};

static enum err torn(struct text256 *reterr, const char *what, uint64_t at) {
    text_say(reterr, "TORN %s at %" PRIu64, what, at);
    return ERR_FAILED;
}

/* ------------------------------------------------------------------ the guard's */

static enum err guard_open(const char *directory, uint64_t *ret_done_n, struct text256 *reterr) {
    struct holder_durable durable;
    enum err err = store_open(directory, &durable, reterr);
    if (err == ERR_OK && (durable.fenced_epoch != durable.accepted_epoch / 2 ||
                          durable.promised_epoch != durable.accepted_epoch / 3)) {
        return torn(reterr, "guard", durable.accepted_epoch);
    }
    *ret_done_n = err == ERR_OK ? durable.accepted_epoch : 0;
    return err;
}

static enum err guard_step(uint64_t k, struct text256 *reterr) {
    struct holder_durable durable;
    memset(&durable, 0, sizeof durable);
    durable.accepted_epoch = k;
    durable.fenced_epoch = k / 2;
    durable.promised_epoch = k / 3;
    return store_write(&durable, reterr);
}

/* ------------------------------------------------------------------ a member's notes */

static struct coordinator member;
static struct coordinator_conf conf;
static uv_loop_t loop;
static enum err notes_err;

static void on_noted(struct coordinator *of, enum err err) {
    (void)of;
    notes_err = err;
}

static enum err notes_open(const char *directory, uint64_t *ret_done_n, struct text256 *reterr) {
    struct notes notes;
    bool fits = text_copy(conf.state, sizeof conf.state, directory);
    int rc = uv_loop_init(&loop);
    ensure(fits && rc == 0);
    member.conf = &conf;
    member.loop = &loop;
    enum err err = notes_read(directory, &notes, reterr);
    uint64_t n = notes.attest.closed_epoch;
    if (err == ERR_OK && (notes.attest.waited_epoch != n / 2 || notes.log.highest_index != 7 * n ||
                          notes.log.highest_key != 11 * n)) {
        return torn(reterr, "notes", n);
    }
    *ret_done_n = n;
    return err;
}

static enum err notes_step(uint64_t k, struct text256 *reterr) {
    struct notes notes;
    memset(&notes, 0, sizeof notes);
    notes.attest.closed_epoch = k;
    notes.attest.waited_epoch = k / 2;
    notes.log.highest_index = 7 * k;
    notes.log.highest_key = 11 * k;
    notes_err = ERR_FAILED;
    enum err err = notes_write(&member, &notes, on_noted);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    text_say(reterr, "%s/notes: not written", conf.state);
    return err != ERR_OK ? err : notes_err;
}

/* ------------------------------------------------------------------ the agent's ledger */

/* Operation 2i - 1 begins execution i, operation 2i ends it. */
static struct ledger *ledger;
static const uint8_t ledger_digest[DIGEST_SIZE] = {1, 2, 3};

static struct outcome ledger_outcome_of(uint64_t execution) {
    struct outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.execution = execution;
    outcome.step = 1;
    outcome.attempt = 1;
    outcome.state = OUTCOME_DONE;
    outcome.wall_ms = 13 * execution;
    (void)text_copy(outcome.detail, SENTENCE_SIZE, "done by the driver");
    return outcome;
}

static enum err ledger_step(uint64_t k, struct text256 *reterr) {
    enum ledger_found found = LEDGER_NEW;
    struct outcome outcome = ledger_outcome_of((k + 1) / 2);
    struct command command;
    memset(&command, 0, sizeof command);
    command.execution = (k + 1) / 2;
    command.epoch = command.execution;
    command.step = 1;
    command.attempt = 1;
    text_say(reterr, "ledger.db: operation %" PRIu64, k);
    return k % 2 == 1 ? ledger_begin(ledger, &command, ledger_digest, &found)
                      : ledger_end(ledger, &outcome);
}

static enum err ledger_start(const char *directory, uint64_t *ret_done_n, struct text256 *reterr) {
    uint64_t epoch = 0, ended_n = 0;
    enum err err = ledger_open(directory, &ledger, reterr);
    if (err == ERR_OK) { /* these calls give no words: their shell says them */
        text_say(reterr, "%s/ledger.db: cannot be read", directory);
        err = ledger_epoch(ledger, &epoch);
    }
    for (uint64_t i = 1; err == ERR_OK && i <= epoch; i++) {
        struct outcome found, expected = ledger_outcome_of(i);
        err = ledger_outcome(ledger, i, 1, 1, &found);
        if (err == ERR_OK && memcmp(&found, &expected, sizeof found) != 0) {
            return torn(reterr, "outcome", i);
        }
        ended_n += err == ERR_OK;
        err = err == ERR_NOT_FOUND && i == epoch ? ERR_OK : err;
    }
    *ret_done_n = epoch + ended_n;
    return err == ERR_NOT_FOUND ? torn(reterr, "ledger", epoch) : err;
}

/* ------------------------------------------------------------------ a member's history */

static struct history_store *trail;
static uint8_t trail_head[DIGEST_SIZE];
static uint64_t trail_n;

static struct history_row trail_row_of(uint64_t k) {
    struct history_row row;
    memset(&row, 0, sizeof row);
    row.height = k;
    row.index = 3 * k;
    row.wall_ms = 5 * k;
    (void)text_copy(row.kind, sizeof row.kind, "rule");
    (void)text_copy(row.subject, sizeof row.subject, "subject");
    (void)text_copy(row.text, sizeof row.text, "a record of the driver");
    return row;
}

static bool trail_each(void *owner, const struct history_record *record) {
    (void)owner;
    struct history_row row = trail_row_of(record->height);
    history_row_digest(trail_head, &row, row.digest);
    memcpy(trail_head, row.digest, DIGEST_SIZE);
    trail_n++;
    return record->height == trail_n && record->index == row.index &&
           text_equal(record->text, row.text);
}

static enum err trail_start(const char *directory, uint64_t *ret_done_n, struct text256 *reterr) {
    enum err err = history_store_open(directory, &trail, reterr);
    if (err != ERR_OK) {
        return err;
    }
    uint64_t wrong = 0;
    err = history_store_verify(trail, &wrong, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (wrong != 0) {
        text_say(reterr, "%s/history.db: not verified from record %" PRIu64 " on", directory,
                 wrong);
        return ERR_FORMAT;
    }
    err = history_store_each(trail, 1, 0, UINT32_MAX, NULL, trail_each, reterr);
    *ret_done_n = trail_n;
    return err;
}

static enum err trail_step(uint64_t k, struct text256 *reterr) {
    struct history_row row = trail_row_of(k);
    history_row_digest(trail_head, &row, row.digest);
    enum err err = history_store_write(trail, &row, 1, reterr);
    if (err == ERR_OK) {
        memcpy(trail_head, row.digest, DIGEST_SIZE);
    }
    return err;
}

/* ------------------------------------------------------------------ the embedded log */

static struct db db;

static void log_fact_of(uint64_t k, char key[FACT_KEY_SIZE], uint8_t bytes[64]) {
    bool fits = text_format(key, FACT_KEY_SIZE, "fact/%" PRIu64, k);
    ensure(fits);
    memset(bytes, (int)(k * 31 % 251), 64);
}

static enum err log_compare(const struct db_fact *fact, struct text256 *reterr) {
    char key[FACT_KEY_SIZE];
    uint8_t bytes[64];
    log_fact_of(fact->index, key, bytes);
    bool same =
        text_equal(key, fact->key) && fact->size == 64 && memcmp(bytes, fact->bytes, 64) == 0;
    return same ? ERR_OK : torn(reterr, "fact", fact->index);
}

static enum err log_start(const char *directory, uint64_t *ret_done_n, struct text256 *reterr) {
    char path[512];
    struct db_fact fact;
    size_t n = 1;
    bool fits = text_format(path, sizeof path, "%s/log.db", directory);
    ensure(fits);
    enum err err = db_open(&db, path, reterr);
    if (err == ERR_OK) { /* reading gives no words: its shell says them */
        text_say(reterr, "%s: cannot be read", path);
    }
    for (uint64_t i = db.mark + 1; err == ERR_OK && i <= db.newest; i++) {
        err = db_read(&db, i, &fact, 1, 1, &n);
        if (err == ERR_OK && (n != 1 || fact.index != i)) {
            return torn(reterr, "log", i);
        }
        err = err != ERR_OK ? err : log_compare(&fact, reterr);
        free(n == 1 ? fact.bytes : NULL);
    }
    *ret_done_n = db.newest;
    return err;
}

/* Not part of what is told: whether it succeeds or not, no fact may go that the snapshot lacks. */
static void log_shorten(uint64_t k) {
    uint8_t bytes[64] = {0};
    bool done = false;
    enum err err = db_snapshot_store(&db, k, bytes, sizeof bytes);
    err = err != ERR_OK ? err : db_compact_step(&db, k - COMPACT_EVERY / 2, &done);
    (void)err;
}

static enum err log_step(uint64_t k, struct text256 *reterr) {
    char key[FACT_KEY_SIZE];
    uint8_t bytes[64];
    uint64_t index = 0;
    bool existed = false;
    log_fact_of(k, key, bytes);
    enum err err = db_begin(&db);
    err = err != ERR_OK ? err : db_append(&db, key, bytes, sizeof bytes, &index, &existed);
    err = err != ERR_OK ? err : db_commit(&db);
    *reterr = db.why;
    if (err != ERR_OK) {
        db_rollback(&db);
        return err;
    }
    if (index != k) {
        return torn(reterr, "index", index);
    }
    if (k % COMPACT_EVERY == 0) {
        log_shorten(k);
    }
    return ERR_OK;
}

/* ------------------------------------------------------------------ */

static const struct store stores[] = {{"guard", guard_open, guard_step},
                                      {"notes", notes_open, notes_step},
                                      {"ledger", ledger_start, ledger_step},
                                      {"history", trail_start, trail_step},
                                      {"log", log_start, log_step}};

static void on_ensure(const char *expression, const char *file, int line) {
    (void)dprintf(STDERR_FILENO, "ensure at %s:%d: %s\n", file, line, expression);
}

static int run(const struct store *store, const char *directory, uint64_t operations_n) {
    struct text256 why = {{0}};
    uint64_t done_n = 0, tries_n = 0;
    enum err err = store->open(directory, &done_n, &why);
    if (err != ERR_OK) {
        (void)dprintf(STDOUT_FILENO, "refused %d %s\n", (int)err, why.at);
        return 3;
    }
    (void)dprintf(STDOUT_FILENO, "state %" PRIu64 "\n", done_n);
    uint64_t last = done_n + operations_n;
    for (uint64_t k = done_n + 1; k <= last && tries_n < 3 * operations_n; tries_n++) {
        (void)dprintf(STDOUT_FILENO, "try %" PRIu64 "\n", k);
        err = store->step(k, &why);
        (void)dprintf(STDOUT_FILENO, "%s %" PRIu64 " %s\n", err == ERR_OK ? "told" : "failed", k,
                      err == ERR_OK ? "" : why.at);
        k += err == ERR_OK;
    }
    (void)dprintf(STDOUT_FILENO, "end\n");
    return 0;
}

int main(int argc, char **argv) {
    /* OpenSSL falls over a lock that it could not allocate at its first digest: README.md. */
    struct history_row first = trail_row_of(1);
    history_row_digest(trail_head, &first, first.digest);
    if (fault_shim_start != NULL) {
        fault_shim_start();
    }
    ensure_hook = on_ensure;
    for (unsigned i = 0; argc == 4 && i < sizeof stores / sizeof stores[0]; i++) {
        if (text_equal(stores[i].name, argv[1])) {
            return run(&stores[i], argv[2], strtoull(argv[3], NULL, 10));
        }
    }
    (void)dprintf(STDERR_FILENO, "usage: store_driver STORE DIRECTORY OPERATIONS\n");
    return 2;
}
