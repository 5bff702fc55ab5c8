/* preview: what would run now, and the bytes that say so: two looks that give the same bytes saw
 * the same plan in the same world. Pure; who hashes them lends the library.
 *
 * Facts that move by themselves are taken by what they mean: a lag by the side of its target and
 * RPO it is on, agents by who would be asked. So the digest stands while nothing happens, and
 * falls when the answer to "what will this do, and what will it cost" has changed. */
#ifndef DROVER_PLAN_PREVIEW_H
#define DROVER_PLAN_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/plan/order.h"
#include "common/topology/topology.h"

/* Enough for the largest plan: STEPS_MAX steps of ACTION_ARGS_MAX arguments. */
#define PREVIEW_BYTES_MAX (384u * 1024)

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

/* Writes the bytes; 0 when they do not fit or a step has too many arguments (E156). */
size_t preview_bytes(const struct topology *topology, const struct plan *plan,
                     const struct order *order, const struct preview_facts *facts, uint8_t *out,
                     size_t out_size);

#endif
