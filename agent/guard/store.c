/* What must survive: accepted, fenced and promised epoch. One file, replaced atomically, with a
 * checksum. A damaged one stops the guard: it may have promised or refused something. */
#include <string.h>

#include "agent/guard/guard.h"
#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "common/io/file.h"

#define STORE_MAGIC 0x64726775u
#define STORE_SIZE 64

static void store_path(const char *directory, char *out, size_t out_size) {
    bool fits = text_format(out, out_size, "%s/guard", directory);
    ensure(fits);
}

enum err store_read(const char *directory, struct holder_durable *ret_durable,
                    struct text256 *reterr) {
    char path[512], bytes[STORE_SIZE + 1];
    size_t size = 0;
    memset(ret_durable, 0, sizeof *ret_durable);
    store_path(directory, path, sizeof path);
    enum err err = file_read(path, bytes, sizeof bytes, &size, reterr);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK; /* a new guard */
    }
    if (err != ERR_OK) {
        return err;
    }
    struct bytes_in in = bytes_reader((const uint8_t *)bytes, size);
    uint32_t magic = bytes_get_u32(&in);
    ret_durable->accepted_epoch = bytes_get_u64(&in);
    ret_durable->fenced_epoch = bytes_get_u64(&in);
    ret_durable->promised_epoch = bytes_get_u64(&in);
    uint32_t expected = crc32_of(bytes, in.used);
    uint32_t crc = bytes_get_u32(&in);
    if (!bytes_all_read(&in) || magic != STORE_MAGIC || crc != expected) {
        text_say(reterr, "%s is damaged: this guard does not know what it refused or promised",
                 path);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

enum err store_write(const char *directory, const struct holder_durable *durable,
                     struct text256 *reterr) {
    char path[512];
    uint8_t bytes[STORE_SIZE];
    struct bytes_out out = bytes_writer(bytes, sizeof bytes);
    bytes_put_u32(&out, STORE_MAGIC);
    bytes_put_u64(&out, durable->accepted_epoch);
    bytes_put_u64(&out, durable->fenced_epoch);
    bytes_put_u64(&out, durable->promised_epoch);
    bytes_put_u32(&out, crc32_of(bytes, out.used));
    ensure(!out.failed);
    store_path(directory, path, sizeof path);
    return file_write_atomic(path, bytes, out.used, 0600, reterr);
}
