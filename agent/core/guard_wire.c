#include "agent/core/guard_wire.h"

#include <string.h>

#include "common/base/bytes.h"

size_t guard_request_write(const struct guard_request *request, uint8_t *out, size_t out_size) {
    struct bytes_out writer = bytes_writer(out, out_size);
    bytes_put_u8(&writer, GUARD_WIRE_VERSION);
    bytes_put_u8(&writer, request->call);
    bytes_put_u8(&writer, request->purpose);
    bytes_put_u64(&writer, request->epoch);
    bytes_put_u8(&writer, request->flag);
    bytes_put_u16(&writer, request->body_size);
    bytes_put_raw(&writer, request->body, request->body_size);
    return writer.failed ? 0 : writer.used;
}

bool guard_request_read(const uint8_t *in, size_t in_size, struct guard_request *ret_request) {
    struct bytes_in reader = bytes_reader(in, in_size);
    memset(ret_request, 0, sizeof *ret_request);
    uint8_t version = bytes_get_u8(&reader);
    ret_request->call = bytes_get_u8(&reader);
    ret_request->purpose = bytes_get_u8(&reader);
    ret_request->epoch = bytes_get_u64(&reader);
    uint8_t flag = bytes_get_u8(&reader);
    ret_request->flag = flag == 1;
    ret_request->body_size = bytes_get_u16(&reader);
    if (ret_request->body_size > GUARD_BODY_MAX) {
        return false;
    }
    bytes_get_raw(&reader, ret_request->body, ret_request->body_size);
    return bytes_all_read(&reader) && version == GUARD_WIRE_VERSION && flag <= 1 &&
           ret_request->call >= GUARD_STATUS && ret_request->call <= GUARD_FENCE_DONE;
}

size_t guard_answer_write(const struct guard_answer *answer, uint8_t *out, size_t out_size) {
    struct bytes_out writer = bytes_writer(out, out_size);
    bytes_put_u8(&writer, GUARD_WIRE_VERSION);
    bytes_put_u8(&writer, answer->call);
    bytes_put_u8(&writer, answer->verdict);
    bytes_put_u8(&writer, answer->err);
    bytes_put_u8(&writer, answer->gate);
    bytes_put_u8(&writer, (uint8_t)(answer->by_promise | answer->soft_fence_due << 1 |
                                    answer->fence_proved << 2 | answer->key_place << 3));
    bytes_put_raw(&writer, answer->nonce, NONCE_SIZE);
    bytes_put_u64(&writer, answer->accepted_epoch);
    bytes_put_u64(&writer, answer->fenced_epoch);
    bytes_put_u64(&writer, answer->promised_epoch);
    bytes_put_u64(&writer, answer->lease_epoch);
    bytes_put_u32(&writer, answer->lease_left_ms);
    bytes_put_u32(&writer, answer->promise_left_ms);
    bytes_put_raw(&writer, answer->fence_signature, SIGNATURE_SIZE);
    bytes_put_raw(&writer, answer->signature, SIGNATURE_SIZE);
    bytes_put_u8(&writer, answer->refusal);
    return writer.failed ? 0 : writer.used;
}

bool guard_answer_read(const uint8_t *in, size_t in_size, struct guard_answer *ret_answer) {
    struct bytes_in reader = bytes_reader(in, in_size);
    memset(ret_answer, 0, sizeof *ret_answer);
    uint8_t version = bytes_get_u8(&reader);
    ret_answer->call = bytes_get_u8(&reader);
    ret_answer->verdict = bytes_get_u8(&reader);
    ret_answer->err = bytes_get_u8(&reader);
    ret_answer->gate = bytes_get_u8(&reader);
    uint8_t flags = bytes_get_u8(&reader);
    ret_answer->by_promise = (flags & 1) != 0;
    ret_answer->soft_fence_due = (flags & 2) != 0;
    ret_answer->fence_proved = (flags & 4) != 0;
    ret_answer->key_place = flags >> 3;
    bytes_get_raw(&reader, ret_answer->nonce, NONCE_SIZE);
    ret_answer->accepted_epoch = bytes_get_u64(&reader);
    ret_answer->fenced_epoch = bytes_get_u64(&reader);
    ret_answer->promised_epoch = bytes_get_u64(&reader);
    ret_answer->lease_epoch = bytes_get_u64(&reader);
    ret_answer->lease_left_ms = bytes_get_u32(&reader);
    ret_answer->promise_left_ms = bytes_get_u32(&reader);
    bytes_get_raw(&reader, ret_answer->fence_signature, SIGNATURE_SIZE);
    bytes_get_raw(&reader, ret_answer->signature, SIGNATURE_SIZE);
    ret_answer->refusal = bytes_get_u8(&reader);
    return bytes_all_read(&reader) && version == GUARD_WIRE_VERSION && ret_answer->key_place <= 2;
}
