/* http_sync: one HTTP request from a worker thread, blocking until its deadline at the latest.
 * Never on the loop: http.h is for that. Only http:// and https://; certificates are always
 * verified. */
#ifndef DROVER_HTTP_SYNC_H
#define DROVER_HTTP_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define HTTP_SYNC_HEADERS_MAX 16
#define HTTP_SYNC_REDIRECTS_MAX 5

struct http_sync_request {
    const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" */
    const char *url;
    const char *const *headers; /* "Name: value"; NULL with headers_n 0 */
    size_t headers_n;           /* at most HTTP_SYNC_HEADERS_MAX */
    const void *body;           /* sent when body_size > 0 */
    size_t body_size;
    const char *user; /* basic authentication with password, or NULL */
    const char *password;
    const char *bearer; /* "Authorization: Bearer ...", or NULL */
    /* With both, AWS Signature Version 4 instead of basic authentication: user is the access key,
     * password its secret. The URL's query is sorted by name, each name has its "=", and all but
     * unreserved characters are percent-encoded; of service "s3" the body is not part of what is
     * signed. */
    const char *sign_region, *sign_service;
    const char *ca_file;          /* trusted roots, PEM; NULL: the system's */
    const char *certificate_file; /* our own, PEM; NULL: none */
    const char *key_file;
    const char
        *connect_to; /* "IP:PORT" to connect to instead of the URL's host: no name is looked up
                             * then, and the URL's host is still what the certificate and the Host
                             * header say. NULL: the URL's host */
    bool tls13_only; /* else TLS 1.2 and 1.3 */
    bool follow_redirects;
    bool may_truncate;         /* a longer body than fits: cut it and say so, instead of TOO_BIG */
    uint64_t deadline_boot_ms; /* CLOCK_BOOTTIME; covers everything, name lookup included */
    char *answer;              /* the body, always terminated; NULL with size 0: not wanted */
    size_t answer_size;
    const char *header_name; /* one header of the answer, for header; NULL: none is wanted */
    char *header;            /* its value, cut where too long; "" when the answer has none */
    size_t header_size;
};

struct http_sync_answer {
    long status;     /* 200, 404, ...: an answer of any status is OK */
    size_t answer_n; /* bytes in request.answer, without the terminator */
    bool truncated;
    uint64_t peer_not_after_wall_ms; /* https: end of the peer certificate's validity; else 0 */
    uint32_t took_ms;
};

/* TIMEOUT; REFUSED; UNREACHABLE (no route, no such name); AUTH (the peer's certificate does not
 * verify, or it wants ours); UNSUPPORTED (no TLS version in common); FORMAT (not HTTP, not TLS);
 * TOO_BIG; CLOSED (broken off); CONFIG (bad URL, unreadable CA or key). reterr never holds a secret
 * given in the request, nor the URL's query. Thread-safe. */
enum err http_sync(const struct http_sync_request *request, struct http_sync_answer *ret_answer,
                   struct text256 *reterr) ERR_CHECKED;

/* The numeric address at which a connection to host:port was accepted (and closed again at once).
 * Here because libcurl's name lookup is the one that can be left behind at a deadline: getaddrinfo
 * cannot. TIMEOUT, REFUSED, UNREACHABLE. Thread-safe. */
enum err http_sync_numeric(const char *host, uint16_t port, uint64_t deadline_boot_ms,
                           char *ret_numeric, size_t numeric_size,
                           struct text256 *reterr) ERR_CHECKED;

#endif
