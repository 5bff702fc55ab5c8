/* patroni_switchover: another member of a region's Patroni cluster leads. Run twice it moves once:
 * who led when the step was begun is kept in Patroni's own configuration, under the name of epoch,
 * execution and step, before anything is asked for, and Patroni is asked to move away from that
 * member alone. Proof is a write at the new leader, and that the others stream from it; in a region
 * that follows another one, which takes none, that the others run. */
#include <inttypes.h>

#include "agent/actions/actions.h"
#include "agent/actions/patroni_common.h"
#include "common/io/clock.h"

#define POLL_MS 20
#define WITHIN_MS 30000
#define LOOK_MS 1500
/* An election may be under way. */
#define LEADERLESS_MS 2000
/* Refused as it was done in this moment: until the new leader has the key. */
#define REFUSED_MS 3000
/* A member that has just begun to follow says so in its next round: Patroni's loop_wait, 10 s. */
#define RUNNING_MS 12000

struct change {
    const struct action_input *input;
    struct patroni_region *region;
    const char *candidate;    /* "": whom Patroni chooses */
    struct patroni_mark mark; /* of this step: who led when it was begun */
    bool follows;             /* the region is a standby cluster */
    struct patroni_member leader;
    uint32_t timeline;                     /* of the proof; 0: not known */
    char others[PATRONI_MEMBERS_MAX * 64]; /* the other members' names, with commas */
    unsigned others_n, running_n;
    unsigned needed_n;      /* of the others must be there again */
    uint64_t asked_boot_ms; /* 0: by an earlier attempt */
    uint64_t moved_ms;
    struct text256 why;
};

static enum err switchover_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PATRONI_SWITCHOVER, arguments, reterr);
}

/* Who leads by the DCS, and who else is there. False: nobody leads now. */
static bool leader_look(struct change *change) {
    struct patroni_cluster cluster;
    bool found = false;
    change->others[0] = '\0';
    change->others_n = change->running_n = 0;
    if (patroni_cluster_get(&change->region->patroni, change->input->deadline_boot_ms, &cluster,
                            &change->why) != ERR_OK) {
        return false;
    }
    for (uint8_t i = 0; i < cluster.n; i++) {
        const struct patroni_member *member = &cluster.at[i];
        if (member->leads && !found) {
            change->leader = *member;
            found = true;
            continue;
        }
        (void)text_append(change->others, sizeof change->others, change->others_n == 0 ? "" : ",");
        (void)text_append(change->others, sizeof change->others, member->name);
        change->others_n++;
        change->running_n += member->running;
    }
    return found;
}

static bool has_moved(const struct change *change) {
    return change->mark.there && !text_equal(change->leader.name, change->mark.leader) &&
           (change->candidate[0] == '\0' || text_equal(change->candidate, change->leader.name));
}

/* ------------------------------------------------------------------- the proof */

static enum err epoch_fits(struct change *change, uint8_t seat, uint64_t *ret_epoch) {
    uint64_t until_boot_ms = act_within(LOOK_MS, change->input->deadline_boot_ms);
    enum err err =
        pg_epoch_read(&change->region->group, seat, until_boot_ms, ret_epoch, &change->why);
    if (err == ERR_OK && *ret_epoch > change->input->epoch) {
        text_say(&change->why, "the database holds epoch %" PRIu64 ", larger than %" PRIu64,
                 *ret_epoch, change->input->epoch);
        return ERR_STALE;
    }
    return err;
}

/* The epoch's row as it is there: this belongs to a region, not to a move, and raises no epoch. */
static enum err leader_write(struct change *change, uint8_t seat) {
    uint64_t epoch = 0;
    enum err err = epoch_fits(change, seat, &epoch);
    return err != ERR_OK || epoch == 0
               ? err
               : pg_epoch_write(&change->region->group, seat, epoch,
                                act_within(LOOK_MS, change->input->deadline_boot_ms), &change->why);
}

static enum err others_stream(struct change *change, uint8_t seat, unsigned *ret_n) {
    static const char sql[] =
        "SELECT count(*), ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint "
        "FROM pg_stat_replication WHERE state = 'streaming' "
        "AND application_name = ANY(string_to_array($1, ','))";
    const char *const parameters[] = {change->others};
    struct pg_answer answer;
    uint64_t n = 0, timeline = 0;
    enum err err =
        pg_seat_ask(&change->region->group, seat, sql, parameters, 1,
                    act_within(LOOK_MS, change->input->deadline_boot_ms), &answer, &change->why);
    *ret_n = err == ERR_OK && text_to_u64(answer.value[0], 1000, &n) ? (unsigned)n : 0;
    bool told = err == ERR_OK && text_to_u64(answer.value[1], UINT32_MAX, &timeline);
    change->timeline = told ? (uint32_t)timeline : change->timeline;
    return err;
}

static struct action_result moved(const struct change *change, unsigned there_n) {
    uint64_t within_ms = arg_number(change->input->arguments, "within_ms", WITHIN_MS);
    uint64_t took_ms = change->moved_ms;
    char from[80] = "already", took[100] = "";
    if (change->mark.leader[0] != '\0') {
        (void)text_format(from, sizeof from, "instead of %.40s", change->mark.leader);
    } else if (change->asked_boot_ms != 0) {
        (void)text_copy(from, sizeof from, "where nobody led");
    }
    if (change->asked_boot_ms != 0) {
        (void)text_format(took, sizeof took, ", moved in %" PRIu64 ".%" PRIu64 " s", took_ms / 1000,
                          took_ms / 100 % 10);
    }
    if (took_ms > within_ms) {
        char longer[40];
        (void)text_format(longer, sizeof longer, ", longer than %" PRIu64 ".%" PRIu64 " s",
                          within_ms / 1000, within_ms / 100 % 10);
        (void)text_append(took, sizeof took, longer);
    }
    return act_done(change->asked_boot_ms == 0, "%.40s leads %s%s, timeline %u; %u of %u others %s",
                    change->leader.name, from, took, (unsigned)change->timeline, there_n,
                    change->others_n, change->follows ? "run" : "stream");
}

/* One look behind the move. OK: it is proved; TIMEOUT: not yet; STALE: it must not be. */
static enum err look(struct change *change, unsigned *ret_there_n) {
    struct pg_group *group = &change->region->group;
    enum err err = ERR_OK;
    if (!leader_look(change) || !has_moved(change)) {
        text_say(&change->why, "another member does not lead yet");
        return ERR_TIMEOUT;
    }
    change->timeline = change->leader.timeline;
    if (change->follows && !change->leader.running) {
        return ERR_TIMEOUT;
    }
    if (!change->follows) {
        uint8_t seat = pg_group_find(group, PG_PRIMARY);
        err = seat == NONE ? ERR_TIMEOUT : leader_write(change, seat);
        if (err != ERR_OK) {
            return err == ERR_STALE ? err : ERR_TIMEOUT;
        }
        err = others_stream(change, seat, ret_there_n);
    } else {
        *ret_there_n = change->running_n;
    }
    if (change->asked_boot_ms != 0 && change->moved_ms == 0) {
        change->moved_ms = clock_boot_ms() - change->asked_boot_ms;
    }
    return err == ERR_OK && *ret_there_n >= change->needed_n ? ERR_OK : ERR_TIMEOUT;
}

static struct action_result prove(struct change *change) {
    const struct action_input *input = change->input;
    unsigned there_n = 0;
    text_say(&change->why, "nobody leads");
    while (act_left_ms(input->deadline_boot_ms) > 0) {
        pg_group_round(&change->region->group, POLL_MS);
        enum err err = look(change, &there_n);
        if (err == ERR_OK) {
            return moved(change, there_n);
        }
        if (err == ERR_STALE) {
            return act_failed(err, "%.150s", change->why.at);
        }
    }
    if (change->moved_ms != 0) {
        return act_failed(ERR_TIMEOUT, "%.60s leads; %u of %u others are there again",
                          change->leader.name, there_n, change->others_n);
    }
    return act_failed(ERR_TIMEOUT, "%.150s", change->why.at);
}

/* ------------------------------------------------------------------------ the act */

static struct action_result ask(struct change *change) {
    const struct action_input *input = change->input;
    char body[PATRONI_BODY_SIZE];
    if (!patroni_body_switchover(body, sizeof body, change->mark.leader, change->candidate)) {
        return act_failed(ERR_TOO_BIG, "the candidate's name is too long");
    }
    pg_group_forget(&change->region->group);
    change->asked_boot_ms = clock_boot_ms();
    enum err err = patroni_switchover_post(&change->region->patroni, change->mark.leader[0] == '\0',
                                           body, input->deadline_boot_ms, &change->why);
    if (err == ERR_OK) {
        return prove(change);
    }
    struct text256 why = change->why;
    uint64_t until_boot_ms = act_within(REFUSED_MS, input->deadline_boot_ms);
    do {
        if (err != ERR_AUTH && leader_look(change) && has_moved(change)) {
            return prove(change);
        }
    } while (err != ERR_AUTH && act_left_ms(until_boot_ms) > 0 && act_pause(100, until_boot_ms));
    return act_failed(err, "%.150s", why.at);
}

/* What must hold before the first attempt writes its mark; then who leads is in it. */
static struct action_result precondition(struct change *change, bool led) {
    struct pg_group *group = &change->region->group;
    uint64_t epoch = 0;
    uint64_t until_boot_ms = act_within(RUNNING_MS, change->input->deadline_boot_ms);
    if (!led && change->candidate[0] == '\0') {
        return act_failed(ERR_PRECONDITION,
                          "nobody leads: only a candidate that is named could be made to");
    }
    uint8_t seat = pg_group_find(group, PG_PRIMARY);
    seat = seat != NONE ? seat : pg_group_find(group, PG_STANDBY);
    enum err err = seat == NONE ? ERR_OK : epoch_fits(change, seat, &epoch);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change->why.at);
    }
    while (change->running_n == 0 && act_left_ms(until_boot_ms) > 0 &&
           act_pause(100, until_boot_ms)) {
        led = leader_look(change);
    }
    if (change->running_n == 0) {
        return act_failed(ERR_PRECONDITION, "no other member is running");
    }
    if (!led && change->candidate[0] == '\0') {
        return act_failed(ERR_PRECONDITION, "nobody leads any more");
    }
    return act_done(false, "%s", led ? change->leader.name : "");
}

static struct action_result begin(struct change *change, const char *step, bool led) {
    char body[PATRONI_BODY_SIZE];
    struct action_result result = precondition(change, led);
    if (result.err != ERR_OK) {
        return result;
    }
    change->mark.there = true;
    change->needed_n = change->running_n; /* the leader goes among them, one of them leads */
    (void)text_copy(change->mark.leader, sizeof change->mark.leader, result.detail);
    enum err err = ERR_TOO_BIG;
    text_say(&change->why, "the leader's name is too long");
    if (patroni_body_mark(body, sizeof body, step, change->mark.leader)) {
        err = patroni_config_patch(&change->region->patroni, body, change->input->deadline_boot_ms,
                                   &change->why);
    }
    return err == ERR_OK ? ask(change) : act_failed(err, "Patroni: %.150s", change->why.at);
}

static enum err mark_read(struct change *change, const char *step, bool *ret_paused) {
    struct patroni *patroni = &change->region->patroni;
    struct patroni_config config;
    enum err err = patroni_config_get(
        patroni, "", act_within(3000, change->input->deadline_boot_ms), &config, &change->why);
    if (err != ERR_OK) {
        return err;
    }
    *ret_paused = config.paused;
    change->follows = config.standby;
    return patroni_mark_parse(patroni->answer, patroni->answer_n, step, &change->mark,
                              &change->why);
}

static struct action_result region_change(struct change *change) {
    const struct action_input *input = change->input;
    char step[PATRONI_STEP_SIZE];
    bool paused = false;
    (void)text_format(step, sizeof step, "%" PRIu64 "-%" PRIu64 "-%u", input->epoch,
                      input->execution, (unsigned)input->step);
    change->region->group.every_ms = POLL_MS;
    pg_group_look(&change->region->group, act_within(LOOK_MS, input->deadline_boot_ms));
    enum err err = mark_read(change, step, &paused);
    if (err != ERR_OK) {
        return act_failed(err, "Patroni: %.150s", change->why.at);
    }
    bool led = leader_look(change);
    uint64_t until_boot_ms = act_within(LEADERLESS_MS, input->deadline_boot_ms);
    while (!led && act_left_ms(until_boot_ms) > 0 && act_pause(100, until_boot_ms)) {
        led = leader_look(change);
    }
    if (!change->mark.there && led && text_equal(change->candidate, change->leader.name)) {
        change->mark.there = true; /* nothing to do, and nobody it was taken from */
    }
    change->needed_n = change->others_n;
    if (led && has_moved(change)) {
        return prove(change);
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "%s%.60s", led ? "still led by " : "led by nobody",
                          led ? change->leader.name : "");
    }
    if (paused) {
        return act_failed(ERR_PRECONDITION, "Patroni is paused by somebody");
    }
    return change->mark.there ? ask(change) : begin(change, step, led);
}

static struct action_result switchover_run(const struct action_input *input) {
    struct patroni_region region;
    struct change change = {.input = input, .region = &region};
    enum err err = switchover_accepts(input->arguments, &change.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change.why.at);
    }
    change.candidate = arg_text(input->arguments, "candidate", "");
    err = patroni_region_open(input, &region, &change.why);
    struct action_result result =
        err == ERR_OK ? region_change(&change) : act_failed(err, "%.150s", change.why.at);
    patroni_region_close(&region);
    return result;
}

/* It makes nothing writable that was not: a region that follows goes on following, and the gate of
 * one without the lease stays shut. */
const struct action_kind_row row_patroni_switchover = {
    .kind = ACTION_PATRONI_SWITCHOVER,
    .run = switchover_run,
    .accepts = switchover_accepts,
    .needs_lease = false,
    .arguments_help = PATRONI_ARGS_HELP ", candidate (a member's name), within_ms=30000",
    .by_hand = "curl -u {patroni_user} -X POST {patroni_urls}/switchover -d '{\"leader\":\"<who "
               "leads>\",\"candidate\":\"{candidate}\"}' (patronictl switchover --leader <who "
               "leads> --force does the same); patronictl list must show another Leader and the "
               "others streaming",
};
