/* Frames from anybody: decoding never breaks its bounds, and what it accepts is stable: encoded and
 * decoded again it is the same. The first byte chooses how much scratch there is. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[DECODE_SCRATCH_SIZE];
static uint8_t scratch_again[DECODE_SCRATCH_SIZE];
static uint8_t once[FRAME_ANSWER_MAX];
static uint8_t twice[FRAME_ANSWER_MAX];

static void check_report(const struct report *report) {
    static struct report again;
    size_t once_n = 0;
    size_t twice_n = 0;
    enum err err = report_body_encode(report, once, sizeof once, &once_n);
    ensure(err == ERR_OK);
    err = report_body_decode(once, once_n, scratch_again, sizeof scratch_again, &again, NULL);
    ensure(err == ERR_OK);
    err = report_body_encode(&again, twice, sizeof twice, &twice_n);
    ensure(err == ERR_OK);
    ensure(once_n == twice_n);
    ensure(memcmp(once, twice, once_n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t sizes[] = {DECODE_SCRATCH_SIZE, 65536, 16384, 4096, 2048, 1024, 512, 64};
    static struct message message;
    static struct message again;
    struct text256 why = {""};
    size_t once_n = 0;
    size_t twice_n = 0;
    if (size < 1) {
        return 0;
    }
    /* Exactly as long as it says it is, so that the sanitizer sees a byte too far. */
    size_t frame_n = size - 1;
    uint8_t *frame = malloc(frame_n + 1);
    ensure(frame != NULL);
    memcpy(frame, data + 1, frame_n);
    enum err err = message_decode(frame, frame_n, scratch, sizes[data[0] % 8], &message, &why);
    ensure((err == ERR_OK) == (why.at[0] == '\0'));
    if (err == ERR_OK) {
        err = message_encode(&message, once, sizeof once, &once_n);
        ensure(err == ERR_OK);
        err = message_decode(once, once_n, scratch_again, sizeof scratch_again, &again, &why);
        ensure(err == ERR_OK);
        err = message_encode(&again, twice, sizeof twice, &twice_n);
        ensure(err == ERR_OK);
        ensure(once_n == twice_n);
        ensure(memcmp(once, twice, once_n) == 0);
        if (message.kind == MESSAGE_REPORT) {
            check_report(&message.report);
        }
    }
    free(frame);
    return 0;
}
