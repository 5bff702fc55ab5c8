/* What needs no member: keys, checking and comparing topology files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/conf.h"
#include "common/io/file.h"
#include "common/io/topology_read.h"
#include "coordinator/cli/cli.h"

int local_keygen(struct session *session) {
    const struct command_line *line = session->line;
    struct keys keys;
    struct text256 why = {{0}};
    unsigned kind = 0;
    while (line->kind != NULL && kind <= KEY_OPERATOR &&
           !text_equal(line->kind, key_kind_text((enum key_kind)kind))) {
        kind++;
    }
    if (line->kind == NULL || kind > KEY_OPERATOR) {
        (void)fprintf(stderr, "drover keygen: --kind is member, agent, guard or operator\n");
        return EXIT_USAGE;
    }
    if (!text_is_name(line->words[0], NAME_SIZE)) {
        (void)fprintf(stderr, "drover keygen: \"%s\" is no name: a-z 0-9 - _ . and at most %u\n",
                      line->words[0], NAME_SIZE - 1);
        return EXIT_USAGE;
    }
    const char *out = line->out == NULL ? "." : line->out;
    enum err err = keys_generate((enum key_kind)kind, line->words[0], &keys);
    err = err != ERR_OK ? err : keys_write(&keys, out, &why);
    keys_wipe(&keys);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover keygen: %s\n", why.at[0] == '\0' ? err_text(err) : why.at);
        return EXIT_BROKEN;
    }
    if (line->json) {
        json_t *json = json_pack("{s:s,s:s,s:s}", "kind", line->kind, "name", line->words[0],
                                 "directory", out);
        show_json(json);
        json_decref(json);
    } else {
        (void)printf("%s/%s.key  secret: stays on the machine of this %s\n"
                     "%s/%s.pub  for the topology and the pins\n",
                     out, line->words[0], line->kind, out, line->words[0]);
    }
    return EXIT_OK;
}

/* -------------------------------------------------------------------- config check */

/* Without such a file, or its text, a finding has its path alone. */
static enum err lines_find(const struct findings *findings, const char *file,
                           unsigned ret_lines[FINDINGS_MAX]) {
    const char *paths[FINDINGS_MAX];
    char *text = NULL;
    size_t size = 0;
    memset(ret_lines, 0, FINDINGS_MAX * sizeof ret_lines[0]);
    if (file == NULL || findings->n == 0) {
        return ERR_OK;
    }
    for (unsigned i = 0; i < findings->n; i++) {
        paths[i] = findings->at[i].where;
    }
    enum err err = conf_file(file, TOPOLOGY_BYTES_MAX, &text, &size, NULL);
    if (err != ERR_OK) {
        return err == ERR_NO_MEMORY ? err : ERR_OK;
    }
    err = conf_lines_of(text, size, TOPOLOGY_BYTES_MAX, paths, findings->n, ret_lines);
    free(text);
    return err;
}

json_t *findings_json(const struct findings *findings, const char *file) {
    static unsigned lines[FINDINGS_MAX];
    json_t *list = lines_find(findings, file, lines) == ERR_OK ? json_array() : NULL;
    int failed = list == NULL ? -1 : 0;
    for (unsigned i = 0; i < findings->n && failed == 0; i++) {
        const struct finding *finding = &findings->at[i];
        json_t *one =
            json_pack("{s:s,s:i,s:s,s:s}", "kind", finding->is_error ? "error" : "warning", "code",
                      (int)finding->code, "where", finding->where, "text", finding->text);
        if (lines[i] > 0 && one != NULL) {
            failed = json_object_update_new(
                one, json_pack("{s:s,s:i}", "file", file, "line", (int)lines[i]));
        }
        failed = json_array_append_new(list, one) != 0 || failed != 0;
    }
    if (failed != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

int local_check_file(const char *path, bool quiet_when_good, json_t **ret_json) {
    static struct topology topology;
    static struct findings findings;
    struct text256 why = {{0}};
    if (topology_read_file(path, false, &topology, &why) != ERR_OK) {
        if (ret_json != NULL) {
            *ret_json = json_pack("{s:s,s:b,s:s}", "file", path, "ok", 0, "error", why.at);
        } else {
            (void)fprintf(stderr, "%s\n", why.at);
        }
        return EXIT_USAGE;
    }
    topology_check(&topology, &findings);
    topology_check_steps(&topology, &findings);
    json_t *list = findings_json(&findings, path);
    if (list == NULL) {
        (void)fprintf(stderr, "%s: cannot be checked: %s\n", path, err_text(ERR_NO_MEMORY));
        return EXIT_BROKEN;
    }
    int warnings_n = findings.n + findings.lost_n - findings.errors_n;
    if (ret_json != NULL) {
        *ret_json =
            json_pack("{s:s,s:b,s:i,s:i,s:O}", "file", path, "ok", findings.errors_n == 0, "errors",
                      (int)findings.errors_n, "warnings", warnings_n, "findings", list);
    } else if (!quiet_when_good || findings.errors_n > 0) {
        show_findings(list);
        (void)printf("%s: %u errors, %d warnings\n", path, findings.errors_n, warnings_n);
    }
    json_decref(list);
    return findings.errors_n == 0 ? EXIT_OK : EXIT_REFUSED;
}

int local_sound_file(const struct session *session, char ret_text[TOPOLOGY_BYTES_MAX + 1],
                     size_t *ret_size) {
    struct text256 why = {{0}};
    const char *path = session->line->words[0];
    int code = local_check_file(path, true, NULL);
    if (code == EXIT_OK &&
        file_read(path, ret_text, TOPOLOGY_BYTES_MAX + 1, ret_size, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover %s: %s\n", session->line->verb->name, why.at);
        code = EXIT_USAGE;
    }
    return code;
}

int local_config_check(struct session *session) {
    json_t *json = NULL;
    bool wanted = session->line->json;
    int code = local_check_file(session->line->words[0], false, wanted ? &json : NULL);
    if (wanted && json == NULL && code != EXIT_BROKEN) {
        (void)fprintf(stderr, "drover config check: %s\n", err_text(ERR_NO_MEMORY));
        code = EXIT_BROKEN;
    }
    if (wanted && json != NULL) {
        show_json(json);
        json_decref(json);
    }
    return code;
}

/* --------------------------------------------------------------------- config diff */

#define DIFF_LINES_MAX 6000

struct lines {
    unsigned n;
    struct {
        const char *at;
        size_t size;
    } line[DIFF_LINES_MAX];
};

static bool lines_split(const char *text, struct lines *ret_lines) {
    ret_lines->n = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        if (ret_lines->n == DIFF_LINES_MAX) {
            return false;
        }
        ret_lines->line[ret_lines->n].at = text;
        ret_lines->line[ret_lines->n++].size = size;
        text += size + (text[size] == '\n');
    }
    return true;
}

static bool line_same(const struct lines *a, unsigned i, const struct lines *b, unsigned j) {
    return a->line[i].size == b->line[j].size &&
           memcmp(a->line[i].at, b->line[j].at, a->line[i].size) == 0;
}

static void line_say(char sign, const struct lines *lines, unsigned at) {
    (void)printf("%c%4u  %.*s\n", sign, at + 1, (int)lines->line[at].size, lines->line[at].at);
}

/* The longest common subsequence between the equal beginning and end. false without memory. */
static bool diff_say(const struct lines *old, const struct lines *new, unsigned *ret_told_n) {
    unsigned first = 0, last = 0, told_n = 0;
    while (first < old->n && first < new->n &&line_same(old, first, new, first)) {
        first++;
    }
    while (last < old->n - first &&
           last < new->n - first &&line_same(old, old->n - 1 - last, new, new->n - 1 - last)) {
        last++;
    }
    unsigned rows = old->n - first - last, columns = new->n - first - last;
    uint16_t *common = calloc((size_t)(rows + 1) * (columns + 1), sizeof *common);
    if (common == NULL) {
        return false;
    }
    for (unsigned i = rows; i-- > 0;) {
        for (unsigned j = columns; j-- > 0;) {
            uint16_t down = common[(size_t)(i + 1) * (columns + 1) + j];
            uint16_t right = common[(size_t)i * (columns + 1) + j + 1];
            uint16_t both = common[(size_t)(i + 1) * (columns + 1) + j + 1];
            common[(size_t)i * (columns + 1) + j] = line_same(old, first + i, new, first + j)
                                                        ? (uint16_t)(both + 1)
                                                    : down > right ? down
                                                                   : right;
        }
    }
    for (unsigned i = 0, j = 0; i < rows || j < columns;) {
        if (i < rows && j < columns && line_same(old, first + i, new, first + j)) {
            i++;
            j++;
        } else if (j == columns || (i < rows && common[(size_t)(i + 1) * (columns + 1) + j] >=
                                                    common[(size_t)i * (columns + 1) + j + 1])) {
            line_say('-', old, first + i++);
            told_n++;
        } else {
            line_say('+', new, first + j++);
            told_n++;
        }
    }
    free(common);
    *ret_told_n = told_n;
    return true;
}

int local_config_diff(struct session *session) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    static struct lines old, new;
    struct text256 why = {{0}};
    size_t size = 0;
    unsigned n = 0;
    int code = EXIT_OK;
    struct query query = {.what = "config"};
    if (file_read(session->line->words[0], text, sizeof text, &size, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover config diff: %s\n", why.at);
        return EXIT_USAGE;
    }
    struct client_reply reply = client_ask(session, &query);
    const char *running = json_string_value(json_object_get(reply.json, "text"));
    if (running == NULL) {
        json_decref(reply.json);
        return say_nobody(session);
    }
    long long version = (long long)json_integer_value(json_object_get(reply.json, "version"));
    if (session->line->json) {
        json_t *json = json_pack("{s:I,s:b}", "version", (json_int_t)version, "same",
                                 text_equal(running, text));
        show_json(json);
        json_decref(json);
    } else if (!lines_split(running, &old) || !lines_split(text, &new)) {
        (void)fprintf(stderr, "drover config diff: more than %d lines\n", DIFF_LINES_MAX);
    } else if (!diff_say(&old, &new, &n)) {
        (void)fprintf(stderr, "drover config diff: %s\n", err_text(ERR_NO_MEMORY));
        code = EXIT_BROKEN;
    } else {
        (void)printf("%s %s version %lld\n", session->line->words[0],
                     n == 0 ? "is, line by line," : "differs from", version);
    }
    json_decref(reply.json);
    return code;
}
