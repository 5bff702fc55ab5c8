/* verify: the end of a move is that users are served: a URL answers as expected, and PostgreSQL
 * takes a write, both at once, until the deadline. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "agent/actions/pg_group.h"
#include "common/io/http_sync.h"
#include "common/topology/http_status.h"

#define POLL_MS 100
#define URL_MS 2000

/* An endpoint hands its PostgreSQL addresses to every step on it: check_pg=no leaves them out. */
static bool wants_pg(const struct arguments *arguments) {
    return arg_text(arguments, "pg_addresses", NULL) != NULL &&
           arg_yes(arguments, "check_pg", true);
}

static enum err verify_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_VERIFY, arguments, reterr);
}

static bool url_serves(const struct action_input *input, struct text256 *why) {
    const struct arguments *arguments = input->arguments;
    const char *expected = arg_text(arguments, "expect_status", "200-299");
    char answer[4096];
    struct http_sync_request request = {
        .method = "GET",
        .url = arg_text(arguments, "url", ""),
        .ca_file = arg_text(arguments, "ca", NULL),
        .connect_to = arg_text(arguments, "connect_to", NULL),
        .may_truncate = true,
        .deadline_boot_ms = act_within(URL_MS, input->deadline_boot_ms),
        .answer = answer,
        .answer_size = sizeof answer,
    };
    struct http_sync_answer reply;
    struct text256 now = {.at = ""};
    if (http_sync(&request, &reply, &now) != ERR_OK) {
        /* The attempt that the deadline cut short says less than the one before it. */
        if (why->at[0] == '\0' || act_left_ms(input->deadline_boot_ms) > 0) {
            *why = now;
        }
        return false;
    }
    if (!http_status_is(expected, reply.status)) {
        text_say(why, "the URL answers HTTP %ld, expected %.30s", reply.status, expected);
        return false;
    }
    if (strstr(answer, arg_text(arguments, "expect_body", "")) == NULL) {
        text_say(why, "the URL's answer does not contain expect_body");
        return false;
    }
    return true;
}

static bool pg_serves(const struct action_input *input, struct pg_group *group,
                      struct text256 *why) {
    pg_group_forget(group);
    uint64_t until_boot_ms = act_within(1500, input->deadline_boot_ms);
    while (pg_group_find(group, PG_PRIMARY) == NONE && act_left_ms(until_boot_ms) > 0) {
        pg_group_round(group, 20);
    }
    uint8_t index = pg_group_find(group, PG_PRIMARY);
    if (index == NONE) {
        pg_group_text(group, why->at, sizeof why->at);
        return false;
    }
    return pg_epoch_write(group, index, input->epoch, act_within(2000, input->deadline_boot_ms),
                          why) == ERR_OK;
}

static struct action_result service_verify(const struct action_input *input,
                                           struct pg_group *group) {
    struct text256 why = {.at = ""};
    bool has_url = arg_text(input->arguments, "url", NULL) != NULL;
    bool first = true;
    do {
        bool url = !has_url || url_serves(input, &why);
        bool pg = !url ? false : group->n == 0 || pg_serves(input, group, &why);
        if (url && pg) {
            return act_done(first, "%s%s%s", has_url ? "the URL answers" : "",
                            has_url && group->n > 0 ? ", " : "",
                            group->n > 0 ? "PostgreSQL takes writes" : "");
        }
        first = false;
    } while (!input->observe_only && act_pause(POLL_MS, input->deadline_boot_ms));
    return act_failed(input->observe_only ? ERR_FAILED : ERR_TIMEOUT, "%.150s", why.at);
}

static struct action_result verify_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct pg_group group;
    memset(&group, 0, sizeof group);
    enum err err = verify_accepts(input->arguments, &why);
    if (err == ERR_OK && wants_pg(input->arguments)) {
        err = pg_group_open(input, "pg_addresses", &group, &why);
    }
    struct action_result result =
        err == ERR_OK ? service_verify(input, &group) : act_failed(err, "%.150s", why.at);
    pg_group_close(&group);
    return result;
}

const struct action_kind_row row_verify = {
    .kind = ACTION_VERIFY,
    .run = verify_run,
    .accepts = verify_accepts,
    .needs_lease = false,
    .arguments_help = "url, expect_status=200-299, expect_body, connect_to=IP:PORT, ca; and or "
                      "pg_addresses, pg_user, pg_password_ref, pg_database, epoch_table, "
                      "check_pg=yes",
    .by_hand = "curl {url} must answer {expect_status}; psql -h {pg_addresses} -U {pg_user} -c "
               "'select pg_is_in_recovery()' must say f, and an insert must be taken",
};
