/* clickhouse_canary: the writing end inserts the next number, the reading end looks for the
 * highest. ClickHouse has no primary: which end this is, is declared (end = write|read), or
 * follows the lease (auto: the region that holds the open epoch writes). The table is of the
 * family ReplacingMergeTree(n) ORDER BY name, so that merges leave one row a name; docs/adding-
 * a-probe.md. */
#include <string.h>

#include "agent/probes/canary.h"
#include "agent/probes/clickhouse_client.h"
#include "agent/probes/kinds.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

#define TARGET_LAG_MS 300000
#define BODY_SIZE 4096

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "table", .type = PARAMETER_TABLE, .needed = true},
    {.name = "name", .type = PARAMETER_NAME},
    {.name = "end", .type = PARAMETER_CHOICE, .choices = "|auto|write|read|"},
    {.name = "max_age_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
};

enum err clickhouse_canary_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

struct reading clickhouse_canary_run(const struct probe_input *input) {
    char query[512], body[BODY_SIZE];
    struct reading reading;
    struct canary canary;
    struct http_sync_answer answer;
    const char *table = arguments_get(input->arguments, "table");
    const char *name = parameter_text(input->arguments, "name", "drover");
    const char *end = parameter_text(input->arguments, "end", "auto");
    bool writes = text_equal(end, "write") || (text_equal(end, "auto") && input->active);
    /* A name is letters, digits, '.', '_' and '-' (PARAMETER_NAME), a table needs no quoting. */
    (void)text_format(query, sizeof query,
                      "SELECT max(n) AS n, max(at) AS at FROM %s WHERE name = '%s' "
                      "FORMAT JSONEachRow",
                      table, name);
    if (!clickhouse_ask(input, NULL, query, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    if (clickhouse_canary_parse(body, answer.answer_n, &canary.number, &canary.wall_ms) != ERR_OK) {
        return reading_failed(ERR_FORMAT, "not a canary's row");
    }
    if (!writes) {
        return canary.number == 0 ? canary_missing(STORE_UNKNOWN)
                                  : canary_found(input, &canary, STORE_UNKNOWN, TARGET_LAG_MS);
    }
    canary.number++;
    canary.wall_ms = canary_now_ms(input);
    (void)text_format(query, sizeof query, "INSERT INTO %s (name, n, at) VALUES ('%s', %lld, %lld)",
                      table, name, (long long)canary.number, (long long)canary.wall_ms);
    if (!clickhouse_ask(input, "POST", query, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    return canary_written(&canary, STORE_UNKNOWN);
}
