/* redis_handoff: the source's half of a planned switchover: the master refuses writes at once
 * (min-replicas-to-write far above what it has), and then the peer's replica must acknowledge all
 * that was written. A failure gives the writes back. */
#include <inttypes.h>

#include "agent/actions/actions.h"
#include "agent/actions/redis_region.h"

#define FENCE "1000"
#define UNDO_MS 500
#define PEER_MS 5000

static enum err handoff_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_REDIS_HANDOFF, arguments, reterr);
}

/* The replica outside this region that is farthest; NULL when none is online. Its address is the
 * front's or a tunnel's, never one of our members'. */
static const struct redis_replica *peer_replica(const struct redis_region *region,
                                                const struct redis_info *info) {
    const struct redis_replica *best = NULL;
    for (uint8_t i = 0; i < info->replicas_n; i++) {
        const struct redis_replica *replica = &info->replicas[i];
        bool inside = false;
        for (uint8_t j = 0; j < region->n; j++) {
            inside = inside || place_is(&region->at[j].link.place, replica->host, replica->port);
        }
        if (!inside && replica->online && (best == NULL || replica->offset > best->offset)) {
            best = replica;
        }
    }
    return best;
}

/* A write must be refused, and by the fence. */
static enum err fence_prove(struct redis_region *region, uint8_t head, struct text256 *reterr) {
    char text[256];
    static const char *const words[] = {"DEL", "drover:fence-probe"};
    enum err err = redis_link_ask(&region->at[head].link, 2, words,
                                  act_within(1000, region->input->deadline_boot_ms), text,
                                  sizeof text, reterr);
    if (err == ERR_FAILED && text_starts(text, "NOREPLICAS")) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        text_say(reterr, "a write was accepted behind the fence");
        return ERR_FAILED;
    }
    return err;
}

static enum err fence_set(struct redis_region *region, uint8_t head, bool *ret_changed,
                          struct text256 *reterr) {
    char text[256];
    static const char *const get[] = {"CONFIG", "GET", "min-replicas-max-lag"};
    enum err err = redis_link_ask(&region->at[head].link, 3, get,
                                  act_within(1000, region->input->deadline_boot_ms), text,
                                  sizeof text, reterr);
    if (err == ERR_OK && text_equal(text, "min-replicas-max-lag\n0\n")) {
        /* With 0 the other number means nothing. */
        err = redis_seat_set(region, head, "min-replicas-max-lag", "10", ret_changed, reterr);
    }
    if (err == ERR_OK) {
        err = redis_seat_set(region, head, "min-replicas-to-write", FENCE, ret_changed, reterr);
    }
    return err == ERR_OK ? fence_prove(region, head, reterr) : err;
}

/* Nothing is touched yet. Behind a member's move inside the region the peer is on its way to the
 * new master, through the load balancer. */
static bool peer_online(struct redis_region *region, uint8_t head, uint64_t until_boot_ms) {
    while (peer_replica(region, &region->at[head].info) == NULL) {
        if (!act_pause(100, until_boot_ms)) {
            return false;
        }
        (void)redis_seat_look(region, head);
    }
    return true;
}

/* Waits for the peer's acknowledgement of `offset`. WAIT for more replicas than there are makes the
 * master ask them all now; by themselves they report once a second. */
static enum err peer_await(struct redis_region *region, uint8_t head, uint64_t offset,
                           uint64_t until_boot_ms, struct text256 *reterr) {
    static const char *const wait[] = {"WAIT", "1000", "10"};
    for (;;) {
        const struct redis_replica *peer = NULL;
        if (redis_seat_look(region, head)) {
            peer = peer_replica(region, &region->at[head].info);
        }
        if (peer != NULL && peer->offset >= offset) {
            return ERR_OK;
        }
        if (act_left_ms(until_boot_ms) < 20) {
            text_say(reterr, "the peer acknowledged %" PRIu64 " of %" PRIu64,
                     peer != NULL ? peer->offset : 0, offset);
            return peer != NULL ? ERR_TIMEOUT : ERR_PRECONDITION;
        }
        enum err err =
            region->at[head].reached ? redis_seat_tell(region, head, 3, wait, reterr) : ERR_CLOSED;
        if (err != ERR_OK) {
            (void)act_pause(20, until_boot_ms);
        }
    }
}

static struct action_result head_hand_off(const struct action_input *input,
                                          struct redis_region *region, uint8_t head) {
    struct text256 why = {.at = ""};
    bool changed = false;
    const struct place *place = &region->at[head].link.place;
    uint64_t until_boot_ms =
        input->deadline_boot_ms - (input->timeout_ms > 4 * UNDO_MS ? UNDO_MS : 0);
    if (!peer_online(region, head, act_within(PEER_MS, until_boot_ms))) {
        return act_failed(ERR_PRECONDITION, "no replica outside this region is online at %s",
                          place->text);
    }
    enum err err = fence_set(region, head, &changed, &why);
    /* All that was accepted came before the fence: what is written now is the end. */
    uint64_t offset = 0;
    if (err == ERR_OK) {
        err = redis_seat_look(region, head) ? ERR_OK : region->at[head].err;
        offset = region->at[head].info.offset;
    }
    if (err == ERR_OK) {
        err = peer_await(region, head, offset, until_boot_ms, &why);
    }
    if (err == ERR_OK) {
        return act_done(!changed, "offset=%" PRIu64 " acknowledged by the peer; %s refuses writes",
                        offset, place->text);
    }
    struct text256 undo;
    char minimum[8];
    (void)text_format(minimum, sizeof minimum, "%" PRIu64,
                      arg_number(input->arguments, "min_replicas_to_write", 0));
    bool unused = false;
    bool undone =
        redis_seat_look(region, head) &&
        redis_seat_set(region, head, "min-replicas-to-write", minimum, &unused, &undo) == ERR_OK;
    return act_failed(err, "%s: %.120s",
                      undone ? "undone, it takes writes again" : "NOT undone, it refuses writes",
                      why.at);
}

static struct action_result region_hand_off(const struct action_input *input,
                                            struct redis_region *region) {
    struct text256 why = {.at = ""};
    if (redis_region_look(region) == 0) {
        return act_failed(region->at[0].err, "no member was reached: %s %s",
                          region->at[0].link.place.text, err_text(region->at[0].err));
    }
    uint8_t head = redis_region_head(region);
    const struct redis_info *info = &region->at[head].info;
    if (!info->master) {
        const char *peer = arg_text(input->arguments, "peer_front_host", "");
        /* Demoted already: nothing is written here any more. */
        return text_equal(info->master_host, peer)
                   ? act_done(true, "offset=%" PRIu64 " already a replica of %.60s", info->offset,
                              peer)
                   : act_failed(ERR_PRECONDITION, "%s is a replica of %.60s",
                                region->at[head].link.place.text, info->master_host);
    }
    if (input->observe_only) {
        enum err err = fence_prove(region, head, &why);
        const struct redis_replica *peer = peer_replica(region, info);
        if (err == ERR_OK && peer != NULL && peer->offset >= info->offset) {
            return act_done(true, "offset=%" PRIu64 " acknowledged by the peer", info->offset);
        }
        return act_failed(ERR_FAILED, "not handed off: %.100s", why.at);
    }
    return head_hand_off(input, region, head);
}

static struct action_result handoff_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct redis_region region;
    enum err err = action_args_accept(ACTION_REDIS_HANDOFF, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = redis_region_open(input, &region, &why);
    struct action_result result =
        err == ERR_OK ? region_hand_off(input, &region) : act_failed(err, "%.150s", why.at);
    redis_region_close(&region);
    return result;
}

const struct action_kind_row row_redis_handoff = {
    .kind = ACTION_REDIS_HANDOFF,
    .run = handoff_run,
    .accepts = handoff_accepts,
    .needs_lease = false,
    .arguments_help = REDIS_ARGS_HELP ", peer_front_host",
    .by_hand = "redis-cli -h <master of {redis_addresses}> config set min-replicas-to-write 1000; "
               "info replication: wait until the offset of the peer's slave line reaches "
               "master_repl_offset; to take it back: config set min-replicas-to-write 0",
};
