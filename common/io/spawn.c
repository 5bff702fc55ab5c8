/* spawn: fork, a child that only makes system calls until its exec, and a parent that reads with
 * poll. The program's end is seen through a pidfd, so no SIGCHLD handler is needed or fooled. */
#include "common/io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"

#define KILL_GRACE_MS 200

/* Read ends in the parent, write ends in the child; -1 when not there. */
struct spawn_pipes {
    int input[2]; /* written whole before the fork */
    int output[2];
    int errors[2];
    int failure[2]; /* closed by a good exec; else carries the child's errno */
};

/* One captured stream. */
struct spawn_stream {
    int fd; /* -1: at its end */
    char *at;
    size_t size;
    size_t used;
    bool cut;
};

static void pipe_close(int ends[2]) {
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            (void)close(ends[i]);
            ends[i] = -1;
        }
    }
}

static void pipes_close(struct spawn_pipes *pipes) {
    pipe_close(pipes->input);
    pipe_close(pipes->output);
    pipe_close(pipes->errors);
    pipe_close(pipes->failure);
}

/* An empty pipe takes SPAWN_INPUT_MAX bytes at once: nobody waits for the program to read. */
static bool input_fill(struct spawn_pipes *pipes, const struct spawn_input *input) {
    if (input->input == NULL) {
        return true;
    }
    if (pipe2(pipes->input, O_CLOEXEC) < 0 ||
        write(pipes->input[1], input->input, input->input_size) != (ssize_t)input->input_size) {
        return false;
    }
    (void)close(pipes->input[1]);
    pipes->input[1] = -1;
    return true;
}

static bool pipes_open(struct spawn_pipes *pipes, const struct spawn_input *input) {
    *pipes = (struct spawn_pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    if (!input_fill(pipes, input) ||
        (input->output != NULL && pipe2(pipes->output, O_CLOEXEC) < 0) ||
        (input->errors != NULL && pipe2(pipes->errors, O_CLOEXEC) < 0) ||
        pipe2(pipes->failure, O_CLOEXEC) < 0) {
        pipes_close(pipes);
        return false;
    }
    return true;
}

static void child_limit(int what, rlim_t value) {
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    (void)setrlimit(what, &limit);
}

static void child_limits(const struct spawn_input *input, uint64_t left_ms) {
    child_limit(RLIMIT_CORE, 0);
    /* For the case that we are stopped ourselves and cannot kill: four busy threads' worth. */
    child_limit(RLIMIT_CPU, (rlim_t)(left_ms / 1000 + 1) * 4);
    child_limit(RLIMIT_NOFILE, SPAWN_FILES_MAX);
    if (input->file_bytes_max > 0) {
        child_limit(RLIMIT_FSIZE, (rlim_t)input->file_bytes_max);
    }
    if (input->memory_bytes_max > 0) {
        child_limit(RLIMIT_AS, (rlim_t)input->memory_bytes_max);
    }
}

static void child_signals(void) {
    struct sigaction plain;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &plain, NULL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec of a threaded process: async-signal-safe calls only, no allocation. */
static _Noreturn void child_run(const struct spawn_input *input, const struct spawn_pipes *pipes,
                                uint64_t left_ms) {
    static const char *const plain_environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL};
    const char *const *environment =
        input->environment != NULL ? input->environment : plain_environment;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int input_fd = pipes->input[0] >= 0 ? pipes->input[0] : null_fd;
    int output_fd = pipes->output[1] >= 0 ? pipes->output[1] : null_fd;
    int errors_fd = pipes->errors[1] >= 0 ? pipes->errors[1] : null_fd;
    /* The pipe ends may be numbered 0 to 2 when this process runs without standard streams: move
     * them out of the way first. */
    input_fd = fcntl(input_fd, F_DUPFD_CLOEXEC, 10);
    output_fd = fcntl(output_fd, F_DUPFD_CLOEXEC, 10);
    errors_fd = fcntl(errors_fd, F_DUPFD_CLOEXEC, 10);
    int failure_fd = fcntl(pipes->failure[1], F_DUPFD_CLOEXEC, 10);
    if (null_fd >= 0 && input_fd >= 0 && output_fd >= 0 && errors_fd >= 0 && failure_fd >= 0 &&
        dup2(input_fd, 0) == 0 && dup2(output_fd, 1) == 1 && dup2(errors_fd, 2) == 2 &&
        setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
        chdir(input->directory != NULL ? input->directory : "/") == 0 &&
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        (void)umask(077);
        child_signals();
        child_limits(input, left_ms);
        (void)execve(input->path, (char *const *)(uintptr_t)input->argv,
                     (char *const *)(uintptr_t)environment);
    }
    int reason = errno;
    ssize_t written = write(failure_fd, &reason, sizeof reason);
    (void)written;
    _exit(127);
}

/* Takes what is there. Returns false at the stream's end. */
static bool stream_read(struct spawn_stream *stream) {
    char waste[4096];
    for (int i = 0; i < 64; i++) { /* an endless writer must not keep us from the deadline */
        size_t room = stream->size - 1 - stream->used;
        ssize_t n = room > 0 ? read(stream->fd, stream->at + stream->used, room)
                             : read(stream->fd, waste, sizeof waste);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (n == 0) {
            return false;
        }
        if (room > 0) {
            stream->used += (size_t)n;
        } else {
            stream->cut = true;
        }
    }
    return true;
}

static void streams_take(struct spawn_stream streams[2]) {
    for (int i = 0; i < 2; i++) {
        if (streams[i].fd >= 0 && !stream_read(&streams[i])) {
            streams[i].fd = -1;
        }
    }
}

/* Waits for the program's end, reading all the while. False: the deadline came first. */
static bool child_wait(int pid_fd, struct spawn_stream streams[2], uint64_t deadline_boot_ms) {
    for (;;) {
        uint64_t now_ms = clock_boot_ms();
        if (now_ms >= deadline_boot_ms) {
            return false;
        }
        uint64_t left_ms = deadline_boot_ms - now_ms;
        struct pollfd watched[3] = {{.fd = pid_fd, .events = POLLIN},
                                    {.fd = streams[0].fd, .events = POLLIN},
                                    {.fd = streams[1].fd, .events = POLLIN}};
        int ready = poll(watched, 3, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready > 0) {
            streams_take(streams);
            if (watched[0].revents != 0) {
                return true;
            }
        }
    }
}

/* The program is dead or must die. Its group is killed while its leader is not yet reaped: the
 * number cannot have been given to anybody else. */
static bool child_reap(pid_t pid, int pid_fd, struct spawn_result *result) {
    (void)kill(-pid, SIGKILL);
    (void)kill(pid, SIGKILL);
    struct pollfd watched = {.fd = pid_fd, .events = POLLIN};
    (void)poll(&watched, 1, KILL_GRACE_MS);
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) != pid) {
        return false;
    }
    result->exited = WIFEXITED(status);
    result->exit_code = result->exited ? WEXITSTATUS(status) : 0;
    result->signal_number = result->exited ? 0 : WTERMSIG(status);
    return true;
}

static enum err failure_err(int reason, const struct spawn_input *input, struct text256 *reterr) {
    text_say(reterr, "cannot run %s: %s", input->path, strerrordesc_np(reason));
    switch (reason) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ENOEXEC: return ERR_DENIED;
    case ENOMEM:
    case EAGAIN: return ERR_NO_MEMORY;
    default: return ERR_IO;
    }
}

/* The parent's half, once the child runs and the write ends are closed here. */
static enum err parent_run(const struct spawn_input *input, struct spawn_pipes *pipes, pid_t pid,
                           struct spawn_result *ret_result, struct text256 *reterr) {
    int pid_fd = pidfd_open(pid, 0);
    if (pid_fd < 0) {
        int reason = errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return failure_err(reason, input, reterr);
    }
    struct spawn_stream streams[2] = {
        {.fd = pipes->output[0], .at = input->output, .size = input->output_size},
        {.fd = pipes->errors[0], .at = input->errors, .size = input->errors_size}};
    for (int i = 0; i < 2; i++) {
        if (streams[i].fd >= 0) {
            (void)fcntl(streams[i].fd, F_SETFL, O_NONBLOCK);
        }
    }
    struct spawn_result result = {0};
    bool ended = child_wait(pid_fd, streams, input->deadline_boot_ms);
    bool reaped = child_reap(pid, pid_fd, &result);
    (void)close(pid_fd);
    streams_take(streams);
    for (int i = 0; i < 2; i++) {
        if (streams[i].at != NULL) {
            streams[i].at[streams[i].used] = '\0';
        }
    }
    result.output_n = streams[0].used;
    result.errors_n = streams[1].used;
    result.output_cut = streams[0].cut || streams[1].cut;
    (void)fcntl(pipes->failure[0], F_SETFL, O_NONBLOCK);
    int reason = 0;
    if (read(pipes->failure[0], &reason, sizeof reason) == (ssize_t)sizeof reason) {
        return failure_err(reason, input, reterr);
    }
    *ret_result = result;
    if (!ended || !reaped) {
        text_say(reterr, "%s was killed at its deadline", input->path);
        return ERR_TIMEOUT;
    }
    return ERR_OK;
}

enum err spawn_run(const struct spawn_input *input, struct spawn_result *ret_result,
                   struct text256 *reterr) {
    ensure(input->path != NULL && input->path[0] == '/');
    ensure(input->argv != NULL && input->argv[0] != NULL);
    ensure((input->output == NULL) == (input->output_size == 0));
    ensure((input->errors == NULL) == (input->errors_size == 0));
    ensure((input->input == NULL) == (input->input_size == 0));
    ensure(input->input_size <= SPAWN_INPUT_MAX);

    uint64_t now_ms = clock_boot_ms();
    if (now_ms >= input->deadline_boot_ms) {
        text_say(reterr, "no time left to run %s", input->path);
        return ERR_TIMEOUT;
    }
    struct spawn_pipes pipes;
    if (!pipes_open(&pipes, input)) {
        return failure_err(errno, input, reterr);
    }
    pid_t pid = fork();
    if (pid < 0) {
        int reason = errno;
        pipes_close(&pipes);
        return failure_err(reason, input, reterr);
    }
    if (pid == 0) {
        child_run(input, &pipes, input->deadline_boot_ms - now_ms);
    }
    /* Both sides set the group: whoever comes second fails, and it does not matter. */
    (void)setpgid(pid, pid);
    int *writers[3] = {&pipes.output[1], &pipes.errors[1], &pipes.failure[1]};
    for (int i = 0; i < 3; i++) {
        if (*writers[i] >= 0) {
            (void)close(*writers[i]);
            *writers[i] = -1;
        }
    }
    enum err err = parent_run(input, &pipes, pid, ret_result, reterr);
    pipes_close(&pipes);
    return err;
}
