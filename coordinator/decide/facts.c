/* Log bytes and wire frames -> events. Names become indexes of the applied topology, and every
 * signature is checked here, by each member for itself: what one member lets into the log, the
 * others do not take on its word. */
#include "coordinator/decide/facts.h"

#include <string.h>

#include "common/io/sign.h"
#include "common/topology/roles.h"
#include "proto/canon.h"

_Static_assert((int)CHECK_OK == 1 && (int)CHECK_SUSPECT == 2 && (int)CHECK_FAILED == 3 &&
                   (int)CHECK_WARN == 4,
               "the core reads these values as they are on the wire");
_Static_assert(SEEN_SIZE == DIGEST_SIZE, "what was seen travels as the core wrote it");
_Static_assert((int)OUTCOME_RUNNING == 1 && (int)OUTCOME_DONE == 2 && (int)OUTCOME_FAILED == 3 &&
                   (int)OUTCOME_REFUSED == 4,
               "the core reads these values as they are on the wire");

bool facts_verify_report(const struct topology *topology, uint8_t agent,
                         const struct message *message) {
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    digest_sha256(message->signed_at, message->signed_size, digest);
    size_t size = canon_report(digest, canon);
    const struct agent *entry = &topology->agents[agent];
    return sign_verify_either(entry->sign_key, entry->sign_key_next, canon, size,
                              message->report_signature) == ERR_OK;
}

/* An agent is believed about what the topology has it look at, and about nothing else. */
bool facts_check_is_of(const struct topology *topology, uint16_t check, uint8_t agent) {
    if (check >= topology->checks_n) {
        return false;
    }
    const struct check *entry = &topology->checks[check];
    return entry->outside ? entry->region != topology->agents[agent].region : entry->agent == agent;
}

bool facts_link_is_of(const struct topology *topology, uint8_t link, uint8_t agent) {
    bool measures = false;
    for (uint16_t c = 0; c < topology->checks_n; c++) {
        measures = measures || (topology->checks[c].link == link && link < topology->links_n &&
                                facts_check_is_of(topology, c, agent));
    }
    return measures;
}

bool facts_report_event(const struct topology *topology, const struct report *report,
                        struct event_report *ret_event) {
    memset(ret_event, 0, sizeof *ret_event);
    ret_event->agent = topology_agent(topology, report->agent);
    if (ret_event->agent == NONE) {
        return false;
    }
    ret_event->boot = report->boot;
    ret_event->seq = report->seq;
    ret_event->config_version = report->config_version;
    ret_event->guard_epoch = report->guard.epoch;
    ret_event->fenced_epoch = report->fence.present ? report->fence.epoch : 0;
    ret_event->promised_epoch = report->guard.promised_epoch;
    ret_event->gate = report->guard.gate;
    ret_event->leased = report->guard.lease_left_ms > 0;
    ret_event->guard_present = report->guard.present;
    for (unsigned i = 0; i < report->checks_n; i++) {
        const struct check_report *at = &report->checks[i];
        if (!facts_check_is_of(topology, at->check, ret_event->agent)) {
            continue;
        }
        unsigned n = ret_event->checks_n++;
        ret_event->checks[n].check = at->check;
        ret_event->checks[n].status = at->status;
        ret_event->checks[n].role = at->role;
        ret_event->checks[n].writable = at->writable;
    }
    return true;
}

static bool complete_report(const struct topology *topology, struct fact *fact,
                            const struct message *message, struct text256 *reterr) {
    if (message->kind != MESSAGE_REPORT ||
        !facts_report_event(topology, &message->report, &fact->event.report)) {
        text_say(reterr, "a report of no agent of this topology");
        return false;
    }
    if (!facts_verify_report(topology, fact->event.report.agent, message)) {
        text_say(reterr, "report of %s: signature does not verify", message->report.agent);
        return false;
    }
    return true;
}

/* "lsn=0/3000148 ..." or "offset=1234 ...": what a hand-off tells the steps behind it. */
uint64_t facts_position_in(const char *detail) {
    uint64_t position = 0;
    const char *lsn = strstr(detail, "lsn=");
    const char *offset = strstr(detail, "offset=");
    if (lsn != NULL) {
        uint64_t half[2] = {0, 0};
        unsigned at = 0;
        for (const char *c = lsn + 4; *c != '\0' && *c != ' ' && *c != ',' && *c != ';'; c++) {
            if (*c == '/' && at == 0) {
                at = 1;
                continue;
            }
            int digit = *c >= '0' && *c <= '9'   ? *c - '0'
                        : *c >= 'A' && *c <= 'F' ? *c - 'A' + 10
                        : *c >= 'a' && *c <= 'f' ? *c - 'a' + 10
                                                 : -1;
            if (digit < 0 || half[at] > UINT32_MAX / 16) {
                return 0;
            }
            half[at] = half[at] * 16 + (uint64_t)digit;
        }
        return at == 1 ? half[0] << 32 | half[1] : 0;
    }
    if (offset != NULL) {
        for (const char *c = offset + 7; *c >= '0' && *c <= '9'; c++) {
            if (position > (UINT64_MAX - 9) / 10) {
                return 0;
            }
            position = position * 10 + (uint64_t)(*c - '0');
        }
    }
    return position;
}

static bool complete_outcome(const struct topology *topology, const struct core *core,
                             struct fact *fact, const struct message *message, char *ret_comment,
                             size_t comment_size, struct text256 *reterr) {
    uint8_t canon[CANON_MAX];
    const struct outcome *outcome = &message->outcome;
    uint8_t agent =
        message->kind == MESSAGE_OUTCOME ? topology_agent(topology, outcome->agent) : NONE;
    if (agent == NONE) {
        text_say(reterr, "an outcome of no agent of this topology");
        return false;
    }
    size_t size = canon_outcome(topology->cluster, outcome, canon);
    const struct agent *entry = &topology->agents[agent];
    if (sign_verify_either(entry->sign_key, entry->sign_key_next, canon, size,
                           outcome->signature) != ERR_OK) {
        text_say(reterr, "outcome of %s: signature does not verify", outcome->agent);
        return false;
    }
    fact->event.outcome.agent = agent;
    fact->event.outcome.execution = outcome->execution;
    fact->event.outcome.step = outcome->step;
    fact->event.outcome.attempt = outcome->attempt;
    fact->event.outcome.state = outcome->state;
    fact->event.outcome.err = outcome->err;
    fact->event.outcome.observed = outcome->observed;
    fact->event.outcome.took_ms = outcome->took_ms;
    fact->event.outcome.position = facts_position_in(outcome->detail);
    /* An outcome is of an undoing when that is what is wanted of this attempt now. */
    const struct execution *execution = core_execution(core, outcome->execution);
    fact->event.outcome.undo = execution != NULL && execution->stage == STAGE_UNDO &&
                               outcome->step < execution->steps_n &&
                               execution->steps[outcome->step].undo == 1;
    (void)text_copy(ret_comment, comment_size, outcome->detail);
    return true;
}

bool facts_verify_request(const struct topology *topology, const struct request *request,
                          uint8_t operator_index, struct text256 *reterr) {
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    const struct operator_entry *entry = &topology->operators[operator_index];
    digest_sha256((const uint8_t *)(request->text == NULL ? "" : request->text), request->text_size,
                  digest);
    size_t size = canon_request(request, digest, canon);
    if (sign_verify_either(entry->sign_key, entry->sign_key_next, canon, size,
                           request->signature) != ERR_OK) {
        text_say(reterr, "the signature of %s does not verify", request->operator_name);
        return false;
    }
    if (!text_equal(request->cluster, topology->cluster)) {
        text_say(reterr, "made for cluster %s, this is %s", request->cluster, topology->cluster);
        return false;
    }
    /* Who may approve may say that a manual step of theirs is done: the core looks which. */
    bool own_step =
        request->kind == REQUEST_STEP_DONE && role_may((enum role)entry->role, REQUEST_APPROVE);
    if (!own_step && !role_may((enum role)entry->role, (enum request_kind)request->kind)) {
        text_say(reterr, "role %s may not %s", role_text((enum role)entry->role),
                 request_kind_text((enum request_kind)request->kind));
        return false;
    }
    if (request->kind == REQUEST_DECLARE &&
        !role_may_declare((enum role)entry->role, (enum plan_kind)request->plan_kind)) {
        text_say(reterr, "role %s may not declare a %s", role_text((enum role)entry->role),
                 plan_kind_text((enum plan_kind)request->plan_kind));
        return false;
    }
    return true;
}

bool facts_begins_anew(const struct core *core, const struct topology *now,
                       const struct topology *next) {
    return core->config_version > 0 && core->epoch == 0 && now->await_initial_epoch &&
           !next->await_initial_epoch;
}

bool facts_verify_second(const struct topology *topology, const struct request *request,
                         uint64_t wall_ms, struct text256 *reterr) {
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    const struct second *second = &request->second;
    if (second->name[0] == '\0') {
        text_say(reterr, "a second person must sign what begins a lost log anew: "
                         "drover config countersign FILE, then config apply --second");
        return false;
    }
    uint8_t first_index = topology_operator(topology, request->operator_name);
    uint8_t second_index = topology_operator(topology, second->name);
    if (first_index == NONE || second_index == NONE) {
        text_say(reterr, "no operator is called %s",
                 first_index == NONE ? request->operator_name : second->name);
        return false;
    }
    const struct operator_entry *entry = &topology->operators[second_index];
    if (text_equal(entry->person, topology->operators[first_index].person)) {
        text_say(reterr, "%s and %s are keys of one person, %s: two persons are expected",
                 request->operator_name, second->name, entry->person);
        return false;
    }
    if (!role_may_approve((enum role)entry->role, ROLE_COMMANDER)) {
        text_say(reterr, "role %s of %s may not begin a log: the commander or the on-call SRE may",
                 role_text((enum role)entry->role), second->name);
        return false;
    }
    digest_sha256((const uint8_t *)(request->text == NULL ? "" : request->text), request->text_size,
                  digest);
    size_t size = canon_second(topology->cluster, second, digest, canon);
    if (sign_verify_either(entry->sign_key, entry->sign_key_next, canon, size, second->signature) !=
        ERR_OK) {
        text_say(reterr, "the signature of %s does not verify: it is of another text or cluster",
                 second->name);
        return false;
    }
    if (wall_ms > second->not_after_wall_ms + REQUEST_SKEW_MS) {
        text_say(reterr, "the word of %s is too old: drover config countersign anew", second->name);
        return false;
    }
    return true;
}

/* The step of the named execution's plan; NONE when there is none of that name. */
static uint8_t step_by_name(const struct topology *topology, const struct core *core, uint64_t id,
                            const char *name) {
    const struct execution *execution = core_execution(core, id);
    const struct plan *plan = execution == NULL ? NULL : &topology->plans[execution->plan];
    for (uint8_t s = 0; plan != NULL && s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return s;
        }
    }
    return NONE;
}

static bool complete_request(const struct topology *topology, const struct core *core,
                             struct fact *fact, const struct message *message, char *ret_comment,
                             size_t comment_size, struct text256 *reterr) {
    const struct request *request = &message->request;
    uint8_t who = message->kind == MESSAGE_REQUEST
                      ? topology_operator(topology, request->operator_name)
                      : NONE;
    if (who == NONE) {
        text_say(reterr, "a request of no operator of this topology");
        return false;
    }
    if (!facts_verify_request(topology, request, who, reterr)) {
        return false;
    }
    /* Judged by the time of the member that let it in, so that all members judge alike. */
    if (fact->wall_ms > request->not_after_wall_ms + REQUEST_SKEW_MS) {
        text_say(reterr, "the request of %s is too old", request->operator_name);
        return false;
    }
    struct event_request *event = &fact->event.request;
    event->kind = request->kind;
    event->operator_index = who;
    event->role = topology->operators[who].role;
    memcpy(event->identity, request->nonce, NONCE_SIZE);
    event->plan_kind = request->plan_kind;
    event->plan = request->plan[0] == '\0' ? NONE : topology_plan(topology, request->plan);
    event->region = topology_region(topology, request->region);
    event->step = step_by_name(topology, core, request->execution, request->step);
    event->execution = request->execution;
    event->epoch = request->epoch;
    event->for_ms = request->for_ms;
    event->to = topology_operator(topology, request->to);
    memcpy(event->seen, request->seen, sizeof event->seen);
    if (request->plan[0] != '\0' && event->plan == NONE) {
        text_say(reterr, "no plan is called %s", request->plan);
        return false;
    }
    (void)text_copy(ret_comment, comment_size, request->reason);
    return true;
}

bool facts_complete(const struct topology *topology, const struct core *core, uint8_t *scratch,
                    struct fact *fact, struct message *ret_message, char *ret_comment,
                    size_t comment_size, struct text256 *reterr) {
    ret_comment[0] = '\0';
    uint8_t kind = fact->event.kind;
    bool framed = kind == EVENT_REPORT || kind == EVENT_OUTCOME || kind == EVENT_REQUEST;
    if (!framed) {
        return true;
    }
    if (topology == NULL) {
        text_say(reterr, "comes before any topology");
        return false;
    }
    if (message_decode(fact->frame, fact->frame_size, scratch, FACTS_SCRATCH_SIZE, ret_message,
                       reterr) != ERR_OK) {
        return false;
    }
    if (kind == EVENT_REPORT) {
        return complete_report(topology, fact, ret_message, reterr);
    }
    if (kind == EVENT_OUTCOME) {
        return complete_outcome(topology, core, fact, ret_message, ret_comment, comment_size,
                                reterr);
    }
    return complete_request(topology, core, fact, ret_message, ret_comment, comment_size, reterr);
}
