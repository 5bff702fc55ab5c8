/* parse_git: the answer of a Git server to info/refs?service=git-upload-pack (protocol 0 and 1).
 * Pure; tests/fuzz/fuzz_probe_s3.c. */
#ifndef DROVER_PROBES_PARSE_GIT_H
#define DROVER_PROBES_PARSE_GIT_H

#include <stddef.h>

#include "common/base/err.h"

#define GIT_COMMIT_SIZE 65 /* SHA-1's 40 digits, SHA-256's 64 */

struct git_view {
    unsigned refs_n;              /* 0: an empty repository */
    char commit[GIT_COMMIT_SIZE]; /* of the asked-for ref; "": it has none of that name */
};

/* FORMAT: not that protocol. Names with bytes outside printable ASCII are not looked for. */
enum err git_refs_parse(const char *body, size_t body_size, const char *ref,
                        struct git_view *ret_view) ERR_CHECKED;

#endif
