/* The values: text, numbers, durations, addresses, keys, choices and references. */
#include <arpa/inet.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/conf_parts.h"
#include "common/topology/duration.h"

bool address_is_numeric(const char *address, bool with_scheme) {
    static const char scheme[] = "tcp://";
    if (with_scheme) {
        if (!text_starts(address, scheme)) {
            return false;
        }
        address += sizeof(scheme) - 1;
    }
    const char *colon = strrchr(address, ':');
    uint64_t port;
    if (colon == NULL || !text_to_u64(colon + 1, 65535, &port) || port == 0) {
        return false;
    }
    char host[64];
    bool bracketed = address[0] == '[' && colon > address && colon[-1] == ']';
    size_t length = (size_t)(colon - address) - (bracketed ? 2 : 0);
    if (length == 0 || length >= sizeof(host)) {
        return false;
    }
    memcpy(host, address + (bracketed ? 1 : 0), length);
    host[length] = 0;
    struct in6_addr any;
    return inet_pton(bracketed ? AF_INET6 : AF_INET, host, &any) == 1;
}

/* The bytes of one UTF-8 character at `text`, or 0: no overlong forms, no surrogates. Texts travel
 * on as JSON, which refuses anything else. */
static size_t utf8_length(const unsigned char *text) {
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
                                : 4;
    if (text[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

static bool text_is_printable(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        size_t n = utf8_length(at);
        if (n == 0 || at[0] < 0x20 || at[0] == 0x7f) {
            return false;
        }
        at += n;
    }
    return true;
}

enum err conf_text(struct conf *conf, const struct config_setting_t *at, const char *what,
                   const char **ret_text) {
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        return conf_expected(conf, at, "%s in quotes", what);
    }
    const char *text = config_setting_get_string(at);
    ensure(text != NULL);
    if (!text_is_printable(text)) {
        return conf_wrong(conf, at, "expected %s, found control characters or no UTF-8", what);
    }
    *ret_text = text;
    return ERR_OK;
}

enum err conf_scalar(struct conf *conf, const struct config_setting_t *at, char *ret_text,
                     size_t text_size) {
    const char *text = NULL;
    char number[32];
    switch (config_setting_type(at)) {
    case CONFIG_TYPE_STRING: {
        enum err err = conf_text(conf, at, "a value", &text);
        if (err != ERR_OK) {
            return err;
        }
        break;
    }
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        (void)text_format(number, sizeof(number), "%lld", config_setting_get_int64(at));
        text = number;
        break;
    case CONFIG_TYPE_BOOL: text = config_setting_get_bool(at) ? "true" : "false"; break;
    default: return conf_expected(conf, at, "a text, a whole number or true/false");
    }
    ensure(text != NULL);
    size_t length = strlen(text);
    if (length >= text_size) {
        return conf_wrong(conf, at, "expected at most %zu characters, found %zu", text_size - 1,
                          length);
    }
    memset(ret_text, 0, text_size);
    memcpy(ret_text, text, length);
    return ERR_OK;
}

enum err conf_choice(struct conf *conf, const struct config_setting_t *at,
                     const char *const *choices, uint8_t *ret_choice) {
    size_t n = 0;
    char list[140] = "";
    for (; choices[n] != NULL; n++) {
        (void)text_append(list, sizeof(list), n == 0 ? "" : ", ");
        (void)text_append(list, sizeof(list), choices[n]);
    }
    ensure(n > 0);
    ensure(n < 255);
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        return conf_expected(conf, at, "one of %s", list);
    }
    const char *text = config_setting_get_string(at);
    for (size_t i = 0; i < n; i++) {
        if (text_equal(choices[i], text)) {
            *ret_choice = (uint8_t)i;
            return ERR_OK;
        }
    }
    const char *nearest = text_nearest(text, choices, n);
    if (nearest != NULL) {
        return conf_wrong(conf, at, "unknown \"%.40s\"; did you mean \"%s\"?", text, nearest);
    }
    return conf_expected(conf, at, "one of %s", list);
}

enum err conf_reference(struct conf *conf, const struct config_setting_t *at,
                        const struct conf_names *names, uint8_t *ret_index) {
    const char *base = conf->context;
    ensure(base != NULL);
    const char *array = base + names->array_offset;
    uint8_t n = *(const uint8_t *)(base + names->n_offset);
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        return conf_expected(conf, at, "the name of a declared %s", names->what);
    }
    const char *text = config_setting_get_string(at);
    const char *words[255];
    for (uint8_t i = 0; i < n; i++) {
        words[i] = array + i * names->entry_size;
        if (text_equal(words[i], text)) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    const char *nearest = text_nearest(text, words, n);
    if (nearest != NULL) {
        return conf_wrong(conf, at, "no %s is called \"%.40s\"; did you mean \"%s\"?", names->what,
                          text, nearest);
    }
    return conf_wrong(conf, at, "no %s is called \"%.40s\"", names->what, text);
}

static enum err store_number(void *to, size_t size, uint64_t value) {
    if (size == 1) {
        *(uint8_t *)to = (uint8_t)value;
    } else if (size == 2) {
        *(uint16_t *)to = (uint16_t)value;
    } else if (size == 4) {
        *(uint32_t *)to = (uint32_t)value;
    } else {
        ensure(size == 8);
        *(uint64_t *)to = value;
    }
    return ERR_OK;
}

static uint64_t field_max(const struct field *field) {
    uint64_t all = field->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * field->size)) - 1;
    return field->max == 0 || field->max > all ? all : field->max;
}

static bool is_integer(const struct config_setting_t *at) {
    int type = config_setting_type(at);
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static enum err field_count(struct conf *conf, const struct config_setting_t *at,
                            const struct field *field, void *to) {
    long long value = is_integer(at) ? config_setting_get_int64(at) : -1;
    if (value < 0 || (uint64_t)value < field->min || (uint64_t)value > field_max(field)) {
        return conf_expected(conf, at, "a whole number of %llu to %llu",
                             (unsigned long long)field->min, (unsigned long long)field_max(field));
    }
    return store_number(to, field->size, (uint64_t)value);
}

static enum err field_duration(struct conf *conf, const struct config_setting_t *at,
                               const struct field *field, void *to) {
    uint64_t ms = 0;
    bool known = false;
    if (is_integer(at) && config_setting_get_int64(at) >= 0) {
        ms = (uint64_t)config_setting_get_int64(at);
        known = true;
    } else if (config_setting_type(at) == CONFIG_TYPE_STRING) {
        known = duration_from_text(config_setting_get_string(at), &ms);
    }
    if (!known) {
        return conf_expected(conf, at,
                             "a duration: \"500ms\", \"30s\", \"5m\", \"1h\", \"14d\", "
                             "or whole milliseconds");
    }
    if (ms < field->min || ms > field_max(field)) {
        return conf_expected(conf, at, "a duration of %s to %s", duration_text(field->min).at,
                             duration_text(field_max(field)).at);
    }
    return store_number(to, field->size, ms);
}

/* Why a text of this kind is not one, as "what was expected"; NULL when it is one. */
static const char *text_fault(enum field_kind kind, const char *text, size_t size) {
    if (kind == FIELD_NAME) {
        return text_is_name(text, size) ? NULL : "a name: a-z, 0-9, - _ . and a letter first";
    }
    if (kind == FIELD_PATH) {
        return text[0] == '/' && strstr(text, "/../") == NULL ? NULL : "an absolute path";
    }
    if (kind == FIELD_ADDRESS) {
        return address_is_numeric(text, true) ? NULL : "tcp://IP:PORT with a numeric address";
    }
    if (kind == FIELD_HOST_PORT) {
        return address_is_numeric(text, false) ? NULL : "IP:PORT with a numeric address";
    }
    return NULL;
}

static enum err field_text(struct conf *conf, const struct config_setting_t *at,
                           const struct field *field, char *to) {
    const char *text = NULL;
    enum err err = conf_text(conf, at, field->kind == FIELD_NAME ? "a name" : "a text", &text);
    if (err != ERR_OK) {
        return err;
    }
    ensure(text != NULL);
    size_t length = strlen(text);
    if (length >= field->size) {
        return conf_expected(conf, at, "at most %zu characters", field->size - 1);
    }
    const char *fault = text_fault(field->kind, text, field->size);
    if (fault != NULL) {
        return conf_expected(conf, at, "%s", fault);
    }
    if (length < field->min) {
        return conf_expected(conf, at, "at least %llu characters", (unsigned long long)field->min);
    }
    memset(to, 0, field->size);
    memcpy(to, text, length);
    return ERR_OK;
}

static enum err field_key(struct conf *conf, const struct config_setting_t *at,
                          const struct field *field, uint8_t *to) {
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        return conf_expected(conf, at, "a key of %zu hex digits in quotes", 2 * field->size);
    }
    const char *text = config_setting_get_string(at);
    if (!text_to_bytes(text, to, field->size)) {
        /* Not shown: a secret key pasted here by mistake must not reach a log. */
        return conf_wrong(conf, at, "expected a key of %zu hex digits, found %zu characters%s",
                          2 * field->size, strlen(text),
                          strlen(text) == 2 * field->size ? " that are not all hex" : "");
    }
    return ERR_OK;
}

enum err conf_field(struct conf *conf, const struct config_setting_t *at, const struct field *field,
                    void *base) {
    void *to = (char *)base + field->offset;
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_PATH:
    case FIELD_ADDRESS:
    case FIELD_HOST_PORT: return field_text(conf, at, field, to);
    case FIELD_BOOL:
        if (config_setting_type(at) != CONFIG_TYPE_BOOL) {
            return conf_expected(conf, at, "true or false");
        }
        *(bool *)to = config_setting_get_bool(at) != 0;
        return ERR_OK;
    case FIELD_COUNT: return field_count(conf, at, field, to);
    case FIELD_DURATION: return field_duration(conf, at, field, to);
    case FIELD_KEY: return field_key(conf, at, field, to);
    case FIELD_CHOICE: return conf_choice(conf, at, field->choices, to);
    case FIELD_REFERENCE: return conf_reference(conf, at, field->names, to);
    case FIELD_READ: return field->read(conf, at, base);
    }
    ensure(false);
    return ERR_CONFIG;
}
