/* pg_client: PostgreSQL by libpq, asynchronous all the way, to a deadline. The one place among the
 * probes that knows libpq. */
#ifndef DROVER_PROBES_PG_CLIENT_H
#define DROVER_PROBES_PG_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe.h"

#define PG_ROWS_MAX 16
#define PG_COLUMNS_MAX 12
#define PG_TEXT_SIZE 4096

struct pg_client {
    void *connection; /* PGconn */
    uint64_t deadline_boot_ms;
};

/* What a statement gave, as text. */
struct pg_rows {
    char sqlstate[6]; /* "" when it succeeded */
    uint8_t rows_n, columns_n;
    bool cut; /* more rows than PG_ROWS_MAX: the first ones are here */
    uint16_t at[PG_ROWS_MAX][PG_COLUMNS_MAX]; /* offset + 1 in text; 0: NULL */
    size_t text_n;
    char text[PG_TEXT_SIZE];
};

/* Connects with the arguments address, database (postgres), user, password_ref, sslmode (prefer)
 * and ca. The server is told to give up our statements at the deadline by itself: asking it to
 * cancel needs a connection that a hung server would keep waiting too.
 * TIMEOUT, REFUSED, UNREACHABLE, AUTH, UNSUPPORTED (no TLS in common), FORMAT, CLOSED, BUSY
 * (starting up, shutting down, no connection left), CONFIG. On OK close with pg_close. */
enum err pg_open(const struct probe_input *input, struct pg_client *ret_client,
                 struct text256 *reterr) ERR_CHECKED;
void pg_close(struct pg_client *client);

/* One statement, with $1 when parameter is not NULL. A statement that the server refuses is OK with
 * rows.sqlstate set. TIMEOUT, CLOSED, TOO_BIG (a row beyond the limits), AUTH never. */
enum err pg_ask(struct pg_client *client, const char *sql, const char *parameter,
                struct pg_rows *ret_rows, struct text256 *reterr) ERR_CHECKED;

/* A value, or NULL for SQL's NULL and for places that are not there. */
const char *pg_rows_text(const struct pg_rows *rows, unsigned row, unsigned column);
bool pg_rows_true(const struct pg_rows *rows, unsigned row, unsigned column);
/* False for NULL and for what is no whole number. */
bool pg_rows_number(const struct pg_rows *rows, unsigned row, unsigned column, int64_t *ret_value);
bool pg_rows_lsn(const struct pg_rows *rows, unsigned row, unsigned column, uint64_t *ret_lsn);

/* A short English phrase for the states a probe meets ("read-only", ...); the code itself else. */
const char *pg_state_text(const char *sqlstate);

/* pg_return.c. With the arguments rewind, slot or min_wal_keep: what stands in the way of a return
 * as a standby is written into `note`, else it is "". */
enum err pg_return_look(struct pg_client *client, const struct arguments *arguments, char *note,
                        size_t note_size, struct text256 *reterr) ERR_CHECKED;

/* pg_past.c. With the argument past, a standby's history against that of the primary at the address
 * in it. DIVERGED and UNKNOWN are written into `note`; the other server being no primary is SAME:
 * then nothing leads there. */
enum pg_past { PG_PAST_SAME, PG_PAST_UNKNOWN, PG_PAST_DIVERGED };
enum pg_past pg_past_look(const struct probe_input *input, struct pg_client *client, char *note,
                          size_t note_size);

/* Asks for the role and the positions that go with it, into the reading: primary WRITTEN, standby
 * RECEIVED and APPLIED. The reading is otherwise untouched. */
enum err pg_role_ask(struct pg_client *client, struct reading *reading,
                     struct text256 *reterr) ERR_CHECKED;

#endif
