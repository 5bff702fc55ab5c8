/* topology_read: the libconfig text of a topology -> struct topology. Reference: docs/topology.md.
 *
 * Reading answers what a text can get wrong by itself: fields, types, ranges, names that do not
 * resolve. Whether the whole makes sense is topology_check()'s question. */
#ifndef DROVER_TOPOLOGY_READ_H
#define DROVER_TOPOLOGY_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/topology.h"

/* Reads `size` bytes (at most TOPOLOGY_BYTES_MAX; no terminator needed). file_name is for messages.
 * On failure *ret_topology holds nothing of use and reterr says "FILE:LINE: path.of.field: expected
 * ..., found ...". FORMAT: not libconfig, or with @include; CONFIG: a field; TOO_BIG; NO_MEMORY. */
enum err topology_read(const char *text, size_t size, const char *file_name,
                       struct topology *ret_topology, struct text256 *reterr) ERR_CHECKED;

/* The same for an agent's or an operator's pins: only cluster, regions and members are demanded
 * (agents and lease are read when they are there); initial_region is NONE when it is absent. */
enum err topology_read_partial(const char *text, size_t size, const char *file_name,
                               struct topology *ret_topology, struct text256 *reterr) ERR_CHECKED;

/* Reads a file of at most TOPOLOGY_BYTES_MAX bytes. `partial` as above. IO, NOT_FOUND besides. */
enum err topology_read_file(const char *path, bool partial, struct topology *ret_topology,
                            struct text256 *reterr) ERR_CHECKED;

/* Where a topology writes a setting that this program's files also know, for docs and tests: calls
 * `each` with every field of every group ("checks", "interval"). */
void topology_fields_each(void (*each)(void *owner, const char *group, const char *field),
                          void *owner);

#endif
