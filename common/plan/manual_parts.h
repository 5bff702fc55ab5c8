/* The parts of manual. Not for others. */
#ifndef DROVER_PLAN_MANUAL_PARTS_H
#define DROVER_PLAN_MANUAL_PARTS_H

#include "common/plan/manual.h"

extern const struct manual_kind manual_patroni_demote, manual_patroni_promote,
    manual_patroni_handoff, manual_pg_promote, manual_pg_await_position, manual_pg_rejoin,
    manual_redis_demote, manual_redis_promote, manual_redis_handoff, manual_dns_update,
    manual_http_call, manual_exec, manual_approval, manual_verify, manual_kubernetes_scale,
    manual_fence_agent, manual_dns_powerdns, manual_haproxy_server, manual_dns_route53,
    manual_dns_cloudflare, manual_traffic_shift, manual_s3_direction, manual_clickhouse_recover,
    manual_manual, manual_smtp_send, manual_patroni_switchover, manual_sentinel_failover;

/* The value of an argument, of a broader one, or `otherwise`. */
const char *manual_value(const struct manual *manual, const char *name, const char *broader,
                         const char *otherwise);

/* A text with its facts (common/topology/fill.h) as one word; the epoch is the shell's
 * DROVER_EPOCH, the time that of typing, and the execution is 0: no one's. */
void manual_filled(const struct manual *manual, const char *text, struct page *page);

/* "$(head -n 1 /etc/drover/secrets/NAME)", the name being the value of the argument `ref`. */
void manual_secret(const struct manual *manual, const char *ref, struct page *page);

/* curl, its bounds, certificates and where it connects, and the login of user and password_ref, by
 * no word of its command line. */
void manual_curl_login(const struct manual *manual, struct page *page);
/* curl with the trust and the credentials of the step; no secret is among its arguments. type: of
 * the body, or NULL. */
#define MANUAL_BEARER "Authorization: Bearer "
void manual_curl(const struct manual *manual, const char *method, const char *type,
                 const char *key_header, struct page *page);

/* The index-th of "A,B", without blanks around it; false behind the last. */
bool manual_part_at(const char *list, unsigned index, char ret_part[VALUE_SIZE]);

/* One IP:PORT of a list, taken apart; the brackets of IPv6 are taken off. */
struct manual_place {
    char host[VALUE_SIZE];
    char port[8];
};

/* The index-th of "IP:PORT,IP:PORT"; false behind the last. */
bool manual_place_at(const char *list, unsigned index, struct manual_place *ret_place);

/* PGPASSWORD=... psql -h ... -c SQL against the index-th member of pg_addresses, or, with
 * MANUAL_WRITABLE, whichever of them is not in recovery. */
#define MANUAL_WRITABLE 255u
void manual_psql(const struct manual *manual, unsigned index, const char *sql, struct page *page);

#endif
