/* pg_history: timelines. Two servers of one origin that both went on alone have the same
 * timeline numbers and different histories; the number alone (which is all that pg_rewind and
 * Patroni compare) does not show it. Pure. */
#ifndef DROVER_IO_PG_HISTORY_H
#define DROVER_IO_PG_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define PG_HISTORY_MAX 64

struct pg_turn {
    uint32_t timeline;   /* was left ... */
    uint64_t switch_lsn; /* ... here */
};

/* What led to `timeline`: the content of its history file; timeline 1 has none. */
struct pg_history {
    uint32_t timeline;
    uint8_t n;
    struct pg_turn at[PG_HISTORY_MAX];
};

/* The text of 0000000N.history. False when malformed, or longer than PG_HISTORY_MAX turns. */
bool pg_history_parse(const char *text, uint32_t timeline, struct pg_history *ret_history);

enum pg_kinship {
    PG_KIN_SAME,    /* the same timeline with the same past */
    PG_KIN_BEHIND,  /* a past of the other's: it can simply follow */
    PG_KIN_REWIND,  /* wrote past the point where the other turned off: pg_rewind can undo it */
    PG_KIN_DIVERGED /* turned off elsewhere, under numbers the other also has or has not: rebuild */
};

/* How `local`, which has written or replayed up to local_end, stands to `peer`. *ret_fork_lsn is
 * where they part (0 for SAME and BEHIND): what local has past it exists nowhere else. */
enum pg_kinship pg_history_compare(const struct pg_history *local, uint64_t local_end,
                                   const struct pg_history *peer, uint64_t *ret_fork_lsn);

/* The newest timeline that a server knows: the control file is behind on a standby until its next
 * restart point. */
#define PG_HISTORY_TIMELINE_SQL                                                                    \
    "greatest((SELECT timeline_id FROM pg_control_checkpoint()), "                                 \
    "(SELECT min_recovery_end_timeline FROM pg_control_recovery()), "                              \
    "(SELECT received_tli FROM pg_stat_wal_receiver), "                                            \
    "CASE WHEN pg_is_in_recovery() THEN 0 ELSE "                                                   \
    "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END)"

/* "pg_wal/00000002.history" */
#define PG_HISTORY_PATH_SIZE 32
void pg_history_path(uint32_t timeline, char ret_path[PG_HISTORY_PATH_SIZE]);

#endif
