/* absorb: what a fact changes before any rule is read. */
#ifndef DROVER_ABSORB_H
#define DROVER_ABSORB_H

#include "coordinator/core/internal.h"

/* False when the fact is stale or out of range: then no rule is read and nothing has changed. */
bool absorb(struct context *context);

#endif
