/* What happened, in the operators' own words: rules' sentences, states' names, gates. */
#include <stdio.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "coordinator/cli/plans_simulation_parts.h"
#include "coordinator/cli/show_parts.h"

void moment_add(struct simulation *simulation, const char *format, ...) {
    struct simulation_result *result = simulation->result;
    if (!simulation->begun) {
        return; /* before the time that is told */
    }
    if (result->moments_n == MOMENTS_MAX) {
        result->moments_lost_n++;
        return;
    }
    struct simulated_moment *moment = &result->moments[result->moments_n++];
    va_list args;
    moment->at_ms = simulation_since(simulation);
    va_start(args, format);
    (void)text_format_list(moment->text, sizeof moment->text, format, args);
    va_end(args);
}

/* -------------------------------------------------------------------------- rules */

static bool rule_is_told(uint16_t rule) {
    bool dull = rule == 0 || rule == 311 || rule == 321 || rule == 401 || rule == 402;
    return !dull && rule < 900;
}

static void say_lease(struct simulation *simulation, const struct core *before) {
    const struct core *core = simulation_core(simulation);
    struct simulation_result *result = simulation->result;
    uint64_t epoch = simulation->input->epoch - 1 + core->epoch;
    if (before->open && !core->open) {
        result->closed_ms = simulation_since(simulation);
        uint64_t left_ms = fleet_wait_left_ms(simulation);
        bool hold = topology_wait_ms(&simulation->topology->lease) == UINT32_MAX;
        moment_add(simulation, "epoch %llu is closed; %s%s", (unsigned long long)epoch,
                   hold           ? "under hold only the guards' proofs end the members' wait"
                   : left_ms == 0 ? "its last lease is over, nobody has to wait"
                                  : "without the guards' proofs the members wait for ",
                   hold || left_ms == 0 ? "" : span_text((long long)left_ms).at);
    } else if (core->epoch > before->epoch && core->epoch > 1) {
        result->opened_ms = simulation_since(simulation);
        moment_add(simulation, "epoch %llu is open for %s", (unsigned long long)epoch,
                   simulation->topology->regions[core->owner].name);
    }
}

static void say_classes(struct simulation *simulation, const struct core *before) {
    const struct core *core = simulation_core(simulation);
    for (uint8_t r = 0; r < simulation->topology->regions_n; r++) {
        if (core->last_class[r] != before->last_class[r]) {
            moment_add(simulation, "%s looks %s", simulation->topology->regions[r].name,
                       class_text((enum region_class)core->last_class[r]));
        }
    }
}

/* -------------------------------------------------------------------------- steps */

/* An undoing that began at the same instant has a number of its own, and no error yet. */
static void say_failed_attempt(struct simulation *simulation, const struct step *step,
                               const struct step_state *was, const struct step_state *is) {
    bool again = is->phase == STEP_WAITING;
    moment_add(simulation, "%s: attempt %u failed%s%s%s", step->name, was->attempt,
               is->err == ERR_OK ? "" : ": ", is->err == ERR_OK ? "" : err_text((enum err)is->err),
               again            ? "; it is tried again"
               : step->may_fail ? "; it may fail, the execution goes on without it"
                                : "");
}

static void say_step(struct simulation *simulation, uint8_t s, const struct step_state *was,
                     const struct step_state *is) {
    const struct step *step = &simulation->plan->steps[s];
    const char *agent = is->agent == NONE ? "nobody" : simulation->topology->agents[is->agent].name;
    uint64_t *begun_ms = &simulation->result->steps[s].begun_ms;
    uint64_t *ended_ms = &simulation->result->steps[s].ended_ms;
    bool began = is->attempt != was->attempt && is->undo != 1;
    bool failed =
        is->phase != was->phase &&
        (is->phase == STEP_FAILED || (is->phase == STEP_WAITING && was->phase == STEP_RUNNING));
    if (failed && was->phase == STEP_RUNNING) {
        say_failed_attempt(simulation, step, was, is);
    } else if (failed) {
        moment_add(simulation, "%s: nobody who can run it was heard in its time", step->name);
    }
    if (is->undo != was->undo || (is->undo == 1 && is->attempt != was->attempt)) {
        moment_add(simulation, "%s is %s at %s", step->name,
                   is->undo == 2 ? "undone" : "being undone", agent);
    }
    if (began) {
        *begun_ms = *begun_ms == SIMULATED_NEVER ? simulation_since(simulation) : *begun_ms;
        moment_add(simulation, is->attempt > 1 ? "%s begins at %s, attempt %u" : "%s begins at %s",
                   step->name, agent, is->attempt);
    }
    if (is->phase == was->phase) {
        return;
    }
    if (is->phase == STEP_DONE || is->phase == STEP_FAILED) {
        *ended_ms = simulation_since(simulation);
        *begun_ms = *begun_ms == SIMULATED_NEVER ? *ended_ms : *begun_ms;
    }
    if (is->phase == STEP_DONE) {
        uint64_t took_ms = *ended_ms - *begun_ms;
        moment_add(simulation, took_ms > 0 ? "%s is done, in %s" : "%s is done", step->name,
                   span_text((long long)took_ms).at);
    } else if (is->phase == STEP_SKIPPED || is->phase == STEP_BY_HAND) {
        moment_add(simulation, "%s: %s", step->name, step_phase_text((enum step_phase)is->phase));
    }
}

static void say_pause(struct simulation *simulation, const struct execution *is) {
    const char *step =
        is->paused_step < is->steps_n ? simulation->plan->steps[is->paused_step].name : "?";
    unsigned long long id = (unsigned long long)is->id;
    switch ((enum pause_why)is->paused) {
    case PAUSE_NO: moment_add(simulation, "the execution goes on"); return;
    case PAUSE_OPERATOR: break;
    case PAUSE_STEP_FAILED:
    case PAUSE_NO_AGENT:
        moment_add(simulation,
                   "PAUSED  %s at %s: people choose: drover step retry|skip|done %llu %s",
                   pause_text((enum pause_why)is->paused), step, id, step);
        return;
    case PAUSE_REJECTED:
        moment_add(simulation, "PAUSED  %s at %s: nothing is cancelled: drover approve %llu %s%s",
                   pause_text((enum pause_why)is->paused), step, id, step,
                   is->opened_ms == 0 && plan_kind_moves((enum plan_kind)is->kind)
                       ? ", or drover abort"
                       : "");
        return;
    default: break;
    }
    moment_add(simulation, "PAUSED  %s", pause_text((enum pause_why)is->paused));
}

static bool step_is_over(const struct step_state *is) {
    return is->phase == STEP_DONE || is->phase == STEP_FAILED;
}

/* What ended comes before what begins because of it. */
static void say_execution(struct simulation *simulation, const struct execution *was,
                          const struct execution *is) {
    static const struct execution none;
    was = was == NULL ? &none : was;
    if (memcmp(was, is, sizeof *is) == 0) {
        return;
    }
    simulation->changed_ms = simulation->now_ms;
    for (uint8_t s = 0; s < is->steps_n; s++) {
        if (step_is_over(&is->steps[s])) {
            say_step(simulation, s, &was->steps[s], &is->steps[s]);
        }
    }
    if (was->stage != is->stage) {
        moment_add(simulation, "EXECUTION  %s", stage_text((enum execution_stage)is->stage));
    }
    for (uint8_t s = 0; s < is->steps_n; s++) {
        if (!step_is_over(&is->steps[s])) {
            say_step(simulation, s, &was->steps[s], &is->steps[s]);
        }
    }
    if (was->paused != is->paused) {
        say_pause(simulation, is);
    }
}

void say_changes(struct simulation *simulation, const struct core *before,
                 const struct verdict *verdict) {
    if (!simulation->begun) {
        return;
    }
    say_classes(simulation, before);
    if (rule_is_told(verdict->rule)) {
        moment_add(
            simulation, "%srule %u  %s",
            verdict->result == RESULT_REFUSED || verdict->result == RESULT_STALE ? "REFUSED  " : "",
            verdict->rule, rule_sentence(verdict->rule));
    }
    say_lease(simulation, before);
    const struct execution *is = simulation_execution(simulation);
    const struct execution *was = core_execution(before, simulation->execution);
    if (is != NULL) {
        say_execution(simulation, was, is);
    }
}

/* -------------------------------------------------------------------------- gates */

static const char *subject_of(const struct topology *topology, enum gate gate, uint8_t subject) {
    if (gate == GATE_RPO_ && subject < topology->links_n) {
        return topology->links[subject].name;
    }
    if (gate == GATE_STANDBY_ && subject < topology->checks_n) {
        return topology->checks[subject].name;
    }
    return gate == GATE_GUARDED_ && subject < topology->components_n
               ? topology->components[subject].name
               : "";
}

static void figure(const struct gate_reading *reading, int64_t value, char *out, size_t out_size) {
    if (reading->unit_ms && value < 0) {
        (void)text_format(out, out_size, "not known");
    } else if (reading->unit_ms) {
        (void)text_format(out, out_size, "%s", duration_text((uint64_t)value).at);
    } else {
        (void)text_format(out, out_size, "%lld", (long long)value);
    }
}

void say_gates(struct simulation *simulation) {
    struct gate_reading gates[GATES_N];
    const struct core *core = simulation_core(simulation);
    uint8_t target;
    char value[40], limit[40];
    (void)gates_read(core, simulation->topology, gates, &target);
    moment_add(simulation, "BLOCKED  no automatic failover, and people must declare it:");
    for (unsigned g = 0; g < GATES_N; g++) {
        const char *subject = subject_of(simulation->topology, (enum gate)g, gates[g].subject);
        simulation->result->gates_stop[g] = !gates[g].passes;
        if (gates[g].passes) {
            continue;
        }
        figure(&gates[g], gates[g].value, value, sizeof value);
        figure(&gates[g], gates[g].limit, limit, sizeof limit);
        moment_add(simulation, "BLOCKED  by the gate \"%s\": now %s, limit %s%s%s",
                   gate_text((enum gate)g), value, limit, subject[0] == '\0' ? "" : ", ", subject);
    }
}
