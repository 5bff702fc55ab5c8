/* s3_role: what a bucket is to its replication, by the rules of both sides. */
#ifndef DROVER_PROBES_S3_ROLE_H
#define DROVER_PROBES_S3_ROLE_H

#include "agent/probes/s3_client.h"

/* Source, target, both or none, against the argument expect_role. value: 1 for a source plus 2 for
 * a target; -1: the peer's rules are not known. */
struct reading s3_role(const struct probe_input *input, const struct s3_place *place);

/* An expected role that the bucket's own rules alone cannot show. */
bool s3_role_needs_peer(const struct arguments *arguments);

#endif
