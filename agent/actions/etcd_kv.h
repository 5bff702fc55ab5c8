/* etcd_kv: one key of a region's own etcd (v3 API through its JSON gateway, plain HTTP as
 * Patroni uses it): read, and replace if unchanged. For writing Patroni's configuration while
 * Patroni is down. */
#ifndef DROVER_ACTIONS_ETCD_KV_H
#define DROVER_ACTIONS_ETCD_KV_H

#include <stddef.h>
#include <stdint.h>

#include "agent/actions/act.h"

#define ETCD_KEY_SIZE 256
#define ETCD_VALUE_SIZE 8192

struct etcd_value {
    uint64_t mod_revision; /* 0: there is no such key */
    size_t size;
    char at[ETCD_VALUE_SIZE]; /* terminated */
};

/* Of any endpoint that answers with a quorum behind it. NOT_FOUND never: see mod_revision. */
enum err etcd_get(const struct parts *endpoints, const char *key, uint64_t deadline_boot_ms,
                  struct etcd_value *ret_value, struct text256 *reterr) ERR_CHECKED;
/* STALE when the key changed since it was read as `mod_revision`. */
enum err etcd_put_if(const struct parts *endpoints, const char *key, const char *value,
                     uint64_t mod_revision, uint64_t deadline_boot_ms,
                     struct text256 *reterr) ERR_CHECKED;

#endif
