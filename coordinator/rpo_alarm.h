/* rpo_alarm: a link's lag against the loss that is bearable, told before it is passed. With
 * hysteresis: a lag that flickers around a limit is one alarm, not many. It is for people; the gate
 * `rpo` reads the lag itself. */
#ifndef DROVER_RPO_ALARM_H
#define DROVER_RPO_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#define RPO_NEAR_PERCENT 80        /* of the objective: near from here */
#define RPO_NEAR_OVER_PERCENT 70   /* below: not near any more */
#define RPO_BREACH_OVER_PERCENT 95 /* below: no breach any more, but near */
#define RPO_UNKNOWN_MS 60000       /* not known for so long: told */

enum rpo_level { RPO_QUIET = 0, RPO_NEAR, RPO_BREACHED, RPO_UNKNOWN, RPO_LEVELS_N };

struct rpo_alarm {
    uint8_t level;         /* enum rpo_level */
    uint64_t since_ms;     /* the caller's clock; when it came to this level */
    uint64_t known_ms;     /* when the lag was last known, or first asked for; 0: never asked */
    uint32_t used_percent; /* of the objective, when last known; at most RPO_PERCENT_MAX */
};
#define RPO_PERCENT_MAX 100000

/* One more look, some times a minute or more often; now_ms never goes back and is not 0. No
 * objective (rpo_ms 0) is no alarm. A lag that is not known keeps the level for RPO_UNKNOWN_MS: it
 * is no better for that. True: the level is another one now. */
bool rpo_alarm_look(struct rpo_alarm *alarm, bool known, uint64_t lag_ms, uint64_t rpo_ms,
                    uint64_t now_ms);
const char *rpo_level_text(enum rpo_level level);

#endif
