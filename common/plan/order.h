/* order: in which order, and when at the latest, the steps of a plan run. Pure.
 *
 * Steps run as soon as what they need is done, so a plan has no one order: it has waves. Steps of
 * one wave may run side by side, but for those that share a lock (rivals); they are listed by tier.
 * Hand-off steps come first, then the
 * fence, which is no step, then all others. */
#ifndef DROVER_PLAN_ORDER_H
#define DROVER_PLAN_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology/topology.h"

struct place_in_order {
    uint8_t step;      /* its index in the plan */
    uint8_t wave;      /* from 1: one more than the latest of what it needs */
    uint64_t start_ms; /* at the latest, from the beginning of its side of the fence: every step
                         * before it, and every rival, used all of its attempts */
    uint64_t end_ms;
    bool before_fence;
};

struct order {
    uint8_t n;
    struct place_in_order at[STEPS_MAX];
    /* By step index: bit set of the steps that may hold a lock which it needs when its turn comes.
     * They are of its side of the fence, neither before nor behind it, and run in one mode. */
    uint64_t rivals[STEPS_MAX];
};

/* False when steps need each other in a circle (E170), or one needs what is not there (E171);
 * *ret_order is untouched then. */
bool plan_order(const struct plan *plan, struct order *ret_order);

/* The same with what is known of how long each step lasts, by step, ms: never longer than its
 * longest; 0 or a NULL array: its longest. */
bool plan_order_known(const struct plan *plan, const uint64_t *known_ms, struct order *ret_order);

/* The longest that a step can take: each attempt its timeout, and the pauses between them (1 s,
 * 2 s, 4 s ... up to a minute). An agent that falls silent costs 2 s more an attempt. Waiting for
 * a person is not in it, but for `action = "approval"`: its timeout is a forecast, no end. */
uint64_t step_longest_ms(const struct step *step);

/* The same from the beginning of attempt `tries_n` (running), or from its failure on (not running);
 * 0 tries: all of it. 0 behind its last attempt. */
uint64_t step_rest_ms(const struct step *step, unsigned tries_n, bool running);

/* The names of its locks, in the plan's order: "dns, haproxy"; "" without any. */
void plan_locks_text(const struct plan *plan, const struct step *step, char *out, size_t out_size);

/* 1 to 4, and 5 for a step in no tier. */
unsigned step_tier(const struct step *step);

/* The tier that a step serves: names bring clients to the strictest one of the plan. */
unsigned step_serves_tier(const struct plan *plan, const struct step *step);

/* How long clients may keep a name that it moves: the largest TTL of any data region's; 0: it moves
 * none. */
uint64_t step_ttl_ms(const struct topology *topology, const struct step *step);

/* Does the plan fence? A reprotect does not. */
bool plan_fences(const struct plan *plan);

#endif
