/* patroni_rest: a region's Patroni members as one REST service: any member's answer will do, the
 * one that answered last is asked first, and no member can hold a call longer than its share. */
#ifndef DROVER_ACTIONS_PATRONI_REST_H
#define DROVER_ACTIONS_PATRONI_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/actions/act.h"
#include "agent/actions/patroni_body.h"

#define PATRONI_ANSWER_SIZE 32768
#define PATRONI_BODY_SIZE 4096

struct patroni {
    struct parts urls;
    uint8_t preferred; /* index in urls of the member asked first */
    char user[64];     /* "" : no authentication */
    char password[SECRET_SIZE];
    char answer[PATRONI_ANSWER_SIZE];
    size_t answer_n;
};

/* Reads patroni_urls, patroni_user (or user), patroni_password_ref (or password_ref). Always
 * close. */
enum err patroni_open(const struct action_input *input, struct patroni *ret_patroni,
                      struct text256 *reterr) ERR_CHECKED;
void patroni_close(struct patroni *patroni);

/* The dynamic configuration as it is in the DCS now, from any member. AUTH, TIMEOUT, REFUSED,
 * UNREACHABLE, FAILED (also: no configuration in the DCS yet), FORMAT. */
enum err patroni_config_get(struct patroni *patroni, const char *peer_slot,
                            uint64_t deadline_boot_ms, struct patroni_config *ret_config,
                            struct text256 *reterr) ERR_CHECKED;

/* The newest timeline that the cluster has left, by GET /history of any member; 0: none yet. As the
 * member saw it in its last round, seconds ago. */
enum err patroni_left_timeline(struct patroni *patroni, uint64_t deadline_boot_ms,
                               uint32_t *ret_timeline, struct text256 *reterr) ERR_CHECKED;

/* PATCH /config at any member; a concurrent change is tried again. The DCS took it when OK. */
enum err patroni_config_patch(struct patroni *patroni, const char *body, uint64_t deadline_boot_ms,
                              struct text256 *reterr) ERR_CHECKED;

/* GET /cluster of any member, which reads it in the DCS. */
enum err patroni_cluster_get(struct patroni *patroni, uint64_t deadline_boot_ms,
                             struct patroni_cluster *ret_cluster,
                             struct text256 *reterr) ERR_CHECKED;

/* GET /patroni of the member with that index. */
enum err patroni_status_get(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                            struct patroni_status *ret_status, struct text256 *reterr) ERR_CHECKED;

/* POST /switchover, or /failover, at one member that answers: whether it was taken, not whether it
 * was done, which Patroni would tell seconds later. PRECONDITION with Patroni's own words when it
 * refuses, FAILED when it tried in vain. */
enum err patroni_switchover_post(struct patroni *patroni, bool failover, const char *body,
                                 uint64_t deadline_boot_ms, struct text256 *reterr) ERR_CHECKED;

/* Does that member answer at all? Says nothing of its PostgreSQL. */
enum err patroni_answers(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                         struct text256 *reterr) ERR_CHECKED;

/* POST /restart at one member: its PostgreSQL is stopped, if it runs, and started as what it was,
 * also while Patroni is paused. OK when it accepts connections again; BUSY: it starts already, or
 * still; FAILED with Patroni's words. */
enum err patroni_restart(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                         struct text256 *reterr) ERR_CHECKED;

/* POST /reinitialize {"force":true} at one member: it clones itself anew. PRECONDITION when Patroni
 * refuses (a leader is never reinitialized). */
enum err patroni_reinitialize(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                              struct text256 *reterr) ERR_CHECKED;

#endif
