/* clickhouse: the server answers a query of its own and, with table, that replicated table takes
 * writes, has its replicas, is not behind and, with replication_tls, is fetched by TLS alone.
 * system.replicas is asked for the columns that old versions have, too; a wide integer may come as
 * a JSON string. */
#include <string.h>

#include "agent/probes/clickhouse_client.h"
#include "agent/probes/kinds.h"
#include "agent/probes/reading.h"

#define BODY_SIZE 16384

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "table", .type = PARAMETER_TABLE},
    {.name = "replicas", .type = PARAMETER_NUMBER, .min = 1, .max = 64},
    {.name = "max_lag_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "max_queue", .type = PARAMETER_NUMBER, .min = 0, .max = UINT32_MAX},
    {.name = "replication_tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
    {.name = "replication_ca", .type = PARAMETER_PATH},
};

enum err clickhouse_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    const char *table = arguments_get(arguments, "table");
    if (err == ERR_OK && table != NULL && strchr(table, '.') == NULL) {
        text_say(reterr, "argument table: expected database.table");
        return ERR_CONFIG;
    }
    if (err == ERR_OK && table == NULL && arguments_get(arguments, "replication_tls") != NULL) {
        text_say(reterr, "argument replication_tls: needs a table, whose replicas are asked");
        return ERR_CONFIG;
    }
    return err;
}

/* PARAMETER_TABLE lets nothing through that would need quoting. */
static bool query_make(const struct arguments *arguments, char *ret_query, size_t query_size) {
    const char *table = arguments_get(arguments, "table");
    if (table == NULL) {
        return text_copy(ret_query, query_size, "SELECT version() AS version FORMAT JSONEachRow");
    }
    const char *dot = strchr(table, '.');
    return text_format(ret_query, query_size,
                       "SELECT is_readonly, is_session_expired, queue_size, absolute_delay, "
                       "total_replicas, active_replicas%s FROM system.replicas WHERE database = "
                       "'%.*s' AND table = '%s' FORMAT JSONEachRow",
                       arguments_get(arguments, "replication_tls") != NULL ? ", zookeeper_path"
                                                                           : "",
                       (int)(dot - table), table, dot + 1);
}

static struct reading judge(const struct arguments *arguments, const struct clickhouse_view *view) {
    uint64_t expected_n = parameter_number(arguments, "replicas", (uint64_t)view->total_n);
    uint64_t limit_ms = parameter_number(arguments, "max_lag_ms", 300000);
    struct reading reading;
    if (view->is_readonly || view->session_expired) {
        /* Without its keeper the server says 0 replicas: that is not their number. */
        reading = reading_judged(false, "read-only%s",
                                 view->session_expired ? ", the keeper's session has expired" : "");
        reading.value = -1;
        return reading;
    }
    reading = reading_judged(true, "%lld/%llu replicas, %lld s behind, %lld queued",
                             (long long)view->active_n, (unsigned long long)expected_n,
                             (long long)view->delay_s, (long long)view->queue_n);
    if (view->active_n < (int64_t)expected_n || view->delay_s * 1000 > (int64_t)limit_ms ||
        view->queue_n > (int64_t)parameter_number(arguments, "max_queue", UINT32_MAX)) {
        reading_warn(&reading);
    }
    reading.value = view->delay_s * 1000;
    return reading;
}

static struct reading read_body(const struct probe_input *input, const char *body, size_t body_n) {
    const char *table = arguments_get(input->arguments, "table");
    struct clickhouse_view view;
    char version[32];
    if (table == NULL) {
        return clickhouse_version_parse(body, body_n, version, sizeof version) == ERR_OK
                   ? reading_judged(true, "version %s", version)
                   : reading_failed(ERR_FORMAT, "not ClickHouse's answer");
    }
    if (body_n == 0) {
        return reading_judged(false, "%.60s is not a replicated table here", table);
    }
    if (clickhouse_parse(body, body_n, &view) != ERR_OK) {
        return reading_failed(ERR_FORMAT, "not a row of system.replicas");
    }
    struct reading reading = judge(input->arguments, &view);
    if (reading.good && arguments_get(input->arguments, "replication_tls") != NULL) {
        clickhouse_tls_judge(input, view.keeper_path, &reading);
    }
    return reading;
}

struct reading clickhouse_run(const struct probe_input *input) {
    char query[512], body[BODY_SIZE];
    struct http_sync_answer answer;
    struct reading reading;
    if (!query_make(input->arguments, query, sizeof query)) {
        return reading_failed(ERR_CONFIG, "argument table is too long");
    }
    if (clickhouse_ask(input, NULL, query, body, sizeof body, &answer, &reading)) {
        reading = read_body(input, body, answer.answer_n);
        reading.latency_ms = answer.took_ms;
    }
    return reading;
}
