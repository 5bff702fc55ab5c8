/* redis_promote: makes the head of a region's Redis members a master, the others its replicas, and
 * sets the region's Sentinels on it. The head goes first, before anything slow is asked: a write is
 * accepted there within some ten milliseconds. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/redis_region.h"

static enum err promote_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_REDIS_PROMOTE, arguments, reterr);
}

struct promotion {
    struct redis_region *region;
    uint8_t head;
    bool changed;       /* something had to be done */
    unsigned follow_n;  /* members in place, the head included */
    unsigned persist_n; /* members whose file was written */
    unsigned watch_n;   /* Sentinels in place */
    struct text256 why;
};

/* The numbers a member has as part of the active region. */
static enum err member_set_up(struct promotion *promotion, uint8_t index) {
    char minimum[8], priority[8];
    const struct arguments *arguments = promotion->region->input->arguments;
    (void)text_format(minimum, sizeof minimum, "%" PRIu64,
                      arg_number(arguments, "min_replicas_to_write", 0));
    (void)text_format(priority, sizeof priority, "%" PRIu64,
                      arg_number(arguments, "replica_priority", 100));
    enum err err = redis_seat_set(promotion->region, index, "min-replicas-to-write", minimum,
                                  &promotion->changed, &promotion->why);
    if (err != ERR_OK) {
        return err;
    }
    return redis_seat_set(promotion->region, index, "replica-priority", priority,
                          &promotion->changed, &promotion->why);
}

/* The proof. A hand-off's fence, or a minimum of replicas that have not come back yet, would refuse
 * it: then the minimum is taken off until the others follow. */
static enum err head_write(struct promotion *promotion) {
    struct redis_region *region = promotion->region;
    enum err err = redis_epoch_write(region, promotion->head, &promotion->why);
    if (err != ERR_FAILED || strstr(promotion->why.at, "NOREPLICAS") == NULL ||
        region->input->observe_only) {
        return err;
    }
    err = redis_seat_set(region, promotion->head, "min-replicas-to-write", "0", &promotion->changed,
                         &promotion->why);
    return err == ERR_OK ? redis_epoch_write(region, promotion->head, &promotion->why) : err;
}

static enum err head_promote(struct promotion *promotion) {
    struct redis_region *region = promotion->region;
    static const char *const none[] = {"REPLICAOF", "NO", "ONE"};
    uint64_t epoch = 0;
    enum err err = redis_epoch_read(region, promotion->head, &epoch, &promotion->why);
    if (err != ERR_OK) {
        return err;
    }
    if (epoch > region->input->epoch) {
        text_say(&promotion->why, "Redis holds epoch %" PRIu64 ", larger than %" PRIu64, epoch,
                 region->input->epoch);
        return ERR_STALE;
    }
    if (!region->at[promotion->head].info.master) {
        promotion->changed = true;
        if (region->input->observe_only) {
            text_say(&promotion->why, "%s is still a replica",
                     region->at[promotion->head].link.place.text);
            return ERR_FAILED;
        }
        err = redis_seat_tell(region, promotion->head, 3, none, &promotion->why);
    }
    return err == ERR_OK ? head_write(promotion) : err;
}

static bool follows_head(const struct promotion *promotion, uint8_t index) {
    const struct place *head = &promotion->region->at[promotion->head].link.place;
    const struct redis_info *info = &promotion->region->at[index].info;
    return !info->master && place_is(head, info->master_host, info->master_port);
}

/* The others, then the head's own numbers. */
static void members_set_up(struct promotion *promotion) {
    struct redis_region *region = promotion->region;
    const struct place *head = &region->at[promotion->head].link.place;
    for (uint8_t i = 0; i < region->n; i++) {
        if (i == promotion->head || !redis_seat_look(region, i)) {
            continue;
        }
        promotion->changed = promotion->changed || !follows_head(promotion, i);
        if (redis_seat_follow(region, i, head->host, head->port, &promotion->why) != ERR_OK ||
            member_set_up(promotion, i) != ERR_OK) {
            continue;
        }
        promotion->persist_n += redis_seat_persist(region, i);
        promotion->follow_n++;
    }
    if (member_set_up(promotion, promotion->head) == ERR_OK) {
        promotion->persist_n += redis_seat_persist(region, promotion->head);
        promotion->follow_n++;
    }
}

/* The same, only looking. */
static void members_look(struct promotion *promotion) {
    struct redis_region *region = promotion->region;
    const struct place *head = &region->at[promotion->head].link.place;
    promotion->follow_n = 1;
    for (uint8_t i = 0; i < region->n; i++) {
        promotion->follow_n +=
            i != promotion->head && redis_seat_look(region, i) && follows_head(promotion, i);
    }
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        struct place known;
        promotion->watch_n += redis_sentinel_master(region, i, &known, &promotion->why) == ERR_OK &&
                              place_is(&known, head->host, head->port);
    }
}

/* Which member to promote, looking at no more than needed: usually the first member is a replica of
 * another region, and then it is the one. */
static uint8_t head_choose(struct redis_region *region) {
    if (redis_seat_look(region, 0)) {
        const struct redis_info *info = &region->at[0].info;
        bool inside = false;
        for (uint8_t i = 0; i < region->n; i++) {
            inside =
                inside || place_is(&region->at[i].link.place, info->master_host, info->master_port);
        }
        if (!info->master && !inside) {
            return 0;
        }
    }
    return redis_region_look(region) == 0 ? NONE : redis_region_head(region);
}

static struct action_result region_promote(const struct action_input *input,
                                           struct redis_region *region) {
    struct promotion promotion = {.region = region};
    promotion.head = head_choose(region);
    if (promotion.head == NONE) {
        return act_failed(region->at[0].err, "no member was reached: %s %s",
                          region->at[0].link.place.text, err_text(region->at[0].err));
    }
    enum err err = head_promote(&promotion);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", promotion.why.at);
    }
    const struct place *head = &region->at[promotion.head].link.place;
    if (input->observe_only) {
        members_look(&promotion);
    } else {
        members_set_up(&promotion);
        promotion.watch_n = redis_sentinels_watch(region, head, &promotion.changed, &promotion.why);
    }
    (void)redis_seat_look(region, promotion.head);
    if (!region->at[promotion.head].reached || !region->at[promotion.head].info.master) {
        return act_failed(ERR_FAILED, "%s did not stay a master", head->text);
    }
    /* Without most of its Sentinels the region cannot survive the loss of a member; but it
     * serves. */
    if (region->sentinels_n > 0 && promotion.watch_n * 2 <= region->sentinels_n) {
        return act_failed(ERR_NO_QUORUM, "%s takes writes; only %u of %u Sentinels watch it: %.60s",
                          head->text, promotion.watch_n, (unsigned)region->sentinels_n,
                          promotion.why.at);
    }
    return act_done(!promotion.changed,
                    "master %s, epoch %" PRIu64 "; members %u/%u, in files %u, Sentinels %u/%u",
                    head->text, input->epoch, promotion.follow_n, (unsigned)region->n,
                    promotion.persist_n, promotion.watch_n, (unsigned)region->sentinels_n);
}

static struct action_result promote_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct redis_region region;
    enum err err = action_args_accept(ACTION_REDIS_PROMOTE, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = redis_region_open(input, &region, &why);
    struct action_result result =
        err == ERR_OK ? region_promote(input, &region) : act_failed(err, "%.150s", why.at);
    redis_region_close(&region);
    return result;
}

const struct action_kind_row row_redis_promote = {
    .kind = ACTION_REDIS_PROMOTE,
    .run = promote_run,
    .accepts = promote_accepts,
    .needs_lease = true,
    .arguments_help = REDIS_ARGS_HELP,
    .by_hand = "redis-cli -h <head of {redis_addresses}> replicaof no one; config set "
               "min-replicas-to-write {min_replicas_to_write}; config set replica-priority "
               "{replica_priority}; config rewrite; every other member: replicaof <head>; every "
               "one of {sentinels}: sentinel remove {sentinel_name}; sentinel monitor "
               "{sentinel_name} <head> {quorum}; sentinel set {sentinel_name} auth-pass ... "
               "down-after-milliseconds {down_after_ms} failover-timeout {failover_timeout_ms}",
};
