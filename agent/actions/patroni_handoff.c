/* patroni_handoff: the source's half of a planned switchover. Patroni is paused, PostgreSQL is
 * stopped cleanly (its walsenders send everything to the connected standbys first), and only
 * then the region becomes a standby cluster, still paused: from here nothing in it can become
 * writable by itself. The outcome's detail begins with lsn=X/Y, where the shutdown checkpoint
 * begins: pg_await_position at the target proves that it arrived. Before anything is stopped the
 * region's own replicas must stream, and behind the stop they must have everything: taken back, one
 * of them may lead. A failure ends a stop that is under way, has the primary started again, lifts
 * the pause, and the region goes on serving. */
#include "agent/actions/actions.h"
#include "agent/actions/patroni_common.h"
#include "agent/actions/patroni_replicas.h"
#include "agent/actions/patroni_takeback.h"
#include "agent/actions/pg_local.h"

/* Kept back from the deadline, at most a quarter of the time, for starting the primary again and
 * lifting the pause after a failure. */
#define UNDO_MS 8000
/* For a replica that is just starting; at most a third of the time. Nothing is stopped yet. */
#define REPLICAS_MS 10000
/* Nobody serves in this time. */
#define RECEIVED_MS 2000

struct handoff {
    const struct action_input *input;
    struct patroni_region *region;
    struct pg_local local;
    struct patroni_config config;
    struct pg_control control;
    uint64_t work_boot_ms; /* the deadline less the undo */
    bool paused;           /* we set the pause: undo it on failure */
    bool stopping;         /* PostgreSQL was told to stop, and nobody can tell it otherwise */
    struct patroni_replicas replicas;
    char leader[PATRONI_URL_SIZE]; /* the REST address of the member that led, "" unknown */
    struct text256 why;
};

static enum err handoff_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PATRONI_HANDOFF, arguments, reterr);
}

static struct action_result handed_off(const struct handoff *handoff, bool observed) {
    char lsn[LSN_TEXT_SIZE];
    lsn_text(handoff->control.checkpoint_lsn, lsn);
    return act_done(observed, "lsn=%s PostgreSQL is %s, the region follows %.40s", lsn,
                    handoff->control.state_text, handoff->region->peer.host);
}

/* Without a streaming peer a clean stop proves nothing: refuse before anything is touched. */
static enum err peer_streams(struct handoff *handoff) {
    static const char sql[] =
        "SELECT count(*) FROM pg_replication_slots s JOIN pg_stat_replication r "
        "ON r.pid = s.active_pid WHERE s.slot_name = $1 AND r.state = 'streaming'";
    const char *const parameters[] = {handoff->region->peer_slot};
    struct pg_group *group = &handoff->region->group;
    struct pg_answer answer;
    pg_group_look(group, act_within(1500, handoff->work_boot_ms));
    uint8_t index = pg_group_find(group, PG_PRIMARY);
    if (index == NONE) {
        pg_group_text(group, handoff->why.at, 150);
        return pg_group_count(group, PG_DENIED) > 0 ? ERR_AUTH : ERR_PRECONDITION;
    }
    uint64_t until_boot_ms = act_within(3000, handoff->work_boot_ms);
    enum err err =
        pg_seat_ask(group, index, sql, parameters, 1, until_boot_ms, &answer, &handoff->why);
    if (err == ERR_OK && text_equal(answer.value[0], "0")) {
        text_say(&handoff->why, "the peer does not stream from slot %.63s",
                 handoff->region->peer_slot);
        return ERR_PRECONDITION;
    }
    if (err == ERR_OK) {
        /* What is written out now need not be written while nobody may write. Not everybody may ask
         * for it, and it is only for speed. */
        struct text256 unused;
        enum err ignored = pg_seat_ask(group, index, "CHECKPOINT", NULL, 0, handoff->work_boot_ms,
                                       &answer, &unused);
        (void)ignored;
        uint32_t third_ms = handoff->input->timeout_ms / 3;
        until_boot_ms =
            act_within(third_ms < REPLICAS_MS ? third_ms : REPLICAS_MS, handoff->work_boot_ms);
        err = patroni_replicas_await(handoff->region, index, handoff->config.synchronous,
                                     until_boot_ms, &handoff->replicas, &handoff->why);
    }
    return err;
}

/* Whom to start when this is taken back. An earlier run of ours, after whose stop nobody leads, has
 * noted it. */
static void leader_note(struct handoff *handoff) {
    struct patroni *patroni = &handoff->region->patroni;
    (void)text_copy(handoff->leader, sizeof handoff->leader, handoff->config.handoff_leader);
    if (handoff->config.handoff && handoff->leader[0] != '\0') {
        return;
    }
    for (uint8_t i = 0; i < patroni->urls.n; i++) {
        struct patroni_status status;
        struct text256 unused;
        if (patroni_status_get(patroni, i, handoff->work_boot_ms, &status, &unused) == ERR_OK &&
            status.role == PATRONI_ROLE_PRIMARY && status.running &&
            !text_copy(handoff->leader, sizeof handoff->leader, patroni->urls.at[i])) {
            handoff->leader[0] = '\0';
        }
    }
}

/* A member that has not noticed the pause would start what we stop, or promote another. */
static enum err pause_await(struct handoff *handoff) {
    struct patroni *patroni = &handoff->region->patroni;
    for (;;) {
        unsigned late_n = 0, seen_n = 0;
        for (uint8_t i = 0; i < patroni->urls.n; i++) {
            struct patroni_status status;
            struct text256 unused;
            if (patroni_status_get(patroni, i, handoff->work_boot_ms, &status, &unused) == ERR_OK) {
                seen_n++;
                late_n += !status.paused;
            }
        }
        if (seen_n > 0 && late_n == 0) {
            return ERR_OK;
        }
        if (!act_pause(20, handoff->work_boot_ms)) {
            text_say(&handoff->why, "%u of %u members have not noticed the pause", late_n, seen_n);
            return ERR_TIMEOUT;
        }
    }
}

/* An earlier run of ours told it to stop, and it may have done so just now: pg_ctl finds none. */
static enum err local_stop(struct handoff *handoff) {
    struct text256 unused;
    struct pg_control control;
    pg_group_leave(&handoff->region->group);
    enum err err = pg_local_stop(&handoff->local, handoff->work_boot_ms, &handoff->why);
    bool stopped =
        err == ERR_FAILED &&
        pg_control_read(&handoff->local, handoff->work_boot_ms, &control, &unused) == ERR_OK &&
        control.state == PG_CONTROL_SHUT;
    return stopped ? ERR_OK : err;
}

static enum err primary_stop(struct handoff *handoff) {
    char body[PATRONI_BODY_SIZE];
    enum err err = ERR_OK;
    if (handoff->control.state == PG_CONTROL_RUNNING) {
        err = peer_streams(handoff);
        /* An earlier run of ours paused, so its peer streamed, and told PostgreSQL to stop: it
         * answers nobody any more, and its control file says nothing of that yet. */
        bool stops = handoff->config.handoff && err == ERR_PRECONDITION &&
                     pg_group_find(&handoff->region->group, PG_PRIMARY) == NONE;
        if (err != ERR_OK && !stops) {
            return err;
        }
    }
    leader_note(handoff);
    (void)patroni_body_pause(body, sizeof body, handoff->leader);
    handoff->paused = true;
    err =
        patroni_config_patch(&handoff->region->patroni, body, handoff->work_boot_ms, &handoff->why);
    if (err == ERR_OK) {
        err = pause_await(handoff);
    }
    if (err == ERR_OK && handoff->control.state == PG_CONTROL_RUNNING) {
        handoff->stopping = true;
        err = local_stop(handoff);
    }
    if (err == ERR_OK) {
        err = pg_control_read(&handoff->local, handoff->work_boot_ms, &handoff->control,
                              &handoff->why);
    }
    if (err == ERR_OK && handoff->control.state != PG_CONTROL_SHUT) {
        text_say(&handoff->why, "after the stop PostgreSQL is \"%s\"", handoff->control.state_text);
        err = ERR_FAILED;
    }
    if (err == ERR_OK) {
        err = patroni_replicas_received(
            handoff->region, &handoff->replicas, handoff->control.checkpoint_lsn,
            act_within(RECEIVED_MS, handoff->work_boot_ms), &handoff->why);
    }
    return err;
}

static struct action_result handoff_act(struct handoff *handoff) {
    char body[PATRONI_BODY_SIZE];
    enum err err = primary_stop(handoff);
    if (err == ERR_OK) {
        (void)patroni_body_demote(body, sizeof body, &handoff->region->peer, &handoff->config,
                                  PATRONI_PAUSE_KEEP);
        err = patroni_config_patch(&handoff->region->patroni, body, handoff->work_boot_ms,
                                   &handoff->why);
    }
    if (err == ERR_OK) {
        return handed_off(handoff, false);
    }
    if (!handoff->paused) {
        return act_failed(err, "nothing was changed: %.138s", handoff->why.at);
    }
    struct text256 undo;
    if (handoff->stopping) {
        /* A clean stop waits for the peer to have everything; with the link lost that is until
         * wal_sender_timeout, a minute by default, and all that time nobody serves. */
        enum err ignored = pg_local_stop_at_once(
            &handoff->local, act_within(1500, handoff->input->deadline_boot_ms), &undo);
        (void)ignored; /* mostly: it has stopped already */
    }
    bool elected = false;
    enum err undone = patroni_take_back(handoff->region, handoff->leader,
                                        handoff->input->deadline_boot_ms, &elected, &undo);
    return act_failed(err, "%s: %.120s",
                      undone == ERR_OK ? "undone, the region goes on"
                                       : "NOT undone, Patroni is paused",
                      handoff->why.at);
}

/* Handed off, and let go on since: the region follows already. The peer must have all that it
 * has: one byte less than that is what "strictly past" is asked of. */
static struct action_result standby_observe(struct handoff *handoff) {
    struct pg_group *group = &handoff->region->group;
    char lsn[LSN_TEXT_SIZE];
    char members[100];
    uint64_t farthest = 0;
    pg_group_look(group, act_within(1500, handoff->work_boot_ms));
    for (uint8_t i = 0; i < group->n; i++) {
        if (group->at[i].state == PG_STANDBY && group->at[i].lsn > farthest) {
            farthest = group->at[i].lsn;
        }
    }
    pg_group_text(group, members, sizeof members);
    if (farthest == 0 || pg_group_count(group, PG_PRIMARY) > 0) {
        return act_failed(ERR_PRECONDITION, "a standby cluster whose members say: %s", members);
    }
    lsn_text(farthest - 1, lsn);
    return act_done(true, "lsn=%s the region follows already: %s", lsn, members);
}

/* A stop that an earlier run of ours began may still go on: it is waited for, as `pg_ctl -w` would
 * have. */
static enum err control_settle(struct handoff *handoff) {
    for (;;) {
        enum err err = pg_control_read(&handoff->local, handoff->work_boot_ms, &handoff->control,
                                       &handoff->why);
        if (err != ERR_OK || handoff->control.state != PG_CONTROL_STOPPING ||
            !handoff->config.handoff || handoff->input->observe_only ||
            !act_pause(50, handoff->work_boot_ms)) {
            return err;
        }
    }
}

/* A member that was the primary once, was stopped cleanly then, and was not started since, says
 * "shut down", too: with the position of then. What the region wrote on its next timeline is not
 * in it. */
static enum err newest_primary(struct handoff *handoff) {
    uint32_t left = 0;
    enum err err = patroni_left_timeline(&handoff->region->patroni, handoff->work_boot_ms, &left,
                                         &handoff->why);
    if (err == ERR_OK && handoff->control.timeline <= left) {
        text_say(&handoff->why,
                 "the stopped primary is not on this host: it was shut down on timeline %u, and "
                 "the region went on from timeline %u",
                 handoff->control.timeline, left);
        return ERR_ELSEWHERE;
    }
    return err;
}

static struct action_result handoff_region(struct handoff *handoff) {
    const struct action_input *input = handoff->input;
    struct patroni_region *region = handoff->region;
    uint32_t quarter_ms = input->timeout_ms / 4;
    handoff->work_boot_ms = input->deadline_boot_ms - (quarter_ms < UNDO_MS ? quarter_ms : UNDO_MS);
    enum err err = pg_local_open(input, &handoff->local, &handoff->why);
    pg_group_round(&region->group, 0);
    if (err == ERR_OK) {
        err = patroni_config_get(&region->patroni, region->peer_slot, handoff->work_boot_ms,
                                 &handoff->config, &handoff->why);
    }
    if (err == ERR_OK) {
        err = control_settle(handoff);
    }
    if (err != ERR_OK) {
        return act_failed(err, "nothing was changed: %.120s", handoff->why.at);
    }
    const struct patroni_config *config = &handoff->config;
    bool follows = patroni_config_follows(config, &region->peer);
    if (handoff->control.state == PG_CONTROL_SHUT && (follows || config->handoff)) {
        err = newest_primary(handoff);
        if (err != ERR_OK && (err != ERR_ELSEWHERE || !follows || config->paused)) {
            return act_failed(err, "%.150s", handoff->why.at);
        }
        handoff->control.state = err == ERR_OK ? PG_CONTROL_SHUT : PG_CONTROL_STANDBY;
    }
    if (follows && handoff->control.state == PG_CONTROL_SHUT) {
        return handed_off(handoff, true);
    }
    if (follows && !config->paused) {
        return standby_observe(handoff);
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, "not handed off: PostgreSQL is \"%s\"",
                          handoff->control.state_text);
    }
    if (config->standby) {
        /* Also a hand-off that was done on another host: only there the position is known. */
        return act_failed(ERR_ELSEWHERE,
                          "a standby cluster of %.60s; the stopped primary is not "
                          "on this host",
                          config->host);
    }
    if (config->paused && !config->handoff) {
        return act_failed(ERR_PRECONDITION, "Patroni is paused by somebody");
    }
    if (handoff->control.state != PG_CONTROL_RUNNING &&
        !(handoff->control.state == PG_CONTROL_SHUT && config->handoff)) {
        return act_failed(ERR_ELSEWHERE, "the leader is not on this host: PostgreSQL is \"%s\"",
                          handoff->control.state_text);
    }
    return handoff_act(handoff);
}

static struct action_result handoff_run(const struct action_input *input) {
    struct patroni_region region;
    struct handoff handoff = {.input = input, .region = &region};
    enum err err = handoff_accepts(input->arguments, &handoff.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", handoff.why.at);
    }
    err = patroni_region_open(input, &region, &handoff.why);
    struct action_result result =
        err == ERR_OK ? handoff_region(&handoff) : act_failed(err, "%.150s", handoff.why.at);
    patroni_region_close(&region);
    return result;
}

const struct action_kind_row row_patroni_handoff = {
    .kind = ACTION_PATRONI_HANDOFF,
    .run = handoff_run,
    .accepts = handoff_accepts,
    .needs_lease = false,
    .arguments_help = PATRONI_ARGS_HELP
    ", peer_front_host, peer_front_port, slot_name="
    "region_<region>, peer_slot_name, pg_ctl=/usr/lib/postgresql/15/bin/pg_ctl, "
    "data_directory, run_as=postgres",
    .by_hand = "patronictl pause --wait; {pg_ctl} stop -D {data_directory} -m fast -w; "
               "pg_controldata {data_directory} must say 'shut down': note its latest checkpoint "
               "location; curl -u {patroni_user} -X PATCH {patroni_urls}/config -d "
               "'{\"standby_cluster\":{\"host\":\"{peer_front_host}\",\"port\":{peer_front_port},"
               "\"primary_slot_name\":\"{slot_name}\",\"create_replica_methods\":[\"basebackup\"]},"
               "\"slots\":{\"{peer_slot_name}\":null}}'; never resume before the PATCH",
};
