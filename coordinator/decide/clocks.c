#include "coordinator/decide/clocks.h"

void clock_look(struct clock_seen *seen, uint64_t theirs_ms, uint64_t ours_ms) {
    seen->off_ms[seen->next] = (int64_t)(theirs_ms - ours_ms);
    seen->next = (uint8_t)((seen->next + 1) % CLOCK_LOOKS);
    if (seen->n < CLOCK_LOOKS) {
        seen->n++;
    }
}

int64_t clock_off_ms(const struct clock_seen *seen) {
    int64_t off_ms = seen->n > 0 ? seen->off_ms[0] : 0;
    for (uint8_t i = 1; i < seen->n; i++) {
        off_ms = seen->off_ms[i] > off_ms ? seen->off_ms[i] : off_ms;
    }
    return off_ms;
}

bool clock_is_off(int64_t off_ms) {
    return off_ms > CLOCK_OFF_MS || off_ms < -CLOCK_OFF_MS;
}
