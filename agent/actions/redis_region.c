/* redis_region: see redis_region.h. */
#include "agent/actions/redis_region.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/ensure.h"

/* A member that hangs must not hold up the others. */
#define LOOK_MS 400
#define TELL_MS 1500

enum err redis_region_open(const struct action_input *input, struct redis_region *ret_region,
                           struct text256 *reterr) {
    const struct arguments *arguments = input->arguments;
    struct redis_region *region = ret_region;
    struct places members, sentinels;
    memset(region, 0, sizeof *region);
    region->input = input;
    if (!arg_places(arguments, "redis_addresses", &members)) {
        text_say(reterr, "argument \"redis_addresses\" is missing");
        return ERR_CONFIG;
    }
    (void)arg_places(arguments, "sentinels", &sentinels);
    region->n = members.n;
    for (uint8_t i = 0; i < members.n; i++) {
        region->at[i].link.place = members.at[i];
    }
    region->sentinels_n = sentinels.n;
    for (uint8_t i = 0; i < sentinels.n; i++) {
        region->sentinels[i].place = sentinels.at[i];
    }
    region->group = arg_text(arguments, "sentinel_name", "");
    region->epoch_key = arg_text(arguments, "epoch_key", "drover:epoch");
    if (sentinels.n > 0 && region->group[0] == '\0') {
        text_say(reterr, "argument \"sentinel_name\" is missing");
        return ERR_CONFIG;
    }
    if (!text_copy(region->user, sizeof region->user, arg_text(arguments, "redis_user", ""))) {
        text_say(reterr, "argument \"redis_user\" is too long");
        return ERR_CONFIG;
    }
    enum err err =
        act_secret(input, "redis_password_ref", "password_ref", region->password, reterr);
    if (err == ERR_OK) {
        err = act_secret(input, "sentinel_password_ref", NULL, region->sentinel_password, reterr);
    }
    return err;
}

void redis_region_close(struct redis_region *region) {
    for (uint8_t i = 0; i < region->n; i++) {
        redis_link_close(&region->at[i].link);
    }
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        redis_link_close(&region->sentinels[i]);
    }
    secret_wipe(region->password);
    secret_wipe(region->sentinel_password);
}

bool redis_seat_look(struct redis_region *region, uint8_t index) {
    ensure(index < region->n);
    struct redis_seat *seat = &region->at[index];
    char text[REDIS_INFO_SIZE];
    struct text256 unused;
    static const char *const words[] = {"INFO", "replication"};
    struct redis_login login = {.user = region->user, .password = region->password};
    uint64_t until_boot_ms = act_within(LOOK_MS, region->input->deadline_boot_ms);
    seat->reached = false;
    seat->err = ERR_OK;
    if (seat->link.context == NULL) {
        struct place place = seat->link.place;
        seat->err = redis_link_open(&place, &login, until_boot_ms, &seat->link, &unused);
    }
    if (seat->err == ERR_OK) {
        seat->err =
            redis_link_ask(&seat->link, 2, words, until_boot_ms, text, sizeof text, &unused);
    }
    if (seat->err == ERR_OK && !redis_info_parse(text, &seat->info)) {
        seat->err = ERR_FORMAT;
    }
    seat->reached = seat->err == ERR_OK;
    return seat->reached;
}

unsigned redis_region_look(struct redis_region *region) {
    unsigned reached_n = 0;
    for (uint8_t i = 0; i < region->n; i++) {
        reached_n += redis_seat_look(region, i);
    }
    return reached_n;
}

static uint8_t region_find(const struct redis_region *region, const char *host, uint16_t port) {
    for (uint8_t i = 0; i < region->n; i++) {
        if (place_is(&region->at[i].link.place, host, port)) {
            return i;
        }
    }
    return NONE;
}

/* The member that more than half of the Sentinels call master, when it says so itself. */
static uint8_t sentinels_head(struct redis_region *region) {
    unsigned votes[ARG_PLACES_MAX] = {0};
    struct text256 unused;
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        struct place place;
        if (redis_sentinel_master(region, i, &place, &unused) == ERR_OK) {
            uint8_t index = region_find(region, place.host, place.port);
            if (index != NONE && ++votes[index] * 2 > region->sentinels_n &&
                region->at[index].reached && region->at[index].info.master) {
                return index;
            }
        }
    }
    return NONE;
}

uint8_t redis_region_head(struct redis_region *region) {
    uint8_t head = NONE;
    bool any_master = false;
    for (uint8_t i = 0; i < region->n; i++) {
        any_master = any_master || (region->at[i].reached && region->at[i].info.master);
        if (head == NONE && region->at[i].reached) {
            head = i;
        }
    }
    if (head == NONE) {
        return NONE;
    }
    /* A master inside the region is trusted only when the Sentinels chose it or the first member
     * follows it: an empty member started by mistake is a master, too. */
    uint8_t chosen = any_master ? sentinels_head(region) : NONE;
    if (chosen != NONE) {
        return chosen;
    }
    for (uint8_t steps = 0; steps < region->n; steps++) {
        const struct redis_info *info = &region->at[head].info;
        uint8_t above =
            info->master ? NONE : region_find(region, info->master_host, info->master_port);
        if (above == NONE || !region->at[above].reached) {
            break;
        }
        head = above;
    }
    return head;
}

enum err redis_seat_tell(struct redis_region *region, uint8_t index, int words_n,
                         const char *const *words, struct text256 *reterr) {
    char text[256];
    ensure(index < region->n);
    return redis_link_ask(&region->at[index].link, words_n, words,
                          act_within(TELL_MS, region->input->deadline_boot_ms), text, sizeof text,
                          reterr);
}

enum err redis_seat_follow(struct redis_region *region, uint8_t index, const char *host,
                           uint16_t port, struct text256 *reterr) {
    struct redis_info *info = &region->at[index].info;
    char number[8];
    (void)text_format(number, sizeof number, "%u", (unsigned)port);
    const char *const words[] = {"REPLICAOF", host, number};
    if (!info->master && info->master_port == port && text_equal(info->master_host, host)) {
        return ERR_OK;
    }
    return redis_seat_tell(region, index, 3, words, reterr);
}

enum err redis_seat_set(struct redis_region *region, uint8_t index, const char *name,
                        const char *value, bool *ret_changed, struct text256 *reterr) {
    char text[256];
    const char *const get[] = {"CONFIG", "GET", name};
    const char *const set[] = {"CONFIG", "SET", name, value};
    enum err err = redis_link_ask(&region->at[index].link, 3, get,
                                  act_within(TELL_MS, region->input->deadline_boot_ms), text,
                                  sizeof text, reterr);
    if (err != ERR_OK) {
        return err;
    }
    /* Two lines: the name, the value. */
    const char *line = strchr(text, '\n');
    size_t n = strlen(value);
    if (line != NULL && strncmp(line + 1, value, n) == 0 && line[1 + n] == '\n') {
        return ERR_OK;
    }
    *ret_changed = true;
    return redis_seat_tell(region, index, 4, set, reterr);
}

bool redis_seat_persist(struct redis_region *region, uint8_t index) {
    static const char *const words[] = {"CONFIG", "REWRITE"};
    struct text256 unused;
    return redis_seat_tell(region, index, 2, words, &unused) == ERR_OK;
}

enum err redis_epoch_read(struct redis_region *region, uint8_t index, uint64_t *ret_epoch,
                          struct text256 *reterr) {
    char text[64];
    const char *const get[] = {"GET", region->epoch_key};
    enum err err = redis_link_ask(&region->at[index].link, 2, get,
                                  act_within(TELL_MS, region->input->deadline_boot_ms), text,
                                  sizeof text, reterr);
    if (err == ERR_FAILED && text_starts(text, "MASTERDOWN")) {
        text[0] = '\0'; /* replica-serve-stale-data no: it will not tell */
        err = ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    uint64_t epoch = 0;
    if (text[0] != '\0' && !text_to_u64(text, UINT64_MAX, &epoch)) {
        text_say(reterr, "key %.60s holds \"%.20s\" where an epoch was expected", region->epoch_key,
                 text);
        return ERR_FORMAT;
    }
    *ret_epoch = epoch;
    return ERR_OK;
}

enum err redis_epoch_write(struct redis_region *region, uint8_t index, struct text256 *reterr) {
    char number[24];
    uint64_t there = 0;
    (void)text_format(number, sizeof number, "%" PRIu64, region->input->epoch);
    const char *const set[] = {"SET", region->epoch_key, number};
    enum err err = redis_epoch_read(region, index, &there, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (there > region->input->epoch) {
        text_say(reterr, "key %.60s holds epoch %" PRIu64 ", larger than %" PRIu64,
                 region->epoch_key, there, region->input->epoch);
        return ERR_STALE;
    }
    return redis_seat_tell(region, index, 3, set, reterr);
}
