/* redis_sentinels: a region's Sentinels. Each is told by its own address: REMOVE, MONITOR and
 * SET are not passed on among them, and each writes them to its own file. Part of
 * redis_region.h. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/redis_region.h"
#include "common/base/ensure.h"

#define SENTINEL_MS 500

static enum err sentinel_ask(struct redis_region *region, uint8_t index, int words_n,
                             const char *const *words, char *ret_text, size_t text_size,
                             struct text256 *reterr) {
    ensure(index < region->sentinels_n);
    struct redis_link *link = &region->sentinels[index];
    uint64_t until_boot_ms = act_within(SENTINEL_MS, region->input->deadline_boot_ms);
    struct redis_login login = {.user = "", .password = region->sentinel_password};
    ret_text[0] = '\0';
    if (link->context == NULL) {
        struct place place = link->place;
        enum err err = redis_link_open(&place, &login, until_boot_ms, link, reterr);
        if (err != ERR_OK) {
            return err;
        }
    }
    return redis_link_ask(link, words_n, words, until_boot_ms, ret_text, text_size, reterr);
}

enum err redis_sentinel_master(struct redis_region *region, uint8_t index, struct place *ret_place,
                               struct text256 *reterr) {
    char text[256];
    uint64_t port = 0;
    const char *const words[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", region->group};
    enum err err = sentinel_ask(region, index, 3, words, text, sizeof text, reterr);
    if (err != ERR_OK) {
        return err;
    }
    /* Two lines, or nothing for an unknown name. */
    char *line = strchr(text, '\n');
    if (line == NULL) {
        return ERR_NOT_FOUND;
    }
    *line++ = '\0';
    line[strcspn(line, "\n")] = '\0';
    struct place place = {.port = 0};
    if (!text_to_u64(line, 65535, &port) || port == 0 ||
        !text_copy(place.host, sizeof place.host, text)) {
        text_say(reterr, "%s: a master's address is malformed",
                 region->sentinels[index].place.text);
        return ERR_FORMAT;
    }
    place.port = (uint16_t)port;
    (void)text_format(place.text, sizeof place.text, "%s:%u", place.host, (unsigned)port);
    *ret_place = place;
    return ERR_OK;
}

unsigned redis_sentinels_remove(struct redis_region *region, bool *ret_changed,
                                struct text256 *reterr) {
    unsigned clean_n = 0;
    char text[256];
    const char *const words[] = {"SENTINEL", "REMOVE", region->group};
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        enum err err = sentinel_ask(region, i, 3, words, text, sizeof text, reterr);
        if (err == ERR_OK) {
            *ret_changed = true;
            clean_n++;
        } else if (err == ERR_FAILED && strstr(text, "No such master") != NULL) {
            clean_n++;
        }
    }
    return clean_n;
}

/* What MONITOR does not take with it. */
static enum err sentinel_set_up(struct redis_region *region, uint8_t index,
                                struct text256 *reterr) {
    char text[256];
    char down[24], failover[24];
    const struct arguments *arguments = region->input->arguments;
    (void)text_format(down, sizeof down, "%" PRIu64, arg_number(arguments, "down_after_ms", 3000));
    (void)text_format(failover, sizeof failover, "%" PRIu64,
                      arg_number(arguments, "failover_timeout_ms", 10000));
    const char *words[11] = {
        "SENTINEL",         "SET",   region->group, "down-after-milliseconds", down,
        "failover-timeout", failover};
    int n = 7;
    if (region->user[0] != '\0') {
        words[n++] = "auth-user";
        words[n++] = region->user;
    }
    if (region->password[0] != '\0') {
        words[n++] = "auth-pass";
        words[n++] = region->password;
    }
    return sentinel_ask(region, index, n, words, text, sizeof text, reterr);
}

static enum err sentinel_watch(struct redis_region *region, uint8_t index, const struct place *head,
                               bool *ret_changed, struct text256 *reterr) {
    char text[256];
    char port[8], quorum[8];
    struct place known;
    (void)text_format(port, sizeof port, "%u", (unsigned)head->port);
    (void)text_format(quorum, sizeof quorum, "%" PRIu64,
                      arg_number(region->input->arguments, "quorum", 2));
    const char *const remove[] = {"SENTINEL", "REMOVE", region->group};
    const char *const monitor[] = {"SENTINEL", "MONITOR", region->group, head->host, port, quorum};
    enum err err = redis_sentinel_master(region, index, &known, reterr);
    if (err == ERR_OK && place_is(&known, head->host, head->port)) {
        /* It may have been killed between MONITOR and SET: SET again costs nothing. */
        return sentinel_set_up(region, index, reterr);
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_changed = true;
    if (err == ERR_OK) {
        err = sentinel_ask(region, index, 3, remove, text, sizeof text, reterr);
        if (err != ERR_OK && err != ERR_FAILED) {
            return err;
        }
    }
    err = sentinel_ask(region, index, 6, monitor, text, sizeof text, reterr);
    return err == ERR_OK ? sentinel_set_up(region, index, reterr) : err;
}

unsigned redis_sentinels_watch(struct redis_region *region, const struct place *head,
                               bool *ret_changed, struct text256 *reterr) {
    unsigned watching_n = 0;
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        watching_n += sentinel_watch(region, i, head, ret_changed, reterr) == ERR_OK;
    }
    return watching_n;
}

enum err redis_sentinels_failover(struct redis_region *region, struct text256 *reterr) {
    char text[256];
    const char *const words[] = {"SENTINEL", "FAILOVER", region->group};
    enum err err = ERR_UNREACHABLE;
    text_say(reterr, "no Sentinel answers");
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        if (region->sentinels[i].context == NULL) {
            continue; /* it did not answer a moment ago */
        }
        err = sentinel_ask(region, i, 3, words, text, sizeof text, reterr);
        if (err == ERR_OK || err == ERR_TIMEOUT) {
            return ERR_OK; /* silent, too: it may have it, and another one is not asked besides */
        }
        if (err == ERR_FAILED && text_starts(text, "INPROG")) {
            return ERR_BUSY;
        }
        if (err == ERR_FAILED && text_starts(text, "NOGOODSLAVE")) {
            err = ERR_PRECONDITION;
        }
    }
    return err;
}

bool redis_sentinels_move(struct redis_region *region) {
    char text[REDIS_INFO_SIZE];
    struct text256 unused;
    const char *const words[] = {"SENTINEL", "MASTER", region->group};
    for (uint8_t i = 0; i < region->sentinels_n; i++) {
        if (sentinel_ask(region, i, 3, words, text, sizeof text, &unused) == ERR_OK &&
            strstr(text, "failover_in_progress") != NULL) {
            return true;
        }
    }
    return false;
}
