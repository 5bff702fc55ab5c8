/* kubernetes: what the files of this probe share: one run, and the pure readers of objects. */
#ifndef DROVER_PROBES_KUBERNETES_H
#define DROVER_PROBES_KUBERNETES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe.h"
#include "agent/probes/web.h"
#include "common/io/levels.h"

#define KUBERNETES_CONTINUE_SIZE 512
#define KUBERNETES_IMAGES_MAX 64
#define KUBERNETES_IMAGE_SIZE 160
#define KUBERNETES_NAME_SIZE 254 /* of an object, its end included */

struct json_t;

/* Takes one object of a list into its sums. FORMAT: not such an object. */
typedef enum err kubernetes_take(const struct json_t *object, void *into);

/* ---- pure: parse_kubernetes.c ---- */

/* "10", "1500m", "64Gi", "1e3" of Kubernetes, in thousandths, fractions of these rounded down.
 * False: not a quantity, negative, or beyond 9.2e15 units. */
bool quantity_parse(const char *text, int64_t *ret_milli);

/* Seconds since 1970 of "2026-01-25T03:00:00Z". */
bool rfc3339_parse(const char *text, uint64_t *ret_s);

/* Gives each item to take; ret_next is the continue token, "" on the last page. FORMAT. */
enum err kubernetes_list_parse(const char *json, size_t json_size,
                               char ret_next[KUBERNETES_CONTINUE_SIZE], kubernetes_take *take,
                               void *into) ERR_CHECKED;
enum err kubernetes_one_parse(const char *json, size_t json_size, kubernetes_take *take,
                              void *into) ERR_CHECKED;

/* The names after "[-]" in the API server's verbose answer: "etcd informer-sync". */
void kubernetes_readyz_failed(const char *body, char *ret_names, size_t names_size);

struct node_sums {
    const char *resource;      /* borrowed */
    unsigned nodes_n, ready_n; /* ready: and not cordoned */
    int64_t allocatable_milli; /* of the ready ones */
};
kubernetes_take node_take;

struct workload_sums {
    unsigned workloads_n, short_n; /* short: fewer ready than wanted */
    int64_t wanted_n, ready_n;
    char first_short[64];
    unsigned images_n;
    bool images_lost;                                          /* more than fit */
    char images[KUBERNETES_IMAGES_MAX][KUBERNETES_IMAGE_SIZE]; /* without repetition */
};
kubernetes_take workload_take;

struct velero_sums {
    const char *schedule; /* only its backups; NULL: all. Borrowed */
    unsigned backups_n, completed_n;
    uint64_t newest_s;                   /* completion of the newest completed one; 0: none */
    bool newest_failed;                  /* a later one ended otherwise */
    uint64_t last_s;                     /* start of the latest of all */
    char last_phase[24];                 /* and its phase */
    char newest[KUBERNETES_NAME_SIZE];   /* the newest completed one's name */
    char location[KUBERNETES_NAME_SIZE]; /* and its storage location; "": it names none */
};
kubernetes_take velero_take;

struct velero_location {
    char phase[24];          /* "" when it has none yet */
    char bucket[64];         /* "": it names none, or a longer one than S3 allows */
    char prefix[VALUE_SIZE]; /* inside it; "" */
};
kubernetes_take velero_location_take; /* a prefix that is too long: FORMAT */

struct velero_restores {
    const char *schedule; /* only restores of its backups; NULL: all. Borrowed */
    uint64_t newest_s;    /* completion of the newest completed one; 0: none */
    char newest_of[64];   /* the backup that it restored */
    bool newest_failed;   /* a later one ended otherwise */
    uint64_t last_s;      /* start of the latest of all */
};
kubernetes_take velero_restore_take;

struct level_sums {
    const char *kind;      /* of the objects that come; "deployment" */
    struct levels *levels; /* borrowed */
    int64_t replicas_n;
};
kubernetes_take level_take;

/* "patch deployments.apps/scale", the next of a list with commas. What is in it may stand in JSON
 * as it is: lower-case letters, digits, dots, dashes and '*'. */
struct kubernetes_right {
    char verb[32], resource[64], group[128], subresource[64]; /* the last two may be "" */
};
bool kubernetes_right_parse(const char **text, struct kubernetes_right *ret_right);
/* The answer to a SelfSubjectAccessReview. False: it is none. */
bool kubernetes_allowed_parse(const char *json, size_t json_size, bool *ret_allowed);

/* "registry.bud.ai/team/app:1.2" or "...@sha256:...": the path of its manifest,
 * "/v2/team/app/manifests/1.2". False when it is none. */
bool image_manifest_path(const char *image, char *ret_path, size_t path_size);

/* ---- one run ---- */

struct kubernetes_run {
    const struct probe_input *input;
    char *body;
    size_t body_n;
    long status;
    uint32_t took_ms;
    struct reading reading; /* the end, whether good or not */
};

#define KUBERNETES_BODY_SIZE (2u << 20) /* of run->body */

/* "deployment/budapp": "deployments" and "budapp". */
bool kubernetes_workload_split(const char *workload, const char **ret_plural,
                               const char **ret_name);
/* All pages of a list, each given to `take`. False: run->reading says what went wrong. */
bool kubernetes_list(struct kubernetes_run *run, const char *collection, const char *selector,
                     kubernetes_take *take, void *into);
/* False: run->reading says why there is no answer. */
bool kubernetes_send(struct kubernetes_run *run, struct service_request *request);
bool kubernetes_ask(struct kubernetes_run *run, const char *path);
bool kubernetes_workloads(struct kubernetes_run *run, struct workload_sums *sums);
void kubernetes_images(struct kubernetes_run *run);
void kubernetes_velero(struct kubernetes_run *run);
/* The storage location of that name. False: run->reading says what is wrong with it. */
bool kubernetes_velero_location(struct kubernetes_run *run, const char *name,
                                struct velero_location *ret_location);
/* Behind a good reading of the newest completed backup: its objects, in its location's bucket and
 * with peer_url in the other region's. What is wrong there replaces the reading. */
void kubernetes_velero_objects(struct kubernetes_run *run, const struct velero_sums *sums);
void kubernetes_rights(struct kubernetes_run *run);
void kubernetes_levels(struct kubernetes_run *run);

#endif
