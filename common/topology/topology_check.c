/* The check as a whole: indexes first, because everything else follows them. */
#include <stdarg.h>
#include <string.h>

#include "common/topology/topology_check_parts.h"

const struct finding_title *finding_titles(size_t *ret_n) {
    static const struct finding_title titles[] = {
#define FINDING_TITLE(code, name, title) {(code), (title)},
        FINDING_LIST(FINDING_TITLE)
#undef FINDING_TITLE
    };
    *ret_n = sizeof(titles) / sizeof(titles[0]);
    return titles;
}

struct where where(const char *format, ...) {
    struct where path;
    va_list list;
    va_start(list, format);
    (void)text_format_list(path.at, sizeof(path.at), format, list);
    va_end(list);
    return path;
}

uint8_t component_served_tier(const struct topology *topology, uint8_t component, uint8_t *ret_by) {
    uint8_t best = topology->components[component].tier;
    *ret_by = component;
    for (uint8_t i = 0; i < topology->components_n; i++) {
        uint8_t tier = topology->components[i].tier;
        if (tier != 0 && (best == 0 || tier < best) &&
            bits_has(topology_needs_all(topology, i), component)) {
            best = tier;
            *ret_by = i;
        }
    }
    return best;
}

bool region_is_data(const struct topology *topology, uint8_t region) {
    return region < topology->regions_n && topology->regions[region].kind == REGION_DATA;
}

bool action_promotes(uint8_t action) {
    return action == ACTION_PATRONI_PROMOTE || action == ACTION_PG_PROMOTE ||
           action == ACTION_REDIS_PROMOTE;
}

bool action_demotes(uint8_t action) {
    return action == ACTION_PATRONI_DEMOTE || action == ACTION_PATRONI_HANDOFF ||
           action == ACTION_REDIS_DEMOTE || action == ACTION_REDIS_HANDOFF ||
           action == ACTION_PG_REJOIN;
}

void plan_needs_all(const struct plan *plan, uint64_t ret_needs[STEPS_MAX]) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        ret_needs[i] = 0;
        for (uint8_t j = 0; j < plan->steps[i].needs_n; j++) {
            ret_needs[i] |= bit(plan->steps[i].needs[j]);
        }
    }
    for (bool grew = true; grew;) {
        grew = false;
        for (uint8_t i = 0; i < plan->steps_n; i++) {
            uint64_t before = ret_needs[i];
            for (uint8_t j = 0; j < plan->steps_n; j++) {
                ret_needs[i] |= bits_has(before, j) ? ret_needs[j] : 0;
            }
            grew = grew || ret_needs[i] != before;
        }
    }
}

const struct plan *plan_default(const struct topology *topology, enum plan_kind kind) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        if (topology->plans[i].kind == kind) {
            return &topology->plans[i];
        }
    }
    return NULL;
}

/* ---- indexes ---- */

static void index_check(struct findings *findings, struct where at, unsigned index, unsigned n,
                        bool may_be_none) {
    if (index >= n && !(may_be_none && index == NONE)) {
        FOUND(findings, FINDING_INDEX, at.at, "the index %u does not exist: there are %u", index,
              n);
    }
}

static void check_counts(const struct topology *topology, struct findings *findings) {
    const struct {
        const char *what;
        unsigned n, max;
    } counts[] = {
        {"members", topology->members_n, MEMBERS_MAX},
        {"regions", topology->regions_n, REGIONS_MAX},
        {"agents", topology->agents_n, AGENTS_MAX},
        {"components", topology->components_n, COMPONENTS_MAX},
        {"endpoints", topology->endpoints_n, ENDPOINTS_MAX},
        {"checks", topology->checks_n, CHECKS_MAX},
        {"links", topology->links_n, LINKS_MAX},
        {"plans", topology->plans_n, PLANS_MAX},
        {"operators", topology->operators_n, OPERATORS_MAX},
        {"backups", topology->backups_n, BACKUPS_MAX},
        {"drills", topology->drills_n, DRILLS_MAX},
        {"parity", topology->parity_n, PARITY_MAX},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].n > counts[i].max) {
            FOUND(findings, FINDING_INDEX, counts[i].what, "%u of them: the limit is %u",
                  counts[i].n, counts[i].max);
        }
    }
}

static void check_service_indexes(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        index_check(findings, where("agents[%u].region", i), topology->agents[i].region,
                    topology->regions_n, false);
    }
    for (uint8_t i = 0; i < topology->components_n; i++) {
        uint64_t needs = topology->components[i].needs;
        index_check(findings, where("components[%u].needs", i),
                    needs == 0 ? 0 : 63 - (unsigned)__builtin_clzll(needs), topology->components_n,
                    false);
        index_check(findings, where("components[%u].kind", i), topology->components[i].kind,
                    COMPONENT_KINDS_N, false);
    }
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        struct where at = where("endpoints[%u]", i);
        index_check(findings, at, endpoint->component, topology->components_n, false);
        index_check(findings, at, endpoint->region, topology->regions_n, false);
        index_check(findings, at, endpoint->agents_n, ENDPOINT_AGENTS_MAX + 1, false);
        index_check(findings, at, endpoint->arguments.n, ACTION_ARGS_MAX + 1, false);
        for (uint8_t j = 0; j < endpoint->agents_n && j < ENDPOINT_AGENTS_MAX; j++) {
            index_check(findings, at, endpoint->agents[j], topology->agents_n, false);
        }
    }
    for (uint8_t i = 0; i < topology->links_n; i++) {
        index_check(findings, where("links[%u].component", i), topology->links[i].component,
                    topology->components_n, false);
    }
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        index_check(findings, where("backups[%u].component", i), topology->backups[i].component,
                    topology->components_n, false);
    }
}

static void check_check_indexes(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        const struct check *check = &topology->checks[i];
        struct where at = where("checks[%u]", i);
        index_check(findings, at, check->kind, CHECK_KINDS_N, false);
        index_check(findings, at, check->component, topology->components_n, false);
        index_check(findings, at, check->region, topology->regions_n, false);
        index_check(findings, at, check->agent, topology->agents_n, true);
        index_check(findings, at, check->link, topology->links_n, true);
        index_check(findings, at, check->arguments.n, ACTION_ARGS_MAX + 1, false);
    }
    for (uint8_t i = 0; i < topology->parity_n; i++) {
        const struct parity *parity = &topology->parity[i];
        struct where at = where("parity[%u].checks", i);
        index_check(findings, at, parity->checks_n, REGIONS_MAX + 1, false);
        for (uint8_t j = 0; j < parity->checks_n && j < REGIONS_MAX; j++) {
            index_check(findings, at, parity->checks[j], topology->checks_n, false);
        }
    }
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        index_check(findings, where("operators[%u].role", i), topology->operators[i].role, ROLES_N,
                    false);
    }
}

static void check_step_indexes(const struct topology *topology, const struct plan *plan,
                               struct findings *findings) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        struct where at = where("plans.%s.steps[%u]", plan->name, i);
        index_check(findings, at, step->action, ACTION_KINDS_N, false);
        index_check(findings, at, step->component, topology->components_n, true);
        index_check(findings, at, step->through, topology->components_n, true);
        index_check(findings, at, step->agent, topology->agents_n, true);
        index_check(findings, at, step->approval, ROLES_N, true);
        index_check(findings, at, step->needs_n, STEP_NEEDS_MAX + 1, false);
        index_check(findings, at, step->arguments.n, ACTION_ARGS_MAX + 1, false);
        for (uint8_t j = 0; j < step->needs_n && j < STEP_NEEDS_MAX; j++) {
            if (step->needs[j] >= plan->steps_n || step->needs[j] == i) {
                FOUND(findings, FINDING_PLAN_NEEDS, at.at,
                      "it needs step %u of %u: itself, or "
                      "not there",
                      step->needs[j], plan->steps_n);
            }
        }
    }
}

static void check_indexes(const struct topology *topology, struct findings *findings) {
    check_counts(topology, findings);
    if (findings->errors_n > 0) {
        return;
    }
    check_service_indexes(topology, findings);
    check_check_indexes(topology, findings);
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        index_check(findings, where("plans[%u].kind", i), topology->plans[i].kind, PLAN_KINDS_N,
                    false);
        if (topology->plans[i].kind == PLAN_DRILL) {
            index_check(findings, where("plans[%u].drill", i), topology->plans[i].drill,
                        topology->drills_n, true);
        }
        index_check(findings, where("plans[%u].steps", i), topology->plans[i].steps_n,
                    STEPS_MAX + 1, false);
        if (topology->plans[i].steps_n <= STEPS_MAX) {
            check_step_indexes(topology, &topology->plans[i], findings);
        }
    }
}

void topology_check(const struct topology *topology, struct findings *ret_findings) {
    memset(ret_findings, 0, sizeof(*ret_findings));
    check_indexes(topology, ret_findings);
    if (ret_findings->errors_n > 0) {
        return;
    }
    check_identities(topology, ret_findings);
    check_lease(topology, ret_findings);
    check_policy(topology, ret_findings);
    check_service(topology, ret_findings);
    check_parity(topology, ret_findings);
    check_plans(topology, ret_findings);
    check_promises(topology, ret_findings);
    ensure(ret_findings->errors_n <= ret_findings->n + ret_findings->lost_n);
}
