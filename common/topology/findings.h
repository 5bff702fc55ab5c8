/* findings: every code that topology_check() can give, with its title. Codes are stable: a cured
 * or dropped finding leaves its number unused. Cause and cure of each: docs/findings.md (a test
 * compares that file with this list). 1xx are errors, which refuse a topology; 2xx are warnings. */
#ifndef DROVER_FINDINGS_H
#define DROVER_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/topology/topology.h"

#define FINDING_LIST(X)                                                                            \
    X(101, CLUSTER_NAME, "the cluster's name is not a name")                                       \
    X(102, MEMBERS_COUNT, "members are not 1, 3 or 5")                                             \
    X(103, REGIONS_COUNT, "fewer than two data regions")                                           \
    X(104, INITIAL_REGION, "no initial region, or one without data")                               \
    X(105, NAME, "a name is not a name")                                                           \
    X(106, NAME_TWICE, "one name twice")                                                           \
    X(107, KEY_TWICE, "one public key twice")                                                      \
    X(108, KEY_MISSING, "a public key is missing")                                                 \
    X(109, ADDRESS_TWICE, "one address twice")                                                     \
    X(110, GUARD_KEY, "guarded and guard_key do not agree")                                        \
    X(111, INDEX, "an index points outside its array")                                             \
    X(112, GATE_AGENT, "a gate agent without a guard or outside a data region")                    \
    X(113, GUARD_NO_GATE, "a guarded agent that promises nothing")                                 \
    X(114, KEY_NEXT, "a next key without what it belongs to")                                      \
    X(120, LEASE_RANGE, "a number of the lease is out of range")                                   \
    X(121, LEASE_RENEW, "too few renewals fit into a lease")                                       \
    X(122, LEASE_GATE, "the gate shuts too late, or before the soft fence")                        \
    X(123, LEASE_WAIT, "the members' wait is shorter than a lease")                                \
    X(124, LEASE_PROMISE, "a promise is shorter than the members' wait")                           \
    X(125, LEASE_DRIFT, "the drift bound is not credible")                                         \
    X(126, POLICY_RANGE, "a number of the policy is out of range")                                 \
    X(127, POLICY_SILENT, "agents count as silent too early")                                      \
    X(128, HOLD_AUTOMATIC, "hold excludes automatic failover")                                     \
    X(129, NO_GATE_AGENT, "failsafe without gate agents")                                          \
    X(130, VANTAGE_MISSING, "automatic failover without an outside view")                          \
    X(131, AUTOMATIC_PLAN, "automatic failover without a plan")                                    \
    X(132, GATE_AGENTS_MANY, "more gate agents than a certificate can hold")                       \
    X(140, NEEDS_CYCLE, "components need each other in a circle")                                  \
    X(141, TIER, "a tier is out of range")                                                         \
    X(142, GUARD_MISSING, "a guarded component without a guard in a data region")                  \
    X(143, ENDPOINT_REGION, "an endpoint's agent is of another region")                            \
    X(144, GUARDED_PLACES, "a guarded component is not in two data regions, and only there")       \
    X(145, EXCLUDED_USED, "an excluded component is guarded or protected")                         \
    X(146, ENDPOINT_TWICE, "one component twice in one region")                                    \
    X(147, NO_ELECTIONS, "failover_within of a component that elects no leader")                   \
    X(150, CHECK_TIMES, "a check's times do not fit each other")                                   \
    X(151, CHECK_ENDPOINT, "a check of a component that is not there")                             \
    X(152, CHECK_RUNNER, "a check with no runner, or with two")                                    \
    X(153, CHECK_LINK, "a check and its link do not fit")                                          \
    X(154, CHECK_EXCLUDED, "an excluded component would count for a verdict")                      \
    X(155, CHECK_NOBODY, "an outside check that nobody can run")                                   \
    X(156, ARGUMENTS_TOO_MANY, "too many arguments together")                                      \
    X(157, PARITY, "a parity rule compares what cannot be compared")                               \
    X(160, LINK_PLACES, "a link of a component that is not in two data regions")                   \
    X(161, LINK_RPO, "a link's RPO is larger than its tier's")                                     \
    X(162, LINK_TARGET, "a link's target lag is larger than its RPO")                              \
    X(170, PLAN_CYCLE, "steps need each other in a circle")                                        \
    X(171, PLAN_NEEDS, "a step needs itself or a step that is not there")                          \
    X(172, PLAN_STAGE, "a step before the fence needs one after it")                               \
    X(173, PLAN_BEFORE_FENCE, "a failover with a step before the fence")                           \
    X(174, PLAN_SOURCE, "a failover depends on the region being left")                             \
    X(175, PLAN_DNS_GATE, "DNS moves with neither approval nor mandate")                           \
    X(176, PLAN_PROTECTED, "a step touches a protected record")                                    \
    X(177, PLAN_EXCLUDED, "a step acts on an excluded component")                                  \
    X(178, PLAN_NOWHERE, "a step that no agent can run")                                           \
    X(179, PLAN_PROMOTE_PLACE, "a promotion in the region being left, or before the fence")        \
    X(180, PLAN_TIMEOUT, "a step's timeout is out of range")                                       \
    X(181, PLAN_APPROVAL, "an approval that nobody can give")                                      \
    X(182, PLAN_EMPTY, "a plan without steps")                                                     \
    X(183, PLAN_NOT_GATE, "a promotion by an agent that is no gate agent")                         \
    X(184, PLAN_DEMOTE_PLACE, "a demotion in the region that takes writes")                        \
    X(185, PLAN_MODE, "a step's mode does not fit its plan")                                       \
    X(186, PLAN_LOCKS, "a lock of a word")                                                         \
    X(187, PLAN_INSIDE, "a step has no place in a plan of this kind")                              \
    X(190, PERSON_PLACEHOLDER, "a role is held by a placeholder")                                  \
    X(191, ARGUMENT_UNKNOWN, "a step's argument that its action does not take")                    \
    X(192, ARGUMENT_MISSING, "an argument that a step's action needs is missing")                  \
    X(193, ARGUMENT_WRONG, "an argument is not what a step's action takes")                        \
    X(201, DOCUMENT, "the document has no name, version or date")                                  \
    X(202, ALERT_ABOVE_TARGET, "the lag alert comes after the target is missed")                   \
    X(203, ALERT_BELOW_TARGET, "the lag alert comes while the target is met")                      \
    X(204, BACKUP_RPO, "a backup is rarer than the RPO it serves")                                 \
    X(205, NO_TIER, "a component is in no tier")                                                   \
    X(206, NO_OBJECTIVE, "a tier in use has no objective")                                         \
    X(207, NO_BACKUP, "a store has no backup")                                                     \
    X(208, NO_TARGET, "a link has no target lag")                                                  \
    X(209, NO_LINK, "a store has no replication link")                                             \
    X(210, BACKUP_DIFFERS, "two documents differ about one backup")                                \
    X(211, WAL_WINDOW, "WAL is kept for less time than the full backups")                          \
    X(213, DRILL_DIFFERS, "two documents differ about one drill")                                  \
    X(220, DNS_BEFORE_PROMOTION, "traffic moves before the stores are promoted")                   \
    X(221, AUTOMATIC_WAITS, "an automatic failover waits for a human")                             \
    X(223, AUTOMATIC_BUDGET, "an automatic failover can last longer than promised")                \
    X(224, AUTOMATION_MANDATE, "automation does more than promote, by mandate")                    \
    X(225, STEP_ORDER, "a step does not wait for what its component needs")                        \
    X(226, NOT_PROMOTED, "a failover leaves a guarded component behind")                           \
    X(227, FIXED_AGENT, "a step with a fixed agent works in one direction only")                   \
    X(228, ONE_REGION, "a component has no endpoint in one data region")                           \
    X(230, LAG_INTERVAL, "lag is measured less often than its target")                             \
    X(231, MONITORING_TIER, "monitoring decides failovers but may be down for hours")              \
    X(232, ROLE_THIN, "a role has fewer than two persons")                                         \
    X(233, TWO_PERSONS, "fewer than two persons may override")                                     \
    X(234, HOLD_DOWN_SHORT, "the hold-down is shorter than the stores' own failovers")             \
    X(235, SETTLE_SHORT, "decisions start before every agent could be heard")                      \
    X(236, ONE_MEMBER, "one member")                                                               \
    X(237, SOFT_FENCE, "a store is fenced only through its own API")                               \
    X(238, PEER_ADDRESS, "a gate agent that other regions cannot reach")                           \
    X(240, UNCHECKED, "a component without a check")                                               \
    X(241, UNGUARDED_AGENT, "an agent of a guarded component has no guard")                        \
    X(242, OBJECTIVE_ORDER, "a lower tier has the stricter objective")                             \
    X(243, NO_PLAN, "no plan of a kind")                                                           \
    X(244, HOLD, "hold: a region out of reach goes on writing")

enum finding_code {
#define FINDING_ENUM(code, name, title) FINDING_##name = (code),
    FINDING_LIST(FINDING_ENUM)
#undef FINDING_ENUM
};

struct finding_title {
    uint16_t code;
    const char *title;
};

/* All of them in order; *ret_n of them. Static storage. */
const struct finding_title *finding_titles(size_t *ret_n);

#endif
