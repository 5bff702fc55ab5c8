/* debounce: from single readings to a check's status: so many bad ones in a row make it failed,
 * so many good ones well again. Pure. */
#ifndef DROVER_DEBOUNCE_H
#define DROVER_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

/* The values of proto's enum check_status. */
enum debounced {
    DEBOUNCE_UNKNOWN = 0,
    DEBOUNCE_OK = 1,
    DEBOUNCE_SUSPECT = 2,
    DEBOUNCE_FAILED = 3,
    DEBOUNCE_WARN = 4
};

struct debounce {
    uint8_t status; /* enum debounced */
    uint8_t bad_n, good_n;
    uint64_t since_ms; /* caller's clock: when the status began */
};

/* One reading; failures_n and passes_n >= 1. Returns true when the status changed. */
bool debounce_reading(struct debounce *debounce, bool good, bool warn, uint8_t failures_n,
                      uint8_t passes_n, uint64_t now_ms);

#endif
