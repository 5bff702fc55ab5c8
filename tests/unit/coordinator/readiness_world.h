/* readiness_world: what is known of a region, made by hand, and the lines that come of it. */
#ifndef DROVER_TESTS_READINESS_WORLD_H
#define DROVER_TESTS_READINESS_WORLD_H

#include "common/topology/duration.h"
#include "coordinator/decide/readiness.h"

#define NOW_MS (20000 * DAY_MS)

extern struct core core;
extern struct topology topology;
extern struct readiness_input input;
extern struct readiness result;
extern struct report reports[AGENTS_MAX];

uint8_t agent(const char *name);
struct check *check(const char *name);
struct check_report *seen(const char *agent_name, const char *check_name);
/* Who runs what, everything well, a second ago. */
void fill_reports(void);
/* East serves, and west could take over. */
void make_well(void);
/* The names of the lines that are not good, blockers with a "!" before them, "?" for not known. */
const char *failing(void);
const struct readiness_line *line_of(const char *name);

#endif
