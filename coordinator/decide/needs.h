/* needs: how each component of each region is, and whose fault it is. A component that fails while
 * something that it needs is down is told as depending on that; one that passes its own checks
 * meanwhile is at risk. Pure, like readiness: what is known goes in as values.
 *
 * It is how things are told. No verdict on a region, no gate and no command reads it. */
#ifndef DROVER_NEEDS_H
#define DROVER_NEEDS_H

#include "coordinator/decide/readiness.h"

/* From the best to the worst; the numbers are in metrics, they stay. */
#define STANDING_LIST(X)                                                                           \
    X(UNKNOWN, "unknown") /* no check, or no word of now */                                        \
    X(WELL, "well")                                                                                \
    X(STANDBY, "standby") /* fails, in a region whose stores take no writes: that is its place */  \
    X(AT_RISK, "at-risk") /* passes, and what it needs is down */                                  \
    X(DEPENDING, "depending") /* fails, and what it needs is down */                               \
    X(FAILING, "failing")     /* by itself, in part */                                             \
    X(DOWN, "down")           /* by itself */

enum standing {
#define STANDING_ENUM(name, text) STANDING_##name,
    STANDING_LIST(STANDING_ENUM)
#undef STANDING_ENUM
        STANDINGS_N
};

const char *standing_text(enum standing state);

struct component_standing {
    uint8_t state;              /* enum standing */
    uint8_t check;              /* the first that fails, in the order of the topology; NONE */
    uint8_t agent;              /* whose word that is; NONE */
    uint8_t checks_n, failed_n; /* that say whether it serves, and are known; of these failed */
    uint64_t
        roots; /* bit set of components: what is down, of all that it needs, for no need's sake */
    uint64_t hurts; /* bit set: components of this region that depend on it or are at risk by it */
};

/* A component has a standing in each region where it has an endpoint; elsewhere zeros. */
struct standings {
    struct component_standing at[REGIONS_MAX][COMPONENTS_MAX];
};

/* Which checks say whether a component serves: its vital ones; else those of its own kind; else all
 * that are no question of readiness alone. Measures of links and of backups never do. It is down
 * when a vital check fails, without one when all fail that are known. Of what a component needs the
 * endpoint in the same region counts; where it has none there, it is down when it is down
 * everywhere. Reads core, topology and agents of the input, nothing else. */
void needs_read(const struct readiness_input *input, struct standings *ret_standings);

#endif
