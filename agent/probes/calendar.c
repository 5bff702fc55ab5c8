#include "agent/probes/calendar.h"

#include <string.h>

#include "common/base/text.h"

/* Days since 1970-01-01: years begin in March here, so that the leap day is a year's last. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day) {
    uint64_t y = month <= 2 ? year - 1 : year;
    uint64_t shifted = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

static unsigned month_days(unsigned year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool calendar_ms(const struct calendar_time *time, uint64_t *ret_wall_ms) {
    if (time->year < 1970 || time->year > 9999 || time->month < 1 || time->month > 12 ||
        time->day < 1 || time->day > month_days(time->year, time->month) || time->hour > 23 ||
        time->minute > 59 || time->second > 60) {
        return false;
    }
    uint64_t seconds = days_of(time->year, time->month, time->day) * 86400 +
                       (uint64_t)time->hour * 3600 + (uint64_t)time->minute * 60 + time->second;
    *ret_wall_ms = seconds * 1000;
    return true;
}

void calendar_of_ms(uint64_t wall_ms, struct calendar_time *ret_time) {
    uint64_t seconds = wall_ms / 1000 % 86400, days = wall_ms / CALENDAR_DAY_MS + 719468;
    uint64_t era_day = days % 146097;
    uint64_t year_of = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    uint64_t day_of = era_day - (365 * year_of + year_of / 4 - year_of / 100);
    uint64_t shifted = (5 * day_of + 2) / 153;
    uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    *ret_time = (struct calendar_time){
        .year = (unsigned)(days / 146097 * 400 + year_of + (month <= 2 ? 1 : 0)),
        .month = (unsigned)month,
        .day = (unsigned)(day_of - (153 * shifted + 2) / 5 + 1),
        .hour = (unsigned)(seconds / 3600),
        .minute = (unsigned)(seconds / 60 % 60),
        .second = (unsigned)(seconds % 60),
    };
}

/* Exactly n digits; *at moves behind them. */
static bool digits_take(const char **at, unsigned n, unsigned *ret_value) {
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(c - '0');
    }
    *at += n;
    *ret_value = value;
    return true;
}

static bool char_take(const char **at, char c) {
    if (**at != c) {
        return false;
    }
    ++*at;
    return true;
}

bool calendar_parse_iso(const char *text, uint64_t *ret_wall_ms) {
    struct calendar_time time;
    const char *at = text;
    uint64_t wall_ms = 0;
    if (!digits_take(&at, 4, &time.year) || !char_take(&at, '-') ||
        !digits_take(&at, 2, &time.month) || !char_take(&at, '-') ||
        !digits_take(&at, 2, &time.day) || !char_take(&at, 'T') ||
        !digits_take(&at, 2, &time.hour) || !char_take(&at, ':') ||
        !digits_take(&at, 2, &time.minute) || !char_take(&at, ':') ||
        !digits_take(&at, 2, &time.second) || !calendar_ms(&time, &wall_ms)) {
        return false;
    }
    if (char_take(&at, '.')) {
        unsigned scale = 100;
        for (; *at >= '0' && *at <= '9'; at++) {
            wall_ms += (uint64_t)(*at - '0') * scale;
            scale /= 10;
        }
    }
    if (!text_equal(at, "Z")) {
        return false;
    }
    *ret_wall_ms = wall_ms;
    return true;
}

/* What of a time stands there; the rest stays 0. */
static void time_take(const char *at, struct calendar_time *time) {
    static const char between[] = "Tt_- ";
    unsigned value = 0;
    if (*at != '\0' && strchr(between, *at) != NULL) {
        at++;
    }
    if (!digits_take(&at, 2, &value) || value > 23) {
        return;
    }
    time->hour = value;
    bool colons = char_take(&at, ':');
    if (!digits_take(&at, 2, &value) || value > 59) {
        return;
    }
    time->minute = value;
    if (colons && !char_take(&at, ':')) {
        return;
    }
    if (digits_take(&at, 2, &value) && value <= 59) {
        time->second = value;
    }
}

static bool date_take(const char *at, uint64_t *ret_wall_ms) {
    struct calendar_time time = {0};
    if (!digits_take(&at, 4, &time.year) || time.year < 2000 || time.year > 2099) {
        return false;
    }
    bool dashes = char_take(&at, '-');
    if (!digits_take(&at, 2, &time.month) || (dashes && !char_take(&at, '-')) ||
        !digits_take(&at, 2, &time.day) || !calendar_ms(&time, ret_wall_ms)) {
        return false;
    }
    time_take(at, &time);
    return calendar_ms(&time, ret_wall_ms);
}

bool calendar_find(const char *name, uint64_t *ret_wall_ms) {
    for (const char *at = name; *at != '\0'; at++) {
        bool inside = at > name && at[-1] >= '0' && at[-1] <= '9';
        if (!inside && date_take(at, ret_wall_ms)) {
            return true;
        }
    }
    return false;
}

void calendar_span_text(uint64_t wall_ms, uint64_t span_ms, char *ret_text, size_t text_size) {
    struct calendar_time time;
    /* 1970-01-01 was a Thursday: 3 days after a Monday. */
    uint64_t monday_ms = wall_ms - (wall_ms + 3 * CALENDAR_DAY_MS) % CALENDAR_WEEK_MS;
    bool weeks = span_ms >= CALENDAR_WEEK_MS && wall_ms >= CALENDAR_WEEK_MS;
    calendar_of_ms(weeks ? monday_ms : wall_ms, &time);
    (void)text_format(ret_text, text_size, "%s%04u-%02u-%02u", weeks ? "the week of " : "",
                      time.year, time.month, time.day);
    if (span_ms < CALENDAR_DAY_MS) {
        char hour[16];
        (void)text_format(hour, sizeof hour, " %02uh", time.hour);
        (void)text_append(ret_text, text_size, hour);
    }
}
