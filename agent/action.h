/* action: one action kind is one file in agent/actions/ with one plain function of values, and one
 * row in action_table.c. Runs on a worker thread with a hard deadline. It observes first (is the
 * wished state there already? then `observed`), acts, then verifies. Running it twice, or after it
 * was killed half-way, ends in the same state. Never logs; secrets never reach argv or detail. */
#ifndef DROVER_ACTION_H
#define DROVER_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/io/local_conf.h"
#include "common/io/secrets.h"
#include "proto/message.h"

struct action_input {
    const struct arguments *arguments; /* complete, from the certified command */
    const struct secrets *secrets;
    const char *region; /* where it acts: the command's; never NULL */
    /* What a text that is sent to others may name besides (common/topology/fill.h); each may be
     * NULL, as for the soft fence, which belongs to no execution. */
    const char *cluster, *plan, *step_name;
    uint64_t epoch;
    uint64_t execution; /* with step and attempt: the idempotency key of http_call */
    uint8_t step;
    uint16_t attempt;
    uint32_t timeout_ms;
    uint64_t deadline_boot_ms;
    bool graceful;
    bool observe_only; /* after a restart: look, do not act; FAILED when the state is not there */
    /* exec only: absolute directory of programs the agent's own configuration allows. */
    const char *exec_directory;
    /* fence_agent only: what this agent's own configuration lets be switched; may be NULL. */
    const struct fence_device *fence_devices;
    uint8_t fence_devices_n;
    /* What the agent's topology protects (SEED-31), DNS names among it: no dns_* action changes one
     * of them, whatever its arguments say. */
    char (*protected_names)[NAME_SIZE];
    uint8_t protected_names_n;
    /* Absolute directory for what must outlive the action (divergence inventories), or NULL. */
    const char *state_directory;
};

struct action_result {
    enum err err;  /* OK: the wished state holds, verified */
    bool observed; /* it held before we did anything */
    char detail[SENTENCE_SIZE];
};

struct action_kind_row {
    enum action_kind kind;
    struct action_result (*run)(const struct action_input *input);
    enum err (*accepts)(const struct arguments *arguments, struct text256 *reterr);
    bool needs_lease; /* makes something writable: only under this region's own lease */
    const char *arguments_help;
    /* The same thing by hand, with {argument} holes, for rendered runbooks and refusals. */
    const char *by_hand;
};

const struct action_kind_row *action_kind_of(enum action_kind kind);

/* Runs it. A refusal (AUTH) is tried once more, in the same time, by the credential before, where
 * the file of a secret has both; one that stays names the file in its detail. */
struct action_result action_do(const struct action_kind_row *row, const struct action_input *input);

#endif
