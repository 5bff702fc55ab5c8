/* pg_link: see pg_link.h. */
#include "agent/actions/pg_link.h"

#include <ctype.h>
#include <poll.h>
#include <string.h>

#include "common/base/ensure.h"

/* libpq would print it among our log lines. */
static void notice_ignore(void *owner, const PGresult *result) {
    (void)owner;
    (void)result;
}

struct pg_conn *pg_login_start(const struct pg_login *login) {
    char port[8];
    (void)text_format(port, sizeof port, "%u", (unsigned)login->place->port);
    const char *const names[] = {"hostaddr",   "port",
                                 "user",       "password",
                                 "dbname",     "sslmode",
                                 "gssencmode", "application_name",
                                 "passfile",   "client_encoding",
                                 "options",    NULL};
    /* hostaddr: nothing is looked up. statement_timeout ends on the server what we gave up on. */
    const char *const values[] = {login->place->host,
                                  port,
                                  login->user,
                                  login->password,
                                  login->database,
                                  login->sslmode,
                                  "disable",
                                  "drover",
                                  "/dev/null",
                                  "UTF8",
                                  "-c statement_timeout=60s -c lock_timeout=10s",
                                  NULL};
    PGconn *conn = PQconnectStartParams(names, values, /* expand_dbname= */ 0);
    if (conn != NULL) {
        /* Then the messages of failed connections carry the SQLSTATE and nothing else. */
        (void)PQsetErrorVerbosity(conn, PQERRORS_SQLSTATE);
        (void)PQsetNoticeReceiver(conn, notice_ignore, NULL);
        (void)PQsetnonblocking(conn, 1);
    }
    return (struct pg_conn *)conn;
}

/* "FATAL:  28P01": the last word of the last line that is five capitals or digits. */
static void state_take(const char *message, char ret_state[6]) {
    ret_state[0] = '\0';
    size_t n = strlen(message);
    while (n > 0 && isspace((unsigned char)message[n - 1])) {
        n--;
    }
    if (n < 6) {
        return;
    }
    const char *word = message + n - 5;
    for (size_t i = 0; i < 5; i++) {
        if (!isdigit((unsigned char)word[i]) && !isupper((unsigned char)word[i])) {
            return;
        }
    }
    if (word[-1] == ' ') {
        memcpy(ret_state, word, 5);
        ret_state[5] = '\0';
    }
}

enum pg_failure pg_failure_of(PGconn *conn, char ret_state[6]) {
    const char *message = PQerrorMessage(conn);
    state_take(message, ret_state);
    if (text_equal(ret_state, "57P03")) {
        return PG_FAILURE_STARTING;
    }
    if (text_starts(ret_state, "57P")) {
        return PG_FAILURE_BROKEN;
    }
    if (text_starts(ret_state, "28") || text_starts(ret_state, "3D")) {
        return PG_FAILURE_DENIED;
    }
    if (ret_state[0] != '\0') {
        return PG_FAILURE_OTHER;
    }
    /* These come from our own libpq, in the agent's language, which is C. */
    if (strstr(message, "Connection refused") != NULL) {
        return PG_FAILURE_REFUSED;
    }
    return PG_FAILURE_BROKEN;
}

static enum err link_flush(PGconn *conn, uint64_t deadline_boot_ms) {
    for (;;) {
        int rest = PQflush(conn);
        if (rest == 0) {
            return ERR_OK;
        }
        uint32_t left_ms = act_left_ms(deadline_boot_ms);
        if (rest < 0) {
            return ERR_CLOSED;
        }
        if (left_ms == 0) {
            return ERR_TIMEOUT;
        }
        struct pollfd one = {.fd = PQsocket(conn), .events = POLLIN | POLLOUT};
        (void)poll(&one, 1, (int)(left_ms < 1000 ? left_ms : 1000));
        if ((one.revents & POLLIN) != 0 && PQconsumeInput(conn) != 1) {
            return ERR_CLOSED;
        }
    }
}

enum err pg_link_run(struct pg_conn *link, const char *sql, const char *const *parameters,
                     int parameters_n, uint64_t deadline_boot_ms, struct pg_result **ret_result) {
    PGconn *conn = pg_conn_of(link);
    int sent = parameters_n == 0
                   ? PQsendQuery(conn, sql)
                   : PQsendQueryParams(conn, sql, parameters_n, NULL, parameters, NULL, NULL, 0);
    if (sent != 1) {
        return ERR_CLOSED;
    }
    enum err err = link_flush(conn, deadline_boot_ms);
    while (err == ERR_OK && PQisBusy(conn)) {
        uint32_t left_ms = act_left_ms(deadline_boot_ms);
        struct pollfd one = {.fd = PQsocket(conn), .events = POLLIN};
        if (left_ms == 0) {
            err = ERR_TIMEOUT;
        } else if (poll(&one, 1, (int)(left_ms < 1000 ? left_ms : 1000)) > 0 &&
                   PQconsumeInput(conn) != 1) {
            err = ERR_CLOSED;
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    /* Of several statements the last result counts; a failure ends them all. */
    PGresult *last = NULL;
    for (PGresult *next = PQgetResult(conn); next != NULL; next = PQgetResult(conn)) {
        PQclear(last);
        last = next;
        if (PQstatus(conn) == CONNECTION_BAD) {
            break;
        }
    }
    if (last == NULL) {
        return ERR_CLOSED;
    }
    *ret_result = (struct pg_result *)last;
    return ERR_OK;
}

enum err pg_result_take(struct pg_result *taken, struct pg_answer *answer, struct text256 *reterr) {
    PGresult *result = pg_result_of(taken);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK) {
        answer->rows_n = (unsigned)PQntuples(result);
        for (int i = 0; i < 2 && i < PQnfields(result) && answer->rows_n > 0; i++) {
            if (!text_copy(answer->value[i], sizeof answer->value[i], PQgetvalue(result, 0, i))) {
                text_say(reterr, "an answer of the server is too long");
                return ERR_TOO_BIG;
            }
        }
        return ERR_OK;
    }
    if (status == PGRES_COMMAND_OK) {
        uint64_t rows_n = 0;
        (void)text_to_u64(PQcmdTuples(result), UINT32_MAX, &rows_n);
        answer->rows_n = (unsigned)rows_n;
        return ERR_OK;
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[100];
    act_line(line, sizeof line, message != NULL ? message : "the connection ended");
    (void)text_copy(answer->state, sizeof answer->state, state != NULL ? state : "");
    text_say(reterr, "%s (SQLSTATE %s)", line, state != NULL ? state : "none");
    return state == NULL ? ERR_CLOSED : ERR_FAILED;
}
