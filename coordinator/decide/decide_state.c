/* A whole state as bytes, its digest, and whether a state that came from a file can be one. */
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "common/topology/findings.h"
#include "coordinator/decide/decide.h"

#define ATTEST_BYTES_MAX 128

static void stamp_put(struct bytes_out *out, struct stamp stamp) {
    bytes_put_u64(out, stamp.boot_ms);
    bytes_put_u64(out, stamp.raw_ms);
}

static struct stamp stamp_get(struct bytes_in *in) {
    struct stamp stamp;
    stamp.boot_ms = bytes_get_u64(in);
    stamp.raw_ms = bytes_get_u64(in);
    return stamp;
}

#define FENCE_PROVED 1u
#define GUARD_LEFT 2u /* its stamp follows */
#define FIRST_WAIT 4u

static void attest_put(struct bytes_out *out, const struct decide *decide) {
    const struct attest *attest = &decide->attest;
    bytes_put_u64(out, attest->durable.closed_epoch);
    bytes_put_u64(out, attest->durable.waited_epoch);
    stamp_put(out, attest->started);
    bytes_put_u8(out, attest->caught_up);
    bytes_put_u8(out, attest->yes_known);
    bytes_put_u64(out, attest->yes_epoch);
    stamp_put(out, attest->last_yes);
    bytes_put_u64(out, attest->closing_epoch);
    stamp_put(out, attest->wait_from);
    bytes_put_u8(out, (uint8_t)((attest->fence_proved ? FENCE_PROVED : 0) |
                                (decide->guard_left ? GUARD_LEFT : 0) |
                                (attest->durable.first_wait ? FIRST_WAIT : 0)));
    if (decide->guard_left) {
        stamp_put(out, decide->guard_left_at);
    }
}

static void attest_get(struct bytes_in *in, struct decide *decide) {
    struct attest *ret_attest = &decide->attest;
    memset(ret_attest, 0, sizeof *ret_attest);
    ret_attest->durable.closed_epoch = bytes_get_u64(in);
    ret_attest->durable.waited_epoch = bytes_get_u64(in);
    ret_attest->started = stamp_get(in);
    ret_attest->caught_up = bytes_get_u8(in) != 0;
    ret_attest->yes_known = bytes_get_u8(in) != 0;
    ret_attest->yes_epoch = bytes_get_u64(in);
    ret_attest->last_yes = stamp_get(in);
    ret_attest->closing_epoch = bytes_get_u64(in);
    ret_attest->wait_from = stamp_get(in);
    uint8_t flags = bytes_get_u8(in);
    ret_attest->fence_proved = (flags & FENCE_PROVED) != 0;
    ret_attest->durable.first_wait = (flags & FIRST_WAIT) != 0;
    decide->guard_left = (flags & GUARD_LEFT) != 0;
    decide->guard_left_at = decide->guard_left ? stamp_get(in) : (struct stamp){0};
}

static bool attest_is_sane(const struct attest *attest) {
    return attest->durable.waited_epoch <= attest->durable.closed_epoch &&
           attest->closing_epoch <= attest->durable.closed_epoch;
}

void decide_digest(const struct decide *decide, uint8_t ret_digest[DIGEST_SIZE]) {
    uint8_t parts[DIGEST_SIZE + ATTEST_BYTES_MAX];
    digest_sha256((const uint8_t *)&decide->core, sizeof decide->core, parts);
    struct bytes_out out = bytes_writer(parts + DIGEST_SIZE, ATTEST_BYTES_MAX);
    attest_put(&out, decide);
    ensure(!out.failed);
    digest_sha256(parts, DIGEST_SIZE + out.used, ret_digest);
}

size_t decide_state_write(const struct decide *decide, uint8_t *out, size_t out_size) {
    struct bytes_out to = bytes_writer(out, out_size);
    attest_put(&to, decide);
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        bytes_put_u64(&to, decide->proved_epoch[a]);
        bytes_put_raw(&to, decide->told_answer[a], 2);
    }
    bytes_put_u32(&to, (uint32_t)sizeof decide->core);
    bytes_put_raw(&to, &decide->core, sizeof decide->core);
    bytes_put_u8(&to, decide->topology_known);
    if (decide->topology_known) {
        bytes_put_u32(&to, decide->topology->version);
        bytes_put_u32(&to, (uint32_t)decide->topology_text_size);
        bytes_put_raw(&to, decide->topology_text, decide->topology_text_size);
    }
    return to.failed ? 0 : to.used;
}

/* ------------------------------------------------------------------- sanity */

static bool execution_is_sane(const struct execution *execution, const struct topology *topology) {
    bool ended = execution_finished(execution);
    if (execution->stage >= STAGES_N || execution->kind >= PLAN_KINDS_N ||
        execution->plan >= PLANS_MAX || execution->steps_n > STEPS_MAX) {
        return false;
    }
    if (execution->ungraceful > 1) {
        return false;
    }
    if (!ended && (execution->id == 0 || execution->plan >= topology->plans_n ||
                   execution->steps_n != topology->plans[execution->plan].steps_n)) {
        return false;
    }
    bool regions = (execution->source < topology->regions_n || execution->source == NONE) &&
                   (execution->target < topology->regions_n || execution->target == NONE);
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        const struct step_state *step = &execution->steps[s];
        bool agent = step->agent < topology->agents_n || step->agent == NONE || ended;
        if (step->phase >= STEP_PHASES_N || step->undo > 2 || !agent) {
            return false;
        }
    }
    return regions || (ended && execution->id == 0);
}

bool decide_core_is_sane(const struct core *core, const struct topology *topology) {
    unsigned running_n = 0;
    bool open_phase = core->phase == PHASE_SERVING || core->phase == PHASE_SUSPECT;
    bool owner = core->owner < topology->regions_n || (core->owner == NONE && core->epoch == 0);
    if (core->phase >= PHASES_N || (core->phase == PHASE_NEW) != (core->epoch == 0) ||
        (core->open != 0) != open_phase || !owner || core->close_why > CLOSE_PLANNED ||
        (core->next_owner >= topology->regions_n && core->next_owner != NONE) ||
        (core->timekeeper >= topology->members_n && core->timekeeper != NONE) ||
        core->requests_next >= REQUESTS_MAX || core->now_ms == 0) {
        return false;
    }
    for (unsigned r = 0; r < REGIONS_MAX; r++) {
        if (core->last_class[r] >= CLASSES_N) {
            return false;
        }
    }
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        if (!execution_is_sane(execution, topology)) {
            return false;
        }
        running_n += !execution_finished(execution);
    }
    return running_n <= 1;
}

enum err decide_state_read(struct decide *decide, const uint8_t *bytes, size_t size,
                           struct text256 *reterr) {
    static struct findings findings;
    struct bytes_in in = bytes_reader(bytes, size);
    attest_get(&in, decide);
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        decide->proved_epoch[a] = bytes_get_u64(&in);
        bytes_get_raw(&in, decide->told_answer[a], 2);
    }
    if (bytes_get_u32(&in) != sizeof decide->core) {
        text_say(reterr, "a state of another format, or a damaged one");
        return ERR_FORMAT;
    }
    bytes_get_raw(&in, &decide->core, sizeof decide->core);
    decide->topology_known = bytes_get_u8(&in) != 0;
    uint32_t version = decide->topology_known ? bytes_get_u32(&in) : 0;
    uint32_t text_size = decide->topology_known ? bytes_get_u32(&in) : 0;
    bool fits = !in.failed && text_size <= TOPOLOGY_BYTES_MAX && text_size == in.size - in.used;
    if (!fits || !attest_is_sane(&decide->attest)) {
        text_say(reterr, "the state is cut, or contradicts itself");
        return ERR_FORMAT;
    }
    if (!decide->topology_known) {
        core_init(&decide->core); /* nothing is applied before the first topology */
        return ERR_OK;
    }
    const char *text = (const char *)bytes + in.used;
    enum err err = topology_read(text, text_size, "topology", decide->topology, reterr);
    if (err != ERR_OK) {
        return err;
    }
    topology_check(decide->topology, &findings);
    if (findings.errors_n > 0 || version != decide->core.config_version ||
        !decide_core_is_sane(&decide->core, decide->topology)) {
        text_say(reterr, "the state contradicts itself or its topology");
        return ERR_FORMAT;
    }
    decide->topology->version = version;
    memcpy(decide->topology_text, text, text_size);
    decide->topology_text[text_size] = '\0';
    decide->topology_text_size = text_size;
    return ERR_OK;
}
