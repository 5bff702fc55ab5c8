/* What a person types to confirm: the target with the cost, so that nobody confirms a loss that
 * they did not read. The figure is that of the preview which the request is bound to. */
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/cli/show_parts.h"

/* The worst of all links, in whole seconds, never less than it is; false: of one nothing is known,
 * or there is none to tell. */
static bool worst_lag(const json_t *preview, uint64_t *ret_ms) {
    const json_t *links = json_object_get(preview, "links");
    size_t i;
    json_t *link;
    *ret_ms = 0;
    json_array_foreach(links, i, link) {
        long long lag_ms = number_in(link, "lag_ms");
        if (!yes_in(link, "known") || lag_ms < 0) {
            return false;
        }
        uint64_t whole_ms = ((uint64_t)lag_ms + SECOND_MS - 1) / SECOND_MS * SECOND_MS;
        *ret_ms = whole_ms > *ret_ms ? whole_ms : *ret_ms;
    }
    return json_array_size(links) > 0;
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
    if (text_equal(text_in(preview, "kind"), "reprotect")) {
        (void)text_format(out, out_size, "make %s the standby", region);
    } else if (!ungraceful && hands_over(preview)) {
        (void)text_format(out, out_size, "switch to %s with zero loss", region);
    } else if (worst_lag(preview, &lost_ms)) {
        (void)text_format(out, out_size, "lose %s to %s",
                          lost_ms == 0 ? "0s" : duration_text(lost_ms).at, region);
    } else {
        (void)text_format(out, out_size, "lose unknown to %s", region);
    }
}
