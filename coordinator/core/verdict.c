/* What a region's own voice and the outside view say of it, put into one of the classes. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/core/internal.h"

bool member_majority_says(const struct core *core, const struct topology *topology,
                          uint8_t members_bits) {
    (void)core;
    uint8_t known = (uint8_t)((1u << topology->members_n) - 1u);
    return bits_count(members_bits & known) >= majority_of(topology->members_n);
}

uint64_t verdict_alive(const struct core *core, const struct topology *topology) {
    uint64_t alive = 0;
    for (unsigned i = 0; i < topology->agents_n; i++) {
        if (member_majority_says(core, topology, core->agents[i].heard_by)) {
            alive |= bit(i);
        }
    }
    return alive;
}

static bool is_bad(uint8_t status) {
    return status == SEEN_FAILED;
}

static bool is_good(uint8_t status) {
    return status == SEEN_OK || status == SEEN_WARN;
}

/* An outside vantage counts only while it is heard: an old opinion is no opinion. */
static void count_outside(const struct core *core, const struct topology *topology, uint8_t check,
                          uint64_t alive, struct region_verdict *verdict) {
    for (unsigned a = 0; a < topology->agents_n; a++) {
        if (!bits_has(alive, a) || topology->agents[a].region == topology->checks[check].region) {
            continue;
        }
        uint8_t status = core->checks[check].status[a];
        verdict->outside_bad_n = (uint8_t)(verdict->outside_bad_n + is_bad(status));
        verdict->outside_ok_n =
            (uint8_t)(verdict->outside_ok_n + (is_good(status) || status == SEEN_SUSPECT));
    }
    verdict->outside_n = (uint8_t)(verdict->outside_bad_n + verdict->outside_ok_n);
}

static void count_inside(const struct core *core, const struct topology *topology, uint8_t check,
                         uint64_t alive, struct region_verdict *verdict) {
    uint8_t agent = topology->checks[check].agent;
    if (!topology->checks[check].vital || agent == NONE || !bits_has(alive, agent)) {
        return;
    }
    verdict->vital_n++;
    verdict->vital_bad_n =
        (uint8_t)(verdict->vital_bad_n + is_bad(core->checks[check].status[agent]));
}

static bool any_data_region_heard(const struct topology *topology, uint64_t alive) {
    for (unsigned a = 0; a < topology->agents_n; a++) {
        uint8_t region = topology->agents[a].region;
        if (topology->regions[region].kind == REGION_DATA && bits_has(alive, a)) {
            return true;
        }
    }
    return false;
}

static bool a_link_fails(const struct core *core, const struct topology *topology, uint8_t region,
                         uint64_t alive) {
    for (unsigned c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->link != NONE && check->region == region && check->agent != NONE &&
            bits_has(alive, check->agent) && is_bad(core->checks[c].status[check->agent])) {
            return true;
        }
    }
    return false;
}

static enum region_class classify(const struct core *core, const struct topology *topology,
                                  uint8_t region, uint64_t alive,
                                  const struct region_verdict *verdict) {
    bool silent = verdict->heard_n == 0;
    bool outside_bad = verdict->outside_bad_n > verdict->outside_ok_n;
    if (verdict->agents_n == 0) {
        return CLASS_UNKNOWN;
    }
    if (silent && !any_data_region_heard(topology, alive)) {
        return CLASS_MONITORING_ISOLATED;
    }
    if (silent && verdict->outside_n == 0) {
        return CLASS_UNKNOWN;
    }
    if (silent) {
        return outside_bad ? CLASS_DARK : CLASS_ISOLATED;
    }
    bool most_vital_bad = verdict->vital_bad_n * 2 > verdict->vital_n;
    if (most_vital_bad && outside_bad) {
        return CLASS_SICK;
    }
    if (verdict->vital_bad_n > 0 || verdict->heard_n < verdict->agents_n ||
        verdict->outside_bad_n > 0) {
        return CLASS_COMPONENT;
    }
    return a_link_fails(core, topology, region, alive) ? CLASS_LINK_ONLY : CLASS_WELL;
}

struct region_verdict verdict_of(const struct core *core, const struct topology *topology,
                                 uint8_t region) {
    struct region_verdict verdict;
    memset(&verdict, 0, sizeof verdict);
    ensure(region < topology->regions_n);
    uint64_t alive = verdict_alive(core, topology);
    for (unsigned a = 0; a < topology->agents_n; a++) {
        if (topology->agents[a].region != region) {
            continue;
        }
        verdict.agents_n++;
        verdict.heard_n = (uint8_t)(verdict.heard_n + bits_has(alive, a));
        if (core->agents[a].last_heard_ms > verdict.last_heard_ms) {
            verdict.last_heard_ms = core->agents[a].last_heard_ms;
        }
    }
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        if (topology->checks[c].region != region) {
            continue;
        }
        if (topology->checks[c].outside) {
            count_outside(core, topology, c, alive, &verdict);
        } else {
            count_inside(core, topology, c, alive, &verdict);
        }
    }
    verdict.class = (uint8_t)classify(core, topology, region, alive, &verdict);
    ensure(verdict.heard_n <= verdict.agents_n);
    return verdict;
}
