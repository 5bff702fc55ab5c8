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

/* One bad reading is no failure yet. */
static bool is_good(uint8_t status) {
    return status == SEEN_OK || status == SEEN_WARN || status == SEEN_SUSPECT;
}

/* What one region's agents see of another. They share their way there: however many they are, they
 * are one view. */
struct sight {
    unsigned bad_n, ok_n;
};

static bool is_blind(struct sight sight) {
    return sight.bad_n > 0 && sight.ok_n == 0;
}

static bool sees_it_serve(struct sight sight) {
    return sight.ok_n > 0 && sight.ok_n >= sight.bad_n;
}

/* An outside vantage counts only while it is heard: an old opinion is no opinion. And of what it
 * looks at only what is vital: another's outage is not the region's. */
static struct sight sight_of(const struct core *core, const struct topology *topology, uint8_t from,
                             uint8_t region, uint64_t alive) {
    struct sight sight = {0, 0};
    for (unsigned c = 0; c < topology->checks_n; c++) {
        if (!check_is_view(&topology->checks[c], region)) {
            continue;
        }
        for (unsigned a = 0; a < topology->agents_n; a++) {
            if (bits_has(alive, a) && topology->agents[a].region == from) {
                sight.bad_n += is_bad(core->checks[c].status[a]);
                sight.ok_n += is_good(core->checks[c].status[a]);
            }
        }
    }
    return sight;
}

static bool is_monitoring(const struct topology *topology, uint8_t region) {
    return topology->regions[region].kind == REGION_MONITORING;
}

/* A view is put down to the link when its region is blind while another one sees all well; or when
 * the two regions are blind to each other, and both are heard. */
static bool blames_link(const struct core *core, const struct topology *topology, uint8_t from,
                        uint8_t region, uint64_t alive) {
    if (!is_blind(sight_of(core, topology, from, region, alive))) {
        return false;
    }
    if (is_blind(sight_of(core, topology, region, from, alive))) {
        return true;
    }
    for (uint8_t other = 0; other < topology->regions_n; other++) {
        struct sight sight = sight_of(core, topology, other, region, alive);
        if (other != region && sight.ok_n > 0 && sight.bad_n == 0) {
            return true;
        }
    }
    return false;
}

static void count_outside(const struct core *core, const struct topology *topology, uint8_t region,
                          uint64_t alive, struct region_verdict *verdict) {
    for (uint8_t from = 0; from < topology->regions_n; from++) {
        if (from == region) {
            continue; /* of itself it speaks with its own voice */
        }
        struct sight sight = sight_of(core, topology, from, region, alive);
        verdict->outside_bad_n = (uint8_t)(verdict->outside_bad_n + sight.bad_n);
        verdict->outside_ok_n = (uint8_t)(verdict->outside_ok_n + sight.ok_n);
        if (sight.bad_n + sight.ok_n == 0) {
            continue;
        }
        bool serves = sees_it_serve(sight);
        verdict->vantages_ok_n = (uint8_t)(verdict->vantages_ok_n + serves);
        verdict->vantages_bad_n = (uint8_t)(verdict->vantages_bad_n + !serves);
        if (sight.bad_n > 0 && blames_link(core, topology, from, region, alive)) {
            verdict->links_bad_n++;
        } else if (sight.bad_n > 0) {
            verdict->vantages_hurt_n++;
        }
        if (is_monitoring(topology, from) && serves) {
            verdict->monitoring_sees = 1;
        } else if (is_monitoring(topology, from)) {
            verdict->monitoring_blind = 1;
        }
    }
    verdict->outside_n = (uint8_t)(verdict->outside_bad_n + verdict->outside_ok_n);
}

static void count_vital(const struct core *core, const struct topology *topology, uint8_t region,
                        uint64_t alive, struct region_verdict *verdict) {
    for (unsigned c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->region != region || check->outside || !check->vital || check->agent == NONE) {
            continue;
        }
        uint8_t status = core->checks[c].status[check->agent];
        bool fresh = bits_has(alive, check->agent) && (is_good(status) || is_bad(status));
        verdict->vital_stale_n = (uint8_t)(verdict->vital_stale_n + !fresh);
        if (bits_has(alive, check->agent)) {
            verdict->vital_n++;
            verdict->vital_bad_n = (uint8_t)(verdict->vital_bad_n + is_bad(status));
        }
    }
}

/* Has the store the role that its region should have? The region with the open epoch has a primary,
 * another one has none. What its checks say of roles counts while they answer, and are heard; what
 * Patroni has written down of them is no proof. */
static bool role_is_wrong(const struct core *core, const struct topology *topology,
                          const struct endpoint *endpoint, uint64_t alive) {
    bool known = false, primary = false;
    for (unsigned c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->region != endpoint->region || check->component != endpoint->component ||
            check->kind == CHECK_PATRONI || check->outside || check->agent == NONE ||
            !bits_has(alive, check->agent) || !is_good(core->checks[c].status[check->agent])) {
            continue;
        }
        known = known || core->checks[c].role != ROLE_SEEN_UNKNOWN;
        primary = primary || core->checks[c].role == ROLE_SEEN_PRIMARY;
    }
    return known && primary != (endpoint->region == core->owner);
}

/* Between two epochs the roles are on their way. */
static void count_roles(const struct core *core, const struct topology *topology, uint8_t region,
                        uint64_t alive, struct region_verdict *verdict) {
    for (unsigned e = 0; e < topology->endpoints_n && core->open; e++) {
        const struct endpoint *endpoint = &topology->endpoints[e];
        if (endpoint->region == region && topology->components[endpoint->component].guarded) {
            verdict->roles_wrong_n =
                (uint8_t)(verdict->roles_wrong_n + role_is_wrong(core, topology, endpoint, alive));
        }
    }
}

static void count_own(const struct core *core, const struct topology *topology, uint8_t region,
                      uint64_t alive, struct region_verdict *verdict) {
    for (unsigned a = 0; a < topology->agents_n; a++) {
        if (topology->agents[a].region != region) {
            continue;
        }
        verdict->agents_n++;
        verdict->heard_n = (uint8_t)(verdict->heard_n + bits_has(alive, a));
        verdict->heard_ever = verdict->heard_ever || core->agents[a].boot != 0;
        if (core->agents[a].last_heard_ms > verdict->last_heard_ms) {
            verdict->last_heard_ms = core->agents[a].last_heard_ms;
        }
    }
}

/* No data region is heard, and none is seen to serve from where the members are: then it is the
 * members' own region that is cut off, as far as anybody can tell. */
static bool monitoring_is_alone(const struct core *core, const struct topology *topology,
                                uint64_t alive) {
    for (unsigned a = 0; a < topology->agents_n; a++) {
        if (!is_monitoring(topology, topology->agents[a].region) && bits_has(alive, a)) {
            return false;
        }
    }
    for (uint8_t from = 0; from < topology->regions_n; from++) {
        for (uint8_t to = 0; is_monitoring(topology, from) && to < topology->regions_n; to++) {
            if (to != from && sees_it_serve(sight_of(core, topology, from, to, alive))) {
                return false;
            }
        }
    }
    return true;
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

/* A silent region. Isolated needs a witness: somebody sees it serve, and the members' own region,
 * which looks, does not. */
static enum region_class classify_silent(const struct region_verdict *verdict) {
    if (verdict->vantages_bad_n > verdict->vantages_ok_n) {
        return CLASS_DARK;
    }
    if (verdict->monitoring_blind && !verdict->monitoring_sees) {
        return CLASS_ISOLATED;
    }
    return verdict->heard_ever ? CLASS_STALE : CLASS_UNKNOWN;
}

static enum region_class classify_heard(const struct region_verdict *verdict, bool link_fails) {
    bool most_vital_bad = verdict->vital_bad_n * 2 > verdict->vital_n;
    if (most_vital_bad && verdict->vantages_bad_n > verdict->vantages_ok_n) {
        return CLASS_SICK;
    }
    if (verdict->vital_bad_n > 0 || verdict->roles_wrong_n > 0 || verdict->vantages_hurt_n > 0) {
        return CLASS_COMPONENT;
    }
    if (verdict->heard_n < verdict->agents_n || verdict->vital_stale_n > 0) {
        return CLASS_STALE;
    }
    return verdict->links_bad_n > 0 || link_fails ? CLASS_LINK_ONLY : CLASS_WELL;
}

struct region_verdict verdict_of(const struct core *core, const struct topology *topology,
                                 uint8_t region) {
    struct region_verdict verdict;
    memset(&verdict, 0, sizeof verdict);
    ensure(region < topology->regions_n);
    uint64_t alive = verdict_alive(core, topology);
    count_own(core, topology, region, alive, &verdict);
    count_outside(core, topology, region, alive, &verdict);
    count_vital(core, topology, region, alive, &verdict);
    count_roles(core, topology, region, alive, &verdict);
    bool counts_as_alone = is_monitoring(topology, region) || verdict.heard_n == 0;
    enum region_class class;
    if (verdict.agents_n == 0) {
        class = CLASS_UNKNOWN;
    } else if (counts_as_alone && monitoring_is_alone(core, topology, alive)) {
        class = CLASS_MONITORING_ISOLATED;
    } else if (verdict.heard_n == 0) {
        class = classify_silent(&verdict);
    } else {
        class = classify_heard(&verdict, a_link_fails(core, topology, region, alive));
    }
    verdict.class = (uint8_t) class;
    ensure(verdict.heard_n <= verdict.agents_n);
    return verdict;
}
