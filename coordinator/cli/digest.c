/* --digest: what the operator saw, and so what the request is bound to. The members judge it when
 * they apply the request; here only its first digits are filled up to the whole. */
#include <stdio.h>
#include <string.h>

#include "coordinator/cli/cli.h"

#define DIGITS_MIN 8
#define DIGITS_ALL (2u * DIGEST_SIZE)

static const char *digest_in(const json_t *object) {
    const char *text = json_string_value(json_object_get(object, "digest"));
    return text == NULL ? "" : text;
}

static const char *step_digest(const json_t *json, const struct request *request) {
    size_t e, s;
    json_t *execution, *step;
    json_array_foreach(json_object_get(json, "executions"), e, execution) {
        json_int_t id = json_integer_value(json_object_get(execution, "id"));
        json_array_foreach(json_object_get(execution, "steps"), s, step) {
            const char *name = json_string_value(json_object_get(step, "name"));
            if ((uint64_t)id == request->execution && name != NULL &&
                text_equal(name, request->step)) {
                return digest_in(step);
            }
        }
    }
    return "";
}

/* What it would be bound to now; "" when there is nothing to approve or nobody says. */
static int digest_now(struct session *session, const struct request *request,
                      char ret_digest[DIGITS_ALL + 1]) {
    struct query query = {.what = "executions"};
    bool declares = request->kind == REQUEST_DECLARE || request->kind == REQUEST_MODE_UNGRACEFUL;
    if (declares) {
        query = preview_query(request);
    }
    struct client_reply reply = client_ask(session, &query);
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    const char *digest = declares ? digest_in(reply.json) : step_digest(reply.json, request);
    (void)text_copy(ret_digest, DIGITS_ALL + 1, digest);
    json_decref(reply.json);
    return EXIT_OK;
}

static bool digits_only(const char *text) {
    return strspn(text, "0123456789abcdef") == strlen(text);
}

int digest_take(struct session *session, struct request *request) {
    const char *said = session->line->digest;
    char now[DIGITS_ALL + 1] = "";
    size_t n = said == NULL ? 0 : strlen(said);
    if (said == NULL) {
        return EXIT_OK;
    }
    /* To the members a digest of zeros is none, and nothing would be bound to it. */
    if (n < DIGITS_MIN || n > DIGITS_ALL || !digits_only(said) || strspn(said, "0") == n) {
        (void)fprintf(
            stderr,
            "drover %s: --digest is what drover plan preview or drover status printed: %u "
            "to %u hex digits, not all of them 0\n",
            session->line->verb->name, DIGITS_MIN, DIGITS_ALL);
        return EXIT_USAGE;
    }
    if (n == DIGITS_ALL) {
        return text_to_bytes(said, request->seen, sizeof request->seen) ? EXIT_OK : EXIT_USAGE;
    }
    int code = digest_now(session, request, now);
    if (code != EXIT_OK) {
        return code;
    }
    if (strncmp(said, now, n) != 0 || !text_to_bytes(now, request->seen, sizeof request->seen)) {
        (void)printf(
            "REFUSED: what was seen has moved: its digest is %.*s now, not %s. Look again; "
            "with all %u digits the members tell what moved.\n",
            DIGITS_MIN, now[0] == '\0' ? "none" : now, said, DIGITS_ALL);
        return EXIT_CHANGED;
    }
    return EXIT_OK;
}
