#include "common/topology/duration.h"

#include <stddef.h>
#include <string.h>

#include "common/base/text.h"

struct unit {
    const char *text;
    uint64_t ms;
};

static const struct unit units[] = {
    {"w", 7 * DAY_MS}, {"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1},
};

#define UNITS_N (sizeof(units) / sizeof(units[0]))

bool duration_from_text(const char *text, uint64_t *ret_ms) {
    char digits[20];
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, n);
    digits[n] = 0;
    for (size_t i = 0; i < UNITS_N; i++) {
        uint64_t figure;
        if (text_equal(text + n, units[i].text) &&
            text_to_u64(digits, UINT64_MAX / units[i].ms, &figure)) {
            *ret_ms = figure * units[i].ms;
            return true;
        }
    }
    return false;
}

struct duration duration_text(uint64_t ms) {
    struct duration text;
    size_t i = 1; /* never weeks: "30d" and "28d" compare at a glance */
    while (i < UNITS_N - 1 && (ms == 0 || ms % units[i].ms != 0)) {
        i++;
    }
    (void)text_format(text.at, sizeof(text.at), "%llu%s", (unsigned long long)(ms / units[i].ms),
                      units[i].text);
    return text;
}

static unsigned month_days(unsigned year, unsigned month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool day_from_text(const char *text, uint64_t *ret_wall_ms) {
    unsigned figures[3] = {0, 0, 0}, part = 0;
    if (strlen(text) != 10) {
        return false;
    }
    for (unsigned i = 0; i < 10; i++) {
        bool dash = i == 4 || i == 7;
        if (dash != (text[i] == '-') || (!dash && (text[i] < '0' || text[i] > '9'))) {
            return false;
        }
        part += dash;
        figures[part] = dash ? 0 : figures[part] * 10 + (unsigned)(text[i] - '0');
    }
    unsigned year = figures[0], month = figures[1], day = figures[2];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month)) {
        return false;
    }
    uint64_t days = day - 1;
    for (unsigned m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    for (unsigned y = 1970; y < year; y++) {
        days += 337 + month_days(y, 2);
    }
    *ret_wall_ms = days * DAY_MS;
    return true;
}
