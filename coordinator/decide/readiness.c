/* What drover itself knows of a region's readiness: the lease, agents, guards, gates, and what
 * holds automation back. The declared world is in readiness_world.c. */
#include "coordinator/decide/readiness.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/topology/duration.h"
#include "coordinator/decide/clocks.h"

struct readiness_line *readiness_add(struct readiness *readiness, enum ready weight,
                                     enum readiness_state state, int64_t age_ms, const char *format,
                                     ...) {
    va_list args;
    ensure(readiness->n < READINESS_LINES_MAX);
    ensure(weight == READY_BLOCKER || weight == READY_WARNING);
    struct readiness_line *line = &readiness->lines[readiness->n++];
    memset(line, 0, sizeof *line);
    line->weight = (uint8_t)weight;
    line->state = (uint8_t)state;
    line->age_ms = age_ms;
    va_start(args, format);
    (void)text_format_list(line->name, sizeof line->name, format, args);
    va_end(args);
    return line;
}

static int64_t age_of(uint64_t ago_ms) {
    return ago_ms > INT64_MAX ? -1 : (int64_t)ago_ms;
}

/* Whole seconds: "silent for 12s". */
static struct duration seconds(uint64_t ms) {
    return duration_text(ms / SECOND_MS * SECOND_MS);
}

/* ------------------------------------------------------------------------- lease */

static void read_lease(const struct readiness_input *input, struct readiness *readiness) {
    const struct core *core = input->core;
    bool open = core->open != 0;
    struct readiness_line *line = readiness_add(
        readiness, READY_BLOCKER, open ? READINESS_GOOD : READINESS_WRONG, -1, "lease");
    if (open) {
        (void)text_format(line->text, sizeof line->text, "epoch %" PRIu64 " is open, %s owns it",
                          core->epoch, input->topology->regions[core->owner].name);
        return;
    }
    (void)text_format(line->text, sizeof line->text,
                      "no epoch is open (%s): a move is under way, or none was ever opened",
                      phase_text((enum phase)core->phase));
    (void)text_copy(line->fix, sizeof line->fix, "drover status --watch");
}

static const struct execution *running_of(const struct core *core) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (core->executions[i].id != 0 && !execution_finished(&core->executions[i])) {
            return &core->executions[i];
        }
    }
    return NULL;
}

static void read_execution(const struct readiness_input *input, struct readiness *readiness) {
    const struct execution *running = running_of(input->core);
    struct readiness_line *line =
        readiness_add(readiness, READY_BLOCKER, running == NULL ? READINESS_GOOD : READINESS_WRONG,
                      -1, "executions");
    if (running == NULL) {
        (void)text_copy(line->text, sizeof line->text, "none is running");
        return;
    }
    const char *stage = stage_text((enum execution_stage)running->stage);
    if (running->paused == PAUSE_NO) {
        (void)text_format(line->text, sizeof line->text, "execution %" PRIu64 " is %s", running->id,
                          stage);
        (void)text_copy(line->fix, sizeof line->fix, "drover status --watch");
    } else if (running->paused == PAUSE_OPERATOR) {
        (void)text_format(line->text, sizeof line->text,
                          "execution %" PRIu64 " (%s) was paused by an operator", running->id,
                          stage);
        (void)text_format(line->fix, sizeof line->fix, "drover resume %" PRIu64, running->id);
    } else {
        const struct plan *plan = &input->topology->plans[running->plan];
        const char *step =
            running->plan < input->topology->plans_n && running->paused_step < plan->steps_n
                ? plan->steps[running->paused_step].name
                : "STEP";
        (void)text_format(line->text, sizeof line->text,
                          "execution %" PRIu64 " (%s) waits at %s: %s", running->id, stage, step,
                          pause_text((enum pause_why)running->paused));
        (void)text_format(line->fix, sizeof line->fix, "drover step retry %" PRIu64 " %s",
                          running->id, step);
    }
}

/* Whatever forbids an automatic failover that the policy promises: people may still declare one. */
static void read_automation(const struct readiness_input *input, struct readiness *readiness) {
    static const char release[] = "drover release --reason \"...\"";
    const struct core *core = input->core;
    bool held = core->held_until_ms > core->now_ms, blocked = core->block_until_ms > core->now_ms;
    bool promised = input->topology->policy.automatic;
    if (!promised) {
        return;
    }
    struct readiness_line *line = readiness_add(
        readiness, READY_BLOCKER, held ? READINESS_WRONG : READINESS_GOOD, -1, "automation held");
    (void)text_format(line->text, sizeof line->text, "%s%s",
                      held ? "an operator holds automation" : "no",
                      !held                               ? ""
                      : core->held_until_ms == UINT64_MAX ? ", until it is released"
                                                          : ", for a while still");
    (void)text_copy(line->fix, sizeof line->fix, held ? release : "");
    line = readiness_add(readiness, READY_BLOCKER, core->latched ? READINESS_WRONG : READINESS_GOOD,
                         -1, "automation latched");
    (void)text_copy(line->text, sizeof line->text,
                    core->latched ? "the last automatic failover was not released yet" : "no");
    (void)text_copy(line->fix, sizeof line->fix, core->latched ? release : "");
    line = readiness_add(readiness, READY_WARNING, blocked ? READINESS_WRONG : READINESS_GOOD, -1,
                         "automation blocked");
    (void)text_format(
        line->text, sizeof line->text, "%s%s", blocked ? "anti-flap, still for " : "no",
        blocked ? seconds(core->block_until_ms - core->now_ms + SECOND_MS - 1).at : "");
    (void)text_copy(line->fix, sizeof line->fix, blocked ? release : "");
}

/* ------------------------------------------------------------------------ agents */

/* How many of its declared observations are lost with this agent: they get no line of their own. */
static unsigned checks_lost(const struct readiness_input *input, uint8_t agent) {
    unsigned n = 0;
    for (uint8_t c = 0; c < input->topology->checks_n; c++) {
        const struct check *check = &input->topology->checks[c];
        n += !check->outside && check->agent == agent &&
             readiness_weight(input, check) != READY_NOTHING;
    }
    for (uint8_t p = 0; p < input->topology->parity_n; p++) {
        const struct parity *parity = &input->topology->parity[p];
        for (uint8_t i = 0; i < parity->checks_n; i++) {
            const struct check *check = &input->topology->checks[parity->checks[i]];
            n += parity->ready != READY_NOTHING && check->agent == agent &&
                 check->region == input->target;
        }
    }
    return n;
}

/* The region that would be lost may be silent already: that is what a failover is for. */
static enum ready agent_weight(const struct readiness_input *input, const struct agent *agent) {
    return agent->region == input->target ? READY_BLOCKER : READY_WARNING;
}

static void read_voice(const struct readiness_input *input, uint8_t a,
                       struct readiness *readiness) {
    const struct agent *agent = &input->topology->agents[a];
    const struct readiness_agent *seen = &input->agents[a];
    struct readiness_line *line = readiness_add(
        readiness, agent_weight(input, agent), seen->heard ? READINESS_GOOD : READINESS_UNKNOWN,
        age_of(seen->heard_ago_ms), "agent %s", agent->name);
    if (seen->heard) {
        (void)text_copy(line->text, sizeof line->text, "heard");
        return;
    }
    bool never = seen->heard_ago_ms == UINT64_MAX;
    (void)text_format(line->text, sizeof line->text,
                      "%s%s; %u declared observations are lost with it",
                      never ? "never heard" : "silent for ",
                      never ? "" : seconds(seen->heard_ago_ms).at, checks_lost(input, a));
    (void)text_format(line->fix, sizeof line->fix,
                      "on the host of %s: drover doctor; systemctl restart drover-agent",
                      agent->name);
}

/* Nothing is decided by it; ages and dates that people read are wrong there. A line only when it is
 * off. */
static void read_clock(const struct readiness_input *input, uint8_t a,
                       struct readiness *readiness) {
    const struct agent *agent = &input->topology->agents[a];
    const struct readiness_agent *seen = &input->agents[a];
    int64_t off_ms = seen->clock_off_ms;
    if (!clock_is_off(off_ms)) {
        return;
    }
    struct readiness_line *line =
        readiness_add(readiness, READY_WARNING, READINESS_WRONG, age_of(seen->heard_ago_ms),
                      "clock %s", agent->name);
    (void)text_format(
        line->text, sizeof line->text, "%s %s this member's",
        duration_text((uint64_t)(off_ms < 0 ? -off_ms : off_ms) / SECOND_MS * SECOND_MS).at,
        off_ms < 0 ? "behind" : "ahead of");
    (void)text_format(line->fix, sizeof line->fix,
                      "on the host of %s: timedatectl set-ntp true; chronyc makestep", agent->name);
}

/* Lease, policy and checks are numbers of one topology version: who works by another disagrees. */
static void read_version(const struct readiness_input *input, uint8_t a,
                         struct readiness *readiness) {
    const struct readiness_agent *seen = &input->agents[a];
    uint32_t theirs = seen->report == NULL ? 0 : seen->report->config_version;
    uint32_t ours = input->core->config_version;
    struct readiness_line *line =
        readiness_add(readiness, READY_BLOCKER, theirs == ours ? READINESS_GOOD : READINESS_WRONG,
                      age_of(seen->heard_ago_ms), "topology %s", input->topology->agents[a].name);
    (void)text_format(line->text, sizeof line->text, "works by version %" PRIu32 "%s", theirs,
                      theirs == ours ? "" : ", not the one in force");
    if (theirs != ours) {
        (void)text_format(line->fix, sizeof line->fix,
                          "on the host of %s: systemctl restart drover-agent",
                          input->topology->agents[a].name);
    }
}

static void guard_says(const struct readiness_input *input, uint8_t a, const char *what,
                       struct readiness_line *line) {
    line->state = READINESS_WRONG;
    (void)text_copy(line->text, sizeof line->text, what);
    (void)text_format(line->fix, sizeof line->fix,
                      "on the host of %s: systemctl restart drover-guard; drover doctor",
                      input->topology->agents[a].name);
}

/* A guard that answers, behind a gate that is really in the kernel: shut unless its region owns the
 * lease. */
static void read_guard(const struct readiness_input *input, uint8_t a,
                       struct readiness *readiness) {
    const struct agent *agent = &input->topology->agents[a];
    const struct readiness_agent *seen = &input->agents[a];
    const struct guard_report *guard = &seen->report->guard;
    bool owns = input->core->open && agent->region == input->core->owner;
    struct readiness_line *line =
        readiness_add(readiness, READY_BLOCKER, READINESS_GOOD, age_of(seen->heard_ago_ms),
                      "guard %s", agent->name);
    if (!guard->present) {
        guard_says(input, a, "does not answer its agent", line);
    } else if (guard->gate == GATE_ABSENT) {
        guard_says(input, a, "the gate is not in the kernel", line);
    } else if (guard->gate == GATE_UNKNOWN) {
        guard_says(input, a, "cannot tell whether the gate is in the kernel", line);
    } else if (guard->gate == GATE_OPEN && !owns) {
        guard_says(input, a, "the gate is open without the lease: writes are accepted here", line);
    } else {
        (void)text_format(line->text, sizeof line->text, "answers, gate %s",
                          guard->gate == GATE_OPEN ? "open" : "shut");
    }
}

static void read_agents(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t a = 0; a < input->topology->agents_n; a++) {
        read_voice(input, a, readiness);
        if (!input->agents[a].heard) {
            continue;
        }
        read_version(input, a, readiness);
        read_clock(input, a, readiness);
        if (input->topology->agents[a].guarded && input->agents[a].report != NULL) {
            read_guard(input, a, readiness);
        }
    }
}

/* ------------------------------------------------------------------------- whole */

static void count(struct readiness *readiness) {
    for (unsigned i = 0; i < readiness->n; i++) {
        const struct readiness_line *line = &readiness->lines[i];
        bool good = line->state == READINESS_GOOD, blocker = line->weight == READY_BLOCKER;
        readiness->good_n = (uint16_t)(readiness->good_n + good);
        readiness->blockers_n = (uint16_t)(readiness->blockers_n + (!good && blocker));
        readiness->warnings_n = (uint16_t)(readiness->warnings_n + (!good && !blocker));
        ensure(good || line->fix[0] != '\0');
    }
}

void readiness_read(const struct readiness_input *input, struct readiness *ret_readiness) {
    ensure(input->target < input->topology->regions_n);
    ensure(input->topology->regions[input->target].kind == REGION_DATA);
    ret_readiness->n = 0;
    ret_readiness->blockers_n = ret_readiness->warnings_n = ret_readiness->good_n = 0;
    read_lease(input, ret_readiness);
    read_execution(input, ret_readiness);
    read_automation(input, ret_readiness);
    read_agents(input, ret_readiness);
    readiness_links(input, ret_readiness);
    readiness_checks(input, ret_readiness);
    readiness_names(input, ret_readiness);
    readiness_handoff(input, ret_readiness);
    readiness_parity(input, ret_readiness);
    readiness_drills(input, ret_readiness);
    readiness_plans(input, ret_readiness);
    readiness_backups(input, ret_readiness);
    count(ret_readiness);
}
