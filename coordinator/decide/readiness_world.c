/* What the topology declares for readiness: checks and links with `ready`, drills with `every`. */
#include <inttypes.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/topology/duration.h"
#include "coordinator/decide/readiness.h"

static bool region_counts(const struct readiness_input *input, const struct check *check) {
    const struct topology *topology = input->topology;
    if (topology->regions[check->region].kind != REGION_DATA || check->ready_at == READY_AT_BOTH) {
        return true;
    }
    uint8_t wanted = check->ready_at == READY_AT_ACTIVE ? input->core->owner : input->target;
    return check->region == wanted;
}

/* By default what is vital for the verdict on a region is a blocker for it, and nothing else is. */
enum ready readiness_weight(const struct readiness_input *input, const struct check *check) {
    if (input->topology->components[check->component].excluded || check->ready == READY_NOTHING ||
        !region_counts(input, check)) {
        return READY_NOTHING;
    }
    if (check->ready != READY_BY_DEFAULT) {
        return (enum ready)check->ready;
    }
    bool vital = check->vital && !check->outside && check->region == input->target;
    return vital ? READY_BLOCKER : READY_NOTHING;
}

/* An agent that is silent, or works by another version, has a line of its own: what it would say of
 * its checks gets none. */
bool readiness_agent_speaks(const struct readiness_input *input, uint8_t agent) {
    const struct readiness_agent *at = &input->agents[agent];
    return at->heard && at->report != NULL &&
           at->report->config_version == input->core->config_version;
}

const struct check_report *readiness_seen(const struct readiness_input *input, uint8_t agent,
                                          uint8_t check) {
    const struct readiness_agent *at = &input->agents[agent];
    for (unsigned i = 0; readiness_agent_speaks(input, agent) && i < at->report->checks_n; i++) {
        if (at->report->checks[i].check == check) {
            return &at->report->checks[i];
        }
    }
    return NULL;
}

/* The report is as old as it is, and the observation in it at most one interval and one run older:
 * behind that its agent itself calls it stale. */
static int64_t age_of(const struct readiness_input *input, uint8_t agent,
                      const struct check *check) {
    return (int64_t)(input->agents[agent].heard_ago_ms + check->interval_ms + check->timeout_ms);
}

static struct readiness_line *check_line(const struct readiness_input *input,
                                         struct readiness *readiness, const struct check *check,
                                         enum ready weight, enum readiness_state state,
                                         int64_t age_ms) {
    struct readiness_line *line =
        readiness_add(readiness, weight, state, age_ms, "check %s", check->name);
    if (state != READINESS_GOOD && check->fix[0] != '\0') {
        (void)text_copy(line->fix, sizeof line->fix, check->fix);
    } else if (state != READINESS_GOOD) {
        (void)text_format(line->fix, sizeof line->fix, "look: drover components %s",
                          input->topology->components[check->component].name);
    }
    return line;
}

/* A warning of a blocker's check is a warning: a declared limit is passed and the target serves. */
static void judge(enum ready declared, const struct check_report *seen, enum ready *ret_weight,
                  enum readiness_state *ret_state) {
    *ret_weight = declared;
    *ret_state = READINESS_WRONG;
    switch (seen->status) {
    case CHECK_OK: *ret_state = READINESS_GOOD; break;
    case CHECK_WARN:
    case CHECK_SUSPECT: *ret_weight = READY_WARNING; break;
    case CHECK_FAILED: break;
    case CHECK_UNKNOWN:
    case CHECK_STALE:
    default: *ret_state = READINESS_UNKNOWN; break;
    }
}

static void say_seen(const struct check_report *seen, struct readiness_line *line) {
    static const char *const words[] = {"not run yet",    "", "failing, not yet for sure: ", "", "",
                                        "not run in time"};
    bool quiet = seen->status == CHECK_UNKNOWN || seen->status == CHECK_STALE;
    const char *word = seen->status < sizeof words / sizeof words[0] ? words[seen->status] : "";
    (void)text_format(line->text, sizeof line->text, "%s%s%s", word,
                      quiet && seen->detail[0] != '\0' ? "; last: " : "", seen->detail);
}

static void read_inside(const struct readiness_input *input, uint8_t c, enum ready declared,
                        struct readiness *readiness) {
    const struct check *check = &input->topology->checks[c];
    const struct check_report *seen = readiness_seen(input, check->agent, c);
    enum ready weight;
    enum readiness_state state;
    if (!readiness_agent_speaks(input, check->agent)) {
        return;
    }
    if (seen == NULL) {
        struct readiness_line *line =
            check_line(input, readiness, check, declared, READINESS_UNKNOWN, -1);
        (void)text_format(line->text, sizeof line->text, "%s did not report it yet",
                          input->topology->agents[check->agent].name);
        return;
    }
    judge(declared, seen, &weight, &state);
    say_seen(seen, check_line(input, readiness, check, weight, state,
                              age_of(input, check->agent, check)));
}

/* From outside the majority of those that are heard counts, as in the verdict on a region; when
 * nobody who looks is heard, nothing is known. */
static void read_outside(const struct readiness_input *input, uint8_t c, enum ready declared,
                         struct readiness *readiness) {
    const struct topology *topology = input->topology;
    const struct check *check = &topology->checks[c];
    unsigned good_n = 0, bad_n = 0;
    int64_t age_ms = -1;
    const struct check_report *worst = NULL;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct check_report *seen =
            topology->agents[a].region == check->region ? NULL : readiness_seen(input, a, c);
        if (seen == NULL || seen->status == CHECK_UNKNOWN || seen->status == CHECK_STALE) {
            continue;
        }
        bool bad = seen->status == CHECK_FAILED;
        good_n += !bad;
        bad_n += bad;
        worst = worst == NULL || bad ? seen : worst;
        age_ms = age_of(input, a, check) > age_ms ? age_of(input, a, check) : age_ms;
    }
    bool unknown = worst == NULL, wrong = !unknown && bad_n >= good_n;
    struct readiness_line *line = check_line(input, readiness, check, declared,
                                             unknown ? READINESS_UNKNOWN
                                             : wrong ? READINESS_WRONG
                                                     : READINESS_GOOD,
                                             age_ms);
    (void)text_format(line->text, sizeof line->text, "from outside %u well, %u failed%s%s", good_n,
                      bad_n, wrong ? ": " : "", wrong ? worst->detail : "");
}

void readiness_checks(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t c = 0; c < input->topology->checks_n; c++) {
        const struct check *check = &input->topology->checks[c];
        enum ready weight = readiness_weight(input, check);
        if (weight == READY_NOTHING) {
            continue;
        }
        if (check->outside) {
            read_outside(input, c, weight, readiness);
        } else {
            read_inside(input, c, weight, readiness);
        }
    }
}

/* ------------------------------------------------------------------------- links */

static uint64_t rpo_of(const struct topology *topology, const struct link *link) {
    uint8_t tier = topology->components[link->component].tier;
    if (link->rpo_ms > 0) {
        return link->rpo_ms;
    }
    return tier >= 1 && tier <= OBJECTIVES_MAX ? topology->objectives[tier - 1].rpo_ms : 0;
}

/* How old the newest position of the active side may be: three of its checks' intervals. False when
 * one of the link's checks runs at an agent that does not speak: that is told with the agent. */
static bool link_patience(const struct readiness_input *input, uint8_t l, uint64_t *ret_ms) {
    uint64_t interval_ms = 0;
    for (uint8_t c = 0; c < input->topology->checks_n; c++) {
        const struct check *check = &input->topology->checks[c];
        if (check->link != l || check->outside) {
            continue;
        }
        if (!readiness_agent_speaks(input, check->agent)) {
            return false;
        }
        interval_ms = check->interval_ms > interval_ms ? check->interval_ms : interval_ms;
    }
    *ret_ms = 3 * interval_ms + 10 * SECOND_MS;
    return true;
}

static void link_says(const struct topology *topology, const struct link *link, enum ready weight,
                      enum readiness_state state, struct readiness_line *line) {
    line->weight = (uint8_t)weight;
    line->state = (uint8_t)state;
    if (link->fix[0] != '\0') {
        (void)text_copy(line->fix, sizeof line->fix, link->fix);
    } else {
        (void)text_format(line->fix, sizeof line->fix, "look: drover links; drover components %s",
                          topology->components[link->component].name);
    }
}

static void read_link(const struct readiness_input *input, uint8_t l, enum ready weight,
                      uint64_t patience_ms, struct readiness *readiness) {
    const struct topology *topology = input->topology;
    const struct link *link = &topology->links[l];
    const struct readiness_link *seen = &input->links[l];
    uint64_t rpo_ms = rpo_of(topology, link);
    struct readiness_line *line =
        readiness_add(readiness, weight, READINESS_GOOD,
                      seen->known ? (int64_t)seen->sampled_ago_ms : -1, "link %s", link->name);
    uint64_t unit_ms = seen->lag_ms < 5 * SECOND_MS ? 100 : SECOND_MS;
    struct duration lag = duration_text(seen->lag_ms / unit_ms * unit_ms);
    if (!seen->known) {
        link_says(topology, link, weight, READINESS_UNKNOWN, line);
        (void)text_copy(line->text, sizeof line->text,
                        "the lag is not known: positions of both ends are needed");
    } else if (seen->sampled_ago_ms > patience_ms) {
        link_says(topology, link, weight, READINESS_UNKNOWN, line);
        (void)text_format(line->text, sizeof line->text,
                          "the active side's position is old; the lag was %s then", lag.at);
    } else if (rpo_ms > 0 && seen->lag_ms > rpo_ms) {
        link_says(topology, link, weight, READINESS_WRONG, line);
        (void)text_format(line->text, sizeof line->text, "lag %s, the objective (RPO) is %s",
                          lag.at, duration_text(rpo_ms).at);
    } else if (link->target_lag_ms > 0 && seen->lag_ms > link->target_lag_ms) {
        link_says(topology, link, READY_WARNING, READINESS_WRONG, line);
        (void)text_format(line->text, sizeof line->text, "lag %s, the target is %s", lag.at,
                          duration_text(link->target_lag_ms).at);
    } else {
        (void)text_format(line->text, sizeof line->text, "lag %s", lag.at);
    }
}

void readiness_links(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t l = 0; l < input->topology->links_n; l++) {
        const struct link *link = &input->topology->links[l];
        const struct component *component = &input->topology->components[link->component];
        enum ready weight = (enum ready)link->ready;
        uint64_t patience_ms = 0;
        if (weight == READY_BY_DEFAULT) {
            weight = component->guarded ? READY_BLOCKER : READY_WARNING;
        }
        if (component->excluded || weight == READY_NOTHING ||
            !link_patience(input, l, &patience_ms)) {
            continue;
        }
        read_link(input, l, weight, patience_ms, readiness);
    }
}

/* ------------------------------------------------------------------------ drills */

/* By a plan that holds it, or by people, who write down the day. */
static void say_hold(const struct topology *topology, uint8_t drill, const char *region,
                     struct readiness_line *line) {
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        if (topology->plans[p].kind == PLAN_DRILL && topology->plans[p].drill == drill) {
            (void)text_format(line->fix, sizeof line->fix,
                              "drover declare --kind drill --plan %s --to %s --reason drill",
                              topology->plans[p].name, region);
            return;
        }
    }
    (void)text_format(line->fix, sizeof line->fix,
                      "hold it, write last = \"YYYY-MM-DD\" into drill %s, then: "
                      "drover config apply topology.conf",
                      topology->drills[drill].name);
}

void readiness_drills(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t d = 0; d < input->topology->drills_n; d++) {
        const struct drill *drill = &input->topology->drills[d];
        uint64_t ours_ms = input->drills_held_ms[d];
        uint64_t last_ms = ours_ms > drill->last_wall_ms ? ours_ms : drill->last_wall_ms;
        bool never = last_ms == 0;
        uint64_t ago_ms = input->wall_ms > last_ms ? input->wall_ms - last_ms : 0;
        /* `last` is a day: what is due on it may be held until its end. */
        bool overdue = never || ago_ms > drill->every_ms + DAY_MS;
        struct readiness_line *line =
            readiness_add(readiness, READY_WARNING, overdue ? READINESS_WRONG : READINESS_GOOD, -1,
                          "drill %s", drill->name);
        if (never) {
            (void)text_format(line->text, sizeof line->text, "never held; due every %s",
                              duration_text(drill->every_ms).at);
        } else {
            (void)text_format(line->text, sizeof line->text,
                              "held %" PRIu64 " days ago; due every %s", ago_ms / DAY_MS,
                              duration_text(drill->every_ms).at);
        }
        if (overdue) {
            say_hold(input->topology, d, input->topology->regions[input->target].name, line);
        }
    }
}

/* --------------------------------------------------------------------------- plans */

static void say_never(const struct readiness_plan *past, const struct plan *plan,
                      struct readiness_line *line) {
    (void)text_format(line->text, sizeof line->text,
                      "%u of %u steps never ran as they are now: ", past->never_n, past->steps_n);
    for (uint8_t i = 0; i < past->never_n; i++) {
        (void)text_append(line->text, sizeof line->text, i == 0 ? "" : ", ");
        (void)text_append(line->text, sizeof line->text, plan->steps[past->never[i]].name);
    }
}

/* Confidence is earned: a step that was never run, or not lately, is a hope. */
void readiness_plans(const struct readiness_input *input, struct readiness *readiness) {
    uint64_t within_ms = input->topology->policy.exercise_within_ms;
    for (uint8_t p = 0; p < input->topology->plans_n; p++) {
        const struct readiness_plan *past = &input->plans[p];
        const struct plan *plan = &input->topology->plans[p];
        if (!past->looked || past->steps_n == 0) {
            continue;
        }
        uint64_t ago_ms =
            input->wall_ms > past->oldest_wall_ms ? input->wall_ms - past->oldest_wall_ms : 0;
        bool old = within_ms > 0 && past->oldest != NONE && ago_ms > within_ms;
        bool wrong = past->never_n > 0 || past->failing_n > 0 || old;
        struct readiness_line *line =
            readiness_add(readiness, READY_WARNING, wrong ? READINESS_WRONG : READINESS_GOOD, -1,
                          "plan %s", plan->name);
        if (past->never_n > 0) {
            say_never(past, plan, line);
        } else {
            (void)text_format(line->text, sizeof line->text,
                              "all %u steps ran as they are now, %s %" PRIu64 " days ago%s%s",
                              past->steps_n, plan->steps[past->oldest].name, ago_ms / DAY_MS,
                              within_ms > 0 ? "; due every " : "",
                              within_ms > 0 ? duration_text(within_ms).at : "");
        }
        if (past->failing_n > 0) {
            char failing[64];
            (void)text_format(failing, sizeof failing, "; %u failed when run last",
                              past->failing_n);
            (void)text_append(line->text, sizeof line->text, failing);
        }
        if (wrong) {
            (void)text_format(line->fix, sizeof line->fix,
                              "look: drover plan history %s; as a drill: drover declare --to %s "
                              "--kind %s --plan %s --reason drill",
                              plan->name, input->topology->regions[input->target].name,
                              plan_kind_text((enum plan_kind)plan->kind), plan->name);
        }
    }
}
