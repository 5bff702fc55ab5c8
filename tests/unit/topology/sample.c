#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/topology_read.h"
#include "tests/unit/topology/sample.h"

/* sample.conf, beside this file. */
static const char *sample_raw(void) {
    static char raw[SAMPLE_SIZE];
    FILE *file = fopen(DROVER_SOURCE_DIR "/tests/unit/topology/sample.conf", "re");
    assert_non_null(file);
    size_t size = fread(raw, 1, sizeof raw - 1, file);
    assert_int_equal(ferror(file), 0);
    (void)fclose(file);
    raw[size] = 0;
    return raw;
}

const char *sample_keys(const char *text) {
    static char out[SAMPLE_SIZE];
    size_t used = 0;
    while (*text != 0) {
        assert_true(used + 65 < sizeof out);
        if (*text == '@' && text[1] >= '0' && text[1] <= '9') {
            unsigned long number = strtoul(text + 1, (char **)(uintptr_t)&text, 10);
            used += (size_t)snprintf(out + used, sizeof out - used, "%064lx", number);
        } else {
            out[used++] = *text++;
        }
    }
    out[used] = 0;
    return out;
}

const char *sample_text(const char *from, const char *to) {
    static char changed[SAMPLE_SIZE];
    const char *sample = sample_raw();
    if (from == NULL) {
        return sample_keys(sample);
    }
    const char *at = strstr(sample, from);
    if (at == NULL) {
        fail_msg("the sample has no \"%s\"", from);
    }
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - sample), sample, to,
                     at + strlen(from));
    assert_in_range(n, 0, (int)sizeof changed - 1);
    return sample_keys(changed);
}

struct topology *sample_topology(const char *from, const char *to) {
    static struct topology topology;
    const char *text = sample_text(from, to);
    struct text256 why = {.at = ""};
    enum err err = topology_read(text, strlen(text), "sample.conf", &topology, &why);
    if (err != ERR_OK) {
        fail_msg("the sample does not read: %s", why.at);
    }
    return &topology;
}
