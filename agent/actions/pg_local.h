/* pg_local: PostgreSQL's own programs on this host, run as the database's user: pg_ctl and
 * pg_controldata, and what the latter says. */
#ifndef DROVER_ACTIONS_PG_LOCAL_H
#define DROVER_ACTIONS_PG_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/actions/act.h"

struct pg_local {
    const char *pg_ctl; /* absolute; its directory holds the other programs */
    const char *data_directory;
    char uid[16], gid[16]; /* "" when we are that user already */
};

enum pg_control_state {
    PG_CONTROL_OTHER,
    PG_CONTROL_RUNNING,  /* in production: a primary that runs, or died without a shutdown */
    PG_CONTROL_STOPPING, /* on its way there, or died on it */
    PG_CONTROL_SHUT,     /* shut down cleanly as a primary */
    PG_CONTROL_STANDBY   /* in archive recovery, or shut down in it */
};

struct pg_control {
    enum pg_control_state state;
    char state_text[40];
    uint64_t checkpoint_lsn; /* where the latest checkpoint record begins */
    uint32_t timeline;
    char system_identifier[32];
};

/* Reads pg_ctl, data_directory, run_as (default postgres). CONFIG; DENIED when we may not become
 * that user. */
enum err pg_local_open(const struct action_input *input, struct pg_local *ret_local,
                       struct text256 *reterr) ERR_CHECKED;

/* Runs `program` of pg_ctl's directory with argv[1..] = arguments (NULL-terminated, at most 12),
 * its output into out. OK only for exit code 0; FAILED with its last words otherwise. */
enum err pg_local_run(const struct pg_local *local, const char *program,
                      const char *const *arguments, uint64_t deadline_boot_ms, char *out,
                      size_t out_size, struct text256 *reterr) ERR_CHECKED;

enum err pg_control_parse(const char *text, struct pg_control *ret_control,
                          struct text256 *reterr) ERR_CHECKED;
enum err pg_control_read(const struct pg_local *local, uint64_t deadline_boot_ms,
                         struct pg_control *ret_control, struct text256 *reterr) ERR_CHECKED;

/* pg_ctl stop -m fast: the walsenders send everything, the shutdown checkpoint included, first. */
enum err pg_local_stop(const struct pg_local *local, uint64_t deadline_boot_ms,
                       struct text256 *reterr) ERR_CHECKED;

/* pg_ctl stop -m immediate: ends a stop that waits for a standby out of reach. What was
 * acknowledged is on disk; the next start recovers it. FAILED also when no server runs. */
enum err pg_local_stop_at_once(const struct pg_local *local, uint64_t deadline_boot_ms,
                               struct text256 *reterr) ERR_CHECKED;

#endif
