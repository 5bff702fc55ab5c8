/* patroni_promote: makes a Patroni standby cluster a primary cluster. Proof is never Patroni's own
 * word (it answers /primary with 200 up to 0.16 s too early) but pg_is_in_recovery() = f and a real
 * write of the epoch row. */
#include <inttypes.h>

#include "agent/actions/actions.h"
#include "agent/actions/patroni_common.h"
#include "agent/actions/patroni_takeback.h"

#define POLL_MS 10

static enum err promote_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PATRONI_PROMOTE, arguments, reterr);
}

/* Waits for a primary and writes the epoch row to it. */
static struct action_result primary_prove(const struct action_input *input, struct pg_group *group,
                                          bool observed) {
    struct text256 why = {.at = ""};
    enum err err = ERR_TIMEOUT;
    char members[120];
    while (act_left_ms(input->deadline_boot_ms) > 0) {
        uint8_t index = pg_group_find(group, PG_PRIMARY);
        if (index != NONE) {
            err = pg_epoch_write(group, index, input->epoch,
                                 act_within(2000, input->deadline_boot_ms), &why);
            if (err == ERR_OK) {
                return act_done(observed, "primary at %s, epoch %" PRIu64 " written",
                                group->at[index].place.text, input->epoch);
            }
            if (err == ERR_STALE) {
                return act_failed(err, "%.150s", why.at);
            }
        }
        pg_group_round(group, POLL_MS);
    }
    pg_group_text(group, members, sizeof members);
    return err == ERR_TIMEOUT ? act_failed(err, "no primary: %s", members)
                              : act_failed(err, "write refused: %.120s", why.at);
}

/* A region that holds a newer epoch's row was led by somebody else since: never promote over it. */
static struct action_result epoch_precondition(const struct action_input *input,
                                               struct pg_group *group) {
    struct text256 why = {.at = ""};
    uint64_t epoch = 0;
    char members[120];
    uint8_t index = NONE;
    uint64_t until_boot_ms = act_within(3000, input->deadline_boot_ms);
    while (index == NONE && act_left_ms(until_boot_ms) > 0) {
        pg_group_round(group, 20);
        index = pg_group_find(group, PG_STANDBY);
        if (index == NONE && pg_group_count(group, PG_DENIED) > 0) {
            break;
        }
    }
    if (index == NONE) {
        pg_group_text(group, members, sizeof members);
        return act_failed(pg_group_count(group, PG_DENIED) > 0 ? ERR_AUTH : ERR_PRECONDITION,
                          "no standby answers by SQL: %s", members);
    }
    enum err err =
        pg_epoch_read(group, index, act_within(1000, input->deadline_boot_ms), &epoch, &why);
    if (err != ERR_OK) {
        return act_failed(err, "epoch not readable: %.120s", why.at);
    }
    if (epoch > input->epoch) {
        return act_failed(ERR_STALE, "the database holds epoch %" PRIu64 ", larger than %" PRIu64,
                          epoch, input->epoch);
    }
    return act_done(false, "epoch %" PRIu64, epoch);
}

/* One look at all members for the standby leader. */
static enum err leader_look(const struct action_input *input, struct patroni *patroni,
                            struct patroni_status *ret_leader, struct text256 *reterr) {
    enum err err = ERR_PRECONDITION;
    struct text256 why = {.at = ""};
    text_say(reterr, "no member is a running standby leader");
    uint8_t first = patroni->preferred;
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        struct patroni_status status;
        uint8_t index = (uint8_t)((first + i) % patroni->urls.n);
        enum err one = patroni_status_get(patroni, index, input->deadline_boot_ms, &status, &why);
        if (one == ERR_OK && status.role == PATRONI_ROLE_STANDBY_LEADER && status.running &&
            status.system_identifier[0] != '\0') {
            *ret_leader = status;
            patroni->preferred = index;
            return ERR_OK;
        }
        if (one == ERR_AUTH) {
            *reterr = why;
            err = one;
        }
    }
    return err;
}

static bool standby_no_more(const struct action_input *input, struct patroni_region *region) {
    struct text256 unused;
    struct patroni_config config;
    return patroni_config_get(&region->patroni, region->peer_slot,
                              act_within(1000, input->deadline_boot_ms), &config,
                              &unused) == ERR_OK &&
           !config.standby;
}

/* Patroni promotes its standby leader: without one the PATCH would start an election first. A local
 * failover may be under way: it is waited for. So may the PATCH of an earlier attempt that died:
 * Patroni had it, and had not written it yet when the configuration was read. Then no standby
 * leader will ever come: *ret_promoted. */
static struct action_result leader_precondition(const struct action_input *input,
                                                struct patroni_region *region, bool *ret_promoted) {
    struct text256 why = {.at = ""};
    struct patroni_status leader;
    *ret_promoted = false;
    enum err err = leader_look(input, &region->patroni, &leader, &why);
    while (err == ERR_PRECONDITION && act_left_ms(input->deadline_boot_ms) > 1500) {
        if (standby_no_more(input, region)) {
            *ret_promoted = true;
            return act_done(false, "no standby cluster any more");
        }
        (void)act_pause(100, input->deadline_boot_ms);
        err = leader_look(input, &region->patroni, &leader, &why);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    const char *expected = arg_text(input->arguments, "system_identifier", NULL);
    if (expected != NULL && !text_equal(expected, leader.system_identifier)) {
        return act_failed(ERR_PRECONDITION, "%.40s is of system %s, not %.30s", leader.name,
                          leader.system_identifier, expected);
    }
    return act_done(false, "%.60s", leader.name);
}

/* A handed-off region (paused by us, stopped cleanly) has no standby leader. */
static struct action_result handoff_take_back(const struct action_input *input,
                                              struct patroni_region *region,
                                              const struct patroni_config *config) {
    struct text256 why = {.at = ""};
    bool elected = false;
    enum err err =
        patroni_take_back(region, config->handoff_leader, input->deadline_boot_ms, &elected, &why);
    if (err != ERR_OK) {
        return act_failed(err, "not taken back: %.120s", why.at);
    }
    struct action_result result = primary_prove(input, &region->group, false);
    if (result.err == ERR_OK) {
        (void)text_append(result.detail, sizeof result.detail,
                          elected ? ", elected by Patroni" : ", the one that led before");
    }
    return result;
}

static struct action_result standby_promote(const struct action_input *input,
                                            struct patroni_region *region,
                                            const struct patroni_config *config) {
    struct text256 why = {.at = ""};
    char body[PATRONI_BODY_SIZE];
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "still a standby cluster of %.60s", config->host);
    }
    if (config->paused && !config->handoff) {
        return act_failed(ERR_PRECONDITION, "Patroni is paused by somebody: it would not act");
    }
    if (config->handoff) {
        return handoff_take_back(input, region, config);
    }
    bool promoted = false;
    struct action_result result = leader_precondition(input, region, &promoted);
    if (result.err == ERR_OK && promoted) {
        return primary_prove(input, &region->group, false);
    }
    if (result.err == ERR_OK) {
        result = epoch_precondition(input, &region->group);
    }
    if (result.err != ERR_OK) {
        return result;
    }
    if (!patroni_body_promote(body, sizeof body, region->peer_slot, false)) {
        return act_failed(ERR_TOO_BIG, "the slot's name is too long");
    }
    pg_group_forget(&region->group);
    enum err err = patroni_config_patch(&region->patroni, body, input->deadline_boot_ms, &why);
    if (err != ERR_OK) {
        return act_failed(err, "Patroni: %.120s", why.at);
    }
    return primary_prove(input, &region->group, false);
}

static struct action_result region_promote(const struct action_input *input,
                                           struct patroni_region *region) {
    struct text256 why = {.at = ""};
    struct patroni_config config;
    region->group.every_ms = POLL_MS;
    pg_group_round(&region->group, 0);
    enum err err = patroni_config_get(&region->patroni, region->peer_slot,
                                      act_within(3000, input->deadline_boot_ms), &config, &why);
    if (err != ERR_OK) {
        return act_failed(err, "Patroni: %.120s", why.at);
    }
    if (config.standby) {
        return standby_promote(input, region, &config);
    }
    if (config.handoff && !input->observe_only) {
        /* A hand-off that was killed between its pause and its demotion. */
        return handoff_take_back(input, region, &config);
    }
    pg_group_look(&region->group, act_within(1000, input->deadline_boot_ms));
    bool observed = pg_group_find(&region->group, PG_PRIMARY) != NONE;
    if (!observed && input->observe_only) {
        return act_failed(ERR_FAILED, "no longer a standby cluster, but no primary answers yet");
    }
    return primary_prove(input, &region->group, observed);
}

static struct action_result promote_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct patroni_region region;
    enum err err = action_args_accept(ACTION_PATRONI_PROMOTE, input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = patroni_region_open(input, &region, &why);
    struct action_result result =
        err == ERR_OK ? region_promote(input, &region) : act_failed(err, "%.150s", why.at);
    patroni_region_close(&region);
    return result;
}

const struct action_kind_row row_patroni_promote = {
    .kind = ACTION_PATRONI_PROMOTE,
    .run = promote_run,
    .accepts = promote_accepts,
    .needs_lease = true,
    .arguments_help = PATRONI_ARGS_HELP ", peer_slot_name (slot made for the way back), "
                                        "system_identifier",
    .by_hand = "curl -u {patroni_user} -X PATCH {patroni_urls}/config -d '{\"standby_cluster\":"
               "null,\"slots\":{\"{peer_slot_name}\":{\"type\":\"physical\"}}}' (patronictl "
               "edit-config -s standby_cluster=null does the same); patronictl list must show a "
               "Leader, and psql -h {pg_addresses} -U {pg_user} -c 'select pg_is_in_recovery()' f",
};
