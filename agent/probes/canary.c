#include "agent/probes/canary.h"

#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

struct reading canary_written(const struct canary *canary, uint8_t role) {
    struct reading reading = reading_judged(true, "wrote number %lld", (long long)canary->number);
    reading.role = role;
    reading.writable = true;
    reading.value = 0;
    reading_position(&reading, POSITION_WRITTEN, (uint64_t)canary->number);
    return reading;
}

struct reading canary_found(const struct probe_input *input, const struct canary *canary,
                            uint8_t role, uint64_t otherwise_ms) {
    int64_t now_ms = (int64_t)clock_wall_ms();
    int64_t age_ms = now_ms > canary->wall_ms ? now_ms - canary->wall_ms : 0;
    struct reading reading = reading_judged(true, "has number %lld, %lld ms old",
                                            (long long)canary->number, (long long)age_ms);
    if ((uint64_t)age_ms > parameter_number(input->arguments, "max_age_ms", otherwise_ms)) {
        reading_warn(&reading);
    }
    reading.role = role;
    reading.value = age_ms;
    reading_position(&reading, POSITION_RECEIVED, (uint64_t)canary->number);
    reading_position(&reading, POSITION_APPLIED, (uint64_t)canary->number);
    return reading;
}

struct reading canary_missing(uint8_t role) {
    struct reading reading = reading_judged(false, "no canary has arrived");
    reading.role = role;
    reading.value = -1;
    return reading;
}
