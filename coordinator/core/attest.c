#include "coordinator/core/attest.h"

#include <string.h>

#include "common/base/ensure.h"

void attest_init(struct attest *attest, const struct attest_durable *durable, struct stamp now) {
    memset(attest, 0, sizeof *attest);
    attest->durable = *durable;
    attest->started = now;
    if (durable->closed_epoch > 0) {
        /* The wait of the last close may have been running when we stopped: nobody knows how
         * much of it is left, so all of it, from now. A note that it was over spares us that. */
        attest->closing_epoch = durable->closed_epoch;
        attest->wait_from = now;
    }
    ensure(durable->waited_epoch <= durable->closed_epoch);
}

void attest_caught_up(struct attest *attest) {
    attest->caught_up = true;
}

struct attest_durable attest_close_durable(const struct attest *attest, uint64_t epoch) {
    struct attest_durable durable = attest->durable;
    if (epoch > durable.closed_epoch) {
        durable.closed_epoch = epoch;
    }
    return durable;
}

void attest_close(struct attest *attest, uint64_t epoch) {
    ensure(epoch > 0);
    if (epoch <= attest->durable.closed_epoch) {
        return; /* replayed from the log after a restart: its wait is accounted for */
    }
    attest->durable.closed_epoch = epoch;
    attest->closing_epoch = epoch;
    attest->fence_proved = false;
    /* From the last YES to any epoch, not only to this one: two closes may follow each other before
     * the first one's wait is over, and then it is the older region that may still hold a lease.
     * Without a YES since the start, the start stands for it. */
    attest->wait_from = attest->yes_known ? attest->last_yes : attest->started;
}

void attest_close_from(struct attest *attest, uint64_t epoch, struct stamp now) {
    bool starts = epoch > attest->durable.closed_epoch;
    attest_close(attest, epoch);
    if (starts) {
        attest->wait_from = now;
    }
}

void attest_fence_proved(struct attest *attest, uint64_t epoch) {
    if (epoch == 0 || epoch != attest->closing_epoch) {
        return;
    }
    /* The proof speaks of the region of this epoch only. It may end the wait only where the waits
     * of all older epochs are known to be over: a YES to this epoch came after them. */
    bool older_over = epoch == 1 || attest->durable.waited_epoch >= epoch - 1 ||
                      (attest->yes_known && attest->yes_epoch == epoch);
    if (older_over) {
        attest->fence_proved = true;
    }
}

uint32_t attest_wait_left_ms(const struct attest *attest, struct stamp now, uint32_t wait_ms) {
    if (attest->closing_epoch == 0 || attest->fence_proved ||
        attest->durable.waited_epoch >= attest->closing_epoch) {
        return 0;
    }
    uint64_t passed_ms = stamp_least_passed_ms(attest->wait_from, now);
    return passed_ms >= wait_ms ? 0 : (uint32_t)(wait_ms - passed_ms);
}

uint32_t attest_first_left_ms(const struct attest *attest, struct stamp now, uint32_t first_ms) {
    if (!attest->durable.first_wait) {
        return 0;
    }
    uint64_t passed_ms = stamp_least_passed_ms(attest->started, now);
    return passed_ms >= first_ms ? 0 : (uint32_t)(first_ms - passed_ms);
}

bool attest_first_due(const struct attest *attest, struct stamp now, uint32_t first_ms) {
    return attest->durable.first_wait && attest_first_left_ms(attest, now, first_ms) == 0;
}

void attest_first_waited(struct attest *attest) {
    attest->durable.first_wait = false;
}

bool attest_waited_due(const struct attest *attest, struct stamp now, uint32_t wait_ms) {
    return attest->closing_epoch > attest->durable.waited_epoch &&
           attest_wait_left_ms(attest, now, wait_ms) == 0;
}

struct attest_durable attest_waited_durable(const struct attest *attest) {
    struct attest_durable durable = attest->durable;
    durable.waited_epoch = attest->closing_epoch;
    return durable;
}

void attest_waited(struct attest *attest) {
    ensure(attest->closing_epoch <= attest->durable.closed_epoch);
    attest->durable.waited_epoch = attest->closing_epoch;
}

static enum attest_no attest_judge(const struct attest *attest, const struct lease_view *view,
                                   const struct attest_ask *ask) {
    if (ask->region == NONE) {
        return ATTEST_UNKNOWN_AGENT;
    }
    if (!attest->caught_up) {
        return ATTEST_NOT_CAUGHT_UP;
    }
    if (!ask->numbers_agree) {
        return ATTEST_NUMBERS_DIFFER;
    }
    if (ask->epoch != view->epoch || view->epoch == 0) {
        return ATTEST_NOT_NEWEST;
    }
    if (ask->purpose == ATTEST_COMMAND && !ask->command_wanted) {
        return ATTEST_NOT_WANTED;
    }
    if (ask->purpose == ATTEST_COMMAND && !ask->needs_lease) {
        return ATTEST_YES; /* works at a closed side too: demoting, preparing, checking */
    }
    if (ask->epoch <= attest->durable.closed_epoch) {
        return ATTEST_CLOSED_HERE;
    }
    if (!view->open) {
        return ATTEST_NOT_OPEN;
    }
    if (ask->region != view->owner) {
        return ATTEST_NOT_OWNER;
    }
    if (attest->durable.first_wait || attest_wait_left_ms(attest, ask->now, ask->wait_ms) > 0) {
        return ATTEST_WAITING;
    }
    return ATTEST_YES;
}

enum attest_no attest_ask(struct attest *attest, const struct lease_view *view,
                          const struct attest_ask *ask) {
    ensure(ask->purpose == ATTEST_LEASE || ask->purpose == ATTEST_COMMAND);
    enum attest_no answer = attest_judge(attest, view, ask);
    if (answer == ATTEST_YES && ask->purpose == ATTEST_LEASE) {
        attest->yes_known = true;
        attest->yes_epoch = ask->epoch;
        attest->last_yes = ask->now;
    }
    return answer;
}
