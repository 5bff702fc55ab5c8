/* ladder: when an agent runs its soft fence (the stores' own durable demotion), and when it
 * lifts it. Pure and level-triggered: asked again and again, it says what is due now. The hard
 * rungs, the kernel gate and the kill, are the guard's and do not depend on this.
 *
 * The soft fence is due when a lease that was held is about to end or has ended, or when a
 * majority of members says that the newest epoch is not ours. It is not due merely because no
 * lease was had since the start: the gate is shut then, and an agent's restart must not hurt a
 * healthy store. It is lifted only when the lease of the very epoch under which it was made
 * comes back: then nobody else can have written. In a newer epoch of ours, the plan's promote
 * step is what opens the store. */
#ifndef DROVER_LADDER_H
#define DROVER_LADDER_H

#include <stdbool.h>
#include <stdint.h>

/* Durable, so that a restarted agent knows what it did. */
struct ladder_note {
    uint64_t fenced_epoch; /* newest epoch for which the soft fence stands; 0: none */
    uint64_t lapsed_epoch; /* the fence was made because our own lease of this epoch ran out; 0 */
};

struct ladder_input {
    bool leased;           /* the guard says so, now */
    bool soft_fence_due;   /* less than F is left, or nothing */
    uint64_t lease_epoch;  /* of the lease held, or the last one held since the start; 0: none */
    uint64_t newest_epoch; /* as a majority of members says; 0: unknown */
    bool newest_ours;      /* it is open and belongs to our region */
};

enum ladder_want { LADDER_NOTHING = 0, LADDER_FENCE, LADDER_LIFT, LADDER_FORGET };

/* What is due, and for LADDER_FENCE the note to keep once it is done. */
enum ladder_want ladder_judge(const struct ladder_note *note, const struct ladder_input *input,
                              struct ladder_note *ret_note);

#endif
