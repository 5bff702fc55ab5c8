/* This member, what the log says of the others, the rules, the topology, and who asks. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/topology/roles.h"
#include "coordinator/history.h"
#include "coordinator/status_parts.h"

json_t *members_list(struct answering *answering) {
    const struct topology *topology = answering->topology;
    const struct core *core = answering->core;
    json_t *list = json_array();
    for (uint8_t m = 0; m < topology->members_n; m++) {
        unsigned heard_n = 0;
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            heard_n += bits_has(core->agents[a].heard_by, m);
        }
        json_t *object = list_add(list);
        put_text(object, "name", topology->members[m].name);
        put_text(object, "address", topology->members[m].operators_address);
        put_yes(object, "spoke", core->members[m].present != 0);
        put_yes(object, "attesting", core->members[m].attesting != 0);
        put_yes(object, "timekeeper", core->keeper_term > 0 && core->timekeeper == m);
        put_count(object, "hears_agents_n", heard_n);
    }
    return list;
}

static void put_attest(json_t *json, struct coordinator *member) {
    put_count(json, "attests_yes_n", member->attests_yes_n);
    put_count(json, "attests_no_n", member->attests_no_n);
    put_count(json, "closed_epoch", member->attest.durable.closed_epoch);
    put_count(json, "waited_epoch", member->attest.durable.waited_epoch);
    put_count(json, "wait_left_ms", attesting_wait_left_ms(member, clock_stamp()));
    put_yes(json, "fence_proved", member->attest.fence_proved);
}

static void put_wire(json_t *json, const struct coordinator *member) {
    json_t *object = json_object();
    if (member->wire != NULL) {
        const struct wire_counters *counters = wire_counters(member->wire);
        put_count(object, "received_n", counters->received_n);
        put_count(object, "sent_n", counters->sent_n);
        put_count(object, "dropped_send_n", counters->dropped_send_n);
        put_count(object, "unknown_key_n", counters->unknown_key_n);
        put_count(object, "revoked_key_n", counters->revoked_key_n);
        put_count(object, "wrong_mechanism_n", counters->wrong_mechanism_n);
        put_count(object, "handshake_failed_n", counters->handshake_failed_n);
        put_count(object, "oversize_n", counters->oversize_n);
        put_count(object, "flood_n", counters->flood_n);
        put_count(object, "disconnected_n", counters->disconnected_n);
    }
    put_object(json, "wire", object);
}

static void put_history(json_t *json, const struct coordinator *member) {
    uint8_t head[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    uint64_t height = 0;
    if (member->history == NULL) {
        return;
    }
    history_head(member->history, &height, head);
    text_from_bytes(head, DIGEST_SIZE, hex, sizeof hex);
    put_count(json, "history_height", height);
    put_text(json, "history_head", hex);
    put_text(json, "history_trouble", history_trouble(member->history));
}

void members_answer(struct answering *answering) {
    struct coordinator *member = answering->member;
    json_t *self = json_object();
    char engine[256] = "";
    if (member->log != NULL) {
        log_describe(member->log, engine, sizeof engine);
    }
    put_text(self, "name", member->keys.name);
    put_count(self, "index", member->index);
    put_yes(self, "caught_up", member->caught_up);
    put_count(self, "applied_index", member->applied_index);
    put_count(self, "head_index", member->head_index);
    put_yes(self, "timekeeper", member_keeps_time(member));
    put_count(self, "keeper_term", answering->core->keeper_term);
    put_count(self, "up_ms", member_now_ms() - member->started_boot_ms);
    put_text(self, "engine", engine);
    put_yes(self, "log_reachable", member->log_reachable);
    put_yes(self, "stopped_for_human", member->stopped_for_human);
    put_text(self, "stopped_why", member->stopped_why);
    put_attest(self, member);
    put_count(self, "facts_refused_n", member->facts_refused_n);
    put_count(self, "frames_refused_n", member->frames_refused_n);
    put_history(self, member);
    put_wire(self, member);
    put_object(answering->json, "self", self);
    put_object(answering->json, "members", members_list(answering));
}

void rules_answer(struct answering *answering) {
    json_t *list = json_array();
    for (unsigned i = 0; i < rules_count(); i++) {
        struct rule_row row = rules_row(i);
        json_t *object = list_add(list);
        put_count(object, "number", row.number);
        put_text(object, "phases", row.phases);
        put_text(object, "event", row.event);
        put_text(object, "guard", row.guard);
        put_text(object, "next", row.next);
        put_text(object, "sentence", row.sentence);
    }
    put_object(answering->json, "rules", list);
}

void config_answer(struct answering *answering) {
    put_count(answering->json, "version", answering->core->config_version);
    put_text(answering->json, "text", answering->member->topology_text);
}

void whoami_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *may = json_array(), *declares = json_array();
    if (answering->operator_index >= topology->operators_n) {
        json_decref(may);
        json_decref(declares);
        answer_wrong(answering, "this key is of no operator of the topology");
        return;
    }
    const struct operator_entry *entry = &topology->operators[answering->operator_index];
    put_text(answering->json, "operator", entry->name);
    put_text(answering->json, "person", entry->person);
    put_text(answering->json, "role", role_text((enum role)entry->role));
    for (unsigned k = 0; k < REQUEST_KINDS_N; k++) {
        if (role_may((enum role)entry->role, (enum request_kind)k)) {
            (void)json_array_append_new(may, json_string(request_kind_text((enum request_kind)k)));
        }
    }
    for (unsigned k = 0; k < PLAN_KINDS_N; k++) {
        if (role_may_declare((enum role)entry->role, (enum plan_kind)k)) {
            (void)json_array_append_new(declares, json_string(plan_kind_text((enum plan_kind)k)));
        }
    }
    put_object(answering->json, "may", may);
    put_object(answering->json, "may_declare", declares);
}
