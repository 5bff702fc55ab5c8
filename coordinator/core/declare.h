/* declare: the guards of rules 302 to 308, in the order of their rows. */
#ifndef DROVER_CORE_DECLARE_H
#define DROVER_CORE_DECLARE_H

#include "coordinator/core/internal.h"

bool declares_again(const struct context *context);
bool declares_while_running(const struct context *context); /* and that one does not give way */
bool declares_stale(const struct context *context);
bool declares_well(const struct context *context);
bool declares_over_another(const struct context *context); /* row 303 refused what may not */
bool declares_what_moved(const struct context *context);
bool declares_drill_amiss(const struct context *context); /* nothing else is the matter with it */

/* The plan that the declaration means: the one it names, or the first of its kind; NONE. */
uint8_t declared_plan(const struct context *context);

#endif
