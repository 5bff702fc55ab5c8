/* The converter refuses: every field out of its bounds, by name; bombs; ballast. Each case is a
 * valid body with one field put behind it once more: the last one counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/message.h"
#include "tests/unit/proto/random_message.h"

static uint8_t scratch[4 * DECODE_SCRATCH_SIZE];
static uint8_t frame[FRAME_ANSWER_MAX];

static size_t encoded(const struct message *message) {
    size_t used = 0;
    assert_int_equal(message_encode(message, frame, sizeof frame, &used), ERR_OK);
    return used;
}

struct wire_bytes {
    uint8_t at[70000];
    size_t n;
};

static void put_byte(struct wire_bytes *to, unsigned byte) {
    to->at[to->n++] = (uint8_t)byte;
}

static void put_varint(struct wire_bytes *to, uint64_t value) {
    while (value >= 0x80) {
        put_byte(to, (unsigned)(value & 0x7f) | 0x80);
        value >>= 7;
    }
    put_byte(to, (unsigned)value);
}

static void put_number(struct wire_bytes *to, unsigned field, uint64_t value) {
    put_varint(to, (uint64_t)field << 3);
    put_varint(to, value);
}

static void put_block(struct wire_bytes *to, unsigned field, const void *block, size_t n) {
    put_varint(to, (uint64_t)field << 3 | 2);
    put_varint(to, n);
    memcpy(to->at + to->n, block, n);
    to->n += n;
}

static uint64_t get_varint(const uint8_t **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
}

/* A valid body of that kind. For reports: the signed inner one. */
static void valid_body(enum message_kind kind, struct wire_bytes *ret_body) {
    static struct random_space space;
    static struct message message;
    struct rng rng;
    rng_seed(&rng, 42);
    random_message(&rng, kind, &space, &message);
    message.command.arguments.n = kind == MESSAGE_COMMAND ? 2 : message.command.arguments.n;
    ret_body->n = 0;
    if (kind == MESSAGE_REPORT) {
        message.report.checks_n = 1;
        message.report.positions_n = 1;
        message.report.guard.present = false;
        message.report.fence.present = false;
        assert_int_equal(
            report_body_encode(&message.report, ret_body->at, sizeof ret_body->at, &ret_body->n),
            ERR_OK);
        return;
    }
    size_t used = encoded(&message);
    const uint8_t *at = frame + 2;
    (void)get_varint(&at);
    size_t n = (size_t)get_varint(&at);
    assert_true(at + n == frame + used);
    memcpy(ret_body->at, at, n);
    ret_body->n = n;
}

static enum err decode_as(enum message_kind kind, const struct wire_bytes *body,
                          struct text256 *reterr) {
    static struct wire_bytes whole;
    static struct message message;
    static struct report report;
    if (kind == MESSAGE_REPORT) {
        return report_body_decode(body->at, body->n, scratch, DECODE_SCRATCH_SIZE, &report, reterr);
    }
    whole.n = 0;
    put_number(&whole, 1, WIRE_VERSION);
    put_block(&whole, kind + 1u, body->at, body->n);
    return message_decode(whole.at, whole.n, scratch, DECODE_SCRATCH_SIZE, &message, reterr);
}

static void refused(enum message_kind kind, const struct wire_bytes *body, enum err err,
                    const char *expected) {
    struct text256 why = {""};
    enum err got = decode_as(kind, body, &why);
    if (got != err || strstr(why.at, expected) == NULL) {
        fail_msg("expected %s with \"%s\", got %s with \"%s\"", err_name(err), expected,
                 err_name(got), why.at);
    }
}

static void numbers_out_of_range_are_refused(void **state) {
    (void)state;
    static struct wire_bytes body;
    static const struct {
        enum message_kind kind;
        unsigned field;
        uint64_t low, high; /* the first refused below (0: none) and above */
        const char *name;
    } rows[] = {
        {MESSAGE_QUESTION, 2, 0, 4, "question.purpose"},
        {MESSAGE_ANSWER, 3, 0, 4, "answer.purpose"},
        {MESSAGE_ANSWER, 7, 15, 15, "answer.refusal"},
        {MESSAGE_COMMAND, 4, STEPS_MAX, STEPS_MAX, "command.step"},
        {MESSAGE_COMMAND, 5, 0, 65536, "command.attempt"},
        {MESSAGE_COMMAND, 6, ACTION_KINDS_N, ACTION_KINDS_N, "command.action"},
        {MESSAGE_OUTCOME, 3, STEPS_MAX, STEPS_MAX, "outcome.step"},
        {MESSAGE_OUTCOME, 4, 0, 65536, "outcome.attempt"},
        {MESSAGE_OUTCOME, 6, 0, 5, "outcome.state"},
        {MESSAGE_OUTCOME, 7, 26, 26, "outcome.err"},
        {MESSAGE_REQUEST, 3, REQUEST_KINDS_N, REQUEST_KINDS_N, "request.kind"},
        {MESSAGE_REQUEST, 6, PLAN_KINDS_N, PLAN_KINDS_N, "request.plan_kind"},
        {MESSAGE_REPLY, 1, 256, 256, "reply.exit_code"},
        {MESSAGE_REPLY, 2, 26, 26, "reply.err"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t bad[] = {rows[i].low, rows[i].high, 256 + rows[i].high, UINT32_MAX};
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            valid_body(rows[i].kind, &body);
            put_number(&body, rows[i].field, bad[k]);
            refused(rows[i].kind, &body, ERR_RANGE, rows[i].name);
        }
    }
}

static void blocks_of_another_length_are_refused(void **state) {
    (void)state;
    static struct wire_bytes body;
    static const uint8_t zeros[256];
    static const struct {
        enum message_kind kind;
        unsigned field;
        size_t size;
        const char *name;
    } rows[] = {
        {MESSAGE_QUESTION, 6, NONCE_SIZE, "question.nonce"},
        {MESSAGE_QUESTION, 7, DIGEST_SIZE, "question.digest"},
        {MESSAGE_QUESTION, 12, SIGNATURE_SIZE, "question.signature"},
        {MESSAGE_ANSWER, 5, NONCE_SIZE, "answer.nonce"},
        {MESSAGE_ANSWER, 6, DIGEST_SIZE, "answer.digest"},
        {MESSAGE_ANSWER, 12, SIGNATURE_SIZE, "answer.signature"},
        {MESSAGE_OUTCOME, 5, DIGEST_SIZE, "outcome.digest"},
        {MESSAGE_OUTCOME, 12, SIGNATURE_SIZE, "outcome.signature"},
        {MESSAGE_REQUEST, 4, NONCE_SIZE, "request.nonce"},
        {MESSAGE_REQUEST, 16, SIGNATURE_SIZE, "request.signature"},
        {MESSAGE_REQUEST, 17, DIGEST_SIZE, "request.seen"}, /* or nothing, as in this body */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bad[] = {0, 1, rows[i].size - 1, rows[i].size + 1, 256};
        bool optional = rows[i].kind == MESSAGE_REQUEST && rows[i].field == 17;
        for (size_t k = optional ? 1 : 0; k < sizeof bad / sizeof bad[0]; k++) {
            valid_body(rows[i].kind, &body);
            put_block(&body, rows[i].field, zeros, bad[k]);
            refused(rows[i].kind, &body, ERR_FORMAT, rows[i].name);
        }
    }
}

enum form { NAME, OPTIONAL_NAME, SENTENCE, LINES };

static const struct {
    enum message_kind kind;
    unsigned field;
    enum form form;
    size_t size; /* the first that is too long */
    const char *name;
} text_rows[] = {
    {MESSAGE_QUESTION, 1, NAME, NAME_SIZE, "question.cluster"},
    {MESSAGE_QUESTION, 3, NAME, NAME_SIZE, "question.region"},
    {MESSAGE_QUESTION, 4, NAME, NAME_SIZE, "question.agent"},
    {MESSAGE_ANSWER, 1, NAME, NAME_SIZE, "answer.from"},
    {MESSAGE_ANSWER, 2, NAME, NAME_SIZE, "answer.agent"},
    {MESSAGE_REPORT, 1, NAME, NAME_SIZE, "report.agent"},
    {MESSAGE_REPORT_ACK, 1, NAME, NAME_SIZE, "report_ack.member"},
    {MESSAGE_REPORT_ACK, 5, OPTIONAL_NAME, NAME_SIZE, "report_ack.owner"},
    {MESSAGE_COMMAND, 1, NAME, NAME_SIZE, "command.cluster"},
    {MESSAGE_COMMAND, 7, NAME, NAME_SIZE, "command.agent"},
    {MESSAGE_COMMAND, 8, NAME, NAME_SIZE, "command.region"},
    {MESSAGE_COMMAND, 9, OPTIONAL_NAME, NAME_SIZE, "command.component"},
    {MESSAGE_COMMAND, 15, NAME, NAME_SIZE, "command.plan"},
    {MESSAGE_COMMAND, 16, NAME, NAME_SIZE, "command.step_name"},
    {MESSAGE_OUTCOME, 1, NAME, NAME_SIZE, "outcome.agent"},
    {MESSAGE_OUTCOME, 11, SENTENCE, SENTENCE_SIZE, "outcome.detail"},
    {MESSAGE_CONFIG, 2, LINES, 0, "config.text"},
    {MESSAGE_RELAY, 1, NAME, NAME_SIZE, "relay.member"},
    {MESSAGE_REQUEST, 1, NAME, NAME_SIZE, "request.cluster"},
    {MESSAGE_REQUEST, 2, NAME, NAME_SIZE, "request.operator_name"},
    {MESSAGE_REQUEST, 7, OPTIONAL_NAME, NAME_SIZE, "request.region"},
    {MESSAGE_REQUEST, 8, OPTIONAL_NAME, NAME_SIZE, "request.plan"},
    {MESSAGE_REQUEST, 10, OPTIONAL_NAME, NAME_SIZE, "request.step"},
    {MESSAGE_REQUEST, 12, SENTENCE, SENTENCE_SIZE, "request.reason"},
    {MESSAGE_REQUEST, 13, OPTIONAL_NAME, NAME_SIZE, "request.rule"},
    {MESSAGE_REQUEST, 15, LINES, 0, "request.text"},
    {MESSAGE_REQUEST, 18, OPTIONAL_NAME, NAME_SIZE, "request.to"},
    {MESSAGE_REQUEST, 19, SENTENCE, EVIDENCE_SIZE, "request.evidence"},
    {MESSAGE_REQUEST, 20, OPTIONAL_NAME, NAME_SIZE, "request.second"},
    {MESSAGE_QUERY, 1, NAME, NAME_SIZE, "query.what"},
    {MESSAGE_QUERY, 2, SENTENCE, SENTENCE_SIZE, "query.argument"},
    {MESSAGE_REPLY, 3, NAME, NAME_SIZE, "reply.member"},
    {MESSAGE_REPLY, 4, LINES, 0, "reply.json"},
};

static void refuse_text(size_t row, const char *text, size_t n, enum err err) {
    static struct wire_bytes body;
    valid_body(text_rows[row].kind, &body);
    put_block(&body, text_rows[row].field, text, n);
    refused(text_rows[row].kind, &body, err, text_rows[row].name);
}

static void texts_that_are_not_what_they_should_be_are_refused(void **state) {
    (void)state;
    char longest[EVIDENCE_SIZE + 1];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
        enum form form = text_rows[i].form;
        refuse_text(i, "a\0b", 3, ERR_FORMAT);
        refuse_text(i, "\0", 1, ERR_FORMAT);
        refuse_text(i, "a\xff", 2, ERR_FORMAT);
        refuse_text(i, "a\xc3", 2, ERR_FORMAT);
        refuse_text(i, "a\xed\xa0\x80", 4, ERR_FORMAT); /* a surrogate */
        refuse_text(i, "a\x1b[2J", 5, ERR_FORMAT);
        refuse_text(i,
                    "a\xe2\x80\xae"
                    "b",
                    5, ERR_FORMAT); /* turns the line round */
        if (form != LINES) {
            refuse_text(i, "a\nb", 3, ERR_FORMAT);
            refuse_text(i, longest, text_rows[i].size, ERR_TOO_BIG);
        }
        if (form == NAME || form == OPTIONAL_NAME) {
            refuse_text(i, "Upper", 5, ERR_FORMAT);
            refuse_text(i, "a b", 3, ERR_FORMAT);
            refuse_text(i, "../x", 4, ERR_FORMAT);
            refuse_text(i, "-x", 2, ERR_FORMAT);
        }
        if (form == NAME) {
            refuse_text(i, "", 0, ERR_FORMAT);
        }
    }
}

static void long_texts_are_bounded(void **state) {
    (void)state;
    static char text[TOPOLOGY_BYTES_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    for (unsigned extra = 0; extra < 2; extra++) {
        text[TOPOLOGY_BYTES_MAX + extra] = '\0';
        struct message message = {.kind = MESSAGE_CONFIG};
        struct text256 why = {""};
        message.config.text = text;
        message.config.text_size = TOPOLOGY_BYTES_MAX + extra;
        size_t used = encoded(&message);
        assert_int_equal(message_decode(frame, used, scratch, DECODE_SCRATCH_SIZE, &message, &why),
                         extra == 0 ? ERR_OK : ERR_TOO_BIG);
        text[TOPOLOGY_BYTES_MAX + extra] = 'x';
    }
    static uint8_t inner[4097];
    struct message message = {.kind = MESSAGE_RELAY};
    struct text256 why = {""};
    (void)text_copy(message.relay.member, NAME_SIZE, "m1");
    message.relay.frame = inner;
    message.relay.frame_size = 4097;
    size_t used = encoded(&message);
    assert_int_equal(message_decode(frame, used, scratch, DECODE_SCRATCH_SIZE, &message, &why),
                     ERR_TOO_BIG);
    assert_non_null(strstr(why.at, "relay.frame"));
}

static void put_inner(struct wire_bytes *body, unsigned field, const struct wire_bytes *inner) {
    put_block(body, field, inner->at, inner->n);
}

static void what_is_inside_is_checked_with_its_index(void **state) {
    (void)state;
    static struct wire_bytes body;
    static struct wire_bytes inner;
    static const struct {
        enum message_kind kind;
        unsigned list, field;
        uint64_t value;
        const char *text; /* instead of value */
        enum err err;
        const char *name;
    } rows[] = {
        {MESSAGE_COMMAND, 14, 1, 0, "", ERR_FORMAT, "command.arguments[2].name"},
        {MESSAGE_COMMAND, 14, 1, 0, "a b", ERR_FORMAT, "command.arguments[2].name"},
        {MESSAGE_COMMAND, 14, 2, 0, "\x01", ERR_FORMAT, "command.arguments[2].value"},
        {MESSAGE_REPORT, 8, 1, LINKS_MAX, NULL, ERR_RANGE, "report.positions[1].link"},
        {MESSAGE_REPORT, 8, 2, 4, NULL, ERR_RANGE, "report.positions[1].kind"},
        {MESSAGE_REPORT, 8, 2, 0, NULL, ERR_RANGE, "report.positions[1].kind"},
        {MESSAGE_REPORT, 9, 1, CHECKS_MAX, NULL, ERR_RANGE, "report.checks[1].check"},
        {MESSAGE_REPORT, 9, 2, 6, NULL, ERR_RANGE, "report.checks[1].status"},
        {MESSAGE_REPORT, 9, 3, 3, NULL, ERR_RANGE, "report.checks[1].role"},
        {MESSAGE_REPORT, 9, 8, 0, "a\nb", ERR_FORMAT, "report.checks[1].detail"},
        {MESSAGE_REPORT, 9, 11, 1, NULL, ERR_RANGE, "report.checks[1].ended_ago_ms"},
        {MESSAGE_REPORT, 9, 12, 0, "a\nb", ERR_FORMAT, "report.checks[1].leader"},
        {MESSAGE_REPORT, 6, 1, 4, NULL, ERR_RANGE, "report.guard.gate"},
        {MESSAGE_REPORT, 6, 8, 3, NULL, ERR_RANGE, "report.guard.key"},
        {MESSAGE_REPORT, 7, 2, 0, "X", ERR_FORMAT, "report.fence.agent"},
        {MESSAGE_REPORT, 7, 3, 0, "X", ERR_FORMAT, "report.fence.region"},
        {MESSAGE_REPORT, 7, 4, 0, "short", ERR_FORMAT, "report.fence.signature"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        valid_body(rows[i].kind, &body);
        inner.n = 0;
        if (rows[i].kind == MESSAGE_REPORT && rows[i].list == 8) {
            put_number(&inner, 2, POSITION_WRITTEN);
        } else if (rows[i].kind == MESSAGE_REPORT && rows[i].list == 7) {
            put_block(&inner, 2, "agent", 5);
            put_block(&inner, 3, "region", 6);
        } else if (rows[i].kind == MESSAGE_COMMAND) {
            put_block(&inner, 1, "url", 3);
        }
        if (rows[i].text != NULL) {
            put_block(&inner, rows[i].field, rows[i].text, strlen(rows[i].text));
        } else {
            put_number(&inner, rows[i].field, rows[i].value);
        }
        put_inner(&body, rows[i].list, &inner);
        refused(rows[i].kind, &body, rows[i].err, rows[i].name);
    }
}

static void lists_that_are_too_long_are_refused(void **state) {
    (void)state;
    static struct wire_bytes body;
    static const struct {
        enum message_kind kind;
        unsigned list;
        size_t more_n;
        const char *name;
    } rows[] = {
        {MESSAGE_COMMAND, 14, ACTION_ARGS_MAX - 1, "command.arguments"},
        {MESSAGE_REPORT, 8, REPORT_POSITIONS_MAX, "report.positions"},
        {MESSAGE_REPORT, 9, CHECKS_MAX, "report.checks"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        valid_body(rows[i].kind, &body);
        for (size_t k = 0; k < rows[i].more_n; k++) {
            put_block(&body, rows[i].list, "", 0);
        }
        refused(rows[i].kind, &body, ERR_TOO_BIG, rows[i].name);
    }
}

static void the_envelope_is_checked(void **state) {
    (void)state;
    static struct wire_bytes whole;
    static struct message message;
    static const struct {
        uint64_t version;
        unsigned body_field; /* 0: none */
        enum err err;
        const char *text;
    } rows[] = {
        {0, 2, ERR_UNSUPPORTED, "envelope.version: 0; this program speaks version 1"},
        {2, 2, ERR_UNSUPPORTED, "envelope.version: 2; this program speaks version 1"},
        {1, 0, ERR_FORMAT, "envelope.body: missing"},
        {1, 99, ERR_FORMAT, "envelope.body: missing, or of a kind"},
        {1, 4, ERR_FORMAT, "report.signature"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text256 why = {""};
        whole.n = 0;
        put_number(&whole, 1, rows[i].version);
        if (rows[i].body_field != 0) {
            put_block(&whole, rows[i].body_field, "", 0);
        }
        assert_int_equal(message_decode(whole.at, whole.n, scratch, sizeof scratch, &message, &why),
                         rows[i].err);
        assert_non_null(strstr(why.at, rows[i].text));
    }
    assert_int_equal(message_decode(whole.at, 0, scratch, sizeof scratch, &message, NULL),
                     ERR_UNSUPPORTED);
}

static void ballast_of_unknown_fields_is_refused(void **state) {
    (void)state;
    static struct wire_bytes body;
    struct text256 why = {""};
    valid_body(MESSAGE_QUESTION, &body);
    for (unsigned i = 0; i < 16; i++) {
        put_number(&body, 100 + i, i);
    }
    assert_int_equal(decode_as(MESSAGE_QUESTION, &body, &why), ERR_OK);
    put_number(&body, 200, 1);
    refused(MESSAGE_QUESTION, &body, ERR_TOO_BIG, "question: 17 unknown fields");
    for (unsigned i = 0; i < 2048; i++) {
        put_number(&body, 300 + i, i);
    }
    refused(MESSAGE_QUESTION, &body, ERR_TOO_BIG, "question: 2065 unknown fields");
}

static void bombs_end_at_the_scratch(void **state) {
    (void)state;
    static struct wire_bytes whole;
    static struct message message;
    struct text256 why = {""};
    /* 20 000 empty checks in a frame of 40 KB: half a kilobyte each when decoded. */
    whole.n = 0;
    for (unsigned i = 0; i < 20000; i++) {
        put_block(&whole, 9, "", 0);
    }
    static struct report report;
    assert_int_equal(
        report_body_decode(whole.at, whole.n, scratch, DECODE_SCRATCH_SIZE, &report, &why),
        ERR_TOO_BIG);
    /* One message inside the other, 10 000 deep: there is no type that contains itself. */
    whole.n = sizeof whole.at;
    for (unsigned i = 0; i < 10000; i++) {
        size_t inside = sizeof whole.at - whole.n;
        uint8_t head[8];
        size_t n = 0;
        head[n++] = (4 << 3) | 2;
        for (size_t left = inside;; left >>= 7) {
            head[n++] = (uint8_t)((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
            if (left < 0x80) {
                break;
            }
        }
        whole.n -= n;
        memcpy(whole.at + whole.n, head, n);
    }
    assert_int_not_equal(message_decode(whole.at + whole.n, sizeof whole.at - whole.n, scratch,
                                        DECODE_SCRATCH_SIZE, &message, &why),
                         ERR_OK);
    /* A small scratch, down to none. */
    static struct wire_bytes body;
    valid_body(MESSAGE_QUESTION, &body);
    whole.n = 0;
    put_number(&whole, 1, WIRE_VERSION);
    put_block(&whole, 2, body.at, body.n);
    bool fitted = false;
    for (size_t size = 0; size < 4096; size++) {
        enum err err =
            message_decode(whole.at, whole.n, scratch + 4096 - size, size, &message, &why);
        assert_true(err == ERR_OK || (err == ERR_TOO_BIG && !fitted));
        fitted = err == ERR_OK;
    }
    assert_true(fitted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(blocks_of_another_length_are_refused),
        cmocka_unit_test(texts_that_are_not_what_they_should_be_are_refused),
        cmocka_unit_test(long_texts_are_bounded),
        cmocka_unit_test(what_is_inside_is_checked_with_its_index),
        cmocka_unit_test(lists_that_are_too_long_are_refused),
        cmocka_unit_test(the_envelope_is_checked),
        cmocka_unit_test(ballast_of_unknown_fields_is_refused),
        cmocka_unit_test(bombs_end_at_the_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
