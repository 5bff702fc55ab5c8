/* From the generated structs to plain messages: every bound of every message. */
#include <string.h>

#include "proto/convert.h"

static void take_name(struct take *take, const char *field, const char *from,
                      char ret_name[NAME_SIZE]) {
    take_text(take, field, from, TEXT_NAME, ret_name, NAME_SIZE);
}

static void take_optional_name(struct take *take, const char *field, const char *from,
                               char ret_name[NAME_SIZE]) {
    take_text(take, field, from, TEXT_NAME_OR_EMPTY, ret_name, NAME_SIZE);
}

static bool err_is_known(unsigned number) {
    switch (number) {
#define ERR_KNOWN(name, value, text) case (value):
        ERR_LIST(ERR_KNOWN)
#undef ERR_KNOWN
        return true;
    default: return false;
    }
}

static uint8_t take_err(struct take *take, uint32_t number) {
    if (!err_is_known(number)) {
        take_fail(take, ERR_RANGE, "err", "%u is not in the list", number);
        return ERR_OK;
    }
    return (uint8_t)number;
}

static void decode_question(struct take *take, const Drover__V1__Question *from,
                            struct question *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "cluster", from->cluster, to->cluster);
    to->purpose =
        (uint8_t)take_number(take, "purpose", from->purpose, PURPOSE_LEASE, PURPOSE_PROMISE);
    take_name(take, "region", from->region, to->region);
    take_name(take, "agent", from->agent, to->agent);
    to->epoch = from->epoch;
    take_bytes(take, "nonce", &from->nonce, to->nonce, NONCE_SIZE);
    take_bytes(take, "digest", &from->digest, to->digest, DIGEST_SIZE);
    to->lease_ms = from->lease_ms;
    to->wait_ms = from->wait_ms;
    to->promise_ms = from->promise_ms;
    to->config_version = from->config_version;
    take_bytes(take, "signature", &from->signature, to->signature, SIGNATURE_SIZE);
}

static void decode_answer(struct take *take, const Drover__V1__Answer *from, struct answer *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "from", from->from, to->from);
    take_name(take, "agent", from->agent, to->agent);
    to->purpose =
        (uint8_t)take_number(take, "purpose", from->purpose, PURPOSE_LEASE, PURPOSE_PROMISE);
    to->epoch = from->epoch;
    take_bytes(take, "nonce", &from->nonce, to->nonce, NONCE_SIZE);
    take_bytes(take, "digest", &from->digest, to->digest, DIGEST_SIZE);
    if (!refusal_is_known(from->refusal)) {
        take_fail(take, ERR_RANGE, "refusal", "%u is not in the list", from->refusal);
    }
    to->refusal = (uint8_t)from->refusal;
    to->newest_epoch = from->newest_epoch;
    to->newest_open = from->newest_open != 0;
    to->left_ms = from->left_ms;
    to->config_version = from->config_version;
    take_bytes(take, "signature", &from->signature, to->signature, SIGNATURE_SIZE);
}

static void decode_signed_report(struct take *take, const Drover__V1__SignedReport *from,
                                 struct message *message) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_bytes(take, "signature", &from->signature, message->report_signature, SIGNATURE_SIZE);
    if (from->body.len == 0) {
        take_fail(take, ERR_FORMAT, "body", "missing");
    }
    if (take->err != ERR_OK) {
        return;
    }
    message->signed_at = from->body.data;
    message->signed_size = (uint32_t)from->body.len;
    ProtobufCMessage *body =
        convert_unpack(take, &drover__v1__report__descriptor, from->body.data, from->body.len);
    if (body != NULL) {
        decode_report(take, (const Drover__V1__Report *)body, &message->report);
    }
}

static void decode_report_ack(struct take *take, const Drover__V1__ReportAck *from,
                              struct report_ack *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "member", from->member, to->member);
    to->seq = from->seq;
    to->epoch = from->epoch;
    to->open = from->open != 0;
    take_optional_name(take, "owner", from->owner, to->owner);
    to->config_version = from->config_version;
    to->caught_up = from->caught_up != 0;
    to->wall_ms = from->wall_ms;
}

static void decode_arguments(struct take *take, size_t n, Drover__V1__Argument *const *from,
                             struct arguments *to) {
    const char *where = take->where;
    n = take_count(take, "arguments", n, ACTION_ARGS_MAX);
    take->where = "command.arguments";
    for (size_t i = 0; i < n; i++) {
        take->index = (int)i;
        if (!take_message(take, &from[i]->base)) {
            break;
        }
        take_text(take, "name", from[i]->name, TEXT_ARGUMENT_NAME, to->at[i].name, NAME_SIZE);
        take_text(take, "value", from[i]->value, TEXT_LINES, to->at[i].value, VALUE_SIZE);
    }
    to->n = (uint8_t)n;
    take->index = -1;
    take->where = where;
}

static void decode_command(struct take *take, const Drover__V1__Command *from, struct command *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "cluster", from->cluster, to->cluster);
    to->epoch = from->epoch;
    to->execution = from->execution;
    to->step = (uint8_t)take_number(take, "step", from->step, 0, STEPS_MAX - 1);
    to->attempt = (uint16_t)take_number(take, "attempt", from->attempt, 1, UINT16_MAX);
    to->action = (uint8_t)take_number(take, "action", from->action, 0, ACTION_KINDS_N - 1);
    take_name(take, "agent", from->agent, to->agent);
    take_name(take, "region", from->region, to->region);
    take_optional_name(take, "component", from->component, to->component);
    to->needs_lease = from->needs_lease != 0;
    to->graceful = from->graceful != 0;
    to->timeout_ms = from->timeout_ms;
    to->not_after_wall_ms = from->not_after_wall_ms;
    decode_arguments(take, from->n_arguments, from->arguments, &to->arguments);
    take_name(take, "plan", from->plan, to->plan);
    take_name(take, "step_name", from->step_name, to->step_name);
}

static void decode_outcome(struct take *take, const Drover__V1__Outcome *from, struct outcome *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "agent", from->agent, to->agent);
    to->execution = from->execution;
    to->step = (uint8_t)take_number(take, "step", from->step, 0, STEPS_MAX - 1);
    to->attempt = (uint16_t)take_number(take, "attempt", from->attempt, 1, UINT16_MAX);
    take_bytes(take, "digest", &from->digest, to->digest, DIGEST_SIZE);
    to->state = (uint8_t)take_number(take, "state", from->state, OUTCOME_RUNNING, OUTCOME_REFUSED);
    to->err = take_err(take, from->err);
    to->observed = from->observed != 0;
    to->took_ms = from->took_ms;
    to->wall_ms = from->wall_ms;
    take_text(take, "detail", from->detail, TEXT_SENTENCE, to->detail, SENTENCE_SIZE);
    take_bytes(take, "signature", &from->signature, to->signature, SIGNATURE_SIZE);
}

static void decode_config(struct take *take, const Drover__V1__Config *from,
                          struct config_push *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    to->version = from->version;
    take_borrowed(take, "text", from->text, TOPOLOGY_BYTES_MAX, &to->text, &to->text_size);
}

static void decode_relay(struct take *take, const Drover__V1__Relay *from, struct relay *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "member", from->member, to->member);
    if (from->frame.len == 0 || from->frame.len > RELAY_FRAME_MAX) {
        take_fail(take, ERR_TOO_BIG, "frame", "%zu bytes, expected 1 to %d", from->frame.len,
                  RELAY_FRAME_MAX);
        return;
    }
    to->frame = from->frame.data;
    to->frame_size = (uint32_t)from->frame.len;
}

static void decode_request(struct take *take, const Drover__V1__Request *from, struct request *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "cluster", from->cluster, to->cluster);
    take_name(take, "operator_name", from->operator_name, to->operator_name);
    to->kind = (uint8_t)take_number(take, "kind", from->kind, 0, REQUEST_KINDS_N - 1);
    take_bytes(take, "nonce", &from->nonce, to->nonce, NONCE_SIZE);
    to->not_after_wall_ms = from->not_after_wall_ms;
    to->plan_kind = (uint8_t)take_number(take, "plan_kind", from->plan_kind, 0, PLAN_KINDS_N - 1);
    take_optional_name(take, "region", from->region, to->region);
    take_optional_name(take, "plan", from->plan, to->plan);
    to->execution = from->execution;
    take_optional_name(take, "step", from->step, to->step);
    to->for_ms = from->for_ms;
    take_text(take, "reason", from->reason, TEXT_SENTENCE, to->reason, SENTENCE_SIZE);
    take_optional_name(take, "rule", from->rule, to->rule);
    to->epoch = from->epoch;
    memset(to->seen, 0, sizeof to->seen);
    if (from->seen.len > 0) { /* older clients have none */
        take_bytes(take, "seen", &from->seen, to->seen, sizeof to->seen);
    }
    take_optional_name(take, "to", from->to, to->to);
    take_text(take, "evidence", from->evidence, TEXT_SENTENCE, to->evidence, EVIDENCE_SIZE);
    take_borrowed(take, "text", from->text, TOPOLOGY_BYTES_MAX, &to->text, &to->text_size);
    take_bytes(take, "signature", &from->signature, to->signature, SIGNATURE_SIZE);
    memset(&to->second, 0, sizeof to->second);
    take_optional_name(take, "second", from->second, to->second.name);
    if (to->second.name[0] != '\0') {
        to->second.not_after_wall_ms = from->second_not_after_wall_ms;
        take_bytes(take, "second_signature", &from->second_signature, to->second.signature,
                   SIGNATURE_SIZE);
    }
}

static void decode_query(struct take *take, const Drover__V1__Query *from, struct query *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    take_name(take, "what", from->what, to->what);
    take_text(take, "argument", from->argument, TEXT_SENTENCE, to->argument, SENTENCE_SIZE);
    to->from = from->from;
}

static void decode_reply(struct take *take, const Drover__V1__Reply *from, struct reply *to) {
    if (!take_message(take, &from->base)) {
        return;
    }
    to->exit_code = (uint8_t)take_number(take, "exit_code", from->exit_code, 0, 255);
    to->err = take_err(take, from->err);
    take_name(take, "member", from->member, to->member);
    take_borrowed(take, "json", from->json, FRAME_ANSWER_MAX, &to->json, &to->json_size);
}

void decode_body(struct take *take, const Drover__V1__Envelope *envelope,
                 struct message *ret_message) {
#define DECODE(NAME, field)                                                                        \
    case DROVER__V1__ENVELOPE__BODY_##NAME:                                                        \
        ret_message->kind = MESSAGE_##NAME;                                                        \
        take->where = #field;                                                                      \
        decode_##field(take, envelope->field, &ret_message->field);                                \
        return
    switch (envelope->body_case) {
        DECODE(QUESTION, question);
        DECODE(ANSWER, answer);
        DECODE(REPORT_ACK, report_ack);
        DECODE(COMMAND, command);
        DECODE(OUTCOME, outcome);
        DECODE(CONFIG, config);
        DECODE(RELAY, relay);
        DECODE(REQUEST, request);
        DECODE(QUERY, query);
        DECODE(REPLY, reply);
    case DROVER__V1__ENVELOPE__BODY_REPORT:
        ret_message->kind = MESSAGE_REPORT;
        take->where = "report";
        decode_signed_report(take, envelope->report, ret_message);
        return;
    case DROVER__V1__ENVELOPE__BODY__NOT_SET:
    case _DROVER__V1__ENVELOPE__BODY__CASE_IS_INT_SIZE: break;
    }
#undef DECODE
    take->where = "envelope";
    take_fail(take, ERR_FORMAT, "body", "missing, or of a kind that this version does not know");
}
