/* patroni_common: see patroni_common.h. */
#include "agent/actions/patroni_common.h"

#include <string.h>

#include "agent/actions/patroni_dcs.h"

#include "common/base/ensure.h"
#include "common/io/clock.h"

/* How long the other members are waited for once the demotion is seen, so that the verification
 * does not rest on the first answer alone. */
#define OTHERS_WAIT_MS 1200
#define DCS_TRY_MS 250

enum err patroni_region_open(const struct action_input *input, struct patroni_region *ret_region,
                             struct text256 *reterr) {
    memset(ret_region, 0, sizeof *ret_region);
    struct patroni_region *region = ret_region;
    const char *slot = arg_text(input->arguments, "slot_name", NULL);
    if (slot == NULL) {
        patroni_slot_of_region(input->region, region->peer.slot);
    } else if (!text_copy(region->peer.slot, sizeof region->peer.slot, slot)) {
        text_say(reterr, "argument \"slot_name\" is too long");
        return ERR_CONFIG;
    }
    (void)text_copy(region->peer.host, sizeof region->peer.host,
                    arg_text(input->arguments, "peer_front_host", ""));
    region->peer.port = (uint16_t)arg_number(input->arguments, "peer_front_port", 0);
    region->peer_slot = arg_text(input->arguments, "peer_slot_name", "");
    enum err err = patroni_open(input, &region->patroni, reterr);
    if (err != ERR_OK) {
        return err;
    }
    return pg_group_open(input, "pg_addresses", &region->group, reterr);
}

void patroni_region_close(struct patroni_region *region) {
    patroni_close(&region->patroni);
    pg_group_close(&region->group);
}

bool patroni_url_is_at(const char *url, const struct place *place) {
    struct place there;
    return place_parse(strstr(url, "://") + 3, &there) && text_equal(there.host, place->host);
}

bool patroni_region_is_demoted(const struct pg_group *group, enum err *ret_err) {
    unsigned safe_n = pg_group_count(group, PG_STANDBY) + pg_group_count(group, PG_DOWN);
    if (pg_group_count(group, PG_PRIMARY) > 0) {
        *ret_err = ERR_PRECONDITION;
        return false;
    }
    /* A member that answers but not to us may well be writable. */
    if (pg_group_count(group, PG_DENIED) > 0) {
        *ret_err = ERR_AUTH;
        return false;
    }
    /* A stopped process goes on writing when it is continued. */
    if (safe_n == 0 || pg_group_count(group, PG_SILENT) > 0 || pg_group_count(group, PG_ODD) > 0) {
        *ret_err = ERR_TIMEOUT;
        return false;
    }
    return true;
}

/* Rounds until the region is seen demoted, with an answer of every member or a fair wait for it. */
static struct action_result demoted_await(const struct action_input *input,
                                          struct patroni_region *region, bool observed) {
    struct pg_group *group = &region->group;
    enum err err = ERR_TIMEOUT;
    char members[120];
    uint64_t others_boot_ms = act_within(OTHERS_WAIT_MS, input->deadline_boot_ms);
    while (act_left_ms(input->deadline_boot_ms) > 0) {
        bool unseen = pg_group_count(group, PG_UNSEEN) > 0;
        if (patroni_region_is_demoted(group, &err) &&
            (!unseen || act_left_ms(others_boot_ms) == 0)) {
            pg_group_text(group, members, sizeof members);
            return act_done(observed, "standby of %.40s: %s", region->peer.host, members);
        }
        if (err == ERR_AUTH && act_left_ms(others_boot_ms) == 0) {
            break; /* waiting does not mend a password */
        }
        pg_group_round(group, 20);
    }
    pg_group_text(group, members, sizeof members);
    return act_failed(err, "not verified: %s", members);
}

/* A region that boots: its etcd comes up first, its Patroni a second later. Whoever is asked
 * first after that decides whether the old leader finds itself a standby, or promotes itself
 * once more, on a timeline of a number that the other region has used. So: without a pause
 * between the tries. */
static struct action_result demoted_in_dcs(const struct action_input *input,
                                           struct patroni_region *region, uint32_t rest_ms) {
    struct text256 why = {.at = ""};
    bool changed = false;
    uint64_t until_boot_ms = act_within(rest_ms, input->deadline_boot_ms);
    enum err err;
    do {
        /* An etcd that starts accepts the connection before it can answer. */
        err = patroni_dcs_demote(input, region, act_within(DCS_TRY_MS, until_boot_ms), &changed,
                                 &why);
    } while ((err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_NO_QUORUM ||
              err == ERR_TIMEOUT) &&
             act_pause(20, until_boot_ms));
    if (err != ERR_OK) {
        return act_failed(err, "Patroni does not answer, its etcd: %.100s", why.at);
    }
    pg_group_forget(&region->group);
    return demoted_await(input, region, !changed);
}

struct action_result patroni_region_demote(const struct action_input *input,
                                           struct patroni_region *region, uint32_t rest_ms) {
    struct text256 why = {.at = ""};
    struct patroni_config config;
    char body[PATRONI_BODY_SIZE];
    enum err err;
    uint64_t rest_boot_ms = act_within(rest_ms, input->deadline_boot_ms);
    region->group.every_ms = 20;
    pg_group_round(&region->group, 0);
    err = patroni_config_get(&region->patroni, region->peer_slot, rest_boot_ms, &config, &why);
    bool unheard = err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_TIMEOUT;
    if (unheard && patroni_dcs_given(input->arguments)) {
        return demoted_in_dcs(input, region, rest_ms);
    }
    if (err != ERR_OK) {
        return act_failed(err, "Patroni: %.120s", why.at);
    }
    bool follows =
        patroni_config_follows(&config, &region->peer) && !config.paused && config.slots_n == 0;
    if (follows) {
        enum err not_yet = ERR_OK;
        pg_group_look(&region->group, act_within(500, input->deadline_boot_ms));
        bool demoted = patroni_region_is_demoted(&region->group, &not_yet);
        if (demoted || !input->observe_only) {
            return demoted_await(input, region, demoted);
        }
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "not a standby cluster of %.60s", region->peer.host);
    }
    if (!patroni_body_demote(body, sizeof body, &region->peer, &config, PATRONI_PAUSE_LIFT)) {
        return act_failed(ERR_TOO_BIG, "Patroni's configuration has too many slots of ours");
    }
    err = patroni_config_patch(&region->patroni, body, rest_boot_ms, &why);
    if (err != ERR_OK) {
        return act_failed(err, "Patroni: %.120s", why.at);
    }
    /* Only what is seen from here on counts; an open session of the old primary ends by itself. */
    pg_group_forget(&region->group);
    return demoted_await(input, region, false);
}
