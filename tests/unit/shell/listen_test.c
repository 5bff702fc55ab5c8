/* Frames of agents: the key's owner is who speaks, and it is believed about its own things only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/sign.h"
#include "proto/canon.h"
#include "tests/unit/shell/stand_in.h"

static struct coordinator *member;
static uint8_t east, west, mon;

static int setup(void **state) {
    struct text256 why;
    (void)state;
    member = stand_in_member("m1");
    stand_in_serving(member);
    if (listen_start(member, &why) != ERR_OK) {
        return 1;
    }
    east = topology_agent(member->topology, "east-db1");
    west = topology_agent(member->topology, "west-db1");
    mon = topology_agent(member->topology, "mon1");
    appended_n = sent_n = 0;
    return 0;
}

static bool acknowledged(void) {
    static struct message message;
    for (unsigned i = 0; i < sent_n && i < SENT_MAX; i++) {
        if (message_decode(sent[i].bytes, sent[i].size, member->scratch, MEMBER_SCRATCH_SIZE,
                           &message, NULL) == ERR_OK &&
            message.kind == MESSAGE_REPORT_ACK) {
            return true;
        }
    }
    return false;
}

static void an_agents_own_report_is_taken(void **state) {
    (void)state;
    stand_in_send_report(east, east, stand_in_report("east-db1"));
    assert_true(acknowledged());
    assert_true(member->agents[east].reported);
    assert_int_equal(member->frames_refused_n, 0);
}

static void a_report_of_another_name_is_refused(void **state) {
    (void)state;
    stand_in_send_report(west, west, stand_in_report("east-db1"));
    assert_false(acknowledged());
    assert_false(member->agents[east].reported);
    assert_false(member->agents[west].reported);
    assert_int_equal(member->frames_refused_n, 1);
}

static void a_report_signed_by_another_key_is_refused(void **state) {
    (void)state;
    stand_in_send_report(east, west, stand_in_report("east-db1"));
    assert_false(acknowledged());
    assert_false(member->agents[east].reported);
    assert_int_equal(member->frames_refused_n, 1);
}

static void an_older_report_of_the_same_start_is_passed_over(void **state) {
    (void)state;
    struct message *message = stand_in_report("east-db1");
    message->report.guard.present = true;
    message->report.guard.epoch = 5;
    stand_in_send_report(east, east, message);
    uint64_t newest = report_seq;
    message = stand_in_report("east-db1");
    message->report.seq = newest - 1;
    message->report.guard.present = true;
    message->report.guard.epoch = 4;
    stand_in_send_report(east, east, message);
    assert_int_equal(member->agents[east].report.guard.epoch, 5);
}

static void a_report_of_an_earlier_start_is_passed_over(void **state) {
    (void)state;
    struct message *message = stand_in_report("east-db1");
    message->report.boot = 3;
    message->report.guard.epoch = 5;
    stand_in_send_report(east, east, message);
    message = stand_in_report("east-db1");
    message->report.boot = 2;
    message->report.guard.epoch = 4;
    stand_in_send_report(east, east, message);
    assert_true(member->agents[east].report.boot == 3);
    member->agents[east].reported = false; /* the member restarted; the log knows the later start */
    member->core.agents[east].boot = 3;
    message = stand_in_report("east-db1");
    message->report.boot = 2;
    stand_in_send_report(east, east, message);
    assert_false(member->agents[east].reported);
}

/* A simulated story: the last report of a thief, with a start's number above every honest one, was
 * read behind the new topology that was to end it. */
static void a_report_of_an_older_version_holds_back_none_of_the_one_in_force(void **state) {
    (void)state;
    member->core.config_version = 2;
    struct message *message = stand_in_report("east-db1");
    message->report.boot = UINT64_MAX;
    stand_in_send_report(east, east, message);
    assert_true(member->agents[east].report.boot == UINT64_MAX);
    message = stand_in_report("east-db1");
    message->report.config_version = 2;
    stand_in_send_report(east, east, message);
    assert_true(member->agents[east].report.boot == 1);
    message = stand_in_report("east-db1"); /* and not the other way round */
    message->report.boot = UINT64_MAX;
    message->report.config_version = 2;
    stand_in_send_report(east, east, message);
    message = stand_in_report("east-db1");
    stand_in_send_report(east, east, message);
    assert_true(member->agents[east].report.boot == UINT64_MAX);
}

/* A guard's own signed word about a fence, as its agent's reports carry it. */
static void put_proof(struct report *report, const uint8_t guard_secret[KEY_SIZE], uint64_t epoch) {
    struct fence_proof *proof = &report->fence;
    uint8_t canon[CANON_MAX];
    proof->present = true;
    proof->epoch = epoch;
    (void)text_copy(proof->agent, NAME_SIZE, report->agent);
    (void)text_copy(proof->region, NAME_SIZE, "east");
    size_t size = canon_fence(member->topology->cluster, proof, canon);
    assert_int_equal(sign_bytes(guard_secret, canon, size, proof->signature), ERR_OK);
}

/* A thief of the agent's key can make its reports old; its guard's proof is not the thief's. */
static void a_guards_proof_counts_in_a_report_that_is_old(void **state) {
    static const struct {
        uint64_t thief_boot; /* said before by whoever has the agent's key; 0: nobody did */
        uint64_t log_boot;   /* a later start that the log has heard of */
        bool by_guard;       /* the proof is signed by the guard's key, not the agent's */
    } table[] = {
        {0, 0, true}, {UINT64_MAX, 0, true}, {0, UINT64_MAX, true}, {UINT64_MAX, 0, false}};
    uint8_t guard_secret[KEY_SIZE];
    (void)state;
    assert_int_equal(sign_keypair(guard_secret, member->topology->agents[east].guard_key), ERR_OK);
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct message *message = stand_in_report("east-db1");
        member->agents[east].reported = false;
        member->core.agents[east].boot = table[i].log_boot;
        member->proved_epoch[east] = 0;
        if (table[i].thief_boot != 0) {
            message->report.boot = table[i].thief_boot;
            stand_in_send_report(east, east, message);
            assert_true(member->agents[east].reported);
            message = stand_in_report("east-db1");
        }
        put_proof(&message->report, table[i].by_guard ? guard_secret : agent_secret[east], 1);
        stand_in_send_report(east, east, message);
        assert_int_equal(member->proved_epoch[east], table[i].by_guard ? 1 : 0);
    }
}

/* While an agent and its guard exchange their keys either is theirs; afterwards one is. */
static void reports_and_proofs_by_the_next_key_count(void **state) {
    struct agent *entry = &member->topology->agents[east];
    uint8_t guard_secret[KEY_SIZE], first_secret[KEY_SIZE];
    (void)state;
    memcpy(first_secret, agent_secret[east], KEY_SIZE);
    assert_int_equal(sign_keypair(agent_secret[east], entry->sign_key_next), ERR_OK);
    assert_int_equal(sign_keypair(guard_secret, entry->guard_key_next), ERR_OK);
    struct message *message = stand_in_report("east-db1");
    put_proof(&message->report, guard_secret, 1);
    stand_in_send_report(east, east, message);
    assert_true(member->agents[east].reported);
    assert_int_equal(member->proved_epoch[east], 1);
    memset(entry->guard_key_next, 0, KEY_SIZE);
    message = stand_in_report("east-db1");
    put_proof(&message->report, guard_secret, 2);
    stand_in_send_report(east, east, message);
    assert_int_equal(member->proved_epoch[east], 1);
    memset(entry->sign_key_next, 0, KEY_SIZE);
    member->agents[east].reported = false;
    stand_in_send_report(east, east, stand_in_report("east-db1"));
    assert_false(member->agents[east].reported);
    memcpy(agent_secret[east], first_secret, KEY_SIZE);
}

/* What an agent's guard accepted was in the log: read to its end, a log without it lost facts. */
static void a_higher_epoch_than_the_logs_stops_a_member_in_its_first_wait(void **state) {
    static const struct {
        bool first_wait;
        uint64_t named;   /* by the agent; the log has 1 */
        unsigned behind;  /* facts of the log that are not applied yet */
        uint64_t arrives; /* epoch in the log when they are */
        bool asks, stops;
    } table[] = {
        {true, 1, 0, 1, false, false}, {true, 2, 0, 1, true, true},   {true, 2, 1, 1, true, true},
        {true, 2, 1, 2, true, false},  {false, 2, 0, 1, true, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        unsigned asked_n = head_ask.n;
        member->stopped_for_human = false;
        memset(&member->named, 0, sizeof member->named);
        member->core.epoch = 1;
        member->attest.durable.first_wait = table[i].first_wait;
        for (unsigned n = 0; n < 3; n++) { /* a report says it each second */
            struct message *message = stand_in_report("east-db1");
            message->report.guard.present = true;
            message->report.guard.epoch = table[i].named;
            stand_in_send_report(east, east, message);
        }
        assert_int_equal(head_ask.n - asked_n, table[i].asks);
        if (table[i].asks) {
            head_ask.done(head_ask.owner, ERR_OK, member->applied_index + table[i].behind);
            assert_int_equal(member->stopped_for_human, table[i].stops && table[i].behind == 0);
        }
        member->applied_index += table[i].behind;
        member->core.epoch = table[i].arrives;
        epochs_check(member);
        assert_int_equal(member->stopped_for_human, table[i].stops);
        assert_true(!table[i].stops || strstr(member->stopped_why, "east-db1") != NULL);
    }
    member->core.epoch = 1;
}

/* Requirement N12: a person knows that the log was lost, and begins it above all that is heard. */
static void a_log_begun_anew_is_stopped_only_by_an_epoch_above_its_first(void **state) {
    static const struct {
        bool awaits;
        uint32_t first;
        uint64_t named;
        bool stops, follows;
    } table[] = {{true, 0, 2, false, true},        {false, 0, 2, true, false},
                 {false, 1002, 2, false, true},    {false, 1002, 1001, false, true},
                 {false, 1002, 1002, true, false}, {false, 0, 0, false, true}};
    struct core before = member->core;
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text256 why = {{0}};
        member->stopped_for_human = false;
        memset(&member->named, 0, sizeof member->named);
        member->core.epoch = 0;
        member->attest.durable.first_wait = true;
        member->topology->await_initial_epoch = table[i].awaits;
        member->topology->initial_epoch = table[i].first;
        struct message *message = stand_in_report("east-db1");
        message->report.guard.present = true;
        message->report.guard.epoch = table[i].named;
        message->report.config_version = 0; /* of any version */
        stand_in_send_report(east, east, message);
        unsigned asked_n = head_ask.n;
        if (member->named.asking) {
            head_ask.done(head_ask.owner, ERR_OK, member->applied_index);
        }
        assert_int_equal(head_ask.n, asked_n);
        assert_int_equal(member->stopped_for_human, table[i].stops);
        assert_int_equal(epochs_begin_above(member, member->topology, &why), table[i].follows);
        assert_true(table[i].follows || strstr(why.at, "agent east-db1 knows") != NULL);
    }
    member->stopped_for_human = false;
    member->topology->await_initial_epoch = false;
    member->topology->initial_epoch = 0;
    member->core = before;
}

/* A simulated story: the log was set back by less than the notes know of it, and an epoch closed;
 * then the first log was put back, its compaction behind what the notes knew. Whoever had closed
 * that epoch refused it for ever, and nobody said why nobody served. */
static void a_member_that_closed_an_epoch_which_the_log_has_not_closed_stops(void **state) {
    static const struct {
        uint64_t closed, epoch;
        bool open, stops;
    } table[] = {{0, 0, false, false}, {0, 1, true, false}, {1, 1, false, false},
                 {1, 2, true, false},  {2, 1, true, true},  {2, 1, false, true},
                 {1, 1, true, true},   {1, 0, false, true}};
    struct core before = member->core;
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        member->stopped_for_human = false;
        member->closed_at_start = table[i].closed;
        member->core.epoch = table[i].epoch;
        member->core.open = table[i].open;
        epochs_caught_up(member);
        assert_int_equal(member->stopped_for_human, table[i].stops);
        assert_true(!table[i].stops || strstr(member->stopped_why, "closed epoch") != NULL);
    }
    member->stopped_for_human = false;
    member->closed_at_start = 0;
    member->core = before;
}

static void an_unread_head_is_asked_for_again(void **state) {
    (void)state;
    member->attest.durable.first_wait = true;
    for (unsigned n = 0; n < 2; n++) {
        unsigned asked_n = head_ask.n;
        struct message *message = stand_in_report("east-db1");
        message->report.guard.present = true;
        message->report.guard.epoch = 9;
        stand_in_send_report(east, east, message);
        assert_int_equal(head_ask.n - asked_n, 1);
        head_ask.done(head_ask.owner, ERR_TIMEOUT, 0);
        assert_false(member->stopped_for_human);
    }
}

/* Its agent's key may be stolen, and a thief may name another epoch each time. */
static void a_higher_epoch_is_told_once_a_minute_when_it_stops_nobody(void **state) {
    (void)state;
    for (uint64_t n = 0; n < 5; n++) {
        struct message *message = stand_in_report("east-db1");
        message->report.guard.present = true;
        message->report.guard.epoch = 100 + n;
        unsigned asked_n = head_ask.n;
        stand_in_send_report(east, east, message);
        assert_int_equal(head_ask.n - asked_n, n == 0);
        if (n == 0) {
            head_ask.done(head_ask.owner, ERR_OK, member->applied_index);
        }
        assert_false(member->stopped_for_human);
    }
    assert_true(member->named.said_boot_ms > 0);
}

static void only_who_measures_a_link_tells_its_positions(void **state) {
    struct message *message = stand_in_report("mon1");
    (void)state;
    message->report.positions_n = 1;
    message->report.positions[0] = (struct position_report){
        .link = 0, .kind = POSITION_RECEIVED, .position = 1ull << 60, .wall_ms = 1};
    message->report.wall_ms = 1;
    stand_in_send_report(mon, mon, message);
    assert_false(member->positions.links[0].received_known);
    message = stand_in_report("west-db1");
    message->report.positions_n = 1;
    message->report.positions[0] = (struct position_report){
        .link = 0, .kind = POSITION_RECEIVED, .position = 77, .wall_ms = 1};
    message->report.wall_ms = 1;
    stand_in_send_report(west, west, message);
    assert_true(member->positions.links[0].received_known);
    assert_int_equal(member->positions.links[0].received, 77);
}

static uint32_t asked_wait_ms; /* 0: what the topology says */

static struct message *question_of(const char *agent, const char *region, uint8_t signer) {
    static struct message message;
    uint8_t canon[CANON_MAX];
    const struct lease_numbers *lease = &member->topology->lease;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_QUESTION;
    struct question *question = &message.question;
    (void)text_copy(question->cluster, NAME_SIZE, member->topology->cluster);
    (void)text_copy(question->region, NAME_SIZE, region);
    (void)text_copy(question->agent, NAME_SIZE, agent);
    question->purpose = PURPOSE_LEASE;
    question->epoch = 1;
    question->lease_ms = lease->lease_ms;
    question->wait_ms = asked_wait_ms != 0 ? asked_wait_ms : lease->wait_ms;
    question->promise_ms = lease->promise_ms;
    random_bytes(question->nonce, NONCE_SIZE);
    size_t size = canon_question(question, canon);
    assert_int_equal(sign_bytes(agent_secret[signer], canon, size, question->signature), ERR_OK);
    return &message;
}

static const struct answer *answer_of(void) {
    static struct message message;
    assert_int_equal(sent_n, 1);
    assert_int_equal(message_decode(sent[0].bytes, sent[0].size, member->scratch,
                                    MEMBER_SCRATCH_SIZE, &message, NULL),
                     ERR_OK);
    assert_int_equal(message.kind, MESSAGE_ANSWER);
    return &message.answer;
}

static void a_yes_is_for_the_owner_alone(void **state) {
    static const struct {
        const char *from, *name, *region, *signer;
        int refusal; /* -1: no answer */
    } table[] = {
        {"east-db1", "east-db1", "east", "east-db1", REFUSAL_NONE},
        {"east-db1", "east-db1", "east", "west-db1", REFUSAL_BAD_SIGNATURE},
        {"east-db1", "east-db1", "west", "east-db1", REFUSAL_UNKNOWN_AGENT},
        {"west-db1", "west-db1", "west", "west-db1", REFUSAL_NOT_OWNER},
        {"west-db1", "west-db1", "east", "west-db1", REFUSAL_UNKNOWN_AGENT},
        {"west-db1", "east-db1", "east", "west-db1", -1},
        {"mon1", "mon1", "mon", "mon1", REFUSAL_NOT_ALLOWED},
        {"mon1", "east-db1", "east", "mon1", -1},
    };
    (void)state;
    attest_caught_up(&member->attest);
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t from = topology_agent(member->topology, table[i].from);
        uint8_t signer = topology_agent(member->topology, table[i].signer);
        uint64_t yes_n = member->attests_yes_n;
        sent_n = 0;
        print_message("%s asks as %s of %s, signed by %s\n", table[i].from, table[i].name,
                      table[i].region, table[i].signer);
        stand_in_frame(from, question_of(table[i].name, table[i].region, signer));
        if (table[i].refusal < 0) {
            assert_int_equal(sent_n, 0);
        } else {
            assert_int_equal(answer_of()->refusal, table[i].refusal);
        }
        assert_int_equal(member->attests_yes_n - yes_n, table[i].refusal == REFUSAL_NONE);
    }
}

/* What it would do without members is told by the wait that it asks for: for ever under hold. */
static void a_guard_that_holds_gets_a_yes_only_of_members_that_hold(void **state) {
    uint8_t *policy = &member->topology->lease.on_quorum_loss;
    uint32_t wait_ms = member->topology->lease.wait_ms;
    static const struct {
        uint8_t policy;
        bool asks_for_ever;
        uint8_t refusal;
    } table[] = {
        {QUORUM_LOSS_FAILSAFE, false, REFUSAL_NONE},
        {QUORUM_LOSS_FAILSAFE, true, REFUSAL_NUMBERS_DIFFER},
        {QUORUM_LOSS_FENCE, true, REFUSAL_NUMBERS_DIFFER},
        {QUORUM_LOSS_HOLD, true, REFUSAL_NONE},
        {QUORUM_LOSS_HOLD, false, REFUSAL_NUMBERS_DIFFER},
    };
    (void)state;
    attest_caught_up(&member->attest);
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        *policy = table[i].policy;
        asked_wait_ms = table[i].asks_for_ever ? UINT32_MAX : wait_ms;
        sent_n = 0;
        stand_in_frame(east, question_of("east-db1", "east", east));
        assert_int_equal(answer_of()->refusal, table[i].refusal);
    }
    asked_wait_ms = 0;
}

static void say_position(uint8_t from, const char *name, enum position_kind kind, uint64_t at) {
    struct message *message = stand_in_report(name);
    message->report.wall_ms = report_seq;
    message->report.positions_n = 1;
    message->report.positions[0] = (struct position_report){
        .link = 0, .kind = (uint8_t)kind, .position = at, .wall_ms = report_seq};
    stand_in_send_report(from, from, message);
}

/* The active side's lease question, carried by an agent of the standby. */
static void relay_question(void) {
    static struct message relay;
    static uint8_t inner[FRAME_AGENT_MAX];
    size_t size = 0;
    assert_int_equal(
        message_encode(question_of("east-db1", "east", east), inner, sizeof inner, &size), ERR_OK);
    memset(&relay, 0, sizeof relay);
    relay.kind = MESSAGE_RELAY;
    (void)text_copy(relay.relay.member, NAME_SIZE, "m1");
    relay.relay.frame = inner;
    relay.relay.frame_size = (uint32_t)size;
    stand_in_frame(west, &relay);
}

static const struct fact *lag_fact(void) {
    static struct fact fact;
    struct text256 why;
    appended_n = 0;
    propose_all(member);
    const struct appended *append = stand_in_appended(EVENT_LAG);
    if (append == NULL) {
        return NULL;
    }
    assert_int_equal(fact_read(append->bytes, append->size, 1, &fact, &why), ERR_OK);
    stand_in_answer(stand_in_appended(EVENT_LAG), ERR_OK);
    member->core.links[0].known = fact.event.lag.known;
    member->core.links[0].lag_ms = fact.event.lag.lag_ms;
    return &fact;
}

/* Cut off from the members and renewed through the standby, it writes, and nobody here knows how
 * much: what its last report said is no lag of today. */
static void a_lag_is_unknown_when_its_region_is_attested_and_not_heard(void **state) {
    uint32_t lease_ms = member->topology->lease.lease_ms;
    (void)state;
    attest_caught_up(&member->attest);
    member->topology->checks[0].link = 0; /* east's own check of its store measures, too */
    say_position(east, "east-db1", POSITION_WRITTEN, 1000);
    say_position(west, "west-db1", POSITION_RECEIVED, 1000);
    assert_true(lags_of(member, 0).known);
    const struct fact *fact = lag_fact();
    assert_true(fact != NULL && fact->event.lag.known);
    /* Not heard alone is how a region dies: then it does not write either. */
    member->agents[east].heard_boot_ms = member_now_ms() - 20 * lease_ms;
    assert_true(lags_of(member, 0).known);
    member->agents[east].heard_boot_ms = member_now_ms() - lease_ms / 2;
    relay_question();
    assert_true(lags_of(member, 0).known);
    member->agents[east].heard_boot_ms = member_now_ms() - lease_ms - 2000;
    relay_question();
    assert_false(lags_of(member, 0).known);
    assert_in_range(lags_of(member, 0).unheard_ms, lease_ms + 1, lease_ms + 30000);
    fact = lag_fact(); /* also by a member that was just started: this it does know */
    assert_true(fact != NULL && !fact->event.lag.known);
    /* That it dies afterwards does not make the old lag true again; a new report does. */
    assert_false(lags_of(member, 0).known);
    say_position(east, "east-db1", POSITION_WRITTEN, 2000);
    assert_true(lags_of(member, 0).known);
}

static void an_outcome_that_nobody_wants_is_no_fact(void **state) {
    static struct message message;
    (void)state;
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_OUTCOME;
    (void)text_copy(message.outcome.agent, NAME_SIZE, "west-db1");
    message.outcome.execution = 1;
    message.outcome.attempt = 1;
    message.outcome.state = OUTCOME_DONE;
    stand_in_frame(west, &message);
    assert_int_equal(stand_in_appended_n(EVENT_OUTCOME), 0);
    stand_in_frame(east, &message); /* in another's name */
    assert_int_equal(stand_in_appended_n(EVENT_OUTCOME), 0);
    assert_int_equal(member->frames_refused_n, 1);
}

static void an_outcome_of_a_wanted_step_is_one_fact(void **state) {
    static struct message message;
    (void)state;
    stand_in_failing_over(member);
    dispatch_refresh(member);
    const struct wanted *wanted = &member->wanted[0];
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_OUTCOME;
    (void)text_copy(message.outcome.agent, NAME_SIZE, "west-db1");
    message.outcome.execution = wanted->want.execution;
    message.outcome.step = wanted->want.step;
    message.outcome.attempt = wanted->want.attempt;
    message.outcome.state = OUTCOME_DONE;
    stand_in_frame(west, &message);
    stand_in_frame(west, &message);
    assert_int_equal(stand_in_appended_n(EVENT_OUTCOME), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_agents_own_report_is_taken, setup),
        cmocka_unit_test_setup(a_report_of_another_name_is_refused, setup),
        cmocka_unit_test_setup(a_report_signed_by_another_key_is_refused, setup),
        cmocka_unit_test_setup(an_older_report_of_the_same_start_is_passed_over, setup),
        cmocka_unit_test_setup(a_report_of_an_earlier_start_is_passed_over, setup),
        cmocka_unit_test_setup(a_report_of_an_older_version_holds_back_none_of_the_one_in_force,
                               setup),
        cmocka_unit_test_setup(a_guards_proof_counts_in_a_report_that_is_old, setup),
        cmocka_unit_test_setup(reports_and_proofs_by_the_next_key_count, setup),
        cmocka_unit_test_setup(a_higher_epoch_than_the_logs_stops_a_member_in_its_first_wait,
                               setup),
        cmocka_unit_test_setup(a_log_begun_anew_is_stopped_only_by_an_epoch_above_its_first, setup),
        cmocka_unit_test_setup(a_member_that_closed_an_epoch_which_the_log_has_not_closed_stops,
                               setup),
        cmocka_unit_test_setup(an_unread_head_is_asked_for_again, setup),
        cmocka_unit_test_setup(a_higher_epoch_is_told_once_a_minute_when_it_stops_nobody, setup),
        cmocka_unit_test_setup(only_who_measures_a_link_tells_its_positions, setup),
        cmocka_unit_test_setup(a_yes_is_for_the_owner_alone, setup),
        cmocka_unit_test_setup(a_guard_that_holds_gets_a_yes_only_of_members_that_hold, setup),
        cmocka_unit_test_setup(a_lag_is_unknown_when_its_region_is_attested_and_not_heard, setup),
        cmocka_unit_test_setup(an_outcome_that_nobody_wants_is_no_fact, setup),
        cmocka_unit_test_setup(an_outcome_of_a_wanted_step_is_one_fact, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
