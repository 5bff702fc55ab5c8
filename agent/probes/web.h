/* web: one request to a service that speaks HTTP, with the arguments that all such kinds share. */
#ifndef DROVER_PROBES_WEB_H
#define DROVER_PROBES_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/probe.h"
#include "agent/probes/parameter.h"
#include "common/io/service.h"

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

#define WEB_URL_SIZE SERVICE_URL_SIZE

/* False: no answer, or one that refuses the credentials (401, 403); *ret_reading says so. Else the
 * body is in ret_body, terminated. A deadline of 0 in the request is the input's. */
bool web_ask(const struct probe_input *input, const struct service_request *request, char *ret_body,
             size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading);

#endif
