/* What is told of a simulated world on the command line: whom or what, and what is the matter. */
#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "coordinator/cli/plans_simulation.h"
#include "proto/message.h"

void simulation_input_of(struct topology *topology, uint8_t plan, uint8_t source, uint8_t target,
                         struct simulation_input *ret_input) {
    memset(ret_input, 0, sizeof *ret_input);
    ret_input->topology = topology;
    ret_input->plan = plan;
    ret_input->source = source;
    ret_input->target = target;
    ret_input->people_ms = PEOPLE_MS_DEFAULT;
    ret_input->epoch = 1;
    bool lost = topology->plans[plan].kind == PLAN_FAILOVER;
    ret_input->lost_regions = lost ? bit(source) : 0;
    memset(ret_input->checks, CHECK_OK, sizeof ret_input->checks);
    for (uint8_t l = 0; l < LINKS_MAX; l++) {
        ret_input->links[l].known = true;
    }
}

/* ------------------------------------------------------------------------- of a step */

static bool step_fault_words(struct simulated_step *step, const char *fault, const char *value) {
    uint64_t n = 0;
    if (text_equal(fault, "fail") && (value == NULL || text_to_u64(value, 1000, &n))) {
        step->fault = STEP_FAULT_FAIL;
        step->fails_n = (uint32_t)n;
        return true;
    }
    if (text_equal(fault, "slow") || text_equal(fault, "takes")) {
        if (value == NULL || !duration_from_text(value, &n) || n > 30 * DAY_MS) {
            return false;
        }
        bool slow = text_equal(fault, "slow");
        step->fault = slow ? (uint8_t)STEP_FAULT_SLOW : step->fault;
        step->slow_ms = slow ? n : step->slow_ms;
        step->takes_from = slow ? step->takes_from : (uint8_t)TAKES_TOLD;
        step->takes_ms = slow ? step->takes_ms : n;
        return true;
    }
    static const struct {
        const char *word;
        uint8_t fault;
    } words[] = {{"hang", STEP_FAULT_HANG},
                 {"agent-lost", STEP_FAULT_AGENT_LOST},
                 {"declined", STEP_FAULT_DECLINED},
                 {"unanswered", STEP_FAULT_UNANSWERED}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (value == NULL && text_equal(fault, words[i].word)) {
            step->fault = words[i].fault;
            return true;
        }
    }
    return false;
}

static uint8_t step_named(const struct plan *plan, const char *name) {
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return s;
        }
    }
    return NONE;
}

static bool asks_person(const struct step *step) {
    return step_is_a_persons(step) || step->approval != NONE;
}

static bool step_fault(struct simulation_input *input, uint8_t s, const char *fault,
                       const char *value, struct text256 *reterr) {
    const struct step *step = &input->topology->plans[input->plan].steps[s];
    struct simulated_step told = input->steps[s];
    if (!step_fault_words(&told, fault, value)) {
        text_say(reterr, "of a step: fail, fail:N, slow:30s, takes:30s, hang, agent-lost, "
                         "declined or unanswered");
        return false;
    }
    bool person = told.fault == STEP_FAULT_DECLINED || told.fault == STEP_FAULT_UNANSWERED;
    if (person && !asks_person(step)) {
        text_say(reterr, "nobody is asked to approve %s", step->name);
        return false;
    }
    if (!person && step_is_a_persons(step)) {
        text_say(reterr, "%s is a person's word: declined or unanswered", step->name);
        return false;
    }
    input->steps[s] = told;
    return true;
}

/* -------------------------------------------------------------- of all that is no step */

static bool region_fault(struct simulation_input *input, uint8_t region, const char *fault) {
    if (text_equal(fault, "lost")) {
        input->lost_regions |= bit(region);
        return true;
    }
    input->lost_regions &= ~bit(region);
    return text_equal(fault, "well");
}

static bool link_fault(struct simulation_input *input, uint8_t link, const char *fault,
                       const char *value) {
    uint64_t ms = 0;
    if (text_equal(fault, "unknown") && value == NULL) {
        input->links[link].known = false;
        return true;
    }
    if (!text_equal(fault, "lag") || value == NULL || !duration_from_text(value, &ms) ||
        ms > UINT32_MAX) {
        return false;
    }
    input->links[link].known = true;
    input->links[link].lag_ms = (uint32_t)ms;
    return true;
}

/* Of every agent that looks. */
static bool check_fault(struct simulation_input *input, uint8_t check, const char *fault) {
    uint8_t status = text_equal(fault, "failed") ? CHECK_FAILED : CHECK_OK;
    memset(input->checks[check], status, sizeof input->checks[check]);
    return status == CHECK_FAILED || text_equal(fault, "well");
}

static uint8_t check_named(const struct topology *topology, const char *name) {
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        if (text_equal(topology->checks[c].name, name)) {
            return c;
        }
    }
    return NONE;
}

static bool other_fault(struct simulation_input *input, const char *name, const char *fault,
                        const char *value, struct text256 *reterr) {
    const struct topology *topology = input->topology;
    uint8_t agent = topology_agent(topology, name), region = topology_region(topology, name);
    uint8_t link = topology_link(topology, name), check = check_named(topology, name);
    if (agent != NONE) {
        bool good = value == NULL && text_equal(fault, "lost");
        input->lost_agents |= good ? bit(agent) : 0;
        text_say(reterr, "of an agent: lost");
        return good;
    }
    if (region != NONE) {
        text_say(reterr, "of a region: lost or well");
        return value == NULL && region_fault(input, region, fault);
    }
    if (link != NONE) {
        text_say(reterr, "of a link: lag:2h or unknown");
        return link_fault(input, link, fault, value);
    }
    if (check != NONE) {
        text_say(reterr, "of a check: failed or well");
        return value == NULL && check_fault(input, check, fault);
    }
    text_say(reterr, "no step of plan %s, agent, region, link or check is called \"%s\"",
             topology->plans[input->plan].name, name);
    return false;
}

bool simulation_fault_read(struct simulation_input *input, const char *text,
                           struct text256 *reterr) {
    char words[128];
    const struct plan *plan = &input->topology->plans[input->plan];
    if (!text_copy(words, sizeof words, text)) {
        text_say(reterr, "it is too long");
        return false;
    }
    char *equals = strchr(words, '=');
    if (equals == NULL) {
        text_say(reterr, "WHAT=FAULT is expected, such as %s=fail",
                 plan->steps_n > 0 ? plan->steps[0].name : "STEP");
        return false;
    }
    *equals = '\0';
    char *fault = equals + 1, *value = strchr(fault, ':');
    if (value != NULL) {
        *value++ = '\0';
    }
    uint8_t step = step_named(plan, words);
    return step != NONE ? step_fault(input, step, fault, value, reterr)
                        : other_fault(input, words, fault, value, reterr);
}
