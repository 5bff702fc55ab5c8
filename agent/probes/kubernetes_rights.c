/* kubernetes, what=rights: may this token do what a failover will ask of it? The API server
 * judges each right by a SelfSubjectAccessReview, which it answers and does not keep; with
 * `workload` it is also asked for a change of its scale that changes nothing, as a dry run: past
 * authorization, through admission, short of storage. */
#include <string.h>

#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"

#define RIGHTS_MAX 16

static bool send(struct kubernetes_run *run, const char *method, const char *path,
                 const char *content_type, const char *body) {
    const char *const headers[] = {content_type};
    struct service_request request = {.method = method,
                                      .path = path,
                                      .headers = headers,
                                      .headers_n = 1,
                                      .body = body,
                                      .body_size = strlen(body)};
    return kubernetes_send(run, &request);
}

/* False: the reading says why there is no answer. */
static bool right_ask(struct kubernetes_run *run, const struct kubernetes_right *right,
                      bool *ret_allowed) {
    char body[1024];
    if (!text_format(body, sizeof body,
                     "{\"apiVersion\":\"authorization.k8s.io/v1\","
                     "\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{"
                     "\"namespace\":\"%s\",\"verb\":\"%s\",\"group\":\"%s\","
                     "\"resource\":\"%s\",\"subresource\":\"%s\"}}}",
                     parameter_text(run->input->arguments, "namespace", ""), right->verb,
                     right->group, right->resource, right->subresource)) {
        run->reading = reading_failed(ERR_CONFIG, "a right is too long");
        return false;
    }
    if (!send(run, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
              "Content-Type: application/json", body)) {
        return false;
    }
    if ((run->status != 200 && run->status != 201) ||
        !kubernetes_allowed_parse(run->body, run->body_n, ret_allowed)) {
        run->reading = reading_failed(ERR_FORMAT, "no review of access: status %ld", run->status);
        return false;
    }
    return true;
}

static bool scale_try(struct kubernetes_run *run) {
    const struct arguments *arguments = run->input->arguments;
    const char *workload = arguments_get(arguments, "workload");
    const char *plural = NULL, *name = NULL;
    char path[WEB_URL_SIZE];
    if (workload == NULL) {
        return true;
    }
    if (!kubernetes_workload_split(workload, &plural, &name) ||
        !text_format(path, sizeof path, "/apis/apps/v1/namespaces/%s/%s/%s/scale?dryRun=All",
                     parameter_text(arguments, "namespace", ""), plural, name)) {
        run->reading = reading_failed(ERR_CONFIG, "argument workload is not one");
        return false;
    }
    if (!send(run, "PATCH", path, "Content-Type: application/merge-patch+json", "{\"spec\":{}}")) {
        return false;
    }
    if (run->status != 200) {
        run->reading = reading_judged(false, "scale of %.48s, as a dry run: status %ld", workload,
                                      run->status);
        return false;
    }
    return true;
}

void kubernetes_rights(struct kubernetes_run *run) {
    const char *text = parameter_text(run->input->arguments, "rights", "");
    struct kubernetes_right right;
    unsigned rights_n = 0;
    while (*text != '\0' && rights_n < RIGHTS_MAX && kubernetes_right_parse(&text, &right)) {
        bool allowed = false;
        if (!right_ask(run, &right, &allowed)) {
            return;
        }
        if (!allowed) {
            run->reading =
                reading_judged(false, "no right to %.16s %.40s%s%.20s", right.verb, right.resource,
                               right.subresource[0] != '\0' ? "/" : "", right.subresource);
            return;
        }
        rights_n++;
    }
    if (*text != '\0') {
        run->reading = reading_failed(ERR_CONFIG, "more than %d rights", RIGHTS_MAX);
        return;
    }
    if (scale_try(run)) {
        run->reading = reading_judged(
            true, "all %u rights%s", rights_n,
            arguments_get(run->input->arguments, "workload") != NULL ? ", scale as a dry run" : "");
        run->reading.value = rights_n;
    }
}
