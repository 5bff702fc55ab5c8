/* clickhouse_client: a query by ClickHouse's HTTP interface, for its kinds. */
#ifndef DROVER_PROBES_CLICKHOUSE_CLIENT_H
#define DROVER_PROBES_CLICKHOUSE_CLIENT_H

#include "agent/probes/parse.h"
#include "agent/probes/web.h"

/* As web_ask, with method NULL for GET. False also when the server refuses the credentials or the
 * query: ret_reading says so, its value -1. */
bool clickhouse_ask(const struct probe_input *input, const char *method, const char *query,
                    char *ret_body, size_t body_size, struct http_sync_answer *ret_answer,
                    struct reading *ret_reading);

/* Whether the replicas of the table whose path with the keeper is keeper_path are fetched from by
 * TLS of the version that the argument replication_tls wants: changes a good reading. */
void clickhouse_tls_judge(const struct probe_input *input, const char *keeper_path,
                          struct reading *reading);

#endif
