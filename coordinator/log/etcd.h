/* etcd: what the files of the etcd engine share.
 *
 * Keys under the prefix P (which ends with '/'):
 *   P fact/<key>   one fact; put once, if absent; its create revision is its index
 *   P head         rewritten with each fact, so its mod revision is the index of the newest fact,
 *   and
 *                  reading it needs one key however many facts there are; its value is that key
 *   P compacted    decimal: facts up to and with this index count as forgotten
 *   P snapshot     the commit record of the stored snapshot (24 bytes, etcd_store.c)
 *   P snapshot/<index>-<random>/<part>   its parts
 * */
#ifndef DROVER_ETCD_H
#define DROVER_ETCD_H

#include "common/base/rng.h"
#include "common/io/http.h"
#include "coordinator/log/engine.h"
#include "coordinator/log/etcd_json.h"

#define ETCD_PREFIX_SIZE 112
#define ETCD_ENDPOINTS_MAX 8
#define ETCD_ENDPOINT_SIZE 160
#define ETCD_FILE_SIZE 256
#define ETCD_POLL_MS 1000   /* between two looks at the head */
#define ETCD_STATUS_MS 5000 /* between two looks at size, leader, alarms */
#define ETCD_BEHIND_MS 1000 /* a fact is known and does not come: the watch is dead */
#define ETCD_RETRY_MIN_MS 20
#define ETCD_RETRY_MAX_MS 500
#define ETCD_ATTEMPT_MIN_MS 300
#define ETCD_ANSWER_MAX (8 * 1024 * 1024)
#define ETCD_LINE_MAX (4 * 1024 * 1024) /* etcd fragments at 1.5 MiB; base64 adds a third */
#define ETCD_PAGE_MAX 256               /* facts of one page of catching up ... */
#define ETCD_PAGE_MIN 16                /* ... halved down to this when a page is too big */

struct etcd;

/* One request, tried at one endpoint after the other until its deadline. */
struct etcd_call {
    struct etcd_call *next;
    struct etcd *etcd;
    struct log_op *op; /* whose answer it brings; NULL: our own business */
    const char *path;
    bool is_status; /* its answer is etcd_status, and says nothing about the quorum */
    struct etcd_text body;
    uint64_t deadline_ms; /* on the loop's clock */
    uint64_t floor;       /* the highest index known when the last try was sent */
    uint64_t retry_at_ms; /* 0: on its way */
    uint32_t tries_n;
    uint8_t endpoint; /* of the last try */
    struct http_call *http;
    enum err last_err;
    uint64_t tag, known; /* the caller's */
    /* Exactly once, unless the log is closed or went back: then op is answered for it. answer is
     * borrowed, and NULL when err is not OK. */
    void (*done)(struct etcd_call *call, enum err err, struct etcd_answer *answer);
};

enum etcd_watch_state {
    WATCH_IDLE,    /* not subscribed, or waiting for the caller after on_compacted */
    WATCH_READING, /* catching up, page by page */
    WATCH_OPENING, /* the stream was asked for */
    WATCH_OPEN,
    WATCH_WAITING /* until retry_at_ms, then READING */
};

struct etcd_watch {
    enum etcd_watch_state state;
    uint64_t generation; /* grows with each subscription and each new attempt: the old is stale */
    uint64_t next;       /* the next index to deliver */
    uint64_t since_ms;   /* of the state */
    uint64_t behind_since_ms; /* 0: nothing is known that has not come */
    uint64_t retry_at_ms;
    uint32_t failures_n;
    uint32_t page_n;
    struct http_call *http;
    uint8_t endpoint;
    uint8_t *line; /* what has come of the next line */
    size_t line_n, line_size;
};

struct etcd {
    struct log log; /* first */
    struct http *http;
    uv_timer_t tick, retry;
    uint8_t handles_n;
    char prefix[ETCD_PREFIX_SIZE];
    char endpoint[ETCD_ENDPOINTS_MAX][ETCD_ENDPOINT_SIZE];
    uint8_t endpoints_n, current;
    char ca_file[ETCD_FILE_SIZE], cert_file[ETCD_FILE_SIZE], key_file[ETCD_FILE_SIZE];
    uint32_t timeout_ms;
    struct rng rng;
    struct etcd_call *calls;
    struct etcd_watch watch;
    uint64_t answered_ms; /* when the quorum answered last */
    uint64_t polled_ms, status_ms;
    bool polling, status_asked;
    struct etcd_status status;
    uint8_t status_endpoint;
    uint64_t malformed_n, foreign_n, retries_n, rewatches_n;
    struct text256 why; /* the last failure */
};

/* ---- etcd_call.c ---- */

/* A call to be filled (body!) and handed to etcd_call_start. NULL: no memory. */
struct etcd_call *etcd_call_new(struct etcd *etcd, struct log_op *op, const char *path,
                                void (*done)(struct etcd_call *call, enum err err,
                                             struct etcd_answer *answer));
/* Takes the call. done comes later, never from inside. */
void etcd_call_start(struct etcd_call *call);
void etcd_calls_retry(struct etcd *etcd);
/* Ends all calls; their ops, if any, are answered with err. */
void etcd_calls_drop(struct etcd *etcd, enum err err);
/* The next endpoint, when `failed` is still the current one. */
void etcd_rotate(struct etcd *etcd, uint8_t failed);
/* True when the answer's cluster is ours; tells on_went_back otherwise. */
bool etcd_same_cluster(struct etcd *etcd, uint64_t cluster_id);
void etcd_went_back(struct etcd *etcd, const char *why);
void etcd_other_history(struct etcd *etcd, uint64_t index);
void etcd_key_of(const struct etcd *etcd, const char *rest, char ret_key[ETCD_KEY_SIZE]);
/* {"compare":[ ... ],"success":[ ... ],"failure":[ ... ]}: the words between the parts. */
#define ETCD_TXN_COMPARE "{\"compare\":["
#define ETCD_TXN_SUCCESS "],\"success\":["
#define ETCD_TXN_FAILURE "],\"failure\":["
#define ETCD_TXN_END "]}"
#define ETCD_TXN_PATH "/v3/kv/txn"

/* ---- etcd_watch.c ---- */

void etcd_watch_from(struct etcd *etcd, uint64_t from);
void etcd_watch_stop(struct etcd *etcd);
void etcd_watch_tick(struct etcd *etcd);
/* Adds two ranges: what is forgotten, and whether the newest fact that this member knows still
 * stands where it stood. Whoever reads or writes what the history decides asks in one state. */
void etcd_add_known(struct etcd *etcd, struct etcd_call *call);
/* Of these two ranges' answers. FORMAT; WENT_BACK, which was told. */
enum err etcd_check_known(const struct etcd_call *call, const struct etcd_kvs ranges[2],
                          uint64_t *ret_mark);

/* ---- etcd_store.c ---- */

void etcd_snapshot_store(struct etcd *etcd, struct log_op *op);
void etcd_snapshot_load(struct etcd *etcd, struct log_op *op);
void etcd_compact(struct etcd *etcd, struct log_op *op);
/* The index in the value of P compacted; 0 when there is none. False when it is no number. */
bool etcd_mark_read(const struct etcd_kvs *kvs, uint64_t *ret_mark);

#endif
