/* Wishes and observations -> facts in the log. Every member proposes; the key makes one of them the
 * fact. A lost answer means the same key and bytes again, never another key. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "coordinator/member.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
#define LAG_STEP_MS 1000
#define LAG_MEMORY_MS 60000 /* a member that started later than this ago may simply not know yet */

static struct append *append_by_key(struct coordinator *member, const char *key) {
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        if (member->appends[i].used && text_equal(member->appends[i].key, key)) {
            return &member->appends[i];
        }
    }
    return NULL;
}

static bool append_of_kind(const struct coordinator *member, enum event_kind kind) {
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        if (member->appends[i].used && member->appends[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void append_free(struct append *append) {
    free(append->bytes);
    memset(append, 0, sizeof *append);
}

static void on_appended(void *owner, enum err err, uint64_t index, bool existed) {
    struct append *append = owner;
    (void)existed;
    append->in_flight = false;
    if (err == ERR_OK || err == ERR_CLOSED || err == ERR_TOO_BIG) {
        if (err == ERR_OK && append->kind == EVENT_TICK) {
            tick_count_landed(&append->member->count, append->rewritten, append->tick_boot_ms,
                              index, member_now_ms());
        }
        append_free(append);
        return;
    }
    uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << (append->tries_n < 5 ? append->tries_n : 5);
    append->tries_n++;
    append->next_try_ms = member_now_ms() + (wait_ms > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms);
}

static void append_try(struct coordinator *member, struct append *append) {
    append->in_flight = true;
    log_append(member->log, append->key, append->bytes, append->size, append, on_appended);
}

/* Starts an append unless one with that key is under way. */
static struct append *append_start(struct coordinator *member, const char *key,
                                   const struct fact *fact) {
    if (member->log == NULL || member->stopped_for_human || append_by_key(member, key) != NULL) {
        return NULL;
    }
    size_t size = fact_write(fact, member->fact_bytes, FACT_BYTES_MAX);
    if (size == 0) {
        log_event(LOG_ERR, "fact.too_big", "key=%s", key);
        return NULL;
    }
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        struct append *append = &member->appends[i];
        if (append->used) {
            continue;
        }
        append->bytes = malloc(size);
        if (append->bytes == NULL) {
            return NULL;
        }
        memcpy(append->bytes, member->fact_bytes, size);
        append->used = true;
        append->size = size;
        append->kind = fact->event.kind;
        append->member = member;
        append->tries_n = 0;
        append->rewritten = false;
        (void)text_copy(append->key, sizeof append->key, key);
        append_try(member, append);
        return append;
    }
    return NULL; /* all slots wait for the log: the wish stays and is read off again later */
}

static struct fact fact_of(const struct coordinator *member, enum event_kind kind) {
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = (uint8_t)kind;
    fact.member = member->index;
    fact.wall_ms = clock_wall_ms();
    return fact;
}

void propose_frame(struct coordinator *member, enum event_kind kind, const char *key,
                   const uint8_t *frame, size_t frame_size) {
    struct fact fact = fact_of(member, kind);
    fact.frame = frame;
    fact.frame_size = frame_size;
    (void)append_start(member, key, &fact);
}

void propose_config(struct coordinator *member, const char *text, size_t text_size,
                    const uint8_t *frame, size_t frame_size) {
    char key[FACT_KEY_SIZE];
    struct fact fact = fact_of(member, EVENT_CONFIG);
    /* topology_next is nobody's between two facts. What does not read is refused later. */
    struct topology *next = member->topology_next;
    bool read = topology_read(text, text_size, "topology", next, NULL) == ERR_OK;
    fact.event.config.version =
        read ? core_next_version(&member->core, next) : member->core.config_version + 1;
    if (frame_size == 0) { /* an operator's request carries the text itself */
        fact.text = (const uint8_t *)text;
        fact.text_size = text_size;
    }
    fact.frame = frame;
    fact.frame_size = frame_size;
    /* What was asked is in the key: a topology that was refused must use up neither the version's
     * place nor the next try with the same text. */
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * 8 + 1];
    digest_sha256(frame_size == 0 ? (const uint8_t *)text : frame,
                  frame_size == 0 ? text_size : frame_size, digest);
    text_from_bytes(digest, 8, hex, sizeof hex);
    (void)text_format(key, sizeof key, "config/%u/%s", fact.event.config.version, hex);
    (void)append_start(member, key, &fact);
}

/* ------------------------------------------------------------------- lease */

/* Decided before the log went away, an automatic CLOSE must not be the first fact after its
 * return, nor the first of a member that learns of the decision only then: the region may be well
 * again. The TICK behind the pause settles it. */
static bool close_is_old(const struct coordinator *member) {
    return ticks_silent_ms(&member->ticks, clock_stamp()) > TICK_ELAPSED_MAX_MS;
}

static void propose_lease(struct coordinator *member, const struct wants *wants) {
    char key[FACT_KEY_SIZE];
    bool old = wants->close_why == CLOSE_AUTOMATIC && close_is_old(member);
    if (wants->close && !old) {
        struct fact fact = fact_of(member, EVENT_CLOSE);
        fact.event.close.epoch = wants->close_epoch;
        fact.event.close.why = wants->close_why;
        (void)text_format(key, sizeof key, "close/%" PRIu64 "/%" PRIu64, wants->close_epoch,
                          member->core.closes_refused);
        (void)append_start(member, key, &fact);
    }
    if (wants->open) {
        struct fact fact = fact_of(member, EVENT_OPEN);
        fact.event.open.epoch = wants->open_epoch;
        fact.event.open.region = wants->open_region;
        (void)text_format(key, sizeof key, "open/%" PRIu64 "/%" PRIu64, wants->open_epoch,
                          member->core.opens_refused);
        (void)append_start(member, key, &fact);
    }
}

/* -------------------------------------------------------------------- time */

void propose_time_told(struct coordinator *member, const struct fact *fact) {
    uint64_t wall_ms = clock_wall_ms();
    uint64_t ago_ms = wall_ms > fact->wall_ms ? wall_ms - fact->wall_ms : 0;
    bool tick = fact->event.kind == EVENT_TICK;
    if (!member->caught_up || !member->ticks.seen) {
        ticks_read_back(&member->ticks, ago_ms, clock_stamp());
    } else {
        ticks_applied(&member->ticks, tick ? fact->event.tick.elapsed_ms : 0, clock_stamp());
    }
    if (tick && member->caught_up && fact->event.tick.member == member->index) {
        tick_count_applied(&member->count, fact->event.index, fact->event.tick.elapsed_ms,
                           member_now_ms());
    }
    if (!tick || !member->caught_up) {
        tick_count_told(&member->count, member->caught_up ? 0 : ago_ms, member_now_ms());
    }
}

/* What the snapshot covers told the time, perhaps that this member keeps it. Only the wall clocks
 * tell how long ago. */
void propose_snapshot_taken(struct coordinator *member) {
    uint64_t wall_ms = clock_wall_ms(), told_ms = member->core.wall_ms;
    uint64_t ago_ms = told_ms > 0 && wall_ms > told_ms ? wall_ms - told_ms : 0;
    tick_count_snapshot(&member->count, ago_ms, member_now_ms());
}

bool member_keeps_time(const struct coordinator *member) {
    return member->core.timekeeper == member->index && member->core.keeper_term > 0;
}

static struct fact keeper_fact(const struct coordinator *member, char *ret_key) {
    struct fact fact = fact_of(member, EVENT_TIMEKEEPER);
    fact.event.timekeeper.member = member->index;
    fact.event.timekeeper.term = member->core.keeper_term + 1;
    fact.event.timekeeper.gap_ms = ticks_silent_ms(&member->ticks, clock_stamp());
    (void)text_format(ret_key, FACT_KEY_SIZE, "keeper/%" PRIu64 "/%" PRIu64,
                      fact.event.timekeeper.term, member->core.keepers_refused);
    return fact;
}

static void propose_keeper(struct coordinator *member) {
    char key[FACT_KEY_SIZE];
    /* Members step forward one after the other, so that usually one key has one bidder. */
    uint32_t patience_ms = member->core.keeper_term == 0
                               ? 200u * member->index
                               : KEEPER_PATIENCE_MS + 400u * member->index;
    struct stamp now = clock_stamp();
    uint64_t waited_ms = member->ticks.seen ? stamp_most_passed_ms(member->ticks.applied, now)
                                            : member_now_ms() - member->started_boot_ms;
    if (waited_ms < patience_ms || append_of_kind(member, EVENT_TICK) ||
        append_of_kind(member, EVENT_TIMEKEEPER)) {
        return;
    }
    struct fact fact = keeper_fact(member, key);
    (void)append_start(member, key, &fact);
}

static void propose_tick(struct coordinator *member, const struct wants *wants) {
    char key[FACT_KEY_SIZE];
    uint64_t elapsed_ms = tick_count_untold_ms(&member->count, member_now_ms());
    bool under_way = append_of_kind(member, EVENT_TICK) ||
                     tick_count_awaits(&member->count, member->applied_index);
    if (elapsed_ms < wants->tick_in_ms || under_way) {
        return;
    }
    struct fact fact = fact_of(member, EVENT_TICK);
    fact.event.tick.member = member->index;
    fact.event.tick.elapsed_ms = elapsed_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)elapsed_ms;
    fact.event.tick.wall_ms = fact.wall_ms;
    (void)text_format(key, sizeof key, "tick/%" PRIu64 "/%" PRIx64 "/%" PRIu64,
                      member->core.keeper_term, member->boot_id, member->tick_n++);
    struct append *append = append_start(member, key, &fact);
    if (append != NULL) {
        append->tick_boot_ms = member->count.told_ms + elapsed_ms;
    }
}

/* ---------------------------------------------------- what this member hears */

static bool attesting_lately(const struct coordinator *member) {
    uint64_t limit_ms = (uint64_t)member->topology->lease.renew_ms * 3;
    return member->last_yes_boot_ms != 0 && member->last_yes_epoch == member->core.epoch &&
           member_now_ms() - member->last_yes_boot_ms < limit_ms;
}

static uint64_t heard_set(const struct coordinator *member) {
    uint64_t heard = 0;
    for (uint8_t a = 0; a < member->topology->agents_n; a++) {
        if (listen_agent_heard(member, a)) {
            heard |= bit(a);
        }
    }
    return heard;
}

static uint64_t heard_as_applied(const struct coordinator *member) {
    uint64_t heard = 0;
    for (uint8_t a = 0; a < member->topology->agents_n; a++) {
        if (bits_has(member->core.agents[a].heard_by, member->index)) {
            heard |= bit(a);
        }
    }
    return heard;
}

static void propose_view(struct coordinator *member) {
    char key[FACT_KEY_SIZE];
    uint64_t now_ms = member_now_ms();
    uint64_t heard = heard_set(member), applied = heard_as_applied(member);
    bool attesting = attesting_lately(member);
    const struct member_view *view = &member->core.members[member->index];
    /* A member that has just started has not had the time to hear everybody: so long whom it heard
     * before counts as heard, or its own pause would pass for their silence. */
    bool young = now_ms - member->started_boot_ms < member->topology->policy.silent_ms;
    heard |= young ? applied : 0;
    bool same = view->present && view->attesting == attesting && applied == heard;
    if (same || append_of_kind(member, EVENT_VIEW) || (young && heard == 0)) {
        return;
    }
    struct fact fact = fact_of(member, EVENT_VIEW);
    fact.event.view.member = member->index;
    fact.event.view.attesting = attesting;
    fact.event.view.heard = heard;
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        uint64_t heard_ms = member->agents[a].heard_boot_ms;
        uint64_t ago_ms = heard_ms == 0 ? UINT32_MAX : now_ms - heard_ms;
        fact.event.view.ago_ms[a] = ago_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ago_ms;
    }
    (void)text_format(key, sizeof key, "view/%u/%" PRIx64 "/%" PRIu64, member->index,
                      member->boot_id, member->view_n++);
    (void)append_start(member, key, &fact);
}

static bool lag_is_news(const struct link_view *view, const struct lag *lag) {
    uint64_t lag_ms = lag->ms > UINT32_MAX ? UINT32_MAX : lag->ms;
    uint64_t moved_ms = view->lag_ms > lag_ms ? view->lag_ms - lag_ms : lag_ms - view->lag_ms;
    return view->known != lag->known || (lag->known && moved_ms >= LAG_STEP_MS) ||
           (lag->known && (view->lag_bytes == 0) != (lag->bytes == 0) && moved_ms > 0);
}

static void propose_lags(struct coordinator *member) {
    char key[FACT_KEY_SIZE];
    if (append_of_kind(member, EVENT_LAG)) {
        return;
    }
    for (uint8_t l = 0; l < member->topology->links_n; l++) {
        struct lag lag = lags_of(member, l);
        bool young = member_now_ms() - member->started_boot_ms < LAG_MEMORY_MS &&
                     lag.unheard_ms <= member->topology->lease.lease_ms;
        if (young && member->core.links[l].known) {
            lag_at_least(&lag, member->core.links[l].lag_ms + 2 * LAG_STEP_MS);
        }
        if (!lag_is_news(&member->core.links[l], &lag) || (!lag.known && young)) {
            continue;
        }
        struct fact fact = fact_of(member, EVENT_LAG);
        fact.event.lag.link = l;
        fact.event.lag.known = lag.known;
        fact.event.lag.lag_ms = lag.ms > UINT32_MAX ? UINT32_MAX : (uint32_t)lag.ms;
        fact.event.lag.lag_bytes = lag.bytes;
        fact.event.lag.epoch = member->core.epoch;
        (void)text_format(key, sizeof key, "lag/%u/%" PRIx64 "/%" PRIu64, l, member->boot_id,
                          member->lag_n++);
        (void)append_start(member, key, &fact);
    }
}

/* The same key, and what is true now: of the facts that tell time. */
static void append_rewrite(struct coordinator *member, struct append *append,
                           const struct fact *fact) {
    size_t size = fact_write(fact, member->fact_bytes, FACT_BYTES_MAX);
    ensure(size == append->size);
    memcpy(append->bytes, member->fact_bytes, size);
}

/* Told late, an old TICK would hide the pause of the log from the core. It keeps its key (it
 * may be in the log already), but says all the time that has passed, which makes everybody
 * settle again. */
static void tick_measure_again(struct coordinator *member, struct append *append) {
    uint64_t elapsed_ms = tick_count_untold_ms(&member->count, member_now_ms());
    if (elapsed_ms <= TICK_ELAPSED_MAX_MS) {
        return;
    }
    struct fact fact = fact_of(member, EVENT_TICK);
    fact.event.tick.member = member->index;
    fact.event.tick.elapsed_ms = elapsed_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)elapsed_ms;
    fact.event.tick.wall_ms = fact.wall_ms;
    append_rewrite(member, append, &fact);
    append->rewritten = true;
}

/* The log went away after the timekeeper had: the gap that landed at its return would hide the
 * pause, too, and nobody would settle. False: that term is taken. */
static bool keeper_measure_again(struct coordinator *member, struct append *append) {
    char key[FACT_KEY_SIZE];
    struct fact fact = keeper_fact(member, key);
    bool free_term = text_equal(append->key, key);
    if (free_term) {
        append_rewrite(member, append, &fact);
    }
    return free_term;
}

static void retry_due(struct coordinator *member) {
    uint64_t now_ms = member_now_ms();
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        struct append *append = &member->appends[i];
        if (append->used && !append->in_flight && now_ms >= append->next_try_ms) {
            if (append->kind == EVENT_TICK && !member_keeps_time(member)) {
                append_free(append); /* somebody else keeps the time now */
                continue;
            }
            if (append->kind == EVENT_CLOSE && close_is_old(member)) {
                append_free(append); /* wished anew when it still is */
                continue;
            }
            if (append->kind == EVENT_TIMEKEEPER && !keeper_measure_again(member, append)) {
                append_free(append);
                continue;
            }
            if (append->kind == EVENT_TICK) {
                tick_measure_again(member, append);
            }
            append_try(member, append);
        }
    }
}

void propose_all(struct coordinator *member) {
    static struct wants wants;
    if (!member->caught_up || member->stopped_for_human || member->log == NULL) {
        return;
    }
    retry_due(member);
    if (!member->topology_known || member->index == NONE) {
        return;
    }
    core_wants(&member->core, member->topology, &wants);
    propose_lease(member, &wants);
    if (member_keeps_time(member)) {
        propose_tick(member, &wants);
        propose_lags(member);
    } else {
        propose_keeper(member);
    }
    propose_view(member);
}

void propose_drop(struct coordinator *member) {
    for (unsigned i = 0; i < APPENDS_MAX; i++) {
        if (member->appends[i].used && !member->appends[i].in_flight) {
            append_free(&member->appends[i]);
        }
    }
}
