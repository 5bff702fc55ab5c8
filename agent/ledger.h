/* ledger: what an agent must know after any crash: which commands it began and how they ended, the
 * highest epoch it accepted, and its ladder note. SQLite, synchronous=FULL: when a call returns OK,
 * it is on disk. Calls may come from worker threads; one at a time by an inner lock. */
#ifndef DROVER_LEDGER_H
#define DROVER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/ladder.h"
#include "common/base/err.h"
#include "common/base/text.h"
#include "proto/message.h"

struct ledger;

enum ledger_found {
    LEDGER_NEW = 0,
    LEDGER_BEGUN = 1,
    LEDGER_ENDED = 2,
    LEDGER_OTHER = 3, /* another command had these numbers: the log was begun anew, or set back */
};

enum err ledger_open(const char *directory, struct ledger **ret_ledger,
                     struct text256 *reterr) ERR_CHECKED;
void ledger_close(struct ledger *ledger); /* NULL is fine */

/* I4: at most one blind run per (execution, step, attempt). Writes the intent unless there is one;
 * *ret_found tells what stood there before, and whether it was of this very command, by its digest.
 * The epoch becomes the accepted one; STALE below it. */
enum err ledger_begin(struct ledger *ledger, const struct command *command,
                      const uint8_t digest[DIGEST_SIZE], enum ledger_found *ret_found) ERR_CHECKED;
enum err ledger_end(struct ledger *ledger, const struct outcome *outcome) ERR_CHECKED;
/* The outcome of an attempt that ended; NOT_FOUND. */
enum err ledger_outcome(struct ledger *ledger, uint64_t execution, uint8_t step, uint16_t attempt,
                        struct outcome *ret_outcome) ERR_CHECKED;
enum err ledger_epoch(struct ledger *ledger, uint64_t *ret_epoch) ERR_CHECKED;
/* The number of this start: above that of every start before, and no less than `at_least`, so that
 * it still grows when the directory was lost and wall time is given. Durable when it returns OK. */
enum err ledger_boot(struct ledger *ledger, uint64_t at_least, uint64_t *ret_boot) ERR_CHECKED;
enum err ledger_note(struct ledger *ledger, struct ladder_note *ret_note) ERR_CHECKED;
enum err ledger_note_keep(struct ledger *ledger, const struct ladder_note *note) ERR_CHECKED;

#endif
