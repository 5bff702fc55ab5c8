/* Replication lags as this member knows them: positions of the agents' reports in, and out how much
 * the standby lacks, unless that is no longer known. */
#include <inttypes.h>
#include <string.h>

#include "common/io/log.h"
#include "coordinator/member.h"

#define WATCH_MS 1000

void lags_forget(struct coordinator *member) {
    positions_init(&member->positions);
    memset(member->written_by, 0, sizeof member->written_by);
    memset(member->received_by, 0, sizeof member->received_by);
    memset(member->written_wall_ms, 0, sizeof member->written_wall_ms);
    memset(member->rpo_alarms, 0, sizeof member->rpo_alarms);
}

/* Older than this and it was not the check that took so long: its agent's wall clock was set
 * forward between the sample and the report. */
static uint64_t sample_age_limit_ms(const struct topology *topology, uint8_t link) {
    uint64_t limit_ms = 0;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        uint64_t late_ms = 2ull * check->interval_ms + check->timeout_ms;
        if (check->link == link && late_ms > limit_ms) {
            limit_ms = late_ms;
        }
    }
    return limit_ms;
}

/* When it was sampled, on this member's own clock: now, less its age by the two stamps of one wall
 * clock, its agent's. So neither end's wall clock need be right, and the two need not agree. False
 * when that clock was set in between: the next sample is soon there. */
static bool sampled_at(const struct coordinator *member, const struct report *report,
                       const struct position_report *at, uint64_t *ret_at_ms) {
    uint64_t now_ms = member_now_ms(), age_ms = report->wall_ms - at->wall_ms;
    if (at->wall_ms > report->wall_ms || age_ms >= now_ms ||
        age_ms > sample_age_limit_ms(member->topology, at->link)) {
        return false;
    }
    *ret_at_ms = now_ms - age_ms;
    return true;
}

/* Each report tells the last sample again, until there is a newer one. */
static bool is_told_again(const struct coordinator *member, uint8_t agent,
                          const struct position_report *at) {
    return member->written_by[at->link] == agent + 1 &&
           member->written_wall_ms[at->link] == at->wall_ms;
}

static void remember_written(struct coordinator *member, uint8_t agent,
                             const struct position_report *at, uint64_t at_ms) {
    if (!is_told_again(member, agent, at)) {
        positions_written(&member->positions, at->link, at->position, at_ms);
        member->written_by[at->link] = (uint8_t)(agent + 1);
        member->written_wall_ms[at->link] = at->wall_ms;
    }
}

/* Several servers of the standby may be asked. The one that has most tells what the region has: a
 * replica there that stands still is no loss while its word is newer than a check may take. */
static bool another_has_more(const struct coordinator *member, uint8_t agent,
                             const struct position_report *at, uint64_t at_ms) {
    const struct link_positions *link = &member->positions.links[at->link];
    uint8_t by = member->received_by[at->link];
    return by != 0 && by != agent + 1 && at->position < link->received &&
           at_ms < link->received_ms + sample_age_limit_ms(member->topology, at->link);
}

static void remember_received(struct coordinator *member, uint8_t agent,
                              const struct position_report *at, uint64_t at_ms) {
    if (!another_has_more(member, agent, at, at_ms)) {
        positions_received(&member->positions, at->link, at->position, at_ms);
        member->received_by[at->link] = (uint8_t)(agent + 1);
    }
}

void lags_remember(struct coordinator *member, const struct report *report, uint8_t agent) {
    uint8_t region = member->topology->agents[agent].region;
    bool active = member->core.open && member->core.owner == region;
    for (unsigned i = 0; i < report->positions_n; i++) {
        const struct position_report *at = &report->positions[i];
        uint64_t at_ms = 0;
        if (!facts_link_is_of(member->topology, at->link, agent) ||
            !sampled_at(member, report, at, &at_ms)) {
            continue;
        }
        if (at->kind == POSITION_WRITTEN && active) {
            remember_written(member, agent, at, at_ms);
        } else if (at->kind == POSITION_RECEIVED && !active) {
            remember_received(member, agent, at, at_ms);
        } else if (at->kind == POSITION_APPLIED && !active &&
                   member->received_by[at->link] == agent + 1) {
            positions_applied(&member->positions, at->link, at->position);
        }
    }
}

/* Attested all the same, by questions that others carried: it may have written all that time, and
 * its reports did not come. Of a region that died both ended together; and a store that is down
 * under an agent that is heard writes nothing. */
static uint64_t unheard_ms(const struct coordinator *member, uint8_t link) {
    uint8_t by = member->written_by[link];
    if (by == 0) {
        return 0;
    }
    const struct agent_live *live = &member->agents[by - 1];
    return live->attested_boot_ms > live->heard_boot_ms
               ? live->attested_boot_ms - live->heard_boot_ms
               : 0;
}

struct lag lags_of(const struct coordinator *member, uint8_t link) {
    struct lag lag = positions_lag(&member->positions, link);
    lag.unheard_ms = unheard_ms(member, link);
    /* So long may a region write that was cut off from everybody: nothing new in that. */
    lag.known = lag.known && lag.unheard_ms <= member->topology->lease.lease_ms;
    return lag;
}

static void alarm_say(const struct coordinator *member, uint8_t link, uint64_t rpo_ms) {
    const struct rpo_alarm *alarm = &member->rpo_alarms[link];
    enum rpo_level level = (enum rpo_level)alarm->level;
    log_event(level == RPO_QUIET ? LOG_NOTICE : LOG_WARNING, "link.rpo",
              "link=%s state=%s used_percent=%u rpo_ms=%" PRIu64,
              member->topology->links[link].name, rpo_level_text(level), alarm->used_percent,
              rpo_ms);
}

void lags_watch(struct coordinator *member) {
    uint64_t now_ms = member_now_ms();
    if (!member->topology_known || !member->caught_up ||
        now_ms - member->lags_watched_ms < WATCH_MS) {
        return;
    }
    member->lags_watched_ms = now_ms;
    for (uint8_t l = 0; l < member->topology->links_n; l++) {
        struct lag lag = lags_of(member, l);
        uint64_t rpo_ms = link_limit_ms(member->topology, &member->topology->links[l]);
        if (rpo_alarm_look(&member->rpo_alarms[l], lag.known, lag.ms, rpo_ms, now_ms)) {
            alarm_say(member, l, rpo_ms);
        }
    }
}
