/* http_sync: one libcurl easy handle a request, thrown away afterwards: nothing is kept between
 * requests, so a probe sees each time what a new client would see. */
#include "common/io/http_sync.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/http_curl.h"

#define HOST_SIZE 272 /* a name's 253 characters, and a port */

struct http_sync_body {
    char *at;
    size_t size; /* with the terminator */
    size_t used;
    bool wanted;
    bool truncated;
};

/* curl's write callback: less than offered breaks the transfer off. */
static size_t body_take(char *data, size_t one, size_t n, void *context) {
    struct http_sync_body *body = context;
    size_t size = one * n;
    if (!body->wanted) {
        return size;
    }
    size_t room = body->size - 1 - body->used;
    size_t taken = size < room ? size : room;
    memcpy(body->at + body->used, data, taken);
    body->used += taken;
    if (taken < size) {
        body->truncated = true;
    }
    return taken;
}

struct http_sync_wanted {
    const char *name;
    char *value;
    size_t value_size;
};

/* curl's header callback: one line a call, not terminated. */
static size_t header_take(char *line, size_t one, size_t n, void *context) {
    const struct http_sync_wanted *wanted = context;
    size_t size = one * n, name_n = strlen(wanted->name), from = name_n + 1, to = size;
    if (size <= name_n || strncasecmp(line, wanted->name, name_n) != 0 || line[name_n] != ':') {
        return size;
    }
    while (from < to && line[from] == ' ') {
        from++;
    }
    while (to > from && (line[to - 1] == '\r' || line[to - 1] == '\n' || line[to - 1] == ' ')) {
        to--;
    }
    (void)text_format(wanted->value, wanted->value_size, "%.*s", (int)(to - from), line + from);
    return size;
}

static bool method_known(const char *method) {
    static const char *const methods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                          "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (text_equal(method, methods[i])) {
            return true;
        }
    }
    return false;
}

/* A header is one printable line with a name. */
static bool header_fits(const char *header) {
    size_t n = strlen(header);
    if (n > 1024 || strchr(header, ':') == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)header[i] < 0x20 || header[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Between the colons of curl's "aws:amz:REGION:SERVICE". */
static bool sign_name_fits(const char *name) {
    return name != NULL && text_is_name(name, 64);
}

static enum err request_accepts(const struct http_sync_request *request, struct text256 *reterr) {
    if (!method_known(request->method)) {
        text_say(reterr, "HTTP method %.16s is not known", request->method);
        return ERR_CONFIG;
    }
    if (!text_starts(request->url, "http://") && !text_starts(request->url, "https://")) {
        text_say(reterr, "a URL must begin with http:// or https://");
        return ERR_CONFIG;
    }
    if (request->sign_region != NULL &&
        (request->user == NULL || request->password == NULL ||
         !sign_name_fits(request->sign_region) || !sign_name_fits(request->sign_service))) {
        text_say(reterr, "a signed request needs an access key, its secret, region and service");
        return ERR_CONFIG;
    }
    if (request->sign_region != NULL &&
        strcspn(strstr(request->url, "://") + 3, "/?#") >= HOST_SIZE) {
        text_say(reterr, "the host name is too long");
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < request->headers_n; i++) {
        if (!header_fits(request->headers[i])) {
            text_say(reterr, "HTTP header %zu is not \"Name: value\"", i + 1);
            return ERR_CONFIG;
        }
    }
    return ERR_OK;
}

/* NULL when memory is short; the list is freed then. */
static struct curl_slist *list_add(struct curl_slist *list, const char *line) {
    struct curl_slist *longer = list != NULL ? curl_slist_append(list, line) : NULL;
    if (longer == NULL) {
        curl_slist_free_all(list);
    }
    return longer;
}

static struct curl_slist *headers_list(const struct http_sync_request *request) {
    struct curl_slist *list = NULL;
    if (request->sign_region != NULL) {
        /* libcurl 7.88 signs the host without its port, and no digest of the body, unless both
         * stand there as headers; and it would sign an "Expect:" that is never sent. */
        char host[HOST_SIZE + 8] = "";
        const char *from = strstr(request->url, "://") + 3;
        (void)text_format(host, sizeof host, "Host: %.*s", (int)strcspn(from, "/?#"), from);
        list = curl_slist_append(NULL, host);
        /* S3 alone takes a body that is not signed; for all others libcurl signs its digest. */
        list = text_equal(request->sign_service, "s3")
                   ? list_add(list, "x-amz-content-sha256: UNSIGNED-PAYLOAD")
                   : list;
    } else {
        /* Else a larger body waits a second for a "100 Continue" that few servers send. */
        list = curl_slist_append(NULL, "Expect:");
    }
    for (size_t i = 0; list != NULL && i < request->headers_n; i++) {
        list = list_add(list, request->headers[i]);
    }
    return list;
}

/* "::IP:PORT" is curl's way of saying: whatever host and port, connect there. */
static struct curl_slist *connect_list(const char *connect_to) {
    char text[160];
    if (!text_format(text, sizeof text, "::%s", connect_to)) {
        return NULL;
    }
    return curl_slist_append(NULL, text);
}

static void curl_set_tls(CURL *curl, const struct http_sync_request *request) {
    http_curl_set_tls(curl, request->tls13_only, request->ca_file);
    (void)curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    if (request->certificate_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, request->certificate_file);
        (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, request->key_file);
    }
}

static void curl_set_method(CURL *curl, const struct http_sync_request *request) {
    if (text_equal(request->method, "HEAD")) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request->body_size > 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    } else if (text_equal(request->method, "POST") || text_equal(request->method, "PUT") ||
               text_equal(request->method, "PATCH")) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static void curl_set_identity(CURL *curl, const struct http_sync_request *request) {
    if (request->sign_region != NULL) {
        char scheme[160] = "";
        (void)text_format(scheme, sizeof scheme, "aws:amz:%s:%s", request->sign_region,
                          request->sign_service);
        (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scheme);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
    } else if (request->user != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD,
                               request->password != NULL ? request->password : "");
    } else if (request->bearer != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        (void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request->bearer);
    }
}

static void curl_set(CURL *curl, const struct http_sync_request *request, uint64_t left_ms,
                     struct http_sync_body *body, char error[CURL_ERROR_SIZE]) {
    http_curl_set(curl, left_ms, error);
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "drover");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request->follow_redirects ? 1L : 0L);
    (void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)HTTP_SYNC_REDIRECTS_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_set_tls(curl, request);
    curl_set_method(curl, request);
    curl_set_identity(curl, request);
}

/* The first certificate of the chain is the peer's own. */
static uint64_t curl_not_after_ms(CURL *curl) {
    struct curl_certinfo *chain = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
        chain->num_of_certs < 1) {
        return 0;
    }
    for (struct curl_slist *line = chain->certinfo[0]; line != NULL; line = line->next) {
        if (text_starts(line->data, "Expire date:")) {
            time_t end_s = curl_getdate(line->data + strlen("Expire date:"), NULL);
            return end_s > 0 ? (uint64_t)end_s * 1000 : 0;
        }
    }
    return 0;
}

static enum err curl_run(CURL *curl, const struct http_sync_request *request,
                         struct http_sync_body *body, const char *error,
                         struct http_sync_answer *ret_answer, struct text256 *reterr) {
    uint64_t start_ms = clock_boot_ms();
    CURLcode code = curl_easy_perform(curl);
    bool cut = code == CURLE_WRITE_ERROR && body->truncated;
    if (body->at != NULL) {
        body->at[body->used] = '\0';
    }
    if (cut && !request->may_truncate) {
        text_say(reterr, "the answer is longer than %zu bytes", body->size - 1);
        return ERR_TOO_BIG;
    }
    if (code != CURLE_OK && !cut) {
        /* curl's own sentence may quote the URL; its class never does. */
        enum err err = http_curl_err(curl, code, error);
        text_say(reterr, "%s", curl_easy_strerror(code));
        return err;
    }
    struct http_sync_answer answer = {.answer_n = body->used, .truncated = cut};
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    answer.peer_not_after_wall_ms = curl_not_after_ms(curl);
    answer.took_ms = (uint32_t)(clock_boot_ms() - start_ms);
    *ret_answer = answer;
    return ERR_OK;
}

enum err http_sync(const struct http_sync_request *request, struct http_sync_answer *ret_answer,
                   struct text256 *reterr) {
    ensure(request->method != NULL && request->url != NULL);
    ensure(request->headers_n <= HTTP_SYNC_HEADERS_MAX);
    ensure((request->answer == NULL) == (request->answer_size == 0));

    if (request->answer != NULL) {
        request->answer[0] = '\0';
    }
    if (request->header_name != NULL) {
        request->header[0] = '\0';
    }
    enum err err = request_accepts(request, reterr);
    if (err != ERR_OK) {
        return err;
    }
    uint64_t left_ms = 0;
    err = http_curl_left(request->deadline_boot_ms, &left_ms, reterr);
    if (err != ERR_OK) {
        return err;
    }
    CURL *curl = http_curl_open();
    struct curl_slist *headers = headers_list(request);
    struct curl_slist *connect_to =
        request->connect_to != NULL ? connect_list(request->connect_to) : NULL;
    if (curl == NULL || headers == NULL || (request->connect_to != NULL && connect_to == NULL)) {
        text_say(reterr, "out of memory");
        err = ERR_NO_MEMORY;
    } else {
        char error[CURL_ERROR_SIZE] = "";
        struct http_sync_body body = {
            .at = request->answer, .size = request->answer_size, .wanted = request->answer != NULL};
        curl_set(curl, request, left_ms, &body, error);
        struct http_sync_wanted wanted = {request->header_name, request->header,
                                          request->header_size};
        if (request->header_name != NULL) {
            (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_take);
            (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &wanted);
        }
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
        err = curl_run(curl, request, &body, error, ret_answer, reterr);
    }
    curl_slist_free_all(connect_to);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return err;
}

enum err http_sync_numeric(const char *host, uint16_t port, uint64_t deadline_boot_ms,
                           char *ret_numeric, size_t numeric_size, struct text256 *reterr) {
    char url[320];
    uint64_t left_ms = 0;
    if (!text_format(url, sizeof url, "http://%s:%u/", host, port)) {
        text_say(reterr, "the host name is too long");
        return ERR_CONFIG;
    }
    enum err err = http_curl_left(deadline_boot_ms, &left_ms, reterr);
    if (err != ERR_OK) {
        return err;
    }
    CURL *curl = http_curl_open();
    if (curl == NULL) {
        text_say(reterr, "out of memory");
        return ERR_NO_MEMORY;
    }
    const struct http_sync_request request = {.method = "GET", .url = url};
    struct http_sync_body body = {.wanted = false};
    char error[CURL_ERROR_SIZE] = "";
    curl_set(curl, &request, left_ms, &body, error);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    CURLcode code = curl_easy_perform(curl);
    const char *address = NULL;
    if (code != CURLE_OK) {
        err = http_curl_err(curl, code, error);
        text_say(reterr, "%s", curl_easy_strerror(code));
    } else if (curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address) != CURLE_OK ||
               address == NULL || !text_copy(ret_numeric, numeric_size, address)) {
        text_say(reterr, "%s", err_text(ERR_UNREACHABLE));
        err = ERR_UNREACHABLE;
    }
    curl_easy_cleanup(curl);
    return err;
}
