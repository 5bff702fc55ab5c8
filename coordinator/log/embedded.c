/* The embedded engine: one SQLite file, one member.
 *
 * An fsync may stall for seconds, and the member must go on attesting: so every statement runs on a
 * worker of the loop, one piece of work at a time. A piece takes the ops that wait (appends
 * together, one commit for all) and then reads what the subscriber has not had yet. The loop side
 * owns the queue, the worker side owns `db` and `piece`; they never touch each other's while work
 * runs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/ensure.h"
#include "coordinator/log/embedded_db.h"
#include "coordinator/log/engine.h"

#define PIECE_APPENDS_MAX 64
#define PIECE_FACTS_MAX 64
#define PIECE_BYTES_MAX (1024 * 1024)

/* One piece of work and what came of it. */
struct piece {
    struct log_op *ops; /* appends, or one op of another kind */
    bool commit_failed;
    enum err commit_err;
    bool again; /* a compaction has more to do */
    bool probe;
    size_t probe_size;
    enum err probe_err;
    uint64_t read_from; /* 0: nothing to read */
    struct db_fact facts[PIECE_FACTS_MAX];
    size_t facts_n;
    enum err read_err;
    uint64_t newest, mark, file_bytes_n; /* copies for the loop side */
};

struct embedded {
    struct log log; /* first */
    uv_timer_t tick;
    uv_timer_t soon;    /* the loop's next turn: callbacks never come from inside a call */
    bool other_history; /* found by log_open */
    bool started;       /* what log_open found was told */
    uv_work_t work;
    bool working;
    uint8_t handles_n; /* still open */
    uint64_t work_began_ms;
    struct log_op *queue, **queue_end;
    uint64_t next;         /* the next index to deliver; 0: not subscribed */
    uint64_t newest, mark; /* copies of db's, from the last piece */
    uint64_t file_bytes_n;
    bool sick;        /* the last write or read failed; probe until one works */
    bool broken;      /* the file is damaged: for a human, nothing here repairs it */
    size_t sick_size; /* how much the failed write wanted */
    bool probe_wanted;
    struct text256 why; /* the last failure */
    struct db db;
    struct piece piece;
    char path[256]; /* for people */
};

static void embedded_turn(struct embedded *embedded);

/* ---- on the worker ---- */

static void piece_append(struct db *db, struct piece *piece) {
    enum err err = db_begin(db);
    for (struct log_op *op = piece->ops; op != NULL && err == ERR_OK; op = op->next) {
        err = db_append(db, op->key, op->bytes, op->size, &op->index, &op->existed);
    }
    if (err == ERR_OK) {
        err = db_commit(db);
    }
    if (err != ERR_OK) {
        db_rollback(db);
    }
    piece->commit_failed = err != ERR_OK;
    for (struct log_op *op = piece->ops; op != NULL; op = op->next) {
        op->err = err;
        if (err == ERR_OK && op->index > db->newest) {
            db->newest = op->index;
        }
    }
    piece->commit_err = err;
}

static void piece_run_op(struct db *db, struct piece *piece) {
    struct log_op *op = piece->ops;
    switch (op->kind) {
    case OP_APPEND: piece_append(db, piece); return;
    case OP_HEAD: op->index = db->newest; return;
    case OP_STORE: op->err = db_snapshot_store(db, op->index, op->bytes, op->size); break;
    case OP_LOAD: op->err = db_snapshot_load(db, &op->index, &op->bytes, &op->size); break;
    case OP_COMPACT: {
        bool done = false;
        op->err = db_compact_step(db, op->index, &done);
        piece->again = op->err == ERR_OK && !done;
        break;
    }
    }
    piece->commit_err = op->err;
    piece->commit_failed = op->err == ERR_IO || op->err == ERR_NO_SPACE || op->err == ERR_FORMAT ||
                           op->err == ERR_NO_MEMORY || op->err == ERR_FAILED;
}

static void embedded_work(uv_work_t *work) {
    struct embedded *embedded = work->data;
    struct piece *piece = &embedded->piece;
    struct db *db = &embedded->db;
    db->why.at[0] = '\0';
    if (piece->ops != NULL) {
        piece_run_op(db, piece);
    }
    if (piece->probe) {
        piece->probe_err = db_probe(db, piece->probe_size);
    }
    if (piece->read_from > db->mark && piece->read_from <= db->newest) {
        piece->read_err = db_read(db, piece->read_from, piece->facts, PIECE_FACTS_MAX,
                                  PIECE_BYTES_MAX, &piece->facts_n);
    }
    piece->newest = db->newest;
    piece->mark = db->mark;
    struct stat file;
    piece->file_bytes_n = stat(embedded->path, &file) == 0 ? (uint64_t)file.st_size : 0;
}

/* ---- on the loop ---- */

static void embedded_free_when_gone(struct embedded *embedded) {
    if (embedded->handles_n == 0 && !embedded->working) {
        db_close(&embedded->db);
        free(embedded);
    }
}

static void embedded_on_closed(uv_handle_t *handle) {
    struct embedded *embedded = handle->data;
    ensure(embedded->handles_n > 0);
    embedded->handles_n--;
    embedded_free_when_gone(embedded);
}

static void embedded_went_sick(struct embedded *embedded, enum err err, size_t size) {
    embedded->sick = true;
    embedded->sick_size = size;
    embedded->broken = embedded->broken || err == ERR_FORMAT;
    if (embedded->db.why.at[0] == '\0') {
        text_say(&embedded->db.why, "%s", err_text(err));
    }
    embedded->why = embedded->db.why;
    log_tell_reachable(&embedded->log, false);
}

static void embedded_judge(struct embedded *embedded, const struct piece *piece) {
    size_t size = 0;
    for (const struct log_op *op = piece->ops; op != NULL; op = op->next) {
        size = op->size > size ? op->size : size;
    }
    if (piece->commit_failed) {
        embedded_went_sick(embedded, piece->commit_err, size);
    } else if (piece->read_err != ERR_OK) {
        embedded_went_sick(embedded, piece->read_err, 0);
    } else if (piece->probe && piece->probe_err != ERR_OK) {
        embedded_went_sick(embedded, piece->probe_err, piece->probe_size);
    } else if (embedded->broken) {
        return;
    } else if (!embedded->sick || piece->probe ||
               (piece->ops != NULL && piece->ops->kind == OP_APPEND)) {
        embedded->sick = false;
        log_tell_reachable(&embedded->log, true);
    }
}

static void embedded_deliver(struct embedded *embedded, struct piece *piece) {
    for (size_t i = 0; i < piece->facts_n; i++) {
        struct db_fact *fact = &piece->facts[i];
        /* A subscription made by a callback in between starts afresh. */
        if (embedded->next == piece->read_from && !embedded->log.went_back) {
            ensure(fact->index >= piece->read_from);
            embedded->next = fact->index + 1;
            piece->read_from = embedded->next;
            static const uint8_t none[1];
            log_tell_fact(&embedded->log, fact->index, fact->key,
                          fact->bytes == NULL ? none : fact->bytes, fact->size);
        }
        free(fact->bytes);
        fact->bytes = NULL;
    }
}

static void embedded_finish_ops(struct embedded *embedded, struct piece *piece) {
    struct log_op *op = piece->ops;
    while (op != NULL) {
        struct log_op *next = op->next;
        op->next = NULL;
        if (piece->again && !embedded->log.closed) {
            *embedded->queue_end = op; /* behind the appends that came meanwhile */
            embedded->queue_end = &op->next;
        } else {
            log_op_finish(op);
        }
        op = next;
    }
}

static void embedded_after_work(uv_work_t *work, int status) {
    struct embedded *embedded = work->data;
    ensure(status == 0); /* nothing here cancels */
    struct piece piece = embedded->piece;
    embedded->newest = piece.newest;
    embedded->mark = piece.mark;
    embedded->file_bytes_n = piece.file_bytes_n;
    /* Callbacks may close the log: `working` keeps the struct until the end of this function. */
    embedded_judge(embedded, &piece);
    embedded_deliver(embedded, &piece);
    embedded_finish_ops(embedded, &piece);
    embedded->working = false;
    if (embedded->log.closed) {
        embedded_free_when_gone(embedded);
    } else {
        embedded_turn(embedded);
    }
}

/* The appends at the head of the queue, or the one other op there. */
static struct log_op *embedded_take_ops(struct embedded *embedded) {
    struct log_op *first = embedded->queue;
    if (first == NULL) {
        return NULL;
    }
    struct log_op *last = first;
    size_t bytes_n = first->size;
    for (int n = 1;
         first->kind == OP_APPEND && last->next != NULL && last->next->kind == OP_APPEND &&
         n < PIECE_APPENDS_MAX && bytes_n + last->next->size <= PIECE_BYTES_MAX;
         n++) {
        last = last->next;
        bytes_n += last->size;
    }
    embedded->queue = last->next;
    if (embedded->queue == NULL) {
        embedded->queue_end = &embedded->queue;
    }
    last->next = NULL;
    return first;
}

/* Starts the next piece of work when there is any. Calls nobody back. */
static void embedded_kick(struct embedded *embedded) {
    struct log *log = &embedded->log;
    if (embedded->working || log->closed || !embedded->started) {
        return;
    }
    struct piece *piece = &embedded->piece;
    memset(piece, 0, sizeof(*piece));
    piece->ops = embedded_take_ops(embedded);
    piece->probe = embedded->probe_wanted;
    piece->probe_size = embedded->sick_size;
    embedded->probe_wanted = false;
    bool reads = embedded->next > embedded->mark && !log->went_back && !embedded->broken;
    bool behind = reads && embedded->next <= embedded->newest;
    piece->read_from = reads ? embedded->next : 0;
    /* A read that failed waits for the next tick's probe instead of spinning. */
    if (piece->ops == NULL && !piece->probe && (!behind || embedded->sick)) {
        return;
    }
    embedded->working = true;
    embedded->work_began_ms = uv_now(log->loop);
    embedded->work.data = embedded;
    int failed = uv_queue_work(log->loop, &embedded->work, embedded_work, embedded_after_work);
    ensure(failed == 0);
}

static void embedded_turn(struct embedded *embedded) {
    if (embedded->next != 0 && embedded->next <= embedded->mark) {
        embedded->next = 0; /* the caller subscribes again, behind the snapshot */
        log_tell_compacted(&embedded->log, embedded->mark + 1);
    }
    embedded_kick(embedded);
}

static void embedded_on_tick(uv_timer_t *timer) {
    struct embedded *embedded = timer->data;
    struct log *log = &embedded->log;
    if (!embedded->working) {
        embedded->probe_wanted = embedded->sick;
        embedded_turn(embedded);
    } else if (uv_now(log->loop) - embedded->work_began_ms >= LOG_PATIENCE_MS) {
        text_say(&embedded->why, "the disk has not answered for %d ms", LOG_PATIENCE_MS);
        log_tell_reachable(log, false);
    }
}

static void embedded_drop_queue(struct embedded *embedded, enum err err) {
    while (embedded->queue != NULL) {
        struct log_op *op = embedded->queue;
        embedded->queue = op->next;
        op->err = err;
        log_op_finish(op);
    }
    embedded->queue_end = &embedded->queue;
}

/* Is this the log that this member knows? */
static void embedded_start(struct embedded *embedded) {
    struct log *log = &embedded->log;
    struct text256 why = {0};
    embedded->started = true;
    if (log->memory.cluster_id != 0 && log->memory.cluster_id != embedded->db.cluster_id) {
        text_say(&why, "%s is another log: its id is %llu, this member knows %llu", embedded->path,
                 (unsigned long long)embedded->db.cluster_id,
                 (unsigned long long)log->memory.cluster_id);
    } else if (embedded->newest < log->memory.highest_index) {
        text_say(&why, "%s ends at fact %llu, this member has seen fact %llu", embedded->path,
                 (unsigned long long)embedded->newest,
                 (unsigned long long)log->memory.highest_index);
    }
    if (embedded->other_history) {
        text_say(&why, "%s holds another fact at index %llu than this member has seen there",
                 embedded->path, (unsigned long long)log->memory.highest_index);
    }
    if (why.at[0] != '\0') {
        embedded->why = why;
        log_tell_went_back(log, why.at);
        embedded_drop_queue(embedded, ERR_WENT_BACK);
        return;
    }
    log->memory.cluster_id = embedded->db.cluster_id;
    log_tell_reachable(log, true);
}

static void embedded_on_soon(uv_timer_t *timer) {
    struct embedded *embedded = timer->data;
    if (!embedded->started) {
        embedded_start(embedded);
    }
    if (!embedded->log.closed && !embedded->working) {
        embedded_turn(embedded);
    }
}

static void embedded_subscribe(struct log *log, uint64_t from) {
    struct embedded *embedded = (struct embedded *)log;
    embedded->next = from;
    int failed = uv_timer_start(&embedded->soon, embedded_on_soon, 0, 0);
    ensure(failed == 0);
}

static void embedded_submit(struct log *log, struct log_op *op) {
    struct embedded *embedded = (struct embedded *)log;
    if (op->kind == OP_HEAD && embedded->started) {
        op->index = embedded->newest; /* all that was ever acknowledged: no need for the disk */
        log_op_finish_later(op);
        return;
    }
    op->next = NULL;
    *embedded->queue_end = op;
    embedded->queue_end = &op->next;
    embedded_kick(embedded);
}

static void embedded_close(struct log *log) {
    struct embedded *embedded = (struct embedded *)log;
    embedded_drop_queue(embedded, ERR_CLOSED);
    embedded->handles_n = 3;
    uv_close((uv_handle_t *)&embedded->tick, embedded_on_closed);
    uv_close((uv_handle_t *)&embedded->soon, embedded_on_closed);
    uv_close((uv_handle_t *)&log->later, embedded_on_closed);
}

static void embedded_describe(const struct log *log, char *out, size_t out_size) {
    const struct embedded *embedded = (const struct embedded *)log;
    const char *state = log->went_back ? "went back: " : !log->reachable ? "not writable: " : "ok";
    (void)text_format(
        out, out_size, "embedded %s, newest fact %llu, compacted to %llu, %llu KiB, %s%s",
        embedded->path, (unsigned long long)embedded->newest, (unsigned long long)embedded->mark,
        (unsigned long long)(embedded->file_bytes_n / 1024), state,
        log->reachable && !log->went_back ? "" : embedded->why.at);
}

static const struct log_engine embedded_engine = {
    .name = "embedded",
    .subscribe = embedded_subscribe,
    .submit = embedded_submit,
    .close = embedded_close,
    .describe = embedded_describe,
};

enum err embedded_open(uv_loop_t *loop, const struct log_config *config,
                       const struct log_memory *memory, const struct log_events *events,
                       struct log **ret_log, struct text256 *reterr) {
    if (config->path == NULL || config->path[0] == '\0') {
        text_say(reterr, "engine embedded: path is missing; expected the database file");
        return ERR_CONFIG;
    }
    struct embedded *embedded = calloc(1, sizeof(*embedded));
    if (embedded == NULL) {
        return ERR_NO_MEMORY;
    }
    if (!text_copy(embedded->path, sizeof(embedded->path), config->path)) {
        text_say(reterr, "engine embedded: path is longer than %zu", sizeof(embedded->path) - 1);
        free(embedded);
        return ERR_CONFIG;
    }
    enum err err = db_open(&embedded->db, config->path, reterr);
    if (err != ERR_OK) {
        free(embedded);
        return err;
    }
    char key[FACT_KEY_SIZE];
    embedded->newest = embedded->db.newest;
    embedded->mark = embedded->db.mark;
    embedded->queue_end = &embedded->queue;
    log_begin(&embedded->log, &embedded_engine, loop, memory, events);
    embedded->other_history = /* the worker does not have the database yet */
        db_key_at(&embedded->db, memory->highest_index, key) == ERR_OK &&
        log_contradicts(&embedded->log, memory->highest_index, key);
    int failed = uv_timer_init(loop, &embedded->tick) | uv_timer_init(loop, &embedded->soon);
    ensure(failed == 0);
    embedded->tick.data = embedded->soon.data = embedded;
    failed = uv_timer_start(&embedded->tick, embedded_on_tick, LOG_TICK_MS, LOG_TICK_MS) |
             uv_timer_start(&embedded->soon, embedded_on_soon, 0, 0);
    ensure(failed == 0);
    *ret_log = &embedded->log;
    return ERR_OK;
}
