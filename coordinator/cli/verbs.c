/* The one table of verbs, and what each asks or requests of the members. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/topology/duration.h"
#include "coordinator/cli/cli.h"

/* ------------------------------------------------------------------ questions */

static int say_nobody(const struct session *session) {
    (void)fprintf(stderr,
                  "drover: no member answered%s%s. Is the network there, is this key in the "
                  "topology?\n",
                  session->line->at == NULL ? "" : " as ",
                  session->line->at == NULL ? "" : session->line->at);
    return EXIT_NO_QUORUM;
}

static int ask(struct session *session, const char *what) {
    struct query query = {.from = 0};
    (void)text_copy(query.what, sizeof query.what, what);
    if (session->line->words_n > 0) {
        (void)text_copy(query.argument, sizeof query.argument, session->line->words[0]);
    }
    struct client_reply reply = client_ask(session, &query);
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    render_reply(session, what, reply.json);
    json_decref(reply.json);
    return reply.exit_code;
}

static int run_status(struct session *session) {
    int code = EXIT_OK;
    do {
        if (session->line->watch) {
            (void)printf("\033[H\033[2J");
        }
        code = ask(session, "status");
        (void)fflush(stdout);
        if (session->line->watch) {
            struct timespec second = {.tv_sec = 1};
            (void)nanosleep(&second, NULL);
        }
    } while (session->line->watch);
    return code;
}

static int run_query(struct session *session) {
    return ask(session, session->line->verb->name);
}

static int run_config_show(struct session *session) {
    return ask(session, "config");
}

/* Each member speaks for itself. */
static int run_members(struct session *session) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "members"};
    int code = EXIT_NO_QUORUM;
    json_t *list = json_array();
    client_ask_all(session, &query, replies);
    for (uint8_t m = 0; m < session->pins->members_n; m++) {
        if (replies[m].json != NULL) {
            (void)json_array_append_new(list, replies[m].json);
            code = EXIT_OK;
        } else {
            (void)json_array_append_new(list, json_pack("{s:s,s:s}", "name",
                                                        session->pins->members[m].name, "state",
                                                        "no answer"));
        }
    }
    json_t *root = json_pack("{s:o}", "members", list);
    render_reply(session, "members", root);
    json_decref(root);
    return code;
}

/* ------------------------------------------------------------------- requests */

static int request_send(struct session *session, struct request *request) {
    struct client_reply reply = client_request(session, request);
    if (reply.json == NULL) {
        (void)fprintf(stderr, "drover: no answer. It is not known whether this was done; "
                              "look with drover status before asking again\n");
        return EXIT_NO_QUORUM;
    }
    if (session->line->json) {
        render_reply(session, "request", reply.json);
    } else {
        const char *text = json_string_value(json_object_get(reply.json, "sentence"));
        const json_t *findings = json_object_get(reply.json, "findings");
        if (findings != NULL) {
            render_findings(findings);
        }
        int rule = (int)json_integer_value(json_object_get(reply.json, "rule"));
        if (reply.exit_code == EXIT_REFUSED) {
            (void)printf("REFUSED rule %d: ", rule);
        }
        (void)printf("%s\n", text == NULL ? "" : text);
        json_int_t execution =
            json_integer_value(json_object_get(reply.json, "execution"));
        if (execution > 0 && reply.exit_code == EXIT_OK) {
            (void)printf("execution %lld; follow it with: drover status --watch\n",
                         (long long)execution);
        }
    }
    json_decref(reply.json);
    return reply.exit_code;
}

static bool take_reason(const struct session *session, struct request *request,
                        const char *reason, const char *option) {
    if (reason == NULL || reason[0] == '\0' ||
        !text_copy(request->reason, sizeof request->reason, reason)) {
        (void)fprintf(stderr, "drover %s: %s is needed, at most %u characters\n",
                      session->line->verb->name, option, SENTENCE_SIZE - 1);
        return false;
    }
    return true;
}

/* A human types what will happen; a script says --yes. */
static bool confirmed(const struct session *session, const char *sentence) {
    char typed[128] = "";
    if (session->line->yes) {
        return true;
    }
    if (!isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "drover %s: not a terminal; add --yes\n",
                      session->line->verb->name);
        return false;
    }
    (void)printf("Type: %s\n> ", sentence);
    (void)fflush(stdout);
    if (fgets(typed, sizeof typed, stdin) == NULL) {
        return false;
    }
    typed[strcspn(typed, "\n")] = '\0';
    return text_equal(typed, sentence);
}

static int run_declare(struct session *session) {
    static const char *const kinds[PLAN_KINDS_N] = {"failover", "switchover", "reprotect"};
    const struct command_line *line = session->line;
    struct request request = {.kind = REQUEST_DECLARE, .epoch = line->epoch};
    char sentence[128];
    uint8_t kind = 0;
    while (line->kind != NULL && kind < PLAN_KINDS_N && !text_equal(line->kind, kinds[kind])) {
        kind++;
    }
    if (kind == PLAN_KINDS_N || line->to == NULL) {
        (void)fprintf(stderr, "drover declare: --to REGION, and --kind failover, switchover or "
                              "reprotect\n");
        return EXIT_USAGE;
    }
    if (topology_region(session->pins, line->to) == NONE) {
        (void)fprintf(stderr, "drover declare: no region is called %s\n", line->to);
        return EXIT_USAGE;
    }
    if (!take_reason(session, &request, line->reason, "--reason")) {
        return EXIT_USAGE;
    }
    request.plan_kind = kind;
    (void)text_copy(request.region, NAME_SIZE, line->to);
    (void)text_copy(request.plan, NAME_SIZE, line->plan == NULL ? "" : line->plan);
    (void)text_format(sentence, sizeof sentence, "%s to %s", kinds[kind], line->to);
    if (!confirmed(session, sentence)) {
        return EXIT_USAGE;
    }
    return request_send(session, &request);
}

static bool take_execution(const struct session *session, struct request *request) {
    const char *word = session->line->words[0];
    if (!text_to_u64(word, UINT64_MAX, &request->execution) || request->execution == 0) {
        (void)fprintf(stderr, "drover %s: %s is no execution's number\n",
                      session->line->verb->name, word);
        return false;
    }
    return session->line->words_n < 2 ||
           text_copy(request->step, sizeof request->step, session->line->words[1]);
}

static int run_on_execution(struct session *session, enum request_kind kind, bool comment) {
    struct request request = {.kind = (uint8_t)kind};
    const struct command_line *line = session->line;
    const char *said = comment ? line->comment : line->reason;
    if (!take_execution(session, &request)) {
        return EXIT_USAGE;
    }
    if (comment && !take_reason(session, &request, said, "--comment")) {
        return EXIT_USAGE;
    }
    if (!comment && said != NULL) {
        (void)text_copy(request.reason, sizeof request.reason, said);
    }
    return request_send(session, &request);
}

static int run_approve(struct session *session) {
    return run_on_execution(session, REQUEST_APPROVE, false);
}

static int run_reject(struct session *session) {
    return run_on_execution(session, REQUEST_REJECT, false);
}

static int run_pause(struct session *session) {
    return run_on_execution(session, REQUEST_PAUSE, false);
}

static int run_resume(struct session *session) {
    return run_on_execution(session, REQUEST_RESUME, false);
}

static int run_abort(struct session *session) {
    return run_on_execution(session, REQUEST_ABORT, false);
}

static int run_step_retry(struct session *session) {
    return run_on_execution(session, REQUEST_STEP_RETRY, false);
}

static int run_step_skip(struct session *session) {
    return run_on_execution(session, REQUEST_STEP_SKIP, true);
}

static int run_step_done(struct session *session) {
    return run_on_execution(session, REQUEST_STEP_DONE, true);
}

static int run_hold(struct session *session) {
    struct request request = {.kind = REQUEST_HOLD};
    uint64_t for_ms = 0;
    if (session->line->hold_for != NULL &&
        (!duration_from_text(session->line->hold_for, &for_ms) || for_ms > UINT32_MAX)) {
        (void)fprintf(stderr, "drover hold: --for 2h, 30m, 1d; without it until released\n");
        return EXIT_USAGE;
    }
    request.for_ms = (uint32_t)for_ms;
    if (!take_reason(session, &request, session->line->reason, "--reason")) {
        return EXIT_USAGE;
    }
    return request_send(session, &request);
}

static int run_release(struct session *session) {
    struct request request = {.kind = REQUEST_RELEASE};
    if (!take_reason(session, &request, session->line->reason, "--reason")) {
        return EXIT_USAGE;
    }
    return request_send(session, &request);
}

static int run_config_apply(struct session *session) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    struct request request = {.kind = REQUEST_CONFIG_APPLY};
    struct text256 why = {{0}};
    size_t size = 0;
    if (file_read(session->line->words[0], text, sizeof text, &size, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return EXIT_USAGE;
    }
    request.text = text;
    request.text_size = (uint32_t)size;
    (void)text_copy(request.reason, sizeof request.reason,
                    session->line->reason == NULL ? "config apply" : session->line->reason);
    return request_send(session, &request);
}

/* ------------------------------------------------------------------- the table */

static const struct verb verbs[] = {
    {"status", "[--watch]", "What is going on, and whose turn it is.", "drover status --watch", 0,
     0, false, run_status},
    {"explain", "[REGION]", "Why there is, or is no, failover now: every gate with its figures.",
     "drover explain east", 0, 1, false, run_query},
    {"regions", "", "The regions: class, lease, voices.", "drover regions", 0, 0, false,
     run_query},
    {"components", "[NAME]", "The components and what their checks say.", "drover components", 0,
     1, false, run_query},
    {"links", "", "The replication links: lag and positions.", "drover links", 0, 0, false,
     run_query},
    {"agents", "", "The agents and their guards.", "drover agents", 0, 0, false, run_query},
    {"members", "", "The members, each asked itself.", "drover members", 0, 0, false,
     run_members},
    {"rules", "", "The table of rules that decides.", "drover rules", 0, 0, false, run_query},
    {"executions", "", "The latest executions.", "drover executions", 0, 0, false, run_query},
    {"timeline", "[EXECUTION]", "The audit's records.", "drover timeline 1", 0, 1, false,
     run_query},
    {"report", "EXECUTION", "What an execution cost and took.", "drover report 1", 1, 1, false,
     run_query},
    {"whoami", "", "Who this key is, and what its role may do.", "drover whoami", 0, 0, false,
     run_query},
    {"declare", "--to REGION [--kind failover|switchover|reprotect] [--plan P] --reason TEXT "
     "[--epoch N] [--yes]",
     "Begins a failover, switchover or reprotect.",
     "drover declare --to west --reason \"east is dark\"", 0, 0, false, run_declare},
    {"approve", "EXECUTION STEP", "Approves a step that waits for your role.",
     "drover approve 1 dns-api", 2, 2, false, run_approve},
    {"reject", "EXECUTION STEP [--reason TEXT]", "Declines; the execution pauses.",
     "drover reject 1 dns-api --reason \"not yet\"", 2, 2, false, run_reject},
    {"pause", "EXECUTION", "No new step starts.", "drover pause 1", 1, 1, false, run_pause},
    {"resume", "EXECUTION", "Goes on.", "drover resume 1", 1, 1, false, run_resume},
    {"abort", "EXECUTION", "Gives up, before the point of no return.", "drover abort 1", 1, 1,
     false, run_abort},
    {"step retry", "EXECUTION STEP", "Tries a failed step again.", "drover step retry 1 dns-api",
     2, 2, false, run_step_retry},
    {"step skip", "EXECUTION STEP --comment TEXT", "Leaves a step out, for ever.",
     "drover step skip 1 dns-api --comment \"record moved by hand\"", 2, 2, false, run_step_skip},
    {"step done", "EXECUTION STEP --comment TEXT", "Says that a step was done by hand.",
     "drover step done 1 dns-api --comment \"nsupdate by net-1\"", 2, 2, false, run_step_done},
    {"hold", "[--for 2h] --reason TEXT", "Holds automation; nothing else changes.",
     "drover hold --for 2h --reason \"network maintenance\"", 0, 0, false, run_hold},
    {"release", "--reason TEXT", "Ends a hold, a latch and the anti-flap block.",
     "drover release --reason \"maintenance over\"", 0, 0, false, run_release},
    {"config show", "", "The topology in force.", "drover config show", 0, 0, false,
     run_config_show},
    {"config check", "FILE", "Checks a topology file; needs no member.",
     "drover config check topology.conf", 1, 1, true, local_config_check},
    {"config diff", "FILE", "What a file would change.", "drover config diff topology.conf", 1, 1,
     false, local_config_diff},
    {"config apply", "FILE", "Makes a file the topology in force.",
     "drover config apply topology.conf", 1, 1, false, run_config_apply},
    {"keygen", "--kind member|agent|guard|operator NAME [--out DIR]", "Makes one identity's keys.",
     "drover keygen --kind agent east-db1 --out /etc/drover", 1, 1, true, local_keygen},
    {"completion", "bash", "Prints the shell's completion.", "drover completion bash", 1, 1, true,
     local_completion},
    {"help", "[VERB]", "This, or a verb's words and an example.", "drover help declare", 0, 2,
     true, local_help},
};

#define VERBS_N (sizeof verbs / sizeof verbs[0])

const struct verb *verb_at(unsigned index) {
    return index < VERBS_N ? &verbs[index] : NULL;
}

const struct verb *verb_find(int words_n, char **words, int *ret_used) {
    char two[64];
    for (int used = words_n < 2 ? words_n : 2; used >= 1; used--) {
        (void)text_format(two, sizeof two, "%s%s%s", words[0], used == 2 ? " " : "",
                          used == 2 ? words[1] : "");
        for (unsigned i = 0; i < VERBS_N; i++) {
            if (text_equal(verbs[i].name, two)) {
                *ret_used = used;
                return &verbs[i];
            }
        }
    }
    return NULL;
}
