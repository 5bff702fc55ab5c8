/* A recording comes from another machine, by hand: whatever it is, reading it ends, and what reads
 * well is written again byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/decide/recorder.h"

#define ROOM 128 /* beside the payload: the head and the frame of one record */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No fuzzer guesses a checksum: here the input is a payload, in a recording made around it. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct recorder_reader reader;
    struct recorder_record record;
    struct text256 why;
    if (size > RECORDER_PAYLOAD_MAX) {
        return 0;
    }
    uint8_t *in = malloc(size + 1), *out = malloc(size + 1);
    ensure(in != NULL && out != NULL);
    memcpy(in, data, size);
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
    free(in);
    free(out);
    payload_goes_round(data, size);
    return 0;
}
