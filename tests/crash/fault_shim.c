/* fault_shim: preloaded into a program, counts its calls to the disk, the heap and the network, and
 * does something bad at the n-th: SIGKILL before or after it, half of a write, an error, a wait, a
 * lie. Besides, it keeps an image of what fsync has made durable, from which the runner makes what
 * a power cut would have left. README.md tells the variables and what is not covered.
 *
 *   FAULT_DIR     files below this directory are meant (calls on others are never counted)
 *   FAULT_CALLS   any of: sync write rename open unlink truncate alloc send, with commas
 *   FAULT_AT      the first call that is meant, from 1      FAULT_MANY  1: all from there on
 *   FAULT_ACT     before after tear errno wait lie retry
 *                        FAULT_ERRNO, FAULT_WAIT_MS
 *   FAULT_SIZE    alloc: only requests of at least so many bytes are meant
 *   FAULT_HELD    1: nothing is counted before the program calls fault_shim_start()
 *   FAULT_CONTROL a file of struct plan, shared with the runner, instead of those above it: what
 *                 is meant changes while the program runs; `wall_ms` steps its wall clock
 *   FAULT_GROUP   a process group: to kill means all of it at once, as when a host loses its power
 *   FAULT_HIT     a file that is made when it happened      FAULT_SHADOW  where the image goes */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define FILE_MAX (8u << 20)
#define LOST_MAX 8192

enum call { SYNC, WRITE, RENAME, OPEN, UNLINK, TRUNCATE, ALLOC, SEND, CALLS_N };
enum act { NONE, BEFORE, AFTER, TEAR, ERRNO, WAIT, LIE, RETRY };

static const char *const call_names[CALLS_N] = {"sync",   "write",    "rename", "open",
                                                "unlink", "truncate", "alloc",  "send"};
static const char *const act_names[] = {"",      "before", "after", "tear",
                                        "errno", "wait",   "lie",   "retry"};

static char dir[PATH_MAX], shadow[PATH_MAX], hit[PATH_MAX];
static atomic_bool armed, held;
static pid_t group;

/* What is meant. The runner writes `act` last and reads `calls_n` and `hits_n`. */
static struct plan {
    _Atomic int64_t act, wanted, at, many, fault_errno, wait_ms, size_min, wall_ms, calls_n, hits_n;
} own, *plan = &own;

static pthread_mutex_t image_lock = PTHREAD_MUTEX_INITIALIZER;

/* Blocks whose write-back failed: the kernel calls them clean, the disk never saw them. */
static struct {
    ino_t ino;
    off_t block;
} lost[LOST_MAX];
static unsigned lost_n;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* ------------------------------------------------------------------ what is meant, and when */

static void read_text(const char *name, char *out) {
    const char *value = getenv(name);
    (void)snprintf(out, PATH_MAX, "%s", value == NULL ? "" : value);
}

static long read_number(const char *name) {
    const char *value = getenv(name);
    return value == NULL ? 0 : strtol(value, NULL, 10);
}

static void die(void) {
    bool host = group > 0 && getpgrp() == group;
    (void)kill(host ? 0 : getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

/* A slow disk is slow until the runner mends it. */
static void wait_out(int64_t ms) {
    for (; ms > 0 && plan->act == WAIT; ms -= 20) {
        struct timespec pause_for = {0, (ms < 20 ? ms : 20) * 1000000};
        (void)nanosleep(&pause_for, NULL);
    }
}

/* The act that is due at this call of a program; NONE most of the time. */
static enum act count(enum call call) {
    enum act act = (enum act)plan->act;
    if (!atomic_load(&armed) || atomic_load(&held) || act == NONE ||
        (plan->wanted >> call & 1) == 0) {
        return NONE;
    }
    long n = (long)atomic_fetch_add(&plan->calls_n, 1) + 1;
    if (n != plan->at && !(plan->many != 0 && n > plan->at)) {
        return NONE;
    }
    plan->hits_n++;
    int fd = hit[0] == '\0'
                 ? -1
                 : (int)syscall(SYS_openat, AT_FDCWD, hit, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)syscall(SYS_close, fd);
    }
    if (act == BEFORE) {
        die();
    }
    if (act == WAIT) {
        wait_out(plan->wait_ms);
        return NONE;
    }
    errno = act == ERRNO ? (int)plan->fault_errno : errno;
    return act;
}

static bool is_below(const char *path) {
    size_t n = strlen(dir);
    return n > 0 && strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    if (dir[0] == '\0' || !atomic_load(&armed)) {
        return false;
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    return n > 0 && is_below(path);
}

/* ------------------------------------------------------------------ the durable image */

static ssize_t real_pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static int shadow_open(const char *kind, ino_t ino, int flags) {
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s%lu", shadow, kind, (unsigned long)ino);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static bool is_lost(ino_t ino, off_t block) {
    for (unsigned i = 0; i < lost_n; i++) {
        if (lost[i].ino == ino && lost[i].block == block) {
            return true;
        }
    }
    return false;
}

/* Walks the blocks in which the file differs from its image: takes them over, or marks them. */
static void image_walk(int fd, bool mark) {
    static char now[BLOCK], then[BLOCK];
    struct stat stat;
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int from = (int)syscall(SYS_openat, AT_FDCWD, self, O_RDONLY | O_CLOEXEC, 0);
    if (from < 0 || fstat(from, &stat) != 0 || stat.st_size > FILE_MAX) {
        die(); /* an image that is not true must not judge */
    }
    int to = shadow_open("i", stat.st_ino, O_RDWR | O_CREAT);
    for (off_t offset = 0; offset < stat.st_size; offset += BLOCK) {
        ssize_t n = pread(from, now, BLOCK, offset);
        ssize_t m = pread(to, then, BLOCK, offset);
        bool same = n == m && n >= 0 && memcmp(now, then, (size_t)n) == 0;
        bool gone = is_lost(stat.st_ino, offset / BLOCK);
        if (!same && !gone && mark && lost_n < LOST_MAX) {
            lost[lost_n].ino = stat.st_ino;
            lost[lost_n++].block = offset / BLOCK;
        } else if (!same && !gone && !mark && n > 0) {
            (void)real_pwrite(to, now, (size_t)n, offset);
        }
    }
    if (!mark) {
        (void)syscall(SYS_ftruncate, to, stat.st_size);
    }
    (void)syscall(SYS_close, to);
    (void)syscall(SYS_close, from);
}

/* The names as they stand: durable once the directory is synced. */
static void image_names(void) {
    char path[PATH_MAX + 64], fresh[PATH_MAX + 64], line[PATH_MAX];
    (void)snprintf(fresh, sizeof fresh, "%s/names.new", shadow);
    (void)snprintf(path, sizeof path, "%s/names", shadow);
    int out = (int)syscall(SYS_openat, AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    DIR *at_dir = opendir(dir);
    struct dirent *entry = NULL;
    while (at_dir != NULL && (entry = readdir(at_dir)) != NULL) {
        if (entry->d_type == DT_REG) {
            int n =
                snprintf(line, sizeof line, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
            (void)syscall(SYS_write, out, line, n);
        }
    }
    if (at_dir != NULL) {
        (void)closedir(at_dir);
    }
    (void)syscall(SYS_close, out);
    (void)syscall(SYS_rename, fresh, path);
}

/* A second name keeps the inode from being used again while the image speaks of it. */
static void image_hold(const char *path) {
    struct stat stat;
    char held[PATH_MAX + 64];
    if (shadow[0] != '\0' && lstat(path, &stat) == 0 && S_ISREG(stat.st_mode)) {
        (void)snprintf(held, sizeof held, "%s/l%lu", shadow, (unsigned long)stat.st_ino);
        (void)link(path, held);
    }
}

static void image_synced(int fd, bool ok) {
    struct stat stat;
    if (shadow[0] == '\0' || fstat(fd, &stat) != 0) {
        return;
    }
    (void)pthread_mutex_lock(&image_lock);
    if (S_ISREG(stat.st_mode)) {
        image_walk(fd, !ok);
    } else if (S_ISDIR(stat.st_mode) && ok) {
        image_names();
    }
    (void)pthread_mutex_unlock(&image_lock);
}

static void image_written(int fd, off_t offset, size_t size) {
    struct stat stat;
    if (shadow[0] == '\0' || lost_n == 0 || fstat(fd, &stat) != 0) {
        return;
    }
    (void)pthread_mutex_lock(&image_lock);
    for (unsigned i = 0; i < lost_n; i++) {
        if (lost[i].ino == stat.st_ino && lost[i].block >= offset / BLOCK &&
            lost[i].block <= (offset + (off_t)size - 1) / BLOCK) {
            lost[i--] = lost[--lost_n];
        }
    }
    (void)pthread_mutex_unlock(&image_lock);
}

/* What stands there at the start is durable. */
static void image_begin(void) {
    DIR *at_dir = opendir(dir);
    struct dirent *entry = NULL;
    char path[2 * PATH_MAX];
    while (at_dir != NULL && (entry = readdir(at_dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_type == DT_REG) {
            int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
            image_hold(path);
            image_walk(fd, false);
            (void)syscall(SYS_close, fd);
        }
    }
    if (at_dir != NULL) {
        (void)closedir(at_dir);
    }
    image_names();
}

static void map_control(const char *path) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *shared =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        abort(); /* a test without its faults must not pass */
    }
    (void)syscall(SYS_close, fd);
    plan = shared;
}

__attribute__((constructor)) static void begin(void) {
    char calls[PATH_MAX], word[PATH_MAX], control[PATH_MAX];
    read_text("FAULT_DIR", dir);
    read_text("FAULT_SHADOW", shadow);
    read_text("FAULT_HIT", hit);
    read_text("FAULT_CALLS", calls);
    read_text("FAULT_ACT", word);
    read_text("FAULT_CONTROL", control);
    group = (pid_t)read_number("FAULT_GROUP");
    own.at = read_number("FAULT_AT");
    own.many = read_number("FAULT_MANY");
    own.fault_errno = read_number("FAULT_ERRNO");
    own.wait_ms = read_number("FAULT_WAIT_MS");
    own.size_min = read_number("FAULT_SIZE");
    for (unsigned i = 0; i < CALLS_N; i++) {
        own.wanted |= (int64_t)(strstr(calls, call_names[i]) != NULL) << i;
    }
    for (unsigned i = 1; i < sizeof act_names / sizeof act_names[0]; i++) {
        own.act = strcmp(word, act_names[i]) == 0 ? (int64_t)i : own.act;
    }
    if (control[0] != '\0') {
        map_control(control);
    }
    if (shadow[0] != '\0') {
        image_begin();
    }
    atomic_store(&held, read_number("FAULT_HELD") == 1);
    atomic_store(&armed, true);
}

void fault_shim_start(void);
void fault_shim_start(void) {
    atomic_store(&held, false);
}

/* ------------------------------------------------------------------ the calls */

static int sync_fd(int fd, long number) {
    enum act due = fd_is_below(fd) ? count(SYNC) : NONE;
    if (due == LIE) {
        return 0;
    }
    if (due == ERRNO) {
        int kept = errno;
        image_synced(fd, false);
        errno = kept;
        return -1;
    }
    if (due == RETRY) { /* a program that asks again, and believes the second answer */
        image_synced(fd, false);
    }
    int rc = (int)syscall(number, fd);
    if (rc == 0 && fd_is_below(fd)) {
        image_synced(fd, true);
    }
    if (due == AFTER || due == TEAR) {
        die();
    }
    return rc;
}

int fsync(int fd) {
    return sync_fd(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return sync_fd(fd, SYS_fdatasync);
}

static ssize_t put(int fd, const void *bytes, size_t size, off_t offset) {
    enum act due = fd_is_below(fd) ? count(WRITE) : NONE;
    if (due == ERRNO || due == LIE) {
        return due == LIE ? (ssize_t)size : -1;
    }
    size_t part = due == TEAR ? size / 2 : size;
    off_t from = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
    ssize_t n = offset >= 0 ? real_pwrite(fd, bytes, part, offset)
                            : (ssize_t)syscall(SYS_write, fd, bytes, part);
    if (due == AFTER || due == TEAR) {
        die();
    }
    if (n > 0 && from >= 0) {
        image_written(fd, from, (size_t)n);
    }
    return n;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    return put(fd, bytes, size, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return put(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    return put(fd, bytes, size, offset);
}

static int finish(enum act due, int rc) {
    if (due == AFTER || due == TEAR) {
        die();
    }
    return rc;
}

int rename(const char *from, const char *to) {
    enum act due = is_below(from) ? count(RENAME) : NONE;
    return due == ERRNO ? -1 : finish(due, (int)syscall(SYS_rename, from, to));
}

int unlink(const char *path) {
    enum act due = is_below(path) ? count(UNLINK) : NONE;
    return due == ERRNO ? -1 : finish(due, (int)syscall(SYS_unlink, path));
}

static int truncate_fd(int fd, off_t size) {
    enum act due = fd_is_below(fd) ? count(TRUNCATE) : NONE;
    return due == ERRNO ? -1 : finish(due, (int)syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size) {
    return truncate_fd(fd, size);
}

int ftruncate64(int fd, off_t size) {
    return truncate_fd(fd, size);
}

static int open_at(int base, const char *path, int flags, mode_t mode) {
    enum act due = is_below(path) ? count(OPEN) : NONE;
    if (due == ERRNO) {
        return -1;
    }
    int fd = (int)syscall(SYS_openat, base, path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT) != 0 && is_below(path)) {
        image_hold(path);
    }
    return finish(due, fd);
}

#define OPEN_BODY(base)                                                                            \
    mode_t mode = 0;                                                                               \
    if ((flags & O_CREAT) != 0) {                                                                  \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }                                                                                              \
    return open_at((base), path, flags, mode)

int open(const char *path, int flags, ...) {
    OPEN_BODY(AT_FDCWD);
}

int open64(const char *path, int flags, ...) {
    OPEN_BODY(AT_FDCWD);
}

int openat(int base, const char *path, int flags, ...) {
    OPEN_BODY(base);
}

static enum act count_alloc(size_t size) {
    return size < (size_t)plan->size_min ? NONE : count(ALLOC);
}

void *malloc(size_t size) {
    return count_alloc(size) == ERRNO ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return count_alloc(n * size) == ERRNO ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
    return count_alloc(size) == ERRNO ? NULL : __libc_realloc(old, size);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    return count(SEND) == ERRNO ? -1 : syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return count(SEND) == ERRNO ? -1 : syscall(SYS_sendmsg, fd, message, flags);
}

int clock_gettime(clockid_t id, struct timespec *at) {
    int rc = (int)syscall(SYS_clock_gettime, id, at);
    if (rc == 0 && id == CLOCK_REALTIME) {
        int64_t step_ms = plan->wall_ms;
        int64_t ns = at->tv_nsec + step_ms % 1000 * 1000000;
        at->tv_sec += step_ms / 1000 + (ns < 0 ? -1 : ns / 1000000000);
        at->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    }
    return rc;
}
