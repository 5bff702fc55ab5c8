/* git_commit: when one commit was made, asked of a Git server without fetching anything else: the
 * request and the answer of git-upload-pack (protocol 0, stateless, depth 1, filter tree:0).
 * Pure; tests/fuzz/fuzz_probe_s3.c. */
#ifndef DROVER_PROBES_GIT_COMMIT_H
#define DROVER_PROBES_GIT_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define GIT_ASK_SIZE 256
#define GIT_PACK_SIZE ((size_t)64 << 10) /* one commit, with a long message and a signature */

/* The request's body for one commit, 40 or 64 digits, which the server's list of refs named. False:
 * it does not fit. */
bool git_commit_ask(const char *commit, char *ret_body, size_t body_size);

/* The answer: when that commit, or annotated tag, was made (the committer's time, seconds since
 * 1970). FORMAT: it is none, or its first object is neither. */
enum err git_commit_parse(const void *answer, size_t answer_n, uint64_t *ret_made_s) ERR_CHECKED;

#endif
