/* patroni_takeback: a region that was handed off, or was about to be, serves again. */
#ifndef DROVER_ACTIONS_PATRONI_TAKEBACK_H
#define DROVER_ACTIONS_PATRONI_TAKEBACK_H

#include "agent/actions/patroni_common.h"

/* Still paused, Patroni starts the primary that was stopped, at `leader` (config.handoff_leader);
 * only when it leads again is the pause lifted: it has every row, its timeline goes on, and the
 * standby region has nothing to rewind. Where Patroni has made a standby of it, it is promoted by
 * its name (a new timeline, every row). Where `leader` is "" or cannot be started the pause is
 * lifted at once and Patroni elects: *ret_elected. Something may take writes after OK: under this
 * region's own lease only, or where it never lost it. TIMEOUT: the primary still starts, and the
 * pause stands; again, then. */
enum err patroni_take_back(struct patroni_region *region, const char *leader,
                           uint64_t deadline_boot_ms, bool *ret_elected,
                           struct text256 *reterr) ERR_CHECKED;

#endif
