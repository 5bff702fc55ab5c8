/* DNS answers, made by libldns from the text of records and changed byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldns/ldns.h>
#include <string.h>

#include "agent/probes/parse.h"

#define ID 0x1234

/* The wire form of an authoritative answer to (name, type) with these records. */
static size_t answer_make(const char *name, const char *type, const char *const *records,
                          uint8_t wire[4096]) {
    ldns_pkt *packet = NULL;
    uint8_t *made = NULL;
    size_t size = 0;
    assert_int_equal(ldns_pkt_query_new_frm_str(&packet, name, ldns_get_rr_type_by_name(type),
                                                LDNS_RR_CLASS_IN, LDNS_QR | LDNS_AA),
                     LDNS_STATUS_OK);
    ldns_pkt_set_id(packet, ID);
    for (size_t i = 0; records[i] != NULL; i++) {
        ldns_rr *rr = NULL;
        assert_int_equal(ldns_rr_new_frm_str(&rr, records[i], 0, NULL, NULL), LDNS_STATUS_OK);
        assert_true(ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr));
    }
    assert_int_equal(ldns_pkt2wire(&made, packet, &size), LDNS_STATUS_OK);
    assert_true(size <= 4096);
    memcpy(wire, made, size);
    free(made);
    ldns_pkt_free(packet);
    return size;
}

static void answer_gives_sorted_values_and_the_longest_ttl(void **state) {
    (void)state;
    uint8_t wire[4096];
    struct dns_view view;
    const char *const records[] = {"app.bud.test. 300 IN CNAME api.bud.test.",
                                   "api.bud.test. 60 IN A 192.0.2.2",
                                   "api.bud.test. 60 IN A 192.0.2.1", NULL};
    size_t size = answer_make("app.bud.test", "A", records, wire);
    assert_int_equal(dns_answer_parse(wire, size, "APP.bud.test.", "A", ID, &view), ERR_OK);
    assert_int_equal(view.values_n, 2);
    assert_string_equal(view.values[0], "192.0.2.1");
    assert_string_equal(view.values[1], "192.0.2.2");
    assert_int_equal(view.ttl_max_s, 300);
    assert_true(view.authoritative);
    assert_false(view.truncated);
}

static void text_values_lose_their_quotes_and_are_joined(void **state) {
    (void)state;
    uint8_t wire[4096];
    struct dns_view view;
    const char *const records[] = {"t.bud.test. 60 IN TXT \"drover-epoch=\" \"7 Seven\"", NULL};
    size_t size = answer_make("t.bud.test", "TXT", records, wire);
    assert_int_equal(dns_answer_parse(wire, size, "t.bud.test", "TXT", ID, &view), ERR_OK);
    assert_string_equal(view.values[0], "drover-epoch=7 Seven");
}

static void answers_to_other_questions_are_refused(void **state) {
    (void)state;
    uint8_t wire[4096];
    struct dns_view view;
    const char *const records[] = {"api.bud.test. 60 IN A 192.0.2.2", NULL};
    size_t size = answer_make("api.bud.test", "A", records, wire);
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "A", ID, &view), ERR_OK);
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "A", ID + 1, &view), ERR_FORMAT);
    assert_int_equal(dns_answer_parse(wire, size, "app.bud.test", "A", ID, &view), ERR_FORMAT);
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "TXT", ID, &view), ERR_FORMAT);
    wire[2] &= 0x7f; /* a question, not an answer */
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "A", ID, &view), ERR_FORMAT);
}

static void every_shortened_answer_is_refused(void **state) {
    (void)state;
    uint8_t wire[4096];
    struct dns_view view;
    const char *const records[] = {"api.bud.test. 60 IN A 192.0.2.2", NULL};
    size_t size = answer_make("api.bud.test", "A", records, wire);
    for (size_t n = 0; n < size; n++) {
        assert_int_equal(dns_answer_parse(wire, n, "api.bud.test", "A", ID, &view), ERR_FORMAT);
    }
}

static void too_many_values_are_refused(void **state) {
    (void)state;
    uint8_t wire[4096];
    struct dns_view view;
    char text[DNS_VALUES_MAX + 1][64];
    const char *records[DNS_VALUES_MAX + 2] = {NULL};
    for (unsigned i = 0; i <= DNS_VALUES_MAX; i++) {
        (void)snprintf(text[i], sizeof text[i], "api.bud.test. 60 IN A 192.0.2.%u", i);
        records[i] = text[i];
    }
    size_t size = answer_make("api.bud.test", "A", records, wire);
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "A", ID, &view), ERR_TOO_BIG);
    records[DNS_VALUES_MAX] = NULL;
    size = answer_make("api.bud.test", "A", records, wire);
    assert_int_equal(dns_answer_parse(wire, size, "api.bud.test", "A", ID, &view), ERR_OK);
}

static void questions_are_made_of_good_names_only(void **state) {
    (void)state;
    uint8_t wire[DNS_QUESTION_MAX];
    size_t size = 0;
    assert_int_equal(dns_question("api.bud.test", "A", ID, wire, &size), ERR_OK);
    assert_int_equal(wire[0] << 8 | wire[1], ID);
    assert_int_equal(size, 12 + 14 + 4);
    assert_int_equal(wire[2] & 1, 0); /* recursion is not desired */
    char label[80];
    memset(label, 'a', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    assert_int_equal(dns_question(label, "A", ID, wire, &size), ERR_CONFIG);
    assert_int_equal(dns_question("a..b", "A", ID, wire, &size), ERR_CONFIG);
    assert_int_equal(dns_question("a.b", "MX", ID, wire, &size), ERR_CONFIG);
}

static void expected_values_take_the_form_of_answers(void **state) {
    (void)state;
    char value[DNS_VALUE_SIZE];
    assert_true(dns_value_normal("CNAME", "API.bud.test", value));
    assert_string_equal(value, "api.bud.test.");
    assert_true(dns_value_normal("CNAME", "api.bud.test.", value));
    assert_string_equal(value, "api.bud.test.");
    assert_true(dns_value_normal("TXT", "Epoch=7", value));
    assert_string_equal(value, "Epoch=7");
    assert_false(dns_value_normal("A", "", value));
}

/* The message of a failover with nothing in it to change: deletes a value that no record has. */
static void the_no_op_deletes_what_no_record_has(void **state) {
    static const struct {
        const char *type, *data;
    } table[] = {{"A", "0.0.0.0"},
                 {"AAAA", "::"},
                 {"CNAME", "drover-no-such-record.invalid."},
                 {"TXT", "\"drover-no-such-record\""}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct dns_credential credential = {
            .zone = "bud.test",
            .name = "api.bud.test",
            .type = table[i].type,
            .key = {"drover.", "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2Nzg=", "hmac-sha256"}};
        struct dns_message noop;
        struct text256 why = {""};
        ldns_pkt *packet = NULL;
        assert_int_equal(dns_noop_build(&credential, &noop, &why), ERR_OK);
        assert_int_equal(ldns_wire2pkt(&packet, noop.wire, noop.size), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_get_opcode(packet), LDNS_PACKET_UPDATE);
        assert_int_equal(ldns_pkt_ancount(packet), 0); /* no condition */
        assert_int_equal(ldns_pkt_nscount(packet), 1);
        assert_non_null(ldns_pkt_tsig(packet));
        const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_authority(packet), 0);
        assert_int_equal(ldns_rr_get_class(rr), LDNS_RR_CLASS_NONE);
        assert_int_equal(ldns_rr_ttl(rr), 0);
        assert_int_equal(ldns_rr_get_type(rr), ldns_get_rr_type_by_name(table[i].type));
        char *data = ldns_rdf2str(ldns_rr_rdf(rr, 0));
        assert_string_equal(data, table[i].data);
        free(data);
        ldns_pkt_free(packet);
    }
}

static void a_no_op_of_bad_names_or_keys_is_not_made(void **state) {
    (void)state;
    struct dns_message noop;
    struct text256 why = {""};
    struct dns_credential credential = {.zone = "bud.test",
                                        .name = "a..b",
                                        .type = "A",
                                        .key = {"drover.", "c2VjcmV0", "hmac-sha256"}};
    assert_int_equal(dns_noop_build(&credential, &noop, &why), ERR_CONFIG);
    credential.name = "api.bud.test";
    assert_int_equal(dns_noop_build(&credential, &noop, &why), ERR_OK);
    credential.key.algorithm = "md4";
    assert_int_equal(dns_noop_build(&credential, &noop, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "cannot be signed"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_gives_sorted_values_and_the_longest_ttl),
        cmocka_unit_test(text_values_lose_their_quotes_and_are_joined),
        cmocka_unit_test(answers_to_other_questions_are_refused),
        cmocka_unit_test(every_shortened_answer_is_refused),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(questions_are_made_of_good_names_only),
        cmocka_unit_test(expected_values_take_the_form_of_answers),
        cmocka_unit_test(the_no_op_deletes_what_no_record_has),
        cmocka_unit_test(a_no_op_of_bad_names_or_keys_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
