/* levels: how many replicas each workload of another region's cluster had when it was last seen to
 * serve. Kept by a check (kubernetes, what = levels) in the agent's state directory, read by
 * kubernetes_scale when that region is dark. */
#ifndef DROVER_LEVELS_H
#define DROVER_LEVELS_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define LEVELS_MAX 256
#define LEVEL_NAME_SIZE 128
#define LEVEL_REPLICAS_MAX 100000

struct level {
    char workload[LEVEL_NAME_SIZE]; /* "deployment/budapp" */
    uint32_t replicas;
};

struct levels {
    uint64_t wall_s; /* when they were read, seconds since 1970 */
    uint16_t n;
    struct level at[LEVELS_MAX];
};

/* Adds one. TOO_BIG: it is one too many or its name is too long; FORMAT: the name holds what the
 * file cannot. */
enum err levels_add(struct levels *levels, const char *kind, const char *name,
                    uint32_t replicas) ERR_CHECKED;

/* DIRECTORY/levels-NAME, replaced whole and durable. `name` is a text_is_name. */
enum err levels_write(const char *directory, const char *name, const struct levels *levels,
                      struct text256 *reterr) ERR_CHECKED;
/* NOT_FOUND: never kept. FORMAT: not such a file. */
enum err levels_read(const char *directory, const char *name, struct levels *ret_levels,
                     struct text256 *reterr) ERR_CHECKED;

#endif
