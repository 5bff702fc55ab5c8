/* slow_sync: preloaded into a client, makes every fsync wait as long as the file named by
 * DROVER_SLOW_SYNC exists: a disk that hangs. Built by the tests that use it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_while_told(void) {
    const char *path = getenv("DROVER_SLOW_SYNC");
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; path != NULL && access(path, F_OK) == 0 && i < 3000; i++) {
        (void)nanosleep(&pause, NULL);
    }
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_while_told();
    return real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_while_told();
    return real(fd);
}
