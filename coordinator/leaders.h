/* leaders: the elections of the components of the region that owns the epoch, as this member hears
 * of them in reports: which component has nobody taking writes now, and the last ones with their
 * figures. Each member keeps its own, in its history.db; nothing is decided by them. */
#ifndef DROVER_LEADERS_H
#define DROVER_LEADERS_H

#include "coordinator/decide/elections.h"
#include "coordinator/history.h"

struct coordinator;
struct leaders;
struct report;

/* Takes over what the history has; NULL when memory ran out. */
struct leaders *leaders_open(struct history *history);
void leaders_close(struct leaders *leaders); /* NULL is fine */

/* That agent's newest report, of the topology in force. */
void leaders_hear(struct coordinator *member, const struct report *report, uint8_t agent);
void leaders_look(struct coordinator *member); /* time passes */

/* Does a check look often enough (LEADERS_INTERVAL_MAX_MS) to measure it there? */
#define LEADERS_INTERVAL_MAX_MS 10000
bool leaders_measured(const struct coordinator *member, uint8_t component, uint8_t region);

/* Under way now; ages in ms. */
struct leaderless {
    uint64_t wall_ms; /* writes were last taken */
    uint64_t at_least_ms, at_most_ms;
};
bool leaders_missing(const struct coordinator *member, uint8_t component, uint8_t region,
                     struct leaderless *ret_missing);

/* The nth newest of that component and region, from 0; NULL behind the last. */
const struct history_election *leaders_past(const struct coordinator *member, uint8_t component,
                                            uint8_t region, uint32_t nth);
/* The newest that ended so; NULL: none. */
const struct history_election *leaders_last(const struct coordinator *member, uint8_t component,
                                            uint8_t region, enum election_end end);
/* Of its last LEADERS_LAST_MAX failovers, by the upper bound; false: there was none. */
#define LEADERS_LAST_MAX 20
struct leaders_figures {
    uint32_t n; /* that count; */
    uint64_t p50_ms, worst_ms;
};
bool leaders_figures_of(const struct coordinator *member, uint8_t component, uint8_t region,
                        struct leaders_figures *ret_figures);
/* Since the history began. */
uint64_t leaders_count(const struct coordinator *member, uint8_t component, uint8_t region,
                       enum election_end end);

#endif
