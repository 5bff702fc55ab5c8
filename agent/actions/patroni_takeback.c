/* patroni_takeback: see patroni_takeback.h. A paused Patroni elects nobody and lets a primary that
 * runs have the leader's key; restarting is what it does for whoever asks, paused or not. */
#include "agent/actions/patroni_takeback.h"

#include "agent/actions/patroni_body.h"

#define LOOK_MS 500
#define ANSWERS_MS 1500
/* Patroni's main loop is woken by the start: 0.1 s later it has the key. */
#define LEADS_MS 3000
/* Kept back for lifting the pause, and for an election. */
#define LIFT_MS 2500

static uint8_t url_find(const struct patroni *patroni, const char *url) {
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        if (url[0] != '\0' && text_equal(patroni->urls.at[i], url)) {
            return i;
        }
    }
    return NONE;
}

/* Lifted before it has the key, Patroni would let others ask for it, too; they give way to a
 * primary that they see. */
static void key_await(struct patroni_region *region, uint64_t until_boot_ms) {
    struct patroni_cluster cluster;
    struct text256 unused;
    do {
        if (patroni_cluster_get(&region->patroni, until_boot_ms, &cluster, &unused) == ERR_OK) {
            for (uint8_t i = 0; i < cluster.n; i++) {
                if (cluster.at[i].leads) {
                    return;
                }
            }
        }
    } while (act_pause(30, until_boot_ms));
}

/* The place of that member among the addresses, or NULL. */
static const struct pg_seat *seat_of(const struct patroni_region *region, uint8_t index) {
    const struct pg_group *group = &region->group;
    for (uint8_t i = 0; i < group->n; i++) {
        if (patroni_url_is_at(region->patroni.urls.at[index], &group->at[i].place)) {
            return &group->at[i];
        }
    }
    return NULL;
}

static bool is_standby(const struct patroni_region *region, uint8_t index) {
    const struct pg_seat *seat = seat_of(region, index);
    return seat != NULL && seat->state == PG_STANDBY;
}

/* Patroni has made a standby of the primary that was stopped: its PostgreSQL came up while Patroni
 * still took the region for a standby cluster. Started again it stays one, and a paused Patroni
 * elects nobody; told by name it promotes. */
static enum err leader_promote(struct patroni_region *region, uint8_t index, uint64_t until_boot_ms,
                               struct text256 *reterr) {
    const struct pg_seat *seat = seat_of(region, index);
    struct patroni_cluster cluster;
    char body[PATRONI_BODY_SIZE];
    enum err err = patroni_cluster_get(&region->patroni, until_boot_ms, &cluster, reterr);
    for (uint8_t i = 0; err == ERR_OK && seat != NULL && i < cluster.n; i++) {
        if (text_equal(cluster.at[i].host, seat->place.host) &&
            patroni_body_switchover(body, sizeof body, "", cluster.at[i].name)) {
            return patroni_switchover_post(&region->patroni, true, body, until_boot_ms, reterr);
        }
    }
    return err == ERR_OK ? ERR_NOT_FOUND : err;
}

/* Waits for the primary. Where a standby comes up in its place it is promoted, once. */
static bool primary_await(struct patroni_region *region, uint8_t index, uint64_t until_boot_ms) {
    struct pg_group *group = &region->group;
    struct text256 unused;
    bool told = false;
    pg_group_round(group, 0);
    while (pg_group_find(group, PG_PRIMARY) == NONE && act_left_ms(until_boot_ms) > 0) {
        if (!told && is_standby(region, index)) {
            told = leader_promote(region, index, until_boot_ms, &unused) == ERR_OK;
        }
        pg_group_round(group, 20);
    }
    return pg_group_find(group, PG_PRIMARY) != NONE;
}

/* OK: it leads, and takes writes already. TIMEOUT: it starts, and needs longer. */
static enum err leader_start(struct patroni_region *region, uint8_t index, uint64_t until_boot_ms,
                             struct text256 *reterr) {
    struct pg_group *group = &region->group;
    pg_group_forget(group);
    pg_group_look(group, act_within(LOOK_MS, until_boot_ms));
    if (pg_group_find(group, PG_PRIMARY) == NONE) {
        enum err err =
            patroni_answers(&region->patroni, index, act_within(ANSWERS_MS, until_boot_ms), reterr);
        bool asked = err == ERR_OK;
        if (asked && !is_standby(region, index)) {
            uint32_t half_ms = act_left_ms(until_boot_ms) / 2;
            err = patroni_restart(&region->patroni, index, act_within(half_ms, until_boot_ms),
                                  reterr);
        }
        if (err != ERR_OK && !(asked && (err == ERR_TIMEOUT || err == ERR_BUSY))) {
            return err == ERR_TIMEOUT ? ERR_UNREACHABLE : err;
        }
        if (!primary_await(region, index, until_boot_ms)) {
            text_say(reterr, "the primary at %.80s is told to start, and does not take writes yet",
                     region->patroni.urls.at[index]);
            return ERR_TIMEOUT;
        }
    }
    key_await(region, act_within(LEADS_MS, until_boot_ms));
    return ERR_OK;
}

enum err patroni_take_back(struct patroni_region *region, const char *leader,
                           uint64_t deadline_boot_ms, bool *ret_elected, struct text256 *reterr) {
    char body[PATRONI_BODY_SIZE];
    uint32_t left_ms = act_left_ms(deadline_boot_ms);
    uint64_t start_boot_ms = deadline_boot_ms - (left_ms > 2 * LIFT_MS ? LIFT_MS : left_ms / 2);
    uint8_t index = url_find(&region->patroni, leader);
    enum err err = ERR_OK;
    *ret_elected = index == NONE;
    if (index != NONE) {
        (void)patroni_body_promote(body, sizeof body, region->peer_slot, false);
        err = patroni_config_patch(&region->patroni, body, start_boot_ms, reterr);
        if (err != ERR_OK) {
            return err;
        }
        err = leader_start(region, index, start_boot_ms, reterr);
        if (err == ERR_TIMEOUT || err == ERR_AUTH) {
            return err;
        }
        *ret_elected = err != ERR_OK;
    }
    (void)patroni_body_promote(body, sizeof body, region->peer_slot, true);
    return patroni_config_patch(&region->patroni, body, deadline_boot_ms, reterr);
}
