/* prometheus: the instant value of any PromQL expression within its limits. No sample is no
 * knowledge: an empty answer is never good.
 * https://prometheus.io/docs/prometheus/latest/querying/api */
#include <math.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"

#define BODY_SIZE 262144

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "query", .type = PARAMETER_TEXT, .needed = true},
    {.name = "pick", .type = PARAMETER_CHOICE, .choices = "|only|max|min|sum|count|"},
    {.name = "min", .type = PARAMETER_TEXT},
    {.name = "max", .type = PARAMETER_TEXT},
    {.name = "warn_min", .type = PARAMETER_TEXT},
    {.name = "warn_max", .type = PARAMETER_TEXT},
    {.name = "samples", .type = PARAMETER_NUMBER, .min = 1, .max = PROMETHEUS_SAMPLES_MAX},
    {.name = "scale", .type = PARAMETER_NUMBER, .min = 1, .max = 1000000000},
};

static const char *const limits[] = {"min", "max", "warn_min", "warn_max"};

enum err prometheus_accepts(const struct arguments *arguments, struct text256 *reterr) {
    double ignored = 0;
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    for (size_t i = 0; err == ERR_OK && i < sizeof limits / sizeof limits[0]; i++) {
        const char *limit = arguments_get(arguments, limits[i]);
        if (limit != NULL && !decimal_parse(limit, &ignored)) {
            text_say(reterr, "argument %s: expected a number, for example 0.5", limits[i]);
            err = ERR_CONFIG;
        }
    }
    return err;
}

static bool passes(const struct arguments *arguments, double value, const char *low_name,
                   const char *high_name) {
    double limit = 0;
    const char *low = arguments_get(arguments, low_name);
    const char *high = arguments_get(arguments, high_name);
    return (low == NULL || (decimal_parse(low, &limit) && value >= limit)) &&
           (high == NULL || (decimal_parse(high, &limit) && value <= limit));
}

static double picked(const struct prometheus_view *view, const char *pick) {
    if (text_equal(pick, "max")) {
        return view->max;
    }
    if (text_equal(pick, "min")) {
        return view->min;
    }
    if (text_equal(pick, "count")) {
        return view->samples_n;
    }
    return view->sum; /* of one sample: itself */
}

static struct reading judge(const struct arguments *arguments, const struct prometheus_view *view) {
    const char *pick = parameter_text(arguments, "pick", "only");
    uint64_t least_n = parameter_number(arguments, "samples", 1);
    if (view->samples_n < least_n) {
        return reading_failed(ERR_NOT_FOUND, "%u samples, expected %llu: nothing is known",
                              view->samples_n, (unsigned long long)least_n);
    }
    if (text_equal(pick, "only") && view->samples_n != 1) {
        return reading_failed(ERR_RANGE, "%u samples, expected one", view->samples_n);
    }
    double value = picked(view, pick);
    if (!isfinite(value)) {
        return reading_failed(ERR_NOT_FOUND, "the value is not a number: nothing is known");
    }
    bool good = passes(arguments, value, "min", "max");
    struct reading reading = reading_judged(good, "%.6g of %u samples%s", value, view->samples_n,
                                            good ? "" : ", outside its limits");
    if (!passes(arguments, value, "warn_min", "warn_max")) {
        reading_warn(&reading);
    }
    double scaled = round(value * (double)parameter_number(arguments, "scale", 1));
    reading.value = scaled > -9e18 && scaled < 9e18 ? (int64_t)scaled : -1;
    return reading;
}

struct reading prometheus_run(const struct probe_input *input) {
    char path[WEB_URL_SIZE] = "/api/v1/query?query=";
    static _Thread_local char body[BODY_SIZE];
    struct http_sync_answer answer;
    struct reading reading;
    struct prometheus_view view;
    struct service_request request = {.path = path};
    if (!service_append_encoded(path, sizeof path, arguments_get(input->arguments, "query"))) {
        return reading_failed(ERR_CONFIG, "argument query is too long");
    }
    if (!web_ask(input, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    if (answer.status == 400 || answer.status == 422) {
        reading = reading_failed(ERR_CONFIG, "Prometheus refuses the query");
    } else if (answer.status != 200) {
        reading = reading_judged(false, "status %ld from Prometheus", answer.status);
    } else if (prometheus_parse(body, answer.answer_n, &view) != ERR_OK) {
        reading = reading_failed(ERR_FORMAT, "not the answer to an instant query");
    } else {
        reading = judge(input->arguments, &view);
    }
    reading.latency_ms = answer.took_ms;
    return reading;
}
