/* dns_packet: see dns_packet.h. */
#include "common/io/dns_packet.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/ensure.h"

#define TSIG_FUDGE_S 300

/* The fields of a TSIG record's data that are looked at (RFC 8945, 4.2). */
#define TSIG_FIELD_MAC 3
#define TSIG_FIELD_ERROR 5

bool dns_algorithm_is_known(const char *algorithm) {
    return text_equal(algorithm, "hmac-sha256") || text_equal(algorithm, "hmac-sha512");
}

/* libldns loses memory when it is given a key that it cannot sign with: it never is. */
static bool key_signs(const struct dns_key *key) {
    ldns_rdf *secret = NULL;
    ldns_rdf *name = ldns_dname_new_frm_str(key->name);
    bool signs = name != NULL && dns_algorithm_is_known(key->algorithm) &&
                 ldns_str2rdf_b64(&secret, key->secret) == LDNS_STATUS_OK &&
                 ldns_rdf_size(secret) > 0;
    if (secret != NULL) {
        explicit_bzero(ldns_rdf_data(secret), ldns_rdf_size(secret));
    }
    ldns_rdf_deep_free(secret);
    ldns_rdf_deep_free(name);
    return signs;
}

static enum err packet_sign(ldns_pkt *packet, const struct dns_key *key,
                            struct dns_message *message, struct text256 *reterr) {
    char algorithm[48];
    if (!key_signs(key) || !text_format(algorithm, sizeof algorithm, "%s.", key->algorithm)) {
        text_say(reterr, "the message cannot be signed: expected a key's name, its secret in "
                         "base64, and hmac-sha256 or hmac-sha512");
        return ERR_CONFIG;
    }
    ldns_status status =
        ldns_pkt_tsig_sign(packet, key->name, key->secret, TSIG_FUDGE_S, algorithm, NULL);
    if (status != LDNS_STATUS_OK) {
        text_say(reterr, "the message cannot be signed: %s", ldns_get_errorstr_by_id(status));
        return ERR_CONFIG;
    }
    const ldns_rdf *mac = ldns_rr_rdf(ldns_pkt_tsig(packet), TSIG_FIELD_MAC);
    if (mac == NULL || ldns_rdf_size(mac) > sizeof message->mac) {
        return ERR_TOO_BIG;
    }
    message->mac_size = ldns_rdf_size(mac);
    memcpy(message->mac, ldns_rdf_data(mac), message->mac_size);
    return ERR_OK;
}

static enum err wire_write(const ldns_pkt *packet, struct dns_message *message) {
    uint8_t *wire = NULL;
    size_t size = 0;
    if (ldns_pkt2wire(&wire, packet, &size) != LDNS_STATUS_OK) {
        return ERR_FORMAT;
    }
    enum err err = size <= sizeof message->wire ? ERR_OK : ERR_TOO_BIG;
    if (err == ERR_OK) {
        memcpy(message->wire, wire, size);
        message->size = size;
    }
    free(wire);
    return err;
}

enum err dns_packet_write(ldns_pkt *packet, const struct dns_key *key,
                          struct dns_message *ret_message, struct text256 *reterr) {
    ensure(packet != NULL);
    memset(ret_message, 0, sizeof *ret_message);
    uint16_t id = 0;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
        return ERR_IO;
    }
    ret_message->id = id;
    ldns_pkt_set_id(packet, id);
    enum err err = key != NULL ? packet_sign(packet, key, ret_message, reterr) : ERR_OK;
    return err != ERR_OK ? err : wire_write(packet, ret_message);
}

ldns_pkt *dns_packet_read(const struct dns_message *question, const uint8_t *wire, size_t size,
                          struct text256 *reterr) {
    ldns_pkt *packet = NULL;
    if (ldns_wire2pkt(&packet, wire, size) != LDNS_STATUS_OK) {
        text_say(reterr, "malformed DNS reply");
        return NULL;
    }
    if (ldns_pkt_id(packet) != question->id || !ldns_pkt_qr(packet)) {
        text_say(reterr, "a DNS reply to something else");
        ldns_pkt_free(packet);
        return NULL;
    }
    return packet;
}

const char *dns_packet_code(const ldns_pkt *packet) {
    const ldns_lookup_table *entry =
        ldns_lookup_by_id(ldns_rcodes, (int)ldns_pkt_get_rcode(packet));
    return entry != NULL ? entry->name : "unknown";
}

/* The TSIG record's own error field. */
static const char *tsig_error(const ldns_pkt *packet) {
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    const ldns_rdf *field = tsig != NULL ? ldns_rr_rdf(tsig, TSIG_FIELD_ERROR) : NULL;
    if (field == NULL || ldns_rdf_size(field) != 2) {
        return "no TSIG";
    }
    switch (ldns_rdf2native_int16(field)) {
    case 0: return "no TSIG error";
    case 16: return "BADSIG";
    case 17: return "BADKEY";
    case 18: return "BADTIME";
    default: return "TSIG error";
    }
}

/* libldns checks the signature by the name that it is given and never looks at the record's own:
 * whose key it says it is must be asked for itself (RFC 8945, 5.3). */
static bool tsig_is_of(const ldns_pkt *packet, const struct dns_key *key) {
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    ldns_rdf *name = tsig != NULL ? ldns_dname_new_frm_str(key->name) : NULL;
    bool is = name != NULL && ldns_dname_compare(ldns_rr_owner(tsig), name) == 0;
    ldns_rdf_deep_free(name);
    return is;
}

static bool reply_verifies(ldns_pkt *packet, const struct dns_message *update,
                           const struct dns_key *key, const uint8_t *wire, size_t size) {
    if (!tsig_is_of(packet, key)) {
        return false;
    }
    ldns_rdf *mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, update->mac_size, update->mac);
    ldns_rr *tsig = ldns_pkt_tsig(packet);
    bool verifies =
        mac != NULL && ldns_pkt_tsig_verify(packet, wire, size, key->name, key->secret, mac);
    ldns_pkt_set_tsig(packet, tsig); /* libldns takes it out, and not back in when it fails early */
    ldns_rdf_deep_free(mac);
    return verifies;
}

static enum err reply_judge(ldns_pkt *packet, const struct dns_message *update,
                            const struct dns_key *key, const uint8_t *wire, size_t size,
                            struct text256 *reterr) {
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    if (rcode == LDNS_RCODE_NOTAUTH) {
        text_say(reterr, "NOTAUTH (%s)", tsig_error(packet));
        return ERR_AUTH;
    }
    if (!reply_verifies(packet, update, key, wire, size)) {
        text_say(reterr, "%s, but the reply's TSIG does not verify", dns_packet_code(packet));
        return ERR_SIGNATURE;
    }
    switch ((int)rcode) {
    case LDNS_RCODE_NOERROR: return ERR_OK;
    case LDNS_RCODE_NXDOMAIN:
    case LDNS_RCODE_YXDOMAIN:
    case LDNS_RCODE_YXRRSET:
    case LDNS_RCODE_NXRRSET:
        text_say(reterr, "stale prerequisite: %s", dns_packet_code(packet));
        return ERR_STALE;
    case LDNS_RCODE_REFUSED:
        text_say(reterr, "REFUSED by the server's update policy");
        return ERR_DENIED;
    default: text_say(reterr, "%s", dns_packet_code(packet)); return ERR_FAILED;
    }
}

enum err dns_packet_reply(const struct dns_message *update, const struct dns_key *key,
                          const uint8_t *wire, size_t size, struct text256 *reterr) {
    ensure(update->mac_size > 0);
    ldns_pkt *packet = dns_packet_read(update, wire, size, reterr);
    if (packet == NULL) {
        return ERR_FORMAT;
    }
    enum err err = reply_judge(packet, update, key, wire, size, reterr);
    ldns_pkt_free(packet);
    return err;
}
