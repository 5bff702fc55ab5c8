/* The report: the one message that is signed as it travels, so its body has an encoding of its
 * own. */
#include <string.h>

#include "common/base/ensure.h"
#include "proto/convert.h"
#include "proto/printable.h"

#define DETAIL_SIZE (sizeof((struct check_report *)NULL)->detail)

static void decode_guard(struct take *take, const Drover__V1__GuardReport *from,
                         struct guard_report *to) {
    if (from == NULL || !take_message(take, &from->base)) {
        return;
    }
    to->present = true;
    to->gate = (uint8_t)take_number(take, "gate", from->gate, GATE_UNKNOWN, GATE_ABSENT);
    to->epoch = from->epoch;
    to->lease_left_ms = from->lease_left_ms;
    to->by_promise = from->by_promise != 0;
    to->soft_fenced = from->soft_fenced != 0;
    to->promised_epoch = from->promised_epoch;
    to->promise_left_ms = from->promise_left_ms;
    to->key = (uint8_t)take_number(take, "key", from->key, 0, 2);
}

static void decode_fence(struct take *take, const Drover__V1__FenceProof *from,
                         struct fence_proof *to) {
    if (from == NULL || !take_message(take, &from->base)) {
        return;
    }
    to->present = true;
    to->epoch = from->epoch;
    take_text(take, "agent", from->agent, TEXT_NAME, to->agent, NAME_SIZE);
    take_text(take, "region", from->region, TEXT_NAME, to->region, NAME_SIZE);
    take_bytes(take, "signature", &from->signature, to->signature, SIGNATURE_SIZE);
}

static void decode_position(struct take *take, const Drover__V1__PositionReport *from,
                            struct position_report *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    to->link = (uint8_t)take_number(take, "link", from->link, 0, LINKS_MAX - 1);
    to->kind = (uint8_t)take_number(take, "kind", from->kind, POSITION_WRITTEN, POSITION_APPLIED);
    to->position = from->position;
    to->wall_ms = from->wall_ms;
}

static void decode_check(struct take *take, const Drover__V1__CheckReport *from,
                         struct check_report *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    to->check = (uint16_t)take_number(take, "check", from->check, 0, CHECKS_MAX - 1);
    to->status = (uint8_t)take_number(take, "status", from->status, CHECK_UNKNOWN, CHECK_STALE);
    to->role = (uint8_t)take_number(take, "role", from->role, STORE_UNKNOWN, STORE_STANDBY);
    to->writable = from->writable != 0;
    to->since_ms = from->since_ms;
    to->latency_ms = from->latency_ms;
    to->value = from->value;
    take_text(take, "detail", from->detail, TEXT_SENTENCE, to->detail, DETAIL_SIZE);
    to->run = from->run;
    to->began_ago_ms = from->began_ago_ms;
    to->ended_ago_ms =
        (uint32_t)take_number(take, "ended_ago_ms", from->ended_ago_ms, 0, from->began_ago_ms);
    to->timeline = from->timeline;
    take_text(take, "leader", from->leader, TEXT_SENTENCE, to->leader, LEADER_SIZE);
}

void decode_report(struct take *take, const Drover__V1__Report *from, struct report *ret_report) {
    struct report *to = ret_report;
    take->where = "report";
    if (!take_message(take, &from->base)) {
        return;
    }
    take_text(take, "agent", from->agent, TEXT_NAME, to->agent, NAME_SIZE);
    to->boot = from->boot;
    to->seq = from->seq;
    to->wall_ms = from->wall_ms;
    to->config_version = from->config_version;
    to->pins = (uint8_t)take_number(take, "pins", from->pins, PINS_UNKNOWN, PINS_OLD);
    to->positions_n =
        (uint8_t)take_count(take, "positions", from->n_positions, REPORT_POSITIONS_MAX);
    to->checks_n = (uint16_t)take_count(take, "checks", from->n_checks, CHECKS_MAX);
    take->where = "report.guard";
    decode_guard(take, from->guard, &to->guard);
    take->where = "report.fence";
    decode_fence(take, from->fence, &to->fence);
    take->where = "report.positions";
    for (size_t i = 0; i < to->positions_n && take->err == ERR_OK; i++) {
        take->index = (int)i;
        decode_position(take, from->positions[i], &to->positions[i]);
    }
    take->where = "report.checks";
    for (size_t i = 0; i < to->checks_n && take->err == ERR_OK; i++) {
        take->index = (int)i;
        decode_check(take, from->checks[i], &to->checks[i]);
    }
    take->index = -1;
}

static Drover__V1__GuardReport guard_of(const struct guard_report *from) {
    Drover__V1__GuardReport to = DROVER__V1__GUARD_REPORT__INIT;
    to.gate = from->gate;
    to.epoch = from->epoch;
    to.lease_left_ms = from->lease_left_ms;
    to.by_promise = from->by_promise;
    to.soft_fenced = from->soft_fenced;
    to.promised_epoch = from->promised_epoch;
    to.promise_left_ms = from->promise_left_ms;
    to.key = from->key;
    return to;
}

/* protobuf-c's structs hold pointers to what they carry without const; packing only reads. */
static Drover__V1__FenceProof fence_of(const struct fence_proof *from) {
    Drover__V1__FenceProof to = DROVER__V1__FENCE_PROOF__INIT;
    to.epoch = from->epoch;
    to.agent = (char *)(uintptr_t)from->agent;
    to.region = (char *)(uintptr_t)from->region;
    to.signature.len = SIGNATURE_SIZE;
    to.signature.data = (uint8_t *)(uintptr_t)from->signature;
    return to;
}

static Drover__V1__PositionReport position_of(const struct position_report *from) {
    Drover__V1__PositionReport to = DROVER__V1__POSITION_REPORT__INIT;
    to.link = from->link;
    to.kind = from->kind;
    to.position = from->position;
    to.wall_ms = from->wall_ms;
    return to;
}

static Drover__V1__CheckReport check_of(const struct check_report *from, char *clean_detail,
                                        char *clean_leader) {
    Drover__V1__CheckReport to = DROVER__V1__CHECK_REPORT__INIT;
    to.check = from->check;
    to.status = from->status;
    to.role = from->role;
    to.writable = from->writable;
    to.since_ms = from->since_ms;
    to.latency_ms = from->latency_ms;
    to.value = from->value;
    printable_clean(from->detail, clean_detail, DETAIL_SIZE);
    to.detail = clean_detail;
    to.run = from->run;
    to.began_ago_ms = from->began_ago_ms;
    to.ended_ago_ms = from->ended_ago_ms;
    to.timeline = from->timeline;
    printable_clean(from->leader, clean_leader, LEADER_SIZE);
    to.leader = clean_leader;
    return to;
}

enum err report_body_encode(const struct report *report, uint8_t *out, size_t out_size,
                            size_t *ret_used) {
    Drover__V1__PositionReport positions[REPORT_POSITIONS_MAX];
    Drover__V1__PositionReport *position_at[REPORT_POSITIONS_MAX];
    Drover__V1__CheckReport checks[CHECKS_MAX];
    Drover__V1__CheckReport *check_at[CHECKS_MAX];
    char details[CHECKS_MAX][DETAIL_SIZE], leaders[CHECKS_MAX][LEADER_SIZE];
    ensure(report->positions_n <= REPORT_POSITIONS_MAX);
    ensure(report->checks_n <= CHECKS_MAX);
    Drover__V1__Report to = DROVER__V1__REPORT__INIT;
    to.agent = (char *)(uintptr_t)report->agent;
    to.boot = report->boot;
    to.seq = report->seq;
    to.wall_ms = report->wall_ms;
    to.config_version = report->config_version;
    to.pins = report->pins;
    Drover__V1__GuardReport guard = guard_of(&report->guard);
    Drover__V1__FenceProof fence = fence_of(&report->fence);
    to.guard = report->guard.present ? &guard : NULL;
    to.fence = report->fence.present ? &fence : NULL;
    for (size_t i = 0; i < report->positions_n; i++) {
        positions[i] = position_of(&report->positions[i]);
        position_at[i] = &positions[i];
    }
    to.n_positions = report->positions_n;
    to.positions = position_at;
    for (size_t i = 0; i < report->checks_n; i++) {
        checks[i] = check_of(&report->checks[i], details[i], leaders[i]);
        check_at[i] = &checks[i];
    }
    to.n_checks = report->checks_n;
    to.checks = check_at;
    return convert_pack(&to.base, out, out_size, ret_used);
}

enum err report_body_decode(const uint8_t *body, size_t body_size, uint8_t *scratch,
                            size_t scratch_size, struct report *ret_report,
                            struct text256 *reterr) {
    struct arena arena = arena_over(scratch, scratch_size);
    struct take take = take_from(&arena, "report", reterr);
    struct report report;
    memset(&report, 0, sizeof report);
    ProtobufCMessage *from =
        convert_unpack(&take, &drover__v1__report__descriptor, body, body_size);
    if (from != NULL) {
        decode_report(&take, (const Drover__V1__Report *)from, &report);
    }
    if (take.err == ERR_OK) {
        *ret_report = report;
    }
    return take.err;
}
