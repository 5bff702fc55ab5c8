/* dns_message: see dns_message.h. */
#include "agent/actions/dns_message.h"

#include <ctype.h>
#include <inttypes.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/ensure.h"

#define EPOCH_PREFIX "\"drover-epoch="
#define TSIG_FUDGE_S 300

static ldns_rr_type type_of(const char *type) {
    return ldns_get_rr_type_by_name(type);
}

static enum err id_take(uint16_t *ret_id) {
    return getrandom(ret_id, sizeof *ret_id, 0) == (ssize_t)sizeof *ret_id ? ERR_OK : ERR_IO;
}

/* "name ttl IN type value" as a record. */
static ldns_rr *rr_parse(const char *name, uint32_t ttl, const char *type, const char *value) {
    char line[DNS_NAME_SIZE + DNS_VALUE_SIZE + 64];
    ldns_rr *rr = NULL;
    ldns_rdf *origin = ldns_dname_new_frm_str(".");
    if (origin == NULL ||
        !text_format(line, sizeof line, "%s %" PRIu32 " IN %s %s", name, ttl, type, value) ||
        ldns_rr_new_frm_str(&rr, line, ttl, origin, NULL) != LDNS_STATUS_OK) {
        rr = NULL;
    }
    ldns_rdf_deep_free(origin);
    return rr;
}

/* A record without data: "any value" (class ANY) or "no such set" (class NONE). */
static ldns_rr *rr_bare(const char *name, const char *type, ldns_rr_class class) {
    ldns_rr *rr = ldns_rr_new();
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    if (rr == NULL || owner == NULL) {
        ldns_rr_free(rr);
        ldns_rdf_deep_free(owner);
        return NULL;
    }
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, type_of(type));
    ldns_rr_set_class(rr, class);
    ldns_rr_set_ttl(rr, 0);
    return rr;
}

/* Appends the record's data as text, parts separated by spaces. */
static bool rr_value(const ldns_rr *rr, char *out, size_t out_size) {
    out[0] = '\0';
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        char *part = ldns_rdf2str(ldns_rr_rdf(rr, i));
        bool fits = part != NULL && (i == 0 || text_append(out, out_size, " ")) &&
                    text_append(out, out_size, part);
        free(part);
        if (!fits) {
            return false;
        }
    }
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_TXT) {
        for (char *at = out; *at != '\0'; at++) {
            *at = (char)tolower((unsigned char)*at);
        }
    }
    return true;
}

enum err dns_value_canonical(const char *name, const char *type, const char *value,
                             char ret_value[DNS_VALUE_SIZE]) {
    ldns_rr *rr = rr_parse(name, 0, type, value);
    bool fits = rr != NULL && rr_value(rr, ret_value, DNS_VALUE_SIZE);
    ldns_rr_free(rr);
    return fits ? ERR_OK : ERR_FORMAT;
}

static enum err packet_write(const ldns_pkt *packet, struct dns_message *message) {
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

enum err dns_query_build(const char *name, const char *type, struct dns_message *ret_message) {
    memset(ret_message, 0, sizeof *ret_message);
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    enum err err = id_take(&ret_message->id);
    if (owner == NULL || err != ERR_OK) {
        ldns_rdf_deep_free(owner);
        return owner == NULL ? ERR_FORMAT : err;
    }
    /* No recursion: authorities are asked what they themselves say. */
    ldns_pkt *packet = ldns_pkt_query_new(owner, type_of(type), LDNS_RR_CLASS_IN, 0);
    if (packet == NULL) {
        ldns_rdf_deep_free(owner);
        return ERR_NO_MEMORY;
    }
    ldns_pkt_set_id(packet, ret_message->id);
    err = packet_write(packet, ret_message);
    ldns_pkt_free(packet);
    return err;
}

/* What was read must still be there, and nothing else beside it. */
static bool prerequisite_add(ldns_rr_list *list, const char *name, const char *type,
                             const struct dns_rrset *old) {
    if (old->n == 0) {
        ldns_rr *none = rr_bare(name, type, LDNS_RR_CLASS_NONE);
        return none != NULL && ldns_rr_list_push_rr(list, none);
    }
    for (uint8_t i = 0; i < old->n; i++) {
        ldns_rr *rr = rr_parse(name, 0, type, old->value[i]);
        if (rr == NULL || !ldns_rr_list_push_rr(list, rr)) {
            return false;
        }
    }
    return true;
}

/* Only our own text among those of the name is replaced: other people keep SPF and the like
 * there. */
static bool epoch_change_add(ldns_rr_list *list, const struct dns_change *change) {
    char value[64];
    for (uint8_t i = 0; i < change->old_texts->n; i++) {
        if (!text_starts(change->old_texts->value[i], EPOCH_PREFIX)) {
            continue;
        }
        ldns_rr *old = rr_parse(change->epoch_name, 0, "TXT", change->old_texts->value[i]);
        if (old == NULL) {
            return false;
        }
        ldns_rr_set_class(old, LDNS_RR_CLASS_NONE); /* NONE with data: delete this one record */
        if (!ldns_rr_list_push_rr(list, old)) {
            return false;
        }
    }
    (void)text_format(value, sizeof value, EPOCH_PREFIX "%" PRIu64 "\"", change->epoch);
    ldns_rr *new = rr_parse(change->epoch_name, change->ttl, "TXT", value);
    return new != NULL &&ldns_rr_list_push_rr(list, new);
}

static bool change_add(ldns_rr_list *list, const struct dns_change *change) {
    ldns_rr *clear = rr_bare(change->name, change->type, LDNS_RR_CLASS_ANY);
    ldns_rr *set = rr_parse(change->name, change->ttl, change->type, change->value);
    bool added = clear != NULL && ldns_rr_list_push_rr(list, clear);
    added = set != NULL && ldns_rr_list_push_rr(list, set) && added;
    return added && epoch_change_add(list, change);
}

static bool algorithm_name(const char *algorithm, char *out, size_t out_size) {
    return text_format(out, out_size, "%s.", algorithm);
}

static enum err packet_sign(ldns_pkt *packet, const struct dns_key *key,
                            struct dns_message *message, struct text256 *reterr) {
    char algorithm[40];
    if (!algorithm_name(key->algorithm, algorithm, sizeof algorithm)) {
        return ERR_CONFIG;
    }
    ldns_status status =
        ldns_pkt_tsig_sign(packet, key->name, key->secret, TSIG_FUDGE_S, algorithm, NULL);
    if (status != LDNS_STATUS_OK) {
        text_say(reterr, "the update cannot be signed: %s", ldns_get_errorstr_by_id(status));
        return ERR_CONFIG;
    }
    const ldns_rdf *mac = ldns_rr_rdf(ldns_pkt_tsig(packet), 3);
    if (mac == NULL || ldns_rdf_size(mac) > sizeof message->mac) {
        return ERR_TOO_BIG;
    }
    message->mac_size = ldns_rdf_size(mac);
    memcpy(message->mac, ldns_rdf_data(mac), message->mac_size);
    return ERR_OK;
}

enum err dns_update_build(const struct dns_change *change, const struct dns_key *key,
                          struct dns_message *ret_message, struct text256 *reterr) {
    memset(ret_message, 0, sizeof *ret_message);
    ldns_rr_list *before = ldns_rr_list_new();
    ldns_rr_list *updates = ldns_rr_list_new();
    ldns_rr_list *additional = ldns_rr_list_new();
    ldns_rdf *zone = ldns_dname_new_frm_str(change->zone);
    ldns_pkt *packet = NULL;
    enum err err = ERR_FORMAT;
    if (zone != NULL && before != NULL && updates != NULL && additional != NULL &&
        prerequisite_add(before, change->name, change->type, change->old_record) &&
        prerequisite_add(before, change->epoch_name, "TXT", change->old_texts) &&
        change_add(updates, change)) {
        packet = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, before, updates, additional);
        err = packet != NULL ? id_take(&ret_message->id) : ERR_NO_MEMORY;
    } else {
        text_say(reterr, "the update cannot be built of these names and values");
    }
    if (packet != NULL && err == ERR_OK) {
        ldns_pkt_set_id(packet, ret_message->id);
        err = packet_sign(packet, key, ret_message, reterr);
    }
    if (packet != NULL && err == ERR_OK) {
        err = packet_write(packet, ret_message);
    }
    ldns_pkt_free(packet);
    ldns_rdf_deep_free(packet == NULL ? zone : NULL); /* the packet owns it otherwise */
    ldns_rr_list_deep_free(before);
    ldns_rr_list_deep_free(updates);
    ldns_rr_list_deep_free(additional);
    return err;
}

static const char *rcode_text(ldns_pkt_rcode rcode) {
    const ldns_lookup_table *entry = ldns_lookup_by_id(ldns_rcodes, (int)rcode);
    return entry != NULL ? entry->name : "unknown";
}

static ldns_pkt *reply_read(const struct dns_message *question, const uint8_t *wire, size_t size,
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

static enum err rrset_take(const ldns_pkt *packet, const char *name, const char *type,
                           struct dns_rrset *rrset, struct text256 *reterr) {
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    if (owner == NULL) {
        return ERR_FORMAT;
    }
    enum err err = ERR_OK;
    const ldns_rr_list *list = ldns_pkt_answer(packet);
    for (size_t i = 0; err == ERR_OK && i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        if (ldns_rr_get_type(rr) != type_of(type) ||
            ldns_dname_compare(ldns_rr_owner(rr), owner) != 0) {
            continue;
        }
        if (rrset->n == DNS_VALUES_MAX ||
            !rr_value(rr, rrset->value[rrset->n], sizeof rrset->value[0])) {
            text_say(reterr, "%s %s has more or longer records than drover keeps", name, type);
            err = ERR_TOO_BIG;
            break;
        }
        rrset->ttl = ldns_rr_ttl(rr);
        rrset->n++;
    }
    ldns_rdf_deep_free(owner);
    return err;
}

enum err dns_reply_parse(const struct dns_message *query, const uint8_t *wire, size_t size,
                         const char *name, const char *type, struct dns_rrset *ret_rrset,
                         struct text256 *reterr) {
    struct dns_rrset rrset;
    memset(&rrset, 0, sizeof rrset);
    ldns_pkt *packet = reply_read(query, wire, size, reterr);
    if (packet == NULL) {
        return ERR_FORMAT;
    }
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    enum err err = ERR_OK;
    if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN) {
        text_say(reterr, "%s", rcode_text(rcode));
        err = rcode == LDNS_RCODE_REFUSED ? ERR_DENIED : ERR_FAILED;
    } else if (!ldns_pkt_aa(packet)) {
        text_say(reterr, "not an authority for %s", name);
        err = ERR_FAILED;
    } else {
        err = rrset_take(packet, name, type, &rrset, reterr);
    }
    ldns_pkt_free(packet);
    if (err == ERR_OK) {
        *ret_rrset = rrset;
    }
    return err;
}

/* The TSIG record's own error field. */
static const char *tsig_error_text(const ldns_pkt *packet) {
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    const ldns_rdf *field = tsig != NULL ? ldns_rr_rdf(tsig, 5) : NULL;
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

static bool reply_verifies(ldns_pkt *packet, const struct dns_message *update,
                           const struct dns_key *key, const uint8_t *wire, size_t size) {
    if (ldns_pkt_tsig(packet) == NULL) {
        return false;
    }
    ldns_rdf *mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, update->mac_size, update->mac);
    bool verifies =
        mac != NULL && ldns_pkt_tsig_verify(packet, wire, size, key->name, key->secret, mac);
    ldns_rdf_deep_free(mac);
    return verifies;
}

static enum err reply_judge(ldns_pkt *packet, const struct dns_message *update,
                            const struct dns_key *key, const uint8_t *wire, size_t size,
                            struct text256 *reterr) {
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    if (rcode == LDNS_RCODE_NOTAUTH) {
        text_say(reterr, "NOTAUTH (%s)", tsig_error_text(packet));
        return ERR_AUTH;
    }
    if (!reply_verifies(packet, update, key, wire, size)) {
        text_say(reterr, "%s, but the reply's TSIG does not verify", rcode_text(rcode));
        return ERR_SIGNATURE;
    }
    switch ((int)rcode) {
    case LDNS_RCODE_NOERROR: return ERR_OK;
    case LDNS_RCODE_NXDOMAIN:
    case LDNS_RCODE_YXDOMAIN:
    case LDNS_RCODE_YXRRSET:
    case LDNS_RCODE_NXRRSET:
        text_say(reterr, "stale prerequisite: %s", rcode_text(rcode));
        return ERR_STALE;
    case LDNS_RCODE_REFUSED:
        text_say(reterr, "REFUSED by the server's update policy");
        return ERR_DENIED;
    default: text_say(reterr, "%s", rcode_text(rcode)); return ERR_FAILED;
    }
}

enum err dns_reply_check(const struct dns_message *update, const struct dns_key *key,
                         const uint8_t *wire, size_t size, struct text256 *reterr) {
    ldns_pkt *packet = reply_read(update, wire, size, reterr);
    if (packet == NULL) {
        return ERR_FORMAT;
    }
    enum err err = reply_judge(packet, update, key, wire, size, reterr);
    ldns_pkt_free(packet);
    return err;
}

uint64_t dns_epoch_of(const struct dns_rrset *texts) {
    uint64_t largest = 0;
    for (uint8_t i = 0; i < texts->n; i++) {
        char digits[24];
        uint64_t epoch = 0;
        const char *value = texts->value[i];
        if (!text_starts(value, EPOCH_PREFIX)) {
            continue;
        }
        value += strlen(EPOCH_PREFIX);
        size_t n = strcspn(value, "\"");
        if (n >= sizeof digits || value[n] != '"' || value[n + 1] != '\0') {
            continue;
        }
        memcpy(digits, value, n);
        digits[n] = '\0';
        if (text_to_u64(digits, UINT64_MAX, &epoch) && epoch > largest) {
            largest = epoch;
        }
    }
    return largest;
}
