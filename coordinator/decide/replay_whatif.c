/* Other numbers: which ones there are, what the members would have appended, and when it happened.
 * Virtual time is the recorded one: the agents' reports and the ticks come as they came. */
#include <string.h>

#include "common/base/ensure.h"
#include "common/topology/duration.h"
#include "coordinator/decide/replay.h"

static const struct {
    const char *name;
    size_t offset; /* of a uint32_t in struct topology */
    bool plain;    /* a number, no duration */
} numbers[] = {
#define NUMBER(name, field)                                                                        \
    { name, offsetof(struct topology, field), false }
    NUMBER("lease.lease", lease.lease_ms),
    NUMBER("lease.renew", lease.renew_ms),
    NUMBER("lease.fence", lease.fence_ms),
    NUMBER("lease.gate_early", lease.gate_early_ms),
    NUMBER("lease.wait", lease.wait_ms),
    NUMBER("lease.promise", lease.promise_ms),
    NUMBER("lease.tick", lease.tick_ms),
    NUMBER("policy.hold_down", policy.hold_down_ms),
    NUMBER("policy.settle", policy.settle_ms),
    NUMBER("policy.block", policy.block_ms),
    NUMBER("policy.silent", policy.silent_ms),
#undef NUMBER
    {"lease.drift_ppm", offsetof(struct topology, lease.drift_ppm), true},
};

#define NUMBERS_N (sizeof numbers / sizeof numbers[0])

enum err replay_change_read(const char *text, struct replay_change *ret_change,
                            struct text256 *reterr) {
    const char *equals = strchr(text, '=');
    size_t name_size = equals == NULL ? 0 : (size_t)(equals - text);
    for (size_t i = 0; i < NUMBERS_N; i++) {
        if (strlen(numbers[i].name) != name_size || memcmp(numbers[i].name, text, name_size) != 0) {
            continue;
        }
        uint64_t value = 0;
        bool good = numbers[i].plain ? text_to_u64(equals + 1, 999999, &value)
                                     : duration_from_text(equals + 1, &value);
        if (!good || value > UINT32_MAX) {
            text_say(reterr, "%s: expected %s, found \"%.60s\"", numbers[i].name,
                     numbers[i].plain ? "a count" : "a duration such as 20s", equals + 1);
            return ERR_FORMAT;
        }
        *ret_change = (struct replay_change){.name = numbers[i].name, .value = value};
        return ERR_OK;
    }
    text_say(reterr,
             "expected NUMBER=VALUE, NUMBER one of lease.lease, renew, fence, gate_early, "
             "wait, promise, tick, drift_ppm, policy.hold_down, settle, block, silent; found "
             "\"%.60s\"",
             text);
    return ERR_FORMAT;
}

/* The recorded topology with the changes, held to the same inequalities as any other. */
enum err replay_patch(struct replay *replay, struct text256 *reterr) {
    struct topology *topology = replay->decide.topology;
    replay->lease = topology->lease;
    replay->policy = topology->policy;
    for (unsigned c = 0; c < replay->changes_n; c++) {
        for (size_t i = 0; i < NUMBERS_N; i++) {
            if (text_equal(numbers[i].name, replay->changes[c].name)) {
                uint32_t value = (uint32_t)replay->changes[c].value;
                memcpy((char *)topology + numbers[i].offset, &value, sizeof value);
            }
        }
    }
    topology_check(topology, &replay->findings);
    for (unsigned i = 0; i < replay->findings.n; i++) {
        const struct finding *finding = &replay->findings.at[i];
        if (finding->is_error) {
            text_say(reterr, "finding %u, %s: %s", finding->code, finding->where, finding->text);
            return ERR_REFUSED;
        }
    }
    return ERR_OK;
}

/* --------------------------------------------------------- what would be appended */

static void step_with(struct replay *replay, const struct event *event) {
    struct decision *decision = &replay->decision;
    memset(&decision->fact, 0, sizeof decision->fact);
    decision->fact.event = *event;
    decision->message.kind = MESSAGE_NONE;
    decision->comment[0] = '\0';
    decide_step(&replay->decide, decision, &replay->lines);
    replay_tell(replay);
}

/* A member appends a wanted OPEN or CLOSE at once, and it is applied as soon as the log has it:
 * here with the very input behind which it is wanted. */
void replay_follow(struct replay *replay) {
    static struct wants wants;
    struct decide *decide = &replay->decide;
    struct event view;
    for (unsigned i = 0;
         i < MEMBERS_MAX && decide->topology_known && replay_view_due(replay, &view); i++) {
        step_with(replay, &view);
        replay_observe(replay);
    }
    for (unsigned i = 0; i < 4 && decide->topology_known; i++) {
        core_wants(&decide->core, decide->topology, &wants);
        struct event event;
        memset(&event, 0, sizeof event);
        if (wants.close) {
            event.kind = EVENT_CLOSE;
            event.close.epoch = wants.close_epoch;
            event.close.why = wants.close_why;
        } else if (wants.open) {
            event.kind = EVENT_OPEN;
            event.open.epoch = wants.open_epoch;
            event.open.region = wants.open_region;
        } else {
            break;
        }
        step_with(replay, &event);
        if (replay->decision.verdict.result != RESULT_APPLIED) {
            break;
        }
        replay_observe(replay);
    }
    if (decide->topology_known &&
        attest_first_due(&decide->attest, replay->now, decide_first_wait_ms(decide->topology)) &&
        decide_waited(decide, 0, &replay->lines)) {
        replay_tell(replay);
    }
    if (decide->topology_known &&
        attest_waited_due(&decide->attest, replay->now, decide_wait_ms(decide->topology)) &&
        decide_waited(decide, decide->attest.closing_epoch, &replay->lines)) {
        replay_tell(replay);
    }
}

/* -------------------------------------------------------------- when it happened */

/* A file may say anything: far-off stamps are cut, so that sums stay sums. */
static int64_t since_first(const struct replay *replay, struct stamp stamp) {
    const int64_t far_ms = INT64_C(1) << 50;
    uint64_t first_ms = replay->first.boot_ms;
    bool before = stamp.boot_ms < first_ms;
    uint64_t ms = before ? first_ms - stamp.boot_ms : stamp.boot_ms - first_ms;
    int64_t cut_ms = ms > (uint64_t)far_ms ? far_ms : (int64_t)ms;
    return before ? -cut_ms : cut_ms;
}

static struct replay_epoch *epoch_of(struct replay *replay, uint64_t epoch) {
    for (unsigned i = 0; i < replay->epochs_n; i++) {
        if (replay->epochs[i].epoch == epoch) {
            return &replay->epochs[i];
        }
    }
    if (replay->epochs_n == REPLAY_EPOCHS_MAX) { /* the newest are kept */
        memmove(&replay->epochs[0], &replay->epochs[1],
                sizeof replay->epochs[0] * (REPLAY_EPOCHS_MAX - 1));
        replay->epochs_n--;
    }
    struct replay_epoch *at = &replay->epochs[replay->epochs_n++];
    *at = (struct replay_epoch){.epoch = epoch,
                                .suspect_ms = REPLAY_NEVER,
                                .begun_ms = REPLAY_NEVER,
                                .closed_ms = REPLAY_NEVER,
                                .waited_ms = REPLAY_NEVER,
                                .opened_ms = REPLAY_NEVER};
    return at;
}

/* Where the recorded execution began: how do the gates stand here? */
static void gates_look(struct replay *replay, struct replay_epoch *at) {
    const struct replay *recorded = replay->recorded == NULL ? replay : replay->recorded;
    for (unsigned i = 0; i < recorded->epochs_n && !at->gates_known; i++) {
        const struct replay_epoch *then = &recorded->epochs[i];
        if (then->epoch == at->epoch && then->automatic && then->begun_input == replay->inputs_n &&
            replay->decide.core.open) {
            (void)gates_read(&replay->decide.core, replay->decide.topology, at->gates,
                             &at->gates_target);
            at->gates_known = true;
        }
    }
}

static void look_at_wait(struct replay *replay, struct replay_epoch *at, int64_t now_ms) {
    const struct attest *attest = &replay->decide.attest;
    uint32_t wait_ms = decide_wait_ms(replay->decide.topology);
    if (attest->closing_epoch != at->epoch || at->proved) {
        return;
    }
    if (attest->fence_proved) {
        bool before = at->waited_ms != REPLAY_NEVER && at->waited_ms <= now_ms;
        at->proved = !before;
        at->waited_ms = before ? at->waited_ms : now_ms;
    } else if (wait_ms != UINT32_MAX && at->closed_ms != REPLAY_NEVER) {
        int64_t from_ms = since_first(replay, attest->wait_from);
        int64_t over_ms = from_ms + wait_ms;
        at->waited_ms = over_ms > at->closed_ms ? over_ms : at->closed_ms;
    }
    at->beyond = at->waited_ms > now_ms;
}

void replay_observe(struct replay *replay) {
    const struct core *core = &replay->decide.core;
    int64_t now_ms = since_first(replay, replay->now);
    if (!replay->decide.topology_known || core->epoch == 0) {
        replay->executions_seen = core->executions_made;
        return;
    }
    struct replay_epoch *at = epoch_of(replay, core->epoch);
    if (core->phase == PHASE_SUSPECT && at->suspect_ms == REPLAY_NEVER) {
        at->suspect_ms = now_ms;
    } else if (core->phase == PHASE_SERVING && at->begun_ms == REPLAY_NEVER) {
        at->suspect_ms = REPLAY_NEVER; /* it was nothing */
    }
    if (core->executions_made != replay->executions_seen) {
        replay->executions_seen = core->executions_made;
        at->begun_ms = now_ms;
        at->begun_input = replay->inputs_n;
        for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
            at->automatic = core->executions[i].id == core->executions_made
                                ? core->executions[i].automatic != 0
                                : at->automatic;
        }
    }
    if (core->phase == PHASE_CLOSED && at->closed_ms == REPLAY_NEVER) {
        at->closed_ms = now_ms;
    }
    gates_look(replay, at);
    look_at_wait(replay, at, now_ms);
    for (unsigned i = 0; i < replay->epochs_n; i++) {
        struct replay_epoch *older = &replay->epochs[i];
        if (older->epoch + 1 == core->epoch) {
            older->opened_ms = older->opened_ms == REPLAY_NEVER && older->closed_ms != REPLAY_NEVER
                                   ? now_ms
                                   : older->opened_ms;
            look_at_wait(replay, older, now_ms);
        }
    }
}
