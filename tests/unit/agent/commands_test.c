/* When an agent asks about a command anew, and when it gives the command up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define MEMBERS_N 3
#define FAR_MS 60000u

static struct agent_program agent;
static struct topology topology;
static uint8_t secrets[MEMBERS_N][KEY_SIZE];
static uint8_t frame[FRAME_AGENT_MAX];
static unsigned sent_n;

/* In the place of the wire (the linker sees to it): questions are counted, not sent. */
enum err __wrap_wire_client_send(struct wire_client *client, const uint8_t *bytes, size_t size);
enum err __wrap_wire_client_send(struct wire_client *client, const uint8_t *bytes, size_t size) {
    (void)client;
    (void)bytes;
    sent_n += size > 0;
    return ERR_OK;
}

static struct command_entry *entry(void) {
    return &agent.commands[0];
}

/* One command, just asked about; the next question is far away. */
static void certifying(void) {
    memset(&agent, 0, sizeof agent);
    memset(&topology, 0, sizeof topology);
    agent.pins = agent.topology = &topology;
    agent.frame = frame;
    (void)text_copy(topology.cluster, NAME_SIZE, "test");
    (void)text_copy(topology.regions[0].name, NAME_SIZE, "west");
    topology.regions_n = 1;
    topology.members_n = MEMBERS_N;
    topology.lease.gate_early_ms = 600;
    (void)text_copy(agent.keys.name, NAME_SIZE, "west-db1");
    for (unsigned m = 0; m < MEMBERS_N; m++) {
        (void)text_format(topology.members[m].name, NAME_SIZE, "c%u", m + 1);
        assert_int_equal(sign_keypair(secrets[m], topology.members[m].sign_key), ERR_OK);
    }
    entry()->state = COMMAND_CERTIFYING;
    entry()->agent = &agent;
    entry()->command.epoch = 2;
    entry()->command.needs_lease = true;
    entry()->arrived_boot_ms = agent_now_ms();
    entry()->deadline_boot_ms = entry()->arrived_boot_ms + FAR_MS;
    entry()->next_round_ms = entry()->arrived_boot_ms + FAR_MS;
    round_begin_command(&agent, &entry()->round, 2, entry()->digest);
    sent_n = 0;
}

static struct answer answer_of(unsigned member, uint8_t refusal, uint32_t left_ms) {
    const struct question *question = &entry()->round.question;
    struct answer answer;
    uint8_t canon[CANON_MAX];
    memset(&answer, 0, sizeof answer);
    (void)text_copy(answer.from, NAME_SIZE, topology.members[member].name);
    (void)text_copy(answer.agent, NAME_SIZE, question->agent);
    answer.purpose = question->purpose;
    answer.epoch = question->epoch;
    memcpy(answer.nonce, question->nonce, NONCE_SIZE);
    memcpy(answer.digest, question->digest, DIGEST_SIZE);
    answer.refusal = refusal;
    answer.left_ms = left_ms;
    answer.newest_epoch = 2;
    answer.newest_open = true;
    size_t size = canon_answer(question, &answer, canon);
    assert_int_equal(sign_bytes(secrets[member], canon, size, answer.signature), ERR_OK);
    return answer;
}

static void say(unsigned member, uint8_t refusal, uint32_t left_ms) {
    struct answer answer = answer_of(member, refusal, left_ms);
    commands_answer(&agent, (uint8_t)member, &answer);
}

/* Two ms after the wait; the clock may have gone on by a little since. */
static void assert_asked_in(uint32_t wait_ms) {
    uint64_t now_ms = agent_now_ms();
    assert_in_range(entry()->next_round_ms, now_ms - 2000 + wait_ms, now_ms + wait_ms + 2);
}

static void it_is_asked_again_when_enough_waits_are_over(void **state) {
    (void)state;
    certifying();
    uint64_t far_ms = entry()->next_round_ms;
    say(0, REFUSAL_WAITING, 20000);
    assert_int_equal(entry()->next_round_ms, far_ms); /* one of three says nothing yet */
    assert_int_equal(entry()->told_wait_ms, 0);
    say(1, REFUSAL_WAITING, 30000);
    assert_asked_in(30000);
    assert_true(entry()->told_wait_ms != 0);
    say(2, REFUSAL_WAITING, 10000);
    assert_asked_in(20000); /* the two shortest make a majority */
    certifying();
    say(0, REFUSAL_NONE, 0);
    say(1, REFUSAL_WAITING, 10000);
    assert_asked_in(10000);
    assert_int_equal(sent_n, 0);
}

static void a_wait_beyond_the_next_question_or_a_plain_no_leaves_it(void **state) {
    (void)state;
    certifying();
    uint64_t far_ms = entry()->next_round_ms;
    say(0, REFUSAL_WAITING, 2 * FAR_MS);
    say(1, REFUSAL_WAITING, 2 * FAR_MS);
    assert_int_equal(entry()->next_round_ms, far_ms);
    certifying();
    far_ms = entry()->next_round_ms;
    say(0, REFUSAL_NOT_WANTED, 0);
    say(1, REFUSAL_NOT_WANTED, 0);
    assert_int_equal(entry()->next_round_ms, far_ms);
    assert_int_equal(entry()->told_wait_ms, 0);
}

static void a_member_that_answered_by_both_keys_counts_once(void **state) {
    uint8_t next_secret[KEY_SIZE], first_secret[KEY_SIZE];
    (void)state;
    certifying();
    assert_int_equal(sign_keypair(next_secret, topology.members[0].sign_key_next), ERR_OK);
    say(0, REFUSAL_NONE, 0);
    memcpy(first_secret, secrets[0], KEY_SIZE);
    memcpy(secrets[0], next_secret, KEY_SIZE);
    say(0, REFUSAL_NONE, 0);
    assert_int_equal(entry()->state, COMMAND_CERTIFYING);
    assert_int_equal(entry()->round.yes_n, 1);
    certifying(); /* the next key alone counts as the member's */
    memcpy(topology.members[0].sign_key_next, topology.members[0].sign_key, KEY_SIZE);
    assert_int_equal(sign_keypair(first_secret, topology.members[0].sign_key), ERR_OK);
    say(0, REFUSAL_NONE, 0);
    assert_int_equal(entry()->round.yes_n, 1);
}

static void only_a_members_own_answer_to_this_question_counts(void **state) {
    (void)state;
    certifying();
    say(0, REFUSAL_WAITING, 10000);
    uint64_t before_ms = entry()->next_round_ms;
    struct answer answer = answer_of(1, REFUSAL_WAITING, 10000);
    answer.left_ms = 5000; /* altered */
    commands_answer(&agent, 1, &answer);
    answer = answer_of(1, REFUSAL_WAITING, 10000);
    commands_answer(&agent, 2, &answer); /* carried by another one */
    answer.nonce[0] ^= 1;
    commands_answer(&agent, 1, &answer); /* of another question */
    answer = answer_of(0, REFUSAL_WAITING, 10000);
    commands_answer(&agent, 0, &answer); /* twice */
    assert_int_equal(entry()->next_round_ms, before_ms);
    assert_int_equal(entry()->told_wait_ms, 0);
}

static void a_told_wait_keeps_it_beyond_the_patience_but_not_beyond_its_time(void **state) {
    (void)state;
    certifying();
    entry()->arrived_boot_ms -= 20000;
    commands_tick(&agent);
    assert_int_equal(entry()->state, COMMAND_FREE); /* no majority ever spoke of it */
    certifying();
    entry()->arrived_boot_ms -= 20000;
    say(0, REFUSAL_WAITING, 20000);
    say(1, REFUSAL_WAITING, 20000);
    commands_tick(&agent);
    assert_int_equal(entry()->state, COMMAND_CERTIFYING);
    certifying();
    entry()->arrived_boot_ms -= 20000;
    entry()->deadline_boot_ms = agent_now_ms();
    say(0, REFUSAL_WAITING, 20000);
    say(1, REFUSAL_WAITING, 20000);
    commands_tick(&agent);
    assert_int_equal(entry()->state, COMMAND_FREE);
}

static void the_lease_hastens_the_question_once(void **state) {
    (void)state;
    certifying();
    agent.guard_heard_ms = agent_now_ms();
    agent.guard_status.lease_left_ms = FAR_MS;
    agent.guard_status.lease_epoch = 2;
    agent.guard_status.gate = GATE_OPEN;
    commands_tick(&agent);
    assert_int_equal(sent_n, 0); /* nobody has said no */
    say(0, REFUSAL_WAITING, 20000);
    entry()->command.needs_lease = false;
    commands_tick(&agent);
    assert_int_equal(sent_n, 0);
    entry()->command.needs_lease = true;
    agent.guard_status.lease_epoch = 1;
    commands_tick(&agent);
    assert_int_equal(sent_n, 0); /* the lease of another epoch */
    agent.guard_status.lease_epoch = 2;
    commands_tick(&agent);
    assert_int_equal(sent_n, MEMBERS_N);
    assert_true(entry()->lease_hastened);
    entry()->next_round_ms = agent_now_ms() + FAR_MS;
    say(0, REFUSAL_WAITING, 20000);
    commands_tick(&agent);
    assert_int_equal(sent_n, MEMBERS_N);
}

/* ------------------------------------------- the lease, right before the action */

#define EPOCH 2

/* A guard that says what the test tells it, after a while. */
static struct fake_guard {
    int listener;
    pthread_t thread;
    struct guard_answer says;
    unsigned late_n;  /* so many answers come late: more than a second */
    unsigned asked_n; /* questions so far */
    int stop[2];
} fake_guard;

static unsigned runs_n;
static uint64_t run_deadline_ms;
static char run_protected[2 * NAME_SIZE];

static struct action_result fake_run(const struct action_input *input) {
    runs_n++;
    run_deadline_ms = input->deadline_boot_ms;
    for (uint8_t i = 0; i < input->protected_names_n; i++) {
        (void)text_append(run_protected, sizeof run_protected, input->protected_names[i]);
    }
    return (struct action_result){.err = ERR_OK};
}

static enum err fake_accepts(const struct arguments *arguments, struct text256 *reterr) {
    (void)arguments;
    (void)reterr;
    return ERR_OK;
}

/* In the place of the table: one action that opens a store, and counts. */
const struct action_kind_row *__wrap_action_kind_of(enum action_kind kind);
const struct action_kind_row *__wrap_action_kind_of(enum action_kind kind) {
    static struct action_kind_row row = {
        .run = fake_run, .accepts = fake_accepts, .needs_lease = true};
    row.kind = kind;
    return &row;
}

static void serve_one(struct fake_guard *guard, int fd) {
    uint8_t packet[GUARD_PACKET_MAX];
    static struct guard_request request;
    struct pollfd stop = {.fd = guard->stop[0], .events = POLLIN};
    ssize_t n = recv(fd, packet, sizeof packet, 0);
    if (n <= 0 || !guard_request_read(packet, (size_t)n, &request)) {
        return;
    }
    guard->asked_n++;
    if (guard->late_n > 0) {
        guard->late_n--;
        (void)poll(&stop, 1, 1100);
    }
    guard->says.call = request.call;
    size_t size = guard_answer_write(&guard->says, packet, sizeof packet);
    (void)send(fd, packet, size, MSG_NOSIGNAL);
}

static void *fake_guard_run(void *argument) {
    struct fake_guard *guard = argument;
    struct pollfd polls[2] = {{.fd = guard->listener, .events = POLLIN},
                              {.fd = guard->stop[0], .events = POLLIN}};
    while (poll(polls, 2, -1) > 0 && polls[1].revents == 0) {
        int fd = accept(guard->listener, NULL, NULL);
        if (fd >= 0) {
            serve_one(guard, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

static struct agent_conf conf;
static char directory[64];

/* A certified command that waits for nothing any more, as far as the agent knows. */
static void about_to_run(const struct guard_answer *guard_says, unsigned late_n) {
    static uv_loop_t loop;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct text256 why;
    certifying();
    memset(&conf, 0, sizeof conf);
    (void)text_copy(directory, sizeof directory, "/tmp/drover-commands-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)text_copy(conf.state, sizeof conf.state, directory);
    (void)text_format(conf.guard_socket, sizeof conf.guard_socket, "%s/guard", directory);
    assert_int_equal(ledger_open(directory, &agent.ledger, &why), ERR_OK);
    assert_int_equal(uv_loop_init(&loop), 0);
    agent.loop = &loop;
    agent.conf = &conf;
    memset(&fake_guard, 0, sizeof fake_guard);
    fake_guard.says = *guard_says;
    fake_guard.late_n = late_n;
    (void)text_copy(address.sun_path, sizeof address.sun_path, conf.guard_socket);
    assert_int_equal(pipe(fake_guard.stop), 0);
    fake_guard.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake_guard.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake_guard.listener, 4), 0);
    assert_int_equal(pthread_create(&fake_guard.thread, NULL, fake_guard_run, &fake_guard), 0);
    /* What the agent heard of its guard before it was stopped. */
    agent.guard_heard_ms = agent_now_ms();
    agent.guard_status.lease_left_ms = FAR_MS;
    agent.guard_status.lease_epoch = EPOCH;
    agent.guard_status.gate = GATE_OPEN;
    entry()->command.execution = 7;
    entry()->command.attempt = 1;
    entry()->command.action = ACTION_PG_PROMOTE;
    entry()->state = COMMAND_WAITING;
    runs_n = 0;
}

static void run_it(void) {
    commands_tick(&agent);
    assert_int_equal(entry()->state, COMMAND_RUNNING);
    assert_int_equal(uv_run(agent.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(entry()->state, COMMAND_FINISHED);
    assert_int_equal(write(fake_guard.stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(fake_guard.thread, NULL), 0);
}

static void put_away(void) {
    static const char *const files[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "guard"};
    char path[128];
    ledger_close(agent.ledger);
    assert_int_equal(uv_loop_close(agent.loop), 0);
    (void)close(fake_guard.listener);
    (void)close(fake_guard.stop[0]);
    (void)close(fake_guard.stop[1]);
    for (unsigned i = 0; i < 4; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
}

static struct guard_answer holding(void) {
    return (struct guard_answer){
        .call = GUARD_STATUS, .lease_left_ms = FAR_MS, .lease_epoch = EPOCH, .gate = GATE_OPEN};
}

static void a_store_is_opened_while_the_guard_says_that_the_lease_runs(void **state) {
    (void)state;
    struct guard_answer says = holding();
    about_to_run(&says, 0);
    uint64_t deadline_ms = entry()->deadline_boot_ms;
    run_it();
    assert_int_equal(runs_n, 1);
    assert_int_equal(entry()->outcome.state, OUTCOME_DONE);
    assert_int_equal(run_deadline_ms, deadline_ms);
    assert_int_equal(fake_guard.asked_n, 1);
    put_away();
}

static void a_store_is_not_opened_on_an_old_word_of_the_guard(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct guard_answer says = holding();
        struct outcome kept;
        says.lease_left_ms = i == 0 ? 0 : i == 1 ? 600 : FAR_MS; /* 600: gate_early */
        says.gate = i == 2 ? GATE_SHUT : GATE_OPEN;
        says.lease_epoch = i == 3 ? EPOCH - 1 : EPOCH;
        about_to_run(&says, 0);
        run_it();
        assert_int_equal(runs_n, 0);
        assert_int_equal(entry()->outcome.state, OUTCOME_REFUSED);
        assert_int_equal(entry()->outcome.err, ERR_PRECONDITION);
        assert_string_equal(entry()->outcome.detail,
                            "the lease was over when the action was about to begin");
        /* And it is recorded: asked again after a restart, the agent says the same. */
        assert_int_equal(ledger_outcome(agent.ledger, 7, 0, 1, &kept), ERR_OK);
        assert_int_equal(kept.state, OUTCOME_REFUSED);
        put_away();
    }
}

static void an_answer_from_before_a_pause_is_asked_for_again(void **state) {
    (void)state;
    struct guard_answer says = holding();
    about_to_run(&says, 1);
    run_it();
    assert_true(fake_guard.asked_n >= 2);
    assert_int_equal(runs_n, 1);
    put_away();
    about_to_run(&says, 9);
    run_it();
    assert_int_equal(runs_n, 0);
    assert_int_equal(entry()->outcome.err, ERR_PRECONDITION);
    assert_string_equal(entry()->outcome.detail,
                        "the guard does not say whether its lease still runs");
    put_away();
}

static void an_action_knows_what_the_topology_protects(void **state) {
    static const char *const names[] = {"api.bud.ai", "status.bud.ai"};
    struct guard_answer says = holding();
    (void)state;
    about_to_run(&says, 0);
    for (uint8_t i = 0; i < 2; i++) {
        (void)text_copy(topology.components[i].name, NAME_SIZE, names[i]);
        topology.components[i].protected = i == 1;
    }
    topology.components_n = 2;
    run_protected[0] = '\0';
    run_it();
    assert_int_equal(runs_n, 1);
    assert_string_equal(run_protected, "status.bud.ai");
    put_away();
}

/* Behind a log that was begun anew: neither the old outcome nor a run, but the reason. */
static void numbers_that_the_ledger_has_of_another_command_are_refused(void **state) {
    static const uint8_t other[DIGEST_SIZE] = {9};
    struct guard_answer says = holding();
    enum ledger_found found;
    (void)state;
    about_to_run(&says, 0);
    assert_int_equal(ledger_begin(agent.ledger, &entry()->command, other, &found), ERR_OK);
    run_it();
    assert_int_equal(runs_n, 0);
    assert_int_equal(entry()->outcome.state, OUTCOME_REFUSED);
    assert_int_equal(entry()->outcome.err, ERR_WENT_BACK);
    assert_non_null(strstr(entry()->outcome.detail, "another command under these numbers"));
    put_away();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_again_when_enough_waits_are_over),
        cmocka_unit_test(a_wait_beyond_the_next_question_or_a_plain_no_leaves_it),
        cmocka_unit_test(a_member_that_answered_by_both_keys_counts_once),
        cmocka_unit_test(only_a_members_own_answer_to_this_question_counts),
        cmocka_unit_test(a_told_wait_keeps_it_beyond_the_patience_but_not_beyond_its_time),
        cmocka_unit_test(the_lease_hastens_the_question_once),
        cmocka_unit_test(a_store_is_opened_while_the_guard_says_that_the_lease_runs),
        cmocka_unit_test(a_store_is_not_opened_on_an_old_word_of_the_guard),
        cmocka_unit_test(an_answer_from_before_a_pause_is_asked_for_again),
        cmocka_unit_test(an_action_knows_what_the_topology_protects),
        cmocka_unit_test(numbers_that_the_ledger_has_of_another_command_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
