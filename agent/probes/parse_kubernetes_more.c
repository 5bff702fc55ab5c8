/* Objects of Kubernetes around backups and rights. */
#include <jansson.h>
#include <string.h>

#include "agent/probes/kubernetes.h"
#include "common/base/text.h"

static const char *text_of(const json_t *object, const char *part, const char *key) {
    return json_string_value(json_object_get(json_object_get(object, part), key));
}

enum err velero_location_take(const json_t *object, void *into) {
    struct velero_location *location = into;
    const json_t *spec = json_object_get(object, "spec");
    const char *phase = text_of(object, "status", "phase");
    const char *bucket = text_of(spec, "objectStorage", "bucket");
    const char *prefix = text_of(spec, "objectStorage", "prefix");
    *location = (struct velero_location){.phase = ""};
    if (text_of(object, "metadata", "name") == NULL) {
        return ERR_FORMAT;
    }
    (void)text_format(location->phase, sizeof location->phase, "%.23s", phase != NULL ? phase : "");
    if (bucket != NULL && !text_copy(location->bucket, sizeof location->bucket, bucket)) {
        location->bucket[0] = '\0';
    }
    if (prefix != NULL && !text_copy(location->prefix, sizeof location->prefix, prefix)) {
        return ERR_FORMAT;
    }
    return ERR_OK;
}

/* Velero names a schedule's backups after it, and a time. */
static bool is_of_schedule(const char *schedule, const json_t *object) {
    const char *named = text_of(object, "spec", "scheduleName");
    const char *backup = text_of(object, "spec", "backupName");
    if (schedule == NULL || (named != NULL && text_equal(named, schedule))) {
        return true;
    }
    size_t n = strlen(schedule);
    return backup != NULL && strncmp(backup, schedule, n) == 0 && backup[n] == '-';
}

enum err velero_restore_take(const json_t *object, void *into) {
    struct velero_restores *restores = into;
    const char *phase = text_of(object, "status", "phase");
    const char *started = text_of(object, "metadata", "creationTimestamp");
    const char *ended = text_of(object, "status", "completionTimestamp");
    const char *backup = text_of(object, "spec", "backupName");
    uint64_t started_s = 0, ended_s = 0;
    if (text_of(object, "metadata", "name") == NULL || started == NULL ||
        !rfc3339_parse(started, &started_s)) {
        return ERR_FORMAT;
    }
    if (!is_of_schedule(restores->schedule, object)) {
        return ERR_OK;
    }
    bool completed = phase != NULL && text_equal(phase, "Completed") && ended != NULL &&
                     rfc3339_parse(ended, &ended_s);
    if (completed && ended_s >= restores->newest_s) {
        restores->newest_s = ended_s;
        (void)text_format(restores->newest_of, sizeof restores->newest_of, "%.63s",
                          backup != NULL ? backup : "");
    }
    if (started_s >= restores->last_s) {
        restores->last_s = started_s;
        restores->newest_failed = phase != NULL && !completed && !text_equal(phase, "New") &&
                                  !text_equal(phase, "InProgress");
    }
    return ERR_OK;
}

/* -------------------------------------------------------------------------- rights */

/* The word at *text, of characters that need no care in JSON, as far as one of `ends`. */
static bool word_take(const char **text, const char *ends, char *ret_word, size_t word_size) {
    size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789-*");
    if (strchr(ends, '.') == NULL) {
        n = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789-*.");
    }
    if (n == 0 || n >= word_size || strchr(ends, (*text)[n]) == NULL) {
        return false;
    }
    memcpy(ret_word, *text, n);
    ret_word[n] = '\0';
    *text += n;
    return true;
}

bool kubernetes_right_parse(const char **text, struct kubernetes_right *ret_right) {
    struct kubernetes_right right = {.group = ""};
    const char *at = *text + strspn(*text, " ");
    if (!word_take(&at, " ", right.verb, sizeof right.verb) || *at != ' ') {
        return false;
    }
    at += strspn(at, " ");
    if (!word_take(&at, "./, ", right.resource, sizeof right.resource)) {
        return false;
    }
    if (*at == '.') {
        at++;
        if (!word_take(&at, "/, ", right.group, sizeof right.group)) {
            return false;
        }
    }
    if (*at == '/') {
        at++;
        if (!word_take(&at, ", ", right.subresource, sizeof right.subresource)) {
            return false;
        }
    }
    at += strspn(at, " ");
    if (*at == ',') {
        at++;
        at += strspn(at, " ");
        if (*at == '\0') {
            return false;
        }
    } else if (*at != '\0') {
        return false;
    }
    *text = at;
    *ret_right = right;
    return true;
}

bool kubernetes_allowed_parse(const char *json, size_t json_size, bool *ret_allowed) {
    json_error_t why;
    json_t *root = json_loadb(json, json_size, 0, &why);
    const json_t *allowed = json_object_get(json_object_get(root, "status"), "allowed");
    bool is_one = json_is_boolean(allowed);
    *ret_allowed = is_one && json_is_true(allowed);
    json_decref(root);
    return is_one;
}
