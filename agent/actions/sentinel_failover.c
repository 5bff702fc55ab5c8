/* sentinel_failover: the Sentinels of a region make another member the master. Run twice it moves
 * once: who was the master when the step was begun is written to the master itself, under the name
 * of epoch, execution and step, and every replica has that before a Sentinel is asked; none is
 * asked while any of them, or any member, knows of another master. Proof is a write at the new
 * master, most Sentinels naming it, and the others that are there following it. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/redis_region.h"
#include "common/io/clock.h"

#define MARK_KEY "drover:sentinel_failover"
#define POLL_MS 50
#define TELL_MS 1000
#define BUSY_MS 200
#define WITHIN_MS 30000
#define GIVEN_UP_MS 3000

struct change {
    const struct action_input *input;
    struct redis_region *region;
    char step[72];          /* "EPOCH-EXECUTION-STEP " */
    char was[ADDRESS_SIZE]; /* the master when the step was begun; "" when it was not */
    struct place master;    /* as most Sentinels say now */
    bool all_say_so;        /* no Sentinel, and no member, says otherwise */
    uint64_t asked_boot_ms; /* 0: by an earlier attempt */
    uint64_t moved_ms;
    unsigned follow_n, others_n; /* others: of those that are there */
    struct text256 why;
};

static enum err failover_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_SENTINEL_FAILOVER, arguments, reterr);
}

/* Whom most of the Sentinels call the master. */
static enum err master_ask(struct change *change) {
    struct redis_region *region = change->region;
    struct place known[ARG_PLACES_MAX];
    unsigned known_n = 0;
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        known_n += redis_sentinel_master(region, i, &known[known_n], &change->why) == ERR_OK;
    }
    for (unsigned i = 0; i < known_n; i++) {
        unsigned same_n = 0;
        for (unsigned j = 0; j < known_n; j++) {
            same_n += place_is(&known[i], known[j].host, known[j].port);
        }
        if (same_n * 2 > region->sentinels_n) {
            change->master = known[i];
            change->all_say_so = same_n == known_n;
            return ERR_OK;
        }
    }
    text_say(&change->why, "of %u Sentinels %u know a master of %.40s, and no majority the same",
             (unsigned)region->sentinels_n, known_n, region->group);
    return ERR_NO_QUORUM;
}

static uint8_t master_seat(const struct change *change) {
    const struct redis_region *region = change->region;
    for (uint8_t i = 0; i < region->n; i++) {
        if (place_is(&region->at[i].link.place, change->master.host, change->master.port)) {
            return i;
        }
    }
    return NONE;
}

static enum err seat_ask(struct change *change, uint8_t seat, int n, const char *const *words,
                         char *ret_text, size_t text_size) {
    return redis_link_ask(&change->region->at[seat].link, n, words,
                          act_within(TELL_MS, change->input->deadline_boot_ms), ret_text, text_size,
                          &change->why);
}

/* Every member is asked: the master of then may be gone. */
static void members_look(struct change *change) {
    static const char *const get[] = {"GET", MARK_KEY};
    struct redis_region *region = change->region;
    char text[200];
    for (uint8_t i = 0; i < region->n; i++) {
        if (!redis_seat_look(region, i)) {
            continue;
        }
        const struct place *place = &region->at[i].link.place;
        if (region->at[i].info.master &&
            !place_is(place, change->master.host, change->master.port)) {
            change->all_say_so = false;
        }
        if (seat_ask(change, i, 2, get, text, sizeof text) == ERR_OK &&
            text_starts(text, change->step)) {
            (void)text_copy(change->was, sizeof change->was, text + strlen(change->step));
        }
    }
}

static enum err mark_set(struct change *change, uint8_t seat) {
    char value[200], text[64];
    (void)text_format(value, sizeof value, "%s%s", change->step, change->was);
    const char *const set[] = {"SET", MARK_KEY, value};
    return seat_ask(change, seat, 3, set, text, sizeof text);
}

/* Whoever is promoted must know it. */
static enum err mark_write(struct change *change, uint8_t seat) {
    char replicas[12], text[64];
    const struct redis_info *info = &change->region->at[seat].info;
    unsigned online_n = 0;
    uint64_t acknowledged_n = 0;
    for (uint8_t i = 0; i < info->replicas_n; i++) {
        online_n += info->replicas[i].online;
    }
    (void)text_copy(change->was, sizeof change->was, change->master.text);
    (void)text_format(replicas, sizeof replicas, "%u", online_n);
    const char *const wait[] = {"WAIT", replicas, "900"};
    enum err err = mark_set(change, seat);
    err = err == ERR_OK ? seat_ask(change, seat, 3, wait, text, sizeof text) : err;
    if (err == ERR_OK &&
        (online_n == 0 || !text_to_u64(text, 1000, &acknowledged_n) || acknowledged_n < online_n)) {
        text_say(&change->why, "%u replicas are online, %u have all that %s has", online_n,
                 (unsigned)acknowledged_n, change->master.text);
        err = ERR_PRECONDITION;
    }
    return err;
}

static enum err epoch_fits(struct change *change, uint8_t seat) {
    uint64_t epoch = 0;
    enum err err = redis_epoch_read(change->region, seat, &epoch, &change->why);
    if (err == ERR_OK && epoch > change->input->epoch) {
        text_say(&change->why, "Redis holds epoch %" PRIu64 ", larger than %" PRIu64, epoch,
                 change->input->epoch);
        return ERR_STALE;
    }
    return err;
}

/* ------------------------------------------------------------------- the proof */

/* The Sentinels let the old master be one for some 10 s more, and what it takes is lost: it is told
 * at once. */
static void others_look(struct change *change, uint8_t seat) {
    struct redis_region *region = change->region;
    const struct place *master = &change->master;
    change->follow_n = change->others_n = 0;
    for (uint8_t i = 0; i < region->n; i++) {
        const struct redis_info *info = &region->at[i].info;
        bool there = i != seat && redis_seat_look(region, i);
        if (i != seat && !there) {
            there = redis_seat_look(region, i); /* one that becomes a replica closes connections */
        }
        if (!there) {
            continue;
        }
        if (info->master && text_equal(region->at[i].link.place.text, change->was) &&
            !change->input->observe_only) {
            enum err ignored =
                redis_seat_follow(region, i, master->host, master->port, &change->why);
            (void)ignored; /* the Sentinels do it, too */
        }
        change->others_n++;
        change->follow_n += !info->master && info->link_up &&
                            place_is(master, info->master_host, info->master_port);
    }
}

static struct action_result moved(const struct change *change) {
    uint64_t within_ms = arg_number(change->input->arguments, "within_ms", WITHIN_MS);
    uint64_t took_ms = change->moved_ms;
    char took[100] = "";
    if (change->asked_boot_ms != 0) {
        (void)text_format(took, sizeof took, ", moved in %" PRIu64 ".%" PRIu64 " s", took_ms / 1000,
                          took_ms / 100 % 10);
    }
    if (took_ms > within_ms) {
        char longer[40];
        (void)text_format(longer, sizeof longer, ", longer than %" PRIu64 ".%" PRIu64 " s",
                          within_ms / 1000, within_ms / 100 % 10);
        (void)text_append(took, sizeof took, longer);
    }
    return act_done(change->asked_boot_ms == 0,
                    "%s is the master instead of %.60s%s; %u of %u "
                    "others that are there follow",
                    change->master.text, change->was, took, change->follow_n, change->others_n);
}

/* One look behind the move. OK: it is proved; STALE: it must not be; others: not yet. */
static enum err look(struct change *change) {
    struct redis_region *region = change->region;
    enum err err = master_ask(change);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t seat = master_seat(change);
    if (seat == NONE || text_equal(change->master.text, change->was)) {
        text_say(&change->why, "the master is still %.60s", change->master.text);
        return ERR_TIMEOUT;
    }
    if (!redis_seat_look(region, seat) || !region->at[seat].info.master) {
        text_say(&change->why, "%.60s does not say that it is the master", change->master.text);
        return ERR_TIMEOUT;
    }
    err = epoch_fits(change, seat);
    err = err == ERR_OK ? mark_set(change, seat) : err;
    if (err != ERR_OK) {
        return err;
    }
    if (change->moved_ms == 0 && change->asked_boot_ms != 0) {
        change->moved_ms = clock_boot_ms() - change->asked_boot_ms;
    }
    others_look(change, seat);
    return change->follow_n == change->others_n ? ERR_OK : ERR_TIMEOUT;
}

/* Sentinels that took the question may end it without a move, and tell nobody. One that moves says
 * so, and behind a move they are not of one mind until all have heard of it. */
static bool gave_up(const struct change *change, uint64_t *since_boot_ms) {
    uint64_t now_ms = clock_boot_ms();
    bool still = change->all_say_so && text_equal(change->master.text, change->was) &&
                 !redis_sentinels_move(change->region);
    *since_boot_ms = !still ? 0 : *since_boot_ms == 0 ? now_ms : *since_boot_ms;
    return still && now_ms - *since_boot_ms >= GIVEN_UP_MS;
}

static struct action_result prove(struct change *change) {
    enum err err = ERR_TIMEOUT;
    uint64_t since_boot_ms = 0;
    while (act_left_ms(change->input->deadline_boot_ms) > 0) {
        err = look(change);
        if (err == ERR_OK) {
            return moved(change);
        }
        if (err == ERR_STALE) {
            return act_failed(err, "%.150s", change->why.at);
        }
        if (err == ERR_TIMEOUT && gave_up(change, &since_boot_ms)) {
            return act_failed(ERR_FAILED, "the Sentinels gave it up: the master is still %.60s",
                              change->was);
        }
        (void)act_pause(POLL_MS, change->input->deadline_boot_ms);
    }
    if (change->moved_ms != 0) {
        return act_failed(ERR_TIMEOUT, "%s takes writes; %u of %u others follow it",
                          change->master.text, change->follow_n, change->others_n);
    }
    return act_failed(err, "%.150s", change->why.at);
}

/* ------------------------------------------------------------------------ the act */

/* BUSY: an earlier move is not over for the Sentinels, some seconds behind its end. */
static struct action_result ask(struct change *change, uint8_t seat) {
    enum err err = epoch_fits(change, seat);
    err = err == ERR_OK ? mark_write(change, seat) : err;
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change->why.at);
    }
    change->asked_boot_ms = clock_boot_ms();
    err = redis_sentinels_failover(change->region, &change->why);
    while (err == ERR_BUSY && act_pause(BUSY_MS, change->input->deadline_boot_ms)) {
        if (master_ask(change) != ERR_OK) {
            continue;
        }
        members_look(change);
        if (!change->all_say_so || !text_equal(change->was, change->master.text)) {
            return prove(change);
        }
        change->asked_boot_ms = clock_boot_ms();
        err = redis_sentinels_failover(change->region, &change->why);
    }
    return err == ERR_OK ? prove(change) : act_failed(err, "%.150s", change->why.at);
}

static struct action_result region_change(struct change *change) {
    const struct action_input *input = change->input;
    struct redis_region *region = change->region;
    (void)text_format(change->step, sizeof change->step, "%" PRIu64 "-%" PRIu64 "-%u ",
                      input->epoch, input->execution, (unsigned)input->step);
    enum err err = master_ask(change);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change->why.at);
    }
    members_look(change);
    uint8_t seat = master_seat(change);
    if (seat == NONE) {
        return act_failed(ERR_PRECONDITION, "the master %s is none of redis_addresses",
                          change->master.text);
    }
    bool begun = change->was[0] != '\0';
    if (begun && (!text_equal(change->was, change->master.text) || !change->all_say_so ||
                  redis_sentinels_move(region))) {
        return prove(change);
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "the master is still %s", change->master.text);
    }
    if (!change->all_say_so) {
        return act_failed(ERR_PRECONDITION, "not everybody says that %s is the master",
                          change->master.text);
    }
    if (!region->at[seat].reached) {
        return act_failed(region->at[seat].err, "the master %s does not answer",
                          change->master.text);
    }
    return ask(change, seat);
}

static struct action_result failover_run(const struct action_input *input) {
    struct redis_region region;
    struct change change = {.input = input, .region = &region};
    enum err err = failover_accepts(input->arguments, &change.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change.why.at);
    }
    err = redis_region_open(input, &region, &change.why);
    struct action_result result =
        err == ERR_OK ? region_change(&change) : act_failed(err, "%.150s", change.why.at);
    redis_region_close(&region);
    return result;
}

/* It makes nothing writable that was not: Sentinels watch in the active region only. */
const struct action_kind_row row_sentinel_failover = {
    .kind = ACTION_SENTINEL_FAILOVER,
    .run = failover_run,
    .accepts = failover_accepts,
    .needs_lease = false,
    .arguments_help = REDIS_ARGS_HELP ", within_ms=30000",
    .by_hand = "redis-cli -h <one of {sentinels}> -p 26379 sentinel failover {sentinel_name}; then "
               "sentinel get-master-addr-by-name {sentinel_name} must name another member on each",
};
