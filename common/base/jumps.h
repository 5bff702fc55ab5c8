/* jumps: what happened to a process and to its wall clock between two looks, for its log.
 *
 * A loop looks at every turn of its timer. A look that comes much too late says that the process
 * stood still, or that its machine did; a wall clock that moved by much more or less than the boot
 * clock says that somebody set it. Nothing is decided from either: leases are timed by stamps. */
#ifndef DROVER_JUMPS_H
#define DROVER_JUMPS_H

#include <stdbool.h>
#include <stdint.h>

#define JUMPS_LEAST_MS 1000 /* less than this is an ordinary day's work */

struct jumps {
    bool looked;
    uint64_t boot_ms, wall_ms; /* of the look before */
};

struct jump {
    uint64_t paused_ms; /* stood still for so long; 0: no */
    int64_t stepped_ms; /* the wall clock was set forward, or back, by so much; 0: no */
};

/* every_ms: how far apart two looks are when nothing is wrong. */
static inline struct jump jumps_look(struct jumps *jumps, uint64_t boot_ms, uint64_t wall_ms,
                                     uint32_t every_ms) {
    struct jump jump = {0, 0};
    if (jumps->looked && boot_ms >= jumps->boot_ms) {
        uint64_t passed_ms = boot_ms - jumps->boot_ms;
        int64_t stepped_ms = (int64_t)(wall_ms - jumps->wall_ms) - (int64_t)passed_ms;
        if (passed_ms >= (uint64_t)every_ms + JUMPS_LEAST_MS) {
            jump.paused_ms = passed_ms;
        }
        if (stepped_ms >= JUMPS_LEAST_MS || stepped_ms <= -JUMPS_LEAST_MS) {
            jump.stepped_ms = stepped_ms;
        }
    }
    jumps->looked = true;
    jumps->boot_ms = boot_ms;
    jumps->wall_ms = wall_ms;
    return jump;
}

#endif
