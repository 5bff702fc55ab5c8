/* pg_group: a region's PostgreSQL members asked by SQL, all at once: who is in recovery, who takes
 * writes, how far is each. One slow or stopped member never delays the others. The only includer of
 * libpq here. */
#ifndef DROVER_ACTIONS_PG_GROUP_H
#define DROVER_ACTIONS_PG_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/actions/act.h"

struct pg_conn;   /* libpq's PGconn */
struct pg_result; /* libpq's PGresult */

enum pg_state {
    PG_UNSEEN = 0, /* no answer of any kind yet */
    PG_PRIMARY,    /* not in recovery: takes writes */
    PG_STANDBY,    /* in recovery */
    PG_DOWN,       /* refuses connections, starts up or shuts down: takes no writes now */
    PG_SILENT,     /* connected, but no answer in time: may still take writes */
    PG_UNREACHED,  /* the host does not answer at all */
    PG_DENIED,     /* our user or password was refused: may still take writes */
    PG_ODD         /* answers something else: `why` */
};

struct pg_seat {
    struct place place;
    struct pg_conn *conn;
    uint8_t stage; /* internal */
    uint64_t since_boot_ms;
    uint64_t next_boot_ms;
    enum pg_state state;
    unsigned answers_n; /* answers since pg_group_forget */
    uint64_t lsn;       /* standby: replayed up to; primary: written up to */
    char why[64];       /* DENIED, ODD, SILENT */
};

struct pg_group {
    uint8_t n;
    struct pg_seat at[ARG_PLACES_MAX];
    uint32_t every_ms; /* between two questions to one member */
    char user[64];
    char password[SECRET_SIZE];
    char database[64];
    char sslmode[16];
    char table[64]; /* of the epoch */
};

/* Reads `addresses_name` (pg_addresses), pg_user (user), pg_password_ref (password_ref),
 * pg_database, pg_sslmode, epoch_table. Always close. */
enum err pg_group_open(const struct action_input *input, const char *addresses_name,
                       struct pg_group *ret_group, struct text256 *reterr) ERR_CHECKED;
void pg_group_close(struct pg_group *group);

/* Moves every conversation on, waiting at most `wait_ms` for news. */
void pg_group_round(struct pg_group *group, uint32_t wait_ms);
/* Rounds until every member has given an answer of some kind (DOWN counts) or the time is over. */
void pg_group_look(struct pg_group *group, uint64_t until_boot_ms);
/* What was seen before counts no more: after an action. */
void pg_group_forget(struct pg_group *group);
/* Closes the connections to members that were not seen as standbys; what was seen stays. Before a
 * primary here is stopped: PostgreSQL that shuts down waits for whoever has connected and said
 * nothing yet, up to its authentication_timeout of a minute, and nobody moves that conversation on
 * while we wait for the stop. */
void pg_group_leave(struct pg_group *group);

uint8_t pg_group_find(const struct pg_group *group, enum pg_state state); /* index or NONE */
unsigned pg_group_count(const struct pg_group *group, enum pg_state state);
/* "10.0.0.1:5432 standby, 10.0.0.2:5432 down" */
void pg_group_text(const struct pg_group *group, char *out, size_t out_size);
const char *pg_group_state_text(enum pg_state state);

/* One statement on an open, idle seat; up to four text parameters. On OK the first row's first
 * two columns are in the values ("" for null or no row) and *ret_rows_n says how many rows were
 * returned or changed. err: TIMEOUT, CLOSED, FAILED with the SQLSTATE in ret_state. */
struct pg_answer {
    unsigned rows_n;
    char value[2][128];
    char state[6]; /* SQLSTATE of a failure, or "" */
};
enum err pg_seat_ask(struct pg_group *group, uint8_t index, const char *sql,
                     const char *const *parameters, int parameters_n, uint64_t deadline_boot_ms,
                     struct pg_answer *ret_answer, struct text256 *reterr) ERR_CHECKED;

/* The largest epoch in the epoch table as this member has it; 0 when there is no table yet. */
enum err pg_epoch_read(struct pg_group *group, uint8_t index, uint64_t deadline_boot_ms,
                       uint64_t *ret_epoch, struct text256 *reterr) ERR_CHECKED;
/* Writes the epoch row: a real, durable write, and a fencing token. STALE when a larger epoch is
 * there; then nothing is written. */
enum err pg_epoch_write(struct pg_group *group, uint8_t index, uint64_t epoch,
                        uint64_t deadline_boot_ms, struct text256 *reterr) ERR_CHECKED;

/* The content of a text file below the server's data directory: needs EXECUTE on pg_read_file. */
enum err pg_file_read(struct pg_group *group, uint8_t index, const char *path,
                      uint64_t deadline_boot_ms, char *out, size_t out_size,
                      struct text256 *reterr) ERR_CHECKED;

#endif
