/* kubernetes, what=images: every image of the namespace's workloads can be pulled from a
 * registry. */
#include <stdlib.h>

#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"

/* A registry tells a manifest's kind by Accept; all that are in use are named. */
static const char accept_line[] =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

enum presence { IMAGE_IS_THERE, IMAGE_IS_NOT, IMAGE_NOT_ASKED };

static enum presence image_ask(struct kubernetes_run *run, const char *image) {
    char path[WEB_URL_SIZE], body[512];
    const char *const headers[] = {accept_line};
    const struct arguments *arguments = run->input->arguments;
    struct http_sync_answer answer;
    struct text256 why = {""};
    char url[WEB_URL_SIZE];
    if (!image_manifest_path(image, path, sizeof path) ||
        !text_format(url, sizeof url, "%s%s", arguments_get(arguments, "registry"), path)) {
        run->reading = reading_judged(false, "not an image: %.60s", image);
        return IMAGE_NOT_ASKED;
    }
    struct http_sync_request request = {
        .method = "HEAD",
        .url = url,
        .headers = headers,
        .headers_n = 1,
        .ca_file = arguments_get(arguments, "registry_ca"),
        .may_truncate = true,
        .deadline_boot_ms = run->input->deadline_boot_ms,
        .answer = body,
        .answer_size = sizeof body,
    };
    enum err err = http_sync(&request, &answer, &why);
    if (err != ERR_OK) {
        run->reading = reading_failed(err, "the registry: %s", why.at);
        return IMAGE_NOT_ASKED;
    }
    run->took_ms += answer.took_ms;
    if (answer.status == 401 || answer.status == 403) {
        run->reading = reading_failed(ERR_AUTH, "the registry: status %ld", answer.status);
        return IMAGE_NOT_ASKED;
    }
    if (answer.status != 200 && answer.status != 404) {
        run->reading = reading_judged(false, "the registry: status %ld", answer.status);
        return IMAGE_NOT_ASKED;
    }
    return answer.status == 200 ? IMAGE_IS_THERE : IMAGE_IS_NOT;
}

void kubernetes_images(struct kubernetes_run *run) {
    struct workload_sums *sums = calloc(1, sizeof *sums);
    if (sums == NULL) {
        run->reading = reading_failed(ERR_NO_MEMORY, "no memory for the images");
        return;
    }
    unsigned missing_n = 0;
    const char *first = "";
    bool asked = kubernetes_workloads(run, sums);
    for (unsigned i = 0; asked && i < sums->images_n; i++) {
        enum presence presence = image_ask(run, sums->images[i]);
        asked = presence != IMAGE_NOT_ASKED;
        if (presence == IMAGE_IS_NOT) {
            first = missing_n == 0 ? sums->images[i] : first;
            missing_n++;
        }
    }
    if (asked && sums->images_n == 0) {
        run->reading = reading_judged(false, "the workloads name no image");
    } else if (asked && missing_n > 0) {
        run->reading = reading_judged(false, "%u of %u images are not there: %.48s", missing_n,
                                      sums->images_n, first);
        run->reading.value = missing_n;
    } else if (asked) {
        run->reading = reading_judged(true, "%u images are there%s", sums->images_n,
                                      sums->images_lost ? ", more were not asked for" : "");
        if (sums->images_lost) {
            reading_warn(&run->reading);
        }
    }
    free(sums);
}
