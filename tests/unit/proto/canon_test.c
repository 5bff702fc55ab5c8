/* The bytes that get signed. The hex here was written from the layout in docs/protocol.md by
 * another program; it never changes: a signature given today must verify in ten years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/canon.h"
#include "tests/unit/proto/random_message.h"

static const char golden_question[] =
    "120064726f7665722f7175657374696f6e2f7631040070726f64010400656173740800656173742d64623107"
    "00000000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
    "35363738393a3b3c3d3e3f30750000007d0000017d000005000000";

static const char golden_answer[] =
    "100064726f7665722f6174746573742f7631040070726f64010400656173740800656173742d646231070000"
    "0000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536"
    "3738393a3b3c3d3e3f30750000007d0000017d00000500000002006d3104080000000000000001d204000006"
    "000000";

static const char golden_fence[] =
    "0f0064726f7665722f66656e63652f7631040070726f6407000000000000000800656173742d646231040065"
    "617374";

static const char golden_command[] =
    "110064726f7665722f636f6d6d616e642f7631040070726f6407000000000000000300000000000000020100"
    "010800776573742d6462310400776573740800706f737467726573010060ea000000505c18a3010000020300"
    "75726c1500687474703a2f2f3132372e302e302e313a383030380400736c6f74000008006661696c6f766572"
    "070070726f6d6f7465";

static const char golden_outcome[] =
    "110064726f7665722f6f7574636f6d652f7631040070726f640800776573742d646231030000000000000002"
    "0100202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0316002c03000001505c"
    "18a30100000a00464154414c3a3f20c3a9";

static const char golden_request[] =
    "110064726f7665722f726571756573742f7631040070726f640400616e6e6101101112131415161718191a1b"
    "1c1d1e1f00505c18a30100000004007765737408006661696c6f7665720900000000000000070070726f6d6f"
    "746580ee3600120074686520726567696f6e206973206461726b030072706f07000000000000002021222324"
    "25262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

static const char golden_report[] =
    "100064726f7665722f7265706f72742f7631202122232425262728292a2b2c2d2e2f30313233343536373839"
    "3a3b3c3d3e3f";

static const char golden_certificate[] =
    "01040070726f64010400656173740800656173742d6462310700000000000000101112131415161718191a1b"
    "1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f30750000007d0000"
    "017d000005000000808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3"
    "a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf0102006d310800656173742d64623101"
    "0700000000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233"
    "3435363738393a3b3c3d3e3f04080000000000000001d204000006000000808182838485868788898a8b8c8d"
    "8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9"
    "babbbcbdbebf";

static void fill(uint8_t *bytes, size_t n, unsigned first) {
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(first + i);
    }
}

static struct question sample_question(void) {
    struct question question = {
        .cluster = "prod",
        .purpose = PURPOSE_LEASE,
        .region = "east",
        .agent = "east-db1",
        .epoch = 7,
        .lease_ms = 30000,
        .wait_ms = 32000,
        .promise_ms = 32001,
        .config_version = 5,
    };
    fill(question.nonce, NONCE_SIZE, 0x10);
    fill(question.digest, DIGEST_SIZE, 0x20);
    fill(question.signature, SIGNATURE_SIZE, 0x80);
    return question;
}

static struct answer sample_answer(void) {
    struct answer answer = {
        .from = "m1",
        .agent = "east-db1",
        .purpose = PURPOSE_LEASE,
        .epoch = 7,
        .refusal = REFUSAL_WAITING,
        .newest_epoch = 8,
        .newest_open = true,
        .left_ms = 1234,
        .config_version = 6,
    };
    fill(answer.nonce, NONCE_SIZE, 0x10);
    fill(answer.digest, DIGEST_SIZE, 0x20);
    fill(answer.signature, SIGNATURE_SIZE, 0x80);
    return answer;
}

static struct fence_proof sample_fence(void) {
    return (struct fence_proof){.present = true, .epoch = 7, .agent = "east-db1", .region = "east"};
}

static struct command sample_command(void) {
    return (struct command){
        .cluster = "prod",
        .epoch = 7,
        .execution = 3,
        .step = 2,
        .attempt = 1,
        .action = ACTION_PATRONI_PROMOTE,
        .agent = "west-db1",
        .region = "west",
        .component = "postgres",
        .needs_lease = true,
        .timeout_ms = 60000,
        .not_after_wall_ms = UINT64_C(1800000000000),
        .arguments = {.n = 2, .at = {{"url", "http://127.0.0.1:8008"}, {"slot", ""}}},
        .plan = "failover",
        .step_name = "promote",
    };
}

static struct outcome sample_outcome(void) {
    struct outcome outcome = {
        .agent = "west-db1",
        .execution = 3,
        .step = 2,
        .attempt = 1,
        .state = OUTCOME_FAILED,
        .err = ERR_FAILED,
        .took_ms = 812,
        .wall_ms = UINT64_C(1800000000001),
        .detail = "FATAL:\n \xc3\xa9",
    };
    fill(outcome.digest, DIGEST_SIZE, 0x20);
    return outcome;
}

static struct request sample_request(void) {
    struct request request = {
        .cluster = "prod",
        .operator_name = "anna",
        .kind = REQUEST_DECLARE,
        .not_after_wall_ms = UINT64_C(1800000000000),
        .plan_kind = PLAN_FAILOVER,
        .region = "west",
        .plan = "failover",
        .execution = 9,
        .step = "promote",
        .for_ms = 3600000,
        .reason = "the region is dark",
        .rule = "rpo",
        .epoch = 7,
    };
    fill(request.nonce, NONCE_SIZE, 0x10);
    return request;
}

static void is_golden(const uint8_t *bytes, size_t n, const char *golden) {
    static char hex[2 * CANON_MAX + 1];
    text_from_bytes(bytes, n, hex, sizeof hex);
    assert_string_equal(hex, golden);
}

static void every_statement_has_the_bytes_it_always_had(void **state) {
    (void)state;
    uint8_t out[CANON_MAX];
    uint8_t digest[DIGEST_SIZE];
    fill(digest, sizeof digest, 0x20);
    struct question question = sample_question();
    struct answer answer = sample_answer();
    struct fence_proof fence = sample_fence();
    struct command command = sample_command();
    struct outcome outcome = sample_outcome();
    struct request request = sample_request();
    is_golden(out, canon_question(&question, out), golden_question);
    is_golden(out, canon_answer(&question, &answer, out), golden_answer);
    is_golden(out, canon_fence("prod", &fence, out), golden_fence);
    is_golden(out, canon_command(&command, out), golden_command);
    is_golden(out, canon_outcome("prod", &outcome, out), golden_outcome);
    is_golden(out, canon_request(&request, digest, out), golden_request);
    is_golden(out, canon_report(digest, out), golden_report);
}

/* Older members never hear of it, and older clients send none. */
static void what_was_seen_is_signed_and_nothing_seen_signs_as_it_always_did(void **state) {
    (void)state;
    uint8_t plain[CANON_MAX], bound[CANON_MAX], other[CANON_MAX], digest[DIGEST_SIZE] = {0};
    struct request request = sample_request();
    assert_false(request_is_bound(&request));
    size_t plain_n = canon_request(&request, digest, plain);
    for (unsigned i = 0; i < sizeof request.seen; i++) {
        memset(request.seen, 0, sizeof request.seen);
        request.seen[i] = 1;
        assert_true(request_is_bound(&request));
        size_t bound_n = canon_request(&request, digest, bound);
        assert_int_equal(bound_n, plain_n + sizeof request.seen);
        assert_memory_not_equal(bound, plain, plain_n); /* a domain of its own */
        request.seen[i] = 2;
        assert_int_equal(canon_request(&request, digest, other), bound_n);
        assert_memory_not_equal(bound, other, bound_n);
    }
}

/* The third form carries both, so that neither passes for the other. */
static void whom_command_goes_to_and_the_evidence_are_signed(void **state) {
    (void)state;
    uint8_t plain[CANON_MAX], to[CANON_MAX], evidence[CANON_MAX], digest[DIGEST_SIZE] = {0};
    struct request request = sample_request();
    size_t plain_n = canon_request(&request, digest, plain);
    (void)text_copy(request.to, NAME_SIZE, "sre-2");
    size_t to_n = canon_request(&request, digest, to);
    assert_true(to_n > plain_n);
    assert_memory_not_equal(to, plain, plain_n);
    request.to[0] = '\0';
    (void)text_copy(request.evidence, EVIDENCE_SIZE, "sre-2");
    size_t evidence_n = canon_request(&request, digest, evidence);
    assert_true(evidence_n > plain_n);
    assert_memory_not_equal(to, evidence, to_n < evidence_n ? to_n : evidence_n);
}

/* The bytes of docs/protocol.md, put together by hand. */
static void a_second_persons_word_is_of_one_cluster_name_time_and_text(void **state) {
    static const char head[] = "\x10\0drover/second/v1\x04\0prod\x05\0sre-2\x02\x01\0\0\0\0\0\0";
    uint8_t word[CANON_MAX], digest[DIGEST_SIZE];
    struct second second = {.name = "sre-2", .not_after_wall_ms = 0x102};
    (void)state;
    memset(digest, 7, sizeof digest);
    size_t n = canon_second("prod", &second, digest, word);
    assert_int_equal(n, sizeof head - 1 + DIGEST_SIZE);
    assert_memory_equal(word, head, sizeof head - 1);
    assert_memory_equal(word + sizeof head - 1, digest, DIGEST_SIZE);
}

static void no_statement_begins_another(void **state) {
    (void)state;
    static uint8_t out[8][CANON_MAX];
    uint8_t digest[DIGEST_SIZE] = {0};
    size_t n[8];
    struct second second = {.name = "sre-2", .not_after_wall_ms = 7};
    struct question question = sample_question();
    struct answer answer = sample_answer();
    struct fence_proof fence = sample_fence();
    struct command command = sample_command();
    struct outcome outcome = sample_outcome();
    struct request request = sample_request();
    n[0] = canon_question(&question, out[0]);
    n[1] = canon_answer(&question, &answer, out[1]);
    n[2] = canon_fence("prod", &fence, out[2]);
    n[3] = canon_command(&command, out[3]);
    n[4] = canon_outcome("prod", &outcome, out[4]);
    n[5] = canon_request(&request, digest, out[5]);
    n[6] = canon_report(digest, out[6]);
    n[7] = canon_second("prod", &second, digest, out[7]);
    for (size_t a = 0; a < 8; a++) {
        for (size_t b = 0; b < 8; b++) {
            size_t least = n[a] < n[b] ? n[a] : n[b];
            assert_true(a == b || memcmp(out[a], out[b], least) != 0);
        }
    }
}

static void each_name_and_number_of_a_question_is_signed(void **state) {
    (void)state;
    uint8_t before[CANON_MAX];
    uint8_t after[CANON_MAX];
    const struct question sample = sample_question();
    size_t n = canon_question(&sample, before);
    static const struct {
        size_t offset, size;
    } fields[] = {
#define FIELD(name) {offsetof(struct question, name), sizeof((struct question *)NULL)->name}
        FIELD(purpose),  FIELD(epoch),   FIELD(nonce),      FIELD(digest),
        FIELD(lease_ms), FIELD(wait_ms), FIELD(promise_ms), FIELD(config_version),
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (size_t k = 0; k < fields[i].size; k++) {
            struct question altered = sample;
            ((uint8_t *)&altered)[fields[i].offset + k] ^= 1;
            assert_int_equal(canon_question(&altered, after), n);
            assert_memory_not_equal(before, after, n);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        struct question altered = sample;
        char *name = i == 0 ? altered.cluster : i == 1 ? altered.region : altered.agent;
        (void)text_append(name, NAME_SIZE, "x");
        assert_int_equal(canon_question(&altered, after), n + 1);
    }
    /* Letters may not wander from one name to the next. */
    struct question a = sample;
    struct question b = sample;
    (void)text_copy(a.region, NAME_SIZE, "ab");
    (void)text_copy(a.agent, NAME_SIZE, "c");
    (void)text_copy(b.region, NAME_SIZE, "a");
    (void)text_copy(b.agent, NAME_SIZE, "bc");
    assert_int_equal(canon_question(&a, before), canon_question(&b, after));
    assert_memory_not_equal(before, after, n - 4);
}

static void the_largest_statements_fit(void **state) {
    (void)state;
    uint8_t out[CANON_MAX];
    struct command command = sample_command();
    command.arguments.n = ACTION_ARGS_MAX;
    for (size_t i = 0; i < ACTION_ARGS_MAX; i++) {
        memset(command.arguments.at[i].name, 'n', NAME_SIZE - 1);
        memset(command.arguments.at[i].value, 'v', VALUE_SIZE - 1);
        command.arguments.at[i].value[VALUE_SIZE - 1] = '\0';
    }
    assert_true(canon_command(&command, out) < CANON_MAX);
    struct outcome outcome = sample_outcome();
    memset(outcome.detail, 'd', SENTENCE_SIZE - 1);
    assert_true(canon_outcome("prod", &outcome, out) < CANON_MAX);
}

static void a_certificate_at_rest_has_the_bytes_it_always_had(void **state) {
    (void)state;
    uint8_t out[CERTIFICATE_BYTES_MAX];
    struct certificate certificate = {.question = sample_question(), .answers_n = 1};
    certificate.answers[0] = sample_answer();
    is_golden(out, certificate_write(&certificate, out, sizeof out), golden_certificate);
}

static void a_certificate_comes_back_whole_or_not_at_all(void **state) {
    (void)state;
    static struct certificate sent;
    static struct certificate got;
    uint8_t out[CERTIFICATE_BYTES_MAX];
    struct rng rng;
    rng_seed(&rng, 11);
    for (unsigned round = 0; round < 300; round++) {
        random_certificate(&rng, &sent);
        size_t n = certificate_write(&sent, out, sizeof out);
        assert_true(n > 0);
        memset(&got, 0, sizeof got);
        assert_true(certificate_read(out, n, &got));
        assert_memory_equal(&sent, &got, sizeof sent);
        for (size_t cut = 0; cut < n && round < 20; cut++) {
            assert_false(certificate_read(out, cut, &got));
            assert_int_equal(certificate_write(&sent, out, cut), 0);
        }
        (void)certificate_write(&sent, out, sizeof out);
        out[n] = 0;
        assert_false(certificate_read(out, n + 1, &got));
    }
}

static void a_certificate_with_a_bad_field_is_not_read(void **state) {
    (void)state;
    static struct certificate certificate;
    static struct certificate got;
    uint8_t out[CERTIFICATE_BYTES_MAX];
    for (unsigned bad = 0; bad < 9; bad++) {
        certificate = (struct certificate){.question = sample_question(), .answers_n = 1};
        certificate.answers[0] = sample_answer();
        struct question *question = &certificate.question;
        struct answer *answer = &certificate.answers[0];
        (void)text_copy(bad == 1 ? question->cluster : answer->agent, NAME_SIZE,
                        bad == 1 || bad == 2 ? "Not a name" : "east-db1");
        question->purpose = bad == 3 ? 0 : PURPOSE_LEASE;
        answer->purpose = bad == 4 ? 4 : PURPOSE_LEASE;
        answer->refusal = bad == 5 ? 15 : REFUSAL_NONE;
        size_t n = certificate_write(&certificate, out, sizeof out);
        out[0] = bad == 6 ? 2 : out[0];
        /* newest_open stands before two u32 and the signature at the end. */
        out[n - SIGNATURE_SIZE - 9] = bad == 7 ? 2 : 1;
        if (bad == 8) {
            certificate.answers_n = 0;
            n = certificate_write(&certificate, out, sizeof out);
            out[n - 1] = CERTIFICATE_ANSWERS_MAX + 1;
        }
        assert_int_equal(certificate_read(out, n, &got), bad == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_has_the_bytes_it_always_had),
        cmocka_unit_test(what_was_seen_is_signed_and_nothing_seen_signs_as_it_always_did),
        cmocka_unit_test(whom_command_goes_to_and_the_evidence_are_signed),
        cmocka_unit_test(a_second_persons_word_is_of_one_cluster_name_time_and_text),
        cmocka_unit_test(no_statement_begins_another),
        cmocka_unit_test(each_name_and_number_of_a_question_is_signed),
        cmocka_unit_test(the_largest_statements_fit),
        cmocka_unit_test(a_certificate_at_rest_has_the_bytes_it_always_had),
        cmocka_unit_test(a_certificate_comes_back_whole_or_not_at_all),
        cmocka_unit_test(a_certificate_with_a_bad_field_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
