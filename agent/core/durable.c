#include "agent/core/durable.h"

#include "common/base/bytes.h"
#include "common/base/ensure.h"

#define DURABLE_MAGIC 0x64726775u

void durable_write(const struct holder_durable *durable, uint8_t out[DURABLE_SIZE]) {
    struct bytes_out bytes = bytes_writer(out, DURABLE_SIZE);
    bytes_put_u32(&bytes, DURABLE_MAGIC);
    bytes_put_u64(&bytes, durable->accepted_epoch);
    bytes_put_u64(&bytes, durable->fenced_epoch);
    bytes_put_u64(&bytes, durable->promised_epoch);
    bytes_put_u32(&bytes, crc32_of(out, bytes.used));
    ensure(!bytes.failed);
    ensure(bytes.used == DURABLE_SIZE);
}

bool durable_read(const uint8_t *in, size_t in_size, struct holder_durable *ret_durable) {
    struct bytes_in bytes = bytes_reader(in, in_size);
    uint32_t magic = bytes_get_u32(&bytes);
    ret_durable->accepted_epoch = bytes_get_u64(&bytes);
    ret_durable->fenced_epoch = bytes_get_u64(&bytes);
    ret_durable->promised_epoch = bytes_get_u64(&bytes);
    uint32_t expected = crc32_of(in, bytes.used);
    uint32_t crc = bytes_get_u32(&bytes);
    return bytes_all_read(&bytes) && magic == DURABLE_MAGIC && crc == expected;
}
