/* docs/rules.md is the table of rules, and nothing else. With an argument the program writes the
 * file: unit_coordinator_rules_doc --write docs/rules.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "coordinator/core/core.h"

#define DOC_SIZE (64 * 1024)

static char doc[DOC_SIZE];

static void doc_make(void) {
    char line[512];
    doc[0] = '\0';
    (void)text_append(
        doc, sizeof doc,
        "# The rules\n\n"
        "One event, at most one rule: the table is read from the top, and the first row whose "
        "phase, "
        "event and guard fit\nfires. Log lines, refusals, the timeline and this table name a rule "
        "by "
        "its number. `drover rules` prints the same.\nThis file is made from the program "
        "(`unit_coordinator_rules_doc --write docs/rules.md`), and a test compares the two.\n\n"
        "| rule | phases | on | if | then | which means |\n|--|--|--|--|--|--|\n");
    for (unsigned i = 0; i < rules_count(); i++) {
        struct rule_row row = rules_row(i);
        (void)text_format(line, sizeof line, "| %u | %s | %s | `%s` | %s | %s |\n", row.number,
                          row.phases, row.event, row.guard, row.next, row.sentence);
        (void)text_append(doc, sizeof doc, line);
    }
    (void)text_append(doc, sizeof doc,
                      "\n## Verdicts\n\n"
                      "What a region is called, from its own voice and from the views of it, each "
                      "view's region counting once.\nOnly `region-dark` begins a suspicion by "
                      "itself (rule 201), and `region-sick` where `policy.automatic_sick` is "
                      "set.\n`drover explain` says for each region what was seen, how old that "
                      "is, who agrees, and what would change it.\n\n"
                      "| verdict | which means |\n|--|--|\n");
    for (unsigned c = 0; c < CLASSES_N; c++) {
        (void)text_format(line, sizeof line, "| `%s` | %s |\n", class_text((enum region_class)c),
                          class_sentence((enum region_class)c));
        (void)text_append(doc, sizeof doc, line);
    }
    (void)text_append(doc, sizeof doc,
                      "\n## Gates\n\n"
                      "What must hold before an automatic CLOSE (rule 203). `drover explain` "
                      "prints each with its figure, its limit, its age,\nwho says so, and what "
                      "would have to change.\n\n");
    for (unsigned g = 0; g < GATES_N; g++) {
        (void)text_format(line, sizeof line, "%u. %s\n", g + 1, gate_text((enum gate)g));
        (void)text_append(doc, sizeof doc, line);
    }
}

static void the_document_is_the_table(void **state) {
    static char found[DOC_SIZE];
    (void)state;
    FILE *file = fopen(DROVER_SOURCE_DIR "/docs/rules.md", "rb");
    assert_non_null(file);
    size_t size = fread(found, 1, sizeof found - 1, file);
    found[size] = '\0';
    (void)fclose(file);
    assert_string_equal(found, doc);
}

static void numbers_grow_and_sentences_end(void **state) {
    (void)state;
    for (unsigned i = 0; i < rules_count(); i++) {
        struct rule_row row = rules_row(i);
        size_t size = strlen(row.sentence);
        assert_true(i == 0 || rules_row(i - 1).number < row.number);
        assert_true(size > 4 && row.sentence[size - 1] == '.');
        assert_string_equal(rule_sentence(row.number), row.sentence);
    }
    assert_string_equal(rule_sentence(0), "");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_is_the_table),
        cmocka_unit_test(numbers_grow_and_sentences_end),
    };
    doc_make();
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        FILE *file = fopen(argv[2], "wb");
        bool written = file != NULL && fputs(doc, file) >= 0;
        return file != NULL && fclose(file) == 0 && written ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
