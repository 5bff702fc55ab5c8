/* preview: see preview.h. */
#include "common/plan/preview.h"

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "common/plan/manual.h"
#include "common/topology/topology_check_parts.h"

#define PREVIEW_DOMAIN "drover/preview/v1"

const char *lag_side_text(enum lag_side side) {
    switch (side) {
    case LAG_WITHIN: return "within its target";
    case LAG_BEHIND: return "above its target, within the RPO";
    case LAG_BREACH: return "ABOVE THE RPO";
    case LAG_UNKNOWN: break;
    }
    return "NOT KNOWN";
}

uint64_t preview_rpo_ms(const struct topology *topology, uint8_t link) {
    const struct link *at = &topology->links[link];
    uint8_t by = NONE;
    unsigned tier = component_served_tier(topology, at->component, &by);
    if (at->rpo_ms != 0) {
        return at->rpo_ms;
    }
    return tier >= 1 && tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rpo_ms : 0;
}

enum lag_side preview_lag(const struct topology *topology, const struct preview_facts *facts,
                          uint8_t link) {
    ensure(link < topology->links_n);
    uint64_t rpo_ms = preview_rpo_ms(topology, link), lag_ms = facts->links[link].lag_ms;
    uint64_t target_ms = topology->links[link].target_lag_ms;
    if (!facts->links[link].known) {
        return LAG_UNKNOWN;
    }
    if (rpo_ms != 0 && lag_ms > rpo_ms) {
        return LAG_BREACH;
    }
    return target_ms != 0 && lag_ms > target_ms ? LAG_BEHIND : LAG_WITHIN;
}

uint8_t preview_agent(const struct topology *topology, const struct step *step,
                      const struct preview_facts *facts) {
    if (step->action == ACTION_APPROVAL) {
        return NONE;
    }
    return topology_step_agent(topology, step, step_acts_in(step, facts->source, facts->target),
                               facts->heard);
}

static void put_bool(struct bytes_out *bytes, bool value) {
    bytes_put_u8(bytes, value ? 1 : 0);
}

static void put_links(struct bytes_out *bytes, const struct topology *topology,
                      const struct preview_facts *facts) {
    bytes_put_u8(bytes, topology->links_n);
    for (uint8_t i = 0; i < topology->links_n; i++) {
        bytes_put_text(bytes, topology->links[i].name);
        bytes_put_u8(bytes, (uint8_t)preview_lag(topology, facts, i));
    }
}

static bool put_step(struct bytes_out *bytes, const struct topology *topology,
                     const struct plan *plan, const struct place_in_order *place,
                     const struct preview_facts *facts) {
    const struct step *step = &plan->steps[place->step];
    uint8_t agent = preview_agent(topology, step, facts);
    struct manual manual;
    if (manual_open(topology, plan, place->step, facts->source, facts->target, &manual) != ERR_OK) {
        return false;
    }
    bytes_put_text(bytes, step->name);
    bytes_put_text(bytes, action_kind_text((enum action_kind)step->action));
    bytes_put_text(bytes,
                   step->component == NONE ? "" : topology->components[step->component].name);
    bytes_put_text(bytes, topology->regions[manual.region].name);
    bytes_put_text(bytes, agent == NONE ? "" : topology->agents[agent].name);
    bytes_put_text(bytes, step->approval == NONE ? "" : role_text((enum role)step->approval));
    put_bool(bytes, place->before_fence);
    put_bool(bytes, step->may_fail);
    put_bool(bytes, step->mandated);
    bytes_put_u8(bytes, step->tier);
    bytes_put_u8(bytes, step->retries);
    bytes_put_u32(bytes, step->timeout_ms);
    bytes_put_u8(bytes, step->needs_n);
    for (uint8_t i = 0; i < step->needs_n; i++) {
        bytes_put_text(bytes, plan->steps[step->needs[i]].name);
    }
    bytes_put_u8(bytes, manual.arguments.n);
    for (uint8_t i = 0; i < manual.arguments.n; i++) {
        bytes_put_text(bytes, manual.arguments.at[i].name);
        bytes_put_text(bytes, manual.arguments.at[i].value);
    }
    return true;
}

size_t preview_bytes(const struct topology *topology, const struct plan *plan,
                     const struct order *order, const struct preview_facts *facts, uint8_t *out,
                     size_t out_size) {
    struct bytes_out bytes = bytes_writer(out, out_size);
    bytes_put_text(&bytes, PREVIEW_DOMAIN);
    bytes_put_text(&bytes, topology->cluster);
    bytes_put_u32(&bytes, facts->version);
    bytes_put_u64(&bytes, facts->epoch);
    bytes_put_text(&bytes, plan->name);
    bytes_put_text(&bytes, plan_kind_text((enum plan_kind)plan->kind));
    bytes_put_text(&bytes, topology->regions[facts->source].name);
    bytes_put_text(&bytes, topology->regions[facts->target].name);
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        bytes_put_text(&bytes, topology->regions[r].name);
        bytes_put_text(&bytes, facts->classes[r]);
    }
    put_links(&bytes, topology, facts);
    bytes_put_u8(&bytes, order->n);
    for (uint8_t i = 0; i < order->n; i++) {
        if (!put_step(&bytes, topology, plan, &order->at[i], facts)) {
            return 0;
        }
    }
    return bytes.failed ? 0 : bytes.used;
}
