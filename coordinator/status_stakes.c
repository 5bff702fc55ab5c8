/* What is at stake in a plan beside the loss: services, sessions, names, capacity, copies, what
 * cannot be taken back, and people. Each figure is somebody's word, with its age; of what nobody
 * tells it says that. */
#include <string.h>

#include "common/base/bits.h"
#include "common/plan/preview.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "common/topology/topology_check_parts.h"
#include "coordinator/decide/readiness.h"
#include "coordinator/status_needs.h"

#define SERVERS_MAX 32 /* of one store in one region; more are not told apart */

struct staking {
    const struct answering *answering;
    const struct plan *plan;
    uint8_t from, to; /* the region that is left, and the one that takes over */
};

static bool runs(const struct staking *staking, const struct step *step) {
    return preview_runs(staking->plan, step);
}

/* -------------------------------------------------------------------------- whose word */

struct word {
    const struct check_report *seen; /* NULL: no fresh word */
    uint8_t agent;
    uint64_t age_ms; /* it is no older */
};

/* The freshest word of those who run the check. What is stale is no word. */
static struct word word_on(const struct answering *answering, uint8_t check) {
    const struct check *declared = &answering->topology->checks[check];
    struct word word = {.agent = NONE};
    for (uint8_t a = 0; a < answering->topology->agents_n; a++) {
        bool looks = declared->outside ? answering->topology->agents[a].region != declared->region
                                       : declared->agent == a;
        const struct check_report *seen =
            looks && listen_agent_heard(answering->member, a)
                ? check_report_of(report_of(answering->member, a), check)
                : NULL;
        uint64_t age_ms = seen == NULL ? 0
                                       : heard_ago_ms(answering->member, a) +
                                             declared->interval_ms + declared->timeout_ms;
        if (seen != NULL && seen->status != CHECK_STALE && seen->status != CHECK_UNKNOWN &&
            (word.seen == NULL || age_ms < word.age_ms)) {
            word = (struct word){.seen = seen, .agent = a, .age_ms = age_ms};
        }
    }
    return word;
}

static bool is_well(const struct word *word) {
    return word->seen != NULL &&
           (word->seen->status == CHECK_OK || word->seen->status == CHECK_WARN);
}

static void put_word(const struct answering *answering, json_t *object, uint8_t check,
                     const struct word *word) {
    put_text(object, "check", answering->topology->checks[check].name);
    put_text(object, "says", name_agent(answering->topology, word->agent));
    if (word->seen != NULL) {
        put_count(object, "age_ms", word->age_ms);
    } else {
        put_null(object, "age_ms");
    }
}

/* ---------------------------------------------------------------------------- services */

static uint64_t components_of_steps(const struct staking *staking) {
    uint64_t set = 0;
    for (uint8_t s = 0; s < staking->plan->steps_n; s++) {
        const struct step *step = &staking->plan->steps[s];
        if (step->component != NONE && runs(staking, step)) {
            set |= bit(step->component);
        }
    }
    return set;
}

/* What the steps act on, every guarded store, and whatever stands on one of them. */
static json_t *services_list(const struct staking *staking) {
    const struct topology *topology = staking->answering->topology;
    uint64_t acted = components_of_steps(staking), set = acted;
    json_t *list = json_array();
    for (uint8_t c = 0; c < topology->components_n; c++) {
        set |= topology->components[c].guarded ? bit(c) : 0;
    }
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX + 1; tier++) {
        for (uint8_t c = 0; c < topology->components_n; c++) {
            const struct component *component = &topology->components[c];
            unsigned mine = component->tier == 0 ? OBJECTIVES_MAX + 1 : component->tier;
            bool touched = bits_has(set, c) || (topology_needs_all(topology, c) & set) != 0;
            if (mine != tier || !touched || component->excluded || component->protected ||
                topology_endpoint(topology, c, staking->from) == NONE) {
                continue;
            }
            json_t *object = list_add(list);
            put_text(object, "name", component->name);
            put_count(object, "tier", component->tier);
            put_yes(object, "by_a_step", bits_has(acted, c));
        }
    }
    return list;
}

/* ---------------------------------------------------------------------------- sessions */

/* "..., 12 sessions, ...": what a haproxy check tells of its backend. */
static bool sessions_in(const char *detail, uint64_t *ret_n) {
    const char *end = strstr(detail, HAPROXY_SESSIONS), *at = end;
    char digits[24];
    while (at != NULL && at > detail && at[-1] >= '0' && at[-1] <= '9') {
        at--;
    }
    if (at == NULL || at == end || (size_t)(end - at) >= sizeof digits) {
        return false;
    }
    (void)memcpy(digits, at, (size_t)(end - at));
    digits[end - at] = '\0';
    return text_to_u64(digits, UINT32_MAX, ret_n);
}

/* Two checks of one backend see the same sessions: the first counts. */
static bool is_seen_before(const struct topology *topology, uint8_t check) {
    const struct check *mine = &topology->checks[check];
    const char *backend = arguments_get(&mine->arguments, "backend");
    for (uint8_t c = 0; c < check; c++) {
        const struct check *other = &topology->checks[c];
        const char *theirs = arguments_get(&other->arguments, "backend");
        if (other->kind == CHECK_HAPROXY && other->region == mine->region &&
            other->component == mine->component && backend != NULL && theirs != NULL &&
            text_equal(backend, theirs)) {
            return true;
        }
    }
    return false;
}

static json_t *sessions_object(const struct staking *staking) {
    const struct topology *topology = staking->answering->topology;
    json_t *object = json_object(), *list = json_array();
    uint64_t all_n = 0;
    unsigned told_n = 0, untold_n = 0;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->kind != CHECK_HAPROXY || check->region != staking->from ||
            is_seen_before(topology, c)) {
            continue;
        }
        struct word word = word_on(staking->answering, c);
        uint64_t n = 0;
        bool told = word.seen != NULL && sessions_in(word.seen->detail, &n);
        json_t *one = list_add(list);
        put_word(staking->answering, one, c, &word);
        put_text(one, "component", name_component(topology, check->component));
        put_yes(one, "known", told);
        put_count(one, "sessions_n", n);
        all_n += n;
        told_n += told;
        untold_n += !told;
    }
    put_yes(object, "known", told_n > 0 && untold_n == 0);
    put_count(object, "sessions_n", all_n);
    put_count(object, "untold_n", untold_n);
    put_object(object, "told", list);
    return object;
}

/* ------------------------------------------------------------------------------- names */

/* The check that asks for this record now; NONE. */
static uint8_t check_of_name(const struct answering *answering, const char *name) {
    for (uint8_t c = 0; c < answering->topology->checks_n; c++) {
        const struct check *check = &answering->topology->checks[c];
        const char *asked = arguments_get(&check->arguments, "name");
        if (check->kind == CHECK_DNS && asked != NULL && text_equal(asked, name)) {
            struct word word = word_on(answering, c);
            if (is_well(&word) && word.seen->value >= 0) {
                return c;
            }
        }
    }
    return NONE;
}

static void add_name(const struct staking *staking, json_t *list, const struct step *step) {
    const struct answering *answering = staking->answering;
    struct arguments arguments;
    uint8_t region = step->at_source ? staking->from : staking->to;
    uint8_t peer = step->at_source ? staking->to : staking->from;
    if (topology_step_arguments(answering->topology, step, region, peer, &arguments) != ERR_OK) {
        return;
    }
    const char *name = arguments_get(&arguments, "name");
    const char *value = arguments_get(&arguments, "value");
    uint64_t declared_ms = step_ttl_ms(answering->topology, step), served_ms = 0;
    uint8_t check = name == NULL ? NONE : check_of_name(answering, name);
    json_t *object = list_add(list);
    put_text(object, "step", step->name);
    put_text(object, "name", name == NULL ? "" : name);
    put_text(object, "value", value == NULL ? "" : value);
    if (check != NONE) {
        struct word word = word_on(answering, check);
        served_ms = (uint64_t)word.seen->value * SECOND_MS;
        put_word(answering, object, check, &word);
        put_count(object, "served_ttl_ms", served_ms);
    } else {
        put_text(object, "check", "");
        put_null(object, "served_ttl_ms");
    }
    put_count(object, "declared_ttl_ms", declared_ms);
    put_count(object, "tail_ms", served_ms > declared_ms ? served_ms : declared_ms);
}

static json_t *names_list(const struct staking *staking) {
    json_t *list = json_array();
    for (uint8_t s = 0; s < staking->plan->steps_n; s++) {
        const struct step *step = &staking->plan->steps[s];
        if (action_moves_name(step->action) && runs(staking, step)) {
            add_name(staking, list, step);
        }
    }
    return list;
}

/* ---------------------------------------------------------------------------- capacity */

static json_t *capacity_list(const struct staking *staking) {
    static struct readiness_input input;
    static struct readiness readiness;
    json_t *list = json_array();
    readiness.n = 0;
    readiness_fill(staking->answering, staking->to, &input);
    readiness_parity(&input, &readiness);
    for (unsigned i = 0; i < readiness.n; i++) {
        readiness_put(list, &readiness.lines[i]);
    }
    return list;
}

/* ------------------------------------------------------------------------------ copies */

/* Counts each server once, by the address that its checks ask. */
struct servers {
    unsigned n;
    char at[SERVERS_MAX][VALUE_SIZE];
};

static void servers_add(struct servers *servers, const char *address) {
    for (unsigned i = 0; i < servers->n; i++) {
        if (text_equal(servers->at[i], address)) {
            return;
        }
    }
    if (servers->n < SERVERS_MAX) {
        (void)text_copy(servers->at[servers->n++], VALUE_SIZE, address);
    }
}

struct copies {
    unsigned servers_n; /* that have the data in that region */
    bool known;
    uint64_t age_ms;
    uint8_t says; /* an agent */
};

/* A store's servers in a region: those whose role a check tells, or as many as its Patroni runs. */
static struct copies copies_of(const struct answering *answering, uint8_t component,
                               uint8_t region) {
    static struct servers servers;
    struct copies copies = {.says = NONE};
    servers.n = 0;
    for (uint8_t c = 0; c < answering->topology->checks_n; c++) {
        const struct check *check = &answering->topology->checks[c];
        struct word word = word_on(answering, c);
        struct arguments arguments;
        if (check->component != component || check->region != region || !is_well(&word)) {
            continue;
        }
        bool cluster = check->kind == CHECK_PATRONI && word.seen->value > 0;
        if (!cluster &&
            (word.seen->role == STORE_UNKNOWN ||
             topology_check_arguments(answering->topology, check, &arguments) != ERR_OK ||
             arguments_get(&arguments, "address") == NULL)) {
            continue;
        }
        if (cluster) {
            unsigned running_n = (unsigned)word.seen->value;
            copies.servers_n = running_n > copies.servers_n ? running_n : copies.servers_n;
        } else {
            servers_add(&servers, arguments_get(&arguments, "address"));
        }
        copies.known = true;
        copies.says = word.agent;
        copies.age_ms = word.age_ms > copies.age_ms ? word.age_ms : copies.age_ms;
    }
    copies.servers_n = servers.n > copies.servers_n ? servers.n : copies.servers_n;
    return copies;
}

/* What makes a store of the region left follow again: a step of this plan, or a plan that is there
 * for it. */
static void put_mended_by(const struct staking *staking, json_t *object, uint8_t component) {
    const struct topology *topology = staking->answering->topology;
    for (uint8_t s = 0; s < staking->plan->steps_n; s++) {
        const struct step *step = &staking->plan->steps[s];
        if (step->component == component && action_demotes(step->action) && step->at_source &&
            !step->before_fence && runs(staking, step)) {
            put_text(object, "until_step", step->name);
            put_text(object, "until_plan", "");
            return;
        }
    }
    const struct plan *plan = NULL;
    for (uint8_t p = 0; p < topology->plans_n && plan == NULL; p++) {
        plan = topology->plans[p].kind == PLAN_REPROTECT ? &topology->plans[p] : NULL;
    }
    put_text(object, "until_step", "");
    put_text(object, "until_plan", plan == NULL ? "" : plan->name);
}

static json_t *copies_list(const struct staking *staking) {
    const struct topology *topology = staking->answering->topology;
    json_t *list = json_array();
    for (uint8_t c = 0; c < topology->components_n; c++) {
        bool store = topology->components[c].guarded;
        for (uint8_t s = 0; s < staking->plan->steps_n && !store; s++) {
            store = staking->plan->steps[s].component == c &&
                    action_promotes(staking->plan->steps[s].action);
        }
        if (!store || topology_endpoint(topology, c, staking->to) == NONE) {
            continue;
        }
        struct copies copies = copies_of(staking->answering, c, staking->to);
        json_t *object = list_add(list);
        put_text(object, "component", topology->components[c].name);
        put_text(object, "region", name_region(topology, staking->to));
        put_yes(object, "known", copies.known);
        put_count(object, "servers_n", copies.servers_n);
        put_count(object, "beside_writer_n", copies.servers_n > 0 ? copies.servers_n - 1 : 0);
        put_text(object, "says", name_agent(topology, copies.says));
        put_count(object, "age_ms", copies.age_ms);
        put_mended_by(staking, object, c);
    }
    return list;
}

/* ------------------------------------------------------- what cannot be taken back, people */

static json_t *no_return_list(const struct staking *staking) {
    json_t *list = json_array();
    for (uint8_t s = 0; s < staking->plan->steps_n; s++) {
        const struct step *step = &staking->plan->steps[s];
        bool known;
        const char *why = preview_no_return(step->action, &known);
        if (why != NULL && !step->before_fence && runs(staking, step)) {
            json_t *object = list_add(list);
            put_text(object, "step", step->name);
            put_text(object, "component",
                     name_component(staking->answering->topology, step->component));
            put_yes(object, "known", known);
            put_text(object, "why", why);
        }
    }
    return list;
}

static json_t *persons_of(const struct topology *topology, unsigned role) {
    json_t *list = json_array();
    for (uint8_t o = 0; o < topology->operators_n; o++) {
        if (topology->operators[o].role == role) {
            list_say(list, "%s", topology->operators[o].person);
        }
    }
    return list;
}

/* Whom the plan asks, role by role. */
static json_t *people_list(const struct staking *staking) {
    const struct topology *topology = staking->answering->topology;
    json_t *list = json_array();
    for (unsigned role = 0; role < ROLES_N; role++) {
        json_t *acts = json_array();
        for (uint8_t s = 0; s < staking->plan->steps_n; s++) {
            const struct step *step = &staking->plan->steps[s];
            uint8_t asked = step->approval == NONE && step_is_a_persons(step)
                                ? (uint8_t)ROLE_COMMANDER
                                : step->approval;
            if (asked == role && runs(staking, step)) {
                json_t *act = list_add(acts);
                put_text(act, "step", step->name);
                put_text(act, "act", step->action == ACTION_MANUAL ? "by hand" : "approval");
                put_yes(act, "mandated", step->mandated);
            }
        }
        if (json_array_size(acts) == 0) {
            json_decref(acts);
            continue;
        }
        json_t *object = list_add(list);
        put_text(object, "role", role_text((enum role)role));
        put_object(object, "persons", persons_of(topology, role));
        put_object(object, "acts", acts);
    }
    return list;
}

json_t *stakes_object(const struct answering *answering, uint8_t plan, uint8_t region) {
    const struct plan *chosen = &answering->topology->plans[plan];
    struct staking staking = {
        .answering = answering, .plan = chosen, .from = answering->core->owner, .to = region};
    json_t *object = json_object();
    bool moves =
        plan_fences(chosen) && region != answering->core->owner && answering->core->owner != NONE;
    /* The region that is made to follow is the source of a reprotect's steps. */
    if (!moves && !plan_kind_yields((enum plan_kind)chosen->kind)) {
        staking.from = region;
        staking.to = answering->core->owner;
    }
    put_object(object, "no_return", no_return_list(&staking));
    put_object(object, "people", people_list(&staking));
    if (moves) {
        put_object(object, "services", services_list(&staking));
        put_object(object, "sessions", sessions_object(&staking));
        put_object(object, "names", names_list(&staking));
        put_object(object, "capacity", capacity_list(&staking));
        put_object(object, "copies", copies_list(&staking));
    }
    return object;
}

bool stakes_link(const struct answering *answering, uint8_t plan, uint8_t link) {
    const struct topology *topology = answering->topology;
    uint8_t component = topology->links[link].component;
    bool acted = topology->components[component].guarded;
    for (uint8_t s = 0; s < topology->plans[plan].steps_n; s++) {
        acted = acted || topology->plans[plan].steps[s].component == component;
    }
    return acted;
}
