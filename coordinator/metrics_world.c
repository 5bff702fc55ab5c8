/* Regions and gates, links, backups, checks. */
#include "common/io/clock.h"
#include "coordinator/leaders.h"
#include "coordinator/metrics_parts.h"

/* ----------------------------------------------------------------------- regions */

static const char *text_class(unsigned index) {
    return class_text((enum region_class)index);
}

FILL(region_class) {
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct label label = {"region", scrape->topology->regions[r].name};
        tell_one_of(scrape, 1, &label, "class", CLASSES_N, text_class,
                    scrape->current ? scrape->verdicts[r].class : CLASS_STALE);
    }
}

FILL(region_agents) {
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct label label = {"region", scrape->topology->regions[r].name};
        exposition_count(scrape->to, scrape->verdicts[r].agents_n, 1, &label);
    }
}

FILL(region_agents_heard) {
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct label label = {"region", scrape->topology->regions[r].name};
        exposition_count(scrape->to, scrape->current ? scrape->verdicts[r].heard_n : 0, 1, &label);
    }
}

FILL(region_heard_age) {
    uint32_t silent_ms = ticks_silent_ms(&scrape->member->ticks, clock_stamp());
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct region_verdict *verdict = &scrape->verdicts[r];
        const struct label label = {"region", scrape->topology->regions[r].name};
        if (verdict->heard_ever && silent_ms != UINT32_MAX) {
            exposition_ms(scrape->to, core_since(scrape->core, verdict->last_heard_ms) + silent_ms,
                          1, &label);
        }
    }
}

static void tell_opinions(const struct scrape *scrape, uint8_t region, const char *label,
                          const char *const texts[3], const unsigned counts[3]) {
    for (unsigned i = 0; i < 3; i++) {
        const struct label labels[] = {{"region", scrape->topology->regions[region].name},
                                       {label, texts[i]}};
        exposition_count(scrape->to, counts[i], 2, labels);
    }
}

FILL(region_outside) {
    static const char *const texts[] = {"all", "ok", "bad"};
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct region_verdict *verdict = &scrape->verdicts[r];
        const unsigned counts[] = {verdict->outside_n, scrape->current ? verdict->outside_ok_n : 0,
                                   verdict->outside_bad_n};
        tell_opinions(scrape, r, "opinion", texts, counts);
    }
}

FILL(region_vital) {
    static const char *const texts[] = {"all", "bad", "stale"};
    for (uint8_t r = 0; r < scrape->topology->regions_n; r++) {
        const struct region_verdict *verdict = &scrape->verdicts[r];
        const unsigned counts[] = {verdict->vital_n, verdict->vital_bad_n,
                                   scrape->current ? verdict->vital_stale_n : verdict->vital_n};
        tell_opinions(scrape, r, "state", texts, counts);
    }
}

/* ------------------------------------------------------------------------- gates */

static const char *const gate_names[] = {
    [GATE_AUTOMATIC_] = "automatic", [GATE_NOT_HELD_] = "not-held", [GATE_LATCH_] = "latch",
    [GATE_BLOCK_] = "block",         [GATE_IDLE_] = "idle",         [GATE_SETTLED_] = "settled",
    [GATE_OWN_VOICE_] = "own-voice", [GATE_OUTSIDE_] = "outside",   [GATE_ATTEST_] = "attest",
    [GATE_HOLD_DOWN_] = "hold-down", [GATE_STANDBY_] = "standby",   [GATE_RPO_] = "rpo",
    [GATE_GUARDED_] = "guarded"};
_Static_assert(sizeof gate_names / sizeof gate_names[0] == GATES_N, "every gate has its name");

FILL(gate_passes) {
    for (unsigned g = 0; g < GATES_N; g++) {
        const struct label label = {"gate", gate_names[g]};
        exposition_count(scrape->to, scrape->current && scrape->gates[g].passes, 1, &label);
    }
}

static void tell_gates(const struct scrape *scrape, bool limits) {
    for (unsigned g = 0; g < GATES_N; g++) {
        const struct gate_reading *gate = &scrape->gates[g];
        const struct label label = {"gate", gate_names[g]};
        int64_t number = limits ? gate->limit : gate->value;
        if (!scrape->current || number < 0) {
            continue; /* unknown */
        }
        if (gate->unit_ms) {
            exposition_ms(scrape->to, (uint64_t)number, 1, &label);
        } else {
            exposition_number(scrape->to, number, 1, &label);
        }
    }
}

FILL(gate_value) {
    tell_gates(scrape, false);
}

FILL(gate_limit) {
    tell_gates(scrape, true);
}

FILL(automation_allowed) {
    tell(scrape, scrape->topology->policy.automatic);
}

FILL(automation_held) {
    tell(scrape, scrape->core->held_until_ms > scrape->core->now_ms);
}

FILL(automation_latched) {
    tell(scrape, scrape->core->latched != 0);
}

FILL(automation_blocked) {
    const struct core *core = scrape->core;
    tell_ms(scrape, core->block_until_ms > core->now_ms ? core->block_until_ms - core->now_ms : 0);
}

/* ------------------------------------------------------------------------- links */

#define LINK_LABELS(scrape, l)                                                                     \
    {                                                                                              \
        {"link", (scrape)->topology->links[l].name}, {                                             \
            "component",                                                                           \
                name_component((scrape)->topology, (scrape)->topology->links[l].component)         \
        }                                                                                          \
    }

FILL(link_known) {
    for (uint8_t l = 0; l < scrape->topology->links_n; l++) {
        const struct label labels[] = LINK_LABELS(scrape, l);
        exposition_count(scrape->to, lags_of(scrape->member, l).known, 2, labels);
    }
}

FILL(link_lag_seconds) {
    for (uint8_t l = 0; l < scrape->topology->links_n; l++) {
        const struct label labels[] = LINK_LABELS(scrape, l);
        struct lag lag = lags_of(scrape->member, l);
        if (lag.known) {
            exposition_ms(scrape->to, lag.ms, 2, labels);
        }
    }
}

static void tell_behind(const struct scrape *scrape, bool canaries) {
    for (uint8_t l = 0; l < scrape->topology->links_n; l++) {
        const struct label labels[] = LINK_LABELS(scrape, l);
        struct lag lag = lags_of(scrape->member, l);
        if (lag.known && link_counts_writes(&scrape->topology->links[l]) == canaries) {
            exposition_count(scrape->to, lag.bytes, 2, labels);
        }
    }
}

FILL(link_lag_bytes) {
    tell_behind(scrape, false);
}

FILL(link_lag_writes) {
    tell_behind(scrape, true);
}

FILL(link_age) {
    for (uint8_t l = 0; l < scrape->topology->links_n; l++) {
        const struct label labels[] = LINK_LABELS(scrape, l);
        uint64_t sampled_ms = lags_of(scrape->member, l).sampled_ms;
        if (sampled_ms != 0) {
            exposition_ms(scrape->to, scrape->now_ms > sampled_ms ? scrape->now_ms - sampled_ms : 0,
                          2, labels);
        }
    }
}

enum link_limit { LIMIT_TARGET, LIMIT_ALERT, LIMIT_RPO };

static void tell_limit(const struct scrape *scrape, enum link_limit limit) {
    for (uint8_t l = 0; l < scrape->topology->links_n; l++) {
        const struct label labels[] = LINK_LABELS(scrape, l);
        const struct link *link = &scrape->topology->links[l];
        uint64_t ms = limit == LIMIT_TARGET  ? link->target_lag_ms
                      : limit == LIMIT_ALERT ? link->alert_lag_ms
                                             : objective_rpo_ms(scrape->topology, l);
        if (ms > 0) {
            exposition_ms(scrape->to, ms, 2, labels);
        }
    }
}

FILL(link_target) {
    tell_limit(scrape, LIMIT_TARGET);
}

FILL(link_alert) {
    tell_limit(scrape, LIMIT_ALERT);
}

FILL(link_rpo) {
    tell_limit(scrape, LIMIT_RPO);
}

/* ----------------------------------------------------------------------- backups */

/* Two documents may declare the same backup: it is told once, with the stricter of the two. */
static bool declared_before(const struct topology *topology, uint8_t backup) {
    for (uint8_t b = 0; b < backup; b++) {
        if (topology->backups[b].component == topology->backups[backup].component &&
            text_equal(topology->backups[b].type, topology->backups[backup].type)) {
            return true;
        }
    }
    return false;
}

#define BACKUP_LABELS(scrape, b)                                                                   \
    {                                                                                              \
        {"component",                                                                              \
         name_component((scrape)->topology, (scrape)->topology->backups[b].component)},            \
        {                                                                                          \
            "type", (scrape)->topology->backups[b].type                                            \
        }                                                                                          \
    }

static const char *text_backup(unsigned index) {
    return backup_state_text((enum backup_state)index);
}

FILL(backup_state) {
    for (uint8_t b = 0; b < scrape->topology->backups_n; b++) {
        const struct label labels[] = BACKUP_LABELS(scrape, b);
        int64_t age_s;
        if (!declared_before(scrape->topology, b)) {
            enum backup_state state = backup_state_of(scrape->member, b, &age_s);
            tell_one_of(scrape, 2, labels, "state", BACKUP_STATES_N, text_backup, state);
        }
    }
}

FILL(backup_age) {
    for (uint8_t b = 0; b < scrape->topology->backups_n; b++) {
        const struct label labels[] = BACKUP_LABELS(scrape, b);
        int64_t age_s = -1;
        if (!declared_before(scrape->topology, b)) {
            (void)backup_state_of(scrape->member, b, &age_s);
        }
        if (age_s >= 0) {
            exposition_number(scrape->to, age_s, 2, labels);
        }
    }
}

FILL(backup_every) {
    const struct topology *topology = scrape->topology;
    for (uint8_t b = 0; b < topology->backups_n; b++) {
        const struct label labels[] = BACKUP_LABELS(scrape, b);
        uint64_t every_ms = 0;
        for (uint8_t o = b; o < topology->backups_n; o++) {
            const struct backup *other = &topology->backups[o];
            bool same = other->component == topology->backups[b].component &&
                        text_equal(other->type, topology->backups[b].type);
            every_ms = same && other->every_ms > 0 && (every_ms == 0 || other->every_ms < every_ms)
                           ? other->every_ms
                           : every_ms;
        }
        if (!declared_before(topology, b) && every_ms > 0) {
            exposition_ms(scrape->to, every_ms, 2, labels);
        }
    }
}

/* -------------------------------------------------------------------- components */

static const char *name_first(const struct topology *topology, uint64_t set) {
    return set == 0 ? "" : name_component(topology, (uint8_t)__builtin_ctzll(set));
}

FILL(component_standing) {
    const struct topology *topology = scrape->topology;
    for (uint8_t e = 0; e < topology->endpoints_n; e++) {
        const struct endpoint *at = &topology->endpoints[e];
        const struct component_standing *stands = &scrape->standings->at[at->region][at->component];
        const struct label labels[] = {{"component", name_component(topology, at->component)},
                                       {"region", name_region(topology, at->region)},
                                       {"root", name_first(topology, stands->roots)}};
        exposition_count(scrape->to, stands->state, 3, labels);
    }
}

#define ENDPOINT_LABELS(scrape, at)                                                                \
    {                                                                                              \
        {"component", name_component((scrape)->topology, (at)->component)}, {                      \
            "region", name_region((scrape)->topology, (at)->region)                                \
        }                                                                                          \
    }

static bool has_elections(const struct topology *topology, const struct endpoint *at) {
    return component_failover_within_ms(&topology->components[at->component]) > 0 &&
           topology->regions[at->region].kind == REGION_DATA;
}

static void tell_last(const struct scrape *scrape, bool least) {
    for (uint8_t e = 0; e < scrape->topology->endpoints_n; e++) {
        const struct endpoint *at = &scrape->topology->endpoints[e];
        const struct label labels[] = ENDPOINT_LABELS(scrape, at);
        const struct history_election *last =
            leaders_last(scrape->member, at->component, at->region, ELECTION_CHANGED);
        if (last != NULL) {
            exposition_ms(scrape->to, least ? last->at_least_ms : last->at_most_ms, 2, labels);
        }
    }
}

FILL(component_failover) {
    tell_last(scrape, false);
}

FILL(component_failover_at_least) {
    tell_last(scrape, true);
}

FILL(component_failover_within) {
    for (uint8_t e = 0; e < scrape->topology->endpoints_n; e++) {
        const struct endpoint *at = &scrape->topology->endpoints[e];
        const struct label labels[] = ENDPOINT_LABELS(scrape, at);
        if (has_elections(scrape->topology, at)) {
            exposition_ms(
                scrape->to,
                component_failover_within_ms(&scrape->topology->components[at->component]), 2,
                labels);
        }
    }
}

FILL(component_failovers) {
    for (uint8_t e = 0; e < scrape->topology->endpoints_n; e++) {
        const struct endpoint *at = &scrape->topology->endpoints[e];
        struct label labels[] = {{"component", name_component(scrape->topology, at->component)},
                                 {"region", name_region(scrape->topology, at->region)},
                                 {"end", ""}};
        for (unsigned end = 0; has_elections(scrape->topology, at) && end < ELECTION_ENDS_N;
             end++) {
            labels[2].value = election_end_text((enum election_end)end);
            exposition_count(
                scrape->to,
                leaders_count(scrape->member, at->component, at->region, (enum election_end)end), 3,
                labels);
        }
    }
}

FILL(component_leaderless) {
    for (uint8_t e = 0; e < scrape->topology->endpoints_n; e++) {
        const struct endpoint *at = &scrape->topology->endpoints[e];
        const struct label labels[] = ENDPOINT_LABELS(scrape, at);
        struct leaderless missing;
        if (leaders_measured(scrape->member, at->component, at->region)) {
            bool runs = leaders_missing(scrape->member, at->component, at->region, &missing);
            exposition_ms(scrape->to, runs ? missing.at_most_ms : 0, 2, labels);
        }
    }
}

/* ------------------------------------------------------------------------ checks */

/* One check as one agent sees it. */
struct view {
    uint8_t agent;
    uint8_t state;                   /* enum check_status */
    const struct check_report *seen; /* of its newest report; NULL: not in it */
};

static struct view view_of(const struct scrape *scrape, uint16_t check, uint8_t agent) {
    uint16_t at = scrape->seen_at[agent][check];
    struct view view = {.agent = agent,
                        .seen =
                            at == 0 ? NULL : &scrape->member->agents[agent].report.checks[at - 1]};
    view.state = !scrape->fresh[agent] ? CHECK_STALE
                 : view.seen == NULL   ? CHECK_UNKNOWN
                                       : view.seen->status;
    return view;
}

static void each_check(const struct scrape *scrape,
                       void (*each)(const struct scrape *scrape, const struct view *view,
                                    const struct label labels[5])) {
    const struct topology *topology = scrape->topology;
    for (uint16_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        struct label labels[] = {{"check", check->name},
                                 {"kind", check_kind_text((enum check_kind)check->kind)},
                                 {"component", name_component(topology, check->component)},
                                 {"region", name_region(topology, check->region)},
                                 {"agent", ""}};
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            bool runs =
                check->outside ? topology->agents[a].region != check->region : check->agent == a;
            if (runs) {
                struct view view = view_of(scrape, c, a);
                labels[4].value = topology->agents[a].name;
                each(scrape, &view, labels);
            }
        }
    }
}

static void each_ok(const struct scrape *scrape, const struct view *view,
                    const struct label labels[5]) {
    exposition_count(scrape->to, view->state == CHECK_OK, 5, labels);
}

static void each_state(const struct scrape *scrape, const struct view *view,
                       const struct label labels[5]) {
    exposition_count(scrape->to, view->state, 5, labels);
}

static uint64_t told_ms(const struct scrape *scrape, uint8_t agent) {
    uint64_t told_ms = scrape->member->agents[agent].reported_boot_ms;
    return scrape->now_ms > told_ms ? scrape->now_ms - told_ms : 0;
}

static void each_age(const struct scrape *scrape, const struct view *view,
                     const struct label labels[5]) {
    if (view->seen != NULL) {
        exposition_ms(scrape->to, told_ms(scrape, view->agent), 5, labels);
    }
}

static bool known(const struct view *view) {
    return view->seen != NULL && view->state != CHECK_STALE && view->state != CHECK_UNKNOWN;
}

static void each_since(const struct scrape *scrape, const struct view *view,
                       const struct label labels[5]) {
    if (known(view) && view->seen->since_ms != UINT32_MAX) {
        exposition_ms(scrape->to, view->seen->since_ms + told_ms(scrape, view->agent), 5, labels);
    }
}

static void each_latency(const struct scrape *scrape, const struct view *view,
                         const struct label labels[5]) {
    if (known(view)) {
        exposition_ms(scrape->to, view->seen->latency_ms, 5, labels);
    }
}

static void each_value(const struct scrape *scrape, const struct view *view,
                       const struct label labels[5]) {
    if (known(view)) {
        exposition_number(scrape->to, view->seen->value, 5, labels);
    }
}

FILL(check_ok) {
    each_check(scrape, each_ok);
}

FILL(check_state) {
    each_check(scrape, each_state);
}

FILL(check_age) {
    each_check(scrape, each_age);
}

FILL(check_since) {
    each_check(scrape, each_since);
}

FILL(check_latency) {
    each_check(scrape, each_latency);
}

FILL(check_value) {
    each_check(scrape, each_value);
}

/* Two checks of one agent look at the same files: one sample. */
static bool oldest_of(const struct scrape *scrape, uint8_t agent, int64_t *ret_age_s) {
    bool found = false;
    for (uint16_t c = 0; c < scrape->topology->checks_n; c++) {
        const struct check *check = &scrape->topology->checks[c];
        if (check->kind != CHECK_SECRET_AGE || check->outside || check->agent != agent) {
            continue;
        }
        struct view view = view_of(scrape, c, agent);
        if (known(&view) && view.seen->value >= 0) {
            *ret_age_s = view.seen->value;
            found = true;
        }
    }
    return found;
}

FILL(secret_age) {
    const struct coordinator *member = scrape->member;
    const struct label own[] = {{"holder", member->keys.name}, {"name", "key"}};
    int64_t age_s = 0;
    if (member->key_age_known) {
        uint64_t up_s = (scrape->now_ms - member->started_boot_ms) / 1000;
        exposition_number(scrape->to, member->key_age_s + (int64_t)up_s, 2, own);
    }
    for (uint8_t a = 0; a < scrape->topology->agents_n; a++) {
        const struct label labels[] = {{"holder", scrape->topology->agents[a].name},
                                       {"name", "oldest"}};
        if (oldest_of(scrape, a, &age_s)) {
            exposition_number(scrape->to, age_s, 2, labels);
        }
    }
}
