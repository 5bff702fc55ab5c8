/* One member, mirrored from coordinator/{member,attesting,listen,dispatch}.c: catch up, note a
 * close before it is applied, answer questions from the applied state, send what is wanted. */
#include "sim.h"

#include <string.h>

#include "trace.h"

#define COMMANDS_AGAIN_US 400000
#define HEAD_AGAIN_US 1000000
#define NOTES_EVERY_US 1500000

uint32_t member_wait_ms(const struct sim *sim, uint8_t m) {
    const struct lease_numbers *lease = &member_topology(sim, m)->lease;
    if (mutant_is(sim, MUTANT_WAIT_ZERO)) {
        return 0;
    }
    if (mutant_is(sim, MUTANT_DRIFT_MARGIN)) {
        return lease->lease_ms;
    }
    bool hold = lease->on_quorum_loss == QUORUM_LOSS_HOLD && !mutant_is(sim, MUTANT_HOLD_WAITS);
    return hold ? UINT32_MAX : lease->wait_ms;
}

bool member_hears(const struct sim *sim, uint8_t m, uint8_t host) {
    uint64_t heard_ms = sim->members[m].agents[host].heard_ms;
    return heard_ms != 0 &&
           sim_boot_ms(sim, m) - heard_ms < member_topology(sim, m)->policy.silent_ms;
}

void member_start(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    struct attest_durable disk = member->disk;
    struct log_memory_kept memory = member->disk_memory;
    memset(member, 0, sizeof *member);
    member->disk = member->noted = disk;
    member->disk_memory = memory;
    if (!mutant_is(sim, MUTANT_SET_BACK_FORGOTTEN)) {
        member->memory = memory;
    }
    member->noted_us = sim->now_us;
    member->boot_id = rng_next(&sim->rng);
    member->started_ms = sim_boot_ms(sim, m);
    core_init(&member->core);
    attest_init(&member->attest, &disk, sim_stamp(sim, m));
    member->closed_at_start = disk.closed_epoch;
    member->attest.durable.first_wait &= !mutant_is(sim, MUTANT_NO_FIRST_WAIT);
    if (mutant_is(sim, MUTANT_WAIT_FROM_LAST_START)) {
        member->attest.durable.waited_epoch = member->attest.durable.closed_epoch;
    }
    if (mutant_is(sim, MUTANT_NO_CLOSED_NO_CATCHUP)) {
        struct attest_durable nothing = {0};
        attest_init(&member->attest, &nothing, sim_stamp(sim, m));
    }
    if (mutant_is(sim, MUTANT_NOTE_REFUSED_COUNTS) || mutant_is(sim, MUTANT_NO_CLOSE_NO_CATCHUP) ||
        mutant_is(sim, MUTANT_NO_CLOSED_NO_CATCHUP)) {
        attest_caught_up(&member->attest);
        member->caught_up = true;
    }
    stores_forget(sim, m);
    SAY(sim, m, "starts, closed %llu waited %llu", (unsigned long long)disk.closed_epoch,
        (unsigned long long)disk.waited_epoch);
}

/* ------------------------------------------------------------------- the disk */

enum { NOTE_CLOSE = 1, NOTE_WAITED, NOTE_MEMORY, NOTE_FIRST };

static void note_write(struct sim *sim, uint8_t m, const struct attest_durable *durable,
                       uint8_t why) {
    struct sim_member *member = &sim->members[m];
    ensure(!member->writing);
    member->writing = true;
    member->being_written = *durable;
    member->memory_being_written = member->memory;
    member->noted_us = sim->now_us;
    member->write_for = why;
    (void)queue_add(sim, sim->now_us + disk_takes_us(sim, m), SIM_DISK, m);
}

static void note_lands(struct sim_member *member) {
    member->disk = member->being_written;
    member->disk_memory = member->memory_being_written;
}

void member_disk(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    member->writing = false;
    bool refused = disk_refuses(sim, m);
    if (refused && disk_holds_it_all_the_same(sim, m)) {
        note_lands(member);
    }
    bool counts = !refused || mutant_is(sim, MUTANT_NOTE_REFUSED_COUNTS);
    if (!counts) {
        SAY(sim, m, "the disk refuses a note");
        return;
    }
    if (!refused) {
        note_lands(member);
    }
    member->noted = member->being_written;
    if (member->write_for == NOTE_FIRST) {
        attest_first_waited(&member->attest);
    }
    if (member->write_for == NOTE_WAITED &&
        member->noted.waited_epoch >= member->attest.closing_epoch &&
        member->attest.closing_epoch > 0) {
        attest_waited(&member->attest);
    }
}

/* What was on its way to the disk is there or not. */
void member_crash(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    if (member->writing && chance(sim, 500)) {
        note_lands(member);
    }
}

static void attest_close_in(struct sim *sim, uint8_t m, uint64_t epoch) {
    struct attest *attest = &sim->members[m].attest;
    uint64_t closed_before = attest->durable.closed_epoch;
    if (member_topology(sim, m)->lease.wait_from == WAIT_FROM_CLOSE) {
        attest_close_from(attest, epoch, sim_stamp(sim, m));
    } else {
        attest_close(attest, epoch);
    }
    if (epoch <= closed_before) {
        return;
    }
    bool only =
        mutant_is(sim, MUTANT_WAIT_THIS_EPOCH) && attest->yes_known && attest->yes_epoch != epoch;
    if (only) {
        attest->wait_from = (struct stamp){0, 0};
    }
    if (mutant_is(sim, MUTANT_YES_NOT_NOTED)) {
        attest->wait_from = attest->started;
    }
    faults_moment(sim, m);
    SAY(sim, m, "closes %llu, waits %u ms", (unsigned long long)epoch,
        attest_wait_left_ms(attest, sim_stamp(sim, m), member_wait_ms(sim, m)));
}

/* True when the CLOSE may be applied now; else its note is on the way to the disk. */
static bool close_is_noted(struct sim *sim, uint8_t m, uint64_t epoch) {
    struct sim_member *member = &sim->members[m];
    if (member->noted.closed_epoch >= epoch || mutant_is(sim, MUTANT_NO_CLOSE_NO_CATCHUP)) {
        attest_close_in(sim, m, epoch);
        return true;
    }
    if (!member->writing) {
        struct attest_durable durable = attest_close_durable(&member->attest, epoch);
        if (mutant_is(sim, MUTANT_NOTE_EARLY)) {
            durable.waited_epoch = durable.closed_epoch;
        }
        note_write(sim, m, &durable, NOTE_CLOSE);
    }
    return false;
}

/* The wait is over; and how far the log had come, so that one set back is recognised. */
static void notes_if_due(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    if (member->writing || mutant_is(sim, MUTANT_NO_NOTE) ||
        mutant_is(sim, MUTANT_NO_CLOSE_NO_CATCHUP)) {
        return;
    }
    bool moved = member->memory.index != member->disk_memory.index ||
                 member->memory.history != member->disk_memory.history;
    if (member->stopped) { /* at once, or a restart would not know why it stopped */
        if (moved) {
            note_write(sim, m, &member->disk, NOTE_MEMORY);
        }
        return;
    }
    bool first = member->disk_memory.history == 0;
    uint32_t first_ms = member_topology(sim, m)->lease.wait_ms;
    if (member->caught_up && attest_first_due(&member->attest, sim_stamp(sim, m), first_ms)) {
        struct attest_durable durable = member->attest.durable;
        durable.first_wait = false;
        note_write(sim, m, &durable, NOTE_FIRST);
    } else if (attest_waited_due(&member->attest, sim_stamp(sim, m), member_wait_ms(sim, m))) {
        struct attest_durable durable = attest_waited_durable(&member->attest);
        note_write(sim, m, &durable, NOTE_WAITED);
    } else if (moved && (first || sim->now_us - member->noted_us > NOTES_EVERY_US)) {
        note_write(sim, m, &member->attest.durable, NOTE_MEMORY);
    }
}

/* -------------------------------------------------------------- fence proofs */

static uint8_t closed_region(const struct sim_member *member, uint64_t closed) {
    const struct core *core = &member->core;
    uint8_t region = NONE;
    if (core->epoch == closed && !core->open) {
        return core->owner;
    }
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        bool moved =
            execution->id != 0 && execution->from_epoch == closed && execution->closed_ms != 0;
        region = moved ? execution->source : region;
    }
    return region;
}

static void check_proofs(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    uint64_t closed = member->attest.durable.closed_epoch;
    if (closed == 0 || member->core.epoch < closed || member->core.epoch > closed + 1) {
        return;
    }
    uint8_t region = closed_region(member, closed);
    unsigned guards_n = 0, proved_n = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == region) {
            guards_n++;
            proved_n += member->agents[h].proved_epoch >= closed;
        }
    }
    bool enough = proved_n == guards_n || (mutant_is(sim, MUTANT_PROOF_ONE) && proved_n > 0);
    if (guards_n > 0 && enough && !member->attest.fence_proved) {
        attest_fence_proved(&member->attest, closed);
        if (mutant_is(sim, MUTANT_PROOF_SKIPS)) {
            member->attest.fence_proved = true;
        }
        sim->judge.proofs_n += member->attest.fence_proved;
        SAY(sim, m, "the fence of %llu is proved", (unsigned long long)closed);
    }
}

/* ------------------------------------------------------------- applying facts */

static void snapshot_take(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    member->core = sim->engine.snapshot;
    member->slot = sim->engine.snapshot_slot;
    member->applied_index = sim->engine.snapshot_index;
    uint64_t wall_ms = sim_wall_ms(sim), told_ms = member->core.wall_ms;
    uint64_t ago_ms = told_ms > 0 && wall_ms > told_ms ? wall_ms - told_ms : 0;
    tick_count_snapshot(&member->count, ago_ms, sim_boot_ms(sim, m));
    if (!member->core.open && member->core.epoch > 0) {
        attest_close_in(sim, m, member->core.epoch);
    } else if (member->core.epoch > 1) {
        attest_close_in(sim, m, member->core.epoch - 1);
    }
    SAY(sim, m, "takes the snapshot of %llu", (unsigned long long)member->applied_index);
}

/* coordinator/propose.c: propose_time_told(); the walls' clocks are right here. */
static void time_told(struct sim *sim, uint8_t m, const struct event *event) {
    struct sim_member *member = &sim->members[m];
    struct stamp now = sim_stamp(sim, m);
    uint64_t ago_ms = (sim->now_us - sim->facts[event->index - 1].appended_us) / 1000;
    bool late_is_new = mutant_is(sim, MUTANT_TICK_LATE_IS_NEW), tick = event->kind == EVENT_TICK;
    if (!member->caught_up || !member->ticks.seen || late_is_new) {
        ticks_read_back(&member->ticks, late_is_new ? 0 : ago_ms, now);
    } else {
        ticks_applied(&member->ticks, tick ? event->tick.elapsed_ms : 0, now);
    }
    if (tick && member->caught_up && event->tick.member == m) {
        tick_count_applied(&member->count, event->index, event->tick.elapsed_ms,
                           sim_boot_ms(sim, m));
    }
    if (!tick || !member->caught_up) {
        tick_count_told(&member->count, member->caught_up ? 0 : ago_ms, sim_boot_ms(sim, m));
    }
}

static void told(struct sim *sim, uint8_t m, const struct event *event,
                 const struct verdict *verdict) {
    bool applied = verdict->result == RESULT_APPLIED;
    if (applied && (event->kind == EVENT_TICK || event->kind == EVENT_TIMEKEEPER)) {
        time_told(sim, m, event);
    }
    if (event->kind == EVENT_CLOSE) {
        check_proofs(sim, m);
    }
    if (applied && event->kind == EVENT_TICK && verdict->execution != 0) {
        faults_decided(sim);
    }
    if (sim->trace) {
        trace_fact(sim, m, event, verdict);
    }
}

/* An outcome is of an undoing when that is what is wanted of this attempt now (facts.c). */
static void complete(const struct sim_member *member, struct event *event) {
    if (event->kind != EVENT_OUTCOME) {
        return;
    }
    event->outcome.undo = 0;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &member->core.executions[i];
        if (execution->id != 0 && execution->id == event->outcome.execution) {
            event->outcome.undo = execution->stage == STAGE_UNDO &&
                                  event->outcome.step < execution->steps_n &&
                                  execution->steps[event->outcome.step].undo == 1;
        }
    }
}

static bool apply_one(struct sim *sim, uint8_t m, const struct sim_fact *fact) {
    struct sim_member *member = &sim->members[m];
    struct event event = fact->event;
    bool closes = event.kind == EVENT_CLOSE &&
                  core_accepts_close(&member->core, member_topology(sim, m), event.close.epoch);
    if (closes && !close_is_noted(sim, m, event.close.epoch)) {
        return false;
    }
    complete(member, &event);
    if (event.kind == EVENT_CONFIG && !config_take(sim, m, fact)) {
        struct verdict refused = {.result = RESULT_REFUSED};
        member->applied_index = event.index;
        judge_applied(sim, m, &event, &refused);
        return true;
    }
    struct verdict verdict = mutant_step(sim, m, &event);
    member->applied_index = event.index;
    if (event.kind == EVENT_OPEN && verdict.result == RESULT_APPLIED) {
        stores_forget(sim, m);
    }
    told(sim, m, &event, &verdict);
    judge_applied(sim, m, &event, &verdict);
    sim_mix(sim, (uint64_t)m << 32 | event.index << 8 | verdict.rule);
    return true;
}

static void apply_all(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    const struct sim_engine *engine = &sim->engine;
    bool reaches = engine->down_until_us <= sim->now_us && net_reaches(sim, ENGINE_PLACE, m) &&
                   net_reaches(sim, m, ENGINE_PLACE);
    if (!reaches || !memory_fits(sim, m)) {
        return;
    }
    if (member->applied_index < engine->compacted) {
        snapshot_take(sim, m);
    }
    /* Read page by page: between two pages anything may happen. */
    bool reads_anew = !member->head_known || member->applied_index < member->head_index;
    uint64_t page_n = reads_anew ? 4 + pick(sim, 60) : UINT64_MAX;
    for (uint64_t n = 0; n < page_n && member->applied_index < engine->facts_n; n++) {
        const struct sim_fact *fact = &sim->facts[member->applied_index];
        if (fact->visible_us[m] > sim->now_us) {
            break;
        }
        memory_saw(sim, member->applied_index + 1, &member->memory);
        if (!apply_one(sim, m, fact)) {
            break;
        }
    }
}

static void catch_up(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    if (!member->head_known && !member->stopped &&
        sim->now_us - member->head_asked_us > HEAD_AGAIN_US) {
        struct sim_message ask = {.kind = MSG_HEAD_ASK, .from = m, .to = ENGINE};
        ask.incarnation = sim->processes[m].incarnation;
        member->head_asked_us = sim->now_us;
        net_send(sim, &ask);
    }
    if (!member->caught_up && member->head_known && member->applied_index >= member->head_index) {
        member->caught_up = true;
        attest_caught_up(&member->attest);
        SAY(sim, m, "has caught up to %llu", (unsigned long long)member->applied_index);
        /* coordinator/epochs.c: epochs_caught_up() */
        uint64_t closed = member->closed_at_start, epoch = member->core.epoch;
        member->stopped =
            member->stopped || (!mutant_is(sim, MUTANT_SET_BACK_UNNOTICED) && closed >= epoch &&
                                (closed > epoch || member->core.open));
    }
}

/* ------------------------------------------------------------------ answering */

static bool is_wanted(const struct sim_member *member, const struct command_name *name) {
    for (unsigned i = 0; i < member->wants.commands_n; i++) {
        const struct want_command *want = &member->wants.commands[i];
        if (want->execution == name->execution && want->step == name->step &&
            want->attempt == name->attempt && want->agent == name->agent &&
            want->epoch == name->epoch && want->action == name->action &&
            want->undo == name->undo) {
            return true;
        }
    }
    return false;
}

static bool says_wanted(const struct sim *sim, uint8_t m, const struct command_name *name) {
    const struct sim_member *member = &sim->members[m];
    if (mutant_is(sim, MUTANT_COMMAND_NOT_WANTED)) {
        return true;
    }
    for (unsigned i = 0; mutant_is(sim, MUTANT_COMMAND_DIGEST) && i < member->wants.commands_n;
         i++) {
        const struct want_command *want = &member->wants.commands[i];
        if (want->execution == name->execution && want->step == name->step) {
            return true;
        }
    }
    return is_wanted(member, name);
}

bool opens_a_store(uint8_t action) {
    return action == ACTION_PATRONI_PROMOTE || action == ACTION_PG_PROMOTE ||
           action == ACTION_REDIS_PROMOTE;
}

static void answer(struct sim *sim, uint8_t m, const struct sim_question *question,
                   uint8_t from_host) {
    struct sim_member *member = &sim->members[m];
    struct lease_view view = core_lease(&member->core);
    uint8_t region = host_region(sim, question->agent);
    if (mutant_is(sim, MUTANT_REGION_AS_SAID) && question->said_region != 0) {
        region = (uint8_t)(question->said_region - 1);
    }
    if ((mutant_is(sim, MUTANT_NO_OWNER) || mutant_is(sim, MUTANT_NO_EPOCH)) && view.open) {
        view.owner = host_region(sim, question->agent);
    }
    if (mutant_is(sim, MUTANT_NO_EPOCH)) {
        view.epoch = question->epoch;
    }
    struct attest_ask ask = {.purpose = question->purpose,
                             .epoch = question->epoch,
                             .region = region,
                             .numbers_agree = numbers_equal(sim, question->numbers, member->slot),
                             .command_wanted = question->purpose == ATTEST_COMMAND &&
                                               says_wanted(sim, m, &question->command),
                             .needs_lease = question->purpose == ATTEST_COMMAND &&
                                            opens_a_store(question->command.action) &&
                                            !mutant_is(sim, MUTANT_NO_NEEDS_LEASE),
                             .now = sim_stamp(sim, m),
                             .wait_ms = member_wait_ms(sim, m)};
    struct sim_message reply = {
        .kind = MSG_ANSWER, .from = m, .to = (uint8_t)(AGENT_FIRST + from_host)};
    reply.answer.question = *question;
    reply.answer.no = (uint8_t)attest_ask(&member->attest, &view, &ask);
    if ((liar_silences(sim, m) && !liar_is(sim, m)) || member->stopped) {
        reply.answer.no = ATTEST_NOT_CAUGHT_UP;
    }
    view = core_lease(&member->core);
    reply.answer.newest_epoch = view.epoch;
    reply.answer.newest_open = view.open;
    reply.answer.left_ms = attest_wait_left_ms(&member->attest, ask.now, ask.wait_ms);
    if (liar_is(sim, m)) {
        liar_answer(sim, &reply.answer);
    }
    if (reply.answer.no == ATTEST_YES && question->purpose == ATTEST_LEASE) {
        member->last_yes_ms = ask.now.boot_ms;
        member->last_yes_epoch = question->epoch;
    }
    if (reply.answer.no == ATTEST_YES && question->purpose == ATTEST_COMMAND &&
        is_wanted(member, &question->command)) {
        judge_wanted(sim, m, &question->command);
    }
    if (!question->thief) {
        net_send(sim, &reply);
    }
}

static void take_report(struct sim *sim, uint8_t m, const struct sim_report *report) {
    struct sim_member *member = &sim->members[m];
    struct sim_message reply = {
        .kind = MSG_ACK, .from = m, .to = (uint8_t)(AGENT_FIRST + report->agent)};
    struct lease_view view = core_lease(&member->core);
    reply.ack =
        (struct sim_ack){.member = m,
                         .epoch = view.epoch,
                         .open = view.open,
                         .ours = view.owner == host_region(sim, report->agent) ||
                                 mutant_is(sim, MUTANT_NO_OWNER) || mutant_is(sim, MUTANT_NO_EPOCH),
                         .caught_up = member->caught_up,
                         .config_version = member->core.config_version};
    if (liar_is(sim, m)) {
        liar_ack(sim, &reply.ack);
    }
    if (!report->thief) {
        net_send(sim, &reply);
    }
    if (report->proved_epoch > member->agents[report->agent].proved_epoch) {
        member->agents[report->agent].proved_epoch = report->proved_epoch;
        check_proofs(sim, m);
    }
    restore_epoch_named(sim, m, report->no_guard ? 0 : report->guard_epoch);
    const struct sim_report *last = &member->agents[report->agent].report;
    uint32_t in_force = member->core.config_version;
    if (member->agents[report->agent].reported &&
        (report->config_version != in_force || last->config_version == in_force) &&
        (report->boot < last->boot || (report->boot == last->boot && report->seq <= last->seq))) {
        return;
    }
    stores_heard(sim, m, report);
    sim->judge.dead_since_us[report->agent] = 0; /* kept on its way, when its sender is dead */
    member->agents[report->agent].report = *report;
    member->agents[report->agent].reported = true;
}

static void take_outcome(struct sim *sim, uint8_t m, const struct sim_outcome *outcome,
                         uint8_t host) {
    const struct command_name *name = &outcome->command;
    struct event event = {.kind = EVENT_OUTCOME};
    event.outcome.execution = name->execution;
    event.outcome.step = name->step;
    event.outcome.attempt = name->attempt;
    event.outcome.agent = name->agent;
    event.outcome.state = outcome->state;
    event.outcome.err = outcome->err;
    event.outcome.observed = outcome->observed;
    event.outcome.position = outcome->position;
    bool its_own = name->agent == host || mutant_is(sim, MUTANT_OUTCOME_ANY_AGENT);
    bool awaited = core_awaits_outcome(&sim->members[m].core, &event);
    if (!its_own || (!awaited && !is_wanted(&sim->members[m], name))) {
        return;
    }
    struct fact_key key = {EVENT_OUTCOME, name->execution,
                           (uint64_t)name->step << 32 | name->attempt, name->agent};
    propose_event(sim, m, &key, &event);
}

void member_message(struct sim *sim, uint8_t m, const struct sim_message *message) {
    struct sim_member *member = &sim->members[m];
    uint8_t host = (uint8_t)(message->from - AGENT_FIRST);
    if (message->from >= AGENT_FIRST && message->from < GUARD_FIRST) {
        member->agents[host].heard_ms = sim_boot_ms(sim, m);
    }
    switch ((enum sim_message_kind)message->kind) {
    case MSG_QUESTION: answer(sim, m, &message->question, host); break;
    case MSG_REPORT: take_report(sim, m, &message->report); break;
    case MSG_OUTCOME: take_outcome(sim, m, &message->outcome, host); break;
    case MSG_APPENDED:
        if (memory_fits(sim, m)) {
            propose_appended(sim, m, &message->append);
        }
        break;
    case MSG_HEAD:
        if (memory_fits(sim, m) && !member->head_known &&
            message->incarnation == sim->processes[m].incarnation) {
            member->head_known = true;
            member->head_index = message->head.index;
            if (member->seen < message->head.index) {
                member->seen = message->head.index;
            }
        }
        break;
    case MSG_REQUEST: {
        struct event event = {.kind = EVENT_REQUEST, .request = message->request};
        uint64_t identity = 0;
        memcpy(&identity, message->request.identity, sizeof identity);
        struct fact_key key = {EVENT_REQUEST, identity, 0, 0};
        propose_event(sim, m, &key, &event);
        break;
    }
    case MSG_ANSWER:
    case MSG_RELAY:
    case MSG_ACK:
    case MSG_COMMAND:
    case MSG_PROMISE_ASK:
    case MSG_PROMISE:
    case MSG_CALL:
    case MSG_REPLY:
    case MSG_APPEND:
    case MSG_HEAD_ASK: break;
    }
}

static void send_commands(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    if (!member->caught_up || sim->now_us - member->commands_sent_us < COMMANDS_AGAIN_US) {
        return;
    }
    for (unsigned i = 0; i < member->wants.commands_n; i++) {
        const struct want_command *want = &member->wants.commands[i];
        struct sim_message message = {
            .kind = MSG_COMMAND, .from = m, .to = (uint8_t)(AGENT_FIRST + want->agent)};
        message.command = *want;
        net_send(sim, &message);
        for (uint8_t h = 0; mutant_is(sim, MUTANT_COMMAND_ANY_AGENT) && h < sim->hosts_n; h++) {
            message.to = (uint8_t)(AGENT_FIRST + h);
            net_send(sim, &message);
        }
        member->commands_sent_us = sim->now_us;
    }
}

void member_tick(struct sim *sim, uint8_t m) {
    catch_up(sim, m);
    apply_all(sim, m);
    catch_up(sim, m);
    notes_if_due(sim, m);
    core_wants(&sim->members[m].core, member_topology(sim, m), &sim->members[m].wants);
    send_commands(sim, m);
    if (liar_is(sim, m)) {
        liar_tick(sim, m);
    }
    if (sim->members[m].caught_up && !sim->members[m].stopped) {
        propose_all(sim, m);
    }
}
