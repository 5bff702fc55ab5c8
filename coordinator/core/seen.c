#include "coordinator/core/seen.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/base/bytes.h"
#include "coordinator/core/internal.h"

_Static_assert(CLASSES_N <= 16 && REGIONS_MAX == 4, "a class is four bits, two classes a byte");
_Static_assert(LOSSES_N <= 4 && LINKS_MAX % 4 == 0, "a loss is two bits, four links a byte");
_Static_assert(STEPS_MAX <= 48 && STEP_NEEDS_MAX <= 8, "runnable steps fit 48 bits, needs 8");
_Static_assert(4 + 1 + 4 + 6 + 2 + REGIONS_MAX / 2 + LINKS_MAX / 4 + 6 <= SEEN_SIZE,
               "what is seen of a plan fits");

const char *loss_text(enum loss loss) {
    static const char *const texts[LOSSES_N] = {
        [LOSS_WITHIN] = "within its target",
        [LOSS_BEHIND] = "above its target, within the RPO",
        [LOSS_BREACH] = "above the RPO",
        [LOSS_UNKNOWN] = "not known",
    };
    return loss < LOSSES_N ? texts[loss] : "?";
}

/* -------------------------------------------------------------------- as it is now */

enum loss seen_loss(const struct core *core, const struct topology *topology, uint8_t link) {
    const struct link_view *view = &core->links[link];
    uint64_t limit_ms = link_limit_ms(topology, &topology->links[link]);
    uint32_t target_ms = topology->links[link].target_lag_ms;
    if (!view->known) {
        return LOSS_UNKNOWN;
    }
    if (limit_ms > 0 && view->lag_ms > limit_ms) {
        return LOSS_BREACH;
    }
    return target_ms > 0 && view->lag_ms > target_ms ? LOSS_BEHIND : LOSS_WITHIN;
}

enum loss seen_worst_loss(const struct core *core, const struct topology *topology) {
    enum loss worst = LOSS_WITHIN;
    for (uint8_t l = 0; l < topology->links_n; l++) {
        enum loss loss = seen_loss(core, topology, l);
        bool guarded = topology->components[topology->links[l].component].guarded;
        worst = guarded && loss > worst ? loss : worst;
    }
    return worst;
}

struct seen_plan seen_plan_now(const struct core *core, const struct topology *topology,
                               uint8_t plan, uint8_t region) {
    struct seen_plan seen;
    memset(&seen, 0, sizeof seen);
    ensure(plan < topology->plans_n && region < topology->regions_n);
    const struct plan *of = &topology->plans[plan];
    bool back = of->kind == PLAN_REPROTECT;
    uint64_t alive = verdict_alive(core, topology);
    seen.epoch = core->epoch;
    seen.version = core->config_version;
    seen.plan = plan;
    seen.region = region;
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        seen.classes[r] = verdict_of(core, topology, r).class;
    }
    for (uint8_t l = 0; l < topology->links_n; l++) {
        seen.losses[l] = (uint8_t)seen_loss(core, topology, l);
    }
    for (uint8_t s = 0; s < of->steps_n; s++) {
        const struct step *step = &of->steps[s];
        uint8_t acts_in = step->at_source == back ? region : core->owner;
        bool runs =
            step_is_a_persons(step) || topology_step_agent(topology, step, acts_in, alive) != NONE;
        seen.runnable |= runs ? bit(s) : 0;
    }
    return seen;
}

static bool region_is_silent(const struct core *core, const struct topology *topology,
                             uint8_t region) {
    uint64_t alive = verdict_alive(core, topology);
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        if (topology->agents[a].region == region && bits_has(alive, a)) {
            return false;
        }
    }
    return true;
}

/* Of a failover, and of a move that turned ungraceful, what the close has cost, once it is closed;
 * of a planned one only while it hands over, for behind its fence the hand-off has proved that
 * nothing is lost. */
static enum loss loss_that_counts(const struct core *core, const struct topology *topology,
                                  const struct execution *execution, uint8_t step) {
    const struct step *of = &topology->plans[execution->plan].steps[step];
    if (execution->kind == PLAN_FAILOVER || execution->ungraceful != 0) {
        return execution->closed_ms > 0 ? (enum loss)execution->lost
                                        : seen_worst_loss(core, topology);
    }
    return of->before_fence ? seen_worst_loss(core, topology) : LOSS_WITHIN;
}

uint16_t seen_moves_now(const struct core *core, const struct topology *topology,
                        const struct execution *execution, uint8_t step) {
    ensure(step < execution->steps_n);
    const struct step *of = &topology->plans[execution->plan].steps[step];
    unsigned moves = SEEN_BOUND;
    moves |= execution_is_graceful(execution) ? 0 : SEEN_UNGRACEFUL;
    moves |= region_is_silent(core, topology, execution->target) ? SEEN_SILENT : 0;
    moves |= (unsigned)loss_that_counts(core, topology, execution, step) << SEEN_LOSS_SHIFT;
    for (unsigned n = 0; n < of->needs_n; n++) {
        uint8_t phase = execution->steps[of->needs[n]].phase;
        moves |= phase == STEP_SKIPPED || phase == STEP_FAILED ? SEEN_NEED << n : 0;
    }
    return (uint16_t)moves;
}

/* ------------------------------------------------------------------------ as bytes */

bool seen_is_nothing(const uint8_t in[SEEN_SIZE]) {
    static const uint8_t nothing[SEEN_SIZE];
    return memcmp(in, nothing, SEEN_SIZE) == 0;
}

static struct bytes_out seen_begin(uint8_t out[SEEN_SIZE], enum seen_form form) {
    memset(out, 0, SEEN_SIZE);
    struct bytes_out bytes = bytes_writer(out, SEEN_SIZE);
    bytes_put_u32(&bytes, 0);
    bytes_put_u8(&bytes, (uint8_t)form);
    return bytes;
}

/* The checksum stands first: it is what people read aloud, and what begins otherwise at once. */
static void seen_end(const struct bytes_out *bytes, uint8_t out[SEEN_SIZE]) {
    ensure(!bytes->failed);
    struct bytes_out first = bytes_writer(out, 4);
    bytes_put_u32(&first, crc32_of(out + 4, SEEN_SIZE - 4));
}

static void put_48(struct bytes_out *bytes, uint64_t value) {
    bytes_put_u32(bytes, (uint32_t)value);
    bytes_put_u16(bytes, (uint16_t)(value >> 32));
}

static uint64_t get_48(struct bytes_in *bytes) {
    uint64_t low = bytes_get_u32(bytes);
    return low | (uint64_t)bytes_get_u16(bytes) << 32;
}

void seen_plan_write(const struct seen_plan *seen, uint8_t out[SEEN_SIZE]) {
    struct bytes_out bytes = seen_begin(out, SEEN_PLAN);
    bytes_put_u32(&bytes, seen->version);
    put_48(&bytes, seen->epoch);
    bytes_put_u8(&bytes, seen->plan);
    bytes_put_u8(&bytes, seen->region);
    for (unsigned r = 0; r < REGIONS_MAX; r += 2) {
        bytes_put_u8(&bytes, (uint8_t)(seen->classes[r] | seen->classes[r + 1] << 4));
    }
    for (unsigned l = 0; l < LINKS_MAX; l += 4) {
        bytes_put_u8(&bytes, (uint8_t)(seen->losses[l] | seen->losses[l + 1] << 2 |
                                       seen->losses[l + 2] << 4 | seen->losses[l + 3] << 6));
    }
    put_48(&bytes, seen->runnable);
    seen_end(&bytes, out);
}

void seen_step_write(const struct seen_step *seen, uint8_t out[SEEN_SIZE]) {
    struct bytes_out bytes = seen_begin(out, SEEN_STEP);
    bytes_put_u64(&bytes, seen->execution);
    bytes_put_u8(&bytes, seen->step);
    bytes_put_u16(&bytes, seen->moves);
    seen_end(&bytes, out);
}

static bool seen_open(const uint8_t in[SEEN_SIZE], enum seen_form form,
                      struct bytes_in *ret_bytes) {
    *ret_bytes = bytes_reader(in, SEEN_SIZE);
    return bytes_get_u32(ret_bytes) == crc32_of(in + 4, SEEN_SIZE - 4) &&
           bytes_get_u8(ret_bytes) == form;
}

bool seen_plan_read(const uint8_t in[SEEN_SIZE], struct seen_plan *ret_seen) {
    struct bytes_in bytes;
    if (!seen_open(in, SEEN_PLAN, &bytes)) {
        return false;
    }
    ret_seen->version = bytes_get_u32(&bytes);
    ret_seen->epoch = get_48(&bytes);
    ret_seen->plan = bytes_get_u8(&bytes);
    ret_seen->region = bytes_get_u8(&bytes);
    for (unsigned r = 0; r < REGIONS_MAX; r += 2) {
        uint8_t two = bytes_get_u8(&bytes);
        ret_seen->classes[r] = two & 15u;
        ret_seen->classes[r + 1] = two >> 4;
    }
    for (unsigned l = 0; l < LINKS_MAX; l += 4) {
        unsigned four = bytes_get_u8(&bytes);
        for (unsigned i = 0; i < 4; i++) {
            ret_seen->losses[l + i] = (uint8_t)((four >> 2 * i) & 3u);
        }
    }
    ret_seen->runnable = get_48(&bytes);
    return true;
}

bool seen_step_read(const uint8_t in[SEEN_SIZE], struct seen_step *ret_seen) {
    struct bytes_in bytes;
    if (!seen_open(in, SEEN_STEP, &bytes)) {
        return false;
    }
    ret_seen->execution = bytes_get_u64(&bytes);
    ret_seen->step = bytes_get_u8(&bytes);
    ret_seen->moves = bytes_get_u16(&bytes);
    return true;
}

bool request_was_seen(const struct context *c, uint8_t plan, uint8_t region) {
    uint8_t now[SEEN_SIZE];
    if (seen_is_nothing(c->event->request.seen)) {
        return true;
    }
    struct seen_plan seen = seen_plan_now(c->core, c->topology, plan, region);
    seen_plan_write(&seen, now);
    return memcmp(now, c->event->request.seen, SEEN_SIZE) == 0;
}
