/* What a member records is replayed identically; a full disk, a small limit and strange files are
 * no surprise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/decide/replay.h"
#include "coordinator/recording.h"
#include "tests/unit/topology/sample.h"

#define LIMIT (4u * 1024 * 1024)
#define FILE_BYTES_MAX (3u * 1024 * 1024)

static char directory[64];
static uv_loop_t loop;
static struct decide decide;
static struct topology topologies[2];
static struct decision decision;
static struct decide_lines lines;
static struct recording *recording;
static uint64_t next_index, now_ms;

static struct stamp stamp_now(void) {
    return (struct stamp){.boot_ms = now_ms, .raw_ms = now_ms};
}

static void turn_loop(void) {
    recording_flush(recording);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static bool without_notes;

static void member_begins(uint64_t limit, const char *where) {
    struct attest_durable nothing = {.first_wait = without_notes};
    memset(&decide, 0, sizeof decide);
    decide.topology = &topologies[0];
    decide.topology_next = &topologies[1];
    decide.inner_scratch = malloc(FACTS_SCRATCH_SIZE);
    assert_non_null(decide.inner_scratch);
    next_index = 1;
    now_ms = 1000;
    recording = recording_open(&loop, where, limit, "m1", 7);
    decide_start(&decide, &nothing, stamp_now(), &lines);
    recording_start(recording, &decide, &nothing, stamp_now(), &lines);
}

static void member_ends(void) {
    recording_close(recording);
    recording = NULL;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    free(decide.inner_scratch);
}

static void take(struct fact *fact) {
    static uint8_t bytes[TOPOLOGY_BYTES_MAX + 1024];
    size_t size = fact_write(fact, bytes, sizeof bytes);
    assert_true(size > 0);
    struct recorder_record record = {.kind = RECORDER_FACT,
                                     .at = stamp_now(),
                                     .index = next_index++,
                                     .payload = bytes,
                                     .payload_size = size};
    if (decide_read(&decide, bytes, size, record.index, &decision, &lines)) {
        decide_step(&decide, &decision, &lines);
    }
    recording_put(recording, &decide, &record, &lines);
}

static void take_config(void) {
    const char *text = sample_text(NULL, NULL);
    static struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_CONFIG;
    fact.event.config.version = 1;
    fact.text = (const uint8_t *)text;
    fact.text_size = strlen(text);
    take(&fact);
    assert_true(decide.topology_known);
}

static void take_tick(void) {
    static struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_TICK;
    fact.event.tick.elapsed_ms = 100;
    now_ms += 100;
    fact.event.tick.wall_ms = 1795242000000 + now_ms;
    take(&fact);
}

static void take_lease(enum event_kind kind) {
    static struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = (uint8_t)kind;
    fact.event.open.epoch = 1;
    fact.event.open.region = decide.topology->initial_region;
    take(&fact);
}

static void take_timekeeper(void) {
    static struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event.kind = EVENT_TIMEKEEPER;
    fact.event.timekeeper.term = 1;
    take(&fact);
}

static enum attest_no ask(void) {
    uint8_t agent = topology_agent(decide.topology, "east-db1");
    struct attest_ask question = {.purpose = ATTEST_LEASE,
                                  .epoch = 1,
                                  .region = decide.topology->agents[agent].region,
                                  .numbers_agree = true,
                                  .now = stamp_now(),
                                  .wait_ms = decide_wait_ms(decide.topology)};
    enum attest_no answer = decide_answer(&decide, agent, &question, &lines);
    recording_question(recording, &decide, agent, &question, answer, &lines);
    return answer;
}

static void caught_up(void) {
    struct recorder_record record = {
        .kind = RECORDER_CAUGHT_UP, .at = stamp_now(), .index = next_index - 1};
    decide_caught_up(&decide, record.index, &lines);
    recording_put(recording, &decide, &record, &lines);
}

/* ------------------------------------------------------------------ the files */

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static char paths[64][256];

static unsigned files_list(uint64_t *ret_bytes) {
    unsigned n = 0;
    struct stat info;
    DIR *at = opendir(directory);
    const struct dirent *entry;
    *ret_bytes = 0;
    assert_non_null(at);
    while ((entry = readdir(at)) != NULL) {
        if (entry->d_name[0] != '.') {
            assert_true(n < 64);
            assert_true(text_format(paths[n], sizeof paths[0], "%s/%s", directory, entry->d_name));
            assert_int_equal(stat(paths[n++], &info), 0);
            assert_int_equal(info.st_mode & 0777, 0600);
            *ret_bytes += (uint64_t)info.st_size;
        }
    }
    (void)closedir(at);
    qsort(paths, n, sizeof paths[0], by_name);
    return n;
}

static uint8_t file_bytes[FILE_BYTES_MAX];

static size_t file_load(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(file_bytes, 1, sizeof file_bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size < sizeof file_bytes);
    return size;
}

static struct replay *replay_paths(unsigned from, unsigned to) {
    struct replay *replay = replay_make(NULL, 0, NULL);
    struct text256 why = {{0}};
    assert_non_null(replay);
    for (unsigned i = from; i < to; i++) {
        enum err err = replay_file(replay, file_bytes, file_load(paths[i]), &why);
        assert_string_equal(why.at, "");
        assert_int_equal(err, ERR_OK);
    }
    return replay;
}

static int directory_make(void **state) {
    (void)state;
    (void)text_copy(directory, sizeof directory, "recording-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(uv_loop_init(&loop), 0);
    return 0;
}

static int directory_remove(void **state) {
    (void)state;
    uint64_t bytes;
    unsigned n = files_list(&bytes);
    for (unsigned i = 0; i < n; i++) {
        (void)unlink(paths[i]);
    }
    (void)rmdir(directory);
    return uv_loop_close(&loop);
}

/* ----------------------------------------------------------------------- tests */

static void what_is_recorded_is_replayed_identically(void **state) {
    (void)state;
    uint64_t bytes;
    member_begins(LIMIT, directory);
    take_tick(); /* refused: before any topology */
    take_config();
    take_timekeeper();
    take_lease(EVENT_OPEN);
    assert_int_equal(ask(), ATTEST_NOT_CAUGHT_UP);
    caught_up();
    for (unsigned i = 0; i < 200; i++) {
        take_tick();
        assert_int_equal(ask(), ATTEST_YES);
        if (i % 50 == 0) {
            turn_loop();
        }
    }
    member_ends();
    assert_int_equal(files_list(&bytes), 1);
    struct replay *replay = replay_paths(0, 1);
    assert_int_equal(replay->differences_n, 0);
    assert_int_equal(replay->torn_n, 0);
    assert_int_equal(replay->facts_n, 204);
    assert_int_equal(replay->questions_n, 201);
    assert_true(replay->checks_n > 405 / RECORDER_CHECK_EVERY);
    assert_memory_equal(&replay->decide.core, &decide.core, sizeof decide.core);
    replay_free(replay);
}

/* A member without notes waits before its first yes; a replay knows when that was over. */
static void a_first_wait_is_replayed(void **state) {
    (void)state;
    uint64_t bytes;
    without_notes = true;
    member_begins(LIMIT, directory);
    without_notes = false;
    take_config();
    take_timekeeper();
    take_lease(EVENT_OPEN);
    caught_up();
    assert_int_equal(ask(), ATTEST_WAITING);
    assert_false(
        attest_first_due(&decide.attest, stamp_now(), decide_first_wait_ms(decide.topology)));
    now_ms += decide_first_wait_ms(decide.topology);
    assert_true(
        attest_first_due(&decide.attest, stamp_now(), decide_first_wait_ms(decide.topology)));
    assert_int_equal(ask(), ATTEST_WAITING);
    struct recorder_record over = {.kind = RECORDER_WAITED, .at = stamp_now(), .index = 0};
    assert_true(decide_waited(&decide, 0, &lines));
    assert_int_equal(lines.n, 1);
    recording_put(recording, &decide, &over, &lines);
    assert_int_equal(ask(), ATTEST_YES);
    assert_false(decide_waited(&decide, 0, &lines));
    member_ends();
    assert_int_equal(files_list(&bytes), 1);
    struct replay *replay = replay_paths(0, 1);
    assert_int_equal(replay->differences_n, 0);
    assert_int_equal(replay->questions_n, 3);
    assert_false(replay->decide.attest.durable.first_wait);
    /* What if the wait were another one: it ends by the numbers then, not by the recording. */
    for (unsigned i = 0; i < 2; i++) {
        struct replay_change changes[2];
        struct text256 why = {{0}};
        assert_int_equal(replay_change_read(i == 0 ? "lease.promise=40s" : "lease.promise=200s",
                                            &changes[0], &why),
                         ERR_OK);
        assert_int_equal(replay_change_read(i == 0 ? "lease.wait=31800ms" : "lease.wait=200s",
                                            &changes[1], &why),
                         ERR_OK);
        struct replay *changed = replay_make(changes, 2, replay);
        assert_non_null(changed);
        enum err err = replay_file(changed, file_bytes, file_load(paths[0]), &why);
        assert_string_equal(why.at, "");
        assert_int_equal(err, ERR_OK);
        assert_int_equal(changed->decide.attest.durable.first_wait, i == 1);
        assert_int_equal(changed->decide.attest.yes_known, i == 0);
        replay_free(changed);
    }
    replay_free(replay);
}

/* How much of the wait is over at once, of a CLOSE that was applied 700 ms after the last yes. */
static uint32_t waited_at_close(enum wait_from wait_from) {
    member_begins(LIMIT, directory);
    take_config();
    decide.topology->lease.wait_from = (uint8_t)wait_from;
    take_timekeeper();
    take_lease(EVENT_OPEN);
    caught_up();
    assert_int_equal(ask(), ATTEST_YES);
    now_ms += 700;
    decide.core.executions[0].id = 1; /* one that wants this CLOSE */
    decide.core.executions[0].stage = STAGE_FENCE;
    decide.core.executions[0].steps_n = decide.topology->plans[0].steps_n;
    memset(&decision, 0, sizeof decision);
    decision.fact.event.kind = EVENT_CLOSE;
    decision.fact.event.index = next_index++;
    decision.fact.event.close.epoch = 1;
    assert_int_equal(decide_closes(&decide, &decision), 1);
    decide.step_at = stamp_now();
    decide_step(&decide, &decision, &lines);
    uint32_t left_ms =
        attest_wait_left_ms(&decide.attest, stamp_now(), decide_wait_ms(decide.topology));
    uint32_t wait_ms = decide.topology->lease.wait_ms;
    member_ends();
    return wait_ms - left_ms;
}

static void a_wait_counts_from_where_the_topology_says(void **state) {
    (void)state;
    assert_int_equal(waited_at_close(WAIT_FROM_LAST_YES), 700);
    assert_int_equal(waited_at_close(WAIT_FROM_CLOSE), 0);
}

static void full_files_go_on_in_new_ones_within_the_limit(void **state) {
    (void)state;
    uint64_t bytes;
    member_begins(LIMIT, directory);
    take_config();
    take_timekeeper();
    take_lease(EVENT_OPEN);
    for (unsigned i = 0; i < 90000; i++) {
        take_tick();
        if (i % 500 == 0) {
            turn_loop();
        }
    }
    assert_false(recording_stopped(recording));
    member_ends();
    unsigned n = files_list(&bytes);
    assert_true(n >= 3);
    assert_true(bytes <= LIMIT);
    for (unsigned i = 0; i < n; i++) { /* each alone */
        struct replay *replay = replay_paths(i, i + 1);
        assert_int_equal(replay->differences_n, 0);
        assert_true(replay->facts_n > 0);
        replay_free(replay);
    }
    struct replay *replay = replay_paths(0, n); /* and all in a row */
    assert_int_equal(replay->differences_n, 0);
    assert_int_equal(replay->torn_n, 0);
    assert_memory_equal(&replay->decide.core, &decide.core, sizeof decide.core);
    replay_free(replay);
    replay = replay_paths(0, 1); /* one left out */
    struct text256 why;
    assert_int_equal(replay_file(replay, file_bytes, file_load(paths[2]), &why), ERR_OK);
    assert_int_equal(replay->differences_n, 0); /* it stands alone: nothing says that it goes on */
    replay_free(replay);
}

static void a_full_disk_stops_the_recording_and_nothing_else(void **state) {
    (void)state;
    struct rlimit before, small;
    uint64_t bytes;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    member_begins(LIMIT, directory);
    take_config();
    take_timekeeper();
    for (unsigned i = 0; i < 5000; i++) {
        take_tick();
        if (i % 100 == 0) {
            turn_loop();
        }
    }
    bool stopped = recording_stopped(recording);
    uint64_t decided_ms = decide.core.now_ms;
    member_ends();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(stopped);
    assert_true(decided_ms >= 5000 * 100);
    assert_int_equal(files_list(&bytes), 1);
    assert_int_equal(bytes, 100000);
    struct replay *replay = replay_paths(0, 1); /* what there is of it is good */
    assert_int_equal(replay->differences_n, 0);
    assert_int_equal(replay->torn_n, 1);
    replay_free(replay);
}

static void a_slow_disk_stops_the_recording(void **state) {
    (void)state;
    member_begins(LIMIT, directory);
    take_config();
    for (unsigned i = 0; i < 200000 && !recording_stopped(recording); i++) {
        take_tick(); /* the loop never turns: what is handed over is never said to be written */
    }
    assert_true(recording_stopped(recording));
    take_tick();
    member_ends();
}

static void a_place_that_is_none_stops_the_recording(void **state) {
    (void)state;
    member_begins(LIMIT, "/proc/none/here");
    take_config();
    turn_loop();
    assert_true(recording_stopped(recording));
    take_tick();
    member_ends();
}

static void without_a_place_nothing_is_recorded(void **state) {
    (void)state;
    uint64_t bytes;
    member_begins(LIMIT, "");
    assert_null(recording);
    take_config();
    (void)ask();
    turn_loop();
    member_ends();
    assert_int_equal(files_list(&bytes), 0);
}

/* A file that says what no member can have come to is an error, not an abort. */
static void a_state_that_cannot_be_is_refused(void **state) {
    (void)state;
    static uint8_t bytes[DECIDE_STATE_MAX];
    static struct core good;
    struct text256 why;
    member_begins(LIMIT, "");
    take_config();
    take_timekeeper();
    take_lease(EVENT_OPEN);
    good = decide.core;
    assert_true(decide_core_is_sane(&good, decide.topology));
    for (unsigned i = 0; i < 14; i++) {
        struct core *core = &decide.core;
        *core = good;
        switch (i) {
        case 0: core->phase = PHASES_N; break;
        case 1: core->phase = PHASE_CLOSED; break;
        case 2: core->epoch = 0; break;
        case 3: core->owner = decide.topology->regions_n; break;
        case 4: core->timekeeper = decide.topology->members_n; break;
        case 5: core->last_class[0] = CLASSES_N; break;
        case 6: core->executions[1].stage = STAGE_RUN; break;
        case 7: core->executions[1].stage = STAGES_N; break;
        case 8: core->executions[0].plan = PLANS_MAX; break;
        case 9: core->executions[0].steps[2].phase = STEP_PHASES_N; break;
        case 10: core->requests_next = REQUESTS_MAX; break;
        case 11: core->now_ms = 0; break;
        case 12: core->config_version = 2; break;
        default: decide.attest.durable.waited_epoch = 1; break;
        }
        size_t size = decide_state_write(&decide, bytes, sizeof bytes);
        struct decide other = {.topology = &topologies[1]};
        assert_true(size > 0);
        assert_int_equal(decide_state_read(&other, bytes, size, &why), ERR_FORMAT);
    }
    member_ends();
}

static void a_change_is_one_number_of_lease_or_policy(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
        uint64_t value;
    } table[] = {
        {"lease.wait=20s", "lease.wait", 20000},
        {"policy.hold_down=1500ms", "policy.hold_down", 1500},
        {"lease.drift_ppm=500", "lease.drift_ppm", 500},
        {"lease.wait=20", NULL, 0},
        {"lease.wait", NULL, 0},
        {"lease.waits=20s", NULL, 0},
        {"policy.automatic=1s", NULL, 0},
        {"=1s", NULL, 0},
        {"", NULL, 0},
        {"lease.wait=5000000000ms", NULL, 0},
        {"policy.silent=5s", "policy.silent", 5000},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct replay_change change = {0};
        struct text256 why = {{0}};
        enum err err = replay_change_read(table[i].text, &change, &why);
        assert_int_equal(err, table[i].name == NULL ? ERR_FORMAT : ERR_OK);
        if (table[i].name != NULL) {
            assert_string_equal(change.name, table[i].name);
            assert_int_equal(change.value, table[i].value);
        } else {
            assert_true(why.at[0] != '\0');
        }
    }
}

int main(void) {
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, directory_make, directory_remove)
    const struct CMUnitTest tests[] = {
        ON_DISK(what_is_recorded_is_replayed_identically),
        ON_DISK(a_first_wait_is_replayed),
        ON_DISK(a_wait_counts_from_where_the_topology_says),
        ON_DISK(full_files_go_on_in_new_ones_within_the_limit),
        ON_DISK(a_full_disk_stops_the_recording_and_nothing_else),
        ON_DISK(a_slow_disk_stops_the_recording),
        ON_DISK(a_place_that_is_none_stops_the_recording),
        ON_DISK(without_a_place_nothing_is_recorded),
        ON_DISK(a_state_that_cannot_be_is_refused),
        cmocka_unit_test(a_change_is_one_number_of_lease_or_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
