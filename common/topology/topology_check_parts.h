/* The parts of topology_check and of the lint of plans (common/plan). Not for others. */
#ifndef DROVER_TOPOLOGY_CHECK_PARTS_H
#define DROVER_TOPOLOGY_CHECK_PARTS_H

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/topology/duration.h"
#include "common/topology/findings.h"
#include "common/topology/roles.h"
#include "common/topology/topology.h"

/* An error is a code below 200. */
#define FOUND(findings, code, where, ...)                                                          \
    findings_add((findings), (code) < 200, (uint16_t)(code), (where), __VA_ARGS__)

/* A field's path by value: where("plans.%s.steps.%s", ...).at */
struct where {
    char at[96];
};

struct where where(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The most urgent tier among this component and those that need it; 0 when none is in a tier.
 * *ret_by is the component whose tier it is. */
uint8_t component_served_tier(const struct topology *topology, uint8_t component, uint8_t *ret_by);

bool region_is_data(const struct topology *topology, uint8_t region);
bool action_promotes(uint8_t action);
/* Makes the store of its region a standby, or takes its writes away on the way there. */
bool action_demotes(uint8_t action);

/* Steps that must be done before each step, through any number of others. */
void plan_needs_all(const struct plan *plan, uint64_t ret_needs[STEPS_MAX]);

/* The first plan of a kind is the one that runs when none is named. NULL when there is none. */
const struct plan *plan_default(const struct topology *topology, enum plan_kind kind);

void check_lease(const struct topology *topology, struct findings *findings);
void check_policy(const struct topology *topology, struct findings *findings);
void check_identities(const struct topology *topology, struct findings *findings);
void check_service(const struct topology *topology, struct findings *findings);
void check_plans(const struct topology *topology, struct findings *findings);
void check_parity(const struct topology *topology, struct findings *findings);
void check_promises(const struct topology *topology, struct findings *findings);

#endif
