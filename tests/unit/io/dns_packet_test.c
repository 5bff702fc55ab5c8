/* Signed DNS messages: a server made of libldns answers each in its own way; only a reply that the
 * key itself signed passes, and every refusal has its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/dns_packet.h"

#define REPLY_SIZE 2048

static const struct dns_key key = {"drover.",
                                   "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2Nzg=", "hmac-sha256"};
static const struct dns_key stolen = {
    "drover.", "YW5vdGhlci1hbm90aGVyLWFub3RoZXItOTg3NjU0MzI=", "hmac-sha256"};

static ldns_pkt *update_packet(void) {
    ldns_rr_list *updates = ldns_rr_list_new();
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, "api.bud.test. 0 IN A 0.0.0.0", 0, NULL, NULL),
                     LDNS_STATUS_OK);
    assert_true(ldns_rr_list_push_rr(updates, rr));
    ldns_pkt *packet = ldns_update_pkt_new(ldns_dname_new_frm_str("bud.test."), LDNS_RR_CLASS_IN,
                                           NULL, updates, NULL);
    assert_non_null(packet);
    ldns_rr_list_deep_free(updates);
    return packet;
}

static struct dns_message update_make(void) {
    struct dns_message update;
    struct text256 why = {""};
    ldns_pkt *packet = update_packet();
    assert_int_equal(dns_packet_write(packet, &key, &update, &why), ERR_OK);
    ldns_pkt_free(packet);
    return update;
}

/* The server's reply, signed by `signer` (NULL: not at all). */
static size_t reply_make(const struct dns_message *update, ldns_pkt_rcode code,
                         const struct dns_key *signer, uint8_t wire[REPLY_SIZE]) {
    ldns_pkt *reply = ldns_pkt_new();
    uint8_t *made = NULL;
    size_t size = 0;
    ldns_pkt_set_opcode(reply, LDNS_PACKET_UPDATE);
    ldns_pkt_set_qr(reply, true);
    ldns_pkt_set_id(reply, update->id);
    ldns_pkt_set_rcode(reply, (uint8_t)code);
    if (signer != NULL) {
        ldns_rdf *mac =
            ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, update->mac_size, update->mac);
        assert_int_equal(
            ldns_pkt_tsig_sign(reply, signer->name, signer->secret, 300, "hmac-sha256.", mac),
            LDNS_STATUS_OK);
        ldns_rdf_deep_free(mac);
    }
    assert_int_equal(ldns_pkt2wire(&made, reply, &size), LDNS_STATUS_OK);
    assert_true(size <= REPLY_SIZE);
    memcpy(wire, made, size);
    free(made);
    ldns_pkt_free(reply);
    return size;
}

static void a_signed_message_is_one_that_the_server_verifies(void **state) {
    (void)state;
    struct dns_message update = update_make();
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, update.wire, update.size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(packet), update.id);
    assert_true(update.mac_size > 2);
    assert_true(ldns_pkt_tsig_verify(packet, update.wire, update.size, key.name, key.secret, NULL));
    assert_false(
        ldns_pkt_tsig_verify(packet, update.wire, update.size, key.name, stolen.secret, NULL));
    ldns_pkt_free(packet);
}

static void an_unsigned_message_has_no_mac(void **state) {
    (void)state;
    struct dns_message query;
    struct text256 why = {""};
    ldns_pkt *packet = update_packet();
    assert_int_equal(dns_packet_write(packet, NULL, &query, &why), ERR_OK);
    ldns_pkt_free(packet);
    assert_int_equal(query.mac_size, 0);
    assert_int_equal(ldns_wire2pkt(&packet, query.wire, query.size), LDNS_STATUS_OK);
    assert_null(ldns_pkt_tsig(packet));
    ldns_pkt_free(packet);
}

static void a_key_that_cannot_sign_is_told(void **state) {
    static const struct dns_key bad[] = {
        {"drover.", "not base64 !", "hmac-sha256"},
        {"drover.", "c2VjcmV0", "hmac-of-nobody"},
        {"drover.", "c2VjcmV0", "a-name-of-an-algorithm-that-is-much-longer-than-any-there-is"},
        {"drover.", "c2VjcmV0", "hmac-sha384"}, /* libldns 1.8 has none */
        {"drover.", "c2Vjcm", "hmac-sha256"},
        {"drover.", "", "hmac-sha256"},
        {"drover..", "c2VjcmV0", "hmac-sha256"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dns_message update;
        struct text256 why = {""};
        ldns_pkt *packet = update_packet();
        print_message("%s %s\n", bad[i].name, bad[i].algorithm);
        assert_int_equal(dns_packet_write(packet, &bad[i], &update, &why), ERR_CONFIG);
        assert_non_null(strstr(why.at, "cannot be signed"));
        ldns_pkt_free(packet);
    }
}

static void every_known_algorithm_signs(void **state) {
    static const char *const names[] = {
        "hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-md5", "", "sha256"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct dns_key one = {"drover.", "c2VjcmV0", names[i]};
        struct dns_message update;
        struct text256 why = {""};
        ldns_pkt *packet = update_packet();
        assert_int_equal(dns_packet_write(packet, &one, &update, &why),
                         dns_algorithm_is_known(names[i]) ? ERR_OK : ERR_CONFIG);
        assert_int_equal(dns_algorithm_is_known(names[i]), i < 2);
        ldns_pkt_free(packet);
    }
}

static void every_code_of_a_signed_reply_has_its_error(void **state) {
    static const struct {
        ldns_pkt_rcode code;
        enum err err;
        const char *text;
    } table[] = {
        {LDNS_RCODE_NOERROR, ERR_OK, ""},
        {LDNS_RCODE_NXDOMAIN, ERR_STALE, "stale prerequisite: NXDOMAIN"},
        {LDNS_RCODE_YXDOMAIN, ERR_STALE, "stale prerequisite: YXDOMAIN"},
        {LDNS_RCODE_YXRRSET, ERR_STALE, "stale prerequisite: YXRRSET"},
        {LDNS_RCODE_NXRRSET, ERR_STALE, "stale prerequisite: NXRRSET"},
        {LDNS_RCODE_REFUSED, ERR_DENIED, "REFUSED by the server's update policy"},
        {LDNS_RCODE_SERVFAIL, ERR_FAILED, "SERVFAIL"},
        {LDNS_RCODE_NOTZONE, ERR_FAILED, "NOTZONE"},
        {LDNS_RCODE_NOTAUTH, ERR_AUTH, "NOTAUTH (no TSIG error)"},
        {(ldns_pkt_rcode)13, ERR_FAILED, "unknown"},
    };
    (void)state;
    struct dns_message update = update_make();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t wire[REPLY_SIZE];
        struct text256 why = {""};
        size_t size = reply_make(&update, table[i].code, &key, wire);
        print_message("%s\n", table[i].text);
        assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), table[i].err);
        assert_string_equal(why.at, table[i].text);
    }
}

static void a_reply_that_the_key_did_not_sign_is_not_believed(void **state) {
    (void)state;
    uint8_t wire[REPLY_SIZE];
    struct text256 why = {""};
    struct dns_message update = update_make(), other = update_make();
    size_t size = reply_make(&update, LDNS_RCODE_NOERROR, NULL, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_SIGNATURE);
    assert_string_equal(why.at, "NOERROR, but the reply's TSIG does not verify");
    size = reply_make(&update, LDNS_RCODE_NOERROR, &stolen, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_SIGNATURE);
    size = reply_make(&update, LDNS_RCODE_REFUSED, NULL, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_SIGNATURE);
    struct dns_key namesake = key; /* the same secret under another name */
    namesake.name = "rover.";
    size = reply_make(&update, LDNS_RCODE_NOERROR, &namesake, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_SIGNATURE);
    /* A replay: signed by the key, but for another update of the same id. */
    other.id = update.id;
    other.mac[2] ^= 1;
    size = reply_make(&other, LDNS_RCODE_NOERROR, &key, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_SIGNATURE);
}

/* A server that does not take the key cannot sign by it; its word for why is in the record. */
static void the_servers_reason_for_refusing_a_key_is_told(void **state) {
    static const struct {
        uint16_t error;
        const char *text;
    } table[] = {{16, "NOTAUTH (BADSIG)"},
                 {17, "NOTAUTH (BADKEY)"},
                 {18, "NOTAUTH (BADTIME)"},
                 {22, "NOTAUTH (TSIG error)"}};
    (void)state;
    struct dns_message update = update_make();
    uint8_t wire[REPLY_SIZE];
    struct text256 why = {""};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t size = reply_make(&update, LDNS_RCODE_NOTAUTH, &stolen, wire);
        /* TSIG's data ends with its error and the length 0 of what would follow. */
        wire[size - 4] = (uint8_t)(table[i].error >> 8);
        wire[size - 3] = (uint8_t)table[i].error;
        assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_AUTH);
        assert_string_equal(why.at, table[i].text);
    }
    size_t size = reply_make(&update, LDNS_RCODE_NOTAUTH, NULL, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_AUTH);
    assert_string_equal(why.at, "NOTAUTH (no TSIG)");
}

static void what_is_no_reply_to_it_is_no_reply(void **state) {
    (void)state;
    uint8_t wire[REPLY_SIZE];
    struct text256 why = {""};
    struct dns_message update = update_make();
    size_t size = reply_make(&update, LDNS_RCODE_NOERROR, &key, wire);
    wire[1] ^= 1;
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_FORMAT);
    assert_string_equal(why.at, "a DNS reply to something else");
    wire[1] ^= 1;
    wire[2] &= 0x7f; /* a question */
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_FORMAT);
    assert_int_equal(dns_packet_reply(&update, &key, wire, 7, &why), ERR_FORMAT);
    assert_string_equal(why.at, "malformed DNS reply");
}

/* What the signature does not cover, and what no judgement looks at: class and TTL of the TSIG
 * record behind its owner's name, the original id, and whether a name is written in capitals. */
static bool is_outside_the_signature(size_t i, size_t size, uint8_t was, uint8_t is) {
    size_t class_at = 12 + strlen(key.name) + 1 + 2;
    bool class_or_ttl = i >= class_at && i < class_at + 6;
    bool original_id = i == size - 6 || i == size - 5;
    return class_or_ttl || original_id || tolower(was) == tolower(is);
}

/* Every cut and every changed byte of a real reply: never taken for a signed yes. */
static void no_changed_reply_is_taken_for_a_yes(void **state) {
    (void)state;
    uint8_t wire[REPLY_SIZE], bent[REPLY_SIZE];
    struct text256 why;
    struct dns_message update = update_make();
    size_t size = reply_make(&update, LDNS_RCODE_NOERROR, &key, wire);
    assert_int_equal(dns_packet_reply(&update, &key, wire, size, &why), ERR_OK);
    for (size_t i = 0; i < size; i++) {
        assert_int_not_equal(dns_packet_reply(&update, &key, wire, i, &why), ERR_OK);
        for (unsigned byte = 0; byte < 256; byte++) {
            if (is_outside_the_signature(i, size, wire[i], (uint8_t)byte)) {
                continue;
            }
            memcpy(bent, wire, size);
            bent[i] = (uint8_t)byte;
            if (dns_packet_reply(&update, &key, bent, size, &why) == ERR_OK) {
                fail_msg("byte %zu of %zu as %u is taken for a yes", i, size, byte);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_message_is_one_that_the_server_verifies),
        cmocka_unit_test(an_unsigned_message_has_no_mac),
        cmocka_unit_test(a_key_that_cannot_sign_is_told),
        cmocka_unit_test(every_known_algorithm_signs),
        cmocka_unit_test(every_code_of_a_signed_reply_has_its_error),
        cmocka_unit_test(a_reply_that_the_key_did_not_sign_is_not_believed),
        cmocka_unit_test(the_servers_reason_for_refusing_a_key_is_told),
        cmocka_unit_test(what_is_no_reply_to_it_is_no_reply),
        cmocka_unit_test(no_changed_reply_is_taken_for_a_yes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
