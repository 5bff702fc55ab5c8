/* One signed report a second to every member, and at once when something changed: one batched
 * message instead of one for each probe. */
#include <string.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define REPORT_EVERY_MS 1000
#define REPORT_SPACING_MS 50 /* between two reports, however much changes */

/* People who exchange keys must see whom they have forgotten. */
static enum pins_state pins_state(const struct agent_program *agent) {
    if (agent->topology->version == 0) {
        return PINS_UNKNOWN;
    }
    return !topology_knows_keys(agent->pins, agent->topology)   ? PINS_LACK
           : !topology_knows_keys(agent->topology, agent->pins) ? PINS_OLD
                                                                : PINS_AGREE;
}

static void fill_guard(const struct agent_program *agent, struct report *report) {
    const struct guard_answer *status = &agent->guard_status;
    bool present = agent->guard != NULL && agent->guard_heard_ms != 0 &&
                   agent_now_ms() - agent->guard_heard_ms < 2000;
    report->guard.present = present;
    if (!present) {
        return;
    }
    report->guard.gate = status->gate;
    report->guard.epoch = status->accepted_epoch;
    report->guard.lease_left_ms = agent_lease_left_ms(agent);
    report->guard.by_promise = status->by_promise;
    report->guard.soft_fenced = agent->fence_done;
    report->guard.promised_epoch = status->promise_left_ms > 0 ? status->promised_epoch : 0;
    report->guard.promise_left_ms = status->promise_left_ms;
    report->guard.key = status->key_place;
    if (status->fence_proved) {
        report->fence.present = true;
        report->fence.epoch = status->fenced_epoch;
        (void)text_copy(report->fence.agent, NAME_SIZE, agent->keys.name);
        (void)text_copy(report->fence.region, NAME_SIZE, agent->pins->regions[agent->region].name);
        memcpy(report->fence.signature, status->fence_signature, SIGNATURE_SIZE);
    }
}

static void add_positions(const struct check_state *state, uint8_t link, struct report *report) {
    for (unsigned i = 0; i < state->positions_n && i < 2; i++) {
        if (link == NONE || report->positions_n == REPORT_POSITIONS_MAX) {
            return;
        }
        report->positions[report->positions_n] = state->positions[i];
        report->positions[report->positions_n].link = link;
        report->positions_n++;
    }
}

static uint8_t status_of(const struct agent_program *agent, const struct check *check,
                         const struct check_state *state, uint64_t now_ms) {
    (void)agent;
    if (!state->ran) {
        return CHECK_UNKNOWN;
    }
    /* Two intervals without a reading: a late probe is not a failed target, it is stale. */
    uint64_t late_ms = 2ull * check->interval_ms + check->timeout_ms;
    return now_ms - state->ran_boot_ms > late_ms ? CHECK_STALE : state->debounce.status;
}

static uint32_t ago_ms(uint64_t now_ms, uint64_t then_ms) {
    uint64_t ms = now_ms > then_ms ? now_ms - then_ms : 0;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void fill_reading(const struct check_state *state, uint64_t now_ms,
                         struct check_report *at) {
    if (state->ran) {
        at->run = state->run;
        at->began_ago_ms = ago_ms(now_ms, state->began_boot_ms);
        at->ended_ago_ms = ago_ms(now_ms, state->ended_boot_ms);
        at->timeline = state->timeline;
        (void)text_copy(at->leader, sizeof at->leader, state->leader);
    }
}

static void fill_checks(const struct agent_program *agent, struct report *report) {
    uint64_t now_ms = agent_now_ms();
    for (uint16_t c = 0; c < agent->topology->checks_n; c++) {
        const struct check_state *state = &agent->checks[c];
        const struct check *check = &agent->topology->checks[c];
        if (!state->mine) {
            continue;
        }
        struct check_report *at = &report->checks[report->checks_n++];
        uint64_t since_ms = now_ms - state->debounce.since_ms;
        at->check = c;
        at->status = status_of(agent, check, state, now_ms);
        at->role = state->role;
        at->writable = state->writable;
        at->since_ms = state->debounce.since_ms == 0 || since_ms > UINT32_MAX ? UINT32_MAX
                                                                              : (uint32_t)since_ms;
        at->latency_ms = state->latency_ms;
        at->value = state->value;
        (void)text_copy(at->detail, sizeof at->detail, state->detail);
        fill_reading(state, now_ms, at);
        add_positions(state, check->link, report);
    }
}

static void report_send(struct agent_program *agent) {
    static struct message message;
    static uint8_t body[FRAME_AGENT_MAX];
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    struct report *report = &message.report;
    size_t body_size = 0;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REPORT;
    (void)text_copy(report->agent, NAME_SIZE, agent->keys.name);
    report->boot = agent->boot_id;
    report->seq = ++agent->seq;
    report->wall_ms = clock_wall_ms();
    report->config_version = agent->topology->version;
    report->pins = (uint8_t)pins_state(agent);
    fill_guard(agent, report);
    fill_checks(agent, report);
    if (report_body_encode(report, body, FRAME_AGENT_MAX - 256, &body_size) != ERR_OK) {
        log_event(LOG_ERR, "report.too_big", "checks=%u", report->checks_n);
        return;
    }
    message.signed_at = body;
    message.signed_size = (uint32_t)body_size;
    digest_sha256(body, body_size, digest);
    size_t canon_size = canon_report(digest, canon);
    if (sign_bytes(agent->keys.sign_secret, canon, canon_size, message.report_signature) ==
        ERR_OK) {
        agent_tell_members(agent, &message);
    }
}

void reports_tick(struct agent_program *agent) {
    uint64_t now_ms = agent_now_ms();
    bool due = now_ms >= agent->report_next_ms;
    bool early =
        agent->report_now && now_ms + REPORT_EVERY_MS >= agent->report_next_ms + REPORT_SPACING_MS;
    if (!due && !early) {
        return;
    }
    agent->report_now = false;
    agent->report_next_ms = now_ms + REPORT_EVERY_MS;
    report_send(agent);
}
