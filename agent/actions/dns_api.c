/* dns_api: see dns_api.h. */
#include "agent/actions/dns_api.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/service.h"

#define ROUNDS_MAX 20
#define ASK_MS 10000
#define PAUSE_FIRST_MS 1000u
#define PAUSE_MOST_MS 8000u

/* What the provider asks for, or ever longer: it counts what it refuses, too. */
static uint32_t pause_ms(const char *retry_after, unsigned turn) {
    uint64_t after_s = 0;
    if (text_to_u64(retry_after, 86400, &after_s) && after_s > 0) {
        return (uint32_t)after_s * 1000;
    }
    uint32_t ms = PAUSE_FIRST_MS << (turn < 3 ? turn : 3);
    return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}

enum err dns_api_ask(struct dns_api *api, const struct dns_provider *provider, const char *path,
                     struct service_request *request) {
    char url[SERVICE_URL_SIZE], line[100] = "", after[16];
    const char *base = arg_text(api->input->arguments, "url", provider->url);
    size_t base_n = strlen(base);
    base_n -= base_n > 0 && base[base_n - 1] == '/';
    if (!text_format(url, sizeof url, "%.*s%s", (int)base_n, base, path)) {
        text_say(&api->dns.why, "a name is too long");
        return ERR_CONFIG;
    }
    for (unsigned turn = 0;; turn++) {
        struct http_sync_answer answer = {.status = 0};
        struct text256 why = {""};
        request->whole_url = url;
        request->header_name = "Retry-After";
        request->header = after;
        request->header_size = sizeof after;
        request->deadline_boot_ms = act_within(ASK_MS, api->input->deadline_boot_ms);
        enum err err = service_ask(api->input->arguments, api->input->secrets, request, api->body,
                                   DNS_API_BODY_SIZE, &answer, &why);
        api->status = answer.status;
        api->body_n = answer.answer_n;
        if (answer.status == 0) {
            text_say(&api->dns.why, "%s: %.200s", provider->who, why.at);
            return err;
        }
        if (answer.status != 200) {
            provider->message(api->body, api->body_n, line, sizeof line);
        }
        text_say(&api->dns.why, "%s answered HTTP %ld: %s", provider->who, answer.status, line);
        bool throttled = answer.status == 429 || answer.status == 503 ||
                         (answer.status != 200 && provider->throttled(line));
        if (!throttled) {
            return err;
        }
        uint32_t wait_ms = pause_ms(after, turn);
        if (act_left_ms(api->input->deadline_boot_ms) <= wait_ms) {
            text_say(&api->dns.why, "%s throttles us, and wants %u s waited: %s", provider->who,
                     wait_ms / 1000, line);
            return ERR_BUSY;
        }
        (void)act_pause(wait_ms, api->input->deadline_boot_ms);
    }
}

static enum err api_open(const struct dns_api_kind *kind, const struct action_input *input,
                         const struct arguments *arguments, struct dns_api *api,
                         struct text256 *reterr) {
    memset(api, 0, sizeof *api);
    api->input = input;
    enum err err = kind->open(api, arguments, reterr);
    if (err == ERR_OK) {
        (void)arg_places(arguments, "servers", &api->servers);
        err = dns_record_open(input, arguments, &api->dns, reterr);
    }
    return err;
}

enum err dns_api_accepts(const struct dns_api_kind *kind, const struct arguments *arguments,
                         struct text256 *reterr) {
    struct dns_api api;
    return api_open(kind, NULL, arguments, &api, reterr);
}

static enum err api_apply(const struct dns_api_kind *kind, struct dns_api *api,
                          bool *ret_observed) {
    struct dns_record *dns = &api->dns;
    enum err err = ERR_STALE;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        err = kind->read(api);
        if (err != ERR_OK) {
            return err;
        }
        if (dns_record_there(dns)) {
            *ret_observed = round == 0;
            return ERR_OK;
        }
        err = dns_record_replaceable(dns);
        if (err != ERR_OK) {
            return err;
        }
        if (api->input->observe_only) {
            text_say(&dns->why, "%.60s is %.60s", dns->name,
                     dns->record.n > 0 ? dns->record.value[0] : "absent");
            return ERR_FAILED;
        }
        err = kind->write(api);
        if (err != ERR_OK && err != ERR_STALE) {
            return err;
        }
        if (round > 0 && !act_pause(20, api->input->deadline_boot_ms)) {
            break;
        }
    }
    text_say(&dns->why, "it is written, and somebody else keeps writing something else");
    return ERR_BUSY;
}

struct action_result dns_api_run(const struct dns_api_kind *kind,
                                 const struct action_input *input) {
    struct dns_api api;
    struct text256 why = {""};
    bool observed = false;
    enum err err = api_open(kind, input, input->arguments, &api, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    api.body = malloc(DNS_API_BODY_SIZE);
    if (api.body == NULL) {
        return act_failed(ERR_NO_MEMORY, "no memory for an answer");
    }
    err = api_apply(kind, &api, &observed);
    free(api.body);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", api.dns.why.at);
    }
    if (api.proxied) { /* the name servers say the provider's own addresses, whatever we write */
        api.servers.n = 0;
    }
    return dns_record_verify(&api.dns, &api.servers, NONE, observed);
}
