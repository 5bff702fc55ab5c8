/* pg_rejoin: brings a left region back as the standby of the active one. Fencing comes first:
 * the standby_cluster configuration is in the region's DCS before its PostgreSQL can be writable
 * (by REST when Patroni runs, straight into etcd when it does not run yet). The proof of the
 * return is a row that was written to the active region after this began and is read at every
 * member here: status words ("standby_leader running", "streaming") are true of a diverged
 * member, too. Even the row can reach one: PostgreSQL streams to whoever has its timeline's number,
 * and replay goes on where two pasts happen to have a record end at the same place. So the
 * member's history must be the active region's, too. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/patroni_common.h"
#include "agent/actions/patroni_dcs.h"
#include "agent/actions/pg_divergence.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"

#define ROUND_MS 200
#define DIAGNOSE_EVERY_MS 2000
/* A member that still does not replicate so long after its leader does is left behind for good. */
#define STRAGGLER_MS 15000

struct rejoin {
    const struct action_input *input;
    struct patroni_region region;
    struct pg_group peer;               /* the active region's front */
    char canary[64];                    /* the epoch row's stamp, written through the front */
    bool has[ARG_PLACES_MAX];           /* member has the canary, and no other past */
    bool akin[ARG_PLACES_MAX];          /* its past was compared, or cannot be */
    bool reinitialized[ARG_PLACES_MAX]; /* once each */
    uint64_t leader_boot_ms;            /* since when the first member has it; 0: not yet */
    struct pg_divergence divergence;
    struct text256 why;
};

static enum err rejoin_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PG_REJOIN, arguments, reterr);
}

/* The peer's front as a group of one, under the same user. */
static enum err peer_open(struct rejoin *rejoin) {
    struct action_input input = *rejoin->input;
    struct arguments arguments = *input.arguments;
    char front[ADDRESS_SIZE + 16];
    (void)text_format(front, sizeof front, "%s:%s", arg_text(&arguments, "peer_front_host", ""),
                      arg_text(&arguments, "peer_front_port", ""));
    enum err err = arguments_set(&arguments, "pg_addresses", front);
    if (err != ERR_OK) {
        return err;
    }
    input.arguments = &arguments;
    return pg_group_open(&input, "pg_addresses", &rejoin->peer, &rejoin->why);
}

/* The active region must be there and ours to write: it is what we follow. */
static enum err canary_write(struct rejoin *rejoin) {
    struct pg_answer answer;
    char sql[160];
    uint64_t until_boot_ms = act_within(5000, rejoin->input->deadline_boot_ms);
    while (rejoin->peer.at[0].state != PG_PRIMARY) {
        if (act_left_ms(until_boot_ms) == 0 || rejoin->peer.at[0].state == PG_DENIED) {
            text_say(&rejoin->why, "the active region at %s is %s", rejoin->peer.at[0].place.text,
                     pg_group_state_text(rejoin->peer.at[0].state));
            return rejoin->peer.at[0].state == PG_DENIED ? ERR_AUTH : ERR_PRECONDITION;
        }
        pg_group_round(&rejoin->peer, 20);
    }
    enum err err =
        pg_epoch_write(&rejoin->peer, 0, rejoin->input->epoch, until_boot_ms, &rejoin->why);
    if (err != ERR_OK) {
        return err;
    }
    (void)text_format(sql, sizeof sql, "SELECT at::text FROM %s WHERE epoch = %" PRIu64,
                      rejoin->peer.table, rejoin->input->epoch);
    err = pg_seat_ask(&rejoin->peer, 0, sql, NULL, 0, until_boot_ms, &answer, &rejoin->why);
    if (err == ERR_OK && !text_copy(rejoin->canary, sizeof rejoin->canary, answer.value[0])) {
        err = ERR_FORMAT;
    }
    return err;
}

/* How a member stands to the active region: by its history, as far as it has replayed. Diverged: it
 * is said in `why`. */
static enum err member_compare(struct rejoin *rejoin, uint8_t index, bool *ret_diverged) {
    struct pg_history theirs, mine;
    struct text256 unused;
    struct pg_group *group = &rejoin->region.group;
    uint64_t until_boot_ms = act_within(1500, rejoin->input->deadline_boot_ms);
    uint64_t fork_lsn = 0;
    char fork[LSN_TEXT_SIZE];
    enum err err = pg_history_read(group, index, until_boot_ms, &mine, &unused);
    if (err == ERR_OK) {
        err = pg_history_read(&rejoin->peer, 0, until_boot_ms, &theirs, &unused);
    }
    *ret_diverged = err == ERR_OK && pg_history_compare(&mine, group->at[index].lsn, &theirs,
                                                        &fork_lsn) == PG_KIN_DIVERGED;
    if (*ret_diverged) {
        lsn_text(fork_lsn, fork);
        uint64_t bytes = group->at[index].lsn > fork_lsn ? group->at[index].lsn - fork_lsn : 0;
        text_say(&rejoin->why,
                 "diverged: rebuild needed: %s left timeline %" PRIu32 "'s history at %s, %" PRIu64
                 " bytes past it",
                 group->at[index].place.text, theirs.timeline, fork, bytes);
    }
    return err;
}

static bool member_diverged(struct rejoin *rejoin, uint8_t index) {
    bool diverged = false;
    return member_compare(rejoin, index, &diverged) == ERR_OK && diverged;
}

/* Has a member that shows the canary our past? Once it does, it does. A server that will not tell
 * its history is believed: our role may not be allowed to read it. */
static bool member_akin(struct rejoin *rejoin, uint8_t index) {
    bool diverged = false;
    if (!rejoin->akin[index]) {
        enum err err = member_compare(rejoin, index, &diverged);
        bool later = err == ERR_TIMEOUT || err == ERR_CLOSED || err == ERR_AUTH;
        rejoin->akin[index] = !later && !diverged;
    }
    return rejoin->akin[index];
}

/* Reads the canary at every member. Returns how many have it. A newer stamp is good as well:
 * another run writes the same row. */
static unsigned canary_look(struct rejoin *rejoin) {
    struct pg_group *group = &rejoin->region.group;
    char sql[224];
    unsigned n = 0;
    (void)text_format(sql, sizeof sql,
                      "SELECT count(*) FROM %s WHERE epoch = %" PRIu64 " AND at >= $1::timestamptz "
                      "AND pg_is_in_recovery()",
                      group->table, rejoin->input->epoch);
    const char *const parameters[] = {rejoin->canary};
    for (uint8_t i = 0; i < group->n; i++) {
        struct pg_answer answer;
        struct text256 unused;
        rejoin->has[i] = false;
        if (group->at[i].state != PG_STANDBY) {
            continue;
        }
        enum err err =
            pg_seat_ask(group, i, sql, parameters, 1,
                        act_within(500, rejoin->input->deadline_boot_ms), &answer, &unused);
        rejoin->has[i] =
            err == ERR_OK && text_equal(answer.value[0], "1") && member_akin(rejoin, i);
        n += rejoin->has[i];
    }
    if (n > 0 && rejoin->leader_boot_ms == 0) {
        rejoin->leader_boot_ms = clock_boot_ms();
    }
    return n;
}

/* What the old primary has that nobody else has, before anything rewinds it. Only on the host of a
 * cold data directory, and never a reason to stop: it is told. */
static void inventory_take(struct rejoin *rejoin) {
    struct pg_local local;
    struct text256 why = {.at = ""};
    if (arg_text(rejoin->input->arguments, "data_directory", NULL) == NULL ||
        pg_local_open(rejoin->input, &local, &why) != ERR_OK) {
        return;
    }
    enum err err =
        pg_divergence_take(rejoin->input, &local, &rejoin->peer, 0, &rejoin->divergence, &why);
    if (err != ERR_OK) {
        rejoin->divergence.known = false;
    }
}

/* Fences through Patroni or around it. *ret_changed: something had to be done. */
static enum err region_fence(struct rejoin *rejoin, bool *ret_changed, bool *ret_rest) {
    const struct action_input *input = rejoin->input;
    struct patroni_config config;
    char body[PATRONI_BODY_SIZE];
    struct patroni *patroni = &rejoin->region.patroni;
    uint32_t rest_ms = (uint32_t)arg_number(input->arguments, "rest_ms", 1000);
    enum err err =
        patroni_config_get(patroni, rejoin->region.peer_slot,
                           act_within(rest_ms, input->deadline_boot_ms), &config, &rejoin->why);
    *ret_rest = err == ERR_OK;
    if (err == ERR_AUTH || err == ERR_FORMAT) {
        return err;
    }
    if (err != ERR_OK && patroni_dcs_given(input->arguments)) {
        return patroni_dcs_demote(input, &rejoin->region, input->deadline_boot_ms, ret_changed,
                                  &rejoin->why);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (patroni_config_follows(&config, &rejoin->region.peer) && !config.paused &&
        config.slots_n == 0) {
        return ERR_OK;
    }
    if (input->observe_only) {
        text_say(&rejoin->why, "not a standby cluster of %.80s", rejoin->region.peer.host);
        return ERR_FAILED;
    }
    *ret_changed = true;
    if (!patroni_body_demote(body, sizeof body, &rejoin->region.peer, &config,
                             PATRONI_PAUSE_LIFT)) {
        return ERR_TOO_BIG;
    }
    return patroni_config_patch(patroni, body, input->deadline_boot_ms, &rejoin->why);
}

/* A region that boots: neither its Patroni nor its etcd may be up yet. */
static enum err region_fence_await(struct rejoin *rejoin, bool *ret_changed, bool *ret_rest) {
    const struct action_input *input = rejoin->input;
    enum err err = region_fence(rejoin, ret_changed, ret_rest);
    while ((err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_TIMEOUT ||
            err == ERR_NO_QUORUM || err == ERR_BUSY) &&
           !input->observe_only && act_pause(100, input->deadline_boot_ms)) {
        err = region_fence(rejoin, ret_changed, ret_rest);
    }
    return err;
}

/* The index in patroni_urls of the member at that address, or NONE. */
static uint8_t url_of(const struct patroni *patroni, const struct place *place) {
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        if (patroni_url_is_at(patroni->urls.at[i], place)) {
            return i;
        }
    }
    return NONE;
}

/* The index in patroni_urls of the member that leads by its own word, or NONE. */
static uint8_t leader_find(struct rejoin *rejoin) {
    struct patroni *patroni = &rejoin->region.patroni;
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        struct patroni_status status;
        struct text256 unused;
        if (patroni_status_get(patroni, i, rejoin->input->deadline_boot_ms, &status, &unused) ==
                ERR_OK &&
            (status.role == PATRONI_ROLE_PRIMARY || status.role == PATRONI_ROLE_STANDBY_LEADER)) {
            return i;
        }
    }
    return NONE;
}

static bool leader_has(const struct rejoin *rejoin, uint8_t leader) {
    const struct pg_group *group = &rejoin->region.group;
    for (uint8_t i = 0; i < group->n && leader != NONE; i++) {
        if (rejoin->has[i] &&
            patroni_url_is_at(rejoin->region.patroni.urls.at[leader], &group->at[i].place)) {
            return true;
        }
    }
    return false;
}

/* Has Patroni clone a member anew, from a leader that replicates. False when it cannot: the
 * leader's own directory only goes by hand or by the program drover-pg-rebuild on its host. Where
 * the leader itself does not replicate, nothing is cloned: it would be cloned from what diverged,
 * and the member's own data be deleted for nothing. Another member may replicate meanwhile: Patroni
 * lets one follow the active region until it sees who leads. */
static bool member_rebuild(struct rejoin *rejoin, uint8_t index, bool diverged) {
    struct text256 why;
    const struct patroni *patroni = &rejoin->region.patroni;
    const struct place *place = &rejoin->region.group.at[index].place;
    const char *what = diverged ? "diverged: " : "";
    uint8_t url = url_of(patroni, place);
    if (url == NONE || rejoin->reinitialized[index]) {
        return url != NONE;
    }
    uint8_t leader = leader_find(rejoin);
    if (leader == NONE) {
        text_say(&rejoin->why, "%srebuild needed on the host of %s, and nobody leads there", what,
                 place->text);
        return false;
    }
    if (!leader_has(rejoin, leader)) {
        text_say(&rejoin->why,
                 "%srebuild needed, with the leader: drover-pg-rebuild on the host of %.40s and "
                 "on each other",
                 what, patroni->urls.at[leader]);
        return false;
    }
    enum err err =
        patroni_reinitialize(&rejoin->region.patroni, url, rejoin->input->deadline_boot_ms, &why);
    if (err != ERR_OK) {
        text_say(&rejoin->why, "%srebuild needed on the host of %s: %.80s", what, place->text,
                 why.at);
        return false;
    }
    rejoin->reinitialized[index] = true;
    return true;
}

/* Looks after members that do not replicate. False: there is one that never will. */
static bool members_tend(struct rejoin *rejoin) {
    struct pg_group *group = &rejoin->region.group;
    bool rebuild =
        arg_yes(rejoin->input->arguments, "rebuild", false) && !rejoin->input->observe_only;
    bool late =
        rejoin->leader_boot_ms != 0 && clock_boot_ms() - rejoin->leader_boot_ms > STRAGGLER_MS;
    for (uint8_t i = 0; i < group->n; i++) {
        if (rejoin->has[i] || rejoin->reinitialized[i]) {
            continue;
        }
        bool diverged = group->at[i].state == PG_STANDBY && member_diverged(rejoin, i);
        if (!diverged && !late) {
            continue;
        }
        if (!rebuild) {
            if (!diverged) {
                text_say(&rejoin->why, "%s does not replicate: rebuild needed",
                         group->at[i].place.text);
            }
            return false;
        }
        if (!member_rebuild(rejoin, i, diverged)) {
            return false;
        }
    }
    return true;
}

/* "; fork 0/402BE48, 27528 bytes past it: 100 ins 0 upd 0 del", or nothing. */
#define PAST_SIZE 100
static void past_text(const struct pg_divergence *divergence, char ret_text[PAST_SIZE]) {
    char fork[LSN_TEXT_SIZE];
    ret_text[0] = '\0';
    if (!divergence->known || divergence->bytes == 0) {
        return;
    }
    lsn_text(divergence->fork_lsn, fork);
    (void)text_format(ret_text, PAST_SIZE,
                      "; fork %s, %" PRIu64 " bytes past it: %" PRIu64 " ins %" PRIu64
                      " upd %" PRIu64 " del",
                      fork, divergence->bytes, divergence->inserts_n, divergence->updates_n,
                      divergence->deletes_n);
}

static struct action_result rejoined(const struct rejoin *rejoin, bool observed) {
    char past[PAST_SIZE];
    past_text(&rejoin->divergence, past);
    return act_done(observed, "%u members replicate from %.40s%s", (unsigned)rejoin->region.group.n,
                    rejoin->region.peer.host, past);
}

static struct action_result region_await(struct rejoin *rejoin, bool changed, bool rest) {
    const struct action_input *input = rejoin->input;
    struct pg_group *group = &rejoin->region.group;
    char members[100];
    uint64_t diagnose_boot_ms = clock_boot_ms() + DIAGNOSE_EVERY_MS;
    bool first = true;
    group->every_ms = 50;
    do {
        uint64_t round_boot_ms = act_within(ROUND_MS, input->deadline_boot_ms);
        pg_group_look(group, round_boot_ms);
        if (canary_look(rejoin) == group->n) {
            return rejoined(rejoin, first && !changed);
        }
        first = false;
        if (clock_boot_ms() >= diagnose_boot_ms) {
            if (!members_tend(rejoin)) {
                return act_failed(ERR_PRECONDITION, "%.150s", rejoin->why.at);
            }
            diagnose_boot_ms = clock_boot_ms() + DIAGNOSE_EVERY_MS;
        }
        while (act_left_ms(round_boot_ms) > 0) {
            pg_group_round(group, act_left_ms(round_boot_ms));
        }
    } while (act_left_ms(input->deadline_boot_ms) > 0 && !input->observe_only);
    if (!rest) {
        char past[PAST_SIZE];
        past_text(&rejoin->divergence, past);
        return act_failed(ERR_TIMEOUT, "fenced in the DCS, Patroni is not up%s", past);
    }
    pg_group_text(group, members, sizeof members);
    return act_failed(ERR_TIMEOUT, "fenced, but not all replicate yet: %s", members);
}

static struct action_result region_rejoin(struct rejoin *rejoin) {
    bool changed = false, rest = false;
    /* The fence never waits for the active region to answer. */
    if (!rejoin->input->observe_only) {
        pg_group_round(&rejoin->peer, 0);
    }
    enum err err = region_fence_await(rejoin, &changed, &rest);
    if (err == ERR_OK) {
        err = canary_write(rejoin);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", rejoin->why.at);
    }
    if (!rest) {
        inventory_take(rejoin);
    }
    return region_await(rejoin, changed, rest);
}

static struct action_result rejoin_run(const struct action_input *input) {
    struct rejoin rejoin;
    memset(&rejoin, 0, sizeof rejoin);
    rejoin.input = input;
    enum err err = rejoin_accepts(input->arguments, &rejoin.why);
    if (err == ERR_OK) {
        err = patroni_region_open(input, &rejoin.region, &rejoin.why);
    }
    if (err == ERR_OK) {
        err = peer_open(&rejoin);
    }
    struct action_result result =
        err == ERR_OK ? region_rejoin(&rejoin) : act_failed(err, "%.150s", rejoin.why.at);
    patroni_region_close(&rejoin.region);
    pg_group_close(&rejoin.peer);
    return result;
}

const struct action_kind_row row_pg_rejoin = {
    .kind = ACTION_PG_REJOIN,
    .run = rejoin_run,
    .accepts = rejoin_accepts,
    .needs_lease = false,
    .arguments_help = PATRONI_ARGS_HELP
    ", peer_front_host, peer_front_port, slot_name="
    "region_<region>, peer_slot_name, etcd=http://IP:2379,... and scope (when "
    "Patroni may be down), namespace=service, rebuild=no, rest_ms=1000, pg_ctl, "
    "data_directory, run_as (inventory of what diverged)",
    .by_hand = "with Patroni down: etcdctl put /service/{scope}/config '<the old JSON with "
               "\"standby_cluster\":{\"host\":\"{peer_front_host}\",\"port\":{peer_front_port},"
               "\"primary_slot_name\":\"{slot_name}\",\"create_replica_methods\":[\"basebackup\"]} "
               "and without our slots>', then start Patroni; with Patroni up: the PATCH of "
               "patroni_demote; then select status from pg_stat_wal_receiver must say streaming "
               "and a new row of the active region must arrive; diverged on the same timeline "
               "number: drover-pg-rebuild on every host of the region",
};
