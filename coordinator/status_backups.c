/* The declared backups, each with what its checks see of it. Which check belongs to a
 * backup: coordinator/decide/readiness_backups.c. */
#include "coordinator/decide/readiness.h"
#include "coordinator/status_parts.h"

#define EXIT_NOT_MET 9

static bool is_of(const struct topology *topology, uint8_t check, uint8_t backup) {
    const char *type = NULL;
    return backup_of_check(topology, &topology->checks[check], &type) == backup;
}

static bool has_second(const struct check *check) {
    return arguments_get(&check->arguments, "peer_url") != NULL ||
           arguments_get(&check->arguments, "peer_path") != NULL ||
           arguments_get(&check->arguments, "mirror_url") != NULL;
}

static bool asks_for_restore(const struct check *check) {
    return arguments_get(&check->arguments, "restored_within") != NULL;
}

static const struct check_report *seen_of(const struct coordinator *member, uint8_t check) {
    uint8_t agent = member->topology->checks[check].agent;
    const struct report *report =
        agent != NONE && listen_agent_heard(member, agent) ? report_of(member, agent) : NULL;
    for (unsigned i = 0; report != NULL && i < report->checks_n; i++) {
        if (report->checks[i].check == check) {
            return &report->checks[i];
        }
    }
    return NULL;
}

const char *backup_state_text(enum backup_state state) {
    static const char *const texts[] = {"met", "warn", "unknown", "failed", "unchecked"};
    return (unsigned)state < BACKUP_STATES_N ? texts[state] : "?";
}

static enum backup_state state_of(const struct check_report *seen) {
    if (seen == NULL) {
        return BACKUP_UNKNOWN;
    }
    switch (seen->status) {
    case CHECK_OK: return BACKUP_MET;
    case CHECK_WARN: return BACKUP_WARN;
    case CHECK_SUSPECT:
    case CHECK_FAILED: return BACKUP_FAILED;
    case CHECK_UNKNOWN:
    case CHECK_STALE:
    default: return BACKUP_UNKNOWN;
    }
}

/* The age that the check's figure is, in s; -1: not known, or a figure of something else. */
static int64_t age_of(const struct check *check, const struct check_report *seen) {
    bool is_age = check->kind == CHECK_BACKUP || check->kind == CHECK_REDIS ||
                  check->kind == CHECK_KUBERNETES;
    return seen != NULL && is_age ? seen->value : -1;
}

static enum backup_state add_check(struct answering *answering, json_t *list, uint8_t check) {
    const struct topology *topology = answering->topology;
    const struct check *declared = &topology->checks[check];
    const struct check_report *seen = seen_of(answering->member, check);
    enum backup_state state = state_of(seen);
    int64_t age_s = age_of(declared, seen);
    json_t *object = list_add(list);
    put_text(object, "name", declared->name);
    put_text(object, "kind", check_kind_text((enum check_kind)declared->kind));
    put_text(object, "region", name_region(topology, declared->region));
    put_text(object, "agent", name_agent(topology, declared->agent));
    put_text(object, "state", backup_state_text(state));
    put_yes(object, "second_location", has_second(declared));
    if (age_s >= 0) {
        put_number(object, "age_s", age_s);
    } else {
        put_null(object, "age_s");
    }
    put_text(object, "detail", seen != NULL ? seen->detail : "no word of its agent");
    return state;
}

/* What shows that it could be restored. A met backup whose check asks for a restore of late was
 * restored; one that is compared with its second place has no gap and the same sums there. */
static const char *restorable_of(enum backup_state worst, bool restored, bool compared) {
    return worst != BACKUP_MET ? "unknown"
           : restored          ? "restored"
           : compared          ? "compared"
                               : "not shown";
}

static bool add_backup(struct answering *answering, json_t *list, uint8_t b) {
    const struct topology *topology = answering->topology;
    const struct backup *backup = &topology->backups[b];
    json_t *object = list_add(list), *checks = json_array();
    enum backup_state worst = BACKUP_MET;
    unsigned checks_n = 0;
    bool restored = false, compared = false;
    put_text(object, "component", name_component(topology, backup->component));
    put_text(object, "type", backup->type);
    put_count(object, "every_ms", backup->every_ms);
    put_count(object, "keep_ms", backup->keep_ms);
    put_text(object, "location", backup->location);
    put_text(object, "second_location", backup->second_location);
    put_text(object, "source", backup->source);
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        if (is_of(topology, c, b)) {
            enum backup_state state = add_check(answering, checks, c);
            worst = state > worst ? state : worst;
            compared = compared || has_second(&topology->checks[c]);
            restored = restored || asks_for_restore(&topology->checks[c]);
            checks_n++;
        }
    }
    worst = checks_n == 0 ? BACKUP_UNCHECKED : worst;
    put_text(object, "state", backup_state_text(worst));
    put_text(object, "restorable", restorable_of(worst, restored, compared));
    put_object(object, "checks", checks);
    return worst == BACKUP_MET;
}

enum backup_state backup_state_of(const struct coordinator *member, uint8_t backup,
                                  int64_t *ret_age_s) {
    const struct topology *topology = member->topology;
    enum backup_state worst = BACKUP_MET;
    unsigned checks_n = 0;
    *ret_age_s = -1;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        if (is_of(topology, c, backup)) {
            const struct check_report *seen = seen_of(member, c);
            enum backup_state state = state_of(seen);
            int64_t age_s = age_of(&topology->checks[c], seen);
            worst = state > worst ? state : worst;
            *ret_age_s = age_s > *ret_age_s ? age_s : *ret_age_s;
            checks_n++;
        }
    }
    return checks_n == 0 ? BACKUP_UNCHECKED : worst;
}

void backups_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *list = json_array(), *undeclared = json_array();
    bool met = true;
    for (uint8_t b = 0; b < topology->backups_n; b++) {
        met = add_backup(answering, list, b) && met;
    }
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const char *type = NULL;
        uint8_t backup = backup_of_check(topology, &topology->checks[c], &type);
        bool declared = type == NULL || backup != NONE;
        if (!declared) {
            list_say(undeclared, "%s", topology->checks[c].name);
        }
    }
    put_object(answering->json, "backups", list);
    put_object(answering->json, "undeclared", undeclared);
    put_yes(answering->json, "met", met);
    answering->exit_code = met ? answering->exit_code : EXIT_NOT_MET;
}
