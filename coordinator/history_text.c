/* What a fact says and what came of it, in one sentence. Only the fact, the state before and
 * after and the applied topology may be looked at: every member must find the same words. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "coordinator/history_parts.h"

const char *telling_region(const struct telling *telling, uint8_t region) {
    return region < telling->topology->regions_n ? telling->topology->regions[region].name : "?";
}

const char *telling_agent(const struct telling *telling, uint8_t agent) {
    return agent < telling->topology->agents_n ? telling->topology->agents[agent].name : "?";
}

const char *telling_member(const struct telling *telling, uint8_t member) {
    return member < telling->topology->members_n ? telling->topology->members[member].name : "?";
}

const char *telling_step(const struct telling *telling, const struct execution *execution,
                         uint8_t step) {
    if (execution == NULL || execution->plan >= telling->topology->plans_n ||
        step >= telling->topology->plans[execution->plan].steps_n) {
        return "?";
    }
    return telling->topology->plans[execution->plan].steps[step].name;
}

struct text256 telling_policy(const struct telling *telling) {
    const struct document *document = &telling->topology->document;
    struct text256 text;
    bool status = document->status[0] != '\0';
    (void)text_format(text.at, sizeof text.at, "policy %s of %s%s%s%s, topology version %u",
                      document->version, document->date, status ? " (" : "", document->status,
                      status ? ")" : "", telling->after->config_version);
    return text;
}

struct history_row telling_row(const struct telling *telling, const char *kind) {
    struct history_row row;
    memset(&row, 0, sizeof row);
    row.index = telling->fact->event.index;
    row.wall_ms = telling->fact->wall_ms;
    row.core_ms = telling->after->now_ms;
    row.execution = telling->verdict->execution;
    row.ms = -1;
    row.bytes = -1;
    row.rule = telling->verdict->rule;
    row.result = telling->verdict->result;
    (void)text_copy(row.kind, sizeof row.kind, kind);
    return row;
}

static const char *fact_kind(const struct telling *telling) {
    return event_text((enum event_kind)telling->fact->event.kind);
}

static void say(const struct telling *telling, struct history_row *row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct telling *telling, struct history_row *row, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)text_format_list(row->text, sizeof row->text, format, args);
    va_end(args);
    telling->emit(telling->owner, row);
}

/* ---------------------------------------------------------------------- requests */

static void request_words(const struct telling *telling, char *out, size_t out_size) {
    const struct request *request = &telling->message->request;
    switch ((enum request_kind)request->kind) {
    case REQUEST_DECLARE:
        (void)text_format(out, out_size, "declared %s to %s%s%s",
                          plan_kind_text((enum plan_kind)request->plan_kind), request->region,
                          request->plan[0] == '\0' ? "" : " by plan ", request->plan);
        break;
    case REQUEST_APPROVE:
    case REQUEST_REJECT:
        (void)text_format(out, out_size, "asked: %s %s of execution %" PRIu64 ", under %s",
                          request_kind_text((enum request_kind)request->kind), request->step,
                          request->execution, telling_policy(telling).at);
        break;
    case REQUEST_STEP_RETRY:
    case REQUEST_STEP_SKIP:
    case REQUEST_STEP_DONE:
        (void)text_format(out, out_size, "asked: %s %s of execution %" PRIu64,
                          request_kind_text((enum request_kind)request->kind), request->step,
                          request->execution);
        break;
    case REQUEST_COMMAND_HANDOVER:
        (void)text_format(out, out_size, "asked: hand command of execution %" PRIu64 " over to %s",
                          request->execution, request->to);
        break;
    case REQUEST_PAUSE:
    case REQUEST_RESUME:
    case REQUEST_ABORT:
    case REQUEST_COMMAND_TAKE:
        (void)text_format(out, out_size, "asked: %s execution %" PRIu64,
                          request_kind_text((enum request_kind)request->kind), request->execution);
        break;
    case REQUEST_MODE_GRACEFUL:
    case REQUEST_MODE_UNGRACEFUL:
        (void)text_format(out, out_size, "asked: %s of execution %" PRIu64,
                          request_kind_text((enum request_kind)request->kind), request->execution);
        break;
    case REQUEST_HOLD:
        (void)text_format(out, out_size, "asked: hold automation %s%s",
                          request->for_ms == 0 ? "until released" : "for ",
                          request->for_ms == 0 ? "" : duration_text(request->for_ms).at);
        break;
    case REQUEST_QUERY:
    case REQUEST_RELEASE:
    case REQUEST_CONFIG_APPLY:
    case REQUEST_OVERRIDE:
    case REQUEST_KINDS_N:
        (void)text_format(out, out_size, "asked: %s",
                          request_kind_text((enum request_kind)request->kind));
        break;
    }
}

static void tell_request(const struct telling *telling) {
    char words[320];
    struct history_row row = telling_row(telling, fact_kind(telling));
    const struct request *request = &telling->message->request;
    const struct verdict *verdict = telling->verdict;
    if (row.execution == 0) {
        row.execution =
            core_execution(telling->after, request->execution) != NULL ? request->execution : 0;
    }
    (void)text_copy(row.subject, sizeof row.subject, request->step);
    request_words(telling, words, sizeof words);
    const char *between = telling->comment[0] == '\0' ? "" : ": ";
    if (verdict->result == RESULT_APPLIED) {
        say(telling, &row, "%s %s%s%s", request->operator_name, words, between, telling->comment);
    } else {
        say(telling, &row, "%s %s%s%s; %s by rule %u: %s", request->operator_name, words, between,
            telling->comment, verdict->result == RESULT_NOTHING ? "nothing to do" : "REFUSED",
            verdict->rule, rule_sentence(verdict->rule));
    }
    if (request->evidence[0] != '\0' && verdict->result == RESULT_APPLIED) {
        (void)text_copy(row.kind, sizeof row.kind, "evidence");
        say(telling, &row, "evidence for step %s: %s", request->step, request->evidence);
    }
}

/* ------------------------------------------------------------------ what is heard */

static void append_name(char *out, size_t out_size, const char *lead, bool *first,
                        const char *name) {
    (void)text_append(out, out_size, *first ? lead : ", ");
    (void)text_append(out, out_size, name);
    *first = false;
}

static void tell_view(const struct telling *telling) {
    uint8_t member = telling->fact->event.view.member;
    char heard[160] = "", lost[160] = "";
    bool first_heard = true, first_lost = true;
    for (uint8_t a = 0; a < telling->topology->agents_n; a++) {
        bool before = bits_has(telling->before->agents[a].heard_by, member);
        bool after = bits_has(telling->after->agents[a].heard_by, member);
        if (after && !before) {
            append_name(heard, sizeof heard, " hears ", &first_heard, telling_agent(telling, a));
        } else if (before && !after) {
            append_name(lost, sizeof lost, " no longer hears ", &first_lost,
                        telling_agent(telling, a));
        }
    }
    bool was = telling->before->members[member].attesting != 0;
    bool is = telling->after->members[member].attesting != 0;
    if (first_heard && first_lost && was == is) {
        return;
    }
    struct history_row row = telling_row(telling, fact_kind(telling));
    (void)text_copy(row.subject, sizeof row.subject, telling_member(telling, member));
    bool moved = !first_heard || !first_lost;
    say(telling, &row, "view of %s:%s%s%s%s%s", telling_member(telling, member), heard,
        first_heard || first_lost ? "" : ";", lost, moved && was != is ? ";" : "",
        was == is ? ""
        : is      ? " attests the lease"
                  : " attests the lease no longer");
}

static const char *seen_text(uint8_t status) {
    static const char *const texts[] = {"unknown", "ok", "suspect", "failed", "warn", "stale"};
    return status < sizeof texts / sizeof texts[0] ? texts[status] : "?";
}

static const char *gate_seen_text(uint8_t gate) {
    static const char *const texts[] = {"unknown", "shut", "open", "absent"};
    return gate < sizeof texts / sizeof texts[0] ? texts[gate] : "?";
}

static void append_checks(const struct telling *telling, uint8_t agent, char *out,
                          size_t out_size) {
    static const char *const roles[] = {"unknown", "primary", "standby"};
    char part[128];
    for (unsigned i = 0; i < telling->topology->checks_n; i++) {
        const struct check_view *was = &telling->before->checks[i];
        const struct check_view *is = &telling->after->checks[i];
        const char *name = telling->topology->checks[i].name;
        if (was->status[agent] != is->status[agent]) {
            (void)text_format(part, sizeof part, "; %s %s -> %s", name,
                              seen_text(was->status[agent]), seen_text(is->status[agent]));
            (void)text_append(out, out_size, part);
        }
        if (was->role != is->role && is->role < 3) {
            (void)text_format(part, sizeof part, "; %s sees %s", name, roles[is->role]);
            (void)text_append(out, out_size, part);
        }
        if (was->writable != is->writable) {
            (void)text_format(part, sizeof part, "; %s %s", name,
                              is->writable ? "takes writes" : "takes no writes");
            (void)text_append(out, out_size, part);
        }
    }
}

static void tell_report(const struct telling *telling) {
    uint8_t agent = telling->fact->event.report.agent;
    const struct agent_view *was = &telling->before->agents[agent];
    const struct agent_view *is = &telling->after->agents[agent];
    char what[HISTORY_TEXT_SIZE] = "", part[96];
    if (was->boot != is->boot) {
        (void)text_append(what, sizeof what, was->boot == 0 ? "; first report" : "; started again");
    }
    if (was->gate != is->gate) {
        (void)text_format(part, sizeof part, "; gate %s", gate_seen_text(is->gate));
        (void)text_append(what, sizeof what, part);
    }
    if (was->leased != is->leased) {
        (void)text_append(what, sizeof what, is->leased ? "; holds a lease" : "; holds no lease");
    }
    if (was->guard_present != is->guard_present) {
        (void)text_append(what, sizeof what,
                          is->guard_present ? "; its guard answers" : "; its guard is silent");
    }
    if (was->fenced_epoch != is->fenced_epoch && is->fenced_epoch != 0) {
        (void)text_format(part, sizeof part, "; proves its fence of epoch %" PRIu64,
                          is->fenced_epoch);
        (void)text_append(what, sizeof what, part);
    }
    append_checks(telling, agent, what, sizeof what);
    if (what[0] == '\0') {
        return;
    }
    struct history_row row = telling_row(telling, fact_kind(telling));
    (void)text_copy(row.subject, sizeof row.subject, telling_agent(telling, agent));
    say(telling, &row, "%s: %s", telling_agent(telling, agent), what + 2);
}

/* 0 unknown, 1 within the target, 2 above it, 3 above the alert. */
static unsigned lag_grade(const struct link_view *view, const struct link *link) {
    if (!view->known) {
        return 0;
    }
    if (link->alert_lag_ms > 0 && view->lag_ms > link->alert_lag_ms) {
        return 3;
    }
    return link->target_lag_ms > 0 && view->lag_ms > link->target_lag_ms ? 2 : 1;
}

static void tell_lag(const struct telling *telling) {
    static const char *const grades[] = {"not known", "within its target", "above its target",
                                         "above its alert"};
    uint8_t at = telling->fact->event.lag.link;
    const struct link *link = &telling->topology->links[at];
    const struct link_view *is = &telling->after->links[at];
    unsigned grade = lag_grade(is, link);
    if (grade == lag_grade(&telling->before->links[at], link)) {
        return;
    }
    struct history_row row = telling_row(telling, fact_kind(telling));
    (void)text_copy(row.subject, sizeof row.subject, link->name);
    if (grade == 0) {
        say(telling, &row, "lag of %s is not known any more", link->name);
        return;
    }
    row.ms = is->lag_ms;
    row.bytes = (int64_t)is->lag_bytes;
    say(telling, &row, "lag of %s is %s: %s, %" PRIu64 " bytes", link->name, grades[grade],
        duration_text(is->lag_ms).at, is->lag_bytes);
}

/* ----------------------------------------------------------------- lease and steps */

/* What is known of a step's work is known of runs that were waited for. */
static void note_run(const struct telling *telling, const struct execution *execution,
                     struct history_row *row) {
    const struct event *event = &telling->fact->event;
    bool ended = event->outcome.state == OUTCOME_DONE || event->outcome.state == OUTCOME_FAILED ||
                 event->outcome.state == OUTCOME_REFUSED;
    if (execution == NULL || telling->verdict->result != RESULT_APPLIED || event->outcome.undo ||
        !ended || execution->plan >= telling->topology->plans_n ||
        event->outcome.step >= telling->topology->plans[execution->plan].steps_n) {
        return;
    }
    history_work(telling->topology, execution->plan, event->outcome.step, execution->source,
                 execution->target, row->work);
    if (row->work[0] == '\0') {
        return;
    }
    (void)text_copy(row->plan, sizeof row->plan, telling->topology->plans[execution->plan].name);
    row->how = execution->kind == PLAN_DRILL ? RUN_DRILL
               : execution->automatic        ? RUN_AUTOMATIC
                                             : RUN_DECLARED;
    row->end = event->outcome.state != OUTCOME_DONE ? RUN_FAILED
               : event->outcome.observed            ? RUN_FOUND
                                                    : RUN_DONE;
}

static void tell_outcome(const struct telling *telling) {
    static const char *const states[] = {"?", "running", "done", "failed", "refused"};
    const struct event *event = &telling->fact->event;
    const struct execution *execution = core_execution(telling->after, event->outcome.execution);
    struct history_row row = telling_row(telling, fact_kind(telling));
    const char *step = telling_step(telling, execution, event->outcome.step);
    row.execution = execution == NULL ? 0 : execution->id;
    row.ms = event->outcome.took_ms;
    (void)text_copy(row.subject, sizeof row.subject, step);
    note_run(telling, execution, &row);
    say(telling, &row, "step %s%s %s by %s in %u ms%s%s%s%s", step,
        event->outcome.undo ? " (undoing)" : "",
        event->outcome.state < 5 ? states[event->outcome.state] : "?",
        telling_agent(telling, event->outcome.agent), event->outcome.took_ms,
        event->outcome.observed ? ", found as wished" : "", telling->comment[0] == '\0' ? "" : ": ",
        telling->comment,
        telling->verdict->result == RESULT_APPLIED ? "" : " (nobody waits for it any more)");
}

static void tell_config(const struct telling *telling) {
    struct history_row row = telling_row(telling, fact_kind(telling));
    bool signed_by = telling->message->kind == MESSAGE_REQUEST;
    say(telling, &row, "topology version %u applied%s%s%s%s", telling->fact->event.config.version,
        signed_by ? " by " : " from the member's own file",
        signed_by ? telling->message->request.operator_name : "",
        signed_by && telling->comment[0] != '\0' ? ": " : "", signed_by ? telling->comment : "");
}

static void tell_tick(const struct telling *telling) {
    const struct core *after = telling->after;
    if (telling->verdict->result != RESULT_APPLIED) {
        return;
    }
    if (telling->verdict->rule != 0 && telling->verdict->rule < 900) {
        struct history_row row = telling_row(telling, fact_kind(telling));
        (void)text_copy(row.subject, sizeof row.subject, telling_region(telling, after->owner));
        say(telling, &row, "%s, epoch %" PRIu64 ": %s", telling_region(telling, after->owner),
            after->epoch, rule_sentence(telling->verdict->rule));
    } else if (telling->before->settle_from_ms != after->settle_from_ms) {
        struct history_row row = telling_row(telling, fact_kind(telling));
        say(telling, &row, "no time was told for %u ms: everybody must be heard again first",
            telling->fact->event.tick.elapsed_ms);
    }
}

static void tell_lease(const struct telling *telling) {
    const struct event *event = &telling->fact->event;
    struct history_row row = telling_row(telling, fact_kind(telling));
    bool applied = telling->verdict->result == RESULT_APPLIED;
    const char *lead = applied ? "" : "REFUSED: ";
    if (event->kind == EVENT_OPEN) {
        (void)text_copy(row.subject, sizeof row.subject,
                        telling_region(telling, event->open.region));
        say(telling, &row, "%sOPEN epoch %" PRIu64 " for %s", lead, event->open.epoch,
            telling_region(telling, event->open.region));
    } else {
        (void)text_copy(row.subject, sizeof row.subject,
                        telling_region(telling, telling->before->owner));
        say(telling, &row, "%sCLOSE epoch %" PRIu64 " (%s)", lead, event->close.epoch,
            close_why_text(
                (enum close_why)(applied ? telling->after->close_why : event->close.why)));
    }
}

static void tell_keeper(const struct telling *telling) {
    if (telling->verdict->result != RESULT_APPLIED) {
        return;
    }
    struct history_row row = telling_row(telling, fact_kind(telling));
    const char *name = telling_member(telling, telling->fact->event.timekeeper.member);
    (void)text_copy(row.subject, sizeof row.subject, name);
    say(telling, &row, "%s keeps the time, term %" PRIu64, name,
        telling->fact->event.timekeeper.term);
}

void telling_fact(const struct telling *telling) {
    enum event_kind kind = (enum event_kind)telling->fact->event.kind;
    bool refused_outside =
        telling->verdict->result == RESULT_REFUSED && telling->verdict->rule == 0;
    if (refused_outside) {
        struct history_row row = telling_row(telling, fact_kind(telling));
        bool request = telling->message->kind == MESSAGE_REQUEST;
        say(telling, &row, "REFUSED %s%s%s: %s", event_text(kind), request ? " of " : "",
            request ? telling->message->request.operator_name : "", telling->comment);
        return;
    }
    bool stale = telling->verdict->result == RESULT_STALE;
    if (stale && kind != EVENT_REQUEST) {
        return; /* overtaken by something newer: it changed nothing, and asked for nothing */
    }
    switch (kind) {
    case EVENT_CONFIG: tell_config(telling); break;
    case EVENT_TIMEKEEPER: tell_keeper(telling); break;
    case EVENT_TICK: tell_tick(telling); break;
    case EVENT_VIEW: tell_view(telling); break;
    case EVENT_REPORT: tell_report(telling); break;
    case EVENT_LAG: tell_lag(telling); break;
    case EVENT_OPEN:
    case EVENT_CLOSE: tell_lease(telling); break;
    case EVENT_OUTCOME: tell_outcome(telling); break;
    case EVENT_REQUEST: tell_request(telling); break;
    case EVENT_KINDS_N: break;
    }
}
