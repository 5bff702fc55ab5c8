/* What is promised, held against what the plans may take and what the links may lose. */
#include "common/plan/lint_parts.h"

static void say_late(const struct plan *plan, const struct step *latest, bool known, unsigned tier,
                     uint64_t rto_ms, uint64_t latest_ms, struct findings *findings) {
    struct where at = where("plans.%s.steps.%s", plan->name, latest->name);
    if (known) {
        LINT(findings, LINT_RTO_PAST, at.at,
             "tier %u is promised within %s, but at the p95 of what the steps on the way to here "
             "took it lasts %s",
             tier, duration_text(rto_ms).at, duration_text(latest_ms).at);
        return;
    }
    LINT(findings, LINT_RTO, at.at,
         "tier %u is promised within %s, but hold_down, wait and the timeouts of every "
         "attempt on the way to here can last %s",
         tier, duration_text(rto_ms).at, duration_text(latest_ms).at);
}

/* From the outage until the last step of each tier has used every attempt, or the time that it is
 * known to take. A declared failover adds the time in which people make up their minds: nobody can
 * bound that here. */
static void lint_rto(const struct topology *topology, const struct plan *plan,
                     const struct order *order, bool known, struct findings *findings) {
    uint64_t before_ms = topology->lease.wait_ms;
    before_ms += topology->policy.automatic ? topology->policy.hold_down_ms : 0;
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        uint64_t rto_ms = topology->objectives[tier - 1].rto_ms, latest_ms = 0;
        const struct step *latest = NULL;
        for (uint8_t i = 0; i < order->n; i++) {
            const struct step *step = &plan->steps[order->at[i].step];
            uint64_t end_ms = before_ms + order->at[i].end_ms + step_ttl_ms(topology, step);
            if (step_serves_tier(plan, step) == tier && !order->at[i].before_fence &&
                end_ms > latest_ms) {
                latest_ms = end_ms;
                latest = step;
            }
        }
        if (rto_ms != 0 && latest_ms > rto_ms) {
            say_late(plan, latest, known, tier, rto_ms, latest_ms, findings);
        }
    }
}

/* An approval begins when it is asked for: if the person comes at the end of the patience declared
 * for it, the RTO must not be over by that alone. */
static void lint_people(const struct topology *topology, const struct plan *plan,
                        struct findings *findings) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        unsigned tier = step_tier(step);
        uint64_t rto_ms = tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rto_ms : 0;
        if (step_is_a_persons(step) && rto_ms != 0 && step_longest_ms(step) > rto_ms) {
            LINT(findings, LINT_LATE_PERSON, where("plans.%s.steps.%s", plan->name, step->name).at,
                 "tier %u is promised within %s, but this approval may be waited for %s", tier,
                 duration_text(rto_ms).at, duration_text(step_longest_ms(step)).at);
        }
    }
}

static void lint_planned(const struct topology *topology, const struct plan *plan,
                         const struct order *order, struct findings *findings) {
    uint64_t before_ms = 0, behind_ms = 0;
    for (uint8_t i = 0; i < order->n; i++) {
        const struct step *step = &plan->steps[order->at[i].step];
        uint64_t end_ms = order->at[i].end_ms;
        if (order->at[i].before_fence) {
            before_ms = end_ms > before_ms ? end_ms : before_ms;
        } else if (action_moves_name(step->action) || step_tier(step) == 1) {
            end_ms += step_ttl_ms(topology, step);
            /* What is at the source, and may fail, is no downtime. */
            behind_ms = end_ms > behind_ms && !step->at_source ? end_ms : behind_ms;
        }
    }
    uint64_t all_ms = before_ms + topology->lease.wait_ms + behind_ms;
    if (all_ms > topology->policy.planned_within_ms) {
        LINT(findings, LINT_PLANNED, where("plans.%s", plan->name).at,
             "promised within %s, but hand-offs %s + wait %s + tier 1 and names %s can last %s",
             duration_text(topology->policy.planned_within_ms).at, duration_text(before_ms).at,
             duration_text(topology->lease.wait_ms).at, duration_text(behind_ms).at,
             duration_text(all_ms).at);
    }
}

static void lint_alerts(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->links_n; i++) {
        const struct link *link = &topology->links[i];
        uint8_t by = NONE;
        unsigned tier = component_served_tier(topology, link->component, &by);
        uint64_t rpo_ms =
            tier >= 1 && tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rpo_ms : 0;
        rpo_ms = link->rpo_ms != 0 ? link->rpo_ms : rpo_ms;
        if (rpo_ms != 0 && link->alert_lag_ms >= rpo_ms) {
            LINT(findings, LINT_ALERT_RPO, where("links.%s.alert_lag", link->name).at,
                 "the alert comes at %s, when a failover would lose %s or more and be refused",
                 duration_text(link->alert_lag_ms).at, duration_text(rpo_ms).at);
        }
    }
}

void lint_objectives(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        const struct plan *plan = &topology->plans[i];
        struct order order;
        if (!plan_order(plan, &order)) {
            continue; /* E170 says so */
        }
        if (plan->kind == PLAN_FAILOVER) {
            lint_rto(topology, plan, &order, false, findings);
        } else if (plan->kind == PLAN_SWITCHOVER) {
            lint_planned(topology, plan, &order, findings);
        }
        if (plan_kind_moves((enum plan_kind)plan->kind)) {
            lint_people(topology, plan, findings);
        }
    }
    lint_alerts(topology, findings);
}

void plan_lint_past(const struct topology *topology, uint8_t plan, const uint64_t p95_ms[STEPS_MAX],
                    struct findings *findings) {
    const struct plan *at = &topology->plans[plan];
    struct order order;
    if (at->kind == PLAN_FAILOVER && plan_order_known(at, p95_ms, &order)) {
        lint_rto(topology, at, &order, true, findings);
    }
}
