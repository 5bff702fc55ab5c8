#include "agent/probes/parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/text.h"

static bool hex_parse(const char *text, size_t n, uint64_t *ret_value) {
    uint64_t value = 0;
    if (n == 0 || n > 8) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'A' && c <= 'F') {
            digit = (unsigned)(c - 'A') + 10;
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

bool lsn_parse(const char *text, uint64_t *ret_lsn) {
    const char *slash = strchr(text, '/');
    uint64_t high = 0;
    uint64_t low = 0;
    if (slash == NULL || !hex_parse(text, (size_t)(slash - text), &high) ||
        !hex_parse(slash + 1, strlen(slash + 1), &low)) {
        return false;
    }
    *ret_lsn = high << 32 | low;
    return true;
}

/* The line "key:value" of INFO: where its value begins and how long it is. */
static const char *info_find(const char *info, const char *key, size_t *ret_n) {
    size_t key_n = strlen(key);
    for (const char *line = info; *line != '\0';) {
        size_t n = strcspn(line, "\r\n");
        if (n > key_n && memcmp(line, key, key_n) == 0 && line[key_n] == ':') {
            *ret_n = n - key_n - 1;
            return line + key_n + 1;
        }
        line += n;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

bool info_get(const char *info, const char *key, char *ret_value, size_t value_size) {
    size_t n = 0;
    const char *value = info_find(info, key, &n);
    if (value == NULL || n >= value_size) {
        return false;
    }
    memcpy(ret_value, value, n);
    ret_value[n] = '\0';
    return true;
}

bool info_get_number(const char *info, const char *key, uint64_t *ret_value) {
    char text[24];
    return info_get(info, key, text, sizeof text) && text_to_u64(text, UINT64_MAX, ret_value);
}

/* The value of `key` in "a=1,b=2". */
static bool pair_get(const char *pairs, const char *key, char *ret_value, size_t value_size) {
    size_t key_n = strlen(key);
    for (const char *at = pairs; *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n > key_n && memcmp(at, key, key_n) == 0 && at[key_n] == '=' &&
            n - key_n - 1 < value_size) {
            memcpy(ret_value, at + key_n + 1, n - key_n - 1);
            ret_value[n - key_n - 1] = '\0';
            return true;
        }
        at += n;
        at += *at == ',' ? 1 : 0;
    }
    return false;
}

bool info_replica(const char *info, unsigned index, struct info_replica *ret_replica) {
    char key[24];
    char pairs[192];
    char value[48];
    char port[8] = "";
    if (!text_format(key, sizeof key, "slave%u", index) ||
        !info_get(info, key, pairs, sizeof pairs)) {
        return false;
    }
    struct info_replica replica = {.lag_s = UINT64_MAX};
    if (!pair_get(pairs, "ip", value, sizeof value) ||
        !pair_get(pairs, "port", port, sizeof port)) {
        return false;
    }
    (void)text_format(replica.address, sizeof replica.address, "%s:%s", value, port);
    replica.online = pair_get(pairs, "state", value, sizeof value) && text_equal(value, "online");
    if (pair_get(pairs, "offset", value, sizeof value) &&
        !text_to_u64(value, UINT64_MAX, &replica.offset)) {
        return false;
    }
    if (pair_get(pairs, "lag", value, sizeof value) &&
        !text_to_u64(value, UINT64_MAX, &replica.lag_s)) {
        replica.lag_s = UINT64_MAX;
    }
    *ret_replica = replica;
    return true;
}

enum err client_local_port(const char *list, unsigned index, uint16_t *ret_port) {
    static const char key[] = " laddr=";
    const char *line = list + strspn(list, "\r\n");
    for (unsigned i = 0; i < index && *line != '\0'; i++) {
        line += strcspn(line, "\r\n");
        line += strspn(line, "\r\n");
    }
    if (*line == '\0') {
        return ERR_NOT_FOUND;
    }
    size_t line_n = strcspn(line, "\r\n");
    const char *at = memmem(line, line_n, key, sizeof key - 1);
    if (at == NULL) {
        return ERR_FORMAT;
    }
    const char *value = at + sizeof key - 1;
    size_t n = strcspn(value, " \r\n"), digits = 0;
    while (digits < n && value[n - digits - 1] >= '0' && value[n - digits - 1] <= '9') {
        digits++;
    }
    uint64_t port = 0;
    char text[8] = "";
    if (digits == 0 || digits >= sizeof text || digits == n || value[n - digits - 1] != ':') {
        return ERR_FORMAT;
    }
    memcpy(text, value + n - digits, digits);
    if (!text_to_u64(text, UINT16_MAX, &port)) {
        return ERR_FORMAT;
    }
    *ret_port = (uint16_t)port;
    return ERR_OK;
}

bool tls_words_have(const char *words, const char *word) {
    size_t word_n = strlen(word);
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (n == word_n && strncasecmp(at, word, n) == 0) {
            return true;
        }
        at += n;
        at += strspn(at, " ");
    }
    return false;
}

void plugin_parse(const char *output, struct plugin_line *ret_line) {
    struct plugin_line line = {.has_value = false};
    size_t n = strcspn(output, "\r\n");
    size_t text_n = strcspn(output, "|\r\n");
    size_t figures = text_n;
    while (text_n > 0 && output[text_n - 1] == ' ') {
        text_n--;
    }
    if (text_n >= sizeof line.text) {
        text_n = sizeof line.text - 1;
    }
    memcpy(line.text, output, text_n);
    line.text[text_n] = '\0';
    const char *equals = figures < n ? memchr(output + figures, '=', n - figures) : NULL;
    if (equals != NULL) {
        char number[40];
        size_t number_n = strspn(equals + 1, "+-0123456789.eE");
        if (number_n > 0 && number_n < sizeof number) {
            memcpy(number, equals + 1, number_n);
            number[number_n] = '\0';
            char *end = NULL;
            double value = strtod(number, &end);
            /* Beyond 2^53 a double is no exact figure any more, and infinity is none at all. */
            if (end != number && value > -9e15 && value < 9e15) {
                line.has_value = true;
                line.value = (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
            }
        }
    }
    *ret_line = line;
}

/* Field `index` of a CSV line. HAProxy quotes no field that is looked at here. */
static bool csv_field(const char *line, size_t line_n, unsigned index, char *ret_field,
                      size_t field_size) {
    const char *at = line;
    const char *end = line + line_n;
    for (unsigned i = 0;; i++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t n = (size_t)((comma != NULL ? comma : end) - at);
        if (i == index) {
            if (n >= field_size) {
                return false;
            }
            memcpy(ret_field, at, n);
            ret_field[n] = '\0';
            return true;
        }
        if (comma == NULL) {
            return false;
        }
        at = comma + 1;
    }
}

static bool csv_column(const char *header, size_t header_n, const char *name, unsigned *ret_index) {
    char field[32];
    for (unsigned i = 0; i < 256; i++) {
        if (csv_field(header, header_n, i, field, sizeof field) && text_equal(field, name)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static void haproxy_row(struct haproxy_view *view, const char *server, const char *status) {
    if (text_equal(server, "FRONTEND")) {
        return;
    }
    view->found = true;
    if (text_equal(server, "BACKEND")) {
        (void)text_copy(view->backend_status, sizeof view->backend_status, status);
        return;
    }
    view->servers_n++;
    if (text_starts(status, "UP") || text_equal(status, "no check")) {
        view->up_n++;
        (void)text_append(view->up_names, sizeof view->up_names, view->up_n > 1 ? " " : "");
        (void)text_append(view->up_names, sizeof view->up_names, server);
    }
}

/* Those of the whole backend: its own row has them, whatever its servers do. */
static void haproxy_sessions(struct haproxy_view *view, const char *line, size_t line_n,
                             unsigned column) {
    char server[128], sessions[24];
    view->sessions_told =
        view->sessions_told ||
        (csv_field(line, line_n, 1, server, sizeof server) && text_equal(server, "BACKEND") &&
         csv_field(line, line_n, column, sessions, sizeof sessions) &&
         text_to_u64(sessions, UINT32_MAX, &view->sessions_n));
}

enum err haproxy_parse(const char *csv, const char *backend, struct haproxy_view *ret_view) {
    struct haproxy_view view = {.found = false};
    unsigned status_at = 0, sessions_at = UINT_MAX; /* a column that no line has */
    size_t header_n = strcspn(csv, "\r\n");
    if (!text_starts(csv, "# pxname,svname,") || !csv_column(csv, header_n, "status", &status_at)) {
        return ERR_FORMAT;
    }
    (void)csv_column(csv, header_n, "scur", &sessions_at);
    for (const char *line = csv + header_n; *line != '\0';) {
        line += strspn(line, "\r\n");
        size_t n = strcspn(line, "\r\n");
        char proxy[128];
        char server[128];
        char status[32];
        if (n > 0 && csv_field(line, n, 0, proxy, sizeof proxy) && text_equal(proxy, backend) &&
            csv_field(line, n, 1, server, sizeof server) &&
            csv_field(line, n, status_at, status, sizeof status)) {
            haproxy_row(&view, server, status);
            haproxy_sessions(&view, line, n, sessions_at);
        }
        line += n;
    }
    *ret_view = view;
    return ERR_OK;
}
