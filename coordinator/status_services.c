/* Whether what an execution moved serves: its steps may be over long before (D17). Read off the
 * newest reports; a check is green after as many good readings as it declares. */
#include "common/plan/order.h"
#include "coordinator/status_parts.h"

struct tally {
    unsigned checks_n, green_n;
    uint64_t least_ms; /* since the last of them became green */
    json_t *not_green;
};

static bool acts_on(const struct plan *plan, uint8_t component) {
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        if (plan->steps[s].component == component) {
            return true;
        }
    }
    return false;
}

/* A link needs the region left, and what only readiness asks is a question to a standby. */
static bool counts(const struct topology *topology, const struct plan *plan, uint8_t region,
                   const struct check *check) {
    bool service = check->ready == READY_BY_DEFAULT || check->ready == READY_NOTHING;
    return check->region == region && !topology->components[check->component].excluded &&
           check->link == NONE && (check->vital || (service && acts_on(plan, check->component)));
}

static bool sees_green(const struct answering *answering, uint8_t check, uint8_t agent,
                       uint64_t *least_ms) {
    const struct check_report *seen = check_report_of(report_of(answering->member, agent), check);
    uint64_t since_ms = seen == NULL ? 0 : seen->since_ms + heard_ago_ms(answering->member, agent);
    bool green = seen != NULL && (seen->status == CHECK_OK || seen->status == CHECK_WARN);
    *least_ms = green && since_ms < *least_ms ? since_ms : *least_ms;
    return green;
}

/* From outside the majority of the vantages that are heard counts. */
static void take_check(const struct answering *answering, uint8_t check, struct tally *tally) {
    const struct check *declared = &answering->topology->checks[check];
    unsigned heard_n = 0, green_n = 0;
    uint64_t least_ms = tally->least_ms;
    for (uint8_t a = 0; a < answering->topology->agents_n; a++) {
        bool runs = declared->outside ? answering->topology->agents[a].region != declared->region
                                      : declared->agent == a;
        if (runs && listen_agent_heard(answering->member, a)) {
            heard_n++;
            green_n += sees_green(answering, check, a, &least_ms);
        }
    }
    tally->checks_n++;
    if (heard_n > 0 && green_n * 2 > heard_n) {
        tally->green_n++;
        tally->least_ms = least_ms;
        return;
    }
    json_t *object = list_add(tally->not_green);
    put_text(object, "check", declared->name);
    put_text(object, "component", name_component(answering->topology, declared->component));
    put_text(object, "state", heard_n == 0 ? "not heard" : "not green");
}

json_t *services_object(const struct answering *answering, const struct execution *execution) {
    const struct topology *topology = answering->topology;
    bool back = execution->kind == PLAN_REPROTECT;
    uint8_t region = back ? execution->source : execution->target;
    bool stands = execution->stage == STAGE_DONE && execution->plan < topology->plans_n &&
                  execution == execution_newest(answering->core) &&
                  (back || execution_yields(execution) || answering->core->owner == region);
    struct tally tally = {.least_ms = UINT64_MAX, .not_green = json_array()};
    for (uint8_t c = 0; stands && c < topology->checks_n; c++) {
        if (counts(topology, &topology->plans[execution->plan], region, &topology->checks[c])) {
            take_check(answering, c, &tally);
        }
    }
    if (tally.checks_n == 0) {
        json_decref(tally.not_green);
        return json_null();
    }
    bool green = tally.green_n == tally.checks_n;
    json_t *object = json_object();
    put_text(object, "region", name_region(topology, region));
    put_yes(object, "green", green);
    put_count(object, "checks_n", tally.checks_n);
    put_count(object, "green_n", tally.green_n);
    if (green) {
        put_count(object, "green_for_ms", tally.least_ms);
    } else {
        put_null(object, "green_for_ms");
    }
    put_object(object, "not_green", tally.not_green);
    return object;
}
