/* pg_history: see pg_history.h. */
#include "common/io/pg_history.h"

#include <inttypes.h>
#include <string.h>

#include "common/topology/arg.h"

void pg_history_path(uint32_t timeline, char ret_path[PG_HISTORY_PATH_SIZE]) {
    (void)text_format(ret_path, PG_HISTORY_PATH_SIZE, "pg_wal/%08" PRIX32 ".history", timeline);
}

/* "1\t0/3000110\treason" */
static bool turn_parse(const char *line, size_t n, struct pg_turn *ret_turn) {
    char text[64];
    uint64_t timeline = 0;
    size_t number_n = strcspn(line, "\t ");
    size_t lsn_at = number_n + strspn(line + number_n, "\t ");
    if (number_n == 0 || number_n >= sizeof text || lsn_at >= n) {
        return false;
    }
    memcpy(text, line, number_n);
    text[number_n] = '\0';
    if (!text_to_u64(text, UINT32_MAX, &timeline) || timeline == 0) {
        return false;
    }
    size_t lsn_n = strcspn(line + lsn_at, "\t \n");
    if (lsn_n >= sizeof text) {
        return false;
    }
    memcpy(text, line + lsn_at, lsn_n);
    text[lsn_n] = '\0';
    ret_turn->timeline = (uint32_t)timeline;
    return arg_lsn_parse(text, &ret_turn->switch_lsn);
}

bool pg_history_parse(const char *text, uint32_t timeline, struct pg_history *ret_history) {
    struct pg_history history = {.timeline = timeline};
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        size_t blank_n = strspn(line, " \t\r");
        if (blank_n < n && line[blank_n] != '#') {
            struct pg_turn turn;
            bool grows = turn_parse(line, n, &turn) && turn.timeline < timeline &&
                         (history.n == 0 || turn.timeline > history.at[history.n - 1].timeline);
            if (!grows || history.n == PG_HISTORY_MAX) {
                return false;
            }
            history.at[history.n++] = turn;
        }
        line += n + (line[n] == '\n');
    }
    *ret_history = history;
    return true;
}

/* Where the i-th timeline of a history ends; the current one goes on. */
static struct pg_turn turn_of(const struct pg_history *history, uint8_t i, uint64_t end) {
    if (i < history->n) {
        return history->at[i];
    }
    return (struct pg_turn){.timeline = history->timeline, .switch_lsn = end};
}

enum pg_kinship pg_history_compare(const struct pg_history *local, uint64_t local_end,
                                   const struct pg_history *peer, uint64_t *ret_fork_lsn) {
    uint64_t fork = 0; /* the last point both passed together */
    *ret_fork_lsn = 0;
    for (uint8_t i = 0; i <= local->n; i++) {
        struct pg_turn mine = turn_of(local, i, local_end);
        struct pg_turn theirs = turn_of(peer, i, UINT64_MAX);
        if (mine.timeline != theirs.timeline) {
            *ret_fork_lsn = fork;
            return PG_KIN_DIVERGED;
        }
        bool mine_goes_on = i == local->n;
        bool theirs_goes_on = i == peer->n;
        if (mine_goes_on && theirs_goes_on) {
            return PG_KIN_SAME;
        }
        if (mine_goes_on) {
            if (local_end <= theirs.switch_lsn) {
                return PG_KIN_BEHIND;
            }
            *ret_fork_lsn = theirs.switch_lsn;
            return PG_KIN_REWIND;
        }
        if (theirs_goes_on || mine.switch_lsn != theirs.switch_lsn) {
            *ret_fork_lsn =
                mine.switch_lsn < theirs.switch_lsn ? mine.switch_lsn : theirs.switch_lsn;
            return PG_KIN_DIVERGED;
        }
        fork = mine.switch_lsn;
    }
    return PG_KIN_SAME;
}
