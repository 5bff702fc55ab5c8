/* parse: pure readers of what the probed systems answer. No input makes them read outside it,
 * allocate without bound or fail to end; tests/fuzz/fuzz_probe_parse.c holds them to that. */
#ifndef DROVER_PROBES_PARSE_H
#define DROVER_PROBES_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/dns_packet.h"
#include "common/topology/limits.h"

/* PostgreSQL's "16/B374D848". False when it is not one. */
bool lsn_parse(const char *text, uint64_t *ret_lsn);

/* The value of `key` in the text of Redis's INFO ("key:value" lines). False when absent or too long
 * for the buffer. */
bool info_get(const char *info, const char *key, char *ret_value, size_t value_size);
bool info_get_number(const char *info, const char *key, uint64_t *ret_value);

/* One replica in a primary's INFO: "slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=1". */
struct info_replica {
    char address[64]; /* ip:port, for people */
    bool online;
    uint64_t offset;
    uint64_t lag_s; /* since its last word; UINT64_MAX when Redis does not say */
};
bool info_replica(const char *info, unsigned index, struct info_replica *ret_replica);

/* CLIENT LIST of Redis, line by line from 0: the port of the server's own that the client came
 * through (laddr=). NOT_FOUND: no such line; FORMAT: it does not say. */
enum err client_local_port(const char *list, unsigned index, uint16_t *ret_port) ERR_CHECKED;

/* Is `word` one of the words of "TLSv1.2 TLSv1.3"? In any case, as OpenSSL's names are. */
bool tls_words_have(const char *words, const char *word);

/* First output line of a monitoring plugin: "text | 'label'=value[unit];..." */
struct plugin_line {
    char text[96];
    bool has_value;
    int64_t value; /* the first figure, rounded */
};
void plugin_parse(const char *output, struct plugin_line *ret_line);

/* "show stat" of HAProxy, or its ";csv" page. */
struct haproxy_view {
    bool found; /* the backend exists */
    unsigned servers_n;
    unsigned up_n; /* servers up, or without a health check */
    char backend_status[16];
    char up_names[64]; /* for people: "pg1 pg2 ..." */
    bool sessions_told;
    uint64_t sessions_n; /* of the backend, now */
};
enum err haproxy_parse(const char *csv, const char *backend,
                       struct haproxy_view *ret_view) ERR_CHECKED;

/* GET /cluster of Patroni. */
enum patroni_leader { PATRONI_LEADER_NONE = 0, PATRONI_LEADER = 1, PATRONI_STANDBY_LEADER = 2 };
struct patroni_view {
    unsigned members_n;
    unsigned running_n; /* state running or streaming */
    uint8_t leader;     /* enum patroni_leader */
    bool leader_running;
    char leader_name[NAME_SIZE * 2];
    int64_t timeline; /* the leader's; 0: not told */
    bool paused;
    char first_not_running[NAME_SIZE * 2]; /* name, for people; "" */
    char first_state[NAME_SIZE];
    /* A replica that runs, may be elected and does not stream; "": none, or Patroni does not tell,
     * as 3.0 does not, who says "running" of each. */
    char first_not_streaming[NAME_SIZE * 2];
    /* Of all members, a blank between; "" when they are too long together or one has a blank. */
    char names[NAME_SIZE * 2];
    /* The same by text_digest, whatever is in them; "" when there are more than fit. */
    char digests[TEXT_DIGEST_SIZE * 12];
};
enum err patroni_parse(const char *json, size_t json_size,
                       struct patroni_view *ret_view) ERR_CHECKED;

/* A decimal number without hexadecimal, infinity or spaces. */
bool decimal_parse(const char *text, double *ret_value);

/* Compares two texts by their lines, without comments (#), empty lines and space at either end.
 * 0: the same; else the number, in `ours`, of the first line that is not (or one behind its
 * end). ret_lines_n: lines that counted in ours. */
unsigned lines_differ(const char *ours, const char *theirs, unsigned *ret_lines_n);

/* Vault: whether this is its health at all; whether an answer holds a secret's values. */
bool vault_health_is_one(const char *json, size_t json_size);
bool vault_secret_is_there(const char *json, size_t json_size);

/* An OpenID provider's discovery document, and its token endpoint's answer. */
struct oidc_view {
    char issuer[256], token_endpoint[512];
};
enum err oidc_parse(const char *json, size_t json_size, struct oidc_view *ret_view) ERR_CHECKED;
/* ret_error: the answer's error code for people, or "". */
bool oidc_token_is_there(const char *json, size_t json_size, char *ret_error, size_t error_size);

/* The answer of Prometheus to an instant query: a scalar, or a vector of any labels. A sample
 * that is not a number makes min, max and sum so. */
#define PROMETHEUS_SAMPLES_MAX 1000
struct prometheus_view {
    unsigned samples_n;
    double min, max, sum;
};
enum err prometheus_parse(const char *json, size_t json_size,
                          struct prometheus_view *ret_view) ERR_CHECKED;

/* One row of ClickHouse's system.replicas, JSONEachRow. */
#define CLICKHOUSE_FIGURE_MAX 1000000000000000
#define CLICKHOUSE_NAME_SIZE 64
struct clickhouse_view {
    bool is_readonly, session_expired;
    int64_t queue_n, delay_s, total_n, active_n;
    char keeper_path[256]; /* "" where it was not asked for */
};
enum err clickhouse_parse(const char *row, size_t row_size,
                          struct clickhouse_view *ret_view) ERR_CHECKED;
/* Rows {"name":"ch1"}, each a replica: of letters, digits and ._:@- only. FORMAT: a name of others,
 * or more than there is room for. */
#define CLICKHOUSE_REPLICAS_MAX 32
enum err clickhouse_names_parse(const char *rows, size_t rows_size,
                                char ret_names[CLICKHOUSE_REPLICAS_MAX][CLICKHOUSE_NAME_SIZE],
                                unsigned *ret_names_n) ERR_CHECKED;
/* {"value":"host: ch1.bud.test\nport: 9010\n...scheme: https\n"}: where a replica is fetched from.
 * Without a scheme, as before there were two, it is http. */
struct clickhouse_replica {
    char host[128];
    uint16_t port;
    bool https;
};
enum err clickhouse_replica_parse(const char *row, size_t row_size,
                                  struct clickhouse_replica *ret_replica) ERR_CHECKED;
/* {"n":"7","at":"1769310000000"}; both 0 when nothing was ever written. */
enum err clickhouse_canary_parse(const char *row, size_t row_size, int64_t *ret_number,
                                 int64_t *ret_wall_ms) ERR_CHECKED;
enum err clickhouse_version_parse(const char *row, size_t row_size, char *ret_version,
                                  size_t version_size) ERR_CHECKED;
bool clickhouse_is_auth(const char *body); /* an error text: of user or password */

/* One DNS answer. */
#define DNS_VALUES_MAX 16
#define DNS_VALUE_SIZE 128
struct dns_view {
    bool truncated; /* ask again by TCP */
    bool authoritative;
    uint8_t rcode;
    uint32_t ttl_max_s; /* of the whole answer section, the way to the value included */
    uint8_t values_n;   /* sorted; beyond DNS_VALUES_MAX is TOO_BIG */
    char values[DNS_VALUES_MAX][DNS_VALUE_SIZE]; /* names end with a dot, TXT without quotes */
};
#define DNS_QUESTION_MAX 512
/* A question of `type` ("A", "AAAA", "CNAME", "TXT") for `name`, recursion not desired. CONFIG. */
enum err dns_question(const char *name, const char *type, uint16_t id,
                      uint8_t ret_wire[DNS_QUESTION_MAX], size_t *ret_size) ERR_CHECKED;
/* FORMAT when it is not the answer to that question. */
enum err dns_answer_parse(const uint8_t *wire, size_t wire_size, const char *name, const char *type,
                          uint16_t id, struct dns_view *ret_view) ERR_CHECKED;
/* A value as the configuration writes it, in the form of dns_view.values. */
bool dns_value_normal(const char *type, const char *value, char ret_value[DNS_VALUE_SIZE]);

/* An update of one record that changes nothing, signed by the key that a failover will use. The
 * answer to it is judged by dns_packet_reply. */
struct dns_credential {
    const char *zone, *name, *type;
    struct dns_key key;
};
/* CONFIG: no such names, no such key. */
enum err dns_noop_build(const struct dns_credential *credential, struct dns_message *ret_message,
                        struct text256 *reterr) ERR_CHECKED;

#endif
