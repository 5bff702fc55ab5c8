/* DNS questions and answers as bytes, by libldns. The sockets are dns.c's. */
#include <ctype.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/parse.h"
#include "common/base/ensure.h"
#include "common/base/text.h"

static ldns_rr_type type_of(const char *type) {
    static const char *const known[] = {"A", "AAAA", "CNAME", "TXT"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_equal(type, known[i])) {
            return ldns_get_rr_type_by_name(type);
        }
    }
    return (ldns_rr_type)0;
}

enum err dns_question(const char *name, const char *type, uint16_t id,
                      uint8_t ret_wire[DNS_QUESTION_MAX], size_t *ret_size) {
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    size_t size = 0;
    ldns_rr_type rr_type = type_of(type);
    if (rr_type == (ldns_rr_type)0 ||
        ldns_pkt_query_new_frm_str(&packet, name, rr_type, LDNS_RR_CLASS_IN, 0) != LDNS_STATUS_OK) {
        return ERR_CONFIG;
    }
    ldns_pkt_set_id(packet, id);
    enum err err = ERR_CONFIG;
    if (ldns_pkt2wire(&wire, packet, &size) == LDNS_STATUS_OK && size <= DNS_QUESTION_MAX) {
        memcpy(ret_wire, wire, size);
        *ret_size = size;
        err = ERR_OK;
    }
    free(wire);
    ldns_pkt_free(packet);
    return err;
}

/* One more string of a TXT value, or the whole of any other: no quotes, names in lower case. */
static bool value_add(const char *text, bool is_name, char value[DNS_VALUE_SIZE]) {
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    size_t used = strlen(value);
    if (used + n >= DNS_VALUE_SIZE) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        value[used + i] = is_name ? (char)tolower((unsigned char)text[i]) : text[i];
    }
    value[used + n] = '\0';
    return true;
}

static enum err rr_value(const ldns_rr *rr, char ret_value[DNS_VALUE_SIZE]) {
    bool is_name = ldns_rr_get_type(rr) != LDNS_RR_TYPE_TXT;
    ret_value[0] = '\0';
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));
        if (text == NULL) {
            return ERR_NO_MEMORY;
        }
        bool fitted = value_add(text, is_name, ret_value);
        free(text);
        if (!fitted) {
            return ERR_TOO_BIG;
        }
    }
    return ERR_OK;
}

static int value_order(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum err answers_take(const ldns_rr_list *list, ldns_rr_type type, struct dns_view *view) {
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        if (ldns_rr_ttl(rr) > view->ttl_max_s) {
            view->ttl_max_s = ldns_rr_ttl(rr);
        }
        if (ldns_rr_get_type(rr) != type) {
            continue;
        }
        if (view->values_n == DNS_VALUES_MAX) {
            return ERR_TOO_BIG;
        }
        enum err err = rr_value(rr, view->values[view->values_n]);
        if (err != ERR_OK) {
            return err;
        }
        view->values_n++;
    }
    qsort(view->values, view->values_n, sizeof view->values[0], value_order);
    return ERR_OK;
}

/* The very question that was asked: anything else is somebody else's answer, or a forged one. */
static bool question_same(const ldns_pkt *packet, const char *name, ldns_rr_type type,
                          uint16_t id) {
    const ldns_rr_list *questions = ldns_pkt_question(packet);
    if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != id ||
        ldns_rr_list_rr_count(questions) != 1) {
        return false;
    }
    const ldns_rr *question = ldns_rr_list_rr(questions, 0);
    ldns_rdf *asked = ldns_dname_new_frm_str(name);
    bool same = asked != NULL && ldns_rr_get_type(question) == type &&
                ldns_dname_compare(asked, ldns_rr_owner(question)) == 0;
    ldns_rdf_deep_free(asked);
    return same;
}

enum err dns_answer_parse(const uint8_t *wire, size_t wire_size, const char *name, const char *type,
                          uint16_t id, struct dns_view *ret_view) {
    ldns_pkt *packet = NULL;
    ldns_rr_type rr_type = type_of(type);
    ensure(rr_type != (ldns_rr_type)0);
    if (ldns_wire2pkt(&packet, wire, wire_size) != LDNS_STATUS_OK) {
        return ERR_FORMAT;
    }
    enum err err = ERR_FORMAT;
    struct dns_view view = {.values_n = 0};
    if (question_same(packet, name, rr_type, id)) {
        view.truncated = ldns_pkt_tc(packet);
        view.authoritative = ldns_pkt_aa(packet);
        view.rcode = (uint8_t)ldns_pkt_get_rcode(packet);
        err = answers_take(ldns_pkt_answer(packet), rr_type, &view);
    }
    ldns_pkt_free(packet);
    if (err == ERR_OK) {
        *ret_view = view;
    }
    return err;
}

bool dns_value_normal(const char *type, const char *value, char ret_value[DNS_VALUE_SIZE]) {
    ret_value[0] = '\0';
    bool is_txt = text_equal(type, "TXT");
    if (value[0] == '\0' || !value_add(value, !is_txt, ret_value)) {
        return false;
    }
    size_t n = strlen(ret_value);
    if (text_equal(type, "CNAME") && ret_value[n - 1] != '.') {
        return text_append(ret_value, DNS_VALUE_SIZE, ".");
    }
    return true;
}
