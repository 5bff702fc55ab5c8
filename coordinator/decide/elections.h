/* elections: a component of a region loses who takes its writes, and has somebody again: Patroni's
 * or Sentinel's own failover, measured. Fed with what checks of that component in that region read;
 * told to people, decides nothing. Pure, on one clock of the caller that is never set and is not 0.
 *
 * Writes were taken at some moment within a reading that found them taken, so nobody took any for
 * at most as long as lies between the begin of the last such reading before and the end of the
 * first one after, whichever check read them: at_most_ms. And for at least as long as lies between
 * the end of the first reading that found the loss and the begin of the last one, by the very check
 * that then finds writes taken again, that still found none: at_least_ms. */
#ifndef DROVER_ELECTIONS_H
#define DROVER_ELECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"

#define ELECTION_SOURCES_MAX 24
#define ELECTION_SETTLE_MS 30000 /* so long at least it may take until somebody tells who leads */

/* Whose word a check has on who leads. The cluster's own goes before the servers' own. */
enum election_teller { TELLS_NOBODY = 0, TELLS_CLUSTER, TELLS_SERVER, TELLERS_N };

/* One check. */
struct election_source {
    bool writes;       /* its readings tell whether writes are taken */
    uint8_t teller;    /* enum election_teller */
    uint32_t fresh_ms; /* its newest reading counts for so long: two intervals and a timeout */
    /* What it read; zeros at first. */
    bool bad;
    uint64_t took_began_ms;                    /* the last reading with writes taken; 0: none yet */
    uint64_t bad_first_ended_ms, bad_began_ms; /* of the bad ones since: the first, the newest */
    uint64_t told_began_ms, told_ended_ms;
    uint32_t timeline;
    char leader[LEADER_SIZE]; /* "": it tells none */
};

/* How it ended. What travels into the history: append only. */
enum election_end {
    ELECTION_CHANGED = 0, /* another one leads: a failover */
    ELECTION_SAME,        /* the same one leads again: a restart */
    ELECTION_UNTOLD,      /* writes are taken again, and nobody tells who leads */
    ELECTION_UNSEEN,      /* another one leads, and no check looked in between: not measured */
    ELECTION_ENDS_N
};
const char *election_end_text(enum election_end end); /* "failover", "restart", .. */

struct election {
    uint8_t end;                             /* enum election_end */
    uint64_t began_ms;                       /* the caller's clock: writes were last taken */
    uint64_t at_least_ms, at_most_ms;        /* without writes; both 0 for UNSEEN */
    uint32_t timeline_from, timeline_to;     /* PostgreSQL's; 0: not told */
    char from[LEADER_SIZE], to[LEADER_SIZE]; /* "": not told */
};

struct election_window {
    uint64_t began_ms, ms;
    bool hole;
};

struct election_watch {
    uint8_t sources_n;
    struct election_source sources[ELECTION_SOURCES_MAX];
    uint32_t hole_ms, settle_ms; /* of the sources: no reading for so long is nobody looking */
    uint8_t state;               /* inside */
    uint64_t taken_began_ms;     /* the newest reading of any source with writes taken; 0: none */
    uint64_t heard_ms;           /* the end of the newest reading about writes */
    bool hole;                   /* nobody looked for a while since taken_began_ms */
    /* The widest spacings of such readings, since a leader was last told as before, and in the
     * time before that: a leader that changes between two readings shows in nothing else. */
    struct election_window widest, widest_before;
    uint64_t widest_since_ms;
    struct election pending; /* over, but not told yet who leads */
    uint64_t pending_ended_ms, pending_since_ms;
    bool pending_hole;
    struct {
        uint32_t timeline;
        char leader[LEADER_SIZE];
    } before[TELLERS_N]; /* who led, by whose word */
};

void election_watch_init(struct election_watch *watch);
/* One more check, before the first reading. Its index, or NONE when there are too many. */
uint8_t election_source_add(struct election_watch *watch, bool writes, enum election_teller teller,
                            uint32_t interval_ms, uint32_t timeout_ms);

struct election_reading {
    uint8_t source;
    bool takes_writes;           /* of a source that tells it */
    uint64_t began_ms, ended_ms; /* began_ms <= ended_ms */
    uint32_t timeline;
    const char *leader; /* "": it tells none */
};

/* One reading, in the order of its own source; those of others may come late. True: an election is
 * over and ret_election is it. The same leader again is told only when a check saw the loss more
 * than once: one lost reading is none. */
bool election_hear(struct election_watch *watch, const struct election_reading *reading,
                   struct election *ret_election);
/* Time passes: once a second or so. As above. */
bool election_look(struct election_watch *watch, uint64_t now_ms, struct election *ret_election);

/* Is nobody taking writes now? False, too, when that is not known: no check has looked lately. */
bool election_runs(const struct election_watch *watch, uint64_t now_ms, uint64_t *ret_began_ms,
                   uint64_t *ret_at_least_ms);

#endif
