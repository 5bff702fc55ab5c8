#include "agent/core/members_time.h"

#include "common/base/ensure.h"

void members_time_hear(struct members_time *time, uint8_t member, uint64_t wall_ms,
                       uint64_t boot_ms) {
    ensure(member < MEMBERS_MAX);
    if (wall_ms != 0) {
        time->ahead_ms[member] = (int64_t)(wall_ms - boot_ms);
        time->heard[member] = true;
    }
}

bool members_time_ahead(const struct members_time *time, uint8_t members_n, int64_t *ret_ahead_ms) {
    int64_t sorted[MEMBERS_MAX];
    unsigned n = 0;
    ensure(members_n <= MEMBERS_MAX);
    for (uint8_t m = 0; m < members_n; m++) {
        unsigned at = n;
        if (!time->heard[m]) {
            continue;
        }
        while (at > 0 && sorted[at - 1] > time->ahead_ms[m]) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = time->ahead_ms[m];
        n++;
    }
    if (n == 0 || 2 * n <= members_n) {
        return false;
    }
    int64_t low = sorted[(n - 1) / 2], high = sorted[n / 2];
    if (high - low > MEMBERS_TIME_APART_MS) {
        return false;
    }
    *ret_ahead_ms = low + (high - low) / 2;
    return true;
}
