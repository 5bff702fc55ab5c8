/* What a declaration would do: shown before it is confirmed. */
#include "coordinator/cli/show_parts.h"

struct moved moved_text(const json_t *link) {
    struct moved text = {""};
    bool known = yes_in(link, "known");
    if (known && has(link, "lag_writes")) {
        (void)text_format(text.at, sizeof text.at, ", %lld writes", number_in(link, "lag_writes"));
    } else if (known && has(link, "lag_bytes")) {
        (void)text_format(text.at, sizeof text.at, ", %s",
                          bytes_text(number_in(link, "lag_bytes")).at);
    }
    if (has(link, "sampled_ago_ms")) {
        (void)text_append(text.at, sizeof text.at, ", sampled ");
        (void)text_append(text.at, sizeof text.at, span_text(number_in(link, "sampled_ago_ms")).at);
        (void)text_append(text.at, sizeof text.at, " ago");
    }
    if (has(link, "moved") && !yes_in(link, "moved")) {
        (void)text_append(text.at, sizeof text.at, "; no step moves it");
    }
    return text;
}

void show_preview(const json_t *json) {
    size_t i;
    json_t *step, *link;
    bool stays = execution_stays_inside(json);
    (void)printf("%s %s by plan %s, epoch %lld %s\n", execution_kind(json), way_text(json).at,
                 text_in(json, "plan"), number_in(json, "epoch"), stays ? "stays" : "ends");
    show_policy(json_object_get(json, "policy"));
    (void)printf("\n");
    show_regions(json_object_get(json, "regions"));
    (void)printf("%s", stays ? "" : "\nlost at most, as of now:\n");
    json_array_foreach(stays ? NULL : json_object_get(json, "links"), i, link) {
        (void)printf("  %-20s %s%s\n", text_in(link, "name"),
                     yes_in(link, "known") ? span_text(number_in(link, "lag_ms")).at : "not known",
                     moved_text(link).at);
    }
    (void)printf("\nsteps:\n");
    json_array_foreach(json_object_get(json, "steps"), i, step) {
        (void)printf("  %2zu  %-20s %s%s%s\n", i + 1, text_in(step, "name"),
                     text_in(step, "intent"),
                     text_in(step, "approval")[0] == '\0' ? "" : "; needs approval of ",
                     text_in(step, "approval"));
    }
    show_stakes(json);
    (void)printf("\n");
    /* Once more in one sentence, where the question stands: the steps may have scrolled it away. */
    show_stake(json);
}
