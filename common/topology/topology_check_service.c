/* What is protected and how it is watched: components, endpoints, links, checks. */
#include "common/topology/topology_check_parts.h"

/* ---- components ---- */

static bool endpoint_has_guard(const struct topology *topology, const struct endpoint *endpoint) {
    for (uint8_t i = 0; i < endpoint->agents_n; i++) {
        if (topology->agents[endpoint->agents[i]].guarded) {
            return true;
        }
    }
    return false;
}

static void check_guards(const struct topology *topology, const struct component *component,
                         const struct endpoint *endpoint, struct findings *findings) {
    struct where at = where("components.%s.endpoints.%s", component->name,
                            topology->regions[endpoint->region].name);
    if (!endpoint_has_guard(topology, endpoint)) {
        enum finding_code code =
            topology->policy.accept_soft_fence ? FINDING_SOFT_FENCE : FINDING_GUARD_MISSING;
        FOUND(findings, code, at.at,
              "no guarded agent stands beside it here: only its own API can fence it%s",
              code == FINDING_SOFT_FENCE ? " (accept_soft_fence)"
                                         : "; policy.accept_soft_fence = true would allow that");
        return;
    }
    for (uint8_t i = 0; i < endpoint->agents_n; i++) {
        const struct agent *agent = &topology->agents[endpoint->agents[i]];
        if (!agent->guarded) {
            FOUND(findings, FINDING_UNGUARDED_AGENT, at.at,
                  "agent %s has no guard: its host's copy is outside the gate", agent->name);
        }
    }
}

static void check_guarded(const struct topology *topology, uint8_t index,
                          struct findings *findings) {
    const struct component *component = &topology->components[index];
    unsigned data_n = 0, other_n = 0;
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        if (endpoint->component != index) {
            continue;
        }
        if (region_is_data(topology, endpoint->region)) {
            data_n++;
            check_guards(topology, component, endpoint, findings);
        } else {
            other_n++;
        }
    }
    if (data_n < 2 || other_n > 0) {
        FOUND(findings, FINDING_GUARDED_PLACES,
              where("components.%s.endpoints", component->name).at,
              "a guarded store needs endpoints in at least two data regions and in no other; "
              "found %u and %u",
              data_n, other_n);
    }
}

static void check_component_places(const struct topology *topology, uint8_t index,
                                   struct findings *findings) {
    const struct component *component = &topology->components[index];
    const char *here = NULL, *missing = NULL;
    for (uint8_t i = 0; i < topology->regions_n; i++) {
        if (region_is_data(topology, i)) {
            bool there = topology_endpoint(topology, index, i) != NONE;
            here = there ? topology->regions[i].name : here;
            missing = there ? missing : topology->regions[i].name;
        }
    }
    if (here != NULL && missing != NULL && !component->guarded) {
        FOUND(findings, FINDING_ONE_REGION, where("components.%s.endpoints", component->name).at,
              "it has an endpoint in %s and none in %s: it does not come along", here, missing);
    }
}

static void check_component_tier(const struct topology *topology, uint8_t index,
                                 struct findings *findings) {
    const struct component *component = &topology->components[index];
    struct where at = where("components.%s.tier", component->name);
    if (component->tier > OBJECTIVES_MAX) {
        FOUND(findings, FINDING_TIER, at.at, "expected 1 to %d, found %u", OBJECTIVES_MAX,
              component->tier);
        return;
    }
    if (component->tier == 0) {
        uint8_t by = NONE;
        uint8_t served = component_served_tier(topology, index, &by);
        if (served != 0) {
            FOUND(findings, FINDING_NO_TIER, at.at, "in no tier, but %s of tier %u needs it",
                  topology->components[by].name, served);
        } else {
            FOUND(findings, FINDING_NO_TIER, at.at, "in no tier: no objective covers it");
        }
    } else if (topology->objectives[component->tier - 1].rto_ms == 0) {
        FOUND(findings, FINDING_NO_OBJECTIVE, at.at, "tier %u has no rto and rpo", component->tier);
    }
}

static bool component_is_checked(const struct topology *topology, uint8_t index) {
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        if (topology->checks[i].component == index) {
            return true;
        }
    }
    return false;
}

static void check_component(const struct topology *topology, uint8_t index,
                            struct findings *findings) {
    const struct component *component = &topology->components[index];
    if (component->excluded || component->kind == COMPONENT_EXTERNAL) {
        if (component->guarded || component->protected) {
            FOUND(findings, FINDING_EXCLUDED_USED, where("components.%s", component->name).at,
                  "excluded or external, and guarded or protected: it is either ours or not");
        }
        return;
    }
    if (bits_has(topology_needs_all(topology, index), index)) {
        FOUND(findings, FINDING_NEEDS_CYCLE, where("components.%s.needs", component->name).at,
              "through others it needs itself");
    }
    if (component->failover_within_ms > 0 && component_failover_within_ms(component) == 0) {
        FOUND(findings, FINDING_NO_ELECTIONS,
              where("components.%s.failover_within", component->name).at,
              "expected at a component of kind postgresql or redis, found at one of kind %s",
              component_kind_text((enum component_kind)component->kind));
    }
    if (component->guarded) {
        check_guarded(topology, index, findings);
    }
    check_component_tier(topology, index, findings);
    if (!component->protected) {
        check_component_places(topology, index, findings);
    }
    if (!component_is_checked(topology, index)) {
        FOUND(findings, FINDING_UNCHECKED, where("components.%s", component->name).at,
              "no check looks at it: its loss goes unnoticed");
    }
}

static void check_endpoints(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        struct where at =
            where("components.%s.endpoints.%s", topology->components[endpoint->component].name,
                  topology->regions[endpoint->region].name);
        if (topology_endpoint(topology, endpoint->component, endpoint->region) != i) {
            FOUND(findings, FINDING_ENDPOINT_TWICE, at.at, "declared twice");
        }
        for (uint8_t j = 0; j < endpoint->agents_n; j++) {
            const struct agent *agent = &topology->agents[endpoint->agents[j]];
            if (agent->region != endpoint->region) {
                FOUND(findings, FINDING_ENDPOINT_REGION, at.at,
                      "agent %s is of region %s: a region is acted on by its own agents only",
                      agent->name, topology->regions[agent->region].name);
            }
        }
    }
}

/* ---- links ---- */

static void check_link_lags(const struct topology *topology, const struct link *link,
                            struct findings *findings) {
    if (link->target_lag_ms == 0) {
        FOUND(findings, FINDING_NO_TARGET, where("links.%s.target_lag", link->name).at,
              "no target lag for %s", topology->components[link->component].name);
    } else if (link->alert_lag_ms > link->target_lag_ms) {
        FOUND(findings, FINDING_ALERT_ABOVE_TARGET, where("links.%s.alert_lag", link->name).at,
              "the alert at %s comes after the target of %s is missed",
              duration_text(link->alert_lag_ms).at, duration_text(link->target_lag_ms).at);
    } else if (link->alert_lag_ms != 0 && link->alert_lag_ms < link->target_lag_ms) {
        FOUND(findings, FINDING_ALERT_BELOW_TARGET, where("links.%s.alert_lag", link->name).at,
              "the alert at %s comes while the target of %s is still met",
              duration_text(link->alert_lag_ms).at, duration_text(link->target_lag_ms).at);
    }
}

static void check_link(const struct topology *topology, uint8_t index, struct findings *findings) {
    const struct link *link = &topology->links[index];
    const struct component *component = &topology->components[link->component];
    unsigned places_n = 0;
    for (uint8_t i = 0; i < topology->regions_n; i++) {
        places_n +=
            region_is_data(topology, i) && topology_endpoint(topology, link->component, i) != NONE;
    }
    if (places_n < 2) {
        FOUND(findings, FINDING_LINK_PLACES, where("links.%s.component", link->name).at,
              "%s has endpoints in %u data region(s): there is nothing to replicate between",
              component->name, places_n);
    }
    check_link_lags(topology, link, findings);
    uint8_t tier = component->tier;
    uint64_t tier_rpo_ms =
        tier >= 1 && tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rpo_ms : 0;
    if (tier_rpo_ms != 0 && link->rpo_ms > tier_rpo_ms) {
        FOUND(findings, FINDING_LINK_RPO, where("links.%s.rpo", link->name).at,
              "rpo %s is larger than tier %u's %s: a failover would be allowed to lose more than "
              "promised",
              duration_text(link->rpo_ms).at, tier, duration_text(tier_rpo_ms).at);
    }
    uint64_t rpo_ms = link->rpo_ms != 0 ? link->rpo_ms : tier_rpo_ms;
    if (rpo_ms != 0 && link->target_lag_ms > rpo_ms) {
        FOUND(findings, FINDING_LINK_TARGET, where("links.%s.target_lag", link->name).at,
              "target lag %s is larger than the rpo %s: met, it would still lose too much",
              duration_text(link->target_lag_ms).at, duration_text(rpo_ms).at);
    }
}

/* The finest check of a link bounds what can be known about its lag. */
static void check_link_interval(const struct topology *topology, uint8_t index,
                                struct findings *findings) {
    const struct link *link = &topology->links[index];
    uint32_t finest_ms = UINT32_MAX;
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        const struct check *check = &topology->checks[i];
        if (check->link == index && check->interval_ms < finest_ms) {
            finest_ms = check->interval_ms;
        }
    }
    if (finest_ms == UINT32_MAX) {
        FOUND(findings, FINDING_LAG_INTERVAL, where("links.%s", link->name).at,
              "no check measures this link: its RPO stays unknown");
    } else if (link->target_lag_ms != 0 && finest_ms >= link->target_lag_ms) {
        FOUND(findings, FINDING_LAG_INTERVAL, where("links.%s", link->name).at,
              "measured every %s at best, which cannot prove a target of %s",
              duration_text(finest_ms).at, duration_text(link->target_lag_ms).at);
    }
}

/* ---- checks ---- */

static bool outside_runner_exists(const struct topology *topology, uint8_t region) {
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        if (topology->agents[i].region != region) {
            return true;
        }
    }
    return false;
}

static void check_check_link(const struct topology *topology, const struct check *check,
                             struct findings *findings) {
    struct where at = where("checks.%s.link", check->name);
    bool measures = check->kind == CHECK_PG_REPLICATION || check->kind == CHECK_REDIS_REPLICATION;
    if (check->link == NONE) {
        if (measures) {
            FOUND(findings, FINDING_CHECK_LINK, at.at, "a %s check needs the link it measures",
                  check_kind_text((enum check_kind)check->kind));
        }
    } else if (topology->links[check->link].component != check->component) {
        FOUND(findings, FINDING_CHECK_LINK, at.at, "link %s is of component %s, the check of %s",
              topology->links[check->link].name,
              topology->components[topology->links[check->link].component].name,
              topology->components[check->component].name);
    }
}

static void check_check_times(const struct check *check, struct findings *findings) {
    struct where at = where("checks.%s", check->name);
    if (check->interval_ms < 100 || check->interval_ms > DAY_MS || check->timeout_ms < 10 ||
        check->failures_n == 0 || check->passes_n == 0) {
        FOUND(findings, FINDING_CHECK_TIMES, at.at,
              "expected interval 100ms to 1d, timeout from 10ms, failures and passes from 1; found "
              "%s, %s, %u, %u",
              duration_text(check->interval_ms).at, duration_text(check->timeout_ms).at,
              check->failures_n, check->passes_n);
    } else if (check->timeout_ms > check->interval_ms) {
        FOUND(findings, FINDING_CHECK_TIMES, at.at,
              "timeout %s is longer than interval %s: the next run would come before this one ends",
              duration_text(check->timeout_ms).at, duration_text(check->interval_ms).at);
    }
}

static void check_check(const struct topology *topology, const struct check *check,
                        struct findings *findings) {
    struct where at = where("checks.%s", check->name);
    const struct component *component = &topology->components[check->component];
    check_check_times(check, findings);
    check_check_link(topology, check, findings);
    if (topology_endpoint(topology, check->component, check->region) == NONE) {
        FOUND(findings, FINDING_CHECK_ENDPOINT, at.at, "%s has no endpoint in region %s",
              component->name, topology->regions[check->region].name);
    }
    if (check->outside == (check->agent != NONE)) {
        FOUND(findings, FINDING_CHECK_RUNNER, at.at,
              "expected either outside or an agent, found %s", check->outside ? "both" : "neither");
    }
    if (check->vital && (component->excluded || component->kind == COMPONENT_EXTERNAL)) {
        FOUND(findings, FINDING_CHECK_EXCLUDED, at.at,
              "vital, but %s is out of scope: its outage must not read as the region's",
              component->name);
    }
    if (check->outside && !outside_runner_exists(topology, check->region)) {
        FOUND(findings, FINDING_CHECK_NOBODY, at.at, "no agent stands outside region %s",
              topology->regions[check->region].name);
    }
    struct arguments arguments;
    if (topology_check_arguments(topology, check, &arguments) != ERR_OK) {
        FOUND(findings, FINDING_ARGUMENTS_TOO_MANY, at.at,
              "with its endpoint's it has more than %d arguments", ACTION_ARGS_MAX);
    }
}

/* Two independent signals: without an outside view the region's silence is all there is. */
static void check_vantage(const struct topology *topology, struct findings *findings) {
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        bool seen = !region_is_data(topology, region);
        for (uint8_t i = 0; i < topology->checks_n && !seen; i++) {
            const struct check *check = &topology->checks[i];
            seen = check_is_view(check, region);
        }
        if (!seen) {
            FOUND(findings, FINDING_VANTAGE_MISSING,
                  where("regions.%s", topology->regions[region].name).at,
                  "automatic = true needs a vital check of this region with outside = true: its "
                  "own silence alone is one signal, and two are needed");
        }
    }
}

void check_service(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->components_n; i++) {
        check_component(topology, i, findings);
    }
    check_endpoints(topology, findings);
    for (uint8_t i = 0; i < topology->links_n; i++) {
        check_link(topology, i, findings);
        check_link_interval(topology, i, findings);
    }
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        check_check(topology, &topology->checks[i], findings);
    }
    if (topology->policy.automatic) {
        check_vantage(topology, findings);
    }
}
