#include "agent/metrics.h"

#include "agent/agent.h"
#include "common/io/exposition.h"
#include "proto/message.h"

struct scrape {
    struct exposition *to;
    const struct agent_program *agent;
    uint64_t now_ms; /* boot clock */
};

static void tell(const struct scrape *scrape, uint64_t value) {
    exposition_count(scrape->to, value, 0, NULL);
}

static void tell_ms(const struct scrape *scrape, uint64_t ms) {
    exposition_ms(scrape->to, ms, 0, NULL);
}

static uint64_t since_ms(const struct scrape *scrape, uint64_t then_ms) {
    return scrape->now_ms > then_ms ? scrape->now_ms - then_ms : 0;
}

/* -------------------------------------------------------------------- this agent */

static void fill_build(const struct scrape *scrape) {
    const struct label labels[] = {{"program", "drover-agent"},
                                   {"name", scrape->agent->keys.name},
                                   {"version", DROVER_VERSION}};
    exposition_count(scrape->to, 1, 3, labels);
}

static void fill_up(const struct scrape *scrape) {
    tell_ms(scrape, since_ms(scrape, scrape->agent->started_boot_ms));
}

static void fill_topology(const struct scrape *scrape) {
    tell(scrape, scrape->agent->topology->version);
}

static void fill_reports(const struct scrape *scrape) {
    tell(scrape, scrape->agent->seq);
}

static void fill_refused(const struct scrape *scrape) {
    tell(scrape, scrape->agent->frames_refused_n);
}

/* --------------------------------------------------------------------- the lease */

/* The guard's word is as old as its last answer; it is asked several times a second. */
#define GUARD_FRESH_MS 2000

static bool has_guard(const struct scrape *scrape) {
    return scrape->agent->guard != NULL;
}

static bool guard_answers(const struct scrape *scrape) {
    const struct agent_program *agent = scrape->agent;
    return agent->guard_heard_ms != 0 && since_ms(scrape, agent->guard_heard_ms) < GUARD_FRESH_MS;
}

static void fill_guard_up(const struct scrape *scrape) {
    if (has_guard(scrape)) {
        tell(scrape, guard_answers(scrape));
    }
}

static void fill_guard_age(const struct scrape *scrape) {
    if (has_guard(scrape) && scrape->agent->guard_heard_ms != 0) {
        tell_ms(scrape, since_ms(scrape, scrape->agent->guard_heard_ms));
    }
}

static void fill_gate_open(const struct scrape *scrape) {
    if (has_guard(scrape)) {
        tell(scrape, guard_answers(scrape) && scrape->agent->guard_status.gate == GATE_OPEN);
    }
}

static void fill_lease_left(const struct scrape *scrape) {
    if (has_guard(scrape) && guard_answers(scrape)) {
        tell_ms(scrape, agent_lease_left_ms(scrape->agent));
    }
}

static void fill_lease_held(const struct scrape *scrape) {
    if (has_guard(scrape)) {
        const struct guard_answer *guard = &scrape->agent->guard_status;
        tell(scrape, guard_answers(scrape) && agent_holds_lease(scrape->agent, guard->lease_epoch));
    }
}

static void fill_guard_epoch(const struct scrape *scrape) {
    if (has_guard(scrape) && guard_answers(scrape)) {
        tell(scrape, scrape->agent->guard_status.accepted_epoch);
    }
}

static void fill_promise_left(const struct scrape *scrape) {
    if (has_guard(scrape) && guard_answers(scrape)) {
        tell_ms(scrape, scrape->agent->guard_status.promise_left_ms);
    }
}

static void fill_soft_fenced(const struct scrape *scrape) {
    if (has_guard(scrape)) {
        tell(scrape, scrape->agent->fence_done);
    }
}

static void fill_newest_epoch(const struct scrape *scrape) {
    bool ours = false;
    uint64_t epoch = agent_newest_epoch(scrape->agent, &ours);
    if (epoch != 0) {
        tell(scrape, epoch);
    }
}

static void fill_newest_ours(const struct scrape *scrape) {
    bool ours = false;
    uint64_t epoch = agent_newest_epoch(scrape->agent, &ours);
    tell(scrape, epoch != 0 && ours);
}

/* ------------------------------------------------------------ members and commands */

static void each_member(const struct scrape *scrape, bool answers) {
    const struct agent_program *agent = scrape->agent;
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        const struct label label = {"member", agent->pins->members[m].name};
        uint64_t at_ms =
            answers ? agent->members[m].answered_boot_ms : agent->members[m].says.heard_boot_ms;
        if (at_ms != 0) {
            exposition_ms(scrape->to, since_ms(scrape, at_ms), 1, &label);
        }
    }
}

static void fill_member_age(const struct scrape *scrape) {
    each_member(scrape, false);
}

static void fill_answer_age(const struct scrape *scrape) {
    each_member(scrape, true);
}

static void fill_commands(const struct scrape *scrape) {
    static const char *const texts[] = {[COMMAND_CERTIFYING] = "certifying",
                                        [COMMAND_WAITING] = "waiting-for-lease",
                                        [COMMAND_RUNNING] = "running",
                                        [COMMAND_FINISHED] = "finished"};
    for (unsigned state = COMMAND_CERTIFYING; state <= COMMAND_FINISHED; state++) {
        const struct label label = {"state", texts[state]};
        unsigned n = 0;
        for (unsigned i = 0; i < COMMANDS_MAX; i++) {
            n += scrape->agent->commands[i].state == state;
        }
        exposition_count(scrape->to, n, 1, &label);
    }
}

/* ------------------------------------------------------------------------ checks */

static uint8_t state_of(const struct scrape *scrape, const struct check *check,
                        const struct check_state *state) {
    uint64_t late_ms = 2ull * check->interval_ms + check->timeout_ms;
    return !state->ran                                      ? CHECK_UNKNOWN
           : since_ms(scrape, state->ran_boot_ms) > late_ms ? CHECK_STALE
                                                            : state->debounce.status;
}

static void each_check(const struct scrape *scrape,
                       void (*each)(const struct scrape *scrape, const struct check_state *state,
                                    uint8_t status, const struct label labels[4])) {
    const struct topology *topology = scrape->agent->topology;
    for (uint16_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        const struct check_state *state = &scrape->agent->checks[c];
        if (!state->mine) {
            continue;
        }
        const struct label labels[] = {
            {"check", check->name},
            {"kind", check_kind_text((enum check_kind)check->kind)},
            {"component", check->component < topology->components_n
                              ? topology->components[check->component].name
                              : ""},
            {"region",
             check->region < topology->regions_n ? topology->regions[check->region].name : ""}};
        each(scrape, state, state_of(scrape, check, state), labels);
    }
}

static void each_ok(const struct scrape *scrape, const struct check_state *state, uint8_t status,
                    const struct label labels[4]) {
    (void)state;
    exposition_count(scrape->to, status == CHECK_OK, 4, labels);
}

static void each_state(const struct scrape *scrape, const struct check_state *state, uint8_t status,
                       const struct label labels[4]) {
    (void)state;
    exposition_count(scrape->to, status, 4, labels);
}

static void each_age(const struct scrape *scrape, const struct check_state *state, uint8_t status,
                     const struct label labels[4]) {
    (void)status;
    if (state->ran) {
        exposition_ms(scrape->to, since_ms(scrape, state->ran_boot_ms), 4, labels);
    }
}

static void each_latency(const struct scrape *scrape, const struct check_state *state,
                         uint8_t status, const struct label labels[4]) {
    if (status != CHECK_UNKNOWN && status != CHECK_STALE) {
        exposition_ms(scrape->to, state->latency_ms, 4, labels);
    }
}

static void fill_check_ok(const struct scrape *scrape) {
    each_check(scrape, each_ok);
}

static void fill_check_state(const struct scrape *scrape) {
    each_check(scrape, each_state);
}

static void fill_check_age(const struct scrape *scrape) {
    each_check(scrape, each_age);
}

static void fill_check_latency(const struct scrape *scrape) {
    each_check(scrape, each_latency);
}

/* --------------------------------------------------------------------- the table */

#define GAUGE SERIES_GAUGE
#define COUNTER SERIES_COUNTER

static const struct {
    const char *name;
    enum series_kind kind;
    const char *help;
    void (*fill)(const struct scrape *scrape);
} families[] = {
    {"drover_build_info", GAUGE, "Always 1; program, its name, and version.", fill_build},
    {"drover_up_seconds", GAUGE, "Since this process started.", fill_up},
    {"drover_topology_version", GAUGE, "Version of the topology in force; 0: none.", fill_topology},
    {"drover_agent_reports_total", COUNTER, "Reports since the start.", fill_reports},
    {"drover_agent_refused_total", COUNTER, "Frames that were refused.", fill_refused},
    {"drover_agent_guard_up", GAUGE, "1: the guard answers.", fill_guard_up},
    {"drover_agent_guard_age_seconds", GAUGE, "Since the guard last answered.", fill_guard_age},
    {"drover_agent_gate_open", GAUGE, "1: the guard says that the kernel's gate is open.",
     fill_gate_open},
    {"drover_agent_lease_held", GAUGE, "1: the lease is held, the gate open, and not about to end.",
     fill_lease_held},
    {"drover_agent_lease_left_seconds", GAUGE, "What is left of the lease; 0: none.",
     fill_lease_left},
    {"drover_agent_guard_epoch", GAUGE, "The highest epoch that the guard accepted.",
     fill_guard_epoch},
    {"drover_agent_promise_left_seconds", GAUGE, "What is left of a promise to the other region.",
     fill_promise_left},
    {"drover_agent_soft_fenced", GAUGE, "1: the stores here are demoted by the agent.",
     fill_soft_fenced},
    {"drover_agent_newest_epoch", GAUGE, "The newest epoch that a majority of members names.",
     fill_newest_epoch},
    {"drover_agent_newest_epoch_ours", GAUGE, "1: it is open, and this region's.",
     fill_newest_ours},
    {"drover_agent_member_age_seconds", GAUGE, "Since the member was last heard.", fill_member_age},
    {"drover_agent_member_answer_age_seconds", GAUGE,
     "Since the member last answered a lease question by the straight way.", fill_answer_age},
    {"drover_agent_commands", GAUGE, "Commands by their state.", fill_commands},
    {"drover_agent_check_ok", GAUGE, "1: the check passes, and that is of now.", fill_check_ok},
    {"drover_agent_check_state", GAUGE, "0 unknown, 1 ok, 2 suspect, 3 failed, 4 warn, 5 stale.",
     fill_check_state},
    {"drover_agent_check_age_seconds", GAUGE, "Since its last reading.", fill_check_age},
    {"drover_agent_check_latency_seconds", GAUGE, "How long its last reading took.",
     fill_check_latency},
};
#define FAMILIES_N (sizeof families / sizeof families[0])

const char *metrics_name(unsigned index) {
    return index < FAMILIES_N ? families[index].name : NULL;
}

size_t metrics_write(const struct agent_program *agent, char *out, size_t out_size) {
    struct exposition to;
    const struct scrape scrape = {.to = &to, .agent = agent, .now_ms = agent_now_ms()};
    exposition_begin(&to, out, out_size);
    for (unsigned i = 0; i < FAMILIES_N; i++) {
        exposition_family(&to, families[i].name, families[i].kind, families[i].help);
        families[i].fill(&scrape);
    }
    return exposition_end(&to);
}
