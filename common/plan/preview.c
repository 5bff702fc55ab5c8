/* preview: see preview.h. */
#include "common/plan/preview.h"

#include "common/base/ensure.h"
#include "common/plan/manual.h"
#include "common/topology/topology_check_parts.h"

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
    if (step_is_a_persons(step)) {
        return NONE;
    }
    return topology_step_agent(topology, step, step_acts_in(step, facts->source, facts->target),
                               facts->heard);
}
