/* log: the one mouth of the shells. One event is one line on stderr:
 *
 *   2026-11-21T02:31:29.123Z notice lease.moved epoch=7 region=west
 *
 * Library code never logs. Not to be confused with coordinator/log/log.h, the ordered log of
 * facts. */
#ifndef DROVER_IO_LOG_H
#define DROVER_IO_LOG_H

#include <stdint.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

#include "common/base/jumps.h"

#define LOG_LINE_SIZE 1024 /* with the newline; longer lines are cut and end in "..." */

/* Events above this level are not written; LOG_INFO at first. */
void log_level(int level);

/* event: a dotted lower-case name, stable, for machines. format: key=value pairs, values with
 * spaces in quotes. Control characters come out as \n, \t or \xNN, so that one event is always
 * one line. Under systemd the line begins with the journal's <N>. Thread-safe; never blocks:
 * when nobody reads stderr the line is lost, and the next one says lines_lost=N. errno is kept. */
void log_event(int level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* At each turn of a loop's timer: says when the process stood still (process.paused for_ms=), and
 * when somebody set the wall clock (clock.stepped by_ms=). For whoever reads the log afterwards:
 * leases and waits are timed by other clocks. */
void log_jumps(struct jumps *jumps, uint32_t every_ms);

#endif
