/* The question's dispatch, the helpers of all answers, and the one screen. */
#include "coordinator/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/topology/duration.h"
#include "coordinator/history.h"
#include "coordinator/status_needs.h"
#include "coordinator/status_parts.h"

/* -------------------------------------------------------------------- helpers */

void put_object(json_t *object, const char *key, json_t *value) {
    if (object != NULL) {
        (void)json_object_set_new(object, key, value);
    } else {
        json_decref(value);
    }
}

void put_text(json_t *object, const char *key, const char *text) {
    json_t *string = json_string(text);
    put_object(object, key, string != NULL ? string : json_string("?"));
}

void put_number(json_t *object, const char *key, int64_t number) {
    put_object(object, key, json_integer(number));
}

void put_count(json_t *object, const char *key, uint64_t number) {
    put_object(object, key, json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

void put_yes(json_t *object, const char *key, bool yes) {
    put_object(object, key, json_boolean(yes));
}

void put_null(json_t *object, const char *key) {
    put_object(object, key, json_null());
}

void put_wall(json_t *object, const char *key, uint64_t wall_ms) {
    char text[CLOCK_TEXT_SIZE], key_ms[NAME_SIZE];
    (void)text_format(key_ms, sizeof key_ms, "%s_ms", key);
    if (wall_ms == 0) {
        put_null(object, key);
        put_null(object, key_ms);
        return;
    }
    clock_wall_text(wall_ms, text);
    put_text(object, key, text);
    put_count(object, key_ms, wall_ms);
}

json_t *list_add(json_t *list) {
    json_t *object = json_object();
    if (list == NULL || json_array_append_new(list, object) != 0) {
        return NULL;
    }
    return object;
}

void list_say(json_t *list, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (list != NULL) {
        (void)json_array_append_new(list, json_string(text));
    }
}

void answer_wrong(struct answering *answering, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    put_text(answering->json, "error", text);
    answering->exit_code = 2;
}

const char *name_region(const struct topology *topology, uint8_t region) {
    return region < topology->regions_n ? topology->regions[region].name : "";
}

const char *name_agent(const struct topology *topology, uint8_t agent) {
    return agent < topology->agents_n ? topology->agents[agent].name : "";
}

const char *name_operator(const struct topology *topology, uint8_t index) {
    return index < topology->operators_n ? topology->operators[index].name : "";
}

const char *name_component(const struct topology *topology, uint8_t component) {
    return component < topology->components_n ? topology->components[component].name : "";
}

const char *text_check_status(uint8_t status) {
    static const char *const texts[] = {"unknown", "ok", "suspect", "failed", "warn", "stale"};
    return status < sizeof texts / sizeof texts[0] ? texts[status] : "?";
}

const char *text_store_role(uint8_t role) {
    static const char *const texts[] = {"unknown", "primary", "standby"};
    return role < sizeof texts / sizeof texts[0] ? texts[role] : "?";
}

const char *text_gate(uint8_t gate) {
    static const char *const texts[] = {"unknown", "shut", "open", "absent"};
    return gate < sizeof texts / sizeof texts[0] ? texts[gate] : "?";
}

uint64_t core_since(const struct core *core, uint64_t core_ms) {
    return core->now_ms > core_ms ? core->now_ms - core_ms : 0;
}

uint64_t wall_of(const struct core *core, uint64_t core_ms) {
    uint64_t ago_ms = core_since(core, core_ms);
    return core_ms == 0 || core->wall_ms <= ago_ms ? 0 : core->wall_ms - ago_ms;
}

bool execution_runs(const struct execution *execution) {
    return execution->id != 0 && !execution_finished(execution);
}

const struct execution *execution_newest(const struct core *core) {
    const struct execution *newest = NULL;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        if (execution_runs(execution)) {
            return execution;
        }
        if (execution->id != 0 && (newest == NULL || execution->id > newest->id)) {
            newest = execution;
        }
    }
    return newest;
}

const struct report *report_of(const struct coordinator *member, uint8_t agent) {
    const struct agent_live *live = &member->agents[agent];
    bool same = live->reported && live->report.config_version == member->core.config_version;
    return same ? &live->report : NULL;
}

uint64_t heard_ago_ms(const struct coordinator *member, uint8_t agent) {
    uint64_t heard_ms = member->agents[agent].heard_boot_ms, now_ms = member_now_ms();
    return heard_ms == 0 ? UINT64_MAX : now_ms > heard_ms ? now_ms - heard_ms : 0;
}

/* --------------------------------------------------------------- the one screen */

static void put_lease(struct answering *answering) {
    const struct lease_numbers *lease = &answering->topology->lease;
    json_t *object = json_object();
    put_count(object, "lease_ms", lease->lease_ms);
    put_count(object, "renew_ms", lease->renew_ms);
    put_count(object, "fence_ms", lease->fence_ms);
    put_count(object, "wait_ms", lease->wait_ms);
    put_count(object, "promise_ms", lease->promise_ms);
    put_text(object, "on_quorum_loss", quorum_loss_text((enum quorum_loss)lease->on_quorum_loss));
    put_object(answering->json, "lease", object);
}

/* Where writes can be accepted now, as the guards report: the owner's word alone is not enough. */
static void put_writer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *unexpected = json_array();
    unsigned guarded_n = 0, leased_n = 0;
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        const struct report *report = report_of(answering->member, a);
        bool fresh = report != NULL && listen_agent_heard(answering->member, a);
        bool owns = answering->core->open && topology->agents[a].region == answering->core->owner;
        bool open = fresh && report->guard.present && report->guard.gate == GATE_OPEN;
        if (!topology->agents[a].guarded) {
            continue;
        }
        guarded_n += owns;
        leased_n += owns && open && report->guard.lease_left_ms > 0;
        if (open && !owns) {
            (void)json_array_append_new(unexpected, json_string(topology->agents[a].name));
        }
    }
    put_text(answering->json, "writer",
             leased_n > 0 ? name_region(topology, answering->core->owner) : "");
    put_count(answering->json, "writer_guards_n", guarded_n);
    put_count(answering->json, "writer_leased_n", leased_n);
    put_object(answering->json, "unexpected_open_gates", unexpected);
}

/* Whose wall clock is far from this member's: nothing hangs on it but the ages that people read. */
static void put_clocks(struct answering *answering) {
    json_t *list = json_array();
    for (uint8_t a = 0; a < answering->topology->agents_n; a++) {
        int64_t off_ms = clock_off_ms(&answering->member->agents[a].clock);
        if (listen_agent_heard(answering->member, a) && clock_is_off(off_ms)) {
            json_t *object = list_add(list);
            put_text(object, "agent", answering->topology->agents[a].name);
            put_number(object, "off_ms", off_ms);
        }
    }
    put_object(answering->json, "clocks_off", list);
}

static void put_automation(struct answering *answering) {
    const struct core *core = answering->core;
    json_t *object = json_object();
    bool held = core->held_until_ms > core->now_ms;
    put_yes(object, "automatic", answering->topology->policy.automatic);
    put_yes(object, "held", held);
    if (held && core->held_until_ms != UINT64_MAX) {
        put_count(object, "held_for_ms", core->held_until_ms - core->now_ms);
    } else {
        put_null(object, "held_for_ms");
    }
    put_yes(object, "latched", core->latched != 0);
    put_count(object, "blocked_for_ms",
              core->block_until_ms > core->now_ms ? core->block_until_ms - core->now_ms : 0);
    put_object(answering->json, "automation", object);
}

static void put_engine(struct answering *answering) {
    char text[256] = "";
    struct coordinator *member = answering->member;
    if (member->log != NULL) {
        log_describe(member->log, text, sizeof text);
    }
    put_text(answering->json, "engine", text);
    put_yes(answering->json, "log_reachable", member->log_reachable);
    put_yes(answering->json, "stopped_for_human", member->stopped_for_human);
    put_text(answering->json, "stopped_why", member->stopped_why);
    put_text(answering->json, "history_trouble",
             member->history == NULL ? "" : history_trouble(member->history));
}

static json_t *document_object(const struct topology *topology) {
    const struct document *document = &topology->document;
    json_t *object = json_object();
    put_text(object, "name", document->name);
    put_text(object, "version", document->version);
    put_text(object, "date", document->date);
    put_text(object, "status", document->status);
    return object;
}

json_t *policy_object(const struct answering *answering, uint32_t version) {
    json_t *object = json_object();
    put_count(object, "config_version", version);
    if (version == answering->core->config_version) {
        put_object(object, "document", document_object(answering->topology));
    } else {
        put_null(object, "document");
    }
    return object;
}

void status_answer(struct answering *answering) {
    const struct core *core = answering->core;
    json_t *json = answering->json, *waits = json_array();
    char act[300] = "";
    put_object(json, "document", document_object(answering->topology));
    put_text(json, "phase", phase_text((enum phase)core->phase));
    put_count(json, "epoch", core->epoch);
    put_yes(json, "open", core->open != 0);
    put_text(json, "owner", name_region(answering->topology, core->owner));
    put_text(json, "next_owner",
             core->open ? "" : name_region(answering->topology, core->next_owner));
    put_text(json, "close_why", close_why_text((enum close_why)core->close_why));
    put_wall(json, "opened", wall_of(core, core->opened_ms));
    put_lease(answering);
    put_writer(answering);
    put_object(json, "regions", regions_list(answering));
    put_object(json, "members", members_list(answering));
    put_troubles(answering);
    put_object(json, "links", links_list(answering));
    put_object(json, "rpo_alarms", rpo_alarms_list(answering));
    put_object(json, "election_alarms", election_alarms_list(answering));
    put_clocks(answering);
    put_automation(answering);
    json_t *executions = json_array();
    const struct execution *execution = execution_newest(core);
    if (execution != NULL) {
        (void)json_array_append_new(executions, execution_object(answering, execution));
    }
    put_object(json, "executions", executions);
    waits_say(answering, waits, act, sizeof act);
    put_object(json, "waits_for", waits);
    put_last_record(answering);
    put_text(json, "next_human_act", act);
    put_object(json, "next_automatic_act", explain_next_act(answering));
    put_engine(answering);
}

/* -------------------------------------------------------------------- dispatch */

static void put_head(struct answering *answering, const char *what) {
    const struct coordinator *member = answering->member;
    json_t *json = answering->json;
    put_text(json, "what", what);
    put_text(json, "cluster", member->topology_known ? answering->topology->cluster : "");
    put_text(json, "member", member->keys.name);
    put_wall(json, "now", clock_wall_ms());
    put_wall(json, "data_as_of", answering->core->wall_ms);
    put_count(json, "config_version", answering->core->config_version);
    put_yes(json, "caught_up", member->caught_up);
}

static void answer(struct answering *answering, const char *what) {
    static const struct {
        const char *what;
        void (*answer)(struct answering *answering);
    } answers[] = {{"status", status_answer},       {"explain", explain_answer},
                   {"regions", regions_answer},     {"components", components_answer},
                   {"links", links_answer},         {"agents", agents_answer},
                   {"members", members_answer},     {"keys", keys_answer},
                   {"rules", rules_answer},         {"executions", executions_answer},
                   {"timeline", timeline_answer},   {"report", report_answer},
                   {"config", config_answer},       {"whoami", whoami_answer},
                   {"preview", preview_answer},     {"backups", backups_answer},
                   {"readiness", readiness_answer}, {"plan-history", plan_history_answer}};
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (text_equal(what, answers[i].what)) {
            answers[i].answer(answering);
            return;
        }
    }
    answer_wrong(answering, "no question is called \"%s\"", what);
}

char *status_json(struct coordinator *member, uint8_t operator_index, const char *what,
                  const char *argument, uint64_t from, uint8_t *ret_exit_code) {
    struct answering answering = {.member = member,
                                  .core = &member->core,
                                  .topology = member->topology,
                                  .argument = argument,
                                  .from = from,
                                  .operator_index = operator_index,
                                  .json = json_object()};
    put_head(&answering, what);
    if (!member->topology_known) {
        put_text(answering.json, "error", "this member knows no topology yet");
        answering.exit_code = 6;
    } else {
        answer(&answering, what);
    }
    char *text = answering.json == NULL ? NULL : json_dumps(answering.json, JSON_COMPACT);
    json_decref(answering.json);
    *ret_exit_code = answering.exit_code;
    return text;
}
