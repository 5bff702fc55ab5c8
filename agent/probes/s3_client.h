/* s3_client: signed requests to one bucket of an S3 server, addressed by path, and its listing page
 * by page. The access key is the argument user, its secret that of password_ref. */
#ifndef DROVER_PROBES_S3_CLIENT_H
#define DROVER_PROBES_S3_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/probe.h"
#include "agent/probes/parse_s3.h"
#include "agent/probes/web.h"

#define S3_PAGE 500 /* objects of one page */
#define S3_PAGE_SIZE ((size_t)1 << 20)

/* Rows of a kind's parameter table: the bucket, and the other region's, with peer_ before. */
#define S3_PARAMETERS                                                                              \
    {.name = "bucket", .type = PARAMETER_TEXT}, {.name = "region", .type = PARAMETER_NAME},        \
        {.name = "prefix", .type = PARAMETER_TEXT}, {                                              \
        .name = "pages", .type = PARAMETER_NUMBER, .min = 1, .max = 200                            \
    }

#define S3_PEER_PARAMETERS                                                                         \
    {.name = "peer_url", .type = PARAMETER_URL}, {.name = "peer_bucket", .type = PARAMETER_TEXT},  \
        {.name = "peer_region", .type = PARAMETER_NAME},                                           \
        {.name = "peer_prefix", .type = PARAMETER_TEXT},                                           \
        {.name = "peer_user", .type = PARAMETER_TEXT},                                             \
        {.name = "peer_password_ref", .type = PARAMETER_NAME}, {                                   \
        .name = "peer_ca", .type = PARAMETER_PATH                                                  \
    }

/* One bucket; borrows the input it was made of. Too large for a copy without need. */
struct s3_place {
    struct probe_input input;
    struct arguments arguments; /* url, user, ... of this place without peer_ */
    const char *bucket, *region, *prefix;
};

/* The place of the arguments as they are (peer: those with peer_, which default to the others').
 * CONFIG: no bucket, or one with characters that no bucket's name has. ret_place must stay where it
 * is: its input points into it. */
enum err s3_place_open(const struct probe_input *input, bool peer, struct s3_place *ret_place,
                       struct text256 *reterr) ERR_CHECKED;

/* What config check says of bucket names and of credentials that are not complete. */
enum err s3_arguments_accept(const struct arguments *arguments, bool peer,
                             struct text256 *reterr) ERR_CHECKED;

struct s3_request {
    const char *method; /* NULL: GET */
    const char *key;    /* NULL: the bucket itself */
    const char *query;  /* "versioning=": sorted, encoded; NULL: none */
    const void *body;
    size_t body_size;
    const char *header_name; /* as in struct service_request */
    char *header;
    size_t header_size;
};

/* As web_ask. A refusal of credentials tells the server's code ("SignatureDoesNotMatch"). */
bool s3_ask(const struct s3_place *place, const struct s3_request *request, char *ret_body,
            size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading);

/* s3_minio.c: what=servers and what=capacity, MinIO's own figures of the deployment. */
struct reading s3_servers(const struct probe_input *input);
enum err s3_capacity_accepts(const struct arguments *arguments, struct text256 *reterr) ERR_CHECKED;
struct reading s3_capacity(const struct probe_input *input);

/* s3_versions.c: what the canary's key leaves behind in a bucket that keeps versions. `clean`: the
 * oldest of those in sight are deleted, for good, but for the newest few that may still be on their
 * way to the other side. More than max_versions (100) make the reading a warning that says so, and
 * why they stay. Called behind a canary that was written or found. */
void s3_versions_watch(const struct s3_place *place, const char *key, bool clean,
                       struct reading *reading);

/* Walks the objects below place->prefix in the order of their keys. */
struct s3_walk {
    const struct s3_place *place;
    struct s3_object *objects; /* S3_PAGE of them */
    char *body;                /* S3_PAGE_SIZE */
    size_t objects_n, at;
    char after[S3_KEY_SIZE];
    unsigned pages_left;
    bool more; /* at the end of the walk: pages_left was used up before the listing was */
};

/* NO_MEMORY; s3_walk_close in every case. */
enum err s3_walk_open(struct s3_walk *walk, const struct s3_place *place,
                      unsigned pages) ERR_CHECKED;
void s3_walk_close(struct s3_walk *walk);

/* The next object, valid until the next call; NULL at the end. False: ret_reading says why. */
bool s3_walk_next(struct s3_walk *walk, const struct s3_object **ret_object,
                  struct reading *ret_reading);

#endif
