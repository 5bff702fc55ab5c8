/* dns_powerdns: points one record at this region by PowerDNS's own HTTP API. The record and the
 * epoch beside it change in one transaction; but the API takes no condition, so between our look
 * and our change somebody else's can come and be overwritten. What stands afterwards is read again:
 * whoever is of a larger epoch writes again. */
#include <stdlib.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_api.h"
#include "agent/actions/dns_body.h"
#include "common/io/service.h"

#define ASK_MS 5000
#define PATH_SIZE 1024

static enum err powerdns_open(struct dns_api *api, const struct arguments *arguments,
                              struct text256 *reterr) {
    (void)api;
    return action_args_accept(ACTION_DNS_POWERDNS, arguments, reterr);
}

static enum err powerdns_ask(struct dns_api *api, const char *path, const char *patch) {
    static const char *const headers[] = {"Content-Type: application/json"};
    struct dns_record *dns = &api->dns;
    struct service_request request = {
        .method = patch != NULL ? "PATCH" : "GET",
        .path = path,
        .headers = headers,
        .headers_n = patch != NULL ? 1 : 0,
        .token_header = "X-API-Key",
        .body = patch,
        .body_size = patch != NULL ? strlen(patch) : 0,
        .deadline_boot_ms = act_within(ASK_MS, api->input->deadline_boot_ms),
    };
    struct http_sync_answer answer;
    char line[100];
    enum err err = service_ask(api->input->arguments, api->input->secrets, &request, api->body,
                               DNS_API_BODY_SIZE, &answer, &dns->why);
    api->body_n = answer.answer_n;
    if (err == ERR_OK && answer.status != (patch != NULL ? 204 : 200)) {
        powerdns_message(api->body, api->body_n, line, sizeof line);
        text_say(&dns->why, "PowerDNS answered HTTP %ld: %s", answer.status, line);
        return answer.status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
    }
    return err;
}

/* /api/v1/servers/localhost/zones/bud.ai. */
static bool zone_path(const struct dns_api *api, char path[PATH_SIZE]) {
    const char *server = arg_text(api->input->arguments, "server_id", "localhost");
    return text_format(path, PATH_SIZE, "/api/v1/servers/%s/zones/", server) &&
           service_append_encoded(path, PATH_SIZE, api->dns.zone);
}

static enum err set_read(struct dns_api *api, const char *name, const char *type,
                         struct dns_rrset *ret_rrset) {
    char path[PATH_SIZE];
    if (!zone_path(api, path) || !text_append(path, sizeof path, "?rrset_name=") ||
        !service_append_encoded(path, sizeof path, name) ||
        !text_append(path, sizeof path, "&rrset_type=") || !text_append(path, sizeof path, type)) {
        text_say(&api->dns.why, "a name is too long");
        return ERR_CONFIG;
    }
    enum err err = powerdns_ask(api, path, NULL);
    return err != ERR_OK
               ? err
               : powerdns_rrset_parse(api->body, api->body_n, name, type, ret_rrset, &api->dns.why);
}

static enum err powerdns_read(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    enum err err = set_read(api, dns->name, dns->type, &dns->record);
    return err != ERR_OK ? err : set_read(api, dns->epoch_name, "TXT", &dns->texts);
}

static enum err powerdns_write(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    struct dns_rrset record, texts;
    char path[PATH_SIZE];
    enum err err = dns_record_wished(dns, &record, &texts);
    if (err != ERR_OK || !zone_path(api, path)) {
        return err != ERR_OK ? err : ERR_CONFIG;
    }
    char *body = powerdns_body(dns->name, dns->type, &record, dns->epoch_name, &texts);
    if (body == NULL) {
        return ERR_NO_MEMORY;
    }
    err = powerdns_ask(api, path, body);
    free(body);
    return err;
}

static const struct dns_api_kind powerdns = {
    .open = powerdns_open, .read = powerdns_read, .write = powerdns_write};

static enum err powerdns_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return dns_api_accepts(&powerdns, arguments, reterr);
}

static struct action_result powerdns_run(const struct action_input *input) {
    return dns_api_run(&powerdns, input);
}

const struct action_kind_row row_dns_powerdns = {
    .kind = ACTION_DNS_POWERDNS,
    .run = powerdns_run,
    .accepts = powerdns_accepts,
    .needs_lease = false,
    .arguments_help = ARG_SERVICE_HELP " (token_ref: the X-API-Key), " ARG_DNS_HELP
                                       ", server_id=localhost, servers=IP:53,... asked at the end",
    .by_hand = "pdnsutil replace-rrset {zone} {name} {type} {ttl} {value}; then dig @<each of "
               "{servers}> {name} {type} +norecurse",
};
