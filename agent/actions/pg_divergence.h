/* pg_divergence: what the old primary wrote that nobody else has, told before a rewind or a rebuild
 * throws it away. */
#ifndef DROVER_ACTIONS_PG_DIVERGENCE_H
#define DROVER_ACTIONS_PG_DIVERGENCE_H

#include "agent/actions/act.h"
#include "agent/actions/pg_group.h"
#include "agent/actions/pg_local.h"
#include "common/io/pg_history.h"

/* The history of the server's current timeline, by SQL. A server in recovery is asked for the
 * newest timeline it knows. DENIED when our role may not read it (pg_read_file), NOT_FOUND when a
 * timeline that came from another has no file. */
enum err pg_history_read(struct pg_group *group, uint8_t index, uint64_t deadline_boot_ms,
                         struct pg_history *ret_history, struct text256 *reterr) ERR_CHECKED;

struct pg_divergence {
    bool known;
    uint64_t fork_lsn;
    uint64_t bytes; /* past the fork; 0: nothing to lose */
    uint64_t inserts_n, updates_n, deletes_n, commits_n;
};

/* The cold data directory of this host against the running peer. Writes pg_waldump's statistics to
 * state_directory/divergence-<epoch>-<timeline>.txt when there is such a directory. */
enum err pg_divergence_take(const struct action_input *input, const struct pg_local *local,
                            struct pg_group *peer, uint8_t peer_index,
                            struct pg_divergence *ret_divergence,
                            struct text256 *reterr) ERR_CHECKED;

/* pg_waldump --stats=record, parsed. False when it holds no statistics. */
bool pg_divergence_parse(const char *text, struct pg_divergence *ret_divergence,
                         uint64_t *ret_end_lsn);

#endif
