/* Components, agents, members, rules, and why things are as they are. */
#include <string.h>

#include "coordinator/cli/show_parts.h"

/* --------------------------------------------------------------------- components */

static void component_rows(struct table *table, const json_t *component) {
    const json_t *checks = json_object_get(component, "checks");
    size_t c, v;
    json_t *check, *vantage;
    if (json_array_size(checks) == 0) {
        cell(table, "%s", text_in(component, "name"));
        cell(table, "%s", text_in(component, "region"));
        cell(table, yes_in(component, "excluded") ? "out of scope" : "no check");
        for (unsigned i = 0; i < 5; i++) {
            cell(table, "%s", "");
        }
    }
    json_array_foreach(checks, c, check) {
        json_array_foreach(json_object_get(check, "vantages"), v, vantage) {
            const char *status = text_in(vantage, "status");
            bool stale = yes_in(vantage, "stale");
            char shown[32];
            (void)text_format(shown, sizeof shown, "%s%s", status, stale ? " (stale)" : "");
            cell(table, "%s", text_in(component, "name"));
            cell(table, "%s", text_in(component, "region"));
            cell(table, "%s", text_in(check, "name"));
            cell(table, "%s", text_in(vantage, "from"));
            cell_marked(table, stale ? BAD : mark_of_status(status), shown);
            const char *role = text_in(vantage, "role");
            cell(table, "%s%s", text_equal(role, "unknown") ? "" : role,
                 yes_in(vantage, "writable") ? ", writable" : "");
            cell(table, "%s",
                 has(vantage, "since_ms") ? span_text(number_in(vantage, "since_ms")).at : "-");
            cell(table, "%s", text_in(vantage, "detail"));
        }
    }
}

void show_components(const json_t *json) {
    static const char *const heads[] = {"COMPONENT", "REGION", "CHECK", "SEEN FROM",
                                        "STATUS",    "ROLE",   "SINCE", "DETAIL"};
    struct table *table = table_of(8, heads);
    size_t i;
    json_t *component;
    json_array_foreach(json_object_get(json, "components"), i, component) {
        component_rows(table, component);
    }
    table_print(table, 0);
    show_elections(json_object_get(json, "components"));
}

/* ------------------------------------------------------------------------- agents */

static void guard_cells(struct table *table, const json_t *agent) {
    const json_t *guard = json_object_get(agent, "guard");
    if (!yes_in(agent, "guarded")) {
        cell(table, "none");
        cell(table, "-");
        cell(table, "-");
        cell(table, "-");
        return;
    }
    bool present = yes_in(guard, "present");
    cell_marked(table, present ? PLAIN : BAD, present ? "answers" : "silent");
    cell(table, "%s", json_is_object(guard) ? text_in(guard, "gate") : "unknown");
    long long left_ms = number_in(guard, "lease_left_ms");
    if (left_ms > 0) {
        cell(table, "%s%s", span_text(left_ms).at,
             yes_in(guard, "by_promise") ? " by promise" : "");
    } else {
        cell(table, "none");
    }
    if (number_in(guard, "promise_left_ms") > 0) {
        cell(table, "none above %lld for %s", number_in(guard, "promised_epoch"),
             span_text(number_in(guard, "promise_left_ms")).at);
    } else if (number_in(guard, "fenced_epoch") > 0) {
        cell(table, "fenced up to %lld", number_in(guard, "fenced_epoch"));
    } else {
        cell(table, "%s", "");
    }
}

void show_agents(const json_t *json) {
    static const char *const heads[] = {"AGENT", "REGION", "HEARD", "TOPOLOGY",
                                        "GUARD", "GATE",   "LEASE", "PROMISE OR PROOF"};
    struct table *table = table_of(8, heads);
    size_t i;
    json_t *agent;
    json_array_foreach(json_object_get(json, "agents"), i, agent) {
        cell(table, "%s", text_in(agent, "name"));
        cell(table, "%s", text_in(agent, "region"));
        if (!has(agent, "heard_ago_ms")) {
            cell_marked(table, BAD, "never");
        } else {
            char heard[40];
            (void)text_format(heard, sizeof heard, "%s ago",
                              span_text(number_in(agent, "heard_ago_ms")).at);
            cell_marked(table, yes_in(agent, "heard") ? PLAIN : BAD, heard);
        }
        bool same = number_in(agent, "config_version") == number_in(json, "config_version");
        cell(table, "%lld%s", number_in(agent, "config_version"), same ? "" : " (old)");
        guard_cells(table, agent);
    }
    table_print(table, 0);
}

/* ------------------------------------------------------------------------ members */

static void member_detail(const json_t *reply) {
    const json_t *self = json_object_get(reply, "self");
    const json_t *wire = json_object_get(self, "wire");
    (void)printf("%s  %s\n", text_in(reply, "member"), text_in(self, "engine"));
    (void)printf(
        "    up %s, attested %lld yes and %lld no, closed epoch %lld, waited for %lld%s%s\n",
        span_text(number_in(self, "up_ms")).at, number_in(self, "attests_yes_n"),
        number_in(self, "attests_no_n"), number_in(self, "closed_epoch"),
        number_in(self, "waited_epoch"),
        number_in(self, "wait_left_ms") > 0 ? ", waits still " : "",
        number_in(self, "wait_left_ms") > 0 ? span_text(number_in(self, "wait_left_ms")).at : "");
    (void)printf("    refused: %lld facts, %lld frames, %lld unknown keys, %lld handshakes\n",
                 number_in(self, "facts_refused_n"), number_in(self, "frames_refused_n"),
                 number_in(wire, "unknown_key_n"), number_in(wire, "handshake_failed_n"));
    (void)printf("    history: %lld records, head %.16s%s%s\n", number_in(self, "history_height"),
                 text_in(self, "history_head"),
                 text_in(self, "history_trouble")[0] == '\0' ? "" : "; TROUBLE: ",
                 text_in(self, "history_trouble"));
    if (yes_in(self, "stopped_for_human")) {
        (void)printf("    %sSTOPPED for a human: %s%s\n", colour(BAD), text_in(self, "stopped_why"),
                     colour_off());
    }
}

void show_members(const json_t *json) {
    static const char *const heads[] = {"MEMBER", "STATE", "APPLIED", "HEAD", "EPOCH WAIT", "LOG"};
    struct table *table = table_of(6, heads);
    const json_t *list = json_object_get(json, "members");
    size_t i;
    json_t *reply;
    json_array_foreach(list, i, reply) {
        const json_t *self = json_object_get(reply, "self");
        cell(table, "%s", text_in(reply, "member"));
        if (!yes_in(reply, "answered")) {
            cell_marked(table, BAD, "no answer");
            for (unsigned c = 0; c < 4; c++) {
                cell(table, "-");
            }
            continue;
        }
        bool stopped = yes_in(self, "stopped_for_human"), late = !yes_in(self, "caught_up");
        cell_marked(table, stopped || late ? BAD : PLAIN,
                    stopped                      ? "stopped"
                    : late                       ? "catching up"
                    : yes_in(self, "timekeeper") ? "well, keeps the time"
                                                 : "well");
        cell(table, "%lld", number_in(self, "applied_index"));
        cell(table, "%lld", number_in(self, "head_index"));
        cell(table, "%s",
             number_in(self, "wait_left_ms") > 0 ? span_text(number_in(self, "wait_left_ms")).at
                                                 : "none");
        cell(table, "%s", yes_in(self, "log_reachable") ? "reachable" : "AWAY");
    }
    table_print(table, 0);
    json_array_foreach(list, i, reply) {
        if (yes_in(reply, "answered")) {
            (void)printf("\n");
            member_detail(reply);
        }
    }
}

void show_rules(const json_t *json) {
    static const char *const heads[] = {"RULE", "PHASES", "ON", "IF", "THEN", "WHICH MEANS"};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(json, "rules"), i, rule) {
        cell(table, "%lld", number_in(rule, "number"));
        cell(table, "%s", text_in(rule, "phases"));
        cell(table, "%s", text_in(rule, "event"));
        cell(table, "%s", text_in(rule, "guard"));
        cell(table, "%s", text_in(rule, "next"));
        cell(table, "%s", text_in(rule, "sentence"));
    }
    table_print(table, 0);
}

void show_whoami(const json_t *json) {
    const json_t *may = json_object_get(json, "may"), *kinds = json_object_get(json, "may_declare");
    size_t i;
    json_t *word;
    (void)printf("%s (%s), role %s, as member %s knows it\nmay:", text_in(json, "operator"),
                 text_in(json, "person"), text_in(json, "role"), text_in(json, "member"));
    json_array_foreach(may, i, word) {
        (void)printf("%s %s", i == 0 ? "" : ",", word_of(word));
    }
    (void)printf("\n");
    if (json_array_size(kinds) > 0) {
        (void)printf("may declare:");
        json_array_foreach(kinds, i, word) {
            (void)printf("%s %s", i == 0 ? "" : ",", word_of(word));
        }
        (void)printf("\n");
    }
}

/* ------------------------------------------------------------------------ explain */

static void gate_value(struct table *table, const json_t *gate, const char *key) {
    const char *unit = text_in(gate, "unit");
    long long value = number_in(gate, key);
    if (text_equal(unit, "ms")) {
        cell(table, "%s", value < 0 ? "unknown" : span_text(value).at);
    } else if (text_equal(unit, "yes/no")) {
        cell(table, "%s", value != 0 ? "yes" : "no");
    } else {
        cell(table, "%lld", value);
    }
}

static void show_gates(const json_t *gates) {
    static const char *const heads[] = {"", "GATE", "NOW", "LIMIT", "AGE", "WOULD NEED", "SAYS"};
    struct table *table = table_of(7, heads);
    size_t i;
    json_t *gate;
    json_array_foreach(gates, i, gate) {
        bool passes = yes_in(gate, "passes");
        cell_marked(table, passes ? GOOD : BAD, passes ? "pass" : "STOP");
        cell(table, "%s", text_in(gate, "gate"));
        gate_value(table, gate, "value");
        gate_value(table, gate, "limit");
        cell(table, "%s", has(gate, "age_ms") ? span_text(number_in(gate, "age_ms")).at : "-");
        cell(table, "%s", text_in(gate, "would_need"));
        cell(table, "%s", text_in(gate, "says"));
    }
    table_print(table, 0);
}

static void show_views(const json_t *views) {
    static const char *const heads[] = {"CHECK", "OF", "SEEN FROM", "STATUS", "COUNTS", "HEARD"};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *view;
    json_array_foreach(views, i, view) {
        const char *status = text_in(view, "status");
        cell(table, "%s", text_in(view, "check"));
        cell(table, "%s", text_in(view, "component"));
        cell(table, "%s (%s%s)", text_in(view, "from"), text_in(view, "from_region"),
             yes_in(view, "outside") ? ", outside" : "");
        cell_marked(table, mark_of_status(status), status);
        cell(table, "%s", yes_in(view, "counts") ? "yes" : "no");
        if (has(view, "heard_ago_ms")) {
            cell(table, "%s ago", span_text(number_in(view, "heard_ago_ms")).at);
        } else {
            cell(table, "never");
        }
    }
    table_print(table, 2);
}

static void show_age(const json_t *verdict, const char *key, const char *what) {
    if (has(verdict, key)) {
        (void)printf("%s%s old", what, span_text(number_in(verdict, key)).at);
    } else {
        (void)printf("%snone", what);
    }
}

/* What was seen, how old it is, who agrees, what would change it, what happens next. */
static void show_verdict(const json_t *region) {
    const json_t *verdict = json_object_get(region, "verdict");
    (void)printf("\n%s is %s: %s\n", text_in(region, "name"), text_in(region, "class"),
                 text_in(verdict, "means"));
    (void)printf("  seen          %s\n", text_in(verdict, "seen"));
    show_age(verdict, "heard_ago_ms", "  how old       its own word: ");
    show_age(verdict, "views_age_ms", "; the oldest view that counts: ");
    (void)printf("\n  who agrees    %s\n", text_in(verdict, "agree"));
    (void)printf("  would change  %s\n", text_in(verdict, "would_change"));
    (void)printf("  next          %s\n", text_in(verdict, "next"));
}

/* What is left of an execution: when each step ends at the latest. */
static void show_forecast(const json_t *forecast) {
    static const char *const heads[] = {"STILL TO DO", "STATE",       "TIER",
                                        "AT MOST",     "ENDS WITHIN", "LIKELY WITHIN"};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *step;
    json_array_foreach(forecast, i, step) {
        cell(table, "%s", text_in(step, "step"));
        cell_marked(table, yes_in(step, "waits_for_people") ? BAD : PLAIN, text_in(step, "state"));
        cell(table, "%lld", number_in(step, "tier"));
        cell(table, "%s", span_text(number_in(step, "left_ms")).at);
        cell(table, "%s", span_text(number_in(step, "ends_in_ms")).at);
        cell(table, "%s",
             has(step, "likely_in_ms") ? span_text(number_in(step, "likely_in_ms")).at : "-");
    }
    table_print(table, 2);
}

static void show_explained(const json_t *json) {
    show_execution(json_array_get(json_object_get(json, "executions"), 0));
    if (json_array_size(json_object_get(json, "forecast")) > 0) {
        (void)printf("\n");
        show_forecast(json_object_get(json, "forecast"));
    }
}

void show_explain(const json_t *json) {
    const json_t *next = json_object_get(json, "next_automatic_act");
    size_t i;
    json_t *region;
    if (has(json, "executions")) {
        show_explained(json);
        (void)printf("\n");
    }
    (void)printf("epoch %lld, owner %s, %s; would fail over to %s\n\n", number_in(json, "epoch"),
                 text_in(json, "owner"), text_in(json, "phase"), text_in(json, "target"));
    show_gates(json_object_get(json, "gates"));
    (void)printf("\nNEXT AUTOMATIC  %s", text_in(next, "text"));
    if (number_in(next, "in_ms") > 0) {
        (void)printf(", in %s", span_text(number_in(next, "in_ms")).at);
    }
    (void)printf("\n");
    if (json_array_size(json_object_get(json, "election_alarms")) > 0) {
        (void)printf("\n");
        show_election_alarms(json_object_get(json, "election_alarms"));
    }
    if (has(json, "regions")) {
        (void)printf("\n");
        show_regions(json_object_get(json, "regions"));
    }
    json_array_foreach(json_object_get(json, "regions"), i, region) {
        if (has(region, "verdict")) {
            show_verdict(region);
        }
        if (has(region, "views")) {
            (void)printf("\n");
            show_views(json_object_get(region, "views"));
        }
    }
    if (has(json, "links")) {
        (void)printf("\n");
        show_links(json_object_get(json, "links"), true);
    }
    if (has(json, "components")) {
        (void)printf("\n");
        show_standings(json_object_get(json, "components"));
        (void)printf("\n");
        show_components(json);
    }
}
