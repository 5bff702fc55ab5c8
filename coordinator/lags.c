/* Replication lags as this member knows them: positions of the agents' reports in, and out how much
 * the standby lacks, unless that is no longer known. */
#include <string.h>

#include "coordinator/member.h"

void lags_forget(struct coordinator *member) {
    positions_init(&member->positions);
    memset(member->written_by, 0, sizeof member->written_by);
}

void lags_remember(struct coordinator *member, const struct report *report, uint8_t agent) {
    uint8_t region = member->topology->agents[agent].region;
    bool active = member->core.open && member->core.owner == region;
    for (unsigned i = 0; i < report->positions_n; i++) {
        const struct position_report *at = &report->positions[i];
        if (!facts_link_is_of(member->topology, at->link, agent)) {
            continue;
        }
        if (at->kind == POSITION_WRITTEN && active) {
            positions_written(&member->positions, at->link, at->position, at->wall_ms);
            member->written_by[at->link] = (uint8_t)(agent + 1);
        } else if (at->kind == POSITION_RECEIVED && !active) {
            positions_received(&member->positions, at->link, at->position, at->wall_ms);
        } else if (at->kind == POSITION_APPLIED && !active) {
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
