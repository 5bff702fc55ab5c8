/* The guard is root and its socket is open to the agent: what it reads has one form only. */
#include <stdlib.h>
#include <string.h>

#include "agent/core/guard_wire.h"
#include "common/base/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct guard_request request;
    static struct guard_answer answer;
    uint8_t out[GUARD_PACKET_MAX];
    uint8_t *in = malloc(size + 1);
    ensure(in != NULL);
    memcpy(in, data, size);
    if (guard_request_read(in, size, &request)) {
        size_t n = guard_request_write(&request, out, sizeof out);
        ensure(n == size && memcmp(in, out, n) == 0);
    }
    if (guard_answer_read(in, size, &answer)) {
        size_t n = guard_answer_write(&answer, out, sizeof out);
        ensure(n == size);
    }
    free(in);
    return 0;
}
