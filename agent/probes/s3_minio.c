/* s3, what=servers and what=capacity: how many servers of the deployment are there, and how much it
 * can hold and has left: usable bytes, behind the erasure code. Both stand on the page
 * /minio/metrics/v3/cluster/health of the server that is asked (MinIO of 2024 or later; a bearer
 * token, or MINIO_PROMETHEUS_AUTH_TYPE=public; no administrator's call), which MinIO itself brings
 * up to date once a minute. value: servers online; what is left, or with figure=size all of it. */
#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"
#include "agent/probes/s3_client.h"

#define BODY_SIZE 16384

/* The page, for its reader; false: *ret_reading says why there is none. */
static bool page_ask(const struct probe_input *input, char *ret_body, size_t body_size,
                     struct http_sync_answer *ret_answer, struct reading *ret_reading) {
    struct service_request request = {.path = "/minio/metrics/v3/cluster/health",
                                      .without_password = true};
    bool came = web_ask(input, &request, ret_body, body_size, ret_answer, ret_reading);
    if (came && ret_answer->status != 200) {
        *ret_reading =
            ret_answer->status == 503
                ? reading_judged(false, "it still starts: status 503")
                : reading_failed(ERR_FORMAT, "status %ld, not MinIO's page", ret_answer->status);
        ret_reading->latency_ms = ret_answer->took_ms;
        came = false;
    }
    if (!came) {
        ret_reading->value = -1;
    }
    return came;
}

static struct reading not_told(const char *what) {
    struct reading reading = reading_failed(ERR_FORMAT, "MinIO's page tells no %s", what);
    reading.value = -1;
    return reading;
}

static struct reading servers_judge(const struct arguments *arguments,
                                    const struct s3_servers *servers) {
    int64_t least_n = (int64_t)parameter_number(arguments, "min_servers", 1);
    int64_t all_n = servers->online_n + servers->offline_n;
    bool enough = servers->online_n >= least_n;
    struct reading reading =
        reading_judged(enough, "%lld/%lld servers online", (long long)servers->online_n,
                       (long long)(all_n > least_n ? all_n : least_n));
    if (servers->offline_n > 0 || servers->drives_offline_n > 0) {
        reading_warn(&reading);
    }
    if (servers->drives_offline_n > 0) {
        char said[sizeof reading.detail];
        (void)text_copy(said, sizeof said, reading.detail);
        (void)text_format(reading.detail, sizeof reading.detail, "%.60s, %lld drives offline", said,
                          (long long)servers->drives_offline_n);
    }
    reading.value = servers->online_n;
    return reading;
}

struct reading s3_servers(const struct probe_input *input) {
    char body[BODY_SIZE];
    struct http_sync_answer answer;
    struct s3_servers servers;
    struct reading reading;
    if (!page_ask(input, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    reading = s3_servers_parse(body, &servers) == ERR_OK ? servers_judge(input->arguments, &servers)
                                                         : not_told("servers");
    reading.latency_ms = answer.took_ms;
    return reading;
}

enum err s3_capacity_accepts(const struct arguments *arguments, struct text256 *reterr) {
    int64_t ignored = 0;
    const char *size = arguments_get(arguments, "min_size");
    if (size != NULL && !quantity_parse(size, &ignored)) {
        text_say(reterr, "argument min_size: expected bytes, for example 10T or 900Gi");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static struct reading capacity_judge(const struct arguments *arguments,
                                     const struct s3_capacity *capacity) {
    const char *least = arguments_get(arguments, "min_size");
    int64_t least_milli = 0;
    bool small = least != NULL && quantity_parse(least, &least_milli) &&
                 capacity->size_bytes < least_milli / 1000;
    double part = 100.0 * (double)capacity->free_bytes / (double)capacity->size_bytes;
    uint64_t percent = (uint64_t)part;
    bool good = !small && percent >= parameter_number(arguments, "min_free_percent", 5);
    struct reading reading =
        reading_judged(good, "%llu %% free of %lld MiB%s%.16s", (unsigned long long)percent,
                       (long long)(capacity->size_bytes >> 20), small ? ", expected at least " : "",
                       small ? least : "");
    if (percent < parameter_number(arguments, "warn_free_percent", 20)) {
        reading_warn(&reading);
    }
    bool all = text_equal(parameter_text(arguments, "figure", "free"), "size");
    reading.value = all ? capacity->size_bytes : capacity->free_bytes;
    return reading;
}

struct reading s3_capacity(const struct probe_input *input) {
    char body[BODY_SIZE];
    struct http_sync_answer answer;
    struct s3_capacity capacity;
    struct reading reading;
    if (!page_ask(input, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    reading = s3_capacity_parse(body, &capacity) == ERR_OK
                  ? capacity_judge(input->arguments, &capacity)
                  : not_told("capacity");
    reading.latency_ms = answer.took_ms;
    return reading;
}
