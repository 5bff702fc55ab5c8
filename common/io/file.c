#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"

static enum err err_of_errno(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case EEXIST: return ERR_EXISTS;
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    default: return ERR_IO;
    }
}

static enum err failed(struct text256 *reterr, const char *path, const char *what) {
    int number = errno;
    text_say(reterr, "%s: %s: %s", path, what, strerror(number));
    return err_of_errno(number);
}

static bool is_credential(const char *path) {
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    return credentials != NULL && credentials[0] != '\0' && text_starts(path, credentials) &&
           path[strlen(credentials)] == '/';
}

enum err file_age(const char *path, int64_t *ret_age_s) {
    struct stat seen;
    if (is_credential(path)) {
        return ERR_UNSUPPORTED;
    }
    if (stat(path, &seen) != 0) {
        return err_of_errno(errno);
    }
    if (!S_ISREG(seen.st_mode)) {
        return ERR_FORMAT;
    }
    *ret_age_s = (int64_t)(clock_wall_ms() / 1000) - (int64_t)seen.st_mtime;
    return ERR_OK;
}

static enum err check_private(const char *path, const struct stat *stat, struct text256 *reterr) {
    mode_t forbidden = is_credential(path) ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((stat->st_mode & forbidden) != 0) {
        text_say(reterr, "%s: mode %04o: others than its owner may use it; expected 0600", path,
                 (unsigned)(stat->st_mode & 07777));
        return ERR_DENIED;
    }
    if (stat->st_uid != geteuid() && stat->st_uid != 0) {
        text_say(reterr, "%s: belongs to user %u, expected this user or root", path,
                 (unsigned)stat->st_uid);
        return ERR_DENIED;
    }
    return ERR_OK;
}

static enum err read_open(const char *path, int file, bool private_only, char *out, size_t out_size,
                          size_t *ret_size, struct text256 *reterr) {
    struct stat stat;
    if (fstat(file, &stat) != 0) {
        return failed(reterr, path, "stat");
    }
    if (!S_ISREG(stat.st_mode)) {
        text_say(reterr, "%s: not a regular file", path);
        return ERR_FORMAT;
    }
    if (private_only) {
        enum err err = check_private(path, &stat, reterr);
        if (err != ERR_OK) {
            return err;
        }
    }
    size_t used = 0;
    while (used < out_size) {
        ssize_t n = read(file, out + used, out_size - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed(reterr, path, "read");
        }
        if (n == 0) {
            out[used] = '\0';
            *ret_size = used;
            return ERR_OK;
        }
        used += (size_t)n;
    }
    text_say(reterr, "%s: larger than %zu bytes", path, out_size - 1);
    return ERR_TOO_BIG;
}

static enum err read_whole(const char *path, bool private_only, char *out, size_t out_size,
                           size_t *ret_size, struct text256 *reterr) {
    ensure(out_size >= 1);
    /* Not blocking: a FIFO in the place of a file is refused, not waited for. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        return failed(reterr, path, "open");
    }
    enum err err = read_open(path, file, private_only, out, out_size, ret_size, reterr);
    (void)close(file);
    if (err != ERR_OK) {
        explicit_bzero(out, out_size);
    }
    return err;
}

enum err file_read(const char *path, char *out, size_t out_size, size_t *ret_size,
                   struct text256 *reterr) {
    return read_whole(path, false, out, out_size, ret_size, reterr);
}

enum err file_read_private(const char *path, char *out, size_t out_size, size_t *ret_size,
                           struct text256 *reterr) {
    return read_whole(path, true, out, out_size, ret_size, reterr);
}

static enum err sync_directory_of(const char *path, struct text256 *reterr) {
    char directory[PATH_MAX];
    if (!text_copy(directory, sizeof directory, path)) {
        text_say(reterr, "%s: path too long", path);
        return ERR_TOO_BIG;
    }
    char *slash = strrchr(directory, '/');
    if (slash == NULL) {
        (void)text_copy(directory, sizeof directory, ".");
    } else {
        slash[slash == directory ? 1 : 0] = '\0';
    }
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return failed(reterr, directory, "open");
    }
    enum err err = fsync(file) == 0 ? ERR_OK : failed(reterr, directory, "fsync");
    (void)close(file);
    return err;
}

static enum err write_all(const char *path, int file, const uint8_t *bytes, size_t bytes_n,
                          struct text256 *reterr) {
    size_t used = 0;
    while (used < bytes_n) {
        ssize_t n = write(file, bytes + used, bytes_n - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed(reterr, path, "write");
        }
        used += (size_t)n;
    }
    return fsync(file) == 0 ? ERR_OK : failed(reterr, path, "fsync");
}

/* The umask must neither open a secret nor close a public half: the mode is set on the file. */
static enum err write_exclusive(const char *path, const void *bytes, size_t bytes_n, mode_t mode,
                                struct text256 *reterr) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return failed(reterr, path, "create");
    }
    enum err err = fchmod(file, mode) == 0 ? ERR_OK : failed(reterr, path, "chmod");
    if (err == ERR_OK) {
        err = write_all(path, file, bytes, bytes_n, reterr);
    }
    if (close(file) != 0 && err == ERR_OK) {
        err = failed(reterr, path, "close");
    }
    if (err != ERR_OK) {
        (void)unlink(path);
    }
    return err;
}

enum err file_write_new(const char *path, const void *bytes, size_t bytes_n, mode_t mode,
                        struct text256 *reterr) {
    enum err err = write_exclusive(path, bytes, bytes_n, mode, reterr);
    return err == ERR_OK ? sync_directory_of(path, reterr) : err;
}

enum err file_write_atomic(const char *path, const void *bytes, size_t bytes_n, mode_t mode,
                           struct text256 *reterr) {
    char fresh[PATH_MAX];
    if (!text_format(fresh, sizeof fresh, "%s.new", path)) {
        text_say(reterr, "%s: path too long", path);
        return ERR_TOO_BIG;
    }
    /* Left by a crash half way: nobody has seen it under its own name. */
    if (unlink(fresh) != 0 && errno != ENOENT) {
        return failed(reterr, fresh, "unlink");
    }
    enum err err = write_exclusive(fresh, bytes, bytes_n, mode, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (rename(fresh, path) != 0) {
        err = failed(reterr, path, "rename");
        (void)unlink(fresh);
        return err;
    }
    return sync_directory_of(path, reterr);
}
