/* Has a standby the active region's past? Its stream does not tell: PostgreSQL sends to whoever has
 * its timeline's number, and a server that wrote alone under that number replays on wherever a
 * record ends at the same place in both. The histories tell (common/io/pg_history.h). */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/pg_history.h"

/* The position last, so that the history is never newer than it. */
static const char past_sql[] =
    "SELECT t.tl, CASE WHEN t.tl > 1 THEN pg_read_file('pg_wal/' || lpad(upper(to_hex(t.tl)), 8, "
    "'0') || '.history', 0, 3800, true) ELSE '' END, CASE WHEN pg_is_in_recovery() THEN "
    "pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END FROM "
    "(SELECT " PG_HISTORY_TIMELINE_SQL " AS tl) AS t";

/* False: `why` says what hides it. */
static bool past_read(struct pg_client *client, struct pg_history *ret_history, uint64_t *ret_lsn,
                      struct text256 *why) {
    struct pg_rows rows;
    int64_t timeline = 0;
    enum err err = pg_ask(client, past_sql, NULL, &rows, why);
    if (err != ERR_OK) {
        return false;
    }
    if (rows.sqlstate[0] != '\0') {
        text_say(why, "%s", pg_state_text(rows.sqlstate));
        return false;
    }
    const char *text = pg_rows_text(&rows, 0, 1);
    if (text == NULL || !pg_rows_number(&rows, 0, 0, &timeline) || timeline < 1 ||
        timeline > UINT32_MAX || !pg_rows_lsn(&rows, 0, 2, ret_lsn) ||
        !pg_history_parse(text, (uint32_t)timeline, ret_history)) {
        text_say(why, "no history of timeline %lld", (long long)timeline);
        return false;
    }
    return true;
}

/* The other server's, once it is known to be a primary. Half of what is left of the time is for it:
 * a region that is gone must not take the standby's own reading with it. */
static bool peer_read(const struct probe_input *input, const char *address,
                      struct pg_history *ret_history, bool *ret_primary, struct text256 *why) {
    struct arguments arguments = *input->arguments;
    struct probe_input there = *input;
    struct pg_client client;
    struct reading seen = {.err = ERR_OK};
    uint64_t lsn = 0;
    there.arguments = &arguments;
    there.deadline_boot_ms = clock_boot_ms() + probe_left_ms(input->deadline_boot_ms) / 2;
    enum err err = arguments_set(&arguments, "address", address);
    if (err == ERR_OK) {
        err = pg_open(&there, &client, why);
    }
    if (err != ERR_OK) {
        return false;
    }
    err = pg_role_ask(&client, &seen, why);
    *ret_primary = err == ERR_OK && seen.role == STORE_PRIMARY;
    bool read = err == ERR_OK && (!*ret_primary || past_read(&client, ret_history, &lsn, why));
    pg_close(&client);
    return read;
}

enum pg_past pg_past_look(const struct probe_input *input, struct pg_client *client, char *note,
                          size_t note_size) {
    struct pg_history mine, theirs;
    struct text256 why = {""};
    uint64_t lsn = 0, fork_lsn = 0;
    bool primary = false;
    const char *peer = arguments_get(input->arguments, "past");
    if (!past_read(client, &mine, &lsn, &why) || !peer_read(input, peer, &theirs, &primary, &why)) {
        (void)text_format(note, note_size, ", past not compared: %.60s", why.at);
        return PG_PAST_UNKNOWN;
    }
    if (!primary || pg_history_compare(&mine, lsn, &theirs, &fork_lsn) != PG_KIN_DIVERGED) {
        return PG_PAST_SAME;
    }
    (void)text_format(note, note_size, ", diverged from %.30s, %llu bytes past %llX/%llX", peer,
                      (unsigned long long)(lsn > fork_lsn ? lsn - fork_lsn : 0),
                      (unsigned long long)(fork_lsn >> 32),
                      (unsigned long long)(fork_lsn & UINT32_MAX));
    return PG_PAST_DIVERGED;
}
