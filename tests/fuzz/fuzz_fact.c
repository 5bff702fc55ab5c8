/* What stands in the log may be damaged, or written by a stolen member: reading it is strict,
 * writing it gives the same bytes, and no sequence of readable facts makes a member stop. The
 * input is facts, each behind its length (u16); those with frames are given the values that the
 * shell would let through. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "coordinator/core/codec.h"
#include "tests/unit/core/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill_report(struct bytes_in *in, const struct topology *topology,
                        struct event_report *report) {
    report->agent = (uint8_t)(bytes_get_u8(in) % topology->agents_n);
    report->boot = bytes_get_u8(in);
    report->seq = bytes_get_u64(in);
    report->config_version = bytes_get_u8(in);
    report->guard_epoch = bytes_get_u64(in);
    report->fenced_epoch = bytes_get_u64(in);
    report->promised_epoch = bytes_get_u64(in);
    report->gate = bytes_get_u8(in) % 4;
    report->leased = bytes_get_u8(in) % 2;
    report->guard_present = bytes_get_u8(in) % 2;
    report->checks_n = bytes_get_u8(in) % 16;
    for (unsigned i = 0; i < report->checks_n; i++) {
        report->checks[i].check = bytes_get_u16(in) % CHECKS_MAX;
        report->checks[i].status = bytes_get_u8(in) % 6;
        report->checks[i].role = bytes_get_u8(in) % 3;
        report->checks[i].writable = bytes_get_u8(in) % 2;
    }
}

static void fill_outcome(struct bytes_in *in, const struct core *core, struct event *event) {
    event->outcome.agent = bytes_get_u8(in) % WORLD_AGENTS_N;
    event->outcome.step = bytes_get_u8(in);
    event->outcome.state = (uint8_t)(1 + bytes_get_u8(in) % 4);
    event->outcome.err = bytes_get_u8(in);
    event->outcome.observed = bytes_get_u8(in) % 2;
    event->outcome.undo = bytes_get_u8(in) % 2;
    event->outcome.attempt = bytes_get_u16(in);
    event->outcome.took_ms = bytes_get_u32(in);
    event->outcome.execution = core->executions_made - bytes_get_u8(in) % 3;
    event->outcome.position = bytes_get_u64(in);
}

static void fill_request(struct bytes_in *in, const struct core *core,
                         const struct topology *topology, struct event *event) {
    uint8_t byte = bytes_get_u8(in);
    event->request.kind = (uint8_t)(bytes_get_u8(in) % REQUEST_KINDS_N);
    event->request.operator_index = bytes_get_u8(in) % OPERATORS_MAX;
    event->request.role = bytes_get_u8(in) % ROLES_N;
    bytes_get_raw(in, event->request.identity, NONCE_SIZE);
    event->request.plan_kind = bytes_get_u8(in) % PLAN_KINDS_N;
    event->request.plan = (uint8_t)(byte % 2 == 0 ? NONE : byte % topology->plans_n);
    byte = bytes_get_u8(in);
    event->request.region = (uint8_t)(byte % 4 == 3 ? NONE : byte % 4);
    byte = bytes_get_u8(in);
    event->request.step = (uint8_t)(byte % 8 == 7 ? NONE : byte % 8);
    event->request.execution = core->executions_made - bytes_get_u8(in) % 3;
    event->request.epoch = bytes_get_u8(in) % 5;
    event->request.for_ms = bytes_get_u32(in);
    event->request.to = (uint8_t)(event->request.for_ms % (OPERATORS_MAX + 1));
}

/* True when the event may be applied. */
static bool complete(struct fact *fact, struct world *world) {
    struct event *event = &fact->event;
    struct bytes_in in = bytes_reader(fact->frame, fact->frame_size);
    if (event->kind == EVENT_REPORT) {
        fill_report(&in, &world->topology, &event->report);
    } else if (event->kind == EVENT_OUTCOME) {
        fill_outcome(&in, &world->core, event);
    } else if (event->kind == EVENT_REQUEST) {
        fill_request(&in, &world->core, &world->topology, event);
        return event->request.kind != REQUEST_QUERY;
    }
    return event->kind != EVENT_CONFIG; /* another topology comes with it */
}

static void same_again(const struct fact *fact, const uint8_t *bytes, size_t size) {
    static uint8_t out[65536 + 64];
    size_t n = fact_write(fact, out, sizeof out);
    ensure(n == size && memcmp(out, bytes, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world serving, world;
    static struct fact fact;
    static struct wants wants;
    struct bytes_in in = bytes_reader(data, size);
    if (serving.topology.members_n == 0) {
        world_serving(&serving);
    }
    world = serving;
    for (unsigned i = 0; i < 200 && !in.failed && in.used < in.size; i++) {
        size_t length = bytes_get_u16(&in);
        if (length > in.size - in.used) {
            length = in.size - in.used;
        }
        uint8_t *bytes = malloc(length + 1);
        ensure(bytes != NULL);
        memcpy(bytes, data + in.used, length);
        in.used += length;
        if (fact_read(bytes, length, world.index + 1, &fact, NULL) == ERR_OK) {
            same_again(&fact, bytes, length);
            if (complete(&fact, &world)) {
                (void)world_step(&world, &fact.event);
                core_wants(&world.core, &world.topology, &wants);
            }
        }
        free(bytes);
    }
    return 0;
}
