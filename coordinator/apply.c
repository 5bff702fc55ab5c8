/* Facts are applied one by one in the log's order; a CLOSE waits until the note of it is on
 * disk. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "coordinator/history.h"
#include "coordinator/member.h"
#include "coordinator/recording.h"

#define APPLY_AT_ONCE 256 /* facts a turn of the loop */

/* ---------------------------------------------------------------- topology */

static void name_own_index(struct coordinator *member) {
    member->index = topology_member(member->topology, member->keys.name);
    if (member->index == NONE) {
        log_event(LOG_ERR, "member.unknown", "name=%s the topology has no such member",
                  member->keys.name);
    }
}

void apply_topology_taken(struct coordinator *member) {
    struct text256 why;
    name_own_index(member);
    memset(member->agents, 0, sizeof member->agents);
    lags_forget(member);
    if (member->wire != NULL && listen_allow(member, &why) != ERR_OK) {
        log_event(LOG_ERR, "wire.allow_list", "%s", why.at);
    }
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
        return; /* keeps attesting what is open, applies nothing more, tries again later */
    }
    apply_queue(member);
}

/* True when the CLOSE may be applied now; else its note is on the way to the disk. */
static bool close_is_noted(struct coordinator *member, uint64_t epoch) {
    if (member->notes.attest.closed_epoch >= epoch) {
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

static void tell(struct coordinator *member, const struct queued_fact *queued,
                 const struct fact *fact, const struct decide_lines *lines) {
    /* By the wall clocks of the member that proposed it and of this one: for reading, not
     * deciding, and so no part of the decision's line. */
    int64_t age_ms = (int64_t)clock_wall_ms() - (int64_t)fact->wall_ms;
    for (unsigned i = 0; i < lines->n; i++) {
        log_event(lines->at[i].level, lines->at[i].event, "%s age_ms=%" PRId64, lines->at[i].text,
                  age_ms);
    }
    struct recorder_record record = {.kind = RECORDER_FACT,
                                     .at = member->step_at,
                                     .index = queued->index,
                                     .payload = queued->bytes,
                                     .payload_size = queued->size};
    recording_put(member->recording, &member->decide, &record, lines);
}

static void refused(struct coordinator *member, const struct decision *decision) {
    const struct message *message = &decision->message;
    const char *why = decision->why.at;
    member->facts_refused_n++;
    if (member->topology_known) {
        history_fact(member->history, member, &decision->fact, message, &decision->verdict, why);
    }
    if (message->kind == MESSAGE_REQUEST) {
        operators_applied(member, &message->request, &decision->verdict, why);
    }
}

static void applied(struct coordinator *member, const struct decision *decision) {
    const struct fact *fact = &decision->fact;
    const struct message *message = &decision->message;
    const struct verdict *verdict = &decision->verdict;
    bool time = fact->event.kind == EVENT_TICK || fact->event.kind == EVENT_TIMEKEEPER;
    if (time && verdict->result == RESULT_APPLIED) {
        propose_time_told(member, fact);
    }
    history_fact(member->history, member, fact, message, verdict, decision->comment);
    if (message->kind == MESSAGE_REQUEST) {
        operators_applied(member, &message->request, verdict,
                          fact->event.kind == EVENT_CONFIG ? "The topology is in force."
                                                           : rule_sentence(verdict->rule));
    }
    bool moved = fact->event.kind == EVENT_CLOSE || fact->event.kind == EVENT_OPEN;
    if (moved && verdict->result == RESULT_APPLIED) {
        listen_tell_lease(member);
    }
    if (fact->event.kind == EVENT_OPEN && verdict->result == RESULT_APPLIED) {
        lags_forget(member); /* as the core does */
    }
}

/* False: not now, the queue stands. */
static bool apply_one(struct coordinator *member, const struct queued_fact *queued) {
    static struct decision decision;
    static struct decide_lines lines;
    member->step_at = clock_stamp(); /* one reading for what is decided and what is recorded */
    if (!decide_read(&member->decide, queued->bytes, queued->size, queued->index, &decision,
                     &lines)) {
        tell(member, queued, &decision.fact, &lines);
        refused(member, &decision);
        return true;
    }
    if (decision.topology_changed) {
        apply_topology_taken(member);
    }
    uint64_t closes = decide_closes(&member->decide, &decision);
    if (closes > 0 && !close_is_noted(member, closes)) {
        return false;
    }
    decide_step(&member->decide, &decision, &lines);
    tell(member, queued, &decision.fact, &lines);
    applied(member, &decision);
    return true;
}

void apply_check_caught_up(struct coordinator *member) {
    if (member->caught_up || !member->head_known || member->applied_index < member->head_index) {
        return;
    }
    member->caught_up = true;
    static struct decide_lines lines;
    struct recorder_record record = {
        .kind = RECORDER_CAUGHT_UP, .at = clock_stamp(), .index = member->applied_index};
    decide_caught_up(&member->decide, member->applied_index, &lines);
    recording_put(member->recording, &member->decide, &record, &lines);
    recording_log(&lines);
    epochs_caught_up(member);
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
    epochs_check(member);
    if (applied_n > 0) {
        member_stir(member);
    }
}
