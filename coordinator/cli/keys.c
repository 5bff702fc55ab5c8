/* The exchange of keys: who has two, which of them is in use, and what comes next. Every member is
 * asked, for each sees something else: its own key, and the sessions that reach it. It only asks;
 * docs/topology.md has the order. */
#include <stdio.h>
#include <string.h>

#include "coordinator/cli/show_parts.h"

/* What all members together know: in each object the newest word of any of them. */
static void take(json_t *identities, const json_t *reply) {
    size_t i, k;
    json_t *known, *said;
    json_array_foreach(identities, i, known) {
        json_array_foreach(json_object_get(reply, "identities"), k, said) {
            bool same = text_equal(text_in(known, "kind"), text_in(said, "kind")) &&
                        text_equal(text_in(known, "name"), text_in(said, "name"));
            bool newer =
                !has(known, "ago_ms") ||
                (has(said, "ago_ms") && number_in(said, "ago_ms") < number_in(known, "ago_ms"));
            if (same && newer) {
                (void)json_object_update(known, said);
            }
        }
    }
}

static bool is_kind(const json_t *identity, const char *kind) {
    return text_equal(text_in(identity, "kind"), kind);
}

static bool waits(const json_t *identity) {
    return number_in(identity, "keys_n") == 2 && !text_equal(text_in(identity, "in_use"), "next");
}

/* The first of that kind of whom `which` is so. */
static const char *first_of(const json_t *identities, const char *kind,
                            bool (*which)(const json_t *identity)) {
    size_t i;
    json_t *identity;
    json_array_foreach(identities, i, identity) {
        if (is_kind(identity, kind) && which(identity)) {
            return text_in(identity, "name");
        }
    }
    return NULL;
}

static bool pins_lack(const json_t *identity) {
    return text_equal(text_in(identity, "pins"), "lack");
}

static bool pins_old(const json_t *identity) {
    return text_equal(text_in(identity, "pins"), "old");
}

static bool has_two(const json_t *identity) {
    return number_in(identity, "keys_n") == 2;
}

/* The order of docs/topology.md: what is verified by files before who signs. */
static bool next_act(const json_t *identities, char *ret_act, size_t act_size) {
    static const struct {
        const char *kind;
        bool (*which)(const json_t *identity);
        const char *act;
    } acts[] = {
        {"agent", pins_lack,
         "%s does not know a key that is in force: put the topology's file onto its host, then "
         "restart its guard and its agent"},
        {"guard", waits, "restart the guard of %s with its next key, then its agent"},
        {"agent", waits, "restart the agent of %s with its next key"},
        {"member", waits, "restart member %s with its next key, and wait until it attests"},
        {"operator", waits, "operator %s asks with the next key from now on"},
        {"member", has_two, NULL},
        {"agent", has_two, NULL},
        {"guard", has_two, NULL},
        {"operator", has_two, NULL},
        {"agent", pins_old,
         "%s still takes a key that is over: put the topology's file onto its host, then restart "
         "its guard and its agent"},
    };
    for (unsigned i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const char *name = first_of(identities, acts[i].kind, acts[i].which);
        if (name != NULL && acts[i].act == NULL) {
            return text_copy(ret_act, act_size,
                             "all use the next one: make it the only one in the topology's file, "
                             "bring that to every host, then: drover config apply FILE");
        }
        if (name != NULL) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            return text_format(ret_act, act_size, acts[i].act, name);
#pragma GCC diagnostic pop
        }
    }
    return !text_copy(ret_act, act_size, "nothing: every identity has one key");
}

static void show(const json_t *identities, const char *act) {
    static const char *const heads[] = {"KIND", "NAME", "KEYS", "IN USE", "SEEN", "PINS"};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *identity;
    json_array_foreach(identities, i, identity) {
        const char *pins = text_in(identity, "pins"), *in_use = text_in(identity, "in_use");
        cell(table, "%s", text_in(identity, "kind"));
        cell(table, "%s", text_in(identity, "name"));
        cell(table, "%lld", number_in(identity, "keys_n"));
        cell(table, "%s", in_use[0] == '\0' ? "not seen" : in_use);
        cell(table, "%s%s",
             has(identity, "ago_ms") ? span_text(number_in(identity, "ago_ms")).at : "-",
             has(identity, "ago_ms") ? " ago" : "");
        cell_marked(table, pins_lack(identity) || pins_old(identity) ? BAD : PLAIN,
                    pins[0] == '\0' ? "-" : pins);
    }
    table_print(table, 0);
    (void)printf("\nNEXT  %s\n", act);
}

int keys_run(struct session *session) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "keys"};
    char act[320];
    json_t *identities = NULL;
    client_ask_all(session, &query, replies);
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        const json_t *list = json_object_get(replies[m].json, "identities");
        if (identities == NULL && list != NULL) {
            identities = json_deep_copy(list);
        }
        take(identities, replies[m].json);
    }
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        json_decref(replies[m].json);
    }
    if (identities == NULL) {
        return say_nobody(session);
    }
    bool waiting = next_act(identities, act, sizeof act);
    if (session->line->json) {
        json_t *json = json_pack("{s:s,s:b,s:s,s:O}", "what", "keys", "waiting", waiting, "next",
                                 act, "identities", identities);
        show_json(json);
        json_decref(json);
    } else {
        show(identities, act);
    }
    json_decref(identities);
    return waiting ? EXIT_STEP_FAILED : EXIT_OK;
}
