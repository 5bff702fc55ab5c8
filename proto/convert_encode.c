/* From plain messages to the wire. Fields are taken as they are: what is out of bounds is a mistake
 * of this program, and the other side's decode names it. Only free text for people is cleaned. */
#include <string.h>

#include "common/base/ensure.h"
#include "proto/convert.h"
#include "proto/printable.h"

/* protobuf-c's structs hold what they carry without const; packing only reads. */
static char *loose(const char *text) {
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData bytes_of(const uint8_t *bytes, size_t bytes_n) {
    return (ProtobufCBinaryData){.len = bytes_n, .data = (uint8_t *)(uintptr_t)bytes};
}

struct packing {
    Drover__V1__Envelope envelope;
    uint8_t *out;
    size_t out_size;
    size_t *ret_used;
};

static enum err pack(struct packing *packing, Drover__V1__Envelope__BodyCase body_case) {
    packing->envelope.body_case = body_case;
    enum err err =
        convert_pack(&packing->envelope.base, packing->out, packing->out_size, packing->ret_used);
    /* The body lies in the frame of our caller, which ends now. */
    packing->envelope.question = NULL;
    return err;
}

static enum err encode_question(struct packing *packing, const struct question *from) {
    Drover__V1__Question to = DROVER__V1__QUESTION__INIT;
    to.cluster = loose(from->cluster);
    to.purpose = from->purpose;
    to.region = loose(from->region);
    to.agent = loose(from->agent);
    to.epoch = from->epoch;
    to.nonce = bytes_of(from->nonce, NONCE_SIZE);
    to.digest = bytes_of(from->digest, DIGEST_SIZE);
    to.lease_ms = from->lease_ms;
    to.wait_ms = from->wait_ms;
    to.promise_ms = from->promise_ms;
    to.config_version = from->config_version;
    to.signature = bytes_of(from->signature, SIGNATURE_SIZE);
    packing->envelope.question = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_QUESTION);
}

static enum err encode_answer(struct packing *packing, const struct answer *from) {
    Drover__V1__Answer to = DROVER__V1__ANSWER__INIT;
    to.from = loose(from->from);
    to.agent = loose(from->agent);
    to.purpose = from->purpose;
    to.epoch = from->epoch;
    to.nonce = bytes_of(from->nonce, NONCE_SIZE);
    to.digest = bytes_of(from->digest, DIGEST_SIZE);
    to.refusal = from->refusal;
    to.newest_epoch = from->newest_epoch;
    to.newest_open = from->newest_open;
    to.left_ms = from->left_ms;
    to.config_version = from->config_version;
    to.signature = bytes_of(from->signature, SIGNATURE_SIZE);
    packing->envelope.answer = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_ANSWER);
}

static enum err encode_signed_report(struct packing *packing, const struct message *from) {
    ensure(from->signed_at != NULL);
    Drover__V1__SignedReport to = DROVER__V1__SIGNED_REPORT__INIT;
    to.body = bytes_of(from->signed_at, from->signed_size);
    to.signature = bytes_of(from->report_signature, SIGNATURE_SIZE);
    packing->envelope.report = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_REPORT);
}

static enum err encode_report_ack(struct packing *packing, const struct report_ack *from) {
    Drover__V1__ReportAck to = DROVER__V1__REPORT_ACK__INIT;
    to.member = loose(from->member);
    to.seq = from->seq;
    to.epoch = from->epoch;
    to.open = from->open;
    to.owner = loose(from->owner);
    to.config_version = from->config_version;
    to.caught_up = from->caught_up;
    to.wall_ms = from->wall_ms;
    packing->envelope.report_ack = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_REPORT_ACK);
}

static enum err encode_command(struct packing *packing, const struct command *from) {
    Drover__V1__Argument arguments[ACTION_ARGS_MAX];
    Drover__V1__Argument *argument_at[ACTION_ARGS_MAX];
    ensure(from->arguments.n <= ACTION_ARGS_MAX);
    Drover__V1__Command to = DROVER__V1__COMMAND__INIT;
    to.cluster = loose(from->cluster);
    to.epoch = from->epoch;
    to.execution = from->execution;
    to.step = from->step;
    to.attempt = from->attempt;
    to.action = from->action;
    to.agent = loose(from->agent);
    to.region = loose(from->region);
    to.component = loose(from->component);
    to.needs_lease = from->needs_lease;
    to.graceful = from->graceful;
    to.timeout_ms = from->timeout_ms;
    to.not_after_wall_ms = from->not_after_wall_ms;
    for (size_t i = 0; i < from->arguments.n; i++) {
        arguments[i] = (Drover__V1__Argument)DROVER__V1__ARGUMENT__INIT;
        arguments[i].name = loose(from->arguments.at[i].name);
        arguments[i].value = loose(from->arguments.at[i].value);
        argument_at[i] = &arguments[i];
    }
    to.n_arguments = from->arguments.n;
    to.arguments = argument_at;
    to.plan = loose(from->plan);
    to.step_name = loose(from->step_name);
    packing->envelope.command = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_COMMAND);
}

static enum err encode_outcome(struct packing *packing, const struct outcome *from) {
    char detail[SENTENCE_SIZE];
    printable_clean(from->detail, detail, sizeof detail);
    Drover__V1__Outcome to = DROVER__V1__OUTCOME__INIT;
    to.agent = loose(from->agent);
    to.execution = from->execution;
    to.step = from->step;
    to.attempt = from->attempt;
    to.digest = bytes_of(from->digest, DIGEST_SIZE);
    to.state = from->state;
    to.err = from->err;
    to.observed = from->observed;
    to.took_ms = from->took_ms;
    to.wall_ms = from->wall_ms;
    to.detail = detail;
    to.signature = bytes_of(from->signature, SIGNATURE_SIZE);
    packing->envelope.outcome = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_OUTCOME);
}

/* A borrowed text need not be terminated where its size ends; protobuf-c wants it to be. */
static char *borrowed(const char *text, uint32_t text_size) {
    if (text == NULL || text_size == 0) {
        return loose("");
    }
    ensure(strlen(text) == text_size);
    return loose(text);
}

static enum err encode_config(struct packing *packing, const struct config_push *from) {
    Drover__V1__Config to = DROVER__V1__CONFIG__INIT;
    to.version = from->version;
    to.text = borrowed(from->text, from->text_size);
    packing->envelope.config = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_CONFIG);
}

static enum err encode_relay(struct packing *packing, const struct relay *from) {
    Drover__V1__Relay to = DROVER__V1__RELAY__INIT;
    to.member = loose(from->member);
    to.frame = bytes_of(from->frame, from->frame_size);
    packing->envelope.relay = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_RELAY);
}

static enum err encode_request(struct packing *packing, const struct request *from) {
    char reason[SENTENCE_SIZE];
    char evidence[EVIDENCE_SIZE];
    printable_clean(from->reason, reason, sizeof reason);
    printable_clean(from->evidence, evidence, sizeof evidence);
    Drover__V1__Request to = DROVER__V1__REQUEST__INIT;
    to.cluster = loose(from->cluster);
    to.operator_name = loose(from->operator_name);
    to.kind = from->kind;
    to.nonce = bytes_of(from->nonce, NONCE_SIZE);
    to.not_after_wall_ms = from->not_after_wall_ms;
    to.plan_kind = from->plan_kind;
    to.region = loose(from->region);
    to.plan = loose(from->plan);
    to.execution = from->execution;
    to.step = loose(from->step);
    to.for_ms = from->for_ms;
    to.reason = reason;
    to.rule = loose(from->rule);
    to.epoch = from->epoch;
    to.to = loose(from->to);
    to.evidence = evidence;
    to.text = borrowed(from->text, from->text_size);
    to.signature = bytes_of(from->signature, SIGNATURE_SIZE);
    if (from->second.name[0] != '\0') {
        to.second = loose(from->second.name);
        to.second_not_after_wall_ms = from->second.not_after_wall_ms;
        to.second_signature = bytes_of(from->second.signature, SIGNATURE_SIZE);
    }
    if (request_is_bound(from)) {
        to.seen = bytes_of(from->seen, sizeof from->seen);
    }
    packing->envelope.request = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_REQUEST);
}

static enum err encode_query(struct packing *packing, const struct query *from) {
    char argument[SENTENCE_SIZE];
    printable_clean(from->argument, argument, sizeof argument);
    Drover__V1__Query to = DROVER__V1__QUERY__INIT;
    to.what = loose(from->what);
    to.argument = argument;
    to.from = from->from;
    packing->envelope.query = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_QUERY);
}

static enum err encode_reply(struct packing *packing, const struct reply *from) {
    Drover__V1__Reply to = DROVER__V1__REPLY__INIT;
    to.exit_code = from->exit_code;
    to.err = from->err;
    to.member = loose(from->member);
    to.json = borrowed(from->json, from->json_size);
    packing->envelope.reply = &to;
    return pack(packing, DROVER__V1__ENVELOPE__BODY_REPLY);
}

enum err message_encode(const struct message *message, uint8_t *out, size_t out_size,
                        size_t *ret_used) {
    struct packing packing = {
        .envelope = DROVER__V1__ENVELOPE__INIT,
        .out = out,
        .out_size = out_size,
        .ret_used = ret_used,
    };
    packing.envelope.version = WIRE_VERSION;
#define ENCODE(NAME, field)                                                                        \
    case MESSAGE_##NAME: return encode_##field(&packing, &message->field)
    switch (message->kind) {
        ENCODE(QUESTION, question);
        ENCODE(ANSWER, answer);
        ENCODE(REPORT_ACK, report_ack);
        ENCODE(COMMAND, command);
        ENCODE(OUTCOME, outcome);
        ENCODE(CONFIG, config);
        ENCODE(RELAY, relay);
        ENCODE(REQUEST, request);
        ENCODE(QUERY, query);
        ENCODE(REPLY, reply);
    case MESSAGE_REPORT: return encode_signed_report(&packing, message);
    default: ensure_failed("a message has a kind", __FILE__, __LINE__);
    }
#undef ENCODE
}
