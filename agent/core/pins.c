#include "agent/core/pins.h"

#include <string.h>

#include "common/base/ensure.h"

static void signer_add(struct signer *signers, uint8_t *signers_n, const char *name,
                       const char *region, const uint8_t key[KEY_SIZE],
                       const uint8_t next[KEY_SIZE]) {
    struct signer *signer = &signers[*signers_n];
    ensure(text_copy(signer->name, NAME_SIZE, name));
    ensure(text_copy(signer->region, NAME_SIZE, region));
    memcpy(signer->key, key, KEY_SIZE);
    memcpy(signer->next, next, KEY_SIZE);
    (*signers_n)++;
}

enum err pins_of(const struct topology *topology, const char *agent, struct pins *ret_pins,
                 struct text256 *reterr) {
    const struct lease_numbers *lease = &topology->lease;
    uint8_t me = topology_agent(topology, agent);
    if (me == NONE || !topology->agents[me].guarded) {
        text_say(reterr, "%s is no guarded agent of the pinned topology", agent);
        return ERR_CONFIG;
    }
    if (lease->gate_early_ms == 0 || lease->gate_early_ms >= lease->fence_ms ||
        lease->fence_ms >= lease->lease_ms || lease->promise_ms < lease->lease_ms ||
        topology->members_n == 0) {
        text_say(reterr, "the pinned lease breaks gate_early < fence < lease <= promise");
        return ERR_CONFIG;
    }
    uint8_t region = topology->agents[me].region;
    memset(ret_pins, 0, sizeof *ret_pins);
    (void)text_copy(ret_pins->cluster, NAME_SIZE, topology->cluster);
    (void)text_copy(ret_pins->agent, NAME_SIZE, agent);
    (void)text_copy(ret_pins->region, NAME_SIZE, topology->regions[region].name);
    memcpy(ret_pins->guard_key, topology->agents[me].guard_key, KEY_SIZE);
    memcpy(ret_pins->guard_key_next, topology->agents[me].guard_key_next, KEY_SIZE);
    ret_pins->lease = *lease;
    ret_pins->lease.wait_ms = topology_wait_ms(lease);
    for (unsigned m = 0; m < topology->members_n; m++) {
        const struct member *member = &topology->members[m];
        signer_add(ret_pins->members, &ret_pins->members_n, member->name, "", member->sign_key,
                   member->sign_key_next);
    }
    for (unsigned a = 0; a < topology->agents_n; a++) {
        const struct agent *other = &topology->agents[a];
        const struct region *home = &topology->regions[other->region];
        if (!other->guarded || other->region == region) {
            continue;
        }
        signer_add(ret_pins->askers, &ret_pins->askers_n, other->name, home->name, other->sign_key,
                   other->sign_key_next);
        if (other->gate && home->kind == REGION_DATA) {
            signer_add(ret_pins->promisers, &ret_pins->promisers_n, other->name, home->name,
                       other->guard_key, other->guard_key_next);
        }
    }
    return ERR_OK;
}

struct holder_conf pins_holder_conf(const struct pins *pins) {
    const struct lease_numbers *lease = &pins->lease;
    return (struct holder_conf){
        .lease_ms = lease->lease_ms,
        .fence_ms = lease->fence_ms,
        .gate_early_ms = lease->gate_early_ms,
        .promise_ms = lease->promise_ms,
        .policy = lease->on_quorum_loss == QUORUM_LOSS_HOLD    ? HOLDER_HOLD
                  : lease->on_quorum_loss == QUORUM_LOSS_FENCE ? HOLDER_FENCE
                                                               : HOLDER_FAILSAFE,
        .members_n = pins->members_n,
        .promisers_n = pins->promisers_n,
    };
}
