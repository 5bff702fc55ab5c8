/* The soft fence: the stores' own durable demotion, run by the agent when its ladder says so, again
 * and again until it holds; and its lifting when the lease of the same epoch comes back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/log.h"

#define FENCE_RETRY_MS 1000
#define FENCE_TIMEOUT_MIN_MS 3000

struct fence_job {
    struct job job;
    bool lift;
    bool ok;
    uint64_t epoch;
    uint32_t timeout_ms;
    struct ladder_note note;
    struct agent_conf *conf;
    struct ledger *ledger;
    const char *region;
    char detail[256];
};

/* What opens a store again, by what demoted it. */
static enum action_kind lifting(enum action_kind demote) {
    return demote == ACTION_PATRONI_DEMOTE ? ACTION_PATRONI_PROMOTE
           : demote == ACTION_REDIS_DEMOTE ? ACTION_REDIS_PROMOTE
                                           : ACTION_KINDS_N;
}

/* The store may start: deploy/systemd/fenced.conf has it wait for this since the boot. Started
 * before that, a Patroni that finds nobody in its way promotes its old primary, and what follows
 * then is another history under the same timeline's number. */
static void store_release(const struct agent_conf *conf, const char *component) {
    char path[CONF_PATH_SIZE + NAME_SIZE + 1];
    if (conf->boot_directory[0] == '\0' || component[0] == '\0') {
        return;
    }
    (void)text_format(path, sizeof path, "%s/%s", conf->boot_directory, component);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        log_event(LOG_ERR, "boot.release", "%s: %s", path, strerror(errno));
        return;
    }
    (void)close(fd);
}

static void stores_release(struct agent_program *agent) {
    for (unsigned i = 0; i < agent->conf->soft_fences_n; i++) {
        store_release(agent->conf, agent->conf->soft_fences[i].component);
    }
    agent->stores_released = true;
}

static bool run_one(const struct fence_job *job, const struct soft_fence *fence, char *detail,
                    size_t detail_size) {
    enum action_kind kind = (enum action_kind)fence->action;
    if (job->lift) {
        kind = lifting(kind);
        if (kind == ACTION_KINDS_N) {
            return true; /* nothing of ours to undo */
        }
    }
    const struct action_kind_row *row = action_kind_of(kind);
    if (row == NULL) {
        (void)text_format(detail, detail_size, "%s is not built in", action_kind_text(kind));
        return false;
    }
    struct action_input input = {
        .arguments = &fence->arguments,
        .secrets = &job->conf->secrets,
        .region = job->region,
        .epoch = job->epoch,
        .timeout_ms = job->timeout_ms,
        .deadline_boot_ms = clock_boot_ms() + job->timeout_ms,
        .exec_directory = job->conf->exec_directory,
        .state_directory = job->conf->state,
    };
    struct action_result result = action_do(row, &input);
    (void)text_format(detail, detail_size, "%s %s: %s%s%s", fence->component,
                      action_kind_text(kind), err_text(result.err),
                      result.detail[0] == '\0' ? "" : ", ", result.detail);
    return result.err == ERR_OK;
}

struct one_fence {
    uv_thread_t thread;
    const struct fence_job *job;
    const struct soft_fence *fence;
    bool ok;
    char detail[SENTENCE_SIZE + 96];
};

static void one_fence_run(void *argument) {
    struct one_fence *one = argument;
    one->ok = run_one(one->job, one->fence, one->detail, sizeof one->detail);
    if (one->ok && !one->job->lift) {
        store_release(one->job->conf, one->fence->component);
    }
}

/* All stores at once: none waits for another's timeout. The note is on disk before anything is
 * done, so that a crash half-way is known of afterwards. */
static void fence_run(struct job *base) {
    struct fence_job *job = base->data;
    static struct one_fence ones[SOFT_FENCES_MAX]; /* one fence runs at a time */
    if (!job->lift && ledger_note_keep(job->ledger, &job->note) != ERR_OK) {
        (void)text_copy(job->detail, sizeof job->detail,
                        "the ladder's note could not be written; fencing all the same");
    }
    job->ok = true;
    for (unsigned i = 0; i < job->conf->soft_fences_n; i++) {
        ones[i].job = job;
        ones[i].fence = &job->conf->soft_fences[i];
        int rc = uv_thread_create(&ones[i].thread, one_fence_run, &ones[i]);
        ensure(rc == 0);
    }
    for (unsigned i = 0; i < job->conf->soft_fences_n; i++) {
        (void)uv_thread_join(&ones[i].thread);
        job->ok = job->ok && ones[i].ok;
        (void)text_append(job->detail, sizeof job->detail, job->detail[0] == '\0' ? "" : "; ");
        (void)text_append(job->detail, sizeof job->detail, ones[i].detail);
    }
    if (job->lift && job->ok) {
        struct ladder_note none = {0};
        job->ok = ledger_note_keep(job->ledger, &none) == ERR_OK;
    }
}

static void on_told(void *owner, const struct guard_answer *answer) {
    (void)owner;
    (void)answer;
}

static void tell_guard(struct agent_program *agent, bool fenced) {
    static struct guard_request request;
    memset(&request, 0, sizeof request);
    request.call = GUARD_FENCE_DONE;
    request.flag = fenced;
    (void)guard_link_call(agent->guard, &request, agent, on_told);
}

static void fence_finished(struct job *base) {
    struct fence_job *job = base->data;
    struct agent_program *agent = base->agent;
    agent->fence_running = false;
    agent->fence_next_ms = agent_now_ms() + FENCE_RETRY_MS;
    if (job->lift) {
        if (job->ok) {
            agent->ladder_note = (struct ladder_note){0};
        }
    } else {
        agent->ladder_note = job->note;
        agent->fence_done = job->ok;
        tell_guard(agent, job->ok);
    }
    agent->report_now = true;
    log_event(job->ok ? LOG_NOTICE : LOG_ERR, job->lift ? "fence.lifted" : "fence.soft",
              "ok=%d epoch=%llu \"%s\"", job->ok, (unsigned long long)job->epoch, job->detail);
    free(job);
}

static void start(struct agent_program *agent, bool lift, const struct ladder_note *note) {
    struct fence_job *job = calloc(1, sizeof *job);
    ensure(job != NULL);
    uint32_t timeout_ms = agent->pins->lease.fence_ms;
    job->job = (struct job){.agent = agent, .data = job, .run = fence_run, .done = fence_finished};
    job->lift = lift;
    job->note = *note;
    job->epoch = agent->guard_status.accepted_epoch;
    job->timeout_ms = timeout_ms < FENCE_TIMEOUT_MIN_MS ? FENCE_TIMEOUT_MIN_MS : timeout_ms;
    job->conf = agent->conf;
    job->ledger = agent->ledger;
    job->region = agent->pins->regions[agent->region].name;
    agent->fence_running = true;
    log_event(LOG_NOTICE, lift ? "fence.lifting" : "fence.softening", "lease_epoch=%llu left_ms=%u",
              (unsigned long long)agent->lease_epoch, agent_lease_left_ms(agent));
    worker_run_now(&job->job);
}

void fence_tick(struct agent_program *agent) {
    if (agent->guard == NULL || agent->guard_heard_ms == 0 || agent->fence_running) {
        return;
    }
    bool ours = false;
    uint32_t left_ms = agent_lease_left_ms(agent);
    if (left_ms > 0 && !agent->stores_released) {
        stores_release(agent);
    }
    struct ladder_input input = {
        .leased = left_ms > 0,
        .soft_fence_due = left_ms <= agent->pins->lease.fence_ms,
        .lease_epoch = agent->lease_epoch,
        .newest_epoch = agent_newest_epoch(agent, &ours),
    };
    input.newest_ours = ours;
    struct ladder_note note;
    enum ladder_want want = ladder_judge(&agent->ladder_note, &input, &note);
    bool standing = agent->ladder_note.fenced_epoch != 0 && !agent->fence_done;
    if (want == LADDER_FENCE) {
        agent->fence_done = false;
        agent->ladder_note = note;
        start(agent, false, &note);
    } else if (want == LADDER_NOTHING && standing && agent_now_ms() >= agent->fence_next_ms) {
        note = agent->ladder_note;
        start(agent, false, &note);
    } else if (want == LADDER_LIFT && agent_now_ms() >= agent->fence_next_ms) {
        start(agent, true, &note);
    } else if (want == LADDER_FORGET) {
        agent->ladder_note = note;
        agent->fence_done = false;
        tell_guard(agent, false);
        if (ledger_note_keep(agent->ledger, &note) != ERR_OK) {
            log_event(LOG_ERR, "ladder.note", "could not be written");
        }
    }
}
