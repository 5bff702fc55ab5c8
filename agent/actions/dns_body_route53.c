/* What Route 53 says of records and is asked to change: XML of API version 2013-04-01. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/dns_body.h"
#include "agent/actions/dns_record.h"
#include "common/io/flat_xml.h"

#define XMLNS "https://route53.amazonaws.com/doc/2013-04-01/"

static bool element_is(struct piece in, const char *element, const char *name) {
    char value[DNS_NAME_SIZE];
    struct piece text;
    return flat_xml_element(in, element, &text) && flat_xml_value(text, value, sizeof value) &&
           dns_name_same(value, name);
}

/* Drover moves a name that has one value; a set that a policy chooses from has its own failover. */
static enum err set_is_plain(struct piece set, const char *name, struct text256 *reterr) {
    struct piece text;
    if (flat_xml_element(set, "AliasTarget", &text)) {
        text_say(reterr, "%.80s is an alias record of Route 53: expected one with a value", name);
        return ERR_UNSUPPORTED;
    }
    if (flat_xml_element(set, "SetIdentifier", &text)) {
        text_say(reterr, "%.80s has a routing policy: expected one simple record", name);
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}

static enum err set_take(struct piece set, struct dns_rrset *rrset) {
    char digits[16];
    struct piece text, record;
    uint64_t ttl = 0;
    if (!flat_xml_element(set, "TTL", &text) || !flat_xml_value(text, digits, sizeof digits) ||
        !text_to_u64(digits, INT32_MAX, &ttl)) {
        return ERR_FORMAT;
    }
    rrset->ttl = (uint32_t)ttl;
    while (flat_xml_next(&set, "ResourceRecord", &record)) {
        if (!flat_xml_element(record, "Value", &text) || rrset->n == DNS_VALUES_MAX ||
            !flat_xml_value(text, rrset->value[rrset->n], DNS_VALUE_SIZE)) {
            return ERR_FORMAT;
        }
        rrset->n++;
    }
    return rrset->n > 0 ? ERR_OK : ERR_FORMAT;
}

enum err route53_rrset_parse(const char *xml, size_t xml_size, const char *name, const char *type,
                             struct dns_rrset *ret_rrset, struct text256 *reterr) {
    struct piece all = {xml, xml_size}, set;
    struct dns_rrset rrset;
    enum err err = ERR_OK;
    memset(&rrset, 0, sizeof rrset);
    if (piece_find(all, "<ListResourceRecordSetsResponse") == NULL ||
        piece_find(all, "</ListResourceRecordSetsResponse>") == NULL) {
        text_say(reterr, "not Route 53's list of records");
        return ERR_FORMAT;
    }
    while (err == ERR_OK && flat_xml_next(&all, "ResourceRecordSet", &set)) {
        if (!element_is(set, "Name", name) || !element_is(set, "Type", type)) {
            continue;
        }
        err = set_is_plain(set, name, reterr);
        if (err == ERR_OK && (rrset.n > 0 || set_take(set, &rrset) != ERR_OK)) {
            text_say(reterr, "not Route 53's records of %.60s %s, or more than %d", name, type,
                     DNS_VALUES_MAX);
            err = ERR_FORMAT;
        }
    }
    if (err == ERR_OK) {
        *ret_rrset = rrset;
    }
    return err;
}

enum err route53_change_parse(const char *xml, size_t xml_size, char *ret_id, size_t id_size,
                              bool *ret_in_sync, struct text256 *reterr) {
    struct piece all = {xml, xml_size}, info, id, status;
    static const char prefix[] = "/change/";
    bool good = flat_xml_element(all, "ChangeInfo", &info) && flat_xml_element(info, "Id", &id) &&
                flat_xml_element(info, "Status", &status) &&
                (piece_equal(status, "INSYNC") || piece_equal(status, "PENDING"));
    if (good && id.n >= strlen(prefix) && memcmp(id.at, prefix, strlen(prefix)) == 0) {
        id.at += strlen(prefix);
        id.n -= strlen(prefix);
    }
    if (!good || !flat_xml_value(id, ret_id, id_size) || !text_is_of(ret_id, "")) {
        text_say(reterr, "not Route 53's word on a change");
        return ERR_FORMAT;
    }
    *ret_in_sync = piece_equal(status, "INSYNC");
    return ERR_OK;
}

/* "Throttling: Rate exceeded". A batch that does not hold has its messages without a code. */
void route53_message(const char *text, size_t size, char *ret_line, size_t line_size) {
    struct piece all = {text, size}, found;
    char code[64] = "", words[400] = "", both[480];
    if (flat_xml_element(all, "Code", &found)) {
        (void)flat_xml_value(found, code, sizeof code);
    } else if (piece_find(all, "<InvalidChangeBatch") != NULL) {
        (void)text_copy(code, sizeof code, "InvalidChangeBatch");
    }
    if (flat_xml_element(all, "Message", &found)) {
        found.n = found.n < sizeof words - 1 ? found.n : sizeof words - 1;
        (void)flat_xml_value(found, words, sizeof words);
    }
    (void)text_format(both, sizeof both, "%s%s%s", code, code[0] != '\0' ? ": " : "", words);
    act_line(ret_line, line_size, both[0] != '\0' ? both : text);
}

static bool change_append(char *xml, size_t xml_size, const char *action, const char *name,
                          const char *type, const struct dns_rrset *rrset) {
    char head[DNS_NAME_SIZE + 160];
    bool fits = text_format(head, sizeof head,
                            "<Change><Action>%s</Action><ResourceRecordSet><Name>%s</Name>"
                            "<Type>%s</Type><TTL>%" PRIu32 "</TTL><ResourceRecords>",
                            action, name, type, rrset->ttl) &&
                text_append(xml, xml_size, head);
    for (uint8_t i = 0; fits && i < rrset->n; i++) {
        fits = text_append(xml, xml_size, "<ResourceRecord><Value>") &&
               flat_xml_append(xml, xml_size, rrset->value[i]) &&
               text_append(xml, xml_size, "</Value></ResourceRecord>");
    }
    return fits && text_append(xml, xml_size, "</ResourceRecords></ResourceRecordSet></Change>");
}

bool route53_body(const struct dns_swap *swaps, size_t swaps_n, char *ret_xml, size_t xml_size) {
    bool fits = text_copy(ret_xml, xml_size,
                          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                          "<ChangeResourceRecordSetsRequest xmlns=\"" XMLNS
                          "\"><ChangeBatch><Comment>drover</Comment><Changes>");
    for (size_t i = 0; fits && i < swaps_n; i++) {
        const struct dns_swap *swap = &swaps[i];
        fits = swap->from->n == 0 ||
               change_append(ret_xml, xml_size, "DELETE", swap->name, swap->type, swap->from);
        fits = fits && change_append(ret_xml, xml_size, "CREATE", swap->name, swap->type, swap->to);
    }
    return fits && text_append(ret_xml, xml_size,
                               "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
}
