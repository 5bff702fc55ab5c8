/* patroni_dcs: see patroni_dcs.h. */
#include "agent/actions/patroni_dcs.h"

#include "agent/actions/etcd_kv.h"

#define TRIES_MAX 5 /* when others write the same key */

bool patroni_dcs_given(const struct arguments *arguments) {
    return arg_text(arguments, "etcd", NULL) != NULL;
}

/* One reading, and one writing if it is needed. STALE: somebody else wrote meanwhile. */
static enum err demote_once(const struct action_input *input, const struct patroni_region *region,
                            const struct parts *endpoints, const char *key, uint64_t until_boot_ms,
                            bool *ret_changed, struct text256 *reterr) {
    struct etcd_value value;
    struct patroni_config config;
    char wished[ETCD_VALUE_SIZE];
    enum err err = etcd_get(endpoints, key, until_boot_ms, &value, reterr);
    if (err == ERR_OK && value.size > 0) {
        err = patroni_config_parse(value.at, value.size, region->peer_slot, &config, reterr);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (value.size > 0 && patroni_config_follows(&config, &region->peer) && !config.paused &&
        config.slots_n == 0) {
        return ERR_OK;
    }
    if (input->observe_only) {
        text_say(reterr, "the DCS does not make this region a standby cluster");
        return ERR_FAILED;
    }
    err = patroni_value_demote(value.at, value.size, &region->peer, region->peer_slot, wished,
                               sizeof wished, reterr);
    if (err == ERR_OK) {
        *ret_changed = true;
        err = etcd_put_if(endpoints, key, wished, value.mod_revision, until_boot_ms, reterr);
    }
    return err;
}

enum err patroni_dcs_demote(const struct action_input *input, const struct patroni_region *region,
                            uint64_t until_boot_ms, bool *ret_changed, struct text256 *reterr) {
    struct parts endpoints;
    char key[ETCD_KEY_SIZE];
    const char *namespace = arg_text(input->arguments, "namespace", "service");
    namespace += namespace[0] == '/';
    if (!arg_parts(input->arguments, "etcd", &endpoints) ||
        !text_format(key, sizeof key, "/%s/%s/config", namespace,
                     arg_text(input->arguments, "scope", ""))) {
        text_say(reterr, "arguments \"etcd\", \"scope\", \"namespace\": too long");
        return ERR_TOO_BIG;
    }
    enum err err = ERR_STALE;
    for (unsigned i = 0; i < TRIES_MAX && err == ERR_STALE; i++) {
        err = demote_once(input, region, &endpoints, key, until_boot_ms, ret_changed, reterr);
    }
    return err;
}
