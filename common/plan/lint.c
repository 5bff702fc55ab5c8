/* lint: see lint.h. */
#include "common/plan/lint.h"

#include <string.h>

#include "common/plan/lint_parts.h"

const struct finding_title *lint_titles(size_t *ret_n) {
    static const struct finding_title titles[] = {
#define LINT_TITLE(code, name, title) {(code), (title)},
        LINT_LIST(LINT_TITLE)
#undef LINT_TITLE
    };
    *ret_n = sizeof titles / sizeof titles[0];
    return titles;
}

bool component_in_scope(const struct component *component) {
    return !component->excluded && component->kind != COMPONENT_EXTERNAL;
}

static bool component_in_two_data_regions(const struct topology *topology, uint8_t component) {
    unsigned n = 0;
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        n += region_is_data(topology, region) &&
             topology_endpoint(topology, component, region) != NONE;
    }
    return n >= 2;
}

/* ---- positions ---- */

static uint8_t handoff_of(const struct plan *plan, uint8_t component) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        if (plan->steps[i].action == ACTION_PATRONI_HANDOFF && plan->steps[i].before_fence &&
            plan->steps[i].component == component) {
            return i;
        }
    }
    return NONE;
}

/* A position is what a hand-off of the same execution left; a wait without one fails always. */
static void lint_awaits(const struct plan *plan, const uint64_t *needs, struct findings *findings) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        uint8_t handoff = handoff_of(plan, step->component);
        if (step->action != ACTION_PG_AWAIT_POSITION ||
            arguments_get(&step->arguments, "position") != NULL) {
            continue;
        }
        if (handoff == NONE || plan->kind != PLAN_SWITCHOVER) {
            LINT(findings, LINT_NO_POSITION, where("plans.%s.steps.%s", plan->name, step->name).at,
                 "no hand-off of this plan leaves a position: the step fails always");
        } else if (step->before_fence && !bits_has(needs[i], handoff)) {
            LINT(findings, LINT_NO_POSITION, where("plans.%s.steps.%s", plan->name, step->name).at,
                 "it does not wait for %s, which leaves the position", plan->steps[handoff].name);
        }
    }
}

static void lint_handoffs(const struct plan *plan, const uint64_t *needs,
                          struct findings *findings) {
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        const struct step *step = &plan->steps[i];
        bool awaited = false;
        for (uint8_t j = 0; j < plan->steps_n; j++) {
            const struct step *other = &plan->steps[j];
            bool awaits = other->action == ACTION_PG_AWAIT_POSITION &&
                          other->component == step->component && !other->at_source;
            bool in_time = other->before_fence && bits_has(needs[j], i);
            for (uint8_t p = 0; p < plan->steps_n && !in_time; p++) {
                in_time = action_promotes(plan->steps[p].action) &&
                          plan->steps[p].component == step->component && bits_has(needs[p], j);
            }
            awaited = awaited || (awaits && in_time);
        }
        if (step->action == ACTION_PATRONI_HANDOFF && !awaited) {
            LINT(findings, LINT_NOT_AWAITED, where("plans.%s.steps.%s", plan->name, step->name).at,
                 "no pg_await_position at the target, behind it and before the promotion, proves "
                 "that its position arrived");
        }
    }
}

/* ---- what a failover leaves out ---- */

static bool component_is_store(const struct component *component) {
    return component->kind == COMPONENT_POSTGRESQL || component->kind == COMPONENT_REDIS ||
           component->kind == COMPONENT_CLICKHOUSE || component->kind == COMPONENT_S3;
}

static void lint_left_out(const struct topology *topology, struct findings *findings) {
    const struct plan *plan = plan_default(topology, PLAN_FAILOVER);
    for (uint8_t c = 0; c < topology->components_n && plan != NULL; c++) {
        const struct component *component = &topology->components[c];
        bool has_step = false;
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            has_step = has_step || plan->steps[s].component == c;
        }
        /* A guarded one without a promotion is W226. */
        if (!has_step && component_in_scope(component) && !component->protected &&
            !component->guarded && (component->tier != 0 || component_is_store(component)) &&
            component_in_two_data_regions(topology, c)) {
            LINT(findings, LINT_NO_STEP, where("plans.%s", plan->name).at,
                 "no step brings %s (%s): who does, and who sees that it serves?", component->name,
                 component->tier != 0 ? "it has an objective" : "a store");
        }
    }
}

static void lint_one_way(const struct topology *topology, struct findings *findings) {
    for (uint8_t c = 0; c < topology->components_n; c++) {
        const struct component *component = &topology->components[c];
        bool linked = false;
        for (uint8_t i = 0; i < topology->links_n; i++) {
            linked = linked || topology->links[i].component == c;
        }
        if (linked && !component->guarded && component_in_scope(component) &&
            component_in_two_data_regions(topology, c)) {
            LINT(findings, LINT_ONE_WAY, where("components.%s", component->name).at,
                 "%s is not guarded, so both regions may write it; the link copies one way, and "
                 "nobody compares what both wrote",
                 component->name);
        }
    }
}

/* ---- steps that act blindly ---- */

static bool step_is_blind(const struct topology *topology, const struct step *step) {
    struct arguments arguments;
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        if (!region_is_data(topology, region) ||
            topology_step_arguments(topology, step, region, NONE, &arguments) != ERR_OK) {
            continue;
        }
        const char *observe = arguments_get(&arguments, "observe");
        const char *once = arguments_get(&arguments, "once");
        bool kept_once = once != NULL && !text_equal(once, "attempt");
        if ((step->action == ACTION_EXEC && (observe == NULL || !text_equal(observe, "yes"))) ||
            (step->action == ACTION_HTTP_CALL && !kept_once &&
             arguments_get(&arguments, "observe_url") == NULL)) {
            return true;
        }
    }
    return false;
}

static void lint_blind(const struct topology *topology, const struct plan *plan,
                       struct findings *findings) {
    unsigned blind_n = 0;
    const struct step *first = NULL;
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (step_is_blind(topology, &plan->steps[s])) {
            first = first == NULL ? &plan->steps[s] : first;
            blind_n++;
        }
    }
    if (first != NULL) {
        LINT(findings, LINT_UNOBSERVED, where("plans.%s.steps.%s", plan->name, first->name).at,
             "%u step(s), this one first, have no observe: run again, or killed half-way, they act "
             "without seeing what is there (D5)",
             blind_n);
    }
}

/* ---- locks ---- */

/* Of another plan's execution only what was interrupted is still at work. */
static bool is_locked_across(const struct topology *topology, const struct plan *plan,
                             const char *name) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        const struct plan *other = &topology->plans[i];
        bool meet = plan_kind_yields((enum plan_kind)plan->kind) !=
                    plan_kind_yields((enum plan_kind)other->kind);
        for (uint8_t lock = 0; meet && lock < other->locks_n; lock++) {
            if (text_equal(other->locks[lock], name)) {
                return true;
            }
        }
    }
    return false;
}

/* A lock is declared by being named, so a mistyped one is another lock. */
static void lint_locks(const struct topology *topology, const struct plan *plan,
                       struct findings *findings) {
    const char *names[PLAN_LOCKS_MAX];
    for (uint8_t lock = 0; lock < plan->locks_n; lock++) {
        const struct step *by = NULL;
        unsigned steps_n = 0, names_n = 0;
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            bool has = (plan->steps[s].locks & bit(lock)) != 0;
            by = has ? &plan->steps[s] : by;
            steps_n += has;
        }
        for (uint8_t i = 0; i < plan->locks_n; i++) {
            if (i != lock) {
                names[names_n++] = plan->locks[i];
            }
        }
        const char *near = text_nearest(plan->locks[lock], names, names_n);
        if (steps_n == 1 && !is_locked_across(topology, plan, plan->locks[lock])) {
            LINT(findings, LINT_LONE_LOCK, where("plans.%s.steps.%s", plan->name, by->name).at,
                 "no other step names the lock %s: it keeps nothing apart%s%s%s", plan->locks[lock],
                 near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                 near == NULL ? "" : "\"?");
        }
    }
}

/* ---- the whole ---- */

static bool findings_has(const struct findings *findings, uint16_t code) {
    for (uint16_t i = 0; i < findings->n; i++) {
        if (findings->at[i].code == code) {
            return true;
        }
    }
    return false;
}

void plan_lint(const struct topology *topology, struct findings *ret_findings) {
    topology_check(topology, ret_findings);
    if (findings_has(ret_findings, FINDING_INDEX) ||
        findings_has(ret_findings, FINDING_PLAN_NEEDS)) {
        return;
    }
    lint_objectives(topology, ret_findings);
    lint_source(topology, ret_findings);
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        uint64_t needs[STEPS_MAX];
        plan_needs_all(&topology->plans[i], needs);
        lint_awaits(&topology->plans[i], needs, ret_findings);
        lint_handoffs(&topology->plans[i], needs, ret_findings);
        lint_blind(topology, &topology->plans[i], ret_findings);
        lint_locks(topology, &topology->plans[i], ret_findings);
    }
    lint_one_way(topology, ret_findings);
    lint_left_out(topology, ret_findings);
    lint_placeholders(topology, ret_findings);
}
