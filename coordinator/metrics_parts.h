/* metrics_parts: inside of the metrics; only metrics*.c include this. */
#ifndef DROVER_METRICS_PARTS_H
#define DROVER_METRICS_PARTS_H

#include "coordinator/metrics.h"
#include "coordinator/status_needs.h"
#include "coordinator/status_parts.h"

/* Core time that is older says nothing of now: TICKs come each second, and another member keeps
 * time after KEEPER_PATIENCE_MS. */
#define CURRENT_MS 10000

/* One answer, and what several families of it need. */
struct scrape {
    struct exposition *to;
    struct coordinator *member;
    const struct core *core;
    const struct topology *topology;
    uint64_t now_ms; /* boot clock */
    bool current;    /* what the core says is of now */
    bool fresh[AGENTS_MAX];
    struct region_verdict verdicts[REGIONS_MAX];
    struct gate_reading gates[GATES_N];
    const struct standings *standings;
    uint16_t seen_at[AGENTS_MAX][CHECKS_MAX]; /* place in its report and one; 0: not in it */
};

struct family {
    const char *name;
    enum series_kind kind;
    const char *help;
    void (*fill)(const struct scrape *scrape);
};

#define FILL(what) void metrics_##what(const struct scrape *scrape)

/* metrics.c */
void tell(const struct scrape *scrape, uint64_t value);
void tell_ms(const struct scrape *scrape, uint64_t ms);
/* One sample for each of the texts: 1 for the one that holds, 0 for the others. */
void tell_one_of(const struct scrape *scrape, unsigned labels_n, const struct label labels[],
                 const char *label, unsigned texts_n, const char *(*text)(unsigned index),
                 unsigned holds);

/* metrics_lease.c */
FILL(lease_epoch);
FILL(lease_open);
FILL(lease_owner);
FILL(lease_phase);
FILL(lease_seconds);
FILL(lease_wait_seconds);
FILL(lease_guards);
FILL(lease_guards_leased);
FILL(lease_unexpected_gates);
FILL(group_members);
FILL(group_spoke);
FILL(group_attesting);
FILL(group_timekeeper);
FILL(agent_heard);
FILL(agent_heard_age);
FILL(agent_heard_by);
FILL(agent_version);
FILL(agent_clock);
FILL(guard_present);
FILL(guard_gate);
FILL(guard_lease_left);
FILL(execution_id);
FILL(execution_running);
FILL(execution_stage);
FILL(execution_paused);
FILL(execution_waits);
FILL(execution_elapsed);
FILL(execution_rto);
FILL(execution_steps);
FILL(execution_commander);
FILL(execution_command_asked);

/* metrics_world.c */
FILL(region_class);
FILL(region_agents);
FILL(region_agents_heard);
FILL(region_heard_age);
FILL(region_outside);
FILL(region_vital);
FILL(gate_passes);
FILL(gate_value);
FILL(gate_limit);
FILL(automation_allowed);
FILL(automation_held);
FILL(automation_latched);
FILL(automation_blocked);
FILL(link_known);
FILL(link_lag_seconds);
FILL(link_lag_bytes);
FILL(link_lag_writes);
FILL(link_age);
FILL(link_target);
FILL(link_alert);
FILL(link_rpo);
FILL(backup_state);
FILL(backup_age);
FILL(backup_every);
FILL(component_standing);
FILL(component_failover);
FILL(component_failover_at_least);
FILL(component_failover_within);
FILL(component_failovers);
FILL(component_leaderless);
FILL(check_ok);
FILL(check_state);
FILL(check_age);
FILL(check_since);
FILL(check_latency);
FILL(check_value);
FILL(secret_age);

#endif
