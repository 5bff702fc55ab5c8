/* patroni_dcs: the demotion of a Patroni region, written straight into its own etcd while no
 * Patroni of it answers: a returning region boots, and Patroni must find itself in a standby
 * cluster before it finds that it still holds the leader key. */
#ifndef DROVER_ACTIONS_PATRONI_DCS_H
#define DROVER_ACTIONS_PATRONI_DCS_H

#include "agent/actions/patroni_common.h"

/* Do the arguments name the region's etcd? */
bool patroni_dcs_given(const struct arguments *arguments);

/* OK: the DCS says that the region follows its peer. *ret_changed is set when it did not
 * before; with observe_only nothing is changed. REFUSED, UNREACHABLE, NO_QUORUM while etcd is
 * not up either. */
enum err patroni_dcs_demote(const struct action_input *input, const struct patroni_region *region,
                            uint64_t until_boot_ms, bool *ret_changed,
                            struct text256 *reterr) ERR_CHECKED;

#endif
