/* Tables, times and words of everything that is shown, and which question is shown how. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "coordinator/cli/show_parts.h"

/* ---------------------------------------------------------------------- fields */

const char *text_in(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

const char *word_of(const json_t *value) {
    const char *text = json_string_value(value);
    return text == NULL ? "" : text;
}

long long number_in(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

bool yes_in(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

bool has(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value != NULL && !json_is_null(value);
}

struct span span_text(long long ms) {
    struct span span;
    long long s = ms / 1000;
    if (ms < 0) {
        (void)text_copy(span.at, sizeof span.at, "-");
    } else if (ms < 1000) {
        (void)text_format(span.at, sizeof span.at, "%lld ms", ms);
    } else if (ms < 60000) {
        (void)text_format(span.at, sizeof span.at, "%lld.%lld s", s, ms % 1000 / 100);
    } else if (s < 3600) {
        (void)text_format(span.at, sizeof span.at, "%lld m %02lld s", s / 60, s % 60);
    } else if (s < 86400) {
        (void)text_format(span.at, sizeof span.at, "%lld h %02lld m", s / 3600, s % 3600 / 60);
    } else {
        (void)text_format(span.at, sizeof span.at, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    }
    return span;
}

struct span bytes_text(long long bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct span span;
    unsigned unit = 0;
    long long tenths = bytes * 10;
    if (bytes < 0 || bytes > INT64_MAX / 16) {
        (void)text_copy(span.at, sizeof span.at, "-");
        return span;
    }
    for (; tenths >= 10240 && unit < 4; unit++) {
        tenths /= 1024;
    }
    if (unit == 0) {
        (void)text_format(span.at, sizeof span.at, "%lld B", bytes);
    } else {
        (void)text_format(span.at, sizeof span.at, "%lld.%lld %s", tenths / 10, tenths % 10,
                          units[unit]);
    }
    return span;
}

bool execution_stays_inside(const json_t *execution) {
    return text_equal(text_in(execution, "kind"), "drill") ||
           text_equal(text_in(execution, "kind"), "component");
}

const char *execution_kind(const json_t *execution) {
    const char *kind = text_in(execution, "kind");
    return text_equal(kind, "drill") ? "DRILL" : kind;
}

struct text256 way_text(const json_t *execution) {
    struct text256 way;
    bool inside = execution_stays_inside(execution);
    (void)text_format(way.at, sizeof way.at, "%s%s%s", inside ? "in" : text_in(execution, "source"),
                      inside ? " " : " -> ", text_in(execution, "target"));
    return way;
}

struct span clock_text(const json_t *object, const char *key) {
    struct span span;
    const char *text = text_in(object, key);
    if (strlen(text) >= 20) {
        (void)text_format(span.at, sizeof span.at, "%.8sZ", text + 11);
    } else {
        (void)text_copy(span.at, sizeof span.at, "-");
    }
    return span;
}

/* ---------------------------------------------------------------------- colour */

static bool colour_wanted(void) {
    static int wanted = -1;
    if (wanted < 0) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        wanted = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
                 !text_equal(term, "dumb");
    }
    return wanted > 0;
}

const char *colour(int mark) {
    if (!colour_wanted() || mark == PLAIN) {
        return "";
    }
    return mark == BAD ? "\033[1;31m" : "\033[32m";
}

const char *colour_off(void) {
    return colour_wanted() ? "\033[0m" : "";
}

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words != NULL; words++) {
        if (text_equal(word, *words)) {
            return true;
        }
    }
    return false;
}

int mark_of_class(const char *class) {
    static const char *const bad[] = {
        "region-dark",         "region-sick", "region-isolated-but-serving",
        "monitoring-isolated", "stale",       NULL};
    return is_one_of(class, bad) ? BAD : text_equal(class, "well") ? GOOD : PLAIN;
}

int mark_of_status(const char *status) {
    static const char *const bad[] = {"failed", "alert", "stale", NULL};
    return is_one_of(status, bad) ? BAD : text_equal(status, "ok") ? GOOD : PLAIN;
}

int mark_of_step(const char *state) {
    static const char *const bad[] = {"failed", "needs-approval", NULL};
    return is_one_of(state, bad) ? BAD : text_equal(state, "done") ? GOOD : PLAIN;
}

/* ---------------------------------------------------------------------- tables */

struct table *table_of(unsigned columns_n, const char *const *heads) {
    static struct table table;
    ensure(columns_n >= 1 && columns_n <= TABLE_COLUMNS_MAX);
    table.columns_n = columns_n;
    table.cells_n = 0;
    for (unsigned c = 0; c < columns_n; c++) {
        table.heads[c] = heads[c];
    }
    return &table;
}

static void cell_add(struct table *table, int mark, const char *text) {
    if (table->cells_n < TABLE_ROWS_MAX * table->columns_n) {
        (void)text_copy(table->cells[table->cells_n].text, CELL_SIZE, text);
        table->cells[table->cells_n++].mark = mark == BAD ? BAD : mark == GOOD ? GOOD : PLAIN;
    }
}

void cell(struct table *table, const char *format, ...) {
    char text[CELL_SIZE];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    cell_add(table, PLAIN, text);
}

void cell_marked(struct table *table, int mark, const char *text) {
    cell_add(table, mark, text);
}

void table_print(const struct table *table, unsigned indent) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    ensure(table->columns_n >= 1 && table->columns_n <= TABLE_COLUMNS_MAX);
    for (unsigned c = 0; c < table->columns_n; c++) {
        widths[c] = strlen(table->heads[c]);
    }
    for (unsigned i = 0; i < table->cells_n; i++) {
        size_t size = strlen(table->cells[i].text);
        widths[i % table->columns_n] =
            size > widths[i % table->columns_n] ? size : widths[i % table->columns_n];
    }
    (void)printf("%*s", (int)indent, "");
    for (unsigned c = 0; c < table->columns_n; c++) {
        bool last = c + 1 == table->columns_n;
        (void)printf("%-*s%s", last ? 0 : (int)widths[c], table->heads[c], last ? "\n" : "  ");
    }
    for (unsigned i = 0; i < table->cells_n; i++) {
        unsigned c = i % table->columns_n;
        bool last = c + 1 == table->columns_n;
        int mark = (int)table->cells[i].mark;
        size_t size = strlen(table->cells[i].text);
        (void)printf("%*s%s%s%s", c == 0 ? (int)indent : 0, "", mark == PLAIN ? "" : colour(mark),
                     table->cells[i].text, mark == PLAIN ? "" : colour_off());
        (void)printf("%*s%s", last ? 0 : (int)(widths[c] - size), "", last ? "\n" : "  ");
    }
}

/* --------------------------------------------------------------------- which how */

void show_json(const json_t *json) {
    if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0) {
        (void)fprintf(stderr, "drover: the answer could not be written whole\n");
        exit(EXIT_BROKEN); /* half of it must not end as if it were the whole */
    }
    (void)printf("\n");
}

void show_findings(const json_t *findings) {
    size_t i;
    json_t *finding;
    json_array_foreach(findings, i, finding) {
        const char *kind = text_in(finding, "kind");
        bool error = text_equal(kind, "error");
        if (number_in(finding, "line") > 0) {
            (void)printf("%s:%lld: ", text_in(finding, "file"), number_in(finding, "line"));
        }
        (void)printf("%s%s %c%lld%s %s: %s\n", colour(error ? BAD : PLAIN), kind, error ? 'E' : 'W',
                     number_in(finding, "code"), error ? colour_off() : "",
                     text_in(finding, "where"), text_in(finding, "text"));
    }
}

static void show_links_answer(const json_t *json) {
    show_links(json_object_get(json, "links"), true);
    show_trees(json_object_get(json, "trees"));
}

static void show_regions_answer(const json_t *json) {
    show_regions(json_object_get(json, "regions"));
}

static void show_config(const json_t *json) {
    const char *text = text_in(json, "text");
    size_t size = strlen(text);
    (void)printf("%s%s", text, size > 0 && text[size - 1] == '\n' ? "" : "\n");
}

void show_reply(const struct session *session, const char *what, json_t *json) {
    static const struct {
        const char *what;
        void (*show)(const json_t *json);
    } ways[] = {{"status", show_status},          {"explain", show_explain},
                {"regions", show_regions_answer}, {"components", show_components},
                {"links", show_links_answer},     {"agents", show_agents},
                {"members", show_members},        {"rules", show_rules},
                {"executions", show_executions},  {"timeline", show_timeline},
                {"report", show_report},          {"config", show_config},
                {"whoami", show_whoami},          {"backups", show_backups},
                {"readiness", show_readiness},    {"command", show_commands}};
    for (unsigned i = 0; !session->line->json && i < sizeof ways / sizeof ways[0]; i++) {
        if (text_equal(ways[i].what, what)) {
            ways[i].show(json);
            return;
        }
    }
    show_json(json);
}
