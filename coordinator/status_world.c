/* The declared world as it looks now: regions, components, links, agents. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "coordinator/status_needs.h"
#include "coordinator/status_parts.h"

static const char *region_role(const struct answering *answering, uint8_t region) {
    if (answering->topology->regions[region].kind == REGION_MONITORING) {
        return "independent";
    }
    if (answering->core->owner == region) {
        return answering->core->open ? "active" : "closed";
    }
    return "standby";
}

json_t *regions_list(struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *list = json_array();
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        struct region_verdict verdict = verdict_of(answering->core, topology, r);
        json_t *object = list_add(list);
        put_text(object, "name", topology->regions[r].name);
        put_text(object, "role", region_role(answering, r));
        put_text(object, "class", class_text((enum region_class)verdict.class));
        put_count(object, "agents_n", verdict.agents_n);
        put_count(object, "heard_n", verdict.heard_n);
        put_count(object, "outside_n", verdict.outside_n);
        put_count(object, "outside_bad_n", verdict.outside_bad_n);
        put_count(object, "outside_ok_n", verdict.outside_ok_n);
        put_count(object, "vital_n", verdict.vital_n);
        put_count(object, "vital_bad_n", verdict.vital_bad_n);
        put_yes(object, "heard_ever", verdict.last_heard_ms != 0);
        put_count(object, "last_heard_ago_ms", region_age_ms(answering, r, &verdict));
    }
    return list;
}

void regions_answer(struct answering *answering) {
    put_object(answering->json, "regions", regions_list(answering));
}

/* ------------------------------------------------------------------- components */

const struct check_report *check_report_of(const struct report *report, uint8_t check) {
    for (unsigned i = 0; report != NULL && i < report->checks_n; i++) {
        if (report->checks[i].check == check) {
            return &report->checks[i];
        }
    }
    return NULL;
}

static void add_vantage(struct answering *answering, json_t *list, uint8_t check, uint8_t agent) {
    const struct report *report = report_of(answering->member, agent);
    const struct check_report *seen = check_report_of(report, check);
    uint64_t ago_ms = heard_ago_ms(answering->member, agent);
    bool silent = !listen_agent_heard(answering->member, agent);
    json_t *object = list_add(list);
    put_text(object, "from", name_agent(answering->topology, agent));
    if (seen == NULL) {
        put_text(object, "status", text_check_status(answering->core->checks[check].status[agent]));
        put_yes(object, "stale", true);
        return;
    }
    put_text(object, "status", text_check_status(seen->status));
    put_yes(object, "stale", silent || seen->status == CHECK_STALE);
    put_text(object, "role", text_store_role(seen->role));
    put_yes(object, "writable", seen->writable);
    put_count(object, "since_ms", (uint64_t)seen->since_ms + (ago_ms == UINT64_MAX ? 0 : ago_ms));
    put_count(object, "age_ms", ago_ms == UINT64_MAX ? 0 : ago_ms);
    put_count(object, "latency_ms", seen->latency_ms);
    put_number(object, "value", seen->value);
    put_text(object, "detail", seen->detail);
}

static json_t *check_object(struct answering *answering, uint8_t check) {
    const struct topology *topology = answering->topology;
    const struct check *declared = &topology->checks[check];
    json_t *object = json_object(), *vantages = json_array();
    put_text(object, "name", declared->name);
    put_text(object, "kind", check_kind_text((enum check_kind)declared->kind));
    put_yes(object, "outside", declared->outside);
    put_yes(object, "vital", declared->vital);
    put_count(object, "interval_ms", declared->interval_ms);
    put_count(object, "timeout_ms", declared->timeout_ms);
    put_count(object, "failures_n", declared->failures_n);
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        bool runs = declared->outside ? topology->agents[a].region != declared->region
                                      : declared->agent == a;
        if (runs) {
            add_vantage(answering, vantages, check, a);
        }
    }
    put_object(object, "vantages", vantages);
    return object;
}

json_t *component_object(struct answering *answering, uint8_t endpoint) {
    const struct topology *topology = answering->topology;
    const struct endpoint *at = &topology->endpoints[endpoint];
    const struct component *component = &topology->components[at->component];
    json_t *object = json_object(), *checks = json_array(), *agents = json_array();
    put_text(object, "name", component->name);
    put_text(object, "kind", component_kind_text((enum component_kind)component->kind));
    put_text(object, "region", name_region(topology, at->region));
    put_text(object, "address", at->address);
    put_count(object, "tier", component->tier);
    put_yes(object, "guarded", component->guarded);
    put_yes(object, "excluded", component->excluded);
    put_yes(object, "protected", component->protected);
    put_text(object, "note", component->note);
    for (unsigned i = 0; i < at->agents_n; i++) {
        (void)json_array_append_new(agents, json_string(name_agent(topology, at->agents[i])));
    }
    put_object(object, "agents", agents);
    put_standing(answering, object, at->region, at->component);
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        if (topology->checks[c].component == at->component &&
            topology->checks[c].region == at->region) {
            (void)json_array_append_new(checks, check_object(answering, c));
        }
    }
    put_object(object, "checks", checks);
    put_object(object, "elections", elections_object(answering, at->region, at->component));
    return object;
}

void components_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    bool all = answering->argument[0] == '\0';
    uint8_t region = topology_region(topology, answering->argument);
    uint8_t component = topology_component(topology, answering->argument);
    json_t *list = json_array();
    if (!all && region == NONE && component == NONE) {
        json_decref(list);
        answer_wrong(answering, "no component or region is called \"%s\"", answering->argument);
        return;
    }
    for (uint8_t e = 0; e < topology->endpoints_n; e++) {
        const struct endpoint *at = &topology->endpoints[e];
        if (all || at->component == component || at->region == region) {
            (void)json_array_append_new(list, component_object(answering, e));
        }
    }
    put_object(answering->json, "components", list);
}

/* ------------------------------------------------------------------------ links */

static const char *link_state(const struct link *link, const struct lag *lag) {
    if (!lag->known) {
        return "unknown";
    }
    if (link->alert_lag_ms > 0 && lag->ms > link->alert_lag_ms) {
        return "alert";
    }
    return link->target_lag_ms > 0 && lag->ms > link->target_lag_ms ? "above-target" : "ok";
}

/* Of a moment on this member's own clock: what its wall clock showed then. */
static void put_moment(json_t *object, const char *key, uint64_t boot_ms) {
    uint64_t ago_ms = member_now_ms() - boot_ms, wall_ms = clock_wall_ms();
    put_wall(object, key, boot_ms == 0 || wall_ms <= ago_ms ? 0 : wall_ms - ago_ms);
}

static void put_lag(json_t *object, const struct link *link, const struct lag *lag) {
    const char *behind = link_counts_writes(link) ? "lag_writes" : "lag_bytes";
    put_yes(object, "known", lag->known);
    if (lag->known) {
        put_count(object, "lag_ms", lag->ms);
        put_count(object, behind, lag->bytes);
    } else {
        put_null(object, "lag_ms");
        put_null(object, behind);
    }
    put_moment(object, "sampled", lag->sampled_ms);
    put_count(object, "unheard_ms", lag->unheard_ms);
}

static void put_ends(json_t *object, const struct link_positions *positions) {
    if (positions->n > 0) {
        uint32_t newest = (positions->first + positions->n - 1) % POSITION_SAMPLES_MAX;
        put_count(object, "written", positions->samples[newest].position);
    } else {
        put_null(object, "written");
    }
    if (positions->received_known) {
        put_count(object, "received", positions->received);
        put_count(object, "applied", positions->applied);
        put_moment(object, "received_at", positions->received_ms);
    } else {
        put_null(object, "received");
        put_null(object, "applied");
        put_moment(object, "received_at", 0);
    }
}

json_t *rpo_alarms_list(const struct answering *answering) {
    const struct topology *topology = answering->topology;
    uint64_t now_ms = member_now_ms();
    json_t *list = json_array();
    for (uint8_t l = 0; l < topology->links_n; l++) {
        const struct rpo_alarm *alarm = &answering->member->rpo_alarms[l];
        if (alarm->level == RPO_QUIET) {
            continue;
        }
        json_t *object = list_add(list);
        put_text(object, "link", topology->links[l].name);
        put_text(object, "component", name_component(topology, topology->links[l].component));
        put_text(object, "level", rpo_level_text((enum rpo_level)alarm->level));
        put_count(object, "rpo_ms", objective_rpo_ms(topology, l));
        put_count(object, "for_ms", now_ms > alarm->since_ms ? now_ms - alarm->since_ms : 0);
        if (alarm->level == RPO_UNKNOWN) {
            put_null(object, "used_percent");
        } else {
            put_count(object, "used_percent", alarm->used_percent);
        }
    }
    return list;
}

json_t *links_list(struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *list = json_array();
    for (uint8_t l = 0; l < topology->links_n; l++) {
        const struct link *link = &topology->links[l];
        struct lag lag = lags_of(answering->member, l);
        json_t *object = list_add(list);
        put_text(object, "name", link->name);
        put_text(object, "kind", link_kind_text((enum link_kind)link->kind));
        put_text(object, "component", name_component(topology, link->component));
        put_text(object, "from", name_region(topology, answering->core->owner));
        put_text(object, "state", link_state(link, &lag));
        put_lag(object, link, &lag);
        put_count(object, "target_lag_ms", link->target_lag_ms);
        put_count(object, "alert_lag_ms", link->alert_lag_ms);
        put_count(object, "rpo_ms", link->rpo_ms);
        put_count(object, "limit_ms", objective_rpo_ms(topology, l)); /* that, or its tier's */
        put_ends(object, &answering->member->positions.links[l]);
        /* What the members agreed on, which the gate reads. */
        put_yes(object, "agreed_known", answering->core->links[l].known != 0);
        put_count(object, "agreed_lag_ms", answering->core->links[l].lag_ms);
    }
    return list;
}

void links_answer(struct answering *answering) {
    put_object(answering->json, "links", links_list(answering));
    put_object(answering->json, "rpo_alarms", rpo_alarms_list(answering));
    put_object(answering->json, "trees", trees_list(answering));
}

/* ----------------------------------------------------------------------- agents */

static void put_guard(json_t *object, const struct agent *agent, const struct report *report) {
    put_yes(object, "guarded", agent->guarded);
    put_yes(object, "gate_agent", agent->gate);
    if (report == NULL) {
        put_null(object, "guard");
        return;
    }
    const struct guard_report *guard = &report->guard;
    json_t *at = json_object();
    put_yes(at, "present", guard->present);
    put_text(at, "gate", text_gate(guard->gate));
    put_count(at, "epoch", guard->epoch);
    put_count(at, "lease_left_ms", guard->lease_left_ms);
    put_yes(at, "by_promise", guard->by_promise);
    put_yes(at, "soft_fenced", guard->soft_fenced);
    put_count(at, "promised_epoch", guard->promised_epoch);
    put_count(at, "promise_left_ms", guard->promise_left_ms);
    put_count(at, "fenced_epoch", report->fence.present ? report->fence.epoch : 0);
    put_object(object, "guard", at);
}

void agents_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    const struct coordinator *member = answering->member;
    json_t *list = json_array();
    char boot[17];
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct agent_view *view = &answering->core->agents[a];
        const struct report *report = report_of(member, a);
        uint64_t ago_ms = heard_ago_ms(member, a);
        json_t *object = list_add(list);
        put_text(object, "name", topology->agents[a].name);
        put_text(object, "region", name_region(topology, topology->agents[a].region));
        put_yes(object, "heard", listen_agent_heard(member, a));
        put_count(object, "heard_by_members_n", bits_count(view->heard_by));
        if (ago_ms == UINT64_MAX) {
            put_null(object, "heard_ago_ms");
        } else {
            put_count(object, "heard_ago_ms", ago_ms);
        }
        if (listen_agent_heard(member, a)) {
            put_number(object, "clock_off_ms", clock_off_ms(&member->agents[a].clock));
        } else {
            put_null(object, "clock_off_ms");
        }
        (void)text_format(boot, sizeof boot, "%016" PRIx64,
                          report != NULL ? report->boot : view->boot);
        put_text(object, "boot", boot);
        put_count(object, "seq", report != NULL ? report->seq : view->seq);
        put_count(object, "config_version",
                  member->agents[a].reported ? member->agents[a].report.config_version
                                             : view->config_version);
        /* Behind a lost log agents keep its newest topology; what their guards hold is so all the
         * same, and is what the first epoch must be above. */
        bool lost = report == NULL && answering->core->epoch == 0 && member->agents[a].reported;
        put_guard(object, &topology->agents[a], lost ? &member->agents[a].report : report);
        put_count(object, "proved_epoch", member->proved_epoch[a]);
        put_count(object, "checks_n", report == NULL ? 0 : report->checks_n);
    }
    put_object(answering->json, "agents", list);
}
