/* Jobs off the loop: that the end of the process waits for them, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"

#define SHORT_MS 50
#define LONG_MS 20000

struct held_job {
    struct job job;
    uv_sem_t begun, release;
    bool done;
};

static uv_loop_t loop;
static struct agent_conf conf = {.workers = 2};
static struct agent_program agent = {.loop = &loop, .conf = &conf};

static void held_run(struct job *base) {
    struct held_job *held = base->data;
    uv_sem_post(&held->begun);
    uv_sem_wait(&held->release);
}

static void held_done(struct job *base) {
    struct held_job *held = base->data;
    held->done = true;
}

static void held_init(struct held_job *held) {
    *held = (struct held_job){
        .job = {.agent = &agent, .run = held_run, .done = held_done, .data = held}};
    assert_int_equal(uv_sem_init(&held->begun, 0), 0);
    assert_int_equal(uv_sem_init(&held->release, 0), 0);
}

static void held_check(void (*start)(struct job *job)) {
    struct held_job held;
    held_init(&held);
    assert_int_equal(uv_loop_init(&loop), 0);
    start(&held.job);
    uv_sem_wait(&held.begun);
    uint64_t before_ms = clock_boot_ms();
    assert_false(workers_wait(SHORT_MS));
    assert_true(clock_boot_ms() - before_ms >= SHORT_MS);
    uv_sem_post(&held.release);
    assert_true(workers_wait(LONG_MS));
    /* What the job says is still told on the loop, whenever that runs again. */
    assert_false(held.done);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(held.done);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&held.begun);
    uv_sem_destroy(&held.release);
}

static void a_job_on_the_pool_is_waited_for_and_not_for_ever(void **state) {
    (void)state;
    held_check(worker_run);
}

static void a_job_on_a_thread_of_its_own_is_waited_for_and_not_for_ever(void **state) {
    (void)state;
    held_check(worker_run_now);
}

/* More hung jobs than the pool has threads: each begins all the same, and so does the next one. */
static void jobs_that_hang_delay_no_other(void **state) {
    static struct held_job held[2 + 8];
    const unsigned held_n = sizeof held / sizeof held[0];
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (unsigned i = 0; i < held_n; i++) {
        held_init(&held[i]);
        worker_run(&held[i].job);
        uv_sem_wait(&held[i].begun);
    }
    for (unsigned i = 0; i < held_n; i++) {
        uv_sem_post(&held[i].release);
    }
    assert_true(workers_wait(LONG_MS));
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < held_n; i++) {
        assert_true(held[i].done);
        uv_sem_destroy(&held[i].begun);
        uv_sem_destroy(&held[i].release);
    }
    struct held_job after; /* the pool's threads are free again */
    held_init(&after);
    uv_sem_post(&after.release);
    worker_run(&after.job);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(after.done);
    uv_sem_destroy(&after.begun);
    uv_sem_destroy(&after.release);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* A stack of 200 TiB is more than there are addresses: no thread can be made. */
static void without_more_threads_a_job_waits_for_the_pool(void **state) {
    struct held_job held[3];
    struct rlimit before, huge;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_STACK, &before), 0);
    huge = before;
    huge.rlim_cur = (rlim_t)200 << 40;
    if (before.rlim_max != RLIM_INFINITY) {
        print_message("skipped: RLIMIT_STACK's hard limit of %llu bytes lets no stack be too big\n",
                      (unsigned long long)before.rlim_max);
        skip();
    }
    assert_int_equal(uv_loop_init(&loop), 0);
    for (unsigned i = 0; i < 3; i++) {
        held_init(&held[i]);
    }
    worker_run(&held[0].job);
    worker_run(&held[1].job);
    assert_int_equal(setrlimit(RLIMIT_STACK, &huge), 0);
    worker_run(&held[2].job);
    assert_int_equal(setrlimit(RLIMIT_STACK, &before), 0);
    for (unsigned i = 0; i < 3; i++) {
        uv_sem_post(&held[i].release);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(held[i].done);
        uv_sem_destroy(&held[i].begun);
        uv_sem_destroy(&held[i].release);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void nothing_under_way_is_not_waited_for(void **state) {
    (void)state;
    uint64_t before_ms = clock_boot_ms();
    assert_true(workers_wait(LONG_MS));
    assert_true(clock_boot_ms() - before_ms < LONG_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_under_way_is_not_waited_for),
        cmocka_unit_test(a_job_on_the_pool_is_waited_for_and_not_for_ever),
        cmocka_unit_test(a_job_on_a_thread_of_its_own_is_waited_for_and_not_for_ever),
        cmocka_unit_test(jobs_that_hang_delay_no_other),
        cmocka_unit_test(without_more_threads_a_job_waits_for_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
