/* The contract of log.h that an engine on disk can show in one process: callbacks never from inside
 * a call, everything answered at close, facts in order, once. tests/integration/engine has the
 * rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/log/log.h"

#define FACTS_MAX 256

struct world {
    uv_loop_t loop;
    struct log *log;
    char directory[64], path[96];
    struct log_memory memory;
    bool inside; /* a call of log.h is on the stack */
    uint64_t index[FACTS_MAX];
    char key[FACTS_MAX][FACT_KEY_SIZE];
    uint32_t facts_n, acks_n, existed_n, closed_n, heads_n, other_n;
    uint32_t close_at; /* close the log from inside this fact's callback */
    uint64_t head, compacted;
    enum err last_err;
    bool reachable, went_back;
};

static void on_fact(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size) {
    struct world *w = owner;
    assert_false(w->inside);
    assert_non_null(bytes);
    assert_int_equal(size, strlen(key));
    assert_memory_equal(bytes, key, size);
    assert_true(w->facts_n < FACTS_MAX);
    w->index[w->facts_n] = index;
    (void)text_copy(w->key[w->facts_n], FACT_KEY_SIZE, key);
    w->facts_n++;
    if (w->facts_n == w->close_at) {
        log_close(w->log);
        w->log = NULL;
    }
}

static void on_compacted(void *owner, uint64_t first) {
    struct world *w = owner;
    assert_false(w->inside);
    w->compacted = first;
}

static void on_reachable(void *owner, bool reachable) {
    struct world *w = owner;
    assert_false(w->inside);
    w->reachable = reachable;
}

static void on_went_back(void *owner, const char *why) {
    struct world *w = owner;
    assert_false(w->inside);
    assert_false(w->went_back);
    assert_true(strlen(why) > 10);
    w->went_back = true;
}

static void on_appended(void *owner, enum err err, uint64_t index, bool existed) {
    struct world *w = owner;
    assert_false(w->inside);
    w->acks_n += err == ERR_OK;
    w->closed_n += err == ERR_CLOSED;
    w->existed_n += existed;
    w->last_err = err;
    assert_true((index != 0) == (err == ERR_OK));
}

static void on_head(void *owner, enum err err, uint64_t index) {
    struct world *w = owner;
    assert_false(w->inside);
    w->closed_n += err == ERR_CLOSED;
    w->heads_n++;
    w->head = index;
}

static void on_plain(void *owner, enum err err) {
    struct world *w = owner;
    assert_false(w->inside);
    w->closed_n += err == ERR_CLOSED;
    w->other_n++;
    w->last_err = err;
}

static void on_loaded(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                      size_t size) {
    struct world *w = owner;
    assert_false(w->inside);
    w->other_n++;
    w->last_err = err;
    if (err == ERR_OK) {
        assert_int_equal(index, 20);
        assert_int_equal(size, 4);
        assert_memory_equal(bytes, "snap", 4);
    }
}

static void world_open(struct world *w) {
    struct log_config config = {.engine = "embedded", .path = w->path};
    struct log_events events = {w, on_fact, on_compacted, on_reachable, on_went_back};
    struct text256 why = {0};
    w->inside = true;
    enum err err = log_open(&w->loop, &config, &w->memory, &events, &w->log, &why);
    w->inside = false;
    assert_int_equal(err, ERR_OK);
}

static void world_close(struct world *w) {
    if (w->log != NULL) {
        w->memory = log_memory_now(w->log);
        log_close(w->log);
        w->log = NULL;
    }
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)text_copy(w->directory, sizeof(w->directory), P_tmpdir "/drover-log-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    (void)text_format(w->path, sizeof(w->path), "%s/log.db", w->directory);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    world_close(w);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    static const char *const endings[] = {"", "-wal", "-journal"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char path[128];
        (void)text_format(path, sizeof(path), "%s%s", w->path, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(w->directory), 0);
    free(w);
    return 0;
}

static void append(struct world *w, const char *key) {
    w->inside = true;
    log_append(w->log, key, (const uint8_t *)key, strlen(key), w, on_appended);
    w->inside = false;
}

static void append_many(struct world *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        char key[FACT_KEY_SIZE];
        (void)text_format(key, sizeof(key), "key/%u", i);
        append(w, key);
    }
}

static void subscribe(struct world *w, uint64_t from) {
    w->inside = true;
    log_subscribe(w->log, from);
    w->inside = false;
}

/* Runs the loop until *count reaches n; the loop's own timers bound each turn to half a second. */
static void run_until(struct world *w, const uint32_t *count, uint32_t n) {
    for (int turns = 0; *count < n && turns < 4000; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_true(*count >= n);
}

static void facts_come_once_and_in_order(void **state) {
    struct world *w = *state;
    world_open(w);
    subscribe(w, 1);
    append_many(w, 100);
    append(w, "key/7");
    run_until(w, &w->acks_n, 101);
    run_until(w, &w->facts_n, 100);
    assert_int_equal(w->existed_n, 1);
    for (uint32_t i = 0; i < 100; i++) {
        char key[FACT_KEY_SIZE];
        (void)text_format(key, sizeof(key), "key/%u", i);
        assert_string_equal(w->key[i], key);
        assert_int_equal(w->index[i], i + 1);
    }
    log_head(w->log, w, on_head);
    run_until(w, &w->heads_n, 1);
    assert_int_equal(w->head, 100);
    assert_true(w->reachable);
    assert_int_equal(log_memory_now(w->log).highest_index, 100);
}

static void everything_open_is_answered_at_close(void **state) {
    struct world *w = *state;
    world_open(w);
    append_many(w, 50);
    log_head(w->log, w, on_head);
    log_snapshot_store(w->log, 20, (const uint8_t *)"snap", 4, w, on_plain);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    log_close(w->log);
    w->log = NULL;
    assert_int_equal(w->acks_n + w->closed_n, 52);
    uint32_t answered_n = w->acks_n + w->closed_n;
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->acks_n + w->closed_n, answered_n);
    assert_int_equal(w->facts_n, 0);
}

static void a_log_may_be_closed_from_its_own_callback(void **state) {
    struct world *w = *state;
    world_open(w);
    subscribe(w, 1);
    w->close_at = 10;
    append_many(w, 50);
    run_until(w, &w->facts_n, 10);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->facts_n, 10);
    assert_int_equal(w->acks_n + w->closed_n, 50);
}

static void compaction_wants_a_snapshot_and_leads_to_it(void **state) {
    struct world *w = *state;
    world_open(w);
    append_many(w, 30);
    run_until(w, &w->acks_n, 30);
    log_snapshot_load(w->log, w, on_loaded);
    run_until(w, &w->other_n, 1);
    assert_int_equal(w->last_err, ERR_NOT_FOUND);
    log_compact(w->log, 20, w, on_plain);
    run_until(w, &w->other_n, 2);
    assert_int_equal(w->last_err, ERR_PRECONDITION);
    log_snapshot_store(w->log, 20, (const uint8_t *)"snap", 4, w, on_plain);
    log_compact(w->log, 20, w, on_plain);
    log_snapshot_load(w->log, w, on_loaded);
    run_until(w, &w->other_n, 5);
    assert_int_equal(w->last_err, ERR_OK);
    append(w, "key/3");
    run_until(w, &w->acks_n, 31);
    assert_int_equal(w->existed_n, 1);
    subscribe(w, 20);
    for (int turns = 0; w->compacted == 0 && turns < 100; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(w->compacted, 21);
    assert_int_equal(w->facts_n, 0);
    subscribe(w, 21);
    run_until(w, &w->facts_n, 10);
    assert_int_equal(w->index[0], 21);
    log_snapshot_store(w->log, 19, (const uint8_t *)"old!", 4, w, on_plain);
    run_until(w, &w->other_n, 6);
    assert_int_equal(w->last_err, ERR_STALE);
}

static void a_log_that_lost_facts_stops_the_member(void **state) {
    struct world *w = *state;
    world_open(w);
    append_many(w, 5);
    run_until(w, &w->acks_n, 5);
    assert_int_equal(log_memory_now(w->log).highest_index, 0); /* acknowledged, not delivered yet */
    subscribe(w, 1);
    run_until(w, &w->facts_n, 5);
    world_close(w);
    assert_int_equal(w->memory.highest_index, 5);
    w->memory.highest_index = 6;
    w->facts_n = 0;
    world_open(w);
    subscribe(w, 1);
    append(w, "more");
    for (int turns = 0; w->last_err != ERR_WENT_BACK && turns < 100; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_true(w->went_back);
    assert_int_equal(w->last_err, ERR_WENT_BACK);
    assert_int_equal(w->facts_n, 0);
    world_close(w);
    w->memory.highest_index = 5;
    w->memory.highest_key ^= 1;
    w->went_back = false;
    world_open(w);
    for (int turns = 0; !w->went_back && turns < 100; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_true(w->went_back);
}

static void what_cannot_be_appended_is_told_later(void **state) {
    struct world *w = *state;
    static uint8_t big[FACT_BYTES_MAX + 1];
    world_open(w);
    w->inside = true;
    log_append(w->log, "big", big, sizeof(big), w, on_appended);
    w->inside = false;
    for (int turns = 0; w->last_err == ERR_OK && turns < 100; turns++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(w->last_err, ERR_TOO_BIG);
    for (uint32_t i = 0; i < 1100; i++) {
        append(w, "same");
    }
    run_until(w, &w->acks_n, 1024);
    for (int turns = 0; turns < 20; turns++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(w->acks_n, 1024);
    assert_int_equal(w->existed_n, 1023);
}

static void a_wrong_configuration_is_explained(void **state) {
    struct world *w = *state;
    static const struct {
        struct log_config config;
        const char *words;
    } cases[] = {
        {{.engine = NULL}, "is not known"},
        {{.engine = "raft"}, "is not known"},
        {{.engine = "embedded"}, "path is missing"},
        {{.engine = "embedded", .path = "/nowhere/at/all/log.db"}, "cannot be opened"},
        {{.engine = "etcd"}, "0 endpoints"},
        {{.engine = "etcd", .endpoints = {"http://127.0.0.1:1"}, .endpoints_n = 1}, "https://"},
        {{.engine = "etcd", .endpoints = {"https://127.0.0.1:1"}, .endpoints_n = 1, .prefix = "x"},
         "prefix"},
        {{.engine = "etcd",
          .endpoints = {"https://127.0.0.1:1"},
          .endpoints_n = 1,
          .prefix = "/x/",
          .ca_file = "/nowhere/ca.pem"},
         "ca_file /nowhere/ca.pem cannot be read"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_events events = {w, on_fact, on_compacted, on_reachable, on_went_back};
        struct log_memory memory = {0};
        struct text256 why = {0};
        struct log *log = NULL;
        enum err err = log_open(&w->loop, &cases[i].config, &memory, &events, &log, &why);
        assert_int_not_equal(err, ERR_OK);
        assert_null(log);
        assert_non_null(strstr(why.at, cases[i].words));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_come_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_open_is_answered_at_close, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_may_be_closed_from_its_own_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(compaction_wants_a_snapshot_and_leads_to_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_that_lost_facts_stops_the_member, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_appended_is_told_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_configuration_is_explained, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
