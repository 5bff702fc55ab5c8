/* redis_region: a region's Redis members and Sentinels: who is what, who leads, and the commands
 * that promote and demote need on all of them. */
#ifndef DROVER_ACTIONS_REDIS_REGION_H
#define DROVER_ACTIONS_REDIS_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/actions/redis_link.h"

#define REDIS_INFO_SIZE 8192
#define REDIS_REPLICAS_MAX 16

/* INFO replication, as far as it matters. */
struct redis_replica {
    char host[ARG_HOST_SIZE];
    uint16_t port;
    bool online;
    uint64_t offset;
};
struct redis_info {
    bool master;
    char master_host[ADDRESS_SIZE];
    uint16_t master_port;
    bool link_up;
    bool syncing;
    bool read_only;
    uint64_t offset; /* master_repl_offset of a master, slave_repl_offset of a replica */
    uint8_t replicas_n;
    struct redis_replica replicas[REDIS_REPLICAS_MAX];
};
bool redis_info_parse(const char *text, struct redis_info *ret_info);

struct redis_seat {
    struct redis_link link;
    bool reached;
    enum err err; /* why not reached */
    struct redis_info info;
};

struct redis_region {
    const struct action_input *input;
    uint8_t n;
    struct redis_seat at[ARG_PLACES_MAX];
    uint8_t sentinels_n;
    struct redis_link sentinels[ARG_PLACES_MAX];
    const char *group; /* sentinel_name, "" without Sentinels */
    const char *epoch_key;
    char user[64];
    char password[SECRET_SIZE];
    char sentinel_password[SECRET_SIZE];
};

#define REDIS_ARGS_HELP                                                                            \
    "redis_addresses=IP:6379,... (the first is the head), redis_user, redis_password_ref, "        \
    "sentinels=IP:26379,..., sentinel_name, sentinel_password_ref, quorum=2, down_after_ms=3000, " \
    "failover_timeout_ms=10000, min_replicas_to_write=0, replica_priority=100, epoch_key"

enum err redis_region_open(const struct action_input *input, struct redis_region *ret_region,
                           struct text256 *reterr) ERR_CHECKED;
void redis_region_close(struct redis_region *region);

/* Connects one member when it is not connected, and reads its INFO. */
bool redis_seat_look(struct redis_region *region, uint8_t index);
/* Looks at all members. Returns how many were reached. */
unsigned redis_region_look(struct redis_region *region);

/* The member that leads, or should: what the Sentinels agree on, else the top of the replication
 * chain inside the region, beginning at the first member that was reached. NONE: nobody reached. */
uint8_t redis_region_head(struct redis_region *region);

/* One command to a member, result thrown away. */
enum err redis_seat_tell(struct redis_region *region, uint8_t index, int words_n,
                         const char *const *words, struct text256 *reterr) ERR_CHECKED;
/* REPLICAOF host port; nothing is sent when it already is. */
enum err redis_seat_follow(struct redis_region *region, uint8_t index, const char *host,
                           uint16_t port, struct text256 *reterr) ERR_CHECKED;
/* CONFIG SET name value, when it has another value. */
enum err redis_seat_set(struct redis_region *region, uint8_t index, const char *name,
                        const char *value, bool *ret_changed, struct text256 *reterr) ERR_CHECKED;
/* CONFIG REWRITE. False when the member runs without a file, or may not write it. */
bool redis_seat_persist(struct redis_region *region, uint8_t index);

/* SET of the epoch key: a real write and a fencing token. STALE when a larger one is there. */
enum err redis_epoch_read(struct redis_region *region, uint8_t index, uint64_t *ret_epoch,
                          struct text256 *reterr) ERR_CHECKED;
enum err redis_epoch_write(struct redis_region *region, uint8_t index,
                           struct text256 *reterr) ERR_CHECKED;

/* The master that Sentinel `index` knows under our group's name; NOT_FOUND when it knows none. */
enum err redis_sentinel_master(struct redis_region *region, uint8_t index, struct place *ret_place,
                               struct text256 *reterr) ERR_CHECKED;
/* Takes our group off every Sentinel. Returns how many no longer have it. *ret_changed: any had. */
unsigned redis_sentinels_remove(struct redis_region *region, bool *ret_changed,
                                struct text256 *reterr);
/* Makes every Sentinel watch `head` under our group's name. Returns how many do. */
unsigned redis_sentinels_watch(struct redis_region *region, const struct place *head,
                               bool *ret_changed, struct text256 *reterr);
/* SENTINEL FAILOVER at the first Sentinel that takes it. BUSY: it is at one already.
 * PRECONDITION: no replica is good enough (NOGOODSLAVE). */
enum err redis_sentinels_failover(struct redis_region *region, struct text256 *reterr) ERR_CHECKED;
/* Any Sentinel that answers is moving our group's master now. */
bool redis_sentinels_move(struct redis_region *region);

#endif
