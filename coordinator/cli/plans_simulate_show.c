/* A simulated execution as text and as JSON. */
#include <string.h>

#include "common/base/bits.h"
#include "common/plan/order.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "coordinator/cli/plans_simulate_parts.h"
#include "coordinator/cli/show_parts.h"

static const char *end_text(enum simulation_end end) {
    switch (end) {
    case SIMULATION_DONE: return "done";
    case SIMULATION_ABORTED: return "aborted";
    case SIMULATION_WAITS: return "waits-for-people";
    case SIMULATION_REFUSED: return "refused";
    case SIMULATION_UNENDED: return "not-ended";
    }
    return "?";
}

static const char *from_text(enum takes_from from) {
    return from == TAKES_MEASURED ? "measured" : from == TAKES_TOLD ? "told" : "declared";
}

/* "1:02:03.450" */
static struct duration virtual_text(uint64_t ms) {
    struct duration text;
    (void)text_format(text.at, sizeof text.at, "%llu:%02u:%02u.%03u",
                      (unsigned long long)(ms / HOUR_MS), (unsigned)(ms / MINUTE_MS % 60),
                      (unsigned)(ms / SECOND_MS % 60), (unsigned)(ms % SECOND_MS));
    return text;
}

static struct duration when_text(uint64_t ms) {
    struct duration never = {"-"};
    return ms == SIMULATED_NEVER ? never : virtual_text(ms);
}

/* --------------------------------------------------------------------------- text */

static void say_head(const struct simulated *simulated) {
    const struct simulation_input *input = &simulated->input;
    const struct topology *topology = input->topology;
    const struct plan *plan = &topology->plans[input->plan];
    const char *begins = plan->kind != PLAN_FAILOVER                    ? "the declaration"
                         : bits_has(input->lost_regions, input->source) ? "the outage"
                                                                        : "the wish to declare it";
    bool inside = plan_kind_yields((enum plan_kind)plan->kind);
    (void)printf("SIMULATED  %s plan %s: %s%s%s, seed %llu\n",
                 plan_kind_text((enum plan_kind)plan->kind), plan->name,
                 inside ? "in" : topology->regions[input->source].name, inside ? " " : " -> ",
                 topology->regions[input->target].name, (unsigned long long)input->seed);
    if (simulated->live) {
        (void)printf("from the fleet as it looks now: topology version %u, epoch %llu; nothing was "
                     "changed\n",
                     simulated->source->version, (unsigned long long)input->epoch);
    } else {
        (void)printf("from %s, in a fleet in which all else is well; nobody was asked\n",
                     simulated->source->file);
    }
    (void)printf("times from %s. Assumed: a person answers after %s, a fact or a command takes\n"
                 "%u ms, a guard proves its fence in %u ms\n\n",
                 begins, duration_text(input->people_ms).at, SIMULATED_HOP_MS, SIMULATED_PROOF_MS);
}

static void say_timeline(const struct simulation_result *result) {
    (void)printf("%14s  %s\n", "AT", "WHAT");
    for (unsigned i = 0; i < result->moments_n; i++) {
        (void)printf("%14s  %s\n", virtual_text(result->moments[i].at_ms).at,
                     result->moments[i].text);
    }
    if (result->moments_lost_n > 0) {
        (void)printf("%14s  and %u more\n", "", result->moments_lost_n);
    }
}

static void say_steps(const struct simulated *simulated) {
    const struct simulation_input *input = &simulated->input;
    const struct simulation_result *result = &simulated->result;
    const struct plan *plan = &input->topology->plans[input->plan];
    if (result->execution.id == 0) {
        return;
    }
    (void)printf("\n%-24s %-14s %-14s %-14s %-8s %s\n", "STEP", "STATE", "BEGUN", "ENDED", "TAKES",
                 "WHICH IS");
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        const struct simulated_step *told = &input->steps[s];
        bool person = step_is_a_persons(&plan->steps[s]);
        uint64_t takes_ms =
            told->takes_from == TAKES_DECLARED ? plan->steps[s].timeout_ms : told->takes_ms;
        (void)printf("%-24s %-14s %-14s %-14s %-8s %s\n", plan->steps[s].name,
                     step_phase_text((enum step_phase)result->execution.steps[s].phase),
                     when_text(result->steps[s].begun_ms).at,
                     when_text(result->steps[s].ended_ms).at,
                     person ? "-" : duration_text(takes_ms).at,
                     person                               ? "a person's word"
                     : told->takes_from == TAKES_DECLARED ? "declared: all of its timeout"
                     : told->takes_from == TAKES_MEASURED ? "measured: its p50 here"
                                                          : "told: --fault");
    }
}

static void say_lease(const struct simulation_result *result) {
    if (result->closed_ms == SIMULATED_NEVER) {
        return;
    }
    (void)printf("\nLEASE\n  the old epoch is closed       %s\n", when_text(result->closed_ms).at);
    (void)printf("  its last lease has ended      %s%s\n", when_text(result->lease_ended_ms).at,
                 result->proved_ms != SIMULATED_NEVER ? "  every guard proved its fence" : "");
    (void)printf("  the new epoch is open         %s\n", when_text(result->opened_ms).at);
    (void)printf("  its first certificate         %s\n", when_text(result->certified_ms).at);
}

static void say_promise(const struct simulated *simulated, const char *what, uint64_t promise_ms,
                        uint64_t served_ms, uint64_t slowest_ms, const char *last) {
    (void)printf("  %-26s %-12s %-14s ", what, duration_text(promise_ms).at,
                 when_text(served_ms).at);
    if (simulated->has_slowest) {
        (void)printf("%-14s ", when_text(slowest_ms).at);
    }
    (void)printf("%-10s %s\n",
                 served_ms == SIMULATED_NEVER ? "NEVER"
                 : promise_ms == 0            ? "-"
                 : served_ms > promise_ms     ? "MISSED"
                                              : "met",
                 last);
}

static void say_forecast(const struct simulated *simulated) {
    const struct simulation_input *input = &simulated->input;
    const struct simulation_result *result = &simulated->result;
    uint64_t promise_ms = promise_of(input, result);
    if (!plan_fences(&input->topology->plans[input->plan])) {
        return;
    }
    (void)printf("\n  %-26s %-12s %-14s %s%-10s %s\n", "OBJECTIVE", "WITHIN",
                 simulated->has_slowest ? "AT P50" : "FORECAST",
                 simulated->has_slowest ? "AT P95         " : "", "", "LAST STEP");
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        struct tier_forecast one = tier_forecast_of(input, result, tier);
        struct tier_forecast slow = tier_forecast_of(input, &simulated->slowest, tier);
        char what[40];
        if (one.last == NULL) {
            continue;
        }
        if (tier == 1 && promise_ms != 0) {
            (void)text_format(what, sizeof what, "%s, tier 1 and names",
                              result->automatic ? "automatic" : "planned");
            say_promise(simulated, what, promise_ms, one.served_ms, slow.served_ms, one.last);
        }
        (void)text_format(what, sizeof what, "RTO of tier %u", tier);
        say_promise(simulated, what, one.objective_ms, one.served_ms, slow.served_ms, one.last);
    }
    if (result->answers_n > 0 || (!result->automatic && result->people_ms > 0)) {
        (void)printf("  people: %u answer%s%s, each assumed to take %s\n", result->answers_n,
                     result->answers_n == 1 ? "" : "s",
                     result->automatic ? "" : " and the declaration",
                     duration_text(input->people_ms).at);
    }
}

static void say_end(const struct simulation_result *result) {
    const char *text = "";
    switch ((enum simulation_end)result->end) {
    case SIMULATION_DONE: text = "every step is done"; break;
    case SIMULATION_ABORTED: text = "all is handed back: the region left serves on"; break;
    case SIMULATION_WAITS: text = "it stands, and waits for people"; break;
    case SIMULATION_REFUSED: text = "it is refused"; break;
    case SIMULATION_UNENDED: text = "it does not end in the time that is simulated"; break;
    }
    (void)printf("\nEND  %s  %s\n", virtual_text(result->ended_ms).at, text);
}

void simulated_say(const struct simulated *simulated) {
    say_head(simulated);
    say_timeline(&simulated->result);
    say_steps(simulated);
    say_lease(&simulated->result);
    say_forecast(simulated);
    say_end(&simulated->result);
}

/* --------------------------------------------------------------------------- JSON */

static json_t *ms_json(uint64_t ms) {
    return ms == SIMULATED_NEVER ? json_null() : json_integer((json_int_t)ms);
}

static json_t *steps_json(const struct simulated *simulated) {
    const struct simulation_input *input = &simulated->input;
    const struct simulation_result *result = &simulated->result;
    const struct plan *plan = &input->topology->plans[input->plan];
    json_t *list = json_array();
    for (uint8_t s = 0; s < plan->steps_n && result->execution.id != 0; s++) {
        const struct step_state *state = &result->execution.steps[s];
        const struct simulated_step *told = &input->steps[s];
        bool declared = told->takes_from == TAKES_DECLARED;
        uint8_t role = result->steps[s].role;
        (void)json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:i,s:s,s:o,s:o,s:I,s:s,s:s,s:o,s:o}", "name", plan->steps[s].name,
                      "state", step_phase_text((enum step_phase)state->phase), "attempt",
                      (int)state->attempt, "error",
                      state->err == ERR_OK ? "" : err_text((enum err)state->err), "begun_ms",
                      ms_json(result->steps[s].begun_ms), "ended_ms",
                      ms_json(result->steps[s].ended_ms), "takes_ms",
                      (json_int_t)(declared ? plan->steps[s].timeout_ms : told->takes_ms),
                      "takes_from", from_text((enum takes_from)told->takes_from), "asked",
                      role == NONE ? "" : role_text((enum role)role), "asked_ms",
                      ms_json(result->steps[s].asked_ms), "answered_ms",
                      ms_json(result->steps[s].answered_ms)));
    }
    return list;
}

static json_t *tiers_json(const struct simulated *simulated) {
    json_t *list = json_array();
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        struct tier_forecast one = tier_forecast_of(&simulated->input, &simulated->result, tier);
        struct tier_forecast slow = tier_forecast_of(&simulated->input, &simulated->slowest, tier);
        bool met = one.objective_ms == 0 || one.served_ms <= one.objective_ms;
        if (one.last != NULL) {
            (void)json_array_append_new(
                list,
                json_pack("{s:i,s:I,s:o,s:o,s:b,s:s}", "tier", (int)tier, "rto_ms",
                          (json_int_t)one.objective_ms, "forecast_ms", ms_json(one.served_ms),
                          "p95_ms", simulated->has_slowest ? ms_json(slow.served_ms) : json_null(),
                          "met", met && one.served_ms != SIMULATED_NEVER, "last_step", one.last));
        }
    }
    return list;
}

static json_t *timeline_json(const struct simulation_result *result) {
    json_t *list = json_array();
    for (unsigned i = 0; i < result->moments_n; i++) {
        (void)json_array_append_new(list, json_pack("{s:I,s:s}", "at_ms",
                                                    (json_int_t)result->moments[i].at_ms, "text",
                                                    result->moments[i].text));
    }
    return list;
}

static json_t *gates_json(const struct simulation_result *result) {
    json_t *list = json_array();
    for (unsigned g = 0; g < GATES_N; g++) {
        if (result->gates_stop[g]) {
            (void)json_array_append_new(list, json_string(gate_text((enum gate)g)));
        }
    }
    return list;
}

json_t *simulated_json(const struct simulated *simulated) {
    const struct simulation_input *input = &simulated->input;
    const struct simulation_result *result = &simulated->result;
    const struct topology *topology = input->topology;
    json_t *lease = json_pack("{s:o,s:o,s:o,s:o,s:o}", "closed_ms", ms_json(result->closed_ms),
                              "ended_ms", ms_json(result->lease_ended_ms), "proved_ms",
                              ms_json(result->proved_ms), "opened_ms", ms_json(result->opened_ms),
                              "certified_ms", ms_json(result->certified_ms));
    json_t *root = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:s,s:i,s:b,s:b,s:o}", "what",
                             "simulation", "plan", topology->plans[input->plan].name, "kind",
                             plan_kind_text((enum plan_kind)topology->plans[input->plan].kind),
                             "source", topology->regions[input->source].name, "target",
                             topology->regions[input->target].name, "live", simulated->live, "seed",
                             (json_int_t)input->seed, "people_ms", (json_int_t)input->people_ms,
                             "end", end_text((enum simulation_end)result->end), "rule",
                             (int)result->rule, "automatic", result->automatic, "blocked",
                             result->blocked, "gates", gates_json(result));
    (void)json_object_set_new(root, "ended_ms", json_integer((json_int_t)result->ended_ms));
    (void)json_object_set_new(root, "promise_ms",
                              json_integer((json_int_t)promise_of(input, result)));
    (void)json_object_set_new(root, "lease", lease);
    (void)json_object_set_new(root, "people_sum_ms", json_integer((json_int_t)result->people_ms));
    (void)json_object_set_new(root, "steps", steps_json(simulated));
    (void)json_object_set_new(root, "tiers", tiers_json(simulated));
    (void)json_object_set_new(root, "timeline", timeline_json(result));
    return root;
}
