/* The one list of probe kinds. A new kind is one file, its line in kinds.h and its row here. */
#include <stddef.h>

#include "agent/probe.h"
#include "agent/probes/kinds.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"

#define PG_ARGUMENTS                                                                               \
    "address=host:port, database=postgres, user=drover, password_ref=name, "                       \
    "sslmode=disable|prefer|require|verify-ca|verify-full, ca=path"

static const struct probe_kind kinds[] = {
    {CHECK_HTTP, http_run, http_accepts,
     "url=http(s)://..., method=GET|HEAD|POST|OPTIONS, expect_status=200 (or 200-299, or a list), "
     "expect_body=text, expect_regex=POSIX extended, host=Host header, connect_to=ip:port, "
     "ca=path, user=name, password_ref=name, token_ref=name, token_header=x-api-key (else a bearer "
     "token), tls=1.2|1.3"},
    {CHECK_TCP, tcp_run, tcp_accepts, "address=host:port"},
    {CHECK_POSTGRESQL, postgresql_run, postgresql_accepts,
     PG_ARGUMENTS
     ", expect_role=primary|standby|any, table=write probe's table, "
     "max_slot_lag=bytes, archiver=true|false, rewind=true, slot=name, min_wal_keep=bytes, "
     "past=host:port of the other region's primary"},
    {CHECK_PATRONI, patroni_run, patroni_accepts,
     "url=http(s)://member:8008, members=expected number, expect_role=primary|standby|any, "
     "ca=path, user=name, password_ref=name"},
    {CHECK_REDIS, redis_run, redis_accepts,
     "address=host:port, user=name, password_ref=name, expect_role=primary|standby|any, "
     "write_key=key of the write probe, rdb_max_age=seconds, aof=true|false, "
     "backup=declared type"},
    {CHECK_SENTINEL, sentinel_run, sentinel_accepts,
     "address=host:port[,host:port...], name=monitored name, sentinels=expected number, "
     "expect_primary=ip:port, user=name, password_ref=name"},
    {CHECK_PG_REPLICATION, pg_replication_run, pg_replication_accepts,
     PG_ARGUMENTS ", end=auto|primary|standby|cascade, standby=application_name, max_lag_ms=60000, "
                  "table=heartbeat table, tls=any|1.2|1.3"},
    {CHECK_REDIS_REPLICATION, redis_replication_run, redis_replication_accepts,
     "address=host:port, user=name, password_ref=name, end=auto|primary|standby, replicas=1, "
     "max_lag_ms=300000, max_lag_bytes=number, tls=any|1.2|1.3"},
    {CHECK_CERTIFICATE, certificate_run, certificate_accepts,
     "address=host:port or file=path, starttls=no|postgresql, server_name=name, ca=path, "
     "min_days=14, tls=1.2|1.3"},
    {CHECK_DNS, dns_run, dns_accepts,
     "servers=ip:port[,ip:port...], name=record, type=A|AAAA|CNAME|TXT, expect=value[,value...], "
     "max_ttl=seconds, authoritative=true|false, and for the key of updates zone=name, "
     "key_name=name, "
     "key_secret_ref=name, algorithm=hmac-sha256"},
    {CHECK_HAPROXY, haproxy_run, haproxy_accepts,
     "socket=path or url=http(s)://.../;csv, backend=name, min_up=1, ca=path, user=name, "
     "password_ref=name, credential=true|false (with socket)"},
    {CHECK_EXEC, exec_run, exec_accepts,
     "program=bare name inside the agent's exec directory, args=words with spaces between"},
    {CHECK_VAULT, vault_run, vault_accepts,
     WEB_ARGUMENTS ", expect=active|standby|any, secret=secret/data/name (read with token_ref)"},
    {CHECK_OIDC, oidc_run, oidc_accepts,
     WEB_ARGUMENTS ", issuer=url (where it is not url), client_id=name, client_secret_ref=name"},
    {CHECK_PROMETHEUS, prometheus_run, prometheus_accepts,
     WEB_ARGUMENTS ", query=PromQL, pick=only|max|min|sum|count, min=number, max=number, "
                   "warn_min=number, warn_max=number, samples=least number, scale=1"},
    {CHECK_CLICKHOUSE, clickhouse_run, clickhouse_accepts,
     WEB_ARGUMENTS ", table=database.table, replicas=expected number, max_lag_ms=300000, "
                   "max_queue=number, replication_tls=1.2|1.3, replication_ca=path"},
    {CHECK_KUBERNETES, kubernetes_run, kubernetes_accepts,
     WEB_ARGUMENTS
     ", what=readyz|nodes|allocatable|workloads|images|velero|rights, selector=labels, "
     "resource=cpu|memory|nvidia.com/gpu|..., min=quantity, warn_min=quantity, "
     "namespace=name, workload=deployment/name, registry=url, registry_ca=path, "
     "schedule=name, max_age=seconds, location=name, restored_within=seconds, "
     "s3_url=url, s3_user=name, s3_password_ref=name, s3_ca=path, s3_region=name, peer_url=url, "
     "peer_bucket=name, peer_prefix=path, peer_user=name, peer_password_ref=name, peer_ca=path, "
     "grace=900, "
     "rights=verb resource.group/subresource, ..."},
    {CHECK_PG_CANARY, pg_canary_run, pg_canary_accepts,
     PG_ARGUMENTS ", table=canary table, name=of the row, max_age_ms=60000"},
    {CHECK_REDIS_CANARY, redis_canary_run, redis_canary_accepts,
     "address=host:port, user=name, password_ref=name, key=of the hash, max_age_ms=300000"},
    {CHECK_CLICKHOUSE_CANARY, clickhouse_canary_run, clickhouse_canary_accepts,
     WEB_ARGUMENTS ", table=database.table, name=of the row, end=auto|write|read, "
                   "max_age_ms=300000"},
    {CHECK_STORAGE, storage_run, storage_accepts,
     "path=directory, min_size=quantity, min_free_percent=5, warn_free_percent=20"},
    {CHECK_PARITY, parity_run, parity_accepts,
     "url=http(s)://... or file=path, peer_url=http(s)://..., ca=path, user=name, "
     "password_ref=name, token_ref=name, tls=1.2|1.3"},
    {CHECK_S3, s3_run, s3_accepts,
     WEB_ARGUMENTS
     ", what=health|servers|capacity|bucket|role|canary|conflicts|replication, server=minio|s3, "
     "min_servers=1, expect_role=source|target|both|none|any, "
     "bucket=name, region=us-east-1, prefix=text, versioning=enabled|suspended|any, "
     "from=region of the canary, end=auto|write|read, max_age_ms=900000, "
     "grace_ms=900000, max_queue=number, max_versions=100, pages=20, peer_url=url, "
     "peer_bucket=name, "
     "peer_region=name, peer_prefix=text, peer_user=name, peer_password_ref=name, "
     "peer_ca=path"},
    {CHECK_BACKUP, backup_run, backup_accepts,
     WEB_ARGUMENTS ", backup=declared type, store=s3|directory, path=directory, bucket=name, "
                   "region=us-east-1, prefix=text, pages=20, schedule=hourly|daily|weekly, "
                   "wal=true|false, segment_mib=16, group=object|folder, time=auto|modified, "
                   "max_age=seconds, keep=seconds, min_bytes=number, max_shrink=per cent, "
                   "archive=storage class, archive_after=seconds, peer_url=url, peer_..., "
                   "peer_path=directory, grace=seconds"},
    {CHECK_PATH, path_run, path_accepts,
     "what=latency|closed|bandwidth, address=host:port, samples=5, max_ms=100, source=network of "
     "the tunnel's own address, url=http(s)://... of at least that many bytes, mib=16, "
     "min_kbit=1000000, ca=path, user=name, password_ref=name, token_ref=name, tls=1.2|1.3"},
    {CHECK_GIT, git_run, git_accepts,
     WEB_ARGUMENTS
     ", ref=HEAD, mirror_url=url, deployed=commit, deployed_file=path, max_age=seconds, "
     "max_undeployed=seconds, backup=declared type"},
    {CHECK_SMTP, smtp_run, smtp_accepts,
     "address=host:port, security=starttls|tls|none, server_name=of the certificate, ehlo=our "
     "name, "
     "from=sender that must be accepted, ca=path, user=name, password_ref=name, tls=1.2|1.3"},
    {CHECK_FENCE_AGENT, fence_agent_run, fence_agent_accepts,
     "device=a name of fence_devices in agent.conf, expect=any|on|off"},
    {CHECK_SECRET_AGE, secret_age_run, secret_age_accepts,
     "max_age=2592000 seconds, fail_age=seconds"},
};

const struct probe_kind *probe_kind_of(enum check_kind kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

struct reading probe_look(const struct probe_kind *kind, const struct probe_input *input) {
    struct reading reading = kind->run(input);
    struct probe_input again = *input;
    struct secrets previous;
    if (reading.err != ERR_AUTH || input->secrets == NULL) {
        return reading;
    }
    again.timeout_ms = probe_left_ms(input->deadline_boot_ms);
    if (again.timeout_ms > 0 && secrets_previous(input->secrets, input->arguments, &previous)) {
        again.secrets = &previous;
        struct reading second = kind->run(&again);
        if (second.err != ERR_AUTH) {
            return second;
        }
        /* The service may have gone over from the one to the other between the two. */
        again.secrets = input->secrets;
        again.timeout_ms = probe_left_ms(input->deadline_boot_ms);
        reading = again.timeout_ms > 0 ? kind->run(&again) : reading;
    }
    if (reading.err != ERR_AUTH) {
        return reading;
    }
    secrets_say_used(input->secrets, input->arguments, reading.detail, sizeof reading.detail);
    return reading;
}
