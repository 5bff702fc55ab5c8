/* guard: drover-guard, the small root process that closes this host's region when its lease runs out.
 *
 * It speaks to nobody but the agents of this host (one AF_UNIX socket) and the kernel (nftables). It
 * verifies every certificate itself, stamps every question itself, and keeps the kernel's gate open
 * exactly as long as the lease: when nobody refreshes it, the gate shuts by itself.
 *   main.c  start, the poll loop     serve.c  the calls of the agent (guard_wire.h)
 *   gate.c  nftables                 fence.c  kill, knock, proof, watchdog
 *   store.c what must survive */
#ifndef DROVER_GUARD_H
#define DROVER_GUARD_H

#include "agent/core/guard_wire.h"
#include "agent/core/holder.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "proto/message.h"

struct gate; /* one libnftables context */

struct guard {
    struct guard_conf conf;
    struct topology *pins;
    struct keys keys;
    uint8_t me, region;      /* indexes in the pins */
    struct holder holder;
    struct gate *gate;
    uint8_t gate_state;      /* enum gate_state, as last read back from the kernel */
    uint64_t gate_read_ms;   /* boot clock */
    bool was_leased;
    bool soft_fence_done;    /* the agent's word; only spares the kill */
    bool kill_due;
    uint64_t lease_ended_ms; /* boot clock */
    bool fence_proved;
    uint64_t proved_epoch, prove_next_ms;
    uint8_t fence_signature[SIGNATURE_SIZE];
    int watchdog;            /* descriptor, or -1 */
    uint64_t petted_ms;
    uint64_t refused_n;      /* certificates and the like that did not verify */
};

/* gate.c */
enum err gate_open_context(const struct gate_conf *conf, struct gate **ret_gate,
                           struct text256 *reterr) ERR_CHECKED;
void gate_close_context(struct gate *gate);
/* Makes table, sets, chains and rules as configured, in one transaction; a running lease's elements
 * stay. The gate is shut where there is none. */
enum err gate_install(struct gate *gate, struct text256 *reterr) ERR_CHECKED;
/* The kernel keeps the ports open for that long and then shuts them, whatever user space does. */
enum err gate_open_for(struct gate *gate, uint32_t open_ms, struct text256 *reterr) ERR_CHECKED;
enum err gate_shut(struct gate *gate, struct text256 *reterr) ERR_CHECKED;
/* What the kernel has now. */
enum gate_state gate_read(struct gate *gate);

/* store.c */
enum err store_read(const char *directory, struct holder_durable *ret_durable,
                    struct text256 *reterr) ERR_CHECKED;
enum err store_write(const char *directory, const struct holder_durable *durable,
                     struct text256 *reterr) ERR_CHECKED;

/* serve.c: one request to one answer. */
void serve_request(struct guard *guard, const struct guard_request *request,
                   struct guard_answer *ret_answer);
/* Re-arms the kernel's gate with what the lease still has. */
void serve_refresh_gate(struct guard *guard);

/* fence.c */
void fence_tick(struct guard *guard);
void fence_watchdog_open(struct guard *guard);
void fence_prove(struct guard *guard);

#endif
