/* drover: reads its words, opens the operator's key and pins, runs the verb. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/secrets.h"
#include "common/io/topology_read.h"
#include "common/topology/duration.h"
#include "coordinator/cli/cli.h"

#define CONFIG_DEFAULT "/etc/drover/drover.conf"

enum option_value {
    OPTION_CONFIG = 256, OPTION_AT, OPTION_TIMEOUT, OPTION_KIND, OPTION_PLAN, OPTION_TO,
    OPTION_REASON, OPTION_COMMENT, OPTION_OUT, OPTION_FOR, OPTION_EPOCH, OPTION_JSON,
    OPTION_WATCH, OPTION_YES, OPTION_HELP, OPTION_VERSION
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"at", required_argument, NULL, OPTION_AT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"kind", required_argument, NULL, OPTION_KIND},
    {"plan", required_argument, NULL, OPTION_PLAN},
    {"to", required_argument, NULL, OPTION_TO},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"comment", required_argument, NULL, OPTION_COMMENT},
    {"out", required_argument, NULL, OPTION_OUT},
    {"for", required_argument, NULL, OPTION_FOR},
    {"epoch", required_argument, NULL, OPTION_EPOCH},
    {"json", no_argument, NULL, OPTION_JSON},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"yes", no_argument, NULL, OPTION_YES},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0}};

static bool take_option(struct command_line *line, int option, const char *value) {
    uint64_t number = 0;
    switch (option) {
    case OPTION_CONFIG: line->config = value; return true;
    case OPTION_AT: line->at = value; return true;
    case OPTION_KIND: line->kind = value; return true;
    case OPTION_PLAN: line->plan = value; return true;
    case OPTION_TO: line->to = value; return true;
    case OPTION_REASON: line->reason = value; return true;
    case OPTION_COMMENT: line->comment = value; return true;
    case OPTION_OUT: line->out = value; return true;
    case OPTION_FOR: line->hold_for = value; return true;
    case OPTION_JSON: line->json = true; return true;
    case OPTION_WATCH: line->watch = true; return true;
    case OPTION_YES: line->yes = true; return true;
    case OPTION_EPOCH: return text_to_u64(value, UINT64_MAX, &line->epoch);
    case OPTION_TIMEOUT:
        if (!duration_from_text(value, &number) || number < 100 || number > 600000) {
            return false;
        }
        line->timeout_ms = (uint32_t)number;
        return true;
    default: return false;
    }
}

/* -1: go on; else the exit code. */
static int read_words(struct command_line *line, int argc, char **argv) {
    int option, used = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == OPTION_VERSION) {
            (void)printf("drover 0.1.0\n");
            return EXIT_OK;
        }
        if (option == OPTION_HELP || option == 'h') {
            line->verb = verb_find(1, (char *[]){(char *)(uintptr_t)"help"}, &used);
            continue;
        }
        if (!take_option(line, option, optarg)) {
            (void)fprintf(stderr, "drover: see drover help\n");
            return EXIT_USAGE;
        }
    }
    const struct verb *helped = line->verb;
    line->verb = optind < argc ? verb_find(argc - optind, argv + optind, &used) : helped;
    if (helped != NULL && line->verb != helped) {
        line->verb = helped;
        used = 0;
    }
    if (line->verb == NULL) {
        (void)fprintf(stderr, "drover: %s%s; see drover help\n",
                      optind < argc ? "no verb is called " : "a verb is needed",
                      optind < argc ? argv[optind] : "");
        return EXIT_USAGE;
    }
    for (int i = optind + used; i < argc && line->words_n < WORDS_MAX; i++) {
        line->words[line->words_n++] = argv[i];
    }
    if (line->words_n < line->verb->words_min || line->words_n > line->verb->words_max) {
        (void)fprintf(stderr, "usage: drover %s %s\n", line->verb->name, line->verb->usage);
        return EXIT_USAGE;
    }
    return -1;
}

static int open_session(struct session *session) {
    static struct topology pins;
    struct text256 why = {{0}};
    const char *path = session->line->config;
    path = path != NULL ? path : getenv("DROVER_CONFIG");
    path = path != NULL ? path : CONFIG_DEFAULT;
    session->pins = &pins;
    enum err err = cli_conf_read(path, &session->conf, &why);
    err = err != ERR_OK ? err : keys_read(session->conf.key, &session->keys, &why);
    err = err != ERR_OK ? err : topology_read_file(session->conf.pins, true, &pins, &why);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover: %s\n", why.at);
        return EXIT_USAGE;
    }
    if (session->keys.kind != KEY_OPERATOR) {
        (void)fprintf(stderr, "drover: %s is not an operator's key\n", session->conf.key);
        return EXIT_USAGE;
    }
    if (session->line->at != NULL && topology_member(&pins, session->line->at) == NONE) {
        (void)fprintf(stderr, "drover: no member is called %s\n", session->line->at);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

int main(int argc, char **argv) {
    static struct command_line line;
    static struct session session;
    secrets_protect_process();
    (void)signal(SIGPIPE, SIG_IGN);
    int code = read_words(&line, argc, argv);
    if (code >= 0) {
        return code;
    }
    session.line = &line;
    if (!line.verb->local) {
        code = open_session(&session);
        if (code != EXIT_OK) {
            return code;
        }
    }
    code = line.verb->run(&session);
    keys_wipe(&session.keys);
    return code;
}
