/* A member's notes as anything may have left them: refused or read, and never a wait that is
 * over for an epoch that was not closed. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64];

static void tidy_up(void) {
    char path[96];
    (void)text_format(path, sizeof path, "%s/notes", directory);
    (void)unlink(path);
    (void)rmdir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct notes notes;
    struct text256 why;
    char path[96];
    if (directory[0] == '\0') {
        (void)text_copy(directory, sizeof directory, "/dev/shm/drover-fuzz-XXXXXX");
        ensure(mkdtemp(directory) != NULL);
        (void)atexit(tidy_up);
    }
    (void)text_format(path, sizeof path, "%s/notes", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ensure(fd >= 0);
    bool written = write(fd, data, size) == (ssize_t)size;
    (void)close(fd);
    if (written && notes_read(directory, &notes, &why) == ERR_OK) {
        ensure(notes.attest.waited_epoch <= notes.attest.closed_epoch);
    }
    return 0;
}
