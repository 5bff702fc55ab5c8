/* kinds: the two functions of every probe kind, for the table. */
#ifndef DROVER_PROBES_KINDS_H
#define DROVER_PROBES_KINDS_H

#include "agent/probe.h"

#define PROBE_FUNCTIONS(kind)                                                                      \
    struct reading kind##_run(const struct probe_input *input);                                    \
    enum err kind##_accepts(const struct arguments *arguments, struct text256 *reterr) ERR_CHECKED;

PROBE_FUNCTIONS(http)
PROBE_FUNCTIONS(tcp)
PROBE_FUNCTIONS(postgresql)
PROBE_FUNCTIONS(patroni)
PROBE_FUNCTIONS(redis)
PROBE_FUNCTIONS(sentinel)
PROBE_FUNCTIONS(pg_replication)
PROBE_FUNCTIONS(redis_replication)
PROBE_FUNCTIONS(certificate)
PROBE_FUNCTIONS(dns)
PROBE_FUNCTIONS(haproxy)
PROBE_FUNCTIONS(exec)
PROBE_FUNCTIONS(vault)
PROBE_FUNCTIONS(oidc)
PROBE_FUNCTIONS(prometheus)
PROBE_FUNCTIONS(clickhouse)
PROBE_FUNCTIONS(kubernetes)
PROBE_FUNCTIONS(pg_canary)
PROBE_FUNCTIONS(redis_canary)
PROBE_FUNCTIONS(clickhouse_canary)
PROBE_FUNCTIONS(storage)
PROBE_FUNCTIONS(parity)
PROBE_FUNCTIONS(path)
PROBE_FUNCTIONS(s3)
PROBE_FUNCTIONS(backup)
PROBE_FUNCTIONS(git)
PROBE_FUNCTIONS(smtp)
PROBE_FUNCTIONS(fence_agent)
PROBE_FUNCTIONS(secret_age)

/* dns_credential.c: the reading of a dns check that is good so far, and whether its key is taken.
 */
struct reading dns_credential_judge(const struct probe_input *input, struct reading reading);

#endif
