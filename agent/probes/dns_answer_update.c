/* A dynamic update that changes nothing, signed with TSIG (RFC 2136, RFC 8945), and its answer: it
 * asks a name server whether this key may change this record, by deleting a value that no record
 * has. The sockets are dns_credential.c's. */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/parse.h"

#define TSIG_FUDGE_S 300

/* Values that nobody points a service at. */
static const char *absent_value(const char *type) {
    if (text_equal(type, "A")) {
        return "0.0.0.0";
    }
    if (text_equal(type, "AAAA")) {
        return "::";
    }
    return text_equal(type, "CNAME") ? "drover-no-such-record.invalid." : "drover-no-such-record";
}

static ldns_rr *absent_rr(const struct dns_credential *credential) {
    ldns_rr *rr = NULL;
    char line[1024];
    size_t n = strlen(credential->name);
    bool fits = text_format(line, sizeof line, "%s%s 0 IN %s %s", credential->name,
                            n > 0 && credential->name[n - 1] == '.' ? "" : ".", credential->type,
                            absent_value(credential->type));
    if (!fits || ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK) {
        return NULL;
    }
    ldns_rr_set_class(rr, LDNS_RR_CLASS_NONE); /* NONE with data: delete this one record */
    return rr;
}

static enum err packet_out(ldns_pkt *packet, const struct dns_credential *credential,
                           struct dns_noop *noop) {
    char algorithm[48];
    uint8_t *wire = NULL;
    size_t size = 0;
    if (!text_format(algorithm, sizeof algorithm, "%s.", credential->algorithm) ||
        ldns_pkt_tsig_sign(packet, credential->key_name, credential->secret, TSIG_FUDGE_S,
                           algorithm, NULL) != LDNS_STATUS_OK) {
        return ERR_CONFIG;
    }
    const ldns_rdf *mac = ldns_rr_rdf(ldns_pkt_tsig(packet), 3);
    enum err err = ERR_TOO_BIG;
    if (mac != NULL && ldns_rdf_size(mac) <= sizeof noop->mac &&
        ldns_pkt2wire(&wire, packet, &size) == LDNS_STATUS_OK && size <= sizeof noop->wire) {
        noop->mac_n = ldns_rdf_size(mac);
        memcpy(noop->mac, ldns_rdf_data(mac), noop->mac_n);
        noop->wire_n = size;
        memcpy(noop->wire, wire, size);
        err = ERR_OK;
    }
    free(wire);
    return err;
}

enum err dns_noop_build(const struct dns_credential *credential, uint16_t id,
                        struct dns_noop *ret_noop) {
    memset(ret_noop, 0, sizeof *ret_noop);
    ret_noop->id = id;
    ldns_rr_list *updates = ldns_rr_list_new();
    ldns_rdf *zone = ldns_dname_new_frm_str(credential->zone);
    ldns_rr *rr = absent_rr(credential);
    ldns_pkt *packet = NULL;
    enum err err = ERR_CONFIG;
    if (updates != NULL && zone != NULL && rr != NULL && ldns_rr_list_push_rr(updates, rr)) {
        rr = NULL;
        packet = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, NULL, updates, NULL);
    }
    if (packet != NULL) {
        zone = NULL; /* the packet owns it now */
        ldns_pkt_set_id(packet, id);
        err = packet_out(packet, credential, ret_noop);
    }
    ldns_pkt_free(packet);
    ldns_rr_free(rr);
    ldns_rdf_deep_free(zone);
    ldns_rr_list_deep_free(updates);
    return err;
}

static const char *tsig_error(const ldns_pkt *packet) {
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    const ldns_rdf *field = tsig != NULL ? ldns_rr_rdf(tsig, 5) : NULL;
    switch (field != NULL && ldns_rdf_size(field) == 2 ? ldns_rdf2native_int16(field) : 0) {
    case 16: return "BADSIG";
    case 17: return "BADKEY";
    case 18: return "BADTIME";
    default: return "no TSIG error";
    }
}

static bool reply_signed(ldns_pkt *packet, const struct dns_credential *credential,
                         const struct dns_noop *noop, const uint8_t *wire, size_t wire_n) {
    if (ldns_pkt_tsig(packet) == NULL) {
        return false;
    }
    ldns_rdf *mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, noop->mac_n, noop->mac);
    bool verified = mac != NULL && ldns_pkt_tsig_verify(packet, wire, wire_n, credential->key_name,
                                                        credential->secret, mac);
    ldns_rdf_deep_free(mac);
    return verified;
}

enum err dns_noop_reply(const struct dns_credential *credential, const struct dns_noop *noop,
                        const uint8_t *wire, size_t wire_n, struct text256 *reterr) {
    ldns_pkt *packet = NULL;
    enum err err = ERR_FAILED;
    if (ldns_wire2pkt(&packet, wire, wire_n) != LDNS_STATUS_OK) {
        return ERR_FORMAT;
    }
    ldns_pkt_rcode code = ldns_pkt_get_rcode(packet);
    if (ldns_pkt_id(packet) != noop->id || !ldns_pkt_qr(packet)) {
        err = ERR_FORMAT;
    } else if (code == LDNS_RCODE_NOTAUTH) {
        text_say(reterr, "NOTAUTH (%s)", tsig_error(packet));
        err = ERR_AUTH;
    } else if (code == LDNS_RCODE_REFUSED) {
        text_say(reterr, "REFUSED by the server's update policy");
        err = ERR_DENIED;
    } else if (code != LDNS_RCODE_NOERROR) {
        text_say(reterr, "response code %u", (unsigned)code);
    } else if (!reply_signed(packet, credential, noop, wire, wire_n)) {
        text_say(reterr, "the answer is not signed by the key");
        err = ERR_SIGNATURE;
    } else {
        err = ERR_OK;
    }
    ldns_pkt_free(packet);
    return err;
}
