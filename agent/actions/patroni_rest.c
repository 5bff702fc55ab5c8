/* patroni_rest: see patroni_rest.h. */
#include "agent/actions/patroni_rest.h"

#include <string.h>

#include "common/base/ensure.h"
#include "common/io/http_sync.h"

/* A member that accepts the connection and then says nothing (stopped, swapping) must leave time
 * for the next one. */
#define MEMBER_SHARE_MS 400
#define MEMBER_SHARE_PATCH_MS 2000
#define CONFLICTS_MAX 20
/* Patroni refuses at once, and answers a switchover that it makes when that is over. */
#define SWITCHOVER_SHARE_MS 600

enum err patroni_open(const struct action_input *input, struct patroni *ret_patroni,
                      struct text256 *reterr) {
    memset(ret_patroni, 0, sizeof *ret_patroni);
    if (!arg_parts(input->arguments, "patroni_urls", &ret_patroni->urls)) {
        text_say(reterr, "argument \"patroni_urls\" is missing");
        return ERR_CONFIG;
    }
    const char *user = arg_either(input->arguments, "patroni_user", "user", "");
    if (!text_copy(ret_patroni->user, sizeof ret_patroni->user, user)) {
        text_say(reterr, "argument \"patroni_user\" is too long");
        return ERR_CONFIG;
    }
    return act_secret(input, "patroni_password_ref", "password_ref", ret_patroni->password, reterr);
}

void patroni_close(struct patroni *patroni) {
    secret_wipe(patroni->password);
}

struct patroni_call {
    const char *method;
    const char *path;
    const char *body; /* or NULL */
    uint64_t deadline_boot_ms;
};

/* One request to one member. */
static enum err member_call(struct patroni *patroni, uint8_t index, const struct patroni_call *call,
                            long *ret_status, struct text256 *reterr) {
    static const char *const headers[] = {"Content-Type: application/json"};
    char url[VALUE_SIZE + 32];
    if (!text_format(url, sizeof url, "%s%s", patroni->urls.at[index], call->path)) {
        text_say(reterr, "Patroni's URL is too long");
        return ERR_CONFIG;
    }
    struct http_sync_request request = {
        .method = call->method,
        .url = url,
        .headers = headers,
        .headers_n = call->body != NULL ? 1 : 0,
        .body = call->body,
        .body_size = call->body != NULL ? strlen(call->body) : 0,
        .user = patroni->user[0] != '\0' ? patroni->user : NULL,
        .password = patroni->user[0] != '\0' ? patroni->password : NULL,
        .may_truncate = true,
        .deadline_boot_ms = call->deadline_boot_ms,
        .answer = patroni->answer,
        .answer_size = sizeof patroni->answer,
    };
    struct http_sync_answer answer;
    enum err err = http_sync(&request, &answer, reterr);
    if (err != ERR_OK) {
        return err;
    }
    patroni->answer_n = answer.answer_n;
    *ret_status = answer.status;
    if (answer.status == 401 || answer.status == 403) {
        text_say(reterr, "Patroni at %s refused the user or password (HTTP %ld)",
                 patroni->urls.at[index], answer.status);
        return ERR_AUTH;
    }
    return ERR_OK;
}

/* Any member: the first that gives an answer below 500 decides. */
static enum err any_call(struct patroni *patroni, const struct patroni_call *call,
                         uint32_t share_ms, long *ret_status, struct text256 *reterr) {
    enum err err = ERR_UNREACHABLE;
    uint8_t first = patroni->preferred;
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        uint8_t index = (uint8_t)((first + i) % patroni->urls.n);
        uint32_t left_ms = act_left_ms(call->deadline_boot_ms);
        if (left_ms == 0) {
            return i == 0 ? ERR_TIMEOUT : err;
        }
        struct patroni_call one = *call;
        one.deadline_boot_ms = act_within(share_ms, call->deadline_boot_ms);
        err = member_call(patroni, index, &one, ret_status, reterr);
        if (err == ERR_OK && *ret_status < 500) {
            patroni->preferred = index;
            return ERR_OK;
        }
        if (err == ERR_OK) {
            char line[80];
            act_line(line, sizeof line, patroni->answer);
            text_say(reterr, "Patroni at %s answered HTTP %ld %s", patroni->urls.at[index],
                     *ret_status, line);
            err = ERR_FAILED;
        }
        if (err == ERR_AUTH || err == ERR_CONFIG) {
            return err;
        }
    }
    return err;
}

enum err patroni_config_get(struct patroni *patroni, const char *peer_slot,
                            uint64_t deadline_boot_ms, struct patroni_config *ret_config,
                            struct text256 *reterr) {
    /* GET /config answers from what the member saw in its last round, seconds ago. A PATCH that
     * changes nothing (a null for a key that is not there) is answered from the DCS. It also
     * shows a wrong password before anything is done. */
    struct patroni_call call = {.method = "PATCH",
                                .path = "/config",
                                .body = "{\"drover_nothing\":null}",
                                .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    enum err err = any_call(patroni, &call, MEMBER_SHARE_MS, &status, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (status != 200) {
        text_say(reterr, "Patroni answered a look at /config with HTTP %ld", status);
        return status == 409 ? ERR_BUSY : ERR_FAILED;
    }
    return patroni_config_parse(patroni->answer, patroni->answer_n, peer_slot, ret_config, reterr);
}

enum err patroni_left_timeline(struct patroni *patroni, uint64_t deadline_boot_ms,
                               uint32_t *ret_timeline, struct text256 *reterr) {
    struct patroni_call call = {
        .method = "GET", .path = "/history", .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    uint64_t lsn = 0;
    enum err err = any_call(patroni, &call, MEMBER_SHARE_MS, &status, reterr);
    if (err == ERR_OK && status != 200) {
        text_say(reterr, "Patroni answered /history with HTTP %ld", status);
        return ERR_FAILED;
    }
    return err != ERR_OK ? err
                         : patroni_history_parse(patroni->answer, patroni->answer_n, ret_timeline,
                                                 &lsn, reterr);
}

enum err patroni_cluster_get(struct patroni *patroni, uint64_t deadline_boot_ms,
                             struct patroni_cluster *ret_cluster, struct text256 *reterr) {
    struct patroni_call call = {
        .method = "GET", .path = "/cluster", .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    enum err err = any_call(patroni, &call, MEMBER_SHARE_MS, &status, reterr);
    if (err == ERR_OK && status != 200) {
        text_say(reterr, "Patroni answered /cluster with HTTP %ld", status);
        return ERR_FAILED;
    }
    return err != ERR_OK
               ? err
               : patroni_cluster_parse(patroni->answer, patroni->answer_n, ret_cluster, reterr);
}

enum err patroni_config_patch(struct patroni *patroni, const char *body, uint64_t deadline_boot_ms,
                              struct text256 *reterr) {
    struct patroni_call call = {
        .method = "PATCH", .path = "/config", .body = body, .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    for (unsigned i = 0; i < CONFLICTS_MAX; i++) {
        enum err err = any_call(patroni, &call, MEMBER_SHARE_PATCH_MS, &status, reterr);
        if (err != ERR_OK) {
            return err;
        }
        if (status != 409) {
            break;
        }
        /* Somebody else changed the key between Patroni's read and its write. */
        if (!act_pause(10, deadline_boot_ms)) {
            break;
        }
    }
    if (status == 200) {
        return ERR_OK;
    }
    char line[80];
    act_line(line, sizeof line, patroni->answer);
    text_say(reterr, "Patroni answered PATCH /config with HTTP %ld %s", status, line);
    return status == 409 ? ERR_BUSY : ERR_FAILED;
}

enum err patroni_status_get(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                            struct patroni_status *ret_status, struct text256 *reterr) {
    ensure(index < patroni->urls.n);
    struct patroni_call call = {.method = "GET",
                                .path = "/patroni",
                                .deadline_boot_ms = act_within(MEMBER_SHARE_MS, deadline_boot_ms)};
    long status = 0;
    enum err err = member_call(patroni, index, &call, &status, reterr);
    if (err != ERR_OK) {
        return err;
    }
    /* 503 with a body is how a member without a running PostgreSQL describes itself. */
    if (status != 200 && status != 503) {
        text_say(reterr, "Patroni answered GET /patroni with HTTP %ld", status);
        return ERR_FAILED;
    }
    return patroni_status_parse(patroni->answer, patroni->answer_n, ret_status, reterr);
}

enum err patroni_answers(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                         struct text256 *reterr) {
    ensure(index < patroni->urls.n);
    struct patroni_call call = {
        .method = "GET", .path = "/liveness", .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    return member_call(patroni, index, &call, &status, reterr);
}

enum err patroni_restart(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                         struct text256 *reterr) {
    ensure(index < patroni->urls.n);
    struct patroni_call call = {
        .method = "POST", .path = "/restart", .body = "{}", .deadline_boot_ms = deadline_boot_ms};
    long status = 0;
    char line[80];
    enum err err = member_call(patroni, index, &call, &status, reterr);
    if (err != ERR_OK || status == 200) {
        return err;
    }
    act_line(line, sizeof line, patroni->answer);
    text_say(reterr, "%s: HTTP %ld %s", patroni->urls.at[index], status, line);
    bool starts = strstr(line, "in progress") != NULL || strstr(line, "still starting") != NULL;
    return starts ? ERR_BUSY : ERR_FAILED;
}

enum err patroni_reinitialize(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                              struct text256 *reterr) {
    ensure(index < patroni->urls.n);
    struct patroni_call call = {.method = "POST",
                                .path = "/reinitialize",
                                .body = "{\"force\":true}",
                                .deadline_boot_ms =
                                    act_within(MEMBER_SHARE_PATCH_MS, deadline_boot_ms)};
    long status = 0;
    enum err err = member_call(patroni, index, &call, &status, reterr);
    if (err != ERR_OK || status == 200) {
        return err;
    }
    char line[80];
    act_line(line, sizeof line, patroni->answer);
    text_say(reterr, "%s: %s", patroni->urls.at[index], line);
    return ERR_PRECONDITION;
}

enum err patroni_switchover_post(struct patroni *patroni, bool failover, const char *body,
                                 uint64_t deadline_boot_ms, struct text256 *reterr) {
    enum err err = ERR_UNREACHABLE;
    long status = 0;
    char line[120];
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        uint8_t index = (uint8_t)((patroni->preferred + i) % patroni->urls.n);
        struct patroni_call call = {.method = "POST",
                                    .path = failover ? "/failover" : "/switchover",
                                    .body = body,
                                    .deadline_boot_ms =
                                        act_within(SWITCHOVER_SHARE_MS, deadline_boot_ms)};
        err = member_call(patroni, index, &call, &status, reterr);
        if (err == ERR_TIMEOUT) {
            return ERR_OK; /* it may have it: another one is not asked besides */
        }
        if (err == ERR_OK || err == ERR_AUTH) {
            break;
        }
    }
    if (err != ERR_OK || status == 200 || status == 202) {
        return err;
    }
    act_line(line, sizeof line, patroni->answer);
    text_say(reterr, "Patroni answered HTTP %ld %s", status, line);
    return status < 500 ? ERR_PRECONDITION : ERR_FAILED;
}
