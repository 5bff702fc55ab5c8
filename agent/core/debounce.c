#include "agent/core/debounce.h"

#include "common/base/ensure.h"

static uint8_t next_status(struct debounce *debounce, bool good, bool warn, uint8_t failures_n,
                           uint8_t passes_n) {
    if (!good) {
        debounce->good_n = 0;
        debounce->bad_n = (uint8_t)(debounce->bad_n < UINT8_MAX ? debounce->bad_n + 1 : UINT8_MAX);
        if (debounce->status == DEBOUNCE_FAILED || debounce->bad_n >= failures_n) {
            return DEBOUNCE_FAILED;
        }
        return DEBOUNCE_SUSPECT;
    }
    debounce->bad_n = 0;
    debounce->good_n = (uint8_t)(debounce->good_n < UINT8_MAX ? debounce->good_n + 1 : UINT8_MAX);
    if (debounce->status == DEBOUNCE_FAILED && debounce->good_n < passes_n) {
        return DEBOUNCE_FAILED;
    }
    return warn ? DEBOUNCE_WARN : DEBOUNCE_OK;
}

bool debounce_reading(struct debounce *debounce, bool good, bool warn, uint8_t failures_n,
                      uint8_t passes_n, uint64_t now_ms) {
    ensure(failures_n >= 1);
    ensure(passes_n >= 1);
    uint8_t status = next_status(debounce, good, warn, failures_n, passes_n);
    if (status == debounce->status) {
        return false;
    }
    debounce->status = status;
    debounce->since_ms = now_ms;
    return true;
}
