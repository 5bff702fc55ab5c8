/* clock: the only place that reads clocks. Leases use stamps of two clocks; REALTIME is for people,
 * records and not-after limits. */
#ifndef DROVER_CLOCK_H
#define DROVER_CLOCK_H

#include <stdint.h>

#include "common/base/stamp.h"

struct stamp clock_stamp(void); /* BOOTTIME and MONOTONIC_RAW, ms */
uint64_t clock_wall_ms(void);   /* REALTIME since 1970, ms */
uint64_t clock_boot_ms(void);   /* BOOTTIME, ms */
uint64_t clock_boot_us(void);   /* BOOTTIME, us: for measurements */

#define CLOCK_TEXT_SIZE 32
/* "2026-11-21T02:31:29.123Z" */
void clock_wall_text(uint64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]);

#endif
