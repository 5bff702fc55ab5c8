/* The declared backups and what is really there of them. */
#include "coordinator/cli/show_parts.h"

static int mark_of_backup(const char *state) {
    return text_equal(state, "met") ? GOOD : text_equal(state, "warn") ? PLAIN : BAD;
}

static void backup_cells(struct table *table, const json_t *backup) {
    cell(table, "%s", text_in(backup, "component"));
    cell(table, "%s", text_in(backup, "type"));
    long long every_ms = number_in(backup, "every_ms");
    cell(table, "%s", every_ms > 0 ? span_text(every_ms).at : "continuous");
    const char *state = text_in(backup, "state");
    cell_marked(table, mark_of_backup(state), state);
    cell(table, "%s", text_in(backup, "restorable"));
}

static void check_cells(struct table *table, const json_t *check) {
    const char *state = text_in(check, "state");
    cell(table, "%s", text_in(check, "region"));
    cell(table, "%s", has(check, "age_s") ? span_text(number_in(check, "age_s") * 1000).at : "-");
    cell(table, "%s", yes_in(check, "second_location") ? "compared" : "-");
    cell_marked(table, mark_of_backup(state), state);
    cell(table, "%s", text_in(check, "detail"));
}

void show_backups(const json_t *json) {
    static const char *const heads[] = {"COMPONENT", "BACKUP", "EVERY",  "STATE", "RESTORE",
                                        "REGION",    "AGE",    "SECOND", "CHECK", "SEEN"};
    struct table *table = table_of(10, heads);
    size_t i, c;
    json_t *backup, *check, *name;
    json_array_foreach(json_object_get(json, "backups"), i, backup) {
        const json_t *checks = json_object_get(backup, "checks");
        json_array_foreach(checks, c, check) {
            backup_cells(table, backup);
            check_cells(table, check);
        }
        if (json_array_size(checks) == 0) {
            backup_cells(table, backup);
            for (unsigned n = 0; n < 4; n++) {
                cell(table, "-");
            }
            cell(table, "no check has backup = \"%s\"", text_in(backup, "type"));
        }
    }
    table_print(table, 0);
    json_array_foreach(json_object_get(json, "undeclared"), i, name) {
        (void)printf("%s checks a backup that is not declared\n", word_of(name));
    }
}
