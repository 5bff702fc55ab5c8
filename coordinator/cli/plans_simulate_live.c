/* A simulated world that begins as the real one looks now: who is heard, what checks say, how far
 * links lag, what holds automation, and how long steps took when they were run last. */
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/cli/plans_simulate_parts.h"
#include "coordinator/cli/show_parts.h"

static int ask(struct session *session, const struct simulated *simulated, const char *what,
               json_t **ret_json) {
    struct query query = {.what = ""};
    (void)text_copy(query.what, sizeof query.what, what);
    struct client_reply reply = client_ask(session, &query);
    int code = reply.json == NULL ? say_nobody(session) : EXIT_OK;
    if (code == EXIT_OK && number_in(reply.json, "config_version") != simulated->source->version) {
        (void)fprintf(stderr, "drover plan simulate: the topology changed meanwhile; look again\n");
        code = EXIT_CHANGED;
    }
    if (code != EXIT_OK) {
        json_decref(reply.json);
        return code;
    }
    *ret_json = reply.json;
    return EXIT_OK;
}

static void take_agents(struct simulation_input *input, const json_t *list) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        uint8_t agent = topology_agent(input->topology, text_in(one, "name"));
        if (agent == NONE) {
            continue;
        }
        input->lost_agents |= yes_in(one, "heard") ? 0 : bit(agent);
        bool there = yes_in(json_object_get(one, "guard"), "present");
        input->absent_guards |= there ? 0 : bit(agent);
    }
}

static void take_links(struct simulation_input *input, const json_t *list) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        uint8_t link = topology_link(input->topology, text_in(one, "name"));
        long long lag_ms = number_in(one, "agreed_lag_ms");
        if (link != NONE) {
            input->links[link].known = yes_in(one, "agreed_known");
            input->links[link].lag_ms = lag_ms < 0            ? 0
                                        : lag_ms > UINT32_MAX ? UINT32_MAX
                                                              : (uint32_t)lag_ms;
        }
    }
}

static uint8_t status_of(const char *text) {
    static const char *const texts[] = {"unknown", "ok", "suspect", "failed", "warn", "stale"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (text_equal(text, texts[i])) {
            return (uint8_t)i;
        }
    }
    return CHECK_UNKNOWN;
}

static void take_check(struct simulation_input *input, const json_t *check) {
    size_t i;
    json_t *vantage;
    for (uint8_t c = 0; c < input->topology->checks_n; c++) {
        if (!text_equal(input->topology->checks[c].name, text_in(check, "name"))) {
            continue;
        }
        json_array_foreach(json_object_get(check, "vantages"), i, vantage) {
            uint8_t agent = topology_agent(input->topology, text_in(vantage, "from"));
            if (agent != NONE) {
                input->checks[c][agent] = status_of(text_in(vantage, "status"));
            }
        }
    }
}

static void take_components(struct simulation_input *input, const json_t *list) {
    size_t i, j;
    json_t *component, *check;
    json_array_foreach(list, i, component) {
        json_array_foreach(json_object_get(component, "checks"), j, check) {
            take_check(input, check);
        }
    }
}

static void take_automation(struct simulation_input *input, const json_t *automation) {
    input->held = yes_in(automation, "held");
    input->latched = yes_in(automation, "latched");
    long long block_ms = number_in(automation, "blocked_for_ms");
    input->block_ms = block_ms > 0 ? (uint64_t)block_ms : 0;
}

/* ------------------------------------------------------------ how long steps took */

#define SAMPLES_MAX 32

static void sample_add(uint64_t *samples, unsigned *samples_n, uint64_t ms) {
    unsigned at = *samples_n;
    if (at == SAMPLES_MAX) {
        return;
    }
    for (; at > 0 && samples[at - 1] > ms; at--) {
        samples[at] = samples[at - 1];
    }
    samples[at] = ms;
    (*samples_n)++;
}

/* The same action on the same component, whatever the plan calls it; what was there already, and
 * what a person did, tells nothing. */
static bool tells_of(const struct simulation_input *input, const struct step *step,
                     const json_t *was) {
    const char *component =
        step->component == NONE ? "" : input->topology->components[step->component].name;
    bool same_name = step->component != NONE || text_equal(text_in(was, "name"), step->name);
    return same_name && text_equal(text_in(was, "state"), "done") && !yes_in(was, "observed") &&
           text_equal(text_in(was, "component"), component) &&
           text_equal(text_in(was, "action"), action_kind_text((enum action_kind)step->action));
}

static void take_history(struct simulation_input *input, const json_t *executions) {
    const struct plan *plan = &input->topology->plans[input->plan];
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        uint64_t samples[SAMPLES_MAX];
        unsigned samples_n = 0;
        size_t i, j;
        json_t *execution, *was;
        json_array_foreach(executions, i, execution) {
            json_array_foreach(json_object_get(execution, "steps"), j, was) {
                long long took_ms = number_in(was, "took_ms");
                if (tells_of(input, &plan->steps[s], was) && took_ms >= 0) {
                    sample_add(samples, &samples_n, (uint64_t)took_ms);
                }
            }
        }
        if (samples_n > 0) {
            input->steps[s].takes_from = TAKES_MEASURED;
            input->steps[s].takes_ms = samples[samples_n / 2];
            input->steps[s].slowest_ms = samples[(samples_n * 95 + 99) / 100 - 1];
            input->steps[s].samples_n = samples_n;
        }
    }
}

void simulated_take(struct simulation_input *input, const json_t *json) {
    if (has(json, "automation")) {
        take_automation(input, json_object_get(json, "automation"));
    }
    take_agents(input, json_object_get(json, "agents"));
    take_links(input, json_object_get(json, "links"));
    take_components(input, json_object_get(json, "components"));
    if (has(json, "executions")) {
        take_history(input, json_object_get(json, "executions"));
    }
}

/* The audit knows more than the executions that are still remembered. */
static int past_ask(struct session *session, struct simulated *simulated) {
    struct simulation_input *input = &simulated->input;
    const struct plan *plan = &input->topology->plans[input->plan];
    uint8_t region = plan->kind == PLAN_REPROTECT ? input->source : input->target;
    int code;
    json_t *json =
        plan_history_ask(session, plan->name, input->topology->regions[region].name, &code);
    if (json == NULL) {
        return code;
    }
    simulated_take_past(input, json);
    json_decref(json);
    return EXIT_OK;
}

int simulated_ask(struct session *session, struct simulated *simulated) {
    static const char *const questions[] = {"status", "agents", "links", "components",
                                            "executions"};
    struct simulation_input *input = &simulated->input;
    input->epoch = simulated->source->epoch > 0 ? simulated->source->epoch : 1;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        json_t *json = NULL;
        int code = ask(session, simulated, questions[i], &json);
        if (code != EXIT_OK) {
            return code;
        }
        simulated_take(input, json);
        json_decref(json);
    }
    return past_ask(session, simulated);
}
