/* dns_body: see dns_body.h. */
#include "agent/actions/dns_body.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "agent/actions/act.h"

static bool text_is(const json_t *field, const char *text) {
    const char *value = json_string_value(field);
    return value != NULL && strcasecmp(value, text) == 0;
}

/* As a name server would write it, so that it can be compared; texts as they are. */
static bool value_add(struct dns_rrset *rrset, const char *name, const char *type,
                      const char *value) {
    if (value == NULL || rrset->n == DNS_VALUES_MAX) {
        return false;
    }
    char *into = rrset->value[rrset->n];
    bool taken = text_equal(type, "TXT") ? text_copy(into, DNS_VALUE_SIZE, value)
                                         : dns_value_canonical(name, type, value, into) == ERR_OK;
    rrset->n += taken;
    return taken;
}

enum err powerdns_rrset_parse(const char *json, size_t json_size, const char *name,
                              const char *type, struct dns_rrset *ret_rrset,
                              struct text256 *reterr) {
    struct dns_rrset rrset;
    size_t i = 0, j = 0;
    const json_t *set = NULL, *record = NULL;
    memset(&rrset, 0, sizeof rrset);
    json_t *root = json_loadb(json, json_size, 0, NULL);
    const json_t *sets = json_object_get(root, "rrsets");
    bool good = json_is_array(sets);
    json_array_foreach(sets, i, set) {
        const json_t *records = json_object_get(set, "records");
        json_int_t ttl = json_integer_value(json_object_get(set, "ttl"));
        if (!text_is(json_object_get(set, "name"), name) ||
            !text_is(json_object_get(set, "type"), type)) {
            continue;
        }
        good = good && json_is_array(records) && ttl >= 0 && ttl <= INT32_MAX;
        rrset.ttl = (uint32_t)(good ? ttl : 0);
        json_array_foreach(records, j, record) {
            if (!json_is_true(json_object_get(record, "disabled"))) {
                good = good && value_add(&rrset, name, type,
                                         json_string_value(json_object_get(record, "content")));
            }
        }
    }
    json_decref(root);
    if (!good) {
        text_say(reterr, "not PowerDNS's records of %.60s %s, or more than %d", name, type,
                 DNS_VALUES_MAX);
        return ERR_FORMAT;
    }
    *ret_rrset = rrset;
    return ERR_OK;
}

void powerdns_message(const char *text, size_t size, char *ret_line, size_t line_size) {
    json_t *root = json_loadb(text, size, 0, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    act_line(ret_line, line_size, error != NULL ? error : text);
    json_decref(root);
}

static json_t *set_make(const char *name, const char *type, const struct dns_rrset *rrset) {
    json_t *records = json_array();
    bool good = records != NULL;
    for (uint8_t i = 0; i < rrset->n && good; i++) {
        json_t *record = json_pack("{s:s, s:b}", "content", rrset->value[i], "disabled", 0);
        good = record != NULL && json_array_append_new(records, record) == 0;
    }
    if (!good) {
        json_decref(records);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", name, "type", type, "changetype",
                     "REPLACE", "ttl", (json_int_t)rrset->ttl, "records", records);
}

char *powerdns_body(const char *name, const char *type, const struct dns_rrset *record,
                    const char *epoch_name, const struct dns_rrset *texts) {
    json_t *first = set_make(name, type, record), *second = set_make(epoch_name, "TXT", texts);
    char *body = NULL;
    if (first == NULL || second == NULL) {
        json_decref(first);
        json_decref(second);
        return NULL;
    }
    json_t *root = json_pack("{s:[o, o]}", "rrsets", first, second);
    if (root != NULL) {
        body = json_dumps(root, JSON_COMPACT);
    }
    json_decref(root);
    return body;
}
