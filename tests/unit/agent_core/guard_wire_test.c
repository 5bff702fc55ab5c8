/* guard_wire: requests and answers there and back; cut, long and strange ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/guard_wire.h"

static uint8_t packet[GUARD_PACKET_MAX];

static size_t some_request(struct guard_request *request, uint16_t body_size) {
    memset(request, 0, sizeof *request);
    request->call = GUARD_CERTIFICATE;
    request->purpose = 2;
    request->epoch = UINT64_C(0x0102030405060708);
    request->flag = true;
    request->body_size = body_size;
    memset(request->body, 0x5A, body_size);
    return guard_request_write(request, packet, sizeof packet);
}

static size_t some_answer(struct guard_answer *answer) {
    memset(answer, 0, sizeof *answer);
    answer->call = GUARD_BEGIN;
    answer->verdict = 3;
    answer->err = ERR_SIGNATURE;
    answer->gate = 2;
    answer->soft_fence_due = true;
    memset(answer->nonce, 1, NONCE_SIZE);
    answer->accepted_epoch = 5;
    answer->fenced_epoch = 4;
    answer->promised_epoch = 6;
    answer->lease_epoch = 7;
    answer->lease_left_ms = 1234;
    answer->promise_left_ms = 4321;
    memset(answer->fence_signature, 2, SIGNATURE_SIZE);
    memset(answer->signature, 3, SIGNATURE_SIZE);
    answer->refusal = 9;
    return guard_answer_write(answer, packet, sizeof packet);
}

static void a_request_comes_back_as_it_was(void **state) {
    static struct guard_request request, back;
    static const uint16_t sizes[] = {0, 1, 100, GUARD_BODY_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = some_request(&request, sizes[i]);
        assert_true(size > 0);
        assert_true(guard_request_read(packet, size, &back));
        assert_memory_equal(&back, &request, sizeof back);
        assert_int_equal(guard_request_write(&request, packet, size - 1), 0);
    }
}

static void every_cut_or_longer_request_is_refused(void **state) {
    static struct guard_request request, back;
    (void)state;
    size_t size = some_request(&request, 50);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut == 0 ? 1 : cut);
        assert_non_null(copy);
        memcpy(copy, packet, cut);
        assert_false(guard_request_read(copy, cut, &back));
        free(copy);
    }
    assert_false(guard_request_read(packet, size + 1, &back));
}

static void a_request_out_of_bounds_is_refused(void **state) {
    static struct guard_request request, back;
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = {
        {0, GUARD_WIRE_VERSION + 1}, {1, 0}, {1, GUARD_FENCE_DONE + 1}, {11, 2}, {13, 0xFF}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size = some_request(&request, 50);
        packet[rows[i].at] = rows[i].value;
        assert_false(guard_request_read(packet, size, &back));
    }
}

static void an_answer_comes_back_as_it_was(void **state) {
    static struct guard_answer answer, back;
    (void)state;
    for (unsigned flags = 0; flags < 24; flags++) {
        (void)some_answer(&answer);
        answer.by_promise = flags & 1;
        answer.soft_fence_due = flags >> 1 & 1;
        answer.fence_proved = flags >> 2 & 1;
        answer.key_place = (uint8_t)(flags >> 3);
        size_t size = guard_answer_write(&answer, packet, sizeof packet);
        assert_true(size > 0);
        memset(&back, 0, sizeof back);
        assert_true(guard_answer_read(packet, size, &back));
        assert_memory_equal(&back, &answer, sizeof back);
        assert_int_equal(guard_answer_write(&answer, packet, size - 1), 0);
    }
}

static void every_cut_longer_or_strange_answer_is_refused(void **state) {
    static struct guard_answer answer, back;
    (void)state;
    size_t size = some_answer(&answer);
    for (size_t cut = 0; cut < size; cut++) {
        assert_false(guard_answer_read(packet, cut, &back));
    }
    assert_false(guard_answer_read(packet, size + 1, &back));
    packet[0]++;
    assert_false(guard_answer_read(packet, size, &back));
    packet[0]--;
    packet[5] = 24; /* a flag of a later version */
    assert_false(guard_answer_read(packet, size, &back));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_back_as_it_was),
        cmocka_unit_test(every_cut_or_longer_request_is_refused),
        cmocka_unit_test(a_request_out_of_bounds_is_refused),
        cmocka_unit_test(an_answer_comes_back_as_it_was),
        cmocka_unit_test(every_cut_longer_or_strange_answer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
