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

bool preview_runs(const struct plan *plan, const struct step *step) {
    bool graceful = plan->kind == PLAN_SWITCHOVER;
    if (step->before_fence || step->mode == STEP_MODE_GRACEFUL) {
        return graceful;
    }
    return step->mode != STEP_MODE_UNGRACEFUL || !graceful;
}

/* Every kind has its row: a new one does not build before somebody has decided. */
const char *preview_no_return(uint8_t action, bool *ret_known) {
    *ret_known = true;
    switch ((enum action_kind)action) {
    case ACTION_PATRONI_PROMOTE:
    case ACTION_PG_PROMOTE:
    case ACTION_REDIS_PROMOTE:
        return "a new history begins: what the region left alone has is lost";
    case ACTION_PATRONI_DEMOTE:
    case ACTION_PG_REJOIN:
    case ACTION_REDIS_DEMOTE: return "what this store alone has is thrown away";
    case ACTION_CLICKHOUSE_RECOVER:
        return "what nobody had fetched of the lost replicas is given up";
    case ACTION_SENTINEL_FAILOVER:
        return "what the old master takes while the Sentinels move it is lost";
    case ACTION_SMTP_SEND: return "a letter that was sent is read";
    case ACTION_EXEC:
    case ACTION_HTTP_CALL:
    case ACTION_MANUAL:
        *ret_known = false;
        return "only who wrote the step can tell whether it can be taken back";
    case ACTION_PATRONI_HANDOFF:
    case ACTION_PG_AWAIT_POSITION:
    case ACTION_REDIS_HANDOFF:
    case ACTION_DNS_UPDATE:
    case ACTION_APPROVAL:
    case ACTION_VERIFY:
    case ACTION_KUBERNETES_SCALE:
    case ACTION_HAPROXY_SERVER:
    case ACTION_FENCE_AGENT:
    case ACTION_DNS_POWERDNS:
    case ACTION_DNS_ROUTE53:
    case ACTION_DNS_CLOUDFLARE:
    case ACTION_TRAFFIC_SHIFT:
    case ACTION_S3_DIRECTION:
    case ACTION_PATRONI_SWITCHOVER:
    case ACTION_KINDS_N: break;
    }
    return NULL;
}
