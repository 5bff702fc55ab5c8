/* clocks: how far each agent's wall clock is from this member's, by the stamps of its reports. Told
 * to people, decides nothing: leases are timed by stamps that count, and a lag is timed on this
 * member's own clock (lags.c). */
#ifndef DROVER_CLOCKS_H
#define DROVER_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_LOOKS 8     /* reports; one a second and more */
#define CLOCK_OFF_MS 2000 /* further apart is told; less than this a busy machine does */

/* All zero: nothing seen yet. */
struct clock_seen {
    int64_t off_ms[CLOCK_LOOKS];
    uint8_t next, n;
};

/* A report stamped `theirs_ms` came at `ours_ms`, both in ms since 1970. */
void clock_look(struct clock_seen *seen, uint64_t theirs_ms, uint64_t ours_ms);
/* Ahead of ours by so much; negative: behind. A report's time on its way makes its sender look
 * behind, so the least delayed of the last CLOCK_LOOKS counts: a clock set forward is told at once,
 * one set back after that many reports. 0 before the first. */
int64_t clock_off_ms(const struct clock_seen *seen);
/* More than CLOCK_OFF_MS, either way? */
bool clock_is_off(int64_t off_ms);

#endif
