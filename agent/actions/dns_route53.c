/* dns_route53: points one record at this region by Amazon Route 53. The record and the epoch beside
 * it change in one batch, which first deletes exactly what was read: a batch holds as a whole or
 * not at all, so what somebody else changed in between is never overwritten. Then it is waited for
 * until all of Route 53's servers have it. */
#include <stdlib.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_api.h"
#include "agent/actions/dns_body.h"
#include "common/io/service.h"

#define PATH_SIZE 1024
#define BATCH_SIZE (64u * 1024)
/* An account has five requests a second for all that it does. */
#define SYNC_EVERY_MS 1000

static bool route53_throttled(const char *line) {
    return text_starts(line, "Throttling") || text_starts(line, "PriorRequestNotComplete");
}

static const struct dns_provider provider = {.who = "Route 53",
                                             .url = "https://route53.amazonaws.com",
                                             .message = route53_message,
                                             .throttled = route53_throttled};

static enum err route53_open(struct dns_api *api, const struct arguments *arguments,
                             struct text256 *reterr) {
    (void)text_copy(api->zone_id, sizeof api->zone_id, arg_text(arguments, "zone_id", ""));
    return action_args_accept(ACTION_DNS_ROUTE53, arguments, reterr);
}

static enum err route53_ask(struct dns_api *api, const char *path, const char *batch) {
    static const char *const headers[] = {"Content-Type: application/xml"};
    struct service_request request = {
        .method = batch != NULL ? "POST" : "GET",
        .headers = headers,
        .headers_n = batch != NULL ? 1 : 0,
        .body = batch,
        .body_size = batch != NULL ? strlen(batch) : 0,
        .sign_region = "us-east-1", /* Route 53 has this one for all */
        .sign_service = "route53",
        .without_token = true,
    };
    enum err err = dns_api_ask(api, &provider, path, &request);
    if (err != ERR_OK || api->status == 200) {
        return err;
    }
    return api->status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
}

/* The list begins at the name and type that are asked for: the first is the one, or there is none.
 */
static enum err set_read(struct dns_api *api, const char *name, const char *type,
                         struct dns_rrset *ret_rrset) {
    char path[PATH_SIZE];
    if (!text_format(path, sizeof path,
                     "/2013-04-01/hostedzone/%s/rrset?maxitems=1&name=", api->zone_id) ||
        !service_append_encoded(path, sizeof path, name) ||
        !text_append(path, sizeof path, "&type=") || !text_append(path, sizeof path, type)) {
        text_say(&api->dns.why, "a name is too long");
        return ERR_CONFIG;
    }
    enum err err = route53_ask(api, path, NULL);
    return err != ERR_OK
               ? err
               : route53_rrset_parse(api->body, api->body_n, name, type, ret_rrset, &api->dns.why);
}

static enum err route53_read(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    enum err err = set_read(api, dns->name, dns->type, &api->listed);
    if (err != ERR_OK) {
        return err;
    }
    if (api->listed.n > 1) {
        text_say(&dns->why, "%.80s has %u values: expected one", dns->name, api->listed.n);
        return ERR_UNSUPPORTED;
    }
    dns->record = api->listed;
    if (dns->record.n == 1 && dns_value_canonical(dns->name, dns->type, api->listed.value[0],
                                                  dns->record.value[0]) != ERR_OK) {
        text_say(&dns->why, "Route 53 has no %s record's value for %.80s", dns->type, dns->name);
        return ERR_FORMAT;
    }
    return set_read(api, dns->epoch_name, "TXT", &dns->texts);
}

/* The batch is taken: known to Route 53, and on its way to all of its servers. */
static enum err sync_await(struct dns_api *api) {
    char id[64], path[PATH_SIZE];
    bool in_sync = false;
    enum err err =
        route53_change_parse(api->body, api->body_n, id, sizeof id, &in_sync, &api->dns.why);
    while (err == ERR_OK && !in_sync) {
        if (!act_pause(SYNC_EVERY_MS, api->input->deadline_boot_ms) ||
            act_left_ms(api->input->deadline_boot_ms) == 0) {
            text_say(&api->dns.why,
                     "change %.40s is taken, but not yet on all of Route 53's "
                     "servers (PENDING)",
                     id);
            return ERR_TIMEOUT;
        }
        (void)text_format(path, sizeof path, "/2013-04-01/change/%s", id);
        err = route53_ask(api, path, NULL);
        if (err == ERR_OK) {
            err = route53_change_parse(api->body, api->body_n, id, sizeof id, &in_sync,
                                       &api->dns.why);
        }
    }
    return err;
}

/* What was read is not there any more, or something is that was not. */
static bool batch_overtaken(const struct dns_api *api) {
    char line[400];
    route53_message(api->body, api->body_n, line, sizeof line);
    return api->status == 400 &&
           (strstr(line, "not found") != NULL || strstr(line, "already exists") != NULL ||
            strstr(line, "do not match the current values") != NULL);
}

static enum err route53_write(struct dns_api *api) {
    struct dns_record *dns = &api->dns;
    struct dns_rrset record, texts;
    char path[PATH_SIZE];
    enum err err = dns_record_wished(dns, &record, &texts);
    if (err != ERR_OK) {
        return err;
    }
    const struct dns_swap swaps[] = {{dns->name, dns->type, &api->listed, &record},
                                     {dns->epoch_name, "TXT", &dns->texts, &texts}};
    char *batch = malloc(BATCH_SIZE);
    if (batch == NULL) {
        text_say(&dns->why, "no memory for the batch");
        return ERR_NO_MEMORY;
    }
    if (!route53_body(swaps, sizeof swaps / sizeof swaps[0], batch, BATCH_SIZE) ||
        !text_format(path, sizeof path, "/2013-04-01/hostedzone/%s/rrset/", api->zone_id)) {
        text_say(&dns->why, "the batch is too large");
        err = ERR_TOO_BIG;
    } else {
        err = route53_ask(api, path, batch);
    }
    free(batch);
    if (err == ERR_FAILED && batch_overtaken(api)) {
        return ERR_STALE;
    }
    return err != ERR_OK ? err : sync_await(api);
}

static const struct dns_api_kind route53 = {
    .open = route53_open, .read = route53_read, .write = route53_write};

static enum err route53_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return dns_api_accepts(&route53, arguments, reterr);
}

static struct action_result route53_run(const struct action_input *input) {
    return dns_api_run(&route53, input);
}

const struct action_kind_row row_dns_route53 = {
    .kind = ACTION_DNS_ROUTE53,
    .run = route53_run,
    .accepts = route53_accepts,
    .needs_lease = false,
    .arguments_help = "zone_id, user (access key), password_ref (its secret), " ARG_DNS_HELP
                      ", servers=IP:53,... asked at the end, url, connect_to, ca, tls=1.2|1.3",
    .by_hand = "aws route53 change-resource-record-sets --hosted-zone-id {zone_id}: UPSERT {name} "
               "{type} {ttl} {value}; aws route53 wait resource-record-sets-changed --id ...",
};
