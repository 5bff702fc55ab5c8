/* The guard's order of doing things, with a kernel gate, a disk and clocks of our own: what a
 * test on a real kernel cannot hit by chance. The real gate: tests/integration/guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/guard.h"
#include "common/io/clock.h"
#include "common/io/knock.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define T_MS 6000
#define FENCE_MS 2000
#define EARLY_MS 600

/* -------------------------------------------------------- the world around it */

static struct stamp now = {.boot_ms = 1000000, .raw_ms = 500000};
static enum gate_state kernel_gate;
static uint64_t kernel_shuts_ms; /* boot clock of the awake kernel: when the element ends */
static uint32_t kernel_slow_ms;  /* how long the next opening takes: we were stopped meanwhile */
static bool kernel_refuses, disk_full, knock_answers;
static char order[256]; /* what was done, in order */

struct stamp clock_stamp(void) {
    return now;
}

uint64_t clock_boot_ms(void) {
    return now.boot_ms;
}

/* For the log's lines. */
uint64_t clock_wall_ms(void) {
    return now.boot_ms;
}

void clock_wall_text(uint64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]) {
    (void)text_format(ret_text, CLOCK_TEXT_SIZE, "%llu", (unsigned long long)wall_ms);
}

static void note(const char *what) {
    (void)text_append(order, sizeof order, what); /* the first of them are looked at */
}

static void pass(uint32_t ms) {
    now.boot_ms += ms;
    now.raw_ms += ms;
}

enum err gate_install(const struct gate_conf *conf, struct text256 *reterr) {
    (void)conf;
    note("install ");
    if (kernel_refuses) {
        text_say(reterr, "the kernel refuses");
        return ERR_IO;
    }
    kernel_gate = GATE_SHUT;
    return ERR_OK;
}

enum err gate_open_for(const struct gate_conf *conf, uint32_t open_ms, struct text256 *reterr) {
    (void)conf;
    pass(kernel_slow_ms);
    kernel_slow_ms = 0;
    note("open ");
    if (kernel_refuses) {
        text_say(reterr, "the kernel refuses");
        return ERR_IO;
    }
    kernel_gate = GATE_OPEN;
    kernel_shuts_ms = now.raw_ms + open_ms;
    return ERR_OK;
}

enum err gate_shut(struct text256 *reterr) {
    note("shut ");
    if (kernel_refuses) {
        text_say(reterr, "the kernel refuses");
        return ERR_IO;
    }
    kernel_gate = GATE_SHUT;
    return ERR_OK;
}

enum gate_state gate_read(void) {
    if (kernel_gate == GATE_OPEN && now.raw_ms >= kernel_shuts_ms) {
        kernel_gate = GATE_SHUT;
    }
    return kernel_gate;
}

enum err store_write(const struct holder_durable *durable, struct text256 *reterr) {
    (void)durable;
    note("write ");
    if (disk_full) {
        text_say(reterr, "no space");
        return ERR_NO_SPACE;
    }
    return ERR_OK;
}

bool knock_refused(const char *address, uid_t uid, uint32_t patience_ms) {
    (void)address;
    (void)patience_ms;
    assert_int_not_equal(uid, 0);
    note("knock ");
    return !knock_answers;
}

/* ------------------------------------------------------------------- one guard */

static struct guard guard;
static struct keys members[3];

static void start(enum holder_policy policy, const struct holder_durable *durable) {
    memset(&guard, 0, sizeof guard);
    order[0] = '\0';
    kernel_refuses = disk_full = knock_answers = false;
    kernel_slow_ms = 0;
    (void)text_copy(guard.conf.name, NAME_SIZE, "r1-db1");
    guard.conf.gate.ports_n = 1;
    guard.conf.gate.ports[0] = 5432;
    struct pins *pins = &guard.pins;
    (void)text_copy(pins->cluster, NAME_SIZE, "lab");
    (void)text_copy(pins->region, NAME_SIZE, "r1");
    pins->lease.lease_ms = T_MS;
    pins->lease.fence_ms = FENCE_MS;
    pins->lease.gate_early_ms = EARLY_MS;
    pins->lease.wait_ms = pins->lease.promise_ms = T_MS + 200;
    if (policy == HOLDER_HOLD) {
        pins->lease.wait_ms = UINT32_MAX; /* as pins_of() has it */
    }
    pins->lease.on_quorum_loss = policy == HOLDER_HOLD ? QUORUM_LOSS_HOLD : QUORUM_LOSS_FAILSAFE;
    for (uint8_t m = 0; m < 3; m++) {
        char name[NAME_SIZE];
        (void)text_format(name, sizeof name, "m%u", m + 1);
        if (members[m].name[0] == '\0') {
            assert_int_equal(keys_generate(KEY_MEMBER, name, &members[m]), ERR_OK);
        }
        (void)text_copy(pins->members[m].name, NAME_SIZE, name);
        memcpy(pins->members[m].key, members[m].sign_public, KEY_SIZE);
    }
    pins->members_n = 3;
    struct holder_conf conf = pins_holder_conf(pins);
    holder_init(&guard.holder, &conf, durable, now);
    fence_start(&guard);
    order[0] = '\0';
}

static void fresh(enum holder_policy policy) {
    const struct holder_durable none = {0, 0, 0};
    kernel_gate = GATE_SHUT;
    start(policy, &none);
}

static struct guard_answer call(enum guard_call which, uint64_t epoch) {
    static struct guard_request request;
    struct guard_answer answer;
    memset(&request, 0, sizeof request);
    request.call = (uint8_t)which;
    request.purpose = PURPOSE_LEASE;
    request.epoch = epoch;
    serve_request(&guard, &request, &answer);
    return answer;
}

/* Who signs certificates; a member's next keys have its name. */
static const struct keys *signers[2] = {&members[0], &members[1]};
static uint32_t certified_wait_ms; /* 0: what the guard's own pins ask for */

/* Asks, waits, and hands over the certificate of two members. */
static struct guard_answer lease(uint64_t epoch, uint32_t way_ms) {
    static struct guard_request request;
    static struct certificate certificate;
    uint8_t canon[CANON_MAX];
    struct guard_answer answer = call(GUARD_BEGIN, epoch);
    assert_int_equal(answer.verdict, HOLDER_ACCEPTED);
    pass(way_ms);
    memset(&certificate, 0, sizeof certificate);
    struct question *question = &certificate.question;
    (void)text_copy(question->cluster, NAME_SIZE, "lab");
    (void)text_copy(question->agent, NAME_SIZE, "r1-db1");
    (void)text_copy(question->region, NAME_SIZE, "r1");
    question->purpose = PURPOSE_LEASE;
    question->epoch = epoch;
    question->lease_ms = T_MS;
    bool hold = guard.pins.lease.on_quorum_loss == QUORUM_LOSS_HOLD;
    question->promise_ms = T_MS + 200;
    question->wait_ms = certified_wait_ms != 0 ? certified_wait_ms : hold ? UINT32_MAX : T_MS + 200;
    memcpy(question->nonce, answer.nonce, NONCE_SIZE);
    for (unsigned m = 0; m < 2; m++) {
        struct answer *said = &certificate.answers[certificate.answers_n++];
        (void)text_copy(said->from, NAME_SIZE, signers[m]->name);
        (void)text_copy(said->agent, NAME_SIZE, "r1-db1");
        said->purpose = PURPOSE_LEASE;
        said->epoch = said->newest_epoch = epoch;
        said->newest_open = true;
        memcpy(said->nonce, answer.nonce, NONCE_SIZE);
        size_t size = canon_answer(question, said, canon);
        assert_int_equal(sign_bytes(signers[m]->sign_secret, canon, size, said->signature), ERR_OK);
    }
    memset(&request, 0, sizeof request);
    request.call = GUARD_CERTIFICATE;
    request.epoch = epoch;
    request.body_size =
        (uint16_t)certificate_write(&certificate, request.body, sizeof request.body);
    assert_int_not_equal(request.body_size, 0);
    serve_request(&guard, &request, &answer);
    return answer;
}

static void tick_for(uint32_t ms) {
    for (uint32_t passed = 0; passed < ms; passed += 25) {
        pass(25);
        fence_tick(&guard);
    }
}

/* ----------------------------------------------------------------------- tests */

static void the_epoch_is_on_disk_before_the_gate_opens(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    assert_int_equal(lease(1, 20).verdict, HOLDER_ACCEPTED);
    assert_string_equal(order, "write open ");
    assert_int_equal(kernel_shuts_ms, now.raw_ms + T_MS - 20 - EARLY_MS);
    assert_int_equal(lease(1, 20).verdict, HOLDER_ACCEPTED);
    assert_string_equal(order, "write open open "); /* a renewal asks no disk */
}

static void without_a_disk_the_gate_stays_shut(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    disk_full = true;
    struct guard_answer answer = lease(1, 20);
    assert_int_equal(answer.verdict, HOLDER_BUSY);
    assert_int_equal(answer.err, ERR_NO_SPACE);
    tick_for(1000);
    assert_null(strstr(order, "open"));
}

static void an_order_to_fence_shuts_before_it_asks_the_disk(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    (void)lease(3, 20);
    order[0] = '\0';
    disk_full = true;
    struct guard_answer answer = call(GUARD_FENCE, 3);
    assert_string_equal(order, "shut write ");
    assert_false(answer.fence_proved);
    disk_full = false;
    order[0] = '\0';
    answer = call(GUARD_FENCE, 3);
    assert_string_equal(order, "shut write knock knock ");
    assert_true(answer.fence_proved);
}

static void who_was_stopped_before_the_kernel_answered_shuts_again(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    kernel_slow_ms = 60000; /* SIGSTOP after the stamp, SIGCONT a minute later */
    (void)lease(1, 20);
    assert_int_equal(gate_read(), GATE_SHUT);
    fence_tick(&guard);
    assert_int_equal(gate_read(), GATE_SHUT);
    /* Later than allowed, but alive: shut, then opened for what is left. */
    kernel_slow_ms = EARLY_MS + 1;
    (void)lease(1, 0);
    assert_int_equal(gate_read(), GATE_SHUT);
    tick_for(300);
    assert_int_equal(gate_read(), GATE_OPEN);
    assert_true(kernel_shuts_ms <= now.raw_ms + T_MS - EARLY_MS - EARLY_MS);
    /* As late as gate_early allows: the kernel's end is not after the lease's. */
    uint64_t asked_ms = now.raw_ms;
    kernel_slow_ms = EARLY_MS;
    (void)lease(1, 0);
    assert_int_equal(gate_read(), GATE_OPEN);
    assert_true(kernel_shuts_ms <= asked_ms + T_MS);
}

static void a_suspended_machine_is_shut_when_it_wakes(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    (void)lease(1, 20);
    fence_tick(&guard);
    now.boot_ms += 3600000; /* the kernel's own element slept too */
    assert_int_equal(gate_read(), GATE_OPEN);
    fence_tick(&guard);
    assert_int_equal(gate_read(), GATE_SHUT);
    assert_false(guard.holder.leased);
}

static void a_clock_that_goes_back_ends_the_lease(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    (void)lease(1, 20);
    fence_tick(&guard);
    now.raw_ms -= 1000;
    fence_tick(&guard);
    assert_int_equal(kernel_gate, GATE_SHUT);
    now.raw_ms += 1000;
}

static void a_kernel_that_refuses_is_asked_again(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    (void)lease(1, 20);
    fence_tick(&guard);
    kernel_refuses = true;
    (void)call(GUARD_FENCE, 1);
    assert_int_equal(kernel_gate, GATE_OPEN);
    assert_int_equal(guard.proved_epoch, 0);
    kernel_refuses = false;
    tick_for(300);
    assert_int_equal(kernel_gate, GATE_SHUT);
    tick_for(600);
    assert_int_equal(guard.proved_epoch, 1);
}

static void a_gate_found_open_runs_out_unless_it_was_fenced(void **state) {
    (void)state;
    const struct holder_durable held = {4, 3, 0}, fenced = {4, 4, 0};
    kernel_gate = GATE_OPEN;
    kernel_shuts_ms = now.raw_ms + 2000;
    start(HOLDER_FAILSAFE, &held);
    tick_for(1000);
    assert_int_equal(kernel_gate, GATE_OPEN);
    assert_true(guard.inherited);
    tick_for(1500);
    assert_int_equal(kernel_gate, GATE_SHUT);
    assert_false(guard.inherited);
    assert_string_equal(order, "");
    kernel_gate = GATE_OPEN;
    kernel_shuts_ms = now.raw_ms + 2000;
    start(HOLDER_FAILSAFE, &fenced);
    assert_int_equal(kernel_gate, GATE_SHUT);
}

static void a_gate_opened_by_hand_is_shut_and_one_shut_by_hand_is_opened(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    kernel_gate = GATE_OPEN;
    kernel_shuts_ms = UINT64_MAX;
    tick_for(300);
    assert_int_equal(kernel_gate, GATE_SHUT);
    (void)lease(1, 20);
    kernel_gate = GATE_SHUT;
    tick_for(300);
    assert_int_equal(kernel_gate, GATE_OPEN);
    kernel_gate = GATE_ABSENT;
    tick_for(300);
    assert_int_equal(kernel_gate, GATE_OPEN);
    assert_non_null(strstr(order, "install open "));
}

static void hold_is_renewed_without_certificates(void **state) {
    (void)state;
    fresh(HOLDER_HOLD);
    (void)lease(1, 20);
    tick_for(3 * T_MS);
    assert_int_equal(gate_read(), GATE_OPEN);
    assert_true(kernel_shuts_ms <= now.raw_ms + T_MS - EARLY_MS);
}

/* While keys are exchanged either counts, but it is members that are counted. */
static void a_member_that_signed_with_both_keys_counts_once(void **state) {
    static struct keys next;
    (void)state;
    fresh(HOLDER_FENCE);
    assert_int_equal(keys_generate(KEY_MEMBER, "m1", &next), ERR_OK);
    signers[1] = &next;
    assert_int_equal(lease(1, 10).verdict, HOLDER_NO_MAJORITY); /* a key that is not pinned */
    memcpy(guard.pins.members[0].next, next.sign_public, KEY_SIZE);
    assert_int_equal(lease(1, 10).verdict, HOLDER_NO_MAJORITY); /* both keys of m1 */
    assert_int_equal(kernel_gate, GATE_SHUT);
    signers[0] = &members[2];
    assert_int_equal(lease(1, 10).verdict, HOLDER_ACCEPTED); /* m3, and m1 by its next key */
    memset(guard.pins.members[0].next, 0, KEY_SIZE);
    assert_int_equal(lease(1, 10).verdict, HOLDER_NO_MAJORITY);
    signers[0] = &members[0];
    signers[1] = &members[1];
}

static void what_a_guard_does_without_members_is_what_they_certified(void **state) {
    (void)state;
    /* Its file says hold, and the members never heard of that: a lease that never ends. */
    fresh(HOLDER_HOLD);
    certified_wait_ms = T_MS + 200;
    struct guard_answer answer = lease(1, 20);
    assert_int_equal(answer.err, ERR_FORMAT);
    assert_int_equal(answer.lease_left_ms, 0);
    assert_int_equal(gate_read(), GATE_SHUT);
    /* The members hold, and its file does not. */
    fresh(HOLDER_FAILSAFE);
    certified_wait_ms = UINT32_MAX;
    assert_int_equal(lease(1, 20).err, ERR_FORMAT);
    assert_int_equal(gate_read(), GATE_SHUT);
    certified_wait_ms = 0;
}

static void a_proof_is_not_told_of_a_newer_lease(void **state) {
    (void)state;
    fresh(HOLDER_FAILSAFE);
    knock_answers = true;
    assert_false(call(GUARD_FENCE, 2).fence_proved);
    tick_for(600);
    assert_false(call(GUARD_STATUS, 0).fence_proved);
    knock_answers = false;
    tick_for(600);
    assert_true(call(GUARD_STATUS, 0).fence_proved);
    assert_int_equal(call(GUARD_BEGIN, 2).verdict, HOLDER_FENCED);
    (void)lease(3, 20);
    fence_tick(&guard);
    assert_false(call(GUARD_STATUS, 0).fence_proved);
    tick_for(2 * T_MS);
    assert_false(call(GUARD_STATUS, 0).fence_proved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_epoch_is_on_disk_before_the_gate_opens),
        cmocka_unit_test(without_a_disk_the_gate_stays_shut),
        cmocka_unit_test(an_order_to_fence_shuts_before_it_asks_the_disk),
        cmocka_unit_test(who_was_stopped_before_the_kernel_answered_shuts_again),
        cmocka_unit_test(a_suspended_machine_is_shut_when_it_wakes),
        cmocka_unit_test(a_clock_that_goes_back_ends_the_lease),
        cmocka_unit_test(a_kernel_that_refuses_is_asked_again),
        cmocka_unit_test(a_gate_found_open_runs_out_unless_it_was_fenced),
        cmocka_unit_test(a_gate_opened_by_hand_is_shut_and_one_shut_by_hand_is_opened),
        cmocka_unit_test(hold_is_renewed_without_certificates),
        cmocka_unit_test(a_member_that_signed_with_both_keys_counts_once),
        cmocka_unit_test(what_a_guard_does_without_members_is_what_they_certified),
        cmocka_unit_test(a_proof_is_not_told_of_a_newer_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
