/* A member's life: read the notes, find the log's snapshot and head, apply everything up to it, and
 * only then speak. apply.c applies the facts. */
#include "coordinator/member.h"
#include "coordinator/leaders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "common/io/web.h"
#include "coordinator/history.h"
#include "coordinator/metrics.h"
#include "coordinator/recording.h"

#define TIMER_MS 20
#define NOTES_EVERY_MS 5000

uint64_t member_now_ms(void) {
    return clock_boot_ms();
}

/* ------------------------------------------------------------- the log speaks */

static void subscribe(struct coordinator *member, uint64_t from) {
    member->subscribed_from = from;
    log_subscribe(member->log, from);
}

static void on_fact(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size) {
    struct coordinator *member = owner;
    if (index <= member->applied_index || member->queue_bytes + size > FACT_QUEUE_BYTES_MAX) {
        if (index > member->applied_index) {
            log_event(LOG_CRIT, "member.queue_full", "%zu bytes of facts wait", size);
            abort(); /* restarts from the snapshot rather than growing without bound */
        }
        return;
    }
    struct queued_fact *fact = malloc(sizeof *fact + size);
    ensure(fact != NULL);
    fact->next = NULL;
    fact->index = index;
    fact->size = size;
    (void)text_copy(fact->key, sizeof fact->key, key);
    memcpy(fact->bytes, bytes, size);
    if (member->queue_last == NULL) {
        member->queue_first = fact;
    } else {
        member->queue_last->next = fact;
    }
    member->queue_last = fact;
    member->queue_bytes += size;
    apply_queue(member);
}

static void on_head(void *owner, enum err err, uint64_t index);

static void ask_head(struct coordinator *member) {
    if (!member->head_known && !member->stopped_for_human) {
        log_head(member->log, member, on_head);
    }
}

static void bootstrap(struct coordinator *member) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    size_t size = 0;
    struct text256 why;
    if (member->conf->topology[0] == '\0') {
        return;
    }
    if (file_read(member->conf->topology, text, sizeof text, &size, &why) != ERR_OK) {
        log_event(LOG_ERR, "member.bootstrap", "%s", why.at);
        return;
    }
    propose_config(member, text, size, NULL, 0);
}

static void on_head(void *owner, enum err err, uint64_t index) {
    struct coordinator *member = owner;
    if (err != ERR_OK || member->head_known) {
        return; /* the timer asks again */
    }
    member->head_known = true;
    member->head_index = index;
    apply_check_caught_up(member);
    if (index == 0) {
        bootstrap(member);
    }
}

static void on_snapshot(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                        size_t size) {
    static struct snapshot snapshot;
    static struct decide_lines lines;
    struct coordinator *member = owner;
    struct text256 why;
    if (err == ERR_NOT_FOUND) {
        subscribe(member, member->applied_index + 1);
        return;
    }
    if (err != ERR_OK) {
        log_snapshot_load(member->log, member, on_snapshot);
        return;
    }
    if (index <= member->applied_index) {
        subscribe(member, member->applied_index + 1);
        return;
    }
    member->step_at = clock_stamp();
    if (decide_snapshot(&member->decide, bytes, size, index, &snapshot, &lines, &why) != ERR_OK) {
        log_event(LOG_CRIT, "member.snapshot", "%s", why.at);
        member->stopped_for_human = true;
        (void)text_copy(member->stopped_why, sizeof member->stopped_why, why.at);
        return;
    }
    apply_topology_taken(member);
    member->applied_index = index;
    propose_snapshot_taken(member);
    history_snapshot(member->history, &member->core, snapshot.audit_height, snapshot.audit_head);
    struct recorder_record record = {.kind = RECORDER_SNAPSHOT,
                                     .at = member->step_at,
                                     .index = index,
                                     .payload = bytes,
                                     .payload_size = size};
    recording_put(member->recording, &member->decide, &record, &lines);
    recording_log(&lines);
    subscribe(member, index + 1);
}

static void on_compacted(void *owner, uint64_t first) {
    struct coordinator *member = owner;
    log_event(LOG_NOTICE, "log.compacted", "first=%" PRIu64 " applied=%" PRIu64, first,
              member->applied_index);
    while (member->queue_first != NULL && !member->applying_blocked) {
        apply_take_off(member);
    }
    log_snapshot_load(member->log, member, on_snapshot);
}

static void on_reachable(void *owner, bool reachable) {
    struct coordinator *member = owner;
    char why[320] = "";
    if (member->log != NULL && !reachable) {
        log_describe(member->log, why, sizeof why);
    }
    if (member->log_reachable != reachable) {
        log_event(reachable ? LOG_NOTICE : LOG_ERR, "log.reachable", "reachable=%d%s%s", reachable,
                  why[0] == '\0' ? "" : " ", why);
    }
    member->log_reachable = reachable;
}

static void on_went_back(void *owner, const char *why) {
    struct coordinator *member = owner;
    member->stopped_for_human = true;
    (void)text_copy(member->stopped_why, sizeof member->stopped_why, why);
    log_event(LOG_CRIT, "log.went_back", "%s; this member stops until a human has looked", why);
}

/* -------------------------------------------------------------- periodic work */

static void on_compacting_done(void *owner, enum err err) {
    struct coordinator *member = owner;
    if (err != ERR_OK) {
        log_event(LOG_WARNING, "log.compact", "err=%s", err_name(err));
    }
    member->snapshot_under_way = false;
}

static uint64_t compact_to; /* of the one snapshot under way */

static void on_snapshot_stored(void *owner, enum err err) {
    struct coordinator *member = owner;
    if (err != ERR_OK) {
        member->snapshot_under_way = false;
        log_event(LOG_WARNING, "log.snapshot", "err=%s", err_name(err));
        return;
    }
    log_compact(member->log, compact_to, member, on_compacting_done);
}

/* The timekeeper stores one now and then and compacts behind it, keeping what a member that is a
 * little behind still wants to read. */
static void snapshot_if_due(struct coordinator *member) {
    static struct snapshot snapshot;
    if (member->facts_since_snapshot < member->conf->snapshot_every || member->snapshot_under_way ||
        !member_keeps_time(member) || !member->log_reachable) {
        return;
    }
    snapshot.core = member->core;
    snapshot.text = (const uint8_t *)member->topology_text;
    snapshot.text_size = member->topology_text_size;
    history_head(member->history, &snapshot.audit_height, snapshot.audit_head);
    size_t size = snapshot_write(&snapshot, member->frame, MEMBER_FRAME_SIZE);
    ensure(size > 0);
    member->facts_since_snapshot = 0;
    member->snapshot_under_way = true;
    compact_to = member->applied_index;
    log_snapshot_store(member->log, member->applied_index, member->frame, size, member,
                       on_snapshot_stored);
}

static void wait_over(struct coordinator *member, uint64_t epoch) {
    static struct decide_lines lines;
    struct recorder_record record = {.kind = RECORDER_WAITED, .at = clock_stamp(), .index = epoch};
    bool waits = decide_waited(&member->decide, epoch, &lines);
    ensure(waits);
    recording_put(member->recording, &member->decide, &record, &lines);
    recording_log(&lines);
}

static void wait_noted(struct coordinator *member, enum err err) {
    if (err == ERR_OK && member->attest.durable.first_wait && !member->notes.attest.first_wait) {
        wait_over(member, 0);
    }
    if (err == ERR_OK && member->notes.attest.waited_epoch >= member->attest.closing_epoch &&
        member->attest.closing_epoch > 0) {
        wait_over(member, member->attest.closing_epoch);
    }
}

/* The wait is over: noted, so that a restart of all members does not silence them again. And
 * how far the log had come, so that one set back from a backup is recognised. */
static void notes_if_due(struct coordinator *member) {
    static uint64_t written_ms;
    uint64_t now_ms = member_now_ms();
    bool waited = member->topology_known &&
                  attest_waited_due(&member->attest, clock_stamp(), attesting_wait_ms(member));
    bool first =
        member->topology_known && member->caught_up && member->named.epoch == 0 &&
        attest_first_due(&member->attest, clock_stamp(), decide_first_wait_ms(member->topology));
    struct notes notes = member->notes;
    notes.log = log_memory_now(member->log);
    bool moved = notes.log.highest_index != member->notes.log.highest_index ||
                 notes.log.cluster_id != member->notes.log.cluster_id;
    if (!waited && !first && (!moved || now_ms - written_ms < NOTES_EVERY_MS)) {
        return;
    }
    notes.attest = waited ? attest_waited_durable(&member->attest) : member->attest.durable;
    notes.attest.first_wait = notes.attest.first_wait && !first;
    if (notes_write(member, &notes, wait_noted) == ERR_OK) {
        written_ms = now_ms;
    }
}

void member_stir(struct coordinator *member) {
    dispatch_refresh(member);
    dispatch_send_due(member);
    propose_all(member);
}

static void on_timer(uv_timer_t *timer) {
    static uint64_t asked_ms;
    static struct jumps jumps;
    struct coordinator *member = timer->data;
    log_jumps(&jumps, TIMER_MS);
    uint64_t now_ms = member_now_ms();
    if (!member->head_known && now_ms - asked_ms > 1000) {
        asked_ms = now_ms;
        ask_head(member);
    }
    apply_queue(member);
    if (member->log != NULL && !member->stopped_for_human) {
        notes_if_due(member);
        snapshot_if_due(member);
    } else if (member->log != NULL) {
        struct log_memory known = log_memory_now(member->log);
        notes_stopped(member, &known);
    }
    operators_expire(member);
    recording_flush(member->recording);
    lags_watch(member);
    leaders_look(member);
    member_stir(member);
}

/* ----------------------------------------------------------------- start, stop */

static enum err open_log(struct coordinator *member, struct text256 *reterr) {
    const struct engine_conf *engine = &member->conf->engine;
    struct log_events events = {.owner = member,
                                .on_fact = on_fact,
                                .on_compacted = on_compacted,
                                .on_reachable = on_reachable,
                                .on_went_back = on_went_back};
    struct log_config config = {.engine = engine->kind == ENGINE_ETCD ? "etcd" : "embedded",
                                .path = engine->path,
                                .prefix = engine->prefix,
                                .endpoints_n = engine->endpoints_n,
                                .ca_file = engine->ca,
                                .cert_file = engine->cert,
                                .key_file = engine->key};
    for (unsigned i = 0; i < engine->endpoints_n; i++) {
        config.endpoints[i] = engine->endpoints[i];
    }
    enum err err =
        log_open(member->loop, &config, &member->notes.log, &events, &member->log, reterr);
    if (err == ERR_OK) {
        log_snapshot_load(member->log, member, on_snapshot);
        ask_head(member);
    }
    return err;
}

/* Before the log has spoken, the bootstrap file tells whom to listen to and where. */
static enum err first_topology(struct coordinator *member, struct text256 *reterr) {
    static struct topology first;
    if (member->conf->topology[0] == '\0') {
        if (member->conf->agents_listen[0] == '\0' || member->conf->operators_listen[0] == '\0') {
            text_say(reterr, "coordinator.conf: without `topology`, agents_listen and "
                             "operators_listen must be given");
            return ERR_CONFIG;
        }
        return ERR_OK;
    }
    enum err err = topology_read_file(member->conf->topology, false, &first, reterr);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t index = topology_member(&first, member->keys.name);
    if (index == NONE) {
        text_say(reterr, "%s: no member is called %s", member->conf->topology, member->keys.name);
        return ERR_CONFIG;
    }
    const struct member *entry = &first.members[index];
    enum key_place place = keys_place(&member->keys, entry->curve_key, entry->sign_key,
                                      entry->curve_key_next, entry->sign_key_next);
    if (place == KEY_NOT_PINNED) {
        text_say(reterr, "%s: the keys of member %s are not those of %s", member->conf->topology,
                 member->keys.name, member->conf->key);
        return ERR_CONFIG;
    }
    log_event(LOG_NOTICE, "member.key", "%s: the %s key of %s", member->conf->key,
              place == KEY_PINNED_NEXT ? "next" : "pinned", member->keys.name);
    if (member->conf->agents_listen[0] == '\0') {
        (void)text_copy(member->conf->agents_listen, ADDRESS_SIZE,
                        first.members[index].agents_address);
    }
    if (member->conf->operators_listen[0] == '\0') {
        (void)text_copy(member->conf->operators_listen, ADDRESS_SIZE,
                        first.members[index].operators_address);
    }
    return ERR_OK;
}

static enum err buffers_make(struct coordinator *member) {
    member->scratch = malloc(MEMBER_SCRATCH_SIZE);
    member->inner_scratch = malloc(MEMBER_SCRATCH_SIZE);
    member->frame = malloc(MEMBER_FRAME_SIZE);
    member->fact_bytes = malloc(FACT_BYTES_MAX);
    member->topology = calloc(1, sizeof *member->topology);
    member->topology_next = calloc(1, sizeof *member->topology_next);
    bool all = member->scratch != NULL && member->inner_scratch != NULL && member->frame != NULL &&
               member->fact_bytes != NULL && member->topology != NULL &&
               member->topology_next != NULL;
    return all ? ERR_OK : ERR_NO_MEMORY;
}

/* The first input of all: what the disk remembers, and when it was read. */
static void recording_begin(struct coordinator *member) {
    static struct decide_lines lines;
    struct stamp now = clock_stamp();
    const struct coordinator_conf *conf = member->conf;
    member->recording = recording_open(member->loop, conf->recording_directory,
                                       (uint64_t)conf->recording_mib * 1024 * 1024,
                                       member->keys.name, member->boot_id);
    decide_start(&member->decide, &member->notes.attest, now, &lines);
    recording_start(member->recording, &member->decide, &member->notes.attest, now, &lines);
    recording_log(&lines);
}

static size_t metrics_asked(void *owner, char *out, size_t out_size) {
    return metrics_write(owner, out, out_size);
}

static enum err open_web(struct coordinator *member, struct text256 *reterr) {
    const struct web_config config = {.listen = member->conf->http_listen,
                                      .owner = member,
                                      .text_size = METRICS_TEXT_SIZE,
                                      .write = metrics_asked};
    return config.listen[0] == '\0' ? ERR_OK
                                    : web_open(member->loop, &config, &member->web, reterr);
}

enum err member_start(struct coordinator *member, uv_loop_t *loop, struct coordinator_conf *conf,
                      struct text256 *reterr) {
    memset(member, 0, sizeof *member);
    member->loop = loop;
    member->conf = conf;
    member->index = NONE;
    random_bytes((uint8_t *)&member->boot_id, sizeof member->boot_id);
    rng_seed(&member->rng, member->boot_id);
    positions_init(&member->positions);
    member->started_boot_ms = member_now_ms();
    enum err err = buffers_make(member);
    err = err != ERR_OK ? err : keys_read(conf->key, &member->keys, reterr);
    member->key_age_known = err == ERR_OK && file_age(conf->key, &member->key_age_s) == ERR_OK;
    err = err != ERR_OK ? err : first_topology(member, reterr);
    err = err != ERR_OK ? err : notes_read(conf->state, &member->notes, reterr);
    member->closed_at_start = member->notes.attest.closed_epoch;
    err = err != ERR_OK ? err : history_open(conf->state, &member->history, reterr);
    if (err == ERR_OK) {
        member->leaders = leaders_open(member->history);
        err = member->leaders == NULL ? ERR_NO_MEMORY : ERR_OK;
    }
    err = err != ERR_OK ? err : wire_open(loop, &member->wire, reterr);
    if (err != ERR_OK) {
        return err;
    }
    recording_begin(member);
    err = listen_start(member, reterr);
    err = err != ERR_OK ? err : open_web(member, reterr);
    err = err != ERR_OK ? err : open_log(member, reterr);
    if (err != ERR_OK) {
        return err;
    }
    member->timer.data = member;
    (void)uv_timer_init(loop, &member->timer);
    (void)uv_timer_start(&member->timer, on_timer, TIMER_MS, TIMER_MS);
    if (member->notes.attest.first_wait) {
        log_event(
            LOG_NOTICE, "member.first_wait",
            "state=%s has no notes: no lease is attested before a whole lease.wait has passed",
            conf->state);
    }
    log_event(LOG_NOTICE, "member.started",
              "name=%s closed_epoch=%" PRIu64 " waited_epoch=%" PRIu64, member->keys.name,
              member->notes.attest.closed_epoch, member->notes.attest.waited_epoch);
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    (void)handle;
}

void member_stop(struct coordinator *member) {
    if (member->timer.data != NULL) {
        (void)uv_timer_stop(&member->timer);
        uv_close((uv_handle_t *)&member->timer, on_timer_closed);
    }
    web_close(member->web);
    member->web = NULL;
    listen_stop(member);
    log_close(member->log);
    member->log = NULL;
    propose_drop(member);
    wire_close(member->wire);
    member->wire = NULL;
    recording_close(member->recording);
    history_close(member->history);
    leaders_close(member->leaders);
    keys_wipe(&member->keys);
    while (member->queue_first != NULL) {
        apply_take_off(member);
    }
    free(member->scratch);
    free(member->inner_scratch);
    free(member->frame);
    free(member->fact_bytes);
    free(member->topology);
    free(member->topology_next);
}
