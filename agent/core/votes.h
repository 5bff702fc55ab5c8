/* votes: the answers to one question, counted. Pure. One member counts once, whatever it sends. */
#ifndef DROVER_VOTES_H
#define DROVER_VOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology/limits.h"

struct votes {
    uint64_t yes, closed, answered; /* bit sets of voters */
    uint8_t voters_n;
    uint32_t wait_ms[MEMBERS_MAX]; /* told by those still waiting after a close */
    uint64_t waiting;
};

void votes_begin(struct votes *votes, uint8_t voters_n);
/* A yes of a voter that said no before (or the other way round) is ignored: the first answer to a
 * nonce counts. Returns false when ignored. */
bool votes_yes(struct votes *votes, uint8_t voter);
/* closed: it says that the epoch is closed or superseded. wait_ms: it still waits that long; 0. */
bool votes_no(struct votes *votes, uint8_t voter, bool closed, uint32_t wait_ms);
bool votes_majority(const struct votes *votes);
bool votes_majority_closed(const struct votes *votes);
bool votes_all(const struct votes *votes);
/* When a majority may say yes at the earliest, by what the waiting ones told; 0 when nobody
 * waits or a majority cannot come from them. */
uint32_t votes_patience_ms(const struct votes *votes);

#endif
