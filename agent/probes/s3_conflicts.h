/* s3_conflicts: the same keys of two buckets, held against each other. */
#ifndef DROVER_PROBES_S3_CONFLICTS_H
#define DROVER_PROBES_S3_CONFLICTS_H

#include "agent/probes/s3_client.h"

/* Keys on one side only, and keys whose ETags differ, both for longer than grace_ms (default 15
 * minutes). value: their number, -1 when it is not known. Bounded by `pages` of 500 a bucket. */
struct reading s3_conflicts(const struct probe_input *input, const struct s3_place *place);

#endif
