/* codec: facts and snapshots there and back, and every cut and every flipped byte refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "coordinator/core/codec.h"

static uint8_t bytes[64 * 1024];
static const uint8_t frame[] = {1, 2, 3, 4, 5, 6, 7};
static const uint8_t text[] = "cluster = \"test\";";

static struct fact fact_of(enum event_kind kind) {
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = (uint8_t)kind;
    fact.event.index = 77;
    fact.member = 2;
    fact.wall_ms = fact.event.wall_ms = UINT64_C(1700000000123);
    return fact;
}

static struct fact some_fact(enum event_kind kind) {
    struct fact fact = fact_of(kind);
    switch (kind) {
    case EVENT_CONFIG:
        fact.event.config.version = 9;
        fact.text = text;
        fact.text_size = sizeof text;
        fact.frame = frame;
        fact.frame_size = sizeof frame;
        break;
    case EVENT_TIMEKEEPER:
        fact.event.timekeeper.member = 1;
        fact.event.timekeeper.term = UINT64_C(0x1122334455667788);
        fact.event.timekeeper.gap_ms = UINT32_MAX;
        break;
    case EVENT_TICK:
        fact.event.tick.member = 1;
        fact.event.tick.elapsed_ms = 1003;
        fact.event.tick.wall_ms = UINT64_MAX;
        break;
    case EVENT_VIEW:
        fact.event.view.member = 2;
        fact.event.view.attesting = 1;
        fact.event.view.heard = UINT64_C(0x123456789);
        for (unsigned a = 0; a < AGENTS_MAX; a++) {
            fact.event.view.ago_ms[a] = 1000 * a + 1;
        }
        break;
    case EVENT_LAG:
        fact.event.lag.link = 3;
        fact.event.lag.known = 1;
        fact.event.lag.lag_ms = 4711;
        fact.event.lag.lag_bytes = UINT64_C(1) << 40;
        fact.event.lag.epoch = 7;
        break;
    case EVENT_OPEN:
        fact.event.open.epoch = 12;
        fact.event.open.region = 1;
        break;
    case EVENT_CLOSE:
        fact.event.close.epoch = 11;
        fact.event.close.why = CLOSE_DECLARED;
        break;
    case EVENT_REPORT:
    case EVENT_OUTCOME:
    case EVENT_REQUEST:
        fact.frame = frame;
        fact.frame_size = sizeof frame;
        break;
    case EVENT_KINDS_N: break;
    }
    return fact;
}

static bool carries_a_frame(enum event_kind kind) {
    return kind == EVENT_CONFIG || kind == EVENT_REPORT || kind == EVENT_OUTCOME ||
           kind == EVENT_REQUEST;
}

static void every_kind_of_fact_comes_back_as_it_was(void **state) {
    (void)state;
    for (int kind = 0; kind < EVENT_KINDS_N; kind++) {
        struct fact fact = some_fact((enum event_kind)kind), back;
        size_t size = fact_write(&fact, bytes, sizeof bytes);
        assert_true(size > 0);
        assert_int_equal(fact_read(bytes, size, 77, &back, NULL), ERR_OK);
        assert_memory_equal(&back.event, &fact.event, sizeof fact.event);
        assert_int_equal(back.member, fact.member);
        assert_int_equal(back.wall_ms, fact.wall_ms);
        if (carries_a_frame((enum event_kind)kind)) {
            assert_int_equal(back.frame_size, sizeof frame);
            assert_memory_equal(back.frame, frame, sizeof frame);
        }
        if (kind == EVENT_CONFIG) {
            assert_int_equal(back.text_size, sizeof text);
            assert_memory_equal(back.text, text, sizeof text);
        }
    }
}

static void a_fact_that_does_not_fit_is_not_written(void **state) {
    (void)state;
    for (int kind = 0; kind < EVENT_KINDS_N; kind++) {
        struct fact fact = some_fact((enum event_kind)kind);
        size_t size = fact_write(&fact, bytes, sizeof bytes);
        for (size_t room = 0; room < size; room++) {
            assert_int_equal(fact_write(&fact, bytes, room), 0);
        }
    }
}

/* A frame has no length of its own here: what it lacks, its own reader says (proto). */
static void every_cut_of_a_plain_fact_is_refused(void **state) {
    struct text256 why;
    (void)state;
    for (int kind = 0; kind < EVENT_KINDS_N; kind++) {
        struct fact fact = some_fact((enum event_kind)kind), back;
        size_t size = fact_write(&fact, bytes, sizeof bytes);
        size_t needed = carries_a_frame((enum event_kind)kind) ? size - sizeof frame : size;
        for (size_t cut = 0; cut < needed; cut++) {
            uint8_t *copy = malloc(cut == 0 ? 1 : cut); /* so that a sanitizer sees the end */
            assert_non_null(copy);
            memcpy(copy, bytes, cut);
            assert_int_equal(fact_read(copy, cut, 1, &back, &why), ERR_FORMAT);
            assert_true(strlen(why.at) > 10);
            free(copy);
        }
        if (!carries_a_frame((enum event_kind)kind)) {
            assert_int_equal(fact_read(bytes, size + 1, 1, &back, NULL), ERR_FORMAT);
        }
    }
}

static void what_this_program_does_not_know_is_refused(void **state) {
    struct fact fact = some_fact(EVENT_TICK), back;
    (void)state;
    size_t size = fact_write(&fact, bytes, sizeof bytes);
    bytes[0] = CODEC_VERSION + 1;
    assert_int_equal(fact_read(bytes, size, 1, &back, NULL), ERR_FORMAT);
    bytes[0] = CODEC_VERSION;
    bytes[1] = EVENT_KINDS_N;
    assert_int_equal(fact_read(bytes, size, 1, &back, NULL), ERR_FORMAT);
    bytes[1] = EVENT_TICK;
    bytes[2] = MEMBERS_MAX;
    assert_int_equal(fact_read(bytes, size, 1, &back, NULL), ERR_FORMAT);
    bytes[2] = NONE; /* by nobody: the bootstrap */
    assert_int_equal(fact_read(bytes, size, 1, &back, NULL), ERR_OK);
}

static void a_topology_longer_than_its_fact_or_its_limit_is_refused(void **state) {
    struct fact fact = some_fact(EVENT_CONFIG), back;
    (void)state;
    size_t size = fact_write(&fact, bytes, sizeof bytes);
    size_t at = 1 + 1 + 1 + 8 + 4; /* the text's length */
    struct bytes_out out = bytes_writer(bytes + at, 4);
    bytes_put_u32(&out, (uint32_t)(size - at - 4 + 1));
    assert_int_equal(fact_read(bytes, size, 1, &back, NULL), ERR_FORMAT);
    static uint8_t big[TOPOLOGY_BYTES_MAX + 64];
    static uint8_t room[TOPOLOGY_BYTES_MAX + 256];
    fact.text = big;
    fact.text_size = TOPOLOGY_BYTES_MAX + 1;
    size = fact_write(&fact, room, sizeof room);
    assert_true(size > 0);
    assert_int_equal(fact_read(room, size, 1, &back, NULL), ERR_FORMAT);
}

/* ---------------------------------------------------------------- snapshots */

static uint8_t snapshot_bytes[256 * 1024];

static size_t write_snapshot(struct snapshot *snapshot) {
    memset(snapshot, 0, sizeof *snapshot);
    core_init(&snapshot->core);
    snapshot->core.epoch = 5;
    snapshot->core.phase = PHASE_CLOSED;
    snapshot->core.requests[REQUESTS_MAX - 1][NONCE_SIZE - 1] = 9;
    snapshot->text = text;
    snapshot->text_size = sizeof text;
    snapshot->audit_height = 1234;
    memset(snapshot->audit_head, 7, DIGEST_SIZE);
    return snapshot_write(snapshot, snapshot_bytes, sizeof snapshot_bytes);
}

static void a_snapshot_comes_back_as_it_was(void **state) {
    static struct snapshot snapshot, back;
    (void)state;
    size_t size = write_snapshot(&snapshot);
    assert_true(size > sizeof snapshot.core);
    assert_int_equal(snapshot_read(snapshot_bytes, size, &back, NULL), ERR_OK);
    assert_memory_equal(&back.core, &snapshot.core, sizeof back.core);
    assert_int_equal(back.audit_height, 1234);
    assert_memory_equal(back.audit_head, snapshot.audit_head, DIGEST_SIZE);
    assert_int_equal(back.text_size, sizeof text);
    assert_memory_equal(back.text, text, sizeof text);
    assert_int_equal(snapshot_write(&snapshot, snapshot_bytes, size - 1), 0);
}

static void every_cut_of_a_snapshot_is_refused(void **state) {
    static struct snapshot snapshot, back;
    (void)state;
    size_t size = write_snapshot(&snapshot);
    for (size_t cut = 0; cut < size; cut += cut < 64 || cut + 128 > size ? 1 : 97) {
        assert_int_equal(snapshot_read(snapshot_bytes, cut, &back, NULL), ERR_FORMAT);
    }
    assert_int_equal(snapshot_read(snapshot_bytes, size + 1, &back, NULL), ERR_FORMAT);
}

static void every_flipped_byte_of_a_snapshot_is_noticed(void **state) {
    static struct snapshot snapshot, back;
    struct text256 why;
    (void)state;
    size_t size = write_snapshot(&snapshot);
    for (size_t i = 0; i < size; i += i < 64 || i + 128 > size ? 1 : 61) {
        snapshot_bytes[i] ^= 0x40;
        assert_int_equal(snapshot_read(snapshot_bytes, size, &back, &why), ERR_FORMAT);
        assert_true(strlen(why.at) > 10);
        snapshot_bytes[i] ^= 0x40;
    }
    assert_int_equal(snapshot_read(snapshot_bytes, size, &back, NULL), ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_fact_comes_back_as_it_was),
        cmocka_unit_test(a_fact_that_does_not_fit_is_not_written),
        cmocka_unit_test(every_cut_of_a_plain_fact_is_refused),
        cmocka_unit_test(what_this_program_does_not_know_is_refused),
        cmocka_unit_test(a_topology_longer_than_its_fact_or_its_limit_is_refused),
        cmocka_unit_test(a_snapshot_comes_back_as_it_was),
        cmocka_unit_test(every_cut_of_a_snapshot_is_refused),
        cmocka_unit_test(every_flipped_byte_of_a_snapshot_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
