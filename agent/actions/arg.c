/* arg: see arg.h. */
#include "agent/actions/arg.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/ensure.h"

const char *arg_text(const struct arguments *arguments, const char *name, const char *otherwise) {
    const char *value = arguments_get(arguments, name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

const char *arg_either(const struct arguments *arguments, const char *name, const char *broader,
                       const char *otherwise) {
    return arg_text(arguments, name, arg_text(arguments, broader, otherwise));
}

uint64_t arg_number(const struct arguments *arguments, const char *name, uint64_t otherwise) {
    const char *value = arg_text(arguments, name, NULL);
    uint64_t number = otherwise;
    if (value != NULL && !text_to_u64(value, UINT64_MAX, &number)) {
        return otherwise;
    }
    return number;
}

bool arg_yes(const struct arguments *arguments, const char *name, bool otherwise) {
    const char *value = arg_text(arguments, name, NULL);
    return value == NULL ? otherwise : text_equal(value, "yes");
}

static bool numeric_host(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

bool place_parse(const char *text, struct place *ret_place) {
    struct place place = {.port = 0};
    if (!text_copy(place.text, sizeof place.text, text)) {
        return false;
    }
    const char *host = text[0] == '[' ? text + 1 : text;
    const char *end = text[0] == '[' ? strstr(text, "]:") : strrchr(text, ':');
    if (end == NULL || end == host || (size_t)(end - host) >= sizeof place.host) {
        return false;
    }
    memcpy(place.host, host, (size_t)(end - host));
    place.host[end - host] = '\0';
    uint64_t port = 0;
    if (!text_to_u64(end + (text[0] == '[' ? 2 : 1), 65535, &port) || port == 0 ||
        !numeric_host(place.host)) {
        return false;
    }
    place.port = (uint16_t)port;
    *ret_place = place;
    return true;
}

bool place_is(const struct place *place, const char *host, uint16_t port) {
    return place->port == port && text_equal(place->host, host);
}

uint8_t places_find(const struct places *places, const char *host, uint16_t port) {
    for (uint8_t i = 0; i < places->n; i++) {
        if (place_is(&places->at[i], host, port)) {
            return i;
        }
    }
    return NONE;
}

static bool parts_split(const char *value, struct parts *ret_parts) {
    struct parts parts = {.n = 0};
    const char *at = value;
    for (;;) {
        while (*at == ' ') {
            at++;
        }
        size_t n = strcspn(at, ",");
        size_t used = n;
        while (used > 0 && at[used - 1] == ' ') {
            used--;
        }
        if (used == 0 || used >= VALUE_SIZE || parts.n == ARG_PLACES_MAX) {
            return false;
        }
        memcpy(parts.at[parts.n], at, used);
        parts.at[parts.n][used] = '\0';
        parts.n++;
        if (at[n] == '\0') {
            break;
        }
        at += n + 1;
    }
    *ret_parts = parts;
    return true;
}

bool arg_parts(const struct arguments *arguments, const char *name, struct parts *ret_parts) {
    const char *value = arg_text(arguments, name, NULL);
    ret_parts->n = 0;
    return value != NULL && parts_split(value, ret_parts);
}

static bool places_split(const char *value, struct places *ret_places) {
    struct parts parts;
    struct places places = {.n = 0};
    if (!parts_split(value, &parts)) {
        return false;
    }
    for (uint8_t i = 0; i < parts.n; i++) {
        if (!place_parse(parts.at[i], &places.at[i])) {
            return false;
        }
    }
    places.n = parts.n;
    *ret_places = places;
    return true;
}

bool arg_places(const struct arguments *arguments, const char *name, struct places *ret_places) {
    const char *value = arg_text(arguments, name, NULL);
    ret_places->n = 0;
    return value != NULL && places_split(value, ret_places);
}

static bool text_printable(const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] == 0x7f) {
            return false;
        }
    }
    return text[0] != '\0';
}

/* Letters that can go into a shell line, JSON or a connection string without quoting. */
static bool text_is_host(const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-._:", text[i]) == NULL) {
            return false;
        }
    }
    return text[0] != '\0' && strlen(text) < ADDRESS_SIZE;
}

static bool text_is_slot(const char *text) {
    size_t dots_n = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = text[i];
        dots_n += c == '.';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.') {
            return false;
        }
    }
    return text[0] != '\0' && strlen(text) < 64 && dots_n <= 1 && text[0] != '.' &&
           text[strlen(text) - 1] != '.';
}

static bool text_is_url(const char *text) {
    return text_printable(text) && strpbrk(text, " \"'\\<>") == NULL &&
           (text_starts(text, "http://") || text_starts(text, "https://"));
}

/* http://10.0.0.1:8008, nothing behind it. */
static bool url_is_numeric(const char *text) {
    struct place place;
    return text_is_url(text) && place_parse(strstr(text, "://") + 3, &place);
}

static bool urls_accept(const char *value) {
    struct parts parts;
    if (!parts_split(value, &parts)) {
        return false;
    }
    for (uint8_t i = 0; i < parts.n; i++) {
        if (!url_is_numeric(parts.at[i])) {
            return false;
        }
    }
    return true;
}

static bool path_accept(const char *value) {
    return value[0] == '/' && text_printable(value) && strstr(value, "..") == NULL;
}

bool arg_lsn_parse(const char *text, uint64_t *ret_lsn) {
    uint64_t half[2] = {0, 0};
    unsigned digits = 0;
    unsigned which = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = text[i];
        if (c == '/' && which == 0 && digits > 0) {
            which = 1;
            digits = 0;
            continue;
        }
        if (!isxdigit((unsigned char)c) || ++digits > 8) {
            return false;
        }
        unsigned value = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        half[which] = half[which] * 16 + value;
    }
    if (which != 1 || digits == 0) {
        return false;
    }
    *ret_lsn = half[0] << 32 | half[1];
    return true;
}

void lsn_text(uint64_t lsn, char ret_text[LSN_TEXT_SIZE]) {
    bool fits =
        text_format(ret_text, LSN_TEXT_SIZE, "%" PRIX64 "/%" PRIX64, lsn >> 32, lsn & UINT32_MAX);
    ensure(fits);
}

static const char *arg_expected(enum arg_kind kind) {
    switch (kind) {
    case ARG_TEXT: return "printable text";
    case ARG_NUMBER: return "a number";
    case ARG_HOST: return "a host name or address";
    case ARG_PLACES: return "numeric host:port, up to 8 with commas between";
    case ARG_URLS: return "http://IP:PORT or https://IP:PORT, up to 8 with commas between";
    case ARG_URL: return "an http:// or https:// URL";
    case ARG_NAME: return "a name of a-z 0-9 - _ .";
    case ARG_SLOT: return "a name of a-z 0-9 _";
    case ARG_PATH: return "an absolute path";
    case ARG_YES: return "yes or no";
    case ARG_LSN: return "a WAL position, X/Y in hexadecimal";
    }
    return "";
}

static bool arg_fits(const struct arg_rule *rule, const char *value) {
    struct places places;
    uint64_t number = 0;
    switch (rule->kind) {
    case ARG_TEXT: return text_printable(value);
    case ARG_NUMBER: return text_to_u64(value, rule->max, &number) && number >= rule->min;
    case ARG_HOST: return text_is_host(value);
    case ARG_PLACES: return places_split(value, &places);
    case ARG_URLS: return urls_accept(value);
    case ARG_URL: return text_is_url(value);
    case ARG_NAME: return text_is_name(value, VALUE_SIZE);
    case ARG_SLOT: return text_is_slot(value);
    case ARG_PATH: return path_accept(value);
    case ARG_YES: return text_equal(value, "yes") || text_equal(value, "no");
    case ARG_LSN: return arg_lsn_parse(value, &number);
    }
    return false;
}

enum err args_accept(const struct arg_rule *rules, size_t rules_n,
                     const struct arguments *arguments, struct text256 *reterr) {
    for (size_t i = 0; i < rules_n; i++) {
        const char *value = arg_text(arguments, rules[i].name, NULL);
        if (value == NULL) {
            if (rules[i].needed) {
                text_say(reterr, "argument \"%s\" is missing: expected %s", rules[i].name,
                         arg_expected(rules[i].kind));
                return ERR_CONFIG;
            }
            continue;
        }
        if (arg_fits(&rules[i], value)) {
            continue;
        }
        if (rules[i].kind == ARG_NUMBER) {
            text_say(reterr,
                     "argument \"%s\": expected a number from %" PRIu64 " to %" PRIu64
                     ", found \"%.60s\"",
                     rules[i].name, rules[i].min, rules[i].max, value);
        } else {
            text_say(reterr, "argument \"%s\": expected %s, found \"%.80s\"", rules[i].name,
                     arg_expected(rules[i].kind), value);
        }
        return ERR_CONFIG;
    }
    return ERR_OK;
}

enum err args_accept_service(const struct arguments *arguments, bool numeric,
                             struct text256 *reterr) {
    struct place place;
    const char *url = arg_text(arguments, "url", "");
    const char *connect_to = arg_text(arguments, "connect_to", NULL);
    const char *tls = arg_text(arguments, "tls", "1.2");
    if (connect_to != NULL && !place_parse(connect_to, &place)) {
        text_say(reterr, "argument \"connect_to\": expected one numeric host:port");
        return ERR_CONFIG;
    }
    if (numeric && connect_to == NULL && !url_is_numeric(url)) {
        text_say(reterr,
                 "argument \"url\": expected http(s)://IP:PORT, or connect_to beside it: nothing "
                 "is looked up here, found \"%.80s\"",
                 url);
        return ERR_CONFIG;
    }
    if (!text_equal(tls, "1.2") && !text_equal(tls, "1.3")) {
        text_say(reterr, "argument \"tls\": expected 1.2 or 1.3");
        return ERR_CONFIG;
    }
    return ERR_OK;
}
