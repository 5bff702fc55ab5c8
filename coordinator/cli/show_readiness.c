/* Readiness as text: one verdict, then each line that is not good, its age and what mends it. */
#include "coordinator/cli/show_parts.h"

static void show_line(const json_t *line) {
    bool blocker = text_equal(text_in(line, "weight"), "blocker");
    bool unknown = text_equal(text_in(line, "state"), "unknown");
    (void)printf("\n%s%s%s  %s%s: %s\n", colour(blocker ? BAD : PLAIN),
                 blocker ? "BLOCKER" : "WARNING", blocker ? colour_off() : "",
                 text_in(line, "name"), unknown ? " (not known)" : "", text_in(line, "text"));
    if (has(line, "age_ms")) {
        (void)printf("         seen at most %s ago\n", span_text(number_in(line, "age_ms")).at);
    }
    (void)printf("         fix  %s\n", text_in(line, "fix"));
}

void show_readiness(const json_t *json) {
    size_t i;
    json_t *line;
    bool ready = yes_in(json, "ready");
    long long now_ms = number_in(json, "now_ms"), as_of_ms = number_in(json, "data_as_of_ms");
    (void)printf("%s%s%s  %s %s take over now: %lld blockers, %lld warnings, %lld good\n",
                 colour(ready ? GOOD : BAD), ready ? "READY" : "NOT READY", colour_off(),
                 text_in(json, "region"), ready ? "could" : "could not",
                 number_in(json, "blockers_n"), number_in(json, "warnings_n"),
                 number_in(json, "good_n"));
    (void)printf("epoch %lld, owner %s; member %s, data of %s ago; %lld of %lld members answer\n",
                 number_in(json, "epoch"), text_in(json, "owner"), text_in(json, "member"),
                 span_text(now_ms > as_of_ms ? now_ms - as_of_ms : 0).at,
                 number_in(json, "members_up_n"), number_in(json, "members_n"));
    json_array_foreach(json_object_get(json, "lines"), i, line) {
        if (!text_equal(text_in(line, "state"), "good")) {
            show_line(line);
        }
    }
}
