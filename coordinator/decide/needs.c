/* Three passes: what each component's own checks say, which of the failing ones fail by themselves,
 * and who suffers by them. */
#include "coordinator/decide/needs.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"

const char *standing_text(enum standing state) {
    static const char *const texts[] = {
#define STANDING_TEXT(name, text) text,
        STANDING_LIST(STANDING_TEXT)
#undef STANDING_TEXT
    };
    return (unsigned)state < STANDINGS_N ? texts[state] : "?";
}

/* ------------------------------------------------------------------- its own checks */

enum speaks { SPEAKS_NOT, SPEAKS_ANY, SPEAKS_OWN_KIND, SPEAKS_VITAL };

static enum speaks speaks_of(const struct topology *topology, const struct check *check) {
    uint8_t kind = topology->components[check->component].kind;
    if (check->vital) {
        return SPEAKS_VITAL;
    }
    if (check->link != NONE || check->kind == CHECK_BACKUP || check->ready == READY_WARNING) {
        return SPEAKS_NOT;
    }
    bool own = text_equal(component_kind_text((enum component_kind)kind),
                          check_kind_text((enum check_kind)check->kind));
    return own ? SPEAKS_OWN_KIND : SPEAKS_ANY;
}

static bool is_known(uint8_t status) {
    return status != CHECK_UNKNOWN && status != CHECK_STALE;
}

/* What one check says now: from outside the majority of those that are heard. CHECK_UNKNOWN: no
 * word. *ret_agent saw it fail. */
static uint8_t check_says(const struct readiness_input *input, uint8_t c, uint8_t *ret_agent) {
    const struct topology *topology = input->topology;
    const struct check *check = &topology->checks[c];
    unsigned good_n = 0, bad_n = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        bool runs =
            check->outside ? topology->agents[a].region != check->region : check->agent == a;
        const struct check_report *seen = runs ? readiness_seen(input, a, c) : NULL;
        if (seen == NULL || !is_known(seen->status)) {
            continue;
        }
        bool bad = seen->status == CHECK_FAILED;
        *ret_agent = bad ? a : *ret_agent;
        good_n += !bad;
        bad_n += bad;
    }
    return good_n + bad_n == 0 ? CHECK_UNKNOWN : bad_n > good_n ? CHECK_FAILED : CHECK_OK;
}

static struct component_standing own_standing(const struct readiness_input *input,
                                              const struct endpoint *at) {
    const struct topology *topology = input->topology;
    struct component_standing own = {.check = NONE, .agent = NONE};
    enum speaks loudest = SPEAKS_NOT;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        enum speaks speaks = speaks_of(topology, check);
        uint8_t agent = NONE;
        if (check->component != at->component || check->region != at->region ||
            speaks == SPEAKS_NOT || speaks < loudest) {
            continue;
        }
        if (speaks > loudest) {
            loudest = speaks;
            own = (struct component_standing){.check = NONE, .agent = NONE};
        }
        uint8_t says = check_says(input, c, &agent);
        own.checks_n = (uint8_t)(own.checks_n + (says != CHECK_UNKNOWN));
        own.failed_n = (uint8_t)(own.failed_n + (says == CHECK_FAILED));
        if (says == CHECK_FAILED && own.check == NONE) {
            own.check = c;
            own.agent = agent;
        }
    }
    bool down = own.failed_n > 0 && (loudest == SPEAKS_VITAL || own.failed_n == own.checks_n);
    own.state = own.checks_n == 0   ? STANDING_UNKNOWN
                : down              ? STANDING_DOWN
                : own.failed_n == 0 ? STANDING_WELL
                                    : STANDING_FAILING;
    return own;
}

/* --------------------------------------------------------------------- whose fault */

/* Set of components that are down for `region`: there, or, with no endpoint there, everywhere. */
static uint64_t down_for(const struct topology *topology, const struct standings *own,
                         uint8_t region) {
    uint64_t down = 0;
    for (uint8_t c = 0; c < topology->components_n; c++) {
        bool here = topology_endpoint(topology, c, region) != NONE, any = false, all = true;
        for (uint8_t e = 0; e < topology->endpoints_n; e++) {
            const struct endpoint *at = &topology->endpoints[e];
            if (at->component == c && (!here || at->region == region)) {
                any = true;
                all = all && own->at[at->region][c].state == STANDING_DOWN;
            }
        }
        down |= any && all ? bit(c) : 0;
    }
    return down;
}

static uint64_t others_needed(const struct topology *topology, uint8_t component) {
    return topology_needs_all(topology, component) & ~bit(component);
}

/* Those that are down although all is up that they need. */
static uint64_t roots_of(const struct topology *topology, uint64_t down) {
    uint64_t roots = 0;
    for (uint8_t c = 0; c < topology->components_n; c++) {
        bool by_itself = bits_has(down, c) && (others_needed(topology, c) & down) == 0;
        roots |= by_itself ? bit(c) : 0;
    }
    return roots;
}

/* A region that may not write has components that cannot serve: those that need a guarded store. */
static bool stands_by(const struct readiness_input *input, uint8_t region, uint8_t component) {
    const struct topology *topology = input->topology;
    uint64_t needed = others_needed(topology, component);
    bool writes = input->core->open && input->core->owner == region;
    bool store = false;
    for (uint8_t c = 0; c < topology->components_n; c++) {
        store = store || (bits_has(needed, c) && topology->components[c].guarded);
    }
    return store && !writes && topology->regions[region].kind == REGION_DATA;
}

static enum standing state_of(uint8_t own, bool has_roots, bool stands_by_) {
    bool fails = own == STANDING_DOWN || own == STANDING_FAILING;
    if (has_roots) {
        return fails ? STANDING_DEPENDING : STANDING_AT_RISK;
    }
    return fails && stands_by_ ? STANDING_STANDBY : (enum standing)own;
}

static void read_region(const struct readiness_input *input, const struct standings *own,
                        uint8_t region, struct standings *standings) {
    const struct topology *topology = input->topology;
    struct component_standing *at = standings->at[region];
    uint64_t down = down_for(topology, own, region);
    for (uint8_t c = 0; c < topology->components_n; c++) {
        down &= stands_by(input, region, c) ? ~bit(c) : UINT64_MAX;
    }
    uint64_t roots = roots_of(topology, down);
    for (uint8_t c = 0; c < topology->components_n; c++) {
        if (topology_endpoint(topology, c, region) == NONE) {
            continue;
        }
        at[c] = own->at[region][c];
        at[c].roots = others_needed(topology, c) & roots;
        at[c].state = (uint8_t)state_of(at[c].state, at[c].roots != 0, stands_by(input, region, c));
    }
    for (uint8_t c = 0; c < topology->components_n; c++) {
        for (uint8_t root = 0; root < topology->components_n; root++) {
            at[root].hurts |= bits_has(at[c].roots, root) ? bit(c) : 0;
        }
    }
}

void needs_read(const struct readiness_input *input, struct standings *ret_standings) {
    struct standings own = {0};
    const struct topology *topology = input->topology;
    memset(ret_standings, 0, sizeof *ret_standings);
    for (uint8_t e = 0; e < topology->endpoints_n; e++) {
        const struct endpoint *at = &topology->endpoints[e];
        ensure(at->component < topology->components_n && at->region < topology->regions_n);
        own.at[at->region][at->component] = own_standing(input, at);
    }
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        read_region(input, &own, r, ret_standings);
    }
}
