/* action_args: see action_args.h. */
#include "common/topology/action_args.h"

#include <string.h>

#include "common/base/ensure.h"
#include "common/topology/fill.h"

#define MUST(name, kind)                                                                           \
    { (name), (kind), true, 0, 0, NULL }
#define MAY(name, kind)                                                                            \
    { (name), (kind), false, 0, 0, NULL }
#define MUST_NUMBER(name, min, max)                                                                \
    { (name), ARG_NUMBER, true, (min), (max), NULL }
#define MAY_NUMBER(name, min, max)                                                                 \
    { (name), ARG_NUMBER, false, (min), (max), NULL }
#define MUST_WORD(name, words)                                                                     \
    { (name), ARG_WORD, true, 0, 0, (words) }
#define MAY_WORD(name, words)                                                                      \
    { (name), ARG_WORD, false, 0, 0, (words) }

/* ---- what several kinds share ---- */

/* Of common/io/service.h: one service that is spoken to by HTTP. */
#define SERVICE_ROWS                                                                               \
    MUST("url", ARG_URL), MAY("ca", ARG_PATH), MAY("user", ARG_TEXT),                              \
        MAY("password_ref", ARG_NAME), MAY("token_ref", ARG_NAME), MAY("certificate", ARG_PATH),   \
        MAY("key", ARG_PATH), MAY("connect_to", ARG_PLACE), MAY_WORD("tls", "1.2|1.3")

/* The same, of a provider that everybody reaches by one name: that stands for url. */
#define PROVIDER_ROWS                                                                              \
    MAY("url", ARG_URL), MAY("ca", ARG_PATH), MAY("connect_to", ARG_PLACE),                        \
        MAY_WORD("tls", "1.2|1.3")

#define PG_ROWS                                                                                    \
    MAY("pg_user", ARG_TEXT), MAY("pg_password_ref", ARG_NAME), MAY("user", ARG_TEXT),             \
        MAY("password_ref", ARG_NAME), MAY("pg_database", ARG_TEXT), MAY("database", ARG_TEXT),    \
        MAY("pg_sslmode", ARG_TEXT), MAY("epoch_table", ARG_SLOT)

#define PATRONI_ROWS                                                                               \
    MUST("patroni_urls", ARG_URLS), MAY("patroni_user", ARG_TEXT),                                 \
        MAY("patroni_password_ref", ARG_NAME), MUST("pg_addresses", ARG_PLACES), PG_ROWS,          \
        MAY("slot_name", ARG_SLOT)
#define PEER_ROWS MUST("peer_front_host", ARG_HOST), MUST_NUMBER("peer_front_port", 1, 65535)
#define DCS_ROWS MAY("etcd", ARG_URLS), MAY("scope", ARG_TEXT), MAY("namespace", ARG_TEXT)

#define REDIS_ROWS                                                                                 \
    MUST("redis_addresses", ARG_PLACES), MAY("sentinels", ARG_PLACES),                             \
        MAY("sentinel_name", ARG_NAME), MAY("redis_user", ARG_TEXT),                               \
        MAY("redis_password_ref", ARG_NAME), MAY("password_ref", ARG_NAME),                        \
        MAY("sentinel_password_ref", ARG_NAME), MAY_NUMBER("quorum", 1, 8),                        \
        MAY_NUMBER("down_after_ms", 100, 600000),                                                  \
        MAY_NUMBER("failover_timeout_ms", 1000, 3600000),                                          \
        MAY_NUMBER("min_replicas_to_write", 0, 8), MAY_NUMBER("replica_priority", 1, 1000),        \
        MAY("epoch_key", ARG_TEXT)

#define DNS_ROWS                                                                                   \
    MUST("zone", ARG_HOST), MUST("name", ARG_HOST), MUST_WORD("type", "A|AAAA|CNAME"),             \
        MUST("value", ARG_HOST), MAY_NUMBER("ttl", 1, 86400), MAY("protected", ARG_TEXT),          \
        MAY("old_value", ARG_HOST), MAY("epoch_name", ARG_HOST)

/* ---- one table a kind ---- */

static const struct arg_rule patroni_demote[] = {PATRONI_ROWS, MAY("peer_slot_name", ARG_SLOT),
                                                 PEER_ROWS, DCS_ROWS,
                                                 MAY_NUMBER("rest_ms", 100, 60000)};
static const struct arg_rule patroni_promote[] = {PATRONI_ROWS, MAY("peer_slot_name", ARG_SLOT),
                                                  MAY("system_identifier", ARG_TEXT)};
static const struct arg_rule patroni_handoff[] = {PATRONI_ROWS,
                                                  MUST("peer_slot_name", ARG_SLOT),
                                                  PEER_ROWS,
                                                  MUST("pg_ctl", ARG_PATH),
                                                  MUST("data_directory", ARG_PATH),
                                                  MAY("run_as", ARG_NAME)};
static const struct arg_rule pg_rejoin[] = {PATRONI_ROWS,
                                            MAY("peer_slot_name", ARG_SLOT),
                                            PEER_ROWS,
                                            DCS_ROWS,
                                            MAY("rebuild", ARG_YES),
                                            MAY_NUMBER("rest_ms", 100, 60000),
                                            MAY("pg_ctl", ARG_PATH),
                                            MAY("data_directory", ARG_PATH),
                                            MAY("run_as", ARG_NAME)};
static const struct arg_rule patroni_switchover[] = {PATRONI_ROWS, MAY("candidate", ARG_NAME),
                                                     MAY_NUMBER("within_ms", 100, 600000)};
static const struct arg_rule pg_promote[] = {MUST("pg_addresses", ARG_PLACES), PG_ROWS};
static const struct arg_rule pg_await_position[] = {MUST("pg_addresses", ARG_PLACES), PG_ROWS,
                                                    MAY("position", ARG_LSN)};

static const struct arg_rule redis_demote[] = {REDIS_ROWS, PEER_ROWS};
static const struct arg_rule redis_promote[] = {REDIS_ROWS};
static const struct arg_rule redis_handoff[] = {REDIS_ROWS, MAY("peer_front_host", ARG_HOST),
                                                MAY_NUMBER("peer_front_port", 1, 65535)};

static const struct arg_rule sentinel_failover[] = {REDIS_ROWS,
                                                    MAY_NUMBER("within_ms", 100, 600000)};

static const struct arg_rule dns_update[] = {
    MUST("servers", ARG_PLACES), DNS_ROWS, MUST("key_name", ARG_HOST),
    MUST("key_secret_ref", ARG_NAME), MAY_WORD("algorithm", "hmac-sha256|hmac-sha512")};
static const struct arg_rule dns_powerdns[] = {SERVICE_ROWS, DNS_ROWS, MAY("server_id", ARG_NAME),
                                               MAY("servers", ARG_PLACES)};
static const struct arg_rule dns_route53[] = {
    PROVIDER_ROWS, MUST("user", ARG_TEXT),    MUST("password_ref", ARG_NAME),
    DNS_ROWS,      MUST("zone_id", ARG_TEXT), MAY("servers", ARG_PLACES)};
static const struct arg_rule dns_cloudflare[] = {PROVIDER_ROWS, MUST("token_ref", ARG_NAME),
                                                 DNS_ROWS, MAY("zone_id", ARG_TEXT),
                                                 MAY("servers", ARG_PLACES)};
static const struct arg_rule traffic_shift[] = {
    MUST("name", ARG_HOST),           MUST_WORD("type", "A|AAAA|CNAME"),
    MUST("value", ARG_HOST),          MAY("servers", ARG_PLACES),
    MAY("resolvers", ARG_PLACES),     MAY("old_socket", ARG_TEXT),
    MAY("old_frontends", ARG_TEXT),   MAY_NUMBER("percent", 1, 100),
    MAY_NUMBER("every_ms", 20, 60000)};

static const struct arg_rule http_call[] = {MUST("url", ARG_URL),
                                            MAY_WORD("method", "GET|POST|PUT|PATCH|DELETE"),
                                            MAY("body", ARG_TEXT),
                                            MAY("expect_status", ARG_STATUS),
                                            MAY("header1", ARG_TEXT),
                                            MAY("header2", ARG_TEXT),
                                            MAY("header3", ARG_TEXT),
                                            MAY("header4", ARG_TEXT),
                                            MAY("token_ref", ARG_NAME),
                                            MAY("ca", ARG_PATH),
                                            MAY("observe_url", ARG_URL),
                                            MAY("expect_body", ARG_TEXT),
                                            MAY_WORD("once", "attempt|step|execution")};
static const struct arg_rule smtp_send[] = {MUST("address", ARG_PLACE),
                                            MUST("sender", ARG_TEXT),
                                            MUST("to", ARG_TEXT),
                                            MUST("subject", ARG_TEXT),
                                            MUST("text", ARG_TEXT),
                                            MAY("text2", ARG_TEXT),
                                            MAY("text3", ARG_TEXT),
                                            MAY("text4", ARG_TEXT),
                                            MAY_WORD("security", "starttls|tls|none"),
                                            MAY("server_name", ARG_HOST),
                                            MAY("ehlo", ARG_HOST),
                                            MAY("ca", ARG_PATH),
                                            MAY_WORD("tls", "1.2|1.3"),
                                            MAY("user", ARG_TEXT),
                                            MAY("password_ref", ARG_NAME)};
static const struct arg_rule exec[] = {MUST("program", ARG_NAME), MAY("observe", ARG_YES),
                                       MAY("arg1", ARG_TEXT),     MAY("arg2", ARG_TEXT),
                                       MAY("arg3", ARG_TEXT),     MAY("arg4", ARG_TEXT),
                                       MAY("arg5", ARG_TEXT),     MAY("arg6", ARG_TEXT),
                                       MAY("arg7", ARG_TEXT),     MAY("arg8", ARG_TEXT)};
static const struct arg_rule verify[] = {MAY("url", ARG_URL),
                                         MAY("expect_status", ARG_STATUS),
                                         MAY("expect_body", ARG_TEXT),
                                         MAY("connect_to", ARG_PLACE),
                                         MAY("ca", ARG_PATH),
                                         MAY("pg_addresses", ARG_PLACES),
                                         PG_ROWS,
                                         MAY("check_pg", ARG_YES)};

static const struct arg_rule kubernetes_scale[] = {
    SERVICE_ROWS,
    MUST("namespace", ARG_TEXT),
    MUST("workload", ARG_TEXT),
    MAY("cluster_api", ARG_TEXT),
    MAY_NUMBER("replicas", 0, KUBERNETES_REPLICAS_MAX),
    MAY_NUMBER("add", 1, KUBERNETES_REPLICAS_MAX),
    MAY("baseline", ARG_YES),
    MAY("levels", ARG_NAME),
    MAY("record", ARG_YES),
    MAY("down", ARG_YES),
    MAY_NUMBER("min_percent", 1, 100)};
static const struct arg_rule haproxy_server[] = {
    MUST("socket", ARG_TEXT), MUST("backend", ARG_TEXT), MUST("servers", ARG_TEXT),
    MUST_WORD("state", "ready|drain|maint"), MAY_WORD("sessions", "leave|await|shutdown")};
static const struct arg_rule manual[] = {MUST("instructions", ARG_TEXT)};

static const struct arg_rule fence_agent[] = {MUST("device", ARG_NAME),
                                              MAY_WORD("state", "off|on")};

static const struct arg_rule s3_direction[] = {SERVICE_ROWS,
                                               MUST("bucket", ARG_TEXT),
                                               MUST_WORD("role", "source|target"),
                                               MAY("region", ARG_NAME),
                                               MAY("rule", ARG_TEXT),
                                               MAY("epoch_key", ARG_TEXT)};
static const struct arg_rule clickhouse_recover[] = {
    SERVICE_ROWS, MUST("tables", ARG_TEXT), MAY("epoch_table", ARG_TEXT), MAY("restore", ARG_YES),
    MAY_NUMBER("sync_ms", 0, 3600000)};

/* ---- what rows cannot say ---- */

/* Nothing has to be looked up: a numeric url, or connect_to beside it. */
static bool service_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *url = arg_text(arguments, "url", "");
    return arg_text(arguments, "connect_to", NULL) != NULL || url_is_numeric(url) ||
           arg_wrong(fault, "url", url,
                     "http(s)://IP:PORT, or connect_to beside it: nothing is looked up here");
}

static bool together(struct arg_fault *fault, const char *sentence) {
    *fault = (struct arg_fault){.name = NULL};
    text_say(&fault->text, "%s", sentence);
    return false;
}

static bool dcs_fits(const struct arguments *arguments, struct arg_fault *fault) {
    return (arg_text(arguments, "etcd", NULL) != NULL) ==
               (arg_text(arguments, "scope", NULL) != NULL) ||
           together(fault, "arguments \"etcd\" and \"scope\" belong together");
}

static bool rejoin_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *host = arg_text(arguments, "peer_front_host", "");
    if (host_family(host) == 0) {
        return arg_wrong(fault, "peer_front_host", host, "a numeric address: we go there, too");
    }
    return dcs_fits(arguments, fault);
}

/* Without Sentinels nobody is there to move the master. */
static bool sentinels_fit(const struct arguments *arguments, struct arg_fault *fault) {
    return (arg_text(arguments, "sentinels", NULL) != NULL &&
            arg_text(arguments, "sentinel_name", NULL) != NULL) ||
           together(fault, "arguments \"sentinels\" and \"sentinel_name\" are needed: the "
                           "Sentinels are asked");
}

/* The value is of the record's type. */
static bool record_fits(const struct arguments *arguments, struct arg_fault *fault) {
    static const char *const names[] = {"value", "old_value"};
    const char *type = arg_text(arguments, "type", "");
    unsigned family = text_equal(type, "A") ? 4 : text_equal(type, "AAAA") ? 6 : 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = arg_text(arguments, names[i], NULL);
        if (value != NULL && host_family(value) != family) {
            return arg_wrong(fault, names[i], value,
                             family == 4   ? "an IPv4 address, for a record of type A"
                             : family == 6 ? "an IPv6 address, for a record of type AAAA"
                                           : "a host name, for a record of type CNAME");
        }
    }
    return true;
}

static bool powerdns_fits(const struct arguments *arguments, struct arg_fault *fault) {
    return service_fits(arguments, fault) && record_fits(arguments, fault);
}

/* Of a provider's own making: letters and digits, and so safe within a path. */
static bool zone_id_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *id = arg_text(arguments, "zone_id", "0");
    return (text_is_of(id, "") && strlen(id) <= PROVIDER_ID_MAX) ||
           arg_wrong(fault, "zone_id", id, "the provider's id of the zone: letters and digits");
}

/* Credentials never travel in the clear. */
static bool provider_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *url = arg_text(arguments, "url", "https://");
    if (!text_starts(url, "https://")) {
        return arg_wrong(fault, "url", url, "https://...");
    }
    return zone_id_fits(arguments, fault) && record_fits(arguments, fault);
}

static bool cloudflare_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *ttl = arg_text(arguments, "ttl", "60");
    if (arg_number(arguments, "ttl", 60) < CLOUDFLARE_TTL_MIN_S) {
        return arg_wrong(fault, "ttl", ttl, "30 or more, which is all that Cloudflare takes");
    }
    return provider_fits(arguments, fault);
}

static bool socket_fits(const struct arguments *arguments, const char *name,
                        struct arg_fault *fault) {
    struct place place;
    const char *socket = arg_text(arguments, name, "/");
    return socket[0] == '/' || place_parse(socket, &place) ||
           arg_wrong(fault, name, socket, "an absolute path or numeric host:port");
}

static bool shift_fits(const struct arguments *arguments, struct arg_fault *fault) {
    bool sessions = arg_text(arguments, "old_socket", NULL) != NULL;
    if (sessions != (arg_text(arguments, "old_frontends", NULL) != NULL)) {
        return together(fault, "arguments \"old_socket\" and \"old_frontends\" belong together");
    }
    if (!sessions && arg_text(arguments, "servers", NULL) == NULL &&
        arg_text(arguments, "resolvers", NULL) == NULL) {
        return together(fault, "expected servers, resolvers or old_socket: there is nothing to "
                               "measure");
    }
    return socket_fits(arguments, "old_socket", fault) && record_fits(arguments, fault);
}

/* What is sent to others names nothing but facts. */
static bool texts_fit(enum action_kind kind, const struct arguments *arguments,
                      struct arg_fault *fault) {
    const char *name = NULL;
    for (unsigned i = 0; (name = fill_argument(kind, i)) != NULL; i++) {
        const char *text = arg_text(arguments, name, "");
        if (!fill_fits(text)) {
            return arg_wrong(fault, name, text, FILL_EXPECTED);
        }
    }
    return true;
}

static bool call_fits(const struct arguments *arguments, struct arg_fault *fault) {
    return texts_fit(ACTION_HTTP_CALL, arguments, fault);
}

/* A bare address: no name, no brackets, nothing that could end a header or a command. */
static bool mailbox_fits(const char *mailbox) {
    const char *at = strchr(mailbox, '@');
    return text_is_of(mailbox, "@.!#$%&'*+/=?^_`{|}~-") && at != NULL && at != mailbox &&
           at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

static size_t characters_n(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static bool mail_fits(const struct arguments *arguments, struct arg_fault *fault) {
    struct parts to;
    const char *sender = arg_text(arguments, "sender", "");
    const char *subject = arg_text(arguments, "subject", "");
    const char *security = arg_text(arguments, "security", "starttls");
    bool user = arg_text(arguments, "user", NULL) != NULL;
    bool good = arg_parts(arguments, "to", &to);
    for (uint8_t i = 0; i < to.n; i++) {
        good = good && mailbox_fits(to.at[i]);
    }
    if (!good) {
        return arg_wrong(fault, "to", arg_text(arguments, "to", ""),
                         "addresses as ops@bud.example, up to 8 with commas between");
    }
    if (!mailbox_fits(sender)) {
        return arg_wrong(fault, "sender", sender, "an address as drover@bud.example");
    }
    if (characters_n(subject) > SUBJECT_MAX) {
        return arg_wrong(fault, "subject", subject, "at most 78 characters");
    }
    if (user != (arg_text(arguments, "password_ref", NULL) != NULL)) {
        return together(fault, "arguments \"user\" and \"password_ref\" belong together");
    }
    if (user && text_equal(security, "none")) {
        return arg_wrong(fault, "security", security, "starttls or tls where a password is sent");
    }
    return texts_fit(ACTION_SMTP_SEND, arguments, fault);
}

static bool verify_fits(const struct arguments *arguments, struct arg_fault *fault) {
    bool pg =
        arg_text(arguments, "pg_addresses", NULL) != NULL && arg_yes(arguments, "check_pg", true);
    return pg || arg_text(arguments, "url", NULL) != NULL ||
           together(fault, "expected url or pg_addresses: there is nothing to verify");
}

static bool scale_fits(const struct arguments *arguments, struct arg_fault *fault) {
    static const char *const kinds[] = {"deployment/", "statefulset/", "machinedeployment/"};
    const char *workload = arg_text(arguments, "workload", "");
    unsigned given_n = (arg_text(arguments, "replicas", NULL) != NULL ? 1u : 0u) +
                       (arg_text(arguments, "add", NULL) != NULL ? 1u : 0u) +
                       (arg_text(arguments, "levels", NULL) != NULL ? 1u : 0u) +
                       (arg_yes(arguments, "baseline", false) ? 1u : 0u);
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        known = known || (text_starts(workload, kinds[i]) && workload[strlen(kinds[i])] != '\0');
    }
    if (!known) {
        return arg_wrong(fault, "workload", workload,
                         "deployment/NAME, statefulset/NAME or machinedeployment/NAME");
    }
    if (given_n != 1) {
        (void)together(fault, "");
        text_say(&fault->text,
                 "expected one of \"replicas\", \"add\", \"levels\" and \"baseline = yes\", found "
                 "%u",
                 given_n);
        return false;
    }
    return service_fits(arguments, fault);
}

static bool haproxy_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *sessions = arg_text(arguments, "sessions", "leave");
    if (!socket_fits(arguments, "socket", fault)) {
        return false;
    }
    if (!text_equal(sessions, "leave") && text_equal(arg_text(arguments, "state", ""), "ready")) {
        return arg_wrong(fault, "sessions", sessions,
                         "leave; await and shutdown belong to drain and maint");
    }
    return true;
}

static bool direction_fits(const struct arguments *arguments, struct arg_fault *fault) {
    const char *bucket = arg_text(arguments, "bucket", "");
    const char *key = arg_text(arguments, "epoch_key", "drover/epoch");
    const char *rule = arg_text(arguments, "rule", "all");
    size_t n = strlen(bucket);
    if (n < 3 || n > 63 || strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n) {
        return arg_wrong(fault, "bucket", bucket, "3 to 63 of a-z 0-9 . -");
    }
    if (!text_is_of(key, "-_./") || key[0] == '/') {
        return arg_wrong(fault, "epoch_key", key, "a key of letters, digits and - _ . /");
    }
    if (!text_is_of(rule, "-_. ")) {
        return arg_wrong(fault, "rule", rule, "a rule's ID of letters, digits and - _ .");
    }
    if (arg_text(arguments, "user", NULL) == NULL ||
        arg_text(arguments, "password_ref", NULL) == NULL) {
        return together(fault, "expected user (the access key) and password_ref (its secret)");
    }
    return service_fits(arguments, fault);
}

static bool table_fits(const char *table) {
    const char *dot = strchr(table, '.');
    return text_is_of(table, "_.") && dot != NULL && dot != table && dot[1] != '\0' &&
           strchr(dot + 1, '.') == NULL;
}

static bool recover_fits(const struct arguments *arguments, struct arg_fault *fault) {
    struct parts tables;
    const char *epoch_table = arg_text(arguments, "epoch_table", "a.b");
    bool good = arg_parts(arguments, "tables", &tables);
    for (uint8_t i = 0; i < tables.n; i++) {
        good = good && table_fits(tables.at[i]);
    }
    if (!good) {
        return arg_wrong(fault, "tables", arg_text(arguments, "tables", ""),
                         "database.table, up to 8 of them with commas between");
    }
    if (!table_fits(epoch_table)) {
        return arg_wrong(fault, "epoch_table", epoch_table, "database.table");
    }
    return service_fits(arguments, fault);
}

/* ---- the table of tables ---- */

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

static const struct action_args {
    const struct arg_rule *rules;
    size_t rules_n;
    bool (*fits)(const struct arguments *arguments, struct arg_fault *fault); /* or NULL */
} tables[] = {
    [ACTION_PATRONI_DEMOTE] = {ROWS(patroni_demote), dcs_fits},
    [ACTION_PATRONI_PROMOTE] = {ROWS(patroni_promote), NULL},
    [ACTION_PATRONI_HANDOFF] = {ROWS(patroni_handoff), NULL},
    [ACTION_PG_PROMOTE] = {ROWS(pg_promote), NULL},
    [ACTION_PG_AWAIT_POSITION] = {ROWS(pg_await_position), NULL},
    [ACTION_REDIS_DEMOTE] = {ROWS(redis_demote), NULL},
    [ACTION_REDIS_PROMOTE] = {ROWS(redis_promote), NULL},
    [ACTION_REDIS_HANDOFF] = {ROWS(redis_handoff), NULL},
    [ACTION_DNS_UPDATE] = {ROWS(dns_update), record_fits},
    [ACTION_HTTP_CALL] = {ROWS(http_call), call_fits},
    [ACTION_EXEC] = {ROWS(exec), NULL},
    [ACTION_APPROVAL] = {NULL, 0, NULL},
    [ACTION_VERIFY] = {ROWS(verify), verify_fits},
    [ACTION_PG_REJOIN] = {ROWS(pg_rejoin), rejoin_fits},
    [ACTION_KUBERNETES_SCALE] = {ROWS(kubernetes_scale), scale_fits},
    [ACTION_HAPROXY_SERVER] = {ROWS(haproxy_server), haproxy_fits},
    [ACTION_DNS_POWERDNS] = {ROWS(dns_powerdns), powerdns_fits},
    [ACTION_FENCE_AGENT] = {ROWS(fence_agent), NULL},
    [ACTION_DNS_ROUTE53] = {ROWS(dns_route53), provider_fits},
    [ACTION_DNS_CLOUDFLARE] = {ROWS(dns_cloudflare), cloudflare_fits},
    [ACTION_TRAFFIC_SHIFT] = {ROWS(traffic_shift), shift_fits},
    [ACTION_S3_DIRECTION] = {ROWS(s3_direction), direction_fits},
    [ACTION_CLICKHOUSE_RECOVER] = {ROWS(clickhouse_recover), recover_fits},
    [ACTION_MANUAL] = {ROWS(manual), NULL},
    [ACTION_SMTP_SEND] = {ROWS(smtp_send), mail_fits},
    [ACTION_PATRONI_SWITCHOVER] = {ROWS(patroni_switchover), NULL},
    [ACTION_SENTINEL_FAILOVER] = {ROWS(sentinel_failover), sentinels_fit},
};
_Static_assert(sizeof tables / sizeof tables[0] == ACTION_KINDS_N,
               "a new action kind needs its table: what does it take?");

const struct arg_rule *action_arg_rules(enum action_kind kind, size_t *ret_n) {
    ensure(kind < ACTION_KINDS_N);
    *ret_n = tables[kind].rules_n;
    return tables[kind].rules;
}

bool action_args_fit(enum action_kind kind, const struct arguments *arguments,
                     struct arg_fault *ret_fault) {
    ensure(kind < ACTION_KINDS_N);
    const struct action_args *table = &tables[kind];
    return args_fit(table->rules, table->rules_n, arguments, ret_fault) &&
           (table->fits == NULL || table->fits(arguments, ret_fault));
}

enum err action_args_accept(enum action_kind kind, const struct arguments *arguments,
                            struct text256 *reterr) {
    struct arg_fault fault;
    if (action_args_fit(kind, arguments, &fault)) {
        return ERR_OK;
    }
    arg_fault_say(&fault, reterr);
    return ERR_CONFIG;
}
