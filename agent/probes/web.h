/* web: one request to a service that speaks HTTP, with the arguments that all such kinds share. */
#ifndef DROVER_PROBES_WEB_H
#define DROVER_PROBES_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/probe.h"
#include "agent/probes/parameter.h"
#include "common/io/http_sync.h"

/* Rows of a kind's parameter table. user with password_ref is basic authentication; token_ref names
 * the secret of a bearer token; certificate and key are a client's own, PEM. */
#define WEB_PARAMETERS                                                                             \
    {.name = "url", .type = PARAMETER_URL, .needed = true},                                        \
        {.name = "ca", .type = PARAMETER_PATH}, {.name = "user", .type = PARAMETER_TEXT},          \
        {.name = "password_ref", .type = PARAMETER_NAME},                                          \
        {.name = "token_ref", .type = PARAMETER_NAME},                                             \
        {.name = "certificate", .type = PARAMETER_PATH}, {.name = "key", .type = PARAMETER_PATH},  \
        {.name = "connect_to", .type = PARAMETER_ADDRESS}, {                                       \
        .name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"                            \
    }

#define WEB_ARGUMENTS                                                                              \
    "url=http(s)://host:port, ca=path, user=name, password_ref=name, token_ref=name, "             \
    "certificate=path, key=path, connect_to=ip:port, tls=1.2|1.3"

#define WEB_URL_SIZE 4096
#define WEB_HEADERS_MAX 8

/* What differs from kind to kind. Zeroed: a GET of the argument url without anything else. */
struct web_request {
    const char *method;    /* NULL: GET */
    const char *path;      /* behind the argument url, "/v1/sys/health"; NULL: nothing */
    const char *whole_url; /* instead of url and path; or NULL */
    const char *const *headers;
    size_t headers_n;         /* at most WEB_HEADERS_MAX */
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
    uint64_t deadline_boot_ms; /* 0: the input's */
};

/* False: no answer, or one that refuses the credentials (401, 403); *ret_reading says so. Else the
 * body is in ret_body, terminated. */
bool web_ask(const struct probe_input *input, const struct web_request *request, char *ret_body,
             size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading);

/* Appends text to a URL with all but unreserved characters percent-encoded. False: too long. */
bool web_append_encoded(char *url, size_t url_size, const char *text);

#endif
