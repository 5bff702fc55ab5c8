/* backup: what a policy declares of one kind of backup against what is really there. value: the age
 * of the newest in seconds, -1 where there is none. What endangers a restore (none, too old, too
 * small, a WAL segment missing, not at the second location) is not good; what a policy misses
 * besides (a past gap, kept too short, shrunk, not archived) is a warning. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/backup_list.h"
#include "agent/probes/calendar.h"
#include "agent/probes/kinds.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

#define PAGES 64
#define GRACE_S 900
#define YEARS_S UINT64_C(3153600000) /* a hundred of them */

static const struct parameter parameters[] = {
    {.name = "store", .type = PARAMETER_CHOICE, .needed = true, .choices = "|s3|directory|"},
    {.name = "backup", .type = PARAMETER_NAME},
    {.name = "path", .type = PARAMETER_PATH},
    {.name = "peer_path", .type = PARAMETER_PATH},
    {.name = "url", .type = PARAMETER_URL},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "connect_to", .type = PARAMETER_ADDRESS},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
    S3_PARAMETERS,
    S3_PEER_PARAMETERS,
    {.name = "schedule", .type = PARAMETER_CHOICE, .choices = "|none|hourly|daily|weekly|"},
    {.name = "time", .type = PARAMETER_CHOICE, .choices = "|auto|modified|"},
    {.name = "group", .type = PARAMETER_CHOICE, .choices = "|object|folder|"},
    {.name = "wal", .type = PARAMETER_FLAG},
    {.name = "segment_mib", .type = PARAMETER_NUMBER, .min = 1, .max = 1024},
    {.name = "max_age", .type = PARAMETER_NUMBER, .min = 1, .max = YEARS_S},
    {.name = "keep", .type = PARAMETER_NUMBER, .min = 1, .max = YEARS_S},
    {.name = "min_bytes", .type = PARAMETER_NUMBER, .min = 0, .max = INT64_MAX},
    {.name = "max_shrink", .type = PARAMETER_NUMBER, .min = 1, .max = 100},
    {.name = "archive", .type = PARAMETER_TEXT},
    {.name = "archive_after", .type = PARAMETER_NUMBER, .min = 0, .max = YEARS_S},
    {.name = "grace", .type = PARAMETER_NUMBER, .min = 0, .max = YEARS_S},
};

static bool is_directory(const struct arguments *arguments) {
    return text_equal(parameter_text(arguments, "store", "s3"), "directory");
}

static const char *missing_of(const struct arguments *arguments) {
    static const char *const of_bucket[] = {"url", "bucket"};
    if (is_directory(arguments)) {
        return arguments_get(arguments, "path") == NULL ? "path" : NULL;
    }
    for (size_t i = 0; i < sizeof of_bucket / sizeof of_bucket[0]; i++) {
        if (arguments_get(arguments, of_bucket[i]) == NULL) {
            return of_bucket[i];
        }
    }
    return NULL;
}

enum err backup_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    const char *missing = missing_of(arguments);
    uint64_t segment = parameter_number(arguments, "segment_mib", 16);
    if (missing != NULL) {
        text_say(reterr, "argument %s is missing", missing);
        return ERR_CONFIG;
    }
    if ((segment & (segment - 1)) != 0) {
        text_say(reterr, "argument segment_mib: expected a power of two");
        return ERR_CONFIG;
    }
    if (!is_directory(arguments) && s3_arguments_accept(arguments, false, reterr) != ERR_OK) {
        return ERR_CONFIG;
    }
    if (arguments_get(arguments, "peer_url") != NULL) {
        return s3_arguments_accept(arguments, true, reterr);
    }
    return ERR_OK;
}

static uint64_t every_ms_of(const char *schedule) {
    return text_equal(schedule, "hourly")   ? CALENDAR_HOUR_MS
           : text_equal(schedule, "daily")  ? CALENDAR_DAY_MS
           : text_equal(schedule, "weekly") ? CALENDAR_WEEK_MS
                                            : 0;
}

static void limits_of(const struct arguments *arguments, struct series_limits *ret_limits) {
    *ret_limits = (struct series_limits){
        .now_wall_ms = clock_wall_ms(),
        .every_ms = every_ms_of(parameter_text(arguments, "schedule", "none")),
        .max_age_ms = parameter_number(arguments, "max_age", 0) * 1000,
        .keep_ms = parameter_number(arguments, "keep", 0) * 1000,
        .min_bytes = parameter_number(arguments, "min_bytes", 0),
        .max_shrink = (unsigned)parameter_number(arguments, "max_shrink", 0),
        .segment_bytes = parameter_number(arguments, "segment_mib", 16) << 20,
        .grace_ms = parameter_number(arguments, "grace", GRACE_S) * 1000,
        .archive_ms = parameter_number(arguments, "archive_after", 0) * 1000,
        .archive_class = arguments_get(arguments, "archive"),
    };
}

/* ---- reading the places ---- */

static bool read_bucket(const struct probe_input *input, bool peer, struct series *series,
                        struct reading *ret_reading) {
    struct s3_place place;
    struct text256 why = {""};
    if (s3_place_open(input, peer, &place, &why) != ERR_OK) {
        *ret_reading = reading_failed(ERR_CONFIG, "%s", why.at);
        return false;
    }
    return backup_list_bucket(&place, (unsigned)parameter_number(input->arguments, "pages", PAGES),
                              series, ret_reading);
}

static bool read_place(const struct probe_input *input, bool peer, struct series *series,
                       struct reading *ret_reading) {
    const char *path = arguments_get(input->arguments, peer ? "peer_path" : "path");
    bool directory = peer ? path != NULL : is_directory(input->arguments);
    bool done = directory
                    ? backup_list_directory(path, input->deadline_boot_ms, series, ret_reading)
                    : read_bucket(input, peer, series, ret_reading);
    if (!done && peer) {
        char why[sizeof ret_reading->detail];
        (void)text_copy(why, sizeof why, ret_reading->detail);
        *ret_reading = ret_reading->err == ERR_OK
                           ? reading_judged(false, "the second place: %s", why)
                           : reading_failed(ret_reading->err, "the second place: %s", why);
    }
    if (done && parameter_flag(input->arguments, "wal", false)) {
        series_wal_keep(series);
    } else if (done && text_equal(parameter_text(input->arguments, "group", "object"), "folder")) {
        series_group(series);
    } else if (done) {
        series_by_name(series);
    }
    return done;
}

/* ---- the verdict ---- */

static void age_text(int64_t age_ms, char *ret_text, size_t text_size) {
    long long age_s = (long long)(age_ms / 1000);
    if (age_s < 7200) {
        (void)text_format(ret_text, text_size, "%lld s", age_s);
    } else {
        (void)text_format(ret_text, text_size, "%lld h", age_s / 3600);
    }
}

static struct reading judge(const struct series *series, const struct series_view *view,
                            bool peer) {
    struct reading reading;
    char age[24];
    if (view->findings_n == 0) {
        age_text(view->newest_age_ms, age, sizeof age);
        reading = reading_judged(true, "%u there%s, the newest %s old%s", series->items_n,
                                 peer ? ", and at the second place" : "", age,
                                 series->cut        ? "; more than were read"
                                 : series->unread_n ? "; a name was too long to read"
                                                    : "");
    } else {
        char text[sizeof reading.detail] = "", one[96];
        bool grave = series_fault_is_grave(view->findings[0].fault);
        for (uint32_t i = 0; i < view->findings_n; i++) {
            const struct series_finding *found = &view->findings[i];
            (void)text_format(one, sizeof one, "%s%s", i > 0 ? "; " : "", found->text);
            if (found->n > 1) {
                char more[24];
                (void)text_format(more, sizeof more, " (+%u)", found->n - 1);
                (void)text_append(one, sizeof one, more);
            }
            (void)text_append(text, sizeof text, one);
        }
        reading = reading_judged(!grave, "%s", text);
        reading_warn(&reading);
    }
    if (series->cut || series->unread_n > 0) {
        reading_warn(&reading);
    }
    reading.value = view->newest_age_ms < 0 ? -1 : view->newest_age_ms / 1000;
    return reading;
}

static struct reading compare(const struct probe_input *input, struct series *ours,
                              struct series *theirs) {
    const struct arguments *arguments = input->arguments;
    struct series_limits limits;
    struct series_view view = {.newest_age_ms = -1};
    struct reading reading;
    bool peer = arguments_get(arguments, "peer_url") != NULL ||
                arguments_get(arguments, "peer_path") != NULL ||
                arguments_get(arguments, "peer_bucket") != NULL;
    limits_of(arguments, &limits);
    if (!read_place(input, false, ours, &reading) ||
        (peer && !read_place(input, true, theirs, &reading))) {
        reading.value = -1;
        return reading;
    }
    if (peer) {
        series_judge_peer(ours, theirs, &limits, &view);
    }
    if (parameter_flag(arguments, "wal", false)) {
        series_judge_wal(ours, &limits, &view);
    } else {
        series_by_time(ours, text_equal(parameter_text(arguments, "time", "auto"), "auto"));
        series_judge(ours, &limits, &view);
    }
    return judge(ours, &view, peer);
}

struct reading backup_run(const struct probe_input *input) {
    uint64_t start_ms = clock_boot_ms();
    struct series ours = {.items_max = SERIES_ITEMS_MAX}, theirs = {.items_max = SERIES_ITEMS_MAX};
    struct reading reading;
    ours.items = malloc(SERIES_ITEMS_MAX * sizeof ours.items[0]);
    theirs.items = malloc(SERIES_ITEMS_MAX * sizeof theirs.items[0]);
    reading = ours.items != NULL && theirs.items != NULL
                  ? compare(input, &ours, &theirs)
                  : reading_failed(ERR_NO_MEMORY, "out of memory");
    free(ours.items);
    free(theirs.items);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
