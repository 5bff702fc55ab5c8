#include "agent/probes/pg_client.h"

#include <libpq-fe.h>
#include <string.h>

#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/base/ensure.h"
#include "common/io/net.h"

/* Words of libpq itself, and of the C library in it; ours is never asked to translate. */
static enum err message_err(const char *message) {
    static const struct {
        const char *part;
        enum err err;
    } known[] = {
        {"no password supplied", ERR_AUTH},
        {"certificate verify failed", ERR_AUTH},
        {"does not match host name", ERR_AUTH},
        {"Connection refused", ERR_REFUSED},
        {"Connection reset", ERR_CLOSED},
        {"does not support SSL", ERR_UNSUPPORTED},
        {"unsupported protocol", ERR_UNSUPPORTED},
        {"protocol version", ERR_UNSUPPORTED},
        {"invalid response to SSL", ERR_FORMAT},
        {"expected authentication", ERR_FORMAT},
        {"lost synchronization", ERR_FORMAT},
        {"message contents", ERR_FORMAT},
        {"insufficient data", ERR_FORMAT},
        {"closed the connection", ERR_CLOSED},
        {"unexpected eof", ERR_CLOSED},
        {"timed out", ERR_TIMEOUT},
        {"could not read root certificate", ERR_CONFIG},
        {"root certificate file", ERR_CONFIG},
        {"No route", ERR_UNREACHABLE},
        {"unreachable", ERR_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(message, known[i].part) != NULL) {
            return known[i].err;
        }
    }
    return ERR_FAILED;
}

static enum err state_err(const char *sqlstate) {
    if (text_starts(sqlstate, "28")) {
        return ERR_AUTH;
    }
    /* 57P: starting up, shutting down, in recovery without hot standby. 53: no connection left. */
    if (text_starts(sqlstate, "57P") || text_starts(sqlstate, "53")) {
        return ERR_BUSY;
    }
    return text_equal(sqlstate, "3D000") ? ERR_CONFIG : ERR_FAILED;
}

/* libpq is told to report the server's refusals as "FATAL:  28P01": codes do not depend on the
 * server's language, and such a message holds nothing secret. The last one counts: with sslmode
 * prefer there may be two attempts. */
static bool message_state(const char *message, char ret_sqlstate[6]) {
    bool found = false;
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 3, ":  ")) {
        if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
            (at[8] == '\n' || at[8] == '\0')) {
            memcpy(ret_sqlstate, at + 3, 5);
            ret_sqlstate[5] = '\0';
            found = true;
        }
    }
    return found;
}

static enum err connection_err(PGconn *connection, struct text256 *reterr) {
    const char *message = PQerrorMessage(connection);
    char sqlstate[6];
    if (message_state(message, sqlstate)) {
        text_say(reterr, "%s", pg_state_text(sqlstate));
        return state_err(sqlstate);
    }
    enum err err = message_err(message);
    text_say(reterr, "%s", err_text(err));
    return err;
}

/* Drives libpq's connection until it stands. Each wait ends at the deadline. */
static enum err connection_finish(PGconn *connection, uint64_t deadline_boot_ms,
                                  struct text256 *reterr) {
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED || PQstatus(connection) == CONNECTION_BAD) {
            return connection_err(connection, reterr);
        }
        enum err err =
            net_wait(PQsocket(connection), wanted == PGRES_POLLING_WRITING, deadline_boot_ms);
        if (err != ERR_OK) {
            text_say(reterr, "no answer while connecting");
            return err;
        }
        wanted = PQconnectPoll(connection);
    }
    return ERR_OK;
}

/* For files that libpq would otherwise look for in the home directory. */
static const char absent_file[] = "/dev/null/none";

static PGconn *connection_start(const struct arguments *arguments,
                                const struct net_address *address, const char *numeric,
                                const char *password) {
    char port[8];
    (void)text_format(port, sizeof port, "%u", address->port);
    const char *ca = arguments_get(arguments, "ca");
    /* Everything that could be taken from the environment or a home directory is said here. */
    const char *const names[] = {"host",
                                 "hostaddr",
                                 "port",
                                 "dbname",
                                 "user",
                                 "password",
                                 "passfile",
                                 "sslmode",
                                 "gssencmode",
                                 "sslrootcert",
                                 "sslcert",
                                 "sslcrl",
                                 "application_name",
                                 "client_encoding",
                                 "target_session_attrs",
                                 "options",
                                 NULL};
    const char *const values[] = {address->host,
                                  numeric,
                                  port,
                                  parameter_text(arguments, "database", "postgres"),
                                  parameter_text(arguments, "user", "drover"),
                                  password,
                                  "/dev/null",
                                  parameter_text(arguments, "sslmode", "prefer"),
                                  "disable",
                                  ca != NULL ? ca : absent_file,
                                  absent_file,
                                  absent_file,
                                  "drover",
                                  "UTF8",
                                  "any",
                                  "",
                                  NULL};
    return PQconnectStartParams(names, values, 0);
}

/* libpq would print a server's notices on our standard error. */
static void notice_ignore(void *context, const PGresult *notice) {
    (void)context;
    (void)notice;
}

static enum err server_limit(struct pg_client *client, struct text256 *reterr) {
    char sql[64];
    struct pg_rows rows;
    uint32_t left_ms = probe_left_ms(client->deadline_boot_ms);
    (void)text_format(sql, sizeof sql, "SET statement_timeout = %u", left_ms > 0 ? left_ms : 1);
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    if (err == ERR_OK && rows.sqlstate[0] != '\0') {
        text_say(reterr, "%s", pg_state_text(rows.sqlstate));
        return ERR_FAILED;
    }
    return err;
}

enum err pg_open(const struct probe_input *input, struct pg_client *ret_client,
                 struct text256 *reterr) {
    struct net_address address;
    char numeric[ADDRESS_SIZE];
    char password[SECRET_SIZE];
    bool given = false;
    const char *text = arguments_get(input->arguments, "address");
    ensure(text != NULL);
    enum err err = net_address_parse(text, &address, reterr);
    if (err == ERR_OK) {
        err = net_numeric(&address, input->deadline_boot_ms, numeric, reterr);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = probe_secret(input, "password_ref", password, &given);
    if (err != ERR_OK) {
        text_say(reterr, "the secret of password_ref: %s", err_text(err));
        return err == ERR_NOT_FOUND ? ERR_CONFIG : err;
    }
    PGconn *connection =
        connection_start(input->arguments, &address, numeric, given ? password : "");
    secret_wipe(password);
    if (connection == NULL) {
        return ERR_NO_MEMORY;
    }
    (void)PQsetErrorVerbosity(connection, PQERRORS_SQLSTATE);
    (void)PQsetNoticeReceiver(connection, notice_ignore, NULL);
    struct pg_client client = {.connection = connection,
                               .deadline_boot_ms = input->deadline_boot_ms};
    err = PQstatus(connection) == CONNECTION_BAD
              ? connection_err(connection, reterr)
              : connection_finish(connection, input->deadline_boot_ms, reterr);
    if (err == ERR_OK && PQsetnonblocking(connection, 1) != 0) {
        err = ERR_IO;
    }
    if (err == ERR_OK) {
        err = server_limit(&client, reterr);
    }
    if (err != ERR_OK) {
        pg_close(&client);
        return err;
    }
    *ret_client = client;
    return ERR_OK;
}

void pg_close(struct pg_client *client) {
    /* PQfinish sends a good-bye without waiting: the socket is non-blocking. */
    PQfinish(client->connection);
    client->connection = NULL;
}

static enum err rows_take(const PGresult *result, struct pg_rows *rows) {
    int columns_n = PQnfields(result);
    if (columns_n > PG_COLUMNS_MAX) {
        return ERR_TOO_BIG;
    }
    rows->columns_n = (uint8_t)columns_n;
    for (int row = 0; row < PQntuples(result); row++) {
        if (rows->rows_n == PG_ROWS_MAX) {
            rows->cut = true;
            return ERR_OK;
        }
        for (int column = 0; column < columns_n; column++) {
            if (PQgetisnull(result, row, column)) {
                continue;
            }
            size_t n = strlen(PQgetvalue(result, row, column));
            if (n >= sizeof rows->text - rows->text_n) {
                return ERR_TOO_BIG;
            }
            memcpy(rows->text + rows->text_n, PQgetvalue(result, row, column), n + 1);
            rows->at[rows->rows_n][column] = (uint16_t)(rows->text_n + 1);
            rows->text_n += n + 1;
        }
        rows->rows_n++;
    }
    return ERR_OK;
}

static enum err result_take(PGconn *connection, const PGresult *result, struct pg_rows *rows,
                            struct text256 *reterr) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || status == PGRES_COMMAND_OK) {
        return rows_take(result, rows);
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL || PQstatus(connection) == CONNECTION_BAD) {
        text_say(reterr, "the connection broke");
        return ERR_CLOSED;
    }
    (void)text_copy(rows->sqlstate, sizeof rows->sqlstate, state);
    return ERR_OK;
}

/* Sends what is queued and reads until a whole result is there. */
static enum err result_wait(PGconn *connection, uint64_t deadline_boot_ms) {
    for (;;) {
        int unsent = PQflush(connection);
        if (unsent < 0) {
            return ERR_CLOSED;
        }
        if (unsent == 0 && !PQisBusy(connection)) {
            return ERR_OK;
        }
        enum err err = net_wait(PQsocket(connection), unsent > 0, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        if (!PQconsumeInput(connection)) {
            return ERR_CLOSED;
        }
    }
}

enum err pg_ask(struct pg_client *client, const char *sql, const char *parameter,
                struct pg_rows *ret_rows, struct text256 *reterr) {
    PGconn *connection = client->connection;
    memset(ret_rows, 0, sizeof *ret_rows);
    /* One row at a time, so that a server that never stops sending is never stored. */
    if (!PQsendQueryParams(connection, sql, parameter != NULL ? 1 : 0, NULL,
                           parameter != NULL ? &parameter : NULL, NULL, NULL, 0) ||
        !PQsetSingleRowMode(connection)) {
        text_say(reterr, "the connection broke");
        return ERR_CLOSED;
    }
    for (;;) {
        enum err err = result_wait(connection, client->deadline_boot_ms);
        if (err != ERR_OK) {
            text_say(reterr, err == ERR_TIMEOUT ? "no answer to a query" : "the connection broke");
            return err;
        }
        PGresult *result = PQgetResult(connection);
        if (result == NULL) {
            return ERR_OK;
        }
        err = result_take(connection, result, ret_rows, reterr);
        PQclear(result);
        if (err != ERR_OK || ret_rows->cut) {
            return err;
        }
    }
}

const char *pg_rows_text(const struct pg_rows *rows, unsigned row, unsigned column) {
    if (row >= rows->rows_n || column >= rows->columns_n || rows->at[row][column] == 0) {
        return NULL;
    }
    return rows->text + rows->at[row][column] - 1;
}

bool pg_rows_true(const struct pg_rows *rows, unsigned row, unsigned column) {
    const char *text = pg_rows_text(rows, row, column);
    return text != NULL && text_equal(text, "t");
}

bool pg_rows_number(const struct pg_rows *rows, unsigned row, unsigned column, int64_t *ret_value) {
    const char *text = pg_rows_text(rows, row, column);
    uint64_t value = 0;
    bool negative = text != NULL && text[0] == '-';
    if (text == NULL || !text_to_u64(text + (negative ? 1 : 0), INT64_MAX, &value)) {
        return false;
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool pg_rows_lsn(const struct pg_rows *rows, unsigned row, unsigned column, uint64_t *ret_lsn) {
    const char *text = pg_rows_text(rows, row, column);
    return text != NULL && lsn_parse(text, ret_lsn);
}

const char *pg_state_text(const char *sqlstate) {
    static const struct {
        const char *state, *text;
    } known[] = {
        {"25006", "read-only"},
        {"28P01", "password authentication failed"},
        {"28000", "authentication refused"},
        {"3D000", "no such database"},
        {"42P01", "no such table"},
        {"42501", "permission denied"},
        {"42P10", "the table has no unique column id"},
        {"42703", "no such column"},
        {"53100", "disk full"},
        {"53300", "too many connections"},
        {"55P03", "lock not available"},
        {"57014", "the server gave the statement up at the deadline"},
        {"57P01", "shutting down"},
        {"57P03", "starting up or shutting down"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_equal(known[i].state, sqlstate)) {
            return known[i].text;
        }
    }
    static _Thread_local char code[16];
    (void)text_format(code, sizeof code, "SQLSTATE %.5s", sqlstate);
    return code;
}

enum err pg_role_ask(struct pg_client *client, struct reading *reading, struct text256 *reterr) {
    static const char sql[] =
        "SELECT r, CASE WHEN NOT r THEN pg_current_wal_lsn() END,"
        " CASE WHEN r THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END,"
        " CASE WHEN r THEN pg_last_wal_replay_lsn() END"
        " FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) AS role";
    struct pg_rows rows;
    enum err err = pg_ask(client, sql, NULL, &rows, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (rows.sqlstate[0] != '\0' || rows.rows_n != 1) {
        text_say(reterr, "role: %s", pg_state_text(rows.sqlstate));
        return ERR_FAILED;
    }
    uint64_t lsn = 0;
    reading->role = pg_rows_true(&rows, 0, 0) ? STORE_STANDBY : STORE_PRIMARY;
    if (pg_rows_lsn(&rows, 0, 1, &lsn)) {
        reading_position(reading, POSITION_WRITTEN, lsn);
    }
    if (pg_rows_lsn(&rows, 0, 2, &lsn)) {
        reading_position(reading, POSITION_RECEIVED, lsn);
    }
    if (pg_rows_lsn(&rows, 0, 3, &lsn)) {
        reading_position(reading, POSITION_APPLIED, lsn);
    }
    return ERR_OK;
}
