/* What must survive: accepted, fenced and promised epoch. One file, replaced atomically, with a
 * checksum. A damaged one stops the guard: it may have promised or refused something. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "agent/core/durable.h"
#include "agent/guard/guard.h"
#include "common/base/ensure.h"
#include "common/io/file.h"

static char path[CONF_PATH_SIZE + 16];

enum err store_open(const char *directory, struct holder_durable *ret_durable,
                    struct text256 *reterr) {
    char bytes[DURABLE_SIZE + 1];
    size_t size = 0;
    bool fits = text_format(path, sizeof path, "%s/guard", directory);
    ensure(fits);
    /* Two guards with one file would undo each other's refusals. Held until this process ends. */
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        text_say(reterr, "%s: not there, or another guard has it: %s", directory, strerror(errno));
        return ERR_BUSY;
    }
    enum err err = file_read(path, bytes, sizeof bytes, &size, reterr);
    if (err == ERR_NOT_FOUND) {
        memset(ret_durable, 0, sizeof *ret_durable);
        return ERR_OK; /* a new guard */
    }
    if (err == ERR_OK && !durable_read((const uint8_t *)bytes, size, ret_durable)) {
        text_say(reterr, "%s is damaged: this guard does not know what it refused or promised",
                 path);
        err = ERR_FORMAT;
    }
    return err;
}

enum err store_write(const struct holder_durable *durable, struct text256 *reterr) {
    uint8_t bytes[DURABLE_SIZE];
    durable_write(durable, bytes);
    return file_write_atomic(path, bytes, sizeof bytes, 0600, reterr);
}
