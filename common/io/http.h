/* http: HTTP(S) requests on the libuv loop, by libcurl's multi interface. Connections are kept and
 * reused. No redirects, http and https only, no proxy from the environment, peers always verified,
 * every answer bounded. For a blocking request from a worker: http_sync.h.
 *
 * All callbacks come from the loop, never from inside http_start; they may start and cancel calls,
 * and close the whole client. */
#ifndef DROVER_HTTP_H
#define DROVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define HTTP_CALLS_MAX 256 /* of one client, waiting ones too */
#define HTTP_HEADERS_MAX 16
#define HTTP_HOST_CONNECTIONS_MAX 16 /* more calls to one host wait, inside their total time */
#define HTTP_CONNECT_MS 2000
#define HTTP_TOTAL_MS 10000
#define HTTP_ANSWER_MAX (1024 * 1024)
#define HTTP_STREAM_MAX (4 * 1024 * 1024) /* libcurl hands over up to 1.6 MB in one turn */

struct http;      /* one client: its connections and calls */
struct http_call; /* one request on its way */

struct http_answer {
    /* OK: an answer of any status arrived whole. TIMEOUT; REFUSED; UNREACHABLE (no route, no such
     * name, broken off); AUTH (the peer's certificate does not verify, or it refused ours, or
     * broke off right after we showed it); TOO_BIG;
     * FORMAT (not HTTP); CONFIG (bad URL, unreadable CA, certificate or key); CLOSED
     * (http_close). */
    enum err err;
    int status;          /* 200, 404, ...; 0 when err is not OK and no status came */
    const uint8_t *body; /* borrowed until done returns; empty for streams; never NULL */
    size_t body_size;
    const char *detail; /* libcurl's sentence when err is not OK, "" otherwise */
};

/* Everything is copied by http_start. Zeros and NULLs are the defaults. */
struct http_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t headers_n;
    const uint8_t *body;
    size_t body_size;
    uint32_t connect_ms;              /* 0: HTTP_CONNECT_MS */
    uint32_t total_ms;                /* 0: HTTP_TOTAL_MS, or for ever for a stream */
    size_t answer_max;                /* 0: HTTP_ANSWER_MAX; streams, per chunk: HTTP_STREAM_MAX */
    const char *ca_file;              /* trusted roots, PEM; NULL: the system's */
    const char *cert_file, *key_file; /* our own, PEM; NULL: none */
    void *owner;
    /* A stream when set: each piece of a 2xx body as it comes, borrowed. Bodies of other statuses
     * go to done. */
    void (*on_chunk)(void *owner, const uint8_t *bytes, size_t size);
    /* Exactly once, unless the call is cancelled before. */
    void (*done)(void *owner, const struct http_answer *answer);
};

enum err http_open(uv_loop_t *loop, struct http **ret_http) ERR_CHECKED;
/* done(CLOSED) of every call, before it returns. The loop must run until uv_loop_close succeeds.
 * NULL is fine. */
void http_close(struct http *http);

/* BUSY: HTTP_CALLS_MAX calls are on their way; CONFIG: more than HTTP_HEADERS_MAX headers, no URL
 * or one that is not http(s); NO_MEMORY. done is not called then. */
enum err http_start(struct http *http, const struct http_request *request,
                    struct http_call **ret_call) ERR_CHECKED;

/* Nothing more is called for it, and it is gone. From callbacks too, its own chunk callback
 * included; not after its done was called. */
void http_cancel(struct http_call *call);

#endif
