/* Nobody's key, or a real one towards the wrong server. Words:
 *   connect MEMBER own|fresh right|wrong   one connection, by our key or a fresh one, to the
 *     member's
 *                                          pinned key or another; says after 3 s whether it
 *                                          stands
 *   flood MEMBER PER_SECOND SECONDS        a fresh key each, held for half a second each */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/sign.h"
#include "tests/integration/adversary/rogue.h"

#define HELD_MAX 1024
#define HOLD_MS 500
#define VERDICT_MS 3000
#define FLOOD_TICK_MS 10

struct held {
    struct wire_client *client;
    uint64_t until_ms;
};

static struct held held[HELD_MAX];
static uv_timer_t timer;
static struct wire_client *single;
static uint64_t single_until_ms;
static const struct member *target;
static uint64_t flood_from_ms, flood_ms, flood_rate, made_n, connected_n, frames_n;

static void on_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                     size_t frame_size) {
    (void)owner;
    (void)from;
    (void)frame;
    (void)frame_size;
    frames_n++;
}

static struct wire_client *open_one(struct rogue *rogue, bool fresh, bool right) {
    uint8_t secret[KEY_SIZE], public_key[KEY_SIZE], other[KEY_SIZE], unused[KEY_SIZE];
    struct wire_client *client = NULL;
    struct text256 why = {{0}};
    bool made =
        curve_keypair(secret, public_key) == ERR_OK && curve_keypair(unused, other) == ERR_OK;
    ensure(made);
    if (wire_connect(rogue->wire, target->agents_address, right ? target->curve_key : other,
                     fresh ? secret : rogue->keys.curve_secret,
                     fresh ? public_key : rogue->keys.curve_public, FRAME_CONFIG_MAX, on_frame,
                     rogue, &client, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return NULL;
    }
    made_n++;
    return client;
}

static void flood_step(struct rogue *rogue, uint64_t now_ms) {
    uint64_t due_n = flood_rate * (now_ms - flood_from_ms) / 1000;
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i].client != NULL && now_ms >= held[i].until_ms) {
            connected_n += wire_client_connected(held[i].client);
            wire_client_close(held[i].client);
            held[i].client = NULL;
        }
        if (held[i].client == NULL && made_n < due_n && now_ms - flood_from_ms < flood_ms) {
            held[i].client = open_one(rogue, true, true);
            held[i].until_ms = now_ms + HOLD_MS;
        }
    }
    if (now_ms - flood_from_ms > flood_ms + 2 * HOLD_MS) {
        rogue_say("flooded made=%llu connected=%llu frames=%llu", (unsigned long long)made_n,
                  (unsigned long long)connected_n, (unsigned long long)frames_n);
        flood_ms = 0;
    }
}

static void on_timer(uv_timer_t *handle) {
    struct rogue *rogue = handle->data;
    uint64_t now_ms = clock_boot_ms();
    if (flood_ms > 0) {
        flood_step(rogue, now_ms);
    }
    if (single != NULL && now_ms >= single_until_ms) {
        rogue_say("connected=%d frames=%llu", wire_client_connected(single),
                  (unsigned long long)frames_n);
        wire_client_close(single);
        single = NULL;
    }
}

static bool obey(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]) {
    uint8_t member = words_n == 4 ? topology_member(rogue->pins, words[1]) : NONE;
    if (member == NONE) {
        return false;
    }
    target = &rogue->pins->members[member];
    if (text_equal(words[0], "connect") && single == NULL) {
        single = open_one(rogue, text_equal(words[2], "fresh"), text_equal(words[3], "right"));
        single_until_ms = clock_boot_ms() + VERDICT_MS;
        return single != NULL;
    }
    if (text_equal(words[0], "flood")) {
        flood_rate = rogue_number(words[2]);
        flood_ms = rogue_number(words[3]) * 1000;
        flood_from_ms = clock_boot_ms();
        made_n = 0;
        rogue_say("flooding");
        return true;
    }
    return false;
}

bool rogue_stranger_start(struct rogue *rogue) {
    rogue->obey = obey;
    timer.data = rogue;
    (void)uv_timer_init(rogue->loop, &timer);
    (void)uv_timer_start(&timer, on_timer, FLOOD_TICK_MS, FLOOD_TICK_MS);
    return true;
}
