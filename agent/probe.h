/* probe: one check kind is one file in agent/probes/ with one plain function of values, and one row
 * in probe_table.c. It runs on a worker thread with a hard deadline, holds no state between runs,
 * never logs, and must return by its deadline (use timeouts everywhere: libraries' defaults are
 * longer). How to add one: docs/adding-a-probe.md. */
#ifndef DROVER_PROBE_H
#define DROVER_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/io/local_conf.h"
#include "common/io/secrets.h"
#include "common/topology/topology.h"
#include "proto/message.h"

struct probe_input {
    const struct arguments *arguments; /* of the check */
    const struct secrets *secrets;     /* arguments "password_ref" etc. name entries here */
    uint32_t timeout_ms;               /* total; deadline_boot_ms = start + this */
    uint64_t deadline_boot_ms;         /* CLOCK_BOOTTIME */
    bool active; /* the agent's region holds the open epoch, as far as the agent knows */
    /* The members' time of day is this far ahead of CLOCK_BOOTTIME (members_time.h), if known. */
    bool members_time_known;
    int64_t members_ahead_ms;
    /* exec only: absolute directory of programs the agent's own configuration allows; or NULL. */
    const char *exec_directory;
    /* fence_agent only: what this agent's own configuration can switch; may be NULL. */
    const struct fence_device *fence_devices;
    uint8_t fence_devices_n;
    /* secret_age only: the agent's own key file; NULL: it has none. */
    const char *key;
    /* Absolute directory for what outlives the probe (levels of replicas), or NULL. */
    const char *state_directory;
};

struct reading {
    enum err err; /* OK: the target answered and is judged by the fields below */
    bool good;    /* healthy by this probe's own rule (role as expected, status 200, ...) */
    bool warn;    /* good, but a declared limit is passed */
    uint8_t role; /* enum store_role */
    bool writable;
    uint32_t latency_ms;
    int64_t value; /* kind's figure */
    uint8_t positions_n;
    struct position_report positions[2]; /* .link is filled in by the caller */
    char detail[96];                     /* one line for people: what was seen, or why not good */
    char leader[LEADER_SIZE];            /* who leads, by the cluster's own word; "": not told */
    uint32_t timeline;                   /* the leader's, of PostgreSQL; 0: not told */
};

struct probe_kind {
    enum check_kind kind;
    struct reading (*run)(const struct probe_input *input);
    /* Says what is wrong with a check's arguments (config check); OK otherwise. */
    enum err (*accepts)(const struct arguments *arguments, struct text256 *reterr);
    const char *arguments_help; /* "url=..., expect_status=200, ..." : in docs and errors */
};

/* NULL for a kind without a probe. */
const struct probe_kind *probe_kind_of(enum check_kind kind);

/* Runs it. A refusal (AUTH) is tried once more, in the same time, by the credential before, where
 * the file of a secret has both; one that stays names the file in its detail. */
struct reading probe_look(const struct probe_kind *kind, const struct probe_input *input);

#endif
