/* metrics: what a member tells Prometheus at GET /metrics. Read off its memory in a few
 * milliseconds, at most about once a second (common/io/web.h); nothing here waits, asks or changes
 * anything, and nothing secret is in it: names of the topology, states and figures.
 *
 * What is old is never told as good: a check of a silent agent is stale, a region is stale while
 * nobody tells the time, an unknown lag has no figure. Each series: docs/metrics.md. */
#ifndef DROVER_METRICS_H
#define DROVER_METRICS_H

#include <stddef.h>

#include "common/io/exposition.h"

struct coordinator;

#define METRICS_TEXT_SIZE (1024 * 1024)

/* Writes at most out_size (>= 4096) bytes; returns how many. Lines that do not fit are left out as
 * a whole, checks first, and counted in the last line. */
size_t metrics_write(struct coordinator *member, char *out, size_t out_size);

/* The families in the order in which they are written; NULL behind the last. */
const char *metrics_name(unsigned index);

#endif
