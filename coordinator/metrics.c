/* The table of families, and those that tell of this member itself. */
#include "coordinator/metrics.h"

#include <string.h>

#include "common/io/clock.h"
#include "coordinator/history.h"
#include "coordinator/metrics_parts.h"

void tell(const struct scrape *scrape, uint64_t value) {
    exposition_count(scrape->to, value, 0, NULL);
}

void tell_ms(const struct scrape *scrape, uint64_t ms) {
    exposition_ms(scrape->to, ms, 0, NULL);
}

void tell_one_of(const struct scrape *scrape, unsigned labels_n, const struct label labels[],
                 const char *label, unsigned texts_n, const char *(*text)(unsigned index),
                 unsigned holds) {
    struct label all[LABELS_MAX];
    ensure(labels_n < LABELS_MAX);
    if (labels_n > 0) {
        memcpy(all, labels, labels_n * sizeof all[0]);
    }
    for (unsigned i = 0; i < texts_n; i++) {
        all[labels_n] = (struct label){label, text(i)};
        exposition_count(scrape->to, i == holds, labels_n + 1, all);
    }
}

/* ------------------------------------------------------------------ this member */

static void fill_build(const struct scrape *scrape) {
    const struct label labels[] = {{"program", "drover-coordinator"},
                                   {"name", scrape->member->keys.name},
                                   {"version", DROVER_VERSION}};
    exposition_count(scrape->to, 1, 3, labels);
}

static void fill_up(const struct scrape *scrape) {
    tell_ms(scrape, scrape->now_ms - scrape->member->started_boot_ms);
}

static void fill_topology(const struct scrape *scrape) {
    tell(scrape, scrape->member->topology_known ? scrape->core->config_version : 0);
}

static void fill_time_age(const struct scrape *scrape) {
    uint32_t silent_ms = ticks_silent_ms(&scrape->member->ticks, clock_stamp());
    if (silent_ms != UINT32_MAX) {
        tell_ms(scrape, silent_ms);
    }
}

static void fill_current(const struct scrape *scrape) {
    tell(scrape, scrape->current);
}

static void fill_caught_up(const struct scrape *scrape) {
    tell(scrape, scrape->member->caught_up && !scrape->member->stopped_for_human);
}

static void fill_applied(const struct scrape *scrape) {
    tell(scrape, scrape->member->applied_index);
}

static void fill_head(const struct scrape *scrape) {
    if (scrape->member->head_known) {
        tell(scrape, scrape->member->head_index);
    }
}

static void fill_reachable(const struct scrape *scrape) {
    tell(scrape, scrape->member->log_reachable);
}

static void fill_stopped(const struct scrape *scrape) {
    tell(scrape, scrape->member->stopped_for_human);
}

static void fill_timekeeper(const struct scrape *scrape) {
    tell(scrape, scrape->current && member_keeps_time(scrape->member));
}

static void fill_wait_left(const struct scrape *scrape) {
    if (scrape->member->topology_known) {
        tell_ms(scrape, attesting_wait_left_ms(scrape->member, clock_stamp()));
    }
}

static void fill_yes_age(const struct scrape *scrape) {
    const struct coordinator *member = scrape->member;
    if (member->last_yes_boot_ms != 0 && member->last_yes_epoch == scrape->core->epoch) {
        tell_ms(scrape, scrape->now_ms > member->last_yes_boot_ms
                            ? scrape->now_ms - member->last_yes_boot_ms
                            : 0);
    }
}

static void fill_attests(const struct scrape *scrape) {
    const struct label yes = {"answer", "yes"}, no = {"answer", "no"};
    exposition_count(scrape->to, scrape->member->attests_yes_n, 1, &yes);
    exposition_count(scrape->to, scrape->member->attests_no_n, 1, &no);
}

static void fill_refused(const struct scrape *scrape) {
    const struct label facts = {"what", "facts"}, frames = {"what", "frames"};
    exposition_count(scrape->to, scrape->member->facts_refused_n, 1, &facts);
    exposition_count(scrape->to, scrape->member->frames_refused_n, 1, &frames);
}

static void fill_wire(const struct scrape *scrape) {
    if (scrape->member->wire == NULL) {
        return;
    }
    const struct wire_counters *wire = wire_counters(scrape->member->wire);
    const struct {
        const char *event;
        uint64_t n;
    } rows[] = {{"received", wire->received_n},
                {"sent", wire->sent_n},
                {"send-dropped", wire->dropped_send_n},
                {"unknown-key", wire->unknown_key_n},
                {"revoked-key", wire->revoked_key_n},
                {"wrong-mechanism", wire->wrong_mechanism_n},
                {"handshake-failed", wire->handshake_failed_n},
                {"oversize", wire->oversize_n},
                {"flood", wire->flood_n},
                {"accept-failed", wire->accept_failed_n},
                {"disconnected", wire->disconnected_n}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct label label = {"event", rows[i].event};
        exposition_count(scrape->to, rows[i].n, 1, &label);
    }
}

static void fill_history(const struct scrape *scrape) {
    const struct history *history = scrape->member->history;
    tell(scrape, history == NULL || history_trouble(history)[0] != '\0');
}

/* --------------------------------------------------------------------- the table */

#define GAUGE SERIES_GAUGE
#define COUNTER SERIES_COUNTER

static const struct family own[] = {
    {"drover_build_info", GAUGE, "Always 1; program, its name, and version.", fill_build},
    {"drover_up_seconds", GAUGE, "Since this process started.", fill_up},
    {"drover_topology_version", GAUGE, "Version of the topology in force; 0: none.", fill_topology},
    {"drover_member_caught_up", GAUGE,
     "1: since its start this member applied the log up to its head, and goes on.", fill_caught_up},
    {"drover_member_current", GAUGE, "1: what this member tells from the log is of now.",
     fill_current},
    {"drover_member_time_age_seconds", GAUGE, "Age of the newest TICK of the log.", fill_time_age},
    {"drover_member_applied_index", GAUGE, "The newest fact that was applied.", fill_applied},
    {"drover_member_head_index", GAUGE, "The log's head as read after the start.", fill_head},
    {"drover_member_log_reachable", GAUGE, "1: the log's engine answers.", fill_reachable},
    {"drover_member_stopped_for_human", GAUGE, "1: the log went back; this member does nothing.",
     fill_stopped},
    {"drover_member_timekeeper", GAUGE, "1: this member tells the log the time.", fill_timekeeper},
    {"drover_member_wait_left_seconds", GAUGE, "Until this member may attest the newest epoch.",
     fill_wait_left},
    {"drover_member_yes_age_seconds", GAUGE,
     "Since this member last said yes to a lease of the newest epoch.", fill_yes_age},
    {"drover_member_attests_total", COUNTER, "Answers to questions of agents.", fill_attests},
    {"drover_member_refused_total", COUNTER, "Facts and frames that were refused.", fill_refused},
    {"drover_member_wire_total", COUNTER, "What happened on the links.", fill_wire},
    {"drover_member_history_trouble", GAUGE, "1: the audit cannot be written.", fill_history},
};

static const struct family shared[] = {
    {"drover_lease_epoch", GAUGE, "The newest epoch.", metrics_lease_epoch},
    {"drover_lease_open", GAUGE, "1: the newest epoch is open.", metrics_lease_open},
    {"drover_lease_owner", GAUGE, "1 for the region that owns the open epoch.",
     metrics_lease_owner},
    {"drover_lease_phase", GAUGE, "1 for the phase that the decisions are in.",
     metrics_lease_phase},
    {"drover_lease_seconds", GAUGE, "Length of a lease (T).", metrics_lease_seconds},
    {"drover_lease_wait_seconds", GAUGE, "A member's wait after a close (W).",
     metrics_lease_wait_seconds},
    {"drover_lease_guards", GAUGE, "Guards of the region.", metrics_lease_guards},
    {"drover_lease_guards_leased", GAUGE, "Guards that hold the lease with an open gate, as told.",
     metrics_lease_guards_leased},
    {"drover_lease_unexpected_open_gates", GAUGE, "Open gates outside the owner's region.",
     metrics_lease_unexpected_gates},
    {"drover_group_members", GAUGE, "Members of the group.", metrics_group_members},
    {"drover_group_member_spoke", GAUGE, "1: the member told lately, in the log, what it hears.",
     metrics_group_spoke},
    {"drover_group_member_attesting", GAUGE, "1: the member said yes to the newest epoch lately.",
     metrics_group_attesting},
    {"drover_group_member_timekeeper", GAUGE, "1 for the member that keeps time.",
     metrics_group_timekeeper},
    {"drover_region_class", GAUGE, "1 for the verdict on the region.", metrics_region_class},
    {"drover_region_agents", GAUGE, "Agents of the region.", metrics_region_agents},
    {"drover_region_agents_heard", GAUGE, "Of them heard by a majority.",
     metrics_region_agents_heard},
    {"drover_region_heard_age_seconds", GAUGE, "Since the region's last sign of life.",
     metrics_region_heard_age},
    {"drover_region_outside_checks", GAUGE, "Opinions of other regions about it.",
     metrics_region_outside},
    {"drover_region_vital_checks", GAUGE, "Its own vital checks.", metrics_region_vital},
    {"drover_gate_passes", GAUGE, "1: the gate before an automatic failover passes.",
     metrics_gate_passes},
    {"drover_gate_value", GAUGE, "What the gate reads: seconds, a count, or 0 and 1.",
     metrics_gate_value},
    {"drover_gate_limit", GAUGE, "What it is compared with, in the same unit.", metrics_gate_limit},
    {"drover_automation_allowed", GAUGE, "1: the policy allows an automatic failover.",
     metrics_automation_allowed},
    {"drover_automation_held", GAUGE, "1: automation is held by people.", metrics_automation_held},
    {"drover_automation_latched", GAUGE, "1: an automatic failover waits for its release.",
     metrics_automation_latched},
    {"drover_automation_blocked_seconds", GAUGE, "Until the anti-flap block ends.",
     metrics_automation_blocked},
    {"drover_execution_id", GAUGE, "Number of the running or newest execution; 0: none.",
     metrics_execution_id},
    {"drover_execution_running", GAUGE, "1: it runs.", metrics_execution_running},
    {"drover_execution_stage", GAUGE, "1 for the stage that it is in.", metrics_execution_stage},
    {"drover_execution_paused", GAUGE, "1 for why it is paused.", metrics_execution_paused},
    {"drover_execution_waits_for_people", GAUGE, "1: it goes on when people have acted.",
     metrics_execution_waits},
    {"drover_execution_elapsed_seconds", GAUGE, "From the outage to now, or to its end.",
     metrics_execution_elapsed},
    {"drover_execution_rto_seconds", GAUGE, "The strictest declared recovery time.",
     metrics_execution_rto},
    {"drover_execution_steps", GAUGE, "Its steps by their state.", metrics_execution_steps},
    {"drover_execution_commander", GAUGE, "1 for the operator who has command of it.",
     metrics_execution_commander},
    {"drover_execution_command_asked", GAUGE, "1 for the operator who asks for command of it.",
     metrics_execution_command_asked},
    {"drover_link_known", GAUGE, "1: the standby's lag is known.", metrics_link_known},
    {"drover_link_lag_seconds", GAUGE, "Age of the first write that the standby lacks.",
     metrics_link_lag_seconds},
    {"drover_link_lag_bytes", GAUGE, "Bytes that the standby lacks.", metrics_link_lag_bytes},
    {"drover_link_lag_writes", GAUGE, "Canary writes that the standby lacks.",
     metrics_link_lag_writes},
    {"drover_link_age_seconds", GAUGE, "Since the active side was last sampled.", metrics_link_age},
    {"drover_link_target_seconds", GAUGE, "The declared target of the lag.", metrics_link_target},
    {"drover_link_alert_seconds", GAUGE, "The declared lag to alert above.", metrics_link_alert},
    {"drover_link_rpo_seconds", GAUGE, "The declared loss that is bearable.", metrics_link_rpo},
    {"drover_backup_state", GAUGE, "1 for what is known of the declared backup.",
     metrics_backup_state},
    {"drover_backup_age_seconds", GAUGE, "Age of the newest one, the oldest of what checks tell.",
     metrics_backup_age},
    {"drover_backup_every_seconds", GAUGE, "How often it is declared to be made.",
     metrics_backup_every},
    {"drover_agent_heard", GAUGE, "1: this member hears the agent.", metrics_agent_heard},
    {"drover_agent_heard_age_seconds", GAUGE, "Since this member heard it last.",
     metrics_agent_heard_age},
    {"drover_agent_heard_by_members", GAUGE, "Members that hear it, as the log says.",
     metrics_agent_heard_by},
    {"drover_agent_topology_version", GAUGE, "The topology that it works by.",
     metrics_agent_version},
    {"drover_clock_offset_seconds", GAUGE,
     "The agent's wall clock ahead of this member's; negative: behind.", metrics_agent_clock},
    {"drover_guard_present", GAUGE, "1: the agent's guard answers, as told.",
     metrics_guard_present},
    {"drover_guard_gate", GAUGE, "1 for the state of the kernel's gate.", metrics_guard_gate},
    {"drover_guard_lease_left_seconds", GAUGE, "What is left of the guard's lease; 0: none.",
     metrics_guard_lease_left},
    {"drover_component_standing", GAUGE,
     "0 unknown, 1 well, 2 standby, 3 at-risk, 4 depending, 5 failing, 6 down.",
     metrics_component_standing},
    {"drover_component_failover_seconds", GAUGE,
     "The last failover inside the region: without writes for this long at most.",
     metrics_component_failover},
    {"drover_component_failover_at_least_seconds", GAUGE,
     "The last failover inside the region: without writes for this long at least.",
     metrics_component_failover_at_least},
    {"drover_component_failover_within_seconds", GAUGE,
     "What a failover inside the region may take.", metrics_component_failover_within},
    {"drover_component_failovers_total", COUNTER,
     "Elections inside the region that this member measured, by how they ended.",
     metrics_component_failovers},
    {"drover_component_leaderless_seconds", GAUGE,
     "Nobody has taken writes for so long; 0: somebody does. Absent: not measured.",
     metrics_component_leaderless},
    {"drover_check_ok", GAUGE, "1: the check passes, and that is of now.", metrics_check_ok},
    {"drover_check_state", GAUGE, "0 unknown, 1 ok, 2 suspect, 3 failed, 4 warn, 5 stale.",
     metrics_check_state},
    {"drover_check_age_seconds", GAUGE, "Since the agent last told of it.", metrics_check_age},
    {"drover_check_since_seconds", GAUGE, "How long it has been in this state.",
     metrics_check_since},
    {"drover_check_latency_seconds", GAUGE, "How long its last reading took.",
     metrics_check_latency},
    {"drover_check_value", GAUGE, "Its figure, in the unit of its kind.", metrics_check_value},
    {"drover_secret_age_seconds", GAUGE,
     "Since a key or secret was exchanged: this member's key, and of each agent the oldest.",
     metrics_secret_age},
};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

const char *metrics_name(unsigned index) {
    return index < N_OF(own)                  ? own[index].name
           : index < N_OF(own) + N_OF(shared) ? shared[index - N_OF(own)].name
                                              : NULL;
}

static void fill_all(const struct scrape *scrape, const struct family *families, size_t n) {
    for (size_t i = 0; i < n; i++) {
        exposition_family(scrape->to, families[i].name, families[i].kind, families[i].help);
        families[i].fill(scrape);
    }
}

/* ---------------------------------------------------------------- what all need */

/* An agent's word counts while it is heard and its last report is no older than that allows. */
static bool is_fresh(const struct scrape *scrape, uint8_t agent) {
    const struct agent_live *live = &scrape->member->agents[agent];
    uint64_t age_ms =
        scrape->now_ms > live->reported_boot_ms ? scrape->now_ms - live->reported_boot_ms : 0;
    return live->reported && listen_agent_heard(scrape->member, agent) &&
           age_ms <= (uint64_t)scrape->topology->policy.silent_ms + 3000;
}

static void look(struct scrape *scrape) {
    uint8_t target;
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct report *report = report_of(scrape->member, a);
        scrape->fresh[a] = is_fresh(scrape, a);
        for (uint16_t i = 0; report != NULL && i < report->checks_n; i++) {
            if (report->checks[i].check < CHECKS_MAX) {
                scrape->seen_at[a][report->checks[i].check] = (uint16_t)(i + 1);
            }
        }
    }
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        scrape->verdicts[r] = verdict_of(scrape->core, scrape->topology, r);
    }
    (void)gates_read(scrape->core, scrape->topology, scrape->gates, &target);
    scrape->standings = standings_now(scrape->member);
}

size_t metrics_write(struct coordinator *member, char *out, size_t out_size) {
    static struct scrape scrape; /* too big for a stack; there is one loop */
    struct exposition to;
    uint32_t silent_ms = ticks_silent_ms(&member->ticks, clock_stamp());
    memset(&scrape, 0, sizeof scrape);
    scrape.to = &to;
    scrape.member = member;
    scrape.core = &member->core;
    scrape.topology = member->topology;
    scrape.now_ms = member_now_ms();
    scrape.current = member->topology_known && member->caught_up && !member->stopped_for_human &&
                     silent_ms <= CURRENT_MS;
    exposition_begin(&to, out, out_size);
    fill_all(&scrape, own, N_OF(own));
    if (member->topology_known) {
        look(&scrape);
        fill_all(&scrape, shared, N_OF(shared));
    }
    return exposition_end(&to);
}
