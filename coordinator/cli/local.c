/* What needs no member: keys, checking and comparing topology files, help and completion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/topology_read.h"
#include "coordinator/cli/cli.h"

int local_keygen(struct session *session) {
    static const char *const kinds[] = {"member", "agent", "guard", "operator"};
    const struct command_line *line = session->line;
    struct keys keys;
    struct text256 why = {{0}};
    unsigned kind = 0;
    while (line->kind != NULL && kind < 4 && !text_equal(line->kind, kinds[kind])) {
        kind++;
    }
    if (line->kind == NULL || kind == 4) {
        (void)fprintf(stderr, "drover keygen: --kind is member, agent, guard or operator\n");
        return EXIT_USAGE;
    }
    if (!text_is_name(line->words[0], NAME_SIZE)) {
        (void)fprintf(stderr, "drover keygen: %s is no name (a-z, 0-9, - _ ., at most %u)\n",
                      line->words[0], NAME_SIZE - 1);
        return EXIT_USAGE;
    }
    const char *out = line->out == NULL ? "." : line->out;
    enum err err = keys_generate((enum key_kind)kind, line->words[0], &keys);
    err = err != ERR_OK ? err : keys_write(&keys, out, &why);
    keys_wipe(&keys);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover keygen: %s\n", why.at[0] == '\0' ? err_text(err) : why.at);
        return 1;
    }
    (void)printf("%s/%s.key  secret, for this one %s only\n%s/%s.pub  for the topology and pins\n",
                 out, line->words[0], kinds[kind], out, line->words[0]);
    return EXIT_OK;
}

static json_t *findings_json(const struct findings *findings) {
    json_t *list = json_array();
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->at[i];
        (void)json_array_append_new(
            list, json_pack("{s:s,s:i,s:s,s:s}", "kind", finding->is_error ? "error" : "warning",
                            "code", finding->code, "where", finding->where, "text",
                            finding->text));
    }
    return list;
}

int local_config_check(struct session *session) {
    static struct topology topology;
    static struct findings findings;
    struct text256 why = {{0}};
    const struct command_line *line = session->line;
    if (topology_read_file(line->words[0], false, &topology, &why) != ERR_OK) {
        if (line->json) {
            json_t *json = json_pack("{s:b,s:s}", "ok", 0, "error", why.at);
            (void)json_dumpf(json, stdout, JSON_INDENT(2));
            (void)printf("\n");
            json_decref(json);
        } else {
            (void)fprintf(stderr, "%s\n", why.at);
        }
        return EXIT_USAGE;
    }
    topology_check(&topology, &findings);
    json_t *list = findings_json(&findings);
    if (line->json) {
        json_t *json = json_pack("{s:b,s:i,s:O}", "ok", findings.errors_n == 0, "errors",
                                 findings.errors_n, "findings", list);
        (void)json_dumpf(json, stdout, JSON_INDENT(2));
        (void)printf("\n");
        json_decref(json);
    } else {
        render_findings(list);
        (void)printf("%s: %u errors, %u warnings\n", line->words[0], findings.errors_n,
                     findings.n + findings.lost_n - findings.errors_n);
    }
    json_decref(list);
    return findings.errors_n == 0 ? EXIT_OK : EXIT_REFUSED;
}

/* The lines of a text that the other does not have, in order: enough to see what a change is. */
static unsigned lines_only_in(const char *text, const char *other, char sign) {
    unsigned n = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        bool found = size == 0;
        for (const char *at = other; !found && *at != '\0';) {
            size_t other_size = strcspn(at, "\n");
            found = other_size == size && strncmp(at, text, size) == 0;
            at += other_size + (at[other_size] == '\n');
        }
        if (!found) {
            (void)printf("%c %.*s\n", sign, (int)size, text);
            n++;
        }
        text += size + (text[size] == '\n');
    }
    return n;
}

int local_config_diff(struct session *session) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    struct text256 why = {{0}};
    size_t size = 0;
    struct query query = {.what = "config"};
    if (file_read(session->line->words[0], text, sizeof text, &size, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return EXIT_USAGE;
    }
    struct client_reply reply = client_ask(session, &query);
    const char *running = json_string_value(json_object_get(reply.json, "text"));
    if (running == NULL) {
        (void)fprintf(stderr, "drover: no member answered\n");
        return EXIT_NO_QUORUM;
    }
    unsigned n = lines_only_in(running, text, '-') + lines_only_in(text, running, '+');
    (void)printf("%u lines differ from version %d\n", n,
                 (int)json_integer_value(json_object_get(reply.json, "version")));
    json_decref(reply.json);
    return EXIT_OK;
}

int local_completion(struct session *session) {
    (void)session;
    (void)printf("# bash completion for drover: source this file\n_drover() {\n"
                 "    local words=\"");
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        const char *name = verb_at(i)->name;
        size_t size = strcspn(name, " ");
        bool repeated = i > 0 && strncmp(verb_at(i - 1)->name, name, size + 1) == 0 &&
                        name[size] == ' ';
        if (!repeated) {
            (void)printf("%s%.*s", i == 0 ? "" : " ", (int)size, name);
        }
    }
    (void)printf("\"\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                 "        return\n    fi\n    case \"${COMP_WORDS[1]}\" in\n");
    static const char *const groups[] = {"step", "config"};
    for (unsigned g = 0; g < 2; g++) {
        size_t size = strlen(groups[g]);
        (void)printf("    %s) COMPREPLY=($(compgen -W \"", groups[g]);
        for (unsigned i = 0; verb_at(i) != NULL; i++) {
            if (strncmp(verb_at(i)->name, groups[g], size) == 0 && verb_at(i)->name[size] == ' ') {
                (void)printf("%s ", verb_at(i)->name + size + 1);
            }
        }
        (void)printf("\" -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n");
    }
    (void)printf("    *) COMPREPLY=($(compgen -W \"--json --at --timeout --config --help\" -f -- "
                 "\"${COMP_WORDS[COMP_CWORD]}\")) ;;\n    esac\n}\ncomplete -F _drover drover\n");
    return EXIT_OK;
}

int local_help(struct session *session) {
    int used = 0;
    const struct command_line *line = session->line;
    const struct verb *asked =
        line->words_n > 0 ? verb_find((int)line->words_n, (char **)(uintptr_t)line->words, &used)
                          : NULL;
    if (asked != NULL) {
        (void)printf("drover %s %s\n  %s\n\n  For example:\n    %s\n", asked->name, asked->usage,
                     asked->help, asked->example);
        return EXIT_OK;
    }
    (void)printf("drover: carries a service from a lost region to its standby region\n\n"
                 "usage: drover [--config FILE] [--json] [--at MEMBER] [--timeout 5s] VERB ...\n\n");
    for (unsigned i = 0; verb_at(i) != NULL; i++) {
        (void)printf("  %-14s %s\n", verb_at(i)->name, verb_at(i)->help);
    }
    (void)printf("\n  drover help VERB shows its words and an example.\n"
                 "  Exit: 0 ok, 2 usage, 3 refused by a rule, 4 not authorised, 5 needs approval,\n"
                 "  6 no majority, 7 things moved, 8 step failed, 9 objective missed, 10 not verified\n");
    return EXIT_OK;
}
