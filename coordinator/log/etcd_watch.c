/* Following the log in etcd: facts that stand already are read page by page (linearizable, ordered
 * by create revision), then a watch from the next revision brings the new ones. Whenever the watch
 * ends, falls silent although the head moved, or its history was compacted away, reading begins
 * again at the next fact. Facts stay in etcd until drover's own compaction, so reading never leaves
 * a gap however often etcd itself compacts its revisions. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/log/etcd.h"

static void watch_read(struct etcd *etcd);

static void watch_enter(struct etcd *etcd, enum etcd_watch_state state) {
    etcd->watch.state = state;
    etcd->watch.since_ms = uv_now(etcd->log.loop);
    etcd->watch.behind_since_ms = 0;
}

/* True while nothing that happened in a callback made this attempt stale. */
static bool watch_is(const struct etcd *etcd, uint64_t generation) {
    return !etcd->log.closed && !etcd->log.went_back && etcd->watch.generation == generation;
}

void etcd_watch_stop(struct etcd *etcd) {
    struct etcd_watch *watch = &etcd->watch;
    watch->generation++;
    if (watch->http != NULL) {
        http_cancel(watch->http);
        watch->http = NULL;
    }
    watch->line_n = 0;
    watch_enter(etcd, WATCH_IDLE);
}

/* Reading begins again after a pause that grows with the failures in a row. */
static void watch_again(struct etcd *etcd, const char *why) {
    struct etcd_watch *watch = &etcd->watch;
    uint32_t shift = watch->failures_n < 5 ? watch->failures_n : 5;
    uint64_t pause_ms = (uint64_t)ETCD_RETRY_MIN_MS << shift;
    etcd_watch_stop(etcd);
    etcd_rotate(etcd, watch->endpoint);
    if (why != NULL) {
        text_say(&etcd->why, "%s: %s", etcd->endpoint[watch->endpoint], why);
    }
    watch->failures_n++;
    etcd->rewatches_n++;
    watch_enter(etcd, WATCH_WAITING);
    watch->retry_at_ms = uv_now(etcd->log.loop) + pause_ms + rng_below(&etcd->rng, pause_ms);
}

/* Delivers what is ours and new. False when a callback made this attempt stale. */
static bool watch_deliver(struct etcd *etcd, const struct etcd_kvs *kvs, uint64_t generation) {
    char facts[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "fact/", facts);
    size_t facts_n = strlen(facts);
    for (size_t i = 0; i < kvs->n; i++) {
        const struct etcd_kv *kv = &kvs->at[i];
        static const uint8_t none[1];
        size_t key_n = strncmp(kv->key, facts, facts_n) == 0 ? strlen(kv->key + facts_n) : 0;
        if (key_n == 0 || key_n >= FACT_KEY_SIZE || kv->size > FACT_BYTES_MAX) {
            etcd->foreign_n++; /* somebody else writes under our prefix: never a fact */
            continue;
        }
        if (kv->create_revision != kv->mod_revision) {
            struct text256 why;
            text_say(&why, "fact %llu (%.64s) was overwritten at revision %llu, not by drover",
                     (unsigned long long)kv->create_revision, kv->key + facts_n,
                     (unsigned long long)kv->mod_revision);
            etcd_went_back(etcd, why.at);
            return false;
        }
        if (kv->mod_revision < etcd->watch.next) {
            continue; /* had it */
        }
        if (log_contradicts(&etcd->log, kv->mod_revision, kv->key + facts_n)) {
            etcd_other_history(etcd, kv->mod_revision);
            return false;
        }
        etcd->watch.next = kv->mod_revision + 1;
        etcd->watch.failures_n = 0;
        log_tell_fact(&etcd->log, kv->mod_revision, kv->key + facts_n,
                      kv->value == NULL ? none : kv->value, kv->size);
        if (!watch_is(etcd, generation)) {
            return false;
        }
    }
    return true;
}

/* ---- the stream ---- */

static void watch_on_line(struct etcd *etcd, const uint8_t *bytes, size_t size) {
    struct etcd_watch *watch = &etcd->watch;
    uint64_t generation = watch->generation;
    struct etcd_line line;
    if (etcd_parse_line(bytes, size, &line) != ERR_OK) {
        etcd->malformed_n++;
        watch_again(etcd, "the watch brings what is none of etcd's lines");
        return;
    }
    if (line.canceled || line.why.at[0] != '\0') {
        watch_again(etcd, line.why.at);
    } else if (etcd_same_cluster(etcd, line.cluster_id)) {
        if (line.created && watch->state == WATCH_OPENING) {
            watch_enter(etcd, WATCH_OPEN);
        }
        (void)watch_deliver(etcd, &line.puts, generation);
    }
    etcd_line_free(&line);
}

/* Adds to the unfinished line; false when it grows beyond every line of etcd's. */
static bool line_add(struct etcd_watch *watch, const uint8_t *bytes, size_t size) {
    if (size > ETCD_LINE_MAX - watch->line_n) {
        return false;
    }
    if (size > watch->line_size - watch->line_n) {
        size_t room = watch->line_size == 0 ? 4096 : watch->line_size;
        while (room < watch->line_n + size) {
            room *= 2;
        }
        uint8_t *line = realloc(watch->line, room);
        if (line == NULL) {
            return false;
        }
        watch->line = line;
        watch->line_size = room;
    }
    memcpy(watch->line + watch->line_n, bytes, size);
    watch->line_n += size;
    return true;
}

static void watch_on_chunk(void *owner, const uint8_t *bytes, size_t size) {
    struct etcd *etcd = owner;
    struct etcd_watch *watch = &etcd->watch;
    uint64_t generation = watch->generation;
    while (size > 0 && watch_is(etcd, generation)) {
        const uint8_t *end = memchr(bytes, '\n', size);
        size_t n = end == NULL ? size : (size_t)(end - bytes);
        if (!line_add(watch, bytes, n)) {
            /* Reading goes by pages that fit: the way on is always open. */
            watch_again(etcd, "a line of the watch is larger than the limit");
            return;
        }
        bytes += end == NULL ? n : n + 1;
        size -= end == NULL ? n : n + 1;
        if (end != NULL && watch->line_n > 0) {
            /* A callback may subscribe again or close: the line belongs to this function now. */
            uint8_t *line = watch->line;
            size_t line_n = watch->line_n;
            watch->line = NULL;
            watch->line_n = watch->line_size = 0;
            watch_on_line(etcd, line, line_n);
            free(line);
        }
    }
}

static void watch_on_end(void *owner, const struct http_answer *http) {
    struct etcd *etcd = owner;
    etcd->watch.http = NULL;
    if (!etcd->log.closed && !etcd->log.went_back) {
        watch_again(etcd, http->err != ERR_OK ? http->detail : "the watch ended");
    }
}

static void watch_open(struct etcd *etcd, uint64_t revision) {
    struct etcd_watch *watch = &etcd->watch;
    struct etcd_text body = {0};
    char from[ETCD_KEY_SIZE], to[ETCD_KEY_SIZE], url[ETCD_ENDPOINT_SIZE + 16];
    etcd_key_of(etcd, "fact/", from);
    etcd_key_of(etcd, "fact0", to); /* '0' follows '/': all that begins with fact/ */
    etcd_add(&body, "{\"create_request\":{\"key\":");
    etcd_add_key(&body, from);
    etcd_add(&body, ",\"range_end\":");
    etcd_add_key(&body, to);
    etcd_add(&body, ",\"start_revision\":");
    etcd_add_u64(&body, revision);
    etcd_add(&body, ",\"filters\":[\"NODELETE\"],\"fragment\":true}}");
    ensure(!body.failed);
    watch->endpoint = etcd->current;
    (void)text_format(url, sizeof(url), "%s/v3/watch", etcd->endpoint[watch->endpoint]);
    const char *const headers[] = {"Content-Type: application/json"};
    struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .headers_n = 1,
        .body = (const uint8_t *)body.at,
        .body_size = body.n,
        .connect_ms = etcd->timeout_ms,
        .answer_max = 2 * ETCD_LINE_MAX,
        .ca_file = etcd->ca_file,
        .cert_file = etcd->cert_file,
        .key_file = etcd->key_file,
        .owner = etcd,
        .on_chunk = watch_on_chunk,
        .done = watch_on_end,
    };
    watch_enter(etcd, WATCH_OPENING);
    if (http_start(etcd->http, &request, &watch->http) != ERR_OK) {
        watch->http = NULL;
        watch_again(etcd, "too many requests are on their way");
    }
    etcd_text_free(&body);
}

/* ---- reading pages ---- */

static void page_failed(struct etcd *etcd, enum err err) {
    struct etcd_watch *watch = &etcd->watch;
    if (err == ERR_TOO_BIG && watch->page_n > ETCD_PAGE_MIN) {
        watch->page_n /= 2;
        watch_read(etcd);
    } else {
        watch->endpoint = etcd->current;
        watch_again(etcd, err == ERR_TOO_BIG ? "a page of facts is larger than the limit" : NULL);
    }
}

void etcd_add_known(struct etcd *etcd, struct etcd_call *call) {
    char from[ETCD_KEY_SIZE], to[ETCD_KEY_SIZE], mark[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "fact/", from);
    etcd_key_of(etcd, "fact0", to);
    etcd_key_of(etcd, "compacted", mark);
    call->known = etcd->log.memory.highest_index;
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = mark});
    etcd_add(&call->body, ",");
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = from,
                                                          .range_end = to,
                                                          .limit = 1,
                                                          .min_create = call->known,
                                                          .max_create = call->known,
                                                          .keys_only = true});
}

enum err etcd_check_known(const struct etcd_call *call, const struct etcd_kvs ranges[2],
                          uint64_t *ret_mark) {
    struct etcd *etcd = call->etcd;
    const struct etcd_kvs *known = &ranges[1];
    char facts[ETCD_KEY_SIZE];
    if (ranges[0].n > 1 || !etcd_mark_read(&ranges[0], ret_mark)) {
        etcd->malformed_n++;
        return ERR_FORMAT;
    }
    if (known->n == 0 && call->known > *ret_mark) {
        struct text256 why;
        text_say(&why, "fact %llu, which this member has seen, is not in the log",
                 (unsigned long long)call->known);
        etcd_went_back(etcd, why.at);
        return ERR_WENT_BACK;
    }
    etcd_key_of(etcd, "fact/", facts);
    if (known->n == 1 && call->known != 0 && text_starts(known->at[0].key, facts) &&
        log_contradicts(&etcd->log, call->known, known->at[0].key + strlen(facts))) {
        etcd_other_history(etcd, call->known);
        return ERR_WENT_BACK;
    }
    return ERR_OK;
}

static void page_on_done(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct etcd *etcd = call->etcd;
    struct etcd_watch *watch = &etcd->watch;
    if (!watch_is(etcd, call->tag)) {
        return;
    }
    uint64_t mark = 0;
    if (err == ERR_OK && answer->ranges_n != 3) {
        etcd->malformed_n++;
        err = ERR_FORMAT;
    }
    if (err == ERR_OK) {
        err = etcd_check_known(call, &answer->range[1], &mark);
    }
    if (err == ERR_WENT_BACK) {
        return;
    }
    if (err != ERR_OK) {
        page_failed(etcd, err);
        return;
    }
    if (watch->next <= mark) {
        etcd_watch_stop(etcd); /* until the caller subscribes again, behind the snapshot */
        log_tell_compacted(&etcd->log, mark + 1);
        return;
    }
    if (!watch_deliver(etcd, &answer->range[0], call->tag)) {
        return;
    }
    if (answer->range[0].more) {
        watch_read(etcd);
    } else {
        /* The answer holds every fact up to its revision. */
        watch_open(etcd, answer->revision + 1);
    }
}

/* One transaction, so one state: the page, what is forgotten, and whether the newest fact that this
 * member knows still stands where it stood. */
static void watch_read(struct etcd *etcd) {
    struct etcd_watch *watch = &etcd->watch;
    struct etcd_call *call = etcd_call_new(etcd, NULL, ETCD_TXN_PATH, page_on_done);
    char from[ETCD_KEY_SIZE], to[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "fact/", from);
    etcd_key_of(etcd, "fact0", to);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = from,
                                                          .range_end = to,
                                                          .limit = watch->page_n,
                                                          .min_create = watch->next,
                                                          .by_create = true});
    etcd_add(&call->body, ",");
    etcd_add_known(etcd, call);
    etcd_add(&call->body, ETCD_TXN_END);
    watch->generation++;
    call->tag = watch->generation;
    watch_enter(etcd, WATCH_READING);
    etcd_call_start(call);
}

void etcd_watch_from(struct etcd *etcd, uint64_t from) {
    etcd_watch_stop(etcd);
    etcd->watch.next = from;
    etcd->watch.failures_n = 0;
    watch_read(etcd);
}

/* The head has shown a fact for a second, and the watch has not brought it. */
static bool watch_is_dead(struct etcd *etcd, uint64_t now_ms) {
    struct etcd_watch *watch = &etcd->watch;
    if (watch->next > etcd->log.seen) {
        watch->behind_since_ms = 0;
        return false;
    }
    if (watch->behind_since_ms == 0) {
        watch->behind_since_ms = now_ms;
    }
    return now_ms - watch->behind_since_ms >= ETCD_BEHIND_MS;
}

void etcd_watch_tick(struct etcd *etcd) {
    struct etcd_watch *watch = &etcd->watch;
    uint64_t now_ms = uv_now(etcd->log.loop);
    if (etcd->log.closed || etcd->log.went_back) {
        return;
    }
    if (watch->state == WATCH_WAITING && now_ms >= watch->retry_at_ms) {
        watch_read(etcd);
    } else if (watch->state == WATCH_OPENING && now_ms - watch->since_ms >= LOG_PATIENCE_MS) {
        watch_again(etcd, "the watch does not open");
    } else if ((watch->state == WATCH_OPEN || watch->state == WATCH_OPENING) &&
               watch_is_dead(etcd, now_ms)) {
        watch_again(etcd, "the watch is silent although the log moved on");
    }
}
