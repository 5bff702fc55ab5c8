/* Jobs off the loop: that the end of the process waits for them, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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
static struct agent_program agent = {.loop = &loop};

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
