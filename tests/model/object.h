/* object: the state that SPIN keeps of the real attest.c and holder.c, as bytes.
 *
 * Instants are kept as ages in ticks, capped where no rule looks any further; before each call an
 * age becomes a stamp again. Bytes only: no padding, so that equal states are equal bytes. */
#ifndef DROVER_MODEL_OBJECT_H
#define DROVER_MODEL_OBJECT_H

#include <stdint.h>

#ifndef ROUNDS
#define ROUNDS 1 /* questions in flight at one guard */
#endif
#define MEMBERS 3
#define GUARDS 2

struct model_member {
    uint8_t applied, caught_up, closed, waited, yes_known, yes_epoch, closing, proved;
    uint8_t yes_age, from_age, start_age;
    uint8_t fast;   /* ticks this clock ran double since the last YES or the start */
    uint8_t config; /* it applied the changed topology */
    uint8_t first;  /* it was started without notes, and its first wait is not over */
    uint8_t yes;    /* bit guard * ROUNDS + slot: said YES to that question */
};

struct model_round {
    uint8_t purpose, epoch, age, slow, promised;
};

struct model_guard {
    uint8_t accepted, fenced, promised, wished_accepted, wished_fenced, wished_promised, pending;
    uint8_t leased, by_promise, lease_epoch, lease_age, promise_age, pending_age;
    uint8_t gate, gate_slow, lease_slow, pending_slow; /* gate: ticks the kernel keeps it open */
    uint8_t promise_fast, next, proof;
    uint8_t pins; /* it was started with the changed topology */
    struct model_round round[ROUNDS];
};

struct model_world {
    struct model_member member[MEMBERS];
    struct model_guard guard[GUARDS];
    uint8_t log, member_restarts, guard_restarts, disk_failures, extended, zero_wait;
    uint8_t config_at,
        wipes;    /* config_at: the log's length when the topology changed, 0 = not yet */
    uint8_t lost; /* the log and all notes were lost once */
};

extern struct model_world world;

void world_begin(void);
int step_may(int step);
void step_take(int step);
int world_two_writers(void);  /* I1 */
int world_old_epoch(void);    /* I2: a lease of an epoch that another region has left behind */
int world_heals(void);        /* L1 */
int world_reached(int which); /* 1: D leases  2: promises extended  3: yes through a proof */

#endif
