/* Objects of Kubernetes as its API server lists them. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/kubernetes.h"
#include "common/base/text.h"

/* -------------------------------------------------------------------------- values */

/* The suffix's factor in thousandths, as a fraction: k is 1000 * 1000 / 1, n is 1000 / 1e9. */
static bool suffix_factor(const char *suffix, uint64_t *ret_times, uint64_t *ret_through) {
    static const struct {
        const char *text;
        uint64_t times, through;
    } table[] = {
        {"", 1000, 1},
        {"n", 1, 1000000},
        {"u", 1, 1000},
        {"m", 1, 1},
        {"k", 1000000, 1},
        {"M", 1000000000, 1},
        {"G", 1000000000000, 1},
        {"T", 1000000000000000, 1},
        {"Ki", UINT64_C(1000) << 10, 1},
        {"Mi", UINT64_C(1000) << 20, 1},
        {"Gi", UINT64_C(1000) << 30, 1},
        {"Ti", UINT64_C(1000) << 40, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_equal(suffix, table[i].text)) {
            *ret_times = table[i].times;
            *ret_through = table[i].through;
            return true;
        }
    }
    return false;
}

bool quantity_parse(const char *text, int64_t *ret_milli) {
    char digits[24];
    uint64_t number = 0, times = 0, through = 1;
    size_t whole_n = strspn(text, "0123456789");
    size_t fraction_n = text[whole_n] == '.' ? strspn(text + whole_n + 1, "0123456789") : 0;
    const char *suffix = text + whole_n + (text[whole_n] == '.' ? 1 + fraction_n : 0);
    if (whole_n + fraction_n == 0 || whole_n + fraction_n >= sizeof digits) {
        return false;
    }
    memcpy(digits, text, whole_n);
    memcpy(digits + whole_n, text + whole_n + 1, fraction_n);
    digits[whole_n + fraction_n] = '\0';
    if (!text_to_u64(digits, UINT64_MAX, &number)) {
        return false;
    }
    uint64_t exponent = 0;
    if ((suffix[0] == 'e' || suffix[0] == 'E') && text_to_u64(suffix + 1, 15, &exponent)) {
        suffix = "";
    }
    if (!suffix_factor(suffix, &times, &through)) {
        return false;
    }
    uint64_t milli = 0;
    bool fits = !__builtin_mul_overflow(number, times, &milli);
    for (; exponent > 0; exponent--) {
        fits = fits && !__builtin_mul_overflow(milli, 10, &milli);
    }
    for (; fraction_n > 0; fraction_n--) {
        milli /= 10;
    }
    milli /= through;
    if (!fits || milli > INT64_MAX) {
        return false;
    }
    *ret_milli = (int64_t)milli;
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar, months counted from March so that a leap day
 * is a year's last. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day) {
    year -= month <= 2;
    uint64_t of_year = (153 * (month + (month > 2 ? 0 : 12) - 3) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

static bool digits_take(const char *at, size_t n, uint64_t *ret_number) {
    char part[8] = "";
    memcpy(part, at, n);
    return strspn(part, "0123456789") == n && text_to_u64(part, UINT64_MAX, ret_number);
}

bool rfc3339_parse(const char *text, uint64_t *ret_s) {
    uint64_t at[6];
    static const uint8_t places[6] = {0, 5, 8, 11, 14, 17};
    size_t n = strnlen(text, 40);
    if (n < 20 || n == 40 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text[n - 1] != 'Z') {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        if (!digits_take(text + places[i], i == 0 ? 4 : 2, &at[i])) {
            return false;
        }
    }
    if (at[0] < 1970 || at[1] < 1 || at[1] > 12 || at[2] < 1 || at[2] > 31 || at[3] > 23 ||
        at[4] > 59 || at[5] > 60) {
        return false;
    }
    *ret_s = ((days_of(at[0], at[1], at[2]) * 24 + at[3]) * 60 + at[4]) * 60 + at[5];
    return true;
}

/* --------------------------------------------------------------------------- lists */

static json_t *load(const char *json, size_t json_size) {
    json_error_t ignored;
    json_t *root = json_loadb(json, json_size, JSON_REJECT_DUPLICATES, &ignored);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

enum err kubernetes_list_parse(const char *json, size_t json_size,
                               char ret_next[KUBERNETES_CONTINUE_SIZE], kubernetes_take *take,
                               void *into) {
    json_t *root = load(json, json_size);
    const json_t *items = json_object_get(root, "items");
    const char *next =
        json_string_value(json_object_get(json_object_get(root, "metadata"), "continue"));
    enum err err = json_is_array(items) ? ERR_OK : ERR_FORMAT;
    for (size_t i = 0; err == ERR_OK && i < json_array_size(items); i++) {
        err = take((const struct json_t *)json_array_get(items, i), into);
    }
    if (err == ERR_OK && !text_copy(ret_next, KUBERNETES_CONTINUE_SIZE, next != NULL ? next : "")) {
        err = ERR_FORMAT;
    }
    json_decref(root);
    return err;
}

enum err kubernetes_one_parse(const char *json, size_t json_size, kubernetes_take *take,
                              void *into) {
    json_t *root = load(json, json_size);
    enum err err = root != NULL ? take((const struct json_t *)root, into) : ERR_FORMAT;
    json_decref(root);
    return err;
}

void kubernetes_readyz_failed(const char *body, char *ret_names, size_t names_size) {
    ret_names[0] = '\0';
    for (const char *at = strstr(body, "[-]"); at != NULL; at = strstr(at + 3, "[-]")) {
        char name[32];
        size_t n = strcspn(at + 3, " \n");
        if (n >= sizeof name) {
            continue;
        }
        memcpy(name, at + 3, n);
        name[n] = '\0';
        if (ret_names[0] != '\0' && !text_append(ret_names, names_size, " ")) {
            return;
        }
        if (!text_append(ret_names, names_size, name)) {
            return;
        }
    }
}

/* ------------------------------------------------------------------------- objects */

static const json_t *path_get(const json_t *object, const char *first, const char *second) {
    return json_object_get(json_object_get(object, first), second);
}

static const char *name_of(const json_t *object) {
    const char *name = json_string_value(path_get(object, "metadata", "name"));
    return name != NULL ? name : "";
}

static bool node_is_ready(const json_t *node) {
    const json_t *conditions = path_get(node, "status", "conditions");
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        const json_t *condition = json_array_get(conditions, i);
        const char *type = json_string_value(json_object_get(condition, "type"));
        const char *status = json_string_value(json_object_get(condition, "status"));
        if (type != NULL && status != NULL && text_equal(type, "Ready")) {
            return text_equal(status, "True");
        }
    }
    return false;
}

enum err node_take(const struct json_t *object, void *into) {
    struct node_sums *sums = into;
    int64_t milli = 0;
    if (name_of(object)[0] == '\0') {
        return ERR_FORMAT;
    }
    sums->nodes_n++;
    if (!node_is_ready(object) || json_is_true(path_get(object, "spec", "unschedulable"))) {
        return ERR_OK;
    }
    sums->ready_n++;
    const char *text = json_string_value(
        json_object_get(path_get(object, "status", "allocatable"), sums->resource));
    if (text != NULL && quantity_parse(text, &milli) &&
        sums->allocatable_milli <= INT64_MAX - milli) {
        sums->allocatable_milli += milli;
    }
    return ERR_OK;
}

static void image_add(struct workload_sums *sums, const char *image) {
    for (unsigned i = 0; i < sums->images_n; i++) {
        if (text_equal(sums->images[i], image)) {
            return;
        }
    }
    if (sums->images_n == KUBERNETES_IMAGES_MAX ||
        !text_copy(sums->images[sums->images_n], KUBERNETES_IMAGE_SIZE, image)) {
        sums->images_lost = true;
        return;
    }
    sums->images_n++;
}

static void images_take(struct workload_sums *sums, const json_t *workload) {
    static const char *const lists[] = {"initContainers", "containers"};
    const json_t *spec = json_object_get(path_get(workload, "spec", "template"), "spec");
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        const json_t *containers = json_object_get(spec, lists[l]);
        for (size_t i = 0; i < json_array_size(containers); i++) {
            const char *image =
                json_string_value(json_object_get(json_array_get(containers, i), "image"));
            if (image != NULL) {
                image_add(sums, image);
            }
        }
    }
}

/* A daemon set wants as many as there are nodes for it; the others say it in their spec. */
static int64_t count_of(const json_t *number) {
    json_int_t value = json_integer_value(number);
    return value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : value;
}

enum err workload_take(const struct json_t *object, void *into) {
    struct workload_sums *sums = into;
    const json_t *wanted = path_get(object, "spec", "replicas");
    const json_t *ready = path_get(object, "status", "readyReplicas");
    if (name_of(object)[0] == '\0') {
        return ERR_FORMAT;
    }
    if (!json_is_integer(wanted)) {
        wanted = path_get(object, "status", "desiredNumberScheduled");
        ready = path_get(object, "status", "numberReady");
    }
    sums->workloads_n++;
    sums->wanted_n += count_of(wanted);
    sums->ready_n += count_of(ready);
    if (count_of(ready) < count_of(wanted)) {
        if (sums->short_n == 0) {
            (void)text_format(sums->first_short, sizeof sums->first_short, "%.63s",
                              name_of(object));
        }
        sums->short_n++;
    }
    images_take(sums, object);
    return ERR_OK;
}

enum err level_take(const struct json_t *object, void *into) {
    struct level_sums *sums = into;
    const json_t *wanted = path_get(object, "spec", "replicas");
    if (!json_is_integer(wanted)) {
        return ERR_FORMAT; /* a server fills it in */
    }
    sums->replicas_n += count_of(wanted);
    return levels_add(sums->levels, sums->kind, name_of(object), (uint32_t)count_of(wanted));
}

static void newest_take(struct velero_sums *sums, const json_t *object, uint64_t ended_s) {
    const char *location = json_string_value(path_get(object, "spec", "storageLocation"));
    if (ended_s <= sums->newest_s) {
        return;
    }
    sums->newest_s = ended_s;
    (void)text_format(sums->newest, sizeof sums->newest, "%.253s", name_of(object));
    (void)text_format(sums->location, sizeof sums->location, "%.253s",
                      location != NULL ? location : "");
}

enum err velero_take(const struct json_t *object, void *into) {
    struct velero_sums *sums = into;
    const char *schedule = json_string_value(
        json_object_get(path_get(object, "metadata", "labels"), "velero.io/schedule-name"));
    const char *phase = json_string_value(path_get(object, "status", "phase"));
    const char *started = json_string_value(path_get(object, "metadata", "creationTimestamp"));
    const char *ended = json_string_value(path_get(object, "status", "completionTimestamp"));
    uint64_t started_s = 0, ended_s = 0;
    if (name_of(object)[0] == '\0' || started == NULL || !rfc3339_parse(started, &started_s)) {
        return ERR_FORMAT;
    }
    if (sums->schedule != NULL && (schedule == NULL || !text_equal(schedule, sums->schedule))) {
        return ERR_OK;
    }
    sums->backups_n++;
    bool completed = phase != NULL && text_equal(phase, "Completed") && ended != NULL &&
                     rfc3339_parse(ended, &ended_s);
    if (completed) {
        sums->completed_n++;
        newest_take(sums, object, ended_s);
    }
    if (started_s >= sums->last_s) {
        sums->last_s = started_s;
        (void)text_format(sums->last_phase, sizeof sums->last_phase, "%.23s",
                          phase != NULL ? phase : "New");
        sums->newest_failed = phase != NULL && !completed && !text_equal(phase, "New") &&
                              !text_equal(phase, "InProgress");
    }
    return ERR_OK;
}

/* -------------------------------------------------------------------------- images */

bool image_manifest_path(const char *image, char *ret_path, size_t path_size) {
    const char *slash = strchr(image, '/');
    const char *name = image;
    /* The first part is a registry's host when it looks like one. */
    if (slash != NULL) {
        size_t n = (size_t)(slash - image);
        bool is_host = memchr(image, '.', n) != NULL || memchr(image, ':', n) != NULL ||
                       (n == 9 && memcmp(image, "localhost", 9) == 0);
        name = is_host ? slash + 1 : image;
    }
    const char *digest = strchr(name, '@');
    const char *tag = digest == NULL ? strrchr(name, ':') : digest;
    size_t name_n = strcspn(name, ":@");
    if (name_n == 0 || strpbrk(name, "?#% ") != NULL ||
        !text_format(ret_path, path_size, "/v2/%.*s/manifests/%s", (int)name_n, name,
                     tag != NULL ? tag + 1 : "latest")) {
        return false;
    }
    return tag == NULL || tag[1] != '\0';
}
