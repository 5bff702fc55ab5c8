/* Patroni's and Sentinel's own failovers, as the members measured them. */
#include <string.h>

#include "coordinator/cli/show_parts.h"

/* "4.0 s to 5.0 s"; "at most 1.2 s". */
static struct text256 bounds_text(const json_t *object) {
    struct text256 text;
    long long least_ms = number_in(object, "at_least_ms");
    struct span most = span_text(number_in(object, "at_most_ms"));
    if (!has(object, "at_most_ms")) {
        text_say(&text, "not known");
    } else if (least_ms > 0 && !text_equal(span_text(least_ms).at, most.at)) {
        text_say(&text, "%s to %s", span_text(least_ms).at, most.at);
    } else {
        text_say(&text, "%s%s", least_ms > 0 ? "" : "at most ", most.at);
    }
    return text;
}

static const char *leader_in(const json_t *election, const char *key) {
    const char *name = text_in(election, key);
    return name[0] != '\0' ? name : "?";
}

void show_election_alarms(const json_t *alarms) {
    size_t i;
    json_t *alarm;
    json_array_foreach(alarms, i, alarm) {
        const json_t *missing = json_object_get(alarm, "leaderless");
        const json_t *last = json_object_get(alarm, "last");
        struct text256 text;
        if (has(alarm, "leaderless")) {
            text_say(&text, "%s in %s has no leader for %s; %s is declared",
                     text_in(alarm, "component"), text_in(alarm, "region"), bounds_text(missing).at,
                     span_text(number_in(alarm, "within_ms")).at);
            say_within(0, "ALARM  ", BAD, text.at);
        }
        if (has(alarm, "last")) {
            text_say(&text, "%s of %s in %s at %s from %s to %s took %s; %s is declared",
                     text_in(last, "end"), text_in(alarm, "component"), text_in(alarm, "region"),
                     clock_text(last, "began").at, leader_in(last, "leader_from"),
                     leader_in(last, "leader_to"), bounds_text(last).at,
                     span_text(number_in(last, "within_ms")).at);
            say_within(0, "ALARM  ", BAD, text.at);
        }
    }
}

static void election_row(struct table *table, const json_t *component, const json_t *election) {
    char began[sizeof "2026-01-25T00:00:00Z"];
    (void)text_format(began, sizeof began, "%.19sZ", text_in(election, "began"));
    cell(table, "%s", text_in(component, "name"));
    cell(table, "%s", text_in(component, "region"));
    cell(table, "%s", began);
    cell(table, "%s", text_in(election, "end"));
    cell(table, "%s", leader_in(election, "leader_from"));
    cell(table, "%s", leader_in(election, "leader_to"));
    cell_marked(table, yes_in(election, "too_long") ? BAD : PLAIN, bounds_text(election).at);
    if (number_in(election, "timeline_to") > 0) {
        cell(table, "%lld -> %lld", number_in(election, "timeline_from"),
             number_in(election, "timeline_to"));
    } else {
        cell(table, "-");
    }
}

static void figures_line(const json_t *component) {
    const json_t *elections = json_object_get(component, "elections");
    const json_t *missing = json_object_get(elections, "leaderless");
    if (!has(component, "elections")) {
        return;
    }
    if (has(elections, "leaderless")) {
        (void)printf("%s%s in %s has no leader for %s%s\n", colour(BAD), text_in(component, "name"),
                     text_in(component, "region"), bounds_text(missing).at, colour_off());
    }
    if (has(elections, "p50_ms")) {
        (void)printf("%s in %s: its last %lld failovers took %s (p50) and %s (worst) at most; "
                     "%s is declared\n",
                     text_in(component, "name"), text_in(component, "region"),
                     number_in(elections, "failovers_n"),
                     span_text(number_in(elections, "p50_ms")).at,
                     span_text(number_in(elections, "worst_ms")).at,
                     span_text(number_in(elections, "within_ms")).at);
    }
}

void show_elections(const json_t *components) {
    static const char *const heads[] = {"ELECTION", "REGION", "BEGAN",          "END",
                                        "FROM",     "TO",     "WITHOUT WRITES", "TIMELINE"};
    size_t i, e, rows_n = 0;
    json_t *component, *election;
    struct table *table = table_of(8, heads);
    json_array_foreach(components, i, component) {
        const json_t *last = json_object_get(json_object_get(component, "elections"), "last");
        json_array_foreach(last, e, election) {
            if (rows_n < TABLE_ROWS_MAX) {
                election_row(table, component, election);
                rows_n++;
            }
        }
    }
    if (rows_n > 0) {
        (void)printf("\n");
        table_print(table, 0);
    }
    json_array_foreach(components, i, component) {
        figures_line(component);
    }
}
