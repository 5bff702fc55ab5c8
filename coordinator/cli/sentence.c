/* What a person types to confirm: the target with the cost, so that nobody confirms a loss that
 * they did not read. The figure is that of the preview which the request is bound to. */
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/cli/show_parts.h"

#define UNKNOWN_SIZE 100 /* of links' names; more are cut, and typed as they are shown */

/* Of the stores that the plan moves: the worst in whole seconds, never less than it is, and by name
 * the links of which nothing is known. Whoever does not tell what moves is an older member: then
 * all of them do. False: nothing is known of any. */
static bool worst_lag(const json_t *preview, uint64_t *ret_ms, char *unknown, size_t unknown_size) {
    const json_t *links = json_object_get(preview, "links");
    size_t i;
    json_t *link;
    bool known = false;
    *ret_ms = 0;
    unknown[0] = '\0';
    json_array_foreach(links, i, link) {
        long long lag_ms = number_in(link, "lag_ms");
        if (has(link, "moved") && !yes_in(link, "moved")) {
            continue;
        }
        if (!yes_in(link, "known") || lag_ms < 0) {
            (void)text_append(unknown, unknown_size, unknown[0] == '\0' ? "" : ", ");
            (void)text_append(unknown, unknown_size, text_in(link, "name"));
            continue;
        }
        uint64_t whole_ms = ((uint64_t)lag_ms + SECOND_MS - 1) / SECOND_MS * SECOND_MS;
        *ret_ms = whole_ms > *ret_ms ? whole_ms : *ret_ms;
        known = true;
    }
    return known;
}

/* A planned move loses nothing by its hand-off, or it is undone; without one it is cut off. */
static bool hands_over(const json_t *preview) {
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(preview, "steps"), i, step) {
        if (yes_in(step, "before_fence")) {
            return text_equal(text_in(preview, "kind"), "switchover");
        }
    }
    return false;
}

void confirm_sentence(const json_t *preview, const char *region, bool ungraceful, char *out,
                      size_t out_size) {
    uint64_t lost_ms;
    char unknown[UNKNOWN_SIZE];
    if (text_equal(text_in(preview, "kind"), "reprotect")) {
        (void)text_format(out, out_size, "make %s the standby", region);
    } else if (text_equal(text_in(preview, "kind"), "drill")) {
        (void)text_copy(out, out_size, "drill");
    } else if (text_equal(text_in(preview, "kind"), "component")) {
        (void)text_format(out, out_size, "fail over inside %s", region);
    } else if (!ungraceful && hands_over(preview)) {
        (void)text_format(out, out_size, "switch to %s with zero loss", region);
    } else if (worst_lag(preview, &lost_ms, unknown, sizeof unknown)) {
        (void)text_format(out, out_size, "lose %s%s%s to %s",
                          lost_ms == 0 ? "0s" : duration_text(lost_ms).at,
                          unknown[0] == '\0' ? "" : " and unknown of ", unknown, region);
    } else {
        (void)text_format(out, out_size, "lose unknown to %s", region);
    }
}
