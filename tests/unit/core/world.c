#include "world.h"

#include <string.h>

static void add_agent(struct topology *topology, const char *name, uint8_t region, bool gate) {
    struct agent *agent = &topology->agents[topology->agents_n++];
    (void)text_copy(agent->name, sizeof agent->name, name);
    agent->region = region;
    agent->guarded = gate;
    agent->gate = gate;
}

static void add_endpoint(struct topology *topology, uint8_t component, uint8_t region,
                         uint8_t first, uint8_t agents_n) {
    struct endpoint *endpoint = &topology->endpoints[topology->endpoints_n++];
    endpoint->component = component;
    endpoint->region = region;
    endpoint->agents_n = agents_n;
    for (uint8_t i = 0; i < agents_n; i++) {
        endpoint->agents[i] = (uint8_t)(first + i);
    }
}

static void add_check(struct topology *topology, uint8_t region, bool outside, uint8_t agent,
                      uint8_t link) {
    struct check *check = &topology->checks[topology->checks_n++];
    check->region = region;
    check->outside = outside;
    check->agent = agent;
    check->link = link;
    check->vital = link == NONE;
    check->component = outside ? COMPONENT_FRONT : COMPONENT_STORE;
}

static struct step *add_step(struct plan *plan, const char *name, enum action_kind action) {
    struct step *step = &plan->steps[plan->steps_n++];
    (void)text_copy(step->name, sizeof step->name, name);
    step->action = (uint8_t)action;
    step->component = COMPONENT_STORE;
    step->through = NONE;
    step->agent = NONE;
    step->approval = NONE;
    step->timeout_ms = 10000;
    return step;
}

static void add_moving_plan(struct topology *topology, enum plan_kind kind) {
    struct plan *plan = &topology->plans[topology->plans_n++];
    plan->kind = (uint8_t)kind;
    struct step *handoff = add_step(plan, "handoff", ACTION_PATRONI_HANDOFF);
    handoff->before_fence = true;
    handoff->at_source = true;
    (void)add_step(plan, "promote", ACTION_PATRONI_PROMOTE);
    struct step *dns = add_step(plan, "dns", ACTION_DNS_UPDATE);
    dns->agent = AGENT_M1;
    dns->component = NONE;
    dns->needs_n = 1;
    dns->needs[0] = STEP_PROMOTE;
    struct step *check = add_step(plan, "check", ACTION_VERIFY);
    check->needs_n = 1;
    check->needs[0] = STEP_DNS;
}

static void add_numbers(struct topology *topology) {
    topology->lease = (struct lease_numbers){.lease_ms = 6000,
                                             .renew_ms = 1000,
                                             .fence_ms = 2000,
                                             .gate_early_ms = 600,
                                             .wait_ms = 6200,
                                             .promise_ms = 6200,
                                             .drift_ppm = 10000,
                                             .tick_ms = 50,
                                             .on_quorum_loss = QUORUM_LOSS_FAILSAFE};
    topology->policy = (struct policy_numbers){.automatic = true,
                                               .rearm_needed = true,
                                               .hold_down_ms = 10000,
                                               .settle_ms = 5000,
                                               .silent_ms = 3000,
                                               .block_ms = 60000,
                                               .agent_step_ms = 10000};
    topology->objectives[0] = (struct objective){.rto_ms = 300000, .rpo_ms = 5000};
}

void world_init(struct world *world) {
    static const char *const members[] = {"c1", "c2", "c3"};
    memset(world, 0, sizeof *world);
    core_init(&world->core);
    struct topology *topology = &world->topology;
    (void)text_copy(topology->cluster, sizeof topology->cluster, "test");
    add_numbers(topology);
    for (unsigned m = 0; m < 3; m++) {
        (void)text_copy(topology->members[topology->members_n++].name, NAME_SIZE, members[m]);
    }
    topology->regions_n = 3;
    topology->regions[M].kind = REGION_MONITORING;
    topology->initial_region = P;
    add_agent(topology, "p1", P, true);
    add_agent(topology, "p2", P, true);
    add_agent(topology, "d1", D, true);
    add_agent(topology, "d2", D, true);
    add_agent(topology, "m1", M, false);
    topology->components_n = 2;
    topology->components[COMPONENT_STORE] = (struct component){.tier = 1, .guarded = true};
    add_endpoint(topology, COMPONENT_STORE, P, AGENT_P1, 2);
    add_endpoint(topology, COMPONENT_STORE, D, AGENT_D1, 2);
    add_check(topology, P, true, NONE, NONE);
    add_check(topology, P, false, AGENT_P1, NONE);
    add_check(topology, P, false, AGENT_P2, NONE);
    add_check(topology, D, true, NONE, NONE);
    add_check(topology, D, false, AGENT_D1, NONE);
    add_check(topology, P, false, AGENT_P1, 0);
    topology->links_n = 1;
    topology->links[0].component = COMPONENT_STORE;
    add_moving_plan(topology, PLAN_FAILOVER);
    add_moving_plan(topology, PLAN_SWITCHOVER);
    struct plan *back = &topology->plans[topology->plans_n++];
    back->kind = PLAN_REPROTECT;
    (void)add_step(back, "rejoin", ACTION_PG_REJOIN);
    back->steps[0].at_source = true;
    topology->version = 1;
}

struct verdict world_step(struct world *world, struct event *event) {
    event->index = ++world->index;
    return core_step(&world->core, &world->topology, event);
}

struct verdict world_config(struct world *world, uint32_t version) {
    struct event event = {.kind = EVENT_CONFIG};
    event.config.version = version;
    world->topology.version = version;
    return world_step(world, &event);
}

struct verdict world_keeper(struct world *world, uint8_t member, uint64_t term, uint32_t gap_ms) {
    struct event event = {.kind = EVENT_TIMEKEEPER};
    event.timekeeper.member = member;
    event.timekeeper.term = term;
    event.timekeeper.gap_ms = gap_ms;
    return world_step(world, &event);
}

struct verdict world_tick(struct world *world, uint32_t elapsed_ms) {
    struct event event = {.kind = EVENT_TICK};
    event.tick.member = world->core.timekeeper;
    event.tick.elapsed_ms = elapsed_ms;
    event.tick.wall_ms = 1000000 + world->core.now_ms + elapsed_ms;
    return world_step(world, &event);
}

struct verdict world_pass(struct world *world, uint32_t ms) {
    struct verdict verdict = {0};
    do {
        uint32_t one_ms = ms > 1000 ? 1000 : ms;
        verdict = world_tick(world, one_ms);
        ms -= one_ms;
    } while (ms > 0);
    return verdict;
}

struct verdict world_view(struct world *world, uint8_t member, uint64_t agents, bool attesting,
                          uint32_t ago_ms) {
    struct event event = {.kind = EVENT_VIEW};
    event.view.member = member;
    event.view.heard = agents;
    event.view.attesting = attesting;
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        event.view.ago_ms[a] = (agents >> a & 1u) != 0 ? 0 : ago_ms;
    }
    return world_step(world, &event);
}

void world_heard(struct world *world, uint64_t agents, bool attesting) {
    for (uint8_t m = 0; m < world->topology.members_n; m++) {
        (void)world_view(world, m, agents, attesting, world->topology.policy.silent_ms);
    }
}

struct verdict world_check(struct world *world, uint8_t agent, uint16_t check, uint8_t status) {
    const struct agent_view *view = &world->core.agents[agent];
    struct event event = {.kind = EVENT_REPORT};
    event.report.agent = agent;
    event.report.boot = 7;
    event.report.seq = view->seq + 1;
    event.report.config_version = world->core.config_version;
    event.report.guard_present = world->topology.agents[agent].guarded;
    event.report.checks_n = 1;
    event.report.checks[0].check = check;
    event.report.checks[0].status = status;
    return world_step(world, &event);
}

struct verdict world_open(struct world *world, uint64_t epoch, uint8_t region) {
    struct event event = {.kind = EVENT_OPEN};
    event.open.epoch = epoch;
    event.open.region = region;
    return world_step(world, &event);
}

struct verdict world_close(struct world *world, uint64_t epoch) {
    struct event event = {.kind = EVENT_CLOSE};
    event.close.epoch = epoch;
    event.close.why = CLOSE_DECLARED;
    return world_step(world, &event);
}

struct verdict world_lag(struct world *world, bool known, uint32_t lag_ms) {
    struct event event = {.kind = EVENT_LAG};
    event.lag.known = known;
    event.lag.lag_ms = lag_ms;
    event.lag.epoch = world->core.epoch;
    return world_step(world, &event);
}

void world_serving(struct world *world) {
    world_init(world);
    (void)world_config(world, 1);
    (void)world_keeper(world, 0, 1, UINT32_MAX);
    (void)world_open(world, 1, P);
    world_heard(world, ALL_AGENTS, true);
    for (uint8_t a = 0; a < WORLD_AGENTS_N; a++) {
        (void)world_check(world, a, a == AGENT_P2 ? CHECK_P_IN2 : CHECK_P_IN1, SEEN_OK);
    }
    (void)world_check(world, AGENT_D1, CHECK_D_IN, SEEN_OK);
    (void)world_check(world, AGENT_D1, CHECK_P_OUT, SEEN_OK);
    (void)world_check(world, AGENT_M1, CHECK_P_OUT, SEEN_OK);
    (void)world_check(world, AGENT_M1, CHECK_D_OUT, SEEN_OK);
    (void)world_check(world, AGENT_P1, CHECK_D_OUT, SEEN_OK);
    (void)world_check(world, AGENT_P1, CHECK_P_LINK, SEEN_OK);
    (void)world_lag(world, true, 100);
    (void)world_pass(world, 20000);
}

void world_dark(struct world *world) {
    world_serving(world);
    world_heard(world, ALL_BUT_P, false);
    (void)world_check(world, AGENT_D1, CHECK_P_OUT, SEEN_FAILED);
    (void)world_check(world, AGENT_M1, CHECK_P_OUT, SEEN_FAILED);
}

void world_suspect_ripe(struct world *world) {
    world_dark(world);
    (void)world_tick(world, 1); /* row 201 */
    (void)world_pass(world,
                     (uint32_t)(world->core.suspect_ms + world->topology.policy.hold_down_ms -
                                world->core.now_ms - 500));
}

struct event world_request(struct world *world, enum request_kind kind) {
    struct event event = {.kind = EVENT_REQUEST};
    const struct execution *execution = execution_running_const(&world->core);
    event.request.kind = (uint8_t)kind;
    event.request.role = ROLE_SRE;
    event.request.operator_index = kind == REQUEST_APPROVE ? 5 : 3; /* two persons */
    event.request.identity[0] = ++world->requests_n;
    event.request.plan = NONE;
    event.request.step = NONE;
    event.request.region = NONE;
    event.request.to = NONE;
    event.request.execution = execution == NULL ? 0 : execution->id;
    return event;
}

struct verdict world_declare(struct world *world, enum plan_kind kind, uint8_t region) {
    struct event event = world_request(world, REQUEST_DECLARE);
    event.request.plan_kind = (uint8_t)kind;
    event.request.region = region;
    return world_step(world, &event);
}

struct verdict world_ask_step(struct world *world, enum request_kind kind, uint8_t step,
                              enum role role) {
    struct event event = world_request(world, kind);
    event.request.step = step;
    event.request.role = (uint8_t)role;
    return world_step(world, &event);
}

struct verdict world_ask(struct world *world, enum request_kind kind) {
    struct event event = world_request(world, kind);
    return world_step(world, &event);
}

struct verdict world_outcome_of(struct world *world, uint8_t step, uint8_t said, uint64_t position,
                                bool undo) {
    const struct execution *execution = world_execution(world);
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = execution->id;
    event.outcome.step = step;
    event.outcome.attempt = execution->steps[step].attempt;
    event.outcome.agent = execution->steps[step].agent;
    event.outcome.state = said;
    event.outcome.err = said == SAID_DONE ? ERR_OK : ERR_FAILED;
    event.outcome.position = position;
    event.outcome.took_ms = 42;
    event.outcome.undo = undo;
    return world_step(world, &event);
}

struct verdict world_outcome(struct world *world, uint8_t step, uint8_t said) {
    return world_outcome_of(world, step, said, 0, false);
}

/* The running one, else the newest. */
struct execution *world_execution(struct world *world) {
    struct execution *found = execution_running(&world->core);
    for (unsigned i = 0; found == NULL && i < EXECUTIONS_MAX; i++) {
        struct execution *execution = &world->core.executions[i];
        if (execution->id == world->core.executions_made && execution->id != 0) {
            found = execution;
        }
    }
    ensure(found != NULL);
    return found;
}

struct wants world_wants(const struct world *world) {
    struct wants wants;
    core_wants(&world->core, &world->topology, &wants);
    return wants;
}

const struct want_command *world_wanted(const struct world *world, uint8_t step) {
    static struct wants wants;
    wants = world_wants(world);
    for (unsigned i = 0; i < wants.commands_n; i++) {
        if (wants.commands[i].step == step) {
            return &wants.commands[i];
        }
    }
    return NULL;
}
