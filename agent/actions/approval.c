/* approval: a step that waits for a person. The coordinators' core keeps it; it never reaches an
 * agent as a command, and an agent that gets one says so. */
#include "agent/actions/act.h"
#include "agent/actions/actions.h"

static enum err approval_accepts(const struct arguments *arguments, struct text256 *reterr) {
    (void)arguments;
    (void)reterr;
    return ERR_OK;
}

static struct action_result approval_run(const struct action_input *input) {
    (void)input;
    return act_failed(ERR_UNSUPPORTED, "an approval is given to the coordinators, not to an agent");
}

const struct action_kind_row row_approval = {
    .kind = ACTION_APPROVAL,
    .run = approval_run,
    .accepts = approval_accepts,
    .needs_lease = false,
    .arguments_help = "none",
    .by_hand = "drover approve <execution> <step>",
};
