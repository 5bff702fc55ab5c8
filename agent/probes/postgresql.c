/* postgresql: role, positions, a write that is really committed, slots that hold WAL back, an
 * archiver that fails, and a standby's past. The role comes from the server itself: what Patroni's
 * REST says of it can be ahead of the truth. */
#include "agent/probes/canary.h"
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "database", .type = PARAMETER_TEXT},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "sslmode",
     .type = PARAMETER_CHOICE,
     .choices = "|disable|prefer|require|verify-ca|verify-full|"},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "expect_role", .type = PARAMETER_CHOICE, .choices = "|primary|standby|any|"},
    {.name = "table", .type = PARAMETER_TABLE},
    {.name = "max_slot_lag", .type = PARAMETER_NUMBER, .min = 1, .max = INT64_MAX},
    {.name = "archiver", .type = PARAMETER_FLAG},
    {.name = "rewind", .type = PARAMETER_FLAG},
    {.name = "slot", .type = PARAMETER_TEXT},
    {.name = "min_wal_keep", .type = PARAMETER_NUMBER, .min = 1, .max = INT64_MAX},
    {.name = "past", .type = PARAMETER_ADDRESS},
};

enum err postgresql_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

/* One committed row proves that writes are accepted; ON CONFLICT keeps it at one row. The time in
 * it serves pg_replication on the other side as a heartbeat. */
static enum err write_try(const struct probe_input *input, struct pg_client *client,
                          struct reading *reading, char *ret_state, size_t state_size,
                          struct text256 *reterr) {
    char sql[VALUE_SIZE + 160];
    struct pg_rows rows;
    (void)text_format(sql, sizeof sql,
                      "INSERT INTO %s (id, at) VALUES ('drover', to_timestamp(%lld / 1000.0))"
                      " ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                      arguments_get(input->arguments, "table"), (long long)canary_now_ms(input));
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    if (err != ERR_OK) {
        return err;
    }
    reading->writable = rows.sqlstate[0] == '\0';
    (void)text_copy(ret_state, state_size, rows.sqlstate);
    return ERR_OK;
}

/* Slots behind by more than the limit, or lost: they fill the disk, or their standby has to be
 * rebuilt. True when `note` was written. */
static enum err slots_look(struct pg_client *client, int64_t limit, char *note, size_t note_size,
                           struct text256 *reterr) {
    static const char sql[] =
        "SELECT slot_name, coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
        " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)::bigint,"
        " wal_status FROM pg_replication_slots ORDER BY 2 DESC LIMIT 16";
    struct pg_rows rows;
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    if (err != ERR_OK || rows.sqlstate[0] != '\0') {
        return err;
    }
    for (unsigned i = 0; i < rows.rows_n; i++) {
        const char *name = pg_rows_text(&rows, i, 0);
        const char *status = pg_rows_text(&rows, i, 2);
        int64_t behind = 0;
        (void)pg_rows_number(&rows, i, 1, &behind);
        if (status != NULL && text_equal(status, "lost")) {
            (void)text_format(note, note_size, ", slot %.30s lost", name != NULL ? name : "?");
            return ERR_OK;
        }
        if (behind > limit && note[0] == '\0') {
            (void)text_format(note, note_size, ", slot %.30s %lld bytes behind",
                              name != NULL ? name : "?", (long long)behind);
        }
    }
    return ERR_OK;
}

static enum err archiver_look(struct pg_client *client, char *note, size_t note_size,
                              struct text256 *reterr) {
    static const char sql[] =
        "SELECT failed_count, coalesce(last_failed_time > coalesce(last_archived_time,"
        " '-infinity'), false) FROM pg_stat_archiver";
    struct pg_rows rows;
    int64_t failed_n = 0;
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    if (err == ERR_OK && rows.sqlstate[0] == '\0' && pg_rows_true(&rows, 0, 1) &&
        pg_rows_number(&rows, 0, 0, &failed_n)) {
        (void)text_format(note, note_size, ", archiving fails (%lld times)", (long long)failed_n);
    }
    return err;
}

/* Role and write probe against what is expected. A region without the open epoch is not written to,
 * whatever its server calls itself. */
static bool role_good(const struct probe_input *input, const struct reading *reading) {
    enum store_role expected = probe_expect_role(input->arguments);
    bool asked = arguments_get(input->arguments, "table") != NULL && input->active;
    if (expected != STORE_UNKNOWN && reading->role != expected) {
        return false;
    }
    return reading->role != STORE_PRIMARY || !asked || reading->writable;
}

static struct reading look(const struct probe_input *input, struct pg_client *client) {
    const struct arguments *arguments = input->arguments;
    const char *table = arguments_get(arguments, "table");
    struct reading seen = {.err = ERR_OK};
    struct text256 why = {""};
    char state[6] = "";
    char slots[64] = "";
    char archiver[48] = "";
    char returns[72] = "";
    char past[100] = "";
    enum pg_past kin = PG_PAST_SAME;
    enum err err = pg_role_ask(client, &seen, &why);
    if (err == ERR_OK && table != NULL && input->active && seen.role == STORE_PRIMARY) {
        err = write_try(input, client, &seen, state, sizeof state, &why);
    }
    if (err == ERR_OK && arguments_get(arguments, "max_slot_lag") != NULL) {
        int64_t limit = (int64_t)parameter_number(arguments, "max_slot_lag", INT64_MAX);
        err = slots_look(client, limit, slots, sizeof slots, &why);
    }
    if (err == ERR_OK && parameter_flag(arguments, "archiver", false)) {
        err = archiver_look(client, archiver, sizeof archiver, &why);
    }
    if (err == ERR_OK) {
        err = pg_return_look(client, arguments, returns, sizeof returns, &why);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    if (seen.role == STORE_STANDBY && arguments_get(arguments, "past") != NULL) {
        kin = pg_past_look(input, client, past, sizeof past);
    }
    const char *expected = parameter_text(arguments, "expect_role", "any");
    bool good = role_good(input, &seen) && returns[0] == '\0' && kin != PG_PAST_DIVERGED;
    bool surprising =
        probe_expect_role(arguments) != STORE_UNKNOWN && probe_expect_role(arguments) != seen.role;
    struct reading reading = reading_judged(
        good, "%s%s%s%s%s%s%s%s%s", probe_role_text(seen.role), surprising ? ", expected " : "",
        surprising ? expected : "",
        seen.writable      ? ", writable"
        : state[0] != '\0' ? ", write refused: "
                           : "",
        state[0] != '\0' ? pg_state_text(state) : "", past, returns, slots, archiver);
    reading.role = seen.role;
    reading.writable = seen.writable;
    reading.positions_n = seen.positions_n;
    reading.positions[0] = seen.positions[0];
    reading.positions[1] = seen.positions[1];
    if (slots[0] != '\0' || archiver[0] != '\0' || kin == PG_PAST_UNKNOWN) {
        reading_warn(&reading);
    }
    return reading;
}

struct reading postgresql_run(const struct probe_input *input) {
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
    reading.value = reading.latency_ms;
    return reading;
}
