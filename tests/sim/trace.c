/* The lines: state is compared with what was told last. Each block names the shell that logs it. */
#include "trace.h"

#include <stdarg.h>
#include <string.h>

#include "common/base/err.h"

static FILE *trace_out;
static bool trace_notes;

/* What was told last. */
static struct {
    struct {
        uint32_t incarnation;
        bool alive;
        uint64_t busy_until_us;
    } processes[PROCESSES_N];
    struct {
        bool caught_up, reaches;
        uint64_t index;
    } members[SIM_MEMBERS];
    struct {
        uint32_t left_ms;
        struct ladder_note note;
        uint8_t command_states[COMMANDS_N];
        uint64_t command_since_us[COMMANDS_N];
        bool was_open, was_leased, kernel_open;
        uint64_t proved_epoch;
    } hosts[SIM_HOSTS_MAX];
} told;

void trace_to(FILE *out, bool notes) {
    trace_out = out;
    trace_notes = notes;
}

void trace_begin(void) {
    memset(&told, 0, sizeof told);
}

static void line(const struct sim *sim, const char *who, const char *level, const char *event,
                 const char *text) {
    uint64_t ms = sim->now_us / 1000;
    (void)fprintf(trace_out == NULL ? stdout : trace_out,
                  "%-8s 2026-01-01T00:%02u:%02u.%03uZ %s %s %s\n", who, (unsigned)(ms / 60000 % 60),
                  (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000), level, event, text);
}

void trace_line(const struct sim *sim, const char *who, const char *level, const char *event,
                const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    line(sim, who, level, event, text);
}

void trace_note(const struct sim *sim, uint8_t process, const char *who, const char *text) {
    if (process >= ENGINE) {
        trace_line(sim, "world", "notice", process == ENGINE ? "world.log" : "world.event",
                   "\"%s\"", text);
    } else if (trace_notes) {
        trace_line(sim, "note", "debug", "sim.note", "who=\"%s\" \"%s\"", who, text);
    }
}

/* ------------------------------------------------------------------ members */

struct who {
    char at[16];
};

static struct who who_host(const struct sim *sim, const char *prefix, uint8_t host) {
    struct who who;
    uint8_t region = host_region(sim, host);
    unsigned nth = 0;
    for (uint8_t h = 0; h <= host; h++) {
        nth += host_region(sim, h) == region;
    }
    (void)text_format(who.at, sizeof who.at, "%s%c%u", prefix, "pdme"[region], nth);
    return who;
}

static struct who who_process(const struct sim *sim, uint8_t process) {
    struct who who;
    if (process < AGENT_FIRST) {
        (void)text_format(who.at, sizeof who.at, "c%u", process + 1u);
        return who;
    }
    return process < GUARD_FIRST ? who_host(sim, "agent-", (uint8_t)(process - AGENT_FIRST))
                                 : who_host(sim, "guard-", (uint8_t)(process - GUARD_FIRST));
}

/* coordinator/member.c: on_compacted() */
static void look_at_index(const struct sim *sim, uint8_t m, uint64_t index) {
    if (index > told.members[m].index) {
        trace_line(sim, who_process(sim, m).at, "notice", "log.compacted",
                   "first=%llu applied=%llu", (unsigned long long)index + 1,
                   (unsigned long long)told.members[m].index);
    }
    told.members[m].index = index;
}

/* coordinator/apply.c: record() */
void trace_fact(const struct sim *sim, uint8_t m, const struct event *event,
                const struct verdict *verdict) {
    const struct core *core = &sim->members[m].core;
    bool dull = event->kind == EVENT_TICK && verdict->rule >= 900;
    bool routine = event->kind == EVENT_REPORT || event->kind == EVENT_LAG ||
                   event->kind == EVENT_VIEW || dull;
    look_at_index(sim, m, event->index - 1);
    told.members[m].index = event->index;
    if (routine && verdict->result == RESULT_APPLIED) {
        return;
    }
    uint64_t age_us = sim->now_us - sim->facts[event->index - 1].visible_us[m];
    trace_line(sim, who_process(sim, m).at,
               verdict->result == RESULT_REFUSED ? "warning" : "notice", "fact.applied",
               "index=%llu kind=%s rule=%u result=%u phase=%s epoch=%llu execution=%llu "
               "age_ms=%llu \"%s\" \"\"",
               (unsigned long long)event->index, event_text((enum event_kind)event->kind),
               verdict->rule, verdict->result, phase_text((enum phase)core->phase),
               (unsigned long long)core->epoch, (unsigned long long)verdict->execution,
               (unsigned long long)(age_us / 1000), rule_sentence(verdict->rule));
}

static void look_at_member(const struct sim *sim, uint8_t m) {
    const struct sim_member *member = &sim->members[m];
    const char *who = who_process(sim, m).at;
    bool reaches = sim->engine.down_until_us <= sim->now_us && net_reaches(sim, ENGINE_PLACE, m) &&
                   net_reaches(sim, m, ENGINE_PLACE);
    if (reaches != told.members[m].reaches) {
        trace_line(sim, who, reaches ? "notice" : "err", "log.reachable", "reachable=%d", reaches);
        told.members[m].reaches = reaches;
    }
    look_at_index(sim, m, member->applied_index);
    if (member->caught_up && !told.members[m].caught_up) {
        trace_line(sim, who, "notice", "member.caught_up", "index=%llu epoch=%llu",
                   (unsigned long long)member->applied_index,
                   (unsigned long long)member->core.epoch);
    }
    told.members[m].caught_up = member->caught_up;
}

/* ------------------------------------------------------------------- agents */

/* agent/commands.c */
static void tell_command(const struct sim *sim, const char *who, const struct sim_command *command,
                         uint64_t since_us) {
    const struct command_name *name = &command->name;
    const char *action = action_kind_text((enum action_kind)name->action);
    if (command->state == CMD_RUNNING) {
        trace_line(sim, who, "notice", "command.running",
                   "execution=%llu step=%u attempt=%u action=%s",
                   (unsigned long long)name->execution, name->step, name->attempt, action);
    } else if (command->state == CMD_FINISHED) {
        trace_line(sim, who, command->outcome.state == 2 ? "notice" : "err", "command.finished",
                   "execution=%llu step=%u attempt=%u state=%u err=%s took_ms=%llu \"%s\"",
                   (unsigned long long)name->execution, name->step, name->attempt,
                   command->outcome.state, err_name((enum err)command->outcome.err),
                   (unsigned long long)((sim->now_us - since_us) / 1000),
                   command->outcome.observed ? "observed" : "");
    } else if (command->state == CMD_FREE) {
        trace_line(sim, who, "warning", "command.refused",
                   "execution=%llu step=%u attempt=%u no majority certified it (%u yes)",
                   (unsigned long long)name->execution, name->step, name->attempt,
                   bits_count(command->votes.yes));
    }
}

/* agent/rounds.c: on_lease_given(); agent/fence.c */
static void look_at_agent(const struct sim *sim, uint8_t host) {
    const struct sim_agent *agent = &sim->agents[host];
    struct who who = who_process(sim, (uint8_t)(AGENT_FIRST + host));
    uint32_t left_ms = agent->status_known ? agent->status.left_ms : 0;
    if (left_ms > 0 && told.hosts[host].left_ms == 0) {
        trace_line(sim, who.at, "notice", "lease.held", "epoch=%llu left_ms=%u",
                   (unsigned long long)agent->status.lease_epoch, left_ms);
    }
    told.hosts[host].left_ms = left_ms;
    const struct ladder_note *was = &told.hosts[host].note, *is = &agent->note;
    if (is->fenced_epoch != was->fenced_epoch && is->fenced_epoch != 0) {
        trace_line(sim, who.at, "notice", "fence.softening", "lease_epoch=%llu left_ms=%u",
                   (unsigned long long)agent->lease_epoch, agent_left_ms(sim, host));
        trace_line(sim, who.at, "notice", "fence.soft", "ok=1 epoch=%llu \"\"",
                   (unsigned long long)agent->status.accepted_epoch);
    } else if (is->fenced_epoch == 0 && was->lapsed_epoch != 0 &&
               was->lapsed_epoch == agent->lease_epoch) {
        trace_line(sim, who.at, "notice", "fence.lifted", "ok=1 epoch=%llu \"\"",
                   (unsigned long long)agent->status.accepted_epoch);
    }
    told.hosts[host].note = *is;
    for (unsigned i = 0; i < COMMANDS_N; i++) {
        uint8_t state = agent->commands[i].state;
        if (state != told.hosts[host].command_states[i]) {
            tell_command(sim, who.at, &agent->commands[i], told.hosts[host].command_since_us[i]);
            told.hosts[host].command_since_us[i] = sim->now_us;
        }
        told.hosts[host].command_states[i] = state;
    }
}

/* ------------------------------------------------------------------- guards */

/* agent/guard/fence.c: fence_tick(), fence_prove() */
static void look_at_guard(const struct sim *sim, uint8_t host) {
    const struct sim_guard *guard = &sim->guards[host];
    struct who who = who_process(sim, (uint8_t)(GUARD_FIRST + host));
    struct stamp now = sim_stamp(sim, (uint8_t)(HOST_FIRST + host));
    bool open = holder_gate_ms(&guard->holder, now) > 0;
    if (open != told.hosts[host].was_open) {
        trace_line(sim, who.at, open ? "notice" : "warning", open ? "gate.open" : "gate.shut",
                   "epoch=%llu left_ms=%u", (unsigned long long)guard->holder.lease_epoch,
                   holder_left_ms(&guard->holder, now));
    }
    if (told.hosts[host].was_leased && !guard->holder.leased) {
        trace_line(sim, who.at, "warning", "lease.ended", "epoch=%llu",
                   (unsigned long long)guard->holder.lease_epoch);
    }
    uint64_t proved = guard->fence_proved ? guard->proved_epoch : 0;
    if (proved != 0 && proved != told.hosts[host].proved_epoch) {
        trace_line(sim, who.at, "notice", "fence.proved", "epoch=%llu", (unsigned long long)proved);
    }
    told.hosts[host].was_open = open;
    told.hosts[host].was_leased = guard->holder.leased;
    told.hosts[host].proved_epoch = proved;
}

/* --------------------------------------------------------------- beginnings */

static void tell_start(const struct sim *sim, uint8_t process) {
    struct who who = who_process(sim, process);
    if (process < AGENT_FIRST) {
        const struct attest_durable *disk = &sim->members[process].disk;
        trace_line(sim, who.at, "notice", "member.started",
                   "name=%s closed_epoch=%llu waited_epoch=%llu", who.at,
                   (unsigned long long)disk->closed_epoch, (unsigned long long)disk->waited_epoch);
        memset(&told.members[process], 0, sizeof told.members[process]);
    } else if (process < GUARD_FIRST) {
        uint8_t host = (uint8_t)(process - AGENT_FIRST);
        static const char *const regions[SIM_REGIONS] = {"p", "d", "m", "e"};
        trace_line(sim, who.at, "notice", "agent.started", "name=%s region=%s guarded=%d",
                   who_host(sim, "", host).at, regions[host_region(sim, host)],
                   host_region(sim, host) != REGION_M);
        told.hosts[host].left_ms = 0;
        memset(told.hosts[host].command_states, 0, sizeof told.hosts[host].command_states);
    } else {
        uint8_t host = (uint8_t)(process - GUARD_FIRST);
        const struct holder_durable *disk = &sim->guards[host].disk;
        trace_line(sim, who.at, "notice", "guard.started",
                   "name=%s gate=%d accepted=%llu fenced=%llu", who_host(sim, "", host).at,
                   gate_is_open(sim, host) ? 2 : 1, (unsigned long long)disk->accepted_epoch,
                   (unsigned long long)disk->fenced_epoch);
        told.hosts[host].was_open = told.hosts[host].was_leased = false;
        told.hosts[host].proved_epoch = 0;
    }
}

/* True when the process can log: it lives, is not stopped and not in the middle of a write. */
static bool look_at_process(const struct sim *sim, uint8_t process) {
    const struct process *self = &sim->processes[process];
    struct who who = who_process(sim, process);
    if (told.processes[process].alive &&
        (!self->alive || self->incarnation != told.processes[process].incarnation)) {
        trace_line(sim, "world", "notice", "world.killed", "process=%s", who.at);
    }
    bool starts = self->alive && (!told.processes[process].alive ||
                                  self->incarnation != told.processes[process].incarnation);
    told.processes[process].alive = self->alive;
    told.processes[process].incarnation = self->incarnation;
    if (starts) {
        tell_start(sim, process);
    }
    if (self->alive && self->busy_until_us > sim->now_us &&
        self->busy_until_us != told.processes[process].busy_until_us) {
        trace_line(sim, "world", "notice", "world.stopped", "process=%s for_ms=%llu", who.at,
                   (unsigned long long)((self->busy_until_us - sim->now_us) / 1000));
    }
    told.processes[process].busy_until_us = self->busy_until_us;
    return self->alive && self->busy_until_us <= sim->now_us && !self->wants_disk;
}

void trace_look(const struct sim *sim) {
    for (uint8_t m = 0; m < sim->members_n; m++) {
        if (look_at_process(sim, m)) {
            look_at_member(sim, m);
        }
    }
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        bool gate = host_region(sim, h) != REGION_M;
        if (gate && look_at_process(sim, (uint8_t)(GUARD_FIRST + h))) {
            look_at_guard(sim, h);
        }
        if (look_at_process(sim, (uint8_t)(AGENT_FIRST + h))) {
            look_at_agent(sim, h);
        }
        bool open = gate && gate_is_open(sim, h);
        if (open != told.hosts[h].kernel_open) {
            trace_line(sim, "world", "notice", "world.gate", "host=%s %s", who_host(sim, "", h).at,
                       open ? "its store takes writes" : "the kernel lets no write in any more");
        }
        told.hosts[h].kernel_open = open;
    }
}
