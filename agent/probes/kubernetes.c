/* kubernetes: one question to a cluster's API server, by `what`:
 *   readyz       the API server and its storage are ready
 *   nodes        ready, schedulable nodes of a label
 *   allocatable  what these can still promise of a resource, in all
 *   workloads    ready replicas of one workload, or of all of a namespace
 *   images       every image those run is in a registry, asked there
 *   velero       age of the newest completed Velero backup, its storage, its last restore, and its
 *                objects in the buckets of both regions
 *   rights       whether the token may do what a failover will ask it to
 *   levels       how many replicas each workload of a namespace has, kept for a failover
 * Lists are read page by page, so that a big cluster needs no big buffer. Nothing is ever
 * written to it: what is asked as a change is asked as a dry run. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"
#include "agent/probes/s3_client.h"
#include "common/io/clock.h"

#define PAGE_TEXT "50"
#define PAGES_MAX 40

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "what",
     .type = PARAMETER_CHOICE,
     .needed = true,
     .choices = "|readyz|nodes|allocatable|workloads|images|velero|rights|levels|"},
    {.name = "selector", .type = PARAMETER_TEXT},
    {.name = "resource", .type = PARAMETER_TEXT},
    {.name = "min", .type = PARAMETER_TEXT},
    {.name = "warn_min", .type = PARAMETER_TEXT},
    {.name = "namespace", .type = PARAMETER_TEXT},
    {.name = "workload", .type = PARAMETER_TEXT},
    {.name = "registry", .type = PARAMETER_URL},
    {.name = "registry_ca", .type = PARAMETER_PATH},
    {.name = "schedule", .type = PARAMETER_TEXT},
    {.name = "max_age", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "location", .type = PARAMETER_NAME},
    {.name = "restored_within", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "s3_url", .type = PARAMETER_URL},
    {.name = "s3_user", .type = PARAMETER_TEXT},
    {.name = "s3_password_ref", .type = PARAMETER_NAME},
    {.name = "s3_ca", .type = PARAMETER_PATH},
    {.name = "s3_region", .type = PARAMETER_NAME},
    S3_PEER_PARAMETERS,
    {.name = "grace", .type = PARAMETER_NUMBER, .min = 0, .max = UINT32_MAX},
    {.name = "rights", .type = PARAMETER_TEXT},
    {.name = "record", .type = PARAMETER_NAME},
};

bool kubernetes_workload_split(const char *workload, const char **ret_plural,
                               const char **ret_name) {
    static const char *const kinds[][2] = {{"deployment/", "deployments"},
                                           {"statefulset/", "statefulsets"},
                                           {"daemonset/", "daemonsets"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (text_starts(workload, kinds[i][0])) {
            *ret_plural = kinds[i][1];
            *ret_name = workload + strlen(kinds[i][0]);
            return **ret_name != '\0' && strpbrk(*ret_name, "/?%#") == NULL;
        }
    }
    return false;
}

static enum err needs(const struct arguments *arguments, const char *what, const char *other,
                      struct text256 *reterr) {
    if (!text_equal(parameter_text(arguments, "what", ""), what) ||
        arguments_get(arguments, other) != NULL) {
        return ERR_OK;
    }
    text_say(reterr, "argument %s is missing: what=%s needs it", other, what);
    return ERR_CONFIG;
}

/* The buckets of Velero's backups: those of s3_... are needed together, and before the peer's. */
static enum err velero_accepts(const struct arguments *arguments, struct text256 *reterr) {
    static const char *const own[] = {"s3_url", "s3_user", "s3_password_ref"};
    unsigned given_n = 0;
    for (size_t i = 0; i < 3; i++) {
        given_n += arguments_get(arguments, own[i]) != NULL ? 1 : 0;
    }
    bool peer = arguments_get(arguments, "peer_url") != NULL;
    if ((given_n != 0 || peer) && given_n != 3) {
        text_say(reterr, "expected s3_url, s3_user and s3_password_ref together%s",
                 peer ? ": peer_url is for a second bucket" : "");
        return ERR_CONFIG;
    }
    return peer ? s3_arguments_accept(arguments, true, reterr) : ERR_OK;
}

enum err kubernetes_accepts(const struct arguments *arguments, struct text256 *reterr) {
    static const char *const needed[][2] = {{"allocatable", "resource"}, {"workloads", "namespace"},
                                            {"images", "namespace"},     {"images", "registry"},
                                            {"levels", "namespace"},     {"levels", "record"},
                                            {"velero", "max_age"},       {"rights", "rights"}};
    const char *plural = NULL, *name = NULL;
    int64_t ignored = 0;
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    for (size_t i = 0; err == ERR_OK && i < sizeof needed / sizeof needed[0]; i++) {
        err = needs(arguments, needed[i][0], needed[i][1], reterr);
    }
    err = err == ERR_OK ? velero_accepts(arguments, reterr) : err;
    const char *workload = arguments_get(arguments, "workload");
    if (err == ERR_OK && workload != NULL && !kubernetes_workload_split(workload, &plural, &name)) {
        text_say(reterr, "argument workload: expected deployment/NAME, statefulset/NAME or "
                         "daemonset/NAME");
        err = ERR_CONFIG;
    }
    const char *space = arguments_get(arguments, "namespace");
    if (err == ERR_OK && space != NULL && !text_is_name(space, NAME_SIZE)) {
        text_say(reterr, "argument namespace: expected a name of a-z 0-9 -");
        err = ERR_CONFIG;
    }
    const char *rights = arguments_get(arguments, "rights");
    struct kubernetes_right right;
    while (err == ERR_OK && rights != NULL && *rights != '\0') {
        if (!kubernetes_right_parse(&rights, &right)) {
            text_say(reterr, "argument rights: expected VERB RESOURCE[.GROUP][/SUBRESOURCE], ...");
            err = ERR_CONFIG;
        }
    }
    static const char *const limits[] = {"min", "warn_min"};
    for (size_t i = 0; err == ERR_OK && i < 2; i++) {
        const char *limit = arguments_get(arguments, limits[i]);
        if (limit != NULL && !quantity_parse(limit, &ignored)) {
            text_say(reterr, "argument %s: expected a quantity, for example 10, 500m or 64Gi",
                     limits[i]);
            err = ERR_CONFIG;
        }
    }
    return err;
}

/* --------------------------------------------------------------------------- asking */

bool kubernetes_send(struct kubernetes_run *run, struct service_request *request) {
    struct http_sync_answer answer;
    if (!web_ask(run->input, request, run->body, KUBERNETES_BODY_SIZE, &answer, &run->reading)) {
        return false;
    }
    run->took_ms += answer.took_ms;
    run->body_n = answer.answer_n;
    run->status = answer.status;
    return true;
}

bool kubernetes_ask(struct kubernetes_run *run, const char *path) {
    struct service_request request = {.path = path};
    return kubernetes_send(run, &request);
}

bool kubernetes_list(struct kubernetes_run *run, const char *collection, const char *selector,
                     kubernetes_take *take, void *into) {
    char path[WEB_URL_SIZE], next[KUBERNETES_CONTINUE_SIZE] = "";
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        bool fits = text_format(path, sizeof path, "%s?limit=" PAGE_TEXT, collection);
        if (selector != NULL) {
            fits = fits && text_append(path, sizeof path, "&labelSelector=") &&
                   service_append_encoded(path, sizeof path, selector);
        }
        if (next[0] != '\0') {
            fits = fits && text_append(path, sizeof path, "&continue=") &&
                   service_append_encoded(path, sizeof path, next);
        }
        if (!fits) {
            run->reading = reading_failed(ERR_CONFIG, "the question is too long");
            return false;
        }
        if (!kubernetes_ask(run, path)) {
            return false;
        }
        if (run->status != 200) {
            run->reading = reading_judged(false, "status %ld for %.60s", run->status, collection);
            return false;
        }
        if (kubernetes_list_parse(run->body, run->body_n, next, take, into) != ERR_OK) {
            run->reading = reading_failed(ERR_FORMAT, "not a list of Kubernetes");
            return false;
        }
        if (next[0] == '\0') {
            return true;
        }
    }
    run->reading =
        reading_failed(ERR_TOO_BIG, "more than %d pages of %.60s", PAGES_MAX, collection);
    return false;
}

/* ------------------------------------------------------------------------- judging */

static bool at_least(const struct arguments *arguments, const char *name, int64_t milli) {
    int64_t limit = 0;
    const char *text = arguments_get(arguments, name);
    return text == NULL || (quantity_parse(text, &limit) && milli >= limit);
}

static struct reading limits_judge(const struct arguments *arguments, int64_t milli,
                                   const char *said) {
    bool good = at_least(arguments, "min", milli);
    const char *least = parameter_text(arguments, "min", "");
    struct reading reading = reading_judged(good, "%.60s%s%.16s", said,
                                            good ? "" : ", expected at least ", good ? "" : least);
    if (!at_least(arguments, "warn_min", milli)) {
        reading_warn(&reading);
    }
    return reading;
}

static void readyz_run(struct kubernetes_run *run) {
    if (!kubernetes_ask(run, "/readyz")) {
        return;
    }
    char failed[48] = "";
    if (run->status != 200) {
        kubernetes_readyz_failed(run->body, failed, sizeof failed);
    }
    bool is_ready = run->status == 200 && text_equal(run->body, "ok");
    run->reading = is_ready
                       ? reading_judged(true, "ready")
                       : reading_judged(false, "not ready: status %ld %s", run->status, failed);
    run->reading.value = run->status;
}

static void nodes_run(struct kubernetes_run *run) {
    const struct arguments *arguments = run->input->arguments;
    bool counts = text_equal(arguments_get(arguments, "what"), "nodes");
    struct node_sums sums = {.resource = parameter_text(arguments, "resource", "cpu")};
    char said[64];
    if (!kubernetes_list(run, "/api/v1/nodes", arguments_get(arguments, "selector"), node_take,
                         &sums)) {
        return;
    }
    if (counts) {
        (void)text_format(said, sizeof said, "%u/%u nodes ready", sums.ready_n, sums.nodes_n);
        run->reading = limits_judge(arguments, (int64_t)sums.ready_n * 1000, said);
        run->reading.value = sums.ready_n;
        if (sums.ready_n < sums.nodes_n) {
            reading_warn(&run->reading);
        }
        return;
    }
    (void)text_format(said, sizeof said, "%lld %.30s allocatable on %u nodes",
                      (long long)(sums.allocatable_milli / 1000), sums.resource, sums.ready_n);
    run->reading = limits_judge(arguments, sums.allocatable_milli, said);
    run->reading.value = sums.allocatable_milli / 1000;
}

/* ready of wanted; a workload that wants none and has none is as it should be. */
static struct reading workloads_judge(const struct arguments *arguments,
                                      const struct workload_sums *sums) {
    char said[64];
    (void)text_format(said, sizeof said, "%lld/%lld replicas of %u workloads ready",
                      (long long)sums->ready_n, (long long)sums->wanted_n, sums->workloads_n);
    struct reading reading = limits_judge(arguments, sums->ready_n * 1000, said);
    if (reading.good && sums->short_n > 0) {
        reading =
            reading_judged(true, "%lld/%lld replicas ready, not all of %.40s",
                           (long long)sums->ready_n, (long long)sums->wanted_n, sums->first_short);
        reading_warn(&reading);
    }
    reading.value = sums->ready_n;
    return reading;
}

bool kubernetes_workloads(struct kubernetes_run *run, struct workload_sums *sums) {
    const struct arguments *arguments = run->input->arguments;
    const char *workload = arguments_get(arguments, "workload");
    const char *selector = arguments_get(arguments, "selector");
    const char *space = arguments_get(arguments, "namespace");
    static const char *const plurals[] = {"deployments", "statefulsets"};
    char path[WEB_URL_SIZE];
    const char *plural = NULL, *name = NULL;
    if (workload == NULL) {
        for (size_t i = 0; i < sizeof plurals / sizeof plurals[0]; i++) {
            if (!text_format(path, sizeof path, "/apis/apps/v1/namespaces/%s/%s", space,
                             plurals[i]) ||
                !kubernetes_list(run, path, selector, workload_take, sums)) {
                return false;
            }
        }
        return true;
    }
    if (!kubernetes_workload_split(workload, &plural, &name) ||
        !text_format(path, sizeof path, "/apis/apps/v1/namespaces/%s/%s/%s", space, plural, name)) {
        run->reading = reading_failed(ERR_CONFIG, "argument workload is not one");
        return false;
    }
    if (!kubernetes_ask(run, path)) {
        return false;
    }
    if (run->status != 200 ||
        kubernetes_one_parse(run->body, run->body_n, workload_take, sums) != ERR_OK) {
        run->reading = reading_judged(false, "%.50s: status %ld", workload, run->status);
        return false;
    }
    return true;
}

static void workloads_run(struct kubernetes_run *run) {
    struct workload_sums sums = {0};
    if (!kubernetes_workloads(run, &sums)) {
        return;
    }
    if (sums.workloads_n == 0) {
        run->reading = reading_judged(false, "no workload of that name or label");
        return;
    }
    run->reading = workloads_judge(run->input->arguments, &sums);
}

struct reading kubernetes_run(const struct probe_input *input) {
    static const struct {
        const char *what;
        void (*run)(struct kubernetes_run *run);
    } table[] = {{"readyz", readyz_run},        {"nodes", nodes_run},
                 {"allocatable", nodes_run},    {"workloads", workloads_run},
                 {"images", kubernetes_images}, {"velero", kubernetes_velero},
                 {"rights", kubernetes_rights}, {"levels", kubernetes_levels}};
    struct kubernetes_run run = {.input = input, .body = malloc(KUBERNETES_BODY_SIZE)};
    if (run.body == NULL) {
        return reading_failed(ERR_NO_MEMORY, "no memory for the answer");
    }
    run.reading = reading_failed(ERR_CONFIG, "argument what is not one");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_equal(parameter_text(input->arguments, "what", ""), table[i].what)) {
            table[i].run(&run);
        }
    }
    free(run.body);
    run.reading.latency_ms = run.took_ms;
    return run.reading;
}
