/* drover plan history: what each step of a plan has shown so far. Each member has its own audit,
 * and one that was replaced has none of before: the one that knows most is believed. */
#include <string.h>

#include "coordinator/cli/plans_simulate_parts.h"
#include "coordinator/cli/show_parts.h"

static long long known_n(const json_t *answer) {
    long long n = 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(answer, "steps"), i, step) {
        n += number_in(step, "runs_n") + number_in(step, "others_n");
    }
    return n;
}

static bool is_better(const struct client_reply *reply, const struct client_reply *best) {
    if (reply->json == NULL || best == NULL) {
        return reply->json != NULL;
    }
    bool is_answer = has(reply->json, "steps"), was_answer = has(best->json, "steps");
    return is_answer != was_answer ? is_answer : known_n(reply->json) > known_n(best->json);
}

json_t *plan_history_ask(struct session *session, const char *plan, const char *region,
                         int *ret_code) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "plan-history"};
    const struct client_reply *best = NULL;
    bool fits = text_format(query.argument, sizeof query.argument, "%s%s%s", plan,
                            region == NULL ? "" : " ", region == NULL ? "" : region);
    if (!fits) {
        *ret_code = EXIT_USAGE;
        return NULL;
    }
    client_ask_all(session, &query, replies);
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        bool asked = session->line->at == NULL ||
                     text_equal(session->line->at, session->pins->members[m].name);
        best = asked && is_better(&replies[m], best) ? &replies[m] : best;
    }
    json_t *json = best == NULL ? NULL : json_incref(best->json);
    *ret_code = best == NULL ? say_nobody(session) : best->exit_code;
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        json_decref(replies[m].json);
    }
    return json;
}

static const char *how_text(const json_t *step) {
    bool automatic = has(step, "last_automatic"), declared = has(step, "last_declared");
    return automatic && declared     ? "both"
           : automatic               ? "automatic"
           : declared                ? "declared"
           : has(step, "last_drill") ? "drills only"
                                     : "-";
}

static void day_cell(struct table *table, const json_t *step, const char *key) {
    cell(table, "%.10s", has(step, key) ? text_in(step, key) : "-");
}

void show_plan_history(const json_t *json) {
    static const char *const heads[] = {"STEP", "RUNS", "LAST", "HOW",     "FAILED",
                                        "OF",   "P50",  "P95",  "AT MOST", ""};
    struct table *table = table_of(10, heads);
    size_t i;
    json_t *step;
    (void)printf("%s  %s %s -> %s, as the steps are now; member %s\n", text_in(json, "plan"),
                 text_in(json, "kind"), text_in(json, "source"), text_in(json, "target"),
                 text_in(json, "member"));
    json_array_foreach(json_object_get(json, "steps"), i, step) {
        bool never = yes_in(step, "never"), failing = yes_in(step, "failing");
        bool timed = number_in(step, "samples_n") > 0;
        cell(table, "%s", text_in(step, "name"));
        cell(table, "%lld", number_in(step, "runs_n"));
        day_cell(table, step, "last");
        cell(table, "%s", how_text(step));
        day_cell(table, step, "last_failed");
        cell(table, "%lld", number_in(step, "samples_n"));
        cell(table, "%s", timed ? span_text(number_in(step, "p50_ms")).at : "-");
        cell(table, "%s", timed ? span_text(number_in(step, "p95_ms")).at : "-");
        cell(table, "%s", span_text(number_in(step, "timeout_ms")).at);
        cell_marked(table, never || failing ? BAD : PLAIN,
                    never                     ? "NEVER RUN"
                    : failing                 ? "FAILED LAST"
                    : !yes_in(step, "counts") ? "a person's word"
                                              : "");
    }
    table_print(table, 0);
    if (text_in(json, "trouble")[0] != '\0') {
        (void)printf("%sTROUBLE%s  %s\n", colour(BAD), colour_off(), text_in(json, "trouble"));
    }
}

int plan_history_run(struct session *session) {
    int code;
    json_t *json = plan_history_ask(session, session->line->words[0], session->line->to, &code);
    if (json == NULL) {
        return code;
    }
    if (has(json, "error") && !session->line->json) {
        (void)fprintf(stderr, "drover: %s\n", text_in(json, "error"));
    } else if (session->line->json) {
        show_json(json);
    } else {
        show_plan_history(json);
    }
    json_decref(json);
    return code;
}

/* ----------------------------------------------------------- durations for a simulation */

/* A step that is called the same and was another then is not this one. */
static bool is_of(const struct simulation_input *input, const struct step *step,
                  const json_t *was) {
    const char *component =
        step->component == NONE ? "" : input->topology->components[step->component].name;
    return text_equal(text_in(was, "name"), step->name) &&
           text_equal(text_in(was, "component"), component) &&
           text_equal(text_in(was, "action"), action_kind_text((enum action_kind)step->action));
}

void simulated_take_past(struct simulation_input *input, const json_t *history) {
    const struct plan *plan = &input->topology->plans[input->plan];
    size_t i;
    json_t *was;
    json_array_foreach(json_object_get(history, "steps"), i, was) {
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            long long n = number_in(was, "samples_n"), p50_ms = number_in(was, "p50_ms"),
                      p95_ms = number_in(was, "p95_ms");
            if (n > 0 && p50_ms >= 0 && p95_ms >= p50_ms && is_of(input, &plan->steps[s], was)) {
                input->steps[s].takes_from = TAKES_MEASURED;
                input->steps[s].takes_ms = (uint64_t)p50_ms;
                input->steps[s].slowest_ms = (uint64_t)p95_ms;
                input->steps[s].samples_n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
            }
        }
    }
}

int simulated_take_file(struct simulation_input *input, const char *file) {
    json_error_t error;
    json_t *json = json_load_file(file, 0, &error);
    const struct plan *plan = &input->topology->plans[input->plan];
    if (json == NULL) {
        (void)fprintf(stderr, "%s:%d: %s; expected what drover plan history --json prints\n", file,
                      error.line, error.text);
        return EXIT_USAGE;
    }
    bool mine = text_equal(text_in(json, "plan"), plan->name) && has(json, "steps");
    if (mine) {
        simulated_take_past(input, json);
    } else {
        (void)fprintf(stderr, "%s: field plan: it is the history of \"%s\"; expected that of %s\n",
                      file, text_in(json, "plan"), plan->name);
    }
    json_decref(json);
    return mine ? EXIT_OK : EXIT_USAGE;
}
