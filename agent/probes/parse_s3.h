/* parse_s3: pure readers of what S3 servers answer, and MinIO where it says more. No input makes
 * them read outside it, allocate without bound or fail to end; tests/fuzz/fuzz_probe_s3.c. */
#ifndef DROVER_PROBES_PARSE_S3_H
#define DROVER_PROBES_PARSE_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define S3_KEY_SIZE 512 /* longer keys are TOO_BIG: S3 would allow 1024 bytes */

struct s3_object {
    char key[S3_KEY_SIZE];
    char etag
        [48]; /* without its quotes; with '-': of an upload in parts, no checksum of the whole */
    char storage_class[20];
    uint64_t modified_wall_ms;
    uint64_t bytes;
};

/* A page of ListObjectsV2 that was asked for with encoding-type=url. FORMAT; TOO_BIG: more objects
 * than fit, or a key too long. */
enum err s3_list_parse(const char *xml, struct s3_object *ret_objects, size_t objects_max,
                       size_t *ret_objects_n, bool *ret_more) ERR_CHECKED;

/* GetBucketVersioning: never set is neither of both. */
enum s3_versioning { S3_VERSIONING_NEVER = 0, S3_VERSIONING_ENABLED, S3_VERSIONING_SUSPENDED };
enum err s3_versioning_parse(const char *xml, enum s3_versioning *ret_versioning) ERR_CHECKED;

/* A page of ListObjectVersions, unencoded: how many versions of just this key it has, and of
 * those that are not the latest the ids, newest first as they come, without the first `skip`.
 * FORMAT. */
#define S3_VERSION_ID_SIZE 128
#define S3_VERSIONS_TAKEN_MAX 8
struct s3_versions {
    unsigned n; /* the latest included */
    unsigned old_n;
    char old[S3_VERSIONS_TAKEN_MAX][S3_VERSION_ID_SIZE];
};
enum err s3_versions_parse(const char *xml, const char *key, unsigned skip,
                           struct s3_versions *ret_versions) ERR_CHECKED;

/* "<Code>NoSuchBucket</Code>" of an error's body; "" when it has none. Letters and digits only. */
void s3_error_code(const char *xml, char *ret_code, size_t code_size);

/* The canary's body, "drover canary NUMBER WALL_MS\n". */
bool s3_canary_format(int64_t number, int64_t wall_ms, char *ret_body, size_t body_size);
enum err s3_canary_parse(const char *body, int64_t *ret_number, int64_t *ret_wall_ms) ERR_CHECKED;

/* GetBucketReplication: how many enabled rules there are, and how many of those lead to a bucket of
 * that name (the ARN's last part: which server it is on is the sender's knowledge). FORMAT. */
struct s3_rules {
    unsigned n, here_n;
};
enum err s3_rules_parse(const char *xml, const char *bucket,
                        struct s3_rules *ret_rules) ERR_CHECKED;

/* MinIO's page /minio/metrics/v3/cluster/health, which leaves out what is 0. FORMAT: nobody is
 * online, not even the one that answers. */
struct s3_servers {
    int64_t online_n, offline_n, drives_offline_n;
};
enum err s3_servers_parse(const char *page, struct s3_servers *ret_servers) ERR_CHECKED;

/* The same page: what the deployment can hold, behind its erasure code, and what is left of it.
 * FORMAT: it tells neither, or nonsense. */
struct s3_capacity {
    int64_t size_bytes, free_bytes; /* size > 0, 0 <= free <= size */
};
enum err s3_capacity_parse(const char *page, struct s3_capacity *ret_capacity) ERR_CHECKED;

/* MinIO's GET bucket?replication-metrics=2: since the server's start. */
struct s3_replication {
    unsigned targets_n;
    int64_t queued_n, queued_bytes; /* now */
    int64_t failed_minute_n;        /* in the last minute */
    int64_t failed_n;               /* since the start */
    int64_t replicated_n;
};
#define S3_FIGURE_MAX INT64_C(1000000000000000)
enum err s3_replication_parse(const char *json, size_t json_size,
                              struct s3_replication *ret_view) ERR_CHECKED;

#endif
