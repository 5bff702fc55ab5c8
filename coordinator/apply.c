/* Facts are applied one by one in the log's order; a CLOSE waits until the note of it is on
 * disk. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/topology_read.h"
#include "coordinator/history.h"
#include "coordinator/member.h"

#define APPLY_AT_ONCE 256 /* facts a turn of the loop */

/* ---------------------------------------------------------------- topology */

static void name_own_index(struct coordinator *member) {
    member->index = topology_member(member->topology, member->keys.name);
    if (member->index == NONE) {
        log_event(LOG_ERR, "member.unknown", "name=%s the topology has no such member",
                  member->keys.name);
    }
}

/* Takes over a topology that was checked before it was let into the log. False: unusable. */
bool apply_topology(struct coordinator *member, const char *text, size_t text_size,
                    uint32_t version, struct text256 *reterr) {
    if (text_size > TOPOLOGY_BYTES_MAX ||
        topology_read(text, text_size, "topology", member->topology_next, reterr) != ERR_OK) {
        return false;
    }
    struct topology *old = member->topology;
    member->topology = member->topology_next;
    member->topology_next = old;
    member->topology->version = version;
    memmove(member->topology_text, text, text_size);
    member->topology_text[text_size] = '\0';
    member->topology_text_size = text_size;
    member->topology_known = true;
    name_own_index(member);
    memset(member->agents, 0, sizeof member->agents);
    positions_init(&member->positions);
    struct text256 why;
    if (member->wire != NULL && listen_allow(member, &why) != ERR_OK) {
        log_event(LOG_ERR, "wire.allow_list", "%s", why.at);
    }
    return true;
}

/* ------------------------------------------------------------ applying facts */

void apply_take_off(struct coordinator *member) {
    struct queued_fact *first = member->queue_first;
    member->queue_first = first->next;
    member->queue_bytes -= first->size;
    if (member->queue_first == NULL) {
        member->queue_last = NULL;
    }
    free(first);
}

static void note_written(struct coordinator *member, enum err err) {
    member->applying_blocked = false;
    if (err != ERR_OK) {
        /* Keeps attesting what is open, applies nothing more, tries again with the next turn. */
        log_event(LOG_ERR, "notes.write", "err=%s the close cannot be applied yet", err_name(err));
        return;
    }
    apply_queue(member);
}

/* True when the CLOSE may be applied now; else its note is on the way to the disk. */
static bool close_is_noted(struct coordinator *member, uint64_t epoch) {
    if (member->notes.attest.closed_epoch >= epoch) {
        attest_close(&member->attest, epoch);
        return true;
    }
    struct notes notes = member->notes;
    notes.attest = attest_close_durable(&member->attest, epoch);
    notes.log = log_memory_now(member->log);
    if (notes_write(member, &notes, note_written) == ERR_OK) {
        member->applying_blocked = true;
    }
    return false;
}

static bool config_fits(const struct coordinator *member, const struct fact *fact,
                        struct text256 *reterr) {
    const struct topology *now = member->topology, *next = member->topology_next;
    if (fact->event.config.version != member->core.config_version + 1) {
        text_say(reterr, "version %u does not follow %u", fact->event.config.version,
                 member->core.config_version);
        return false;
    }
    if (!member->topology_known || member->core.config_version == 0) {
        return true;
    }
    /* Epochs, views and executions name regions and members by place. */
    bool same = next->regions_n >= now->regions_n && next->members_n == now->members_n &&
                text_equal(next->cluster, now->cluster);
    for (unsigned r = 0; same && r < now->regions_n; r++) {
        same = text_equal(next->regions[r].name, now->regions[r].name);
    }
    for (unsigned m = 0; same && m < now->members_n; m++) {
        same = text_equal(next->members[m].name, now->members[m].name);
    }
    if (!same) {
        text_say(reterr, "regions and members may not change place, vanish or be renamed");
    }
    return same;
}

static bool apply_config(struct coordinator *member, struct fact *fact, struct text256 *reterr) {
    static struct findings findings;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        uint8_t stage = member->core.executions[i].stage;
        if (stage != STAGE_NONE && stage != STAGE_DONE && stage != STAGE_ABORTED) {
            text_say(reterr, "no new topology while an execution runs");
            return false;
        }
    }
    if (topology_read((const char *)fact->text, fact->text_size, "topology", member->topology_next,
                      reterr) != ERR_OK ||
        !config_fits(member, fact, reterr)) {
        return false;
    }
    topology_check(member->topology_next, &findings);
    if (findings.errors_n > 0) {
        text_say(reterr, "the topology has %u errors", findings.errors_n);
        return false;
    }
    return apply_topology(member, (const char *)fact->text, fact->text_size,
                          fact->event.config.version, reterr);
}

static void record(struct coordinator *member, const struct fact *fact,
                   const struct message *message, const struct verdict *verdict,
                   const char *comment) {
    history_fact(member->history, member, fact, message, verdict, comment);
    bool dull = fact->event.kind == EVENT_TICK && verdict->rule >= 900;
    bool routine = fact->event.kind == EVENT_REPORT || fact->event.kind == EVENT_LAG ||
                   fact->event.kind == EVENT_VIEW || dull;
    if (routine && verdict->result == RESULT_APPLIED) {
        return;
    }
    /* By the wall clocks of the member that proposed it and of this one: for reading, not
     * deciding. */
    int64_t age_ms = (int64_t)clock_wall_ms() - (int64_t)fact->wall_ms;
    log_event(verdict->result == RESULT_REFUSED ? LOG_WARNING : LOG_NOTICE, "fact.applied",
              "index=%" PRIu64 " kind=%s rule=%u result=%u phase=%s epoch=%" PRIu64
              " execution=%" PRIu64 " age_ms=%" PRId64 " \"%s\" \"%s\"",
              fact->event.index, event_text((enum event_kind)fact->event.kind), verdict->rule,
              verdict->result, phase_text((enum phase)member->core.phase), member->core.epoch,
              verdict->execution, age_ms, rule_sentence(verdict->rule), comment);
}

static void refused(struct coordinator *member, const struct fact *fact,
                    const struct message *message, const char *why) {
    struct verdict verdict = {.result = RESULT_REFUSED};
    member->facts_refused_n++;
    if (member->topology_known) {
        history_fact(member->history, member, fact, message, &verdict, why);
    }
    log_event(LOG_WARNING, "fact.refused", "index=%" PRIu64 " kind=%s \"%s\"", fact->event.index,
              event_text((enum event_kind)fact->event.kind), why);
    if (message->kind == MESSAGE_REQUEST) {
        operators_applied(member, &message->request, &verdict, why);
    }
}

static void applied(struct coordinator *member, const struct fact *fact,
                    const struct message *message, const struct verdict *verdict,
                    const char *comment) {
    if (fact->event.kind == EVENT_TICK && verdict->result == RESULT_APPLIED) {
        member->tick_applied = clock_stamp();
        member->tick_seen = true;
    }
    if (fact->event.kind == EVENT_TIMEKEEPER && verdict->result == RESULT_APPLIED) {
        member->tick_measured_ms = member_now_ms();
        member->tick_applied = clock_stamp();
        member->tick_seen = true;
    }
    record(member, fact, message, verdict, comment);
    if (message->kind == MESSAGE_REQUEST) {
        operators_applied(member, &message->request, verdict,
                          fact->event.kind == EVENT_CONFIG ? "The topology is in force."
                                                           : rule_sentence(verdict->rule));
    }
    if (fact->event.kind == EVENT_CLOSE) {
        attesting_check_proofs(member);
    }
    bool moved = fact->event.kind == EVENT_CLOSE || fact->event.kind == EVENT_OPEN;
    if (moved && verdict->result == RESULT_APPLIED) {
        listen_tell_lease(member);
    }
}

/* Whose topology is it? The first one is the file that the members were started with; every
 * later one must be an operator's own signed request. */
static bool config_is_authorised(struct coordinator *member, struct fact *fact,
                                 struct message *message, char *ret_comment, size_t comment_size,
                                 struct text256 *reterr) {
    if (fact->frame_size == 0) {
        text_say(reterr, "no operator signed this topology");
        return member->core.config_version == 0;
    }
    if (!member->topology_known ||
        message_decode(fact->frame, fact->frame_size, member->inner_scratch, MEMBER_SCRATCH_SIZE,
                       message, reterr) != ERR_OK ||
        message->kind != MESSAGE_REQUEST || message->request.kind != REQUEST_CONFIG_APPLY) {
        text_say(reterr, "the topology comes with something that is no request to apply it");
        message->kind = MESSAGE_NONE;
        return false;
    }
    uint8_t who = topology_operator(member->topology, message->request.operator_name);
    if (who == NONE || !facts_verify_request(member, &message->request, who, reterr)) {
        return false;
    }
    if (fact->wall_ms > message->request.not_after_wall_ms + REQUEST_SKEW_MS) {
        text_say(reterr, "the request of %s is too old", message->request.operator_name);
        return false;
    }
    fact->text = (const uint8_t *)message->request.text;
    fact->text_size = message->request.text_size;
    (void)text_copy(ret_comment, comment_size, message->request.reason);
    return true;
}

/* False: not now, the queue stands. */
static bool apply_one(struct coordinator *member, const struct queued_fact *queued) {
    static struct message message;
    static struct fact fact;
    char comment[SENTENCE_SIZE + 96] = "";
    struct text256 why = {{0}};
    message.kind = MESSAGE_NONE;
    if (fact_read(queued->bytes, queued->size, queued->index, &fact, &why) != ERR_OK ||
        !facts_complete(member, &fact, &message, comment, sizeof comment, &why)) {
        refused(member, &fact, &message, why.at);
        return true;
    }
    if (fact.event.kind == EVENT_CONFIG &&
        (!config_is_authorised(member, &fact, &message, comment, sizeof comment, &why) ||
         !apply_config(member, &fact, &why))) {
        refused(member, &fact, &message, why.at);
        return true;
    }
    if (!member->topology_known) {
        refused(member, &fact, &message, "comes before any topology");
        return true;
    }
    bool closes = fact.event.kind == EVENT_CLOSE &&
                  core_accepts_close(&member->core, member->topology, fact.event.close.epoch);
    if (closes && !close_is_noted(member, fact.event.close.epoch)) {
        return false;
    }
    struct verdict verdict = core_step(&member->core, member->topology, &fact.event);
    applied(member, &fact, &message, &verdict, comment);
    return true;
}

void apply_check_caught_up(struct coordinator *member) {
    if (member->caught_up || !member->head_known || member->applied_index < member->head_index) {
        return;
    }
    member->caught_up = true;
    attest_caught_up(&member->attest);
    log_event(LOG_NOTICE, "member.caught_up", "index=%" PRIu64 " epoch=%" PRIu64,
              member->applied_index, member->core.epoch);
}

void apply_queue(struct coordinator *member) {
    unsigned applied_n = 0;
    while (member->queue_first != NULL && !member->applying_blocked && !member->stopped_for_human &&
           applied_n < APPLY_AT_ONCE) {
        struct queued_fact *first = member->queue_first;
        if (!apply_one(member, first)) {
            break;
        }
        member->applied_index = first->index;
        member->facts_since_snapshot++;
        apply_take_off(member);
        applied_n++;
    }
    apply_check_caught_up(member);
    if (applied_n > 0) {
        member_stir(member);
    }
}
