/* The parts of lint. Not for others. */
#ifndef DROVER_PLAN_LINT_PARTS_H
#define DROVER_PLAN_LINT_PARTS_H

#include "common/plan/lint.h"
#include "common/plan/order.h"
#include "common/topology/topology_check_parts.h"

#define LINT(findings, code, where, ...)                                                           \
    findings_add((findings), false, (uint16_t)(code), (where), __VA_ARGS__)

void lint_objectives(const struct topology *topology, struct findings *findings);
void lint_source(const struct topology *topology, struct findings *findings);
void lint_placeholders(const struct topology *topology, struct findings *findings);

bool component_in_scope(const struct component *component);

#endif
