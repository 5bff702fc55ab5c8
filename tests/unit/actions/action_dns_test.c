/* DNS messages: what is built is what RFC 2136 says, and foreign bytes never get past the
 * parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ldns/ldns.h>
#include <string.h>

#include "agent/action.h"
#include "agent/actions/dns_message.h"

static const struct dns_key key = {"drover.",
                                   "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2Nzg=", "hmac-sha256"};

static struct dns_message update_of(const struct dns_rrset *record, const struct dns_rrset *texts) {
    struct dns_message message;
    struct text256 why = {.at = ""};
    struct dns_change change = {.zone = "bud.test.",
                                .name = "api.bud.test.",
                                .type = "A",
                                .value = "10.0.0.2",
                                .ttl = 60,
                                .epoch_name = "api.bud.test.",
                                .epoch = 7,
                                .old_record = record,
                                .old_texts = texts};
    assert_int_equal(dns_update_build(&change, &key, &message, &why), ERR_OK);
    return message;
}

static void section_is(const ldns_rr_list *list, size_t i, ldns_rr_type type, ldns_rr_class class,
                       size_t data_n) {
    const ldns_rr *rr = ldns_rr_list_rr(list, i);
    assert_non_null(rr);
    assert_int_equal(ldns_rr_get_type(rr), type);
    assert_int_equal(ldns_rr_get_class(rr), class);
    assert_int_equal(ldns_rr_rd_count(rr), data_n);
}

static void an_update_holds_what_was_read_as_its_condition(void **state) {
    static const struct dns_rrset record = {.n = 1, .ttl = 60, .value = {"10.0.0.1"}};
    static const struct dns_rrset texts = {
        .n = 2, .ttl = 60, .value = {"\"v=spf1 -all\"", "\"drover-epoch=6\""}};
    (void)state;
    struct dns_message message = update_of(&record, &texts);
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, message.wire, message.size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_get_opcode(packet), LDNS_PACKET_UPDATE);
    assert_non_null(ldns_pkt_tsig(packet));
    const ldns_rr_list *before = ldns_pkt_answer(packet);
    assert_int_equal(ldns_rr_list_rr_count(before), 3);
    section_is(before, 0, LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, 1);
    section_is(before, 1, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_IN, 1);
    const ldns_rr_list *changes = ldns_pkt_authority(packet);
    assert_int_equal(ldns_rr_list_rr_count(changes), 4);
    section_is(changes, 0, LDNS_RR_TYPE_A, LDNS_RR_CLASS_ANY, 0);
    section_is(changes, 1, LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, 1);
    /* Only our own text goes. */
    section_is(changes, 2, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_NONE, 1);
    section_is(changes, 3, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_IN, 1);
    ldns_pkt_free(packet);
}

static void what_was_absent_must_still_be_absent(void **state) {
    static const struct dns_rrset none = {.n = 0};
    (void)state;
    struct dns_message message = update_of(&none, &none);
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, message.wire, message.size), LDNS_STATUS_OK);
    const ldns_rr_list *before = ldns_pkt_answer(packet);
    assert_int_equal(ldns_rr_list_rr_count(before), 2);
    section_is(before, 0, LDNS_RR_TYPE_A, LDNS_RR_CLASS_NONE, 0);
    section_is(before, 1, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_NONE, 0);
    ldns_pkt_free(packet);
}

static void the_epoch_is_the_largest_of_ours(void **state) {
    (void)state;
    static const struct dns_rrset texts = {.n = 5,
                                           .value = {"\"drover-epoch=6\"", "\"drover-epoch=12\"",
                                                     "\"drover-epoch=99x\"", "\"drover-epoch=\"",
                                                     "drover-epoch=100"}};
    static const struct dns_rrset none = {.n = 0};
    assert_int_equal(dns_epoch_of(&texts), 12);
    assert_int_equal(dns_epoch_of(&none), 0);
}

static void values_are_written_as_servers_write_them(void **state) {
    (void)state;
    char value[DNS_VALUE_SIZE];
    assert_int_equal(dns_value_canonical("a.b.", "CNAME", "LB.Region2.bud.ai", value), ERR_OK);
    assert_string_equal(value, "lb.region2.bud.ai.");
    assert_int_equal(dns_value_canonical("a.b.", "AAAA", "2001:DB8:0:0::1", value), ERR_OK);
    assert_string_equal(value, "2001:db8::1");
    assert_int_equal(dns_value_canonical("a.b.", "A", "10.0.0.300", value), ERR_FORMAT);
    assert_int_equal(dns_value_canonical("a.b.", "A", "lb.bud.ai", value), ERR_FORMAT);
}

/* Every cut and every flipped byte of a real answer: an error or an answer, never a crash. */
static void foreign_bytes_never_get_past_the_parser(void **state) {
    (void)state;
    struct dns_message query;
    assert_int_equal(dns_query_build("api.bud.test.", "A", false, &query), ERR_OK);
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, query.wire, query.size), LDNS_STATUS_OK);
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, "api.bud.test. 5 IN A 10.0.0.1", 0, NULL, NULL),
                     LDNS_STATUS_OK);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_aa(packet, true);
    assert_true(ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr));
    uint8_t *wire = NULL;
    size_t size = 0;
    assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
    struct dns_rrset rrset;
    struct text256 why;
    assert_int_equal(dns_reply_parse(&query, wire, size, "api.bud.test.", "A", false, &rrset, &why),
                     ERR_OK);
    assert_int_equal(rrset.n, 1);
    assert_string_equal(rrset.value[0], "10.0.0.1");
    assert_int_equal(rrset.ttl, 5);
    uint8_t bent[512];
    assert_true(size < sizeof bent);
    for (size_t i = 0; i < size; i++) {
        enum err err = dns_reply_parse(&query, wire, i, "api.bud.test.", "A", false, &rrset, &why);
        assert_int_not_equal(err, ERR_OK);
        for (unsigned byte = 0; byte < 256; byte += 5) {
            memcpy(bent, wire, size);
            bent[i] = (uint8_t)byte;
            err = dns_reply_parse(&query, bent, size, "api.bud.test.", "A", false, &rrset, &why);
            (void)err;
        }
    }
    LDNS_FREE(wire);
    ldns_pkt_free(packet);
}

/* What the configuration accepts can be signed: an algorithm that libldns does not have would be
 * found by a failover. */
static void only_algorithms_that_sign_are_accepted(void **state) {
    static const char *const algorithms[] = {"hmac-sha256", "hmac-sha512", "hmac-sha384",
                                             "hmac-sha1", "hmac-md5"};
    static const char *const others[][2] = {
        {"servers", "10.0.0.53:53"}, {"zone", "bud.test"},
        {"name", "api.bud.test"},    {"type", "A"},
        {"value", "10.0.0.2"},       {"key_name", "drover"},
        {"key_secret_ref", "tsig"},
    };
    (void)state;
    for (size_t a = 0; a < sizeof algorithms / sizeof algorithms[0]; a++) {
        struct arguments arguments;
        struct text256 why = {""};
        memset(&arguments, 0, sizeof arguments);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            assert_int_equal(arguments_set(&arguments, others[i][0], others[i][1]), ERR_OK);
        }
        assert_int_equal(arguments_set(&arguments, "algorithm", algorithms[a]), ERR_OK);
        enum err err = action_kind_of(ACTION_DNS_UPDATE)->accepts(&arguments, &why);
        assert_int_equal(err, a < 2 ? ERR_OK : ERR_CONFIG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_holds_what_was_read_as_its_condition),
        cmocka_unit_test(what_was_absent_must_still_be_absent),
        cmocka_unit_test(the_epoch_is_the_largest_of_ours),
        cmocka_unit_test(values_are_written_as_servers_write_them),
        cmocka_unit_test(only_algorithms_that_sign_are_accepted),
        cmocka_unit_test(foreign_bytes_never_get_past_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
