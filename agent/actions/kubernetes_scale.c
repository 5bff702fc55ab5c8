/* kubernetes_scale: so many replicas of a Deployment, a StatefulSet or (nodes, by Cluster API) a
 * MachineDeployment. Every change holds for the version that was read, and is tried on the server
 * first. With `add`, what is added to is written down on the object itself, under our epoch, before
 * anything is added: however often it is begun anew, it is added once. More than is wished is left
 * alone unless `down` says so. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "agent/actions/kubernetes_body.h"
#include "common/io/clock.h"
#include "common/io/levels.h"
#include "common/io/service.h"

#define BODY_SIZE (1u << 20)
#define PATCH_SIZE 512
#define ASK_MS 5000
#define LOOK_EVERY_MS 300
#define ROUNDS_MAX 20

struct scale {
    const struct action_input *input;
    char path[512];
    char *body; /* BODY_SIZE */
    size_t body_n;
    long status;
    struct kubernetes_object now; /* last read */
    uint32_t target, need;
    uint32_t level; /* with `levels`: what was kept, and when */
    uint64_t level_wall_s;
    bool down;
    struct text256 why;
};

static enum err scale_open(const struct arguments *arguments, struct scale *scale,
                           struct text256 *reterr) {
    enum err err = action_args_accept(ACTION_KUBERNETES_SCALE, arguments, reterr);
    if (err == ERR_OK) {
        err = kubernetes_path(
            arg_text(arguments, "namespace", ""), arg_text(arguments, "workload", ""),
            arg_text(arguments, "cluster_api", "v1beta1"), scale->path, sizeof scale->path, reterr);
    }
    scale->down = arg_yes(arguments, "down", false);
    return err;
}

static enum err scale_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct scale scale;
    memset(&scale, 0, sizeof scale);
    return scale_open(arguments, &scale, reterr);
}

/* One request. An answer of any status but those that say no to us is OK. */
static enum err server_ask(struct scale *scale, const char *method, const char *suffix,
                           const char *patch) {
    static const char *const headers[] = {"Content-Type: application/merge-patch+json"};
    char path[sizeof scale->path + 32], line[140];
    (void)text_format(path, sizeof path, "%s%s", scale->path, suffix);
    struct service_request request = {
        .method = method,
        .path = path,
        .headers = headers,
        .headers_n = patch != NULL ? 1 : 0,
        .body = patch,
        .body_size = patch != NULL ? strlen(patch) : 0,
        .deadline_boot_ms = act_within(ASK_MS, scale->input->deadline_boot_ms),
    };
    struct http_sync_answer answer;
    enum err err = service_ask(scale->input->arguments, scale->input->secrets, &request,
                               scale->body, BODY_SIZE, &answer, &scale->why);
    scale->body_n = answer.answer_n;
    scale->status = answer.status;
    bool answered = err == ERR_OK || (err == ERR_AUTH && answer.status != 0);
    if (!answered || answer.status == 200 || answer.status == 409) {
        return err;
    }
    kubernetes_message(scale->body, scale->body_n, line, sizeof line);
    text_say(&scale->why, "HTTP %ld: %s", answer.status, line);
    return err != ERR_OK ? err : answer.status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
}

static enum err object_read(struct scale *scale) {
    enum err err = server_ask(scale, "GET", "", NULL);
    return err != ERR_OK
               ? err
               : kubernetes_object_parse(scale->body, scale->body_n, &scale->now, &scale->why);
}

/* How many there shall be, from what was read. BUSY: what is added to must be written down. */
static enum err target_find(struct scale *scale) {
    const struct arguments *arguments = scale->input->arguments;
    const struct kubernetes_object *now = &scale->now;
    bool recorded = now->has_baseline && now->baseline_epoch == scale->input->epoch;
    bool adds = arg_text(arguments, "add", NULL) != NULL;
    if (now->has_baseline && now->baseline_epoch > scale->input->epoch) {
        text_say(&scale->why, "scaled in epoch %" PRIu64 ", newer than %" PRIu64,
                 now->baseline_epoch, scale->input->epoch);
        return ERR_STALE;
    }
    if (arg_yes(arguments, "baseline", false)) {
        if (!now->has_baseline) {
            text_say(&scale->why, "no baseline is written on it: nothing here has scaled it");
            return ERR_PRECONDITION;
        }
        scale->target = now->baseline;
    } else if (adds) {
        uint32_t base = recorded ? now->baseline : now->replicas;
        scale->target = base + (uint32_t)arg_number(arguments, "add", 0);
    } else if (scale->level_wall_s != 0) {
        scale->target = scale->level;
    } else {
        scale->target = (uint32_t)arg_number(arguments, "replicas", 0);
    }
    scale->need =
        (uint32_t)((scale->target * arg_number(arguments, "min_percent", 100) + 99) / 100);
    return (adds || arg_yes(arguments, "record", false)) && !recorded ? ERR_BUSY : ERR_OK;
}

static bool wanted_is_right(const struct scale *scale) {
    return scale->now.replicas == scale->target ||
           (scale->now.replicas > scale->target && !scale->down);
}

/* With `down`, those too many must be gone as well. */
static bool is_there(const struct scale *scale) {
    const struct kubernetes_object *now = &scale->now;
    return wanted_is_right(scale) && now->settled && now->ready >= scale->need &&
           (!scale->down || now->shown <= scale->target);
}

/* BUSY: somebody else changed the object between our look and this; look again. */
static enum err patch_send(struct scale *scale, const char *suffix, const char *patch) {
    enum err err = server_ask(scale, "PATCH", suffix, patch);
    if (err == ERR_OK && scale->status == 409) {
        text_say(&scale->why, "somebody else keeps changing it");
        return ERR_BUSY;
    }
    return err;
}

static enum err replicas_set(struct scale *scale) {
    static const char *const suffixes[] = {"/scale?dryRun=All", "/scale"};
    char patch[PATCH_SIZE];
    uint32_t said = 0;
    if (!kubernetes_body_scale(patch, sizeof patch, scale->now.version, scale->target)) {
        return ERR_TOO_BIG;
    }
    for (size_t i = 0; i < 2; i++) {
        enum err err = patch_send(scale, suffixes[i], patch);
        if (err != ERR_OK) {
            return err;
        }
        if (!kubernetes_scale_parse(scale->body, scale->body_n, &said) || said != scale->target) {
            text_say(&scale->why, "the API server makes %" PRIu32 " of %" PRIu32 " replicas%s",
                     said, scale->target, i == 0 ? " in its dry run; nothing was changed" : "");
            return ERR_FAILED;
        }
    }
    return ERR_OK;
}

static enum err baseline_set(struct scale *scale) {
    char patch[PATCH_SIZE];
    if (!kubernetes_body_baseline(patch, sizeof patch, scale->now.version, scale->input->epoch,
                                  scale->now.replicas)) {
        return ERR_TOO_BIG;
    }
    return patch_send(scale, "", patch);
}

/* Reads, and writes the number, until the server holds it. */
static enum err scale_act(struct scale *scale) {
    enum err err = ERR_BUSY;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        err = object_read(scale);
        bool unrecorded = false;
        if (err == ERR_OK) {
            err = target_find(scale);
            unrecorded = err == ERR_BUSY;
        }
        if (unrecorded) {
            err = baseline_set(scale);
        } else if (err == ERR_OK) {
            if (wanted_is_right(scale)) {
                return ERR_OK;
            }
            err = replicas_set(scale);
        }
        if (err != ERR_OK && (err != ERR_BUSY || !act_pause(20, scale->input->deadline_boot_ms))) {
            return err;
        }
    }
    return err != ERR_OK ? err : ERR_BUSY;
}

static struct action_result scale_done(const struct scale *scale, bool observed) {
    if (scale->level_wall_s != 0) {
        uint64_t now_s = clock_wall_ms() / 1000;
        uint64_t age_s = now_s > scale->level_wall_s ? now_s - scale->level_wall_s : 0;
        return act_done(observed,
                        "%" PRIu32 "/%" PRIu32 " replicas ready, %" PRIu32
                        " wished for by levels of %" PRIu64 " s ago",
                        scale->now.ready, scale->now.replicas, scale->target, age_s);
    }
    return act_done(observed, "%" PRIu32 "/%" PRIu32 " replicas ready, %" PRIu32 " wished for",
                    scale->now.ready, scale->now.replicas, scale->target);
}

/* An API server that is away for a moment is asked again: the number stands. */
static struct action_result scale_wait(struct scale *scale) {
    bool seen = false;
    do {
        enum err err = object_read(scale);
        seen = seen || err == ERR_OK;
        if (err == ERR_OK && is_there(scale)) {
            return scale_done(scale, false);
        }
        if (err == ERR_AUTH || err == ERR_NOT_FOUND || err == ERR_FORMAT) {
            return act_failed(err, "%.150s", scale->why.at);
        }
        if (err == ERR_OK && !wanted_is_right(scale)) {
            return act_failed(ERR_FAILED,
                              "somebody else made it %" PRIu32 " replicas, %" PRIu32 " wished for",
                              scale->now.replicas, scale->target);
        }
    } while (act_pause(LOOK_EVERY_MS, scale->input->deadline_boot_ms));
    if (!seen) {
        return act_failed(ERR_TIMEOUT, "it is scaled, and then: %.120s", scale->why.at);
    }
    return act_failed(ERR_TIMEOUT,
                      "%" PRIu32 " of %" PRIu32 " replicas ready, at least %" PRIu32 " needed",
                      scale->now.ready, scale->target, scale->need);
}

static struct action_result scale_run_open(struct scale *scale) {
    enum err err = object_read(scale);
    bool unrecorded = false;
    if (err == ERR_OK) {
        err = target_find(scale);
        unrecorded = err == ERR_BUSY;
    }
    if (err != ERR_OK && !unrecorded) {
        return act_failed(err, "%.150s", scale->why.at);
    }
    if (!unrecorded && is_there(scale)) {
        return scale_done(scale, true);
    }
    if (scale->input->observe_only) {
        return act_failed(
            ERR_FAILED, "%" PRIu32 "/%" PRIu32 " replicas ready, %" PRIu32 " wished for%s",
            scale->now.ready, scale->now.replicas, scale->target, unrecorded ? ", not begun" : "");
    }
    err = scale_act(scale);
    return err != ERR_OK ? act_failed(err, "%.150s", scale->why.at) : scale_wait(scale);
}

/* What the workload had when the other region's cluster was last seen. */
static enum err level_find(struct scale *scale) {
    const char *name = arg_text(scale->input->arguments, "levels", NULL);
    const char *workload = arg_text(scale->input->arguments, "workload", "");
    if (name == NULL) {
        return ERR_OK;
    }
    if (scale->input->state_directory == NULL) {
        text_say(&scale->why, "this agent has no state directory");
        return ERR_PRECONDITION;
    }
    struct levels *levels = malloc(sizeof *levels);
    if (levels == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err err = levels_read(scale->input->state_directory, name, levels, &scale->why);
    if (err == ERR_NOT_FOUND) {
        text_say(&scale->why, "this agent has kept no levels \"%.31s\": no check of it does", name);
        err = ERR_PRECONDITION;
    }
    for (uint16_t i = 0; err == ERR_OK && i < levels->n; i++) {
        if (text_equal(levels->at[i].workload, workload)) {
            scale->level = levels->at[i].replicas;
            scale->level_wall_s = levels->wall_s;
        }
    }
    if (err == ERR_OK && scale->level_wall_s == 0) {
        text_say(&scale->why, "%.80s is not among the %u levels \"%.31s\"", workload,
                 (unsigned)levels->n, name);
        err = ERR_NOT_FOUND;
    }
    free(levels);
    return err;
}

static struct action_result scale_run(const struct action_input *input) {
    struct scale scale;
    memset(&scale, 0, sizeof scale);
    scale.input = input;
    enum err err = scale_open(input->arguments, &scale, &scale.why);
    if (err == ERR_OK) {
        err = level_find(&scale);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", scale.why.at);
    }
    scale.body = malloc(BODY_SIZE);
    if (scale.body == NULL) {
        return act_failed(ERR_NO_MEMORY, "no memory for an answer");
    }
    struct action_result result = scale_run_open(&scale);
    free(scale.body);
    return result;
}

const struct action_kind_row row_kubernetes_scale = {
    .kind = ACTION_KUBERNETES_SCALE,
    .run = scale_run,
    .accepts = scale_accepts,
    .needs_lease = false,
    .arguments_help = ARG_SERVICE_HELP
    ", namespace, workload=deployment/N|statefulset/N|machinedeployment/N, cluster_api=v1beta1, "
    "replicas | add | levels=name | baseline=yes, record=no, down=no, min_percent=100",
    .by_hand = "kubectl --server {url} -n {namespace} scale {workload} --replicas {replicas}; then "
               "kubectl -n {namespace} get {workload}",
};
