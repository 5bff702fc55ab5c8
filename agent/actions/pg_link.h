/* pg_link: the parts of pg_group that speak to libpq about one connection: signing in, running
 * one statement to a deadline, and telling failures apart by SQLSTATE (texts are translated by
 * servers). */
#ifndef DROVER_ACTIONS_PG_LINK_H
#define DROVER_ACTIONS_PG_LINK_H

#include <libpq-fe.h>
#include <stdint.h>

#include "agent/actions/pg_group.h"

static inline PGconn *pg_conn_of(struct pg_conn *conn) {
    return (PGconn *)conn;
}
static inline PGresult *pg_result_of(struct pg_result *result) {
    return (PGresult *)result;
}

struct pg_login {
    const struct place *place;
    const char *user, *password, *database, *sslmode;
};

/* A non-blocking start; NULL only without memory. */
struct pg_conn *pg_login_start(const struct pg_login *login);

enum pg_failure {
    PG_FAILURE_REFUSED,  /* nobody listens */
    PG_FAILURE_STARTING, /* 57P03: starts up, shuts down, recovers */
    PG_FAILURE_DENIED,   /* 28xxx, or no such database */
    PG_FAILURE_BROKEN,   /* the established connection ended */
    PG_FAILURE_OTHER
};

/* Why a bad connection is bad; the SQLSTATE, or "", in ret_state. */
enum pg_failure pg_failure_of(PGconn *conn, char ret_state[6]);

/* One statement on an idle connection. TIMEOUT leaves the connection unusable: drop it. */
enum err pg_link_run(struct pg_conn *link, const char *sql, const char *const *parameters,
                     int parameters_n, uint64_t deadline_boot_ms,
                     struct pg_result **ret_result) ERR_CHECKED;

/* Rows and values of a result, or its failure. */
enum err pg_result_take(struct pg_result *taken, struct pg_answer *answer,
                        struct text256 *reterr) ERR_CHECKED;

#endif
