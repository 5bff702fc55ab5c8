/* Why there is, or is not, an automatic failover now: every gate with its figure, its limit and
 * what would have to change; and what each region looks like to whom. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/topology/duration.h"
#include "coordinator/status_parts.h"

static const char *gate_unit(enum gate gate, bool unit_ms) {
    if (unit_ms) {
        return "ms";
    }
    switch (gate) {
    case GATE_OWN_VOICE_:
    case GATE_STANDBY_: return "agents";
    case GATE_OUTSIDE_: return "regions";
    case GATE_ATTEST_: return "members";
    case GATE_AUTOMATIC_:
    case GATE_NOT_HELD_:
    case GATE_LATCH_:
    case GATE_BLOCK_:
    case GATE_IDLE_:
    case GATE_SETTLED_:
    case GATE_HOLD_DOWN_:
    case GATE_RPO_:
    case GATE_GUARDED_:
    case GATES_N: break;
    }
    return "yes/no";
}

static const char *gate_subject(const struct topology *topology, enum gate gate, uint8_t subject) {
    if (subject == NONE) {
        return "";
    }
    if (gate == GATE_STANDBY_) {
        return subject < topology->checks_n ? topology->checks[subject].name : "";
    }
    if (gate == GATE_RPO_) {
        return subject < topology->links_n ? topology->links[subject].name : "";
    }
    return gate == GATE_GUARDED_ ? name_component(topology, subject) : "";
}

static struct duration left_text(const struct gate_reading *reading) {
    int64_t left_ms = reading->limit - reading->value;
    uint64_t whole_s = left_ms > 0 ? ((uint64_t)left_ms + 999) / 1000 : 0;
    return duration_text(whole_s * 1000);
}

const char *standby_name(const struct answering *answering) {
    const struct topology *topology = answering->topology;
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (r != answering->core->owner && topology->regions[r].kind == REGION_DATA) {
            return name_region(topology, r);
        }
    }
    return "";
}

static void idle_needs(const struct answering *answering, const struct execution *running,
                       char *out, size_t out_size) {
    const char *other = standby_name(answering);
    bool ask = running != NULL && execution_stands(running) && other[0] != '\0';
    (void)text_format(
        out, out_size, "execution %" PRIu64 " to end%s%s", running == NULL ? 0 : running->id,
        ask ? "; people may leave it now: drover declare --to " : "", ask ? other : "");
}

/* What would have to change for the gate to pass. */
static void gate_needs(const struct answering *answering, enum gate gate,
                       const struct gate_reading *reading, char *out, size_t out_size) {
    const struct core *core = answering->core;
    const char *subject = gate_subject(answering->topology, gate, reading->subject);
    const struct execution *running = execution_newest(core);
    switch (gate) {
    case GATE_AUTOMATIC_:
        (void)text_format(out, out_size, "policy.automatic = true, and on_quorum_loss not hold");
        break;
    case GATE_NOT_HELD_:
        (void)text_format(out, out_size, "drover release%s%s",
                          core->held_until_ms == UINT64_MAX ? "" : ", or the hold to end in ",
                          core->held_until_ms == UINT64_MAX
                              ? ""
                              : duration_text(core->held_until_ms - core->now_ms).at);
        break;
    case GATE_LATCH_:
        (void)text_format(out, out_size, "drover release, once people have looked");
        break;
    case GATE_BLOCK_:
        (void)text_format(out, out_size, "%s more, or drover release", left_text(reading).at);
        break;
    case GATE_SETTLED_: (void)text_format(out, out_size, "%s more", left_text(reading).at); break;
    case GATE_IDLE_: idle_needs(answering, running, out, out_size); break;
    case GATE_OWN_VOICE_:
        (void)text_format(out, out_size, "none of its agents heard; %lld are",
                          (long long)reading->value);
        break;
    case GATE_OUTSIDE_:
        (void)text_format(out, out_size,
                          "more regions that see it fail than serve; %lld fail, %lld serve",
                          (long long)reading->value, (long long)reading->limit);
        break;
    case GATE_ATTEST_:
        (void)text_format(out, out_size, "%lld members without a yes to its lease; %lld are",
                          (long long)reading->limit, (long long)reading->value);
        break;
    case GATE_HOLD_DOWN_:
        (void)text_format(out, out_size,
                          core->phase == PHASE_SUSPECT ? "%s more of suspicion"
                                                       : "a suspicion of %s",
                          left_text(reading).at);
        break;
    case GATE_STANDBY_:
        (void)text_format(out, out_size, "%lld ready gate agents (%lld are)%s%s%s",
                          (long long)reading->limit, (long long)reading->value,
                          subject[0] == '\0' ? "" : ", and check ", subject,
                          subject[0] == '\0' ? "" : " to pass");
        break;
    case GATE_RPO_:
        (void)text_format(out, out_size, "link %s %s", subject,
                          reading->value < 0 ? "known at both ends" : "behind by less");
        break;
    case GATE_GUARDED_:
        (void)text_format(out, out_size, "a guard before %s, or policy.accept_soft_fence", subject);
        break;
    case GATES_N: break;
    }
}

json_t *explain_gates(struct answering *answering, bool *ret_all, uint8_t *ret_target) {
    struct gate_reading gates[GATES_N];
    json_t *list = json_array();
    char needs[200];
    if (answering->core->owner >= answering->topology->regions_n) {
        *ret_all = false;
        *ret_target = NONE;
        return list; /* no epoch yet: nothing to fail over */
    }
    *ret_all = gates_read(answering->core, answering->topology, gates, ret_target);
    for (unsigned g = 0; g < GATES_N; g++) {
        json_t *object = list_add(list);
        put_text(object, "gate", gate_text((enum gate)g));
        put_yes(object, "passes", gates[g].passes);
        put_number(object, "value", gates[g].value);
        put_number(object, "limit", gates[g].limit);
        put_text(object, "unit", gate_unit((enum gate)g, gates[g].unit_ms));
        put_text(object, "subject",
                 gate_subject(answering->topology, (enum gate)g, gates[g].subject));
        needs[0] = '\0';
        if (!gates[g].passes) {
            gate_needs(answering, (enum gate)g, &gates[g], needs, sizeof needs);
        }
        put_text(object, "would_need", needs);
        put_gate_source(answering, object, (enum gate)g, &gates[g]);
    }
    return list;
}

/* Only time is missing: how long still. -1: something else is missing too. */
static int64_t only_time_missing_ms(const struct answering *answering) {
    struct gate_reading gates[GATES_N];
    uint8_t target;
    int64_t left_ms = 0;
    (void)gates_read(answering->core, answering->topology, gates, &target);
    for (unsigned g = 0; g < GATES_N; g++) {
        bool timed = g == GATE_BLOCK_ || g == GATE_SETTLED_ ||
                     (g == GATE_HOLD_DOWN_ && answering->core->phase == PHASE_SUSPECT);
        if (gates[g].passes) {
            continue;
        }
        if (!timed) {
            return -1;
        }
        int64_t missing_ms = gates[g].limit - gates[g].value;
        left_ms = missing_ms > left_ms ? missing_ms : left_ms;
    }
    return target == NONE || !answering->core->open ? -1 : left_ms;
}

json_t *explain_next_act(struct answering *answering) {
    const struct core *core = answering->core;
    const struct execution *execution = execution_newest(core);
    json_t *object = json_object();
    char text[200] = "none";
    int64_t in_ms = -1;
    bool runs = execution != NULL && execution_runs(execution);
    if (runs && execution->paused != PAUSE_NO) {
        bool lost = core->phase == PHASE_SUSPECT && execution_stands(execution);
        (void)text_format(text, sizeof text, "none: execution %" PRIu64 " waits, %s%s%s%s",
                          execution->id, pause_text((enum pause_why)execution->paused),
                          lost ? "; " : "",
                          lost ? name_region(answering->topology, core->owner) : "",
                          lost ? " looks lost, and leaving it is for people" : "");
    } else if (core->phase == PHASE_CLOSED) {
        in_ms = attest_wait_left_ms(&answering->member->attest, clock_stamp(),
                                    attesting_wait_ms(answering->member));
        (void)text_format(text, sizeof text, "%s takes the lease of the next epoch",
                          name_region(answering->topology, core->next_owner));
    } else if (runs) {
        (void)text_format(text, sizeof text, "execution %" PRIu64 " goes on: %s", execution->id,
                          stage_text((enum execution_stage)execution->stage));
        in_ms = 0;
    } else if (core->phase == PHASE_SUSPECT) {
        in_ms = only_time_missing_ms(answering);
        (void)text_format(text, sizeof text,
                          in_ms < 0 ? "none: %s looks lost, but a gate stands in the way"
                                    : "automatic failover away from %s",
                          name_region(answering->topology, core->owner));
    } else if (core->phase == PHASE_NEW) {
        (void)text_format(text, sizeof text, "%s",
                          answering->topology->await_initial_epoch
                              ? "none: a person names the first epoch of this log"
                              : "the first epoch opens");
    } else {
        struct region_verdict verdict = verdict_of(core, answering->topology, core->owner);
        (void)text_format(text, sizeof text, "none: %s is %s",
                          name_region(answering->topology, core->owner),
                          class_text((enum region_class)verdict.class));
    }
    put_text(object, "text", text);
    if (in_ms >= 0) {
        put_number(object, "in_ms", in_ms);
    } else {
        put_null(object, "in_ms");
    }
    return object;
}

/* ------------------------------------------------------------------ views of a region */

static void add_view(struct answering *answering, json_t *views, uint8_t check, uint8_t agent) {
    const struct topology *topology = answering->topology;
    uint8_t status = answering->core->checks[check].status[agent];
    uint64_t ago_ms = heard_ago_ms(answering->member, agent);
    json_t *object = list_add(views);
    put_text(object, "check", topology->checks[check].name);
    put_text(object, "component", name_component(topology, topology->checks[check].component));
    put_text(object, "from", name_agent(topology, agent));
    put_text(object, "from_region", name_region(topology, topology->agents[agent].region));
    put_yes(object, "outside", topology->checks[check].outside);
    put_yes(object, "vital", topology->checks[check].vital);
    put_text(object, "status", text_check_status(status));
    put_yes(object, "counts",
            bits_has(verdict_alive(answering->core, topology), agent) && status != CHECK_UNKNOWN);
    if (ago_ms == UINT64_MAX) {
        put_null(object, "heard_ago_ms");
    } else {
        put_count(object, "heard_ago_ms", ago_ms);
    }
}

/* Every (check, vantage) that has a say in the verdict on this region. */
static json_t *region_views(struct answering *answering, uint8_t region) {
    const struct topology *topology = answering->topology;
    json_t *views = json_array();
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->region != region) {
            continue;
        }
        if (!check->outside) {
            if (check->vital && check->agent != NONE) {
                add_view(answering, views, c, check->agent);
            }
            continue;
        }
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            if (topology->agents[a].region != region) {
                add_view(answering, views, c, a);
            }
        }
    }
    return views;
}

static void explain_region(struct answering *answering, uint8_t region) {
    json_t *all = regions_list(answering);
    json_t *one = json_array_get(all, region);
    put_object(one, "views", region_views(answering, region));
    put_object(one, "verdict", verdict_object(answering, region));
    json_t *list = json_array();
    (void)json_array_append(list, one);
    json_decref(all);
    put_object(answering->json, "regions", list);
    put_object(answering->json, "election_alarms", election_alarms_list(answering));
}

/* The burn-down of each tier's recovery time is in the execution, the forecast beside it. */
static bool explain_execution(struct answering *answering) {
    uint64_t id = 0;
    const struct execution *execution = text_to_u64(answering->argument, INT64_MAX, &id)
                                            ? core_execution(answering->core, id)
                                            : NULL;
    if (execution == NULL) {
        return false;
    }
    json_t *list = json_array();
    (void)json_array_append_new(list, execution_object(answering, execution));
    put_object(answering->json, "executions", list);
    put_object(answering->json, "forecast", forecast_list(answering, execution));
    return true;
}

static bool explain_part(struct answering *answering) {
    const struct topology *topology = answering->topology;
    uint8_t link = topology_link(topology, answering->argument);
    uint8_t component = topology_component(topology, answering->argument);
    if (link != NONE) {
        json_t *all = links_list(answering), *list = json_array();
        (void)json_array_append(list, json_array_get(all, link));
        json_decref(all);
        put_object(answering->json, "links", list);
    }
    if (component != NONE) {
        json_t *list = json_array();
        for (uint8_t e = 0; e < topology->endpoints_n; e++) {
            if (topology->endpoints[e].component == component) {
                (void)json_array_append_new(list, component_object(answering, e));
            }
        }
        put_object(answering->json, "components", list);
    }
    return link != NONE || component != NONE || explain_execution(answering);
}

void explain_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    bool all = false;
    uint8_t target = NONE;
    uint8_t region =
        answering->argument[0] == '\0' ? NONE : topology_region(topology, answering->argument);
    if (answering->argument[0] != '\0' && region == NONE && !explain_part(answering)) {
        answer_wrong(answering, "no region, component, link or execution is called \"%s\"",
                     answering->argument);
        return;
    }
    put_text(answering->json, "phase", phase_text((enum phase)answering->core->phase));
    put_count(answering->json, "epoch", answering->core->epoch);
    put_text(answering->json, "owner", name_region(topology, answering->core->owner));
    put_object(answering->json, "gates", explain_gates(answering, &all, &target));
    put_yes(answering->json, "all_gates_pass", all);
    put_text(answering->json, "target", name_region(topology, target));
    put_object(answering->json, "next_automatic_act", explain_next_act(answering));
    if (region != NONE) {
        explain_region(answering, region);
    } else if (answering->argument[0] == '\0') {
        json_t *all_regions = regions_list(answering), *one;
        size_t r;
        json_array_foreach(all_regions, r, one) {
            put_object(one, "verdict", verdict_object(answering, (uint8_t)r));
        }
        put_object(answering->json, "regions", all_regions);
    }
}
