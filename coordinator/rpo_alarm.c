#include "coordinator/rpo_alarm.h"

#include "common/base/ensure.h"

static enum rpo_level level_of(enum rpo_level before, uint32_t used_percent, bool above) {
    bool breached = before == RPO_BREACHED;
    bool near = before == RPO_NEAR || breached;
    if (above || (breached && used_percent >= RPO_BREACH_OVER_PERCENT)) {
        return RPO_BREACHED;
    }
    return used_percent >= (near ? RPO_NEAR_OVER_PERCENT : RPO_NEAR_PERCENT) ? RPO_NEAR : RPO_QUIET;
}

static uint32_t percent_of(uint64_t lag_ms, uint64_t rpo_ms) {
    uint64_t tops_ms = rpo_ms * (RPO_PERCENT_MAX / 100); /* an rpo is below 2^32 */
    return lag_ms >= tops_ms ? RPO_PERCENT_MAX : (uint32_t)(lag_ms * 100 / rpo_ms);
}

bool rpo_alarm_look(struct rpo_alarm *alarm, bool known, uint64_t lag_ms, uint64_t rpo_ms,
                    uint64_t now_ms) {
    enum rpo_level before = (enum rpo_level)alarm->level, level = before;
    ensure(now_ms > 0);
    if (rpo_ms == 0) {
        *alarm = (struct rpo_alarm){.level = RPO_QUIET};
        return before != RPO_QUIET;
    }
    if (known || alarm->known_ms == 0 || alarm->known_ms > now_ms) { /* a clock that was set back */
        alarm->known_ms = now_ms;
    }
    if (known) {
        alarm->used_percent = percent_of(lag_ms, rpo_ms);
        level = level_of(before, alarm->used_percent, lag_ms > rpo_ms);
    } else if (now_ms - alarm->known_ms >= RPO_UNKNOWN_MS) {
        level = RPO_UNKNOWN;
    }
    if (level == before) {
        return false;
    }
    alarm->level = (uint8_t)level;
    alarm->since_ms = now_ms;
    return true;
}

const char *rpo_level_text(enum rpo_level level) {
    static const char *const texts[] = {"quiet", "near", "breached", "unknown"};
    ensure(level < RPO_LEVELS_N);
    return texts[level];
}
