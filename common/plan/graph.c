/* graph: see graph.h. */
#include "common/plan/graph.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"

struct graph {
    const struct topology *topology;
    const struct plan *plan;
    struct order order;
};

static const struct place_in_order *place_of(const struct graph *graph, uint8_t step) {
    for (uint8_t i = 0; i < graph->order.n; i++) {
        if (graph->order.at[i].step == step) {
            return &graph->order.at[i];
        }
    }
    return NULL;
}

static void say_rivals(const struct graph *graph, uint8_t step, struct page *page) {
    const char *between = "; never beside ";
    for (uint8_t i = 0; i < graph->plan->steps_n; i++) {
        if (bits_has(graph->order.rivals[step], i)) {
            page_say(page, "%s%s", between, graph->plan->steps[i].name);
            between = ", ";
        }
    }
}

static void say_step(const struct graph *graph, const struct place_in_order *place,
                     struct page *page) {
    const struct step *step = &graph->plan->steps[place->step];
    struct duration start = duration_text(place->start_ms), end = duration_text(place->end_ms);
    bool fences = plan_fences(graph->plan);
    page_say(page, "  %-10s %-10s %-24s", start.at, end.at, step->name);
    for (uint8_t i = 0; i < step->needs_n; i++) {
        page_say(page, "%s%s", i == 0 ? " <- " : ", ", graph->plan->steps[step->needs[i]].name);
    }
    if (step->needs_n == 0) {
        page_say(page, " <- %s", fences && !place->before_fence ? "the fence" : "the beginning");
    }
    say_rivals(graph, place->step, page);
    page_say(page, "%s%s\n", step->may_fail ? "; may fail" : "",
             step->approval == NONE          ? ""
             : step->action == ACTION_MANUAL ? "; a person does it"
                                             : "; a person approves");
}

/* One side of the fence, one tier. */
static void say_tier(const struct graph *graph, unsigned tier, bool before, struct page *page) {
    uint64_t end_ms = 0;
    unsigned steps_n = 0;
    for (uint8_t i = 0; i < graph->order.n; i++) {
        const struct place_in_order *place = &graph->order.at[i];
        if (step_tier(&graph->plan->steps[place->step]) == tier && place->before_fence == before) {
            steps_n++;
            end_ms = place->end_ms > end_ms ? place->end_ms : end_ms;
        }
    }
    if (steps_n == 0) {
        return;
    }
    uint64_t rto_ms = tier <= OBJECTIVES_MAX ? graph->topology->objectives[tier - 1].rto_ms : 0;
    if (tier > OBJECTIVES_MAX) {
        page_say(page, "\nNO TIER");
    } else {
        page_say(page, "\nTIER %u", tier);
    }
    if (rto_ms != 0 && !before) {
        page_say(page, "  promised within %s", duration_text(rto_ms).at);
    }
    page_say(page, "\n");
    for (uint8_t i = 0; i < graph->order.n; i++) {
        const struct place_in_order *place = &graph->order.at[i];
        if (step_tier(&graph->plan->steps[place->step]) == tier && place->before_fence == before) {
            say_step(graph, place, page);
        }
    }
}

static const struct place_in_order *latest_of(const struct graph *graph, bool before) {
    const struct place_in_order *latest = NULL;
    for (uint8_t i = 0; i < graph->order.n; i++) {
        const struct place_in_order *place = &graph->order.at[i];
        if (place->before_fence == before && (latest == NULL || place->end_ms > latest->end_ms)) {
            latest = place;
        }
    }
    return latest;
}

/* Backwards from the step that ends last: each time to the one that it waits for last. */
static void say_longest_way(const struct graph *graph, bool before, struct page *page) {
    const struct place_in_order *way[STEPS_MAX];
    unsigned n = 0;
    const struct place_in_order *latest = latest_of(graph, before);
    for (const struct place_in_order *at = latest; at != NULL && n < STEPS_MAX;) {
        const struct step *step = &graph->plan->steps[at->step];
        const struct place_in_order *last = NULL;
        way[n++] = at;
        for (uint8_t i = 0; i < step->needs_n; i++) {
            const struct place_in_order *need = place_of(graph, step->needs[i]);
            bool same = need != NULL && need->before_fence == before;
            last = same && (last == NULL || need->end_ms > last->end_ms) ? need : last;
        }
        at = last;
    }
    if (latest != NULL) {
        page_say(page, "\nTHE LONGEST WAY%s, %s at most:\n ",
                 !plan_fences(graph->plan) ? ""
                 : before                  ? " before the fence"
                                           : " behind the fence",
                 duration_text(latest->end_ms).at);
        while (n-- > 0) {
            const struct place_in_order *at = way[n];
            bool waits = graph->order.rivals[at->step] != 0;
            page_say(page, "%s %s%s", waits ? " (locks)" : "", graph->plan->steps[at->step].name,
                     n > 0 ? " ->" : "\n");
        }
    }
}

enum err graph_text(const struct topology *topology, const struct plan *plan, struct page *page) {
    struct graph graph = {.topology = topology, .plan = plan};
    if (!plan_order(plan, &graph.order)) {
        return ERR_CONFIG;
    }
    page_say(page,
             "%s plan %s: the order of recovery. Times are the latest, every attempt used up,\n"
             "without what people take\n",
             plan_kind_text((enum plan_kind)plan->kind), plan->name);
    for (unsigned side = 0; side < 2; side++) {
        bool before = side == 0;
        if (latest_of(&graph, before) == NULL) {
            continue;
        }
        if (plan_fences(plan)) {
            page_say(page, before ? "\n---- before the fence: undone by itself when it fails\n"
                                  : "\n---- behind the fence: point of no return\n");
        }
        for (unsigned tier = 1; tier <= OBJECTIVES_MAX + 1; tier++) {
            say_tier(&graph, tier, before, page);
        }
        say_longest_way(&graph, before, page);
    }
    return page->cut ? ERR_TOO_BIG : ERR_OK;
}
