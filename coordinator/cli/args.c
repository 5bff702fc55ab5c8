/* Words and options. An option that the verb does not know is a mistake, not noise. */
#include <getopt.h>
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/cli/cli.h"

enum {
    OPTION_CONFIG = 256,
    OPTION_AT,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_KIND,
    OPTION_PLAN,
    OPTION_TO,
    OPTION_REASON,
    OPTION_COMMENT,
    OPTION_OUT,
    OPTION_FOR,
    OPTION_EPOCH,
    OPTION_WATCH,
    OPTION_YES,
    OPTION_FROM,
    OPTION_PRINT,
    OPTION_SET,
    OPTION_FAIL_ON,
    OPTION_FORMAT,
    OPTION_SECRETS,
    OPTION_FAULT,
    OPTION_SEED,
    OPTION_PEOPLE,
    OPTION_DIGEST,
    OPTION_HISTORY,
    OPTION_EVIDENCE,
    OPTION_EVIDENCE_FILE,
    OPTION_SECOND
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"at", required_argument, NULL, OPTION_AT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"to", required_argument, NULL, OPTION_TO},
    {"kind", required_argument, NULL, OPTION_KIND},
    {"plan", required_argument, NULL, OPTION_PLAN},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"comment", required_argument, NULL, OPTION_COMMENT},
    {"out", required_argument, NULL, OPTION_OUT},
    {"for", required_argument, NULL, OPTION_FOR},
    {"epoch", required_argument, NULL, OPTION_EPOCH},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"yes", no_argument, NULL, OPTION_YES},
    {"from", required_argument, NULL, OPTION_FROM},
    {"print", no_argument, NULL, OPTION_PRINT},
    {"set", required_argument, NULL, OPTION_SET},
    {"fail-on", required_argument, NULL, OPTION_FAIL_ON},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"secrets", required_argument, NULL, OPTION_SECRETS},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"people", required_argument, NULL, OPTION_PEOPLE},
    {"digest", required_argument, NULL, OPTION_DIGEST},
    {"history", required_argument, NULL, OPTION_HISTORY},
    {"evidence", required_argument, NULL, OPTION_EVIDENCE},
    {"evidence-file", required_argument, NULL, OPTION_EVIDENCE_FILE},
    {"second", required_argument, NULL, OPTION_SECOND},
    {NULL, 0, NULL, 0}};

static const struct {
    int option;
    uint32_t takes; /* 0: every verb */
    const char *text;
} meanings[] = {{OPTION_CONFIG, 0, "--config FILE"},
                {OPTION_AT, 0, "--at MEMBER"},
                {OPTION_TIMEOUT, 0, "--timeout 5s"},
                {OPTION_JSON, 0, "--json"},
                {OPTION_HELP, 0, "--help"},
                {OPTION_TO, TAKES_TO, "--to REGION"},
                {OPTION_KIND, TAKES_KIND, "--kind KIND"},
                {OPTION_PLAN, TAKES_PLAN, "--plan PLAN"},
                {OPTION_REASON, TAKES_REASON, "--reason TEXT"},
                {OPTION_COMMENT, TAKES_COMMENT, "--comment TEXT"},
                {OPTION_OUT, TAKES_OUT, "--out DIR"},
                {OPTION_FOR, TAKES_FOR, "--for 2h"},
                {OPTION_EPOCH, TAKES_EPOCH, "--epoch N"},
                {OPTION_WATCH, TAKES_WATCH, "--watch"},
                {OPTION_YES, TAKES_YES, "--yes"},
                {OPTION_FROM, TAKES_FROM, "--from N"},
                {OPTION_PRINT, TAKES_PRINT, "--print"},
                {OPTION_SET, TAKES_SET, "--set NUMBER=VALUE"},
                {OPTION_FAIL_ON, TAKES_FAIL_ON, "--fail-on warning"},
                {OPTION_FORMAT, TAKES_FORMAT, "--format FORMAT"},
                {OPTION_SECRETS, TAKES_SECRETS, "--secrets DIR"},
                {OPTION_FAULT, TAKES_FAULT, "--fault WHAT=FAULT"},
                {OPTION_SEED, TAKES_SEED, "--seed N"},
                {OPTION_PEOPLE, TAKES_PEOPLE, "--people 5m"},
                {OPTION_DIGEST, TAKES_DIGEST, "--digest DIGEST"},
                {OPTION_HISTORY, TAKES_HISTORY, "--history FILE"},
                {OPTION_EVIDENCE, TAKES_EVIDENCE, "--evidence TEXT"},
                {OPTION_EVIDENCE_FILE, TAKES_EVIDENCE, "--evidence-file FILE"},
                {OPTION_SECOND, TAKES_SECOND, "--second WORD"}};

#define MEANINGS_N (sizeof meanings / sizeof meanings[0])

const char *args_option(unsigned index, uint32_t *ret_takes) {
    if (index >= MEANINGS_N) {
        return NULL;
    }
    *ret_takes = meanings[index].takes;
    return meanings[index].text;
}

static bool take_timeout(struct command_line *line, const char *value) {
    uint64_t ms = 0;
    if (!duration_from_text(value, &ms) || ms < 100 || ms > 10 * MINUTE_MS) {
        return false;
    }
    line->timeout_ms = (uint32_t)ms;
    return true;
}

static bool take_for(struct command_line *line, const char *value) {
    return duration_from_text(value, &line->for_ms) && line->for_ms >= SECOND_MS &&
           line->for_ms <= UINT32_MAX;
}

static bool take_fail_on(struct command_line *line, const char *value) {
    line->fail_on_warning = text_equal(value, "warning");
    return line->fail_on_warning || text_equal(value, "blocker");
}

static bool take_set(struct command_line *line, const char *value) {
    if (line->sets_n == SETS_MAX) {
        return false;
    }
    line->sets[line->sets_n++] = value;
    return true;
}

static bool take_fault(struct command_line *line, const char *value) {
    if (line->faults_n == FAULTS_MAX) {
        return false;
    }
    line->faults[line->faults_n++] = value;
    return true;
}

static bool take_people(struct command_line *line, const char *value) {
    line->people_given = true;
    return duration_from_text(value, &line->people_ms) && line->people_ms <= 30 * DAY_MS;
}

/* False: the value is none of this option. */
static bool take_option(struct command_line *line, int option, const char *value) {
    switch (option) {
    case OPTION_CONFIG: line->config = value; return true;
    case OPTION_AT: line->at = value; return true;
    case OPTION_KIND: line->kind = value; return true;
    case OPTION_PLAN: line->plan = value; return true;
    case OPTION_TO: line->to = value; return true;
    case OPTION_REASON: line->reason = value; return true;
    case OPTION_COMMENT: line->comment = value; return true;
    case OPTION_OUT: line->out = value; return true;
    case OPTION_FORMAT: line->format = value; return true;
    case OPTION_SECRETS: line->secrets = value; return true;
    case OPTION_FAULT: return take_fault(line, value);
    case OPTION_SEED: return text_to_u64(value, INT64_MAX, &line->seed);
    case OPTION_PEOPLE: return take_people(line, value);
    case OPTION_DIGEST: line->digest = value; return true;
    case OPTION_HISTORY: line->history = value; return true;
    case OPTION_EVIDENCE: line->evidence = value; return true;
    case OPTION_EVIDENCE_FILE: line->evidence_file = value; return true;
    case OPTION_SECOND: line->second = value; return true;
    case OPTION_FOR: return take_for(line, value);
    case OPTION_JSON: line->json = true; return true;
    case OPTION_WATCH: line->watch = true; return true;
    case OPTION_YES: line->yes = true; return true;
    case OPTION_PRINT: line->print = true; return true;
    case OPTION_SET: return take_set(line, value);
    case OPTION_FAIL_ON: return take_fail_on(line, value);
    case OPTION_EPOCH: return text_to_u64(value, INT64_MAX, &line->epoch);
    case OPTION_FROM: return text_to_u64(value, INT64_MAX, &line->from);
    case OPTION_TIMEOUT: return take_timeout(line, value);
    default: return false;
    }
}

static const char *option_text(int option) {
    for (unsigned i = 0; i < MEANINGS_N; i++) {
        if (meanings[i].option == option) {
            return meanings[i].text;
        }
    }
    return "?";
}

static uint32_t option_takes(int option) {
    for (unsigned i = 0; i < MEANINGS_N; i++) {
        if (meanings[i].option == option) {
            return meanings[i].takes;
        }
    }
    return 0;
}

struct seen {
    uint32_t takes;
    bool help, version;
};

/* -1 or the exit code. */
static int read_options(int argc, char **argv, struct command_line *line, struct seen *seen,
                        FILE *errors) {
    int option;
    optind = 0; /* start afresh: tests read many lines */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "?";
            (void)fprintf(errors, "drover: %s %s; see drover help\n", word,
                          option == '?' ? "is no option" : "needs a value");
            return EXIT_USAGE;
        }
        if (option == OPTION_HELP || option == 'h') {
            seen->help = true;
        } else if (option == OPTION_VERSION) {
            seen->version = true;
        } else if (!take_option(line, option, optarg)) {
            (void)fprintf(errors, "drover: %s: \"%s\" is not a value for it\n", option_text(option),
                          optarg);
            return EXIT_USAGE;
        } else {
            seen->takes |= option_takes(option);
        }
    }
    return -1;
}

static int no_verb(int argc, char **argv, FILE *errors) {
    if (optind >= argc) {
        (void)fprintf(errors,
                      "drover: a verb is needed, such as: drover status; see drover help\n");
    } else if (!help_group(argv[optind], errors)) {
        (void)fprintf(errors, "drover: no verb is called \"%s\"; see drover help\n", argv[optind]);
    }
    return EXIT_USAGE;
}

static int check_words(const struct command_line *line, int left_n, uint32_t seen, FILE *errors) {
    const struct verb *verb = line->verb;
    uint32_t strange = seen & ~verb->takes;
    if (strange != 0) {
        for (unsigned i = 0; i < MEANINGS_N; i++) {
            if ((meanings[i].takes & strange) != 0) {
                (void)fprintf(errors, "drover %s: takes no %s\n", verb->name, meanings[i].text);
                break;
            }
        }
    } else if (left_n >= verb->words_min && left_n <= verb->words_max) {
        return -1;
    }
    (void)fprintf(errors, "usage: drover %s %s\n", verb->name, verb->usage);
    return EXIT_USAGE;
}

int args_read(int argc, char **argv, struct command_line *ret_line, FILE *errors) {
    struct seen seen = {0};
    int used = 0;
    memset(ret_line, 0, sizeof *ret_line);
    int code = read_options(argc, argv, ret_line, &seen, errors);
    if (code >= 0) {
        return code;
    }
    if (seen.version) {
        (void)printf("drover %s\n", DROVER_VERSION);
        return EXIT_OK;
    }
    ret_line->verb = verb_find(argc - optind, argv + optind, &used);
    if (seen.help || (ret_line->verb == NULL && optind >= argc && seen.takes == 0)) {
        char help[] = "help";
        char *word = help;
        if (!seen.help) {
            (void)no_verb(argc, argv, errors);
            return EXIT_USAGE;
        }
        if (ret_line->verb != NULL) {
            help_verb(ret_line->verb, stdout);
            return EXIT_OK;
        }
        ret_line->verb = verb_find(1, &word, &used);
        return -1;
    }
    if (ret_line->verb == NULL) {
        return no_verb(argc, argv, errors);
    }
    int left_n = argc - optind - used;
    code = check_words(ret_line, left_n, seen.takes, errors);
    for (int i = 0; code < 0 && i < left_n; i++) {
        ret_line->words[ret_line->words_n++] = argv[optind + used + i];
    }
    return code;
}
