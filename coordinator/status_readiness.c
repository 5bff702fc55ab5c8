/* Could a region take over now: what this member knows, as coordinator/decide/readiness.h wants it,
 * and its lines as JSON, what fails first. */
#include "common/io/clock.h"
#include "coordinator/decide/readiness.h"
#include "coordinator/status_needs.h"
#include "coordinator/status_past.h"

#define EXIT_NOT_READY 9

/* The moves towards the target: nothing else brings the service there. */
static void plans_fill(const struct answering *answering, struct readiness_input *input) {
    const struct topology *topology = answering->topology;
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        if (!plan_kind_moves((enum plan_kind)topology->plans[p].kind)) {
            continue;
        }
        struct plan_past past = plan_past_of(answering, p, answering->core->owner, input->target);
        struct readiness_plan *plan = &input->plans[p];
        *plan = (struct readiness_plan){.looked = true,
                                        .steps_n = past.steps_n,
                                        .never_n = past.never_n,
                                        .failing_n = past.failing_n,
                                        .oldest = past.oldest,
                                        .oldest_wall_ms = past.oldest_wall_ms};
        for (uint8_t i = 0; i < past.never_n; i++) {
            plan->never[i] = past.never[i];
        }
    }
}

void readiness_agents(const struct coordinator *member, struct readiness_input *ret_input) {
    for (uint8_t a = 0; a < member->topology->agents_n; a++) {
        const struct agent_live *live = &member->agents[a];
        ret_input->agents[a] =
            (struct readiness_agent){.heard = listen_agent_heard(member, a),
                                     .heard_ago_ms = heard_ago_ms(member, a),
                                     .clock_off_ms = clock_off_ms(&live->clock),
                                     .report = live->reported ? &live->report : NULL};
    }
}

void readiness_fill(const struct answering *answering, uint8_t target,
                    struct readiness_input *ret_input) {
    const struct topology *topology = answering->topology;
    uint64_t wall_ms = clock_wall_ms(), now_ms = member_now_ms();
    *ret_input = (struct readiness_input){
        .core = answering->core, .topology = topology, .target = target, .wall_ms = wall_ms};
    readiness_agents(answering->member, ret_input);
    for (uint8_t l = 0; l < topology->links_n; l++) {
        struct lag lag = lags_of(answering->member, l);
        ret_input->links[l] = (struct readiness_link){
            .known = lag.known,
            .lag_ms = lag.ms,
            .sampled_ago_ms = now_ms > lag.sampled_ms ? now_ms - lag.sampled_ms : 0};
    }
}

void readiness_put(json_t *list, const struct readiness_line *line) {
    static const char *const states[] = {"good", "wrong", "unknown"};
    json_t *object = list_add(list);
    put_text(object, "weight", line->weight == READY_BLOCKER ? "blocker" : "warning");
    put_text(object, "state", states[line->state]);
    put_text(object, "name", line->name);
    put_text(object, "text", line->text);
    if (line->age_ms >= 0) {
        put_number(object, "age_ms", line->age_ms);
    } else {
        put_null(object, "age_ms");
    }
    put_text(object, "fix", line->fix);
}

static json_t *lines_json(const struct readiness *readiness) {
    json_t *list = json_array();
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < readiness->n; i++) {
            const struct readiness_line *line = &readiness->lines[i];
            bool good = line->state == READINESS_GOOD;
            unsigned mine = good ? 2 : line->weight == READY_BLOCKER ? 0 : 1;
            if (mine == turn) {
                readiness_put(list, line);
            }
        }
    }
    return list;
}

void readiness_answer(struct answering *answering) {
    static struct readiness_input input;
    static struct readiness readiness;
    const struct topology *topology = answering->topology;
    const char *name =
        answering->argument[0] != '\0' ? answering->argument : standby_name(answering);
    uint8_t target = topology_region(topology, name);
    if (target == NONE || topology->regions[target].kind != REGION_DATA) {
        answer_wrong(answering, "no region that could take over is called \"%s\"", name);
        return;
    }
    if (target == answering->core->owner) {
        answer_wrong(answering, "%s owns epoch %llu: readiness is a question to the others", name,
                     (unsigned long long)answering->core->epoch);
        return;
    }
    readiness_fill(answering, target, &input);
    plans_fill(answering, &input);
    for (uint8_t d = 0; d < topology->drills_n; d++) {
        input.drills_held_ms[d] = drill_held_wall_ms(answering, d);
    }
    readiness_read(&input, &readiness);
    put_text(answering->json, "region", name);
    put_text(answering->json, "owner", name_region(topology, answering->core->owner));
    put_count(answering->json, "epoch", answering->core->epoch);
    put_yes(answering->json, "ready", readiness.blockers_n == 0);
    put_count(answering->json, "blockers_n", readiness.blockers_n);
    put_count(answering->json, "warnings_n", readiness.warnings_n);
    put_count(answering->json, "good_n", readiness.good_n);
    put_object(answering->json, "lines", lines_json(&readiness));
    answering->exit_code = readiness.blockers_n == 0 ? answering->exit_code : EXIT_NOT_READY;
}
