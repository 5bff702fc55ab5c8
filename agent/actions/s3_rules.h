/* s3_rules: a bucket's rules of replication, switched on or off, with all else of them as it was.
 * Pure. */
#ifndef DROVER_ACTIONS_S3_RULES_H
#define DROVER_ACTIONS_S3_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct s3_turn {
    unsigned rules_n;   /* that are meant */
    unsigned changed_n; /* of those, how many were the other way */
};

/* GetBucketReplication's answer with the Status of the rule of that ID (NULL: of every rule) as
 * wished. FORMAT: not rules of replication; TOO_BIG: no room in ret_xml. */
enum err s3_rules_turn(const char *xml, const char *rule, bool enabled, char *ret_xml,
                       size_t xml_size, struct s3_turn *ret_turn) ERR_CHECKED;

/* "drover epoch N\n". False: it is something else. */
bool s3_epoch_parse(const char *body, uint64_t *ret_epoch);

#endif
