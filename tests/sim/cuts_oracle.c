/* What must come of a cut, in the words of docs/safety.md, from who reaches whom alone: nothing of
 * the cores is used here. */
#include "cuts.h"

#include "common/base/ensure.h"

#define MEMBERS 3
#define MAJORITY 2

struct cut cut_of(uint32_t index) {
    struct cut cut;
    unsigned way = 0;
    ensure(index < CUTS_N);
    for (unsigned a = 0; a < ACTORS_N; a++) {
        for (unsigned b = 0; b < ACTORS_N; b++) {
            cut.reaches[a][b] = a == b || (index >> way & 1u) == 0;
            way += a != b;
        }
    }
    return cut;
}

static bool both_ways(const struct cut *cut, unsigned a, unsigned b) {
    return cut->reaches[a][b] && cut->reaches[b][a];
}

uint8_t cut_log_members(const struct cut *cut) {
    uint8_t members = 0;
    for (unsigned m = 0; m < MEMBERS; m++) {
        for (unsigned o = 0; o < MEMBERS; o++) {
            if (o != m && both_ways(cut, ACTOR_MEMBER + m, ACTOR_MEMBER + o)) {
                members |= (uint8_t)(1u << m);
            }
        }
    }
    return members;
}

static bool in_log(const struct cut *cut, unsigned m) {
    return ((unsigned)cut_log_members(cut) >> m & 1u) != 0;
}

static unsigned answering_n(const struct cut *cut, unsigned region, bool by_the_log_only) {
    unsigned n = 0;
    for (unsigned m = 0; m < MEMBERS; m++) {
        n += both_ways(cut, region, ACTOR_MEMBER + m) && (!by_the_log_only || in_log(cut, m));
    }
    return n;
}

/* The active region keeps its lease by a majority of the members; or, relayed or promised, by the
 * other region. */
static bool p_keeps(const struct cut *cut) {
    return answering_n(cut, ACTOR_P, false) >= MAJORITY || both_ways(cut, ACTOR_P, ACTOR_D);
}

/* An actor is heard when a majority of members says so; a member without the log says for ever what
 * it said last, and that was yes. */
static bool heard(const struct cut *cut, unsigned actor) {
    unsigned n = 0;
    for (unsigned m = 0; m < MEMBERS; m++) {
        n += in_log(cut, m) ? cut->reaches[actor][ACTOR_MEMBER + m] : 1u;
    }
    return n >= MAJORITY;
}

/* The lease is silent when a majority of members says that it gave no yes lately. P goes on asking
 * while a member tells it that the epoch is its own. */
static bool lease_is_silent(const struct cut *cut, bool relays) {
    bool asks = answering_n(cut, ACTOR_P, false) > 0;
    unsigned silent_n = 0;
    for (unsigned m = 0; m < MEMBERS; m++) {
        unsigned member = ACTOR_MEMBER + m;
        bool asked = cut->reaches[ACTOR_P][member] ||
                     (relays && cut->reaches[ACTOR_P][ACTOR_D] && cut->reaches[ACTOR_D][member]);
        silent_n += in_log(cut, m) && !(asks && asked);
    }
    return silent_n >= MAJORITY;
}

/* More vantages that are heard say P does not answer than say it does. D looks for itself, the
 * monitoring region from beside the first member. */
static bool outside_says_lost(const struct cut *cut) {
    int balance = 0;
    if (heard(cut, ACTOR_D)) {
        balance += both_ways(cut, ACTOR_D, ACTOR_P) ? -1 : 1;
    }
    if (heard(cut, ACTOR_MEMBER)) {
        balance += both_ways(cut, ACTOR_MEMBER, ACTOR_P) ? -1 : 1;
    }
    return balance > 0;
}

static bool members_close(const struct cut *cut, bool relays) {
    return cut_log_members(cut) != 0 && !heard(cut, ACTOR_P) && outside_says_lost(cut) &&
           lease_is_silent(cut, relays) && heard(cut, ACTOR_D);
}

static enum cut_end end_of(const struct cut *cut, bool relays) {
    if (p_keeps(cut)) {
        return END_P;
    }
    /* D's lease needs members that know of the new epoch. */
    bool d_gets = members_close(cut, relays) && answering_n(cut, ACTOR_D, true) >= MAJORITY;
    return d_gets ? END_D : END_NOBODY;
}

enum cut_end cut_expected(const struct cut *cut) {
    return end_of(cut, true);
}

bool cut_is_of_moments(const struct cut *cut) {
    return end_of(cut, true) != end_of(cut, false);
}

const char *cut_end_text(enum cut_end end) {
    switch (end) {
    case END_P: return "the active region serves on";
    case END_D: return "the standby serves";
    case END_NOBODY: return "nobody serves, for a named reason";
    case CUT_ENDS_N: break;
    }
    return "unknown end";
}
