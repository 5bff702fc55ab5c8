/* compare: what a plan has become: steps added, removed and changed, and what that does to the
 * order and to the longest time. Pure. Steps are the same by their names; what they point at
 * (components, agents, needs) by names too, as indexes mean something else in another topology. */
#ifndef DROVER_PLAN_COMPARE_H
#define DROVER_PLAN_COMPARE_H

#include "common/base/err.h"
#include "common/plan/order.h"
#include "common/plan/page.h"

struct plan_side {
    const struct topology *topology;
    const struct plan *plan;
    const char *name; /* "topology.conf", "version 3" */
};

/* Writes a line a difference, none when the plans do the same; *ret_differences counts the lines
 * of steps and of the plan itself. CONFIG: one has no order. TOO_BIG: the page is full. */
enum err plan_compare(const struct plan_side *was, const struct plan_side *is, struct page *page,
                      unsigned *ret_differences) ERR_CHECKED;

#endif
