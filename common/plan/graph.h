/* graph: the order of recovery as text (SEED-88): tier by tier, when each step begins and ends at
 * the latest, what it waits for, and the way through the plan that takes longest. Pure; the picture
 * is render.h's. */
#ifndef DROVER_PLAN_GRAPH_H
#define DROVER_PLAN_GRAPH_H

#include "common/base/err.h"
#include "common/plan/order.h"
#include "common/plan/page.h"

/* CONFIG: the plan has no order. TOO_BIG: the page is full. */
enum err graph_text(const struct topology *topology, const struct plan *plan,
                    struct page *page) ERR_CHECKED;

#endif
