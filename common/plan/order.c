/* order: see order.h. */
#include "common/plan/order.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"

/* From the end of each attempt to the beginning of the next: longer every time, up to a bound. */
static uint64_t retry_pauses_ms(unsigned retries) {
    uint64_t all_ms = 0, pause_ms = RETRY_AGAIN_MS;
    for (unsigned n = 0; n < retries; n++) {
        all_ms += pause_ms < RETRY_AGAIN_MAX_MS ? pause_ms : RETRY_AGAIN_MAX_MS;
        pause_ms = pause_ms < RETRY_AGAIN_MAX_MS ? 2 * pause_ms : pause_ms;
    }
    return all_ms;
}

uint64_t step_longest_ms(const struct step *step) {
    return (uint64_t)step->timeout_ms * (1u + step->retries) + retry_pauses_ms(step->retries);
}

uint64_t step_rest_ms(const struct step *step, unsigned tries_n, bool running) {
    unsigned last_n = 1u + step->retries, over_n = running && tries_n > 0 ? tries_n - 1 : tries_n;
    unsigned paused_n = tries_n > 0 ? tries_n - 1 : 0;
    if (tries_n > last_n) {
        return 0;
    }
    return (uint64_t)step->timeout_ms * (last_n - over_n) + retry_pauses_ms(step->retries) -
           retry_pauses_ms(paused_n);
}

void plan_locks_text(const struct plan *plan, const struct step *step, char *out, size_t out_size) {
    out[0] = '\0';
    for (uint8_t i = 0; i < plan->locks_n; i++) {
        if ((step->locks & bit(i)) != 0) {
            (void)text_append(out, out_size, out[0] == '\0' ? "" : ", ");
            (void)text_append(out, out_size, plan->locks[i]);
        }
    }
}

unsigned step_tier(const struct step *step) {
    return step->tier >= 1 && step->tier <= OBJECTIVES_MAX ? step->tier : OBJECTIVES_MAX + 1;
}

unsigned step_serves_tier(const struct plan *plan, const struct step *step) {
    unsigned strictest = OBJECTIVES_MAX + 1;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        unsigned tier = step_tier(&plan->steps[i]);
        strictest = tier < strictest ? tier : strictest;
    }
    return action_moves_name(step->action) && step->tier == 0 ? strictest : step_tier(step);
}

uint64_t step_ttl_ms(const struct topology *topology, const struct step *step) {
    uint64_t most_ms = 0;
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        struct arguments arguments;
        uint64_t ttl_s = 60; /* what dns_update takes without one */
        if (!action_moves_name(step->action) || topology->regions[region].kind != REGION_DATA ||
            topology_step_arguments(topology, step, region, NONE, &arguments) != ERR_OK) {
            continue;
        }
        const char *ttl = arguments_get(&arguments, "ttl");
        if (ttl == NULL || text_to_u64(ttl, 7 * 86400, &ttl_s)) {
            most_ms = ttl_s * SECOND_MS > most_ms ? ttl_s * SECOND_MS : most_ms;
        }
    }
    return most_ms;
}

bool plan_fences(const struct plan *plan) {
    return plan_kind_moves((enum plan_kind)plan->kind);
}

/* What is being worked out: `after` is, by step, the set of what must be done before it. */
struct ordering {
    const struct plan *plan;
    const uint64_t *known_ms; /* by step, how long it lasts; 0: the longest. NULL: all of them */
    struct place_in_order places[STEPS_MAX];
    uint64_t placed, after[STEPS_MAX];
    uint8_t sequence[STEPS_MAX], n; /* what is needed before what needs it */
};

static bool step_is_before(const struct plan *plan, uint8_t step) {
    return plan_fences(plan) && plan->steps[step].before_fence;
}

/* Fills in the wave once everything it needs is placed. */
static bool step_place(struct ordering *ordering, uint8_t index) {
    const struct step *step = &ordering->plan->steps[index];
    struct place_in_order place = {
        .step = index, .wave = 1, .before_fence = step_is_before(ordering->plan, index)};
    uint64_t after = 0;
    for (uint8_t i = 0; i < step->needs_n; i++) {
        uint8_t need = step->needs[i];
        if (need >= ordering->plan->steps_n || !bits_has(ordering->placed, need)) {
            return false;
        }
        unsigned wave = ordering->places[need].wave;
        place.wave = wave >= place.wave ? (uint8_t)(wave + 1) : place.wave;
        after |= ordering->after[need] | bit(need);
    }
    ordering->places[index] = place;
    ordering->after[index] = after;
    ordering->placed |= bit(index);
    ordering->sequence[ordering->n++] = index;
    return true;
}

static bool steps_in_one_mode(const struct step *a, const struct step *b) {
    return a->mode == STEP_MODE_BOTH || b->mode == STEP_MODE_BOTH || a->mode == b->mode;
}

static uint64_t rivals_of(const struct ordering *ordering, uint8_t index) {
    const struct plan *plan = ordering->plan;
    const struct step *step = &plan->steps[index];
    uint64_t rivals = 0;
    for (uint8_t i = 0; step->locks != 0 && i < plan->steps_n; i++) {
        bool ordered = bits_has(ordering->after[index], i) || bits_has(ordering->after[i], index) ||
                       i == index;
        bool meets = (plan->steps[i].locks & step->locks) != 0 &&
                     step_is_before(plan, i) == step_is_before(plan, index) &&
                     steps_in_one_mode(&plan->steps[i], step);
        rivals |= meets && !ordered ? bit(i) : 0;
    }
    return rivals;
}

static uint64_t lasts_ms(const struct ordering *ordering, uint8_t index) {
    uint64_t longest_ms = step_longest_ms(&ordering->plan->steps[index]);
    uint64_t known_ms = ordering->known_ms == NULL ? 0 : ordering->known_ms[index];
    return known_ms != 0 && known_ms < longest_ms ? known_ms : longest_ms;
}

/* While it waits for a lock one of its rivals is at work, and each of them no longer than it can
 * be: in whatever order they come, together they are the longest wait. */
static void step_time(struct ordering *ordering, uint8_t index, uint64_t rivals) {
    const struct step *step = &ordering->plan->steps[index];
    struct place_in_order *place = &ordering->places[index];
    for (uint8_t i = 0; i < step->needs_n; i++) {
        const struct place_in_order *needed = &ordering->places[step->needs[i]];
        if (needed->before_fence == place->before_fence && needed->end_ms > place->start_ms) {
            place->start_ms = needed->end_ms;
        }
    }
    for (uint8_t i = 0; i < ordering->plan->steps_n; i++) {
        place->start_ms += bits_has(rivals, i) ? lasts_ms(ordering, i) : 0;
    }
    place->end_ms = place->start_ms + lasts_ms(ordering, index);
}

static bool comes_before(const struct plan *plan, const struct place_in_order *a,
                         const struct place_in_order *b) {
    if (a->before_fence != b->before_fence) {
        return a->before_fence;
    }
    if (a->wave != b->wave) {
        return a->wave < b->wave;
    }
    unsigned a_tier = step_tier(&plan->steps[a->step]), b_tier = step_tier(&plan->steps[b->step]);
    return a_tier != b_tier ? a_tier < b_tier : a->step < b->step;
}

bool plan_order(const struct plan *plan, struct order *ret_order) {
    return plan_order_known(plan, NULL, ret_order);
}

bool plan_order_known(const struct plan *plan, const uint64_t *known_ms, struct order *ret_order) {
    struct ordering ordering = {.plan = plan, .known_ms = known_ms};
    for (bool grew = true; grew;) {
        grew = false;
        for (uint8_t i = 0; i < plan->steps_n; i++) {
            grew = (!bits_has(ordering.placed, i) && step_place(&ordering, i)) || grew;
        }
    }
    if (ordering.n != plan->steps_n) {
        return false;
    }
    *ret_order = (struct order){.n = ordering.n};
    for (uint8_t i = 0; i < ordering.n; i++) {
        uint8_t index = ordering.sequence[i];
        ret_order->rivals[index] = rivals_of(&ordering, index);
        step_time(&ordering, index, ret_order->rivals[index]);
    }
    for (uint8_t i = 0; i < ordering.n; i++) {
        uint8_t at = i;
        for (; at > 0 && comes_before(plan, &ordering.places[i], &ret_order->at[at - 1]); at--) {
            ret_order->at[at] = ret_order->at[at - 1];
        }
        ret_order->at[at] = ordering.places[i];
    }
    return true;
}
