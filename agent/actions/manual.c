/* manual: a step that a person does by hand. The coordinators' core keeps it; it never reaches an
 * agent as a command, and an agent that gets one says so. */
#include "agent/actions/act.h"
#include "agent/actions/actions.h"

static enum err manual_accepts(const struct arguments *arguments, struct text256 *reterr) {
    (void)arguments;
    (void)reterr;
    return ERR_OK;
}

static struct action_result manual_run(const struct action_input *input) {
    (void)input;
    return act_failed(ERR_UNSUPPORTED,
                      "a manual step is told to the coordinators, not to an agent");
}

const struct action_kind_row row_manual = {
    .kind = ACTION_MANUAL,
    .run = manual_run,
    .accepts = manual_accepts,
    .needs_lease = false,
    .arguments_help = "instructions",
    .by_hand = "drover step done <execution> <step> --comment TEXT",
};
