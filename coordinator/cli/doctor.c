/* What is wrong with the installation on this machine, in plain words. It reads, connects and asks;
 * it changes nothing, and no secret is ever in a line. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/topology_read.h"
#include "coordinator/cli/doctor_parts.h"
#include "coordinator/cli/show_parts.h"

static const char *const state_texts[] = {"good", "warning", "wrong", "skipped"};

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *subject,
                const char *fix, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    doctor->n[state]++;
    /* A path may be anything: what is no UTF-8 is told as such rather than not at all. */
    json_t *said = json_string(text), *mends = json_string(fix == NULL ? "" : fix);
    said = said != NULL ? said : json_string("(a text that is not UTF-8)");
    mends = mends != NULL ? mends : json_string("");
    json_t *line = json_pack("{s:s,s:s,s:o,s:o}", "state", state_texts[state], "subject", subject,
                             "text", said, "fix", mends);
    (void)json_array_append_new(doctor->lines, line);
}

/* ----------------------------------------------------------------- which files */

static const struct {
    const char *name;
    size_t offset;
} known_files[] = {{"agent.conf", offsetof(struct doctor, agent_path)},
                   {"guard.conf", offsetof(struct doctor, guard_path)},
                   {"coordinator.conf", offsetof(struct doctor, coordinator_path)},
                   {"drover.conf", offsetof(struct doctor, cli_path)},
                   {"topology.conf", offsetof(struct doctor, topology_path)},
                   {"haproxy.cfg", offsetof(struct doctor, haproxy_path)}};
#define KNOWN_FILES_N (sizeof known_files / sizeof known_files[0])

static bool take_file(struct doctor *doctor, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (unsigned i = 0; i < KNOWN_FILES_N; i++) {
        char *place = (char *)doctor + known_files[i].offset;
        if (text_equal(name, known_files[i].name)) {
            return place[0] != '\0' || text_copy(place, CONF_PATH_SIZE, path);
        }
    }
    return false;
}

static bool take_word(struct doctor *doctor, const char *word) {
    struct stat stat_;
    char path[CONF_PATH_SIZE];
    bool some = false;
    if (stat(word, &stat_) != 0 || !S_ISDIR(stat_.st_mode)) {
        return stat(word, &stat_) == 0 && take_file(doctor, word);
    }
    for (unsigned i = 0; i < KNOWN_FILES_N; i++) {
        bool fits = text_format(path, sizeof path, "%s/%s", word, known_files[i].name);
        if (fits && access(path, F_OK) == 0) {
            some = take_file(doctor, path) || some;
        }
    }
    return some;
}

/* False: a word that was given is nothing the doctor knows. */
static bool take_words(struct doctor *doctor) {
    const struct command_line *line = doctor->session->line;
    for (unsigned i = 0; i < line->words_n; i++) {
        if (!take_word(doctor, line->words[i])) {
            (void)fprintf(stderr,
                          "drover doctor: %s is no agent.conf, guard.conf, coordinator.conf, "
                          "drover.conf, topology.conf or haproxy.cfg, and holds none\n",
                          line->words[i]);
            return false;
        }
    }
    if (line->words_n == 0) {
        (void)take_word(doctor, "/etc/drover");
        (void)take_word(doctor, "/etc/haproxy");
    }
    const char *config = line->config != NULL ? line->config : getenv("DROVER_CONFIG");
    if (config != NULL) {
        (void)text_copy(doctor->cli_path, CONF_PATH_SIZE, config);
    }
    return true;
}

/* ------------------------------------------------------------------------- show */

static void show_lines(const json_t *lines, const char *state, const char *head, int mark) {
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line) {
        if (!text_equal(text_in(line, "state"), state)) {
            continue;
        }
        (void)printf("%s%-7s%s  %s: %s\n", colour(mark), head, colour_off(),
                     text_in(line, "subject"), text_in(line, "text"));
        if (text_in(line, "fix")[0] != '\0') {
            (void)printf("         fix  %s\n", text_in(line, "fix"));
        }
    }
}

static void show(const struct doctor *doctor) {
    show_lines(doctor->lines, "wrong", "WRONG", BAD);
    show_lines(doctor->lines, "warning", "WARNING", PLAIN);
    show_lines(doctor->lines, "skipped", "skipped", PLAIN);
    show_lines(doctor->lines, "good", "good", GOOD);
    (void)printf("%u wrong, %u warnings, %u skipped, %u good\n", doctor->n[DOCTOR_WRONG],
                 doctor->n[DOCTOR_WARNING], doctor->n[DOCTOR_SKIPPED], doctor->n[DOCTOR_GOOD]);
}

int doctor_run(struct session *session) {
    static struct doctor doctor;
    static struct topology pins, in_force;
    doctor.session = session;
    doctor.pins = &pins;
    doctor.in_force = &in_force;
    doctor.lines = json_array();
    if (!take_words(&doctor)) {
        json_decref(doctor.lines);
        return EXIT_USAGE;
    }
    bool some = doctor.agent_path[0] != '\0' || doctor.guard_path[0] != '\0' ||
                doctor.coordinator_path[0] != '\0' || doctor.cli_path[0] != '\0' ||
                doctor.topology_path[0] != '\0';
    if (!some) {
        doctor_say(&doctor, DOCTOR_WRONG, "files", "see deploy/examples, and docs/topology.md",
                   "no file of drover in /etc/drover: nothing is installed here");
    }
    doctor_members(&doctor); /* first: what is in force judges the files */
    doctor_files(&doctor);
    doctor_host(&doctor);
    doctor_units(&doctor);
    if (session->line->json) {
        json_t *json =
            json_pack("{s:s,s:b,s:i,s:i,s:i,s:i,s:O}", "what", "doctor", "well",
                      doctor.n[DOCTOR_WRONG] == 0, "wrong", (int)doctor.n[DOCTOR_WRONG], "warnings",
                      (int)doctor.n[DOCTOR_WARNING], "skipped", (int)doctor.n[DOCTOR_SKIPPED],
                      "good", (int)doctor.n[DOCTOR_GOOD], "lines", doctor.lines);
        show_json(json);
        json_decref(json);
    } else {
        show(&doctor);
    }
    json_decref(doctor.lines);
    return doctor.n[DOCTOR_WRONG] == 0 ? EXIT_OK : EXIT_NOT_VERIFIED;
}
