/* actions: the functions of action_table.c, one file each. */
#ifndef DROVER_ACTIONS_ACTIONS_H
#define DROVER_ACTIONS_ACTIONS_H

#include "agent/action.h"

extern const struct action_kind_row row_patroni_demote;
extern const struct action_kind_row row_patroni_promote;
extern const struct action_kind_row row_patroni_handoff;
extern const struct action_kind_row row_pg_promote;
extern const struct action_kind_row row_pg_await_position;
extern const struct action_kind_row row_pg_rejoin;
extern const struct action_kind_row row_redis_demote;
extern const struct action_kind_row row_redis_promote;
extern const struct action_kind_row row_redis_handoff;
extern const struct action_kind_row row_dns_update;
extern const struct action_kind_row row_http_call;
extern const struct action_kind_row row_smtp_send;
extern const struct action_kind_row row_exec;
extern const struct action_kind_row row_approval;
extern const struct action_kind_row row_manual;
extern const struct action_kind_row row_verify;
extern const struct action_kind_row row_kubernetes_scale;
extern const struct action_kind_row row_haproxy_server;
extern const struct action_kind_row row_dns_powerdns;
extern const struct action_kind_row row_fence_agent;
extern const struct action_kind_row row_dns_route53;
extern const struct action_kind_row row_dns_cloudflare;
extern const struct action_kind_row row_traffic_shift;
extern const struct action_kind_row row_s3_direction;
extern const struct action_kind_row row_clickhouse_recover;
extern const struct action_kind_row row_patroni_switchover;
extern const struct action_kind_row row_sentinel_failover;

#endif
