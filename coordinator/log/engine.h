/* engine: what log.c and the engines behind it share; nobody else includes this.
 *
 * A call of log.h becomes one struct log_op. The engine that takes it finishes it exactly once on
 * the loop, never from inside submit(). Ops are bounded by LOG_OPS_MAX. */
#ifndef DROVER_LOG_ENGINE_H
#define DROVER_LOG_ENGINE_H

#include "coordinator/log/log.h"

#define LOG_OPS_MAX 1024     /* unanswered calls; more are answered BUSY */
#define LOG_PATIENCE_MS 3000 /* silence of the engine before it counts as unreachable */
#define LOG_TICK_MS 500      /* how often patience and recovery are looked at */
#define LOG_TIMEOUT_MS 2000  /* of one call, when the configuration says 0 */

enum log_op_kind { OP_APPEND, OP_HEAD, OP_STORE, OP_LOAD, OP_COMPACT };

struct log_op {
    struct log_op *next;           /* the engine's queue */
    struct log_op *before, *after; /* every unanswered op of this log */
    struct log *log;
    enum log_op_kind kind;
    bool answered; /* the caller knows already (log_close); only memory is left to free */
    char key[FACT_KEY_SIZE];
    uint8_t *bytes; /* owned: what to append or store, or what was loaded */
    size_t size;
    uint64_t index; /* asked for, or the result */
    bool existed;
    enum err err;
    void *engine_data; /* owned: the engine's notes about this op, or NULL */
    void *owner;
    union {
        void (*appended)(void *owner, enum err err, uint64_t index, bool existed);
        void (*head)(void *owner, enum err err, uint64_t index);
        void (*plain)(void *owner, enum err err); /* store, compact */
        void (*loaded)(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                       size_t size);
    } done;
};

struct log_engine {
    const char *name;
    void (*subscribe)(struct log *log, uint64_t from);
    /* Takes the op; finishes it later with log_op_finish. */
    void (*submit)(struct log *log, struct log_op *op);
    /* All ops are answered already. Closes every handle, log->later too, and frees the engine when
     * nothing of it is left in the loop. */
    void (*close)(struct log *log);
    void (*describe)(const struct log *log, char *out, size_t out_size);
};

/* The first member of each engine's own struct. */
struct log {
    const struct log_engine *engine;
    uv_loop_t *loop;
    struct log_events events;
    struct log_memory memory; /* the newest fact delivered; at first what the caller remembers */
    uint64_t seen;        /* the newest index that any answer named: the log ends there or later */
    uv_timer_t later;     /* runs results that were known at once */
    struct log_op *known; /* ... in order of the calls */
    struct log_op *ops;   /* every op, newest first */
    uint32_t ops_n;
    bool closed;    /* log_close was called: no event leaves any more */
    bool went_back; /* on_went_back was called: nothing is delivered any more */
    bool reachable, reachable_told;
};

enum err embedded_open(uv_loop_t *loop, const struct log_config *config,
                       const struct log_memory *memory, const struct log_events *events,
                       struct log **ret_log, struct text256 *reterr) ERR_CHECKED;
enum err etcd_open(uv_loop_t *loop, const struct log_config *config,
                   const struct log_memory *memory, const struct log_events *events,
                   struct log **ret_log, struct text256 *reterr) ERR_CHECKED;

/* Fills the common part of a zeroed engine. */
void log_begin(struct log *log, const struct log_engine *engine, uv_loop_t *loop,
               const struct log_memory *memory, const struct log_events *events);

/* Calls back with op->err and the result, then frees the op. */
void log_op_finish(struct log_op *op);
/* The same in the loop's next turn: for what submit() knows at once. */
void log_op_finish_later(struct log_op *op);

/* Events; all are silent after log_close and after went_back. on_reachable is told by change
 * only. */
void log_tell_fact(struct log *log, uint64_t index, const char *key, const uint8_t *bytes,
                   size_t size);
void log_tell_compacted(struct log *log, uint64_t first);
void log_tell_reachable(struct log *log, bool reachable);
void log_tell_went_back(struct log *log, const char *why);

/* A fact is said to stand at index: the log may never again end before it. It moves `seen` alone.
 * The memory moves with delivered facts only: what stands at a newer index says nothing of whether
 * the history up to it is the one that this member knows. */
void log_saw(struct log *log, uint64_t index);
/* True when this member has seen a fact of another key at that index. */
bool log_contradicts(const struct log *log, uint64_t index, const char *key);

#endif
