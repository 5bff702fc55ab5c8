/* Names moved by a provider's or server's API, and how traffic follows them, by hand. */
#include <string.h>

#include "common/plan/manual_parts.h"

/* ---- dns_powerdns ---- */

static void name_full(const char *name, char out[VALUE_SIZE + 1]) {
    size_t n = strlen(name);
    (void)text_format(out, VALUE_SIZE + 1, "%s%s", name, n > 0 && name[n - 1] == '.' ? "" : ".");
}

static void powerdns_url(const struct manual *manual, struct page *page) {
    char url[4 * VALUE_SIZE], zone[VALUE_SIZE + 1];
    name_full(manual_value(manual, "zone", NULL, ""), zone);
    (void)text_format(url, sizeof url, "%s/api/v1/servers/%s/zones/%s",
                      manual_value(manual, "url", NULL, ""),
                      manual_value(manual, "server_id", NULL, "localhost"), zone);
    page_word(page, url);
}

static void powerdns_command(const struct manual *manual, struct page *page) {
    char body[8 * VALUE_SIZE], name[VALUE_SIZE + 1], value[VALUE_SIZE + 1];
    const char *type = manual_value(manual, "type", NULL, "");
    name_full(manual_value(manual, "name", NULL, ""), name);
    (void)text_copy(value, sizeof value, manual_value(manual, "value", NULL, ""));
    if (text_equal(type, "CNAME")) {
        name_full(manual_value(manual, "value", NULL, ""), value);
    }
    struct page json = page_open(body, sizeof body);
    page_say(&json, "{\"rrsets\":[{\"name\":\"");
    page_json(&json, name);
    page_say(&json, "\",\"type\":\"");
    page_json(&json, type);
    page_say(&json, "\",\"changetype\":\"REPLACE\",\"ttl\":%s,\"records\":[{\"content\":\"",
             manual_value(manual, "ttl", NULL, "60"));
    page_json(&json, value);
    page_say(&json, "\",\"disabled\":false}]}]}");
    page_say(page, "# no answer is success\n");
    manual_curl(manual, "PATCH", "application/json", "X-API-Key: ", page);
    page_say(page, "-d ");
    page_word(page, body);
    page_say(page, " ");
    powerdns_url(manual, page);
    page_say(page, "\n");
}

static void powerdns_check(const struct manual *manual, struct page *page) {
    char name[VALUE_SIZE + 1];
    name_full(manual_value(manual, "name", NULL, ""), name);
    page_say(page, "# it says: ");
    page_word(page, manual_value(manual, "value", NULL, ""));
    page_say(page, "\n");
    manual_curl(manual, "GET", NULL, "X-API-Key: ", page);
    powerdns_url(manual, page);
    page_say(page, " | jq -c --arg name ");
    page_word(page, name);
    page_say(page, " '.rrsets[] | select(.name == $name) | [.type, .ttl, .records[].content]'\n");
}

const struct manual_kind manual_dns_powerdns = {
    .kind = ACTION_DNS_POWERDNS,
    .does = "The record points to the region; clients follow within its TTL.",
    .place = "any host that reaches PowerDNS's API",
    .undo = "The same command with the other region's value.",
    .command = powerdns_command,
    .check = powerdns_check,
};

/* ---- dns_route53 ---- */

static void route53_options(const struct manual *manual, struct page *page) {
    static const char *const options[][2] = {{"url", "--endpoint-url"}, {"ca", "--ca-bundle"}};
    /* Route 53 is one for all regions, and signs as this one; the program ends without any. */
    page_say(page, " --region us-east-1");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *value = manual_value(manual, options[i][0], NULL, NULL);
        if (value != NULL) {
            page_say(page, " %s ", options[i][1]);
            page_word(page, value);
        }
    }
}

static void route53_login(const struct manual *manual, struct page *page) {
    page_say(page, "export AWS_ACCESS_KEY_ID=");
    page_word(page, manual_value(manual, "user", NULL, ""));
    page_say(page, " AWS_SECRET_ACCESS_KEY=");
    manual_secret(manual, manual_value(manual, "password_ref", NULL, ""), page);
    page_say(page, "\n");
}

static void route53_command(const struct manual *manual, struct page *page) {
    char batch[8 * VALUE_SIZE];
    struct page json = page_open(batch, sizeof batch);
    page_say(&json, "{\"Changes\":[{\"Action\":\"UPSERT\",\"ResourceRecordSet\":{\"Name\":\"");
    page_json(&json, manual_value(manual, "name", NULL, ""));
    page_say(&json, "\",\"Type\":\"");
    page_json(&json, manual_value(manual, "type", NULL, ""));
    page_say(&json, "\",\"TTL\":%s,\"ResourceRecords\":[{\"Value\":\"",
             manual_value(manual, "ttl", NULL, "60"));
    page_json(&json, manual_value(manual, "value", NULL, ""));
    page_say(&json, "\"}]}}]}");
    route53_login(manual, page);
    page_say(page, "CHANGE=$(aws route53 change-resource-record-sets");
    route53_options(manual, page);
    page_say(page, " --hosted-zone-id ");
    page_word(page, manual_value(manual, "zone_id", NULL, ""));
    page_say(page, " --query ChangeInfo.Id --output text --change-batch ");
    page_word(page, batch);
    page_say(page, ")\naws route53 wait resource-record-sets-changed");
    route53_options(manual, page);
    page_say(page, " --id \"$CHANGE\"\n");
}

static void route53_check(const struct manual *manual, struct page *page) {
    page_say(page, "# it says: ");
    page_word(page, manual_value(manual, "value", NULL, ""));
    page_say(page, "\n");
    route53_login(manual, page);
    page_say(page, "aws route53 list-resource-record-sets");
    route53_options(manual, page);
    page_say(page, " --max-items 1 --hosted-zone-id ");
    page_word(page, manual_value(manual, "zone_id", NULL, ""));
    page_say(page, " --start-record-name ");
    page_word(page, manual_value(manual, "name", NULL, ""));
    page_say(page, " --start-record-type ");
    page_word(page, manual_value(manual, "type", NULL, ""));
    page_say(page, "\n");
}

const struct manual_kind manual_dns_route53 = {
    .kind = ACTION_DNS_ROUTE53,
    .does = "The record points to the region; clients follow within its TTL.",
    .place = "any host with the AWS command line that reaches Route 53",
    .undo = "The same command with the other region's value.",
    .command = route53_command,
    .check = route53_check,
};

/* ---- dns_cloudflare ---- */

/* "$ZONE" is the id, given or looked for. */
static void cloudflare_zone(const struct manual *manual, struct page *page) {
    const char *id = manual_value(manual, "zone_id", NULL, NULL);
    page_say(page, "API=");
    page_word(page, manual_value(manual, "url", NULL, "https://api.cloudflare.com/client/v4"));
    if (id != NULL) {
        page_say(page, " ZONE=");
        page_word(page, id);
        page_say(page, "\n");
        return;
    }
    page_say(page, "\nZONE=$(");
    manual_curl(manual, "GET", NULL, MANUAL_BEARER, page);
    page_say(page, "-G --data-urlencode name=");
    page_word(page, manual_value(manual, "zone", NULL, ""));
    page_say(page, " \"$API/zones\" | jq -re '.result[0].id')\n");
}

static void cloudflare_find(const struct manual *manual, struct page *page) {
    manual_curl(manual, "GET", NULL, MANUAL_BEARER, page);
    page_say(page, "-G --data-urlencode name=");
    page_word(page, manual_value(manual, "name", NULL, ""));
    page_say(page, " -d type=");
    page_word(page, manual_value(manual, "type", NULL, ""));
    page_say(page, " \"$API/zones/$ZONE/dns_records\" | jq -re ");
}

static void cloudflare_command(const struct manual *manual, struct page *page) {
    char body[4 * VALUE_SIZE];
    struct page json = page_open(body, sizeof body);
    page_say(&json, "{\"content\":\"");
    page_json(&json, manual_value(manual, "value", NULL, ""));
    page_say(&json, "\",\"ttl\":%s}", manual_value(manual, "ttl", NULL, "60"));
    cloudflare_zone(manual, page);
    page_say(page, "RECORD=$(");
    cloudflare_find(manual, page);
    page_say(page, "'.result[0].id')\n# of a record that is proxied the ttl has to be 1\n");
    manual_curl(manual, "PATCH", "application/json", MANUAL_BEARER, page);
    page_say(page, "-d ");
    page_word(page, body);
    page_say(page, " \"$API/zones/$ZONE/dns_records/$RECORD\"\n");
}

static void cloudflare_check(const struct manual *manual, struct page *page) {
    page_say(page, "# it says: ");
    page_word(page, manual_value(manual, "value", NULL, ""));
    page_say(page, "\n");
    cloudflare_zone(manual, page);
    cloudflare_find(manual, page);
    page_say(page, "-c '.result[] | [.type, .ttl, .content, .proxied]'\n");
}

const struct manual_kind manual_dns_cloudflare = {
    .kind = ACTION_DNS_CLOUDFLARE,
    .does = "The record points to the region; clients follow within its TTL.",
    .place = "any host that reaches Cloudflare's API",
    .undo = "The same command with the other region's value.",
    .command = cloudflare_command,
    .check = cloudflare_check,
};

/* ---- traffic_shift ---- */

static void shift_digs(const struct manual *manual, const char *list, const char *options,
                       struct page *page) {
    struct manual_place server;
    for (unsigned i = 0; manual_place_at(manual_value(manual, list, NULL, ""), i, &server); i++) {
        page_say(page, "dig @");
        page_word(page, server.host);
        page_say(page, " -p %s %s", server.port, options);
        page_word(page, manual_value(manual, "name", NULL, ""));
        page_say(page, " ");
        page_word(page, manual_value(manual, "type", NULL, ""));
        page_say(page, "\n");
    }
}

static void shift_command(const struct manual *manual, struct page *page) {
    const char *socket = manual_value(manual, "old_socket", NULL, NULL);
    char at[VALUE_SIZE + 16];
    page_say(page, "# nothing is changed: look again until all of them say ");
    page_word(page, manual_value(manual, "value", NULL, ""));
    page_say(page, "\n");
    shift_digs(manual, "servers", "+norecurse +noall +answer ", page);
    shift_digs(manual, "resolvers", "+noall +answer ", page);
    if (socket != NULL) {
        (void)text_format(at, sizeof at, "%s%s",
                          socket[0] == '/' ? "UNIX-CONNECT:" : "TCP:", socket);
        page_say(page, "# the fifth, scur, of ");
        page_word(page, manual_value(manual, "old_frontends", NULL, ""));
        page_say(page, " goes to 0\nprintf 'show stat -1 1 -1\\n' | socat -t 5 - ");
        page_word(page, at);
        page_say(page, " | cut -d, -f1,5\n");
    }
}

static void shift_check(const struct manual *manual, struct page *page) {
    (void)manual;
    page_say(page, "# the command looks, and nothing else\n");
}

const struct manual_kind manual_traffic_shift = {
    .kind = ACTION_TRAFFIC_SHIFT,
    .does = "It is known when the clients had followed the name.",
    .place = "any host that reaches the name servers and the old region's HAProxy",
    .undo = "Nothing: it changes nothing.",
    .command = shift_command,
    .check = shift_check,
};
