/* patroni_body: see patroni_body.h. */
#include "agent/actions/patroni_body.h"

#include <jansson.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/json_patroni.h"

/* Patroni keeps keys of the dynamic configuration that it does not know. Ours marks a pause as
 * made by a hand-off, so that undoing the hand-off may lift it, and a person's pause is never
 * lifted by a promotion. */
#define HANDOFF_KEY "drover_handoff"
#define HANDOFF_LEADER_KEY "drover_handoff_leader"
#define SWITCHOVER_KEY "drover_switchover"

void patroni_slot_of_region(const char *region, char ret_slot[PATRONI_SLOT_SIZE]) {
    (void)text_format(ret_slot, PATRONI_SLOT_SIZE, "region_%.50s", region);
    for (char *at = ret_slot; *at != '\0'; at++) {
        if (*at == '-' || *at == '.') {
            *at = '_';
        }
    }
}

static json_t *object_load(const char *json, size_t size, const char *what,
                           struct text256 *reterr) {
    json_error_t error;
    json_t *root = json_loadb(json, size, 0, &error);
    if (root == NULL || !json_is_object(root)) {
        text_say(reterr, "%s: expected a JSON object, found \"%.40s\"", what, size > 0 ? json : "");
        json_decref(root);
        return NULL;
    }
    return root;
}

static void text_take(const json_t *value, char *out, size_t out_size) {
    const char *text = json_string_value(value);
    (void)text_copy(out, out_size, text != NULL ? text : "");
}

/* Ports are written as numbers by us and as texts by some people. */
static uint16_t port_take(const json_t *value) {
    uint64_t port = 0;
    if (json_is_integer(value) && json_integer_value(value) > 0 &&
        json_integer_value(value) <= 65535) {
        return (uint16_t)json_integer_value(value);
    }
    if (json_is_string(value) && text_to_u64(json_string_value(value), 65535, &port)) {
        return (uint16_t)port;
    }
    return 0;
}

static void slots_take(const json_t *slots, const char *peer_slot, struct patroni_config *config) {
    const char *name = NULL;
    json_t *slot = NULL;
    json_object_foreach((json_t *)slots, name, slot) {
        const char *type = json_string_value(json_object_get(slot, "type"));
        bool ours =
            text_starts(name, "region_") || (peer_slot[0] != '\0' && text_equal(name, peer_slot));
        /* Logical slots and other people's physical ones stay as they are. */
        if (!ours || (type != NULL && !text_equal(type, "physical"))) {
            continue;
        }
        if (config->slots_n < PATRONI_SLOTS_MAX &&
            text_copy(config->slots[config->slots_n], PATRONI_SLOT_SIZE, name)) {
            config->slots_n++;
        }
    }
}

static void config_take(const json_t *root, const char *peer_slot, struct patroni_config *config) {
    config->paused = json_is_true(json_object_get(root, "pause"));
    config->handoff = json_is_true(json_object_get(root, HANDOFF_KEY));
    text_take(json_object_get(root, HANDOFF_LEADER_KEY), config->handoff_leader,
              sizeof config->handoff_leader);
    /* true, "on" and "quorum" are all that Patroni takes for yes, beside other spellings of it. */
    const json_t *synchronous = json_object_get(root, "synchronous_mode");
    const char *mode = json_string_value(synchronous);
    config->synchronous = json_is_true(synchronous) ||
                          (mode != NULL && (text_equal(mode, "quorum") || text_equal(mode, "on") ||
                                            text_equal(mode, "true")));
    const json_t *standby = json_object_get(root, "standby_cluster");
    if (json_is_object(standby)) {
        /* As Patroni judges it: any of these makes it a standby cluster. */
        config->standby = json_object_get(standby, "host") != NULL ||
                          json_object_get(standby, "port") != NULL ||
                          json_object_get(standby, "restore_command") != NULL;
        text_take(json_object_get(standby, "host"), config->host, sizeof config->host);
        config->port = port_take(json_object_get(standby, "port"));
        text_take(json_object_get(standby, "primary_slot_name"), config->slot, sizeof config->slot);
    }
    slots_take(json_object_get(root, "slots"), peer_slot, config);
}

enum err patroni_config_parse(const char *json, size_t size, const char *peer_slot,
                              struct patroni_config *ret_config, struct text256 *reterr) {
    json_t *root = object_load(json, size, "Patroni's configuration", reterr);
    if (root == NULL) {
        return ERR_FORMAT;
    }
    struct patroni_config config;
    memset(&config, 0, sizeof config);
    config_take(root, peer_slot, &config);
    json_decref(root);
    *ret_config = config;
    return ERR_OK;
}

bool patroni_config_follows(const struct patroni_config *config, const struct patroni_peer *peer) {
    return config->standby && config->port == peer->port && text_equal(config->host, peer->host) &&
           text_equal(config->slot, peer->slot);
}

/* Takes the reference to root. */
static bool object_dump(json_t *root, char *out, size_t out_size) {
    ensure(out_size > 0);
    size_t n = root == NULL ? 0 : json_dumpb(root, out, out_size - 1, JSON_COMPACT);
    json_decref(root);
    if (n == 0 || n > out_size - 1) {
        out[0] = '\0';
        return false;
    }
    out[n] = '\0';
    return true;
}

static json_t *standby_object(const struct patroni_peer *peer) {
    json_t *object = json_pack("{s:s, s:i, s:[s]}", "host", peer->host, "port", (int)peer->port,
                               "create_replica_methods", "basebackup");
    if (object != NULL && peer->slot[0] != '\0') {
        (void)json_object_set_new(object, "primary_slot_name", json_string(peer->slot));
    }
    return object;
}

static void pause_lift(json_t *root) {
    (void)json_object_set_new(root, "pause", json_null());
    (void)json_object_set_new(root, HANDOFF_KEY, json_null());
    (void)json_object_set_new(root, HANDOFF_LEADER_KEY, json_null());
}

bool patroni_body_demote(char *out, size_t out_size, const struct patroni_peer *peer,
                         const struct patroni_config *config, enum patroni_pause pause) {
    json_t *root = json_object();
    (void)json_object_set_new(root, "standby_cluster", standby_object(peer));
    if (config->slots_n > 0) {
        /* A permanent slot that nobody reads holds back WAL for ever on a standby. */
        json_t *slots = json_object();
        for (uint8_t i = 0; i < config->slots_n; i++) {
            (void)json_object_set_new(slots, config->slots[i], json_null());
        }
        (void)json_object_set_new(root, "slots", slots);
    }
    if (pause == PATRONI_PAUSE_LIFT) {
        /* A paused Patroni would read the new configuration and do nothing. */
        pause_lift(root);
    }
    return object_dump(root, out, out_size);
}

bool patroni_body_promote(char *out, size_t out_size, const char *peer_slot, bool lift_pause) {
    json_t *root = json_object();
    (void)json_object_set_new(root, "standby_cluster", json_null());
    if (peer_slot[0] != '\0') {
        (void)json_object_set_new(root, "slots",
                                  json_pack("{s:{s:s}}", peer_slot, "type", "physical"));
    }
    if (lift_pause) {
        pause_lift(root);
    }
    return object_dump(root, out, out_size);
}

bool patroni_body_pause(char *out, size_t out_size, const char *leader) {
    json_t *root = json_object();
    (void)json_object_set_new(root, "pause", json_true());
    (void)json_object_set_new(root, HANDOFF_KEY, json_true());
    (void)json_object_set_new(root, HANDOFF_LEADER_KEY,
                              leader[0] != '\0' ? json_string(leader) : json_null());
    return object_dump(root, out, out_size);
}

enum err patroni_mark_parse(const char *json, size_t size, const char *step,
                            struct patroni_mark *ret_mark, struct text256 *reterr) {
    json_t *root = object_load(json, size, "Patroni's configuration", reterr);
    if (root == NULL) {
        return ERR_FORMAT;
    }
    struct patroni_mark mark;
    char of[PATRONI_STEP_SIZE];
    memset(&mark, 0, sizeof mark);
    const json_t *object = json_object_get(root, SWITCHOVER_KEY);
    text_take(json_object_get(object, "step"), of, sizeof of);
    if (text_equal(of, step)) {
        mark.there = true;
        text_take(json_object_get(object, "leader"), mark.leader, sizeof mark.leader);
    }
    json_decref(root);
    *ret_mark = mark;
    return ERR_OK;
}

bool patroni_body_mark(char *out, size_t out_size, const char *step, const char *leader) {
    json_t *root = json_pack("{s:{s:s, s:s}}", SWITCHOVER_KEY, "step", step, "leader", leader);
    return object_dump(root, out, out_size);
}

bool patroni_body_switchover(char *out, size_t out_size, const char *leader,
                             const char *candidate) {
    json_t *root = json_object();
    if (leader[0] != '\0') {
        (void)json_object_set_new(root, "leader", json_string(leader));
    }
    if (candidate[0] != '\0') {
        (void)json_object_set_new(root, "candidate", json_string(candidate));
    }
    return object_dump(root, out, out_size);
}

enum err patroni_value_demote(const char *json, size_t size, const struct patroni_peer *peer,
                              const char *peer_slot, char *out, size_t out_size,
                              struct text256 *reterr) {
    json_t *root =
        size == 0 ? json_object() : object_load(json, size, "the DCS's configuration key", reterr);
    if (root == NULL) {
        return ERR_FORMAT;
    }
    struct patroni_config config;
    memset(&config, 0, sizeof config);
    config_take(root, peer_slot, &config);
    json_t *slots = json_object_get(root, "slots");
    for (uint8_t i = 0; i < config.slots_n; i++) {
        (void)json_object_del(slots, config.slots[i]);
    }
    (void)json_object_del(root, "pause");
    (void)json_object_del(root, HANDOFF_KEY);
    (void)json_object_del(root, HANDOFF_LEADER_KEY);
    (void)json_object_set_new(root, "standby_cluster", standby_object(peer));
    if (!object_dump(root, out, out_size)) {
        text_say(reterr, "the DCS's configuration is larger than %zu bytes", out_size);
        return ERR_TOO_BIG;
    }
    return ERR_OK;
}

enum err patroni_status_parse(const char *json, size_t size, struct patroni_status *ret_status,
                              struct text256 *reterr) {
    json_t *root = object_load(json, size, "Patroni's status", reterr);
    if (root == NULL) {
        return ERR_FORMAT;
    }
    struct patroni_status status;
    memset(&status, 0, sizeof status);
    char role[32];
    text_take(json_object_get(root, "role"), role, sizeof role);
    /* 3.x says "master" where 4.x says "primary". */
    if (text_equal(role, "master") || text_equal(role, "primary")) {
        status.role = PATRONI_ROLE_PRIMARY;
    } else if (text_equal(role, "standby_leader")) {
        status.role = PATRONI_ROLE_STANDBY_LEADER;
    } else if (text_equal(role, "replica")) {
        status.role = PATRONI_ROLE_REPLICA;
    }
    text_take(json_object_get(root, "state"), status.state, sizeof status.state);
    status.running = text_equal(status.state, "running") || text_equal(status.state, "streaming");
    status.paused = json_is_true(json_object_get(root, "pause"));
    text_take(json_object_get(root, "database_system_identifier"), status.system_identifier,
              sizeof status.system_identifier);
    text_take(json_object_get(json_object_get(root, "patroni"), "name"), status.name,
              sizeof status.name);
    json_int_t timeline = json_integer_value(json_object_get(root, "timeline"));
    status.timeline = timeline > 0 && timeline < UINT32_MAX ? (uint32_t)timeline : 0;
    json_decref(root);
    *ret_status = status;
    return ERR_OK;
}

enum err patroni_cluster_parse(const char *json, size_t size, struct patroni_cluster *ret_cluster,
                               struct text256 *reterr) {
    json_t *root = object_load(json, size, "Patroni's cluster", reterr);
    if (root == NULL) {
        return ERR_FORMAT;
    }
    struct patroni_cluster cluster;
    memset(&cluster, 0, sizeof cluster);
    const json_t *members = json_object_get(root, "members");
    for (size_t i = 0; i < json_array_size(members) && cluster.n < PATRONI_MEMBERS_MAX; i++) {
        const json_t *from = json_array_get(members, i);
        struct patroni_member *member = &cluster.at[cluster.n];
        char role[32];
        text_take(json_object_get(from, "name"), member->name, sizeof member->name);
        text_take(json_object_get(from, "role"), role, sizeof role);
        text_take(json_object_get(from, "state"), member->state, sizeof member->state);
        text_take(json_object_get(from, "host"), member->host, sizeof member->host);
        json_int_t timeline = json_integer_value(json_object_get(from, "timeline"));
        member->leads = text_equal(role, "leader") || text_equal(role, "standby_leader");
        member->running =
            text_equal(member->state, "running") || text_equal(member->state, "streaming");
        member->synchronous =
            text_equal(role, "sync_standby") || text_equal(role, "quorum_standby");
        member->nofailover = patroni_never_elected(json_object_get(from, "tags"));
        member->timeline = timeline > 0 && timeline < UINT32_MAX ? (uint32_t)timeline : 0;
        if (member->name[0] != '\0') {
            cluster.n++;
        }
    }
    json_decref(root);
    *ret_cluster = cluster;
    return ERR_OK;
}

enum err patroni_history_parse(const char *json, size_t size, uint32_t *ret_timeline,
                               uint64_t *ret_switch_lsn, struct text256 *reterr) {
    json_error_t error;
    json_t *root = json_loadb(json, size, 0, &error);
    if (root == NULL || !json_is_array(root)) {
        text_say(reterr, "Patroni's history: expected a JSON array");
        json_decref(root);
        return ERR_FORMAT;
    }
    size_t n = json_array_size(root);
    const json_t *last = n == 0 ? NULL : json_array_get(root, n - 1);
    json_int_t timeline = json_integer_value(json_array_get(last, 0));
    json_int_t lsn = json_integer_value(json_array_get(last, 1));
    json_decref(root);
    if (n > 0 && (timeline <= 0 || timeline >= UINT32_MAX || lsn < 0)) {
        text_say(reterr, "Patroni's history: the last entry is not [timeline, position, ...]");
        return ERR_FORMAT;
    }
    *ret_timeline = n == 0 ? 0 : (uint32_t)timeline;
    *ret_switch_lsn = n == 0 ? 0 : (uint64_t)lsn;
    return ERR_OK;
}
