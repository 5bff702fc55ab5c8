/* compare: see compare.h. */
#include "common/plan/compare.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"

struct comparing {
    const struct plan_side *was, *is;
    struct order was_order, is_order;
    struct page *page;
    unsigned differences;
    const char *step; /* at hand; already headed when headed */
    bool headed;
};

static void change(struct comparing *comparing, const char *field, const char *was,
                   const char *is) {
    if (text_equal(was, is)) {
        return;
    }
    if (!comparing->headed) {
        page_say(comparing->page, "changed  %s\n", comparing->step);
    }
    comparing->headed = true;
    comparing->differences++;
    page_say(comparing->page, "         %s: %s -> %s\n", field, was[0] == '\0' ? "none" : was,
             is[0] == '\0' ? "none" : is);
}

static const char *yes_text(bool yes) {
    return yes ? "yes" : "no";
}

static const struct step *step_named(const struct plan *plan, const char *name) {
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return &plan->steps[s];
        }
    }
    return NULL;
}

static const char *component_text(const struct plan_side *side, const struct step *step) {
    return step->component == NONE ? "" : side->topology->components[step->component].name;
}

static const char *through_text(const struct plan_side *side, const struct step *step) {
    return step->through == NONE ? "" : side->topology->components[step->through].name;
}

static const char *agent_text(const struct plan_side *side, const struct step *step) {
    return step->agent == NONE ? "" : side->topology->agents[step->agent].name;
}

static const char *approval_text(const struct step *step) {
    return step->approval == NONE ? "" : role_text((enum role)step->approval);
}

/* By name, whatever their order in the file. */
static void needs_text(const struct plan *plan, const struct step *step, char *out,
                       size_t out_size) {
    out[0] = '\0';
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        bool needed = false;
        for (uint8_t n = 0; n < step->needs_n; n++) {
            needed = needed || step->needs[n] == s;
        }
        if (needed) {
            (void)text_append(out, out_size, out[0] == '\0' ? "" : ", ");
            (void)text_append(out, out_size, plan->steps[s].name);
        }
    }
}

static void locks_sorted(const struct plan *plan, const struct step *step, char *out,
                         size_t out_size) {
    const char *last = "";
    out[0] = '\0';
    for (uint8_t n = 0; n < plan->locks_n; n++) {
        const char *next = NULL;
        for (uint8_t i = 0; i < plan->locks_n; i++) {
            const char *name = plan->locks[i];
            bool later = (step->locks & bit(i)) != 0 && strcmp(name, last) > 0;
            next = later && (next == NULL || strcmp(name, next) < 0) ? name : next;
        }
        if (next == NULL) {
            return;
        }
        (void)text_append(out, out_size, out[0] == '\0' ? "" : ", ");
        (void)text_append(out, out_size, next);
        last = next;
    }
}

/* By name: the same lock has another number in another file. */
static void compare_locks(struct comparing *comparing, const struct step *was,
                          const struct step *is) {
    char locks_was[PLAN_LOCKS_MAX * (NAME_SIZE + 2)], locks_is[sizeof locks_was];
    locks_sorted(comparing->was->plan, was, locks_was, sizeof locks_was);
    locks_sorted(comparing->is->plan, is, locks_is, sizeof locks_is);
    change(comparing, "locks", locks_was, locks_is);
}

static bool needs_step(const struct plan *plan, const struct step *step, const char *name) {
    for (uint8_t n = 0; n < step->needs_n; n++) {
        if (text_equal(plan->steps[step->needs[n]].name, name)) {
            return true;
        }
    }
    return false;
}

static bool needs_differ(const struct comparing *comparing, const struct step *was,
                         const struct step *is) {
    bool differ = was->needs_n != is->needs_n;
    for (uint8_t n = 0; n < was->needs_n && !differ; n++) {
        const char *name = comparing->was->plan->steps[was->needs[n]].name;
        differ = !needs_step(comparing->is->plan, is, name);
    }
    return differ;
}

/* The complete ones: a step changes with its component's endpoint too. */
static void compare_arguments(struct comparing *comparing, const struct step *was,
                              const struct step *is) {
    char field[NAME_SIZE + 8];
    for (uint8_t i = 0; i < was->arguments.n; i++) {
        const char *now = arguments_get(&is->arguments, was->arguments.at[i].name);
        (void)text_format(field, sizeof field, "args.%s", was->arguments.at[i].name);
        change(comparing, field, was->arguments.at[i].value, now == NULL ? "" : now);
    }
    for (uint8_t i = 0; i < is->arguments.n; i++) {
        if (arguments_get(&was->arguments, is->arguments.at[i].name) == NULL) {
            (void)text_format(field, sizeof field, "args.%s", is->arguments.at[i].name);
            change(comparing, field, "", is->arguments.at[i].value);
        }
    }
}

/* Whatever else a step holds: it must never go by unseen because this file does not know it. */
static void compare_rest(struct comparing *comparing, const struct step *was,
                         const struct step *is) {
    static struct step a, b;
    a = *was;
    b = *is;
    struct step *const both[] = {&a, &b};
    for (unsigned i = 0; i < 2; i++) {
        struct step *step = both[i];
        memset(step->name, 0, sizeof step->name);
        memset(step->intent, 0, sizeof step->intent);
        memset(&step->arguments, 0, sizeof step->arguments);
        memset(step->needs, 0, sizeof step->needs);
        step->action = step->component = step->through = step->agent = step->approval = step->tier =
            0;
        step->mode = STEP_MODE_BOTH;
        step->at_source = step->before_fence = step->may_fail = step->mandated = false;
        step->timeout_ms = 0;
        step->retries = step->needs_n = 0;
        step->locks = 0;
    }
    const uint8_t *a_bytes = (const uint8_t *)&a, *b_bytes = (const uint8_t *)&b;
    change(comparing, "another field", "one value",
           memcmp(a_bytes, b_bytes, sizeof a) == 0 ? "one value" : "another");
}

static void compare_step(struct comparing *comparing, const struct step *was,
                         const struct step *is) {
    char retries_was[8], retries_is[8], tier_was[8], tier_is[8];
    char needs_was[STEP_NEEDS_MAX * (NAME_SIZE + 2)], needs_is[STEP_NEEDS_MAX * (NAME_SIZE + 2)];
    comparing->step = is->name;
    comparing->headed = false;
    (void)text_format(retries_was, sizeof retries_was, "%u", was->retries);
    (void)text_format(retries_is, sizeof retries_is, "%u", is->retries);
    (void)text_format(tier_was, sizeof tier_was, was->tier == 0 ? "" : "%u", was->tier);
    (void)text_format(tier_is, sizeof tier_is, is->tier == 0 ? "" : "%u", is->tier);
    needs_text(comparing->was->plan, was, needs_was, sizeof needs_was);
    needs_text(comparing->is->plan, is, needs_is, sizeof needs_is);
    change(comparing, "action", action_kind_text((enum action_kind)was->action),
           action_kind_text((enum action_kind)is->action));
    change(comparing, "component", component_text(comparing->was, was),
           component_text(comparing->is, is));
    change(comparing, "through", through_text(comparing->was, was),
           through_text(comparing->is, is));
    change(comparing, "agent", agent_text(comparing->was, was), agent_text(comparing->is, is));
    change(comparing, "at", was->at_source ? "source" : "target",
           is->at_source ? "source" : "target");
    change(comparing, "before_fence", yes_text(was->before_fence), yes_text(is->before_fence));
    change(comparing, "mode", step_mode_text((enum step_mode)was->mode),
           step_mode_text((enum step_mode)is->mode));
    change(comparing, "tier", tier_was, tier_is);
    change(comparing, "approval", approval_text(was), approval_text(is));
    change(comparing, "mandated", yes_text(was->mandated), yes_text(is->mandated));
    change(comparing, "may_fail", yes_text(was->may_fail), yes_text(is->may_fail));
    change(comparing, "timeout", duration_text(was->timeout_ms).at,
           duration_text(is->timeout_ms).at);
    change(comparing, "retries", retries_was, retries_is);
    if (needs_differ(comparing, was, is)) {
        change(comparing, "needs", needs_was, needs_is);
    }
    compare_locks(comparing, was, is);
    change(comparing, "intent", was->intent, is->intent);
    compare_arguments(comparing, was, is);
    compare_rest(comparing, was, is);
}

static void say_lone_steps(struct comparing *comparing, const struct plan_side *side,
                           const struct plan_side *other, const char *what) {
    for (uint8_t s = 0; s < side->plan->steps_n; s++) {
        const struct step *step = &side->plan->steps[s];
        if (step_named(other->plan, step->name) == NULL) {
            comparing->differences++;
            page_say(comparing->page, "%s  %s (%s%s%s)\n", what, step->name,
                     action_kind_text((enum action_kind)step->action),
                     step->component == NONE ? "" : " of ", component_text(side, step));
        }
    }
}

/* ------------------------------------------------------------------ order and time */

static unsigned wave_of(const struct plan *plan, const struct order *order, const char *name) {
    for (uint8_t i = 0; i < order->n; i++) {
        if (text_equal(plan->steps[order->at[i].step].name, name)) {
            return order->at[i].wave;
        }
    }
    return 0;
}

static void say_order(struct comparing *comparing) {
    const struct plan *is = comparing->is->plan;
    for (uint8_t i = 0; i < comparing->is_order.n; i++) {
        const struct place_in_order *place = &comparing->is_order.at[i];
        const char *name = is->steps[place->step].name;
        unsigned wave = wave_of(comparing->was->plan, &comparing->was_order, name);
        if (wave != 0 && wave != place->wave) {
            page_say(comparing->page, "order    %s: wave %u -> %u\n", name, wave, place->wave);
        }
    }
}

/* tier 0: all of them. */
static uint64_t longest_ms(const struct plan *plan, const struct order *order, unsigned tier,
                           bool before) {
    uint64_t ms = 0;
    for (uint8_t i = 0; i < order->n; i++) {
        const struct place_in_order *place = &order->at[i];
        bool counts = place->before_fence == before &&
                      (tier == 0 || step_serves_tier(plan, &plan->steps[place->step]) == tier);
        ms = counts && place->end_ms > ms ? place->end_ms : ms;
    }
    return ms;
}

static void say_longest(struct comparing *comparing, const char *what, unsigned tier, bool before) {
    struct duration was =
        duration_text(longest_ms(comparing->was->plan, &comparing->was_order, tier, before));
    struct duration is =
        duration_text(longest_ms(comparing->is->plan, &comparing->is_order, tier, before));
    if (!text_equal(was.at, is.at)) {
        page_say(comparing->page, "longest  %s: %s -> %s\n", what, was.at, is.at);
    }
}

static void say_times(struct comparing *comparing) {
    char what[16];
    say_longest(comparing, "before the fence", 0, true);
    say_longest(comparing, plan_fences(comparing->is->plan) ? "behind the fence" : "all of it", 0,
                false);
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        (void)text_format(what, sizeof what, "tier %u", tier);
        say_longest(comparing, what, tier, false);
    }
}

static const char *drill_name(const struct plan_side *side) {
    uint8_t drill = side->plan->drill;
    return drill < side->topology->drills_n ? side->topology->drills[drill].name : "";
}

enum err plan_compare(const struct plan_side *was, const struct plan_side *is, struct page *page,
                      unsigned *ret_differences) {
    static struct comparing comparing;
    comparing = (struct comparing){.was = was, .is = is, .page = page, .step = "the plan"};
    if (!plan_order(was->plan, &comparing.was_order) ||
        !plan_order(is->plan, &comparing.is_order)) {
        return ERR_CONFIG;
    }
    change(&comparing, "name", was->plan->name, is->plan->name);
    change(&comparing, "kind", plan_kind_text((enum plan_kind)was->plan->kind),
           plan_kind_text((enum plan_kind)is->plan->kind));
    change(&comparing, "drill", drill_name(was), drill_name(is));
    say_lone_steps(&comparing, was, is, "removed");
    say_lone_steps(&comparing, is, was, "added  ");
    for (uint8_t s = 0; s < is->plan->steps_n; s++) {
        const struct step *before = step_named(was->plan, is->plan->steps[s].name);
        if (before != NULL) {
            compare_step(&comparing, before, &is->plan->steps[s]);
        }
    }
    say_order(&comparing);
    say_times(&comparing);
    *ret_differences = comparing.differences;
    return page->cut ? ERR_TOO_BIG : ERR_OK;
}
