/* redis_demote: makes a region's Redis members replicas of the peer region. The Sentinels are
 * told to forget the group first: one that still watches a member that became a replica promotes
 * another member some 26 s later. What is set is written to redis.conf, so that a restart does
 * not bring the old role back. */
#include "agent/actions/actions.h"
#include "agent/actions/redis_region.h"

static enum err demote_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_REDIS_DEMOTE, arguments, reterr);
}

struct demotion {
    struct redis_region *region;
    const char *peer_host;
    uint16_t peer_port;
    uint8_t head;
    bool changed;
    unsigned persist_n;
    struct text256 why;
};

static bool member_is_demoted(const struct demotion *demotion, uint8_t index) {
    const struct redis_seat *seat = &demotion->region->at[index];
    const struct place *head = &demotion->region->at[demotion->head].link.place;
    if (!seat->reached || seat->info.master || !seat->info.read_only) {
        return false;
    }
    if (index == demotion->head) {
        return seat->info.master_port == demotion->peer_port &&
               text_equal(seat->info.master_host, demotion->peer_host);
    }
    return place_is(head, seat->info.master_host, seat->info.master_port);
}

static void member_demote(struct demotion *demotion, uint8_t index) {
    struct redis_region *region = demotion->region;
    const struct place *head = &region->at[demotion->head].link.place;
    bool is_head = index == demotion->head;
    struct text256 *why = &demotion->why;
    demotion->changed = demotion->changed || !member_is_demoted(demotion, index);
    enum err err = redis_seat_follow(region, index, is_head ? demotion->peer_host : head->host,
                                     is_head ? demotion->peer_port : head->port, why);
    /* Priority 0: no Sentinel that still knows this member may choose it. And a fence by
     * min-replicas-to-write has done its work. */
    static const char *const settings[][2] = {
        {"replica-read-only", "yes"}, {"replica-priority", "0"}, {"min-replicas-to-write", "0"}};
    for (unsigned i = 0; err == ERR_OK && i < sizeof settings / sizeof settings[0]; i++) {
        err =
            redis_seat_set(region, index, settings[i][0], settings[i][1], &demotion->changed, why);
    }
    if (err == ERR_OK) {
        demotion->persist_n += redis_seat_persist(region, index);
    }
}

/* Reads every member's role again: what was asked for is not what is. */
static struct action_result demotion_verify(struct demotion *demotion, unsigned clean_n) {
    struct redis_region *region = demotion->region;
    unsigned demoted_n = 0;
    uint8_t bad = NONE;
    for (uint8_t i = 0; i < region->n; i++) {
        (void)redis_seat_look(region, i);
        if (member_is_demoted(demotion, i)) {
            demoted_n++;
        } else if (bad == NONE || (region->at[i].reached && !region->at[bad].reached)) {
            bad = i;
        }
    }
    if (bad != NONE) {
        const struct redis_seat *seat = &region->at[bad];
        return act_failed(seat->reached ? ERR_FAILED : seat->err,
                          "%u of %u follow %.40s; not %s: %.50s", demoted_n, (unsigned)region->n,
                          demotion->peer_host, seat->link.place.text,
                          seat->reached ? demotion->why.at : err_text(seat->err));
    }
    if (clean_n < region->sentinels_n) {
        return act_failed(ERR_NO_QUORUM,
                          "all follow %.30s; only %u of %u Sentinels forgot %.20s: %.40s",
                          demotion->peer_host, clean_n, (unsigned)region->sentinels_n,
                          region->group, demotion->why.at);
    }
    return act_done(!demotion->changed, "%u of %u follow %.40s, in files %u, Sentinels clear %u/%u",
                    demoted_n, (unsigned)region->n, demotion->peer_host, demotion->persist_n,
                    clean_n, (unsigned)region->sentinels_n);
}

static struct action_result region_demote(const struct action_input *input,
                                          struct redis_region *region) {
    struct demotion demotion = {
        .region = region,
        .peer_host = arg_text(input->arguments, "peer_front_host", ""),
        .peer_port = (uint16_t)arg_number(input->arguments, "peer_front_port", 0),
    };
    unsigned reached_n = redis_region_look(region);
    demotion.head = redis_region_head(region);
    if (reached_n == 0 || demotion.head == NONE) {
        return act_failed(region->at[0].err, "no member was reached: %s %s",
                          region->at[0].link.place.text, err_text(region->at[0].err));
    }
    if (input->observe_only) {
        for (uint8_t i = 0; i < region->n; i++) {
            if (!member_is_demoted(&demotion, i)) {
                return act_failed(ERR_FAILED, "%s does not follow %.60s",
                                  region->at[i].link.place.text, demotion.peer_host);
            }
        }
        return act_done(true, "all members follow %.60s", demotion.peer_host);
    }
    unsigned clean_n = redis_sentinels_remove(region, &demotion.changed, &demotion.why);
    for (uint8_t i = 0; i < region->n; i++) {
        if (region->at[i].reached) {
            member_demote(&demotion, i);
        }
    }
    return demotion_verify(&demotion, clean_n);
}

static struct action_result demote_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct redis_region region;
    enum err err = action_args_accept(ACTION_REDIS_DEMOTE, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = redis_region_open(input, &region, &why);
    struct action_result result =
        err == ERR_OK ? region_demote(input, &region) : act_failed(err, "%.150s", why.at);
    redis_region_close(&region);
    return result;
}

const struct action_kind_row row_redis_demote = {
    .kind = ACTION_REDIS_DEMOTE,
    .run = demote_run,
    .accepts = demote_accepts,
    .needs_lease = false,
    .arguments_help = REDIS_ARGS_HELP ", peer_front_host, peer_front_port",
    .by_hand = "every one of {sentinels}, first: redis-cli -p 26379 sentinel remove "
               "{sentinel_name}; then the head of {redis_addresses}: replicaof {peer_front_host} "
               "{peer_front_port}; the others: replicaof <head>; all: config set replica-priority "
               "0; config set min-replicas-to-write 0; config rewrite; info replication must say "
               "role:slave everywhere",
};
