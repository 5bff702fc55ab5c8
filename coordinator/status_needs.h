/* status_needs: how components are, and whose fault it is, for people; only status*.c and
 * metrics*.c include this. */
#ifndef DROVER_STATUS_NEEDS_H
#define DROVER_STATUS_NEEDS_H

#include "coordinator/decide/needs.h"
#include "coordinator/decide/readiness.h"
#include "coordinator/status_parts.h"

/* Fills the agents of an input by what this member hears itself (status_readiness.c). */
void readiness_agents(const struct coordinator *member, struct readiness_input *ret_input);

/* Agents, links and the hour; plans are left out. */
void readiness_fill(const struct answering *answering, uint8_t target,
                    struct readiness_input *ret_input);
void readiness_put(json_t *list, const struct readiness_line *line);

/* By the newest reports. Borrowed, until the next call. */
const struct standings *standings_now(const struct coordinator *member);

/* "standing", "why", "roots" (what is down of all that it needs), "hurts", "for_ms" (null: nothing
 * fails). */
void put_standing(struct answering *answering, json_t *object, uint8_t region, uint8_t component);

/* "troubles": every component that is down, failing, depending or at risk, each root before what
 * hangs on it; "troubles_n": those that fail by themselves. */
void put_troubles(const struct answering *answering);

#endif
