/* Any bytes as a topology: read, partially read, and checked when they read. No crash, no leak, and
 * always a message when refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/topology_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct topology topology;
static struct findings findings;

static void arguments_try(void) {
    struct arguments arguments;
    for (uint8_t i = 0; i < topology.checks_n; i++) {
        (void)!topology_check_arguments(&topology, &topology.checks[i], &arguments);
    }
}

static void read_once(const char *text, size_t size,
                      enum err (*read)(const char *text, size_t size, const char *file_name,
                                       struct topology *ret_topology, struct text256 *reterr)) {
    struct text256 why = {.at = ""};
    enum err err = read(text, size, "fuzz.conf", &topology, &why);
    if (err == ERR_OK) {
        topology_check(&topology, &findings);
        arguments_try();
    } else if (why.at[0] == 0 || memchr(why.at, 0, sizeof why.at) == NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_once((const char *)data, size, topology_read);
    read_once((const char *)data, size, topology_read_partial);
    return 0;
}
