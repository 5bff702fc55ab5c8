/* http: against a server in the same loop, which does what the path says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/http.h"

#define ANSWERS_MAX 512

struct peer { /* one connection of the server */
    uv_tcp_t tcp;
    struct world *world;
    char in[8192];
    size_t in_n;
};

struct world {
    uv_loop_t loop;
    uv_tcp_t server;
    uv_timer_t guard; /* bounds each turn of the loop */
    int port;
    uint32_t connections_n;
    struct http *http;
    struct http_call *call;
    uint32_t done_n, chunks_n;
    char chunks[256];
    enum err err[ANSWERS_MAX];
    int status;
    char body[256];
    size_t body_size;
    bool inside, cancel_in_chunk, close_in_done, again_in_done;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    free(write);
}

static void peer_say(struct peer *peer, const char *text, size_t size) {
    uv_write_t *write = malloc(sizeof(*write) + size);
    assert_non_null(write);
    memcpy(write + 1, text, size);
    uv_buf_t buf = uv_buf_init((char *)(write + 1), (unsigned)size);
    assert_int_equal(uv_write(write, (uv_stream_t *)&peer->tcp, &buf, 1, on_written), 0);
}

static void peer_answer(struct peer *peer, const char *status, const char *body) {
    char text[1024];
    (void)text_format(text, sizeof(text),
                      "HTTP/1.1 %s\r\nLocation: /ok\r\nContent-Length: %zu\r\n\r\n%s", status,
                      strlen(body), body);
    peer_say(peer, text, strlen(text));
}

/* The whole request is in peer->in. */
static void peer_serve(struct peer *peer) {
    const char *in = peer->in;
    if (text_starts(in, "GET /ok ")) {
        peer_answer(peer, "200 OK", "fine");
    } else if (text_starts(in, "POST /echo ")) {
        assert_non_null(strstr(in, "\r\nX-Test: yes\r\n"));
        peer_answer(peer, "201 Created", strstr(in, "\r\n\r\n") + 4);
    } else if (text_starts(in, "GET /moved ")) {
        peer_answer(peer, "302 Found", "");
    } else if (text_starts(in, "GET /stream ")) {
        static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        peer_say(peer, head, strlen(head));
        peer_say(peer, "3\r\none\r\n", 8);
        peer_say(peer, "3\r\ntwo\r\n0\r\n\r\n", 13);
    } else if (text_starts(in, "GET /sick ")) {
        peer_answer(peer, "503 Sick", "not today");
    } else if (text_starts(in, "GET /garbage ")) {
        peer_say(peer, "\x01\x02garbage\r\n\r\n", 13);
        uv_close((uv_handle_t *)&peer->tcp, on_closed);
    } else if (text_starts(in, "GET /broken ")) {
        uv_close((uv_handle_t *)&peer->tcp, on_closed);
    } /* /silent: nothing */
    peer->in_n = 0;
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    (void)size;
    struct peer *peer = handle->data;
    *buf = uv_buf_init(peer->in + peer->in_n, (unsigned)(sizeof(peer->in) - 1 - peer->in_n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    (void)buf;
    struct peer *peer = stream->data;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    peer->in_n += (size_t)n;
    peer->in[peer->in_n] = '\0';
    const char *end = strstr(peer->in, "\r\n\r\n");
    const char *length = strstr(peer->in, "Content-Length: ");
    size_t body_n = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
    if (end != NULL && peer->in_n >= (size_t)(end - peer->in) + 4 + body_n) {
        peer_serve(peer);
    }
}

static void on_connection(uv_stream_t *server, int status) {
    struct world *w = server->data;
    struct peer *peer = calloc(1, sizeof(*peer));
    assert_int_equal(status, 0);
    assert_non_null(peer);
    peer->world = w;
    w->connections_n++;
    assert_int_equal(uv_tcp_init(&w->loop, &peer->tcp), 0);
    peer->tcp.data = peer;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&peer->tcp), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read), 0);
}

static void on_guard(uv_timer_t *timer) {
    (void)timer;
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof(*w));
    struct sockaddr_in address;
    int size = sizeof(address);
    assert_non_null(w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_tcp_init(&w->loop, &w->server), 0);
    assert_int_equal(uv_timer_init(&w->loop, &w->guard), 0);
    assert_int_equal(uv_timer_start(&w->guard, on_guard, 50, 50), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&w->server, (struct sockaddr *)&address, 0), 0);
    w->server.data = w;
    assert_int_equal(uv_listen((uv_stream_t *)&w->server, 128, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&w->server, (struct sockaddr *)&address, &size), 0);
    w->port = ntohs(address.sin_port);
    assert_int_equal(http_open(&w->loop, &w->http), ERR_OK);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    http_close(w->http);
    uv_close((uv_handle_t *)&w->server, NULL);
    uv_close((uv_handle_t *)&w->guard, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT); /* ends: the connections closed with the client */
    assert_int_equal(uv_loop_close(&w->loop), 0);
    free(w);
    return 0;
}

static enum err get(struct world *w, const char *path, uint32_t total_ms, size_t answer_max);

static void on_done(void *owner, const struct http_answer *answer) {
    struct world *w = owner;
    assert_false(w->inside);
    assert_true(w->done_n < ANSWERS_MAX);
    assert_non_null(answer->body);
    assert_int_equal(strlen(answer->detail) > 0,
                     answer->err != ERR_OK && answer->err != ERR_CLOSED);
    w->err[w->done_n++] = answer->err;
    w->status = answer->status;
    w->body_size = answer->body_size < sizeof(w->body) ? answer->body_size : sizeof(w->body) - 1;
    memcpy(w->body, answer->body, w->body_size);
    w->body[w->body_size] = '\0';
    if (w->again_in_done) {
        w->again_in_done = false;
        assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
    }
    if (w->close_in_done) {
        w->close_in_done = false;
        http_close(w->http);
        w->http = NULL;
    }
}

static void on_chunk(void *owner, const uint8_t *bytes, size_t size) {
    struct world *w = owner;
    assert_false(w->inside);
    size_t at = strlen(w->chunks);
    assert_true(at + size < sizeof(w->chunks));
    memcpy(w->chunks + at, bytes, size);
    w->chunks_n++;
    if (w->cancel_in_chunk) {
        http_cancel(w->call);
    }
}

static enum err start(struct world *w, const char *path, struct http_request *request) {
    char url[128];
    (void)text_format(url, sizeof(url), "http://127.0.0.1:%d%s", w->port, path);
    request->url = url;
    request->owner = w;
    request->done = on_done;
    w->inside = true;
    enum err err = http_start(w->http, request, &w->call);
    w->inside = false;
    return err;
}

static enum err get(struct world *w, const char *path, uint32_t total_ms, size_t answer_max) {
    return start(w, path, &(struct http_request){.total_ms = total_ms, .answer_max = answer_max});
}

static void run_until(struct world *w, const uint32_t *count, uint32_t n) {
    for (int turns = 0; *count < n && turns < 5000; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(*count, n);
}

static void an_answer_arrives_and_its_connection_is_used_again(void **state) {
    struct world *w = *state;
    for (uint32_t i = 1; i <= 20; i++) {
        assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
        run_until(w, &w->done_n, i);
        assert_int_equal(w->err[i - 1], ERR_OK);
        assert_int_equal(w->status, 200);
        assert_string_equal(w->body, "fine");
    }
    assert_int_equal(w->connections_n, 1);
    w->again_in_done = true;
    assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
    run_until(w, &w->done_n, 22);
    assert_int_equal(w->connections_n, 1);
}

static void bodies_and_headers_are_copied(void **state) {
    struct world *w = *state;
    char body[] = "what is sent", header[] = "X-Test: yes";
    const char *headers[] = {header};
    struct http_request request = {
        .headers = headers, .headers_n = 1, .body = (const uint8_t *)body, .body_size = 12};
    assert_int_equal(start(w, "/echo", &request), ERR_OK);
    memset(body, 'x', sizeof(body));
    memset(header, 'x', sizeof(header));
    run_until(w, &w->done_n, 1);
    assert_int_equal(w->status, 201);
    assert_string_equal(w->body, "what is sent");
}

static void failures_are_told_apart(void **state) {
    struct world *w = *state;
    static const struct {
        const char *path;
        size_t answer_max;
        enum err err;
    } cases[] = {
        {"/silent", 0, ERR_TIMEOUT}, {"/ok", 3, ERR_TOO_BIG},         {"/ok", 4, ERR_OK},
        {"/garbage", 0, ERR_FORMAT}, {"/broken", 0, ERR_UNREACHABLE}, {"/moved", 0, ERR_OK},
    };
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(get(w, cases[i].path, 150, cases[i].answer_max), ERR_OK);
        run_until(w, &w->done_n, i + 1);
        assert_int_equal(w->err[i], cases[i].err);
    }
    assert_int_equal(w->status, 302); /* not followed */
    struct http_request request = {.url = "file:///etc/passwd", .owner = w, .done = on_done};
    assert_int_equal(http_start(w->http, &request, &w->call), ERR_CONFIG);
    request.url = "http://127.0.0.1:1/";
    assert_int_equal(http_start(w->http, &request, &w->call), ERR_OK);
    run_until(w, &w->done_n, 7);
    assert_int_equal(w->err[6], ERR_REFUSED);
}

static void a_stream_is_told_piece_by_piece(void **state) {
    struct world *w = *state;
    assert_int_equal(start(w, "/stream", &(struct http_request){.on_chunk = on_chunk}), ERR_OK);
    run_until(w, &w->done_n, 1);
    assert_string_equal(w->chunks, "onetwo");
    assert_int_equal(w->err[0], ERR_OK);
    assert_int_equal(w->body_size, 0);
    assert_int_equal(start(w, "/sick", &(struct http_request){.on_chunk = on_chunk}), ERR_OK);
    run_until(w, &w->done_n, 2);
    assert_int_equal(w->status, 503);
    assert_string_equal(w->body, "not today"); /* an error is no part of the stream */
    assert_string_equal(w->chunks, "onetwo");
}

static void a_stream_may_be_cancelled_from_its_chunk(void **state) {
    struct world *w = *state;
    w->cancel_in_chunk = true;
    assert_int_equal(start(w, "/stream", &(struct http_request){.on_chunk = on_chunk}), ERR_OK);
    run_until(w, &w->chunks_n, 1);
    assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
    run_until(w, &w->done_n, 1);
    assert_string_equal(w->body, "fine");
    assert_int_equal(w->chunks_n, 1);
}

static void more_calls_than_the_limit_are_busy(void **state) {
    struct world *w = *state;
    for (uint32_t i = 0; i < HTTP_CALLS_MAX; i++) {
        assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
    }
    assert_int_equal(get(w, "/ok", 0, 0), ERR_BUSY);
    run_until(w, &w->done_n, HTTP_CALLS_MAX);
    assert_true(w->connections_n <= HTTP_HOST_CONNECTIONS_MAX);
    assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
}

static void closing_answers_every_call_once(void **state) {
    struct world *w = *state;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(get(w, "/silent", 0, 0), ERR_OK);
    }
    assert_int_equal(get(w, "/ok", 0, 0), ERR_OK);
    w->close_in_done = true;
    run_until(w, &w->done_n, 11);
    assert_int_equal(w->err[0], ERR_OK);
    for (uint32_t i = 1; i < 11; i++) {
        assert_int_equal(w->err[i], ERR_CLOSED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_arrives_and_its_connection_is_used_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bodies_and_headers_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_is_told_piece_by_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_may_be_cancelled_from_its_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(more_calls_than_the_limit_are_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_answers_every_call_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
