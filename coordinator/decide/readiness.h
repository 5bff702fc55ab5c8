/* readiness: could this region take over now? A pure question: everything that is known goes in as
 * values, lines come out, no clock is read. A declaration never waits for it: it is for the days
 * before.
 *
 * What is old is not known, and what is not known is not ready: silence never reads as "good". */
#ifndef DROVER_READINESS_H
#define DROVER_READINESS_H

#include "coordinator/core/core.h"
#include "proto/message.h"

struct readiness_agent {
    bool heard;                  /* within policy.silent, by the asked member */
    uint64_t heard_ago_ms;       /* UINT64_MAX: never */
    int64_t clock_off_ms;        /* its wall clock ahead of the asked member's; negative: behind */
    const struct report *report; /* the newest, of whatever topology version; NULL: none */
};

struct readiness_link {
    bool known;
    uint64_t lag_ms;
    uint64_t sampled_ago_ms; /* of the active side's newest position */
};

/* A plan that would take the service to the target; what is known of its steps as they are now. */
struct readiness_plan {
    bool looked; /* false: nothing is said of it */
    uint8_t steps_n;
    uint8_t never_n, never[STEPS_MAX]; /* steps that never ended well */
    uint8_t failing_n;                 /* whose newest run failed */
    uint8_t oldest;                    /* the step that was run longest ago; NONE */
    uint64_t oldest_wall_ms;
};

struct readiness_input {
    const struct core *core;
    const struct topology *topology;
    uint8_t target;                      /* the region that would take over */
    uint64_t wall_ms;                    /* for drills */
    uint64_t drills_held_ms[DRILLS_MAX]; /* by an execution of ours that ended well; 0: never */
    struct readiness_agent agents[AGENTS_MAX];
    struct readiness_link links[LINKS_MAX];
    struct readiness_plan plans[PLANS_MAX];
};

enum readiness_state {
    READINESS_GOOD = 0,
    READINESS_WRONG = 1,
    READINESS_UNKNOWN = 2 /* no word, or an old one: counts like wrong */
};

struct readiness_line {
    uint8_t weight;          /* enum ready: BLOCKER or WARNING */
    uint8_t state;           /* enum readiness_state */
    char name[64];           /* "agent west-db1", "check west-disk": stable, for programs */
    char text[256];          /* what is so, or what is wrong */
    char fix[SENTENCE_SIZE]; /* the command that mends it; "" of a good line */
    int64_t age_ms;          /* the observation is no older than this; -1: it is no observation */
};

/* Every agent, check, link, drill, backup, plan once, and drover's own. */
#define READINESS_LINES_MAX                                                                        \
    (AGENTS_MAX * 4 + CHECKS_MAX + LINKS_MAX + DRILLS_MAX + BACKUPS_MAX + PLANS_MAX + PARITY_MAX + \
     16)

struct readiness {
    uint16_t n, blockers_n, warnings_n, good_n;
    struct readiness_line lines[READINESS_LINES_MAX]; /* as found; blockers are not sorted first */
};

/* The target must be a data region that does not own the newest epoch. About 300 KiB: keep the
 * result in static storage. */
void readiness_read(const struct readiness_input *input, struct readiness *ret_readiness);

/* readiness_world.c: what the topology declares; readiness.c calls them. */
void readiness_checks(const struct readiness_input *input, struct readiness *readiness);
/* readiness_names.c: no member name in both Patroni clusters of a component. */
void readiness_names(const struct readiness_input *input, struct readiness *readiness);
/* readiness_handoff.c: a replica of the owner for which a switchover would be refused; a line only
 * when there is one. */
void readiness_handoff(const struct readiness_input *input, struct readiness *readiness);
void readiness_links(const struct readiness_input *input, struct readiness *readiness);
void readiness_drills(const struct readiness_input *input, struct readiness *readiness);
void readiness_plans(const struct readiness_input *input, struct readiness *readiness);
void readiness_backups(const struct readiness_input *input, struct readiness *readiness);
/* readiness_parity.c: what the target has of what the owner has. */
void readiness_parity(const struct readiness_input *input, struct readiness *readiness);

/* readiness_backups.c: the declared backup that this check looks at: of its component, and of the
 * type that the argument backup names (a Kubernetes check of what=velero: "velero"). NONE: it looks
 * at no backup, or *ret_type at one that is not declared. ret_type: NULL when it looks at none. */
uint8_t backup_of_check(const struct topology *topology, const struct check *check,
                        const char **ret_type);

/* What this agent's newest report says of a check; NULL: nothing, or the agent is silent. */
const struct check_report *readiness_seen(const struct readiness_input *input, uint8_t agent,
                                          uint8_t check);
bool readiness_agent_speaks(const struct readiness_input *input, uint8_t agent);

/* A new line with its name; its text and fix follow. */
struct readiness_line *readiness_add(struct readiness *readiness, enum ready weight,
                                     enum readiness_state state, int64_t age_ms, const char *format,
                                     ...) __attribute__((format(printf, 5, 6)));
/* Does this check count for the readiness of input->target? READY_NOTHING: it does not. */
enum ready readiness_weight(const struct readiness_input *input, const struct check *check);

#endif
