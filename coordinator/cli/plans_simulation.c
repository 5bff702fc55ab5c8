/* Virtual time: what is due is done, what follows from it is read off the core, and time jumps to
 * what is due next. */
#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "coordinator/cli/plans_simulation_parts.h"

#define WALL_MS UINT64_C(1767225600000) /* some day: people are shown virtual time only */
#define TURNS_MAX 1000000u
#define LASTS_MS (8 * DAY_MS)
#define QUIET_MS 10000
#define TICK_RARE_MS 5000 /* while nothing happens; the core counts no more of one (core.h) */
#define JUDGED_LATER_MS 30000

const struct core *simulation_core(const struct simulation *simulation) {
    return &simulation->members[0].core;
}

const struct execution *simulation_execution(const struct simulation *simulation) {
    return core_execution(simulation_core(simulation), simulation->execution);
}

struct stamp simulation_stamp(const struct simulation *simulation) {
    return (struct stamp){.boot_ms = simulation->now_ms, .raw_ms = simulation->now_ms};
}

uint64_t simulation_since(const struct simulation *simulation) {
    return simulation->now_ms > simulation->zero_ms ? simulation->now_ms - simulation->zero_ms : 0;
}

struct verdict simulation_feed(struct simulation *simulation, struct event *event) {
    static struct core before;
    before = *simulation_core(simulation);
    event->index = ++simulation->index;
    event->wall_ms = WALL_MS + simulation->now_ms;
    for (uint8_t m = 0; m < simulation->topology->members_n; m++) {
        simulation->members[m].step_at = simulation_stamp(simulation);
        simulation->decision.fact.event = *event;
        decide_step(&simulation->members[m], &simulation->decision, &simulation->lines);
    }
    struct verdict verdict = simulation->decision.verdict;
    const struct core *core = simulation_core(simulation);
    if (simulation->begun && simulation->execution == 0 && verdict.execution != 0) {
        simulation->execution = verdict.execution;
        simulation->result->begun_ms = simulation_since(simulation);
        simulation->result->automatic = simulation_execution(simulation)->automatic != 0;
        simulation->declare_ms = simulation->judge_ms = SIMULATED_NEVER;
    }
    if (core->epoch != before.epoch || core->open != before.open) {
        fleet_lease_moved(simulation);
    }
    say_changes(simulation, &before, &verdict);
    return verdict;
}

/* ------------------------------------------------------------------ the beginning */

static void members_start(struct simulation *simulation) {
    static const struct attest_durable notes; /* of members that have been there before */
    for (uint8_t m = 0; m < simulation->topology->members_n; m++) {
        struct decide *member = &simulation->members[m];
        member->topology = simulation->input->topology;
        member->topology_known = true;
        decide_start(member, &notes, simulation_stamp(simulation), &simulation->lines);
        decide_caught_up(member, 0, &simulation->lines);
    }
    struct event config = {.kind = EVENT_CONFIG, .config.version = simulation->topology->version};
    struct event keeper = {.kind = EVENT_TIMEKEEPER, .timekeeper = {.member = 0, .term = 1}};
    (void)simulation_feed(simulation, &config);
    (void)simulation_feed(simulation, &keeper);
}

/* A fleet that has been well for long enough, and then what was found in the real one. */
static void world_settle(struct simulation *simulation) {
    const struct simulation_input *input = simulation->input;
    for (uint8_t l = 0; l < simulation->topology->links_n; l++) {
        struct event lag = {.kind = EVENT_LAG,
                            .lag = {.link = l,
                                    .known = input->links[l].known,
                                    .lag_ms = input->links[l].lag_ms,
                                    .epoch = simulation_core(simulation)->epoch}};
        (void)simulation_feed(simulation, &lag);
    }
    for (uint8_t m = 0; m < simulation->topology->members_n; m++) {
        struct core *core = &simulation->members[m].core;
        core->latched = input->latched; /* as a snapshot would bring it */
        core->block_until_ms = input->block_ms == 0 ? 0 : core->now_ms + input->block_ms;
    }
}

static void automation_hold(struct simulation *simulation, const char *why) {
    struct event hold = {.kind = EVENT_REQUEST,
                         .request = {.kind = REQUEST_HOLD, .role = ROLE_COMMANDER}};
    hold.request.identity[0] = 1;
    (void)simulation_feed(simulation, &hold);
    moment_add(simulation, "automation is held%s", why);
}

static void outage_begin(struct simulation *simulation) {
    const struct simulation_input *input = simulation->input;
    const struct topology *topology = simulation->topology;
    bool lost = bits_has(input->lost_regions, input->source);
    bool mine = plan_of_kind(topology, PLAN_FAILOVER) == input->plan;
    bool waits = simulation->plan->kind == PLAN_FAILOVER && lost && topology->policy.automatic;
    simulation->zero_ms = simulation->now_ms;
    simulation->begun = true;
    if (input->held) {
        automation_hold(simulation, ", as it is in the fleet");
    } else if (waits && !mine) {
        automation_hold(simulation, ": by themselves the members would begin another plan");
    }
    fleet_begin(simulation);
    if (waits && mine && !input->held) {
        uint64_t longest_ms = 0;
        for (uint8_t c = 0; c < topology->checks_n; c++) {
            const struct check *check = &topology->checks[c];
            uint64_t ms = (uint64_t)check->interval_ms * check->failures_n + check->timeout_ms;
            longest_ms = check->outside && ms > longest_ms ? ms : longest_ms;
        }
        simulation->judge_ms = simulation->now_ms + topology->policy.hold_down_ms + longest_ms +
                               topology->policy.silent_ms + 3u * topology->lease.renew_ms +
                               JUDGED_LATER_MS;
    } else {
        simulation->declare_ms =
            simulation->now_ms + (simulation->plan->kind == PLAN_FAILOVER ? input->people_ms : 0);
    }
}

/* ---------------------------------------------------------------------- the turns */

static void tick(struct simulation *simulation) {
    struct event event = {
        .kind = EVENT_TICK,
        .tick = {.member = 0,
                 .elapsed_ms = (uint32_t)(simulation->now_ms - simulation->tick_ms),
                 .wall_ms = WALL_MS + simulation->now_ms}};
    simulation->tick_ms = simulation->now_ms;
    (void)simulation_feed(simulation, &event);
}

/* Nobody decides by itself any more: people see why, and declare it. */
static void judge(struct simulation *simulation) {
    simulation->judge_ms = SIMULATED_NEVER;
    simulation->result->blocked = true;
    say_gates(simulation);
    simulation->declare_ms = simulation->now_ms + simulation->input->people_ms;
}

static void lease_fact(struct simulation *simulation) {
    const struct wants *wants = &simulation->wants;
    struct event event = {.kind = wants->close ? EVENT_CLOSE : EVENT_OPEN};
    simulation->lease_fact_ms = SIMULATED_NEVER;
    if (wants->close) {
        event.close.epoch = wants->close_epoch;
        event.close.why = wants->close_why;
    } else if (wants->open) {
        event.open.epoch = wants->open_epoch;
        event.open.region = wants->open_region;
    } else {
        return;
    }
    (void)simulation_feed(simulation, &event);
}

static void wishes_read(struct simulation *simulation) {
    struct wants *wants = &simulation->wants;
    core_wants(simulation_core(simulation), simulation->topology, wants);
    if ((wants->open || wants->close) && simulation->lease_fact_ms == SIMULATED_NEVER) {
        simulation->lease_fact_ms = simulation->now_ms + SIMULATED_HOP_MS;
    }
    work_sync(simulation);
}

/* Hours in which a step only takes its time need not be gone through by the second; what runs out
 * of time is noticed as early as ever. */
static uint32_t tick_in_ms(const struct simulation *simulation) {
    uint64_t now_ms = simulation->now_ms;
    bool rare = simulation->begun && now_ms - simulation->changed_ms > MINUTE_MS &&
                simulation_core(simulation)->phase == PHASE_SERVING && simulation->execution != 0;
    for (uint8_t s = 0; s < simulation->plan->steps_n; s++) {
        const struct simulated_command *command = &simulation->commands[s];
        rare = rare && (!command->wanted || command->deadline_ms > now_ms + 2 * TICK_RARE_MS);
    }
    return rare ? TICK_RARE_MS : simulation->wants.tick_in_ms;
}

static void turn(struct simulation *simulation) {
    if (simulation->now_ms - simulation->tick_ms >= tick_in_ms(simulation)) {
        tick(simulation);
    }
    if (simulation->now_ms >= simulation->lease_fact_ms) {
        lease_fact(simulation);
    }
    fleet_turn(simulation);
    wishes_read(simulation);
    work_turn(simulation);
    if (simulation->now_ms >= simulation->judge_ms) {
        judge(simulation);
    }
    wishes_read(simulation);
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t next_ms(const struct simulation *simulation) {
    uint64_t at_ms = simulation->tick_ms + tick_in_ms(simulation);
    at_ms = least(at_ms, simulation->lease_fact_ms);
    at_ms = least(at_ms, simulation->judge_ms);
    at_ms = least(at_ms, fleet_due_ms(simulation));
    return least(at_ms, work_due_ms(simulation));
}

/* ------------------------------------------------------------------------ the end */

/* Behind so much silence no step begins any more: none waits longer for an agent, nor for its next
 * attempt. */
static uint64_t quiet_ms(const struct simulation *simulation, const struct execution *execution) {
    uint64_t ms = 0;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        const struct step *step = &simulation->plan->steps[s];
        bool waits = execution->steps[s].phase == STEP_WAITING && !step_is_a_persons(step);
        ms = waits && step->timeout_ms > ms ? step->timeout_ms : ms;
    }
    uint32_t wait_ms = topology_wait_ms(&simulation->topology->lease);
    return ms + RETRY_AGAIN_MAX_MS + QUIET_MS + (wait_ms == UINT32_MAX ? HOUR_MS : wait_ms);
}

static bool steps_run(const struct execution *execution) {
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        if (execution->steps[s].phase == STEP_RUNNING) {
            return true;
        }
    }
    return false;
}

/* It is tried for ever; but who could do it is lost. Twice shows it. */
static bool undo_is_stuck(struct simulation *simulation, const struct execution *execution) {
    uint8_t stuck = NONE;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        const struct simulated_command *command = &simulation->commands[s];
        if (!command->wanted) {
            continue;
        }
        if (!command->want.undo || !simulation->agents[command->want.agent].lost ||
            command->want.attempt < 4) {
            return false;
        }
        stuck = s;
    }
    if (stuck != NONE) {
        uint8_t agent = simulation->commands[stuck].want.agent;
        moment_add(simulation, "PAUSED  only its region can undo %s: bring agent %s back",
                   simulation->plan->steps[stuck].name, simulation->topology->agents[agent].name);
    }
    return stuck != NONE;
}

static void finish(struct simulation *simulation, enum simulation_end end) {
    bool waits = end == SIMULATION_WAITS && simulation->changed_ms > simulation->zero_ms;
    simulation->ended = true;
    simulation->result->end = (uint8_t)end;
    simulation->result->ended_ms =
        waits ? simulation->changed_ms - simulation->zero_ms : simulation_since(simulation);
}

/* Where only people can go on, time brings nothing any more. */
static void end_if_over(struct simulation *simulation) {
    const struct execution *execution = simulation_execution(simulation);
    if (simulation->result->end == SIMULATION_REFUSED) {
        finish(simulation, SIMULATION_REFUSED);
    } else if (execution == NULL) {
        return;
    } else if (execution_finished(execution)) {
        bool done = execution->stage == STAGE_DONE;
        finish(simulation, done ? SIMULATION_DONE : SIMULATION_ABORTED);
    } else if (execution->stage == STAGE_UNDO) {
        if (undo_is_stuck(simulation, execution)) {
            finish(simulation, SIMULATION_WAITS);
        }
    } else if (!steps_run(execution) && work_asks_nobody(simulation)) {
        if (execution->paused != PAUSE_NO ||
            simulation->now_ms - simulation->changed_ms > quiet_ms(simulation, execution)) {
            finish(simulation, SIMULATION_WAITS);
        }
    }
}

static void simulation_open(struct simulation *simulation, const struct simulation_input *input,
                            struct simulation_result *ret_result) {
    memset(simulation, 0, sizeof *simulation);
    memset(ret_result, 0, sizeof *ret_result);
    bool back = !plan_kind_moves((enum plan_kind)input->topology->plans[input->plan].kind);
    input->topology->version = 1;
    input->topology->initial_epoch = 1;
    input->topology->await_initial_epoch = false;
    input->topology->initial_region = back ? input->target : input->source;
    simulation->input = input;
    simulation->result = ret_result;
    simulation->topology = input->topology;
    simulation->plan = &input->topology->plans[input->plan];
    simulation->now_ms = simulation->tick_ms = 1000;
    simulation->lease_fact_ms = simulation->declare_ms = SIMULATED_NEVER;
    simulation->judge_ms = SIMULATED_NEVER;
    rng_seed(&simulation->rng, input->seed);
    ret_result->end = SIMULATION_UNENDED;
    uint64_t *const never[] = {&ret_result->begun_ms,  &ret_result->closed_ms,
                               &ret_result->opened_ms, &ret_result->lease_ended_ms,
                               &ret_result->proved_ms, &ret_result->certified_ms};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        *never[i] = SIMULATED_NEVER;
    }
    for (unsigned s = 0; s < STEPS_MAX; s++) {
        ret_result->steps[s].begun_ms = ret_result->steps[s].ended_ms = SIMULATED_NEVER;
        ret_result->steps[s].asked_ms = ret_result->steps[s].answered_ms = SIMULATED_NEVER;
        ret_result->steps[s].role = NONE;
        simulation->asks[s].answer_ms = SIMULATED_NEVER;
    }
}

void simulation_run(const struct simulation_input *input, struct simulation_result *ret_result) {
    static struct simulation simulation;
    simulation_open(&simulation, input, ret_result);
    members_start(&simulation);
    fleet_start(&simulation);
    uint64_t begins_ms = simulation.now_ms + simulation.topology->policy.settle_ms +
                         3u * simulation.topology->lease.renew_ms + SECOND_MS;
    uint64_t until_ms = begins_ms + LASTS_MS;
    unsigned turns_max = input->turns_max == 0 ? TURNS_MAX : input->turns_max;
    wishes_read(&simulation);
    for (unsigned n = 0; n < turns_max && !simulation.ended && simulation.now_ms < until_ms; n++) {
        uint64_t at_ms = next_ms(&simulation);
        at_ms = simulation.begun ? at_ms : least(at_ms, begins_ms);
        simulation.now_ms = at_ms > simulation.now_ms ? at_ms : simulation.now_ms;
        if (!simulation.begun && simulation.now_ms >= begins_ms) {
            world_settle(&simulation);
            outage_begin(&simulation);
        }
        turn(&simulation);
        end_if_over(&simulation);
    }
    if (!simulation.ended) {
        ret_result->ended_ms = simulation_since(&simulation);
    }
    const struct execution *execution = simulation_execution(&simulation);
    if (execution != NULL) {
        ret_result->execution = *execution;
    }
}
