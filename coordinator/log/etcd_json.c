#include "coordinator/log/etcd_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/log/base64.h"

/* ---- requests ---- */

void etcd_text_free(struct etcd_text *text) {
    free(text->at);
    memset(text, 0, sizeof(*text));
}

/* Room for n more characters, or NULL once memory ran out. */
static char *text_room(struct etcd_text *text, size_t n) {
    if (text->failed) {
        return NULL;
    }
    if (n > text->size - text->n) {
        size_t size = text->size == 0 ? 1024 : text->size;
        while (size < text->n + n) {
            size *= 2;
        }
        char *at = realloc(text->at, size);
        if (at == NULL) {
            text->failed = true;
            return NULL;
        }
        text->at = at;
        text->size = size;
    }
    char *room = text->at + text->n;
    text->n += n;
    return room;
}

void etcd_add(struct etcd_text *text, const char *literal) {
    size_t n = strlen(literal);
    char *room = text_room(text, n);
    if (room != NULL) {
        memcpy(room, literal, n);
    }
}

void etcd_add_u64(struct etcd_text *text, uint64_t value) {
    char number[32];
    (void)text_format(number, sizeof(number), "\"%llu\"", (unsigned long long)value);
    etcd_add(text, number);
}

void etcd_add_base64(struct etcd_text *text, const uint8_t *bytes, size_t size) {
    char *room = text_room(text, base64_size(size) + 2);
    if (room != NULL) {
        room[0] = '"';
        base64_encode(bytes, size, room + 1);
        room[base64_size(size) + 1] = '"';
    }
}

void etcd_add_key(struct etcd_text *text, const char *key) {
    etcd_add_base64(text, (const uint8_t *)key, strlen(key));
}

void etcd_add_range(struct etcd_text *text, const struct etcd_range_wish *wish) {
    etcd_add(text, "{\"request_range\":{\"key\":");
    etcd_add_key(text, wish->key);
    if (wish->range_end != NULL) {
        etcd_add(text, ",\"range_end\":");
        etcd_add_key(text, wish->range_end);
    }
    if (wish->limit != 0) {
        etcd_add(text, ",\"limit\":");
        etcd_add_u64(text, wish->limit);
    }
    if (wish->min_create != 0) {
        etcd_add(text, ",\"min_create_revision\":");
        etcd_add_u64(text, wish->min_create);
    }
    if (wish->max_create != 0) {
        etcd_add(text, ",\"max_create_revision\":");
        etcd_add_u64(text, wish->max_create);
    }
    etcd_add(text, wish->by_create ? ",\"sort_order\":\"ASCEND\",\"sort_target\":\"CREATE\"" : "");
    etcd_add(text, wish->keys_only ? ",\"keys_only\":true}}" : "}}");
}

void etcd_add_put(struct etcd_text *text, const char *key, const uint8_t *value, size_t size) {
    etcd_add(text, "{\"request_put\":{\"key\":");
    etcd_add_key(text, key);
    etcd_add(text, ",\"value\":");
    etcd_add_base64(text, value, size);
    etcd_add(text, "}}");
}

void etcd_add_delete(struct etcd_text *text, const char *key, const char *range_end) {
    etcd_add(text, "{\"request_delete_range\":{\"key\":");
    etcd_add_key(text, key);
    if (range_end != NULL) {
        etcd_add(text, ",\"range_end\":");
        etcd_add_key(text, range_end);
    }
    etcd_add(text, "}}");
}

void etcd_add_absent(struct etcd_text *text, const char *key) {
    etcd_add(text,
             "{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\",\"key\":");
    etcd_add_key(text, key);
    etcd_add(text, "}");
}

void etcd_add_present(struct etcd_text *text, const char *key) {
    etcd_add(text,
             "{\"target\":\"CREATE\",\"result\":\"GREATER\",\"create_revision\":\"0\",\"key\":");
    etcd_add_key(text, key);
    etcd_add(text, "}");
}

void etcd_add_unchanged(struct etcd_text *text, const char *key, uint64_t mod_revision) {
    etcd_add(text, "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":");
    etcd_add_u64(text, mod_revision);
    etcd_add(text, ",\"key\":");
    etcd_add_key(text, key);
    etcd_add(text, "}");
}

/* ---- answers ---- */

static json_t *json_of(const uint8_t *bytes, size_t size) {
    json_error_t ignored;
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &ignored);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* A number of up to 64 bits, as a string or plainly; left out means 0. */
static bool get_u64(const json_t *object, const char *name, uint64_t *ret_value) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL) {
        *ret_value = 0;
        return true;
    }
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret_value = (uint64_t)json_integer_value(value);
        return true;
    }
    return json_is_string(value) && text_to_u64(json_string_value(value), UINT64_MAX, ret_value);
}

/* Revisions are signed in etcd; ours stay in what SQLite and etcd can both hold. */
static bool get_revision(const json_t *object, const char *name, uint64_t *ret_value) {
    return get_u64(object, name, ret_value) && *ret_value < INT64_MAX;
}

static bool get_bool(const json_t *object, const char *name, bool *ret_value) {
    const json_t *value = json_object_get(object, name);
    *ret_value = json_is_true(value);
    return value == NULL || json_is_boolean(value);
}

/* An object; left out means an empty one, told by *ret_object NULL (jansson takes it as such). */
static bool get_object(const json_t *object, const char *name, const json_t **ret_object) {
    *ret_object = json_object_get(object, name);
    return *ret_object == NULL || json_is_object(*ret_object);
}

static bool get_header(const json_t *root, uint64_t *ret_cluster_id, uint64_t *ret_revision) {
    const json_t *header = json_object_get(root, "header");
    return json_is_object(header) && get_u64(header, "cluster_id", ret_cluster_id) &&
           *ret_cluster_id != 0 && get_revision(header, "revision", ret_revision);
}

static enum err get_value(const json_t *object, struct etcd_kv *kv) {
    const json_t *value = json_object_get(object, "value");
    size_t n = json_string_length(value); /* 0 for what is no string */
    if (value != NULL && !json_is_string(value)) {
        return ERR_FORMAT;
    }
    if (n == 0) {
        return ERR_OK;
    }
    if (n > base64_size(ETCD_VALUE_MAX)) {
        return ERR_FORMAT;
    }
    size_t room = n / 4 * 3 + 1;
    kv->value = malloc(room);
    if (kv->value == NULL) {
        return ERR_NO_MEMORY;
    }
    return base64_decode(json_string_value(value), n, kv->value, room, &kv->size) ? ERR_OK
                                                                                  : ERR_FORMAT;
}

static enum err get_kv(const json_t *object, struct etcd_kv *kv) {
    const json_t *key = json_object_get(object, "key");
    if (!json_is_string(key) || !get_revision(object, "create_revision", &kv->create_revision) ||
        !get_revision(object, "mod_revision", &kv->mod_revision)) {
        return ERR_FORMAT;
    }
    size_t n = json_string_length(key), key_n = 0;
    uint8_t raw[ETCD_KEY_SIZE + 2];
    if (n <= base64_size(ETCD_KEY_SIZE - 1)) {
        if (!base64_decode(json_string_value(key), n, raw, sizeof(raw), &key_n)) {
            return ERR_FORMAT;
        }
        if (key_n < ETCD_KEY_SIZE && memchr(raw, 0, key_n) == NULL) {
            memcpy(kv->key, raw, key_n);
        }
    }
    return get_value(object, kv);
}

static void kvs_free(struct etcd_kvs *kvs) {
    for (size_t i = 0; i < kvs->n; i++) {
        free(kvs->at[i].value);
    }
    free(kvs->at);
    memset(kvs, 0, sizeof(*kvs));
}

/* Room for the items of a JSON array; left out means none. */
static enum err kvs_prepare(const json_t *array, struct etcd_kvs *kvs) {
    size_t n = json_array_size(array); /* 0 for what is no array */
    if ((array != NULL && !json_is_array(array)) || n > ETCD_KVS_MAX) {
        return ERR_FORMAT;
    }
    if (n > 0) {
        kvs->at = calloc(n, sizeof(*kvs->at));
    }
    return n > 0 && kvs->at == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err get_range(const json_t *object, struct etcd_kvs *kvs) {
    const json_t *array = json_object_get(object, "kvs");
    enum err err = get_bool(object, "more", &kvs->more) ? kvs_prepare(array, kvs) : ERR_FORMAT;
    for (size_t i = 0; err == ERR_OK && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        kvs->n = i + 1; /* also what a broken one holds is freed */
        err = json_is_object(item) ? get_kv(item, &kvs->at[i]) : ERR_FORMAT;
    }
    return err;
}

static enum err get_responses(const json_t *array, struct etcd_answer *answer) {
    if (array != NULL && !json_is_array(array)) {
        return ERR_FORMAT;
    }
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const json_t *range = json_object_get(item, "response_range");
        if (!json_is_object(item) || (range != NULL && !json_is_object(range))) {
            return ERR_FORMAT;
        }
        if (range != NULL) {
            if (answer->ranges_n == ETCD_RANGES_MAX) {
                return ERR_FORMAT;
            }
            err = get_range(range, &answer->range[answer->ranges_n++]);
        }
    }
    return err;
}

void etcd_answer_free(struct etcd_answer *answer) {
    for (size_t i = 0; i < answer->ranges_n; i++) {
        kvs_free(&answer->range[i]);
    }
    memset(answer, 0, sizeof(*answer));
}

enum err etcd_parse_txn(const uint8_t *bytes, size_t size, struct etcd_answer *ret_answer) {
    memset(ret_answer, 0, sizeof(*ret_answer));
    json_t *root = json_of(bytes, size);
    enum err err = ERR_FORMAT;
    if (root != NULL && get_header(root, &ret_answer->cluster_id, &ret_answer->revision) &&
        get_bool(root, "succeeded", &ret_answer->succeeded)) {
        err = get_responses(json_object_get(root, "responses"), ret_answer);
    }
    json_decref(root);
    if (err != ERR_OK) {
        etcd_answer_free(ret_answer);
    }
    return err;
}

static enum err get_events(const json_t *array, struct etcd_kvs *puts) {
    enum err err = kvs_prepare(array, puts);
    for (size_t i = 0; err == ERR_OK && i < json_array_size(array); i++) {
        const json_t *event = json_array_get(array, i);
        const json_t *type = json_object_get(event, "type");
        const json_t *kv = json_object_get(event, "kv");
        if (!json_is_object(event) || (type != NULL && !json_is_string(type))) {
            return ERR_FORMAT;
        }
        if (type != NULL && strcmp(json_string_value(type), "PUT") != 0) {
            continue;
        }
        puts->n++;
        err = json_is_object(kv) ? get_kv(kv, &puts->at[puts->n - 1]) : ERR_FORMAT;
    }
    return err;
}

void etcd_line_free(struct etcd_line *line) {
    kvs_free(&line->puts);
}

static void say_string(struct text256 *ret_text, const json_t *value) {
    const char *words = json_string_value(value);
    bool silent = words == NULL || words[0] == '\0'; /* an empty text would mean no error at all */
    (void)text_copy(ret_text->at, sizeof(ret_text->at), silent ? "no reason given" : words);
    for (char *c = ret_text->at; *c != '\0'; c++) { /* a stranger's words go to a terminal */
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
}

enum err etcd_parse_line(const uint8_t *bytes, size_t size, struct etcd_line *ret_line) {
    memset(ret_line, 0, sizeof(*ret_line));
    json_t *root = json_of(bytes, size);
    const json_t *error = json_object_get(root, "error");
    const json_t *result = json_object_get(root, "result");
    enum err err = ERR_FORMAT;
    if (error != NULL) {
        const json_t *message = json_is_object(error) ? json_object_get(error, "message") : error;
        say_string(&ret_line->why, message);
        err = ERR_OK;
    } else if (json_is_object(result) &&
               get_header(result, &ret_line->cluster_id, &ret_line->revision) &&
               get_bool(result, "created", &ret_line->created) &&
               get_bool(result, "canceled", &ret_line->canceled) &&
               get_revision(result, "compact_revision", &ret_line->compact_revision)) {
        if (ret_line->canceled) {
            say_string(&ret_line->why, json_object_get(result, "cancel_reason"));
        }
        err = get_events(json_object_get(result, "events"), &ret_line->puts);
    }
    json_decref(root);
    if (err != ERR_OK) {
        etcd_line_free(ret_line);
        memset(ret_line, 0, sizeof(*ret_line));
    }
    return err;
}

enum err etcd_parse_error(const uint8_t *bytes, size_t size, uint64_t *ret_code,
                          struct text256 *ret_why) {
    json_t *root = json_of(bytes, size);
    const json_t *message = json_object_get(root, "message");
    if (message == NULL) {
        message = json_object_get(root, "error");
    }
    bool good = json_is_string(message) && get_u64(root, "code", ret_code);
    if (good) {
        say_string(ret_why, message);
    }
    json_decref(root);
    return good ? ERR_OK : ERR_FORMAT;
}

static bool get_errors(const json_t *array, struct text256 *ret_errors) {
    if (array != NULL && !json_is_array(array)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct text256 one = {0};
        if (!json_is_string(json_array_get(array, i))) {
            return false;
        }
        say_string(&one, json_array_get(array, i));
        (void)text_append(ret_errors->at, sizeof(ret_errors->at), i > 0 ? "; " : "");
        (void)text_append(ret_errors->at, sizeof(ret_errors->at), one.at);
    }
    return true;
}

enum err etcd_parse_status(const uint8_t *bytes, size_t size, struct etcd_status *ret_status) {
    memset(ret_status, 0, sizeof(*ret_status));
    json_t *root = json_of(bytes, size);
    const json_t *header = NULL, *version = json_object_get(root, "version");
    uint64_t revision = 0;
    bool good = root != NULL && get_header(root, &ret_status->cluster_id, &revision) &&
                get_object(root, "header", &header) &&
                get_u64(header, "member_id", &ret_status->member_id) &&
                get_u64(root, "leader", &ret_status->leader) &&
                get_u64(root, "dbSize", &ret_status->db_size) &&
                get_u64(root, "dbSizeInUse", &ret_status->db_used) &&
                get_errors(json_object_get(root, "errors"), &ret_status->errors);
    if (good && json_is_string(version)) {
        struct text256 words = {0};
        say_string(&words, version);
        (void)text_copy(ret_status->version, sizeof(ret_status->version), words.at);
    }
    json_decref(root);
    if (!good) {
        memset(ret_status, 0, sizeof(*ret_status));
    }
    return good ? ERR_OK : ERR_FORMAT;
}
