/* dns_message: see dns_message.h. */
#include "agent/actions/dns_message.h"

#include <ctype.h>
#include <inttypes.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

static ldns_rr_type type_of(const char *type) {
    return ldns_get_rr_type_by_name(type);
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

enum err dns_query_build(const char *name, const char *type, bool recursive,
                         struct dns_message *ret_message) {
    struct text256 why;
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    if (owner == NULL) {
        return ERR_FORMAT;
    }
    ldns_pkt *packet =
        ldns_pkt_query_new(owner, type_of(type), LDNS_RR_CLASS_IN, recursive ? LDNS_RD : 0);
    if (packet == NULL) {
        ldns_rdf_deep_free(owner);
        return ERR_NO_MEMORY;
    }
    enum err err = dns_packet_write(packet, /* key= */ NULL, ret_message, &why);
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
        if (!text_starts(change->old_texts->value[i], DNS_EPOCH_PREFIX)) {
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
    (void)text_format(value, sizeof value, DNS_EPOCH_PREFIX "%" PRIu64 "\"", change->epoch);
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

enum err dns_update_build(const struct dns_change *change, const struct dns_key *key,
                          struct dns_message *ret_message, struct text256 *reterr) {
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
        err = packet != NULL ? dns_packet_write(packet, key, ret_message, reterr) : ERR_NO_MEMORY;
    } else {
        text_say(reterr, "the update cannot be built of these names and values");
    }
    ldns_pkt_free(packet);
    ldns_rdf_deep_free(packet == NULL ? zone : NULL); /* the packet owns it otherwise */
    ldns_rr_list_deep_free(before);
    ldns_rr_list_deep_free(updates);
    ldns_rr_list_deep_free(additional);
    return err;
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
                         const char *name, const char *type, bool recursive,
                         struct dns_rrset *ret_rrset, struct text256 *reterr) {
    struct dns_rrset rrset;
    memset(&rrset, 0, sizeof rrset);
    ldns_pkt *packet = dns_packet_read(query, wire, size, reterr);
    if (packet == NULL) {
        return ERR_FORMAT;
    }
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    enum err err = ERR_OK;
    if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN) {
        text_say(reterr, "%s", dns_packet_code(packet));
        err = rcode == LDNS_RCODE_REFUSED ? ERR_DENIED : ERR_FAILED;
    } else if (!recursive && !ldns_pkt_aa(packet)) {
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

uint64_t dns_epoch_of(const struct dns_rrset *texts) {
    uint64_t largest = 0;
    for (uint8_t i = 0; i < texts->n; i++) {
        char digits[24];
        uint64_t epoch = 0;
        const char *value = texts->value[i];
        if (!text_starts(value, DNS_EPOCH_PREFIX)) {
            continue;
        }
        value += strlen(DNS_EPOCH_PREFIX);
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
