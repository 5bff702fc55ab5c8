/* A dynamic update that changes nothing (RFC 2136), signed by the key: it asks a name server
 * whether this key may change this record, by deleting a value that no record has. The sockets are
 * dns_credential.c's. */
#include <ldns/ldns.h>
#include <string.h>

#include "agent/probes/parse.h"

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

enum err dns_noop_build(const struct dns_credential *credential, struct dns_message *ret_message,
                        struct text256 *reterr) {
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
        err = dns_packet_write(packet, &credential->key, ret_message, reterr);
    }
    ldns_pkt_free(packet);
    ldns_rr_free(rr);
    ldns_rdf_deep_free(zone);
    ldns_rr_list_deep_free(updates);
    return err;
}
