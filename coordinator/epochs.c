/* What shows that the log lost epochs. By this member's own notes: it closed what the log, read to
 * its end since, has not closed. And a higher epoch than the log's, named by an agent: its guard
 * took a certificate of it, and no such certificate is without an OPEN in the log. So a log that
 * was read to its end afterwards, and does not have it, is not the log that it was. */
#include <inttypes.h>
#include <string.h>

#include "common/io/log.h"
#include "coordinator/member.h"

#define SAID_QUIET_MS 60000 /* one line this often: who lies may name another epoch each time */

static void on_head(void *owner, enum err err, uint64_t index) {
    struct coordinator *member = owner;
    struct named_epoch *named = &member->named;
    named->asking = false;
    if (err != ERR_OK) {
        named->epoch = 0; /* the next report names it again */
        return;
    }
    named->head_known = true;
    named->head_index = index;
    epochs_check(member);
}

/* The log was begun anew, and that is known: its first epoch opens above, or is awaited. */
static bool begins_above(const struct coordinator *member, uint64_t epoch) {
    const struct topology *topology = member->topology;
    return member->core.epoch == 0 &&
           (topology->await_initial_epoch || topology_initial_epoch(topology) > epoch);
}

void epochs_named(struct coordinator *member, uint8_t agent, uint64_t epoch) {
    struct named_epoch *named = &member->named;
    uint64_t now_ms = member_now_ms();
    bool quiet = named->said_boot_ms != 0 && now_ms - named->said_boot_ms < SAID_QUIET_MS;
    if (epoch <= member->core.epoch || epoch <= named->epoch || named->asking || quiet ||
        !member->caught_up || member->stopped_for_human || begins_above(member, epoch)) {
        return;
    }
    named->epoch = epoch;
    named->agent = agent;
    named->asking = true;
    named->head_known = false;
    log_head(member->log, member, on_head);
}

void epochs_caught_up(struct coordinator *member) {
    const struct core *core = &member->core;
    uint64_t closed = member->closed_at_start;
    ensure(member->caught_up);
    if (closed < core->epoch || (closed == core->epoch && !core->open)) {
        return;
    }
    struct text256 why;
    text_say(&why,
             "this member has closed epoch %" PRIu64 ", and the log ends with epoch %" PRIu64 "%s",
             closed, core->epoch, core->open ? ", open" : "");
    log_event(LOG_CRIT, "log.lost_epoch",
              "%s: facts were lost; this member stops until a human has looked", why.at);
    member->stopped_for_human = true;
    (void)text_copy(member->stopped_why, sizeof member->stopped_why, why.at);
}

bool epochs_begin_above(const struct coordinator *member, const struct topology *next,
                        struct text256 *reterr) {
    for (uint8_t a = 0; a < member->topology->agents_n && member->core.epoch == 0; a++) {
        const struct report *report = &member->agents[a].report;
        uint64_t known =
            report->guard.epoch > report->fence.epoch ? report->guard.epoch : report->fence.epoch;
        known = report->guard.promised_epoch > known ? report->guard.promised_epoch : known;
        known = report->config_version > known ? report->config_version : known;
        if (member->agents[a].reported && !next->await_initial_epoch &&
            topology_initial_epoch(next) <= known) {
            text_say(reterr,
                     "initial_epoch: expected more than %" PRIu64 ", which agent %s knows of the "
                     "lost log; drover recover-coordinators tells what to write",
                     known, member->topology->agents[a].name);
            return false;
        }
    }
    return true;
}

void epochs_check(struct coordinator *member) {
    struct named_epoch *named = &member->named;
    if (named->epoch == 0 || !named->head_known || member->applied_index < named->head_index) {
        return;
    }
    if (member->core.epoch < named->epoch && !begins_above(member, named->epoch)) {
        struct text256 why;
        text_say(&why, "agent %s names epoch %" PRIu64 ", and the log ends with epoch %" PRIu64,
                 named->agent < member->topology->agents_n
                     ? member->topology->agents[named->agent].name
                     : "?",
                 named->epoch, member->core.epoch);
        /* Nobody depends on a member yet that never said YES. Later an agent's word alone, whose
         * key may be stolen, must not silence the members. */
        bool stops = member->attest.durable.first_wait;
        named->said_boot_ms = member_now_ms();
        log_event(LOG_CRIT, "log.lost_epoch", "%s: facts were lost, or the agent lies; %s", why.at,
                  stops ? "this member stops until a human has looked" : "a human must look");
        if (stops) {
            member->stopped_for_human = true;
            (void)text_copy(member->stopped_why, sizeof member->stopped_why, why.at);
        }
    }
    named->epoch = 0;
    named->head_known = false;
}
