/* order: see order.h. */
#include "common/plan/order.h"

#include <string.h>

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
    return plan->kind != PLAN_REPROTECT;
}

/* Fills in wave and times once everything it needs is placed. */
static bool step_place(const struct plan *plan, const bool *placed,
                       const struct place_in_order *places, uint8_t index,
                       struct place_in_order *ret_place) {
    const struct step *step = &plan->steps[index];
    struct place_in_order place = {
        .step = index, .wave = 1, .before_fence = plan_fences(plan) && step->before_fence};
    for (uint8_t i = 0; i < step->needs_n; i++) {
        uint8_t need = step->needs[i];
        if (need >= plan->steps_n || !placed[need]) {
            return false;
        }
        const struct place_in_order *needed = &places[need];
        place.wave = needed->wave >= place.wave ? (uint8_t)(needed->wave + 1) : place.wave;
        if (needed->before_fence == place.before_fence && needed->end_ms > place.start_ms) {
            place.start_ms = needed->end_ms;
        }
    }
    place.end_ms = place.start_ms + step_longest_ms(step);
    *ret_place = place;
    return true;
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
    struct place_in_order places[STEPS_MAX];
    bool placed[STEPS_MAX] = {false};
    uint8_t n = 0;
    for (bool grew = true; grew;) {
        grew = false;
        for (uint8_t i = 0; i < plan->steps_n; i++) {
            if (!placed[i] && step_place(plan, placed, places, i, &places[i])) {
                placed[i] = true;
                grew = true;
                n++;
            }
        }
    }
    if (n != plan->steps_n) {
        return false;
    }
    ret_order->n = n;
    for (uint8_t i = 0; i < n; i++) {
        uint8_t at = i;
        for (; at > 0 && comes_before(plan, &places[i], &ret_order->at[at - 1]); at--) {
            ret_order->at[at] = ret_order->at[at - 1];
        }
        ret_order->at[at] = places[i];
    }
    return true;
}
