/* What followed from a fact: regions that look otherwise, executions that moved on, steps that
 * started, wait or failed; and at a close, how far behind each link was: the loss to expect. */
#include <inttypes.h>
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/history_parts.h"
#include "coordinator/seen_words.h"

static void tell_regions(const struct telling *telling) {
    for (uint8_t r = 0; r < telling->topology->regions_n; r++) {
        uint8_t was = telling->before->last_class[r], is = telling->after->last_class[r];
        if (was == is) {
            continue;
        }
        struct history_row row = telling_row(telling, "region");
        row.rule = 0; /* seen, not decided */
        (void)text_copy(row.subject, sizeof row.subject, telling_region(telling, r));
        (void)text_format(row.text, sizeof row.text, "region %s: %s -> %s",
                          telling_region(telling, r), class_text((enum region_class)was),
                          class_text((enum region_class)is));
        telling->emit(telling->owner, &row);
    }
}

static void tell_loss(const struct telling *telling) {
    bool closes = telling->before->open && !telling->after->open;
    for (uint8_t l = 0; closes && l < telling->topology->links_n; l++) {
        const struct link_view *view = &telling->after->links[l];
        const char *name = telling->topology->links[l].name;
        struct history_row row = telling_row(telling, "lag");
        (void)text_copy(row.subject, sizeof row.subject, name);
        if (view->known) {
            row.ms = view->lag_ms;
            row.bytes = (int64_t)view->lag_bytes;
            (void)text_format(
                row.text, sizeof row.text,
                "%s was %s and %" PRIu64 " bytes behind at the close of epoch %" PRIu64, name,
                duration_text(view->lag_ms).at, view->lag_bytes, telling->after->epoch);
        } else {
            (void)text_format(row.text, sizeof row.text,
                              "how far %s was behind at the close of epoch %" PRIu64
                              " is not known",
                              name, telling->after->epoch);
        }
        telling->emit(telling->owner, &row);
    }
}

/* The fact's own sentence says it already. */
static bool said_already(const struct telling *telling, const struct execution *execution,
                         uint8_t step) {
    const struct event *event = &telling->fact->event;
    if (telling->verdict->result != RESULT_APPLIED) {
        return false;
    }
    if (event->kind == EVENT_OUTCOME) {
        return event->outcome.execution == execution->id && event->outcome.step == step &&
               (execution->steps[step].phase == STEP_DONE ||
                execution->steps[step].phase == STEP_FAILED);
    }
    return event->kind == EVENT_REQUEST && event->request.execution == execution->id &&
           event->request.step == step &&
           (execution->steps[step].phase == STEP_SKIPPED ||
            execution->steps[step].phase == STEP_BY_HAND ||
            (event->request.kind == REQUEST_STEP_DONE &&
             execution->steps[step].phase == STEP_DONE));
}

static void step_words(const struct telling *telling, const struct execution *execution,
                       uint8_t step, struct history_row *row) {
    const struct step_state *state = &execution->steps[step];
    const char *name = telling_step(telling, execution, step);
    if (state->phase == STEP_RUNNING) {
        (void)text_format(row->text, sizeof row->text, "step %s starts at %s, attempt %u", name,
                          telling_agent(telling, state->agent), state->attempt);
    } else if (state->phase == STEP_APPROVAL) {
        const struct plan *plan = &telling->topology->plans[execution->plan];
        uint8_t role = plan->steps[step].approval;
        if (plan->steps[step].action == ACTION_MANUAL) {
            (void)text_format(row->text, sizeof row->text, "step %s waits for %s to do it by hand",
                              name, role == NONE ? "somebody" : role_text((enum role)role));
            return;
        }
        (void)text_format(row->text, sizeof row->text, "step %s needs approval%s%s, under %s", name,
                          role == NONE ? "" : " of ",
                          role == NONE ? "" : role_text((enum role)role),
                          telling_policy(telling).at);
    } else if (state->phase == STEP_FAILED) {
        (void)text_format(row->text, sizeof row->text, "step %s failed at %s: %s", name,
                          telling_agent(telling, state->agent), err_text((enum err)state->err));
    } else if (state->phase == STEP_LEFT_OUT) {
        (void)text_format(row->text, sizeof row->text, "step %s: left out, as the move is %s", name,
                          execution_is_graceful(execution) ? "graceful" : "ungraceful");
    } else {
        (void)text_format(row->text, sizeof row->text, "step %s: %s", name,
                          step_phase_text((enum step_phase)state->phase));
    }
}

static void tell_voids(const struct telling *telling, const struct execution *was,
                       const struct execution *is) {
    for (uint8_t s = 0; s < is->steps_n; s++) {
        const struct step_state *before = &was->steps[s], *now = &is->steps[s];
        if (before->approved_by == NONE || now->approved_by != NONE) {
            continue;
        }
        char moved[200];
        struct history_row row = telling_row(telling, "step");
        uint16_t bits = seen_moves_now(telling->after, telling->topology, is, s);
        row.execution = is->id;
        (void)text_copy(row.subject, sizeof row.subject, telling_step(telling, is, s));
        seen_step_words(telling->topology, is, s, now->seen, bits, moved, sizeof moved);
        (void)text_format(row.text, sizeof row.text, "the approval of step %s is void%s%s",
                          row.subject, moved[0] == '\0' ? "" : ": ", moved);
        telling->emit(telling->owner, &row);
    }
}

static void tell_steps(const struct telling *telling, const struct execution *was,
                       const struct execution *is) {
    for (uint8_t s = 0; s < is->steps_n; s++) {
        uint8_t before = was == NULL ? (uint8_t)STEP_WAITING : was->steps[s].phase;
        uint16_t attempt = was == NULL ? 0 : was->steps[s].attempt;
        const struct step_state *now = &is->steps[s];
        bool again = now->phase == STEP_RUNNING && now->attempt != attempt;
        bool never_asked = was == NULL && now->phase == STEP_LEFT_OUT;
        if ((before == now->phase && !again) || never_asked || said_already(telling, is, s)) {
            continue;
        }
        struct history_row row = telling_row(telling, "step");
        row.execution = is->id;
        (void)text_copy(row.subject, sizeof row.subject, telling_step(telling, is, s));
        step_words(telling, is, s, &row);
        telling->emit(telling->owner, &row);
    }
}

static void created_words(const struct telling *telling, const struct execution *is,
                          struct history_row *row) {
    const struct plan *plan = &telling->topology->plans[is->plan];
    bool inside = execution_yields(is);
    (void)text_format(row->text, sizeof row->text,
                      "execution %" PRIu64 " begins: %s %s%s%s by plan %s, %s, under %s", is->id,
                      plan_kind_text((enum plan_kind)is->kind),
                      inside ? "in" : telling_region(telling, is->source), inside ? " " : " -> ",
                      telling_region(telling, is->target), plan->name,
                      is->automatic ? "automatic" : "declared", telling_policy(telling).at);
}

/* It counts as held when all of it was done. */
static void note_held(const struct telling *telling, const struct execution *is,
                      struct history_row *row) {
    const struct topology *topology = telling->topology;
    if (is->kind != PLAN_DRILL || is->exceptions > 0 || is->plan >= topology->plans_n ||
        topology->plans[is->plan].drill >= topology->drills_n) {
        return;
    }
    history_drill_work(topology, topology->plans[is->plan].drill, row->work);
    (void)text_copy(row->plan, sizeof row->plan, topology->plans[is->plan].name);
    row->how = RUN_DRILL;
    row->end = RUN_DONE;
}

static void tell_stage(const struct telling *telling, const struct execution *was,
                       const struct execution *is) {
    struct history_row row = telling_row(telling, "execution");
    row.execution = is->id;
    if (was == NULL) {
        created_words(telling, is, &row);
        telling->emit(telling->owner, &row);
        return;
    }
    if (was->stage != is->stage) {
        if (is->stage == STAGE_DONE && is->finished_ms >= is->outage_ms) {
            row.ms = (int64_t)(is->finished_ms - is->outage_ms);
            note_held(telling, is, &row);
        }
        char words[40] = "";
        if (is->stage == STAGE_SUPERSEDED || is->stage == STAGE_INTERRUPTED) {
            (void)text_format(words, sizeof words, " by execution %" PRIu64, is->id + 1);
        } else if (is->stage == STAGE_DONE && is->exceptions > 0) {
            (void)text_copy(words, sizeof words, ", with exceptions");
        }
        (void)text_format(row.text, sizeof row.text, "execution %" PRIu64 ": %s%s", is->id,
                          stage_text((enum execution_stage)is->stage), words);
        telling->emit(telling->owner, &row);
    }
    if (was->paused != is->paused && !execution_finished(is)) {
        struct history_row pause = telling_row(telling, "execution");
        pause.execution = is->id;
        bool step = is->paused == PAUSE_STEP_FAILED || is->paused == PAUSE_REJECTED ||
                    is->paused == PAUSE_NO_AGENT;
        (void)text_format(
            pause.text, sizeof pause.text, "execution %" PRIu64 " %s%s%s", is->id,
            is->paused == PAUSE_NO ? "goes on" : pause_text((enum pause_why)is->paused),
            step ? " at step " : "", step ? telling_step(telling, is, is->paused_step) : "");
        telling->emit(telling->owner, &pause);
    }
}

static const char *operator_name(const struct telling *telling, uint8_t commander) {
    unsigned index = commander - 1u;
    return index < telling->topology->operators_n ? telling->topology->operators[index].name : "?";
}

/* Only while it runs: it ends with the execution. */
static void tell_command(const struct telling *telling, const struct execution *was,
                         const struct execution *is) {
    uint8_t before = was == NULL ? 0 : was->commander;
    struct history_row row = telling_row(telling, "command");
    row.execution = is->id;
    if (before != is->commander) {
        (void)text_copy(row.subject, sizeof row.subject, operator_name(telling, is->commander));
        (void)text_format(row.text, sizeof row.text, "%s has command of execution %" PRIu64 "%s%s",
                          row.subject, is->id, before == 0 ? "" : ", no longer ",
                          before == 0 ? "" : operator_name(telling, before));
        telling->emit(telling->owner, &row);
    } else if (was != NULL && was->asked_by != 0 && is->asked_by == 0) {
        (void)text_copy(row.subject, sizeof row.subject, operator_name(telling, is->commander));
        (void)text_format(row.text, sizeof row.text,
                          "%s was heard, and keeps command of execution %" PRIu64, row.subject,
                          is->id);
        telling->emit(telling->owner, &row);
    }
}

void telling_changes(const struct telling *telling) {
    tell_regions(telling);
    tell_loss(telling);
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *is = &telling->after->executions[i];
        const struct execution *was = &telling->before->executions[i];
        if (is->id == 0 || memcmp(is, was, sizeof *is) == 0) {
            continue;
        }
        const struct execution *same = was->id == is->id ? was : NULL;
        tell_stage(telling, same, is);
        tell_command(telling, same, is);
        if (same != NULL) {
            tell_voids(telling, same, is);
        }
        tell_steps(telling, same, is);
    }
}
