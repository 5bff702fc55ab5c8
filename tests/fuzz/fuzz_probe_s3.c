/* What S3, MinIO and Git servers may say, and names of backups; the first byte is the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/calendar.h"
#include "agent/probes/git_commit.h"
#include "agent/probes/parse_git.h"
#include "agent/probes/parse_s3.h"
#include "agent/probes/series.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECTS 8
#define NOW_MS UINT64_C(1767571200000)

static void list_fuzz(const char *text) {
    static struct s3_object objects[OBJECTS];
    size_t n = 0;
    bool more = false;
    if (s3_list_parse(text, objects, OBJECTS, &n, &more) != ERR_OK) {
        return;
    }
    if (n > OBJECTS || (more && n == 0)) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(objects[i].key) >= S3_KEY_SIZE) {
            abort();
        }
    }
}

/* Each line is a name; its length stands for size and age. */
static void series_fuzz(char *text, bool wal) {
    static struct series_item items[64];
    struct series series = {.items = items, .items_max = 64};
    struct series_limits limits = {.now_wall_ms = NOW_MS,
                                   .every_ms = CALENDAR_DAY_MS,
                                   .max_age_ms = 1,
                                   .keep_ms = 1000 * CALENDAR_DAY_MS,
                                   .min_bytes = 2,
                                   .max_shrink = 3,
                                   .segment_bytes = 16 << 20,
                                   .archive_class = "GLACIER"};
    struct series_view view = {0};
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        char *next = text[n] == '\n' ? text + n + 1 : text + n;
        text[n] = '\0';
        struct series_item item = {.bytes = n, .modified_wall_ms = NOW_MS - n * 1000};
        if (n < sizeof item.name) {
            memcpy(item.name, text, n + 1);
            (void)series_add(&series, &item);
        }
        text = next;
    }
    if (wal) {
        series_wal_keep(&series);
        series_judge_wal(&series, &limits, &view);
    } else {
        series_group(&series);
        series_judge_peer(&series, &series, &limits, &view);
        if (view.findings_n != 0) {
            abort(); /* it equals itself */
        }
        series_by_time(&series, true);
        series_judge(&series, &limits, &view);
    }
    if (view.findings_n > SERIES_FINDINGS_MAX ||
        (series.items_n == 0) != (view.newest_age_ms < 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char code[32];
    int64_t number = 0, wall_ms = 0;
    uint64_t at_ms = 0;
    enum s3_versioning versioning;
    struct s3_versions versions;
    struct s3_replication replication;
    struct s3_rules rules;
    struct s3_servers servers;
    struct s3_capacity capacity;
    struct git_view git;
    enum err err = ERR_OK;
    if (size < 1) {
        return 0;
    }
    char *text = malloc(size);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 8) {
    case 0: list_fuzz(text); break;
    case 1:
        err = s3_versioning_parse(text, &versioning);
        if (s3_versions_parse(text, "drover/canary/east", 1, &versions) == ERR_OK &&
            versions.n < versions.old_n) {
            abort();
        }
        break;
    case 2:
        s3_error_code(text, code, sizeof code);
        if (s3_canary_parse(text, &number, &wall_ms) == ERR_OK && (number < 0 || wall_ms < 0)) {
            abort();
        }
        break;
    case 3:
        err = s3_replication_parse(text, size - 1, &replication);
        if ((s3_rules_parse(text, "bud", &rules) == ERR_OK && rules.n < rules.here_n) ||
            (s3_servers_parse(text, &servers) == ERR_OK && servers.online_n < 1) ||
            (s3_capacity_parse(text, &capacity) == ERR_OK &&
             capacity.free_bytes > capacity.size_bytes)) {
            abort();
        }
        break;
    case 4:
        err = git_refs_parse(text, size - 1, "HEAD", &git);
        err = git_commit_parse(text, size - 1, &at_ms);
        break;
    case 5: (void)calendar_parse_iso(text, &at_ms); break;
    default: series_fuzz(text, data[0] % 8 == 6);
    }
    (void)err; /* any is fine */
    free(text);
    return 0;
}
