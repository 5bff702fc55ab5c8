/* roles: the one table of which role may do what, in which region (SEED-59..61). Consulted by the
 * command line for a kind message, by every member when a request is applied, and by agents. */
#ifndef DROVER_ROLES_H
#define DROVER_ROLES_H

#include <stdbool.h>

#include "common/topology/topology.h"

#define REQUEST_LIST(X)                                                                            \
    X(QUERY, "read")                                                                               \
    X(DECLARE, "declare")                                                                          \
    X(APPROVE, "approve")                                                                          \
    X(REJECT, "reject")                                                                            \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(STEP_RETRY, "step retry")                                                                    \
    X(STEP_SKIP, "step skip")                                                                      \
    X(STEP_DONE, "step done")                                                                      \
    X(HOLD, "hold")                                                                                \
    X(RELEASE, "release")                                                                          \
    X(CONFIG_APPLY, "config apply")                                                                \
    X(ABORT, "abort")                                                                              \
    X(OVERRIDE, "override")                                                                        \
    X(COMMAND_TAKE, "command take")                                                                \
    X(COMMAND_HANDOVER, "command handover")                                                        \
    X(MODE_GRACEFUL, "mode graceful")                                                              \
    X(MODE_UNGRACEFUL, "mode ungraceful")

enum request_kind {
#define REQUEST_ENUM(name, text) REQUEST_##name,
    REQUEST_LIST(REQUEST_ENUM)
#undef REQUEST_ENUM
        REQUEST_KINDS_N
};

const char *request_kind_text(enum request_kind kind);

/* A command changes a running execution: only who has command of it gives one. */
bool request_is_command(enum request_kind kind);

/* May this role make this request? Whose role may COMMAND_TAKE may have command. */
bool role_may(enum role role, enum request_kind request);

/* May this role give the approval that `needed` asks for? (The role itself, the commander or the
 * on-call SRE; automation and developers never.) */
bool role_may_approve(enum role role, enum role needed);

/* May this role declare a plan of this kind? Automation: a failover only, and only because the
 * policy says `automatic`; the core checks the policy. */
bool role_may_declare(enum role role, enum plan_kind kind);

/* May a step with this action run on the word of this role alone? Automation: promotion, and what
 * changes nothing (waiting for a position, for an approval, verifying). Whatever else an automatic
 * execution needs must be mandated in the plan, by the people who applied it (SEED-32, SEED-61). */
bool role_may_run_action(enum role role, enum action_kind action);

#endif
