/* lint: everything that can be known to be wrong or weak in the plans without asking the world: all
 * that topology_check() finds, and what it does not look at: objectives that cannot be met, steps
 * that depend on the region being left, positions nobody hands over, placeholders. Pure.
 *
 * What only lint finds is a warning: no topology is refused for it. Codes are stable, like
 * findings.h's; cause and cure of each: docs/plans.md (a test compares page and list). */
#ifndef DROVER_PLAN_LINT_H
#define DROVER_PLAN_LINT_H

#include "common/topology/findings.h"
#include "common/topology/topology.h"

#define LINT_LIST(X)                                                                               \
    X(301, RTO, "a tier's steps can last longer than its RTO")                                     \
    X(302, PLANNED, "a planned move can last longer than promised")                                \
    X(303, ALERT_RPO, "a link's alert comes when the RPO is lost already")                         \
    X(304, SOURCE_VALUE, "a step of a failover uses what stands in the region being left")         \
    X(305, SOURCE_NEED, "a step of a failover needs what is in the region being left only")        \
    X(306, NO_POSITION, "a wait for a position that nobody hands over")                            \
    X(307, NOT_AWAITED, "a hand-off whose position nobody waits for")                              \
    X(308, ONE_WAY, "a store that both regions may write, with a link of one direction")           \
    X(309, NO_STEP, "a failover without a step for something that it must bring")                  \
    X(310, PLACEHOLDER, "a placeholder where a value belongs")                                     \
    X(311, UNOBSERVED, "steps whose state nobody can see")                                         \
    X(312, LATE_PERSON, "an approval may be waited for longer than the RTO")                       \
    X(313, LONE_LOCK, "a lock that only one step names")                                           \
    X(314, RTO_PAST, "at the p95 of what its steps took a tier misses its RTO")

enum lint_code {
#define LINT_ENUM(code, name, title) LINT_##name = (code),
    LINT_LIST(LINT_ENUM)
#undef LINT_ENUM
};

/* All of them in order; *ret_n of them. Static storage. */
const struct finding_title *lint_titles(size_t *ret_n);

/* topology_check()'s findings first, then lint's own; none of its own while an index of the
 * topology points outside its array. */
void plan_lint(const struct topology *topology, struct findings *ret_findings);

/* Adds where a failover misses an RTO although each step of `plan` takes what it took before:
 * p95_ms by step; 0: it was not done often enough, and counts with its longest. After plan_lint(),
 * of a topology without errors. */
void plan_lint_past(const struct topology *topology, uint8_t plan, const uint64_t p95_ms[STEPS_MAX],
                    struct findings *findings);

#endif
