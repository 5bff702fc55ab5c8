#include "coordinator/decide/decide.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "common/topology/findings.h"

/* ---------------------------------------------------------------- lines */

static void line_add(struct decide_lines *lines, int level, const char *event, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

static void line_add(struct decide_lines *lines, int level, const char *event, const char *format,
                     ...) {
    va_list args;
    ensure(lines->n < DECIDE_LINES_MAX);
    struct decide_line *line = &lines->at[lines->n++];
    line->level = level;
    line->event = event;
    va_start(args, format);
    (void)vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
    for (char *c = line->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' '; /* an operator's reason may hold anything; a line is a line */
        }
    }
}

static const char *level_text(int level) {
    return level == LOG_WARNING ? "warning" : level == LOG_INFO ? "info" : "notice";
}

size_t decide_line_text(const struct decide_line *line, char *out, size_t out_size) {
    bool fits =
        text_format(out, out_size, "%s %s %s\n", level_text(line->level), line->event, line->text);
    return fits ? strlen(out) : 0;
}

bool decide_is_routine(const struct event *event, const struct verdict *verdict) {
    bool dull = event->kind == EVENT_TICK && verdict->rule >= 900;
    bool routine = event->kind == EVENT_REPORT || event->kind == EVENT_LAG ||
                   event->kind == EVENT_VIEW || dull;
    return routine && verdict->result == RESULT_APPLIED;
}

static void refused(struct decision *decision, struct decide_lines *lines) {
    const struct event *event = &decision->fact.event;
    decision->verdict = (struct verdict){.result = RESULT_REFUSED};
    line_add(lines, LOG_WARNING, "fact.refused", "index=%" PRIu64 " kind=%s \"%s\"", event->index,
             event_text((enum event_kind)event->kind), decision->why.at);
}

/* -------------------------------------------------------- start and snapshot */

void decide_start(struct decide *decide, const struct attest_durable *durable, struct stamp now,
                  struct decide_lines *ret_lines) {
    ret_lines->n = 0;
    core_init(&decide->core);
    attest_init(&decide->attest, durable, now);
    decide->step_at = now;
    line_add(ret_lines, LOG_NOTICE, "member.notes",
             "closed_epoch=%" PRIu64 " waited_epoch=%" PRIu64 "%s", durable->closed_epoch,
             durable->waited_epoch, durable->first_wait ? " first_wait=1" : "");
}

/* Out of the topology, to another region, without a guard, or under another key: in each case what
 * proves its fence then is not the guard that may hold the lease. */
static bool guard_leaves(const struct agent *agent, const struct topology *next) {
    uint8_t there = topology_agent(next, agent->name);
    bool stays = there != NONE && next->agents[there].guarded &&
                 next->agents[there].region == agent->region &&
                 agent_same_guard(&next->agents[there], agent);
    return agent->guarded && !stays;
}

/* The proof of a guard that left is asked of nobody any more, and its lease may still run: it ends
 * as every lease does, within the wait behind the last YES to it, and that was before now. After a
 * start from a snapshot nobody knows what left before. Under `hold`: decide_leases_follow(). */
static void note_guard_left(struct decide *decide, uint32_t version) {
    const struct topology *now = decide->topology, *next = decide->topology_next;
    bool left = !decide->topology_known && version > 1;
    for (unsigned a = 0; decide->topology_known && a < now->agents_n; a++) {
        left = left || guard_leaves(&now->agents[a], next);
    }
    if (left && next->lease.on_quorum_loss != QUORUM_LOSS_HOLD) {
        decide->guard_left = true;
        decide->guard_left_at = decide->step_at;
    }
}

/* topology_next holds the new one. */
static void topology_take(struct decide *decide, const char *text, size_t text_size,
                          uint32_t version) {
    struct topology *old = decide->topology;
    ensure(text_size <= TOPOLOGY_BYTES_MAX);
    note_guard_left(decide, version);
    decide->topology = decide->topology_next;
    decide->topology_next = old;
    decide->topology->version = version;
    memmove(decide->topology_text, text, text_size);
    decide->topology_text[text_size] = '\0';
    decide->topology_text_size = text_size;
    decide->topology_known = true;
    memset(decide->proved_epoch, 0, sizeof decide->proved_epoch);
    memset(decide->told_answer, 0, sizeof decide->told_answer);
}

static void close_in(struct decide *decide, uint64_t epoch) {
    if (decide->topology->lease.wait_from == WAIT_FROM_CLOSE) {
        attest_close_from(&decide->attest, epoch, decide->step_at);
    } else {
        attest_close(&decide->attest, epoch);
    }
}

enum err decide_snapshot(struct decide *decide, const uint8_t *bytes, size_t size, uint64_t index,
                         struct snapshot *ret_snapshot, struct decide_lines *ret_lines,
                         struct text256 *reterr) {
    ret_lines->n = 0;
    enum err err = snapshot_read(bytes, size, ret_snapshot, reterr);
    err = err != ERR_OK ? err
                        : topology_read((const char *)ret_snapshot->text, ret_snapshot->text_size,
                                        "topology", decide->topology_next, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (!decide_core_is_sane(&ret_snapshot->core, decide->topology_next)) {
        text_say(reterr, "the snapshot's state contradicts itself");
        return ERR_FORMAT;
    }
    topology_take(decide, (const char *)ret_snapshot->text, ret_snapshot->text_size,
                  ret_snapshot->core.config_version);
    decide->core = ret_snapshot->core;
    if (!decide->core.open && decide->core.epoch > 0) {
        /* The CLOSE itself is behind us: it must be durable here all the same before we speak. */
        close_in(decide, decide->core.epoch);
    } else if (decide->core.epoch > 1) {
        close_in(decide, decide->core.epoch - 1);
    }
    line_add(ret_lines, LOG_NOTICE, "log.snapshot_taken",
             "index=%" PRIu64 " phase=%s epoch=%" PRIu64, index,
             phase_text((enum phase)decide->core.phase), decide->core.epoch);
    return ERR_OK;
}

/* ------------------------------------------------------------- a topology */

bool decide_topology_follows(const struct topology *now, const struct topology *next,
                             struct text256 *reterr) {
    /* Epochs, views and executions name regions and members by place. */
    bool same = next->regions_n >= now->regions_n && next->members_n == now->members_n &&
                text_equal(next->cluster, now->cluster);
    for (unsigned r = 0; same && r < now->regions_n; r++) {
        same = text_equal(next->regions[r].name, now->regions[r].name);
    }
    for (unsigned m = 0; same && m < now->members_n; m++) {
        same = text_equal(next->members[m].name, now->members[m].name);
    }
    if (!same) {
        text_say(reterr, "regions and members may not change place, vanish or be renamed");
        return false;
    }
    /* A guard is pinned to the numbers of its start. A lease or a promise given under the old ones
     * may run on, and only the old wait covers it (tests/model, lines change-...). */
    const struct lease_numbers *had = &now->lease, *has = &next->lease;
    if (has->wait_ms < had->wait_ms || has->promise_ms < had->promise_ms) {
        text_say(reterr, "lease.wait and lease.promise may not become shorter: a lease or a "
                         "promise given under the longer ones may still run");
        return false;
    }
    if ((had->on_quorum_loss == QUORUM_LOSS_HOLD) != (has->on_quorum_loss == QUORUM_LOSS_HOLD)) {
        text_say(reterr, "on_quorum_loss may not become hold nor leave it: a lease held by a guard "
                         "that was started under hold never runs out");
        return false;
    }
    return true;
}

/* Under `hold` no time ends the lease of a guard that leaves: it must have proved its fence. */
static bool may_leave(const struct decide *decide, uint8_t a) {
    const struct core *core = &decide->core;
    bool owns = core->open && core->owner == decide->topology->agents[a].region;
    uint64_t over = core->open ? core->epoch - 1 : core->epoch;
    return decide->topology->lease.on_quorum_loss != QUORUM_LOSS_HOLD ||
           (!owns && core->agents[a].fenced_epoch >= over);
}

/* Under `failsafe` a gate guard that joins gave no promise to the region that holds the lease. Who
 * is heard there learns of it, and asks for no promises without it (agent/peers.c); who is not may
 * live on the promises of the others. */
static bool may_join(const struct decide *decide, const struct agent *joins) {
    const struct topology *now = decide->topology;
    const struct core *core = &decide->core;
    bool promises = now->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE && joins->gate &&
                    core->epoch > 0 && core->owner != joins->region;
    for (unsigned a = 0; promises && a < now->agents_n; a++) {
        if (now->agents[a].guarded && now->agents[a].region == core->owner &&
            bits_count(core->agents[a].heard_by) < majority_of(now->members_n)) {
            return false;
        }
    }
    return true;
}

bool decide_leases_follow(const struct decide *decide, struct text256 *reterr) {
    const struct topology *now = decide->topology, *next = decide->topology_next;
    for (uint8_t a = 0; a < now->agents_n; a++) {
        if (guard_leaves(&now->agents[a], next) && !may_leave(decide, a)) {
            text_say(reterr,
                     "under hold agent %s may not leave its region or its guard's key before the "
                     "guard has proved its fence: its lease never runs out",
                     now->agents[a].name);
            return false;
        }
    }
    for (uint8_t a = 0; a < next->agents_n; a++) {
        if (guard_leaves(&next->agents[a], now) && !may_join(decide, &next->agents[a])) {
            text_say(reterr,
                     "agent %s may not join while a guarded agent of the region that holds the "
                     "lease is not heard: that one may live on the promises of the others",
                     next->agents[a].name);
            return false;
        }
    }
    return true;
}

/* All members and their log were lost: what begins a new one is two persons' word. */
static bool anew_by_two(const struct decide *decide, struct decision *decision) {
    const struct request *request = &decision->message.request;
    if (!facts_begins_anew(&decide->core, decide->topology, decide->topology_next)) {
        return true;
    }
    if (!facts_verify_second(decide->topology, request, decision->fact.wall_ms, &decision->why)) {
        return false;
    }
    size_t had = strlen(decision->comment);
    (void)text_format(decision->comment + had, sizeof decision->comment - had,
                      "%scountersigned by %s", had > 0 ? "; " : "", request->second.name);
    return true;
}

static bool config_fits(const struct decide *decide, struct decision *decision) {
    const struct topology *now = decide->topology, *next = decide->topology_next;
    const struct fact *fact = &decision->fact;
    struct text256 *reterr = &decision->why;
    if (fact->event.config.version != core_next_version(&decide->core, next)) {
        text_say(reterr, "version %u does not follow %u", fact->event.config.version,
                 decide->core.config_version);
        return false;
    }
    if (!decide->topology_known || decide->core.config_version == 0) {
        return true;
    }
    return decide_topology_follows(now, next, reterr) && decide_leases_follow(decide, reterr) &&
           anew_by_two(decide, decision);
}

static bool config_take(struct decide *decide, struct decision *decision) {
    static struct findings findings;
    const struct fact *fact = &decision->fact;
    struct text256 *reterr = &decision->why;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (execution_bars_topology(&decide->core.executions[i])) {
            text_say(reterr, "no new topology while an execution runs");
            return false;
        }
    }
    if (fact->text_size > TOPOLOGY_BYTES_MAX) {
        text_say(reterr, "the topology is larger than %u bytes", TOPOLOGY_BYTES_MAX);
        return false;
    }
    if (topology_read((const char *)fact->text, fact->text_size, "topology", decide->topology_next,
                      reterr) != ERR_OK ||
        !config_fits(decide, decision)) {
        return false;
    }
    topology_check(decide->topology_next, &findings);
    if (findings.errors_n > 0) {
        text_say(reterr, "the topology has %u errors", findings.errors_n);
        return false;
    }
    topology_take(decide, (const char *)fact->text, fact->text_size, fact->event.config.version);
    return true;
}

/* Whose topology is it? The first one is the file that the members were started with; every
 * later one must be an operator's own signed request. */
static bool config_is_authorised(const struct decide *decide, struct decision *decision) {
    struct fact *fact = &decision->fact;
    struct message *message = &decision->message;
    if (fact->frame_size == 0) {
        text_say(&decision->why, "no operator signed this topology");
        return decide->core.config_version == 0;
    }
    if (!decide->topology_known ||
        message_decode(fact->frame, fact->frame_size, decide->inner_scratch, FACTS_SCRATCH_SIZE,
                       message, &decision->why) != ERR_OK ||
        message->kind != MESSAGE_REQUEST || message->request.kind != REQUEST_CONFIG_APPLY) {
        text_say(&decision->why,
                 "the topology comes with something that is no request to apply it");
        message->kind = MESSAGE_NONE;
        return false;
    }
    uint8_t who = topology_operator(decide->topology, message->request.operator_name);
    if (who == NONE ||
        !facts_verify_request(decide->topology, &message->request, who, &decision->why)) {
        return false;
    }
    if (fact->wall_ms > message->request.not_after_wall_ms + REQUEST_SKEW_MS) {
        text_say(&decision->why, "the request of %s is too old", message->request.operator_name);
        return false;
    }
    fact->text = (const uint8_t *)message->request.text;
    fact->text_size = message->request.text_size;
    (void)text_copy(decision->comment, sizeof decision->comment, message->request.reason);
    return true;
}

/* ------------------------------------------------------------------ a fact */

bool decide_read(struct decide *decide, const uint8_t *bytes, size_t size, uint64_t index,
                 struct decision *ret_decision, struct decide_lines *ret_lines) {
    struct fact *fact = &ret_decision->fact;
    const struct topology *topology = decide->topology_known ? decide->topology : NULL;
    ret_lines->n = 0;
    ret_decision->message.kind = MESSAGE_NONE;
    ret_decision->comment[0] = ret_decision->why.at[0] = '\0';
    ret_decision->topology_changed = false;
    bool good =
        fact_read(bytes, size, index, fact, &ret_decision->why) == ERR_OK &&
        facts_complete(topology, &decide->core, decide->inner_scratch, fact, &ret_decision->message,
                       ret_decision->comment, sizeof ret_decision->comment, &ret_decision->why);
    if (good && fact->event.kind == EVENT_CONFIG) {
        good = config_is_authorised(decide, ret_decision) && config_take(decide, ret_decision);
        ret_decision->topology_changed = good;
    }
    if (good && !decide->topology_known) {
        text_say(&ret_decision->why, "comes before any topology");
        good = false;
    }
    if (!good) {
        refused(ret_decision, ret_lines);
    }
    return good;
}

uint64_t decide_closes(const struct decide *decide, const struct decision *decision) {
    const struct event *event = &decision->fact.event;
    bool closes = event->kind == EVENT_CLOSE &&
                  core_accepts_close(&decide->core, decide->topology, event->close.epoch);
    return closes ? event->close.epoch : 0;
}

static void check_proofs(struct decide *decide, struct decide_lines *lines);

void decide_step(struct decide *decide, struct decision *decision, struct decide_lines *ret_lines) {
    const struct event *event = &decision->fact.event;
    ret_lines->n = 0;
    uint64_t closes = decide_closes(decide, decision);
    bool guard_left = decide->guard_left; /* proofs may have come, and did not count */
    if (closes > 0) {
        close_in(decide, closes);
    }
    decision->verdict = core_step(&decide->core, decide->topology, event);
    const struct verdict *verdict = &decision->verdict;
    if (!decide_is_routine(event, verdict)) {
        line_add(ret_lines, verdict->result == RESULT_REFUSED ? LOG_WARNING : LOG_NOTICE,
                 "fact.applied",
                 "index=%" PRIu64 " kind=%s rule=%u result=%u phase=%s epoch=%" PRIu64
                 " execution=%" PRIu64 " \"%s\" \"%s\"",
                 event->index, event_text((enum event_kind)event->kind), verdict->rule,
                 verdict->result, phase_text((enum phase)decide->core.phase), decide->core.epoch,
                 verdict->execution, rule_sentence(verdict->rule), decision->comment);
    }
    if (event->kind == EVENT_CLOSE || guard_left) {
        check_proofs(decide, ret_lines);
    }
}

/* ---------------------------------------------------------------- attesting */

uint32_t decide_wait_ms(const struct topology *topology) {
    return topology_wait_ms(&topology->lease);
}

uint32_t decide_first_wait_ms(const struct topology *topology) {
    return topology->lease.wait_ms;
}

void decide_caught_up(struct decide *decide, uint64_t index, struct decide_lines *ret_lines) {
    ret_lines->n = 0;
    attest_caught_up(&decide->attest);
    line_add(ret_lines, LOG_NOTICE, "member.caught_up", "index=%" PRIu64 " epoch=%" PRIu64, index,
             decide->core.epoch);
}

enum attest_no decide_answer(struct decide *decide, uint8_t agent, const struct attest_ask *ask,
                             struct decide_lines *ret_lines) {
    struct lease_view view = core_lease(&decide->core);
    ensure(agent < AGENTS_MAX);
    ret_lines->n = 0;
    enum attest_no answer = attest_ask(&decide->attest, &view, ask);
    uint8_t *told = &decide->told_answer[agent][ask->purpose == ATTEST_LEASE ? 0 : 1];
    if (*told != (uint8_t)answer + 1) {
        *told = (uint8_t)((unsigned)answer + 1);
        line_add(ret_lines, LOG_INFO, "attest.answer",
                 "agent=%s purpose=%s asked=%" PRIu64 " epoch=%" PRIu64 " answer=%u \"%s\"",
                 decide->topology->agents[agent].name,
                 ask->purpose == ATTEST_LEASE ? "lease" : "command", ask->epoch, view.epoch,
                 (unsigned)answer, refusal_text((enum refusal)answer));
    }
    return answer;
}

/* Every guard of the closed epoch's region, as the topology lists them, refuses that epoch for ever
 * and its gate was seen shut: then nobody needs to wait. */
static void check_proofs(struct decide *decide, struct decide_lines *lines) {
    const struct topology *topology = decide->topology;
    const struct core *core = &decide->core;
    uint64_t closed = decide->attest.durable.closed_epoch;
    if (decide->guard_left) {
        decide->guard_left = stamp_least_passed_ms(decide->guard_left_at, decide->step_at) <
                             decide_wait_ms(topology);
    }
    if (decide->guard_left || closed == 0 || core->epoch < closed || core->epoch > closed + 1) {
        return;
    }
    uint8_t region = NONE;
    if (core->epoch == closed && !core->open) {
        region = core->owner;
    } else {
        for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
            const struct execution *execution = &core->executions[i];
            bool moved =
                execution->id != 0 && execution->from_epoch == closed && execution->closed_ms != 0;
            region = moved ? execution->source : region;
        }
    }
    unsigned guards_n = 0;
    for (unsigned a = 0; region != NONE && a < topology->agents_n; a++) {
        if (topology->agents[a].region != region || !topology->agents[a].guarded) {
            continue;
        }
        guards_n++;
        if (decide->proved_epoch[a] < closed) {
            return;
        }
    }
    bool before = decide->attest.fence_proved;
    if (guards_n > 0) {
        attest_fence_proved(&decide->attest, closed);
    }
    if (decide->attest.fence_proved && !before) {
        line_add(lines, LOG_NOTICE, "attest.fence_proved", "epoch=%" PRIu64 " guards_n=%u", closed,
                 guards_n);
    }
}

void decide_fence_proof(struct decide *decide, uint8_t agent, uint64_t epoch,
                        struct decide_lines *ret_lines) {
    ensure(agent < AGENTS_MAX);
    ret_lines->n = 0;
    decide->proved_epoch[agent] = epoch;
    check_proofs(decide, ret_lines);
}

bool decide_waited(struct decide *decide, uint64_t epoch, struct decide_lines *ret_lines) {
    const struct attest *attest = &decide->attest;
    ret_lines->n = 0;
    if (epoch == 0 && attest->durable.first_wait) {
        attest_first_waited(&decide->attest);
        line_add(ret_lines, LOG_NOTICE, "attest.first_waited", "epoch=%" PRIu64,
                 decide->core.epoch);
        return true;
    }
    if (epoch == 0 || attest->closing_epoch != epoch || epoch > attest->durable.closed_epoch) {
        return false;
    }
    attest_waited(&decide->attest);
    line_add(ret_lines, LOG_NOTICE, "attest.waited", "epoch=%" PRIu64, epoch);
    return true;
}
