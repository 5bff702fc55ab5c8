/* spawn: runs one program to its end, for worker threads. No shell, no inherited environment or
 * descriptors, its own process group, resource limits, bounded captured output, and a hard
 * deadline: what still runs then is killed, with everything in its group. */
#ifndef DROVER_SPAWN_H
#define DROVER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define SPAWN_FILES_MAX 1024 /* open files of the program */
#define SPAWN_INPUT_MAX 4096 /* fits into a pipe at once */

struct spawn_input {
    const char *path;        /* absolute path of the program; never searched for */
    const char *const *argv; /* NULL-terminated, argv[0] included: readable by all: no secrets */
    const char *const
        *environment;          /* NULL-terminated "NAME=value", or NULL: PATH and LANG=C only */
    const char *directory;     /* absolute, or NULL: "/" */
    uint64_t deadline_boot_ms; /* CLOCK_BOOTTIME */
    uint64_t memory_bytes_max; /* address space; 0: no limit */
    uint64_t file_bytes_max;   /* of any one file it writes; 0: no limit */
    /* Its standard input, where secrets may be; at most SPAWN_INPUT_MAX. NULL with size 0:
     * /dev/null. */
    const char *input;
    size_t input_size;
    /* Captured output, always terminated. What does not fit is read and thrown away. NULL with size
     * 0: to /dev/null. */
    char *output;
    size_t output_size;
    char *errors;
    size_t errors_size;
};

struct spawn_result {
    bool exited; /* by itself: exit_code says how; else signal_number does */
    int exit_code;
    int signal_number;
    bool output_cut; /* more was written than fitted */
    size_t output_n; /* bytes in output, without the terminator */
    size_t errors_n;
};

/* The file mode mask is 077. Processor time is limited to four times the
 * time left, no core files; it is killed when the calling thread ends. The program's group is
 * killed when the program itself has ended, so nothing that it left in the background keeps running
 * or holds this call; a child that made a session of its own escapes that, as it would from a
 * terminal.
 * OK: it ran and ended by itself, whatever its exit code, or by a signal that was not ours.
 * TIMEOUT: killed at the deadline. NOT_FOUND, DENIED: it cannot be started. IO, NO_MEMORY.
 * Returns by the deadline plus at most 200 ms, also when the kernel cannot end the process (then
 * TIMEOUT, and the corpse is left). Thread-safe. */
enum err spawn_run(const struct spawn_input *input, struct spawn_result *ret_result,
                   struct text256 *reterr) ERR_CHECKED;

#endif
