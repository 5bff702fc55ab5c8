/* service: one HTTP request to a service, with the arguments that all checks and actions share
 * which speak HTTP.
 * The secrets are read just before and wiped right after. From a worker thread, like
 * http_sync, on which it rests.
 *
 *   url           http(s)://host:port, what comes before the path
 *   ca            trusted roots, PEM; certificate and key: our own
 *   user, password_ref     basic authentication, or the key that signs
 *   token_ref     a bearer token
 *   connect_to    IP:PORT instead of the URL's host: no name is looked up
 *   tls           1.2 or 1.3, the least */
#ifndef DROVER_SERVICE_H
#define DROVER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/http_sync.h"
#include "common/io/secrets.h"
#include "common/topology/topology.h"

#define SERVICE_URL_SIZE 4096
#define SERVICE_HEADERS_MAX 8

/* What differs from request to request. Zeroed: a GET of the argument url without anything else. */
struct service_request {
    const char *method;    /* NULL: GET */
    const char *path;      /* behind the argument url, "/v1/sys/health"; NULL: nothing */
    const char *whole_url; /* instead of url and path; or NULL */
    const char *const *headers;
    size_t headers_n;         /* at most SERVICE_HEADERS_MAX */
    const char *token_header; /* the token goes there ("X-Vault-Token") and not as a bearer */
    bool without_token;       /* token_ref is for another request of the run */
    bool without_password;    /* and so is password_ref */
    const void *body;
    size_t body_size;
    bool may_truncate;
    const char *sign_region,
        *sign_service;       /* both: signed with user and password, see http_sync.h */
    const char *header_name; /* one header of the answer for header; or NULL */
    char *header;
    size_t header_size;
    uint64_t deadline_boot_ms; /* CLOCK_BOOTTIME */
};

/* An answer of any status but 401 and 403 is OK: the body is in ret_body, terminated. AUTH: the
 * service refuses the credentials (then ret_answer->status says how and ret_body why), or TLS does;
 * CONFIG: a secret that cannot be read, a URL that is too long; else as http_sync. reterr never
 * holds a secret. named may be NULL where none is asked for. */
enum err service_ask(const struct arguments *arguments, const struct secrets *named,
                     const struct service_request *request, char *ret_body, size_t body_size,
                     struct http_sync_answer *ret_answer, struct text256 *reterr) ERR_CHECKED;

/* Appends text to a URL with all but unreserved characters percent-encoded. False: too long. */
bool service_append_encoded(char *url, size_t url_size, const char *text);

#endif
