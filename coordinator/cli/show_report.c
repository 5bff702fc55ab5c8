/* The timeline, and the report of an execution. */
#include <string.h>

#include "coordinator/cli/show_parts.h"

void show_timeline(const json_t *json) {
    size_t i;
    json_t *record;
    json_array_foreach(json_object_get(json, "records"), i, record) {
        const char *result = text_in(record, "result");
        bool refused = text_equal(result, "refused");
        (void)printf("%6lld  %.19sZ  ", number_in(record, "height"), text_in(record, "at"));
        if (number_in(record, "rule") > 0) {
            (void)printf("%3lld  ", number_in(record, "rule"));
        } else {
            (void)printf("     ");
        }
        (void)printf("%s%s%s\n", colour(refused ? BAD : PLAIN), text_in(record, "text"),
                     refused ? colour_off() : "");
    }
    if (yes_in(json, "more")) {
        (void)printf("there is more: --from %lld\n", number_in(json, "next_from"));
    }
    if (text_in(json, "trouble")[0] != '\0') {
        (void)printf("%sTROUBLE%s  %s\n", colour(BAD), colour_off(), text_in(json, "trouble"));
    }
}

/* ------------------------------------------------------------------------- report */

static void span_line(const json_t *spans, const char *key, const char *text) {
    if (has(spans, key)) {
        (void)printf("  %-36s %s\n", text, span_text(number_in(spans, key)).at);
    }
}

static void show_losses(const json_t *losses) {
    static const char *const heads[] = {"LINK", "BEHIND AT THE CLOSE", "LOST", "OBJECTIVE", ""};
    struct table *table = table_of(5, heads);
    size_t i;
    json_t *loss;
    if (json_array_size(losses) == 0) {
        (void)printf("  nothing: no epoch was closed in this execution\n");
        return;
    }
    json_array_foreach(losses, i, loss) {
        bool known = yes_in(loss, "known"), met = yes_in(loss, "met");
        bool asked = number_in(loss, "rpo_ms") > 0;
        cell(table, "%s", text_in(loss, "link"));
        cell(table, "%s", known ? span_text(number_in(loss, "lag_ms")).at : "not known");
        if (known && has(loss, "lag_writes")) {
            cell(table, "%lld canary writes", (long long)number_in(loss, "lag_writes"));
        } else {
            cell(table, "%s", known ? bytes_text(number_in(loss, "lag_bytes")).at : "-");
        }
        cell(table, "%s", asked ? span_text(number_in(loss, "rpo_ms")).at : "none");
        cell_marked(table, !asked ? PLAIN : met ? GOOD : BAD, !asked ? "" : met ? "met" : "MISSED");
    }
    table_print(table, 2);
}

/* The worst of a tier's losses: one that is not known, then the longest. */
static const json_t *worst_of(const json_t *losses) {
    const json_t *worst = NULL;
    size_t i;
    json_t *loss;
    json_array_foreach(losses, i, loss) {
        if (worst == NULL || !yes_in(loss, "known") ||
            (yes_in(worst, "known") && number_in(loss, "lag_ms") > number_in(worst, "lag_ms"))) {
            worst = loss;
        }
    }
    return worst;
}

static void show_tier(struct table *table, const json_t *tier) {
    const char *course = text_in(tier, "rto");
    const json_t *worst = worst_of(json_object_get(tier, "losses"));
    bool met = yes_in(tier, "met"), lost = worst != NULL && yes_in(worst, "known");
    bool late = text_equal(course, "missed") || text_equal(course, "breached");
    cell(table, "%lld", number_in(tier, "tier"));
    cell(table, "%s",
         has(tier, "rto_ms") && number_in(tier, "rto_ms") > 0
             ? span_text(number_in(tier, "rto_ms")).at
             : "none");
    cell(table, "%s",
         has(tier, "rto_actual_ms") ? span_text(number_in(tier, "rto_actual_ms")).at : "-");
    cell_marked(table, late ? BAD : PLAIN, course);
    cell(table, "%s",
         number_in(tier, "rpo_ms") > 0 ? span_text(number_in(tier, "rpo_ms")).at : "none");
    cell(table, "%s",
         worst == NULL ? "-"
         : lost        ? span_text(number_in(worst, "lag_ms")).at
                       : "not known");
    cell(table, "%s", worst == NULL ? "" : text_in(worst, "link"));
    cell_marked(table, met ? GOOD : BAD, met ? "pass" : "FAIL");
}

static void show_tiers(const json_t *tiers) {
    static const char *const heads[] = {"TIER", "RTO", "TOOK", "", "RPO", "LOST", "BY", ""};
    struct table *table = table_of(8, heads);
    size_t i;
    json_t *tier;
    json_array_foreach(tiers, i, tier) {
        show_tier(table, tier);
    }
    table_print(table, 2);
}

void show_report(const json_t *json) {
    const json_t *execution = json_object_get(json, "execution");
    const json_t *spans = json_object_get(json, "spans");
    const json_t *rto = json_object_get(json, "rto");
    bool met = yes_in(rto, "met");
    show_execution(execution);
    (void)printf("\nTIME, from %s\n", clock_text(execution, "outage").at);
    span_line(spans, "detect_ms", "until it was decided or declared");
    span_line(spans, "fence_ms", "until the old epoch was closed");
    span_line(spans, "take_ms", "until the new epoch was opened");
    span_line(spans, "run_ms", "until every step was done");
    (void)printf("  %-36s %s", yes_in(execution, "running") ? "so far" : "all of it",
                 span_text(number_in(rto, "actual_ms")).at);
    const json_t *tiers = json_object_get(json, "tiers");
    if (json_array_size(tiers) == 0 && number_in(rto, "objective_ms") > 0) {
        (void)printf(", objective %s: %s%s%s", span_text(number_in(rto, "objective_ms")).at,
                     colour(met ? GOOD : BAD), met ? "met" : "MISSED", colour_off());
    }
    if (json_array_size(tiers) > 0) {
        (void)printf("\n\nOBJECTIVES, the loss at most\n");
        show_tiers(tiers);
        (void)printf("\nLOSS, at most\n");
    } else {
        (void)printf("\n\nLOSS, at most\n");
    }
    show_losses(json_object_get(json, "losses"));
    (void)printf("\nWHAT HAPPENED\n");
    (void)fflush(stdout);
    json_t *records = json_pack("{s:O}", "records", json_object_get(json, "timeline"));
    show_timeline(records);
    json_decref(records);
}
