/* Backups as a series: gaps, ages, sizes, WAL segments, the second location; and calendar dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/probes/calendar.h"
#include "agent/probes/series.h"

#define NOW_MS UINT64_C(1767571200000) /* 2026-01-05 00:00, a Monday */
#define HOUR CALENDAR_HOUR_MS
#define DAY CALENDAR_DAY_MS

static struct series_item items[64], others[64];

static struct series series_of(struct series_item *room) {
    return (struct series){.items = room, .items_max = 64};
}

static void add(struct series *series, const char *name, uint64_t age_ms, uint64_t bytes) {
    struct series_item item = {.modified_wall_ms = NOW_MS - age_ms, .bytes = bytes};
    (void)snprintf(item.name, sizeof item.name, "%s", name);
    assert_true(series_add(series, &item));
}

static const struct series_finding *found(const struct series_view *view, enum series_fault fault) {
    for (uint32_t i = 0; i < view->findings_n; i++) {
        if (view->findings[i].fault == fault) {
            return &view->findings[i];
        }
    }
    return NULL;
}

static void dates_go_there_and_back(void **state) {
    (void)state;
    for (uint64_t day = 0; day < 200 * 365; day += 13) {
        struct calendar_time time;
        uint64_t back = 0;
        calendar_of_ms(day * DAY + 3723000, &time);
        assert_true(calendar_ms(&time, &back));
        assert_int_equal(back, day * DAY + 3723000);
    }
}

static void dates_are_found_in_names(void **state) {
    (void)state;
    const struct {
        const char *name;
        uint64_t wall_ms; /* 0: none is found */
    } table[] = {
        {"bud-2026-01-05.dump", NOW_MS},
        {"20260105.gz", NOW_MS},
        {"20260105-020304F", NOW_MS + 2 * HOUR + 184000},
        {"2026-01-05T02:03:04Z", NOW_MS + 2 * HOUR + 184000},
        {"dump_20260105_0203.rdb", NOW_MS + 2 * HOUR + 180000},
        {"hourly/2026-01-05-23/dump.rdb", NOW_MS + 23 * HOUR},
        {"2026-02-30", 0},
        {"2026-13-01", 0},
        {"99920260105", 0}, /* inside a longer number */
        {"1999-01-01", 0},
        {"dump.rdb", 0},
        {"", 0},
        {"2026-0", 0},
        {"20260105T99", NOW_MS},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t wall_ms = 0;
        assert_int_equal(calendar_find(table[i].name, &wall_ms), table[i].wall_ms != 0);
        if (table[i].wall_ms != 0) {
            assert_int_equal(wall_ms, table[i].wall_ms);
        }
    }
}

static void iso_times_are_read_whole_or_not_at_all(void **state) {
    (void)state;
    uint64_t wall_ms = 0;
    assert_true(calendar_parse_iso("2026-01-05T00:00:00.123Z", &wall_ms));
    assert_int_equal(wall_ms, NOW_MS + 123);
    assert_true(calendar_parse_iso("2026-01-05T00:00:00Z", &wall_ms));
    assert_int_equal(wall_ms, NOW_MS);
    const char *const others_of[] = {"",
                                     "2026-01-05",
                                     "2026-01-05T00:00:00",
                                     "2026-01-05T25:00:00Z",
                                     "2026-01-05T00:00:00Zx",
                                     "x2026-01-05T00:00:00Z"};
    for (size_t i = 0; i < sizeof others_of / sizeof others_of[0]; i++) {
        assert_false(calendar_parse_iso(others_of[i], &wall_ms));
    }
}

static void the_missing_day_is_named_and_counted(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_view view = {0};
    add(&series, "2026-01-04.dump", 0, 1);
    add(&series, "2025-12-30.dump", 0, 1);
    add(&series, "2025-12-31.dump", 0, 1);
    series_by_time(&series, true);
    struct series_limits limits = {.now_wall_ms = NOW_MS, .every_ms = DAY, .max_age_ms = 2 * DAY};
    series_judge(&series, &limits, &view);
    assert_int_equal(view.findings_n, 1);
    assert_string_equal(view.findings[0].text, "none of 2026-01-01");
    assert_int_equal(view.findings[0].n, 3);
    assert_int_equal(view.newest_age_ms, DAY);
}

static void a_backup_around_midnight_makes_no_gap(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_view view = {0};
    const uint64_t ages[] = {0, DAY - 600000, 2 * DAY + 600000, 3 * DAY - 300000};
    for (size_t i = 0; i < 4; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "d%zu", i);
        add(&series, name, ages[i], 1);
    }
    series_by_time(&series, true);
    struct series_limits limits = {.now_wall_ms = NOW_MS, .every_ms = DAY};
    series_judge(&series, &limits, &view);
    assert_int_equal(view.findings_n, 0);
}

static void gaps_of_hours_and_weeks_are_named(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_view view = {0};
    add(&series, "20260104-10.rdb", 0, 1);
    add(&series, "20260104-12.rdb", 0, 1);
    series_by_time(&series, true);
    struct series_limits limits = {.now_wall_ms = NOW_MS, .every_ms = HOUR};
    series_judge(&series, &limits, &view);
    assert_string_equal(found(&view, SERIES_GAP)->text, "none of 2026-01-04 11h");
    series = series_of(items);
    view = (struct series_view){0};
    add(&series, "2025-12-17", 0, 1);
    add(&series, "2026-01-02", 0, 1);
    series_by_time(&series, true);
    limits.every_ms = CALENDAR_WEEK_MS;
    series_judge(&series, &limits, &view);
    assert_string_equal(found(&view, SERIES_GAP)->text, "none of the week of 2025-12-22");
    assert_int_equal(found(&view, SERIES_GAP)->n, 1);
}

static void an_old_gap_outside_of_keep_is_nobodys(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_view view = {0};
    add(&series, "2025-06-01", 0, 1);
    add(&series, "2025-06-10", 0, 1);
    for (int day = 1; day <= 5; day++) {
        char name[24];
        (void)snprintf(name, sizeof name, "2026-01-%02d", day);
        add(&series, name, 0, 1);
    }
    series_by_time(&series, true);
    struct series_limits limits = {.now_wall_ms = NOW_MS, .every_ms = DAY, .keep_ms = 4 * DAY};
    series_judge(&series, &limits, &view);
    assert_int_equal(view.findings_n, 1); /* from June to January lies within, the older one not */
    assert_int_equal(view.findings[0].fault, SERIES_GAP);
    assert_string_equal(view.findings[0].text, "none of 2025-06-11");
}

static void nothing_is_never_good(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_limits limits = {.now_wall_ms = NOW_MS, .segment_bytes = 16 << 20};
    struct series_view view = {0};
    series_judge(&series, &limits, &view);
    assert_int_equal(view.findings[0].fault, SERIES_NONE);
    assert_int_equal(view.newest_age_ms, -1);
    view = (struct series_view){0};
    series_judge_wal(&series, &limits, &view);
    assert_int_equal(view.findings[0].fault, SERIES_NONE);
    assert_int_equal(view.newest_age_ms, -1);
}

static void grave_findings_come_first(void **state) {
    (void)state;
    struct series series = series_of(items);
    struct series_view view = {0};
    add(&series, "a", 9 * DAY, 1000);
    add(&series, "b", 3 * DAY, 10);
    series_by_time(&series, true);
    struct series_limits limits = {.now_wall_ms = NOW_MS,
                                   .every_ms = DAY,
                                   .max_age_ms = DAY,
                                   .keep_ms = 30 * DAY,
                                   .min_bytes = 100,
                                   .max_shrink = 50,
                                   .archive_class = "GLACIER"};
    series_judge(&series, &limits, &view);
    assert_int_equal(view.findings_n, 6);
    assert_true(series_fault_is_grave(view.findings[0].fault));
    assert_true(series_fault_is_grave(view.findings[1].fault));
    for (uint32_t i = 2; i < 6; i++) {
        assert_false(series_fault_is_grave(view.findings[i].fault));
    }
    assert_string_equal(found(&view, SERIES_OLD)->text, "the newest is 3 d old, above 24 h");
    assert_string_equal(found(&view, SERIES_SMALL)->text, "b has 10 bytes, below 100");
    assert_string_equal(found(&view, SERIES_SHORT)->text, "the oldest is 9 d old, kept are 30 d");
    assert_string_equal(found(&view, SERIES_CLASS)->text, "a is not in GLACIER");
    assert_non_null(found(&view, SERIES_SHRUNK));
    assert_non_null(found(&view, SERIES_GAP));
}

static void a_folder_counts_as_one(void **state) {
    (void)state;
    struct series series = series_of(items);
    add(&series, "20260104-020000F/pg_data/base.gz", 2000, 40);
    add(&series, "20260104-020000F/backup.info", 1000, 2);
    add(&series, "20260103-020000F/backup.info", 9000, 7);
    add(&series, "20260104-020000F-old/x", 9000, 1); /* '-' comes before '/' */
    add(&series, "20260104-020000F", 3000, 0);
    series_group(&series);
    assert_int_equal(series.items_n, 3);
    assert_string_equal(series.items[2].name, "20260104-020000F-old");
    assert_string_equal(series.items[1].name, "20260104-020000F");
    assert_int_equal(series.items[1].bytes, 42);
    assert_int_equal(series.items[1].modified_wall_ms, NOW_MS - 1000);
}

static void wal_names_are_known(void **state) {
    (void)state;
    const struct {
        const char *name;
        bool good;
    } table[] = {
        {"000000010000000000000001", true},
        {"15-1/0000000100000000/000000010000000000000001-abcdef.gz", true},
        {"000000010000000000000001.lz4", true},
        {"0000000A00000000000000FF", true},
        {"000000010000000000000001.00000028.backup", false},
        {"000000010000000000000001.partial", false},
        {"00000002.history", false},
        {"00000001000000000000000", false},
        {"0000000100000000000000011", false},
        {"00000001000000000000000G", false},
        {"000000000000000000000001", false}, /* no timeline is 0 */
        {"archive.info", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint32_t timeline, log, segment;
        assert_int_equal(series_wal_parse(table[i].name, &timeline, &log, &segment), table[i].good);
    }
}

static void wal_gaps_are_found(void **state) {
    (void)state;
    const struct {
        const char *names[6];
        uint32_t segment_mib;
        const char *gap; /* NULL: none */
        uint32_t n;
    } table[] = {
        {{"000000010000000000000001", "000000010000000000000002"}, 16, NULL, 0},
        {{"000000010000000000000001", "000000010000000000000003"},
         16,
         "gap at 000000010000000000000002",
         1},
        {{"000000010000000000000001", "000000010000000000000005"},
         16,
         "gap at 000000010000000000000002",
         3},
        /* from one log file to the next: FF is followed by 00 with 16 MiB, 3F with 64 MiB */
        {{"0000000100000000000000FF", "000000010000000100000000"}, 16, NULL, 0},
        {{"00000001000000000000003F", "000000010000000100000000"}, 64, NULL, 0},
        {{"00000001000000000000003F", "000000010000000100000000"},
         16,
         "gap at 000000010000000000000040",
         192},
        /* 0x40 does not exist with 64 MiB: the declared size is wrong */
        {{"000000010000000000000040"}, 64, "000000010000000000000040 is none of segm", 1},
        /* a promotion: the new timeline begins within the last segment, or right behind it */
        {{"000000010000000000000004", "000000020000000000000004"}, 16, NULL, 0},
        {{"000000010000000000000004", "000000020000000000000005"}, 16, NULL, 0},
        /* the old one went on alone for a while */
        {{"000000010000000000000004", "000000010000000000000005", "000000010000000000000006",
          "000000020000000000000004"},
         16,
         NULL,
         0},
        {{"000000010000000000000004", "000000020000000000000006"},
         16,
         "gap at 000000020000000000000005",
         1},
        /* kept twice: plain and compressed */
        {{"000000010000000000000004", "000000010000000000000004.gz", "000000010000000000000005"},
         16,
         NULL,
         0},
        /* what is none of them does not count */
        {{"000000010000000000000004", "00000002.history", "archive.info",
          "000000010000000000000004.00000028.backup", "000000010000000000000005"},
         16,
         NULL,
         0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct series series = series_of(items);
        struct series_view view = {0};
        for (size_t n = 0; n < 6 && table[i].names[n] != NULL; n++) {
            add(&series, table[i].names[n], 1000, 1);
        }
        series_wal_keep(&series);
        struct series_limits limits = {.now_wall_ms = NOW_MS,
                                       .segment_bytes = (uint64_t)table[i].segment_mib << 20};
        series_judge_wal(&series, &limits, &view);
        assert_int_equal(view.findings_n, table[i].gap != NULL);
        if (table[i].gap != NULL) {
            assert_memory_equal(view.findings[0].text, table[i].gap, strlen(table[i].gap));
            assert_int_equal(view.findings[0].n, table[i].n);
        }
        assert_int_equal(view.newest_age_ms, 1000);
    }
}

static void the_second_place_has_the_same(void **state) {
    (void)state;
    struct series ours = series_of(items), theirs = series_of(others);
    struct series_view view = {0};
    struct series_limits limits = {.now_wall_ms = NOW_MS, .grace_ms = 60000};
    add(&ours, "a", DAY, 1);
    add(&ours, "b", DAY, 1);
    add(&ours, "c", DAY, 1);
    add(&ours, "young", 1000, 1);
    add(&theirs, "a", DAY, 1);
    add(&theirs, "aa", DAY, 1); /* theirs alone: no matter of ours */
    add(&theirs, "c", DAY, 2);
    (void)snprintf(items[0].etag, sizeof items[0].etag, "d41d8cd98f00b204e9800998ecf8427e");
    (void)snprintf(others[0].etag, sizeof others[0].etag, "00000000000000000000000000000000");
    series_judge_peer(&ours, &theirs, &limits, &view);
    assert_string_equal(found(&view, SERIES_NOT_THERE)->text, "b is not at the second place");
    assert_string_equal(found(&view, SERIES_DIFFERS)->text, "a has another checksum there");
    assert_int_equal(found(&view, SERIES_DIFFERS)->n, 2);
    /* Of an upload in parts, the ETag is no checksum of the whole. */
    (void)snprintf(others[0].etag, sizeof others[0].etag, "00000000000000000000000000000000-2");
    others[2].bytes = 1;
    view = (struct series_view){0};
    series_judge_peer(&ours, &theirs, &limits, &view);
    assert_int_equal(view.findings_n, 1);
    assert_int_equal(view.findings[0].n, 1);
}

static void a_full_list_says_so(void **state) {
    (void)state;
    struct series series = {.items = items, .items_max = 2};
    struct series_item item = {.name = "a"};
    assert_true(series_add(&series, &item));
    assert_true(series_add(&series, &item));
    assert_false(series.cut);
    assert_false(series_add(&series, &item));
    assert_true(series.cut);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_go_there_and_back),
        cmocka_unit_test(dates_are_found_in_names),
        cmocka_unit_test(iso_times_are_read_whole_or_not_at_all),
        cmocka_unit_test(the_missing_day_is_named_and_counted),
        cmocka_unit_test(a_backup_around_midnight_makes_no_gap),
        cmocka_unit_test(gaps_of_hours_and_weeks_are_named),
        cmocka_unit_test(an_old_gap_outside_of_keep_is_nobodys),
        cmocka_unit_test(nothing_is_never_good),
        cmocka_unit_test(grave_findings_come_first),
        cmocka_unit_test(a_folder_counts_as_one),
        cmocka_unit_test(wal_names_are_known),
        cmocka_unit_test(wal_gaps_are_found),
        cmocka_unit_test(the_second_place_has_the_same),
        cmocka_unit_test(a_full_list_says_so),
    };
    return cmocka_run_group_tests_name("probe_series", tests, NULL, NULL);
}
