#include "agent/core/votes.h"

#include <string.h>

#include "common/base/bits.h"

void votes_begin(struct votes *votes, uint8_t voters_n) {
    ensure(voters_n <= 64);
    memset(votes, 0, sizeof *votes);
    votes->voters_n = voters_n;
}

static bool first_answer(struct votes *votes, uint8_t voter) {
    if (voter >= votes->voters_n || bits_has(votes->answered, voter)) {
        return false;
    }
    votes->answered |= bit(voter);
    return true;
}

bool votes_yes(struct votes *votes, uint8_t voter) {
    if (!first_answer(votes, voter)) {
        return false;
    }
    votes->yes |= bit(voter);
    ensure((votes->yes & votes->closed) == 0);
    return true;
}

bool votes_no(struct votes *votes, uint8_t voter, bool closed, uint32_t wait_ms) {
    if (!first_answer(votes, voter)) {
        return false;
    }
    if (closed) {
        votes->closed |= bit(voter);
    }
    if (wait_ms > 0 && voter < MEMBERS_MAX) {
        votes->waiting |= bit(voter);
        votes->wait_ms[voter] = wait_ms;
    }
    ensure((votes->yes & votes->closed) == 0);
    return true;
}

bool votes_majority(const struct votes *votes) {
    return bits_count(votes->yes) >= majority_of(votes->voters_n);
}

bool votes_majority_closed(const struct votes *votes) {
    return bits_count(votes->closed) >= majority_of(votes->voters_n);
}

bool votes_all(const struct votes *votes) {
    return votes->voters_n > 0 && bits_count(votes->yes) == votes->voters_n;
}

/* The wait after which enough of the waiting ones, with those that said yes, make a majority. */
uint32_t votes_patience_ms(const struct votes *votes) {
    unsigned missing_n = majority_of(votes->voters_n);
    unsigned yes_n = bits_count(votes->yes);
    missing_n = yes_n >= missing_n ? 0 : missing_n - yes_n;
    if (missing_n == 0 || bits_count(votes->waiting) < missing_n) {
        return 0;
    }
    uint64_t taken = 0;
    uint32_t latest_ms = 0;
    for (unsigned n = 0; n < missing_n; n++) {
        unsigned best = MEMBERS_MAX;
        for (unsigned v = 0; v < MEMBERS_MAX; v++) {
            bool open = bits_has(votes->waiting, v) && !bits_has(taken, v);
            if (open && (best == MEMBERS_MAX || votes->wait_ms[v] < votes->wait_ms[best])) {
                best = v;
            }
        }
        ensure(best < MEMBERS_MAX);
        taken |= bit(best);
        latest_ms = votes->wait_ms[best];
    }
    return latest_ms;
}
