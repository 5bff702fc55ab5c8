/* reading: small constructors of struct reading and the times and secrets of a probe's input. */
#ifndef DROVER_PROBES_READING_H
#define DROVER_PROBES_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/probe.h"

/* The target was not reached, or did not answer as itself: err is not OK. */
struct reading reading_failed(enum err err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The target answered. Unprintable characters in what it said become '?'. */
struct reading reading_judged(bool good, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Turns a good reading into one with a limit passed; a bad one stays bad. */
void reading_warn(struct reading *reading);

/* A position sampled now; at most two a reading. */
void reading_position(struct reading *reading, enum position_kind kind, uint64_t position);

/* The earlier of the input's deadline and `share` equal parts of what is left of it from now: a
 * silent first target must not use up the time of the others. share >= 1. */
uint64_t probe_deadline_share_ms(uint64_t deadline_boot_ms, unsigned share);

uint32_t probe_left_ms(uint64_t deadline_boot_ms); /* 0 when it has passed */

/* The secret that the argument `name` (for example "password_ref") refers to. Without that argument
 * ret_secret is empty and *ret_given false. Wipe with secret_wipe. */
enum err probe_secret(const struct probe_input *input, const char *name,
                      char ret_secret[SECRET_SIZE], bool *ret_given) ERR_CHECKED;

/* Expected role by the argument expect_role (primary, standby, any); STORE_UNKNOWN: any. */
enum store_role probe_expect_role(const struct arguments *arguments);
const char *probe_role_text(uint8_t role); /* "primary", "standby", "of unknown role" */

#endif
