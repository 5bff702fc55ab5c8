/* members_time: the time of day that a majority of the members agree on, kept on this machine's
 * boot clock: setting this machine's own wall clock does not move it. Agents of all regions have
 * the same one, so that a stamp of one side can be read on the other. For ages that people read;
 * leases, waits and commands are timed by stamps that count (stamp.h). */
#ifndef DROVER_MEMBERS_TIME_H
#define DROVER_MEMBERS_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology/limits.h"

#define MEMBERS_TIME_APART_MS 2000

/* All zero: nobody heard. */
struct members_time {
    int64_t ahead_ms[MEMBERS_MAX]; /* its wall clock, of our boot clock */
    bool heard[MEMBERS_MAX];
};

/* The member told its wall clock (ms since 1970), which came at boot_ms; 0: it does not tell. */
void members_time_hear(struct members_time *time, uint8_t member, uint64_t wall_ms,
                       uint64_t boot_ms);
/* How far the members' time is ahead of our boot clock: the middle one of those heard since the
 * start. False, with nothing set: no majority of members_n is known, or there are two in the middle
 * that are more than MEMBERS_TIME_APART_MS apart. */
bool members_time_ahead(const struct members_time *time, uint8_t members_n, int64_t *ret_ahead_ms);

#endif
