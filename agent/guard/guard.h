/* guard: drover-guard, the small root process that closes this host's region when its lease runs
 * out.
 *
 * It speaks to nobody but the agents of this host (one AF_UNIX socket) and the kernel (nftables).
 * It verifies every certificate itself, stamps every question itself, and keeps the kernel's gate
 * open exactly as long as the lease: when nobody refreshes it, the gate shuts by itself.
 *   main.c  start, the poll loop     serve.c  the calls of the agent (guard_wire.h)
 *   gate.c  nftables                 fence.c  time: the gate's upkeep, kill, knock, proof, watchdog
 *   store.c what must survive        agent/core/pins.h  whom it believes
 *   agent/core/holder.h  what it decides
 * For people: docs/guard.md. */
#ifndef DROVER_GUARD_H
#define DROVER_GUARD_H

#include "agent/core/guard_wire.h"
#include "agent/core/holder.h"
#include "agent/core/pins.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "proto/message.h"

struct guard {
    struct guard_conf conf;
    struct pins pins;
    struct keys keys;
    uint8_t key_place; /* enum key_place */
    struct holder holder;
    uint8_t gate_state; /* enum gate_state, as last read back from the kernel or made */
    uint64_t looked_ms; /* boot clock: when it was last read back */
    bool inherited;     /* found open at the start: the lease of our predecessor runs out */
    bool was_leased, was_open;
    bool armed;            /* somebody may have written here since the last kill */
    bool soft_fence_done;  /* the agent's word; only spares the kill */
    uint64_t soft_due_ms;  /* boot clock: since when the agent ought to fence; 0: it need not */
    uint64_t proved_epoch; /* of fence_signature; 0: no proof */
    uint64_t prove_next_ms;
    uint8_t fence_signature[SIGNATURE_SIZE];
    int watchdog; /* descriptor, or -1 */
    uint64_t petted_ms;
};

/* gate.c: one gate a process. */
/* Makes table, set, chains and rules as configured, in one transaction; a running lease's elements
 * stay. The gate is shut where there is none. */
enum err gate_install(const struct gate_conf *conf, struct text256 *reterr) ERR_CHECKED;
/* The kernel keeps the ports open for that long and then shuts them, whatever user space does. */
enum err gate_open_for(const struct gate_conf *conf, uint32_t open_ms,
                       struct text256 *reterr) ERR_CHECKED;
enum err gate_shut(struct text256 *reterr) ERR_CHECKED;
/* What the kernel has now. GATE_ABSENT: not what gate_install made, or open without an end. */
enum gate_state gate_read(void);

/* store.c: the directory is locked for this process by the first of these. */
enum err store_open(const char *directory, struct holder_durable *ret_durable,
                    struct text256 *reterr) ERR_CHECKED;
enum err store_write(const struct holder_durable *durable, struct text256 *reterr) ERR_CHECKED;

/* serve.c: one request to one answer. */
void serve_request(struct guard *guard, const struct guard_request *request,
                   struct guard_answer *ret_answer);

/* fence.c */
void fence_start(struct guard *guard);
void fence_tick(struct guard *guard);
/* Arms the kernel's gate with what the lease still has; shuts it when that is nothing. */
void fence_refresh(struct guard *guard);
/* Signs the proof of the fence when everything that it says is so. */
void fence_prove(struct guard *guard);

#endif
