/* Any bytes as each of the local files. No crash, no leak, and always a message when refused. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io/local_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_words(enum err err, const struct text256 *why) {
    if (err != ERR_OK && why->at[0] == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct agent_conf agent;
    static struct guard_conf guard;
    static struct coordinator_conf coordinator;
    static struct cli_conf cli;
    int file = memfd_create("fuzz.conf", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct text256 why = {.at = ""};
    expect_words(agent_conf_read(path, &agent, &why), &why);
    expect_words(guard_conf_read(path, &guard, &why), &why);
    expect_words(coordinator_conf_read(path, &coordinator, &why), &why);
    expect_words(cli_conf_read(path, &cli, &why), &why);
    (void)close(file);
    return 0;
}
