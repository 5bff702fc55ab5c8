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
