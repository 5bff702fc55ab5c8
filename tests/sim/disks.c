/* Disks: full, read-only, failing to sync, slow for seconds. What is refused counts for nothing,
 * and may stand there all the same when only the sync failed. */
#include "sim.h"

uint64_t disk_takes_us(struct sim *sim, uint8_t machine) {
    const struct machine *at = &sim->machines[machine];
    bool slow = at->disk_slow_until_us > sim->now_us;
    return 300 + pick(sim, slow ? at->disk_slow_by_us : 3000);
}

bool disk_refuses(const struct sim *sim, uint8_t machine) {
    return sim->machines[machine].disk_bad_until_us > sim->now_us;
}

bool disk_holds_it_all_the_same(struct sim *sim, uint8_t machine) {
    return sim->machines[machine].disk_unsure && chance(sim, 500);
}

void strike_disk(struct sim *sim, uint8_t machine) {
    struct machine *at = &sim->machines[machine];
    switch (pick(sim, 3)) {
    case 0:
        at->disk_bad_until_us = for_ms(sim, 100, 4000);
        at->disk_unsure = false;
        fault_drawn(sim, FAULT_DISK_FULL, bit(machine));
        break;
    case 1:
        at->disk_bad_until_us = for_ms(sim, 100, 4000);
        at->disk_unsure = true;
        fault_drawn(sim, FAULT_DISK_UNSURE, bit(machine));
        break;
    default:
        at->disk_slow_until_us = for_ms(sim, 100, 6000);
        at->disk_slow_by_us = chance(sim, 300) ? 8000000 : 2500000;
        fault_drawn(sim, FAULT_DISK_SLOW, bit(machine));
        break;
    }
}
