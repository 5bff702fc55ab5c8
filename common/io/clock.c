#include "common/io/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/base/ensure.h"
#include "common/base/text.h"

static struct timespec read_clock(clockid_t id) {
    struct timespec at;
    int rc = clock_gettime(id, &at);
    ensure(rc == 0);
    return at;
}

static uint64_t clock_ms(clockid_t id) {
    struct timespec at = read_clock(id);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

struct stamp clock_stamp(void) {
    return (struct stamp){
        .boot_ms = clock_ms(CLOCK_BOOTTIME),
        .raw_ms = clock_ms(CLOCK_MONOTONIC_RAW),
    };
}

uint64_t clock_wall_ms(void) {
    return clock_ms(CLOCK_REALTIME);
}

uint64_t clock_boot_ms(void) {
    return clock_ms(CLOCK_BOOTTIME);
}

uint64_t clock_boot_us(void) {
    struct timespec at = read_clock(CLOCK_BOOTTIME);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

void clock_wall_text(uint64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    /* A number from a peer may lie beyond the calendar; it is shown as what it is then. */
    if (wall_ms > UINT64_C(253402300799999) || gmtime_r(&seconds, &tm) == NULL) {
        (void)text_format(ret_text, CLOCK_TEXT_SIZE, "%llums", (unsigned long long)wall_ms);
        return;
    }
    (void)text_format(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
                      tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                      tm.tm_sec, (unsigned)(wall_ms % 1000));
}
