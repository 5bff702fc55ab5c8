/* dns_api: what the dns_* actions share that change a record by a provider's or server's HTTP API:
 * look, judge, write, look again. Only the requests are each one's own. */
#ifndef DROVER_ACTIONS_DNS_API_H
#define DROVER_ACTIONS_DNS_API_H

#include "agent/actions/dns_record.h"

struct dns_api {
    struct dns_record dns;
    struct places servers; /* to be asked at the end; may be none */
    const struct action_input *input;
    char *body; /* DNS_API_BODY_SIZE */
    size_t body_n;
    long status;
    /* ---- of providers alone ---- */
    char zone_id[PROVIDER_ID_MAX + 1];   /* "": not known yet */
    char record_id[PROVIDER_ID_MAX + 1]; /* of what was read last; "": there is none */
    char epoch_id[PROVIDER_ID_MAX + 1];
    char spare_id[DNS_VALUES_MAX][PROVIDER_ID_MAX + 1]; /* epochs of ours beside that one */
    uint8_t spare_n;
    bool proxied;            /* the provider answers with addresses of its own */
    struct dns_rrset listed; /* the record as the provider writes it */
};

#define DNS_API_BODY_SIZE (1u << 20)

struct dns_api_kind {
    enum err (*open)(struct dns_api *api, const struct arguments *arguments,
                     struct text256 *reterr);
    /* Reads both names into api->dns. */
    enum err (*read)(struct dns_api *api);
    /* Writes both as they shall be. STALE: they are no longer as they were read. */
    enum err (*write)(struct dns_api *api);
};

/* A service on the internet, that throttles those who ask too much of it. */
struct dns_provider {
    const char *who; /* "Route 53" */
    const char *url; /* without the argument url */
    /* Of an answer that is no success: one printable line of it. */
    void (*message)(const char *body, size_t body_n, char *ret_line, size_t line_size);
    /* Is this refusal one that passes when it is asked again later? Beside HTTP 429 and 503. */
    bool (*throttled)(const char *line);
};

struct service_request;

/* One request for `path`, asked again while it is throttled and the deadline allows what the
 * provider wants waited. An answer with any other status is OK: api->status, api->body. BUSY:
 * throttled beyond the deadline; AUTH: with the provider's words; else as service_ask. */
enum err dns_api_ask(struct dns_api *api, const struct dns_provider *provider, const char *path,
                     struct service_request *request) ERR_CHECKED;

enum err dns_api_accepts(const struct dns_api_kind *kind, const struct arguments *arguments,
                         struct text256 *reterr) ERR_CHECKED;
/* Reads, judges, writes, reads again; in the end asks the argument `servers`, when there is one. */
struct action_result dns_api_run(const struct dns_api_kind *kind, const struct action_input *input);

#endif
