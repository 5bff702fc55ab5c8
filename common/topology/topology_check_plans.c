/* Plans: their order, what they depend on, who may let them pass. */
#include <string.h>

#include "common/topology/fill.h"
#include "common/topology/topology_check_parts.h"

#define STEP_TIMEOUT_MAX_MS DAY_MS

static struct where step_where(const struct plan *plan, const struct step *step) {
    return where("plans.%s.steps.%s", plan->name, step->name);
}

/* ---- one step by itself ---- */

/* Beside the lease nothing may change who takes writes, or where names lead. */
static bool action_reaches_far(uint8_t action) {
    return action_promotes(action) || action_demotes(action) || action_moves_name(action) ||
           action == ACTION_FENCE_AGENT || action == ACTION_S3_DIRECTION;
}

/* Who leads inside a region is for no plan that moves the lease: the fence and the promotion deal
 * with every member there. */
static bool action_stays_inside(uint8_t action) {
    return action == ACTION_PATRONI_SWITCHOVER || action == ACTION_SENTINEL_FAILOVER;
}

static void check_step_inside(const struct plan *plan, const struct step *step,
                              struct findings *findings) {
    enum plan_kind kind = (enum plan_kind)plan->kind;
    if (plan_kind_yields(kind) && action_reaches_far(step->action)) {
        FOUND(findings, FINDING_PLAN_INSIDE, step_where(plan, step).at,
              "%s has no place in a plan of kind %s: it moves no lease, and leaves its region as "
              "it is",
              action_kind_text((enum action_kind)step->action), plan_kind_text(kind));
    }
    if (!plan_kind_yields(kind) && action_stays_inside(step->action)) {
        FOUND(findings, FINDING_PLAN_INSIDE, step_where(plan, step).at,
              "%s has no place in a plan of kind %s: another member leads inside one region; use a "
              "plan of kind component or drill",
              action_kind_text((enum action_kind)step->action), plan_kind_text(kind));
    }
    if (plan_kind_yields(kind) && (step->at_source || step->before_fence)) {
        FOUND(findings, FINDING_PLAN_INSIDE, step_where(plan, step).at,
              "%s in a plan of kind %s: it acts inside one region, the one it is declared for",
              step->at_source ? "at = \"source\"" : "before_fence", plan_kind_text(kind));
    }
}

static void check_step_place(const struct topology *topology, const struct plan *plan,
                             const struct step *step, struct findings *findings) {
    struct where at = step_where(plan, step);
    if (step->before_fence && plan->kind == PLAN_FAILOVER) {
        FOUND(findings, FINDING_PLAN_BEFORE_FENCE, at.at,
              "before_fence belongs to a switchover: a failover cannot ask the region it leaves");
    }
    if (step->mode != STEP_MODE_BOTH && plan->kind != PLAN_SWITCHOVER) {
        FOUND(findings, FINDING_PLAN_MODE, at.at,
              "mode = \"%s\" belongs to a switchover: a plan of kind %s is ungraceful from its "
              "beginning to its end",
              step_mode_text((enum step_mode)step->mode),
              plan_kind_text((enum plan_kind)plan->kind));
    }
    if (step->mode == STEP_MODE_UNGRACEFUL && step->before_fence) {
        FOUND(findings, FINDING_PLAN_MODE, at.at,
              "before_fence with mode = \"ungraceful\": nothing is handed over then");
    }
    if (plan->kind == PLAN_FAILOVER && step->at_source && !step->may_fail) {
        FOUND(findings, FINDING_PLAN_SOURCE, at.at,
              "at = \"source\" without may_fail = true: the failover would stop because the lost "
              "region does not answer");
    }
    if (action_promotes(step->action) && (step->at_source || step->before_fence) &&
        plan->kind != PLAN_REPROTECT) {
        FOUND(findings, FINDING_PLAN_PROMOTE_PLACE, at.at,
              "%s belongs in the target region after the fence: only there is a lease",
              action_kind_text((enum action_kind)step->action));
    }
    if (action_demotes(step->action) && !step->at_source) {
        FOUND(findings, FINDING_PLAN_DEMOTE_PLACE, at.at,
              "%s without at = \"source\": it would demote the region that takes writes",
              action_kind_text((enum action_kind)step->action));
    }
    if (step->agent != NONE && region_is_data(topology, topology->agents[step->agent].region)) {
        FOUND(findings, FINDING_FIXED_AGENT, at.at,
              "agent %s is of region %s: the plan works in one direction only",
              topology->agents[step->agent].name,
              topology->regions[topology->agents[step->agent].region].name);
    }
}

/* A promise binds the standby's gate agents only: a store promoted by another agent there would
 * take writes beside an active region whose lease those promises extend. */
static void check_step_gate(const struct topology *topology, const struct plan *plan,
                            const struct step *step, uint8_t agent, struct findings *findings) {
    if (action_promotes(step->action) && !topology->agents[agent].gate &&
        topology->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE) {
        FOUND(findings, FINDING_PLAN_NOT_GATE, step_where(plan, step).at,
              "agent %s may be asked to promote and is no gate agent (gate = true): no promise "
              "binds it",
              topology->agents[agent].name);
    }
}

static void check_step_gates(const struct topology *topology, const struct plan *plan,
                             const struct step *step, struct findings *findings) {
    if (step->agent != NONE) {
        check_step_gate(topology, plan, step, step->agent, findings);
        return;
    }
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        for (uint8_t j = 0; endpoint->component == step->component && j < endpoint->agents_n; j++) {
            check_step_gate(topology, plan, step, endpoint->agents[j], findings);
        }
    }
}

/* Every data region can be the target one day, and the source the day after. */
static void check_step_agents(const struct topology *topology, const struct plan *plan,
                              const struct step *step, struct findings *findings) {
    if (step_is_a_persons(step) || step->agent != NONE) {
        return;
    }
    if (step->component == NONE) {
        FOUND(findings, FINDING_PLAN_NOWHERE, step_where(plan, step).at,
              "neither component nor agent: who should run it?");
        return;
    }
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        uint8_t endpoint = topology_endpoint(topology, step->component, region);
        if (region_is_data(topology, region) &&
            (endpoint == NONE || topology->endpoints[endpoint].agents_n == 0)) {
            FOUND(findings, FINDING_PLAN_NOWHERE, step_where(plan, step).at,
                  "no agent acts on %s in region %s", topology->components[step->component].name,
                  topology->regions[region].name);
        }
    }
}

/* A mandate passes an approval; work that only a hand can do is not done by it. */
static void check_step_manual(const struct plan *plan, const struct step *step,
                              struct findings *findings) {
    if (step->action == ACTION_MANUAL && step->mandated) {
        FOUND(findings, FINDING_PLAN_APPROVAL, step_where(plan, step).at,
              "a manual step is done by a person: mandated = true cannot let it pass");
    }
}

static void check_step_approval(const struct topology *topology, const struct plan *plan,
                                const struct step *step, struct findings *findings) {
    struct where at = step_where(plan, step);
    if (step->approval == NONE) {
        if (step_is_a_persons(step)) {
            FOUND(findings, FINDING_PLAN_APPROVAL, at.at,
                  "action = \"%s\" needs the role of whoever does it in approval = \"...\"",
                  action_kind_text((enum action_kind)step->action));
        }
        if (action_moves_name(step->action) && !step->mandated) {
            FOUND(findings, FINDING_PLAN_DNS_GATE, at.at,
                  "DNS moves by hand (SEED-32): it needs approval = \"network-admin\", or "
                  "mandated = true by those who apply this topology");
        }
        return;
    }
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        if (role_may_approve((enum role)topology->operators[i].role, (enum role)step->approval)) {
            return;
        }
    }
    FOUND(findings, FINDING_PLAN_APPROVAL, at.at, "no operator may approve as %s",
          role_text((enum role)step->approval));
}

/* Case and a last dot do not matter in DNS. */
static bool records_equal(const char *a, const char *b) {
    size_t a_n = strlen(a), b_n = strlen(b);
    a_n -= a_n > 0 && a[a_n - 1] == '.';
    b_n -= b_n > 0 && b[b_n - 1] == '.';
    if (a_n == 0 || a_n != b_n) {
        return false;
    }
    for (size_t i = 0; i < a_n; i++) {
        char x = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] - 'A' + 'a') : a[i];
        char y = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] - 'A' + 'a') : b[i];
        if (x != y) {
            return false;
        }
    }
    return true;
}

/* "protected" is the argument that tells dns_* actions what to keep its hands off. */
static bool arguments_name(const struct arguments *arguments, const char *record) {
    for (uint8_t i = 0; i < arguments->n; i++) {
        if (!text_equal(arguments->at[i].name, "protected") &&
            records_equal(arguments->at[i].value, record)) {
            return true;
        }
    }
    return false;
}

/* By the step's own arguments, or by what its endpoint in any region hands down. */
static bool step_names(const struct topology *topology, const struct step *step,
                       const char *record) {
    bool names = arguments_name(&step->arguments, record);
    for (uint8_t region = 0; region < topology->regions_n && !names; region++) {
        struct arguments arguments;
        names = topology_step_arguments(topology, step, region, NONE, &arguments) == ERR_OK &&
                arguments_name(&arguments, record);
    }
    return names;
}

static bool action_changes(uint8_t action) {
    return action != ACTION_APPROVAL && action != ACTION_MANUAL && action != ACTION_VERIFY &&
           action != ACTION_PG_AWAIT_POSITION && action != ACTION_TRAFFIC_SHIFT;
}

static void check_step_scope(const struct topology *topology, const struct plan *plan,
                             const struct step *step, struct findings *findings) {
    const struct component *own =
        step->component == NONE ? NULL : &topology->components[step->component];
    if (own != NULL && (own->excluded || own->kind == COMPONENT_EXTERNAL)) {
        FOUND(findings, FINDING_PLAN_EXCLUDED, step_where(plan, step).at,
              "%s is out of scope: never acted on", own->name);
    }
    for (uint8_t i = 0; i < topology->components_n && action_changes(step->action); i++) {
        const struct component *component = &topology->components[i];
        if (component->protected &&
            (own == component || step_names(topology, step, component->name))) {
            FOUND(findings, FINDING_PLAN_PROTECTED, step_where(plan, step).at,
                  "%s is protected: it does not fail over (SEED-31)", component->name);
        }
    }
}

/* Both directions between every two data regions. */
static void check_step_arguments(const struct topology *topology, const struct plan *plan,
                                 const struct step *step, struct findings *findings) {
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        for (uint8_t peer = 0; peer < topology->regions_n; peer++) {
            struct arguments arguments = {0};
            /* One place stays free: what a hand-off found out is added as `position`; and one
             * more where `move` may be (fill.h). */
            unsigned free_n = fill_argument((enum action_kind)step->action, 0) != NULL ? 2 : 1;
            if (region != peer && region_is_data(topology, region) &&
                region_is_data(topology, peer) &&
                (topology_step_arguments(topology, step, region, peer, &arguments) != ERR_OK ||
                 arguments.n + free_n > ACTION_ARGS_MAX)) {
                FOUND(findings, FINDING_ARGUMENTS_TOO_MANY, step_where(plan, step).at,
                      "with its endpoints' arguments in %s and %s it has more than %d",
                      topology->regions[region].name, topology->regions[peer].name,
                      ACTION_ARGS_MAX);
                return;
            }
        }
    }
}

/* An approval is over in the instant in which it is given: there is nothing to keep apart. */
static void check_step_locks(const struct plan *plan, const struct step *step,
                             struct findings *findings) {
    if (step->action == ACTION_APPROVAL && step->locks != 0) {
        FOUND(findings, FINDING_PLAN_LOCKS, step_where(plan, step).at,
              "an approval holds no lock: name it at the step that acts");
    }
}

static void check_step(const struct topology *topology, const struct plan *plan,
                       const struct step *step, struct findings *findings) {
    check_step_place(topology, plan, step, findings);
    check_step_inside(plan, step, findings);
    check_step_agents(topology, plan, step, findings);
    check_step_gates(topology, plan, step, findings);
    check_step_approval(topology, plan, step, findings);
    check_step_manual(plan, step, findings);
    check_step_locks(plan, step, findings);
    check_step_scope(topology, plan, step, findings);
    check_step_arguments(topology, plan, step, findings);
    if (step->timeout_ms < 10 || step->timeout_ms > STEP_TIMEOUT_MAX_MS) {
        FOUND(findings, FINDING_PLAN_TIMEOUT, step_where(plan, step).at,
              "expected a timeout of 10ms to %s, found %s", duration_text(STEP_TIMEOUT_MAX_MS).at,
              duration_text(step->timeout_ms).at);
    }
    if (step->tier > OBJECTIVES_MAX) {
        FOUND(findings, FINDING_TIER, step_where(plan, step).at, "expected tier 1 to %d, found %u",
              OBJECTIVES_MAX, step->tier);
    }
}

/* ---- the steps together ---- */

static bool plan_check_order(const struct plan *plan, const uint64_t *needs,
                             struct findings *findings) {
    bool circle = false;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        if (bits_has(needs[i], i)) {
            FOUND(findings, FINDING_PLAN_CYCLE, step_where(plan, step).at,
                  "through others it needs itself");
            circle = true;
        }
        for (uint8_t j = 0; j < step->needs_n; j++) {
            const struct step *needed = &plan->steps[step->needs[j]];
            if (step->before_fence && !needed->before_fence) {
                FOUND(findings, FINDING_PLAN_STAGE, step_where(plan, step).at,
                      "it runs before the fence and needs %s, which runs after it", needed->name);
            }
        }
    }
    return !circle;
}

/* Has a promotion of `component` (NONE: of anything) among the steps in `set`? */
static uint8_t promotion_in(const struct plan *plan, uint64_t set, uint8_t component) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        if (bits_has(set, i) && action_promotes(plan->steps[i].action) &&
            (component == NONE || plan->steps[i].component == component)) {
            return i;
        }
    }
    return NONE;
}

static uint64_t plan_all(const struct plan *plan) {
    return bit(plan->steps_n) - 1;
}

static void check_dns_order(const struct plan *plan, const uint64_t *needs,
                            struct findings *findings) {
    uint8_t promotion = promotion_in(plan, plan_all(plan), NONE);
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        if (action_moves_name(step->action) && !step->at_source && promotion != NONE &&
            promotion_in(plan, needs[i], NONE) == NONE) {
            FOUND(findings, FINDING_DNS_BEFORE_PROMOTION, step_where(plan, step).at,
                  "traffic before promotion: it does not wait for %s, so clients may reach a store "
                  "that cannot take their writes",
                  plan->steps[promotion].name);
        }
    }
}

/* A step on a component waits for the promotions of all that the component needs. */
static void check_step_order(const struct topology *topology, const struct plan *plan,
                             const uint64_t *needs, struct findings *findings) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        if (step->component == NONE || step->at_source || step->before_fence ||
            action_moves_name(step->action)) {
            continue;
        }
        uint64_t needed = topology_needs_all(topology, step->component);
        for (uint8_t c = 0; c < topology->components_n; c++) {
            if (c == step->component || !bits_has(needed, c)) {
                continue;
            }
            uint8_t promotion = promotion_in(plan, plan_all(plan), c);
            if (promotion != NONE && promotion_in(plan, needs[i], c) == NONE) {
                FOUND(findings, FINDING_STEP_ORDER, step_where(plan, step).at,
                      "%s needs %s, but this step does not wait for %s",
                      topology->components[step->component].name, topology->components[c].name,
                      plan->steps[promotion].name);
            }
        }
    }
}

static void check_promoted(const struct topology *topology, const struct plan *plan,
                           struct findings *findings) {
    for (uint8_t i = 0; i < topology->components_n; i++) {
        if (topology->components[i].guarded && plan_kind_moves((enum plan_kind)plan->kind) &&
            promotion_in(plan, plan_all(plan), i) == NONE) {
            FOUND(findings, FINDING_NOT_PROMOTED, where("plans.%s", plan->name).at,
                  "no step promotes %s", topology->components[i].name);
        }
    }
}

static void check_plan(const struct topology *topology, const struct plan *plan,
                       struct findings *findings) {
    if (plan->steps_n == 0) {
        FOUND(findings, FINDING_PLAN_EMPTY, where("plans.%s.steps", plan->name).at,
              "a plan without steps would fence and then do nothing");
        return;
    }
    if (plan->drill < topology->drills_n && plan->kind != PLAN_DRILL) {
        FOUND(findings, FINDING_PLAN_INSIDE, where("plans.%s", plan->name).at,
              "drill = \"%s\" belongs to a plan of kind drill", topology->drills[plan->drill].name);
    }
    uint64_t needs[STEPS_MAX];
    plan_needs_all(plan, needs);
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        check_step(topology, plan, &plan->steps[i], findings);
    }
    if (plan_check_order(plan, needs, findings)) {
        check_dns_order(plan, needs, findings);
        check_step_order(topology, plan, needs, findings);
    }
    check_promoted(topology, plan, findings);
}

/* ---- the automatic plan ---- */

/* What a mandate passes; a hand's work it does not (E181). */
static void found_waits(const struct topology *topology, const struct plan *plan,
                        const struct step *step, struct findings *findings) {
    const char *role =
        step->approval != NONE ? role_text((enum role)step->approval) : "a person's mandate";
    FOUND(findings, FINDING_AUTOMATIC_WAITS, step_where(plan, step).at,
          "an automatic failover waits here for %s, and is promised within %s; %s", role,
          duration_text(topology->policy.automatic_within_ms).at,
          step->action == ACTION_MANUAL
              ? "no mandate does a person's work: let nothing that clients need wait for it"
              : "mandated = true would let it pass");
}

static void check_automatic_people(const struct topology *topology, const struct plan *plan,
                                   struct findings *findings) {
    unsigned mandates_n = 0;
    const struct step *first = NULL;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        bool by_itself = role_may_run_action(ROLE_AUTOMATION, (enum action_kind)step->action);
        if (step->mandated) {
            mandates_n += !by_itself;
            first = first == NULL && !by_itself ? step : first;
        } else if (step->approval != NONE || !by_itself) {
            found_waits(topology, plan, step, findings);
        }
    }
    if (mandates_n > 0) {
        FOUND(
            findings, FINDING_AUTOMATION_MANDATE, where("plans.%s", plan->name).at,
            "automation may only promote (SEED-61), but %u mandated step(s) of the automatic plan "
            "do more, %s first; who applies this topology signs for them",
            mandates_n, first->name);
    }
}

static uint64_t ttl_ms_of(const struct topology *topology, const struct step *step) {
    uint64_t most_ms = 0;
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        struct arguments arguments;
        uint64_t ttl_s = 0;
        if (!region_is_data(topology, region) ||
            topology_step_arguments(topology, step, region, NONE, &arguments) != ERR_OK) {
            continue;
        }
        const char *ttl = arguments_get(&arguments, "ttl");
        if (ttl != NULL && text_to_u64(ttl, 7 * 86400, &ttl_s) && ttl_s * 1000 > most_ms) {
            most_ms = ttl_s * 1000;
        }
    }
    return most_ms;
}

/* What steps of the same lock, that no need puts before or behind it, may take before it begins. */
static uint64_t locked_out_ms(const struct plan *plan, const uint64_t *needs, uint8_t step) {
    uint64_t all_ms = 0;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        bool ordered = i == step || bits_has(needs[step], i) || bits_has(needs[i], step);
        bool meets = (plan->steps[i].locks & plan->steps[step].locks) != 0;
        all_ms += meets && !ordered ? plan->steps[i].timeout_ms : 0;
    }
    return all_ms;
}

/* The latest end of each step on the way to clients: timeouts along the longest chain. */
static uint64_t plan_longest_ms(const struct topology *topology, const struct plan *plan,
                                uint64_t *ret_ttl_ms) {
    uint64_t ends_ms[STEPS_MAX] = {0};
    uint64_t longest_ms = 0, with_ttl_ms = 0, needs[STEPS_MAX];
    plan_needs_all(plan, needs);
    *ret_ttl_ms = 0;
    for (uint8_t round = 0; round < plan->steps_n; round++) {
        for (uint8_t i = 0; i < plan->steps_n; i++) {
            const struct step *step = &plan->steps[i];
            uint64_t start_ms = 0;
            for (uint8_t j = 0; j < step->needs_n; j++) {
                uint64_t end_ms = ends_ms[step->needs[j]];
                start_ms = end_ms > start_ms ? end_ms : start_ms;
            }
            ends_ms[i] = start_ms + locked_out_ms(plan, needs, i) + step->timeout_ms;
        }
    }
    bool has_dns = false;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        has_dns = has_dns || action_moves_name(plan->steps[i].action);
    }
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        bool counts = has_dns ? action_moves_name(step->action) : step->tier == 1;
        uint64_t ttl_ms = action_moves_name(step->action) ? ttl_ms_of(topology, step) : 0;
        if (counts && ends_ms[i] + ttl_ms > with_ttl_ms) {
            with_ttl_ms = ends_ms[i] + ttl_ms;
            longest_ms = ends_ms[i];
            *ret_ttl_ms = ttl_ms;
        }
    }
    return longest_ms;
}

/* A dark region's hold_down counts from its last sign of life. A sick one is heard: what is wrong
 * shows when its slowest vital check has failed so often as it must. */
static uint64_t detection_ms(const struct topology *topology) {
    uint64_t slowest_ms = 0;
    for (uint8_t c = 0; topology->policy.automatic_sick && c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        uint64_t late_ms = (uint64_t)check->failures_n * check->interval_ms + check->timeout_ms;
        slowest_ms = check->vital && late_ms > slowest_ms ? late_ms : slowest_ms;
    }
    return slowest_ms;
}

static void check_automatic_budget(const struct topology *topology, const struct plan *plan,
                                   struct findings *findings) {
    uint64_t ttl_ms = 0;
    uint64_t steps_ms = plan_longest_ms(topology, plan, &ttl_ms);
    uint64_t seen_ms = detection_ms(topology);
    uint64_t all_ms =
        seen_ms + topology->policy.hold_down_ms + topology->lease.wait_ms + steps_ms + ttl_ms;
    if (all_ms > topology->policy.automatic_within_ms) {
        FOUND(findings, FINDING_AUTOMATIC_BUDGET, "policy.automatic_within",
              "promised within %s, but %s%s%shold_down %s + wait %s + steps until clients arrive "
              "%s + "
              "DNS TTL %s can last %s",
              duration_text(topology->policy.automatic_within_ms).at,
              seen_ms == 0 ? "" : "the checks of a sick region ",
              seen_ms == 0 ? "" : duration_text(seen_ms).at, seen_ms == 0 ? "" : " + ",
              duration_text(topology->policy.hold_down_ms).at,
              duration_text(topology->lease.wait_ms).at, duration_text(steps_ms).at,
              duration_text(ttl_ms).at, duration_text(all_ms).at);
    }
}

void check_plans(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        check_plan(topology, &topology->plans[i], findings);
    }
    for (unsigned kind = 0; kind <= PLAN_REPROTECT && topology->plans_n > 0; kind++) {
        if (plan_default(topology, (enum plan_kind)kind) == NULL) {
            FOUND(findings, FINDING_NO_PLAN, "plans", "no plan of kind %s",
                  plan_kind_text((enum plan_kind)kind));
        }
    }
    const struct plan *automatic = plan_default(topology, PLAN_FAILOVER);
    if (topology->policy.automatic && automatic != NULL) {
        check_automatic_people(topology, automatic, findings);
        check_automatic_budget(topology, automatic, findings);
    }
}
