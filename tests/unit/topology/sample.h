/* sample: a small topology without a single finding (sample.conf), and its mutations. Text in
 * these tests writes @7 for a public key: it becomes 64 hex digits that say 7. */
#ifndef DROVER_TESTS_TOPOLOGY_SAMPLE_H
#define DROVER_TESTS_TOPOLOGY_SAMPLE_H

#include <stddef.h>

#include "common/topology/topology.h"

#define SAMPLE_SIZE (64 * 1024)

/* The sample with the first occurrence of `from` replaced by `to` (both NULL: as it is), keys
 * expanded. Fails the test when `from` is not there. Static storage, until the next call. */
const char *sample_text(const char *from, const char *to);

/* Keys expanded. Static storage. */
const char *sample_keys(const char *text);

/* The sample read and changed; fails the test when it does not read. Static storage. */
struct topology *sample_topology(const char *from, const char *to);

#endif
