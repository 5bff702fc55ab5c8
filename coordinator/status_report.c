/* The history as a timeline, and one execution as a report: how long it took, from the outage
 * on, and what was lost. Times and losses come from the history, so that a report stays what it
 * was. */
#include <inttypes.h>
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/history.h"
#include "coordinator/status_parts.h"

#define TIMELINE_MOST 500
#define LAST_AMONG 32 /* the newest ones may not be written yet */

struct gathering {
    struct answering *answering;
    json_t *list;
    uint64_t last_height;
    uint32_t n;
};

static json_t *record_object(const struct history_record *record) {
    static const char *const results[] = {"applied", "nothing", "stale", "refused"};
    json_t *object = json_object();
    put_count(object, "height", record->height);
    put_count(object, "index", record->index);
    put_wall(object, "at", record->wall_ms);
    put_count(object, "core_ms", record->core_ms);
    put_count(object, "execution", record->execution);
    put_count(object, "rule", record->rule);
    put_text(object, "result", record->result < 4 ? results[record->result] : "?");
    put_text(object, "kind", record->kind);
    put_text(object, "subject", record->subject);
    put_number(object, "ms", record->ms);
    put_number(object, "bytes", record->bytes);
    put_text(object, "text", record->text);
    put_text(object, "digest", record->digest);
    return object;
}

static bool gather(void *owner, const struct history_record *record) {
    struct gathering *gathering = owner;
    (void)json_array_append_new(gathering->list, record_object(record));
    gathering->last_height = record->height;
    gathering->n++;
    return true;
}

void put_last_record(struct answering *answering) {
    struct coordinator *member = answering->member;
    struct gathering gathering = {.answering = answering, .list = json_array()};
    uint64_t height = 0;
    uint8_t head[DIGEST_SIZE];
    if (member->history != NULL) {
        history_head(member->history, &height, head);
        uint64_t from = height > LAST_AMONG ? height - LAST_AMONG + 1 : 1;
        history_each(member->history, from, 0, LAST_AMONG, &gathering, gather);
    }
    json_t *last = gathering.n == 0
                       ? NULL
                       : json_array_get(gathering.list, json_array_size(gathering.list) - 1);
    put_object(answering->json, "last_record", last == NULL ? json_null() : json_incref(last));
    json_decref(gathering.list);
}

/* ------------------------------------------------------------- what a step said last */

struct said {
    const char *step;
    char *words;
    size_t size;
};

/* Of "step NAME failed by AGENT in N ms: WORDS" the words, until its next attempt starts. */
static bool hear(void *owner, const struct history_record *record) {
    static const char before[] = " ms: ";
    struct said *said = owner;
    bool ours = record->result == RESULT_APPLIED && text_equal(record->subject, said->step);
    bool outcome = text_equal(record->kind, event_text(EVENT_OUTCOME));
    if (ours && outcome && strstr(record->text, " failed by ") != NULL) {
        const char *words = strstr(record->text, before);
        (void)text_copy(said->words, said->size, words == NULL ? "" : words + sizeof before - 1);
    } else if (ours && !outcome && strstr(record->text, " starts at ") != NULL) {
        (void)text_copy(said->words, said->size, "");
    }
    return true;
}

void step_words(struct answering *answering, uint64_t execution, const char *step, char *ret_words,
                size_t words_size) {
    struct said said = {.step = step, .words = ret_words, .size = words_size};
    struct history *history = answering->member->history;
    uint64_t height = 0;
    uint8_t head[DIGEST_SIZE];
    (void)text_copy(ret_words, words_size, "");
    if (history != NULL) {
        history_head(history, &height, head);
        uint64_t from = height > TIMELINE_MOST ? height - TIMELINE_MOST + 1 : 1;
        history_each(history, from, execution, TIMELINE_MOST, &said, hear);
    }
}

/* ------------------------------------------------------------------------- timeline */

void timeline_answer(struct answering *answering) {
    uint64_t execution = 0, height = 0;
    uint8_t head[DIGEST_SIZE];
    struct coordinator *member = answering->member;
    if (answering->argument[0] != '\0' &&
        !text_to_u64(answering->argument, INT64_MAX, &execution)) {
        answer_wrong(answering, "\"%s\" is no execution: expected its number", answering->argument);
        return;
    }
    history_head(member->history, &height, head);
    uint64_t from = answering->from;
    if (from == 0 && execution == 0) { /* the newest ones */
        from = height > TIMELINE_MOST ? height - TIMELINE_MOST + 1 : 1;
    }
    struct gathering gathering = {.answering = answering, .list = json_array()};
    history_each(member->history, from, execution, TIMELINE_MOST, &gathering, gather);
    put_object(answering->json, "records", gathering.list);
    put_count(answering->json, "height", height);
    put_yes(answering->json, "more", gathering.n == TIMELINE_MOST);
    put_count(answering->json, "next_from", gathering.last_height + 1);
    put_text(answering->json, "trouble", history_trouble(member->history));
}

/* -------------------------------------------------------------------------- report */

struct reporting {
    struct answering *answering;
    json_t *losses, *timeline;
    bool loss_missed;
};

uint64_t objective_rpo_ms(const struct topology *topology, uint8_t link) {
    return link_limit_ms(topology, &topology->links[link]);
}

static void add_loss(struct reporting *reporting, const struct history_record *record) {
    const struct topology *topology = reporting->answering->topology;
    uint8_t link = topology_link(topology, record->subject);
    uint64_t rpo_ms = link == NONE ? 0 : objective_rpo_ms(topology, link);
    bool known = record->ms >= 0;
    bool met = known && (rpo_ms == 0 || (uint64_t)record->ms <= rpo_ms);
    json_t *object = list_add(reporting->losses);
    put_text(object, "link", record->subject);
    put_text(object, "component",
             link == NONE ? "" : name_component(topology, topology->links[link].component));
    put_yes(object, "known", known);
    put_number(object, "lag_ms", record->ms);
    /* So many tokens were lost, not bytes. */
    bool counts = link != NONE && link_counts_writes(&topology->links[link]);
    put_number(object, counts ? "lag_writes" : "lag_bytes", record->bytes);
    put_count(object, "rpo_ms", rpo_ms);
    put_yes(object, "met", met);
    reporting->loss_missed = reporting->loss_missed || (rpo_ms > 0 && !met);
}

static bool report_record(void *owner, const struct history_record *record) {
    struct reporting *reporting = owner;
    if (text_equal(record->kind, "lag")) {
        add_loss(reporting, record);
    }
    (void)json_array_append_new(reporting->timeline, record_object(record));
    return true;
}

static bool loss_record(void *owner, const struct history_record *record) {
    if (text_equal(record->kind, "lag")) {
        add_loss(owner, record);
    }
    return true;
}

json_t *losses_list(struct answering *answering, const struct execution *execution) {
    struct reporting reporting = {.answering = answering, .losses = json_array()};
    if (answering->member->history != NULL && execution->closed_ms != 0) {
        history_each(answering->member->history, 1, execution->id, TIMELINE_MOST, &reporting,
                     loss_record);
    }
    return reporting.losses;
}

static void put_span(json_t *object, const char *key, uint64_t from_ms, uint64_t to_ms) {
    if (from_ms == 0 || to_ms < from_ms) {
        put_null(object, key);
    } else {
        put_count(object, key, to_ms - from_ms);
    }
}

/* The strictest objective of the tiers that the plan's steps serve. */
uint64_t objective_rto_ms(const struct topology *topology) {
    uint64_t rto_ms = 0;
    for (unsigned i = 0; i < OBJECTIVES_MAX && rto_ms == 0; i++) {
        rto_ms = topology->objectives[i].rto_ms;
    }
    return rto_ms;
}

/* Each tier by its own steps; where they are not known (the plan is of another topology, the
 * execution was given up) the whole of it by the strictest objective. */
static void put_objective(struct answering *answering, const struct execution *execution,
                          const json_t *losses) {
    uint64_t rto_ms = objective_rto_ms(answering->topology);
    bool over = !execution_runs(execution), tiers_met;
    uint64_t end_ms = over ? execution->finished_ms : answering->core->now_ms;
    uint64_t took_ms = end_ms > execution->outage_ms ? end_ms - execution->outage_ms : 0;
    json_t *tiers = tiers_list(answering, execution, losses, &tiers_met);
    bool met = json_array_size(tiers) > 0 ? tiers_met : rto_ms == 0 || took_ms <= rto_ms;
    json_t *object = json_object();
    put_count(object, "objective_ms", rto_ms);
    put_count(object, "actual_ms", took_ms);
    put_yes(object, "met", met);
    put_object(answering->json, "rto", object);
    put_object(answering->json, "tiers", tiers);
    if (!met) {
        answering->exit_code = 9;
    }
}

void report_answer(struct answering *answering) {
    uint64_t id = 0;
    bool number = text_to_u64(answering->argument, INT64_MAX, &id);
    const struct execution *execution = answering->argument[0] == '\0'
                                            ? execution_newest(answering->core)
                                        : number ? core_execution(answering->core, id)
                                                 : NULL;
    if (execution == NULL) {
        answer_wrong(answering,
                     "execution \"%s\" is not among the %d newest; its records: drover "
                     "timeline %s",
                     answering->argument, EXECUTIONS_MAX, answering->argument);
        return;
    }
    struct reporting reporting = {
        .answering = answering, .losses = json_array(), .timeline = json_array()};
    json_t *spans = json_object();
    put_object(answering->json, "execution", execution_object(answering, execution));
    put_span(spans, "detect_ms", execution->outage_ms, execution->created_ms);
    put_span(spans, "fence_ms", execution->created_ms, execution->closed_ms);
    put_span(spans, "take_ms", execution->closed_ms, execution->opened_ms);
    put_span(spans, "run_ms", execution->opened_ms, execution->finished_ms);
    put_object(answering->json, "spans", spans);
    history_each(answering->member->history, 1, execution->id, TIMELINE_MOST, &reporting,
                 report_record);
    put_objective(answering, execution, reporting.losses);
    put_object(answering->json, "losses", reporting.losses);
    put_object(answering->json, "timeline", reporting.timeline);
    put_text(answering->json, "trouble", history_trouble(answering->member->history));
    if (reporting.loss_missed) {
        answering->exit_code = 9;
    }
    if (execution->paused != PAUSE_NO) {
        answering->exit_code = 8;
    }
}
