#include "coordinator/decide/elections.h"

#include <string.h>

#include "common/base/ensure.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

#define REPORT_SLACK_MS 2000 /* a reading waits up to a second for its report, and that is late */

enum { STATE_STEADY = 0, STATE_LOST, STATE_SETTLING };

const char *election_end_text(enum election_end end) {
    static const char *const texts[] = {"failover", "restart", "interruption", "unseen"};
    ensure(end < ELECTION_ENDS_N);
    return texts[end];
}

void election_watch_init(struct election_watch *watch) {
    memset(watch, 0, sizeof *watch);
    watch->settle_ms = ELECTION_SETTLE_MS;
}

uint8_t election_source_add(struct election_watch *watch, bool writes, enum election_teller teller,
                            uint32_t interval_ms, uint32_t timeout_ms) {
    if (watch->sources_n == ELECTION_SOURCES_MAX) {
        return NONE;
    }
    uint32_t fresh_ms = 2 * interval_ms + timeout_ms + REPORT_SLACK_MS;
    watch->sources[watch->sources_n] =
        (struct election_source){.writes = writes, .teller = (uint8_t)teller, .fresh_ms = fresh_ms};
    if (writes && fresh_ms > watch->hole_ms) {
        watch->hole_ms = fresh_ms;
    }
    if (teller != TELLS_NOBODY && fresh_ms > watch->settle_ms) {
        watch->settle_ms = fresh_ms;
    }
    return watch->sources_n++;
}

/* ---------------------------------------------------------------- who leads */

static bool has_teller(const struct election_watch *watch, enum election_teller teller) {
    for (uint8_t i = 0; i < watch->sources_n; i++) {
        if (watch->sources[i].teller == teller) {
            return true;
        }
    }
    return false;
}

/* What all fresh readings of that kind agree on, that were begun at since_ms or later; NULL: they
 * do not, or there is none. */
static const struct election_source *told(const struct election_watch *watch,
                                          enum election_teller teller, uint64_t since_ms,
                                          uint64_t now_ms) {
    const struct election_source *one = NULL;
    for (uint8_t i = 0; i < watch->sources_n; i++) {
        const struct election_source *source = &watch->sources[i];
        if (source->teller != teller || source->leader[0] == '\0' ||
            source->told_began_ms < since_ms || source->told_ended_ms + source->fresh_ms < now_ms) {
            continue;
        }
        if (one != NULL && !text_equal(one->leader, source->leader)) {
            return NULL;
        }
        one = one == NULL || source->timeline > one->timeline ? source : one;
    }
    return one;
}

static bool is_other(const struct election_watch *watch, const struct election_source *one) {
    const char *before = watch->before[one->teller].leader;
    return before[0] != '\0' && !text_equal(before, one->leader);
}

static void remember_leader(struct election_watch *watch, const struct election_source *one) {
    (void)text_copy(watch->before[one->teller].leader, LEADER_SIZE, one->leader);
    watch->before[one->teller].timeline = one->timeline;
}

/* Patroni calls a member leader before PostgreSQL there has begun its own timeline. */
static bool timeline_moved(const struct election_watch *watch, const struct election_source *one) {
    uint32_t before = watch->before[one->teller].timeline;
    return before == 0 || one->timeline == 0 || one->timeline > before;
}

/* ------------------------------------------------------------------ its end */

static void pend(struct election_watch *watch, struct election_window window, uint64_t at_least_ms,
                 uint64_t ended_ms, uint64_t now_ms) {
    watch->pending = (struct election){
        .began_ms = window.began_ms, .at_least_ms = at_least_ms, .at_most_ms = window.ms};
    watch->pending_hole = window.hole;
    watch->pending_ended_ms = ended_ms;
    watch->pending_since_ms = now_ms;
    watch->state = STATE_SETTLING;
}

static struct election_window wider(struct election_window one, struct election_window other) {
    struct election_window window = other.ms > one.ms ? other : one;
    window.hole = one.hole || other.hole;
    return window;
}

static void pending_names(struct election_watch *watch, const struct election_source *one) {
    struct election *election = &watch->pending;
    (void)text_copy(election->from, LEADER_SIZE, watch->before[one->teller].leader);
    (void)text_copy(election->to, LEADER_SIZE, one->leader);
    election->timeline_from = watch->before[one->teller].timeline;
    election->timeline_to = one->timeline;
}

/* Everything begins anew from who leads now. False: not worth telling. */
static bool settled(struct election_watch *watch, enum election_end end, uint64_t now_ms,
                    struct election *ret_election) {
    bool other = end == ELECTION_CHANGED;
    bool tell = other || (!watch->pending_hole && watch->pending.at_least_ms > 0);
    watch->pending.end = (uint8_t)end;
    if (watch->pending_hole) {
        watch->pending.end = ELECTION_UNSEEN;
        watch->pending.at_least_ms = watch->pending.at_most_ms = 0;
    }
    *ret_election = watch->pending;
    for (unsigned t = TELLS_CLUSTER; t < TELLERS_N; t++) {
        const struct election_source *one = told(watch, (enum election_teller)t, 0, now_ms);
        if (one != NULL) {
            remember_leader(watch, one);
        }
    }
    watch->widest = watch->widest_before = (struct election_window){0};
    watch->state = STATE_STEADY;
    return tell;
}

/* Who leads since it ended, by what is known now; the cluster's own word counts when there is one.
 * NULL: nobody can tell yet who it was and who it is. */
static const struct election_source *named(const struct election_watch *watch, uint64_t now_ms) {
    uint64_t since_ms = watch->pending_ended_ms;
    const struct election_source *one = told(watch, TELLS_CLUSTER, since_ms, now_ms);
    one = one != NULL && watch->before[TELLS_CLUSTER].leader[0] != '\0'
              ? one
              : told(watch, TELLS_SERVER, since_ms, now_ms);
    return one != NULL && watch->before[one->teller].leader[0] != '\0' ? one : NULL;
}

static bool settle_now(struct election_watch *watch, uint64_t now_ms,
                       struct election *ret_election) {
    const struct election_source *one = named(watch, now_ms);
    if (one != NULL) {
        pending_names(watch, one);
    }
    enum election_end end = one == NULL            ? ELECTION_UNTOLD
                            : is_other(watch, one) ? ELECTION_CHANGED
                                                   : ELECTION_SAME;
    return settled(watch, end, now_ms, ret_election);
}

static bool settling(struct election_watch *watch, uint64_t now_ms, struct election *ret_election) {
    enum election_teller teller = has_teller(watch, TELLS_CLUSTER) ? TELLS_CLUSTER : TELLS_SERVER;
    const struct election_source *one = told(watch, teller, watch->pending_ended_ms, now_ms);
    if (one != NULL && is_other(watch, one) && timeline_moved(watch, one)) {
        pending_names(watch, one);
        return settled(watch, ELECTION_CHANGED, now_ms, ret_election);
    }
    return now_ms >= watch->pending_since_ms + watch->settle_ms &&
           settle_now(watch, now_ms, ret_election);
}

static void windows_turn(struct election_watch *watch, uint64_t now_ms) {
    watch->widest_before = watch->widest;
    watch->widest = (struct election_window){0};
    watch->widest_since_ms = now_ms;
}

/* Nothing was lost as far as readings go. Does somebody else lead all the same? */
static void steady(struct election_watch *watch, const struct election_source *heard,
                   uint64_t now_ms) {
    enum election_teller first = has_teller(watch, TELLS_CLUSTER) ? TELLS_CLUSTER : TELLS_SERVER;
    for (unsigned t = TELLS_CLUSTER; t < TELLERS_N; t++) {
        const struct election_source *one = told(watch, (enum election_teller)t, 0, now_ms);
        if (one == NULL) {
            continue;
        }
        if (is_other(watch, one)) {
            struct election_window window = wider(watch->widest, watch->widest_before);
            if (window.began_ms == 0) { /* nobody has seen it take writes yet */
                window = (struct election_window){one->told_began_ms, 0, true};
            }
            pend(watch, window, 0, one->told_began_ms, now_ms);
            return;
        }
        remember_leader(watch, one);
        if (heard == one && t == first) {
            windows_turn(watch, now_ms);
        }
    }
    if (now_ms > watch->widest_since_ms + 2ull * watch->settle_ms) { /* nobody tells who leads */
        windows_turn(watch, now_ms);
    }
}

/* ------------------------------------------------------------------ readings */

/* The first moment at which a check that had found writes taken found them not taken, since they
 * last were; 0: none. */
static uint64_t lost_ms(const struct election_watch *watch) {
    uint64_t first_ms = 0;
    for (uint8_t i = 0; i < watch->sources_n; i++) {
        const struct election_source *source = &watch->sources[i];
        bool lost = source->bad && source->took_began_ms != 0 &&
                    source->bad_first_ended_ms >= watch->taken_began_ms;
        if (lost && (first_ms == 0 || source->bad_first_ended_ms < first_ms)) {
            first_ms = source->bad_first_ended_ms;
        }
    }
    return first_ms;
}

static void took(struct election_watch *watch, struct election_source *source,
                 const struct election_reading *reading) {
    uint64_t lost = watch->state == STATE_LOST ? lost_ms(watch) : 0;
    bool later = watch->taken_began_ms == 0 || reading->began_ms > watch->taken_began_ms;
    struct election_window window = {watch->taken_began_ms,
                                     reading->ended_ms - watch->taken_began_ms, watch->hole};
    if (later && watch->taken_began_ms != 0) {
        watch->widest = wider(watch->widest, window);
    }
    /* One that began before the loss was seen is late, and no end of it. */
    if (lost != 0 && reading->began_ms > lost) {
        uint64_t still_ms = source->bad ? source->bad_began_ms : 0;
        pend(watch, wider(watch->widest, watch->widest_before),
             still_ms > lost ? still_ms - lost : 0, reading->began_ms, reading->ended_ms);
    }
    source->bad = false;
    source->took_began_ms = reading->began_ms;
    if (later) {
        watch->taken_began_ms = reading->began_ms;
        watch->hole = false;
    }
}

static void took_not(struct election_source *source, const struct election_reading *reading) {
    if (!source->bad) {
        source->bad = true;
        source->bad_first_ended_ms = reading->ended_ms;
    }
    source->bad_began_ms = reading->began_ms;
}

bool election_hear(struct election_watch *watch, const struct election_reading *reading,
                   struct election *ret_election) {
    bool over = false;
    ensure(reading->source < watch->sources_n);
    ensure(reading->began_ms > 0 && reading->began_ms <= reading->ended_ms);
    struct election_source *source = &watch->sources[reading->source];
    if (source->writes) {
        watch->hole = watch->hole || (watch->heard_ms != 0 &&
                                      reading->began_ms > watch->heard_ms + watch->hole_ms);
        watch->heard_ms = reading->ended_ms > watch->heard_ms ? reading->ended_ms : watch->heard_ms;
    }
    if (source->teller != TELLS_NOBODY) {
        source->told_began_ms = reading->began_ms;
        source->told_ended_ms = reading->ended_ms;
        source->timeline = reading->timeline;
        (void)text_copy(source->leader, sizeof source->leader, reading->leader);
    }
    if (source->writes && reading->takes_writes) {
        took(watch, source, reading);
    } else if (source->writes) {
        took_not(source, reading);
        if (watch->state != STATE_LOST && lost_ms(watch) != 0) {
            /* The one before is told first, by what is known of it. One that nobody has named yet
             * and that no check saw twice goes on: where the old leader takes writes beside the new
             * one, its checks find that out one after the other. */
            over = watch->state == STATE_SETTLING &&
                   (watch->pending.at_least_ms > 0 || named(watch, reading->ended_ms) != NULL) &&
                   settle_now(watch, reading->ended_ms, ret_election);
            watch->state = STATE_LOST;
        }
    }
    if (watch->state == STATE_STEADY) {
        steady(watch, source, reading->ended_ms);
    }
    if (watch->state == STATE_SETTLING) {
        over = settling(watch, reading->ended_ms, ret_election) || over;
    }
    return over;
}

bool election_look(struct election_watch *watch, uint64_t now_ms, struct election *ret_election) {
    return watch->state == STATE_SETTLING && settling(watch, now_ms, ret_election);
}

bool election_runs(const struct election_watch *watch, uint64_t now_ms, uint64_t *ret_began_ms,
                   uint64_t *ret_at_least_ms) {
    uint64_t lost = watch->state == STATE_LOST ? lost_ms(watch) : 0;
    if (lost == 0 || now_ms > watch->heard_ms + watch->hole_ms) {
        return false;
    }
    *ret_began_ms = watch->taken_began_ms;
    *ret_at_least_ms = watch->heard_ms > lost ? watch->heard_ms - lost : 0;
    return true;
}
