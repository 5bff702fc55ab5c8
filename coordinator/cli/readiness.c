/* Could a region take over now? Every member is asked: the first that has caught up tells the
 * lines, and whoever is silent gets one of its own, which no member could say of itself. */
#include <stdio.h>

#include "coordinator/cli/show_parts.h"

static void add_member(json_t *lines, const char *name, bool lost, bool lagging) {
    char subject[64], fix[200];
    (void)text_format(subject, sizeof subject, "member %s", name);
    (void)text_format(fix, sizeof fix, "on the host of %s: drover doctor; systemctl %s %s", name,
                      lagging ? "status" : "restart", "drover-coordinator");
    json_t *line = json_pack("{s:s,s:s,s:s,s:s,s:n,s:s}", "weight", lost ? "blocker" : "warning",
                             "state", lagging ? "wrong" : "unknown", "name", subject, "text",
                             lagging ? "has not caught up with the log" : "does not answer",
                             "age_ms", "fix", fix);
    (void)json_array_insert_new(lines, 0, line);
}

/* A member that is missing is a warning while a majority is there, and then a blocker. */
static void add_members(const struct session *session, const struct client_reply *replies,
                        const json_t *asked, json_t *root) {
    unsigned up_n = 0, missing_n = 0, all_n = session->pins->members_n;
    json_t *lines = json_object_get(root, "lines");
    for (unsigned m = 0; m < all_n; m++) {
        up_n += yes_in(replies[m].json, "caught_up");
    }
    bool lost = up_n * 2 <= all_n;
    for (unsigned m = all_n; m-- > 0;) {
        const char *name = session->pins->members[m].name;
        if (!yes_in(replies[m].json, "caught_up")) {
            add_member(lines, name, lost, replies[m].json != NULL);
            missing_n++;
        }
    }
    const char *count = lost ? "blockers_n" : "warnings_n";
    (void)json_object_set_new(root, count, json_integer(number_in(asked, count) + missing_n));
    (void)json_object_set_new(root, "members_n", json_integer(all_n));
    (void)json_object_set_new(root, "members_up_n", json_integer(up_n));
    if (lost) {
        (void)json_object_set_new(root, "ready", json_false());
    }
}

static const struct client_reply *best_of(const struct session *session,
                                          const struct client_reply *replies) {
    const struct client_reply *best = NULL;
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        bool better = replies[m].json != NULL &&
                      (best == NULL ||
                       (!yes_in(best->json, "caught_up") && yes_in(replies[m].json, "caught_up")));
        best = better ? &replies[m] : best;
    }
    return best;
}

static int exit_of(const struct session *session, const json_t *root) {
    if (number_in(root, "members_up_n") * 2 <= number_in(root, "members_n")) {
        return EXIT_NO_QUORUM;
    }
    bool warned = session->line->fail_on_warning && number_in(root, "warnings_n") > 0;
    return yes_in(root, "ready") && !warned ? EXIT_OK : EXIT_OBJECTIVE_MISSED;
}

int readiness_run(struct session *session) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "readiness"};
    const struct command_line *line = session->line;
    (void)text_copy(query.argument, sizeof query.argument, line->words_n > 0 ? line->words[0] : "");
    if (line->at != NULL) {
        (void)fprintf(stderr, "drover readiness: asks every member, --at has no place\n");
        return EXIT_USAGE;
    }
    client_ask_all(session, &query, replies);
    const struct client_reply *best = best_of(session, replies);
    if (best == NULL) {
        return say_nobody(session);
    }
    int code = best->exit_code;
    if (has(best->json, "lines")) {
        add_members(session, replies, best->json, best->json);
        code = exit_of(session, best->json);
    }
    if (has(best->json, "error") && !line->json) {
        (void)fprintf(stderr, "drover: %s\n", text_in(best->json, "error"));
    } else {
        show_reply(session, "readiness", best->json);
    }
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        json_decref(replies[m].json);
    }
    return code;
}
