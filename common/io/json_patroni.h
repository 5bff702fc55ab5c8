/* json_patroni: what of Patroni's answers a check and an action must read alike. */
#ifndef DROVER_IO_JSON_PATRONI_H
#define DROVER_IO_JSON_PATRONI_H

#include <jansson.h>
#include <stdbool.h>

/* Is a member with these tags (NULL: none) never elected? As Patroni's tags.py: `nofailover`
 * decides where it is given, else a `failover_priority` of 0 or less. */
bool patroni_never_elected(const json_t *tags);

#endif
