/* patroni: the region's Patroni cluster as any one member tells it: members, states, leader and its
 * kind, timeline, pause; and whether it takes the failover's credential. A leader here is
 * bookkeeping: the postgresql probe proves a role. */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/io/http_sync.h"
#include "common/io/net.h"

#define BODY_SIZE 32768
#define NOOP "{\"drover-no-such-setting\":null}"

static const struct parameter parameters[] = {
    {.name = "url", .type = PARAMETER_URL, .needed = true},
    {.name = "members", .type = PARAMETER_NUMBER, .min = 1, .max = 32},
    {.name = "expect_role", .type = PARAMETER_CHOICE, .choices = "|primary|standby|any|"},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "credential", .type = PARAMETER_FLAG},
};

enum err patroni_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && parameter_flag(arguments, "credential", false) &&
        (arguments_get(arguments, "user") == NULL ||
         arguments_get(arguments, "password_ref") == NULL)) {
        text_say(reterr, "argument credential: expected user and password_ref with it");
        err = ERR_CONFIG;
    }
    return err;
}

static uint8_t view_role(const struct patroni_view *view) {
    if (view->leader == PATRONI_LEADER) {
        return STORE_PRIMARY;
    }
    return view->leader == PATRONI_STANDBY_LEADER ? STORE_STANDBY : STORE_UNKNOWN;
}

static struct reading judge(const struct arguments *arguments, const struct patroni_view *view) {
    uint64_t expected_n = parameter_number(arguments, "members", view->members_n);
    enum store_role expected = probe_expect_role(arguments);
    uint8_t role = view_role(view);
    struct reading reading;
    if (view->leader == PATRONI_LEADER_NONE) {
        reading = reading_judged(false, "no leader, %u/%llu members run", view->running_n,
                                 (unsigned long long)expected_n);
    } else if (!view->leader_running) {
        reading =
            reading_judged(false, "leader %.24s does not run, %u/%llu members run",
                           view->leader_name, view->running_n, (unsigned long long)expected_n);
    } else {
        bool fits = expected == STORE_UNKNOWN || role == expected;
        bool lacks = view->running_n < expected_n;
        bool down = lacks && view->first_not_running[0] != '\0';
        reading = reading_judged(fits, "%s %.20s, timeline %lld, %u/%llu members%s%.16s%s%s%s",
                                 role == STORE_PRIMARY ? "leader" : "standby leader",
                                 view->leader_name, (long long)view->timeline, view->running_n,
                                 (unsigned long long)expected_n, down ? ", not " : "",
                                 down ? view->first_not_running : "",
                                 view->paused ? ", paused" : "", fits ? "" : ", expected ",
                                 fits ? "" : parameter_text(arguments, "expect_role", "any"));
        bool behind = fits && view->first_not_streaming[0] != '\0';
        if (behind) {
            (void)text_append(reading.detail, sizeof reading.detail, PATRONI_NO_STREAM);
            (void)text_append(reading.detail, sizeof reading.detail, view->first_not_streaming);
        }
        if (lacks || view->paused || behind) {
            reading_warn(&reading);
        }
    }
    reading.role = role;
    reading.value = view->running_n;
    if (view->leader != PATRONI_LEADER_NONE) {
        (void)text_copy(reading.leader, sizeof reading.leader, view->leader_name);
        reading.timeline =
            view->timeline > 0 && view->timeline <= UINT32_MAX ? (uint32_t)view->timeline : 0;
    }
    return reading;
}

/* The member's base URL with a path behind it. */
static bool member_url(const char *base, const char *path, char *ret_url, size_t url_size) {
    if (!text_copy(ret_url, url_size, base)) {
        return false;
    }
    for (size_t n = 0; ret_url[n] != '\0'; n++) {
        if (ret_url[n] == '/' && ret_url[n + 1] == '\0') {
            ret_url[n] = '\0';
            break;
        }
    }
    return text_append(ret_url, url_size, path);
}

/* The failover's own request with nothing in it to change: Patroni takes away a setting that is not
 * there, finds the configuration as it was, and writes none. It checks user and password, reads its
 * etcd, and has its loop look around once. */
static struct reading credential_judge(const struct http_sync_request *member,
                                       struct reading reading) {
    struct http_sync_request request = *member;
    char url[VALUE_SIZE + 16];
    struct http_sync_answer answer;
    struct text256 why = {""};
    if (!member_url(member->url, "/config", url, sizeof url)) {
        return reading_failed(ERR_CONFIG, "the url is too long");
    }
    request.method = "PATCH";
    request.url = url;
    request.body = NOOP;
    request.body_size = sizeof NOOP - 1;
    request.may_truncate = true; /* the whole configuration: only its status counts */
    enum err err = http_sync(&request, &answer, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "PATCH /config: %s", why.at);
    }
    if (answer.status == 401) {
        return reading_failed(ERR_AUTH, "PATCH /config: status 401");
    }
    if (answer.status == 403) {
        return reading_failed(ERR_DENIED, "PATCH /config: status 403");
    }
    if (answer.status != 200) {
        return reading_judged(false, "PATCH /config: status %ld", answer.status);
    }
    (void)text_append(reading.detail, sizeof reading.detail, ", credential accepted");
    return reading;
}

/* Behind all else, for readiness: no name may stand in both regions' clusters. */
static bool named(struct reading *reading, const char *mark, const char *names) {
    if (names[0] == '\0' ||
        strlen(reading->detail) + strlen(mark) + strlen(names) >= sizeof reading->detail) {
        return false;
    }
    (void)text_append(reading->detail, sizeof reading->detail, mark);
    (void)text_append(reading->detail, sizeof reading->detail, names);
    return true;
}

/* Where not even their digests fit that is told: nothing said would look like no trouble. */
static void names_say(const struct patroni_view *view, struct reading *reading) {
    if (reading->err != ERR_OK || view->members_n == 0 ||
        named(reading, PATRONI_NAMES, view->names) ||
        named(reading, PATRONI_DIGESTS, view->digests)) {
        return;
    }
    size_t last = sizeof reading->detail - sizeof PATRONI_NAMELESS;
    if (strlen(reading->detail) > last) {
        reading->detail[last] = '\0';
    }
    (void)text_append(reading->detail, sizeof reading->detail, PATRONI_NAMELESS);
}

static struct reading member_ask(const struct arguments *arguments,
                                 const struct http_sync_request *member) {
    struct http_sync_request request = *member;
    char url[VALUE_SIZE + 16];
    struct http_sync_answer answer;
    struct text256 why = {""};
    struct patroni_view view;
    if (!member_url(member->url, "/cluster", url, sizeof url)) {
        return reading_failed(ERR_CONFIG, "the url is too long");
    }
    request.url = url;
    enum err err = http_sync(&request, &answer, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    if (answer.status == 401 || answer.status == 403) {
        return reading_failed(ERR_AUTH, "status %ld", answer.status);
    }
    if (answer.status != 200) {
        return reading_judged(false, "status %ld from Patroni", answer.status);
    }
    if (patroni_parse(request.answer, answer.answer_n, &view) != ERR_OK) {
        return reading_failed(ERR_FORMAT, "not Patroni's /cluster");
    }
    struct reading reading = judge(arguments, &view);
    reading.latency_ms = answer.took_ms;
    reading = reading.good && parameter_flag(arguments, "credential", false)
                  ? credential_judge(member, reading)
                  : reading;
    names_say(&view, &reading);
    return reading;
}

struct reading patroni_run(const struct probe_input *input) {
    const struct arguments *arguments = input->arguments;
    char body[BODY_SIZE];
    char password[SECRET_SIZE];
    bool given = false;
    enum err err = probe_secret(input, "password_ref", password, &given);
    if (err != ERR_OK) {
        return reading_failed(ERR_CONFIG, "the secret of password_ref: %s", err_text(err));
    }
    struct http_sync_request request = {
        .method = "GET",
        .url = arguments_get(arguments, "url"),
        .user = arguments_get(arguments, "user"),
        .password = given ? password : NULL,
        .ca_file = arguments_get(arguments, "ca"),
        .deadline_boot_ms = input->deadline_boot_ms,
        .answer = body,
        .answer_size = sizeof body,
    };
    struct reading reading = member_ask(arguments, &request);
    secret_wipe(password);
    return reading;
}
