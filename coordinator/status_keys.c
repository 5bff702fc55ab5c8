/* Which of its keys each identity was last seen with, as far as this one member saw it: of agents
 * and operators the session, of guards their agents' word, of the members itself. */
#include <string.h>

#include "coordinator/status_parts.h"

static json_t *identity_add(json_t *list, const char *kind, const char *name, bool exchanging) {
    json_t *object = list_add(list);
    put_text(object, "kind", kind);
    put_text(object, "name", name);
    put_count(object, "keys_n", exchanging ? 2 : 1);
    return object;
}

static void put_seen(json_t *object, enum key_place place, uint64_t ago_ms) {
    put_text(object, "in_use",
             place == KEY_PINNED        ? "key"
             : place == KEY_PINNED_NEXT ? "next"
                                        : "");
    if (place == KEY_NOT_PINNED) {
        put_null(object, "ago_ms");
    } else {
        put_count(object, "ago_ms", ago_ms);
    }
}

static const char *pins_text(uint8_t pins) {
    return pins == PINS_AGREE  ? "agree"
           : pins == PINS_LACK ? "lack"
           : pins == PINS_OLD  ? "old"
                               : "";
}

static void agent_add(const struct answering *answering, json_t *list, uint8_t a) {
    const struct agent *agent = &answering->topology->agents[a];
    const struct agent_live *live = &answering->member->agents[a];
    const struct report *report = report_of(answering->member, a);
    uint64_t ago_ms = heard_ago_ms(answering->member, a);
    json_t *object = identity_add(list, "agent", agent->name, key_is_set(agent->sign_key_next));
    put_seen(object,
             ago_ms == UINT64_MAX ? KEY_NOT_PINNED
             : live->next_key     ? KEY_PINNED_NEXT
                                  : KEY_PINNED,
             ago_ms);
    put_text(object, "pins", report == NULL ? "" : pins_text(report->pins));
    if (agent->guarded) {
        object = identity_add(list, "guard", agent->name, key_is_set(agent->guard_key_next));
        put_seen(object, report == NULL ? KEY_NOT_PINNED : (enum key_place)report->guard.key,
                 ago_ms);
    }
}

void keys_answer(struct answering *answering) {
    const struct topology *topology = answering->topology;
    struct coordinator *member = answering->member;
    json_t *list = json_array();
    for (uint8_t m = 0; m < topology->members_n; m++) {
        const struct member *at = &topology->members[m];
        json_t *object = identity_add(list, "member", at->name, key_is_set(at->sign_key_next));
        bool self = text_equal(at->name, member->keys.name);
        put_seen(object,
                 self ? keys_place(&member->keys, at->curve_key, at->sign_key, at->curve_key_next,
                                   at->sign_key_next)
                      : KEY_NOT_PINNED,
                 0);
    }
    for (uint8_t a = 0; a < topology->agents_n; a++) {
        agent_add(answering, list, a);
    }
    for (uint8_t o = 0; o < topology->operators_n; o++) {
        const struct operator_entry *one = &topology->operators[o];
        const struct operator_live *live = &member->operators[o];
        json_t *object = identity_add(list, "operator", one->name, key_is_set(one->sign_key_next));
        put_seen(object,
                 live->heard_boot_ms == 0 ? KEY_NOT_PINNED
                 : live->next_key         ? KEY_PINNED_NEXT
                                          : KEY_PINNED,
                 member_now_ms() - live->heard_boot_ms);
    }
    put_object(answering->json, "identities", list);
}
