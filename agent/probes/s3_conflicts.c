#include "agent/probes/s3_conflicts.h"

#include <string.h>

#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"

#define GRACE_MS 900000
#define PAGES 20

struct compare {
    struct s3_walk here, there;
    const struct s3_object *ours, *theirs;
    uint64_t now_wall_ms, grace_ms;
    int64_t differs_n, only_here_n, only_there_n, compared_n;
    char first[40];
};

/* drover's own canaries are young by design, and each side has its own. */
static bool is_canary(const char *key) {
    return text_starts(key, "drover/canary/");
}

static bool is_settled(const struct compare *compare, uint64_t modified_wall_ms) {
    return compare->now_wall_ms > modified_wall_ms &&
           compare->now_wall_ms - modified_wall_ms >= compare->grace_ms;
}

static void count(struct compare *compare, int64_t *n, const char *key) {
    ++*n;
    if (compare->first[0] == '\0') {
        (void)text_copy(compare->first, sizeof compare->first, key);
    }
}

/* A walk that was cut short knows nothing of the keys behind its end. */
static bool is_past(const struct s3_walk *walk, const struct s3_object *object, const char *key) {
    return object == NULL && walk->more && strcmp(key, walk->after) > 0;
}

static bool step(struct compare *compare, struct reading *ret_reading) {
    const struct s3_object *ours = compare->ours, *theirs = compare->theirs;
    int order = ours == NULL ? 1 : theirs == NULL ? -1 : strcmp(ours->key, theirs->key);
    if (order == 0) {
        bool settled = is_settled(compare, ours->modified_wall_ms) &&
                       is_settled(compare, theirs->modified_wall_ms);
        compare->compared_n++;
        if (settled && !is_canary(ours->key) &&
            (ours->bytes != theirs->bytes || !text_equal(ours->etag, theirs->etag))) {
            count(compare, &compare->differs_n, ours->key);
        }
    } else if (order < 0) {
        if (is_settled(compare, ours->modified_wall_ms) && !is_canary(ours->key) &&
            !is_past(&compare->there, theirs, ours->key)) {
            count(compare, &compare->only_here_n, ours->key);
        }
    } else if (is_settled(compare, theirs->modified_wall_ms) && !is_canary(theirs->key) &&
               !is_past(&compare->here, ours, theirs->key)) {
        count(compare, &compare->only_there_n, theirs->key);
    }
    return (order > 0 || s3_walk_next(&compare->here, &compare->ours, ret_reading)) &&
           (order < 0 || s3_walk_next(&compare->there, &compare->theirs, ret_reading));
}

static struct reading judge(const struct compare *compare) {
    bool bounded = compare->here.more || compare->there.more;
    int64_t all_n = compare->differs_n + compare->only_here_n + compare->only_there_n;
    struct reading reading;
    if (all_n == 0) {
        reading =
            reading_judged(true, "%lld keys are on both sides%s", (long long)compare->compared_n,
                           bounded ? ", there are more than were compared" : "");
    } else {
        reading = reading_judged(false, "%lld differ, only here %lld, only there %lld: %s",
                                 (long long)compare->differs_n, (long long)compare->only_here_n,
                                 (long long)compare->only_there_n, compare->first);
    }
    if (bounded) {
        reading_warn(&reading);
    }
    reading.value = all_n;
    return reading;
}

static struct reading compare_run(struct compare *compare) {
    struct reading reading;
    bool done = s3_walk_next(&compare->here, &compare->ours, &reading) &&
                s3_walk_next(&compare->there, &compare->theirs, &reading);
    while (done && (compare->ours != NULL || compare->theirs != NULL)) {
        done = step(compare, &reading);
    }
    if (!done) {
        reading.value = -1;
        return reading;
    }
    return judge(compare);
}

struct reading s3_conflicts(const struct probe_input *input, const struct s3_place *place) {
    struct s3_place peer;
    struct text256 why = {""};
    struct reading reading;
    if (s3_place_open(input, true, &peer, &why) != ERR_OK) {
        return reading_failed(ERR_CONFIG, "%s", why.at);
    }
    unsigned pages = (unsigned)parameter_number(input->arguments, "pages", PAGES);
    struct compare compare = {
        .now_wall_ms = clock_wall_ms(),
        .grace_ms = parameter_number(input->arguments, "grace_ms", GRACE_MS),
    };
    uint64_t start_ms = clock_boot_ms();
    enum err err = s3_walk_open(&compare.here, place, pages);
    if (s3_walk_open(&compare.there, &peer, pages) != ERR_OK || err != ERR_OK) {
        reading = reading_failed(ERR_NO_MEMORY, "out of memory");
    } else {
        reading = compare_run(&compare);
    }
    s3_walk_close(&compare.here);
    s3_walk_close(&compare.there);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
