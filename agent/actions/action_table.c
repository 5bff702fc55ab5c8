/* action_table: every action kind drover knows, in the order of ACTION_KIND_LIST. */
#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/base/ensure.h"

const struct action_kind_row *action_kind_of(enum action_kind kind) {
    static const struct action_kind_row *const rows[ACTION_KINDS_N] = {
        [ACTION_PATRONI_DEMOTE] = &row_patroni_demote,
        [ACTION_PATRONI_PROMOTE] = &row_patroni_promote,
        [ACTION_PATRONI_HANDOFF] = &row_patroni_handoff,
        [ACTION_PG_PROMOTE] = &row_pg_promote,
        [ACTION_PG_AWAIT_POSITION] = &row_pg_await_position,
        [ACTION_REDIS_DEMOTE] = &row_redis_demote,
        [ACTION_REDIS_PROMOTE] = &row_redis_promote,
        [ACTION_REDIS_HANDOFF] = &row_redis_handoff,
        [ACTION_DNS_UPDATE] = &row_dns_update,
        [ACTION_HTTP_CALL] = &row_http_call,
        [ACTION_SMTP_SEND] = &row_smtp_send,
        [ACTION_EXEC] = &row_exec,
        [ACTION_APPROVAL] = &row_approval,
        [ACTION_VERIFY] = &row_verify,
        [ACTION_PG_REJOIN] = &row_pg_rejoin,
        [ACTION_KUBERNETES_SCALE] = &row_kubernetes_scale,
        [ACTION_HAPROXY_SERVER] = &row_haproxy_server,
        [ACTION_DNS_POWERDNS] = &row_dns_powerdns,
        [ACTION_FENCE_AGENT] = &row_fence_agent,
        [ACTION_DNS_ROUTE53] = &row_dns_route53,
        [ACTION_DNS_CLOUDFLARE] = &row_dns_cloudflare,
        [ACTION_TRAFFIC_SHIFT] = &row_traffic_shift,
        [ACTION_S3_DIRECTION] = &row_s3_direction,
        [ACTION_CLICKHOUSE_RECOVER] = &row_clickhouse_recover,
        [ACTION_MANUAL] = &row_manual,
        [ACTION_PATRONI_SWITCHOVER] = &row_patroni_switchover,
        [ACTION_SENTINEL_FAILOVER] = &row_sentinel_failover,
    };
    if ((unsigned)kind >= ACTION_KINDS_N || rows[kind] == NULL) {
        return NULL;
    }
    ensure(rows[kind]->kind == kind);
    return rows[kind];
}

struct action_result action_do(const struct action_kind_row *row,
                               const struct action_input *input) {
    struct action_result result = row->run(input);
    struct action_input again = *input;
    struct secrets previous;
    if (result.err != ERR_AUTH || input->secrets == NULL) {
        return result;
    }
    again.timeout_ms = act_left_ms(input->deadline_boot_ms);
    if (again.timeout_ms > 0 && secrets_previous(input->secrets, input->arguments, &previous)) {
        again.secrets = &previous;
        struct action_result second = row->run(&again);
        if (second.err != ERR_AUTH) {
            return second;
        }
        /* The service may have gone over from the one to the other between the two. */
        again.secrets = input->secrets;
        again.timeout_ms = act_left_ms(input->deadline_boot_ms);
        result = again.timeout_ms > 0 ? row->run(&again) : result;
    }
    if (result.err != ERR_AUTH) {
        return result;
    }
    secrets_say_used(input->secrets, input->arguments, result.detail, sizeof result.detail);
    return result;
}
