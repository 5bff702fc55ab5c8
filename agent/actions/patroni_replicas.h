/* patroni_replicas: before its leader is stopped, do a region's own replicas have what it has? A
 * hand-off that is taken back may end in Patroni's election, and a replica that runs without its
 * last rows may win it. */
#ifndef DROVER_ACTIONS_PATRONI_REPLICAS_H
#define DROVER_ACTIONS_PATRONI_REPLICAS_H

#include "agent/actions/patroni_common.h"

enum patroni_replicas_verdict {
    PATRONI_REPLICAS_FINE,
    PATRONI_REPLICAS_COMING, /* one starts: it cannot be elected now, and soon perhaps it can */
    PATRONI_REPLICAS_BEHIND  /* one may be elected and does not stream */
};

/* has[i]: member i streams and has what the leader had when it was asked. The members that can be
 * elected count: not the leader, one tagged nofailover, one whose PostgreSQL does not run, and with
 * `synchronous` none but synchronous standbys. *ret_index: which one, unless FINE. Pure. */
enum patroni_replicas_verdict patroni_replicas_judge(const struct patroni_cluster *cluster,
                                                     bool synchronous, const bool *has,
                                                     uint8_t *ret_index);

/* Which seats of the region's group streamed when patroni_replicas_await looked. */
struct patroni_replicas {
    bool streams[ARG_PLACES_MAX];
};

/* Waits until every replica that can be elected streams and has what the primary, seat `primary`,
 * has at the call. PRECONDITION with the member's name when one does not by then; one that still
 * starts at that time is let pass. */
enum err patroni_replicas_await(struct patroni_region *region, uint8_t primary, bool synchronous,
                                uint64_t until_boot_ms, struct patroni_replicas *ret_replicas,
                                struct text256 *reterr) ERR_CHECKED;

/* The primary was stopped: has each seat that streamed received more than up to lsn? Waits for it.
 * One that has stopped itself is let pass. FAILED with the member's address. */
enum err patroni_replicas_received(struct patroni_region *region,
                                   const struct patroni_replicas *replicas, uint64_t lsn,
                                   uint64_t until_boot_ms, struct text256 *reterr) ERR_CHECKED;

#endif
