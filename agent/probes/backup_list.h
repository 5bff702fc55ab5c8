/* backup_list: what lies below a bucket's prefix or in a directory, as a series. */
#ifndef DROVER_PROBES_BACKUP_LIST_H
#define DROVER_PROBES_BACKUP_LIST_H

#include "agent/probe.h"
#include "agent/probes/s3_client.h"
#include "agent/probes/series.h"

/* False: ret_reading says why. Either may set series->cut. */
bool backup_list_bucket(const struct s3_place *place, unsigned pages, struct series *series,
                        struct reading *ret_reading);

/* Regular files below the directory, eight folders deep, links not followed. The kernel's calls on
 * a network file system that hangs do hang: a directory is a local one. */
bool backup_list_directory(const char *path, uint64_t deadline_boot_ms, struct series *series,
                           struct reading *ret_reading);

#endif
