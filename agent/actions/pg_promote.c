/* pg_promote: promotes one plain PostgreSQL standby (no Patroni beside it). Under Patroni use
 * patroni_promote: Patroni stops a primary that it did not make. */
#include <inttypes.h>

#include "agent/actions/actions.h"
#include "agent/actions/pg_group.h"

#define POLL_MS 5

static enum err pg_promote_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PG_PROMOTE, arguments, reterr);
}

static struct action_result proof_write(const struct action_input *input, struct pg_group *group,
                                        bool observed) {
    struct text256 why = {.at = ""};
    enum err err = pg_epoch_write(group, 0, input->epoch, input->deadline_boot_ms, &why);
    if (err != ERR_OK) {
        return act_failed(err, "write refused: %.120s", why.at);
    }
    return act_done(observed, "primary at %s, epoch %" PRIu64 " written", group->at[0].place.text,
                    input->epoch);
}

/* pg_promote(false): its own waiting looks only ten times a second. */
static struct action_result standby_promote(const struct action_input *input,
                                            struct pg_group *group) {
    struct text256 why = {.at = ""};
    struct pg_answer answer;
    uint64_t epoch = 0;
    enum err err = pg_epoch_read(group, 0, act_within(1000, input->deadline_boot_ms), &epoch, &why);
    if (err != ERR_OK) {
        return act_failed(err, "epoch not readable: %.120s", why.at);
    }
    if (epoch > input->epoch) {
        return act_failed(ERR_STALE, "the database holds epoch %" PRIu64 ", larger than %" PRIu64,
                          epoch, input->epoch);
    }
    err = pg_seat_ask(group, 0, "SELECT pg_promote(false)", NULL, 0, input->deadline_boot_ms,
                      &answer, &why);
    /* 55000: it left recovery between the look and the call. */
    if (err != ERR_OK && !text_equal(answer.state, "55000")) {
        return act_failed(err, "pg_promote: %.120s", why.at);
    }
    pg_group_forget(group);
    while (group->at[0].state != PG_PRIMARY) {
        if (act_left_ms(input->deadline_boot_ms) == 0) {
            return act_failed(ERR_TIMEOUT, "%s is still in recovery", group->at[0].place.text);
        }
        pg_group_round(group, POLL_MS);
    }
    return proof_write(input, group, false);
}

static struct action_result first_promote(const struct action_input *input,
                                          struct pg_group *group) {
    group->n = 1; /* the first address is the one to promote */
    group->every_ms = POLL_MS;
    while (group->at[0].state != PG_PRIMARY && group->at[0].state != PG_STANDBY) {
        if (group->at[0].state == PG_DENIED) {
            return act_failed(ERR_AUTH, "%s denies us (SQLSTATE %s)", group->at[0].place.text,
                              group->at[0].why);
        }
        if (act_left_ms(input->deadline_boot_ms) == 0) {
            return act_failed(ERR_TIMEOUT, "%s: %s", group->at[0].place.text,
                              pg_group_state_text(group->at[0].state));
        }
        pg_group_round(group, 50);
    }
    if (group->at[0].state == PG_PRIMARY) {
        return proof_write(input, group, true);
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "%s is still in recovery", group->at[0].place.text);
    }
    return standby_promote(input, group);
}

static struct action_result pg_promote_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct pg_group group;
    enum err err = action_args_accept(ACTION_PG_PROMOTE, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = pg_group_open(input, "pg_addresses", &group, &why);
    struct action_result result =
        err == ERR_OK ? first_promote(input, &group) : act_failed(err, "%.150s", why.at);
    pg_group_close(&group);
    return result;
}

const struct action_kind_row row_pg_promote = {
    .kind = ACTION_PG_PROMOTE,
    .run = pg_promote_run,
    .accepts = pg_promote_accepts,
    .needs_lease = true,
    .arguments_help = "pg_addresses=IP:5432 (the first is promoted), pg_user, pg_password_ref, "
                      "pg_database, pg_sslmode, epoch_table",
    .by_hand = "psql -h {pg_addresses} -U {pg_user} -c 'select pg_promote(true, 60)'; the same "
               "server must then answer f to 'select pg_is_in_recovery()' and take an insert",
};
