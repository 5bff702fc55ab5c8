/* kubernetes, what=velero: the newest completed backup's age; with `location`, that its storage
 * is available; with `restored_within`, that a restore of such a backup was completed not longer
 * ago. A backup that nobody ever restored is a hope. With `s3_url`, its objects are looked at. */
#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

static bool collection_path(const struct kubernetes_run *run, const char *plural, char *ret_path,
                            size_t path_size) {
    return text_format(ret_path, path_size, "/apis/velero.io/v1/namespaces/%s/%s",
                       parameter_text(run->input->arguments, "namespace", "velero"), plural);
}

static void backups_judge(struct kubernetes_run *run, const struct velero_sums *sums) {
    uint64_t now_s = clock_wall_ms() / 1000;
    if (sums->newest_s == 0) {
        run->reading =
            reading_judged(false, "none of %u backups is completed%s%.20s", sums->backups_n,
                           sums->last_phase[0] != '\0' ? ", the last is " : "", sums->last_phase);
        run->reading.value = -1;
        return;
    }
    uint64_t age_s = now_s > sums->newest_s ? now_s - sums->newest_s : 0;
    bool fresh = age_s <= parameter_number(run->input->arguments, "max_age", 0);
    run->reading = reading_judged(fresh, "the newest completed backup is %llu s old, %u in all",
                                  (unsigned long long)age_s, sums->completed_n);
    run->reading.value = (int64_t)age_s;
    if (sums->newest_failed) {
        reading_warn(&run->reading);
    }
}

bool kubernetes_velero_location(struct kubernetes_run *run, const char *name,
                                struct velero_location *ret_location) {
    char path[WEB_URL_SIZE];
    if (!collection_path(run, "backupstoragelocations/", path, sizeof path) ||
        !service_append_encoded(path, sizeof path, name)) {
        run->reading = reading_failed(ERR_CONFIG, "the question is too long");
        return false;
    }
    if (!kubernetes_ask(run, path)) {
        return false;
    }
    if (run->status != 200 || kubernetes_one_parse(run->body, run->body_n, velero_location_take,
                                                   ret_location) != ERR_OK) {
        run->reading = reading_judged(false, "location %.32s: status %ld", name, run->status);
        run->reading.value = -1;
        return false;
    }
    if (!text_equal(ret_location->phase, "Available")) {
        run->reading = reading_judged(false, "location %.32s is %.23s", name,
                                      ret_location->phase[0] != '\0' ? ret_location->phase
                                                                     : "not validated yet");
        run->reading.value = -1;
        return false;
    }
    return true;
}

/* False: the reading is the location's. */
static bool location_fits(struct kubernetes_run *run) {
    const char *name = arguments_get(run->input->arguments, "location");
    struct velero_location location;
    return name == NULL || kubernetes_velero_location(run, name, &location);
}

/* A good reading becomes a warning when no restore has shown it of late. */
static void restores_judge(struct kubernetes_run *run) {
    const struct arguments *arguments = run->input->arguments;
    uint64_t within_s = parameter_number(arguments, "restored_within", 0);
    char path[VALUE_SIZE + 96];
    struct velero_restores restores = {.schedule = arguments_get(arguments, "schedule")};
    if (within_s == 0 || !run->reading.good) {
        return;
    }
    struct reading seen = run->reading;
    (void)collection_path(run, "restores", path, sizeof path);
    if (!kubernetes_list(run, path, NULL, velero_restore_take, &restores)) {
        return;
    }
    uint64_t now_s = clock_wall_ms() / 1000;
    uint64_t ago_s = now_s > restores.newest_s ? now_s - restores.newest_s : 0;
    bool shown = restores.newest_s != 0 && ago_s <= within_s && !restores.newest_failed;
    if (restores.newest_s == 0 || restores.newest_failed) {
        run->reading = reading_judged(true, "newest %lld s old, but %s", (long long)seen.value,
                                      restores.newest_failed ? "the last restore failed"
                                                             : "none was ever restored");
    } else {
        run->reading =
            reading_judged(true, "newest %lld s old, restored %llu s ago (%.30s)",
                           (long long)seen.value, (unsigned long long)ago_s, restores.newest_of);
    }
    run->reading.value = seen.value;
    if (seen.warn || !shown) {
        reading_warn(&run->reading);
    }
}

void kubernetes_velero(struct kubernetes_run *run) {
    char path[VALUE_SIZE + 96];
    struct velero_sums sums = {.schedule = arguments_get(run->input->arguments, "schedule")};
    (void)collection_path(run, "backups", path, sizeof path);
    if (location_fits(run) && kubernetes_list(run, path, NULL, velero_take, &sums)) {
        backups_judge(run, &sums);
        restores_judge(run);
        if (run->reading.good && arguments_get(run->input->arguments, "s3_url") != NULL) {
            kubernetes_velero_objects(run, &sums);
        }
    }
}
