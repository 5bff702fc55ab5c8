/* The verdict on a region in words, and whose word each gate rests on: what was seen, how old that
 * is, who agrees, what would change it, and what happens next. */
#include <stdarg.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/topology/duration.h"
#include "coordinator/status_parts.h"

struct words {
    char at[400];
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *format, ...) {
    char more[sizeof words->at];
    va_list args;
    va_start(args, format);
    (void)text_format_list(more, sizeof more, format, args);
    va_end(args);
    (void)text_append(words->at, sizeof words->at, more);
}

/* ", " between the names of a list, and nothing before its first. */
static void say_name(struct words *words, unsigned *names_n, const char *name) {
    say(words, "%s%s", *names_n == 0 ? "" : ", ", name);
    (*names_n)++;
}

static bool is_heard(const struct answering *answering, uint8_t agent) {
    return bits_has(verdict_alive(answering->core, answering->topology), agent);
}

/* ------------------------------------------------------------------ who sees what */

enum view { VIEW_SERVES, VIEW_FAILS, VIEW_SILENT, VIEWS_N };

/* How one region's agents see another: the same counting as the verdict's. VIEWS_N: nobody there
 * looks at it. */
static enum view view_of(const struct answering *answering, uint8_t from, uint8_t region) {
    const struct topology *topology = answering->topology;
    unsigned bad_n = 0, ok_n = 0, looks_n = 0;
    for (unsigned c = 0; c < topology->checks_n; c++) {
        if (!check_is_view(&topology->checks[c], region)) {
            continue;
        }
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            uint8_t status = answering->core->checks[c].status[a];
            if (topology->agents[a].region != from) {
                continue;
            }
            looks_n++;
            bool counts = is_heard(answering, a);
            bad_n += counts && status == CHECK_FAILED;
            ok_n +=
                counts && (status == CHECK_OK || status == CHECK_WARN || status == CHECK_SUSPECT);
        }
    }
    if (looks_n == 0 || from == region) {
        return VIEWS_N;
    }
    return bad_n > ok_n ? VIEW_FAILS : ok_n > 0 ? VIEW_SERVES : VIEW_SILENT;
}

static void say_viewers(const struct answering *answering, uint8_t region, enum view view,
                        const char *head, struct words *words) {
    unsigned names_n = 0;
    for (uint8_t from = 0; from < answering->topology->regions_n; from++) {
        if (view_of(answering, from, region) == view) {
            say(words, "%s", names_n > 0 ? "" : words->at[0] == '\0' ? head + 2 : head);
            say_name(words, &names_n, name_region(answering->topology, from));
        }
    }
}

static void say_views(const struct answering *answering, uint8_t region, struct words *words) {
    say_viewers(answering, region, VIEW_SERVES, "; seen to serve from ", words);
    say_viewers(answering, region, VIEW_FAILS, "; seen to fail from ", words);
    say_viewers(answering, region, VIEW_SILENT, "; no word of it from ", words);
    if (words->at[0] == '\0') {
        say(words, "nobody looks at it from outside");
    }
}

/* The oldest word among those that count: of agents outside that are heard and look at it. */
static uint64_t views_age_ms(const struct answering *answering, uint8_t region) {
    const struct topology *topology = answering->topology;
    uint64_t oldest_ms = 0;
    bool any = false;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        enum view view = view_of(answering, topology->agents[a].region, region);
        uint64_t ago_ms = heard_ago_ms(answering->member, a);
        if ((view == VIEW_SERVES || view == VIEW_FAILS) && is_heard(answering, a) &&
            ago_ms != UINT64_MAX) {
            oldest_ms = ago_ms > oldest_ms ? ago_ms : oldest_ms;
            any = true;
        }
    }
    return any ? oldest_ms : UINT64_MAX;
}

/* The members agree on silence only; how fresh the word of a region is that speaks, each knows for
 * itself. */
uint64_t region_age_ms(const struct answering *answering, uint8_t region,
                       const struct region_verdict *verdict) {
    uint64_t age_ms = core_since(answering->core, verdict->last_heard_ms);
    for (uint8_t a = 0; a < answering->topology->agents_n && verdict->heard_n > 0; a++) {
        uint64_t ago_ms = heard_ago_ms(answering->member, a);
        if (answering->topology->agents[a].region == region && ago_ms < age_ms) {
            age_ms = ago_ms;
        }
    }
    return age_ms;
}

static void put_age(json_t *object, const char *key, uint64_t age_ms) {
    if (age_ms == UINT64_MAX) {
        put_null(object, key);
    } else {
        put_count(object, key, age_ms);
    }
}

/* --------------------------------------------------------------------- one verdict */

static void say_failing(const struct answering *answering, uint8_t region, struct words *words) {
    const struct topology *topology = answering->topology;
    unsigned names_n = 0;
    for (unsigned c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->region == region && !check->outside && check->vital && check->agent != NONE &&
            is_heard(answering, check->agent) &&
            answering->core->checks[c].status[check->agent] == CHECK_FAILED) {
            say(words, "%s", names_n == 0 ? " (" : "");
            say_name(words, &names_n, check->name);
        }
    }
    say(words, "%s", names_n == 0 ? "" : ")");
}

static void say_silent(const struct answering *answering, uint8_t region, struct words *words) {
    const struct topology *topology = answering->topology;
    unsigned names_n = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        if (topology->agents[a].region == region && !is_heard(answering, a)) {
            say(words, "%s", names_n == 0 ? "; silent: " : "");
            say_name(words, &names_n, topology->agents[a].name);
        }
    }
}

static void say_seen(const struct answering *answering, uint8_t region,
                     const struct region_verdict *verdict, struct words *words) {
    say(words, "%u of %u agents heard", verdict->heard_n, verdict->agents_n);
    say_silent(answering, region, words);
    if (verdict->vital_n > 0) {
        say(words, "; %u of %u vital checks fail", verdict->vital_bad_n, verdict->vital_n);
        say_failing(answering, region, words);
    }
    if (verdict->vital_stale_n > 0) {
        say(words, "; of %u vital checks nothing fresh is known", verdict->vital_stale_n);
    }
    if (verdict->roles_wrong_n > 0) {
        bool active = answering->core->owner == region;
        say(words, "; %u store(s) %s", verdict->roles_wrong_n,
            active ? "without a primary, in the active region"
                   : "with a primary, outside the active region");
    }
    if (verdict->links_bad_n > 0) {
        say(words, "; %u region(s) blind to it, which a link explains", verdict->links_bad_n);
    }
}

static void say_change(const struct answering *answering, uint8_t region,
                       const struct region_verdict *verdict, struct words *words) {
    long long silent_s = answering->topology->policy.silent_ms / 1000;
    switch ((enum region_class)verdict->class) {
    case CLASS_UNKNOWN: say(words, "a first report of one of its agents"); break;
    case CLASS_WELL:
        say(words,
            "region-dark: silence of %lld s, and most who look see it fail; component: a vital "
            "check fails",
            silent_s);
        break;
    case CLASS_COMPONENT:
        say(words,
            "well: %s; region-sick: most of its vital checks fail, and most who look see it "
            "fail",
            verdict->vital_bad_n > 0     ? "its failing checks pass"
            : verdict->roles_wrong_n > 0 ? "its stores have the roles they should have"
                                         : "who looks from outside sees it serve again");
        break;
    case CLASS_SICK:
        say(words,
            "component: half of its vital checks pass, or as many regions see it serve as "
            "fail (%u and %u now)",
            verdict->vantages_ok_n, verdict->vantages_bad_n);
        break;
    case CLASS_DARK:
        say(words,
            "one of its agents heard; or as many regions see it serve as fail (%u and %u "
            "now)",
            verdict->vantages_ok_n, verdict->vantages_bad_n);
        break;
    case CLASS_ISOLATED:
        say(words,
            "region-dark: most who look see it fail (%u of %u now); well: its agents are "
            "heard again",
            verdict->vantages_bad_n, verdict->vantages_bad_n + verdict->vantages_ok_n);
        break;
    case CLASS_MONITORING_ISOLATED:
        say(words, "one agent of a data region is heard, or one is seen to serve from the "
                   "monitoring region");
        break;
    case CLASS_LINK_ONLY: say(words, "well: the link is mended"); break;
    case CLASS_STALE:
        say(words, "well: %s; region-dark: all its agents silent, and most who look see it fail",
            verdict->heard_n < verdict->agents_n ? "its silent agents are heard again"
                                                 : "its vital checks run in time again");
        break;
    case CLASSES_N: break;
    }
    if (answering->topology->regions[region].kind == REGION_MONITORING &&
        verdict->class == CLASS_WELL) {
        words->at[0] = '\0';
        say(words, "monitoring-isolated: no data region heard, and none seen to serve from here");
    }
}

/* Whether this verdict moves anything by itself. */
static void say_next(const struct answering *answering, uint8_t region,
                     const struct region_verdict *verdict, struct words *words) {
    const struct core *core = answering->core;
    bool sick = verdict->class == CLASS_SICK && answering->topology->policy.automatic_sick;
    if (core->owner != region || !core->open) {
        say(words, "nothing by itself: it does not hold the open epoch");
    } else if (verdict->class != CLASS_DARK && !sick) {
        say(words, "nothing by itself: only region-dark%s begins a suspicion",
            answering->topology->policy.automatic_sick ? " or region-sick" : "");
    } else if (core->phase == PHASE_SUSPECT) {
        say(words, "the suspicion runs for %s; then the gates decide",
            duration_text(core_since(core, core->suspect_ms)).at);
    } else {
        say(words, "the next tick begins the suspicion");
    }
}

json_t *verdict_object(const struct answering *answering, uint8_t region) {
    struct region_verdict verdict = verdict_of(answering->core, answering->topology, region);
    const struct core *core = answering->core;
    struct words seen = {""}, agree = {""}, change = {""}, next = {""};
    unsigned hear_n = 0;
    json_t *object = json_object();
    for (uint8_t m = 0; m < answering->topology->members_n; m++) {
        bool hears = false;
        for (uint8_t a = 0; a < answering->topology->agents_n; a++) {
            hears = hears || (answering->topology->agents[a].region == region &&
                              (core->agents[a].heard_by >> m & 1u) != 0);
        }
        hear_n += hears;
    }
    say_seen(answering, region, &verdict, &seen);
    say_views(answering, region, &agree);
    say(&agree, "; %u of %u members hear it", hear_n, answering->topology->members_n);
    say_change(answering, region, &verdict, &change);
    say_next(answering, region, &verdict, &next);
    put_text(object, "means", class_sentence((enum region_class)verdict.class));
    put_text(object, "seen", seen.at);
    put_age(object, "heard_ago_ms",
            verdict.heard_ever ? region_age_ms(answering, region, &verdict) : UINT64_MAX);
    put_age(object, "views_age_ms", views_age_ms(answering, region));
    put_text(object, "agree", agree.at);
    put_text(object, "would_change", change.at);
    put_text(object, "next", next.at);
    return object;
}

/* ---------------------------------------------------------- whose word a gate rests on */

static void say_members(const struct answering *answering, struct words *words) {
    unsigned names_n = 0;
    for (uint8_t m = 0; m < answering->topology->members_n; m++) {
        const struct member_view *view = &answering->core->members[m];
        if (view->present && !view->attesting) {
            say_name(words, &names_n, answering->topology->members[m].name);
        }
    }
    say(words, "%s", names_n == 0 ? "every member says yes to it" : " gave no yes lately");
}

static uint64_t say_standby(const struct answering *answering, struct words *words) {
    uint8_t region = topology_region(answering->topology, standby_name(answering));
    unsigned names_n = 0;
    uint64_t oldest_ms = UINT64_MAX;
    for (uint8_t a = 0; a < answering->topology->agents_n; a++) {
        const struct agent *agent = &answering->topology->agents[a];
        if (agent->region != region || !agent->gate || !is_heard(answering, a)) {
            continue;
        }
        uint64_t ago_ms = heard_ago_ms(answering->member, a);
        oldest_ms = oldest_ms == UINT64_MAX || ago_ms > oldest_ms ? ago_ms : oldest_ms;
        say_name(words, &names_n, agent->name);
    }
    say(words, "%s", names_n == 0 ? "none of its gate agents is heard" : "");
    return oldest_ms;
}

static uint64_t say_link(const struct answering *answering, uint8_t link, struct words *words) {
    if (link == NONE) {
        say(words, "no link of a guarded store has an objective");
        return UINT64_MAX;
    }
    struct lag lag = lags_of(answering->member, link);
    uint64_t now_ms = member_now_ms();
    say(words, "positions of link %s", answering->topology->links[link].name);
    if (lag.unheard_ms > answering->topology->lease.lease_ms) {
        say(words,
            ", whose active side was attested by way of others for %llu s after it was last heard",
            (unsigned long long)lag.unheard_ms / 1000);
    }
    if (!lag.known || lag.sampled_ms == 0) {
        return UINT64_MAX;
    }
    return now_ms > lag.sampled_ms ? now_ms - lag.sampled_ms : 0;
}

void put_gate_source(const struct answering *answering, json_t *object, enum gate gate,
                     const struct gate_reading *reading) {
    const struct core *core = answering->core;
    struct words words = {""};
    uint64_t age_ms = UINT64_MAX;
    switch (gate) {
    case GATE_AUTOMATIC_:
    case GATE_GUARDED_: say(&words, "the topology, version %u", core->config_version); break;
    case GATE_NOT_HELD_:
    case GATE_LATCH_:
    case GATE_BLOCK_:
    case GATE_IDLE_:
    case GATE_SETTLED_:
        say(&words, "the log, up to fact %llu", (unsigned long long)core->applied_index);
        break;
    case GATE_OWN_VOICE_: {
        struct region_verdict verdict = verdict_of(core, answering->topology, core->owner);
        say(&words, "the members: %u of %u of its agents heard", verdict.heard_n, verdict.agents_n);
        age_ms = verdict.heard_ever ? region_age_ms(answering, core->owner, &verdict) : UINT64_MAX;
        break;
    }
    case GATE_OUTSIDE_:
        say_views(answering, core->owner, &words);
        age_ms = views_age_ms(answering, core->owner);
        break;
    case GATE_ATTEST_: say_members(answering, &words); break;
    case GATE_HOLD_DOWN_:
        say(&words, "ticks of %s",
            core->timekeeper < answering->topology->members_n
                ? answering->topology->members[core->timekeeper].name
                : "no timekeeper yet");
        break;
    case GATE_STANDBY_: age_ms = say_standby(answering, &words); break;
    case GATE_RPO_: age_ms = say_link(answering, reading->subject, &words); break;
    case GATES_N: break;
    }
    put_text(object, "says", words.at);
    put_age(object, "age_ms", age_ms);
    if (reading->unit_ms && reading->value >= 0) {
        put_number(object, "margin_ms",
                   gate == GATE_RPO_ ? reading->limit - reading->value
                                     : reading->value - reading->limit);
    } else {
        put_null(object, "margin_ms");
    }
}
