/* metrics: what an agent tells Prometheus at GET /metrics: the lease as its guard holds it, whom it
 * hears, its own checks. Written on the loop, at most about once a second (common/io/web.h). Old
 * knowledge is told as stale, never as good. Each series: docs/metrics.md. */
#ifndef DROVER_AGENT_METRICS_H
#define DROVER_AGENT_METRICS_H

#include <stddef.h>

struct agent_program;

#define METRICS_TEXT_SIZE (256 * 1024)

/* Writes at most out_size (>= 4096) bytes; returns how many. */
size_t metrics_write(const struct agent_program *agent, char *out, size_t out_size);

/* The families in the order in which they are written; NULL behind the last. */
const char *metrics_name(unsigned index);

#endif
