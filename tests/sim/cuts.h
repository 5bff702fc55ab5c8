/* cuts: every static directed cut of {P, D, three members}, five actors and twenty ways, against
 * the real cores in the simulated world, and what must come of it by who reaches whom alone.
 *
 *   cuts.c  the runs        cuts_oracle.c  what must come of it, without a core */
#ifndef DROVER_SIM_CUTS_H
#define DROVER_SIM_CUTS_H

#include <stdbool.h>
#include <stdint.h>

enum { ACTOR_P = 0, ACTOR_D = 1, ACTOR_MEMBER = 2, ACTORS_N = 5 };
#define CUTS_N (1u << (ACTORS_N * (ACTORS_N - 1)))

/* reaches[a][b]: what a sends arrives at b. The vantage of the monitoring region stands beside the
 * first member and shares its ways; each member has its part of the log beside it. */
struct cut {
    bool reaches[ACTORS_N][ACTORS_N];
};

struct cut cut_of(uint32_t index);

/* The members that the log answers, as a set: those in one both-way group of two or more. */
uint8_t cut_log_members(const struct cut *cut);

enum cut_end { END_P, END_D, END_NOBODY, CUT_ENDS_N };

/* Who serves in the end, P having been the active region when the cut came. */
enum cut_end cut_expected(const struct cut *cut);
/* Where a question of P comes through the other region only, and its answer does not come back, it
 * is a matter of moments whether the members call the lease silent in time: then D may get it. */
bool cut_is_of_moments(const struct cut *cut);
const char *cut_end_text(enum cut_end end);

#endif
