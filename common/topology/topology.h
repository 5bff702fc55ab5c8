/* topology: the one declared description of the service and of drover itself, as plain values.
 *
 * Read from topology.conf by common/io/topology_read.c; checked by topology_check(); numbered by
 * order of appearance: an index (region, agent, component, ...) is a position in these arrays and
 * holds within one version only. Everything is owned by the struct (no pointers), about 3.5 MiB:
 * keep it in static storage. */
#ifndef DROVER_TOPOLOGY_H
#define DROVER_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

enum region_kind { REGION_DATA = 0, REGION_MONITORING = 1 };

/* Component kinds name what probes and actions know how to speak to. */
#define COMPONENT_KIND_LIST(X)                                                                     \
    X(POSTGRESQL, "postgresql")                                                                    \
    X(REDIS, "redis")                                                                              \
    X(CLICKHOUSE, "clickhouse")                                                                    \
    X(S3, "s3")                                                                                    \
    X(KUBERNETES, "kubernetes")                                                                    \
    X(HTTP, "http")                                                                                \
    X(LOADBALANCER, "loadbalancer")                                                                \
    X(INGRESS, "ingress")                                                                          \
    X(NETWORK, "network")                                                                          \
    X(DNS, "dns")                                                                                  \
    X(VAULT, "vault")                                                                              \
    X(GIT, "git")                                                                                  \
    X(REGISTRY, "registry")                                                                        \
    X(EXTERNAL, "external")

enum component_kind {
#define COMPONENT_ENUM(name, text) COMPONENT_##name,
    COMPONENT_KIND_LIST(COMPONENT_ENUM)
#undef COMPONENT_ENUM
        COMPONENT_KINDS_N
};

/* Check kinds: one row each in agent/probes/probe_table.c. */
#define CHECK_KIND_LIST(X)                                                                         \
    X(HTTP, "http")                                                                                \
    X(TCP, "tcp")                                                                                  \
    X(POSTGRESQL, "postgresql")                                                                    \
    X(PATRONI, "patroni")                                                                          \
    X(REDIS, "redis")                                                                              \
    X(SENTINEL, "sentinel")                                                                        \
    X(PG_REPLICATION, "pg_replication")                                                            \
    X(REDIS_REPLICATION, "redis_replication")                                                      \
    X(CERTIFICATE, "certificate")                                                                  \
    X(DNS, "dns")                                                                                  \
    X(HAPROXY, "haproxy")                                                                          \
    X(EXEC, "exec")                                                                                \
    X(VAULT, "vault")                                                                              \
    X(OIDC, "oidc")                                                                                \
    X(PROMETHEUS, "prometheus")                                                                    \
    X(CLICKHOUSE, "clickhouse")                                                                    \
    X(KUBERNETES, "kubernetes")                                                                    \
    X(PG_CANARY, "pg_canary")                                                                      \
    X(REDIS_CANARY, "redis_canary")                                                                \
    X(CLICKHOUSE_CANARY, "clickhouse_canary")                                                      \
    X(S3, "s3")                                                                                    \
    X(BACKUP, "backup")                                                                            \
    X(GIT, "git")                                                                                  \
    X(STORAGE, "storage")                                                                          \
    X(PARITY, "parity")                                                                            \
    X(PATH, "path")                                                                                \
    X(SMTP, "smtp")                                                                                \
    X(FENCE_AGENT, "fence_agent")                                                                  \
    X(SECRET_AGE, "secret_age")

enum check_kind {
#define CHECK_ENUM(name, text) CHECK_##name,
    CHECK_KIND_LIST(CHECK_ENUM)
#undef CHECK_ENUM
        CHECK_KINDS_N
};

/* Action kinds: one row each in agent/actions/action_table.c. */
#define ACTION_KIND_LIST(X)                                                                        \
    X(PATRONI_DEMOTE, "patroni_demote")                                                            \
    X(PATRONI_PROMOTE, "patroni_promote")                                                          \
    X(PATRONI_HANDOFF, "patroni_handoff")                                                          \
    X(PG_PROMOTE, "pg_promote")                                                                    \
    X(PG_AWAIT_POSITION, "pg_await_position")                                                      \
    X(REDIS_DEMOTE, "redis_demote")                                                                \
    X(REDIS_PROMOTE, "redis_promote")                                                              \
    X(REDIS_HANDOFF, "redis_handoff")                                                              \
    X(DNS_UPDATE, "dns_update")                                                                    \
    X(HTTP_CALL, "http_call")                                                                      \
    X(EXEC, "exec")                                                                                \
    X(APPROVAL, "approval")                                                                        \
    X(VERIFY, "verify")                                                                            \
    X(PG_REJOIN, "pg_rejoin")                                                                      \
    X(KUBERNETES_SCALE, "kubernetes_scale")                                                        \
    X(HAPROXY_SERVER, "haproxy_server")                                                            \
    X(DNS_POWERDNS, "dns_powerdns")                                                                \
    X(FENCE_AGENT, "fence_agent")                                                                  \
    X(DNS_ROUTE53, "dns_route53")                                                                  \
    X(DNS_CLOUDFLARE, "dns_cloudflare")                                                            \
    X(TRAFFIC_SHIFT, "traffic_shift")                                                              \
    X(S3_DIRECTION, "s3_direction")                                                                \
    X(CLICKHOUSE_RECOVER, "clickhouse_recover")                                                    \
    X(MANUAL, "manual")                                                                            \
    X(SMTP_SEND, "smtp_send")                                                                      \
    X(PATRONI_SWITCHOVER, "patroni_switchover")                                                    \
    X(SENTINEL_FAILOVER, "sentinel_failover")

enum action_kind {
#define ACTION_ENUM(name, text) ACTION_##name,
    ACTION_KIND_LIST(ACTION_ENUM)
#undef ACTION_ENUM
        ACTION_KINDS_N
};

/* canary and bucket: their positions are numbers of canary writes, not bytes. */
enum link_kind { LINK_STREAM = 0, LINK_ASYNC = 1, LINK_BUCKET = 2, LINK_CANARY = 3 };
/* What a check or link that is not well means to `drover readiness`, and of which region it must
 * speak to count there. BY_DEFAULT: docs/readiness.md. */
enum ready { READY_BY_DEFAULT = 0, READY_BLOCKER = 1, READY_WARNING = 2, READY_NOTHING = 3 };
enum ready_at { READY_AT_STANDBY = 0, READY_AT_ACTIVE = 1, READY_AT_BOTH = 2 };
enum quorum_loss { QUORUM_LOSS_FAILSAFE = 0, QUORUM_LOSS_FENCE = 1, QUORUM_LOSS_HOLD = 2 };
/* What a member's own wait counts from: its last yes, or the CLOSE (docs/safety.md). */
enum wait_from { WAIT_FROM_LAST_YES = 0, WAIT_FROM_CLOSE = 1 };
enum plan_kind {
    PLAN_FAILOVER = 0,   /* the source region is lost or taken by force */
    PLAN_SWITCHOVER = 1, /* both regions well: hand-off steps run before the fence */
    PLAN_REPROTECT = 2,  /* make a region the standby of the active one */
    PLAN_COMPONENT = 3,  /* fail one component over inside one region: no lease moves */
    PLAN_DRILL = 4,      /* an exercise inside one region; its steps act for real */
    PLAN_KINDS_N
};

/* Roles of operators: common/topology/roles.h says what each may do. */
#define ROLE_LIST(X)                                                                               \
    X(SRE, "on-call-sre")                                                                          \
    X(COMMANDER, "dr-commander")                                                                   \
    X(TECHNICAL_LEAD, "technical-lead")                                                            \
    X(COMMUNICATIONS, "communications")                                                            \
    X(DATABASE_ADMIN, "database-admin")                                                            \
    X(NETWORK_ADMIN, "network-admin")                                                              \
    X(DEVELOPER, "developer")                                                                      \
    X(AUTOMATION, "automation")                                                                    \
    X(AUDITOR, "auditor")

enum role {
#define ROLE_ENUM(name, text) ROLE_##name,
    ROLE_LIST(ROLE_ENUM)
#undef ROLE_ENUM
        ROLES_N
};

struct argument {
    char name[NAME_SIZE];
    char value[VALUE_SIZE];
};

struct arguments {
    uint8_t n;
    struct argument at[ACTION_ARGS_MAX];
};

struct member {
    char name[NAME_SIZE];
    char agents_address[ADDRESS_SIZE];    /* tcp://IP:PORT, numeric: nothing is looked up */
    char operators_address[ADDRESS_SIZE]; /* tcp://IP:PORT */
    uint8_t curve_key[KEY_SIZE];          /* public */
    uint8_t sign_key[KEY_SIZE];           /* public, Ed25519 */
    /* While a key is exchanged, here as in agents and operators: the identity may use either.
     * Zeros: it has one key. Whoever counts, counts identities and never keys. */
    uint8_t curve_key_next[KEY_SIZE];
    uint8_t sign_key_next[KEY_SIZE];
};

struct region {
    char name[NAME_SIZE];
    uint8_t kind; /* enum region_kind */
};

struct agent {
    char name[NAME_SIZE];
    uint8_t region;
    bool guarded;                    /* a guard stands beside it: its "fenced" counts */
    bool gate;                       /* may execute promote steps; must promise for failsafe */
    char peer_address[ADDRESS_SIZE]; /* tcp://IP:PORT where other regions' agents reach it, or "" */
    uint8_t curve_key[KEY_SIZE];
    uint8_t sign_key[KEY_SIZE];  /* signs reports, questions */
    uint8_t guard_key[KEY_SIZE]; /* its guard's Ed25519 key; zeros without a guard */
    uint8_t curve_key_next[KEY_SIZE];
    uint8_t sign_key_next[KEY_SIZE];
    uint8_t guard_key_next[KEY_SIZE]; /* of the same guard: same host, same state */
};

struct component {
    char name[NAME_SIZE];
    uint8_t kind;   /* enum component_kind */
    uint8_t tier;   /* 1..4; 0: in no tier */
    bool guarded;   /* a store that only the leased region may write */
    bool excluded;  /* out of scope: listed, never acted on */
    bool protected; /* a record no step may touch (status.bud.ai); its name is the record's */
    char note[SENTENCE_SIZE];
    uint64_t needs; /* bit set of component indexes that must serve first (COMPONENTS_MAX <= 64) */
    uint32_t failover_within_ms; /* what an election inside a region may take; 0: not declared */
};

/* One component in one region. */
struct endpoint {
    uint8_t component;
    uint8_t region;
    char address[ADDRESS_SIZE]; /* host:port or URL for humans and default arguments */
    uint8_t agents_n;           /* agents able to act on it, in order of preference */
    uint8_t agents[ENDPOINT_AGENTS_MAX];
    /* What probes and actions need to know of this component here (patroni_url, front_host, ...):
     * topology_step_arguments and topology_check_arguments hand them on. */
    struct arguments arguments;
};

/* One probe of one component in one region, from inside or from outside. */
struct check {
    char name[NAME_SIZE];
    uint8_t kind; /* enum check_kind */
    uint8_t component;
    uint8_t region; /* the region whose endpoint is probed */
    bool outside;   /* true: run by the agents of all other regions; false: by `agent` */
    uint8_t agent;  /* the agent that runs it; NONE when outside */
    uint8_t link;   /* the replication link it measures, or NONE */
    bool vital;     /* counts for the region's verdict */
    uint32_t interval_ms, timeout_ms;
    uint8_t failures_n;      /* this many bad readings in a row make it failed */
    uint8_t passes_n;        /* this many good ones make it well again */
    uint8_t ready;           /* enum ready */
    uint8_t ready_at;        /* enum ready_at */
    char fix[SENTENCE_SIZE]; /* the command that mends it, for people; "" */
    struct arguments arguments;
};

struct link {
    char name[NAME_SIZE];
    uint8_t kind; /* enum link_kind */
    uint8_t component;
    uint32_t target_lag_ms; /* the documents' target */
    uint32_t alert_lag_ms;
    uint32_t rpo_ms; /* automatic failover is refused above it; 0: the tier's RPO */
    uint8_t ready;   /* enum ready */
    char fix[SENTENCE_SIZE];
};

/* In which mode of its execution a step runs. */
enum step_mode { STEP_MODE_BOTH = 0, STEP_MODE_GRACEFUL = 1, STEP_MODE_UNGRACEFUL = 2 };

struct step {
    char name[NAME_SIZE];
    uint8_t action;    /* enum action_kind */
    uint8_t component; /* or NONE */
    uint8_t through;   /* the component by whose endpoint it acts on `component`, or NONE: an
                          application is scaled through its Kubernetes */
    bool at_source;    /* runs in the region being left; else in the target region */
    bool before_fence; /* a hand-off step: under the old epoch, switchover only */
    uint8_t mode;      /* enum step_mode; before_fence is graceful by itself */
    bool may_fail;     /* its failure does not pause the execution */
    uint8_t tier;
    uint8_t agent;    /* a fixed agent, or NONE: by the component's endpoint */
    uint8_t approval; /* enum role that must approve before it starts; NONE: nobody */
    bool mandated;    /* an automatic execution may pass the approval (a standing mandate) */
    uint32_t timeout_ms;
    uint8_t retries;
    uint8_t needs_n;
    uint8_t needs[STEP_NEEDS_MAX]; /* indexes of steps that must be done first */
    uint16_t locks; /* bit set of the plan's locks that it holds while it is at work */
    struct arguments arguments;
    char intent[SENTENCE_SIZE]; /* shown to people */
};

/* Nobody but a person does it: an approval, or a step by hand. It never reaches an agent. */
bool step_is_a_persons(const struct step *step);

struct plan {
    char name[NAME_SIZE];
    uint8_t kind; /* enum plan_kind */
    uint8_t steps_n;
    uint8_t locks_n;
    uint8_t drill; /* of a drill: the entry of `drills` that it holds, or NONE */
    struct step steps[STEPS_MAX];
    /* What steps name in `locks`, in the order of the file: steps that share one are never at work
     * at the same time. */
    char locks[PLAN_LOCKS_MAX][NAME_SIZE];
};

struct operator_entry {
    char name[NAME_SIZE];
    char person[NAME_SIZE]; /* two keys of one person never count as two persons */
    uint8_t role;           /* enum role */
    uint8_t curve_key[KEY_SIZE];
    uint8_t sign_key[KEY_SIZE];
    uint8_t curve_key_next[KEY_SIZE];
    uint8_t sign_key_next[KEY_SIZE];
};

struct objective {
    uint64_t rto_ms, rpo_ms; /* 0: not declared */
};

/* One kind of backup as declared. Two entries of one component and type are two documents that say
 * different things: a warning names both. */
struct backup {
    uint8_t component;
    char type[NAME_SIZE]; /* "full", "wal", "rdb", ... */
    uint64_t every_ms;    /* 0: continuous, or on every change */
    uint64_t keep_ms;     /* 0: for ever, or not declared */
    char location[SENTENCE_SIZE];
    char second_location[SENTENCE_SIZE];
    char source[NAME_SIZE]; /* the document and line that says so */
};

struct drill {
    char name[NAME_SIZE];
    char type[NAME_SIZE]; /* "full", "tabletop", "component", "restore" */
    uint64_t every_ms;
    uint64_t duration_ms;  /* 0: not declared */
    uint64_t last_wall_ms; /* the day it was held last, as people declare; 0: never */
    char source[NAME_SIZE];
};

/* What the standby must have of what the active region has, whichever of them is which: the figures
 * of two or more checks of one kind, each of another data region. */
struct parity {
    char name[NAME_SIZE];
    uint8_t checks_n;
    uint8_t checks[REGIONS_MAX];
    uint16_t standby_percent; /* the standby's figure, of the active one's; 1..1000 */
    uint16_t active_percent;  /* the active one's, of the standby's; 0: no rule */
    uint8_t ready;            /* enum ready */
    char fix[SENTENCE_SIZE];  /* the command that mends it, for people */
    char source[NAME_SIZE];   /* the document and line that says so */
};

/* The numbers of design.md section 2; units ms; checked by topology_check. */
struct lease_numbers {
    uint32_t lease_ms;      /* T */
    uint32_t renew_ms;      /* R */
    uint32_t fence_ms;      /* F: soft fence at T - F */
    uint32_t gate_early_ms; /* the kernel gate shuts at T minus this; default: T/10, at most 2000 */
    uint32_t wait_ms;       /* W */
    uint32_t promise_ms;    /* V */
    uint32_t drift_ppm;     /* rho, 10000 = 1 % */
    uint32_t tick_ms;       /* resolution of a member's own timing, part of W */
    uint8_t on_quorum_loss; /* enum quorum_loss */
    uint8_t wait_from;      /* enum wait_from */
};

struct policy_numbers {
    bool automatic;         /* decide a failover without a human */
    bool automatic_sick;    /* also for region-sick, not only region-dark */
    bool accept_soft_fence; /* automatic promotion although a store has no guard */
    bool rearm_needed;      /* one-shot latch: after an automatic failover, hold until release */
    uint32_t hold_down_ms;  /* suspicion must last this long, from the last sign of life */
    uint32_t settle_ms;     /* no decision this long after the log was caught up first */
    uint32_t silent_ms;     /* an agent not heard this long is silent */
    uint32_t block_ms;      /* anti-flap: no second automatic failover this soon */
    uint32_t agent_step_ms; /* default timeout of a step */
    uint32_t automatic_within_ms; /* promised downtime of an automatic failover (SEED-96) */
    uint32_t planned_within_ms;   /* and of a planned one (SEED-97) */
    uint64_t
        exercise_within_ms; /* a step that was not run so long is a warning; 0: any age will do */
};

struct document {
    char name[SENTENCE_SIZE], version[NAME_SIZE], date[NAME_SIZE], status[NAME_SIZE];
};

struct topology {
    char cluster[NAME_SIZE];
    uint32_t version; /* given by the log; 0 in a file */
    struct document document;
    struct lease_numbers lease;
    struct policy_numbers policy;
    uint8_t initial_region;   /* owner of the first epoch */
    bool await_initial_epoch; /* no first epoch opens before a later topology lets it */
    uint32_t initial_epoch;   /* the log's first; 0 stands for 1: topology_initial_epoch() */
    uint8_t members_n, regions_n, agents_n, components_n, endpoints_n, checks_n, links_n, plans_n,
        operators_n, backups_n, drills_n, parity_n;
    struct objective objectives[OBJECTIVES_MAX]; /* [tier - 1] */
    struct member members[MEMBERS_MAX];
    struct region regions[REGIONS_MAX];
    struct agent agents[AGENTS_MAX];
    struct component components[COMPONENTS_MAX];
    struct endpoint endpoints[ENDPOINTS_MAX];
    struct check checks[CHECKS_MAX];
    struct link links[LINKS_MAX];
    struct plan plans[PLANS_MAX];
    struct operator_entry operators[OPERATORS_MAX];
    struct backup backups[BACKUPS_MAX];
    struct drill drills[DRILLS_MAX];
    struct parity parity[PARITY_MAX];
};

/* ms that a member waits after a close, and what a question says of its guard: W; UINT32_MAX under
 * `hold`, when a lease does not run out and time proves nothing. */
uint32_t topology_wait_ms(const struct lease_numbers *lease);

/* Of the log that this topology begins: 1, or far above every epoch of a log that was lost. */
uint64_t topology_initial_epoch(const struct topology *topology);

/* Not all zeros. */
bool key_is_set(const uint8_t key[KEY_SIZE]);
/* Is it one of these two? Zeros are always. */
bool key_among(const uint8_t key[KEY_SIZE], const uint8_t one[KEY_SIZE],
               const uint8_t next[KEY_SIZE]);
/* Does `pins` know every key that `other` names of members and agents that both of them name? */
bool topology_knows_keys(const struct topology *pins, const struct topology *other);
/* Is a guard beside both, and the same one: do their guards' keys, next ones too, share a key? A
 * guard under wholly other keys is another guard, whose word proves nothing of this one's lease. */
bool agent_same_guard(const struct agent *a, const struct agent *b);

const char *component_kind_text(enum component_kind kind);
const char *check_kind_text(enum check_kind kind);
const char *action_kind_text(enum action_kind kind);
/* Does it point a name at another region, by whatever provider? */
bool action_moves_name(uint8_t action);
const char *role_text(enum role role);
const char *plan_kind_text(enum plan_kind kind);
/* Does a plan of this kind move the lease? */
bool plan_kind_moves(enum plan_kind kind);
/* It stays inside one region, and gives way to a plan that moves the lease: component and drill. */
bool plan_kind_yields(enum plan_kind kind);
const char *step_mode_text(enum step_mode mode);
const char *link_kind_text(enum link_kind kind);

/* Its positions are counted writes of canaries, not bytes: canary, and bucket with its object. */
bool link_counts_writes(const struct link *link);

/* What an election of it inside a region may take: as declared, else FAILOVER_WITHIN_MS; 0: nobody
 * watches who leads a component of this kind. */
uint32_t component_failover_within_ms(const struct component *component);

/* Run by the agents of other regions, and what they see counts for the verdict on this one. */
bool check_is_view(const struct check *check, uint8_t region);

const char *quorum_loss_text(enum quorum_loss policy);

/* Lookups by name: the index, or NONE. */
uint8_t topology_region(const struct topology *topology, const char *name);
uint8_t topology_member(const struct topology *topology, const char *name);
uint8_t topology_agent(const struct topology *topology, const char *name);
uint8_t topology_component(const struct topology *topology, const char *name);
uint8_t topology_link(const struct topology *topology, const char *name);
uint8_t topology_operator(const struct topology *topology, const char *name);
/* Are these two operators, by index, one person? Also with two keys. An index of none is nobody. */
bool topology_same_person(const struct topology *topology, uint8_t a, uint8_t b);
uint8_t topology_plan(const struct topology *topology, const char *name);
uint8_t topology_endpoint(const struct topology *topology, uint8_t component, uint8_t region);

/* Bit set of the components that must serve before this one, through any number of others; never
 * itself unless they form a circle. */
uint64_t topology_needs_all(const struct topology *topology, uint8_t component);

/* The value of an argument, or NULL. Borrowed. */
const char *arguments_get(const struct arguments *arguments, const char *name);

/* Sets an argument, replacing one of that name. TOO_BIG when it is the one too many or does not
 * fit. */
enum err arguments_set(struct arguments *arguments, const char *name,
                       const char *value) ERR_CHECKED;

/* The complete arguments of a step that acts in `region`, with `peer_region` on the other side
 * (the region being left when it acts in the target, and the other way round; NONE: no other
 * side). In this order, the later replaces the earlier of the same name:
 *   1. the arguments of the step's component's endpoint in `region`, as they are
 *   2. those of the endpoint in `region` of the component that it acts through
 *   3. front_host, front_port and slot_name of its component's endpoint in `peer_region`, with the
 *     prefix "peer_"
 *   4. the step's own.
 * TOO_BIG when there are more than ACTION_ARGS_MAX; *ret_arguments is untouched then. */
enum err topology_step_arguments(const struct topology *topology, const struct step *step,
                                 uint8_t region, uint8_t peer_region,
                                 struct arguments *ret_arguments) ERR_CHECKED;

/* The complete arguments of a check: of its component's endpoint in its region those that any probe
 * can use (address, url, user, password_ref, database, ca; the others are the actions'), then its
 * own. */
enum err topology_check_arguments(const struct topology *topology, const struct check *check,
                                  struct arguments *ret_arguments) ERR_CHECKED;

/* The agent of `region` that should run a step: endpoint order, only among `alive` (bit set of
 * agents). NONE when none can. */
uint8_t topology_step_agent(const struct topology *topology, const struct step *step,
                            uint8_t region, uint64_t alive);

/* The next one behind the agent `after`, whose host is not the one that the step is for. NONE when
 * no other is alive, or the step names its agent. */
uint8_t topology_step_agent_after(const struct topology *topology, const struct step *step,
                                  uint8_t region, uint64_t alive, uint8_t after);

/* One finding of the check. `where` is the path of the field ("lease.wait_ms"). */
struct finding {
    bool is_error; /* an error refuses the topology; else a warning that people should know */
    uint16_t code; /* stable number, docs/findings.md */
    char where[96];
    char text[256];
};

#define FINDINGS_MAX 256

struct findings {
    uint16_t n;      /* stored */
    uint16_t lost_n; /* found beyond FINDINGS_MAX */
    uint16_t errors_n;
    struct finding at[FINDINGS_MAX];
};

void findings_add(struct findings *findings, bool is_error, uint16_t code, const char *where,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Everything that can be known to be wrong or risky without asking the world: the inequalities of
 * the lease, plans with cycles, unknown agents, members' count, steps that depend on the region
 * being left, `hold` with automatic failover, missing guards, and the known contradictions of the
 * source documents as warnings. */
void topology_check(const struct topology *topology, struct findings *ret_findings);

/* Adds what is wrong with the arguments of plans' steps, after topology_check(): nothing while an
 * index of the topology points outside its array. Asked where people write a topology, never of one
 * that is in force: what a newer drover refuses in an argument must not stop a member that was
 * started with it; its agents refuse the step, with the same words. */
void topology_check_steps(const struct topology *topology, struct findings *findings);

#endif
