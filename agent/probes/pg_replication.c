/* pg_replication: one end of PostgreSQL's streaming replication. Which end is read off the server's
 * own role unless the check insists, so the same check stays right after a failover.
 *
 * What can be known where (facts in docs/adding-a-probe.md): the sending end knows the true lag as
 * long as it lives; the receiving end knows what it has, and how long it has heard nothing. That
 * everything received was replayed says nothing of what was lost: positions reported by both ends
 * and remembered elsewhere do. */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

/* An idle sender is heard every half wal_receiver_timeout (30 s by default) at the latest. */
#define SILENCE_MS_MAX 45000

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "database", .type = PARAMETER_TEXT},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "sslmode",
     .type = PARAMETER_CHOICE,
     .choices = "|disable|prefer|require|verify-ca|verify-full|"},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "end", .type = PARAMETER_CHOICE, .choices = "|auto|primary|standby|"},
    {.name = "standby", .type = PARAMETER_TEXT},
    {.name = "max_lag_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "table", .type = PARAMETER_TABLE},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|any|1.2|1.3|"},
};

enum err pg_replication_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

/* "TLSv1.3" against the least version wanted. */
static bool tls_fits(const struct arguments *arguments, const char *version) {
    const char *wanted = parameter_text(arguments, "tls", "any");
    if (text_equal(wanted, "any")) {
        return true;
    }
    return text_equal(version, "TLSv1.3") ||
           (text_equal(wanted, "1.2") && text_equal(version, "TLSv1.2"));
}

/* replay_lag is NULL when nothing was written for a while: then nothing is owed. */
static const char sender_sql[] =
    "SELECT r.state, r.sync_state, pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::bigint,"
    " CASE WHEN r.replay_lsn >= pg_current_wal_lsn() THEN 0"
    " ELSE (extract(epoch FROM r.replay_lag) * 1000)::bigint END,"
    " coalesce(s.version, 'no TLS'), r.application_name"
    " FROM pg_stat_replication r LEFT JOIN pg_stat_ssl s USING (pid)"
    " WHERE ($1 = '' OR r.application_name = $1) AND r.state IS DISTINCT FROM 'backup'"
    " ORDER BY r.replay_lsn DESC NULLS LAST LIMIT 1";

static struct reading sender_judge(const struct arguments *arguments, const struct pg_rows *rows) {
    const char *wanted = parameter_text(arguments, "standby", "");
    if (rows->sqlstate[0] != '\0') {
        return reading_failed(ERR_FAILED, "pg_stat_replication: %s", pg_state_text(rows->sqlstate));
    }
    if (rows->rows_n == 0) {
        return reading_judged(false, "no standby %.40s is connected", wanted);
    }
    const char *state = pg_rows_text(rows, 0, 0);
    const char *sync = pg_rows_text(rows, 0, 1);
    const char *tls = pg_rows_text(rows, 0, 4);
    int64_t lag_bytes = 0;
    int64_t lag_ms = 0;
    if (state == NULL || sync == NULL || tls == NULL) {
        return reading_failed(ERR_DENIED, "pg_stat_replication is hidden: grant pg_monitor");
    }
    bool bytes_known = pg_rows_number(rows, 0, 2, &lag_bytes);
    bool lag_known = pg_rows_number(rows, 0, 3, &lag_ms);
    bool streaming = text_equal(state, "streaming");
    bool tls_good = tls_fits(arguments, tls);
    struct reading reading =
        reading_judged(streaming && tls_good, "%.12s %.8s, %lld bytes behind%s, %.8s%s", state,
                       sync, bytes_known ? (long long)lag_bytes : -1LL,
                       lag_known ? "" : ", time unknown", tls, tls_good ? "" : ": too old");
    reading.value = lag_known ? lag_ms : -1;
    if (lag_known && lag_ms > (int64_t)parameter_number(arguments, "max_lag_ms", 60000)) {
        reading_warn(&reading);
    }
    return reading;
}

static struct reading sender_look(const struct probe_input *input, struct pg_client *client) {
    struct pg_rows rows;
    struct text256 why = {""};
    enum err err =
        pg_ask(client, sender_sql, parameter_text(input->arguments, "standby", ""), &rows, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    return sender_judge(input->arguments, &rows);
}

/* The receiver's state and silence, and how old the last replayed transaction is when something
 * received is still to be replayed. */
static const char receiver_sql[] =
    "SELECT w.status, (extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) * 1000)"
    "::bigint, CASE WHEN pg_last_wal_replay_lsn() >= coalesce(pg_last_wal_receive_lsn(),"
    " pg_last_wal_replay_lsn()) THEN 0 ELSE (extract(epoch FROM clock_timestamp() -"
    " pg_last_xact_replay_timestamp()) * 1000)::bigint END, pg_is_wal_replay_paused()"
    " FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver w ON true";

/* A row that the other side writes each second makes time lag honest. It compares two machines'
 * clocks. */
static enum err heartbeat_look(struct pg_client *client, const char *table, bool *ret_known,
                               int64_t *ret_lag_ms, struct text256 *reterr) {
    char sql[VALUE_SIZE + 96];
    struct pg_rows rows;
    (void)text_format(
        sql, sizeof sql,
        "SELECT (extract(epoch FROM clock_timestamp() - max(at)) * 1000)::bigint FROM %s", table);
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    *ret_known = err == ERR_OK && pg_rows_number(&rows, 0, 0, ret_lag_ms);
    return err;
}

struct receiver_view {
    const char *status; /* NULL: no receiver runs */
    bool silence_known, apply_known, heartbeat_known;
    int64_t silence_ms, apply_ms, heartbeat_ms;
    bool paused;
};

static struct reading receiver_judge(const struct arguments *arguments,
                                     const struct receiver_view *view) {
    int64_t limit_ms = (int64_t)parameter_number(arguments, "max_lag_ms", 60000);
    bool streaming = view->status != NULL && text_equal(view->status, "streaming");
    int64_t lag_ms = view->heartbeat_known ? view->heartbeat_ms
                     : view->apply_known   ? view->apply_ms
                                           : -1;
    struct reading reading;
    if (!streaming) {
        reading = reading_judged(false, "receiver %.16s",
                                 view->status != NULL ? view->status : "not running");
    } else if (view->silence_known && view->silence_ms > SILENCE_MS_MAX) {
        reading = reading_judged(false, "streaming, but nothing heard for %lld ms",
                                 (long long)view->silence_ms);
    } else {
        reading =
            reading_judged(true, "streaming, %s %lld ms, last heard %lld ms ago%s",
                           view->heartbeat_known ? "heartbeat" : "to replay", (long long)lag_ms,
                           (long long)view->silence_ms, view->paused ? ", replay paused" : "");
    }
    reading.value = lag_ms;
    if (lag_ms > limit_ms || view->paused) {
        reading_warn(&reading);
    }
    return reading;
}

static struct reading receiver_look(const struct probe_input *input, struct pg_client *client) {
    const char *table = arguments_get(input->arguments, "table");
    struct pg_rows rows;
    struct text256 why = {""};
    struct receiver_view view = {.status = NULL};
    enum err err = pg_ask(client, receiver_sql, NULL, &rows, &why);
    if (err == ERR_OK && rows.sqlstate[0] != '\0') {
        return reading_failed(ERR_FAILED, "pg_stat_wal_receiver: %s", pg_state_text(rows.sqlstate));
    }
    if (err == ERR_OK && table != NULL) {
        err = heartbeat_look(client, table, &view.heartbeat_known, &view.heartbeat_ms, &why);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    view.status = pg_rows_text(&rows, 0, 0);
    view.silence_known = pg_rows_number(&rows, 0, 1, &view.silence_ms);
    view.apply_known = pg_rows_number(&rows, 0, 2, &view.apply_ms);
    view.paused = pg_rows_true(&rows, 0, 3);
    if (table != NULL && !view.heartbeat_known) {
        return reading_judged(false, "no heartbeat row in %.60s", table);
    }
    return receiver_judge(input->arguments, &view);
}

static struct reading look(const struct probe_input *input, struct pg_client *client) {
    const char *end = parameter_text(input->arguments, "end", "auto");
    struct reading seen = {.err = ERR_OK};
    struct text256 why = {""};
    enum err err = pg_role_ask(client, &seen, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    struct reading reading;
    if (!text_equal(end, "auto") && !text_equal(end, probe_role_text(seen.role))) {
        reading =
            reading_judged(false, "%s, expected the %.8s end", probe_role_text(seen.role), end);
    } else {
        reading =
            seen.role == STORE_PRIMARY ? sender_look(input, client) : receiver_look(input, client);
    }
    reading.role = seen.role;
    if (reading.err == ERR_OK) {
        reading.positions_n = seen.positions_n;
        reading.positions[0] = seen.positions[0];
        reading.positions[1] = seen.positions[1];
    }
    return reading;
}

struct reading pg_replication_run(const struct probe_input *input) {
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
