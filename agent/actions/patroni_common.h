/* patroni_common: what the actions on a Patroni region share. */
#ifndef DROVER_ACTIONS_PATRONI_COMMON_H
#define DROVER_ACTIONS_PATRONI_COMMON_H

#include "agent/actions/act.h"
#include "agent/actions/patroni_rest.h"
#include "agent/actions/pg_group.h"

#define PATRONI_ARGS_HELP                                                                          \
    "patroni_urls=http://IP:8008,..., patroni_user, patroni_password_ref, pg_addresses=IP:5432,"   \
    "..., pg_user, pg_password_ref, pg_database, pg_sslmode, epoch_table"

struct patroni_region {
    struct patroni patroni;
    struct pg_group group;
    struct patroni_peer peer; /* host "" when the action has no peer */
    const char *peer_slot;    /* the slot the peer region reads from here; "" when not given */
};

/* Opens both ways to the region. Always close, also after a failure. */
enum err patroni_region_open(const struct action_input *input, struct patroni_region *ret_region,
                             struct text256 *reterr) ERR_CHECKED;
void patroni_region_close(struct patroni_region *region);

/* Is the member of this REST URL the server at that place? By the host alone. */
bool patroni_url_is_at(const char *url, const struct place *place);

/* No member that answers takes writes, and at least one answered. *ret_err says why not:
 * PRECONDITION while one is writable, AUTH when a member denies us, TIMEOUT when none answers. */
bool patroni_region_is_demoted(const struct pg_group *group, enum err *ret_err);

/* The demotion itself, shared by patroni_demote and pg_rejoin: observes, patches, verifies by SQL.
 * `rest_ms` bounds the REST part. */
struct action_result patroni_region_demote(const struct action_input *input,
                                           struct patroni_region *region, uint32_t rest_ms);

#endif
