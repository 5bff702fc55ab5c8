/* etcd_kv: see etcd_kv.h. */
#include "agent/actions/etcd_kv.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/http_sync.h"

#define BASE64_SIZE(n) (4 * (((n) + 2) / 3) + 1)
#define ENDPOINT_MS 2000
#define ANSWER_SIZE (BASE64_SIZE(ETCD_VALUE_SIZE) + 2048)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_of(const char *text, char *out, size_t out_size) {
    size_t n = strlen(text);
    ensure(out_size >= BASE64_SIZE(n));
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = 0;
        for (size_t j = 0; j < 3; j++) {
            three = three << 8 | (i + j < n ? (uint8_t)text[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            *out++ = i + j > n ? '=' : digits[three >> (18 - 6 * j) & 63];
        }
    }
    *out = '\0';
}

/* False when it is no base64 or does not fit. */
static bool base64_read(const char *text, struct etcd_value *value) {
    size_t n = strlen(text);
    size_t padding = strspn(text + strcspn(text, "="), "=");
    size_t used = 0;
    if (n % 4 != 0 || padding > 2 || n / 4 * 3 >= sizeof value->at) {
        return false;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < n - padding; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        if (i % 4 > 0) {
            value->at[used++] = (char)(bits >> (6 - 2 * (i % 4)) & 255);
        }
    }
    value->size = used;
    value->at[used] = '\0';
    return true;
}

/* One request to the first endpoint that answers it with 200. */
static enum err etcd_call(const struct parts *endpoints, const char *path, const char *body,
                          uint64_t deadline_boot_ms, char *answer, size_t answer_size,
                          struct text256 *reterr) {
    static const char *const headers[] = {"Content-Type: application/json"};
    enum err err = ERR_UNREACHABLE;
    for (uint8_t i = 0; i < endpoints->n && act_left_ms(deadline_boot_ms) > 0; i++) {
        char url[VALUE_SIZE + 32];
        (void)text_format(url, sizeof url, "%s%s", endpoints->at[i], path);
        struct http_sync_request request = {.method = "POST",
                                            .url = url,
                                            .headers = headers,
                                            .headers_n = 1,
                                            .body = body,
                                            .body_size = strlen(body),
                                            .answer = answer,
                                            .answer_size = answer_size,
                                            .deadline_boot_ms =
                                                act_within(ENDPOINT_MS, deadline_boot_ms)};
        struct http_sync_answer reply;
        err = http_sync(&request, &reply, reterr);
        if (err == ERR_OK && reply.status == 200) {
            return ERR_OK;
        }
        if (err == ERR_OK) {
            text_say(reterr, "etcd at %.60s answered HTTP %ld", endpoints->at[i], reply.status);
            err = reply.status == 503 ? ERR_NO_QUORUM : ERR_FAILED;
        }
    }
    return err;
}

static enum err range_take(const char *answer, struct etcd_value *ret_value,
                           struct text256 *reterr) {
    json_error_t error;
    json_t *root = json_loads(answer, 0, &error);
    const json_t *entry = json_array_get(json_object_get(root, "kvs"), 0);
    struct etcd_value value = {.mod_revision = 0};
    bool good = json_is_object(root);
    if (good && entry != NULL) {
        /* 64-bit numbers are texts in this API. */
        const char *revision = json_string_value(json_object_get(entry, "mod_revision"));
        const char *text = json_string_value(json_object_get(entry, "value"));
        good = revision != NULL && text_to_u64(revision, INT64_MAX, &value.mod_revision) &&
               base64_read(text != NULL ? text : "", &value);
    }
    json_decref(root);
    if (!good) {
        text_say(reterr, "etcd's answer is malformed or larger than %d bytes", ETCD_VALUE_SIZE);
        return ERR_FORMAT;
    }
    *ret_value = value;
    return ERR_OK;
}

enum err etcd_get(const struct parts *endpoints, const char *key, uint64_t deadline_boot_ms,
                  struct etcd_value *ret_value, struct text256 *reterr) {
    char key64[BASE64_SIZE(ETCD_KEY_SIZE)];
    char body[sizeof key64 + 32];
    char answer[ANSWER_SIZE];
    if (strlen(key) >= ETCD_KEY_SIZE) {
        return ERR_TOO_BIG;
    }
    base64_of(key, key64, sizeof key64);
    (void)text_format(body, sizeof body, "{\"key\":\"%s\"}", key64);
    enum err err =
        etcd_call(endpoints, "/v3/kv/range", body, deadline_boot_ms, answer, sizeof answer, reterr);
    return err != ERR_OK ? err : range_take(answer, ret_value, reterr);
}

enum err etcd_put_if(const struct parts *endpoints, const char *key, const char *value,
                     uint64_t mod_revision, uint64_t deadline_boot_ms, struct text256 *reterr) {
    char key64[BASE64_SIZE(ETCD_KEY_SIZE)];
    char value64[BASE64_SIZE(ETCD_VALUE_SIZE)];
    char body[2 * sizeof key64 + sizeof value64 + 256];
    char answer[ANSWER_SIZE];
    if (strlen(key) >= ETCD_KEY_SIZE || strlen(value) >= ETCD_VALUE_SIZE) {
        return ERR_TOO_BIG;
    }
    base64_of(key, key64, sizeof key64);
    base64_of(value, value64, sizeof value64);
    /* MOD 0 is how "no such key" is written. */
    bool fits = text_format(body, sizeof body,
                            "{\"compare\":[{\"key\":\"%s\",\"target\":\"MOD\",\"result\":\"EQUAL\","
                            "\"mod_revision\":\"%" PRIu64 "\"}],\"success\":[{\"requestPut\":"
                            "{\"key\":\"%s\",\"value\":\"%s\"}}]}",
                            key64, mod_revision, key64, value64);
    ensure(fits);
    enum err err =
        etcd_call(endpoints, "/v3/kv/txn", body, deadline_boot_ms, answer, sizeof answer, reterr);
    if (err != ERR_OK) {
        return err;
    }
    json_error_t error;
    json_t *root = json_loads(answer, 0, &error);
    bool succeeded = json_is_true(json_object_get(root, "succeeded"));
    json_decref(root);
    if (!succeeded) {
        text_say(reterr, "somebody else changed the key in between");
        return ERR_STALE;
    }
    return ERR_OK;
}
