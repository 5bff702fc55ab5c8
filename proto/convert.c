/* The envelope, and protobuf-c's two calls. */
#include <string.h>

#include "common/base/ensure.h"
#include "proto/convert.h"

static void *block_take(void *owner, size_t size) {
    return arena_take(owner, size);
}

static void block_leave(void *owner, void *block) {
    (void)owner;
    (void)block;
}

ProtobufCMessage *convert_unpack(struct take *take, const ProtobufCMessageDescriptor *descriptor,
                                 const uint8_t *bytes, size_t bytes_n) {
    ProtobufCAllocator allocator = {
        .alloc = block_take, .free = block_leave, .allocator_data = take->arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes_n, bytes);
    if (message == NULL && take->arena->exhausted) {
        take_fail(take, ERR_TOO_BIG, "", "does not fit %zu bytes when decoded", take->arena->size);
    } else if (message == NULL) {
        take_fail(take, ERR_FORMAT, "", "not a valid protobuf message");
    }
    return message;
}

enum err convert_pack(const ProtobufCMessage *message, uint8_t *out, size_t out_size,
                      size_t *ret_used) {
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > out_size) {
        return ERR_TOO_BIG;
    }
    size_t used = protobuf_c_message_pack(message, out);
    ensure(used == size);
    *ret_used = used;
    return ERR_OK;
}

enum err message_decode(const uint8_t *frame, size_t frame_size, uint8_t *scratch,
                        size_t scratch_size, struct message *ret_message, struct text256 *reterr) {
    struct arena arena = arena_over(scratch, scratch_size);
    struct take take = take_from(&arena, "envelope", reterr);
    if (frame_size > FRAME_ANSWER_MAX) {
        take_fail(&take, ERR_TOO_BIG, "", "%zu bytes, at most %d", frame_size, FRAME_ANSWER_MAX);
        return take.err;
    }
    ProtobufCMessage *base =
        convert_unpack(&take, &drover__v1__envelope__descriptor, frame, frame_size);
    if (base == NULL || !take_message(&take, base)) {
        return take.err;
    }
    const Drover__V1__Envelope *envelope = (const Drover__V1__Envelope *)base;
    if (envelope->version != WIRE_VERSION) {
        take_fail(&take, ERR_UNSUPPORTED, "version", "%u; this program speaks version %d",
                  envelope->version, WIRE_VERSION);
        return take.err;
    }
    struct message message;
    memset(&message, 0, sizeof message);
    decode_body(&take, envelope, &message);
    if (take.err == ERR_OK) {
        *ret_message = message;
    }
    return take.err;
}
