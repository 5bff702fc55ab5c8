/* s3: what an S3 server says of itself, of a bucket, of its replication, and what really arrives.
 * Health, replication metrics, the servers and their capacity (s3_minio.c) are MinIO's own; the
 * rest is plain S3. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/canary.h"
#include "agent/probes/kinds.h"
#include "agent/probes/reading.h"
#include "agent/probes/s3_client.h"
#include "agent/probes/s3_conflicts.h"
#include "agent/probes/s3_role.h"
#include "common/io/clock.h"

#define BODY_SIZE 16384
#define METRICS_SIZE 65536
#define TARGET_LAG_MS 900000 /* the documents' 15 minutes */

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    S3_PARAMETERS,
    S3_PEER_PARAMETERS,
    {.name = "what",
     .type = PARAMETER_CHOICE,
     .needed = true,
     .choices = "|health|servers|capacity|bucket|role|canary|conflicts|replication|"},
    {.name = "min_size", .type = PARAMETER_TEXT},
    {.name = "min_free_percent", .type = PARAMETER_NUMBER, .min = 0, .max = 100},
    {.name = "warn_free_percent", .type = PARAMETER_NUMBER, .min = 0, .max = 100},
    {.name = "figure", .type = PARAMETER_CHOICE, .choices = "|free|size|"},
    {.name = "min_servers", .type = PARAMETER_NUMBER, .min = 1, .max = 1024},
    {.name = "expect_role", .type = PARAMETER_CHOICE, .choices = "|source|target|both|none|any|"},
    {.name = "backup", .type = PARAMETER_NAME},
    {.name = "server", .type = PARAMETER_CHOICE, .choices = "|minio|s3|"},
    {.name = "versioning", .type = PARAMETER_CHOICE, .choices = "|enabled|suspended|any|"},
    {.name = "from", .type = PARAMETER_NAME},
    {.name = "end", .type = PARAMETER_CHOICE, .choices = "|auto|write|read|"},
    {.name = "max_age_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "grace_ms", .type = PARAMETER_NUMBER, .min = 0, .max = UINT32_MAX},
    {.name = "max_queue", .type = PARAMETER_NUMBER, .min = 0, .max = UINT32_MAX},
    {.name = "max_versions", .type = PARAMETER_NUMBER, .min = 10, .max = 900},
};

/* ---- health ---- */

static struct reading health_minio(const struct probe_input *input) {
    char body[BODY_SIZE], quorum[16];
    struct http_sync_answer answer;
    struct reading reading;
    struct service_request request = {.path = "/minio/health/cluster",
                                      .without_password = true,
                                      .may_truncate = true,
                                      .header_name = "x-minio-write-quorum",
                                      .header = quorum,
                                      .header_size = sizeof quorum};
    if (!web_ask(input, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    if (answer.status == 503) {
        reading = reading_judged(false, "no write quorum, or it still starts: status 503");
    } else if (answer.status != 200 || quorum[0] == '\0') {
        reading = reading_failed(ERR_FORMAT, "status %ld, not MinIO's health", answer.status);
    } else {
        reading = reading_judged(true, "write quorum %s", quorum);
    }
    reading.latency_ms = answer.took_ms;
    reading.value = answer.status;
    return reading;
}

static struct reading bucket_head(const struct s3_place *place) {
    struct http_sync_answer answer;
    struct reading reading;
    struct s3_request request = {.method = "HEAD"};
    if (!s3_ask(place, &request, NULL, 0, &answer, &reading)) {
        return reading;
    }
    reading = answer.status == 200   ? reading_judged(true, "bucket %.40s", place->bucket)
              : answer.status == 404 ? reading_judged(false, "no bucket %.40s", place->bucket)
                                     : reading_judged(false, "status %ld", answer.status);
    reading.latency_ms = answer.took_ms;
    reading.value = answer.status;
    return reading;
}

/* ---- bucket ---- */

static struct reading bucket_ask(const struct s3_place *place) {
    static const char *const texts[] = {"never", "enabled", "suspended"};
    char body[BODY_SIZE], code[48];
    struct http_sync_answer answer;
    struct reading reading;
    enum s3_versioning versioning = S3_VERSIONING_NEVER;
    struct s3_request request = {.query = "versioning="};
    const char *expected = parameter_text(&place->arguments, "versioning", "any");
    if (!s3_ask(place, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    if (answer.status != 200) {
        s3_error_code(body, code, sizeof code);
        reading = answer.status == 404 || answer.status >= 500
                      ? reading_judged(false, "%s", code[0] != '\0' ? code : "not there")
                      : reading_failed(ERR_FORMAT, "status %ld %s", answer.status, code);
    } else if (s3_versioning_parse(body, &versioning) != ERR_OK) {
        reading = reading_failed(ERR_FORMAT, "not an answer about versioning");
    } else {
        bool fits = text_equal(expected, "any") || text_equal(expected, texts[versioning]);
        reading = reading_judged(fits, "versioning %s%s%s", texts[versioning],
                                 fits ? "" : ", expected ", fits ? "" : expected);
    }
    reading.latency_ms = answer.took_ms;
    reading.value = answer.status;
    return reading;
}

/* ---- canary ---- */

/* Answered where the bucket keeps versions. */
#define VERSION_HEADER "x-amz-version-id"

/* False: ret_reading says why. Never written: number 0. */
static bool canary_get(const struct s3_place *place, const char *key, struct canary *ret_canary,
                       char ret_version[S3_VERSION_ID_SIZE], struct reading *ret_reading) {
    char body[BODY_SIZE], code[48];
    struct http_sync_answer answer;
    struct s3_request request = {.key = key,
                                 .header_name = VERSION_HEADER,
                                 .header = ret_version,
                                 .header_size = S3_VERSION_ID_SIZE};
    *ret_canary = (struct canary){0};
    if (!s3_ask(place, &request, body, sizeof body, &answer, ret_reading)) {
        return false;
    }
    if (answer.status == 200) {
        if (s3_canary_parse(body, &ret_canary->number, &ret_canary->wall_ms) == ERR_OK) {
            return true;
        }
        *ret_reading = reading_failed(ERR_FORMAT, "not a canary");
        return false;
    }
    s3_error_code(body, code, sizeof code);
    if (answer.status == 404 && text_equal(code, "NoSuchKey")) {
        return true;
    }
    *ret_reading = answer.status == 404 || answer.status >= 500
                       ? reading_judged(false, "status %ld %s", answer.status, code)
                       : reading_failed(ERR_FORMAT, "status %ld %s", answer.status, code);
    return false;
}

static struct reading canary_put(const struct s3_place *place, const char *key,
                                 struct canary *canary) {
    char body[64], answered[BODY_SIZE], code[48];
    struct http_sync_answer answer;
    struct reading reading;
    canary->number++;
    canary->wall_ms = canary_now_ms(&place->input);
    (void)s3_canary_format(canary->number, canary->wall_ms, body, sizeof body);
    struct s3_request request = {
        .method = "PUT", .key = key, .body = body, .body_size = strlen(body)};
    if (!s3_ask(place, &request, answered, sizeof answered, &answer, &reading)) {
        return reading;
    }
    if (answer.status != 200) {
        s3_error_code(answered, code, sizeof code);
        return reading_judged(false, "write refused: status %ld %s", answer.status, code);
    }
    return canary_written(canary, STORE_UNKNOWN);
}

static struct reading canary_run(const struct probe_input *input, const struct s3_place *place) {
    char key[80], version[S3_VERSION_ID_SIZE] = "";
    struct canary canary;
    struct reading reading;
    uint64_t start_ms = clock_boot_ms();
    const char *end = parameter_text(input->arguments, "end", "auto");
    bool writes = text_equal(end, "write") || (text_equal(end, "auto") && input->active);
    (void)text_format(key, sizeof key, "drover/canary/%s",
                      parameter_text(input->arguments, "from", "drover"));
    if (canary_get(place, key, &canary, version, &reading)) {
        reading = writes               ? canary_put(place, key, &canary)
                  : canary.number == 0 ? canary_missing(STORE_UNKNOWN)
                                       : canary_found(input, &canary, STORE_UNKNOWN, TARGET_LAG_MS);
        reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
        if (reading.good && version[0] != '\0' && !text_equal(version, "null")) {
            s3_versions_watch(place, key, writes, &reading);
        }
        return reading;
    }
    if (!writes) {
        reading.value = -1; /* not known, and not "just now" */
    }
    return reading;
}

/* ---- replication ---- */

static struct reading replication_judge(const struct s3_place *place,
                                        const struct s3_replication *view) {
    struct reading reading = reading_judged(
        view->failed_minute_n == 0, "%lld failed in the last minute, %lld queued, %lld replicated",
        (long long)view->failed_minute_n, (long long)view->queued_n, (long long)view->replicated_n);
    if (view->queued_n > (int64_t)parameter_number(&place->arguments, "max_queue", UINT32_MAX)) {
        reading_warn(&reading);
    }
    reading.value = view->queued_n;
    return reading;
}

static struct reading replication_ask(const struct s3_place *place) {
    char code[48];
    struct http_sync_answer answer;
    struct s3_replication view;
    struct reading reading;
    struct s3_request request = {.query = "replication-metrics=2"};
    char *body = malloc(METRICS_SIZE);
    if (body == NULL) {
        return reading_failed(ERR_NO_MEMORY, "out of memory");
    }
    if (!s3_ask(place, &request, body, METRICS_SIZE, &answer, &reading)) {
        reading.value = -1;
    } else if (answer.status == 200 &&
               s3_replication_parse(body, answer.answer_n, &view) == ERR_OK) {
        reading = replication_judge(place, &view);
        reading.latency_ms = answer.took_ms;
    } else {
        s3_error_code(body, code, sizeof code);
        reading = answer.status == 200 ? reading_failed(ERR_FORMAT, "not MinIO's metrics")
                  : answer.status == 404
                      ? reading_judged(false, "not replicated: %s", code)
                      : reading_failed(ERR_FORMAT, "status %ld %s", answer.status, code);
        reading.value = -1;
    }
    free(body);
    return reading;
}

/* ---- the kind ---- */

static bool is_minio(const struct arguments *arguments) {
    return text_equal(parameter_text(arguments, "server", "minio"), "minio");
}

/* What asks nothing of a bucket. */
static bool is_of_server(const struct arguments *arguments) {
    const char *what = parameter_text(arguments, "what", "");
    return text_equal(what, "servers") || text_equal(what, "capacity") ||
           (text_equal(what, "health") && is_minio(arguments));
}

enum err s3_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    const char *what = parameter_text(arguments, "what", "");
    bool own = text_equal(what, "servers") || text_equal(what, "capacity");
    if (err == ERR_OK && own && !is_minio(arguments)) {
        text_say(reterr, "argument what: only MinIO tells its %s", what);
        return ERR_CONFIG;
    }
    err = err == ERR_OK ? s3_capacity_accepts(arguments, reterr) : err;
    if (err != ERR_OK || is_of_server(arguments)) {
        return err;
    }
    if (arguments_get(arguments, "bucket") == NULL) {
        text_say(reterr, "argument bucket is missing");
        return ERR_CONFIG;
    }
    err = s3_arguments_accept(arguments, false, reterr);
    if (err == ERR_OK && (text_equal(what, "conflicts") || text_equal(what, "role"))) {
        err = s3_arguments_accept(arguments, true, reterr);
        bool needed = text_equal(what, "conflicts") || s3_role_needs_peer(arguments);
        if (err == ERR_OK && needed && arguments_get(arguments, "peer_url") == NULL) {
            text_say(reterr, "argument peer_url is missing");
            return ERR_CONFIG;
        }
    }
    return err;
}

struct reading s3_run(const struct probe_input *input) {
    const char *what = parameter_text(input->arguments, "what", "health");
    struct s3_place place;
    struct text256 why = {""};
    if (is_of_server(input->arguments)) {
        return text_equal(what, "health")     ? health_minio(input)
               : text_equal(what, "capacity") ? s3_capacity(input)
                                              : s3_servers(input);
    }
    if (s3_place_open(input, false, &place, &why) != ERR_OK) {
        return reading_failed(ERR_CONFIG, "%s", why.at);
    }
    if (text_equal(what, "health")) {
        return bucket_head(&place);
    }
    if (text_equal(what, "bucket")) {
        return bucket_ask(&place);
    }
    if (text_equal(what, "canary")) {
        return canary_run(input, &place);
    }
    if (text_equal(what, "role")) {
        return s3_role(input, &place);
    }
    return text_equal(what, "replication") ? replication_ask(&place) : s3_conflicts(input, &place);
}
