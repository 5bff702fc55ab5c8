/* The inequalities of the lease (docs/safety.md has the proof they belong to) and the numbers of
 * the policy. What breaks one of these is refused here and at every member and agent. */
#include "common/topology/topology_check_parts.h"

#define LEASE_MIN_MS 1000
#define LEASE_MAX_MS (10 * MINUTE_MS)
#define LONG_LEASE_MS (10 * SECOND_MS) /* from here a renewal gets a second for its way */
#define DRIFT_MIN_PPM 1000             /* 0.1 %: no ordinary crystal is trusted to be better */
#define DRIFT_MAX_PPM 200000
#define SILENT_MIN_MS (2 * SECOND_MS) /* agents report every second: one report may be lost */
#define COMPONENT_FAILOVER_MS                                                                      \
    (30 * SECOND_MS) /* Patroni's and Sentinel's own (SEED-101, SEED-103) */

static void check_lease_ranges(const struct lease_numbers *lease, struct findings *findings) {
    const struct {
        const char *path;
        uint32_t ms;
        uint64_t min_ms, max_ms;
    } rows[] = {
        {"lease.lease", lease->lease_ms, LEASE_MIN_MS, LEASE_MAX_MS},
        {"lease.renew", lease->renew_ms, 50, LEASE_MAX_MS},
        {"lease.fence", lease->fence_ms, 100, LEASE_MAX_MS},
        {"lease.wait", lease->wait_ms, LEASE_MIN_MS, HOUR_MS},
        {"lease.promise", lease->promise_ms, LEASE_MIN_MS, HOUR_MS},
        {"lease.tick", lease->tick_ms, 10, 10 * SECOND_MS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].ms < rows[i].min_ms || rows[i].ms > rows[i].max_ms) {
            FOUND(findings, FINDING_LEASE_RANGE, rows[i].path, "expected %s to %s, found %s",
                  duration_text(rows[i].min_ms).at, duration_text(rows[i].max_ms).at,
                  duration_text(rows[i].ms).at);
        }
    }
    if (lease->drift_ppm < DRIFT_MIN_PPM || lease->drift_ppm > DRIFT_MAX_PPM) {
        FOUND(findings, FINDING_LEASE_DRIFT, "lease.drift_ppm", "expected %d to %d, found %u",
              DRIFT_MIN_PPM, DRIFT_MAX_PPM, lease->drift_ppm);
    }
}

/* Four tries must fit between a renewal and the soft fence, with a second for the last one's way. A
 * short lease, as in tests, has no second to give. */
static void check_renewals(const struct lease_numbers *lease, struct findings *findings) {
    uint64_t way_ms = lease->lease_ms >= LONG_LEASE_MS ? SECOND_MS : 0;
    uint64_t needed_ms = 4 * (uint64_t)lease->renew_ms + way_ms;
    if (lease->fence_ms >= lease->lease_ms) {
        FOUND(findings, FINDING_LEASE_RENEW, "lease.fence", "fence %s must be less than lease %s",
              duration_text(lease->fence_ms).at, duration_text(lease->lease_ms).at);
    } else if (needed_ms > lease->lease_ms - lease->fence_ms) {
        FOUND(findings, FINDING_LEASE_RENEW, "lease.renew",
              "4 x renew %s + %s = %s must be at most lease - fence = %s - %s = %s",
              duration_text(lease->renew_ms).at, duration_text(way_ms).at,
              duration_text(needed_ms).at, duration_text(lease->lease_ms).at,
              duration_text(lease->fence_ms).at,
              duration_text(lease->lease_ms - lease->fence_ms).at);
    }
}

/* T * (1 + rho) / (1 - rho), rounded up: the longest a lease lasts by another honest clock. */
static uint64_t lease_longest_ms(const struct lease_numbers *lease) {
    ensure(lease->drift_ppm < 1000000);
    uint64_t slow = 1000000 - (uint64_t)lease->drift_ppm;
    uint64_t fast = 1000000 + (uint64_t)lease->drift_ppm;
    return (lease->lease_ms * fast + slow - 1) / slow;
}

static void check_waits(const struct lease_numbers *lease, struct findings *findings) {
    uint64_t wait_min_ms = lease_longest_ms(lease) + lease->tick_ms;
    if (lease->wait_ms < wait_min_ms) {
        FOUND(findings, FINDING_LEASE_WAIT, "lease.wait",
              "wait %s must be at least %s: lease %s x (1+r)/(1-r) at drift %u ppm, + tick %s",
              duration_text(lease->wait_ms).at, duration_text(wait_min_ms).at,
              duration_text(lease->lease_ms).at, lease->drift_ppm,
              duration_text(lease->tick_ms).at);
    }
    if (lease->promise_ms < lease->wait_ms) {
        FOUND(findings, FINDING_LEASE_PROMISE, "lease.promise",
              "promise %s must be at least wait %s", duration_text(lease->promise_ms).at,
              duration_text(lease->wait_ms).at);
    }
}

static void check_gate(const struct lease_numbers *lease, struct findings *findings) {
    uint32_t early_min_ms = lease->lease_ms / 20;
    if (lease->gate_early_ms < early_min_ms) {
        FOUND(findings, FINDING_LEASE_GATE, "lease.gate_early",
              "gate_early %s must be at least a twentieth of the lease, %s",
              duration_text(lease->gate_early_ms).at, duration_text(early_min_ms).at);
    }
    if (lease->gate_early_ms >= lease->fence_ms) {
        FOUND(findings, FINDING_LEASE_GATE, "lease.gate_early",
              "gate_early %s must be less than fence %s: the stores' own demotion comes first",
              duration_text(lease->gate_early_ms).at, duration_text(lease->fence_ms).at);
    }
}

void check_lease(const struct topology *topology, struct findings *findings) {
    const struct lease_numbers *lease = &topology->lease;
    uint16_t errors_before_n = findings->errors_n;
    check_lease_ranges(lease, findings);
    if (findings->errors_n == errors_before_n) {
        check_renewals(lease, findings);
        check_waits(lease, findings);
        check_gate(lease, findings);
    }
    if (lease->on_quorum_loss == QUORUM_LOSS_HOLD) {
        FOUND(findings, FINDING_HOLD, "lease.on_quorum_loss",
              "hold: a region out of reach is never fenced by its lease; before declaring, someone "
              "must see with their own eyes that it does not write");
    }
}

static void check_policy_ranges(const struct policy_numbers *policy, struct findings *findings) {
    const struct {
        const char *path;
        uint32_t ms;
        uint64_t min_ms, max_ms;
    } rows[] = {
        {"policy.hold_down", policy->hold_down_ms, 0, HOUR_MS},
        {"policy.settle", policy->settle_ms, 0, HOUR_MS},
        {"policy.silent", policy->silent_ms, 0, 10 * MINUTE_MS},
        {"policy.block", policy->block_ms, 0, 30 * DAY_MS},
        {"policy.step_timeout", policy->agent_step_ms, 10, DAY_MS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].ms < rows[i].min_ms || rows[i].ms > rows[i].max_ms) {
            FOUND(findings, FINDING_POLICY_RANGE, rows[i].path, "expected %s to %s, found %s",
                  duration_text(rows[i].min_ms).at, duration_text(rows[i].max_ms).at,
                  duration_text(rows[i].ms).at);
        }
    }
    if (policy->silent_ms < SILENT_MIN_MS) {
        FOUND(findings, FINDING_POLICY_SILENT, "policy.silent",
              "silent %s must be at least %s: agents report once a second, and one report may be "
              "lost",
              duration_text(policy->silent_ms).at, duration_text(SILENT_MIN_MS).at);
    }
}

static void check_automatic(const struct topology *topology, struct findings *findings) {
    const struct policy_numbers *policy = &topology->policy;
    if (topology->lease.on_quorum_loss == QUORUM_LOSS_HOLD) {
        FOUND(findings, FINDING_HOLD_AUTOMATIC, "policy.automatic",
              "automatic = true excludes lease.on_quorum_loss = \"hold\": nothing would fence the "
              "region being left");
    }
    if (plan_default(topology, PLAN_FAILOVER) == NULL) {
        FOUND(findings, FINDING_AUTOMATIC_PLAN, "plans",
              "automatic = true, and no plan of kind failover");
    }
    if (policy->hold_down_ms < COMPONENT_FAILOVER_MS) {
        FOUND(findings, FINDING_HOLD_DOWN_SHORT, "policy.hold_down",
              "hold_down %s is less than the %s that Patroni and Sentinel may take for their own "
              "failover inside the region",
              duration_text(policy->hold_down_ms).at, duration_text(COMPONENT_FAILOVER_MS).at);
    }
    if (policy->settle_ms < policy->silent_ms) {
        FOUND(findings, FINDING_SETTLE_SHORT, "policy.settle",
              "settle %s is less than silent %s: after a start the members decide before every "
              "agent could be heard",
              duration_text(policy->settle_ms).at, duration_text(policy->silent_ms).at);
    }
}

void check_policy(const struct topology *topology, struct findings *findings) {
    check_policy_ranges(&topology->policy, findings);
    if (topology->policy.automatic) {
        check_automatic(topology, findings);
    }
}
