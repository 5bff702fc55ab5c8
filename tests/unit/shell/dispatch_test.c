/* The same state makes the same command, byte for byte, at every member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/shell/stand_in.h"

static struct coordinator *member_at_work(const char *name) {
    struct coordinator *member = stand_in_member(name);
    stand_in_serving(member);
    stand_in_failing_over(member);
    dispatch_refresh(member);
    return member;
}

static void two_members_want_the_same_digest(void **state) {
    struct coordinator *one = member_at_work("m1"), *other = member_at_work("m3");
    (void)state;
    assert_true(one->wanted_n >= 1);
    assert_int_equal(one->wanted_n, other->wanted_n);
    for (unsigned i = 0; i < one->wanted_n; i++) {
        assert_true(one->wanted[i].usable);
        assert_memory_equal(one->wanted[i].digest, other->wanted[i].digest, DIGEST_SIZE);
        assert_non_null(dispatch_find(other, one->wanted[i].digest));
    }
    assert_string_equal(one->wanted[0].command.step_name, "promote");
    assert_string_equal(one->wanted[0].command.agent, "west-db1");
    assert_int_equal(one->wanted[0].command.epoch, 2);
    assert_true(one->wanted[0].command.needs_lease);
}

static void a_member_from_a_snapshot_wants_the_same_digest(void **state) {
    static uint8_t bytes[SNAPSHOT_BYTES_MAX];
    static struct snapshot written, read;
    struct coordinator *one = member_at_work("m1"), *other = stand_in_member("m2");
    struct text256 why;
    (void)state;
    written.core = one->core;
    written.text = (const uint8_t *)one->topology_text;
    written.text_size = one->topology_text_size;
    size_t size = snapshot_write(&written, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_int_equal(snapshot_read(bytes, size, &read, &why), ERR_OK);
    assert_memory_equal(&read.core, &one->core, sizeof read.core);
    other->core = read.core;
    dispatch_refresh(other);
    assert_int_equal(other->wanted_n, one->wanted_n);
    assert_memory_equal(other->wanted[0].digest, one->wanted[0].digest, DIGEST_SIZE);
}

static void a_command_is_sent_again_until_it_is_not_wanted(void **state) {
    struct coordinator *member = member_at_work("m1");
    struct text256 why;
    (void)state;
    assert_int_equal(listen_start(member, &why), ERR_OK);
    sent_n = 0;
    dispatch_send_due(member);
    assert_int_equal(sent_n, member->wanted_n);
    assert_int_equal(sent[0].agent, topology_agent(member->topology, "west-db1"));
    dispatch_send_due(member);
    assert_int_equal(sent_n, member->wanted_n); /* not yet again */
    dispatch_refresh(member);
    dispatch_send_due(member);
    assert_int_equal(sent_n, member->wanted_n); /* reading it off again keeps the stamp */
    struct event event = {.kind = EVENT_OUTCOME};
    const struct want_command *want = &member->wanted[0].want;
    uint8_t digest[DIGEST_SIZE];
    memcpy(digest, member->wanted[0].digest, DIGEST_SIZE);
    event.outcome.execution = want->execution;
    event.outcome.step = want->step;
    event.outcome.attempt = want->attempt;
    event.outcome.agent = want->agent;
    event.outcome.state = OUTCOME_DONE;
    (void)stand_in_step(member, &event);
    dispatch_refresh(member);
    assert_null(dispatch_find(member, digest));
}

static void an_altered_command_is_not_found(void **state) {
    struct coordinator *member = member_at_work("m1");
    (void)state;
    for (unsigned bit_n = 0; bit_n < DIGEST_SIZE * 8; bit_n++) {
        uint8_t digest[DIGEST_SIZE];
        memcpy(digest, member->wanted[0].digest, DIGEST_SIZE);
        digest[bit_n / 8] ^= (uint8_t)(1u << bit_n % 8);
        assert_null(dispatch_find(member, digest));
    }
}

/* One more argument, and only where a text names it: elsewhere a command is what it was. */
static void which_way_it_goes_is_told_where_a_text_names_it(void **state) {
    struct coordinator *member = member_at_work("m1");
    const struct want_command *want = &member->wanted[0].want;
    struct step *step = &member->topology->plans[member->core.executions[want->execution_slot].plan]
                             .steps[want->step];
    (void)state;
    assert_null(arguments_get(&member->wanted[0].command.arguments, "move"));
    step->action = ACTION_HTTP_CALL;
    assert_int_equal(arguments_set(&step->arguments, "body", "{plan}"), ERR_OK);
    member->wanted_n = 0;
    dispatch_refresh(member);
    assert_null(arguments_get(&member->wanted[0].command.arguments, "move"));
    assert_int_equal(arguments_set(&step->arguments, "body", "{from} {to}"), ERR_OK);
    member->wanted_n = 0;
    dispatch_refresh(member);
    assert_string_equal(arguments_get(&member->wanted[0].command.arguments, "move"),
                        "failover east west");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_members_want_the_same_digest),
        cmocka_unit_test(a_member_from_a_snapshot_wants_the_same_digest),
        cmocka_unit_test(a_command_is_sent_again_until_it_is_not_wanted),
        cmocka_unit_test(an_altered_command_is_not_found),
        cmocka_unit_test(which_way_it_goes_is_told_where_a_text_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
