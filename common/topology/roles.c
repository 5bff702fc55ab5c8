#include "common/topology/roles.h"

#define MAY(request) (UINT32_C(1) << REQUEST_##request)
#define RUNS(action) (UINT32_C(1) << ACTION_##action)
#define DECLARES(kind) (UINT32_C(1) << PLAN_##kind)

#define HAS_COMMAND (MAY(COMMAND_TAKE) | MAY(COMMAND_HANDOVER))
/* What only the one person who has command of a running execution may ask for. */
#define COMMANDS                                                                                   \
    (MAY(PAUSE) | MAY(RESUME) | MAY(ABORT) | MAY(STEP_RETRY) | MAY(STEP_SKIP) | MAY(STEP_DONE) |   \
     MAY(COMMAND_HANDOVER) | MAY(MODE_GRACEFUL) | MAY(MODE_UNGRACEFUL))

#define MAY_ALL ((UINT32_C(1) << REQUEST_KINDS_N) - 1)
#define RUNS_ALL ((UINT32_C(1) << ACTION_KINDS_N) - 1)
#define DECLARES_ALL ((UINT32_C(1) << PLAN_KINDS_N) - 1)

/* These change nothing: whoever may run anything at all may run them. */
#define RUNS_LOOKING                                                                               \
    (RUNS(PG_AWAIT_POSITION) | RUNS(APPROVAL) | RUNS(MANUAL) | RUNS(VERIFY) | RUNS(TRAFFIC_SHIFT))
#define RUNS_PROMOTION (RUNS(PATRONI_PROMOTE) | RUNS(PG_PROMOTE) | RUNS(REDIS_PROMOTE))
#define RUNS_DATABASE                                                                              \
    (RUNS_PROMOTION | RUNS_LOOKING | RUNS(PATRONI_DEMOTE) | RUNS(PATRONI_HANDOFF) |                \
     RUNS(REDIS_DEMOTE) | RUNS(REDIS_HANDOFF) | RUNS(PG_REJOIN) | RUNS(PATRONI_SWITCHOVER) |       \
     RUNS(SENTINEL_FAILOVER))

_Static_assert(REQUEST_KINDS_N < 32 && ACTION_KINDS_N < 32, "rows are 32-bit sets");

struct role_row {
    uint32_t may;      /* requests */
    uint32_t runs;     /* actions on this role's word alone */
    uint32_t declares; /* plan kinds, for those who may DECLARE */
    uint32_t approves; /* approvals: of every role, or only its own, or none */
};

enum { APPROVES_NONE, APPROVES_OWN, APPROVES_ALL };

static const struct role_row role_rows[ROLES_N] = {
    /* SEED-59: full, in both regions. */
    [ROLE_SRE] = {MAY_ALL, RUNS_ALL, DECLARES_ALL, APPROVES_ALL},
    /* SEED-142: the decision, not the hands. */
    [ROLE_COMMANDER] = {MAY(QUERY) | MAY(DECLARE) | MAY(APPROVE) | MAY(REJECT) | MAY(PAUSE) |
                            MAY(RESUME) | MAY(HOLD) | MAY(RELEASE) | MAY(ABORT) | MAY(OVERRIDE) |
                            MAY(MODE_GRACEFUL) | MAY(MODE_UNGRACEFUL) | HAS_COMMAND,
                        RUNS_ALL, DECLARES_ALL, APPROVES_ALL},
    /* SEED-143: carries the declared plan out. */
    [ROLE_TECHNICAL_LEAD] = {MAY(QUERY) | MAY(APPROVE) | MAY(REJECT) | MAY(PAUSE) | MAY(RESUME) |
                                 MAY(STEP_RETRY) | MAY(STEP_SKIP) | MAY(STEP_DONE) | HAS_COMMAND,
                             RUNS_ALL, 0, APPROVES_OWN},
    /* SEED-144: sees everything, runs nothing. */
    [ROLE_COMMUNICATIONS] = {MAY(QUERY), 0, 0, APPROVES_NONE},
    /* SEED-145 */
    [ROLE_DATABASE_ADMIN] = {MAY(QUERY) | MAY(APPROVE) | MAY(REJECT) | MAY(STEP_DONE),
                             RUNS_DATABASE, 0, APPROVES_OWN},
    /* SEED-146 */
    [ROLE_NETWORK_ADMIN] = {MAY(QUERY) | MAY(APPROVE) | MAY(REJECT) | MAY(STEP_DONE),
                            RUNS(DNS_UPDATE) | RUNS(DNS_POWERDNS) | RUNS(DNS_ROUTE53) |
                                RUNS(DNS_CLOUDFLARE) | RUNS(HAPROXY_SERVER) | RUNS_LOOKING,
                            0, APPROVES_OWN},
    /* SEED-60: read-only wherever drover acts. */
    [ROLE_DEVELOPER] = {MAY(QUERY), 0, 0, APPROVES_NONE},
    /* SEED-61: promotion only. */
    [ROLE_AUTOMATION] = {MAY(QUERY) | MAY(DECLARE), RUNS_PROMOTION | RUNS_LOOKING,
                         DECLARES(FAILOVER), APPROVES_NONE},
    [ROLE_AUDITOR] = {MAY(QUERY), 0, 0, APPROVES_NONE},
};

const char *request_kind_text(enum request_kind kind) {
    static const char *const texts[REQUEST_KINDS_N] = {
#define REQUEST_TEXT(name, text) [REQUEST_##name] = (text),
        REQUEST_LIST(REQUEST_TEXT)
#undef REQUEST_TEXT
    };
    return (unsigned)kind < REQUEST_KINDS_N ? texts[kind] : "unknown";
}

/* Whoever is no known role may nothing: a value from the wire never reaches past the table. */
static const struct role_row *role_row_of(enum role role) {
    static const struct role_row nobody = {0, 0, 0, APPROVES_NONE};
    return (unsigned)role < ROLES_N ? &role_rows[role] : &nobody;
}

bool request_is_command(enum request_kind kind) {
    return (unsigned)kind < REQUEST_KINDS_N && (COMMANDS & (UINT32_C(1) << kind)) != 0;
}

bool role_may(enum role role, enum request_kind request) {
    return (unsigned)request < REQUEST_KINDS_N &&
           (role_row_of(role)->may & (UINT32_C(1) << request)) != 0;
}

bool role_may_declare(enum role role, enum plan_kind kind) {
    return role_may(role, REQUEST_DECLARE) && (unsigned)kind < PLAN_KINDS_N &&
           (role_row_of(role)->declares & (UINT32_C(1) << kind)) != 0;
}

bool role_may_approve(enum role role, enum role needed) {
    if ((unsigned)needed >= ROLES_N || !role_may(role, REQUEST_APPROVE)) {
        return false;
    }
    uint32_t approves = role_row_of(role)->approves;
    return approves == APPROVES_ALL || (approves == APPROVES_OWN && role == needed);
}

bool role_may_run_action(enum role role, enum action_kind action) {
    return (unsigned)action < ACTION_KINDS_N &&
           (role_row_of(role)->runs & (UINT32_C(1) << action)) != 0;
}
