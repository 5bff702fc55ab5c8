/* The only reader of JSON among the probes. */
#include <jansson.h>
#include <string.h>

#include "agent/probes/parse.h"
#include "common/base/text.h"
#include "common/io/json_patroni.h"

#define PATRONI_MEMBERS_MAX 64

/* All of them or none: who compares two clusters must not miss one. */
static void name_take(struct patroni_view *view, const char *name) {
    bool first = view->members_n == 1, lost = !first && view->names[0] == '\0';
    bool odd = name[0] == '\0' || strpbrk(name, " ,;") != NULL;
    if (lost || odd || strlen(view->names) + strlen(name) + 2 > sizeof view->names) {
        view->names[0] = '\0';
        return;
    }
    (void)text_append(view->names, sizeof view->names, first ? "" : " ");
    (void)text_append(view->names, sizeof view->names, name);
}

/* All of them or none, too. */
static void digest_take(struct patroni_view *view, const char *name) {
    char digest[TEXT_DIGEST_SIZE];
    bool first = view->members_n == 1, lost = !first && view->digests[0] == '\0';
    text_digest(name, digest);
    if (lost || strlen(view->digests) + TEXT_DIGEST_SIZE + 1 > sizeof view->digests) {
        view->digests[0] = '\0';
        return;
    }
    (void)text_append(view->digests, sizeof view->digests, first ? "" : " ");
    (void)text_append(view->digests, sizeof view->digests, digest);
}

static void member_take(struct patroni_view *view, const json_t *member) {
    const char *name = json_string_value(json_object_get(member, "name"));
    const char *role = json_string_value(json_object_get(member, "role"));
    const char *state = json_string_value(json_object_get(member, "state"));
    if (name == NULL || role == NULL || state == NULL) {
        return;
    }
    view->members_n++;
    name_take(view, name);
    digest_take(view, name);
    bool running = text_equal(state, "running") || text_equal(state, "streaming");
    if (running) {
        view->running_n++;
    } else if (view->first_not_running[0] == '\0') {
        (void)text_copy(view->first_not_running, sizeof view->first_not_running, name);
        (void)text_copy(view->first_state, sizeof view->first_state, state);
    }
    bool leader =
        text_equal(role, "leader") || text_equal(role, "master") || text_equal(role, "primary");
    if (leader || text_equal(role, "standby_leader")) {
        view->leader = leader ? PATRONI_LEADER : PATRONI_STANDBY_LEADER;
        view->leader_running = running;
        view->timeline = json_integer_value(json_object_get(member, "timeline"));
        (void)text_copy(view->leader_name, sizeof view->leader_name, name);
    }
}

static bool is_replica(const char *role) {
    return text_equal(role, "replica") || text_equal(role, "sync_standby") ||
           text_equal(role, "quorum_standby");
}

/* 4.1 tells the lag of what was received beside the state; before it a "streaming" somewhere shows
 * that the word is used. */
static void streams_take(struct patroni_view *view, const json_t *members) {
    bool told = false;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        const char *state = json_string_value(json_object_get(member, "state"));
        told = told || (state != NULL && text_equal(state, "streaming")) ||
               json_object_get(member, "receive_lag") != NULL;
    }
    for (size_t i = 0; told && i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i), *tags = json_object_get(member, "tags");
        const char *name = json_string_value(json_object_get(member, "name"));
        const char *role = json_string_value(json_object_get(member, "role"));
        const char *state = json_string_value(json_object_get(member, "state"));
        if (name != NULL && role != NULL && state != NULL && is_replica(role) &&
            !patroni_never_elected(tags) &&
            (text_equal(state, "running") || text_equal(state, "in archive recovery"))) {
            (void)text_copy(view->first_not_streaming, sizeof view->first_not_streaming, name);
            return;
        }
    }
}

enum err patroni_parse(const char *json, size_t json_size, struct patroni_view *ret_view) {
    json_error_t ignored;
    json_t *root = json_loadb(json, json_size, JSON_REJECT_DUPLICATES, &ignored);
    const json_t *members = json_object_get(root, "members");
    if (!json_is_array(members) || json_array_size(members) > PATRONI_MEMBERS_MAX) {
        json_decref(root);
        return ERR_FORMAT;
    }
    struct patroni_view view = {.leader = PATRONI_LEADER_NONE};
    for (size_t i = 0; i < json_array_size(members); i++) {
        member_take(&view, json_array_get(members, i));
    }
    if (view.leader == PATRONI_LEADER) {
        streams_take(&view, members);
    }
    view.paused = json_is_true(json_object_get(root, "pause"));
    json_decref(root);
    *ret_view = view;
    return ERR_OK;
}
