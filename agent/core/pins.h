/* pins: whom a guard believes, taken out of the pinned topology. Pure.
 *
 * The whole topology would be 3.5 MiB of memory that a guard keeps locked; this is 17 KiB. */
#ifndef DROVER_PINS_H
#define DROVER_PINS_H

#include "agent/core/holder.h"
#include "common/base/text.h"
#include "common/topology/topology.h"

/* Somebody whose signature counts. */
struct signer {
    char name[NAME_SIZE];
    char region[NAME_SIZE]; /* "" for members */
    uint8_t key[KEY_SIZE];  /* public, Ed25519 */
    uint8_t next[KEY_SIZE]; /* counts as well, as the same signer's; zeros: it has one key */
};

struct pins {
    char cluster[NAME_SIZE];
    char agent[NAME_SIZE]; /* whose guard this is */
    char region[NAME_SIZE];
    uint8_t guard_key[KEY_SIZE], guard_key_next[KEY_SIZE];
    struct lease_numbers lease; /* wait_ms: as questions tell it, UINT32_MAX under hold */
    uint8_t members_n, promisers_n, askers_n;
    struct signer members[MEMBERS_MAX];
    struct signer promisers[AGENTS_MAX]; /* guards of the other data regions' gate agents */
    struct signer askers[AGENTS_MAX];    /* guarded agents of the other regions: their own keys */
};

/* What the guard of `agent` needs. CONFIG with a sentence when that is no guarded agent of the
 * topology, or when the lease's numbers are not usable. */
enum err pins_of(const struct topology *topology, const char *agent, struct pins *ret_pins,
                 struct text256 *reterr) ERR_CHECKED;

/* The numbers and the policy as the holder wants them. */
struct holder_conf pins_holder_conf(const struct pins *pins);

#endif
