/* service: see service.h. */
#include "common/io/service.h"

#include <string.h>

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

bool service_append_encoded(char *url, size_t url_size, const char *text) {
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

struct service_secrets {
    char password[SECRET_SIZE], token[SECRET_SIZE], token_line[SECRET_SIZE + 64];
    bool password_given, token_given;
};

static enum err secret_read(const struct arguments *arguments, const struct secrets *secrets,
                            const char *name, char ret_secret[SECRET_SIZE], bool *ret_given,
                            struct text256 *reterr) {
    const char *reference = arguments_get(arguments, name);
    if (reference == NULL) {
        return ERR_OK;
    }
    enum err err = secrets == NULL ? ERR_NOT_FOUND : secret_get(secrets, reference, ret_secret);
    if (err != ERR_OK) {
        text_say(reterr, "the secret of %s: %s", name, err_text(err));
        return ERR_CONFIG;
    }
    *ret_given = true;
    return ERR_OK;
}

static enum err secrets_get(const struct arguments *arguments, const struct secrets *named,
                            const struct service_request *request, struct service_secrets *secrets,
                            struct text256 *reterr) {
    enum err err = ERR_OK;
    if (!request->without_password) {
        err = secret_read(arguments, named, "password_ref", secrets->password,
                          &secrets->password_given, reterr);
    }
    if (err == ERR_OK && !request->without_token) {
        err = secret_read(arguments, named, "token_ref", secrets->token, &secrets->token_given,
                          reterr);
    }
    return err;
}

static enum err ask(const struct arguments *arguments, const struct service_request *request,
                    struct service_secrets *secrets, char *ret_body, size_t body_size,
                    struct http_sync_answer *ret_answer, struct text256 *reterr) {
    const char *headers[SERVICE_HEADERS_MAX + 1];
    char url[SERVICE_URL_SIZE];
    size_t headers_n = 0;
    const char *base =
        request->whole_url != NULL ? request->whole_url : arguments_get(arguments, "url");
    if (!url_make(base, request->whole_url != NULL ? NULL : request->path, url, sizeof url)) {
        text_say(reterr, "the url is too long");
        return ERR_CONFIG;
    }
    for (; headers_n < request->headers_n && headers_n < SERVICE_HEADERS_MAX; headers_n++) {
        headers[headers_n] = request->headers[headers_n];
    }
    bool as_bearer = secrets->token_given && request->token_header == NULL;
    if (secrets->token_given && !as_bearer) {
        (void)text_format(secrets->token_line, sizeof secrets->token_line, "%s: %s",
                          request->token_header, secrets->token);
        headers[headers_n++] = secrets->token_line;
    }
    const char *tls = arguments_get(arguments, "tls");
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
        .tls13_only = tls != NULL && text_equal(tls, "1.3"),
        .sign_region = request->sign_region,
        .sign_service = request->sign_service,
        .header_name = request->header_name,
        .header = request->header,
        .header_size = request->header_size,
        .may_truncate = request->may_truncate,
        .deadline_boot_ms = request->deadline_boot_ms,
        .answer = ret_body,
        .answer_size = body_size,
    };
    enum err err = http_sync(&sync, ret_answer, reterr);
    if (err == ERR_OK && (ret_answer->status == 401 || ret_answer->status == 403)) {
        text_say(reterr, "status %ld", ret_answer->status);
        return ERR_AUTH;
    }
    return err;
}

enum err service_ask(const struct arguments *arguments, const struct secrets *named,
                     const struct service_request *request, char *ret_body, size_t body_size,
                     struct http_sync_answer *ret_answer, struct text256 *reterr) {
    struct service_secrets secrets;
    memset(&secrets, 0, sizeof secrets);
    memset(ret_answer, 0, sizeof *ret_answer);
    enum err err = secrets_get(arguments, named, request, &secrets, reterr);
    if (err == ERR_OK) {
        err = ask(arguments, request, &secrets, ret_body, body_size, ret_answer, reterr);
    }
    explicit_bzero(&secrets, sizeof secrets);
    return err;
}
