/* One request of the etcd engine: every endpoint in turn, with growing pauses, until the deadline.
 * An append is a transaction that does nothing the second time, so trying again is always
 * harmless. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/log/etcd.h"

/* Codes of gRPC that say more than "try again". */
enum {
    GRPC_INVALID = 3,
    GRPC_NOT_FOUND = 5,
    GRPC_DENIED = 7,
    GRPC_EXHAUSTED = 8,
    GRPC_PRECONDITION = 9,
    GRPC_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_UNAUTHENTICATED = 16
};

void etcd_key_of(const struct etcd *etcd, const char *rest, char ret_key[ETCD_KEY_SIZE]) {
    bool whole = text_format(ret_key, ETCD_KEY_SIZE, "%s%s", etcd->prefix, rest);
    ensure(whole);
}

void etcd_rotate(struct etcd *etcd, uint8_t failed) {
    if (etcd->current == failed) {
        etcd->current = (uint8_t)((failed + 1) % etcd->endpoints_n);
    }
}

void etcd_went_back(struct etcd *etcd, const char *why) {
    if (etcd->log.closed || etcd->log.went_back) {
        return;
    }
    text_say(&etcd->why, "%s", why);
    etcd_watch_stop(etcd);
    log_tell_went_back(&etcd->log, etcd->why.at);
    if (!etcd->log.closed) {
        etcd_calls_drop(etcd, ERR_WENT_BACK);
    }
}

void etcd_other_history(struct etcd *etcd, uint64_t index) {
    struct text256 why;
    text_say(&why, "another fact stands at index %llu than this member has seen there",
             (unsigned long long)index);
    etcd_went_back(etcd, why.at);
}

bool etcd_same_cluster(struct etcd *etcd, uint64_t cluster_id) {
    struct log_memory *memory = &etcd->log.memory;
    if (memory->cluster_id == 0) {
        memory->cluster_id = cluster_id;
    }
    if (memory->cluster_id == cluster_id) {
        return true;
    }
    struct text256 why;
    text_say(&why, "%s belongs to cluster %llx, this member knows %llx",
             etcd->endpoint[etcd->current], (unsigned long long)cluster_id,
             (unsigned long long)memory->cluster_id);
    etcd_went_back(etcd, why.at);
    return false;
}

static void call_unlink(struct etcd *etcd, struct etcd_call *call) {
    struct etcd_call **at = &etcd->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    call->next = NULL;
}

static void call_free(struct etcd_call *call) {
    etcd_text_free(&call->body);
    free(call);
}

static void call_finish(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    call_unlink(call->etcd, call);
    call->done(call, err, answer);
    call_free(call);
}

struct etcd_call *etcd_call_new(struct etcd *etcd, struct log_op *op, const char *path,
                                void (*done)(struct etcd_call *call, enum err err,
                                             struct etcd_answer *answer)) {
    struct etcd_call *call = calloc(1, sizeof(*call));
    ensure(call != NULL);
    call->etcd = etcd;
    call->op = op;
    call->path = path;
    call->done = done;
    call->last_err = ERR_TIMEOUT;
    call->deadline_ms = uv_now(etcd->log.loop) + etcd->timeout_ms;
    return call;
}

static void on_retry(uv_timer_t *timer) {
    etcd_calls_retry(timer->data);
}

/* The timer goes off for the earliest of the calls that wait. */
static void retry_arm(struct etcd *etcd) {
    uint64_t now_ms = uv_now(etcd->log.loop), at_ms = UINT64_MAX;
    for (const struct etcd_call *call = etcd->calls; call != NULL; call = call->next) {
        if (call->retry_at_ms != 0 && call->retry_at_ms < at_ms) {
            at_ms = call->retry_at_ms;
        }
    }
    if (at_ms != UINT64_MAX && !etcd->log.closed) {
        int failed = uv_timer_start(&etcd->retry, on_retry, at_ms > now_ms ? at_ms - now_ms : 0, 0);
        ensure(failed == 0);
    }
}

static void call_wait(struct etcd_call *call, uint64_t pause_ms) {
    call->retry_at_ms = uv_now(call->etcd->log.loop) + pause_ms;
    retry_arm(call->etcd);
}

/* Again at another endpoint, if the deadline leaves time; the caller learns the last error. */
static void call_again(struct etcd_call *call, enum err err) {
    struct etcd *etcd = call->etcd;
    call->last_err = err;
    etcd_rotate(etcd, call->endpoint);
    uint32_t shift = call->tries_n < 5 ? call->tries_n : 5;
    uint64_t pause_ms = (uint64_t)ETCD_RETRY_MIN_MS << shift;
    pause_ms = pause_ms < ETCD_RETRY_MAX_MS ? pause_ms : ETCD_RETRY_MAX_MS;
    pause_ms = pause_ms / 2 + rng_below(&etcd->rng, pause_ms);
    if (uv_now(etcd->log.loop) + pause_ms + ETCD_RETRY_MIN_MS >= call->deadline_ms) {
        call_finish(call, err, NULL);
        return;
    }
    etcd->retries_n++;
    call_wait(call, pause_ms);
}

/* etcd answered, but not with 200. */
static void call_on_refusal(struct etcd_call *call, const struct http_answer *http) {
    struct etcd *etcd = call->etcd;
    uint64_t code = 0;
    struct text256 why = {0};
    if (etcd_parse_error(http->body, http->body_size, &code, &why) != ERR_OK) {
        etcd->malformed_n++;
        text_say(&etcd->why, "%s answers %d with what is none of etcd's answers",
                 etcd->endpoint[call->endpoint], http->status);
        call_again(call, ERR_FORMAT);
        return;
    }
    text_say(&etcd->why, "%s: %s", etcd->endpoint[call->endpoint], why.at);
    switch (code) {
    case GRPC_EXHAUSTED:
        if (strstr(why.at, "space exceeded") != NULL) {
            call_finish(call, ERR_NO_SPACE, NULL);
        } else {
            call_again(call, ERR_BUSY);
        }
        return;
    case GRPC_RANGE: call_finish(call, ERR_COMPACTED, NULL); return;
    case GRPC_DENIED:
    case GRPC_UNAUTHENTICATED: call_finish(call, ERR_AUTH, NULL); return;
    case GRPC_INVALID:
    case GRPC_NOT_FOUND:
    case GRPC_PRECONDITION:
    case GRPC_UNIMPLEMENTED: call_finish(call, ERR_FAILED, NULL); return;
    default: /* no leader, leader changed, timed out: the others, or a moment, may help */
        call_again(call, ERR_NO_QUORUM);
        return;
    }
}

static void call_on_status(struct etcd_call *call, const struct http_answer *http) {
    struct etcd *etcd = call->etcd;
    struct etcd_status status;
    if (etcd_parse_status(http->body, http->body_size, &status) != ERR_OK) {
        etcd->malformed_n++;
        call_finish(call, ERR_FORMAT, NULL);
        return;
    }
    if (etcd_same_cluster(etcd, status.cluster_id)) {
        etcd->status = status;
        etcd->status_endpoint = call->endpoint;
        call_finish(call, ERR_OK, NULL);
    }
}

/* A whole answer of the quorum: is it the log we know, and does it reach as far? */
static void call_on_answer(struct etcd_call *call, const struct http_answer *http) {
    struct etcd *etcd = call->etcd;
    struct etcd_answer answer;
    enum err err = etcd_parse_txn(http->body, http->body_size, &answer);
    if (err != ERR_OK) {
        etcd->malformed_n++;
        text_say(&etcd->why, "%s answers with what is none of etcd's answers",
                 etcd->endpoint[call->endpoint]);
        call_again(call, err);
        return;
    }
    /* The floor is what was known when the question was sent: an answer that was overtaken by newer
     * facts on its way here is no step back. */
    if (answer.revision < call->floor && etcd_same_cluster(etcd, answer.cluster_id)) {
        struct text256 why;
        text_say(&why, "%s is at revision %llu, this member has seen fact %llu",
                 etcd->endpoint[call->endpoint], (unsigned long long)answer.revision,
                 (unsigned long long)call->floor);
        etcd_went_back(etcd, why.at);
    } else if (etcd_same_cluster(etcd, answer.cluster_id)) {
        etcd->answered_ms = uv_now(etcd->log.loop);
        log_tell_reachable(&etcd->log, true);
        if (!etcd->log.closed) { /* otherwise the call is gone */
            call_finish(call, ERR_OK, &answer);
        }
    }
    etcd_answer_free(&answer);
}

static void call_on_http(void *owner, const struct http_answer *http) {
    struct etcd_call *call = owner;
    struct etcd *etcd = call->etcd;
    call->http = NULL;
    if (etcd->log.closed || etcd->log.went_back) {
        return; /* dropped by whoever closed */
    }
    if (http->err == ERR_TOO_BIG) {
        call_finish(call, ERR_TOO_BIG, NULL);
    } else if (http->err != ERR_OK) {
        text_say(&etcd->why, "%s: %s", etcd->endpoint[call->endpoint], http->detail);
        if (call->is_status) {
            call_finish(call, http->err, NULL);
        } else {
            call_again(call, http->err);
        }
    } else if (http->status != 200) {
        call_on_refusal(call, http);
    } else if (call->is_status) {
        call_on_status(call, http);
    } else {
        call_on_answer(call, http);
    }
}

static void call_send(struct etcd_call *call) {
    struct etcd *etcd = call->etcd;
    uint64_t now_ms = uv_now(etcd->log.loop);
    uint64_t left_ms = call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 1;
    uint64_t attempt_ms = etcd->timeout_ms / 2;
    attempt_ms = attempt_ms < ETCD_ATTEMPT_MIN_MS ? ETCD_ATTEMPT_MIN_MS : attempt_ms;
    attempt_ms = attempt_ms < left_ms ? attempt_ms : left_ms;
    call->retry_at_ms = 0;
    call->tries_n++;
    call->endpoint = etcd->current;
    call->floor = etcd->log.seen;
    char url[ETCD_ENDPOINT_SIZE + 64];
    (void)text_format(url, sizeof(url), "%s%s", etcd->endpoint[call->endpoint], call->path);
    const char *const headers[] = {"Content-Type: application/json"};
    struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .headers_n = 1,
        .body = (const uint8_t *)call->body.at,
        .body_size = call->body.n,
        .connect_ms = (uint32_t)attempt_ms,
        .total_ms = (uint32_t)attempt_ms,
        .answer_max = ETCD_ANSWER_MAX,
        .ca_file = etcd->ca_file,
        .cert_file = etcd->cert_file,
        .key_file = etcd->key_file,
        .owner = call,
        .done = call_on_http,
    };
    enum err err = http_start(etcd->http, &request, &call->http);
    if (err != ERR_OK) { /* BUSY: too many on their way; the rest is no better at once either */
        call->last_err = err;
        call_wait(call, ETCD_RETRY_MIN_MS);
    }
}

void etcd_call_start(struct etcd_call *call) {
    struct etcd *etcd = call->etcd;
    ensure(!call->body.failed);
    call->next = etcd->calls;
    etcd->calls = call;
    call_send(call);
}

void etcd_calls_retry(struct etcd *etcd) {
    uint64_t now_ms = uv_now(etcd->log.loop);
    struct etcd_call *call = etcd->calls;
    while (call != NULL && !etcd->log.closed) {
        if (call->retry_at_ms == 0 || call->retry_at_ms > now_ms) {
            call = call->next;
        } else if (now_ms >= call->deadline_ms) {
            call_unlink(etcd, call);
            call->done(call, call->last_err, NULL);
            call_free(call);
            call = etcd->calls; /* the callback may have changed the list: from the start */
        } else {
            call_send(call);
            call = call->next;
        }
    }
    retry_arm(etcd);
}

void etcd_calls_drop(struct etcd *etcd, enum err err) {
    while (etcd->calls != NULL) {
        struct etcd_call *call = etcd->calls;
        call_unlink(etcd, call);
        if (call->http != NULL) {
            http_cancel(call->http);
        }
        if (call->op != NULL) {
            call->op->err = err;
            log_op_finish(call->op);
        }
        call_free(call);
    }
}
