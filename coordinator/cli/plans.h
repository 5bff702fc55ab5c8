/* plans: what the verbs `plan ...` share. */
#ifndef DROVER_CLI_PLANS_H
#define DROVER_CLI_PLANS_H

#include "common/topology/topology.h"
#include "coordinator/cli/cli.h"

/* Where the plans come from. */
struct plans_source {
    struct topology *topology; /* static storage; the next reading overwrites it */
    const char *file;          /* NULL: the topology in force */
    uint32_t version;          /* of the topology in force */
    uint64_t epoch;            /* live only */
    uint8_t owner;             /* region; of a file its initial region */
};

/* The file that the verb's word `file_word` names, else the topology in force. OK, or the exit
 * code; what is wrong was said. */
int plans_read(struct session *session, unsigned file_word, struct plans_source *source);

/* The plan named by the first word; NULL when there is none, and that was said. */
const struct plan *plans_find(const struct session *session, const struct plans_source *source);

/* From where to where; false when --to names no data region, and that was said. */
bool plans_way(const struct session *session, const struct plans_source *source,
               const struct plan *plan, uint8_t *ret_source, uint8_t *ret_target);

#endif
