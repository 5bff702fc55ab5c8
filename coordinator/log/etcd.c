/* The etcd engine: open, append, head, health. Keys: etcd.h; why it is sound: docs/engine.md. */
#include "coordinator/log/etcd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/ensure.h"

static void op_end(struct etcd_call *call, enum err err) {
    call->op->err = err;
    log_op_finish(call->op);
}

/* ---- append ---- */

static void append_on_done(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct log_op *op = call->op;
    if (err == ERR_OK && answer->succeeded) {
        op->index = answer->revision;
    } else if (err == ERR_OK && answer->ranges_n == 1 && answer->range[0].n == 1 &&
               answer->range[0].at[0].create_revision > 0) {
        op->index = answer->range[0].at[0].create_revision;
        op->existed = true;
    } else if (err == ERR_OK) {
        call->etcd->malformed_n++;
        err = ERR_FORMAT;
    }
    op_end(call, err);
}

static void etcd_append(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, append_on_done);
    char rest[ETCD_KEY_SIZE], key[ETCD_KEY_SIZE], head[ETCD_KEY_SIZE];
    (void)text_format(rest, sizeof(rest), "fact/%s", op->key);
    etcd_key_of(etcd, rest, key);
    etcd_key_of(etcd, "head", head);
    struct etcd_text *body = &call->body;
    etcd_add(body, ETCD_TXN_COMPARE);
    etcd_add_absent(body, key);
    etcd_add(body, ETCD_TXN_SUCCESS);
    etcd_add_put(body, key, op->bytes, op->size);
    etcd_add(body, ",");
    etcd_add_put(body, head, (const uint8_t *)op->key, strlen(op->key));
    etcd_add(body, ETCD_TXN_FAILURE);
    etcd_add_range(body, &(struct etcd_range_wish){.key = key, .keys_only = true});
    etcd_add(body, ETCD_TXN_END);
    etcd_call_start(call);
}

/* ---- head ---- */

/* The mod revision of P head is the newest fact's index: both are put in one transaction. */
static enum err head_read(struct etcd_call *call, struct etcd_answer *answer, uint64_t *ret_head) {
    struct etcd *etcd = call->etcd;
    if (answer->ranges_n != 1 || answer->range[0].n > 1) {
        etcd->malformed_n++;
        return ERR_FORMAT;
    }
    uint64_t head = answer->range[0].n == 0 ? 0 : answer->range[0].at[0].mod_revision;
    if (head < call->floor) {
        struct text256 why;
        text_say(&why, "the newest fact is %llu, this member has seen fact %llu",
                 (unsigned long long)head, (unsigned long long)call->floor);
        etcd_went_back(etcd, why.at);
        return ERR_WENT_BACK;
    }
    if (head > 0) {
        const struct etcd_kv *kv = &answer->range[0].at[0];
        char key[FACT_KEY_SIZE] = "";
        if (kv->size < sizeof(key)) {
            memcpy(key, kv->size == 0 ? (const uint8_t *)"" : kv->value, kv->size);
        }
        if (log_contradicts(&etcd->log, head, key)) {
            etcd_other_history(etcd, head);
            return ERR_WENT_BACK;
        }
        log_saw(&etcd->log, head);
    }
    *ret_head = head;
    return ERR_OK;
}

static void head_on_done(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    if (err == ERR_OK) {
        err = head_read(call, answer, &call->op->index);
    }
    op_end(call, err);
}

static void poll_on_done(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    uint64_t head = 0;
    call->etcd->polling = false;
    if (err == ERR_OK) {
        err = head_read(call, answer, &head);
    }
    (void)err; /* patience counts the silence */
}

static void etcd_head(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call =
        etcd_call_new(etcd, op, ETCD_TXN_PATH, op == NULL ? poll_on_done : head_on_done);
    char head[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "head", head);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = head});
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

/* ---- health ---- */

static void status_on_done(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    (void)answer;
    call->etcd->status_asked = false;
    if (err != ERR_OK) {
        memset(&call->etcd->status, 0, sizeof(call->etcd->status));
    }
}

static void etcd_ask_status(struct etcd *etcd) {
    struct etcd_call *call = etcd_call_new(etcd, NULL, "/v3/maintenance/status", status_on_done);
    call->is_status = true;
    etcd_add(&call->body, "{}");
    etcd->status_asked = true;
    etcd_call_start(call);
}

/* The head is read each second whatever else goes on: it is the proof that the quorum answers, that
 * the log did not go back, and, when the watch has not brought what the head shows, that the watch
 * is dead. etcd's own progress notifications (every 10 minutes in 3.4) could not tell as much. */
static void etcd_on_tick(uv_timer_t *timer) {
    struct etcd *etcd = timer->data;
    uint64_t now_ms = uv_now(etcd->log.loop);
    if (etcd->log.went_back) {
        return;
    }
    if (!etcd->polling && now_ms - etcd->polled_ms >= ETCD_POLL_MS) {
        etcd->polling = true;
        etcd->polled_ms = now_ms;
        etcd_head(etcd, NULL);
    }
    if (!etcd->status_asked && now_ms - etcd->status_ms >= ETCD_STATUS_MS) {
        etcd->status_ms = now_ms;
        etcd_ask_status(etcd);
    }
    etcd_watch_tick(etcd);
    if (now_ms - etcd->answered_ms >= LOG_PATIENCE_MS) {
        log_tell_reachable(&etcd->log, false);
    }
}

/* ---- the engine's face ---- */

static void etcd_subscribe(struct log *log, uint64_t from) {
    etcd_watch_from((struct etcd *)log, from);
}

static void etcd_submit(struct log *log, struct log_op *op) {
    struct etcd *etcd = (struct etcd *)log;
    switch (op->kind) {
    case OP_APPEND: etcd_append(etcd, op); return;
    case OP_HEAD: etcd_head(etcd, op); return;
    case OP_STORE: etcd_snapshot_store(etcd, op); return;
    case OP_LOAD: etcd_snapshot_load(etcd, op); return;
    case OP_COMPACT: etcd_compact(etcd, op); return;
    }
    ensure(false);
}

static void etcd_on_closed(uv_handle_t *handle) {
    struct etcd *etcd = handle->data;
    ensure(etcd->handles_n > 0);
    if (--etcd->handles_n == 0) {
        free(etcd->watch.line);
        free(etcd);
    }
}

static void etcd_close(struct log *log) {
    struct etcd *etcd = (struct etcd *)log;
    etcd_watch_stop(etcd);
    etcd_calls_drop(etcd, ERR_CLOSED);
    http_close(etcd->http);
    etcd->handles_n = 3;
    uv_close((uv_handle_t *)&etcd->tick, etcd_on_closed);
    uv_close((uv_handle_t *)&etcd->retry, etcd_on_closed);
    uv_close((uv_handle_t *)&log->later, etcd_on_closed);
}

static void etcd_describe(const struct log *log, char *out, size_t out_size) {
    const struct etcd *etcd = (const struct etcd *)log;
    const struct etcd_status *status = &etcd->status;
    char health[200] = "status unknown";
    if (status->member_id != 0) {
        (void)text_format(
            health, sizeof(health), "%s %llx, leader %llx%s, db %llu KiB, %s%s", status->version,
            (unsigned long long)status->member_id, (unsigned long long)status->leader,
            status->leader == 0                   ? " (none)"
            : status->leader == status->member_id ? " (itself)"
                                                  : "",
            (unsigned long long)(status->db_size / 1024),
            status->errors.at[0] == '\0' ? "no alarms" : "ALARM: ", status->errors.at);
    }
    (void)text_format(out, out_size,
                      "etcd %s: %s; newest fact %llu; retries %llu, rewatches %llu,"
                      " malformed %llu, foreign %llu; %s%s",
                      etcd->endpoint[etcd->current], health, (unsigned long long)log->seen,
                      (unsigned long long)etcd->retries_n, (unsigned long long)etcd->rewatches_n,
                      (unsigned long long)etcd->malformed_n, (unsigned long long)etcd->foreign_n,
                      log->went_back   ? "went back: "
                      : log->reachable ? "ok"
                                       : "unreachable: ",
                      log->reachable && !log->went_back ? "" : etcd->why.at);
}

static const struct log_engine etcd_engine = {
    .name = "etcd",
    .subscribe = etcd_subscribe,
    .submit = etcd_submit,
    .close = etcd_close,
    .describe = etcd_describe,
};

/* ---- opening ---- */

static bool file_take(char *out, size_t out_size, const char *path, const char *field,
                      struct text256 *reterr) {
    if (path == NULL || !text_copy(out, out_size, path) || path[0] == '\0') {
        text_say(reterr, "engine etcd: %s is missing or longer than %zu", field, out_size - 1);
        return false;
    }
    if (access(path, R_OK) != 0) {
        text_say(reterr, "engine etcd: %s %s cannot be read", field, path);
        return false;
    }
    return true;
}

static bool prefix_take(struct etcd *etcd, const char *prefix, struct text256 *reterr) {
    size_t n = prefix == NULL ? 0 : strnlen(prefix, sizeof(etcd->prefix));
    bool good = n > 1 && n < sizeof(etcd->prefix) && prefix[n - 1] == '/';
    for (size_t i = 0; good && i < n; i++) {
        good = prefix[i] > ' ' && prefix[i] <= '~';
    }
    if (!good) {
        text_say(reterr,
                 "engine etcd: prefix \"%.100s\": expected 2 to %zu printable characters"
                 " that end with /",
                 prefix == NULL ? "" : prefix, sizeof(etcd->prefix) - 1);
        return false;
    }
    return text_copy(etcd->prefix, sizeof(etcd->prefix), prefix);
}

static bool config_take(struct etcd *etcd, const struct log_config *config,
                        struct text256 *reterr) {
    if (config->endpoints_n == 0 || config->endpoints_n > ETCD_ENDPOINTS_MAX) {
        text_say(reterr, "engine etcd: %u endpoints; expected 1 to %u", config->endpoints_n,
                 ETCD_ENDPOINTS_MAX);
        return false;
    }
    for (uint8_t i = 0; i < config->endpoints_n; i++) {
        const char *endpoint = config->endpoints[i];
        if (endpoint == NULL || !text_starts(endpoint, "https://") ||
            !text_copy(etcd->endpoint[i], sizeof(etcd->endpoint[i]), endpoint)) {
            text_say(reterr, "engine etcd: endpoint \"%.100s\": expected https://IP:PORT",
                     endpoint == NULL ? "" : endpoint);
            return false;
        }
        size_t n = strlen(etcd->endpoint[i]);
        if (etcd->endpoint[i][n - 1] == '/') {
            etcd->endpoint[i][n - 1] = '\0';
        }
    }
    etcd->endpoints_n = config->endpoints_n;
    etcd->timeout_ms = config->timeout_ms == 0 ? LOG_TIMEOUT_MS : config->timeout_ms;
    return prefix_take(etcd, config->prefix, reterr) &&
           file_take(etcd->ca_file, sizeof(etcd->ca_file), config->ca_file, "ca_file", reterr) &&
           file_take(etcd->cert_file, sizeof(etcd->cert_file), config->cert_file, "cert_file",
                     reterr) &&
           file_take(etcd->key_file, sizeof(etcd->key_file), config->key_file, "key_file", reterr);
}

enum err etcd_open(uv_loop_t *loop, const struct log_config *config,
                   const struct log_memory *memory, const struct log_events *events,
                   struct log **ret_log, struct text256 *reterr) {
    struct etcd *etcd = calloc(1, sizeof(*etcd));
    if (etcd == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err err = config_take(etcd, config, reterr) ? ERR_OK : ERR_CONFIG;
    if (err == ERR_OK) {
        err = http_open(loop, &etcd->http);
    }
    if (err != ERR_OK) {
        free(etcd);
        return err;
    }
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof(seed), 0);
    ensure(got == (ssize_t)sizeof(seed));
    rng_seed(&etcd->rng, seed);
    /* Members that start together do not all ask the same endpoint. */
    etcd->current = (uint8_t)rng_below(&etcd->rng, etcd->endpoints_n);
    etcd->watch.page_n = ETCD_PAGE_MAX;
    uv_update_time(loop);
    etcd->answered_ms = uv_now(loop);
    log_begin(&etcd->log, &etcd_engine, loop, memory, events);
    int failed = uv_timer_init(loop, &etcd->tick) | uv_timer_init(loop, &etcd->retry);
    ensure(failed == 0);
    etcd->tick.data = etcd->retry.data = etcd;
    failed = uv_timer_start(&etcd->tick, etcd_on_tick, 0, LOG_TICK_MS);
    ensure(failed == 0);
    *ret_log = &etcd->log;
    return ERR_OK;
}
