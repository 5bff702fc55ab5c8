/* pg_group: see pg_group.h. Every conversation is one non-blocking libpq connection that walks
 * IDLE -> CONNECTING -> READY -> ASKING -> READY; all sockets are polled together. */
#include "agent/actions/pg_group.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "agent/actions/pg_link.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"

/* How long one member may think before it counts as silent and is connected to anew. */
#define SEAT_PATIENCE_MS 1000
#define SEAT_RETRY_MS 15

enum stage { STAGE_IDLE = 0, STAGE_CONNECTING, STAGE_READY, STAGE_ASKING };

static const char question[] = "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() "
                               "THEN coalesce(greatest(pg_last_wal_replay_lsn(), '0/0'), '0/0') "
                               "ELSE pg_current_wal_lsn() END";

const char *pg_group_state_text(enum pg_state state) {
    switch (state) {
    case PG_UNSEEN: return "not seen";
    case PG_PRIMARY: return "primary";
    case PG_STANDBY: return "standby";
    case PG_DOWN: return "down";
    case PG_SILENT: return "silent";
    case PG_UNREACHED: return "not reached";
    case PG_DENIED: return "denies us";
    case PG_ODD: return "odd";
    }
    return "?";
}

enum err pg_group_open(const struct action_input *input, const char *addresses_name,
                       struct pg_group *ret_group, struct text256 *reterr) {
    const struct arguments *arguments = input->arguments;
    struct places places;
    memset(ret_group, 0, sizeof *ret_group);
    if (!arg_places(arguments, addresses_name, &places)) {
        text_say(reterr, "argument \"%s\" is missing or malformed", addresses_name);
        return ERR_CONFIG;
    }
    struct pg_group *group = ret_group;
    bool fits = text_copy(group->user, sizeof group->user,
                          arg_either(arguments, "pg_user", "user", "postgres")) &&
                text_copy(group->database, sizeof group->database,
                          arg_either(arguments, "pg_database", "database", "postgres")) &&
                text_copy(group->sslmode, sizeof group->sslmode,
                          arg_text(arguments, "pg_sslmode", "prefer")) &&
                text_copy(group->table, sizeof group->table,
                          arg_text(arguments, "epoch_table", "public.drover_epoch"));
    if (!fits) {
        text_say(reterr, "pg_user, pg_database, pg_sslmode or epoch_table is too long");
        return ERR_CONFIG;
    }
    for (uint8_t i = 0; i < places.n; i++) {
        group->at[i].place = places.at[i];
    }
    group->n = places.n;
    group->every_ms = 10;
    return act_secret(input, "pg_password_ref", "password_ref", group->password, reterr);
}

static void seat_drop(struct pg_seat *seat) {
    if (seat->conn != NULL) {
        PQfinish(pg_conn_of(seat->conn));
        seat->conn = NULL;
    }
    seat->stage = STAGE_IDLE;
}

void pg_group_close(struct pg_group *group) {
    for (uint8_t i = 0; i < group->n; i++) {
        seat_drop(&group->at[i]);
    }
    secret_wipe(group->password);
}

static void seat_saw(struct pg_seat *seat, enum pg_state state, const char *why) {
    seat->state = state;
    seat->answers_n++;
    (void)text_copy(seat->why, sizeof seat->why, why);
}

/* The connection could not be made, or broke: what does that say of the member? */
static void seat_broke(struct pg_seat *seat, uint64_t now_ms) {
    char state[6];
    enum pg_failure failure = pg_failure_of(pg_conn_of(seat->conn), state);
    switch (failure) {
    case PG_FAILURE_REFUSED: seat_saw(seat, PG_DOWN, "refuses connections"); break;
    case PG_FAILURE_STARTING: seat_saw(seat, PG_DOWN, "starts up or shuts down"); break;
    case PG_FAILURE_DENIED: seat_saw(seat, PG_DENIED, state); break;
    case PG_FAILURE_BROKEN:
        /* A session cut off by a stopping server: the next attempt tells. */
        if (seat->state != PG_DENIED) {
            seat->state = PG_UNSEEN;
        }
        break;
    case PG_FAILURE_OTHER: seat_saw(seat, PG_ODD, state); break;
    }
    seat_drop(seat);
    seat->next_boot_ms = now_ms + SEAT_RETRY_MS;
}

static void seat_connect(struct pg_group *group, struct pg_seat *seat, uint64_t now_ms) {
    struct pg_login login = {.place = &seat->place,
                             .user = group->user,
                             .password = group->password,
                             .database = group->database,
                             .sslmode = group->sslmode};
    seat->conn = pg_login_start(&login);
    seat->since_boot_ms = now_ms;
    seat->stage = STAGE_CONNECTING;
    if (seat->conn == NULL) {
        seat_saw(seat, PG_ODD, "out of memory");
        seat->stage = STAGE_IDLE;
        seat->next_boot_ms = now_ms + SEAT_RETRY_MS;
    } else if (PQstatus(pg_conn_of(seat->conn)) == CONNECTION_BAD) {
        seat_broke(seat, now_ms);
    }
}

static void seat_answered(struct pg_seat *seat, uint64_t now_ms) {
    PGconn *conn = pg_conn_of(seat->conn);
    bool seen = false;
    for (PGresult *result = PQgetResult(conn); result != NULL; result = PQgetResult(conn)) {
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
            PQnfields(result) == 2) {
            uint64_t lsn = 0;
            seen = arg_lsn_parse(PQgetvalue(result, 0, 1), &lsn);
            seat->lsn = lsn;
            seat_saw(seat, PQgetvalue(result, 0, 0)[0] == 't' ? PG_STANDBY : PG_PRIMARY, "");
        } else if (PQstatus(conn) == CONNECTION_OK) {
            const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
            seat_saw(seat, PG_ODD, state != NULL ? state : "no answer to our question");
            seen = true;
        }
        PQclear(result);
    }
    if (!seen || PQstatus(conn) != CONNECTION_OK) {
        seat_broke(seat, now_ms);
        return;
    }
    seat->stage = STAGE_READY;
}

/* A stopped server's kernel still accepts connections for it; a dead host's does not. */
static void seat_silent(struct pg_seat *seat, uint64_t now_ms) {
    ConnStatusType status = PQstatus(pg_conn_of(seat->conn));
    bool connected = seat->stage == STAGE_ASKING ||
                     (status != CONNECTION_NEEDED && status != CONNECTION_STARTED);
    seat_saw(seat, connected ? PG_SILENT : PG_UNREACHED, "no answer in 1 s");
    seat_drop(seat);
    seat->next_boot_ms = now_ms + SEAT_RETRY_MS;
}

/* Moves one conversation as far as it goes without waiting. Returns the poll events it waits
 * for. */
static short seat_move(struct pg_group *group, struct pg_seat *seat, uint64_t now_ms) {
    if (seat->stage == STAGE_IDLE && now_ms >= seat->next_boot_ms) {
        seat_connect(group, seat, now_ms);
        return seat->stage == STAGE_CONNECTING ? POLLOUT : 0;
    }
    if ((seat->stage == STAGE_CONNECTING || seat->stage == STAGE_ASKING) &&
        now_ms - seat->since_boot_ms > SEAT_PATIENCE_MS) {
        seat_silent(seat, now_ms);
        return 0;
    }
    if (seat->stage == STAGE_CONNECTING) {
        switch (PQconnectPoll(pg_conn_of(seat->conn))) {
        case PGRES_POLLING_OK: seat->stage = STAGE_READY; break;
        case PGRES_POLLING_READING: return POLLIN;
        case PGRES_POLLING_WRITING: return POLLOUT;
        case PGRES_POLLING_ACTIVE:
        case PGRES_POLLING_FAILED: seat_broke(seat, now_ms); return 0;
        }
    }
    if (seat->stage == STAGE_READY && now_ms >= seat->next_boot_ms) {
        if (PQsendQuery(pg_conn_of(seat->conn), question) != 1) {
            seat_broke(seat, now_ms);
            return 0;
        }
        seat->stage = STAGE_ASKING;
        seat->since_boot_ms = now_ms;
        seat->next_boot_ms = now_ms + group->every_ms;
        return POLLIN;
    }
    if (seat->stage == STAGE_ASKING) {
        PGconn *conn = pg_conn_of(seat->conn);
        if (PQconsumeInput(conn) != 1) {
            seat_broke(seat, now_ms);
        } else if (!PQisBusy(conn)) {
            seat_answered(seat, now_ms);
        } else {
            return POLLIN;
        }
    }
    return 0;
}

void pg_group_round(struct pg_group *group, uint32_t wait_ms) {
    struct pollfd polls[ARG_PLACES_MAX];
    nfds_t polls_n = 0;
    uint64_t now_ms = clock_boot_ms();
    uint64_t wake_ms = now_ms + wait_ms;
    for (uint8_t i = 0; i < group->n; i++) {
        struct pg_seat *seat = &group->at[i];
        short events = seat_move(group, seat, now_ms);
        if (seat->conn != NULL && events != 0) {
            polls[polls_n++] =
                (struct pollfd){.fd = PQsocket(pg_conn_of(seat->conn)), .events = events};
        } else if (seat->next_boot_ms > now_ms && seat->next_boot_ms < wake_ms) {
            wake_ms = seat->next_boot_ms;
        } else if (seat->next_boot_ms <= now_ms) {
            wake_ms = now_ms;
        }
    }
    (void)poll(polls, polls_n, wake_ms > now_ms ? (int)(wake_ms - now_ms) : 0);
}

static bool group_seen(const struct pg_group *group) {
    for (uint8_t i = 0; i < group->n; i++) {
        if (group->at[i].answers_n == 0) {
            return false;
        }
    }
    return true;
}

void pg_group_look(struct pg_group *group, uint64_t until_boot_ms) {
    while (!group_seen(group) && act_left_ms(until_boot_ms) > 0) {
        pg_group_round(group, act_left_ms(until_boot_ms) < 50 ? act_left_ms(until_boot_ms) : 50);
    }
}

void pg_group_forget(struct pg_group *group) {
    for (uint8_t i = 0; i < group->n; i++) {
        group->at[i].answers_n = 0;
        group->at[i].state = PG_UNSEEN;
    }
}

void pg_group_leave(struct pg_group *group) {
    for (uint8_t i = 0; i < group->n; i++) {
        if (group->at[i].state != PG_STANDBY) {
            seat_drop(&group->at[i]);
        }
    }
}

uint8_t pg_group_find(const struct pg_group *group, enum pg_state state) {
    for (uint8_t i = 0; i < group->n; i++) {
        if (group->at[i].state == state) {
            return i;
        }
    }
    return NONE;
}

unsigned pg_group_count(const struct pg_group *group, enum pg_state state) {
    unsigned n = 0;
    for (uint8_t i = 0; i < group->n; i++) {
        n += group->at[i].state == state;
    }
    return n;
}

void pg_group_text(const struct pg_group *group, char *out, size_t out_size) {
    ensure(out_size > 0);
    out[0] = '\0';
    for (uint8_t i = 0; i < group->n; i++) {
        const struct pg_seat *seat = &group->at[i];
        char one[160];
        bool told = seat->state == PG_DENIED || seat->state == PG_ODD;
        (void)text_format(one, sizeof one, "%s%s %s%s%s%s", i > 0 ? ", " : "", seat->place.text,
                          pg_group_state_text(seat->state), told ? " (" : "", told ? seat->why : "",
                          told ? ")" : "");
        (void)text_append(out, out_size, one);
    }
}

/* Brings a seat to READY: connects anew, or waits out a question under way. */
static enum err seat_ready(struct pg_group *group, struct pg_seat *seat,
                           uint64_t deadline_boot_ms) {
    for (;;) {
        if (seat->stage == STAGE_READY) {
            return ERR_OK;
        }
        uint32_t left_ms = act_left_ms(deadline_boot_ms);
        if (left_ms == 0) {
            return seat->state == PG_DENIED ? ERR_AUTH : ERR_TIMEOUT;
        }
        uint64_t held_ms = seat->next_boot_ms;
        if (seat->stage != STAGE_IDLE) {
            /* Connected, it must not ask its own question again. */
            seat->next_boot_ms = UINT64_MAX;
        }
        uint64_t now_ms = clock_boot_ms();
        short events = seat_move(group, seat, now_ms);
        if (seat->next_boot_ms == UINT64_MAX) {
            seat->next_boot_ms = held_ms;
        }
        if (seat->stage == STAGE_READY) {
            return ERR_OK;
        }
        struct pollfd one = {.fd = -1, .events = events};
        if (seat->conn != NULL && events != 0) {
            one.fd = PQsocket(pg_conn_of(seat->conn));
        }
        (void)poll(&one, 1, left_ms < 10 ? (int)left_ms : 10);
    }
}

enum err pg_seat_ask(struct pg_group *group, uint8_t index, const char *sql,
                     const char *const *parameters, int parameters_n, uint64_t deadline_boot_ms,
                     struct pg_answer *ret_answer, struct text256 *reterr) {
    ensure(index < group->n);
    struct pg_seat *seat = &group->at[index];
    memset(ret_answer, 0, sizeof *ret_answer);
    enum err err = seat_ready(group, seat, deadline_boot_ms);
    if (err != ERR_OK) {
        text_say(reterr, "%s: %s %s", seat->place.text, err_text(err), seat->why);
        return err;
    }
    struct pg_result *result = NULL;
    err = pg_link_run(seat->conn, sql, parameters, parameters_n, deadline_boot_ms, &result);
    if (err != ERR_OK) {
        text_say(reterr, "%s: %s", seat->place.text, err_text(err));
        seat_drop(seat);
        return err;
    }
    err = pg_result_take(result, ret_answer, reterr);
    PQclear(pg_result_of(result));
    if (err != ERR_OK && PQstatus(pg_conn_of(seat->conn)) != CONNECTION_OK) {
        seat_drop(seat);
    }
    return err;
}
