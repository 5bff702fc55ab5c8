#include "coordinator/decide/replay.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/sign.h"
#include "proto/canon.h"

struct replay *replay_make(const struct replay_change *changes, unsigned changes_n,
                           const struct replay *recorded) {
    struct replay *replay = calloc(1, sizeof *replay);
    uint8_t *scratch = malloc(FACTS_SCRATCH_SIZE);
    if (replay == NULL || scratch == NULL) {
        free(replay);
        free(scratch);
        return NULL;
    }
    ensure(changes_n <= REPLAY_CHANGES_MAX);
    for (unsigned i = 0; i < changes_n; i++) {
        replay->changes[i] = changes[i];
    }
    replay->changes_n = changes_n;
    replay->recorded = recorded;
    replay->decide.inner_scratch = scratch;
    return replay;
}

void replay_free(struct replay *replay) {
    if (replay != NULL) {
        free(replay->decide.inner_scratch);
        free(replay->views);
        free(replay);
    }
}

/* --------------------------------------------------------------- differences */

static void differs(struct replay *replay, const char *what, uint64_t index, const char *recorded,
                    size_t recorded_size, const char *replayed) {
    struct replay_difference *first = &replay->difference;
    if (replay->differences_n++ > 0) {
        return;
    }
    first->offset = replay->offset;
    first->input = replay->inputs_n;
    first->index = index;
    first->what = what;
    size_t size =
        recorded_size < sizeof first->recorded ? recorded_size : sizeof first->recorded - 1;
    memcpy(first->recorded, recorded, size);
    first->recorded[size] = '\0';
    for (size_t i = 0; i < size; i++) { /* it comes from a file */
        unsigned char c = (unsigned char)first->recorded[i];
        first->recorded[i] = c >= 0x20 && c < 0x7f ? first->recorded[i] : c == '\n' ? '\n' : '?';
    }
    (void)text_copy(first->replayed, sizeof first->replayed, replayed);
}

static size_t lines_text(const struct decide_lines *lines, char out[REPLAY_TEXT_SIZE]) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < lines->n; i++) {
        size_t n = decide_line_text(&lines->at[i], out + used, REPLAY_TEXT_SIZE - used);
        ensure(n > 0);
        used += n;
    }
    return used;
}

void replay_tell(struct replay *replay) {
    char text[DECIDE_LINE_SIZE + 64];
    for (unsigned i = 0; i < replay->lines.n; i++) {
        size_t n = decide_line_text(&replay->lines.at[i], text, sizeof text);
        ensure(n > 0);
        replay->lines_n++;
        if (replay->on_line != NULL) {
            replay->on_line(replay->owner, text);
        }
    }
}

/* The last input left lines, and no decision was recorded with it. */
static void check_left_out(struct replay *replay) {
    char text[REPLAY_TEXT_SIZE];
    if (replay->unchecked && replay->lines.n > 0) {
        (void)lines_text(&replay->lines, text);
        differs(replay, "a decision that was not recorded", replay->decide.core.applied_index, "",
                0, text);
    }
    replay->unchecked = false;
}

static enum err take_decision(struct replay *replay, const struct recorder_record *record,
                              struct text256 *reterr) {
    char text[REPLAY_TEXT_SIZE];
    uint8_t digest[DIGEST_SIZE];
    if (record->payload_size < DIGEST_SIZE ||
        record->payload_size - DIGEST_SIZE >= REPLAY_TEXT_SIZE) {
        text_say(reterr, "offset %zu: a decision of %zu bytes", replay->offset,
                 record->payload_size);
        return ERR_FORMAT;
    }
    const char *recorded = (const char *)record->payload + DIGEST_SIZE;
    size_t recorded_size = record->payload_size - DIGEST_SIZE;
    size_t size = lines_text(&replay->lines, text);
    replay->checks_n++;
    if (!replay->unchecked) {
        differs(replay, "a decision without an input", record->index, recorded, recorded_size, "");
    } else if (size != recorded_size || memcmp(text, recorded, size) != 0) {
        differs(replay, "another decision", record->index, recorded, recorded_size, text);
    } else {
        decide_digest(&replay->decide, digest);
        if (memcmp(digest, record->payload, DIGEST_SIZE) != 0) {
            differs(replay, "the same decision, another state behind it", record->index, recorded,
                    recorded_size, text);
        }
    }
    replay->unchecked = false;
    return ERR_OK;
}

/* -------------------------------------------------------------------- inputs */

static enum err wrong(const struct replay *replay, const char *what, struct text256 *reterr) {
    text_say(reterr, "offset %zu: %s", replay->offset, what);
    return ERR_FORMAT;
}

static enum err take_start(struct replay *replay, const struct recorder_record *record,
                           struct text256 *reterr) {
    struct bytes_in in = bytes_reader(record->payload, record->payload_size);
    struct attest_durable durable;
    durable.closed_epoch = bytes_get_u64(&in);
    durable.waited_epoch = bytes_get_u64(&in);
    /* Recordings of earlier members end here. */
    durable.first_wait = in.used < record->payload_size && bytes_get_u8(&in) != 0;
    if (!bytes_all_read(&in) || durable.waited_epoch > durable.closed_epoch) {
        return wrong(replay, "the notes of a start are damaged", reterr);
    }
    uint8_t *scratch = replay->decide.inner_scratch;
    memset(&replay->decide, 0, sizeof replay->decide);
    replay->decide.inner_scratch = scratch;
    replay->decide.topology = &replay->topologies[0];
    replay->decide.topology_next = &replay->topologies[1];
    decide_start(&replay->decide, &durable, record->at, &replay->lines);
    replay->executions_seen = replay->recorded_epoch = 0;
    replay->begun = true;
    return ERR_OK;
}

static enum err take_state(struct replay *replay, const struct recorder_record *record, bool same,
                           struct text256 *reterr) {
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct decide *decide = &replay->decide;
    bool goes_on = same && replay->begun && decide->core.applied_index == record->index;
    if (replay->changes_n > 0 && goes_on) {
        return ERR_OK; /* what became of the changes goes on in this file */
    }
    struct text256 why = {{0}};
    if (goes_on) {
        decide_digest(decide, before);
    }
    uint8_t *scratch = decide->inner_scratch;
    memset(decide, 0, sizeof *decide);
    decide->inner_scratch = scratch;
    decide->topology = &replay->topologies[0];
    decide->topology_next = &replay->topologies[1];
    if (decide_state_read(decide, record->payload, record->payload_size, &why) != ERR_OK) {
        text_say(reterr, "offset %zu: %s", replay->offset, why.at);
        return ERR_FORMAT;
    }
    if (goes_on) {
        decide_digest(decide, after);
        if (memcmp(before, after, DIGEST_SIZE) != 0) {
            differs(replay, "this file does not begin where the one before it ends", record->index,
                    "", 0, "");
        }
    }
    replay->executions_seen = decide->core.executions_made;
    replay->recorded_epoch = decide->core.epoch;
    replay->begun = true;
    replay->lines.n = 0;
    return replay->changes_n > 0 && decide->topology_known ? replay_patch(replay, reterr) : ERR_OK;
}

static enum err take_snapshot(struct replay *replay, const struct recorder_record *record,
                              struct text256 *reterr) {
    static struct snapshot snapshot;
    struct text256 why = {{0}};
    if (decide_snapshot(&replay->decide, record->payload, record->payload_size, record->index,
                        &snapshot, &replay->lines, &why) != ERR_OK) {
        text_say(reterr, "offset %zu: %s", replay->offset, why.at);
        return ERR_FORMAT;
    }
    topology_check(replay->decide.topology, &replay->findings);
    if (replay->findings.errors_n > 0) {
        return wrong(replay, "the snapshot's topology has errors", reterr);
    }
    replay->executions_seen = replay->decide.core.executions_made;
    replay->recorded_epoch = replay->decide.core.epoch;
    return replay->changes_n > 0 ? replay_patch(replay, reterr) : ERR_OK;
}

static enum err take_fact(struct replay *replay, const struct recorder_record *record,
                          struct text256 *reterr) {
    struct decide *decide = &replay->decide;
    struct decision *decision = &replay->decision;
    replay->facts_n++;
    if (record->index <= decide->core.applied_index) {
        return wrong(replay, "a fact that comes before the one applied last", reterr);
    }
    /* A next topology is held to the recorded one before it, not to the changed one. */
    bool patched = replay->changes_n > 0 && decide->topology_known && record->payload_size > 1 &&
                   record->payload[1] == EVENT_CONFIG;
    if (patched) {
        decide->topology->lease = replay->lease;
        decide->topology->policy = replay->policy;
    }
    bool good = decide_read(decide, record->payload, record->payload_size, record->index, decision,
                            &replay->lines);
    bool patch = replay->changes_n > 0 && (patched || (good && decision->topology_changed));
    enum err err = patch ? replay_patch(replay, reterr) : ERR_OK;
    if (err != ERR_OK || !good) {
        return err;
    }
    struct event *event = &decision->fact.event;
    if (replay->changes_n > 0) {
        bool first = replay->recorded_epoch == 0; /* of a log begun anew it is above 1 */
        if (event->kind == EVENT_OPEN &&
            (first || event->open.epoch == replay->recorded_epoch + 1)) {
            replay->recorded_epoch = event->open.epoch;
        }
        /* Not the recorded ones: those that the members would have appended (replay_follow). */
        if (event->kind == EVENT_OPEN || event->kind == EVENT_CLOSE) {
            return ERR_OK;
        }
        if (event->kind == EVENT_VIEW && replay->recorded_epoch > decide->core.epoch) {
            event->view.attesting = 0; /* its YES was to an epoch that is not open here yet */
        }
        if (event->kind == EVENT_VIEW) {
            replay_view_change(replay, event);
        }
    } else if (event->kind == EVENT_VIEW && !replay_view_keep(replay, event)) {
        replay->views_lost = true;
    }
    decide_step(decide, decision, &replay->lines);
    return ERR_OK;
}

static enum err take_question(struct replay *replay, const struct recorder_record *record,
                              struct text256 *reterr) {
    struct recorder_question question;
    struct decide *decide = &replay->decide;
    char recorded[120], replayed[120];
    replay->questions_n++;
    if (!recorder_question_read(record, &question) || !decide->topology_known ||
        question.agent >= decide->topology->agents_n) {
        return wrong(replay, "a question of no agent of the topology, or a damaged one", reterr);
    }
    if (replay->changes_n > 0) {
        question.ask.wait_ms = decide_wait_ms(decide->topology);
    }
    enum attest_no answer = decide_answer(decide, question.agent, &question.ask, &replay->lines);
    if ((uint8_t)answer != question.answer && replay->changes_n == 0) {
        bool fits = text_format(recorded, sizeof recorded, "answer=%u", question.answer) &&
                    text_format(replayed, sizeof replayed, "answer=%u", (unsigned)answer);
        ensure(fits);
        differs(replay, "another answer to a question", record->index, recorded, strlen(recorded),
                replayed);
    }
    return ERR_OK;
}

static enum err take_fence(struct replay *replay, const struct recorder_record *record,
                           struct text256 *reterr) {
    uint8_t canon[CANON_MAX];
    struct bytes_in in = bytes_reader(record->payload, record->payload_size);
    struct fence_proof proof = {.present = true};
    const struct topology *topology = replay->decide.topology;
    uint8_t agent = bytes_get_u8(&in);
    proof.epoch = bytes_get_u64(&in);
    bytes_get_raw(&in, proof.signature, SIGNATURE_SIZE);
    if (!bytes_all_read(&in) || !replay->decide.topology_known || agent >= topology->agents_n) {
        return wrong(replay, "a fence proof of no agent of the topology, or a damaged one", reterr);
    }
    (void)text_copy(proof.agent, sizeof proof.agent, topology->agents[agent].name);
    (void)text_copy(proof.region, sizeof proof.region,
                    topology->regions[topology->agents[agent].region].name);
    size_t size = canon_fence(topology->cluster, &proof, canon);
    const struct agent *entry = &topology->agents[agent];
    if (sign_verify_either(entry->guard_key, entry->guard_key_next, canon, size, proof.signature) !=
        ERR_OK) {
        return wrong(replay, "a fence proof whose signature does not verify", reterr);
    }
    decide_fence_proof(&replay->decide, agent, proof.epoch, &replay->lines);
    return ERR_OK;
}

static void take_waited(struct replay *replay, const struct recorder_record *record) {
    if (replay->changes_n > 0) {
        replay->lines.n = 0; /* replay_follow() knows when it is over now */
        return;
    }
    if (!decide_waited(&replay->decide, record->index, &replay->lines)) {
        differs(replay, "a wait that is over, and none was running", record->index, "", 0, "");
    }
}

static enum err take_input(struct replay *replay, const struct recorder_record *record,
                           struct text256 *reterr) {
    enum err err = ERR_OK;
    replay->lines.n = 0;
    replay->inputs_n++;
    replay->now = record->at;
    replay->decide.step_at = record->at;
    switch ((enum recorder_kind)record->kind) {
    case RECORDER_FACT: err = take_fact(replay, record, reterr); break;
    case RECORDER_SNAPSHOT: err = take_snapshot(replay, record, reterr); break;
    case RECORDER_CAUGHT_UP:
        decide_caught_up(&replay->decide, record->index, &replay->lines);
        break;
    case RECORDER_QUESTION: err = take_question(replay, record, reterr); break;
    case RECORDER_FENCE: err = take_fence(replay, record, reterr); break;
    case RECORDER_WAITED: take_waited(replay, record); break;
    case RECORDER_START:
    case RECORDER_STATE:
    case RECORDER_DECISION:
    case RECORDER_KINDS_N: return wrong(replay, "a record where none of its kind may be", reterr);
    }
    replay->unchecked = true;
    return err;
}

/* START or STATE, and nothing else, begins a file. */
static enum err take_first(struct replay *replay, const struct recorder_record *record, bool same,
                           struct text256 *reterr) {
    if (replay->files_n == 1) {
        replay->first = record->at;
    }
    replay->now = record->at;
    replay->decide.step_at = record->at;
    replay->unchecked = record->kind == RECORDER_START;
    if (record->kind == RECORDER_START) {
        replay->inputs_n++;
        return take_start(replay, record, reterr);
    }
    return record->kind == RECORDER_STATE
               ? take_state(replay, record, same, reterr)
               : wrong(replay, "expected a start or a whole state as the first record", reterr);
}

static enum err take_record(struct replay *replay, const struct recorder_record *record, bool first,
                            bool same, struct text256 *reterr) {
    if (record->kind == RECORDER_DECISION && !first) {
        return replay->changes_n > 0 ? ERR_OK : take_decision(replay, record, reterr);
    }
    if (replay->changes_n == 0) {
        check_left_out(replay);
    }
    enum err err =
        first ? take_first(replay, record, same, reterr) : take_input(replay, record, reterr);
    if (err == ERR_OK) {
        replay_tell(replay);
        if (replay->changes_n > 0) {
            replay_follow(replay);
        }
        replay_observe(replay);
    }
    return err;
}

enum err replay_file(struct replay *replay, const uint8_t *bytes, size_t size,
                     struct text256 *reterr) {
    struct recorder_reader reader;
    struct recorder_record record;
    enum err err = recorder_open(bytes, size, &reader, reterr);
    if (err != ERR_OK) {
        return err;
    }
    bool same = replay->files_n > 0 && reader.head.boot_id == replay->boot_id &&
                text_equal(reader.head.member, replay->member);
    if (replay->files_n > 0 && !text_equal(reader.head.member, replay->member)) {
        text_say(reterr, "a recording of member %s behind one of member %s", reader.head.member,
                 replay->member);
        return ERR_FORMAT;
    }
    replay->files_n++;
    replay->boot_id = reader.head.boot_id;
    (void)text_copy(replay->member, sizeof replay->member, reader.head.member);
    for (bool first = true; err == ERR_OK; first = false) {
        replay->offset = reader.offset;
        err = recorder_next(&reader, &record, reterr);
        if (err == ERR_NOT_FOUND && first) {
            return wrong(replay, "an empty recording", reterr);
        }
        err = err != ERR_OK ? err : take_record(replay, &record, first, same, reterr);
    }
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    replay->torn_n += reader.torn;
    if (replay->changes_n == 0 && !reader.torn) {
        check_left_out(replay);
    }
    replay->unchecked = false;
    return ERR_OK;
}
