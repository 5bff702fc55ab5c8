/* libcurl multi on a libuv loop. The rules that keep the two together:
 *   - curl is never called from inside one of its callbacks: these only note what is wanted, and
 *     the
 *     users' callbacks run after curl has returned;
 *   - its timer of 0 ms becomes one turn of the loop by an idle handle: a uv_timer of 0 ms started
 *     in
 *     a timer callback would run in the same turn, for ever before any socket is looked at, and one
 *     of 1 ms would add that to every request;
 *   - a poll handle is closed when curl drops the socket and freed in its close callback only. */
#include "common/io/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/ensure.h"

struct http_poll {
    uv_poll_t poll;
    struct http *http;
    curl_socket_t socket;
};

struct http_call {
    struct http_call *next, *before; /* all calls of the client */
    struct http_call *next_fresh;    /* those with bytes for on_chunk */
    bool is_fresh;
    bool added; /* curl has it */
    bool over_answer_max;
    bool has_certificate; /* we show one of our own */
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    uint8_t *request_body;
    uint8_t *in; /* arrived, not told yet */
    size_t in_n, in_size, in_max;
    char error[CURL_ERROR_SIZE];
    void *owner;
    void (*on_chunk)(void *owner, const uint8_t *bytes, size_t size);
    void (*done)(void *owner, const struct http_answer *answer);
};

struct http {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    uv_idle_t asap; /* curl's timer of 0 ms */
    struct http_call *calls;
    struct http_call *fresh, **fresh_end;
    uint32_t calls_n;
    uint32_t handles_n; /* uv handles that are not closed yet */
    uint32_t busy_n; /* our own functions on the stack: keeps the struct while users call close */
    bool in_curl;
    bool closed;
};

static void http_settle(struct http *http);

/* ---- what curl calls ---- */

static size_t call_on_body(char *bytes, size_t one, size_t n, void *data) {
    struct http_call *call = data;
    (void)one; /* 1, says the manual */
    if (n > call->in_max - call->in_n) {
        call->over_answer_max = true;
        return 0; /* curl ends the transfer */
    }
    if (n > call->in_size - call->in_n) {
        size_t size = call->in_size == 0 ? 4096 : call->in_size;
        while (size < call->in_n + n) {
            size *= 2;
        }
        uint8_t *in = realloc(call->in, size);
        if (in == NULL) {
            return 0;
        }
        call->in = in;
        call->in_size = size;
    }
    memcpy(call->in + call->in_n, bytes, n);
    call->in_n += n;
    if (call->on_chunk != NULL && !call->is_fresh) {
        call->is_fresh = true;
        call->next_fresh = NULL;
        *call->http->fresh_end = call;
        call->http->fresh_end = &call->next_fresh;
    }
    return n;
}

static void http_free_when_gone(struct http *http) {
    if (http->closed && http->handles_n == 0 && http->busy_n == 0) {
        free(http);
    }
}

static void http_on_handle_closed(uv_handle_t *handle) {
    struct http *http = handle->data;
    ensure(http->handles_n > 0);
    http->handles_n--;
    http_free_when_gone(http);
}

static void poll_on_closed(uv_handle_t *handle) {
    struct http_poll *poll = handle->data;
    struct http *http = poll->http;
    free(poll);
    ensure(http->handles_n > 0);
    http->handles_n--;
    http_free_when_gone(http);
}

static void http_act(struct http *http, curl_socket_t socket, int events) {
    int running = 0;
    http->busy_n++;
    http->in_curl = true;
    CURLMcode code = curl_multi_socket_action(http->multi, socket, events, &running);
    http->in_curl = false;
    ensure(code == CURLM_OK);
    http_settle(http);
    http->busy_n--;
    http_free_when_gone(http);
}

static void http_on_poll(uv_poll_t *handle, int status, int events) {
    const struct http_poll *poll = handle->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    http_act(poll->http, poll->socket, flags);
}

static int http_on_socket(CURL *easy, curl_socket_t socket, int what, void *data, void *socketp) {
    (void)easy;
    struct http *http = data;
    struct http_poll *poll = socketp;
    if (what == CURL_POLL_REMOVE) {
        if (poll != NULL) {
            (void)uv_poll_stop(&poll->poll);
            uv_close((uv_handle_t *)&poll->poll, poll_on_closed);
            (void)curl_multi_assign(http->multi, socket, NULL);
        }
        return 0;
    }
    if (poll == NULL) {
        poll = calloc(1, sizeof(*poll));
        ensure(poll != NULL);
        poll->http = http;
        poll->socket = socket;
        int failed = uv_poll_init_socket(http->loop, &poll->poll, socket);
        ensure(failed == 0);
        poll->poll.data = poll;
        http->handles_n++;
        (void)curl_multi_assign(http->multi, socket, poll);
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    int failed = uv_poll_start(&poll->poll, events, http_on_poll);
    ensure(failed == 0);
    return 0;
}

static void http_on_timer(uv_timer_t *timer) {
    http_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void http_on_asap(uv_idle_t *asap) {
    (void)uv_idle_stop(asap);
    http_act(asap->data, CURL_SOCKET_TIMEOUT, 0);
}

static int http_on_timeout(CURLM *multi, long timeout_ms, void *data) {
    (void)multi;
    struct http *http = data;
    if (http->closed) {
        return 0;
    }
    (void)uv_timer_stop(&http->timer);
    (void)uv_idle_stop(&http->asap);
    int failed = 0;
    if (timeout_ms == 0) {
        failed = uv_idle_start(&http->asap, http_on_asap);
    } else if (timeout_ms > 0) {
        failed = uv_timer_start(&http->timer, http_on_timer, (uint64_t)timeout_ms, 0);
    }
    ensure(failed == 0);
    return 0;
}

/* ---- calls ---- */

static void call_unlink(struct http_call *call) {
    struct http *http = call->http;
    if (call->before != NULL) {
        call->before->next = call->next;
    } else {
        http->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->before = call->before;
    }
    if (call->is_fresh) {
        struct http_call **at = &http->fresh;
        while (*at != call) {
            at = &(*at)->next_fresh;
        }
        *at = call->next_fresh;
        if (http->fresh_end == &call->next_fresh) {
            http->fresh_end = at;
        }
    }
    ensure(http->calls_n > 0);
    http->calls_n--;
}

static void call_free(struct http_call *call) {
    if (call->easy != NULL) {
        if (call->added) {
            ensure(!call->http->in_curl);
            (void)curl_multi_remove_handle(call->http->multi, call->easy);
        }
        curl_easy_cleanup(call->easy);
    }
    curl_slist_free_all(call->headers);
    free(call->request_body);
    free(call->in);
    free(call);
}

/* With TLS 1.3 the peer refuses our certificate only after the handshake, and its alert is often
 * lost to the reset that follows. So a new connection that shows our certificate and breaks off
 * right after the handshake, without an answer, counts as a refusal. */
static bool call_was_refused(const struct http_call *call) {
    curl_off_t handshake_us = 0;
    long connects_n = 0, status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects_n);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return strstr(call->error, "alert") != NULL ||
           (call->has_certificate && handshake_us > 0 && connects_n > 0 && status == 0);
}

static enum err call_judge(const struct http_call *call, CURLcode code) {
    switch ((int)code) { /* an enum of a hundred, most of them of other protocols */
    case CURLE_OK: return ERR_OK;
    case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT: return ERR_REFUSED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS: return ERR_AUTH;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return call_was_refused(call) ? ERR_AUTH : ERR_UNREACHABLE;
    case CURLE_WRITE_ERROR: return call->over_answer_max ? ERR_TOO_BIG : ERR_NO_MEMORY;
    case CURLE_OUT_OF_MEMORY: return ERR_NO_MEMORY;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING: return ERR_FORMAT;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER: return ERR_CONFIG;
    default: /* no such name, no route, broken off */ return ERR_UNREACHABLE;
    }
}

static void call_finish(struct http_call *call, CURLcode code) {
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    enum err err = call_judge(call, code);
    const char *detail = "";
    if (err != ERR_OK) {
        detail = call->over_answer_max    ? "the answer is larger than the limit"
                 : call->error[0] != '\0' ? call->error
                                          : curl_easy_strerror(code);
    }
    struct http_answer answer = {
        .err = err,
        .status = (int)status,
        .body = call->in == NULL ? (const uint8_t *)"" : call->in,
        .body_size = call->in_n,
        .detail = detail,
    };
    call_unlink(call);
    (void)curl_multi_remove_handle(call->http->multi, call->easy);
    call->added = false;
    call->done(call->owner, &answer);
    call_free(call);
}

/* Pieces of streams. The bytes leave the call before the callback, which may cancel it. */
static void http_tell_chunks(struct http *http) {
    while (http->fresh != NULL) {
        struct http_call *call = http->fresh;
        http->fresh = call->next_fresh;
        if (http->fresh == NULL) {
            http->fresh_end = &http->fresh;
        }
        call->is_fresh = false;
        long status = 0;
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || status > 299) {
            continue; /* an error's body: goes to done as a whole */
        }
        uint8_t *in = call->in;
        size_t in_n = call->in_n;
        call->in = NULL;
        call->in_n = call->in_size = 0;
        call->on_chunk(call->owner, in, in_n);
        free(in);
    }
}

/* Tells the users what curl has done. They may start, cancel and close: every turn looks afresh. */
static void http_settle(struct http *http) {
    http_tell_chunks(http);
    while (!http->closed) {
        int left_n = 0;
        CURLMsg *message = curl_multi_info_read(http->multi, &left_n);
        if (message == NULL) {
            break;
        }
        if (message->msg == CURLMSG_DONE) {
            struct http_call *call = NULL;
            CURLcode code = message->data.result;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
            call_finish(call, code);
        }
    }
}

static bool url_is_good(const char *url) {
    return url != NULL &&
           (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

static CURLcode call_set_tls(CURL *easy, const struct http_request *request) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK && request->ca_file != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
    }
    if (code == CURLE_OK && request->cert_file != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_SSLCERT, request->cert_file);
    }
    if (code == CURLE_OK && request->key_file != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key_file);
    }
    return code;
}

static CURLcode call_set_body(struct http_call *call, const struct http_request *request) {
    CURL *easy = call->easy;
    CURLcode code = CURLE_OK;
    if (request->body_size > 0) {
        call->request_body = malloc(request->body_size);
        if (call->request_body == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        memcpy(call->request_body, request->body, request->body_size);
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        if (code == CURLE_OK) {
            code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->request_body);
        }
    }
    if (code == CURLE_OK && request->method != NULL) {
        if (request->body_size == 0 && strcmp(request->method, "HEAD") == 0) {
            code = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        } else {
            code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
        }
    }
    /* "Expect: 100-continue" would cost a second with servers that do not know it. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; headers != NULL && i < request->headers_n; i++) {
        struct curl_slist *longer = curl_slist_append(headers, request->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(headers);
        }
        headers = longer;
    }
    if (headers == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    call->headers = headers;
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) : code;
}

static CURLcode call_set(struct http_call *call, const struct http_request *request) {
    CURL *easy = call->easy;
    uint32_t connect_ms = request->connect_ms == 0 ? HTTP_CONNECT_MS : request->connect_ms;
    uint32_t total_ms = request->total_ms != 0      ? request->total_ms
                        : request->on_chunk != NULL ? 0
                                                    : HTTP_TOTAL_MS;
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    code |= curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)total_ms);
    code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, call_on_body);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (code == CURLE_OK) {
        code = call_set_tls(easy, request);
    }
    return code == CURLE_OK ? call_set_body(call, request) : code;
}

enum err http_start(struct http *http, const struct http_request *request,
                    struct http_call **ret_call) {
    ensure(http != NULL && request != NULL && request->done != NULL && ret_call != NULL);
    ensure(!http->in_curl);
    if (http->closed || http->calls_n >= HTTP_CALLS_MAX) {
        return http->closed ? ERR_CLOSED : ERR_BUSY;
    }
    if (!url_is_good(request->url) || request->headers_n > HTTP_HEADERS_MAX) {
        return ERR_CONFIG;
    }
    struct http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return ERR_NO_MEMORY;
    }
    call->http = http;
    call->owner = request->owner;
    call->on_chunk = request->on_chunk;
    call->done = request->done;
    call->has_certificate = request->cert_file != NULL;
    call->in_max = request->answer_max != 0    ? request->answer_max
                   : request->on_chunk != NULL ? HTTP_STREAM_MAX
                                               : HTTP_ANSWER_MAX;
    call->easy = curl_easy_init();
    CURLcode code = call->easy == NULL ? CURLE_OUT_OF_MEMORY : call_set(call, request);
    if (code == CURLE_OK) {
        call->added = curl_multi_add_handle(http->multi, call->easy) == CURLM_OK;
    }
    if (!call->added) {
        call_free(call);
        return code == CURLE_OK || code == CURLE_OUT_OF_MEMORY ? ERR_NO_MEMORY : ERR_CONFIG;
    }
    call->next = http->calls;
    if (call->next != NULL) {
        call->next->before = call;
    }
    http->calls = call;
    http->calls_n++;
    *ret_call = call;
    return ERR_OK;
}

void http_cancel(struct http_call *call) {
    ensure(call != NULL && !call->http->in_curl);
    call_unlink(call);
    call_free(call);
}

/* ---- the client ---- */

enum err http_open(uv_loop_t *loop, struct http **ret_http) {
    ensure(loop != NULL && ret_http != NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return ERR_FAILED;
    }
    struct http *http = calloc(1, sizeof(*http));
    CURLM *multi = http == NULL ? NULL : curl_multi_init();
    if (multi == NULL) {
        free(http);
        curl_global_cleanup();
        return ERR_NO_MEMORY;
    }
    http->loop = loop;
    http->multi = multi;
    http->fresh_end = &http->fresh;
    CURLMcode code = CURLM_OK;
    code |= curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_on_socket);
    code |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
    code |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, http_on_timeout);
    code |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
    code |= curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    code |=
        curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_HOST_CONNECTIONS_MAX);
    ensure(code == CURLM_OK);
    int failed = uv_timer_init(loop, &http->timer) | uv_idle_init(loop, &http->asap);
    ensure(failed == 0);
    http->timer.data = http->asap.data = http;
    http->handles_n = 2;
    *ret_http = http;
    return ERR_OK;
}

void http_close(struct http *http) {
    if (http == NULL) {
        return;
    }
    ensure(!http->closed && !http->in_curl);
    http->closed = true; /* before the callbacks: nothing is started any more */
    http->busy_n++;
    while (http->calls != NULL) {
        struct http_call *call = http->calls;
        struct http_answer answer = {.err = ERR_CLOSED, .body = (const uint8_t *)"", .detail = ""};
        call_unlink(call);
        ensure(http->calls != call);
        call->done(call->owner, &answer);
        call_free(call);
    }
    (void)curl_multi_cleanup(http->multi); /* closes kept connections: their polls go, too */
    http->multi = NULL;
    uv_close((uv_handle_t *)&http->timer, http_on_handle_closed);
    uv_close((uv_handle_t *)&http->asap, http_on_handle_closed);
    curl_global_cleanup();
    http->busy_n--;
    http_free_when_gone(http);
}
