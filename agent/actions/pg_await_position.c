/* pg_await_position: the target's half of a planned switchover: waits until a standby of this
 * region has replayed past the position at which the source stopped cleanly. The position comes
 * from the hand-off step's outcome, as the argument `position`; without it there is nothing to
 * wait for and nothing to prove. */
#include "agent/actions/actions.h"
#include "agent/actions/pg_group.h"

#define POLL_MS 10

static enum err await_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PG_AWAIT_POSITION, arguments, reterr);
}

/* The farthest member, or NONE. A replica of the standby leader has nothing its leader lacks, and
 * promotion replays all that was received. */
static uint8_t farthest(const struct pg_group *group) {
    uint8_t best = NONE;
    for (uint8_t i = 0; i < group->n; i++) {
        enum pg_state state = group->at[i].state;
        if ((state == PG_STANDBY || state == PG_PRIMARY) &&
            (best == NONE || group->at[i].lsn > group->at[best].lsn)) {
            best = i;
        }
    }
    return best;
}

static struct action_result position_await(const struct action_input *input, struct pg_group *group,
                                           uint64_t position) {
    char at[LSN_TEXT_SIZE] = "nothing";
    char members[110];
    bool first = true;
    group->every_ms = POLL_MS;
    pg_group_look(group, act_within(1000, input->deadline_boot_ms));
    while (first || act_left_ms(input->deadline_boot_ms) > 0) {
        uint8_t index = farthest(group);
        /* The position is where the shutdown checkpoint begins: strictly past it, it is
         * replayed. */
        if (index != NONE && group->at[index].lsn > position) {
            lsn_text(group->at[index].lsn, at);
            return act_done(first, "lsn=%s replayed at %s", at, group->at[index].place.text);
        }
        if (index != NONE) {
            lsn_text(group->at[index].lsn, at);
        }
        if (input->observe_only) {
            break;
        }
        first = false;
        pg_group_round(group, POLL_MS);
    }
    pg_group_text(group, members, sizeof members);
    return act_failed(pg_group_count(group, PG_DENIED) > 0 ? ERR_AUTH : ERR_TIMEOUT,
                      "replayed only to %s: %s", at, members);
}

static struct action_result await_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct pg_group group;
    uint64_t position = 0;
    enum err err = action_args_accept(ACTION_PG_AWAIT_POSITION, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    const char *text = arg_text(input->arguments, "position", NULL);
    if (text == NULL || !arg_lsn_parse(text, &position)) {
        return act_failed(ERR_PRECONDITION,
                          "no position: the hand-off before this step did not report lsn=X/Y");
    }
    err = pg_group_open(input, "pg_addresses", &group, &why);
    struct action_result result =
        err == ERR_OK ? position_await(input, &group, position) : act_failed(err, "%.150s", why.at);
    pg_group_close(&group);
    return result;
}

const struct action_kind_row row_pg_await_position = {
    .kind = ACTION_PG_AWAIT_POSITION,
    .run = await_run,
    .accepts = await_accepts,
    .needs_lease = false,
    .arguments_help = "pg_addresses=IP:5432,..., pg_user, pg_password_ref, pg_database, "
                      "position=X/Y (from the hand-off step)",
    .by_hand = "psql -h {pg_addresses} -U {pg_user} -c \"select pg_last_wal_replay_lsn() > "
               "'{position}'\" until it says t",
};
