/* http_call: one HTTP request, with an idempotency key made of execution, step and attempt: a
 * server that honours it runs the same attempt once, however often it is sent; with `once` the
 * same step, or all of the execution, is one call to it. With observe_url the wished state can be
 * seen, before and after. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/http_sync.h"
#include "common/topology/http_status.h"

#define HEADERS_MAX 4
#define OBSERVE_MS 3000

static enum err http_call_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_HTTP_CALL, arguments, reterr);
}

struct call {
    const struct action_input *input;
    char token[SECRET_SIZE];
    char key[96];
    struct fill_facts facts;
    char headers[HEADERS_MAX][FILLED_SIZE];
    char body[FILLED_SIZE];
    char answer[4096];
    struct text256 why;
};

static const char *const header_names[HEADERS_MAX] = {"header1", "header2", "header3", "header4"};

/* Which calls are one to the receiver: the same attempt, step or execution. */
static void key_make(struct call *call) {
    const struct action_input *input = call->input;
    const char *once = arg_text(input->arguments, "once", "attempt");
    char step[32] = "";
    if (text_equal(once, "step")) {
        (void)text_format(step, sizeof step, "-%u", (unsigned)input->step);
    } else if (text_equal(once, "attempt")) {
        (void)text_format(step, sizeof step, "-%u-%u", (unsigned)input->step,
                          (unsigned)input->attempt);
    }
    (void)text_format(call->key, sizeof call->key,
                      "Idempotency-Key: drover-%" PRIu64 "-%" PRIu64 "%s", input->epoch,
                      input->execution, step);
}

static bool header_says_json(const char *header) {
    return strncasecmp(header, "content-type:", 13) == 0 && strstr(header, "json") != NULL;
}

/* The texts with their facts; in a body that is JSON they are escaped. */
static enum err call_fill(struct call *call) {
    const struct arguments *arguments = call->input->arguments;
    bool json = false, fits = true;
    act_facts(call->input, &call->facts);
    for (size_t i = 0; i < HEADERS_MAX; i++) {
        const char *header = arg_text(arguments, header_names[i], "");
        json = json || header_says_json(header);
        fits = fits &&
               fill_text(header, &call->facts, false, call->headers[i], sizeof call->headers[i]);
    }
    fits = fits && fill_text(arg_text(arguments, "body", ""), &call->facts, json, call->body,
                             sizeof call->body);
    if (!fits) {
        text_say(&call->why, "body or headers: expected %s", FILL_EXPECTED);
    }
    return fits ? ERR_OK : ERR_CONFIG;
}

static enum err call_send(struct call *call, const char *method, const char *url, const char *body,
                          uint64_t deadline_boot_ms, long *ret_status) {
    const struct arguments *arguments = call->input->arguments;
    const char *headers[HEADERS_MAX + 2];
    size_t headers_n = 0;
    for (size_t i = 0; i < HEADERS_MAX; i++) {
        if (call->headers[i][0] != '\0') {
            headers[headers_n++] = call->headers[i];
        }
    }
    if (body != NULL) {
        headers[headers_n++] = call->key;
    }
    struct http_sync_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .headers_n = headers_n,
        .body = body,
        .body_size = body != NULL ? strlen(body) : 0,
        .bearer = call->token[0] != '\0' ? call->token : NULL,
        .ca_file = arg_text(arguments, "ca", NULL),
        .may_truncate = true,
        .deadline_boot_ms = deadline_boot_ms,
        .answer = call->answer,
        .answer_size = sizeof call->answer,
    };
    struct http_sync_answer answer;
    enum err err = http_sync(&request, &answer, &call->why);
    if (err == ERR_OK) {
        *ret_status = answer.status;
    }
    return err;
}

/* Does the wished state hold? False also when it cannot be seen. */
static bool state_holds(struct call *call, const char *observe_url) {
    long status = 0;
    const char *expected = arg_text(call->input->arguments, "expect_body", "");
    enum err err = call_send(call, "GET", observe_url, NULL,
                             act_within(OBSERVE_MS, call->input->deadline_boot_ms), &status);
    return err == ERR_OK && status == 200 && strstr(call->answer, expected) != NULL;
}

static struct action_result call_act(struct call *call, const char *observe_url) {
    const struct arguments *arguments = call->input->arguments;
    const char *expected = arg_text(arguments, "expect_status", "200-299");
    const char *method = arg_text(arguments, "method", "POST");
    long status = 0;
    enum err err = call_send(call, method, arg_text(arguments, "url", ""), call->body,
                             call->input->deadline_boot_ms, &status);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", call->why.at);
    }
    if (!http_status_is(expected, status)) {
        char line[60];
        act_line(line, sizeof line, call->answer);
        return act_failed(status == 401 || status == 403 ? ERR_AUTH : ERR_FAILED,
                          "HTTP %ld, expected %.30s: %s", status, expected, line);
    }
    while (observe_url != NULL && !state_holds(call, observe_url)) {
        if (!act_pause(200, call->input->deadline_boot_ms)) {
            return act_failed(ERR_TIMEOUT, "HTTP %ld, but the wished state is not seen", status);
        }
    }
    return act_done(false, "HTTP %ld%s", status,
                    observe_url != NULL ? ", the wished state is seen" : "");
}

static struct action_result http_call_run(const struct action_input *input) {
    struct call call = {.input = input};
    enum err err = http_call_accepts(input->arguments, &call.why);
    if (err == ERR_OK) {
        err = call_fill(&call);
    }
    if (err == ERR_OK) {
        err = act_secret(input, "token_ref", NULL, call.token, &call.why);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", call.why.at);
    }
    key_make(&call);
    const char *observe_url = arg_text(input->arguments, "observe_url", NULL);
    struct action_result result;
    if (observe_url != NULL && state_holds(&call, observe_url)) {
        result = act_done(true, "the wished state was there");
    } else if (input->observe_only) {
        result = act_failed(ERR_FAILED, observe_url != NULL
                                            ? "the wished state is not seen"
                                            : "without observe_url nobody can tell whether it ran");
    } else {
        result = call_act(&call, observe_url);
    }
    secret_wipe(call.token);
    return result;
}

const struct action_kind_row row_http_call = {
    .kind = ACTION_HTTP_CALL,
    .run = http_call_run,
    .accepts = http_call_accepts,
    .needs_lease = false,
    .arguments_help = "url, method=POST, body, expect_status=200-299, header1..header4, token_ref, "
                      "ca, observe_url, expect_body, once=attempt|step|execution",
    .by_hand = "curl -X {method} {url} -H 'Authorization: Bearer <{token_ref}>' -d '{body}' must "
               "answer {expect_status}; then curl {observe_url} must contain {expect_body}",
};
