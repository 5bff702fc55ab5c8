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

/* PATCH /config at any member; a concurrent change is tried again. The DCS took it when OK. */
enum err patroni_config_patch(struct patroni *patroni, const char *body, uint64_t deadline_boot_ms,
                              struct text256 *reterr) ERR_CHECKED;

/* GET /patroni of the member with that index. */
enum err patroni_status_get(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                            struct patroni_status *ret_status, struct text256 *reterr) ERR_CHECKED;

/* POST /reinitialize {"force":true} at one member: it clones itself anew. PRECONDITION when Patroni
 * refuses (a leader is never reinitialized). */
enum err patroni_reinitialize(struct patroni *patroni, uint8_t index, uint64_t deadline_boot_ms,
                              struct text256 *reterr) ERR_CHECKED;

#endif
