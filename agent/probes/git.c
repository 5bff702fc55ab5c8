/* git: a repository over smart HTTP has the ref, at the mirror's commit, and at the one that is
 * deployed. How old its commit is, it tells when that is asked for: one commit is fetched, without
 * its files. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/git_commit.h"
#include "agent/probes/kinds.h"
#include "agent/probes/parse_git.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"
#include "common/io/clock.h"
#include "common/io/file.h"

#define BODY_SIZE ((size_t)1 << 20) /* some ten thousand refs */
#define REFS_PATH "/info/refs?service=git-upload-pack"
#define PACK_PATH "/git-upload-pack"
#define AGE_UNKNOWN UINT64_MAX

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "ref", .type = PARAMETER_TEXT},
    {.name = "mirror_url", .type = PARAMETER_URL},
    {.name = "deployed", .type = PARAMETER_TEXT},
    {.name = "deployed_file", .type = PARAMETER_PATH},
    {.name = "max_age", .type = PARAMETER_NUMBER, .min = 1, .max = 10ULL * 366 * 86400},
    {.name = "max_undeployed", .type = PARAMETER_NUMBER, .min = 1, .max = 366ULL * 86400},
    {.name = "backup", .type = PARAMETER_NAME},
};

struct git_run {
    const struct probe_input *input;
    char *body;
    struct git_view here, mirror;
    bool has_mirror, has_deployed;
    char deployed[GIT_COMMIT_SIZE];
    uint64_t age_s; /* of the commit here, or AGE_UNKNOWN: not asked for */
};

enum err git_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    const char *deployed = arguments_get(arguments, "deployed");
    const char *file = arguments_get(arguments, "deployed_file");
    if (err == ERR_OK && deployed != NULL && !git_commit_fits(deployed, strlen(deployed))) {
        text_say(reterr, "argument deployed: expected a commit of 40 or 64 digits 0-9 a-f");
        err = ERR_CONFIG;
    }
    if (err == ERR_OK && deployed != NULL && file != NULL) {
        text_say(reterr, "arguments deployed and deployed_file: expected one of them");
        err = ERR_CONFIG;
    }
    if (err == ERR_OK && deployed == NULL && file == NULL &&
        arguments_get(arguments, "max_undeployed") != NULL) {
        text_say(reterr, "argument max_undeployed: expected deployed or deployed_file with it");
        err = ERR_CONFIG;
    }
    return err;
}

static void url_join(char whole[WEB_URL_SIZE], const char *url, const char *path) {
    size_t n = strlen(url);
    (void)text_format(whole, WEB_URL_SIZE, "%.*s%s", (int)(n > 0 && url[n - 1] == '/' ? n - 1 : n),
                      url, path);
}

/* False: ret_reading says why. */
static bool refs_ask(const struct git_run *run, const char *url, uint64_t deadline_boot_ms,
                     struct git_view *ret_view, struct reading *ret_reading) {
    char whole[WEB_URL_SIZE];
    struct http_sync_answer answer;
    const struct probe_input *input = run->input;
    url_join(whole, url, REFS_PATH);
    struct service_request request = {.whole_url = whole, .deadline_boot_ms = deadline_boot_ms};
    if (!web_ask(input, &request, run->body, BODY_SIZE, &answer, ret_reading)) {
        return false;
    }
    if (answer.status != 200) {
        *ret_reading = reading_judged(false, "no repository: status %ld", answer.status);
        return false;
    }
    if (git_refs_parse(run->body, answer.answer_n, parameter_text(input->arguments, "ref", "HEAD"),
                       ret_view) != ERR_OK) {
        *ret_reading = reading_failed(ERR_FORMAT, "not a Git server's list of refs");
        return false;
    }
    return true;
}

/* False: ret_reading says why. A commit of the future has the age 0. */
static bool age_ask(struct git_run *run, struct reading *ret_reading) {
    static const char *const headers[] = {"Content-Type: application/x-git-upload-pack-request"};
    char whole[WEB_URL_SIZE], ask[GIT_ASK_SIZE];
    struct http_sync_answer answer;
    uint64_t made_s = 0, now_s = clock_wall_ms() / 1000;
    if (!run->here.gives_one || !git_commit_ask(run->here.commit, ask, sizeof ask)) {
        *ret_reading = reading_failed(ERR_UNSUPPORTED, "no age: the server gives no single commit "
                                                       "(uploadpack.allowFilter)");
        return false;
    }
    url_join(whole, parameter_text(run->input->arguments, "url", ""), PACK_PATH);
    struct service_request request = {.method = "POST",
                                      .whole_url = whole,
                                      .headers = headers,
                                      .headers_n = 1,
                                      .body = ask,
                                      .body_size = strlen(ask)};
    if (!web_ask(run->input, &request, run->body, GIT_PACK_SIZE, &answer, ret_reading)) {
        return false;
    }
    if (answer.status != 200 || git_commit_parse(run->body, answer.answer_n, &made_s) != ERR_OK) {
        *ret_reading =
            reading_failed(ERR_FORMAT, "no age: what came is no commit, status %ld", answer.status);
        return false;
    }
    run->age_s = now_s > made_s ? now_s - made_s : 0;
    return true;
}

/* deployed_file holds the commit as `git rev-parse HEAD` prints it. */
static bool deployed_get(struct git_run *run, struct reading *ret_reading) {
    const char *given = arguments_get(run->input->arguments, "deployed");
    const char *path = arguments_get(run->input->arguments, "deployed_file");
    char text[GIT_COMMIT_SIZE + 8] = "";
    struct text256 why = {""};
    size_t n = 0;
    run->has_deployed = given != NULL || path != NULL;
    if (path != NULL) {
        enum err err = file_read(path, text, sizeof text, &n, &why);
        text[strcspn(text, " \r\n")] = '\0';
        if (err == ERR_OK && !git_commit_fits(text, strlen(text))) {
            err = ERR_FORMAT;
        }
        if (err != ERR_OK) {
            *ret_reading = reading_failed(err, "no commit in %.40s: %s", path, err_text(err));
            return false;
        }
        given = text;
    }
    (void)text_copy(run->deployed, sizeof run->deployed, given != NULL ? given : "");
    return true;
}

static struct reading judge(const struct git_run *run) {
    const struct arguments *arguments = run->input->arguments;
    const struct git_view *here = &run->here;
    const char *ref = parameter_text(arguments, "ref", "HEAD");
    uint64_t max_age_s = parameter_number(arguments, "max_age", AGE_UNKNOWN);
    char age[32] = "";
    if (run->age_s != AGE_UNKNOWN) {
        bool hours = run->age_s >= 7200;
        (void)text_format(age, sizeof age, ", %llu %s old",
                          (unsigned long long)(hours ? run->age_s / 3600 : run->age_s),
                          hours ? "h" : "s");
    }
    if (run->has_mirror && !text_equal(here->commit, run->mirror.commit)) {
        return reading_judged(false, "%.24s is %.10s, the mirror's %.10s", ref, here->commit,
                              run->mirror.commit[0] != '\0' ? run->mirror.commit : "is not there");
    }
    struct reading reading = reading_judged(true, "%.24s is %.10s%s%s", ref, here->commit, age,
                                            run->has_mirror ? ", as the mirror's" : "");
    bool warn = run->age_s != AGE_UNKNOWN && run->age_s > max_age_s;
    if (run->has_deployed && !text_equal(here->commit, run->deployed)) {
        reading = reading_judged(true, "%.24s is %.10s%s, deployed is %.10s", ref, here->commit,
                                 age, run->deployed);
        /* At least so long something has been waiting to be deployed. */
        warn = warn || run->age_s == AGE_UNKNOWN ||
               run->age_s > parameter_number(arguments, "max_undeployed", 0);
    }
    if (warn) {
        reading_warn(&reading);
    }
    return reading;
}

static struct reading run_judged(struct git_run *run) {
    const struct arguments *arguments = run->input->arguments;
    const char *mirror_url = arguments_get(arguments, "mirror_url");
    bool asks_age = arguments_get(arguments, "max_age") != NULL ||
                    arguments_get(arguments, "max_undeployed") != NULL;
    uint64_t deadline_ms = run->input->deadline_boot_ms;
    struct reading reading;
    run->has_mirror = mirror_url != NULL;
    uint64_t first_ms = probe_deadline_share_ms(deadline_ms, 1U + run->has_mirror + asks_age);
    if (!deployed_get(run, &reading) ||
        !refs_ask(run, parameter_text(arguments, "url", ""), first_ms, &run->here, &reading)) {
        reading.value = -1;
        return reading;
    }
    if (mirror_url != NULL &&
        !refs_ask(run, mirror_url, probe_deadline_share_ms(deadline_ms, 1U + asks_age),
                  &run->mirror, &reading)) {
        char why[sizeof reading.detail];
        (void)text_copy(why, sizeof why, reading.detail);
        reading = reading.err == ERR_OK ? reading_judged(false, "the mirror: %s", why)
                                        : reading_failed(reading.err, "the mirror: %s", why);
        reading.value = -1;
        return reading;
    }
    if (run->here.commit[0] == '\0') {
        reading = reading_judged(false, "no %.40s among %u refs",
                                 parameter_text(arguments, "ref", "HEAD"), run->here.refs_n);
    } else if (!asks_age || age_ask(run, &reading)) {
        reading = judge(run);
    } else {
        reading.value = -1;
        return reading;
    }
    reading.value = run->here.refs_n;
    return reading;
}

struct reading git_run(const struct probe_input *input) {
    uint64_t start_ms = clock_boot_ms();
    struct git_run run = {.input = input, .age_s = AGE_UNKNOWN, .body = malloc(BODY_SIZE)};
    if (run.body == NULL) {
        return reading_failed(ERR_NO_MEMORY, "out of memory");
    }
    struct reading reading = run_judged(&run);
    free(run.body);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
