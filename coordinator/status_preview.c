/* What a declaration would do, and what it would cost. */
#include "common/plan/preview.h"
#include "common/topology/roles.h"
#include "coordinator/core/seen.h"
#include "coordinator/status_parts.h"

static bool preview_read(struct answering *answering, uint8_t *ret_kind, uint8_t *ret_region,
                         uint8_t *ret_plan) {
    char kind[NAME_SIZE] = "", region[NAME_SIZE] = "", plan[NAME_SIZE] = "";
    char *const words[3] = {kind, region, plan};
    size_t word = 0, at = 0;
    for (const char *c = answering->argument; *c != '\0' && word < 3; c++) {
        if (*c == ' ') {
            word++;
            at = 0;
        } else if (at + 1 < NAME_SIZE) {
            words[word][at++] = *c;
            words[word][at] = '\0';
        }
    }
    *ret_kind = NONE;
    for (unsigned k = 0; k < PLAN_KINDS_N; k++) {
        *ret_kind = text_equal(kind, plan_kind_text((enum plan_kind)k)) ? (uint8_t)k : *ret_kind;
    }
    *ret_region = topology_region(answering->topology, region);
    *ret_plan = plan[0] == '\0' ? NONE : topology_plan(answering->topology, plan);
    if (*ret_kind == NONE || *ret_region == NONE || (plan[0] != '\0' && *ret_plan == NONE)) {
        answer_wrong(answering, "no %s is called \"%s\"",
                     *ret_kind == NONE     ? "kind of plan"
                     : *ret_region == NONE ? "region"
                                           : "plan",
                     *ret_kind == NONE     ? kind
                     : *ret_region == NONE ? region
                                           : plan);
        return false;
    }
    for (uint8_t p = 0; *ret_plan == NONE && p < answering->topology->plans_n; p++) {
        *ret_plan = answering->topology->plans[p].kind == *ret_kind ? p : NONE;
    }
    if (*ret_plan == NONE) {
        answer_wrong(answering, "the topology has no %s plan", kind);
    }
    return *ret_plan != NONE;
}

/* Those of the stores that the plan moves are told as that. */
static json_t *moved_links(struct answering *answering, uint8_t plan) {
    json_t *list = links_list(answering);
    for (uint8_t l = 0; l < answering->topology->links_n; l++) {
        json_t *link = json_array_get(list, l);
        uint64_t now_ms = member_now_ms(), at_ms = lags_of(answering->member, l).sampled_ms;
        put_yes(link, "moved", stakes_link(answering, plan, l));
        if (at_ms != 0 && now_ms >= at_ms) {
            put_count(link, "sampled_ago_ms", now_ms - at_ms);
        } else {
            put_null(link, "sampled_ago_ms");
        }
    }
    return list;
}

void preview_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    uint8_t kind, region, index;
    if (!preview_read(answering, &kind, &region, &index)) {
        return;
    }
    const struct plan *plan = &topology->plans[index];
    json_t *steps = json_array();
    put_text(answering->json, "kind", plan_kind_text((enum plan_kind)kind));
    put_text(answering->json, "plan", plan->name);
    put_text(answering->json, "source", name_region(topology, answering->core->owner));
    put_text(answering->json, "target", name_region(topology, region));
    put_count(answering->json, "epoch", answering->core->epoch);
    struct seen_plan seen = seen_plan_now(answering->core, topology, index, region);
    uint8_t bytes[SEEN_SIZE];
    char digest[2 * SEEN_SIZE + 1];
    seen_plan_write(&seen, bytes);
    text_from_bytes(bytes, sizeof bytes, digest, sizeof digest);
    put_text(answering->json, "digest", digest);
    put_object(answering->json, "policy",
               policy_object(answering, answering->core->config_version));
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (!preview_runs(plan, &plan->steps[s])) {
            continue;
        }
        json_t *object = list_add(steps);
        put_text(object, "name", plan->steps[s].name);
        put_text(object, "intent", plan->steps[s].intent);
        put_yes(object, "before_fence", plan->steps[s].before_fence);
        put_text(object, "approval",
                 plan->steps[s].approval == NONE ? ""
                                                 : role_text((enum role)plan->steps[s].approval));
    }
    put_object(answering->json, "steps", steps);
    put_object(answering->json, "links", moved_links(answering, index));
    put_object(answering->json, "stakes", stakes_object(answering, index, region));
    put_object(answering->json, "regions", regions_list(answering));
}
