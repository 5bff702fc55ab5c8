/* Help and completion, both out of the table of verbs, so that they cannot tell anything else. */
#include <stdio.h>
#include <string.h>

#include "coordinator/cli/cli.h"

static size_t group_size(const char *name) {
    const char *space = strchr(name, ' ');
    return space == NULL ? 0 : (size_t)(space - name);
}

/* Words within 78 columns, behind an indent. */
static void wrap(const char *text, unsigned indent, FILE *to) {
    unsigned column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > 78) {
            (void)fprintf(to, "\n");
            column = 0;
        }
        (void)fprintf(to, "%*s%.*s", column == 0 ? (int)indent : 1, "", (int)size, text);
        column += (unsigned)(size + (column == 0 ? indent : 1));
        text += size + (text[size] == ' ');
    }
    (void)fprintf(to, "\n");
}

void help_verb(const struct verb *verb, FILE *to) {
    (void)fprintf(to, "drover %s %s\n\n", verb->name, verb->usage);
    wrap(verb->help, 2, to);
    if (verb->teach[0] != '\0') {
        wrap(verb->teach, 2, to);
    }
    (void)fprintf(to, "\n  for example:\n    %s\n", verb->example);
}

bool help_group(const char *group, FILE *to) {
    bool any = false;
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        size_t size = group_size(verb->name);
        if (size > 0 && strlen(group) == size && strncmp(group, verb->name, size) == 0) {
            (void)fprintf(to, "%sdrover %s %s\n    %s\n", any ? "" : "one of:\n", verb->name,
                          verb->usage, verb->help);
            any = true;
        }
    }
    return any;
}

int help_run(struct session *session) {
    const struct command_line *line = session->line;
    int used = 0;
    if (line->words_n > 0) {
        const struct verb *verb =
            verb_find((int)line->words_n, (char *const *)(uintptr_t)line->words, &used);
        if (verb != NULL) {
            help_verb(verb, stdout);
            return EXIT_OK;
        }
        if (line->words_n == 1 && help_group(line->words[0], stdout)) {
            return EXIT_OK;
        }
        (void)fprintf(stderr, "drover: no verb is called \"%s\"\n", line->words[0]);
        return EXIT_USAGE;
    }
    (void)printf("drover: carries a service from a lost region to its standby region\n\n"
                 "usage: drover [OPTIONS] VERB ...\n\n");
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        (void)printf("  %-13s %s\n", verb_at(i)->name, verb_at(i)->help);
    }
    (void)printf("\noptions of every verb:\n"
                 "  --config FILE  the operator's file; else $DROVER_CONFIG, else\n"
                 "                 " CONFIG_DEFAULT "\n"
                 "  --json         what the member said, for programs\n"
                 "  --at MEMBER    ask this member only\n"
                 "  --timeout 5s   how long to wait for an answer\n"
                 "  --help         of the verb\n\n"
                 "exit codes: 0 done, 2 usage, 3 refused by a rule or a check, 4 not authorised,\n"
                 "5 needs approval, 6 no majority or no answer, 7 things moved since you looked,\n"
                 "8 a step failed and waits for people, 9 objective missed, 10 not verified\n\n"
                 "drover help VERB shows one verb with an example.\n");
    return EXIT_OK;
}

/* ---------------------------------------------------------------------- completion */

static void complete_first_words(void) {
    (void)printf("    local verbs=\"");
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const char *name = verb_at(i)->name;
        size_t size = group_size(name);
        bool repeated = size > 0 && i > 0 && group_size(verb_at(i - 1)->name) == size &&
                        strncmp(verb_at(i - 1)->name, name, size) == 0;
        if (!repeated) {
            (void)printf("%s%.*s", i == 0 ? "" : " ", size > 0 ? (int)size : (int)strlen(name),
                         name);
        }
    }
    (void)printf("\"\n");
}

static void complete_options(uint32_t takes, bool common) {
    uint32_t mine = 0;
    const char *text;
    for (unsigned i = 0; (text = args_option(i, &mine)) != NULL; i++) {
        if ((common && mine == 0) || (mine & takes) != 0) {
            (void)printf(" %.*s", (int)strcspn(text, " "), text);
        }
    }
}

static void complete_groups(void) {
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const char *name = verb_at(i)->name;
        size_t size = group_size(name);
        bool first = size > 0 && (i == 0 || strncmp(verb_at(i - 1)->name, name, size + 1) != 0);
        if (!first) {
            continue;
        }
        (void)printf("    %.*s) words=\"", (int)size, name);
        for (unsigned j = i; verb_at(j) != NULL && strncmp(verb_at(j)->name, name, size + 1) == 0;
             j++) {
            (void)printf("%s%s", j == i ? "" : " ", verb_at(j)->name + size + 1);
        }
        (void)printf("\" ;;\n");
    }
}

int help_completion(struct session *session) {
    if (!text_equal(session->line->words[0], "bash")) {
        (void)fprintf(stderr, "drover completion: only bash is known\n");
        return EXIT_USAGE;
    }
    (void)printf("# bash completion for drover, made by: drover completion bash\n_drover() {\n"
                 "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n");
    complete_first_words();
    (void)printf("    local common=\"");
    complete_options(0, true);
    (void)printf("\"\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        mapfile -t COMPREPLY < <(compgen -W \"$verbs $common\" -- \"$word\")\n"
                 "        return\n    fi\n"
                 "    if [ \"$COMP_CWORD\" -eq 2 ]; then\n        case \"${COMP_WORDS[1]}\" in\n");
    complete_groups();
    (void)printf("    help) words=\"$verbs\" ;;\n    esac\n    fi\n"
                 "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]:-}\" in\n");
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        if (verb->takes != 0) {
            (void)printf("    \"%s\"*) words=\"$words", verb->name);
            complete_options(verb->takes, false);
            (void)printf("\" ;;\n");
        }
    }
    (void)printf("    esac\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$words $common\" -f -- \"$word\")\n}\n"
                 "complete -F _drover drover\n");
    return EXIT_OK;
}
