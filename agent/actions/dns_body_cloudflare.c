/* What Cloudflare's API v4 says of records and is asked to change. */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "agent/actions/act.h"
#include "agent/actions/dns_body.h"
#include "agent/actions/dns_record.h"

#define PAGES_MAX 100

/* The envelope of a success; NULL: it is none. The caller releases it. */
static json_t *envelope_open(const char *json, size_t json_size) {
    json_t *root = json_loadb(json, json_size, 0, NULL);
    if (!json_is_true(json_object_get(root, "success"))) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static bool id_take(const json_t *id, char ret_id[PROVIDER_ID_MAX + 1]) {
    const char *text = json_string_value(id);
    return text != NULL && text_is_of(text, "") && text_copy(ret_id, PROVIDER_ID_MAX + 1, text);
}

/* Texts come with their quotation marks, or, when somebody typed them so, without. */
static bool content_take(const char *name, const char *type, const json_t *content,
                         char ret_value[DNS_VALUE_SIZE]) {
    const char *text = json_string_value(content);
    if (text == NULL) {
        return false;
    }
    if (!text_equal(type, "TXT")) {
        return dns_value_canonical(name, type, text, ret_value) == ERR_OK;
    }
    return text[0] == '"' ? text_copy(ret_value, DNS_VALUE_SIZE, text)
                          : text_format(ret_value, DNS_VALUE_SIZE, "\"%s\"", text);
}

/* Of texts only ours count: others may be many, and longer than a value is here. */
static bool is_asked_for(const json_t *record, const char *name, const char *type) {
    const char *its_name = json_string_value(json_object_get(record, "name"));
    const char *its_type = json_string_value(json_object_get(record, "type"));
    const char *content = json_string_value(json_object_get(record, "content"));
    if (its_name == NULL || its_type == NULL || !dns_name_same(its_name, name) ||
        strcasecmp(its_type, type) != 0) {
        return false;
    }
    return !text_equal(type, "TXT") ||
           (content != NULL &&
            (text_starts(content, DNS_EPOCH_PREFIX) || text_starts(content, DNS_EPOCH_PREFIX + 1)));
}

static enum err record_add(const json_t *record, const char *name, const char *type,
                           struct cloudflare_list *list) {
    json_int_t ttl = json_integer_value(json_object_get(record, "ttl"));
    if (list->n == CLOUDFLARE_RECORDS_MAX) {
        return ERR_TOO_BIG;
    }
    struct cloudflare_record *into = &list->at[list->n];
    if (!id_take(json_object_get(record, "id"), into->id) || ttl < 1 || ttl > INT32_MAX ||
        !content_take(name, type, json_object_get(record, "content"), into->value)) {
        return ERR_FORMAT;
    }
    into->ttl = (uint32_t)ttl;
    into->proxied = json_is_true(json_object_get(record, "proxied"));
    list->n++;
    return ERR_OK;
}

enum err cloudflare_page_parse(const char *json, size_t json_size, const char *name,
                               const char *type, struct cloudflare_list *list, unsigned *ret_pages,
                               struct text256 *reterr) {
    json_t *root = envelope_open(json, json_size);
    const json_t *result = json_object_get(root, "result"), *record = NULL;
    json_int_t pages =
        json_integer_value(json_object_get(json_object_get(root, "result_info"), "total_pages"));
    enum err err = json_is_array(result) && pages >= 0 ? ERR_OK : ERR_FORMAT;
    size_t i = 0;
    json_array_foreach(result, i, record) {
        if (err == ERR_OK && is_asked_for(record, name, type)) {
            err = record_add(record, name, type, list);
        }
    }
    json_decref(root);
    if (err != ERR_OK || pages > PAGES_MAX) {
        text_say(reterr, "not Cloudflare's records of %.60s %s, or too many", name, type);
        return err != ERR_OK ? err : ERR_TOO_BIG;
    }
    *ret_pages = (unsigned)pages;
    return ERR_OK;
}

enum err cloudflare_zone_parse(const char *json, size_t json_size, const char *zone,
                               char ret_id[PROVIDER_ID_MAX + 1], struct text256 *reterr) {
    json_t *root = envelope_open(json, json_size);
    const json_t *result = json_object_get(root, "result"), *one = NULL;
    enum err err = json_is_array(result) ? ERR_NOT_FOUND : ERR_FORMAT;
    size_t i = 0;
    json_array_foreach(result, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (err == ERR_NOT_FOUND && name != NULL && dns_name_same(name, zone)) {
            err = id_take(json_object_get(one, "id"), ret_id) ? ERR_OK : ERR_FORMAT;
        }
    }
    json_decref(root);
    if (err == ERR_NOT_FOUND) {
        text_say(reterr, "Cloudflare shows this token no zone %.80s", zone);
    } else if (err != ERR_OK) {
        text_say(reterr, "not Cloudflare's list of zones");
    }
    return err;
}

bool cloudflare_succeeded(const char *json, size_t json_size) {
    json_t *root = envelope_open(json, json_size);
    json_decref(root);
    return root != NULL;
}

void cloudflare_message(const char *text, size_t size, char *ret_line, size_t line_size) {
    json_t *root = json_loadb(text, size, 0, NULL);
    const json_t *errors = json_object_get(root, "errors"), *one = NULL;
    char all[300] = "";
    size_t i = 0;
    json_array_foreach(errors, i, one) {
        char line[140];
        const char *message = json_string_value(json_object_get(one, "message"));
        (void)text_format(line, sizeof line, "%s%lld %.100s", i > 0 ? "; " : "",
                          (long long)json_integer_value(json_object_get(one, "code")),
                          message != NULL ? message : "");
        (void)text_append(all, sizeof all, line);
    }
    act_line(ret_line, line_size, all[0] != '\0' ? all : text);
    json_decref(root);
}

bool cloudflare_overtaken(const char *json, size_t json_size) {
    static const json_int_t codes[] = {
        81044, /* "Record does not exist." */
        81053, /* an A, AAAA or CNAME record with that host is there already */
        81057, /* "Record already exists." */
        81058, /* an identical one */
    };
    json_t *root = json_loadb(json, json_size, 0, NULL);
    const json_t *one = NULL;
    bool overtaken = false;
    size_t i = 0;
    json_array_foreach(json_object_get(root, "errors"), i, one) {
        for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
            overtaken = overtaken || json_integer_value(json_object_get(one, "code")) == codes[c];
        }
    }
    json_decref(root);
    return overtaken;
}

/* Of one that is there only these two change: whether it is proxied, its comment and tags stay. */
static json_t *change_make(const struct cloudflare_change *change) {
    if (change->value == NULL) {
        return json_pack("{s:s}", "id", change->id);
    }
    return change->id[0] != '\0'
               ? json_pack("{s:s, s:s, s:I}", "id", change->id, "content", change->value, "ttl",
                           (json_int_t)change->ttl)
               : json_pack("{s:s, s:s, s:s, s:I}", "name", change->name, "type", change->type,
                           "content", change->value, "ttl", (json_int_t)change->ttl);
}

char *cloudflare_body(const struct cloudflare_change *changes, size_t changes_n) {
    json_t *deletes = json_array(), *patches = json_array(), *posts = json_array();
    bool good = deletes != NULL && patches != NULL && posts != NULL;
    for (size_t i = 0; good && i < changes_n; i++) {
        json_t *one = change_make(&changes[i]);
        json_t *into = changes[i].value == NULL   ? deletes
                       : changes[i].id[0] != '\0' ? patches
                                                  : posts;
        good = one != NULL && json_array_append_new(into, one) == 0;
    }
    json_t *root =
        good ? json_pack("{s:O, s:O, s:O}", "deletes", deletes, "patches", patches, "posts", posts)
             : NULL;
    char *body = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    json_decref(deletes);
    json_decref(patches);
    json_decref(posts);
    return body;
}
