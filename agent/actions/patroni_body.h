/* patroni_body: the JSON that goes to and comes from Patroni's REST interface, as plain values.
 * Pure: no network. Checked against Patroni 3.0 and 4.x, which differ only in role names. */
#ifndef DROVER_ACTIONS_PATRONI_BODY_H
#define DROVER_ACTIONS_PATRONI_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

#define PATRONI_SLOT_SIZE 64
#define PATRONI_SLOTS_MAX 8
#define PATRONI_URL_SIZE 128

/* What matters in the dynamic configuration (GET /config, or the DCS key). */
struct patroni_config {
    bool paused;
    bool handoff; /* our own mark beside the pause: paused by patroni_handoff, not by a person */
    /* With that mark: the REST address, out of patroni_urls, of the member that led; "" unknown. */
    char handoff_leader[PATRONI_URL_SIZE];
    bool synchronous; /* synchronous_mode: only synchronous standbys may be elected */
    bool standby;     /* standby_cluster with a host is set */
    char host[ADDRESS_SIZE];
    uint16_t port;
    char slot[PATRONI_SLOT_SIZE]; /* "" when none */
    uint8_t slots_n;              /* permanent physical slots called region_* or the asked name */
    char slots[PATRONI_SLOTS_MAX][PATRONI_SLOT_SIZE];
};

/* `peer_slot` ("" allowed) counts as one of our slots whatever its name. FORMAT. */
enum err patroni_config_parse(const char *json, size_t size, const char *peer_slot,
                              struct patroni_config *ret_config,
                              struct text256 *reterr) ERR_CHECKED;

/* Where a standby cluster replicates from. */
struct patroni_peer {
    char host[ADDRESS_SIZE];
    uint16_t port;
    char slot[PATRONI_SLOT_SIZE];
};

bool patroni_config_follows(const struct patroni_config *config, const struct patroni_peer *peer);

enum patroni_pause { PATRONI_PAUSE_KEEP, PATRONI_PAUSE_LIFT };

/* PATCH bodies. False when `out` is too small. */
bool patroni_body_demote(char *out, size_t out_size, const struct patroni_peer *peer,
                         const struct patroni_config *config, enum patroni_pause pause);
/* peer_slot: the slot made for the way back, or "". */
bool patroni_body_promote(char *out, size_t out_size, const char *peer_slot, bool lift_pause);
/* The pause of a hand-off, with our mark. leader: as handoff_leader, "" unknown. */
bool patroni_body_pause(char *out, size_t out_size, const char *leader);

/* Who led when a step began: kept in the dynamic configuration, of the last step that wrote one. */
#define PATRONI_STEP_SIZE 64
struct patroni_mark {
    bool there;      /* of the step that was asked for */
    char leader[64]; /* a member's name; "": nobody led */
};
/* The mark of `step` ("EPOCH-EXECUTION-STEP") in a configuration; another step's does not count.
 * FORMAT. */
enum err patroni_mark_parse(const char *json, size_t size, const char *step,
                            struct patroni_mark *ret_mark, struct text256 *reterr) ERR_CHECKED;
bool patroni_body_mark(char *out, size_t out_size, const char *step, const char *leader);
/* POST /switchover, or /failover where leader is "". candidate: a member's name, or "". */
bool patroni_body_switchover(char *out, size_t out_size, const char *leader, const char *candidate);

/* The whole DCS value `json` (or "" when there is none yet) with standby_cluster set, our slots and
 * the pause gone: what must be in the DCS before Patroni starts. */
enum err patroni_value_demote(const char *json, size_t size, const struct patroni_peer *peer,
                              const char *peer_slot, char *out, size_t out_size,
                              struct text256 *reterr) ERR_CHECKED;

/* GET /patroni of one member. */
enum patroni_role {
    PATRONI_ROLE_UNKNOWN,
    PATRONI_ROLE_PRIMARY,
    PATRONI_ROLE_STANDBY_LEADER,
    PATRONI_ROLE_REPLICA
};

struct patroni_status {
    enum patroni_role role;
    bool running; /* state is "running" or "streaming" */
    bool paused;
    char state[32];
    char name[64];
    char system_identifier[32]; /* "" when unknown */
    uint32_t timeline;
};

enum err patroni_status_parse(const char *json, size_t size, struct patroni_status *ret_status,
                              struct text256 *reterr) ERR_CHECKED;

/* GET /cluster: who leads by the DCS. The only place where Patroni 3.0 tells its members' names. */
#define PATRONI_MEMBERS_MAX 8
struct patroni_member {
    char name[64];
    char host[64];    /* its PostgreSQL's, as Patroni announces it; "" when not told */
    bool leads;       /* holds the leader's key; it may still be promoting itself */
    bool running;     /* state is "running" or "streaming" */
    bool synchronous; /* a synchronous standby, or one of a quorum */
    bool nofailover;  /* the tag, or failover_priority 0: never elected */
    char state[32];   /* Patroni's word; 3.0 says "running" of a replica that streams or does not */
    uint32_t timeline; /* 0: not told */
};
struct patroni_cluster {
    uint8_t n; /* members beyond PATRONI_MEMBERS_MAX are left out */
    struct patroni_member at[PATRONI_MEMBERS_MAX];
};
enum err patroni_cluster_parse(const char *json, size_t size, struct patroni_cluster *ret_cluster,
                               struct text256 *reterr) ERR_CHECKED;

/* GET /history: the newest entry's timeline and where it was left. *ret_timeline 0: none yet. */
enum err patroni_history_parse(const char *json, size_t size, uint32_t *ret_timeline,
                               uint64_t *ret_switch_lsn, struct text256 *reterr) ERR_CHECKED;

/* A region's name as a slot name: "dr-1" -> "region_dr_1". */
void patroni_slot_of_region(const char *region, char ret_slot[PATRONI_SLOT_SIZE]);

#endif
