/* The part that both engines share: calls become ops, ops are answered once, events stop at
 * close. */
#include "coordinator/log/log.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/log/engine.h"

enum err log_open(uv_loop_t *loop, const struct log_config *config, const struct log_memory *memory,
                  const struct log_events *events, struct log **ret_log, struct text256 *reterr) {
    ensure(loop != NULL && config != NULL && memory != NULL && events != NULL);
    ensure(events->on_fact != NULL && events->on_compacted != NULL);
    ensure(events->on_reachable != NULL && events->on_went_back != NULL);
    if (config->engine != NULL && text_equal(config->engine, "embedded")) {
        return embedded_open(loop, config, memory, events, ret_log, reterr);
    }
    if (config->engine != NULL && text_equal(config->engine, "etcd")) {
        return etcd_open(loop, config, memory, events, ret_log, reterr);
    }
    text_say(reterr, "engine: \"%s\" is not known; expected \"embedded\" or \"etcd\"",
             config->engine == NULL ? "" : config->engine);
    return ERR_CONFIG;
}

static void log_on_later(uv_timer_t *timer) {
    struct log *log = timer->data;
    struct log_op *op = log->known;
    log->known = NULL;
    /* A callback may close the log: the ops stay valid until the handles are gone, and answered
     * ones are only freed. */
    while (op != NULL) {
        struct log_op *next = op->next;
        log_op_finish(op);
        op = next;
    }
}

void log_begin(struct log *log, const struct log_engine *engine, uv_loop_t *loop,
               const struct log_memory *memory, const struct log_events *events) {
    log->engine = engine;
    log->loop = loop;
    log->events = *events;
    log->memory = *memory;
    log->seen = memory->highest_index;
    int failed = uv_timer_init(loop, &log->later);
    ensure(failed == 0);
    log->later.data = log;
}

static void op_answer(struct log_op *op, enum err err) {
    if (op->answered) {
        return;
    }
    op->answered = true;
    bool ok = err == ERR_OK;
    switch (op->kind) {
    case OP_APPEND:
        if (ok) {
            log_saw(op->log, op->index);
        }
        op->done.appended(op->owner, err, ok ? op->index : 0, ok && op->existed);
        return;
    case OP_HEAD: op->done.head(op->owner, err, ok ? op->index : 0); return;
    case OP_LOAD:
        op->done.loaded(op->owner, err, ok ? op->index : 0, ok ? op->bytes : NULL,
                        ok ? op->size : 0);
        return;
    case OP_STORE:
    case OP_COMPACT: op->done.plain(op->owner, err); return;
    }
    ensure(false);
}

void log_op_finish(struct log_op *op) {
    struct log *log = op->log;
    if (op->before != NULL) {
        op->before->after = op->after;
    } else {
        log->ops = op->after;
    }
    if (op->after != NULL) {
        op->after->before = op->before;
    }
    ensure(log->ops_n > 0);
    log->ops_n--;
    op->before = op->after = NULL;
    op_answer(op, op->err);
    free(op->bytes);
    free(op->engine_data);
    free(op);
}

void log_op_finish_later(struct log_op *op) {
    struct log *log = op->log;
    struct log_op **end = &log->known;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    op->next = NULL;
    *end = op;
    int failed = uv_timer_start(&log->later, log_on_later, 0, 0);
    ensure(failed == 0 || log->closed);
}

void log_close(struct log *log) {
    if (log == NULL) {
        return;
    }
    ensure(!log->closed);
    log->closed = true;
    /* Answer in the order of the calls: the list is newest first, so walk from its end. An op is
     * freed by whoever holds it (perhaps a worker, now); here it is only answered. */
    struct log_op *op = log->ops;
    while (op != NULL && op->after != NULL) {
        op = op->after;
    }
    for (; op != NULL; op = op->before) {
        op_answer(op, ERR_CLOSED);
    }
    struct log_op *known = log->known;
    log->known = NULL;
    while (known != NULL) {
        struct log_op *next = known->next;
        log_op_finish(known);
        known = next;
    }
    log->engine->close(log);
}

void log_subscribe(struct log *log, uint64_t from) {
    ensure(log != NULL);
    if (!log->closed && !log->went_back) {
        log->engine->subscribe(log, from == 0 ? 1 : from);
    }
}

/* NULL when the log is being closed: whoever calls from a CLOSED callback gets no second answer. */
static struct log_op *op_new(struct log *log, enum log_op_kind kind, void *owner) {
    ensure(log != NULL);
    if (log->closed) {
        return NULL;
    }
    struct log_op *op = calloc(1, sizeof(*op));
    ensure(op != NULL);
    op->log = log;
    op->kind = kind;
    op->owner = owner;
    op->after = log->ops;
    if (op->after != NULL) {
        op->after->before = op;
    }
    log->ops = op;
    log->ops_n++;
    if (log->ops_n > LOG_OPS_MAX) {
        op->err = ERR_BUSY;
    } else if (log->went_back) {
        op->err = ERR_WENT_BACK;
    }
    return op;
}

static void op_submit(struct log_op *op) {
    if (op->err != ERR_OK) {
        log_op_finish_later(op);
    } else {
        op->log->engine->submit(op->log, op);
    }
}

static void op_take_bytes(struct log_op *op, const uint8_t *bytes, size_t size, size_t size_max) {
    ensure(bytes != NULL || size == 0);
    if (op->err != ERR_OK) {
        return;
    }
    if (size > size_max) {
        op->err = ERR_TOO_BIG;
        return;
    }
    op->bytes = malloc(size == 0 ? 1 : size);
    if (op->bytes == NULL) {
        op->err = ERR_NO_MEMORY;
        return;
    }
    if (size > 0) {
        memcpy(op->bytes, bytes, size);
    }
    op->size = size;
}

/* Keys travel in URLs' neighbours, JSON and SQL: printable ASCII keeps every engine's order and
 * equality the same. */
static bool key_is_good(const char *key) {
    size_t n = strnlen(key, FACT_KEY_SIZE);
    if (n == 0 || n >= FACT_KEY_SIZE) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (key[i] <= ' ' || key[i] > '~') {
            return false;
        }
    }
    return true;
}

void log_append(struct log *log, const char *key, const uint8_t *bytes, size_t size, void *owner,
                void (*done)(void *owner, enum err err, uint64_t index, bool existed)) {
    ensure(key != NULL && done != NULL && key_is_good(key));
    struct log_op *op = op_new(log, OP_APPEND, owner);
    if (op != NULL) {
        bool whole = text_copy(op->key, sizeof(op->key), key);
        ensure(whole);
        op_take_bytes(op, bytes, size, FACT_BYTES_MAX);
        op->done.appended = done;
        op_submit(op);
    }
}

void log_head(struct log *log, void *owner,
              void (*done)(void *owner, enum err err, uint64_t index)) {
    ensure(done != NULL);
    struct log_op *op = op_new(log, OP_HEAD, owner);
    if (op != NULL) {
        op->done.head = done;
        op_submit(op);
    }
}

void log_snapshot_store(struct log *log, uint64_t index, const uint8_t *bytes, size_t size,
                        void *owner, void (*done)(void *owner, enum err err)) {
    ensure(done != NULL);
    struct log_op *op = op_new(log, OP_STORE, owner);
    if (op != NULL) {
        op->index = index;
        op_take_bytes(op, bytes, size, SNAPSHOT_BYTES_MAX);
        op->done.plain = done;
        op_submit(op);
    }
}

void log_snapshot_load(struct log *log, void *owner,
                       void (*done)(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                                    size_t size)) {
    ensure(done != NULL);
    struct log_op *op = op_new(log, OP_LOAD, owner);
    if (op != NULL) {
        op->done.loaded = done;
        op_submit(op);
    }
}

void log_compact(struct log *log, uint64_t index, void *owner,
                 void (*done)(void *owner, enum err err)) {
    ensure(done != NULL);
    struct log_op *op = op_new(log, OP_COMPACT, owner);
    if (op != NULL) {
        op->index = index;
        op->done.plain = done;
        op_submit(op);
    }
}

struct log_memory log_memory_now(const struct log *log) {
    ensure(log != NULL);
    return log->memory;
}

void log_describe(const struct log *log, char *out, size_t out_size) {
    ensure(log != NULL && out != NULL && out_size > 0);
    log->engine->describe(log, out, out_size);
}

/* FNV-1a, 64 bits; never 0. Tells histories apart by accident, not by malice. */
static uint64_t key_hash(const char *key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key != '\0'; key++) {
        hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    }
    return hash == 0 ? 1 : hash;
}

void log_saw(struct log *log, uint64_t index) {
    if (index > log->seen) {
        log->seen = index;
    }
}

bool log_contradicts(const struct log *log, uint64_t index, const char *key) {
    const struct log_memory *memory = &log->memory;
    return index == memory->highest_index && memory->highest_key != 0 &&
           memory->highest_key != key_hash(key);
}

void log_tell_fact(struct log *log, uint64_t index, const char *key, const uint8_t *bytes,
                   size_t size) {
    if (!log->closed && !log->went_back) {
        log_saw(log, index);
        if (index > log->memory.highest_index) {
            log->memory.highest_index = index;
            log->memory.highest_key = key_hash(key);
        }
        log->events.on_fact(log->events.owner, index, key, bytes, size);
    }
}

void log_tell_compacted(struct log *log, uint64_t first) {
    if (!log->closed && !log->went_back) {
        log->events.on_compacted(log->events.owner, first);
    }
}

void log_tell_reachable(struct log *log, bool reachable) {
    if (log->closed || log->went_back || (log->reachable_told && log->reachable == reachable)) {
        return;
    }
    log->reachable = reachable;
    log->reachable_told = true;
    log->events.on_reachable(log->events.owner, reachable);
}

void log_tell_went_back(struct log *log, const char *why) {
    if (!log->closed && !log->went_back) {
        log->went_back = true;
        log->events.on_went_back(log->events.owner, why);
    }
}
