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

int64_t canary_now_ms(const struct probe_input *input) {
    return input->members_time_known ? (int64_t)clock_boot_ms() + input->members_ahead_ms
                                     : (int64_t)clock_wall_ms();
}

bool canary_age(const struct probe_input *input, int64_t wall_ms, int64_t *ret_age_ms) {
    int64_t age_ms = canary_now_ms(input) - wall_ms;
    bool believed = age_ms >= -CANARY_AHEAD_MS;
    *ret_age_ms = believed && age_ms < 0 ? 0 : age_ms;
    return believed;
}

struct reading canary_found(const struct probe_input *input, const struct canary *canary,
                            uint8_t role, uint64_t otherwise_ms) {
    int64_t age_ms = 0;
    struct reading reading;
    if (!canary_age(input, canary->wall_ms, &age_ms)) {
        reading =
            reading_judged(true, "has number %lld, its age is not believed: clock off by %lld s",
                           (long long)canary->number, (long long)-age_ms / 1000);
        reading_warn(&reading);
        age_ms = -1;
    } else {
        reading = reading_judged(true, "has number %lld, %lld ms old", (long long)canary->number,
                                 (long long)age_ms);
    }
    if (age_ms > (int64_t)parameter_number(input->arguments, "max_age_ms", otherwise_ms)) {
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
