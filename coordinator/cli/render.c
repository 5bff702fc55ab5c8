/* The members' JSON as text: scalars as "name  value", lists of objects as aligned tables, deeper
 * things indented. Nothing is said by colour alone; times are UTC. */
#include <stdio.h>
#include <string.h>

#include "coordinator/cli/cli.h"

#define COLUMNS_MAX 12
#define CELL_SIZE 72

static void cell_text(const json_t *value, char out[CELL_SIZE]) {
    if (json_is_string(value)) {
        (void)text_copy(out, CELL_SIZE, json_string_value(value));
    } else if (json_is_integer(value)) {
        (void)text_format(out, CELL_SIZE, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        (void)text_format(out, CELL_SIZE, "%.3f", json_real_value(value));
    } else if (json_is_boolean(value)) {
        (void)text_copy(out, CELL_SIZE, json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        out[0] = '\0';
        size_t i;
        json_t *entry;
        json_array_foreach(value, i, entry) {
            char one[CELL_SIZE];
            if (json_is_object(entry) || json_is_array(entry)) {
                (void)text_format(out, CELL_SIZE, "%zu", json_array_size(value));
                return;
            }
            cell_text(entry, one);
            (void)text_append(out, CELL_SIZE, i == 0 ? "" : ",");
            (void)text_append(out, CELL_SIZE, one);
        }
    } else {
        (void)text_copy(out, CELL_SIZE, value == NULL || json_is_null(value) ? "-" : "...");
    }
}

static bool is_table(const json_t *value) {
    return json_is_array(value) && json_array_size(value) > 0 &&
           json_is_object(json_array_get(value, 0));
}

static void render_table(const json_t *rows, int indent) {
    const char *names[COLUMNS_MAX];
    int widths[COLUMNS_MAX];
    unsigned columns_n = 0;
    size_t i;
    json_t *row, *value;
    const char *name;
    json_object_foreach(json_array_get(rows, 0), name, value) {
        if (columns_n < COLUMNS_MAX && !is_table(value) && !json_is_object(value)) {
            names[columns_n] = name;
            widths[columns_n++] = (int)strlen(name);
        }
    }
    json_array_foreach(rows, i, row) {
        for (unsigned c = 0; c < columns_n; c++) {
            char cell[CELL_SIZE];
            cell_text(json_object_get(row, names[c]), cell);
            int width = (int)strlen(cell);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    (void)printf("%*s", indent, "");
    for (unsigned c = 0; c < columns_n; c++) {
        (void)printf("%-*s%s", c + 1 == columns_n ? 0 : widths[c], names[c],
                     c + 1 == columns_n ? "\n" : "  ");
    }
    json_array_foreach(rows, i, row) {
        (void)printf("%*s", indent, "");
        for (unsigned c = 0; c < columns_n; c++) {
            char cell[CELL_SIZE];
            cell_text(json_object_get(row, names[c]), cell);
            (void)printf("%-*s%s", c + 1 == columns_n ? 0 : widths[c], cell,
                         c + 1 == columns_n ? "\n" : "  ");
        }
    }
}

static void render_value(const char *name, json_t *value, int indent);

static void render_object(json_t *object, int indent) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        render_value(name, value, indent);
    }
}

static void render_value(const char *name, json_t *value, int indent) {
    char cell[CELL_SIZE];
    if (json_is_object(value)) {
        (void)printf("%*s%s\n", indent, "", name);
        render_object(value, indent + 2);
    } else if (is_table(value)) {
        (void)printf("%*s%s\n", indent, "", name);
        render_table(value, indent + 2);
    } else if (json_is_string(value) && strchr(json_string_value(value), '\n') != NULL) {
        (void)printf("%s\n", json_string_value(value));
    } else if (json_is_string(value)) {
        (void)printf("%*s%-18s %s\n", indent, "", name, json_string_value(value));
    } else {
        cell_text(value, cell);
        (void)printf("%*s%-18s %s\n", indent, "", name, cell);
    }
}

void render_reply(const struct session *session, const char *what, const json_t *json) {
    (void)what;
    if (json == NULL) {
        return;
    }
    if (session->line->json) {
        (void)json_dumpf(json, stdout, JSON_INDENT(2));
        (void)printf("\n");
        return;
    }
    render_object((json_t *)(uintptr_t)json, 0);
}

void render_findings(const json_t *findings) {
    size_t i;
    json_t *finding;
    json_array_foreach(findings, i, finding) {
        (void)printf("%s %s%d %s: %s\n", json_string_value(json_object_get(finding, "kind")),
                     text_equal(json_string_value(json_object_get(finding, "kind")), "error")
                         ? "E"
                         : "W",
                     (int)json_integer_value(json_object_get(finding, "code")),
                     json_string_value(json_object_get(finding, "where")),
                     json_string_value(json_object_get(finding, "text")));
    }
}
