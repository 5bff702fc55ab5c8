/* parse_git: the answer of a Git server to info/refs?service=git-upload-pack (protocol 0 and 1).
 * Pure; tests/fuzz/fuzz_probe_s3.c. */
#ifndef DROVER_PROBES_PARSE_GIT_H
#define DROVER_PROBES_PARSE_GIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define GIT_COMMIT_SIZE 65 /* SHA-1's 40 digits, SHA-256's 64 */

struct git_view {
    unsigned refs_n;              /* 0: an empty repository */
    char commit[GIT_COMMIT_SIZE]; /* of the asked-for ref; "": it has none of that name */
    bool gives_one;               /* it can give one commit and nothing with it (shallow, filter) */
};

/* What is left of an answer in pkt-lines. */
struct git_lines {
    const char *at;
    size_t left;
};

/* One pkt-line: four hex digits of its length, themselves included, and that much; "0000" is a
 * flush (ret_n 0). False: it is none. */
bool git_line_take(struct git_lines *lines, const char **ret_text, size_t *ret_n);

/* 40 or 64 digits 0-9 a-f, and nothing else in n characters. */
bool git_commit_fits(const char *text, size_t n);

/* FORMAT: not that protocol. Names with bytes outside printable ASCII are not looked for. */
enum err git_refs_parse(const char *body, size_t body_size, const char *ref,
                        struct git_view *ret_view) ERR_CHECKED;

#endif
