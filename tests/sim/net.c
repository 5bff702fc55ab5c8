/* The network between places: messages are lost, doubled, late, and overtake each other. Over a cut
 * some are kept by a queue on the way and arrive when nobody expects them any more. */
#include "sim.h"

/* The log of a single member is a file beside it. */
static bool is_local(const struct sim *sim, uint8_t from_place, uint8_t to_place) {
    return sim->members_n == 1 && (from_place == ENGINE_PLACE || to_place == ENGINE_PLACE);
}

bool net_reaches(const struct sim *sim, uint8_t from_place, uint8_t to_place) {
    return is_local(sim, from_place, to_place) ||
           sim->cut_until_us[from_place][to_place] <= sim->now_us;
}

void net_cut(struct sim *sim, uint64_t from_places, uint64_t to_places, uint64_t until_us,
             bool one_way) {
    for (uint8_t a = 0; a < PLACES_N; a++) {
        for (uint8_t b = 0; b < PLACES_N; b++) {
            if (a == b || !bits_has(from_places, a) || !bits_has(to_places, b)) {
                continue;
            }
            sim->cut_until_us[a][b] = until_us;
            if (!one_way) {
                sim->cut_until_us[b][a] = until_us;
            }
        }
    }
}

static void post(struct sim *sim, const struct sim_message *message, uint64_t delay_us) {
    struct sim_event *event = queue_add(sim, sim->now_us + delay_us, SIM_MESSAGE, message->to);
    event->message = *message;
}

void net_send(struct sim *sim, const struct sim_message *message) {
    const struct weather *weather = &sim->weather;
    uint8_t from = place_of(message->from), to = place_of(message->to);
    bool stormy = sim->now_us < weather->stormy_until_us;
    uint64_t delay_us = 500 + pick(sim, 4000);
    if (sim->free_n < EVENTS_MAX / 8) {
        return; /* a bounded network: full queues drop */
    }
    if (is_local(sim, from, to)) {
        post(sim, message, delay_us);
        return;
    }
    if (!net_reaches(sim, from, to)) {
        if (weather->cuts_are_tight || !chance(sim, 200)) {
            return;
        }
        delay_us += sim->cut_until_us[from][to] == UINT64_MAX
                        ? pick(sim, 6000000)
                        : sim->cut_until_us[from][to] - sim->now_us + pick(sim, 200000);
        if (delay_us > 12000000) {
            return;
        }
    }
    if (stormy && chance(sim, weather->loss_permille)) {
        return;
    }
    if (stormy && chance(sim, weather->tail_permille)) {
        delay_us += pick(sim, (uint64_t)weather->tail_ms * 1000 + 1);
    }
    if (stormy && chance(sim, weather->dup_permille)) {
        post(sim, message, delay_us + pick(sim, 2000000));
    }
    post(sim, message, delay_us);
}

void net_local(struct sim *sim, const struct sim_message *message) {
    struct sim_message copy = *message;
    if (!sim->processes[message->to].alive) {
        return;
    }
    copy.incarnation = sim->processes[message->to].incarnation;
    post(sim, &copy, 100); /* always the same: in order */
}
