/* patroni_replicas: see patroni_replicas.h. Patroni 3.0 says "running" of every replica, so SQL is
 * asked: who serves a stream under the member's name, which Patroni makes its application_name. */
#include "agent/actions/patroni_replicas.h"

#include <string.h>

#define LOOK_MS 1500
#define POLL_MS 200

/* PostgreSQL does not run in any of these, or not as a copy that could be promoted. */
static bool is_out(const struct patroni_member *member) {
    static const char *const states[] = {
        "stopped",          "crashed",      "start failed",     "restart failed",
        "creating replica", "initializing", "custom bootstrap", "running custom bootstrap",
        "initdb failed"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (text_starts(member->state, states[i])) {
            return true;
        }
    }
    return member->leads || member->nofailover;
}

static bool is_coming(const struct patroni_member *member) {
    return text_starts(member->state, "starting") || text_starts(member->state, "restarting");
}

enum patroni_replicas_verdict patroni_replicas_judge(const struct patroni_cluster *cluster,
                                                     bool synchronous, const bool *has,
                                                     uint8_t *ret_index) {
    enum patroni_replicas_verdict verdict = PATRONI_REPLICAS_FINE;
    for (uint8_t i = 0; i < cluster->n; i++) {
        const struct patroni_member *member = &cluster->at[i];
        if (has[i] || is_out(member) || (synchronous && !member->synchronous)) {
            continue;
        }
        if (!is_coming(member)) {
            *ret_index = i;
            return PATRONI_REPLICAS_BEHIND;
        }
        if (verdict == PATRONI_REPLICAS_FINE) {
            *ret_index = i;
            verdict = PATRONI_REPLICAS_COMING;
        }
    }
    return verdict;
}

/* From the primary, or from a standby that passes the stream on; never the other region's leader,
 * who may have the same name. */
static enum err member_has(struct patroni_region *region, uint8_t seat, const char *name,
                           const char *lsn, uint64_t until_boot_ms, bool *ret_has,
                           struct text256 *reterr) {
    static const char sql[] =
        "SELECT count(*) FROM pg_stat_replication r LEFT JOIN pg_replication_slots s "
        "ON s.active_pid = r.pid WHERE lower(r.application_name) = lower($1) "
        "AND r.state = 'streaming' AND s.slot_name IS DISTINCT FROM $2::name "
        "AND r.flush_lsn >= $3::pg_lsn";
    const char *const parameters[] = {name, region->peer_slot, lsn};
    struct pg_answer answer;
    enum err err =
        pg_seat_ask(&region->group, seat, sql, parameters, 3, until_boot_ms, &answer, reterr);
    *ret_has = err == ERR_OK && !text_equal(answer.value[0], "0");
    return err;
}

static enum err members_look(struct patroni_region *region, uint8_t primary, const char *lsn,
                             uint64_t until_boot_ms, struct patroni_cluster *ret_cluster,
                             bool *ret_has, struct text256 *reterr) {
    struct pg_group *group = &region->group;
    enum err err = patroni_cluster_get(&region->patroni, until_boot_ms, ret_cluster, reterr);
    for (uint8_t i = 0; err == ERR_OK && i < ret_cluster->n; i++) {
        const struct patroni_member *member = &ret_cluster->at[i];
        ret_has[i] = member->leads;
        if (is_out(member)) {
            continue;
        }
        err = member_has(region, primary, member->name, lsn, until_boot_ms, &ret_has[i], reterr);
        for (uint8_t seat = 0; err == ERR_OK && !ret_has[i] && seat < group->n; seat++) {
            struct text256 unused;
            if (seat != primary && group->at[seat].state == PG_STANDBY) {
                enum err ignored = member_has(region, seat, member->name, lsn,
                                              act_within(300, until_boot_ms), &ret_has[i], &unused);
                (void)ignored; /* one standby's silence says nothing of another */
            }
        }
    }
    return err;
}

static void streams_note(struct patroni_region *region, uint64_t until_boot_ms,
                         struct patroni_replicas *replicas) {
    static const char sql[] = "SELECT count(*) FROM pg_stat_wal_receiver "
                              "WHERE status = 'streaming'";
    memset(replicas, 0, sizeof *replicas);
    for (uint8_t i = 0; i < region->group.n; i++) {
        struct pg_answer answer;
        struct text256 unused;
        replicas->streams[i] =
            region->group.at[i].state == PG_STANDBY &&
            pg_seat_ask(&region->group, i, sql, NULL, 0, act_within(300, until_boot_ms), &answer,
                        &unused) == ERR_OK &&
            text_equal(answer.value[0], "1");
    }
}

enum err patroni_replicas_await(struct patroni_region *region, uint8_t primary, bool synchronous,
                                uint64_t until_boot_ms, struct patroni_replicas *ret_replicas,
                                struct text256 *reterr) {
    struct pg_answer position;
    struct patroni_cluster cluster = {0};
    bool has[PATRONI_MEMBERS_MAX] = {false};
    uint8_t index = 0;
    enum patroni_replicas_verdict verdict = PATRONI_REPLICAS_COMING;
    enum err err = pg_seat_ask(&region->group, primary, "SELECT pg_current_wal_flush_lsn()", NULL,
                               0, until_boot_ms, &position, reterr);
    while (err == ERR_OK) {
        err = members_look(region, primary, position.value[0], act_within(LOOK_MS, until_boot_ms),
                           &cluster, has, reterr);
        verdict = patroni_replicas_judge(&cluster, synchronous, has, &index);
        if (err != ERR_OK || verdict == PATRONI_REPLICAS_FINE ||
            act_left_ms(until_boot_ms) < 2 * POLL_MS) {
            break;
        }
        pg_group_round(&region->group, 0); /* a standby that starts is a seat to ask, too */
        (void)act_pause(POLL_MS, until_boot_ms);
    }
    if (err == ERR_OK && verdict == PATRONI_REPLICAS_BEHIND) {
        text_say(reterr,
                 "replica %.24s is \"%.20s\" and does not stream up to now: mend or stop it, or "
                 "tag it nofailover, then again",
                 cluster.at[index].name, cluster.at[index].state);
        return ERR_PRECONDITION;
    }
    if (err == ERR_OK) {
        streams_note(region, act_within(LOOK_MS, until_boot_ms), ret_replicas);
    }
    return err;
}

static enum err seat_received(struct pg_group *group, uint8_t seat, uint64_t lsn,
                              uint64_t until_boot_ms, bool *ret_received, struct text256 *reterr) {
    static const char sql[] =
        "SELECT coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > "
        "$1::pg_lsn, false)";
    char text[LSN_TEXT_SIZE];
    struct pg_answer answer;
    lsn_text(lsn, text);
    const char *const parameters[] = {text};
    enum err err = pg_seat_ask(group, seat, sql, parameters, 1, until_boot_ms, &answer, reterr);
    *ret_received = err == ERR_OK && text_equal(answer.value[0], "t");
    return err;
}

enum err patroni_replicas_received(struct patroni_region *region,
                                   const struct patroni_replicas *replicas, uint64_t lsn,
                                   uint64_t until_boot_ms, struct text256 *reterr) {
    struct pg_group *group = &region->group;
    for (uint8_t i = 0; i < group->n; i++) {
        bool received = !replicas->streams[i];
        while (!received) {
            struct text256 unused;
            enum err err =
                seat_received(group, i, lsn, act_within(500, until_boot_ms), &received, &unused);
            if (err != ERR_OK && group->at[i].state == PG_DOWN) {
                received = true;
            }
            if (!received && !act_pause(20, until_boot_ms)) {
                text_say(reterr,
                         "the replica at %s lost its stream: it has not received what was written "
                         "last",
                         group->at[i].place.text);
                return ERR_FAILED;
            }
        }
    }
    return ERR_OK;
}
