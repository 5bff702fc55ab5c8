#include "agent/probes/series.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/calendar.h"
#include "common/base/text.h"

bool series_add(struct series *series, const struct series_item *item) {
    if (series->items_n == series->items_max) {
        series->cut = true;
        return false;
    }
    series->items[series->items_n++] = *item;
    return true;
}

/* ---- order ---- */

static int name_compare(const void *a, const void *b) {
    const struct series_item *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static int time_compare(const void *a, const void *b) {
    const struct series_item *left = a, *right = b;
    if (left->at_wall_ms != right->at_wall_ms) {
        return left->at_wall_ms < right->at_wall_ms ? -1 : 1;
    }
    return name_compare(a, b);
}

static void sort(struct series *series, int (*compare)(const void *, const void *)) {
    if (series->items_n > 1) {
        qsort(series->items, series->items_n, sizeof series->items[0], compare);
    }
}

void series_by_name(struct series *series) {
    sort(series, name_compare);
}

void series_by_time(struct series *series, bool names) {
    for (uint32_t i = 0; i < series->items_n; i++) {
        struct series_item *item = &series->items[i];
        if (!names || !calendar_find(item->name, &item->at_wall_ms)) {
            item->at_wall_ms = item->modified_wall_ms;
        }
    }
    sort(series, time_compare);
}

static size_t folder_n(const char *name) {
    return strcspn(name, "/");
}

void series_group(struct series *series) {
    uint32_t kept = 0;
    /* Cut first, then sorted: "a-b/x" comes before "a/x", but "a" before "a-b". */
    for (uint32_t i = 0; i < series->items_n; i++) {
        series->items[i].name[folder_n(series->items[i].name)] = '\0';
    }
    series_by_name(series);
    for (uint32_t i = 0; i < series->items_n; i++) {
        struct series_item *item = &series->items[i];
        struct series_item *last = kept > 0 ? &series->items[kept - 1] : NULL;
        if (last != NULL && text_equal(last->name, item->name)) {
            last->bytes += item->bytes < UINT64_MAX - last->bytes ? item->bytes : 0;
            if (item->modified_wall_ms > last->modified_wall_ms) {
                last->modified_wall_ms = item->modified_wall_ms;
            }
            /* The folder is in the archive when all of it is. */
            if (!text_equal(last->storage_class, item->storage_class)) {
                last->storage_class[0] = '\0';
            }
            continue;
        }
        item->etag[0] = '\0';
        if (kept != i) {
            series->items[kept] = *item;
        }
        kept++;
    }
    series->items_n = kept;
}

/* ---- findings ---- */

bool series_fault_is_grave(uint8_t fault) {
    return fault == SERIES_NONE || fault == SERIES_OLD || fault == SERIES_SMALL ||
           fault == SERIES_WAL_GAP || fault == SERIES_NOT_THERE || fault == SERIES_DIFFERS;
}

/* The finding of that fault, made where it is the first: its text is then empty. */
static struct series_finding *finding(struct series_view *view, enum series_fault fault) {
    for (uint32_t i = 0; i < view->findings_n; i++) {
        if (view->findings[i].fault == fault) {
            view->findings[i].n++;
            return &view->findings[i];
        }
    }
    if (view->findings_n == SERIES_FINDINGS_MAX) {
        return &view->findings[SERIES_FINDINGS_MAX - 1];
    }
    uint32_t at = view->findings_n++;
    while (at > 0 && series_fault_is_grave((uint8_t)fault) &&
           !series_fault_is_grave(view->findings[at - 1].fault)) {
        view->findings[at] = view->findings[at - 1];
        at--;
    }
    view->findings[at] = (struct series_finding){.fault = (uint8_t)fault, .n = 1};
    return &view->findings[at];
}

static void say(struct series_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct series_finding *finding, const char *format, ...) {
    va_list args;
    if (finding->text[0] != '\0') {
        return; /* the first one is named */
    }
    va_start(args, format);
    (void)text_format_list(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

static uint64_t age_of(uint64_t wall_ms, uint64_t now_wall_ms) {
    return now_wall_ms > wall_ms ? now_wall_ms - wall_ms : 0;
}

static void span_say(uint64_t ms, char *ret_text, size_t text_size) {
    if (ms >= 2 * CALENDAR_DAY_MS) {
        (void)text_format(ret_text, text_size, "%llu d",
                          (unsigned long long)(ms / CALENDAR_DAY_MS));
    } else if (ms >= 2 * CALENDAR_HOUR_MS) {
        (void)text_format(ret_text, text_size, "%llu h",
                          (unsigned long long)(ms / CALENDAR_HOUR_MS));
    } else {
        (void)text_format(ret_text, text_size, "%llu s", (unsigned long long)(ms / 1000));
    }
}

/* ---- age, sizes, gaps ---- */

static void judge_age(struct series_view *view, uint64_t newest_wall_ms,
                      const struct series_limits *limits) {
    char age[24], limit[24];
    uint64_t age_ms = age_of(newest_wall_ms, limits->now_wall_ms);
    view->newest_age_ms = (int64_t)(age_ms & INT64_MAX);
    if (limits->max_age_ms > 0 && age_ms > limits->max_age_ms) {
        span_say(age_ms, age, sizeof age);
        span_say(limits->max_age_ms, limit, sizeof limit);
        say(finding(view, SERIES_OLD), "the newest is %s old, above %s", age, limit);
    }
}

static void judge_sizes(struct series_view *view, const struct series *series,
                        const struct series_limits *limits) {
    const struct series_item *newest = &series->items[series->items_n - 1];
    if (newest->bytes < limits->min_bytes) {
        say(finding(view, SERIES_SMALL), "%.30s has %llu bytes, below %llu", newest->name,
            (unsigned long long)newest->bytes, (unsigned long long)limits->min_bytes);
    }
    if (limits->max_shrink == 0 || series->items_n < 2) {
        return;
    }
    uint64_t before = series->items[series->items_n - 2].bytes;
    uint64_t less = before > newest->bytes ? before - newest->bytes : 0;
    uint64_t percent = less == 0                 ? 0
                       : less < UINT64_MAX / 100 ? less * 100 / before
                                                 : less / (before / 100);
    if (percent > limits->max_shrink) {
        say(finding(view, SERIES_SHRUNK), "%.30s is %llu %% smaller than the one before",
            newest->name, (unsigned long long)percent);
    }
}

/* Spans are those of the calendar, weeks begin on Monday. */
static uint64_t span_index(uint64_t wall_ms, uint64_t every_ms) {
    uint64_t shift_ms = every_ms == CALENDAR_WEEK_MS ? 3 * CALENDAR_DAY_MS : 0;
    return (wall_ms + shift_ms) / every_ms;
}

/* A gap: a whole span without one, and clearly more time than one span between its neighbours, so
 * that a backup which runs around midnight is not missed on the day that it slipped. */
static void judge_gaps(struct series_view *view, const struct series *series,
                       const struct series_limits *limits) {
    uint64_t every_ms = limits->every_ms;
    for (uint32_t i = 1; i < series->items_n; i++) {
        uint64_t from_ms = series->items[i - 1].at_wall_ms, to_ms = series->items[i].at_wall_ms;
        uint64_t spans = span_index(to_ms, every_ms) - span_index(from_ms, every_ms);
        bool within_keep =
            limits->keep_ms == 0 || age_of(to_ms, limits->now_wall_ms) <= limits->keep_ms;
        if (spans < 2 || to_ms - from_ms <= every_ms + every_ms / 2 || !within_keep) {
            continue;
        }
        char when[48];
        struct series_finding *gap = finding(view, SERIES_GAP);
        calendar_span_text(from_ms + every_ms, every_ms, when, sizeof when);
        gap->n += (uint32_t)(spans - 2 < UINT32_MAX / 2 ? spans - 2 : UINT32_MAX / 2);
        say(gap, "none of %s", when);
    }
}

static void judge_kept(struct series_view *view, const struct series *series,
                       const struct series_limits *limits) {
    uint64_t oldest_ms = age_of(series->items[0].at_wall_ms, limits->now_wall_ms);
    uint64_t least_ms = limits->keep_ms > limits->every_ms ? limits->keep_ms - limits->every_ms : 0;
    if (limits->keep_ms > 0 && oldest_ms < least_ms) {
        char age[24], keep[24];
        span_say(oldest_ms, age, sizeof age);
        span_say(limits->keep_ms, keep, sizeof keep);
        say(finding(view, SERIES_SHORT), "the oldest is %s old, kept are %s", age, keep);
    }
    for (uint32_t i = 0; limits->archive_class != NULL && i < series->items_n; i++) {
        const struct series_item *item = &series->items[i];
        if (age_of(item->at_wall_ms, limits->now_wall_ms) > limits->archive_ms &&
            !text_equal(item->storage_class, limits->archive_class)) {
            say(finding(view, SERIES_CLASS), "%.36s is not in %.20s", item->name,
                limits->archive_class);
        }
    }
}

void series_judge(const struct series *series, const struct series_limits *limits,
                  struct series_view *view) {
    if (series->items_n == 0) {
        view->newest_age_ms = -1;
        say(finding(view, SERIES_NONE), "there is none");
        return;
    }
    judge_age(view, series->items[series->items_n - 1].at_wall_ms, limits);
    judge_sizes(view, series, limits);
    if (limits->every_ms > 0) {
        judge_gaps(view, series, limits);
    }
    judge_kept(view, series, limits);
}

/* ---- WAL ---- */

static bool hex8_take(const char *at, uint32_t *ret_value) {
    uint8_t bytes[4];
    char digits[9] = "";
    memcpy(digits, at, 8);
    if (!text_to_bytes(digits, bytes, 4)) {
        return false;
    }
    *ret_value = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                 (uint32_t)bytes[3];
    return true;
}

bool series_wal_parse(const char *name, uint32_t *ret_timeline, uint32_t *ret_log,
                      uint32_t *ret_segment) {
    const char *slash = strrchr(name, '/');
    const char *at = slash != NULL ? slash + 1 : name;
    if (strlen(at) < 24 || (at[24] != '\0' && at[24] != '.' && at[24] != '-')) {
        return false;
    }
    if (strstr(at, ".backup") != NULL || strstr(at, ".partial") != NULL ||
        strstr(at, ".history") != NULL) {
        return false;
    }
    return hex8_take(at, ret_timeline) && hex8_take(at + 8, ret_log) &&
           hex8_take(at + 16, ret_segment) && *ret_timeline > 0;
}

void series_wal_keep(struct series *series) {
    uint32_t kept = 0, timeline = 0, log = 0, segment = 0;
    for (uint32_t i = 0; i < series->items_n; i++) {
        if (series_wal_parse(series->items[i].name, &timeline, &log, &segment)) {
            if (kept != i) {
                series->items[kept] = series->items[i];
            }
            (void)text_format(series->items[kept].name, SERIES_NAME_SIZE, "%08X%08X%08X", timeline,
                              log, segment);
            kept++;
        }
    }
    series->items_n = kept;
    series_by_name(series);
}

struct wal_place {
    uint32_t timeline;
    uint64_t number;
};

static bool wal_place_of(const struct series_item *item, uint64_t per_log,
                         struct wal_place *ret_place) {
    uint32_t log = 0, segment = 0;
    if (!series_wal_parse(item->name, &ret_place->timeline, &log, &segment) || segment >= per_log) {
        return false;
    }
    ret_place->number = (uint64_t)log * per_log + segment;
    return true;
}

static void wal_say(struct series_view *view, uint32_t timeline, uint64_t number, uint64_t missing,
                    uint64_t per_log) {
    struct series_finding *gap = finding(view, SERIES_WAL_GAP);
    gap->n += (uint32_t)(missing - 1 < UINT32_MAX / 2 ? missing - 1 : UINT32_MAX / 2);
    say(gap, "gap at %08X%08X%08X", timeline, (uint32_t)(number / per_log),
        (uint32_t)(number % per_log));
}

void series_judge_wal(const struct series *series, const struct series_limits *limits,
                      struct series_view *view) {
    uint64_t per_log = (UINT64_C(1) << 32) / limits->segment_bytes, newest_ms = 0;
    struct wal_place last = {0}, at;
    for (uint32_t i = 0; i < series->items_n; i++) {
        const struct series_item *item = &series->items[i];
        if (item->modified_wall_ms > newest_ms) {
            newest_ms = item->modified_wall_ms;
        }
        if (!wal_place_of(item, per_log, &at)) {
            say(finding(view, SERIES_WAL_GAP), "%.24s is none of segments of %llu MiB", item->name,
                (unsigned long long)(limits->segment_bytes >> 20));
            continue;
        }
        /* A new timeline branches off within or right behind a segment of the one before; that one
         * may have gone on alone for a while. */
        if (last.timeline != 0 && at.number > last.number + 1) {
            wal_say(view, at.timeline, last.number + 1, at.number - last.number - 1, per_log);
        }
        last = at;
    }
    if (series->items_n == 0) {
        view->newest_age_ms = -1;
        say(finding(view, SERIES_NONE), "there is no WAL segment");
        return;
    }
    judge_age(view, newest_ms, limits);
}

/* ---- the second location ---- */

static bool is_of_parts(const char *etag) {
    return etag[0] == '\0' || strchr(etag, '-') != NULL;
}

void series_judge_peer(const struct series *ours, const struct series *theirs,
                       const struct series_limits *limits, struct series_view *view) {
    uint32_t there = 0;
    for (uint32_t i = 0; i < ours->items_n; i++) {
        const struct series_item *item = &ours->items[i];
        if (age_of(item->modified_wall_ms, limits->now_wall_ms) < limits->grace_ms) {
            continue;
        }
        while (there < theirs->items_n && strcmp(theirs->items[there].name, item->name) < 0) {
            there++;
        }
        const struct series_item *other =
            there < theirs->items_n && text_equal(theirs->items[there].name, item->name)
                ? &theirs->items[there]
                : NULL;
        if (other == NULL && !theirs->cut) {
            say(finding(view, SERIES_NOT_THERE), "%.36s is not at the second place", item->name);
        } else if (other != NULL && other->bytes != item->bytes) {
            say(finding(view, SERIES_DIFFERS), "%.36s has another size there", item->name);
        } else if (other != NULL && !is_of_parts(item->etag) && !is_of_parts(other->etag) &&
                   !text_equal(item->etag, other->etag)) {
            say(finding(view, SERIES_DIFFERS), "%.36s has another checksum there", item->name);
        }
    }
}
