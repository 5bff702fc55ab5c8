/* A recording comes from another machine, by hand: whatever it is, reading it and replaying it end,
 * and what reads well is written again byte for byte. No fuzzer guesses a checksum, so the input is
 * also taken as changes to a good state and as records behind it. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/decide/replay.h"
#include "tests/unit/topology/sample.h"

#define ROOM 128       /* beside the payload: the head and the frame of one record */
#define RECORDS_MAX 64 /* behind a state */
#define CHANGES_MAX 8  /* of a state */
#define FILE_SIZE (DECIDE_STATE_MAX + 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t good_state[DECIDE_STATE_MAX], changed_state[DECIDE_STATE_MAX], file[FILE_SIZE];
static size_t good_size;

static void payload_goes_round(const uint8_t *data, size_t size) {
    struct recorder_head head = {.boot_id = size, .member = "m1"};
    struct recorder_record made = {.kind = RECORDER_FACT, .payload = data, .payload_size = size};
    struct recorder_record record;
    struct recorder_reader reader;
    struct text256 why;
    uint8_t *out = malloc(size + ROOM);
    ensure(out != NULL && size <= RECORDER_PAYLOAD_MAX);
    size_t n = recorder_head_write(&head, out, size + ROOM);
    n += recorder_record_write(&made, out + n, size + ROOM - n);
    enum err err = recorder_open(out, n, &reader, &why);
    err = err != ERR_OK ? err : recorder_next(&reader, &record, &why);
    ensure(err == ERR_OK && record.payload_size == size);
    ensure(size == 0 || memcmp(record.payload, data, size) == 0);
    free(out);
}

static void bytes_go_round(const uint8_t *in, size_t size) {
    struct recorder_reader reader;
    struct recorder_record record;
    struct text256 why;
    uint8_t *out = malloc(size + 1);
    ensure(out != NULL);
    enum err err = recorder_open(in, size, &reader, &why);
    if (err == ERR_OK) {
        size_t n = recorder_head_write(&reader.head, out, size);
        ensure(n == reader.offset && memcmp(in, out, n) == 0);
    }
    while (err == ERR_OK) {
        size_t from = reader.offset;
        err = recorder_next(&reader, &record, &why);
        if (err == ERR_OK) {
            size_t n = recorder_record_write(&record, out, size);
            ensure(n == reader.offset - from && memcmp(in + from, out, n) == 0);
        }
    }
    free(out);
}

/* A replay and, when it reads, a what-if behind it, as the command line does. */
static void replay_both(const uint8_t *bytes, size_t size, uint32_t hold_down_ms) {
    struct replay_change change = {.name = "policy.hold_down", .value = hold_down_ms};
    struct text256 why;
    struct recorder_reader reader;
    if (recorder_open(bytes, size, &reader, &why) != ERR_OK) {
        return;
    }
    struct replay *recorded = replay_make(NULL, 0, NULL);
    ensure(recorded != NULL);
    enum err err = replay_file(recorded, bytes, size, &why);
    if (err == ERR_OK) {
        struct replay *changed = replay_make(&change, 1, recorded);
        ensure(changed != NULL);
        err = replay_file(changed, bytes, size, &why);
        replay_free(changed);
    }
    replay_free(recorded);
}

/* The sample topology in force, epoch 1 of its first region open, m1 keeps time. */
static void good_state_make(void) {
    static struct decide decide;
    struct attest_durable nothing = {0};
    struct decide_lines lines;
    struct event event;
    decide.topology = sample_topology(NULL, NULL);
    decide.topology->version = 1;
    decide_start(&decide, &nothing, (struct stamp){1000, 1000}, &lines);
    decide.topology_known = true;
    const char *text = sample_text(NULL, NULL);
    decide.topology_text_size = strlen(text);
    (void)text_copy(decide.topology_text, sizeof decide.topology_text, text);
    memset(&event, 0, sizeof event);
    event.kind = EVENT_CONFIG;
    event.config.version = 1;
    (void)core_step(&decide.core, decide.topology, &event);
    memset(&event, 0, sizeof event);
    event.kind = EVENT_OPEN;
    event.open.epoch = 1;
    event.open.region = decide.topology->initial_region;
    (void)core_step(&decide.core, decide.topology, &event);
    memset(&event, 0, sizeof event);
    event.kind = EVENT_TIMEKEEPER;
    event.timekeeper.term = 1;
    (void)core_step(&decide.core, decide.topology, &event);
    decide_caught_up(&decide, 1, &lines);
    good_size = decide_state_write(&decide, good_state, sizeof good_state);
    ensure(good_size > 0);
}

static size_t add(size_t used, const struct recorder_record *record) {
    size_t n = recorder_record_write(record, file + used, sizeof file - used);
    return used + n;
}

/* u8 how many bytes of the state change: u32 where, u8 what; then records: u8 kind, u8 size,
 * payload. Facts get a head that reads, or nothing would come through. */
static void state_and_records(const uint8_t *data, size_t size) {
    struct bytes_in in = bytes_reader(data, size);
    struct recorder_head head = {.boot_id = 1, .member = "m1"};
    uint8_t payload[300];
    if (good_size == 0) {
        good_state_make();
    }
    memcpy(changed_state, good_state, good_size);
    unsigned changes_n = bytes_get_u8(&in) % CHANGES_MAX;
    for (unsigned i = 0; i < changes_n; i++) {
        uint32_t where = bytes_get_u32(&in);
        changed_state[where % good_size] = bytes_get_u8(&in);
    }
    size_t used = recorder_head_write(&head, file, sizeof file);
    struct recorder_record state = {.kind = RECORDER_STATE,
                                    .at = {2000, 2000},
                                    .payload = changed_state,
                                    .payload_size = good_size};
    used = add(used, &state);
    for (unsigned i = 0; i < RECORDS_MAX && !in.failed && in.used < in.size; i++) {
        struct recorder_record record = {.kind = (uint8_t)(1 + bytes_get_u8(&in) % 9),
                                         .at = {3000 + i * 100u, 3000 + i * 100u},
                                         .index = i + 10,
                                         .payload = payload};
        uint8_t payload_size = bytes_get_u8(&in);
        size_t from = 0;
        if (record.kind == RECORDER_FACT) {
            payload[0] = CODEC_VERSION;
            from = 1;
        } else if (record.kind == RECORDER_WAITED) {
            record.index = bytes_get_u8(&in);
        }
        bytes_get_raw(&in, payload + from, payload_size);
        record.payload_size = from + payload_size;
        used = in.failed ? used : add(used, &record);
    }
    replay_both(file, used, size > 0 ? data[size - 1] * 100u : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > RECORDER_PAYLOAD_MAX) {
        return 0;
    }
    uint8_t *in = malloc(size + 1);
    ensure(in != NULL);
    memcpy(in, data, size);
    bytes_go_round(in, size);
    replay_both(in, size, 1000);
    free(in);
    payload_goes_round(data, size);
    state_and_records(data, size);
    return 0;
}
