/* What the systems that actions act upon may answer, with the first byte choosing the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/dns_body.h"
#include "agent/actions/dns_message.h"
#include "agent/actions/haproxy_reply.h"
#include "agent/actions/kubernetes_body.h"
#include "agent/actions/patroni_body.h"
#include "agent/actions/redis_region.h"
#include "common/io/flat_xml.h"
#include "common/io/pg_history.h"
#include "common/topology/http_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Whatever lies in the DCS: what is written in its place follows the peer, is not paused, and keeps
 * none of our slots. */
static void config_fuzz(const char *text, size_t size) {
    static const struct patroni_peer peer = {.host = "10.0.0.2", .port = 5000, .slot = "region_a"};
    static char out[16384];
    struct patroni_config config, after;
    struct text256 why = {""};
    if (patroni_config_parse(text, size, "mine", &config, &why) != ERR_OK) {
        must(why.at[0] != '\0');
        return;
    }
    must(config.slots_n <= PATRONI_SLOTS_MAX);
    must(patroni_body_demote(out, sizeof out, &peer, &config, PATRONI_PAUSE_LIFT));
    if (patroni_value_demote(text, size, &peer, "mine", out, sizeof out, &why) == ERR_OK) {
        must(patroni_config_parse(out, strlen(out), "mine", &after, &why) == ERR_OK);
        must(patroni_config_follows(&after, &peer) && !after.paused && !after.handoff);
        must(after.slots_n == 0 || config.slots_n == PATRONI_SLOTS_MAX);
    }
}

static void history_fuzz(const char *text) {
    struct pg_history history;
    uint64_t fork_lsn = 0;
    if (pg_history_parse(text, 9, &history)) {
        must(history.n <= PG_HISTORY_MAX);
        must(pg_history_compare(&history, UINT64_MAX, &history, &fork_lsn) == PG_KIN_SAME);
    }
}

/* What is read as an object can be scaled, and its baseline written and read again. */
static void kubernetes_fuzz(const char *text, size_t size) {
    struct kubernetes_object object;
    struct text256 why = {""};
    char out[512], line[60];
    uint32_t replicas = 0;
    kubernetes_message(text, size, line, sizeof line);
    must(!kubernetes_scale_parse(text, size, &replicas) || replicas <= KUBERNETES_REPLICAS_MAX);
    if (kubernetes_object_parse(text, size, &object, &why) != ERR_OK) {
        must(why.at[0] != '\0');
        return;
    }
    must(kubernetes_body_scale(out, sizeof out, object.version, object.replicas));
    must(kubernetes_body_baseline(out, sizeof out, object.version, UINT64_MAX, object.replicas));
    memcpy(strrchr(out, '}'), ",\"spec\":{}}", 12);
    must(kubernetes_object_parse(out, strlen(out), &object, &why) == ERR_OK);
    must(object.has_baseline && object.baseline_epoch == UINT64_MAX);
}

static void haproxy_fuzz(const char *text) {
    struct haproxy_server server;
    struct text256 why = {""};
    uint64_t sessions = 0;
    must(haproxy_server_parse(text, "s1", &server, &why) == ERR_OK || why.at[0] != '\0');
    must(haproxy_sessions_parse(text, "s1", &sessions, &why) == ERR_OK || why.at[0] != '\0');
    must(haproxy_done_parse(text, &why) == ERR_OK || why.at[0] != '\0');
}

/* What is read can be written, and is read back the same. */
static void powerdns_fuzz(const char *text, size_t size) {
    static const char name[] = "api.bud.test.";
    struct dns_rrset texts, again;
    struct text256 why = {""};
    char line[40];
    powerdns_message(text, size, line, sizeof line);
    if (powerdns_rrset_parse(text, size, name, "TXT", &texts, &why) != ERR_OK) {
        must(why.at[0] != '\0');
        return;
    }
    (void)dns_epoch_of(&texts);
    char *body = powerdns_body("x.bud.test.", "A", &texts, name, &texts);
    if (body != NULL) {
        must(powerdns_rrset_parse(body, strlen(body), name, "TXT", &again, &why) == ERR_OK);
        must(again.n == texts.n && dns_epoch_of(&again) == dns_epoch_of(&texts));
        free(body);
    }
}

/* Values that were read are written so that they are read back. */
static void route53_fuzz(const char *text, size_t size) {
    static const char name[] = "api.bud.test.";
    struct dns_rrset texts, none = {.n = 0};
    struct text256 why = {""};
    char line[40], id[16];
    static char xml[65536];
    bool in_sync = false;
    route53_message(text, size, line, sizeof line);
    must(route53_change_parse(text, size, id, sizeof id, &in_sync, &why) == ERR_OK || why.at[0]);
    if (route53_rrset_parse(text, size, name, "TXT", &texts, &why) == ERR_OK && texts.n > 0) {
        const struct dns_swap swap = {name, "TXT", &none, &texts};
        char again[DNS_VALUE_SIZE];
        struct piece all = {xml, 0}, value;
        must(route53_body(&swap, 1, xml, sizeof xml));
        all.n = strlen(xml);
        for (uint8_t i = 0; i < texts.n; i++) {
            must(flat_xml_next(&all, "Value", &value));
            must(flat_xml_value(value, again, sizeof again) && text_equal(again, texts.value[i]));
        }
    }
}

static void cloudflare_fuzz(const char *text, size_t size) {
    struct cloudflare_list list = {.n = 0};
    struct text256 why = {""};
    char line[40], id[PROVIDER_ID_MAX + 1];
    unsigned pages = 0;
    cloudflare_message(text, size, line, sizeof line);
    (void)cloudflare_overtaken(text, size);
    must(cloudflare_zone_parse(text, size, "bud.test.", id, &why) == ERR_OK || why.at[0]);
    for (unsigned i = 0; i < 3; i++) {
        must(cloudflare_page_parse(text, size, "api.bud.test.", i == 0 ? "A" : "TXT", &list, &pages,
                                   &why) == ERR_OK ||
             why.at[0]);
        must(list.n <= CLOUDFLARE_RECORDS_MAX);
    }
}

static void text_fuzz(char which, const char *text, size_t size) {
    struct patroni_status status;
    struct redis_info info;
    struct text256 why = {""};
    uint32_t timeline = 0;
    uint64_t lsn = 0;
    switch (which) {
    case 'c': config_fuzz(text, size); break;
    case 's': must(patroni_status_parse(text, size, &status, &why) == ERR_OK || why.at[0]); break;
    case 'h':
        must(patroni_history_parse(text, size, &timeline, &lsn, &why) == ERR_OK || why.at[0]);
        break;
    case 'b': haproxy_fuzz(text); break;
    case 'd': powerdns_fuzz(text, size); break;
    case 'f': cloudflare_fuzz(text, size); break;
    case 'r': route53_fuzz(text, size); break;
    case 'k': kubernetes_fuzz(text, size); break;
    case 'p': history_fuzz(text); break;
    case 'i': must(!redis_info_parse(text, &info) || info.replicas_n <= REDIS_REPLICAS_MAX); break;
    default: must(!http_status_is(text, 200) || http_status_list(text));
    }
}

/* The question's id is the input's own, so that what follows it is looked at. */
static void dns_fuzz(const uint8_t *wire, size_t size, const char *type) {
    static struct dns_message query;
    struct dns_rrset rrset;
    struct text256 why = {""};
    query.id = size >= 2 ? (uint16_t)((unsigned)wire[0] << 8 | wire[1]) : 0;
    enum err err = dns_reply_parse(&query, wire, size, "api.bud.test.", type, false, &rrset, &why);
    must(err == ERR_OK || why.at[0] != '\0');
    must(err != ERR_OK || rrset.n <= DNS_VALUES_MAX);
    if (err == ERR_OK) {
        (void)dns_epoch_of(&rrset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    char which = (char)data[0];
    data++;
    size--;
    if (which == 'a' || which == 't') {
        dns_fuzz(data, size, which == 'a' ? "A" : "TXT");
        return 0;
    }
    char *text = malloc(size + 1); /* of just that size: a read beyond it is seen */
    if (text != NULL) {
        memcpy(text, data, size);
        text[size] = '\0';
        text_fuzz(which, text, size);
        free(text);
    }
    return 0;
}
