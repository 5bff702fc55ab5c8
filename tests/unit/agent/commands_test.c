/* When an agent asks about a command anew, and when it gives the command up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_again_when_enough_waits_are_over),
        cmocka_unit_test(a_wait_beyond_the_next_question_or_a_plain_no_leaves_it),
        cmocka_unit_test(only_a_members_own_answer_to_this_question_counts),
        cmocka_unit_test(a_told_wait_keeps_it_beyond_the_patience_but_not_beyond_its_time),
        cmocka_unit_test(the_lease_hastens_the_question_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
