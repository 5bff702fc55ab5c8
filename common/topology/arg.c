/* arg: see arg.h. */
#include "common/topology/arg.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/topology/http_status.h"

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

/* ---- numeric addresses ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit; 16 when it is none. */
static unsigned hex_of(char c) {
    char low = (char)(c | 0x20);
    return is_digit(c)                  ? (unsigned)(c - '0')
           : (low >= 'a' && low <= 'f') ? (unsigned)(low - 'a' + 10)
                                        : 16u;
}

/* Four numbers of 0..255 without leading zeros. */
static bool host_is_ipv4(const char *at) {
    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0, digits = 0;
        for (; is_digit(*at) && digits < 4; at++) {
            value = value * 10 + (unsigned)(*at - '0');
            digits++;
        }
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && at[-(int)digits] == '0') ||
            *at != (part < 3 ? '.' : '\0')) {
            return false;
        }
        at += part < 3;
    }
    return true;
}

/* Eight groups, or fewer around one "::"; the last two may be written as IPv4. */
static bool host_is_ipv6(const char *at) {
    unsigned groups = 0;
    bool gap = at[0] == ':' && at[1] == ':';
    if (gap) {
        at += 2;
    } else if (at[0] == ':') {
        return false;
    }
    while (*at != '\0') {
        const char *start = at;
        while (hex_of(*at) < 16 && at - start < 5) {
            at++;
        }
        if (*at == '.' && host_is_ipv4(start)) {
            groups += 2;
            break;
        }
        if (at == start || at - start > 4 || ++groups > 8) {
            return false;
        }
        if (*at == '\0') {
            break;
        }
        if (*at++ != ':' || *at == '\0') {
            return false;
        }
        if (*at == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            at++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

unsigned host_family(const char *host) {
    return host_is_ipv4(host) ? 4 : host_is_ipv6(host) ? 6 : 0;
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
        host_family(place.host) == 0) {
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
        char low = (char)(text[i] | 0x20);
        if (!is_digit(text[i]) && !(low >= 'a' && low <= 'z') && strchr("-._:", text[i]) == NULL) {
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

bool url_is_numeric(const char *text) {
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
        unsigned value = hex_of(c);
        if (value == 16 || ++digits > 8) {
            return false;
        }
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

/* ---- the rules ---- */

static bool word_is_among(const char *words, const char *word) {
    size_t word_n = strlen(word);
    for (;;) {
        size_t n = strcspn(words, "|");
        if (n == word_n && memcmp(words, word, n) == 0) {
            return true;
        }
        if (words[n] == '\0') {
            return false;
        }
        words += n + 1;
    }
}

/* "on or off", "A, AAAA or CNAME". */
static void words_say(const char *words, struct text256 *text) {
    text_say(text, "%s", "");
    for (;;) {
        size_t n = strcspn(words, "|");
        char word[NAME_SIZE];
        (void)text_format(word, sizeof word, "%.*s", (int)n, words);
        (void)text_append(text->at, sizeof text->at, word);
        if (words[n] == '\0') {
            return;
        }
        words += n + 1;
        (void)text_append(text->at, sizeof text->at, strchr(words, '|') != NULL ? ", " : " or ");
    }
}

/* Numbers are plain: the name says what they count, and a person may have written "5s". */
static const char *number_unit(const char *name) {
    size_t n = strlen(name);
    return n > 3 && text_equal(name + n - 3, "_ms") ? " of milliseconds, without a unit"
           : text_equal(name, "ttl")                ? " of seconds, without a unit"
                                                    : "";
}

static void arg_expected(const struct arg_rule *rule, struct text256 *text) {
    const char *what = "";
    switch (rule->kind) {
    case ARG_TEXT: what = "printable text"; break;
    case ARG_NUMBER:
        text_say(text, "a number%s, from %" PRIu64 " to %" PRIu64, number_unit(rule->name),
                 rule->min, rule->max);
        return;
    case ARG_HOST: what = "a host name or address"; break;
    case ARG_PLACES: what = "numeric host:port, up to 8 with commas between"; break;
    case ARG_URLS: what = "http://IP:PORT or https://IP:PORT, up to 8 with commas between"; break;
    case ARG_URL: what = "an http:// or https:// URL"; break;
    case ARG_NAME: what = "a name of a-z 0-9 - _ ."; break;
    case ARG_SLOT: what = "a name of a-z 0-9 _"; break;
    case ARG_PATH: what = "an absolute path"; break;
    case ARG_YES: what = "yes or no"; break;
    case ARG_LSN: what = "a WAL position, X/Y in hexadecimal"; break;
    case ARG_PLACE: what = "one numeric host:port"; break;
    case ARG_STATUS: what = "200, 200-299 or a list of those"; break;
    case ARG_WORD: words_say(rule->words, text); return;
    }
    text_say(text, "%s", what);
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
    case ARG_PLACE: return place_parse(value, &places.at[0]);
    case ARG_WORD: return word_is_among(rule->words, value);
    case ARG_STATUS: return http_status_list(value);
    }
    return false;
}

bool arg_wrong(struct arg_fault *fault, const char *name, const char *value, const char *expected) {
    *fault = (struct arg_fault){.name = name};
    text_say(&fault->text, "expected %.140s, found \"%.80s\"", expected, value);
    return false;
}

bool args_fit(const struct arg_rule *rules, size_t rules_n, const struct arguments *arguments,
              struct arg_fault *ret_fault) {
    for (size_t i = 0; i < rules_n; i++) {
        const char *value = arg_text(arguments, rules[i].name, NULL);
        struct text256 expected;
        if (value == NULL ? !rules[i].needed : arg_fits(&rules[i], value)) {
            continue;
        }
        arg_expected(&rules[i], &expected);
        if (value != NULL) {
            return arg_wrong(ret_fault, rules[i].name, value, expected.at);
        }
        *ret_fault = (struct arg_fault){.name = rules[i].name, .missing = true};
        text_say(&ret_fault->text, "expected %.200s", expected.at);
        return false;
    }
    return true;
}

void arg_fault_say(const struct arg_fault *fault, struct text256 *reterr) {
    if (fault->name == NULL) {
        text_say(reterr, "%s", fault->text.at);
        return;
    }
    text_say(reterr, "argument \"%s\"%s: %.200s", fault->name, fault->missing ? " is missing" : "",
             fault->text.at);
}
