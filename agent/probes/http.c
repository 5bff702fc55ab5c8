/* http: one request; the status and, where asked for, the body are as expected. */
#include <regex.h>
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/http_sync.h"
#include "common/io/net.h"

#define BODY_SIZE 65536 /* what is looked at of the body; the rest is not fetched */

static const struct parameter parameters[] = {
    {.name = "url", .type = PARAMETER_URL},
    {.name = "method", .type = PARAMETER_CHOICE, .choices = "|GET|HEAD|POST|OPTIONS|"},
    {.name = "expect_status", .type = PARAMETER_TEXT},
    {.name = "expect_body", .type = PARAMETER_TEXT},
    {.name = "expect_regex", .type = PARAMETER_TEXT},
    {.name = "host", .type = PARAMETER_TEXT},
    {.name = "connect_to", .type = PARAMETER_ADDRESS},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "token_ref", .type = PARAMETER_NAME},
    {.name = "token_header", .type = PARAMETER_NAME},
    {.name = "sign_service", .type = PARAMETER_NAME},
    {.name = "sign_region", .type = PARAMETER_NAME},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
};

/* One part of "200,204,300-399". */
static bool status_range(const char *part, uint64_t *ret_low, uint64_t *ret_high) {
    char low[8];
    const char *dash = strchr(part, '-');
    size_t low_n = dash != NULL ? (size_t)(dash - part) : strlen(part);
    if (low_n >= sizeof low) {
        return false;
    }
    memcpy(low, part, low_n);
    low[low_n] = '\0';
    return text_to_u64(low, 599, ret_low) && *ret_low >= 100 &&
           text_to_u64(dash != NULL ? dash + 1 : low, 599, ret_high) && *ret_high >= *ret_low;
}

/* With status 0: only whether the list is well formed. */
static bool status_listed(const char *list, uint64_t status) {
    char part[16];
    bool found = status == 0;
    for (const char *at = list; *at != '\0';) {
        uint64_t low = 0;
        uint64_t high = 0;
        if (!list_next(&at, part, sizeof part) || !status_range(part, &low, &high)) {
            return false;
        }
        found = found || (status >= low && status <= high);
    }
    return found;
}

/* Repetition counts and back-references can make the C library's matcher need hours or gigabytes:
 * no deadline could stop it then. */
static bool regex_tame(const char *pattern) {
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
            if (*at >= '1' && *at <= '9') {
                return false;
            }
        } else if (*at == '{') {
            return false;
        }
    }
    return true;
}

static enum err regex_accepts(const char *pattern, struct text256 *reterr) {
    regex_t compiled;
    if (!regex_tame(pattern)) {
        text_say(reterr, "argument expect_regex: expected no {n,m} and no back-reference");
        return ERR_CONFIG;
    }
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        text_say(reterr, "argument expect_regex: expected a POSIX extended regular expression");
        return ERR_CONFIG;
    }
    regfree(&compiled);
    return ERR_OK;
}

/* The check's own url, or an endpoint's address that is one. */
static const char *url_of(const struct arguments *arguments) {
    const char *url = arguments_get(arguments, "url");
    const char *address = arguments_get(arguments, "address");
    if (url == NULL && address != NULL &&
        (text_starts(address, "http://") || text_starts(address, "https://"))) {
        return address;
    }
    return url;
}

enum err http_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (url_of(arguments) == NULL) {
        text_say(reterr, "argument url is missing");
        return ERR_CONFIG;
    }
    if (!status_listed(parameter_text(arguments, "expect_status", "200"), 0)) {
        text_say(reterr, "argument expect_status: expected for example 200, 200-299 or 200,204");
        return ERR_CONFIG;
    }
    bool token = arguments_get(arguments, "token_ref") != NULL;
    if (token && arguments_get(arguments, "user") != NULL) {
        text_say(reterr, "arguments token_ref and user: expected one of them");
        return ERR_CONFIG;
    }
    if (!token && arguments_get(arguments, "token_header") != NULL) {
        text_say(reterr, "argument token_header: expected token_ref with it");
        return ERR_CONFIG;
    }
    if (arguments_get(arguments, "sign_service") != NULL &&
        (arguments_get(arguments, "user") == NULL ||
         arguments_get(arguments, "password_ref") == NULL)) {
        text_say(reterr, "argument sign_service: expected user (the access key) and password_ref "
                         "(its secret) with it");
        return ERR_CONFIG;
    }
    const char *pattern = arguments_get(arguments, "expect_regex");
    return pattern != NULL ? regex_accepts(pattern, reterr) : ERR_OK;
}

static bool regex_matches(const char *pattern, const char *body) {
    regex_t compiled;
    if (!regex_tame(pattern) || regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool matches = regexec(&compiled, body, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

static struct reading judge(const struct arguments *arguments,
                            const struct http_sync_answer *answer, const char *body) {
    const char *text = arguments_get(arguments, "expect_body");
    const char *pattern = arguments_get(arguments, "expect_regex");
    const char *status = parameter_text(arguments, "expect_status", "200");
    struct reading reading;
    if (!status_listed(status, (uint64_t)answer->status)) {
        reading = reading_judged(false, "status %ld, expected %.40s", answer->status, status);
    } else if (text != NULL && memmem(body, answer->answer_n, text, strlen(text)) == NULL) {
        reading =
            reading_judged(false, "status %ld, the body lacks \"%.40s\"", answer->status, text);
    } else if (pattern != NULL && !regex_matches(pattern, body)) {
        reading = reading_judged(false, "status %ld, the body does not match %.40s", answer->status,
                                 pattern);
    } else {
        reading = reading_judged(true, "status %ld", answer->status);
    }
    reading.value = answer->status;
    reading.latency_ms = answer->took_ms;
    return reading;
}

struct http_secrets {
    char password[SECRET_SIZE], token[SECRET_SIZE], token_line[SECRET_SIZE + NAME_SIZE + 8];
    bool password_given, token_given;
};

static void secrets_wipe(struct http_secrets *secrets) {
    secret_wipe(secrets->password);
    secret_wipe(secrets->token);
    explicit_bzero(secrets->token_line, sizeof secrets->token_line);
}

/* False: *ret_reading says which one is not to be had. */
static bool secrets_take(const struct probe_input *input, struct http_secrets *secrets,
                         struct reading *ret_reading) {
    const char *name = "password_ref";
    enum err err = probe_secret(input, name, secrets->password, &secrets->password_given);
    if (err == ERR_OK) {
        name = "token_ref";
        err = probe_secret(input, name, secrets->token, &secrets->token_given);
    }
    if (err != ERR_OK) {
        *ret_reading = reading_failed(ERR_CONFIG, "the secret of %s: %s", name, err_text(err));
        return false;
    }
    return true;
}

static struct reading http_ask(const struct probe_input *input, struct http_secrets *secrets) {
    const struct arguments *arguments = input->arguments;
    char body[BODY_SIZE];
    char host_header[VALUE_SIZE + 8];
    const char *headers[2];
    size_t headers_n = 0;
    const char *host = arguments_get(arguments, "host");
    const char *token_header = arguments_get(arguments, "token_header");
    if (host != NULL) {
        (void)text_format(host_header, sizeof host_header, "Host: %s", host);
        headers[headers_n++] = host_header;
    }
    if (secrets->token_given && token_header != NULL) {
        (void)text_format(secrets->token_line, sizeof secrets->token_line, "%s: %s", token_header,
                          secrets->token);
        headers[headers_n++] = secrets->token_line;
    }
    struct http_sync_request request = {
        .method = parameter_text(arguments, "method", "GET"),
        .url = url_of(arguments),
        .headers = headers,
        .headers_n = headers_n,
        .user = arguments_get(arguments, "user"),
        .password = secrets->password_given ? secrets->password : NULL,
        .sign_service = arguments_get(arguments, "sign_service"),
        .sign_region = arguments_get(arguments, "sign_service") != NULL
                           ? parameter_text(arguments, "sign_region", "us-east-1")
                           : NULL,
        .bearer = secrets->token_given && token_header == NULL ? secrets->token : NULL,
        .ca_file = arguments_get(arguments, "ca"),
        .connect_to = arguments_get(arguments, "connect_to"),
        .tls13_only = text_equal(parameter_text(arguments, "tls", "1.2"), "1.3"),
        .may_truncate = true,
        .deadline_boot_ms = input->deadline_boot_ms,
        .answer = body,
        .answer_size = sizeof body,
    };
    struct http_sync_answer answer;
    struct text256 why = {""};
    enum err err = http_sync(&request, &answer, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    /* Asked for a password, and the one given (or none) did not do. */
    if ((answer.status == 401 || answer.status == 403) &&
        !status_listed(parameter_text(arguments, "expect_status", "200"),
                       (uint64_t)answer.status)) {
        return reading_failed(ERR_AUTH, "status %ld", answer.status);
    }
    return judge(arguments, &answer, body);
}

struct reading http_run(const struct probe_input *input) {
    struct http_secrets secrets = {.password_given = false};
    struct reading reading;
    if (secrets_take(input, &secrets, &reading)) {
        reading = http_ask(input, &secrets);
    }
    secrets_wipe(&secrets);
    return reading;
}
