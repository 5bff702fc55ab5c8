/* seen: what a person saw when they declared or approved, as the core's own facts.
 *
 * A declaration and an approval may carry these bytes, signed with the request; people know them
 * as a digest. It is no hash: behind a checksum stand the facts themselves, so that whoever
 * refuses can say which one moved. Only what every member finds alike in its applied state is in
 * it, and only by what it means: a lag by the side of its target and RPO, a step by whether
 * anybody who can run it is heard. docs/adr/0008-approvals-are-bound-to-what-was-seen.md */
#ifndef DROVER_SEEN_H
#define DROVER_SEEN_H

#include <stdbool.h>

#include "coordinator/core/state.h"

#define SEEN_SIZE 32 /* bytes; all zero: bound to nothing */

/* What a failover would lose over one link, from little to much; written in digests. */
enum loss {
    LOSS_WITHIN = 0,  /* its target is met, or none is declared and the RPO is */
    LOSS_BEHIND = 1,  /* above the target, within the RPO */
    LOSS_BREACH = 2,  /* above the RPO */
    LOSS_UNKNOWN = 3, /* nobody knows */
    LOSSES_N
};

enum seen_form { SEEN_PLAN = 1, SEEN_STEP = 2 };

/* What `drover plan preview` shows of a plan before it is declared. */
struct seen_plan {
    uint64_t epoch;    /* that ends; below 2^48 */
    uint64_t runnable; /* steps that somebody who is heard can run; an approval always */
    uint32_t version;  /* of the topology */
    uint8_t plan, region;
    uint8_t classes[REGIONS_MAX]; /* enum region_class */
    uint8_t losses[LINKS_MAX];    /* enum loss */
};

/* What is seen of one step of an execution that is under way. Its `moves` are the same 16 bits
 * that are kept with an approval (step_state.seen). */
struct seen_step {
    uint64_t execution;
    uint8_t step;
    uint16_t moves;
};

/* The bits of step_state.seen. Those behind SEEN_BOUND say what was the matter when the step was
 * approved; needs[n] of the step was left undone: SEEN_NEED << n. */
#define SEEN_BOUND 0x0001u      /* the approval stands for the bits below */
#define SEEN_UNGRACEFUL 0x0002u /* nothing is handed over */
#define SEEN_SILENT 0x0004u     /* nobody in the region that takes over is heard */
#define SEEN_LOSS_SHIFT 3       /* two bits: the worst enum loss of the guarded links */
#define SEEN_VOID 0x0020u       /* an approval was given for these bits, and they moved */
#define SEEN_NEED 0x0100u
#define SEEN_MOVES (SEEN_BOUND | SEEN_UNGRACEFUL | SEEN_SILENT | 0x0018u | 0xFF00u)

struct seen_plan seen_plan_now(const struct core *core, const struct topology *topology,
                               uint8_t plan, uint8_t region);
/* The facts that an approval of this step would be bound to now. */
uint16_t seen_moves_now(const struct core *core, const struct topology *topology,
                        const struct execution *execution, uint8_t step);
enum loss seen_loss(const struct core *core, const struct topology *topology, uint8_t link);
/* The worst of the guarded links. */
enum loss seen_worst_loss(const struct core *core, const struct topology *topology);

void seen_plan_write(const struct seen_plan *seen, uint8_t out[SEEN_SIZE]);
void seen_step_write(const struct seen_step *seen, uint8_t out[SEEN_SIZE]);
/* False: of the other form, or no digest at all. */
bool seen_plan_read(const uint8_t in[SEEN_SIZE], struct seen_plan *ret_seen);
bool seen_step_read(const uint8_t in[SEEN_SIZE], struct seen_step *ret_seen);
bool seen_is_nothing(const uint8_t in[SEEN_SIZE]);
const char *loss_text(enum loss loss);

#endif
