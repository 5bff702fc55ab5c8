/* Virtual time: a heap of events, by time and then by the order in which they were added. */
#include "sim.h"

static bool earlier(const struct sim *sim, uint32_t a, uint32_t b) {
    const struct sim_event *x = &sim->events[a], *y = &sim->events[b];
    return x->at_us != y->at_us ? x->at_us < y->at_us : x->order < y->order;
}

void queue_clear(struct sim *sim) {
    sim->heap_n = 0;
    sim->free_n = EVENTS_MAX;
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        sim->free_slots[i] = EVENTS_MAX - 1 - i;
    }
}

struct sim_event *queue_add(struct sim *sim, uint64_t at_us, enum sim_event_kind kind, uint8_t to) {
    ensure(sim->free_n > 0);
    uint32_t slot = sim->free_slots[--sim->free_n];
    struct sim_event *event = &sim->events[slot];
    event->at_us = at_us < sim->now_us ? sim->now_us : at_us;
    event->order = sim->order++;
    event->kind = (uint8_t)kind;
    event->to = to;
    event->arg = 0;
    event->incarnation = to < PROCESSES_N ? sim->processes[to].incarnation : 0;
    uint32_t at = sim->heap_n++;
    while (at > 0 && earlier(sim, slot, sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = slot;
    return event;
}

bool queue_take(struct sim *sim, struct sim_event *ret_event) {
    if (sim->heap_n == 0) {
        return false;
    }
    uint32_t first = sim->heap[0], last = sim->heap[--sim->heap_n];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= sim->heap_n) {
            break;
        }
        if (child + 1 < sim->heap_n && earlier(sim, sim->heap[child + 1], sim->heap[child])) {
            child++;
        }
        if (!earlier(sim, sim->heap[child], last)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    *ret_event = sim->events[first];
    sim->free_slots[sim->free_n++] = first;
    return true;
}
