/* parameter: the arguments a probe kind takes, as a table; checked once by the config check, read
 * with the same table's defaults by the probe. */
#ifndef DROVER_PROBES_PARAMETER_H
#define DROVER_PROBES_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/topology/topology.h"

enum parameter_type {
    PARAMETER_TEXT,      /* printable, not empty */
    PARAMETER_NUMBER,    /* decimal, min..max */
    PARAMETER_FLAG,      /* true or false */
    PARAMETER_CHOICE,    /* one of choices, "|a|b|c|" */
    PARAMETER_ADDRESS,   /* host:port, [v6]:port */
    PARAMETER_ADDRESSES, /* up to PARAMETER_ADDRESSES_MAX of them, with commas between */
    PARAMETER_URL,       /* http:// or https:// */
    PARAMETER_NAME,      /* text_is_name: of a secret, a region ... */
    PARAMETER_PATH,      /* absolute */
    PARAMETER_TABLE      /* SQL: name or schema.name, lower case, never quoted */
};

#define PARAMETER_ADDRESSES_MAX 8

struct parameter {
    const char *name;
    enum parameter_type type;
    bool needed;
    uint64_t min, max;   /* NUMBER */
    const char *choices; /* CHOICE */
};

/* Every given argument is known and well formed, every needed one is there. Names that an endpoint
 * hands down to all its checks (address, url, user, password_ref, database, ca) are let pass by
 * kinds that have no use for them; any other unknown name is an error that lists the known ones. */
enum err parameters_accept(const struct parameter *parameters, size_t parameters_n,
                           const struct arguments *arguments, struct text256 *reterr) ERR_CHECKED;

/* The value, or `otherwise` when not given. The arguments have passed parameters_accept. */
uint64_t parameter_number(const struct arguments *arguments, const char *name, uint64_t otherwise);
bool parameter_flag(const struct arguments *arguments, const char *name, bool otherwise);
const char *parameter_text(const struct arguments *arguments, const char *name,
                           const char *otherwise);

/* Takes the next part of a list with commas, spaces around it removed. False at the end, or when a
 * part is empty or does not fit. *at moves on. */
bool list_next(const char **at, char *ret_part, size_t part_size);

#endif
