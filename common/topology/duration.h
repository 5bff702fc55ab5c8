/* duration: lengths of time as people write them in configuration and read them in messages. */
#ifndef DROVER_DURATION_H
#define DROVER_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* 30000 <- "30s"; units ms, s, m, h, d, w; one figure and one unit. False when it is not that, or
 * does not fit 64 bits of ms; *ret_ms is untouched then. */
bool duration_from_text(const char *text, uint64_t *ret_ms);

/* "2026-01-25" -> ms since 1970 of the beginning of that day, UTC; 1970 to 9999. False when it is
 * no such day; *ret_wall_ms is untouched then. */
bool day_from_text(const char *text, uint64_t *ret_wall_ms);

struct duration {
    char at[24];
};

/* "30s", "1500ms", "14d": by the largest unit (up to days) that divides it. By value, so that one
 * message can hold several: text_say(reterr, "%s and %s", duration_text(a).at, ...). */
struct duration duration_text(uint64_t ms);

#endif
