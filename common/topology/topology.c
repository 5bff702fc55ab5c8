#include "common/topology/topology.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"

_Static_assert(COMPONENTS_MAX <= 64 && AGENTS_MAX <= 64, "sets of them are one 64-bit word");
_Static_assert(CHECKS_MAX < NONE && ENDPOINTS_MAX < NONE && STEPS_MAX < NONE, "8-bit indexes");

#define PEER_PREFIX "peer_"

bool key_is_set(const uint8_t key[KEY_SIZE]) {
    static const uint8_t zeros[KEY_SIZE];
    return memcmp(key, zeros, KEY_SIZE) != 0;
}

bool key_among(const uint8_t key[KEY_SIZE], const uint8_t one[KEY_SIZE],
               const uint8_t next[KEY_SIZE]) {
    return !key_is_set(key) || memcmp(key, one, KEY_SIZE) == 0 || memcmp(key, next, KEY_SIZE) == 0;
}

bool topology_knows_keys(const struct topology *pins, const struct topology *other) {
#define KNOWS(mine, its, key)                                                                      \
    (key_among((its)->key, (mine)->key, (mine)->key##_next) &&                                     \
     key_among((its)->key##_next, (mine)->key, (mine)->key##_next))
    bool knows = true;
    for (unsigned m = 0; m < other->members_n; m++) {
        const struct member *its = &other->members[m];
        uint8_t at = topology_member(pins, its->name);
        const struct member *mine = at == NONE ? its : &pins->members[at];
        knows = knows && KNOWS(mine, its, curve_key) && KNOWS(mine, its, sign_key);
    }
    for (unsigned a = 0; a < other->agents_n; a++) {
        const struct agent *its = &other->agents[a];
        uint8_t at = topology_agent(pins, its->name);
        const struct agent *mine = at == NONE ? its : &pins->agents[at];
        knows = knows && KNOWS(mine, its, curve_key) && KNOWS(mine, its, sign_key) &&
                KNOWS(mine, its, guard_key);
    }
#undef KNOWS
    return knows;
}

static bool key_shared(const uint8_t key[KEY_SIZE], const struct agent *agent) {
    return key_is_set(key) && (memcmp(key, agent->guard_key, KEY_SIZE) == 0 ||
                               memcmp(key, agent->guard_key_next, KEY_SIZE) == 0);
}

bool agent_same_guard(const struct agent *a, const struct agent *b) {
    return key_shared(a->guard_key, b) || key_shared(a->guard_key_next, b);
}

const char *component_kind_text(enum component_kind kind) {
    static const char *const texts[COMPONENT_KINDS_N] = {
#define COMPONENT_TEXT(name, text) [COMPONENT_##name] = (text),
        COMPONENT_KIND_LIST(COMPONENT_TEXT)
#undef COMPONENT_TEXT
    };
    return (unsigned)kind < COMPONENT_KINDS_N ? texts[kind] : "unknown";
}

const char *check_kind_text(enum check_kind kind) {
    static const char *const texts[CHECK_KINDS_N] = {
#define CHECK_TEXT(name, text) [CHECK_##name] = (text),
        CHECK_KIND_LIST(CHECK_TEXT)
#undef CHECK_TEXT
    };
    return (unsigned)kind < CHECK_KINDS_N ? texts[kind] : "unknown";
}

const char *action_kind_text(enum action_kind kind) {
    static const char *const texts[ACTION_KINDS_N] = {
#define ACTION_TEXT(name, text) [ACTION_##name] = (text),
        ACTION_KIND_LIST(ACTION_TEXT)
#undef ACTION_TEXT
    };
    return (unsigned)kind < ACTION_KINDS_N ? texts[kind] : "unknown";
}

bool action_moves_name(uint8_t action) {
    return action == ACTION_DNS_UPDATE || action == ACTION_DNS_POWERDNS ||
           action == ACTION_DNS_ROUTE53 || action == ACTION_DNS_CLOUDFLARE;
}

const char *role_text(enum role role) {
    static const char *const texts[ROLES_N] = {
#define ROLE_TEXT(name, text) [ROLE_##name] = (text),
        ROLE_LIST(ROLE_TEXT)
#undef ROLE_TEXT
    };
    return (unsigned)role < ROLES_N ? texts[role] : "unknown";
}

const char *plan_kind_text(enum plan_kind kind) {
    static const char *const texts[PLAN_KINDS_N] = {
        [PLAN_FAILOVER] = "failover",   [PLAN_SWITCHOVER] = "switchover",
        [PLAN_REPROTECT] = "reprotect", [PLAN_COMPONENT] = "component",
        [PLAN_DRILL] = "drill",
    };
    return (unsigned)kind < PLAN_KINDS_N ? texts[kind] : "unknown";
}

bool plan_kind_moves(enum plan_kind kind) {
    return kind == PLAN_FAILOVER || kind == PLAN_SWITCHOVER;
}

bool plan_kind_yields(enum plan_kind kind) {
    return kind == PLAN_COMPONENT || kind == PLAN_DRILL;
}

const char *step_mode_text(enum step_mode mode) {
    static const char *const texts[] = {"both", "graceful", "ungraceful"};
    return (unsigned)mode <= STEP_MODE_UNGRACEFUL ? texts[mode] : "unknown";
}

const char *link_kind_text(enum link_kind kind) {
    static const char *const texts[] = {
        [LINK_STREAM] = "stream",
        [LINK_ASYNC] = "async",
        [LINK_BUCKET] = "bucket",
        [LINK_CANARY] = "canary",
    };
    return (unsigned)kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "unknown";
}

bool link_counts_writes(const struct link *link) {
    return link->kind == LINK_CANARY || link->kind == LINK_BUCKET;
}

uint32_t component_failover_within_ms(const struct component *component) {
    if (component->kind != COMPONENT_POSTGRESQL && component->kind != COMPONENT_REDIS) {
        return 0;
    }
    return component->failover_within_ms > 0 ? component->failover_within_ms : FAILOVER_WITHIN_MS;
}

bool check_is_view(const struct check *check, uint8_t region) {
    return check->outside && check->vital && check->region == region;
}

const char *quorum_loss_text(enum quorum_loss policy) {
    static const char *const texts[] = {
        [QUORUM_LOSS_FAILSAFE] = "failsafe",
        [QUORUM_LOSS_FENCE] = "fence",
        [QUORUM_LOSS_HOLD] = "hold",
    };
    return (unsigned)policy < sizeof(texts) / sizeof(texts[0]) ? texts[policy] : "unknown";
}

/* Every looked-up array holds structs that begin with their name. */
uint32_t topology_wait_ms(const struct lease_numbers *lease) {
    return lease->on_quorum_loss == QUORUM_LOSS_HOLD ? UINT32_MAX : lease->wait_ms;
}

uint64_t topology_initial_epoch(const struct topology *topology) {
    return topology->initial_epoch == 0 ? 1 : topology->initial_epoch;
}

static uint8_t topology_named(const void *array, size_t entry_size, uint8_t entries_n,
                              const char *name) {
    const char *at = array;
    for (uint8_t i = 0; i < entries_n; i++) {
        if (text_equal(at + i * entry_size, name)) {
            return i;
        }
    }
    return NONE;
}

#define NAMED(field, type)                                                                         \
    _Static_assert(offsetof(struct type, name) == 0, #type " begins with its name");               \
    ensure(topology->field##_n <= sizeof(topology->field) / sizeof(topology->field[0]));           \
    return topology_named(topology->field, sizeof(struct type), topology->field##_n, name)

uint8_t topology_region(const struct topology *topology, const char *name) {
    NAMED(regions, region);
}

uint8_t topology_member(const struct topology *topology, const char *name) {
    NAMED(members, member);
}

uint8_t topology_agent(const struct topology *topology, const char *name) {
    NAMED(agents, agent);
}

uint8_t topology_component(const struct topology *topology, const char *name) {
    NAMED(components, component);
}

uint8_t topology_link(const struct topology *topology, const char *name) {
    NAMED(links, link);
}

uint8_t topology_operator(const struct topology *topology, const char *name) {
    NAMED(operators, operator_entry);
}

bool topology_same_person(const struct topology *topology, uint8_t a, uint8_t b) {
    bool known = a < topology->operators_n && b < topology->operators_n;
    return a == b ||
           (known && text_equal(topology->operators[a].person, topology->operators[b].person));
}

uint8_t topology_plan(const struct topology *topology, const char *name) {
    NAMED(plans, plan);
}

uint8_t topology_endpoint(const struct topology *topology, uint8_t component, uint8_t region) {
    ensure(topology->endpoints_n <= ENDPOINTS_MAX);
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        if (endpoint->component == component && endpoint->region == region) {
            return i;
        }
    }
    return NONE;
}

const char *arguments_get(const struct arguments *arguments, const char *name) {
    ensure(arguments->n <= ACTION_ARGS_MAX);
    for (uint8_t i = 0; i < arguments->n; i++) {
        if (text_equal(arguments->at[i].name, name)) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}

enum err arguments_set(struct arguments *arguments, const char *name, const char *value) {
    ensure(arguments->n <= ACTION_ARGS_MAX);
    if (strlen(name) >= NAME_SIZE || strlen(value) >= VALUE_SIZE) {
        return ERR_TOO_BIG;
    }
    uint8_t i = 0;
    while (i < arguments->n && !text_equal(arguments->at[i].name, name)) {
        i++;
    }
    if (i == ACTION_ARGS_MAX) {
        return ERR_TOO_BIG;
    }
    /* Names and values reach the digest of a command: nothing may lie behind their ends. */
    memset(&arguments->at[i], 0, sizeof(arguments->at[i]));
    bool fitted = text_copy(arguments->at[i].name, NAME_SIZE, name);
    fitted = text_copy(arguments->at[i].value, VALUE_SIZE, value) && fitted;
    ensure(fitted);
    if (i == arguments->n) {
        arguments->n++;
    }
    return ERR_OK;
}

static enum err arguments_add(struct arguments *to, const struct arguments *from,
                              const char *prefix) {
    ensure(from->n <= ACTION_ARGS_MAX);
    for (uint8_t i = 0; i < from->n; i++) {
        char name[NAME_SIZE];
        if (!text_format(name, sizeof(name), "%s%s", prefix, from->at[i].name)) {
            return ERR_TOO_BIG;
        }
        enum err err = arguments_set(to, name, from->at[i].value);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

uint64_t topology_needs_all(const struct topology *topology, uint8_t component) {
    uint64_t all = topology->components[component].needs;
    for (uint64_t before = 0; before != all;) {
        before = all;
        for (uint8_t i = 0; i < topology->components_n; i++) {
            all |= bits_has(before, i) ? topology->components[i].needs : 0;
        }
    }
    return all;
}

/* Of the other side an action needs to know only where its front is and which slot it uses:
 * handing on all would double what every command carries. */
static bool peer_needs(const char *name) {
    return text_equal(name, "front_host") || text_equal(name, "front_port") ||
           text_equal(name, "slot_name");
}

static enum err arguments_add_endpoint(struct arguments *to, const struct topology *topology,
                                       uint8_t component, uint8_t region, const char *prefix) {
    if (component == NONE || region == NONE) {
        return ERR_OK;
    }
    uint8_t endpoint = topology_endpoint(topology, component, region);
    if (endpoint == NONE) {
        return ERR_OK;
    }
    const struct arguments *from = &topology->endpoints[endpoint].arguments;
    if (prefix[0] == '\0') {
        return arguments_add(to, from, prefix);
    }
    struct arguments needed = {0};
    for (uint8_t i = 0; i < from->n; i++) {
        if (peer_needs(from->at[i].name)) {
            needed.at[needed.n++] = from->at[i];
        }
    }
    return arguments_add(to, &needed, prefix);
}

enum err topology_step_arguments(const struct topology *topology, const struct step *step,
                                 uint8_t region, uint8_t peer_region,
                                 struct arguments *ret_arguments) {
    struct arguments all = {0};
    enum err err = arguments_add_endpoint(&all, topology, step->component, region, "");
    if (err == ERR_OK) {
        err = arguments_add_endpoint(&all, topology, step->through, region, "");
    }
    if (err == ERR_OK) {
        err = arguments_add_endpoint(&all, topology, step->component, peer_region, PEER_PREFIX);
    }
    if (err == ERR_OK) {
        err = arguments_add(&all, &step->arguments, "");
    }
    if (err == ERR_OK) {
        *ret_arguments = all;
    }
    return err;
}

enum err topology_check_arguments(const struct topology *topology, const struct check *check,
                                  struct arguments *ret_arguments) {
    static const char *const handed_down[] = {"address",      "url",      "user",
                                              "password_ref", "database", "ca"};
    struct arguments all = {0};
    uint8_t at = topology_endpoint(topology, check->component, check->region);
    enum err err = ERR_OK;
    for (size_t i = 0; at != NONE && i < sizeof(handed_down) / sizeof(handed_down[0]); i++) {
        const char *value = arguments_get(&topology->endpoints[at].arguments, handed_down[i]);
        if (value != NULL && err == ERR_OK) {
            err = arguments_set(&all, handed_down[i], value);
        }
    }
    if (err == ERR_OK) {
        err = arguments_add(&all, &check->arguments, "");
    }
    if (err == ERR_OK) {
        *ret_arguments = all;
    }
    return err;
}

bool step_is_a_persons(const struct step *step) {
    return step->action == ACTION_APPROVAL || step->action == ACTION_MANUAL;
}

uint8_t topology_step_agent(const struct topology *topology, const struct step *step,
                            uint8_t region, uint64_t alive) {
    if (step->agent != NONE) {
        ensure(step->agent < topology->agents_n);
        return bits_has(alive, step->agent) ? step->agent : NONE;
    }
    if (step->component == NONE) {
        return NONE;
    }
    uint8_t at = topology_endpoint(topology, step->component, region);
    if (at == NONE) {
        return NONE;
    }
    const struct endpoint *endpoint = &topology->endpoints[at];
    ensure(endpoint->agents_n <= ENDPOINT_AGENTS_MAX);
    for (uint8_t i = 0; i < endpoint->agents_n; i++) {
        if (bits_has(alive, endpoint->agents[i])) {
            return endpoint->agents[i];
        }
    }
    return NONE;
}

uint8_t topology_step_agent_after(const struct topology *topology, const struct step *step,
                                  uint8_t region, uint64_t alive, uint8_t after) {
    uint8_t at = step->agent != NONE || step->component == NONE
                     ? NONE
                     : topology_endpoint(topology, step->component, region);
    bool behind = false;
    for (uint8_t i = 0; at != NONE && i < topology->endpoints[at].agents_n; i++) {
        uint8_t agent = topology->endpoints[at].agents[i];
        if (behind && bits_has(alive, agent)) {
            return agent;
        }
        behind = behind || agent == after;
    }
    return NONE;
}

void findings_add(struct findings *findings, bool is_error, uint16_t code, const char *where,
                  const char *format, ...) {
    ensure(findings->n <= FINDINGS_MAX);
    /* Every error counts, stored or not: a topology with errors is refused by this figure. */
    findings->errors_n = (uint16_t)(findings->errors_n + (is_error ? 1 : 0));
    if (findings->n == FINDINGS_MAX) {
        findings->lost_n = (uint16_t)(findings->lost_n + (findings->lost_n < UINT16_MAX ? 1 : 0));
        return;
    }
    struct finding *finding = &findings->at[findings->n++];
    *finding = (struct finding){.is_error = is_error, .code = code};
    (void)text_copy(finding->where, sizeof(finding->where), where);
    va_list list;
    va_start(list, format);
    (void)text_format_list(finding->text, sizeof(finding->text), format, list);
    va_end(list);
}
