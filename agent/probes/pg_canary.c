/* pg_canary: on the active region's primary the next number is committed; elsewhere the last one is
 * read. The server's own word says which it is; a primary of a region without the open epoch is
 * never written to: nobody may. */
#include "agent/probes/canary.h"
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

#define TARGET_LAG_MS 60000 /* "< 1 min", SEED-19 */

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "database", .type = PARAMETER_TEXT},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "sslmode",
     .type = PARAMETER_CHOICE,
     .choices = "|disable|prefer|require|verify-ca|verify-full|"},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "table", .type = PARAMETER_TABLE, .needed = true},
    {.name = "name", .type = PARAMETER_NAME},
    {.name = "max_age_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
};

enum err pg_canary_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

#define NUMBER_AND_TIME "n, (extract(epoch FROM at) * 1000)::bigint"

static enum err ask(const struct probe_input *input, struct pg_client *client, bool write,
                    struct pg_rows *ret_rows, struct text256 *reterr) {
    char sql[VALUE_SIZE * 2 + 240];
    const char *table = arguments_get(input->arguments, "table");
    const char *name = parameter_text(input->arguments, "name", "drover");
    if (write) {
        (void)text_format(
            sql, sizeof sql,
            "INSERT INTO %s AS t (name, n, at) VALUES ($1, 1, to_timestamp(%lld / 1000.0))"
            " ON CONFLICT (name) DO UPDATE SET n = t.n + 1, at = excluded.at"
            " RETURNING " NUMBER_AND_TIME,
            table, (long long)canary_now_ms(input));
    } else {
        (void)text_format(sql, sizeof sql, "SELECT " NUMBER_AND_TIME " FROM %s WHERE name = $1",
                          table);
    }
    return pg_ask(client, sql, name, ret_rows, reterr);
}

static struct reading look(const struct probe_input *input, struct pg_client *client) {
    struct reading seen = {.err = ERR_OK};
    struct text256 why = {""};
    struct pg_rows rows;
    struct canary canary;
    enum err err = pg_role_ask(client, &seen, &why);
    bool writes = seen.role == STORE_PRIMARY && input->active;
    if (err == ERR_OK) {
        err = ask(input, client, writes, &rows, &why);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    if (rows.sqlstate[0] != '\0') {
        struct reading refused = reading_judged(false, "%s refused: %s", writes ? "write" : "read",
                                                pg_state_text(rows.sqlstate));
        refused.role = seen.role;
        refused.value = -1;
        return refused;
    }
    if (rows.rows_n == 0) {
        return canary_missing(seen.role);
    }
    if (!pg_rows_number(&rows, 0, 0, &canary.number) ||
        !pg_rows_number(&rows, 0, 1, &canary.wall_ms) || canary.number < 0) {
        return reading_failed(ERR_FORMAT, "not a canary's row");
    }
    return writes ? canary_written(&canary, seen.role)
                  : canary_found(input, &canary, seen.role, TARGET_LAG_MS);
}

struct reading pg_canary_run(const struct probe_input *input) {
    struct pg_client client;
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    enum err err = pg_open(input, &client, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    struct reading reading = look(input, &client);
    pg_close(&client);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
