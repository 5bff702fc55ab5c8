#include "proto/canon.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "proto/printable.h"

#define CERTIFICATE_FORM 1 /* first byte of a certificate at rest */

static struct bytes_out statement(const char *domain, uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = bytes_writer(out, CANON_MAX);
    bytes_put_text(&bytes, domain);
    return bytes;
}

static size_t statement_end(const struct bytes_out *bytes) {
    ensure(!bytes->failed);
    return bytes->used;
}

/* Free text is signed as it travels: cleaned. Then a stray byte in an error message of a database
 * cannot make an outcome unverifiable. */
static void put_sentence(struct bytes_out *bytes, const char *text) {
    char clean[SENTENCE_SIZE];
    printable_clean(text, clean, sizeof clean);
    bytes_put_text(bytes, clean);
}

static void put_question(struct bytes_out *bytes, const struct question *question) {
    bytes_put_text(bytes, question->cluster);
    bytes_put_u8(bytes, question->purpose);
    bytes_put_text(bytes, question->region);
    bytes_put_text(bytes, question->agent);
    bytes_put_u64(bytes, question->epoch);
    bytes_put_raw(bytes, question->nonce, NONCE_SIZE);
    bytes_put_raw(bytes, question->digest, DIGEST_SIZE);
    bytes_put_u32(bytes, question->lease_ms);
    bytes_put_u32(bytes, question->wait_ms);
    bytes_put_u32(bytes, question->promise_ms);
    bytes_put_u32(bytes, question->config_version);
}

static void put_verdict(struct bytes_out *bytes, const struct answer *answer) {
    bytes_put_u8(bytes, answer->refusal);
    bytes_put_u64(bytes, answer->newest_epoch);
    bytes_put_u8(bytes, answer->newest_open ? 1 : 0);
    bytes_put_u32(bytes, answer->left_ms);
    bytes_put_u32(bytes, answer->config_version);
}

size_t canon_question(const struct question *question, uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement("drover/question/v1", out);
    put_question(&bytes, question);
    return statement_end(&bytes);
}

size_t canon_answer(const struct question *question, const struct answer *answer,
                    uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement("drover/attest/v1", out);
    put_question(&bytes, question);
    bytes_put_text(&bytes, answer->from);
    put_verdict(&bytes, answer);
    return statement_end(&bytes);
}

size_t canon_fence(const char *cluster, const struct fence_proof *proof, uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement("drover/fence/v1", out);
    bytes_put_text(&bytes, cluster);
    bytes_put_u64(&bytes, proof->epoch);
    bytes_put_text(&bytes, proof->agent);
    bytes_put_text(&bytes, proof->region);
    return statement_end(&bytes);
}

size_t canon_command(const struct command *command, uint8_t out[CANON_MAX]) {
    ensure(command->arguments.n <= ACTION_ARGS_MAX);
    struct bytes_out bytes = statement("drover/command/v1", out);
    bytes_put_text(&bytes, command->cluster);
    bytes_put_u64(&bytes, command->epoch);
    bytes_put_u64(&bytes, command->execution);
    bytes_put_u8(&bytes, command->step);
    bytes_put_u16(&bytes, command->attempt);
    bytes_put_u8(&bytes, command->action);
    bytes_put_text(&bytes, command->agent);
    bytes_put_text(&bytes, command->region);
    bytes_put_text(&bytes, command->component);
    bytes_put_u8(&bytes, command->needs_lease ? 1 : 0);
    bytes_put_u8(&bytes, command->graceful ? 1 : 0);
    bytes_put_u32(&bytes, command->timeout_ms);
    bytes_put_u64(&bytes, command->not_after_wall_ms);
    bytes_put_u8(&bytes, command->arguments.n);
    for (size_t i = 0; i < command->arguments.n; i++) {
        bytes_put_text(&bytes, command->arguments.at[i].name);
        bytes_put_text(&bytes, command->arguments.at[i].value);
    }
    bytes_put_text(&bytes, command->plan);
    bytes_put_text(&bytes, command->step_name);
    return statement_end(&bytes);
}

size_t canon_outcome(const char *cluster, const struct outcome *outcome, uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement("drover/outcome/v1", out);
    bytes_put_text(&bytes, cluster);
    bytes_put_text(&bytes, outcome->agent);
    bytes_put_u64(&bytes, outcome->execution);
    bytes_put_u8(&bytes, outcome->step);
    bytes_put_u16(&bytes, outcome->attempt);
    bytes_put_raw(&bytes, outcome->digest, DIGEST_SIZE);
    bytes_put_u8(&bytes, outcome->state);
    bytes_put_u8(&bytes, outcome->err);
    bytes_put_u8(&bytes, outcome->observed ? 1 : 0);
    bytes_put_u32(&bytes, outcome->took_ms);
    bytes_put_u64(&bytes, outcome->wall_ms);
    put_sentence(&bytes, outcome->detail);
    return statement_end(&bytes);
}

size_t canon_request(const struct request *request, const uint8_t text_digest[DIGEST_SIZE],
                     uint8_t out[CANON_MAX]) {
    /* One that is bound to nothing is signed as it was before there was anything to bind it to. */
    bool bound = request_is_bound(request);
    bool more = request->to[0] != '\0' || request->evidence[0] != '\0';
    struct bytes_out bytes = statement(more    ? "drover/request/v3"
                                       : bound ? "drover/request/v2"
                                               : "drover/request/v1",
                                       out);
    bytes_put_text(&bytes, request->cluster);
    bytes_put_text(&bytes, request->operator_name);
    bytes_put_u8(&bytes, request->kind);
    bytes_put_raw(&bytes, request->nonce, NONCE_SIZE);
    bytes_put_u64(&bytes, request->not_after_wall_ms);
    bytes_put_u8(&bytes, request->plan_kind);
    bytes_put_text(&bytes, request->region);
    bytes_put_text(&bytes, request->plan);
    bytes_put_u64(&bytes, request->execution);
    bytes_put_text(&bytes, request->step);
    bytes_put_u32(&bytes, request->for_ms);
    put_sentence(&bytes, request->reason);
    bytes_put_text(&bytes, request->rule);
    bytes_put_u64(&bytes, request->epoch);
    bytes_put_raw(&bytes, text_digest, DIGEST_SIZE);
    if (bound || more) {
        bytes_put_raw(&bytes, request->seen, sizeof request->seen);
    }
    if (more) {
        bytes_put_text(&bytes, request->to);
        char clean[EVIDENCE_SIZE];
        printable_clean(request->evidence, clean, sizeof clean);
        bytes_put_text(&bytes, clean);
    }
    return statement_end(&bytes);
}

size_t canon_second(const char *cluster, const struct second *second,
                    const uint8_t text_digest[DIGEST_SIZE], uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement("drover/second/v1", out);
    bytes_put_text(&bytes, cluster);
    bytes_put_text(&bytes, second->name);
    bytes_put_u64(&bytes, second->not_after_wall_ms);
    bytes_put_raw(&bytes, text_digest, DIGEST_SIZE);
    return statement_end(&bytes);
}

size_t canon_report(const uint8_t body_digest[DIGEST_SIZE], uint8_t out[CANON_MAX]) {
    struct bytes_out bytes = statement(CANON_REPORT_DOMAIN, out);
    bytes_put_raw(&bytes, body_digest, DIGEST_SIZE);
    return statement_end(&bytes);
}

static void put_answer(struct bytes_out *bytes, const struct answer *answer) {
    bytes_put_text(bytes, answer->from);
    bytes_put_text(bytes, answer->agent);
    bytes_put_u8(bytes, answer->purpose);
    bytes_put_u64(bytes, answer->epoch);
    bytes_put_raw(bytes, answer->nonce, NONCE_SIZE);
    bytes_put_raw(bytes, answer->digest, DIGEST_SIZE);
    put_verdict(bytes, answer);
    bytes_put_raw(bytes, answer->signature, SIGNATURE_SIZE);
}

size_t certificate_write(const struct certificate *certificate, uint8_t *out, size_t out_size) {
    ensure(certificate->answers_n <= CERTIFICATE_ANSWERS_MAX);
    struct bytes_out bytes = bytes_writer(out, out_size);
    bytes_put_u8(&bytes, CERTIFICATE_FORM);
    put_question(&bytes, &certificate->question);
    bytes_put_raw(&bytes, certificate->question.signature, SIGNATURE_SIZE);
    bytes_put_u8(&bytes, certificate->answers_n);
    for (size_t i = 0; i < certificate->answers_n; i++) {
        put_answer(&bytes, &certificate->answers[i]);
    }
    return bytes.failed ? 0 : bytes.used;
}

static void get_name(struct bytes_in *bytes, char name[NAME_SIZE]) {
    bytes_get_text(bytes, name, NAME_SIZE);
    if (!text_is_name(name, NAME_SIZE)) {
        bytes->failed = true;
    }
}

static uint8_t get_purpose(struct bytes_in *bytes) {
    uint8_t purpose = bytes_get_u8(bytes);
    if (purpose < PURPOSE_LEASE || purpose > PURPOSE_PROMISE) {
        bytes->failed = true;
    }
    return purpose;
}

static void get_question(struct bytes_in *bytes, struct question *question) {
    get_name(bytes, question->cluster);
    question->purpose = get_purpose(bytes);
    get_name(bytes, question->region);
    get_name(bytes, question->agent);
    question->epoch = bytes_get_u64(bytes);
    bytes_get_raw(bytes, question->nonce, NONCE_SIZE);
    bytes_get_raw(bytes, question->digest, DIGEST_SIZE);
    question->lease_ms = bytes_get_u32(bytes);
    question->wait_ms = bytes_get_u32(bytes);
    question->promise_ms = bytes_get_u32(bytes);
    question->config_version = bytes_get_u32(bytes);
    bytes_get_raw(bytes, question->signature, SIGNATURE_SIZE);
}

static void get_answer(struct bytes_in *bytes, struct answer *answer) {
    get_name(bytes, answer->from);
    get_name(bytes, answer->agent);
    answer->purpose = get_purpose(bytes);
    answer->epoch = bytes_get_u64(bytes);
    bytes_get_raw(bytes, answer->nonce, NONCE_SIZE);
    bytes_get_raw(bytes, answer->digest, DIGEST_SIZE);
    answer->refusal = bytes_get_u8(bytes);
    answer->newest_epoch = bytes_get_u64(bytes);
    uint8_t newest_open = bytes_get_u8(bytes);
    answer->newest_open = newest_open == 1;
    answer->left_ms = bytes_get_u32(bytes);
    answer->config_version = bytes_get_u32(bytes);
    bytes_get_raw(bytes, answer->signature, SIGNATURE_SIZE);
    if (newest_open > 1 || !refusal_is_known(answer->refusal)) {
        bytes->failed = true;
    }
}

bool certificate_read(const uint8_t *in, size_t in_size, struct certificate *ret_certificate) {
    struct certificate certificate;
    memset(&certificate, 0, sizeof certificate);
    struct bytes_in bytes = bytes_reader(in, in_size);
    if (bytes_get_u8(&bytes) != CERTIFICATE_FORM) {
        return false;
    }
    get_question(&bytes, &certificate.question);
    certificate.answers_n = bytes_get_u8(&bytes);
    if (bytes.failed || certificate.answers_n > CERTIFICATE_ANSWERS_MAX) {
        return false;
    }
    for (size_t i = 0; i < certificate.answers_n; i++) {
        get_answer(&bytes, &certificate.answers[i]);
    }
    if (!bytes_all_read(&bytes)) {
        return false;
    }
    *ret_certificate = certificate;
    return true;
}
