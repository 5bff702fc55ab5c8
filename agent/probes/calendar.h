/* calendar: dates of the Gregorian calendar, UTC, as text and as milliseconds. Pure. */
#ifndef DROVER_PROBES_CALENDAR_H
#define DROVER_PROBES_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calendar_time {
    unsigned year, month, day, hour, minute, second; /* 1970..9999, 1.., 1.. */
};

/* False when it is no date. */
bool calendar_ms(const struct calendar_time *time, uint64_t *ret_wall_ms);
void calendar_of_ms(uint64_t wall_ms, struct calendar_time *ret_time);

/* "2026-01-03T10:20:30.123Z" and without the fraction. */
bool calendar_parse_iso(const char *text, uint64_t *ret_wall_ms);

/* The first date in a name, of the years 2000 to 2099: 2026-01-03 or 20260103, and the time behind
 * it after one of "T", "t", "_", "-", " " or nothing: 10:20:30, 102030, 1020 or 10. False: no date
 * is in it. */
bool calendar_find(const char *name, uint64_t *ret_wall_ms);

/* "2026-01-03", "2026-01-03 10h" or "the week of 2026-01-05" (its Monday), by the length of the
 * span. */
#define CALENDAR_HOUR_MS UINT64_C(3600000)
#define CALENDAR_DAY_MS (24 * CALENDAR_HOUR_MS)
#define CALENDAR_WEEK_MS (7 * CALENDAR_DAY_MS)
void calendar_span_text(uint64_t wall_ms, uint64_t span_ms, char *ret_text, size_t text_size);

#endif
