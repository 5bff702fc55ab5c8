#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/ensure.h"

void *workers_share(size_t size) {
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, /* fd= */ -1, 0);
    ensure(memory != MAP_FAILED);
    return memory;
}

bool workers_run(unsigned workers_n, void (*work)(unsigned worker, unsigned workers_n, void *owner),
                 void *owner) {
    bool ok = true;
    ensure(workers_n >= 1 && workers_n <= WORKERS_MAX);
    if (workers_n == 1) {
        work(0, 1, owner);
        return true;
    }
    (void)fflush(stdout);
    for (unsigned i = 0; i < workers_n; i++) {
        pid_t pid = fork();
        ensure(pid >= 0);
        if (pid == 0) {
            work(i, workers_n, owner);
            (void)fflush(stdout);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < workers_n; i++) {
        int status = 0;
        ok = wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && ok;
    }
    return ok;
}

static uint64_t ms_of(clockid_t clock) {
    struct timespec now;
    ensure(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t workers_cpu_ms(void) {
    return ms_of(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t workers_wall_ms(void) {
    return ms_of(CLOCK_MONOTONIC);
}
