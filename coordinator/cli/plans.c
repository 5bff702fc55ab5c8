/* Plans for people: listed, shown in their order, rendered as a runbook. Of a file without asking
 * anybody, else of the topology in force. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/topology_read.h"
#include "common/plan/lint.h"
#include "common/plan/manual.h"
#include "common/plan/order.h"
#include "common/plan/render.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "coordinator/cli/plans.h"
#include "coordinator/cli/show_parts.h"

#define LINT_SAMPLES_MIN 3 /* so often a step was done before its p95 says something */

#define RENDER_SIZE (4u * 1024 * 1024)

/* ------------------------------------------------------------------ what is read */

/* The topology in force, and which region owns the lease. */
static int live_read(struct session *session, struct plans_source *source) {
    struct text256 why = {{0}};
    struct query config = {.what = "config"}, status = {.what = "status"};
    struct client_reply reply = client_ask(session, &config);
    const char *text = json_string_value(json_object_get(reply.json, "text"));
    if (text == NULL) {
        json_decref(reply.json);
        return say_nobody(session);
    }
    enum err err =
        topology_read(text, strlen(text), "the topology in force", source->topology, &why);
    source->version = (uint32_t)json_integer_value(json_object_get(reply.json, "version"));
    json_decref(reply.json);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover: %s\n", why.at);
        return EXIT_BROKEN;
    }
    reply = client_ask(session, &status);
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    source->owner = topology_region(source->topology, text_in(reply.json, "owner"));
    source->epoch = (uint64_t)number_in(reply.json, "epoch");
    json_decref(reply.json);
    return EXIT_OK;
}

int plans_read(struct session *session, unsigned file_word, struct plans_source *source) {
    static struct topology topology;
    struct text256 why = {{0}};
    memset(source, 0, sizeof *source);
    source->topology = &topology;
    if (session->line->words_n <= file_word) {
        return live_read(session, source);
    }
    source->file = session->line->words[file_word];
    if (topology_read_file(source->file, false, &topology, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return EXIT_USAGE;
    }
    source->owner = topology.initial_region;
    return EXIT_OK;
}

const struct plan *plans_find(const struct session *session, const struct plans_source *source) {
    const char *name = session->line->words[0];
    uint8_t index = topology_plan(source->topology, name);
    if (index == NONE) {
        (void)fprintf(stderr, "drover: no plan is called \"%s\"; see drover plan list\n", name);
        return NULL;
    }
    return &source->topology->plans[index];
}

static uint8_t other_data_region(const struct topology *topology, uint8_t region) {
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (r != region && topology->regions[r].kind == REGION_DATA) {
            return r;
        }
    }
    return NONE;
}

/* The service leaves the region that owns the lease, unless --to names that one: then the way back
 * is meant. In a reprotect the source is the standby to be, and --to names it. */
bool plans_way(const struct session *session, const struct plans_source *source,
               const struct plan *plan, uint8_t *ret_source, uint8_t *ret_target) {
    const struct topology *topology = source->topology;
    const char *to = session->line->to;
    uint8_t from = source->owner < topology->regions_n ? source->owner : topology->initial_region;
    if (to == NULL && plan_kind_yields((enum plan_kind)plan->kind)) {
        to = topology->regions[from].name; /* nobody leaves: it is about where the service is */
    }
    uint8_t other = to == NULL ? other_data_region(topology, from) : topology_region(topology, to);
    if (to != NULL && other != NONE && other == from) {
        from = other_data_region(topology, other);
    }
    if (other == NONE || from == NONE || topology->regions[other].kind != REGION_DATA) {
        (void)fprintf(stderr, "drover: no data region is called \"%s\"\n", to == NULL ? "" : to);
        return false;
    }
    bool back = plan->kind == PLAN_REPROTECT;
    *ret_source = back ? other : from;
    *ret_target = back ? from : other;
    return true;
}

/* ---------------------------------------------------------------------- plan list */

int plan_list_run(struct session *session) {
    struct plans_source source;
    int code = plans_read(session, 0, &source);
    if (code != EXIT_OK) {
        return code;
    }
    json_t *list = json_array();
    bool seen[PLAN_KINDS_N] = {false};
    for (uint8_t i = 0; i < source.topology->plans_n; i++) {
        const struct plan *plan = &source.topology->plans[i];
        bool first = plan->kind < PLAN_KINDS_N && !seen[plan->kind];
        const char *kind = plan_kind_text((enum plan_kind)plan->kind);
        if (plan->kind < PLAN_KINDS_N) {
            seen[plan->kind] = true;
        }
        (void)json_array_append_new(list,
                                    json_pack("{s:s,s:s,s:i,s:b}", "name", plan->name, "kind", kind,
                                              "steps", (int)plan->steps_n, "default", first));
        if (!session->line->json) {
            (void)printf("%-31s %-10s %2u steps%s\n", plan->name, kind, plan->steps_n,
                         first ? "  the one that runs when none is named" : "");
        }
    }
    if (session->line->json) {
        json_t *root = json_pack("{s:O}", "plans", list);
        show_json(root);
        json_decref(root);
    }
    json_decref(list);
    return EXIT_OK;
}

/* ---------------------------------------------------------------------- plan show */

static void needs_text(const struct order *order, const struct step *step, char *out,
                       size_t out_size) {
    out[0] = '\0';
    for (uint8_t i = 0; i < step->needs_n; i++) {
        for (uint8_t at = 0; at < order->n; at++) {
            char one[8];
            if (order->at[at].step == step->needs[i]) {
                (void)text_format(one, sizeof one, "%s%u", out[0] == '\0' ? "" : ",", at + 1u);
                (void)text_append(out, out_size, one);
            }
        }
    }
}

static json_t *step_json(const struct topology *topology, const struct plan *plan,
                         const struct place_in_order *place) {
    const struct step *step = &plan->steps[place->step];
    json_t *needs = json_array();
    for (uint8_t i = 0; i < step->needs_n; i++) {
        (void)json_array_append_new(needs, json_string(plan->steps[step->needs[i]].name));
    }
    json_t *locks = json_array();
    for (uint8_t i = 0; i < plan->locks_n; i++) {
        if ((step->locks & bit(i)) != 0) {
            (void)json_array_append_new(locks, json_string(plan->locks[i]));
        }
    }
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:i,s:i,s:b,s:s,s:b,s:b,s:I,s:i,s:s,s:o,s:o}", "name", step->name,
        "action", action_kind_text((enum action_kind)step->action), "component",
        step->component == NONE ? "" : topology->components[step->component].name, "through",
        step->through == NONE ? "" : topology->components[step->through].name, "wave",
        (int)place->wave, "tier", (int)step->tier, "before_fence", place->before_fence, "approval",
        step->approval == NONE ? "" : role_text((enum role)step->approval), "mandated",
        step->mandated, "may_fail", step->may_fail, "timeout_ms", (json_int_t)step->timeout_ms,
        "retries", (int)step->retries, "intent", step->intent, "needs", needs, "locks", locks);
}

static void step_line(const struct topology *topology, const struct plan *plan,
                      const struct order *order, unsigned number) {
    const struct place_in_order *place = &order->at[number - 1];
    const struct step *step = &plan->steps[place->step];
    char needs[64], tier[8], locks[PLAN_LOCKS_MAX * (NAME_SIZE + 2)];
    plan_locks_text(plan, step, locks, sizeof locks);
    needs_text(order, step, needs, sizeof needs);
    (void)text_format(tier, sizeof tier, step_tier(step) > OBJECTIVES_MAX ? "-" : "%u",
                      step_tier(step));
    (void)printf("%-3u %-4u %-4s %-24s %-17s %-16s %-7s %s%s%s%s%s%s\n", number, place->wave, tier,
                 step->name, action_kind_text((enum action_kind)step->action),
                 step->component == NONE ? "-" : topology->components[step->component].name,
                 duration_text(step_longest_ms(step)).at, needs[0] == '\0' ? "-" : needs,
                 step->may_fail ? "  may fail" : "", step->approval == NONE ? "" : "  by ",
                 step->approval == NONE ? "" : role_text((enum role)step->approval),
                 locks[0] == '\0' ? "" : "  lock ", locks);
}

int plan_show_run(struct session *session) {
    struct plans_source source;
    struct order order;
    int code = plans_read(session, 1, &source);
    const struct plan *plan = code == EXIT_OK ? plans_find(session, &source) : NULL;
    if (plan == NULL) {
        return code == EXIT_OK ? EXIT_USAGE : code;
    }
    if (!plan_order(plan, &order)) {
        (void)fprintf(stderr, "drover: the steps of %s have no order; see drover plan lint\n",
                      plan->name);
        return EXIT_REFUSED;
    }
    const char *kind = plan_kind_text((enum plan_kind)plan->kind);
    json_t *steps = json_array();
    if (!session->line->json) {
        (void)printf("%s  %s, %u steps\n%-3s %-4s %-4s %-24s %-17s %-16s %-7s %s\n", plan->name,
                     kind, plan->steps_n, "N", "WAVE", "TIER", "STEP", "ACTION", "COMPONENT",
                     "AT MOST", "BEHIND");
    }
    bool fenced = !plan_fences(plan);
    for (unsigned number = 1; number <= order.n; number++) {
        if (!fenced && !order.at[number - 1].before_fence && !session->line->json) {
            (void)printf("---- the fence: point of no return\n");
        }
        fenced = fenced || !order.at[number - 1].before_fence;
        (void)json_array_append_new(steps, step_json(source.topology, plan, &order.at[number - 1]));
        if (!session->line->json) {
            step_line(source.topology, plan, &order, number);
        }
    }
    if (session->line->json) {
        json_t *root = json_pack("{s:s,s:s,s:O}", "name", plan->name, "kind", kind, "steps", steps);
        show_json(root);
        json_decref(root);
    }
    json_decref(steps);
    return EXIT_OK;
}

/* -------------------------------------------------------------------- plan render */

static bool format_find(const char *text, enum render_format *ret_format) {
    for (unsigned i = 0; i < RENDER_FORMATS_N; i++) {
        if (text == NULL || text_equal(text, render_format_text((enum render_format)i))) {
            *ret_format = (enum render_format)i;
            return true;
        }
    }
    (void)fprintf(stderr,
                  "drover plan render: --format is text, markdown, html, svg or commands, "
                  "not \"%s\"\n",
                  text);
    return false;
}

static int runbook_say(const struct session *session, const struct render *render,
                       enum render_format format, struct page *page) {
    enum err err = render_plan(render, format, page);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover plan render: %s; see drover plan lint\n",
                      err == ERR_CONFIG ? "the steps have no order" : err_text(err));
        return EXIT_REFUSED;
    }
    if (session->line->json) {
        json_t *root = json_pack("{s:s,s:s,s:s}", "plan", render->plan->name, "format",
                                 render_format_text(format), "text", page->at);
        if (root == NULL) {
            (void)fprintf(stderr, "drover plan render: it is no UTF-8\n");
            return EXIT_BROKEN;
        }
        show_json(root);
        json_decref(root);
    } else {
        (void)fputs(page->at, stdout);
    }
    return EXIT_OK;
}

int plan_render_run(struct session *session) {
    struct plans_source source;
    enum render_format format = RENDER_TEXT;
    if (!format_find(session->line->format, &format)) {
        return EXIT_USAGE;
    }
    int code = plans_read(session, 1, &source);
    const struct plan *plan = code == EXIT_OK ? plans_find(session, &source) : NULL;
    if (plan == NULL) {
        return code == EXIT_OK ? EXIT_USAGE : code;
    }
    const char *secrets = session->line->secrets;
    struct render render = {.topology = source.topology,
                            .plan = plan,
                            .secrets = secrets == NULL ? MANUAL_SECRETS : secrets,
                            .programs = MANUAL_PROGRAMS};
    if (!plans_way(session, &source, plan, &render.source, &render.target)) {
        return EXIT_USAGE;
    }
    char *text = malloc(RENDER_SIZE);
    if (text == NULL) {
        (void)fprintf(stderr, "drover plan render: %s\n", err_text(ERR_NO_MEMORY));
        return EXIT_BROKEN;
    }
    struct page page = page_open(text, RENDER_SIZE);
    code = runbook_say(session, &render, format, &page);
    free(text);
    return code;
}

/* ---------------------------------------------------------------------- plan lint */

/* What `plan history --json` printed of one plan; what was done too seldom tells nothing. */
static int lint_past(const struct session *session, const struct topology *topology,
                     struct findings *findings) {
    const char *path = session->line->history;
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error), *step;
    uint64_t p95_ms[STEPS_MAX] = {0};
    uint8_t plan = topology_plan(topology, text_in(json, "plan"));
    size_t i;
    if (json == NULL || plan == NONE) {
        (void)fprintf(stderr,
                      "drover plan lint: %s: expected what drover plan history --json printed of a "
                      "plan of this topology, %s\n",
                      path, json == NULL ? error.text : "which has no plan of that name");
        json_decref(json);
        return EXIT_USAGE;
    }
    json_array_foreach(json_object_get(json, "steps"), i, step) {
        for (uint8_t s = 0; s < topology->plans[plan].steps_n; s++) {
            bool mine = text_equal(topology->plans[plan].steps[s].name, text_in(step, "name"));
            if (mine && number_in(step, "samples_n") >= LINT_SAMPLES_MIN &&
                number_in(step, "p95_ms") > 0) {
                p95_ms[s] = (uint64_t)number_in(step, "p95_ms");
            }
        }
    }
    json_decref(json);
    plan_lint_past(topology, plan, p95_ms, findings);
    return EXIT_OK;
}

int plan_lint_run(struct session *session) {
    static struct findings findings;
    struct plans_source source;
    int code = plans_read(session, 0, &source);
    if (code != EXIT_OK) {
        return code;
    }
    plan_lint(source.topology, &findings);
    if (session->line->history != NULL && findings.errors_n == 0) {
        code = lint_past(session, source.topology, &findings);
        if (code != EXIT_OK) {
            return code;
        }
    }
    topology_check_steps(source.topology, &findings);
    const char *name = source.file != NULL ? source.file : "the topology in force";
    int warnings_n = findings.n + findings.lost_n - findings.errors_n;
    json_t *list = findings_json(&findings, source.file);
    if (list == NULL) {
        (void)fprintf(stderr, "drover plan lint: %s\n", err_text(ERR_NO_MEMORY));
        return EXIT_BROKEN;
    }
    if (session->line->json) {
        json_t *root =
            json_pack("{s:s,s:b,s:i,s:i,s:O}", "file", name, "ok", findings.errors_n == 0, "errors",
                      (int)findings.errors_n, "warnings", warnings_n, "findings", list);
        show_json(root);
        json_decref(root);
    } else {
        show_findings(list);
        (void)printf("%s: %u errors, %d warnings\n", name, findings.errors_n, warnings_n);
    }
    json_decref(list);
    return findings.errors_n == 0 ? EXIT_OK : EXIT_REFUSED;
}
