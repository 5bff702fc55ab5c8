/* Frames of operators. A question is answered from memory at once. A request goes into the log,
 * signed as it came, and its sender hears what came of it when the fact is applied here.
 * Everything that can be refused before the log is refused here, with the reason; each member
 * judges again by itself when it applies the fact. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/topology_read.h"
#include "coordinator/member.h"
#include "coordinator/operators_why.h"
#include "coordinator/status_parts.h"

#define ANSWER_WITHIN_MS 10000
#define REQUEST_LIFE_MS 600000
#define CLOCKS_DIFFER_MS 60000
#define REMEMBERED_MAX 32

/* Exit codes of the command line: docs/cli.md. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 2,
    EXIT_BY_RULE = 3,
    EXIT_NOT_AUTHORISED = 4,
    EXIT_NO_QUORUM = 6,
    EXIT_CHANGED = 7,
    EXIT_PAUSED = 8
};

/* What came of the latest requests: one asked again, here or after another member, must be answered
 * although its fact stands in the log already. */
struct outcome_of_request {
    uint8_t nonce[NONCE_SIZE];
    uint8_t kind, exit_code;
    struct verdict verdict;
    char why[448];
};

static struct outcome_of_request remembered[REMEMBERED_MAX];
static unsigned remembered_next;

/* --------------------------------------------------------------------- answering */

static bool reply(struct coordinator *member, uint64_t session, uint8_t exit_code, enum err err,
                  const char *json) {
    static struct message message;
    size_t size = 0;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REPLY;
    message.reply.exit_code = exit_code;
    message.reply.err = (uint8_t)err;
    (void)text_copy(message.reply.member, NAME_SIZE, member->keys.name);
    message.reply.json = json;
    message.reply.json_size = (uint32_t)strlen(json);
    if (message_encode(&message, member->frame, MEMBER_FRAME_SIZE, &size) != ERR_OK) {
        return false;
    }
    (void)wire_server_answer(member->operators_server, session, member->frame, size);
    return true;
}

static void reply_json(struct coordinator *member, uint64_t session, uint8_t exit_code,
                       enum err err, json_t *json) {
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text != NULL) {
        (void)reply(member, session, exit_code, err, text);
    }
    free(text);
}

static json_t *request_object(const struct coordinator *member, const uint8_t nonce[NONCE_SIZE]) {
    char hex[2 * NONCE_SIZE + 1];
    json_t *json = json_object();
    text_from_bytes(nonce, NONCE_SIZE, hex, sizeof hex);
    put_text(json, "member", member->keys.name);
    put_text(json, "request", hex);
    put_count(json, "epoch", member->core.epoch);
    put_count(json, "config_version", member->core.config_version);
    return json;
}

/* Refused at the door: nothing of it is in the log. */
static void refuse(struct coordinator *member, uint64_t session, const struct request *request,
                   uint8_t exit_code, const char *why) {
    json_t *json = request_object(member, request->nonce);
    log_event(LOG_NOTICE, "request.refused", "operator=%s kind=%s exit=%u \"%s\"",
              request->operator_name, request_kind_text((enum request_kind)request->kind),
              exit_code, why);
    put_text(json, "result", "refused");
    put_count(json, "rule", 0);
    put_text(json, "sentence", why);
    put_count(json, "execution", 0);
    reply_json(member, session, exit_code, ERR_DENIED, json);
}

static void answer_outcome(struct coordinator *member, uint64_t session,
                           const struct outcome_of_request *outcome) {
    static const char *const results[] = {"applied", "nothing", "stale", "refused"};
    json_t *json = request_object(member, outcome->nonce);
    put_text(json, "result", outcome->verdict.result < 4 ? results[outcome->verdict.result] : "?");
    put_count(json, "rule", outcome->verdict.rule);
    put_text(json, "sentence", outcome->why);
    put_count(json, "execution", outcome->verdict.execution);
    reply_json(member, session, outcome->exit_code,
               outcome->exit_code == EXIT_OK ? ERR_OK : ERR_DENIED, json);
}

/* -------------------------------------------------------------------- the outcome */

static uint8_t exit_code_of(const struct coordinator *member, const struct request *request,
                            const struct verdict *verdict) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    if (verdict->result == RESULT_APPLIED || verdict->result == RESULT_NOTHING) {
        return EXIT_OK;
    }
    if (verdict->result == RESULT_STALE) {
        return EXIT_CHANGED;
    }
    bool failed = execution != NULL &&
                  (execution->paused == PAUSE_STEP_FAILED || execution->paused == PAUSE_NO_AGENT);
    return request->kind == REQUEST_RESUME && failed ? EXIT_PAUSED : EXIT_BY_RULE;
}

static const struct outcome_of_request *remembered_find(const uint8_t nonce[NONCE_SIZE]) {
    for (unsigned i = 0; i < REMEMBERED_MAX; i++) {
        if (memcmp(remembered[i].nonce, nonce, NONCE_SIZE) == 0) {
            return &remembered[i];
        }
    }
    return NULL;
}

void operators_applied(struct coordinator *member, const struct request *request,
                       const struct verdict *verdict, const char *why) {
    struct outcome_of_request *outcome = &remembered[remembered_next];
    remembered_next = (remembered_next + 1) % REMEMBERED_MAX;
    memset(outcome, 0, sizeof *outcome);
    memcpy(outcome->nonce, request->nonce, NONCE_SIZE);
    outcome->kind = request->kind;
    outcome->exit_code = exit_code_of(member, request, verdict);
    outcome->verdict = *verdict;
    if (request->kind == REQUEST_CONFIG_APPLY && verdict->result == RESULT_APPLIED) {
        (void)text_format(outcome->why, sizeof outcome->why, "Topology version %u is in force.",
                          member->core.config_version);
    } else {
        (void)text_copy(outcome->why, sizeof outcome->why, why);
    }
    if (outcome->exit_code != EXIT_OK) {
        char more[256];
        if (operators_why(member, request, verdict->rule, more, sizeof more)) {
            (void)text_append(outcome->why, sizeof outcome->why, " ");
            (void)text_append(outcome->why, sizeof outcome->why, more);
            (void)text_append(outcome->why, sizeof outcome->why, ".");
        }
    }
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (waiting->used && memcmp(waiting->nonce, request->nonce, NONCE_SIZE) == 0) {
            answer_outcome(member, waiting->session, outcome);
            waiting->used = false;
        }
    }
}

void operators_expire(struct coordinator *member) {
    uint64_t now_ms = member_now_ms();
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (!waiting->used || now_ms < waiting->deadline_boot_ms) {
            continue;
        }
        json_t *json = request_object(member, waiting->nonce);
        put_text(json, "result", "unknown");
        put_count(json, "rule", 0);
        put_count(json, "execution", 0);
        put_text(
            json, "sentence",
            member->log_reachable
                ? "The request is on its way into the log, but was not applied here in time: "
                  "ask again with the same request."
                : "The log engine does not answer, so nothing can be decided: outcome unknown, "
                  "ask again with the same request.");
        reply_json(member, waiting->session, EXIT_NO_QUORUM, ERR_NO_QUORUM, json);
        waiting->used = false;
    }
}

static bool wait_for(struct coordinator *member, uint64_t session, uint8_t operator_index,
                     const uint8_t nonce[NONCE_SIZE], bool *ret_known) {
    struct waiting_request *slot = NULL;
    *ret_known = false;
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (waiting->used && memcmp(waiting->nonce, nonce, NONCE_SIZE) == 0) {
            *ret_known = true;
            slot = waiting;
            break;
        }
        slot = !waiting->used && slot == NULL ? waiting : slot;
    }
    if (slot == NULL) {
        return false;
    }
    slot->used = true;
    slot->operator_index = operator_index;
    slot->session = session;
    memcpy(slot->nonce, nonce, NONCE_SIZE);
    if (!*ret_known) {
        slot->deadline_boot_ms = member_now_ms() + ANSWER_WITHIN_MS;
    }
    return true;
}

/* ------------------------------------------------------------------- at the door */

static bool step_is_named(const struct coordinator *member, const struct request *request) {
    const struct execution *execution = core_execution(&member->core, request->execution);
    if (execution == NULL || execution->plan >= member->topology->plans_n) {
        return false;
    }
    const struct plan *plan = &member->topology->plans[execution->plan];
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, request->step)) {
            return true;
        }
    }
    return false;
}

/* Names that nothing has, and words that must not be missing: 0 when all is there. */
static uint8_t names_wrong(const struct coordinator *member, const struct request *request,
                           struct text256 *reterr) {
    const struct topology *topology = member->topology;
    bool of_step = request->kind == REQUEST_APPROVE || request->kind == REQUEST_REJECT ||
                   request->kind == REQUEST_STEP_RETRY || request->kind == REQUEST_STEP_SKIP ||
                   request->kind == REQUEST_STEP_DONE;
    bool turns = request->kind == REQUEST_MODE_GRACEFUL || request->kind == REQUEST_MODE_UNGRACEFUL;
    bool of_execution = of_step || request->kind == REQUEST_PAUSE ||
                        request->kind == REQUEST_RESUME || request->kind == REQUEST_ABORT ||
                        request->kind == REQUEST_COMMAND_TAKE ||
                        request->kind == REQUEST_COMMAND_HANDOVER || turns;
    bool reason = turns || request->kind == REQUEST_DECLARE || request->kind == REQUEST_HOLD ||
                  request->kind == REQUEST_RELEASE || request->kind == REQUEST_STEP_SKIP ||
                  request->kind == REQUEST_STEP_DONE || request->kind == REQUEST_COMMAND_TAKE;
    if (reason && request->reason[0] == '\0') {
        text_say(reterr, "%s needs a reason", request_kind_text((enum request_kind)request->kind));
        return EXIT_USAGE;
    }
    if (request->kind == REQUEST_DECLARE && topology_region(topology, request->region) == NONE) {
        text_say(reterr, "no region is called %s", request->region);
        return EXIT_USAGE;
    }
    if (request->plan[0] != '\0' && topology_plan(topology, request->plan) == NONE) {
        text_say(reterr, "no plan is called %s", request->plan);
        return EXIT_USAGE;
    }
    if (of_execution && core_execution(&member->core, request->execution) == NULL) {
        text_say(reterr, "there is no execution %" PRIu64, request->execution);
        return EXIT_USAGE;
    }
    uint8_t to = topology_operator(topology, request->to);
    if (request->kind == REQUEST_COMMAND_HANDOVER &&
        (to == NONE || !role_may((enum role)topology->operators[to].role, REQUEST_COMMAND_TAKE))) {
        text_say(reterr,
                 to == NONE ? "no operator is called %s"
                            : "%s has a role that may not have command",
                 request->to);
        return EXIT_USAGE;
    }
    if (of_step && !step_is_named(member, request)) {
        text_say(reterr, "execution %" PRIu64 " has no step %s", request->execution, request->step);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

/* The role that a step asks for is a matter of the step, so it is looked up once the step is
 * known. */
static uint8_t approval_wrong(const struct coordinator *member, const struct request *request,
                              uint8_t operator_index, struct text256 *reterr) {
    bool done = request->kind == REQUEST_STEP_DONE;
    if (request->kind != REQUEST_APPROVE && !done) {
        return EXIT_OK;
    }
    const struct execution *execution = core_execution(&member->core, request->execution);
    const struct plan *plan = &member->topology->plans[execution->plan];
    enum role role = (enum role)member->topology->operators[operator_index].role;
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        const struct step *step = &plan->steps[s];
        uint8_t needed = step->approval == NONE ? (uint8_t)ROLE_COMMANDER : step->approval;
        if (!text_equal(step->name, request->step)) {
            continue;
        }
        if (done && step->action != ACTION_MANUAL) {
            if (!role_may(role, REQUEST_STEP_DONE) ||
                !role_may_run_action(role, (enum action_kind)step->action)) {
                text_say(reterr, "step %s (%s) is none that the role %s does, or says is done",
                         request->step, action_kind_text((enum action_kind)step->action),
                         role_text(role));
                return EXIT_NOT_AUTHORISED;
            }
        } else if (!role_may_approve(role, (enum role)needed)) {
            text_say(reterr, "step %s %s %s; %s cannot give it", request->step,
                     done ? "needs the word of" : "needs the approval of",
                     role_text((enum role)needed), role_text(role));
            return EXIT_NOT_AUTHORISED;
        }
    }
    return EXIT_OK;
}

static uint8_t time_wrong(const struct request *request, struct text256 *reterr) {
    uint64_t now_ms = clock_wall_ms();
    if (now_ms > request->not_after_wall_ms) {
        text_say(reterr, "the request is too old: its time ended %" PRIu64 " s ago",
                 (now_ms - request->not_after_wall_ms) / 1000);
        return EXIT_CHANGED;
    }
    if (request->not_after_wall_ms - now_ms > REQUEST_LIFE_MS + CLOCKS_DIFFER_MS) {
        text_say(reterr,
                 "the request would be good for more than 10 minutes: do the clocks agree?");
        return EXIT_CHANGED;
    }
    return EXIT_OK;
}

static uint8_t member_unable(const struct coordinator *member, struct text256 *reterr) {
    if (member->stopped_for_human) {
        text_say(reterr, "this member stopped until a human has looked: %s", member->stopped_why);
    } else if (!member->caught_up) {
        text_say(reterr, "this member has not caught up with the log since its start");
    } else if (!member->log_reachable) {
        text_say(reterr, "the log engine does not answer: nothing can be decided now. Bring a "
                         "majority of it back; drover members tells who reaches it");
    } else {
        return EXIT_OK;
    }
    return EXIT_NO_QUORUM;
}

static uint8_t request_wrong(struct coordinator *member, const struct wire_identity *from,
                             const struct request *request, struct text256 *reterr) {
    if (!text_equal(request->operator_name, from->name)) {
        text_say(reterr, "the key is %s's, the request says %s", from->name,
                 request->operator_name);
        return EXIT_NOT_AUTHORISED;
    }
    if (!facts_verify_request(member->topology, request, from->index, reterr)) {
        return EXIT_NOT_AUTHORISED;
    }
    uint8_t wrong = time_wrong(request, reterr);
    wrong = wrong != EXIT_OK ? wrong : member_unable(member, reterr);
    wrong = wrong != EXIT_OK ? wrong : names_wrong(member, request, reterr);
    return wrong != EXIT_OK ? wrong : approval_wrong(member, request, from->index, reterr);
}

/* ------------------------------------------------------------------------ topology */

static json_t *findings_list(const struct findings *findings) {
    json_t *list = json_array();
    for (unsigned i = 0; i < findings->n; i++) {
        json_t *object = list_add(list);
        put_text(object, "kind", findings->at[i].is_error ? "error" : "warning");
        put_count(object, "code", findings->at[i].code);
        put_text(object, "where", findings->at[i].where);
        put_text(object, "text", findings->at[i].text);
    }
    return list;
}

/* False: the topology is refused, and the operator knows why. */
static bool config_is_sound(struct coordinator *member, uint64_t session,
                            const struct request *request) {
    static struct findings findings;
    struct text256 why = {{0}};
    /* topology_next is nobody's between two facts. */
    if (topology_read(request->text == NULL ? "" : request->text, request->text_size, "topology",
                      member->topology_next, &why) != ERR_OK) {
        refuse(member, session, request, EXIT_USAGE, why.at);
        return false;
    }
    bool anew = facts_begins_anew(&member->core, member->topology, member->topology_next);
    if (!epochs_begin_above(member, member->topology_next, &why) ||
        (anew && !facts_verify_second(member->topology, request, clock_wall_ms(), &why))) {
        refuse(member, session, request, EXIT_BY_RULE, why.at);
        return false;
    }
    topology_check(member->topology_next, &findings);
    topology_check_steps(member->topology_next, &findings);
    if (findings.errors_n == 0) {
        return true;
    }
    json_t *json = request_object(member, request->nonce);
    text_say(&why, "The topology has %u errors.", findings.errors_n);
    put_text(json, "result", "refused");
    put_count(json, "rule", 0);
    put_text(json, "sentence", why.at);
    put_count(json, "execution", 0);
    put_object(json, "findings", findings_list(&findings));
    reply_json(member, session, EXIT_BY_RULE, ERR_CONFIG, json);
    return false;
}

static void on_request(struct coordinator *member, const struct wire_identity *from,
                       const struct request *request, const uint8_t *frame, size_t frame_size) {
    struct text256 why = {{0}};
    char key[FACT_KEY_SIZE], hex[2 * NONCE_SIZE + 1];
    bool known = false;
    uint8_t wrong = request_wrong(member, from, request, &why);
    if (wrong != EXIT_OK) {
        refuse(member, from->session, request, wrong, why.at);
        return;
    }
    const struct outcome_of_request *outcome = remembered_find(request->nonce);
    if (outcome != NULL) {
        answer_outcome(member, from->session, outcome);
        return;
    }
    bool config = request->kind == REQUEST_CONFIG_APPLY;
    if (config && !config_is_sound(member, from->session, request)) {
        return;
    }
    if (!wait_for(member, from->session, from->index, request->nonce, &known)) {
        refuse(member, from->session, request, EXIT_NO_QUORUM,
               "too many requests wait for the log at this member");
        return;
    }
    if (known) {
        return; /* on its way; this session gets the answer now */
    }
    if (config) {
        propose_config(member, request->text, request->text_size, frame, frame_size);
        return;
    }
    text_from_bytes(request->nonce, NONCE_SIZE, hex, sizeof hex);
    (void)text_format(key, sizeof key, "request/%s", hex);
    propose_frame(member, EVENT_REQUEST, key, frame, frame_size);
}

static void query_wrong(struct coordinator *member, const struct wire_identity *from,
                        const struct query *query, uint8_t exit_code, enum err err,
                        const char *why) {
    json_t *json = json_object();
    put_text(json, "what", query->what);
    put_text(json, "member", member->keys.name);
    put_yes(json, "caught_up", member->caught_up);
    put_text(json, "error", why);
    reply_json(member, from->session, exit_code, err, json);
}

static void on_query(struct coordinator *member, const struct wire_identity *from,
                     const struct query *query) {
    uint8_t exit_code = EXIT_OK;
    uint8_t role = member->topology->operators[from->index].role;
    if (!role_may((enum role)role, REQUEST_QUERY)) {
        query_wrong(member, from, query, EXIT_NOT_AUTHORISED, ERR_DENIED, "this role may not read");
        return;
    }
    char *json =
        status_json(member, from->index, query->what, query->argument, query->from, &exit_code);
    if (json != NULL && !reply(member, from->session, exit_code,
                               exit_code == EXIT_OK ? ERR_OK : ERR_NOT_FOUND, json)) {
        query_wrong(member, from, query, EXIT_USAGE, ERR_TOO_BIG,
                    "the answer is too big: name a region, a component or an execution");
    }
    free(json);
}

void operators_on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                        size_t frame_size) {
    static struct message message;
    struct coordinator *member = owner;
    struct text256 why = {{0}};
    if (!member->topology_known || from->kind != WIRE_OPERATOR ||
        from->index >= member->topology->operators_n) {
        return;
    }
    if (message_decode(frame, frame_size, member->scratch, MEMBER_SCRATCH_SIZE, &message, &why) !=
        ERR_OK) {
        member->frames_refused_n++;
        return;
    }
    member->operators[from->index].heard_boot_ms = member_now_ms();
    member->operators[from->index].next_key = from->next;
    if (message.kind == MESSAGE_QUERY) {
        on_query(member, from, &message.query);
    } else if (message.kind == MESSAGE_REQUEST) {
        on_request(member, from, &message.request, frame, frame_size);
    } else {
        member->frames_refused_n++;
    }
}
