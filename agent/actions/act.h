/* act: what all actions share: results, the time left, secrets by reference. */
#ifndef DROVER_ACTIONS_ACT_H
#define DROVER_ACTIONS_ACT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/action.h"
#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/action_args.h"
#include "common/topology/fill.h"

#define ARG_SERVICE_HELP                                                                           \
    "url, connect_to, ca, user, password_ref, token_ref, certificate, key, tls=1.2|1.3"

struct action_result act_done(bool observed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct action_result act_failed(enum err err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Milliseconds until a deadline on CLOCK_BOOTTIME; 0 when it has passed. */
uint32_t act_left_ms(uint64_t deadline_boot_ms);
/* The earlier of now + ms and the deadline. */
uint64_t act_within(uint32_t ms, uint64_t deadline_boot_ms);
/* Waits `ms`, at most until the deadline. False when the deadline has passed. */
bool act_pause(uint32_t ms, uint64_t deadline_boot_ms);

/* The secret that the argument `name` (or else `broader`, may be NULL) refers to; "" when
 * neither is given. Wipe with secret_wipe. */
enum err act_secret(const struct action_input *input, const char *name, const char *broader,
                    char ret_secret[SECRET_SIZE], struct text256 *reterr) ERR_CHECKED;

/* What the holes of a text are filled with: the command's, and the time now. */
void act_facts(const struct action_input *input, struct fill_facts *ret_facts);

/* The first line of a foreign text, printable, for details. */
void act_line(char *out, size_t out_size, const char *text);

#endif
