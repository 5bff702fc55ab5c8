/* answer: what an answer to a question means, for everybody who counts answers. Pure; signatures
 * are the caller's. */
#ifndef DROVER_ANSWER_H
#define DROVER_ANSWER_H

#include "proto/message.h"

/* Is it an answer to exactly this question: purpose, epoch, nonce, digest and asker? */
bool answer_fits(const struct question *question, const struct answer *answer);

/* Does it say that the asked epoch is over: closed, or superseded? A majority of such answers
 * ends a lease. Waiting, not caught up, unknown agent and the like say nothing of the kind. */
bool answer_says_closed(const struct answer *answer);

#endif
