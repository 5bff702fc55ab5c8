/* git: a repository over smart HTTP has the ref, at the mirror's commit, and at the one that is
 * deployed. The protocol tells no times: how old a difference is, is known by how long the check
 * has been unwell. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parse_git.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"
#include "common/io/clock.h"

#define BODY_SIZE ((size_t)1 << 20) /* some ten thousand refs */
#define PATH "/info/refs?service=git-upload-pack"

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "ref", .type = PARAMETER_TEXT},
    {.name = "mirror_url", .type = PARAMETER_URL},
    {.name = "deployed", .type = PARAMETER_TEXT},
    {.name = "backup", .type = PARAMETER_NAME},
};

enum err git_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    const char *deployed = arguments_get(arguments, "deployed");
    if (err == ERR_OK && deployed != NULL) {
        size_t n = strlen(deployed);
        if ((n != 40 && n != 64) || strspn(deployed, "0123456789abcdef") != n) {
            text_say(reterr, "argument deployed: expected a commit of 40 or 64 digits 0-9 a-f");
            return ERR_CONFIG;
        }
    }
    return err;
}

/* False: ret_reading says why. */
static bool refs_ask(const struct probe_input *input, const char *url, char *body,
                     uint64_t deadline_boot_ms, struct git_view *ret_view,
                     struct reading *ret_reading) {
    char whole[WEB_URL_SIZE];
    struct http_sync_answer answer;
    size_t n = strlen(url);
    (void)text_format(whole, sizeof whole, "%.*s" PATH,
                      (int)(n > 0 && url[n - 1] == '/' ? n - 1 : n), url);
    struct service_request request = {.whole_url = whole, .deadline_boot_ms = deadline_boot_ms};
    if (!web_ask(input, &request, body, BODY_SIZE, &answer, ret_reading)) {
        return false;
    }
    if (answer.status != 200) {
        *ret_reading = reading_judged(false, "no repository: status %ld", answer.status);
        return false;
    }
    if (git_refs_parse(body, answer.answer_n, parameter_text(input->arguments, "ref", "HEAD"),
                       ret_view) != ERR_OK) {
        *ret_reading = reading_failed(ERR_FORMAT, "not a Git server's list of refs");
        return false;
    }
    return true;
}

static struct reading judge(const struct arguments *arguments, const struct git_view *here,
                            const struct git_view *mirror) {
    const char *ref = parameter_text(arguments, "ref", "HEAD");
    const char *deployed = arguments_get(arguments, "deployed");
    if (here->commit[0] == '\0') {
        return reading_judged(false, "no %.40s among %u refs", ref, here->refs_n);
    }
    if (mirror != NULL && !text_equal(here->commit, mirror->commit)) {
        return reading_judged(false, "%.24s is %.10s, the mirror's %.10s", ref, here->commit,
                              mirror->commit[0] != '\0' ? mirror->commit : "is not there");
    }
    struct reading reading = reading_judged(true, "%.24s is %.10s%s", ref, here->commit,
                                            mirror != NULL ? ", as the mirror's" : "");
    if (deployed != NULL && !text_equal(here->commit, deployed)) {
        reading =
            reading_judged(true, "%.24s is %.10s, deployed is %.10s", ref, here->commit, deployed);
        reading_warn(&reading);
    }
    return reading;
}

struct reading git_run(const struct probe_input *input) {
    const char *mirror_url = arguments_get(input->arguments, "mirror_url");
    struct git_view here, mirror;
    struct reading reading;
    uint64_t start_ms = clock_boot_ms();
    char *body = malloc(BODY_SIZE);
    if (body == NULL) {
        return reading_failed(ERR_NO_MEMORY, "out of memory");
    }
    uint64_t first_ms =
        probe_deadline_share_ms(input->deadline_boot_ms, mirror_url != NULL ? 2 : 1);
    if (!refs_ask(input, arguments_get(input->arguments, "url"), body, first_ms, &here, &reading)) {
        reading.value = -1;
    } else if (mirror_url != NULL &&
               !refs_ask(input, mirror_url, body, input->deadline_boot_ms, &mirror, &reading)) {
        char why[sizeof reading.detail];
        (void)text_copy(why, sizeof why, reading.detail);
        reading = reading.err == ERR_OK ? reading_judged(false, "the mirror: %s", why)
                                        : reading_failed(reading.err, "the mirror: %s", why);
        reading.value = -1;
    } else {
        reading = judge(input->arguments, &here, mirror_url != NULL ? &mirror : NULL);
        reading.value = here.refs_n;
    }
    free(body);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
