/* facts: see facts.h. */
#include "common/plan/facts.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"

static char *line_add(struct step_facts *facts, const char *label) {
    ensure(facts->lines_n < FACTS_LINES_N);
    struct fact_line *line = &facts->lines[facts->lines_n++];
    line->label = label;
    line->text[0] = '\0';
    return line->text;
}

#define LINE_SIZE sizeof((struct fact_line *)0)->text

static const char *region_name(const struct render *render, uint8_t region) {
    return render->topology->regions[region].name;
}

/* ---- one step ---- */

static void say_what(const struct manual *manual, struct step_facts *facts) {
    const struct step *step = manual->step;
    const struct topology *topology = manual->topology;
    char *text = line_add(facts, "what");
    (void)text_format(text, LINE_SIZE, "%s%s%s. %s",
                      action_kind_text((enum action_kind)step->action),
                      step->component == NONE ? "" : " of ",
                      step->component == NONE ? "" : topology->components[step->component].name,
                      manual_kind_of((enum action_kind)step->action)->does);
    if (step->intent[0] != '\0') {
        (void)text_copy(line_add(facts, "why"), LINE_SIZE, step->intent);
    }
}

static void say_where(const struct manual *manual, struct step_facts *facts) {
    const struct step *step = manual->step;
    const struct topology *topology = manual->topology;
    char *text = line_add(facts, "where");
    (void)text_format(text, LINE_SIZE, "%s region %s", step->at_source ? "source" : "target",
                      topology->regions[manual->region].name);
    uint8_t endpoint = step->component == NONE
                           ? NONE
                           : topology_endpoint(topology, step->component, manual->region);
    if (step_is_a_persons(step)) {
        (void)text_append(text, LINE_SIZE, "; no agent");
    } else if (step->agent != NONE) {
        (void)text_append(text, LINE_SIZE, "; agent ");
        (void)text_append(text, LINE_SIZE, topology->agents[step->agent].name);
    } else if (endpoint != NONE) {
        const struct endpoint *place = &topology->endpoints[endpoint];
        for (uint8_t i = 0; i < place->agents_n; i++) {
            (void)text_append(text, LINE_SIZE, i == 0 ? "; agent " : ", else ");
            (void)text_append(text, LINE_SIZE, topology->agents[place->agents[i]].name);
        }
    }
}

static void say_needs(const struct render *render, const struct order *order,
                      const struct step *step, struct step_facts *facts) {
    char *text = line_add(facts, "behind");
    for (uint8_t i = 0; i < step->needs_n; i++) {
        unsigned number = 0;
        for (uint8_t at = 0; at < order->n; at++) {
            number = order->at[at].step == step->needs[i] ? at + 1u : number;
        }
        char one[NAME_SIZE + 16];
        (void)text_format(one, sizeof one, "%s%u %s", i == 0 ? "" : ", ", number,
                          render->plan->steps[step->needs[i]].name);
        (void)text_append(text, LINE_SIZE, one);
    }
    if (step->needs_n == 0) {
        (void)text_copy(text, LINE_SIZE,
                        plan_fences(render->plan) && !step->before_fence ? "the fence" : "nothing");
    }
}

static void say_locks(const struct render *render, const struct order *order, uint8_t index,
                      struct step_facts *facts) {
    const struct plan *plan = render->plan;
    if (plan->steps[index].locks == 0) {
        return;
    }
    char *text = line_add(facts, "locks");
    plan_locks_text(plan, &plan->steps[index], text, LINE_SIZE);
    const char *between = "; never beside ";
    for (uint8_t at = 0; at < order->n; at++) {
        if (bits_has(order->rivals[index], order->at[at].step)) {
            char one[NAME_SIZE + 32];
            (void)text_format(one, sizeof one, "%s%u %s", between, at + 1u,
                              plan->steps[order->at[at].step].name);
            (void)text_append(text, LINE_SIZE, one);
            between = ", ";
        }
    }
}

static void say_people(const struct topology *topology, const struct step *step,
                       struct step_facts *facts) {
    if (step->approval == NONE) {
        return;
    }
    char *text = line_add(facts, step->action == ACTION_MANUAL ? "done by" : "approved by");
    (void)text_copy(text, LINE_SIZE, role_text((enum role)step->approval));
    unsigned n = 0;
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        if (topology->operators[i].role == step->approval) {
            (void)text_append(text, LINE_SIZE, n++ == 0 ? ": " : ", ");
            (void)text_append(text, LINE_SIZE, topology->operators[i].person);
        }
    }
    (void)text_append(text, LINE_SIZE, n == 0 ? " (nobody has this role)" : "");
    (void)text_append(text, LINE_SIZE,
                      step->mandated ? "; an automatic execution passes, by mandate" : "");
}

static void say_time(const struct render *render, const struct place_in_order *place,
                     const struct step *step, struct step_facts *facts) {
    struct duration start = duration_text(place->start_ms), most = duration_text(step->timeout_ms);
    (void)text_format(line_add(facts, "time"), LINE_SIZE,
                      "at most %s an attempt, %u attempt%s; begins at the latest "
                      "%s behind the %s",
                      most.at, 1u + step->retries, step->retries == 0 ? "" : "s", start.at,
                      place->before_fence || !plan_fences(render->plan) ? "beginning" : "fence");
}

static void say_failure(const struct render *render, const struct step *step,
                        struct step_facts *facts) {
    const char *text = "the execution pauses for people: drover step retry, skip or done";
    if (step->may_fail) {
        text = "the execution goes on without it, and the report says so";
    } else if (plan_fences(render->plan) && step->before_fence) {
        text = "everything handed over is given back by itself; the region goes on serving";
    }
    (void)text_copy(line_add(facts, "if it fails"), LINE_SIZE, text);
    (void)text_copy(line_add(facts, "graceful"), LINE_SIZE,
                    step->before_fence
                        ? "a hand-off: runs in a switchover, under the old epoch; left out when "
                          "the region left is lost or taken by force"
                    : step->mode == STEP_MODE_GRACEFUL
                        ? "runs while the move is graceful; left out once it turned ungraceful"
                    : step->mode == STEP_MODE_UNGRACEFUL
                        ? "runs only in a move that turned ungraceful: drover mode"
                        : "the same, graceful or not");
}

enum err facts_of_step(const struct render *render, const struct order *order, uint8_t at,
                       struct step_facts *ret_facts) {
    const struct place_in_order *place = &order->at[at];
    struct manual manual;
    enum err err = manual_open(render->topology, render->plan, place->step, render->source,
                               render->target, &manual);
    if (err != ERR_OK) {
        return err;
    }
    manual.secrets = render->secrets;
    manual.programs = render->programs;
    struct step_facts *facts = ret_facts;
    const struct manual_kind *kind = manual_kind_of((enum action_kind)manual.step->action);
    memset(facts, 0, sizeof *facts);
    facts->number = at + 1u;
    facts->wave = place->wave;
    facts->before_fence = place->before_fence;
    facts->step = manual.step;
    unsigned tier = step_tier(manual.step);
    (void)text_format(facts->title, sizeof facts->title,
                      tier > OBJECTIVES_MAX ? "%u. %s (no tier)" : "%u. %s (tier %u)",
                      facts->number, manual.step->name, tier);
    say_what(&manual, facts);
    say_where(&manual, facts);
    say_needs(render, order, manual.step, facts);
    say_locks(render, order, place->step, facts);
    say_people(render->topology, manual.step, facts);
    say_time(render, place, manual.step, facts);
    say_failure(render, manual.step, facts);
    (void)text_copy(line_add(facts, "to undo"), LINE_SIZE, kind->undo);
    struct page command = page_open(facts->command, sizeof facts->command);
    struct page check = page_open(facts->check, sizeof facts->check);
    page_say(&command, "# at: %s\n", kind->place);
    kind->command(&manual, &command);
    kind->check(&manual, &check);
    return command.cut || check.cut ? ERR_TOO_BIG : ERR_OK;
}

/* ---- the plan, and the fence ---- */

void facts_of_plan(const struct render *render, const struct order *order,
                   struct step_facts *ret_facts) {
    const struct topology *topology = render->topology;
    const struct document *document = &topology->document;
    struct step_facts *facts = ret_facts;
    uint64_t before_ms = 0, behind_ms = 0;
    memset(facts, 0, sizeof *facts);
    for (uint8_t i = 0; i < order->n; i++) {
        uint64_t *most_ms = order->at[i].before_fence ? &before_ms : &behind_ms;
        *most_ms = order->at[i].end_ms > *most_ms ? order->at[i].end_ms : *most_ms;
    }
    (void)text_format(facts->title, sizeof facts->title, "%s plan %s",
                      plan_kind_text((enum plan_kind)render->plan->kind), render->plan->name);
    (void)text_format(line_add(facts, "document"), LINE_SIZE, "%s, version %s, %s", document->name,
                      document->version, document->date);
    (void)text_format(line_add(facts, "way"), LINE_SIZE,
                      plan_kind_yields((enum plan_kind)render->plan->kind)
                          ? "cluster %s: nothing is taken from %s; it acts inside %s (target)"
                      : render->plan->kind == PLAN_REPROTECT
                          ? "cluster %s: %s becomes the standby of %s (source: the standby to be)"
                          : "cluster %s: from %s (source) to %s (target)",
                      topology->cluster, region_name(render, render->source),
                      region_name(render, render->target));
    (void)text_format(line_add(facts, "steps"), LINE_SIZE,
                      "%u, in waves: those of one wave may run side by side%s", order->n,
                      render->plan->locks_n > 0 ? ", but for those that share a lock" : "");
    struct duration before = duration_text(before_ms), behind = duration_text(behind_ms);
    struct duration wait = duration_text(topology->lease.wait_ms);
    if (plan_fences(render->plan)) {
        (void)text_format(line_add(facts, "at the longest"), LINE_SIZE,
                          "%s before the fence, %s for the fence, %s behind it, every attempt used "
                          "up; without the time people take",
                          before.at, wait.at, behind.at);
    } else {
        (void)text_format(line_add(facts, "at the longest"), LINE_SIZE,
                          "%s, every attempt used up; without the time people take", behind.at);
    }
    (void)text_format(line_add(facts, "by hand"), LINE_SIZE,
                      "commands are bash. Secrets are read from %s; where agent.conf names other "
                      "files, say so with --secrets%s",
                      render->secrets,
                      render->plan->kind == PLAN_SWITCHOVER
                          ? ". Without drover every gate shuts by itself: for a hand-off the "
                            "source's is taken away first, in the way that The fence says of the "
                            "target's: then only the hand-off's own commands stop the writes"
                          : "");
}

const char facts_fence_intent[] =
    "No step: rules of the core. The old epoch is closed, its lease runs out or every guard proves "
    "the fence, the new epoch opens, and the target's gate opens with its first certificate.";

static void fence_hosts(const struct render *render, uint8_t region, struct page *page) {
    const struct topology *topology = render->topology;
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        if (topology->agents[i].region == region && topology->agents[i].guarded) {
            page_say(page, " %s", topology->agents[i].name);
        }
    }
}

void facts_of_fence(const struct render *render, struct step_facts *ret_facts) {
    struct step_facts *facts = ret_facts;
    memset(facts, 0, sizeof *facts);
    (void)text_copy(facts->title, sizeof facts->title, "The fence");
    (void)text_copy(line_add(facts, "what"), LINE_SIZE, facts_fence_intent);
    (void)text_format(
        line_add(facts, "time"), LINE_SIZE,
        "%s at most after the last certificate; at once when every guard of %s proves "
        "itself fenced",
        duration_text(render->topology->lease.wait_ms).at, region_name(render, render->source));
    (void)text_copy(line_add(facts, "by hand"), LINE_SIZE,
                    "two persons, and never on a guess: a promotion beside a region that still "
                    "writes loses data on one side. A host that cannot be looked at is powered off "
                    "first, and its power is looked at");
    struct page page = page_open(facts->command, sizeof facts->command);
    page_say(&page, "# 1. on every guarded host of %s:", region_name(render, render->source));
    fence_hosts(render, render->source, &page);
    page_say(&page,
             "\nnft list set inet drover open   # no elements: shut\n"
             "# 2. only then, on every guarded host of %s:",
             region_name(render, render->target));
    fence_hosts(render, render->target, &page);
    page_say(
        &page,
        "\nsystemctl stop drover-agent drover-guard\n"
        "nft delete table inet drover     # from here nothing fences this host\n"
        "# HAProxy asks the agents and fails closed without them. To each one's runtime socket, "
        "for every\n# server that is an agent (readiness.md):\n"
        "#   disable health BACKEND/SERVER\n"
        "#   set server BACKEND/SERVER health up\n");
    page = page_open(facts->check, sizeof facts->check);
    page_say(&page, "# nothing in %s takes a write; the checks of the steps below show %s\n",
             region_name(render, render->source), region_name(render, render->target));
}
