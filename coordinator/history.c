/* The chain is made on the loop, so that its head is known at once (snapshots carry it); the
 * rows go to SQLite on a worker thread, in order, a batch at a time. */
#include "coordinator/history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "common/io/sign.h"
#include "coordinator/history_parts.h"
#include "coordinator/member.h"

#define PENDING_MAX 8192 /* rows; beyond, a stuck disk costs records, never memory */
#define BATCH_MAX 512
#define ROW_BYTES_MAX 1024
#define ELECTIONS_PENDING_MAX 16

struct history {
    struct history_store *store;
    struct core before; /* as after the last fact told */
    uint64_t height;
    uint8_t head[DIGEST_SIZE];
    struct history_row *pending; /* ring of PENDING_MAX */
    size_t pending_first, pending_n;
    uint64_t lost_n;
    struct history_election elections[ELECTIONS_PENDING_MAX]; /* oldest first */
    size_t elections_n;
    bool anchor_due; /* the next batch begins with an anchor */
    uint64_t anchor_height;
    uint8_t anchor_head[DIGEST_SIZE];

    uv_work_t work;
    uv_mutex_t lock; /* work_running only */
    uv_cond_t idle;
    bool work_queued, work_running;
    bool closed; /* the last callback frees */
    struct history_row *batch;
    size_t batch_n;
    struct history_election batch_elections[ELECTIONS_PENDING_MAX];
    size_t batch_elections_n;
    bool batch_anchors;
    enum err batch_err;
    struct text256 batch_why;
    struct text256 trouble;
    bool trouble_stays; /* the chain itself does not fit: no later success takes that back */
};

void history_row_digest(const uint8_t before[DIGEST_SIZE], const struct history_row *row,
                        uint8_t ret_digest[DIGEST_SIZE]) {
    uint8_t buffer[ROW_BYTES_MAX];
    struct bytes_out bytes = bytes_writer(buffer, sizeof buffer);
    bytes_put_raw(&bytes, before, DIGEST_SIZE);
    bytes_put_text(&bytes, "drover/history/v1");
    bytes_put_u64(&bytes, row->height);
    bytes_put_u64(&bytes, row->index);
    bytes_put_u64(&bytes, row->wall_ms);
    bytes_put_u64(&bytes, row->core_ms);
    bytes_put_u64(&bytes, row->execution);
    bytes_put_u64(&bytes, (uint64_t)row->ms);
    bytes_put_u64(&bytes, (uint64_t)row->bytes);
    bytes_put_u16(&bytes, row->rule);
    bytes_put_u8(&bytes, row->result);
    bytes_put_text(&bytes, row->kind);
    bytes_put_text(&bytes, row->subject);
    bytes_put_text(&bytes, row->text);
    if (row->work[0] != '\0') { /* records of before it was kept have none */
        bytes_put_text(&bytes, row->plan);
        bytes_put_text(&bytes, row->work);
        bytes_put_u8(&bytes, row->end);
        bytes_put_u8(&bytes, row->how);
    }
    ensure(!bytes.failed);
    digest_sha256(buffer, bytes.used, ret_digest);
}

/* ------------------------------------------------------------------ open, close */

static void say_trouble(struct history *history, bool stays, const char *text) {
    if (!history->trouble_stays) {
        (void)text_copy(history->trouble.at, sizeof history->trouble.at, text);
        history->trouble_stays = stays;
    }
}

static void history_free(struct history *history) {
    history_store_close(history->store);
    uv_mutex_destroy(&history->lock);
    uv_cond_destroy(&history->idle);
    free(history->pending);
    free(history->batch);
    free(history);
}

enum err history_open(const char *directory, struct history **ret_history, struct text256 *reterr) {
    struct history *history = calloc(1, sizeof *history);
    if (history == NULL) {
        return ERR_NO_MEMORY;
    }
    history->pending = calloc(PENDING_MAX, sizeof *history->pending);
    history->batch = calloc(BATCH_MAX, sizeof *history->batch);
    int lock = uv_mutex_init(&history->lock);
    int idle = uv_cond_init(&history->idle);
    ensure(lock == 0 && idle == 0);
    enum err err = history->pending == NULL || history->batch == NULL
                       ? ERR_NO_MEMORY
                       : history_store_open(directory, &history->store, reterr);
    if (err != ERR_OK) {
        history_free(history);
        return err;
    }
    core_init(&history->before);
    uint64_t wrong = 0;
    struct text256 why, text;
    if (history_store_verify(history->store, &wrong, &why) != ERR_OK) {
        text_say(&text, "could not be read to be verified: %s", why.at);
        say_trouble(history, false, text.at);
    } else if (wrong != 0) {
        text_say(&text, "record %" PRIu64 " of the history does not fit the chain: it was altered",
                 wrong);
        say_trouble(history, true, text.at);
    }
    *ret_history = history;
    return ERR_OK;
}

/* ------------------------------------------------------------ the worker's side */

static void batch_take(struct history *history) {
    history->batch_n = 0;
    while (history->pending_n > 0 && history->batch_n < BATCH_MAX) {
        history->batch[history->batch_n++] = history->pending[history->pending_first];
        history->pending_first = (history->pending_first + 1) % PENDING_MAX;
        history->pending_n--;
    }
    memcpy(history->batch_elections, history->elections, sizeof history->elections);
    history->batch_elections_n = history->elections_n;
    history->elections_n = 0;
    history->batch_anchors = history->anchor_due;
    history->anchor_due = false;
}

static bool batch_is_empty(const struct history *history) {
    return history->batch_n == 0 && history->batch_elections_n == 0;
}

static void batch_write(struct history *history) {
    enum err err =
        history_elections_write(history_store_elections(history->store), history->batch_elections,
                                history->batch_elections_n, &history->batch_why);
    if (err == ERR_OK) {
        history->batch_elections_n = 0;
    }
    if (err == ERR_OK && history->batch_anchors) {
        err = history_store_anchor(history->store, history->anchor_height, history->anchor_head,
                                   &history->batch_why);
    }
    if (err == ERR_OK) {
        err = history_store_write(history->store, history->batch, history->batch_n,
                                  &history->batch_why);
    }
    history->batch_err = err;
}

static void batch_settle(struct history *history) {
    if (history->batch_err == ERR_OK) {
        if (history->lost_n == 0 && !history->trouble_stays) {
            history->trouble.at[0] = '\0';
        }
        history->batch_n = 0;
        history->batch_anchors = false;
        return;
    }
    /* Another record stands at that height: kept as it is, told, not tried again. */
    bool differs = history->batch_err == ERR_EXISTS;
    say_trouble(history, differs, history->batch_why.at);
    if (differs) {
        history->batch_n = 0;
        history->batch_anchors = false;
    }
}

static void on_work(uv_work_t *work) {
    struct history *history = work->data;
    batch_write(history);
    uv_mutex_lock(&history->lock);
    history->work_running = false;
    uv_cond_signal(&history->idle);
    uv_mutex_unlock(&history->lock);
}

static void work_start(struct history *history, uv_loop_t *loop);

static void on_worked(uv_work_t *work, int status) {
    struct history *history = work->data;
    uv_loop_t *loop = work->loop;
    (void)status;
    history->work_queued = false;
    if (history->closed) {
        history_free(history);
        return;
    }
    batch_settle(history);
    /* After a failure the same batch waits for the next fact, rather than hammering a full disk. */
    if (batch_is_empty(history) && (history->pending_n > 0 || history->elections_n > 0)) {
        work_start(history, loop);
    }
}

static void work_start(struct history *history, uv_loop_t *loop) {
    if (history->work_queued) {
        return;
    }
    if (batch_is_empty(history) && !history->batch_anchors) {
        batch_take(history);
    }
    history->work.data = history;
    history->work_queued = true;
    history->work_running = true;
    int rc = uv_queue_work(loop, &history->work, on_work, on_worked);
    ensure(rc == 0);
}

void history_close(struct history *history) {
    if (history == NULL) {
        return;
    }
    uv_mutex_lock(&history->lock);
    while (history->work_running) {
        uv_cond_wait(&history->idle, &history->lock);
    }
    uv_mutex_unlock(&history->lock);
    if (history->work_queued) {
        batch_settle(history);
    }
    enum err err = ERR_OK;
    while (err == ERR_OK &&
           (!batch_is_empty(history) || history->pending_n > 0 || history->elections_n > 0)) {
        if (batch_is_empty(history)) {
            batch_take(history);
        }
        batch_write(history);
        err = history->batch_err;
        batch_settle(history);
    }
    history->closed = true;
    if (!history->work_queued) {
        history_free(history);
    }
}

/* -------------------------------------------------------------- the loop's side */

/* Where a row goes, and the state that it tells of. */
struct adding {
    struct history *history;
    const struct core *after;
};

/* What is told of an exercise can never be taken for the real thing. */
static void row_mark(const struct core *after, struct history_row *row) {
    const struct execution *of = core_execution(after, row->execution);
    char text[HISTORY_TEXT_SIZE];
    if (of != NULL && of->kind == PLAN_DRILL) {
        (void)text_copy(text, sizeof text, row->text);
        (void)text_format(row->text, sizeof row->text, "DRILL  %s", text);
    }
}

static void row_add(void *owner, struct history_row *row) {
    const struct adding *adding = owner;
    struct history *history = adding->history;
    uint8_t digest[DIGEST_SIZE];
    row_mark(adding->after, row);
    row->height = history->height + 1;
    history_row_digest(history->head, row, digest);
    memcpy(row->digest, digest, DIGEST_SIZE);
    memcpy(history->head, digest, DIGEST_SIZE);
    history->height = row->height;
    if (history->pending_n == PENDING_MAX) {
        struct text256 text;
        history->lost_n++;
        text_say(&text, "the disk is too slow or full: %" PRIu64 " records were not written: %s",
                 history->lost_n, history->batch_why.at);
        say_trouble(history, false, text.at);
        return;
    }
    history->pending[(history->pending_first + history->pending_n) % PENDING_MAX] = *row;
    history->pending_n++;
}

void history_fact(struct history *history, const struct coordinator *member,
                  const struct fact *fact, const struct message *message,
                  const struct verdict *verdict, const char *comment) {
    struct adding adding = {history, &member->core};
    struct telling telling = {.before = &history->before,
                              .after = &member->core,
                              .topology = member->topology,
                              .fact = fact,
                              .message = message,
                              .verdict = verdict,
                              .comment = comment,
                              .owner = &adding,
                              .emit = row_add};
    telling_fact(&telling);
    telling_changes(&telling);
    history->before = member->core;
    if (history->pending_n > 0 || history->elections_n > 0 || !batch_is_empty(history)) {
        work_start(history, member->loop);
    }
}

void history_election(struct history *history, const struct coordinator *member,
                      const struct history_election *election) {
    if (history->elections_n == ELECTIONS_PENDING_MAX) {
        memmove(&history->elections[0], &history->elections[1],
                (ELECTIONS_PENDING_MAX - 1) * sizeof history->elections[0]);
        history->elections_n--;
    }
    history->elections[history->elections_n++] = *election;
    work_start(history, member->loop);
}

void history_elections(struct history *history, void *owner,
                       void (*each)(void *owner, const struct history_election *election)) {
    struct text256 why, text;
    if (history_elections_each(history_store_elections(history->store), owner, each, &why) !=
        ERR_OK) {
        text_say(&text, "elections could not be read to their end: %s", why.at);
        say_trouble(history, false, text.at);
    }
}

void history_snapshot(struct history *history, const struct core *core, uint64_t height,
                      const uint8_t head[DIGEST_SIZE]) {
    history->before = *core;
    history->height = height;
    memcpy(history->head, head, DIGEST_SIZE);
    history->anchor_due = true;
    history->anchor_height = height;
    memcpy(history->anchor_head, head, DIGEST_SIZE);
}

void history_head(const struct history *history, uint64_t *ret_height,
                  uint8_t ret_head[DIGEST_SIZE]) {
    *ret_height = history->height;
    memcpy(ret_head, history->head, DIGEST_SIZE);
}

void history_each(struct history *history, uint64_t from, uint64_t execution, uint32_t most,
                  void *owner, bool (*each)(void *owner, const struct history_record *record)) {
    struct text256 why, text;
    if (history_store_each(history->store, from, execution, most, owner, each, &why) != ERR_OK) {
        text_say(&text, "could not be read to its end: %s", why.at);
        say_trouble(history, false, text.at);
    }
}

void history_runs(struct history *history, const char *work, uint32_t most, void *owner,
                  void (*each)(void *owner, const struct history_run *run)) {
    struct text256 why, text;
    if (work[0] != '\0' &&
        history_store_runs(history->store, work, most, owner, each, &why) != ERR_OK) {
        text_say(&text, "could not be read to its end: %s", why.at);
        say_trouble(history, false, text.at);
    }
}

uint64_t history_verify(struct history *history) {
    uint64_t wrong = 0;
    struct text256 why, text;
    if (history_store_verify(history->store, &wrong, &why) != ERR_OK) {
        text_say(&text, "could not be read to be verified: %s", why.at);
        say_trouble(history, false, text.at);
        return UINT64_MAX;
    }
    return wrong;
}

const char *history_trouble(const struct history *history) {
    return history->trouble.at;
}
