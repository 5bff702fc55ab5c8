/* The arguments of plans' steps: each told at the place where it is declared, which may be the
 * endpoint that hands it down. */
#include <string.h>

#include "common/topology/action_args.h"
#include "common/topology/topology_check_parts.h"

#define NAMES_MAX 48 /* more than any action takes */

/* One step in one direction. */
struct use {
    const struct topology *topology;
    const struct plan *plan;
    const struct step *step;
    uint8_t region, peer; /* in which it acts, and the other one */
};

/* One endpoint is used by many steps, and every step in two directions. */
static void found_once(struct findings *findings, uint16_t code, const char *place,
                       const char *text) {
    for (uint16_t i = 0; i < findings->n; i++) {
        if (findings->at[i].code == code && text_equal(findings->at[i].where, place) &&
            text_equal(findings->at[i].text, text)) {
            return;
        }
    }
    FOUND(findings, code, place, "%s", text);
}

static bool endpoint_has(const struct use *use, uint8_t component, uint8_t region,
                         const char *name) {
    uint8_t endpoint =
        component == NONE ? NONE : topology_endpoint(use->topology, component, region);
    return endpoint != NONE &&
           arguments_get(&use->topology->endpoints[endpoint].arguments, name) != NULL;
}

static struct where endpoint_where(const struct use *use, uint8_t component, uint8_t region,
                                   const char *name) {
    return where("components.%s.endpoints.%s.args.%s", use->topology->components[component].name,
                 use->topology->regions[region].name, name);
}

/* The later replaces the earlier: the step's own, the peer's endpoint, that of the component it
 * acts through, its component's. */
static struct where argument_where(const struct use *use, const char *name) {
    uint8_t component = use->step->component, through = use->step->through;
    if (arguments_get(&use->step->arguments, name) == NULL) {
        if (text_starts(name, "peer_") && endpoint_has(use, component, use->peer, name + 5)) {
            return endpoint_where(use, component, use->peer, name + 5);
        }
        if (endpoint_has(use, through, use->region, name)) {
            return endpoint_where(use, through, use->region, name);
        }
        if (endpoint_has(use, component, use->region, name)) {
            return endpoint_where(use, component, use->region, name);
        }
    }
    return where("plans.%s.steps.%s.args.%s", use->plan->name, use->step->name, name);
}

/* Which endpoint could have said it: the one that does not, while the other region's does. */
static void missing_say(const struct use *use, const struct arg_fault *fault,
                        struct text256 *text) {
    bool peers = text_starts(fault->name, "peer_");
    uint8_t silent = peers ? use->peer : use->region, other = peers ? use->region : use->peer;
    const char *action = action_kind_text((enum action_kind)use->step->action);
    uint8_t by = use->step->through != NONE && !peers ? use->step->through : use->step->component;
    if (by == NONE) {
        text_say(text, "%s needs \"%s\": %.100s; its args do not say it", action, fault->name,
                 fault->text.at);
    } else {
        bool one = endpoint_has(use, by, other, peers ? fault->name + 5 : fault->name);
        text_say(text, "%s needs \"%s\": %.100s; neither its args nor %s of %s%s%s", action,
                 fault->name, fault->text.at, one ? "the endpoint" : "the endpoints",
                 use->topology->components[by].name, one ? " in " : "",
                 one ? use->topology->regions[silent].name : "");
    }
}

static void check_use(const struct use *use, struct findings *findings) {
    struct arguments arguments;
    struct arg_fault fault;
    struct text256 text;
    enum action_kind kind = (enum action_kind)use->step->action;
    if (topology_step_arguments(use->topology, use->step, use->region, use->peer, &arguments) !=
            ERR_OK ||
        action_args_fit(kind, &arguments, &fault)) {
        return; /* too many together is E156 */
    }
    struct where step = where("plans.%s.steps.%s", use->plan->name, use->step->name);
    if (fault.missing) {
        missing_say(use, &fault, &text);
        found_once(findings, FINDING_ARGUMENT_MISSING, step.at, text.at);
    } else if (fault.name == NULL) {
        text_say(&text, "%s: %.200s", action_kind_text(kind), fault.text.at);
        found_once(findings, FINDING_ARGUMENT_WRONG, step.at, text.at);
    } else {
        found_once(findings, FINDING_ARGUMENT_WRONG, argument_where(use, fault.name).at,
                   fault.text.at);
    }
}

/* An endpoint hands all of its arguments to every step; what stands at the step is for its action
 * alone, and a name that it does not know is a mistyped one. */
static void check_names(const struct use *use, struct findings *findings) {
    size_t n = 0;
    enum action_kind kind = (enum action_kind)use->step->action;
    const struct arg_rule *rules = action_arg_rules(kind, &n);
    const char *names[NAMES_MAX];
    ensure(n <= NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        names[i] = rules[i].name;
    }
    for (uint8_t i = 0; i < use->step->arguments.n; i++) {
        const char *name = use->step->arguments.at[i].name;
        size_t at = 0;
        while (at < n && !text_equal(names[at], name)) {
            at++;
        }
        if (at == n) {
            const char *nearest = text_nearest(name, names, n);
            FOUND(findings, FINDING_ARGUMENT_UNKNOWN, argument_where(use, name).at,
                  nearest != NULL ? "%s takes no such argument; did you mean \"%s\"?"
                                  : "%s takes no such argument%s",
                  action_kind_text(kind), nearest != NULL ? nearest : "");
        }
    }
}

void topology_check_steps(const struct topology *topology, struct findings *findings) {
    for (uint16_t i = 0; i < findings->n; i++) {
        if (findings->at[i].code == FINDING_INDEX || findings->at[i].code == FINDING_PLAN_NEEDS) {
            return;
        }
    }
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        const struct plan *plan = &topology->plans[p];
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            struct use use = {.topology = topology, .plan = plan, .step = &plan->steps[s]};
            check_names(&use, findings);
            for (uint8_t region = 0; region < topology->regions_n; region++) {
                for (uint8_t peer = 0; peer < topology->regions_n; peer++) {
                    use.region = region;
                    use.peer = peer;
                    if (region != peer && region_is_data(topology, region) &&
                        region_is_data(topology, peer)) {
                        check_use(&use, findings);
                    }
                }
            }
        }
    }
}
