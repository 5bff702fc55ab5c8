#include "agent/probes/web.h"

#include <string.h>

#include "agent/probes/reading.h"

/* The argument url without a slash at its end, and the path. */
static bool url_make(const char *base, const char *path, char *ret_url, size_t url_size) {
    if (base == NULL || !text_copy(ret_url, url_size, base)) {
        return false;
    }
    size_t n = strlen(ret_url);
    if (path != NULL && n > 0 && ret_url[n - 1] == '/') {
        ret_url[n - 1] = '\0';
    }
    return path == NULL || text_append(ret_url, url_size, path);
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool web_append_encoded(char *url, size_t url_size, const char *text) {
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        char one[4] = {*text, '\0', '\0', '\0'};
        if (!is_unreserved(*text)) {
            one[0] = '%';
            one[1] = digits[(unsigned char)*text >> 4];
            one[2] = digits[(unsigned char)*text & 15];
        }
        if (!text_append(url, url_size, one)) {
            return false;
        }
    }
    return true;
}

struct web_secrets {
    char password[SECRET_SIZE], token[SECRET_SIZE], token_line[SECRET_SIZE + 64];
    bool password_given, token_given;
};

static bool secrets_get(const struct probe_input *input, const struct web_request *request,
                        struct web_secrets *secrets, struct reading *ret_reading) {
    enum err err = ERR_OK;
    if (!request->without_password) {
        err = probe_secret(input, "password_ref", secrets->password, &secrets->password_given);
    }
    if (err != ERR_OK) {
        *ret_reading = reading_failed(ERR_CONFIG, "the secret of password_ref: %s", err_text(err));
        return false;
    }
    if (!request->without_token) {
        err = probe_secret(input, "token_ref", secrets->token, &secrets->token_given);
    }
    if (err != ERR_OK) {
        *ret_reading = reading_failed(ERR_CONFIG, "the secret of token_ref: %s", err_text(err));
        return false;
    }
    return true;
}

static void secrets_wipe(struct web_secrets *secrets) {
    explicit_bzero(secrets, sizeof *secrets);
}

static bool ask(const struct probe_input *input, const struct web_request *request,
                struct web_secrets *secrets, char *ret_body, size_t body_size,
                struct http_sync_answer *ret_answer, struct reading *ret_reading) {
    const struct arguments *arguments = input->arguments;
    const char *headers[WEB_HEADERS_MAX + 1];
    char url[WEB_URL_SIZE];
    struct text256 why = {""};
    size_t headers_n = 0;
    const char *base =
        request->whole_url != NULL ? request->whole_url : arguments_get(arguments, "url");
    if (!url_make(base, request->whole_url != NULL ? NULL : request->path, url, sizeof url)) {
        *ret_reading = reading_failed(ERR_CONFIG, "the url is too long");
        return false;
    }
    for (; headers_n < request->headers_n && headers_n < WEB_HEADERS_MAX; headers_n++) {
        headers[headers_n] = request->headers[headers_n];
    }
    bool as_bearer = secrets->token_given && request->token_header == NULL;
    if (secrets->token_given && !as_bearer) {
        (void)text_format(secrets->token_line, sizeof secrets->token_line, "%s: %s",
                          request->token_header, secrets->token);
        headers[headers_n++] = secrets->token_line;
    }
    struct http_sync_request sync = {
        .method = request->method != NULL ? request->method : "GET",
        .url = url,
        .headers = headers,
        .headers_n = headers_n,
        .body = request->body,
        .body_size = request->body_size,
        .user = secrets->password_given ? arguments_get(arguments, "user") : NULL,
        .password = secrets->password_given ? secrets->password : NULL,
        .bearer = as_bearer ? secrets->token : NULL,
        .ca_file = arguments_get(arguments, "ca"),
        .certificate_file = arguments_get(arguments, "certificate"),
        .key_file = arguments_get(arguments, "key"),
        .connect_to = arguments_get(arguments, "connect_to"),
        .tls13_only = text_equal(parameter_text(arguments, "tls", "1.2"), "1.3"),
        .sign_region = request->sign_region,
        .sign_service = request->sign_service,
        .header_name = request->header_name,
        .header = request->header,
        .header_size = request->header_size,
        .may_truncate = request->may_truncate,
        .deadline_boot_ms =
            request->deadline_boot_ms != 0 ? request->deadline_boot_ms : input->deadline_boot_ms,
        .answer = ret_body,
        .answer_size = body_size,
    };
    enum err err = http_sync(&sync, ret_answer, &why);
    if (err != ERR_OK) {
        *ret_reading = reading_failed(err, "%s", why.at);
        return false;
    }
    if (ret_answer->status == 401 || ret_answer->status == 403) {
        *ret_reading = reading_failed(ERR_AUTH, "status %ld", ret_answer->status);
        return false;
    }
    return true;
}

bool web_ask(const struct probe_input *input, const struct web_request *request, char *ret_body,
             size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading) {
    struct web_secrets secrets;
    memset(&secrets, 0, sizeof secrets);
    bool done = secrets_get(input, request, &secrets, ret_reading) &&
                ask(input, request, &secrets, ret_body, body_size, ret_answer, ret_reading);
    secrets_wipe(&secrets);
    return done;
}
