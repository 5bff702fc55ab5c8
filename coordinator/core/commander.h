/* commander: who has command of the running execution: one person at a time. Approvals are no
 * commands, nor is what makes things safer (HOLD) or begins another move (DECLARE). Rules 309 and
 * 331 to 335; docs/adr/0010-one-person-has-command.md says why. */
#ifndef DROVER_COMMANDER_H
#define DROVER_COMMANDER_H

#include "coordinator/core/internal.h"

/* The request names a step of the running execution that a person does by hand (manual). */
bool asks_of_manual_step(const struct context *context);

/* A manual step is its role's, as an approval is. Of any other it is said by whose role may run it,
 * and past an approval that it waits for only by whose role may give that, or skip it. */
bool may_say_done(const struct context *context);
/* The two-person rule: who declared it, with whichever key, neither approves a step that asks for
 * an approval, nor passes it by (skip, done). docs/adr/0012 says why. */
bool passes_own_approval(const struct context *context);

/* Guards. */
bool commands_without_command(const struct context *context); /* somebody else has it */
bool takes_command(const struct context *context);            /* nobody has it, or the asker */
bool asks_for_command(const struct context *context);         /* the first who asks its holder */
bool relieves_of_command(const struct context *context);      /* asked, and not answered in time */
bool asks_too_soon(const struct context *context);
bool hands_over_command(const struct context *context);

/* Effects. */
void do_take_command(struct context *context);
void do_ask_for_command(struct context *context);
void do_hand_over_command(struct context *context);

/* Of a new execution: whoever declared it, if that role may have command. */
void commander_declared(const struct context *context, struct execution *execution);
/* A request was applied. The first command of an execution that nobody has takes command of it;
 * whatever its holder asks for is an answer to somebody who asked for command. */
void commander_heard(const struct context *context);

#endif
