/* Random valid messages, by seed: for the round trip, for the truncations, and as the seeds of the
 * fuzzing corpus. */
#ifndef DROVER_TEST_RANDOM_MESSAGE_H
#define DROVER_TEST_RANDOM_MESSAGE_H

#include "common/base/rng.h"
#include "proto/message.h"

/* Memory that borrowed fields of a random message point to. */
struct random_space {
    char text[8192];
    uint8_t frame[4096];
    uint8_t body[FRAME_AGENT_MAX];
};

/* Everything random within its bounds, nothing left out; the rest is zero. */
void random_report(struct rng *rng, struct report *ret_report);
void random_message(struct rng *rng, enum message_kind kind, struct random_space *space,
                    struct message *ret_message);
void random_certificate(struct rng *rng, struct certificate *ret_certificate);

#endif
