/* Frames of operators. A query is answered from this member's own state; a request is checked, put into
 * the log under its own identity, and answered when its fact has been applied here. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/topology_read.h"
#include "coordinator/member.h"
#include "coordinator/status.h"

#define ANSWER_PATIENCE_MS 10000
#define REQUEST_LIFE_MAX_MS 600000

/* requirements.md section 5.3 */
enum { CODE_OK = 0, CODE_USAGE = 2, CODE_REFUSED = 3, CODE_NOT_AUTHORISED = 4, CODE_NO_QUORUM = 6,
       CODE_PRECONDITION = 7 };

static void reply_json(struct coordinator *member, uint8_t operator_index, uint8_t code, char *json) {
    static struct message message;
    size_t size = 0;
    memset(&message, 0, sizeof message);
    if (json == NULL) {
        return;
    }
    message.kind = MESSAGE_REPLY;
    message.reply.exit_code = code;
    (void)text_copy(message.reply.member, NAME_SIZE, member->keys.name);
    message.reply.json = json;
    message.reply.json_size = (uint32_t)strlen(json);
    if (message_encode(&message, member->frame, MEMBER_FRAME_SIZE, &size) == ERR_OK) {
        (void)wire_server_send(member->operators_server, WIRE_OPERATOR, operator_index,
                               member->frame, size);
    } else {
        log_event(LOG_ERR, "reply.too_big", "bytes=%zu", strlen(json));
    }
    free(json);
}

static void reply_text(struct coordinator *member, uint8_t operator_index, uint8_t code,
                       uint16_t rule, uint64_t execution, const char *text) {
    json_t *json = json_pack("{s:s,s:i,s:I,s:s}", "text", text, "rule", (int)rule, "execution",
                             (json_int_t)execution, "member", member->keys.name);
    reply_json(member, operator_index, code, json_dumps(json, JSON_COMPACT));
    json_decref(json);
}

static void on_query(struct coordinator *member, uint8_t operator_index, const struct query *query) {
    uint8_t code = CODE_OK;
    char *json = status_json(member, operator_index, query->what, query->argument, query->from, &code);
    reply_json(member, operator_index, code, json);
}

/* ------------------------------------------------------------------- requests */

static struct waiting_request *waiting_for(struct coordinator *member, const uint8_t *nonce) {
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (waiting->used && memcmp(waiting->nonce, nonce, NONCE_SIZE) == 0) {
            return waiting;
        }
    }
    return NULL;
}

static bool wait_begin(struct coordinator *member, uint8_t operator_index, const uint8_t *nonce) {
    if (waiting_for(member, nonce) != NULL) {
        return true; /* the same request again: answered once, when its fact is applied */
    }
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (!waiting->used) {
            *waiting = (struct waiting_request){.used = true,
                                                .operator_index = operator_index,
                                                .deadline_boot_ms =
                                                    member_now_ms() + ANSWER_PATIENCE_MS};
            memcpy(waiting->nonce, nonce, NONCE_SIZE);
            return true;
        }
    }
    return false;
}

/* A topology is read and checked before it may take a place in the log. False: answered already. */
static bool config_is_good(struct coordinator *member, uint8_t operator_index,
                           const struct request *request) {
    static struct findings findings;
    static struct topology *topology;
    struct text256 why = {{0}};
    if (topology == NULL) {
        topology = calloc(1, sizeof *topology);
        ensure(topology != NULL);
    }
    if (topology_read(request->text, request->text_size, "topology", topology, &why) != ERR_OK) {
        reply_text(member, operator_index, CODE_USAGE, 0, 0, why.at);
        return false;
    }
    topology_check(topology, &findings);
    if (findings.errors_n == 0) {
        return true;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < findings.n; i++) {
        const struct finding *finding = &findings.at[i];
        (void)json_array_append_new(
            list, json_pack("{s:s,s:i,s:s,s:s}", "kind", finding->is_error ? "error" : "warning",
                            "code", (int)finding->code, "where", finding->where, "text",
                            finding->text));
    }
    json_t *json = json_pack("{s:s,s:i,s:o}", "text", "the topology has errors; nothing was changed",
                             "rule", 0, "findings", list);
    reply_json(member, operator_index, CODE_REFUSED, json_dumps(json, JSON_COMPACT));
    json_decref(json);
    return false;
}

/* What can be said without the log. True when the request may go on. */
static bool may_go_on(struct coordinator *member, uint8_t operator_index,
                      const struct request *request) {
    struct text256 why = {{0}};
    const struct operator_entry *entry = &member->topology->operators[operator_index];
    if (!text_equal(request->operator_name, entry->name)) {
        reply_text(member, operator_index, CODE_NOT_AUTHORISED, 0, 0,
                   "the request names another operator than its key");
    } else if (request->not_after_wall_ms > clock_wall_ms() + REQUEST_LIFE_MAX_MS) {
        reply_text(member, operator_index, CODE_PRECONDITION, 0, 0,
                   "the request is valid for longer than ten minutes, or the clocks differ");
    } else if (!facts_verify_request(member, request, operator_index, &why)) {
        reply_text(member, operator_index, CODE_NOT_AUTHORISED, 0, 0, why.at);
    } else if (member->stopped_for_human) {
        reply_text(member, operator_index, CODE_NO_QUORUM, 0, 0, member->stopped_why);
    } else if (!member->caught_up || !member->log_reachable) {
        reply_text(member, operator_index, CODE_NO_QUORUM, 0, 0,
                   "this member does not reach the log now: nothing can be decided");
    } else {
        return true;
    }
    return false;
}

static void on_request(struct coordinator *member, uint8_t operator_index,
                       const struct request *request, const uint8_t *frame, size_t frame_size) {
    char key[FACT_KEY_SIZE], hex[2 * NONCE_SIZE + 1];
    if (!may_go_on(member, operator_index, request)) {
        return;
    }
    if (request->kind == REQUEST_CONFIG_APPLY &&
        !config_is_good(member, operator_index, request)) {
        return;
    }
    if (!wait_begin(member, operator_index, request->nonce)) {
        reply_text(member, operator_index, CODE_NO_QUORUM, 0, 0, "too many requests wait here");
        return;
    }
    if (request->kind == REQUEST_CONFIG_APPLY) {
        propose_config(member, request->text, request->text_size, frame, frame_size);
        return;
    }
    text_from_bytes(request->nonce, NONCE_SIZE, hex, sizeof hex);
    (void)text_format(key, sizeof key, "request/%s", hex);
    propose_frame(member, EVENT_REQUEST, key, frame, frame_size);
}

void operators_on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                        size_t frame_size) {
    static struct message message;
    struct coordinator *member = owner;
    if (!member->topology_known || from->kind != WIRE_OPERATOR ||
        from->index >= member->topology->operators_n) {
        return;
    }
    if (message_decode(frame, frame_size, member->scratch, MEMBER_SCRATCH_SIZE, &message, NULL) !=
        ERR_OK) {
        member->frames_refused_n++;
        return;
    }
    if (message.kind == MESSAGE_QUERY) {
        on_query(member, from->index, &message.query);
    } else if (message.kind == MESSAGE_REQUEST) {
        on_request(member, from->index, &message.request, frame, frame_size);
    } else {
        member->frames_refused_n++;
    }
}

/* ---------------------------------------------------------------------- answers */

void operators_applied(struct coordinator *member, const struct request *request,
                       const struct verdict *verdict, const char *why) {
    struct waiting_request *waiting = waiting_for(member, request->nonce);
    if (waiting == NULL) {
        return;
    }
    uint8_t code = verdict->result == RESULT_REFUSED ? CODE_REFUSED
                   : verdict->result == RESULT_STALE ? CODE_PRECONDITION
                                                     : CODE_OK;
    reply_text(member, waiting->operator_index, code, verdict->rule, verdict->execution, why);
    waiting->used = false;
}

void operators_expire(struct coordinator *member) {
    uint64_t now_ms = member_now_ms();
    for (unsigned i = 0; i < WAITING_REQUESTS_MAX; i++) {
        struct waiting_request *waiting = &member->waiting[i];
        if (waiting->used && now_ms >= waiting->deadline_boot_ms) {
            waiting->used = false;
            reply_text(member, waiting->operator_index, CODE_NO_QUORUM, 0, 0,
                       "the log did not take it in time; it is not known whether it will");
        }
    }
}
