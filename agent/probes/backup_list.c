#include "agent/probes/backup_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/probes/reading.h"

#define DEPTH_MAX 8

/* ---- a bucket ---- */

static bool object_add(struct series *series, const struct s3_object *object, const char *prefix) {
    struct series_item item = {.modified_wall_ms = object->modified_wall_ms,
                               .bytes = object->bytes};
    const char *name = object->key + strlen(prefix);
    name += *name == '/' ? 1 : 0;
    size_t n = strlen(name);
    if (n == 0 || name[n - 1] == '/') {
        return true; /* a folder's own mark */
    }
    if (!text_copy(item.name, sizeof item.name, name)) {
        series->unread_n++;
        return true;
    }
    (void)text_copy(item.etag, sizeof item.etag, object->etag);
    (void)text_copy(item.storage_class, sizeof item.storage_class, object->storage_class);
    return series_add(series, &item);
}

bool backup_list_bucket(const struct s3_place *place, unsigned pages, struct series *series,
                        struct reading *ret_reading) {
    struct s3_walk walk;
    const struct s3_object *object = NULL;
    bool done = s3_walk_open(&walk, place, pages) == ERR_OK;
    if (!done) {
        *ret_reading = reading_failed(ERR_NO_MEMORY, "out of memory");
    }
    while (done) {
        done = s3_walk_next(&walk, &object, ret_reading);
        if (!done || object == NULL) {
            break;
        }
        if (!text_starts(object->key, place->prefix)) {
            *ret_reading = reading_failed(ERR_FORMAT, "the listing has what was not asked for");
            done = false;
        } else if (!object_add(series, object, place->prefix)) {
            break;
        }
    }
    series->cut = series->cut || (done && walk.more && object == NULL);
    s3_walk_close(&walk);
    return done;
}

/* ---- a directory ---- */

struct descent {
    struct series *series;
    uint64_t deadline_boot_ms;
    struct reading *ret_reading;
    char name[SERIES_NAME_SIZE]; /* of the folder that is being read, with a slash at its end; "" */
    int fds[DEPTH_MAX];
    DIR *folders[DEPTH_MAX];
    size_t names_n[DEPTH_MAX]; /* of name, in each folder */
    unsigned depth;
};

static bool fail(struct descent *descent, enum err err, const char *what) {
    *descent->ret_reading = reading_failed(err, "%s: %s", what, strerror(errno));
    return false;
}

/* A folder that went away while it was looked at is none. */
static bool folder_enter(struct descent *descent, int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at >= 0 ? O_NOFOLLOW : 0));
    if (fd < 0) {
        return descent->depth > 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
                   ? true
                   : fail(descent, errno == EACCES ? ERR_AUTH : ERR_NOT_FOUND, "the directory");
    }
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        (void)close(fd);
        return fail(descent, ERR_IO, "the directory");
    }
    descent->fds[descent->depth] = fd;
    descent->folders[descent->depth] = folder;
    descent->names_n[descent->depth] = strlen(descent->name);
    descent->depth++;
    return true;
}

static void file_add(struct descent *descent, const char *name, const struct stat *stat) {
    struct series_item item = {
        .bytes = stat->st_size > 0 ? (uint64_t)stat->st_size : 0,
        .modified_wall_ms = stat->st_mtim.tv_sec > 0 ? (uint64_t)stat->st_mtim.tv_sec * 1000 +
                                                           (uint64_t)stat->st_mtim.tv_nsec / 1000000
                                                     : 0,
    };
    if (!text_format(item.name, sizeof item.name, "%s%s", descent->name, name)) {
        descent->series->unread_n++;
        return;
    }
    (void)series_add(descent->series, &item);
}

static bool entry_take(struct descent *descent, const char *name) {
    struct stat stat;
    int fd = descent->fds[descent->depth - 1];
    if (text_equal(name, ".") || text_equal(name, "..")) {
        return true;
    }
    if (fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? true : fail(descent, ERR_IO, "a file");
    }
    if (S_ISREG(stat.st_mode)) {
        file_add(descent, name, &stat);
        return true;
    }
    if (!S_ISDIR(stat.st_mode)) {
        return true;
    }
    size_t before = strlen(descent->name);
    if (descent->depth == DEPTH_MAX || !text_append(descent->name, SERIES_NAME_SIZE, name) ||
        !text_append(descent->name, SERIES_NAME_SIZE, "/")) {
        descent->name[before] = '\0';
        descent->series->unread_n++;
        return true;
    }
    unsigned depth = descent->depth;
    bool done = folder_enter(descent, fd, name);
    if (descent->depth == depth) {
        descent->name[before] = '\0';
    }
    return done;
}

static void folder_leave(struct descent *descent) {
    descent->depth--;
    (void)closedir(descent->folders[descent->depth]);
    if (descent->depth > 0) {
        descent->name[descent->names_n[descent->depth - 1]] = '\0';
    }
}

bool backup_list_directory(const char *path, uint64_t deadline_boot_ms, struct series *series,
                           struct reading *ret_reading) {
    struct descent descent = {
        .series = series, .deadline_boot_ms = deadline_boot_ms, .ret_reading = ret_reading};
    bool done = folder_enter(&descent, AT_FDCWD, path);
    while (done && descent.depth > 0 && !series->cut) {
        struct dirent *entry = readdir(descent.folders[descent.depth - 1]);
        if (probe_left_ms(deadline_boot_ms) == 0) {
            *ret_reading = reading_failed(ERR_TIMEOUT, "the directory is not read in time");
            done = false;
        } else if (entry == NULL) {
            folder_leave(&descent);
        } else {
            done = entry_take(&descent, entry->d_name);
        }
    }
    while (descent.depth > 0) {
        folder_leave(&descent);
    }
    return done;
}
