/* dns_cloudflare: points one record at this region by Cloudflare's API v4. The record and the epoch
 * beside it change in one transaction of its `batch`; but it takes no condition but that the
 * records are still there, so between our look and our change somebody else's can come and be
 * overwritten. What stands afterwards is read again: whoever is of a larger epoch writes again. */
#include <stdlib.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_api.h"
#include "agent/actions/dns_body.h"
#include "common/io/service.h"

#define PATH_SIZE 1024
#define TTL_AUTOMATIC 1

/* Cloudflare keeps names without their final dots. */
static void without_dot(const char *from, char *out, size_t out_size) {
    size_t n = strlen(from);
    n -= n > 0 && from[n - 1] == '.';
    (void)text_format(out, out_size, "%.*s", (int)n, from);
}

/* Cloudflare throttles by HTTP 429 alone. */
static bool cloudflare_throttled(const char *line) {
    (void)line;
    return false;
}

static const struct dns_provider provider = {.who = "Cloudflare",
                                             .url = "https://api.cloudflare.com/client/v4",
                                             .message = cloudflare_message,
                                             .throttled = cloudflare_throttled};

static enum err cloudflare_open(struct dns_api *api, const struct arguments *arguments,
                                struct text256 *reterr) {
    (void)text_copy(api->zone_id, sizeof api->zone_id, arg_text(arguments, "zone_id", ""));
    return action_args_accept(ACTION_DNS_CLOUDFLARE, arguments, reterr);
}

static enum err cloudflare_ask(struct dns_api *api, const char *path, const char *batch) {
    static const char *const headers[] = {"Content-Type: application/json"};
    char line[100];
    struct service_request request = {
        .method = batch != NULL ? "POST" : "GET",
        .headers = headers,
        .headers_n = batch != NULL ? 1 : 0,
        .body = batch,
        .body_size = batch != NULL ? strlen(batch) : 0,
        .without_password = true,
    };
    enum err err = dns_api_ask(api, &provider, path, &request);
    if (err != ERR_OK || (api->status == 200 && cloudflare_succeeded(api->body, api->body_n))) {
        return err;
    }
    if (api->status == 200) {
        cloudflare_message(api->body, api->body_n, line, sizeof line);
        text_say(&api->dns.why, "Cloudflare refuses: %s", line);
    }
    return api->status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
}

static enum err zone_find(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    char path[PATH_SIZE] = "/zones?name=", zone[DNS_NAME_SIZE];
    without_dot(dns->zone, zone, sizeof zone);
    if (!service_append_encoded(path, sizeof path, zone)) {
        text_say(&dns->why, "a name is too long");
        return ERR_CONFIG;
    }
    enum err err = cloudflare_ask(api, path, NULL);
    return err != ERR_OK
               ? err
               : cloudflare_zone_parse(api->body, api->body_n, dns->zone, api->zone_id, &dns->why);
}

static enum err list_read(struct dns_api *api, const char *name, const char *type,
                          struct cloudflare_list *ret_list) {
    unsigned pages = 1;
    enum err err = ERR_OK;
    ret_list->n = 0;
    for (unsigned page = 1; err == ERR_OK && page <= pages; page++) {
        char path[PATH_SIZE], end[64], bare[DNS_NAME_SIZE];
        without_dot(name, bare, sizeof bare);
        (void)text_format(end, sizeof end, "&page=%u&per_page=100&type=%s", page, type);
        if (!text_format(path, sizeof path, "/zones/%s/dns_records?name=", api->zone_id) ||
            !service_append_encoded(path, sizeof path, bare) ||
            !text_append(path, sizeof path, end)) {
            text_say(&api->dns.why, "a name is too long");
            return ERR_CONFIG;
        }
        err = cloudflare_ask(api, path, NULL);
        if (err == ERR_OK) {
            err = cloudflare_page_parse(api->body, api->body_n, name, type, ret_list, &pages,
                                        &api->dns.why);
        }
    }
    return err;
}

static enum err epoch_read(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    struct cloudflare_list list;
    enum err err = list_read(api, dns->epoch_name, "TXT", &list);
    if (err != ERR_OK) {
        return err;
    }
    memset(&dns->texts, 0, sizeof dns->texts);
    api->epoch_id[0] = '\0';
    api->spare_n = 0;
    for (uint8_t i = 0; i < list.n && i < DNS_VALUES_MAX; i++) {
        /* Two at once may have made one each: the first is kept. */
        char *id = i == 0 ? api->epoch_id : api->spare_id[api->spare_n++];
        memcpy(id, list.at[i].id, sizeof list.at[i].id);
        memcpy(dns->texts.value[dns->texts.n++], list.at[i].value, DNS_VALUE_SIZE);
    }
    return ERR_OK;
}

static enum err cloudflare_read(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    struct cloudflare_list list;
    enum err err = api->zone_id[0] == '\0' ? zone_find(api) : ERR_OK;
    if (err == ERR_OK) {
        err = list_read(api, dns->name, dns->type, &list);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (list.n > 1) {
        text_say(&dns->why, "%.80s has %u %s records: expected one", dns->name, list.n, dns->type);
        return ERR_UNSUPPORTED;
    }
    memset(&dns->record, 0, sizeof dns->record);
    api->record_id[0] = '\0';
    api->proxied = list.n == 1 && list.at[0].proxied;
    if (list.n == 1) {
        memcpy(api->record_id, list.at[0].id, sizeof api->record_id);
        memcpy(dns->record.value[0], list.at[0].value, DNS_VALUE_SIZE);
        dns->record.n = 1;
        /* Of what it proxies Cloudflare alone says the time to live: as if it were the wished one.
         */
        dns->record.ttl =
            api->proxied && list.at[0].ttl == TTL_AUTOMATIC ? dns->ttl : list.at[0].ttl;
    }
    return epoch_read(api);
}

static enum err cloudflare_write(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    char path[PATH_SIZE], epoch[64], value[DNS_VALUE_SIZE];
    char name[DNS_NAME_SIZE], epoch_name[DNS_NAME_SIZE];
    struct cloudflare_change changes[2 + DNS_VALUES_MAX] = {
        {api->record_id, name, dns->type, value, api->proxied ? TTL_AUTOMATIC : dns->ttl},
        {api->epoch_id, epoch_name, "TXT", epoch, dns->ttl}};
    size_t changes_n = 2;
    for (uint8_t i = 0; i < api->spare_n; i++) {
        changes[changes_n++] = (struct cloudflare_change){.id = api->spare_id[i]};
    }
    (void)text_format(epoch, sizeof epoch, DNS_EPOCH_PREFIX "%llu\"",
                      (unsigned long long)api->input->epoch);
    without_dot(dns->name, name, sizeof name);
    without_dot(dns->epoch_name, epoch_name, sizeof epoch_name);
    without_dot(dns->value, value, sizeof value);
    if (!text_format(path, sizeof path, "/zones/%s/dns_records/batch", api->zone_id)) {
        return ERR_CONFIG;
    }
    char *batch = cloudflare_body(changes, changes_n);
    if (batch == NULL) {
        text_say(&dns->why, "no memory for the change");
        return ERR_NO_MEMORY;
    }
    enum err err = cloudflare_ask(api, path, batch);
    free(batch);
    bool refused = err == ERR_FAILED || err == ERR_NOT_FOUND;
    return refused && cloudflare_overtaken(api->body, api->body_n) ? ERR_STALE : err;
}

static const struct dns_api_kind cloudflare = {
    .open = cloudflare_open, .read = cloudflare_read, .write = cloudflare_write};

static enum err cloudflare_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return dns_api_accepts(&cloudflare, arguments, reterr);
}

static struct action_result cloudflare_run(const struct action_input *input) {
    return dns_api_run(&cloudflare, input);
}

const struct action_kind_row row_dns_cloudflare = {
    .kind = ACTION_DNS_CLOUDFLARE,
    .run = cloudflare_run,
    .accepts = cloudflare_accepts,
    .needs_lease = false,
    .arguments_help = "token_ref, zone_id (else the zone is looked for), " ARG_DNS_HELP
                      ", servers=IP:53,... asked at the end, url, connect_to, ca, tls=1.2|1.3",
    .by_hand = "curl -X PATCH https://api.cloudflare.com/client/v4/zones/{zone_id}/dns_records/<id "
               "of {name} {type}>: content {value}, ttl {ttl}",
};
