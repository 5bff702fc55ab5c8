/* What a member refuses at its door, whatever sent it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/sign.h"
#include "coordinator/operators_why.h"
#include "proto/canon.h"
#include "stand_in.h"

/* As t1, a technical lead, signs and sends it: how many are on their way into the log then. */
static unsigned ask_signed(struct coordinator *member, struct request request) {
    static uint8_t frame[FRAME_AGENT_MAX];
    static struct message message;
    static uint8_t seed[KEY_SIZE], nonce;
    uint8_t canon[CANON_MAX], text_digest[DIGEST_SIZE];
    uint8_t who = topology_operator(member->topology, "t1");
    struct wire_identity from = {.kind = WIRE_OPERATOR, .index = who, .name = "t1"};
    size_t size = 0;
    assert_int_equal(sign_keypair(seed, member->topology->operators[who].sign_key), ERR_OK);
    (void)text_copy(request.operator_name, NAME_SIZE, "t1");
    (void)text_copy(request.cluster, NAME_SIZE, member->topology->cluster);
    request.nonce[0] = ++nonce;
    request.not_after_wall_ms = clock_wall_ms() + 60000;
    digest_sha256((const uint8_t *)"", 0, text_digest);
    size_t canon_size = canon_request(&request, text_digest, canon);
    assert_int_equal(sign_bytes(seed, canon, canon_size, request.signature), ERR_OK);
    message = (struct message){.kind = MESSAGE_REQUEST, .request = request};
    assert_int_equal(message_encode(&message, frame, sizeof frame, &size), ERR_OK);
    operators_on_frame(member, &from, frame, size);
    return stand_in_appended_n(EVENT_REQUEST);
}

/* Requirement D9: also when another program than `drover` asks. */
static void a_skip_without_a_comment_is_not_let_into_the_log(void **state) {
    static const uint8_t kinds[] = {REQUEST_STEP_SKIP, REQUEST_STEP_DONE};
    struct coordinator *member = stand_in_member("m1");
    (void)state;
    stand_in_serving(member);
    stand_in_failing_over(member);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct request request = {.kind = kinds[i], .execution = 1, .step = "promote"};
        unsigned before = stand_in_appended_n(EVENT_REQUEST);
        assert_int_equal(ask_signed(member, request), before);
        (void)text_copy(request.reason, sizeof request.reason, "done at the console");
        assert_int_equal(ask_signed(member, request), before + 1);
    }
}

static void who_declared_it_learns_who_may_approve_it(void **state) {
    struct coordinator *member = stand_in_member("m1");
    struct request request = {.kind = REQUEST_APPROVE, .execution = 1, .step = "promote"};
    char why[256];
    (void)state;
    stand_in_serving(member);
    stand_in_failing_over(member);
    assert_true(operators_why(member, &request, 325, why, sizeof why));
    assert_string_equal(why, "c1 declared execution 1; who may approve promote: c2");
    (void)text_copy(member->topology->operators[topology_operator(member->topology, "c2")].person,
                    NAME_SIZE, "Ann");
    assert_true(operators_why(member, &request, 325, why, sizeof why));
    assert_string_equal(why, "c1 declared execution 1; who may approve promote: nobody else");
    request.execution = 9;
    assert_false(operators_why(member, &request, 325, why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_skip_without_a_comment_is_not_let_into_the_log),
        cmocka_unit_test(who_declared_it_learns_who_may_approve_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
