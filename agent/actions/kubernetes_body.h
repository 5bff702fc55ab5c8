/* kubernetes_body: what an API server says of something that has replicas, and what is sent to it.
 * Pure. */
#ifndef DROVER_ACTIONS_KUBERNETES_BODY_H
#define DROVER_ACTIONS_KUBERNETES_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/action_args.h"

#define KUBERNETES_VERSION_SIZE 64

/* A Deployment, a StatefulSet or a MachineDeployment. */
struct kubernetes_object {
    char version[KUBERNETES_VERSION_SIZE]; /* metadata.resourceVersion */
    uint32_t replicas;                     /* spec; 1 when it says nothing */
    uint32_t shown, ready;                 /* status */
    bool settled;                          /* its controller has seen the newest spec */
    /* How many there were before an epoch first scaled it: our annotation. */
    bool has_baseline;
    uint64_t baseline_epoch;
    uint32_t baseline;
};

/* FORMAT: not such an object, with what lacks in reterr. */
enum err kubernetes_object_parse(const char *json, size_t json_size,
                                 struct kubernetes_object *ret_object,
                                 struct text256 *reterr) ERR_CHECKED;

/* spec.replicas of a Scale. False: it is none. */
bool kubernetes_scale_parse(const char *json, size_t json_size, uint32_t *ret_replicas);

/* The message of a Status, one printable line; "" when there is none. */
void kubernetes_message(const char *json, size_t json_size, char *ret_line, size_t line_size);

/* JSON merge patches that hold for that version of the object only. False: they do not fit. */
bool kubernetes_body_scale(char *out, size_t out_size, const char *version, uint32_t replicas);
bool kubernetes_body_baseline(char *out, size_t out_size, const char *version, uint64_t epoch,
                              uint32_t replicas);

/* "deployment/api" and its namespace to the object's path. cluster_api is the version under which
 * MachineDeployments are served. CONFIG. */
enum err kubernetes_path(const char *space, const char *workload, const char *cluster_api,
                         char *ret_path, size_t path_size, struct text256 *reterr) ERR_CHECKED;

#endif
