/* What reaches the guard from a hostile agent or a damaged disk: packets of the socket,
 * certificates in them, the file. And the holder under any order of calls: whatever the input, a
 * lease is never of an epoch that was fenced, never older than the newest accepted, never longer
 * than T from its question. */
#include <stdlib.h>
#include <string.h>

#include "agent/core/durable.h"
#include "agent/core/guard_wire.h"
#include "agent/core/holder.h"
#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "proto/canon.h"

#define T_MS 6000
#define EARLY_MS 600
#define CALLS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void packets(const uint8_t *in, size_t size) {
    static struct guard_request request;
    static struct guard_answer answer;
    static struct certificate certificate;
    static uint8_t out[GUARD_PACKET_MAX];
    uint8_t statement[CANON_MAX];
    struct holder_durable durable;
    if (guard_request_read(in, size, &request)) {
        size_t n = guard_request_write(&request, out, sizeof out);
        ensure(n == size);
        ensure(memcmp(in, out, n) == 0);
        if (certificate_read(request.body, request.body_size, &certificate)) {
            ensure(canon_question(&certificate.question, statement) > 0);
        }
    }
    if (guard_answer_read(in, size, &answer)) {
        ensure(guard_answer_write(&answer, out, sizeof out) == size);
    }
    if (durable_read(in, size, &durable)) {
        durable_write(&durable, out);
        ensure(size == DURABLE_SIZE);
        ensure(memcmp(in, out, size) == 0);
    }
}

struct world {
    struct holder holder;
    struct stamp now;
    uint8_t nonces; /* the last one given out; a question's nonce is its number */
    struct stamp asked[256];
    uint64_t fenced, accepted; /* the highest that were ever in force */
};

static const uint8_t *nonce_of(uint8_t number) {
    static uint8_t nonce[NONCE_SIZE];
    memset(nonce, number, sizeof nonce);
    return nonce;
}

static void settle(struct world *world, enum holder_verdict verdict, bool disk) {
    if (verdict == HOLDER_PERSIST && disk) {
        enum holder_verdict after = holder_persisted(&world->holder, world->now);
        ensure(after != HOLDER_PERSIST);
    } else if (verdict == HOLDER_PERSIST) {
        holder_persist_failed(&world->holder);
    }
}

static void check(struct world *world, uint8_t call, uint8_t number, enum holder_verdict verdict) {
    struct holder *holder = &world->holder;
    ensure(holder->durable.fenced_epoch >= world->fenced);
    ensure(holder->durable.accepted_epoch >= world->accepted);
    world->fenced = holder->durable.fenced_epoch;
    world->accepted = holder->durable.accepted_epoch;
    uint32_t left_ms = holder_left_ms(holder, world->now);
    ensure(holder_gate_ms(holder, world->now) <= left_ms);
    ensure(left_ms <= T_MS);
    if (left_ms > 0) {
        ensure(holder->lease_epoch > world->fenced);
        ensure(holder->lease_epoch == world->accepted);
    }
    /* What a certificate just gave counts from its own question, or was there before. */
    if ((call == 1 || call == 2) && verdict == HOLDER_ACCEPTED && left_ms > 0) {
        uint64_t passed_ms = stamp_most_passed_ms(holder->lease_sent, world->now);
        ensure(passed_ms + left_ms == T_MS);
        ensure(holder->lease_sent.boot_ms >= world->asked[number].boot_ms);
    }
}

static void restart(struct world *world) {
    struct holder_conf conf = world->holder.conf;
    struct holder_durable durable = world->holder.durable;
    holder_init(&world->holder, &conf, &durable, world->now);
    ensure(holder_left_ms(&world->holder, world->now) == 0);
}

static void step(struct world *world, struct bytes_in *in) {
    struct holder *holder = &world->holder;
    enum holder_verdict verdict = HOLDER_BUSY;
    uint8_t call = bytes_get_u8(in) % 8;
    uint8_t number = bytes_get_u8(in);
    uint8_t who = bytes_get_u8(in);
    uint64_t epoch = bytes_get_u8(in) % 16;
    uint16_t ms = bytes_get_u16(in);
    bool disk = (who & 0x80) == 0;
    if (call == 0) {
        number = ++world->nonces;
        world->asked[number] = world->now;
        verdict = holder_begin(holder, (who & 1) != 0 ? ROUND_LEASE : ROUND_PROMISE, epoch,
                               nonce_of(number), world->now);
    } else if (call == 1) {
        verdict = holder_certificate(holder, nonce_of(number), epoch, who & 0x7f, world->now);
    } else if (call == 2) {
        verdict = holder_promises(holder, nonce_of(number), epoch, who & 0x7f, world->now);
    } else if (call == 3) {
        verdict = holder_denial(holder, epoch, who & 0x7f);
    } else if (call == 4) {
        verdict = holder_fence(holder, epoch + 1);
    } else if (call == 5) {
        verdict = holder_promise(holder, epoch, world->now);
        ensure(verdict != HOLDER_ACCEPTED || holder_left_ms(holder, world->now) == 0);
    } else if (call == 6) {
        world->now.boot_ms += ms;
        world->now.raw_ms += (who & 1) != 0 ? ms : (uint32_t)ms + number;
        holder_tick(holder, world->now);
    } else {
        restart(world);
    }
    settle(world, verdict, disk);
    check(world, call, number, verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world world;
    const struct holder_conf conf = {.lease_ms = T_MS,
                                     .fence_ms = 2000,
                                     .gate_early_ms = EARLY_MS,
                                     .promise_ms = T_MS + 200,
                                     .policy = HOLDER_FAILSAFE,
                                     .members_n = 3,
                                     .promisers_n = 2};
    const struct holder_durable none = {0, 0, 0};
    uint8_t *in = malloc(size + 1);
    ensure(in != NULL);
    memcpy(in, data, size);
    packets(in, size);
    memset(&world, 0, sizeof world);
    world.now = (struct stamp){.boot_ms = 1000, .raw_ms = 1000};
    holder_init(&world.holder, &conf, &none, world.now);
    struct bytes_in reader = bytes_reader(in, size);
    for (unsigned n = 0; n < CALLS_MAX && !reader.failed && reader.used < size; n++) {
        step(&world, &reader);
    }
    free(in);
    return 0;
}
