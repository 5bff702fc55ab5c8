/* preview: what would run now, by whom, and what it would lose. The digest that is printed with it
 * is the members' (coordinator/core/seen.h): it falls when the answer to "what will this do, and
 * what will it cost" has changed. */
#ifndef DROVER_PLAN_PREVIEW_H
#define DROVER_PLAN_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/plan/order.h"
#include "common/topology/topology.h"

enum lag_side {
    LAG_UNKNOWN = 0, /* nobody knows what would be lost */
    LAG_WITHIN = 1,  /* its target is met, or none is declared and the RPO is */
    LAG_BEHIND = 2,  /* above the target, within the RPO */
    LAG_BREACH = 3   /* above the RPO: an automatic failover is refused */
};

const char *lag_side_text(enum lag_side side);

struct preview_facts {
    uint32_t version;       /* of the topology in force */
    uint64_t epoch;         /* that ends */
    uint8_t source, target; /* regions */
    uint64_t heard;         /* agents heard now, a bit each */
    struct {
        bool known;
        uint64_t lag_ms;
    } links[LINKS_MAX];
    char classes[REGIONS_MAX][NAME_SIZE]; /* what each region looks like, in the members' words */
};

/* The RPO that a link's lag is held against: its own, else that of the strictest tier that stands
 * on its component; 0: none. */
uint64_t preview_rpo_ms(const struct topology *topology, uint8_t link);

enum lag_side preview_lag(const struct topology *topology, const struct preview_facts *facts,
                          uint8_t link);

/* Who would be asked to run a step; NONE: nobody who can was heard, or (approval) nobody is. */
uint8_t preview_agent(const struct topology *topology, const struct step *step,
                      const struct preview_facts *facts);

/* Does it run when the plan runs as it begins: a switchover graceful, all others not? */
bool preview_runs(const struct plan *plan, const struct step *step);

/* What such a step does that neither abort nor the plan the other way takes back, for people; NULL:
 * nothing. *ret_known false: only who wrote the step can tell. */
const char *preview_no_return(uint8_t action, bool *ret_known);

#endif
