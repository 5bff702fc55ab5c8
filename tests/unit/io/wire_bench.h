/* What the tests of the wire stand on: a loop with a server, its keys and allow-list, clients,
 * and a record of all that arrives and is told. */
#ifndef DROVER_TEST_WIRE_BENCH_H
#define DROVER_TEST_WIRE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire.h"

#define FRAME_MAX 4096
#define ANY_PORT "tcp://127.0.0.1:*"

struct pair {
    uint8_t secret[KEY_SIZE], public_key[KEY_SIZE];
};

struct inbox {
    unsigned n;
    unsigned b_n; /* of them from east-b */
    char from[NAME_SIZE];
    char text[FRAME_MAX + 1];
};

struct bench {
    uv_loop_t loop;
    uv_timer_t tick;
    struct wire *wire;
    struct pair server, a, b;
    struct wire_identity identities[2];
    struct wire_server *serving;
    struct inbox at_server;
    char address[ADDRESS_SIZE];
    char notices[4096];
    unsigned notices_n;
};

/* Turns the loop until the condition holds or so many ms are over. */
#define TURN(bench, condition, limit_ms)                                                           \
    do {                                                                                           \
        uint64_t turn_end = clock_boot_ms() + (limit_ms);                                          \
        while (!(condition) && clock_boot_ms() < turn_end) {                                       \
            (void)uv_run(&(bench)->loop, UV_RUN_ONCE);                                             \
        }                                                                                          \
    } while (0)

void bench_take_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                      size_t frame_size);
void bench_serve(struct bench *bench, const char *address);
int bench_open(void **state);
int bench_close(void **state);
struct wire_client *bench_join_at(struct bench *bench, const char *address, const struct pair *pair,
                                  struct inbox *inbox);
struct wire_client *bench_join(struct bench *bench, const struct pair *pair, struct inbox *inbox);
enum err bench_say(struct wire_client *client, const char *text);
enum err bench_answer(struct bench *bench, uint8_t index, const char *text);
void bench_heard(struct bench *bench, struct wire_client *client, const char *text);

#define WIRE_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

#endif
