/* What Vault, an OpenID provider, Prometheus and ClickHouse answer. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/parse.h"
#include "common/base/text.h"

static json_t *object_load(const char *json, size_t json_size) {
    json_error_t ignored;
    json_t *root = json_loadb(json, json_size, JSON_REJECT_DUPLICATES, &ignored);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

bool decimal_parse(const char *text, double *ret_value) {
    char *end = NULL;
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) {
        return false;
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* -------------------------------------------------------------------------- vault */

bool vault_health_is_one(const char *json, size_t json_size) {
    json_t *root = object_load(json, json_size);
    bool is_one = json_is_boolean(json_object_get(root, "initialized")) &&
                  json_is_boolean(json_object_get(root, "sealed"));
    json_decref(root);
    return is_one;
}

bool vault_secret_is_there(const char *json, size_t json_size) {
    json_t *root = object_load(json, json_size);
    const json_t *data = json_object_get(root, "data");
    const json_t *inner = json_object_get(data, "data"); /* the key-value engine 2 wraps it */
    const json_t *values = json_is_object(inner) ? inner : data;
    bool is_there = json_is_object(values) && json_object_size(values) > 0;
    json_decref(root);
    return is_there;
}

/* --------------------------------------------------------------------------- oidc */

static bool string_take(const json_t *object, const char *name, char *ret_text, size_t text_size) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && text[0] != '\0' && text_copy(ret_text, text_size, text);
}

enum err oidc_parse(const char *json, size_t json_size, struct oidc_view *ret_view) {
    struct oidc_view view;
    char jwks[256];
    memset(&view, 0, sizeof view);
    json_t *root = object_load(json, json_size);
    bool complete =
        string_take(root, "issuer", view.issuer, sizeof view.issuer) &&
        string_take(root, "token_endpoint", view.token_endpoint, sizeof view.token_endpoint) &&
        string_take(root, "jwks_uri", jwks, sizeof jwks);
    json_decref(root);
    if (!complete) {
        return ERR_FORMAT;
    }
    *ret_view = view;
    return ERR_OK;
}

bool oidc_token_is_there(const char *json, size_t json_size, char *ret_error, size_t error_size) {
    json_t *root = object_load(json, json_size);
    const char *token = json_string_value(json_object_get(root, "access_token"));
    const char *error = json_string_value(json_object_get(root, "error"));
    bool is_there = token != NULL && token[0] != '\0' &&
                    json_string_value(json_object_get(root, "token_type")) != NULL;
    if (error == NULL || !text_copy(ret_error, error_size, error)) {
        ret_error[0] = '\0';
    }
    json_decref(root);
    return is_there;
}

/* --------------------------------------------------------------------- prometheus */

/* [ <unix time>, "<value>" ]; "NaN" and "+Inf" are values, too. */
static bool sample_take(const json_t *pair, struct prometheus_view *view) {
    const char *text = json_string_value(json_array_get(pair, 1));
    char *end = NULL;
    if (json_array_size(pair) != 2 || text == NULL || text[0] == '\0') {
        return false;
    }
    double value = strtod(text, &end);
    if (*end != '\0') {
        return false;
    }
    bool first = view->samples_n == 0;
    bool spoilt = !first && isnan(view->sum);
    view->min = first || (!spoilt && !(value >= view->min)) ? value : view->min;
    view->max = first || (!spoilt && !(value <= view->max)) ? value : view->max;
    view->sum += value;
    view->samples_n++;
    return true;
}

enum err prometheus_parse(const char *json, size_t json_size, struct prometheus_view *ret_view) {
    struct prometheus_view view;
    memset(&view, 0, sizeof view);
    json_t *root = object_load(json, json_size);
    const json_t *data = json_object_get(root, "data");
    const json_t *result = json_object_get(data, "result");
    const char *status = json_string_value(json_object_get(root, "status"));
    const char *type = json_string_value(json_object_get(data, "resultType"));
    bool known =
        status != NULL && type != NULL && text_equal(status, "success") && json_is_array(result);
    if (known && text_equal(type, "scalar")) {
        known = sample_take(result, &view);
    } else {
        known = known && text_equal(type, "vector") &&
                json_array_size(result) <= PROMETHEUS_SAMPLES_MAX;
        for (size_t i = 0; known && i < json_array_size(result); i++) {
            known = sample_take(json_object_get(json_array_get(result, i), "value"), &view);
        }
    }
    json_decref(root);
    if (!known) {
        return ERR_FORMAT;
    }
    *ret_view = view;
    return ERR_OK;
}

/* --------------------------------------------------------------------- clickhouse */

/* A number, or a number in a string. */
static bool integer_take(const json_t *row, const char *name, int64_t *ret_value) {
    const json_t *value = json_object_get(row, name);
    uint64_t parsed = 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret_value = json_integer_value(value);
        return *ret_value <= CLICKHOUSE_FIGURE_MAX;
    }
    if (json_is_string(value) &&
        text_to_u64(json_string_value(value), CLICKHOUSE_FIGURE_MAX, &parsed)) {
        *ret_value = (int64_t)parsed;
        return true;
    }
    return false;
}

enum err clickhouse_parse(const char *row, size_t row_size, struct clickhouse_view *ret_view) {
    struct clickhouse_view view;
    int64_t readonly = 0, expired = 0;
    memset(&view, 0, sizeof view);
    json_t *root = object_load(row, row_size);
    bool complete = integer_take(root, "is_readonly", &readonly) &&
                    integer_take(root, "is_session_expired", &expired) &&
                    integer_take(root, "queue_size", &view.queue_n) &&
                    integer_take(root, "absolute_delay", &view.delay_s) &&
                    integer_take(root, "total_replicas", &view.total_n) &&
                    integer_take(root, "active_replicas", &view.active_n);
    if (!string_take(root, "zookeeper_path", view.keeper_path, sizeof view.keeper_path)) {
        view.keeper_path[0] = '\0';
    }
    json_decref(root);
    if (!complete) {
        return ERR_FORMAT;
    }
    view.is_readonly = readonly != 0;
    view.session_expired = expired != 0;
    *ret_view = view;
    return ERR_OK;
}

enum err clickhouse_names_parse(const char *rows, size_t rows_size,
                                char ret_names[CLICKHOUSE_REPLICAS_MAX][CLICKHOUSE_NAME_SIZE],
                                unsigned *ret_names_n) {
    const char *end = rows + rows_size;
    unsigned names_n = 0;
    for (const char *line = rows; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = stop != NULL ? (size_t)(stop - line) : (size_t)(end - line);
        if (names_n == CLICKHOUSE_REPLICAS_MAX) {
            return ERR_FORMAT;
        }
        char *name = ret_names[names_n++];
        json_t *root = object_load(line, n);
        bool fits =
            string_take(root, "name", name, CLICKHOUSE_NAME_SIZE) && text_is_of(name, "._:@-");
        json_decref(root);
        if (!fits) {
            return ERR_FORMAT;
        }
        line += n + 1;
    }
    *ret_names_n = names_n;
    return names_n > 0 ? ERR_OK : ERR_FORMAT;
}

/* The rest of the line that begins with `name`, up to a line's end. */
static bool line_take(const char *text, const char *name, char *ret_text, size_t text_size) {
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n"), name_n = strlen(name);
        if (text_starts(line, name)) {
            return text_format(ret_text, text_size, "%.*s", (int)(n - name_n), line + name_n);
        }
        line += n + (line[n] == '\n' ? 1 : 0);
    }
    return false;
}

enum err clickhouse_replica_parse(const char *row, size_t row_size,
                                  struct clickhouse_replica *ret_replica) {
    struct clickhouse_replica replica = {0};
    char text[1024], port_text[8], scheme[8] = "http";
    uint64_t port = 0;
    json_t *root = object_load(row, row_size);
    bool known = string_take(root, "value", text, sizeof text);
    json_decref(root);
    if (!known || !line_take(text, "host: ", replica.host, sizeof replica.host) ||
        !text_is_of(replica.host, ".:-") ||
        !line_take(text, "port: ", port_text, sizeof port_text) ||
        !text_to_u64(port_text, UINT16_MAX, &port) || port == 0) {
        return ERR_FORMAT;
    }
    (void)line_take(text, "scheme: ", scheme, sizeof scheme);
    replica.https = text_equal(scheme, "https");
    if (!replica.https && !text_equal(scheme, "http")) {
        return ERR_FORMAT;
    }
    replica.port = (uint16_t)port;
    *ret_replica = replica;
    return ERR_OK;
}

enum err clickhouse_canary_parse(const char *row, size_t row_size, int64_t *ret_number,
                                 int64_t *ret_wall_ms) {
    int64_t number = 0, wall_ms = 0;
    json_t *root = object_load(row, row_size);
    bool complete = integer_take(root, "n", &number) && integer_take(root, "at", &wall_ms);
    json_decref(root);
    if (!complete) {
        return ERR_FORMAT;
    }
    *ret_number = number;
    *ret_wall_ms = wall_ms;
    return ERR_OK;
}

enum err clickhouse_version_parse(const char *row, size_t row_size, char *ret_version,
                                  size_t version_size) {
    json_t *root = object_load(row, row_size);
    bool known = string_take(root, "version", ret_version, version_size);
    json_decref(root);
    return known ? ERR_OK : ERR_FORMAT;
}

/* "Code: 193, e.displayText() = ..." of old versions, "Code: 516. DB::Exception ..." of new
 * ones. */
bool clickhouse_is_auth(const char *body) {
    static const char *const codes[] = {"Code: 192", "Code: 193", "Code: 194", "Code: 516"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (text_starts(body, codes[i])) {
            return true;
        }
    }
    return false;
}

/* -------------------------------------------------------------------------- lines */

/* The next line that counts, trimmed, and its number. NULL at the end. */
static const char *line_next(const char **at, unsigned *number, size_t *ret_n) {
    while (**at != '\0') {
        const char *start = *at + strspn(*at, " \t\r");
        size_t n = strcspn(start, "\n");
        *at = start[n] == '\n' ? start + n + 1 : start + n;
        (*number)++;
        while (n > 0 && (start[n - 1] == ' ' || start[n - 1] == '\t' || start[n - 1] == '\r')) {
            n--;
        }
        if (n > 0 && start[0] != '#') {
            *ret_n = n;
            return start;
        }
    }
    (*number)++;
    return NULL;
}

unsigned lines_differ(const char *ours, const char *theirs, unsigned *ret_lines_n) {
    unsigned our_number = 0, their_number = 0, first = 0, lines_n = 0;
    for (;;) {
        size_t our_n = 0, their_n = 0;
        const char *our = line_next(&ours, &our_number, &our_n);
        const char *their = first == 0 ? line_next(&theirs, &their_number, &their_n) : NULL;
        bool same = our_n == their_n && (our == NULL) == (their == NULL) &&
                    (our == NULL || memcmp(our, their, our_n) == 0);
        if (first == 0 && !same) {
            first = our_number;
        }
        if (our == NULL) {
            *ret_lines_n = lines_n;
            return first;
        }
        lines_n++;
    }
}
