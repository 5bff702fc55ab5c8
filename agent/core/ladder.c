#include "agent/core/ladder.h"

#include "common/base/ensure.h"

enum ladder_want ladder_judge(const struct ladder_note *note, const struct ladder_input *input,
                              struct ladder_note *ret_note) {
    *ret_note = *note;
    bool held = input->leased && !input->soft_fence_due;
    if (held) {
        ensure(input->lease_epoch > 0);
        if (note->lapsed_epoch == input->lease_epoch) {
            *ret_note = (struct ladder_note){0};
            return LADDER_LIFT;
        }
        if (note->fenced_epoch != 0) {
            *ret_note = (struct ladder_note){0};
            return LADDER_FORGET;
        }
        return LADDER_NOTHING;
    }
    bool others = input->newest_epoch != 0 && !input->newest_ours;
    if (others && note->fenced_epoch < input->newest_epoch) {
        ret_note->fenced_epoch = input->newest_epoch;
        ret_note->lapsed_epoch = 0;
        return LADDER_FENCE;
    }
    bool lapsed = input->soft_fence_due && input->lease_epoch != 0 && !others;
    if (lapsed && note->lapsed_epoch != input->lease_epoch) {
        ret_note->fenced_epoch = input->lease_epoch;
        ret_note->lapsed_epoch = input->lease_epoch;
        return LADDER_FENCE;
    }
    return LADDER_NOTHING;
}
