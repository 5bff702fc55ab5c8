/* Preloaded into drover's own programs, or a database: their CLOCK_REALTIME is off by the number of
 * seconds in the file WALL_CLOCK_OFFSET, whenever that file changes. All other clocks are the
 * kernel's. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*reads_clock)(clockid_t, struct timespec *);

static volatile int64_t *offset_s;

__attribute__((constructor)) static void wall_clock_begin(void) {
    const char *path = getenv("WALL_CLOCK_OFFSET");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, fd, 0);
        offset_s = at == MAP_FAILED ? NULL : at;
        (void)close(fd);
    }
}

int clock_gettime(clockid_t which, struct timespec *ret_now) {
    static reads_clock kernel_clock; /* found at the first call: other libraries begin before us */
    if (kernel_clock == NULL) {
        *(void **)(&kernel_clock) = dlsym(RTLD_NEXT, "clock_gettime");
    }
    int rc = kernel_clock(which, ret_now);
    if (rc == 0 && which == CLOCK_REALTIME && offset_s != NULL) {
        ret_now->tv_sec += (time_t)*offset_s;
    }
    return rc;
}

/* As PostgreSQL asks; under another name here, because our own sources call it nowhere. */
int day_time(struct timeval *ret_now, void *zone) __asm__("gettimeofday");
int day_time(struct timeval *ret_now, void *zone) {
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    (void)zone;
    if (rc == 0) {
        *ret_now = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    }
    return rc;
}
