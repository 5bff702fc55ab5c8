/* pg_replication: one end of PostgreSQL's streaming replication. Which end is read off the server's
 * own role unless the check insists, so the same check stays right after a failover. A standby that
 * others follow has two ends: the one that sends on is asked for as end=cascade.
 *
 * What can be known where (facts in docs/adding-a-probe.md): the sending end knows the true lag as
 * long as it lives; the receiving end knows what it has, and how long it has heard nothing. That
 * everything received was replayed says nothing of what was lost: positions reported by both ends
 * and remembered elsewhere do. */
#include <string.h>

#include "agent/probes/canary.h"
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

/* An idle sender is heard every half wal_receiver_timeout (30 s by default) at the latest. */
#define SILENCE_MS_MAX 45000
/* A longer address of the sender is not told: half of one names nobody. */
#define SENDER_LENGTH_MAX 40

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "database", .type = PARAMETER_TEXT},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "sslmode",
     .type = PARAMETER_CHOICE,
     .choices = "|disable|prefer|require|verify-ca|verify-full|"},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "end", .type = PARAMETER_CHOICE, .choices = "|auto|primary|standby|cascade|"},
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

/* Of what is sent: the standby that has most, and of the connections (a base backup's too, but not
 * one that stays on the machine) the one with the oldest TLS. One query, so that both are of one
 * moment. replay_lag is NULL when nothing was written for a while: then nothing is owed. */
static const char sender_sql[] =
    "WITH own AS (SELECT CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(),"
    " pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END AS lsn),"
    " sent AS (SELECT r.*, s.version, s.cipher, CASE s.version WHEN 'TLSv1.3' THEN 3"
    " WHEN 'TLSv1.2' THEN 2 WHEN 'TLSv1.1' THEN 1 WHEN 'TLSv1' THEN 1 ELSE 0 END AS grade"
    " FROM pg_stat_replication r LEFT JOIN pg_stat_ssl s USING (pid)"
    " WHERE $1 = '' OR r.application_name = $1),"
    " worst AS (SELECT application_name, version, cipher, count(*) OVER () AS n FROM sent"
    " WHERE client_addr IS NOT NULL ORDER BY grade, application_name LIMIT 1)"
    " SELECT t.state, t.sync_state, pg_wal_lsn_diff(own.lsn, t.replay_lsn)::bigint,"
    " CASE WHEN t.replay_lsn >= own.lsn THEN 0"
    " ELSE (extract(epoch FROM t.replay_lag) * 1000)::bigint END,"
    " CASE WHEN w.n IS NULL THEN 'local' ELSE coalesce(w.version, 'no TLS') END,"
    " coalesce(w.cipher, ''), coalesce(w.application_name, ''), coalesce(w.n, 0)"
    " FROM sent t CROSS JOIN own LEFT JOIN worst w ON true"
    " WHERE t.state IS DISTINCT FROM 'backup'"
    " ORDER BY t.replay_lsn DESC NULLS LAST LIMIT 1";

static void tls_say(const struct arguments *arguments, const struct pg_rows *rows, bool fits,
                    char *ret_text, size_t text_size) {
    const char *version = pg_rows_text(rows, 0, 4), *cipher = pg_rows_text(rows, 0, 5);
    const char *name = pg_rows_text(rows, 0, 6), *n = pg_rows_text(rows, 0, 7);
    if (fits) {
        (void)text_format(ret_text, text_size, "%.8s%s%.32s", version, cipher[0] != '\0' ? " " : "",
                          cipher);
        return;
    }
    (void)text_format(ret_text, text_size, "%.8s to %.24s (of %.4s), %.4s wanted", version, name, n,
                      parameter_text(arguments, "tls", "any"));
}

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
    char secured[80];
    int64_t lag_bytes = 0;
    int64_t lag_ms = 0;
    if (state == NULL || sync == NULL || tls == NULL) {
        return reading_failed(ERR_DENIED, "pg_stat_replication is hidden: grant pg_monitor");
    }
    bool bytes_known = pg_rows_number(rows, 0, 2, &lag_bytes);
    bool lag_known = pg_rows_number(rows, 0, 3, &lag_ms);
    bool streaming = text_equal(state, "streaming");
    bool tls_good = text_equal(tls, "local") || tls_fits(arguments, tls);
    tls_say(arguments, rows, tls_good, secured, sizeof secured);
    struct reading reading = reading_judged(
        streaming && tls_good, "%.12s %.8s, %lld bytes behind%s, %s", state, sync,
        bytes_known ? (long long)lag_bytes : -1LL, lag_known ? "" : ", time unknown", secured);
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

/* The receiver's state and silence, how old the last replayed transaction is when something
 * received is still to be replayed, what TLS it insists on (which one it got, the sender knows),
 * and whom it follows: the member draws the tree by that (coordinator/status_tree.c). */
static const char receiver_sql[] =
    "SELECT w.status, (extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) * 1000)"
    "::bigint, CASE WHEN pg_last_wal_replay_lsn() >= coalesce(pg_last_wal_receive_lsn(),"
    " pg_last_wal_replay_lsn()) THEN 0 ELSE (extract(epoch FROM clock_timestamp() -"
    " pg_last_xact_replay_timestamp()) * 1000)::bigint END, pg_is_wal_replay_paused(),"
    " substring(w.conninfo FROM '(?:^| )sslmode=([a-z-]+)'),"
    " substring(w.conninfo FROM '(?:^| )ssl_min_protocol_version=([A-Za-z0-9.]+)'),"
    " CASE WHEN w.sender_host LIKE '%:%' THEN '[' || w.sender_host || ']' ELSE w.sender_host END"
    " || ':' || w.sender_port,"
    " (extract(epoch FROM w.last_msg_receipt_time - w.last_msg_send_time) * 1000)::bigint,"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    " FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver w ON true";

struct receiver_view {
    const char *status; /* NULL: no receiver runs */
    const char *sslmode, *tls_least;
    const char *sender; /* "host:port"; NULL: not told */
    bool silence_known, apply_known, heartbeat_known;
    int64_t silence_ms, apply_ms, heartbeat_ms;
    bool paused;
    int64_t apart_ms; /* this clock ahead of that one, where a lag would be wrong by it; else 0 */
    bool corrected;   /* and the lag is right all the same */
};

/* A row that the other side writes each second makes time lag honest. Its stamp and its age are of
 * the members' time, where both agents know it. */
static enum err heartbeat_look(const struct probe_input *input, struct pg_client *client,
                               const char *table, struct receiver_view *view,
                               struct text256 *reterr) {
    char sql[VALUE_SIZE + 96];
    struct pg_rows rows;
    int64_t at_ms = 0;
    (void)text_format(sql, sizeof sql,
                      "SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM %s", table);
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    view->heartbeat_known = err == ERR_OK && pg_rows_number(&rows, 0, 0, &at_ms);
    if (view->heartbeat_known && !canary_age(input, at_ms, &view->heartbeat_ms)) {
        view->apart_ms = view->heartbeat_ms;
        view->heartbeat_ms = -1;
    }
    return err;
}

/* What is to be replayed was committed by the other server's clock. The last message's two times
 * tell this clock's lead of that one, and the message's way. A negative lead is the clocks' alone.
 * A positive one may be WAL that waited on its way, unless the members say that this very clock is
 * ahead by as much: else the lag as it is read is the most it can be. */
static void clocks_compare(const struct probe_input *input, const struct pg_rows *rows,
                           struct receiver_view *view) {
    int64_t lead_ms = 0, here_ms = 0;
    if (!view->apply_known || view->apply_ms == 0 || !pg_rows_number(rows, 0, 7, &lead_ms) ||
        (lead_ms <= CANARY_AHEAD_MS && lead_ms >= -CANARY_AHEAD_MS)) {
        return;
    }
    bool here_known = input->members_time_known && pg_rows_number(rows, 0, 8, &here_ms);
    int64_t beyond_ms = here_ms - canary_now_ms(input) - lead_ms;
    view->apart_ms = lead_ms;
    view->corrected = lead_ms < 0 ||
                      (here_known && beyond_ms <= CANARY_AHEAD_MS && beyond_ms >= -CANARY_AHEAD_MS);
    if (view->corrected) {
        view->apply_ms = view->apply_ms > lead_ms ? view->apply_ms - lead_ms : 0;
    }
}

/* "", or what the receiver's connection lacks of the TLS that is wanted. *ret_good: it may still
 * have it. */
static const char *receiver_tls(const struct arguments *arguments, const struct receiver_view *view,
                                bool *ret_good) {
    const char *mode = view->sslmode != NULL ? view->sslmode : "prefer";
    const char *least = view->tls_least != NULL ? view->tls_least : "TLSv1.2";
    *ret_good = true;
    if (text_equal(parameter_text(arguments, "tls", "any"), "any")) {
        return "";
    }
    if (text_equal(mode, "disable")) {
        *ret_good = false;
        return ", no TLS (sslmode=disable)";
    }
    if (!text_equal(mode, "require") && !text_starts(mode, "verify-")) {
        return ", TLS not insisted on (sslmode)";
    }
    return tls_fits(arguments, least) ? "" : ", older TLS accepted (ssl_min_protocol_version)";
}

/* "streaming from HOST:PORT, ..": what is wrong with it comes before how fresh it is, for the room
 * is small. */
static struct reading receiver_streams(const struct receiver_view *view, int64_t lag_ms,
                                       const char *tls_lack, bool tls_good) {
    char heard[40] = "";
    if (view->apart_ms != 0) {
        (void)text_format(
            heard, sizeof heard, "%s clock off by %lld s",
            view->corrected ? "," : ", not believed:", (long long)-view->apart_ms / 1000);
    } else if (tls_lack[0] == '\0') {
        (void)text_format(heard, sizeof heard, ", heard %lld ms ago", (long long)view->silence_ms);
    }
    bool told = view->sender != NULL && strlen(view->sender) <= SENDER_LENGTH_MAX;
    return reading_judged(tls_good, "streaming%s%s, %s %lld ms%s%s%s", told ? " from " : "",
                          told ? view->sender : "",
                          view->heartbeat_known ? "heartbeat" : "to replay", (long long)lag_ms,
                          view->paused ? ", paused" : "", heard, tls_lack);
}

static struct reading receiver_judge(const struct arguments *arguments,
                                     const struct receiver_view *view) {
    int64_t limit_ms = (int64_t)parameter_number(arguments, "max_lag_ms", 60000);
    bool streaming = view->status != NULL && text_equal(view->status, "streaming");
    int64_t lag_ms = view->heartbeat_known ? view->heartbeat_ms
                     : view->apply_known   ? view->apply_ms
                                           : -1;
    bool tls_good = true;
    const char *tls_lack = receiver_tls(arguments, view, &tls_good);
    struct reading reading;
    if (!streaming) {
        reading = reading_judged(false, "receiver %.16s",
                                 view->status != NULL ? view->status : "not running");
    } else if (view->silence_known && view->silence_ms > SILENCE_MS_MAX) {
        reading = reading_judged(false, "streaming, but nothing heard for %lld ms",
                                 (long long)view->silence_ms);
    } else {
        reading = receiver_streams(view, lag_ms, tls_lack, tls_good);
    }
    reading.value = lag_ms;
    bool believed = view->apart_ms == 0 || view->corrected;
    if (lag_ms > limit_ms || view->paused || tls_lack[0] != '\0' || !believed) {
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
    if (err == ERR_OK) {
        view.apply_known = pg_rows_number(&rows, 0, 2, &view.apply_ms);
        if (table == NULL) {
            clocks_compare(input, &rows, &view);
        } else {
            err = heartbeat_look(input, client, table, &view, &why);
        }
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    view.status = pg_rows_text(&rows, 0, 0);
    view.silence_known = pg_rows_number(&rows, 0, 1, &view.silence_ms);
    view.paused = pg_rows_true(&rows, 0, 3);
    view.sslmode = pg_rows_text(&rows, 0, 4);
    view.tls_least = pg_rows_text(&rows, 0, 5);
    view.sender = pg_rows_text(&rows, 0, 6);
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
    bool cascade = text_equal(end, "cascade");
    const char *role = cascade ? "standby" : end;
    if (!text_equal(end, "auto") && !text_equal(role, probe_role_text(seen.role))) {
        reading =
            reading_judged(false, "%s, expected the %.8s end", probe_role_text(seen.role), end);
    } else {
        reading = cascade || seen.role == STORE_PRIMARY ? sender_look(input, client)
                                                        : receiver_look(input, client);
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
