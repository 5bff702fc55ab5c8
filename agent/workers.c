/* Jobs off the loop: probes and actions on libuv's pool, fencing on a thread of its own, so that a
 * pool full of hung targets never delays it. */
#include "agent/agent.h"

static void pool_run(uv_work_t *work) {
    struct job *job = work->data;
    job->run(job);
}

static void pool_done(uv_work_t *work, int status) {
    struct job *job = work->data;
    (void)status; /* jobs are never cancelled */
    job->agent->workers_busy_n--;
    job->done(job);
}

void worker_run(struct job *job) {
    job->work.data = job;
    job->agent->workers_busy_n++;
    int rc = uv_queue_work(job->agent->loop, &job->work, pool_run, pool_done);
    ensure(rc == 0);
}

static void thread_run(void *argument) {
    struct job *job = argument;
    job->run(job);
    (void)uv_async_send(&job->async);
}

static void async_closed(uv_handle_t *handle) {
    struct job *job = handle->data;
    job->done(job);
}

static void async_done(uv_async_t *async) {
    struct job *job = async->data;
    (void)uv_thread_join(&job->thread);
    uv_close((uv_handle_t *)async, async_closed);
}

void worker_run_now(struct job *job) {
    job->async.data = job;
    int rc = uv_async_init(job->agent->loop, &job->async, async_done);
    ensure(rc == 0);
    rc = uv_thread_create(&job->thread, thread_run, job);
    ensure(rc == 0);
}
