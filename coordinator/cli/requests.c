/* What changes something: put together, asked about, signed, sent, and the answer told. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bits.h"
#include "coordinator/cli/cli.h"

static const char *field(const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

static void tell(const struct session *session, const struct client_reply *reply) {
    const char *sentence = field(reply->json, "sentence");
    json_int_t rule = json_integer_value(json_object_get(reply->json, "rule"));
    json_int_t execution = json_integer_value(json_object_get(reply->json, "execution"));
    if (json_object_get(reply->json, "findings") != NULL) {
        show_findings(json_object_get(reply->json, "findings"));
    }
    if (reply->exit_code != EXIT_OK && rule > 0) {
        (void)printf("REFUSED rule %lld: %s\n", (long long)rule, sentence);
    } else if (reply->exit_code == EXIT_NO_QUORUM) {
        (void)printf("NOT DECIDED: %s\n", sentence);
    } else if (reply->exit_code != EXIT_OK) {
        (void)printf("REFUSED: %s\n", sentence);
    } else {
        (void)printf("%s\n", sentence);
    }
    if (reply->exit_code == EXIT_OK && execution > 0 &&
        session->line->verb->run == request_declare) {
        (void)printf("execution %lld; follow it with: drover status --watch\n",
                     (long long)execution);
    }
}

static int send(struct session *session, struct request *request) {
    struct client_reply reply = client_request(session, request);
    if (reply.json == NULL) {
        (void)say_nobody(session);
        (void)fprintf(stderr, "drover: it is not known whether this was done; look with drover "
                              "timeline before asking again\n");
        return EXIT_NO_QUORUM;
    }
    if (session->line->json) {
        show_json(reply.json);
    } else {
        tell(session, &reply);
    }
    json_decref(reply.json);
    return reply.exit_code;
}

/* A reason is for the audit and for the people who read it at night: never empty where it is
 * needed. */
static bool take_reason(const struct session *session, struct request *request, const char *reason,
                        const char *option, bool needed) {
    if (reason == NULL && !needed) {
        return true;
    }
    if (reason == NULL || reason[0] == '\0' ||
        !text_copy(request->reason, sizeof request->reason, reason)) {
        (void)fprintf(stderr, "drover %s: %s is needed, of at most %u characters\n",
                      session->line->verb->name, option, SENTENCE_SIZE - 1);
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------- declare */

struct query preview_query(const struct request *request) {
    struct query query = {.what = "preview"};
    (void)text_format(query.argument, sizeof query.argument, "%s %s %s",
                      plan_kind_text((enum plan_kind)request->plan_kind), request->region,
                      request->plan);
    return query;
}

/* Shows what would happen now, binds the declaration to what was seen, and says what to type. */
static int preview(struct session *session, struct request *request,
                   char ret_sentence[SENTENCE_TYPED_SIZE]) {
    struct query query = preview_query(request);
    struct client_reply reply = client_ask(session, &query);
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    if (reply.exit_code != EXIT_OK) {
        (void)fprintf(stderr, "drover %s: %s\n", session->line->verb->name,
                      field(reply.json, "error"));
    } else {
        show_preview(reply.json);
        if (request->epoch == 0) {
            request->epoch = (uint64_t)json_integer_value(json_object_get(reply.json, "epoch"));
        }
        if (!request_is_bound(request)) {
            (void)text_to_bytes(field(reply.json, "digest"), request->seen, sizeof request->seen);
        }
        confirm_sentence(reply.json, request->region, request->kind == REQUEST_MODE_UNGRACEFUL,
                         ret_sentence, SENTENCE_TYPED_SIZE);
    }
    json_decref(reply.json);
    return reply.exit_code;
}

/* A human types the target with the cost; a script says --yes. `what` says what that does. */
static int confirm(struct session *session, struct request *request, const char *what) {
    char sentence[SENTENCE_TYPED_SIZE] = "", typed[SENTENCE_TYPED_SIZE + 2] = "";
    if (session->line->yes) {
        return EXIT_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        (void)fprintf(stderr,
                      "drover %s: refused: this is no terminal where the question could be "
                      "answered; scripts say --yes\n",
                      session->line->verb->name);
        return EXIT_USAGE;
    }
    int code = preview(session, request, sentence);
    if (code != EXIT_OK) {
        return code;
    }
    (void)printf("Type \"%s\" to %s, anything else to leave it\n> ", sentence, what);
    (void)fflush(stdout);
    if (fgets(typed, sizeof typed, stdin) == NULL) {
        typed[0] = '\0';
    }
    typed[strcspn(typed, "\r\n")] = '\0';
    if (text_equal(typed, sentence)) {
        return EXIT_OK;
    }
    (void)printf("nothing was asked for\n");
    return EXIT_USAGE;
}

/* A move closes the active region's epoch first. With fewer than a majority of the members nobody
 * could certify the next one: the service would be taken from a region that serves and given to
 * none. --at asks one member, whatever the others do. */
static int majority_there(struct session *session) {
    unsigned members_n = session->pins->members_n;
    unsigned ready_n = session->line->at != NULL ? members_n : client_count_ready(session);
    if (ready_n == 0) {
        return say_nobody(session);
    }
    if (ready_n >= majority_of(members_n)) {
        return EXIT_OK;
    }
    if (session->line->json) {
        json_t *json =
            json_pack("{s:s,s:i,s:i,s:i}", "result", "not-decided", "members_ready_n", (int)ready_n,
                      "members_needed_n", (int)majority_of(members_n), "members_n", (int)members_n);
        show_json(json);
        json_decref(json);
        return EXIT_NO_QUORUM;
    }
    (void)printf("NOT DECIDED: %u of %u members answers and has caught up, %u are needed: the move "
                 "would close the active region and open no other. Bring them back (drover members "
                 "tells which are missing), or declare from where a majority can be reached.\n",
                 ready_n, members_n, majority_of(members_n));
    return EXIT_NO_QUORUM;
}

static bool plan_kind_read(const char *text, uint8_t *ret_kind) {
    for (unsigned kind = 0; kind < PLAN_KINDS_N; kind++) {
        if (text_equal(text, plan_kind_text((enum plan_kind)kind))) {
            *ret_kind = (uint8_t)kind;
            return true;
        }
    }
    return false;
}

int request_declare(struct session *session) {
    const struct command_line *line = session->line;
    struct request request = {.kind = REQUEST_DECLARE, .epoch = line->epoch};
    if (line->kind != NULL && !plan_kind_read(line->kind, &request.plan_kind)) {
        (void)fprintf(stderr, "drover declare: --kind is failover, switchover, reprotect, "
                              "component or drill\n");
        return EXIT_USAGE;
    }
    if (line->to == NULL || topology_region(session->pins, line->to) == NONE) {
        (void)fprintf(stderr, "drover declare: --to REGION is needed%s%s; regions:",
                      line->to == NULL ? "" : ", there is no ", line->to == NULL ? "" : line->to);
        for (uint8_t r = 0; r < session->pins->regions_n; r++) {
            (void)fprintf(stderr, " %s", session->pins->regions[r].name);
        }
        (void)fprintf(stderr, "\n");
        return EXIT_USAGE;
    }
    if (!take_reason(session, &request, line->reason, "--reason TEXT", true)) {
        return EXIT_USAGE;
    }
    (void)text_copy(request.region, NAME_SIZE, line->to);
    if (line->plan != NULL && !text_copy(request.plan, NAME_SIZE, line->plan)) {
        (void)fprintf(stderr, "drover declare: %s is no plan's name\n", line->plan);
        return EXIT_USAGE;
    }
    int code = digest_take(session, &request);
    code = code == EXIT_OK ? confirm(session, &request, "declare this") : code;
    code = code == EXIT_OK ? majority_there(session) : code;
    return code == EXIT_OK ? send(session, &request) : code;
}

/* ----------------------------------------------------------------- of one execution */

static bool take_execution(const struct session *session, struct request *request) {
    const struct command_line *line = session->line;
    if (!text_to_u64(line->words[0], INT64_MAX, &request->execution) || request->execution == 0) {
        (void)fprintf(stderr, "drover %s: \"%s\" is no execution: expected its number\n",
                      line->verb->name, line->words[0]);
        return false;
    }
    return true;
}

static int of_execution(struct session *session, enum request_kind kind, bool comment) {
    const struct command_line *line = session->line;
    struct request request = {.kind = (uint8_t)kind};
    if (!take_execution(session, &request)) {
        return EXIT_USAGE;
    }
    bool handover = kind == REQUEST_COMMAND_HANDOVER;
    if (line->words_n > 1 &&
        (!text_is_name(line->words[1], NAME_SIZE) ||
         !text_copy(handover ? request.to : request.step, NAME_SIZE, line->words[1]))) {
        (void)fprintf(stderr, "drover %s: \"%s\" is no %s name\n", line->verb->name, line->words[1],
                      handover ? "operator's" : "step's");
        return EXIT_USAGE;
    }
    bool said = comment ? take_reason(session, &request, line->comment, "--comment TEXT", true)
                        : take_reason(session, &request, line->reason, "--reason TEXT",
                                      kind == REQUEST_COMMAND_TAKE);
    int code = said ? digest_take(session, &request) : EXIT_USAGE;
    code = code == EXIT_OK ? evidence_take(session, &request) : code;
    return code == EXIT_OK ? send(session, &request) : code;
}

int request_approve(struct session *session) {
    return of_execution(session, REQUEST_APPROVE, false);
}

int request_reject(struct session *session) {
    return of_execution(session, REQUEST_REJECT, false);
}

int request_pause(struct session *session) {
    return of_execution(session, REQUEST_PAUSE, false);
}

int request_resume(struct session *session) {
    return of_execution(session, REQUEST_RESUME, false);
}

int request_abort(struct session *session) {
    return of_execution(session, REQUEST_ABORT, false);
}

int request_step_retry(struct session *session) {
    return of_execution(session, REQUEST_STEP_RETRY, false);
}

int request_step_skip(struct session *session) {
    return of_execution(session, REQUEST_STEP_SKIP, true);
}

int request_step_done(struct session *session) {
    return of_execution(session, REQUEST_STEP_DONE, true);
}

int request_command_take(struct session *session) {
    return of_execution(session, REQUEST_COMMAND_TAKE, false);
}

int request_command_handover(struct session *session) {
    return of_execution(session, REQUEST_COMMAND_HANDOVER, false);
}

/* Whose preview tells what would be lost: the plan of that execution, to its target. */
static int plan_of_execution(struct session *session, struct request *request) {
    struct query query = {.what = "executions"};
    struct client_reply reply = client_ask(session, &query);
    size_t i;
    json_t *execution;
    bool found = false;
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    json_array_foreach(json_object_get(reply.json, "executions"), i, execution) {
        json_int_t id = json_integer_value(json_object_get(execution, "id"));
        if ((uint64_t)id == request->execution) {
            found = text_copy(request->region, NAME_SIZE, field(execution, "target")) &&
                    text_copy(request->plan, NAME_SIZE, field(execution, "plan")) &&
                    plan_kind_read(field(execution, "kind"), &request->plan_kind);
        }
    }
    json_decref(reply.json);
    if (!found) {
        (void)fprintf(stderr, "drover mode: there is no execution %" PRIu64 "\n",
                      request->execution);
    }
    return found ? EXIT_OK : EXIT_USAGE;
}

int request_mode(struct session *session) {
    const struct command_line *line = session->line;
    bool graceful = text_equal(line->words[1], "graceful");
    struct request request = {.kind = REQUEST_MODE_GRACEFUL};
    if (!graceful && !text_equal(line->words[1], "ungraceful")) {
        (void)fprintf(stderr, "drover mode: expected graceful or ungraceful, found \"%s\"\n",
                      line->words[1]);
        return EXIT_USAGE;
    }
    if (!take_execution(session, &request) ||
        !take_reason(session, &request, line->reason, "--reason TEXT", true)) {
        return EXIT_USAGE;
    }
    if (graceful) {
        return send(session, &request);
    }
    request.kind = REQUEST_MODE_UNGRACEFUL;
    int code = plan_of_execution(session, &request);
    code = code == EXIT_OK ? digest_take(session, &request) : code;
    code = code == EXIT_OK ? confirm(session, &request, "hand nothing more over") : code;
    code = code == EXIT_OK ? majority_there(session) : code;
    return code == EXIT_OK ? send(session, &request) : code;
}

/* --------------------------------------------------------------- automation, topology */

int request_hold(struct session *session) {
    struct request request = {.kind = REQUEST_HOLD, .for_ms = (uint32_t)session->line->for_ms};
    return take_reason(session, &request, session->line->reason, "--reason TEXT", true)
               ? send(session, &request)
               : EXIT_USAGE;
}

int request_release(struct session *session) {
    struct request request = {.kind = REQUEST_RELEASE};
    return take_reason(session, &request, session->line->reason, "--reason TEXT", true)
               ? send(session, &request)
               : EXIT_USAGE;
}

int request_config_apply(struct session *session) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    struct request request = {.kind = REQUEST_CONFIG_APPLY};
    size_t size = 0;
    int code = local_sound_file(session, text, &size);
    if (code != EXIT_OK) {
        return code;
    }
    request.text = text;
    request.text_size = (uint32_t)size;
    code = countersign_take(session, &request);
    if (code != EXIT_OK) {
        return code;
    }
    return take_reason(session, &request, session->line->reason, "--reason TEXT", false)
               ? send(session, &request)
               : EXIT_USAGE;
}
