/* Jobs off the loop: probes on libuv's pool, actions and fencing on a thread of their own. And a
 * probe, too, when every thread of the pool is taken: targets that hang must delay no other check.
 * One run of a check at a time, so there are never more threads than checks. */
#include "agent/agent.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"

/* Jobs that are queued or run, of the whole process: what workers_wait() waits for. */
static struct {
    uv_mutex_t lock;
    uv_cond_t fewer;
    unsigned jobs_n;
} under_way;
static uv_once_t under_way_once = UV_ONCE_INIT;

static void under_way_init(void) {
    int rc = uv_mutex_init(&under_way.lock);
    ensure(rc == 0);
    rc = uv_cond_init(&under_way.fewer);
    ensure(rc == 0);
}

static void job_begun(void) {
    uv_once(&under_way_once, under_way_init);
    uv_mutex_lock(&under_way.lock);
    under_way.jobs_n++;
    uv_mutex_unlock(&under_way.lock);
}

/* On the worker, right behind the job's last call of any library. */
static void job_ended(void) {
    uv_mutex_lock(&under_way.lock);
    ensure(under_way.jobs_n > 0);
    under_way.jobs_n--;
    uv_cond_signal(&under_way.fewer);
    uv_mutex_unlock(&under_way.lock);
}

bool workers_wait(uint32_t within_ms) {
    uint64_t end_ms = clock_boot_ms() + within_ms;
    uv_once(&under_way_once, under_way_init);
    uv_mutex_lock(&under_way.lock);
    for (uint64_t now_ms = clock_boot_ms(); under_way.jobs_n > 0 && now_ms < end_ms;
         now_ms = clock_boot_ms()) {
        (void)uv_cond_timedwait(&under_way.fewer, &under_way.lock, (end_ms - now_ms) * 1000000);
    }
    bool idle = under_way.jobs_n == 0;
    uv_mutex_unlock(&under_way.lock);
    return idle;
}

static unsigned pool_jobs_n; /* of the loop's thread: queued or run, and not yet told */

static void pool_run(uv_work_t *work) {
    struct job *job = work->data;
    job->run(job);
    job_ended();
}

static void pool_done(uv_work_t *work, int status) {
    struct job *job = work->data;
    (void)status; /* jobs are never cancelled */
    ensure(pool_jobs_n > 0);
    pool_jobs_n--;
    job->done(job);
}

static void pool_queue(struct job *job) {
    job->work.data = job;
    job_begun();
    pool_jobs_n++;
    int rc = uv_queue_work(job->agent->loop, &job->work, pool_run, pool_done);
    ensure(rc == 0);
}

static void thread_run(void *argument) {
    struct job *job = argument;
    job->run(job);
    job_ended();
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

/* False when the system gives no more threads. */
static bool thread_start(struct job *job) {
    job_begun();
    if (uv_thread_create(&job->thread, thread_run, job) == 0) {
        return true;
    }
    job_ended();
    return false;
}

void worker_run_now(struct job *job) {
    job->async.data = job;
    int rc = uv_async_init(job->agent->loop, &job->async, async_done);
    ensure(rc == 0);
    bool started = thread_start(job);
    ensure(started);
}

static void async_given_up(uv_handle_t *handle) {
    pool_queue(handle->data);
}

void worker_run(struct job *job) {
    if (pool_jobs_n < job->agent->conf->workers) {
        pool_queue(job);
        return;
    }
    job->async.data = job;
    int rc = uv_async_init(job->agent->loop, &job->async, async_done);
    ensure(rc == 0);
    if (!thread_start(job)) { /* it has to wait for the pool */
        uv_close((uv_handle_t *)&job->async, async_given_up);
    }
}
