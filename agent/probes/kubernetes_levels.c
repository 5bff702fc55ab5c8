/* kubernetes, what=levels: how many replicas the workloads of a namespace have, kept under the name
 * `record` in the agent's state directory: as many shall run here, should that region be lost. Kept
 * only while this agent's own region is not the active one: then the other one's are what
 * production needs. A look that fails leaves what was kept before. */
#include <stdlib.h>

#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

static bool levels_ask(struct kubernetes_run *run, struct level_sums *sums) {
    static const char *const kinds[] = {"deployment", "statefulset"};
    const struct arguments *arguments = run->input->arguments;
    char path[WEB_URL_SIZE];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        sums->kind = kinds[i];
        if (!text_format(path, sizeof path, "/apis/apps/v1/namespaces/%s/%ss",
                         arguments_get(arguments, "namespace"), kinds[i])) {
            run->reading = reading_failed(ERR_CONFIG, "the namespace is too long");
            return false;
        }
        if (!kubernetes_list(run, path, arguments_get(arguments, "selector"), level_take, sums)) {
            return false;
        }
    }
    return true;
}

void kubernetes_levels(struct kubernetes_run *run) {
    const char *record = arguments_get(run->input->arguments, "record");
    const char *directory = run->input->state_directory;
    struct text256 why = {""};
    struct level_sums sums = {.levels = calloc(1, sizeof(struct levels))};
    if (sums.levels == NULL) {
        run->reading = reading_failed(ERR_NO_MEMORY, "no memory for the levels");
        return;
    }
    if (levels_ask(run, &sums)) {
        bool keeps = !run->input->active && directory != NULL;
        sums.levels->wall_s = clock_wall_ms() / 1000;
        enum err err = ERR_OK;
        if (sums.levels->n == 0) {
            run->reading = reading_judged(false, "no workload in that namespace: nothing is kept");
        } else if (keeps) {
            err = levels_write(directory, record, sums.levels, &why);
        }
        if (err != ERR_OK) {
            run->reading = reading_failed(err, "%s", why.at);
        } else if (sums.levels->n > 0) {
            run->reading =
                reading_judged(true, "%lld replicas of %u workloads%s", (long long)sums.replicas_n,
                               (unsigned)sums.levels->n, keeps ? ", kept" : ", not kept: active");
            run->reading.value = sums.replicas_n;
        }
    }
    free(sums.levels);
}
