/* kubernetes_body: see kubernetes_body.h. */
#include "agent/actions/kubernetes_body.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "agent/actions/act.h"

#define ANNOTATION "drover/baseline"

/* Only letters that need no quoting in JSON; real ones are digits. */
static bool version_take(const json_t *text, char ret_version[KUBERNETES_VERSION_SIZE]) {
    const char *version = json_string_value(text);
    return version != NULL && version[0] != '\0' &&
           strspn(version, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._") ==
               strlen(version) &&
           text_copy(ret_version, KUBERNETES_VERSION_SIZE, version);
}

/* A number of replicas; `otherwise` when the field is not there. */
static bool replicas_take(const json_t *object, const char *name, uint32_t otherwise,
                          uint32_t *ret_n) {
    const json_t *field = json_object_get(object, name);
    *ret_n = otherwise;
    if (field == NULL) {
        return true;
    }
    json_int_t n = json_integer_value(field);
    if (!json_is_integer(field) || n < 0 || n > KUBERNETES_REPLICAS_MAX) {
        return false;
    }
    *ret_n = (uint32_t)n;
    return true;
}

/* "epoch=7 replicas=4". One that cannot be read is an error: it would be doubled otherwise. */
static bool baseline_take(const json_t *metadata, struct kubernetes_object *object) {
    const json_t *annotation =
        json_object_get(json_object_get(metadata, "annotations"), ANNOTATION);
    const char *text = json_string_value(annotation);
    char epoch[24];
    uint64_t replicas = 0;
    if (annotation == NULL) {
        return true;
    }
    const char *second = text != NULL ? strchr(text, ' ') : NULL;
    if (second == NULL || !text_starts(text, "epoch=") || !text_starts(second, " replicas=") ||
        !text_format(epoch, sizeof epoch, "%.*s", (int)(second - text - 6), text + 6) ||
        !text_to_u64(epoch, UINT64_MAX, &object->baseline_epoch) ||
        !text_to_u64(second + 10, KUBERNETES_REPLICAS_MAX, &replicas)) {
        return false;
    }
    object->has_baseline = true;
    object->baseline = (uint32_t)replicas;
    return true;
}

enum err kubernetes_object_parse(const char *json, size_t json_size,
                                 struct kubernetes_object *ret_object, struct text256 *reterr) {
    struct kubernetes_object object;
    memset(&object, 0, sizeof object);
    json_t *root = json_loadb(json, json_size, 0, NULL);
    const json_t *metadata = json_object_get(root, "metadata");
    const json_t *spec = json_object_get(root, "spec"), *status = json_object_get(root, "status");
    const char *lacks = NULL;
    if (!json_is_object(metadata) || !json_is_object(spec)) {
        lacks = "metadata or spec";
    } else if (!version_take(json_object_get(metadata, "resourceVersion"), object.version)) {
        lacks = "resourceVersion";
    } else if (!replicas_take(spec, "replicas", 1, &object.replicas) ||
               !replicas_take(status, "replicas", 0, &object.shown) ||
               !replicas_take(status, "readyReplicas", 0, &object.ready)) {
        lacks = "numbers of replicas";
    } else if (!baseline_take(metadata, &object)) {
        lacks = "a readable annotation " ANNOTATION;
    }
    object.settled = json_integer_value(json_object_get(status, "observedGeneration")) >=
                     json_integer_value(json_object_get(metadata, "generation"));
    json_decref(root);
    if (lacks != NULL) {
        text_say(reterr, "not an object with replicas: %s", lacks);
        return ERR_FORMAT;
    }
    *ret_object = object;
    return ERR_OK;
}

bool kubernetes_scale_parse(const char *json, size_t json_size, uint32_t *ret_replicas) {
    json_t *root = json_loadb(json, json_size, 0, NULL);
    const char *kind = json_string_value(json_object_get(root, "kind"));
    bool good = kind != NULL && text_equal(kind, "Scale") &&
                replicas_take(json_object_get(root, "spec"), "replicas", 0, ret_replicas);
    json_decref(root);
    return good;
}

void kubernetes_message(const char *json, size_t json_size, char *ret_line, size_t line_size) {
    json_t *root = json_loadb(json, json_size, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));
    act_line(ret_line, line_size, message != NULL ? message : "");
    json_decref(root);
}

bool kubernetes_body_scale(char *out, size_t out_size, const char *version, uint32_t replicas) {
    return text_format(out, out_size,
                       "{\"metadata\":{\"resourceVersion\":\"%s\"},\"spec\":{\"replicas\":%" PRIu32
                       "}}",
                       version, replicas);
}

bool kubernetes_body_baseline(char *out, size_t out_size, const char *version, uint64_t epoch,
                              uint32_t replicas) {
    return text_format(out, out_size,
                       "{\"metadata\":{\"resourceVersion\":\"%s\",\"annotations\":{\"" ANNOTATION
                       "\":\"epoch=%" PRIu64 " replicas=%" PRIu32 "\"}}}",
                       version, epoch, replicas);
}

static bool is_label(const char *text) {
    return text[0] != '\0' && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(text);
}

enum err kubernetes_path(const char *space, const char *workload, const char *cluster_api,
                         char *ret_path, size_t path_size, struct text256 *reterr) {
    static const char *const kinds[][2] = {
        {"deployment/", "apps/v1"}, {"statefulset/", "apps/v1"}, {"machinedeployment/", NULL}};
    if (!is_label(space) || !is_label(cluster_api)) {
        text_say(reterr,
                 "arguments \"namespace\" and \"cluster_api\": expected names of a-z 0-9 -");
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t n = strlen(kinds[i][0]);
        if (!text_starts(workload, kinds[i][0]) || !is_label(workload + n)) {
            continue;
        }
        bool fits = kinds[i][1] != NULL
                        ? text_format(ret_path, path_size, "/apis/%s/namespaces/%s/%.*ss/%s",
                                      kinds[i][1], space, (int)n - 1, workload, workload + n)
                        : text_format(ret_path, path_size,
                                      "/apis/cluster.x-k8s.io/%s/namespaces/%s/%.*ss/%s",
                                      cluster_api, space, (int)n - 1, workload, workload + n);
        if (!fits) {
            text_say(reterr, "argument \"workload\" is too long");
        }
        return fits ? ERR_OK : ERR_CONFIG;
    }
    text_say(reterr, "argument \"workload\": expected deployment/NAME, statefulset/NAME or "
                     "machinedeployment/NAME");
    return ERR_CONFIG;
}
